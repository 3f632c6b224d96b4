//! `new-exp --from`: reads a script, a notebook or a folder that is to become an experiment, with all that it needs of what lies
//! around it.

mod data;
mod places;
pub mod script;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LoadError;
use super::detect::{self, Besides, DetectError, Reached};
use super::experiments;
use super::installed::Installed;
use super::interpreter::Interpreter;
use crate::project::layout::{COMMON, ENVIRONMENT, Layout, SETTINGS};
use crate::project::notebook::NotebookError;
use crate::project::python::imports::SyntaxError;
use crate::project::python::target::Target;
use crate::project::template::{Content, File};
use crate::spec::byte_size;
use crate::spec::detection::{Detection, Place};
use crate::spec::hint::{Explain, Fault};
use data::Bases;
use places::{NoPlace, Placed};
use script::Script;
use walk::Walked;

/// What the script becomes, unless something beside it has the name or asks for its own.
const SCRIPT: &str = "train.py";
/// What scaf writes beside it.
const LOCAL: &str = "local.py";
const JOB: &str = "job.yaml";
/// A larger file is a dataset: every run's bundle would carry it.
const SIZE_MAX: u64 = 100 << 20;
/// What makes a folder the top of a project.
const MARKS: [&str; 5] = [SETTINGS, ".git", "pyproject.toml", "setup.py", "setup.cfg"];
/// What a licence is called, before its ending.
const LICENCES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"];

/// Something that did not come along.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Left {
    pub path: String,
    pub why: String,
}

/// The code, before it is known which Python it is for.
#[derive(Debug)]
pub struct Found {
    /// The script's folder, or the folder that was named; links resolved.
    pub folder: PathBuf,
    /// The top of the project that it belongs to; what lies there may be imported, too.
    pub root: PathBuf,
    pub script: Script,
    whole: Option<Walked>,
}

/// What it is read with.
pub struct With<'a> {
    pub layout: &'a Layout,
    pub interpreter: Option<&'a Interpreter>,
    pub installed: Option<&'a Installed>,
    pub target: &'a Target,
    /// Files that are to come along, whether the code knows of them or not.
    pub also: &'a [PathBuf],
    /// Those of distributions that a lock has chosen, by normalised name.
    pub versions: Option<&'a BTreeMap<String, String>>,
}

