//! What of scaf's runs is there: containers by their labels, processes of this machine by what stands in
//! the runs' folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::engine::moby::Moby;
use super::engine::moby::address::{Address, Origin};
use super::engine::moby::containers::FoundContainer;
use super::engine::moby::error::EngineError;
use super::execute::surroundings;
use super::host::process;
use super::journal::{self, Entry, JournalError};
use super::supervisor::TICKET;
use crate::project::layout::Layout;
use crate::spec::env_vars::Environment;
use crate::spec::plan::{Action, ContainerEngine};
use crate::spec::record::Record;
use crate::spec::run::{LABEL_EXPERIMENT, LABEL_INTENT, LABEL_ROOT, LABEL_RUN};
use crate::spec::ticket::Supervisor;

/// How it is with a run that has not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// scaf is at work before the run itself: it makes the image or the environment.
    Preparing,
    Running,
    /// It runs on, and its scaf was killed outright.
    Alone,
    /// A container that does not run and was not removed.
    Left {
        status: String,
    },
    /// scaf was killed outright, and nothing of the run lives.
    Lost,
    /// Another machine, which shares the folder, works on it.
    Elsewhere {
        host: String,
    },
    /// Its scaf was killed outright, and the engine that may still have its container cannot be asked.
    Unknown {
        reason: String,
    },
}

