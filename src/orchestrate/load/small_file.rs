//! Reads a file that is small most likely.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{read as read_some, retry_on_intr};

/// Nearly all files of code fit into it.
const USUAL: usize = 16 << 10;

/// What `std::fs::read` gives, for a question less: that asks for the size first.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_in(CWD, path)
}

/// The same with a path from an open folder.
pub fn read_in(folder: BorrowedFd<'_>, path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| openat(folder, path, flags, Mode::empty()))?;
    let mut bytes = Vec::with_capacity(USUAL);
    loop {
        if retry_on_intr(|| read_some(&file, spare_capacity(&mut bytes)))? == 0 {
            return Ok(bytes);
        }
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len());
        }
    }
}

/// Opens a folder for that.
pub fn folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| openat(CWD, path, flags, Mode::empty()))?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn files_of_all_sizes_are_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for size in [0, 1, USUAL - 1, USUAL, USUAL + 1, 2 * USUAL, 5 * USUAL + 3] {
            let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            io::Write::write_all(&mut File::create(&path).unwrap(), &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), bytes, "{size}");
            let folder = folder(dir.path()).unwrap();
            assert_eq!(read_in(folder.as_fd(), Path::new("file")).unwrap(), bytes, "{size}");
        }
        assert_eq!(read(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read(dir.path()).unwrap_err().kind(), fs::read(dir.path()).unwrap_err().kind());
    }
}
