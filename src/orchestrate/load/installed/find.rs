//! What an `import` finds: the entries of `sys.path` in order, on each a regular package or module before a folder
//! without `__init__.py`; then what finders of editable installs map; then whose file it is.

use std::fs;
use std::path::{Path, PathBuf};

use super::distribution::Kind;
use super::owners::Owners;
use super::{Found, Index, Installed, bounded};
use crate::project::python::module_file;

/// Where a dotted name, or the front of it, was found.
enum Located {
    Nothing,
    Module(Module),
    Namespace(Vec<Portion>),
}

/// A module or a regular package.
struct Module {
    file: PathBuf,
    /// The folder of a package.
    package: Option<Portion>,
    place: Place,
}

/// A folder that submodules are looked for in.
#[derive(Clone)]
struct Portion {
    /// `None` where a finder knows each of its modules.
    folder: Option<PathBuf>,
    place: Place,
}

/// What a path is to be looked up by.
#[derive(Clone)]
enum Place {
    /// Below an entry of `sys.path`, with `/`.
    Root { root: usize, relative: String },
    /// Where a finder leads.
    Mapped { owner: Option<Index> },
}

impl Place {
    fn below(&self, name: &str) -> Self {
        match self {
            Self::Root { root, relative } if relative.is_empty() => {
                Self::Root { root: *root, relative: name.to_owned() }
            }
            Self::Root { root, relative } => {
                Self::Root { root: *root, relative: format!("{relative}/{name}") }
            }
            Self::Mapped { owner } => Self::Mapped { owner: *owner },
        }
    }
}

impl Installed {
    /// What `import dotted`, or `from dotted import names`, finds. Of several names everything that they find, taken
    /// together; `find_each` tells them apart.
    pub fn find(&self, dotted: &str, names: &[String]) -> Found {
        self.find_each(dotted, names)
            .into_iter()
            .map(|(_, found)| found)
            .reduce(together)
            .unwrap_or(Found::Nothing)
    }

    /// The same, one by one: of a package that is nobody else's one answer for all; where several distributions have a
    /// part in it, one for every name that is a module in it, by its dotted name.
    pub fn find_each(&self, dotted: &str, names: &[String]) -> Vec<(String, Found)> {
        let parts: Vec<&str> = dotted.split('.').collect();
        let whole = |found| vec![(dotted.to_owned(), found)];
        let (located, shared) = self.locate(&parts);
        let portions = portions_of(&located);
        match &located {
            Located::Nothing => return whole(Found::Nothing),
            Located::Module(module) if !shared => return whole(self.owner(module, &parts, names)),
            _ if names.is_empty() || portions.is_empty() => {
                return whole(self.found(&located, &parts, names));
            }
            Located::Module(_) | Located::Namespace(_) => {}
        }
        let is_namespace = matches!(located, Located::Namespace(_));
        let mut each = Vec::new();
        for name in names.iter().filter(|name| module_file::is_identifier(name)) {
            let child = [&parts[..], &[name.as_str()]].concat();
            let found = match self.child(&portions, name, &child) {
                // An attribute of the package; a namespace has none.
                Located::Nothing if !is_namespace => continue,
                other => self.found(&other, &child, &[]),
            };
            each.push((child.join("."), found));
        }
        if each.is_empty() {
            return whole(self.found(&located, &parts, names));
        }
        each
    }

    /// The distribution that put a program of this name into the environment's `bin`. Reads every list of files.
    pub fn program(&self, name: &str) -> Option<Index> {
        // `lib/python3.11/site-packages` of the environment, of `/usr/local` and of `~/.local` alike.
        let recorded = format!("../../../bin/{name}");
        self.distributions()
            .iter()
            .position(|one| one.kind != Kind::Conda && one.lists(&recorded) == Some(true))
            .map(Index)
    }

    fn found(&self, located: &Located, parts: &[&str], names: &[String]) -> Found {
        match located {
            Located::Nothing => Found::Nothing,
            Located::Module(module) => self.owner(module, parts, names),
            Located::Namespace(portions) => self.namespace(portions),
        }
    }

