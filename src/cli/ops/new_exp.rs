//! `scaf new-exp`.

use std::collections::BTreeMap;

use super::act::act;
use crate::cli::args::NewExpArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::host::{clock, python};
use crate::orchestrate::load::{code, experiments, templates};
use crate::orchestrate::planner::new_exp::{self, Place};
use crate::project::layout::ENVIRONMENT;
use crate::project::name::ExperimentName;
use crate::project::template;

/// The template whose environment code from elsewhere gets.
const AROUND: &str = "minimal";

/// Where no Python is on the machine.
const PYTHON: &str = "3.12";

pub fn run(context: &Context<'_>, args: NewExpArgs) -> Result<u8, Failure> {
    let given = args.name.or(args.exp).unwrap_or_default();
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
    let python = match args.python {
        Some(version) => checked_version(version)?,
        None => {
            python::in_use(&context.environment).map_or_else(|| PYTHON.to_owned(), |python| python.minor())
        }
    };
    let code = args.from.as_ref().map(|from| code::read(&context.directory.join(from))).transpose()?;
    let files = match &code {
        None => templates::experiment(&args.template, &context.directory, Some(&project.layout))?,
        Some(code) => new_exp::around(templates::experiment(AROUND, &context.directory, None)?, code),
    };
    let variables = BTreeMap::from([
        ("experiment", name.to_string()),
        ("name", name.last().to_owned()),
        ("project", project.settings.project.name.clone()),
        ("python_version", python.clone()),
        ("scaf_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("depth_up", vec![".."; name.depth() + project.layout.code.components().count()].join("/")),
    ]);
    let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
    let draft = format!(".new-{}-{:08x}", name.slug(), clock::seed() & 0xffff_ffff);
    let plan = new_exp::plan(&project.layout, &name, &place, &draft, &files)?;
    if act(context, &plan)?.is_none() {
        return Ok(0);
    }
    let dir = project.layout.experiment_dir(&name);
    let shown = project.layout.shown(&dir).to_owned();
    if context.global.json {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        context.ui.object(&serde_json::json!({
            "experiment": name, "path": shown, "python": python, "files": paths,
            "template": code.is_none().then_some(&args.template), "from": args.from,
            "modules": code.map(|code| code.modules),
        }))?;
        return Ok(0);
    }
    context.ui.say(&format!("made the experiment `{name}` in {}/ (Python {python})", shown.display()));
    for line in code.iter().flat_map(new_exp::notes) {
        context.ui.say(&line);
    }
    context.ui.hint(&format!("next: scaf local {name}"));
    Ok(0)
}

fn checked_version(version: String) -> Result<String, Failure> {
    let fine = version.split_once('.').is_some_and(|(major, minor)| {
        major == "3" && !minor.is_empty() && minor.chars().all(|c| c.is_ascii_digit())
    });
    if fine {
        Ok(version)
    } else {
        Err(Failure::usage(format!("`{version}` is not a minor version of Python 3")).hint("such as 3.12"))
    }
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
