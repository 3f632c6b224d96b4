//! Makes a virtual environment, once: another scaf that wants the same one waits for it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};

use super::process::{self, ProcessError};
use super::{World, files};
use crate::orchestrate::reporter::Event;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::IfThere;
use crate::spec::plan::shell::{VENV_COMPLETE, Venv, VenvCommand, venv_commands};

#[derive(Debug, thiserror::Error)]
pub enum VenvError {
    #[error("cannot lock `{path}`")]
    Lock { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error("the virtual environment could not be made")]
    Tool(#[source] ProcessError),
    #[error("interrupted while another scaf made the virtual environment")]
    Interrupted { signal: i32 },
}

/// How often it is looked whether the other one is done.
const LOOK: Duration = Duration::from_millis(100);

impl Explain for VenvError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lock { .. } => Fault::World,
            Self::File(error) => error.fault(),
            Self::Interrupted { signal } => Fault::Interrupted(*signal),
            Self::Tool(error) => match error.fault() {
                interrupted @ Fault::Interrupted(_) => interrupted,
                _ => Fault::User,
            },
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Tool(error) => error.hints(),
            Self::Lock { .. } | Self::Interrupted { .. } => Vec::new(),
        }
    }
}

/// Does nothing when it is there, complete.
pub fn make(wanted: &Venv<'_>, world: &World<'_>) -> Result<(), VenvError> {
    let venv = wanted.path;
    let marker = venv.join(VENV_COMPLETE);
    if is_whole(venv) {
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
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(locked(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if let Some(signal) = world.interrupted() {
            return Err(VenvError::Interrupted { signal });
        }
        if !told {
            world.reporter.tell(Event::Step("waiting for another scaf, which makes the virtual environment"));
            told = true;
        }
        std::thread::sleep(LOOK);
    }
    if is_whole(venv) {
        return Ok(());
    }
    // What is there without its mark was left by one that was killed; one whose Python is gone is no use.
    files::remove(venv)?;
    world.reporter.tell(Event::Step("making the virtual environment"));
    for VenvCommand { argv, folder } in venv_commands(wanted) {
        world.reporter.tell(Event::Progress { label: "environment", done: 0, total: None });
        let none = std::collections::BTreeMap::new();
        let made = process::command(&argv, folder.or(venv.parent()), &none, world.reporter, world.signals());
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

/// Whether it was made to its end, and its Python is still there: that is a link to one of the machine's.
fn is_whole(venv: &Path) -> bool {
    venv.join(VENV_COMPLETE).exists() && access(venv.join("bin/python"), Access::EXEC_OK).is_ok()
}
