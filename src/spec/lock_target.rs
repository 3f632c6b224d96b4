//! The machine that an environment is locked for: not the one that it is locked on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use super::dockerfile::python::of_image;
use super::dockerfile::{Base, Dockerfile, Reference};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockTarget {
    pub platform: Platform,
    pub python: PythonVersion,
    pub implementation: Implementation,
    pub libc: Libc,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    #[default]
    LinuxX86_64,
    LinuxAarch64,
}

impl Platform {
    pub const ALL: [Self; 2] = [Self::LinuxX86_64, Self::LinuxAarch64];

    pub fn machine(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "x86_64",
            Self::LinuxAarch64 => "aarch64",
        }
    }

    /// `linux-x86_64`
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "linux-x86_64",
            Self::LinuxAarch64 => "linux-aarch64",
        }
    }
}

impl FromStr for Platform {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Docker's words for them are understood, too.
        match text.to_ascii_lowercase().replace('/', "-").as_str() {
            "linux-x86_64" | "linux-amd64" | "x86_64" => Ok(Self::LinuxX86_64),
            "linux-aarch64" | "linux-arm64" | "aarch64" => Ok(Self::LinuxAarch64),
            _ => Err(()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Implementation {
    #[default]
    CPython,
    PyPy,
}

impl Implementation {
    /// As `platform.python_implementation()` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CPython => "CPython",
            Self::PyPy => "PyPy",
        }
    }
}

/// The C library, which says which binary wheels can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// The minor version: 36 of 2.36.
    Glibc(u8),
    Musl,
}

/// That of a base image which says nothing: RHEL 8 and Debian 10 have it, and whatever is newer.
const USUAL_GLIBC: u8 = 28;
/// What uv (0.13) has words for, besides 2.17 and 2.28.
const GLIBC_OF_UV: std::ops::RangeInclusive<u8> = 31..=40;

/// A word of an image's tag, and the glibc of the distribution that it stands for.
const DISTRIBUTIONS: [(&str, u8); 14] = [
    ("trixie", 41),
    ("bookworm", 36),
    ("bullseye", 31),
    ("buster", 28),
    ("noble", 39),
    ("jammy", 35),
    ("focal", 31),
    ("ubuntu24.04", 39),
    ("ubuntu22.04", 35),
    ("ubuntu20.04", 31),
    ("ubi9", 34),
    ("ubi8", 28),
    ("rockylinux9", 34),
    ("rockylinux8", 28),
];

impl Libc {
    /// As far as the name of the base image tells.
    fn of_image(image: &str) -> Self {
        let lower = image.to_ascii_lowercase();
        if lower.contains("alpine") {
            return Self::Musl;
        }
        if let Some((_, minor)) = DISTRIBUTIONS.iter().find(|(word, _)| lower.contains(word)) {
            return Self::Glibc(*minor);
        }
        // The official image without a codename is Debian's stable: 12 or later since June 2023.
        Self::Glibc(if Reference::parse(image).last() == "python" { 36 } else { USUAL_GLIBC })
    }
}

/// A released version of Python: `3.11.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion {
    pub major: u8,
    pub minor: u8,
    pub patch: u8,
}

/// The last release of each minor version, as of the autumn of 2026: what an image that names the minor version alone
/// has, or a later one.
const LAST: [((u8, u8), u8); 8] = [
    ((3, 7), 17),
    ((3, 8), 20),
    ((3, 9), 25),
    ((3, 10), 19),
    ((3, 11), 14),
    ((3, 12), 12),
    ((3, 13), 9),
    ((3, 14), 0),
];

impl PythonVersion {
    /// `3.11.7`, `3.13.0rc1`, or `3.11`, whose last part is `patch` then.
    fn read(text: &str) -> Option<(u8, u8, Option<u8>)> {
        let mut parts = text.trim().splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let Some(rest) = parts.next() else { return Some((major, minor, None)) };
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some((major, minor, Some(rest[..end].parse().ok()?)))
    }

    fn with_last_patch(major: u8, minor: u8) -> Self {
        let patch =
            LAST.iter().find(|(version, _)| *version == (major, minor)).map_or(0, |(_, patch)| *patch);
        Self { major, minor, patch }
    }
}

impl FromStr for PythonVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor, patch) = Self::read(text).ok_or(())?;
        let last = Self::with_last_patch(major, minor);
        Ok(Self { patch: patch.unwrap_or(last.patch), ..last })
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Where the target's Python comes from, for who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PythonFrom {
    CommandLine,
    Dockerfile,
    Settings,
    Interpreter,
    /// Nobody says any.
    Default,
}

