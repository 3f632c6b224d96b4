//! Docker, and the translation of a run into a container that podman shares.

use std::path::Path;

use super::{EncloseError, Engine, require};
use crate::project::layout::INSIDE;
use crate::spec::capability::Capability;
use crate::spec::container::{Container, EnvValue};
use crate::spec::plan::{Action, ContainerEngine, Logs, Ready};
use crate::spec::run::{Enclosure, Run, RunFlags};

pub struct Docker;

/// What every container engine can do.
pub(super) const CONTAINER_OFFERS: [Capability; 8] = [
    Capability::Images,
    Capability::ReadOnlyMounts,
    Capability::Mounts,
    Capability::Networks,
    Capability::Limits,
    Capability::Devices,
    Capability::Gpus,
    Capability::OutlivesScaf,
];

impl Engine for Docker {
    fn name(&self) -> &'static str {
        "docker"
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
            engine: ContainerEngine::Docker,
            container: container(run),
            logs,
            ready,
        }])
    }
}

/// A run as a container.
pub(super) fn container(run: &Run) -> Container {
    let Run {
        experiment: _,
        intent: _,
        name,
        enclosure,
        root: _,
        argv,
        workdir,
        env,
        mounts,
        labels,
        user,
        flags,
        tty,
        stdin,
    } = run;
    let RunFlags {
        gpus,
        ipc,
        shm_size,
        env: more_env,
        mounts: more_mounts,
        ports,
        network,
        memory,
        nano_cpus,
        ulimits,
        devices,
        cap_add,
        security_opt,
        add_host,
        entrypoint,
    } = flags;
    let mut env = env.clone();
    env.extend(more_env.iter().map(|(name, value): (&String, &EnvValue)| (name.clone(), value.clone())));
    let mut mounts = mounts.clone();
    for mount in more_mounts {
        // The user's own mount wins over ours at the same place.
        mounts.retain(|other| other.target != mount.target);
        mounts.push(mount.clone());
    }
    let image = match enclosure {
        Enclosure::Image(tag) => tag.clone(),
        Enclosure::Venv(path) => path.to_string_lossy().into_owned(),
    };
    Container {
        name: name.clone(),
        image,
        entrypoint: entrypoint.as_ref().map(|word| vec![word.clone()]),
        command: argv.clone(),
        workdir: workdir.clone(),
        user: user.clone(),
        groups: Vec::new(),
        env,
        labels: labels.clone(),
        mounts,
        ports: ports.clone(),
        gpus: gpus.clone(),
        cdi_devices: Vec::new(),
        // A size for a /dev/shm that is the host's own would be refused.
        shm_size: if ipc.as_deref() == Some("host") { None } else { *shm_size },
        memory: *memory,
        nano_cpus: *nano_cpus,
        ulimits: ulimits.clone(),
        devices: devices.clone(),
        cap_add: cap_add.clone(),
        security_opt: security_opt.clone(),
        add_host: add_host.clone(),
        network: network.clone(),
        ipc: ipc.clone(),
        init: true,
        tty: *tty,
        stdin: *stdin,
        remove: true,
    }
}
