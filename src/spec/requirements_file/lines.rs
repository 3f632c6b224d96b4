//! The lines of a requirements file, told apart by whose they are.

use super::super::pin::Pin;
use super::Group;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::{self, normalised};
use crate::project::python::requires_dist::{self, Demand};

/// One requirement with the lines that it goes on in, or one other line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub kind: Kind,
    /// Without the last line's end.
    pub text: String,
    /// The first of its lines, from 1; 0 for what is new.
    pub line: usize,
    /// That end, as it stands there; none for what is new, and empty where the file ends without one.
    pub end: Option<String>,
}

impl Item {
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), line: 0, end: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Headline(Group),
    /// scaf's: a pin.
    Pin {
        name: String,
        pin: String,
    },
    /// scaf's: a comment.
    Suggestion {
        name: String,
    },
    /// scaf's: where a build comes from.
    Index {
        url: String,
    },
    /// The user's: a requirement. Names normalised.
    Own {
        names: Vec<String>,
        line: usize,
    },
    /// The user's: an option that says where distributions come from.
    OwnOption(IndexOption),
    Other,
}

impl Kind {
    pub fn is_of_scaf(&self) -> bool {
        matches!(self, Self::Pin { .. } | Self::Suggestion { .. } | Self::Index { .. })
    }
}

/// What makes a line scaf's.
const MARK: &str = " # why:";

pub(super) fn read(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (first, before) = open.take().unwrap_or((index + 1, String::new()));
        if line.trim_end().ends_with('\\') && !line.trim_start().starts_with('#') {
            open = Some((first, before + whole));
        } else {
            items.push(item(before + whole, first));
        }
    }
    if let Some((first, joined)) = open {
        items.push(item(joined, first));
    }
    items
}

fn item(whole: String, line: usize) -> Item {
    let text = whole.strip_suffix('\n').unwrap_or(&whole);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let end = whole[text.len()..].to_owned();
    Item { kind: kind(text, line), text: text.to_owned(), line, end: Some(end) }
}

pub(super) fn kind(text: &str, line: usize) -> Kind {
    let plain_text = text.trim();
    if let Some(group) = Group::ALL.into_iter().find(|group| group.headline() == plain_text) {
        return Kind::Headline(group);
    }
    // More than one line is nothing that scaf writes.
    if let Some((front, _)) = plain_text.split_once(MARK).filter(|_| !plain_text.contains('\n')) {
        let front = front.trim_end();
        if let Some(name) = front.strip_prefix("# ") {
            let only_a_name = requires_dist::split(name)
                .is_ok_and(|parts| parts.demand == Demand::Any && parts.marker.is_none());
            return if only_a_name { Kind::Suggestion { name: plain(name) } } else { Kind::Other };
        }
        if let Some(url) = front.strip_prefix("--extra-index-url ") {
            return Kind::Index { url: url.trim().to_owned() };
        }
        if let Some(wheel) = Pin::of_wheel_line(front) {
            return Kind::Pin { name: wheel.normalised(), pin: front.to_owned() };
        }
        if let Ok(parts) = requires_dist::split(front)
            && parts.marker.is_none()
        {
            let pinned = match parts.demand {
                Demand::Any => false,
                Demand::Versions(versions) => versions.starts_with("==") && !versions.contains([',', '*']),
                Demand::Address(_) => true,
            };
            // A suggestion that was taken up is a wish of the user's.
            if pinned {
                return Kind::Pin { name: plain(parts.name), pin: front.to_owned() };
            }
        }
    }
    let read = requirements::read(text);
    if !read.names.is_empty() {
        return Kind::Own { names: read.names, line };
    }
    match IndexOption::read(plain_text) {
        Some(option) => Kind::OwnOption(option),
        None => Kind::Other,
    }
}

/// A user's requirement without its comment, its hashes and the ends of its lines; `None` for an address without a name, and for what is no
/// requirement.
pub(super) fn requirement(text: &str) -> Option<String> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ").replace('\\', " ");
    let plain = joined.split(" #").next().unwrap_or_default();
    let plain = plain.split(" --").next().unwrap_or_default().trim();
    if requires_dist::split(plain).is_ok() {
        return Some(plain.to_owned());
    }
    // A wheel beside the file says its name itself.
    if let Some(wheel) = Pin::of_wheel_line(plain) {
        return Some(format!("{} @ {plain}", wheel.name));
    }
    if !plain.contains("://") {
        return None;
    }
    // `git+https://h/x#egg=x` says its name itself.
    let read = requirements::read(plain);
    read.names.first().map(|name| format!("{name} @ {plain}"))
}

/// The normalised name in `name[extra]`.
pub(super) fn plain(name: &str) -> String {
    normalised(name.split('[').next().unwrap_or(name).trim())
}

/// `train.py:3` as `train.py`.
pub(super) fn without_numbers(text: &str) -> String {
    let Some((front, why)) = text.split_once(MARK) else { return text.to_owned() };
    let mut out = format!("{front}{MARK}");
    let mut rest = why;
    while let Some(at) = rest.find(':') {
        out.push_str(&rest[..=at]);
        rest = rest[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

/// Lines of one group stand in the order of this.
pub(super) fn sort_key(line: &str) -> String {
    let line = line.trim_start_matches("# ");
    if let Some(wheel) = Pin::of_wheel_line(line) {
        return wheel.normalised();
    }
    plain(line.split([' ', '=', '[']).next().unwrap_or(line))
}
