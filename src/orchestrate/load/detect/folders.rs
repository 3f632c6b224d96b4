//! Folders as `import` looks into them, read when they are first asked for.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Of more entries than this in one folder the rest is not looked at.
const ENTRIES_MAX: usize = 1_000_000;

/// A folder that is known by its path; it need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(u32);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    above: Option<FolderId>,
    entries: Option<HashMap<Box<str>, Entry>>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    File,
    Folder(Option<FolderId>),
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
        self.all.push(Folder { path: path.to_owned(), above: None, entries: None });
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

    fn entries(&mut self, id: FolderId) -> &mut HashMap<Box<str>, Entry> {
        let folder = &mut self.all[id.0 as usize];
        let path = &folder.path;
        folder.entries.get_or_insert_with(|| read(path))
    }

    pub fn has_file(&mut self, id: FolderId, name: &str) -> bool {
        matches!(self.entries(id).get(name), Some(Entry::File))
    }

    pub fn folder(&mut self, id: FolderId, name: &str) -> Option<FolderId> {
        match self.entries(id).get(name)? {
            Entry::File => None,
            Entry::Folder(Some(inner)) => Some(*inner),
            Entry::Folder(None) => {
                let path = self.path(id).join(name);
                let inner = self.id(&path);
                self.entries(id).insert(name.into(), Entry::Folder(Some(inner)));
                Some(inner)
            }
        }
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
        folder.map(Found::Portion)
    }

    /// `name.so`, `name.cpython-311-x86_64-linux-gnu.so`, `name.abi3.so`, `name.pyd`, which Python prefers
    /// to `name.py`.
    fn extension(&mut self, id: FolderId, name: &str) -> Option<PathBuf> {
        let has_any = self
            .entries(id)
            .keys()
            .find(|file| {
                file.strip_prefix(name).is_some_and(|rest| {
                    rest.starts_with('.') && (rest.ends_with(".so") || rest.ends_with(".pyd"))
                })
            })
            .cloned();
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
        let names: Vec<Box<str>> =
            self.entries(id).keys().filter(|name| name.ends_with(".py")).cloned().collect();
        names.iter().map(|name| self.path(id).join(&**name)).collect()
    }

    /// Whether there is any Python in it, or in a folder right below it.
    pub fn has_code(&mut self, id: FolderId) -> bool {
        let mut inner = Vec::new();
        for (name, entry) in self.entries(id) {
            match entry {
                Entry::File => return true,
                Entry::Folder(_) if !name.starts_with(['.', '_']) => inner.push(name.clone()),
                Entry::Folder(_) => {}
            }
        }
        inner.into_iter().any(|name| {
            self.folder(id, &name)
                .is_some_and(|inner| self.entries(inner).values().any(|entry| matches!(entry, Entry::File)))
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

fn read(path: &Path) -> HashMap<Box<str>, Entry> {
    let mut entries = HashMap::new();
    // A folder that cannot be read offers nothing to import.
    for entry in fs::read_dir(path).into_iter().flatten().flatten().take(ENTRIES_MAX) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        if is_folder {
            entries.insert(name.into(), Entry::Folder(None));
        } else if matches!(name.rsplit_once('.'), Some((_, "py" | "so" | "pyd"))) {
            entries.insert(name.into(), Entry::File);
        }
    }
    entries
}
