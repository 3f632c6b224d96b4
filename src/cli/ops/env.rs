//! `scaf env`: from code to its environment.

mod check;
mod detect;
mod diff;
mod explain;
mod export;
pub mod local_code;
pub mod lock;
mod mend;
mod new_environment;
pub mod offer;
mod own_lines;
pub mod prove;
pub mod subject;

use crate::cli::args::{EnvArgs, EnvCommand};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub fn run(context: &Context<'_>, args: EnvArgs) -> Result<u8, Failure> {
    match args.command {
        EnvCommand::Check(args) => check::run(context, &args),
        EnvCommand::Diff(args) => diff::run(context, &args),
        EnvCommand::Detect(args) => detect::run(context, &args),
        EnvCommand::Prove(args) => prove::run(context, &args),
        EnvCommand::Lock(args) => lock::run(context, &args),
        EnvCommand::Export(args) => export::run(context, &args),
        EnvCommand::Explain(args) => explain::run(context, &args),
    }
}
