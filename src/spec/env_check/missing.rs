//! What the code needs and the environment does not have.

use super::{Finding, Ground, Rule, Severity, Where};
use crate::project::python::requirements::normalised;
use crate::spec::detection::{Detection, Known, Needed, Place, Role};
use crate::spec::pinned::Provision;

pub(super) fn missing(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let Detection { third_party, implied, notebook_only, .. } = ground.facts.detection;
    let provisions = ground.facts.pinned.provisions();
    let code = third_party.iter().filter(|(name, _)| !notebook_only.contains(name));
    for (name, needed) in code.chain(implied) {
        let plain = normalised(needed.name.split('[').next().unwrap_or_default());
        let others: Vec<String> = needed.candidates.iter().map(|other| normalised(other)).collect();
        let names = [name.as_str(), &plain].into_iter().chain(others.iter().map(String::as_str));
        let is_guess = needed.known == Known::Guess;
        let (severity, unless) = match provisions.of(names, is_guess) {
            Provision::Has => continue,
            Provision::Lacks => (Severity::Error, String::new()),
            Provision::Perhaps(why) => (Severity::Warning, format!("; {why}")),
        };
        let Some(place) = first(needed) else { continue };
        let what = &*place.what;
        let asks = match &place.why {
            Some(why) => format!("`{what}` needs `{}` ({why})", needed.name),
            None if normalised(what) == *name => format!("the code imports `{}`", needed.name),
            None => format!("the code imports `{what}` of `{}`", needed.name),
        };
        let guess = if is_guess { " (that is its name is a guess)" } else { "" };
        let message = format!("{asks}{guess}, which is not pinned{unless}");
        let finding = Finding::new(Rule::Missing, &needed.name, Where::from(place), message);
        found.push(Finding { severity, ..finding });
    }
}

pub(super) fn unresolved(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    for unresolved in &ground.facts.detection.unresolved {
        let used = unresolved.places.iter().find(|place| matches!(place.role, Role::Code | Role::Notebook));
        if let Some(place) = used {
            let message = format!("`{}`: {}", unresolved.import, unresolved.reason);
            found.push(Finding::new(Rule::Unresolved, &unresolved.import, Where::from(place), message));
        }
    }
}

/// The place that weighs most.
fn first(needed: &Needed) -> Option<&Place> {
    needed.places.iter().min_by_key(|place| (place.role, place.kind))
}
