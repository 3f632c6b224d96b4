//! Which Python an environment belongs to, where it looks for packages, and which version it is: read from the
//! disk. Python itself is only started where a script stands in its place (pyenv's shims).

mod search;
mod shim;

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::project::python::library_folder::{self, LibraryFolder};
use crate::project::python::pyvenv_cfg::{self, PyvenvCfg};
use crate::spec::env_vars::{self, Environment};
use crate::spec::hint::{Explain, Fault};

/// A shim that has not answered by then is given up.
const SHIM_LIMIT: Duration = Duration::from_secs(20);
/// What an environment's configuration may have at most.
const CONFIGURATION_MAX: u64 = 64 * 1024;

/// A Python, as far as it can be known without starting it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The file that is started; of a virtual environment, the one inside it.
    pub executable: PathBuf,
    /// `sys.prefix`: the environment.
    pub prefix: PathBuf,
    /// `sys.base_prefix`: the installation behind it; the same where it is no virtual environment.
    pub base_prefix: PathBuf,
    pub version: (u8, u8),
    /// `3.11.7`, where something says so.
    pub full_version: Option<String>,
    /// `cpython` or `pypy`.
    pub implementation: &'static str,
    pub free_threaded: bool,
    /// `PYTHONPATH`: looked through before the standard library.
    pub python_path: Vec<PathBuf>,
    /// Folders of the standard library, in order, as far as they are there.
    pub stdlib: Vec<PathBuf>,
    /// Site folders (the user's, `site-packages`, `dist-packages`) in the order of `sys.path`, as far as they are
    /// there. What their `.pth` files add is read with what is installed.
    pub search: Vec<PathBuf>,
    /// `sys.platform`: `linux`, `darwin`.
    pub platform: &'static str,
    /// `platform.machine()`: `x86_64`, `aarch64`.
    pub machine: &'static str,
    pub chosen_by: ChosenBy,
}

/// What a Python was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    Asked,
    VirtualEnv,
    CondaPrefix,
    /// A folder `.venv` in the folder or above it.
    DotVenv,
    Path,
}

impl ChosenBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "--python",
            Self::VirtualEnv => "VIRTUAL_ENV",
            Self::CondaPrefix => "CONDA_PREFIX",
            Self::DotVenv => ".venv",
            Self::Path => "PATH",
        }
    }
}

impl std::fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    #[error("there is no Python `{}`, which {by} names", path.display())]
    Missing { path: PathBuf, by: ChosenBy },
    #[error("there is no `{name}` on the PATH, which {by} asks for")]
    NotOnPath { name: String, by: ChosenBy },
    #[error("`{}`, which {by} names, is no Python environment", folder.display())]
    NoEnvironment { folder: PathBuf, by: ChosenBy },
    #[error("the Python of `{}` is gone: `{}` leads to `{}`", folder.display(), link.display(), target.display())]
    Gone { folder: PathBuf, link: PathBuf, target: PathBuf },
    #[error("`{}` {what}", file.display())]
    Configuration { file: PathBuf, what: String },
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a Python nor a script that starts one", path.display())]
    Kind { path: PathBuf },
    #[error("it cannot be told which version of Python `{}` is", path.display())]
    Version { path: PathBuf },
    #[error("`{}` starts no Python: {said}", path.display())]
    Shim { path: PathBuf, said: String },
    #[error(
        "there is no Python: neither an environment is active, nor is there a `.venv` or a `python3` on the PATH"
    )]
    None,
}

impl Explain for InterpreterError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } | Self::Gone { .. } | Self::None | Self::Shim { .. } => Fault::World,
            Self::Missing { .. }
            | Self::NotOnPath { .. }
            | Self::NoEnvironment { .. }
            | Self::Configuration { .. }
            | Self::Kind { .. }
            | Self::Version { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        let another = || "name another one: `--python PATH`".to_owned();
        match self {
            Self::Missing { by: ChosenBy::VirtualEnv, .. }
            | Self::NoEnvironment { by: ChosenBy::VirtualEnv, .. } => {
                vec!["leave it: `unset VIRTUAL_ENV`".to_owned(), another()]
            }
            Self::Missing { .. } | Self::NotOnPath { .. } => {
                vec!["a Python, the folder of an environment, or a version: `--python 3.11`".to_owned()]
            }
            Self::NoEnvironment { .. } => {
                vec![
                    "an environment has `bin/python` in it; make one: `python3 -m venv .venv`".to_owned(),
                    another(),
                ]
            }
            Self::Gone { folder, .. } => {
                vec![
                    format!("make the environment anew: `python3 -m venv --clear {}`", folder.display()),
                    another(),
                ]
            }
            Self::Configuration { file, .. } => {
                let folder = file.parent().unwrap_or(file);
                vec![
                    format!("make the environment anew: `python3 -m venv --clear {}`", folder.display()),
                    another(),
                ]
            }
            Self::Shim { .. } | Self::Kind { .. } | Self::Version { .. } => vec![another()],
            Self::None => vec!["install Python, or name one: `--python PATH`".to_owned()],
            Self::Read { .. } => Vec::new(),
        }
    }
}

