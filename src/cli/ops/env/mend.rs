//! What would mend an environment that was not enough, as a change of its files: packages are locked as `env lock` does it,
//! libraries of the system become a line of the Dockerfile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::lock::{self, Ground, Manner};
use crate::cli::args::AcceleratorArg;
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ops::{act, question};
use crate::orchestrate::engine::moby::Moby;
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::orchestrate::load::environment::DOCKERFILE;
use crate::orchestrate::lock::Resolution;
use crate::orchestrate::planner::lock::{LOCK, REQUIREMENTS};
use crate::project::python::requirements::{File, normalised, read as read_requirements};
use crate::project::python::requires_dist;
use crate::spec::detection::{Detection, Known, Needed};
use crate::spec::dockerfile::Reference;
use crate::spec::dockerfile::system_packages::{self, Packages};
use crate::spec::hint::Fault;
use crate::spec::lock_given::Given;
use crate::spec::plan::{Action, IfThere, Plan, Step};
use crate::spec::proof::System;
use crate::spec::proof::finding::Finding;
use crate::spec::proof::remedy::Remedy;
use crate::spec::requirements_file;
use crate::spec::settings::Settings;
use crate::spec::text_difference;

/// A file as it is and as it would be.
pub struct Changed {
    path: PathBuf,
    /// Relative to the project.
    pub shown: String,
    /// As `diff -u` has it; of a lock, the pins that change.
    pub difference: String,
    after: String,
}

/// What would mend what of it.
#[derive(Default)]
pub struct Offer {
    pub changes: Vec<Changed>,
    /// Wheels that the new lock names, and those that it names no longer.
    wheels: Vec<Step>,
    pub covers: BTreeSet<Remedy>,
    /// What cannot be offered, and why.
    pub failures: Vec<Failure>,
}

/// What it is made of.
pub struct Case<'a> {
    pub project: &'a Project,
    pub settings: &'a Settings,
    pub ground: Ground,
    pub findings: &'a [Finding],
    pub system: &'a System,
    /// The engine of the image; none for the host engine.
    pub moby: Option<&'a Moby>,
}

pub fn offer(context: &Context<'_>, case: Case<'_>) -> Result<Offer, Failure> {
    let mut offer = Offer::default();
    dockerfile(&case, &mut offer)?;
    let Case { project, settings, ground, findings, .. } = case;
    packages(context, project, settings, ground, findings, &mut offer)?;
    Ok(offer)
}

/// What the engine's image lacks of its system. What the host engine lacks, this machine does.
fn dockerfile(case: &Case<'_>, offer: &mut Offer) -> Result<(), Failure> {
    let Case { project, settings, ground, findings, system, moby } = case;
    let Some(moby) = moby.filter(|_| system.manager.as_deref() == Some("apt-get")) else { return Ok(()) };
    let mut wanted = Packages::new();
    let mut covers = BTreeSet::new();
    for finding in *findings {
        let (Some(remedy @ Remedy::Library { library, package }), Some(what)) =
            (&finding.remedy, &finding.what)
        else {
            continue;
        };
        let top = what.split('.').next().unwrap_or_default();
        wanted.entry(package.clone()).or_default().insert(format!("{library} ({top})"));
        covers.insert(remedy.clone());
    }
    let path = ground.folder.join(DOCKERFILE);
    if wanted.is_empty() {
        return Ok(());
    }
    let before = text_of(&path)?.unwrap_or_default();
    let user_of = |image: &str| {
        let behind = settings.images.mirror.as_deref().and_then(|it| Reference::parse(image).behind(it));
        moby.image(behind.as_deref().unwrap_or(image)).ok().flatten().map(|image| image.user)
    };
    if let Some(after) = system_packages::add(&before, &wanted, &user_of) {
        let shown = project.layout.shown(&path).display().to_string();
        let difference = text_difference::unified((&shown, &before), (&shown, &after));
        offer.changes.push(Changed { path, shown, difference, after });
        offer.covers.extend(covers);
    }
    Ok(())
}

