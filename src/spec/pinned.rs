//! What an experiment's `environment/` pins: its requirement files, its lock, and what its Dockerfile has beside them.

use std::collections::{BTreeMap, BTreeSet};

use super::closure::holds_on;
use super::dockerfile::contents::{self, Contents};
use super::lock_target::LockTarget;
use super::requirements_lock::{self, Input, RequirementsLock};
use crate::project::layout::ENVIRONMENT;
use crate::project::python::import_names;
use crate::project::python::requirements::{File, logical_lines, normalised};
use crate::project::python::requires_dist::{self, Demand};

pub const DOCKERFILE: &str = "Dockerfile";
pub const REQUIREMENTS: &str = "requirements.txt";
pub const LOCK: &str = "requirements.lock";

/// What makes a line scaf's own.
const WHY: &str = "# why:";

#[derive(Clone, Debug, Default)]
pub struct Pinned {
    /// Its text.
    pub dockerfile: Option<String>,
    /// `requirements.txt` with those that it names; empty where there is none.
    pub files: Vec<File>,
    pub lock: Option<Lock>,
    /// What other files of the folder name that the Dockerfile installs from; normalised.
    pub elsewhere: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Lock {
    pub text: String,
    pub read: RequirementsLock,
}

impl Lock {
    pub fn of(text: String) -> Self {
        Self { read: requirements_lock::read(&text), text }
    }
}

/// A line that asks for a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Normalised.
    pub name: String,
    /// As written.
    pub text: String,
    /// `>=1,<2`, `==1.0`; empty for any version and for an address.
    pub versions: String,
    pub marker: Option<String>,
    /// From the experiment: `environment/requirements.txt`.
    pub file: String,
    pub line: usize,
    /// What stands behind `# why:` where scaf has written the line.
    pub why: Option<String>,
}

impl Asked {
    /// `environment/requirements.txt:3`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Of `==1.0`.
    pub fn exact(&self) -> Option<&str> {
        let version = self.versions.strip_prefix("===").or_else(|| self.versions.strip_prefix("=="))?.trim();
        (!version.is_empty() && !version.contains([',', '*', ' '])).then_some(version)
    }

    pub fn holds_on(&self, target: &LockTarget) -> bool {
        self.marker.as_deref().is_none_or(|marker| holds_on(marker, target) != Some(false))
    }
}

/// One exact version, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// As written.
    pub name: String,
    pub version: String,
    pub file: String,
    pub line: usize,
}

/// Whether an environment has a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provision {
    Has,
    Lacks,
    /// It may have it: what from, in a clause.
    Perhaps(String),
}

impl Pinned {
    /// What the requirement files ask for, line by line.
    pub fn asked(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        for file in self.files.iter().filter(|file| !file.constraint) {
            let written: Vec<&str> = file.text.lines().collect();
            for (line, text) in logical_lines(&file.text) {
                let plain = text.split(" --hash=").next().unwrap_or_default().trim();
                let last = written.get(line - 1).copied().unwrap_or_default();
                let why = last.split_once(WHY).map(|(_, why)| why.trim().to_owned());
                let shown = format!("{ENVIRONMENT}/{}", file.shown);
                if let Some(wheel) = super::pin::Pin::of_wheel_line(plain) {
                    let (name, text) = (wheel.normalised(), plain.to_owned());
                    let marker = plain.split_once(';').map(|(_, marker)| marker.trim().to_owned());
                    all.push(Asked { name, text, versions: String::new(), marker, file: shown, line, why });
                    continue;
                }
                let Ok(parts) = requires_dist::split(plain) else { continue };
                let versions = match parts.demand {
                    Demand::Versions(versions) => versions.to_owned(),
                    Demand::Any | Demand::Address(_) => String::new(),
                };
                all.push(Asked {
                    name: normalised(parts.name),
                    text: plain.to_owned(),
                    versions,
                    marker: parts.marker.map(str::to_owned),
                    file: shown,
                    line,
                    why,
                });
            }
        }
        all
    }

    /// The files that a lock is made of, as they are now.
    pub fn inputs(&self) -> Vec<Input> {
        self.files.iter().map(|file| Input::of(&file.shown, &file.text)).collect()
    }

    /// The exact versions that an image gets: those of the lock, or of the requirement files where there is none.
    pub fn exact(&self, target: &LockTarget) -> BTreeMap<String, Pin> {
        let Some(lock) = &self.lock else {
            let asked = self.asked().into_iter().filter(|asked| asked.holds_on(target));
            return asked
                .filter_map(|asked| {
                    let version = asked.exact()?.to_owned();
                    let name = requires_dist::split(&asked.text).ok()?.name.to_owned();
                    Some((asked.name, Pin { name, version, file: asked.file, line: asked.line }))
                })
                .collect();
        };
        let lines = requirements_lock::lines(&lock.text);
        let pin = |locked: &requirements_lock::Locked| {
            let super::pin::Source::Version(version) = &locked.pin.source else { return None };
            let name = locked.pin.normalised();
            let pin = Pin {
                name: locked.pin.name.clone(),
                version: version.clone(),
                file: lock_file(),
                line: lines.get(&name).copied().unwrap_or(1),
            };
            Some((name, pin))
        };
        lock.read.pins.iter().filter_map(pin).collect()
    }

    /// The versions of the wheels that the lock names beside it: code of some machine, which no index is asked for.
    pub fn packed(&self) -> BTreeMap<String, Pin> {
        let Some(lock) = &self.lock else { return BTreeMap::new() };
        let lines = requirements_lock::lines(&lock.text);
        let pin = |locked: &requirements_lock::Locked| {
            let super::pin::Source::Wheel { file: _, version } = &locked.pin.source else { return None };
            let name = locked.pin.normalised();
            let line = lines.get(&name).copied().unwrap_or(1);
            Some((name.clone(), Pin { name, version: version.clone(), file: lock_file(), line }))
        };
        lock.read.pins.iter().filter_map(pin).collect()
    }