/// The Python in use for `folder`: the one asked for, that of the active virtual or conda environment, of a `.venv`
/// in the folder or above it within the project or repository, else the first on the PATH.
pub fn choose(
    asked: Option<&Path>,
    folder: &Path,
    environment: &Environment,
) -> Result<Interpreter, InterpreterError> {
    let choice = Choice { folder, environment };
    if let Some(asked) = asked {
        return choice.asked(asked);
    }
    if let Some(active) = environment.path(&env_vars::VIRTUAL_ENV) {
        return choice.of_folder(&folder.join(active), ChosenBy::VirtualEnv);
    }
    // A conda environment may well be without Python.
    if let Some(active) = environment.path(&env_vars::CONDA_PREFIX)
        && python_in(&active).is_some()
    {
        return choice.of_folder(&folder.join(active), ChosenBy::CondaPrefix);
    }
    if let Some(found) = dot_venv(folder) {
        return choice.of_folder(&found, ChosenBy::DotVenv);
    }
    match ["python3", "python"].into_iter().find_map(|name| choice.on_path(name)) {
        Some(path) => choice.of_file(&path, ChosenBy::Path),
        None => Err(InterpreterError::None),
    }
}

struct Choice<'a> {
    folder: &'a Path,
    environment: &'a Environment,
}

impl Choice<'_> {
    fn asked(&self, asked: &Path) -> Result<Interpreter, InterpreterError> {
        let by = ChosenBy::Asked;
        // `../x/bin/python` would stand in every path that is shown.
        let path = plain(&self.folder.join(asked));
        if path.is_dir() {
            return self.of_folder(&path, by);
        }
        let name = asked.to_string_lossy();
        if name.contains('/') || path.is_file() {
            return self.of_file(&path, by);
        }
        let versioned = name.starts_with(|c: char| c.is_ascii_digit());
        let name = if versioned { format!("python{name}") } else { name.into_owned() };
        match self.on_path(&name) {
            Some(path) => self.of_file(&path, by),
            None => Err(InterpreterError::NotOnPath { name, by }),
        }
    }

    fn on_path(&self, name: &str) -> Option<PathBuf> {
        let path = self.environment.given("PATH")?;
        which::which_in(name, Some(path), self.folder).ok()
    }

    fn of_folder(&self, folder: &Path, by: ChosenBy) -> Result<Interpreter, InterpreterError> {
        if !folder.is_dir() {
            return Err(InterpreterError::Missing { path: folder.to_owned(), by });
        }
        let Some(python) = python_in(folder) else {
            return Err(InterpreterError::NoEnvironment { folder: folder.to_owned(), by });
        };
        self.of_file(&python, by)
    }

    fn of_file(&self, path: &Path, by: ChosenBy) -> Result<Interpreter, InterpreterError> {
        let (executable, machine) = match head(path, by)? {
            Head::Binary(machine) => (path.to_owned(), machine),
            Head::Script => {
                let real = shim::real(path, self.folder, self.environment, SHIM_LIMIT)
                    .map_err(|said| InterpreterError::Shim { path: path.to_owned(), said })?;
                match head(&real, by)? {
                    Head::Binary(machine) => (real, machine),
                    Head::Script => return Err(InterpreterError::Kind { path: real }),
                }
            }
        };
        let place = place(&executable)?;
        let search = search::search(&place, self.environment);
        let python_path = search::python_path(self.folder, self.environment);
        Ok(Interpreter {
            full_version: place.full_version(),
            stdlib: place.stdlib(),
            version: place.library.version,
            implementation: if place.library.kind == "pypy" { "pypy" } else { "cpython" },
            free_threaded: place.library.free_threaded,
            prefix: place.prefix,
            base_prefix: place.base_prefix,
            python_path,
            search,
            platform: if cfg!(target_os = "macos") { "darwin" } else { "linux" },
            machine,
            chosen_by: by,
            executable,
        })
    }
}

/// Without `.`, and without `..` where what is before it is no link, so that it is the same place.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !plain.is_symlink() => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// A `.venv` of the folder, or of one above up to the root of the project or repository.
fn dot_venv(folder: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| folder.join("scaf.toml").is_file() || folder.join(".git").exists();
    let root = folder.ancestors().find(is_root);
    let above =
        folder.ancestors().take_while(|above| root.map_or(*above == folder, |root| above.starts_with(root)));
    above.map(|above| above.join(".venv")).find(|found| python_in(found).is_some())
}

