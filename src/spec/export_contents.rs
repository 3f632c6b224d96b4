//! What of an experiment's `environment/` is told to other tools: its lock, or where there is none what its requirements
//! say. Pure.

use std::collections::BTreeMap;

use super::dockerfile::contents;
use super::dockerfile::python::of_image;
use super::dockerfile::{Base, Dockerfile};
use super::export::{Environment, Package};
use super::lock_target::Platform;
use super::pinned::{Asked, Pinned};
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist;
use crate::project::python::specs::{self, Group, Index, IndexUse, Kind, Pin, Source, Specification};

/// What is there.
pub struct Facts<'a> {
    /// As the experiment is called.
    pub name: &'a str,
    pub pinned: &'a Pinned,
    /// What `requirements.txt` says, with the files that it names.
    pub requirements: Option<&'a Specification>,
    /// Of the settings, where the Dockerfile does not say it.
    pub python: Option<&'a str>,
    /// The environment's folder as whoever reads the export gets there: `src/digits/environment`; may be empty.
    pub folder: &'a str,
}

#[derive(Clone, Debug)]
pub struct Contents {
    pub environment: Environment,
    pub is_locked: bool,
    /// What belongs to the environment and is in no list that is exported.
    pub besides: Vec<String>,
}

/// `None` where nothing says anything.
pub fn contents(facts: &Facts<'_>) -> Option<Contents> {
    let Facts { name, pinned, requirements, python, folder } = facts;
    let lock = pinned.lock.as_ref();
    let platform = specs::Platform::default();
    let of_lock = lock.map(|lock| specs::read(Kind::Requirements, &lock.text, &platform));
    let read = of_lock.as_ref().or(*requirements)?;
    let asked: BTreeMap<String, Asked> =
        pinned.asked().into_iter().map(|asked| (asked.name.clone(), asked)).collect();
    let own_indexes = |url: &String| read.indexes.iter().any(|index| index.url == *url);
    let mut packages: Vec<Package> = Vec::new();
    let mut of_this_machine = Vec::new();
    for pin in read.pins.iter().filter(|pin| pin.groups != [Group::Constraint]) {
        let mut pin = placed(pin.clone(), folder);
        let by = asked.get(&pin.normalised);
        if let Some(parts) = by.and_then(|by| requires_dist::split(&by.text).ok()) {
            for extra in parts.extras {
                if !pin.extras.iter().any(|have| have == extra) {
                    pin.extras.push(extra.to_owned());
                }
            }
        }
        if let Some(url) = index_of_build(&pin, &read.indexes).filter(own_indexes) {
            pin.source = Source::Index { url: Some(url) };
        }
        let is_asked = |of: &super::requirements_lock::Locked| {
            of.pin.normalised() == pin.normalised && of.via.iter().any(|via| via.ends_with(".txt"))
        };
        let direct = by.is_some() || lock.is_none_or(|lock| lock.read.pins.iter().any(is_asked));
        if let Source::Path { path, .. } = &pin.source
            && path.starts_with(['/', '~'])
        {
            of_this_machine.push(format!("`{path}` is a path of this machine, and no other has it"));
        }
        packages.push(Package { direct, why: by.and_then(|by| by.why.clone()), pin });
    }
    let target = lock.map(|lock| lock.read.head.target.as_str()).unwrap_or_default();
    let mut besides: Vec<String> = lock
        .iter()
        .flat_map(|lock| &lock.read.head.apart)
        .map(|(name, why)| format!("`{name}`: {why}"))
        .collect();
    besides.extend(of_this_machine);
    besides.extend(of_dockerfile(pinned.dockerfile.as_deref(), &packages));
    let indexes = read.indexes.iter().map(|index| {
        let url = match index.use_for {
            IndexUse::Links => beside(&index.url, folder),
            IndexUse::First | IndexUse::Extra | IndexUse::Named => index.url.clone(),
        };
        Index { url, ..index.clone() }
    });
    let environment = Environment {
        name: (*name).to_owned(),
        python: python_of(pinned.dockerfile.as_deref(), target, *python),
        platform: target.split(',').next().and_then(|word| word.parse::<Platform>().ok()),
        indexes: indexes.collect(),
        channels: Vec::new(),
        packages,
    };
    Some(Contents { environment, is_locked: lock.is_some(), besides })
}

/// What lies beside the requirements lies elsewhere for who reads the export.
fn placed(mut pin: Pin, folder: &str) -> Pin {
    if let Source::Path { path, .. } = &mut pin.source {
        if pin.name.is_empty() {
            let file = path.rsplit('/').next().unwrap_or_default();
            // `mylib-0.1-py3-none-any.whl`
            if let Some((name, _)) = file.strip_suffix(".whl").and_then(|stem| stem.split_once('-')) {
                pin.name = name.to_owned();
                pin.normalised = normalised(name);
            }
        }
        *path = beside(path, folder);
    }
    pin
}

fn beside(path: &str, folder: &str) -> String {
    let plain = path.trim_start_matches("./");
    if path.starts_with(['/', '~']) || path.contains("://") || folder.is_empty() {
        return path.to_owned();
    }
    format!("{folder}/{plain}")
}

/// PyTorch's indexes are called like the builds that they have: `…/whl/cu118` for `2.1.0+cu118`.
fn index_of_build(pin: &Pin, indexes: &[Index]) -> Option<String> {
    let (_, label) = pin.version.as_ref()?.split_once('+')?;
    let is_of = |index: &&Index| index.url.trim_end_matches('/').rsplit('/').next() == Some(label);
    matches!(pin.source, Source::Index { url: None }).then_some(())?;
    indexes.iter().find(is_of).map(|index| index.url.clone())
}

