//! Whether what is installed is enough for a lock, and what uv has to be asked where it is not. Pure.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::closure::{Catalogue, Closure, Conflict, Edge, Root, close, holds_on};
use super::lock_target::LockTarget;
use super::origin::Origin;
use super::pin::{Pin, Source};
use super::requirements_lock::{Locked, RequirementsLock};
use super::torch_builds::{self, Accelerator, Index};
use super::uv_question::Question;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist::{self, Demand};
use crate::project::python::specs::precedence::lets_in;

/// What a lock is wanted of.
#[derive(Clone, Debug)]
pub struct LockRequest<'a> {
    pub target: &'a LockTarget,
    pub accelerator: Accelerator,
    pub wishes: Vec<Wish>,
    /// Requirements that hold wherever their distribution is needed, and need none themselves.
    pub constraints: Vec<String>,
    /// What the user's requirements say of where they come from.
    pub options: Vec<IndexOption>,
    /// Not to be locked, and no loss: normalised names.
    pub waived: BTreeSet<String>,
    /// What was locked before: taken again where nothing speaks against it.
    pub before: Option<&'a RequirementsLock>,
}

/// A distribution that is wanted for its own sake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub name: String,
    pub extras: Vec<String>,
    pub demand: OwnDemand,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnDemand {
    /// As it is installed.
    #[default]
    Any,
    /// `==1.0`, `>=2`: the user's own words.
    Versions(String),
    Address(String),
}

impl Wish {
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn requirement(&self, demand: &str) -> String {
        let extras =
            if self.extras.is_empty() { String::new() } else { format!("[{}]", self.extras.join(",")) };
        format!("{}{extras}{demand}", self.name)
    }
}

/// How a distribution comes to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// From a package index, by its version.
    FromIndex,
    FromAddress(String),
    /// Not by an installer: why, in a few words.
    Apart(String),
}

/// By where the installed one came from.
pub fn taken(origin: &Origin) -> Taken {
    match origin {
        Origin::Vcs { system, url, commit, requested: _, subdirectory } => {
            let below =
                subdirectory.as_ref().map_or_else(String::new, |below| format!("#subdirectory={below}"));
            Taken::FromAddress(format!("{system}+{url}@{commit}{below}"))
        }
        Origin::Url { url, hash, subdirectory } => {
            let plain = url.split('#').next().unwrap_or(url);
            let parts = [hash.clone(), subdirectory.as_ref().map(|below| format!("subdirectory={below}"))];
            let fragment = parts.into_iter().flatten().collect::<Vec<_>>().join("&");
            Taken::FromAddress(if fragment.is_empty() {
                plain.to_owned()
            } else {
                format!("{plain}#{fragment}")
            })
        }
        Origin::Archive { .. } | Origin::Editable { .. } | Origin::Folder { .. } => {
            Taken::Apart("of this machine; it travels with the experiment".to_owned())
        }
        Origin::Index { .. } | Origin::Conda { .. } | Origin::System { .. } | Origin::Unknown => {
            Taken::FromIndex
        }
    }
}

/// Why what is installed is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not installed; who asks for it, in whose words.
    Missing { name: String, required_by: Vec<Edge> },
    /// Another build of it is locked.
    OtherBuild { name: String, version: String },
    /// The installed one does not run on the target's Python.
    Python { name: String, version: String, requires_python: String },
    /// The user's own line asks for another version.
    Version { name: String, version: String, wanted: String },
}

#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub closure: Closure,
    /// What is installed, as it would be locked. Without hashes.
    pub pins: Vec<Locked>,
    /// Empty: these pins are the lock.
    pub unfit: Vec<Unfit>,
    /// What uv is to resolve where they are not.
    pub question: Question,
    /// Beside the usual one, with the pin that comes from there.
    pub indexes: BTreeMap<String, String>,
    /// Needed and not installed by the lock: name, and why not.
    pub apart: Vec<(String, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// The name under which a pin says that the requirements themselves ask for it.
pub const REQUIREMENTS: &str = "requirements.txt";

/// Chooses by what is installed. `taken` is asked for installed distributions alone, by their normalised names.
pub fn choose(request: &LockRequest<'_>, installed: &dyn Catalogue, taken: &dyn Fn(&str) -> Taken) -> Choice {
    let waived = |name: &str| request.waived.contains(name);
    let wishes: Vec<&Wish> = request.wishes.iter().filter(|wish| !waived(&normalised(&wish.name))).collect();
    let roots: Vec<Root> = wishes
        .iter()
        .map(|wish| Root {
            name: wish.name.clone(),
            extras: wish.extras.clone(),
            versions: match &wish.demand {
                OwnDemand::Versions(versions) => versions.clone(),
                OwnDemand::Any | OwnDemand::Address(_) => String::new(),
            },
        })
        .collect();
    let mut closure = close(&roots, installed, request.target);
    closure.missing.retain(|missing| !waived(&missing.name));
    let mut choosing = Choosing { request, choice: Choice::default(), exact: BTreeMap::new() };
    choosing.pins(&closure, taken, &wishes);
    choosing.conflicts(&closure);
    choosing.constraints(&closure);
    for missing in &closure.missing {
        choosing
            .choice
            .unfit
            .push(Unfit::Missing { name: missing.name.clone(), required_by: missing.required_by.clone() });
    }
    choosing.question(&closure, &wishes);
    Choice { closure, ..choosing.choice }
}

struct Choosing<'a> {
    request: &'a LockRequest<'a>,
    choice: Choice,
    /// `==1.0` or ` @ address` of what is installed, by normalised name.
    exact: BTreeMap<String, String>,
}