    pub(super) fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| Owners::read(&self.distributions))
    }

    /// Goes down as far as it must: a regular package that is one distribution's alone is not looked into. The second
    /// is whether others may have a part in what was found.
    fn locate(&self, parts: &[&str]) -> (Located, bool) {
        let Some(top) = parts.first().filter(|top| module_file::is_identifier(top)) else {
            return (Located::Nothing, false);
        };
        let mut located = self.top(top);
        if matches!(located, Located::Nothing) {
            return (self.mapped(parts), false);
        }
        let shared = self.owners().of(top).len() > 1 || matches!(located, Located::Namespace(_));
        if !shared {
            return (located, false);
        }
        for depth in 1..parts.len() {
            let mut portions = portions_of(&located);
            if portions.is_empty() {
                break;
            }
            if let (1, Located::Module(Module { package: Some(package), .. })) = (depth, &located) {
                portions.extend(self.extended(top, package));
            }
            let next = self.child(&portions, parts[depth], &parts[..=depth]);
            // A package may make modules as it runs; a namespace cannot.
            if matches!(next, Located::Nothing) && matches!(located, Located::Module(_)) {
                break;
            }
            located = next;
        }
        (located, true)
    }

    fn top(&self, name: &str) -> Located {
        let mut portions = Vec::new();
        for (number, root) in self.roots.iter().enumerate() {
            let Some(top) = root.tops.get(name) else { continue };
            let place = Place::Root { root: number, relative: String::new() };
            let folder = root.path.join(name);
            let portion = || Portion { folder: Some(folder.clone()), place: place.below(name) };
            if top.folder
                && let Some(init) = init(&folder, &self.tag)
            {
                let place = place.below(name).below(&init);
                return Located::Module(Module { file: folder.join(&init), package: Some(portion()), place });
            }
            if let Some(file) = module_in(&root.path, &top.files, name, &self.tag) {
                return Located::Module(Module {
                    file: root.path.join(file),
                    package: None,
                    place: place.below(file),
                });
            }
            // It may be gone since it was listed.
            if top.folder && folder.is_dir() {
                portions.push(portion());
            }
        }
        portions.extend(self.mapped_portions(name));
        if portions.is_empty() { Located::Nothing } else { Located::Namespace(portions) }
    }

    fn mapped_portions(&self, dotted: &str) -> Vec<Portion> {
        let portions = self.editables.portions(dotted).into_iter();
        portions
            .filter(|(_, folder)| folder.is_none_or(Path::is_dir))
            .map(|(owner, folder)| Portion {
                folder: folder.map(Path::to_owned),
                place: Place::Mapped { owner },
            })
            .collect()
    }

    /// A submodule, in the first folder that has it.
    fn child(&self, portions: &[Portion], name: &str, parts: &[&str]) -> Located {
        let mut deeper = Vec::new();
        for portion in portions {
            let Some(outer) = &portion.folder else { continue };
            let folder = outer.join(name);
            let inner = || Portion { folder: Some(folder.clone()), place: portion.place.below(name) };
            let is_folder = folder.is_dir();
            if is_folder && let Some(init) = init(&folder, &self.tag) {
                let place = portion.place.below(name).below(&init);
                return Located::Module(Module { file: folder.join(&init), package: Some(inner()), place });
            }
            let files = names_in(outer);
            if let Some(file) = module_in(outer, &files, name, &self.tag) {
                let place = portion.place.below(file);
                return Located::Module(Module { file: outer.join(file), package: None, place });
            }
            if is_folder {
                deeper.push(inner());
            }
        }
        deeper.extend(self.mapped_portions(&parts.join(".")));
        if !deeper.is_empty() {
            return Located::Namespace(deeper);
        }
        self.mapped(parts)
    }

    fn mapped(&self, parts: &[&str]) -> Located {
        let Some(mapped) = self.editables.mapped(parts, &self.distributions) else { return Located::Nothing };
        let place = Place::Mapped { owner: mapped.owner };
        if mapped.path.is_dir() {
            let package = Portion { folder: Some(mapped.path.clone()), place: place.clone() };
            let file = init(&mapped.path, &self.tag).map(|init| mapped.path.join(init));
            return match file {
                Some(file) => Located::Module(Module { file, package: Some(package), place }),
                None if mapped.depth < parts.len() => self.child(&[package], parts[mapped.depth], parts),
                None => Located::Namespace(vec![package]),
            };
        }
        let file = if mapped.path.is_file() {
            Some(mapped.path.clone())
        } else {
            with_ending(&mapped.path, &self.tag)
        };
        file.map_or(Located::Nothing, |file| Located::Module(Module { file, package: None, place }))
    }

    /// The folders of the same name on other entries, where the package's `__init__.py` takes them in, as those of
    /// old namespace packages do.
    fn extended(&self, top: &str, package: &Portion) -> Vec<Portion> {
        let others: Vec<Portion> = self
            .roots
            .iter()
            .enumerate()
            .filter(|(_, root)| root.tops.get(top).is_some_and(|top| top.folder))
            .map(|(number, root)| Portion {
                folder: Some(root.path.join(top)),
                place: Place::Root { root: number, relative: top.to_owned() },
            })
            .filter(|portion| portion.folder != package.folder)
            .collect();
        if others.is_empty() {
            return others;
        }
        let init = package.folder.as_ref().map(|folder| folder.join("__init__.py"));
        let bytes = init.and_then(|init| bounded::read(&init, bounded::SMALL).ok()).unwrap_or_default();
        let takes_in = [&b"extend_path"[..], b"declare_namespace"]
            .iter()
            .any(|word| memchr::memmem::find(&bytes, word).is_some());
        if takes_in { others } else { Vec::new() }
    }

    /// The files that an import loads, of the packages on its way and of names that are modules too.
    fn loaded(&self, parts: &[&str], names: &[String]) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut take = |located: &Located| {
            if let Located::Module(module) = located {
                // setuptools' strict mode makes a folder of links to the source.
                let source = fs::read_link(&module.file).ok().filter(|target| target.is_absolute());
                let file = source.unwrap_or_else(|| module.file.clone());
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        };
        let Some(top) = parts.first() else { return files };
        let mut located = self.top(top);
        if matches!(located, Located::Nothing) {
            located = self.mapped(&parts[..1]);
        }
        take(&located);
        for depth in 1..parts.len() {
            located = self.child(&portions_of(&located), parts[depth], &parts[..=depth]);
            take(&located);
        }
        let portions = portions_of(&located);
        for name in names.iter().filter(|name| !portions.is_empty() && module_file::is_identifier(name)) {
            take(&self.child(&portions, name, &[parts, &[name.as_str()]].concat()));
        }
        files
    }

    /// Whose file it is.
    fn owner(&self, module: &Module, parts: &[&str], names: &[String]) -> Found {
        let editable = |distribution| Found::Editable { distribution, files: self.loaded(parts, names) };
        let (root, relative) = match &module.place {
            Place::Mapped { owner: Some(owner) } => return editable(*owner),
            Place::Mapped { owner: None } => return Found::Loose(self.loaded(parts, names)),
            Place::Root { root, relative } => (*root, relative.as_str()),
        };
        let added_by = self.roots[root].added_by;
        if let Some(owner) = self.in_place_of(root) {
            return editable(owner);
        }
        let owners = self.owners_of_file(root, relative);
        match owners.as_slice() {
            [] => {}
            // Metadata in a folder that a `.pth` file adds is that of `setup.py develop`.
            [first, ..] if added_by.is_some() && self.distributions[first.0].root == Some(root) => {
                return editable(self.in_force_of(*first));
            }
            _ => return Found::Distributions(owners),
        }
        let owners = self.owners_by_other_means(root, relative);
        if !owners.is_empty() {
            return Found::Distributions(owners);
        }
        let files = self.loaded(parts, names);
        let Some((distribution, link, target)) = self.linked(root, relative) else {
            return Found::Loose(files);
        };
        let source = |file: PathBuf| {
            file.strip_prefix(&link).map_or_else(|_| target.clone(), |inner| target.join(inner))
        };
        Found::Editable { distribution, files: files.into_iter().map(source).collect() }
    }

    /// A link into a source tree, as flit makes it: whose, from where, whereto.
    fn linked(&self, root: usize, relative: &str) -> Option<(Index, PathBuf, PathBuf)> {
        let folder = &self.roots[root].path;
        let link = folder.join(relative.split('/').next()?);
        let target = folder.join(fs::read_link(&link).ok()?);
        let distribution = self.editables.of_source(&target, &self.distributions)?;
        Some((distribution, link, target))
    }

    /// The distribution whose `.pth` file adds this entry as its source. A folder inside the site folder is no source:
    /// pywin32 adds one of its own.
    fn in_place_of(&self, root: usize) -> Option<Index> {
        let root = &self.roots[root];
        let owner = self.editables.of_path_file(root.added_by?)?;
        (!root.path.starts_with(&self[owner].folder)).then_some(owner)
    }

    /// An egg-info in a source tree may be the older half of what a dist-info in the site folder says.
    fn in_force_of(&self, index: Index) -> Index {
        self.index_of(&self[index].normalised).unwrap_or(index)
    }

    fn owners_by_other_means(&self, root: usize, relative: &str) -> Vec<Index> {
        let folder = &self.roots[root].path;
        // A folder inside a site folder that a `.pth` file adds, as pywin32 does.
        for (number, outer) in self.roots.iter().enumerate() {
            if number != root
                && let Ok(inside) = folder.strip_prefix(&outer.path)
            {
                let owners = self.owners_of_file(number, &format!("{}/{relative}", inside.display()));
                if !owners.is_empty() {
                    return owners;
                }
            }
        }
        // A name at the top that its own `top_level.txt` does not have.
        let listing = |number: &usize| {
            let distribution = &self.distributions[*number];
            distribution.folder == *folder && distribution.lists(relative) == Some(true)
        };
        let listed: Vec<Index> = (0..self.distributions.len()).filter(listing).map(Index).collect();
        if !listed.is_empty() {
            return listed;
        }
        let conda = |number: &usize| {
            let distribution = &self.distributions[*number];
            let is_conda = distribution.kind == Kind::Conda && folder.starts_with(&distribution.folder);
            is_conda && distribution.lists(relative) == Some(true)
        };
        (0..self.distributions.len()).find(conda).map(Index).into_iter().collect()
    }

    /// Those that have this file in their list; where only one claims the name at the top, that one.
    fn owners_of_file(&self, root: usize, relative: &str) -> Vec<Index> {
        let folder = &self.roots[root].path;
        let (top, deeper) = match relative.split_once('/') {
            Some((top, _)) => (top, true),
            None => (relative.split('.').next().unwrap_or(relative), false),
        };
        let claims: Vec<usize> = self
            .owners()
            .of(top)
            .iter()
            .copied()
            .filter(|number| self.distributions[*number].folder == *folder)
            .collect();
        let is_regular = !deeper || init(&folder.join(top), &self.tag).is_some();
        if claims.len() == 1 && is_regular {
            return vec![Index(claims[0])];
        }
        let (mut listed, mut unlisted) = (Vec::new(), Vec::new());
        for number in claims {
            match self.distributions[number].lists(relative) {
                Some(true) => listed.push(Index(number)),
                Some(false) => {}
                None => unlisted.push(Index(number)),
            }
        }
        if listed.len() > 1 {
            // The one that wrote last has the file that is there.
            let size = folder.join(relative).metadata().map(|metadata| metadata.len()).ok();
            let fits = |index: &&Index| {
                let recorded = self[**index].recorded(relative).and_then(|file| file.size);
                recorded.is_some() && recorded == size
            };
            let fitting: Vec<Index> = listed.iter().filter(fits).copied().collect();
            if !fitting.is_empty() {
                return fitting;
            }
        }
        if listed.is_empty() { unlisted } else { listed }
    }

    /// All that have a part in a namespace.
    fn namespace(&self, portions: &[Portion]) -> Found {
        let mut owners: Vec<Index> = Vec::new();
        for portion in portions {
            match &portion.place {
                Place::Mapped { owner } => owners.extend(owner),
                Place::Root { root, relative } => {
                    let root_of = &self.roots[*root];
                    if let Some(owner) = self.in_place_of(*root) {
                        owners.push(owner);
                        continue;
                    }
                    let top = relative.split('/').next().unwrap_or(relative);
                    let inside = format!("{relative}/");
                    for number in self.owners().of(top) {
                        let distribution = &self.distributions[*number];
                        let deep = relative.contains('/');
                        let has_part = || {
                            let files = distribution.files();
                            files.is_none_or(|files| {
                                files.iter().any(|file| file.recorded.starts_with(&inside))
                            })
                        };
                        if distribution.folder == root_of.path && (!deep || has_part()) {
                            owners.push(Index(*number));
                        }
                    }
                }
            }
        }
        owners.sort_unstable();
        owners.dedup();
        if owners.is_empty() { Found::Namespace } else { Found::Distributions(owners) }
    }
}

