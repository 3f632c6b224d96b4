//! Every rule with facts that break it, and facts that break none.

use super::*;
use crate::project::python::requirements::{self, File};
use crate::project::python::target::Target;
use crate::spec::closure::Known as KnownDistribution;
use crate::spec::detection::{FORMAT, Kind, Known, Needed, Role, Unresolved};
use crate::spec::lock_target::{Platform, Sayings};
use crate::spec::pinned::{Lock, REQUIREMENTS};

struct Shelf(&'static [(&'static str, &'static str)]);

impl Catalogue for Shelf {
    fn get(&self, normalised: &str) -> Option<KnownDistribution<'_>> {
        let (name, version) = self.0.iter().find(|(name, _)| *name == normalised)?;
        Some(KnownDistribution { name, version, requires: &[], requires_python: None })
    }
}

fn place(file: &str, what: &str, kind: Kind, role: Role) -> Place {
    Place { file: file.into(), line: 3, cell: None, kind, role, what: what.into(), why: None }
}

fn needed(name: &str, place: Place, known: Known, candidates: &[&str]) -> (String, Needed) {
    let needed = Needed {
        name: name.to_owned(),
        imports: BTreeSet::new(),
        kind: place.kind,
        places: vec![place],
        version: None,
        origin: None,
        known,
        candidates: candidates.iter().map(|name| (*name).to_owned()).collect(),
        repository: None,
        native: false,
        files_outside: Vec::new(),
    };
    (normalised(name), needed)
}

/// Code that imports torch, scikit-learn and OpenCV.
fn detection() -> Detection {
    let top = |name: &str, what: &str| {
        needed(name, place("train.py", what, Kind::Top, Role::Code), Known::Table, &[])
    };
    let cv2 = place("see.py", "cv2", Kind::Function, Role::Code);
    Detection {
        format: FORMAT,
        root: "/".to_owned(),
        interpreter: None,
        target: Target::default(),
        third_party: [
            top("torch", "torch"),
            top("scikit-learn", "sklearn.svm"),
            needed("opencv-python", cv2, Known::Table, &["opencv-python-headless"]),
        ]
        .into(),
        notebook_only: Vec::new(),
        optional: BTreeMap::new(),
        implied: BTreeMap::new(),
        suggested: BTreeMap::new(),
        dev: BTreeMap::new(),
        local: BTreeMap::new(),
        elsewhere: Vec::new(),
        stdlib: BTreeSet::new(),
        unresolved: Vec::new(),
        closure: None,
        problems: Vec::new(),
        files: 2,
    }
}

/// Facts that break no rule, to be spoilt.
struct World {
    detection: Detection,
    dockerfile: &'static str,
    requirements: String,
    lock: Option<String>,
    modules: Vec<(String, String)>,
    installed: Shelf,
    interpreter: Option<(u8, u8)>,
    index: BTreeMap<String, OnIndex>,
    of_this_machine: Vec<Finding>,
    waived: BTreeSet<String>,
}

const REQUIRED: &str = "torch==2.5.0  # why: train.py:3\nopencv-python-headless==4.10\nscikit-learn>=1,<2\n";

fn locked(requirements: &str, pins: &[&str]) -> String {
    let digest = crate::spec::requirements_lock::digest(requirements);
    let head = format!(
        "# head\n# for: linux-x86_64, CPython 3.11.7, glibc 2.36\n# of: requirements.txt {digest}\n# by: uv\n\n"
    );
    let pins = pins.iter().map(|pin| format!("{pin}\n    # via requirements.txt\n"));
    head + &pins.collect::<String>()
}

impl World {
    fn new() -> Self {
        Self {
            detection: detection(),
            dockerfile: "FROM python:3.11-slim\nRUN pip install -r requirements.lock\n",
            requirements: REQUIRED.to_owned(),
            lock: Some(locked(
                REQUIRED,
                &["opencv-python-headless==4.10", "scikit-learn==1.5.0", "torch==2.5.0"],
            )),
            modules: vec![("train".to_owned(), "train.py".to_owned())],
            installed: Shelf(&[("torch", "2.5.0"), ("scikit-learn", "1.5.0")]),
            interpreter: Some((3, 11)),
            index: BTreeMap::new(),
            of_this_machine: Vec::new(),
            waived: BTreeSet::new(),
        }
    }

    fn pinned(&self) -> Pinned {
        let read = requirements::read(&self.requirements);
        let text = self.requirements.clone();
        Pinned {
            dockerfile: Some(self.dockerfile.to_owned()),
            files: vec![File { shown: REQUIREMENTS.to_owned(), text, constraint: false, read }],
            lock: self.lock.clone().map(Lock::of),
            elsewhere: BTreeSet::new(),
        }
    }

