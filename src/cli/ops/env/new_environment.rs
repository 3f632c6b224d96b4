//! The `environment/` of a folder with code that has none: what the template has, around what is locked. It is made beside
//! its place and renamed at the end, so that the folder becomes an experiment whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::subject::{Python, Subject};
use crate::cli::args::EnvLockArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::host::{clock, python};
use crate::orchestrate::load::templates;
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::project::template::{self, Content, File};
use crate::spec::pinned::{DOCKERFILE, REQUIREMENTS};
use crate::spec::plan::{Action, IfThere, Plan, Step, When};
use crate::spec::settings::Settings;

const TEMPLATE: &str = "minimal";
/// Where no Python is on the machine.
const PYTHON: &str = "3.12";

pub struct NewEnvironment {
    /// Where it will be.
    pub folder: PathBuf,
    /// Where it is made.
    pub draft: PathBuf,
    /// Of the template's `environment/`, by their names in it.
    files: BTreeMap<String, String>,
}

impl NewEnvironment {
    /// `None` where there is an `environment/`.
    pub fn where_there_is_none(
        context: &Context<'_>,
        project: &Project,
        experiment: &Experiment,
        args: &EnvLockArgs,
        settings: &Settings,
    ) -> Result<Option<Self>, Failure> {
        let folder = experiment.dir.join(ENVIRONMENT);
        if folder.is_dir() {
            return Ok(None);
        }
        let asked = args.python_version.as_deref().or(settings.env.python.as_deref());
        let python = match asked {
            Some(version) => version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."),
            None => in_use(context, args, experiment)?,
        };
        let name = &experiment.name;
        let variables = BTreeMap::from([
            ("experiment", name.to_string()),
            ("name", name.last().to_owned()),
            ("project", project.settings.project.name.clone()),
            ("python_version", python),
            ("scaf_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("depth_up", vec![".."; name.depth() + project.layout.code.components().count()].join("/")),
        ]);
        let front = format!("{ENVIRONMENT}/");
        let mut files: Vec<File> = templates::experiment(TEMPLATE, &context.directory, None)?;
        files.retain(|file| file.path.starts_with(&front));
        let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
        let files = files.into_iter().filter_map(|file| match file.content {
            Content::Text(text) | Content::Verbatim(text) => {
                Some((file.path.trim_start_matches(&front).to_owned(), text))
            }
            Content::CopyOf(_) => None,
        });
        let draft = experiment.dir.join(format!(".{ENVIRONMENT}-{:08x}", clock::seed() & 0xffff_ffff));
        Ok(Some(Self { folder, draft, files: files.collect() }))
    }

    pub fn dockerfile(&self) -> &str {
        self.files.get(DOCKERFILE).map_or("", String::as_str)
    }

    /// What is locked gets the rest around it, and its place.
    pub fn complete(&self, plan: &mut Plan) {
        let is_written = |path: &Path| {
            plan.steps.iter().any(
                |step| matches!(&step.action, Action::WriteFile { path: written, .. } if written == path),
            )
        };
        let mut steps = Vec::new();
        for (name, text) in &self.files {
            let path = self.draft.join(name);
            // What the code needs stands there, where it needs anything.
            if name == REQUIREMENTS && is_written(&path) {
                continue;
            }
            let why = if name == DOCKERFILE { "how the image is made" } else { "that nothing is needed" };
            let action = Action::WriteFile {
                path,
                content: text.clone(),
                executable: false,
                if_there: IfThere::Refuse,
            };
            steps.push(Step { why: why.to_owned(), when: When::InTurn, action });
        }
        plan.steps.splice(0..0, steps);
        let rename = Action::Rename { from: self.draft.clone(), to: self.folder.clone() };
        plan.step("put the folder in its place", rename);
        plan.always("leave no draft", Action::Remove { path: self.draft.clone() });
    }

    /// Where a file of the draft will be.
    pub fn place(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.draft).map_or_else(|_| path.to_owned(), |below| self.folder.join(below))
    }
}

/// The minor version of the Python whose packages are looked at, else of any on this machine.
fn in_use(context: &Context<'_>, args: &EnvLockArgs, experiment: &Experiment) -> Result<String, Failure> {
    let subject = Subject { root: experiment.dir.clone(), paths: Vec::new(), experiment: None };
    let interpreter = Python::of(context, &args.python, &subject)?.interpreter;
    Ok(match interpreter.map(|interpreter| interpreter.version) {
        Some((major, minor)) => format!("{major}.{minor}"),
        None => {
            python::in_use(&context.environment).map_or_else(|| PYTHON.to_owned(), |python| python.minor())
        }
    })
}
