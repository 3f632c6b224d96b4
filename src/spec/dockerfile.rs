//! Dockerfiles: what one says (`read`), and the text that is sent in its stead (`rewrite`).
//!
//! The reader keeps positions, so that the rewriter can put its additions into the author's own
//! lines. It follows the rules of Docker's own parser (BuildKit 0.8 to 0.16) as far as scaf needs
//! to know them; what an instruction does stays the builder's affair. It accepts any text: what it
//! cannot make sense of it leaves out, and the builder will say what is wrong.

pub mod contents;
pub mod copies;
pub mod installs;
pub mod lines;
pub mod python;
pub mod reference;
pub mod rewrite;
pub mod shell;
pub mod substitute;
pub mod system_packages;

use std::collections::BTreeMap;

use lines::Logical;

pub use python::python_version;
pub use reference::Reference;
pub use rewrite::{BuildHelp, rewrite};

/// A Dockerfile as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// The frontend of the `# syntax=` line, with its place in the text.
    pub syntax: Option<Word>,
    /// The character that continues a line: `\`, or what the `# escape=` line says.
    pub escape: char,
    pub instructions: Vec<Instruction>,
    pub stages: Vec<Stage>,
}

/// A piece of the author's text. `start` and `end` are byte offsets; between them there can be a
/// line continuation, which is not part of `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub start: usize,
    pub end: usize,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// In upper case.
    pub keyword: String,
    /// First and last line, counted from 1; heredocs are part of it.
    pub first_line: usize,
    pub last_line: usize,
    /// Byte offset right behind the keyword, where flags can be put.
    pub after_keyword: usize,
    /// Byte offset behind the last line, its line end included.
    pub end: usize,
    /// `--mount=…`, `--from=…`.
    pub flags: Vec<Flag>,
    /// What follows keyword and flags, continuations joined, comments left out.
    pub text: String,
    /// Byte offset in the source for every byte of `text`.
    pub places: Vec<usize>,
    /// The delimiters of its heredocs.
    pub heredocs: Vec<String>,
    /// Which stage it belongs to; `None` before the first `FROM`.
    pub stage: Option<usize>,
}

/// `--name=value` of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: String,
    pub value: Option<String>,
    /// Of the whole flag.
    pub start: usize,
    pub end: usize,
}

/// One `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `AS name`, in lower case as Docker compares it.
    pub name: Option<String>,
    pub base: Base,
    /// The image's word as written.
    pub word: Word,
    pub platform: Option<String>,
    pub line: usize,
    /// Index of its `FROM` among the instructions.
    pub instruction: usize,
}

/// What a stage begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    Scratch,
    /// An earlier stage, by its index.
    Stage(usize),
    /// An image, with the build arguments filled in.
    Image(String),
    /// A word whose variables have no value that can be known here.
    Unknown(String),
}

/// Whose processes are those of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// As `USER` says; empty for root.
    Named(String),
    /// That of this image.
    OfBase(String),
    /// Known once the image is made.
    Unknown,
}

/// An image that the build needs from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// With the build arguments filled in.
    pub image: String,
    pub word: Word,
    pub line: usize,
}

impl Instruction {
    /// Written as a JSON list of words, without a shell.
    pub fn is_exec_form(&self) -> bool {
        self.text.starts_with('[') && serde_json::from_str::<Vec<String>>(&self.text).is_ok()
    }

    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// The `key=value` fields of each `--mount`.
    pub fn mounts(&self) -> Vec<BTreeMap<String, String>> {
        let fields = |value: &str| {
            value
                .split(',')
                .map(|field| {
                    let (key, value) = field.split_once('=').unwrap_or((field, ""));
                    let key = match key.trim().to_ascii_lowercase().as_str() {
                        "dst" | "destination" => "target".to_owned(),
                        "src" => "source".to_owned(),
                        other => other.to_owned(),
                    };
                    (key, value.trim_matches('"').to_owned())
                })
                .collect()
        };
        let mounts = self.flags.iter().filter(|flag| flag.name == "mount");
        mounts.filter_map(|flag| flag.value.as_deref()).map(fields).collect()
    }
}

