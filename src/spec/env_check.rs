//! Whether an experiment's code and its pins go together. Pure: what is on the disk, in the environment in use and on the
//! package index comes as values.

mod drift;
mod lock;
mod missing;
mod shadowed;
#[cfg(test)]
mod tests;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::closure::Catalogue;
use super::detection::{Detection, Place};
use super::lock_target::LockTarget;
use super::pinned::{Asked, Pin, Pinned};
use crate::project::python::requirements::normalised;

pub use lock::{Stale, stale};
pub use shadowed::hidden_standard_module;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A run in the environment is going to be wrong because of it.
    Error,
    /// Somebody should look at it.
    Warning,
    /// It is as it is on this machine.
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The code needs it, and it is not pinned.
    Missing,
    /// An import for which there is nothing.
    Unresolved,
    /// The lock was made of something else than what is there.
    StaleLock,
    /// The package index does not have it.
    NoSuchPin,
    /// A module of the code that lies outside of the experiment, and so would not be in a run.
    LeftBehind,
    /// A compiled module of the code that does not run on the target.
    OtherMachine,
    /// The lock names a wheel that is not there.
    NoWheel,
    /// The code that a wheel was packed of has changed since.
    StaleWheel,
    /// The Dockerfile does not bring a wheel into the image.
    NotCopied,
    /// Whoever has published it has taken it back.
    Yanked,
    /// There are requirements and no lock.
    NoLock,
    /// A module of the code hides a package that is pinned, or one of Python's own.
    Shadowed,
    /// It is asked for, and neither the code nor anything that the code needs leads to it.
    Unused,
    /// The Python in use is another one than the image's.
    OtherPython,
    /// The Python in use has another version than the pin.
    Drift,
}

impl Rule {
    pub const ALL: [Self; 15] = [
        Self::Missing,
        Self::Unresolved,
        Self::StaleLock,
        Self::NoSuchPin,
        Self::LeftBehind,
        Self::OtherMachine,
        Self::NoWheel,
        Self::StaleWheel,
        Self::NotCopied,
        Self::Yanked,
        Self::NoLock,
        Self::Shadowed,
        Self::Unused,
        Self::OtherPython,
        Self::Drift,
    ];

    pub fn severity(self) -> Severity {
        match self {
            Self::Missing
            | Self::Unresolved
            | Self::StaleLock
            | Self::NoSuchPin
            | Self::LeftBehind
            | Self::OtherMachine
            | Self::NoWheel
            | Self::StaleWheel
            | Self::NotCopied => Severity::Error,
            Self::Yanked | Self::NoLock | Self::Shadowed | Self::Unused => Severity::Warning,
            Self::OtherPython | Self::Drift => Severity::Note,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unresolved => "unresolved",
            Self::StaleLock => "stale-lock",
            Self::NoSuchPin => "no-such-pin",
            Self::LeftBehind => "left-behind",
            Self::OtherMachine => "other-machine",
            Self::NoWheel => "no-wheel",
            Self::StaleWheel => "stale-wheel",
            Self::NotCopied => "not-copied",
            Self::Yanked => "yanked",
            Self::NoLock => "no-lock",
            Self::Shadowed => "shadowed",
            Self::Unused => "unused",
            Self::OtherPython => "other-python",
            Self::Drift => "drift",
        }
    }
}

/// Where it is, from the experiment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Where {
    pub file: String,
    pub line: u32,
    /// Of a notebook.
    pub cell: Option<u32>,
}

impl Where {
    pub fn at(file: impl Into<String>, line: usize) -> Self {
        Self { file: file.into(), line: u32::try_from(line).unwrap_or(u32::MAX), cell: None }
    }

    /// `train.py:3`, `environment/requirements.txt:7`
    pub fn shown(&self) -> String {
        match self.cell {
            Some(cell) => format!("{}:{cell}:{}", self.file, self.line),
            None => format!("{}:{}", self.file, self.line),
        }
    }
}

impl From<&Place> for Where {
    fn from(place: &Place) -> Self {
        Self { file: place.file.to_string(), line: place.line, cell: place.cell }
    }
}

impl Serialize for Where {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub rule: Rule,
    pub package: String,
    pub place: Where,
    pub message: String,
}

impl Finding {
    pub fn new(rule: Rule, package: impl Into<String>, place: Where, message: String) -> Self {
        Self { severity: rule.severity(), rule, package: package.into(), place, message }
    }
}

/// What the package index says of a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnIndex {
    /// In a sentence.
    Unknown(String),
    /// With the reason that was given, if any.
    Yanked(Option<String>),
}

/// What is known.
pub struct Facts<'a> {
    pub detection: &'a Detection,
    pub pinned: &'a Pinned,
    /// The machine that the pins are for.
    pub target: &'a LockTarget,
    /// Modules at the top of the experiment, with their files.
    pub modules: &'a [(String, String)],
    pub installed: Option<&'a dyn Catalogue>,
    /// The Python that has them.
    pub interpreter: Option<(u8, u8)>,
    /// What it says against pins, by normalised name.
    pub index: &'a BTreeMap<String, OnIndex>,
    /// What is wrong about code of this machine, which only who reads it can tell.
    pub of_this_machine: &'a [Finding],
    /// Normalised names that are no matter.
    pub waived: &'a BTreeSet<String>,
}

/// What was worked out once for all rules.
struct Ground<'a> {
    facts: &'a Facts<'a>,
    asked: Vec<Asked>,
    exact: BTreeMap<String, Pin>,
}

/// Everything that is wrong, what is worst first.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let asked = facts.pinned.asked();
    let exact = facts.pinned.exact(facts.target);
    let ground = Ground { facts, asked, exact };
    let mut found = Vec::new();
    missing::missing(&ground, &mut found);
    missing::unresolved(&ground, &mut found);
    lock::lock(&ground, &mut found);
    index(&ground, &mut found);
    shadowed::shadowed(&ground, &mut found);
    unused::unused(&ground, &mut found);
    drift::python(&ground, &mut found);
    drift::versions(&ground, &mut found);
    found.extend(facts.of_this_machine.iter().cloned());
    found.retain(|finding| !facts.waived.contains(&normalised(&finding.package)));
    found.sort();
    found
}

fn index(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    for (name, said) in ground.facts.index {
        let Some(pin) = ground.exact.get(name) else { continue };
        let place = Where::at(&pin.file, pin.line);
        found.push(match said {
            OnIndex::Unknown(message) => Finding::new(Rule::NoSuchPin, &pin.name, place, message.clone()),
            OnIndex::Yanked(reason) => {
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let message =
                    format!("`{}=={}` was taken back by its publisher{reason}", pin.name, pin.version);
                Finding::new(Rule::Yanked, &pin.name, place, message)
            }
        });
    }
}
