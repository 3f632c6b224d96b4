//! `pixi.lock` of the versions 1 to 7 (pixi up to 0.60). Which packages an environment has on a platform stands in one
//! list, what they are in another.

use std::collections::HashMap;

use super::conda_lock::{self, python_needs};
use super::conda_names::{self, Package};
use super::conda_spec::{self, channel_in};
use super::plain_yaml::{self, Node};
use super::{Group, Kind, Pin, Platform, Source, Specification, requirement, sha256};

/// The environment that is meant where none is named.
const DEFAULT: &str = "default";

pub fn read(content: &str, platform: &Platform) -> Specification {
    let mut specification = Specification::new(Kind::PixiLock);
    match plain_yaml::read(content) {
        Ok(Some(root)) if root.get("package").is_some() => {
            conda_lock::take(&root, platform, &mut specification);
        }
        Ok(Some(root)) => take(&root, platform, &mut specification),
        Ok(None) => {}
        Err(problem) => specification.problems.push(problem),
    }
    specification.sorted()
}

fn take(root: &Node, platform: &Platform, specification: &mut Specification) {
    let version = root.text_at("version").unwrap_or_default();
    if !matches!(version, "4" | "5" | "6" | "7") {
        specification.problem(1, "this version of pixi.lock is not known here; versions 1 to 7 are");
    }
    // By what a reference to it says: `conda: URL`, `pypi: URL`.
    let mut records: HashMap<(&str, &str), &Node> = HashMap::new();
    for record in root.get("packages").map(Node::list).unwrap_or_default() {
        if let Some(key) = key(record) {
            records.entry(key).or_insert(record);
        }
    }
    let environments = root.get("environments").map(Node::map).unwrap_or_default();
    let main = environments.iter().find(|(name, _)| name == DEFAULT).or_else(|| environments.first());
    let mut found: HashMap<(&str, &str), usize> = HashMap::new();
    let mut order: Vec<(&str, &str, &Node, Vec<Group>)> = Vec::new();
    for (name, environment) in main.into_iter().chain(environments.iter()) {
        let is_main = main.is_some_and(|(main, _)| main == name);
        if is_main && specification.channels.is_empty() {
            let channels = environment.get("channels").map(Node::list).unwrap_or_default();
            specification.channels =
                channels.iter().filter_map(|it| it.text_at("url")).map(str::to_owned).collect();
            indexes(environment, specification);
        }
        let packages = environment.get("packages");
        let of_platform = packages.and_then(|it| it.get(&platform.conda));
        if is_main
            && of_platform.is_none()
            && let Some(packages) = packages.filter(|it| !it.map().is_empty())
        {
            let has: Vec<&str> = packages.map().iter().take(16).map(|(name, _)| name.as_str()).collect();
            let message =
                format!("there is nothing for {} here, only for {}", platform.conda, has.join(", "));
            if !specification.problems.iter().any(|it| it.message == message) {
                specification.problem(packages.line, message);
            }
        }
        let group = if is_main { Group::Main } else { Group::Named(name.clone()) };
        for reference in of_platform.map(Node::list).unwrap_or_default() {
            let Some((kind, url)) = key(reference) else {
                specification.problem(reference.line, "this refers to no package");
                continue;
            };
            let at = *found.entry((kind, url)).or_insert_with(|| {
                order.push((kind, url, reference, Vec::new()));
                order.len() - 1
            });
            if let Some((.., groups)) = order.get_mut(at)
                && !groups.contains(&group)
            {
                groups.push(group.clone());
            }
        }
    }
    for (kind, url, reference, groups) in order {
        let record = records.get(&(kind, url)).copied();
        if record.is_none() {
            specification.problem(reference.line, "the package that this refers to is not described");
        }
        let record = record.unwrap_or(reference);
        if kind == "pypi" {
            of_pypi(url, reference, record, groups, specification);
        } else {
            of_conda(url, record, groups, specification);
        }
    }
}

fn indexes(environment: &Node, specification: &mut Specification) {
    use super::{Index, IndexUse};
    for (position, item) in environment.get("indexes").map(Node::list).unwrap_or_default().iter().enumerate()
    {
        if let Some(url) = item.text() {
            let use_for = if position == 0 { IndexUse::First } else { IndexUse::Extra };
            specification.indexes.push(Index { url: url.to_owned(), use_for, line: item.line });
        }
    }
}

/// Which package a record is, and which a reference means.
fn key(node: &Node) -> Option<(&'static str, &str)> {
    for kind in ["conda", "pypi"] {
        if let Some(url) = node.text_at(kind) {
            return Some((kind, url));
        }
    }
    // Since version 7 what is built from source has a key of its own.
    if let Some(url) = node.text_at("source") {
        return Some(("conda", url));
    }
    // Until version 5.
    let kind = match node.text_at("kind")? {
        "conda" => "conda",
        "pypi" => "pypi",
        _ => return None,
    };
    let url = node.text_at("url").or_else(|| node.text_at("path"))?;
    Some((kind, url))
}

