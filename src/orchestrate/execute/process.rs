//! Processes of this machine: tools that work for a plan, and the run itself with the host engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::orchestrate::engine::moby::run::SignalSource;
use crate::orchestrate::reporter::{Event, Reporter};
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::shell;

/// Lines of a tool's output that are kept for the error.
const TAIL: usize = 30;
/// A run whose output nobody reads any more is asked to end; after this long it is made to.
const GRACE_WITHOUT_READER: Duration = Duration::from_secs(10);
/// How often a run's memory is looked at.
const SAMPLE: Duration = Duration::from_millis(500);

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
            Self::Failed { .. } => Fault::User,
            Self::Lost { .. } | Self::Log { .. } => Fault::World,
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

/// Runs a tool to its end; its output is told as it comes, its failure with the last lines of it.
pub fn command(
    argv: &[String],
    cwd: Option<&Path>,
    env: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) -> Result<(), ProcessError> {
    let program = argv.first().cloned().unwrap_or_default();
    let lost = |source| ProcessError::Lost { program: program.clone(), source };
    let runtime = runtime().map_err(lost)?;
    reporter.tell(Event::Detail(&format!("$ {}", shell::line(argv))));
    runtime.block_on(async {
        let mut tool = tokio::process::Command::new(&program);
        tool.args(argv.iter().skip(1))
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(cwd) = cwd {
            tool.current_dir(cwd);
        }
        let mut child =
            tool.spawn().map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        let mut tail: Vec<String> = Vec::new();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut stdout = stdout.map(|stream| BufReader::new(stream).lines());
        let mut stderr = stderr.map(|stream| BufReader::new(stream).lines());
        while stdout.is_some() || stderr.is_some() {
            let (line, first) = tokio::select! {
                line = next(&mut stdout), if stdout.is_some() => (line, true),
                line = next(&mut stderr), if stderr.is_some() => (line, false),
            };
            match line {
                Some(line) => {
                    reporter.tell(Event::Output(&line));
                    if tail.len() == TAIL {
                        tail.remove(0);
                    }
                    tail.push(line);
                }
                None if first => stdout = None,
                None => stderr = None,
            }
        }
        let status = child.wait().await.map_err(lost)?;
        if status.success() {
            return Ok(());
        }
        let tail = tail.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        Err(ProcessError::Failed { command: shell::line(argv), status: status_of(status), tail })
    })
}

async fn next<R: tokio::io::AsyncRead + Unpin>(
    lines: &mut Option<tokio::io::Lines<BufReader<R>>>,
) -> Option<String> {
    match lines {
        // Output that is no text ends the telling of it, not the tool.
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// The run as a process.
pub struct Request<'a> {
    pub argv: &'a [String],
    pub cwd: &'a Path,
    pub env: &'a BTreeMap<String, String>,
    pub unset: &'a [String],
    pub stdin: bool,
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
    /// Bytes of the child itself, the largest seen.
    pub peak_memory: Option<u64>,
    pub started: SystemTime,
    pub finished: SystemTime,
}

/// Runs it in a process group of its own, so that signals reach it exactly once: through scaf. The first
/// is passed on, the second kills the group.
pub fn run(request: &Request<'_>, signals: Option<SignalSource>) -> Result<End, ProcessError> {
    let program = request.argv.first().cloned().unwrap_or_default();
    let lost = |source| ProcessError::Lost { program: program.clone(), source };
    let runtime = runtime().map_err(lost)?;
    runtime.block_on(async {
        let mut signals = signals.unwrap_or(SignalSource::Process).listen().map_err(lost)?;
        let mut command = tokio::process::Command::new(&program);
        // A group in the background that reads from a terminal would be stopped.
        let pass_stdin = request.stdin && !io::IsTerminal::is_terminal(&io::stdin());
        command
            .args(request.argv.iter().skip(1))
            .current_dir(request.cwd)
            .envs(request.env)
            .stdin(if pass_stdin { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for name in request.unset {
            command.env_remove(name);
        }
        let started = SystemTime::now();
        let mut child =
            command.spawn().map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        if let Some(id) = child.id() {
            (request.on_started)(id);
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut stdout = child.stdout.take();
        let mut stderr = child.stderr.take();
        let mut stdout_log = open(request.stdout_log)?;
        let mut stderr_log = open(request.stderr_log)?;
        let (mut interrupted, mut killed, mut peak) = (false, false, None);
        let mut lost_output: Option<String> = None;
        let mut last_moment = Box::pin(tokio::time::sleep(Duration::MAX));
        let pass = |signal| {
            if let Some(group) = group {
                // It may be over already.
                let _ = rustix::process::kill_process_group(group, signal);
            }
        };
        let (mut out, mut err) = ([0u8; 8192], [0u8; 8192]);
        let mut status = None;
        let mut tick = tokio::time::interval(SAMPLE);
        // A grandchild that keeps the pipes open must not hold scaf back for ever once the child is gone.
        let mut grace = Box::pin(tokio::time::sleep(Duration::MAX));
        while status.is_none() || stdout.is_some() || stderr.is_some() {
            tokio::select! {
                read = read(&mut stdout, &mut out), if stdout.is_some() => match read {
                    0 => stdout = None,
                    count => {
                        let shown = show(&out[..count], request.child_to_stderr);
                        keep(&out[..count], stdout_log.as_mut(), request.stdout_log)?;
                        if let Err(error) = shown && lost_output.is_none() {
                            // What a pipe's writer would meet: nobody reads any more.
                            lost_output = Some(error.to_string());
                            pass(Signal::TERM);
                            last_moment = Box::pin(tokio::time::sleep(GRACE_WITHOUT_READER));
                        }
                    }
                },
                read = read(&mut stderr, &mut err), if stderr.is_some() => match read {
                    0 => stderr = None,
                    count => {
                        // That nobody hears the talk is no reason to stop.
                        let _ = show(&err[..count], true);
                        keep(&err[..count], stderr_log.as_mut(), request.stderr_log)?;
                    }
                },
                ended = child.wait(), if status.is_none() => {
                    status = Some(ended.map_err(lost)?);
                    grace = Box::pin(tokio::time::sleep(Duration::from_secs(2)));
                }
                () = &mut grace, if status.is_some() => break,
                () = &mut last_moment, if status.is_none() && lost_output.is_some() && !killed => {
                    killed = true;
                    pass(Signal::KILL);
                }
                Some(number) = signals.next() => {
                    let signal = if interrupted { killed = true; Signal::KILL } else { named(number) };
                    interrupted = true;
                    pass(signal);
                }
                _ = tick.tick() => peak = peak.max(child.id().and_then(resident)),
            }
        }
        let status = status.map_or(1, status_of);
        Ok(End {
            status,
            interrupted,
            killed,
            output_lost: lost_output,
            peak_memory: peak,
            started,
            finished: SystemTime::now(),
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

fn keep(bytes: &[u8], log: Option<&mut File>, path: Option<&Path>) -> Result<(), ProcessError> {
    match (log, path) {
        (Some(log), Some(path)) => {
            log.write_all(bytes).map_err(|source| ProcessError::Log { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The largest resident set of a process so far, in bytes (`VmHWM` of proc(5), which counts KiB).
fn resident(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
