//! `scaf runs`: what was run, with what, and how it ended.

use serde_json::json;

use crate::cli::args::{RunsArgs, RunsCommand, RunsListArgs};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ui::{quantity, table};
use crate::orchestrate::journal::{self, Entry};
use crate::orchestrate::load::bundle;
use crate::spec::record::{Outcome, Record};

pub fn run(context: &Context<'_>, args: RunsArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    match args.command {
        None => list(context, &project, &args.list),
        Some(RunsCommand::List(list_args)) => list(context, &project, &list_args),
        Some(RunsCommand::Show { run }) => show(context, &project, &run),
        Some(RunsCommand::Diff { a, b }) => diff(context, &project, &a, &b),
        Some(RunsCommand::Rerun { run }) => super::rerun::run(context, &project, &run),
    }
}

fn list(context: &Context<'_>, project: &Project, args: &RunsListArgs) -> Result<u8, Failure> {
    if args.limit == 0 {
        return Err(Failure::usage("`-n 0` is none of them").hint("say how many: `-n 5`"));
    }
    let all = journal::entries(&project.layout)?;
    let wanted = args
        .experiment
        .as_deref()
        .or(args.exp.as_deref())
        .map(|given| context.experiment_with_runs(project, given, &all))
        .transpose()?;
    let entries: Vec<Entry> = all
        .into_iter()
        .filter(|entry| wanted.as_ref().is_none_or(|wanted| entry.experiment == *wanted))
        .take(args.limit)
        .collect();
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for entry in &entries {
        // One broken record must not hide the others.
        let record = entry.record();
        let outcome = entry.outcome().unwrap_or_default();
        if let Err(error) = &record {
            context.ui.warning(&error.to_string());
        }
        let record = record.ok();
        objects.push(json!({
            "run": entry.name, "experiment": entry.experiment, "folder": entry.folder,
            "intent": record.as_ref().map(|record| record.intent), "engine": record.as_ref().map(|record| &record.engine),
            "outcome": outcome,
        }));
        rows.push([
            entry.name.clone(),
            entry.experiment.clone(),
            record.as_ref().map_or("?", |record| record.intent.name()).to_owned(),
            record.as_ref().map_or_else(|| "?".to_owned(), |record| record.engine.clone()),
            outcome.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            outcome.as_ref().map_or_else(|| "-".to_owned(), |outcome| quantity::seconds(outcome.seconds)),
        ]);
    }
    if context.global.json {
        context.ui.object(&json!({ "runs": objects }))?;
    } else if rows.is_empty() {
        context.ui.say("nothing was run yet");
    } else {
        context.ui.data(&table::columns(["RUN", "EXPERIMENT", "WHAT", "ENGINE", "ENDED", "TIME"], &rows))?;
    }
    Ok(0)
}

fn show(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let entry = journal::find(&project.layout, word)?;
    let record = entry.record()?;
    let outcome = entry.outcome()?;
    if context.global.json {
        context.ui.object(&json!({ "folder": entry.folder, "record": record, "outcome": outcome }))?;
        return Ok(0);
    }
    let mut text = String::new();
    for (key, value) in facts(&record, outcome.as_ref()) {
        text.push_str(&format!("{key:<12} {value}\n"));
    }
    text.push_str(&format!("{:<12} {}\n", "folder", project.layout.shown(&entry.folder).display()));
    context.ui.data(&text)?;
    Ok(0)
}

/// What there is to say of a run, in the order in which it is asked for.
fn facts(record: &Record, outcome: Option<&Outcome>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("run", record.run.clone()),
        ("experiment", record.experiment.clone()),
        ("what", record.intent.name().to_owned()),
        ("command", crate::spec::plan::shell::line(&record.command)),
    ];
    for (name, value) in &record.parameters {
        facts.push(("parameter", format!("{name} = {value}")));
    }
    facts.push(("engine", format!("{} {} ({})", record.engine, record.engine_version, record.engine_reason)));
    let mut maybe = |key, value: Option<&String>| {
        if let Some(value) = value {
            facts.push((key, value.clone()));
        }
    };
    maybe("image", record.image.as_ref());
    maybe(
        "image id",
        record.image_id.as_ref().or_else(|| outcome.and_then(|outcome| outcome.image_id.as_ref())),
    );
    let words = crate::spec::plan::shell::line(&record.build_words);
    maybe("build words", Some(&words).filter(|words| !words.is_empty()));
    maybe("bundle", record.bundle.as_ref());
    maybe("lock", record.lock.as_ref());
    maybe("gpus", record.gpus.as_ref());
    if let Some(git) = &record.git {
        let changed = if git.uncommitted.is_some() { ", with uncommitted changes" } else { "" };
        let branch = git.branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
        facts.push(("commit", format!("{}{branch}{changed}", git.commit)));
    }
    facts.push((
        "host",
        format!(
            "{} ({}, {} CPUs), {}",
            record.host.name, record.host.arch, record.host.cpus, record.host.user
        ),
    ));
    facts.push(("planned", record.planned.clone()));
    match outcome {
        None => facts.push(("ended", "not yet, or scaf was killed outright (see `scaf ps`)".to_owned())),
        Some(outcome) => {
            facts.push(("ended", format!("{}, {}", outcome.ended, outcome)));
            if let Some(error) = &outcome.error {
                facts.push(("error", error.clone()));
            }
            facts.push(("time", quantity::seconds(outcome.seconds)));
            if let Some(bytes) = outcome.peak_memory {
                facts.push(("peak memory", quantity::bytes(bytes)));
            }
            for gpu in &outcome.gpus {
                facts.push((
                    "gpu",
                    format!(
                        "{} ({}): {} at most, {:.0} % busy",
                        gpu.name,
                        gpu.uuid,
                        quantity::bytes(gpu.peak_memory),
                        gpu.mean_utilisation
                    ),
                ));
            }
            for path in &outcome.left {
                facts.push(("left", path.display().to_string()));
            }
        }
    }
    facts
}

