//! `pyproject.toml`: the standard tables, and those of Poetry, uv, pixi, PDM, hatch and setuptools; also `pixi.toml`, whose
//! tables are pixi's without the prefix.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::poetry_version::pep440;
use super::spanned_toml::{Document, Entry, flag, items, tables, text, texts};
use super::{Group, Index, IndexUse, Kind, Pin, Platform, Source, Specification, conda_spec, requirement};
use crate::project::python::requirements::{Include, normalised};

/// Groups that include one another are followed so far.
const DEPTH: usize = 16;

pub fn read(content: &str, platform: &Platform) -> Specification {
    let mut specification = Specification::new(Kind::PyProject);
    let document = Document::read(content, &mut specification);
    let mut reader = Reader { document: &document, specification, platform };
    reader.project();
    reader.groups();
    reader.poetry();
    reader.uv();
    reader.others();
    if let Some(pixi) = document.table(&["tool", "pixi"]) {
        reader.pixi(pixi);
    }
    reader.specification.sorted()
}

pub fn read_pixi(content: &str, platform: &Platform) -> Specification {
    let mut specification = Specification::new(Kind::PixiToml);
    let document = Document::read(content, &mut specification);
    let mut reader = Reader { document: &document, specification, platform };
    reader.pixi(&document.root);
    reader.specification.sorted()
}

struct Reader<'d, 'i> {
    document: &'d Document<'i>,
    specification: Specification,
    platform: &'d Platform,
}

fn named(name: &str) -> Group {
    Group::Named(name.to_owned())
}

impl<'d, 'i> Reader<'d, 'i> {
    /// A list of requirements.
    fn list(&mut self, table: &'d DeTable<'i>, key: &str, groups: &[Group]) {
        for item in items(table, key) {
            self.item(item, groups);
        }
    }

    fn item(&mut self, item: Entry<'d, 'i>, groups: &[Group]) {
        let line = self.document.line_of(item);
        match item.get_ref() {
            DeValue::String(text) => self.specification.take(text, line, groups),
            DeValue::Table(_) => {}
            _ => self.specification.problem(line, "a requirement is a text"),
        }
    }

    fn project(&mut self) {
        let Some(project) = self.document.table(&["project"]) else { return };
        self.specification.python = text(project, "requires-python").map(|it| it.replace(' ', ""));
        self.list(project, "dependencies", &[]);
        if let Some(extras) = self.document.table(&["project", "optional-dependencies"]) {
            for (extra, _, _) in self.document.entries(extras) {
                self.list(extras, extra, &[Group::Extra(extra.to_owned())]);
            }
        }
    }

    /// PEP 735
    fn groups(&mut self) {
        let Some(groups) = self.document.table(&["dependency-groups"]) else { return };
        for (name, _, _) in self.document.entries(groups) {
            self.group(groups, name, &named(name), 0);
        }
    }

    fn group(&mut self, groups: &'d DeTable<'i>, name: &str, into: &Group, depth: usize) {
        for item in items(groups, name) {
            let line = self.document.line_of(item);
            let included = item.get_ref().as_table().and_then(|it| text(it, "include-group"));
            let Some(included) = included else {
                self.item(item, std::slice::from_ref(into));
                continue;
            };
            let found = groups.keys().find(|key| normalised(key.get_ref()) == normalised(included));
            match found {
                Some(_) if depth >= DEPTH || normalised(included) == normalised(name) => {
                    self.specification.problem(line, format!("the group `{included}` includes itself"));
                    return;
                }
                // The lines belong to that group as well, which is said once for each.
                Some(found) => {
                    let before = self.specification.problems.len();
                    self.group(groups, found.get_ref(), into, depth + 1);
                    self.specification
                        .problems
                        .truncate(before.max(1).min(self.specification.problems.len()));
                }
                None => self.specification.problem(line, format!("there is no group `{included}`")),
            }
            if self.specification.pins.len() > 100_000 {
                return;
            }
        }
    }

