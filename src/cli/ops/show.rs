//! `scaf show`.

use crate::cli::args::ShowArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::{journal, state};
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
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let (file, text) = match (read("requirements.lock"), read("requirements.txt")) {
        (Some(text), _) => (Some("requirements.lock"), text),
        (None, Some(text)) => (Some("requirements.txt"), text),
        (None, None) => (None, String::new()),
    };
    let environment = requirements::read(&text);
    let last =
        journal::entries(&project.layout)?.into_iter().find(|entry| entry.experiment == state.experiment);
    let outcome = last.as_ref().map(journal::Entry::outcome).transpose()?.flatten();
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "experiment": state.experiment,
            "path": project.layout.shown(&experiment.dir),
            "image": { "state": state.image, "tag": state.tag, "why": state.why },
            "environment": { "file": file, "packages": environment.names, "not_pinned":
                environment.loose.iter().map(|loose| &loose.text).collect::<Vec<_>>() },
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
    match file {
        None => line("environment", "no requirements.txt"),
        Some(file) if environment.loose.is_empty() => {
            line("environment", &format!("{} packages, all pinned ({file})", environment.names.len()));
        }
        Some(file) => {
            line(
                "environment",
                &format!(
                    "{} packages, {} not pinned ({file})",
                    environment.names.len(),
                    environment.loose.len()
                ),
            );
            for loose in &environment.loose {
                line("", &format!("{file}:{}: {}", loose.line, loose.text));
            }
        }
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
