//! Loads what the rules of `scaf check` look at, and puts it to them: first the shape of the whole
//! project, then file by file on all cores. Of a file nothing is kept but what was found in it.

mod environment;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use self::environment::Environments;
use super::bundle::rules::Rules;
use super::environment::DOCKERFILE;
use super::tree::{self, Entry, Ignores};
use super::{LoadError, experiments, links, parallel, requirements, small_file};
use crate::project::experiment::Experiment;
use crate::project::layout::{COMMON, ENVIRONMENT, IGNORE, Layout, SETTINGS};
use crate::project::links::Places;
use crate::project::name::ExperimentName;
use crate::project::python::imports::{self, Import, SyntaxError};
use crate::project::python::modules::Modules;
use crate::project::python::requirements::File;
use crate::project::python::source;
use crate::project::shared::Shared;
use crate::spec::check::waiver::Waivers;
use crate::spec::check::{
    self, Finding, Owner, Project, PythonFile, Tree, job, layers, notebook, placeholder,
};
use crate::spec::settings::Settings;

/// Where an adopted project's settings of the platform stand.
const ADOPTED_SETTINGS: &str = "config.env";
/// What says which files stay out of a bundle for the cloud.
const BUNDLE_IGNORES: [&str; 2] = [IGNORE, ".amlignore"];

/// Everything that the rules have to say but for what the settings allow, sorted. With `only`, of that
/// experiment and of the shared code that it has linked.
pub fn findings(
    layout: &Layout,
    settings: &Settings,
    only: Option<&Experiment>,
) -> Result<Vec<Finding>, LoadError> {
    let ignores = Ignores::of(&layout.root);
    let all = experiments::experiments(layout)?;
    let failed = |source| LoadError::Read { path: layout.code_dir(), source };
    let trees = parallel::map(&all, |experiment| load_tree(layout, experiment, &ignores)).map_err(failed)?;
    let trees: Vec<Tree> = trees.into_iter().collect::<Result<_, _>>()?;
    let (shared, waivers) = load_shared(layout)?;
    let project = Project::new(shown(&layout.code), trees, shared);

    let mut found = Vec::new();
    for file in project.shared.imports.keys() {
        let python = PythonFile { owner: Owner::Shared, path: file, imports: &project.shared.imports[file] };
        let shown = python.shown(&project);
        // Whoever has it linked may have the package.
        let provided =
            |top: &str| project.experiments.iter().any(|tree| is_provided(layout, &tree.name, top));
        let mut of_file = check::python_file(&project, &python, &provided);
        if let Some(waivers) = waivers.get(&shown) {
            waivers.apply(&shown, &mut of_file);
        }
        found.extend(of_file);
    }

    let mut tasks = vec![Task::Project];
    for (index, tree) in project.experiments.iter().enumerate() {
        if only.is_none_or(|only| only.name == tree.name) {
            let mut files: Vec<&str> = tree.files.files().filter(|file| kind(file).is_some()).collect();
            // The folder was read in this order at best, and the next run finds the same.
            files.sort_unstable();
            tasks.extend(files.into_iter().map(|file| Task::Experiment(index, file)));
        }
    }
    let notebooks = if only.is_none() { load_notebooks(layout, &ignores)? } else { Vec::new() };
    tasks.extend(notebooks.iter().map(|path| Task::Notebook(path)));
    if only.is_none() {
        tasks.extend([SETTINGS, ADOPTED_SETTINGS].map(Task::Settings));
    }
    let environments = Environments::new(layout, &project, settings);
    let look = |piece: &&[Task<'_>]| -> Result<Vec<Finding>, LoadError> {
        let mut folder = Folder { layout, project: &project, open: None };
        let mut found = Vec::new();
        for task in *piece {
            match *task {
                Task::Project => found.extend(of_project(&project, settings, &waivers)),
                Task::Experiment(index, file) => {
                    if let Some(bytes) = folder.read(index, file)? {
                        found.extend(of_file(layout, &environments, &project, (index, file), bytes));
                    }
                }
                Task::Notebook(path) => {
                    if let Some(bytes) = read(path)? {
                        notebook::outputs(&shown(layout.shown(path)), &bytes, &mut found);
                    }
                }
                Task::Settings(name) => {
                    if let Some(bytes) = read(&layout.root.join(name))? {
                        let text = String::from_utf8_lossy(&bytes);
                        let mut of_file = Vec::new();
                        placeholder::placeholders(name, &text, &mut of_file);
                        Waivers::read(&text).apply(name, &mut of_file);
                        found.extend(of_file);
                    }
                }
            }
        }
        Ok(found)
    };
    for of_piece in parallel::map(&parallel::in_pieces(&tasks), look).map_err(failed)? {
        found.extend(of_piece?);
    }
    found.extend(environments.missing());
    let mut of_shared = environments.of_shared();
    of_shared.retain(|finding| !waivers.get(&finding.file).is_some_and(|waivers| waivers.allows(finding)));
    found.append(&mut of_shared);
    if let Some(only) = only {
        let own = project.path(&only.name, "");
        found.retain(|finding| belongs(&project, &own, only, finding));
    }
    found.retain(|finding| !check::settings::allowed(settings, &project, finding));
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a finding concerns one experiment.
fn belongs(project: &Project, own: &str, only: &Experiment, finding: &Finding) -> bool {
    if finding.file == own || finding.file.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')) {
        return true;
    }
    let shared = format!("{}/{COMMON}/", project.code);
    let Some(path) = finding.file.strip_prefix(&shared) else { return false };
    project.experiments.iter().filter(|tree| tree.name == only.name).any(|tree| {
        crate::project::links::covering(&tree.name, &tree.places, &format!("{COMMON}/{path}")).is_some()
    })
}