impl Choosing<'_> {
    fn pins(&mut self, closure: &Closure, taken: &dyn Fn(&str) -> Taken, wishes: &[&Wish]) {
        let Self { request, choice, exact } = self;
        for (name, needed) in &closure.distributions {
            if request.waived.contains(name) {
                continue;
            }
            let own =
                wishes.iter().filter(|wish| normalised(&wish.name) == *name).find_map(|wish| {
                    match &wish.demand {
                        OwnDemand::Address(address) => Some(Taken::FromAddress(address.clone())),
                        OwnDemand::Any | OwnDemand::Versions(_) => None,
                    }
                });
            let source = match own.unwrap_or_else(|| taken(name)) {
                Taken::Apart(why) => {
                    choice.apart.push((needed.name.clone(), why));
                    continue;
                }
                Taken::FromAddress(address) => {
                    exact.insert(name.clone(), format!(" @ {address}"));
                    Source::Address(address)
                }
                Taken::FromIndex => {
                    let build = torch_builds::choose(
                        name,
                        &needed.version,
                        request.accelerator,
                        request.target.platform,
                    );
                    let version = build.as_ref().map_or(&needed.version, |build| &build.version).clone();
                    if let Some(build) = build {
                        // An index that the user's requirements name may be the one that has it.
                        let said =
                            |option: &IndexOption| !matches!(option, IndexOption::Pre | IndexOption::NoIndex);
                        let known = build.index != Index::Unknown || !request.options.iter().any(said);
                        choice.notes.extend(build.note.filter(|_| known));
                        if let Index::Special(url) = build.index {
                            let pin = Pin::version(&needed.name, &version).to_string();
                            if !request.options.iter().any(|option| option.index() == Some(url.as_str())) {
                                choice.indexes.entry(url.clone()).or_insert(pin);
                            }
                            choice.question.sources.insert(name.clone(), url);
                        }
                        if build.other {
                            let (name, version) = (needed.name.clone(), needed.version.clone());
                            choice.unfit.push(Unfit::OtherBuild { name, version });
                        }
                    }
                    let pin = Pin::version("", &version).to_string();
                    exact.insert(name.clone(), pin);
                    Source::Version(version)
                }
            };
            let mut via: BTreeSet<String> = needed.required_by.iter().map(|edge| edge.by.clone()).collect();
            if needed.root {
                via.insert(REQUIREMENTS.to_owned());
            }
            let pin = Pin { name: needed.name.clone(), extras: Vec::new(), source };
            choice.pins.push(Locked { pin, hashes: Vec::new(), via: via.into_iter().collect() });
        }
    }

    fn conflicts(&mut self, closure: &Closure) {
        for conflict in &closure.conflicts {
            match conflict.clone() {
                // It is what runs here; whether it should is told, and nothing else is done about it.
                Conflict::Version { name, version, edge } => self.choice.notes.push(format!(
                    "`{name}` {version} is installed, and `{}` asks for `{}`",
                    edge.by, edge.text
                )),
                Conflict::RootVersion { name, version, wanted } => {
                    self.exact.remove(&normalised(&name));
                    self.choice.unfit.push(Unfit::Version { name, version, wanted });
                }
                Conflict::Python { name, version, requires_python } => {
                    self.exact.remove(&normalised(&name));
                    self.choice.unfit.push(Unfit::Python { name, version, requires_python });
                }
            }
        }
        for problem in &closure.problems {
            self.choice
                .notes
                .push(format!("`{}` says that it needs `{}`: {}", problem.of, problem.line, problem.why));
        }
    }

    fn constraints(&mut self, closure: &Closure) {
        let Self { request, choice, exact } = self;
        for line in &request.constraints {
            let Ok(parts) = requires_dist::split(line) else { continue };
            let name = normalised(parts.name);
            let holds = parts.marker.is_none_or(|marker| holds_on(marker, request.target) != Some(false));
            let (Demand::Versions(wanted), true, Some(needed)) =
                (parts.demand, holds, closure.distributions.get(&name))
            else {
                continue;
            };
            let is_version = exact.get(&name).is_some_and(|exact| exact.starts_with('='));
            if is_version && !lets_in(wanted, &needed.version) {
                exact.remove(&name);
                choice.question.sources.remove(&name);
                let (name, version) = (needed.name.clone(), needed.version.clone());
                choice.unfit.push(Unfit::Version { name, version, wanted: wanted.to_owned() });
            }
        }
    }

    fn question(&mut self, closure: &Closure, wishes: &[&Wish]) {
        let Self { request, choice, exact } = self;
        let apart: BTreeSet<String> = choice.apart.iter().map(|(name, _)| normalised(name)).collect();
        let mut requirements = Vec::new();
        let mut asked = BTreeSet::new();
        for wish in wishes {
            let name = normalised(&wish.name);
            if apart.contains(&name) {
                continue;
            }
            let own = match &wish.demand {
                OwnDemand::Versions(versions) => Some(versions.clone()),
                OwnDemand::Address(address) => Some(format!(" @ {address}")),
                OwnDemand::Any => None,
            };
            let demand = own.or_else(|| exact.get(&name).cloned()).unwrap_or_default();
            requirements.push(wish.requirement(&demand));
            asked.insert(name);
        }
        // What is not installed by the lock is not known to uv, and needs what it needs all the same.
        let edges = closure.distributions.values().map(|needed| &needed.required_by);
        let edges = edges.chain(closure.missing.iter().map(|missing| &missing.required_by)).flatten();
        for edge in edges.filter(|edge| apart.contains(&edge.by)) {
            let Ok(parts) = requires_dist::split(&edge.text) else { continue };
            if request.waived.contains(&normalised(parts.name)) || apart.contains(&normalised(parts.name)) {
                continue;
            }
            let wish = Wish {
                name: parts.name.to_owned(),
                extras: parts.extras.iter().map(|extra| (*extra).to_owned()).collect(),
                demand: OwnDemand::Any,
            };
            requirements.push(wish.requirement(&match parts.demand {
                Demand::Any => String::new(),
                Demand::Versions(versions) => versions.to_owned(),
                Demand::Address(address) => format!(" @ {address}"),
            }));
        }
        let mut preferences = Vec::new();
        for (name, exact) in exact.iter().filter(|(name, _)| !asked.contains(*name)) {
            // A source and an address are of what is asked for directly; the rest is preferred and no more.
            if choice.question.sources.contains_key(name) || exact.starts_with(" @") {
                requirements.push(format!("{name}{exact}"));
            } else {
                preferences.push(format!("{name}{exact}"));
            }
        }
        for locked in request.before.iter().flat_map(|before| &before.pins) {
            let name = locked.pin.normalised();
            if let Source::Version(version) = &locked.pin.source
                && !exact.contains_key(&name)
            {
                preferences.push(Pin::version(name, version).to_string());
            }
        }
        requirements.sort();
        requirements.dedup();
        choice.question.requirements = requirements;
        // A name of local code may be somebody else's on an index.
        choice.question.never = apart.iter().chain(&request.waived).cloned().collect();
        choice.question.preferences = preferences;
        choice.question.constraints.clone_from(&request.constraints);
        choice.question.options.clone_from(&request.options);
    }
}

impl Choice {
    /// For the hashes of exactly these pins. `Err`: there can be none, and why.
    pub fn hash_question(&self) -> Result<Question, String> {
        let mut requirements = Vec::new();
        for Locked { pin, .. } in &self.pins {
            match &pin.source {
                Source::Version(_) => requirements.push(pin.to_string()),
                Source::Address(address) if address.contains("sha256=") => {}
                Source::Address(address) => {
                    let what =
                        if address.contains("git+") { "version control" } else { "an address without one" };
                    return Err(format!("`{}` comes from {what}", pin.name));
                }
            }
        }
        Ok(Question {
            requirements,
            preferences: Vec::new(),
            constraints: Vec::new(),
            no_dependencies: true,
            hashes: true,
            ..self.question.clone()
        })
    }
}
