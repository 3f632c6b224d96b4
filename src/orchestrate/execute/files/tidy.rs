//! Takes out of a run's scratch folder what the run did not make.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::FileError;
use crate::orchestrate::load::bundle::content::{self, PIECE};
use crate::orchestrate::spread::spread;
use crate::spec::plan::NOISE;

/// Removes the unchanged copies of the bundle's files, the caches that Python's tools make, and
/// empty folders, the scratch folder itself included. What is left is what the run wrote or changed:
/// sorted, relative to the scratch folder, or to the copy where that lies elsewhere. No symlink is
/// followed, and what cannot be removed is left and named.
pub fn tidy(scratch: &Path, copy: Option<&Path>, bundle: Option<&Path>) -> Result<Vec<PathBuf>, FileError> {
    if let (Some(copy), Some(bundle)) = (copy, bundle)
        && is_folder(copy)
    {
        let mut files = Vec::new();
        list(copy, Path::new(""), &mut files);
        spread(files.len(), files.len() as u64 * 4096, Buffers::default, |buffers, index| {
            let file: &PathBuf = &files[index];
            let mine = copy.join(file);
            if same(&mine, &bundle.join(file), buffers) {
                // Left and named, when it cannot be removed.
                let _ = fs::remove_file(&mine);
            }
            Ok::<(), FileError>(())
        })?;
    }
    let mut left = Vec::new();
    if is_folder(scratch) {
        sweep(scratch, Path::new(""), &mut left);
    }
    if let Some(copy) = copy
        && !copy.starts_with(scratch)
        && is_folder(copy)
    {
        sweep(copy, Path::new(""), &mut left);
    }
    left.sort();
    Ok(left)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_dir())
}

/// The regular files below the folder, as far as it can be read.
fn list(top: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(top.join(below)).into_iter().flatten().flatten() {
        let path = below.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(top, &path, files),
            Ok(kind) if kind.is_file() => files.push(path),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Removes noise and empty folders; true when nothing is left and the folder is gone.
fn sweep(top: &Path, below: &Path, left: &mut Vec<PathBuf>) -> bool {
    let folder = top.join(below);
    let Ok(entries) = fs::read_dir(&folder) else {
        left.push(below.to_owned());
        return false;
    };
    let mut empty = true;
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder
            && NOISE.iter().any(|noise| entry.file_name() == *noise)
            && fs::remove_dir_all(entry.path()).is_ok()
        {
            continue;
        }
        if is_folder {
            empty &= sweep(top, &path, left);
        } else {
            left.push(path);
            empty = false;
        }
    }
    empty && fs::remove_dir(&folder).is_ok()
}

#[derive(Default)]
struct Buffers(Vec<u8>, Vec<u8>);

/// Whether two regular files have the same content.
fn same(one: &Path, other: &Path, buffers: &mut Buffers) -> bool {
    let regular = |path: &Path| {
        fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file).map(|there| there.len())
    };
    match (regular(one), regular(other)) {
        (Some(size), Some(same)) if size == same => {}
        _ => return false,
    }
    let compare = || -> io::Result<bool> {
        let (mut one, mut other) = (content::open(one)?, content::open(other)?);
        let Buffers(left, right) = buffers;
        left.resize(PIECE, 0);
        right.resize(PIECE, 0);
        loop {
            let length = fill(&mut one, left)?;
            if fill(&mut other, right)? != length || left[..length] != right[..length] {
                return Ok(false);
            }
            if length < PIECE {
                return Ok(true);
            }
        }
    };
    let mut compare = compare;
    compare().unwrap_or(false)
}

/// Reads until the buffer is full or the file at its end.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
