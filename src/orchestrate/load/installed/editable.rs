//! Editable installs: which `.pth` files and finders belong to which distribution.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::distribution::{Distribution, Kind};
use super::root::Root;
use super::{Index, PathFile, Problem, bounded};
use crate::project::python::direct_url::What;
use crate::project::python::editable_finder::{self, Mapping};
use crate::project::python::{path_file, requirements};

/// A part of a source tree that is used in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// An entry of `sys.path`: everything at its top can be imported.
    Entry(PathBuf),
    /// A package or a module by its dotted name: a folder, a file, or a file without its ending.
    Module { dotted: String, path: PathBuf },
    /// What a build folder alone knows (meson-python).
    Built(String),
}

/// What `.pth` files and the modules that they import add.
#[derive(Default)]
pub(super) struct Editables {
    /// By the number of the `.pth` file.
    owners: Vec<Option<Index>>,
    finders: Vec<Finder>,
    /// Files of the site folder that only lead to a source tree: `.pth` files and what they import.
    signposts: Vec<(Option<Index>, String)>,
    /// Installed from a folder in place, with that folder; read when first asked for.
    folders: OnceLock<Vec<(Index, PathBuf)>>,
}

struct Finder {
    mapping: Mapping,
    owner: Option<Index>,
}

/// Where a finder leads.
pub(super) struct Mapped {
    pub owner: Option<Index>,
    /// A folder, or a file, or a file without its ending.
    pub path: PathBuf,
    /// How many parts of the dotted name it stands for.
    pub depth: usize,
}

impl Editables {
    /// Reads what the code in `.pth` files imports.
    pub(super) fn read(
        roots: &[Root],
        path_files: Vec<PathFile>,
        distributions: &[Distribution],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut editables = Self::default();
        for file in path_files {
            let owner = editables.owner(&file, distributions);
            editables.owners.push(owner);
            editables.signposts.push((owner, file.name.clone()));
            let folder = &roots[file.root].path;
            for line in &file.lines {
                let path_file::Line::Code { modules, text } = line else { continue };
                editables.signposts.extend(modules.iter().map(|module| (owner, format!("{module}.py"))));
                let mappings =
                    modules.iter().filter_map(|module| mapping(&folder.join(format!("{module}.py"))));
                let before = editables.finders.len();
                editables.finders.extend(mappings.map(|mapping| Finder { mapping, owner }));
                if editables.finders.len() == before {
                    let code = text.chars().take(80).collect();
                    problems.push(Problem::Code { file: folder.join(&file.name), code });
                }
            }
        }
        editables
    }

    /// The distribution that a `.pth` file is part of: by its name and its list of files, else by the lists of all
    /// that are installed in place.
    fn owner(&self, file: &PathFile, distributions: &[Distribution]) -> Option<Index> {
        let lists = |number: usize| distributions[number].lists(&file.name) == Some(true);
        let named = meant(&file.name);
        let by_name = distributions.iter().position(|distribution| {
            distribution.root == Some(file.root) && distribution.normalised == named
        });
        by_name
            .filter(|number| lists(*number))
            .or_else(|| {
                self.folders(distributions).iter().map(|(index, _)| index.0).find(|number| lists(*number))
            })
            .map(Index)
    }

    fn folders(&self, distributions: &[Distribution]) -> &[(Index, PathBuf)] {
        self.folders.get_or_init(|| folders(distributions))
    }

    pub(super) fn of_path_file(&self, number: usize) -> Option<Index> {
        self.owners.get(number).copied().flatten()
    }

