//! The script that an experiment is made around: which one it is, and what it says of itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::CodeError;
use super::walk::Walked;
use crate::orchestrate::load::parallel;
use crate::project::notebook;
use crate::project::python::imports::SyntaxError;
use crate::project::python::scan::{self, Installer, Scan};
use crate::project::python::source;
use crate::project::python::target::Target;

/// A larger one is data that somebody has written as code.
const SCRIPT_MAX: u64 = 8 << 20;
/// Notebooks carry pictures.
const NOTEBOOK_MAX: u64 = 256 << 20;
/// What a folder's script is most often called.
const USUAL: [&str; 3] = ["train.py", "main.py", "__main__.py"];

/// A script as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The script or the notebook as it lies there.
    pub from: PathBuf,
    /// Absolute. Of a notebook it is where the script that is made of it would lie.
    pub path: PathBuf,
    /// Of a notebook: the script, and the files that its cells write (`%%writefile`), none of which is on the disk.
    pub drafts: Vec<(PathBuf, String)>,
    /// Lines of a notebook that are comments now.
    pub commented: Vec<String>,
    /// It is started as a module of its package: `python -m package.module`.
    pub is_module: bool,
    pub asks: Asks,
}

/// What it says of its environment in so many words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Of the `# /// script` block.
    pub requires_python: Option<String>,
    /// Requirements with their line, and whether the block has them or a line that installs them.
    pub requirements: Vec<(String, u32, bool)>,
    /// What is installed without a name: a repository, an archive.
    pub unnamed: Vec<(String, u32)>,
}

/// Reads one that was named.
pub fn read(path: &Path) -> Result<Script, CodeError> {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("py" | "pyw") => {
            let bytes = bytes(path, SCRIPT_MAX)?;
            let syntax = |error| CodeError::Syntax { path: path.to_owned(), error };
            let scan = on_a_large_stack(path, || scanned(bytes.clone()))?.map_err(syntax)?;
            Ok(of(path.to_owned(), &scan))
        }
        Some("ipynb") => {
            let wrong = |error| CodeError::Notebook { path: path.to_owned(), error };
            let text = String::from_utf8(bytes(path, NOTEBOOK_MAX)?)
                .map_err(|_| wrong(notebook::NotebookError::NotOne("it is not UTF-8 text".to_owned())))?;
            let (made, scan) = on_a_large_stack(path, || {
                let made = notebook::script(&text).map_err(wrong)?;
                let syntax = |error| CodeError::Syntax { path: path.to_owned(), error };
                let scan = scanned(made.text.clone().into_bytes()).map_err(syntax)?;
                Ok::<_, CodeError>((made, scan))
            })??;
            let script = beside(path);
            let mut drafts = vec![(script.clone(), made.text)];
            drafts.extend(
                notebook::written(&text).into_iter().map(|(name, text)| (path.with_file_name(name), text)),
            );
            Ok(Script {
                from: path.to_owned(),
                drafts,
                commented: made.commented,
                is_module: false,
                ..of(script, &scan)
            })
        }
        _ => Err(CodeError::Kind { path: path.to_owned() }),
    }
}

/// A name for the script of a notebook that nothing has.
fn beside(notebook: &Path) -> PathBuf {
    let stem = notebook.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let plain: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    let plain = if plain.starts_with(|c: char| c.is_ascii_digit()) { format!("_{plain}") } else { plain };
    let mut name = format!("{plain}.py");
    while notebook.with_file_name(&name).exists() {
        name = format!("{}_.py", name.trim_end_matches(".py"));
    }
    notebook.with_file_name(name)
}

/// The parser's trees are as deep as the code is nested.
fn on_a_large_stack<R: Send>(path: &Path, work: impl Fn() -> R + Sync) -> Result<R, CodeError> {
    let failed = |source| CodeError::Read { path: path.to_owned(), source };
    let mut done = parallel::map(&[()], |()| work()).map_err(failed)?;
    done.pop().ok_or_else(|| failed(io::Error::other("it was not read")))
}

fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, CodeError> {
    let failed = |source| CodeError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CodeError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A script that is no Python cannot be what an experiment runs.
fn scanned(bytes: Vec<u8>) -> Result<Scan, SyntaxError> {
    let scan = scan::scan(&source::text(bytes)?, &Target::default(), scan::Kind::Script)?;
    match scan.problems.first() {
        Some(problem) if scan.broken => Err(problem.clone()),
        _ => Ok(scan),
    }
}

fn of(path: PathBuf, scan: &Scan) -> Script {
    let mut asks = Asks::default();
    let mut ask = |text: &str, line: u32, is_block: bool| {
        let text = text.trim();
        match crate::project::python::requires_dist::split(text) {
            // A list that says it twice means it once.
            Ok(_) if asks.requirements.iter().any(|(have, ..)| have == text) => {}
            Ok(_) => asks.requirements.push((text.to_owned(), line, is_block)),
            Err(_) => asks.unnamed.push((text.to_owned(), line)),
        }
    };
    if let Some(block) = &scan.script_block {
        block.dependencies.iter().for_each(|text| ask(text, block.line, true));
    }
    for install in scan.installs.iter().filter(|install| install.installer == Installer::Pip) {
        install.requirements.iter().for_each(|text| ask(text, install.line, false));
    }
    asks.requires_python = scan.script_block.as_ref().and_then(|block| block.requires_python.clone());
    // `python pack/train.py` could not import relatively.
    let is_module = scan.imports.iter().any(|import| import.level > 0)
        && path.parent().is_some_and(|folder| folder.join("__init__.py").is_file());
    let is_module = is_module
        || path.file_name().is_some_and(|name| name == "__main__.py") && {
            path.parent().is_some_and(|folder| folder.join("__init__.py").is_file())
        };
    Script { from: path.clone(), path, drafts: Vec::new(), commented: Vec::new(), is_module, asks }
}

/// The script of a folder: the one that was named, one with a usual name, or the only one that can be it.
pub fn of_folder(folder: &Path, walked: &Walked, named: Option<&str>) -> Result<Script, CodeError> {
    let is_there = |name: &str| walked.files.contains_key(name);
    if let Some(named) = named {
        let plain = named.strip_prefix("./").unwrap_or(named);
        let path = walked.files.get(plain).ok_or_else(|| CodeError::NoSuchScript {
            folder: folder.to_owned(),
            script: named.to_owned(),
            scripts: python_files(walked),
        })?;
        return read(path);
    }
    let mut usual = USUAL;
    if is_there("__init__.py") {
        // `python -m package` is what the folder itself offers.
        usual.rotate_right(1);
    }
    if let Some(usual) = usual.into_iter().find(|name| is_there(name)) {
        return read(&walked.files[usual]);
    }
    let candidates = python_files(walked);
    if let [only] = candidates.as_slice() {
        return read(&walked.files[only]);
    }
    let programs = programs(walked, &candidates)?;
    let top: Vec<&String> = programs.iter().filter(|name| !name.contains('/')).collect();
    match (top.as_slice(), programs.as_slice()) {
        ([only], _) => read(&walked.files[*only]),
        ([], [only]) => read(&walked.files[only]),
        _ => {
            let notebooks: Vec<String> =
                walked.files.keys().filter(|name| name.ends_with(".ipynb")).cloned().collect();
            let scripts = if programs.is_empty() { candidates } else { programs };
            Err(CodeError::NoScript { path: folder.to_owned(), scripts, notebooks })
        }
    }
}

/// Files that may be meant to be run.
fn python_files(walked: &Walked) -> Vec<String> {
    let may_be = |path: &&String| {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
        let is_test = name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py";
        let set_aside = |part: &str| matches!(part, "tests" | "test" | "docs" | "doc" | "environment");
        name.ends_with(".py")
            && !is_test
            && !matches!(name, "__init__.py" | "setup.py" | "noxfile.py")
            && !folders.split('/').any(set_aside)
    };
    walked.files.keys().filter(may_be).cloned().collect()
}

/// Those of them that say so: `if __name__ == "__main__":`.
fn programs(walked: &Walked, candidates: &[String]) -> Result<Vec<String>, CodeError> {
    let is_program = |name: &String| {
        let bytes = bytes(&walked.files[name], SCRIPT_MAX).unwrap_or_default();
        // Most files say nothing of it.
        let says = bytes.windows(8).any(|word| word == b"__main__");
        says && scanned(bytes).is_ok_and(|scan| scan.is_program)
    };
    let failed = |source| CodeError::Read { path: PathBuf::new(), source };
    let is_one = parallel::map(candidates, is_program).map_err(failed)?;
    let by_name: BTreeMap<&String, bool> = candidates.iter().zip(is_one).collect();
    Ok(by_name.into_iter().filter(|(_, is_one)| *is_one).map(|(name, _)| name.clone()).collect())
}
