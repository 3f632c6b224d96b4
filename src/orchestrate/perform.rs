//! A run from its record's first file to its last: the journal around the execution.

use std::path::Path;

use super::claim::Claim;
use super::execute::{self, Ended, ExecuteError, World, files};
use super::host::{clock, git};
use super::journal::{self, JournalError};
use super::reporter::Event;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::{IfThere, Plan};
use crate::spec::record::{self, Outcome, Record};

#[derive(Debug, thiserror::Error)]
pub enum PerformError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

impl Explain for PerformError {
    fn fault(&self) -> Fault {
        match self {
            Self::Journal(error) => error.fault(),
            Self::Execute(error) => error.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Journal(error) => error.hints(),
            Self::Execute(error) => error.hints(),
        }
    }
}

/// The git part of a record; the difference is put beside it.
pub fn keep_git(folder: &Path, state: Option<git::State>) -> Result<Option<record::Git>, JournalError> {
    const DIFFERENCE: &str = "uncommitted.diff";
    let Some(git::State { commit, branch, difference }) = state else { return Ok(None) };
    let uncommitted = if difference.is_empty() {
        None
    } else {
        let written = files::make_directory(folder).and_then(|()| {
            files::write_whole(&folder.join(DIFFERENCE), &difference, false, IfThere::Replace).map(|_| ())
        });
        if let Err(error) = written {
            forget(folder);
            return Err(error.into());
        }
        Some(DIFFERENCE.to_owned())
    };
    Ok(Some(record::Git { commit, branch, uncommitted }))
}

/// Executes the record's plan with the journal around it. The outcome is written whatever happens; that
/// it cannot be is told, and changes nothing about it.
pub fn perform(claim: &mut Claim, record: &Record, world: &World<'_>) -> Result<Outcome, PerformError> {
    let folder = claim.folder.clone();
    // From here on a signal is a way for the run to end, and is written down as such.
    world.listen()?;
    if let Err(error) = journal::open(&folder, record) {
        forget(&folder);
        return Err(error.into());
    }
    working(&folder, world);
    claim.settled();
    begun(&folder, &record.plan, world)
}

/// The part after `plan.json` stands.
pub fn conclude(folder: &Path, plan: &Plan, world: &World<'_>) -> Result<Outcome, PerformError> {
    working(folder, world);
    begun(folder, plan, world)
}

fn working(folder: &Path, world: &World<'_>) {
    let known = journal::known_runs(world.environment);
    // That a run cannot be found by `ps` is no reason not to run it.
    if let Err(error) = journal::working(folder, known.as_deref()) {
        world.reporter.tell(Event::Detail(&error.to_string()));
    }
}

fn begun(folder: &Path, plan: &Plan, world: &World<'_>) -> Result<Outcome, PerformError> {
    let known = journal::known_runs(world.environment);
    world.run_folder.replace(Some(folder.to_owned()));
    let begun = clock::now();
    let result = execute::execute(plan, world);
    world.run_folder.replace(None);
    let ended = clock::now();
    let mut outcome = Outcome {
        version: record::VERSION,
        ended: clock::written(ended),
        seconds: round(ended.duration_since(begun).as_secs_f64()),
        ..Outcome::default()
    };
    match &result {
        Ok(end) => fill(&mut outcome, end),
        Err(error) => {
            // No child came to run.
            let fault = error.fault();
            outcome.status = fault.status();
            outcome.interrupted = matches!(fault, Fault::Interrupted(_));
            outcome.error = Some(error.to_string());
        }
    }
    // What the run came to is not lost because it cannot be written down.
    if let Err(error) = journal::close(folder, &outcome) {
        world.reporter.tell(Event::Warning(&format!("how the run ended is not in its record: {error}")));
    }
    if let Err(error) = journal::idle(folder, known.as_deref()) {
        world.reporter.tell(Event::Detail(&error.to_string()));
    }
    result?;
    Ok(outcome)
}

fn fill(outcome: &mut Outcome, end: &Ended) {
    let Ended {
        status,
        out_of_memory,
        interrupted,
        killed,
        peak_memory,
        started,
        finished,
        container,
        image_id,
        left,
        gpus,
        stopped: _,
    } = end;
    outcome.status = *status;
    outcome.out_of_memory = *out_of_memory;
    outcome.interrupted = *interrupted || *killed;
    outcome.peak_memory = *peak_memory;
    outcome.started = started.map(clock::written_system);
    if let Some(finished) = finished {
        outcome.ended = clock::written_system(*finished);
        if let Some(started) = started {
            outcome.seconds = round(finished.duration_since(*started).unwrap_or_default().as_secs_f64());
        }
    }
    outcome.container_id.clone_from(container);
    outcome.image_id.clone_from(image_id);
    outcome.left.clone_from(left);
    outcome.gpus.clone_from(gpus);
}

/// Milliseconds are enough.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Takes away the folder of a run that never came to be: one without `plan.json`.
fn forget(folder: &Path) {
    if !folder.join(journal::PLAN).exists() {
        // What cannot be removed is no reason to hide the failure that is being told.
        let _ = files::remove(folder);
    }
}
