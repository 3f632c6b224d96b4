//! What the imports that `scaf check` reads ask of the environments. An environment is read once, when the first import
//! asks something of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use foldhash::{HashMap, HashSet};

use crate::orchestrate::load::detect::naming::{self, Declared, Listed, Named};
use crate::orchestrate::load::detect::sources::{Form, role};
use crate::orchestrate::load::{parallel, pinned};
use crate::project::layout::{COMMON, ENVIRONMENT, Layout};
use crate::project::links;
use crate::project::python::imports::{How, Import};
use crate::project::python::requirements::{File, normalised};
use crate::spec::check::environment::{self, Lack};
use crate::spec::check::rules::LAYER_DATA_SCIENCE;
use crate::spec::check::waiver::Waivers;
use crate::spec::check::{Finding, Project, Tree};
use crate::spec::detection::{Known as HowKnown, Role};
use crate::spec::env_check;
use crate::spec::lock_target::{LockTarget, Platform, Sayings};
use crate::spec::pinned::{LOCK, Pinned, Provision, Provisions, REQUIREMENTS};
use crate::spec::settings::Settings;

/// Those of the project's experiments, by their numbers.
pub struct Environments<'a> {
    layout: &'a Layout,
    project: &'a Project,
    settings: &'a Settings,
    all: Vec<Slot>,
    /// What the tables have on the modules that were asked for, with what is taken out of them, which is the same for
    /// all environments.
    listed: RwLock<HashMap<String, Arc<Listed>>>,
}

#[derive(Default)]
struct Slot {
    known: OnceLock<Option<Known>>,
    lacks: Mutex<Vec<Lack>>,
}

struct Known {
    pinned: Pinned,
    target: LockTarget,
    provisions: Provisions,
    declared: Declared,
    waived: BTreeSet<String>,
    /// Modules of which nothing is to be said: that it has, that are Python's, that are the project's.
    fine: Mutex<HashSet<Box<str>>>,
}

impl<'a> Environments<'a> {
    pub fn new(layout: &'a Layout, project: &'a Project, settings: &'a Settings) -> Self {
        let all = project.experiments.iter().map(|_| Slot::default()).collect();
        Self { layout, project, settings, all, listed: RwLock::default() }
    }

    /// `None` where it cannot be read, which other rules say.
    fn of(&self, index: usize) -> Option<&Known> {
        self.all[index].known.get_or_init(|| self.read(&self.project.experiments[index])).as_ref()
    }

    fn read(&self, tree: &Tree) -> Option<Known> {
        let pinned = pinned::read(&self.layout.environment_dir(&tree.name)).ok()?;
        // That there are no requirements at all is told once.
        if pinned.files.is_empty() && pinned.lock.is_none() {
            return None;
        }
        let settings = self.settings.for_experiment(tree.name.as_str());
        let sayings = Sayings {
            dockerfile: pinned.dockerfile.as_deref(),
            settings: settings.env.python.as_deref(),
            ..Sayings::default()
        };
        let provisions = pinned.provisions();
        let mut declared = Declared::default();
        for name in &provisions.names {
            declared.add(name, true);
        }
        Some(Known {
            target: LockTarget::choose(Platform::default(), &sayings).0,
            declared,
            provisions,
            pinned,
            waived: settings.env.waive.iter().map(|name| normalised(name)).collect(),
            fine: Mutex::default(),
        })
    }

    /// `requirements.txt` with those that it names, where that is the file and it can be read.
    pub fn requirements(&self, index: usize, file: &str) -> Option<&[File]> {
        let is_it =
            file.strip_prefix(ENVIRONMENT).and_then(|rest| rest.strip_prefix('/')) == Some(REQUIREMENTS);
        let files = &self.of(index).filter(|_| is_it)?.pinned.files;
        (!files.is_empty()).then_some(files)
    }