/// What is missing, pinned with everything that it needs. What the code imports itself is `env lock`'s own affair; what nothing but
/// a failing import tells becomes a line of the user's, which later locks keep.
fn packages(
    context: &Context<'_>,
    project: &Project,
    settings: &Settings,
    mut ground: Ground,
    findings: &[Finding],
    offer: &mut Offer,
) -> Result<(), Failure> {
    let mut missing: BTreeMap<String, &Finding> = BTreeMap::new();
    for finding in findings {
        if let Some(Remedy::Package { name }) = &finding.remedy {
            missing.entry(normalised(name)).or_insert(finding);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(failure) = guessed(&ground) {
        offer.failures.push(failure);
        return Ok(());
    }
    let disk = (ground.requirements().to_owned(), ground.lock.clone().unwrap_or_default());
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for (name, finding) in &missing {
        let Some(Remedy::Package { name: as_written }) = &finding.remedy else { continue };
        if !is_known(&ground, name) {
            lines.insert(name.clone(), as_written.clone());
        }
    }
    let asked = |lines: &BTreeMap<String, String>| {
        let line = |(name, text): (&String, &String)| {
            let finding = missing.get(name);
            let what = finding.and_then(|finding| finding.what.as_deref()).unwrap_or_default();
            format!("{text}  # {what} needs it; found by scaf env prove")
        };
        lines.iter().map(line).collect::<Vec<_>>()
    };
    add_lines(&mut ground, &disk.0, &asked(&lines));
    let resolved = resolve(context, project, settings, &ground);
    let (given, resolution) = match resolved {
        Ok(resolved) => resolved,
        Err(failure) if matches!(failure.fault, Fault::Interrupted(_)) => return Err(failure),
        Err(failure) => {
            offer.failures.push(failure.context("what is missing cannot be locked"));
            return Ok(());
        }
    };
    for note in &resolution.notes {
        context.ui.warning(note);
    }
    // Now that their versions are known.
    for (name, text) in &mut lines {
        if let Some(pin) = resolution.pin(name) {
            *text = pin.to_string();
        }
    }
    add_lines(&mut ground, &disk.0, &asked(&lines));
    let planned = lock::plan(&ground, &project.layout.root, given.as_ref(), &resolution);
    let pins: BTreeSet<String> = planned.lock.pins.iter().map(|locked| locked.pin.normalised()).collect();
    let mut change = |name: &str, before: &str, after: String, difference: Option<String>| {
        let path = ground.folder.join(name);
        let shown = project.layout.shown(&path).display().to_string();
        let plain = text_difference::unified((&shown, before), (&shown, &after));
        if !plain.is_empty() {
            let difference = difference.filter(|lines| !lines.is_empty()).unwrap_or(plain);
            offer.changes.push(Changed { path, shown, difference, after });
        }
    };
    change(REQUIREMENTS, &disk.0, planned.edited.text.clone(), None);
    let changed: String = planned.differences.iter().map(|one| format!("{one}\n")).collect();
    let head = project.layout.shown(&ground.folder.join(LOCK)).display().to_string();
    let changed = if changed.is_empty() { changed } else { format!("{head}:\n{changed}") };
    change(LOCK, &disk.1, planned.lock.text(), Some(changed));
    let is_wheel = |step: &Step| {
        matches!(step.action, Action::WriteWheel { .. } | Action::CopyFile { .. } | Action::Remove { .. })
    };
    offer.wheels = planned.plan.steps.into_iter().filter(is_wheel).collect();
    for (name, finding) in &missing {
        let Some(remedy) = &finding.remedy else { continue };
        let is_old = ground
            .before
            .as_ref()
            .is_some_and(|lock| lock.pins.iter().any(|locked| locked.pin.normalised() == *name));
        if is_old {
            // Another lock would not bring it either.
            let failure =
                Failure::user(format!("`{name}` is in environment/{LOCK}, and the image does not have it"));
            offer.failures.push(failure.hint(format!("let environment/{DOCKERFILE} install {LOCK}")));
        } else if pins.contains(name) {
            offer.covers.insert(remedy.clone());
        }
    }
    Ok(())
}

/// A package that is only taken to be called like its module may be anybody's: it is not put into an image and imported there
/// unless somebody has locked it.
fn guessed(ground: &Ground) -> Option<Failure> {
    let Detection { third_party, notebook_only, .. } = &ground.detection;
    let is_guess = |needed: &&Needed| needed.known == Known::Guess && needed.version.is_none();
    let locked = |name: &str| {
        let pins = ground.before.iter().flat_map(|lock| &lock.pins);
        pins.into_iter().any(|locked| locked.pin.normalised() == name)
    };
    let of_code = third_party.iter().filter(|(name, _)| !notebook_only.contains(name) && !locked(name));
    let open: Vec<&Needed> = of_code.map(|(_, needed)| needed).filter(is_guess).collect();
    let told = |needed: &&Needed| match needed.places.first() {
        Some(place) => format!("`{}` ({})", needed.name, place.shown()),
        None => format!("`{}`", needed.name),
    };
    let names: Vec<String> = open.iter().map(told).collect();
    (!names.is_empty()).then(|| {
        Failure::user(format!(
            "taken to be called like the module, which is a guess, and not locked unasked: {}",
            names.join(", ")
        ))
        .hint(format!("`scaf env lock {}` takes it by that name", ground.experiment.name))
        .hint("or name the package in environment/requirements.txt")
    })
}

fn resolve(
    context: &Context<'_>,
    project: &Project,
    settings: &Settings,
    ground: &Ground,
) -> Result<(Option<Given>, Resolution), Failure> {
    let root = &project.layout.root;
    let given = lock::given(context, None, (&ground.experiment.dir, root), ground)?;
    let accelerator = lock::accelerator(AcceleratorArg::default(), settings);
    let manner = Manner { accelerator, ..Manner::default() };
    let heard = Heard::begin(SignalSource::Process)
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    let resolution = lock::resolve(context, ground, given.as_ref(), &manner, &heard)?;
    Ok((given, resolution))
}

/// Whether the code or a requirement of the user's asks for it anyway.
fn is_known(ground: &Ground, name: &str) -> bool {
    let detection = &ground.detection;
    let of_code = detection.third_party.contains_key(name)
        && !detection.notebook_only.iter().any(|it| it == name)
        || detection.implied.contains_key(name);
    let own = ground.files.iter().filter(|file| !file.constraint);
    let mut own = own.flat_map(|file| requirements_file::own_lines(&file.text).requirements);
    of_code || own.any(|line| requires_dist::split(&line).is_ok_and(|parts| normalised(parts.name) == name))
}

/// `requirements.txt` with these lines at its end.
fn add_lines(ground: &mut Ground, text: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    let text = format!("{text}{gap}{}{end}", lines.join(end));
    let read = read_requirements(&text);
    if let Some(file) = ground.files.first_mut() {
        (file.text, file.read) = (text, read);
    } else {
        let shown = REQUIREMENTS.to_owned();
        ground.files.push(File { shown, text, constraint: false, read });
    }
}

/// `None` where there is no such file.
fn text_of(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::user(format!("cannot read `{}`: {error}", path.display()))),
    }
}

