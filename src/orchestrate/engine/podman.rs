//! Podman, through its Docker-compatible socket.

use std::path::Path;

use super::docker::{CONTAINER_OFFERS, container};
use super::{EncloseError, Engine, require};
use crate::project::layout::INSIDE;
use crate::spec::capability::Capability;
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
        Ok(vec![Action::RunContainer {
            engine: ContainerEngine::Podman,
            container: container(run),
            logs,
            ready,
        }])
    }
}
