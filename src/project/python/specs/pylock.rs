//! `pylock.toml`, the common lock file of PEP 751.

use toml::de::DeTable;

use super::spanned_toml::{Document, flag, items, tables, text};
use super::{Kind, Pin, Source, Specification, requirement};

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::PylockToml);
    let document = Document::read(content, &mut specification);
    let root = &document.root;
    if let Some(version) =
        root.get("lock-version").filter(|it| !it.get_ref().as_str().unwrap_or("").starts_with("1."))
    {
        let line = document.line_of(version);
        specification.problem(line, "this version of pylock.toml is not known here; version 1 is");
    }
    specification.python = text(root, "requires-python").map(|it| it.replace(' ', ""));
    for item in items(root, "packages") {
        let item_line = document.line_of(item);
        let Some((table, name)) = item.get_ref().as_table().and_then(|it| Some((it, text(it, "name")?)))
        else {
            specification.problem(item_line, "a package here has no name");
            continue;
        };
        let line = table.get("name").map_or(item_line, |it| document.line_of(it));
        let mut pin = Pin::exact(name, text(table, "version").unwrap_or_default(), line);
        pin.marker = text(table, "marker").map(str::to_owned);
        pin.source = source(table);
        let part = |key: &str| table.get(key).and_then(|it| it.get_ref().as_table());
        for files in tables(table, "wheels").chain(part("sdist")).chain(part("archive")) {
            if let Some(hashes) = files.get("hashes").and_then(|it| it.get_ref().as_table()) {
                pin.hashes.extend(text(hashes, "sha256").map(super::sha256));
            }
        }
        specification.pins.push(pin);
    }
    specification.sorted()
}

fn source(table: &DeTable<'_>) -> Source {
    let part = |key: &str| table.get(key).and_then(|it| it.get_ref().as_table());
    let owned = |table: &DeTable<'_>, key: &str| text(table, key).map(str::to_owned);
    if let Some(vcs) = part("vcs") {
        let system = text(vcs, "type").unwrap_or("git");
        let url = text(vcs, "url").or_else(|| text(vcs, "path")).unwrap_or_default();
        let found = requirement::revision(system, url, owned(vcs, "commit-id"), owned(vcs, "subdirectory"));
        return match found {
            Source::Vcs { system, url, commit, requested, subdirectory } => {
                let requested = requested.or_else(|| owned(vcs, "requested-revision"));
                Source::Vcs { system, url, commit, requested, subdirectory }
            }
            other => other,
        };
    }
    if let Some(folder) = part("directory") {
        let path = text(folder, "path").unwrap_or_default().to_owned();
        return Source::Path { path, editable: flag(folder, "editable") };
    }
    if let Some(archive) = part("archive") {
        return match text(archive, "url") {
            Some(url) => Source::Url { url: url.to_owned(), subdirectory: owned(archive, "subdirectory") },
            None => {
                Source::Path { path: text(archive, "path").unwrap_or_default().to_owned(), editable: false }
            }
        };
    }
    Source::Index { url: owned(table, "index") }
}