impl Offer {
    pub fn json(&self) -> Vec<Value> {
        let changes = self.changes.iter();
        changes.map(|change| json!({ "file": change.shown, "difference": change.difference })).collect()
    }

    /// Writes the files.
    pub fn write(self, context: &Context<'_>) -> Result<(), Failure> {
        let mut plan = Plan::new("scaf env prove --accept");
        let names: Vec<String> = self.changes.iter().map(|change| change.shown.clone()).collect();
        let is_gone = |step: &Step| matches!(step.action, Action::Remove { .. });
        let (gone, packed): (Vec<Step>, Vec<Step>) = self.wheels.into_iter().partition(is_gone);
        plan.steps.extend(packed);
        for Changed { path, shown: _, difference: _, after } in self.changes {
            let if_there = IfThere::Replace;
            plan.step(
                "what was found to be missing",
                Action::WriteFile { path, content: after, executable: false, if_there },
            );
        }
        plan.steps.extend(gone);
        act::act(context, &plan)?;
        context.ui.say(&format!("wrote {}; proving again", names.join(", ")));
        Ok(())
    }
}

/// Whether there is somebody to ask, and the answer is yes.
pub fn is_wanted(context: &Context<'_>) -> Result<bool, Failure> {
    Ok(question::can_be_asked(context) && question::yes(context, "write this, and prove again?", false)?)
}
