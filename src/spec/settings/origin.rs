//! Where a value was set. Errors about a value, and `scaf config`, say it.

use std::fmt;

use serde::Serialize;

/// The settings files, in the order in which they are laid over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingsFile {
    /// Of one person, for all projects: `~/.config/scaf/config.toml`.
    User,
    /// Of the project, committed: `scaf.toml`.
    Project,
    /// Of one person in this project: `scaf.local.toml`.
    Local,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "layer")]
pub enum Origin {
    #[default]
    Default,
    /// A line of a file, within the tables of `experiment` where there is one.
    File {
        which: SettingsFile,
        file: String,
        line: usize,
        experiment: Option<String>,
    },
    Variable {
        name: &'static str,
    },
    Flag {
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { which: _, file, line, experiment: None } => write!(f, "{file}:{line}"),
            Self::File { which: _, file, line, experiment: Some(experiment) } => {
                write!(f, "{file}:{line} ([experiment.\"{experiment}\"])")
            }
            Self::Variable { name } => write!(f, "{name} in the environment"),
            Self::Flag { name } => f.write_str(name),
        }
    }
}
