//! The host engine's enclosure: a virtual environment named by the digest of what goes into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::lock::LOCK;
use super::pins::Pin;
use crate::project::python::requirements::{self, File};
use crate::spec::container::EnvValue;
use crate::spec::hint::Explain;
use crate::spec::pin;
use crate::spec::plan::{Action, Step, When};
use crate::spec::requirements_lock;

/// What was found.
pub struct Facts<'a> {
    /// Where the experiment's requirements lie.
    pub folder: &'a Path,
    /// The requirements file that counts (the lock when there is one), and those that it names.
    pub files: &'a [File],
    /// Digests of the files beside them.
    pub beside: &'a dyn Fn(&str) -> Option<String>,
    pub python: &'a Path,
    /// `3.11.7`.
    pub python_version: &'a str,
    /// The uv that fetches this Python, where it is not there yet.
    pub fetch: Option<&'a Path>,
    /// The uv that makes the environment; else Python's own tools do.
    pub uv: Option<&'a Path>,
    /// `linux-x86_64`.
    pub platform: &'a str,
    pub cache: &'a Path,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VenvPlanError {
    #[error(
        "the experiment has no `environment/requirements.txt`, so the host engine cannot know its packages"
    )]
    NoRequirements,
    #[error(
        "{file}:{line}: `{text}` is not pinned, so the host engine would make another environment each time"
    )]
    Loose { file: String, line: usize, text: String },
    #[error(
        "{file}:{line}: `{text}` is a path of this machine, and what lies there has no version by which the host engine could tell environments apart"
    )]
    Local { file: String, line: usize, text: String },
    #[error("{file}:{line}: `./{wheel}` is not there")]
    NoWheel { file: String, line: usize, wheel: String },
}

impl Explain for VenvPlanError {
    fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::NoRequirements => "pin them in `environment/requirements.txt`".to_owned(),
            Self::Loose { .. } => "write it as `name==version`".to_owned(),
            Self::Local { .. } => "publish it and write `name==version`".to_owned(),
            Self::NoWheel { .. } => {
                "`scaf env lock` makes it anew where the code is; git may ignore `*.whl`".to_owned()
            }
        }]
    }
}

