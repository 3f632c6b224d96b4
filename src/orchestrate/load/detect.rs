//! `env detect`: from code to the distributions that it needs, with every place that says so. Nothing is
//! executed, and Python is not started.

mod answer;
mod declared;
mod defined;
mod folders;
mod gather;
mod ledger;
mod local;
mod naming;
mod read;
mod resolve;
mod sources;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::installed::Installed;
use super::interpreter::Interpreter;
use super::parallel;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::target::Target;
use crate::spec::detection::{Detection, Problem, Role};
use crate::spec::hint::{Explain, Fault};
use folders::{FolderId, Folders};
use ledger::{Asked, Call, Words};
use naming::Declared;
use read::Contents;
use resolve::{Outcome, Path3, PathId, Resolver};
use sources::{Form, Source};

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
}

/// A file that has been read.
#[derive(Debug)]
struct File {
    source: Source,
    contents: Contents,
}

pub fn detect(request: &Request<'_>) -> Result<Detection, DetectError> {
    let (first, folders_asked) = first(request)?;
    let declared = declared::beside(request.root, &folders_asked);
    let mut run = Run::new(request, &first, &folders_asked);
    run.declared = declared;
    run.rounds(first)?;
    Ok(answer::answer(&run, &run.declared))
}

/// The files to begin with, and the folders that were asked for.
fn first(request: &Request<'_>) -> Result<(Vec<Source>, Vec<PathBuf>), DetectError> {
    let mut all = Vec::new();
    let mut folders = Vec::new();
    let mut seen = BTreeSet::new();
    for path in request.paths {
        let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DetectError::Missing { path: path.clone() },
            _ => DetectError::Read { path: path.clone(), source },
        })?;
        if meta.is_dir() {
            let skip = |inner: &str| request.is_experiment && inner == ENVIRONMENT;
            let found =
                sources::below(path, &skip).map_err(|(path, source)| DetectError::Read { path, source })?;
            for mut source in found {
                source.shown = shown(&source.path, request.root);
                if seen.insert(source.path.clone()) {
                    all.push(source);
                }
            }
            folders.push(path.clone());
        } else {
            let source = source_of(path, request.root, true)
                .ok_or_else(|| DetectError::Kind { path: path.clone() })?;
            if seen.insert(path.clone()) {
                all.push(source);
            }
        }
    }
    Ok((all, folders))
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// A file that was named is what it is named for, wherever it lies.
fn source_of(path: &Path, root: &Path, was_named: bool) -> Option<Source> {
    let form = Form::of(path.file_name()?.to_str()?).filter(|form| *form != Form::Yaml)?;
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
    resolver: Resolver<'a>,
    seen: HashSet<PathBuf>,
    /// Where imports are looked for besides the file's own folder.
    back: Vec<FolderId>,
    /// With files that were named: their folders, from which everything that they import is looked for.
    entries: Option<Vec<FolderId>>,
    words: Words,
    /// The files that have been read, by their numbers.
    sources: Vec<Source>,
    asked: Vec<Asked>,
    calls: Vec<Call>,
    problems: Vec<Problem>,
    declared: Declared,
}

impl<'a> Run<'a> {
    fn new(request: &'a Request<'a>, first: &[Source], asked: &[PathBuf]) -> Self {
        let mut folders = Folders::default();
        let mut back = Vec::new();
        for folder in asked.iter().map(PathBuf::as_path).chain([request.root]) {
            add(&mut back, folders.id(folder));
            add(&mut back, folders.id(&folder.join("src")));
        }
        // A project in the project: what it installs starts at its own root.
        for source in first.iter().filter(|source| source.shown.ends_with("/setup.py")) {
            if let Some(folder) = source.path.parent() {
                add(&mut back, folders.id(folder));
                add(&mut back, folders.id(&folder.join("src")));
            }
        }
        let entries = asked.is_empty().then(|| {
            let mut starts = Vec::new();
            for source in first {
                if let Some(folder) = source.path.parent() {
                    add(&mut starts, folders.id(folder));
                }
            }
            starts
        });
        let minor = request.target.python.1;
        Self {
            request,
            resolver: Resolver::new(request.root, folders, request.installed, minor),
            seen: HashSet::new(),
            back,
            entries,
            words: Words::default(),
            sources: Vec::new(),
            asked: Vec::new(),
            calls: Vec::new(),
            problems: Vec::new(),
            declared: Declared::default(),
        }
    }

