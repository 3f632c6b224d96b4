//! From single places to one answer.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::Run;
use super::absent::{self, Absent};
use super::ledger::{Asked, Call, Word, Words};
use super::naming::{self, Declared, Named};
use super::resolve::Outcome;
use super::sources::Source;
use crate::orchestrate::load::installed::{Distribution, Index, Installed, Kind as InstalledKind};
use crate::project::python::implied::versions::Versions;
use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::project::python::specs::conda_names;
use crate::project::python::standard_library;
use crate::spec::detection::{
    Detection, Elsewhere, FORMAT, Interpreter, Kind, Known, Needed, Place, Problem, Role, Unresolved,
};

/// The answer to everything that the files ask.
pub fn answer(run: &Run<'_>, declared: &Declared) -> Detection {
    let request = run.request;
    let root = request.root;
    let mut answer = Answer {
        texts: Texts::of(run),
        files: &run.sources,
        installed: request.installed,
        declared,
        absent: Absent::of(run),
        entries: Vec::new(),
        by_name: HashMap::default(),
        by_outcome: HashMap::default(),
        unresolved: BTreeMap::new(),
        named: HashMap::default(),
        elsewhere: BTreeMap::new(),
    };
    let mut stdlib: HashSet<&str> = HashSet::default();
    let mut local: HashMap<&str, BTreeSet<u32>> = HashMap::default();
    let met = met(run);
    // By the number of the outcome, whether its files lie in the folder that is looked at.
    let mut inside: Vec<Option<bool>> = vec![None; run.resolver.outcomes().len()];
    let is_inside = |files: &[PathBuf]| files.iter().all(|file| super::is_below(file, root));
    // What is Python's or the code's own is the same wherever it is asked for.
    let mut taken: HashSet<(Word, u32)> = HashSet::default();
    for asked in &run.ledger.asked {
        let module = run.ledger.words.text(asked.module);
        let top = || module.split('.').next().unwrap_or_default();
        let is_met = asked.attempt > 0 && met.contains(&attempt(asked));
        match run.resolver.outcome(asked.outcome) {
            Outcome::Stdlib => {
                if taken.insert((asked.module, asked.outcome)) {
                    stdlib.insert(top());
                }
            }
            Outcome::Elsewhere { .. } if answer.is_asked_for(top()) => {
                answer.missing(asked, module, asked.names, is_met, false);
            }
            Outcome::Local { files } | Outcome::Elsewhere { files } => {
                if taken.insert((asked.module, asked.outcome)) {
                    local.entry(top()).or_default().insert(asked.outcome);
                }
                let inside = inside.get_mut(asked.outcome as usize);
                if !inside.is_some_and(|inside| *inside.get_or_insert_with(|| is_inside(files))) {
                    answer.local(asked, module, is_met, files, root);
                }
            }
            Outcome::Namespace => {}
            Outcome::Installed(indexes) => answer.installed(asked, module, is_met, indexes),
            Outcome::Editable { distribution, .. } => {
                answer.installed(asked, module, is_met, &[*distribution]);
            }
            Outcome::Missing { folder } => {
                if answer.missing(asked, module, asked.names, is_met, *folder) {
                    local.entry(top()).or_default();
                }
            }
            Outcome::Each(each) => {
                for (module, outcome) in each {
                    match outcome {
                        Outcome::Installed(indexes) => answer.installed(asked, module, is_met, indexes),
                        Outcome::Editable { distribution, .. } => {
                            answer.installed(asked, module, is_met, &[*distribution]);
                        }
                        Outcome::Missing { folder } => {
                            answer.missing(asked, module, Word::NONE, is_met, *folder);
                        }
                        Outcome::Local { files } | Outcome::Elsewhere { files } => {
                            local.entry(top()).or_default();
                            answer.local(asked, module, is_met, files, root);
                        }
                        Outcome::Stdlib | Outcome::Namespace | Outcome::Each(_) => {}
                    }
                }
            }
        }
    }
    let Answer { mut texts, entries, unresolved, absent, elsewhere, .. } = answer;
    let mut all = BTreeMap::new();
    for Entry { normalised, mut needed, heard, tried, fallen_back } in entries {
        // Another module of the same distribution is no way round it.
        if !tried.is_disjoint(&fallen_back) {
            let mut places = needed.places.iter_mut();
            if let Some(place) = places.find(|place| place.kind == Kind::Optional) {
                place.kind = Kind::Fallback;
                needed.kind = needed.kind.min(Kind::Fallback);
            }
        }
        all.insert(normalised, (needed, heard));
    }
    let local = local
        .into_iter()
        .map(|(top, outcomes)| {
            let files = outcomes.into_iter().flat_map(|outcome| match run.resolver.outcome(outcome) {
                Outcome::Local { files } | Outcome::Elsewhere { files } => files.as_slice(),
                _ => &[],
            });
            (top.to_owned(), files.map(|file| super::shown(file, root)).collect())
        })
        .collect();
    let mut detection = Detection {
        format: FORMAT,
        root: root.to_string_lossy().into_owned(),
        interpreter: request.interpreter.map(|python| Interpreter {
            executable: python.executable.to_string_lossy().into_owned(),
            version: python
                .full_version
                .clone()
                .unwrap_or_else(|| format!("{}.{}", python.version.0, python.version.1)),
            chosen_by: python.chosen_by.to_string(),
            distributions: request.installed.map_or(0, |installed| installed.distributions().len()),
        }),
        target: request.target.clone(),
        third_party: BTreeMap::new(),
        notebook_only: Vec::new(),
        optional: BTreeMap::new(),
        implied: BTreeMap::new(),
        suggested: BTreeMap::new(),
        dev: BTreeMap::new(),
        local,
        elsewhere: elsewhere.into_values().collect(),
        stdlib: stdlib.into_iter().map(str::to_owned).collect(),
        unresolved: unresolved.into_values().collect(),
        closure: None,
        problems: problems(run),
        files: run.sources.len(),
    };
    detection.problems.sort();
    sort(&mut detection, all);
    imply(&mut detection, run, declared, &absent, &mut texts);
    detection.notebook_only = detection
        .third_party
        .iter()
        .filter(|(_, needed)| {
            let mut hard = needed.places.iter().filter(|place| place.kind.is_hard());
            hard.all(|place| place.role != Role::Code)
        })
        .map(|(name, _)| name.clone())
        .collect();
    detection
}

