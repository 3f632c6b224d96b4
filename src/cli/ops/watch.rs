//! `--watch`: the run again at every change of the experiment or of what it links.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::run::{self, Prepared};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::engine::moby::run::SignalSource;
use crate::orchestrate::load::bundle;
use crate::orchestrate::watch::{Change, Watcher};
use crate::project::experiment::Experiment;

/// How long a run that is in the way of the next may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How often is looked whether the run has ended, a signal came or a file changed.
const STEP: Duration = Duration::from_millis(50);
const SIGTERM: i32 = 15;

/// Runs until Ctrl-C. The status is that of the last run.
pub fn run(
    context: &Context<'_>,
    project: &Project,
    experiment: &Experiment,
    once: &(dyn Fn() -> Result<Prepared, Failure> + Sync),
) -> Result<u8, Failure> {
    if context.global.dry_run {
        return run::finish(context, project, once()?);
    }
    context.ui.objects_are_events();
    // Changes made from here on are seen, the first run's reading included.
    let mut watcher = Watcher::new(&bundle::Request {
        root: &project.layout.root,
        source: &experiment.dir,
        ignore_files: &[],
        cache: None,
    })?;
    let signals = listen()?;
    let mut status;
    loop {
        let (ended, next) = one(context, project, once, &mut watcher, &signals)?;
        status = ended;
        let change = match next {
            Next::Leave => return Ok(status),
            Next::Again(change) => change,
            Next::Ended => {
                context.ui.say(&format!("watching {} for changes; Ctrl-C ends it", experiment.name));
                match idle(&mut watcher, &signals)? {
                    Some(change) => change,
                    None => return Ok(status),
                }
            }
        };
        tell(context, project, &change);
    }
}

enum Next {
    Ended,
    Again(Change),
    Leave,
}

/// One run, and why it is over.
fn one(
    context: &Context<'_>,
    project: &Project,
    once: &(dyn Fn() -> Result<Prepared, Failure> + Sync),
    watcher: &mut Watcher,
    signals: &Receiver<i32>,
) -> Result<(u8, Next), Failure> {
    let (to_run, source) = SignalSource::feed();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            once().and_then(|prepared| run::finish_with(context, project, prepared, Some(source)))
        });
        let mut next = Next::Ended;
        let mut asked: Option<Instant> = None;
        while !worker.is_finished() {
            if let Ok(signal) = signals.try_recv() {
                next = Next::Leave;
                // A run that is over already hears nothing.
                let _ = to_run.send(signal);
            }
            if let Some(change) = watcher.next(STEP)?
                && !matches!(next, Next::Leave)
            {
                if asked.is_none() {
                    asked = Some(Instant::now());
                    let _ = to_run.send(SIGTERM);
                }
                next = Next::Again(merged(next, change));
            }
            if asked.is_some_and(|asked| asked.elapsed() > GRACE) {
                asked = Some(Instant::now());
                let _ = to_run.send(SIGTERM);
            }
        }
        let status = match worker.join() {
            Ok(Ok(status)) => status,
            // A file that does not parse, an image that does not build: the next change may mend it.
            Ok(Err(failure)) => {
                context.ui.failure(&failure);
                failure.status()
            }
            Err(_) => return Err(Failure::ours("the watched run broke off")),
        };
        Ok((status, next))
    })
}

fn merged(before: Next, mut change: Change) -> Change {
    if let Next::Again(earlier) = before {
        change.environment |= earlier.environment;
        change.paths.extend(earlier.paths);
        change.paths.sort();
        change.paths.dedup();
    }
    change
}

/// Until something changes, or `None` at a signal.
fn idle(watcher: &mut Watcher, signals: &Receiver<i32>) -> Result<Option<Change>, Failure> {
    loop {
        if signals.try_recv().is_ok() {
            return Ok(None);
        }
        if let Some(change) = watcher.next(STEP)? {
            return Ok(Some(change));
        }
    }
}

fn tell(context: &Context<'_>, project: &Project, change: &Change) {
    let first =
        change.paths.first().map(|path| project.layout.shown(path).display().to_string()).unwrap_or_default();
    let more = match change.paths.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    context.ui.say(&format!("changed: {first}{more}"));
}

/// The signals of this process, one after the other.
fn listen() -> Result<Receiver<i32>, Failure> {
    let (sender, receiver): (Sender<i32>, Receiver<i32>) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(mut signals) = SignalSource::Process.listen() else { return };
            while let Some(signal) = signals.next().await {
                if sender.send(signal).is_err() {
                    break;
                }
            }
        });
    });
    Ok(receiver)
}
