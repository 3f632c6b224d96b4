//! Whether an experiment's code and its pins go together, by what lies in its folder and nothing else: what is said before a
//! run, and so has to cost next to nothing. What was detected the last time makes it a look at which files have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::detect::{self, Request};
use super::installed::Installed;
use super::local_wheel::packed;
use super::{interpreter, pinned};
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::requirements::normalised;
use crate::project::python::target::Target;
use crate::spec::env_check::{self, Facts, Finding, Rule, Severity};
use crate::spec::env_vars::Environment;
use crate::spec::lock_target::{LockTarget, Platform, Sayings};
use crate::spec::pin::Source;
use crate::spec::requirements_lock::Locked;
use crate::spec::settings::Settings;

/// What will make a run fail, or run with something else than what is written down. Where anything of it cannot be read,
/// nothing is said: the run itself will say it.
pub fn against(
    experiment: &Experiment,
    settings: &Settings,
    environment: &Environment,
    cache: Option<&Path>,
) -> Vec<Finding> {
    let Ok(pinned) = pinned::read(&experiment.dir.join(ENVIRONMENT)) else { return Vec::new() };
    let sayings = Sayings {
        dockerfile: pinned.dockerfile.as_deref(),
        settings: settings.env.python.as_deref(),
        ..Sayings::default()
    };
    let (target, _) = LockTarget::choose(Platform::default(), &sayings);
    let of_code = Target { python: (target.python.major, target.python.minor), ..Target::default() };
    // What is installed is looked at for the wheels of code of this machine alone, which may have changed since.
    let is_wheel = |locked: &Locked| matches!(locked.pin.source, Source::Wheel { .. });
    let wheels = pinned.lock.as_ref().filter(|lock| lock.read.pins.iter().any(is_wheel));
    let interpreter = wheels.and_then(|_| interpreter::choose(None, &experiment.dir, environment).ok());
    let installed = interpreter.as_ref().and_then(|interpreter| Installed::read(interpreter).ok());
    let request = Request {
        root: &experiment.dir,
        paths: std::slice::from_ref(&experiment.dir),
        is_experiment: true,
        chosen: None,
        interpreter: interpreter.as_ref(),
        installed: installed.as_ref(),
        target: &of_code,
        cache,
    };
    let Ok(detection) = detect::detect(&request) else { return Vec::new() };
    let waived: BTreeSet<String> = settings.env.waive.iter().map(|name| normalised(name)).collect();
    let of_this_machine = wheels.map_or_else(Vec::new, |lock| {
        packed::findings(&packed::Facts {
            detection: &detection,
            installed: installed.as_ref().zip(interpreter.as_ref()),
            lock,
            target: &target,
            experiment: &experiment.dir,
        })
    });
    let mut found = env_check::check(&Facts {
        detection: &detection,
        pinned: &pinned,
        target: &target,
        modules: &[],
        installed: None,
        interpreter: None,
        index: &BTreeMap::new(),
        of_this_machine: &of_this_machine,
        waived: &waived,
    });
    found.retain(|finding| {
        let rules = matches!(
            finding.rule,
            Rule::Missing | Rule::StaleLock | Rule::NoWheel | Rule::StaleWheel | Rule::NotCopied
        );
        finding.severity == Severity::Error && rules
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
