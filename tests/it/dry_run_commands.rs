//! The rest of the commands that act, each for real and through the shell: see `dry_run.rs`.

use std::fs;
use std::time::{Duration, Instant};

use crate::dry_run::{How, both, for_real, printed, python_experiment, through_the_shell};
use crate::support::{Test, need, python_minor};
use crate::tree::{Tree, difference};

/// Two experiments and shared code in files and folders.
fn shared() -> Test {
    let test = Test::project();
    for name in ["one", "deep/er/two"] {
        test.scaf(["new-exp", name, "--template", "minimal"]).in_project().ok();
    }
    test.write("src/common/greet.py", "WORD = 'x'\n").write("src/common/tools/io/read.py", "import numpy\n");
    test
}

#[test]
fn dependency_is_the_same() {
    for words in [
        ["dependency", "one", "greet.py"],
        ["dependency", "deep/er/two", "tools/io/read.py"],
        ["dependency", "deep/er/two", "tools"],
    ] {
        both(&shared, &How { words: &words, ..How::default() });
        let linked = || {
            let test = shared();
            test.scaf(words).in_project().ok();
            test
        };
        // Once more changes nothing, and it can be taken out.
        both(&linked, &How { words: &words, ..How::default() });
        let words = [words[0], "--remove", words[1], words[2]];
        both(&linked, &How { words: &words, ..How::default() });
    }
}

#[test]
fn eject_is_the_same() {
    both(&shared, &How { words: &["eject"], ..How::default() });
    both(&shared, &How { words: &["eject", "--output", "else where"], ..How::default() });
}

/// An experiment that the host engine runs without fetching anything.
fn on_the_host(name: &str, code: &str) -> Test {
    let test = Test::project();
    test.write(&format!("src/{name}/environment/Dockerfile"), &format!("FROM python:{}\n", python_minor()));
    test.write(&format!("src/{name}/environment/requirements.txt"), "# nothing\n");
    test.write(&format!("src/{name}/local.py"), code);
    test
}

#[test]
fn gc_is_the_same() {
    if !need("python") {
        return;
    }
    let make = || {
        let test = on_the_host("dry_gc", "import sys; open('left.txt', 'w').write(sys.argv[1])\n");
        for word in ["first", "second"] {
            test.write("src/dry_gc/word.txt", word);
            test.scaf(["local", "--engine", "host", "--", word]).in_project().ok();
        }
        // What stands for a run of long ago, whose name is the same in both.
        let old = test.runs("dry_gc").remove(0);
        fs::rename(&old, old.with_file_name("20200101-000000_old_owl")).unwrap();
        test
    };
    let (one, other) = (make(), make());
    let how = How { words: &["gc", "--keep", "1", "--engine", "host"], ..How::default() };
    let (real, shell) = (for_real(&one, &how), through_the_shell(&other, &how));
    assert_eq!((real.status, shell.status), (0, 0), "{}\n{}", real.stderr, shell.stderr);
    for test in [&one, &other] {
        assert_eq!(test.runs("dry_gc").len(), 1, "{}\n{}", real.stderr, shell.stderr);
        assert!(!test.path("runs/dry_gc/20200101-000000_old_owl").exists());
    }
    assert_eq!(difference(&real.tree, &shell.tree), "");
}

