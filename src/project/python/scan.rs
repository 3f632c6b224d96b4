//! All that one Python text says about what it needs: one file, or one cell of a notebook.
//!
//! Nothing here looks at another file or at the machine. A text that is no Python 3 is read as far as it can
//! be: see [`Scan::broken`].

mod built;
mod calls;
mod cell;
mod command;
mod condition;
mod leaving;
mod libraries;
mod literals;
pub(crate) mod names;
mod nesting;
mod place;
mod script_block;
mod shell;
pub(crate) mod text;
pub(crate) mod walk;
pub(crate) mod words;

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, packed};
use ruff_python_ast::{Mod, PythonVersion, Stmt};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::TextSize;

use super::implied::{Active, Finder};
use super::imports::{Guard, Import, SyntaxError};
use super::places::Places;
use super::target::Target;
use calls::Reader;
use cell::Cell;
use libraries::Libraries;
use names::Names;
use walk::{Triggers, Walk, Walked};

pub(crate) use calls::Setting;
pub use literals::literals;
pub use script_block::ScriptBlock;
pub use shell::scan_shell;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `.py` file.
    Script,
    /// A notebook's cell, with IPython's magics, `!commands` and `?help`.
    Cell,
}

/// What was found, each list in the order of the text. Lines and columns count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    pub imports: Vec<Import>,
    /// What stands around each attempt, by the number that [`Guard::Tried`] and [`Guard::Fallback`] give.
    pub attempts: Vec<Guard>,
    /// Packages of whose modules one is imported whose name is made while the code runs.
    pub families: Vec<Family>,
    pub programs: Vec<Program>,
    pub implied: Vec<Implied>,
    pub path_additions: Vec<PathAddition>,
    pub executed: Vec<Executed>,
    pub installs: Vec<Install>,
    pub writes: Vec<Write>,
    /// Modules that a call of `setup` builds, or finds in a folder of another name.
    pub builds: Vec<String>,
    pub script_block: Option<ScriptBlock>,
    /// There is an `if __name__ == "__main__":`.
    pub is_program: bool,
    /// Functions are called `test_…`, or classes are test cases.
    pub has_tests: bool,
    /// The text is no Python 3: `problems` begins with why. What is found is found all the same, but for the
    /// lines with errors.
    pub broken: bool,
    pub problems: Vec<SyntaxError>,
}

/// `import_module(f"plugins.{name}")`: any module of a package may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The package, dotted; empty where the name is relative to the file's own package (`level` 1).
    pub package: String,
    pub level: u32,
    pub line: u32,
}

/// A program that the code starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// `torchrun`, or with `module` the dotted name behind `python -m`.
    pub name: String,
    pub module: bool,
    pub line: u32,
    pub guard: Guard,
}

/// What a library needs for something that the code asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    /// One of them is enough; the one that is to be preferred comes first.
    pub distributions: Vec<String>,
    /// The rule's name in `implied.toml`.
    pub rule: String,
    /// Why, in a sentence's part.
    pub why: String,
    /// Of whose modules the rule speaks; nobody's where it is about no library.
    pub about: Vec<&'static str>,
    /// The versions of a library of which it is so: `transformers >= 4.30`; may be empty.
    pub versions: String,
    /// The call as it stands in the code, shortened.
    pub call: String,
    pub line: u32,
    pub column: u32,
    pub in_function: bool,
    /// The call cannot work without it.
    pub certain: bool,
}

/// An addition to `sys.path`: `up` folders above the base, then `below`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathAddition {
    pub base: Base,
    pub up: usize,
    /// `/`-separated, without dots; may be empty.
    pub below: String,
    pub line: u32,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The folder of the file that the text is from.
    ScriptFolder,
    /// Where the program is started.
    WorkingFolder,
    /// The root of the file system.
    Absolute,
    /// Known only when the code runs.
    Unknown,
}

/// A Python file that the code executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    pub base: Base,
    pub up: usize,
    /// `/`-separated, with the file's name.
    pub below: String,
    /// In a process of its own (`python train.py`), so with a `sys.path` of its own.
    pub own_process: bool,
    pub line: u32,
    pub guard: Guard,
}

/// An installation that the code or the notebook makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    pub installer: Installer,
    /// As they are written: `torch==2.5`, `git+https://…`.
    pub requirements: Vec<String>,
    /// Files named by `-r`.
    pub files: Vec<String>,
    pub line: u32,
}

/// Who installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installer {
    /// pip, and what has its words: uv, poetry, pdm.
    Pip,
    /// conda, mamba, micromamba, pixi.
    Conda,
    /// The system's packages.
    System,
}

/// A file that a cell writes (`%%writefile helper.py`), so that a module of that name is the notebook's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub path: String,
    pub text: String,
    /// Of the first line of the text.
    pub line: u32,
}

