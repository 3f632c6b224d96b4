//! What every acting operation does with its plan: print it, or execute it.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::execute::{self, Ended, World};
use crate::spec::plan::{Plan, shell};

/// With `--dry-run` the plan is printed and `None` comes back; else it is executed.
pub fn act(context: &Context<'_>, plan: &Plan) -> Result<Option<Ended>, Failure> {
    if context.global.dry_run {
        print(context, plan)?;
        return Ok(None);
    }
    let world = World::new(context.ui, &context.environment, context.global.json);
    Ok(Some(execute::execute(plan, &world)?))
}

/// The plan as shell, or with `--json` as it is stored.
pub fn print(context: &Context<'_>, plan: &Plan) -> Result<(), Failure> {
    if context.global.json { context.ui.object(plan) } else { context.ui.data(&shell::script(plan)) }
}
