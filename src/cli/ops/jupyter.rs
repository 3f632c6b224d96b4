//! `scaf jupyter`.

use super::env::offer;
use super::run::{self, Wanted};
use crate::cli::args::JupyterArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::enclosure::Layer;
use crate::orchestrate::host::port;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::spec::run::Intent;

/// Where people expect it.
const PORT: u16 = 8888;
/// How many ports after it are tried.
const TRIES: u16 = 100;

pub fn run(context: &Context<'_>, args: JupyterArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    offer::environment(context, &project, &experiment)?;
    let port = match args.port {
        Some(0) => {
            return Err(
                Failure::usage("`--port 0` is no port").hint("leave `--port` out: a free one is taken")
            );
        }
        Some(wanted) if port::is_free(wanted) => wanted,
        Some(wanted) => {
            let failure = Failure::user(format!("port {wanted} is taken on 127.0.0.1"));
            return Err(match port::free_after(wanted, TRIES) {
                Some(free) => {
                    failure.hint(format!("`--port {free}` is free; without `--port` a free one is taken"))
                }
                None => failure,
            });
        }
        None => port::free_after(PORT - 1, TRIES)
            .ok_or_else(|| Failure::user(format!("no port from {PORT} to {} is free", PORT + TRIES)))?,
    };
    if args.port.is_none() && port != PORT {
        context.ui.say(&format!("port {PORT} is taken; this takes {port}"));
    }
    let prepared = run::prepare(
        context,
        &project,
        &experiment,
        &args.options,
        Wanted {
            intent: Intent::Jupyter,
            program: Program::Jupyter { port },
            live: true,
            layer: Some(Layer::Notebook),
            host: HostMay::WhenNamed,
            may_have_terminal: false,
            kill_on_three_interrupts: false,
            job: None,
        },
    )?;
    run::finish(context, &project, prepared)
}