    fn poetry(&mut self) {
        let Some(poetry) = self.document.table(&["tool", "poetry"]) else { return };
        let mut urls: HashMap<String, String> = HashMap::new();
        for source in tables(poetry, "source") {
            let Some(url) = text(source, "url") else { continue };
            let line = source.get("url").map_or(0, |it| self.document.line_of(it));
            let use_for = match text(source, "priority").unwrap_or("primary") {
                "primary" | "default" => IndexUse::First,
                "explicit" => IndexUse::Named,
                _ => IndexUse::Extra,
            };
            self.specification.indexes.push(Index { url: url.to_owned(), use_for, line });
            if let Some(name) = text(source, "name") {
                urls.insert(name.to_owned(), url.to_owned());
            }
        }
        let extras = poetry.get("extras").and_then(|it| it.get_ref().as_table());
        let mut of_extras: HashMap<String, Vec<Group>> = HashMap::new();
        if let Some(extras) = extras {
            for (extra, _, _) in self.document.entries(extras) {
                for name in texts(extras, extra) {
                    of_extras.entry(normalised(name)).or_default().push(Group::Extra(extra.to_owned()));
                }
            }
        }
        let mut parts = vec![(self.document.table(&["tool", "poetry", "dependencies"]), Vec::new())];
        parts.push((self.document.table(&["tool", "poetry", "dev-dependencies"]), vec![named("dev")]));
        if let Some(groups) = self.document.table(&["tool", "poetry", "group"]) {
            for (name, _, _) in self.document.entries(groups) {
                parts.push((
                    self.document.table(&["tool", "poetry", "group", name, "dependencies"]),
                    vec![named(name)],
                ));
            }
        }
        for (table, groups) in parts {
            let Some(table) = table else { continue };
            for (name, line, value) in self.document.entries(table) {
                if name == "python" {
                    let python = value.get_ref().as_str().and_then(pep440).filter(|it| !it.is_empty());
                    self.specification.python = self.specification.python.take().or(python);
                    continue;
                }
                match value.get_ref() {
                    DeValue::Array(several) => {
                        for item in several {
                            let line = self.document.line_of(item);
                            self.poetry_entry(name, line, item, &groups, &of_extras, &urls);
                        }
                    }
                    _ => self.poetry_entry(name, line, value, &groups, &of_extras, &urls),
                }
            }
        }
    }

    fn poetry_entry(
        &mut self,
        name: &str,
        line: usize,
        value: Entry<'d, 'i>,
        groups: &[Group],
        of_extras: &HashMap<String, Vec<Group>>,
        urls: &HashMap<String, String>,
    ) {
        let mut pin = Pin::new(name, line);
        pin.groups = groups.to_vec();
        let (version, table) = match value.get_ref() {
            DeValue::String(version) => (Some(version.as_ref()), None),
            DeValue::Table(table) => (text(table, "version"), Some(table)),
            _ => {
                self.specification
                    .problem(line, format!("`{name}` has neither a version nor a table behind it"));
                return;
            }
        };
        if let Some(version) = version {
            match pep440(version) {
                Some(specifier) => {
                    pin.version = requirement::exact(&specifier).map(str::to_owned);
                    pin.specifier = specifier;
                }
                None if version.contains('|') => {}
                None => {
                    self.specification.problem(line, format!("`{version}` is no version that Poetry knows"));
                }
            }
        }
        if let Some(table) = table {
            pin.extras = texts(table, "extras").into_iter().map(str::to_owned).collect();
            let mut markers: Vec<String> = text(table, "markers").map(str::to_owned).into_iter().collect();
            if let Some(python) = text(table, "python").and_then(pep440).filter(|it| !it.is_empty()) {
                markers.extend(python.split(',').map(python_marker));
            }
            if let Some(platform) = text(table, "platform") {
                markers.push(format!("sys_platform == '{}'", platform.replace('\'', "")));
            }
            pin.marker = all_of(&markers);
            if let Some(source) = elsewhere(table, flag(table, "develop")) {
                pin.source = source;
            } else if let Some(url) = text(table, "source").and_then(|it| urls.get(it)) {
                pin.source = Source::Index { url: Some(url.clone()) };
            }
            if flag(table, "optional") && pin.groups.is_empty() {
                pin.groups = of_extras
                    .get(&pin.normalised)
                    .cloned()
                    .unwrap_or_else(|| vec![Group::Extra("*".to_owned())]);
            }
        }
        // Since Poetry 2 the standard table may name it first, and this one only says where it comes from.
        let known = self
            .specification
            .pins
            .iter_mut()
            .find(|it| it.normalised == pin.normalised && it.groups == pin.groups);
        match known {
            Some(known) if table.is_some() && known.line != pin.line && pin.specifier.is_empty() => {
                known.source = pin.source;
            }
            _ => self.specification.pins.push(pin),
        }
    }