/// Who can say which Python it is for; the first that does is right.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sayings<'a> {
    /// `--python-version`.
    pub command_line: Option<&'a str>,
    /// The experiment's Dockerfile, its text.
    pub dockerfile: Option<&'a str>,
    /// `env.python`.
    pub settings: Option<&'a str>,
    /// The full version of the interpreter in use.
    pub interpreter: Option<&'a str>,
}

/// For a project that has neither a Dockerfile nor a Python.
const USUAL_PYTHON: (u8, u8) = (3, 11);

impl LockTarget {
    pub fn choose(platform: Platform, sayings: &Sayings<'_>) -> (Self, PythonFrom) {
        let Sayings { command_line, dockerfile, settings, interpreter } = *sayings;
        let image = dockerfile.and_then(base_image);
        let of_image = image.as_deref().and_then(|image| Some(exact(image, &of_image(image)?)));
        let candidates = [
            (command_line.map(str::to_owned), PythonFrom::CommandLine),
            (of_image, PythonFrom::Dockerfile),
            (settings.map(str::to_owned), PythonFrom::Settings),
            (interpreter.map(str::to_owned), PythonFrom::Interpreter),
        ];
        let said = candidates.into_iter().find_map(|(text, from)| Some((PythonVersion::read(&text?)?, from)));
        let (python, from) = match said {
            Some(((major, minor, Some(patch)), from)) => (PythonVersion { major, minor, patch }, from),
            Some(((major, minor, None), from)) => {
                let last = PythonVersion::with_last_patch(major, minor);
                // What was seen working with one patch release is locked for that one.
                let own: Option<PythonVersion> = interpreter.and_then(|text| text.parse().ok());
                (own.filter(|own| (own.major, own.minor) == (major, minor)).unwrap_or(last), from)
            }
            None => (PythonVersion::with_last_patch(USUAL_PYTHON.0, USUAL_PYTHON.1), PythonFrom::Default),
        };
        let libc = image.as_deref().map_or(Libc::Glibc(USUAL_GLIBC), Libc::of_image);
        let implementation = match image.as_deref().map(Reference::parse) {
            Some(reference) if reference.last() == "pypy" => Implementation::PyPy,
            _ => Implementation::CPython,
        };
        (Self { platform, python, implementation, libc }, from)
    }

    /// What the markers of PEP 508 are held against. Release and version of the target's kernel are not known.
    pub fn markers(&self) -> MarkerEnvironment {
        let Self { platform, python, implementation, libc: _ } = self;
        let full = python.to_string();
        let minor = format!("{}.{}", python.major, python.minor);
        let built = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: match implementation {
                Implementation::CPython => "cpython",
                Implementation::PyPy => "pypy",
            },
            implementation_version: &full,
            os_name: "posix",
            platform_machine: platform.machine(),
            platform_python_implementation: implementation.name(),
            platform_release: "",
            platform_system: "Linux",
            platform_version: "",
            python_full_version: &full,
            python_version: &minor,
            sys_platform: "linux",
        });
        match built {
            Ok(environment) => environment,
            Err(_) => unreachable!("three numbers with dots between them are a version"),
        }
    }

    /// Whether a `Requires-Python` allows it; `None` where that cannot be read.
    pub fn allowed_by(&self, requires_python: &str) -> Option<bool> {
        let specifiers: VersionSpecifiers = requires_python.trim().trim_end_matches(',').parse().ok()?;
        let PythonVersion { major, minor, patch } = self.python;
        Some(specifiers.contains(&Version::new([major, minor, patch].map(u64::from))))
    }

    /// What `--python-platform` of uv (0.5 and later) takes.
    pub fn uv_platform(&self) -> String {
        let machine = self.platform.machine();
        match self.libc {
            Libc::Musl => format!("{machine}-unknown-linux-musl"),
            Libc::Glibc(minor) if minor < *GLIBC_OF_UV.start() => format!("{machine}-unknown-linux-gnu"),
            Libc::Glibc(minor) => format!("{machine}-manylinux_2_{}", minor.min(*GLIBC_OF_UV.end())),
        }
    }

    /// What `--python-version` of uv takes.
    pub fn uv_python(&self) -> String {
        self.python.to_string()
    }
}

