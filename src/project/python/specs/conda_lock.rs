//! `conda-lock.yml` of version 1: the packages of all platforms in one list. pixi's locks up to version 3 have the same.

use super::conda_names::{self, Package};
use super::conda_spec::{self, channel_in};
use super::plain_yaml::{self, Node};
use super::requirement;
use super::{Group, Kind, Pin, Platform, Source, Specification, sha256};

pub fn read(content: &str, platform: &Platform) -> Specification {
    let mut specification = Specification::new(Kind::CondaLock);
    match plain_yaml::read(content) {
        Ok(Some(root)) => take(&root, platform, &mut specification),
        Ok(None) => {}
        Err(problem) => specification.problems.push(problem),
    }
    specification.sorted()
}

pub fn take(root: &Node, platform: &Platform, specification: &mut Specification) {
    let version = root.text_at("version").unwrap_or_default();
    if !matches!(version, "1" | "2" | "3") {
        specification.problem(1, "this version of the file is not known here; version 1 is");
    }
    let channels = root.get("metadata").and_then(|it| it.get("channels")).map(Node::list).unwrap_or_default();
    specification.channels = channels.iter().filter_map(|it| it.text_at("url")).map(str::to_owned).collect();
    let mut others_of: Vec<&str> = Vec::new();
    let mut any = false;
    for item in root.get("package").map(Node::list).unwrap_or_default() {
        let Some(name) = item.text_at("name") else {
            specification.problem(item.line, "a package here has no name");
            continue;
        };
        let of = item.text_at("platform").unwrap_or_default();
        if of != platform.conda && of != "noarch" {
            if !others_of.contains(&of) && others_of.len() < 16 {
                others_of.push(of);
            }
            continue;
        }
        any = true;
        package(name, item, specification);
    }
    if !any && !others_of.is_empty() {
        let message =
            format!("there is nothing for {} here, only for {}", platform.conda, others_of.join(", "));
        specification.problem(0, message);
    }
}

fn package(name: &str, item: &Node, specification: &mut Specification) {
    let version = item.text_at("version").unwrap_or_default();
    if name == "python" {
        specification.python = Some(format!("=={version}"));
        return;
    }
    let dependencies = dependencies(item);
    let url = item.text_at("url").unwrap_or_default();
    let mut pin = Pin::exact(name, version, item.line);
    let hash = item.get("hash");
    pin.hashes = hash.and_then(|it| it.text_at("sha256")).map(sha256).into_iter().collect();
    let category = item.text_at("category").unwrap_or("main");
    pin.groups = vec![if category == "main" { Group::Main } else { Group::Named(category.to_owned()) }];
    if item.text_at("manager") == Some("pip") {
        pin.source = of_pip(name, version, url);
        pin.requires =
            Some(dependencies.iter().map(|(name, version)| of_dependency(name, version)).collect());
        specification.pins.push(pin);
        return;
    }
    let needs_python = dependencies.iter().any(|(name, _)| matches!(*name, "python" | "python_abi"));
    let build = conda_spec::in_file_name(url).map(|(_, _, build)| build);
    pin.source = Source::Conda { channel: channel_in(url), build };
    pin.requires = Some(python_needs(dependencies.iter().map(|(name, _)| *name)));
    match conda_names::package(name, Some(needs_python)) {
        Package::Python(distribution) => {
            pin.normalised = distribution;
            specification.pins.push(pin);
        }
        Package::Other => specification.others.push(pin),
    }
}

/// A mapping in conda-lock's files, a list of texts in pixi's.
fn dependencies(item: &Node) -> Vec<(&str, &str)> {
    let Some(node) = item.get("dependencies") else { return Vec::new() };
    let mapped = node.map().iter().map(|(name, version)| (name.as_str(), version.text().unwrap_or_default()));
    let listed =
        node.list().iter().filter_map(Node::text).map(|text| text.split_once(' ').unwrap_or((text, "")));
    mapped.chain(listed).collect()
}

fn of_dependency(name: &str, version: &str) -> String {
    let specifier = conda_spec::pep440(version).unwrap_or_default();
    format!("{name}{specifier}")
}

/// The distributions among what a conda package needs, by the names that pip knows.
pub fn python_needs<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter_map(|name| match conda_names::package(name, None) {
            Package::Python(distribution) => Some(distribution),
            Package::Other => None,
        })
        .collect()
}

/// An index gives files whose names say what they are; anything else is somewhere of its own.
fn of_pip(name: &str, version: &str, url: &str) -> Source {
    let plain = crate::project::python::requirements::normalised;
    match requirement::in_file_name(url) {
        Some((file, number)) if plain(&file) == plain(name) && number == version => {
            Source::Index { url: None }
        }
        _ if url.is_empty() => Source::Index { url: None },
        _ => requirement::source(url, false),
    }
}