    /// By what an image gets packages.
    pub fn provisions(&self) -> Provisions {
        let mut names: BTreeSet<String> = self.elsewhere.clone();
        let asked = self.asked();
        let unknown = asked.iter().find(|asked| !import_names::knows(&asked.name)).map(Asked::place);
        names.extend(asked.into_iter().map(|asked| asked.name));
        for file in &self.files {
            names.extend(file.read.names.iter().cloned());
        }
        if let Some(lock) = &self.lock {
            names.extend(lock.read.pins.iter().map(|locked| locked.pin.normalised()));
            names.extend(lock.read.head.apart.iter().map(|(name, _)| normalised(name)));
        }
        let Contents { names: own, more } = match &self.dockerfile {
            Some(text) => contents::contents(text),
            None => Contents::default(),
        };
        names.extend(own);
        let is_local = self.files.iter().flat_map(|file| &file.read.local).next();
        let more = more.or_else(|| is_local.map(|local| format!("`{}` may be what has it", local.text)));
        Provisions { names, more, unknown }
    }
}

/// `environment/requirements.lock`
pub fn lock_file() -> String {
    format!("{ENVIRONMENT}/{LOCK}")
}

/// What an image has, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisions {
    /// Normalised.
    pub names: BTreeSet<String>,
    /// Why there may be others.
    more: Option<String>,
    /// A line that asks for a distribution of which nobody knows which modules it brings.
    unknown: Option<String>,
}

impl Provisions {
    /// Whether a distribution is there, or one of those that would do as well. A name that is a guess may stand for one
    /// whose modules nobody knows.
    pub fn of<'a>(&self, names: impl IntoIterator<Item = &'a str>, is_guess: bool) -> Provision {
        if names.into_iter().any(|name| self.names.contains(name)) {
            return Provision::Has;
        }
        if let Some(more) = &self.more {
            return Provision::Perhaps(more.clone());
        }
        match &self.unknown {
            Some(place) if is_guess => Provision::Perhaps(format!("what {place} asks for may have it")),
            _ => Provision::Lacks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::requirements;
    use crate::spec::lock_target::{Platform, Sayings};

    fn pinned(requirements_txt: &str, lock: Option<&str>) -> Pinned {
        Pinned {
            dockerfile: Some(
                "FROM python:3.11-slim\nRUN pip install -r requirements.txt six==1\n".to_owned(),
            ),
            files: vec![File {
                shown: REQUIREMENTS.to_owned(),
                text: requirements_txt.to_owned(),
                constraint: false,
                read: requirements::read(requirements_txt),
            }],
            lock: lock.map(|text| Lock::of(text.to_owned())),
            elsewhere: BTreeSet::new(),
        }
    }

    fn target() -> LockTarget {
        LockTarget::choose(Platform::LinuxX86_64, &Sayings::default()).0
    }

    const TEXT: &str = "--extra-index-url https://h/s\nNumPy==1.26.4  # why: train.py:3\n\
                        scikit-learn>=1,<2 \\\n    --hash=sha256:00\nx @ https://h/x.whl\nwin==1; sys_platform == 'win32'\n";

    #[test]
    fn lines_that_ask() {
        let told: Vec<String> = pinned(TEXT, None)
            .asked()
            .iter()
            .map(|asked| format!("{} {} {:?} {:?}", asked.place(), asked.name, asked.exact(), asked.why))
            .collect();
        assert_eq!(
            told,
            [
                "environment/requirements.txt:2 numpy Some(\"1.26.4\") Some(\"train.py:3\")",
                "environment/requirements.txt:3 scikit-learn None None",
                "environment/requirements.txt:5 x None None",
                "environment/requirements.txt:6 win Some(\"1\") None",
            ]
        );
    }

    #[test]
    fn the_lock_is_what_counts_where_there_is_one() {
        let exact = |pinned: &Pinned| -> Vec<String> {
            let told = |pin: Pin| format!("{}=={} {}:{}", pin.name, pin.version, pin.file, pin.line);
            pinned.exact(&target()).into_values().map(told).collect()
        };
        assert_eq!(exact(&pinned(TEXT, None)), ["NumPy==1.26.4 environment/requirements.txt:2"]);
        let lock = "# head\n\nnumpy==1.26.0\nx @ https://h/x.whl\n";
        assert_eq!(exact(&pinned(TEXT, Some(lock))), ["numpy==1.26.0 environment/requirements.lock:3"]);
    }

    #[test]
    fn what_an_image_has() {
        let lock = "# for: x\n# apart: mine: of this machine\n\npandas==2\n";
        let all = pinned("numpy\n", Some(lock)).provisions();
        for name in ["numpy", "pandas", "mine", "six"] {
            assert_eq!(all.of([name], false), Provision::Has, "{name}");
        }
        assert_eq!(all.of(["opencv-python", "pandas"], false), Provision::Has);
        assert_eq!(all.of(["acme"], true), Provision::Lacks);
        // Nobody knows which modules `acme-core` brings, and everybody that it is no `torch`.
        let all = pinned("numpy\nacme-core==1\n", None).provisions();
        assert_eq!(
            all.of(["acme"], true),
            Provision::Perhaps("what environment/requirements.txt:2 asks for may have it".to_owned())
        );
        assert_eq!(all.of(["torch"], false), Provision::Lacks);
        let base = Pinned { dockerfile: Some("FROM pytorch/pytorch:2.4.0\n".to_owned()), ..pinned("", None) };
        assert!(matches!(base.provisions().of(["torch"], false), Provision::Perhaps(_)));
    }
}
