//! What the tests of the container engines share: the gate, the small image, a container to vary.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use scaf::orchestrate::engine::moby::Moby;
use scaf::orchestrate::engine::moby::run::{RunEnd, RunError, RunIo, SignalSource};
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::spec::container::Container;
use scaf::spec::plan::ContainerEngine;

use crate::support::{need, probe_image};

pub const IMAGE: &str = "scaf-test/scratch:1";

#[allow(clippy::disallowed_methods)] // the tests' own surroundings
pub fn surroundings() -> Surroundings {
    Surroundings::new(|name| std::env::var(name).ok())
}

/// Runs a script or a client and gives what it printed.
pub fn sh(program: &str, args: &[&str]) -> String {
    let output =
        Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The docker of this machine with the small image in it; `None`, and a visible skip, without one.
pub fn docker() -> Option<Moby> {
    if !need("docker") {
        return None;
    }
    probe_image();
    Some(Moby::connect(ContainerEngine::Docker, None, &surroundings()).unwrap())
}

/// An engine that listens at this address.
pub fn at(engine: ContainerEngine, address: &str) -> Moby {
    Moby::connect(engine, Some(address), &surroundings()).unwrap()
}

/// A name that no other test has.
pub fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("scaf-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn container(command: &[&str]) -> Container {
    Container {
        name: name(),
        image: IMAGE.to_owned(),
        entrypoint: None,
        command: command.iter().map(|&word| word.to_owned()).collect(),
        workdir: String::new(),
        user: None,
        groups: Vec::new(),
        env: BTreeMap::new(),
        labels: BTreeMap::from([("scaf-test".to_owned(), "1".to_owned())]),
        mounts: Vec::new(),
        ports: Vec::new(),
        gpus: None,
        cdi_devices: Vec::new(),
        shm_size: None,
        memory: None,
        nano_cpus: None,
        ulimits: Vec::new(),
        devices: Vec::new(),
        cap_add: Vec::new(),
        security_opt: Vec::new(),
        add_host: Vec::new(),
        network: None,
        ipc: None,
        init: false,
        tty: false,
        stdin: false,
        remove: true,
    }
}

pub fn probe(args: &[&str]) -> Container {
    let words: Vec<&str> = std::iter::once("/bin/probe").chain(args.iter().copied()).collect();
    container(&words)
}

/// What came of a run, and what it printed.
pub struct Ran {
    pub end: Result<RunEnd, RunError>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn status(&self) -> u8 {
        match &self.end {
            Ok(end) => end.status,
            Err(error) => panic!("the run did not come about: {error}\n{}{}", self.stdout, self.stderr),
        }
    }
}

pub fn run(moby: &Moby, container: &Container) -> Ran {
    let (_sender, signals) = SignalSource::feed();
    run_with(moby, container, signals, &mut || {})
}

/// Keeps what is written, and tells of the first of it.
struct Told<'a>(Vec<u8>, &'a mut dyn FnMut());

impl std::io::Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            (self.1)();
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `on_output` is called at the first output; within the conversation, so it must not ask this engine itself.
pub fn run_with(
    moby: &Moby,
    container: &Container,
    signals: SignalSource,
    on_output: &mut dyn FnMut(),
) -> Ran {
    let (mut stdout, mut stderr) = (Told(Vec::new(), on_output), Vec::new());
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    let end = moby.run(container, io);
    Ran {
        end,
        stdout: String::from_utf8_lossy(&stdout.0).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Looks again and again until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within 30 s: {what}");
}

/// No container of this name is left.
pub fn assert_gone(moby: &Moby, container: &Container) {
    until("the container is removed", || moby.inspect(&container.name).unwrap().is_none());
}
