//! `scaf env lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::local_code::{self, Beside};
use super::new_environment::NewEnvironment;
use super::own_lines;
use super::subject::{self, Python, Subject};
use crate::cli::args::{AcceleratorArg, EnvLockArgs};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ops::act;
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::host::uv::{self, Surroundings, Uv};
use crate::orchestrate::load::local_wheel::packed;
use crate::orchestrate::load::{local_wheel, requirements, specifications};
use crate::orchestrate::lock::{self, Hashes, LockError, Resolution};
use crate::orchestrate::planner;
use crate::orchestrate::planner::lock::{Facts, LOCK, LockPlan, REQUIREMENTS};
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::{File, normalised};
use crate::project::python::specs::Platform;
use crate::project::python::specs::precedence::{self, Found, Place};
use crate::project::python::target::Target;
use crate::spec::closure::{Catalogue, Known as KnownDistribution};
use crate::spec::detection::{Detection, Known, Needed, Role, Unresolved};
use crate::spec::lock_choice::{self, Choice, LockRequest, OwnDemand, Taken};
use crate::spec::lock_contents::{self, For};
use crate::spec::lock_given::Given;
use crate::spec::lock_target::{LockTarget, Sayings};
use crate::spec::pin::{Pin, Source};
use crate::spec::plan::{Action, IfThere};
use crate::spec::requirements_file::{self, Change};
use crate::spec::requirements_lock::{self, Locked, RequirementsLock};
use crate::spec::settings::GpuSetting;
use crate::spec::settings::Settings;
use crate::spec::torch_builds::Accelerator;
use crate::spec::uv_failure::UvFailure;

/// Beside the code, and so in no image.
const BESIDE: [(For, &str); 2] =
    [(For::Notebooks, "requirements.notebook.txt"), (For::Tests, "requirements.test.txt")];
/// Of more, the number is said.
const SHOWN: usize = 12;
/// What a library needs for a call may depend on its version, which a lock chooses: so often it is looked at again.
pub const AGAIN: usize = 3;

pub fn run(context: &Context<'_>, args: &EnvLockArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let experiment = context.experiment_or_code(&project, args.experiment.given())?;
    lock(context, &project, &experiment, args)
}

/// Locks an experiment; of a folder with code alone it makes one.
pub fn lock(
    context: &Context<'_>,
    project: &Project,
    experiment: &Experiment,
    args: &EnvLockArgs,
) -> Result<u8, Failure> {
    let settings = context.settings(project, experiment);
    let new = NewEnvironment::where_there_is_none(context, project, experiment, args, &settings)?;
    let mut ground = match &new {
        None => Ground::of(context, args, experiment, &settings)?,
        Some(new) => Ground::with(
            context,
            args,
            experiment,
            &settings,
            (new.draft.clone(), Some(new.dockerfile().to_owned())),
        )?,
    };
    let of_tests = refuse_what_stays_here(project, &ground)?;
    let given = given(context, args.from.as_deref(), (&experiment.dir, &project.layout.root), &ground)?;
    let manner = Manner {
        accelerator: accelerator(args.accelerator, &settings),
        hashes: match (args.require_hashes, args.no_hashes) {
            (true, _) => Hashes::Required,
            (false, true) => Hashes::Without,
            (false, false) => Hashes::IfToBeHad,
        },
        offline: args.offline,
    };
    let heard = Heard::begin(SignalSource::Process)
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    let mut resolution = resolve(context, &ground, given.as_ref(), &manner, &heard)?;
    for _ in 0..AGAIN {
        let detection = ground.with_versions_of(&resolution)?;
        if needed(&detection) == needed(&ground.detection) {
            break;
        }
        ground.detection = detection;
        resolution = resolve(context, &ground, given.as_ref(), &manner, &heard)?;
    }
    resolution.notes.extend(of_tests);
    let problems = ground.detection.problems.len();
    if problems > 0 {
        let files = if problems == 1 { "1 file".to_owned() } else { format!("{problems} files") };
        resolution.notes.push(format!("{files} could not be read in full: `scaf env detect` names them"));
    }
    let mut planned = plan(&ground, &project.layout.root, given.as_ref(), &resolution);
    if let Some(new) = &new {
        new.complete(&mut planned.plan);
    }
    let world = World::new(context.ui, &context.environment, context.global.json)
        .with_signals(Some(SignalSource::Heard(heard)));
    if context.global.dry_run {
        act::print(context, &planned.plan)?;
        return Ok(0);
    }
    refuse_changed(&ground)?;
    execute::execute(&planned.plan, &world)?;
    tell(context, project, &ground, &resolution, &planned, new.as_ref())
}

