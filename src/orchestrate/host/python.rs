//! The Pythons of this machine, and uv.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::spec::env_vars::{self, Environment};

/// An interpreter that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The real one, behind links and shims.
    pub path: PathBuf,
    /// `3.11.7`.
    pub version: String,
}

impl Python {
    /// `3.11` of `3.11.7`.
    pub fn minor(&self) -> String {
        self.version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    }
}

/// The Python in use: that of the active virtual or conda environment, else the first on the PATH.
pub fn in_use(environment: &Environment) -> Option<Python> {
    for variable in [&env_vars::VIRTUAL_ENV, &env_vars::CONDA_PREFIX] {
        if let Some(folder) = environment.path(variable)
            && let Some(python) = ask(&folder.join("bin/python"))
        {
            return Some(python);
        }
    }
    ["python3", "python"].into_iter().find_map(|name| ask(&find(name, environment)?))
}

/// A Python of this minor version: `python3.11`, else whichever on the PATH says that it is one.
pub fn of_version(minor: &str, environment: &Environment) -> Option<Python> {
    let names = [format!("python{minor}"), "python3".to_owned(), "python".to_owned()];
    let active = environment.path(&env_vars::VIRTUAL_ENV).map(|folder| folder.join("bin/python"));
    names
        .iter()
        .flat_map(|name| find_all(name, environment))
        .chain(active)
        .filter_map(|path| ask(&path))
        .find(|python| python.minor() == minor)
}

/// uv, when it is on the PATH.
pub fn uv(environment: &Environment) -> Option<PathBuf> {
    find("uv", environment)
}

/// The path that uv knows for this version, or fetches.
pub fn by_uv(uv: &Path, minor: &str) -> Option<Python> {
    for arguments in
        [["python", "find", minor].as_slice(), &["python", "install", minor], &["python", "find", minor]]
    {
        let output =
            Command::new(uv).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        if output.status.success()
            && arguments[1] == "find"
            && let Some(python) = ask(Path::new(String::from_utf8_lossy(&output.stdout).trim()))
            && python.minor() == minor
        {
            return Some(python);
        }
    }
    None
}

fn find(name: &str, environment: &Environment) -> Option<PathBuf> {
    find_all(name, environment).into_iter().next()
}

fn find_all(name: &str, environment: &Environment) -> Vec<PathBuf> {
    let Some(path) = environment.given("PATH") else { return Vec::new() };
    which::which_in_all(name, Some(path), "/").map_or_else(|_| Vec::new(), Iterator::collect)
}

/// Starts it: the only way to know a shim's version (pyenv's are shell scripts).
fn ask(path: &Path) -> Option<Python> {
    let output = Command::new(path)
        .args([
            "-I",
            "-c",
            "import sys; print(sys.version.split()[0]); print(sys._base_executable or sys.executable)",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let version = lines.next()?.to_owned();
    let path = PathBuf::from(lines.next()?);
    Some(Python { path, version })
}
