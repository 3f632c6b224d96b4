//! One run of an experiment, said without the words of any engine. An engine turns it into a
//! container or into a process; the paths inside begin with the engine's own root (`/mnt` in a
//! container, the run's folder with the host engine), so that everything else is the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::container::{Device, EnvValue, Port, Ulimit};
use super::gpu::GpuRequest;
use super::mount::Mount;

/// By this a run knows its own name.
pub const RUN_VARIABLE: &str = "SCAF_RUN";
/// Labels of a run's container: by these `ps`, `stop` and `gc` find what is ours.
pub const LABEL_ROOT: &str = "scaf.root";
pub const LABEL_RUN: &str = "scaf.run";
pub const LABEL_EXPERIMENT: &str = "scaf.experiment";
pub const LABEL_INTENT: &str = "scaf.intent";

/// What a run is for. One operation, six intents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    Local,
    Test,
    Jupyter,
    Terminal,
    Job,
    /// Everything that the code imports is imported.
    Prove,
}

impl Intent {
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Test => "test",
            Self::Jupyter => "jupyter",
            Self::Terminal => "terminal",
            Self::Job => "job",
            Self::Prove => "prove",
        }
    }
}

/// What the user may add to a run: the documented `docker run` flags of product.md §3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunFlags {
    pub gpus: Option<GpuRequest>,
    pub ipc: Option<String>,
    /// Bytes.
    pub shm_size: Option<u64>,
    pub env: BTreeMap<String, EnvValue>,
    pub mounts: Vec<Mount>,
    pub ports: Vec<Port>,
    pub network: Option<String>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Billionths of a processor.
    pub nano_cpus: Option<i64>,
    pub ulimits: Vec<Ulimit>,
    pub devices: Vec<Device>,
    pub cap_add: Vec<String>,
    pub security_opt: Vec<String>,
    pub add_host: Vec<String>,
    pub entrypoint: Option<String>,
}

/// Where a run is enclosed: an image of an engine, or a virtual environment of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enclosure {
    Image(String),
    /// Folder of the virtual environment.
    Venv(PathBuf),
}

/// An environment that is not the experiment's own folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentSource {
    /// A folder with a Dockerfile of that name.
    Folder { directory: PathBuf, dockerfile: String },
    /// An image as it is.
    Image(String),
}

/// One run, complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub experiment: String,
    pub intent: Intent,
    /// Unique on this machine: the container's name, too.
    pub name: String,
    pub enclosure: Enclosure,
    /// The root inside: `/mnt`, or with the host engine a folder of the run.
    pub root: String,
    pub argv: Vec<String>,
    /// Absolute, below `root`.
    pub workdir: String,
    pub env: BTreeMap<String, EnvValue>,
    pub mounts: Vec<Mount>,
    pub labels: BTreeMap<String, String>,
    /// `uid:gid`; `None` keeps the image's user.
    pub user: Option<String>,
    pub flags: RunFlags,
    pub tty: bool,
    pub stdin: bool,
}
