//! `scaf env export`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use crate::cli::args::{EnvExportArgs, ExportFormat};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ops::act::act;
use crate::orchestrate::load::{pinned, specifications};
use crate::project::layout::ENVIRONMENT;
use crate::project::plain_path::plain;
use crate::project::python::specs::Platform;
use crate::spec::export::{self, Export, Format, HEAD};
use crate::spec::export_contents::{self, Contents, Facts};
use crate::spec::pinned::REQUIREMENTS;
use crate::spec::plan::{Action, IfThere, Plan, shell};

pub fn run(context: &Context<'_>, args: &EnvExportArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_to_look_at(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let folder = experiment.dir.join(ENVIRONMENT);
    let pinned = pinned::read(&folder)?;
    let requirements = if pinned.files.is_empty() {
        None
    } else {
        Some(specifications::read(&folder.join(REQUIREMENTS), &Platform::default(), &BTreeMap::new())?)
    };
    let output = args.output.as_ref().map(|output| context.directory.join(output));
    let from = output.as_deref().and_then(Path::parent).unwrap_or(&context.directory);
    let facts = Facts {
        name: experiment.name.as_str(),
        pinned: &pinned,
        requirements: requirements.as_ref(),
        python: settings.env.python.as_deref(),
        folder: &way(from, &folder),
    };
    let name = &experiment.name;
    let Some(Contents { environment, is_locked, besides }) = export_contents::contents(&facts) else {
        return Err(Failure::user(format!("`{name}` has neither a lock nor a requirements.txt to export"))
            .hint(format!("pin what its code needs: `scaf env lock {name}`")));
    };
    let format = match args.format {
        ExportFormat::Conda => Format::Conda,
        ExportFormat::Requirements => Format::Requirements,
        ExportFormat::Pyproject => Format::PyProject,
    };
    if let (Some(path), Some(shown)) = (&output, &args.output) {
        refuse_to_replace(path, shown)?;
    }
    let Export { text, left_out } = export::export(&environment, format);
    let source = if is_locked { "the lock" } else { "requirements.txt" };
    if !is_locked {
        context.ui.warning(&format!(
            "`{name}` has no lock: this is what requirements.txt asks for, without what that needs in turn; `scaf env lock {name}` makes one"
        ));
    }
    for what in &left_out {
        context.ui.say(&format!("not in it: {what}"));
    }
    for what in &besides {
        context.ui.warning(&format!("not in it: {what}"));
    }
    if let Some(path) = &output {
        let mut plan = Plan::new(format!("scaf env export {name}"));
        plan.step(
            "the environment in another tool's words",
            Action::WriteFile {
                path: path.clone(),
                content: text.clone(),
                executable: false,
                if_there: IfThere::Replace,
            },
        );
        if act(context, &plan)?.is_none() {
            return Ok(0);
        }
    }
    if context.global.json {
        context.ui.object(&json!({
            "experiment": name, "format": args.format.name(), "of": source, "packages": environment.packages.len(),
            "left_out": left_out, "besides": besides, "written": args.output,
            "text": output.is_none().then_some(text),
        }))?;
        return Ok(0);
    }
    match &args.output {
        None => context.ui.data(&text)?,
        Some(path) => {
            let count = environment.packages.len();
            let packages = if count == 1 { "1 package".to_owned() } else { format!("{count} packages") };
            context.ui.say(&format!("wrote {packages} of {source} to {}", path.display()));
            context.ui.hint(&hint(args.format, path));
        }
    }
    Ok(0)
}

impl ExportFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Conda => "conda",
            Self::Requirements => "requirements",
            Self::Pyproject => "pyproject",
        }
    }
}

/// How it is used.
fn hint(format: ExportFormat, path: &Path) -> String {
    let file = shell::word(&path.to_string_lossy());
    match format {
        ExportFormat::Conda => format!("conda env create --file {file}"),
        ExportFormat::Requirements => format!("pip install -r {file}"),
        ExportFormat::Pyproject => {
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            format!("uv sync --project {}", shell::word(&folder.to_string_lossy()))
        }
    }
}

/// What somebody else has written stays.
fn refuse_to_replace(path: &Path, shown: &Path) -> Result<(), Failure> {
    let shown = shown.display();
    if path.is_dir() {
        return Err(Failure::user(format!("`{shown}` is a folder")).hint("name a file in it"));
    }
    match fs::read(path) {
        Ok(bytes) if bytes.is_empty() || bytes.starts_with(HEAD.as_bytes()) => Ok(()),
        Ok(_) => {
            Err(Failure::user(format!("`{shown}` is there already, and `scaf env export` has not made it"))
                .hint("name another file, or move it out of the way; nothing was written"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::user(format!("cannot read `{shown}`: {error}"))),
    }
}

/// The way from one folder to another, `/`-separated; empty where they are the same.
fn way(from: &Path, to: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| plain(path));
    let (from, to) = (real(from), real(to));
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let mut way: PathBuf = from.components().skip(common).map(|_| Component::ParentDir).collect();
    way.extend(to.components().skip(common));
    way.to_string_lossy().into_owned()
}