    fn told(&self) -> Vec<String> {
        let sayings = Sayings { dockerfile: Some(self.dockerfile), ..Sayings::default() };
        let found = check(&Facts {
            detection: &self.detection,
            pinned: &self.pinned(),
            target: &LockTarget::choose(Platform::LinuxX86_64, &sayings).0,
            modules: &self.modules,
            installed: Some(&self.installed),
            interpreter: self.interpreter,
            index: &self.index,
            of_this_machine: &self.of_this_machine,
            waived: &self.waived,
        });
        let told = found.iter().map(|one| {
            format!("{} {} {} {}", one.severity.name(), one.rule.name(), one.place.shown(), one.message)
        });
        told.collect()
    }
}

/// For each rule a world that breaks it, and what is said.
fn broken(rule: Rule) -> (World, String) {
    let mut world = World::new();
    let said = match rule {
        Rule::Missing => {
            let tqdm = place("train.py", "tqdm", Kind::Top, Role::Code);
            world.detection.third_party.extend([needed("tqdm", tqdm, Known::Table, &[])]);
            "error missing train.py:3 the code imports `tqdm`, which is not pinned"
        }
        Rule::Unresolved => {
            world.detection.unresolved.push(Unresolved {
                import: "utils".to_owned(),
                places: vec![place("train.py", "utils", Kind::Top, Role::Code)],
                reason: "it is nowhere".to_owned(),
                candidates: Vec::new(),
            });
            "error unresolved train.py:3 `utils`: it is nowhere"
        }
        Rule::StaleLock => {
            world.requirements = REQUIRED.replace("torch==2.5.0", "torch==2.6.0");
            "error stale-lock environment/requirements.txt:1 `torch==2.6.0` is wanted, and 2.5.0 is in the lock"
        }
        Rule::NoSuchPin => {
            world.index.insert("torch".to_owned(), OnIndex::Unknown("`torch==2.5.0` is not on h".to_owned()));
            "error no-such-pin environment/requirements.lock:10 `torch==2.5.0` is not on h"
        }
        // What is read from the disk for these is tried with the program (tests/it/env_packed.rs).
        Rule::LeftBehind | Rule::OtherMachine | Rule::NoWheel | Rule::StaleWheel | Rule::NotCopied => {
            let place = Where::at("environment/requirements.lock", 7);
            world.of_this_machine.push(Finding::new(rule, "lib", place, "told".to_owned()));
            return (world, format!("error {} environment/requirements.lock:7 told", rule.name()));
        }
        Rule::Yanked => {
            world.index.insert("scikit-learn".to_owned(), OnIndex::Yanked(Some("broken".to_owned())));
            "warning yanked environment/requirements.lock:8 `scikit-learn==1.5.0` was taken back by its publisher: broken"
        }
        Rule::NoLock => {
            world.lock = None;
            "warning no-lock environment/requirements.txt:1 there are requirements and no lock, so that what they need in \
             turn may change"
        }
        Rule::Shadowed => {
            world.modules.push(("random".to_owned(), "random.py".to_owned()));
            "warning shadowed random.py:1 `random.py` hides Python's own `random` from every package that imports it"
        }
        Rule::Unused => {
            world.requirements += "left-over==1.0\n";
            let pins =
                ["left-over==1.0", "opencv-python-headless==4.10", "scikit-learn==1.5.0", "torch==2.5.0"];
            world.lock = Some(locked(&world.requirements, &pins));
            "warning unused environment/requirements.txt:4 nothing in the code leads to `left-over`"
        }
        Rule::OtherPython => {
            world.interpreter = Some((3, 12));
            "note other-python environment/Dockerfile:1 the image has Python 3.11, and the Python in use is 3.12"
        }
        Rule::Drift => {
            world.installed = Shelf(&[("torch", "2.4.0"), ("scikit-learn", "1.5")]);
            "note drift environment/requirements.lock:10 `torch` is 2.4.0 in the Python in use, and pinned as 2.5.0"
        }
    };
    (world, said.to_owned())
}

#[test]
fn every_rule_finds_what_breaks_it_and_nothing_else() {
    assert_eq!(World::new().told(), Vec::<String>::new());
    for rule in Rule::ALL {
        let (world, said) = broken(rule);
        assert_eq!(world.told(), [said]);
    }
}

