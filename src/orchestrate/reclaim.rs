//! What of a project takes room: looked at on the disk and asked of the engines.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::claim;
use super::engine::moby::Moby;
use super::execute::files::UNFINISHED;
use super::jobs;
use super::journal;
use super::planner::gc::{ContainerFacts, Facts, ImageFacts, Item, RunFacts, Sized, YOUNG};
use super::running::{self, Running, State};
use super::state;
use crate::project::experiment::Experiment;
use crate::project::layout::Layout;
use crate::spec::env_vars::Environment;
use crate::spec::image_tag;
use crate::spec::plan::Action;
use crate::spec::plan::shell::VENV_COMPLETE;
use crate::spec::record::Record;
use crate::spec::settings::Settings;

/// What was found, and what could not be looked at.
pub struct Survey {
    pub facts: Facts,
    pub warnings: Vec<String>,
    pub engines: Vec<Moby>,
}

/// Looks at everything that is this project's, and at scaf's own cache.
pub fn survey(
    layout: &Layout,
    settings: &Settings,
    experiments: &[Experiment],
    environment: &Environment,
) -> Result<Survey, journal::JournalError> {
    let mut facts = Facts::default();
    let mut warnings = Vec::new();
    // The runs first, none of them half begun: whatever begins after this is not looked at, and whether
    // one of these lives shows below.
    let (entries, unrecorded) = {
        let _alone = claim::alone(layout);
        (journal::entries(layout)?, journal::unrecorded(layout))
    };
    let found = running::survey(Some(layout), environment)?;
    for silent in &found.silent {
        warnings.push(format!("what runs there cannot be told: {}", silent.reason));
    }
    for run in &found.runs {
        if let State::Unknown { .. } = run.state {
            warnings.push(format!(
                "{}/{} is kept: its scaf was killed, and its container may still run",
                run.experiment, run.run
            ));
        }
    }
    let everywhere = running::survey(None, environment)?;
    facts.containers = left(&found.runs);
    facts.venvs_in_use = found.runs.iter().chain(&everywhere.runs).filter_map(venv_of).collect();
    runs(entries, &found.runs, environment, &mut facts, &mut warnings);
    // Who runs without a record is known by a container alone.
    for entry in unrecorded {
        let folder = measured(entry.folder);
        let lives = found.runs.iter().any(|run| run.run == entry.name);
        facts.runs.push(RunFacts {
            alive: lives || !found.silent.is_empty() || folder.age < YOUNG,
            experiment: entry.experiment,
            name: entry.name,
            bundle: None,
            readable: true,
            recorded: false,
            folder,
            open_job: false,
        });
    }
    facts.bundles = children(&layout.bundles_dir(), |name| !name.starts_with('.'));
    for moby in &found.engines {
        if let Err(error) = images(moby, settings, &mut facts.images) {
            warnings.push(error.to_string());
        }
    }
    for state in state::all(layout, settings, experiments, environment) {
        let tag = if state.image == state::Image::Broken { None } else { state.tag };
        facts.fresh.insert(state.experiment, tag);
    }
    if let Some(cache) = environment.cache_dir() {
        let whole = |folder: &str| {
            let mut found =
                children(&cache.join(folder), |name| !name.contains('.') || name.starts_with("ruff-"));
            found.retain(|one| one.path.is_dir());
            for one in &mut found {
                // The mark is touched at every use.
                one.age = age(&one.path.join(VENV_COMPLETE)).unwrap_or(one.age);
            }
            found
        };
        facts.venvs = whole("venvs");
        facts.tools = whole("tools");
    }
    let home = layout.runs_dir().join(".home");
    if home.is_dir() {
        facts.home = Some(measured(home));
    }
    facts.unfinished = unfinished(layout);
    for folder in environment.cache_dir().iter().flat_map(|cache| [cache.join("venvs"), cache.join("tools")])
    {
        facts.unfinished.extend(children(&folder, |name| name.starts_with(UNFINISHED)));
    }
    Ok(Survey { facts, warnings, engines: found.engines })
}

fn left(runs: &[Running]) -> Vec<ContainerFacts> {
    let mut found = Vec::new();
    for run in runs {
        if let (State::Left { status }, Some(engine), Some(name)) =
            (&run.state, run.container_engine, &run.container)
        {
            found.push(ContainerFacts { engine, name: name.clone(), status: status.clone() });
        }
    }
    found
}

/// The environment that a living run is in.
fn venv_of(run: &Running) -> Option<PathBuf> {
    let folder = run.folder.as_ref()?;
    let entry = journal::Entry { experiment: String::new(), name: String::new(), folder: folder.clone() };
    let record = entry.record().ok()?;
    record.plan.steps.iter().find_map(|step| match &step.action {
        Action::MakeVenv { path, .. } => Some(path.clone()),
        _ => None,
    })
}

