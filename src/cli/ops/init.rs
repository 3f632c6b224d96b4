//! `scaf init`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::act::act;
use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::load::{self, templates};
use crate::orchestrate::planner;
use crate::project::ancestor::Ancestor;
use crate::project::layout::{IGNORE, Layout, SETTINGS};
use crate::project::template;
use crate::spec::plan::Action;

pub fn run(context: &Context<'_>, args: InitArgs) -> Result<u8, Failure> {
    let root = match &args.directory {
        Some(directory) => context.directory.join(directory),
        None => context.directory.clone(),
    };
    if root.exists() && !root.is_dir() {
        return Err(Failure::user(format!("`{}` is there and is no folder", root.display())));
    }
    let root = root.canonicalize().unwrap_or(root);
    let name = match args.name {
        Some(name) => name,
        None => {
            root.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
        }
    };
    if name.trim().is_empty() || name.contains(['"', '\\', '\n']) {
        return Err(
            Failure::usage(format!("`{name}` cannot be a project's name")).hint("give another with `--name`")
        );
    }
    if args.template.is_none()
        && let Some(found) = load::ancestor::find(&root)?
    {
        return adopt(context, &root, &name, &found);
    }
    let fresh = !root.join(SETTINGS).exists();
    let files = match &args.template {
        None => templates::project()?,
        Some(folder) => templates::folder(&context.directory.join(folder))?,
    };
    let variables =
        BTreeMap::from([("project", name.clone()), ("scaf_version", env!("CARGO_PKG_VERSION").to_owned())]);
    let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
    let kept: Vec<String> =
        files.iter().filter(|file| root.join(&file.path).exists()).map(|file| file.path.clone()).collect();
    let plan = planner::init::plan(&root, &name, &files);
    if act(context, &plan)?.is_none() {
        return Ok(0);
    }
    let written: Vec<&str> = files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| !kept.iter().any(|other| other == path))
        .collect();
    if context.global.json {
        context.ui.object(
            &serde_json::json!({ "project": name, "root": root, "written": written, "kept": kept }),
        )?;
        return Ok(0);
    }
    if !fresh && written.is_empty() {
        context.ui.say(&format!("`{name}` is a project already; nothing was missing"));
        return Ok(0);
    }
    context.ui.say(&format!("made the project `{name}` in {}", root.display()));
    if !kept.is_empty() {
        context.ui.say(&format!("left as they were: {}", kept.join(", ")));
    }
    let cd = cd_hint(context, &root);
    context.ui.hint(&format!("next: {cd}scaf new-exp digit_recognition && scaf local"));
    Ok(0)
}

/// Takes over a project of the ancestor template.
fn adopt(context: &Context<'_>, root: &Path, name: &str, found: &Ancestor) -> Result<u8, Failure> {
    let files = templates::project()?;
    let scafignore = files.iter().find(|file| file.path == IGNORE).map_or("", |file| file.text.as_str());
    let gitignore = std::fs::read_to_string(root.join(".gitignore")).ok();
    let plan = planner::adopt::plan(&planner::adopt::Facts {
        root,
        name,
        ancestor: found,
        gitignore: gitignore.as_deref(),
        scafignore,
    });
    let written: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::WriteFile { path, .. } => Some(path.strip_prefix(root).ok()?.display().to_string()),
            _ => None,
        })
        .collect();
    if act(context, &plan)?.is_none() {
        return Ok(0);
    }
    let mut layout = Layout::new(root);
    if let Some(code) = &found.code {
        layout.code = PathBuf::from(code);
    }
    let experiments: Vec<String> =
        load::experiments::experiments(&layout)?.into_iter().map(|found| found.name.to_string()).collect();
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "project": name, "root": root, "adopted": true, "written": written, "experiments": experiments,
            "notes": plan.notes,
        }))?;
        return Ok(0);
    }
    context.ui.say(&format!(
        "took over the project `{name}` in {}: wrote {}",
        root.display(),
        written.join(", ")
    ));
    for note in &plan.notes {
        context.ui.say(&format!("note: {note}"));
    }
    match experiments.as_slice() {
        [] => context.ui.say(&format!("there is no experiment in `{}/` yet", layout.code.display())),
        some => context.ui.say(&format!("its experiments: {}", some.join(", "))),
    }
    if let Some(first) = experiments.first() {
        context.ui.hint(&format!("next: {}scaf local {first}", cd_hint(context, root)));
    }
    Ok(0)
}

fn cd_hint(context: &Context<'_>, root: &Path) -> String {
    if context.directory == root {
        return String::new();
    }
    let shown = root.strip_prefix(&context.directory).unwrap_or(root);
    format!("cd {} && ", crate::spec::plan::shell::word(&shown.to_string_lossy()))
}