fn problems(run: &Run<'_>) -> Vec<Problem> {
    let all = run.ledger.flaws.iter().map(|flaw| Problem {
        file: run.sources.get(flaw.file as usize).map_or_else(String::new, |source| source.shown.clone()),
        line: (flaw.line > 0).then_some(flaw.line),
        message: run.ledger.words.text(flaw.message).to_owned(),
    });
    all.collect()
}

type Attempt = (u32, u32, u32);

fn attempt(asked: &Asked) -> Attempt {
    (asked.file, asked.cell, asked.attempt)
}

/// Attempts of which what was tried is there.
fn met(run: &Run<'_>) -> HashSet<Attempt> {
    let tried = run.ledger.asked.iter().filter(|asked| asked.attempt > 0 && asked.kind == Kind::Optional);
    tried
        .filter(|asked| !matches!(run.resolver.outcome(asked.outcome), Outcome::Missing { .. }))
        .map(attempt)
        .collect()
}

/// What a module that is nowhere is taken for.
struct Meant {
    named: Named,
    /// What is taken out of the module.
    names: Vec<String>,
    is_generated: bool,
    /// The module, or its distribution, has the project's name.
    is_named_so: (bool, bool),
    /// Why the standard library has it no more.
    gone: Option<String>,
    is_own: OnceCell<bool>,
    /// Which of the entries it is.
    entry: OnceCell<usize>,
}

