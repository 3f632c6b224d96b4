//! `env detect`: from code to the distributions that it needs, with every place that says so. Nothing is
//! executed, and Python is not started.

mod absent;
mod answer;
pub mod closure;
mod declared;
mod defined;
mod folders;
mod gather;
mod leads;
mod ledger;
mod listing;
mod local;
mod memory;
pub mod naming;
mod reached;
mod read;
mod resolve;
mod resume;
pub mod sources;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::{HashMap, HashSet};

use super::bundle::digests::Stamp;
use super::installed::Installed;
use super::interpreter::Interpreter;
use super::parallel;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::specs::Platform;
use crate::project::python::target::Target;
use crate::spec::detection::{Detection, Role};
use crate::spec::hint::{Explain, Fault};
use folders::{FolderId, Folders};
use ledger::{Ledger, Page};
use memory::{Memory, Pages};
use naming::Declared;
use resolve::{Outcome, Path3, PathId, Resolver};
use sources::{Form, Source};

pub use reached::Reached;

/// Imports that lead from file to file are followed no further than this many steps.
const ROUNDS_MAX: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("there is no file or folder `{}`", path.display())]
    Missing { path: PathBuf },
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a Python file nor a notebook", path.display())]
    Kind { path: PathBuf },
}

impl Explain for DetectError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Missing { .. } | Self::Kind { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Kind { .. } => vec!["a file that ends in .py or .ipynb, or a folder".to_owned()],
            Self::Missing { .. } | Self::Read { .. } => Vec::new(),
        }
    }
}

/// What is looked at, and with what.
pub struct Request<'a> {
    /// Paths are shown relative to it.
    pub root: &'a Path,
    /// Folders are looked at whole; files with what they import. Absolute.
    pub paths: &'a [PathBuf],
    /// Whether the root is an experiment, whose `environment/` is not its code.
    pub is_experiment: bool,
    pub interpreter: Option<&'a Interpreter>,
    pub installed: Option<&'a Installed>,
    pub target: &'a Target,
    /// The versions that a lock has chosen, by normalised names: some things are needed with some versions of a library
    /// alone.
    pub chosen: Option<&'a BTreeMap<String, String>>,
    /// Where what was found is kept until the next time; without, everything is looked at anew.
    pub cache: Option<&'a Path>,
}

/// What is looked at besides the request's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Besides<'a> {
    /// Those of the request's files that are not on the disk yet, with their texts.
    pub drafts: &'a [(PathBuf, String)],
    /// Files that no import leads to: YAML with class paths in it, modules that are looked for while the code runs.
    pub more: &'a [PathBuf],
}

/// A file that has been read.
#[derive(Debug)]
struct File {
    source: Source,
    page: Ledger,
}

pub fn detect(request: &Request<'_>) -> Result<Detection, DetectError> {
    look(request, Memory::of(request).as_ref()).map(|(detection, _)| detection)
}

/// The same with the code's own files that imports lead to. Nothing is kept until the next time.
pub fn reach(request: &Request<'_>, besides: &Besides<'_>) -> Result<(Detection, Reached), DetectError> {
    let mut run = Run::new(request, besides.drafts)?;
    run.waiting.extend(besides.more.iter().filter_map(|path| {
        let form = Form::of(path.file_name()?.to_str()?)?;
        Some(Source { shown: shown(path, request.root), path: path.clone(), form, role: Role::Code })
    }));
    run.rounds(&Pages::of(None))?;
    run.declare();
    Ok((answer::answer(&run, &run.declared), reached::of(&run)))
}

/// How much there was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Nothing has changed but so many files, of which no other depends.
    Resumed { changed: usize },
    /// All imports were followed; so many files had to be read for it.
    Followed { read: usize },
}

fn look(request: &Request<'_>, memory: Option<&Memory<'_>>) -> Result<(Detection, Way), DetectError> {
    let mut known = memory.and_then(Memory::recall);
    if let (Some(memory), Some(known)) = (memory, &mut known)
        && let Some((mut run, changed)) = resume::resume(request, memory, known)
    {
        run.declare();
        return Ok((answer::answer(&run, &run.declared), Way::Resumed { changed }));
    }
    let mut run = Run::new(request, &[])?;
    let read = run.rounds(&Pages::of(known))?;
    run.declare();
    let Some(memory) = memory else {
        return Ok((answer::answer(&run, &run.declared), Way::Followed { read }));
    };
    // Neither has to wait for the other.
    let answer = std::thread::scope(|scope| {
        let keeping = scope.spawn(|| memory.keep(&run));
        let answer = answer::answer(&run, &run.declared);
        // What was not kept is found again.
        let _ = keeping.join();
        answer
    });
    Ok((answer, Way::Followed { read }))
}

