//! The shapes of values in a job file, and whether a value has one. The rules are those of azure-ai-ml
//! 1.35.2 (marshmallow): text is never made of numbers, whole numbers may be written as text, and what
//! is read-only there is passed over here.

use crate::spec::place::{Position, Text, near_miss};
use crate::spec::yaml::{Node, Value};

/// What a value may be.
pub enum Shape {
    Text,
    /// A whole number, or text or a number that can be made one.
    Integer,
    Switch,
    /// One of these words; upper case does not count.
    Choice(&'static [&'static str]),
    /// As `Choice`, and `UserIdentity` is `user_identity`.
    CamelChoice(&'static [&'static str]),
    /// Anything but nothing.
    Any,
    /// Anything, nothing included.
    Whatever,
    List(&'static Shape),
    /// A table whose keys are text, each with a value of this shape.
    Map(&'static Shape),
    Table(&'static Table),
    /// The first shape that fits; the last one's complaints are told.
    Either(&'static Shape, &'static Shape),
    /// Looked at by a function of its own.
    Special(fn(&mut Checker<'_, '_>, &str, &Node)),
}

pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
}

/// A table with known keys.
pub struct Table {
    pub fields: &'static [Field],
    /// Written by the service into what it returns; left out when a file has them.
    pub read_only: &'static [&'static str],
}

/// Collects what is wrong.
pub struct Checker<'t, 'a> {
    pub text: &'t mut Text<'a>,
    /// Paths that a file names, with the key that names them.
    pub paths: Vec<(String, String, Position)>,
}

/// `outer.inner`, or the one there is.
pub fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}.{inner}") }
}

impl Checker<'_, '_> {
    pub fn wrong(&mut self, node: &Node, what: impl Into<String>, hint: Option<String>) {
        self.text.wrong_at(node.position, what, hint);
    }

    /// "`limits.timeout` wants a whole number, and this is text".
    fn wants(&mut self, key: &str, node: &Node, wanted: &str) {
        let hint = match &node.value {
            Value::Integer(text) if wanted == "text" => Some(format!("put it in quotes: \"{text}\"")),
            Value::Float(_) | Value::Switch(_) | Value::Date(_) if wanted == "text" => {
                Some("put it in quotes".to_owned())
            }
            Value::Null => Some("give it a value, or leave the key out".to_owned()),
            _ => None,
        };
        self.wrong(node, format!("`{key}` wants {wanted}, and this is {}", node.kind()), hint);
    }

    /// Tells everything that is wrong with a value.
    pub fn check(&mut self, key: &str, node: &Node, shape: &Shape) {
        match shape {
            Shape::Text => {
                if node.as_text().is_none() {
                    self.wants(key, node, "text");
                }
            }
            Shape::Integer => {
                if as_integer(node).is_none() {
                    match &node.value {
                        Value::Text(text) => {
                            let text = text.clone();
                            self.wrong(
                                node,
                                format!("`{key}` wants a whole number, and `{text}` is none"),
                                None,
                            );
                        }
                        _ => self.wants(key, node, "a whole number"),
                    }
                }
            }
            Shape::Switch => {
                if !is_switch(node) {
                    self.wants(key, node, "true or false");
                }
            }
            Shape::Choice(words) => self.choice(key, node, words, &str::to_lowercase),
            Shape::CamelChoice(words) => self.choice(key, node, words, &snake),
            Shape::Any => {
                if node.value == Value::Null {
                    self.wants(key, node, "a value");
                }
            }
            Shape::Whatever => {}
            Shape::List(inner) => match &node.value {
                Value::List(items) => {
                    for item in items {
                        self.check(key, item, inner);
                    }
                }
                _ => self.wants(key, node, "a list"),
            },
            Shape::Map(inner) => self.map(key, node, inner),
            Shape::Table(table) => self.table(key, node, table),
            Shape::Either(first, second) => {
                let before = (self.text.problems.len(), self.paths.len());
                self.check(key, node, first);
                if self.text.problems.len() > before.0 {
                    self.text.problems.truncate(before.0);
                    self.paths.truncate(before.1);
                    self.check(key, node, second);
                }
            }
            Shape::Special(check) => check(self, key, node),
        }
    }