/// The versions that were chosen, by normalised name.
pub fn versions(resolution: &Resolution) -> BTreeMap<String, String> {
    let pins = resolution.pins.iter().map(|locked| &locked.pin);
    let chosen = pins.filter_map(|pin| match &pin.source {
        Source::Version(version) | Source::Wheel { version, .. } => Some((pin.normalised(), version.clone())),
        Source::Address(_) => None,
    });
    chosen.collect()
}

/// What is locked for runs.
pub fn needed(detection: &Detection) -> BTreeSet<&str> {
    detection.third_party.keys().chain(detection.implied.keys()).map(String::as_str).collect()
}

/// Code of the experiment's own that would be in no run, or does not run there. What tests alone lack is told.
fn refuse_what_stays_here(project: &Project, ground: &Ground) -> Result<Vec<String>, Failure> {
    let Ground { experiment, detection, python, target, waived, .. } = ground;
    let left = local_code::left_behind(detection, experiment.name.as_str(), &project.layout, waived);
    let of_tests = local_code::refuse_left_behind(&left)?;
    let unfit = local_code::unfit_modules(detection, python, target, &experiment.dir, waived);
    local_code::refuse_unfit_modules(&unfit, target)?;
    Ok(of_tests)
}

/// How it is to be locked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    pub accelerator: Accelerator,
    pub hashes: Hashes,
    pub offline: bool,
}

/// What is locked of what is there. Nothing is written.
pub fn resolve(
    context: &Context<'_>,
    ground: &Ground,
    given: Option<&Given>,
    manner: &Manner,
    heard: &Heard,
) -> Result<Resolution, Failure> {
    refuse_unresolved(ground)?;
    own_lines::refuse_wrong(&ground.files)?;
    let Ground { experiment, python, target, detection, files, before, waived, .. } = ground;
    let beside = Beside::of(&ground.now.join(ENVIRONMENT), files, before.as_ref())?;
    let Manner { accelerator, hashes, offline } = *manner;
    let own = own(files);
    let mut options = own.options;
    options.extend(given.iter().flat_map(|given| given.options.iter().cloned()));
    let mut constraints = own.constraints;
    constraints.extend(given.iter().flat_map(|given| given.constraints.iter().cloned()));
    let request = LockRequest {
        target,
        accelerator,
        wishes: lock_contents::wishes(detection, &own.requirements, given, target),
        constraints,
        options,
        waived: waived.clone(),
        kept: &beside.kept,
        before: before.as_ref(),
    };
    let surroundings = Surroundings {
        environment: &context.environment,
        // Of an experiment that is being made it is not there yet.
        folder: ground.folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(&ground.folder),
        interpreter: python.interpreter.as_ref().map(|interpreter| interpreter.executable.as_path()),
        offline,
        heard: Some(heard),
    };
    let mut of_this_machine = BTreeSet::new();
    let mut resolution = loop {
        let choice = choose(&request, python, &of_this_machine);
        beside.refuse_lost(&choice)?;
        let wheels = local_code::pack(python, target, &experiment.dir, &choice.local, detection)?;
        let uv = find_uv(context, python, lock::needs_uv(&choice, hashes) && !offline, heard)?;
        if !choice.unfit.is_empty() && uv.is_some() && of_this_machine.is_empty() {
            context.ui.say(&format!("{}: uv chooses", lock::told(&choice.unfit)));
        }
        let packed = local_code::locked(&wheels, &choice.local);
        match lock::resolve(&choice, &packed, hashes, uv.as_ref(), target, &surroundings) {
            Ok(resolution) => break Resolution { wheels, ..resolution },
            // Once for each.
            Err(error) => {
                let found = local_code::on_no_index(&error, python);
                let before = of_this_machine.len();
                of_this_machine.extend(found);
                if of_this_machine.len() == before {
                    return Err(explained(error, detection, given, python));
                }
            }
        }
    };
    resolution.notes.extend(given.iter().flat_map(|given| given.notes.iter().cloned()));
    resolution.notes.extend(notes(detection));
    resolution.notes.extend(own_lines::notes(files));
    if let Some(given) = given {
        context.ui.say(&format!("versions are those of {}, where it names one", given.file));
    }
    Ok(resolution)
}