/// The Python of an environment; a link that leads nowhere counts, since it is to be told of.
fn python_in(folder: &Path) -> Option<PathBuf> {
    ["python", "python3", "pypy3", "pypy"]
        .into_iter()
        .map(|name| folder.join("bin").join(name))
        .find(|path| path.symlink_metadata().is_ok())
}

enum Head {
    /// For this machine.
    Binary(&'static str),
    Script,
}

fn head(path: &Path, by: ChosenBy) -> Result<Head, InterpreterError> {
    let failed = |source: io::Error| InterpreterError::Read { path: path.to_owned(), source };
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(match fs::read_link(path) {
                Ok(target) => InterpreterError::Gone {
                    folder: path.ancestors().nth(2).unwrap_or(path).to_owned(),
                    link: path.to_owned(),
                    target,
                },
                Err(_) => InterpreterError::Missing { path: path.to_owned(), by },
            });
        }
        Err(source) => return Err(failed(source)),
    };
    if !metadata.is_file() {
        return Err(InterpreterError::Kind { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(20).read_to_end(&mut bytes)).map_err(failed)?;
    match bytes.as_slice() {
        [b'#', b'!', ..] => Ok(Head::Script),
        // `e_machine` of an ELF file.
        [0x7f, b'E', b'L', b'F', ..] => Ok(Head::Binary(match bytes.get(18..20) {
            Some([0x3e, 0]) => "x86_64",
            Some([0xb7, 0]) => "aarch64",
            _ => own_machine(),
        })),
        // Mach-O, for one machine or for several.
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Ok(Head::Binary(own_machine())),
        _ => Err(InterpreterError::Kind { path: path.to_owned() }),
    }
}

fn own_machine() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", "aarch64") => "arm64",
        (_, machine) => machine,
    }
}

/// Where a Python is installed.
struct Place {
    prefix: PathBuf,
    base_prefix: PathBuf,
    library: LibraryFolder,
    /// Of a virtual environment.
    configuration: Option<PyvenvCfg>,
    /// The file behind all links.
    real: PathBuf,
}

/// As `getpath.py` of Python 3.11 finds it: by a `pyvenv.cfg` beside the file or above it, else from where its links
/// lead to, upwards.
fn place(executable: &Path) -> Result<Place, InterpreterError> {
    let real = fs::canonicalize(executable)
        .map_err(|source| InterpreterError::Read { path: executable.to_owned(), source })?;
    let folder = executable.parent().unwrap_or(executable);
    for prefix in [folder.parent(), Some(folder)].into_iter().flatten() {
        let file = prefix.join("pyvenv.cfg");
        let Some(configuration) = configuration(&file)? else { continue };
        let home = PathBuf::from(&configuration.home);
        let base = home.parent().unwrap_or(&home).to_owned();
        let told = configuration.version.as_deref().and_then(minor);
        let library = library_in(prefix, told)
            .or_else(|| named(executable))
            .or_else(|| library_in(&base, told))
            .ok_or_else(|| InterpreterError::Version { path: executable.to_owned() })?;
        // `home` may be a folder of links.
        let base_prefix =
            if has_library(&base, &library) { Some(base.clone()) } else { installation(&real, &library) };
        return Ok(Place {
            prefix: prefix.to_owned(),
            base_prefix: base_prefix.unwrap_or(base),
            library,
            configuration: Some(configuration),
            real,
        });
    }
    let library = named(executable)
        .or_else(|| library_in(real.ancestors().nth(2)?, None))
        .ok_or_else(|| InterpreterError::Version { path: executable.to_owned() })?;
    let prefix = installation(&real, &library)
        .ok_or_else(|| InterpreterError::Version { path: executable.to_owned() })?;
    Ok(Place { base_prefix: prefix.clone(), prefix, library, configuration: None, real })
}