    fn choice(&mut self, key: &str, node: &Node, words: &[&str], fold: &dyn Fn(&str) -> String) {
        let Some(text) = node.as_text() else {
            self.wants(key, node, &format!("one of {}", words.join(", ")));
            return;
        };
        if !words.contains(&fold(text).as_str()) {
            let hint = near_miss(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
            let what = match words {
                [only] => format!("`{key}` is `{only}` or nothing, not `{text}`"),
                _ => format!("`{key}` is one of {}, not `{text}`", words.join(", ")),
            };
            self.wrong(node, what, hint);
        }
    }

    /// The pairs of a table whose keys are text.
    pub fn pairs<'n>(&mut self, key: &str, node: &'n Node) -> Vec<(&'n str, &'n Node, &'n Node)> {
        let Some(pairs) = node.as_map() else {
            self.wants(key, node, "a table");
            return Vec::new();
        };
        let mut named = Vec::new();
        for (name, value) in pairs {
            if let Some(text) = name.as_text() {
                named.push((text, name, value));
            } else {
                let hint = match &name.value {
                    Value::Integer(text) => Some(format!("put it in quotes: \"{text}\"")),
                    _ => Some("put it in quotes".to_owned()),
                };
                self.wrong(name, format!("a key of `{key}` is text, and this is {}", name.kind()), hint);
            }
        }
        named
    }

    fn map(&mut self, key: &str, node: &Node, inner: &Shape) {
        for (name, _, value) in self.pairs(key, node) {
            self.check(&join(key, name), value, inner);
        }
    }

    pub fn table(&mut self, key: &str, node: &Node, table: &Table) {
        let pairs = self.pairs(if key.is_empty() { "the job" } else { key }, node);
        if node.as_map().is_none() {
            return;
        }
        for (name, at, value) in &pairs {
            if let Some(field) = table.fields.iter().find(|field| field.name == *name) {
                self.check(&join(key, name), value, &field.shape);
            } else if !(table.read_only.contains(name) && value.value != Value::Null) {
                let names: Vec<&str> = table.fields.iter().map(|field| field.name).collect();
                self.unknown(key, name, at, &names);
            }
        }
        for field in table.fields.iter().filter(|field| field.required) {
            if !pairs.iter().any(|(name, _, _)| *name == field.name) {
                self.wrong(node, format!("`{}` is missing", join(key, field.name)), None);
            }
        }
    }

    pub fn unknown(&mut self, key: &str, name: &str, at: &Node, names: &[&str]) {
        let hint = match near_miss(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        let of = if key.is_empty() { "a command job".to_owned() } else { format!("`{key}`") };
        self.wrong(at, format!("unknown key `{name}` in {of}"), Some(hint));
    }

    /// Notes a path of this machine.
    pub fn path(&mut self, key: &str, node: &Node) {
        if let Some(text) = node.as_text() {
            self.paths.push((key.to_owned(), text.to_owned(), node.position));
        }
    }
}

/// A whole number as marshmallow's `Int` makes one: of a number by cutting, of text by reading.
pub fn as_integer(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Integer(text) => text.parse().ok(),
        Value::Text(text) => {
            let text = text.trim();
            // Python's int() takes single underscores between digits.
            if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
                return None;
            }
            text.replace('_', "").parse().ok()
        }
        #[allow(clippy::cast_possible_truncation, reason = "cut off as Python's int() does")]
        Value::Float(number) if number.abs() < 9e15 => Some(number.trunc() as i64),
        _ => None,
    }
}

fn is_switch(node: &Node) -> bool {
    const WORDS: [&str; 12] = ["t", "true", "on", "y", "yes", "1", "f", "false", "off", "n", "no", "0"];
    match &node.value {
        Value::Switch(_) => true,
        Value::Integer(text) => text == "0" || text == "1",
        #[allow(clippy::float_cmp, reason = "Python asks for equality, too")]
        Value::Float(number) => *number == 0.0 || *number == 1.0,
        // Lower case, upper case or with a capital: not `tRUE`.
        Value::Text(text) => {
            let lower = text.to_lowercase();
            let mut capital = lower.clone();
            if let Some(first) = capital.get_mut(0..1) {
                first.make_ascii_uppercase();
            }
            WORDS.contains(&lower.as_str())
                && (*text == lower || *text == capital || *text == lower.to_uppercase())
        }
        _ => false,
    }
}

/// `UserIdentity` and `userIdentity` as `user_identity`; what is snake case stays.
fn snake(text: &str) -> String {
    let mut snake = String::new();
    let mut before_lower = false;
    for character in text.chars() {
        if character.is_ascii_uppercase() && before_lower {
            snake.push('_');
        }
        before_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
