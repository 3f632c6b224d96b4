//! `scaf job`: hands an experiment to a target.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::act;
use super::env::offer;
use super::run::{JobParts, Wanted, prepare};
use crate::cli::args::{JobArgs, RunOptions};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::orchestrate::claim::Claim;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::host::{clock, git, who};
use crate::orchestrate::load::job::{self as load_job, LoadedJob};
use crate::orchestrate::load::{bundle, environment, in_step};
use crate::orchestrate::planner;
use crate::orchestrate::planner::run::Program;
use crate::orchestrate::selection::HostMay;
use crate::orchestrate::target::{self, About, Handing, Payload, Target, TargetError};
use crate::orchestrate::{jobs, journal, perform, supervisor};
use crate::project::experiment::Experiment;
use crate::project::layout::{ENVIRONMENT, IGNORE};
use crate::spec::bundle::Manifest;
use crate::spec::job::{CommandJob, InputValue, Job, JobEnvironment, JobFileError};
use crate::spec::place::{Problem, near_miss};
use crate::spec::plan::{Action, Plan};
use crate::spec::record::{self, Outcome, Record};
use crate::spec::run::{EnvironmentSource, Intent};
use crate::spec::run_flags;
use crate::spec::settings::{Settings, TARGET_KINDS, TargetSettings};
use crate::spec::ticket::{self, State, Ticket};

/// Ignore rules that Azure's own client heeds, too.
const AZURE_IGNORE: &str = ".amlignore";

pub fn run(context: &Context<'_>, args: JobArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    offer::environment(context, &project, &experiment)?;
    let settings = context.settings(&project, &experiment);
    let target_name = args.target.clone().unwrap_or_else(|| settings.job.target.clone());
    let target_settings = target_settings(&settings, &target_name)?;
    let target = target::of_kind(&target_settings.kind)
        .ok_or_else(|| TargetError::Unknown { name: target_settings.kind.clone(), near: None })?;
    let mut extra = args.job_xargs.as_deref().map(run_flags::split).transpose()?.unwrap_or_default();
    let mut overrides = overrides(&args.set)?;
    overrides.extend(taken_out(&mut extra)?);
    for (key, value) in &mut overrides {
        typed_here(&context.directory, key, value);
    }

    let named = args.file.as_deref().or(target_settings.file.as_deref());
    let name = load_job::find(&experiment.dir, named, &settings.job.file)?;
    let shown = project.layout.shown(&experiment.dir).join(&name).display().to_string();
    let loaded = load_job::load(&experiment.dir, &name, &shown, &overrides)?;
    let origins = settings
        .entries()
        .into_iter()
        .filter(|entry| entry.key.starts_with("targets."))
        .map(|entry| (entry.key, entry.origin.to_string()))
        .collect();
    let mut on = Handover {
        context,
        project: &project,
        experiment: &experiment,
        options: &args.options,
        target,
        target_name: &target_name,
        settings: &target_settings,
        origins,
        loaded,
        shown,
        overrides,
        extra,
    };
    // Whether it is wanted at all comes before anything is asked or made.
    on.accept()?;
    match target.about().payload {
        Payload::Command => on.enclosed(),
        Payload::Image => on.bundled(),
    }
}

/// A job on its way.
struct Handover<'a> {
    context: &'a Context<'a>,
    project: &'a Project,
    experiment: &'a Experiment,
    options: &'a RunOptions,
    target: &'static dyn Target,
    target_name: &'a str,
    settings: &'a TargetSettings,
    origins: BTreeMap<String, String>,
    loaded: LoadedJob,
    /// The job file as messages call it.
    shown: String,
    overrides: Vec<(String, String)>,
    extra: Vec<String>,
}

