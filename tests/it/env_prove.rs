//! `scaf env prove`: everything that an experiment's code imports, imported in its image. The packages are made for the test and
//! copied into the image; what they do at import is all that is looked at.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::dry_run::{How, both};
use crate::probe::podman;
use crate::support::{Outcome, Scaf, Test, need, probe_image, python_image, python_minor};

/// Name, and what its module does.
type Packages<'a> = &'a [(&'a str, &'a str)];

/// A project with an experiment whose image has these packages and whose code is this.
fn experiment(packages: Packages<'_>, code: &str) -> Test {
    let test = Test::project();
    let site = format!("/usr/local/lib/python{}/site-packages/", python_minor());
    // Of this run of the tests alone: an image of the same content is not made again.
    let own = std::process::id();
    let dockerfile = format!("FROM {}\nLABEL scaf-test={own}\nCOPY site/ {site}\n", python_image());
    test.write("src/exp/environment/Dockerfile", &dockerfile);
    test.write("src/exp/environment/requirements.txt", "# made by hand\n");
    test.write("src/exp/environment/site/made.txt", "by a test\n");
    test.write("src/exp/train.py", code);
    for (name, code) in packages {
        package(&test, name, "1.0", "", code);
    }
    test
}

fn package(test: &Test, name: &str, version: &str, requires: &str, code: &str) {
    let module = name.replace('-', "_");
    let at = format!("src/exp/environment/site/{module}");
    test.write(&format!("{at}/__init__.py"), code);
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\n");
    test.write(&format!("{at}-{version}.dist-info/METADATA"), &metadata);
}

fn prove<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let mut all = vec!["env", "prove", "exp", "--engine", "docker", "--no-python"];
    all.extend(words);
    test.scaf(all).in_project()
}

/// The lines of the table, without its head.
fn rows(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.stdout.lines().skip(1);
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn an_image_that_has_it_all_is_proven() {
    if !need("docker") {
        return;
    }
    let code = "import alpha.part\nimport json\n\n\ndef late():\n    import beta_kit\n\n\ntry:\n    import wandb\nexcept ImportError:\n    wandb = None\n";
    // What it says, it says to nobody.
    let test = experiment(
        &[("alpha", "print('{}')\nimport sys\nsys.stderr.write('talk')\n"), ("beta-kit", "")],
        code,
    );
    test.write("src/exp/environment/site/alpha/part.py", "");
    let outcome = prove(&test, &[]).ok();
    assert_eq!(outcome.stdout, "");
    let told = format!("proven: 2 modules of 2 packages can be imported in Python {}.", python_minor());
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("and 4 files compile\n"), "{}", outcome.stderr);
    // It is a run like any other.
    let record = test.record("exp", "plan.json");
    assert_eq!((&record["intent"], &record["engine"]), (&"prove".into(), &"docker".into()));
    assert_eq!(test.record("exp", "outcome.json")["status"], 0);
    let proof = test.record("exp", "outputs/proof.json");
    assert_eq!(proof["modules"][0]["module"], "alpha.part");
    assert_eq!(
        (&proof["modules"][2]["module"], &proof["modules"][2]["absent"]),
        (&"wandb".into(), &true.into())
    );
    let answer = prove(&test, &["--json"]).ok().json();
    assert_eq!((&answer["holds"], &answer["built"]), (&true.into(), &false.into()), "{answer}");
    assert_eq!(answer["failures"], serde_json::json!([]));
    // And can be done again from its own bundle.
    let name = test.runs("exp").pop().unwrap();
    let name = name.file_name().unwrap().to_string_lossy().into_owned();
    test.scaf(["runs", "rerun", &name]).in_project().ok();
    assert_eq!(test.record("exp", "outputs/proof.json")["modules"][1]["module"], "beta_kit");
}