    /// Where finders lead for a dotted name: those that stand for the most of it first.
    pub(super) fn mapped(&self, parts: &[&str], distributions: &[Distribution]) -> Option<Mapped> {
        for depth in (1..=parts.len()).rev() {
            let dotted = parts[..depth].join(".");
            for finder in &self.finders {
                if let Some(path) = finder.mapping.modules.get(&dotted) {
                    return Some(Mapped { owner: finder.owner, path: PathBuf::from(path), depth });
                }
                if depth == 1
                    && finder.mapping.names.contains(&dotted)
                    && let Some(owner) = finder.owner
                    && let Some((_, folder)) =
                        self.folders(distributions).iter().find(|(index, _)| *index == owner)
                {
                    let path = ["", "src", "python"].iter().map(|below| folder.join(below).join(&dotted));
                    let path = path.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| folder.clone());
                    return Some(Mapped { owner: Some(owner), path, depth });
                }
            }
        }
        None
    }

    /// What finders add to a namespace: folders, and with `None` modules that they know one by one.
    pub(super) fn portions(&self, dotted: &str) -> Vec<(Option<Index>, Option<&Path>)> {
        let mut portions = Vec::new();
        let inside = format!("{dotted}.");
        for Finder { mapping, owner } in &self.finders {
            let folders = mapping.namespaces.get(dotted);
            portions.extend(
                folders.into_iter().flatten().map(|folder| (*owner, Some(Path::new(folder.as_str())))),
            );
            if !mapping.modules.contains_key(dotted)
                && mapping.modules.keys().any(|module| module.starts_with(&inside))
            {
                portions.push((*owner, None));
            }
        }
        portions
    }

    /// What a distribution's finders map.
    pub(super) fn of_finders(&self, index: Index) -> Vec<InPlace> {
        let mut found = Vec::new();
        for Finder { mapping, owner: _ } in self.finders.iter().filter(|finder| finder.owner == Some(index)) {
            let Mapping { modules, namespaces, names } = mapping;
            let module = |(dotted, path): (&String, &String)| InPlace::Module {
                dotted: dotted.clone(),
                path: PathBuf::from(path),
            };
            found.extend(modules.iter().map(module));
            for (dotted, folders) in namespaces {
                found.extend(folders.iter().map(|folder| module((dotted, folder))));
            }
            found.extend(names.iter().cloned().map(InPlace::Built));
        }
        found
    }

    /// The files at the top of the site folder that only lead to its source.
    pub(super) fn signposts(&self, index: Index) -> impl Iterator<Item = &str> {
        let own = self.signposts.iter().filter(move |(owner, _)| *owner == Some(index));
        own.map(|(_, file)| file.as_str())
    }

    /// The distribution that is installed in place from a folder that this lies in.
    pub(super) fn of_source(&self, path: &Path, distributions: &[Distribution]) -> Option<Index> {
        self.folders(distributions)
            .iter()
            .find(|(_, folder)| path.starts_with(folder))
            .map(|(index, _)| *index)
    }
}

/// Those whose `direct_url.json` names a folder that is used in place.
fn folders(distributions: &[Distribution]) -> Vec<(Index, PathBuf)> {
    let of = |(number, distribution): (usize, &Distribution)| {
        if distribution.kind != Kind::DistInfo {
            return None;
        }
        let direct = distribution.direct_url().ok()??;
        (direct.what == What::Folder { editable: true }).then_some(())?;
        Some((Index(number), PathBuf::from(direct.path()?)))
    };
    distributions.iter().enumerate().filter_map(of).collect()
}

fn mapping(file: &Path) -> Option<Mapping> {
    let bytes = bounded::read(file, bounded::SMALL).ok()?;
    editable_finder::read(&String::from_utf8_lossy(&bytes)).filter(|mapping| !mapping.is_empty())
}

/// The distribution that a `.pth` file is named after: `__editable__.NAME-1.0.pth` (setuptools), `_NAME.pth`
/// (hatchling), `NAME.pth` (flit, poetry, pdm), `_editable_impl_NAME.pth`, `NAME-editable.pth` (meson-python),
/// `_NAME_editable.pth` and `_editable_skbc_NAME.pth` (scikit-build-core).
fn meant(file: &str) -> String {
    let stem = file.strip_suffix(".pth").unwrap_or(file);
    let name = match stem.strip_prefix("__editable__.") {
        Some(rest) => rest.split_once('-').map_or(rest, |(name, _)| name),
        None => stem
            .strip_prefix("_editable_impl_")
            .or_else(|| stem.strip_prefix("_editable_skbc_"))
            .or_else(|| stem.strip_suffix("-editable"))
            .or_else(|| stem.strip_prefix('_')?.strip_suffix("_editable"))
            .or_else(|| stem.strip_prefix('_'))
            .unwrap_or(stem),
    };
    requirements::normalised(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_path_files() {
        for file in [
            "__editable__.scaf_ed-0.1.0.pth",
            "_scaf_ed.pth",
            "scaf-ed.pth",
            "_editable_impl_scaf_ed.pth",
            "scaf-ed-editable.pth",
            "_scaf_ed_editable.pth",
            "_editable_skbc_scaf_ed.pth",
        ] {
            assert_eq!(meant(file), "scaf-ed", "{file}");
        }
    }
}
