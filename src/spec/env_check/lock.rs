//! A lock that is older than what it was made of, or not there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Ground, Rule, Where};
use crate::project::python::requirements::normalised;
use crate::project::python::specs::precedence::lets_in;
use crate::spec::dockerfile::python_version;
use crate::spec::lock_target::LockTarget;
use crate::spec::pin::Source;
use crate::spec::pinned::{Lock, Pinned, lock_file};
use crate::spec::requirements_lock::{Input, digest};

pub(super) fn lock(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let pinned = ground.facts.pinned;
    if pinned.lock.is_some() {
        let stale = stale(pinned, ground.facts.target).into_iter();
        found.extend(stale.map(|stale| {
            Finding::new(Rule::StaleLock, stale.package.unwrap_or_default(), stale.place, stale.message)
        }));
    } else if let Some(first) = ground.asked.first() {
        let message = "there are requirements and no lock, so that what they need in turn may change";
        let place = Where::at(&first.file, first.line);
        found.push(Finding::new(Rule::NoLock, "", place, message.to_owned()));
    }
}

/// One respect in which a lock is older than what it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Normalised, where it is about one.
    pub package: Option<String>,
    pub place: Where,
    pub message: String,
}

/// In what respects the lock is not that of the requirements and of the base image.
pub fn stale(pinned: &Pinned, target: &LockTarget) -> Vec<Stale> {
    let Some(lock) = &pinned.lock else { return Vec::new() };
    let mut found = requirements(pinned, lock, target);
    // What has changed in a file is said line by line where it can be.
    if found.is_empty() {
        found.extend(inputs(pinned, lock));
    }
    found.extend(python(pinned, lock));
    found
}

fn in_head(lock: &Lock, front: &str, message: String) -> Stale {
    let line = lock.text.lines().position(|line| line.starts_with(front)).map_or(1, |index| index + 1);
    Stale { package: None, place: Where::at(lock_file(), line), message }
}

/// Lines that ask for what the lock does not have.
fn requirements(pinned: &Pinned, lock: &Lock, target: &LockTarget) -> Vec<Stale> {
    let pins: BTreeMap<String, &Source> =
        lock.read.pins.iter().map(|locked| (locked.pin.normalised(), &locked.pin.source)).collect();
    let apart: BTreeSet<String> = lock.read.head.apart.iter().map(|(name, _)| normalised(name)).collect();
    let mut found = Vec::new();
    for asked in pinned.asked() {
        if apart.contains(&asked.name) || !asked.holds_on(target) {
            continue;
        }
        let message = match pins.get(&asked.name) {
            None => format!("`{}` is not in the lock", asked.text),
            Some(Source::Version(version)) if !lets_in(&asked.versions, version) => {
                format!("`{}` is wanted, and {version} is in the lock", asked.text)
            }
            Some(_) => continue,
        };
        found.push(Stale { package: Some(asked.name), place: Where::at(asked.file, asked.line), message });
    }
    found
}

fn inputs(pinned: &Pinned, lock: &Lock) -> Vec<Stale> {
    let then = &lock.read.head.inputs;
    // A lock of another tool does not say.
    if then.is_empty() {
        return Vec::new();
    }
    let now = pinned.inputs();
    let mut found = Vec::new();
    for Input { file, digest: was } in then {
        let message = match now.iter().find(|now| now.file == *file) {
            Some(now) if now.digest == *was => continue,
            Some(_) => format!("`{file}` has changed since the lock was made of it"),
            None => format!("`{file}`, of which the lock was made, is not among the requirements any more"),
        };
        found.push(in_head(lock, &format!("# of: {file} "), message));
    }
    for Input { file, digest: is } in now {
        if !then.iter().any(|then| then.file == file) && is != digest("") {
            found.push(in_head(lock, "# of: ", format!("`{file}` was not there when the lock was made")));
        }
    }
    found
}

/// The base image may have become another one.
fn python(pinned: &Pinned, lock: &Lock) -> Option<Stale> {
    let now = python_version(pinned.dockerfile.as_deref()?)?;
    // `linux-x86_64, CPython 3.11.7, glibc 2.36`
    let then = lock.read.head.target.split(", ").nth(1)?.split(' ').nth(1)?;
    let minor = then.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    (minor != now).then(|| {
        in_head(lock, "# for: ", format!("the lock is for Python {then}, and the base image has {now}"))
    })
}