/// The files to begin with, the folders that were asked for, and the files that had a say in it.
struct Beginning {
    sources: Vec<Source>,
    asked: Vec<PathBuf>,
    rules: Vec<PathBuf>,
}

fn beginning(
    request: &Request<'_>,
    drafts: &[(PathBuf, String)],
    folders: &mut Folders,
) -> Result<Beginning, DetectError> {
    let mut beginning = Beginning { sources: Vec::new(), asked: Vec::new(), rules: Vec::new() };
    let mut seen = HashSet::default();
    for path in request.paths {
        if drafts.iter().any(|(draft, _)| draft == path) {
            beginning.sources.extend(source_of(path, request.root, true));
            continue;
        }
        let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DetectError::Missing { path: path.clone() },
            _ => DetectError::Read { path: path.clone(), source },
        })?;
        if meta.is_dir() {
            let skip = |inner: &str| request.is_experiment && inner == ENVIRONMENT;
            let (found, rules) = sources::below(path, &skip, folders)
                .map_err(|(path, source)| DetectError::Read { path, source })?;
            for mut source in found {
                source.shown = shown(&source.path, request.root);
                if seen.insert(source.path.clone()) {
                    beginning.sources.push(source);
                }
            }
            beginning.asked.push(path.clone());
            beginning.rules.extend(rules);
        } else {
            let source = source_of(path, request.root, true)
                .ok_or_else(|| DetectError::Kind { path: path.clone() })?;
            if seen.insert(path.clone()) {
                beginning.sources.push(source);
            }
        }
    }
    Ok(beginning)
}

fn shown(path: &Path, root: &Path) -> String {
    let inner = match below(path, root) {
        Some(inner) => Path::new(OsStr::from_bytes(inner)),
        None => path.strip_prefix(root).unwrap_or(path),
    };
    inner.to_string_lossy().into_owned()
}

fn is_below(path: &Path, root: &Path) -> bool {
    below(path, root).is_some() || path.starts_with(root)
}

/// What of a path is below a folder, where their bytes tell that: ten thousand paths are compared part by part in a
/// tenth of the time that a second run has. `None` may be either.
fn below<'p>(path: &'p Path, root: &Path) -> Option<&'p [u8]> {
    let inner = path.as_os_str().as_bytes().strip_prefix(root.as_os_str().as_bytes())?.strip_prefix(b"/")?;
    (!inner.is_empty() && !inner.starts_with(b"/") && !inner.starts_with(b"./")).then_some(inner)
}

/// A file that was named is what it is named for, wherever it lies.
fn source_of(path: &Path, root: &Path, was_named: bool) -> Option<Source> {
    let form =
        Form::of(path.file_name()?.to_str()?).filter(|form| matches!(form, Form::Python | Form::Notebook))?;
    let shown = shown(path, root);
    let role = match form {
        Form::Notebook => Role::Notebook,
        _ if was_named => Role::Code,
        _ => sources::role(&shown, form),
    };
    Some(Source { shown, path: path.to_owned(), form, role })
}

struct Run<'a> {
    request: &'a Request<'a>,
    drafts: &'a [(PathBuf, String)],
    resolver: Resolver<'a>,
    /// Where imports are looked for besides the file's own folder.
    back: Vec<FolderId>,
    /// With files that were named: their folders, from which everything that they import is looked for.
    entries: Option<Vec<FolderId>>,
    /// Ways of looking, by the file's folder, whether it is a program, and how much `back` had then.
    ways: HashMap<(FolderId, bool, usize), PathId>,
    ledger: Ledger,
    /// The files that have been read, by their numbers, and what the disk said of them then.
    sources: Vec<Source>,
    stamps: Vec<Stamp>,
    /// How many of them were there to begin with; imports lead to the others.
    first: usize,
    /// Files that had a say in which those are.
    rules: Vec<PathBuf>,
    /// Outcomes whose files have been followed.
    followed: Vec<bool>,
    seen: HashSet<PathBuf>,
    waiting: Vec<Source>,
    declared: Declared,
}

