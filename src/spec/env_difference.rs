//! What is different between two environments, by what their files pin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::dockerfile::{Base, Dockerfile, python_version};
use super::pin::{Pin, Source};
use super::pinned::{Asked, LOCK, Pinned, REQUIREMENTS};
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::{self, normalised};
use crate::project::python::requires_dist::{self, Demand};
use crate::project::python::version;

/// An environment as far as it can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `python:3.11-slim`; `None` where it is not known.
    pub base: Option<String>,
    /// `3.11`
    pub python: Option<String>,
    /// `linux-x86_64, CPython 3.11.7, glibc 2.36`: what the lock is for.
    pub target: Option<String>,
    /// Where packages come from beside the usual index.
    pub indexes: BTreeSet<String>,
    /// By normalised name.
    pub packages: BTreeMap<String, Package>,
    /// The file that the packages are of; `None` where there is neither.
    pub file: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// As written.
    pub name: String,
    pub version: Option<String>,
    pub origin: Origin,
    pub hashes: BTreeSet<String>,
}

/// Where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Index,
    Address(String),
    /// A file or folder beside the requirements.
    Local(String),
    /// It is needed, and these files do not install it.
    Apart(String),
    /// From an index, and which version is left open: the requirement.
    Open(String),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name: _, version, origin, hashes: _ } = self;
        match (origin, version) {
            (Origin::Index, Some(version)) => f.write_str(version),
            (Origin::Index, None) => f.write_str("of an index"),
            (Origin::Address(address), _) => f.write_str(address),
            (Origin::Local(path), _) => write!(f, "{path} (local)"),
            (Origin::Apart(why), _) => write!(f, "apart ({why})"),
            (Origin::Open(requirement), _) => write!(f, "{requirement} (not pinned)"),
        }
    }
}

impl Environment {
    pub fn of(pinned: &Pinned) -> Self {
        let mut environment = Self::default();
        if let Some(text) = &pinned.dockerfile {
            environment.base = match Dockerfile::read(text, &BTreeMap::new()).final_base() {
                Some(Base::Image(image) | Base::Unknown(image)) => Some(image.clone()),
                Some(Base::Scratch) => Some("scratch".to_owned()),
                Some(Base::Stage(_)) | None => None,
            };
            environment.python = python_version(text);
        }
        if let Some(lock) = &pinned.lock {
            environment.file = Some(LOCK);
            environment.take_lock(&lock.read);
            environment.take_local(&lock.text);
            return environment;
        }
        environment.file = (!pinned.files.is_empty()).then_some(REQUIREMENTS);
        for file in &pinned.files {
            environment.indexes.extend(indexes(IndexOption::all(&file.text).iter()));
            environment.take_local(&file.text);
        }
        for asked in pinned.asked() {
            environment.take_asked(asked);
        }
        environment
    }

