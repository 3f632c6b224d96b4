//! A run's name and folder, taken for it alone. A name has 48 × 48 forms a second, so that two scaf at once
//! may well hit upon the same: the one that makes the folder has it.
//!
//! From here until its record stands the folder of all runs is held shared by a lock; `gc` holds it alone
//! while it looks what there is and while it takes something away. So what a run is about to use stays.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::execute::files::{self, FileError};
use super::journal::{self, PLAN};
use crate::project::layout::Layout;
use crate::project::name::ExperimentName;

const ADJECTIVES: [&str; 48] = [
    "able", "amber", "ample", "apt", "bold", "brave", "bright", "brisk", "calm", "candid", "clear", "clever",
    "deft", "eager", "early", "fair", "fleet", "fond", "frank", "free", "fresh", "gentle", "glad", "golden",
    "grand", "green", "happy", "hardy", "keen", "kind", "light", "lively", "lucid", "merry", "mild", "neat",
    "noble", "plain", "proud", "quick", "quiet", "rapid", "ready", "sharp", "steady", "sunny", "swift",
    "warm",
];

const ANIMALS: [&str; 48] = [
    "auk", "badger", "bat", "bear", "beaver", "bison", "boar", "crane", "crow", "curlew", "deer", "dingo",
    "dove", "eagle", "elk", "ermine", "falcon", "ferret", "finch", "fox", "gecko", "goose", "hare", "hawk",
    "heron", "ibex", "ibis", "jay", "kite", "lark", "lemur", "linnet", "lynx", "marten", "mole", "newt",
    "otter", "owl", "panda", "puffin", "raven", "robin", "seal", "stoat", "swan", "tapir", "vole", "wren",
];

/// How many forms a name has.
const FORMS: u64 = 48 * 48;
/// From one form to the next: without a common divisor, so that all of them come.
const STRIDE: u64 = 1001;

/// A memorable name out of a seed: `brave_otter`.
fn memorable(seed: u64) -> String {
    let adjective = ADJECTIVES[usize::try_from(seed % 48).unwrap_or(0)];
    let animal = ANIMALS[usize::try_from(seed / 48 % 48).unwrap_or(0)];
    format!("{adjective}_{animal}")
}

/// A name and a folder. As long as no record stands in it the folder goes when this does: of a run that
/// never came to be nothing stays.
#[derive(Debug)]
pub struct Claim {
    pub run: String,
    pub folder: PathBuf,
    /// It was made; else the plan is only printed.
    held: bool,
    /// Where all runs are, and whether that was made for this one.
    runs: PathBuf,
    first: bool,
    lock: Option<File>,
}

/// The folder of all runs, held until this is dropped or this process ends: alone, or with others that do
/// not want it alone. `None` where it is not there, or where its file system has no such locks.
fn hold(runs: &Path, operation: rustix::fs::FlockOperation) -> Option<File> {
    loop {
        let file = File::open(runs).ok()?;
        match rustix::fs::flock(&file, operation) {
            Ok(()) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        }
        // It may have been removed while it was waited for, being empty, and made anew.
        let (held, there) = (file.metadata().ok()?, fs::metadata(runs).ok()?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Some(file);
        }
    }
}

/// For whoever takes things away: as long as this is kept no run is between its claim and its record.
pub fn alone(layout: &Layout) -> Option<File> {
    hold(&layout.runs_dir(), rustix::fs::FlockOperation::LockExclusive)
}

impl Claim {
    /// Without `hold` the name is only one that is free now, as for a plan that is printed.
    pub fn take(
        layout: &Layout,
        experiment: &ExperimentName,
        now: jiff::Timestamp,
        seed: u64,
        hold: bool,
    ) -> Result<Self, FileError> {
        let runs = layout.runs_dir();
        let first = runs.symlink_metadata().is_err();
        let above = runs.join(experiment.as_str());
        let lock = if hold {
            // What is in the way is told where the run's own folder cannot be made.
            let _ = fs::create_dir_all(&runs);
            self::hold(&runs, rustix::fs::FlockOperation::LockShared)
        } else {
            None
        };
        // A name that no run of the project has can be typed without its time.
        let taken = journal::names(layout);
        for (run, folder) in names(&above, now, seed, &taken) {
            let made = if hold {
                make(&folder)
            } else if folder.symlink_metadata().is_ok() {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                Ok(())
            };
            match made {
                Ok(()) => return Ok(Self { run, folder, held: hold, runs, first, lock }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    // What is in the way above says more than the folder that could not be made.
                    let told = files::make_directory(&above).err();
                    forget(&above, &runs, first);
                    return Err(told.unwrap_or_else(|| FileError::new("make the folder", &folder, error)));
                }
            }
        }
        Err(FileError::new("find a name for a run in", &above, io::ErrorKind::AlreadyExists.into()))
    }
}

impl Claim {
    /// The record stands, and says who works on it: from now on the run is found by that.
    pub fn settled(&mut self) {
        self.lock = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.held && !self.folder.join(PLAN).exists() {
            // What cannot be removed is no reason to hide what is being told.
            let _ = files::remove(&self.folder);
            forget(self.folder.parent().unwrap_or(&self.runs), &self.runs, self.first);
        }
    }
}