/// What is there, or will be once the experiment is made.
pub struct Ground {
    pub experiment: Experiment,
    /// Its `environment/`.
    pub folder: PathBuf,
    /// Where its code lies now.
    pub now: PathBuf,
    pub python: Python,
    pub target: LockTarget,
    pub detection: Detection,
    pub waived: BTreeSet<String>,
    /// `requirements.txt` and those that it names.
    pub files: Vec<File>,
    pub lock: Option<String>,
    pub before: Option<RequirementsLock>,
}

impl Ground {
    pub fn of(
        context: &Context<'_>,
        args: &EnvLockArgs,
        experiment: &Experiment,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let folder = experiment.dir.join(ENVIRONMENT);
        let dockerfile = read(&folder.join("Dockerfile"))?;
        Self::with(context, args, experiment, settings, (folder, dockerfile))
    }

    /// With an `environment/` that lies elsewhere, and the text of its Dockerfile.
    fn with(
        context: &Context<'_>,
        args: &EnvLockArgs,
        experiment: &Experiment,
        settings: &Settings,
        (folder, dockerfile): (PathBuf, Option<String>),
    ) -> Result<Self, Failure> {
        let subject = subject_of(experiment);
        let python = Python::of(context, &args.python, &subject)?;
        let interpreter = python.interpreter.as_ref().map(|interpreter| {
            let (major, minor) = interpreter.version;
            interpreter.full_version.clone().unwrap_or_else(|| format!("{major}.{minor}"))
        });
        let sayings = Sayings {
            command_line: args.python_version.as_deref(),
            dockerfile: dockerfile.as_deref(),
            settings: settings.env.python.as_deref(),
            interpreter: interpreter.as_deref(),
        };
        let (target, _) = LockTarget::choose(args.platform, &sayings);
        let detection = subject::detect(&subject, &python, &of_code(&target))?;
        let there = folder.join(REQUIREMENTS).exists();
        let files = if there { requirements::read(&folder, REQUIREMENTS)? } else { Vec::new() };
        let lock = read(&folder.join(LOCK))?;
        Ok(Self {
            experiment: experiment.clone(),
            folder,
            now: experiment.dir.clone(),
            python,
            target,
            detection,
            waived: settings.env.waive.iter().map(|name| normalised(name)).collect(),
            files,
            before: lock.as_deref().map(requirements_lock::read),
            lock,
        })
    }

    /// What the code needs with the versions that were chosen.
    fn with_versions_of(&self, resolution: &Resolution) -> Result<Detection, Failure> {
        let subject = subject_of(&self.experiment);
        subject::detect_with(&subject, &self.python, &of_code(&self.target), Some(&versions(resolution)))
    }

    pub fn requirements(&self) -> &str {
        self.files.first().map_or("", |file| file.text.as_str())
    }
}

