//! What never goes into a bundle: what is built in, and the `.scafignore` files, gitignore syntax.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Problem;
use crate::orchestrate::execute::files::UNFINISHED;

/// Left out unless a rule of the project takes them back in (`!.venv/`).
const BUILT_IN_FOLDERS: [&str; 7] =
    [".git", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".venv"];

/// The rules in force in one folder: its own first, then those of the folders above it.
#[derive(Clone, Debug, Default)]
pub struct Rules(Option<Arc<Node>>);

#[derive(Debug)]
struct Node {
    matcher: Gitignore,
    /// What stands before a path, from the folder of the rules to where `skip` begins; ends with `/`.
    prefix: Vec<u8>,
    /// How many bytes of a path in the bundle lie above the folder of the rules.
    skip: usize,
    above: Rules,
}

impl Rules {
    /// These rules with those of one more folder on top. `skip` and `prefix` say how a path in the
    /// bundle becomes one relative to `folder`.
    pub fn with(
        &self,
        folder: &Path,
        names: &[&str],
        skip: usize,
        prefix: &Path,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut builder = GitignoreBuilder::new("");
        let mut any = false;
        for name in names {
            let file = folder.join(name);
            match fs::read(&file) {
                Ok(text) => {
                    any = true;
                    add(&mut builder, &file, &text, problems);
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => problems.push(Problem::Unreadable { path: file, error }),
            }
        }
        if !any {
            return self.clone();
        }
        match builder.build() {
            Ok(matcher) if matcher.is_empty() => self.clone(),
            Ok(matcher) => {
                let mut prefix = prefix.as_os_str().as_bytes().to_vec();
                if !prefix.is_empty() {
                    prefix.push(b'/');
                }
                Self(Some(Arc::new(Node { matcher, prefix, skip, above: self.clone() })))
            }
            Err(error) => {
                problems.push(Problem::Rule {
                    path: folder.join(names[0]),
                    line: 0,
                    reason: error.to_string(),
                });
                self.clone()
            }
        }
    }

    /// Whether the path (in the bundle) is left out. The folders above it are taken to be in.
    pub fn ignored(&self, path: &[u8], folder: bool, scratch: &mut Vec<u8>) -> bool {
        let mut rules = self;
        while let Some(node) = &rules.0 {
            let below = &path[node.skip..];
            let relative = if node.prefix.is_empty() {
                below
            } else {
                scratch.clear();
                scratch.extend_from_slice(&node.prefix);
                scratch.extend_from_slice(below);
                scratch.as_slice()
            };
            match node.matcher.matched(Path::new(OsStr::from_bytes(relative)), folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = &node.above,
            }
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        built_in(name, folder)
    }
}

fn built_in(name: &[u8], folder: bool) -> bool {
    // `.git` is a file in a worktree and in a submodule.
    name == b".git"
        || (folder && BUILT_IN_FOLDERS.iter().any(|known| known.as_bytes() == name))
        || (!folder && (name.ends_with(b".pyc") || name == b".DS_Store" || is_an_editors(name)))
}

/// Files that editors make for themselves while one works, and that come and go with them.
pub fn is_an_editors(name: &[u8]) -> bool {
    let starts = |what: &str| name.starts_with(what.as_bytes());
    let ends = |what: &str| name.ends_with(what.as_bytes());
    // vim: swap files; backups with `~`.
    (starts(".") && name.len() > 5 && [".swp", ".swo", ".swn", ".swx"].iter().any(|end| ends(end)))
        || ends(".swp")
        || ends(".swx")
        || (name.len() > 1 && ends("~"))
        // Emacs: locks and autosaves.
        || starts(".#")
        || (name.len() > 2 && starts("#") && ends("#"))
        // JetBrains, GNOME, KDE, LibreOffice.
        || ends("___jb_tmp___")
        || ends("___jb_old___")
        || starts(".goutputstream-")
        || ends(".kate-swp")
        || (starts(".~lock.") && ends("#"))
        // NFS's files that are removed and still open.
        || starts(".nfs")
        || starts(UNFINISHED)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn add(builder: &mut GitignoreBuilder, file: &Path, text: &[u8], problems: &mut Vec<Problem>) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let rule = |reason: String| Problem::Rule { path: PathBuf::from(file), line: number, reason };
        match std::str::from_utf8(line) {
            Ok(line) => {
                if let Err(error) = builder.add_line(None, line.trim_end_matches('\r')) {
                    problems.push(rule(error.to_string()));
                }
            }
            Err(_) => problems.push(rule("not UTF-8".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> (Rules, Vec<Problem>) {
        let dir = tempfile::tempdir().unwrap();
        std::io::Write::write_all(
            &mut fs::File::create(dir.path().join(".scafignore")).unwrap(),
            text.as_bytes(),
        )
        .unwrap();
        let mut problems = Vec::new();
        let rules = Rules::default().with(dir.path(), &[".scafignore"], 0, Path::new(""), &mut problems);
        (rules, problems)
    }

    fn ignored(rules: &Rules, path: &str) -> bool {
        let (path, folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        rules.ignored(path.as_bytes(), folder, &mut Vec::new())
    }

    #[test]
    fn some_things_are_left_out_without_being_asked() {
        let none = Rules::default();
        for path in [
            ".git",
            ".git/",
            "a/__pycache__/",
            "x.pyc",
            "a/.venv/",
            ".DS_Store",
            "b/.ruff_cache/",
            "a/.train.py.swp",
            "train.py~",
            ".#train.py",
            "#train.py#",
            ".nfs0000001",
        ] {
            assert!(ignored(&none, path), "{path}");
        }
        for path in [
            "git",
            "a.py",
            "__pycache__",
            ".venv",
            "x.pyc/",
            "pyc",
            ".gitignore",
            ".scafignore",
            "#",
            "x.tmp",
            "y.part",
            "~/",
        ] {
            assert!(!ignored(&none, path), "{path}");
        }
    }

    #[test]
    fn a_rule_of_the_project_comes_before_a_built_in_one() {
        let (rules, problems) = rules("*.bin\n!__pycache__/\n/top\ndeep/\n\n# a comment\n!keep.bin\n");
        assert!(problems.is_empty());
        for path in ["x.bin", "a/b.bin", "top", "deep/", "a/deep/"] {
            assert!(ignored(&rules, path), "{path}");
        }
        for path in ["keep.bin", "a/keep.bin", "__pycache__/", "a/top", "deep", "# a comment"] {
            assert!(!ignored(&rules, path), "{path}");
        }
    }

    #[test]
    fn every_broken_rule_is_named_with_its_line() {
        let (_, problems) = rules("ok\na[z-a]b\n{x\n");
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| match problem {
                Problem::Rule { line, .. } => *line,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(lines, [2, 3]);
    }

    /// Whatever stands in the file, reading it neither panics nor loses the rules that are right.
    #[test]
    fn odd_rules_do_no_harm() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let alphabet: Vec<char> = "ab/*?[]!{}\\,.# -^\t\u{e9}\u{0}".chars().collect();
        for _ in 0..2_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                text.push(alphabet[usize::try_from(seed % alphabet.len() as u64).unwrap()]);
            }
            let (rules, _) = rules(&format!("{text}\nsurely\n"));
            assert!(ignored(&rules, "a/surely"), "{text:?}");
            ignored(&rules, "a/b c.py");
        }
    }
}
