//! `scaf env diff`: what is different between the environments of two experiments or runs.

use serde_json::json;

use crate::cli::args::EnvDiffArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::journal::{self, Entry, JournalError};
use crate::orchestrate::load::{experiments, pinned};
use crate::orchestrate::run_environment::{self, Kept};
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::spec::env_difference::{self, Change, Differences, Environment};

/// What a word stands for.
enum Side {
    Experiment(Experiment),
    Run(Entry),
}

impl Side {
    /// An experiment of that name, else a run.
    fn of(project: &Project, word: &str) -> Result<Self, Failure> {
        if word.trim_matches('/').is_empty() {
            return Err(Failure::usage("an empty word names neither an experiment nor a run"));
        }
        let all = experiments::experiments(&project.layout)?;
        let code = format!("{}/", project.layout.code.display());
        let plain = word.strip_prefix("./").unwrap_or(word);
        let plain = plain.strip_prefix(code.as_str()).unwrap_or(plain).trim_end_matches('/');
        if let Some(found) = all.iter().find(|experiment| experiment.name.as_str() == plain) {
            return Ok(Self::Experiment(found.clone()));
        }
        match journal::find(&project.layout, word) {
            Ok(entry) => Ok(Self::Run(entry)),
            Err(JournalError::NoRun { near, .. }) => {
                let failure =
                    Failure::user(format!("there is neither an experiment nor a run named `{word}`"));
                let names = all
                    .iter()
                    .map(|experiment| experiment.name.as_str())
                    .chain(near.iter().map(String::as_str));
                let near = names.map(|name| (strsim::damerau_levenshtein(name, word), name)).min();
                Err(match near.filter(|(distance, _)| *distance <= 3) {
                    Some((_, name)) => failure.hint(format!("did you mean `{name}`?")),
                    None => failure.hint("`scaf list` names the experiments, `scaf runs` the runs"),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Experiment(experiment) => experiment.name.to_string(),
            Self::Run(entry) => format!("{}/{}", entry.experiment, entry.name),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Experiment(_) => "experiment",
            Self::Run(_) => "run",
        }
    }

    fn environment(&self, project: &Project) -> Result<Kept, Failure> {
        match self {
            Self::Experiment(experiment) => {
                let read = pinned::read(&experiment.dir.join(ENVIRONMENT))?;
                Ok(Kept { environment: Environment::of(&read), unknown: None })
            }
            Self::Run(entry) => Ok(run_environment::of(&project.layout, entry, &entry.record()?)?),
        }
    }
}

pub fn run(context: &Context<'_>, args: &EnvDiffArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let (a, b) = (Side::of(&project, &args.a)?, Side::of(&project, &args.b)?);
    let (one, other) = (a.environment(&project)?, b.environment(&project)?);
    let differences = env_difference::between(&one.environment, &other.environment);
    let unknown: Vec<String> = one.unknown.iter().chain(&other.unknown).cloned().collect();
    if context.global.json {
        let side = |side: &Side, kept: &Kept| {
            json!({
                "name": side.name(), "what": side.kind(), "file": kept.environment.file,
                "packages": kept.environment.packages.len(),
            })
        };
        context.ui.object(&json!({
            "a": side(&a, &one), "b": side(&b, &other), "differences": differences.whole,
            "packages": differences.packages, "notes": unknown,
        }))?;
        return Ok(0);
    }
    for note in &unknown {
        context.ui.say(&format!("note: {note}"));
    }
    if differences.is_empty() {
        let what = match one.environment.packages.len() {
            1 => "1 package is the same".to_owned(),
            count => format!("{count} packages are the same"),
        };
        context.ui.say(&format!("the two environments do not differ: {what}"));
        return Ok(0);
    }
    context.ui.data(&text(&a.name(), &b.name(), &differences))?;
    if let (Some(one), Some(other)) = (one.environment.file, other.environment.file)
        && one != other
    {
        context.ui.say(&format!(
            "note: `{}` is compared by its {one}, `{}` by its {other}",
            a.name(),
            b.name()
        ));
    }
    Ok(0)
}

fn text(a: &str, b: &str, differences: &Differences) -> String {
    let mut text = format!("--- {a}\n+++ {b}\n");
    let missing = || "-".to_owned();
    for whole in &differences.whole {
        let line = match (&whole.a, &whole.b) {
            (None, Some(index)) => format!("+ {}: {index}\n", whole.what),
            (Some(index), None) => format!("- {}: {index}\n", whole.what),
            (one, other) => format!(
                "~ {}: {} is now {}\n",
                whole.what,
                one.clone().unwrap_or_else(missing),
                other.clone().unwrap_or_else(missing)
            ),
        };
        text.push_str(&line);
    }
    for change in &differences.packages {
        let name = &change.package;
        let (one, other) =
            (change.a.clone().unwrap_or_else(missing), change.b.clone().unwrap_or_else(missing));
        let line = match change.change {
            Change::Added => format!("+ {name} {other}\n"),
            Change::Removed => format!("- {name} {one}\n"),
            Change::Version | Change::Origin => format!("~ {name} {one} is now {other}\n"),
            Change::Files => format!("~ {name} {other} has other files\n"),
        };
        text.push_str(&line);
    }
    text
}
