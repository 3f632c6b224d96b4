//! The question whether an experiment's image is enough, as it is put to the image and as it is answered there.

pub mod advice;
pub mod finding;
pub mod libraries;
pub mod question;
pub mod remedy;

use serde::{Deserialize, Serialize};

/// What the script in the image is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    pub modules: Vec<Module>,
    /// Needed and never imported: it is only looked whether they are there.
    pub distributions: Vec<Named>,
    /// For one module.
    pub seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// Dotted.
    pub module: String,
    /// The line that wants it.
    pub place: String,
    /// The one that should have it.
    pub distribution: Option<String>,
    /// It may be absent, and works where it is not.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    pub distribution: String,
    pub place: String,
    /// The call or the command that needs it.
    pub what: String,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Proof {
    /// `3.11.7`
    pub python: String,
    pub system: System,
    /// In the order of the question.
    pub modules: Vec<Imported>,
    pub distributions: Vec<Present>,
    /// How many files of the experiment were compiled.
    pub files: usize,
    pub syntax: Vec<Syntax>,
}

/// What the image is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct System {
    /// `debian`, `ubuntu`, `alpine`; empty where nothing says it.
    pub id: String,
    /// `12`, `24.04`
    pub version: String,
    /// What installs packages in it: `apt-get`, `apk`, …
    pub manager: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Imported {
    pub module: String,
    pub seconds: f64,
    /// Of its distribution, where that is in the image.
    pub version: Option<String>,
    /// It need not be there, and is not.
    pub absent: bool,
    pub error: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Present {
    pub distribution: String,
    pub error: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Syntax {
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
}

/// How an import failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Wrong {
    /// The exception's name; `signal`, `exit`, `timeout`, `absent`.
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    /// The module that was not found.
    pub missing: Option<String>,
    /// A distribution of the image requires, perhaps as an extra, one that is called like what is missing.
    #[serde(default)]
    pub named: bool,
}

impl Proof {
    pub fn holds(&self) -> bool {
        self.syntax.is_empty()
            && self.modules.iter().all(|module| module.error.is_none())
            && self.distributions.iter().all(|distribution| distribution.error.is_none())
    }
}
