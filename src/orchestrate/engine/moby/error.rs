//! What can go wrong between scaf and an engine, a run and a build apart.

use super::address::{Address, AddressError, Origin, Place};
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::ContainerEngine;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("{} is not installed: there is no socket at `{address}` and no `{}` on the PATH", engine.client(), engine.client())]
    NotInstalled { engine: ContainerEngine, address: Address },
    #[error("{} is not running: {reason} at `{address}`", engine.client())]
    NotRunning { engine: ContainerEngine, address: Address, reason: String },
    #[error("no permission to use {} at `{address}`", engine.client())]
    Permission { engine: ContainerEngine, address: Address },
    #[error("{reason}")]
    Elsewhere { reason: String },
    #[error("what answers at `{address}` is no {}: {answer}", engine.client())]
    Stranger { engine: ContainerEngine, address: Address, answer: String },
    #[error("{} refused to {doing}: {message}", engine.client())]
    Refused { engine: ContainerEngine, doing: String, status: u16, message: String },
    #[error("{} went away while asked to {doing}: {reason}", engine.client())]
    Lost { engine: ContainerEngine, doing: String, reason: String },
    #[error("cannot start the machinery that talks to {}: {reason}", engine.client())]
    Runtime { engine: ContainerEngine, reason: String },
}

impl EngineError {
    /// Whether the engine said that the thing asked for is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    pub(super) fn from_bollard(engine: ContainerEngine, doing: &str, error: bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        let doing = doing.to_owned();
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                Self::Refused { engine, doing, status: status_code, message: message.trim().to_owned() }
            }
            Error::DockerStreamError { error } => {
                Self::Refused { engine, doing, status: 200, message: error.trim().to_owned() }
            }
            other => Self::Lost { engine, doing, reason: causes(&other) },
        }
    }
}

/// An error with what is behind it, since the outermost layer of an HTTP client says little.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl Explain for EngineError {
    fn fault(&self) -> Fault {
        match self {
            Self::Address(error) => error.fault(),
            Self::Elsewhere { .. } => Fault::User,
            Self::Runtime { .. } => Fault::Ours,
            _ => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Address(error) => error.hints(),
            Self::NotInstalled { engine: ContainerEngine::Docker, .. } => vec![
                "install it: https://docs.docker.com/engine/install/".into(),
                "or go without containers: `--engine host`".into(),
            ],
            Self::NotInstalled { engine: ContainerEngine::Podman, .. } => {
                vec!["install it: https://podman.io/docs/installation".into()]
            }
            // Whoever names a place by a variable has it elsewhere.
            Self::NotRunning { address: Address { origin: Origin::Variable(name), .. }, .. } => {
                vec![format!(
                    "start the engine that `{name}` names, or go without the variable: `unset {name}`"
                )]
            }
            Self::NotRunning { engine, address, .. } => {
                let user = matches!(&address.place, Place::Unix(path) if path.starts_with("/run/user"));
                let (scope, unit) = match (engine, user) {
                    (ContainerEngine::Docker, false) => ("sudo systemctl", "docker"),
                    (ContainerEngine::Docker, true) => ("systemctl --user", "docker"),
                    (ContainerEngine::Podman, false) => ("sudo systemctl", "podman.socket"),
                    (ContainerEngine::Podman, true) => ("systemctl --user", "podman.socket"),
                };
                vec![format!("start it: `{scope} start {unit}`")]
            }
            Self::Permission { engine: ContainerEngine::Docker, .. } => {
                vec!["`sudo usermod -aG docker $USER`, then log out and in again".into()]
            }
            Self::Permission { engine: ContainerEngine::Podman, .. } => {
                vec!["use podman without root: `systemctl --user start podman.socket`".into()]
            }
            Self::Elsewhere { .. } => {
                vec![
                    "a remote engine cannot mount this machine's folders; use one of this machine: `unset DOCKER_HOST`, `docker context use default`"
                        .into(),
                ]
            }
            Self::Stranger { .. } | Self::Refused { .. } | Self::Lost { .. } | Self::Runtime { .. } => {
                Vec::new()
            }
        }
    }
}
