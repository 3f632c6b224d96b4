//! `scaf env prove`, and `build-exp --prove`: imports in the experiment's image everything that its code imports.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::lock::Ground;
use super::mend::{self, Offer};
use crate::cli::args::{self, BuildExpArgs, EnvLockArgs, EnvProveArgs, PythonArg, RunOptions};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ops::run::{self, Wanted};
use crate::orchestrate::engine::moby::Moby;
use crate::orchestrate::execute::World;
use crate::orchestrate::perform;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::project::experiment::Experiment;
use crate::spec::hint::Fault;
use crate::spec::lock_target::Platform;
use crate::spec::plan::Action;
use crate::spec::proof::advice::{self, About};
use crate::spec::proof::finding::{self, Finding};
use crate::spec::proof::question::{self, Scope};
use crate::spec::proof::{Asked, Proof};
use crate::spec::record::Record;
use crate::spec::run::Intent;
use crate::spec::settings::Settings;

/// What the script in the image writes.
const ANSWER: &str = "outputs/proof.json";
/// So many changes of files at most, each after a proof of its own: each mends something, so that it comes to an end anyway.
const MOST: usize = 24;

pub fn run(context: &Context<'_>, args: &EnvProveArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let mut accepted: Vec<Value> = Vec::new();
    loop {
        let how = How {
            python: &args.python,
            notebooks: args.notebooks,
            seconds: args.seconds,
            options: &args.options,
            host: HostMay::WhenNamed,
        };
        let round = match once(context, &project, &experiment, &settings, &how)? {
            Once::Over(status) => return Ok(status),
            Once::Answered(round) => *round,
        };
        if round.proof.holds() {
            return round.ends(context, &experiment, None, &accepted);
        }
        let offer = round.offer(context, &project, &experiment, &settings, &how)?;
        round.tell(context, &experiment, &offer);
        let is_last = accepted.len() >= MOST;
        if offer.changes.is_empty() || is_last || !(args.accept || mend::is_wanted(context)?) {
            return round.ends(context, &experiment, Some(&offer), &accepted);
        }
        accepted.extend(offer.json());
        offer.write(context)?;
    }
}

/// The image, and the proof in it.
pub fn build(
    context: &Context<'_>,
    project: &Project,
    experiment: &Experiment,
    args: &BuildExpArgs,
) -> Result<u8, Failure> {
    let settings = context.settings(project, experiment);
    let options = RunOptions { build_xargs: args.build_xargs.clone(), ..RunOptions::default() };
    let how = How {
        python: &PythonArg::default(),
        notebooks: false,
        seconds: args::SECONDS,
        options: &options,
        host: HostMay::Never { command: "build-exp" },
    };
    let round = match once(context, project, experiment, &settings, &how)? {
        Once::Over(status) => return Ok(status),
        Once::Answered(round) => *round,
    };
    if !context.global.json {
        let tag = round.record.image.as_deref().unwrap_or_default();
        let made =
            if round.made().is_some() { format!("made {tag}") } else { format!("{tag} is up to date") };
        context.ui.say(&made);
    }
    if round.proof.holds() {
        return round.ends(context, experiment, None, &[]);
    }
    let offer = round.offer(context, project, experiment, &settings, &how)?;
    round.tell(context, experiment, &offer);
    round.ends(context, experiment, Some(&offer), &[])
}

struct How<'a> {
    python: &'a PythonArg,
    notebooks: bool,
    seconds: u32,
    options: &'a RunOptions,
    host: HostMay,
}

enum Once {
    /// A dry run, or one that did not come to an answer.
    Over(u8),
    Answered(Box<Round>),
}

struct Round {
    asked: Asked,
    proof: Proof,
    findings: Vec<Finding>,
    record: Record,
    image_id: Option<String>,
    moby: Option<Moby>,
    gpus: bool,
}

fn ground(
    context: &Context<'_>,
    experiment: &Experiment,
    settings: &Settings,
    python: &PythonArg,
) -> Result<Ground, Failure> {
    let of = |platform| Ground::of(context, &EnvLockArgs::plain(python, platform), experiment, settings);
    let ground = of(Platform::default())?;
    // It stays a lock for the machine that it is for.
    let locked = ground.before.as_ref().and_then(|lock| lock.head.target.split(',').next()?.parse().ok());
    match locked {
        Some(platform) if platform != ground.target.platform => of(platform),
        _ => Ok(ground),
    }
}

fn once(
    context: &Context<'_>,
    project: &Project,
    experiment: &Experiment,
    settings: &Settings,
    how: &How<'_>,
) -> Result<Once, Failure> {
    let ground = ground(context, experiment, settings, how.python)?;
    let scope = Scope { waived: &ground.waived, notebooks: how.notebooks, seconds: how.seconds };
    let asked = question::asked(&ground.detection, &scope);
    let text = serde_json::to_string_pretty(&asked)
        .map_err(|error| Failure::ours(format!("cannot write the question: {error}")))?;
    let prepared = run::prepare(
        context,
        project,
        experiment,
        how.options,
        Wanted {
            intent: Intent::Prove,
            program: Program::Prove { asked: format!("{text}\n") },
            live: false,
            layer: None,
            host: how.host,
            may_have_terminal: false,
            kill_on_three_interrupts: true,
            job: None,
        },
    )?;
    if context.global.dry_run {
        return run::finish(context, project, prepared).map(Once::Over);
    }
    context.ui.say(&prepared.first_line);
    for note in &prepared.notes {
        context.ui.warning(note);
    }
    let unread = ground.detection.problems.len();
    if unread > 0 {
        let files = if unread == 1 { "1 file".to_owned() } else { format!("{unread} files") };
        context.ui.warning(&format!(
            "{files} could not be read in full, so more may be imported than is asked for: `scaf env detect {}` names them",
            experiment.name
        ));
    }
    let run::Prepared { record, mut claim, moby, gpus, .. } = prepared;
    let mut world = World::new(context.ui, &context.environment, context.global.json).with_engine(moby);
    world.kill_on_three_interrupts = true;
    world.watched_gpus.clone_from(&gpus.watched);
    let has_gpus = gpus.request.is_some();
    let outcome = perform::perform(&mut claim, &record, &world)?;
    drop(gpus);
    let moby = world.engines.take().into_values().next();
    let answer = fs::read(claim.folder.join(ANSWER)).ok();
    let Some(proof) = answer.and_then(|bytes| serde_json::from_slice::<Proof>(&bytes).ok()) else {
        if outcome.status == 127 && moby.is_some() {
            return Err(without_python());
        }
        run::conclude(context, project, &record, &claim.folder, &outcome)?;
        return Ok(Once::Over(without_answer(outcome.status)));
    };
    let findings = finding::all(&asked, &ground.detection, &proof);
    let image_id = outcome.image_id.clone().or_else(|| record.image_id.clone());
    Ok(Once::Answered(Box::new(Round { asked, proof, findings, record, image_id, moby, gpus: has_gpus })))
}