impl<'a> Run<'a> {
    fn new(request: &'a Request<'a>, drafts: &'a [(PathBuf, String)]) -> Result<Self, DetectError> {
        let mut folders = Folders::default();
        let Beginning { sources, asked, rules } = beginning(request, drafts, &mut folders)?;
        let mut back = Vec::new();
        for folder in asked.iter().map(PathBuf::as_path).chain([request.root]) {
            add(&mut back, folders.id(folder));
            add(&mut back, folders.id(&folder.join("src")));
        }
        // A project in the project: what it installs starts at its own root.
        for source in sources.iter().filter(|source| source.shown.ends_with("/setup.py")) {
            if let Some(folder) = source.path.parent() {
                add(&mut back, folders.id(folder));
                add(&mut back, folders.id(&folder.join("src")));
            }
        }
        let entries = asked.is_empty().then(|| {
            let mut starts = Vec::new();
            for source in &sources {
                if let Some(folder) = source.path.parent() {
                    add(&mut starts, folders.id(folder));
                }
            }
            starts
        });
        let resolver = Resolver::new(request.root, folders, request.installed, request.target.python.1);
        Ok(Self {
            drafts,
            back,
            entries,
            first: sources.len(),
            rules,
            waiting: sources,
            ..Self::empty(request, resolver)
        })
    }

    fn empty(request: &'a Request<'a>, resolver: Resolver<'a>) -> Self {
        Self {
            request,
            drafts: &[],
            resolver,
            back: Vec::new(),
            entries: None,
            ways: HashMap::default(),
            ledger: Ledger::default(),
            sources: Vec::new(),
            stamps: Vec::new(),
            first: 0,
            rules: Vec::new(),
            followed: Vec::new(),
            seen: HashSet::default(),
            waiting: Vec::new(),
            declared: Declared::default(),
        }
    }

