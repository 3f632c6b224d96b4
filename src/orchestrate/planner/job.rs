//! A job on this machine: its inputs become mounts, its outputs folders, its references words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::spec::container::EnvValue;
use crate::spec::hint::Explain;
use crate::spec::job::references::{self, Reference, To, Value};
use crate::spec::job::{CommandJob, Data, Input, InputValue, JobEnvironment};
use crate::spec::mount::{Access, Mount};
use crate::spec::place::{Problem, listed};
use crate::spec::plan::{Action, IfThere, Step, When};

/// Where an input's data is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    File(PathBuf),
    Folder(PathBuf),
    /// Nowhere that was looked.
    Missing {
        looked: Vec<PathBuf>,
    },
    /// Only the cloud knows it, and it has no name that a folder could have.
    Elsewhere,
    /// The job does not say.
    Unsaid,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LocalJobError {
    #[error("the job cannot run on this machine\n\n{}", listed(problems))]
    Problems { problems: Vec<Problem> },
    #[error("`environment` adds a conda file to `{image}`, which only Azure ML does")]
    Conda { image: String },
}

impl Explain for LocalJobError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Problems { .. } => Vec::new(),
            Self::Conda { .. } => {
                vec!["put a Dockerfile into `environment/` and say `environment: { build: { path: ./environment } }`".to_owned()]
            }
        }
    }
}

/// What a run needs to be the job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalJob {
    /// For the shell.
    pub command: String,
    pub mounts: Vec<Mount>,
    /// Folders and files to be made before.
    pub steps: Vec<Step>,
    pub env: BTreeMap<String, EnvValue>,
    /// What the job says and this machine does not do.
    pub notes: Vec<String>,
}

/// What it is made of.
pub struct Request<'a> {
    pub job: &'a CommandJob,
    /// The job file's name as shown.
    pub file: &'a str,
    pub located: &'a BTreeMap<String, Located>,
    /// The root inside: `/mnt`, or a folder of this machine with the host engine.
    pub root: &'a str,
    /// The run's folder.
    pub folder: &'a Path,
    /// Mounts are the engine's, not symlinks.
    pub container: bool,
}

pub fn plan(request: &Request<'_>) -> Result<LocalJob, LocalJobError> {
    let Request { job, file, located, root, folder, container } = request;
    if let JobEnvironment::Image { image, conda: true } = &job.environment {
        return Err(LocalJobError::Conda { image: image.clone() });
    }
    let mut made = LocalJob::default();
    let mut problems = Vec::new();
    let mut inputs: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, input) in &job.inputs {
        match &input.value {
            InputValue::Literal(text) => {
                inputs.insert(name, Value::Words(text.clone()));
            }
            InputValue::Data(data) => {
                let target = format!("{root}/inputs/{name}");
                match located.get(name).unwrap_or(&Located::Unsaid) {
                    Located::Folder(path) => {
                        made.mounts.push(Mount {
                            source: path.clone(),
                            target: target.clone(),
                            access: Access::ReadOnly,
                        });
                        inputs.insert(name, Value::Path(target));
                    }
                    Located::File(path) => {
                        let inside = mount_file(&mut made, name, path, &target, folder, *container);
                        inputs.insert(name, Value::Path(inside));
                    }
                    other => problems.push(problem(file, name, input, data, other)),
                }
            }
        }
    }
    let mut outputs: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, output) in &job.outputs {
        outputs.insert(name, Value::Path(format!("{root}/outputs/{name}")));
        // A file is made by whoever writes it, below a folder that is there.
        if output.kind.as_deref() != Some("uri_file") {
            step(&mut made, Action::MakeDirectory { path: folder.join("outputs").join(name) });
        }
        if let Some(path) = &output.path {
            made.notes
                .push(format!("output `{name}` stays in the run's outputs/ and does not go to `{path}`"));
        }
    }
    let value = |to: &To| match to {
        To::Input(name) => inputs.get(name.as_str()).cloned(),
        To::Output(name) => outputs.get(name.as_str()).cloned(),
        To::Other(_) => None,
    };
    match references::fill(&job.command, value) {
        Ok(command) => made.command = command,
        // One that is missing because its input is was told already.
        Err(_) if !problems.is_empty() => {}
        Err(reference) => problems.push(unfilled(job, file, &reference)),
    }
    if !problems.is_empty() {
        return Err(LocalJobError::Problems { problems });
    }
    made.env = job
        .environment_variables
        .iter()
        .map(|(name, value)| (name.clone(), EnvValue::Plain(value.clone())))
        .collect();
    if let Some(seconds) = job.timeout {
        made.notes.push(format!("`limits.timeout` of {seconds} s is not kept on this machine"));
    }
    if let JobEnvironment::Named(name) = &job.environment {
        made.notes
            .push(format!("`{name}` is known to Azure ML alone; the experiment's own environment/ is taken"));
    }
    Ok(made)
}

fn step(made: &mut LocalJob, action: Action) {
    made.steps.push(Step { why: "lay out the run's folder".to_owned(), when: When::InTurn, action });
}

/// A file keeps its name, below the input's folder. Its mount point has to be a file that is there,
/// and is made beside the scratch folder, so that nothing of it is left in that.
fn mount_file(
    made: &mut LocalJob,
    name: &str,
    path: &Path,
    target: &str,
    folder: &Path,
    container: bool,
) -> String {
    let file = path.file_name().map_or_else(|| "data".to_owned(), |file| file.to_string_lossy().into_owned());
    let inside = format!("{target}/{file}");
    if container {
        let stand = folder.join("inputs").join(name);
        step(
            made,
            Action::WriteFile {
                path: stand.join(&file),
                content: String::new(),
                executable: false,
                if_there: IfThere::Keep,
            },
        );
        made.mounts.push(Mount { source: stand, target: target.to_owned(), access: Access::ReadOnly });
    }
    made.mounts.push(Mount { source: path.to_owned(), target: inside.clone(), access: Access::ReadOnly });
    inside
}

