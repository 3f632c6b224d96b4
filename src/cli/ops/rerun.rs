//! `scaf runs rerun`: the same bundle, in the same image, with the same words.

use std::path::Path;

use super::run::{self, Prepared};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::claim::Claim;
use crate::orchestrate::enclosure::{self, Enclosed};
use crate::orchestrate::execute::files;
use crate::orchestrate::gpus::{self, Giver, Wish};
use crate::orchestrate::host::{clock, who};
use crate::orchestrate::journal::{self, Entry};
use crate::orchestrate::planner::rerun::{self, Again};
use crate::orchestrate::selection::HostMay;
use crate::orchestrate::supervisor;
use crate::project::experiment::Experiment;
use crate::project::name::ExperimentName;
use crate::spec::gpu::GpuRequest;
use crate::spec::plan::{Action, IfThere, Step};
use crate::spec::record::{Git, Record};
use crate::spec::run::{EnvironmentSource, Intent};
use crate::spec::settings::EngineChoice;

pub fn run(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let entry = journal::find(&project.layout, word)?;
    let old = entry.record()?;
    let name = ExperimentName::adopted(&old.experiment)
        .ok_or_else(|| Failure::user(format!("`{}` is no name of an experiment", old.experiment)))?;
    let kept = kept(project, &old, &name, &entry)?;
    let mut settings = context.settings(project, &kept);
    if context.global.engine.is_none()
        && let Some(choice) = EngineChoice::parse(&old.engine)
    {
        settings.engine.default = choice;
    }
    let layer = match old.intent {
        Intent::Test => Some(enclosure::Layer::Pytest),
        Intent::Jupyter => Some(enclosure::Layer::Notebook),
        Intent::Local | Intent::Terminal | Intent::Job | Intent::Prove => None,
    };
    let then = rerun::root_of(&old);
    let source =
        old.environment.clone().map(|source| within(source, project, then.as_deref(), &name, &kept.dir));
    let enclosed = enclosure::find(&enclosure::Request {
        layout: &project.layout,
        experiment: &kept,
        settings: &settings,
        environment: &context.environment,
        build_words: &old.build_words,
        layer,
        host: HostMay::WhenNamed,
        source: source.as_ref(),
    })?;
    let Enclosed {
        engine,
        moby,
        version,
        reason,
        enclosure,
        prepare,
        image,
        image_id,
        lock,
        first_line,
        fell_back,
        mut notes,
    } = enclosed;
    if engine.name() != old.engine {
        return Err(Failure::user(format!(
            "`{}` ran with {}, this would be {}",
            old.run,
            old.engine,
            engine.name()
        ))
        .hint(format!("say `--engine {}`", old.engine)));
    }
    // Nobody has asked for it this time, unless somebody has.
    let first_line = if context.global.engine.is_none() {
        first_line.replacen(&reason, &format!("as in {}", old.run), 1)
    } else {
        first_line
    };
    // GPUs that were idle then may be busy now: idle ones are looked for again.
    let wish = old
        .gpus
        .as_deref()
        .and_then(|shown| GpuRequest::parse(shown.split(" (").next().unwrap_or(shown)).ok())
        .map(|request| Wish { request, optional: false });
    let hold = !context.global.dry_run;
    let mut gpus = gpus::choose(wish.as_ref(), &Giver::of(moby.as_ref()), hold, &context.environment)?;
    let now = clock::now();
    let claim = Claim::take(&project.layout, &name, now, clock::seed(), hold)?;
    // From now on it stays; until now a `gc` beside this may have taken it.
    if !kept.dir.is_dir() {
        return Err(gone(project, &old, &entry));
    }
    // Nobody stands beside a job, this once neither.
    let attended = old.intent != Intent::Job;
    let tty_wanted = attended && (moby.is_some() || old.intent == Intent::Terminal);
    let (tty, stdin) = run::streams(tty_wanted && !context.global.json);
    let made_again = old.image.as_ref().filter(|old| builds(&prepare, old)).cloned();
    let Again { plan, moved } = rerun::plan(rerun::Request {
        old: &old,
        run: &claim.run,
        folder: &claim.folder,
        root: &project.layout.root,
        enclosure: &enclosure,
        prepare,
        gpus: gpus.request.as_ref(),
        tty,
        stdin: stdin && attended,
    })
    .map_err(|error| Failure::ours(error.to_string()))?;
    if let Some(moved) = &moved {
        // What a virtual environment is of: its path says nothing.
        let of = |version: &str| if moby.is_none() { format!(" ({version})") } else { String::new() };
        notes.push(format!(
            "the environment has changed since: {} ran in `{}`{}, this runs in `{}`{}",
            old.run,
            moved.then,
            of(&old.engine_version),
            moved.now,
            of(&version)
        ));
    } else if let Some(image) = made_again {
        notes.push(format!(
            "the image `{image}` is no longer there and is made again: what it takes from elsewhere may have changed since"
        ));
    } else if let (Some(then), Some(now)) = (image_then(&entry, &old), &image_id)
        && then != *now
    {
        notes.push(format!("the image was made anew since: {} ran in {then}, this runs in {now}", old.run));
    }
    notes.append(&mut gpus.warnings);
    let caller = who::caller(&context.environment);
    let git = old.git.clone().map(|git| if hold { carried(git, &entry.folder, &claim.folder) } else { git });
    let record = Record {
        scaf: env!("CARGO_PKG_VERSION").to_owned(),
        run: claim.run.clone(),
        command: run::command(&plan),
        engine_version: version,
        engine_reason: format!("as in {}", old.run),
        image,
        image_id,
        lock,
        git,
        host: who::machine(&caller),
        gpus: gpus.shown.clone(),
        planned: clock::written(now),
        plan,
        ..old
    };
    run::finish(
        context,
        project,
        Prepared {
            record,
            claim,
            moby,
            first_line,
            fell_back,
            notes,
            kill_on_three_interrupts: attended,
            gpus,
        },
    )
}

