//! Pins of which the index has no wheel for the target: they are built where the lock is installed.

use crate::orchestrate::host::uv::{Surroundings, Uv};
use crate::spec::lock_target::LockTarget;
use crate::spec::pin::Source;
use crate::spec::requirements_lock::Locked;
use crate::spec::uv_failure::UvFailure;
use crate::spec::uv_question::Question;

/// uv names one at a time; who has more of them has been told enough.
const MOST: usize = 8;

/// Those among the pins. An index that cannot be asked says of none: this is advice, and no condition of a lock.
pub fn lacking<'a>(
    uv: &Uv,
    pins: &'a [Locked],
    question: &Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Vec<&'a Locked> {
    let mut left: Vec<&Locked> =
        pins.iter().filter(|locked| matches!(locked.pin.source, Source::Version(_))).collect();
    let mut found = Vec::new();
    while found.len() < MOST {
        let asked = Question {
            requirements: left.iter().map(|locked| locked.pin.to_string()).collect(),
            constraints: Vec::new(),
            preferences: Vec::new(),
            no_dependencies: true,
            hashes: false,
            wheels_only: true,
            ..question.clone()
        };
        let Err(error) = uv.ask(&asked, target, surroundings) else { break };
        let name = match error.failure() {
            Some(failure @ UvFailure::NoVersion { .. }) => failure.lacking(),
            _ => None,
        };
        let Some(at) = left.iter().position(|locked| Some(locked.pin.normalised()) == name) else { break };
        found.push(left.remove(at));
    }
    found
}

/// In one line.
pub fn told(lacking: &[&Locked], target: &LockTarget) -> Option<String> {
    let one = |locked: &&Locked| match locked.via.first().filter(|by| !by.is_empty()) {
        Some(by) => format!("`{}` (for `{by}`)", locked.pin),
        None => format!("`{}`", locked.pin),
    };
    let names: Vec<String> = lacking.iter().map(one).collect();
    let (have, are) = if names.len() == 1 { ("has", "it is") } else { ("have", "they are") };
    (!names.is_empty()).then(|| {
        format!(
            "{} {have} no wheel for {target}: {are} built where the lock is installed, which may need compilers there",
            names.join(", ")
        )
    })
}