/// Code that an experiment is made around.
#[derive(Clone, Debug)]
pub struct Code {
    /// The script's path in the experiment.
    pub script: String,
    /// How it is started where it is a part of a package: `package.module`.
    pub module: Option<String>,
    /// Folders of the experiment in which imports are looked for, besides the script's own.
    pub paths: Vec<String>,
    /// The folder of the experiment from which the code's relative paths lead somewhere.
    pub working: Option<String>,
    pub files: Vec<File>,
    /// What it has of the project's shared code: places below `common/`.
    pub links: BTreeSet<String>,
    /// What it needs; places are those in the experiment.
    pub detection: Detection,
    pub commented: Vec<String>,
    pub left: Vec<Left>,
    /// Where each file of the code came to lie.
    pub places: BTreeMap<PathBuf, String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("there is no file or folder `{}`", path.display())]
    Missing { path: PathBuf },
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a script nor a notebook", path.display())]
    Kind { path: PathBuf },
    #[error("`{}` has more than {}, which no script has", path.display(), byte_size::told(*limit))]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("the folder `{}` has more than {} files", path.display(), walk::FILES_MAX)]
    TooMany { path: PathBuf },
    #[error("{}", no_script(path, scripts))]
    NoScript { path: PathBuf, scripts: Vec<String>, notebooks: Vec<String> },
    #[error("there is no script `{script}` in `{}`", folder.display())]
    NoSuchScript { folder: PathBuf, script: String, scripts: Vec<String> },
    #[error("`--script` chooses one of a folder's scripts, and `{}` is a file", path.display())]
    ScriptOfFile { path: PathBuf },
    #[error("`{}:{error}`", path.display())]
    Syntax { path: PathBuf, error: SyntaxError },
    #[error("`{}`: {error}", path.display())]
    Notebook { path: PathBuf, error: NotebookError },
    #[error("the code needs `{}`, and an experiment has its own {what} there", path.display())]
    Clash { path: PathBuf, what: &'static str },
    #[error("`{}` and `{}` would both be `{place}` in the experiment", file.display(), other.display())]
    Twice { file: PathBuf, other: PathBuf, place: String },
    #[error("the code runs `{}`, which lies too far away to be taken along", path.display())]
    FarAway { path: PathBuf },
    #[error("the folder `{}` holds the project itself", path.display())]
    HoldsProject { path: PathBuf },
    #[error("the experiment would lie inside the folder that it is made of, `{}`", path.display())]
    HoldsTarget { path: PathBuf },
    #[error("the folder `{}` holds the experiment `{inner}`", path.display())]
    HoldsExperiment { path: PathBuf, inner: String },
    #[error(transparent)]
    Detect(#[from] DetectError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

fn no_script(path: &Path, scripts: &[String]) -> String {
    if scripts.is_empty() {
        return format!("the folder `{}` has no script in it", path.display());
    }
    format!("any of {} scripts of the folder `{}` may be the one to run", scripts.len(), path.display())
}

impl Explain for CodeError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Load(error) => error.fault(),
            Self::Detect(error) => error.fault(),
            Self::ScriptOfFile { .. } => Fault::Usage,
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        const SHOWN: usize = 8;
        let nothing = || "nothing was written".to_owned();
        let listed = |names: &[String], option: &str| {
            let mut all: Vec<String> =
                names.iter().take(SHOWN).map(|name| format!("`{option}{name}`")).collect();
            if names.len() > SHOWN {
                all.push(format!("and {} more", names.len() - SHOWN));
            }
            all.join(", ")
        };
        match self {
            Self::Missing { .. } | Self::Read { .. } => Vec::new(),
            Self::Load(error) => error.hints(),
            Self::Detect(error) => error.hints(),
            Self::Kind { .. } => vec!["a file that ends in .py or .ipynb, or a folder".to_owned()],
            Self::TooMany { .. } => {
                vec![
                    "name the folder of the code alone, or its script, which takes what it imports along"
                        .to_owned(),
                ]
            }
            Self::NoScript { path, scripts, notebooks } if scripts.is_empty() => match notebooks.first() {
                Some(first) => vec![format!("a notebook: `--from {}`", path.join(first).display())],
                None => vec!["a script is a file that ends in .py".to_owned()],
            },
            Self::NoScript { scripts, .. } => {
                vec![format!("name it: {}", listed(scripts, "--script "))]
            }
            Self::NoSuchScript { scripts, .. } => {
                vec![if scripts.is_empty() {
                    "it has no script at all".to_owned()
                } else {
                    format!("there are: {}", listed(scripts, ""))
                }]
            }
            Self::ScriptOfFile { .. } => vec!["leave `--script` out".to_owned()],
            Self::Syntax { error, .. } if error.message.contains("UTF-8") => vec![
                "save it as UTF-8, or say what it is in its first line: `# -*- coding: latin-1 -*-`"
                    .to_owned(),
                nothing(),
            ],
            Self::Syntax { .. } => vec!["mend it first; nothing was written".to_owned()],
            Self::Notebook { error: NotebookError::Cell { .. }, .. } => {
                vec!["mend the cell, or take it out; nothing was written".to_owned()]
            }
            Self::TooLarge { .. } | Self::Notebook { .. } => vec![nothing()],
            Self::Clash { .. } => vec!["give it another name first; nothing was written".to_owned()],
            Self::Twice { .. } => {
                vec![
                    "give one of them another name, or move it beside the script; nothing was written"
                        .to_owned(),
                ]
            }
            Self::FarAway { .. } => vec!["move it beside the script; nothing was written".to_owned()],
            Self::HoldsProject { .. } | Self::HoldsTarget { .. } => {
                vec!["name the folder of the code alone, or its script".to_owned()]
            }
            Self::HoldsExperiment { .. } => {
                vec!["name one experiment's folder: it is copied under the new name".to_owned()]
            }
        }
    }
}