/// A path as findings name it.
fn shown(path: &Path) -> String {
    path.components()
        .map(|part| part.as_os_str().to_string_lossy())
        .filter(|part| part != ".")
        .collect::<Vec<_>>()
        .join("/")
}

fn load_tree(layout: &Layout, experiment: &Experiment, ignores: &Ignores) -> Result<Tree, LoadError> {
    let dir = &experiment.dir;
    let mut files = Modules::default();
    let mut found = Vec::new();
    let mut odd = Vec::new();
    let ignores = ignores.down_to(dir, &layout.root);
    tree::walk(dir, &ignores, &|path| path == COMMON, &mut |path, entry| match entry {
        Entry::File => files.add(path),
        Entry::Link => found.push(path.to_owned()),
        Entry::Special => odd.push((path.to_owned(), "neither file, folder nor symlink")),
        Entry::NoText => odd.push((path.to_owned(), "a name that is not UTF-8")),
    })?;
    odd.retain(|(path, _)| !is_left_out(layout, &experiment.name, path, &[IGNORE]));
    let mut links = BTreeMap::new();
    for path in found {
        let at = dir.join(&path);
        if path != COMMON {
            let link = links::link(layout, &at).map_err(|source| LoadError::Read { path: at, source })?;
            links.insert(path, link);
        }
    }
    let places = links::places(layout, &experiment.name)?;
    own_shared(&places, &mut files);
    Ok(Tree { name: experiment.name.clone(), files, links, places, odd })
}

/// What an experiment has of its own below `common` is its file like any other.
fn own_shared(places: &Places, files: &mut Modules) {
    use crate::project::links::Found;
    for (place, found) in places {
        if matches!(found, Found::File(_)) && !place.contains("__pycache__") {
            files.add(place);
        }
    }
}

/// The shared code, and what its files waive, by the name in findings.
fn load_shared(layout: &Layout) -> Result<(Shared, BTreeMap<String, Waivers>), LoadError> {
    let dir = layout.common_dir();
    let mut shared = links::shared_entries(layout)?;
    let files: Vec<String> = links::python_files(&shared);
    let read = parallel::map(&files, |path| read(&dir.join(path)).map(|bytes| bytes.map(python)))
        .map_err(|source| LoadError::Read { path: dir.clone(), source })?;
    let mut waived = BTreeMap::new();
    for (path, read) in files.into_iter().zip(read) {
        let Some((imports, waivers)) = read? else { continue };
        if !waivers.is_empty() {
            waived.insert(format!("{}/{COMMON}/{path}", shown(&layout.code)), waivers);
        }
        shared.imports.insert(path, imports);
    }
    Ok((shared, waived))
}