#[test]
fn every_way_to_fail_is_told_at_its_line() {
    if !need("docker") {
        return;
    }
    let test = experiment(
        &[
            ("a-raises", "raise RuntimeError('no\\nsecond line')\n"),
            ("b-hangs", "import time\ntime.sleep(600)\n"),
            ("c-exits", "import sys\nsys.exit(0)\n"),
            ("d-leaves", "import os\nos._exit(3)\n"),
            ("e-leaves", "import os, sys\nprint('last words', flush=True)\nos._exit(0)\n"),
            ("f-crashes", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"),
            ("g-imports", "import yaml\n"),
            ("h-driver", "import ctypes\nctypes.CDLL('libcuda.so.1')\n"),
            ("i-odd", "raise ValueError('\\x1b[31m\\ud800')\n"),
            ("j-there", "raise ImportError('half installed')\n"),
            ("k-other", ""),
            ("l-waived", "raise RuntimeError('nobody asks')\n"),
        ],
        "import a_raises\nimport b_hangs\nimport c_exits, d_leaves, e_leaves\nimport f_crashes\nimport g_imports\n\
         import h_driver, i_odd\ntry:\n    import j_there\nexcept ImportError:\n    pass\nimport k_other.new\n\
         import l_waived\nfrom sklearn import svm\nimport utils.something\n",
    );
    test.write("scaf.toml", &format!("{}\n[env]\nwaive = [\"l-waived\"]\n", test.read("scaf.toml")));
    // Compiled, and not run.
    let side = "open('/mnt/outputs/ran', 'w').write('no')\nraise SystemExit(9)\n";
    test.write("src/exp/side.py", side).write("src/exp/deep/old.py", "import side\nprint 'two'\n");
    let outcome = prove(&test, &["--seconds", "3"]).status(1);
    assert_eq!(
        rows(&outcome),
        [
            "train.py:1 a_raises RuntimeError: no",
            "train.py:2 b_hangs not imported within 3 s",
            "train.py:3 c_exits the import calls sys.exit(0)",
            "train.py:3 d_leaves the import ends Python with status 3",
            "train.py:3 e_leaves the import ends Python with status 0: last words",
            "train.py:4 f_crashes ended by signal 11 (SIGSEGV)",
            "train.py:5 g_imports ModuleNotFoundError: No module named 'yaml'",
            "train.py:6 h_driver OSError: libcuda.so.1: cannot open shared object file: No such file or directory",
            "train.py:6 i_odd ValueError: ?[31m?",
            "train.py:8 j_there ImportError: half installed",
            "train.py:11 k_other.new ModuleNotFoundError: No module named 'k_other.new'",
            "train.py:13 sklearn ModuleNotFoundError: No module named 'sklearn'",
            "train.py:14 utils.something ModuleNotFoundError: No module named 'utils'",
            "deep/old.py:2 - does not compile: Missing parentheses in call to 'print'. Did you mean print(...)?",
        ],
        "{}",
        outcome.stderr
    );
    let talk = &outcome.stderr;
    assert!(
        talk.contains("hint: `libcuda.so.1` comes with the GPU's driver: `scaf env prove exp --gpus`"),
        "{talk}"
    );
    assert!(talk.contains("requirements.txt: pyyaml, scikit-learn\n"), "{talk}");
    assert!(talk.contains("hint: no package is known for `utils.something`: name it"), "{talk}");
    assert!(talk.contains("waive = [\"utils.something\"]"), "{talk}");
    assert!(talk.contains("`--seconds` gives an import more time"), "{talk}");
    assert!(talk.contains("1 file could not be read in full"), "{talk}");
    let run = test.runs("exp").pop().unwrap();
    assert!(run.join("outputs/proof.json").exists() && !run.join("outputs/ran").exists());
    assert_eq!(test.record("exp", "outcome.json")["status"], 1);
    // The same for a program.
    let answer = prove(&test, &["--seconds", "1", "--json"]).status(1).json();
    let failure = |index: usize| &answer["failures"][index];
    assert_eq!(failure(6)["remedy"], serde_json::json!({"kind": "package", "name": "pyyaml"}));
    assert_eq!(failure(7)["remedy"], serde_json::json!({"kind": "driver", "library": "libcuda.so.1"}));
    assert_eq!((&failure(0)["place"], &failure(0)["remedy"]), (&"train.py:1".into(), &().into()));
    assert_eq!(answer["holds"], false);
}

#[test]
fn a_distribution_that_is_needed_and_never_imported_has_to_be_there() {
    if !need("docker") {
        return;
    }
    let code = "import pandas\n\npandas.DataFrame().to_parquet('x')\n";
    let test = experiment(&[("pandas", "")], code);
    let outcome = prove(&test, &[]).status(1);
    assert!(outcome.stdout.contains("needs `pyarrow`, which is not in the image"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("train.py:3"), "{}", outcome.stdout);
    package(&test, "PyArrow", "1.0", "", "raise RuntimeError('nobody imports it')\n");
    prove(&test, &[]).ok();
}

#[test]
fn what_notebooks_alone_import_is_asked_for_where_that_is_wanted() {
    if !need("docker") {
        return;
    }
    let test = experiment(&[("alpha", "")], "import alpha\n");
    let notebook = r#"{"cells": [{"cell_type": "code", "source": ["import folium\n"], "metadata": {}, "outputs": [], "execution_count": null}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#;
    test.write("src/exp/look.ipynb", notebook).write("src/exp/tests/test_it.py", "import hypothesis\n");
    let outcome = prove(&test, &[]).ok();
    assert!(outcome.stderr.contains("proven: 1 module of 1 package "), "{}", outcome.stderr);
    let outcome = prove(&test, &["--notebooks"]).status(1);
    assert_eq!(rows(&outcome), ["look.ipynb:1:1 folium ModuleNotFoundError: No module named 'folium'"]);
}

#[test]
fn modules_go_side_by_side_and_what_they_start_ends_with_them() {
    if !need("docker") {
        return;
    }
    // Each waits for the other: one after another they would never be done.
    let meets = |own: &str, other: &str| {
        format!(
            "import pathlib, time\npathlib.Path('/tmp/{own}').touch()\n\
             until = time.monotonic() + 60\n\
             while not pathlib.Path('/tmp/{other}').exists():\n    \
             assert time.monotonic() < until, 'alone'\n    time.sleep(0.01)\n"
        )
    };
    let (one, other) = (meets("m01", "m02"), meets("m02", "m01"));
    let mut packages: Vec<(String, String)> = vec![("m01".to_owned(), one), ("m02".to_owned(), other)];
    // A thread that goes on, and a process that holds every stream open.
    let thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n";
    let process = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\n    os._exit(0)\n";
    let dies = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nos._exit(5)\n";
    packages.push(("m03".to_owned(), thread.to_owned()));
    packages.push(("m04".to_owned(), process.to_owned()));
    packages.push(("m05".to_owned(), dies.to_owned()));
    packages.extend((6..40).map(|number| (format!("m{number:02}"), String::new())));
    let borrowed: Vec<(&str, &str)> =
        packages.iter().map(|(name, code)| (name.as_str(), code.as_str())).collect();
    let code: String = packages.iter().map(|(name, _)| format!("import {name}\n")).collect();
    let test = experiment(&borrowed, &code);
    let outcome = prove(&test, &["--seconds", "100"]).status(1);
    assert_eq!(rows(&outcome), ["train.py:5 m05 the import ends Python with status 5"]);
    let proof = test.record("exp", "outputs/proof.json");
    let seconds = |index: usize| proof["modules"][index]["seconds"].as_f64().unwrap();
    // Nobody waited for what they left.
    assert!((2..5).all(|index| seconds(index) < 100.0), "{proof}");
}

#[test]
fn a_module_of_the_experiment_stands_in_for_nothing() {
    if !need("docker") {
        return;
    }
    // Called like one of Python's own, and like the package.
    let test = experiment(&[("alpha", "")], "import alpha\n");
    test.write("src/exp/json.py", "raise SystemExit(1)\n")
        .write("src/exp/select.py", "raise SystemExit(1)\n");
    prove(&test, &[]).ok();
}

#[test]
fn an_interrupt_ends_it() {
    if !need("docker") {
        return;
    }
    for engine in ["docker", "host"] {
        let test = experiment(&[("hangs", "import time\ntime.sleep(600)\n")], "import hangs\n");
        if engine == "host" {
            wheels(&test, &[("hangs", "import time\ntime.sleep(600)")]);
        }
        let mut scaf =
            test.scaf(["env", "prove", "exp", "-v", "--no-python", "--engine", engine]).in_project();
        if engine == "host" {
            scaf = links(&test, scaf);
        }
        let mut child = scaf.spawn();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        // The last thing that is said before it runs.
        while !line.starts_with("prove exp") {
            line.clear();
            assert!(talk.read_line(&mut line).unwrap() > 0, "{engine}: it ended");
        }
        let run = test.path("runs/exp");
        let copied =
            || fs::read_dir(&run).unwrap().flatten().any(|run| run.path().join("stdout.log").exists());
        while !copied() {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let mut rest = String::new();
        talk.read_to_string(&mut rest).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{engine}: {rest}");
        assert_eq!(test.record("exp", "outcome.json")["interrupted"], true, "{engine}");
        assert!(!rest.contains("proven") && !rest.contains("Traceback"), "{engine}: {rest}");
        assert!(!test.runs("exp").pop().unwrap().join("outputs/proof.json").exists());
    }
}

#[test]
fn an_image_without_python_is_told() {
    if !need("docker") {
        return;
    }
    let test = experiment(&[], "import alpha\n");
    test.write("src/exp/environment/Dockerfile", &format!("FROM {}\n", probe_image()));
    let outcome = prove(&test, &[]).status(127);
    assert!(outcome.stderr.contains("error: the image has no `python`, with which"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("FROM python:3.11-slim"), "{}", outcome.stderr);
}

#[test]
fn wrong_words() {
    let test = experiment(&[], "");
    let outcome = prove(&test, &["--seconds", "0"]).status(2);
    assert!(outcome.stderr.contains("--seconds"), "{}", outcome.stderr);
    test.scaf(["env", "prove", "nobody"]).in_project().status(1);
    let outcome = test.scaf(["build-exp", "exp", "--prove", "--engine", "host"]).in_project().status(1);
    assert!(outcome.stderr.contains("build-exp"), "{}", outcome.stderr);
}

#[test]
fn code_without_imports_is_proven_too() {
    if !need("docker") {
        return;
    }
    let test = experiment(&[], "print('x')\n");
    let outcome = prove(&test, &[]).ok();
    assert!(
        outcome.stderr.contains("the code imports no packages, and 1 file compiles"),
        "{}",
        outcome.stderr
    );
}

/// Wheels for the host engine's pip, and the requirements that name them.
fn wheels(test: &Test, packages: Packages<'_>) {
    let mut requirements = String::new();
    for (name, code) in packages {
        requirements.push_str(&format!("{name}==1.0\n"));
        let status = Command::new("python3")
            .arg(crate::support::here().join("tests/servers/make-wheel.py"))
            .args([name, "1.0"])
            .arg(test.root().join("wheels"))
            .args(["--code", code])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
    test.write("src/exp/environment/requirements.txt", &requirements);
    test.write("src/exp/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
}

fn links<'a>(test: &Test, scaf: Scaf<'a>) -> Scaf<'a> {
    let wheels = test.root().join("wheels");
    scaf.env("PIP_FIND_LINKS", &wheels)
        .env("PIP_NO_INDEX", "1")
        .env("UV_FIND_LINKS", &wheels)
        .env("UV_NO_INDEX", "1")
}

#[test]
fn the_virtual_environment_of_the_host_engine_is_proven_as_well() {
    if !need("python") {
        return;
    }
    let test = experiment_on_the_host("import alpha\nimport beta\n");
    wheels(&test, &[("alpha", ""), ("beta", "")]);
    let words = ["env", "prove", "exp", "--engine", "host", "--no-python"];
    let outcome = links(&test, test.scaf(words).in_project()).ok();
    assert!(outcome.stderr.contains("proven: 2 modules of 2 packages"), "{}", outcome.stderr);
    wheels(&test, &[("alpha", "import ctypes; ctypes.CDLL('libodbc-nowhere.so.2')")]);
    let outcome = links(&test, test.scaf(words).in_project()).status(1);
    assert_eq!(
        rows(&outcome),
        [
            "train.py:1 alpha OSError: libodbc-nowhere.so.2: cannot open shared object file: No such file or directory",
            "train.py:2 beta ModuleNotFoundError: No module named 'beta'"
        ]
    );
}

fn experiment_on_the_host(code: &str) -> Test {
    let test = Test::project();
    test.write("src/exp/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    test.write("src/exp/train.py", code);
    test
}

#[test]
fn an_image_of_podman_is_proven_as_well() {
    if !need("podman") || !need("root") {
        return;
    }
    let address = podman();
    let test =
        experiment(&[("alpha", ""), ("beta", "raise ValueError('no')\n")], "import alpha\nimport beta\n");
    let outcome = test
        .scaf(["env", "prove", "exp", "--engine", "podman", "--no-python"])
        .in_project()
        .env("CONTAINER_HOST", &address)
        .status(1);
    assert_eq!(rows(&outcome), ["train.py:2 beta ValueError: no"], "{}", outcome.stderr);
    package(&test, "beta", "1.0", "", "");
    let outcome = test
        .scaf(["build-exp", "exp", "--prove", "--engine", "podman"])
        .in_project()
        .env("CONTAINER_HOST", &address)
        .ok();
    assert!(outcome.stderr.contains("proven: 2 modules of 2 packages"), "{}", outcome.stderr);
}

#[test]
fn a_build_can_be_proven_at_once() {
    if !need("docker") {
        return;
    }
    let test = experiment(&[("alpha", "raise ValueError('no')\n")], "import alpha\n");
    let build = |words: &[&str]| {
        let mut all = vec!["build-exp", "exp", "--prove", "--engine", "docker"];
        all.extend(words);
        test.scaf(all).in_project()
    };
    let outcome = build(&[]).status(1);
    assert_eq!(rows(&outcome), ["train.py:1 alpha ValueError: no"]);
    assert!(outcome.stderr.contains("\nmade scaf/p/exp:"), "{}", outcome.stderr);
    // The image stays; it is proven again, and not made again.
    let answer = build(&["--json"]).status(1).json();
    assert_eq!((&answer["built"], &answer["holds"]), (&false.into(), &false.into()), "{answer}");
    assert_eq!(answer["failures"][0]["message"], "ValueError: no");
    package(&test, "alpha", "1.0", "", "");
    let outcome = build(&["--build-xargs", "--no-cache"]).ok();
    assert!(outcome.stderr.contains("proven: 1 module of 1 package"), "{}", outcome.stderr);
    assert_eq!(test.record("exp", "plan.json")["intent"], "prove");
    // A build that fails is no proof.
    test.write("src/exp/environment/Dockerfile", &format!("FROM {}\nRUN false\n", python_image()));
    let outcome = build(&[]).status(1);
    assert!(!outcome.stderr.contains("proven"), "{}", outcome.stderr);
}

#[test]
fn the_shell_proves_the_same() {
    if !need("docker") {
        return;
    }
    for (code, words) in [
        ("raise ValueError('no')\n", ["env", "prove", "exp"].as_slice()),
        ("raise ValueError('no')\n", &["build-exp", "exp", "--prove"]),
        ("", &["env", "prove", "exp"]),
        ("", &["build-exp", "exp", "--prove"]),
    ] {
        let make = || experiment(&[("alpha", code)], "import alpha\n");
        let mut words = words.to_vec();
        words.extend(["--engine", "docker"]);
        both(&make, &How { words: &words, ..How::default() });
    }
}