impl Handover<'_> {
    fn handing<'h>(&'h self, folder: &'h Path, bundle: &'h Path, run: Option<&'h Plan>) -> Handing<'h> {
        Handing {
            target: self.target_name,
            settings: self.settings,
            origins: &self.origins,
            job: &self.loaded.file,
            file: &self.loaded.name,
            overrides: &self.overrides,
            extra: &self.extra,
            folder,
            bundle,
            run,
        }
    }

    fn accept(&self) -> Result<(), Failure> {
        let nowhere = Path::new("");
        target::accept(self.target, &self.handing(nowhere, nowhere, None))?;
        let About { tool, payload, .. } = self.target.about();
        if payload == Payload::Image && !self.options.is_empty() {
            return Err(Failure::usage(format!(
                "the `{}` target encloses the job by itself and takes none of the flags of a run",
                self.target_name
            ))
            .hint("say it in the job file: `resources`, `environment_variables`"));
        }
        if let Some(tool) = tool
            && !jobs::has_program(tool.program, &self.context.environment)
        {
            let missing = TargetError::NoTool {
                target: self.target_name.to_owned(),
                program: tool.program,
                hints: tool.hints,
            };
            if !self.context.global.dry_run {
                return Err(missing.into());
            }
            self.context.ui.warning(&missing.to_string());
        }
        Ok(())
    }

    /// For a target that is handed a command: the run is enclosed here, and the target starts it.
    fn enclosed(&self) -> Result<u8, Failure> {
        let Job::Command(job) = &self.loaded.file.job else {
            return Err(Failure::ours("a job of another type was accepted"));
        };
        let base = self.loaded.path.parent().unwrap_or(&self.experiment.dir).to_owned();
        let data = self.project.layout_with(&self.context.settings(self.project, self.experiment)).data_dir();
        let located = load_job::locate(job, &base, &data);
        // What cannot be is found before an engine is asked.
        planner::job::plan(&planner::job::Request {
            job,
            file: &self.shown,
            located: &located,
            root: "/mnt",
            folder: Path::new("/"),
            container: true,
        })?;
        let environment = environment_of(job, &base, self.experiment);
        let prepared = prepare(
            self.context,
            self.project,
            self.experiment,
            self.options,
            Wanted {
                intent: Intent::Job,
                program: Program::JobCommand { text: job.command.clone() },
                live: false,
                layer: None,
                host: HostMay::WhenNamed,
                may_have_terminal: false,
                kill_on_three_interrupts: false,
                job: Some(JobParts { job: (**job).clone(), file: self.shown.clone(), located, environment }),
            },
        )?;
        let (mut record, folder) = (prepared.record, prepared.claim.folder.clone());
        detached(&mut record.plan);
        self.context.ui.say(&prepared.first_line);
        for note in &prepared.notes {
            self.context.ui.warning(note);
        }
        let mut outer = Plan::new(record.plan.title.clone());
        outer.steps = self.target.submit(&self.handing(&folder, &folder, Some(&record.plan)))?;
        if self.context.global.dry_run {
            act::print(self.context, &outer)?;
            return Ok(0);
        }
        let ticket = self.ticket();
        if let Some(reservation) = &prepared.gpus.reservation {
            reservation
                .hand_over()
                .map_err(|error| Failure::ours(format!("the GPUs cannot be kept for the job: {error}")))?;
        }
        journal::open(&folder, &record)?;
        supervisor::write_ticket(&folder, &ticket)?;
        let world = World::new(self.context.ui, &self.context.environment, self.context.global.json);
        if let Err(error) = execute::execute(&outer, &world) {
            let outcome = Outcome {
                version: record::VERSION,
                status: 1,
                error: Some(error.to_string()),
                ended: clock::written(clock::now()),
                ..Outcome::default()
            };
            journal::close(&folder, &outcome)?;
            return Err(error.into());
        }
        let ticket = supervisor::ticket(&folder)?.unwrap_or(ticket);
        self.handed_over(&record.run, &folder, &ticket, None)?;
        Ok(0)
    }

    /// For a target that encloses by itself: it gets the bundle as real files.
    fn bundled(&mut self) -> Result<u8, Failure> {
        let layout = &self.project.layout;
        let base = self.loaded.path.parent().unwrap_or(&self.experiment.dir).to_owned();
        if let Job::Command(job) = &self.loaded.file.job {
            let made = absolute_inputs(job, &base, &self.shown)?;
            self.overrides.retain(|(key, _)| !made.iter().any(|(other, _)| other == key));
            self.overrides.extend(made);
        }
        let cache = self.context.digest_cache();
        let is_own = match &self.loaded.file.job {
            Job::Command(job) => {
                matches!(job.environment, JobEnvironment::Build { .. })
                    && environment_of(job, &base, self.experiment).is_none()
            }
            Job::Other { .. } => false,
        };
        let settings = self.context.settings(self.project, self.experiment);
        let environment = &self.context.environment;
        let (out_of_step, surveyed) = std::thread::scope(|scope| {
            let out_of_step = scope.spawn(|| {
                is_own.then(|| in_step::against(self.experiment, &settings, environment, cache.as_deref()))
            });
            let surveyed = bundle::survey(&bundle::Request {
                root: &layout.root,
                source: &self.experiment.dir,
                ignore_files: &[AZURE_IGNORE],
                cache: cache.as_deref(),
            });
            (out_of_step.join(), surveyed)
        });
        let surveyed = surveyed?;
        let out_of_step = out_of_step.map_err(|_| Failure::ours("a part of the survey broke off"))?;
        let folder = layout.shown(&self.experiment.dir);
        if let Some(line) = in_step::line(self.experiment, folder, &out_of_step.unwrap_or_default()) {
            self.context.ui.warning(&line);
        }
        self.all_in(&surveyed.manifest)?;
        let hold = !self.context.global.dry_run;
        let mut claim = Claim::take(layout, &self.experiment.name, clock::now(), clock::seed(), hold)?;
        let (run, folder) = (claim.run.clone(), claim.folder.clone());
        let store = layout.bundles_dir().join(&surveyed.digest);
        let code = folder.join("code");
        let mut plan =
            Plan::new(format!("scaf job {} ({run}) on {}", self.experiment.name, self.target_name));
        if !store.is_dir() {
            plan.step(
                format!("keep the bundle {}", &surveyed.digest[..12.min(surveyed.digest.len())]),
                Action::KeepBundle {
                    source: self.experiment.dir.clone(),
                    manifest: surveyed.manifest,
                    digest: surveyed.digest.clone(),
                    into: store.clone(),
                },
            );
        }
        plan.step("lay the bundle out for the client", Action::CopyTree { from: store, to: code.clone() });
        plan.steps.extend(self.target.submit(&self.handing(&folder, &code, None))?);
        plan.always("take the copy away", Action::Remove { path: code.clone() });
        if let Job::Other { kind } = &self.loaded.file.job {
            let note = format!("`{}` is of type `{kind}`: handed over unread", self.shown);
            self.context.ui.say(&format!("note: {note}"));
            plan.note(note);
        }
        if self.context.global.dry_run {
            act::print(self.context, &plan)?;
            return Ok(0);
        }
        let record = self.record(run, &folder, surveyed.digest, plan)?;
        let world = World::new(self.context.ui, &self.context.environment, self.context.global.json);
        let outcome = perform::perform(&mut claim, &record, &world)?;
        let said = std::fs::read_to_string(folder.join("stdout.log")).unwrap_or_default();
        let mut ticket = self.ticket();
        self.target.ticket(&self.handing(&folder, &code, None), &said, &mut ticket);
        if outcome.status == 0 {
            supervisor::write_ticket(&folder, &ticket)?;
        } else {
            self.context.ui.warning(&format!(
                "the job was not handed over: `{}` ended with {}",
                record.command.first().map_or("the client", String::as_str),
                outcome.status
            ));
        }
        self.handed_over(&record.run, &folder, &ticket, Some(&outcome))?;
        Ok(outcome.status)
    }

    /// Everything that the job file names has to be among the files that go along.
    fn all_in(&self, manifest: &Manifest) -> Result<(), Failure> {
        let has = |path: &str| {
            let below = format!("{path}/");
            path.is_empty()
                || manifest.entries.iter().any(|entry| entry.path == path || entry.path.starts_with(&below))
        };
        if !has(&self.loaded.name) {
            return Err(Failure::user(format!("`{}` is not in the bundle", self.shown))
                .hint(format!("take it out of `{IGNORE}` and `{AZURE_IGNORE}`")));
        }
        let Job::Command(job) = &self.loaded.file.job else { return Ok(()) };
        let folder = Path::new(&self.loaded.name).parent().unwrap_or(Path::new(""));
        let problems: Vec<Problem> = job
            .paths
            .iter()
            .filter(|named| !inner(&folder.join(&named.path)).is_some_and(|path| has(&path)))
            .map(|named| Problem {
                file: self.shown.clone(),
                position: named.position,
                source: named.source.clone(),
                what: format!("`{}` names `{}`, which does not go along", named.key, named.path),
                hint: Some(format!(
                    "a job takes the experiment's files, but for those in `{IGNORE}` and `{AZURE_IGNORE}`"
                )),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(JobFileError { problems }.into()) }
    }

    fn ticket(&self) -> Ticket {
        let caller = who::caller(&self.context.environment);
        Ticket {
            version: ticket::VERSION,
            target: self.target_name.to_owned(),
            kind: self.target.about().kind.to_owned(),
            id: None,
            url: None,
            submitted: clock::written(clock::now()),
            host: who::machine(&caller).name,
            supervisor: None,
            place: Vec::new(),
            cancelled: None,
            ended: None,
        }
    }

    fn record(&self, run: String, folder: &Path, bundle: String, plan: Plan) -> Result<Record, Failure> {
        let state = git::state(&self.project.layout, &self.experiment.name);
        let caller = who::caller(&self.context.environment);
        let command = plan
            .steps
            .iter()
            .find_map(|step| match &step.action {
                Action::RunProcess { argv, .. } => Some(argv.clone()),
                _ => None,
            })
            .unwrap_or_default();
        let parameters = match &self.loaded.file.job {
            Job::Command(job) => job.parameters(),
            Job::Other { .. } => BTreeMap::new(),
        };
        Ok(Record {
            version: record::VERSION,
            scaf: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            experiment: self.experiment.name.to_string(),
            intent: Intent::Job,
            command,
            parameters,
            engine: self.target.about().kind.to_owned(),
            engine_version: String::new(),
            engine_reason: "the target encloses the job".to_owned(),
            bundle: Some(bundle),
            image: None,
            image_id: None,
            build_words: Vec::new(),
            environment: None,
            lock: None,
            git: perform::keep_git(folder, state)?,
            host: who::machine(&caller),
            gpus: None,
            planned: clock::written(clock::now()),
            plan,
        })
    }

    fn handed_over(
        &self,
        run: &str,
        folder: &Path,
        ticket: &Ticket,
        outcome: Option<&Outcome>,
    ) -> Result<(), Failure> {
        let ui = self.context.ui;
        if self.context.global.json {
            let ticket = outcome.is_none_or(|outcome| outcome.status == 0).then_some(ticket);
            return ui.object(
                &serde_json::json!({ "job": run, "ticket": ticket, "outcome": outcome, "folder": folder }),
            );
        }
        if outcome.is_some_and(|outcome| outcome.status != 0) {
            return Ok(());
        }
        let short = journal::typed(&self.project.layout, run);
        ui.say(&format!("job {run} was handed to `{}`", self.target_name));
        if let Some(url) = &ticket.url {
            ui.say(url);
        }
        ui.hint(&format!("`scaf jobs logs -f {short}` shows what it says, `scaf jobs` how it is"));
        Ok(())
    }
}

