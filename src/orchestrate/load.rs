//! The first door: reads the project and its configuration from the disk, and changes nothing.

pub mod ancestor;
pub mod bundle;
pub mod check;
pub mod code;
pub mod detect;
pub mod environment;
pub mod experiments;
pub mod ground;
pub mod in_step;
pub mod installed;
pub mod interpreter;
pub mod job;
pub mod links;
pub mod local_wheel;
pub mod network;
pub mod parallel;
pub mod pinned;
pub mod requirements;
pub mod settings;
pub mod small_file;
pub mod specifications;
pub mod templates;
pub mod tree;

use std::io;
use std::path::PathBuf;

use crate::spec::hint::{Explain, Fault};

/// What can go wrong while the project is read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
}

impl Explain for LoadError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec![format!("see who may read it: `ls -ld {}`", path.display())]
            }
            Self::Read { .. } => Vec::new(),
        }
    }
}

/// The folder in which scaf was started, which `-C` may replace.
#[allow(clippy::disallowed_methods, reason = "the one place")]
pub fn working_directory() -> Result<PathBuf, LoadError> {
    std::env::current_dir().map_err(|source| LoadError::Read { path: PathBuf::from("."), source })
}
