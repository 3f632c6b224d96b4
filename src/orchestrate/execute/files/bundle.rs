//! Keeps a bundle: the experiment's files as plain files in a folder named by their digest.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::Mode;

use super::copy::create;
use super::{FileError, Stop, UNFINISHED, folder_of, make_directory, rename_to_nothing};
use crate::orchestrate::load::bundle::content::{self, PAUSES, PIECE};
use crate::orchestrate::spread::spread;
use crate::spec::bundle::{Entry, Manifest};

/// With which modes files are kept: a bundle is what its digest says as long as nobody writes to it.
const FILE: u32 = 0o444;
const PROGRAM: u32 = 0o555;

/// In how many other bundles a file of the same content is looked for.
const EARLIER: usize = 4;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// It was not there before.
    pub made: bool,
    /// Bytes of files that an earlier bundle had and that are there once, with two names.
    pub shared: u64,
}

/// Keeps the manifest's files of the folder `source` as the folder `into`. All of it is there at
/// once or not at all, and each file has the content that the manifest says.
pub fn keep_bundle(
    source: &Path,
    manifest: &Manifest,
    digest: &str,
    into: &Path,
    stop: Stop<'_>,
) -> Result<Kept, FileError> {
    // A plan that was stored and taken up again may have been edited.
    if manifest.digest() != digest {
        return Err(FileError::OtherDigest { path: into.to_owned(), digest: digest.to_owned() });
    }
    if into.is_dir() {
        return Ok(Kept::default());
    }
    let store = folder_of(into);
    make_directory(store)?;
    let earlier = earlier_bundles(store);
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(store)
        .map_err(|error| FileError::new("make a folder in", store, error))?;
    let new = unfinished.path();
    // The caller's umask may take away what the files are to have.
    let allowed = fs::metadata(new).map_err(|error| FileError::new("read", new, error))?.mode();
    let masked = allowed & PROGRAM != PROGRAM;
    let folders: BTreeSet<&str> = manifest
        .entries
        .iter()
        .flat_map(|entry| entry.path.match_indices('/').map(|(at, _)| &entry.path[..at]))
        .collect();
    for folder in folders {
        let folder = new.join(folder);
        fs::create_dir(&folder).map_err(|error| FileError::new("make the folder", &folder, error))?;
    }
    let entries = &manifest.entries;
    let keep_one = |work: &mut Work, index: usize| {
        let entry = &entries[index];
        if let Some(signal) = stop() {
            return Err(FileError::Interrupted { path: into.to_owned(), signal });
        }
        let place = new.join(&entry.path);
        if share(entry, &place, &earlier, &mut work.buffer) {
            work.shared += entry.size;
            return Ok(());
        }
        let seen = source.join(&entry.path);
        if !copy(entry, entry.origin.as_deref().unwrap_or(&seen), &place, masked, &mut work.buffer)? {
            work.changed.push(seen);
        }
        Ok(())
    };
    let done = spread(entries.len(), manifest.size(), Work::default, keep_one)?;
    let shared = done.iter().map(|work| work.shared).sum();
    let mut paths: Vec<PathBuf> = done.into_iter().flat_map(|work| work.changed).collect();
    if !paths.is_empty() {
        paths.sort();
        return Err(FileError::Changed { paths });
    }
    match rename_to_nothing(new, into) {
        Ok(()) => {
            // It has its name now, and there is nothing left to remove.
            let _ = unfinished.keep();
            Ok(Kept { made: true, shared })
        }
        // Another scaf was faster, and what it made is the same.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && into.is_dir() => Ok(Kept::default()),
        Err(error) => Err(FileError::new("make", into, error)),
    }
}

/// What one thread has and has done.
#[derive(Default)]
struct Work {
    buffer: Vec<u8>,
    changed: Vec<PathBuf>,
    shared: u64,
}

/// The newest of the other bundles in the store.
fn earlier_bundles(store: &Path) -> Vec<PathBuf> {
    let mut bundles: Vec<_> = fs::read_dir(store)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .filter_map(|entry| {
            let there = entry.metadata().ok()?;
            there.is_dir().then(|| (there.mtime(), there.mtime_nsec(), entry.path()))
        })
        .collect();
    bundles.sort_unstable_by(|one, other| other.cmp(one));
    bundles.truncate(EARLIER);
    bundles.into_iter().map(|(_, _, path)| path).collect()
}

/// Gives the file of an earlier bundle a second name, when it has the entry's content. Whatever
/// stands against it, the file can be copied instead.
fn share(entry: &Entry, place: &Path, earlier: &[PathBuf], buffer: &mut Vec<u8>) -> bool {
    let mode = if entry.executable { PROGRAM } else { FILE };
    earlier.iter().any(|bundle| {
        let candidate = bundle.join(&entry.path);
        let alike = fs::symlink_metadata(&candidate)
            .is_ok_and(|there| there.is_file() && there.len() == entry.size && there.mode() & 0o777 == mode);
        alike
            && content::open(&candidate)
                .and_then(|mut file| digest_of(&mut file, entry.size, &mut io::sink(), buffer))
                .is_ok_and(|digest| digest == entry.digest)
            && fs::hard_link(&candidate, place).is_ok()
    })
}

/// Copies one file. False: it is not, and after some patience still not, what the entry says.
fn copy(
    entry: &Entry,
    from: &Path,
    place: &Path,
    masked: bool,
    buffer: &mut Vec<u8>,
) -> Result<bool, FileError> {
    let writing = |error| FileError::new("write", place, error);
    let mode = if entry.executable { PROGRAM } else { FILE };
    let mut pauses = PAUSES.iter();
    loop {
        let opened = match content::open(from) {
            Ok(file) => Some(file),
            // An editor that replaces files has a moment without any.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::new("read", from, error)),
        };
        if let Some(mut source) = opened {
            let mut target = create(place, mode).map_err(writing)?;
            let mut sink = Sink { target: &mut target, failure: None };
            let copied = digest_of(&mut source, entry.size, &mut sink, buffer);
            if let Some(failure) = sink.failure {
                return Err(writing(failure));
            }
            let digest = copied.map_err(|error| FileError::new("read", from, error))?;
            if digest == entry.digest {
                if masked {
                    rustix::fs::fchmod(&target, Mode::from_raw_mode(mode))
                        .map_err(|error| writing(error.into()))?;
                }
                return Ok(true);
            }
            fs::remove_file(place).map_err(writing)?;
        }
        let Some(pause) = pauses.next() else { return Ok(false) };
        thread::sleep(*pause);
    }
}

/// Keeps apart what went wrong with writing from what went wrong with reading.
struct Sink<'a> {
    target: &'a mut fs::File,
    failure: Option<io::Error>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.target.write(bytes).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of the first `size` bytes, or of all if there are fewer; they are written on the way.
fn digest_of(
    source: &mut impl Read,
    size: u64,
    target: &mut impl Write,
    buffer: &mut Vec<u8>,
) -> io::Result<String> {
    buffer.resize(PIECE, 0);
    let mut hasher = blake3::Hasher::new();
    let mut left = size;
    while left > 0 {
        let piece = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let length = match source.read(&mut buffer[..piece]) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..length]);
        target.write_all(&buffer[..length])?;
        left -= length as u64;
    }
    Ok(hasher.finalize().to_hex().to_string())
}