/// A run that nobody watches has no one's standard input.
fn detached(plan: &mut Plan) {
    for step in &mut plan.steps {
        match &mut step.action {
            Action::RunContainer { container, .. } => {
                container.stdin = false;
                container.tty = false;
            }
            Action::RunProcess { stdin, tty, .. } => {
                *stdin = false;
                *tty = false;
            }
            _ => {}
        }
    }
}

/// The settings of a target: declared, or a kind by its own name.
fn target_settings(settings: &Settings, name: &str) -> Result<TargetSettings, Failure> {
    if let Some(declared) = settings.targets.get(name) {
        return Ok(declared.clone());
    }
    if TARGET_KINDS.contains(&name) {
        return Ok(TargetSettings { kind: name.to_owned(), ..TargetSettings::default() });
    }
    let names = settings.targets.keys().map(String::as_str).chain(TARGET_KINDS);
    let near = near_miss(name, names).map(str::to_owned);
    Err(TargetError::Unknown { name: name.to_owned(), near }.into())
}

/// `KEY=VALUE` of `--set`.
fn overrides(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() && key.split('.').all(|part| !part.is_empty()) => {
                Ok((key.to_owned(), value.to_owned()))
            }
            _ => Err(Failure::usage(format!("`--set {word}` is not `--set KEY=VALUE`"))
                .hint("for example `--set inputs.epochs=8`")),
        })
        .collect()
}

