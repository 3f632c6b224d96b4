//! One requirement as pip takes it: `torch[cuda]>=2,<3 ; python_version > "3.9"`, `name @ git+https://…`, `./folder`.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use super::{Pin, Source};
use crate::project::python::requirements::{is_elsewhere, is_path, normalised};

/// Longer is no requirement that somebody wrote.
const LONGEST: usize = 16 * 1024;
/// The systems that pip knows.
const SYSTEMS: [&str; 4] = ["git", "hg", "svn", "bzr"];

/// A requirement in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// As written; empty where only an address or a path is there that does not tell it.
    pub name: String,
    pub extras: Vec<String>,
    /// Without spaces; empty where any version will do.
    pub specifier: String,
    /// What follows `@`, or the whole where there is no name in front.
    pub address: Option<String>,
    pub marker: Option<String>,
    /// `-e`
    pub editable: bool,
}

/// Reads one, without pip's options of a line (`--hash`).
pub fn parse(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    let shown = || text.chars().take(80).collect::<String>();
    if text.is_empty() {
        return Err("a requirement is empty".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("`{}…` is too long for a requirement", shown()));
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    let plain = first.split([';', '@', '[', '<', '>', '=', '!', '~', '(']).next().unwrap_or_default();
    if is_elsewhere(plain) || is_path(plain) || (first.contains("://") && !text.contains('@')) {
        return Ok(addressed(text));
    }
    let name: String =
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    let well = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !well {
        return Err(format!("`{}` names no package", shown()));
    }
    let mut rest = text.get(name.len()..).unwrap_or_default().trim_start();
    let mut extras = Vec::new();
    if let Some(inner) = rest.strip_prefix('[') {
        let Some((inside, behind)) = inner.split_once(']') else {
            return Err(format!("`{}` has a `[` without its `]`", shown()));
        };
        extras =
            inside.split(',').map(str::trim).filter(|extra| !extra.is_empty()).map(str::to_owned).collect();
        rest = behind.trim_start();
    }
    if let Some(address) = rest.strip_prefix('@') {
        let (address, marker) = split_address(address.trim());
        if address.is_empty() {
            return Err(format!("`{}` has no address behind its `@`", shown()));
        }
        return Ok(Requirement {
            name,
            extras,
            specifier: String::new(),
            address: Some(address),
            marker,
            editable: false,
        });
    }
    let (specifier, marker) = match rest.split_once(';') {
        Some((specifier, marker)) => (specifier, Some(marker.trim()).filter(|marker| !marker.is_empty())),
        None => (rest, None),
    };
    let specifier = specifier.trim();
    let specifier = specifier.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(specifier);
    let specifier: String = specifier.chars().filter(|c| !c.is_whitespace()).collect();
    let specifier = specifier.trim_end_matches(',').to_owned();
    // `===` compares texts, so any will do.
    if !specifier.contains("===") && VersionSpecifiers::from_str(&specifier).is_err() {
        return Err(format!("`{}` has no version behind its name that can be compared", shown()));
    }
    Ok(Requirement {
        name,
        extras,
        specifier,
        address: None,
        marker: marker.map(str::to_owned),
        editable: false,
    })
}

/// An address or a path alone, perhaps with extras and a marker.
fn addressed(text: &str) -> Requirement {
    let (address, marker) = split_address(text);
    let (address, extras) = match address.strip_suffix(']').and_then(|it| it.rsplit_once('[')) {
        Some((front, extras)) if !front.contains('#') => {
            (front.to_owned(), extras.split(',').map(|extra| extra.trim().to_owned()).collect())
        }
        _ => (address, Vec::new()),
    };
    Requirement {
        name: name_in(&address).unwrap_or_default(),
        extras,
        specifier: String::new(),
        address: Some(address),
        marker,
        editable: false,
    }
}

/// An address ends at a space; a marker begins at a `;` behind one.
fn split_address(text: &str) -> (String, Option<String>) {
    let (address, behind) = match text.find(char::is_whitespace) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (address, behind) = match address.strip_suffix(';') {
        Some(address) => (address, behind),
        None => (address, behind.trim_start().strip_prefix(';').unwrap_or_default()),
    };
    let marker = behind.trim();
    (address.to_owned(), (!marker.is_empty()).then(|| marker.to_owned()))
}

/// The name that an address tells: its `egg`, or the file's name.
fn name_in(address: &str) -> Option<String> {
    if let Some((_, egg)) = address.split_once("egg=") {
        let egg = egg.split(['&', '[']).next().unwrap_or_default();
        return (!egg.is_empty()).then(|| egg.to_owned());
    }
    in_file_name(address).map(|(name, _)| name)
}

/// Name and version in the name of a wheel or a source archive.
pub fn in_file_name(address: &str) -> Option<(String, String)> {
    let file = address.split(['#', '?']).next()?.rsplit(['/', '\\']).next()?;
    // `%2B` is the `+` of a local version.
    let file = file.replace("%2B", "+").replace("%2b", "+");
    let (name, version) = if let Some(stem) = file.strip_suffix(".whl") {
        let mut parts = stem.split('-');
        (parts.next()?, parts.next()?)
    } else {
        let ends = [".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip"];
        let stem = ends.iter().find_map(|end| file.strip_suffix(end))?;
        stem.rsplit_once('-')?
    };
    let fine = !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit());
    fine.then(|| (name.to_owned(), version.to_owned()))
}

