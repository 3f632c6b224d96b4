//! Reading files that others wrote: no more than a limit, and never waiting for one that is no file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::project::python::metadata;

/// For files of a few lines.
pub(super) const SMALL: u64 = 1 << 20;
/// For lists of files: that of a large package has 2 MB.
pub(super) const LARGE: u64 = 256 << 20;
/// Headers are read so far at a time.
const PIECE: usize = 8 * 1024;

/// The bytes of a file; an error where it is larger.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = vec![0; PIECE];
    let mut have = 0;
    loop {
        let got = file.read(&mut bytes[have..])?;
        have += got;
        if got == 0 {
            // What is not a file is told of by reading it, or, a pipe, reads as empty.
            if have == 0 && !file.metadata()?.is_file() {
                return Err(io::Error::other("it is no file"));
            }
            bytes.truncate(have);
            return Ok(bytes);
        }
        // Most of these are a few lines, of which the length need not be asked for.
        if have < bytes.len() {
            continue;
        }
        let whole = file.metadata()?.len();
        if whole > limit || have as u64 > limit {
            return Err(io::Error::other(format!("it is larger than {} MiB", limit >> 20)));
        }
        let more = usize::try_from(whole).unwrap_or(0).saturating_sub(have).max(PIECE);
        bytes.resize(have + more + 1, 0);
    }
}

/// The headers of a `METADATA`, without the description behind them.
pub(super) fn headers(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = vec![0; PIECE];
    let mut have = 0;
    loop {
        let got = file.read(&mut bytes[have..])?;
        // The end may lie across two pieces.
        let from = have.saturating_sub(3);
        have += got;
        let is_whole = got == 0 || metadata::end(&bytes[from..have]).is_some() || have as u64 > SMALL;
        if is_whole {
            bytes.truncate(have);
            return Ok(bytes);
        }
        if have == bytes.len() {
            bytes.resize(2 * have, 0);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe would hold us up until somebody writes into it.
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)
}