type Read = (Result<Vec<Import>, SyntaxError>, Waivers);

fn python(bytes: Vec<u8>) -> Read {
    match source::text(bytes) {
        Ok(text) => (imports::imports(&text), Waivers::read(&text)),
        Err(error) => (Err(error), Waivers::default()),
    }
}

/// A file; `None` where it has gone meanwhile.
fn read(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    match small_file::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LoadError::Read { path: path.to_owned(), source }),
    }
}

fn load_notebooks(layout: &Layout, ignores: &Ignores) -> Result<Vec<PathBuf>, LoadError> {
    let dir = layout.notebooks_dir();
    let mut found = Vec::new();
    tree::walk(&dir, ignores, &|_| false, &mut |path, entry| {
        if matches!(entry, Entry::File) && path.ends_with(".ipynb") {
            found.push(dir.join(path));
        }
    })?;
    found.sort();
    Ok(found)
}

/// What one thread looks at.
enum Task<'a> {
    /// The shape of the whole.
    Project,
    /// A file of the experiment with that number.
    Experiment(usize, &'a str),
    Notebook(&'a Path),
    Settings(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Python,
    Notebook,
    /// A file of `environment/`.
    Environment,
    /// YAML at the experiment's top, which may be a job file.
    Yaml,
}

/// Whether the rules of these files leave a file of an experiment out of a bundle.
fn is_left_out(layout: &Layout, experiment: &ExperimentName, file: &str, names: &[&str]) -> bool {
    let path = format!("{}/{experiment}/{file}", shown(&layout.code));
    let mut folder = layout.root.clone();
    // What is wrong in the ignore files themselves is the bundle's to say.
    let mut rules = Rules::default().with(&folder, names, 0, Path::new(""), &mut Vec::new());
    let mut scratch = Vec::new();
    for (end, _) in path.match_indices('/') {
        if rules.ignored(&path.as_bytes()[..end], true, &mut scratch) {
            return true;
        }
        folder = layout.root.join(&path[..end]);
        rules = rules.with(&folder, names, end + 1, Path::new(""), &mut Vec::new());
    }
    rules.ignored(path.as_bytes(), false, &mut scratch)
}

/// Whether a file at the top of the experiment's environment names the package of a module.
fn is_provided(layout: &Layout, experiment: &ExperimentName, top: &str) -> bool {
    let entries = fs::read_dir(layout.environment_dir(experiment)).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| fs::read(entry.path()).ok())
        .any(|bytes| check::requirements::names(&String::from_utf8_lossy(&bytes), top))
}

/// What a file of an experiment is to the rules; `None` where it is nothing to them.
fn kind(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let in_environment = path.strip_prefix(ENVIRONMENT).is_some_and(|rest| rest.starts_with('/'));
    match ending {
        "py" => Some(Kind::Python),
        "ipynb" => Some(Kind::Notebook),
        "yaml" | "yml" if !path.contains('/') => Some(Kind::Yaml),
        "txt" | "in" | "lock" | "toml" | "yaml" | "yml" | "sh" | "cfg" if in_environment => {
            Some(Kind::Environment)
        }
        _ if in_environment && (name.contains("Dockerfile") || name.contains("Containerfile")) => {
            Some(Kind::Environment)
        }
        _ => None,
    }
}

/// The experiment's folder that was read from last: its files are found from there, and not from the root of all files.
struct Folder<'a> {
    layout: &'a Layout,
    project: &'a Project,
    open: Option<(usize, OwnedFd)>,
}

impl Folder<'_> {
    /// A file of an experiment; `None` where it has gone meanwhile.
    fn read(&mut self, index: usize, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let path = || self.layout.experiment_dir(&self.project.experiments[index].name);
        let read = match &self.open {
            Some((open, folder)) if *open == index => small_file::read_in(folder.as_fd(), Path::new(file)),
            _ => small_file::folder(&path()).and_then(|folder| {
                let (_, folder) = self.open.insert((index, folder));
                small_file::read_in(folder.as_fd(), Path::new(file))
            }),
        };
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LoadError::Read { path: path().join(file), source }),
        }
    }
}

