//! Walks a folder of the project as git sees it: what `.gitignore` files exclude is left out, and so are
//! hidden files, virtual environments and Python's caches.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::LoadError;

/// The ignore rules that hold in a folder, the nearest last.
#[derive(Clone, Default)]
pub struct Ignores(Vec<Arc<Gitignore>>);

impl Ignores {
    /// The rules that hold in a folder: its own and those above it, up to the repository's root. Where
    /// there is no repository, its own alone.
    pub fn of(dir: &Path) -> Self {
        let repository = dir.ancestors().position(|above| above.join(".git").exists()).unwrap_or(0);
        let mut folders: Vec<&Path> = dir.ancestors().take(repository + 1).collect();
        folders.reverse();
        let mut ignores = Self::default();
        for folder in folders {
            ignores.enter(folder);
        }
        ignores
    }

    /// With the rules of the folders between the one that these hold in and `dir`, which the walk itself
    /// looks into.
    pub fn down_to(&self, dir: &Path, from: &Path) -> Self {
        let mut ignores = self.clone();
        let mut folders: Vec<&Path> = dir.ancestors().skip(1).take_while(|above| *above != from).collect();
        folders.reverse();
        for folder in folders {
            ignores.enter(folder);
        }
        ignores
    }

    /// With the rules of one more folder, which lies in the one that these hold in.
    pub fn entering(&self, dir: &Path) -> Self {
        let mut ignores = self.clone();
        ignores.enter(dir);
        ignores
    }

    fn enter(&mut self, dir: &Path) {
        let file = dir.join(".gitignore");
        if !file.is_file() {
            return;
        }
        let mut builder = GitignoreBuilder::new(dir);
        // A line that is no pattern is skipped, as git skips it.
        let _ = builder.add(file);
        if let Ok(rules) = builder.build() {
            self.0.push(Arc::new(rules));
        }
    }

    /// Whether the rules exclude a path, which lies in the folder that they hold in.
    pub fn exclude(&self, path: &Path, is_dir: bool) -> bool {
        self.0
            .iter()
            .rev()
            .map(|rules| rules.matched(path, is_dir))
            .find(|matched| !matched.is_none())
            .is_some_and(|matched| matched.is_ignore())
    }
}

/// What a walk comes by.
pub enum Entry {
    File,
    Link,
    /// A named pipe, a socket, a device.
    Special,
    /// Its name is no text, so that the path is only like it.
    NoText,
}

/// Tells everything below a folder but the folders, by its path relative to it. `skip` says which folders,
/// by the same path, are not entered.
pub fn walk(
    dir: &Path,
    ignores: &Ignores,
    skip: &dyn Fn(&str) -> bool,
    tell: &mut dyn FnMut(&str, Entry),
) -> Result<(), LoadError> {
    let mut path = String::new();
    descend(dir, &mut path, ignores, skip, tell)
}

fn descend(
    dir: &Path,
    path: &mut String,
    ignores: &Ignores,
    skip: &dyn Fn(&str) -> bool,
    tell: &mut dyn FnMut(&str, Entry),
) -> Result<(), LoadError> {
    let failed = |source| LoadError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    let mut no_text = Vec::new();
    let mut has_rules = false;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = match entry.file_name().into_string() {
            Ok(name) => name,
            Err(name) => {
                let kind = entry.file_type().map_err(failed)?;
                if !ignores.exclude(&entry.path(), kind.is_dir()) {
                    no_text.push(name.to_string_lossy().into_owned());
                }
                continue;
            }
        };
        if name == "pyvenv.cfg" {
            return Ok(());
        }
        has_rules |= name == ".gitignore";
        if !name.starts_with('.') {
            found.push((name, entry.file_type().map_err(failed)?));
        }
    }
    let own;
    let ignores = if has_rules {
        let mut more = ignores.clone();
        more.enter(dir);
        own = more;
        &own
    } else {
        ignores
    };
    for name in no_text {
        let slash = if path.is_empty() { "" } else { "/" };
        tell(&format!("{path}{slash}{name}"), Entry::NoText);
    }
    for (name, kind) in found {
        let inner = dir.join(&name);
        if ignores.exclude(&inner, kind.is_dir()) {
            continue;
        }
        let before = path.len();
        if before > 0 {
            path.push('/');
        }
        path.push_str(&name);
        if kind.is_dir() {
            if name != "__pycache__" && name != "node_modules" && !skip(path) {
                descend(&inner, path, ignores, skip, tell)?;
            }
        } else if kind.is_symlink() {
            tell(path, Entry::Link);
        } else {
            tell(path, if kind.is_file() { Entry::File } else { Entry::Special });
        }
        path.truncate(before);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(dir: &Path, below: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let below = dir.join(below);
        // As the callers do: the rules of the project's root, then those on the way.
        let ignores = Ignores::of(dir).down_to(&below, dir);
        walk(&below, &ignores, &|path| path == "skipped", &mut |path, _| seen.push(path.to_owned())).unwrap();
        seen.sort();
        seen
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    #[test]
    fn what_git_ignores_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "src/a/x.py",
            "src/a/outputs/y.py",
            "src/a/deep/z.py",
            "src/a/deep/local.py",
            "src/a/deep/kept.log",
            "src/a/first.txt",
            "src/a/second.txt",
            "src/a/deep/other.log",
            "src/a/.hidden/x.py",
            "src/a/__pycache__/x.pyc",
            "src/a/venv/pyvenv.cfg",
            "src/a/venv/lib/x.py",
            "src/a/skipped/x.py",
        ] {
            write(&dir.path().join(path), "");
        }
        write(&dir.path().join(".gitignore"), "/src/**/outputs/\n**/local.py\n");
        write(&dir.path().join("src/.gitignore"), "first.txt\n");
        write(&dir.path().join("src/a/.gitignore"), "second.txt\n");
        write(&dir.path().join("src/a/deep/.gitignore"), "*.log\n!kept.log\n");
        assert_eq!(seen(dir.path(), "src/a"), ["deep/kept.log", "deep/z.py", "x.py"]);
    }
}
