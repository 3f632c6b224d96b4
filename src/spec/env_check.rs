//! Whether an experiment's code and its pins go together. Pure: what is on the disk and in the environment comes as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::closure::Catalogue;
use super::detection::{Detection, Needed, Place, Role};
use super::pin::{Pin, Source};
use super::requirements_lock::{Input, RequirementsLock};
use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::project::python::version;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The code needs it, and it is not pinned.
    Missing,
    /// An import for which there is nothing.
    Unresolved,
    /// The lock was made of other requirements than those that are there.
    StaleLock,
    /// There are requirements and no lock.
    NoLock,
    /// It is asked for, and neither the code nor anything that the code needs leads to it.
    Unused,
    /// A module of the code hides a package that is pinned.
    Shadowed,
    /// The Python in use has another version than the pin.
    Drift,
}

impl Rule {
    /// Whether a run in the environment is going to be wrong because of it.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Missing | Self::Unresolved | Self::StaleLock)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unresolved => "unresolved",
            Self::StaleLock => "stale-lock",
            Self::NoLock => "no-lock",
            Self::Unused => "unused",
            Self::Shadowed => "shadowed",
            Self::Drift => "drift",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    pub rule: Rule,
    pub package: String,
    /// `train.py:3`, `environment/requirements.txt:7`.
    pub place: Option<String>,
    pub message: String,
}

/// A line that asks for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Normalised.
    pub name: String,
    /// `environment/requirements.txt`
    pub file: String,
    pub line: usize,
}

/// What is known.
pub struct Facts<'a> {
    pub detection: &'a Detection,
    /// The direct requirements.
    pub asked: &'a [Asked],
    pub lock: Option<&'a RequirementsLock>,
    /// The files that the lock should be of, as they are now.
    pub inputs: &'a [Input],
    pub installed: Option<&'a dyn Catalogue>,
    /// Normalised names that are no matter.
    pub waived: &'a BTreeSet<String>,
}

/// Everything that is wrong, what is worst first.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let locked: BTreeMap<String, Option<&str>> = facts.lock.map_or_else(BTreeMap::new, |lock| {
        lock.pins.iter().map(|locked| (locked.pin.normalised(), exact(&locked.pin))).collect()
    });
    let asked: BTreeSet<&str> = facts.asked.iter().map(|asked| asked.name.as_str()).collect();
    missing(facts, &locked, &asked, &mut found);
    lock(facts, &mut found);
    unused(facts, &mut found);
    shadowed(facts, &locked, &asked, &mut found);
    drift(facts, &locked, &mut found);
    found.retain(|finding| !facts.waived.contains(&normalised(&finding.package)));
    found.sort();
    found
}

fn exact(pin: &Pin) -> Option<&str> {
    match &pin.source {
        Source::Version(version) => Some(version),
        Source::Address(_) => None,
    }
}

fn missing(
    facts: &Facts<'_>,
    locked: &BTreeMap<String, Option<&str>>,
    asked: &BTreeSet<&str>,
    found: &mut Vec<Finding>,
) {
    let Detection { third_party, implied, notebook_only, unresolved, .. } = facts.detection;
    let code = third_party.iter().filter(|(name, _)| !notebook_only.contains(name));
    for (name, needed) in code.chain(implied) {
        // Of several that provide a module, one is enough.
        let others = needed.candidates.iter().map(|other| normalised(other));
        let mut names = std::iter::once(name.clone()).chain(others);
        if names.any(|name| locked.contains_key(&name) || asked.contains(name.as_str())) {
            continue;
        }
        let place = first(needed);
        let what = place.map_or("", |place| place.what.as_str());
        let asks = match place.and_then(|place| place.why.as_deref()) {
            Some(why) => format!("`{what}` needs `{}` ({why})", needed.name),
            None if normalised(what) == *name => format!("the code imports `{}`", needed.name),
            None => format!("the code imports `{what}` of `{}`", needed.name),
        };
        found.push(Finding {
            rule: Rule::Missing,
            package: needed.name.clone(),
            place: place.map(Place::shown),
            message: format!("{asks}, which is not pinned"),
        });
    }
    for unresolved in unresolved {
        let used = unresolved.places.iter().find(|place| matches!(place.role, Role::Code | Role::Notebook));
        if let Some(place) = used {
            found.push(Finding {
                rule: Rule::Unresolved,
                package: unresolved.import.clone(),
                place: Some(place.shown()),
                message: format!("`{}`: {}", unresolved.import, unresolved.reason),
            });
        }
    }
}