impl State {
    /// In a word or two.
    pub fn shown(&self) -> String {
        match self {
            Self::Preparing => "preparing".to_owned(),
            Self::Running => "running".to_owned(),
            Self::Alone => "running without its scaf".to_owned(),
            Self::Left { status } => format!("left behind ({})", status.to_lowercase()),
            Self::Lost => "its scaf was killed".to_owned(),
            Self::Elsewhere { host } => format!("on `{host}`"),
            Self::Unknown { .. } => "unknown".to_owned(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    pub run: String,
    pub experiment: String,
    pub intent: String,
    pub engine: String,
    /// The project's root.
    pub root: PathBuf,
    /// Seconds since 1970; RFC 3339 in JSON.
    #[serde(serialize_with = "written")]
    pub since: Option<i64>,
    #[serde(flatten)]
    pub state: State,
    pub ports: Vec<String>,
    /// By its name.
    pub container: Option<String>,
    #[serde(skip)]
    pub container_engine: Option<ContainerEngine>,
    #[serde(skip)]
    pub image_id: Option<String>,
    #[serde(skip)]
    pub scaf: Option<Supervisor>,
    /// The run itself, where it is a process of this machine.
    pub process: Option<Supervisor>,
    /// It leads a process group of its own.
    #[serde(skip)]
    pub process_leads: bool,
    /// Where its record is, if it is there.
    pub folder: Option<PathBuf>,
}

impl Running {
    /// `brave_otter` of `20261122-155001_brave_otter`.
    pub fn short(&self) -> &str {
        self.run.split_once('_').map_or(self.run.as_str(), |(_, short)| short)
    }

    /// Whether a word that was typed means this one.
    pub fn is_meant(&self, word: &str) -> bool {
        let plain = word.trim_end_matches('/');
        plain == self.run
            || plain == self.short()
            || plain == self.experiment
            || plain == format!("{}/{}", self.experiment, self.run)
            || plain == format!("{}/{}", self.experiment, self.short())
            || self.container.as_deref() == Some(plain)
    }
}

#[allow(clippy::ref_option, reason = "serde hands fields over by reference")]
fn written<S: serde::Serializer>(since: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    since
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(super::host::clock::written)
        .serialize(serializer)
}

/// An engine that did not answer, though something may run there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silent {
    pub engine: ContainerEngine,
    pub reason: String,
    /// It is named, by a variable or a context.
    #[serde(skip)]
    named: bool,
    /// Nothing is where it listens by custom.
    #[serde(skip)]
    absent: bool,
}

/// What was found, and what could not be asked.
pub struct Found {
    pub runs: Vec<Running>,
    pub silent: Vec<Silent>,
    /// Connections that can be used again.
    pub engines: Vec<Moby>,
}

/// Every run that has not ended: of one project, or of all that this user's scaf knows.
pub fn survey(layout: Option<&Layout>, environment: &Environment) -> Result<Found, JournalError> {
    let mut found = Found { runs: Vec::new(), silent: Vec::new(), engines: Vec::new() };
    let mut seen: Vec<Address> = Vec::new();
    for kind in [ContainerEngine::Docker, ContainerEngine::Podman] {
        let listed = Moby::connect(kind, None, &surroundings(environment))
            .and_then(|moby| moby.list(&[LABEL_RUN]).map(|list| (moby, list)));
        match listed {
            Ok((moby, _)) if seen.contains(moby.address()) => {}
            Ok((moby, list)) => {
                seen.push(moby.address().clone());
                let ours =
                    |one: &&FoundContainer| layout.is_none_or(|layout| is_of(one, LABEL_ROOT, &layout.root));
                found.runs.extend(list.iter().filter(ours).map(|one| of_container(one, moby.engine())));
                found.engines.push(moby);
            }
            Err(error) => found.silent.push(silent(kind, &error, environment)),
        }
    }
    // One that answers at another place is not silent.
    found.silent.retain(|silent| !found.engines.iter().any(|moby| moby.engine() == silent.engine));
    let mut used: BTreeSet<String> = BTreeSet::new();
    let doubtful = found.silent.iter().any(|silent| !silent.named && !silent.absent);
    for (root, entry) in entries(layout, environment)? {
        if doubtful && let Ok(record) = entry.record() {
            used.insert(record.engine);
        }
        // One that cannot be read hides no other.
        let Ok(None) = entry.outcome() else { continue };
        let live = entry.live().ok().flatten();
        if live.is_none() && entry.folder.join(TICKET).exists() {
            // A job that waits, or that another target has: `jobs` tells of it.
            continue;
        }
        let known = found.runs.iter_mut().find(|run| run.run == entry.name && run.root == root);
        let here = live.as_ref().is_none_or(|live| live.host == journal::machine());
        let alive = |one: Option<&Supervisor>| one.filter(|one| here && process::is_alive(one)).cloned();
        let scaf = alive(live.as_ref().map(|live| &live.scaf));
        let child = alive(live.as_ref().and_then(|live| live.child.as_ref()));
        if let Some(run) = known {
            run.folder = Some(entry.folder);
            if scaf.is_some() {
                run.state = with_its_scaf(&run.state);
            }
            run.scaf = scaf;
            continue;
        }
        let Ok(record) = entry.record() else { continue };
        let state = match (&live, &scaf, &child) {
            (Some(live), ..) if !here => State::Elsewhere { host: live.host.clone() },
            (_, Some(_), Some(_)) => State::Running,
            (_, None, Some(_)) => State::Alone,
            (_, Some(_), None) => State::Preparing,
            // It may have ended between the two looks.
            (_, None, None) if matches!(entry.outcome(), Ok(Some(_))) => continue,
            (_, None, None) => {
                match found.silent.iter().find(|silent| silent.engine.client() == record.engine) {
                    Some(silent) => {
                        used.insert(record.engine.clone());
                        State::Unknown { reason: silent.reason.clone() }
                    }
                    None => State::Lost,
                }
            }
        };
        found.runs.push(of_record(&record, root, entry, state, scaf, child));
    }
    // One that was never used here and that nobody names is no news.
    found.silent.retain(|silent| silent.named || used.contains(silent.engine.client()));
    found.runs.sort_by(|a, b| b.run.cmp(&a.run).then_with(|| a.root.cmp(&b.root)));
    Ok(found)
}

fn silent(engine: ContainerEngine, error: &EngineError, environment: &Environment) -> Silent {
    let address = Address::find(engine, None, &surroundings(environment));
    let text = error.to_string();
    Silent {
        engine,
        reason: if text.starts_with(engine.client()) { text } else { format!("{}: {text}", engine.client()) },
        named: address.is_ok_and(|address| address.origin != Origin::Default)
            || matches!(error, EngineError::Address(_)),
        absent: matches!(error, EngineError::NotInstalled { .. }),
    }
}

/// How it is with a container whose scaf is at work: what does not run yet will, and what has ended is
/// about to be taken away.
fn with_its_scaf(seen: &State) -> State {
    match seen {
        State::Left { status } if status.starts_with("Created") => State::Preparing,
        State::Left { .. } | State::Alone => State::Running,
        other => other.clone(),
    }
}

fn is_of(one: &FoundContainer, label: &str, root: &Path) -> bool {
    one.labels.get(label).is_some_and(|there| Path::new(there) == root)
}

fn of_container(one: &FoundContainer, engine: ContainerEngine) -> Running {
    let label = |name: &str| one.labels.get(name).cloned().unwrap_or_default();
    Running {
        run: label(LABEL_RUN),
        experiment: label(LABEL_EXPERIMENT),
        intent: label(LABEL_INTENT),
        engine: engine.client().to_owned(),
        root: PathBuf::from(label(LABEL_ROOT)),
        since: Some(one.created),
        // Whether a scaf is with it, the run's folder tells.
        state: if one.is_alive() { State::Alone } else { State::Left { status: one.status.clone() } },
        ports: one.ports.clone(),
        container: Some(one.name.clone()),
        container_engine: Some(engine),
        image_id: Some(one.image_id.clone()),
        scaf: None,
        process: None,
        process_leads: false,
        folder: None,
    }
}

fn of_record(
    record: &Record,
    root: PathBuf,
    entry: Entry,
    state: State,
    scaf: Option<Supervisor>,
    child: Option<Supervisor>,
) -> Running {
    let ports = record.plan.steps.iter().filter_map(|step| match &step.action {
        Action::RunProcess { ready: Some(ready), .. } if child.is_some() => {
            let rest = ready.url.strip_prefix("http://")?;
            Some(rest.split('/').next().unwrap_or(rest).to_owned())
        }
        _ => None,
    });
    Running {
        run: record.run.clone(),
        experiment: record.experiment.clone(),
        intent: record.intent.name().to_owned(),
        engine: record.engine.clone(),
        root,
        since: record.planned.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
        state,
        ports: ports.collect(),
        container: None,
        container_engine: None,
        image_id: None,
        scaf,
        process_leads: child.as_ref().is_some_and(|child| process::leads_group(child.pid)),
        process: child,
        folder: Some(entry.folder),
    }
}

/// Runs by their folders: those of the project, or those to which this user's links lead.
fn entries(
    layout: Option<&Layout>,
    environment: &Environment,
) -> Result<Vec<(PathBuf, Entry)>, JournalError> {
    if let Some(layout) = layout {
        let all = journal::entries(layout)?;
        return Ok(all.into_iter().map(|entry| (layout.root.clone(), entry)).collect());
    }
    let links = journal::known_runs(environment).and_then(|folder| std::fs::read_dir(folder).ok());
    let mut found = Vec::new();
    for link in links.into_iter().flatten().flatten() {
        let Ok(folder) = std::fs::read_link(link.path()) else { continue };
        let Some((root, entry)) = entry_at(&folder) else {
            // The run was taken away since.
            let _ = std::fs::remove_file(link.path());
            continue;
        };
        found.push((root, entry));
    }
    Ok(found)
}

/// `ROOT/runs/EXPERIMENT/RUN`, whatever the experiment's depth.
fn entry_at(folder: &Path) -> Option<(PathBuf, Entry)> {
    if !folder.join(journal::PLAN).is_file() {
        return None;
    }
    let runs = folder.ancestors().find(|above| above.file_name().is_some_and(|name| name == "runs"))?;
    let entry = Entry {
        experiment: folder.parent()?.strip_prefix(runs).ok()?.to_string_lossy().into_owned(),
        name: folder.file_name()?.to_string_lossy().into_owned(),
        folder: folder.to_owned(),
    };
    Some((runs.parent()?.to_owned(), entry))
}
