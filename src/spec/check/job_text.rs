//! A job file as a flat list of values with their places. It asks for no shape: what shape a job file
//! must have is the job reader's to say.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser};

/// One scalar of a YAML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The keys that lead to it; an item of a list has its index.
    pub path: Vec<String>,
    pub text: String,
    /// Where it begins; both count from 1. Of a block of lines, where its first line is.
    pub line: u32,
    pub column: u32,
}

impl Value {
    pub fn is_at(&self, path: &[&str]) -> bool {
        self.path.iter().map(String::as_str).eq(path.iter().copied())
    }
}

/// Why a text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    pub message: String,
    pub line: u32,
    pub column: u32,
}

enum Level {
    /// The key that was read, waiting for its value.
    Mapping(Option<String>),
    Sequence(usize),
}

/// The scalars of the first document; an empty collection counts as an empty scalar, so that its key is
/// seen.
pub fn values(text: &str) -> Result<Vec<Value>, YamlError> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let mut levels: Vec<Level> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut opened = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError {
            message: error.info().to_owned(),
            line: number(error.marker().line()),
            column: number(error.marker().col() + 1),
        })?;
        let line = number(span.start.line());
        let column = number(span.start.col() + 1);
        match event {
            Event::Scalar(scalar, ..) => {
                if let Some(Level::Mapping(key @ None)) = levels.last_mut() {
                    *key = Some(scalar.into_owned());
                } else {
                    values.push(Value { path: path(&levels), text: Cow::into_owned(scalar), line, column });
                    step(&mut levels);
                }
            }
            Event::Alias(_) => {
                if let Some(Level::Mapping(key @ None)) = levels.last_mut() {
                    *key = Some("*".to_owned());
                } else {
                    step(&mut levels);
                }
            }
            Event::MappingStart(..) => {
                if let Some(Level::Mapping(key @ None)) = levels.last_mut() {
                    // A mapping as a key: nothing that a job file has.
                    *key = Some("?".to_owned());
                }
                opened = values.len();
                levels.push(Level::Mapping(None));
            }
            Event::SequenceStart(..) => {
                opened = values.len();
                levels.push(Level::Sequence(0));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let was = levels.pop();
                let empty = matches!(was, Some(Level::Mapping(None) | Level::Sequence(0)));
                if empty && opened == values.len() {
                    values.push(Value { path: path(&levels), text: String::new(), line, column });
                }
                step(&mut levels);
            }
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    Ok(values)
}

fn path(levels: &[Level]) -> Vec<String> {
    levels
        .iter()
        .map(|level| match level {
            Level::Mapping(key) => key.clone().unwrap_or_default(),
            Level::Sequence(index) => index.to_string(),
        })
        .collect()
}

/// A value is complete.
fn step(levels: &mut [Level]) {
    match levels.last_mut() {
        Some(Level::Mapping(key)) => *key = None,
        Some(Level::Sequence(index)) => *index += 1,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_place() {
        let text = "a: 1\ncommand: >-\n  python x.py\n  --b\ninputs:\n  x: {type: uri, path: p}\n  y:\nlist: [c, {d: e}]\nnone: {}\n";
        let seen: Vec<String> = values(text)
            .unwrap()
            .into_iter()
            .map(|it| format!("{}:{} {}={}", it.line, it.column, it.path.join("."), it.text))
            .collect();
        assert_eq!(
            seen,
            [
                "1:4 a=1",
                "3:3 command=python x.py --b",
                "6:13 inputs.x.type=uri",
                "6:24 inputs.x.path=p",
                "7:4 inputs.y=",
                "8:8 list.0=c",
                "8:15 list.1.d=e",
                "9:8 none=",
            ]
        );
        let error = values("a: [1\nb: 2\n").unwrap_err();
        assert!(error.line >= 1 && !error.message.is_empty());
        assert_eq!(values("").unwrap(), []);
    }
}
