//! The run record on the disk: made before the first step, closed after the last, read back by `runs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::orchestrate::execute::files::{self, FileError};
use crate::orchestrate::host::process;
use crate::project::layout::Layout;
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::IfThere;
use crate::spec::record::{Live, Outcome, Record};
use crate::spec::ticket::Supervisor;

/// File with what will be done and what it takes to do it again.
pub const PLAN: &str = "plan.json";
/// File that tells who works on it, as long as somebody does.
pub const LIVE: &str = "live.json";
/// File with how it ended.
pub const OUTCOME: &str = "outcome.json";

/// Trouble with the journal itself.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a record that this scaf can read: {reason}")]
    Form { path: PathBuf, reason: String },
    #[error("the name of the run is empty")]
    Empty,
    #[error("no run named `{name}`")]
    NoRun { name: String, near: Vec<String> },
    #[error("`{name}` could be any of {}", .candidates.join(", "))]
    Ambiguous { name: String, candidates: Vec<String> },
}

impl Explain for JournalError {
    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Empty => Fault::Usage,
            Self::Read { .. } | Self::Form { .. } | Self::NoRun { .. } | Self::Ambiguous { .. } => {
                Fault::User
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Empty => vec!["`scaf runs` lists them".to_owned()],
            Self::NoRun { near, .. } if near.is_empty() => vec!["`scaf runs` lists them".to_owned()],
            Self::NoRun { near, .. } => vec![format!("the latest are: {}", near.join(", "))],
            Self::Ambiguous { .. } => vec!["give more of the name".to_owned()],
            Self::Read { .. } | Self::Form { .. } => Vec::new(),
        }
    }
}

/// Writes `plan.json`. One that is there is another run's.
pub fn open(folder: &Path, record: &Record) -> Result<(), JournalError> {
    write(&folder.join(PLAN), record, IfThere::Refuse)
}

/// Says that this scaf works on the run, and, once there is one, with which process. In `known`, a folder
/// of the user's, a link leads to the run, so that `ps --all` finds it.
pub fn working(folder: &Path, known: Option<&Path>) -> Result<(), JournalError> {
    write(&folder.join(LIVE), &live(None), IfThere::Replace)?;
    if let Some(known) = known {
        files::symlink(&known.join(link_name(folder)), folder)?;
    }
    Ok(())
}

/// The run is this process of this machine.
pub fn started(folder: &Path, id: u32) -> Result<(), JournalError> {
    write(&folder.join(LIVE), &live(process::identify(id)), IfThere::Replace)
}

/// Nobody works on it any more.
pub fn idle(folder: &Path, known: Option<&Path>) -> Result<(), JournalError> {
    files::remove(&folder.join(LIVE))?;
    if let Some(known) = known {
        files::remove(&known.join(link_name(folder)))?;
    }
    Ok(())
}

fn live(child: Option<Supervisor>) -> Live {
    Live { host: machine(), scaf: process::own(), child }
}

/// This machine's name: folders may be shared with others.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn link_name(folder: &Path) -> String {
    blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex()[..24].to_owned()
}

/// Where the links to the runs that are worked on are.
pub fn known_runs(environment: &Environment) -> Option<PathBuf> {
    environment.state_dir().map(|state| state.join("runs"))
}

/// Writes `outcome.json`.
pub fn close(folder: &Path, outcome: &Outcome) -> Result<(), JournalError> {
    write(&folder.join(OUTCOME), outcome, IfThere::Replace)
}

fn write(path: &Path, value: &impl serde::Serialize, if_there: IfThere) -> Result<(), JournalError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| JournalError::Form { path: path.to_owned(), reason: error.to_string() })?;
    text.push('\n');
    if let Some(parent) = path.parent() {
        files::make_directory(parent)?;
    }
    files::write_whole(path, &text, false, if_there)?;
    Ok(())
}

/// One run as it is found on the disk.
#[derive(Clone, Debug)]
pub struct Entry {
    pub experiment: String,
    pub name: String,
    pub folder: PathBuf,
}

impl Entry {
    pub fn record(&self) -> Result<Record, JournalError> {
        read(&self.folder.join(PLAN))?.ok_or_else(|| JournalError::Form {
            path: self.folder.join(PLAN),
            reason: "it is not there".to_owned(),
        })
    }

    /// `None` while it runs, or when scaf was killed outright.
    pub fn outcome(&self) -> Result<Option<Outcome>, JournalError> {
        read(&self.folder.join(OUTCOME))
    }

