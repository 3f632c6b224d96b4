//! The shared code, `src/common`: what there is, and what one part of it needs of the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::COMMON;
use super::links::{self, Content, Found, INIT, Places, State};
use super::name::ExperimentName;
use super::python::imports::{Import, SyntaxError};
use super::python::modules;
use super::python::standard_library;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
}

/// The shared code as it was found. Paths are relative to it and `/`-separated.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    pub entries: BTreeMap<String, Kind>,
    /// The symlinks among them, and those that lead to nothing.
    pub links: BTreeMap<String, Found>,
    /// Of each Python file.
    pub imports: BTreeMap<String, Result<Vec<Import>, SyntaxError>>,
}

/// What an import of shared code asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// A module: `a/b.py`, or the folder `a/b`.
    Module(String),
    /// Something that is defined in `a/__init__.py`.
    Init(String),
    /// A module that is not there, by its dotted name.
    Missing(String),
}

impl Want {
    /// The path to be given to `scaf dependency`; `None` where there is none.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Module(path) => Some(path),
            Self::Init(path) => Some(path.strip_suffix(INIT).map_or(path.as_str(), |dir| {
                if dir.is_empty() { path.as_str() } else { dir.trim_end_matches('/') }
            })),
            Self::Missing(_) => None,
        }
    }

    /// Whether the experiment has it: through a link, or as its own file. A link that is not in order
    /// counts, since that is another complaint.
    pub fn is_met(&self, experiment: &ExperimentName, places: &Places) -> bool {
        match self {
            Self::Module(path) => {
                let place = format!("{COMMON}/{path}");
                places.contains_key(&place)
                    || place.strip_suffix(".py").is_some_and(|folder| places.contains_key(folder))
                    || covered(experiment, places, &place)
            }
            Self::Init(path) => {
                let place = format!("{COMMON}/{path}");
                let own = places.get(&place);
                own.is_some_and(|found| *found != Found::File(Content::Empty))
                    || covered(experiment, places, &place)
            }
            Self::Missing(dotted) => {
                let place = dotted.replace('.', "/");
                places.contains_key(&place)
                    || places.contains_key(&format!("{place}.py"))
                    || covered(experiment, places, &place) && !is_shared_whole(experiment, places, &place)
            }
        }
    }
}

/// Whether a link at or above the place provides it, in order or not.
fn covered(experiment: &ExperimentName, places: &Places, place: &str) -> bool {
    links::above(place).chain([place]).any(|at| {
        places.get(at).is_some_and(|found| {
            matches!(found, Found::Link { .. }) || links::state(experiment, at, found) == State::AsText
        })
    })
}

/// Whether the place lies below a link in order, so that it holds what the shared code holds.
fn is_shared_whole(experiment: &ExperimentName, places: &Places, place: &str) -> bool {
    links::covering(experiment, places, place).is_some()
}

/// A package that the shared code imports and that does not come with Python.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    pub module: String,
    /// The shared file and the line that import it first.
    pub file: String,
    pub line: u32,
    /// The code can do without it.
    pub optional: bool,
}

/// A part of the shared code that another part needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub want: Want,
    pub file: String,
    pub line: u32,
    pub optional: bool,
}

impl Shared {
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// What `import MODULE` or `from MODULE import NAMES` asks for. `module` is absolute and begins
    /// with `common`; anything else asks for nothing here.
    pub fn wants(&self, module: &str, names: &[String]) -> Vec<Want> {
        let Some(rest) = module.strip_prefix(COMMON) else { return Vec::new() };
        let base = match rest.strip_prefix('.') {
            Some(rest) => rest.replace('.', "/"),
            None if rest.is_empty() => String::new(),
            None => return Vec::new(),
        };
        if names.is_empty() {
            return if base.is_empty() { Vec::new() } else { vec![self.module(&base, module)] };
        }
        let mut wants = BTreeSet::new();
        for name in names {
            let inner = if base.is_empty() { name.clone() } else { format!("{base}/{name}") };
            if let Some(path) = self.find(&inner) {
                wants.insert(Want::Module(path));
            } else if base.is_empty() {
                if name != "*" {
                    let init = self.has(INIT).then(|| Want::Init(INIT.to_owned()));
                    wants.insert(init.unwrap_or_else(|| Want::Missing(format!("{module}.{name}"))));
                }
            } else {
                let init = format!("{base}/{INIT}");
                let want = if self.has(&init) { Want::Init(init) } else { self.module(&base, module) };
                wants.insert(want);
            }
        }
        wants.into_iter().collect()
    }

    fn module(&self, base: &str, dotted: &str) -> Want {
        self.find(base).map_or_else(|| Want::Missing(dotted.to_owned()), Want::Module)
    }

    /// `a/b.py` or the folder `a/b`.
    fn find(&self, base: &str) -> Option<String> {
        let file = format!("{base}.py");
        if self.entries.get(base) == Some(&Kind::Folder) {
            Some(base.to_owned())
        } else {
            self.has(&file).then_some(file)
        }
    }

    /// The Python files at or below a path.
    pub fn python_files(&self, path: &str) -> Vec<&str> {
        if path.is_empty() {
            return self.imports.keys().map(String::as_str).collect();
        }
        let below = format!("{path}/");
        let inside = self.imports.range(below.clone()..).take_while(|(file, _)| file.starts_with(&below));
        let itself = self.imports.get_key_value(path);
        itself.into_iter().chain(inside).map(|(file, _)| file.as_str()).collect()
    }

