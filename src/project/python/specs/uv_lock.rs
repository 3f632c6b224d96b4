//! `uv.lock`: every package with what it needs, from which follows for what and under which marker each is there
//! (revisions 1 to 5 of version 1, uv 0.4 to 0.13).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use pep508_rs::MarkerTree;
use toml::de::DeTable;

use super::spanned_toml::{Document, flag, items, tables, text, texts};
use super::{Group, Kind, Pin, Source, Specification, marker, requirement};
use crate::project::python::requirements::normalised;

/// Steps of the walk from the project to what it needs; real files take some thousand.
const STEPS: usize = 200_000;
/// Comparisons with names of extras and the like, each of which doubles what a marker can be.
const FREE: usize = 12;

/// One line of `dependencies`.
#[derive(Clone)]
struct Edge {
    name: String,
    version: Option<String>,
    extras: Vec<String>,
    marker: Option<String>,
}

struct Package {
    pin: Pin,
    needs: Vec<Edge>,
    /// By extra.
    optional: BTreeMap<String, Vec<Edge>>,
    /// By dependency group.
    groups: BTreeMap<String, Vec<Edge>>,
    /// The project itself, or a member of its workspace.
    root: bool,
}

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::UvLock);
    let document = Document::read(content, &mut specification);
    let root = &document.root;
    if let Some(version) = root.get("version") {
        let known = version.get_ref().as_integer().is_some_and(|number| number.as_str() == "1");
        if !known {
            let line = document.line_of(version);
            specification.problem(line, "this version of uv.lock is not known here; version 1 is");
        }
    }
    specification.python = text(root, "requires-python").map(|it| it.replace(' ', ""));
    let members: Vec<&str> = document.table(&["manifest"]).map(|it| texts(it, "members")).unwrap_or_default();
    let mut packages: Vec<Package> = Vec::new();
    for item in items(root, "package") {
        let line = document.line_of(item);
        match item.get_ref().as_table() {
            Some(table) if text(table, "name").is_some() => {
                packages.push(package(&document, table, line, &members));
            }
            _ => specification.problem(line, "a package here has no name"),
        }
    }
    // A script's lock, and a workspace without a project of its own, say here what is wanted.
    let mut wanted: Vec<Edge> = Vec::new();
    let mut wanted_groups: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
    if let Some(manifest) = document.table(&["manifest"]) {
        wanted = edges(manifest, "requirements");
        if let Some(groups) = manifest.get("dependency-groups").and_then(|it| it.get_ref().as_table()) {
            for (name, _, _) in document.entries(groups) {
                wanted_groups.insert(name.to_owned(), edges(groups, name));
            }
        }
    }
    assign(&mut packages, &wanted, &wanted_groups);
    specification.pins = packages.into_iter().filter(|it| !it.root).map(|it| it.pin).collect();
    specification.sorted()
}

fn package(document: &Document<'_>, table: &DeTable<'_>, item_line: usize, members: &[&str]) -> Package {
    let name = text(table, "name").unwrap_or_default();
    let line = table.get("name").map_or(item_line, |it| document.line_of(it));
    let mut pin = Pin::exact(name, text(table, "version").unwrap_or_default(), line);
    let source = table.get("source").and_then(|it| it.get_ref().as_table());
    let is_here = |key: &str| source.and_then(|it| text(it, key)).is_some_and(|path| path == ".");
    let root = is_here("virtual") || is_here("editable") || members.contains(&name);
    if let Some(table) = source {
        pin.source = source_of(table);
    }
    let mut hashes: Vec<String> =
        tables(table, "wheels").filter_map(|wheel| text(wheel, "hash")).map(str::to_owned).collect();
    if let Some(hash) =
        table.get("sdist").and_then(|it| it.get_ref().as_table()).and_then(|it| text(it, "hash"))
    {
        hashes.push(hash.to_owned());
    }
    pin.hashes = hashes;
    let forks = texts(table, "resolution-markers");
    pin.marker = match forks.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => Some(several.iter().map(|it| format!("({it})")).collect::<Vec<_>>().join(" or ")),
    };
    let by_name = |key: &str| -> BTreeMap<String, Vec<Edge>> {
        let Some(named) = table.get(key).and_then(|it| it.get_ref().as_table()) else {
            return BTreeMap::new();
        };
        named.keys().map(|name| (name.get_ref().to_string(), edges(named, name.get_ref()))).collect()
    };
    let needs = edges(table, "dependencies");
    let optional = by_name("optional-dependencies");
    let mut requires: Vec<String> = needs.iter().map(|edge| edge.requirement(None)).collect();
    for (extra, edges) in &optional {
        requires.extend(edges.iter().map(|edge| edge.requirement(Some(extra))));
    }
    pin.requires = Some(requires);
    Package { pin, needs, optional, groups: by_name("dev-dependencies"), root }
}

