//! `scaf env check`: whether code and pins go together.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use serde_json::json;

use super::subject::{self, Python, Subject};
use crate::cli::args::EnvCheckArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::load::requirements;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::requirements::{File, normalised};
use crate::project::python::requires_dist;
use crate::spec::closure::Catalogue;
use crate::spec::env_check::{self, Asked, Facts, Finding, Rule};
use crate::spec::requirements_lock::{self, Input};

const REQUIREMENTS: &str = "requirements.txt";
const LOCK: &str = "requirements.lock";
/// Of more packages whose version differs the number is said; `-v` shows all.
const DRIFTED: usize = 5;

pub fn run(context: &Context<'_>, args: &EnvCheckArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_to_look_at(&project, args.experiment.given())?;
    let settings = context.settings(&project, &experiment);
    let subject = Subject {
        root: experiment.dir.clone(),
        paths: vec![experiment.dir.clone()],
        experiment: Some(experiment.clone()),
    };
    let python = Python::of(context, &args.python, &subject)?;
    let detection = subject::detect(&subject, &python, &python.target())?;
    let folder = experiment.dir.join(ENVIRONMENT);
    let files = if folder.join(REQUIREMENTS).exists() {
        requirements::read(&folder, REQUIREMENTS)?
    } else {
        Vec::new()
    };
    let lock = match fs::read_to_string(folder.join(LOCK)) {
        Ok(text) => Some(requirements_lock::read(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let path = folder.join(LOCK);
            return Err(Failure::user(format!("cannot read `{}`: {error}", path.display())));
        }
    };
    let inputs: Vec<Input> = files.iter().map(|file| Input::of(&file.shown, &file.text)).collect();
    let waived: BTreeSet<String> = settings.env.waive.iter().map(|name| normalised(name)).collect();
    let found = env_check::check(&Facts {
        detection: &detection,
        asked: &asked(&files),
        lock: lock.as_ref(),
        inputs: &inputs,
        installed: python.installed.as_ref().map(|installed| -> &dyn Catalogue { installed }),
        waived: &waived,
    });
    let failed = found.iter().any(|finding| finding.rule.is_error());
    if context.global.json {
        context.ui.object(&json!({ "experiment": experiment.name, "findings": found }))?;
        return Ok(u8::from(failed));
    }
    if found.is_empty() {
        context.ui.say(&format!("`{}` and its environment go together", experiment.name));
        return Ok(0);
    }
    context.ui.data(&text(&found, context.verbose()))?;
    for hint in hints(&found, experiment.name.as_str()) {
        context.ui.hint(&hint);
    }
    Ok(u8::from(failed))
}

/// What the requirement files ask for, line by line.
fn asked(files: &[File]) -> Vec<Asked> {
    let mut all = Vec::new();
    for file in files.iter().filter(|file| !file.constraint) {
        for (line, text) in (1..).zip(file.text.lines()) {
            let text = text.split(" #").next().unwrap_or_default().trim();
            if text.is_empty() || text.starts_with(['#', '-']) {
                continue;
            }
            if let Ok(asked) = requires_dist::split(text.trim_end_matches('\\')) {
                let file = format!("{ENVIRONMENT}/{}", file.shown);
                all.push(Asked { name: normalised(asked.name), file, line });
            }
        }
    }
    all
}

fn text(found: &[Finding], whole: bool) -> String {
    let drifted = found.iter().filter(|finding| finding.rule == Rule::Drift).count();
    let mut rows = Vec::new();
    let mut shown = 0;
    for finding in found {
        if finding.rule == Rule::Drift {
            shown += 1;
            if shown > DRIFTED && !whole {
                continue;
            }
        }
        rows.push([
            finding.rule.name().to_owned(),
            finding.place.clone().unwrap_or_else(|| "-".to_owned()),
            finding.message.clone(),
        ]);
    }
    if drifted > DRIFTED && !whole {
        let more = drifted - DRIFTED;
        let message = format!("and {more} more that differ from the Python in use (`-v` shows them)");
        rows.push([Rule::Drift.name().to_owned(), "-".to_owned(), message]);
    }
    table::columns(["rule", "where", "what"], &rows)
}

fn hints(found: &[Finding], experiment: &str) -> Vec<String> {
    let has = |rule: Rule| found.iter().any(|finding| finding.rule == rule);
    let mut hints = Vec::new();
    if has(Rule::Missing) || has(Rule::StaleLock) || has(Rule::NoLock) {
        hints.push(format!("pin what is needed: `scaf env lock {experiment}`"));
    }
    if has(Rule::Unused) {
        hints.push("why a package is there: `scaf env explain PACKAGE`".to_owned());
    }
    if has(Rule::Missing) || has(Rule::Unresolved) || has(Rule::Unused) {
        hints.push("what is right as it is: `waive = [\"NAME\"]` under `[env]` in scaf.toml".to_owned());
    }
    hints
}
