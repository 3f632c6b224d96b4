//! Says when an experiment has changed: its files, the shared code that its links lead to, or its
//! environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify_debouncer_full::notify::event::{EventKind, ModifyKind};
use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
};

use crate::orchestrate::load::bundle::rules::{Rules, is_an_editors};
use crate::orchestrate::load::bundle::walk::{Folder, Walked, walk};
use crate::orchestrate::load::bundle::{Problem, Request};
use crate::project::layout::{ENVIRONMENT, IGNORE, Layout};
use crate::spec::hint::{Explain, Fault};

/// A file is looked at when nothing has happened to it for this long: one save is several events.
const QUIET: Duration = Duration::from_millis(150);

/// A checkout of many files is one change; but one that never ends is told all the same.
const LONGEST: Duration = Duration::from_secs(3);

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Something in `environment/`: what runs there is to be built anew first.
    pub environment: bool,
    /// Where, absolute, sorted; of linked code the place where it lies.
    pub paths: Vec<PathBuf>,
}

/// Why changes cannot be seen.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("this machine's limit of watched folders is reached (`{setting}`)")]
    Limit { setting: &'static str },
    #[error("cannot watch `{}`: {reason}", path.display())]
    Folder { path: PathBuf, reason: String },
    #[error("cannot watch for changes: {reason}")]
    Other { reason: String },
}

impl Explain for WatchError {
    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Limit { setting } => {
                let value = if setting.ends_with("instances") { 1024 } else { 524_288 };
                vec![
                    format!("raise it until the next start of the machine: `sudo sysctl {setting}={value}`"),
                    format!(
                        "and for good: `echo {setting}={value} | sudo tee /etc/sysctl.d/90-inotify.conf`"
                    ),
                ]
            }
            Self::Folder { .. } | Self::Other { .. } => Vec::new(),
        }
    }
}

impl WatchError {
    fn new(path: Option<&Path>, error: &notify::Error) -> Self {
        match &error.kind {
            notify::ErrorKind::MaxFilesWatch => Self::Limit { setting: "fs.inotify.max_user_watches" },
            // inotify_init1(2): too many instances of one user.
            notify::ErrorKind::Io(error) if is_too_many(error) => {
                Self::Limit { setting: "fs.inotify.max_user_instances" }
            }
            _ => match path {
                Some(path) => Self::Folder { path: path.to_owned(), reason: error.to_string() },
                None => Self::Other { reason: error.to_string() },
            },
        }
    }
}

fn is_too_many(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::MFILE)
}

/// What is of interest in one folder.
#[derive(Debug, Default)]
struct Watched {
    /// The folder as part of the bundle, once for each way that leads to it.
    places: Vec<(Vec<u8>, Rules)>,
    /// Single names, of a folder that is itself no part: a linked file, a file of rules.
    names: BTreeSet<OsString>,
}

/// Watches one experiment.
pub struct Watcher {
    root: PathBuf,
    source: PathBuf,
    ignore_files: Vec<String>,
    runs: PathBuf,
    debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
    events: Receiver<DebounceEventResult>,
    watched: BTreeMap<PathBuf, Watched>,
}

impl Watcher {
    /// Changes made from now on are seen.
    pub fn new(request: &Request<'_>) -> Result<Self, WatchError> {
        let (sender, events) = channel();
        let debouncer = new_debouncer(QUIET, None, sender).map_err(|error| WatchError::new(None, &error))?;
        // Events name folders by the path they are watched under.
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let root = real(request.root);
        let mut watcher = Self {
            source: request
                .source
                .strip_prefix(request.root)
                .map_or_else(|_| request.source.to_owned(), |below| root.join(below)),
            ignore_files: request.ignore_files.iter().map(|name| (*name).to_owned()).collect(),
            runs: Layout::new(&root).runs_dir(),
            root,
            debouncer,
            events,
            watched: BTreeMap::new(),
        };
        watcher.survey(&BTreeSet::new())?;
        Ok(watcher)
    }

