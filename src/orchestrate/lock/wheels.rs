//! Pins of which the index has no wheel for the target: they are built where the lock is installed.

use pep440_rs::Version;

use crate::orchestrate::host::uv::{Surroundings, Uv};
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist;
use crate::spec::lock_target::LockTarget;
use crate::spec::pin::{Pin, Source};
use crate::spec::requirements_lock::Locked;
use crate::spec::uv_failure::UvFailure;
use crate::spec::uv_question::Question;

/// uv names one at a time; who has more of them has been told enough.
const MOST: usize = 8;

/// Those among the pins. An index that cannot be asked says of none: this is advice, and no condition of a lock.
pub fn lacking(
    uv: &Uv,
    pins: &[Locked],
    question: &Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Vec<Locked> {
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
        found.push(left.remove(at).clone());
    }
    found
}

/// Those of which a newer release has a wheel, that nothing forbids which the user has said.
pub fn newer_have(
    uv: &Uv,
    lacking: &[Locked],
    question: &Question,
    target: &LockTarget,
    surroundings: &Surroundings<'_>,
) -> Vec<Pin> {
    let has_newer = |pin: &Pin| {
        let Source::Version(version) = &pin.source else { return false };
        let asked = Question {
            requirements: vec![format!("{}>{version}", pin.name)],
            preferences: Vec::new(),
            no_dependencies: true,
            hashes: false,
            wheels_only: true,
            ..question.clone()
        };
        uv.ask(&asked, target, surroundings).is_ok()
    };
    lacking.iter().map(|locked| locked.pin.clone()).filter(has_newer).collect()
}

/// Whether pins without that release are worth having: a newer one stands in its place; or it is needed no more, and nothing that
/// is asked for directly had to be older for it.
pub fn is_better(old: &Pin, before: &[Locked], after: &[Locked], requirements: &[String]) -> bool {
    let version = |pins: &[Locked], name: &str| {
        let locked = pins.iter().find(|locked| locked.pin.normalised() == name)?;
        match &locked.pin.source {
            Source::Version(version) => version.parse::<Version>().ok(),
            Source::Address(_) | Source::Wheel { .. } => None,
        }
    };
    let name = old.normalised();
    match (version(before, &name), version(after, &name)) {
        (Some(before), Some(after)) => after > before,
        (Some(_), None) => requirements.iter().all(|line| {
            let Ok(parts) = requires_dist::split(line) else { return true };
            let name = normalised(parts.name);
            match (version(before, &name), version(after, &name)) {
                (Some(before), Some(after)) => after >= before,
                _ => true,
            }
        }),
        _ => false,
    }
}

/// In one line.
pub fn told(lacking: &[Locked], target: &LockTarget) -> Option<String> {
    let one = |locked: &Locked| match locked.via.first().filter(|by| !by.is_empty()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(all: &[(&str, &str)]) -> Vec<Locked> {
        let locked = |(name, version): &(&str, &str)| Locked {
            pin: Pin::version(*name, *version),
            hashes: Vec::new(),
            via: Vec::new(),
        };
        all.iter().map(locked).collect()
    }

    #[test]
    fn what_is_better_without_a_release_that_has_no_wheel() {
        let asked = ["flair".to_owned(), "torch>=2".to_owned()];
        let better = |old: (&str, &str), before: &[(&str, &str)], after: &[(&str, &str)]| {
            is_better(&Pin::version(old.0, old.1), &pins(before), &pins(after), &asked)
        };
        let sentence = ("sentencepiece", "0.1.95");
        let before = [("flair", "0.11"), ("torch", "2.5"), sentence];
        assert!(better(sentence, &before, &[("flair", "0.15"), ("torch", "2.1"), ("sentencepiece", "0.2")]));
        // It is not needed any more.
        assert!(better(sentence, &before, &[("flair", "0.15"), ("torch", "2.5")]));
        assert!(!better(sentence, &before, &[("flair", "0.10"), ("torch", "2.5")]));
        assert!(!better(sentence, &before, &[("flair", "0.15"), ("torch", "2.5"), ("sentencepiece", "0.1")]));
    }

    #[test]
    fn what_has_no_wheel_is_one_line() {
        let sayings =
            crate::spec::lock_target::Sayings { command_line: Some("3.11.7"), ..Default::default() };
        let target = LockTarget::choose(crate::spec::lock_target::Platform::LinuxX86_64, &sayings).0;
        assert_eq!(told(&[], &target), None);
        let mut all = pins(&[("a", "1"), ("b", "2")]);
        all[0].via.push("c".to_owned());
        let line = told(&all, &target).unwrap();
        assert!(
            line.starts_with("`a==1` (for `c`), `b==2` have no wheel for linux-x86_64, CPython 3.11.7"),
            "{line}"
        );
    }
}
