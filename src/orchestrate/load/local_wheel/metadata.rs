//! The dist-info of a wheel: what the installed one says of the distribution, and nothing of how it was installed.

use std::fs;
use std::io;
use std::path::Path;

use super::LocalWheelError;
use super::files::{From, Piece};
use crate::orchestrate::load::installed::{Distribution, Kind};
use crate::project::python::egg_info;

/// Written by installers for themselves, or made anew.
const NOT_ITS_OWN: [&str; 8] = [
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "WHEEL",
    "uv_cache.json",
    "uv_build.json",
    "installed-files.txt",
];
/// Of an egg-info: what only a build reads, and what `METADATA` has.
const OF_EGGS: [&str; 7] = [
    "PKG-INFO",
    "SOURCES.txt",
    "requires.txt",
    "dependency_links.txt",
    "zip-safe",
    "not-zip-safe",
    "native_libs.txt",
];

pub fn files(distribution: &Distribution, dist_info: &str) -> Result<Vec<Piece>, LocalWheelError> {
    let refuse = |path: &Path, what| {
        Err(LocalWheelError::Metadata { name: distribution.name().to_owned(), path: path.to_owned(), what })
    };
    let metadata = distribution.metadata();
    if metadata.name.is_none() {
        return refuse(&distribution.path, "says no name");
    }
    if metadata.version.is_none() {
        return refuse(&distribution.path, "says no version");
    }
    let mut pieces = Vec::new();
    match distribution.kind {
        Kind::DistInfo => take(&distribution.path, dist_info, &NOT_ITS_OWN, &mut pieces)?,
        Kind::EggInfo | Kind::Egg => {
            take(&distribution.path, dist_info, &[&NOT_ITS_OWN[..], &OF_EGGS].concat(), &mut pieces)?;
            pieces.push(of_egg(distribution, &distribution.path.join("PKG-INFO"), dist_info)?);
        }
        Kind::EggInfoFile => pieces.push(of_egg(distribution, &distribution.path, dist_info)?),
        Kind::Conda => return refuse(&distribution.path, "is no metadata of a Python distribution"),
    }
    Ok(pieces)
}

fn of_egg(distribution: &Distribution, file: &Path, dist_info: &str) -> Result<Piece, LocalWheelError> {
    let bytes = fs::read(file).map_err(|source| LocalWheelError::Read { path: file.to_owned(), source })?;
    let text = egg_info::as_metadata(
        &String::from_utf8_lossy(&bytes),
        distribution.requires(),
        distribution.extras(),
    );
    Ok(Piece { path: format!("{dist_info}/METADATA"), from: From::Text { text, executable: false } })
}

/// Everything in the folder and below but for some names at its top.
fn take(folder: &Path, into: &str, not: &[&str], pieces: &mut Vec<Piece>) -> Result<(), LocalWheelError> {
    let failed = |source: io::Error| LocalWheelError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if not.contains(&name.as_str()) || name == "__pycache__" || name.starts_with('.') {
            continue;
        }
        let path = format!("{into}/{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            take(&entry.path(), &path, &[], pieces)?;
        } else if entry.path().is_file() {
            pieces.push(Piece { path, from: From::File(entry.path()) });
        }
    }
    Ok(())
}