/// A path that was typed is one of the folder where it was typed, where there is something; else it is
/// relative to the job file, as those in it are.
fn typed_here(directory: &Path, key: &str, value: &mut String) {
    let is_path = key.starts_with("inputs.") && key.ends_with(".path");
    if is_path
        && load_job::is_local_path(value)
        && let Ok(whole) = directory.join(load_job::plain_path(value)).canonicalize()
    {
        *value = whole.to_string_lossy().into_owned();
    }
}

/// The `--set` words of `job-xargs`, as they are typed to `az`: one `--set`, many values.
fn taken_out(extra: &mut Vec<String>) -> Result<Vec<(String, String)>, Failure> {
    let mut taken = Vec::new();
    let mut rest = Vec::new();
    let mut within = false;
    for word in extra.drain(..) {
        if word == "--set" {
            within = true;
        } else if let Some(value) = word.strip_prefix("--set=") {
            within = true;
            taken.push(value.to_owned());
        } else if within && !word.starts_with('-') {
            taken.push(word);
        } else {
            within = false;
            rest.push(word);
        }
    }
    *extra = rest;
    overrides(&taken)
}

/// The environment that the job file names, where it is not the experiment's own.
fn environment_of(job: &CommandJob, base: &Path, experiment: &Experiment) -> Option<EnvironmentSource> {
    match &job.environment {
        JobEnvironment::Named(_) => None,
        JobEnvironment::Image { image, conda: _ } => Some(EnvironmentSource::Image(image.clone())),
        JobEnvironment::Build { path, dockerfile } => {
            let own = experiment.dir.join(ENVIRONMENT);
            let directory = path.as_ref().map_or_else(|| own.clone(), |path| base.join(path));
            let directory = directory.canonicalize().unwrap_or(directory);
            let dockerfile = dockerfile.clone().unwrap_or_else(|| environment::DOCKERFILE.to_owned());
            let is_own = own.canonicalize().is_ok_and(|own| own == directory)
                && dockerfile.trim_start_matches("./") == environment::DOCKERFILE;
            (!is_own).then_some(EnvironmentSource::Folder { directory, dockerfile })
        }
    }
}

