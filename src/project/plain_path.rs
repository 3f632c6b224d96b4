//! Paths without `.` and `..`.

use std::path::{Component, Path, PathBuf};

/// A path without `.` and `..`, by its text alone, whatever links there are: as Python's `os.path.abspath`, which `site.py`
/// uses.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go_with_what_they_lead_out_of() {
        let is = |path: &str| plain(Path::new(path)).display().to_string();
        assert_eq!(is("/a/./b/../c"), "/a/c");
        assert_eq!(is("/../a"), "/a");
        assert_eq!(is("a/../../b"), "b");
    }
}
