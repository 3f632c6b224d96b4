//! A folder as a value: what is in it, with modes and contents, so that two of them can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::Test;

/// Every path below a folder with what it is.
pub type Tree = BTreeMap<String, String>;

/// All of a folder. A folder that is not there is empty.
pub fn tree(top: &Path) -> Tree {
    let mut found = Tree::new();
    descend(top, "", &mut found);
    found
}

fn descend(folder: &Path, below: &str, found: &mut Tree) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let there = entry.path().symlink_metadata().unwrap();
        let mode = there.permissions().mode() & 0o7777;
        let what = if there.is_symlink() {
            format!("-> {}", fs::read_link(entry.path()).unwrap().display())
        } else if there.is_dir() {
            format!("folder {mode:o}")
        } else if there.is_file() {
            let content = fs::read(entry.path()).unwrap();
            format!("file {mode:o} {}", String::from_utf8_lossy(&content))
        } else {
            format!("{:?}", there.file_type())
        };
        let is_dir = there.is_dir();
        found.insert(path.clone(), what);
        if is_dir {
            descend(&entry.path(), &path, found);
        }
    }
}

/// The same with the test's own folders and the names of runs taken out.
pub fn redacted(test: &Test, tree: &Tree) -> Tree {
    tree.iter().map(|(path, what)| (test.redact(path), test.redact(what))).collect()
}

/// What differs, one line each; empty when nothing does.
pub fn difference(one: &Tree, other: &Tree) -> String {
    let mut text = String::new();
    let short = |what: &str| what.chars().take(300).collect::<String>();
    for (path, what) in one {
        match other.get(path) {
            None => text.push_str(&format!("only in the first: {path}: {}\n", short(what))),
            Some(there) if there != what => {
                text.push_str(&format!("{path}:\n  {}\n  {}\n", short(what), short(there)));
            }
            Some(_) => {}
        }
    }
    for (path, what) in other.iter().filter(|(path, _)| !one.contains_key(*path)) {
        text.push_str(&format!("only in the second: {path}: {}\n", short(what)));
    }
    text
}
