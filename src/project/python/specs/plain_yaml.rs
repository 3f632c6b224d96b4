//! YAML whose scalars stay the text that stands there (`3.10` is no number), each with its line. Lock files are read with
//! it; `spec::yaml` is for files whose mistakes are to be shown to the character.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::Problem;

/// Deeper is no file that is meant to be read.
const DEPTH: usize = 64;
/// Nodes in all.
const NODES: usize = 2_000_000;
/// Those of them that are copies by an alias.
const COPIES: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// 1-based.
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `~`, `null` or nothing, without quotes.
    Nothing,
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; keys that are no scalar are left out.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn map(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.map().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text under a key.
    pub fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }
}

enum Open {
    List { line: usize, anchor: usize, items: Vec<Node> },
    Map { line: usize, anchor: usize, pairs: Vec<(String, Node)>, key: Key },
}

/// Where in a mapping a reader is.
enum Key {
    Awaited,
    Named(String),
    /// A list or a mapping, whose value is passed over.
    Odd,
}

/// The first document of a text; `None` where it has none.
pub fn read(text: &str) -> Result<Option<Node>, Problem> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, (Node, usize)> = HashMap::new();
    let mut nodes = 0_usize;
    let mut copies = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            // At the end of the text it may be the line behind it.
            let line = error.marker().line().clamp(1, text.lines().count().max(1));
            Problem { line, message: format!("this is not YAML: {}", error.info()) }
        })?;
        let line = span.start.line().max(1);
        let (node, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List { line, anchor, items: Vec::new() });
                (None, 0)
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map { line, anchor, pairs: Vec::new(), key: Key::Awaited });
                (None, 0)
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List { line, anchor, items }) => {
                    (Some(Node { line, value: Value::List(items) }), anchor)
                }
                Some(Open::Map { line, anchor, pairs, .. }) => {
                    (Some(Node { line, value: Value::Map(pairs) }), anchor)
                }
                None => (None, 0),
            },
            Event::Scalar(text, style, anchor, _) => {
                let nothing =
                    style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if nothing { Value::Nothing } else { Value::Text(text.into_owned()) };
                (Some(Node { line, value }), anchor)
            }
            Event::Alias(anchor) => {
                let size = anchors.get(&anchor).map_or(1, |(_, size)| *size);
                copies += size;
                let copied = anchors.get(&anchor).filter(|_| copies <= COPIES).map(|(node, _)| node.clone());
                (Some(copied.unwrap_or(Node { line, value: Value::Nothing })), 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => (None, 0),
        };
        nodes += 1;
        if open.len() > DEPTH || nodes > NODES || copies > COPIES {
            let message = "this is nested or repeated too much to be read".to_owned();
            return Err(Problem { line, message });
        }
        let Some(node) = node else { continue };
        if anchor > 0 {
            // Anchors within anchors are copied as well.
            let size = count(&node);
            copies += size;
            anchors.insert(anchor, (node.clone(), size));
        }
        match open.last_mut() {
            None => return Ok(Some(node)),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { pairs, key, .. }) => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => {
                    *key = match node.value {
                        Value::Text(text) => Key::Named(text),
                        _ => Key::Odd,
                    };
                }
                // The first of two is found, since that is the one that is looked at first.
                Key::Named(name) => pairs.push((name, node)),
                Key::Odd => {}
            },
        }
    }
    Ok(None)
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(pairs) => pairs.iter().map(|(_, value)| 1 + count(value)).sum(),
        Value::Nothing | Value::Text(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn scalars_stay_as_written_and_have_lines() {
        let node = read("# c\nversion: 6\na:\n  - 3.10\n  - \"~\"\n  - ~\nb: {c: yes, ? [x] : y}\n")
            .unwrap()
            .unwrap();
        assert_eq!(node.text_at("version"), Some("6"));
        let a = node.get("a").unwrap().list();
        assert_eq!(
            a.iter().map(|it| (it.line, it.text())).collect::<Vec<_>>(),
            [(4, Some("3.10")), (5, Some("~")), (6, None)]
        );
        assert_eq!(node.get("b").unwrap().map().len(), 1);
        assert_eq!(node.get("b").unwrap().text_at("c"), Some("yes"));
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("a: [1\nb: 2\n").unwrap_err().line, 2);
        let merged = read("a: &a [x, y]\nb: *a\nc: *none\n");
        assert!(merged.is_err());
        assert_eq!(read("a: &a [x, y]\nb: *a\n").unwrap().unwrap().get("b").unwrap().list().len(), 2);
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let before = format!("*a{}, ", n - 1).repeat(10);
            let _ = writeln!(bomb, "a{n}: &a{n} [{before}]");
        }
        assert!(read(&bomb).unwrap_err().message.contains("too much"));
        assert!(read(&"[".repeat(10_000)).is_err());
        assert!(read(&"- ".repeat(10_000)).is_err());
    }
}