/// The experiment as it was then; the enclosure is made, where it is gone, from its environment folder.
fn kept(
    project: &Project,
    old: &Record,
    name: &ExperimentName,
    entry: &Entry,
) -> Result<Experiment, Failure> {
    if EngineChoice::parse(&old.engine).is_none() {
        let ticket = supervisor::ticket(&entry.folder).ok().flatten();
        let target = ticket.map_or_else(|| old.engine.clone(), |ticket| ticket.target);
        return Err(Failure::user(format!(
            "`{}` was handed to {target}, which enclosed it by itself",
            old.run
        ))
        .hint(format!("`scaf job {} --target {target}` hands it over as it is now", old.experiment)));
    }
    let Some(digest) = &old.bundle else {
        return Err(Failure::user(format!(
            "`{}` mounted the working tree, so there is nothing to run again",
            old.run
        ))
        .hint(format!("`scaf {} {}` starts a new one", old.intent.name(), old.experiment)));
    };
    let dir = project.layout.bundles_dir().join(digest);
    if dir.is_dir() {
        return Ok(Experiment { name: name.clone(), dir });
    }
    Err(gone(project, old, entry))
}

/// What there is to do where the files of the run are gone.
fn gone(project: &Project, old: &Record, entry: &Entry) -> Failure {
    let mut failure =
        Failure::user(format!("the bundle of `{}` is gone, and with it the files that it ran", old.run))
            .hint(format!("`scaf {} {}` runs them as they are now", old.intent.name(), old.experiment));
    if let Some(git) = &old.git {
        let difference = git.uncommitted.as_ref().map(|name| {
            format!(", `{}` what was not committed", project.layout.shown(&entry.folder.join(name)).display())
        });
        failure = failure.hint(format!(
            "commit {} has them as they were{}",
            git.commit,
            difference.unwrap_or_default()
        ));
    }
    failure
}

/// An environment within the experiment's folder is in its bundle, too, as it was then.
fn within(
    source: EnvironmentSource,
    project: &Project,
    then: Option<&Path>,
    name: &ExperimentName,
    kept: &Path,
) -> EnvironmentSource {
    let own = project.layout.experiment_dir(name);
    match source {
        EnvironmentSource::Folder { directory, dockerfile } => {
            let real = own.canonicalize().unwrap_or(own);
            let directory = then
                .and_then(|then| rerun::moved(&directory, then, &project.layout.root))
                .unwrap_or(directory);
            let directory = match directory.strip_prefix(&real) {
                Ok(below) if kept.join(below).is_dir() => kept.join(below),
                _ => directory,
            };
            EnvironmentSource::Folder { directory, dockerfile }
        }
        EnvironmentSource::Image(image) => EnvironmentSource::Image(image),
    }
}

fn builds(steps: &[Step], tag: &str) -> bool {
    steps.iter().any(|step| matches!(&step.action, Action::BuildImage { build, .. } if build.tag == tag))
}

/// The id of the experiment's image then: known when the run was planned, or made by it.
fn image_then(entry: &Entry, old: &Record) -> Option<String> {
    let made = || {
        let built: Vec<&str> = old
            .plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::BuildImage { build, .. } => Some(build.tag.as_str()),
                _ => None,
            })
            .collect();
        // The outcome tells of the last one that was made.
        let own = built.last().is_some_and(|last| old.image.as_deref() == Some(*last));
        if own { entry.outcome().ok().flatten()?.image_id } else { None }
    };
    old.image_id.clone().or_else(made)
}

/// The state of the repository then, with the difference that stands beside the old record.
fn carried(git: Git, from: &Path, to: &Path) -> Git {
    let uncommitted = git.uncommitted.filter(|name| {
        std::fs::read(from.join(name))
            .is_ok_and(|text| files::write_whole(&to.join(name), text, false, IfThere::Refuse).is_ok())
    });
    Git { uncommitted, ..git }
}
