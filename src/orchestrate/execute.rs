//! The third door: carries out a plan, and decides nothing.

pub mod files;
pub mod process;
pub mod stop;
pub mod venv;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::engine::moby::Moby;
use super::engine::moby::build::BuildError;
use super::engine::moby::error::EngineError;
use super::engine::moby::run::{Heard, RunError, RunIo, SignalSource, signal_name};
use super::engine::moby::surroundings::Surroundings;
use super::gpus::Watched;
use super::host::gpu::Sampler;
use super::journal;
use super::reporter::{Event, Reporter};
use super::supervisor;
use crate::spec::container::{Container, EnvValue};
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::shell::Venv;
use crate::spec::plan::{Action, ContainerEngine, Logs, Plan, Ready, Step, When};
use crate::spec::record::GpuUse;
use crate::spec::run_flags;

/// What a plan is executed in.
pub struct World<'a> {
    pub reporter: &'a dyn Reporter,
    pub environment: &'a Environment,
    /// The child's standard output goes to standard error, since data stands on ours (`--json`).
    pub child_to_stderr: bool,
    /// Three Ctrl-C within two seconds kill a run that has a terminal.
    pub kill_on_three_interrupts: bool,
    /// Connections made while surveying.
    pub engines: RefCell<BTreeMap<&'static str, Moby>>,
    /// The GPUs that are looked at while the run lasts.
    pub watched_gpus: Option<Watched>,
    /// Where signals come from, if not from this process; a watcher feeds its own.
    signals: RefCell<Option<SignalSource>>,
    /// From the moment they are listened to.
    heard: OnceCell<Heard>,
    /// The folder of the run that this is.
    pub run_folder: RefCell<Option<PathBuf>>,
    /// Random words made for this execution, by name.
    secrets: RefCell<BTreeMap<String, String>>,
}

