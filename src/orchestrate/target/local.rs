//! This machine: the job runs detached, on the engine of this machine, and outlives the scaf that
//! started it.

use std::path::Path;

use super::{About, Answer, Asked, Handing, LogSource, Offer, Payload, Question, Target, TargetError};
use crate::orchestrate::journal;
use crate::spec::plan::{Action, Step, When};
use crate::spec::ticket::{State, Ticket};

/// What the supervisor says: builds, warnings.
pub const TALK: &str = "job.log";

pub struct Local;

impl Target for Local {
    fn about(&self) -> About {
        const NONE: &[Offer] = &[];
        About { kind: "local", payload: Payload::Command, offers: NONE, tool: None }
    }

    fn accept(&self, handing: &Handing<'_>) -> Result<(), TargetError> {
        // Elsewhere only the cloud looks, or a path is not there, which is told.
        let used = |key: &str| key.starts_with("inputs.") || key.starts_with("environment_variables.");
        let problems = handing.job.unfilled(used);
        if problems.is_empty() { Ok(()) } else { Err(TargetError::Placeholders { problems }) }
    }

    fn submit(&self, handing: &Handing<'_>) -> Result<Vec<Step>, TargetError> {
        let Some(run) = handing.run else { return Ok(Vec::new()) };
        Ok(vec![Step {
            why: "start the job, detached".to_owned(),
            when: When::InTurn,
            action: Action::Detach {
                plan: Box::new(run.clone()),
                folder: handing.folder.to_owned(),
                talk: handing.folder.join(TALK),
            },
        }])
    }

    fn ticket(&self, _: &Handing<'_>, _: &str, _: &mut Ticket) {
        // The supervisor writes its own.
    }

    fn status(&self, _: &Ticket) -> Result<Asked, TargetError> {
        Ok(Asked { question: Question::Folder, read: state })
    }

    fn logs(&self, _: &Ticket, folder: &Path) -> Result<LogSource, TargetError> {
        Ok(LogSource::Files {
            child: vec![folder.join("stdout.log"), folder.join("stderr.log")],
            before: folder.join(TALK),
        })
    }

    fn cancel(&self, ticket: &Ticket) -> Result<Vec<Action>, TargetError> {
        // The supervisor passes it on to the child and waits for it, as the foreground does with Ctrl-C.
        let pid = ticket.supervisor.as_ref().ok_or(TargetError::NoId)?.pid;
        Ok(vec![Action::Command {
            argv: vec!["kill".to_owned(), "-TERM".to_owned(), pid.to_string()],
            cwd: None,
            env: std::collections::BTreeMap::new(),
        }])
    }

    fn fetch(&self, _: &Ticket, folder: &Path, to: &Path) -> Result<Vec<Action>, TargetError> {
        Ok(vec![Action::CopyTree { from: folder.join("outputs"), to: to.to_owned() }])
    }
}

/// The state out of what the folder and the process table say.
fn state(ticket: &Ticket, answer: &Answer) -> State {
    let Answer::Folder { outcome, alive, begun } = answer else {
        return State::Unknown { reason: "the answer is none to the question".to_owned() };
    };
    match outcome {
        Some(outcome) if outcome.status == 0 => State::Succeeded,
        Some(outcome) if ticket.cancelled.is_some() || outcome.interrupted => State::Cancelled,
        Some(outcome) => State::Failed { status: Some(outcome.status), reason: outcome.error.clone() },
        None if *alive && *begun => State::Running,
        None if *alive => State::Queued,
        None if ticket.cancelled.is_some() => State::Cancelled,
        None => State::Lost {
            reason: format!("the process that saw to it is gone, and `{}` is not there", journal::OUTCOME),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::record::Outcome;
    use crate::spec::ticket::{Supervisor, VERSION};

    fn ticket(cancelled: bool) -> Ticket {
        Ticket {
            version: VERSION,
            target: "local".into(),
            kind: "local".into(),
            id: None,
            url: None,
            submitted: "2026-11-22T16:00:00.000Z".into(),
            host: "here".into(),
            supervisor: Some(Supervisor { pid: 42, started: 7, boot: "b".into() }),
            place: Vec::new(),
            cancelled: cancelled.then(|| "2026-11-22T16:01:00.000Z".to_owned()),
            ended: None,
        }
    }

    fn of(cancelled: bool, status: Option<u8>, alive: bool, begun: bool) -> String {
        let outcome = status.map(|status| Outcome { status, ..Outcome::default() });
        state(&ticket(cancelled), &Answer::Folder { outcome, alive, begun }).to_string()
    }

    #[test]
    fn states() {
        assert_eq!(of(false, None, true, false), "queued");
        assert_eq!(of(false, None, true, true), "running");
        assert_eq!(of(false, Some(0), false, true), "succeeded");
        assert_eq!(of(false, Some(3), false, true), "failed (3)");
        assert_eq!(of(true, Some(143), false, true), "cancelled");
        // It came to its end before the signal.
        assert_eq!(of(true, Some(0), false, true), "succeeded");
        assert_eq!(of(true, None, false, true), "cancelled");
        assert_eq!(of(false, None, false, true), "lost");
    }

    #[test]
    fn cancelling_is_a_signal_to_the_supervisor() {
        let Action::Command { argv, .. } = &Local.cancel(&ticket(false)).unwrap()[0] else { panic!() };
        assert_eq!(argv, &["kill", "-TERM", "42"]);
    }
}
