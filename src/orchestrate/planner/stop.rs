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

/// Adds the steps that end it.
pub fn plan(plan: &mut Plan, request: &Request<'_>, grace: u32) {
    let Request { run, record, last_sign: _, seconds: _ } = request;
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
        // One that is at the terminal is in the group of its scaf, which ends what it leaves behind.
        let group = run.process_leads;
        plan.step(why.clone(), Action::StopProcess { process: process.clone(), group, grace });
    } else if let (State::Preparing, Some(scaf)) = (&run.state, &run.scaf) {
        plan.step(why, Action::StopProcess { process: scaf.clone(), group: false, grace });
        if let (Some(engine), Some(container)) = (run.container_engine, &run.container) {
            plan.step(
                format!("remove what {} left", run.run),
                Action::RemoveContainer { engine, container: container.clone() },
            );
        }
    }
    if run.folder.is_none() || sees_to_it(run) {
        return;
    }
    let tidying = record.iter().flat_map(|record| &record.plan.steps);
    plan.steps.extend(tidying.filter(|step| step.when == When::Always).cloned());
}

/// Whether its own scaf lives, and writes down how it ended. One that only prepares may be ended before it
/// can write anything.
pub fn sees_to_it(run: &Running) -> bool {
    run.scaf.is_some() && run.state != State::Preparing
}

/// The status that the engine still knows of a container which has ended: `Exited (3) 5 minutes ago`.
pub fn status_of(run: &Running) -> Option<u8> {
    let State::Left { status } = &run.state else { return None };
    status.split_once("xited (")?.1.split_once(')')?.0.parse().ok()
}

/// Adds the steps that write down how it ended, where its scaf does not. `status` is the run's own.
pub fn outcome(plan: &mut Plan, request: &Request<'_>, status: Option<u8>, now: &str) {
    let Request { run, record: _, last_sign, seconds } = request;
    let Some(folder) = &run.folder else { return };
    if sees_to_it(run) {
        return;
    }
    let lives = matches!(run.state, State::Alone | State::Preparing);
    let error = match run.state {
        State::Preparing => "stopped before it began",
        State::Alone => "its scaf was killed outright, and it was stopped later",
        _ => "its scaf was killed outright",
    };
    let by_itself = matches!(run.state, State::Left { .. }) && status.is_some();
    let outcome = Outcome {
        version: record::VERSION,
        // As a shell tells of a process that was killed, where nobody saw what it ended with.
        status: status.unwrap_or(137),
        status_unknown: status.is_none(),
        error: Some(match status {
            Some(_) => error.to_owned(),
            None => format!("{error}; with what status it ended is not known"),
        }),
        interrupted: !by_itself,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn left(status: &str, state: Option<State>) -> Running {
        Running {
            run: "20261122-155001_brave_otter".into(),
            experiment: "e".into(),
            intent: "local".into(),
            engine: "docker".into(),
            root: "/p".into(),
            since: None,
            state: state.unwrap_or(State::Left { status: status.into() }),
            ports: Vec::new(),
            container: Some("c".into()),
            container_engine: Some(crate::spec::plan::ContainerEngine::Docker),
            image_id: None,
            scaf: None,
            process: None,
            process_leads: true,
            folder: Some("/p/runs/e/20261122-155001_brave_otter".into()),
        }
    }

    fn written(run: &Running) -> Outcome {
        let mut plan = Plan::new("");
        let request = Request { run, record: None, last_sign: None, seconds: 1.0 };
        outcome(&mut plan, &request, status_of(run), "2026-11-22T16:00:00.000Z");
        let Action::WriteFile { content, .. } = &plan.steps[0].action else { panic!("{plan:?}") };
        serde_json::from_str(content).unwrap()
    }

    #[test]
    fn the_container_s_own_status_counts_and_an_unknown_one_is_said_to_be() {
        for (text, status, shown) in
            [("Exited (0) 5 minutes ago", 0, "succeeded"), ("Exited (3) About an hour ago", 3, "failed (3)")]
        {
            let outcome = written(&left(text, None));
            assert_eq!((outcome.status, outcome.status_unknown, outcome.interrupted), (status, false, false));
            assert_eq!(outcome.to_string(), shown);
        }
        for run in [left("Created", None), left("", Some(State::Lost))] {
            let outcome = written(&run);
            assert_eq!((outcome.status, outcome.status_unknown, outcome.interrupted), (137, true, true));
            assert_eq!(outcome.to_string(), "interrupted");
            assert!(outcome.error.unwrap().ends_with("with what status it ended is not known"));
        }
    }
}
