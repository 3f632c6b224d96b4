//! The environment of a run, as it was: out of the bundle that is kept of it, else out of the experiment, where that is
//! known to be the same still.

use std::path::{Path, PathBuf};

use super::journal::Entry;
use super::load::environment::{self, EnvironmentError};
use super::load::pinned::{self, PinnedError};
use crate::project::layout::{ENVIRONMENT, Layout};
use crate::project::name::ExperimentName;
use crate::spec::build_context::EntryKind;
use crate::spec::env_difference::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::pinned::{DOCKERFILE, LOCK, REQUIREMENTS};
use crate::spec::record::Record;
use crate::spec::run::EnvironmentSource;

#[derive(Debug, thiserror::Error)]
pub enum RunEnvironmentError {
    #[error("the environment of the run `{run}` is not kept: {why}")]
    Gone {
        run: String,
        why: &'static str,
        commit: Option<String>,
        lock: Option<PathBuf>,
        image: Option<String>,
    },
    #[error(transparent)]
    Pinned(#[from] PinnedError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

impl Explain for RunEnvironmentError {
    fn fault(&self) -> Fault {
        match self {
            Self::Gone { .. } => Fault::User,
            Self::Pinned(error) => error.fault(),
            Self::Environment(error) => error.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Gone { run: _, why: _, commit, lock, image } => {
                let of_git = commit.iter().zip(lock).map(|(commit, lock)| {
                    format!("the commit of the run has it: `git show {commit}:{}`", lock.display())
                });
                let of_image = image.as_ref().map(|image| {
                    format!("the image of the run, if it is still there, lists what it has: `docker run --rm {image} python -m pip freeze`")
                });
                of_git.chain(of_image).collect()
            }
            Self::Pinned(error) => error.hints(),
            Self::Environment(error) => error.hints(),
        }
    }
}

/// What is known of a run's environment, and what is not, in a sentence.
pub struct Kept {
    pub environment: Environment,
    pub unknown: Option<String>,
}

pub fn of(layout: &Layout, entry: &Entry, record: &Record) -> Result<Kept, RunEnvironmentError> {
    let experiment = experiment_dir(layout, record);
    let (folder, dockerfile) = match &record.environment {
        Some(EnvironmentSource::Image(image)) => {
            let environment = Environment { base: Some(image.clone()), ..Environment::default() };
            return Ok(Kept { environment, unknown: None });
        }
        Some(EnvironmentSource::Folder { directory, dockerfile }) => (directory.clone(), dockerfile.as_str()),
        None => (experiment.join(ENVIRONMENT), DOCKERFILE),
    };
    let bundle = record.bundle.as_ref().map(|digest| layout.bundles_dir().join(digest));
    // What lies outside of the experiment is in no bundle.
    let in_bundle =
        bundle.as_ref().zip(folder.strip_prefix(&experiment).ok()).map(|(bundle, below)| bundle.join(below));
    if let Some(folder) = in_bundle.as_ref().filter(|folder| folder.is_dir()) {
        let environment = Environment::of(&pinned::read_with(folder, dockerfile)?);
        return Ok(Kept { environment, unknown: None });
    }
    let why = match (&bundle, &in_bundle) {
        (Some(bundle), _) if !bundle.is_dir() => {
            "its bundle is gone, and the experiment's is another one by now"
        }
        (Some(_), _) => "it is not in the bundle, and has changed since",
        (None, _) => "it ran on the working tree itself, which has changed since",
    };
    let now = digest(&folder, dockerfile)?;
    if record.lock.is_some() && now == record.lock {
        let mut environment = Environment::of(&pinned::read_with(&folder, dockerfile)?);
        environment.base = None;
        let unknown = format!(
            "the lock of `{}` is the experiment's still; its base image is not known any more",
            entry.short()
        );
        return Ok(Kept { environment, unknown: Some(unknown) });
    }
    let git = record.git.as_ref().filter(|git| git.uncommitted.is_none());
    let lock = [LOCK, REQUIREMENTS].into_iter().map(|file| folder.join(file)).find(|file| file.is_file());
    Err(RunEnvironmentError::Gone {
        run: entry.short().to_owned(),
        why,
        commit: git.map(|git| git.commit.chars().take(12).collect()),
        lock: lock.map(|file| layout.shown(&file).to_owned()),
        image: record.image.clone(),
    })
}

fn experiment_dir(layout: &Layout, record: &Record) -> PathBuf {
    match ExperimentName::adopted(&record.experiment) {
        Some(name) => layout.experiment_dir(&name),
        None => layout.code_dir().join(&record.experiment),
    }
}

/// The digest that a record keeps, of the folder as it is now.
fn digest(folder: &Path, dockerfile: &str) -> Result<Option<String>, RunEnvironmentError> {
    if !folder.join(dockerfile).is_file() {
        return Ok(None);
    }
    let context = environment::read(folder, dockerfile)?;
    let file = |name: &str| context.entries.iter().find(|entry| entry.path == name);
    Ok([LOCK, REQUIREMENTS].into_iter().find_map(file).and_then(|entry| match &entry.kind {
        EntryKind::File { digest, .. } => Some(digest.clone()),
        EntryKind::Link { .. } | EntryKind::Folder => None,
    }))
}
