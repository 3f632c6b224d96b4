//! `scaf stop`: asks, waits, kills; and clears up after a scaf that was killed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::act;
use crate::cli::args::StopArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::host::clock;
use crate::orchestrate::journal::{self, Entry};
use crate::orchestrate::load::experiments;
use crate::orchestrate::planner::{rerun, stop};
use crate::orchestrate::running::{self, Running, State};
use crate::spec::plan::Plan;

pub fn run(context: &Context<'_>, args: StopArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let found = running::survey(Some(&project.layout), &context.environment)?;
    let words: Vec<&String> = args.runs.iter().chain(&args.exp).collect();
    if words.iter().any(|word| word.trim_matches('/').is_empty()) {
        return Err(with_list(Failure::usage("the name of a run is empty"), &found.runs));
    }
    for silent in &found.silent {
        context.ui.warning(&format!("what runs there cannot be told: {}", silent.reason));
    }
    if words.is_empty() && !args.all {
        return Err(with_list(Failure::usage("which run? name it, or say `--all`"), &found.runs));
    }
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    for word in words {
        let meant: Vec<usize> = (0..found.runs.len()).filter(|at| found.runs[*at].is_meant(word)).collect();
        if meant.is_empty() {
            if !is_known(&project, word)? {
                return Err(with_list(
                    Failure::user(format!("there is no run and no experiment `{word}`")),
                    &found.runs,
                ));
            }
            context.ui.say(&format!("`{word}` does not run"));
        }
        chosen.extend(meant);
    }
    if args.all {
        chosen.extend(0..found.runs.len());
    }
    let runs: Vec<&Running> = chosen.into_iter().map(|at| &found.runs[at]).collect();
    let plan = plan(context, &runs, args.grace);
    if context.global.dry_run {
        act::print(context, &plan)?;
        return Ok(0);
    }
    let world = World::new(context.ui, &context.environment, false);
    for moby in found.engines {
        world.engines.borrow_mut().insert(moby.engine().client(), moby);
    }
    execute::execute(&plan, &world)?;
    let stopped: Vec<&&Running> = runs
        .iter()
        .filter(|run| !matches!(run.state, State::Elsewhere { .. } | State::Unknown { .. }))
        .collect();
    for run in &stopped {
        let deed = match run.state {
            State::Preparing | State::Running | State::Alone => "stopped",
            _ => "cleared up after",
        };
        context.ui.say(&format!("{deed} {} ({})", run.run, run.experiment));
    }
    if runs.is_empty() && args.all {
        let far = if found.silent.is_empty() { "" } else { ", as far as can be told" };
        context.ui.say(&format!("nothing runs{far}"));
    }
    if context.global.json {
        let names: Vec<&str> = stopped.iter().map(|run| run.run.as_str()).collect();
        context.ui.object(&json!({ "stopped": names }))?;
    }
    let mut unknown = runs.iter().filter_map(|run| match &run.state {
        State::Unknown { reason } => Some((run, reason)),
        _ => None,
    });
    if let Some((run, reason)) = unknown.next() {
        let names: Vec<&str> =
            std::iter::once(run).chain(unknown.map(|(run, _)| run)).map(|run| run.run.as_str()).collect();
        return Err(Failure::user(format!("{} cannot be stopped: {reason}", names.join(", ")))
            .hint("once the engine answers again `scaf ps` says what of it runs"));
    }
    Ok(0)
}

fn plan(context: &Context<'_>, runs: &[&Running], grace: u32) -> Plan {
    let mut plan = Plan::new("scaf stop");
    let now = clock::now();
    for run in runs {
        if let State::Elsewhere { host } = &run.state {
            context.ui.warning(&format!("{} runs on `{host}`: stop it there", run.run));
            continue;
        }
        if let State::Unknown { .. } = &run.state {
            continue;
        }
        let entry = run.folder.as_ref().map(|folder| Entry {
            experiment: run.experiment.clone(),
            name: run.run.clone(),
            folder: folder.clone(),
        });
        let record = entry.as_ref().and_then(|entry| entry.record().ok()).map(|mut record| {
            // Of a copied project only its own folders are tidied.
            record.plan = rerun::at_root(&record, &run.root).unwrap_or_else(|_| record.plan.clone());
            record
        });
        let last = run.folder.as_deref().and_then(last_sign);
        let end = match run.state {
            State::Lost | State::Left { .. } => last.unwrap_or(now),
            _ => now,
        };
        #[allow(clippy::cast_precision_loss)]
        let seconds = run.since.map_or(0.0, |since| (end.as_second() - since).max(0) as f64);
        let request =
            stop::Request { run, record: record.as_ref(), last_sign: last.map(clock::written), seconds };
        stop::plan(&mut plan, &request, grace, &clock::written(now));
    }
    plan
}

/// When something was last written for the run.
fn last_sign(folder: &Path) -> Option<jiff::Timestamp> {
    [journal::PLAN, "stdout.log", "stderr.log"]
        .iter()
        .filter_map(|name| std::fs::metadata(folder.join(name)).ok()?.modified().ok())
        .max()
        .and_then(|time| jiff::Timestamp::try_from(time).ok())
}

fn is_known(project: &Project, word: &str) -> Result<bool, Failure> {
    if experiments::experiments(&project.layout)?.iter().any(|experiment| experiment.name.as_str() == word) {
        return Ok(true);
    }
    match journal::find(&project.layout, word) {
        Ok(_) | Err(journal::JournalError::Ambiguous { .. }) => Ok(true),
        Err(journal::JournalError::NoRun { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn with_list(failure: Failure, runs: &[Running]) -> Failure {
    if runs.is_empty() {
        return failure.hint("nothing runs here");
    }
    let names: Vec<String> =
        runs.iter().take(12).map(|run| format!("{} ({})", run.short(), run.experiment)).collect();
    failure.hint(format!("there are: {}", names.join(", ")))
}
