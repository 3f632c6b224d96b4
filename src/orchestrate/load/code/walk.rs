//! A folder of code with everything in it that an experiment can have: links are followed, and what cannot be taken along is
//! said with the reason.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Left, SIZE_MAX};
use crate::orchestrate::load::tree::Ignores;
use crate::project::layout::{COMMON, IGNORE};
use crate::spec::byte_size;

/// More files than this are no experiment; a home folder has them.
pub const FILES_MAX: usize = 20_000;
/// No path of code is this deep; a chain of links may be.
const DEPTH_MAX: usize = 64;

/// What was found.
#[derive(Debug, Default)]
pub struct Walked {
    /// By the path below the folder, `/`-separated.
    pub files: BTreeMap<String, PathBuf>,
    /// Links into the project's shared code, by the path below the folder, where they are at the place that is theirs.
    pub links: Vec<String>,
    pub left: Vec<Left>,
    pub bytes: u64,
    /// There are more files than are looked at.
    pub is_too_much: bool,
}

/// Walks a folder. What git ignores is passed over, and so are hidden files, environments and caches. `shared` is where the
/// project's shared code lies, with links resolved.
pub fn walk(folder: &Path, shared: Option<&Path>) -> Walked {
    let in_repository = folder.ancestors().any(|above| above.join(".git").exists());
    let mut walk = Walk { shared, in_repository, above: Vec::new(), walked: Walked::default() };
    let ignores = if in_repository { Ignores::of(folder) } else { Ignores::default() };
    walk.enter(folder, "", &ignores);
    walk.walked
}

struct Walk<'a> {
    shared: Option<&'a Path>,
    in_repository: bool,
    /// The folders that are being walked, the links in their paths resolved.
    above: Vec<PathBuf>,
    walked: Walked,
}

impl Walk<'_> {
    fn leave(&mut self, path: &str, why: impl Into<String>) {
        self.walked.left.push(Left { path: path.to_owned(), why: why.into() });
    }

    fn enter(&mut self, folder: &Path, shown: &str, ignores: &Ignores) {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if self.above.contains(&real) || self.above.len() >= DEPTH_MAX {
            self.leave(shown, "the link leads round in a circle");
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten(),
            Err(error) => return self.leave(shown, format!("cannot be read: {error}")),
        };
        let mut inside: Vec<(String, fs::FileType)> = Vec::new();
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            match entry.file_name().into_string() {
                Ok(name) => inside.push((name, kind)),
                Err(name) => {
                    let name = name.to_string_lossy().into_owned();
                    self.leave(&below(shown, &name), "the name is not UTF-8");
                }
            }
        }
        let names: HashSet<&str> = inside.iter().map(|(name, _)| name.as_str()).collect();
        if names.contains("pyvenv.cfg") || names.contains("conda-meta") {
            return;
        }
        let own = (names.contains(".gitignore") && self.in_repository && !self.above.is_empty())
            .then(|| ignores.entering(folder));
        let ignores = own.as_ref().unwrap_or(ignores);
        inside.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.above.push(real);
        for (name, kind) in inside {
            let is_hidden = name.starts_with('.') && name != IGNORE;
            if is_hidden || is_no_code(&name) || ignores.exclude(&folder.join(&name), kind.is_dir()) {
                continue;
            }
            self.one(&folder.join(&name), below(shown, &name), kind, ignores);
            if self.walked.is_too_much {
                break;
            }
        }
        self.above.pop();
    }

    fn one(&mut self, path: &Path, shown: String, kind: fs::FileType, ignores: &Ignores) {
        if kind.is_symlink() && self.is_shared(path, &shown) {
            self.walked.links.push(shown);
            return;
        }
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if is_circle(&error) => return self.leave(&shown, "the link leads round in a circle"),
            Err(_) if kind.is_symlink() => return self.leave(&shown, "the link leads to nothing"),
            Err(error) => return self.leave(&shown, format!("cannot be read: {error}")),
        };
        if meta.is_dir() {
            return self.enter(path, &shown, ignores);
        }
        if !meta.is_file() {
            return self.leave(&shown, "it is neither a file nor a folder");
        }
        if meta.len() > SIZE_MAX {
            return self.leave(
                &shown,
                format!("it has {}, and every run would carry it", byte_size::told(meta.len())),
            );
        }
        if let Err(error) = fs::File::open(path) {
            return self.leave(&shown, format!("cannot be read: {error}"));
        }
        self.walked.bytes += meta.len();
        self.walked.files.insert(shown, path.to_owned());
        self.walked.is_too_much = self.walked.files.len() > FILES_MAX;
    }

    /// Whether it is a link to the same place in the shared code, which another experiment can have, too.
    fn is_shared(&self, path: &Path, shown: &str) -> bool {
        let (Some(shared), Some(place)) = (self.shared, shown.strip_prefix(COMMON)) else { return false };
        let place = place.trim_start_matches('/');
        !place.is_empty() && path.canonicalize().is_ok_and(|real| real == shared.join(place))
    }
}

