//! What a project already says about its environment: lock files and lists of requirements of every common tool, read from
//! their text. Nothing here looks at a disk, and no text makes a reader fail: what it cannot make sense of is a [`Problem`]
//! with its line, and the rest is read.

pub mod conda_lock;
pub mod conda_names;
pub mod conda_spec;
pub mod environment_yml;
pub mod kind;
pub mod marker;
pub mod pip_command;
pub mod pipfile;
pub mod pixi_lock;
pub mod plain_yaml;
pub mod poetry_lock;
pub mod poetry_version;
pub mod precedence;
pub mod pylock;
pub mod pyproject;
pub mod requirement;
pub mod requirements_txt;
pub mod setup_cfg;
pub mod setup_py;
pub mod spanned_toml;
pub mod uv_lock;

pub use kind::Kind;
pub use requirement::Requirement;

use super::requirements::{Include, normalised};
use super::target::Target;

/// No specification is longer; what is, is not one that people or their tools wrote.
pub const LONGEST: usize = 32 * 1024 * 1024;

/// A message repeats words of the file, which may be of any length.
const LONGEST_MESSAGE: usize = 300;

/// One file's word on an environment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Specification {
    pub kind: Kind,
    /// The Python distributions that it names, by line.
    pub pins: Vec<Pin>,
    /// What a conda file names that is no Python distribution: `cudatoolkit`, `ffmpeg`. pip cannot install it.
    pub others: Vec<Pin>,
    /// Which Python, as a version specifier: `==3.11.*`, `>=3.10,<3.14`.
    pub python: Option<String>,
    /// conda channels, in order.
    pub channels: Vec<String>,
    /// Package indexes that it names, in order, without those that belong to one pin alone. They may hold credentials.
    pub indexes: Vec<Index>,
    /// Files that it stands on: `-r`, `-c`, setuptools' `file:`, a Dockerfile's `conda env create -f`.
    pub includes: Vec<Include>,
    pub problems: Vec<Problem>,
}

/// One package, as one file names it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pin {
    /// As written.
    pub name: String,
    /// The name on a Python index, normalised (PEP 503): `torch` for conda's `pytorch`.
    pub normalised: String,
    /// The exact version, where there is one.
    pub version: Option<String>,
    /// As PEP 440 writes it, also where the file has a notation of its own (`^1.2`, `=1.2`); empty where any will do.
    pub specifier: String,
    pub marker: Option<String>,
    pub extras: Vec<String>,
    pub source: Source,
    /// `sha256:…`
    pub hashes: Vec<String>,
    /// What it is for; empty means always.
    pub groups: Vec<Group>,
    /// What it needs itself, in PEP 508, where the file says so.
    pub requires: Option<Vec<String>>,
    /// 1-based.
    pub line: usize,
    /// The file of that line, where it is not the specification's own: one that is named by `-r` or `-c`.
    pub file: Option<String>,
}

/// What a pin is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Main,
    /// An extra of the project.
    Extra(String),
    /// A dependency group, pixi's environment or feature, `dev` of older tools, or the end of `requirements-dev.txt`.
    Named(String),
    /// Installed only if something else asks for it: `-c`, `tool.uv.constraint-dependencies`.
    Constraint,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A Python package index; which one, where the file says so for this package.
    Index {
        url: Option<String>,
    },
    Conda {
        channel: Option<String>,
        build: Option<String>,
    },
    Vcs {
        /// `git`, `hg`, `svn`, `bzr`
        system: String,
        url: String,
        /// Complete and exact.
        commit: Option<String>,
        /// A branch, a tag, a shortened commit.
        requested: Option<String>,
        subdirectory: Option<String>,
    },
    Url {
        url: String,
        subdirectory: Option<String>,
    },
    /// A folder or an archive of this machine, as written.
    Path {
        path: String,
        editable: bool,
    },
}

/// A package index that a file names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Index {
    pub url: String,
    pub use_for: IndexUse,
    pub line: usize,
}

/// What an index is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexUse {
    /// `--index-url`
    First,
    /// `--extra-index-url`
    Extra,
    /// `--find-links`
    Links,
    /// Only for the packages that name it.
    Named,
}

/// What a reader could not make sense of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// 1-based; 0 where it is about the whole file.
    pub line: usize,
    pub message: String,
}

/// The machine that the environment is for, as far as a file has parts for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// conda's name: `linux-64`.
    pub conda: String,
}

impl Default for Platform {
    fn default() -> Self {
        Self::of("linux", "x86_64")
    }
}

impl Platform {
    pub fn of_target(target: &Target) -> Self {
        Self::of(&target.sys_platform, &target.machine)
    }

    /// From `sys.platform` and `platform.machine()`.
    pub fn of(sys_platform: &str, machine: &str) -> Self {
        let system = match sys_platform {
            "darwin" => "osx",
            "win32" => "win",
            other => other,
        };
        let machine = match (system, machine) {
            (_, "x86_64" | "AMD64" | "amd64") => "64",
            ("osx" | "win", "aarch64") => "arm64",
            (_, "i386" | "i686" | "x86") => "32",
            (_, other) => other,
        };
        Self { conda: format!("{system}-{machine}") }
    }
}

