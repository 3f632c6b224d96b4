//! A job file: how an experiment runs elsewhere, in the form of Azure ML's command jobs. What this
//! reader takes, Azure's own package takes, too (azure-ai-ml 1.35.2; `tests/it/job_corpus.txt`).

pub mod command_line;
pub mod placeholders;
pub mod read;
pub mod references;
pub mod schema;
pub mod tables;

use std::collections::BTreeMap;

use serde::Serialize;

use super::hint::Explain;
use super::place::{Position, Problem, listed};

/// Names of an experiment's job file, in the order in which they are looked for after the settings'.
pub const FILES: [&str; 2] = ["job.yaml", "azure-ml-job.yaml"];

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{}\n\n{}", headline(problems), listed(problems))]
pub struct JobFileError {
    pub problems: Vec<Problem>,
}

fn headline(problems: &[Problem]) -> String {
    let file = problems.first().map_or("the job file", |problem| &problem.file);
    match problems.len() {
        1 => format!("a problem in `{file}`"),
        many => format!("{many} problems in `{file}`"),
    }
}

impl Explain for JobFileError {}

/// A job file as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFile {
    pub job: Job,
    /// `<…>` that nobody has filled in, by the key of the value that has it: fine where a target does not
    /// look, refused before a submission.
    pub placeholders: Vec<(String, Problem)>,
}

impl JobFile {
    /// The placeholders in values of certain keys.
    pub fn unfilled(&self, keys: impl Fn(&str) -> bool) -> Vec<Problem> {
        self.placeholders.iter().filter(|(key, _)| keys(key)).map(|(_, problem)| problem.clone()).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    Command(Box<CommandJob>),
    /// Another `type`: handed to Azure ML unread.
    Other {
        kind: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct CommandJob {
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub experiment_name: Option<String>,
    pub description: Option<String>,
    pub command: String,
    pub code: Option<String>,
    /// In the order of the file.
    pub inputs: Vec<(String, Input)>,
    pub outputs: Vec<(String, Output)>,
    pub environment: JobEnvironment,
    pub environment_variables: BTreeMap<String, String>,
    pub compute: Option<String>,
    pub resources: Resources,
    pub distribution: Option<Distribution>,
    /// Seconds.
    pub timeout: Option<u64>,
    /// What the file names beside itself; whether it is there is for who can look.
    pub paths: Vec<NamedPath>,
    /// Every `${{…}}` of the command.
    pub references: Vec<references::Reference>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub position: Position,
    /// The line it stands in.
    pub source: String,
    pub value: InputValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum InputValue {
    /// As it is put into the command.
    Literal(String),
    Data(Data),
}

/// Data that a job is given: a path of this machine, relative to the job file; or something that only
/// the cloud knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    pub kind: Option<String>,
    pub path: Option<String>,
    pub mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    pub position: Position,
    pub kind: Option<String>,
    pub path: Option<String>,
    pub mode: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum JobEnvironment {
    /// Registered with the cloud: `azureml:name:version`.
    Named(String),
    Image {
        image: String,
        /// Packages on top of it, by a conda file.
        conda: bool,
    },
    /// A folder with a Dockerfile, relative to the job file.
    Build { path: Option<String>, dockerfile: Option<String> },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    pub instance_count: Option<i64>,
    pub shm_size: Option<String>,
    /// Words for `docker run`, as the file has them: one text or a list.
    pub docker_args: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    pub kind: String,
    pub processes: Option<i64>,
}

/// A path of this machine that a job file names.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPath {
    /// Dotted, e.g. `environment.build.path`.
    pub key: String,
    pub path: String,
    pub position: Position,
    pub source: String,
}

impl CommandJob {
    /// What a run of it is told apart by: its inputs, as far as they are said.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        self.inputs
            .iter()
            .filter_map(|(name, input)| {
                let value = match &input.value {
                    InputValue::Literal(text) => text.clone(),
                    InputValue::Data(data) => data.path.clone()?,
                };
                Some((name.clone(), value))
            })
            .collect()
    }

    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|(known, _)| known == name).map(|(_, input)| input)
    }

    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|(known, _)| known == name).map(|(_, output)| output)
    }
}
