//! The deeds on files. Each leaves what its plan says, or an error and nothing half-done.

mod bundle;
mod copy;
mod error;
mod tidy;
mod wheel;

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

pub use self::bundle::{Kept, keep_bundle};
pub use self::copy::copy_tree;
pub use self::error::FileError;
pub use self::tidy::tidy;
pub use self::wheel::write_wheel;
use crate::spec::plan::IfThere;

/// With what the names begin that exist only while something is made; whoever finds an old one
/// (scaf was killed outright) may remove it.
pub const UNFINISHED: &str = ".scaf-new-";

/// A file as text.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|error| FileError::new("read", path, error))
}

/// Asked now and then by what takes long: the signal that is to end it, if one has come.
pub type Stop<'a> = &'a (dyn Fn() -> Option<i32> + Sync);

/// Makes the folder and those above it; already there is fine.
pub fn make_directory(path: &Path) -> Result<(), FileError> {
    match fs::create_dir_all(path) {
        Ok(()) => Ok(()),
        // What is in the way stands at this path or above it.
        Err(error) => Err(FileError::new("make the folder", in_the_way(path), error)),
    }
}

/// The lowest of the path's folders that is something else than a folder; the path itself if none is.
fn in_the_way(path: &Path) -> &Path {
    path.ancestors().find(|above| above.symlink_metadata().is_ok() && !above.is_dir()).unwrap_or(path)
}

/// Writes a file whole: at every moment there is the old one, the new one, or none. An existing
/// file's mode stays; a symlink stays, and what it leads to is written. Says whether it was written.
pub fn write_whole(
    path: &Path,
    content: impl AsRef<[u8]>,
    executable: bool,
    if_there: IfThere,
) -> Result<bool, FileError> {
    let failed = |error| FileError::new("write", path, error);
    let place = match if_there {
        IfThere::Refuse | IfThere::Keep => path.to_owned(),
        IfThere::Replace => last_of_links(path)?,
    };
    let there = match fs::symlink_metadata(&place) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(FileError::new("write", in_the_way(&place), error)),
    };
    match (&there, if_there) {
        (Some(_), IfThere::Refuse) => return Err(FileError::AlreadyThere { path: path.to_owned() }),
        (Some(_), IfThere::Keep) => return Ok(false),
        (Some(there), IfThere::Replace) if there.is_dir() => {
            return Err(FileError::IsFolder { path: path.to_owned() });
        }
        _ => {}
    }
    let folder = folder_of(&place);
    make_directory(folder)?;
    // Made with all that the caller's umask allows, and none of what it forbids.
    let mut beside = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(if executable { 0o777 } else { 0o666 }))
        .tempfile_in(folder)
        .map_err(failed)?;
    beside.write_all(content.as_ref()).map_err(failed)?;
    if let Some(there) = there {
        let allowed = beside.as_file().metadata().map_err(failed)?.permissions().mode();
        let mode = (there.permissions().mode() & 0o7777) | (allowed & 0o111);
        beside.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    }
    let renamed = match if_there {
        IfThere::Replace => beside.persist(&place),
        IfThere::Refuse | IfThere::Keep => beside.persist_noclobber(&place),
    };
    match renamed {
        Ok(_) => Ok(true),
        // Another one was faster.
        Err(late) if late.error.kind() == io::ErrorKind::AlreadyExists && if_there == IfThere::Keep => {
            Ok(false)
        }
        Err(other) => Err(failed(other.error)),
    }
}

/// Writes a copy of a file; what it may be of the mode goes with it.
pub fn copy_file(from: &Path, to: &Path, if_there: IfThere) -> Result<(), FileError> {
    let failed = |error| FileError::new("read", from, error);
    let content = fs::read(from).map_err(failed)?;
    let executable = fs::metadata(from).map_err(failed)?.permissions().mode() & 0o111 != 0;
    write_whole(to, content, executable, if_there)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Where a write through the path would end, whether there is something or not.
fn last_of_links(path: &Path) -> Result<PathBuf, FileError> {
    let mut place = path.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        match fs::read_link(&place) {
            Ok(target) => place = folder_of(&place).join(target),
            Err(_) => return Ok(place),
        }
    }
    Err(FileError::new("write", path, rustix::io::Errno::LOOP.into()))
}

/// Makes a symlink; the same one already there is fine.
pub fn symlink(link: &Path, target: &Path) -> Result<(), FileError> {
    make_directory(folder_of(link))?;
    match std::os::unix::fs::symlink(target, link) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::read_link(link) {
            Ok(there) if there == target => Ok(()),
            Ok(there) => {
                Err(FileError::OtherLink { path: link.to_owned(), there, wanted: target.to_owned() })
            }
            Err(_) => Err(FileError::AlreadyThere { path: link.to_owned() }),
        },
        Err(error) => Err(FileError::new("make the symlink", link, error)),
    }
}

/// Removes a file, a symlink (not what it leads to), or a folder with all in it; absent is fine.
pub fn remove(path: &Path) -> Result<(), FileError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(())
        }
        Err(error) => Err(FileError::new("remove", path, error)),
    }
}

/// Removes a folder that counts as whole as long as it has its name: it loses that at once, so that a
/// removal which breaks off leaves nothing half-there. `aside` is beside it.
pub fn remove_whole(path: &Path, aside: &Path) -> Result<(), FileError> {
    remove(aside)?;
    match rename_to_nothing(path, aside) {
        Ok(()) => remove(aside),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(())
        }
        Err(error) => Err(FileError::new("remove", path, error)),
    }
}

/// Removes a symlink; what is none, or not there, stays as it is.
pub fn unlink(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => remove(path),
        _ => Ok(()),
    }
}

/// Gives a file or folder another name, at once; nothing is ever overwritten.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    if let Err(error) = fs::symlink_metadata(from) {
        return Err(FileError::new("rename", from, error));
    }
    make_directory(folder_of(to))?;
    rename_to_nothing(from, to).map_err(|error| FileError::new("make", to, error))
}

/// rename(2) that fails when there is something.
fn rename_to_nothing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag (NFS); there remains a moment between the two.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            match fs::symlink_metadata(to) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => fs::rename(from, to),
            }
        }
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests;
