//! Every distribution that some need on a target: their requirements followed to the end, by what is known of each
//! distribution. Only what is reached is looked into.

mod paths;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, MarkerTree, MarkerWarningKind};

use super::lock_choice::REQUIREMENTS;
use super::lock_target::LockTarget;
use super::pin::Source;
use super::requirements_lock::RequirementsLock;
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist::{self, Demand, RequiresDist};
use crate::project::python::specs::marker::is_bounded;

pub use paths::Step;

/// A distribution that is needed for its own sake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    pub name: String,
    pub extras: Vec<String>,
    /// `>=1.0`, where somebody says which versions; else empty.
    pub versions: String,
}

impl Root {
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// What is known of a distribution.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// As written.
    pub name: &'a str,
    pub version: &'a str,
    /// The lines of `Requires-Dist`.
    pub requires: &'a [String],
    pub requires_python: Option<&'a str>,
}

/// Who knows distributions.
pub trait Catalogue {
    fn get(&self, normalised: &str) -> Option<Known<'_>>;
}

/// One requirement that holds: `by` asks for a distribution in these words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Normalised.
    pub by: String,
    /// The extra of `by` that asks.
    pub extra: Option<String>,
    /// As in the metadata.
    pub text: String,
}

/// A distribution of the closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// As written.
    pub name: String,
    pub version: String,
    /// Those that somebody asks for; normalised, in order.
    pub extras: Vec<String>,
    /// Needed for its own sake.
    pub root: bool,
    pub required_by: Vec<Edge>,
}

/// Needed, and nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Normalised.
    pub name: String,
    pub extras: Vec<String>,
    pub root: bool,
    pub required_by: Vec<Edge>,
}

/// What is there and what is asked for do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Somebody asks for another version.
    Version { name: String, version: String, edge: Edge },
    /// What is needed for its own sake is there in another version than wanted.
    RootVersion { name: String, version: String, wanted: String },
    /// The distribution does not run on the target's Python.
    Python { name: String, version: String, requires_python: String },
}

/// A line of a distribution that cannot be understood in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Normalised.
    pub of: String,
    pub line: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    /// By normalised name.
    pub distributions: BTreeMap<String, Needed>,
    /// In the order of their names.
    pub missing: Vec<Missing>,
    pub conflicts: Vec<Conflict>,
    pub problems: Vec<Problem>,
}

/// Follows the requirements from the roots.
pub fn close(roots: &[Root], catalogue: &dyn Catalogue, target: &LockTarget) -> Closure {
    let mut walk = Walk {
        catalogue,
        target,
        markers: Markers { environment: target.markers(), read: HashMap::new() },
        nodes: Vec::new(),
        by_name: HashMap::new(),
        queue: VecDeque::new(),
        conflicts: Vec::new(),
        problems: Vec::new(),
    };
    for Root { name, extras, versions } in roots {
        let extras: Vec<&str> = extras.iter().map(String::as_str).collect();
        let node = walk.want(name, &extras);
        walk.nodes[node].root = true;
        if !versions.is_empty()
            && let Some((known, false)) = walk.nodes[node].known.map(|known| (known, meets(known, versions)))
        {
            walk.conflicts.push(Conflict::RootVersion {
                name: known.name.to_owned(),
                version: known.version.to_owned(),
                wanted: versions.clone(),
            });
        }
    }
    while let Some((node, extra)) = walk.queue.pop_front() {
        walk.visit(node, extra.as_deref());
    }
    walk.finish()
}

/// What a lock says of who needs what: of each distribution its version, and those that ask for it.
pub fn of_lock(lock: &RequirementsLock) -> Closure {
    let mut closure = Closure::default();
    let is_file = |via: &String| via == REQUIREMENTS || via.starts_with("-r ");
    for locked in &lock.pins {
        let version = match &locked.pin.source {
            Source::Version(version) | Source::Wheel { file: _, version } => version.clone(),
            Source::Address(address) => address.clone(),
        };
        let required_by = locked.via.iter().filter(|via| !is_file(via)).map(|via| Edge {
            by: normalised(via),
            extra: None,
            text: locked.pin.name.clone(),
        });
        let needed = Needed {
            name: locked.pin.name.clone(),
            version,
            extras: Vec::new(),
            root: locked.via.iter().any(is_file),
            required_by: required_by.collect(),
        };
        closure.distributions.insert(locked.pin.normalised(), needed);
    }
    closure
}

/// Whether a marker holds on the target, with no extra; `None` where it cannot be read.
pub fn holds_on(marker: &str, target: &LockTarget) -> Option<bool> {
    let mut markers = Markers { environment: target.markers(), read: HashMap::new() };
    markers.hold(marker, None).ok()
}

