//! conda's way of asking for a package: `conda-forge::numpy=1.26.4=py311_0`, `numpy >=1.2,<2`, `numpy[version='>=1.2']`.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use super::conda_names::{self, Package};
use super::{Group, Pin, Source, Specification};

const LONGEST: usize = 4096;

/// One such text in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    pub name: String,
    pub channel: Option<String>,
    /// The one version that it lets in.
    pub version: Option<String>,
    /// In PEP 440, where it can be said there.
    pub specifier: String,
    pub build: Option<String>,
}

pub fn parse(text: &str) -> Result<Spec, String> {
    let text = text.trim();
    let wrong =
        || format!("`{}` asks for no package that conda knows", text.chars().take(80).collect::<String>());
    if text.is_empty() || text.len() > LONGEST {
        return Err(wrong());
    }
    if text.contains("://")
        && let Some((name, version, build)) = in_file_name(text)
    {
        let specifier = pep440(&format!("=={version}")).unwrap_or_default();
        return Ok(Spec { name, channel: None, version: Some(version), specifier, build: Some(build) });
    }
    let (channel, rest) = match text.split_once("::") {
        // `conda-forge/linux-64::`
        Some((channel, rest)) => (Some(channel.split('/').next().unwrap_or(channel).to_owned()), rest),
        None => (None, text),
    };
    let rest = rest.trim_start();
    let name: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    if name.is_empty() || name.starts_with(['-', '.']) {
        return Err(wrong());
    }
    let behind = rest.get(name.len()..).unwrap_or_default();
    let mut spec = Spec { name, channel, ..Spec::default() };
    if let Some(inside) = behind.trim().strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or_else(wrong)?;
        brackets(inside, &mut spec);
        return Ok(spec);
    }
    if !behind.is_empty() && !behind.starts_with([' ', '\t', '=', '<', '>', '!', '~']) {
        return Err(wrong());
    }
    let (version, build) = split(behind);
    spec.build = build;
    spec.set_version(&version);
    Ok(spec)
}

/// `version='>=1.2', build=py311_0`
fn brackets(inside: &str, spec: &mut Spec) {
    let mut rest = inside;
    while let Some((key, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, behind) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_once(',').unwrap_or((value, "")),
        };
        match key.trim_matches([' ', ',']) {
            "build" => spec.build = Some(value.trim().to_owned()),
            "channel" => spec.channel = Some(value.trim().to_owned()),
            "version" => spec.set_version(&value.replace(' ', "")),
            _ => {}
        }
        rest = behind;
    }
}

/// Version and build of what stands behind the name.
fn split(behind: &str) -> (String, Option<String>) {
    // Spaces around operators and commas separate nothing.
    let mut text = String::with_capacity(behind.len());
    let mut pending = false;
    for c in behind.trim().chars() {
        if c.is_whitespace() {
            pending = true;
            continue;
        }
        let joins = |c: char| matches!(c, ',' | '<' | '>' | '!' | '~' | '|' | '=');
        if pending && !text.is_empty() && !text.ends_with(joins) && !joins(c) {
            text.push(' ');
        }
        pending = false;
        text.push(c);
    }
    if let Some((version, build)) = text.split_once(' ') {
        return (version.to_owned(), Some(build.to_owned()).filter(|it| it != "*"));
    }
    // `=1.26.4=py311_0`, `==1.26.4=py311_0`
    let operator = text.len() - text.trim_start_matches('=').len();
    if matches!(operator, 1 | 2)
        && let Some((version, build)) = text[operator..].split_once('=')
    {
        return (format!("=={version}"), Some(build.to_owned()).filter(|it| it != "*"));
    }
    (text, None)
}

impl Spec {
    fn set_version(&mut self, version: &str) {
        let version = version.trim();
        self.version = exact(version, self.build.is_some());
        self.specifier = pep440(version).unwrap_or_else(|| {
            // Not every version of conda's is one of Python's: openssl's 1.1.1w.
            self.version.as_ref().map(|version| format!("==={version}")).unwrap_or_default()
        });
    }

    pub fn into_pin(self, line: usize, needs_python: Option<bool>) -> (Pin, bool) {
        let package = conda_names::package(&self.name, needs_python);
        let mut pin = Pin::new(&self.name, line);
        pin.version = self.version;
        pin.specifier = self.specifier;
        pin.source = Source::Conda { channel: self.channel, build: self.build };
        let python = match package {
            Package::Python(distribution) => {
                pin.normalised = distribution;
                true
            }
            Package::Other => false,
        };
        (pin, python)
    }
}

/// The one version that a text lets in. `=1.2.3` also lets in `1.2.3.1`, of which there hardly ever is one, and is what
/// `conda env export --no-builds` writes; `=1.2` means any `1.2.x`.
fn exact(version: &str, build: bool) -> Option<String> {
    if version.contains([',', '|', '*', '<', '>', '!', '~']) {
        return None;
    }
    let operator = version.len() - version.trim_start_matches('=').len();
    let plain = version.get(operator..).filter(|it| !it.is_empty())?;
    let fuzzy = operator == 1 && !build && plain.split('.').count() < 3;
    (!fuzzy).then(|| plain.to_owned())
}

