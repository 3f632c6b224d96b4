//! `scaf new-exp`.

mod from;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::act::act;
use crate::cli::args::NewExpArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::host::{clock, python};
use crate::orchestrate::load::{experiments, templates};
use crate::orchestrate::planner::new_exp::{self, Contents, Place};
use crate::project::layout::ENVIRONMENT;
use crate::project::name::ExperimentName;
use crate::project::template;

/// The template whose environment code from elsewhere gets.
const AROUND: &str = "minimal";

/// Where no Python is on the machine.
const PYTHON: &str = "3.12";

pub fn run(context: &Context<'_>, args: NewExpArgs) -> Result<u8, Failure> {
    let given = args.name.clone().or_else(|| args.exp.clone()).unwrap_or_default();
    let project = context.project()?;
    // As everywhere, the path that a shell completes will do, too.
    let code = format!("{}/", project.layout.code.display());
    let plain = given.strip_prefix("./").unwrap_or(&given);
    let plain = plain.strip_prefix(code.as_str()).unwrap_or(plain);
    let name = match ExperimentName::parse(plain) {
        Ok(name) => name,
        Err(error) => {
            let mut failure = Failure::user(error.to_string());
            if let Some(hint) = error.hint() {
                failure = failure.hint(hint);
            }
            return Err(failure);
        }
    };
    let place = place(&project, &name)?;
    // Before anything that takes its time.
    new_exp::refuse(&project.layout, &name, &place)?;
    let draft = format!(".new-{}-{:08x}", name.slug(), clock::seed() & 0xffff_ffff);
    let draft = project.layout.code_dir().join(draft);
    let wanted = Wanted { project: &project, name: &name, place, draft };
    match &args.from {
        Some(path) => from::run(context, &args, path, &wanted),
        None => of_template(context, &args, &wanted),
    }
}

/// What both ways have in common.
pub struct Wanted<'a> {
    pub project: &'a Project,
    pub name: &'a ExperimentName,
    pub place: Place,
    /// Where it is made before it gets its name.
    pub draft: PathBuf,
}

impl Wanted<'_> {
    /// What the texts of a template may name.
    pub fn variables(&self, python: &str) -> BTreeMap<&'static str, String> {
        let Self { project, name, .. } = self;
        BTreeMap::from([
            ("experiment", name.to_string()),
            ("name", name.last().to_owned()),
            ("project", project.settings.project.name.clone()),
            ("python_version", python.to_owned()),
            ("scaf_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("depth_up", vec![".."; name.depth() + project.layout.code.components().count()].join("/")),
        ])
    }
}

fn of_template(context: &Context<'_>, args: &NewExpArgs, wanted: &Wanted<'_>) -> Result<u8, Failure> {
    let Wanted { project, name, place, draft } = wanted;
    let python = match &args.python {
        Some(text) => version(text).map(|(major, minor)| format!("{major}.{minor}")).ok_or_else(|| {
            Failure::usage(format!("`{text}` is not a minor version of Python 3")).hint("such as 3.12")
        })?,
        None => in_use(context),
    };
    let files = templates::experiment(&args.template, &context.directory, Some(&project.layout))?;
    let variables = wanted.variables(&python);
    let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
    let contents = Contents { files: &files, links: &BTreeSet::new(), more: Vec::new() };
    let plan = new_exp::plan(&project.layout, name, place, draft, contents)?;
    if act(context, &plan)?.is_none() {
        return Ok(0);
    }
    let dir = project.layout.experiment_dir(name);
    let shown = project.layout.shown(&dir);
    if context.global.json {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        context.ui.object(&serde_json::json!({
            "experiment": name, "path": shown, "python": python, "files": paths,
            "template": args.template, "from": null,
        }))?;
        return Ok(0);
    }
    context.ui.say(&format!("made the experiment `{name}` in {}/ (Python {python})", shown.display()));
    context.ui.hint(&format!("next: scaf local {name}"));
    Ok(0)
}

/// The version of the Python in use.
fn in_use(context: &Context<'_>) -> String {
    python::in_use(&context.environment).map_or_else(|| PYTHON.to_owned(), |python| python.minor())
}

/// `3.12`
fn version(text: &str) -> Option<(u8, u8)> {
    let (major, minor) = text.split_once('.')?;
    let is_number = !minor.is_empty() && minor.chars().all(|c| c.is_ascii_digit());
    (major == "3" && is_number).then(|| Some((3, minor.parse().ok()?))).flatten()
}

fn place(project: &Project, name: &ExperimentName) -> Result<Place, Failure> {
    let target = project.layout.experiment_dir(name);
    let mut folder = project.layout.code_dir();
    let mut path = Vec::new();
    for part in name.as_str().split('/') {
        folder.push(part);
        path.push(part);
        if folder != target && folder.join(ENVIRONMENT).is_dir() {
            return Ok(Place::Inside(path.join("/")));
        }
        if folder != target && folder.exists() && !folder.is_dir() {
            return Ok(Place::Other);
        }
    }
    if target.join(ENVIRONMENT).is_dir() {
        return Ok(Place::Experiment);
    }
    if target.symlink_metadata().is_err() {
        return Ok(Place::Free);
    }
    let below = experiments::experiments(&project.layout)?;
    Ok(match below.iter().find(|experiment| experiment.dir.starts_with(&target)) {
        Some(inner) => Place::Above(inner.name.to_string()),
        None => Place::Other,
    })
}