fn problem(file: &str, name: &str, input: &Input, data: &Data, located: &Located) -> Problem {
    let set = format!("`--set inputs.{name}.path=FOLDER`");
    let (what, hint) = match (data.path.as_deref(), located) {
        (None, _) => (format!("input `{name}` has no path"), format!("say where it is: {set}")),
        (Some(path), Located::Elsewhere) => (
            format!("input `{name}` is `{path}`, which is not on this machine"),
            format!("name a copy of it: {set}"),
        ),
        (Some(path), Located::Missing { looked }) => {
            let looked: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
            (
                format!("input `{name}` is `{path}`, and {} is not there", looked.join(", ")),
                format!("put the data there, or say where it is: {set}"),
            )
        }
        (Some(path), _) => (format!("input `{name}` is `{path}`"), format!("say where it is: {set}")),
    };
    Problem {
        file: file.to_owned(),
        position: input.position,
        source: input.source.clone(),
        what,
        hint: Some(hint),
    }
}

fn unfilled(job: &CommandJob, file: &str, reference: &Reference) -> Problem {
    let text = job.command.get(reference.range.clone()).unwrap_or_default();
    // `fill` looks at the text alone; the places were found when the file was read.
    let position = job
        .references
        .iter()
        .find(|known| known.to == reference.to)
        .map(|known| known.position)
        .unwrap_or_default();
    let what = match &reference.to {
        To::Other(name) if name.starts_with("search_space") => {
            format!("`{text}` is filled in by a sweep, and this is none")
        }
        _ => format!("`{text}` stands for nothing here"),
    };
    Problem { file: file.to_owned(), position, source: String::new(), what, hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::job::Job;
    use crate::spec::job::read::read;

    const JOB: &str = "\
command: python train.py --data ${{inputs.data}} --table ${{inputs.table}} --epochs ${{inputs.epochs}} --out ${{outputs.model}} --log ${{outputs.log}}
environment: { build: { path: ./environment } }
environment_variables: { THREADS: 4 }
limits: { timeout: 60 }
inputs:
  data: { type: uri_folder, path: 'azureml:mnist:1' }
  table: { type: uri_file, path: ../table.csv }
  epochs: 8
outputs:
  model: { path: 'azureml://datastores/x/paths/y' }
  log: { type: uri_file }
";

    fn job(text: &str) -> CommandJob {
        match read("job.yaml", text, &[]).unwrap().job {
            Job::Command(job) => *job,
            Job::Other { .. } => panic!(),
        }
    }

    fn located() -> BTreeMap<String, Located> {
        BTreeMap::from([
            ("data".to_owned(), Located::Folder("/p/data/mnist".into())),
            ("table".to_owned(), Located::File("/p/src/table.csv".into())),
        ])
    }

    fn of(
        job: &CommandJob,
        located: &BTreeMap<String, Located>,
        container: bool,
    ) -> Result<LocalJob, LocalJobError> {
        let root = if container { "/mnt" } else { "/p/runs/e/r/mnt" };
        plan(&Request { job, file: "job.yaml", located, root, folder: Path::new("/p/runs/e/r"), container })
    }

    #[test]
    fn inputs_and_outputs_in_a_container() {
        let made = of(&job(JOB), &located(), true).unwrap();
        assert_eq!(
            made.command,
            "python train.py --data /mnt/inputs/data --table /mnt/inputs/table/table.csv --epochs 8 --out /mnt/outputs/model --log /mnt/outputs/log"
        );
        let mounts: Vec<String> =
            made.mounts.iter().map(|mount| format!("{} {}", mount.source.display(), mount.target)).collect();
        assert_eq!(
            mounts,
            [
                "/p/data/mnist /mnt/inputs/data",
                "/p/runs/e/r/inputs/table /mnt/inputs/table",
                "/p/src/table.csv /mnt/inputs/table/table.csv"
            ]
        );
        assert!(made.mounts.iter().all(|mount| mount.access == Access::ReadOnly));
        assert_eq!(made.steps.len(), 2, "{:?}", made.steps);
        assert_eq!(made.env["THREADS"], EnvValue::Plain("4".into()));
        assert_eq!(made.notes.len(), 2);
    }

    #[test]
    fn on_the_host_a_file_is_a_link() {
        let made = of(&job(JOB), &located(), false).unwrap();
        assert_eq!(made.mounts.len(), 2);
        assert_eq!(made.mounts[1].target, "/p/runs/e/r/mnt/inputs/table/table.csv");
    }

    #[test]
    fn what_is_not_here_is_told_all_at_once() {
        let located = BTreeMap::from([
            ("data".to_owned(), Located::Missing { looked: vec!["/p/data/mnist".into()] }),
            ("table".to_owned(), Located::Elsewhere),
        ]);
        insta::assert_snapshot!(of(&job(JOB), &located, true).unwrap_err().to_string());
    }

    #[test]
    fn a_sweep_s_words_and_conda_are_refused() {
        let sweep = job("command: t ${{search_space.lr}}\nenvironment: azureml:x:1\n");
        let error = of(&sweep, &BTreeMap::new(), true).unwrap_err();
        assert!(
            error.to_string().contains("job.yaml:1:12: `${{search_space.lr}}` is filled in by a sweep"),
            "{error}"
        );
        let conda = job("command: t\nenvironment: {image: x, conda_file: {dependencies: []}}\n");
        assert_eq!(of(&conda, &BTreeMap::new(), true), Err(LocalJobError::Conda { image: "x".into() }));
    }
}