    fn uv(&mut self) {
        let Some(uv) = self.document.table(&["tool", "uv"]) else { return };
        self.list(uv, "dev-dependencies", &[named("dev")]);
        self.list(uv, "constraint-dependencies", &[Group::Constraint]);
        self.list(uv, "override-dependencies", &[Group::Constraint]);
        let mut urls: HashMap<String, String> = HashMap::new();
        for index in tables(uv, "index") {
            let Some(url) = text(index, "url") else { continue };
            let line = index.get("url").map_or(0, |it| self.document.line_of(it));
            let use_for = match (flag(index, "explicit"), flag(index, "default")) {
                (true, _) => IndexUse::Named,
                (_, true) => IndexUse::First,
                _ => IndexUse::Extra,
            };
            self.specification.indexes.push(Index { url: url.to_owned(), use_for, line });
            if let Some(name) = text(index, "name") {
                urls.insert(name.to_owned(), url.to_owned());
            }
        }
        for (key, use_for) in [
            ("index-url", IndexUse::First),
            ("extra-index-url", IndexUse::Extra),
            ("find-links", IndexUse::Links),
        ] {
            let Some(value) = uv.get(key) else { continue };
            let line = self.document.line_of(value);
            for url in value.get_ref().as_str().into_iter().chain(texts(uv, key)) {
                self.specification.indexes.push(Index { url: url.to_owned(), use_for, line });
            }
        }
        let Some(sources) = self.document.table(&["tool", "uv", "sources"]) else { return };
        for (name, _, value) in self.document.entries(sources) {
            let of: Vec<&DeTable<'i>> = match value.get_ref() {
                DeValue::Table(table) => vec![table],
                DeValue::Array(several) => several.iter().filter_map(|it| it.get_ref().as_table()).collect(),
                _ => continue,
            };
            self.uv_source(name, &of, &urls);
        }
    }

    /// Says of the packages of that name where they come from; one package becomes several where that depends on a marker.
    fn uv_source(&mut self, name: &str, sources: &[&DeTable<'i>], urls: &HashMap<String, String>) {
        let plain = normalised(name);
        let mut pins = Vec::with_capacity(self.specification.pins.len());
        for pin in std::mem::take(&mut self.specification.pins) {
            if pin.normalised != plain || !matches!(pin.source, Source::Index { .. }) {
                pins.push(pin);
                continue;
            }
            let mut any = false;
            let mut everywhere = false;
            for table in sources {
                let of_group = |key: &str, make: fn(String) -> Group| {
                    text(table, key).is_none_or(|it| pin.groups.contains(&make(it.to_owned())))
                };
                if !of_group("extra", Group::Extra) || !of_group("group", Group::Named) {
                    continue;
                }
                let source = if let Some(index) = text(table, "index") {
                    Some(Source::Index { url: urls.get(index).cloned() })
                } else if flag(table, "workspace") {
                    Some(Source::Path { path: name.to_owned(), editable: true })
                } else {
                    elsewhere(table, flag(table, "editable"))
                };
                let Some(source) = source else { continue };
                let mut of = pin.clone();
                of.source = source;
                let own = text(table, "marker");
                everywhere |= own.is_none();
                let markers: Vec<String> = pin.marker.iter().cloned().chain(own.map(str::to_owned)).collect();
                of.marker = all_of(&markers);
                any = true;
                pins.push(of);
            }
            // Where no marker of a source holds, it is the index again, which is left unsaid: the others say more.
            if !any || (!everywhere && sources.is_empty()) {
                pins.push(pin);
            }
        }
        self.specification.pins = pins;
    }

    fn others(&mut self) {
        if let Some(groups) = self.document.table(&["tool", "pdm", "dev-dependencies"]) {
            for (name, _, _) in self.document.entries(groups) {
                self.list(groups, name, &[named(name)]);
            }
        }
        if let Some(environments) = self.document.table(&["tool", "hatch", "envs"]) {
            for (name, _, value) in self.document.entries(environments) {
                let group = [named(name)];
                let groups = if name == "default" { &[][..] } else { &group[..] };
                if let Some(table) = value.get_ref().as_table() {
                    self.list(table, "dependencies", groups);
                    self.list(table, "extra-dependencies", groups);
                }
            }
        }
        if let Some(flit) = self.document.table(&["tool", "flit", "metadata"]) {
            self.list(flit, "requires", &[]);
        }
        if let Some(dynamic) = self.document.table(&["tool", "setuptools", "dynamic", "dependencies"]) {
            let line = dynamic.get("file").map_or(0, |it| self.document.line_of(it));
            for path in text(dynamic, "file").into_iter().chain(texts(dynamic, "file")) {
                self.specification.includes.push(Include { line, path: path.to_owned(), constraint: false });
            }
        }
    }

    fn pixi(&mut self, pixi: &'d DeTable<'i>) {
        for key in ["workspace", "project"] {
            if let Some(table) = pixi.get(key).and_then(|it| it.get_ref().as_table()) {
                let channels = items(table, "channels").filter_map(|it| match it.get_ref() {
                    DeValue::String(channel) => Some(channel.to_string()),
                    DeValue::Table(table) => text(table, "channel").map(str::to_owned),
                    _ => None,
                });
                self.specification.channels.extend(channels);
            }
        }
        self.pixi_part(pixi, &[]);
        if let Some(features) = pixi.get("feature").and_then(|it| it.get_ref().as_table()) {
            for (name, _, value) in self.document.entries(features) {
                if let Some(feature) = value.get_ref().as_table() {
                    self.pixi_part(feature, &[named(name)]);
                }
            }
        }
    }

    /// The tables of the whole, of one feature, and of those for the platform in each.
    fn pixi_part(&mut self, part: &'d DeTable<'i>, groups: &[Group]) {
        self.pixi_tables(part, groups);
        let Some(targets) = part.get("target").and_then(|it| it.get_ref().as_table()) else { return };
        let conda = &self.platform.conda;
        let system = conda.split('-').next().unwrap_or(conda);
        for (name, _, value) in self.document.entries(targets) {
            let fits = name == conda || name == system || (name == "unix" && system != "win");
            if fits && let Some(target) = value.get_ref().as_table() {
                self.pixi_tables(target, groups);
            }
        }
    }

    fn pixi_tables(&mut self, part: &'d DeTable<'i>, groups: &[Group]) {
        for key in ["dependencies", "host-dependencies"] {
            let Some(table) = part.get(key).and_then(|it| it.get_ref().as_table()) else { continue };
            for (name, line, value) in self.document.entries(table) {
                let (version, channel, build) = match value.get_ref() {
                    DeValue::String(version) => (version.as_ref(), None, None),
                    DeValue::Table(table) => {
                        (text(table, "version").unwrap_or("*"), text(table, "channel"), text(table, "build"))
                    }
                    _ => {
                        self.specification
                            .problem(line, format!("`{name}` has neither a version nor a table behind it"));
                        continue;
                    }
                };
                let version = version.replace(' ', "");
                let version = if version == "*" { String::new() } else { version };
                // A version without an operator is that very one, as it is behind a space in conda's notation.
                let mut wanted = format!("{name} {version}");
                if let Some(build) = build {
                    wanted.push_str(&format!(" {build}"));
                }
                let before = self.specification.pins.len();
                self.specification.take_conda(&wanted, line, groups);
                if let (Some(channel), Some(Source::Conda { channel: of, .. })) =
                    (channel, self.specification.pins.get_mut(before).map(|pin| &mut pin.source))
                {
                    *of = Some(channel.to_owned());
                }
            }
        }
        let Some(table) = part.get("pypi-dependencies").and_then(|it| it.get_ref().as_table()) else {
            return;
        };
        for (name, line, value) in self.document.entries(table) {
            let (version, table) = match value.get_ref() {
                DeValue::String(version) => (version.as_ref(), None),
                DeValue::Table(table) => (text(table, "version").unwrap_or("*"), Some(table)),
                _ => {
                    self.specification
                        .problem(line, format!("`{name}` has neither a version nor a table behind it"));
                    continue;
                }
            };
            let mut pin = Pin::new(name, line);
            pin.groups = groups.to_vec();
            match conda_spec::pep440(&version.replace(' ', "")) {
                Some(specifier) => {
                    pin.version = requirement::exact(&specifier).map(str::to_owned);
                    pin.specifier = specifier;
                }
                None => self
                    .specification
                    .problem(line, format!("`{version}` is no version that can be compared")),
            }
            if let Some(table) = table {
                pin.extras = texts(table, "extras").into_iter().map(str::to_owned).collect();
                if let Some(source) = elsewhere(table, flag(table, "editable")) {
                    pin.source = source;
                } else if let Some(index) = text(table, "index") {
                    pin.source = Source::Index { url: Some(index.to_owned()) };
                }
            }
            self.specification.pins.push(pin);
        }
    }
}

