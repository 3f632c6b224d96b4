//! One layer of settings: assignments as they were found, each with its place.

use super::keys::{Key, TargetKey};
use super::origin::Origin;
use crate::spec::place::{Position, Problem};

/// A value before its key has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    Text(String),
    Integer(String),
    Float(String),
    Flag(bool),
    List(Vec<Raw>),
    Table,
    Date,
    /// From a flag or an environment variable, where everything is text: a list is split there, a
    /// switch is `1` or `true`.
    Word(String),
}

impl Raw {
    /// What it is, as one says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table => "a table",
            Self::Date => "a date",
        }
    }
}

/// Which key an assignment is for.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Plain(&'static Key),
    Target(&'static TargetKey),
}

#[derive(Clone, Debug)]
pub struct Assignment {
    pub which: Which,
    /// The `NAME` of `[targets.NAME]`.
    pub target: Option<String>,
    /// The `PATH` of `[experiment."PATH"]`.
    pub experiment: Option<String>,
    pub raw: Raw,
    pub origin: Origin,
    /// Where the value stands; 0:0 for what does not come from a file.
    pub position: Position,
    /// The line it stands in.
    pub source: String,
}

impl PartialEq for Assignment {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.experiment == other.experiment
            && self.raw == other.raw
            && self.origin == other.origin
    }
}

impl Eq for Assignment {}

impl Assignment {
    /// The dotted name of the key.
    pub fn name(&self) -> String {
        match (self.which, &self.target) {
            (Which::Plain(key), _) => key.name.to_owned(),
            (Which::Target(key), target) => {
                format!("targets.{}.{}", target.as_deref().unwrap_or("NAME"), key.name)
            }
        }
    }

    /// Something wrong with the value.
    pub fn problem(&self, what: String, hint: Option<String>) -> Problem {
        let file = match &self.origin {
            Origin::Default => "default".to_owned(),
            Origin::File { file, .. } => file.clone(),
            Origin::Variable { name } => (*name).to_owned(),
            Origin::Flag { name } => name.clone(),
        };
        Problem { file, position: self.position, source: self.source.clone(), what, hint }
    }
}

/// The assignments of one file, of the environment, or of one command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    pub assignments: Vec<Assignment>,
}

impl Layer {
    /// What was typed: (dotted key, value, flag as typed). Names of keys are the program's own, so an
    /// unknown one is left out.
    pub fn of_flags<'a>(flags: impl IntoIterator<Item = (&'a str, String, &'a str)>) -> Self {
        let assignments = flags
            .into_iter()
            .filter_map(|(name, value, flag)| {
                Some(Assignment {
                    which: Which::Plain(super::keys::find(name)?),
                    target: None,
                    experiment: None,
                    raw: Raw::Word(value),
                    origin: Origin::Flag { name: flag.to_owned() },
                    position: Position::default(),
                    source: String::new(),
                })
            })
            .collect();
        Self { assignments }
    }

    /// The `SCAF_*` variables that set something. An empty one sets nothing.
    pub fn of_environment(environment: &crate::spec::env_vars::Environment) -> Self {
        let assignments = super::keys::KEYS
            .iter()
            .filter_map(|key| {
                let name = key.variable?;
                let value = environment.given(name)?.to_string_lossy().into_owned();
                (!value.is_empty()).then(|| Assignment {
                    which: Which::Plain(key),
                    target: None,
                    experiment: None,
                    raw: Raw::Word(value),
                    origin: Origin::Variable { name },
                    position: Position::default(),
                    source: String::new(),
                })
            })
            .collect();
        Self { assignments }
    }
}