impl Requirement {
    pub fn exact(&self) -> Option<&str> {
        exact(&self.specifier)
    }

    pub fn into_pin(self, line: usize) -> Pin {
        let version = self.exact().map(str::to_owned);
        let mut pin = Pin::new(&self.name, line);
        pin.version = version;
        if let Some(address) = &self.address {
            pin.source = source(address, self.editable);
            if let Some((name, version)) = in_file_name(address)
                && (pin.name.is_empty() || normalised(&name) == pin.normalised)
            {
                pin.specifier = format!("=={version}");
                pin.version = Some(version);
            }
        } else {
            pin.specifier = self.specifier;
        }
        pin.marker = self.marker;
        pin.extras = self.extras;
        pin
    }
}

/// The version of a specifier that lets no other in.
pub fn exact(specifier: &str) -> Option<&str> {
    specifier.split(',').find_map(|clause| {
        let clause = clause.trim();
        let version = clause.strip_prefix("===").or_else(|| clause.strip_prefix("=="))?.trim();
        (!version.is_empty() && !version.ends_with('*')).then_some(version)
    })
}

/// What an address or a path stands for.
pub fn source(address: &str, editable: bool) -> Source {
    let (plain, fragment) = address.split_once('#').unwrap_or((address, ""));
    let subdirectory =
        fragment.split('&').find_map(|field| field.strip_prefix("subdirectory=")).map(str::to_owned);
    for system in SYSTEMS {
        if let Some(url) = plain.strip_prefix(system).and_then(|rest| rest.strip_prefix('+')) {
            return vcs(system, url, subdirectory);
        }
    }
    if is_elsewhere(plain) {
        // The digest in a fragment is no part of where it lies.
        return Source::Url { url: plain.to_owned(), subdirectory };
    }
    let path = plain.strip_prefix("file://").or_else(|| plain.strip_prefix("file:")).unwrap_or(plain);
    Source::Path { path: path.to_owned(), editable }
}

fn vcs(system: &str, url: &str, subdirectory: Option<String>) -> Source {
    // The `@` of `git@host` stands before the path.
    let path_at = url.find("://").map_or(0, |at| at + 3);
    let path_at = path_at + url.get(path_at..).and_then(|rest| rest.find('/')).unwrap_or(0);
    let (url, asked) = match url.rfind('@').filter(|at| *at > path_at) {
        Some(at) => (&url[..at], Some(url[at + 1..].to_owned())),
        None => (url, None),
    };
    revision(system, url, asked, subdirectory)
}

