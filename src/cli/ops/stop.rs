//! `scaf stop`: asks, waits, kills; and clears up after a scaf that was killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::act;
use crate::cli::args::StopArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::host::{clock, process};
use crate::orchestrate::journal::{self, Entry};
use crate::orchestrate::load::experiments;
use crate::orchestrate::planner::{rerun, stop};
use crate::orchestrate::running::{self, Found, Running, State};
use crate::orchestrate::supervisor;
use crate::spec::plan::Plan;
use crate::spec::record::Record;
use crate::spec::ticket::Ticket;

pub fn run(context: &Context<'_>, args: StopArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let found = running::survey(Some(&project.layout), &context.environment)?;
    let words: Vec<&String> = args.runs.iter().chain(&args.exp).collect();
    if words.iter().any(|word| word.trim_matches('/').is_empty()) {
        return Err(with_list(Failure::usage("the name of a run is empty"), &found.runs));
    }
    let silent = !found.silent.is_empty();
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
    let Some(stopped) = end(context, found, &chosen, args.grace)? else { return Ok(0) };
    if stopped.is_empty() && args.all {
        let far = if silent { ", as far as can be told" } else { "" };
        context.ui.say(&format!("nothing runs{far}"));
    }
    if context.global.json {
        context.ui.object(&json!({ "stopped": stopped }))?;
    }
    Ok(0)
}

/// Ends these, and says so; the names of those that were. `None` where the commands were only printed.
/// What cannot be ended is told when the others are.
pub fn end(
    context: &Context<'_>,
    found: Found,
    chosen: &BTreeSet<usize>,
    grace: u32,
) -> Result<Option<Vec<String>>, Failure> {
    let now = clock::now();
    let runs: Vec<&Running> = chosen.iter().map(|at| &found.runs[*at]).collect();
    let mut failure = None;
    let mut ends = Vec::new();
    for run in runs {
        match &run.state {
            State::Elsewhere { host } => {
                context.ui.warning(&format!("{} runs on `{host}`: stop it there", run.run));
            }
            State::Unknown { reason } => {
                let told = Failure::user(format!("{} cannot be stopped: {reason}", run.run))
                    .hint("once the engine answers again `scaf ps` says what of it runs");
                failure = Some(worse(context, failure, told));
            }
            _ => ends.push(Ending::of(run, now)),
        }
    }
    let written = clock::written(now);
    if context.global.dry_run {
        let mut plan = Plan::new("scaf stop");
        for ending in &ends {
            let request = ending.request();
            stop::plan(&mut plan, &request, grace);
            stop::outcome(&mut plan, &request, stop::status_of(ending.run), &written);
        }
        act::print(context, &plan)?;
        return failure.map_or(Ok(None), Err);
    }
    let world = World::new(context.ui, &context.environment, context.global.json);
    for moby in found.engines {
        world.engines.borrow_mut().insert(moby.engine().client(), moby);
    }
    let mut stopped = Vec::new();
    for ending in &ends {
        if let Err(error) = ending.carry_out(&world, grace) {
            failure = Some(worse(context, failure, error));
            continue;
        }
        let run = ending.run;
        let deed = match run.state {
            State::Preparing | State::Running | State::Alone => "stopped",
            _ => "cleared up after",
        };
        context.ui.say(&format!("{deed} {} ({})", run.run, run.experiment));
        stopped.push(run.run.clone());
    }
    failure.map_or(Ok(Some(stopped)), Err)
}

/// The first is what is told at the end; those after it are told now.
fn worse(context: &Context<'_>, first: Option<Failure>, next: Failure) -> Failure {
    match first {
        None => next,
        Some(first) => {
            context.ui.warning(&next.message);
            first
        }
    }
}

/// One that is to be ended.
struct Ending<'a> {
    run: &'a Running,
    record: Option<Record>,
    last_sign: Option<String>,
    seconds: f64,
}

impl<'a> Ending<'a> {
    fn of(run: &'a Running, now: jiff::Timestamp) -> Self {
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
        Self { run, record, last_sign: last.map(clock::written), seconds }
    }

    fn request(&self) -> stop::Request<'_> {
        stop::Request {
            run: self.run,
            record: self.record.as_ref(),
            last_sign: self.last_sign.clone(),
            seconds: self.seconds,
        }
    }

    fn carry_out(&self, world: &World<'_>, grace: u32) -> Result<(), Failure> {
        // Of a job it is then known that somebody wanted its end.
        if let Some(folder) = &self.run.folder
            && let Some(ticket) = supervisor::ticket(folder)?
            && ticket.cancelled.is_none()
            && !matches!(self.run.state, State::Lost | State::Left { .. })
        {
            let cancelled = Some(clock::written(clock::now()));
            supervisor::write_ticket(folder, &Ticket { cancelled, ..ticket })?;
        }
        let mut plan = Plan::new("scaf stop");
        stop::plan(&mut plan, &self.request(), grace);
        let ended = execute::execute(&plan, world)?;
        let mut plan = Plan::new("scaf stop");
        let status = stop::status_of(self.run).or(ended.stopped);
        stop::outcome(&mut plan, &self.request(), status, &clock::written(clock::now()));
        execute::execute(&plan, world)?;
        self.await_outcome();
        Ok(())
    }

    /// The run's own scaf writes down how it ended, a moment after: whoever asks then is told.
    fn await_outcome(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        const LOOK: Duration = Duration::from_millis(20);
        let (Some(folder), Some(scaf)) = (&self.run.folder, &self.run.scaf) else { return };
        let begun = Instant::now();
        while !folder.join(journal::OUTCOME).exists() && process::is_alive(scaf) && begun.elapsed() < PATIENCE
        {
            std::thread::sleep(LOOK);
        }
    }
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