impl fmt::Display for LockTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { platform, python, implementation, libc } = self;
        write!(f, "{}, {} {python}", platform.name(), implementation.name())?;
        match libc {
            Libc::Glibc(minor) => write!(f, ", glibc 2.{minor}"),
            Libc::Musl => write!(f, ", musl"),
        }
    }
}

fn base_image(text: &str) -> Option<String> {
    match Dockerfile::read(text, &BTreeMap::new()).final_base()? {
        Base::Image(image) => Some(image.to_owned()),
        Base::Scratch | Base::Stage(_) | Base::Unknown(_) => None,
    }
}

/// `3.11.7` where the image's name says more than `3.11`.
fn exact(image: &str, minor: &str) -> String {
    let front = format!("{minor}.");
    let after = image.match_indices(&front).map(|(at, found)| &image[at + found.len()..]);
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let mut patches = after.map(digits);
    let patch = patches.find(|digits| !digits.is_empty());
    patch.map_or_else(|| minor.to_owned(), |patch| format!("{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dockerfile: &str) -> LockTarget {
        let sayings =
            Sayings { dockerfile: Some(dockerfile), interpreter: Some("3.11.7"), ..Sayings::default() };
        LockTarget::choose(Platform::default(), &sayings).0
    }

    #[test]
    fn the_base_image_says_which_python_and_which_libc() {
        for (from, wanted) in [
            ("python:3.11-slim", "linux-x86_64, CPython 3.11.7, glibc 2.36"),
            ("python:3.11.4-slim-bullseye", "linux-x86_64, CPython 3.11.4, glibc 2.31"),
            ("python:3.12-alpine", "linux-x86_64, CPython 3.12.12, musl"),
            ("ghcr.io/astral-sh/uv:python3.10-bookworm", "linux-x86_64, CPython 3.10.19, glibc 2.36"),
            ("pypy:3.10", "linux-x86_64, PyPy 3.11.7, glibc 2.28"),
            ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", "linux-x86_64, CPython 3.11.7, glibc 2.35"),
        ] {
            assert_eq!(of(&format!("FROM {from}\n")).to_string(), wanted, "{from}");
        }
    }

    #[test]
    fn the_first_that_says_a_python_is_right() {
        let all = Sayings {
            command_line: Some("3.9"),
            dockerfile: Some("FROM python:3.10\n"),
            settings: Some("3.12"),
            interpreter: Some("3.13.1"),
        };
        let chosen = |sayings: &Sayings<'_>| {
            let (target, from) = LockTarget::choose(Platform::default(), sayings);
            (target.python.to_string(), from)
        };
        assert_eq!(chosen(&all), ("3.9.25".to_owned(), PythonFrom::CommandLine));
        let all = Sayings { command_line: None, ..all };
        assert_eq!(chosen(&all), ("3.10.19".to_owned(), PythonFrom::Dockerfile));
        let all = Sayings { dockerfile: Some("FROM debian\n"), ..all };
        assert_eq!(chosen(&all), ("3.12.12".to_owned(), PythonFrom::Settings));
        let all = Sayings { settings: None, ..all };
        assert_eq!(chosen(&all), ("3.13.1".to_owned(), PythonFrom::Interpreter));
        let none = Sayings::default();
        assert_eq!(chosen(&none), ("3.11.14".to_owned(), PythonFrom::Default));
    }

    #[test]
    fn the_words_of_uv() {
        let words = |from: &str| of(&format!("FROM {from}\n")).uv_platform();
        assert_eq!(words("python:3.11"), "x86_64-manylinux_2_36");
        assert_eq!(words("python:3.11-trixie"), "x86_64-manylinux_2_40");
        assert_eq!(words("rockylinux8"), "x86_64-unknown-linux-gnu");
        assert_eq!(words("python:3.11-alpine"), "x86_64-unknown-linux-musl");
        let arm = LockTarget { platform: "linux/arm64".parse().unwrap(), ..of("FROM python:3.11\n") };
        assert_eq!(
            (arm.uv_platform().as_str(), arm.platform.name()),
            ("aarch64-manylinux_2_36", "linux-aarch64")
        );
    }

    #[test]
    fn a_python_that_a_package_does_not_allow() {
        let target = of("FROM python:3.11.4\n");
        assert_eq!(target.allowed_by(">=3.8,<4"), Some(true));
        assert_eq!(target.allowed_by(">=3.11.5"), Some(false));
        assert_eq!(target.allowed_by("!=3.0.*,>=3.8,"), Some(true));
        assert_eq!(target.allowed_by("three"), None);
    }
}