    /// Takes down what a Python file of an experiment imports and its environment does not have. What has been found there
    /// already says enough of an import of a platform.
    pub fn imports(
        &self,
        index: usize,
        file: &str,
        imports: &[Import],
        waivers: &Waivers,
        found: &[Finding],
    ) {
        let tree = &self.project.experiments[index];
        let in_environment = file.strip_prefix(ENVIRONMENT).is_some_and(|rest| rest.starts_with('/'));
        if in_environment || role(file, Form::Python) != Role::Code {
            return;
        }
        for import in imports.iter().filter(|import| environment::must_succeed(import)) {
            let is_told = |finding: &Finding| {
                finding.line == import.line
                    && finding.rule == LAYER_DATA_SCIENCE.name
                    && !waivers.allows(finding)
            };
            let Some(lack) = self.lack(index, import, || self.project.path(&tree.name, file)) else {
                continue;
            };
            if found.iter().any(is_told) || environment::has_module(tree, file, import.top()) {
                continue;
            }
            // What git ignores is there when the code runs here.
            let folder = self.layout.experiment_dir(&tree.name);
            let beside = folder.join(file.rsplit_once('/').map_or("", |(folder, _)| folder));
            let module = format!("{}.py", import.top());
            let is_there = |folder: &std::path::Path| {
                folder.join(&module).is_file() || folder.join(import.top()).is_dir()
            };
            if is_there(&folder) || is_there(&beside) {
                continue;
            }
            let told = environment::missing(tree.name.as_str(), std::slice::from_ref(&lack), true);
            if !told.iter().all(|finding| waivers.allows(finding)) {
                self.all[index].lacks.lock().unwrap_or_else(PoisonError::into_inner).push(lack);
            }
        }
    }

    fn listed(&self, module: &str, names: &[String]) -> Arc<Listed> {
        let mut asked = module.to_owned();
        for name in names {
            asked.push(' ');
            asked.push_str(name);
        }
        if let Some(listed) = self.listed.read().unwrap_or_else(PoisonError::into_inner).get(&asked) {
            return Arc::clone(listed);
        }
        let listed = Arc::new(Listed::of(module, names));
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(asked, Arc::clone(&listed));
        listed
    }

    /// What an import is of, where the environment does not have that.
    fn lack(&self, index: usize, import: &Import, file: impl FnOnce() -> String) -> Option<Lack> {
        let known = self.of(index)?;
        let fine = || known.fine.lock().unwrap_or_else(PoisonError::into_inner);
        let module = import.module.as_str();
        // Most imports are of what others import, too.
        if fine().contains(module) {
            return None;
        }
        if known.provisions.names.contains(import.top()) || !environment::is_foreign(self.project, import) {
            fine().insert(module.into());
            return None;
        }
        let (_, names) = asked_of(import);
        let Named::Distribution { name, known: by, candidates } =
            naming::named(&self.listed(module, names), module, names, &known.declared)
        else {
            return None;
        };
        let is_guess = by == HowKnown::Guess;
        let all: Vec<String> =
            std::iter::once(&name).chain(&candidates).map(|name| normalised(name)).collect();
        if all.iter().any(|name| known.waived.contains(name)) {
            return None;
        }
        match known.provisions.of(all.iter().map(String::as_str), is_guess) {
            Provision::Has => {
                fine().insert(module.into());
                None
            }
            Provision::Perhaps(_) => None,
            Provision::Lacks => Some(Lack {
                file: file(),
                line: import.line,
                column: import.column,
                module: module.to_owned(),
                distribution: name,
                is_guess,
            }),
        }
    }

    /// What was taken down of the experiments, as findings.
    pub fn missing(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (tree, slot) in self.project.experiments.iter().zip(&self.all) {
            let lacks = slot.lacks.lock().unwrap_or_else(PoisonError::into_inner);
            let with_guesses = lacks.iter().any(|lack| lack.is_guess) && !self.adds_paths(tree);
            found.extend(environment::missing(tree.name.as_str(), &lacks, with_guesses));
        }
        found
    }