    /// What a shared file needs of the shared code. What is needed for type checkers alone is not.
    pub fn needs_of(&self, file: &str) -> Vec<Need> {
        let Some(Ok(imports)) = self.imports.get(file) else { return Vec::new() };
        let seen_from = format!("{COMMON}/{file}");
        imports
            .iter()
            .filter(|import| !import.type_checking())
            .flat_map(|import| {
                let module = import.absolute(&seen_from).unwrap_or_default();
                self.wants(&module, &import.names).into_iter().map(|want| Need {
                    want,
                    file: file.to_owned(),
                    line: import.line,
                    optional: import.optional(),
                })
            })
            .collect()
    }

    /// What the given parts need that the experiment has not, and what that needs in turn.
    pub fn needs(&self, experiment: &ExperimentName, places: &Places, paths: &[String]) -> Vec<Need> {
        let mut found: BTreeMap<Want, Need> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&str> = paths.iter().flat_map(|path| self.python_files(path)).collect();
        while let Some(file) = waiting.pop() {
            if !seen.insert(file) {
                continue;
            }
            for need in self.needs_of(file) {
                let Some(path) = need.want.path() else {
                    if !need.optional && !need.want.is_met(experiment, places) {
                        found.entry(need.want.clone()).or_insert(need);
                    }
                    continue;
                };
                waiting.extend(self.python_files(path));
                if !need.want.is_met(experiment, places) {
                    let entry = found.entry(need.want.clone()).or_insert_with(|| need.clone());
                    entry.optional &= need.optional;
                }
            }
        }
        found.into_values().collect()
    }

    /// The packages that the given parts import, besides what comes with Python. `is_local` knows the
    /// experiment's own modules.
    pub fn foreign(&self, paths: &[String], is_local: impl Fn(&str) -> bool) -> Vec<Foreign> {
        let mut found: BTreeMap<&str, Foreign> = BTreeMap::new();
        for file in paths.iter().flat_map(|path| self.python_files(path)) {
            let Some(Ok(imports)) = self.imports.get(file) else { continue };
            for import in imports.iter().filter(|import| import.level == 0 && !import.type_checking()) {
                let top = import.top();
                if top.is_empty() || top == COMMON || standard_library::contains(top) || is_local(top) {
                    continue;
                }
                let entry = found.entry(top).or_insert_with(|| Foreign {
                    module: top.to_owned(),
                    file: file.to_owned(),
                    line: import.line,
                    optional: import.optional(),
                });
                entry.optional &= import.optional();
            }
        }
        found.into_values().collect()
    }

    /// The dotted names of all modules, for the nearest one to a name that is not there.
    pub fn dotted(&self) -> impl Iterator<Item = String> {
        self.imports
            .keys()
            .filter(|file| *file != INIT)
            .map(|file| format!("{COMMON}.{}", modules::dotted(file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::links::Leads;
    use crate::project::python::imports::imports;

    fn shared(files: &[(&str, &str)]) -> Shared {
        let mut shared = Shared::default();
        for (path, text) in files {
            for folder in links::above(path) {
                shared.entries.insert(folder.to_owned(), Kind::Folder);
            }
            shared.entries.insert((*path).to_owned(), Kind::File);
            if path.ends_with(".py") {
                shared.imports.insert((*path).to_owned(), imports(text));
            }
        }
        shared
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn imports_ask_for_files() {
        let shared = shared(&[
            ("__init__.py", "V = 1"),
            ("text.py", ""),
            ("io/__init__.py", ""),
            ("io/csv.py", ""),
            ("plain/x.py", ""),
        ]);
        let wants = |module: &str, taken: &[&str]| shared.wants(module, &names(taken));
        assert_eq!(wants("common", &[]), []);
        assert_eq!(wants("common", &["text"]), [Want::Module("text.py".into())]);
        assert_eq!(wants("common", &["V"]), [Want::Init("__init__.py".into())]);
        assert_eq!(wants("common.text", &["f"]), [Want::Module("text.py".into())]);
        assert_eq!(wants("common.io", &[]), [Want::Module("io".into())]);
        assert_eq!(
            wants("common.io", &["csv", "read"]),
            [Want::Module("io/csv.py".into()), Want::Init("io/__init__.py".into())]
        );
        assert_eq!(wants("common.plain", &["x"]), [Want::Module("plain/x.py".into())]);
        assert_eq!(wants("common.nosuch", &["x"]), [Want::Missing("common.nosuch".into())]);
        assert_eq!(wants("commonly", &["x"]), []);
        assert_eq!(Want::Init("io/__init__.py".into()).path(), Some("io"));
        assert_eq!(Want::Init("__init__.py".into()).path(), Some("__init__.py"));
    }

    #[test]
    fn needs_are_followed_to_the_end() {
        let shared = shared(&[
            ("a.py", "from common import b\nimport numpy, os"),
            ("b.py", "from .c import x\ntry:\n    import yaml\nexcept ImportError: pass"),
            ("c.py", "from common.a import y\nif TYPE_CHECKING:\n    import common.d"),
            ("d.py", ""),
        ]);
        let experiment = ExperimentName::parse("digits").unwrap();
        let mut places = Places::new();
        let link = |path: &str| Found::Link { target: format!("../../common/{path}"), leads: Leads::Inside };
        places.insert("common/a.py".into(), link("a.py"));
        let paths = names(&["a.py"]);
        let found: Vec<String> = shared
            .needs(&experiment, &places, &paths)
            .into_iter()
            .map(|need| format!("{}:{} {:?}", need.file, need.line, need.want.path()))
            .collect();
        assert_eq!(found, ["a.py:1 Some(\"b.py\")", "b.py:1 Some(\"c.py\")"]);
        let foreign = shared.foreign(&names(&["a.py", "b.py"]), |_| false);
        let seen: Vec<(&str, bool)> = foreign.iter().map(|it| (it.module.as_str(), it.optional)).collect();
        assert_eq!(seen, [("numpy", false), ("yaml", true)]);
        assert!(shared.foreign(&paths, |top| top == "numpy").is_empty());
    }
}
