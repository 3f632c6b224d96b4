//! YAML with the places of everything in it. Scalars mean what they mean to PyYAML (YAML 1.1), since
//! Azure's own package reads job files with it: `yes` is a switch, `010` is eight, `1e3` is a word.

pub mod scalar;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::place::{Position, Text};

/// One value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub position: Position,
    /// The last line that it reaches into.
    pub last_line: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Switch(bool),
    /// Decimal digits, with a sign where it is negative.
    Integer(String),
    Float(f64),
    Text(String),
    /// A date or a time: YAML 1.1 knows them, and nothing here wants one.
    Date(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// A value that stands nowhere, e.g. from a flag.
    pub fn text(text: impl Into<String>) -> Self {
        Self { position: Position::default(), last_line: 0, value: Value::Text(text.into()) }
    }

    /// What it is, as one says it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Switch(_) => "true or false",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Map(_) => "a table",
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a key of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    /// Sets the value at a dotted path; tables on the way are made. False where something on the way
    /// is there and is no table.
    pub fn set(&mut self, path: &[&str], new: Node) -> bool {
        let Some((first, rest)) = path.split_first() else {
            *self = new;
            return true;
        };
        if self.value == Value::Null {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(pairs) = &mut self.value else { return false };
        if let Some((_, value)) = pairs.iter_mut().find(|(name, _)| name.as_text() == Some(first)) {
            return value.set(rest, new);
        }
        let mut made = Self { position: new.position, last_line: new.last_line, value: Value::Null };
        let fine = made.set(rest, new);
        pairs.push((Self::text(*first), made));
        fine
    }
}

/// Deeper is no file that a person wrote; it would be a danger to the stack.
const DEPTH: usize = 64;
/// Nodes in all, aliases counted as often as they are used.
const NODES: usize = 100_000;

/// The one document of a file. What is wrong with its form goes to the problems of `text`; `None` where
/// nothing can be made of it.
pub fn read(text: &mut Text<'_>) -> Option<Node> {
    let content = text.content;
    let mut reader =
        Reader { text, open: Vec::new(), anchors: HashMap::new(), documents: Vec::new(), nodes: 0 };
    reader.run(content);
    let Reader { text, mut documents, .. } = reader;
    if documents.len() > 1 {
        let position = documents[1].position;
        text.wrong_at(position, "a second document begins here, and one is wanted", None);
    }
    if documents.is_empty() { None } else { Some(documents.remove(0)) }
}

/// A list or a table that has not ended yet.
struct Open {
    position: Position,
    anchor: usize,
    tag: Option<String>,
    map: bool,
    items: Vec<Node>,
}

struct Reader<'t, 'a> {
    text: &'t mut Text<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    documents: Vec<Node>,
    nodes: usize,
}

fn at(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn tag_name(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| {
        if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        }
    })
}