    /// Reads the files, then those that their imports lead to, until there are no more.
    fn rounds(&mut self, first: Vec<Source>) -> Result<(), DetectError> {
        let mut waiting = first;
        for _ in 0..ROUNDS_MAX {
            waiting.retain(|source| self.seen.insert(source.path.clone()));
            if waiting.is_empty() {
                break;
            }
            let target = self.request.target;
            let contents = if waiting.len() == 1 && waiting[0].form == Form::Python {
                one(&waiting[0], target)
            } else {
                parallel::map(&waiting, |source| read::read(source, target))
            };
            let contents = contents
                .map_err(|source| DetectError::Read { path: self.request.root.to_owned(), source })?;
            let sources = std::mem::take(&mut waiting);
            let files: Vec<File> = sources
                .into_iter()
                .zip(contents)
                .map(|(source, contents)| File { source, contents })
                .collect();
            for file in &files {
                self.additions(file);
            }
            let paths: Vec<PathId> = files.iter().map(|file| self.path(file)).collect();
            for (file, path) in files.into_iter().zip(paths) {
                waiting.extend(self.take(file, path));
            }
        }
        Ok(())
    }

    /// What a file adds to `sys.path` holds for everything that is loaded after it.
    fn additions(&mut self, file: &File) {
        let Some(script) = file.source.path.parent() else { return };
        for addition in file.contents.parts.iter().flat_map(|part| &part.scan.path_additions) {
            let root = self.request.root;
            let place = gather::place(addition.base, addition.up, &addition.below, script, root);
            if let Some(folder) = place {
                let id = self.resolver.folders.id(&folder);
                add(&mut self.back, id);
            }
        }
    }

    /// Where a file's imports are looked for.
    fn path(&mut self, file: &File) -> PathId {
        let Some(parent) = file.source.path.parent() else { return PathId::default() };
        let folders = &mut self.resolver.folders;
        let folder = folders.id(parent);
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
        if folder != start && file.contents.parts.iter().any(|part| part.scan.is_program) {
            add(&mut back, folder);
        }
        if file.source.path.starts_with(self.request.root) {
            add(&mut self.resolver.elsewhere, start);
        }
        self.resolver.path(Path3 { front, back })
    }

    /// Resolves what a file asks for, and says to which further files that leads.
    fn take(&mut self, file: File, path: PathId) -> Vec<Source> {
        let root = self.request.root;
        let number = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let mut leads_to = gather::loaded(&file, root);
        self.families(&file, path, &mut leads_to);
        let written = gather::written(&file);
        for mut asked in gather::asked(number, &file, &mut self.words) {
            let top = self.words.text(asked.module).split('.').next().unwrap_or_default();
            asked.outcome = if written.contains(top) {
                self.resolver.number(Outcome::Local { files: Vec::new() })
            } else {
                self.resolver.resolve(path, &file.source.path, (asked.module, asked.names), &self.words)
            };
            match self.resolver.outcome(asked.outcome) {
                Outcome::Local { files } | Outcome::Editable { files, .. } => {
                    leads_to.extend(files.iter().cloned());
                }
                _ => {}
            }
            self.asked.push(asked);
        }
        self.calls.extend(gather::calls(number, &file, &mut self.words));
        gather::declarations(&file, &mut self.declared);
        let File { source, contents } = file;
        self.problems.extend(contents.problems);
        let mut next = Vec::new();
        for path in leads_to {
            if !self.seen.contains(&path)
                && let Some(mut found) = source_of(&path, root, false)
                && path.is_file()
            {
                // What code needs is needed, whatever the folder is called.
                found.role = source.role;
                next.push(found);
            }
        }
        self.sources.push(source);
        next
    }

    /// Modules of which any may be imported by a name that is made while the code runs.
    fn families(&mut self, file: &File, path: PathId, leads_to: &mut Vec<PathBuf>) {
        for family in file.contents.parts.iter().flat_map(|part| &part.scan.families) {
            match (family.level as usize, file.source.path.parent()) {
                (0, _) => leads_to.extend(self.resolver.family(path, &family.package)),
                (level, Some(folder)) => {
                    let mut folder = folder.ancestors().nth(level - 1).unwrap_or(folder).to_owned();
                    folder.extend(family.package.split('.').filter(|part| !part.is_empty()));
                    let id = self.resolver.folders.id(&folder);
                    leads_to.extend(self.resolver.folders.modules(id));
                }
                (_, None) => {}
            }
        }
    }
}

/// The parser's trees are as deep as the code is nested, and so is the stack that takes them down.
fn one(source: &Source, target: &Target) -> io::Result<Vec<Contents>> {
    parallel::map(std::slice::from_ref(source), |source| read::read(source, target))
}

fn add(all: &mut Vec<FolderId>, id: FolderId) {
    if !all.contains(&id) {
        all.push(id);
    }
}