/// A distribution that was reached.
struct Node<'a> {
    normalised: String,
    known: Option<Known<'a>>,
    root: bool,
    extras: Vec<String>,
    /// Read at the first visit.
    lines: Option<Vec<Line<'a>>>,
    edges: Vec<Edge>,
}

struct Line<'a> {
    text: &'a str,
    parts: RequiresDist<'a>,
    taken: bool,
}

struct Walk<'a> {
    catalogue: &'a dyn Catalogue,
    target: &'a LockTarget,
    markers: Markers<'a>,
    nodes: Vec<Node<'a>>,
    by_name: HashMap<String, usize>,
    /// A distribution, and the extra of it that is newly wanted; none: the distribution itself.
    queue: VecDeque<(usize, Option<String>)>,
    conflicts: Vec<Conflict>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn want(&mut self, name: &str, extras: &[&str]) -> usize {
        let name = normalised(name);
        let node = if let Some(node) = self.by_name.get(&name) {
            *node
        } else {
            let node = self.nodes.len();
            let known = self.catalogue.get(&name);
            self.by_name.insert(name.clone(), node);
            let (extras, edges) = (Vec::new(), Vec::new());
            self.nodes.push(Node { normalised: name, known, root: false, extras, lines: None, edges });
            self.queue.push_back((node, None));
            node
        };
        for extra in extras {
            let extra = normalised(extra);
            let have = &mut self.nodes[node].extras;
            if !have.contains(&extra) {
                have.push(extra.clone());
                self.queue.push_back((node, Some(extra)));
            }
        }
        node
    }

    /// Takes those of its requirements that hold with this extra and were not taken before.
    fn visit(&mut self, node: usize, extra: Option<&str>) {
        let Some(known) = self.nodes[node].known else { return };
        let mut lines = if let Some(lines) = self.nodes[node].lines.take() {
            lines
        } else {
            self.check_python(known);
            self.read(&self.nodes[node].normalised.clone(), known.requires)
        };
        for line in lines.iter_mut().filter(|line| !line.taken) {
            let holds = match line.parts.marker.map(|marker| self.markers.hold(marker, extra)) {
                None => true,
                Some(Ok(holds)) => holds,
                Some(Err(why)) => {
                    let of = self.nodes[node].normalised.clone();
                    self.problems.push(Problem { of, line: line.text.to_owned(), why });
                    // Nobody can say whether it is wanted; what is there is no loss.
                    let there = self.catalogue.get(&normalised(line.parts.name)).is_some();
                    line.taken = true;
                    if there {
                        self.follow(node, extra, line);
                    }
                    continue;
                }
            };
            if holds {
                line.taken = true;
                self.follow(node, extra, line);
            }
        }
        self.nodes[node].lines = Some(lines);
    }

    fn read(&mut self, of: &str, requires: &'a [String]) -> Vec<Line<'a>> {
        let mut lines = Vec::with_capacity(requires.len());
        for text in requires {
            match requires_dist::split(text) {
                Ok(parts) => lines.push(Line { text: text.trim(), parts, taken: false }),
                Err(why) => self.problems.push(Problem {
                    of: of.to_owned(),
                    line: text.chars().take(200).collect(),
                    why: why.to_owned(),
                }),
            }
        }
        lines
    }

    fn check_python(&mut self, known: Known<'_>) {
        let Some(requires_python) = known.requires_python else { return };
        // One that cannot be read was no hindrance to whoever installed it.
        if self.target.allowed_by(requires_python) == Some(false) {
            self.conflicts.push(Conflict::Python {
                name: known.name.to_owned(),
                version: known.version.to_owned(),
                requires_python: requires_python.to_owned(),
            });
        }
    }

    fn follow(&mut self, from: usize, extra: Option<&str>, line: &Line<'a>) {
        let to = self.want(line.parts.name, &line.parts.extras);
        let edge = Edge {
            by: self.nodes[from].normalised.clone(),
            extra: extra.map(str::to_owned),
            text: line.text.to_owned(),
        };
        if let Demand::Versions(versions) = line.parts.demand
            && let Some(known) = self.nodes[to].known
        {
            match versions.parse::<VersionSpecifiers>() {
                Ok(specifiers) => {
                    if !holds(&specifiers, known.version) {
                        self.conflicts.push(Conflict::Version {
                            name: known.name.to_owned(),
                            version: known.version.to_owned(),
                            edge: edge.clone(),
                        });
                    }
                }
                // Whether an older form such as `>=1.0.*` is met is left to whoever wrote it.
                Err(_) => self.problems.push(Problem {
                    of: edge.by.clone(),
                    line: edge.text.clone(),
                    why: format!("`{versions}` is no set of versions"),
                }),
            }
        }
        // `pkg[all]` that asks for `pkg[a,b]` says nothing of why it is there.
        if to != from {
            self.nodes[to].edges.push(edge);
        }
    }

    fn finish(self) -> Closure {
        let Self { nodes, conflicts, problems, .. } = self;
        let mut closure = Closure { conflicts, problems, ..Closure::default() };
        for Node { normalised, known, root, mut extras, lines: _, edges } in nodes {
            extras.sort();
            match known {
                Some(known) => {
                    let needed = Needed {
                        name: known.name.to_owned(),
                        version: known.version.to_owned(),
                        extras,
                        root,
                        required_by: edges,
                    };
                    closure.distributions.insert(normalised, needed);
                }
                None => closure.missing.push(Missing { name: normalised, extras, root, required_by: edges }),
            }
        }
        closure.missing.sort_by(|a, b| a.name.cmp(&b.name));
        closure
    }
}

