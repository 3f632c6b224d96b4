//! The run record: plain files in the run's folder. `plan.json` stands there before the first step,
//! `outcome.json` after the last.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::run::{EnvironmentSource, Intent};
use super::ticket::Supervisor;

/// Version of both files' form.
pub const VERSION: u32 = 1;

/// What a run is, and what is needed to do it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    pub scaf: String,
    /// The folder's name: `20261122-155001_brave_otter`.
    pub run: String,
    pub experiment: String,
    pub intent: Intent,
    /// What runs inside, as words.
    pub command: Vec<String>,
    /// Parameters given to the script or the job, as far as they are told apart.
    pub parameters: BTreeMap<String, String>,
    pub engine: String,
    pub engine_version: String,
    /// Why this engine.
    pub engine_reason: String,
    /// Digest of the bundle; absent where the working tree itself was mounted.
    pub bundle: Option<String>,
    /// Tag of the image, a hash of what it was made from.
    pub image: Option<String>,
    /// The image's id where it was there already when the run was planned; else in the outcome.
    pub image_id: Option<String>,
    /// Words of `build-xargs` that are part of what the image is; absent in records of older versions.
    #[serde(default)]
    pub build_words: Vec<String>,
    /// Where a job file names another environment than the experiment's; absent as above.
    #[serde(default)]
    pub environment: Option<EnvironmentSource>,
    /// Digest of `requirements.lock`, or of `requirements.txt` where there is no lock.
    pub lock: Option<String>,
    pub git: Option<Git>,
    pub host: Host,
    pub gpus: Option<String>,
    /// RFC 3339, UTC.
    pub planned: String,
    pub plan: Plan,
}

/// The state of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    pub commit: String,
    pub branch: Option<String>,
    /// File in the run's folder that holds the difference to the commit, when there is one.
    pub uncommitted: Option<String>,
}

/// Where it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub os: String,
    pub arch: String,
    pub cpus: usize,
    pub user: String,
}

/// Who works on a run. The file stands in the run's folder as long as there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Name of the machine, which folders may be shared with others.
    pub host: String,
    pub scaf: Supervisor,
    /// The run itself, where it is a process of this machine: leader of its process group, unless it reads
    /// from the terminal.
    pub child: Option<Supervisor>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub version: u32,
    /// The child's own exit status, or scaf's where no child came to run.
    pub status: u8,
    /// Nobody saw the child's status: `status` stands for that it was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub status_unknown: bool,
    /// What went wrong where it was not the child.
    pub error: Option<String>,
    pub interrupted: bool,
    /// A process was killed for memory.
    pub out_of_memory: bool,
    /// RFC 3339, UTC.
    pub started: Option<String>,
    pub ended: String,
    pub seconds: f64,
    /// Bytes, the largest that was seen.
    pub peak_memory: Option<u64>,
    pub image_id: Option<String>,
    pub container_id: Option<String>,
    /// Files that the run wrote into its scratch folder, relative to it.
    pub left: Vec<PathBuf>,
    /// What the GPUs were seen to do.
    pub gpus: Vec<GpuUse>,
}

/// In a word or two, as `jobs` and `runs` say it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, interrupted, out_of_memory, .. } = self;
        if self.status_unknown {
            return f.write_str("interrupted");
        }
        match (status, interrupted, out_of_memory) {
            (0, _, false) => f.write_str("succeeded"),
            (0, _, true) => f.write_str("succeeded, with a process killed for memory"),
            (_, _, true) => write!(f, "failed ({status}, out of memory)"),
            (_, true, false) => write!(f, "interrupted ({status})"),
            (_, false, false) => write!(f, "failed ({status})"),
        }
    }
}

/// One GPU over the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuUse {
    pub uuid: String,
    pub name: String,
    /// Bytes.
    pub peak_memory: u64,
    /// Percent, the mean of the samples.
    pub mean_utilisation: f64,
    pub samples: u64,
}