/// The names that come into question, in the order in which they are tried: every form of this second, then
/// those of the next ones. Forms that are taken come only where there are no others.
fn names<'a>(
    above: &'a Path,
    now: jiff::Timestamp,
    seed: u64,
    taken: &BTreeSet<String>,
) -> impl Iterator<Item = (String, PathBuf)> + use<'a> {
    const SECONDS: i64 = 60;
    let all = (0..FORMS).map(|step| memorable((seed % FORMS + step * STRIDE) % FORMS));
    let (old, mut forms): (Vec<String>, Vec<String>) = all.partition(|form| taken.contains(form));
    if forms.is_empty() {
        forms = old;
    }
    (0..SECONDS).flat_map(move |later| {
        let at = now.checked_add(jiff::SignedDuration::from_secs(later)).unwrap_or(now);
        let time = at.strftime("%Y%m%d-%H%M%S").to_string();
        let runs: Vec<String> = forms.iter().map(|form| format!("{time}_{form}")).collect();
        runs.into_iter().map(move |run| {
            let folder = above.join(&run);
            (run, folder)
        })
    })
}

/// Makes the folder, which must not be there, and those above it, which another scaf may be about to
/// remove since nothing is in them.
fn make(folder: &Path) -> io::Result<()> {
    const TRIES: usize = 100;
    let mut tries = 0;
    loop {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                tries += 1;
                match fs::create_dir_all(folder.parent().unwrap_or(folder)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            other => return other,
        }
    }
}

/// Removes what is empty from here up to the folder of all runs, and that one where `first` says so.
fn forget(folder: &Path, runs: &Path, first: bool) {
    for above in folder.ancestors().take_while(|above| above.starts_with(runs)) {
        if (above == runs && !first) || fs::remove_dir(above).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    fn experiment() -> ExperimentName {
        ExperimentName::adopted("domain/digits").unwrap()
    }

    #[test]
    fn many_at_once_get_a_name_each() {
        let here = tempfile::tempdir().unwrap();
        let layout = Layout::new(here.path());
        let now = jiff::Timestamp::from_second(1_795_000_000).unwrap();
        // The same moment and the same seed: as unlucky as can be.
        let claims: Vec<Claim> = thread::scope(|scope| {
            let take = || Claim::take(&layout, &experiment(), now, 7, true).unwrap();
            let workers: Vec<_> =
                (0..8).map(|_| scope.spawn(move || (0..25).map(|_| take()).collect::<Vec<_>>())).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        let names: BTreeSet<&str> = claims.iter().map(|claim| claim.run.as_str()).collect();
        assert_eq!((names.len(), claims.len()), (200, 200));
        assert!(claims.iter().all(|claim| claim.folder.is_dir()));
        drop(claims);
        assert!(!layout.runs_dir().join("domain").exists());
    }

    #[test]
    fn every_form_of_a_second_comes_and_then_those_of_the_next() {
        let forms = usize::try_from(FORMS).unwrap();
        let above = Path::new("/p/runs/e");
        let tried: Vec<String> = names(above, jiff::Timestamp::UNIX_EPOCH, u64::MAX - 7, &BTreeSet::new())
            .take(forms + 1)
            .map(|(run, _)| run)
            .collect();
        assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), forms + 1);
        assert!(tried[..forms].iter().all(|run| run.starts_with("19700101-000000_")));
        assert!(tried[forms].starts_with("19700101-000001_"));
        // What a run of the project is called already comes last of all.
        let short = |run: &String| run.split_once('_').unwrap().1.to_owned();
        let mut taken: BTreeSet<String> = tried[..forms].iter().map(short).collect();
        let free = short(&tried[9]);
        taken.remove(&free);
        let mut left = names(above, jiff::Timestamp::UNIX_EPOCH, 0, &taken).map(|(run, _)| run);
        assert_eq!(left.next(), Some(format!("19700101-000000_{free}")));
        assert_eq!(left.next(), Some(format!("19700101-000001_{free}")));
        taken.insert(free);
        assert_eq!(names(above, jiff::Timestamp::UNIX_EPOCH, 0, &taken).take(forms).count(), forms);
    }

    #[test]
    fn whoever_takes_things_away_waits_until_a_run_has_its_record() {
        let here = tempfile::tempdir().unwrap();
        let layout = Layout::new(here.path());
        assert!(alone(&layout).is_none());
        let mut claim = Claim::take(&layout, &experiment(), jiff::Timestamp::UNIX_EPOCH, 0, true).unwrap();
        let other = Claim::take(&layout, &experiment(), jiff::Timestamp::UNIX_EPOCH, 0, true).unwrap();
        drop(other);
        let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        assert!(hold(&layout.runs_dir(), operation).is_none());
        claim.settled();
        assert!(alone(&layout).is_some());
    }

    #[test]
    fn a_run_that_came_to_be_stays_and_what_was_there_too() {
        let here = tempfile::tempdir().unwrap();
        let layout = Layout::new(here.path());
        fs::create_dir(layout.runs_dir()).unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let take = |hold| Claim::take(&layout, &experiment(), now, 0, hold).unwrap();
        assert_eq!(take(false).run, "19700101-000000_able_auk");
        assert_eq!(fs::read_dir(layout.runs_dir()).unwrap().count(), 0);
        let claim = take(true);
        fs::File::create(claim.folder.join("uncommitted.diff")).unwrap();
        assert_ne!(take(false).run, claim.run);
        drop(claim);
        assert_eq!(fs::read_dir(layout.runs_dir()).unwrap().count(), 0);
        let claim = take(true);
        let folder = claim.folder.clone();
        fs::File::create(folder.join(PLAN)).unwrap();
        drop(claim);
        assert!(folder.join(PLAN).is_file());
    }
}
