//! Ending runs, and writing down how those ended whose scaf did not come to do it.

use crate::orchestrate::running::{Running, State};
use crate::spec::plan::{Action, IfThere, Plan, When};
use crate::spec::record::{self, Outcome, Record};

/// A run to be ended, with what is known of it.
pub struct Request<'a> {
    pub run: &'a Running,
    pub record: Option<&'a Record>,
    /// RFC 3339: when the last sign of life was seen.
    pub last_sign: Option<String>,
    /// Seconds from its start until then.
    pub seconds: f64,
}

/// Adds the steps that end it. A scaf that lives writes the outcome of its run itself.
pub fn plan(plan: &mut Plan, request: &Request<'_>, grace: u32, now: &str) {
    let Request { run, record, last_sign, seconds } = request;
    let why = format!("stop {}", run.run);
    match (&run.state, run.container_engine, &run.container) {
        (State::Left { .. }, Some(engine), Some(container)) => {
            plan.step(
                format!("remove what {} left", run.run),
                Action::RemoveContainer { engine, container: container.clone() },
            );
        }
        // Its scaf may be about to start it, and has the first word.
        (State::Preparing, ..) => {}
        (_, Some(engine), Some(container)) => {
            plan.step(why.clone(), Action::StopContainer { engine, container: container.clone(), grace });
        }
        _ => {}
    }
    if let Some(process) = &run.process {
        plan.step(why.clone(), Action::StopProcess { process: process.clone(), group: true, grace });
    } else if let (State::Preparing, Some(scaf)) = (&run.state, &run.scaf) {
        plan.step(why, Action::StopProcess { process: scaf.clone(), group: false, grace });
        if let (Some(engine), Some(container)) = (run.container_engine, &run.container) {
            plan.step(
                format!("remove what {} left", run.run),
                Action::RemoveContainer { engine, container: container.clone() },
            );
        }
    }
    // A scaf that only prepares may be ended before it can write anything.
    if run.scaf.is_some() && run.state != State::Preparing {
        return;
    }
    let Some(folder) = &run.folder else { return };
    let tidying = record.iter().flat_map(|record| &record.plan.steps);
    plan.steps.extend(tidying.filter(|step| step.when == When::Always).cloned());
    let lives = matches!(run.state, State::Alone | State::Preparing);
    let error = match run.state {
        State::Preparing => "stopped before it began",
        State::Alone => "its scaf was killed outright, and it was stopped later",
        _ => "its scaf was killed outright",
    };
    let outcome = Outcome {
        version: record::VERSION,
        // As a shell tells of a process that was killed.
        status: 137,
        error: Some(error.to_owned()),
        interrupted: true,
        ended: if lives { now.to_owned() } else { last_sign.clone().unwrap_or_else(|| now.to_owned()) },
        seconds: *seconds,
        ..Outcome::default()
    };
    let mut content = serde_json::to_string_pretty(&outcome).unwrap_or_default();
    content.push('\n');
    let path = folder.join(crate::orchestrate::journal::OUTCOME);
    plan.step(
        format!("write down how {} ended", run.run),
        Action::WriteFile { path, content, executable: false, if_there: IfThere::Keep },
    );
    plan.step(
        format!("write down how {} ended", run.run),
        Action::Remove { path: folder.join(crate::orchestrate::journal::LIVE) },
    );
}
