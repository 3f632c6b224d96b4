//! Makes a virtual environment, once: another scaf that wants the same one waits for it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::process::{self, ProcessError};
use super::{World, files};
use crate::orchestrate::reporter::Event;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::IfThere;
use crate::spec::plan::shell::{VENV_COMPLETE, venv_commands};

#[derive(Debug, thiserror::Error)]
pub enum VenvError {
    #[error("cannot lock `{path}`")]
    Lock { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error("the virtual environment could not be made")]
    Tool(#[source] ProcessError),
}

impl Explain for VenvError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lock { .. } => Fault::World,
            Self::File(error) => error.fault(),
            Self::Tool(_) => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Lock { .. } | Self::Tool(_) => Vec::new(),
        }
    }
}

/// Does nothing when it is there, complete.
pub fn make(
    venv: &Path,
    python: &Path,
    requirements: &[PathBuf],
    more: &[String],
    uv: Option<&Path>,
    world: &World<'_>,
) -> Result<(), VenvError> {
    let marker = venv.join(VENV_COMPLETE);
    if marker.exists() {
        // `gc` takes away what was not used for long; that the time cannot be set is no harm.
        let _ = File::options()
            .write(true)
            .open(&marker)
            .and_then(|file| file.set_modified(std::time::SystemTime::now()));
        return Ok(());
    }
    if let Some(parent) = venv.parent() {
        files::make_directory(parent)?;
    }
    let lock = venv.with_extension("lock");
    let locked = |source| VenvError::Lock { path: lock.clone(), source };
    let file = File::options().create(true).append(true).open(&lock).map_err(locked)?;
    file.lock().map_err(locked)?;
    if marker.exists() {
        return Ok(());
    }
    // What is there without its mark was left by one that was interrupted.
    files::remove(venv)?;
    world.reporter.tell(Event::Step("making the virtual environment"));
    for command in venv_commands(venv, python, requirements, more, uv) {
        world.reporter.tell(Event::Progress { label: "environment", done: 0, total: None });
        let made = process::command(&command, None, &std::collections::BTreeMap::new(), world.reporter);
        world.reporter.tell(Event::Done { label: "environment" });
        if let Err(error) = made {
            // Nothing half-made stays.
            files::remove(venv)?;
            return Err(VenvError::Tool(error));
        }
    }
    files::write_whole(&marker, "", false, IfThere::Replace)?;
    Ok(())
}
