//! `Pipfile` and `Pipfile.lock`.

use std::collections::HashMap;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::spanned_toml::{Document, flag, tables, text, texts};
use super::{Group, Index, IndexUse, Kind, Pin, Source, Specification, requirement};

/// Pipenv's names for markers that stand as keys of their own.
const MARKERS: [&str; 11] = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
];

/// `Pipfile.lock`.
pub fn read_lock(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::PipfileLock);
    let root: Map<String, Value> = match serde_json::from_str(content) {
        Ok(root) => root,
        Err(error) => {
            specification.problem(error.line(), format!("this is not JSON: {error}"));
            return specification;
        }
    };
    let mut lines = Lines::new(content);
    let meta = root.get("_meta");
    let requires = meta.and_then(|it| it.get("requires"));
    let asked = |key: &str| requires.and_then(|it| it.get(key)).and_then(Value::as_str);
    specification.python = python(asked("python_full_version"), asked("python_version"));
    let mut urls: HashMap<&str, &str> = HashMap::new();
    let mut first = None;
    for source in meta.and_then(|it| it.get("sources")).and_then(Value::as_array).into_iter().flatten() {
        let Some(url) = source.get("url").and_then(Value::as_str) else { continue };
        if let Some(name) = source.get("name").and_then(Value::as_str) {
            urls.insert(name, url);
        }
        let line = lines.containing("\"url\"");
        let use_for = if first.is_none() { IndexUse::First } else { IndexUse::Extra };
        first.get_or_insert(url);
        specification.indexes.push(Index { url: url.to_owned(), use_for, line });
    }
    for (section, entries) in &root {
        let group = match section.as_str() {
            "_meta" => continue,
            "default" => Group::Main,
            "develop" => Group::Named("dev".to_owned()),
            other => Group::Named(other.to_owned()),
        };
        lines.key(section);
        for (name, value) in entries.as_object().into_iter().flatten() {
            let line = lines.key(name);
            let Some(table) = value.as_object() else {
                specification.problem(line, format!("`{name}` has no table behind it"));
                continue;
            };
            let mut pin = locked(name, table, line);
            pin.groups = vec![group.clone()];
            if let Source::Index { url } = &mut pin.source
                && let Some(index) = table.get("index").and_then(Value::as_str)
                && let Some(found) = urls.get(index).filter(|found| Some(**found) != first)
            {
                *url = Some((*found).to_owned());
            }
            // A package of both is in both sections.
            match specification
                .pins
                .iter_mut()
                .find(|other| other.normalised == pin.normalised && other.version == pin.version)
            {
                Some(other) if !other.groups.contains(&group) => other.groups.push(group.clone()),
                _ => specification.pins.push(pin),
            }
        }
    }
    specification.sorted()
}

fn locked(name: &str, table: &Map<String, Value>, line: usize) -> Pin {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    let list = |key: &str| -> Vec<String> {
        let items = table.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut pin = Pin::new(name, line);
    if let Some(version) = text("version") {
        pin.specifier = version.replace(' ', "");
        pin.version = requirement::exact(version).map(str::to_owned);
    }
    pin.marker = text("markers").map(str::to_owned);
    pin.extras = list("extras");
    pin.hashes = list("hashes");
    let editable = table.get("editable").and_then(Value::as_bool).unwrap_or(false);
    if let Some(source) = source_of(&text, editable) {
        pin.source = source;
    }
    pin
}

/// Where a package that is on no index comes from, in the keys that both files have.
fn source_of<'t>(text: &dyn Fn(&str) -> Option<&'t str>, editable: bool) -> Option<Source> {
    let owned = |key: &str| text(key).map(str::to_owned);
    for system in ["git", "hg", "svn", "bzr"] {
        if let Some(url) = text(system) {
            return Some(requirement::revision(system, url, owned("ref"), owned("subdirectory")));
        }
    }
    if let Some(path) = text("path") {
        return Some(Source::Path { path: path.to_owned(), editable });
    }
    text("file").or_else(|| text("url")).map(|file| requirement::source(file, editable))
}

fn python(full: Option<&str>, minor: Option<&str>) -> Option<String> {
    match (full, minor) {
        (Some(full), _) => Some(format!("=={full}")),
        (None, Some("*") | None) => None,
        (None, Some(minor)) => Some(format!("=={minor}.*")),
    }
}

/// The lines of a JSON text's keys, asked for in the order of the text.
struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.lines().collect(), next: 0 }
    }

    /// The next line with that key, or the last one found where there is none: all in one line, say.
    fn key(&mut self, key: &str) -> usize {
        self.containing(&serde_json::to_string(key).unwrap_or_default())
    }

    fn containing(&mut self, wanted: &str) -> usize {
        let rest = self.lines.get(self.next..).unwrap_or_default();
        match rest.iter().position(|line| line.contains(wanted)) {
            Some(found) => {
                self.next += found + 1;
                self.next
            }
            None => self.next.max(1),
        }
    }
}

