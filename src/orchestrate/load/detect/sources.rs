//! Which files are looked at, and what they are.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::orchestrate::load::tree::Ignores;
use crate::spec::detection::Role;

/// A file with code, or with what names code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it is shown: relative to the folder that was asked for, where it is in it.
    pub shown: String,
    pub path: PathBuf,
    pub form: Form,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Python,
    Notebook,
    /// Class paths stand in it.
    Yaml,
}

impl Form {
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "py" | "pyw" => Some(Self::Python),
            "ipynb" => Some(Self::Notebook),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// What a file is for, by its path in the folder that is looked at.
pub fn role(shown: &str, form: Form) -> Role {
    let (folders, name) = shown.rsplit_once('/').unwrap_or(("", shown));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut parts = folders.split('/').filter(|part| !part.is_empty());
    // `test/` alone may be the data or the script of an evaluation; what pytest collects is a test.
    let is_test = folders.split('/').any(|part| part == "tests")
        || stem.starts_with("test_") && form == Form::Python
        || stem.ends_with("_test") && form == Form::Python
        || stem == "conftest";
    if is_test {
        return Role::Test;
    }
    let publishing = matches!(name, "setup.py" | "noxfile.py" | "fabfile.py" | "dodo.py" | "tasks.py")
        && folders.is_empty()
        || name == "setup.py"
        || parts.any(|part| matches!(part, "docs" | "doc"));
    if publishing {
        return Role::Publishing;
    }
    if form == Form::Notebook { Role::Notebook } else { Role::Code }
}

/// Everything of interest below a folder. Symlinks are followed as far as they lead out of it, and no
/// folder is entered twice.
pub fn below(folder: &Path, skip: &dyn Fn(&str) -> bool) -> Result<Vec<Source>, (PathBuf, io::Error)> {
    // Without a repository `.gitignore` says nothing about what is there.
    let in_repository = folder.ancestors().any(|above| above.join(".git").exists());
    let ignores = if in_repository { Ignores::of(folder) } else { Ignores::default() };
    let mut walk = Walk { skip, in_repository, seen: HashSet::new(), found: Vec::new() };
    walk.seen.insert(identity(folder).map_err(|error| (folder.to_owned(), error))?);
    walk.folder(folder, "", &ignores)?;
    // A link is followed after everything else, so that a file has its own path where it has one.
    walk.found.sort_by(|a, b| a.shown.cmp(&b.shown));
    Ok(walk.found)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

struct Walk<'a> {
    skip: &'a dyn Fn(&str) -> bool,
    in_repository: bool,
    seen: HashSet<(u64, u64)>,
    found: Vec<Source>,
}

impl Walk<'_> {
    fn folder(&mut self, dir: &Path, shown: &str, ignores: &Ignores) -> Result<(), (PathBuf, io::Error)> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            // Gone since it was listed, or not ours to read: the rest is still of use. The top itself must
            // be readable.
            Err(_) if !shown.is_empty() => return Ok(()),
            Err(error) => return Err((dir.to_owned(), error)),
        };
        let mut folders = Vec::new();
        let mut links = Vec::new();
        let mut has_rules = false;
        let before = self.found.len();
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name == "pyvenv.cfg" || name == "conda-meta" {
                self.found.truncate(before);
                return Ok(());
            }
            has_rules |= name == ".gitignore";
            if name.starts_with('.') {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_symlink() {
                links.push(name);
            } else if kind.is_file()
                && let Some(form) = Form::of(&name)
            {
                self.file(dir, shown, &name, form);
            }
        }
        let own;
        let ignores = if has_rules && self.in_repository {
            own = ignores.entering(dir);
            &own
        } else {
            ignores
        };
        if self.in_repository {
            let kept = self.found.split_off(before);
            self.found.extend(kept.into_iter().filter(|source| !ignores.exclude(&source.path, false)));
        }
        for name in folders {
            let path = dir.join(&name);
            let inner = join(shown, &name);
            if is_no_code(&name) || ignores.exclude(&path, true) || (self.skip)(&inner) {
                continue;
            }
            // Only a folder with links into it can be met twice, and links come after.
            if let Ok(identity) = identity(&path) {
                self.seen.insert(identity);
            }
            self.folder(&path, &inner, ignores)?;
        }
        for name in links {
            let path = dir.join(&name);
            let inner = join(shown, &name);
            let Ok(meta) = fs::metadata(&path) else { continue };
            if ignores.exclude(&path, meta.is_dir()) || (self.skip)(&inner) {
                continue;
            }
            if meta.is_dir() {
                if !is_no_code(&name) && self.seen.insert((meta.dev(), meta.ino())) {
                    self.folder(&path, &inner, ignores)?;
                }
            } else if meta.is_file()
                && let Some(form) = Form::of(&name)
            {
                self.file(dir, shown, &name, form);
            }
        }
        Ok(())
    }

    fn file(&mut self, dir: &Path, folder: &str, name: &str, form: Form) {
        let shown = join(folder, name);
        let role = role(&shown, form);
        self.found.push(Source { shown, path: dir.join(name), form, role });
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Folders that hold what tools have put there.
fn is_no_code(name: &str) -> bool {
    matches!(name, "__pycache__" | "node_modules" | "site-packages" | "__pypackages__")
        || name.ends_with(".egg-info")
        || name.ends_with(".dist-info")
}
