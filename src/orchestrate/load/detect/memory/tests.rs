//! The answer is the same with what is remembered as without, whatever has changed in between.

use std::os::unix::fs::symlink;

use super::*;
use crate::orchestrate::load::detect::{Way, look};
use crate::orchestrate::load::installed::Installed;
use crate::orchestrate::load::interpreter::{ChosenBy, Interpreter};
use crate::project::python::target::Target;
use crate::spec::detection::Detection;

/// Splitmix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap()]
    }
}

struct Ground {
    dir: tempfile::TempDir,
    paths: Vec<PathBuf>,
    interpreter: Option<Interpreter>,
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("code");
        fs::create_dir(&root).unwrap();
        Self { dir, paths: vec![root], interpreter: None }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("code")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
        self.tick();
    }

    fn remove(&self, path: &str) {
        let path = self.root().join(path);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        self.tick();
    }

    /// Until the file system's clock has gone on, so that the next change is seen by its time.
    fn tick(&self) {
        let probe = self.dir.path().join("probe");
        let touched = || {
            fs::File::create(&probe).unwrap();
            let meta = fs::metadata(&probe).unwrap();
            listing::of(&meta).ctime
        };
        let before = touched();
        while touched() == before {}
    }

    /// With what was remembered, compared with an answer from the start. Everything counts as long settled.
    fn look(&self) -> (Detection, Way) {
        let cache = self.dir.path().join("cache");
        let installed = self.interpreter.as_ref().map(|python| Installed::read(python).unwrap());
        let request = Request {
            root: &self.root(),
            paths: &self.paths,
            is_experiment: false,
            chosen: None,
            interpreter: self.interpreter.as_ref(),
            installed: installed.as_ref(),
            target: &Target::default(),
            cache: Some(&cache),
        };
        let mut memory = Memory::of(&request).unwrap();
        memory.began = i64::MAX;
        let found = look(&request, Some(&memory)).unwrap();
        let (anew, _) = look(&request, None).unwrap();
        assert_eq!(found.0, anew);
        found
    }

    fn way(&self) -> Way {
        self.look().1
    }
}

const RESUMED: Way = Way::Resumed { changed: 1 };

fn small() -> Ground {
    let ground = Ground::new();
    ground.write("train.py", "import numpy\nfrom lib import data\nimport helper\n");
    ground.write("helper.py", "import pandas\n");
    ground.write("lib/__init__.py", "");
    ground.write("lib/data.py", "import requests\nfrom . import more\n");
    ground.write("lib/more.py", "import yaml\n");
    ground.write("notes/look.py", "import lib.data\n");
    ground
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let ground = small();
    assert_eq!(ground.way(), Way::Followed { read: 6 });
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
    ground.write("helper.py", "import pandas, scipy\n");
    assert_eq!(ground.way(), RESUMED);
    // Another file in the folder may be what others import.
    ground.write("other.py", "import torch\n");
    assert_eq!(ground.way(), Way::Followed { read: 2 });
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
    // What concerns no code changes nothing.
    ground.write("model.pt", "");
    ground.write("__pycache__/helper.pyc", "");
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
}

#[test]
fn a_change_that_others_depend_on_is_followed() {
    let ground = small();
    ground.write("notes/requests.py", "x = 1\n");
    ground.write("notes/look.py", "import lib.data\nfrom requests import get\n");
    ground.way();
    for (path, text) in [
        ("train.py", "import sys\nsys.path.append('deep')\nimport inner\n"),
        ("deep/inner.py", "import seaborn\n"),
        ("train.py", "import inner\n"),
        // Now the module has what is asked of it, and now it has not.
        ("notes/requests.py", "def get():\n    pass\n"),
        ("notes/requests.py", "def put():\n    pass\n"),
        ("lib/setup.py", "import setuptools\n"),
    ] {
        ground.write(path, text);
        assert!(matches!(ground.way(), Way::Followed { .. }), "{path}");
    }
}