/// `Pipfile`.
pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::Pipfile);
    let document = Document::read(content, &mut specification);
    let requires = document.table(&["requires"]);
    let asked = |key: &str| requires.and_then(|it| text(it, key));
    specification.python = python(asked("python_full_version"), asked("python_version"));
    let mut urls: HashMap<String, String> = HashMap::new();
    for (position, source) in tables(&document.root, "source").enumerate() {
        let Some(url) = text(source, "url") else { continue };
        let line = source.get("url").map_or(0, |it| document.line_of(it));
        let use_for = if position == 0 { IndexUse::First } else { IndexUse::Extra };
        specification.indexes.push(Index { url: url.to_owned(), use_for, line });
        if position > 0
            && let Some(name) = text(source, "name")
        {
            urls.insert(name.to_owned(), url.to_owned());
        }
    }
    for (section, _, entries) in document.entries(&document.root) {
        let group = match section {
            "source" | "requires" | "scripts" | "pipenv" => continue,
            "packages" => Group::Main,
            "dev-packages" => Group::Named("dev".to_owned()),
            other => Group::Named(other.to_owned()),
        };
        let Some(entries) = entries.get_ref().as_table() else { continue };
        for (name, line, value) in document.entries(entries) {
            let mut pin = match value.get_ref() {
                DeValue::String(version) => with_version(name, version, line, &mut specification),
                DeValue::Table(table) => declared(name, table, line, &urls, &mut specification),
                _ => {
                    specification
                        .problem(line, format!("`{name}` has neither a version nor a table behind it"));
                    continue;
                }
            };
            pin.groups = vec![group.clone()];
            specification.pins.push(pin);
        }
    }
    specification.sorted()
}

fn with_version(name: &str, version: &str, line: usize, specification: &mut Specification) -> Pin {
    let version = version.trim();
    let mut pin = Pin::new(name, line);
    if version.is_empty() || version == "*" {
        return pin;
    }
    // Pipenv takes a bare number for that very version.
    let operator = if version.starts_with(|c: char| c.is_ascii_digit()) { "==" } else { "" };
    if operator.is_empty() && !version.starts_with(['=', '<', '>', '!', '~']) {
        specification.problem(line, format!("`{version}` is no version that can be compared"));
        return pin;
    }
    match requirement::parse(&format!("{name}{operator}{version}")) {
        Ok(requirement) => {
            pin.version = requirement.exact().map(str::to_owned);
            pin.specifier = requirement.specifier;
        }
        Err(message) => specification.problem(line, message),
    }
    pin
}

fn declared(
    name: &str,
    table: &DeTable<'_>,
    line: usize,
    urls: &HashMap<String, String>,
    specification: &mut Specification,
) -> Pin {
    let mut pin = with_version(name, text(table, "version").unwrap_or("*"), line, specification);
    pin.extras = texts(table, "extras").into_iter().map(str::to_owned).collect();
    let mut markers: Vec<String> = text(table, "markers").map(str::to_owned).into_iter().collect();
    for key in MARKERS {
        // `sys_platform = "== 'win32'"`
        markers.extend(text(table, key).map(|condition| format!("{key} {condition}")));
    }
    pin.marker = match markers.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(several.iter().map(|it| format!("({it})")).collect::<Vec<_>>().join(" and ")),
    };
    let asked = |key: &str| text(table, key);
    if let Some(source) = source_of(&asked, flag(table, "editable")) {
        pin.source = source;
    } else if let Some(url) = text(table, "index").and_then(|index| urls.get(index)) {
        pin.source = Source::Index { url: Some(url.clone()) };
    }
    pin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared() {
        let read = read(
            "[[source]]\nurl = \"https://h/simple\"\nname = \"main\"\n[[source]]\nurl = \"https://h/cu118\"\nname = \"cuda\"\n\
             [packages]\nnumpy = \"*\"\ntorch = {version = \"==2.1\", index = \"cuda\", extras = [\"a\"]}\n\
             win = {version = \">=1\", sys_platform = \"== 'win32'\", markers = \"python_version > '3'\"}\n\
             x = {git = \"https://h/x.git\", ref = \"main\", editable = true}\ny = {path = \"./y\", editable = true}\n\
             z = \"latest\"\n[dev-packages]\npytest = \"~=8.0\"\n[requires]\npython_version = \"3.11\"\n",
        );
        assert_eq!(read.python.as_deref(), Some("==3.11.*"));
        assert_eq!(
            read.indexes.iter().map(|it| it.use_for).collect::<Vec<_>>(),
            [IndexUse::First, IndexUse::Extra]
        );
        let pins: Vec<_> =
            read.pins.iter().map(|pin| (pin.line, pin.name.as_str(), pin.specifier.as_str())).collect();
        assert_eq!(
            pins,
            [
                (8, "numpy", ""),
                (9, "torch", "==2.1"),
                (10, "win", ">=1"),
                (11, "x", ""),
                (12, "y", ""),
                (13, "z", ""),
                (15, "pytest", "~=8.0")
            ]
        );
        assert_eq!(read.pins[1].source, Source::Index { url: Some("https://h/cu118".into()) });
        assert_eq!(
            read.pins[2].marker.as_deref(),
            Some("(python_version > '3') and (sys_platform == 'win32')")
        );
        assert!(matches!(&read.pins[3].source, Source::Vcs { requested: Some(main), .. } if main == "main"));
        assert_eq!(read.pins[4].source, Source::Path { path: "./y".into(), editable: true });
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [13]);
        assert_eq!(read.pins[6].groups, [Group::Named("dev".into())]);
    }

    #[test]
    fn a_lock_that_is_none() {
        assert_eq!(read_lock("{\n\"default\": [}").problems[0].line, 2);
        assert!(read_lock("{\"default\": {\"a\": 1}}").problems.len() == 1);
        assert!(read_lock("[]").problems.len() == 1);
        assert!(!read_lock("{}").says());
    }
}
