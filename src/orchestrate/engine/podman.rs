//! Podman, through its Docker-compatible socket.

use std::path::Path;

use super::docker::{CONTAINER_OFFERS, container};
use super::{EncloseError, Engine, require};
use crate::project::layout::INSIDE;
use crate::spec::capability::Capability;
use crate::spec::gpu::GpuRequest;
use crate::spec::plan::{Action, ContainerEngine, Logs, Ready};
use crate::spec::run::Run;

pub struct Podman;

impl Engine for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn offers(&self) -> &'static [Capability] {
        &CONTAINER_OFFERS
    }

    fn root(&self, _folder: &Path) -> String {
        INSIDE.to_owned()
    }

    fn enclose(
        &self,
        run: &Run,
        logs: Option<Logs>,
        ready: Option<Ready>,
    ) -> Result<Vec<Action>, EncloseError> {
        require(self, run)?;
        let mut container = container(run);
        // Podman knows GPUs by their descriptions (CDI) alone.
        if let Some(request) = container.gpus.take() {
            container.cdi_devices = cdi_names(&request);
        }
        Ok(vec![Action::RunContainer { engine: ContainerEngine::Podman, container, logs, ready }])
    }
}

/// As `nvidia-ctk cdi generate` names them: by index, by UUID, and `all`.
fn cdi_names(request: &GpuRequest) -> Vec<String> {
    let name = |which: &str| format!("nvidia.com/gpu={which}");
    match request {
        GpuRequest::All | GpuRequest::Free(_) => vec![name("all")],
        GpuRequest::Count(count) => (0..*count).map(|index| name(&index.to_string())).collect(),
        GpuRequest::Devices(devices) => devices.iter().map(|device| name(device)).collect(),
    }
}
