//! Asks how jobs are: the run's folder, the process table, or the target's own client.

use std::path::Path;
use std::process::{Command, Stdio};

use super::host::{process, who};
use super::journal::{self, Entry, JournalError};
use super::supervisor;
use super::target::{self, Answer, Asked, Question, Target, TargetError};
use crate::project::layout::Layout;
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::run::Intent;
use crate::spec::ticket::{State, Ticket};

#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("`{run}` is a run, and no job")]
    NoJob { run: String },
    #[error("`{run}` was not handed over: `{client}` ended with {status}")]
    NotHanded { run: String, client: String, status: u8 },
    #[error("`{run}` was handed to a target of kind `{kind}`, which this scaf does not know")]
    Kind { run: String, kind: String },
}

impl Explain for JobsError {
    fn fault(&self) -> Fault {
        match self {
            Self::Journal(error) => error.fault(),
            Self::Target(error) => error.fault(),
            Self::NoJob { .. } | Self::NotHanded { .. } | Self::Kind { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Journal(error) => error.hints(),
            Self::Target(error) => error.hints(),
            Self::NoJob { run } => {
                vec![format!("`scaf runs show {run}` shows a run; `scaf jobs` lists the jobs")]
            }
            Self::NotHanded { run, .. } => {
                vec![format!(
                    "`scaf runs show {run}` names its folder; what was said is there in `stderr.log`"
                )]
            }
            Self::Kind { .. } => Vec::new(),
        }
    }
}

/// A job that was handed over from this project.
pub struct Handed {
    pub entry: Entry,
    pub ticket: Ticket,
    pub target: &'static dyn Target,
}

/// All of them, the newest first. Such as cannot be read are told apart.
pub fn all(layout: &Layout) -> Result<(Vec<Handed>, Vec<JobsError>), JobsError> {
    let mut jobs = Vec::new();
    let mut broken = Vec::new();
    for entry in journal::entries(layout)? {
        match of(entry) {
            Ok(Some(job)) => jobs.push(job),
            Ok(None) => {}
            Err(error) => broken.push(error),
        }
    }
    Ok((jobs, broken))
}

/// The job that a word means.
pub fn find(layout: &Layout, word: &str) -> Result<Handed, JobsError> {
    let entry = journal::find(layout, word)?;
    let run = journal::typed(layout, &entry.name).to_owned();
    // What was to be a job and became none says why.
    let refused = entry.record().ok().filter(|record| record.intent == Intent::Job).and_then(|record| {
        let outcome = entry.outcome().ok().flatten().filter(|outcome| outcome.status != 0)?;
        let client = record.command.first().cloned().unwrap_or(record.engine);
        Some(JobsError::NotHanded { run: run.clone(), client, status: outcome.status })
    });
    of(entry)?.ok_or_else(|| refused.unwrap_or(JobsError::NoJob { run }))
}

/// Whether the target's client is there, for what only it can say or do.
pub fn has_client(job: &Handed, environment: &Environment) -> Result<(), TargetError> {
    match job.target.about().tool {
        Some(tool) if !has_program(tool.program, environment) => Err(TargetError::NoTool {
            target: job.ticket.target.clone(),
            program: tool.program,
            hints: tool.hints,
        }),
        Some(_) | None => Ok(()),
    }
}

/// How they are. A client takes seconds for its answer, so that several are asked at a time.
pub fn states(jobs: &[Handed], environment: &Environment, host: &str) -> Vec<State> {
    const AT_A_TIME: usize = 8;
    let mut states = Vec::with_capacity(jobs.len());
    for some in jobs.chunks(AT_A_TIME) {
        std::thread::scope(|scope| {
            let asked: Vec<_> =
                some.iter().map(|job| scope.spawn(|| state(job, environment, host))).collect();
            states.extend(asked.into_iter().map(|one| {
                one.join().unwrap_or_else(|_| State::Unknown { reason: "the question broke off".to_owned() })
            }));
        });
    }
    states
}

fn of(entry: Entry) -> Result<Option<Handed>, JobsError> {
    let Some(ticket) = supervisor::ticket(&entry.folder)? else { return Ok(None) };
    let Some(target) = target::of_kind(&ticket.kind) else {
        return Err(JobsError::Kind { run: entry.name, kind: ticket.kind });
    };
    Ok(Some(Handed { entry, ticket, target }))
}

/// Whether a run is a job that may go on, as far as can be told without asking a target's client: what
/// was handed over and whose end nobody has seen.
pub fn may_go_on(entry: &Entry, environment: &Environment) -> bool {
    let (ticket, target) = match of(entry.clone()) {
        Ok(None) => return false,
        Ok(Some(Handed { entry: _, ticket, target })) => (ticket, target),
        // What cannot be read may be anything.
        Err(_) => return true,
    };
    if let Some(ended) = &ticket.ended {
        return !ended.is_over();
    }
    match target.status(&ticket) {
        Ok(Asked { question: Question::Folder, .. }) => {
            let host = who::machine(&who::caller(environment)).name;
            !state(&Handed { entry: entry.clone(), ticket, target }, environment, &host).is_over()
        }
        Ok(Asked { question: Question::Command(_), .. }) | Err(_) => true,
    }
}

/// How a job is. What cannot be found out is a state, too.
pub fn state(job: &Handed, environment: &Environment, host: &str) -> State {
    if let Some(ended) = &job.ticket.ended {
        return ended.clone();
    }
    let Asked { question, read } = match job.target.status(&job.ticket) {
        Ok(asked) => asked,
        Err(error) => return State::Unknown { reason: error.to_string() },
    };
    let answer = match question {
        Question::Folder => {
            let outcome = match job.entry.outcome() {
                Ok(outcome) => outcome,
                Err(error) => return State::Unknown { reason: error.to_string() },
            };
            // The process table of another machine cannot be looked at.
            if outcome.is_none() && job.ticket.host != host {
                return State::Unknown { reason: format!("it was started on `{}`", job.ticket.host) };
            }
            let alive = job.ticket.supervisor.as_ref().is_some_and(process::is_alive);
            // It may have ended between the two looks.
            let outcome =
                if alive || outcome.is_some() { outcome } else { job.entry.outcome().ok().flatten() };
            Answer::Folder { outcome, alive, begun: job.entry.folder.join("stdout.log").exists() }
        }
        Question::Command(argv) => match ask(&argv, environment) {
            Ok(answer) => answer,
            Err(reason) => return State::Unknown { reason },
        },
    };
    let state = read(&job.ticket, &answer);
    if state.is_over() && matches!(answer, Answer::Command { .. }) {
        // What is over stays so. That it cannot be noted down costs another question, no more.
        let ticket = Ticket { ended: Some(state.clone()), ..job.ticket.clone() };
        let _ = supervisor::write_ticket(&job.entry.folder, &ticket);
    }
    state
}

/// Runs a target's client for its answer.
fn ask(argv: &[String], environment: &Environment) -> Result<Answer, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("there is no question".to_owned());
    };
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.all())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("`{program}` is not on this machine"),
            _ => format!("`{program}` cannot be started: {error}"),
        })?;
    Ok(Answer::Command {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Whether a program can be found where the caller would find it.
pub fn has_program(program: &str, environment: &Environment) -> bool {
    let path = environment.given("PATH").map(std::ffi::OsStr::to_owned);
    which::which_in(program, path, Path::new("/")).is_ok()
}
