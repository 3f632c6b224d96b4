//! Which of several specifications is believed, and where the others say something else.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::MarkerEnvironment;

use super::kind::group_of;
use super::{Group, Kind, Pin, Source, Specification, marker};

/// A specification where it was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// As shown: relative to the project, or as it was named.
    pub file: String,
    pub place: Place,
    pub read: Specification,
}

/// How near to the experiment. What is its own is believed before what the whole project shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The experiment's `environment/`
    Environment,
    /// The experiment's folder.
    Experiment,
    /// The project's root.
    Project,
}

impl Place {
    /// `environment/` and the folder it is in are equally near.
    fn distance(self) -> usize {
        match self {
            Self::Environment | Self::Experiment => 0,
            Self::Project => 1,
        }
    }
}

/// Two files that cannot both be right about a package.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Contradiction {
    /// Normalised.
    pub name: String,
    /// What the file that is believed says.
    pub believed: Mention,
    pub other: Mention,
}

/// What a file says about a package, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mention {
    pub file: String,
    pub line: usize,
    /// `numpy==1.26.4`
    pub text: String,
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}`", self.file, self.line, self.text)
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.believed, self.other)
    }
}

/// The order in which files are believed.
pub fn sort(found: &mut [Found]) {
    found.sort_by(|a, b| rank(a).cmp(&rank(b)));
}

type Rank<'a> = (usize, Kind, bool, Place, bool, &'a str);

fn rank(found: &Found) -> Rank<'_> {
    let name = found.file.rsplit('/').next().unwrap_or(&found.file);
    // `requirements.txt` before `requirements-gpu.txt`, and what is for development last.
    let plain = name.split(['.', '-', '_']).count() <= 2;
    (found.place.distance(), found.read.kind, group_of(name).is_some(), found.place, !plain, &found.file)
}

/// The first that says which packages there are to be in any case. `found` is in order ([`sort`]).
pub fn believed(found: &[Found]) -> Option<&Found> {
    found.iter().find(|it| it.read.pins.iter().chain(&it.read.others).any(Pin::is_main))
}

/// Where the others cannot be right if the believed one is, on the machine that the environment is for. What is in one of
/// them alone contradicts nothing.
pub fn contradictions(
    believed: &Found,
    others: &[Found],
    environment: &MarkerEnvironment,
) -> Vec<Contradiction> {
    let mut own: HashMap<&str, Vec<&Pin>> = HashMap::new();
    for pin in counting(&believed.read, environment) {
        own.entry(&pin.normalised).or_default().push(pin);
    }
    let mut found = Vec::new();
    for other in others.iter().filter(|other| other.file != believed.file) {
        for pin in counting(&other.read, environment) {
            let Some(own) = own.get(pin.normalised.as_str()) else { continue };
            let same: Vec<&&Pin> = own.iter().filter(|own| same_purpose(own, pin)).collect();
            // Of several, e.g. for two versions of Python, one that fits is enough.
            if let Some(first) = same.first()
                && same.iter().all(|own| contradict(own, pin))
            {
                found.push(Contradiction {
                    name: pin.normalised.clone(),
                    believed: mention(&believed.file, first),
                    other: mention(&other.file, pin),
                });
            }
        }
    }
    found
}

fn counting<'a>(read: &'a Specification, environment: &MarkerEnvironment) -> impl Iterator<Item = &'a Pin> {
    read.pins
        .iter()
        .filter(|pin| !pin.normalised.is_empty() && marker::holds(pin.marker.as_deref(), environment))
}

/// A constraint counts for every purpose; tools for development may well be others elsewhere.
fn same_purpose(a: &Pin, b: &Pin) -> bool {
    let constrains = |pin: &Pin| pin.groups == [Group::Constraint];
    constrains(a)
        || constrains(b)
        || (a.is_main() && b.is_main())
        || a.groups.iter().any(|group| b.groups.contains(group))
}

fn mention(file: &str, pin: &Pin) -> Mention {
    let what = match (&pin.source, &pin.version) {
        (Source::Vcs { commit: Some(commit), .. }, _) => format!("{} @ {commit}", pin.name),
        (_, Some(version)) if pin.specifier.is_empty() => format!("{}=={version}", pin.name),
        _ => format!("{}{}", pin.name, pin.specifier),
    };
    Mention { file: pin.file.clone().unwrap_or_else(|| file.to_owned()), line: pin.line, text: what }
}

/// Whether no version can be what both say.
fn contradict(a: &Pin, b: &Pin) -> bool {
    if let (Source::Vcs { commit: Some(a), .. }, Source::Vcs { commit: Some(b), .. }) = (&a.source, &b.source)
    {
        return a != b;
    }
    match (&a.version, &b.version) {
        (Some(a), Some(b)) => !same_version(a, b),
        (Some(version), None) => !lets_in(&b.specifier, version),
        (None, Some(version)) => !lets_in(&a.specifier, version),
        // Two ranges may well have a version in common; none of them is a pin.
        (None, None) => false,
    }
}

/// PEP 440's equality, to which a local version (`+cu118`) that only one of the two names is no difference.
pub fn same_version(a: &str, b: &str) -> bool {
    match (Version::from_str(a), Version::from_str(b)) {
        (Ok(a), Ok(b)) if a.is_local() == b.is_local() => a == b,
        (Ok(a), Ok(b)) => a.without_local() == b.without_local(),
        _ => a == b,
    }
}

/// Whether a specifier has a place for a version; one that cannot be understood has.
pub fn lets_in(specifier: &str, version: &str) -> bool {
    match (VersionSpecifiers::from_str(specifier), Version::from_str(version)) {
        (Ok(specifiers), Ok(version)) => {
            specifiers.contains(&version) || specifiers.contains(&version.clone().without_local())
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use pep508_rs::MarkerEnvironmentBuilder;

    use super::*;
    use crate::project::python::specs::{Platform, read};

    fn environment() -> MarkerEnvironment {
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: "3.11.7",
            os_name: "posix",
            platform_machine: "x86_64",
            platform_python_implementation: "CPython",
            platform_release: "",
            platform_system: "Linux",
            platform_version: "",
            python_full_version: "3.11.7",
            python_version: "3.11",
            sys_platform: "linux",
        })
        .unwrap()
    }

    fn found(file: &str, place: Place, text: &str) -> Found {
        let kind = Kind::of(file.rsplit('/').next().unwrap()).unwrap();
        let mut read = read(kind, text, &Platform::default());
        if let Some(group) = group_of(file) {
            read.pins.iter_mut().for_each(|pin| pin.groups = vec![group.clone()]);
        }
        Found { file: file.to_owned(), place, read }
    }

    const UV: &str = "version = 1\n[[package]]\nname = \"numpy\"\nversion = \"1.26.4\"\n";

    #[test]
    fn the_nearest_first_then_by_kind() {
        let mut all = vec![
            found("pyproject.toml", Place::Project, "[project]\ndependencies = ['numpy']\n"),
            found("uv.lock", Place::Project, UV),
            found("src/a/requirements-dev.txt", Place::Experiment, "pytest\n"),
            found("src/a/requirements-gpu.txt", Place::Experiment, "torch\n"),
            found("src/a/requirements.txt", Place::Experiment, "numpy\n"),
            found("src/a/environment/requirements.txt", Place::Environment, "\n"),
            found("src/a/environment.yml", Place::Experiment, "dependencies: []\n"),
            found("src/a/environment/Pipfile", Place::Environment, "[packages]\nnumpy = '*'\n"),
        ];
        sort(&mut all);
        let order: Vec<_> = all.iter().map(|it| it.file.as_str()).collect();
        assert_eq!(
            order,
            [
                "src/a/environment.yml",
                "src/a/environment/requirements.txt",
                "src/a/requirements.txt",
                "src/a/requirements-gpu.txt",
                "src/a/requirements-dev.txt",
                "src/a/environment/Pipfile",
                "uv.lock",
                "pyproject.toml"
            ]
        );
        // Two that say nothing are passed over.
        assert_eq!(believed(&all).unwrap().file, "src/a/requirements.txt");
        assert_eq!(believed(&[found("requirements-dev.txt", Place::Project, "pytest\n")]), None);
    }

    #[test]
    fn contradictions_are_told_with_both_places() {
        let lock = found("uv.lock", Place::Project, UV);
        let said = |file: &str, text: &str| {
            let others = [lock.clone(), found(file, Place::Project, text)];
            contradictions(&lock, &others, &environment()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            said("requirements.txt", "six\nNumPy==2.0\n"),
            ["uv.lock:3: `numpy==1.26.4`\nrequirements.txt:2: `NumPy==2.0`"]
        );
        assert_eq!(
            said("pyproject.toml", "[project]\ndependencies = [\n  'numpy>=2',\n]\n"),
            ["uv.lock:3: `numpy==1.26.4`\npyproject.toml:3: `numpy>=2`"]
        );
        assert_eq!(said("environment.yml", "dependencies:\n  - numpy=1.25\n").len(), 1);
        for (file, text) in [
            ("requirements.txt", "numpy==1.26.4\n"),
            ("requirements.txt", "numpy==1.26.4.0\n"),
            ("requirements.txt", "numpy>=1.20\nscipy==1\n"),
            ("requirements.txt", "numpy==2 ; sys_platform == 'win32'\n"),
            ("requirements.txt", "numpy @ git+https://h/numpy\n"),
            ("requirements-dev.txt", "numpy==2\n"),
            ("environment.yml", "dependencies:\n  - numpy=1.26\n"),
            ("pyproject.toml", "[dependency-groups]\ntest = ['numpy==2']\n"),
        ] {
            assert_eq!(said(file, text), [""; 0], "{file}: {text}");
        }
    }

    #[test]
    fn versions_are_compared_as_python_does() {
        assert!(same_version("2.1.0", "2.1.0+cu118") && same_version("2023.03.1", "2023.3.1"));
        assert!(!same_version("2.1.0+cpu", "2.1.0+cu118") && !same_version("1.0", "1.0.1"));
        assert!(lets_in("==2.1.0", "2.1.0+cu118") && lets_in("", "1") && lets_in("odd", "1"));
        assert!(!lets_in("<2", "2.1.0+cu118"));
        let commit = |c: &str| {
            let text = format!("x @ git+https://h/x@{}\n", c.repeat(40));
            found("requirements.txt", Place::Project, &text)
        };
        let other = Found { file: "b.txt".into(), ..commit("b") };
        assert_eq!(contradictions(&commit("a"), &[other], &environment()).len(), 1);
        let same = Found { file: "b.txt".into(), ..commit("a") };
        assert_eq!(contradictions(&commit("a"), &[same], &environment()), []);
    }
}
