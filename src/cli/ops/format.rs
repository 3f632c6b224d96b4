//! `scaf format`: a pinned ruff, kept in scaf's cache; the project's own settings of ruff count.

use std::path::{Path, PathBuf};

use super::act;
use crate::cli::args::FormatArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::enclosure::EnclosureError;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::host::python;
use crate::orchestrate::planner::format::{self, Facts};

pub fn run(context: &Context<'_>, args: FormatArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let layout = &project.layout;
    let folders: Vec<PathBuf> = match args.experiment.given() {
        Some(given) => vec![context.experiment(&project, Some(given))?.dir],
        None => vec![layout.code_dir(), layout.notebooks_dir()],
    };
    let folders: Vec<PathBuf> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
    if folders.is_empty() {
        return Err(Failure::user(format!("there is no `{}/` here", layout.code.display())));
    }
    let cache = context.environment.cache_dir().ok_or(EnclosureError::NoCache)?;
    let tools = cache.join("tools");
    let there = format::tool(&tools).join("bin/ruff").is_file();
    // Python is only asked for when ruff must be fetched with it.
    let (python, uv) = if there {
        (PathBuf::from("python3"), None)
    } else {
        let python = python::in_use(&context.environment).ok_or(EnclosureError::NoPython)?;
        (python.path, python::installer(&context.environment)?)
    };
    let facts = Facts {
        root: &layout.root,
        code: &layout.code,
        paths: folders.iter().map(|folder| layout.shown(folder).display().to_string()).collect(),
        has_settings: has_settings(&project, &folders),
        check: args.check,
        tools: &tools,
        python: &python,
        uv: uv.as_deref(),
    };
    let fetch = format::fetch(&facts);
    if context.global.dry_run {
        let mut plan = if there { crate::spec::plan::Plan::new("scaf format") } else { fetch };
        format::plan(&mut plan, &facts);
        act::print(context, &plan)?;
        return Ok(0);
    }
    let world = World::new(context.ui, &context.environment, context.global.json);
    // Also when it is there: that it was used is marked.
    execute::execute(&fetch, &world)?;
    let mut plan = crate::spec::plan::Plan::new("scaf format");
    format::plan(&mut plan, &facts);
    let ended = execute::execute(&plan, &world)?;
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "ruff": format::RUFF, "paths": facts.paths, "check": args.check, "status": ended.status,
        }))?;
    }
    Ok(ended.status)
}

/// Whether ruff would find settings for any of these files: at or above the root, or with the files.
fn has_settings(project: &Project, folders: &[PathBuf]) -> bool {
    let above = project.layout.root.ancestors().any(settings_in);
    above || folders.iter().any(|folder| below(folder, 4))
}

fn below(folder: &Path, depth: usize) -> bool {
    if settings_in(folder) {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    depth > 0
        && entries
            .flatten()
            .any(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && below(&entry.path(), depth - 1))
}

fn settings_in(folder: &Path) -> bool {
    let plain = ["ruff.toml", ".ruff.toml"].iter().any(|name| folder.join(name).is_file());
    plain
        || std::fs::read_to_string(folder.join("pyproject.toml"))
            .ok()
            .and_then(|text| text.parse::<toml::Table>().ok())
            .is_some_and(|table| table.get("tool").is_some_and(|tool| tool.get("ruff").is_some()))
}
