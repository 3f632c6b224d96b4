//! Where things lie in a project, on the disk of this machine and inside a run.

use std::path::{Path, PathBuf};

use super::name::ExperimentName;

/// The settings file whose presence makes a folder a project.
pub const SETTINGS: &str = "scaf.toml";
/// Personal overrides, never committed.
pub const LOCAL_SETTINGS: &str = "scaf.local.toml";
/// The folder of an experiment that holds its Dockerfile and requirements, and that makes it one.
pub const ENVIRONMENT: &str = "environment";
/// Shared code, below the code folder and, as links, below an experiment.
pub const COMMON: &str = "common";
/// What never goes into a bundle, gitignore syntax.
pub const IGNORE: &str = ".scafignore";
/// The fixed root inside a container.
pub const INSIDE: &str = "/mnt";

/// The folders of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The project's root, absolute.
    pub root: PathBuf,
    /// Where experiments live, relative to the root: `src`, or what an adopted project says.
    pub code: PathBuf,
    /// Where datasets live: `data` below the root unless settings say otherwise.
    pub data: PathBuf,
}

impl Layout {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), code: PathBuf::from("src"), data: PathBuf::from("data") }
    }

    pub fn code_dir(&self) -> PathBuf {
        self.root.join(&self.code)
    }

    pub fn common_dir(&self) -> PathBuf {
        self.code_dir().join(COMMON)
    }

    pub fn experiment_dir(&self, name: &ExperimentName) -> PathBuf {
        self.code_dir().join(name.as_str())
    }

    pub fn environment_dir(&self, name: &ExperimentName) -> PathBuf {
        self.experiment_dir(name).join(ENVIRONMENT)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.join(&self.data)
    }

    pub fn models_dir(&self) -> PathBuf {
        self.root.join("models")
    }

    pub fn notebooks_dir(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    pub fn runs_dir(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Where bundles are kept by digest, so that any run can be run again.
    pub fn bundles_dir(&self) -> PathBuf {
        self.runs_dir().join(".bundles")
    }

    /// A path as people write it in this project: relative to the root where it is below it.
    pub fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