/// Where submodules are looked for.
fn portions_of(located: &Located) -> Vec<Portion> {
    match located {
        Located::Nothing => Vec::new(),
        Located::Module(module) => module.package.clone().into_iter().collect(),
        Located::Namespace(portions) => portions.clone(),
    }
}

/// What both find.
fn together(one: Found, other: Found) -> Found {
    match (one, other) {
        (Found::Distributions(mut one), Found::Distributions(other)) => {
            one.extend(other);
            one.sort_unstable();
            one.dedup();
            Found::Distributions(one)
        }
        (Found::Nothing | Found::Namespace, other) => other,
        (one, Found::Nothing | Found::Namespace | Found::Loose(_)) => one,
        (Found::Loose(_), other) => other,
        // What is used in place is said before what is installed: it is what must travel.
        (one @ Found::Editable { .. }, _) | (_, one @ Found::Editable { .. }) => one,
    }
}

/// The name of a package's `__init__`; `None` for a folder without one, or one that is gone.
fn init(folder: &Path, tag: &str) -> Option<String> {
    if folder.join("__init__.py").is_file() {
        return Some("__init__.py".to_owned());
    }
    module_in(folder, &names_in(folder), "__init__", tag).map(str::to_owned)
}

/// The file that Python takes for a module, of those with these names in a folder.
fn module_in<'a>(folder: &Path, files: &'a [String], name: &str, tag: &str) -> Option<&'a str> {
    let mut fitting: Vec<(u8, &str)> = files
        .iter()
        .filter_map(|file| match module_file::module_for(file, tag)? {
            (module, rank) if module == name => Some((rank, file.as_str())),
            _ => None,
        })
        .collect();
    fitting.sort_unstable();
    fitting.into_iter().map(|(_, file)| file).find(|file| folder.join(file).is_file())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The file of a module whose path is given without its ending.
fn with_ending(path: &Path, tag: &str) -> Option<PathBuf> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let names = names_in(folder);
    module_in(folder, &names, name, tag).map(|file| folder.join(file))
}
