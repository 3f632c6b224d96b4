//! `scaf runs rerun`: the same bundle, in the same image, with the same words.

use super::run::{self, Prepared};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::enclosure::{self, Enclosed};
use crate::orchestrate::gpus::{self, Giver, Wish};
use crate::orchestrate::host::{clock, who};
use crate::orchestrate::journal;
use crate::orchestrate::selection::HostMay;
use crate::project::experiment::Experiment;
use crate::project::name::ExperimentName;
use crate::spec::container::EnvValue;
use crate::spec::gpu::GpuRequest;
use crate::spec::plan::{Action, Plan};
use crate::spec::record::Record;
use crate::spec::run::Intent;

pub fn run(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let entry = journal::find(&project.layout, word)?;
    let old = entry.record()?;
    let Some(digest) = &old.bundle else {
        return Err(Failure::user(format!(
            "`{}` mounted the working tree, so there is nothing to run again",
            old.run
        ))
        .hint(format!("`scaf {} {}` starts a new one", old.intent.name(), old.experiment)));
    };
    let store = project.layout.bundles_dir().join(digest);
    if !store.is_dir() {
        return Err(Failure::user(format!("the bundle of `{}` is no longer kept", old.run)).hint(
            match &old.git {
                Some(git) => format!("its commit is {}", git.commit),
                None => "`scaf gc` takes away what no kept run needs".to_owned(),
            },
        ));
    }
    let name = ExperimentName::adopted(&old.experiment)
        .ok_or_else(|| Failure::user(format!("`{}` is no name of an experiment", old.experiment)))?;
    // The enclosure is made, where it is gone, from the bundle's own environment folder.
    let kept = Experiment { name: name.clone(), dir: store };
    let mut settings = context.settings(project, &kept);
    if context.global.engine.is_none()
        && let Some(choice) = crate::spec::settings::EngineChoice::parse(&old.engine)
    {
        settings.engine.default = choice;
    }
    let layer = match old.intent {
        Intent::Test => Some(enclosure::Layer::Pytest),
        Intent::Jupyter => Some(enclosure::Layer::Notebook),
        Intent::Local | Intent::Terminal | Intent::Job => None,
    };
    let enclosed = enclosure::find(&enclosure::Request {
        layout: &project.layout,
        experiment: &kept,
        settings: &settings,
        environment: &context.environment,
        build_words: &[],
        layer,
        host: HostMay::WhenNamed,
        source: None,
    })?;
    let Enclosed { engine, moby, version, prepare, image, image_id, first_line, mut notes, .. } = enclosed;
    if engine.name() != old.engine {
        return Err(Failure::user(format!(
            "`{}` ran with {}, this would be {}",
            old.run,
            old.engine,
            engine.name()
        ))
        .hint(format!("say `--engine {}`", old.engine)));
    }
    if image.is_some() && image != old.image {
        notes.push(format!(
            "the image is another one than then ({} now, {} then)",
            image.as_deref().unwrap_or("none"),
            old.image.as_deref().unwrap_or("none"),
        ));
    }
    let now = clock::now();
    let (run, folder) = journal::next_run(&project.layout, &name, now, clock::seed());
    let mut plan = renamed(&old.plan, &old.run, &run)?;
    plan.steps.retain(|step| {
        !matches!(
            step.action,
            Action::KeepBundle { .. } | Action::BuildImage { .. } | Action::MakeVenv { .. }
        )
    });
    plan.steps.splice(0..0, prepare);
    // GPUs that were idle then may be busy now: idle ones are looked for again.
    let wish = old
        .gpus
        .as_deref()
        .and_then(|shown| GpuRequest::parse(shown.split(" (").next().unwrap_or(shown)).ok())
        .map(|request| Wish { request, optional: false });
    let mut gpus = gpus::choose(
        wish.as_ref(),
        &Giver::of(moby.as_ref()),
        !context.global.dry_run,
        &context.environment,
    )?;
    notes.append(&mut gpus.warnings);
    let (tty, stdin) = run::streams(moby.is_some() && !context.global.json);
    for step in &mut plan.steps {
        if let Action::RunContainer { container, logs, .. } = &mut step.action {
            container.tty = tty;
            container.stdin = stdin;
            if container.gpus.is_some() {
                container.gpus.clone_from(&gpus.request);
            }
            if let Some(logs) = logs {
                logs.stderr = (!tty).then(|| folder.join("stderr.log"));
            }
        }
        if let (Action::RunProcess { env, .. }, Some(GpuRequest::Devices(devices))) =
            (&mut step.action, &gpus.request)
        {
            env.insert("CUDA_VISIBLE_DEVICES".to_owned(), EnvValue::Plain(devices.join(",")));
        }
    }
    let caller = who::caller(&context.environment);
    let record = Record {
        scaf: env!("CARGO_PKG_VERSION").to_owned(),
        run,
        engine_version: version,
        engine_reason: format!("as in {}", old.run),
        image,
        image_id,
        host: who::machine(&caller),
        gpus: gpus.shown.clone(),
        planned: clock::written(now),
        plan,
        ..old
    };
    run::finish(
        context,
        project,
        Prepared { record, folder, moby, first_line, notes, kill_on_three_interrupts: true, gpus },
    )
}

/// The plan for another run: a run's name occurs in it only as such.
fn renamed(plan: &Plan, old: &str, new: &str) -> Result<Plan, Failure> {
    let text = serde_json::to_string(plan).map_err(|error| Failure::ours(error.to_string()))?;
    serde_json::from_str(&text.replace(old, new)).map_err(|error| Failure::ours(error.to_string()))
}
