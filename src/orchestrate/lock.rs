//! From what is installed to what is locked: uv is asked for what is not there, and for hashes.

mod wheels;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::host::uv::{Answer, Surroundings, Uv, UvError};
use super::load::local_wheel::LocalWheel;
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist;
use crate::spec::hint::{Explain, Fault};
use crate::spec::lock_choice::{Choice, REQUIREMENTS, Unfit};
use crate::spec::lock_target::LockTarget;
use crate::spec::pin::{Pin, Source};
use crate::spec::requirements_lock::Locked;
use crate::spec::uv_failure::UvFailure;
use crate::spec::uv_question::Question;

/// Whether the lock is to have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashes {
    #[default]
    IfToBeHad,
    Required,
    /// The index is not asked where it need not be.
    Without,
}

/// What is locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// In the order of their names.
    pub pins: Vec<Locked>,
    /// `what is installed`, `uv`
    pub by: String,
    /// Why there are no hashes.
    pub unhashed: Option<String>,
    pub indexes: BTreeMap<String, String>,
    pub apart: Vec<(String, String)>,
    /// The code of this machine that is among the pins, packed.
    pub wheels: Vec<LocalWheel>,
    pub notes: Vec<String>,
}

impl Resolution {
    /// What a distribution is locked as; `name` is normalised.
    pub fn pin(&self, name: &str) -> Option<&Pin> {
        self.pins.iter().map(|locked| &locked.pin).find(|pin| pin.normalised() == name)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(transparent)]
    Uv(#[from] UvError),
    /// Each is about a distribution of its own.
    #[error("{}", lines(.0))]
    Several(Vec<UvError>),
    #[error("{what}, and there is no uv to ask the package index")]
    NoUv { what: String },
    #[error("there can be no hashes: {why}")]
    Unhashed { why: String },
}

impl Explain for LockError {
    fn fault(&self) -> Fault {
        match self {
            Self::Uv(error) => error.fault(),
            Self::Several(_) | Self::NoUv { .. } | Self::Unhashed { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Uv(error) => error.hints(),
            Self::Several(errors) => {
                let mut hints: Vec<String> = Vec::new();
                for hint in errors.iter().flat_map(Explain::hints) {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints
            }
            Self::NoUv { .. } => {
                vec!["`pip install uv`; without `--offline` it is fetched".to_owned()]
            }
            Self::Unhashed { .. } => vec!["without `--require-hashes` it is locked all the same".to_owned()],
        }
    }
}

impl LockError {
    /// What of uv's answers it is about.
    pub fn failures(&self) -> Vec<&UvFailure> {
        match self {
            Self::Uv(error) => error.failure().into_iter().collect(),
            Self::Several(errors) => errors.iter().filter_map(UvError::failure).collect(),
            Self::NoUv { .. } | Self::Unhashed { .. } => Vec::new(),
        }
    }
}

fn lines(errors: &[UvError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Whether uv is needed: it is fetched then, where it is not there.
pub fn needs_uv(choice: &Choice, hashes: Hashes) -> bool {
    !choice.unfit.is_empty() || (hashes == Hashes::Required && choice.hash_question().is_ok())
}

/// `packed` are the wheels of the code of this machine that is needed.
pub fn resolve(
    choice: &Choice,
    packed: &[Locked],
    hashes: Hashes,
    uv: Option<&Uv>,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Result<Resolution, LockError> {
    let mut resolution = Resolution {
        indexes: choice.indexes.clone(),
        apart: choice.apart.clone(),
        notes: choice.notes.clone(),
        ..Resolution::default()
    };
    if choice.unfit.is_empty() {
        "what is installed".clone_into(&mut resolution.by);
        resolution.pins.clone_from(&choice.pins);
        add_hashes(&mut resolution, choice, hashes, uv, target, surroundings)?;
    } else {
        let what = || told(&choice.unfit);
        let uv = uv.ok_or_else(|| LockError::NoUv { what: what() })?;
        "uv".clone_into(&mut resolution.by);
        let mut question = choice.question.clone();
        question.hashes = hashes != Hashes::Without;
        let (answer, passed_over) = ask(uv, &question, target, surroundings)?;
        resolution.notes.extend(
            passed_over.into_iter().map(|error| {
                format!("{error}; so another version was looked for, of it or of what needs it")
            }),
        );
        let (answer, notes) = with_wheels(uv, answer, &question, target, surroundings)?;
        resolution.notes.extend(notes);
        resolution.notes.extend(answer.warnings);
        resolution.pins = answer.pins;
        for locked in &mut resolution.pins {
            // A bound asks for nothing, and uv's file of them lies elsewhere each time.
            locked.via.retain(|via| !via.starts_with("-c "));
            let kept = choice.kept.get(&locked.pin.normalised());
            if let Some(own) = kept.and_then(|kept| kept.locked(std::mem::take(&mut locked.via))) {
                *locked = own;
            }
        }
        for via in resolution.pins.iter_mut().flat_map(|locked| &mut locked.via) {
            if via.is_empty() {
                REQUIREMENTS.clone_into(via);
            }
        }
        if hashes == Hashes::Without {
            resolution.unhashed = Some(NOT_WANTED.to_owned());
        } else if let Some(why) = first_without(&resolution.pins) {
            unhashed(&mut resolution, hashes, why)?;
        }
    }
    resolution.pins.extend(packed.iter().cloned());
    if resolution.unhashed.is_some() {
        resolution.pins.iter_mut().for_each(|locked| locked.hashes.clear());
    }
    for locked in &mut resolution.pins {
        locked.via.sort();
        locked.via.dedup();
    }
    resolution.pins.sort_by_key(|locked| locked.pin.normalised());
    Ok(resolution)
}

/// How many are told at once, and for how long they are looked for.
const MOST_LACKING: usize = 20;
/// How many are tried to do without; a build may take minutes.
const MOST_UNBUILT: usize = 5;
const LIMIT_FOR_ALL: Duration = Duration::from_secs(60);

/// One whose source archive cannot be built is no reason to give up where another version, of it or of what needs it, has a
/// wheel.
fn ask(
    uv: &Uv,
    question: &Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Result<(Answer, Vec<UvError>), LockError> {
    let mut asked = question.clone();
    let mut passed_over: Vec<UvError> = Vec::new();
    loop {
        let error = match uv.ask(&asked, target, surroundings) {
            Ok(answer) => return Ok((answer, passed_over)),
            Err(error) => error,
        };
        if let Some(failure @ UvFailure::Build { .. }) = error.failure()
            && let Some(name) = failure.lacking()
            && !asked.unbuilt.contains(&name)
            && asked.unbuilt.len() < MOST_UNBUILT
        {
            asked.unbuilt.push(name);
            passed_over.push(error);
            continue;
        }
        // That nothing else fits is a consequence of the first of them.
        let nothing = matches!(
            error.failure(),
            Some(
                UvFailure::NotThere { .. }
                    | UvFailure::Empty { .. }
                    | UvFailure::NoVersion { .. }
                    | UvFailure::Unsolvable { .. }
            )
        );
        let first = if nothing && !passed_over.is_empty() { passed_over.remove(0) } else { error };
        return Err(with_all_others(first, uv, question.clone(), target, surroundings));
    }
}

/// An answer without releases that have no wheel although newer ones have: uv goes back to such where the newest versions of
/// others do not go together, and what can then be built is luck. What remains without a wheel is told.
fn with_wheels(
    uv: &Uv,
    mut answer: Answer,
    question: &Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Result<(Answer, Vec<String>), LockError> {
    let mut notes = Vec::new();
    let mut asked = question.clone();
    let lacking = wheels::lacking(uv, &answer.pins, question, target, surroundings);
    for old in wheels::newer_have(uv, &lacking, question, target, surroundings) {
        let mut other = asked.clone();
        other.unbuilt.push(old.normalised());
        match uv.ask(&other, target, surroundings) {
            Ok(better) if wheels::is_better(&old, &answer.pins, &better.pins, &question.requirements) => {
                notes.push(format!(
                    "`{old}` would go with the newest of the others, and has no wheel for {target}: versions were chosen that go with one which has"
                ));
                answer = better;
                asked = other;
            }
            Err(error) if matches!(error.fault(), Fault::Interrupted(_)) => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    notes.extend(wheels::told(&wheels::lacking(uv, &answer.pins, &asked, target, surroundings), target));
    Ok((answer, notes))
}

/// uv stops at the first distribution that cannot be had. Without it, the next one is found: whoever mends a list of names
/// wants to know them all.
fn with_all_others(
    first: UvError,
    uv: &Uv,
    mut question: Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> LockError {
    let begin = Instant::now();
    let mut found = vec![first];
    question.hashes = false;
    while let Some(name) = found.last().and_then(|error| error.failure()?.lacking())
        && !question.never.contains(&name)
        && found.len() < MOST_LACKING
        && let Some(left) = LIMIT_FOR_ALL.checked_sub(begin.elapsed())
    {
        question
            .requirements
            .retain(|line| requires_dist::split(line).map_or(true, |parts| normalised(parts.name) != name));
        question.never.push(name);
        match uv.ask_within(left, &question, target, surroundings) {
            Err(error) if matches!(error.fault(), Fault::Interrupted(_)) => return error.into(),
            Err(error) if error.failure().is_some_and(|failure| failure.lacking().is_some()) => {
                found.push(error);
            }
            // The rest goes together, or does not for a reason of its own: that is told once these are mended.
            Ok(_) | Err(_) => break,
        }
    }
    if found.len() > 1 { LockError::Several(found) } else { found.remove(0).into() }
}

const NOT_WANTED: &str = "they were not wanted";

fn add_hashes(
    resolution: &mut Resolution,
    choice: &Choice,
    hashes: Hashes,
    uv: Option<&Uv>,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Result<(), LockError> {
    if hashes == Hashes::Without {
        resolution.unhashed = Some(NOT_WANTED.to_owned());
        return Ok(());
    }
    let question = match choice.hash_question() {
        Ok(question) => question,
        Err(why) => return unhashed(resolution, hashes, why),
    };
    if question.requirements.is_empty() {
        return Ok(());
    }
    let Some(uv) = uv else {
        if hashes == Hashes::Required {
            return Err(LockError::NoUv { what: "hashes are wanted".to_owned() });
        }
        return unhashed(resolution, hashes, "there was no uv to ask the package index".to_owned());
    };
    match uv.ask(&question, target, surroundings) {
        Ok(answer) => {
            let by_name: BTreeMap<String, Vec<String>> =
                answer.pins.into_iter().map(|locked| (locked.pin.normalised(), locked.hashes)).collect();
            for locked in &mut resolution.pins {
                if let Some(hashes) = by_name.get(&locked.pin.normalised()) {
                    locked.hashes.clone_from(hashes);
                }
            }
            match first_without(&resolution.pins) {
                None => Ok(()),
                Some(why) => unhashed(resolution, hashes, why),
            }
        }
        // Nobody could install such a lock.
        Err(error)
            if matches!(
                error.failure(),
                Some(
                    UvFailure::NotThere { .. }
                        | UvFailure::Empty { .. }
                        | UvFailure::NoVersion { .. }
                        | UvFailure::Unsolvable { .. }
                )
            ) =>
        {
            Err(error.into())
        }
        Err(error) if hashes == Hashes::Required || matches!(error.fault(), Fault::Interrupted(_)) => {
            Err(error.into())
        }
        Err(error) => {
            let why = if surroundings.offline {
                "uv's cache did not have them all, and the package index was not to be asked"
            } else {
                resolution.notes.push(format!("no hashes: {error}"));
                "the package index could not be asked"
            };
            unhashed(resolution, hashes, why.to_owned())
        }
    }
}

/// Installers take hashes for all of a file or for none.
fn unhashed(resolution: &mut Resolution, hashes: Hashes, why: String) -> Result<(), LockError> {
    if hashes == Hashes::Required {
        return Err(LockError::Unhashed { why });
    }
    for locked in &mut resolution.pins {
        locked.hashes.clear();
    }
    resolution.unhashed = Some(why);
    Ok(())
}

fn first_without(pins: &[Locked]) -> Option<String> {
    let has = |locked: &&Locked| match &locked.pin.source {
        Source::Version(_) | Source::Wheel { .. } => !locked.hashes.is_empty(),
        Source::Address(address) => !locked.hashes.is_empty() || address.contains("sha256="),
    };
    let without = pins.iter().find(|locked| !has(locked))?;
    Some(match &without.pin.source {
        Source::Version(_) | Source::Wheel { .. } => {
            format!("the package index has none of `{}`", without.pin)
        }
        Source::Address(address) if address.contains("git+") => {
            format!("`{}` comes from version control", without.pin.name)
        }
        Source::Address(_) => format!("`{}` comes from an address without one", without.pin.name),
    })
}

/// In one line what is not as it would have to be.
pub fn told(unfit: &[Unfit]) -> String {
    let mut missing: Vec<String> = Vec::new();
    let mut other: Vec<String> = Vec::new();
    for one in unfit {
        match one {
            Unfit::Missing { name, required_by } => missing.push(match required_by.first() {
                Some(edge) => format!("`{name}` (for `{}`)", edge.by),
                None => format!("`{name}`"),
            }),
            Unfit::OtherBuild { name, version } => {
                other.push(format!("`{name}` {version} is another build than the target's"));
            }
            Unfit::Python { name, version, requires_python } => {
                other.push(format!("`{name}` {version} needs Python {requires_python}"));
            }
            Unfit::Version { name, version, wanted } => {
                other.push(format!("`{name}` is installed as {version}, and `{name}{wanted}` is wanted"));
            }
            Unfit::Wheel { name, file } => {
                other.push(format!("`{name}` is not installed, and there as `{file}`"));
            }
        }
    }
    if !missing.is_empty() {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        other.insert(0, format!("{} {verb} not installed", missing.join(", ")));
    }
    other.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::closure::Edge;

    #[test]
    fn what_is_not_right_is_one_line() {
        let edge = Edge { by: "lightning".to_owned(), extra: None, text: "torch".to_owned() };
        let unfit = [
            Unfit::Version { name: "a".to_owned(), version: "1".to_owned(), wanted: "==2".to_owned() },
            Unfit::Missing { name: "torch".to_owned(), required_by: vec![edge] },
            Unfit::Missing { name: "wandb".to_owned(), required_by: vec![] },
        ];
        assert_eq!(
            told(&unfit),
            "`torch` (for `lightning`), `wandb` are not installed; `a` is installed as 1, and `a==2` is wanted"
        );
        assert_eq!(told(&unfit[2..]), "`wandb` is not installed");
    }
}
