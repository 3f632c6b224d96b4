//! Reads an experiment's requirements, with every file that one of them names by `-r` or `-c`.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::small_file;
use crate::project::python::requirements::{self, File};
use crate::spec::hint::{Explain, Fault};

#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    #[error("{file}:{line}: `{path}` is not there")]
    Missing { file: String, line: usize, path: String },
    #[error("{file}:{line}: `{path}` leads back to this file")]
    Loop { file: String, line: usize, path: String },
    #[error("{file}:{line}: `{path}` is not on this machine, so it cannot be known what it asks for")]
    Address { file: String, line: usize, path: String },
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not UTF-8 text", path.display())]
    NotText { path: PathBuf },
}

impl RequirementsError {
    /// File, line, and what is wrong there.
    pub fn place(&self) -> Option<(&str, usize, String)> {
        match self {
            Self::Missing { file, line, .. }
            | Self::Loop { file, line, .. }
            | Self::Address { file, line, .. } => {
                let text = self.to_string();
                let what = text.strip_prefix(&format!("{file}:{line}: ")).unwrap_or(&text).to_owned();
                Some((file, *line, what))
            }
            Self::Read { .. } | Self::NotText { .. } => None,
        }
    }
}

impl Explain for RequirementsError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Missing { .. } | Self::Loop { .. } | Self::Address { .. } | Self::NotText { .. } => {
                Fault::User
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { .. } => {
                vec!["a path is relative to the file that names it".to_owned()]
            }
            Self::Loop { .. } => vec!["take one of the lines out".to_owned()],
            Self::Address { .. } => vec!["keep a copy of it in `environment/`".to_owned()],
            Self::NotText { .. } => vec!["save it as UTF-8".to_owned()],
            Self::Read { .. } => Vec::new(),
        }
    }
}

/// Reads `name` of the folder, then what it names, each once and in the order in which an installer meets it.
pub fn read(folder: &Path, name: &str) -> Result<Vec<File>, RequirementsError> {
    let mut reader = Reader { folder, open: Vec::new(), files: Vec::new(), seen: Vec::new() };
    reader.file(&folder.join(name), false)?;
    Ok(reader.files)
}

struct Reader<'a> {
    folder: &'a Path,
    /// Those whose lines are being followed.
    open: Vec<PathBuf>,
    files: Vec<File>,
    seen: Vec<(PathBuf, bool)>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, constraint: bool) -> Result<(), RequirementsError> {
        let failed = |source| RequirementsError::Read { path: path.to_owned(), source };
        let bytes = small_file::read(path).map_err(failed)?;
        let text =
            String::from_utf8(bytes).map_err(|_| RequirementsError::NotText { path: path.to_owned() })?;
        let shown = shown(self.folder, path);
        let read = requirements::read(&text);
        let includes = read.includes.clone();
        let file = File { shown: shown.clone(), text, constraint, read };
        // Most name no others, and need no names to tell them apart.
        if self.files.is_empty() && includes.is_empty() {
            self.files.push(file);
            return Ok(());
        }
        let real = path.canonicalize().map_err(failed)?;
        let key = (real.clone(), constraint);
        if self.seen.contains(&key) {
            return Ok(());
        }
        self.seen.push(key);
        self.files.push(file);
        self.open.push(real);
        for include in includes {
            let told = || (shown.clone(), include.line, include.path.clone());
            if requirements::is_elsewhere(&include.path) {
                let (file, line, path) = told();
                return Err(RequirementsError::Address { file, line, path });
            }
            let plain = include.path.strip_prefix("file://").unwrap_or(&include.path);
            let next = path.parent().unwrap_or(self.folder).join(plain);
            let Ok(real) = next.canonicalize() else {
                let (file, line, path) = told();
                return Err(RequirementsError::Missing { file, line, path });
            };
            if self.open.contains(&real) {
                let (file, line, path) = told();
                return Err(RequirementsError::Loop { file, line, path });
            }
            self.file(&next, include.constraint)?;
        }
        self.open.pop();
        Ok(())
    }
}

/// Relative to the folder, without `.` and with only the `..` that lead out of it.
fn shown(folder: &Path, path: &Path) -> String {
    let mut plain = PathBuf::new();
    for part in path.strip_prefix(folder).unwrap_or(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("environment").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        }
        dir
    }

    fn read_in(dir: &tempfile::TempDir) -> Result<Vec<File>, RequirementsError> {
        read(&dir.path().join("environment"), "requirements.txt")
    }

    #[test]
    fn every_file_once_in_order() {
        let dir = folder(&[
            ("requirements.txt", "-r more/base.txt\n-c pins.txt\nx==1\n-r ../shared.txt\n"),
            ("more/base.txt", "-r ./deep.txt\n-c ../pins.txt\ny\n"),
            ("more/deep.txt", "z==3\n"),
            ("pins.txt", "y==2\n"),
            ("../shared.txt", "-r environment/more/deep.txt\n"),
        ]);
        let files = read_in(&dir).unwrap();
        let shown: Vec<_> = files.iter().map(|file| (file.shown.as_str(), file.constraint)).collect();
        assert_eq!(
            shown,
            [
                ("requirements.txt", false),
                ("more/base.txt", false),
                ("more/deep.txt", false),
                ("pins.txt", true),
                ("../shared.txt", false)
            ]
        );
        assert_eq!(requirements::loose(&files), []);
    }

    #[test]
    fn what_is_not_there_goes_in_circles_or_is_elsewhere_is_told_with_its_line() {
        for (base, wanted) in [
            ("\n-r none.txt\n", "base.txt:2: `none.txt` is not there"),
            ("-c requirements.txt\n", "base.txt:1: `requirements.txt` leads back to this file"),
            ("-r base.txt\n", "base.txt:1: `base.txt` leads back to this file"),
            ("-r https://h/x.txt\n", "base.txt:1: `https://h/x.txt` is not on this machine"),
        ] {
            let dir = folder(&[("requirements.txt", "-r base.txt\n"), ("base.txt", base)]);
            let error = read_in(&dir).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