fn source_of(table: &DeTable<'_>) -> Source {
    let subdirectory = text(table, "subdirectory").map(str::to_owned);
    if let Some(url) = text(table, "git") {
        return git(url);
    }
    if let Some(url) = text(table, "url") {
        return Source::Url { url: url.to_owned(), subdirectory };
    }
    for (key, editable) in [("editable", true), ("directory", false), ("path", false), ("virtual", false)] {
        if let Some(path) = text(table, key) {
            return Source::Path { path: path.to_owned(), editable };
        }
    }
    let registry = text(table, "registry");
    // A folder of wheels is written as a path.
    Source::Index { url: registry.map(str::to_owned) }
}

/// `https://h/x.git?tag=v1&subdirectory=a#commit`
fn git(address: &str) -> Source {
    let (address, commit) = address.split_once('#').unwrap_or((address, ""));
    let (url, query) = address.split_once('?').unwrap_or((address, ""));
    let field = |name: &str| {
        let value = query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.replace("%2F", "/"))
    };
    let asked = field("tag").or_else(|| field("branch")).or_else(|| field("rev"));
    match requirement::revision("git", url, Some(commit.to_owned()), field("subdirectory")) {
        Source::Vcs { system, url, commit, requested, subdirectory } => {
            let requested = requested.or(asked).filter(|it| Some(it) != commit.as_ref());
            Source::Vcs { system, url, commit, requested, subdirectory }
        }
        other => other,
    }
}

fn edges(table: &DeTable<'_>, key: &str) -> Vec<Edge> {
    let edge = |it: &DeTable<'_>| {
        let mut extras: Vec<String> = texts(it, "extra").into_iter().map(str::to_owned).collect();
        extras.extend(texts(it, "extras").into_iter().map(str::to_owned));
        Some(Edge {
            name: text(it, "name")?.to_owned(),
            version: text(it, "version").map(str::to_owned),
            extras,
            marker: text(it, "marker").map(str::to_owned),
        })
    };
    tables(table, key).filter(|it| !flag(it, "optional")).filter_map(edge).collect()
}

impl Edge {
    /// In PEP 508; of an extra where one is given.
    fn requirement(&self, extra: Option<&str>) -> String {
        let mut text = self.name.clone();
        if !self.extras.is_empty() {
            text.push_str(&format!("[{}]", self.extras.join(",")));
        }
        if let Some(version) = &self.version {
            text.push_str(&format!("=={version}"));
        }
        let extra = extra.map(|extra| format!("extra == '{}'", extra.replace('\'', "")));
        let marker = match (&self.marker, extra) {
            (Some(marker), Some(extra)) => Some(format!("({marker}) and {extra}")),
            (Some(marker), None) => Some(marker.clone()),
            (None, extra) => extra,
        };
        if let Some(marker) = marker {
            text.push_str(&format!(" ; {marker}"));
        }
        text
    }
}