/// How a plan's execution ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// The run's own exit status; 0 for a plan without a run.
    pub status: u8,
    pub out_of_memory: bool,
    pub interrupted: bool,
    /// The run was ended at the caller's wish, e.g. by a second Ctrl-C.
    pub killed: bool,
    pub peak_memory: Option<u64>,
    pub started: Option<SystemTime>,
    pub finished: Option<SystemTime>,
    pub container: Option<String>,
    pub image_id: Option<String>,
    /// Files that the run left in its scratch folder.
    pub left: Vec<PathBuf>,
    /// What the GPUs of the run were seen to do.
    pub gpus: Vec<GpuUse>,
    /// With what status a container of an earlier scaf ended that was stopped, where the engine said so.
    pub stopped: Option<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Process(#[from] process::ProcessError),
    #[error(transparent)]
    Venv(#[from] venv::VenvError),
    #[error(transparent)]
    Stop(#[from] stop::StopError),
    #[error("cannot open the log `{path}`")]
    Log { path: PathBuf, source: io::Error },
    #[error("the variable `{name}` is to be passed on, and is not set")]
    Unset { name: String },
    #[error(transparent)]
    Supervisor(#[from] Box<supervisor::SupervisorError>),
    #[error("no random numbers are to be had: {reason}")]
    Random { reason: String },
    #[error("cannot listen for signals: {reason}")]
    Signals { reason: String },
    #[error("interrupted by {}", signal_name(*.signal))]
    Interrupted { signal: i32 },
}

impl Explain for ExecuteError {
    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Engine(error) => error.fault(),
            Self::Build(error) => error.fault(),
            Self::Run(error) => error.fault(),
            Self::Process(error) => error.fault(),
            Self::Venv(error) => error.fault(),
            Self::Stop(error) => error.fault(),
            Self::Supervisor(error) => error.fault(),
            Self::Log { .. } | Self::Random { .. } | Self::Signals { .. } => Fault::World,
            Self::Interrupted { signal } => Fault::Interrupted(*signal),
            Self::Unset { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Engine(error) => error.hints(),
            Self::Build(error) => error.hints(),
            Self::Run(error) => error.hints(),
            Self::Process(error) => error.hints(),
            Self::Venv(error) => error.hints(),
            Self::Stop(error) => error.hints(),
            Self::Supervisor(error) => error.hints(),
            Self::Log { .. } | Self::Random { .. } | Self::Signals { .. } | Self::Interrupted { .. } => {
                Vec::new()
            }
            Self::Unset { name } => vec![format!("export {name}=…, or leave it out")],
        }
    }
}

impl<'a> World<'a> {
    pub fn new(reporter: &'a dyn Reporter, environment: &'a Environment, child_to_stderr: bool) -> Self {
        Self {
            reporter,
            environment,
            child_to_stderr,
            kill_on_three_interrupts: false,
            watched_gpus: None,
            engines: RefCell::new(BTreeMap::new()),
            signals: RefCell::new(None),
            heard: OnceCell::new(),
            run_folder: RefCell::new(None),
            secrets: RefCell::new(BTreeMap::new()),
        }
    }

    /// A connection that was made already is used again.
    pub fn with_engine(self, moby: Option<Moby>) -> Self {
        if let Some(moby) = moby {
            self.engines.borrow_mut().insert(moby.engine().client(), moby);
        }
        self
    }

    /// Signals come from there instead of from this process.
    pub fn with_signals(self, source: Option<SignalSource>) -> Self {
        self.signals.replace(source);
        self
    }

    /// From now on a signal does not end scaf by itself, but what it does: a deed at a time, with all that
    /// the plan has to be done always. More than once is as good as once.
    pub fn listen(&self) -> Result<(), ExecuteError> {
        if self.heard.get().is_none() {
            let source = self.signals.borrow_mut().take().unwrap_or(SignalSource::Process);
            let heard =
                Heard::begin(source).map_err(|error| ExecuteError::Signals { reason: error.to_string() })?;
            // It was empty a moment ago, and there is one thread.
            let _ = self.heard.set(heard);
        }
        Ok(())
    }

    /// For a deed that takes signals while it lasts.
    fn signals(&self) -> SignalSource {
        self.heard.get().cloned().map_or(SignalSource::Process, SignalSource::Heard)
    }

    /// Takes a signal that came while no deed did.
    fn interrupted(&self) -> Option<i32> {
        self.heard.get().and_then(Heard::take)
    }

    /// The same for a deed on many files, whose threads ask.
    fn stop(&self) -> impl Fn() -> Option<i32> + Sync + use<> {
        let heard = self.heard.get().cloned();
        move || heard.as_ref().and_then(Heard::take)
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some(secret) = self.secrets.borrow().get(name) {
            return Some(secret.clone());
        }
        self.environment.given(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// Names become values at the last moment.
    fn resolve(
        &self,
        env: &BTreeMap<String, EnvValue>,
    ) -> Result<BTreeMap<String, Option<String>>, ExecuteError> {
        let mut files: BTreeMap<&Path, String> = BTreeMap::new();
        let mut resolved = BTreeMap::new();
        for (name, value) in env {
            let value = match value {
                EnvValue::Plain(value) => Some(value.clone()),
                EnvValue::FromHost => self.value(name),
                EnvValue::Prefix(front) => Some(match self.value(name) {
                    Some(rest) if !rest.is_empty() => format!("{front}:{rest}"),
                    _ => front.clone(),
                }),
                EnvValue::FromFile { path, nth: _ } => {
                    if !files.contains_key(path.as_path()) {
                        files.insert(path, files::read_text(path)?);
                    }
                    match run_flags::env_file_value(&files[path.as_path()], name) {
                        Some(EnvValue::Plain(value)) => Some(value),
                        _ => self.value(name),
                    }
                }
            };
            resolved.insert(name.clone(), value);
        }
        Ok(resolved)
    }

    /// What of it has a value: for a process of this machine.
    fn set(&self, env: &BTreeMap<String, EnvValue>) -> Result<BTreeMap<String, String>, ExecuteError> {
        let resolved = self.resolve(env)?;
        Ok(resolved.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    fn with_moby<T>(
        &self,
        engine: ContainerEngine,
        deed: impl FnOnce(&Moby) -> Result<T, ExecuteError>,
    ) -> Result<T, ExecuteError> {
        let known = self.engines.borrow_mut().remove(engine.client());
        let moby = match known {
            Some(moby) => moby,
            None => Moby::connect(engine, None, &surroundings(self.environment))?,
        };
        let outcome = deed(&moby);
        self.engines.borrow_mut().insert(engine.client(), moby);
        outcome
    }
}

/// The environment as the engines' client asks for it.
pub fn surroundings(environment: &Environment) -> Surroundings {
    let environment = environment.clone();
    Surroundings::new(move |name| environment.given(name).map(|value| value.to_string_lossy().into_owned()))
}

/// Deeds that last, and that would be left half-done or running by a scaf that dies of a signal. Without
/// any a signal ends scaf as it would any program, whatever it is waiting for.
fn lasts(action: &Action) -> bool {
    matches!(
        action,
        Action::Command { .. }
            | Action::MakeVenv { .. }
            | Action::BuildImage { .. }
            | Action::RunContainer { .. }
            | Action::RunProcess { .. }
    )
}

/// Executes the plan. After a failure only the steps marked `Always` are done; the first failure is
/// the one that is told. A signal that no deed took is one.
pub fn execute(plan: &Plan, world: &World<'_>) -> Result<Ended, ExecuteError> {
    if plan.steps.iter().any(|step| lasts(&step.action)) {
        world.listen()?;
    }
    let mut ended = Ended::default();
    let mut failure = None;
    let mut told = "";
    for step in &plan.steps {
        let Step { why, when, action } = step;
        let due = match when {
            When::Always => true,
            When::InTurn => failure.is_none() && ended.status == 0,
        };
        if !due {
            continue;
        }
        if *when == When::InTurn
            && let Some(signal) = world.interrupted()
        {
            failure = Some(ExecuteError::Interrupted { signal });
            continue;
        }
        if told != why {
            world.reporter.tell(Event::Detail(why));
            told = why;
        }
        if let Err(error) = carry_out(action, world, &mut ended) {
            // What went wrong while tidying up must not hide what went wrong before.
            if failure.is_none() {
                failure = Some(error);
            } else {
                world.reporter.tell(Event::Warning(&error.to_string()));
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(ended),
    }
}

fn carry_out(action: &Action, world: &World<'_>, ended: &mut Ended) -> Result<(), ExecuteError> {
    match action {
        Action::MakeDirectory { path } => files::make_directory(path)?,
        Action::WriteFile { path, content, executable, if_there } => {
            files::write_whole(path, content, *executable, *if_there)?;
        }
        Action::Symlink { link, target } => files::symlink(link, target)?,
        Action::Remove { path } => files::remove(path)?,
        Action::RemoveWhole { path, aside } => files::remove_whole(path, aside)?,
        Action::Unlink { path } => files::unlink(path)?,
        Action::Rename { from, to } => files::rename(from, to)?,
        Action::KeepBundle { source, manifest, digest, into } => {
            files::keep_bundle(source, manifest, digest, into, &world.stop())?;
        }
        Action::WriteWheel { path, wheel, sha256 } => files::write_wheel(path, wheel, sha256)?,
        Action::CopyFile { from, to, if_there } => files::copy_file(from, to, *if_there)?,
        Action::CopyTree { from, to } => files::copy_tree(from, to, &world.stop())?,
        Action::Command { argv, cwd, env } => {
            process::command(argv, cwd.as_deref(), &world.set(env)?, world.reporter, world.signals())?;
        }
        Action::MakeVenv { path, python, requirements, whole, more, uv } => {
            let uv = uv.as_deref();
            venv::make(&Venv { path, python, requirements, whole: *whole, more, uv }, world)?;
        }
        Action::MakeSecret { name } => {
            if world.value(name).is_none_or(|value| value.is_empty()) {
                let secret = random_word()?;
                world.secrets.borrow_mut().insert(name.clone(), secret);
            }
        }
        Action::BuildImage { engine, build } => {
            let built = world
                .with_moby(*engine, |moby| Ok(moby.build_until(build, world.reporter, world.signals())?))?;
            ended.image_id = Some(built.id);
        }
        Action::RunContainer { engine, container, logs, ready } => {
            let sampler = world.watched_gpus.as_ref().map(Watched::start);
            let outcome = run_container(*engine, container, logs.as_ref(), ready.as_ref(), world, ended);
            ended.gpus = sampler.map(Sampler::finish).unwrap_or_default();
            outcome?;
        }
        Action::RunProcess { argv, cwd, env, unset, stdin, tty, logs, ready } => {
            let announcer = announce(ready.as_ref(), world);
            let sampler = world.watched_gpus.as_ref().map(Watched::start);
            let outcome = process::run(
                &process::Request {
                    argv,
                    cwd,
                    env: &world.set(env)?,
                    unset,
                    stdin: *stdin,
                    tty: *tty,
                    stdout_log: logs.as_ref().map(|logs| logs.stdout.as_path()),
                    stderr_log: logs.as_ref().and_then(|logs| logs.stderr.as_deref()),
                    child_to_stderr: world.child_to_stderr,
                    on_started: &|id| {
                        if let Some(folder) = world.run_folder.borrow().as_deref() {
                            // `ps` would not know the process; the run is none the worse for it.
                            if let Err(error) = journal::started(folder, id) {
                                world.reporter.tell(Event::Detail(&error.to_string()));
                            }
                        }
                    },
                },
                world.signals(),
            );
            drop(announcer);
            ended.gpus = sampler.map(Sampler::finish).unwrap_or_default();
            let outcome = outcome?;
            if let Some(reason) = &outcome.output_lost {
                output_lost(reason, world);
            }
            if let Some(reason) = &outcome.log_lost {
                log_lost(reason, world);
            }
            if outcome.left_behind {
                world.reporter.tell(Event::Detail("what the run left in the background was ended"));
            }
            keep_status(ended, outcome.status);
            ended.interrupted = outcome.interrupted;
            ended.killed = outcome.killed;
            ended.peak_memory = outcome.peak_memory;
            ended.started = Some(outcome.started);
            ended.finished = Some(outcome.finished);
        }
        Action::Detach { plan: _, folder, talk } => {
            supervisor::start(folder, talk, world.environment).map_err(Box::new)?;
        }
        Action::StopContainer { engine, container, grace } => {
            ended.stopped = world.with_moby(*engine, |moby| Ok(stop::container(moby, container, *grace)?))?;
        }
        Action::RemoveContainer { engine, container } => {
            world.with_moby(*engine, |moby| Ok(moby.remove(container, true)?))?;
        }
        Action::RemoveImage { engine, image } => {
            world.with_moby(*engine, |moby| Ok(moby.remove_image(image, false)?))?;
        }
        Action::StopProcess { process, group, grace } => stop::process(process, *group, *grace)?,
        Action::Tidy { scratch, copy, bundle } => {
            let left = files::tidy(scratch, copy.as_deref(), bundle.as_deref())?;
            ended.left.extend(left);
        }
    }
    Ok(())
}

fn run_container(
    engine: ContainerEngine,
    container: &Container,
    logs: Option<&Logs>,
    ready: Option<&Ready>,
    world: &World<'_>,
    ended: &mut Ended,
) -> Result<(), ExecuteError> {
    // Names become values here, in the request to the engine and nowhere else.
    let mut resolved = container.clone();
    resolved.env = world
        .resolve(&container.env)?
        .into_iter()
        // As with the client: a name that is not set here is taken out there, the image's own, too.
        .map(|(name, value)| (name, value.map_or(EnvValue::FromHost, EnvValue::Plain)))
        .collect();
    let mut stdout_log = open_log(logs.map(|logs| logs.stdout.as_path()))?;
    let mut stderr_log = open_log(logs.and_then(|logs| logs.stderr.as_deref()))?;
    let stdin = io::stdin();
    let terminal = io::stdin();
    let (mut to_stdout, mut to_stderr, mut also_stderr) = (io::stdout(), io::stderr(), io::stderr());
    let stdout: &mut dyn Write = if world.child_to_stderr { &mut also_stderr } else { &mut to_stdout };
    let announcer = announce(ready, world);
    let end = world.with_moby(engine, |moby| {
        let io = RunIo {
            stdout,
            stderr: &mut to_stderr,
            stdout_log: stdout_log.as_mut().map(|file| file as &mut dyn Write),
            stderr_log: stderr_log.as_mut().map(|file| file as &mut dyn Write),
            stdin: container.stdin.then(|| stdin.as_fd()),
            terminal: container.tty.then(|| terminal.as_fd()),
            kill_on_three_interrupts: world.kill_on_three_interrupts,
            signals: world.signals(),
        };
        Ok(moby.run(&resolved, io)?)
    });
    drop(announcer);
    let end = end?;
    if let Some(reason) = &end.output_lost {
        output_lost(reason, world);
    }
    if let Some(reason) = &end.log_lost {
        log_lost(reason, world);
    }
    if let Some(note) = &end.complaint {
        world.reporter.tell(Event::Detail(note));
    }
    keep_status(ended, end.status);
    ended.out_of_memory = end.out_of_memory;
    ended.interrupted = end.signal.is_some();
    ended.killed = end.killed;
    ended.peak_memory = end.usage.peak_memory;
    ended.started = Some(end.started);
    ended.finished = Some(end.finished);
    ended.container = Some(end.container);
    Ok(())
}

/// Of several runs the first that failed gives the status.
fn keep_status(ended: &mut Ended, status: u8) {
    if ended.status == 0 {
        ended.status = status;
    }
}

fn output_lost(reason: &str, world: &World<'_>) {
    world.reporter.tell(Event::Warning(&format!(
        "nobody reads the run's output any more ({reason}), so it was asked to end; all that it wrote is in its log"
    )));
}

fn log_lost(reason: &str, world: &World<'_>) {
    world.reporter.tell(Event::Warning(&format!("the log of this run is not whole: {reason}")));
}

fn open_log(path: Option<&Path>) -> Result<Option<File>, ExecuteError> {
    path.map(|path| {
        if let Some(parent) = path.parent() {
            files::make_directory(parent)?;
        }
        File::create(path).map_err(|source| ExecuteError::Log { path: path.to_owned(), source })
    })
    .transpose()
}

/// Says the message once the server answers; stops asking when dropped.
struct Announcer(Option<std::sync::mpsc::Sender<()>>);

fn announce(ready: Option<&Ready>, world: &World<'_>) -> Announcer {
    let Some(Ready { url, message, token_env }) = ready else { return Announcer(None) };
    let token = token_env.as_ref().and_then(|name| world.value(name)).unwrap_or_default();
    let message = message.replace("{token}", &token);
    let (sender, stopped) = std::sync::mpsc::channel::<()>();
    let Some((host, path)) =
        url.strip_prefix("http://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    else {
        return Announcer(None);
    };
    let (host, path) = (host.to_owned(), path.to_owned());
    std::thread::spawn(move || {
        // Asked five times a second until it answers, or until the run is over.
        while stopped.recv_timeout(Duration::from_millis(200))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            if answers(&host, &path, &token) {
                let _ = writeln!(io::stderr(), "{message}");
                break;
            }
        }
    });
    Announcer(Some(sender))
}

impl Drop for Announcer {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

/// Whether an HTTP server speaks there that knows the token. A port that is merely open is the engine's proxy.
fn answers(host: &str, path: &str, token: &str) -> bool {
    use std::io::Read as _;
    let limit = Duration::from_secs(2);
    let Some(address) = std::net::ToSocketAddrs::to_socket_addrs(host).ok().and_then(|mut list| list.next())
    else {
        return false;
    };
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, limit) else { return false };
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: token {token}\r\n\r\n");
    // `HTTP/1.1 200`
    let mut head = [0; 12];
    stream.set_read_timeout(Some(limit)).is_ok()
        && stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.starts_with(b"HTTP/1.")
        && head.ends_with(b" 200")
}

fn random_word() -> Result<String, ExecuteError> {
    let mut bytes = [0u8; 24];
    let read = File::open("/dev/urandom").and_then(|mut file| io::Read::read_exact(&mut file, &mut bytes));
    read.map_err(|error| ExecuteError::Random { reason: error.to_string() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