impl Reader<'_, '_> {
    fn run(&mut self, content: &str) {
        for event in Parser::new_from_str(content) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let position = at(error.marker());
                    self.text.wrong_at(position, format!("this is not YAML: {}", error.info()), None);
                    self.documents.clear();
                    return;
                }
            };
            let position = at(&span.start);
            match event {
                Event::SequenceStart(anchor, tag) => self.begin(position, anchor, tag.as_deref(), false),
                Event::MappingStart(anchor, tag) => self.begin(position, anchor, tag.as_deref(), true),
                Event::SequenceEnd | Event::MappingEnd => self.end(at(&span.end).line),
                Event::Scalar(scalar, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let value = self.scalar(position, &scalar, plain, tag_name(tag.as_deref()).as_deref());
                    let node = Node { position, last_line: at(&span.end).line, value };
                    self.anchor(anchor, &node, 1);
                    self.add(node, 1);
                }
                Event::Alias(anchor) => {
                    let (node, size) = self.anchors.get(&anchor).cloned().unwrap_or_else(|| {
                        self.text.wrong_at(
                            position,
                            "this stands for something that has not ended yet",
                            None,
                        );
                        (Node { position, last_line: position.line, value: Value::Null }, 1)
                    });
                    self.add(node, size);
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
            }
            if self.open.len() > DEPTH || self.nodes > NODES {
                self.text.wrong_at(position, "this is nested or repeated too much to be read", None);
                self.documents.clear();
                return;
            }
        }
    }

    fn begin(&mut self, position: Position, anchor: usize, tag: Option<&Tag>, map: bool) {
        self.open.push(Open { position, anchor, tag: tag_name(tag), map, items: Vec::new() });
    }

    fn end(&mut self, last_line: usize) {
        let Some(Open { position, anchor, tag, map, items }) = self.open.pop() else { return };
        let own = if map { "!!map" } else { "!!seq" };
        if let Some(tag) = tag
            && tag != own
            && tag != "!"
        {
            self.text.wrong_at(position, format!("the tag `{tag}` is not known here"), None);
        }
        let value = if map { Value::Map(self.pairs(items)) } else { Value::List(items) };
        // An end that lies on the next thing's line is not part of this one.
        let last_line = last_line.max(position.line);
        let node = Node { position, last_line, value };
        let size = count(&node);
        self.anchor(anchor, &node, size);
        self.add(node, 1);
    }

    fn anchor(&mut self, anchor: usize, node: &Node, size: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    fn add(&mut self, node: Node, size: usize) {
        self.nodes += size;
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.documents.push(node),
        }
    }

    /// Keys and values in turn as pairs: merge keys are carried out, a key that is there twice is told.
    fn pairs(&mut self, items: Vec<Node>) -> Vec<(Node, Node)> {
        let mut own: Vec<(Node, Node)> = Vec::new();
        let mut merged: Vec<(Node, Node)> = Vec::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            match &key.value {
                Value::Text(name) if name == "<<" => {
                    for table in self.merge(value) {
                        // What comes first wins, within a list and over an earlier merge.
                        for (key, value) in table {
                            if !merged.iter().any(|(known, _)| known.value == key.value) {
                                merged.push((key, value));
                            }
                        }
                    }
                    continue;
                }
                Value::List(_) | Value::Map(_) => {
                    self.text.wrong_at(key.position, format!("{} cannot be a key", key.kind()), None);
                    continue;
                }
                _ => {}
            }
            if let Some((first, _)) = own.iter().find(|(known, _)| known.value == key.value) {
                let shown = key.as_text().unwrap_or("this key").to_owned();
                let line = first.position.line;
                self.text.wrong_at(
                    key.position,
                    format!("`{shown}` is here a second time"),
                    Some(format!("the first one is in line {line}; leave one out")),
                );
                continue;
            }
            own.push((key, value));
        }
        for (key, value) in merged {
            if !own.iter().any(|(known, _)| known.value == key.value) {
                own.push((key, value));
            }
        }
        own
    }

    fn merge(&mut self, value: Node) -> Vec<Vec<(Node, Node)>> {
        let position = value.position;
        let tables = match value.value {
            Value::Map(pairs) => vec![Some(pairs)],
            Value::List(items) => items
                .into_iter()
                .map(|item| match item.value {
                    Value::Map(pairs) => Some(pairs),
                    _ => None,
                })
                .collect(),
            _ => vec![None],
        };
        if tables.iter().any(Option::is_none) {
            self.text.wrong_at(
                position,
                "`<<` takes over a table or a list of tables, and this is none",
                None,
            );
        }
        tables.into_iter().flatten().collect()
    }

    fn scalar(&mut self, position: Position, text: &str, plain: bool, tag: Option<&str>) -> Value {
        match tag {
            None if plain => scalar::resolve(text),
            None | Some("!!str" | "!") => Value::Text(text.to_owned()),
            Some(tag @ ("!!int" | "!!float" | "!!bool" | "!!null")) => {
                let value = scalar::resolve(text);
                let fits = matches!(
                    (tag, &value),
                    ("!!int", Value::Integer(_))
                        | ("!!float", Value::Float(_))
                        | ("!!bool", Value::Switch(_))
                        | ("!!null", Value::Null)
                );
                if !fits {
                    self.text.wrong_at(position, format!("`{text}` is no `{tag}`"), None);
                }
                value
            }
            Some(tag) => {
                self.text.wrong_at(position, format!("the tag `{tag}` is not known here"), None);
                Value::Text(text.to_owned())
            }
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| count(key) + count(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::spec::place::{Problem, listed};

    fn parse(content: &str) -> (Option<Node>, Vec<Problem>) {
        let mut text = Text::new("f.yaml", content);
        let node = read(&mut text);
        (node, text.into_problems())
    }

    fn problems(content: &str) -> String {
        listed(&parse(content).1)
    }

    #[test]
    fn places_of_keys_and_values() {
        let (node, problems) = parse("# c\na: 1\nb:\n  - x\n  - {c: \"y\"}\n");
        assert_eq!(problems, []);
        let node = node.unwrap();
        let b = node.get("b").unwrap();
        let Value::List(items) = &b.value else { panic!("{b:?}") };
        assert_eq!(node.get("a").unwrap().position, Position { line: 2, column: 4 });
        assert_eq!(items[1].get("c").unwrap().position, Position { line: 5, column: 9 });
    }

    #[test]
    fn merges_and_aliases() {
        let (node, problems) =
            parse("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  y: 3\nd: *a\n");
        assert_eq!(problems, []);
        let node = node.unwrap();
        let c = node.get("c").unwrap();
        for (key, value) in [("x", "1"), ("y", "3"), ("z", "2")] {
            assert_eq!(c.get(key).unwrap().value, Value::Integer(value.into()), "{key}");
        }
        assert_eq!(node.get("d").unwrap().get("y").unwrap().value, Value::Integer("1".into()));
    }

    #[test]
    fn what_is_wrong_with_the_form() {
        insta::assert_snapshot!(
            [
                "a: 1\nb: 2\na: 3\n",
                "a: [1\nb: 2\n",
                "a: b: c\n",
                "a: *nothing\n",
                "a: !mine x\n",
                "a: !!int x\n",
                "? [a]\n: 1\n",
                "a: 1\n---\nb: 2\n",
                "a:\n  <<: 1\n",
                "a:\n\tb: 1\n",
            ]
            .map(problems)
            .join("\n\n")
        );
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let before = format!("*a{}, ", n - 1).repeat(10);
            let _ = writeln!(bomb, "a{n}: &a{n} [{before}]");
        }
        assert!(problems(&bomb).contains("too much to be read"));
        assert!(problems(&"[".repeat(10_000)).contains("f.yaml:"));
        assert!(problems(&"- ".repeat(10_000)).contains("f.yaml:"));
    }

    #[test]
    fn mangled_files_are_refused_or_read_and_never_more() {
        let good = "a: &x {b: [1, 2.5, \"t\", 'u', ~]}\nc: |\n  block\nd: >-\n  folded\n  text\n<<: *x\ne: !!str 1\n";
        let spoilers =
            ["", "\t", "\n", "&", "*", "!", "{", "]", ":", "- ", "\"", "'", "|", "%", "\0", "é", "<<: "];
        for at in 0..=good.len() {
            for spoiler in spoilers {
                for cut in [0, 1, 3] {
                    let end = (at + cut).min(good.len());
                    let _ = parse(&format!("{}{spoiler}{}", &good[..at], &good[end..]));
                }
            }
        }
    }

    #[test]
    fn values_can_be_set_by_path() {
        let mut node = parse("a: {b: 1}\nc: x\n").0.unwrap();
        assert!(node.set(&["a", "b"], Node::text("2")));
        assert!(node.set(&["new", "deep"], Node::text("3")));
        assert!(!node.set(&["c", "d"], Node::text("4")));
        assert_eq!(node.get("a").unwrap().get("b").unwrap().as_text(), Some("2"));
        assert_eq!(node.get("new").unwrap().get("deep").unwrap().as_text(), Some("3"));
    }
}
