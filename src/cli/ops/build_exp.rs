//! `scaf build-exp`: the image from `environment/` and nothing else; nothing when it is up to date.

use super::act::act;
use super::env::{offer, prove};
use crate::cli::args::BuildExpArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::enclosure;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::selection::HostMay;
use crate::spec::plan::{Action, Plan};
use crate::spec::run_flags;

pub fn run(context: &Context<'_>, args: BuildExpArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    offer::environment(context, &project, &experiment)?;
    if args.prove {
        return prove::build(context, &project, &experiment, &args);
    }
    let settings = context.settings(&project, &experiment);
    let words = args.build_xargs.as_deref().map(run_flags::split).transpose()?.unwrap_or_default();
    let (moby, planned, reason) = enclosure::image_plan(&enclosure::Request {
        layout: &project.layout,
        experiment: &experiment,
        settings: &settings,
        environment: &context.environment,
        build_words: &words,
        layer: None,
        host: HostMay::Never { command: "build-exp" },
        source: None,
    })?;
    let engine = moby.engine();
    let enclosure::BuildPlan { tag, build, why, moved, notes } = planned;
    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
    context.ui.detail(&format!("engine: {} ({reason})", engine.client()));
    for note in &notes {
        context.ui.warning(note);
    }
    for moved in &moved {
        context.ui.warning(&format!("the base image `{}` has moved since the image was made", moved.image));
        context.ui.hint(&format!(
            "`scaf build-exp {} --build-xargs=--no-cache` makes it on the new one",
            experiment.name
        ));
    }
    let mut plan = Plan::new(format!("scaf build-exp {}", experiment.name));
    let stale = build.is_some();
    if let Some(build) = build {
        plan.step(format!("make the image: {}", why.join(", ")), Action::BuildImage { engine, build });
    } else {
        plan.note("the image is up to date");
    }
    if context.global.dry_run {
        act(context, &plan)?;
        return Ok(0);
    }
    if stale {
        context.ui.say(&format!("making the image of `{}`: {}", experiment.name, why.join(", ")));
    }
    let world = World::new(context.ui, &context.environment, context.global.json).with_engine(Some(moby));
    let ended = execute::execute(&plan, &world)?;
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "experiment": experiment.name, "image": tag, "engine": engine.client(), "built": stale, "why": why,
            "image_id": ended.image_id,
        }))?;
    } else if stale {
        context.ui.say(&format!("made {tag}"));
    } else {
        context.ui.say(&format!("{tag} is up to date"));
    }
    Ok(0)
}
