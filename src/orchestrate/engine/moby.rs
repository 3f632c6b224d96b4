//! Engines reached through Docker's API: docker itself, and podman through its compatible socket.
//!
//! The interface is synchronous; a single-threaded runtime works behind it while a call lasts, and is
//! made when the first call needs one.

pub mod address;
pub mod build;
pub mod containers;
mod create;
pub mod error;
pub mod facts;
pub mod images;
pub mod run;
pub mod surroundings;
mod wire;

use std::future::Future;
use std::io;
use std::sync::OnceLock;

use address::{Address, Place};
use error::EngineError;
use facts::Greeting;
use surroundings::Surroundings;
use wire::Door;

pub use build::{BuildError, Built};
pub use containers::FoundContainer;
pub use images::Availability;

use crate::spec::plan::ContainerEngine;

/// The newest version of the API whose answers were looked at here.
const NEWEST_API: (u16, u16) = (1, 51);
/// Limit for an engine to begin its answer. Starting a container with many GPUs or large volumes can
/// take minutes; a socket that is closed is noticed at once anyhow.
const ANSWER_LIMIT_SECONDS: u64 = 1800;

/// A connection to an engine that has answered.
#[derive(Debug)]
pub struct Moby {
    greeting: Greeting,
    address: Address,
    door: Door,
    surroundings: Surroundings,
    docker: bollard::Docker,
    runtime: OnceLock<tokio::runtime::Runtime>,
}

impl Moby {
    /// Finds the address and connects: `find`, then `at`.
    pub fn connect(
        engine: ContainerEngine,
        given: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Self, EngineError> {
        Self::at(engine, Address::find(engine, given, surroundings)?, surroundings)
    }

    /// Greets the engine and settles on a version of the API. A socket that nobody listens at is
    /// known in less than a millisecond, an engine that hangs in five seconds.
    pub fn at(
        engine: ContainerEngine,
        address: Address,
        surroundings: &Surroundings,
    ) -> Result<Self, EngineError> {
        let Some(door) = Door::to(&address.place) else {
            let reason = address
                .elsewhere()
                .unwrap_or_else(|| format!("scaf does not speak TLS to an engine: `{address}`"));
            return Err(EngineError::Elsewhere { reason });
        };
        let head = door.greet().map_err(|error| unreachable(engine, &address, surroundings, &error))?;
        let server = head.header("server").unwrap_or_default().to_owned();
        let api = head.header("api-version").and_then(version);
        let Some(offered) = api.filter(|_| head.status == 200) else {
            let answer = format!("HTTP {} {server}", head.status);
            return Err(EngineError::Stranger { engine, address, answer: answer.trim().to_owned() });
        };
        // Podman answers to docker's calls wherever it stands in for it; then it is podman.
        let engine = if server.starts_with("Libpod") { ContainerEngine::Podman } else { engine };
        let api = offered.min(NEWEST_API);
        let greeting = Greeting {
            engine,
            address: address.to_string(),
            server,
            api,
            buildkit: engine == ContainerEngine::Docker && api >= (1, 39),
            os: head.header("ostype").unwrap_or("linux").to_owned(),
        };
        let spoken =
            bollard::ClientVersion { major_version: usize::from(api.0), minor_version: usize::from(api.1) };
        let docker = match &door {
            Door::Unix(path) => {
                bollard::Docker::connect_with_unix(&path.to_string_lossy(), ANSWER_LIMIT_SECONDS, &spoken)
            }
            Door::Tcp(host, port) => bollard::Docker::connect_with_http(
                &format!("tcp://{host}:{port}"),
                ANSWER_LIMIT_SECONDS,
                &spoken,
            ),
        }
        .map_err(|error| EngineError::from_bollard(engine, "connect", error))?;
        Ok(Self {
            greeting,
            address,
            door,
            surroundings: surroundings.clone(),
            docker,
            runtime: OnceLock::new(),
        })
    }

    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    pub fn engine(&self) -> ContainerEngine {
        self.greeting.engine
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Runs a conversation to its end on this thread.
    fn wait<T>(&self, conversation: impl Future<Output = T>) -> Result<T, EngineError> {
        Ok(self.runtime()?.block_on(conversation))
    }

    fn runtime(&self) -> Result<&tokio::runtime::Runtime, EngineError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let made = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| EngineError::Runtime { engine: self.engine(), reason: error.to_string() })?;
        Ok(self.runtime.get_or_init(|| made))
    }

    /// The path of a request in the version that was settled on.
    fn path(&self, rest: &str) -> String {
        format!("/v{}.{}{rest}", self.greeting.api.0, self.greeting.api.1)
    }

    /// An answer as it stands, for those whose fields differ between engines and versions.
    async fn get_json(&self, rest: &str, doing: &str) -> Result<serde_json::Value, EngineError> {
        let engine = self.engine();
        let lost = |error: io::Error| EngineError::Lost {
            engine,
            doing: doing.to_owned(),
            reason: error.to_string(),
        };
        let opened = self.door.open("GET", &self.path(rest), "Connection: close\r\n").await.map_err(lost)?;
        let status = opened.head.status;
        if !(200..300).contains(&status) {
            let message = opened.message().await;
            return Err(EngineError::Refused { engine, doing: doing.to_owned(), status, message });
        }
        opened.lines().next().await.map_err(lost)?.ok_or_else(|| lost(io::ErrorKind::UnexpectedEof.into()))
    }

    fn failed(&self, doing: &str, error: bollard::errors::Error) -> EngineError {
        EngineError::from_bollard(self.engine(), doing, error)
    }
}

/// `1.41` as numbers that can be compared.
fn version(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn unreachable(
    engine: ContainerEngine,
    address: &Address,
    surroundings: &Surroundings,
    error: &io::Error,
) -> EngineError {
    use io::ErrorKind;
    let address = address.clone();
    let reason = match error.kind() {
        ErrorKind::PermissionDenied => return EngineError::Permission { engine, address },
        ErrorKind::InvalidData => {
            return EngineError::Stranger { engine, address, answer: error.to_string() };
        }
        ErrorKind::NotFound if matches!(address.place, Place::Unix(_)) => {
            let path = surroundings.get("PATH");
            if which::which_in(engine.client(), path, "/").is_err() {
                return EngineError::NotInstalled { engine, address };
            }
            "there is no socket".to_owned()
        }
        ErrorKind::ConnectionRefused => "nobody listens".to_owned(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer within 5 s".to_owned(),
        ErrorKind::UnexpectedEof => "the connection was closed without an answer".to_owned(),
        _ => error.to_string(),
    };
    EngineError::NotRunning { engine, address, reason }
}