fn configuration(file: &Path) -> Result<Option<PyvenvCfg>, InterpreterError> {
    let mut bytes = Vec::new();
    match fs::File::open(file).and_then(|file| file.take(CONFIGURATION_MAX).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(InterpreterError::Read { path: file.to_owned(), source }),
    }
    let wrong = |what: &str| InterpreterError::Configuration { file: file.to_owned(), what: what.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text"))?;
    pyvenv_cfg::read(&text)
        .map(Some)
        .ok_or_else(|| wrong("does not say where its Python is: it has no `home`"))
}

/// The version in the name of the file, or of a file that its links lead through.
fn named(executable: &Path) -> Option<LibraryFolder> {
    let mut path = executable.to_owned();
    // As many links as Linux follows.
    for _ in 0..40 {
        if let Some(found) = path.file_name().and_then(|name| library_folder::read(name.to_str()?)) {
            return Some(with_lock_or_without(&path, found));
        }
        let target = fs::read_link(&path).ok()?;
        path = path.parent()?.join(target);
    }
    None
}

/// `python3.13` may be a name of `python3.13t`.
fn with_lock_or_without(path: &Path, found: LibraryFolder) -> LibraryFolder {
    let free = LibraryFolder { free_threaded: true, ..found.clone() };
    let prefix = path.ancestors().nth(2).unwrap_or(path);
    if !has_library(prefix, &found) && has_library(prefix, &free) { free } else { found }
}

/// The library folder of a prefix: the one of this version, else the only one, else the newest.
fn library_in(prefix: &Path, version: Option<(u8, u8)>) -> Option<LibraryFolder> {
    let mut found: Vec<LibraryFolder> = Vec::new();
    for lib in LIBRARIES {
        let names = fs::read_dir(prefix.join(lib)).into_iter().flatten().flatten();
        found.extend(
            names
                .filter_map(|entry| library_folder::read(entry.file_name().to_str()?))
                .filter(|library| has_library(prefix, library) || has_site(prefix, library)),
        );
    }
    found.sort_by_key(|library| (Some(library.version) == version, library.version));
    found.pop()
}

/// `lib64` is a folder of its own on Fedora and its like.
const LIBRARIES: [&str; 2] = ["lib", "lib64"];

fn has_library(prefix: &Path, library: &LibraryFolder) -> bool {
    LIBRARIES.iter().any(|lib| prefix.join(lib).join(library.name()).join("os.py").is_file())
}

fn has_site(prefix: &Path, library: &LibraryFolder) -> bool {
    LIBRARIES.iter().any(|lib| prefix.join(lib).join(library.name()).join("site-packages").is_dir())
}

/// The prefix above the file that has the standard library.
fn installation(real: &Path, library: &LibraryFolder) -> Option<PathBuf> {
    real.ancestors().skip(1).find(|prefix| has_library(prefix, library)).map(Path::to_owned)
}

/// `(3, 11)` of `3.11.7`.
fn minor(version: &str) -> Option<(u8, u8)> {
    let mut parts = version.split('.');
    Some((parts.next()?.trim().parse().ok()?, parts.next()?.trim().parse().ok()?))
}

impl Place {
    fn stdlib(&self) -> Vec<PathBuf> {
        let (major, minor) = self.library.version;
        let name = self.library.name();
        let mut folders = vec![self.base_prefix.join(format!("lib/python{major}{minor}.zip"))];
        folders.extend(LIBRARIES.map(|lib| self.base_prefix.join(lib).join(&name)));
        folders.extend(LIBRARIES.map(|lib| self.base_prefix.join(lib).join(&name).join("lib-dynload")));
        let is_link =
            |lib: &str| self.base_prefix.join(lib).symlink_metadata().is_ok_and(|lib| lib.is_symlink());
        if is_link("lib64") {
            folders.retain(|folder| !folder.starts_with(self.base_prefix.join("lib64")));
        }
        folders.retain(|folder| folder.exists());
        folders
    }

    /// From the headers of the installation, which say what runs now; else from what made the environment.
    fn full_version(&self) -> Option<String> {
        let named = |text: &str| {
            let at = text.find("PY_VERSION ")?;
            let quoted = text[at..].split('"').nth(1)?;
            Some(quoted.trim_end_matches('+').to_owned())
        };
        let header = self.base_prefix.join("include").join(self.library.name()).join("patchlevel.h");
        if self.library.kind == "python"
            && let Ok(file) = fs::File::open(header)
        {
            let mut bytes = Vec::new();
            let _ = file.take(CONFIGURATION_MAX).read_to_end(&mut bytes);
            if let Some(version) = named(&String::from_utf8_lossy(&bytes)) {
                return Some(version);
            }
        }
        let said = self.configuration.as_ref().and_then(|configuration| configuration.version.as_deref());
        said.and_then(whole_version).filter(|version| minor(version) == Some(self.library.version)).or_else(
            || {
                self.conda_version().or_else(|| {
                    // `~/.pyenv/versions/3.11.7`, `cpython-3.11.7-linux-x86_64-gnu`.
                    let folder = self.real.ancestors().nth(2)?.file_name()?.to_str()?;
                    folder
                        .split('-')
                        .find_map(whole_version)
                        .filter(|version| minor(version) == Some(self.library.version))
                })
            },
        )
    }

    fn conda_version(&self) -> Option<String> {
        let entries = fs::read_dir(self.base_prefix.join("conda-meta")).ok()?;
        entries.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            whole_version(name.strip_prefix("python-")?.split('-').next()?)
        })
    }
}

/// `3.11.7` of `3.11.7` and `3.11.7.final.0`.
fn whole_version(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.trim().split('.').take(3).collect();
    let whole = parts.len() == 3 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    whole.then(|| parts.join("."))
}

#[cfg(test)]
mod tests;
