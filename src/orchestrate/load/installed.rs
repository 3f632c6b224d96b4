//! What is installed for a Python: distributions of every kind, and which of them an `import` finds. Read from the
//! disk as far as it is asked for: a list of folders at first, then metadata and file lists one by one.

mod bounded;
mod catalogue;
pub mod distribution;
mod editable;
mod find;
mod owners;
mod provenance;
mod root;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::interpreter::Interpreter;
use crate::project::plain_path::plain;
use crate::project::python::{path_file, version};
use crate::spec::hint::{Explain, Fault};
pub use distribution::{Distribution, Kind};
use editable::Editables;
pub use editable::InPlace;
use owners::Owners;
use root::Root;

/// Which of `Installed`'s distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(usize);

impl Index {
    /// For keeping it, as long as the same is installed.
    pub fn number(self) -> usize {
        self.0
    }

    pub fn of_number(number: usize) -> Self {
        Self(number)
    }
}

/// What an `import` finds outside the standard library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// The owner of the file. Several where several have written it, and of a namespace alone, all that have a part
    /// in it.
    Distributions(Vec<Index>),
    /// Source that is used in place, with the files that the import loads: of the packages on the way, of the
    /// module, and of the names that are modules in it.
    Editable {
        distribution: Index,
        files: Vec<PathBuf>,
    },
    /// Files that belong to no distribution, in the same way.
    Loose(Vec<PathBuf>),
    /// A folder without `__init__.py` that belongs to no distribution: by itself nothing.
    Namespace,
}

/// Something about the environment as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("`{name}` is there {count} times in `{folder}`, as {versions}; {used} is taken", count = .versions.len(), folder = .folder.display(), versions = .versions.join(" and "))]
    Twice { name: String, folder: PathBuf, versions: Vec<String>, used: String },
    #[error("`{}` is left from an installation that was broken off", path.display())]
    Leftover { path: PathBuf },
    #[error("`{}` cannot be read: {said}", path.display())]
    Unreadable { path: PathBuf, said: String },
    #[error("`{}` adds `{}`, which is not there", file.display(), folder.display())]
    NoFolder { file: PathBuf, folder: PathBuf },
    #[error("`{}` runs `{code}` when Python starts, which may add modules that are not seen here", file.display())]
    Code { file: PathBuf, code: String },
    #[error("`{}` is a zipped egg, which is not looked into", path.display())]
    ZippedEgg { path: PathBuf },
}

#[derive(Debug, thiserror::Error)]
pub enum InstalledError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
}

impl Explain for InstalledError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read { path, .. } => vec![format!("see who may read it: `ls -ld {}`", path.display())],
        }
    }
}

/// Everything that is installed for a Python.
pub struct Installed {
    /// Entries of `sys.path` in their order: `PYTHONPATH`, then site folders, each followed by what its `.pth` files
    /// add.
    roots: Vec<Root>,
    distributions: Vec<Distribution>,
    /// How many of them are in force; the others are shadowed by one of the same name.
    in_force: usize,
    by_name: HashMap<String, Index>,
    editables: Editables,
    problems: Vec<Problem>,
    /// `311`, as in the names of extension modules.
    tag: String,
    owners: OnceLock<Owners>,
}

impl std::ops::Index<Index> for Installed {
    type Output = Distribution;

    fn index(&self, index: Index) -> &Distribution {
        &self.distributions[index.0]
    }
}

impl Installed {
    /// Lists the folders in which this Python looks.
    pub fn read(interpreter: &Interpreter) -> Result<Self, InstalledError> {
        let mut reader = Reader { roots: Vec::new(), problems: Vec::new(), path_files: Vec::new() };
        for folder in &interpreter.python_path {
            reader.root(folder, None)?;
        }
        for folder in &interpreter.search {
            reader.site(folder)?;
        }
        let (major, minor) = interpreter.version;
        let tag = format!("{major}{minor}");
        let Reader { mut roots, mut problems, path_files } = reader;
        let mut distributions = Vec::new();
        for (number, root) in roots.iter_mut().enumerate() {
            for found in std::mem::take(&mut root.metadata) {
                distributions.push(Distribution::new(number, &root.path, found));
            }
        }
        distributions.extend(distribution::conda(&interpreter.prefix));
        let (distributions, in_force) = in_force(distributions, &mut problems);
        let by_name = distributions[..in_force]
            .iter()
            .enumerate()
            .rev()
            .map(|(index, distribution)| (distribution.normalised.clone(), Index(index)))
            .collect();
        let editables = Editables::read(&roots, path_files, &distributions[..in_force], &mut problems);
        let owners = OnceLock::new();
        Ok(Self { roots, distributions, in_force, by_name, editables, problems, tag, owners })
    }

    /// Those in force, in the order of `sys.path`; conda packages come last.
    pub fn distributions(&self) -> &[Distribution] {
        &self.distributions[..self.in_force]
    }

    /// Those that another of the same name comes before.
    pub fn shadowed(&self) -> &[Distribution] {
        &self.distributions[self.in_force..]
    }

    /// By its name, normalised as in PEP 503.
    pub fn get(&self, normalised: &str) -> Option<&Distribution> {
        self.index_of(normalised).map(|index| &self[index])
    }