/// The folder and the steps that make it; `more` are packages beside the experiment's own.
pub fn plan(facts: &Facts<'_>, more: Option<Pin>) -> Result<(PathBuf, Vec<Step>), VenvPlanError> {
    let Facts { folder, files, beside, python, python_version, fetch, uv, platform, cache } = facts;
    let Some(first) = files.first() else { return Err(VenvPlanError::NoRequirements) };
    let local = files.iter().flat_map(|file| file.read.local.iter().map(move |local| (file, local)));
    if let Some((file, local)) = local.into_iter().next() {
        return Err(VenvPlanError::Local {
            file: file.shown.clone(),
            line: local.line,
            text: local.text.clone(),
        });
    }
    if let Some((file, loose)) = requirements::loose(files).into_iter().next() {
        return Err(VenvPlanError::Loose {
            file: file.shown.clone(),
            line: loose.line,
            text: loose.text.clone(),
        });
    }
    let mut wheels = Vec::new();
    for file in *files {
        for requirements::Wheel { line, file: wheel } in &file.read.wheels {
            let Some(digest) = beside(wheel) else {
                let (file, line, wheel) = (file.shown.clone(), *line, wheel.clone());
                return Err(VenvPlanError::NoWheel { file, line, wheel });
            };
            wheels.push(digest);
        }
    }
    // As in the image, so that what the lock leaves out is looked for on no index.
    let whole = first.shown == LOCK;
    let names = |constraint: bool, name: &str| {
        let files = files.iter().filter(|file| file.constraint == constraint);
        files.flat_map(|file| &file.read.names).any(|have| have == name)
    };
    let mut more: Vec<String> = match more {
        Some(pin) if names(false, pin.name) => Vec::new(),
        // Another version than the one that the experiment wants could not be installed.
        Some(pin) if names(true, pin.name) => vec![pin.name.to_owned()],
        Some(pin) => pin.requirements().to_vec(),
        None => Vec::new(),
    };
    if whole && !more.is_empty() {
        // Installed by then: said once more, so that nothing that comes along changes their versions.
        more.extend(exact(&first.text));
    }
    let mut hasher = blake3::Hasher::new();
    let texts = files.iter().map(|file| file.text.as_str());
    for part in
        texts.chain(wheels.iter().map(String::as_str)).chain([*python_version, *platform, &more.join(" ")])
    {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    let digest = hasher.finalize().to_hex().to_string();
    let path = cache.join("venvs").join(&digest[..24]);
    let mut steps = Vec::new();
    if let Some(uv) = fetch {
        steps.push(Step {
            why: format!("fetch Python {python_version}"),
            when: When::InTurn,
            action: Action::Command {
                argv: vec![
                    uv.to_string_lossy().into_owned(),
                    "python".to_owned(),
                    "install".to_owned(),
                    (*python_version).to_owned(),
                ],
                cwd: None,
                // It is for this environment alone; uv (0.8) would put it on the user's PATH.
                env: BTreeMap::from([("UV_PYTHON_INSTALL_BIN".to_owned(), EnvValue::Plain("0".to_owned()))]),
            },
        });
    }
    let requirements = if first.read.says { vec![folder.join(&first.shown)] } else { Vec::new() };
    steps.push(Step {
        why: "make the virtual environment".to_owned(),
        when: When::InTurn,
        action: Action::MakeVenv {
            path: path.clone(),
            python: python.to_path_buf(),
            requirements,
            whole,
            more,
            uv: uv.map(Path::to_owned),
        },
    });
    Ok((path, steps))
}

/// `name==version` of everything that a lock pins so.
fn exact(lock: &str) -> Vec<String> {
    let pins = requirements_lock::read(lock).pins.into_iter().map(|locked| locked.pin);
    pins.filter_map(|pin| match pin.source {
        pin::Source::Version(version) | pin::Source::Wheel { file: _, version } => {
            Some(pin::Pin::version(pin.name, version).to_string())
        }
        pin::Source::Address(_) => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::pins::PYTEST;
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<File> {
        texts
            .iter()
            .map(|(shown, text)| File {
                shown: (*shown).to_owned(),
                text: (*text).to_owned(),
                constraint: shown.starts_with("pins"),
                read: requirements::read(text),
            })
            .collect()
    }

    fn of(texts: &[(&str, &str)], more: Option<Pin>) -> Result<(PathBuf, Vec<Step>), VenvPlanError> {
        plan(
            &Facts {
                folder: Path::new("/p/environment"),
                files: &files(texts),
                beside: &|wheel| (wheel != "gone-1.0-py3-none-any.whl").then(|| "digest".to_owned()),
                python: Path::new("/usr/bin/python3"),
                python_version: "3.11.7",
                fetch: None,
                uv: None,
                platform: "linux-x86_64",
                cache: Path::new("/c"),
            },
            more,
        )
    }

    fn made(steps: &[Step]) -> (&[PathBuf], &[String]) {
        match &steps.last().unwrap().action {
            Action::MakeVenv { requirements, more, .. } => (requirements, more),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_only_names_another_is_installed_and_both_make_the_name() {
        let texts = |base| [("requirements.txt", "-r base.txt\n"), ("base.txt", base)];
        let (path, steps) = of(&texts("x==1\n"), None).unwrap();
        assert_eq!(made(&steps).0, [PathBuf::from("/p/environment/requirements.txt")]);
        assert_ne!(path, of(&texts("x==2\n"), None).unwrap().0);
        let empty = of(&[("requirements.txt", "# nothing yet\n")], None).unwrap().1;
        assert!(made(&empty).0.is_empty());
    }

    #[test]
    fn what_is_not_pinned_in_any_of_them_is_refused() {
        let loose = of(&[("requirements.txt", "-r base.txt\n"), ("base.txt", "\nx\n")], None).unwrap_err();
        assert!(loose.to_string().starts_with("base.txt:2: `x` is not pinned"), "{loose}");
        assert!(of(&[("requirements.txt", "-c pins.txt\nx\n"), ("pins.txt", "x==1\n")], None).is_ok());
        let local = of(&[("requirements.txt", "-r base.txt\n"), ("base.txt", "-e .\n")], None).unwrap_err();
        assert!(local.to_string().starts_with("base.txt:1: `-e .` is a path of this machine"), "{local}");
    }

    #[test]
    fn a_wheel_beside_the_requirements_has_its_part_in_the_name() {
        let lock = "x==1 \\\n    --hash=sha256:0\n./lib-1.0-py3-none-any.whl\n";
        let whole = |steps: &[Step]| match &steps.last().unwrap().action {
            Action::MakeVenv { whole, more, .. } => (*whole, more.clone()),
            other => panic!("{other:?}"),
        };
        let (path, steps) = of(&[("requirements.lock", lock)], None).unwrap();
        assert_eq!(whole(&steps), (true, Vec::new()));
        assert_ne!(path, of(&[("requirements.lock", "x==1 \\\n    --hash=sha256:0\n")], None).unwrap().0);
        let (_, steps) = of(&[("requirements.lock", lock)], Some(PYTEST)).unwrap();
        assert_eq!(whole(&steps).1[2..], ["x==1", "lib==1.0"]);
        let (_, steps) = of(&[("requirements.txt", lock)], Some(PYTEST)).unwrap();
        assert_eq!(whole(&steps).1.len(), 2);
        let gone = of(&[("requirements.txt", "\n./gone-1.0-py3-none-any.whl\n")], None).unwrap_err();
        assert_eq!(gone.to_string(), "requirements.txt:2: `./gone-1.0-py3-none-any.whl` is not there");
    }

    #[test]
    fn a_package_that_the_experiment_has_is_its_own() {
        let own = [("requirements.txt", "-r base.txt\n"), ("base.txt", "pytest==8.0.0\n")];
        assert!(made(&of(&own, Some(PYTEST)).unwrap().1).1.is_empty());
        let pinned = [("requirements.txt", "-c pins.txt\n"), ("pins.txt", "pytest==8.0.0\n")];
        assert_eq!(made(&of(&pinned, Some(PYTEST)).unwrap().1).1, ["pytest"]);
        let steps = of(&[("requirements.txt", "")], Some(PYTEST)).unwrap().1;
        assert_eq!(made(&steps).1, PYTEST.requirements());
    }
}