/// Walks from what is wanted to what that needs, once for each purpose, and writes down for every package what it is for
/// and where it is needed.
fn assign(packages: &mut [Package], wanted: &[Edge], wanted_groups: &BTreeMap<String, Vec<Edge>>) {
    let mut purposes: BTreeMap<Group, Vec<Edge>> = BTreeMap::new();
    if !wanted.is_empty() {
        purposes.entry(Group::Main).or_default().extend(wanted.iter().cloned());
    }
    for (name, edges) in wanted_groups {
        purposes.entry(Group::Named(name.clone())).or_default().extend(edges.iter().cloned());
    }
    for package in packages.iter().filter(|it| it.root) {
        purposes.entry(Group::Main).or_default().extend(package.needs.iter().cloned());
        for (extra, edges) in &package.optional {
            purposes.entry(Group::Extra(extra.clone())).or_default().extend(edges.iter().cloned());
        }
        for (group, edges) in &package.groups {
            purposes.entry(Group::Named(group.clone())).or_default().extend(edges.iter().cloned());
        }
    }
    if purposes.is_empty() {
        return;
    }
    let walk = Walk::new(packages);
    let mut steps = 0;
    let reached: Vec<(Group, HashMap<usize, MarkerTree>)> =
        purposes.into_iter().map(|(group, edges)| (group, walk.run(&edges, &mut steps))).collect();
    let finished = steps < STEPS && walk.markers;
    for (index, package) in packages.iter_mut().enumerate() {
        package.pin.groups = reached
            .iter()
            .filter(|(_, reached)| reached.contains_key(&index))
            .map(|(group, _)| group.clone())
            .collect();
        if !finished {
            continue;
        }
        // What it is there for in any case decides; where it is only for extras and groups, any of them.
        let main = reached.iter().find(|(group, _)| *group == Group::Main).and_then(|(_, it)| it.get(&index));
        let tree = match main {
            Some(tree) => Some(tree.clone()),
            None => reached.iter().filter_map(|(_, it)| it.get(&index)).cloned().reduce(|mut all, tree| {
                all.or(tree);
                all
            }),
        };
        if let Some(tree) = tree {
            package.pin.marker = tree.try_to_string().filter(|it| !it.is_empty());
        }
    }
}

struct Walk<'a> {
    packages: &'a [Package],
    by_name: HashMap<String, Vec<usize>>,
    /// Whether markers are followed; otherwise every one is taken to hold.
    markers: bool,
}