/// Finds the code and its script. `from` is how it was named in `directory`; `target` is the folder that the experiment is
/// to have.
pub fn find(
    directory: &Path,
    from: &Path,
    script: Option<&str>,
    layout: &Layout,
    target: &Path,
    home: Option<&Path>,
) -> Result<Found, CodeError> {
    let path = directory.join(from).canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CodeError::Missing { path: from.to_owned() },
        _ => CodeError::Read { path: from.to_owned(), source },
    })?;
    if !path.is_dir() {
        if script.is_some() {
            return Err(CodeError::ScriptOfFile { path: from.to_owned() });
        }
        // A pipe would never end.
        if !path.is_file() {
            return Err(CodeError::Kind { path: from.to_owned() });
        }
        let script = script::read(&path).map_err(|error| as_named(error, &path, from))?;
        let folder = path.parent().unwrap_or(&path).to_owned();
        return Ok(Found { root: root(&folder, home), folder, script, whole: None });
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let project = real(&layout.root);
    if project.starts_with(&path) {
        return Err(CodeError::HoldsProject { path: from.to_owned() });
    }
    if let Ok(below) = target.strip_prefix(&layout.root)
        && project.join(below).starts_with(&path)
    {
        return Err(CodeError::HoldsTarget { path: from.to_owned() });
    }
    let inside = |dir: &Path| real(dir) != path && real(dir).starts_with(&path);
    if path.starts_with(&project)
        && let Some(inner) = experiments::experiments(layout)?.iter().find(|it| inside(&it.dir))
    {
        return Err(CodeError::HoldsExperiment { path: from.to_owned(), inner: inner.name.to_string() });
    }
    fs::read_dir(&path).map_err(|source| CodeError::Read { path: from.to_owned(), source })?;
    let walked = walk::walk(&path, layout.common_dir().canonicalize().ok().as_deref());
    if walked.is_too_much {
        return Err(CodeError::TooMany { path: from.to_owned() });
    }
    let script = script::of_folder(&path, &walked, script).map_err(|error| as_named(error, &path, from))?;
    Ok(Found { root: root(&path, home), folder: path, script, whole: Some(walked) })
}

/// With the path that the user has typed.
fn as_named(mut error: CodeError, real: &Path, typed: &Path) -> CodeError {
    if let CodeError::Read { path, .. }
    | CodeError::Kind { path }
    | CodeError::TooLarge { path, .. }
    | CodeError::NoScript { path, .. }
    | CodeError::NoSuchScript { folder: path, .. }
    | CodeError::Syntax { path, .. }
    | CodeError::Notebook { path, .. } = &mut error
        && let Ok(below) = path.strip_prefix(real)
    {
        *path = if below == Path::new("") { typed.to_owned() } else { typed.join(below) };
    }
    error
}

/// The nearest folder above that is the top of a project. What happens to lie in a home folder belongs to none.
fn root(folder: &Path, home: Option<&Path>) -> PathBuf {
    let is_top = |above: &&Path| MARKS.iter().any(|mark| above.join(mark).exists());
    let up = folder.ancestors().take_while(|above| Some(*above) != home);
    up.into_iter().find(is_top).unwrap_or(folder).to_owned()
}

type Starts = Vec<(PathBuf, BTreeSet<PathBuf>)>;

struct Reach {
    detection: Detection,
    reached: Reached,
    /// Where the imports of a folder's other files lead.
    others: Starts,
}

/// The files that the code needs with it, where they come to lie, and what it needs besides.
pub fn gather(found: &Found, with: &With<'_>) -> Result<Code, CodeError> {
    let gathering = Gathering { found, with, shared: with.layout.common_dir().canonicalize().ok() };
    gathering.code()
}

struct Gathering<'a> {
    found: &'a Found,
    with: &'a With<'a>,
    /// The project's shared code, links resolved.
    shared: Option<PathBuf>,
}