/// What the image installs besides its lists.
fn of_dockerfile(text: Option<&str>, packages: &[Package]) -> Vec<String> {
    let Some(text) = text else { return Vec::new() };
    let contents::Contents { names, more } = contents::contents(text);
    let is_known = |name: &String| packages.iter().any(|package| package.pin.normalised == **name);
    let mut besides: Vec<String> = names
        .iter()
        .filter(|name| !is_known(name))
        .map(|name| format!("`{name}`, which the Dockerfile installs"))
        .collect();
    besides.extend(more);
    if text.lines().any(|line| line.trim_start().starts_with("RUN ") && line.contains("apt-get install")) {
        besides.push("what the Dockerfile installs of the system's packages".to_owned());
    }
    besides
}

/// As exact as the image is: a base that names the minor version alone gets any patch of it.
fn python_of(dockerfile: Option<&str>, target: &str, settings: Option<&str>) -> Option<String> {
    let of_base = dockerfile.and_then(|text| {
        let file = Dockerfile::read(text, &BTreeMap::new());
        match file.final_base() {
            Some(Base::Image(image)) => of_image(image),
            _ => None,
        }
    });
    let of_target = || {
        let version = target.split_whitespace().find_map(|word| {
            let word = word.trim_end_matches(',');
            word.starts_with("3.").then(|| word.to_owned())
        })?;
        // The patch is that of the machine that has locked it.
        Some(version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."))
    };
    of_base.or_else(|| settings.map(str::to_owned)).or_else(of_target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::requirements::{self, File};
    use crate::spec::pinned::Lock;

    const LOCK: &str = "# Everything\n# for: linux-x86_64, CPython 3.11.7, glibc 2.36\n# apart: mine: of this machine\n\n\
        --extra-index-url https://h/whl/cu118\n--find-links ./wheels\n\n\
        numpy==2.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via torch, requirements.txt\n\
        torch==2.1.0+cu118 \\\n    --hash=sha256:cc\n    # via requirements.txt\n\
        ./mylib-0.1-py3-none-any.whl \\\n    --hash=sha256:dd\n\
        uvicorn==0.30\nclip @ git+https://h/clip.git@0123456789012345678901234567890123456789\n";
    const REQUIREMENTS: &str =
        "torch==2.1.0+cu118  # why: train.py:3\nuvicorn[standard]\nplain\n-e ./lib\n/abs/x.whl\n";
    const DOCKERFILE: &str = "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y git\nRUN pip install six==1.16.0 numpy\n";

    fn told(lock: Option<&str>, dockerfile: Option<&str>) -> (Vec<String>, Contents) {
        let pinned = Pinned {
            dockerfile: dockerfile.map(str::to_owned),
            files: vec![File {
                shown: "requirements.txt".to_owned(),
                text: REQUIREMENTS.to_owned(),
                constraint: false,
                read: requirements::read(REQUIREMENTS),
            }],
            lock: lock.map(|text| Lock::of(text.to_owned())),
            ..Pinned::default()
        };
        let requirements = specs::read(Kind::Requirements, REQUIREMENTS, &specs::Platform::default());
        let facts = Facts {
            name: "a/x",
            pinned: &pinned,
            requirements: Some(&requirements),
            python: Some("3.12"),
            folder: "src/a/x/environment",
        };
        let contents = contents(&facts).unwrap();
        let one = |package: &Package| {
            let Pin { name, version, extras, source, hashes, .. } = &package.pin;
            let from = match source {
                Source::Index { url } => url.clone().unwrap_or_default(),
                Source::Path { path, .. } => path.clone(),
                Source::Vcs { url, .. } => url.clone(),
                other => format!("{other:?}"),
            };
            let version = version.as_deref().unwrap_or_default();
            format!("{name}{extras:?} {version} {from} {} {} {:?}", hashes.len(), package.direct, package.why)
        };
        (contents.environment.packages.iter().map(one).collect(), contents)
    }

    #[test]
    fn the_lock_is_what_is_told() {
        let (packages, contents) = told(Some(LOCK), Some(DOCKERFILE));
        assert_eq!(
            packages,
            [
                "numpy[] 2.0  2 true None",
                "torch[] 2.1.0+cu118 https://h/whl/cu118 1 true Some(\"train.py:3\")",
                "mylib[] 0.1 src/a/x/environment/mylib-0.1-py3-none-any.whl 1 false None",
                "uvicorn[\"standard\"] 0.30  0 true None",
                "clip[]  https://h/clip.git 0 false None",
            ]
        );
        let Environment { python, platform, indexes, .. } = &contents.environment;
        assert_eq!((python.as_deref(), *platform), (Some("3.11"), Some(Platform::LinuxX86_64)));
        assert_eq!(indexes[1].url, "src/a/x/environment/wheels");
        assert_eq!(
            contents.besides,
            [
                "`mine`: of this machine",
                "`six`, which the Dockerfile installs",
                "what the Dockerfile installs of the system's packages",
            ]
        );
        assert!(contents.is_locked);
    }

    #[test]
    fn without_a_lock_it_is_what_is_asked_for() {
        let (packages, contents) = told(None, None);
        assert_eq!(packages.len(), 5);
        assert_eq!(packages[2], "plain[]   0 true None");
        assert_eq!(packages[3], "[]  src/a/x/environment/lib 0 true None");
        assert_eq!(contents.besides, ["`/abs/x.whl` is a path of this machine, and no other has it"]);
        assert_eq!(contents.environment.python.as_deref(), Some("3.12"));
        assert!(!contents.is_locked);
    }
}