    /// The same, as a number.
    pub fn index_of(&self, normalised: &str) -> Option<Index> {
        self.by_name.get(normalised).copied()
    }

    /// Where the source of a distribution lies that is used in place.
    pub fn in_place(&self, index: Index) -> Vec<InPlace> {
        let mut found = Vec::new();
        for root in &self.roots {
            let Some(added_by) = root.added_by else { continue };
            let inside = root.path.starts_with(&self[index].folder);
            if self.editables.of_path_file(added_by) == Some(index) && !inside {
                found.push(InPlace::Entry(root.path.clone()));
            }
        }
        // The metadata that `setup.py develop` leaves in the source.
        let develop = self.distributions.iter().find(|one| {
            let root = one.root.map(|root| &self.roots[root]);
            let is_source = one.kind == Kind::EggInfo && root.is_some_and(|root| root.added_by.is_some());
            is_source && one.normalised == self[index].normalised
        });
        if let (true, Some(develop)) = (found.is_empty(), develop) {
            found.push(InPlace::Entry(develop.folder.clone()));
        }
        found.extend(self.editables.of_finders(index));
        found
    }

    /// Files at the top of the site folder that only lead to a distribution's source.
    pub fn signposts(&self, index: Index) -> Vec<&str> {
        self.editables.signposts(index).collect()
    }

    /// Whether nobody else says that a name at the top of the site folder is theirs.
    pub fn owns_alone(&self, index: Index, top: &str) -> bool {
        let owners = self.owners().of(top);
        owners.iter().all(|owner| {
            *owner == index.0 || self.distributions[*owner].folder != self.distributions[index.0].folder
        })
    }

    /// What is wrong with the environment as a whole; a distribution's own problems are its `problems`.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The folders that are looked through, in order.
    pub fn search(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| root.path.as_path())
    }
}

/// The first of each name by the order of `sys.path`, then the others. Of two in one folder the one whose files are
/// there is in force, else the newer.
fn in_force(all: Vec<Distribution>, problems: &mut Vec<Problem>) -> (Vec<Distribution>, usize) {
    let mut first: HashMap<(bool, String), usize> = HashMap::new();
    let mut kept: Vec<Distribution> = Vec::new();
    let mut shadowed = Vec::new();
    for distribution in all {
        let key = (distribution.kind == Kind::Conda, distribution.normalised.clone());
        let Some(&at) = first.get(&key) else {
            first.insert(key, kept.len());
            kept.push(distribution);
            continue;
        };
        let have = &kept[at];
        if have.root != distribution.root || have.root.is_none() {
            shadowed.push(distribution);
            continue;
        }
        let better = (distribution.files_in_place(), have.files_in_place());
        let newer = version::compare(distribution.version(), have.version()).is_gt();
        let other = if better.0 > better.1 || (better.0 == better.1 && newer) {
            std::mem::replace(&mut kept[at], distribution)
        } else {
            distribution
        };
        // Debian has both kinds of metadata for some of its packages.
        if other.has_version(kept[at].version()) {
            shadowed.push(other);
            continue;
        }
        problems.push(Problem::Twice {
            name: kept[at].name().to_owned(),
            folder: kept[at].folder.clone(),
            versions: vec![kept[at].version().to_owned(), other.version().to_owned()],
            used: kept[at].version().to_owned(),
        });
        shadowed.push(other);
    }
    let count = kept.len();
    kept.extend(shadowed);
    (kept, count)
}

/// A `.pth` file that adds something.
struct PathFile {
    /// The site folder that it lies in.
    root: usize,
    name: String,
    lines: Vec<path_file::Line>,
}

struct Reader {
    roots: Vec<Root>,
    problems: Vec<Problem>,
    path_files: Vec<PathFile>,
}

impl Reader {
    /// An entry of `sys.path`; `None` for one that is there already or cannot be looked into.
    fn root(&mut self, folder: &Path, added_by: Option<usize>) -> Result<Option<usize>, InstalledError> {
        if self.roots.iter().any(|root| root.path == folder) {
            return Ok(None);
        }
        let Some(root) = Root::read(folder, added_by, &mut self.problems)? else { return Ok(None) };
        self.roots.push(root);
        Ok(Some(self.roots.len() - 1))
    }

    /// A site folder, with what its `.pth` files add behind it.
    fn site(&mut self, folder: &Path) -> Result<(), InstalledError> {
        let Some(root) = self.root(folder, None)? else { return Ok(()) };
        for name in std::mem::take(&mut self.roots[root].path_files) {
            if path_file::is_known_to_add_nothing(&name) {
                continue;
            }
            let file = folder.join(&name);
            let bytes = match bounded::read(&file, bounded::SMALL) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.problems.push(Problem::Unreadable { path: file, said: error.to_string() });
                    continue;
                }
            };
            let lines = path_file::read(&bytes);
            let number = self.path_files.len();
            for line in &lines {
                let path_file::Line::Folder(text) = line else { continue };
                let target = plain(&folder.join(text));
                if target.is_dir() {
                    self.root(&target, Some(number))?;
                } else if !target.exists() {
                    self.problems.push(Problem::NoFolder { file: file.clone(), folder: target });
                }
            }
            self.path_files.push(PathFile { root, name, lines });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
