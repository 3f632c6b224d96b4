//! Code of this machine that an experiment needs: what of it is packed as wheels, and what would be left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::subject::Python;
use crate::cli::failure::Failure;
use crate::cli::ui::quantity;
use crate::orchestrate::load::local_wheel::{self, LocalWheel, LocalWheelError};
use crate::orchestrate::lock::LockError;
use crate::project::experiment::Experiment;
use crate::project::layout::{COMMON, ENVIRONMENT, Layout};
use crate::project::python::requirements::{File, normalised};
use crate::project::python::wheel_name::WheelName;
use crate::project::python::{direct_url, module_file};
use crate::spec::detection::{Detection, Elsewhere, Known, Needed, Place, Role};
use crate::spec::env_check::{Finding, Rule, Severity, Where};
use crate::spec::hint::Explain as _;
use crate::spec::lock_choice::{Choice, Kept, LocalNeed, Unfit};
use crate::spec::lock_target::LockTarget;
use crate::spec::origin::Origin;
use crate::spec::pin::{Pin, Source};
use crate::spec::pinned::Pinned;
use crate::spec::requirements_file;
use crate::spec::requirements_lock::{Locked, RequirementsLock};
use crate::spec::uv_failure::UvFailure;

/// Of more, the number is said.
const SHOWN: usize = 12;

/// Wheels beside the requirements that these or the lock name.
#[derive(Debug, Default)]
pub struct Beside {
    /// Those that are there, by normalised name.
    pub kept: BTreeMap<String, Kept>,
    /// Those that are not: normalised name, the file, and who names it.
    pub lost: Vec<(String, String, String)>,
}

impl Beside {
    /// `folder` is the experiment's `environment/`.
    pub fn of(folder: &Path, files: &[File], lock: Option<&RequirementsLock>) -> Result<Self, Failure> {
        let mut beside = Self::default();
        for file in files.iter().filter(|file| !file.constraint) {
            let own = requirements_file::own_line_numbers(&file.text);
            for wheel in &file.read.wheels {
                let place = format!("{ENVIRONMENT}/{}:{}", file.shown, wheel.line);
                beside.add(folder, &wheel.file, own.contains(&wheel.line), place)?;
            }
        }
        for locked in lock.iter().flat_map(|lock| &lock.pins) {
            if let Source::Wheel { file, version: _ } = &locked.pin.source {
                beside.add(folder, file, false, format!("{ENVIRONMENT}/requirements.lock"))?;
            }
        }
        Ok(beside)
    }

