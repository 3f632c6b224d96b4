//! `scaf jobs`: what was handed to targets, how it is, what it says, its end and its outputs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::act;
use super::job::status_of;
use super::stop;
use crate::cli::args::{JobsArgs, JobsCommand, JobsListArgs};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ui::{Stream, table};
use crate::orchestrate::host::{clock, who};
use crate::orchestrate::jobs::{self, Handed};
use crate::orchestrate::journal;
use crate::orchestrate::running::{self, Found, State as Rest};
use crate::orchestrate::supervisor;
use crate::orchestrate::target::LogSource;
use crate::spec::plan::{Action, Plan};
use crate::spec::ticket::{State, Ticket};

/// How often a job that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// So much of a log is passed on at a time.
const PIECE: usize = 64 << 10;
/// Seconds for what a killed supervisor has left, between asking and killing.
const GRACE: u32 = 10;
/// How long `cancel` waits for the end before it says that there was none yet.
const PATIENCE: Duration = Duration::from_secs(15);

pub fn run(context: &Context<'_>, args: JobsArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    match args.command {
        None => list(context, &project, &args.list),
        Some(JobsCommand::List(list_args)) => list(context, &project, &list_args),
        Some(JobsCommand::Status { job }) => status(context, &project, &job),
        Some(JobsCommand::Logs { job, follow }) => logs(context, &project, &job, follow),
        Some(JobsCommand::Attach { job }) => attach(context, &project, &job),
        Some(JobsCommand::Cancel { job }) => cancel(context, &project, &job),
        Some(JobsCommand::Fetch { job, to }) => fetch(context, &project, &job, to),
    }
}

fn state(context: &Context<'_>, job: &Handed) -> State {
    let host = who::machine(&who::caller(&context.environment)).name;
    jobs::state(job, &context.environment, &host)
}

fn list(context: &Context<'_>, project: &Project, args: &JobsListArgs) -> Result<u8, Failure> {
    if args.limit == 0 {
        return Err(Failure::usage("`-n 0` is none of them").hint("say how many: `-n 5`"));
    }
    let wanted = match args.experiment.as_deref().or(args.exp.as_deref()) {
        None => None,
        Some(given) => {
            let runs = journal::entries(&project.layout)?;
            Some(context.experiment_with_runs(project, given, &runs)?)
        }
    };
    let (all, broken) = jobs::all(&project.layout)?;
    for error in broken {
        // One broken ticket must not hide the others.
        context.ui.warning(&error.to_string());
    }
    let all: Vec<Handed> = all
        .into_iter()
        .filter(|job| wanted.as_ref().is_none_or(|wanted| job.entry.experiment == *wanted))
        .take(args.limit)
        .collect();
    let host = who::machine(&who::caller(&context.environment)).name;
    let states = jobs::states(&all, &context.environment, &host);
    let all: Vec<(Handed, State)> = all.into_iter().zip(states).collect();
    if context.global.json {
        let objects: Vec<_> = all.iter().map(|(job, state)| object(job, state)).collect();
        context.ui.object(&json!({ "jobs": objects }))?;
        return Ok(0);
    }
    if all.is_empty() {
        context.ui.say("no job was handed over yet");
        context.ui.hint("`scaf job EXP` hands one over");
        return Ok(0);
    }
    let rows: Vec<[String; 5]> = all
        .iter()
        .map(|(job, state)| {
            [
                job.entry.name.clone(),
                job.entry.experiment.clone(),
                job.ticket.target.clone(),
                state.to_string(),
                job.ticket.submitted.clone(),
            ]
        })
        .collect();
    context.ui.data(&table::columns(["JOB", "EXPERIMENT", "TARGET", "STATE", "HANDED OVER"], &rows))?;
    Ok(0)
}

fn object(job: &Handed, state: &State) -> serde_json::Value {
    json!({
        "job": job.entry.name, "experiment": job.entry.experiment, "folder": job.entry.folder,
        "ticket": job.ticket, "status": state,
    })
}

/// Why a state is what it is, where there is more to say.
fn reason(state: &State) -> Option<&str> {
    match state {
        State::Failed { reason, .. } => reason.as_deref(),
        State::Lost { reason } | State::Unknown { reason } => Some(reason),
        State::Queued | State::Running | State::Succeeded | State::Cancelled => None,
    }
}

