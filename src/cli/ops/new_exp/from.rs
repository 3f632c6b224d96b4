//! `scaf new-exp --from`: an experiment around code that is there, with its environment detected and pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{AROUND, Wanted};
use crate::cli::args::{AcceleratorArg, NewExpArgs, PythonArg};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ops::act;
use crate::cli::ops::env::local_code;
use crate::cli::ops::env::lock::{self, Ground, Manner};
use crate::cli::ops::env::subject::{Python, Subject};
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::load::code::{self, Code, Found};
use crate::orchestrate::load::{requirements, specifications, templates};
use crate::orchestrate::lock::{Hashes, Resolution};
use crate::orchestrate::planner::lock::{LOCK, LockPlan, REQUIREMENTS};
use crate::orchestrate::planner::new_exp::{self, Contents};
use crate::project::experiment::Experiment;
use crate::project::layout::ENVIRONMENT;
use crate::project::name::ExperimentName;
use crate::project::python::requirements::{File as RequirementsFile, normalised, read as read_requirements};
use crate::project::python::requires_dist::{self, Demand};
use crate::project::python::specs::Platform;
use crate::project::python::specs::precedence::{self, Found as Specified, Place};
use crate::project::python::target::Target;
use crate::project::template::{self, Content, File};
use crate::spec::env_vars;
use crate::spec::hint::Fault;
use crate::spec::lock_contents;
use crate::spec::lock_given::Given;
use crate::spec::lock_target::{LockTarget, Platform as TargetPlatform, Sayings};
use crate::spec::plan::{Action, IfThere, Plan, Step, When};
use crate::spec::python_choice::{self, Chosen, Word};
use crate::spec::requirements_file;
use crate::spec::requirements_lock;
use crate::spec::settings::Settings;
use crate::spec::system_packages::{self, SystemNeed};

/// Of more, the number is said.
const SHOWN: usize = 8;

pub fn run(
    context: &Context<'_>,
    args: &NewExpArgs,
    from: &Path,
    wanted: &Wanted<'_>,
) -> Result<u8, Failure> {
    let (layout, name) = (&wanted.project.layout, wanted.name);
    let home = context.environment.path(&env_vars::HOME);
    let target = layout.experiment_dir(name);
    let found =
        code::find(&context.directory, from, args.script.as_deref(), layout, &target, home.as_deref())?;
    let python = python(context, args, &found)?;
    let making = Making::of(context, args, wanted, &found, &python);
    let mut code = making.gather(&python, None)?;
    let (mut files, dockerfile) = making.files(&code)?;
    let mut ground = making.ground(&code, python, dockerfile.as_deref())?;
    // What the script itself asks for stands there first.
    if let Some(own) = ground.files.first()
        && !files.iter().any(|file| file.path == new_exp::REQUIREMENTS)
    {
        let content = Content::Verbatim(own.text.clone());
        files.push(File { path: new_exp::REQUIREMENTS.to_owned(), content, executable: false });
    }
    let manner = Manner {
        accelerator: lock::accelerator(AcceleratorArg::Installed, &making.settings),
        hashes: if args.no_hashes { Hashes::Without } else { Hashes::IfToBeHad },
        offline: args.offline,
    };
    let heard = Heard::begin(SignalSource::Process)
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    let mut locked = making.lock(&ground, &code, &manner, &heard);
    // What a call needs may depend on the versions that were chosen.
    for _ in 0..lock::AGAIN {
        let Ok(Locked { resolution, .. }) = &locked else { break };
        let again = making.gather(&ground.python, Some(&lock::versions(resolution)))?.detection;
        if lock::needed(&again) == lock::needed(&ground.detection) {
            break;
        }
        code.detection = again.clone();
        ground.detection = again;
        locked = making.lock(&ground, &code, &manner, &heard);
    }
    let locked = match locked {
        // Nobody waits for the rest any more.
        Err(NotLocked { failure, .. }) if matches!(failure.fault, Fault::Interrupted(_) | Fault::Ours) => {
            return Err(failure);
        }
        locked => locked,
    };
    let own_dockerfile = making.own_environment().is_some();
    let made = Made::of(code, files, ground, locked, dockerfile, own_dockerfile);
    let plan = made.plan(wanted)?;
    if context.global.dry_run {
        act::print(context, &plan)?;
    } else {
        let world = World::new(context.ui, &context.environment, context.global.json)
            .with_signals(Some(SignalSource::Heard(heard)));
        execute::execute(&plan, &world)?;
        made.tell(&making, args)?;
    }
    let Err(NotLocked { failure, .. }) = made.locked else { return Ok(0) };
    // A program has been told.
    if context.global.json {
        context.ui.warning(&format!("{NOT_LOCKED}: {}", failure.message));
        return Ok(failure.status());
    }
    let failure = failure.context(NOT_LOCKED);
    Err(if context.global.dry_run { failure } else { failure.hint(mended(name)) })
}

