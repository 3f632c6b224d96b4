//! Reads what an experiment's `environment/` pins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::requirements::{self, RequirementsError};
use super::{small_file, specifications};
use crate::project::python::specs::{Kind, Platform};
use crate::spec::hint::{Explain, Fault};
use crate::spec::pinned::{DOCKERFILE, LOCK, Lock, Pinned, REQUIREMENTS};

#[derive(Debug, thiserror::Error)]
pub enum PinnedError {
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Explain for PinnedError {
    fn fault(&self) -> Fault {
        match self {
            Self::Requirements(error) => error.fault(),
            Self::Read { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Requirements(error) => error.hints(),
            Self::Read { .. } => Vec::new(),
        }
    }
}

/// Reads the folder; one that is not there pins nothing.
pub fn read(folder: &Path) -> Result<Pinned, PinnedError> {
    read_with(folder, DOCKERFILE)
}

/// The same with a Dockerfile of another name, relative to the folder.
pub fn read_with(folder: &Path, dockerfile: &str) -> Result<Pinned, PinnedError> {
    let dockerfile = text(&folder.join(dockerfile))?;
    let there = folder.join(REQUIREMENTS).exists();
    let files = if there { requirements::read(folder, REQUIREMENTS)? } else { Vec::new() };
    let lock = text(&folder.join(LOCK))?.map(Lock::of);
    let elsewhere = dockerfile.as_deref().map_or_else(BTreeSet::new, |text| elsewhere(folder, text));
    Ok(Pinned { dockerfile, files, lock, elsewhere })
}

/// `None` where there is no such file. What is no UTF-8 is read as far as it is.
fn text(path: &Path) -> Result<Option<String>, PinnedError> {
    match small_file::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(PinnedError::Read { path: path.to_owned(), source }),
    }
}

/// What the folder's other lists name, as far as the Dockerfile names the lists.
fn elsewhere(folder: &Path, dockerfile: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let words = dockerfile.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let is_list =
        |word: &&str| *word != REQUIREMENTS && Kind::of(word).is_some_and(|kind| kind != Kind::Dockerfile);
    for file in words.filter(is_list).collect::<BTreeSet<&str>>() {
        let path = folder.join(file);
        if path.is_file()
            && let Ok(read) = specifications::read(&path, &Platform::of("linux", "x86_64"), &BTreeMap::new())
        {
            names.extend(read.pins.into_iter().map(|pin| pin.normalised));
        }
    }
    names
}

/// The modules at the top of an experiment, which come before everything that is installed: name and file.
pub fn top_modules(experiment: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(experiment).into_iter().flatten().flatten() {
        let Ok(file) = entry.file_name().into_string() else { continue };
        if let Some(stem) = file.strip_suffix(".py") {
            found.push((stem.to_owned(), file.clone()));
        } else if entry.path().join("__init__.py").is_file() {
            found.push((file.clone(), format!("{file}/__init__.py")));
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        }
        dir
    }

    #[test]
    fn everything_that_the_dockerfile_installs_from() {
        let dir = folder(&[
            ("Dockerfile", "FROM python:3.11\nCOPY requirements* conda.yml ./\n"),
            ("requirements.txt", "-r base.txt\n"),
            ("base.txt", "numpy==1\n"),
            ("requirements.lock", "numpy==1\n"),
            ("conda.yml", "dependencies:\n  - pytorch=2.1\n"),
            ("pixi.toml", "[dependencies]\nscipy = '*'\n"),
        ]);
        let read = read(dir.path()).unwrap();
        assert_eq!(read.files.len(), 2);
        assert_eq!(read.lock.unwrap().read.pins.len(), 1);
        assert_eq!(read.elsewhere.into_iter().collect::<Vec<_>>(), ["torch"]);
        let nothing = super::read(&dir.path().join("none")).unwrap();
        assert!(nothing.dockerfile.is_none() && nothing.files.is_empty() && nothing.lock.is_none());
    }

    #[test]
    fn modules_at_the_top() {
        let dir = folder(&[("a.py", ""), ("b/__init__.py", ""), ("c/x.py", ""), ("d.txt", "")]);
        let found = top_modules(dir.path());
        assert_eq!(
            found,
            [("a", "a.py"), ("b", "b/__init__.py")].map(|(name, file)| (name.to_owned(), file.to_owned()))
        );
    }
}