/// A repository at a revision, which is a commit if it looks like a complete one.
pub fn revision(system: &str, url: &str, asked: Option<String>, subdirectory: Option<String>) -> Source {
    let (commit, requested) = match asked.filter(|it| !it.is_empty()) {
        Some(it) if is_commit(&it) => (Some(it), None),
        other => (None, other),
    };
    Source::Vcs { system: system.to_owned(), url: url.to_owned(), commit, requested, subdirectory }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Pin {
        parse(text).unwrap_or_else(|message| panic!("{text}: {message}")).into_pin(7)
    }

    #[test]
    fn names_versions_extras_markers() {
        let read = pin(" Torch_Vision [ cuda , x ] >= 0.15 , != 0.16.* ; python_version > '3.8' ");
        assert_eq!((read.name.as_str(), read.normalised.as_str()), ("Torch_Vision", "torch-vision"));
        assert_eq!(read.extras, ["cuda", "x"]);
        assert_eq!(read.specifier, ">=0.15,!=0.16.*");
        assert_eq!(read.marker.as_deref(), Some("python_version > '3.8'"));
        assert_eq!((read.version, read.line), (None, 7));
        for (text, version) in [
            ("a==1.0", Some("1.0")),
            ("a == 1.0+cu118", Some("1.0+cu118")),
            ("a (==1.0)", Some("1.0")),
            ("a===odd", Some("odd")),
            ("a>=1,==1.2", Some("1.2")),
            ("a==1.*", None),
            ("a~=1.0", None),
            ("a", None),
            ("a<2,", None),
        ] {
            assert_eq!(pin(text).version.as_deref(), version, "{text}");
        }
    }

    #[test]
    fn addresses_and_paths() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let git =
            |url: &str, commit: Option<&str>, requested: Option<&str>, below: Option<&str>| Source::Vcs {
                system: "git".into(),
                url: url.into(),
                commit: commit.map(Into::into),
                requested: requested.map(Into::into),
                subdirectory: below.map(Into::into),
            };
        let path = |path: &str| Source::Path { path: path.into(), editable: false };
        let url = |url: &str| Source::Url { url: url.into(), subdirectory: None };
        for (text, name, version, source) in [
            (
                "clip @ git+https://h/clip.git@main ; python_version > '3'",
                "clip",
                None,
                git("https://h/clip.git", None, Some("main"), None),
            ),
            (
                &format!("git+ssh://git@h/x.git@{commit}#egg=Thing[a]&subdirectory=py"),
                "Thing",
                None,
                git("ssh://git@h/x.git", Some(commit), None, Some("py")),
            ),
            ("x@git+https://me@h/x", "x", None, git("https://me@h/x", None, None, None)),
            (
                "https://h/torch-2.1.0%2Bcu118-cp311-cp311-linux_x86_64.whl#sha256=0",
                "torch",
                Some("2.1.0+cu118"),
                url("https://h/torch-2.1.0%2Bcu118-cp311-cp311-linux_x86_64.whl"),
            ),
            (
                "en-core @ https://h/en_core-3.7.1.tar.gz",
                "en-core",
                Some("3.7.1"),
                url("https://h/en_core-3.7.1.tar.gz"),
            ),
            ("./lib[a]", "", None, path("./lib")),
            ("x @ file:///opt/x", "x", None, path("/opt/x")),
            ("../x-1.0-py3-none-any.whl", "x", Some("1.0"), path("../x-1.0-py3-none-any.whl")),
        ] {
            let read = pin(text);
            assert_eq!(
                (read.name.as_str(), read.version.as_deref(), &read.source),
                (name, version, &source),
                "{text}"
            );
        }
        assert_eq!(pin("./lib[a]").extras, ["a"]);
        assert_eq!(
            pin("clip @ git+https://h/clip.git@main ; python_version > '3'").marker.as_deref(),
            Some("python_version > '3'")
        );
    }

    #[test]
    fn what_is_none_is_told() {
        for text in ["", "  ", "==1.0", "a[b", "a @ ", "a ? b", "-x", "a==", "a>=latest", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"a".repeat(LONGEST + 1)).is_err());
    }
}