impl Dockerfile {
    /// Reads a text with the given build arguments. Never fails: see the module's words.
    pub fn read(text: &str, args: &BTreeMap<String, String>) -> Self {
        let (directives, logical) = lines::split(text);
        let mut file = Self {
            syntax: directives.syntax,
            escape: directives.escape,
            instructions: Vec::new(),
            stages: Vec::new(),
        };
        // Values of the `ARG`s above the first `FROM`; only those count in a `FROM`.
        let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
        for line in logical {
            let Some(mut instruction) = instruction(line) else { continue };
            if instruction.keyword == "FROM" {
                let index = file.instructions.len();
                if let Some(stage) = stage(&instruction, index, &known, &file) {
                    file.stages.push(stage);
                }
            } else if instruction.keyword == "ARG" && file.stages.is_empty() {
                remember(&instruction.text, file.escape, args, &mut known);
            }
            instruction.stage = file.stages.len().checked_sub(1);
            file.instructions.push(instruction);
        }
        file
    }

    /// The images that the build needs from outside, each once per place that names it: those of
    /// `FROM`, of `COPY --from` and of `RUN --mount=…,from=`.
    pub fn externals(&self) -> Vec<External> {
        let mut found: Vec<External> = Vec::new();
        for stage in &self.stages {
            if let Base::Image(image) = &stage.base {
                found.push(External { image: image.clone(), word: stage.word.clone(), line: stage.line });
            }
        }
        for instruction in &self.instructions {
            for (value, start, end) in from_values(instruction) {
                let own = instruction.stage.unwrap_or(0);
                let is_stage = value.parse::<usize>().is_ok_and(|index| index < own)
                    || self.stages[..own.min(self.stages.len())]
                        .iter()
                        .any(|stage| stage.name.as_deref() == Some(value.to_lowercase().as_str()));
                // A variable here is not allowed by the builders before 2024 and is left to them.
                if !is_stage && !value.is_empty() && !value.contains('$') && value != "scratch" {
                    found.push(External {
                        image: value.clone(),
                        word: Word { text: value, start, end },
                        line: instruction.first_line,
                    });
                }
            }
        }
        found
    }

    /// The base of the image that comes out: the last stage's, followed through earlier stages.
    pub fn final_base(&self) -> Option<&Base> {
        let mut stage = self.stages.last()?;
        // Each step leads to an earlier stage, so there are at most as many as stages.
        for _ in 0..self.stages.len() {
            match &stage.base {
                Base::Stage(index) => stage = self.stages.get(*index)?,
                base => return Some(base),
            }
        }
        None
    }

    /// The user of the image that comes out: of its last `USER`, through earlier stages.
    pub fn user(&self) -> User {
        let Some(mut stage) = self.stages.len().checked_sub(1) else { return User::Unknown };
        loop {
            let of_stage = |it: &&Instruction| it.stage == Some(stage) && it.keyword == "USER";
            if let Some(said) = self.instructions.iter().rfind(of_stage) {
                let text = said.text.trim_matches(['"', '\'']);
                let whole = !text.is_empty() && !text.contains(['$', self.escape]);
                return if whole { User::Named(text.to_owned()) } else { User::Unknown };
            }
            match &self.stages[stage].base {
                // Always an earlier one.
                Base::Stage(index) => stage = *index,
                Base::Scratch => return User::Named(String::new()),
                Base::Image(image) => return User::OfBase(image.clone()),
                Base::Unknown(_) => return User::Unknown,
            }
        }
    }

    /// The base image of the stage, followed through earlier stages.
    pub fn base_of(&self, mut stage: usize) -> Option<&Base> {
        for _ in 0..=self.stages.len() {
            match &self.stages.get(stage)?.base {
                Base::Stage(index) => stage = *index,
                base => return Some(base),
            }
        }
        None
    }
}

/// The values of `--from=` and of `--mount=…,from=`, with the place of the value itself.
fn from_values(instruction: &Instruction) -> Vec<(String, usize, usize)> {
    let mut values = Vec::new();
    for flag in &instruction.flags {
        let Some(value) = &flag.value else { continue };
        if instruction.keyword == "COPY" && flag.name == "from" {
            values.push((value.clone(), flag.end - value.len().min(flag.end), flag.end));
        } else if instruction.keyword == "RUN" && flag.name == "mount" {
            let mut at = flag.end - value.len().min(flag.end);
            for field in value.split(',') {
                if let Some(image) = field.strip_prefix("from=") {
                    values.push((image.to_owned(), at + "from=".len(), at + field.len()));
                }
                at += field.len() + 1;
            }
        }
    }
    values
}