/// Inputs that are paths of this machine, made absolute: the client looks for them from the bundle's copy.
fn absolute_inputs(job: &CommandJob, base: &Path, file: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut made = Vec::new();
    let mut problems = Vec::new();
    for (name, input) in &job.inputs {
        let InputValue::Data(data) = &input.value else { continue };
        let Some(path) = data.path.as_deref().filter(|path| load_job::is_local_path(path)) else { continue };
        let whole = base.join(load_job::plain_path(path));
        match whole.canonicalize() {
            Ok(whole) => made.push((format!("inputs.{name}.path"), whole.to_string_lossy().into_owned())),
            Err(_) => problems.push(Problem {
                file: file.to_owned(),
                position: input.position,
                source: input.source.clone(),
                what: format!("input `{name}` is `{path}`, and `{}` is not there", whole.display()),
                hint: Some(format!("say where it is: `--set inputs.{name}.path=FOLDER`")),
            }),
        }
    }
    if problems.is_empty() { Ok(made) } else { Err(JobFileError { problems }.into()) }
}

/// A relative path without `.` and `..`, `/`-separated; `None` for one that leads out.
fn inner(path: &Path) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_str()?.to_owned()),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// The exit status for those who wait for a job.
pub fn status_of(state: &State, outcome: Option<&Outcome>) -> u8 {
    match state {
        State::Succeeded => 0,
        State::Failed { status, .. } => status.unwrap_or(1),
        State::Cancelled => outcome.map_or(1, |outcome| outcome.status.max(1)),
        State::Lost { .. } | State::Unknown { .. } | State::Queued | State::Running => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_words_of_either_spelling() {
        let mut extra: Vec<String> =
            ["--web", "--set", "inputs.a=1", "inputs.b=x=y", "--name", "n", "--set=c=2"]
                .map(str::to_owned)
                .to_vec();
        let taken = taken_out(&mut extra).unwrap();
        assert_eq!(extra, ["--web", "--name", "n"]);
        let shown: Vec<String> = taken.iter().map(|(key, value)| format!("{key}|{value}")).collect();
        assert_eq!(shown, ["inputs.a|1", "inputs.b|x=y", "c|2"]);
        for bad in ["epochs", "=8", "inputs.=8", ".a=1"] {
            assert!(overrides(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_within_the_bundle() {
        assert_eq!(inner(Path::new("./environment")).as_deref(), Some("environment"));
        assert_eq!(inner(Path::new("jobs/../environment")).as_deref(), Some("environment"));
        assert_eq!(inner(Path::new(".")).as_deref(), Some(""));
        assert_eq!(inner(Path::new("../x")), None);
        assert_eq!(inner(Path::new("/x")), None);
    }
}
