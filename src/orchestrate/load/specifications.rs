//! Finds the files that already say what an experiment's environment is, and reads them in the order in which they are
//! believed (`docs/guide/environments.md`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::requirements;
use crate::project::python::requirements::Include;
use crate::project::python::specs::kind::group_of;
use crate::project::python::specs::precedence::{self, Found, Place};
use crate::project::python::specs::requirements_txt::{Part, join};
use crate::project::python::specs::{self, Kind, LONGEST, Platform, Specification};
use crate::spec::dockerfile::installs;
use crate::spec::hint::{Explain, Fault};

#[derive(Debug, thiserror::Error)]
pub enum SpecificationsError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is none of the files that scaf can read an environment from", path.display())]
    Kind { path: PathBuf },
}

impl Explain for SpecificationsError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Kind { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                vec!["a path is relative to the folder in which the command is typed".to_owned()]
            }
            Self::Read { .. } => Vec::new(),
            Self::Kind { .. } => vec![
                "it can be a lock file (pixi, uv, Poetry, Pipenv, conda-lock, `pylock.toml`), `environment.yml`, \
                 `requirements.txt`, `pyproject.toml`, `pixi.toml`, `Pipfile`, `setup.cfg`, `setup.py` or a Dockerfile"
                    .to_owned(),
            ],
        }
    }
}

/// Those of an experiment and of its project, the one that is believed first in front. What cannot be read is there
/// with its problem. `project` is the same folder where there is no project around.
pub fn find(
    experiment: &Path,
    project: &Path,
    platform: &Platform,
    args: &BTreeMap<String, String>,
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut folders = vec![
        (experiment.join("environment"), Place::Environment),
        (experiment.to_owned(), Place::Experiment),
    ];
    if project != experiment {
        folders.push((project.to_owned(), Place::Project));
    }
    for (folder, place) in folders {
        for path in listed(&folder) {
            let Some(kind) = path.file_name().and_then(|name| name.to_str()).and_then(Kind::of) else {
                continue;
            };
            // The project's own Dockerfile, if it has one, is about something else.
            if kind == Kind::Dockerfile && place == Place::Project {
                continue;
            }
            let read = read_as(&path, kind, platform, args).unwrap_or_else(|error| unreadable(kind, &error));
            found.push(Found { file: shown(project, &path), place, read });
        }
    }
    precedence::sort(&mut found);
    found
}

/// One file, whatever its name is as long as it tells what the file is: for `--from FILE`.
pub fn read(
    path: &Path,
    platform: &Platform,
    args: &BTreeMap<String, String>,
) -> Result<Specification, SpecificationsError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let end = lower.rsplit_once('.').map(|(_, end)| end);
    // A name that was typed is looked at with more good will than one that was found.
    let kind = Kind::of(name).or(match end {
        Some("txt" | "in") => Some(Kind::Requirements),
        Some("yml" | "yaml") => Some(Kind::EnvironmentYml),
        Some("dockerfile") => Some(Kind::Dockerfile),
        _ if lower.starts_with("dockerfile.") => Some(Kind::Dockerfile),
        _ => None,
    });
    let kind = kind.ok_or_else(|| SpecificationsError::Kind { path: path.to_owned() })?;
    read_as(path, kind, platform, args)
}

fn read_as(
    path: &Path,
    kind: Kind,
    platform: &Platform,
    args: &BTreeMap<String, String>,
) -> Result<Specification, SpecificationsError> {
    let text = text(path).map_err(|source| SpecificationsError::Read { path: path.to_owned(), source })?;
    let mut read = match kind {
        Kind::Dockerfile => installs::read(&text, args),
        _ => specs::read(kind, &text, platform),
    };
    // A Dockerfile's paths are those inside the image.
    if kind != Kind::Dockerfile && !read.includes.is_empty() {
        read = with_includes(read, path);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if matches!(kind, Kind::Requirements | Kind::EnvironmentYml)
        && let Some(group) = group_of(name)
    {
        for pin in read.pins.iter_mut().chain(&mut read.others).filter(|pin| pin.groups.is_empty()) {
            pin.groups.push(group.clone());
        }
    }
    Ok(read)
}

/// The pins of the files that one names, each in its place.
fn with_includes(mut read: Specification, path: &Path) -> Specification {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut parts = Vec::new();
    let mut problems = Vec::new();
    for Include { line, path: named, constraint } in &read.includes {
        if crate::project::python::requirements::is_elsewhere(named) {
            problems.push((
                *line,
                format!("`{named}` is not on this machine, so it cannot be known what it asks for"),
            ));
            continue;
        }
        let plain = named.strip_prefix("file://").unwrap_or(named);
        if !folder.join(plain).is_file() {
            problems.push((*line, format!("`{named}` is not there")));
            continue;
        }
        match requirements::read(folder, plain) {
            Ok(files) => parts.extend(files.into_iter().map(|file| Part {
                constraint: *constraint || file.constraint,
                read: specs::requirements_txt::read(&file.text),
                file: file.shown,
            })),
            Err(error) => problems.push((*line, error.to_string())),
        }
    }
    for (line, message) in problems {
        read.problem(line, message);
    }
    // A file that is named twice counts once.
    let mut seen: Vec<String> = Vec::new();
    parts.retain(|part| {
        let new = !seen.contains(&part.file);
        seen.push(part.file.clone());
        new
    });
    let Specification { kind, python, channels, .. } = read.clone();
    let own = Part { file: String::new(), constraint: false, read };
    let whole = join(std::iter::once(own).chain(parts).collect());
    Specification { kind, python: whole.python.or(python), channels, ..whole }
}

fn unreadable(kind: Kind, error: &SpecificationsError) -> Specification {
    let mut specification = Specification::new(kind);
    specification.problem(0, error.to_string());
    specification
}

/// The files of a folder by name.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Text as pip and its like take it: UTF-8, or UTF-16 with its mark, which is what some shells of Windows write.
fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more, so that it is seen to be too long.
    File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    let utf16 = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "this is not UTF-16 text"))
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => utf16(u16::from_le_bytes),
        Some([0xfe, 0xff]) => utf16(u16::from_be_bytes),
        _ => String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "this is not UTF-8 text")),
    }
}