    fn take_lock(&mut self, lock: &super::requirements_lock::RequirementsLock) {
        self.target = Some(lock.head.target.clone()).filter(|target| !target.is_empty());
        // `linux-x86_64, CPython 3.11.7, glibc 2.36`
        let of_lock = lock.head.target.split(", ").nth(1).and_then(|words| words.split(' ').nth(1));
        let minor = of_lock.map(|full| full.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
        self.python = self.python.take().or(minor);
        self.indexes.extend(indexes(lock.options.iter()));
        for (name, why) in &lock.head.apart {
            let package = Package {
                name: name.clone(),
                version: None,
                origin: Origin::Apart(why.clone()),
                hashes: BTreeSet::new(),
            };
            self.packages.insert(normalised(name), package);
        }
        for locked in &lock.pins {
            let (version, origin) = match &locked.pin.source {
                Source::Version(version) => (Some(version.clone()), Origin::Index),
                Source::Address(address) => (None, Origin::Address(address.clone())),
                Source::Wheel { file, version } => {
                    (Some(version.clone()), Origin::Local(format!("./{file}")))
                }
            };
            let hashes = locked.hashes.iter().cloned().collect();
            let package = Package { name: locked.pin.name.clone(), version, origin, hashes };
            self.packages.insert(locked.pin.normalised(), package);
        }
    }

    /// Lines that name a file or folder of this machine.
    fn take_local(&mut self, text: &str) {
        let read = requirements::read(text);
        for wheel in read.wheels {
            let Some(Pin { name, source: Source::Wheel { file, version }, .. }) = Pin::wheel(&wheel.file)
            else {
                continue;
            };
            let (version, origin) = (Some(version), Origin::Local(format!("./{file}")));
            let package = Package { name: name.clone(), version, origin, hashes: BTreeSet::new() };
            self.packages.entry(name).or_insert(package);
        }
        for local in read.local {
            let plain = local.text.split([' ', ';']).next().unwrap_or_default();
            let path = if local.text.starts_with('-') { local.text.as_str() } else { plain };
            let file = path.rsplit('/').next().unwrap_or(path);
            let mut parts = file.split('-');
            let wheel = file.ends_with(".whl").then(|| Some((parts.next()?, parts.next()?))).flatten();
            let (name, version) =
                wheel.map_or((path, None), |(name, version)| (name, Some(version.to_owned())));
            let package = Package {
                name: name.to_owned(),
                version,
                origin: Origin::Local(path.to_owned()),
                hashes: BTreeSet::new(),
            };
            self.packages.entry(normalised(name)).or_insert(package);
        }
    }

    fn take_asked(&mut self, asked: Asked) {
        let Ok(parts) = requires_dist::split(&asked.text) else { return };
        let (version, origin) = match (asked.exact(), parts.demand) {
            (Some(version), _) => (Some(version.to_owned()), Origin::Index),
            (None, Demand::Address(address)) => (None, Origin::Address(address.to_owned())),
            (None, _) => (None, Origin::Open(asked.text.clone())),
        };
        let package = Package { name: parts.name.to_owned(), version, origin, hashes: BTreeSet::new() };
        self.packages.insert(asked.name, package);
    }
}

fn indexes<'a>(options: impl Iterator<Item = &'a IndexOption>) -> impl Iterator<Item = String> {
    options.map(|option| super::uv_failure::without_credentials(&option.to_string()))
}

/// One thing about the whole environment that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// `base image`, `python`, `target`, `index`
    pub what: &'static str,
    pub a: Option<String>,
    pub b: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added,
    Removed,
    /// The same origin, another version.
    Version,
    Origin,
    /// The same version, and other files of it.
    Files,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    pub package: String,
    pub change: Change,
    pub a: Option<String>,
    pub b: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub whole: Vec<Whole>,
    /// In the order of their names.
    pub packages: Vec<PackageChange>,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.packages.is_empty()
    }
}

/// From the first to the second. What is not known of one of them is no difference.
pub fn between(a: &Environment, b: &Environment) -> Differences {
    let mut whole = Vec::new();
    let pairs = [
        ("base image", &a.base, &b.base),
        ("python", &a.python, &b.python),
        ("target", &a.target, &b.target),
    ];
    for (what, one, other) in pairs {
        if let (Some(one), Some(other)) = (one, other)
            && one != other
        {
            whole.push(Whole { what, a: Some(one.clone()), b: Some(other.clone()) });
        }
    }
    for index in a.indexes.difference(&b.indexes) {
        whole.push(Whole { what: "index", a: Some(index.clone()), b: None });
    }
    for index in b.indexes.difference(&a.indexes) {
        whole.push(Whole { what: "index", a: None, b: Some(index.clone()) });
    }
    let names: BTreeSet<&String> = a.packages.keys().chain(b.packages.keys()).collect();
    let packages = names
        .into_iter()
        .filter_map(|name| {
            let (one, other) = (a.packages.get(name), b.packages.get(name));
            let change = change(one, other)?;
            let package = one.or(other).map_or(name, |package| &package.name).clone();
            let told = |package: Option<&Package>| package.map(ToString::to_string);
            Some(PackageChange { package, change, a: told(one), b: told(other) })
        })
        .collect();
    Differences { whole, packages }
}

