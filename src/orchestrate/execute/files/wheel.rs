//! Writes a wheel of files of this machine.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{FileError, UNFINISHED, folder_of, make_directory};
use crate::spec::wheel::{Wheel, WheelError};

/// Whole or not at all, and only if its bytes are those that were meant.
pub fn write_wheel(path: &Path, wheel: &Wheel, sha256: &str) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    let folder = folder_of(path);
    make_directory(folder)?;
    let beside = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut out = BufWriter::new(beside);
    let sum = wheel.write(&mut out, &mut |file| fs::File::open(file)).map_err(|error| match error {
        WheelError::Read { path, source } => FileError::new("read", &path, source),
        WheelError::Changed { path } => FileError::Changed { paths: vec![path] },
        WheelError::Write(source) => failed(source),
        WheelError::TooLarge { .. } => failed(io::Error::other(error.to_string())),
    })?;
    out.flush().map_err(failed)?;
    let beside = out.into_inner().map_err(|error| failed(error.into_error()))?;
    // A plan that was stored and taken up again may have been edited.
    if sum.sha256 != sha256 {
        return Err(FileError::OtherDigest { path: path.to_owned(), digest: sha256.to_owned() });
    }
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