    /// The next change, or `None` when there was none in the time given.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Change>, WatchError> {
        let until = Instant::now() + timeout;
        loop {
            let mut batch = Vec::new();
            if !self.receive(until.saturating_duration_since(Instant::now()), &mut batch)? {
                return Ok(None);
            }
            if !batch.iter().any(|event| self.concerns(event)) {
                continue;
            }
            // What belongs together comes in a row.
            let longest = Instant::now() + LONGEST;
            while Instant::now() < longest && self.receive(QUIET, &mut batch)? {}
            return Ok(Some(self.change(&batch)?));
        }
    }

    /// False: nothing came in time.
    fn receive(&self, timeout: Duration, batch: &mut Vec<DebouncedEvent>) -> Result<bool, WatchError> {
        match self.events.recv_timeout(timeout) {
            Ok(Ok(events)) => batch.extend(events),
            Ok(Err(errors)) => {
                for error in errors {
                    let error = WatchError::new(None, &error);
                    // A folder that went while it was looked at is no failure.
                    if matches!(error, WatchError::Limit { .. }) {
                        return Err(error);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(WatchError::Other { reason: "the watching thread has ended".to_owned() });
            }
        }
        Ok(true)
    }

    fn change(&mut self, batch: &[DebouncedEvent]) -> Result<Change, WatchError> {
        let mut change = Change::default();
        let mut paths = BTreeSet::new();
        let mut moved = BTreeSet::new();
        for event in batch {
            if event.need_rescan() {
                // The kernel's queue ran over, and what happened is not known.
                change.environment = true;
                paths.insert(self.source.clone());
                moved.extend(self.watched.keys().cloned());
            }
            let structural = matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
            );
            for path in &event.paths {
                if structural {
                    let below = self.watched.keys().filter(|folder| folder.starts_with(path));
                    moved.extend(below.cloned());
                }
                if let Some(environment) = self.part(path, event.kind) {
                    change.environment |= environment;
                    paths.insert(path.clone());
                }
            }
        }
        change.paths = paths.into_iter().collect();
        self.survey(&moved)?;
        Ok(change)
    }

    fn concerns(&self, event: &DebouncedEvent) -> bool {
        event.need_rescan() || event.paths.iter().any(|path| self.part(path, event.kind).is_some())
    }

    /// Whether what happened there is of interest, and then whether it is of the environment.
    fn part(&self, path: &Path, kind: EventKind) -> Option<bool> {
        // Reading is no change, and bundling reads.
        if matches!(kind, EventKind::Access(_)) || path.starts_with(&self.runs) {
            return None;
        }
        if path == self.source {
            return matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
                .then_some(true);
        }
        let name = path.file_name()?;
        let watched = self.watched.get(path.parent()?)?;
        if watched.names.contains(name) {
            return Some(false);
        }
        if is_temporary(name) {
            return None;
        }
        // What is gone may have been either.
        let kinds: &[bool] = match fs::metadata(path) {
            Ok(there) if there.is_dir() => &[true],
            Ok(_) => &[false],
            Err(_) => &[true, false],
        };
        let mut scratch = Vec::new();
        let mut inside = Vec::new();
        watched
            .places
            .iter()
            .filter_map(|(folder, rules)| {
                inside.clear();
                inside.extend_from_slice(folder);
                inside.extend_from_slice(name.as_bytes());
                let ignored = kinds.iter().any(|folder| rules.ignored(&inside, *folder, &mut scratch));
                (!ignored).then(|| is_environment(&inside))
            })
            .reduce(|one, other| one || other)
    }

    /// Finds out anew what is to be watched. Folders in `moved` are watched anew, since a watch ends
    /// with the folder, whatever comes in its place.
    fn survey(&mut self, moved: &BTreeSet<PathBuf>) -> Result<(), WatchError> {
        let mut moved = moved.clone();
        loop {
            let wanted = self.wanted();
            let old: Vec<PathBuf> = self
                .watched
                .keys()
                .filter(|folder| !wanted.contains_key(*folder) || moved.contains(*folder))
                .cloned()
                .collect();
            // First, since a folder under a new name has the same watch.
            for folder in old {
                let _ = self.debouncer.unwatch(&folder);
                self.watched.remove(&folder);
            }
            moved.clear();
            let mut new = false;
            for (folder, watched) in wanted {
                if !self.watched.contains_key(&folder) {
                    new = true;
                    if let Err(error) = self.debouncer.watch(&folder, RecursiveMode::NonRecursive) {
                        match WatchError::new(Some(&folder), &error) {
                            // Gone since: the folder above tells of it.
                            WatchError::Folder { .. } if !folder.is_dir() => continue,
                            error => return Err(error),
                        }
                    }
                }
                self.watched.insert(folder, watched);
            }
            // What came into a new folder before it was watched is found by looking once more.
            if !new {
                return Ok(());
            }
        }
    }

    fn wanted(&self) -> BTreeMap<PathBuf, Watched> {
        let names: Vec<&str> = self.ignore_files.iter().map(String::as_str).collect();
        let request = Request { root: &self.root, source: &self.source, ignore_files: &names, cache: None };
        let Walked { files, folders, links, problems } = walk(&request);
        let mut wanted: BTreeMap<PathBuf, Watched> = BTreeMap::new();
        let mut name = |path: &Path| {
            if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
                && folder.is_dir()
            {
                wanted.entry(folder.to_owned()).or_default().names.insert(name.to_owned());
            }
        };
        let rules = || std::iter::once(IGNORE).chain(names.iter().copied());
        let mut above = BTreeSet::new();
        for link in links.iter().chain(std::iter::once(&self.source)) {
            above.extend(
                link.ancestors()
                    .skip(1)
                    .take_while(|folder| folder.starts_with(&self.root))
                    .map(Path::to_owned),
            );
        }
        for folder in above {
            for rule in rules() {
                name(&folder.join(rule));
            }
        }
        // A link's target that is a file, or that is yet to come.
        for file in files.iter().filter_map(|file| file.origin.as_deref()) {
            name(file);
        }
        for problem in &problems {
            if let Problem::Dangling { path, target } = problem
                && let Some(folder) = path.parent()
                && let Some(file) = target.file_name()
                && let Ok(folder) = fs::canonicalize(folder.join(target.parent().unwrap_or(Path::new(""))))
                && folder.starts_with(&self.root)
            {
                name(&folder.join(file));
            }
        }
        for Folder { real, inside, rules } in folders {
            wanted.entry(real).or_default().places.push((inside, rules));
        }
        wanted
    }
}

fn is_environment(inside: &[u8]) -> bool {
    inside.strip_prefix(ENVIRONMENT.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// What is not worth a run: an editor's own files, and what may be a file on its way to its name, which
/// is part of a bundle once somebody asks for one.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_bytes();
    // vim makes and removes 4913 to see whether it may write.
    is_an_editors(name) || name == b"4913" || name.ends_with(b".tmp") || name.ends_with(b".part")
}

#[cfg(test)]
mod tests;
