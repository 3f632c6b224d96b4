//! A job's run without anybody watching: a process of its own session that carries out the stored plan,
//! writes how it ended, and is found by its ticket.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use super::execute::World;
use super::execute::files::{self, FileError};
use super::gpus::Watched;
use super::host::process;
use super::journal::{self, Entry, JournalError};
use super::perform::{self, PerformError};
use super::reporter::{Event, Reporter};
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::IfThere;
use crate::spec::ticket::Ticket;

/// The ticket's file in the run's folder.
pub const TICKET: &str = "job.json";
/// The hidden command that this program starts itself with.
pub const COMMAND: &str = "run-plan";

#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Perform(#[from] PerformError),
    #[error("there is no ticket `{path}`")]
    NoTicket { path: PathBuf },
    #[error("cannot start the process that sees to the job")]
    Start { source: std::io::Error },
    #[error("the process that was to see to the job ended at once{}", .said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Ended { said: Option<String>, talk: PathBuf },
    #[error("cannot write `{path}`")]
    Talk { path: PathBuf, source: std::io::Error },
}

impl Explain for SupervisorError {
    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Journal(error) => error.fault(),
            Self::Perform(error) => error.fault(),
            Self::NoTicket { .. } => Fault::User,
            Self::Start { .. } | Self::Ended { .. } | Self::Talk { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Journal(error) => error.hints(),
            Self::Perform(error) => error.hints(),
            Self::Ended { talk, .. } => vec![format!("see {}", talk.display())],
            Self::NoTicket { .. } | Self::Start { .. } | Self::Talk { .. } => Vec::new(),
        }
    }
}

/// Reads a ticket.
pub fn ticket(folder: &Path) -> Result<Option<Ticket>, JournalError> {
    journal::read(&folder.join(TICKET))
}

/// Writes a ticket, whole.
pub fn write_ticket(folder: &Path, ticket: &Ticket) -> Result<(), SupervisorError> {
    let path = folder.join(TICKET);
    let mut text = serde_json::to_string_pretty(ticket)
        .map_err(|error| JournalError::Form { path: path.clone(), reason: error.to_string() })?;
    text.push('\n');
    files::make_directory(folder)?;
    files::write_whole(&path, &text, false, IfThere::Replace)?;
    Ok(())
}

/// Starts the supervisor of a run's folder, in which the plan and the ticket lie, and returns when it
/// has taken over.
pub fn start(folder: &Path, talk: &Path, environment: &Environment) -> Result<(), SupervisorError> {
    let start = |source| SupervisorError::Start { source };
    let program = std::env::current_exe().map_err(start)?;
    let mut command = Command::new(program);
    command.arg(COMMAND).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_clear().envs(environment.all()).current_dir("/");
    let mut child = command.spawn().map_err(start)?;
    // Either it says in the ticket that it is there, or it ends; one of the two comes.
    loop {
        if ticket(folder)?.is_some_and(|ticket| ticket.supervisor.is_some()) {
            return Ok(());
        }
        if child.try_wait().map_err(start)?.is_some() {
            if ticket(folder)?.is_some_and(|ticket| ticket.supervisor.is_some()) {
                return Ok(());
            }
            let said = std::fs::read_to_string(talk).ok();
            let said = said.and_then(|text| text.lines().last().map(str::to_owned));
            return Err(SupervisorError::Ended { said, talk: talk.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the supervisor does from its first moment to its last.
pub fn run(folder: &Path, talk: &Path, environment: &Environment) -> Result<u8, SupervisorError> {
    // The terminal's signals and its end are no longer ours. It fails where this is a session already.
    let _ = rustix::process::setsid();
    if ticket(folder)?.is_none() {
        return Err(SupervisorError::NoTicket { path: folder.join(TICKET) });
    }
    let reporter = Talk::open(talk)?;
    match oversee(folder, environment, &reporter) {
        Ok(status) => Ok(status),
        Err(error) => {
            reporter.line("error:", &error.to_string());
            for hint in error.hints() {
                reporter.line("hint:", &hint);
            }
            Err(error)
        }
    }
}

fn oversee(folder: &Path, environment: &Environment, reporter: &Talk) -> Result<u8, SupervisorError> {
    let mut own = ticket(folder)?.ok_or_else(|| SupervisorError::NoTicket { path: folder.join(TICKET) })?;
    let record =
        Entry { experiment: String::new(), name: String::new(), folder: folder.to_owned() }.record()?;
    let mut world = World::new(reporter, environment, false);
    // Who reads in the ticket whom to send a signal is to find somebody who takes it.
    world.listen().map_err(PerformError::from)?;
    own.supervisor = Some(process::own());
    write_ticket(folder, &own)?;
    world.watched_gpus = record.gpus.as_ref().and_then(|shown| Watched::of_record(shown, environment));
    let outcome = perform::conclude(folder, &record.plan, &world)?;
    Ok(outcome.status)
}

/// Talk that goes into a file, line by line.
struct Talk {
    file: Mutex<File>,
}

impl Talk {
    fn open(path: &Path) -> Result<Self, SupervisorError> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| SupervisorError::Talk { path: path.to_owned(), source })?;
        Ok(Self { file: Mutex::new(file) })
    }

    fn line(&self, front: &str, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let space = if front.is_empty() { "" } else { " " };
        // A full disk must not end a run that writes elsewhere.
        drop(writeln!(file, "{front}{space}{}", text.trim_end()));
    }
}

impl Reporter for Talk {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Step(text) | Event::Say(text) | Event::Detail(text) => self.line("", text),
            Event::Warning(text) => self.line("warning:", text),
            Event::Output(text) => self.line(" ", text),
            Event::Progress { .. } | Event::Done { .. } => {}
        }
    }
}
