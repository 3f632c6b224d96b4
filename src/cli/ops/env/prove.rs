//! `scaf env prove`: imports in the experiment's image everything that its code imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use super::subject::{self, Python, Subject};
use crate::cli::args::EnvProveArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ops::run::{self, Wanted};
use crate::cli::ui::table;
use crate::orchestrate::execute::World;
use crate::orchestrate::perform;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::project::python::requirements::normalised;
use crate::project::python::target::Target;
use crate::spec::detection::{Detection, Needed, Place};
use crate::spec::proof::{self, Asked, Proof, Remedy};
use crate::spec::run::Intent;

/// What the script in the image writes.
const ANSWER: &str = "outputs/proof.json";

pub fn run(context: &Context<'_>, args: &EnvProveArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let subject = Subject {
        root: experiment.dir.clone(),
        paths: vec![experiment.dir.clone()],
        experiment: Some(experiment.clone()),
    };
    let python = Python::of(context, &args.python, &subject)?;
    let detection = subject::detect(&subject, &python, &Target::default())?;
    let waived: BTreeSet<String> = settings.env.waive.iter().map(|name| normalised(name)).collect();
    let asked = asked(&detection, &waived, args.seconds);
    let prepared = run::prepare(
        context,
        &project,
        &experiment,
        &args.options,
        Wanted {
            intent: Intent::Prove,
            program: Program::Prove { asked: serde_json::to_string(&asked).unwrap_or_default() },
            live: false,
            layer: None,
            host: HostMay::WhenNamed,
            may_have_terminal: false,
            kill_on_three_interrupts: true,
            job: None,
        },
    )?;
    if context.global.dry_run {
        return run::finish(context, &project, prepared);
    }
    context.ui.say(&prepared.first_line);
    for note in &prepared.notes {
        context.ui.warning(note);
    }
    let run::Prepared { record, mut claim, moby, gpus, .. } = prepared;
    let mut world = World::new(context.ui, &context.environment, context.global.json).with_engine(moby);
    world.kill_on_three_interrupts = true;
    let outcome = perform::perform(&mut claim, &record, &world)?;
    drop(gpus);
    let path = claim.folder.join(ANSWER);
    let Some(proof) = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Proof>(&bytes).ok())
    else {
        run::conclude(context, &project, &record, &claim.folder, &outcome)?;
        return Ok(if outcome.status == 0 { 1 } else { outcome.status });
    };
    let failures = failures(&detection, &proof);
    if context.global.json {
        context.ui.object(&json!({
            "experiment": experiment.name, "holds": proof.holds(), "proof": proof, "failures": failures,
            "run": record.run, "image": record.image,
        }))?;
        return Ok(u8::from(!proof.holds()));
    }
    if proof.holds() {
        context.ui.say(&format!(
            "proven: {} modules of {} packages can be imported in Python {}, and {} files compile",
            proof.modules.len(),
            detection.third_party.len() + detection.implied.len(),
            proof.python,
            proof.files
        ));
        return Ok(0);
    }
    context.ui.data(&text(&failures))?;
    for hint in hints(&failures, experiment.name.as_str()) {
        context.ui.hint(&hint);
    }
    Ok(1)
}

/// What the image must be able to import: all that the code cannot do without; notebooks have their own requirements.
fn asked(detection: &Detection, waived: &BTreeSet<String>, seconds: u32) -> Asked {
    let needed = detection
        .third_party
        .iter()
        .filter(|(name, _)| !detection.notebook_only.contains(name) && !waived.contains(*name));
    let mut modules = BTreeSet::new();
    for (_, needed) in needed {
        // What is merely tried, or guarded, may well be absent.
        let hard = needed.places.iter().filter(|place| place.kind.is_hard());
        modules.extend(hard.filter_map(|place| needed.imports.get(&place.what).cloned()));
    }
    let (imported, silent): (Vec<_>, Vec<_>) = detection
        .implied
        .iter()
        .filter(|(name, _)| !waived.contains(*name))
        .partition(|(_, needed)| !needed.imports.is_empty());
    modules.extend(imported.iter().flat_map(|(_, needed)| needed.imports.iter().cloned()));
    Asked {
        modules: modules.into_iter().collect(),
        distributions: silent.into_iter().map(|(_, needed)| needed.name.clone()).collect(),
        seconds,
    }
}

