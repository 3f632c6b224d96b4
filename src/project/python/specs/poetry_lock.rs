//! `poetry.lock` of the versions 1.0 to 2.1 (Poetry 1.0 to 2.5).

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::poetry_version::pep440;
use super::spanned_toml::{Document, flag, items, tables, text, texts};
use super::{Group, Kind, Pin, Source, Specification, marker, requirement};
use crate::project::python::requirements::normalised;

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::PoetryLock);
    let document = Document::read(content, &mut specification);
    let root = &document.root;
    let metadata = document.table(&["metadata"]);
    specification.python =
        metadata.and_then(|it| text(it, "python-versions")).and_then(pep440).filter(|it| !it.is_empty());
    // Until 1.2 the digests stood apart.
    let files = document.table(&["metadata", "files"]);
    let mut extras: HashMap<String, Vec<String>> = HashMap::new();
    if let Some(table) = document.table(&["extras"]) {
        for (extra, _, _) in document.entries(table) {
            for wanted in texts(table, extra) {
                // `rich (>=1)` in the oldest.
                let name =
                    wanted.split([' ', '[', '(', '=', '<', '>', '~', '!', ';']).next().unwrap_or_default();
                extras.entry(normalised(name)).or_default().push(extra.to_owned());
            }
        }
    }
    for item in items(root, "package") {
        let item_line = document.line_of(item);
        let Some((table, name)) = item.get_ref().as_table().and_then(|it| Some((it, text(it, "name")?)))
        else {
            specification.problem(item_line, "a package here has no name");
            continue;
        };
        let line = table.get("name").map_or(item_line, |it| document.line_of(it));
        let mut pin = Pin::exact(name, text(table, "version").unwrap_or_default(), line);
        let own = tables(table, "files").filter_map(|it| text(it, "hash"));
        let apart = files.into_iter().flat_map(|it| tables(it, name)).filter_map(|it| text(it, "hash"));
        pin.hashes = own.chain(apart).map(str::to_owned).collect();
        pin.marker = markers(table);
        pin.groups = groups(table, &extras, &pin);
        pin.requires = Some(requires(&document, table));
        if let Some(source) = table.get("source").and_then(|it| it.get_ref().as_table()) {
            pin.source = source_of(source, flag(table, "develop"));
        }
        specification.pins.push(pin);
    }
    specification.sorted()
}

/// One text for all, or one for each group: then that of the main one, or any of them.
fn markers(table: &DeTable<'_>) -> Option<String> {
    match table.get("markers")?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Table(by_group) => {
            if texts(table, "groups").contains(&"main") {
                return text(by_group, "main").map(str::to_owned);
            }
            let all: Vec<String> = by_group
                .values()
                .filter_map(|it| it.get_ref().as_str())
                .map(|it| format!("({it})"))
                .collect();
            (!all.is_empty()).then(|| all.join(" or "))
        }
        _ => None,
    }
}

fn groups(table: &DeTable<'_>, extras: &HashMap<String, Vec<String>>, pin: &Pin) -> Vec<Group> {
    let mut named: Vec<&str> = texts(table, "groups");
    // Until 1.4 there were two.
    named.extend(text(table, "category"));
    let mut groups: Vec<Group> = Vec::new();
    for name in named {
        if name != "main" {
            groups.push(Group::Named(name.to_owned()));
        } else if !flag(table, "optional") {
            groups.push(Group::Main);
        } else {
            let asked = pin.marker.as_deref().map(marker::extras).unwrap_or_default();
            groups.extend(asked.iter().map(|extra| Group::Extra((*extra).to_owned())));
            if asked.is_empty() {
                match extras.get(&pin.normalised) {
                    Some(found) => groups.extend(found.iter().map(|extra| Group::Extra(extra.clone()))),
                    // What an extra's package needs: until 2.0 it is not said which extra's.
                    None => groups.push(Group::Extra("*".to_owned())),
                }
            }
        }
    }
    groups
}

