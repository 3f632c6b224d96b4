//! All that one Python text says about what it needs: one file, or one cell of a notebook.
//!
//! Nothing here looks at another file or at the machine. A text that is no Python 3 is read as far as it can
//! be: see [`Scan::broken`].

pub(crate) mod condition;
pub(crate) mod names;
mod script_block;
pub(crate) mod walk;

use ruff_python_ast::{Mod, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

use super::imports::{Guard, Import, SyntaxError};
use super::places::Places;
use super::target::Target;
use walk::{Depth, Walk};

pub use script_block::ScriptBlock;

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
    pub script_block: Option<ScriptBlock>,
    /// There is an `if __name__ == "__main__":`.
    pub is_program: bool,
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
/// too.
pub fn scan(source: &str, target: &Target, kind: Kind) -> Result<Scan, SyntaxError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if let Some(place) = source.find('\0') {
        let (line, column) = Places::new(source).of_offset(place);
        return Err(SyntaxError { message: "source code cannot contain NUL".to_owned(), line, column });
    }
    let mode = match kind {
        Kind::Script => Mode::Module,
        Kind::Cell => Mode::Ipython,
    };
    let (major, minor) = target.python;
    let options = ParseOptions::from(mode).with_target_version(PythonVersion { major, minor });
    let parsed = parse_unchecked(source, options);
    let broken = parsed.has_invalid_syntax();
    let mut problems: Vec<SyntaxError> =
        parsed.errors().iter().take(1).map(|error| SyntaxError::of(error, source)).collect();
    for error in parsed.unsupported_syntax_errors() {
        let (line, column) = Places::new(source).of(error.range.start());
        problems.push(SyntaxError { message: super::imports::lower_first(&error.to_string()), line, column });
    }
    let Mod::Module(module) = parsed.syntax() else { return Ok(Scan::default()) };

    let mut walk = Walk::new(source, target, Depth::ByName);
    walk.body(&module.body);
    let mut found = Scan {
        attempts: std::mem::take(&mut walk.attempts),
        is_program: walk.is_program,
        imports: walk.into_imports(),
        broken,
        problems,
        ..Scan::default()
    };
    if broken {
        let mut places = Places::new(source);
        let mut wrong: Vec<(u32, u32)> = parsed
            .errors()
            .iter()
            .map(|error| (places.of(error.location.start()).0, places.of(error.location.end()).0))
            .collect();
        wrong.sort_unstable();
        found.imports.retain(|import| !wrong.iter().any(|(top, end)| (*top..=*end).contains(&import.line)));
    }
    match script_block::read(source) {
        Ok(block) => found.script_block = block,
        Err(problem) => found.problems.push(problem),
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
