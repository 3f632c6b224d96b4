//! `scaf env check`: whether code and pins go together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::local_code;
use super::subject::{self, Python, Subject};
use crate::cli::args::EnvCheckArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::orchestrate::host::uv::{self, Surroundings};
use crate::orchestrate::load::pinned;
use crate::orchestrate::on_index::{self, Asked};
use crate::orchestrate::planner;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::normalised;
use crate::project::python::target::Target;
use crate::spec::closure::Catalogue;
use crate::spec::env_check::{self, Facts, Finding, Rule, Severity};
use crate::spec::lock_target::{LockTarget, Sayings};
use crate::spec::pinned::{Pin, Pinned};

/// Of more packages whose version differs the number is said; `-v` shows all.
const DRIFTED: usize = 5;

pub fn run(context: &Context<'_>, args: &EnvCheckArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_to_look_at(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let subject = Subject {
        root: experiment.dir.clone(),
        paths: vec![experiment.dir.clone()],
        experiment: Some(experiment.clone()),
    };
    let python = Python::of(context, &args.python, &subject)?;
    let pinned = pinned::read(&experiment.dir.join(ENVIRONMENT))?;
    let target = target(&pinned, settings.env.python.as_deref(), &python);
    let of_code = Target {
        python: (target.python.major, target.python.minor),
        machine: target.platform.machine().to_owned(),
        ..Target::default()
    };
    let detection = subject::detect(&subject, &python, &of_code)?;
    let waived: BTreeSet<String> = settings.env.waive.iter().map(|name| normalised(name)).collect();
    let mut pins = pinned.exact(&target);
    pins.retain(|name, _| !waived.contains(name));
    let on_index =
        if args.offline { Asked::default() } else { ask(context, &python, &pinned, &pins, &target)? };
    let of_this_machine = local_code::findings(&local_code::Facts {
        detection: &detection,
        python: &python,
        pinned: &pinned,
        target: &target,
        experiment: &experiment,
        layout: &project.layout,
        waived: &waived,
    });
    let found = env_check::check(&Facts {
        detection: &detection,
        pinned: &pinned,
        target: &target,
        modules: &pinned::top_modules(&experiment.dir),
        installed: python.installed.as_ref().map(|installed| -> &dyn Catalogue { installed }),
        interpreter: python.interpreter.as_ref().map(|interpreter| interpreter.version),
        index: &on_index.against,
        of_this_machine: &of_this_machine,
        waived: &waived,
    });
    let failed = found.iter().any(|finding| finding.severity == Severity::Error);
    if context.global.json {
        let asked = !args.offline && on_index.unknown.is_none();
        context.ui.object(&json!({
            "experiment": experiment.name, "findings": found,
            "index": { "asked": asked, "why_not": on_index.unknown },
        }))?;
        return Ok(u8::from(failed));
    }
    if let Some(why) = &on_index.unknown {
        context.ui.say(&format!("note: not every pin was looked up: {why}"));
    }
    if found.is_empty() {
        context.ui.say(&format!("`{}` and its environment go together", experiment.name));
        return Ok(0);
    }
    context.ui.data(&text(&found, context.verbose()))?;
    for hint in hints(&found, experiment.name.as_str()) {
        context.ui.hint(&hint);
    }
    Ok(u8::from(failed))
}

/// The machine that the pins are for: the lock's platform, the base image's Python.
pub fn target(pinned: &Pinned, settings: Option<&str>, python: &Python) -> LockTarget {
    let interpreter = python.interpreter.as_ref().map(|interpreter| {
        let (major, minor) = interpreter.version;
        interpreter.full_version.clone().unwrap_or_else(|| format!("{major}.{minor}"))
    });
    let sayings = Sayings {
        command_line: None,
        dockerfile: pinned.dockerfile.as_deref(),
        settings,
        interpreter: interpreter.as_deref(),
    };
    let platform =
        pinned.lock.as_ref().and_then(|lock| lock.read.head.target.split(',').next()?.parse().ok());
    LockTarget::choose(platform.unwrap_or_default(), &sayings).0
}

