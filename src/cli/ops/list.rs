//! `scaf list`.

use crate::cli::args::ListArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::load::experiments;
use crate::orchestrate::state::{self, State};

pub fn run(context: &Context<'_>, args: ListArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let all = experiments::experiments(&project.layout)?;
    if args.names {
        if context.global.json {
            let names: Vec<&str> = all.iter().map(|experiment| experiment.name.as_str()).collect();
            context.ui.object(&serde_json::json!({ "experiments": names }))?;
        } else {
            let text: String = all.iter().map(|experiment| format!("{}\n", experiment.name)).collect();
            context.ui.data(&text)?;
        }
        return Ok(0);
    }
    let states = state::all(&project.layout, &project.settings, &all, &context.environment);
    if context.global.json {
        context.ui.object(&serde_json::json!({ "experiments": states }))?;
        return Ok(0);
    }
    if states.is_empty() {
        context.ui.say(&format!("there is no experiment in `{}/` yet", project.layout.code.display()));
        context.ui.hint("`scaf new-exp NAME` makes one");
        return Ok(0);
    }
    let rows: Vec<[String; 4]> = states
        .iter()
        .map(|state: &State| {
            [
                state.experiment.clone(),
                state.image.to_string(),
                state.last_run.clone().unwrap_or_else(|| "never run".to_owned()),
                state.shared.join(", "),
            ]
        })
        .collect();
    context.ui.data(&table::columns(["EXPERIMENT", "IMAGE", "LAST RUN", "SHARED"], &rows))?;
    Ok(0)
}
