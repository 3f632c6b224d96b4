//! Folders as `import` looks into them, read when they are first asked for.

use std::path::{Path, PathBuf};

use foldhash::HashMap;

use super::listing::{self, Listing, Seal};

/// A folder that is known by its path; it need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(u32);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    above: Option<FolderId>,
    listing: Option<Listing>,
    /// Folders right below it, as they were asked for.
    inner: HashMap<Box<str>, FolderId>,
}

/// What a dotted name stands for below one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// `a/b.py`
    File(PathBuf),
    /// `a/b/__init__.py`
    Package(FolderId),
    /// A compiled module.
    Extension(PathBuf),
    /// A folder without `__init__.py`: a portion of a namespace, which loses to everything else.
    Portion(FolderId),
}

#[derive(Debug, Default)]
pub struct Folders {
    all: Vec<Folder>,
    ids: HashMap<PathBuf, FolderId>,
}

impl Folders {
    pub fn id(&mut self, path: &Path) -> FolderId {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = FolderId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Folder {
            path: path.to_owned(),
            above: None,
            listing: None,
            inner: HashMap::default(),
        });
        self.ids.insert(path.to_owned(), id);
        if let Some(above) = path.parent() {
            let above = self.id(above);
            self.all[id.0 as usize].above = Some(above);
        }
        id
    }

    pub fn path(&self, id: FolderId) -> &Path {
        &self.all[id.0 as usize].path
    }

    pub fn above(&self, id: FolderId) -> Option<FolderId> {
        self.all[id.0 as usize].above
    }

    pub fn listing(&mut self, id: FolderId) -> &Listing {
        let is_absent = self.all[id.0 as usize].listing.is_none() && self.is_told_absent(id);
        let folder = &mut self.all[id.0 as usize];
        let path = &folder.path;
        folder.listing.get_or_insert_with(|| if is_absent { Listing::absent() } else { Listing::read(path) })
    }

    /// Whether the folder above was listed, and this one was not in it. Of `from . import x, y` each may be a folder, and
    /// most are none.
    fn is_told_absent(&self, id: FolderId) -> bool {
        let folder = &self.all[id.0 as usize];
        let above = folder.above.and_then(|above| self.all[above.0 as usize].listing.as_ref());
        let name = folder.path.file_name().and_then(|name| name.to_str());
        matches!((above, name), (Some(above), Some(name)) if above.lacks_folder(name))
    }

    /// Every folder that was listed.
    pub fn seals(&self) -> impl Iterator<Item = (&Path, &Seal)> {
        self.all.iter().filter_map(|folder| {
            let listing = folder.listing.as_ref().filter(|listing| !listing.is_absent)?;
            Some((folder.path.as_path(), &listing.seal))
        })
    }

    pub fn has_file(&mut self, id: FolderId, name: &str) -> bool {
        self.listing(id).has_file(name)
    }

    /// Whether a file with code is there, by what its folder lists.
    pub fn is_file(&mut self, path: &Path) -> bool {
        let (Some(above), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return false;
        };
        let above = self.id(above);
        self.has_file(above, name)
    }

    pub fn folder(&mut self, id: FolderId, name: &str) -> Option<FolderId> {
        if let Some(inner) = self.all[id.0 as usize].inner.get(name) {
            return Some(*inner);
        }
        if !self.listing(id).entries.get(name)?.is_folder {
            return None;
        }
        let path = self.path(id).join(name);
        let inner = self.id(&path);
        self.all[id.0 as usize].inner.insert(name.into(), inner);
        Some(inner)
    }

    pub fn is_package(&mut self, id: FolderId) -> bool {
        self.has_file(id, "__init__.py")
    }

    /// One part of a dotted name.
    fn part(&mut self, id: FolderId, name: &str) -> Option<Found> {
        let folder = self.folder(id, name);
        if let Some(folder) = folder
            && self.is_package(folder)
        {
            return Some(Found::Package(folder));
        }
        if let Some(file) = self.extension(id, name) {
            return Some(Found::Extension(file));
        }
        let file = format!("{name}.py");
        if self.has_file(id, &file) {
            return Some(Found::File(self.path(id).join(file)));
        }
        // Cython's, which is built before it is imported.
        let file = format!("{name}.pyx");
        if self.has_file(id, &file) {
            return Some(Found::Extension(self.path(id).join(file)));
        }
        folder.map(Found::Portion)
    }

    /// `name.so`, `name.cpython-311-x86_64-linux-gnu.so`, `name.abi3.so`, `name.pyd`, which Python prefers
    /// to `name.py`.
    fn extension(&mut self, id: FolderId, name: &str) -> Option<PathBuf> {
        let listing = self.listing(id);
        if !listing.has_compiled {
            return None;
        }
        let has_any = listing.entries.iter().find_map(|(file, entry)| {
            let rest = file.strip_prefix(name)?;
            let fits = !entry.is_folder && rest.starts_with('.') && listing::is_compiled(rest);
            fits.then(|| file.clone())
        });
        has_any.map(|file| self.path(id).join(&*file))
    }

    /// Looks a dotted name up below a folder. `deepest` is how far it leads: of `a.b.c` where `a/b.py` is
    /// the module, `a.b` is found, since `c` is a name in it.
    pub fn find(&mut self, below: FolderId, dotted: &str) -> Option<(Found, usize)> {
        let mut at = below;
        let mut found = None;
        for (depth, name) in dotted.split('.').enumerate() {
            let Some(next) = self.part(at, name) else { break };
            let inner = match &next {
                Found::Package(inner) | Found::Portion(inner) => Some(*inner),
                Found::File(_) | Found::Extension(_) => None,
            };
            found = Some((next, depth + 1));
            match inner {
                Some(inner) => at = inner,
                None => break,
            }
        }
        found
    }

    /// A name in a package or a portion of a namespace.
    pub fn inside(&mut self, folder: FolderId, name: &str) -> Option<Found> {
        self.part(folder, name)
    }

    /// The Python files right in it.
    pub fn modules(&mut self, id: FolderId) -> Vec<PathBuf> {
        let entries = &self.listing(id).entries;
        let names = entries.iter().filter(|(name, entry)| !entry.is_folder && name.ends_with(".py"));
        let mut names: Vec<Box<str>> = names.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.iter().map(|name| self.path(id).join(&**name)).collect()
    }

    /// Whether there is any Python in it, or in a folder right below it.
    pub fn has_code(&mut self, id: FolderId) -> bool {
        let mut inner = Vec::new();
        for (name, entry) in &self.listing(id).entries {
            if entry.is_folder {
                if !name.starts_with('_') {
                    inner.push(name.clone());
                }
            } else if listing::is_module(name) {
                return true;
            }
        }
        inner.into_iter().any(|name| {
            self.folder(id, &name).is_some_and(|inner| {
                let mut entries = self.listing(inner).entries.iter();
                entries.any(|(name, entry)| !entry.is_folder && listing::is_module(name))
            })
        })
    }

    /// The folder that `import` starts at for a file in this folder: the first above it that is no package.
    pub fn start(&mut self, folder: FolderId) -> FolderId {
        let mut at = folder;
        while self.is_package(at) {
            match self.above(at) {
                Some(above) => at = above,
                None => break,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_folder_above_does_not_list_is_not_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("there");
        std::fs::create_dir(&inner).unwrap();
        drop(std::fs::File::create(inner.join("__init__.py")).unwrap());
        let mut folders = Folders::default();
        let top = folders.id(dir.path());
        assert!(folders.listing(top).entries.contains_key("there"));
        assert!(folders.is_file(&inner.join("__init__.py")));
        assert!(!folders.is_file(&dir.path().join("gone/__init__.py")));
        assert!(!folders.is_file(&dir.path().join("gone/deep/__init__.py")));
        // What is there to be known again is what was listed.
        let sealed: Vec<&Path> = folders.seals().map(|(path, _)| path).collect();
        assert_eq!(sealed, [dir.path(), &inner]);
    }

    #[test]
    fn below_a_folder_that_was_not_listed_everything_is_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut folders = Folders::default();
        assert!(!folders.is_file(&dir.path().join("gone/__init__.py")));
        assert_eq!(folders.seals().count(), 1);
    }
}
