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
    let file = open(path)?;
    let mut bytes = Vec::new();
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.len() > limit {
        return Err(io::Error::other(format!("it is larger than {} MiB", limit >> 20)));
    }
    bytes.reserve_exact(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The headers of a `METADATA`, without the description behind them.
pub(super) fn headers(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::with_capacity(PIECE);
    loop {
        let have = bytes.len();
        let got = file.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        // The end may lie across two pieces.
        let from = have.saturating_sub(3);
        if got == 0 || metadata::end(&bytes[from..]).is_some() || bytes.len() as u64 > SMALL {
            return Ok(bytes);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe would hold us up until somebody writes into it.
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)
}