    /// Who works on it; `None` when nobody said so.
    pub fn live(&self) -> Result<Option<Live>, JournalError> {
        read(&self.folder.join(LIVE))
    }

    /// When `plan.json` was written.
    fn opened(&self) -> Option<SystemTime> {
        std::fs::metadata(self.folder.join(PLAN)).and_then(|metadata| metadata.modified()).ok()
    }

    /// `brave_otter` of `20261122-155001_brave_otter`.
    pub fn short(&self) -> &str {
        self.name.split_once('_').map_or(self.name.as_str(), |(_, short)| short)
    }
}

/// Reads one of the files of a run's folder.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, JournalError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(JournalError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| JournalError::Form { path: path.to_owned(), reason: error.to_string() })
}

/// Every run of the project, the newest first. Only folders are looked at.
pub fn entries(layout: &Layout) -> Result<Vec<Entry>, JournalError> {
    let mut found = Vec::new();
    descend(&layout.runs_dir(), &mut Vec::new(), &mut found)?;
    found.sort_by(|a, b| {
        let second = |entry: &Entry| entry.name.split('_').next().map(str::to_owned);
        second(b)
            .cmp(&second(a))
            // Within a second the names say nothing; what was written before the first step does.
            .then_with(|| b.opened().cmp(&a.opened()))
            .then_with(|| b.name.cmp(&a.name))
            .then_with(|| a.experiment.cmp(&b.experiment))
    });
    Ok(found)
}

/// Folders of runs that have no record, as those have that were started by what `--dry-run` prints.
pub fn unrecorded(layout: &Layout) -> Vec<Entry> {
    let mut found = Vec::new();
    // What cannot be read is told where the records are read.
    let _ = folders(&layout.runs_dir(), &mut Vec::new(), &mut found);
    found.retain(|entry| !entry.folder.join(PLAN).exists());
    found
}

/// The memorable names that runs of the project have.
pub fn names(layout: &Layout) -> BTreeSet<String> {
    let mut found = Vec::new();
    let _ = folders(&layout.runs_dir(), &mut Vec::new(), &mut found);
    found.iter().map(|entry| entry.short().to_owned()).collect()
}

/// What to type for a run: its memorable name, or all of it where another run is called so, too.
pub fn typed<'a>(layout: &Layout, run: &'a str) -> &'a str {
    let short = run.split_once('_').map_or(run, |(_, short)| short);
    if find(layout, short).is_ok() { short } else { run }
}

/// Takes away the folders of experiments in which there is no run any more.
pub fn clear(layout: &Layout) {
    fn empty(folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && !name.starts_with(|c: char| c == '.' || c.is_ascii_digit())
            {
                empty(&entry.path());
                // One in which there is something stays.
                let _ = std::fs::remove_dir(entry.path());
            }
        }
    }
    empty(&layout.runs_dir());
}

fn descend(folder: &Path, path: &mut Vec<String>, found: &mut Vec<Entry>) -> Result<(), JournalError> {
    folders(folder, path, found)?;
    found.retain(|entry| entry.folder.join(PLAN).is_file());
    Ok(())
}

fn folders(folder: &Path, path: &mut Vec<String>, found: &mut Vec<Entry>) -> Result<(), JournalError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(JournalError::Read { path: folder.to_owned(), source }),
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // A run's folder begins with its time; an experiment's with a letter.
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            found.push(Entry { experiment: path.join("/"), name, folder: entry.path() });
        } else {
            path.push(name);
            folders(&entry.path(), path, found)?;
            path.pop();
        }
    }
    Ok(())
}

/// The run that a word means: its whole name, its memorable part, or `exp/name`; the newest wins where
/// the memorable part recurs in one experiment only by a whole name.
pub fn find(layout: &Layout, word: &str) -> Result<Entry, JournalError> {
    if word.trim_matches('/').is_empty() {
        return Err(JournalError::Empty);
    }
    let all = entries(layout)?;
    let matches: Vec<&Entry> = all
        .iter()
        .filter(|entry| {
            entry.name == word
                || entry.short() == word
                || format!("{}/{}", entry.experiment, entry.name) == word
                || format!("{}/{}", entry.experiment, entry.short()) == word
                || entry.folder.ends_with(word)
        })
        .collect();
    match matches.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(JournalError::NoRun {
            name: word.to_owned(),
            near: all.iter().take(5).map(|entry| entry.short().to_owned()).collect(),
        }),
        many => Err(JournalError::Ambiguous {
            name: word.to_owned(),
            candidates: many.iter().map(|entry| format!("`{}/{}`", entry.experiment, entry.name)).collect(),
        }),
    }
}
