//! Containers that are there already: found by label, stopped, removed.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use bollard::query_parameters as query;
use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::{Moby, create};
use crate::spec::container::Container;

/// What a list says of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundContainer {
    pub id: String,
    pub name: String,
    pub image: String,
    pub image_id: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub state: String,
    /// In the engine's words: `Up 3 minutes`, `Exited (0) 2 hours ago`.
    pub status: String,
    pub labels: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub created: i64,
    pub command: String,
    /// `127.0.0.1:8888->8888/tcp`, the published ones.
    pub ports: Vec<String>,
}

impl FoundContainer {
    /// It may still do something.
    pub fn is_alive(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }
}

impl Moby {
    /// All with these labels, running or not. A label is `key` or `key=value`.
    pub fn list(&self, labels: &[&str]) -> Result<Vec<FoundContainer>, EngineError> {
        let filters = HashMap::from([("label", labels.iter().map(|&label| label.to_owned()).collect())]);
        let filters: HashMap<&str, Vec<String>> = filters;
        let options = query::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self
            .wait(self.docker.list_containers(Some(options)))?
            .map_err(|error| self.failed("list the containers", error))?;
        let found = found.into_iter().map(|one| FoundContainer {
            id: one.id.unwrap_or_default(),
            name: one
                .names
                .and_then(|names| names.into_iter().next())
                .map(|name| name.trim_start_matches('/').to_owned())
                .unwrap_or_default(),
            image: one.image.unwrap_or_default(),
            image_id: one.image_id.unwrap_or_default(),
            state: one.state.map(|state| state.to_string()).unwrap_or_default(),
            status: one.status.unwrap_or_default(),
            labels: one.labels.unwrap_or_default().into_iter().collect(),
            created: one.created.unwrap_or_default(),
            command: one.command.unwrap_or_default(),
            ports: one.ports.unwrap_or_default().iter().filter_map(published).collect(),
        });
        Ok(found.collect())
    }

    /// Asks it to end, and kills it when it has not after `grace` seconds. One that has ended
    /// already, or is gone, is fine. Comes back with its exit status, where that was to be seen.
    pub fn stop(&self, container: &str, grace: u32) -> Result<Option<u8>, EngineError> {
        use futures_util::StreamExt as _;
        // What the engine may take to tell of an end that has come.
        const TELL: std::time::Duration = std::time::Duration::from_secs(5);
        let options =
            query::StopContainerOptionsBuilder::new().t(i32::try_from(grace).unwrap_or(i32::MAX)).build();
        let waiting = query::WaitContainerOptionsBuilder::new().condition("not-running").build();
        let (answer, status) = self.wait(async {
            // Asked before the end, since with `--rm` there is nothing to ask a moment after it.
            let mut end = self.docker.wait_container(container, Some(waiting));
            let mut stopping = std::pin::pin!(self.docker.stop_container(container, Some(options)));
            tokio::select! {
                biased;
                told = end.next() => (stopping.await, told),
                answer = &mut stopping => {
                    (answer, tokio::time::timeout(TELL, end.next()).await.ok().flatten())
                }
            }
        })?;
        self.gone_is_fine("stop the container", answer)?;
        let status = match status {
            Some(Ok(told)) => u8::try_from(told.status_code).ok(),
            // The client takes a status other than 0 for an error.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => {
                u8::try_from(code).ok()
            }
            Some(Err(_)) | None => None,
        };
        Ok(status)
    }

    /// Removes it with its anonymous volumes; a running one only with `force`.
    pub fn remove(&self, container: &str, force: bool) -> Result<(), EngineError> {
        self.wait(self.discard(container, force))?
    }

    pub(super) async fn discard(&self, container: &str, force: bool) -> Result<(), EngineError> {
        let options = query::RemoveContainerOptionsBuilder::new().force(force).v(true).build();
        match self.docker.remove_container(container, Some(options)).await {
            // Somebody else, or its own `--rm`, is at it.
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 409, message })
                if message.contains("already in progress") =>
            {
                Ok(())
            }
            answer => match self.gone_is_fine("remove the container", answer) {
                Err(EngineError::Refused { status: 404, .. }) => Ok(()),
                other => other,
            },
        }
    }

    fn gone_is_fine(
        &self,
        doing: &str,
        answer: Result<(), bollard::errors::Error>,
    ) -> Result<(), EngineError> {
        match answer {
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 409, message })
                if message.contains("is not running") || message.contains("can only kill running") =>
            {
                Ok(())
            }
            other => other.map_err(|error| self.failed(doing, error)),
        }
    }

    /// Creates it and leaves it there, for comparing it with what the client makes of the same words.
    pub fn create_only(&self, container: &Container) -> Result<String, EngineError> {
        let body =
            create::body(container, &self.surroundings, None).map_err(|message| EngineError::Refused {
                engine: self.engine(),
                doing: "create the container".to_owned(),
                status: 400,
                message,
            })?;
        let options = query::CreateContainerOptionsBuilder::new().name(&container.name).build();
        let made = self
            .wait(self.docker.create_container(Some(options), body))?
            .map_err(|error| self.failed("create the container", error))?;
        Ok(made.id)
    }

    /// All that the engine says of it; `None` when there is none.
    pub fn inspect(&self, container: &str) -> Result<Option<serde_json::Value>, EngineError> {
        let path = format!("/containers/{}/json", encode(container));
        match self.wait(self.get_json(&path, "inspect the container"))? {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn published(port: &bollard::models::PortSummary) -> Option<String> {
    let outside = port.public_port?;
    let ip = port.ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let kind = port.typ.map(|kind| format!("/{kind}")).unwrap_or_default();
    Some(format!("{ip}:{outside}->{}{kind}", port.private_port))
}

/// A word within a path or a query.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
