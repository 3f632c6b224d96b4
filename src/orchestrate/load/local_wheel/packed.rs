//! Whether the wheels that a lock names are there, are what the code of this machine is now, and come into the image.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{LocalWheel, Request, pack, read};
use crate::orchestrate::load::installed::Installed;
use crate::orchestrate::load::interpreter::Interpreter;
use crate::project::layout::ENVIRONMENT;
use crate::spec::build_context::ignore::DockerIgnore;
use crate::spec::detection::Detection;
use crate::spec::dockerfile::{Dockerfile, copies};
use crate::spec::env_check::{Finding, Rule, Where};
use crate::spec::lock_target::LockTarget;
use crate::spec::pin::Source;
use crate::spec::pinned::{DOCKERFILE, Lock, lock_file};
use crate::spec::requirements_lock;

pub struct Facts<'a> {
    pub detection: &'a Detection,
    pub installed: Option<(&'a Installed, &'a Interpreter)>,
    pub lock: &'a Lock,
    pub target: &'a LockTarget,
    /// The experiment's folder.
    pub experiment: &'a Path,
}

/// What is wrong with them.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let lines = requirements_lock::lines(&facts.lock.text);
    let folder = facts.experiment.join(ENVIRONMENT);
    let mut found = Vec::new();
    let mut there = Vec::new();
    for locked in &facts.lock.read.pins {
        let Source::Wheel { file, version: _ } = &locked.pin.source else { continue };
        let name = locked.pin.normalised();
        let place = Where::at(lock_file(), lines.get(&name).copied().unwrap_or(1));
        let Ok((sum, _)) = read(&folder.join(file), None) else {
            let message = format!("`{ENVIRONMENT}/{file}` is not there; git may ignore `*.whl`");
            found.push(Finding::new(Rule::NoWheel, name, place, message));
            continue;
        };
        there.push((file.clone(), name.clone(), place.clone()));
        if let Some(now) = now(facts, &name)
            && (now.file != *file || now.sum != sum)
        {
            let message = format!("`{file}` is not what `{name}` is on this machine now");
            found.push(Finding::new(Rule::StaleWheel, name, place, message));
        }
    }
    let files: Vec<String> = there.iter().map(|(file, ..)| file.clone()).collect();
    let not_copied = not_copied(&folder, &files);
    if let (Some((_, name, _)), Some(line)) = (there.first(), started_elsewhere(&folder)) {
        let message = format!(
            "the installer is started in another folder than that of the requirements, where it looks for `{}`",
            files[0]
        );
        let place = Where::at(format!("{ENVIRONMENT}/{DOCKERFILE}"), line);
        found.push(Finding::new(Rule::NotCopied, name.clone(), place, message));
    }
    for (file, name, place) in there.into_iter().filter(|(file, ..)| not_copied.contains(file)) {
        let message = format!("the Dockerfile does not copy `{file}`, so that the image cannot be built");
        found.push(Finding::new(Rule::NotCopied, name, place, message));
    }
    found
}

/// The wheel that would be packed now, where the code is on this machine.
fn now(facts: &Facts<'_>, name: &str) -> Option<LocalWheel> {
    let (installed, interpreter) = facts.installed?;
    let index = installed.index_of(name)?;
    if !installed[index].provenance().origin.is_local() {
        return None;
    }
    let request = Request { installed, interpreter, target: facts.target, experiment: facts.experiment };
    pack(&request, index, &facts.detection.imports_of(name)).ok()
}

/// The line of the folder's Dockerfile, if there is one, by which an installer does not find the wheels.
pub fn started_elsewhere(folder: &Path) -> Option<usize> {
    let text = fs::read_to_string(folder.join(DOCKERFILE)).ok()?;
    copies::starts_elsewhere(&Dockerfile::read(&text, &BTreeMap::new()))
}

/// Of the wheels in the folder those that its Dockerfile, if there is one, does not bring into the image.
pub fn not_copied(folder: &Path, wheels: &[String]) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let Some(text) = read(DOCKERFILE) else { return Vec::new() };
    let file = Dockerfile::read(&text, &BTreeMap::new());
    let ignored = ["Dockerfile.dockerignore", ".dockerignore"].into_iter().find_map(read);
    let ignored = ignored.map(|text| DockerIgnore::read(&text)).unwrap_or_default();
    let lacks = |wheel: &&String| ignored.leaves_out(wheel) || !copies::copies(&file, wheel);
    wheels.iter().filter(lacks).cloned().collect()
}