/// One thing that did not go well, at the line that wants it.
#[derive(serde::Serialize)]
struct Failed {
    place: Option<String>,
    module: String,
    message: String,
    remedy: Option<Remedy>,
}

fn failures(detection: &Detection, proof: &Proof) -> Vec<Failed> {
    let mut all = Vec::new();
    for module in &proof.modules {
        let Some(wrong) = &module.error else { continue };
        all.push(Failed {
            place: place(detection, &module.module).map(Place::shown),
            module: module.module.clone(),
            message: format!("{}: {}", wrong.kind, wrong.message.lines().next().unwrap_or_default()),
            remedy: proof::remedy(&module.module, wrong),
        });
    }
    for one in &proof.distributions {
        let Some(wrong) = &one.error else { continue };
        let needed = detection.implied.get(&normalised(&one.distribution));
        let place = needed.and_then(|needed| needed.places.first());
        all.push(Failed {
            place: place.map(Place::shown),
            module: place.map_or_else(String::new, |place| place.what.clone()),
            message: format!("needs `{}`, which is not in the image", one.distribution),
            remedy: proof::remedy("", wrong),
        });
    }
    for syntax in &proof.syntax {
        let line = syntax.line.map_or_else(String::new, |line| format!(":{line}"));
        all.push(Failed {
            place: Some(format!("{}{line}", syntax.file)),
            module: String::new(),
            message: format!("does not compile: {}", syntax.message),
            remedy: None,
        });
    }
    all
}

fn place<'a>(detection: &'a Detection, module: &str) -> Option<&'a Place> {
    let groups: [&BTreeMap<String, Needed>; 2] = [&detection.third_party, &detection.implied];
    let places = groups.into_iter().flat_map(BTreeMap::values).flat_map(|needed| &needed.places);
    places.filter(|place| place.what == module).min_by_key(|place| (place.role, place.kind))
}

fn text(failures: &[Failed]) -> String {
    let rows: Vec<[String; 3]> = failures
        .iter()
        .map(|failed| {
            [
                failed.place.clone().unwrap_or_else(|| "-".to_owned()),
                failed.module.clone(),
                failed.message.clone(),
            ]
        })
        .collect();
    table::columns(["where", "what", "what went wrong"], &rows)
}

/// Ways out, each once.
fn hints(failures: &[Failed], experiment: &str) -> Vec<String> {
    let remedies: BTreeSet<&Remedy> = failures.iter().filter_map(|failed| failed.remedy.as_ref()).collect();
    let mut packages = Vec::new();
    let mut system = BTreeSet::new();
    let mut hints = Vec::new();
    for remedy in remedies {
        match remedy {
            Remedy::Package { name } => packages.push(name.as_str()),
            Remedy::Library { package, .. } => {
                system.insert(package.as_str());
            }
            Remedy::UnknownLibrary { library } => {
                hints.push(format!("`{library}` is a library of the system: find its package with `apt-file search {library}`"));
            }
            Remedy::Driver { library } => {
                hints.push(format!(
                    "`{library}` comes with the GPU's driver: `scaf env prove {experiment} --gpus`"
                ));
            }
        }
    }
    if !packages.is_empty() {
        let mut hint = format!("pin what is missing: `scaf env lock {experiment}`");
        let _ = write!(hint, ", or add to environment/requirements.txt: {}", packages.join(", "));
        hints.push(hint);
    }
    if !system.is_empty() {
        let names: Vec<&str> = system.into_iter().collect();
        hints.push(format!(
            "add to environment/Dockerfile, before pip: `RUN apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*`",
            names.join(" ")
        ));
    }
    hints
}