    /// Whether some code of an experiment says where modules lie.
    fn adds_paths(&self, tree: &Tree) -> bool {
        let folder = self.layout.experiment_dir(&tree.name);
        let mut code = tree.files.files().filter(|file| file.ends_with(".py"));
        code.any(|file| {
            std::fs::read(folder.join(file))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("sys.path"))
        })
    }

    /// What shared code imports and an experiment that has linked it does not have.
    pub fn of_shared(&self) -> Vec<Finding> {
        let shared = &self.project.shared.imports;
        let asking: Vec<(&String, Vec<&Import>)> = shared
            .iter()
            .filter_map(|(file, imports)| {
                let imports = imports.as_ref().ok()?.iter();
                let asking = |import: &&Import| {
                    environment::must_succeed(import) && environment::is_foreign(self.project, import)
                };
                let asking: Vec<&Import> = imports.filter(asking).collect();
                (!asking.is_empty() && role(file, Form::Python) == Role::Code).then_some((file, asking))
            })
            .collect();
        // The same few modules are imported in many files, and most experiments lack none of them.
        let mut modules: Vec<&Import> = asking.iter().flat_map(|(_, imports)| imports).copied().collect();
        modules.sort_by_key(|import| asked_of(import));
        modules.dedup_by_key(|import| asked_of(import));
        let indexes: Vec<usize> = (0..self.project.experiments.len()).collect();
        let lacks = parallel::map_here(&indexes, |index| {
            let tree = &self.project.experiments[*index];
            let mut lacks = Vec::new();
            let lacks_some = || modules.iter().any(|import| self.lack(*index, import, String::new).is_some());
            if tree.places.is_empty() || !lacks_some() {
                return lacks;
            }
            for (file, imports) in &asking {
                if links::covering(&tree.name, &tree.places, &format!("{COMMON}/{file}")).is_none() {
                    continue;
                }
                let shown = || format!("{}/{COMMON}/{file}", self.project.code);
                let found = imports.iter().filter_map(|import| self.lack(*index, import, shown));
                lacks.extend(found.filter(|lack| {
                    let top = lack.module.split('.').next().unwrap_or_default();
                    !environment::has_module(tree, file, top)
                }));
            }
            lacks
        });
        let mut by_lack: Vec<(Lack, Vec<&str>)> = Vec::new();
        for (index, lack) in lacks
            .into_iter()
            .enumerate()
            .flat_map(|(index, all)| all.into_iter().map(move |lack| (index, lack)))
        {
            let name = self.project.experiments[index].name.as_str();
            match by_lack.iter_mut().find(|(have, _)| *have == lack) {
                Some((_, names)) => names.push(name),
                None => by_lack.push((lack, vec![name])),
            }
        }
        by_lack.iter().map(|(lack, names)| environment::missing_for_shared(lack, names)).collect()
    }

    /// In what respects an experiment's lock is old.
    pub fn stale(&self, index: usize) -> Vec<Finding> {
        let Some(known) = self.of(index) else { return Vec::new() };
        let stale = env_check::stale(&known.pinned, &known.target);
        let tree = &self.project.experiments[index];
        let mut found = environment::stale(self.project, tree, stale);
        for file in &known.pinned.files {
            let shown = self.project.path(&tree.name, &format!("{ENVIRONMENT}/{}", file.shown));
            let waivers = Waivers::read(&file.text);
            found.retain(|finding| finding.file != shown || !waivers.allows(finding));
        }
        found
    }

    /// Whether a Python file hides one of Python's own modules.
    pub fn shadowed(&self, index: usize, file: &str) -> Option<Finding> {
        let tree = &self.project.experiments[index];
        // Most files are in no danger of it, and cost no look at the environment.
        environment::shadowed(self.project, tree, file, 11)
            .is_some()
            .then(|| self.of(index))
            .flatten()
            .and_then(|known| environment::shadowed(self.project, tree, file, known.target.python.minor))
    }

    /// Whether the file is the lock.
    pub fn is_lock(file: &str) -> bool {
        file.strip_prefix(ENVIRONMENT).and_then(|rest| rest.strip_prefix('/')) == Some(LOCK)
    }
}

/// What an import asks for: a module, and what is taken out of it.
fn asked_of(import: &Import) -> (&str, &[String]) {
    (&import.module, if import.how == How::From { &import.names } else { &[] })
}