const NOT_LOCKED: &str = "its environment is not locked";

fn mended(name: &ExperimentName) -> String {
    format!("the experiment is there; once that is mended: `scaf env lock {name}`")
}

/// The Python whose packages are looked at.
fn python(context: &Context<'_>, args: &NewExpArgs, found: &Found) -> Result<Python, Failure> {
    let asked = args.python.as_deref().filter(|text| super::version(text).is_none());
    let subject = Subject { root: found.folder.clone(), paths: Vec::new(), experiment: None };
    let which = PythonArg { python: asked.map(PathBuf::from), no_python: args.no_python };
    Python::of(context, &which, &subject)
}

/// What is known before the code is read.
struct Making<'a> {
    context: &'a Context<'a>,
    wanted: &'a Wanted<'a>,
    found: &'a Found,
    settings: Settings,
    /// What says already what the environment is.
    specified: Vec<Specified>,
    chosen: Chosen,
}

struct Locked {
    resolution: Resolution,
    planned: LockPlan,
}

/// Why nothing could be locked, and what is known all the same.
struct NotLocked {
    failure: Failure,
    requirements: String,
}

impl<'a> Making<'a> {
    fn of(
        context: &'a Context<'a>,
        args: &NewExpArgs,
        wanted: &'a Wanted<'a>,
        found: &'a Found,
        python: &Python,
    ) -> Self {
        let platform = Platform::of("linux", TargetPlatform::default().machine());
        let specified = specifications::find(&found.folder, &found.root, &platform, &BTreeMap::new());
        let in_use = match &python.interpreter {
            Some(interpreter) => Some(interpreter.version),
            None => super::version(&super::in_use(context)),
        };
        let in_use = in_use.unwrap_or((3, 12));
        let chosen = match args.python.as_deref().and_then(super::version) {
            Some(python) => Chosen { python, by: None, against: Vec::new() },
            None => python_choice::choose(in_use, &words(found, &specified)),
        };
        let name = wanted.name.clone();
        let experiment = Experiment { dir: wanted.project.layout.experiment_dir(&name), name };
        let settings = context.settings(wanted.project, &experiment);
        Self { context, wanted, found, settings, specified, chosen }
    }

    /// The folder of the code's own environment, where it is an experiment's already.
    fn own_environment(&self) -> Option<PathBuf> {
        let folder = self.found.folder.join(ENVIRONMENT);
        code::is_environment(&folder).then_some(folder)
    }