fn meets(known: Known<'_>, versions: &str) -> bool {
    versions.parse::<VersionSpecifiers>().map_or(true, |specifiers| holds(&specifiers, known.version))
}

/// A version that is none by PEP 440 (`2004d`) is not held against anybody.
fn holds(specifiers: &VersionSpecifiers, version: &str) -> bool {
    version.parse::<Version>().map_or(true, |version| specifiers.contains(&version))
}

/// Markers held against the target; each text is read once.
struct Markers<'a> {
    environment: MarkerEnvironment,
    read: HashMap<&'a str, Result<MarkerTree, String>>,
}

impl<'a> Markers<'a> {
    fn hold(&mut self, marker: &'a str, extra: Option<&str>) -> Result<bool, String> {
        // Most lines of most distributions are for extras that nobody asks for: they are not read any further.
        if let Some(wanted) = only_with(marker)
            && extra.is_none_or(|extra| normalised(wanted) != extra)
        {
            return Ok(false);
        }
        let tree = self.read.entry(marker).or_insert_with(|| read_marker(marker)).as_ref()?;
        let extra = extra.and_then(|extra| ExtraName::new(extra.to_owned()).ok());
        Ok(tree.evaluate(&self.environment, extra.as_slice()))
    }
}

fn read_marker(marker: &str) -> Result<MarkerTree, String> {
    if !is_bounded(marker) {
        return Err("its marker is none that a tool writes".to_owned());
    }
    let mut passed_over = None;
    let mut report = |_: MarkerWarningKind, text: String| passed_over = Some(text);
    // pep508_rs takes the versions of `python_version in "2.7, 3.8"` to be divided by blanks.
    let spaced = marker.contains(" in ").then(|| marker.replace(',', " "));
    let text = spaced.as_deref().unwrap_or(marker);
    match MarkerTree::parse_reporter(text, &mut report) {
        // The library takes a comparison that makes no sense to hold.
        Ok(tree) => {
            passed_over.map_or(Ok(tree), |_| Err("its marker compares what cannot be compared".to_owned()))
        }
        Err(_) => Err("its marker cannot be read".to_owned()),
    }
}

/// The extra without which the marker does not hold: that of `… and extra == 'x'`.
fn only_with(marker: &str) -> Option<&str> {
    let (front, name) = {
        let quote = marker.chars().next_back().filter(|c| matches!(c, '"' | '\''))?;
        let inside = &marker[..marker.len() - 1];
        inside.rsplit_once(quote)?
    };
    let front = front.trim_end().strip_suffix("==")?.trim_end().strip_suffix("extra")?;
    if front.is_empty() {
        return Some(name);
    }
    let before = front.trim_end();
    // A word of its own, and no part of a longer one.
    let before = before.strip_suffix("and").filter(|_| before.len() < front.len())?;
    before.ends_with([' ', ')', '"', '\'', '\t']).then_some(())?;
    (!has_or_outside(before)).then_some(name)
}

/// Whether there is an `or` outside of parentheses and quotes.
fn has_or_outside(marker: &str) -> bool {
    let mut depth = 0usize;
    let mut quote = None;
    let mut word = 0;
    for (at, c) in marker.char_indices().chain([(marker.len(), ' ')]) {
        match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                    word = at + 1;
                }
                continue;
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '(' => depth += 1,
            None if c == ')' => depth = depth.saturating_sub(1),
            None => {}
        }
        if !c.is_ascii_alphanumeric() && c != '_' && c != '.' {
            if depth == 0 && marker.get(word..at) == Some("or") {
                return true;
            }
            word = at + c.len_utf8();
        }
    }
    false
}
