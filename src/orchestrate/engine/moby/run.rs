//! A run: created, attached to, started, listened to until it ends.
//!
//! The order is that of `docker run` (28.2), so that nothing is missed: the output is attached and the
//! wait registered before the start. What can be done side by side, is.

mod failure;
mod frames;
mod input;
mod signals;
mod terminal;
mod usage;

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime};

use bollard::query_parameters as query;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

pub use failure::RunError;
pub use signals::{Heard, Listening, SignalSource, name as signal_name};
pub use usage::Usage;

use super::containers::encode;
use super::error::EngineError;
use super::wire::{JsonLines, Opened};
use super::{Moby, create};
use crate::spec::container::Container;
use crate::spec::plan::ContainerEngine;
use frames::{Frames, Stream};

/// A run whose output nobody reads any more is asked to end; after this long it is made to.
const GRACE_WITHOUT_READER: Duration = Duration::from_secs(10);
/// How long the last events and the rest of the output are waited for once the end is known.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a run is connected to.
pub struct RunIo<'a> {
    pub stdout: &'a mut dyn Write,
    /// Not used where the container has a terminal: that has one stream.
    pub stderr: &'a mut dyn Write,
    pub stdout_log: Option<&'a mut dyn Write>,
    pub stderr_log: Option<&'a mut dyn Write>,
    /// Passed on where the container takes standard input.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Where the container has a terminal: the one whose size it gets, and that passes every key on.
    pub terminal: Option<BorrowedFd<'a>>,
    /// With a terminal: Ctrl-C three times within two seconds kills the run.
    pub kill_on_three_interrupts: bool,
    pub signals: SignalSource,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    pub container: String,
    /// The child's own; 128 and its number for a signal.
    pub status: u8,
    /// The kernel killed a process of the run for memory; the child itself need not be the one.
    pub out_of_memory: bool,
    pub usage: Usage,
    pub started: SystemTime,
    pub finished: SystemTime,
    /// The first signal that was passed on.
    pub signal: Option<i32>,
    /// It was killed at the caller's wish: a second signal, three Ctrl-C, nobody left to read.
    pub killed: bool,
    /// Why the output could not be shown to its end.
    pub output_lost: Option<String>,
    /// Why a log is not complete.
    pub log_lost: Option<String>,
    /// What the engine had to say beside the status.
    pub complaint: Option<String>,
}

/// Where the output goes, and what became of that.
struct Output<'a, 'b> {
    io: &'b mut RunIo<'a>,
    tty: bool,
    frames: Frames,
    lost: Option<String>,
    log_lost: Option<String>,
}

impl Output<'_, '_> {
    fn show(&mut self, bytes: &[u8]) {
        let Self { io, tty, frames, lost, log_lost } = self;
        let RunIo { stdout, stderr, stdout_log, stderr_log, .. } = &mut **io;
        let mut one = |stream, bytes: &[u8]| {
            let (shown, log) = match stream {
                Stream::Out => (&mut **stdout, stdout_log.as_deref_mut()),
                Stream::Err => (&mut **stderr, stderr_log.as_deref_mut()),
            };
            if lost.is_none()
                && let Err(error) = shown.write_all(bytes).and_then(|()| shown.flush())
            {
                *lost = Some(error.to_string());
            }
            if log_lost.is_none()
                && let Some(log) = log
                && let Err(error) = log.write_all(bytes)
            {
                *log_lost = Some(error.to_string());
            }
        };
        if *tty { one(Stream::Out, bytes) } else { frames.take(bytes, one) }
    }
}

impl Moby {
    /// Runs it to its end.
    pub fn run(&self, container: &Container, mut io: RunIo<'_>) -> Result<RunEnd, RunError> {
        self.wait(self.converse(container, &mut io))?
    }