    /// Reads the files, then those that their imports lead to, until there are no more. Gives how many were
    /// not known.
    fn rounds(&mut self, known: &Pages) -> Result<usize, DetectError> {
        let read = AtomicUsize::new(0);
        for _ in 0..ROUNDS_MAX {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.retain(|source| self.seen.insert(source.path.clone()));
            if waiting.is_empty() {
                break;
            }
            let (target, drafts) = (self.request.target, self.drafts);
            let said = |source: &Source| {
                if let Some((_, text)) = drafts.iter().find(|(path, _)| *path == source.path) {
                    return (read::of_text(source, text, target), Stamp::default());
                }
                known.page(source).unwrap_or_else(|| {
                    read.fetch_add(1, Ordering::Relaxed);
                    read::read(source, target)
                })
            };
            // What is kept of a file lies among the memory of its tree, of which then less can be used again: what is kept of
            // many is one.
            let of_piece = |sources: &[Source]| {
                let mut ledger = Ledger::default();
                let stamps = (0..).zip(sources).map(|(number, source)| {
                    let (page, stamp) = said(source);
                    ledger.put(number, &page);
                    stamp
                });
                let stamps: Vec<Stamp> = stamps.collect();
                (ledger, stamps)
            };
            let first = number(self.stamps.len());
            let mut pieces = Vec::new();
            parallel::pieces(&waiting, of_piece, |(ledger, stamps)| {
                self.ledger.append(number(self.stamps.len()), &ledger);
                pieces.push((ledger, stamps.len()));
                self.stamps.extend(stamps);
            })
            .map_err(|source| DetectError::Read { path: self.request.root.to_owned(), source })?;
            let pages = pieces.iter().flat_map(|(ledger, length)| {
                let numbers = 0..number(*length);
                numbers.map(|number| ledger.of_file(number))
            });
            let files: Vec<(Source, Page<'_>)> = waiting.into_iter().zip(pages).collect();
            for (source, page) in &files {
                self.additions(source, *page);
            }
            let paths: Vec<PathId> = files.iter().map(|(source, page)| self.path(source, *page)).collect();
            for (number, (file, path)) in (first..).zip(files.into_iter().zip(paths)) {
                self.take(number, file, path);
            }
        }
        Ok(read.into_inner())
    }

    /// What a file adds to `sys.path` holds for everything that is loaded after it.
    fn additions(&mut self, source: &Source, page: Page<'_>) {
        let Some(script) = source.path.parent() else { return };
        for addition in page.additions() {
            let below = page.text(addition.below);
            let place = leads::place((addition.base, addition.up, below), script, self.request.root);
            if let Some(folder) = place {
                let id = self.resolver.folders.id(&folder);
                add(&mut self.back, id);
            }
        }
    }

    /// Where a file's imports are looked for.
    fn path(&mut self, source: &Source, page: Page<'_>) -> PathId {
        let Some(parent) = source.path.parent() else { return PathId::default() };
        let folders = &mut self.resolver.folders;
        let folder = folders.id(parent);
        let key = (folder, page.is_program(), self.back.len());
        if let Some(path) = self.ways.get(&key) {
            return *path;
        }
        let start = folders.start(folder);
        let front = match &self.entries {
            Some(entries) => entries.clone(),
            None => vec![start],
        };
        let mut back = self.back.clone();
        if self.entries.is_some() {
            add(&mut back, start);
        }
        // A module of a package sees its siblings where it is itself run as a script.
        if folder != start && page.is_program() {
            add(&mut back, folder);
        }
        if parent.starts_with(self.request.root) {
            add(&mut self.resolver.elsewhere, start);
        }
        let path = self.resolver.path(Path3 { front, back });
        self.ways.insert(key, path);
        path
    }

    /// Resolves what a file asks for, and has those files wait to which that leads.
    fn take(&mut self, number: u32, (mut source, page): (Source, Page<'_>), path: PathId) {
        source.role = sources::settled(&source, page);
        let mut leads_to = self.loaded(&source, page, path);
        for at in ledger::range(&self.ledger.asked, number) {
            let outcome = self.resolved(&source, page, path, at);
            self.ledger.asked[at].outcome = outcome;
            let index = outcome as usize;
            if self.followed.len() <= index {
                self.followed.resize(index + 1, false);
            }
            if !std::mem::replace(&mut self.followed[index], true) {
                self.resolver.outcome(outcome).files(&mut leads_to);
            }
        }
        for path in leads_to {
            if !self.seen.contains(&path)
                && let Some(mut found) = source_of(&path, self.request.root, false)
                && self.resolver.folders.is_file(&path)
            {
                // What code needs is needed, whatever the folder is called.
                found.role = source.role;
                self.waiting.push(found);
            }
        }
        self.sources.push(source);
    }

    /// The outcome of one thing that a file asks for.
    fn resolved(&mut self, source: &Source, page: Page<'_>, path: PathId, at: usize) -> u32 {
        let words = &self.ledger.words;
        let asked = self.ledger.asked[at];
        let top = words.text(asked.module).split('.').next().unwrap_or_default();
        if page.written().iter().any(|written| page.text(written.module) == top) {
            return self.resolver.number(Outcome::Local { files: Vec::new() });
        }
        let is_meant = |(path, _): &&(PathBuf, String)| {
            path.file_stem().is_some_and(|stem| stem == top) && *path != source.path
        };
        if let Some((draft, _)) = self.drafts.iter().find(is_meant) {
            return self.resolver.number(Outcome::Local { files: vec![draft.clone()] });
        }
        self.resolver.resolve(path, &source.path, (asked.module, asked.names), words)
    }

    /// Files that a file loads other than by absolute imports, as far as they may be there.
    fn loaded(&mut self, source: &Source, page: Page<'_>, path: PathId) -> Vec<PathBuf> {
        let Some(folder) = source.path.parent() else { return Vec::new() };
        let mut leads_to = leads::loaded(page, folder, self.request.root);
        self.families(source, page, path, &mut leads_to);
        leads_to
    }

    /// Modules of which any may be imported by a name that is made while the code runs.
    fn families(&mut self, source: &Source, page: Page<'_>, path: PathId, leads_to: &mut Vec<PathBuf>) {
        for family in page.families() {
            let package = page.text(family.package);
            match (family.level as usize, source.path.parent()) {
                (0, _) => leads_to.extend(self.resolver.family(path, package)),
                (level, Some(folder)) => {
                    let mut folder = folder.ancestors().nth(level - 1).unwrap_or(folder).to_owned();
                    folder.extend(package.split('.').filter(|part| !part.is_empty()));
                    let id = self.resolver.folders.id(&folder);
                    leads_to.extend(self.resolver.folders.modules(id));
                }
                (_, None) => {}
            }
        }
    }

    /// Takes down what is said of distributions by their own names: beside the code, then in it.
    fn declare(&mut self) {
        let folders: Vec<PathBuf> = self.request.paths.iter().filter(|path| path.is_dir()).cloned().collect();
        let platform = Platform::of_target(self.request.target);
        self.declared = declared::beside(self.request.root, &folders, &platform);
        for named in &self.ledger.names {
            self.declared.add(self.ledger.words.text(named.distribution), true);
        }
    }
}

fn add(all: &mut Vec<FolderId>, id: FolderId) {
    if !all.contains(&id) {
        all.push(id);
    }
}

/// A file's number, when so many come before it.
fn number(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX)
}
