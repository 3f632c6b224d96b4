//! What is asked for and nobody needs.

use std::collections::BTreeSet;

use super::{Finding, Ground, Rule, Where};
use crate::project::python::requirements::normalised;
use crate::spec::closure::{self, Root};
use crate::spec::detection::Detection;
use crate::spec::lock_choice::REQUIREMENTS;

pub(super) fn unused(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let facts = ground.facts;
    let Detection { third_party, optional, implied, suggested, dev, .. } = facts.detection;
    let groups = [third_party, optional, implied, suggested, dev];
    let mut wanted = BTreeSet::new();
    let mut roots = Vec::new();
    for (name, needed) in groups.iter().flat_map(|group| group.iter()) {
        wanted.insert(name.clone());
        wanted.insert(normalised(needed.name.split('[').next().unwrap_or_default()));
        wanted.extend(needed.candidates.iter().map(|other| normalised(other)));
        roots.push(Root::named(&needed.name));
    }
    // What one of them needs in turn may well have a line of its own.
    if let Some(installed) = facts.installed {
        wanted.extend(closure::close(&roots, installed, facts.target).distributions.into_keys());
    }
    for locked in facts.pinned.lock.iter().flat_map(|lock| &lock.read.pins) {
        if locked.via.iter().any(|via| via != REQUIREMENTS && !via.starts_with("-r ")) {
            wanted.insert(locked.pin.normalised());
        }
    }
    let hidden: BTreeSet<String> =
        found.iter().filter(|one| one.rule == Rule::Shadowed).map(|one| normalised(&one.package)).collect();
    for asked in &ground.asked {
        if wanted.contains(&asked.name) || hidden.contains(&asked.name) {
            continue;
        }
        let message = match &asked.why {
            None => format!("nothing in the code leads to `{}`", asked.name),
            // Another file asked for it.
            Some(why) if !why.contains(".py") && !why.contains(".ipynb") => continue,
            Some(_) => format!("the code does not need `{}` any more", asked.name),
        };
        let place = Where::at(&asked.file, asked.line);
        found.push(Finding::new(Rule::Unused, &asked.name, place, message));
    }
}