/// The place that weighs most.
fn first(needed: &Needed) -> Option<&Place> {
    needed.places.iter().min_by_key(|place| (place.role, place.kind))
}

fn lock(facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let finding = |rule, message| Finding {
        rule,
        package: String::new(),
        place: Some("environment/requirements.lock".to_owned()),
        message,
    };
    let Some(lock) = facts.lock else {
        if !facts.asked.is_empty() {
            let message = "there are requirements and no lock, so that what they need in turn may change";
            found.push(finding(Rule::NoLock, message.to_owned()));
        }
        return;
    };
    for input in facts.inputs {
        let then = lock.head.inputs.iter().find(|then| then.file == input.file);
        if then.is_some_and(|then| then.digest != input.digest) {
            let message = format!("`{}` has changed since the lock was made of it", input.file);
            found.push(finding(Rule::StaleLock, message));
        }
    }
}

fn unused(facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let Detection { third_party, optional, implied, suggested, dev, .. } = facts.detection;
    let groups = [third_party, optional, implied, suggested, dev];
    let wanted: BTreeSet<String> = groups
        .iter()
        .flat_map(|group| group.iter())
        .flat_map(|(name, needed)| {
            std::iter::once(name.clone()).chain(needed.candidates.iter().map(|other| normalised(other)))
        })
        .collect();
    for asked in facts.asked.iter().filter(|asked| !wanted.contains(&asked.name)) {
        found.push(Finding {
            rule: Rule::Unused,
            package: asked.name.clone(),
            place: Some(format!("{}:{}", asked.file, asked.line)),
            message: format!("nothing in the code leads to `{}`", asked.name),
        });
    }
}

fn shadowed(
    facts: &Facts<'_>,
    locked: &BTreeMap<String, Option<&str>>,
    asked: &BTreeSet<&str>,
    found: &mut Vec<Finding>,
) {
    for (module, files) in &facts.detection.local {
        let Some(file) = files.iter().next() else { continue };
        let mut providers = import_names::candidates(module).unwrap_or_default();
        providers.push(normalised(module));
        let hidden =
            providers.iter().find(|name| locked.contains_key(name.as_str()) || asked.contains(name.as_str()));
        if let Some(hidden) = hidden {
            found.push(Finding {
                rule: Rule::Shadowed,
                package: hidden.clone(),
                place: Some(file.clone()),
                message: format!("the code's own `{module}` hides the package `{hidden}`, which is pinned"),
            });
        }
    }
}

