//! The plan: what will be done, as a value. It is printed (`--dry-run`) or executed, and stored
//! beside every run; it holds no handles, no secrets, and leaves nothing to decide.

pub mod docker_line;
pub mod shell;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::bundle::Manifest;
use super::container::{Container, EnvValue};
use super::image::ImageBuild;
use super::ticket::Supervisor;
use super::wheel::Wheel;

/// Version of the stored form. It grows by one when a reader of the old form would misread the new.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub version: u32,
    pub title: String,
    pub steps: Vec<Step>,
    /// What the reader should know before it is done.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// One line, in the user's words: "make the image", "keep the bundle".
    pub why: String,
    pub when: When,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// As long as everything before went well.
    InTurn,
    /// Even after a failure or an interruption: the tidying up.
    Always,
}

/// What to do when a file to be written is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfThere {
    Refuse,
    Keep,
    Replace,
}

/// Folders that Python's tools leave behind a run: nobody wants to keep them or hear of them.
pub const NOISE: [&str; 4] = ["__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"];

/// Which container engine an action is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEngine {
    Docker,
    Podman,
}

impl ContainerEngine {
    /// The client's name, as typed in a shell.
    pub fn client(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Where the output of a run is kept beside being shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    pub stdout: PathBuf,
    /// `None`: one log for both, since a terminal has one stream.
    pub stderr: Option<PathBuf>,
}

/// A server inside the run that is announced once it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Asked until it answers with any HTTP status.
    pub url: String,
    /// Said then; a token is shown as `{token}` and filled in at that moment from `token_env`.
    pub message: String,
    /// The environment variable of the run that carries the token.
    pub token_env: Option<String>,
}

/// The few kinds of deed.
#[allow(clippy::large_enum_variant, reason = "a plan has a few dozen steps")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// With its parents; already there is fine.
    MakeDirectory {
        path: PathBuf,
    },
    /// Whole or not at all: written beside and renamed.
    WriteFile {
        path: PathBuf,
        content: String,
        executable: bool,
        if_there: IfThere,
    },
    /// `target` as written into the link. The same link already there is fine.
    Symlink {
        link: PathBuf,
        target: PathBuf,
    },
    /// A file or a folder with all in it; absent is fine.
    Remove {
        path: PathBuf,
    },
    /// A folder that counts as whole as long as it has its name: it gets the name `aside` at once, and
    /// is removed then. What lies there of an earlier time goes, too; absent is fine.
    RemoveWhole {
        path: PathBuf,
        aside: PathBuf,
    },
    /// A symlink; absent is fine, and what has taken its place stays.
    Unlink {
        path: PathBuf,
    },
    /// Whole folder becomes visible at once.
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// The experiment's files, links followed, kept under their digest.
    KeepBundle {
        source: PathBuf,
        manifest: Manifest,
        digest: String,
        into: PathBuf,
    },
    /// A wheel of files of this machine, whole or not at all. `sha256` is that of the whole, which a lock names.
    WriteWheel {
        path: PathBuf,
        wheel: Wheel,
        sha256: String,
    },
    /// A file as it is, whole or not at all.
    CopyFile {
        from: PathBuf,
        to: PathBuf,
        if_there: IfThere,
    },
    /// A run's own copy of a folder; `to` is made.
    CopyTree {
        from: PathBuf,
        to: PathBuf,
    },
    /// A command line of this machine. Its output is progress, shown on stderr.
    Command {
        argv: Vec<String>,
        cwd: Option<PathBuf>,
        env: BTreeMap<String, EnvValue>,
    },
    /// A virtual environment of `python` with `requirements` and `more` in it; one that is there,
    /// complete, is fine. `path` names its inputs' digest.
    MakeVenv {
        path: PathBuf,
        python: PathBuf,
        requirements: Vec<PathBuf>,
        /// The requirements name all that they need in turn: nothing else is looked for. Absent in plans of older versions.
        #[serde(default)]
        whole: bool,
        more: Vec<String>,
        uv: Option<PathBuf>,
    },
    /// A random word for this execution alone, in the environment under this name unless one is
    /// there. It is never written down.
    MakeSecret {
        name: String,
    },
    BuildImage {
        engine: ContainerEngine,
        build: ImageBuild,
    },
    /// The run itself: its exit status is the plan's.
    RunContainer {
        engine: ContainerEngine,
        container: Container,
        logs: Option<Logs>,
        ready: Option<Ready>,
    },
    /// The run itself as a process of this machine. The environment is scaf's own with `env` over it
    /// and `unset` taken out.
    RunProcess {
        argv: Vec<String>,
        cwd: PathBuf,
        env: BTreeMap<String, EnvValue>,
        unset: Vec<String>,
        stdin: bool,
        /// The terminal is the process's own: nothing of it is logged. Absent in plans of older versions.
        #[serde(default)]
        tty: bool,
        logs: Option<Logs>,
        ready: Option<Ready>,
    },
    /// Carries out another plan in a process of its own that outlives this one. Its run's folder holds
    /// the plan and the job's ticket; what that process says goes to `talk`.
    Detach {
        plan: Box<Plan>,
        folder: PathBuf,
        talk: PathBuf,
    },
    /// Asks a container to end, and kills it after `grace` seconds. One that is gone is fine.
    StopContainer {
        engine: ContainerEngine,
        container: String,
        grace: u32,
    },
    /// With its anonymous volumes, running or not. One that is gone is fine.
    RemoveContainer {
        engine: ContainerEngine,
        container: String,
    },
    /// Takes a name away, and the image with its last one. One that is gone is fine; one that is in use
    /// is refused.
    RemoveImage {
        engine: ContainerEngine,
        image: String,
    },
    /// Asks a process, or the whole group that it leads, to end, and kills it after `grace` seconds. One
    /// that is gone is fine.
    StopProcess {
        process: Supervisor,
        group: bool,
        grace: u32,
    },
    /// Takes the unchanged copies of bundled files and empty folders out of a run's scratch folder,
    /// and says what the run left there.
    Tidy {
        scratch: PathBuf,
        copy: Option<PathBuf>,
        bundle: Option<PathBuf>,
    },
}

impl Plan {
    pub fn new(title: impl Into<String>) -> Self {
        Self { version: VERSION, title: title.into(), steps: Vec::new(), notes: Vec::new() }
    }

    pub fn step(&mut self, why: impl Into<String>, action: Action) -> &mut Self {
        self.steps.push(Step { why: why.into(), when: When::InTurn, action });
        self
    }

    pub fn always(&mut self, why: impl Into<String>, action: Action) -> &mut Self {
        self.steps.push(Step { why: why.into(), when: When::Always, action });
        self
    }

    pub fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.notes.push(text.into());
        self
    }
}
