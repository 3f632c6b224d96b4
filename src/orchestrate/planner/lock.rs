//! The two files of a lock: `requirements.txt`, brought up to date, and `requirements.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::orchestrate::load::local_wheel::{LocalWheel, Source};
use crate::orchestrate::lock::Resolution;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements::{self, File};
use crate::spec::lock_difference::{self, Difference};
use crate::spec::lock_target::LockTarget;
use crate::spec::pin;
use crate::spec::plan::{Action, IfThere, Plan};
use crate::spec::requirements_file::{self, Contents, Edited};
use crate::spec::requirements_lock::{self, Head, Input, Locked, RequirementsLock};

pub const REQUIREMENTS: &str = "requirements.txt";
pub const LOCK: &str = "requirements.lock";

/// What was found.
pub struct Facts<'a> {
    /// Where they lie: the experiment's `environment/`.
    pub folder: &'a Path,
    /// The text of `requirements.txt`; empty where there is none.
    pub requirements: &'a str,
    /// Those that it names by `-r` and `-c`.
    pub included: &'a [File],
    pub lock: Option<&'a str>,
    pub contents: &'a Contents,
    pub resolution: &'a Resolution,
    pub target: &'a LockTarget,
    /// Wheels in the folder, with their SHA-256 in hexadecimal digits.
    pub there: BTreeMap<String, String>,
}

pub struct LockPlan {
    /// Without a step where both files are as they should be.
    pub plan: Plan,
    pub edited: Edited,
    pub lock: RequirementsLock,
    pub differences: Vec<Difference>,
}

pub fn plan(facts: &Facts<'_>) -> LockPlan {
    let Facts { folder, requirements, included, lock, contents, resolution, target, there } = facts;
    let edited = requirements_file::edit(requirements, contents);
    // A file that says nothing is not made.
    let own = Some(&edited.text).filter(|text| !text.is_empty());
    let mut inputs: Vec<Input> = own.map(|text| Input::of(REQUIREMENTS, text)).into_iter().collect();
    inputs.extend(included.iter().map(|file| Input::of(&file.shown, &file.text)));
    let made = RequirementsLock {
        head: Head {
            target: target.to_string(),
            inputs,
            by: resolution.by.clone(),
            unhashed: resolution.unhashed.clone(),
            apart: resolution.apart.clone(),
        },
        options: options(requirements, included, resolution),
        pins: resolution.pins.clone(),
    };
    let before = lock.map(requirements_lock::read).unwrap_or_default();
    let differences = lock_difference::between(&before.pins, &made.pins);
    let mut plan = Plan::new("scaf env lock");
    for LocalWheel { name, version: _, file, sum, source } in &resolution.wheels {
        if there.get(file) == Some(&sum.sha256) {
            continue;
        }
        let path = folder.join(file);
        plan.step(
            format!("pack `{name}`, which nobody else can fetch"),
            match source {
                Source::Made(wheel) => {
                    Action::WriteWheel { path, wheel: wheel.clone(), sha256: sum.sha256.clone() }
                }
                Source::There(from) => {
                    Action::CopyFile { from: from.clone(), to: path, if_there: IfThere::Replace }
                }
            },
        );
    }
    let mut write = |file: &str, why: &str, content: String, old: Option<&str>| {
        if old != Some(content.as_str()) {
            let (path, if_there) = (folder.join(file), IfThere::Replace);
            plan.step(why, Action::WriteFile { path, content, executable: false, if_there });
        }
    };
    // First, since it is the larger one: where the disk is full, the other one is not changed either.
    write(LOCK, "everything that this needs in turn", made.text(), *lock);
    let old = Some(*requirements).filter(|text| !text.is_empty());
    if !edited.text.is_empty() || old.is_some() {
        write(REQUIREMENTS, "what the code needs directly", edited.text.clone(), old);
    }
    let named: BTreeSet<String> = wheels(&made.pins).chain(own_wheels(requirements)).collect();
    let gone = wheels_of_scaf(requirements, *lock).into_iter();
    for file in gone.filter(|file| there.contains_key(file) && !named.contains(file)) {
        plan.step("take away what the lock no longer names", Action::Remove { path: folder.join(file) });
    }
    for note in &resolution.notes {
        plan.note(note.clone());
    }
    LockPlan { plan, edited, lock: made, differences }
}

