//! The Pythons of this machine, and uv.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::orchestrate::load::network::{self, NetworkError};
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

/// Who fills an environment: uv, where it is there and knows the user's package index. It reads nothing of
/// pip's settings; where those alone name an index, uv would ask the public one for private packages.
pub fn installer(environment: &Environment) -> Result<Option<PathBuf>, NetworkError> {
    let Some(uv) = uv(environment) else { return Ok(None) };
    let variable = |name: &str| environment.given(name).map(|value| value.to_string_lossy().into_owned());
    let set = network::indexes(&variable, Path::new("/"))?;
    Ok((set.uv.is_some() || set.pip.is_none()).then_some(uv))
}

/// The one that uv has for this version. Nothing is fetched.
pub fn by_uv(uv: &Path, minor: &str) -> Option<Python> {
    let path = answer(uv, &["python", "find", minor]).ok()?;
    ask(Path::new(path.trim())).filter(|python| python.minor() == minor)
}

/// The one that `uv python install` would fetch for this version, and where it would then be; else what
/// uv says. It knows that without the network.
pub fn offered_by_uv(uv: &Path, minor: &str) -> Result<Python, String> {
    let list = answer(uv, &["python", "list", "--only-downloads", minor])?;
    let offered = list.lines().find_map(|line| offer(line, minor));
    let (key, version) = offered.ok_or_else(|| format!("it has no Python {minor} to fetch"))?;
    let folder = answer(uv, &["python", "dir"])?;
    let path = Path::new(folder.trim()).join(key).join(format!("bin/python{minor}"));
    Ok(Python { path, version: version.to_owned() })
}

/// Key and version in a line `cpython-3.11.7-linux-x86_64-gnu    <download available>` (uv 0.4 to 0.13).
fn offer<'a>(line: &'a str, minor: &str) -> Option<(&'a str, &'a str)> {
    let key = line.split_whitespace().next()?;
    let version = key.strip_prefix("cpython-")?.split('-').next()?;
    let patch = version.strip_prefix(minor)?.strip_prefix('.')?;
    // Not `3.14.0rc1`, and not `3.14.0+freethreaded`.
    patch.chars().all(|c| c.is_ascii_digit()).then_some((key, version))
}

/// What uv answers; else its own words for why not, in one line.
fn answer(uv: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(uv).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if said.is_empty() {
        return Err(format!("`uv {}` failed ({})", arguments.join(" "), output.status));
    }
    Err(said.join(" ").trim_start_matches("error: ").to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uv_offers() {
        let line = "cpython-3.11.18-linux-x86_64-gnu    <download available>";
        assert_eq!(offer(line, "3.11"), Some(("cpython-3.11.18-linux-x86_64-gnu", "3.11.18")));
        assert_eq!(offer(line, "3.1"), None);
        for other in [
            "cpython-3.11.0rc1-linux-x86_64-gnu <download available>",
            "cpython-3.11.1+freethreaded-linux-x86_64-gnu <download available>",
            "pypy-3.11.13-linux-x86_64-gnu <download available>",
            "",
        ] {
            assert_eq!(offer(other, "3.11"), None, "{other}");
        }
    }
}