fn instruction(line: Logical) -> Option<Instruction> {
    let Logical { text, places, first_line, last_line, end, heredocs } = line;
    let bytes = text.as_bytes();
    let keyword_start = bytes.iter().position(|b| !b.is_ascii_whitespace())?;
    let keyword_end = bytes[keyword_start..]
        .iter()
        .position(u8::is_ascii_whitespace)
        .map_or(text.len(), |n| keyword_start + n);
    let keyword = text.get(keyword_start..keyword_end)?.to_ascii_uppercase();
    let place = |index: usize| places.get(index).copied();
    // Behind the last character of the keyword, which need not be where the next word begins.
    let after_keyword = place(keyword_end - 1)? + 1;
    let mut flags = Vec::new();
    let mut at = keyword_end;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        if !text.get(at..).is_some_and(|rest| rest.starts_with("--")) {
            break;
        }
        let stop = flag_end(bytes, at);
        let written = text.get(at..stop)?;
        if written == "--" {
            at = bytes.len().min(stop + 1);
            break;
        }
        let (name, value) = match written[2..].split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (written[2..].to_owned(), None),
        };
        flags.push(Flag { name, value, start: place(at)?, end: place(stop - 1)? + 1 });
        at = stop;
    }
    let rest = text.get(at..)?.trim_end();
    let places = places.get(at..at + rest.len())?.to_vec();
    Some(Instruction {
        keyword,
        first_line,
        last_line,
        after_keyword,
        end,
        flags,
        text: rest.to_owned(),
        places,
        heredocs,
        stage: None,
    })
}

/// A flag ends at white space that is not inside quotes.
fn flag_end(bytes: &[u8], start: usize) -> usize {
    let mut quote = None;
    for (index, &byte) in bytes.iter().enumerate().skip(start) {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (byte, None) if byte.is_ascii_whitespace() => return index,
            _ => {}
        }
    }
    bytes.len()
}

fn stage(
    instruction: &Instruction,
    index: usize,
    known: &BTreeMap<String, Option<String>>,
    file: &Dockerfile,
) -> Option<Stage> {
    let mut words = words(instruction).into_iter();
    let word = words.next()?;
    let name = match (words.next(), words.next()) {
        (Some(keyword), Some(name)) if keyword.text.eq_ignore_ascii_case("as") => {
            Some(name.text.to_lowercase())
        }
        _ => None,
    };
    let lookup = |name: &str| known.get(name).cloned().flatten();
    let fill = |text: &str| substitute::substitute(text, file.escape, &lookup);
    let base = match fill(&word.text) {
        Some(image) if image == "scratch" => Base::Scratch,
        Some(image) if !image.is_empty() => file
            .stages
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(image.to_lowercase().as_str()))
            .map_or(Base::Image(image), Base::Stage),
        _ => Base::Unknown(word.text.clone()),
    };
    let platform = instruction.flag("platform").and_then(|flag| flag.value.clone());
    Some(Stage { name, base, word, platform, line: instruction.first_line, instruction: index })
}

/// The words of an instruction's text, split at white space.
pub fn words(instruction: &Instruction) -> Vec<Word> {
    let mut words = Vec::new();
    let bytes = instruction.text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let stop = bytes[at..].iter().position(u8::is_ascii_whitespace).map_or(bytes.len(), |n| at + n);
        if let (Some(text), Some(start), Some(last)) =
            (instruction.text.get(at..stop), instruction.places.get(at), instruction.places.get(stop - 1))
        {
            words.push(Word { text: text.to_owned(), start: *start, end: last + 1 });
        }
        at = stop;
    }
    words
}

/// Notes `ARG NAME=default …`: a build argument beats the default.
fn remember(
    text: &str,
    escape: char,
    args: &BTreeMap<String, String>,
    known: &mut BTreeMap<String, Option<String>>,
) {
    for word in substitute::split_words(text, escape) {
        let (name, default) = match word.split_once('=') {
            Some((name, default)) => (name, Some(default)),
            None => (word.as_str(), None),
        };
        let lookup = |name: &str| known.get(name).cloned().flatten();
        let value = match (args.get(name), default) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(default)) => substitute::substitute(default, escape, &lookup),
            (None, None) => None,
        };
        known.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
