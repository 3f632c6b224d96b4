//! What a project, its members and one command set: a plain struct, put together from layers, each
//! value knowing where it was set.

pub mod combine;
pub mod keys;
pub mod layer;
pub mod origin;
pub mod read;
pub mod reference;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::gpu::GpuRequest;
use super::mount::Access;
use combine::Layers;
use origin::Origin;

/// Kinds of targets that `[targets.NAME]` may name; held together with the register of targets by a test.
pub const TARGET_KINDS: [&str; 2] = ["local", "azureml"];

/// Everything that can be set, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub project: ProjectSettings,
    pub engine: EngineSettings,
    pub images: ImageSettings,
    pub data: DataSettings,
    pub env: EnvironmentSettings,
    pub run: RunSettings,
    pub job: JobSettings,
    pub check: CheckSettings,
    pub targets: BTreeMap<String, TargetSettings>,
    /// Where each value that is not a default was set, by the key's dotted name.
    origins: BTreeMap<String, Origin>,
    /// What it was put together from, so that an experiment's own tables can be laid over it.
    layers: Arc<Layers>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectSettings {
    /// Part of every image's name. The name of the project's folder unless set.
    pub name: String,
    /// Where experiments live, relative to the root.
    pub code: String,
    /// Laid out by something else than scaf.
    pub adopted: bool,
}

/// The value of `engine.default` and of `--engine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    #[default]
    Auto,
    Docker,
    Podman,
    Host,
}

impl EngineChoice {
    pub const NAMES: [&'static str; 4] = ["auto", "docker", "podman", "host"];

    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "docker" => Some(Self::Docker),
            "podman" => Some(Self::Podman),
            "host" => Some(Self::Host),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Host => "host",
        }
    }
}

/// Whether runs get GPUs when `--gpus` is not typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GpuSetting {
    #[default]
    Off,
    /// These where there are any, none elsewhere.
    Optional(GpuRequest),
    /// These, or an error.
    Required(GpuRequest),
}

impl GpuSetting {
    /// `off`, `optional`, `optional:FORM`, `required`, or a form of `--gpus`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "optional" => Some(Self::Optional(GpuRequest::All)),
            "required" => Some(Self::Required(GpuRequest::All)),
            _ => match word.strip_prefix("optional:") {
                Some(form) => GpuRequest::parse(form).ok().map(Self::Optional),
                None => GpuRequest::parse(word).ok().map(Self::Required),
            },
        }
    }
}

impl std::fmt::Display for GpuSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Optional(GpuRequest::All) => f.write_str("optional"),
            Self::Optional(request) => write!(f, "optional:{request}"),
            Self::Required(request) => request.fmt(f),
        }
    }
}

/// As whom a container runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    /// The caller's uid and gid.
    #[default]
    Caller,
    /// Whoever the image names.
    Image,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    pub default: EngineChoice,
    pub gpus: GpuSetting,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    pub user: RunAs,
    pub network: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSettings {
    pub mirror: Option<String>,
    pub build_network: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSettings {
    /// Relative to the root, or absolute.
    pub path: String,
    pub mode: Access,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Version of Python, where the Dockerfile does not say it.
    pub python: Option<String>,
    /// Packages that `env check` shall not ask for.
    pub waive: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSettings {
    /// What `scaf local` runs.
    pub script: String,
    /// As of `docker run --env`: `NAME` takes the caller's value, `NAME=VALUE` sets one.
    pub env: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// Where `scaf job` goes.
    pub target: String,
    /// The job file in an experiment.
    pub file: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSettings {
    /// Rules that `scaf check` leaves out.
    pub allow: Vec<String>,
}

/// One `[targets.NAME]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSettings {
    /// The table's name where that is a kind and nothing else was said.
    pub kind: String,
    pub resource_group: Option<String>,
    pub workspace: Option<String>,
    pub subscription: Option<String>,
    /// The job file in an experiment for this target.
    pub file: Option<String>,
    /// Further words for the target's own client.
    pub xargs: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            project: ProjectSettings { name: "project".to_owned(), code: "src".to_owned(), adopted: false },
            engine: EngineSettings {
                default: EngineChoice::Auto,
                gpus: GpuSetting::Off,
                shm_size: 2 << 30,
                user: RunAs::Caller,
                network: None,
            },
            images: ImageSettings { mirror: None, build_network: None },
            data: DataSettings { path: "data".to_owned(), mode: Access::ReadOnly },
            env: EnvironmentSettings::default(),
            run: RunSettings { script: "local.py".to_owned(), env: Vec::new() },
            job: JobSettings { target: "local".to_owned(), file: "job.yaml".to_owned() },
            check: CheckSettings::default(),
            targets: BTreeMap::new(),
            origins: BTreeMap::new(),
            layers: Arc::new(Layers::default()),
        }
    }
}

impl Settings {
    /// Where a value was set, by its dotted name, e.g. `engine.default` or `targets.cloud.workspace`.
    pub fn origin_of(&self, key: &str) -> &Origin {
        const DEFAULT: &Origin = &Origin::Default;
        self.origins.get(key).unwrap_or(DEFAULT)
    }

    /// The settings with the `[experiment."name"]` tables laid over them.
    pub fn for_experiment(&self, name: &str) -> Self {
        self.layers.combine(Some(name))
    }

    /// The experiments that have tables of their own, with the place of the first.
    pub fn experiments(&self) -> Vec<(String, Origin)> {
        self.layers.experiments()
    }
}