    async fn converse(&self, container: &Container, io: &mut RunIo<'_>) -> Result<RunEnd, RunError> {
        let (_, unused) = SignalSource::feed();
        let mut signals = std::mem::replace(&mut io.signals, unused)
            .listen()
            .map_err(|error| RunError::Io { what: "signals", reason: error.to_string() })?;
        let size = io.terminal.filter(|_| container.tty).and_then(terminal::size);
        let body = create::body(container, &self.surroundings, size).map_err(RunError::Unfit)?;
        let options = query::CreateContainerOptionsBuilder::new().name(&container.name).build();
        let (made, events) =
            tokio::join!(self.docker.create_container(Some(options), body), self.events_of(&container.name));
        let id = made
            .map_err(|error| {
                RunError::at_creation(self.engine(), container, self.failed("create the container", error))
            })?
            .id;
        let streams = self.start(container, &id, &mut signals).await;
        let (attached, ending) = match streams {
            Ok(streams) => streams,
            Err(error) => {
                // Its own `--rm` may have been faster.
                let _ = self.discard(&id, true).await;
                return Err(error);
            }
        };
        let started = SystemTime::now();
        let conversation =
            Conversation { container, id, attached, ending, events: events.ok(), signals, started, size };
        self.attend(conversation, io).await
    }

    /// Attaches, registers the wait, starts.
    async fn start(
        &self,
        container: &Container,
        id: &str,
        signals: &mut Listening,
    ) -> Result<(Opened, JsonLines), RunError> {
        let stdin = u8::from(container.stdin);
        let attach = self.path(&format!("/containers/{id}/attach?stream=1&stdin={stdin}&stdout=1&stderr=1"));
        // A container that removes itself is over when it is removed: then its name is free again. Podman
        // (4.3) then answers with status 0 whatever it was.
        let removed = container.remove && self.engine() == ContainerEngine::Docker;
        let condition = if removed { "removed" } else { "next-exit" };
        let wait = self.path(&format!("/containers/{id}/wait?condition={condition}"));
        let (attached, ending) = tokio::join!(
            self.door.open("POST", &attach, "Connection: Upgrade\r\nUpgrade: tcp\r\n"),
            self.door.open("POST", &wait, ""),
        );
        // Podman prepares the container when it is attached to, and finds out then what cannot be started.
        let attached = self
            .accepted(attached, &[101, 200], "attach to the container")
            .await
            .map_err(|error| RunError::at_start(self.engine(), container, error))?;
        let ending = self.accepted(ending, &[200], "wait for the container").await?;
        if let Some(signal) = signals.at_hand().await {
            return Err(RunError::Interrupted { signal });
        }
        self.docker.start_container(id, None::<query::StartContainerOptions>).await.map_err(|error| {
            RunError::at_start(self.engine(), container, self.failed("start the container", error))
        })?;
        Ok((attached, ending.lines()))
    }

    async fn accepted(
        &self,
        answer: io::Result<Opened>,
        good: &[u16],
        doing: &str,
    ) -> Result<Opened, EngineError> {
        let engine = self.engine();
        let doing = doing.to_owned();
        let opened = answer.map_err(|error| EngineError::Lost {
            engine,
            doing: doing.clone(),
            reason: error.to_string(),
        })?;
        let status = opened.head.status;
        if good.contains(&status) {
            return Ok(opened);
        }
        let message = opened.message().await;
        Err(EngineError::Refused { engine, doing, status, message })
    }