    fn gather(&self, python: &Python, versions: Option<&BTreeMap<String, String>>) -> Result<Code, Failure> {
        let Self { wanted, found, chosen, .. } = self;
        let target = Target { python: chosen.python, ..Target::default() };
        let mut also: Vec<PathBuf> = Vec::new();
        if let Some(folder) = self.own_environment() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            also.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
        }
        // The experiment keeps what its lock is made of.
        if let Some(believed) = precedence::believed(&self.specified)
            && believed.place == Place::Experiment
        {
            let file = found.root.join(&believed.file);
            let folder = file.parent().unwrap_or(&found.folder).to_owned();
            let named = believed.read.includes.iter().map(|include| include.path.as_str());
            let named = named.chain(believed.read.pins.iter().filter_map(|pin| pin.file.as_deref()));
            also.extend(named.map(|name| folder.join(name)).filter(|path| path.is_file()));
            also.push(file);
        }
        let with = code::With {
            layout: &wanted.project.layout,
            interpreter: python.interpreter.as_ref(),
            installed: python.installed.as_ref(),
            target: &target,
            also: &also,
            versions,
        };
        Ok(code::gather(found, &with)?)
    }

    /// The experiment's files as they are written, and the text of its Dockerfile.
    fn files(&self, code: &Code) -> Result<(Vec<File>, Option<String>), Failure> {
        let files = new_exp::around(templates::experiment(AROUND, &self.context.directory, None)?, code);
        let (major, minor) = self.chosen.python;
        let variables = self.wanted.variables(&format!("{major}.{minor}"));
        let files = template::render(&files, &variables).map_err(templates::TemplateLoadError::from)?;
        let dockerfile = files.iter().find(|file| file.path == new_exp::DOCKERFILE);
        let dockerfile = match dockerfile.map(|file| &file.content) {
            Some(Content::Text(text) | Content::Verbatim(text)) => Some(text.clone()),
            Some(Content::CopyOf(path)) => fs::read_to_string(path).ok(),
            None => None,
        };
        Ok((files, dockerfile))
    }

    fn ground(&self, code: &Code, python: Python, dockerfile: Option<&str>) -> Result<Ground, Failure> {
        let Self { wanted, settings, found, .. } = self;
        let interpreter = python.interpreter.as_ref().map(|interpreter| {
            let (major, minor) = interpreter.version;
            interpreter.full_version.clone().unwrap_or_else(|| format!("{major}.{minor}"))
        });
        let sayings = Sayings {
            command_line: None,
            dockerfile,
            settings: settings.env.python.as_deref(),
            interpreter: interpreter.as_deref(),
        };
        let (target, _) = LockTarget::choose(TargetPlatform::default(), &sayings);
        let own = self.own_environment();
        let files = match &own {
            Some(folder) if folder.join(REQUIREMENTS).exists() => requirements::read(folder, REQUIREMENTS)?,
            _ => own_lines(found, code).into_iter().collect(),
        };
        let lock = own.and_then(|folder| fs::read_to_string(folder.join(LOCK)).ok());
        Ok(Ground {
            experiment: Experiment { name: wanted.name.clone(), dir: wanted.draft.clone() },
            folder: wanted.draft.join(ENVIRONMENT),
            now: found.folder.clone(),
            python,
            target,
            detection: code.detection.clone(),
            waived: settings.env.waive.iter().map(|name| normalised(name)).collect(),
            files,
            before: lock.as_deref().map(requirements_lock::read),
            lock,
        })
    }

    fn lock(
        &self,
        ground: &Ground,
        code: &Code,
        manner: &Manner,
        heard: &Heard,
    ) -> Result<Locked, NotLocked> {
        let Self { context, wanted, found, .. } = self;
        let root = &wanted.project.layout.root;
        let not_locked = |failure: Failure, given: Option<&Given>| {
            let installed = |name: &str| lock::as_installed(&ground.python, name);
            let shown = |file: &str| file.to_owned();
            let contents = lock_contents::known(&ground.detection, given, &installed, &shown);
            let before = ground.files.first().map_or("", |file| file.text.as_str());
            NotLocked { failure, requirements: requirements_file::edit(before, &contents).text }
        };
        let given = lock::given(context, None, (&found.folder, &found.root), ground)
            .map_err(|failure| not_locked(failure, None))?;
        let given = given.map(|given| self.as_in_the_experiment(given, code));
        let resolution = lock::resolve(context, ground, given.as_ref(), manner, heard)
            .map_err(|failure| not_locked(failure, given.as_ref()))?;
        let planned = lock::plan(ground, root, given.as_ref(), &resolution);
        Ok(Locked { resolution, planned })
    }

    /// The files that are believed have come along, or are named as they are.
    fn as_in_the_experiment(&self, mut given: Given, code: &Code) -> Given {
        let layout = &self.wanted.project.layout;
        let moved = |file: &str| {
            let place = code.places.get(&self.found.root.join(file))?;
            let path = layout.experiment_dir(self.wanted.name).join(place);
            Some(layout.shown(&path).display().to_string())
        };
        for (_, place) in &mut given.asked {
            if let Some(file) = moved(&place.file) {
                place.file = file;
            }
        }
        given
    }
}

/// Who says which Python the code can do with, the nearest first.
fn words(found: &Found, specified: &[Specified]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    if let Some(versions) = &found.script.asks.requires_python {
        words.push(Word {
            by: "the script's own `# /// script` block".to_owned(),
            versions: versions.clone(),
        });
    }
    for one in specified {
        if let Some(versions) = &one.read.python {
            words.push(Word { by: format!("`{}`", one.file), versions: versions.clone() });
        }
    }
    // pyenv's and uv's.
    for folder in [&found.folder, &found.root] {
        if let Ok(text) = fs::read_to_string(folder.join(".python-version"))
            && let Some((major, minor)) = text.split_whitespace().next().and_then(|word| {
                let mut parts = word.splitn(3, '.');
                Some((parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<u8>().ok()?))
            })
        {
            words.push(Word { by: "`.python-version`".to_owned(), versions: format!("=={major}.{minor}.*") });
            break;
        }
    }
    words
}