fn drift(facts: &Facts<'_>, locked: &BTreeMap<String, Option<&str>>, found: &mut Vec<Finding>) {
    let Some(installed) = facts.installed else { return };
    for (name, pinned) in locked {
        let Some(pinned) = pinned else { continue };
        let Some(there) = installed.get(name) else { continue };
        if !version::same(there.version, pinned) {
            found.push(Finding {
                rule: Rule::Drift,
                package: there.name.to_owned(),
                place: None,
                message: format!(
                    "`{}` is {} in the Python in use, and {pinned} in the lock",
                    there.name, there.version
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::target::Target;
    use crate::spec::closure::Known as KnownDistribution;
    use crate::spec::detection::{FORMAT, Kind, Known, Unresolved};
    use crate::spec::requirements_lock::{self, Locked};

    struct Shelf(&'static [(&'static str, &'static str)]);

    impl Catalogue for Shelf {
        fn get(&self, normalised: &str) -> Option<KnownDistribution<'_>> {
            let (name, version) = self.0.iter().find(|(name, _)| *name == normalised)?;
            Some(KnownDistribution { name, version, requires: &[], requires_python: None })
        }
    }

    fn place(file: &str, what: &str, kind: Kind, role: Role) -> Place {
        Place { file: file.to_owned(), line: 3, cell: None, kind, role, what: what.to_owned(), why: None }
    }

    fn needed(name: &str, place: Place, candidates: &[&str]) -> (String, Needed) {
        let needed = Needed {
            name: name.to_owned(),
            imports: BTreeSet::new(),
            kind: place.kind,
            places: vec![place],
            version: None,
            origin: None,
            known: Known::Table,
            candidates: candidates.iter().map(|name| (*name).to_owned()).collect(),
            native: false,
        };
        (normalised(name), needed)
    }

    fn detection() -> Detection {
        let top = |name: &str, what: &str| needed(name, place("train.py", what, Kind::Top, Role::Code), &[]);
        let cv2 = place("see.py", "cv2", Kind::Function, Role::Code);
        Detection {
            format: FORMAT,
            root: "/".to_owned(),
            interpreter: None,
            target: Target::default(),
            third_party: [
                top("torch", "torch"),
                top("scikit-learn", "sklearn.svm"),
                needed("opencv-python", cv2, &["opencv-python-headless"]),
            ]
            .into(),
            notebook_only: Vec::new(),
            optional: BTreeMap::new(),
            implied: BTreeMap::new(),
            suggested: BTreeMap::new(),
            dev: BTreeMap::new(),
            local: [("yaml".to_owned(), ["yaml.py".to_owned()].into())].into(),
            stdlib: BTreeSet::new(),
            unresolved: vec![Unresolved {
                import: "utils".to_owned(),
                places: vec![place("train.py", "utils", Kind::Top, Role::Code)],
                reason: "it is nowhere".to_owned(),
                candidates: Vec::new(),
            }],
            closure: None,
            problems: Vec::new(),
            files: 2,
        }
    }

    fn asked(name: &str, line: usize) -> Asked {
        Asked { name: name.to_owned(), file: "environment/requirements.txt".to_owned(), line }
    }

    fn told(found: &[Finding]) -> Vec<String> {
        let told = found.iter().map(|one| {
            format!("{} {} {}", one.rule.name(), one.place.as_deref().unwrap_or("-"), one.message)
        });
        told.collect()
    }

    #[test]
    fn everything_that_does_not_go_together() {
        let mut lock = RequirementsLock::default();
        for (name, version) in [("torch", "2.5.0"), ("PyYAML", "6.0"), ("opencv-python-headless", "4.1.0")] {
            lock.pins.push(Locked { pin: Pin::version(name, version), hashes: Vec::new(), via: Vec::new() });
        }
        lock.head.inputs.push(Input::of("requirements.txt", "torch\n"));
        let found = check(&Facts {
            detection: &detection(),
            asked: &[asked("torch", 1), asked("left-over", 2), asked("horovod", 3)],
            lock: Some(&lock),
            inputs: &[Input::of("requirements.txt", "torch==2.5.0\n")],
            installed: Some(&Shelf(&[("torch", "2.5.0"), ("opencv-python-headless", "4.10")])),
            waived: &["horovod".to_owned()].into(),
        });
        assert_eq!(
            told(&found),
            [
                "missing train.py:3 the code imports `sklearn.svm` of `scikit-learn`, which is not pinned",
                "unresolved train.py:3 `utils`: it is nowhere",
                "stale-lock environment/requirements.lock `requirements.txt` has changed since the lock was made of it",
                "unused environment/requirements.txt:2 nothing in the code leads to `left-over`",
                "shadowed yaml.py the code's own `yaml` hides the package `pyyaml`, which is pinned",
                "drift - `opencv-python-headless` is 4.10 in the Python in use, and 4.1.0 in the lock",
            ]
        );
    }

    #[test]
    fn what_goes_together_is_silent_and_a_missing_lock_is_told() {
        let mut detection = detection();
        detection.unresolved.clear();
        detection.local.clear();
        let asked = [asked("torch", 1), asked("scikit-learn", 2), asked("opencv-python-headless", 3)];
        let mut facts = Facts {
            detection: &detection,
            asked: &asked,
            lock: None,
            inputs: &[],
            installed: None,
            waived: &BTreeSet::new(),
        };
        assert_eq!(check(&facts).iter().map(|one| one.rule).collect::<Vec<_>>(), [Rule::NoLock]);
        let lock = requirements_lock::RequirementsLock::default();
        facts.lock = Some(&lock);
        assert_eq!(check(&facts), []);
    }
}
