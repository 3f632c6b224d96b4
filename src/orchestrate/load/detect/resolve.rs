//! What an import stands for: the code's own module, Python's, an installed distribution's, or nothing
//! that is here.

use std::path::{Path, PathBuf};

use foldhash::HashMap;

use super::folders::{FolderId, Folders};
use super::ledger::{Word, Words};
use super::local::{self, Local};
use super::naming;
use crate::orchestrate::load::installed::{Found, Index, Installed};
use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::project::python::standard_library;

/// Where a file's imports are looked for, in three turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path3 {
    /// Before the standard library: the script's folder.
    pub front: Vec<FolderId>,
    /// Before what is installed: where people start Python from, and what the code adds to `sys.path`.
    pub back: Vec<FolderId>,
}

/// An import's end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Local {
        files: Vec<PathBuf>,
    },
    /// The same, found where Python does not look unless it is started there: not where a file beside the code asks for
    /// a distribution of that name.
    Elsewhere {
        files: Vec<PathBuf>,
    },
    Stdlib,
    /// Which of the installed ones own what is imported; of several each has written the same file.
    Installed(Vec<Index>),
    /// Of an editable install: code like the project's own, with a distribution's name on it.
    Editable {
        distribution: Index,
        files: Vec<PathBuf>,
    },
    /// Of a namespace several modules are taken, dotted, and each has its own answer.
    Each(Vec<(String, Outcome)>),
    /// Only a part of it can be somebody's.
    Namespace,
    /// Nothing here has it; a folder of that name, with code in it, may be what is meant.
    Missing {
        folder: bool,
    },
}

impl Outcome {
    /// The files that the import loads, of which something is wanted.
    pub fn files(&self, into: &mut Vec<PathBuf>) {
        match self {
            Self::Local { files } | Self::Elsewhere { files } | Self::Editable { files, .. } => {
                into.extend(files.iter().cloned());
            }
            Self::Each(each) => each.iter().for_each(|(_, outcome)| outcome.files(into)),
            Self::Stdlib | Self::Installed(_) | Self::Namespace | Self::Missing { .. } => {}
        }
    }
}

/// A way of looking: interned, since files of one folder have it in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(u32);

pub struct Resolver<'a> {
    pub folders: Folders,
    installed: Option<&'a Installed>,
    minor: u8,
    root: PathBuf,
    paths: Vec<Path3>,
    path_ids: HashMap<Path3, PathId>,
    known: HashMap<(PathId, Word, Word), u32>,
    outcomes: Vec<Outcome>,
    numbers: HashMap<Outcome, u32>,
    /// Where else modules of the project start; looked at when nothing else has the name.
    pub elsewhere: Vec<FolderId>,
    defined: HashMap<PathBuf, Option<Vec<String>>>,
}

impl<'a> Resolver<'a> {
    pub fn new(root: &Path, folders: Folders, installed: Option<&'a Installed>, minor: u8) -> Self {
        Self {
            folders,
            installed,
            minor,
            root: root.to_owned(),
            paths: Vec::new(),
            path_ids: HashMap::default(),
            known: HashMap::default(),
            outcomes: Vec::new(),
            numbers: HashMap::default(),
            elsewhere: Vec::new(),
            defined: HashMap::default(),
        }
    }

    pub fn path(&mut self, path: Path3) -> PathId {
        if let Some(id) = self.path_ids.get(&path) {
            return *id;
        }
        let id = PathId(u32::try_from(self.paths.len()).unwrap_or(u32::MAX));
        self.paths.push(path.clone());
        self.path_ids.insert(path, id);
        id
    }

    /// `import dotted`, or `from dotted import names` (a line each), in a file: the number of the answer.
    pub fn resolve(&mut self, path: PathId, file: &Path, asked: (Word, Word), words: &Words) -> u32 {
        let (module, names) = asked;
        let dotted = words.text(module);
        // A file that bears the name asked for is the one case in which the answer is its own.
        let own_name = file.file_stem().and_then(|stem| stem.to_str()) == dotted.split('.').next();
        let key = (path, module, names);
        let known = self.known.get(&key).filter(|_| !own_name).copied();
        let number = known.unwrap_or_else(|| {
            let names: Vec<String> = words.text(names).lines().map(str::to_owned).collect();
            let outcome = self.decide(path, file, dotted, &names);
            self.number(outcome)
        });
        if !own_name {
            self.known.insert(key, number);
        }
        if matches!(self.outcome(number), Outcome::Missing { .. })
            && let Some(outcome) = self.beside(file, dotted)
        {
            return self.number(outcome);
        }
        number
    }

