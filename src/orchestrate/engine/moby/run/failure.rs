//! Why a run did not come about, or came to no end.

use super::super::error::EngineError;
use crate::spec::container::Container;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::ContainerEngine;

/// A run that failed by itself is no error: its status is in `RunEnd`.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("`{command}` was not found in the image `{image}`\n{message}")]
    NotFound { command: String, image: String, message: String },
    #[error("`{command}` cannot be executed in the image `{image}`\n{message}")]
    NotExecutable { command: String, image: String, message: String },
    #[error("port {port} is taken")]
    PortTaken { port: u16, message: String },
    #[error("{} cannot give a container the GPUs of this machine\n{message}", engine.client())]
    NoGpu { engine: ContainerEngine, message: String },
    #[error("a folder or file to be mounted is not as needed\n{message}")]
    BadMount { message: String },
    #[error("no image `{image}`")]
    NoImage { engine: ContainerEngine, image: String },
    #[error("there is a container named `{name}` already")]
    NameTaken { engine: ContainerEngine, name: String },
    #[error("{} could not start the container\n{message}", engine.client())]
    Refused { engine: ContainerEngine, message: String },
    /// A signal came before the start; there is nothing left of the container.
    #[error("interrupted before the start")]
    Interrupted { signal: i32 },
    #[error("{} went away during the run: {reason}\nwhat has become of the container `{name}` is not known", engine.client())]
    Lost { engine: ContainerEngine, name: String, id: String, reason: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot take over {what}: {reason}")]
    Io { what: &'static str, reason: String },
    #[error("{0}")]
    Unfit(String),
}

impl RunError {
    /// By what the engine said when it was asked to create.
    pub(super) fn at_creation(engine: ContainerEngine, container: &Container, error: EngineError) -> Self {
        let EngineError::Refused { status, message, .. } = error else { return error.into() };
        match status {
            404 if message.contains("o such image") || message.contains("image not known") => {
                Self::NoImage { engine, image: container.image.clone() }
            }
            409 => Self::NameTaken { engine, name: container.name.clone() },
            // Podman says 500 for it.
            500 if message.contains("that name is already in use") => {
                Self::NameTaken { engine, name: container.name.clone() }
            }
            _ if is_mount(&message) => Self::BadMount { message },
            _ => Self::Refused { engine, message },
        }
    }

    /// By what the engine said when it was asked to start; the statuses are those of `docker run` (28.2).
    pub(super) fn at_start(engine: ContainerEngine, container: &Container, error: EngineError) -> Self {
        let EngineError::Refused { message, .. } = error else { return error.into() };
        let command = || {
            let words = container.entrypoint.iter().flatten().chain(&container.command);
            words.map(String::as_str).next().unwrap_or("the image's own command").to_owned()
        };
        let lower = message.to_lowercase();
        if let Some(port) = taken_port(&message, container) {
            return Self::PortTaken { port, message };
        }
        if lower.contains("could not select device driver")
            || lower.contains("nvidia-container-cli")
            || lower.contains("unresolvable cdi devices")
        {
            return Self::NoGpu { engine, message };
        }
        if is_mount(&message) {
            return Self::BadMount { message };
        }
        // `error gathering device information while adding custom device "/dev/nope": no such file or directory`
        if lower.contains("custom device") {
            return Self::Refused { engine, message };
        }
        if ["executable file not found", "no such file or directory", "cannot find the file specified"]
            .iter()
            .any(|text| lower.contains(text))
        {
            return Self::NotFound { command: command(), image: container.image.clone(), message };
        }
        if ["permission denied", "is a directory"].iter().any(|text| lower.contains(text)) {
            return Self::NotExecutable { command: command(), image: container.image.clone(), message };
        }
        Self::Refused { engine, message }
    }
}

fn is_mount(message: &str) -> bool {
    // runc speaks of mounting, too, when the image lacks what a mount needs.
    message.contains("invalid mount config")
        || message.contains("bind source path does not exist")
        || message.contains("error mounting")
        || message.contains("error while creating mount source path")
        || message.contains("Duplicate mount point")
        || (message.contains("statfs") && message.contains("no such file or directory"))
}

/// Docker 20.10 says `Bind for 127.0.0.1:8888 failed: port is already allocated` where another
/// container has it, `listen tcp4 127.0.0.1:8888: bind: address already in use` where another process has;
/// 28 says `failed to bind host port for 127.0.0.1:8888:172.17.0.2:80/tcp: address already in use`.
fn taken_port(message: &str, container: &Container) -> Option<u16> {
    if !message.contains("port is already allocated") && !message.contains("address already in use") {
        return None;
    }
    let mut asked = container.ports.iter().filter_map(|port| port.host);
    asked.find(|port| {
        let named = format!(":{port}");
        message
            .match_indices(&named)
            .any(|(at, found)| !message[at + found.len()..].starts_with(|next: char| next.is_ascii_digit()))
    })
}

impl Explain for RunError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } => Fault::Start(127),
            Self::NotExecutable { .. } => Fault::Start(126),
            Self::PortTaken { .. }
            | Self::NoGpu { .. }
            | Self::BadMount { .. }
            | Self::NoImage { .. }
            | Self::NameTaken { .. }
            | Self::Refused { .. }
            | Self::Unfit(_) => Fault::Start(125),
            Self::Interrupted { signal } => Fault::Interrupted(*signal),
            Self::Lost { .. } | Self::Io { .. } => Fault::World,
            Self::Engine(error) => error.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::PortTaken { port, .. } => {
                vec![format!("see who has it: `ss -ltnp 'sport = :{port}'`"), "take another port".into()]
            }
            Self::NoGpu { engine: ContainerEngine::Docker, message }
                if message.contains("could not select device driver") =>
            {
                vec![
                    "`scaf doctor` tells what is missing: the driver, the NVIDIA container toolkit, or its set-up".into(),
                ]
            }
            Self::NoGpu { message, .. } if message.to_lowercase().contains("cdi") => vec![
                "describe the GPUs to the engine: `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`".into(),
            ],
            // Podman (4.3) does without its init process where the package is not there, until it is asked for.
            Self::Refused { message, .. } if message.contains("container-init binary not found") => {
                vec!["install podman's init process: `sudo apt-get install catatonit`".into()]
            }
            Self::NoGpu { .. } => vec!["`scaf doctor` tells what is missing".into()],
            Self::NameTaken { engine, name } => {
                vec![format!("`{} rm {name}` removes it when it has ended", engine.client())]
            }
            Self::Lost { engine, id, .. } => vec![format!(
                "see whether it still runs: `{} ps --all --filter id={}`",
                engine.client(),
                id.get(..12).unwrap_or(id)
            )],
            Self::Engine(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}
