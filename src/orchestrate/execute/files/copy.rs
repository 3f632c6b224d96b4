//! Copies a tree.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{FileError, Stop, folder_of, make_directory};
use crate::orchestrate::load::bundle::content::{self, PIECE};
use crate::orchestrate::spread::spread;

/// Makes `to`, a copy of the folder `from` that its owner may write to. Symlinks stay symlinks. After
/// a failure `to` is not there.
pub fn copy_tree(from: &Path, to: &Path, stop: Stop<'_>) -> Result<(), FileError> {
    make_directory(folder_of(to))?;
    match fs::create_dir(to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Empty is as good as not there.
            let _ = fs::remove_dir(to);
            fs::create_dir(to).map_err(|error| FileError::new("make the folder", to, error))?;
        }
        Err(error) => return Err(FileError::new("make the folder", to, error)),
    }
    let copied = copy_into(from, to, stop);
    if copied.is_err() {
        // The failure that matters is the first one.
        let _ = fs::remove_dir_all(to);
    }
    copied
}

fn copy_into(from: &Path, to: &Path, stop: Stop<'_>) -> Result<(), FileError> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    collect(from, to, Path::new(""), &mut folders, &mut files)?;
    // How much there is to read is not known without asking each file.
    let bytes = files.len() as u64 * 4096;
    spread(files.len(), bytes, Vec::new, |buffer: &mut Vec<u8>, index| {
        let file: &PathBuf = &files[index];
        if let Some(signal) = stop() {
            return Err(FileError::Interrupted { path: to.to_owned(), signal });
        }
        copy_file(&from.join(file), &to.join(file), buffer)
    })?;
    // Last, since a mode may forbid to write into a folder. The deepest first.
    for (folder, mode) in folders.into_iter().rev() {
        let place = to.join(folder);
        let failed = |error: io::Error| FileError::new("make the folder", &place, error);
        let now = fs::metadata(&place).map_err(failed)?.mode();
        let wanted = (now & mode) | 0o200;
        if now & 0o7777 != wanted {
            rustix::fs::chmod(&place, Mode::from_raw_mode(wanted))
                .map_err(|error| FileError::new("make the folder", &place, error.into()))?;
        }
    }
    Ok(())
}

/// Makes the folders and symlinks, and lists the files.
fn collect(
    from: &Path,
    to: &Path,
    below: &Path,
    folders: &mut Vec<(PathBuf, u32)>,
    files: &mut Vec<PathBuf>,
) -> Result<(), FileError> {
    let folder = from.join(below);
    let failed = |error| FileError::new("read", &folder, error);
    folders.push((below.to_owned(), fs::metadata(&folder).map_err(failed)?.mode() & 0o777));
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let path = below.join(entry.file_name());
        let place = to.join(&path);
        if kind.is_dir() {
            fs::create_dir(&place).map_err(|error| FileError::new("make the folder", &place, error))?;
            collect(from, to, &path, folders, files)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).map_err(failed)?;
            std::os::unix::fs::symlink(target, &place)
                .map_err(|error| FileError::new("make the symlink", &place, error))?;
        } else if kind.is_file() {
            files.push(path);
        } else {
            return Err(FileError::Special { path: entry.path() });
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, buffer: &mut Vec<u8>) -> Result<(), FileError> {
    let reading = |error| FileError::new("read", from, error);
    let writing = |error| FileError::new("write", to, error);
    let mut source = content::open(from).map_err(reading)?;
    let there = source.metadata().map_err(reading)?;
    let mut target = create(to, (there.mode() & 0o777) | 0o200).map_err(writing)?;
    if there.len() > PIECE as u64 {
        // Inside the kernel, and shared where the file system can.
        io::copy(&mut source, &mut target).map_err(writing)?;
        return Ok(());
    }
    buffer.resize(PIECE, 0);
    let mut copied = 0;
    loop {
        let length = match source.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(reading(error)),
        };
        target.write_all(&buffer[..length]).map_err(writing)?;
        copied += length as u64;
        if length == 0 || copied == there.len() {
            return Ok(());
        }
    }
}

/// A new file, with the mode as far as the caller's umask allows it.
pub(super) fn create(path: &Path, mode: u32) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(openat(CWD, path, flags, Mode::from_raw_mode(mode))?))
}