fn below(shown: &str, name: &str) -> String {
    if shown.is_empty() { name.to_owned() } else { format!("{shown}/{name}") }
}

/// What tools put there.
fn is_no_code(name: &str) -> bool {
    matches!(name, "__pycache__" | "node_modules" | "site-packages" | "__pypackages__")
        || name.ends_with(".egg-info")
        || name.ends_with(".dist-info")
}

fn is_circle(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    #[test]
    fn links_are_followed_and_circles_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for path in
            ["a/x.py", "a/deep/y.txt", "out/z.csv", "a/.hidden", "a/venv/pyvenv.cfg", "a/__pycache__/x.pyc"]
        {
            write(&at(path), "");
        }
        symlink("../out", at("a/out")).unwrap();
        symlink("..", at("a/deep/up")).unwrap();
        symlink("self", at("a/self")).unwrap();
        symlink("nowhere", at("a/gone")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("a/pipe"), rustix::fs::Mode::RUSR).unwrap();
        let walked = walk(&at("a"), None);
        let files: Vec<&str> = walked.files.keys().map(String::as_str).collect();
        assert_eq!(files, ["deep/y.txt", "out/z.csv", "x.py"]);
        let left: Vec<_> = walked.left.iter().map(|it| (it.path.as_str(), it.why.as_str())).collect();
        assert_eq!(
            left,
            [
                ("deep/up", "the link leads round in a circle"),
                ("gone", "the link leads to nothing"),
                ("pipe", "it is neither a file nor a folder"),
                ("self", "the link leads round in a circle"),
            ]
        );
    }

    #[test]
    fn what_is_too_large_stays_and_what_git_ignores_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        write(&at(".gitignore"), "*.log\nout/\n");
        write(&at("deep/.gitignore"), "own.txt\n");
        for path in ["a.py", "x.log", "out/y.py", "deep/own.txt", "deep/b.py"] {
            write(&at(path), "");
        }
        fs::File::create(at("large.bin")).unwrap().set_len(SIZE_MAX + 1).unwrap();
        assert_eq!(walk(dir.path(), None).files.len(), 5);
        fs::create_dir(at(".git")).unwrap();
        let walked = walk(dir.path(), None);
        assert_eq!(walked.files.keys().collect::<Vec<_>>(), ["a.py", "deep/b.py"]);
        assert!(walked.left[0].why.starts_with("it has 100.0 MiB"), "{:?}", walked.left);
    }

    #[test]
    fn links_into_the_shared_code_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().canonicalize().unwrap().join(path);
        write(&at("src/common/text.py"), "");
        write(&at("src/a/common/__init__.py"), "");
        symlink("../../common/text.py", at("src/a/common/text.py")).unwrap();
        symlink("../common/text.py", at("src/a/other.py")).unwrap();
        let walked = walk(&at("src/a"), Some(&at("src/common")));
        assert_eq!(walked.links, ["common/text.py"]);
        assert_eq!(walked.files.keys().collect::<Vec<_>>(), ["common/__init__.py", "other.py"]);
    }
}