impl<'a> Walk<'a> {
    fn new(packages: &'a [Package]) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, package) in packages.iter().enumerate() {
            by_name.entry(package.pin.normalised.clone()).or_default().push(index);
        }
        let all = |it: &'a Package| {
            it.needs.iter().chain(it.optional.values().flatten()).chain(it.groups.values().flatten())
        };
        let texts: HashSet<&str> =
            packages.iter().flat_map(all).filter_map(|edge| edge.marker.as_deref()).collect();
        let markers = texts.iter().map(|text| marker::free(text)).sum::<usize>() <= FREE;
        Self { packages, by_name, markers }
    }

    fn marker(&self, text: Option<&str>) -> MarkerTree {
        text.filter(|_| self.markers).and_then(marker::parse).unwrap_or(MarkerTree::TRUE)
    }

    /// Which packages are reached, and under which marker.
    fn run(&self, wanted: &[Edge], steps: &mut usize) -> HashMap<usize, MarkerTree> {
        let mut reached: HashMap<usize, MarkerTree> = HashMap::new();
        // What is still to be followed: a package, with which of its extras, under which marker.
        let mut seen: HashMap<(usize, Option<&str>), MarkerTree> = HashMap::new();
        let mut queue: VecDeque<(&Edge, MarkerTree)> =
            wanted.iter().map(|edge| (edge, MarkerTree::TRUE)).collect();
        while let Some((edge, mut tree)) = queue.pop_front() {
            *steps += 1;
            if *steps >= STEPS {
                break;
            }
            tree.and(self.marker(edge.marker.as_deref()));
            if tree.is_false() {
                continue;
            }
            let Some(candidates) = self.by_name.get(&normalised(&edge.name)) else { continue };
            for &index in candidates {
                let package = &self.packages[index];
                if edge.version.is_some() && edge.version != package.pin.version {
                    continue;
                }
                reached.entry(index).or_insert(MarkerTree::FALSE).or(tree.clone());
                for extra in std::iter::once(None).chain(edge.extras.iter().map(|it| Some(it.as_str()))) {
                    let next = match extra {
                        None => Some(&package.needs),
                        Some(extra) => package.optional.get(extra),
                    };
                    let Some(next) = next else { continue };
                    let before = seen.entry((index, extra)).or_insert(MarkerTree::FALSE);
                    let mut after = before.clone();
                    after.or(tree.clone());
                    if after != *before {
                        *before = after.clone();
                        queue.extend(next.iter().map(|edge| (edge, after.clone())));
                    }
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let read = read(
            "version = 1\n\
             [[package]]\nname = \"a\"\nversion = \"1\"\nsource = { git = \"https://h/a?tag=v1&subdirectory=x%2Fy#0123456789abcdef0123456789abcdef01234567\" }\n\
             [[package]]\nname = \"b\"\nversion = \"2+cu118\"\nsource = { registry = \"https://h/cu118\" }\n\
             [[package]]\nname = \"c\"\nsource = { directory = \"../c\" }\n\
             [[package]]\nname = \"d\"\nversion = \"4\"\nsource = { url = \"https://h/d.whl\" }\n\
             [[package]]\nversion = \"4\"\n",
        );
        let sources: Vec<_> = read.pins.iter().map(|pin| (pin.line, &pin.source)).collect();
        assert_eq!(
            sources,
            [
                (
                    3,
                    &Source::Vcs {
                        system: "git".into(),
                        url: "https://h/a".into(),
                        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
                        requested: Some("v1".into()),
                        subdirectory: Some("x/y".into())
                    }
                ),
                (7, &Source::Index { url: Some("https://h/cu118".into()) }),
                (11, &Source::Path { path: "../c".into(), editable: false }),
                (14, &Source::Url { url: "https://h/d.whl".into(), subdirectory: None }),
            ]
        );
        assert_eq!(read.pins[2].version, None);
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [17]);
    }

    #[test]
    fn groups_and_markers_follow_from_the_walk() {
        let read = read(
            "version = 1\n\
             [[package]]\nname = \"me\"\nversion = \"1\"\nsource = { virtual = \".\" }\n\
             dependencies = [{ name = \"a\", extra = [\"x\"] }, { name = \"w\", marker = \"sys_platform == 'win32'\" }]\n\
             [package.optional-dependencies]\ncli = [{ name = \"c\" }]\n\
             [package.dev-dependencies]\ntest = [{ name = \"t\" }, { name = \"a\" }]\n\
             [[package]]\nname = \"a\"\nversion = \"1\"\n[package.optional-dependencies]\nx = [{ name = \"ax\" }]\ny = [{ name = \"ay\" }]\n\
             [[package]]\nname = \"ax\"\nversion = \"1\"\ndependencies = [{ name = \"a\" }, { name = \"w\", marker = \"python_full_version < '3.9'\" }]\n\
             [[package]]\nname = \"ay\"\nversion = \"1\"\n\
             [[package]]\nname = \"c\"\nversion = \"1\"\n\
             [[package]]\nname = \"t\"\nversion = \"1\"\n\
             [[package]]\nname = \"w\"\nversion = \"1\"\n",
        );
        assert_eq!(read.problems, []);
        let groups: Vec<_> = read
            .pins
            .iter()
            .map(|pin| (pin.name.as_str(), pin.groups.as_slice(), pin.marker.as_deref()))
            .collect();
        let test = Group::Named("test".into());
        assert_eq!(
            groups,
            [
                ("a", &[Group::Main, test.clone()][..], None),
                ("ax", &[Group::Main], None),
                ("ay", &[], None),
                ("c", &[Group::Extra("cli".into())], None),
                ("t", &[test], None),
                ("w", &[Group::Main], Some("python_full_version < '3.9' or sys_platform == 'win32'")),
            ]
        );
        assert_eq!(read.pins[0].requires.as_deref().unwrap(), ["ax ; extra == 'x'", "ay ; extra == 'y'"]);
    }
}
