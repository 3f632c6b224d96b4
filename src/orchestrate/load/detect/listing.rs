//! One folder's entries, as far as code is concerned, and by what it is known that they are still the same.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use foldhash::HashMap;

use super::sources::Form;
use crate::orchestrate::load::bundle::digests::Stamp;

/// Of more entries than this in one folder the rest is not looked at.
const ENTRIES_MAX: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub is_folder: bool,
    pub is_link: bool,
}

/// By what a folder is known to be as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    /// From before it was listed.
    pub stamp: Stamp,
    /// What a link leads to changes without the folder.
    pub has_links: bool,
    /// Of the names and kinds.
    pub digest: [u8; 16],
}

impl Seal {
    /// Whether the folder is still as it was when it got this seal.
    pub fn holds(&self, folder: &Path) -> bool {
        if !self.has_links && self.stamp != Stamp::default() && stamp(folder) == self.stamp {
            return true;
        }
        Listing::read(folder).seal.digest == self.digest
    }
}

#[derive(Debug, Default)]
pub struct Listing {
    pub entries: HashMap<Box<str>, Entry>,
    /// There are compiled modules, for which all names must be looked through.
    pub has_compiled: bool,
    pub seal: Seal,
    /// The folder is not there, as the listing of the one above tells, so that the seal of that one is enough.
    pub is_absent: bool,
}

impl Listing {
    pub fn absent() -> Self {
        Self { is_absent: true, ..Self::default() }
    }

    /// Whether a folder of that name would have been listed if it were there.
    pub fn lacks_folder(&self, name: &str) -> bool {
        folder_matters(name) && !self.entries.get(name).is_some_and(|entry| entry.is_folder)
    }

    /// A folder that is not there or cannot be read has no entries.
    pub fn read(folder: &Path) -> Self {
        let mut listing = Self { seal: Seal { stamp: stamp(folder), ..Seal::default() }, ..Self::default() };
        let Ok(entries) = fs::read_dir(folder) else { return listing };
        let mut told = Vec::new();
        for entry in entries.flatten().take(ENTRIES_MAX) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let is_link = kind.is_symlink();
            let mut is_folder = kind.is_dir();
            let mut leads_to = (0, 0);
            if is_link {
                listing.seal.has_links = true;
                // What leads nowhere is nothing.
                let Ok(meta) = fs::metadata(entry.path()) else { continue };
                is_folder = meta.is_dir();
                leads_to = (meta.dev(), meta.ino());
                if !is_folder && !meta.is_file() {
                    continue;
                }
            } else if !is_folder && !kind.is_file() {
                continue;
            }
            let matters = if is_folder { folder_matters(&name) } else { file_matters(&name) };
            if !matters {
                continue;
            }
            listing.has_compiled |= !is_folder && is_compiled(&name);
            told.push((name, Entry { is_folder, is_link }, leads_to));
        }
        told.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut digest = blake3::Hasher::new();
        digest.update(b"listed");
        for (name, entry, leads_to) in &told {
            digest.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(name.as_bytes());
            digest.update(&[u8::from(entry.is_folder), u8::from(entry.is_link)]);
            if entry.is_link {
                digest.update(&leads_to.0.to_le_bytes());
                digest.update(&leads_to.1.to_le_bytes());
            }
        }
        listing.seal.digest.copy_from_slice(&digest.finalize().as_bytes()[..16]);
        listing.entries = told.into_iter().map(|(name, entry, _)| (name.into(), entry)).collect();
        listing
    }

    pub fn has_file(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| !entry.is_folder)
    }
}

/// What the disk says of a file or a folder; nothing in particular of what is not there.
pub fn stamp(path: &Path) -> Stamp {
    fs::metadata(path).map_or_else(|_| Stamp::default(), |meta| of(&meta))
}

pub fn of(meta: &fs::Metadata) -> Stamp {
    let nanoseconds = |seconds: i64, rest: i64| seconds.wrapping_mul(1_000_000_000).wrapping_add(rest);
    Stamp {
        dev: meta.dev(),
        ino: meta.ino(),
        size: meta.size(),
        mtime: nanoseconds(meta.mtime(), meta.mtime_nsec()),
        ctime: nanoseconds(meta.ctime(), meta.ctime_nsec()),
    }
}

fn folder_matters(name: &str) -> bool {
    name != "__pycache__" && !name.starts_with('.')
}

/// Code, what may name code, and what says how a folder is to be taken.
fn file_matters(name: &str) -> bool {
    let is_other = |name: &str| {
        name.rsplit_once('.')
            .is_some_and(|(_, ending)| matches!(ending, "pyx" | "so" | "pyd" | "pth" | "egg-link"))
    };
    matches!(name, ".gitignore" | "pyvenv.cfg")
        || !name.starts_with('.') && (Form::of(name).is_some() || is_other(name))
}

pub fn is_compiled(name: &str) -> bool {
    name.ends_with(".so") || name.ends_with(".pyd")
}

/// What `import` can find.
pub fn is_module(name: &str) -> bool {
    name.ends_with(".py") || name.ends_with(".pyx") || is_compiled(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn make(folder: &Path, name: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap();
    }

    /// As if it had been listed long after its last change.
    fn settled(folder: &Path) -> Seal {
        Listing::read(folder).seal
    }

    #[test]
    fn only_what_concerns_code_breaks_a_seal() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "a.py");
        make(dir.path(), "inner/b.py");
        let seal = settled(dir.path());
        assert!(seal.holds(dir.path()));
        make(dir.path(), "model.pt");
        make(dir.path(), ".hidden/c.py");
        make(dir.path(), "__pycache__/a.pyc");
        make(dir.path(), "inner/c.py");
        assert!(seal.holds(dir.path()));
        for name in ["d.py", "e.so", "new/f.txt", "g.ipynb", "h.sh", "Procfile", ".gitignore", "pyvenv.cfg"] {
            make(dir.path(), name);
            assert!(!seal.holds(dir.path()), "{name}");
            let path = dir.path().join(name.split('/').next().unwrap());
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            assert!(seal.holds(dir.path()), "{name}");
        }
        fs::remove_file(dir.path().join("a.py")).unwrap();
        assert!(!seal.holds(dir.path()));
    }

    #[test]
    fn a_link_that_leads_elsewhere_breaks_the_seal() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "far/one/x.py");
        make(dir.path(), "far/two/x.py");
        make(dir.path(), "near/a.py");
        let near = dir.path().join("near");
        let far = dir.path().join("far/current");
        symlink("one", &far).unwrap();
        symlink(&far, near.join("link")).unwrap();
        let seal = settled(&near);
        assert!(seal.holds(&near));
        fs::remove_file(&far).unwrap();
        assert!(!seal.holds(&near));
        symlink("two", &far).unwrap();
        assert!(!seal.holds(&near));
    }

    #[test]
    fn a_folder_that_is_not_there_is_known_to_be_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("later");
        let seal = settled(&folder);
        assert!(seal.holds(&folder));
        make(&folder, "notes.txt");
        assert!(!seal.holds(&folder));
    }
}