fn change(a: Option<&Package>, b: Option<&Package>) -> Option<Change> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some(if a.is_none() { Change::Added } else { Change::Removed });
    };
    match (&a.origin, &b.origin) {
        (Origin::Index, Origin::Index) => match (&a.version, &b.version) {
            (Some(one), Some(other)) if !version::same(one, other) => Some(Change::Version),
            _ if !a.hashes.is_empty() && !b.hashes.is_empty() && a.hashes != b.hashes => Some(Change::Files),
            _ => None,
        },
        (Origin::Open(_) | Origin::Index, Origin::Open(_) | Origin::Index) => {
            (a.origin != b.origin).then_some(Change::Version)
        }
        (Origin::Local(_), Origin::Local(_)) if a.version != b.version => Some(Change::Version),
        (one, other) => (one != other).then_some(Change::Origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::requirements::File;
    use crate::spec::pinned::Lock;

    fn environment(dockerfile: &str, requirements_txt: &str, lock: Option<&str>) -> Environment {
        Environment::of(&Pinned {
            dockerfile: Some(dockerfile.to_owned()),
            files: vec![File {
                shown: REQUIREMENTS.to_owned(),
                text: requirements_txt.to_owned(),
                constraint: false,
                read: requirements::read(requirements_txt),
            }],
            lock: lock.map(|text| Lock::of(text.to_owned())),
            elsewhere: BTreeSet::new(),
        })
    }

    fn told(a: &Environment, b: &Environment) -> Vec<String> {
        let Differences { whole, packages } = between(a, b);
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let whole = whole.into_iter().map(|it| format!("{}: {} | {}", it.what, or(it.a), or(it.b)));
        let packages = packages
            .into_iter()
            .map(|it| format!("{:?} {}: {} | {}", it.change, it.package, or(it.a), or(it.b)));
        whole.chain(packages).collect()
    }

    #[test]
    fn every_kind_of_difference_between_locks() {
        let one = "# for: linux-x86_64, CPython 3.11.7, glibc 2.36\n# apart: mine: of this machine\n\nA_b==1.0\nc==1 \\\n    --hash=sha256:00\nd==1\ngone==1\n./wheels/w-1.0-py3-none-any.whl\nsame==1.0\n";
        let two = "# for: linux-x86_64, CPython 3.12.1, glibc 2.36\n\n--extra-index-url https://me:secret@h/s\na-b==2\nc==1 \\\n    --hash=sha256:11\nd @ git+https://h/d@0a\nmine==1\nnew==1\n./wheels/w-1.1-py3-none-any.whl\nsame==1.0.0\n";
        let (one, two) = (
            environment("FROM python:3.11-slim\n", "", Some(one)),
            environment("FROM python:3.12-slim\n", "", Some(two)),
        );
        assert_eq!(
            told(&one, &two),
            [
                "base image: python:3.11-slim | python:3.12-slim",
                "python: 3.11 | 3.12",
                "target: linux-x86_64, CPython 3.11.7, glibc 2.36 | linux-x86_64, CPython 3.12.1, glibc 2.36",
                "index: - | --extra-index-url https://h/s",
                "Version A_b: 1.0 | 2",
                "Files c: 1 | 1",
                "Origin d: 1 | git+https://h/d@0a",
                "Removed gone: 1 | -",
                "Origin mine: apart (of this machine) | 1",
                "Added new: - | 1",
                "Version w: ./wheels/w-1.0-py3-none-any.whl (local) | ./wheels/w-1.1-py3-none-any.whl (local)",
            ]
        );
        assert!(between(&one, &one).is_empty());
    }

    #[test]
    fn without_a_lock_the_requirements_are_compared() {
        let one = environment("FROM python:3.11\n", "a==1\nb>=1\nx @ https://h/x.whl\n-e ./lib\n", None);
        let two = environment("FROM python:3.11\n", "a==1\nb==2\nx==3\n", None);
        assert_eq!((one.file, two.target.as_deref()), (Some("requirements.txt"), None));
        assert_eq!(
            told(&one, &two),
            [
                "Removed -e ./lib: -e ./lib (local) | -",
                "Version b: b>=1 (not pinned) | 2",
                "Origin x: https://h/x.whl | 3",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_no_difference() {
        let one = environment("FROM corp/base\n", "a==1\n", None);
        let two = Environment { base: None, ..environment("FROM python:3.11\n", "a==1\n", None) };
        assert!(between(&one, &two).is_empty());
    }
}