    fn add(&mut self, folder: &Path, file: &str, is_own: bool, place: String) -> Result<(), Failure> {
        let Some(name) = WheelName::read(file).map(|wheel| normalised(&wheel.name)) else { return Ok(()) };
        let path = folder.join(file);
        match local_wheel::read(&path, None) {
            Ok((sum, _)) => {
                self.kept.entry(name).or_insert_with(|| Kept {
                    file: file.to_owned(),
                    url: direct_url::of_path(&path.to_string_lossy()),
                    hash: format!("sha256:{}", sum.sha256),
                    is_own,
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_own => {
                return Err(Failure::user(format!("{place}: `./{file}` is not there"))
                    .hint("put the wheel there, or take the line out"));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.lost.push((name, file.to_owned(), place));
            }
            Err(error) => return Err(Failure::user(format!("cannot read `{}`: {error}", path.display()))),
        }
        Ok(())
    }

    /// What is known to be code of some machine is looked for on no index, also where its wheel is gone.
    pub fn refuse_lost(&self, choice: &Choice) -> Result<(), Failure> {
        for unfit in &choice.unfit {
            if let Unfit::Missing { name, .. } = unfit
                && let Some((_, file, place)) = self.lost.iter().find(|(lost, ..)| lost == name)
            {
                return Err(Failure::user(format!(
                    "`{name}` is the wheel `{ENVIRONMENT}/{file}` ({place}), which is not there"
                ))
                .hint("fetch it from where the rest of the experiment came from; git may ignore `*.whl`")
                .hint(format!("or lock where `{name}` is installed")));
            }
        }
        Ok(())
    }
}

/// Packs everything that is needed; all that stands in the way is told at once.
pub fn pack(
    python: &Python,
    target: &LockTarget,
    experiment: &Path,
    needed: &[LocalNeed],
    detection: &Detection,
) -> Result<Vec<LocalWheel>, Failure> {
    let (Some(installed), Some(interpreter)) = (&python.installed, &python.interpreter) else {
        return Ok(Vec::new());
    };
    let request = local_wheel::Request { installed, interpreter, target, experiment };
    let mut wheels = Vec::new();
    let mut errors: Vec<LocalWheelError> = Vec::new();
    for LocalNeed { name, via: _ } in needed {
        let name = normalised(name);
        let Some(index) = installed.index_of(&name) else { continue };
        match local_wheel::pack(&request, index, &detection.imports_of(&name)) {
            Ok(wheel) => wheels.push(wheel),
            Err(error) => errors.push(error),
        }
    }
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Ok(wheels) };
    let mut failure = Failure::from(first);
    for error in errors {
        let _ = write!(failure.message, "\n{error}");
        for hint in error.hints() {
            if !failure.hints.contains(&hint) {
                failure.hints.push(hint);
            }
        }
    }
    Err(failure)
}

/// What was packed, a line each.
pub fn packed(wheels: &[LocalWheel]) -> Vec<String> {
    let line = |LocalWheel { name, version: _, file, sum, source }: &LocalWheel| {
        let from = match source {
            local_wheel::Source::Made(_) => "packed as",
            local_wheel::Source::There(_) => "copied as",
        };
        format!("`{name}` is code of this machine, {from} {file} ({})", quantity::bytes(sum.size))
    };
    wheels.iter().map(line).collect()
}

/// The packed ones as they are locked.
pub fn locked(wheels: &[LocalWheel], needed: &[LocalNeed]) -> Vec<Locked> {
    let of = |wheel: &LocalWheel| {
        let name = normalised(&wheel.name);
        let via = needed.iter().find(|need| normalised(&need.name) == name)?.via.clone();
        let pin = Pin { name: wheel.name.clone(), ..Pin::wheel(&wheel.file)? };
        Some(Locked { pin, hashes: vec![wheel.hash()], via })
    };
    wheels.iter().filter_map(of).collect()
}

/// Distributions of which nothing says that they came from an index, and that the index does not have: they are code of
/// this machine. Their names, normalised.
pub fn on_no_index(error: &LockError, python: &Python) -> Vec<String> {
    let Some(installed) = &python.installed else { return Vec::new() };
    let is_absent = |failure: &&UvFailure| {
        matches!(failure, UvFailure::NotThere { .. } | UvFailure::Empty { .. } | UvFailure::NoVersion { .. })
    };
    let names = error.failures().into_iter().filter(is_absent).filter_map(UvFailure::lacking);
    let nothing_says =
        |name: &String| installed.get(name).is_some_and(|there| there.provenance().origin == Origin::Unknown);
    names.filter(nothing_says).collect()
}

/// The way out for what an index does not have, by where the installed one came from.
pub fn way_out(name: &str, python: &Python) -> Vec<String> {
    let Some(distribution) = python.installed.as_ref().and_then(|installed| installed.get(name)) else {
        return Vec::new();
    };
    let leave_out =
        format!("and leave it out of the lock: `waive = [\"{name}\"]` under `[env]` in scaf.toml");
    match &distribution.provenance().origin {
        Origin::Conda { package, version, channel, build: _ } => {
            let channel = channel.as_deref().map_or_else(String::new, |channel| format!(" -c {channel}"));
            vec![
                format!(
                    "it came from conda: in an image that has conda, a line in the Dockerfile does: `RUN conda install --yes{channel} {package}={version}`"
                ),
                leave_out,
            ]
        }
        Origin::System { .. } => vec![
            format!(
                "it is a package of the operating system: a line in the Dockerfile does, with `apt-cache search {name}` for its name: `RUN apt-get update && apt-get install --yes --no-install-recommends python3-{name}`"
            ),
            leave_out,
        ],
        Origin::Index { label: Some(label), .. } => vec![
            format!(
                "`+{label}` is a build of somebody's own: name its index in `environment/requirements.txt`, `--extra-index-url URL`"
            ),
            format!(
                "or, built on this machine: install `{name}` again from its folder or wheel (`pip install PATH`), and it travels"
            ),
        ],
        _ => Vec::new(),
    }
}

/// Modules that would not be in the image nor in the bundle.
pub struct LeftBehind {
    pub import: String,
    pub place: Place,
    pub what: String,
    pub hint: String,
}

/// What the code imports from outside of the experiment. Notebooks run in the project's own tree.
pub fn left_behind(
    detection: &Detection,
    experiment: &str,
    layout: &Layout,
    waived: &BTreeSet<String>,
) -> Vec<LeftBehind> {
    let is_waived = |import: &str| {
        let top = import.split('.').next().unwrap_or_default();
        [import, top].iter().any(|name| waived.contains(&normalised(name)))
    };
    let counts = |place: &&Place| matches!(place.role, Role::Code | Role::Test);
    // What weighs most says why.
    let first = |places: &[Place], of: &dyn Fn(&&Place) -> bool| -> Option<Place> {
        places.iter().filter(|place| counts(place) && of(place)).min_by_key(|place| place.role).cloned()
    };
    let mut found = Vec::new();
    for Elsewhere { import, files, places } in &detection.elsewhere {
        let (Some(place), Some(file)) = (first(places, &|_| true), files.first()) else { continue };
        if is_waived(import) {
            continue;
        }
        let file = Path::new(file);
        found.push(LeftBehind {
            import: import.clone(),
            place,
            what: format!("lies in `{}`", shown(file, layout)),
            hint: way_to_travel(file, experiment, layout),
        });
    }
    // Nothing is known of it but its name, and the project has something of that name.
    for needed in detection.third_party.values().filter(|needed| is_guessed(needed)) {
        for import in needed.imports.iter().filter(|import| !is_waived(import)) {
            let top = import.split('.').next().unwrap_or(import);
            let of_import = |place: &&Place| place.what.split('.').next() == Some(top);
            let (Some(path), Some(place)) = (in_project(top, layout), first(&needed.places, &of_import))
            else {
                continue;
            };
            if !found.iter().any(|one| one.import.split('.').next() == Some(top)) {
                found.push(LeftBehind {
                    import: top.to_owned(),
                    place,
                    what: format!("is no known package, and `{}` is there", shown(&path, layout)),
                    hint: way_to_travel(&path, experiment, layout),
                });
            }
        }
    }
    found
}

fn is_guessed(needed: &Needed) -> bool {
    needed.known == Known::Guess && needed.version.is_none()
}

/// A module of the project that lies beside the experiment: in its code folder, or in what is shared.
fn in_project(top: &str, layout: &Layout) -> Option<PathBuf> {
    let folders = [layout.code_dir(), layout.common_dir(), layout.root.clone()];
    folders.into_iter().find_map(|folder| {
        let (package, file) = (folder.join(top), folder.join(format!("{top}.py")));
        let has_code = || {
            fs::read_dir(&package)
                .into_iter()
                .flatten()
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().ends_with(".py"))
        };
        if file.is_file() { Some(file) } else { (package.is_dir() && has_code()).then_some(package) }
    })
}

fn shown(path: &Path, layout: &Layout) -> String {
    layout.shown(path).display().to_string()
}

fn way_to_travel(file: &Path, experiment: &str, layout: &Layout) -> String {
    if let Ok(shared) = file.strip_prefix(layout.common_dir()) {
        let mut parts = shared.components();
        let first =
            parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        return format!(
            "link it: `scaf dependency {experiment} {first}`, and import it as `{COMMON}.{}`",
            first.trim_end_matches(".py")
        );
    }
    let text = file.to_string_lossy();
    if text.contains("/site-packages/") || text.contains("/dist-packages/") {
        return "make a package of it and install that, or move it into the experiment".to_owned();
    }
    format!(
        "move it into `src/{COMMON}` and link it: `scaf dependency {experiment} PATH`; or make a package of it and install that: `pip install -e PATH`"
    )
}

/// An experiment that lacks some of its own code is no experiment. What tests alone import is told.
pub fn refuse_left_behind(found: &[LeftBehind]) -> Result<Vec<String>, Failure> {
    let (found, tests): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.place.role == Role::Code);
    let Some(first) = found.first() else {
        let told = |one: &&LeftBehind| {
            format!("{}: `{}` {}, outside of the experiment", one.place.shown(), one.import, one.what)
        };
        return Ok(tests.iter().map(told).collect());
    };
    let mut message =
        String::from("these modules lie outside of the experiment and would not travel with it:");
    for LeftBehind { import, place, what, hint: _ } in found.iter().take(SHOWN) {
        let _ = write!(message, "\n  {}: `{import}` {what}", place.shown());
    }
    if found.len() > SHOWN {
        let _ = write!(message, "\n  and {} more", found.len() - SHOWN);
    }
    let mut failure = Failure::user(message);
    for one in &found {
        if !failure.hints.contains(&one.hint) {
            failure = failure.hint(one.hint.clone());
        }
    }
    Err(failure.hint(format!(
        "code that is never reached: `waive = [\"{}\"]` under `[env]` in scaf.toml",
        first.import
    )))
}