/// What the script asks for in so many words: lines of the user's own, which stay as they are.
fn own_lines(found: &Found, code: &Code) -> Option<RequirementsFile> {
    let name =
        |text: &str| requires_dist::split(text).map(|parts| normalised(parts.name)).unwrap_or_default();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut text = String::new();
    for is_block in [true, false] {
        let mut lines = Vec::new();
        for (requirement, line, of_block) in &found.script.asks.requirements {
            // What is imported needs no word of it, where that says no version.
            let says_nothing = !is_block
                && code.detection.third_party.contains_key(&name(requirement))
                && requires_dist::split(requirement)
                    .is_ok_and(|parts| matches!(parts.demand, Demand::Any) && parts.extras.is_empty());
            if *of_block == is_block && !says_nothing && seen.insert(name(requirement)) {
                lines.push(if is_block {
                    requirement.clone()
                } else {
                    format!("{requirement}  # line {line}")
                });
            }
        }
        if !lines.is_empty() {
            let what = if is_block { "The `# /// script` block" } else { "A `pip install`" };
            text.push_str(&format!("# {what} of {} asks for this:\n{}\n", code.script, lines.join("\n")));
        }
    }
    (!text.is_empty()).then(|| RequirementsFile {
        shown: REQUIREMENTS.to_owned(),
        constraint: false,
        read: read_requirements(&text),
        text,
    })
}

/// What is to be written.
struct Made {
    code: Code,
    files: Vec<File>,
    ground: Ground,
    locked: Result<Locked, NotLocked>,
    needs: Vec<SystemNeed>,
    /// Whether the Dockerfile installs them.
    are_met: bool,
}

impl Made {
    fn of(
        code: Code,
        mut files: Vec<File>,
        ground: Ground,
        locked: Result<Locked, NotLocked>,
        dockerfile: Option<String>,
        own_dockerfile: bool,
    ) -> Self {
        let needs = match &locked {
            Ok(locked) => {
                system_packages::of(locked.resolution.pins.iter().map(|locked| locked.pin.name.as_str()))
            }
            Err(_) => system_packages::of(ground.detection.third_party.keys().map(String::as_str)),
        };
        let with_them = dockerfile
            .filter(|_| !own_dockerfile)
            .and_then(|text| system_packages::installed_in(&text, &needs));
        let are_met = with_them.is_some();
        if let Some(text) = with_them
            && let Some(file) = files.iter_mut().find(|file| file.path == new_exp::DOCKERFILE)
        {
            file.content = Content::Verbatim(text);
        }
        Self { code, files, ground, locked, needs, are_met }
    }

    fn plan(&self, wanted: &Wanted<'_>) -> Result<Plan, Failure> {
        let (mut more, mut notes) = (Vec::new(), Vec::new());
        if let Err(NotLocked { failure, .. }) = &self.locked {
            notes.push(format!("{NOT_LOCKED}: {}", failure.message));
        }
        match &self.locked {
            Ok(Locked { planned, .. }) => {
                more.extend(planned.plan.steps.iter().cloned());
                notes.extend(planned.plan.notes.iter().cloned());
            }
            Err(NotLocked { requirements, .. }) if !requirements.is_empty() => more.push(Step {
                why: "what is known of its environment".to_owned(),
                when: When::InTurn,
                action: Action::WriteFile {
                    path: self.ground.folder.join(REQUIREMENTS),
                    content: requirements.clone(),
                    executable: false,
                    if_there: IfThere::Replace,
                },
            }),
            Err(_) => {}
        }
        let contents = Contents { files: &self.files, links: &self.code.links, more };
        let mut plan =
            new_exp::plan(&wanted.project.layout, wanted.name, &wanted.place, &wanted.draft, contents)?;
        plan.notes.extend(notes);
        Ok(plan)
    }

