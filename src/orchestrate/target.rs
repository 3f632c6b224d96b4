//! Through which queue a job goes. A target says what is to be typed and how the answers are read; it
//! types nothing and asks nobody. A new target is one file, one line in `TARGETS` and one page in
//! `docs/targets/`.

pub mod azureml;
pub mod local;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::spec::hint::{Explain, Fault};
use crate::spec::job::{Job, JobFile};
use crate::spec::place::{Problem, listed};
use crate::spec::plan::{Action, Plan, Step};
use crate::spec::record::Outcome;
use crate::spec::settings::TargetSettings;
use crate::spec::ticket::{State, Ticket};

/// What a target is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A command that an engine has enclosed already.
    Command,
    /// The bundle, or an image of it: the target encloses by itself.
    Image,
}

/// What a target can do. A positive list: what nobody claimed is a "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Jobs of other types than `command`.
    OtherTypes,
    /// More than one machine for a job.
    ManyMachines,
    /// Further words for its client (`job-xargs`).
    ExtraWords,
}

/// A program of this machine that a target's words are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    pub program: &'static str,
    pub hints: &'static [&'static str],
}

/// What there is to know of a target before anything is asked.
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub kind: &'static str,
    pub payload: Payload,
    pub offers: &'static [Offer],
    pub tool: Option<Tool>,
}

/// A job on its way to a target.
pub struct Handing<'a> {
    /// The `NAME` of `[targets.NAME]`.
    pub target: &'a str,
    pub settings: &'a TargetSettings,
    /// Where the values of its table were set, by their dotted names.
    pub origins: &'a BTreeMap<String, String>,
    pub job: &'a JobFile,
    /// The job file, relative to the experiment.
    pub file: &'a str,
    /// `--set KEY=VALUE`.
    pub overrides: &'a [(String, String)],
    /// `job-xargs`, split.
    pub extra: &'a [String],
    /// The run's folder.
    pub folder: &'a Path,
    /// Where the bundle's files lie for this job; a target of payload `Image` gets them as real files.
    pub bundle: &'a Path,
    /// The enclosed run, for a target of payload `Command`.
    pub run: Option<&'a Plan>,
}

/// A question about a job, and how its answer is read.
pub struct Asked {
    pub question: Question,
    pub read: fn(&Ticket, &Answer) -> State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The run's folder and the supervisor of this machine.
    Folder,
    /// A command line whose standard output is the answer.
    Command(Vec<String>),
}

/// The answer, in the question's form.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Folder {
        outcome: Option<Outcome>,
        /// The supervisor is there and the same.
        alive: bool,
        /// The child has begun: its log is there.
        begun: bool,
    },
    Command {
        status: i32,
        stdout: String,
        stderr: String,
    },
}

/// Where a job's output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// Files of the run's folder: those of the child, and the supervisor's own talk before them.
    Files { child: Vec<PathBuf>, before: PathBuf },
    /// A command line that shows it, and that follows a running job by itself.
    Command(Vec<String>),
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TargetError {
    #[error("there is no target `{name}`")]
    Unknown { name: String, near: Option<String> },
    #[error("the `{target}` target runs command jobs, and `{file}` is of type `{kind}`")]
    OtherType { target: String, file: String, kind: String },
    #[error("the job is not filled in\n\n{}", listed(problems))]
    Placeholders { problems: Vec<Problem> },
    #[error("the `{target}` target does not know its {what}")]
    NotSet { target: String, what: &'static str, key: String },
    #[error("`{key}` is still `{value}` (set in {origin})")]
    Placeholder { key: String, value: String, origin: String },
    #[error("the `{target}` target runs a job on one machine, and this one wants {what}")]
    ManyMachines { target: String, what: String },
    #[error("the `{target}` target takes no further words, and was given `{words}`")]
    ExtraWords { target: String, words: String },
    #[error("`{program}` is not on this machine, and the `{target}` target needs it")]
    NoTool { target: String, program: &'static str, hints: &'static [&'static str] },
    #[error("the target did not say by what it knows the job, so nothing can be asked about it")]
    NoId,
}

impl Explain for TargetError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoTool { .. } => Fault::World,
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { near: Some(near), .. } => vec![format!("did you mean `{near}`?")],
            Self::Unknown { name, near: None } => {
                vec![format!("add a `[targets.{name}]` table with its `kind` to scaf.toml")]
            }
            Self::OtherType { .. } => vec!["`--target azureml` hands it over unread".to_owned()],
            Self::Placeholders { .. } | Self::Placeholder { .. } => Vec::new(),
            Self::NotSet { key, .. } => vec![format!("set `{key}` in scaf.toml")],
            Self::ManyMachines { .. } => vec!["`--target azureml` can, or set it to one for now".to_owned()],
            Self::ExtraWords { .. } => vec!["leave `--job-xargs` out".to_owned()],
            Self::NoTool { hints, .. } => hints.iter().map(|hint| (*hint).to_owned()).collect(),
            Self::NoId => vec!["look at what it said: stdout.log in the run's folder".to_owned()],
        }
    }
}