/// Texts that many places have in common.
struct Texts<'a> {
    words: &'a Words,
    files: Vec<Arc<str>>,
    /// By the numbers of the words.
    shared: Vec<Option<Arc<str>>>,
    none: Arc<str>,
}

impl<'a> Texts<'a> {
    fn of(run: &'a Run<'_>) -> Self {
        Self {
            words: &run.ledger.words,
            files: run.sources.iter().map(|source| source.shown.as_str().into()).collect(),
            shared: vec![None; run.ledger.words.len()],
            none: "".into(),
        }
    }

    fn file(&self, number: u32) -> Arc<str> {
        Arc::clone(self.files.get(number as usize).unwrap_or(&self.none))
    }

    fn text(&mut self, word: Word) -> Arc<str> {
        let text = || Arc::from(self.words.text(word));
        match self.shared.get_mut(word.index()) {
            Some(shared) => Arc::clone(shared.get_or_insert_with(text)),
            None => text(),
        }
    }
}

/// One distribution, as far as it is known.
struct Entry {
    normalised: String,
    needed: Needed,
    /// Everything that asks for it is hearsay.
    heard: bool,
    /// The attempts in which it is what is tried, and those in which it is what is fallen back on.
    tried: HashSet<Attempt>,
    fallen_back: HashSet<Attempt>,
}

