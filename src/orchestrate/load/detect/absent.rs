//! Modules that are the code's own and are not found where Python would look: built ones, those of a folder that
//! is not here, and those that are found only from another working folder.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use foldhash::{HashMap, HashSet};

use super::ledger::{Addition, Asked};
use super::{Run, leads};
use crate::project::python::requirements::normalised;
use crate::project::python::scan::Base;
use crate::project::python::submodules;

pub struct Absent<'a> {
    run: &'a Run<'a>,
    /// Top names of what a `setup.py` of the project builds.
    built: HashSet<&'a str>,
    /// Files that add a folder to `sys.path` of which nothing is here: in which cell and line, and what is told of it.
    lost: HashMap<u32, (u32, u32, String)>,
    /// Folders of which nothing is here, by their last name as a module's.
    folders: Vec<(String, String)>,
    /// Modules by their last name, each with all names on the way to it.
    modules: OnceCell<HashMap<&'a str, Vec<Vec<&'a str>>>>,
}

impl<'a> Absent<'a> {
    pub fn of(run: &'a Run<'a>) -> Self {
        let words = &run.ledger.words;
        let root = run.request.root;
        let mut lost: HashMap<u32, (u32, u32, String)> = HashMap::default();
        let mut lose = |addition: &Addition, told: String| {
            let Addition { file, line, cell, .. } = *addition;
            let first = lost.entry(file).or_insert_with(|| (cell, line, told.clone()));
            if (cell, line) < (first.0, first.1) {
                *first = (cell, line, told);
            }
        };
        let mut folders = Vec::new();
        for addition in &run.ledger.additions {
            let below = words.text(addition.below);
            if addition.base == Base::Unknown {
                lose(addition, "a folder that is only known when it runs".to_owned());
                continue;
            }
            let Some(source) = run.sources.get(addition.file as usize) else { continue };
            let Some(script) = source.path.parent() else { continue };
            let Some(folder) = leads::place((addition.base, addition.up, below), script, root) else {
                continue;
            };
            if !has_anything(&folder) {
                let shown = super::shown(&folder, root);
                lose(addition, format!("`{shown}`, of which nothing is here,"));
                folders.extend(
                    last_name(&folder).map(|name| (name, format!("`{shown}`, of which nothing is here"))),
                );
            }
        }
        if let Ok(text) = fs::read_to_string(root.join(".gitmodules")) {
            for path in submodules::paths(&text) {
                let folder = root.join(&path);
                if !has_anything(&folder) {
                    let told = format!(
                        "the git submodule `{path}`, which is not here: `git submodule update --init`"
                    );
                    folders.extend(last_name(&folder).map(|name| (name, told)));
                }
            }
        }
        let built = run.ledger.built.iter().map(|built| words.text(built.module)).collect();
        Self { run, built, lost, folders, modules: OnceCell::new() }
    }

    /// Whether an import is of the project's own all the same.
    pub fn is_own(&self, module: &str, names: &[String]) -> bool {
        let top = module.split('.').next().unwrap_or_default();
        self.built.contains(top) || self.is_elsewhere(module, names)
    }

    /// Whether the project's `setup.py` builds the distribution.
    pub fn builds(&self, name: &str) -> bool {
        self.built.contains(normalised(name).replace('-', "_").as_str())
    }

    /// Why nothing can be said of an import that nobody knows.
    pub fn reason(&self, asked: &Asked, module: &str) -> Option<String> {
        let top = module.split('.').next().unwrap_or_default();
        if let Some((_, told)) = self.folders.iter().find(|(name, _)| *name == top.to_lowercase()) {
            return Some(format!("it may be in {told}"));
        }
        let source = self.run.sources.get(asked.file as usize)?;
        let beside = source.path.parent().map(|folder| folder.join(top));
        let empty = [beside, Some(self.run.request.root.join(top))];
        // git keeps no empty folders, but for those of submodules.
        if let Some(folder) =
            empty.into_iter().flatten().find(|folder| folder.is_dir() && !has_anything(folder))
        {
            let shown = super::shown(&folder, self.run.request.root);
            return Some(format!(
                "the folder `{shown}` is empty, as that of a git submodule is before it is fetched"
            ));
        }
        // What is imported before has been found elsewhere.
        let (cell, line, told) = self.lost.get(&asked.file)?;
        let is_after = (*cell, *line) < (asked.cell, asked.line);
        is_after.then(|| format!("no package is known by it, and the file adds {told} to `sys.path`"))
    }

    /// Whether some folder of the project has the module with all its names, so that it is found when Python is
    /// started from there.
    fn is_elsewhere(&self, module: &str, names: &[String]) -> bool {
        let parts: Vec<&str> = module.split('.').collect();
        let has = |parts: &[&str]| {
            let Some(last) = parts.last().filter(|_| parts.len() > 1) else { return false };
            let modules = self.modules.get_or_init(|| modules(self.run));
            modules.get(last).is_some_and(|all| all.iter().any(|way| way.ends_with(parts)))
        };
        has(&parts) || names.iter().any(|name| has(&[parts.as_slice(), &[name.as_str()]].concat()))
    }
}

/// What a compiler of protocol buffers writes beside the code is no distribution's.
pub fn is_generated(module: &str, names: &[String]) -> bool {
    let is_one = |name: &str| name.ends_with("_pb2") || name.ends_with("_pb2_grpc");
    let top = module.split('.').next().unwrap_or_default();
    let holds_some = matches!(top, "proto" | "protos" | "pb" | "protobuf" | "protobufs" | "generated");
    let rest = module.split('.').skip(1);
    is_one(top) || holds_some && rest.chain(names.iter().map(String::as_str)).any(is_one)
}

fn modules<'a>(run: &'a Run<'a>) -> HashMap<&'a str, Vec<Vec<&'a str>>> {
    let mut modules: HashMap<&str, Vec<Vec<&str>>> = HashMap::default();
    for source in &run.sources {
        let path = source.path.strip_prefix(run.request.root).unwrap_or(&source.path);
        let Some(path) = path.to_str().and_then(|path| path.strip_suffix(".py")) else { continue };
        let path = path.strip_suffix("/__init__").unwrap_or(path);
        let way: Vec<&str> = path.split('/').collect();
        if let Some(last) = way.last() {
            modules.entry(last).or_default().push(way);
        }
    }
    modules
}

fn has_anything(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn last_name(folder: &Path) -> Option<String> {
    Some(folder.file_name()?.to_str()?.to_lowercase().replace('-', "_"))
}