/// Scans a text. Only what cannot be read at all is refused: a text with a NUL in it, which Python refuses,
/// too, and one that is nested deeper than any stack.
pub fn scan(source: &str, target: &Target, kind: Kind) -> Result<Scan, SyntaxError> {
    scan_within(source.strip_prefix('\u{feff}').unwrap_or(source), target, kind, 0)
}

/// Scans the cells of a notebook. They share their names: what one imports, another calls. One that cannot be
/// read loses nothing but itself.
pub fn scan_cells(cells: &[&str], target: &Target) -> Vec<Result<Scan, SyntaxError>> {
    let read: Vec<Result<ReadCell, SyntaxError>> = cells
        .iter()
        .map(|source| ReadCell::of(source.strip_prefix('\u{feff}').unwrap_or(source), target))
        .collect();
    let texts = read.iter().flatten().filter(|cell| !cell.is_another_language());
    let texts: Vec<Text<'_>> = texts.map(|cell| Text { source: &cell.text, parsed: &cell.tree }).collect();
    let mut scans = scan_together(&texts, target, Kind::Cell, 0).into_iter();
    let mut all = Vec::with_capacity(read.len());
    for (cell, source) in read.iter().zip(cells) {
        all.push(match cell {
            Ok(cell) => {
                let mut found = if cell.is_another_language() {
                    Scan::default()
                } else {
                    scans.next().unwrap_or_default()
                };
                let names = Names::default();
                let mut reader = Reader::new(&names, source, target, &mut found);
                for (line, text) in &cell.cell.commands {
                    reader.shell_cell(*line, text);
                }
                found.writes.clone_from(&cell.cell.writes);
                Ok(found)
            }
            Err(error) => Err(error.clone()),
        });
    }
    all
}

/// A notebook's cell, parsed.
struct ReadCell {
    cell: Cell,
    text: String,
    tree: Parsed<Mod>,
}

impl ReadCell {
    fn of(source: &str, target: &Target) -> Result<Self, SyntaxError> {
        refuse(source)?;
        let cell = Cell::read(source);
        let (mut text, mut tree) = (cell.python.clone(), parsed(&cell.python, target, Kind::Cell));
        let automatic = if tree.has_invalid_syntax() { cell.with_automatic_magics() } else { None };
        if let Some(automatic) = automatic {
            let again = parsed(&automatic, target, Kind::Cell);
            if again.has_valid_syntax() {
                (text, tree) = (automatic, again);
            }
        }
        Ok(Self { cell, text, tree })
    }

    fn is_another_language(&self) -> bool {
        self.cell.uncertain && self.tree.has_invalid_syntax()
    }
}

fn scan_within(source: &str, target: &Target, kind: Kind, depth: u32) -> Result<Scan, SyntaxError> {
    if kind == Kind::Cell {
        return scan_cells(&[source], target).pop().unwrap_or_else(|| Ok(Scan::default()));
    }
    refuse(source)?;
    let parsed = parsed(source, target, kind);
    let text = Text { source, parsed: &parsed };
    Ok(scan_together(&[text], target, kind, depth).pop().unwrap_or_default())
}

fn refuse(source: &str) -> Result<(), SyntaxError> {
    let refused = |place: usize, message: &str| {
        let (line, column) = Places::new(source).of_offset(place);
        Err(SyntaxError { message: message.to_owned(), line, column })
    };
    if let Some(place) = source.find('\0') {
        return refused(place, "source code cannot contain NUL");
    }
    if u32::try_from(source.len()).is_err() {
        return refused(0, "the text has more than 4 GiB");
    }
    match nesting::too_deep(source) {
        Some(place) => refused(place, "an expression is nested too deeply"),
        None => Ok(()),
    }
}

fn parsed(source: &str, target: &Target, kind: Kind) -> Parsed<Mod> {
    let mode = match kind {
        Kind::Script => Mode::Module,
        Kind::Cell => Mode::Ipython,
    };
    let (major, minor) = target.python;
    parse_unchecked(source, ParseOptions::from(mode).with_target_version(PythonVersion { major, minor }))
}

/// A text and what the parser made of it.
struct Text<'a> {
    source: &'a str,
    parsed: &'a Parsed<Mod>,
}

impl<'a> Text<'a> {
    fn body(&self) -> &'a [Stmt] {
        match self.parsed.syntax() {
            Mod::Module(module) => &module.body,
            Mod::Expression(_) => &[],
        }
    }

    fn problems(&self) -> Vec<SyntaxError> {
        let Self { source, parsed } = self;
        let errors = parsed.errors().iter().take(1).map(|error| SyntaxError::of(error, source));
        let mut problems: Vec<SyntaxError> = errors.collect();
        if !parsed.has_invalid_syntax() {
            for error in parsed.unsupported_syntax_errors() {
                let (line, column) = Places::new(source).of(error.range.start());
                let message = super::imports::lower_first(&error.to_string());
                problems.push(SyntaxError { message, line, column });
            }
        }
        problems
    }
}

