//! `scaf test`.

use super::env::offer;
use super::run::{self, Wanted};
use super::watch;
use crate::cli::args::TestArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::enclosure::Layer;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::spec::run::Intent;
use crate::spec::run_flags;

pub fn run(context: &Context<'_>, args: TestArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    offer::environment(context, &project, &experiment)?;
    let mut words = args.test_xargs.as_deref().map(run_flags::split).transpose()?.unwrap_or_default();
    words.extend(args.args.iter().cloned());
    let once = || {
        run::prepare(
            context,
            &project,
            &experiment,
            &args.options,
            Wanted {
                intent: Intent::Test,
                program: Program::Pytest { args: words.clone() },
                live: args.live,
                layer: Some(Layer::Pytest),
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