/// A target, as the planner sees it.
pub trait Target: Sync {
    fn about(&self) -> About;

    /// Whether it will have the job; what can be known before anything is built or asked.
    fn accept(&self, handing: &Handing<'_>) -> Result<(), TargetError>;

    /// The steps that hand the job over.
    fn submit(&self, handing: &Handing<'_>) -> Result<Vec<Step>, TargetError>;

    /// What the job is known by, out of what the client said.
    fn ticket(&self, handing: &Handing<'_>, said: &str, ticket: &mut Ticket);

    /// How the job is.
    fn status(&self, ticket: &Ticket) -> Result<Asked, TargetError>;

    fn logs(&self, ticket: &Ticket, folder: &Path) -> Result<LogSource, TargetError>;

    /// What ends it.
    fn cancel(&self, ticket: &Ticket) -> Result<Vec<Action>, TargetError>;

    /// What brings its outputs into `to`.
    fn fetch(&self, ticket: &Ticket, folder: &Path, to: &Path) -> Result<Vec<Action>, TargetError>;
}

/// Every target.
pub const TARGETS: [&dyn Target; 2] = [&local::Local, &azureml::AzureMl];

/// The target of a kind.
pub fn of_kind(kind: &str) -> Option<&'static dyn Target> {
    TARGETS.into_iter().find(|target| target.about().kind == kind)
}

/// The checks that are the same for all of them.
pub fn accept(target: &dyn Target, handing: &Handing<'_>) -> Result<(), TargetError> {
    let About { kind: _, payload: _, offers, tool: _ } = target.about();
    let name = || handing.target.to_owned();
    match &handing.job.job {
        Job::Other { kind } if !offers.contains(&Offer::OtherTypes) => {
            return Err(TargetError::OtherType {
                target: name(),
                file: handing.file.to_owned(),
                kind: kind.clone(),
            });
        }
        Job::Command(job) if !offers.contains(&Offer::ManyMachines) => {
            let machines =
                job.resources.instance_count.filter(|count| *count > 1).map(|count| format!("{count}"));
            let processes = job.distribution.as_ref().and_then(|distribution| {
                let many = distribution.processes.is_some_and(|count| count > 1);
                many.then(|| format!("`distribution` of type {} with several processes", distribution.kind))
            });
            if let Some(what) = machines.or(processes) {
                return Err(TargetError::ManyMachines { target: name(), what });
            }
        }
        Job::Other { .. } | Job::Command(_) => {}
    }
    if !handing.extra.is_empty() && !offers.contains(&Offer::ExtraWords) {
        return Err(TargetError::ExtraWords { target: name(), words: handing.extra.join(" ") });
    }
    target.accept(handing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::job::read::read;
    use crate::spec::settings::TARGET_KINDS;

    pub(super) const JOB: &str =
        "command: python train.py\nenvironment: {build: {path: ./environment}}\ninputs: {epochs: 8}\n";

    #[test]
    fn the_register_and_the_settings_know_the_same_kinds() {
        let kinds: Vec<&str> = TARGETS.iter().map(|target| target.about().kind).collect();
        assert_eq!(kinds, TARGET_KINDS);
        for kind in kinds {
            assert!(of_kind(kind).is_some());
        }
    }

    #[test]
    fn every_target_refuses_what_it_does_not_offer() {
        let many = format!("{JOB}resources: {{instance_count: 2}}\n");
        let pipeline = "type: pipeline\njobs: {}\n";
        let settings = TargetSettings {
            resource_group: Some("g".into()),
            workspace: Some("w".into()),
            ..TargetSettings::default()
        };
        for target in TARGETS {
            let About { kind, offers, .. } = target.about();
            for (text, extra, offer) in [
                (many.as_str(), vec![], Offer::ManyMachines),
                (pipeline, vec![], Offer::OtherTypes),
                (JOB, vec!["--debug".to_owned()], Offer::ExtraWords),
            ] {
                let job = read("job.yaml", text, &[]).unwrap();
                let handing = Handing {
                    target: kind,
                    settings: &settings,
                    origins: &BTreeMap::new(),
                    job: &job,
                    file: "job.yaml",
                    overrides: &[],
                    extra: &extra,
                    folder: Path::new("/p/runs/e/r"),
                    bundle: Path::new("/p/runs/e/r/code"),
                    run: None,
                };
                assert_eq!(accept(target, &handing).is_ok(), offers.contains(&offer), "{kind} {offer:?}");
            }
        }
    }
}