#[test]
fn what_is_worst_comes_first_and_what_is_waived_not_at_all() {
    let (mut world, _) = broken(Rule::Missing);
    world.interpreter = Some((3, 12));
    world.modules.push(("queue".to_owned(), "queue.py".to_owned()));
    let rules = |world: &World| -> Vec<String> {
        world.told().iter().map(|told| told.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(rules(&world), ["missing", "shadowed", "other-python"]);
    world.waived = ["tqdm", "queue"].map(str::to_owned).into();
    assert_eq!(rules(&world), ["other-python"]);
}

#[test]
fn a_package_whose_modules_nobody_knows_may_be_the_one_that_is_guessed() {
    let acme = || {
        let place = place("train.py", "acme", Kind::Top, Role::Code);
        needed("acme", place, Known::Guess, &[])
    };
    let mut world = World::new();
    world.detection.third_party.extend([acme()]);
    assert_eq!(
        world.told(),
        [
            "error missing train.py:3 the code imports `acme` (that is its name is a guess), which is not pinned"
        ]
    );
    world.requirements += "corp-suite\n";
    world.lock = Some(locked(
        &world.requirements,
        &["corp-suite==1", "opencv-python-headless==4.10", "scikit-learn==1.5.0", "torch==2.5.0"],
    ));
    assert_eq!(
        world.told()[0],
        "warning missing train.py:3 the code imports `acme` (that is its name is a guess), which is not pinned; what \
         environment/requirements.txt:4 asks for may have it"
    );
    let mut world = World { dockerfile: "FROM corp/base:1\n", ..World::new() };
    world.detection.third_party.extend([acme()]);
    assert!(world.told()[0].ends_with("; the base image `corp/base:1` may have packages of its own"));
}

#[test]
fn a_lock_is_old_in_several_ways() {
    let stale = |world: &World| -> Vec<String> {
        world.told().into_iter().filter(|told| told.starts_with("error stale-lock")).collect()
    };
    let mut world = World::new();
    world.requirements += "tqdm ; sys_platform == 'win32'\n";
    assert_eq!(
        stale(&world),
        [
            "error stale-lock environment/requirements.lock:3 `requirements.txt` has changed since the lock was made of it"
        ]
    );
    world.requirements += "tqdm\n";
    assert_eq!(stale(&world), ["error stale-lock environment/requirements.txt:5 `tqdm` is not in the lock"]);
    let world = World { dockerfile: "FROM python:3.12\n", ..World::new() };
    assert_eq!(
        stale(&world),
        [
            "error stale-lock environment/requirements.lock:2 the lock is for Python 3.11.7, and the base image has 3.12"
        ]
    );
    let mut world = World::new();
    world.lock = world.lock.map(|text| text.replace("# by: ", "# of: base.txt 00\n# by: "));
    assert_eq!(
        stale(&world),
        [
            "error stale-lock environment/requirements.lock:4 `base.txt`, of which the lock was made, is not among the \
             requirements any more"
        ]
    );
    // What another tool has locked says nothing about its inputs, and has to hold them all the same.
    let mut world = World::new();
    world.lock = Some("torch==2.5.0\nopencv-python-headless==4.10\n".to_owned());
    assert_eq!(
        stale(&world),
        ["error stale-lock environment/requirements.txt:3 `scikit-learn>=1,<2` is not in the lock"]
    );
}

#[test]
fn a_module_that_hides_a_package_is_told_once() {
    let mut world = World::new();
    world.detection.third_party.remove("torch");
    world.detection.local.insert("torch".to_owned(), ["torch.py".to_owned()].into());
    assert_eq!(
        world.told(),
        ["warning shadowed torch.py:1 the code's own `torch` hides the package `torch`, which is pinned"]
    );
    assert_eq!(
        hidden_standard_module("time", "time.py", 11).unwrap(),
        "`time.py` is never imported: Python's own `time` comes first"
    );
    for (module, minor) in [("test", 11), ("imp", 12), ("train", 11)] {
        assert_eq!(hidden_standard_module(module, "x.py", minor), None);
    }
}

#[test]
fn what_others_need_or_ask_for_is_used() {
    let mut world = World::new();
    world.requirements += "numpy==2.0\nplugin==1  # why: environment.yml:4\ngone==1  # why: old.py:1\n";
    let mut pins =
        vec!["gone==1", "opencv-python-headless==4.10", "plugin==1", "scikit-learn==1.5.0", "torch==2.5.0"];
    pins.push("numpy==2.0");
    world.lock = Some(locked(&world.requirements, &pins).replace(
        "numpy==2.0\n    # via requirements.txt",
        "numpy==2.0\n    # via requirements.txt, scikit-learn",
    ));
    assert_eq!(
        world.told(),
        ["warning unused environment/requirements.txt:6 the code does not need `gone` any more"]
    );
}