/// Of the run that gave no answer.
fn without_answer(status: u8) -> u8 {
    // What the engine or a signal gives is kept; 2 would be the user's words.
    if status >= 125 { status } else { 1 }
}

/// The engine's own words for it tell less.
fn without_python() -> Failure {
    let failure = Failure::user("the image has no `python`, with which every run of an experiment begins");
    Failure { fault: Fault::Start(127), ..failure }
        .hint("begin environment/Dockerfile with `FROM python:3.11-slim`")
        .hint("where it has a `python3` only: `RUN ln -s python3 /usr/bin/python`")
}

impl Round {
    /// Why the image was made; `None` where it was there.
    fn made(&self) -> Option<&str> {
        self.record.plan.steps.iter().find_map(|step| match &step.action {
            Action::BuildImage { .. } => Some(step.why.strip_prefix("make the image: ").unwrap_or(&step.why)),
            _ => None,
        })
    }

    fn offer(
        &self,
        context: &Context<'_>,
        project: &Project,
        experiment: &Experiment,
        settings: &Settings,
        how: &How<'_>,
    ) -> Result<Offer, Failure> {
        let case = mend::Case {
            project,
            settings,
            ground: ground(context, experiment, settings, how.python)?,
            findings: &self.findings,
            system: &self.proof.system,
            moby: self.moby.as_ref(),
        };
        mend::offer(context, case)
    }

    /// So many modules of so many packages.
    fn counted(&self) -> String {
        let there = self.asked.modules.iter().zip(&self.proof.modules).filter(|(_, one)| !one.absent);
        let modules: Vec<_> = there.map(|(asked, _)| asked).collect();
        let packages: BTreeSet<&str> = modules
            .iter()
            .filter_map(|module| module.distribution.as_deref())
            .chain(self.asked.distributions.iter().map(|named| named.distribution.as_str()))
            .collect();
        let number = |count: usize, what: &str| {
            if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
        };
        let files = number(self.proof.files, "file");
        let compile = if self.proof.files == 1 { "compiles" } else { "compile" };
        if modules.is_empty() && packages.is_empty() {
            return format!(
                "the code imports no packages, and {files} {compile} in Python {}",
                self.proof.python
            );
        }
        format!(
            "{} of {} can be imported in Python {}, and {files} {compile}",
            number(modules.len(), "module"),
            number(packages.len(), "package"),
            self.proof.python,
        )
    }

    /// What would mend it, in words; what went wrong has been said by the run itself.
    fn tell(&self, context: &Context<'_>, experiment: &Experiment, offer: &Offer) {
        for failure in &offer.failures {
            context.ui.warning(&failure.message);
            for hint in &failure.hints {
                context.ui.hint(hint);
            }
        }
        if !offer.changes.is_empty() {
            context.ui.say("what would mend it:");
        }
        for change in &offer.changes {
            context.ui.say(change.difference.trim_end());
        }
        let nobodys = self.asked.modules.iter().filter(|module| module.distribution.is_none());
        let about = About {
            experiment: experiment.name.as_str(),
            system: &self.proof.system,
            gpus: self.gpus,
            host: self.moby.is_none(),
            offered: &offer.covers,
            unresolved: &nobodys.map(|module| module.module.clone()).collect(),
        };
        for hint in advice::hints(&self.findings, &about) {
            context.ui.hint(&hint);
        }
    }

    /// The last word, and the status.
    fn ends(
        &self,
        context: &Context<'_>,
        experiment: &Experiment,
        offer: Option<&Offer>,
        accepted: &[Value],
    ) -> Result<u8, Failure> {
        let Self { asked: _, proof, findings, record, image_id, moby: _, gpus: _ } = self;
        let changes = offer.map(Offer::json).unwrap_or_default();
        if context.global.json {
            context.ui.object(&json!({
                "experiment": experiment.name, "holds": proof.holds(), "proof": proof, "failures": findings,
                "run": record.run, "engine": record.engine, "image": record.image, "image_id": image_id,
                "built": self.made().is_some(), "why": self.made(), "offer": changes, "accepted": accepted,
            }))?;
        } else if proof.holds() {
            for one in proof.modules.iter().filter(|one| one.absent) {
                context.ui.detail(&format!("`{}` is not there, and need not be", one.module));
            }
            context.ui.say(&format!("proven: {}", self.counted()));
        } else if !changes.is_empty() {
            context
                .ui
                .hint(&format!("`scaf env prove {} --accept` writes it, and proves again", experiment.name));
        }
        Ok(u8::from(!proof.holds()))
    }
}
