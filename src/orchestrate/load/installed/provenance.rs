//! Where an installed distribution came from: by `direct_url.json`, `INSTALLER`, conda's records, the folder that it
//! lies in. An index is never asked.

use std::path::PathBuf;

use super::bounded;
use super::distribution::{Distribution, Kind, Problem};
use crate::project::python::conda_meta::{self, CondaMeta};
use crate::project::python::direct_url::{DirectUrl, What};
use crate::project::python::{requirements, version};
use crate::spec::origin::{Origin, Provenance};

/// With what is wrong about the evidence.
pub(super) fn of(distribution: &Distribution) -> (Provenance, Option<Problem>) {
    let provenance = |origin, evidence: String| Provenance { origin, evidence };
    if distribution.kind == Kind::Conda {
        let file = distribution.path.file_name().unwrap_or_default().to_string_lossy();
        let origin = match distribution.conda_meta() {
            Ok(meta) => conda(meta),
            Err(_) => conda_by_name(distribution),
        };
        return (provenance(origin, format!("`conda-meta/{file}`")), None);
    }
    let problem = match distribution.direct_url() {
        Ok(Some(direct)) => {
            let (origin, evidence) = direct_origin(direct);
            return (provenance(origin, evidence), None);
        }
        Ok(None) => None,
        Err(said) => Some(Problem::DirectUrl { path: distribution.path.join("direct_url.json"), said }),
    };
    (by_installer(distribution), problem)
}

fn direct_origin(direct: DirectUrl) -> (Origin, String) {
    let path = direct.path().map(PathBuf::from);
    let DirectUrl { url, subdirectory, what } = direct;
    match (what, path) {
        (What::Vcs { system, commit, requested }, _) => {
            let evidence = format!("`direct_url.json`: {system} commit {commit}");
            (Origin::Vcs { system, url, commit, requested, subdirectory }, evidence)
        }
        (What::Archive { hash }, Some(path)) => {
            let evidence = format!("`direct_url.json`: the file `{}`", path.display());
            (Origin::Archive { path, hash }, evidence)
        }
        (What::Archive { hash }, None) => {
            let evidence = format!("`direct_url.json`: {url}");
            (Origin::Url { url, hash, subdirectory }, evidence)
        }
        (What::Folder { editable: true }, path) => {
            let folder = path.unwrap_or_else(|| PathBuf::from(&url));
            let evidence = format!("`direct_url.json`: editable, `{}`", folder.display());
            (Origin::Editable { folder }, evidence)
        }
        (What::Folder { editable: false }, path) => {
            let folder = path.unwrap_or_else(|| PathBuf::from(&url));
            let evidence = format!("`direct_url.json`: the folder `{}`", folder.display());
            (Origin::Folder { folder }, evidence)
        }
    }
}

fn by_installer(distribution: &Distribution) -> Provenance {
    let installer = match distribution.kind {
        Kind::DistInfo | Kind::EggInfo => bounded::read(&distribution.path.join("INSTALLER"), bounded::SMALL)
            .ok()
            .and_then(|bytes| Some(String::from_utf8_lossy(&bytes).lines().next()?.trim().to_owned()))
            .filter(|installer| !installer.is_empty()),
        Kind::EggInfoFile | Kind::Egg | Kind::Conda => None,
    };
    let label = version::local_label(distribution.version()).map(str::to_owned);
    let said = |installer: &str| format!("`INSTALLER` says {installer}");
    match installer.as_deref() {
        Some("conda") => {
            let unknown = || Provenance { origin: conda_by_name(distribution), evidence: said("conda") };
            conda_of(distribution).unwrap_or_else(unknown)
        }
        Some(manager @ ("debian" | "rpm" | "apk" | "pacman" | "dpkg")) => Provenance {
            origin: Origin::System { manager: Some(manager.to_owned()) },
            evidence: said(manager),
        },
        Some(installer) => {
            let labelled = match &label {
                Some(label) => format!(", and `+{label}` is a build that no general index has"),
                None => String::new(),
            };
            let evidence = format!("{}, and there is no `direct_url.json`{labelled}", said(installer));
            Provenance { origin: Origin::Index { url: None, label }, evidence }
        }
        None if is_debian(distribution) => Provenance {
            origin: Origin::System { manager: Some("debian".to_owned()) },
            evidence: format!("it lies in `{}`", distribution.folder.display()),
        },
        None if distribution.folder.join("setup.py").is_file()
            || distribution.folder.join("../setup.py").is_file() =>
        {
            // `setup.py develop` leaves the egg-info in the source tree.
            let folder = &distribution.folder;
            let above = folder.parent().filter(|above| above.join("setup.py").is_file());
            let folder = above.filter(|_| !folder.join("setup.py").is_file()).unwrap_or(folder).to_owned();
            let evidence = format!("its metadata lies in the source tree `{}`", folder.display());
            Provenance { origin: Origin::Editable { folder }, evidence }
        }
        None => conda_of(distribution).unwrap_or_else(|| Provenance {
            origin: Origin::Unknown,
            evidence: "there is neither `direct_url.json` nor `INSTALLER`".to_owned(),
        }),
    }
}

/// Debian's own packages; what pip installs for the system is in `/usr/local`.
fn is_debian(distribution: &Distribution) -> bool {
    distribution.folder.ends_with("python3/dist-packages")
}

/// The conda package that has this metadata among its files; it may have another name.
fn conda_of(distribution: &Distribution) -> Option<Provenance> {
    // `PREFIX/lib/python3.11/site-packages`.
    let records = distribution.folder.ancestors().nth(3)?.join("conda-meta");
    let wanted = format!("/{}", distribution.path.file_name()?.to_str()?);
    let mut files: Vec<(bool, String)> = std::fs::read_dir(&records)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let (name, _, _) = conda_meta::name_of_file(file.strip_suffix(".json")?)?;
            // The one of the same name is looked into first.
            Some((requirements::normalised(name) != distribution.normalised, file))
        })
        .collect();
    files.sort();
    files.into_iter().find_map(|(_, file)| {
        let bytes = bounded::read(&records.join(&file), bounded::LARGE).ok()?;
        memchr::memmem::find(&bytes, wanted.as_bytes())?;
        let meta = conda_meta::read(&bytes).ok()?;
        let is_its = |path: &String| {
            path.split_once(&wanted).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('/'))
        };
        let evidence = format!("`conda-meta/{file}` has `{}` among its files", &wanted[1..]);
        meta.files.iter().any(is_its).then(|| Provenance { origin: conda(&meta), evidence })
    })
}

fn conda(meta: &CondaMeta) -> Origin {
    Origin::Conda {
        package: meta.name.clone(),
        version: meta.version.clone(),
        channel: meta.channel(),
        build: Some(meta.build.clone()).filter(|build| !build.is_empty()),
    }
}

/// As much as the names of the files say.
fn conda_by_name(distribution: &Distribution) -> Origin {
    let stem = distribution.path.file_stem().unwrap_or_default().to_string_lossy();
    let build = conda_meta::name_of_file(&stem).filter(|_| distribution.kind == Kind::Conda);
    Origin::Conda {
        package: distribution.normalised.clone(),
        version: distribution.version().to_owned(),
        channel: None,
        build: build.map(|(_, _, build)| build.to_owned()),
    }
}