fn subject_of(experiment: &Experiment) -> Subject {
    Subject {
        root: experiment.dir.clone(),
        paths: vec![experiment.dir.clone()],
        experiment: Some(experiment.clone()),
    }
}

/// For what the code is read.
fn of_code(target: &LockTarget) -> Target {
    Target {
        python: (target.python.major, target.python.minor),
        machine: target.platform.machine().to_owned(),
        ..Target::default()
    }
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::user(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// An environment that is known not to be enough is no lock.
fn refuse_unresolved(ground: &Ground) -> Result<(), Failure> {
    let is_waived = |unresolved: &&Unresolved| {
        let top = unresolved.import.split('.').next().unwrap_or_default();
        [unresolved.import.as_str(), top].iter().any(|name| ground.waived.contains(&normalised(name)))
    };
    let open: Vec<&Unresolved> = ground
        .detection
        .unresolved
        .iter()
        .filter(|unresolved| !is_waived(unresolved) && is_of_runs(unresolved))
        .collect();
    let Some(first) = open.first() else { return Ok(()) };
    let mut message = String::from("no package is known for ");
    for (index, unresolved) in open.iter().take(SHOWN).enumerate() {
        let place = unresolved.places.iter().find(|place| place.role == Role::Code);
        let place = place.map(|place| format!(" ({})", place.shown())).unwrap_or_default();
        let _ = write!(message, "{}`{}`{place}", if index == 0 { "" } else { ", " }, unresolved.import);
    }
    if open.len() > SHOWN {
        let _ = write!(message, " and {} more", open.len() - SHOWN);
    }
    let mut failure = Failure::user(message);
    if !first.candidates.is_empty() {
        failure = failure.hint(format!("`{}` may be of {}", first.import, first.candidates.join(", ")));
    }
    let mut tops: Vec<String> = Vec::new();
    for unresolved in &open {
        let top = unresolved.import.split('.').next().unwrap_or_default().to_owned();
        if !tops.contains(&top) {
            tops.push(top);
        }
    }
    Err(failure
        .hint("install it into the environment in use, or name its package in `environment/requirements.txt`")
        .hint(waive(&tops)))
}

/// Tests, notebooks and what publishes the code have nothing to do with the image of its runs.
fn is_of_runs(unresolved: &Unresolved) -> bool {
    unresolved.places.iter().any(|place| place.role == Role::Code)
}

/// Of all at once.
fn waive(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("code that is never reached: `waive = [{}]` under `[env]` in scaf.toml", names.join(", "))
}

/// What a file says that was there before: the first of those that say anything, unless one is named. Where another
/// contradicts it, both are told. `at` is where the code lies, `root` that of the project around it.
pub fn given(
    context: &Context<'_>,
    from: Option<&Path>,
    (at, root): (&Path, &Path),
    ground: &Ground,
) -> Result<Option<Given>, Failure> {
    let target = &ground.target;
    let platform = Platform::of("linux", target.platform.machine());
    let none = BTreeMap::new();
    let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    if let Some(file) = from {
        let path = context.directory.join(file);
        let read = specifications::read(&path, &platform, &none)?;
        let place = if path.starts_with(at) { Place::Experiment } else { Place::Project };
        return Ok(Some(Given::of(&Found { file: shown(&path), place, read }, target)));
    }
    let mut found = specifications::find(at, root, &platform, &none);
    let name = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
    found.retain(|found| !BESIDE.iter().any(|(_, beside)| name(&found.file) == *beside));
    let own_file = shown(&at.join(ENVIRONMENT).join(REQUIREMENTS));
    let own_lines = requirements_file::own_line_numbers(ground.requirements());
    // What scaf wrote there is an answer, and no word of the user's.
    for own in found.iter_mut().filter(|found| found.file == own_file) {
        own.read.pins.retain(|pin| pin.file.is_some() || own_lines.contains(&pin.line));
    }
    let Some(believed) = precedence::believed(&found) else { return Ok(None) };
    let contradictions = precedence::contradictions(believed, &found, &target.markers());
    if !contradictions.is_empty() {
        let mut message = String::from("files that say what the environment is contradict each other");
        for contradiction in contradictions.iter().take(SHOWN) {
            let _ = write!(message, "\n{contradiction}");
        }
        if contradictions.len() > SHOWN {
            let _ = write!(message, "\nand {} more", contradictions.len() - SHOWN);
        }
        return Err(Failure::user(message)
            .hint(format!("`scaf env lock --from FILE` says which is right; {} comes first", believed.file))
            .hint("or make them say the same"));
    }
    // The user's own lines there are requirements anyway.
    Ok((believed.file != own_file).then(|| Given::of(believed, target)))
}

/// Asking an index takes its time, and what somebody has written meanwhile is not to be lost.
fn refuse_changed(ground: &Ground) -> Result<(), Failure> {
    let before = [(REQUIREMENTS, Some(ground.requirements())), (LOCK, ground.lock.as_deref())];
    for (name, before) in before {
        let now = read(&ground.folder.join(name))?;
        if now.unwrap_or_default() != before.unwrap_or_default() {
            return Err(Failure::user(format!(
                "`{ENVIRONMENT}/{name}` was changed while it was being locked"
            ))
            .hint("lock again"));
        }
    }
    Ok(())
}

struct Own {
    requirements: Vec<String>,
    constraints: Vec<String>,
    options: Vec<IndexOption>,
}

fn own(files: &[File]) -> Own {
    let mut own = Own { requirements: Vec::new(), constraints: Vec::new(), options: Vec::new() };
    for file in files {
        let lines = requirements_file::own_lines(&file.text);
        if file.constraint {
            own.constraints.extend(lines.requirements);
        } else {
            own.requirements.extend(lines.requirements);
            own.options.extend(lines.options);
        }
    }
    own
}

/// Runs that want GPUs have a target with CUDA, whatever this machine's build is.
pub fn accelerator(asked: AcceleratorArg, settings: &Settings) -> Accelerator {
    match asked {
        AcceleratorArg::Cpu => Accelerator::Cpu,
        AcceleratorArg::Cuda => Accelerator::Cuda,
        AcceleratorArg::Installed => match settings.engine.gpus {
            GpuSetting::Off => Accelerator::AsInstalled,
            _ => Accelerator::Cuda,
        },
    }
}

/// Where there is no Python.
struct Nothing;

impl Catalogue for Nothing {
    fn get(&self, _: &str) -> Option<KnownDistribution<'_>> {
        None
    }
}

fn choose(request: &LockRequest<'_>, python: &Python, of_this_machine: &BTreeSet<String>) -> Choice {
    let Some(installed) = &python.installed else {
        return lock_choice::choose(request, &Nothing, &|_| Taken::FromIndex);
    };
    lock_choice::choose(request, installed, &|name| match installed.get(name) {
        Some(_) if of_this_machine.contains(name) => Taken::Local,
        Some(distribution) => lock_choice::taken(&distribution.provenance().origin),
        None => Taken::FromIndex,
    })
}

/// uv, fetched where it is needed and not there.
fn find_uv(
    context: &Context<'_>,
    python: &Python,
    fetch: bool,
    heard: &Heard,
) -> Result<Option<Uv>, Failure> {
    let cache = context.environment.cache_dir();
    let program = cache.as_deref().map(planner::uv::program);
    let found = uv::find(&context.environment, program.as_deref());
    let (Some(cache), None, true) = (&cache, &found, fetch) else { return Ok(found) };
    let Some(interpreter) = &python.interpreter else { return Ok(None) };
    let world = World::new(context.ui, &context.environment, context.global.json)
        .with_signals(Some(SignalSource::Heard(heard.clone())));
    execute::execute(&planner::uv::fetch(cache, &interpreter.executable), &world)?;
    Ok(uv::find(&context.environment, program.as_deref()))
}

/// With the places in the code that ask for what the index does not have.
fn explained(error: LockError, detection: &Detection, given: Option<&Given>, python: &Python) -> Failure {
    let lacking: Vec<String> = error.failures().into_iter().filter_map(UvFailure::lacking).collect();
    let apart = installed_and_apart(&error, python);
    let mut failure = Failure::from(error);
    if !apart.is_empty() {
        failure = failure.hint(format!(
            "{} is what is installed: mend that environment (`python -m pip check`), or write the versions that you want into `environment/requirements.txt`",
            apart.join(", ")
        ));
    }
    let mut names = Vec::new();
    for name in lacking {
        for hint in local_code::way_out(&name, python) {
            failure = failure.hint(hint);
        }
        if let Some(OwnDemand::Versions(versions)) = given.and_then(|given| given.demands.get(&name)) {
            let file = given.map_or("", |given| given.file.as_str());
            failure = failure.hint(format!("{file} says `{name}{versions}`"));
        }
        let needed = detection.third_party.get(&name).or_else(|| detection.implied.get(&name));
        let Some((needed, place)) = needed.and_then(|needed| Some((needed, needed.places.first()?))) else {
            continue;
        };
        let guess = if needed.known == Known::Guess { ", and the name is a guess" } else { "" };
        failure = failure.hint(format!("{} asks for `{name}` (`{}`){guess}", place.shown(), place.what));
        names.push(needed.name.clone());
    }
    if names.is_empty() { failure } else { failure.hint(waive(&names)) }
}

/// Of versions that do not go together those that the Python in use has.
fn installed_and_apart(error: &LockError, python: &Python) -> Vec<String> {
    let why = error.failures().into_iter().find_map(|failure| match failure {
        UvFailure::Unsolvable { why } => Some(why.as_str()),
        _ => None,
    });
    let (Some(why), Some(installed)) = (why, &python.installed) else { return Vec::new() };
    let pins = installed.distributions().iter().map(|one| format!("{}=={}", one.normalised, one.version()));
    pins.filter(|pin| why.contains(&format!("you require {pin}"))).map(|pin| format!("`{pin}`")).collect()
}

/// What the user should know of what was found.
fn notes(detection: &Detection) -> Vec<String> {
    let mut notes = Vec::new();
    let is_guess = |needed: &&Needed| needed.known == Known::Guess && needed.version.is_none();
    let alone = |name: &String| detection.notebook_only.contains(name);
    let wanted = detection.third_party.iter().filter(|(name, _)| !alone(name)).map(|(_, needed)| needed);
    let guessed: Vec<String> = wanted
        .filter(is_guess)
        .map(|needed| {
            let place = needed.places.first().map(|place| format!(" ({})", place.shown()));
            format!("`{}`{}", needed.name, place.unwrap_or_default())
        })
        .collect();
    if !guessed.is_empty() {
        notes.push(format!("taken to be called like the module, which is a guess: {}", guessed.join(", ")));
    }
    let Detection { third_party, dev, .. } = detection;
    let beside = third_party.iter().filter(|(name, _)| alone(name)).chain(dev).map(|(_, needed)| needed);
    let is_local = |needed: &&Needed| needed.origin.as_ref().is_some_and(|origin| origin.origin.is_local());
    let local: Vec<String> = beside.filter(is_local).map(|needed| format!("`{}`", needed.name)).collect();
    if !local.is_empty() {
        notes.push(format!(
            "code of this machine that notebooks or tests alone need is not packed: {}",
            local.join(", ")
        ));
    }
    let others = detection.unresolved.iter().filter(|unresolved| !is_of_runs(unresolved));
    let others: Vec<String> = others
        .map(|unresolved| {
            let place = unresolved.places.first().map(|place| format!(" ({})", place.shown()));
            format!("`{}`{}", unresolved.import, place.unwrap_or_default())
        })
        .collect();
    if !others.is_empty() {
        notes
            .push(format!("tests, notebooks or documentation import what nobody has: {}", others.join(", ")));
    }
    notes
}

/// What is written. Files are shown relative to `root`.
pub fn plan(ground: &Ground, root: &Path, given: Option<&Given>, resolution: &Resolution) -> LockPlan {
    let Ground { experiment, folder, python, target, detection, files, lock, .. } = ground;
    // A path that is the same wherever the project lies.
    let shown = |file: &str| match Path::new(file).strip_prefix(root) {
        Ok(below) => below.display().to_string(),
        Err(_) if Path::new(file).is_absolute() => {
            Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned()
        }
        Err(_) => file.to_owned(),
    };
    let locked = |name: &str| resolution.pin(name).cloned();
    let contents =
        lock_contents::contents(detection, given, &locked, &shown, &resolution.indexes, &resolution.pins);
    let wheels = resolution.wheels.iter().map(|wheel| wheel.file.clone());
    let wheels = wheels.chain(planner::lock::wheels_of_scaf(ground.requirements(), lock.as_deref()));
    // A wheel that is as it should be is not written again.
    let there = wheels.filter_map(|file| {
        let (sum, _) = local_wheel::read(&ground.now.join(ENVIRONMENT).join(&file), None).ok()?;
        Some((file, sum.sha256))
    });
    let mut planned = planner::lock::plan(&Facts {
        folder,
        requirements: ground.requirements(),
        included: files.get(1..).unwrap_or_default(),
        lock: lock.as_deref(),
        contents: &contents,
        resolution,
        target,
        there: there.collect(),
    });
    let installed = |name: &str| as_installed(python, name);
    for (part, name) in BESIDE {
        let path = experiment.dir.join(name);
        let old = fs::read_to_string(ground.now.join(name)).unwrap_or_default();
        let contents = lock_contents::beside(detection, part, &installed, &shown);
        let edited = requirements_file::edit(&old, &contents);
        if edited.text != old {
            let why = match part {
                For::Notebooks => "what notebooks alone need",
                For::Tests | For::Runs => "what tests alone need",
            };
            let write = Action::WriteFile {
                path,
                content: edited.text,
                executable: false,
                if_there: IfThere::Replace,
            };
            planned.plan.step(why, write);
        }
    }
    planned
}

/// What is installed, as it would be pinned.
pub fn as_installed(python: &Python, name: &str) -> Option<Pin> {
    let distribution = python.installed.as_ref()?.get(name)?;
    let (name, version) = (distribution.name(), distribution.version());
    match lock_choice::taken(&distribution.provenance().origin) {
        Taken::FromIndex => Some(Pin::version(name, version)),
        Taken::FromAddress(address) => {
            Some(Pin { source: crate::spec::pin::Source::Address(address), ..Pin::version(name, version) })
        }
        Taken::Local => None,
    }
}

/// What is locked, in one line.
pub fn locked(target: &LockTarget, resolution: &Resolution) -> String {
    let count = resolution.pins.len();
    let packages = if count == 1 { "1 package".to_owned() } else { format!("{count} packages") };
    let without = resolution.unhashed.as_ref().map(|why| format!(", without hashes: {why}"));
    format!("locked {packages} for {target}, by {}{}", resolution.by, without.unwrap_or_default())
}

fn tell(
    context: &Context<'_>,
    project: &Project,
    ground: &Ground,
    resolution: &Resolution,
    planned: &LockPlan,
    new: Option<&NewEnvironment>,
) -> Result<u8, Failure> {
    let place = |path: &Path| new.map_or_else(|| path.to_owned(), |new| new.place(path));
    let shown = |path: &Path| project.layout.shown(&place(path)).display().to_string();
    let steps = || planned.plan.steps.iter().map(|step| &step.action);
    let written: Vec<String> = steps()
        .filter_map(|action| match action {
            Action::WriteFile { path, .. } | Action::WriteWheel { path, .. } => Some(shown(path)),
            Action::CopyFile { to, .. } => Some(shown(to)),
            _ => None,
        })
        .collect();
    let removed: Vec<String> = steps()
        .filter_map(|action| match action {
            Action::Remove { path } if path.extension().is_some_and(|end| end == "whl") => Some(shown(path)),
            _ => None,
        })
        .collect();
    let wheels = wheels_of(&planned.lock.pins);
    let not_copied = packed::not_copied(&ground.folder, &wheels);
    let hashed = resolution.unhashed.is_none();
    if context.global.json {
        let changes: Vec<_> = planned.differences.iter().map(ToString::to_string).collect();
        let pins: Vec<_> = planned
            .lock
            .pins
            .iter()
            .map(|locked| json!({"pin": locked.pin.to_string(), "hashes": locked.hashes, "via": locked.via}))
            .collect();
        let apart: Vec<_> =
            resolution.apart.iter().map(|(name, why)| json!({"package": name, "why": why})).collect();
        context.ui.object(&json!({
            "experiment": ground.experiment.name, "target": ground.target.to_string(), "by": resolution.by,
            "hashes": hashed, "no_hashes": resolution.unhashed, "written": written, "changes": changes,
            "pins": pins, "apart": apart, "wheels": wheels, "not_copied": not_copied, "removed": removed,
            "notes": resolution.notes,
        }))?;
        return Ok(0);
    }
    for note in &resolution.notes {
        context.ui.warning(note);
    }
    context.ui.say(&locked(&ground.target, resolution));
    for line in local_code::packed(&resolution.wheels) {
        context.ui.say(&format!("  {line}"));
    }
    for (name, why) in &resolution.apart {
        context.ui.say(&format!("  apart: `{name}`, {why}"));
    }
    for line in direct(&planned.edited.changes) {
        context.ui.say(&format!("  {line}"));
    }
    let more = planned.differences.len();
    if more > 0 {
        let lines: Vec<String> = planned.differences.iter().map(ToString::to_string).collect();
        context.ui.detail(&lines.join("\n"));
    }
    if written.is_empty() {
        context.ui.say("nothing has changed");
    } else {
        context.ui.say(&format!("wrote {}", written.join(", ")));
    }
    if !removed.is_empty() {
        context.ui.say(&format!("removed {}, which the lock no longer names", removed.join(", ")));
    }
    let elsewhere = packed::started_elsewhere(&ground.folder).filter(|_| !wheels.is_empty());
    if let Some(line) = elsewhere {
        context.ui.warning(&format!(
            "`{ENVIRONMENT}/Dockerfile:{line}` starts the installer in another folder than that of the requirements, where it looks for their wheels"
        ));
    }
    if not_copied.is_empty() && elsewhere.is_some() {
        context.ui.hint(&local_code::copy_hint());
    }
    if !not_copied.is_empty() {
        let list: Vec<String> = not_copied.iter().map(|file| format!("`{file}`")).collect();
        context.ui.warning(&format!(
            "`{ENVIRONMENT}/Dockerfile` does not copy {}, so that the image cannot be built",
            list.join(", ")
        ));
        context.ui.hint(&local_code::copy_hint());
    }
    Ok(0)
}

/// The files of the wheels that are locked.
fn wheels_of(pins: &[Locked]) -> Vec<String> {
    let file = |locked: &Locked| match &locked.pin.source {
        Source::Wheel { file, version: _ } => Some(file.clone()),
        Source::Version(_) | Source::Address(_) => None,
    };
    pins.iter().filter_map(file).collect()
}

/// Changes of `requirements.txt`, in lines.
pub fn direct(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|change| match change {
            Change::Added { now } => format!("+ {now}"),
            Change::Removed { was } => format!("- {was}"),
            Change::Changed { was, now } => format!("~ {was} is now {now}"),
        })
        .collect();
    if changes.len() > SHOWN {
        lines.push(format!("and {} more", changes.len() - SHOWN));
    }
    lines
}
