//! The hidden command that a job's supervisor is.

use crate::cli::args::RunPlanArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::supervisor;
use crate::orchestrate::target::local::TALK;

pub fn run(context: &Context<'_>, args: RunPlanArgs) -> Result<u8, Failure> {
    let folder = context.directory.join(args.folder);
    Ok(supervisor::run(&folder, &folder.join(TALK), &context.environment)?)
}