fn of_pypi(
    url: &str,
    reference: &Node,
    record: &Node,
    groups: Vec<Group>,
    specification: &mut Specification,
) {
    let in_name = requirement::in_file_name(url);
    let name =
        record.text_at("name").map(str::to_owned).or_else(|| in_name.as_ref().map(|(name, _)| name.clone()));
    let Some(name) = name else {
        specification.problem(record.line, "a package here has no name");
        return;
    };
    let mut pin = Pin::exact(&name, record.text_at("version").unwrap_or_default(), record.line);
    let plain = crate::project::python::requirements::normalised;
    pin.source = match in_name {
        // An index's files say in their names what they are.
        Some((file, version))
            if plain(&file) == pin.normalised
                && pin.version.as_ref().is_none_or(|it| *it == version)
                && url.contains("://") =>
        {
            Source::Index { url: record.text_at("index").map(str::to_owned) }
        }
        _ => source_of(url, record.text_at("editable") == Some("true")),
    };
    let listed = |node: &Node, key: &str| -> Vec<String> {
        let items = node.get(key).map(Node::list).unwrap_or_default();
        items.iter().filter_map(Node::text).map(str::to_owned).collect()
    };
    pin.extras = listed(reference, "extras");
    pin.hashes = record.text_at("sha256").map(sha256).into_iter().collect();
    pin.requires = Some(listed(record, "requires_dist"));
    pin.groups = groups;
    specification.pins.push(pin);
}

/// `git+https://h/x.git?rev=main#commit`, `direct+https://…`, or a path.
fn source_of(url: &str, editable: bool) -> Source {
    let url = url.strip_prefix("direct+").unwrap_or(url);
    let Some(address) = url.strip_prefix("git+") else { return requirement::source(url, editable) };
    let (address, commit) = address.split_once('#').unwrap_or((address, ""));
    let (plain, query) = address.split_once('?').unwrap_or((address, ""));
    let field = |name: &str| query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let subdirectory = field("subdirectory").map(str::to_owned);
    let asked = field("rev").or_else(|| field("tag")).or_else(|| field("branch")).map(str::to_owned);
    match requirement::revision("git", plain, Some(commit.to_owned()), subdirectory) {
        Source::Vcs { system, url, commit, requested, subdirectory } => {
            let requested = requested.or(asked).filter(|it| Some(it) != commit.as_ref());
            Source::Vcs { system, url, commit, requested, subdirectory }
        }
        other => other,
    }
}

fn of_conda(url: &str, record: &Node, groups: Vec<Group>, specification: &mut Specification) {
    let in_name = conda_spec::in_file_name(url);
    // `name[hash] @ folder` of a source
    let source_name = url.split(['[', ' ']).next().filter(|it| !it.contains('/') && *it != url);
    let name =
        record.text_at("name").or_else(|| in_name.as_ref().map(|(name, ..)| name.as_str())).or(source_name);
    let Some(name) = name else {
        specification.problem(record.line, "a package here has no name");
        return;
    };
    let version =
        record.text_at("version").or_else(|| in_name.as_ref().map(|(_, version, _)| version.as_str()));
    let version = version.unwrap_or_default();
    if name == "python" {
        if groups.contains(&Group::Main) || specification.python.is_none() {
            specification.python = Some(format!("=={version}"));
        }
        return;
    }
    let mut pin = Pin::exact(name, version, record.line);
    let build = record.text_at("build").or_else(|| in_name.as_ref().map(|(.., build)| build.as_str()));
    pin.source = if in_name.is_some() {
        Source::Conda { channel: channel_in(url), build: build.map(str::to_owned) }
    } else {
        let path = url.rsplit(" @ ").next().unwrap_or(url);
        Source::Path { path: path.to_owned(), editable: false }
    };
    pin.hashes = record.text_at("sha256").map(sha256).into_iter().collect();
    pin.groups = groups;
    let depends = record.get("depends").map(Node::list).unwrap_or_default();
    let needs: Vec<&str> = depends
        .iter()
        .filter_map(Node::text)
        .map(|it| it.split([' ', '=', '<', '>']).next().unwrap_or(it))
        .collect();
    pin.requires = Some(python_needs(needs.iter().copied()));
    let package = if let Some(purls) = record.get("purls") {
        let named = purls.list().iter().filter_map(Node::text).find_map(of_purl);
        named.map_or(Package::Other, Package::Python)
    } else {
        let noarch = record.text_at("noarch") == Some("python");
        let needs = noarch || needs.iter().any(|name| matches!(*name, "python" | "python_abi"));
        conda_names::package(name, Some(needs))
    };
    match package {
        Package::Python(distribution) => {
            pin.normalised = distribution;
            specification.pins.push(pin);
        }
        Package::Other => specification.others.push(pin),
    }
}

/// `pkg:pypi/numpy@1.26?source=…`
fn of_purl(purl: &str) -> Option<String> {
    let name = purl.strip_prefix("pkg:pypi/")?.split(['@', '?', '#']).next()?;
    (!name.is_empty()).then(|| crate::project::python::requirements::normalised(name))
}
