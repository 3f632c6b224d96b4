//! `scaf terminal`.

use super::env::offer;
use super::run::{self, Wanted};
use crate::cli::args::TerminalArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::spec::run::Intent;

pub fn run(context: &Context<'_>, args: TerminalArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    offer::environment(context, &project, &experiment)?;
    let prepared = run::prepare(
        context,
        &project,
        &experiment,
        &args.options,
        Wanted {
            intent: Intent::Terminal,
            program: Program::Shell { command: args.command },
            live: true,
            layer: None,
            host: HostMay::WhenNamed,
            may_have_terminal: true,
            kill_on_three_interrupts: false,
            job: None,
        },
    )?;
    run::finish(context, &project, prepared)
}
