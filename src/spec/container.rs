//! A container run, in the words that every container engine shares. Values only: the engines' API
//! and the `docker run …` line are two translations of the same value, held together by the twin test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gpu::GpuRequest;
use super::mount::Mount;

/// The value of an environment variable inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvValue {
    Plain(String),
    /// Taken from scaf's own environment when the run starts; only the name is ever written down.
    /// Prints as `--env NAME`.
    FromHost,
    /// Read out of an `--env-file` when the run starts; only the file's name is ever written down. Where
    /// files overlap the one with the larger number counts.
    FromFile {
        path: PathBuf,
        nth: usize,
    },
    /// In front of the value outside, with `:` between: for `PATH`. Only a process of this machine has one.
    Prefix(String),
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Empty: every address of the host, as `docker run -p` does.
    pub host_ip: String,
    /// `None`: the engine chooses one.
    pub host: Option<u16>,
    pub inside: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// A resource limit as of setrlimit(2); -1 is unlimited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// A device node passed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub host: String,
    pub inside: String,
    /// Some of `rwm`.
    pub permissions: String,
}

/// Everything `docker run` would be told, and nothing that is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub image: String,
    /// `None` keeps the image's own; an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    pub command: Vec<String>,
    pub workdir: String,
    /// `uid:gid` of the caller; `None` keeps the image's user.
    pub user: Option<String>,
    /// Supplementary groups.
    pub groups: Vec<String>,
    pub env: BTreeMap<String, EnvValue>,
    pub labels: BTreeMap<String, String>,
    pub mounts: Vec<Mount>,
    pub ports: Vec<Port>,
    pub gpus: Option<GpuRequest>,
    /// Devices by the names of their descriptions (CDI), e.g. `nvidia.com/gpu=all`: the way to a GPU
    /// where no container toolkit is registered with the engine. Docker from 25 on, podman.
    pub cdi_devices: Vec<String>,
    /// Bytes.
    pub shm_size: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Billionths of a processor, as the engines count (`--cpus 1.5` is 1_500_000_000).
    pub nano_cpus: Option<i64>,
    pub ulimits: Vec<Ulimit>,
    pub devices: Vec<Device>,
    pub cap_add: Vec<String>,
    pub security_opt: Vec<String>,
    pub add_host: Vec<String>,
    pub network: Option<String>,
    pub ipc: Option<String>,
    /// A small init process reaps orphans and passes signals on.
    pub init: bool,
    /// A terminal inside; only where scaf itself stands on one.
    pub tty: bool,
    /// Standard input is passed on.
    pub stdin: bool,
    /// Removed by the engine when it ends.
    pub remove: bool,
}