/// conda's versions in the notation of PEP 440; `None` where it cannot be said there.
pub fn pep440(version: &str) -> Option<String> {
    if version.contains('|') {
        return None;
    }
    let mut clauses = Vec::new();
    for clause in version.split(',').map(str::trim).filter(|clause| !clause.is_empty() && *clause != "*") {
        let end = clause.find(|c: char| !"<>=!~".contains(c)).unwrap_or(clause.len());
        let (operator, plain) = clause.split_at(end);
        let plain = plain.trim();
        // `1.2*` and `1.2.*`
        let stem = plain.strip_suffix('*').map(|it| it.trim_end_matches('.'));
        clauses.push(match (operator, stem) {
            (">=" | "<=" | ">" | "<" | "~=", Some(stem)) => format!("{operator}{stem}"),
            ("" | "=" | "==", Some(stem)) => format!("=={stem}.*"),
            ("!=", Some(stem)) => format!("!={stem}.*"),
            ("=", None) => format!("=={plain}.*"),
            ("", None) => format!("=={plain}"),
            (operator, None) => format!("{operator}{plain}"),
            _ => return None,
        });
    }
    let specifier = clauses.join(",");
    VersionSpecifiers::from_str(&specifier).is_ok().then_some(specifier)
}

/// Name, version and build in the name of a package's file.
pub fn in_file_name(address: &str) -> Option<(String, String, String)> {
    let file = address.split(['#', '?']).next()?.rsplit('/').next()?;
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let whole = !name.is_empty() && !version.is_empty() && !build.is_empty();
    whole.then(|| (name.to_owned(), version.to_owned(), build.to_owned()))
}

/// The channel in a package's address: `…/conda-forge/linux-64/numpy-….conda`.
pub fn channel_in(address: &str) -> Option<String> {
    let mut parts = address.split(['#', '?']).next()?.rsplit('/');
    let (_, _) = (parts.next()?, parts.next()?);
    parts.next().filter(|it| !it.is_empty() && !it.ends_with(':')).map(str::to_owned)
}

impl Specification {
    /// What one line of conda's asks for: Python itself, a distribution, or something else.
    pub fn take_conda(&mut self, text: &str, line: usize, groups: &[Group]) {
        match parse(text) {
            Ok(spec) if spec.name == "python" => {
                if let Some(python) = Some(spec.specifier).filter(|it| !it.is_empty()) {
                    self.python.get_or_insert(python);
                }
            }
            Ok(spec) => {
                let (mut pin, python) = spec.into_pin(line, None);
                pin.groups = groups.to_vec();
                if python { self.pins.push(pin) } else { self.others.push(pin) }
            }
            Err(message) => self.problem(line, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, name, version, specifier, build) in [
            ("numpy", "numpy", None, "", None),
            ("numpy=1.26", "numpy", None, "==1.26.*", None),
            ("numpy=1.26.4", "numpy", Some("1.26.4"), "==1.26.4.*", None),
            ("numpy==1.26", "numpy", Some("1.26"), "==1.26", None),
            ("numpy=1.26=py311_0", "numpy", Some("1.26"), "==1.26", Some("py311_0")),
            ("numpy 1.26.4 py311_0", "numpy", Some("1.26.4"), "==1.26.4", Some("py311_0")),
            ("numpy 1.26", "numpy", Some("1.26"), "==1.26", None),
            ("numpy >= 1.2, <2.0a0", "numpy", None, ">=1.2,<2.0a0", None),
            ("numpy>=1.2,<2", "numpy", None, ">=1.2,<2", None),
            ("numpy 1.26.*", "numpy", None, "==1.26.*", None),
            ("numpy=1.26.*", "numpy", None, "==1.26.*", None),
            ("numpy=1.26*", "numpy", None, "==1.26.*", None),
            ("numpy >=3.13.* *_cp313", "numpy", None, ">=3.13", Some("*_cp313")),
            ("numpy=1.2|1.3", "numpy", None, "", None),
            ("conda-forge/linux-64::py-opencv=4", "py-opencv", None, "==4.*", None),
            ("numpy[version='>=1.2, <2', build=py_0]", "numpy", None, ">=1.2,<2", Some("py_0")),
            ("openssl=1.1.1w", "openssl", Some("1.1.1w"), "===1.1.1w", None),
            ("_libgcc_mutex=0.1=main", "_libgcc_mutex", Some("0.1"), "==0.1", Some("main")),
            (
                "https://h/conda-forge/linux-64/numpy-1.26.4-py311_0.conda",
                "numpy",
                Some("1.26.4"),
                "==1.26.4",
                Some("py311_0"),
            ),
        ] {
            let spec = parse(text).unwrap();
            assert_eq!(
                (spec.name.as_str(), spec.version.as_deref(), spec.specifier.as_str(), spec.build.as_deref()),
                (name, version, specifier, build),
                "{text}"
            );
        }
        assert_eq!(parse("conda-forge/linux-64::numpy").unwrap().channel.as_deref(), Some("conda-forge"));
        assert_eq!(
            channel_in("https://h/conda-forge/linux-64/numpy-1-0.conda").as_deref(),
            Some("conda-forge")
        );
        for text in ["", "=1", "numpy[version=1", "-x", "numpy?", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