#[test]
fn format_is_the_same() {
    if !need("python") {
        return;
    }
    let make = || {
        let test = Test::project();
        test.write("src/dry/environment/Dockerfile", "FROM python:3.11-slim\n");
        test.write("src/dry/a.py", "import sys, os\nimport json\nx = {  'a':1 }\nprint(sys, os, x)\n");
        test
    };
    // One ruff for both ways: where it lies is the same in both.
    let cache = std::path::PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/ruff-cache"));
    let env = [("SCAF_CACHE_DIR", cache)];
    for words in [["format", "dry"].as_slice(), &["format", "dry", "--check"]] {
        let (one, other) = (make(), make());
        let how = How { words, env: &env, ..How::default() };
        let (real, shell) = (for_real(&one, &how), through_the_shell(&other, &how));
        assert_eq!(real.status, shell.status, "{words:?}: {}\n{}", real.stderr, shell.stderr);
        // ruff's own cache is named by times.
        let without_cache = |tree: &Tree| {
            let mut tree = tree.clone();
            tree.retain(|path, _| !path.contains(".ruff_cache"));
            tree
        };
        let differs = difference(&without_cache(&real.tree), &without_cache(&shell.tree));
        assert_eq!(differs, "", "{words:?}: {}\n{}", real.stderr, shell.stderr);
    }
}

/// Waits for a file that says that something is over.
fn until(test: &Test, what: &str, there: &dyn Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{what} never comes in {}",
            test.root().display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_job_is_the_same() {
    if !need("python") || !need("docker") {
        return;
    }
    for engine in ["host", "docker"] {
        let name = "dry_job";
        let make = || {
            let test = if engine == "host" { on_the_host(name, "") } else { python_experiment(name) };
            let code = "import pathlib, sys; pathlib.Path(sys.argv[1], 'r.txt').write_text('result'); print('said'); sys.exit(3)\n";
            test.write(&format!("src/{name}/train.py"), code);
            let job = "command: python train.py ${{outputs.results}}\noutputs: { results: { type: uri_folder } }\nenvironment: { build: { path: ./environment } }\n";
            test.write(&format!("src/{name}/job.yaml"), job);
            test
        };
        let (one, other) = (make(), make());
        let words = ["job", name, "--engine", engine];
        let how = How { words: &words, ..How::default() };
        let (real, shell) = (for_real(&one, &how), through_the_shell(&other, &how));
        // Both are detached: they end at once, and well.
        assert_eq!((real.status, shell.status), (0, 0), "{}\n{}", real.stderr, shell.stderr);
        for test in [&one, &other] {
            let runs = test.path("runs").join(name);
            let run = fs::read_dir(&runs).unwrap().flatten().next().unwrap().path();
            until(test, "the job's end", &|| !run.join("mnt").exists() && run.join("stdout.log").exists());
            let read = |file: &str| fs::read_to_string(run.join(file)).unwrap();
            assert_eq!(read("stdout.log"), "said\n", "{engine}");
            assert_eq!(read("outputs/results/r.txt"), "result", "{engine}");
        }
    }
}

#[test]
fn stop_is_the_same() {
    if !need("docker") {
        return;
    }
    let name = "dry_stop";
    let make = || {
        let test = python_experiment(name);
        test.write(
            &format!("src/{name}/train.py"),
            "import time\nprint('up', flush=True)\ntime.sleep(600)\n",
        );
        let job = "command: python train.py\nenvironment: { build: { path: ./environment } }\n";
        test.write(&format!("src/{name}/job.yaml"), job);
        test.scaf(["job", name, "--engine", "docker"]).in_project().ok();
        let run = test.runs(name).pop().unwrap();
        until(&test, "the job's start", &|| {
            fs::read_to_string(run.join("stdout.log")).is_ok_and(|text| text == "up\n")
        });
        test
    };
    let (one, other) = (make(), make());
    let how = How { words: &["stop", "--all"], ..How::default() };
    // The dry run stops nothing.
    printed(&other, &how);
    let listed = other.scaf(["ps", "--json"]).in_project().ok();
    assert!(listed.stdout.contains(name), "{}", listed.stdout);
    let (real, shell) = (for_real(&one, &how), through_the_shell(&other, &how));
    assert_eq!((real.status, shell.status), (0, 0), "{}\n{}", real.stderr, shell.stderr);
    for test in [&one, &other] {
        let run = test.runs(name).pop().unwrap();
        until(test, "the job's outcome", &|| run.join("outcome.json").exists());
        assert_eq!(test.record(name, "outcome.json")["status"], 143);
    }
}