/// Scans texts that share their names.
fn scan_together(texts: &[Text<'_>], target: &Target, kind: Kind, depth: u32) -> Vec<Scan> {
    // Statements are few, and they say whether anything in the expressions matters.
    let mut active = Active::default();
    for text in texts {
        Libraries::of(text.body()).for_each(|library| active.add(library));
    }
    let signs = texts.iter().any(|text| SIGNS.is_match(text.source));
    let asked = signs || active.asks() || kind == Kind::Cell;
    let mut triggers = Triggers::default();
    if asked {
        active.add("(anywhere)");
        active.add_to(&mut triggers);
        if signs {
            triggers.calls.add(&calls::CALLS);
            triggers.keywords.add(&calls::KEYWORDS);
        }
    }
    let mut walk = Walk::new("", target, asked.then_some(&triggers));
    let walked: Vec<Walked<'_>> = texts.iter().map(|text| walk.read(text.source, text.body())).collect();
    let found = texts.iter().zip(walked).map(|(text, walked)| {
        let mut found = found(text, walked, &walk, &active, target, depth);
        if kind == Kind::Script && depth == 0 {
            match script_block::read(text.source) {
                Ok(block) => found.script_block = block,
                Err(problem) => found.problems.push(problem),
            }
            found.installs.extend(cell::commented_installs(text.source));
            found.installs.sort_by_key(|install| install.line);
        }
        found
    });
    found.collect()
}

/// What one text says, once all names are known.
fn found<'a>(
    text: &Text<'a>,
    walked: Walked<'a>,
    walk: &Walk<'a>,
    active: &Active,
    target: &Target,
    depth: u32,
) -> Scan {
    let Text { source, parsed } = *text;
    let broken = parsed.has_invalid_syntax();
    let mut found = Scan {
        imports: walked.imports,
        attempts: walk.attempts.clone(),
        is_program: walked.is_program,
        has_tests: walked.has_tests,
        broken,
        problems: text.problems(),
        ..Scan::default()
    };
    let mut reader = Reader::new(&walk.names, source, target, &mut found);
    reader.depth = depth;
    let mut finder = Finder::new(active, &walk.names, target, source);
    for seen in &walked.seen {
        reader.read(seen);
        finder.seen(seen);
    }
    let Reader { variables, magics, .. } = reader;
    for (kind, words) in [("(variables)", variables), ("(magics)", magics)] {
        for word in words {
            finder.word(kind, &word);
        }
    }
    if broken {
        without_errors(source, parsed, &mut found.imports);
    }
    for import in &found.imports {
        finder.import(import);
    }
    found.implied = finder.into_found();
    found.imports.sort_by_key(|import| (import.line, import.column));
    found
}

/// Takes away the imports in lines that hold an error.
fn without_errors(source: &str, parsed: &Parsed<Mod>, imports: &mut Vec<Import>) {
    let mut places = Places::new(source);
    let mut wrong: Vec<(TextSize, TextSize)> =
        parsed.errors().iter().map(|error| (error.location.start(), error.location.end())).collect();
    wrong.sort_unstable();
    let wrong: HashSet<u32> = wrong
        .into_iter()
        .flat_map(|(start, end)| {
            let (top, _) = places.of(start);
            let (bottom, _) = places.of(end);
            // What an error takes in beyond a few lines is what followed it.
            top..=bottom.min(top.saturating_add(8))
        })
        .collect();
    imports.retain(|import| !wrong.contains(&import.line));
}

/// Signs of what is understood whatever is imported.
static SIGNS: LazyLock<Signs> = LazyLock::new(|| Signs::of(&calls::SIGNS));

/// Words of which any one in a text is enough.
struct Signs {
    /// By the processor's vectors, where it has them.
    packed: Option<packed::Searcher>,
    plain: Option<AhoCorasick>,
}

impl Signs {
    fn of(words: &[&str]) -> Self {
        let packed = packed::Searcher::new(words);
        let plain = if packed.is_some() { None } else { AhoCorasick::new(words).ok() };
        Self { packed, plain }
    }

    fn is_match(&self, text: &str) -> bool {
        match &self.packed {
            Some(packed) => packed.find(text).is_some(),
            None => self.plain.as_ref().is_none_or(|words| words.is_match(text)),
        }
    }
}

/// What is looked at for imports by name alone.
pub(crate) static BY_NAME: LazyLock<Triggers> = LazyLock::new(|| {
    let mut triggers = Triggers::default();
    triggers.calls.add(&calls::BY_NAME);
    triggers
});

/// The imports of a finished walk, those by name included.
pub(crate) fn imports_of<'a>(mut walk: Walk<'a>, source: &'a str, target: &Target) -> Vec<Import> {
    let imports = walk.take_imports();
    if walk.seen.is_empty() {
        return imports;
    }
    let mut found = Scan { imports, ..Scan::default() };
    let mut reader = Reader::new(&walk.names, source, target, &mut found);
    for seen in &walk.seen {
        reader.read(seen);
    }
    found.imports.sort_by_key(|import| (import.line, import.column));
    found.imports
}

#[cfg(test)]
mod tests;