impl Gathering<'_> {
    fn code(&self) -> Result<Code, CodeError> {
        let Found { folder, root, script, whole } = self.found;
        let Reach { mut detection, mut reached, others } = self.reach(&[])?;
        let mut more = self.looked_for(&reached);
        let working = [folder.clone(), root.clone()];
        let bases = Bases { working: &working, whole: whole.as_ref().map(|_| folder.as_path()), root };
        let shown = |path: &Path| places::shown(path, folder);
        let mut data = data::of(&reached.files, &script.drafts, &bases, &shown);
        if whole.is_none() {
            more.extend(data.files.iter().filter(|path| is_yaml(path)).cloned());
        }
        if !more.is_empty() {
            Reach { detection, reached, .. } = self.reach(&more)?;
            let again = data::of(&reached.files, &script.drafts, &bases, &shown);
            data.texts.extend(again.texts);
        }
        let mut left = std::mem::take(&mut data.left);
        let mut files: BTreeSet<PathBuf> = reached.files.clone();
        files.insert(script.path.clone());
        files.extend(script.drafts.iter().map(|(path, _)| path.clone()));
        if let Some(walked) = whole {
            files.extend(walked.files.values().cloned());
            left.extend(walked.left.iter().cloned());
            // Only code comes from outside of a folder that was named.
            let outside = data.files.iter().filter(|path| !path.starts_with(folder));
            left.extend(outside.map(|path| Left {
                path: path.display().to_string(),
                why: "the code names it, and it lies outside of the folder".to_owned(),
            }));
        } else {
            files.extend(data.files.iter().cloned());
            files.extend(self.beside_modules(&reached.files));
            files.extend(self.with.also.iter().cloned());
        }
        let links = self.take_links(&mut files);
        let placed = self.place(&files, &reached.starts, &others)?;
        self.assemble(placed, links, detection, &data, left)
    }

    /// What imports lead to, from the script or from the whole folder.
    fn reach(&self, more: &[PathBuf]) -> Result<Reach, CodeError> {
        let Found { folder, root, script, whole } = self.found;
        let With { interpreter, installed, target, versions, .. } = *self.with;
        let reach = |path: &Path, is_experiment: bool, more: &[PathBuf]| {
            let drafts = script.drafts.iter().map(|(draft, _)| draft).filter(|draft| *draft != path);
            let paths: Vec<PathBuf> = std::iter::once(path.to_owned()).chain(drafts.cloned()).collect();
            let request = detect::Request {
                root,
                paths: &paths,
                is_experiment,
                chosen: versions,
                interpreter,
                installed,
                target,
                cache: None,
            };
            detect::reach(&request, &Besides { drafts: &script.drafts, more })
        };
        // Of a module the packages around it are loaded first.
        let more = &[more, &self.packages()].concat();
        let (detection, reached) = reach(&script.path, false, more)?;
        if whole.is_none() {
            return Ok(Reach { detection, reached, others: Vec::new() });
        }
        // What only other files of the folder import is needed as well; where Python is to look, the script says.
        let (detection, all) = reach(folder, is_environment(&folder.join(ENVIRONMENT)), &[])?;
        let files = all.files.into_iter().chain(reached.files).collect();
        Ok(Reach { detection, reached: Reached { files, ..reached }, others: all.starts })
    }

    fn packages(&self) -> Vec<PathBuf> {
        let Script { path, is_module, .. } = &self.found.script;
        let folders = path.ancestors().skip(1).take_while(|_| *is_module);
        let files = folders.map(|folder| folder.join("__init__.py"));
        files.take_while(|file| file.is_file()).collect()
    }

    /// Modules that code finds by looking into its own folder.
    fn looked_for(&self, reached: &Reached) -> Vec<PathBuf> {
        if self.found.whole.is_some() {
            return Vec::new();
        }
        let looks = |path: &&PathBuf| {
            path.extension().is_some_and(|end| end == "py")
                && path.parent().is_some_and(|folder| folder.join("__init__.py").is_file())
                && fs::read(path).is_ok_and(|bytes| {
                    ["iter_modules(", "walk_packages(", "*.py"]
                        .iter()
                        .any(|sign| bytes.windows(sign.len()).any(|word| word == sign.as_bytes()))
                })
        };
        let folders: BTreeSet<&Path> =
            reached.files.iter().filter(looks).filter_map(|path| path.parent()).collect();
        let all = folders.into_iter().flat_map(|folder| walk::walk(folder, None).files.into_values());
        all.filter(|path| path.extension().is_some_and(|end| end == "py")).collect()
    }

    /// What lies with the modules of a package and is no code: tables, words, templates, licences.
    fn beside_modules(&self, reached: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let top = |path: &PathBuf| {
            let top = places::package_top(path.parent()?);
            // A module by itself has nothing.
            let inside = path.strip_prefix(top).ok()?;
            let whole = top.join(inside.components().next()?);
            (inside.components().count() > 1).then_some(whole)
        };
        let tops: BTreeSet<PathBuf> = reached.iter().filter_map(top).collect();
        let mut found = BTreeSet::new();
        for top in tops {
            let all = walk::walk(&top, None).files;
            let is_code = |path: &Path| path.extension().is_some_and(|end| end == "py" || end == "ipynb");
            // A folder of code that nothing imports has its data for itself.
            let foreign: BTreeSet<&Path> = all
                .values()
                .filter(|path| is_code(path))
                .filter_map(|path| path.parent())
                .filter(|folder| !reached.iter().any(|path| path.starts_with(folder)))
                .collect();
            let is_foreign = |path: &Path| path.ancestors().any(|above| foreign.contains(above));
            found.extend(all.values().filter(|path| !is_code(path) && !is_foreign(path)).cloned());
        }
        found
    }

    /// The project's shared code is linked, as every experiment has it.
    fn take_links(&self, files: &mut BTreeSet<PathBuf>) -> BTreeSet<String> {
        let mut links: BTreeSet<String> =
            self.found.whole.iter().flat_map(|it| it.links.iter().cloned()).collect();
        let Some(shared) = &self.shared else { return links };
        files.retain(|file| {
            let real = file.canonicalize().ok();
            let Some(below) = real.as_ref().and_then(|real| real.strip_prefix(shared).ok()) else {
                return true;
            };
            let place = places::join(COMMON, &below.to_string_lossy());
            let is_covered = links.iter().any(|link| Path::new(&place).starts_with(link));
            if !is_covered && below.file_name().is_some_and(|name| name != "__init__.py") {
                links.insert(place);
            }
            false
        });
        links
    }

    fn place(
        &self,
        files: &BTreeSet<PathBuf>,
        starts: &Starts,
        others: &Starts,
    ) -> Result<Placed, CodeError> {
        let Found { folder, root, script, whole } = self.found;
        let site = self.with.interpreter.map(|python| python.search.clone()).unwrap_or_default();
        let facts = places::Facts {
            script: &script.path,
            whole: whole.as_ref().map(|_| folder.as_path()),
            root,
            files,
            starts,
            others,
            site: &site,
            is_module: script.is_module,
        };
        places::place(&facts).map_err(|error| match error {
            NoPlace::Nowhere { file } => CodeError::FarAway { path: file },
            NoPlace::Taken { file, other, place } => CodeError::Twice { file, other, place },
        })
    }

    fn assemble(
        &self,
        mut placed: Placed,
        links: BTreeSet<String>,
        mut detection: Detection,
        data: &data::Data,
        mut left: Vec<Left>,
    ) -> Result<Code, CodeError> {
        let Found { folder: _, root, script, whole } = self.found;
        if whole.is_none() {
            self.add_licences(&mut placed);
            self.rename(&mut placed, &detection, &data.texts);
        }
        self.refuse_clashes(&placed)?;
        let name = placed.places[&script.path].clone();
        // Shared code is found from the experiment's folder.
        let at = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !links.is_empty()
            && (!at.is_empty() || script.is_module)
            && !placed.paths.iter().any(String::is_empty)
        {
            placed.paths.push(String::new());
        }
        let module = script.is_module.then(|| {
            let top = places::shown(places::package_top(&folder_of(&script.path)), &placed.base);
            let inside = name.strip_prefix(&top).unwrap_or(&name).trim_start_matches('/');
            let plain = inside.trim_end_matches(".py").trim_end_matches("/__main__");
            plain.replace('/', ".")
        });
        let working = data
            .working
            .as_ref()
            .filter(|working| working.starts_with(&placed.base))
            .map(|working| places::shown(working, &placed.base));
        relocate(&mut detection, root, &placed.places);
        let file = |(path, place): (&PathBuf, &String)| {
            let content = match script.drafts.iter().find(|(draft, _)| draft == path) {
                Some((_, text)) => Content::Verbatim(text.clone()),
                None => Content::CopyOf(path.clone()),
            };
            File { path: place.clone(), content, executable: false }
        };
        let mut files: Vec<File> = placed.places.iter().map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let is_here = |top: &str| {
            let mut parts = placed.places.values().flat_map(|place| place.split('/'));
            parts.any(|part| part.split('.').next() == Some(top))
        };
        for (top, found) in &detection.local {
            if found.is_empty() && !is_here(top) && !links.iter().any(|_| top == COMMON) {
                let why = "the code imports it as its own, and it is not where Python would look";
                left.push(Left { path: top.clone(), why: why.to_owned() });
            }
        }
        left.sort();
        left.dedup();
        Ok(Code {
            script: name,
            module,
            paths: placed.paths,
            working,
            files,
            links,
            detection,
            commented: script.commented.clone(),
            left,
            places: placed.places,
        })
    }

    /// Whoever gets the code gets the terms on which it may be used.
    fn add_licences(&self, placed: &mut Placed) {
        let Found { folder, root, .. } = self.found;
        for from in [&placed.base.clone(), folder, root] {
            let entries = fs::read_dir(from).into_iter().flatten().flatten();
            let mut found: Vec<PathBuf> = entries
                .map(|entry| entry.path())
                .filter(|path| {
                    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                    let stem = name.split(['.', '-']).next().unwrap_or_default();
                    LICENCES.iter().any(|licence| stem.eq_ignore_ascii_case(licence))
                        && path.extension().is_none_or(|end| end != "py")
                        && fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < SIZE_MAX)
                        && fs::File::open(path).is_ok()
                })
                .collect();
            found.sort();
            for path in &found {
                let name = places::shown(path, from);
                if !placed.places.values().any(|place| *place == name) {
                    placed.places.entry(path.clone()).or_insert(name);
                }
            }
            if !found.is_empty() {
                return;
            }
        }
    }

    /// A lone script gets the name that scripts of experiments have, unless something knows it by its own.
    fn rename(&self, placed: &mut Placed, detection: &Detection, texts: &BTreeSet<String>) {
        let script = &self.found.script;
        let name = placed.places[&script.path].clone();
        let stem = name.trim_end_matches(".py");
        let is_free = !placed.places.iter().any(|(path, place)| *place == SCRIPT && *path != script.path);
        let asked = detection.local.contains_key(stem) || texts.contains(&name);
        if !name.contains('/') && !script.is_module && is_free && !asked {
            placed.places.insert(script.path.clone(), SCRIPT.to_owned());
        }
    }

    /// What scaf writes itself is none of the code's, unless the whole folder is the experiment.
    fn refuse_clashes(&self, placed: &Placed) -> Result<(), CodeError> {
        let own = |what: &'static str, path: &Path| CodeError::Clash { path: path.to_owned(), what };
        let has_environment = is_environment(&self.found.folder.join(ENVIRONMENT));
        for (path, place) in &placed.places {
            if place.starts_with("environment/") && !has_environment {
                return Err(own("environment", path));
            }
            if self.found.whole.is_none() {
                match place.as_str() {
                    LOCAL => return Err(own(LOCAL, path)),
                    JOB => return Err(own(JOB, path)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// Whether it is what makes a folder an experiment, and no package that happens to be called so.
pub fn is_environment(folder: &Path) -> bool {
    ["Dockerfile", "requirements.txt", "requirements.lock"].iter().any(|name| folder.join(name).is_file())
        && !folder.join("__init__.py").exists()
}

/// Says the places of the code as they are in the experiment. A notebook that is a script now is code.
fn relocate(detection: &mut Detection, root: &Path, places: &BTreeMap<PathBuf, String>) {
    let moved = |file: &mut String| {
        if let Some(place) = places.get(&root.join(&*file)) {
            file.clone_from(place);
        }
    };
    let moved_place = |place: &mut Place| {
        if let Some(file) = places.get(&root.join(&*place.file)) {
            place.file = file.as_str().into();
        }
    };
    let maps = [
        &mut detection.third_party,
        &mut detection.optional,
        &mut detection.implied,
        &mut detection.suggested,
        &mut detection.dev,
    ];
    for place in maps.into_iter().flat_map(BTreeMap::values_mut).flat_map(|needed| &mut needed.places) {
        moved_place(place);
    }
    for place in detection.unresolved.iter_mut().flat_map(|unresolved| &mut unresolved.places) {
        moved_place(place);
    }
    for problem in &mut detection.problems {
        moved(&mut problem.file);
    }
    for files in detection.local.values_mut() {
        *files = std::mem::take(files)
            .into_iter()
            .map(|mut file| {
                moved(&mut file);
                file
            })
            .collect();
    }
}