/// The wheels beside the requirements that an older lock and scaf's own lines name.
pub fn wheels_of_scaf(requirements: &str, lock: Option<&str>) -> BTreeSet<String> {
    let own: BTreeSet<String> = own_wheels(requirements).collect();
    let before = lock.map(requirements_lock::read).unwrap_or_default();
    let lines = requirements::read(requirements).wheels.into_iter().map(|wheel| wheel.file);
    wheels(&before.pins).chain(lines).filter(|file| !own.contains(file)).collect()
}

fn own_wheels(requirements: &str) -> impl Iterator<Item = String> {
    let own = requirements_file::own_line_numbers(requirements);
    let lines = requirements::read(requirements).wheels.into_iter();
    lines.filter(move |wheel| own.contains(&wheel.line)).map(|wheel| wheel.file)
}

fn wheels(pins: &[Locked]) -> impl Iterator<Item = String> {
    pins.iter().filter_map(|locked| match &locked.pin.source {
        pin::Source::Wheel { file, version: _ } => Some(file.clone()),
        pin::Source::Version(_) | pin::Source::Address(_) => None,
    })
}

/// Whoever installs from the lock alone needs those that the requirements name, too.
fn options(requirements: &str, included: &[File], resolution: &Resolution) -> Vec<IndexOption> {
    let mut all = requirements_file::own_lines(requirements).options;
    all.extend(included.iter().flat_map(|file| IndexOption::all(&file.text)));
    all.extend(resolution.indexes.keys().cloned().map(IndexOption::Extra));
    let mut once: Vec<IndexOption> = Vec::new();
    for option in all {
        if !once.contains(&option) {
            once.push(option);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::lock_target::{Platform, Sayings};
    use crate::spec::pin::Pin;
    use crate::spec::requirements_file::{Group, Place, Wanted};

    fn planned(requirements: &str, lock: Option<&str>, version: &str) -> LockPlan {
        let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
        let target = LockTarget::choose(Platform::LinuxX86_64, &sayings).0;
        let pin = Pin::version("numpy", version);
        let wanted = Wanted {
            pin: pin.clone(),
            group: Group::Imported,
            places: vec![Place { file: "train.py".to_owned(), line: 1 }],
            call: None,
        };
        let resolution = Resolution {
            pins: vec![Locked { pin, hashes: Vec::new(), via: vec![REQUIREMENTS.to_owned()] }],
            by: "what is installed".to_owned(),
            notes: vec!["told".to_owned()],
            ..Resolution::default()
        };
        plan(&Facts {
            folder: Path::new("/p/environment"),
            requirements,
            included: &[],
            lock,
            contents: &Contents { wanted: vec![wanted], ..Contents::default() },
            resolution: &resolution,
            target: &target,
            there: BTreeMap::new(),
        })
    }

    fn written(plan: &LockPlan) -> Vec<(String, String)> {
        let file = |action: &Action| match action {
            Action::WriteFile { path, content, .. } => (path.display().to_string(), content.clone()),
            other => panic!("{other:?}"),
        };
        plan.plan.steps.iter().map(|step| file(&step.action)).collect()
    }

    #[test]
    fn both_files_are_written_and_the_second_time_none() {
        let first = planned("", None, "1.26");
        let files = written(&first);
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/p/environment/requirements.lock", "/p/environment/requirements.txt"]);
        assert_eq!(first.plan.notes, ["told"]);
        assert_eq!(first.differences.len(), 1);
        let again = planned(&files[1].1, Some(&files[0].1), "1.26");
        assert_eq!((again.plan.steps.len(), again.differences.len()), (0, 0));
        let newer = planned(&files[1].1, Some(&files[0].1), "2.0");
        assert_eq!(written(&newer).len(), 2);
        assert_eq!(newer.differences[0].to_string(), "~ numpy==1.26 is now numpy==2.0");
    }

    #[test]
    fn the_lock_is_of_the_requirements_as_they_are_written() {
        let made = planned("", None, "1.26");
        assert_eq!(made.lock.head.inputs, [Input::of(REQUIREMENTS, &made.edited.text)]);
        assert_ne!(made.lock.head.inputs, [Input::of(REQUIREMENTS, "")]);
    }

    #[test]
    fn where_the_users_own_lines_take_from_is_in_the_lock() {
        let made = planned("--extra-index-url https://h/a\n-i https://h/b  # main\n", None, "1");
        let told: Vec<String> = made.lock.options.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["--extra-index-url https://h/a", "--index-url https://h/b"]);
    }
}
