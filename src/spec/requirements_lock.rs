//! `environment/requirements.lock`: every distribution with its exact version and where known its hashes, as pip and uv
//! install it. The head says by what it was made, for which target and of which inputs, and never when: the same inputs
//! give the same text.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::pin::{Pin, Source};
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements;
use crate::project::python::requires_dist::{self, Demand};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementsLock {
    pub head: Head,
    /// Where the pins come from, beside the index that the user has set up.
    pub options: Vec<IndexOption>,
    pub pins: Vec<Locked>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `linux-x86_64, CPython 3.11.7, glibc 2.36`
    pub target: String,
    pub inputs: Vec<Input>,
    /// `what is installed`, `uv`
    pub by: String,
    /// Why there are no hashes.
    pub unhashed: Option<String>,
    /// Needed and not installed by this file: name, and why not.
    pub apart: Vec<(String, String)>,
}

/// A file that the lock was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub file: String,
    pub digest: String,
}

impl Input {
    pub fn of(file: impl Into<String>, text: &str) -> Self {
        Self { file: file.into(), digest: digest(text) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    pub pin: Pin,
    /// `sha256:…`, in order.
    pub hashes: Vec<String>,
    /// Normalised names of those that ask for it, or the file that does; in order.
    pub via: Vec<String>,
}

/// What of a requirement file counts for a lock: comments and blank lines do not.
pub fn digest(text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for line in logical_lines(text.trim_start_matches('\u{feff}')) {
        let line = without_comment(&line);
        if !line.is_empty() {
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        }
    }
    hasher.finalize().to_hex()[..24].to_owned()
}

const TITLE: &str = "# Everything that requirements.txt needs, with exact versions, by `scaf env lock`. Edit that file and lock again.";
const FOR: &str = "# for: ";
const OF: &str = "# of: ";
const BY: &str = "# by: ";
const NO_HASHES: &str = "# no hashes: ";
const APART: &str = "# apart: ";

impl RequirementsLock {
    pub fn text(&self) -> String {
        let Self { head, options, pins } = self;
        let Head { target, inputs, by, unhashed, apart } = head;
        let mut text = format!("{TITLE}\n{FOR}{target}\n");
        for Input { file, digest } in inputs {
            let _ = writeln!(text, "{OF}{file} {digest}");
        }
        let _ = writeln!(text, "{BY}{by}");
        if let Some(why) = unhashed {
            let _ = writeln!(text, "{NO_HASHES}{why}");
        }
        for (name, why) in apart {
            let _ = writeln!(text, "{APART}{name}: {why}");
        }
        text.push('\n');
        for option in options {
            let _ = writeln!(text, "{option}");
        }
        let mut pins: Vec<&Locked> = pins.iter().collect();
        pins.sort_by_key(|locked| locked.pin.normalised());
        for Locked { pin, hashes, via } in pins {
            // The extras' own requirements are pins of their own.
            let _ = write!(text, "{}", Pin { extras: Vec::new(), ..pin.clone() });
            for hash in hashes {
                let _ = write!(text, " \\\n    --hash={hash}");
            }
            text.push('\n');
            if !via.is_empty() {
                let _ = writeln!(text, "    # via {}", via.join(", "));
            }
        }
        text
    }
}

/// Reads a lock, and what `uv pip compile` has printed. What is no pin is passed over.
pub fn read(text: &str) -> RequirementsLock {
    let mut lock = RequirementsLock::default();
    // The names of `# via` can stand in the lines after it.
    let mut via_goes_on = false;
    for line in logical_lines(text) {
        let plain = line.trim();
        if let Some(comment) = plain.strip_prefix('#') {
            via_goes_on = read_comment(plain, comment, via_goes_on, &mut lock);
            continue;
        }
        via_goes_on = false;
        if let Some(option) = IndexOption::read(plain) {
            lock.options.push(option);
        } else if let Some(locked) = read_pin(plain) {
            lock.pins.push(locked);
        }
    }
    lock
}

/// Where each pin stands: its line, from 1, by normalised name.
pub fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for (number, line) in requirements::logical_lines(text) {
        if let Some(locked) = read_pin(&line) {
            lines.entry(locked.pin.normalised()).or_insert(number);
        }
    }
    lines
}

fn read_comment(plain: &str, comment: &str, via_goes_on: bool, lock: &mut RequirementsLock) -> bool {
    let head = &mut lock.head;
    let names = |text: &str| -> Vec<String> {
        text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    if let Some(last) = lock.pins.last_mut() {
        if let Some(rest) = comment.trim_start().strip_prefix("via") {
            last.via.extend(names(rest));
            return true;
        }
        if via_goes_on && comment.starts_with("   ") {
            last.via.extend(names(comment));
            return true;
        }
    } else if let Some(target) = plain.strip_prefix(FOR) {
        target.clone_into(&mut head.target);
    } else if let Some((file, digest)) = plain.strip_prefix(OF).and_then(|rest| rest.rsplit_once(' ')) {
        head.inputs.push(Input { file: file.to_owned(), digest: digest.to_owned() });
    } else if let Some(by) = plain.strip_prefix(BY) {
        by.clone_into(&mut head.by);
    } else if let Some(why) = plain.strip_prefix(NO_HASHES) {
        head.unhashed = Some(why.to_owned());
    } else if let Some((name, why)) = plain.strip_prefix(APART).and_then(|rest| rest.split_once(": ")) {
        head.apart.push((name.to_owned(), why.to_owned()));
    }
    false
}

fn read_pin(line: &str) -> Option<Locked> {
    let line = without_comment(line);
    let mut words = line.split(" --hash=");
    let front = words.next()?;
    if let Some(pin) = Pin::of_wheel_line(front) {
        let hashes = words.map(|hash| hash.trim().to_owned()).collect();
        return Some(Locked { pin, hashes, via: Vec::new() });
    }
    let parts = requires_dist::split(front).ok()?;
    let source = match parts.demand {
        Demand::Any => return None,
        Demand::Versions(versions) => {
            let version = versions.strip_prefix("===").or_else(|| versions.strip_prefix("=="))?.trim();
            if version.contains([',', '*', ' ']) {
                return None;
            }
            Source::Version(version.to_owned())
        }
        Demand::Address(address) => Source::Address(address.to_owned()),
    };
    let extras = parts.extras.iter().map(|extra| (*extra).to_owned()).collect();
    Some(Locked {
        pin: Pin { name: parts.name.to_owned(), extras, source },
        hashes: words.map(|hash| hash.trim().to_owned()).collect(),
        via: Vec::new(),
    })
}

/// Lines joined where a backslash ends them, with one blank between them.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let joined = match open.take() {
            Some(front) => front + " " + line.trim_start(),
            None => line.to_owned(),
        };
        match joined.trim_end().strip_suffix('\\') {
            Some(front) if !joined.trim_start().starts_with('#') => open = Some(front.trim_end().to_owned()),
            _ => lines.push(joined),
        }
    }
    lines.extend(open);
    lines
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') {
        return "";
    }
    line.find(" #").or_else(|| line.find("\t#")).map_or(line, |at| line[..at].trim_end())
}