    /// What happens to the container of this name, from now on. Podman says `remove` for `destroy`, and
    /// nothing of memory.
    async fn events_of(&self, name: &str) -> Result<JsonLines, EngineError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let filters = serde_json::json!({ "type": ["container"], "container": [name], "event": ["oom", "die", "destroy", "remove"] });
        let path = self.path(&format!(
            "/events?since={}.{:09}&filters={}",
            since.as_secs(),
            since.subsec_nanos(),
            encode(&filters.to_string())
        ));
        let opened = self.accepted(self.door.open("GET", &path, "").await, &[200], "tell events").await?;
        Ok(opened.lines())
    }

    /// Listens to everybody until the run is over.
    async fn attend(&self, conversation: Conversation<'_>, io: &mut RunIo<'_>) -> Result<RunEnd, RunError> {
        let Conversation { container, id, attached, mut ending, mut events, mut signals, started, size } =
            conversation;
        let lost = |reason: String| RunError::Lost {
            engine: self.engine(),
            name: container.name.clone(),
            id: id.clone(),
            reason,
        };
        let terminal = io.terminal.filter(|_| container.tty);
        // The first answer of an old engine does not know the size yet (ConsoleSize: API 1.42).
        if let Some(size) = size {
            self.resize(&id, size).await;
        }
        let mut resized = match terminal {
            Some(_) => signal(SignalKind::window_change()).ok(),
            None => None,
        };
        let raw = match terminal.filter(|_| container.stdin) {
            Some(terminal) => terminal::RawMode::enter(terminal).ok(),
            None => None,
        };
        let sampler = usage::Sampler::begin(self.docker.clone(), id.clone());
        let (mut from_container, mut to_container) = tokio::io::split(attached.stream);
        let (interrupt, mut interrupted) = tokio::sync::mpsc::unbounded_channel();
        let mut input = None;
        let mut writer = None;
        if let Some(stdin) = io.stdin.filter(|_| container.stdin) {
            let interrupt = (io.kill_on_three_interrupts && container.tty).then_some(interrupt.clone());
            let (thread, mut pieces) = input::begin(stdin, interrupt)
                .map_err(|error| RunError::Io { what: "standard input", reason: error.to_string() })?;
            input = Some(thread);
            writer = Some(tokio::spawn(async move {
                while let Some(piece) = pieces.recv().await {
                    // The run may end without having read everything.
                    if to_container.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                let _ = to_container.shutdown().await;
            }));
        }

        let mut output =
            Output { io, tty: container.tty, frames: Frames::default(), lost: None, log_lost: None };
        output.show(&attached.early);
        let mut buffer = vec![0; 64 * 1024];
        let mut output_open = true;
        let mut end: Option<(u8, Option<String>)> = None;
        let mut out_of_memory = false;
        let mut settled = false;
        let mut passed_on = None;
        let mut killed = false;
        let mut last_moment: Option<Instant> = None;
        while output_open || end.is_none() {
            tokio::select! {
                read = from_container.read(&mut buffer), if output_open => match read {
                    Ok(0) | Err(_) => output_open = false,
                    Ok(count) => {
                        let before = output.lost.is_some();
                        output.show(&buffer[..count]);
                        if output.lost.is_some() && !before && end.is_none() {
                            // What a pipe's writer would meet: nobody reads any more.
                            self.send(&id, "SIGTERM");
                            last_moment = Some(Instant::now() + GRACE_WITHOUT_READER);
                        }
                    }
                },
                said = ending.next(), if end.is_none() => match said {
                    Ok(Some(value)) => {
                        let complaint = value["Error"]["Message"].as_str().filter(|text| !text.is_empty());
                        let status = value["StatusCode"].as_i64().unwrap_or(125);
                        end = Some((u8::try_from(status & 0xff).unwrap_or(125), complaint.map(str::to_owned)));
                        last_moment = Some(Instant::now() + LAST_WORDS);
                    }
                    Ok(None) => return Err(lost("the connection ended".to_owned())),
                    Err(error) => return Err(lost(error.to_string())),
                },
                event = next_event(&mut events), if events.is_some() => match event {
                    Some(event) => match event.as_str() {
                        "oom" => out_of_memory = true,
                        "destroy" | "remove" => settled = true,
                        "die" => settled |= !container.remove,
                        _ => {}
                    },
                    None => events = None,
                },
                Some(number) = signals.next() => {
                    if passed_on.is_none() {
                        passed_on = Some(number);
                        self.send(&id, &signals::name(number));
                    } else {
                        killed = true;
                        self.send(&id, "SIGKILL");
                    }
                }
                Some(()) = interrupted.recv() => {
                    killed = true;
                    self.send(&id, "SIGKILL");
                }
                () = window_changed(&mut resized) => {
                    if let Some(size) = terminal.and_then(terminal::size) {
                        self.resize(&id, size).await;
                    }
                }
                () = moment(last_moment) => {
                    if end.is_some() {
                        // The child is gone, and something else holds its output open.
                        break;
                    }
                    killed = true;
                    last_moment = None;
                    self.send(&id, "SIGKILL");
                }
            }
        }
        let finished = SystemTime::now();
        let (status, complaint) = end.unwrap_or((125, None));
        // A kill for memory is told before the end of the container, but on another connection; and
        // podman's end comes before its removal.
        if status != 0 || container.memory.is_some() || self.engine() == ContainerEngine::Podman {
            let deadline = tokio::time::Instant::now() + LAST_WORDS;
            while !settled && events.is_some() {
                match tokio::time::timeout_at(deadline, next_event(&mut events)).await {
                    Ok(Some(event)) => match event.as_str() {
                        "oom" => out_of_memory = true,
                        "destroy" | "remove" => settled = true,
                        "die" => settled |= !container.remove,
                        _ => {}
                    },
                    Ok(None) | Err(_) => break,
                }
            }
        }
        let complaint = complaint.or_else(|| {
            let perhaps = self.engine() == ContainerEngine::Podman && status == 137 && !killed;
            (perhaps && container.memory.is_some())
                .then(|| "it may have been killed for memory, which podman does not tell".to_owned())
        });
        let Output { lost: output_lost, log_lost, .. } = output;
        if let Some(writer) = writer {
            writer.abort();
            let _ = writer.await;
        }
        if let Some(input) = input {
            input.end();
        }
        drop(raw);
        Ok(RunEnd {
            container: id,
            status,
            out_of_memory,
            usage: sampler.seen(),
            started,
            finished,
            signal: passed_on,
            killed,
            output_lost,
            log_lost,
            complaint,
        })
    }

    /// Sends a signal beside the conversation: the answer to a kill comes after the death, and the
    /// output has to be taken meanwhile.
    fn send(&self, id: &str, signal: &str) {
        let docker = self.docker.clone();
        let id = id.to_owned();
        let options = query::KillContainerOptionsBuilder::new().signal(signal).build();
        tokio::spawn(async move {
            // A container that has ended meanwhile refuses it; an engine that is gone shows elsewhere.
            let _ = docker.kill_container(&id, Some(options)).await;
        });
    }

    async fn resize(&self, id: &str, (columns, rows): (u16, u16)) {
        let options =
            query::ResizeContainerTTYOptionsBuilder::new().h(i32::from(rows)).w(i32::from(columns)).build();
        // A container that has ended has no size.
        let _ = self.docker.resize_container_tty(id, options).await;
    }
}

/// All that `attend` listens to.
struct Conversation<'a> {
    container: &'a Container,
    id: String,
    attached: Opened,
    ending: JsonLines,
    events: Option<JsonLines>,
    signals: Listening,
    started: SystemTime,
    size: Option<(u16, u16)>,
}

/// The next event's name; `None` when there will be no more.
async fn next_event(events: &mut Option<JsonLines>) -> Option<String> {
    let event = match events {
        Some(events) => events.next().await.ok().flatten()?,
        None => return None,
    };
    let name = event["Action"].as_str().or_else(|| event["status"].as_str());
    Some(name.unwrap_or_default().to_owned())
}

async fn window_changed(resized: &mut Option<tokio::signal::unix::Signal>) {
    match resized {
        Some(resized) => {
            resized.recv().await;
        }
        None => std::future::pending().await,
    }
}

async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
