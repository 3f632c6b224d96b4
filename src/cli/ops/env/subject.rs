//! Whose environment it is about: an experiment, or files and folders anywhere; and whose packages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::args::PythonArg;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::load;
use crate::orchestrate::load::detect::{self, Request};
use crate::orchestrate::load::installed::Installed;
use crate::orchestrate::load::interpreter::{self, Interpreter, InterpreterError};
use crate::project::experiment::Experiment;
use crate::project::python::target::Target;
use crate::spec::detection::Detection;

/// Where the code is.
pub struct Subject {
    pub root: PathBuf,
    pub paths: Vec<PathBuf>,
    pub experiment: Option<Experiment>,
}

impl Subject {
    /// One name may be an experiment's; what is there as a file or folder is that. Without any, it is the
    /// experiment that every command would take.
    pub fn of(context: &Context<'_>, what: &[String], exp: Option<&str>) -> Result<Self, Failure> {
        let project = load::experiments::find_project(&context.directory);
        if let (Some(root), [] | [_]) = (&project, what)
            && let Some(experiment) = experiment(context, &context.project_at(root)?, what, exp)?
        {
            let root = experiment.dir.clone();
            return Ok(Self { paths: vec![root.clone()], root, experiment: Some(experiment) });
        }
        if what.is_empty() {
            return Err(match exp {
                Some(_) => context.project().err(),
                None => None,
            }
            .unwrap_or_else(|| {
                Failure::usage("there is no project here, so a file or a folder must be named")
                    .hint("`scaf env detect .` looks at this folder")
            }));
        }
        let mut paths = Vec::new();
        for given in what {
            let path = context.directory.join(given);
            let path = path.canonicalize().map_err(|error| {
                let failure = match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        Failure::user(format!("there is no file or folder `{given}`"))
                    }
                    _ => Failure::user(format!("cannot read `{given}`: {error}")),
                };
                match &project {
                    Some(_) => failure.hint("`scaf list` names the experiments"),
                    None => failure,
                }
            })?;
            paths.push(path);
        }
        let root = match paths.as_slice() {
            [one] if one.is_dir() => one.clone(),
            [one] => one.parent().map_or_else(|| one.clone(), std::path::Path::to_owned),
            _ => context.directory.canonicalize().unwrap_or_else(|_| context.directory.clone()),
        };
        Ok(Self { root, paths, experiment: None })
    }
}

fn experiment(
    context: &Context<'_>,
    project: &Project,
    what: &[String],
    exp: Option<&str>,
) -> Result<Option<Experiment>, Failure> {
    let Some(given) = what.first().map(String::as_str).or(exp) else {
        return context.experiment_to_look_at(project, None).map(Some);
    };
    let all = load::experiments::experiments(&project.layout)?;
    let path = context.directory.join(given);
    let is_path = path.exists();
    if is_path && exp.is_none() {
        let path = path.canonicalize().unwrap_or(path);
        return Ok(all.into_iter().find(|experiment| experiment.dir == path));
    }
    if let Some(folder) = context.code_alone(project, given) {
        return Ok(Some(folder));
    }
    context.experiment_to_look_at(project, Some(given)).map(Some)
}

/// The Python whose packages are looked at, with them.
pub struct Python {
    pub interpreter: Option<Interpreter>,
    pub installed: Option<Installed>,
    /// Where it is kept what code was found to need of them.
    pub cache: Option<PathBuf>,
}

impl Python {
    /// Where none is asked for and none is there, nothing is installed.
    pub fn of(context: &Context<'_>, args: &PythonArg, subject: &Subject) -> Result<Self, Failure> {
        let cache = context.digest_cache();
        if args.no_python {
            return Ok(Self { interpreter: None, installed: None, cache });
        }
        let asked = args.python.as_ref().map(|python| context.directory.join(python));
        let interpreter = match interpreter::choose(asked.as_deref(), &subject.root, &context.environment) {
            Ok(interpreter) => interpreter,
            Err(error) if asked.is_none() && matches!(error, InterpreterError::None) => {
                return Ok(Self { interpreter: None, installed: None, cache });
            }
            Err(error) => return Err(error.into()),
        };
        let installed = Installed::read(&interpreter)?;
        Ok(Self { interpreter: Some(interpreter), installed: Some(installed), cache })
    }

    /// Linux on x86-64, where runs are, with this Python.
    pub fn target(&self) -> Target {
        let mut target = Target::default();
        if let Some(interpreter) = &self.interpreter {
            target.python = interpreter.version;
        }
        target
    }
}

/// What the subject's code needs.
pub fn detect(subject: &Subject, python: &Python, target: &Target) -> Result<Detection, Failure> {
    detect_with(subject, python, target, None)
}

/// The same with the versions that a lock has chosen.
pub fn detect_with(
    subject: &Subject,
    python: &Python,
    target: &Target,
    chosen: Option<&BTreeMap<String, String>>,
) -> Result<Detection, Failure> {
    let request = Request {
        root: &subject.root,
        paths: &subject.paths,
        is_experiment: subject.experiment.is_some(),
        interpreter: python.interpreter.as_ref(),
        installed: python.installed.as_ref(),
        target,
        chosen,
        cache: python.cache.as_deref(),
    };
    Ok(detect::detect(&request)?)
}