/// What the package index says against the pins. That it cannot be asked is no failure.
fn ask(
    context: &Context<'_>,
    python: &Python,
    pinned: &Pinned,
    pins: &BTreeMap<String, Pin>,
    target: &LockTarget,
) -> Result<Asked, Failure> {
    if pins.is_empty() {
        return Ok(Asked::default());
    }
    let program = context.environment.cache_dir().as_deref().map(planner::uv::program);
    let Some(uv) = uv::find(&context.environment, program.as_deref()) else {
        let unknown = Some("there is no uv to ask the package index".to_owned());
        return Ok(Asked { unknown, ..Asked::default() });
    };
    let heard = Heard::begin(SignalSource::Process)
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    let surroundings = Surroundings {
        environment: &context.environment,
        folder: &context.directory,
        interpreter: python.interpreter.as_ref().map(|interpreter| interpreter.executable.as_path()),
        offline: false,
        heard: Some(&heard),
    };
    let mut options: Vec<IndexOption> =
        pinned.lock.as_ref().map(|lock| lock.read.options.clone()).unwrap_or_default();
    if pinned.lock.is_none() {
        options.extend(pinned.files.iter().flat_map(|file| IndexOption::all(&file.text)));
    }
    Ok(on_index::ask(&uv, pins, &options, target, &surroundings, on_index::LIMIT)?)
}

fn text(found: &[Finding], whole: bool) -> String {
    let drifted = found.iter().filter(|finding| finding.rule == Rule::Drift).count();
    let row = |severity: Severity, rule: Rule, place: String, message: String| {
        [severity.name().to_owned(), rule.name().to_owned(), place, message]
    };
    let mut rows = Vec::new();
    let mut shown = 0;
    for finding in found {
        if finding.rule == Rule::Drift {
            shown += 1;
            if shown > DRIFTED && !whole {
                continue;
            }
        }
        rows.push(row(finding.severity, finding.rule, finding.place.shown(), finding.message.clone()));
    }
    if drifted > DRIFTED && !whole {
        let more = drifted - DRIFTED;
        let message = format!("and {more} more that differ from the Python in use (`-v` shows them)");
        rows.push(row(Severity::Note, Rule::Drift, "-".to_owned(), message));
    }
    table::columns(["level", "rule", "where", "what"], &rows)
}

fn hints(found: &[Finding], experiment: &str) -> Vec<String> {
    let has = |rules: &[Rule]| found.iter().any(|finding| rules.contains(&finding.rule));
    let mut hints = Vec::new();
    if has(&[Rule::Missing, Rule::StaleLock, Rule::NoLock, Rule::NoWheel, Rule::StaleWheel]) {
        hints.push(format!("pin what is needed: `scaf env lock {experiment}`"));
    }
    if has(&[Rule::NoSuchPin, Rule::Yanked]) {
        hints.push(format!(
            "choose another version in environment/requirements.txt, then `scaf env lock {experiment}`"
        ));
    }
    if has(&[Rule::LeftBehind]) {
        hints.push(format!(
            "what is shared goes into `src/common` and is linked: `scaf dependency {experiment} PATH`; or make a package of it and install that"
        ));
    }
    if has(&[Rule::NotCopied]) {
        hints.push(local_code::copy_hint());
    }
    if has(&[Rule::Shadowed]) {
        hints.push("give the module another name".to_owned());
    }
    if has(&[Rule::Unused]) {
        hints.push("why a package is there: `scaf env explain PACKAGE`".to_owned());
    }
    if has(&[Rule::OtherPython, Rule::Drift]) {
        hints.push("another Python than the one in use: `--python PATH`; none: `--no-python`".to_owned());
    }
    if has(&[
        Rule::Missing,
        Rule::Unresolved,
        Rule::LeftBehind,
        Rule::OtherMachine,
        Rule::Unused,
        Rule::Shadowed,
    ]) {
        hints.push("what is right as it is: `waive = [\"NAME\"]` under `[env]` in scaf.toml".to_owned());
    }
    hints
}
