//! `new-exp --from`: reads a script, a notebook or a folder, with what lies beside it and is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LoadError;
use super::tree::{self, Ignores};
use crate::project::notebook::{self, NotebookError};
use crate::project::python::imports::{self, Import, SyntaxError};
use crate::project::python::{source, standard_library};
use crate::project::template::{Content, File};
use crate::spec::hint::{Explain, Fault};

/// What the script becomes, unless something beside it has the name or asks for its own.
const SCRIPT: &str = "train.py";
/// What scaf writes beside it.
const LOCAL: &str = "local.py";

/// Code that an experiment is made around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The script's name in the experiment.
    pub script: String,
    pub files: Vec<File>,
    /// Top-level modules that are imported and neither Python's nor among the files. Sorted.
    pub modules: Vec<String>,
    /// Lines of a notebook that are comments now.
    pub commented: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("there is no file or folder `{}`", path.display())]
    Missing { path: PathBuf },
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a script nor a notebook", path.display())]
    Kind { path: PathBuf },
    #[error("the folder `{}` has neither a train.py nor a main.py", path.display())]
    NoScript { path: PathBuf, scripts: Vec<String> },
    #[error("`{}:{error}`", path.display())]
    Syntax { path: PathBuf, error: SyntaxError },
    #[error("`{}`: {error}", path.display())]
    Notebook { path: PathBuf, error: NotebookError },
    #[error("`{}` is imported, and an experiment has a {LOCAL} of its own", path.display())]
    Clash { path: PathBuf },
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Explain for CodeError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Load(error) => error.fault(),
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { .. } | Self::Read { .. } => Vec::new(),
            Self::Load(error) => error.hints(),
            Self::Kind { .. } => vec!["a file that ends in .py or .ipynb, or a folder".to_owned()],
            Self::NoScript { path, scripts } if scripts.is_empty() => {
                vec![format!("`{}` has no script at its top", path.display())]
            }
            Self::NoScript { path, scripts } => {
                let named: Vec<String> = scripts
                    .iter()
                    .take(5)
                    .map(|name| format!("`--from {}`", path.join(name).display()))
                    .collect();
                vec![format!("name the script, which takes what it imports along: {}", named.join(", "))]
            }
            Self::Syntax { error, .. } if error.message.contains("UTF-8") => vec![
                "save it as UTF-8, or say what it is in its first line: `# -*- coding: latin-1 -*-`"
                    .to_owned(),
                "nothing was written".to_owned(),
            ],
            Self::Syntax { .. } => vec!["mend it first; nothing was written".to_owned()],
            Self::Notebook { error: NotebookError::Cell { .. }, .. } => {
                vec!["mend the cell, or take it out; nothing was written".to_owned()]
            }
            Self::Notebook { .. } => vec!["nothing was written".to_owned()],
            Self::Clash { .. } => vec!["give the module another name first; nothing was written".to_owned()],
        }
    }
}

/// Reads what is to become an experiment.
pub fn read(from: &Path) -> Result<Code, CodeError> {
    let there = fs::metadata(from).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CodeError::Missing { path: from.to_owned() },
        _ => CodeError::Read { path: from.to_owned(), source },
    })?;
    if there.is_dir() {
        return folder(from);
    }
    let path = from.to_owned();
    let name = from.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let (content, imports, commented) = match ending {
        "py" => (Content::CopyOf(path), python(from)?, Vec::new()),
        "ipynb" => {
            let text =
                fs::read_to_string(from).map_err(|source| CodeError::Read { path: path.clone(), source })?;
            let made =
                notebook::script(&text).map_err(|error| CodeError::Notebook { path: path.clone(), error })?;
            let imports = imports::imports(&made.text).map_err(|error| CodeError::Syntax { path, error })?;
            (Content::Verbatim(made.text), imports, made.commented)
        }
        _ => return Err(CodeError::Kind { path }),
    };
    let beside = from.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut found = Neighbours::new(beside, Some(stem));
    found.follow(imports)?;
    if found.files.contains_key(LOCAL) {
        return Err(CodeError::Clash { path: beside.join(LOCAL) });
    }
    let script = if found.asked_for_script || found.files.contains_key(SCRIPT) {
        format!("{stem}.py")
    } else {
        SCRIPT.to_owned()
    };
    let mut files: Vec<File> = found
        .files
        .into_iter()
        .map(|(path, from)| File { path, content: Content::CopyOf(from), executable: false })
        .collect();
    files.push(File { path: script.clone(), content, executable: false });
    Ok(Code { script, files, modules: found.modules.into_iter().collect(), commented })
}

/// Every file of a folder but for what git ignores, around its `train.py` or `main.py`.
fn folder(path: &Path) -> Result<Code, CodeError> {
    let all = files_of(path)?;
    let script = [SCRIPT, "main.py"].into_iter().find(|name| all.contains_key(*name));
    let Some(script) = script else {
        let scripts = all.into_keys().filter(|name| name.ends_with(".py") && !name.contains('/')).collect();
        return Err(CodeError::NoScript { path: path.to_owned(), scripts });
    };
    let mut found = Neighbours::new(path, None);
    found.follow(python(&path.join(script))?)?;
    let files = all
        .into_iter()
        .map(|(path, from)| File { path, content: Content::CopyOf(from), executable: false })
        .collect();
    let modules = found.modules.into_iter().collect();
    Ok(Code { script: script.to_owned(), files, modules, commented: Vec::new() })
}

