//! What is not ready to run for want of an environment is offered one: detected from the code, locked, and on with the run.

use super::lock;
use crate::cli::args::EnvLockArgs;
use crate::cli::context::{Context, Project, lacks_environment};
use crate::cli::failure::Failure;
use crate::cli::ops::question;
use crate::orchestrate::load::{in_step, pinned};
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::spec::env_check::{Finding, Rule};
use crate::spec::pinned::{Pinned, REQUIREMENTS};

/// Sees to it that the experiment has an environment. A folder without any is an error where nobody can be asked, or says
/// no; an experiment without requirements is only asked about.
pub fn environment(context: &Context<'_>, project: &Project, experiment: &Experiment) -> Result<(), Failure> {
    let shown = project.layout.shown(&experiment.dir).display();
    if !experiment.dir.join(ENVIRONMENT).is_dir() {
        let question = format!(
            "`{shown}` has no `environment/` yet. Make it, with all that the code needs, pinned, and go on?"
        );
        if !question::can_be_asked(context)
            || context.global.dry_run
            || !question::yes(context, &question, true)?
        {
            return Err(lacks_environment(project, experiment));
        }
        return lock(context, project, experiment);
    }
    if !question::can_be_asked(context) || context.global.dry_run {
        return Ok(());
    }
    let Ok(pinned) = pinned::read(&experiment.dir.join(ENVIRONMENT)) else { return Ok(()) };
    if !wants_requirements(&pinned) {
        return Ok(());
    }
    let settings = context.settings(project, experiment);
    let found =
        in_step::against(experiment, &settings, &context.environment, context.digest_cache().as_deref());
    let missing: Vec<&Finding> = found.iter().filter(|finding| finding.rule == Rule::Missing).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let more = if missing.len() > 1 { format!(" (and {} more)", missing.len() - 1) } else { String::new() };
    let question = format!(
        "{shown}/{}: {}{more}, and {REQUIREMENTS} names nothing. Pin all that the code needs, and go on?",
        first.place.shown(),
        first.message
    );
    if question::yes(context, &question, true)? {
        lock(context, project, experiment)?;
    }
    Ok(())
}

fn lock(context: &Context<'_>, project: &Project, experiment: &Experiment) -> Result<(), Failure> {
    lock::lock(context, project, experiment, &EnvLockArgs::default())?;
    Ok(())
}

/// Whether there is a Dockerfile that installs from requirements, and none are there.
fn wants_requirements(pinned: &Pinned) -> bool {
    pinned.lock.is_none()
        && pinned.files.iter().all(|file| !file.read.says)
        && pinned.dockerfile.as_ref().is_some_and(|text| text.contains("requirements"))
}