/// Compiled modules of the experiment itself that do not run on the target.
pub fn unfit_modules(
    detection: &Detection,
    python: &Python,
    target: &LockTarget,
    root: &Path,
    waived: &BTreeSet<String>,
) -> Vec<(String, local_wheel::Unfit)> {
    let mut found = Vec::new();
    for (module, files) in &detection.local {
        for file in files.iter().filter(|file| module_file::is_native(file)) {
            if waived.contains(&normalised(module)) {
                continue;
            }
            if let Err(unfit) = local_wheel::runs(&root.join(file), file, python.interpreter.as_ref(), target)
            {
                found.push((module.clone(), unfit));
            }
        }
    }
    found
}

pub fn refuse_unfit_modules(
    found: &[(String, local_wheel::Unfit)],
    target: &LockTarget,
) -> Result<(), Failure> {
    let Some((module, _)) = found.first() else { return Ok(()) };
    let mut message = format!("compiled modules of the experiment do not run on the target ({target}):");
    for (_, unfit) in found.iter().take(SHOWN) {
        let _ = write!(message, "\n  `{}` {}", unfit.what, unfit.why);
    }
    let mut failure = Failure::user(message);
    for hint in local_wheel::build_in_image(module) {
        failure = failure.hint(hint);
    }
    Err(failure)
}