#[test]
fn a_file_outside_is_led_to_as_long_as_something_imports_it() {
    let mut ground = small();
    ground.paths = vec![ground.root().join("notes/look.py")];
    ground.write("notes/near.py", "import polars\n");
    ground.way();
    for text in ["import near\n", "import near, lib\n", "x = 1\n", "import numpy\n"] {
        ground.write("notes/look.py", text);
        ground.way();
    }
    assert_eq!(ground.way(), RESUMED);
}

#[test]
fn rules_and_links_have_their_say() {
    let ground = small();
    fs::create_dir(ground.root().join(".git")).unwrap();
    ground.write("notes/kept.py", "import polars\n");
    ground.way();
    ground.write(".gitignore", "notes/\n");
    assert!(!ground.look().0.third_party.contains_key("polars"));
    ground.write(".gitignore", "lib/\n");
    assert!(ground.look().0.third_party.contains_key("polars"));
    fs::remove_dir(ground.root().join(".git")).unwrap();
    ground.look();
    fs::create_dir(ground.dir.path().join("far")).unwrap();
    symlink(ground.dir.path().join("far"), ground.root().join("linked")).unwrap();
    ground.look();
    fs::File::create(ground.dir.path().join("far/module.py")).unwrap().write_all(b"import keras").unwrap();
    assert!(ground.look().0.third_party.contains_key("keras"));
    ground.remove("linked");
    assert!(!ground.look().0.third_party.contains_key("keras"));
}

#[test]
fn what_is_installed_has_its_say() {
    let mut ground = small();
    let site = ground.dir.path().join("env/lib/python3.11/site-packages");
    let install = |name: &str, module: &str| {
        let info = site.join(format!("{name}-1.0.dist-info"));
        fs::create_dir_all(&info).unwrap();
        fs::create_dir_all(site.join(module)).unwrap();
        let write = |path: PathBuf, text: &str| fs::File::create(path).unwrap().write_all(text.as_bytes());
        write(info.join("METADATA"), &format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"))
            .unwrap();
        write(info.join("RECORD"), &format!("{module}/__init__.py,,\n")).unwrap();
        write(site.join(module).join("__init__.py"), "").unwrap();
    };
    install("numpy", "numpy");
    ground.interpreter = Some(Interpreter {
        executable: ground.dir.path().join("env/bin/python"),
        prefix: ground.dir.path().join("env"),
        base_prefix: ground.dir.path().join("env"),
        version: (3, 11),
        full_version: None,
        implementation: "cpython",
        free_threaded: false,
        python_path: Vec::new(),
        stdlib: Vec::new(),
        search: vec![site.clone()],
        platform: "linux",
        machine: "x86_64",
        chosen_by: ChosenBy::Asked,
    });
    ground.way();
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
    ground.tick();
    install("fancy-yaml", "yaml");
    ground.tick();
    let (found, way) = ground.look();
    assert_eq!(way, Way::Followed { read: 0 });
    assert!(found.third_party.contains_key("fancy-yaml"));
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
    // A folder that a `.pth` file adds.
    let added = ground.dir.path().join("added");
    fs::create_dir(&added).unwrap();
    fs::File::create(site.join("added.pth")).unwrap().write_all(b"/nowhere\n").unwrap();
    ground.tick();
    ground.way();
    let text = format!("{}\n", added.display());
    fs::File::create(site.join("added.pth")).unwrap().write_all(text.as_bytes()).unwrap();
    ground.tick();
    ground.way();
    fs::File::create(added.join("scipy.py")).unwrap();
    ground.write("helper.py", "import pandas, scipy, math\n");
    assert!(!ground.look().0.third_party.contains_key("scipy"));
}

#[test]
fn after_any_edits_the_answer_is_that_of_a_first_run() {
    let lines = [
        "import numpy as np",
        "from alpha import one, two",
        "import alpha.one",
        "from . import two",
        "from ..beta import three",
        "from beta.two import thing",
        "import gamma",
        "import one",
        "import requests",
        "from requests import get",
        "try:\n    import torch\nexcept ImportError:\n    import jax",
        "import sys\nsys.path.insert(0, 'beta')",
        "import importlib\nimportlib.import_module('alpha.three')",
        "if __name__ == '__main__':\n    import click",
        "def get():\n    import scipy",
        "exec(open('beta/one.py').read())",
        "x = (",
        "# /// script\n# dependencies = ['rich']\n# ///",
        "import subprocess\nsubprocess.run(['torchrun', 'one.py'])",
    ];
    let folders = ["", "alpha/", "beta/", "alpha/deep/", "gamma/"];
    let names = ["one.py", "two.py", "three.py", "__init__.py", "requests.py", "setup.py", "test_it.py"];
    let mut ways = Vec::new();
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut ground = Ground::new();
        for round in 0..60 {
            let path = format!("{}{}", dice.of(&folders), dice.of(&names));
            match dice.below(24) {
                0 => ground.remove(&path),
                1 => ground.remove(dice.of(&folders).trim_end_matches('/')),
                2 => ground.write("requirements.txt", dice.of(&["rich\n", "torch\nfancy-requests\n", ""])),
                3 => {
                    let first = ground.root().join("one.py");
                    ground.write("one.py", "import alpha.one\n");
                    ground.paths = vec![if ground.paths[0] == first { ground.root() } else { first }];
                }
                _ => {
                    let mut text = format!("# {round}\n");
                    for _ in 0..dice.below(5) {
                        text.push_str(dice.of(&lines));
                        text.push('\n');
                    }
                    ground.write(&path, &text);
                }
            }
            fs::create_dir_all(ground.root()).unwrap();
            if !ground.paths[0].exists() {
                ground.paths = vec![ground.root()];
            }
            ways.push(ground.way());
        }
    }
    let changed = ways.iter().filter(|way| **way == RESUMED).count();
    let followed = ways.iter().filter(|way| matches!(way, Way::Followed { .. })).count();
    assert!(changed > 10 && followed > 10, "both ways are taken: {changed}, {followed}");
}