fn source_of(table: &DeTable<'_>, develop: bool) -> Source {
    let url = text(table, "url").unwrap_or_default();
    let subdirectory = text(table, "subdirectory").map(str::to_owned);
    match text(table, "type").unwrap_or_default() {
        "git" => {
            let resolved = text(table, "resolved_reference").or_else(|| text(table, "reference"));
            let source = requirement::revision("git", url, resolved.map(str::to_owned), subdirectory);
            match source {
                Source::Vcs { system, url, commit, requested, subdirectory } => {
                    let asked = text(table, "reference").map(str::to_owned);
                    let requested = requested.or(asked).filter(|it| Some(it) != commit.as_ref());
                    Source::Vcs { system, url, commit, requested, subdirectory }
                }
                other => other,
            }
        }
        "url" => Source::Url { url: url.to_owned(), subdirectory },
        "directory" | "file" => Source::Path { path: url.to_owned(), editable: develop },
        _ => Source::Index { url: Some(url.to_owned()).filter(|it| !it.is_empty()) },
    }
}

fn requires(document: &Document<'_>, table: &DeTable<'_>) -> Vec<String> {
    let Some(needs) = table.get("dependencies").and_then(|it| it.get_ref().as_table()) else {
        return Vec::new();
    };
    let mut requires = Vec::new();
    for (name, _, value) in document.entries(needs) {
        match value.get_ref() {
            DeValue::String(version) => requires.push(requirement_of(name, Some(version), None)),
            DeValue::Table(table) => requires.push(requirement_of(name, text(table, "version"), Some(table))),
            DeValue::Array(several) => {
                for table in several.iter().filter_map(|it| it.get_ref().as_table()) {
                    requires.push(requirement_of(name, text(table, "version"), Some(table)));
                }
            }
            _ => {}
        }
    }
    requires
}

fn requirement_of(name: &str, version: Option<&str>, table: Option<&DeTable<'_>>) -> String {
    let mut all = name.to_owned();
    let extras = table.map(|it| texts(it, "extras")).unwrap_or_default();
    if !extras.is_empty() {
        all.push_str(&format!("[{}]", extras.join(",")));
    }
    all.push_str(&version.and_then(pep440).unwrap_or_default());
    if let Some(marker) = table.and_then(|it| text(it, "markers")) {
        all.push_str(&format!(" ; {marker}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form() {
        let read = read(
            "[[package]]\nname = \"atomicwrites\"\nversion = \"1.4.1\"\ncategory = \"dev\"\noptional = false\n\
             python-versions = \">=2.7\"\n\
             [[package]]\nname = \"Rich\"\nversion = \"12.0\"\ncategory = \"main\"\noptional = true\n\
             [package.dependencies]\ncommonmark = \">=0.9,<0.10\"\ntyping-extensions = {version = \"^4\", markers = \"python_version < \\\"3.9\\\"\"}\n\
             [[package]]\nname = \"commonmark\"\nversion = \"0.9.1\"\ncategory = \"main\"\noptional = true\n\
             [extras]\ncli = [\"rich\"]\n\
             [metadata]\nlock-version = \"1.1\"\npython-versions = \"^3.7\"\n\
             [metadata.files]\natomicwrites = [{file = \"a.tar.gz\", hash = \"sha256:81\"}]\n",
        );
        assert_eq!(read.problems, []);
        assert_eq!(read.python.as_deref(), Some(">=3.7,<4.0"));
        let groups: Vec<_> = read.pins.iter().map(|pin| (pin.line, pin.groups.as_slice())).collect();
        assert_eq!(
            groups,
            [
                (2, &[Group::Named("dev".into())][..]),
                (8, &[Group::Extra("cli".into())]),
                (16, &[Group::Extra("*".into())])
            ]
        );
        assert_eq!(read.pins[0].hashes, ["sha256:81"]);
        assert_eq!(
            read.pins[1].requires.as_deref().unwrap(),
            ["commonmark>=0.9,<0.10", "typing-extensions>=4,<5 ; python_version < \"3.9\""]
        );
    }
}