/// The files below a folder, by their path in it; of symlinks those that lead to files.
fn files_of(folder: &Path) -> Result<BTreeMap<String, PathBuf>, LoadError> {
    let mut files = BTreeMap::new();
    tree::walk(folder, &Ignores::of(folder), &|_| false, &mut |path, _| {
        let place = folder.join(path);
        if place.is_file() {
            files.insert(path.to_owned(), place);
        }
    })?;
    Ok(files)
}

fn python(path: &Path) -> Result<Vec<Import>, CodeError> {
    let bytes = fs::read(path).map_err(|source| CodeError::Read { path: path.to_owned(), source })?;
    source::text(bytes)
        .and_then(|text| imports::imports(&text))
        .map_err(|error| CodeError::Syntax { path: path.to_owned(), error })
}

/// What lies beside a script and is imported, directly or by what is.
struct Neighbours<'a> {
    beside: &'a Path,
    /// The script's own name without `.py`, where it may get another.
    stem: Option<&'a str>,
    asked_for_script: bool,
    files: BTreeMap<String, PathBuf>,
    modules: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl<'a> Neighbours<'a> {
    fn new(beside: &'a Path, stem: Option<&'a str>) -> Self {
        Self {
            beside,
            stem,
            asked_for_script: false,
            files: BTreeMap::new(),
            modules: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    fn follow(&mut self, imports: Vec<Import>) -> Result<(), CodeError> {
        let mut waiting = imports;
        while let Some(import) = waiting.pop() {
            let top = import.top().to_owned();
            // A relative import is of a package that has been taken whole.
            if import.level > 0 || top.is_empty() || !self.seen.insert(top.clone()) {
                continue;
            }
            if self.stem == Some(top.as_str()) {
                self.asked_for_script = true;
                continue;
            }
            for (path, place) in self.module(&top)? {
                if path.ends_with(".py") {
                    waiting.extend(python(&place)?);
                }
                self.files.insert(path, place);
            }
        }
        Ok(())
    }

    /// The files of a module beside the script; none where it comes from elsewhere.
    fn module(&mut self, top: &str) -> Result<BTreeMap<String, PathBuf>, CodeError> {
        let folder = self.beside.join(top);
        let file = format!("{top}.py");
        let is_package = folder.join("__init__.py").is_file();
        if !is_package && self.beside.join(&file).is_file() {
            return Ok(BTreeMap::from([(file.clone(), self.beside.join(file))]));
        }
        let is_standard = standard_library::contains(top);
        if !is_package && (is_standard || !has_python(&folder)) {
            if !is_standard {
                self.modules.insert(top.to_owned());
            }
            return Ok(BTreeMap::new());
        }
        Ok(files_of(&folder)?.into_iter().map(|(path, place)| (format!("{top}/{path}"), place)).collect())
    }
}

/// Whether a folder without `__init__.py` can be meant: a package that is installed comes before one
/// that only happens to have the name.
fn has_python(folder: &Path) -> bool {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|end| end == "py") && entry.path().is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        }
        dir
    }

    fn paths(code: &Code) -> Vec<&str> {
        code.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn what_lies_beside_a_script_is_taken_along_as_far_as_it_is_imported() {
        let dir = folder(&[
            (
                "churn.py",
                "import os, helper, numpy\nfrom pack import x\nimport wandb\nif TYPE_CHECKING:\n    import z\n",
            ),
            ("helper.py", "import deeper, yaml\n"),
            ("deeper.py", "import helper\n"),
            ("pack/__init__.py", "from . import inner\nimport cv2\n"),
            ("pack/inner.py", ""),
            ("pack/words.txt", "a"),
            ("pack/__pycache__/inner.pyc", ""),
            ("wandb/run/code/x.py", "import never\n"),
            ("unused.py", "def f(:\n"),
        ]);
        let code = read(&dir.path().join("churn.py")).unwrap();
        assert_eq!(
            paths(&code),
            ["deeper.py", "helper.py", "pack/__init__.py", "pack/inner.py", "pack/words.txt", "train.py"]
        );
        assert_eq!(code.modules, ["cv2", "numpy", "wandb", "yaml", "z"]);
    }

    #[test]
    fn a_script_keeps_its_name_where_that_matters() {
        let dir = folder(&[
            ("main.py", "import train\n"),
            ("train.py", ""),
            ("run.py", "import back\n"),
            ("back.py", "from run import x\n"),
            ("bad.py", "import local\n"),
            ("local.py", ""),
        ]);
        let of = |name: &str| read(&dir.path().join(name));
        assert_eq!(of("main.py").unwrap().script, "main.py");
        assert_eq!(of("run.py").unwrap().script, "run.py");
        assert_eq!(of("local.py").unwrap().script, "train.py");
        assert!(matches!(of("bad.py"), Err(CodeError::Clash { .. })));
        assert!(matches!(of("gone.py"), Err(CodeError::Missing { .. })));
    }

    #[test]
    fn a_folder_is_taken_whole_around_its_script() {
        let dir = folder(&[
            ("a/main.py", "import helper, torch\n"),
            ("a/helper.py", "import sklearn\n"),
            ("a/words.txt", "a"),
            ("a/.hidden", ""),
            ("a/venv/pyvenv.cfg", ""),
            ("b/one.py", ""),
            ("b/deep/two.py", ""),
        ]);
        let code = read(&dir.path().join("a")).unwrap();
        assert_eq!(paths(&code), ["helper.py", "main.py", "words.txt"]);
        assert_eq!((code.script.as_str(), code.modules), ("main.py", vec!["sklearn".into(), "torch".into()]));
        let error = read(&dir.path().join("b")).unwrap_err();
        assert!(error.hints()[0].contains("b/one.py`") && !error.hints()[0].contains("two.py"));
    }
}