fn status(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let job = jobs::find(&project.layout, word)?;
    let state = state(context, &job);
    if context.global.json {
        context.ui.object(&object(&job, &state))?;
        return Ok(0);
    }
    context.ui.data(&format!("{state}\n"))?;
    if let Some(reason) = reason(&state) {
        context.ui.say(reason);
    }
    if let State::Lost { .. } = state {
        context.ui.hint("`scaf ps` shows whether something of it still runs, `scaf jobs cancel` ends it");
    }
    if let Some(url) = &job.ticket.url {
        context.ui.say(url);
    }
    Ok(0)
}

/// A command line of the target's client in the foreground.
fn client(context: &Context<'_>, title: &str, argv: Vec<String>) -> Result<u8, Failure> {
    let mut plan = Plan::new(title);
    plan.step(
        title,
        Action::RunProcess {
            argv,
            cwd: context.directory.clone(),
            env: std::collections::BTreeMap::new(),
            unset: Vec::new(),
            stdin: false,
            tty: false,
            logs: None,
            ready: None,
        },
    );
    Ok(act::act(context, &plan)?.map_or(0, |ended| ended.status))
}

fn logs(context: &Context<'_>, project: &Project, word: &str, follow: bool) -> Result<u8, Failure> {
    let status = say(context, project, word, follow)?;
    if context.global.json && !context.global.dry_run {
        let job = jobs::find(&project.layout, word)?;
        let state = state(context, &job);
        context.ui.object(&object(&job, &state))?;
    }
    Ok(status)
}

/// What the job says, as it says it; with `--json` an event for each line.
fn say(context: &Context<'_>, project: &Project, word: &str, follow: bool) -> Result<u8, Failure> {
    let job = jobs::find(&project.layout, word)?;
    if context.global.json {
        context.ui.objects_are_events();
    }
    match job.target.logs(&job.ticket, &job.entry.folder)? {
        LogSource::Command(argv) => {
            has_client(context, &job)?;
            client(context, &format!("what job {} says", job.entry.name), argv)
        }
        LogSource::Files { child, before } => {
            let mut files = Files::new(&child, &before, context.verbose());
            loop {
                // Looked at before the files: what is written until the end is then read.
                let over = !follow || state(context, &job).is_over();
                let read = files.show(context)?;
                if over && read {
                    files.finish(context)?;
                }
                if over || !read {
                    break;
                }
                std::thread::sleep(LOOK);
            }
            if let State::Lost { .. } = state(context, &job) {
                unwritten(context, project, &job)?;
            }
            Ok(0)
        }
    }
}

fn attach(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let status = say(context, project, word, true)?;
    let job = jobs::find(&project.layout, word)?;
    if context.global.dry_run {
        return Ok(status);
    }
    let state = state(context, &job);
    let outcome = job.entry.outcome()?;
    if context.global.json {
        context.ui.object(&object(&job, &state))?;
    }
    context.ui.say(&format!("job {} {state}", job.entry.name));
    if let Some(reason) = reason(&state) {
        context.ui.say(reason);
    }
    Ok(status_of(&state, outcome.as_ref()))
}

/// The target's client, where it is what is asked.
fn has_client(context: &Context<'_>, job: &Handed) -> Result<(), Failure> {
    if context.global.dry_run {
        return Ok(());
    }
    Ok(jobs::has_client(job, &context.environment)?)
}

/// One of them.
struct Followed {
    path: PathBuf,
    stream: Stream,
    /// As events call it.
    name: &'static str,
    seen: u64,
    /// The beginning of a line whose end was not written yet; for events alone.
    rest: Vec<u8>,
}

impl Followed {
    fn new(path: PathBuf, stream: Stream, name: &'static str) -> Self {
        Self { path, stream, name, seen: 0, rest: Vec::new() }
    }

    /// Lines as events. A line that does not end is cut where it would fill the memory.
    fn tell(&mut self, context: &Context<'_>, bytes: &[u8]) -> Result<(), Failure> {
        self.rest.extend_from_slice(bytes);
        let end = match self.rest.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if self.rest.len() > PIECE => self.rest.len(),
            None => return Ok(()),
        };
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
            context.ui.object(&json!({ "stream": self.name, "text": text }))?;
        }
        Ok(())
    }
}

