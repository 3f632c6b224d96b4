//! With what a run is enclosed. An engine turns a run, which knows no engine's words, into steps of a
//! plan; it does not take them. A new engine is one file, one line in `ENGINES` and one page in `docs/engines/`.

pub mod docker;
pub mod host;
pub mod moby;
pub mod podman;

use std::path::Path;

use crate::spec::capability::Capability;
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, Logs, Ready};
use crate::spec::run::Run;

/// Why an engine will not take a run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncloseError {
    #[error("the `{engine}` engine has no {capability}, which {flag} needs")]
    Lacks { engine: &'static str, capability: Capability, flag: String },
}

impl Explain for EncloseError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Lacks { flag, .. } => vec![format!("leave {flag} out, or say `--engine docker`")],
        }
    }
}

/// An engine, as the planner sees it.
pub trait Engine: Sync {
    /// As in `--engine NAME`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn offers(&self) -> &'static [Capability];

    /// The path that stands for `/mnt` inside a run whose folder this is.
    fn root(&self, folder: &Path) -> String;

    /// The deeds that are the run, the last of which gives the exit status.
    fn enclose(
        &self,
        run: &Run,
        logs: Option<Logs>,
        ready: Option<Ready>,
    ) -> Result<Vec<Action>, EncloseError>;
}

/// Every engine, in the order in which `auto` asks them.
pub const ENGINES: [&dyn Engine; 3] = [&docker::Docker, &podman::Podman, &host::Host];

/// The engine of this name.
pub fn named(name: &str) -> Option<&'static dyn Engine> {
    ENGINES.into_iter().find(|engine| engine.name() == name)
}

/// Refuses the flags that need what an engine does not offer.
fn require(engine: &dyn Engine, run: &Run) -> Result<(), EncloseError> {
    let flags = &run.flags;
    let needs = [
        (!flags.ports.is_empty(), Capability::Networks, "--publish"),
        (flags.network.is_some(), Capability::Networks, "--network"),
        (!flags.add_host.is_empty(), Capability::Networks, "--add-host"),
        (flags.ipc.is_some(), Capability::Limits, "--ipc"),
        (flags.shm_size.is_some(), Capability::Limits, "--shm-size"),
        (flags.memory.is_some(), Capability::Limits, "--memory"),
        (flags.nano_cpus.is_some(), Capability::Limits, "--cpus"),
        (!flags.ulimits.is_empty(), Capability::Limits, "--ulimit"),
        (!flags.devices.is_empty(), Capability::Devices, "--device"),
        (!flags.cap_add.is_empty(), Capability::Devices, "--cap-add"),
        (!flags.security_opt.is_empty(), Capability::Devices, "--security-opt"),
        (flags.entrypoint.is_some(), Capability::Images, "--entrypoint"),
    ];
    for (asked, capability, flag) in needs {
        if asked && !engine.offers().contains(&capability) {
            return Err(EncloseError::Lacks { engine: engine.name(), capability, flag: format!("`{flag}`") });
        }
    }
    Ok(())
}
