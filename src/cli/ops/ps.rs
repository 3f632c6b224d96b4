//! `scaf ps`: what scaf has running, or left.

use serde_json::json;

use crate::cli::args::PsArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::{quantity, table};
use crate::orchestrate::host::clock;
use crate::orchestrate::running::{self, Running, State};

pub fn run(context: &Context<'_>, args: PsArgs) -> Result<u8, Failure> {
    let project = if args.all { None } else { Some(context.project()?) };
    let found = running::survey(project.as_ref().map(|project| &project.layout), &context.environment)?;
    for silent in &found.silent {
        context.ui.warning(&format!("what runs there cannot be told: {}", silent.reason));
    }
    if context.global.json {
        context.ui.object(&json!({ "runs": found.runs, "silent": found.silent }))?;
        return Ok(0);
    }
    if found.runs.is_empty() {
        context.ui.say(if found.silent.is_empty() {
            "nothing runs, and nothing is left"
        } else {
            "nothing runs, and nothing is left, as far as can be told"
        });
        return Ok(0);
    }
    let now = clock::now().as_second();
    if args.all {
        let rows: Vec<[String; 8]> = found
            .runs
            .iter()
            .map(|run| {
                let [a, b, c, d, e, f, g] = row(run, now);
                [a, b, c, d, e, f, g, run.root.display().to_string()]
            })
            .collect();
        let head = ["RUN", "EXPERIMENT", "WHAT", "ENGINE", "FOR", "STATE", "PORTS", "PROJECT"];
        context.ui.data(&table::columns(head, &rows))?;
    } else {
        let rows: Vec<[String; 7]> = found.runs.iter().map(|run| row(run, now)).collect();
        let head = ["RUN", "EXPERIMENT", "WHAT", "ENGINE", "FOR", "STATE", "PORTS"];
        context.ui.data(&table::columns(head, &rows))?;
    }
    if found.runs.iter().any(|run| matches!(run.state, State::Lost | State::Left { .. })) {
        context.ui.hint("`scaf stop --all` ends what runs, and clears up after what was killed");
    }
    Ok(0)
}

fn row(run: &Running, now: i64) -> [String; 7] {
    #[allow(clippy::cast_precision_loss)]
    let since = run.since.map_or_else(|| "-".to_owned(), |since| quantity::rough((now - since).max(0)));
    let ports = if run.ports.is_empty() { "-".to_owned() } else { run.ports.join(", ") };
    [
        run.run.clone(),
        run.experiment.clone(),
        run.intent.clone(),
        run.engine.clone(),
        since,
        run.state.shown(),
        ports,
    ]
}