/// What the rules say of the shape of the project.
fn of_project(project: &Project, settings: &Settings, waivers: &BTreeMap<String, Waivers>) -> Vec<Finding> {
    let mut found = check::project(project);
    check::settings::experiments(settings, project, &mut found);
    // These stand at lines of shared files, which are not read again.
    found.retain(|finding| !waivers.get(&finding.file).is_some_and(|waivers| waivers.allows(finding)));
    found
}

/// What they say of a file of an experiment.
fn of_file(
    layout: &Layout,
    environments: &Environments<'_>,
    project: &Project,
    (index, file): (usize, &str),
    bytes: Vec<u8>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let tree = &project.experiments[index];
    let named = project.path(&tree.name, file);
    match kind(file) {
        Some(Kind::Python) => {
            let (imports, waivers) = python(bytes);
            let python = PythonFile { owner: Owner::Experiment(tree), path: file, imports: &imports };
            let provided = |top: &str| is_provided(layout, &tree.name, top);
            found = check::python_file(project, &python, &provided);
            if let Ok(imports) = &imports {
                environments.imports(index, file, imports, &waivers, &found);
            }
            found.extend(environments.shadowed(index, file));
            waivers.apply(&named, &mut found);
        }
        Some(Kind::Notebook) => notebook::outputs(&named, &bytes, &mut found),
        Some(kind @ (Kind::Environment | Kind::Yaml)) => {
            let text = String::from_utf8_lossy(&bytes);
            let mut elsewhere = Vec::new();
            if kind == Kind::Environment {
                layers::specification(&named, &text, &mut found);
                if file.strip_prefix("environment/") == Some(DOCKERFILE) {
                    check::dockerfile::dockerfile(&named, &text, &mut found);
                } else if check::requirements::that_counts(tree) == Some(file) {
                    // Where the imports have been held against it, it has been read.
                    let read = environments.requirements(index, file);
                    let path = layout.experiment_dir(&tree.name).join(file);
                    elsewhere = requirements_of(project, &tree.name, &path, read, &mut found);
                }
                if Environments::is_lock(file) {
                    let (own, other) = environments.stale(index).into_iter().partition(|it| it.file == named);
                    found.extend::<Vec<_>>(own);
                    elsewhere.extend::<Vec<_>>(other);
                }
            } else if job::is_job_file(file, &text) {
                for script in job::job(project, tree, file, &text, &mut found) {
                    if is_left_out(layout, &tree.name, &script.path, &BUNDLE_IGNORES) {
                        found.push(job::left_out(&named, &script));
                    }
                }
                layers::specification(&named, &text, &mut found);
                placeholder::placeholders(&named, &text, &mut found);
            }
            Waivers::read(&text).apply(&named, &mut found);
            found.append(&mut elsewhere);
        }
        None => {}
    }
    found
}

/// What is not pinned in the requirements file of this path; what is not in the files that it names comes
/// back, since other waivers hold there.
fn requirements_of(
    project: &Project,
    name: &ExperimentName,
    path: &Path,
    read: Option<&[File]>,
    found: &mut Vec<Finding>,
) -> Vec<Finding> {
    let (Some(folder), Some(top)) = (path.parent(), path.file_name().and_then(|top| top.to_str())) else {
        return Vec::new();
    };
    let shown = |file: &str| project.path(name, &format!("{ENVIRONMENT}/{file}"));
    let mut elsewhere = Vec::new();
    let read = read
        .map_or_else(|| requirements::read(folder, top).map(Cow::Owned), |files| Ok(Cow::Borrowed(files)));
    match read {
        Ok(files) => {
            for (index, file) in files.iter().enumerate() {
                let mut of_file = Vec::new();
                check::requirements::unpinned(&shown(&file.shown), file, &files, &mut of_file);
                if index == 0 {
                    found.append(&mut of_file);
                } else {
                    let waivers = Waivers::read(&file.text);
                    elsewhere.extend(of_file.into_iter().filter(|finding| !waivers.allows(finding)));
                }
            }
        }
        Err(error) => {
            let (file, line, what) = error.place().unwrap_or_else(|| (top, 1, error.to_string()));
            let told = if file == top { found } else { &mut elsewhere };
            check::requirements::not_followed(&shown(file), line, &what, told);
        }
    }
    elsewhere
}

#[cfg(test)]
mod tests;