/// What is known, for `env check`.
pub struct Facts<'a> {
    pub detection: &'a Detection,
    pub python: &'a Python,
    pub pinned: &'a Pinned,
    pub target: &'a LockTarget,
    pub experiment: &'a Experiment,
    pub layout: &'a Layout,
    pub waived: &'a BTreeSet<String>,
}

/// What is wrong about code of this machine.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { detection, python, pinned, target, experiment, layout, waived } = *facts;
    let mut found = Vec::new();
    for one in left_behind(detection, experiment.name.as_str(), layout, waived) {
        let message = format!("`{}` {}, outside of the experiment", one.import, one.what);
        let finding = Finding::new(Rule::LeftBehind, one.import, Where::from(&one.place), message);
        let is_code = one.place.role == Role::Code;
        let severity = if is_code { finding.severity } else { Severity::Warning };
        found.push(Finding { severity, ..finding });
    }
    for (module, unfit) in unfit_modules(detection, python, target, &experiment.dir, waived) {
        let message = format!("`{}` {}, and the target is {target}", unfit.what, unfit.why);
        found.push(Finding::new(Rule::OtherMachine, module, Where::at(unfit.what, 1), message));
    }
    if let Some(lock) = &pinned.lock {
        found.extend(local_wheel::packed::findings(&local_wheel::packed::Facts {
            detection,
            installed: python.installed.as_ref().zip(python.interpreter.as_ref()),
            lock,
            target,
            experiment: &experiment.dir,
        }));
    }
    found
}

/// What to put into the Dockerfile then.
pub fn copy_hint() -> String {
    "copy it beside the requirements and install from there: `COPY requirements* *.whl /opt/environment/` and `RUN cd /opt/environment && pip install --no-cache-dir --no-deps -r requirements.lock`; `.dockerignore` must not leave it out".to_owned()
}
