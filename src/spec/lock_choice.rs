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
    /// Not to be locked, and no loss: normalised names. What the waived code of this machine needs is locked.
    pub waived: BTreeSet<String>,
    /// Wheels that lie beside the requirements and are named there or in the lock, by normalised name.
    pub kept: &'a BTreeMap<String, Kept>,
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
    /// A wheel beside the requirements.
    Wheel(String),
}

/// A wheel that lies beside the requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Relative to the requirements.
    pub file: String,
    /// `file:///…`
    pub url: String,
    /// `sha256:…`
    pub hash: String,
    /// A line of the user's own names it.
    pub is_own: bool,
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
    /// Nobody else can fetch it: as a wheel that travels with the experiment.
    Local,
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
        Origin::Archive { .. } | Origin::Editable { .. } | Origin::Folder { .. } => Taken::Local,
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
    /// Not installed, and there as a wheel, whose needs only uv reads.
    Wheel { name: String, file: String },
}

/// Code of this machine that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNeed {
    /// As written.
    pub name: String,
    /// As in `Locked`.
    pub via: Vec<String>,
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
    /// To be packed.
    pub local: Vec<LocalNeed>,
    /// Wheels that are there and that the lock may name, by normalised name.
    pub kept: BTreeMap<String, Kept>,
    /// Needed and not installed by the lock: name, and why not.
    pub apart: Vec<(String, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Why waived code of this machine is not in the lock.
const WAIVED: &str = "waived; what it needs is locked";

impl Kept {
    /// As it is locked.
    pub fn locked(&self, via: Vec<String>) -> Option<Locked> {
        Some(Locked { pin: Pin::wheel(&self.file)?, hashes: vec![self.hash.clone()], via })
    }
}

/// The name under which a pin says that the requirements themselves ask for it.
pub const REQUIREMENTS: &str = "requirements.txt";

/// Chooses by what is installed. `taken` is asked for installed distributions alone, by their normalised names.
pub fn choose(request: &LockRequest<'_>, installed: &dyn Catalogue, taken: &dyn Fn(&str) -> Taken) -> Choice {
    let waived = |name: &str| request.waived.contains(name);
    // The Dockerfile sees to it, and what it needs is needed all the same.
    let is_local = |name: &str| installed.get(name).is_some() && taken(name) == Taken::Local;
    let is_wanted = |wish: &&Wish| {
        let name = normalised(&wish.name);
        !waived(&name) || is_local(&name)
    };
    let wishes: Vec<&Wish> = request.wishes.iter().filter(is_wanted).collect();
    let roots: Vec<Root> = wishes
        .iter()
        .map(|wish| Root {
            name: wish.name.clone(),
            extras: wish.extras.clone(),
            versions: match &wish.demand {
                OwnDemand::Versions(versions) => versions.clone(),
                OwnDemand::Any | OwnDemand::Address(_) | OwnDemand::Wheel(_) => String::new(),
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
        let name = missing.name.clone();
        choosing.choice.unfit.push(match request.kept.get(&name) {
            Some(kept) => Unfit::Wheel { name, file: kept.file.clone() },
            None => Unfit::Missing { name, required_by: missing.required_by.clone() },
        });
    }
    for (name, kept) in request.kept {
        if kept.is_own || !closure.distributions.contains_key(name) {
            choosing.choice.kept.insert(name.clone(), kept.clone());
        }
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
            let mut via: BTreeSet<String> = needed.required_by.iter().map(|edge| edge.by.clone()).collect();
            if needed.root {
                via.insert(REQUIREMENTS.to_owned());
            }
            let via: Vec<String> = via.into_iter().collect();
            if request.waived.contains(name) {
                if taken(name) == Taken::Local {
                    choice.apart.push((needed.name.clone(), WAIVED.to_owned()));
                }
                continue;
            }
            let own =
                wishes.iter().filter(|wish| normalised(&wish.name) == *name).find_map(|wish| {
                    match &wish.demand {
                        OwnDemand::Address(address) => Some(Taken::FromAddress(address.clone())),
                        OwnDemand::Any | OwnDemand::Versions(_) | OwnDemand::Wheel(_) => None,
                    }
                });
            if let Some(kept) = request.kept.get(name).filter(|kept| kept.is_own) {
                exact.insert(name.clone(), format!(" @ {}", kept.url));
                choice.pins.extend(kept.locked(via));
                continue;
            }
            let source = match own.unwrap_or_else(|| taken(name)) {
                Taken::Local => {
                    choice.local.push(LocalNeed { name: needed.name.clone(), via });
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
            let pin = Pin { name: needed.name.clone(), extras: Vec::new(), source };
            choice.pins.push(Locked { pin, hashes: Vec::new(), via });
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
        let names = choice.apart.iter().map(|(name, _)| name);
        let names = names.chain(choice.local.iter().map(|local| &local.name));
        let apart: BTreeSet<String> = names.map(|name| normalised(name)).collect();
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
                OwnDemand::Any | OwnDemand::Wheel(_) => None,
            };
            let own = request
                .kept
                .get(&name)
                .filter(|_| choice.kept.contains_key(&name))
                .map_or(own, |kept| Some(format!(" @ {}", kept.url)));
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
        choice.question.never = apart.union(&request.waived).cloned().collect();
        choice.question.wheels =
            choice.kept.iter().map(|(name, kept)| (name.clone(), kept.url.clone())).collect();
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
                Source::Wheel { .. } => {}
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