fn shown(project: &Path, path: &Path) -> String {
    path.strip_prefix(project).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut File::create(path).unwrap(), bytes).unwrap();
        }
        dir
    }

    fn found(dir: &tempfile::TempDir) -> Vec<Found> {
        find(&dir.path().join("src/a"), dir.path(), &Platform::default(), &BTreeMap::new())
    }

    #[test]
    fn everything_in_order() {
        let dir = project(&[
            ("src/a/environment/Dockerfile", b"FROM python:3.11\nRUN pip install six==1.16.0\n"),
            ("src/a/environment/requirements.txt", b"numpy==1.26.4\n"),
            ("src/a/requirements-dev.txt", b"pytest\n"),
            ("src/a/train.py", b"import numpy\n"),
            ("Dockerfile", b"FROM scratch\n"),
            ("pyproject.toml", b"[project]\ndependencies = ['numpy']\n"),
            ("uv.lock", b"version = 1\n"),
            ("environment.yml/x", b""),
        ]);
        let found = found(&dir);
        let shown: Vec<_> = found.iter().map(|it| (it.file.as_str(), it.read.pins.len())).collect();
        assert_eq!(
            shown,
            [
                ("src/a/environment/Dockerfile", 1),
                ("src/a/environment/requirements.txt", 1),
                ("src/a/requirements-dev.txt", 1),
                ("uv.lock", 0),
                ("pyproject.toml", 1)
            ]
        );
        assert!(!found[2].read.pins[0].is_main());
    }

    #[test]
    fn what_a_file_names_is_read_with_it() {
        let dir = project(&[
            ("requirements.txt", b"-r more/base.txt\n-c pins.txt\n-r none.txt\n-r https://h/x.txt\nnumpy\n"),
            ("more/base.txt", b"-r deep.txt\nscipy==1\n"),
            ("more/deep.txt", b"six==1\n"),
            ("pins.txt", b"numpy==1.26.4\n"),
            ("pyproject.toml", b"[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = 'more/deep.txt'}\n"),
            ("environment.yml", b"dependencies:\n  - python=3.11\n  - pip:\n    - -r more/deep.txt\n"),
        ]);
        let read =
            |name: &str| super::read(&dir.path().join(name), &Platform::default(), &BTreeMap::new()).unwrap();
        let requirements = read("requirements.txt");
        let pins: Vec<_> = requirements
            .pins
            .iter()
            .filter(|pin| pin.is_main())
            .map(|pin| (pin.file.as_deref(), pin.line, pin.name.as_str(), pin.version.as_deref()))
            .collect();
        assert_eq!(
            pins,
            [
                (None, 5, "numpy", Some("1.26.4")),
                (Some("more/base.txt"), 2, "scipy", Some("1")),
                (Some("more/deep.txt"), 1, "six", Some("1"))
            ]
        );
        assert_eq!(requirements.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [3, 4]);
        for (name, python) in [("pyproject.toml", None), ("environment.yml", Some("==3.11.*"))] {
            let read = read(name);
            assert_eq!(read.pins[0].file.as_deref(), Some("more/deep.txt"), "{name}");
            assert_eq!((read.kind, read.python.as_deref()), (Kind::of(name).unwrap(), python));
        }
    }

    #[test]
    fn texts_of_other_encodings_and_none() {
        let utf16: Vec<u8> = "\u{feff}numpy==1.26.4\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}numpy==1.26.4\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let dir = project(&[
            ("src/a/requirements.txt", &utf16),
            ("src/a/requirements-b.txt", &big),
            ("src/a/uv.lock", b"\xff"),
        ]);
        let found = found(&dir);
        assert_eq!(found[0].read.problems[0].message.matches("UTF-8").count(), 1);
        for it in &found[1..] {
            assert_eq!(it.read.pins[0].version.as_deref(), Some("1.26.4"), "{}", it.file);
        }
        let asked = |name: &str| super::read(&dir.path().join(name), &Platform::default(), &BTreeMap::new());
        assert!(matches!(asked("none.txt"), Err(SpecificationsError::Read { .. })));
        assert!(matches!(asked("src/a/train.py"), Err(SpecificationsError::Kind { .. })));
    }
}