impl Specification {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            pins: Vec::new(),
            others: Vec::new(),
            python: None,
            channels: Vec::new(),
            indexes: Vec::new(),
            includes: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub fn problem(&mut self, line: usize, message: impl Into<String>) {
        let message: String = message.into();
        let short =
            message.char_indices().nth(LONGEST_MESSAGE).map(|(end, _)| format!("{}…", &message[..end]));
        self.problems.push(Problem { line, message: short.unwrap_or(message) });
    }

    /// What pip would make of one requirement, as a pin of this file.
    pub fn take(&mut self, text: &str, line: usize, groups: &[Group]) {
        match requirement::parse(text) {
            Ok(requirement) => {
                let mut pin = requirement.into_pin(line);
                pin.groups = groups.to_vec();
                self.pins.push(pin);
            }
            Err(message) => self.problem(line, message),
        }
    }

    /// Everything in the order of the file.
    pub fn sorted(mut self) -> Self {
        self.pins.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        self.others.sort_by_key(|pin| pin.line);
        self.indexes.sort_by_key(|index| index.line);
        self.problems.sort_by_key(|problem| problem.line);
        self
    }

    /// Whether it says which packages there are to be.
    pub fn says(&self) -> bool {
        !self.pins.is_empty() || !self.others.is_empty()
    }
}

impl Pin {
    pub fn new(name: &str, line: usize) -> Self {
        Self {
            name: name.to_owned(),
            normalised: normalised(name),
            version: None,
            specifier: String::new(),
            marker: None,
            extras: Vec::new(),
            source: Source::Index { url: None },
            hashes: Vec::new(),
            groups: Vec::new(),
            requires: None,
            line,
            file: None,
        }
    }

    /// With an exact version.
    pub fn exact(name: &str, version: &str, line: usize) -> Self {
        let version = version.trim();
        let mut pin = Self::new(name, line);
        if !version.is_empty() {
            pin.specifier = format!("=={version}");
            pin.version = Some(version.to_owned());
        }
        pin
    }

    /// Part of the environment whatever else is chosen.
    pub fn is_main(&self) -> bool {
        self.groups.is_empty() || self.groups.contains(&Group::Main)
    }
}

/// `sha256:…` from a bare hexadecimal digest.
pub(crate) fn sha256(digest: &str) -> String {
    if digest.contains(':') { digest.to_owned() } else { format!("sha256:{digest}") }
}

/// `too long to be read`, where it is.
pub(crate) fn too_long(text: &str) -> Option<Problem> {
    (text.len() > LONGEST).then(|| Problem {
        line: 0,
        message: format!("{} bytes are more than any specification has", text.len()),
    })
}

/// A text read as what its kind says it is. `platform` matters to files with parts for several.
pub fn read(kind: Kind, text: &str, platform: &Platform) -> Specification {
    if let Some(problem) = too_long(text) {
        let mut specification = Specification::new(kind);
        specification.problems.push(problem);
        return specification;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match kind {
        Kind::PixiLock => pixi_lock::read(text, platform),
        Kind::UvLock => uv_lock::read(text),
        Kind::PoetryLock => poetry_lock::read(text),
        Kind::PipfileLock => pipfile::read_lock(text),
        Kind::PylockToml => pylock::read(text),
        Kind::CondaLock => conda_lock::read(text, platform),
        Kind::EnvironmentYml => environment_yml::read(text),
        Kind::Requirements => requirements_txt::read(text),
        Kind::PyProject => pyproject::read(text, platform),
        Kind::PixiToml => pyproject::read_pixi(text, platform),
        Kind::Pipfile => pipfile::read(text),
        Kind::SetupCfg => setup_cfg::read(text),
        Kind::SetupPy => setup_py::read(text),
        // A Dockerfile is `spec::dockerfile`'s to read.
        Kind::Dockerfile => Specification::new(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_conda_s_names() {
        for ((system, machine), name) in [
            (("linux", "x86_64"), "linux-64"),
            (("linux", "aarch64"), "linux-aarch64"),
            (("darwin", "arm64"), "osx-arm64"),
            (("darwin", "x86_64"), "osx-64"),
            (("win32", "AMD64"), "win-64"),
            (("linux", "ppc64le"), "linux-ppc64le"),
        ] {
            assert_eq!(Platform::of(system, machine).conda, name);
        }
        assert_eq!(Platform::default(), Platform::of_target(&Target::default()));
    }

    #[test]
    fn what_is_too_long_is_not_read() {
        let text = " ".repeat(LONGEST + 1);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Dockerfile) {
            let read = read(kind, &text, &Platform::default());
            assert!(!read.says() && read.problems.len() == 1, "{kind:?}");
        }
    }
}