    fn tell(&self, making: &Making<'_>, args: &NewExpArgs) -> Result<(), Failure> {
        let Self { code, ground, locked, needs, are_met, .. } = self;
        let Making { context, wanted, found, chosen, .. } = making;
        let shown =
            wanted.project.layout.shown(&wanted.project.layout.experiment_dir(wanted.name)).to_owned();
        let (major, minor) = chosen.python;
        let problems = &ground.detection.problems;
        if context.global.json {
            let files: BTreeSet<String> = self.written();
            let lock = locked.as_ref().ok().map(|Locked { resolution, .. }| {
                let pins: Vec<_> = resolution
                    .pins
                    .iter()
                    .map(|it| json!({"pin": it.pin.to_string(), "hashes": it.hashes, "via": it.via}))
                    .collect();
                let apart: Vec<_> =
                    resolution.apart.iter().map(|(name, why)| json!({"package": name, "why": why})).collect();
                json!({
                    "target": ground.target.to_string(), "by": resolution.by, "no_hashes": resolution.unhashed,
                    "pins": pins, "apart": apart, "notes": resolution.notes,
                })
            });
            let not_locked = locked.as_ref().err().map(|it| {
                let hints: Vec<String> =
                    it.failure.hints.iter().cloned().chain([mended(wanted.name)]).collect();
                json!({"message": it.failure.message, "hints": hints})
            });
            return context.ui.object(&json!({
                "experiment": wanted.name, "path": shown, "python": format!("{major}.{minor}"), "files": files,
                "template": null, "from": args.from, "script": code.script, "module": code.module,
                "lock": lock, "not_locked": not_locked, "left": code.left, "problems": problems,
                "system": needs, "unnamed": unnamed(found),
            }));
        }
        let ui = context.ui;
        ui.say(&format!(
            "made the experiment `{}` in {}/ (Python {major}.{minor})",
            wanted.name,
            shown.display()
        ));
        if let Some(word) = &chosen.by {
            ui.say(&format!("  Python {major}.{minor}, since {} says `{}`", word.by, word.versions));
        }
        for word in &chosen.against {
            ui.warning(&format!("Python {major}.{minor} is not what {} says: `{}`", word.by, word.versions));
        }
        ui.say(&format!("  {}", self.came_along(found)));
        for line in new_exp::notes(code) {
            ui.say(&format!("  {line}"));
        }
        for left in code.left.iter().take(SHOWN) {
            ui.warning(&format!("left behind: `{}`: {}", left.path, left.why));
        }
        if code.left.len() > SHOWN {
            ui.warning(&format!("left behind: {} more; `--json` names them", code.left.len() - SHOWN));
        }
        for problem in problems.iter().take(SHOWN) {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            ui.warning(&format!("{}{line}: {}", problem.file, problem.message));
        }
        if problems.len() > SHOWN {
            ui.warning(&format!("{} more files could not be read in full", problems.len() - SHOWN));
        }
        for text in unnamed(found) {
            ui.warning(&format!("`pip install {text}` is not pinned, since it says no name: write `NAME @ {text}` into requirements.txt"));
        }
        if let Ok(Locked { resolution, planned }) = locked {
            for note in &resolution.notes {
                ui.warning(note);
            }
            ui.say(&lock::locked(&ground.target, resolution));
            for line in local_code::packed(&resolution.wheels) {
                ui.say(&format!("  {line}"));
            }
            for (name, why) in &resolution.apart {
                ui.say(&format!("  apart: `{name}`, {why}"));
            }
            for line in lock::direct(&planned.edited.changes) {
                ui.say(&format!("  {line}"));
            }
        }
        for need in needs {
            let what = format!("`{}` needs {} of the system: {}", need.distribution, need.packages, need.why);
            if *are_met {
                ui.say(&format!("{what}; the Dockerfile installs it"));
            } else {
                ui.warning(&format!("{what}; install it in the Dockerfile"));
            }
        }
        if locked.is_ok() {
            ui.hint(&format!("next: scaf local {}", wanted.name));
        }
        Ok(())
    }

    /// Every file of the experiment.
    fn written(&self) -> BTreeSet<String> {
        let mut files: BTreeSet<String> = self.files.iter().map(|file| file.path.clone()).collect();
        files.extend(self.code.links.iter().cloned());
        let steps = self.locked.as_ref().ok().map(|locked| locked.planned.plan.steps.as_slice());
        for step in steps.unwrap_or_default() {
            if let Action::WriteFile { path, .. }
            | Action::WriteWheel { path, .. }
            | Action::CopyFile { to: path, .. } = &step.action
                && let Ok(below) = path.strip_prefix(&self.ground.experiment.dir)
            {
                files.insert(below.display().to_string());
            }
        }
        if matches!(&self.locked, Err(it) if !it.requirements.is_empty()) {
            files.insert(new_exp::REQUIREMENTS.to_owned());
        }
        files
    }

    /// In one line what the code brought.
    fn came_along(&self, found: &Found) -> String {
        let script = &self.code.script;
        let mut others: Vec<&str> =
            self.code.places.values().map(String::as_str).filter(|place| place != script).collect();
        others.extend(self.code.links.iter().map(String::as_str));
        others.sort_unstable();
        let what = format!("{script} is {}", found.script.from.display());
        if others.is_empty() {
            return what;
        }
        let count = others.len();
        let shown: Vec<String> = others.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
        format!("{what}; with it came {}{more}", shown.join(", "))
    }
}

fn unnamed(found: &Found) -> Vec<&str> {
    found.script.asks.unnamed.iter().map(|(text, _)| text.as_str()).collect()
}
