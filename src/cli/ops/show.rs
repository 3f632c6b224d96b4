//! `scaf show`.

use crate::cli::args::ShowArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::{journal, load, state};
use crate::project::layout::ENVIRONMENT;
use crate::project::python::requirements;

pub fn run(context: &Context<'_>, args: ShowArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_to_look_at(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let state =
        state::all(&project.layout, &settings, std::slice::from_ref(&experiment), &context.environment);
    let Some(state) = state.into_iter().next() else {
        return Err(Failure::ours("an experiment has no state"));
    };
    let folder = experiment.dir.join(ENVIRONMENT);
    let file = ["requirements.lock", "requirements.txt"].into_iter().find(|name| folder.join(name).is_file());
    let read = file.map_or_else(|| Ok(Vec::new()), |name| load::requirements::read(&folder, name));
    let (files, problem) = match read {
        Ok(files) => (files, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let packages: Vec<&String> =
        files.iter().filter(|file| !file.constraint).flat_map(|file| &file.read.names).collect();
    let loose = requirements::loose(&files);
    let last =
        journal::entries(&project.layout)?.into_iter().find(|entry| entry.experiment == state.experiment);
    let outcome = last.as_ref().map(journal::Entry::outcome).transpose()?.flatten();
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "experiment": state.experiment,
            "path": project.layout.shown(&experiment.dir),
            "image": { "state": state.image, "tag": state.tag, "why": state.why },
            "environment": { "file": file, "packages": packages, "problem": problem, "not_pinned":
                loose.iter().map(|(_, loose)| &loose.text).collect::<Vec<_>>() },
            "shared": state.shared,
            "last_run": last.as_ref().map(|entry| serde_json::json!({ "run": entry.name, "outcome": outcome })),
        }))?;
        return Ok(0);
    }
    let mut text = String::new();
    let mut line = |key: &str, value: &str| text.push_str(&format!("{key:<12} {value}\n"));
    line("experiment", &state.experiment);
    line("path", &project.layout.shown(&experiment.dir).display().to_string());
    let why = if state.why.is_empty() { String::new() } else { format!(": {}", state.why.join(", ")) };
    line("image", &format!("{}{why}", state.image));
    if let Some(tag) = &state.tag {
        line("tag", tag);
    }
    match (file, &problem) {
        (None, _) => line("environment", "no requirements.txt"),
        (Some(_), Some(problem)) => line("environment", problem),
        (Some(file), None) if loose.is_empty() => {
            line("environment", &format!("{} packages, all pinned ({file})", packages.len()));
        }
        (Some(file), None) => {
            let (all, loose) = (packages.len(), loose.len());
            line("environment", &format!("{all} packages, {loose} not pinned ({file})"));
        }
    }
    for (file, loose) in &loose {
        line("", &format!("{}:{}: {}", file.shown, loose.line, loose.text));
    }
    line("shared", &if state.shared.is_empty() { "nothing".to_owned() } else { state.shared.join(", ") });
    match (&last, &outcome) {
        (None, _) => line("last run", "never"),
        (Some(entry), None) => line("last run", &format!("{}, not ended", entry.name)),
        (Some(entry), Some(outcome)) => {
            line("last run", &format!("{}, {outcome}", entry.name));
        }
    }
    context.ui.data(&text)?;
    Ok(0)
}
