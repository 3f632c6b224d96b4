//! `scaf dependency`.

use serde_json::json;

use super::act::act;
use super::check;
use crate::cli::args::DependencyArgs;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::load;
use crate::orchestrate::planner::dependency::{self, Facts, Linked, Wish};
use crate::project::experiment::Experiment;
use crate::project::layout::COMMON;
use crate::project::links::{INIT, SharedPath, State};
use crate::project::shared::Kind;
use crate::spec::check::rules::{
    COMMON_INIT_MISSING, COMMON_UNLINKED, LINK_ABSOLUTE, LINK_DANGLING, LINK_ELSEWHERE, LINK_ESCAPES,
    LINK_IS_TEXT,
};
use crate::spec::plan::shell;

pub fn run(context: &Context<'_>, args: DependencyArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let (experiment, paths) = meant(context, &project, &args)?;
    if args.check {
        no_paths(&paths, "--check")?;
        return look(context, &project, &experiment);
    }
    let facts = load::links::facts(&project.layout, &experiment.name)?;
    if args.list {
        no_paths(&paths, "--list")?;
        return list(context, &facts);
    }
    if paths.is_empty() {
        return Err(nothing_named(&facts, args.remove));
    }
    let wish = if args.remove { Wish::Remove(paths) } else { Wish::Add(paths) };
    let plan = dependency::plan(&wish, &facts)?;
    let changed = !plan.steps.is_empty();
    if act(context, &plan)?.is_none() {
        return Ok(0);
    }
    if context.global.json {
        let after = load::links::facts(&project.layout, &experiment.name)?;
        let linked: Vec<String> = dependency::listing(&after).into_iter().map(|linked| linked.path).collect();
        context.ui.object(&json!({
            "experiment": experiment.name, "changed": changed, "linked": linked, "notes": plan.notes,
        }))?;
        return Ok(0);
    }
    for step in &plan.steps {
        context.ui.say(&step.why);
    }
    for note in &plan.notes {
        context.ui.say(note);
    }
    Ok(0)
}

/// Which experiment is meant, and which paths. The first word is the experiment where it names one.
fn meant(
    context: &Context<'_>,
    project: &Project,
    args: &DependencyArgs,
) -> Result<(Experiment, Vec<String>), Failure> {
    let mut words = args.words.iter().chain(&args.deps).cloned().collect::<Vec<_>>();
    if let Some(exp) = &args.exp {
        return Ok((context.experiment(project, Some(exp))?, words));
    }
    let Some(first) = args.words.first() else {
        return Ok((context.experiment(project, None)?, words));
    };
    let named = context.experiment(project, Some(first));
    let wants_paths = !(args.list || args.check);
    match named {
        Ok(experiment) => {
            words.remove(0);
            Ok((experiment, words))
        }
        // A word that names no experiment is a path where the experiment is clear without it.
        Err(failure) if wants_paths => {
            let all = load::experiments::experiments(&project.layout)?;
            let around = all.iter().any(|experiment| context.directory.starts_with(&experiment.dir));
            if around || all.len() == 1 {
                Ok((context.experiment(project, None)?, words))
            } else if is_shared(project, first)? {
                let words = shell::line(&words);
                Err(Failure::usage("which experiment? there are several")
                    .hint(format!("name it first: scaf dependency EXP {words}")))
            } else {
                Err(failure)
            }
        }
        Err(failure) => Err(failure),
    }
}

/// Whether a word is a path of the shared code.
fn is_shared(project: &Project, word: &str) -> Result<bool, Failure> {
    let shared = load::links::shared_entries(&project.layout)?;
    let code = project.layout.code.to_string_lossy();
    let readings = SharedPath::readings(word, &code).unwrap_or_default();
    Ok(readings.iter().any(|path| shared.has(path.as_str())))
}

fn no_paths(paths: &[String], flag: &str) -> Result<(), Failure> {
    match paths.first() {
        None => Ok(()),
        Some(path) => Err(Failure::usage(format!("`{flag}` takes no path, and was given `{path}`"))),
    }
}

fn nothing_named(facts: &Facts, remove: bool) -> Failure {
    if remove {
        let linked: Vec<String> =
            dependency::listing(facts).into_iter().map(|linked| format!("`{}`", linked.path)).collect();
        let failure = Failure::usage("which part of the shared code is to be taken out?");
        return if linked.is_empty() {
            failure.hint("nothing is linked")
        } else {
            failure.hint(format!("linked are: {}", linked.join(", ")))
        };
    }
    let there: Vec<String> = facts
        .shared
        .entries
        .keys()
        .filter(|path| !path.contains('/') && *path != INIT)
        .map(|path| format!("`{path}`"))
        .collect();
    let common = facts.layout.code.join(COMMON);
    let failure = Failure::usage("which part of the shared code?");
    if there.is_empty() {
        failure.hint(format!("there is none yet: put it into `{}/`", common.display()))
    } else {
        failure.hint(format!("there is: {}", there.join(", ")))
    }
}

fn list(context: &Context<'_>, facts: &Facts) -> Result<u8, Failure> {
    let linked = dependency::listing(facts);
    let kind = |linked: &Linked| match linked.kind {
        Some(Kind::File) => "file",
        Some(Kind::Folder) => "folder",
        None => "",
    };
    if context.global.json {
        let linked: Vec<_> = linked
            .iter()
            .map(|it| json!({ "path": it.path, "kind": kind(it), "ok": it.state == State::Right, "state": it.state.said() }))
            .collect();
        context.ui.object(&json!({ "experiment": facts.experiment, "linked": linked }))?;
        return Ok(0);
    }
    if linked.is_empty() {
        context.ui.say(&format!("nothing is linked in `{}`", facts.experiment));
        return Ok(0);
    }
    let rows: Vec<[String; 3]> =
        linked.iter().map(|it| [it.path.clone(), kind(it).to_owned(), it.state.said().to_owned()]).collect();
    context.ui.data(&table::columns(["SHARED", "KIND", "STATE"], &rows))?;
    Ok(0)
}

/// `--check`: the rules of `scaf check` that are about shared code.
fn look(context: &Context<'_>, project: &Project, experiment: &Experiment) -> Result<u8, Failure> {
    let rules = [
        &COMMON_UNLINKED,
        &COMMON_INIT_MISSING,
        &LINK_DANGLING,
        &LINK_ABSOLUTE,
        &LINK_ELSEWHERE,
        &LINK_ESCAPES,
        &LINK_IS_TEXT,
    ];
    let mut findings = load::check::findings(&project.layout, &project.settings, Some(experiment))?;
    findings.retain(|finding| rules.iter().any(|rule| rule.name == finding.rule));
    check::say(context, &findings, &format!("the shared code of `{}` is in order", experiment.name))
}
