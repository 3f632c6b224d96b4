//! `scaf local`.

use std::path::{Component, Path};

use super::env::offer;
use super::run::{self, Wanted};
use super::watch;
use crate::cli::args::LocalArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::project::experiment::Experiment;
use crate::spec::run::Intent;
use crate::spec::run_flags;

pub fn run(context: &Context<'_>, args: LocalArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let script = args.script.clone().unwrap_or(settings.run.script);
    let script = checked(&script, &experiment, project.layout.shown(&experiment.dir))?;
    offer::environment(context, &project, &experiment)?;
    let mut words = args.script_xargs.as_deref().map(run_flags::split).transpose()?.unwrap_or_default();
    words.extend(args.args.iter().cloned());
    let once = || {
        run::prepare(
            context,
            &project,
            &experiment,
            &args.options,
            Wanted {
                intent: Intent::Local,
                program: Program::Script { file: script.clone(), args: words.clone() },
                live: args.live,
                layer: None,
                host: HostMay::FallBack,
                may_have_terminal: !args.watch,
                kill_on_three_interrupts: true,
                job: None,
            },
        )
    };
    if args.watch {
        return watch::run(context, &project, &experiment, &once);
    }
    run::finish(context, &project, once()?)
}

/// The script's path below the experiment, or why it cannot be run. Found out before any build.
fn checked(script: &str, experiment: &Experiment, shown: &Path) -> Result<String, Failure> {
    // People type the path that their shell completes, too.
    let prefix = format!("{}/", shown.display());
    let plain = script.strip_prefix(&prefix).unwrap_or(script);
    let plain = plain.strip_prefix("./").unwrap_or(plain);
    let path = Path::new(plain);
    if plain.is_empty()
        || path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(Failure::user(format!(
            "the script `{script}` is not inside the experiment `{}`",
            experiment.name
        ))
        .hint(format!("give its path below {}/", shown.display())));
    }
    let whole = experiment.dir.join(path);
    if whole.is_file() {
        return Ok(plain.to_owned());
    }
    if whole.is_dir() {
        return Err(Failure::user(format!("`{plain}` is a folder, not a script")));
    }
    let mut there: Vec<String> = std::fs::read_dir(whole.parent().unwrap_or(&experiment.dir))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".py") && name != "__init__.py")
        .collect();
    there.sort();
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let near = there.iter().find(|other| strsim::damerau_levenshtein(other, &name) <= 2);
    let failure =
        Failure::user(format!("there is no script `{plain}` in the experiment `{}`", experiment.name));
    Err(match near {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if there.is_empty() => failure.hint("`--script FILE` names another"),
        None => failure.hint(format!("`--script FILE` names another; there are: {}", there.join(", "))),
    })
}
