//! The house rules that no lint knows: rings, sizes, names. The allowed edges are read from the table in
//! `ARCHITECTURE.md`, so that the document cannot lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use crate::support::here;

/// Lines that a file may have.
const LONGEST: usize = 800;
/// Files that are longer; the list may only shrink.
const LONGER: [&str; 0] = [];
/// Names that say nothing of what is in a file.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "types", "misc"];

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![here().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(here()).unwrap().display().to_string()
}

/// `crate::a::…` in code, wherever it stands.
struct Edges(BTreeSet<String>);

impl<'ast> Visit<'ast> for Edges {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> =
            path.segments.iter().take(2).map(|segment| segment.ident.to_string()).collect();
        if let [first, second] = names.as_slice()
            && first == "crate"
        {
            self.0.insert(second.clone());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_use_tree(&mut self, tree: &'ast syn::UseTree) {
        if let syn::UseTree::Path(path) = tree
            && path.ident == "crate"
        {
            first_names(&path.tree, &mut self.0);
        }
        syn::visit::visit_use_tree(self, tree);
    }
}

fn first_names(tree: &syn::UseTree, names: &mut BTreeSet<String>) {
    match tree {
        syn::UseTree::Path(path) => drop(names.insert(path.ident.to_string())),
        syn::UseTree::Name(name) => drop(names.insert(name.ident.to_string())),
        syn::UseTree::Rename(rename) => drop(names.insert(rename.ident.to_string())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| first_names(tree, names)),
        syn::UseTree::Glob(_) => {}
    }
}

/// Ring → rings that it may use, from the table whose head is `| ring | may use |`.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(here().join("ARCHITECTURE.md")).unwrap();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| ring | may use |")).skip(2);
    let mut table = BTreeMap::new();
    while let Some(line) = lines.next().filter(|line| line.starts_with('|')) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let uses = cells[1]
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty() && name != "–");
        table.insert(cells[0].clone(), uses.collect());
    }
    assert!(!table.is_empty(), "ARCHITECTURE.md has no table of edges");
    table
}

#[test]
fn rings_depend_only_inward() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources("src") {
        let path = shown(&file);
        let ring = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if ring == "lib" || ring == "main" {
            continue;
        }
        seen.insert(ring.clone());
        let may =
            allowed.get(&ring).unwrap_or_else(|| panic!("{path}: ARCHITECTURE.md knows no ring `{ring}`"));
        let parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
        let mut edges = Edges(BTreeSet::new());
        edges.visit_file(&parsed);
        for to in edges.0 {
            if to != ring && !may.contains(&to) {
                wrong.push(format!("{path}: `{ring}` must not use `{to}`"));
            }
        }
    }
    assert_eq!(seen, allowed.keys().cloned().collect(), "the table's rings and the source's differ");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_touch_no_world() {
    // The two inner rings are values: whoever wants a disk, a process, the network or the clock there is
    // in the wrong ring.
    let words = [
        "std::fs",
        "std::process",
        "std::net",
        "tokio::",
        "bollard::",
        "SystemTime::now",
        "Instant::now",
        "std::env::",
    ];
    let mut wrong = Vec::new();
    for ring in ["src/project", "src/spec"] {
        for file in sources(ring) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (number, line) in code.lines().enumerate() {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                for word in words {
                    if line.contains(word) {
                        wrong.push(format!("{}:{}: `{word}`", shown(&file), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(sources)
        .filter(|file| fs::read_to_string(file).unwrap().lines().count() > LONGEST)
        .map(|file| shown(&file))
        .filter(|path| !LONGER.contains(&path.as_str()))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn files_have_names_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests/it")) {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        if EMPTY_NAMES.contains(&stem.as_str()) {
            wrong.push(format!("{}: the name says nothing", shown(&file)));
        }
        if stem == "mod" {
            wrong.push(format!("{}: a module's file is named after it", shown(&file)));
        }
        if !fs::read_to_string(&file).unwrap().starts_with("//!") {
            wrong.push(format!("{}: does not begin by saying what it is (`//!`)", shown(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = fs::read_to_string(here().join("Cargo.toml")).unwrap().parse().unwrap();
    let reasons = fs::read_to_string(here().join("docs/decisions/dependencies.md")).unwrap();
    let missing: Vec<&String> = ["dependencies", "dev-dependencies"]
        .into_iter()
        .flat_map(|table| manifest[table].as_table().unwrap().keys())
        .filter(|name| !reasons.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/decisions/dependencies.md has no line for {missing:?}");
}

#[test]
fn nothing_of_one_machine_or_registry_is_committed() {
    let registries =
        ["pypi.", "pythonhosted.", "crates.", "debian.", "npmjs."].map(|host| format!("{host}org"));
    let own = here().display().to_string();
    let mut wrong = Vec::new();
    let listed =
        std::process::Command::new("git").arg("-C").arg(here()).args(["ls-files", "-z"]).output().unwrap();
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        if name.ends_with(".lock") {
            continue;
        }
        let Ok(text) = fs::read_to_string(here().join(name)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if registries.iter().any(|host| line.contains(host.as_str()))
                || (own.len() > 8 && line.contains(&own))
            {
                wrong.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_in_the_pages_lead_somewhere() {
    let mut folders = vec![here().to_owned()];
    let mut wrong = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if !name.starts_with('.') && !matches!(name.as_str(), "target" | "templates" | "runs") {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|end| end != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap();
                if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                    wrong.push(format!("{}: {link}", shown(&path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A source without its tests at the end.
fn without_tests(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("\n#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The words that are asked of the environment: in `variable("NAME")`, `(self.variable)("NAME")`, `given("NAME")`.
fn asked(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for front in ["variable(\"", "variable)(\"", "given(\"", "raw(\""] {
        for (_, rest) in text.match_indices(front).map(|(at, _)| text.split_at(at + front.len())) {
            let name = rest.split('"').next().unwrap_or_default();
            if !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn every_variable_that_is_declared_is_read_and_the_other_way_round() {
    let declaration = "src/spec/env_vars.rs";
    let texts: Vec<(String, String)> = sources("src")
        .iter()
        .chain(&sources("tests"))
        .map(|path| (shown(path), without_tests(path)))
        .filter(|(path, _)| path != declaration && !path.ends_with("tidy.rs"))
        .collect();
    let declared: BTreeSet<&str> =
        scaf::spec::env_vars::GROUPS.iter().flat_map(|(_, group)| *group).map(|one| one.name).collect();
    let own = without_tests(&here().join(declaration));
    let own = own.split("impl Environment {").nth(1).unwrap();
    let is_word = |text: &str, name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let edge = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            edge(text[..at].chars().next_back()) && edge(text[at + name.len()..].chars().next())
        })
    };
    // Every `PIP_…` is carried, whatever it is.
    let unread: Vec<&&str> = declared
        .iter()
        .filter(|name| !name.starts_with("PIP_") && !is_word(own, name))
        .filter(|name| !texts.iter().any(|(_, text)| is_word(text, name)))
        .collect();
    assert!(unread.is_empty(), "declared, and nobody reads them: {unread:?}");
    let mut undeclared = Vec::new();
    for (path, text) in texts.iter().filter(|(path, _)| path.starts_with("src/")) {
        let names = asked(text).into_iter();
        undeclared.extend(names.filter(|name| !declared.contains(name.as_str())).map(|name| (path, name)));
    }
    assert!(undeclared.is_empty(), "read, and not declared in {declaration}: {undeclared:?}");
}
