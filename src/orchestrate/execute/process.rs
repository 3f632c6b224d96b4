//! Processes of this machine: tools that work for a plan, and the run itself with the host engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;

use crate::orchestrate::engine::moby::run::SignalSource;
use crate::orchestrate::host::process::{group_lives, group_members_with, is_halted};
use crate::orchestrate::reporter::{Event, Reporter};
use crate::orchestrate::tail::{Part, Tail};
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::shell;
use crate::spec::run::RUN_VARIABLE;

/// A run whose output nobody reads any more is asked to end; after this long it is made to.
const GRACE_WITHOUT_READER: Duration = Duration::from_secs(10);
/// How long a tool that was interrupted may take to end before it is made to.
const GRACE_OF_A_TOOL: Duration = Duration::from_secs(5);
/// The same for what a run has left in the background when it ended.
const GRACE_BEHIND: Duration = Duration::from_secs(2);
/// How long the rest of a tool's output is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What the kernel may take to end processes that cannot refuse.
const KILLED: Duration = Duration::from_secs(5);
/// How often it is looked whether they are gone.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked whether a tool was halted.
const SAMPLE: Duration = Duration::from_millis(500);
/// How often a run's memory is looked at; before the first look it has hardly begun.
const SAMPLE_OF_A_RUN: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{command}` ended with status {status}\n{tail}")]
    Failed { command: String, status: u8, tail: String },
    #[error("lost touch with `{program}`")]
    Lost { program: String, source: io::Error },
    #[error("cannot write the log `{path}`")]
    Log { path: PathBuf, source: io::Error },
    #[error("`{command}` was interrupted")]
    Interrupted { command: String, signal: i32 },
    #[error("`{command}` was halted: it wants to ask something at the terminal, and cannot here")]
    Asks { command: String },
}

impl Explain for ProcessError {
    fn fault(&self) -> Fault {
        match self {
            // As `docker run` has it: 127 for a program that is not there, 126 for one that cannot be run.
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => Fault::Start(127),
            Self::Start { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Fault::Start(126)
            }
            Self::Start { .. } => Fault::Start(125),
            Self::Failed { .. } | Self::Asks { .. } => Fault::User,
            Self::Interrupted { signal, .. } => Fault::Interrupted(*signal),
            Self::Lost { .. } | Self::Log { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Asks { .. } => {
                vec![
                    "see to it beforehand: `ssh-add` for a key, `git credential approve` for a password"
                        .to_owned(),
                ]
            }
            _ => Vec::new(),
        }
    }
}

/// The status that a shell would give: 128+n for signal n.
pub fn status_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code & 0xff).unwrap_or(1),
        (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(255),
        (None, None) => 1,
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A child and whom it has started. Dropped, whatever is left of them is killed.
enum Group {
    /// A process group of its own, so that signals reach it exactly once: through scaf.
    Own(Option<u32>),
    /// scaf's own, since a terminal's keys go to one group alone. Who belongs to the child is told by a
    /// variable; the child itself may have made another group (a shell does) until it has ended.
    Shared { child: Option<u32>, mark: Option<String> },
}

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self::Own(child.id())
    }

    fn send(&self, signal: Signal) {
        let pid = |id: u32| i32::try_from(id).ok().and_then(Pid::from_raw);
        // They may be over already.
        match self {
            Self::Own(leader) => {
                if let Some(group) = leader.and_then(pid) {
                    let _ = rustix::process::kill_process_group(group, signal);
                }
            }
            Self::Shared { child, mark: _ } => {
                let others = self.others().into_iter().filter(|id| Some(*id) != *child);
                for one in child.iter().copied().chain(others).filter_map(pid) {
                    let _ = rustix::process::kill_process(one, signal);
                }
            }
        }
    }

    fn others(&self) -> Vec<u32> {
        match self {
            Self::Shared { child: _, mark: Some(mark) } => group_members_with(mark),
            Self::Shared { child: _, mark: None } | Self::Own(_) => Vec::new(),
        }
    }

    /// The child was waited for: its number may become another's.
    fn child_ended(&mut self) {
        if let Self::Shared { child, mark: _ } = self {
            *child = None;
        }
    }

    fn lives(&self) -> bool {
        match self {
            Self::Own(leader) => leader.is_some_and(group_lives),
            Self::Shared { child, mark: _ } => child.is_some() || !self.others().is_empty(),
        }
    }

    async fn gone_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.lives() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }

    /// For once its leader has ended: whoever is left is asked to end and made to, as with a container.
    /// Says whether there was anybody.
    async fn clear(&self, since: Instant) -> bool {
        if !self.lives() {
            return false;
        }
        self.send(Signal::TERM);
        if !self.gone_within(GRACE_BEHIND.saturating_sub(since.elapsed())).await {
            self.send(Signal::KILL);
            self.gone_within(KILLED).await;
        }
        true
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.lives() {
            self.send(Signal::KILL);
        }
    }
}

/// Runs a tool to its end; its output is told as it comes, its failure with the last lines of it. The
/// first signal is passed on to all that it has started, a second one kills them.
pub fn command(
    argv: &[String],
    cwd: Option<&Path>,
    env: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
    signals: SignalSource,
) -> Result<(), ProcessError> {
    let program = argv.first().cloned().unwrap_or_default();
    let lost = |source| ProcessError::Lost { program: program.clone(), source };
    let runtime = runtime().map_err(lost)?;
    reporter.tell(Event::Detail(&format!("$ {}", shell::line(argv))));
    runtime.block_on(async {
        let mut signals = signals.listen().map_err(lost)?;
        let mut tool = tokio::process::Command::new(&program);
        tool.args(argv.iter().skip(1))
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(cwd) = cwd {
            tool.current_dir(cwd);
        }
        let mut child =
            tool.spawn().map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        let group = Group::of(&child);
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let (mut out, mut err) = ([0u8; 8192], [0u8; 8192]);
        let (mut tail, mut out_part, mut err_part) = (Tail::default(), Part::new(), Part::new());
        let mut status = None;
        let mut interrupted = None;
        let (mut killed, mut halted) = (false, false);
        let mut last_moment = Box::pin(tokio::time::sleep(Duration::MAX));
        let mut tick = tokio::time::interval(SAMPLE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while status.is_none() || stdout.is_some() || stderr.is_some() {
            tokio::select! {
                read = read(&mut stdout, &mut out), if stdout.is_some() => match read {
                    0 => stdout = None,
                    count => tail.add_to(&mut out_part, &out[..count], reporter),
                },
                read = read(&mut stderr, &mut err), if stderr.is_some() => match read {
                    0 => stderr = None,
                    count => tail.add_to(&mut err_part, &err[..count], reporter),
                },
                ended = child.wait(), if status.is_none() => {
                    status = Some(ended.map_err(lost)?);
                    last_moment = Box::pin(tokio::time::sleep(LAST_WORDS));
                }
                () = &mut last_moment => {
                    if status.is_some() {
                        // Something that it started holds its output open.
                        break;
                    }
                    killed = true;
                    group.send(Signal::KILL);
                    last_moment = Box::pin(tokio::time::sleep(Duration::MAX));
                }
                Some(number) = signals.next(), if !killed && status.is_none() => {
                    if interrupted.is_none() {
                        interrupted = Some(number);
                        group.send(named(number));
                        last_moment = Box::pin(tokio::time::sleep(GRACE_OF_A_TOOL));
                    } else {
                        killed = true;
                        group.send(Signal::KILL);
                    }
                }
                _ = tick.tick(), if status.is_none() => {
                    let now = child.id().is_some_and(is_halted);
                    // Twice in a row: scaf and its tools may have been halted and woken together.
                    if now && halted {
                        return Err(ProcessError::Asks { command: shell::line(argv) });
                    }
                    halted = now;
                }
            }
        }
        tail.end_of(&mut out_part, reporter);
        tail.end_of(&mut err_part, reporter);
        if let Some(signal) = interrupted {
            // What comes next clears up where they wrote.
            group.send(Signal::KILL);
            group.gone_within(KILLED).await;
            return Err(ProcessError::Interrupted { command: shell::line(argv), signal });
        }
        let status = status.map_or(1, status_of);
        if status == 0 {
            return Ok(());
        }
        let tail = tail.kept().iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        Err(ProcessError::Failed { command: shell::line(argv), status, tail })
    })
}

/// The run as a process.
pub struct Request<'a> {
    pub argv: &'a [String],
    pub cwd: &'a Path,
    pub env: &'a BTreeMap<String, String>,
    pub unset: &'a [String],
    pub stdin: bool,
    /// All three streams are the terminal's, and what is typed is the child's alone.
    pub tty: bool,
    pub stdout_log: Option<&'a Path>,
    pub stderr_log: Option<&'a Path>,
    pub child_to_stderr: bool,
    /// Told the process's number once there is one.
    pub on_started: &'a dyn Fn(u32),
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct End {
    pub status: u8,
    pub interrupted: bool,
    pub killed: bool,
    /// Why the output could not be shown to its end; then the run was asked to end, as with a container.
    pub output_lost: Option<String>,
    /// Why a log is not complete.
    pub log_lost: Option<String>,
    /// Something that it had started outlived it, and was ended.
    pub left_behind: bool,
    /// Bytes of the child itself, the largest seen.
    pub peak_memory: Option<u64>,
    pub started: SystemTime,
    pub finished: SystemTime,
}

/// Runs it in a group of its own; where it reads from the terminal in scaf's, which the terminal's keys
/// reach. The first signal is passed on, the second kills it.
pub fn run(request: &Request<'_>, signals: SignalSource) -> Result<End, ProcessError> {
    let program = request.argv.first().cloned().unwrap_or_default();
    let lost = |source| ProcessError::Lost { program: program.clone(), source };
    let runtime = runtime().map_err(lost)?;
    runtime.block_on(async {
        let mut signals = signals.listen().map_err(lost)?;
        let mut stdout_log = open(request.stdout_log)?;
        let mut stderr_log = open(request.stderr_log)?;
        let mut command = tokio::process::Command::new(&program);
        // A group in the background that reads from a terminal would be stopped.
        let shared = request.stdin && io::IsTerminal::is_terminal(&io::stdin());
        let output = || if request.tty { Stdio::inherit() } else { Stdio::piped() };
        command
            .args(request.argv.iter().skip(1))
            .current_dir(request.cwd)
            .envs(request.env)
            .stdin(if request.stdin { Stdio::inherit() } else { Stdio::null() })
            .stdout(output())
            .stderr(output())
            .kill_on_drop(true);
        if !shared {
            command.process_group(0);
        }
        for name in request.unset {
            command.env_remove(name);
        }
        let started = SystemTime::now();
        let mut child =
            command.spawn().map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        let mut group = if shared {
            let mark = request.env.get(RUN_VARIABLE).map(|run| format!("{RUN_VARIABLE}={run}"));
            Group::Shared { child: child.id(), mark }
        } else {
            Group::of(&child)
        };
        if let Some(id) = child.id() {
            (request.on_started)(id);
        }
        let mut stdout = child.stdout.take();
        let mut stderr = child.stderr.take();
        let (mut interrupted, mut killed, mut peak) = (false, false, None);
        let (mut lost_output, mut lost_log): (Option<String>, Option<String>) = (None, None);
        let mut last_moment = Box::pin(tokio::time::sleep(Duration::MAX));
        let (mut out, mut err) = ([0u8; 8192], [0u8; 8192]);
        let mut status = None;
        let (mut ended_at, mut finished) = (Instant::now(), started);
        let mut left_behind = false;
        let mut tick =
            tokio::time::interval_at(tokio::time::Instant::now() + SAMPLE_OF_A_RUN, SAMPLE_OF_A_RUN);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while status.is_none() || stdout.is_some() || stderr.is_some() {
            tokio::select! {
                read = read(&mut stdout, &mut out), if stdout.is_some() => match read {
                    0 => stdout = None,
                    count => {
                        let shown = show(&out[..count], request.child_to_stderr);
                        keep(&out[..count], stdout_log.as_mut(), &mut lost_log);
                        if let Err(error) = shown && lost_output.is_none() {
                            lost_output = Some(error.to_string());
                            if status.is_none() {
                                // What a pipe's writer would meet: nobody reads any more.
                                group.send(Signal::TERM);
                                last_moment = Box::pin(tokio::time::sleep(GRACE_WITHOUT_READER));
                            }
                        }
                    }
                },
                read = read(&mut stderr, &mut err), if stderr.is_some() => match read {
                    0 => stderr = None,
                    count => {
                        // That nobody hears the talk is no reason to stop.
                        let _ = show(&err[..count], true);
                        keep(&err[..count], stderr_log.as_mut(), &mut lost_log);
                    }
                },
                ended = child.wait(), if status.is_none() => {
                    status = Some(ended.map_err(lost)?);
                    (ended_at, finished) = (Instant::now(), SystemTime::now());
                    group.child_ended();
                    // A container would end with it, too.
                    left_behind = group.lives();
                    group.send(Signal::TERM);
                    last_moment = Box::pin(tokio::time::sleep(GRACE_BEHIND));
                }
                () = &mut last_moment => {
                    group.send(Signal::KILL);
                    if status.is_some() {
                        // Whoever still holds its output open has left the group.
                        break;
                    }
                    killed = true;
                    last_moment = Box::pin(tokio::time::sleep(Duration::MAX));
                }
                Some(number) = signals.next(), if status.is_none() => {
                    // The terminal has sent what is typed there to the child, too; a shell or a prompt
                    // lives on after it.
                    let typed = shared && matches!(number, 2 | 3);
                    if typed && request.tty {
                        continue;
                    }
                    if interrupted {
                        killed = true;
                        group.send(Signal::KILL);
                    } else if !typed {
                        group.send(named(number));
                    }
                    interrupted = true;
                }
                _ = tick.tick(), if status.is_none() => peak = peak.max(child.id().and_then(resident)),
            }
        }
        left_behind |= group.clear(ended_at).await;
        let status = status.map_or(1, status_of);
        Ok(End {
            status,
            interrupted,
            killed,
            output_lost: lost_output,
            log_lost: lost_log,
            left_behind,
            peak_memory: peak,
            started,
            finished,
        })
    })
}

fn named(number: i32) -> Signal {
    match number {
        1 => Signal::HUP,
        3 => Signal::QUIT,
        15 => Signal::TERM,
        _ => Signal::INT,
    }
}

fn open(path: Option<&Path>) -> Result<Option<File>, ProcessError> {
    path.map(|path| File::create(path).map_err(|source| ProcessError::Log { path: path.to_owned(), source }))
        .transpose()
}

async fn read<R: tokio::io::AsyncRead + Unpin>(stream: &mut Option<R>, buffer: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

fn show(bytes: &[u8], to_stderr: bool) -> io::Result<()> {
    if to_stderr {
        return io::stderr().write_all(bytes);
    }
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// A log that cannot be written to its end is no reason to end the run; it has a gap from there on.
fn keep(bytes: &[u8], log: Option<&mut File>, lost: &mut Option<String>) {
    if lost.is_none()
        && let Some(log) = log
        && let Err(error) = log.write_all(bytes)
    {
        *lost = Some(error.to_string());
    }
}

/// The largest resident set of a process so far, in bytes (`VmHWM` of proc(5), which counts KiB).
fn resident(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests;
