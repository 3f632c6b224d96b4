//! Reads a file for its digest, and makes sure that it is one state of the file that was read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, lstat, openat};

use super::digests::{Digest, Stamp};
use super::walk::stamp;

/// How often a file that changes under the hand is read anew, and after which pause: an editor or a
/// download may be in the middle of writing it.
pub const PAUSES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(200)];

/// Content is read in pieces of this size; a small file in one.
pub const PIECE: usize = 128 * 1024;

/// Why a file could not be read as one state of itself.
#[derive(Debug)]
pub enum Unread {
    /// It changed again and again.
    Changing,
    Error(io::Error),
}

/// What a file was when it was read: the content's digest belongs to the stamp.
#[derive(Debug)]
pub struct Content {
    pub stamp: Stamp,
    pub executable: bool,
    pub digest: Digest,
    /// The beginning, when it may be a symlink's text.
    pub link_text: Option<PathBuf>,
}

/// Opens a regular file: neither follows a symlink that has taken its place nor waits for the other
/// end of a pipe.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

/// Reads a whole file. `seen` is the stamp from when it was found.
pub fn read(path: &Path, seen: &Stamp, buffer: &mut Vec<u8>) -> Result<Content, Unread> {
    read_while(path, seen, buffer, &mut || {})
}

/// The same, with something that happens after each piece.
fn read_while(
    path: &Path,
    seen: &Stamp,
    buffer: &mut Vec<u8>,
    meanwhile: &mut dyn FnMut(),
) -> Result<Content, Unread> {
    let mut before = *seen;
    let mut pauses = PAUSES.iter();
    loop {
        let (digest, stat) = once(path, before.size, buffer, meanwhile).map_err(Unread::Error)?;
        // The same stamp before and after, and as many bytes as it says: one state of the file.
        if let Some(digest) = digest
            && stamp(&stat) == before
        {
            let read = usize::try_from(before.size.min(buffer.len() as u64)).unwrap_or(0);
            return Ok(Content {
                stamp: before,
                executable: stat.st_mode & 0o111 != 0,
                digest,
                link_text: link_text(&buffer[..read], before.size),
            });
        }
        let Some(pause) = pauses.next() else { return Err(Unread::Changing) };
        thread::sleep(*pause);
        before = stamp(&lstat(path).map_err(|error| Unread::Error(error.into()))?);
    }
}

/// Reads a file that is to have `size` bytes; no digest if it has more or less.
fn once(
    path: &Path,
    size: u64,
    buffer: &mut Vec<u8>,
    meanwhile: &mut dyn FnMut(),
) -> io::Result<(Option<Digest>, Stat)> {
    let mut file = open(path)?;
    buffer.resize(PIECE, 0);
    let mut hasher = blake3::Hasher::new();
    let mut read = 0;
    while read < size {
        let length = match file.read(buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..length]);
        read += length as u64;
        meanwhile();
    }
    let digest = (read == size).then(|| *hasher.finalize().as_bytes());
    Ok((digest, fstat(&file)?))
}

/// The path, when the whole content is one as git writes it for a symlink it may not make.
fn link_text(content: &[u8], size: u64) -> Option<PathBuf> {
    if size > 1024 || !content.starts_with(b"../") || content.contains(&b'\n') || content.contains(&0) {
        return None;
    }
    std::str::from_utf8(content).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(dir: &Path, size: usize) -> (PathBuf, Stamp) {
        let path = dir.join("file");
        File::create(&path).unwrap().write_all(&vec![b'x'; size]).unwrap();
        let seen = stamp(&lstat(&path).unwrap());
        (path, seen)
    }

    fn append(path: &Path) {
        File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
    }

    #[test]
    fn the_digest_is_that_of_the_whole_content() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let (path, seen) = file(dir.path(), size);
            let content = read(&path, &seen, &mut Vec::new()).unwrap();
            assert_eq!(content.digest, *blake3::hash(&vec![b'x'; size]).as_bytes());
            assert_eq!(content.stamp, seen);
        }
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        for changes in 1..=PAUSES.len() {
            let (path, seen) = file(dir.path(), 100);
            let mut left = changes;
            let content = read_while(&path, &seen, &mut Vec::new(), &mut || {
                if left > 0 {
                    left -= 1;
                    append(&path);
                }
            })
            .unwrap();
            let now = std::fs::read(&path).unwrap();
            assert_eq!(now.len(), 100 + 4 * changes);
            assert_eq!(content.digest, *blake3::hash(&now).as_bytes());
        }
    }

    #[test]
    fn a_file_that_never_rests_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        for size in [100, 3 * PIECE] {
            let (path, seen) = file(dir.path(), size);
            let content = read_while(&path, &seen, &mut Vec::new(), &mut || append(&path));
            assert!(matches!(content, Err(Unread::Changing)));
        }
    }

    #[test]
    fn a_file_that_shrank_is_read_as_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let (path, seen) = file(dir.path(), 100);
        File::create(&path).unwrap();
        let content = read(&path, &seen, &mut Vec::new()).unwrap();
        assert_eq!(content.digest, *blake3::hash(b"").as_bytes());
        assert_eq!(content.stamp.size, 0);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, seen) = file(dir.path(), 100);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(read(&path, &seen, &mut Vec::new()), Err(Unread::Error(_))));
    }
}
