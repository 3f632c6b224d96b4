//! The files of a source tree that go into a wheel: links followed, what tools leave there left out.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{From, Piece};
use super::{LocalWheelError, Request};
use crate::orchestrate::load::bundle;
use crate::orchestrate::load::bundle::walk::{Found, walk};

/// Where a package lies, whose it is, and how far its links may lead.
pub struct Tree<'a> {
    pub name: &'a str,
    pub folder: &'a Path,
    /// Its path in the wheel.
    pub prefix: &'a str,
    /// The source tree that it is part of.
    pub inside: &'a Path,
}

pub fn files(request: &Request<'_>, tree: &Tree<'_>) -> Result<Vec<Piece>, LocalWheelError> {
    let Tree { name, folder, prefix, inside } = tree;
    let read = |path: &Path| {
        let failed = |source| LocalWheelError::Read { path: path.to_owned(), source };
        fs::canonicalize(path).map_err(failed)
    };
    // One that is about to be made is not there yet.
    let experiment = fs::canonicalize(request.experiment).unwrap_or_else(|_| request.experiment.to_owned());
    let (real, around) = (read(folder)?, read(inside)?);
    if experiment.starts_with(&real) {
        let (name, folder) = ((*name).to_owned(), (*folder).to_owned());
        return Err(LocalWheelError::HoldsExperiment { name, folder });
    }
    let root = if real.starts_with(&around) { around } else { real.clone() };
    let walked = walk(&bundle::Request { root: &root, source: &real, ignore_files: &[], cache: None });
    let mut problems: Vec<(PathBuf, String)> = Vec::new();
    for problem in &walked.problems {
        let below = problem.path().strip_prefix(&real).unwrap_or(problem.path());
        if !is_left_out(&below.to_string_lossy()) {
            problems.push((folder.join(below), problem.to_string()));
        }
    }
    if !problems.is_empty() {
        problems.sort();
        return Err(LocalWheelError::Tree { name: (*name).to_owned(), problems });
    }
    let files = walked.files.into_iter().filter(|found| !is_left_out(&found.path));
    Ok(files
        .map(|Found { path, origin, executable: _, stamp: _ }| {
            let file = origin.unwrap_or_else(|| real.join(&path));
            let path = if prefix.is_empty() { path } else { format!("{prefix}/{path}") };
            Piece { path, from: From::File(file) }
        })
        .collect())
}

/// What no build of a package takes along: hidden names, what was built before, other people's packages.
fn is_left_out(path: &str) -> bool {
    path.split('/').any(|part| {
        part.starts_with('.')
            || matches!(part, "__pycache__" | "node_modules" | "site-packages" | "__pypackages__")
            || part.ends_with(".egg-info")
            || part.ends_with(".dist-info")
            || part.ends_with(".pyc")
            || part.ends_with(".pyo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_leave_behind_is_left_out() {
        for path in
            [".git/HEAD", "a/.env", "a/__pycache__/b.cpython-311.pyc", "x.egg-info/PKG-INFO", "a/b.pyo"]
        {
            assert!(is_left_out(path), "{path}");
        }
        for path in ["a/b.py", "a/data.bin", "a/_x.so", "a/_version.py", "git/x.py"] {
            assert!(!is_left_out(path), "{path}");
        }
    }
}
