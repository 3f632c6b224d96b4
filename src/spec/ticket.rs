//! What a job is known by after it was handed over: the ticket, `job.json` in the run's folder, and the
//! state that a target gives of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the stored form.
pub const VERSION: u32 = 1;

/// A job that was handed to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub version: u32,
    /// The `NAME` of `[targets.NAME]`, or the kind where there is no such table.
    pub target: String,
    /// Which target it is: the key of the register.
    pub kind: String,
    /// By what the target knows it; `None` where it did not say.
    pub id: Option<String>,
    /// Where a browser shows it.
    pub url: Option<String>,
    /// RFC 3339, UTC.
    pub submitted: String,
    /// The host that handed it over.
    pub host: String,
    /// The process that sees to it, where it is one of this machine.
    pub supervisor: Option<Supervisor>,
    /// Words that the target's client needs to find it again, e.g. `--workspace-name w`.
    pub place: Vec<String>,
    /// When somebody asked for its end, RFC 3339.
    pub cancelled: Option<String>,
    /// How it ended, where finding out costs more than a look: it is asked for once.
    #[serde(default)]
    pub ended: Option<State>,
}

/// A process, told apart from a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    pub pid: u32,
    /// Clock ticks after the machine's start.
    pub started: u64,
    /// Which start of the machine that was.
    pub boot: String,
}

/// How a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    Queued,
    Running,
    Succeeded,
    /// The status is known where it ran here.
    Failed {
        status: Option<u8>,
        reason: Option<String>,
    },
    Cancelled,
    /// Nobody sees to it any more, and nobody wrote how it ended.
    Lost {
        reason: String,
    },
    /// It cannot be said from here.
    Unknown {
        reason: String,
    },
}

impl State {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed { .. } | Self::Cancelled | Self::Lost { .. })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Running => f.write_str("running"),
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { status: Some(status), .. } => write!(f, "failed ({status})"),
            Self::Failed { status: None, .. } => f.write_str("failed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Lost { .. } => f.write_str("lost"),
            Self::Unknown { .. } => f.write_str("unknown"),
        }
    }
}