/// Whether something may still go, which was found to be needless a while ago: others may have taken it
/// since, or have begun to use it. Asked by whoever holds the runs alone.
pub fn may_go(layout: &Layout, facts: &Facts, item: &Item) -> bool {
    let Action::RemoveWhole { path, .. } = &item.action else { return true };
    if path.parent() != Some(layout.bundles_dir().as_path()) {
        return path.exists();
    }
    let known = |entry: &journal::Entry| facts.runs.iter().any(|run| run.folder.path == entry.folder);
    let needs = |entry: &journal::Entry| {
        // What cannot be read may need it.
        entry.record().map_or(true, |record| {
            record.bundle.is_some_and(|digest| path.file_name().is_some_and(|name| *name == *digest))
        })
    };
    path.exists()
        && journal::entries(layout).is_ok_and(|all| !all.iter().any(|entry| !known(entry) && needs(entry)))
}

fn runs(
    entries: Vec<journal::Entry>,
    running: &[Running],
    environment: &Environment,
    facts: &mut Facts,
    warnings: &mut Vec<String>,
) {
    for entry in entries {
        let record = entry.record();
        if let Err(error) = &record {
            warnings.push(format!("{error}; no bundle is removed, since this one's cannot be known"));
        }
        if let Ok(record) = &record {
            facts.images_of_runs.extend(images_of(record));
        }
        if let Ok(Some(outcome)) = entry.outcome() {
            facts.images_of_runs.extend(outcome.image_id);
        }
        let alive = running.iter().any(|run| {
            run.run == entry.name
                && run.experiment == entry.experiment
                && !matches!(run.state, State::Lost | State::Left { .. })
        });
        let open_job = jobs::may_go_on(&entry, environment);
        facts.runs.push(RunFacts {
            experiment: entry.experiment,
            name: entry.name,
            readable: record.is_ok(),
            recorded: true,
            bundle: record.ok().and_then(|record| record.bundle),
            folder: measured(entry.folder),
            alive,
            open_job,
        });
    }
}

/// The images that a run named: its experiment's own, and a layer on it.
fn images_of(record: &Record) -> Vec<String> {
    let mut found: Vec<String> = record.image.iter().chain(&record.image_id).cloned().collect();
    for step in &record.plan.steps {
        match &step.action {
            Action::BuildImage { build, .. } => found.push(build.tag.clone()),
            Action::RunContainer { container, .. } => found.push(container.image.clone()),
            _ => {}
        }
    }
    found
}

fn images(
    moby: &Moby,
    settings: &Settings,
    found: &mut Vec<ImageFacts>,
) -> Result<(), super::engine::moby::error::EngineError> {
    let label = format!("{}={}", image_tag::LABEL_PROJECT, settings.project.name);
    let images = moby.images(&[&label])?;
    if images.is_empty() {
        return Ok(());
    }
    // Podman writes an id now with its kind in front, now without.
    let bare = |id: &str| id.trim_start_matches("sha256:").to_owned();
    let used: BTreeSet<String> = moby.list(&[])?.iter().map(|container| bare(&container.image_id)).collect();
    // It takes seconds on a large disk; where it is refused, whole sizes have to do.
    let disk = moby.disk_use().ok();
    for image in images {
        let base = image.labels.get(image_tag::LABEL_LAYER).and_then(|_| {
            let text = image.labels.get(image_tag::LABEL_BASE)?;
            serde_json::from_str::<BTreeMap<String, String>>(text).ok()?.into_keys().next()
        });
        let facts = |tag: Option<String>| ImageFacts {
            engine: moby.engine(),
            id: image.id.clone(),
            tag,
            bytes: disk.as_ref().and_then(|disk| disk.unique_of(&image.id)).unwrap_or(image.size),
            experiment: image.labels.get(image_tag::LABEL_EXPERIMENT).cloned(),
            base: base.clone(),
            used: used.contains(&bare(&image.id)),
        };
        let tags: Vec<&String> = image.tags.iter().filter(|tag| !tag.contains("<none>")).collect();
        if tags.is_empty() {
            found.push(facts(None));
        }
        found.extend(tags.into_iter().map(|tag| facts(Some(tag.clone()))));
    }
    Ok(())
}

/// Where scaf makes things: the project, its code, its runs.
fn unfinished(layout: &Layout) -> Vec<Sized> {
    let mut found = Vec::new();
    let mut folders = vec![(layout.root.clone(), 0), (layout.code_dir(), 4), (layout.runs_dir(), 4)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let draft = name.starts_with(".new-") && folder.starts_with(layout.code_dir());
            if name.starts_with(UNFINISHED) || draft {
                found.push(measured(entry.path()));
            } else if depth > 0
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
                // What a run or a user keeps is not looked through.
                && !matches!(&*name, "mnt" | "outputs" | ".home" | ".git")
            {
                folders.push((entry.path(), depth - 1));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn children(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<Sized> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Sized> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| measured(entry.path()))
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn age(path: &Path) -> Option<i64> {
    let modified = std::fs::symlink_metadata(path).ok()?.modified().ok()?;
    let age = SystemTime::now().duration_since(modified).unwrap_or_default();
    i64::try_from(age.as_secs()).ok()
}

fn measured(path: PathBuf) -> Sized {
    Sized { bytes: size(&path), age: age(&path).unwrap_or(0), path }
}

/// What it takes on the disk; links are not followed.
pub fn size(path: &Path) -> u64 {
    let Ok(there) = std::fs::symlink_metadata(path) else { return 0 };
    // A block is 512 bytes, whatever the file system's own are (stat(2)).
    let mut bytes = there.blocks() * 512;
    if there.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            bytes += size(&entry.path());
        }
    }
    bytes
}
