//! One line of experimentation: a folder below the code folder with an `environment/` of its own.

use std::path::PathBuf;

use super::name::ExperimentName;

/// An experiment as it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Experiment {
    pub name: ExperimentName,
    /// Absolute folder.
    pub dir: PathBuf,
}