/// Where a table says that something comes from, other than an index.
fn elsewhere(table: &DeTable<'_>, editable: bool) -> Option<Source> {
    let subdirectory = text(table, "subdirectory").map(str::to_owned);
    if let Some(url) = text(table, "git") {
        let asked = ["rev", "tag", "branch"].into_iter().find_map(|key| text(table, key));
        return Some(requirement::revision("git", url, asked.map(str::to_owned), subdirectory));
    }
    if let Some(url) = text(table, "url") {
        return Some(Source::Url { url: url.to_owned(), subdirectory });
    }
    let path = text(table, "path").or_else(|| text(table, "file"))?;
    Some(Source::Path { path: path.to_owned(), editable })
}

fn all_of(markers: &[String]) -> Option<String> {
    match markers {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(several.iter().map(|it| format!("({it})")).collect::<Vec<_>>().join(" and ")),
    }
}

/// `>=3.9` as a marker.
fn python_marker(clause: &str) -> String {
    let end = clause.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (operator, version) = clause.split_at(end);
    let of = if version.split('.').count() > 2 { "python_full_version" } else { "python_version" };
    format!("{of} {operator} '{version}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Specification {
        super::read(text, &Platform::default())
    }

    fn shown(specification: &Specification) -> Vec<String> {
        let of = |pin: &Pin| {
            let groups: Vec<_> = pin
                .groups
                .iter()
                .map(|group| match group {
                    Group::Main => "main".to_owned(),
                    Group::Extra(name) => format!("+{name}"),
                    Group::Named(name) => name.clone(),
                    Group::Constraint => "constraint".to_owned(),
                })
                .collect();
            format!(
                "{} {}{} {} {}",
                pin.line,
                pin.name,
                pin.specifier,
                groups.join(","),
                pin.marker.as_deref().unwrap_or("-")
            )
        };
        specification.pins.iter().map(of).collect()
    }

    #[test]
    fn the_standard_tables() {
        let read = read(
            "[project]\nname = \"x\"\nrequires-python = \">= 3.10\"\ndependencies = [\n  \"numpy==1.26\",\n  \"torch>=2 ; sys_platform == 'linux'\",\n  \"==1\",\n  1,\n]\n\
             [project.optional-dependencies]\ncli = [\"rich\"]\n\
             [dependency-groups]\ntest = [\"pytest\"]\ndev = [{include-group = \"Test\"}, \"ruff\", {include-group = \"none\"}]\nloop = [{include-group = \"loop\"}]\n\
             [tool.setuptools.dynamic]\ndependencies = {file = [\"requirements.txt\"]}\n",
        );
        assert_eq!(
            shown(&read),
            [
                "5 numpy==1.26  -",
                "6 torch>=2  sys_platform == 'linux'",
                "11 rich +cli -",
                "13 pytest test -",
                "13 pytest dev -",
                "14 ruff dev -"
            ]
        );
        assert_eq!(read.python.as_deref(), Some(">=3.10"));
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [7, 8, 14, 15]);
        assert_eq!(read.includes[0].path, "requirements.txt");
    }

    #[test]
    fn poetry_s() {
        let read = read(
            "[tool.poetry.dependencies]\npython = \"^3.9\"\nnumpy = \"^1.26\"\ntorch = {version = \"2.1.0\", source = \"cuda\", extras = [\"a\"]}\n\
             x = {git = \"https://h/x.git\", rev = \"main\"}\ny = {path = \"../y\", develop = true}\nrich = {version = \"*\", optional = true}\n\
             packaging = [\n  {version = \"23.2\", python = \"<3.12\"},\n  {version = \"24.2\", python = \">=3.12.1\"},\n]\nz = \"soon\"\n\
             [tool.poetry.extras]\ncli = [\"rich\"]\n[tool.poetry.group.test.dependencies]\npytest = \"8.3.4\"\n\
             [[tool.poetry.source]]\nname = \"cuda\"\nurl = \"https://h/cu118\"\npriority = \"explicit\"\n",
        );
        assert_eq!(
            shown(&read),
            [
                "3 numpy>=1.26,<2.0  -",
                "4 torch==2.1.0  -",
                "5 x  -",
                "6 y  -",
                "7 rich +cli -",
                "9 packaging==23.2  python_version < '3.12'",
                "10 packaging==24.2  python_full_version >= '3.12.1'",
                "12 z  -",
                "16 pytest==8.3.4 test -"
            ]
        );
        assert_eq!(read.python.as_deref(), Some(">=3.9,<4.0"));
        assert_eq!(read.pins[1].source, Source::Index { url: Some("https://h/cu118".into()) });
        assert_eq!(read.pins[3].source, Source::Path { path: "../y".into(), editable: true });
        assert_eq!(read.indexes[0].use_for, IndexUse::Named);
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [12]);
    }

    #[test]
    fn uv_s() {
        let read = read(
            "[project]\ndependencies = [\"torch==2.1\", \"x\", \"y\", \"mine\"]\n[tool.uv]\ndev-dependencies = [\"pytest\"]\nconstraint-dependencies = [\"numpy<2\"]\n\
             [tool.uv.sources]\ntorch = [\n {index = \"cpu\", marker = \"sys_platform == 'darwin'\"},\n {index = \"cuda\", marker = \"sys_platform == 'linux'\"},\n]\n\
             X = {git = \"https://h/x\", tag = \"v1\"}\ny = {path = \"../y\", editable = true}\nmine = {workspace = true}\n\
             [[tool.uv.index]]\nname = \"cuda\"\nurl = \"https://h/cu118\"\nexplicit = true\n",
        );
        assert_eq!(
            shown(&read),
            [
                "2 torch==2.1  sys_platform == 'darwin'",
                "2 torch==2.1  sys_platform == 'linux'",
                "2 x  -",
                "2 y  -",
                "2 mine  -",
                "4 pytest dev -",
                "5 numpy<2 constraint -"
            ]
        );
        assert_eq!(read.pins[0].source, Source::Index { url: None });
        assert_eq!(read.pins[1].source, Source::Index { url: Some("https://h/cu118".into()) });
        assert!(matches!(&read.pins[2].source, Source::Vcs { requested: Some(tag), .. } if tag == "v1"));
        assert_eq!(read.pins[3].source, Source::Path { path: "../y".into(), editable: true });
    }

    #[test]
    fn pixi_s() {
        let text = "[workspace]\nchannels = [\"conda-forge\", {channel = \"pytorch\"}]\n[dependencies]\npython = \"3.11.*\"\npytorch = {version = \">=2.1, <3\", channel = \"pytorch\"}\nffmpeg = \"*\"\n\
                    [pypi-dependencies]\nrich = \"==13.7.1\"\nx = {git = \"https://h/x\", rev = \"main\"}\n[target.linux-64.dependencies]\ncuda-nvcc = \"12\"\n\
                    [target.win-64.dependencies]\npywin32 = \"*\"\n[feature.test.dependencies]\npytest = \"8.3.4\"\n";
        let read_pixi = super::read_pixi(text, &Platform::default());
        assert_eq!(
            shown(&read_pixi),
            ["5 pytorch>=2.1,<3  -", "8 rich==13.7.1  -", "9 x  -", "15 pytest==8.3.4 test -"]
        );
        assert_eq!(read_pixi.pins[0].normalised, "torch");
        assert_eq!(read_pixi.channels, ["conda-forge", "pytorch"]);
        assert_eq!(read_pixi.python.as_deref(), Some("==3.11.*"));
        let others: Vec<_> = read_pixi.others.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(others, ["ffmpeg", "cuda-nvcc"]);
        let prefixed: String = text
            .replace("[workspace]", "[tool.pixi.workspace]")
            .replace("\n[", "\n[tool.pixi.")
            .replace("tool.pixi.tool.pixi", "tool.pixi");
        assert_eq!(shown(&read(&prefixed)), shown(&read_pixi));
    }
}