/// The files of a job, each shown as far as it was written.
struct Files {
    files: Vec<Followed>,
    /// What is on its way: a log may be larger than the memory.
    piece: Vec<u8>,
}

impl Files {
    /// The child's own two streams go where they belong. The talk before them, builds and such, goes to
    /// ours where the child has not begun, or where it is asked for.
    fn new(child: &[PathBuf], before: &Path, verbose: bool) -> Self {
        let mut files = Vec::new();
        if verbose || !child.iter().any(|path| path.exists()) {
            files.push(Followed::new(before.to_owned(), Stream::Talk, "scaf"));
        }
        for path in child {
            let stderr = path.file_name().is_some_and(|name| name == "stderr.log");
            let (stream, name) = if stderr { (Stream::Talk, "stderr") } else { (Stream::Data, "stdout") };
            files.push(Followed::new(path.clone(), stream, name));
        }
        Self { files, piece: vec![0; PIECE] }
    }

    /// Shows what is new. False when nobody reads any more.
    fn show(&mut self, context: &Context<'_>) -> Result<bool, Failure> {
        for followed in &mut self.files {
            let path = followed.path.clone();
            let mut file = match File::open(&path) {
                Ok(file) => file,
                // Not begun yet.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(Failure::user(format!("cannot read `{}`: {error}", path.display())));
                }
            };
            let failed = |error| Failure::user(format!("cannot read `{}`: {error}", path.display()));
            // As far as it is written now: one that grows on must not keep the others waiting.
            let end = file.metadata().map_err(failed)?.len();
            file.seek(SeekFrom::Start(followed.seen)).map_err(failed)?;
            while followed.seen < end {
                let wanted = usize::try_from(end - followed.seen).map_or(PIECE, |left| left.min(PIECE));
                let length = match file.read(&mut self.piece[..wanted]) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(failed(error)),
                };
                followed.seen += length as u64;
                if context.global.json {
                    followed.tell(context, &self.piece[..length])?;
                } else if !context.ui.pass_on(followed.stream, &self.piece[..length])? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// What no end of a line follows any more.
    fn finish(&mut self, context: &Context<'_>) -> Result<(), Failure> {
        for followed in &mut self.files {
            if !followed.rest.is_empty() {
                followed.tell(context, b"\n")?;
            }
        }
        Ok(())
    }
}

fn cancel(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let job = jobs::find(&project.layout, word)?;
    let before = state(context, &job);
    if let State::Lost { .. } = &before {
        // Nobody sees to it; its container or its process may go on all the same.
        let found = running::survey(Some(&project.layout), &context.environment)?;
        if let Some(at) = rest_of(&found, &job) {
            if stop::end(context, found, &BTreeSet::from([at]), GRACE)?.is_none() {
                return Ok(0);
            }
            return finish(context, project, word);
        }
    }
    if before.is_over() {
        if context.global.json {
            context.ui.object(&object(&job, &before))?;
            return Ok(0);
        }
        context.ui.say(&format!("job {} is over: {before}", job.entry.name));
        if let State::Lost { reason } = &before {
            context.ui.say(reason);
        }
        return Ok(0);
    }
    if let State::Unknown { reason } = &before
        && job.ticket.supervisor.is_some()
    {
        // A number of another machine's process table is somebody else's here.
        return Err(Failure::user(format!("job {} cannot be ended from here: {reason}", job.entry.name)));
    }
    has_client(context, &job)?;
    let mut plan = Plan::new(format!("scaf jobs cancel {}", job.entry.name));
    for action in job.target.cancel(&job.ticket)? {
        plan.step("ask for its end", action);
    }
    if !context.global.dry_run {
        let cancelled = job.ticket.cancelled.clone().unwrap_or_else(|| clock::written(clock::now()));
        supervisor::write_ticket(
            &job.entry.folder,
            &Ticket { cancelled: Some(cancelled), ..job.ticket.clone() },
        )?;
    }
    if act::act(context, &plan)?.is_none() {
        return Ok(0);
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let job = jobs::find(&project.layout, word)?;
        // Only what is known here is worth looking at often.
        if job.ticket.supervisor.is_none() || state(context, &job).is_over() {
            break;
        }
        std::thread::sleep(LOOK);
    }
    finish(context, project, word)
}

/// What is left of a job to which nobody sees.
fn rest_of(found: &Found, job: &Handed) -> Option<usize> {
    found.runs.iter().position(|run| {
        run.run == job.entry.name
            && run.experiment == job.entry.experiment
            && !matches!(run.state, Rest::Lost | Rest::Elsewhere { .. })
    })
}

/// What is still to be said of a job's log when nobody writes it any more.
fn unwritten(context: &Context<'_>, project: &Project, job: &Handed) -> Result<(), Failure> {
    let found = running::survey(Some(&project.layout), &context.environment)?;
    let Some(run) = rest_of(&found, job).map(|at| &found.runs[at]) else { return Ok(()) };
    let typed = journal::typed(&project.layout, &job.entry.name);
    match (&run.state, &run.container) {
        (Rest::Unknown { reason }, _) => {
            context.ui.warning(&format!("whether it goes on cannot be told: {reason}"));
            return Ok(());
        }
        (_, Some(container)) => {
            context.ui.warning("who wrote this log was killed, and the job goes on without");
            context.ui.hint(&format!("`{} logs --follow {container}` shows what it says", run.engine));
        }
        _ => context.ui.warning("who wrote this log was killed, and the job goes on without"),
    }
    context.ui.hint(&format!("`scaf jobs cancel {typed}` ends it"));
    Ok(())
}

fn finish(context: &Context<'_>, project: &Project, word: &str) -> Result<u8, Failure> {
    let job = jobs::find(&project.layout, word)?;
    let after = state(context, &job);
    if context.global.json {
        context.ui.object(&object(&job, &after))?;
    } else if after == State::Cancelled {
        context.ui.say(&format!("job {} was cancelled", job.entry.name));
    } else if after.is_over() {
        context.ui.say(&format!("job {} is over: {after}", job.entry.name));
    } else if !after.is_over() {
        context.ui.say(&format!("job {} was asked to end and is still {after}", job.entry.name));
        let typed = journal::typed(&project.layout, &job.entry.name);
        context.ui.hint(&if job.ticket.supervisor.is_some() {
            format!("`scaf jobs cancel {typed}` once more ends it at once")
        } else {
            format!("`scaf jobs status {typed}` says when it has")
        });
    }
    Ok(0)
}

fn fetch(context: &Context<'_>, project: &Project, word: &str, to: Option<PathBuf>) -> Result<u8, Failure> {
    let job = jobs::find(&project.layout, word)?;
    let to = context.directory.join(to.unwrap_or_else(|| PathBuf::from(job.entry.short())));
    if std::fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(Failure::user(format!("`{}` is there already", to.display()))
            .hint("name another folder with `--to`"));
    }
    let now = state(context, &job);
    if !now.is_over() {
        context
            .ui
            .warning(&format!("job {} is {now}: what it has written until now is fetched", job.entry.name));
    }
    has_client(context, &job)?;
    let mut plan = Plan::new(format!("scaf jobs fetch {}", job.entry.name));
    for action in job.target.fetch(&job.ticket, &job.entry.folder, &to)? {
        if let Action::CopyTree { from, .. } = &action
            && std::fs::read_dir(from).map_or(true, |mut entries| entries.next().is_none())
        {
            let folder = project.layout.shown(&job.entry.folder).display();
            return Err(Failure::user(format!("job {} has written no outputs", job.entry.name)).hint(
                format!(
                    "what it left otherwise is in `{folder}/`, what it said is shown by `scaf jobs logs`"
                ),
            ));
        }
        plan.step("bring its outputs here", action);
    }
    let copied = plan.steps.iter().any(|step| matches!(step.action, Action::CopyTree { .. }));
    let fetched = act::act(context, &plan).map_err(|failure| {
        if !copied {
            return failure;
        }
        let failure = failure.context(&format!("the outputs cannot be put into `{}`", to.display()));
        failure.hint("name a folder that can be written with `--to`")
    })?;
    if fetched.is_none() {
        return Ok(0);
    }
    if context.global.json {
        context.ui.object(&json!({ "job": job.entry.name, "to": to }))?;
    } else {
        context.ui.say(&format!("the outputs of {} are in {}", job.entry.name, to.display()));
    }
    Ok(0)
}
