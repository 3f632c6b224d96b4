//! Whether the package index has what is pinned: uv is asked, in one go where it has it all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::host::bounded_process::SpeakError;
use super::host::uv::{Surroundings, Uv, UvError};
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::normalised;
use crate::spec::env_check::OnIndex;
use crate::spec::lock_target::LockTarget;
use crate::spec::pinned::Pin;
use crate::spec::torch_builds::{self, Accelerator, Index};
use crate::spec::uv_failure::UvFailure;
use crate::spec::uv_question::Question;

/// uv names one that is not there at a time; after so many the rest is not asked for.
const ROUNDS: usize = 12;
/// One that has to be built for an answer is not waited for.
pub const LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What the index says against pins, by normalised name.
    pub against: BTreeMap<String, OnIndex>,
    /// Why it is not known of all of them.
    pub unknown: Option<String>,
}

/// Asks within the time. Only an interruption is an error.
pub fn ask(
    uv: &Uv,
    pins: &BTreeMap<String, Pin>,
    options: &[IndexOption],
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
    limit: Duration,
) -> Result<Asked, UvError> {
    let mut asked = Asked::default();
    let mut question = question(pins, options, target);
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        if question.requirements.is_empty() {
            return Ok(asked);
        }
        let left = limit.saturating_sub(begun.elapsed());
        let error = match uv.ask_within(left, &question, target, surroundings) {
            Ok(answer) => {
                for (name, reason) in answer.warnings.iter().filter_map(|warning| yanked(warning)) {
                    asked.against.insert(name, OnIndex::Yanked(reason));
                }
                return Ok(asked);
            }
            Err(error) => error,
        };
        let name = match &error {
            UvError::Speak(SpeakError::Interrupted { .. }) => return Err(error),
            UvError::Speak(SpeakError::TooLong { .. }) => {
                asked.unknown =
                    Some(format!("the package index did not answer within {} s", limit.as_secs()));
                return Ok(asked);
            }
            UvError::Failed { failure, .. } => match failure {
                UvFailure::NotThere { name }
                | UvFailure::Empty { name }
                | UvFailure::NoVersion { requirement: name } => of(name),
                // It is there, and what it needs is not asked for.
                UvFailure::Build { what, .. } => {
                    question.requirements.retain(|line| of(line) != of(what));
                    continue;
                }
                _ => None,
            },
            _ => None,
        };
        let before = question.requirements.len();
        question.requirements.retain(|line| of(line) != name);
        let Some(name) = name.filter(|_| question.requirements.len() < before) else {
            asked.unknown = Some(error.to_string());
            return Ok(asked);
        };
        asked.against.insert(name, OnIndex::Unknown(error.to_string()));
    }
    asked.unknown = Some("there may be more that it does not have".to_owned());
    Ok(asked)
}

fn question(pins: &BTreeMap<String, Pin>, options: &[IndexOption], target: &LockTarget) -> Question {
    let mut sources = BTreeMap::new();
    for (name, pin) in pins {
        let build = torch_builds::choose(name, &pin.version, Accelerator::AsInstalled, target.platform);
        if let Some(Index::Special(url)) = build.map(|build| build.index) {
            sources.insert(name.clone(), url);
        }
    }
    let special = |option: &IndexOption| sources.values().any(|url| option.index() == Some(url.as_str()));
    let options: Vec<IndexOption> = options.iter().filter(|option| !special(option)).cloned().collect();
    let requirement = |pin: &Pin| crate::spec::pin::Pin::version(&pin.name, &pin.version).to_string();
    Question {
        requirements: pins.values().map(requirement).collect(),
        // As pip does, which is to install from them.
        any_index: options.iter().any(|option| matches!(option, IndexOption::Extra(_))),
        options,
        sources,
        no_dependencies: true,
        ..Question::default()
    }
}

/// The normalised name in `name==1.0`.
fn of(requirement: &str) -> Option<String> {
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let name = &requirement[..end.unwrap_or(requirement.len())];
    (!name.is_empty()).then(|| normalised(name))
}

/// ``` `x==1.0` is yanked (reason: "broken")``` (uv 0.5 to 0.13): its name, and the reason where one is given.
fn yanked(warning: &str) -> Option<(String, Option<String>)> {
    let (what, rest) = warning.strip_prefix('`')?.split_once("` is yanked")?;
    let reason = rest.trim().strip_prefix("(reason: \"").and_then(|rest| rest.strip_suffix("\")"));
    Some((of(what)?, reason.filter(|reason| !reason.is_empty()).map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::lock_target::{Platform, Sayings};

    #[test]
    fn what_was_taken_back() {
        let told = |text: &str| yanked(text);
        let because = Some(("x-y".to_owned(), Some("broken \"here\"".to_owned())));
        assert_eq!(told("`X_y==1.0` is yanked (reason: \"broken \"here\"\")"), because);
        assert_eq!(told("`x==1.0` is yanked (reason: \"\")"), Some(("x".to_owned(), None)));
        assert_eq!(told("`x==1.0` is yanked"), Some(("x".to_owned(), None)));
        assert_eq!(told("something else"), None);
    }

    #[test]
    fn a_build_for_an_accelerator_is_asked_of_its_own_index() {
        let pin = |name: &str, version: &str| {
            let pin =
                Pin { name: name.to_owned(), version: version.to_owned(), file: String::new(), line: 1 };
            (name.to_owned(), pin)
        };
        let target = LockTarget::choose(Platform::LinuxX86_64, &Sayings::default()).0;
        let pins = BTreeMap::from([pin("torch", "2.1.0+cu118"), pin("numpy", "1.26.4")]);
        let torch = question(&pins, &[], &target).sources["torch"].clone();
        let options = [IndexOption::Extra(torch), IndexOption::Extra("https://h/own".to_owned())];
        let question = question(&pins, &options, &target);
        assert_eq!(question.requirements, ["numpy==1.26.4", "torch==2.1.0+cu118"]);
        assert_eq!(question.options, options[1..]);
        assert!(question.any_index && question.no_dependencies && !question.hashes);
    }
}