fn diff(context: &Context<'_>, project: &Project, a: &str, b: &str) -> Result<u8, Failure> {
    let (one, two) = (journal::find(&project.layout, a)?, journal::find(&project.layout, b)?);
    let (left, right) = ((one.record()?, one.outcome()?), (two.record()?, two.outcome()?));
    let mut differences: Vec<(String, String, String)> = Vec::new();
    let grouped = |record: &Record, outcome: Option<&Outcome>| {
        let mut grouped: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
        for (key, value) in facts(record, outcome) {
            let slot = match (key, value.split_once(" = ")) {
                ("parameter", Some((name, _))) => format!("parameter {name}"),
                _ => key.to_owned(),
            };
            let text = grouped.entry(slot).or_default();
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&value);
        }
        grouped
    };
    let (l, r) = (grouped(&left.0, left.1.as_ref()), grouped(&right.0, right.1.as_ref()));
    let keys: std::collections::BTreeSet<&String> = l.keys().chain(r.keys()).collect();
    for key in keys {
        let get =
            |map: &std::collections::BTreeMap<String, String>| map.get(key).cloned().unwrap_or_default();
        if get(&l) != get(&r) && !matches!(key.as_str(), "run" | "planned") {
            differences.push((key.clone(), get(&l), get(&r)));
        }
    }
    let files = file_differences(context, project, &left.0, &right.0)?;
    if context.global.json {
        let rows: Vec<_> =
            differences.iter().map(|(key, a, b)| json!({ "what": key, "a": a, "b": b })).collect();
        let files: Vec<_> =
            files.iter().map(|(sign, path)| json!({ "change": sign, "path": path })).collect();
        context.ui.object(&json!({ "a": one.name, "b": two.name, "differences": rows, "files": files }))?;
        return Ok(0);
    }
    let mut text = String::new();
    for (key, a, b) in &differences {
        text.push_str(&format!("{key}\n  - {a}\n  + {b}\n"));
    }
    if !files.is_empty() {
        text.push_str("files\n");
        for (sign, path) in &files {
            text.push_str(&format!("  {sign} {path}\n"));
        }
    }
    if text.is_empty() {
        context.ui.say("the two runs do not differ");
    }
    context.ui.data(&text)?;
    Ok(0)
}

/// Which files of the two bundles differ, as far as both are still kept.
fn file_differences(
    context: &Context<'_>,
    project: &Project,
    a: &Record,
    b: &Record,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let (Some(one), Some(two)) = (&a.bundle, &b.bundle) else { return Ok(Vec::new()) };
    if one == two {
        return Ok(Vec::new());
    }
    let (Some(one), Some(two)) = (kept(context, project, one)?, kept(context, project, two)?) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (path, text) in &one {
        match two.get(path) {
            None => found.push(("-", path.clone())),
            Some(other) if other != text => found.push(("~", path.clone())),
            Some(_) => {}
        }
    }
    found.extend(two.keys().filter(|path| !one.contains_key(*path)).map(|path| ("+", path.clone())));
    found.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

type Digests = std::collections::BTreeMap<String, (bool, String)>;

fn kept(context: &Context<'_>, project: &Project, digest: &str) -> Result<Option<Digests>, Failure> {
    let folder = project.layout.bundles_dir().join(digest);
    if !folder.is_dir() {
        return Ok(None);
    }
    let surveyed = bundle::survey(&bundle::Request {
        root: &folder,
        source: &folder,
        ignore_files: &[],
        cache: context.digest_cache().as_deref(),
    })?;
    let entries = surveyed.manifest.entries;
    Ok(Some(entries.into_iter().map(|entry| (entry.path, (entry.executable, entry.digest))).collect()))
}