struct Answer<'a> {
    texts: Texts<'a>,
    files: &'a [Source],
    installed: Option<&'a Installed>,
    declared: &'a Declared,
    absent: Absent<'a>,
    entries: Vec<Entry>,
    /// The entries, by the normalised names of their distributions.
    by_name: HashMap<String, usize>,
    /// The same by what an import has found, and its module: the same ones are asked for in many files.
    by_outcome: HashMap<(u32, &'a str), usize>,
    unresolved: BTreeMap<String, Unresolved>,
    /// What modules that are nowhere are the distributions of.
    named: HashMap<(&'a str, Word), Rc<Meant>>,
    elsewhere: BTreeMap<String, Elsewhere>,
}

impl<'a> Answer<'a> {
    fn place(&mut self, asked: &Asked, is_met: bool) -> Place {
        let kind = if is_met && asked.kind == Kind::Fallback { Kind::Optional } else { asked.kind };
        let at = (asked.file, asked.line, asked.cell);
        place(&mut self.texts, self.files, at, kind, asked.what, asked.why)
    }

    fn installed(&mut self, asked: &Asked, module: &'a str, is_met: bool, indexes: &[Index]) {
        let Some(installed) = self.installed else { return };
        if let Some(entry) = self.by_outcome.get(&(asked.outcome, module)) {
            let entry = *entry;
            let place = self.place(asked, is_met);
            return self.put(entry, asked, place);
        }
        let owners: Vec<_> = indexes.iter().map(|index| &installed[*index]).collect();
        // Of two that hold the same file, the one that somebody has asked for.
        let chosen = owners.iter().find(|owner| self.declared.has(owner.name())).or(owners.first());
        let Some(chosen) = chosen else { return };
        let others = owners.iter().filter(|owner| owner.normalised != chosen.normalised);
        let others: Vec<String> = others.map(|owner| owner.name().to_owned()).collect();
        // Of what conda alone knows, an index has another name.
        let of_conda =
            (chosen.kind == InstalledKind::Conda).then(|| conda_names::package(chosen.name(), None));
        let entry = match of_conda {
            Some(conda_names::Package::Python(name)) if name != chosen.normalised => {
                self.entry((&name, Known::Installed, &others), module)
            }
            _ => self.entry((chosen.name(), Known::Installed, &others), module),
        };
        self.by_outcome.insert((asked.outcome, module), entry);
        let place = self.place(asked, is_met);
        self.put(entry, asked, place);
    }

    /// Notes what the code imports from outside of the folder that is looked at. What such a module imports in turn lies
    /// where it lies because of the first.
    fn local(&mut self, asked: &Asked, module: &str, is_met: bool, files: &[PathBuf], root: &Path) {
        let is_inside = |source: &Source| super::is_below(&source.path, root);
        if files.iter().all(|file| super::is_below(file, root))
            || !self.files.get(asked.file as usize).is_some_and(is_inside)
        {
            return;
        }
        let place = self.place(asked, is_met);
        let entry = self.elsewhere.entry(module.to_owned()).or_insert_with(|| Elsewhere {
            import: module.to_owned(),
            files: BTreeSet::new(),
            places: Vec::new(),
        });
        let outside = files.iter().filter(|file| !file.starts_with(root));
        entry.files.extend(outside.map(|file| file.to_string_lossy().into_owned()));
        if !entry.places.contains(&place) {
            entry.places.push(place);
        }
    }

    /// Takes in what is not installed; true where it is the code's own after all.
    fn missing(
        &mut self,
        asked: &Asked,
        module: &'a str,
        names: Word,
        is_met: bool,
        has_folder: bool,
    ) -> bool {
        let (words, declared) = (self.texts.words, self.declared);
        let meant = self.named.entry((module, names)).or_insert_with(|| {
            let names: Vec<String> = words.text(names).lines().map(str::to_owned).collect();
            let top = module.split('.').next().unwrap_or_default();
            let named = naming::name(module, &names, declared);
            let is_named_so = match &named {
                Named::Distribution { name, .. } => (declared.is_own(top), declared.is_own(name)),
                _ => (false, false),
            };
            let gone = match &named {
                Named::Distribution { known: Known::Guess, .. } => standard_library::gone(top),
                _ => None,
            };
            Rc::new(Meant {
                named,
                is_named_so,
                gone,
                is_generated: absent::is_generated(module, &names),
                is_own: OnceCell::new(),
                entry: OnceCell::new(),
                names,
            })
        });
        let meant = Rc::clone(meant);
        if meant.is_generated {
            return true;
        }
        let place = self.place(asked, is_met);
        let is_own = || *meant.is_own.get_or_init(|| self.absent.is_own(module, &meant.names));
        let is_hard = place.kind.is_hard();
        let named = &meant.named;
        let Named::Distribution { name, known, candidates } = named else {
            if *named != Named::Namespace && is_own() {
                return true;
            }
            if let Named::Nobodys(origin) = named
                && is_hard
                && !asked.is_hearsay
            {
                self.unresolved(module, place, &format!("it is in no package, but comes with {origin}"));
            } else if *named == Named::Dangling && is_hard && !asked.is_hearsay {
                let reason = "the code has no module of this name where Python would look for it, and no package is known by it";
                self.unresolved(module, place, reason);
            }
            return false;
        };
        if *known == Known::Guess {
            if has_folder || meant.is_named_so.0 || is_own() {
                return true;
            }
            if asked.is_hearsay || asked.is_path {
                return false;
            }
            if let Some(reason) = &meant.gone {
                if is_hard {
                    let top = module.split('.').next().unwrap_or_default();
                    self.unresolved(top, place, reason);
                }
                return false;
            }
            let is_used = matches!(place.role, Role::Code | Role::Notebook);
            if is_hard
                && is_used
                && let Some(reason) = self.absent.reason(asked, module)
            {
                self.unresolved(module, place, &reason);
                return false;
            }
        }
        // A module that the project lacks is nobody else's.
        if meant.is_named_so.1 {
            return true;
        }
        let entry = *meant.entry.get_or_init(|| self.entry((name, *known, candidates), module));
        self.put(entry, asked, place);
        false
    }

    fn is_asked_for(&self, top: &str) -> bool {
        is_asked_for(self.declared, top)
    }

    fn unresolved(&mut self, import: &str, place: Place, reason: &str) {
        let entry = self.unresolved.entry(import.to_owned()).or_insert_with(|| Unresolved {
            import: import.to_owned(),
            places: Vec::new(),
            reason: reason.to_owned(),
            candidates: Vec::new(),
        });
        entry.places.push(place);
    }

    /// The entry of a distribution that a module is of.
    fn entry(&mut self, (name, known, candidates): (&str, Known, &[String]), module: &str) -> usize {
        let normalised = normalised(name);
        let entry = *self.by_name.entry(normalised).or_insert_with_key(|normalised| {
            self.entries.push(Entry {
                normalised: normalised.clone(),
                needed: needed(name, known, candidates.to_vec(), self.installed),
                heard: true,
                tried: HashSet::default(),
                fallen_back: HashSet::default(),
            });
            self.entries.len() - 1
        });
        let needed = &mut self.entries[entry].needed;
        if known == Known::Table && needed.version.is_none() && needed.repository.is_none() {
            needed.repository = import_names::repository(module).map(str::to_owned);
        }
        needed.known = needed.known.min(known);
        needed.imports.insert(module.to_owned());
        entry
    }

    /// Takes a place down.
    fn put(&mut self, entry: usize, asked: &Asked, place: Place) {
        let entry = &mut self.entries[entry];
        if asked.attempt > 0 {
            let is_fallback = asked.kind == Kind::Fallback;
            let side = if is_fallback { &mut entry.fallen_back } else { &mut entry.tried };
            side.insert(attempt(asked));
        }
        entry.needed.kind = entry.needed.kind.min(place.kind);
        entry.heard &= asked.is_hearsay;
        entry.needed.places.push(place);
    }
}

fn place(
    texts: &mut Texts<'_>,
    files: &[Source],
    (file, line, cell): (u32, u32, u32),
    kind: Kind,
    what: super::ledger::Word,
    why: super::ledger::Word,
) -> Place {
    Place {
        file: texts.file(file),
        line,
        cell: (cell > 0).then_some(cell),
        kind,
        role: files.get(file as usize).map_or(Role::Code, |source| source.role),
        what: texts.text(what),
        why: (why != Word::NONE).then(|| texts.text(why)),
    }
}

/// One distribution, without places yet.
fn needed(name: &str, known: Known, candidates: Vec<String>, installed: Option<&Installed>) -> Needed {
    let there = installed.and_then(|installed| installed.get(&normalised(name)));
    Needed {
        name: there.map_or_else(|| name.to_owned(), |there| there.name().to_owned()),
        imports: BTreeSet::new(),
        places: Vec::new(),
        kind: Kind::Declared,
        version: there.map(|there| there.version().to_owned()),
        origin: there.map(|there| there.provenance().clone()),
        known: if there.is_some() { Known::Installed } else { known },
        candidates,
        repository: None,
        native: there.is_some_and(Distribution::is_native),
        files_outside: there.map(Distribution::outside).unwrap_or_default(),
    }
}

/// Lays what was asked for where it belongs.
fn sort(detection: &mut Detection, all: BTreeMap<String, (Needed, bool)>) {
    for (name, (mut needed, heard)) in all {
        needed.places.sort();
        needed.places.dedup();
        let used = |role: Role| matches!(role, Role::Code | Role::Notebook);
        let hard = needed.places.iter().any(|place| place.kind.is_hard() && used(place.role));
        let soft = needed.places.iter().any(|place| used(place.role));
        let map = match (hard, soft) {
            (true, _) if heard => &mut detection.implied,
            (true, _) => &mut detection.third_party,
            (false, true) => &mut detection.optional,
            (false, false) => &mut detection.dev,
        };
        map.insert(name, needed);
    }
}

/// Whether a file beside the code asks for a distribution that is named like a module.
fn is_asked_for(declared: &Declared, top: &str) -> bool {
    declared.written(top).is_some() && !declared.is_own(top) && !naming::is_own(top)
}

/// For each file the top modules that it imports, and whether they are all the code's own.
fn libraries<'a>(run: &'a Run<'_>, declared: &Declared) -> HashMap<(u32, &'a str), bool> {
    let mut libraries = HashMap::default();
    for asked in &run.ledger.asked {
        let top = run.ledger.words.text(asked.module).split('.').next().unwrap_or_default();
        let is_own = match run.resolver.outcome(asked.outcome) {
            Outcome::Local { .. } => true,
            Outcome::Elsewhere { .. } => !is_asked_for(declared, top),
            Outcome::Missing { folder } => *folder || declared.is_own(top),
            _ => false,
        };
        *libraries.entry((asked.file, top)).or_insert(true) &= is_own;
    }
    libraries
}

