//! Whether an experiment's code and its pins go together, by what lies in its folder and nothing else: what is said before a
//! run, and so has to cost next to nothing. What was detected the last time makes it a look at which files have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::detect::{self, Request};
use super::pinned;
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::requirements::normalised;
use crate::project::python::target::Target;
use crate::spec::env_check::{self, Facts, Finding, Rule, Severity};
use crate::spec::lock_target::{LockTarget, Platform, Sayings};
use crate::spec::settings::Settings;

/// What will make a run fail, or run with something else than what is written down. Where anything of it cannot be read,
/// nothing is said: the run itself will say it.
pub fn against(experiment: &Experiment, settings: &Settings, cache: Option<&Path>) -> Vec<Finding> {
    let Ok(pinned) = pinned::read(&experiment.dir.join(ENVIRONMENT)) else { return Vec::new() };
    let sayings = Sayings {
        dockerfile: pinned.dockerfile.as_deref(),
        settings: settings.env.python.as_deref(),
        ..Sayings::default()
    };
    let (target, _) = LockTarget::choose(Platform::default(), &sayings);
    let of_code = Target { python: (target.python.major, target.python.minor), ..Target::default() };
    let request = Request {
        root: &experiment.dir,
        paths: std::slice::from_ref(&experiment.dir),
        is_experiment: true,
        interpreter: None,
        installed: None,
        target: &of_code,
        cache,
    };
    let Ok(detection) = detect::detect(&request) else { return Vec::new() };
    let waived: BTreeSet<String> = settings.env.waive.iter().map(|name| normalised(name)).collect();
    let mut found = env_check::check(&Facts {
        detection: &detection,
        pinned: &pinned,
        target: &target,
        modules: &[],
        installed: None,
        interpreter: None,
        index: &BTreeMap::new(),
        waived: &waived,
    });
    found.retain(|finding| {
        finding.severity == Severity::Error && matches!(finding.rule, Rule::Missing | Rule::StaleLock)
    });
    found
}

/// The same as one line with the way out; `None` where all goes together. `folder` is the experiment's as people write it.
pub fn line(experiment: &Experiment, folder: &Path, found: &[Finding]) -> Option<String> {
    let first = found.first()?;
    let place = folder.join(first.place.shown());
    let more = match found.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    Some(format!("{}: {}{more}: `scaf env lock {}`", place.display(), first.message, experiment.name))
}