#[test]
fn a_file_that_may_change_unseen_is_read_again() {
    let ground = small();
    let cache = ground.dir.path().join("cache");
    let request = Request {
        root: &ground.root(),
        paths: &ground.paths,
        is_experiment: false,
        chosen: None,
        interpreter: None,
        installed: None,
        target: &Target::default(),
        cache: Some(&cache),
    };
    let memory = Memory::of(&request).unwrap();
    look(&request, Some(&memory)).unwrap();
    let (_, way) = look(&request, Some(&memory)).unwrap();
    assert_eq!(way, Way::Followed { read: 6 });
    // Once it is old enough, it is read one more time and known from then on.
    assert_eq!(ground.way(), Way::Followed { read: 6 });
    assert_eq!(ground.way(), Way::Resumed { changed: 0 });
}

#[test]
fn a_damaged_memory_counts_as_none() {
    let ground = small();
    ground.way();
    let cache = ground.dir.path().join("cache");
    let file = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    let write = |bytes: &[u8]| fs::File::create(&file).unwrap().write_all(bytes).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        write(&damaged);
        assert_eq!(ground.way(), Way::Followed { read: 6 }, "byte {at}");
        write(&whole[..at]);
        assert_eq!(ground.way(), Way::Followed { read: 6 }, "cut at {at}");
    }
    // With a check that holds, what lies between them is still taken for nothing but what it is.
    let body = &whole[HEADER.len() + 32..whole.len() - CHECK];
    assert!(Known::of_bytes(body, &ground.root()).is_some());
    for at in 0..body.len() {
        assert!(Known::of_bytes(&body[..at], &ground.root()).is_none(), "cut at {at}");
        let mut damaged = body.to_vec();
        damaged[at] = 0xff;
        let _ = Known::of_bytes(&damaged, &ground.root());
    }
}

#[test]
fn a_memory_that_cannot_be_written_is_no_failure() {
    let ground = small();
    fs::File::create(ground.dir.path().join("cache")).unwrap();
    assert_eq!(ground.way(), Way::Followed { read: 6 });
    assert_eq!(ground.way(), Way::Followed { read: 6 });
}