    /// A module of a package does not see its siblings; where nobody else has the name, such code is run from its folder.
    fn beside(&mut self, file: &Path, dotted: &str) -> Option<Outcome> {
        if import_names::candidates(dotted).is_some() {
            return None;
        }
        let folder = self.folders.id(file.parent()?);
        match local::find(&mut self.folders, &[folder], dotted, &[], Some(file)) {
            Local::Regular { files, .. } => Some(Outcome::Elsewhere { files }),
            Local::Portion { .. } | Local::Empty { .. } | Local::Nothing => None,
        }
    }

    /// An answer's number.
    pub fn number(&mut self, outcome: Outcome) -> u32 {
        if let Some(number) = self.numbers.get(&outcome) {
            return *number;
        }
        let number = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        self.outcomes.push(outcome.clone());
        self.numbers.insert(outcome, number);
        number
    }

    /// All answers, by their numbers.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// With the answers of another time.
    pub fn with_outcomes(self, outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, ..self }
    }

    /// Files of whose contents an answer depends.
    pub fn looked_into(&self) -> impl Iterator<Item = &Path> {
        self.defined.keys().map(PathBuf::as_path)
    }

    pub fn outcome(&self, number: u32) -> &Outcome {
        self.outcomes.get(number as usize).unwrap_or(&Outcome::Namespace)
    }

    /// The modules of a package of the project, of which any may be imported by a name that is made while
    /// the code runs.
    pub fn family(&mut self, path: PathId, dotted: &str) -> Vec<PathBuf> {
        let Path3 { front, back } = self.paths[path.0 as usize].clone();
        for start in front.into_iter().chain(back) {
            if let Some((
                super::folders::Found::Package(folder) | super::folders::Found::Portion(folder),
                depth,
            )) = self.folders.find(start, dotted)
                && depth == dotted.split('.').count()
            {
                return self.folders.modules(folder);
            }
        }
        Vec::new()
    }

    fn decide(&mut self, path: PathId, file: &Path, dotted: &str, names: &[String]) -> Outcome {
        let top = dotted.split('.').next().unwrap_or(dotted);
        // Built into the interpreter, so found before any path is looked at.
        if matches!(top, "sys" | "builtins" | "__main__" | "__future__" | "time" | "_thread") {
            return Outcome::Stdlib;
        }
        let Path3 { front, back } = self.paths[path.0 as usize].clone();
        let mut empty = false;
        let mut portion = None;
        for (starts, is_front) in [(&front, true), (&back, false)] {
            if !is_front && standard_library::contains_in(top, self.minor) {
                return Outcome::Stdlib;
            }
            match local::find(&mut self.folders, starts, dotted, names, Some(file)) {
                Local::Regular { files, is_file } => {
                    if !(is_file && self.lacks(&files, dotted, names)) {
                        return Outcome::Local { files };
                    }
                }
                Local::Portion { files } => portion = portion.or(Some(files)),
                Local::Empty { has_code } => empty |= has_code,
                Local::Nothing => {}
            }
        }
        if let Some(outcome) = self.installed(dotted, names, portion.is_some()) {
            return outcome;
        }
        if let Some(files) = portion {
            return Outcome::Local { files };
        }
        if import_names::candidates(dotted).is_none() {
            let elsewhere = std::mem::take(&mut self.elsewhere);
            let found = local::find(&mut self.folders, &elsewhere, dotted, names, Some(file));
            self.elsewhere = elsewhere;
            if let Local::Regular { files, .. } | Local::Portion { files } = found {
                return Outcome::Elsewhere { files };
            }
        }
        Outcome::Missing { folder: empty }
    }

    /// What the environment has for an import. `is_here` says that the project has a part of that namespace
    /// which holds what is asked for.
    fn installed(&mut self, dotted: &str, names: &[String], is_here: bool) -> Option<Outcome> {
        let installed = self.installed?;
        let top = dotted.split('.').next().unwrap_or(dotted);
        // `_pytest` is pytest's.
        let named_so = installed.get(&normalised(top.trim_start_matches('_'))).is_some();
        let each = installed.find_each(dotted, names);
        // Whoever installs code of this machine means it, whatever its modules are called.
        let is_local = |found: &Found| match found {
            Found::Editable { .. } => true,
            Found::Distributions(all) => {
                all.iter().any(|index| installed[*index].provenance().origin.is_local())
            }
            Found::Nothing | Found::Loose(_) | Found::Namespace => false,
        };
        if naming::is_own(top)
            && !named_so
            && !each.iter().any(|(_, found)| is_local(found))
            && !self.is_whole(dotted, names)
        {
            return None;
        }
        // What has the name there cannot be meant where it lacks what the project's own folder holds.
        if is_here && !self.is_whole(dotted, names) && !self.defines(dotted, names) {
            return None;
        }
        if let [(only, found)] = each.as_slice()
            && only == dotted
        {
            return self.of_found(found, is_here);
        }
        let each: Vec<(String, Outcome)> = each
            .into_iter()
            .map(|(module, found)| {
                let outcome = self.of_found(&found, is_here).unwrap_or(Outcome::Missing { folder: false });
                (module, outcome)
            })
            .collect();
        let has_any = each.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Missing { .. }));
        (has_any || !is_here).then_some(Outcome::Each(each)).filter(|_| has_any)
    }

    /// Whether the environment has all of a dotted name as modules, or the names in it.
    fn is_whole(&mut self, dotted: &str, names: &[String]) -> bool {
        let Some(installed) = self.installed else { return false };
        let roots: Vec<PathBuf> = installed.search().map(Path::to_owned).collect();
        let parts = dotted.split('.').count();
        roots.iter().any(|root| {
            let root = self.folders.id(root);
            let whole = |depth: usize| depth == parts && parts > 1;
            match self.folders.find(root, dotted) {
                Some((super::folders::Found::Package(folder), depth)) if depth == parts => {
                    whole(depth) || names.iter().any(|name| self.folders.inside(folder, name).is_some())
                }
                Some((_, depth)) => whole(depth),
                None => false,
            }
        })
    }

    /// Whether an installed top module defines one of the names, as far as that can be known.
    fn defines(&mut self, top: &str, names: &[String]) -> bool {
        let Some(installed) = self.installed.filter(|_| !top.contains('.')) else { return false };
        let roots: Vec<PathBuf> = installed.search().map(Path::to_owned).collect();
        roots
            .iter()
            .flat_map(|root| [root.join(top).join("__init__.py"), root.join(format!("{top}.py"))])
            .any(|file| {
                self.folders.is_file(&file)
                    && super::defined::names(&file)
                        .is_none_or(|defined| names.iter().any(|name| defined.contains(name)))
            })
    }

    fn of_found(&self, found: &Found, is_here: bool) -> Option<Outcome> {
        match found {
            Found::Distributions(all) => Some(Outcome::Installed(all.clone())),
            Found::Editable { distribution, files } => {
                // The project itself, installed for convenience.
                if files.iter().any(|file| file.starts_with(&self.root)) {
                    return Some(Outcome::Local { files: files.clone() });
                }
                Some(Outcome::Editable { distribution: *distribution, files: files.clone() })
            }
            Found::Loose(files) if !is_here => Some(Outcome::Local { files: files.clone() }),
            Found::Namespace if !is_here => Some(Outcome::Namespace),
            Found::Loose(_) | Found::Namespace | Found::Nothing => None,
        }
    }

    /// Whether a module of the project that has the name of a known distribution lacks what is asked of
    /// it, so that the import could not work were it meant.
    fn lacks(&mut self, files: &[PathBuf], dotted: &str, names: &[String]) -> bool {
        let is_known = import_names::candidates(dotted).is_some()
            || self.installed.is_some_and(|installed| installed.find(dotted, names) != Found::Nothing);
        if !is_known {
            return false;
        }
        // `import a.b` of a module that is a file cannot work.
        if dotted.contains('.') {
            return true;
        }
        let Some(file) = files.first().filter(|file| file.extension().is_some_and(|end| end == "py")) else {
            return false;
        };
        if names.is_empty() || names.iter().any(|name| name == "*") {
            return false;
        }
        let defined = self.defined.entry(file.clone()).or_insert_with(|| super::defined::names(file));
        defined.as_ref().is_some_and(|defined| !names.iter().any(|name| defined.contains(name)))
    }
}
