//! `scaf init`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::act::act;
use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::load::{self, templates};
use crate::orchestrate::planner;
use crate::orchestrate::planner::gitignore::Places;
use crate::orchestrate::planner::init::InitError;
use crate::project::ancestor::Ancestor;
use crate::project::layout::{IGNORE, Layout, SETTINGS};
use crate::project::template::{self, Content};
use crate::spec::plan::{Action, IfThere};

pub fn run(context: &Context<'_>, args: InitArgs) -> Result<u8, Failure> {
    let root = match &args.directory {
        Some(directory) => context.directory.join(directory),
        None => context.directory.clone(),
    };
    if root.exists() && !root.is_dir() {
        return Err(Failure::user(format!("`{}` is there and is no folder", root.display())));
    }
    let root = real(&root);
    if root.join(SETTINGS).is_file() {
        return complete(context, &root, &args);
    }
    if let Some(outer) = root.parent().and_then(load::experiments::find_project) {
        return Err(InitError::Inside { root, outer }.into());
    }
    let name = match &args.name {
        Some(name) => name.clone(),
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
    let places = Places { data: Some("data"), code: "src" };
    let Some(made) = lay_out(context, &root, &name, args.template.as_deref(), places)? else { return Ok(0) };
    if context.global.json {
        return made.object(context, &root, &name);
    }
    context.ui.say(&format!("made the project `{name}` in {}", root.display()));
    if !made.kept.is_empty() {
        context.ui.say(&format!("left as they were: {}", made.kept.join(", ")));
    }
    made.say_ignored(context);
    let cd = cd_hint(context, &root);
    context.ui.hint(&format!("next: {cd}scaf new-exp digit_recognition && scaf local"));
    Ok(0)
}

/// Adds to a project what is missing of one.
fn complete(context: &Context<'_>, root: &Path, args: &InitArgs) -> Result<u8, Failure> {
    let project = context.project_at(root)?;
    let name = project.settings.project.name.clone();
    if let Some(wanted) = args.name.as_ref().filter(|wanted| **wanted != name) {
        let wanted = wanted.clone();
        return Err(InitError::OtherName { root: root.to_owned(), name, wanted }.into());
    }
    let made = if project.settings.project.adopted {
        adopted(context, root, &name)?
    } else {
        let code = project.settings.project.code.as_str();
        let data = project.settings.data.path.as_str();
        let inside = !data.starts_with('/') && !data.split('/').any(|part| matches!(part, "." | ".."));
        let places = Places { data: inside.then_some(data), code };
        lay_out(context, root, &name, args.template.as_deref(), places)?
    };
    let Some(made) = made else { return Ok(0) };
    if context.global.json {
        return made.object(context, root, &name);
    }
    if made.written.is_empty() && made.ignored.is_empty() {
        context.ui.say(&format!("`{name}` is a project already; nothing was missing"));
        return Ok(0);
    }
    let added =
        if made.written.is_empty() { String::new() } else { format!(": {}", made.written.join(", ")) };
    context.ui.say(&format!("`{name}` is a project already; added what was missing{added}"));
    made.say_ignored(context);
    Ok(0)
}

/// What came of it.
struct Made {
    written: Vec<String>,
    kept: Vec<String>,
    /// Lines added to a `.gitignore` that was there.
    ignored: Vec<String>,
}

impl Made {
    fn object(&self, context: &Context<'_>, root: &Path, name: &str) -> Result<u8, Failure> {
        let Self { written, kept, ignored } = self;
        context.ui.object(&serde_json::json!({
            "project": name, "root": root, "written": written, "kept": kept, "gitignore_added": ignored,
        }))?;
        Ok(0)
    }

    fn say_ignored(&self, context: &Context<'_>) {
        if !self.ignored.is_empty() {
            context.ui.say(&format!("added to .gitignore: {}", self.ignored.join(", ")));
        }
    }
}

/// Writes what is missing of the template's files; `None` with `--dry-run`.
fn lay_out(
    context: &Context<'_>,
    root: &Path,
    name: &str,
    template: Option<&str>,
    places: Places<'_>,
) -> Result<Option<Made>, Failure> {
    let files = match template {
        None => templates::project()?,
        Some(folder) => templates::folder(&context.directory.join(folder))?,
    };
    let variables = BTreeMap::from([
        ("project", name.to_owned()),
        ("scaf_version", env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
    let ground = load::ground::look(root, files.iter().map(|file| file.path.as_str()));
    let gitignore = gitignore(context, root)?;
    let made = planner::init::plan(&planner::init::Facts {
        root,
        name,
        files: &files,
        ground: &ground,
        gitignore: gitignore.as_deref().filter(|_| ground.there.iter().any(|file| file == GITIGNORE)),
        places,
    })?;
    if act(context, &made.plan)?.is_none() {
        return Ok(None);
    }
    let kept = ground.there.into_iter().filter(|file| made.ignored.is_empty() || file != GITIGNORE).collect();
    Ok(Some(Made { written: made.written, kept, ignored: made.ignored }))
}

const GITIGNORE: &str = ".gitignore";

/// The text of the root's `.gitignore`, empty where there is none; `None` where it is no text.
fn gitignore(context: &Context<'_>, root: &Path) -> Result<Option<String>, Failure> {
    match load::ground::text(&root.join(GITIGNORE)) {
        Ok(text) => Ok(Some(text.unwrap_or_default())),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            context.ui.warning(&format!("`{GITIGNORE}` is not UTF-8, so nothing was added to it"));
            Ok(None)
        }
        Err(error) => Err(Failure::user(format!("cannot read `{GITIGNORE}`: {error}"))),
    }
}

/// Takes over a project of the ancestor template.
fn adopt(context: &Context<'_>, root: &Path, name: &str, found: &Ancestor) -> Result<u8, Failure> {
    let Some((made, notes)) = take_over(context, root, name, found)? else { return Ok(0) };
    let mut layout = Layout::new(root);
    layout.code = PathBuf::from(found.code_path());
    let experiments: Vec<String> =
        load::experiments::experiments(&layout)?.into_iter().map(|found| found.name.to_string()).collect();
    if context.global.json {
        context.ui.object(&serde_json::json!({
            "project": name, "root": root, "adopted": true, "written": made.written,
            "experiments": experiments, "notes": notes,
        }))?;
        return Ok(0);
    }
    context.ui.say(&format!(
        "took over the project `{name}` in {}: wrote {}",
        root.display(),
        made.written.join(", ")
    ));
    for note in &notes {
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

/// Adds to an adopted project what scaf itself needs of it.
fn adopted(context: &Context<'_>, root: &Path, name: &str) -> Result<Option<Made>, Failure> {
    Ok(take_over(context, root, name, &Ancestor::default())?.map(|(made, _)| made))
}

/// Writes what is missing; what was written and what is to be known, or `None` with `--dry-run`.
fn take_over(
    context: &Context<'_>,
    root: &Path,
    name: &str,
    found: &Ancestor,
) -> Result<Option<(Made, Vec<String>)>, Failure> {
    let files = templates::project()?;
    let scafignore = files.iter().find_map(|file| match &file.content {
        Content::Text(text) if file.path == IGNORE => Some(text.as_str()),
        Content::Text(_) | Content::Verbatim(_) | Content::CopyOf(_) => None,
    });
    let ground = load::ground::look(root, [SETTINGS, IGNORE, GITIGNORE]);
    if !ground.obstacles.is_empty() {
        return Err(InitError::InTheWay { root: root.to_owned(), obstacles: ground.obstacles }.into());
    }
    let gitignore = gitignore(context, root)?;
    let plan = planner::adopt::plan(&planner::adopt::Facts {
        root,
        name,
        ancestor: found,
        gitignore: gitignore.as_deref(),
        scafignore: scafignore.unwrap_or_default(),
    });
    let mut made = Made { written: Vec::new(), kept: ground.there, ignored: Vec::new() };
    for step in &plan.steps {
        if let Action::WriteFile { path, if_there, .. } = &step.action
            && let Ok(path) = path.strip_prefix(root)
        {
            let path = path.display().to_string();
            if *if_there == IfThere::Replace || !made.kept.contains(&path) {
                made.written.push(path);
            }
        }
    }
    Ok(act(context, &plan)?.is_some().then_some((made, plan.notes)))
}

/// The path without links and dots, as far as it is there.
fn real(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|above| {
            let rest = path.strip_prefix(above).ok()?;
            Some(above.canonicalize().ok()?.join(rest))
        })
        .map_or_else(|| path.to_owned(), |found| found.components().collect())
}

fn cd_hint(context: &Context<'_>, root: &Path) -> String {
    if context.directory == root {
        return String::new();
    }
    let shown = root.strip_prefix(&context.directory).unwrap_or(root);
    format!("cd {} && ", crate::spec::plan::shell::word(&shown.to_string_lossy()))
}