fn imply(
    detection: &mut Detection,
    run: &Run<'_>,
    declared: &Declared,
    absent: &Absent<'_>,
    texts: &mut Texts<'_>,
) {
    let installed = run.request.installed;
    let libraries = libraries(run, declared);
    for call in &run.ledger.calls {
        let Call { file, line, cell, kind, certain, any_of, what, why, about, versions } = *call;
        // A project's own `datasets` has nothing to do with the library of that name.
        let about = run.ledger.words.text(about).lines();
        let mut about = about.filter_map(|library| libraries.get(&(file, library))).peekable();
        if about.peek().is_some() && about.all(|is_own| *is_own) {
            continue;
        }
        let any_of: Vec<&str> = run.ledger.words.text(any_of).lines().collect();
        // The project's own program.
        if kind == Kind::Program && any_of.iter().any(|name| declared.is_own(name) || absent.builds(name)) {
            continue;
        }
        let certain = match Versions::read(run.ledger.words.text(versions)) {
            None => certain,
            Some(versions) => {
                let name = &versions.distribution;
                let chosen = run.request.chosen.and_then(|chosen| chosen.get(name)).map(String::as_str);
                let there = || installed.and_then(|installed| Some(installed.get(name)?.version()));
                let version = chosen.or_else(there).or_else(|| declared.version(name));
                match version.and_then(|version| versions.contain(version)) {
                    Some(false) => continue,
                    Some(true) => certain,
                    None => certain && versions.is_assumed,
                }
            }
        };
        let place = place(texts, &run.sources, (file, line, cell), kind, what, why);
        let is_needed = |name: &&&str| detection.third_party.contains_key(&normalised(name));
        let is_there =
            |name: &&&str| installed.is_some_and(|installed| installed.get(&normalised(name)).is_some());
        let chosen = any_of
            .iter()
            .find(is_needed)
            .or_else(|| any_of.iter().find(is_there))
            .or_else(|| any_of.iter().find(|name| declared.has(name)))
            .or(any_of.first());
        let Some(chosen) = chosen else { continue };
        let name = normalised(chosen);
        if let Some(needed) = detection.third_party.get_mut(&name) {
            needed.places.push(place);
            continue;
        }
        let map = match place.role {
            Role::Test | Role::Publishing => &mut detection.dev,
            Role::Code | Role::Notebook if certain => &mut detection.implied,
            Role::Code | Role::Notebook => &mut detection.suggested,
        };
        let others = any_of.iter().filter(|other| *other != chosen).map(|other| (*other).to_owned());
        let needed =
            map.entry(name).or_insert_with(|| needed(chosen, Known::Rule, others.collect(), installed));
        needed.kind = needed.kind.min(place.kind);
        needed.places.push(place);
    }
    let implied: Vec<String> = detection.implied.keys().cloned().collect();
    for name in &implied {
        detection.suggested.remove(name);
        // The code goes on without it at one place, and fails without it at another.
        if let Some(optional) = detection.optional.remove(name)
            && let Some(needed) = detection.implied.get_mut(name)
        {
            needed.imports.extend(optional.imports);
            needed.places.extend(optional.places);
        }
    }
    detection.suggested.retain(|name, _| !detection.optional.contains_key(name));
}
