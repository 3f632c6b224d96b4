//! What code needs, with every place that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::origin::Provenance;

/// What the `--json` of `env detect` is called in its own `format` field. A field is added without a
/// new number; one that changes or goes gets one.
pub const FORMAT: u32 = 1;

/// How a place asks for a package. In the order of weight: of several, a package has the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Imported when the file is loaded.
    Top,
    /// Imported inside a function, when that runs.
    Function,
    /// `import_module("x")`, `__import__("x")`, a class path in YAML.
    ByName,
    /// Started: `torchrun`, `python -m x`.
    Program,
    /// Imported in the handler of an `ImportError`.
    Fallback,
    /// A call that the code makes needs it.
    Implied,
    /// Its absence is provided for.
    Optional,
    /// Under a condition on platform or version that does not hold for the target.
    Guarded,
    /// Under `if TYPE_CHECKING:`.
    TypeChecking,
    /// Installed by the code itself, or named in a `# /// script` block.
    Declared,
}

impl Kind {
    /// Whether code that gets there fails without the package.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::Top | Self::Function | Self::ByName | Self::Program | Self::Fallback)
    }

    /// In a sentence, behind a place.
    pub fn words(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Function => "in a function",
            Self::ByName => "by name",
            Self::Program => "started as a program",
            Self::Fallback => "as a fallback",
            Self::Implied => "implied",
            Self::Optional => "optional",
            Self::Guarded => "on another platform or version",
            Self::TypeChecking => "for type checking",
            Self::Declared => "declared",
        }
    }
}

/// What the file is in which a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Code,
    Notebook,
    Test,
    /// Documentation, `setup.py` and the like: what is run to publish the code, not to use it.
    Publishing,
}

/// One place in the code. Its texts stand in many others, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Relative to the folder that was looked at; absolute outside of it.
    pub file: Arc<str>,
    /// From 1; in a notebook it counts in the cell.
    pub line: u32,
    /// Of a notebook, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u32>,
    pub kind: Kind,
    pub role: Role,
    /// The module, dotted; the call for what is implied, the command for a program.
    pub what: Arc<str>,
    /// Why a call needs the package; the condition of a guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<str>>,
}

impl Place {
    /// `train.py:3`, `look.ipynb:2:1` with the cell in between.
    pub fn shown(&self) -> String {
        match self.cell {
            Some(cell) => format!("{}:{cell}:{}", self.file, self.line),
            None => format!("{}:{}", self.file, self.line),
        }
    }
}

/// How it is known which distribution is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The interpreter's environment has it, by its files.
    Installed,
    /// Named in a file beside the code, a `# /// script` block, a `pip install` in the code.
    Declared,
    /// By the table of import names.
    Table,
    /// By the rules about what calls need.
    Rule,
    /// Nothing is known: it is taken to be named like the module.
    Guess,
}

/// A distribution that the code asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// As its metadata or the table spells it.
    pub name: String,
    /// The modules that are imported, dotted, sorted.
    pub imports: BTreeSet<String>,
    /// In the order of file and line.
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    pub kind: Kind,
    /// What is installed.
    pub version: Option<String>,
    /// Where the installed one came from.
    pub origin: Option<Provenance>,
    pub known: Known,
    /// Others that provide the same, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Of what is not installed, the repository that is meant, where no index has it under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// It holds compiled code.
    #[serde(default)]
    pub native: bool,
    /// Files that it has put outside of the folder for packages, as it recorded them: programs, data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_outside: Vec<String>,
}

/// A module of the code that lies outside of the folder that was looked at, and so does not travel with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Dotted.
    pub import: String,
    pub files: BTreeSet<String>,
    #[serde(rename = "where")]
    pub places: Vec<Place>,
}

/// A distribution of the closure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// As its metadata spells it; as whoever needs it does, where it is not installed.
    pub name: String,
    /// What is installed; null where it is not.
    pub version: Option<String>,
    /// The requirement that asks for exactly this one; null for what cannot be fetched from anywhere.
    pub pin: Option<String>,
    /// Where the installed one came from.
    pub origin: Option<Provenance>,
    /// Whether the code itself asks for it.
    pub direct: bool,
    /// The distributions that need it.
    pub required_by: BTreeSet<String>,
}

/// An import for which there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    pub import: String,
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

/// A file or a part of one that could not be read; the rest of the answer stands without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
}

/// The Python whose environment was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    pub executable: String,
    pub version: String,
    /// `--python`, `VIRTUAL_ENV`, …
    pub chosen_by: String,
    pub distributions: usize,
}

/// The answer of `scaf env detect --json`: what code needs, with every place that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    pub format: u32,
    /// Where the code is.
    pub root: String,
    pub interpreter: Option<Interpreter>,
    pub target: crate::project::python::target::Target,
    /// What the code cannot do without, notebooks included. By normalised name.
    pub third_party: BTreeMap<String, Needed>,
    /// Of those, what notebooks alone need.
    pub notebook_only: Vec<String>,
    /// What the code can do without.
    pub optional: BTreeMap<String, Needed>,
    /// Never imported, and needed by a call that the code makes.
    pub implied: BTreeMap<String, Needed>,
    /// What a call may need, depending on what only a run can tell.
    pub suggested: BTreeMap<String, Needed>,
    /// For tests, documentation and publishing alone.
    pub dev: BTreeMap<String, Needed>,
    /// Modules of the code itself, with their files.
    pub local: BTreeMap<String, BTreeSet<String>>,
    /// Those of them that the code imports from outside of `root`: through `PYTHONPATH`, `sys.path`, a `.pth` file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
    pub stdlib: BTreeSet<String>,
    pub unresolved: Vec<Unresolved>,
    /// What `third_party`, `implied` and the installed of `optional` need in turn on the target, themselves
    /// included, as far as it is installed: the whole environment, pinned. Null where no Python was looked at.
    #[serde(default)]
    pub closure: Option<BTreeMap<String, Pinned>>,
    pub problems: Vec<Problem>,
    /// How many files of code and notebooks were read.
    pub files: usize,
}

impl Detection {
    /// What the code imports of a distribution, dotted, wherever it does; by normalised name.
    pub fn imports_of(&self, name: &str) -> BTreeSet<String> {
        let Self { third_party, optional, implied, suggested, dev, .. } = self;
        let all = [third_party, optional, implied, suggested, dev].into_iter();
        all.filter_map(|group| group.get(name)).flat_map(|needed| needed.imports.iter().cloned()).collect()
    }
}

/// The JSON schema of the answer.
pub const SCHEMA: &str = include_str!("../../docs/reference/env-detect.schema.json");
