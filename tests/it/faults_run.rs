//! Faults of runs: statuses, signals, memory, an end without a word, a reader that goes; with both kinds of
//! engine, since the same thing runs everywhere.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Test, need, python_image, python_minor};

const ENGINES: [&str; 2] = ["docker", "host"];

fn can(engine: &str) -> bool {
    need(if engine == "host" { "python" } else { engine })
}

/// An experiment whose image is Python and nothing more.
fn python(engine: &str) -> Test {
    let test = Test::project();
    let from =
        if engine == "host" { format!("python:{}", python_minor()) } else { python_image().to_owned() };
    test.write("src/digits/environment/Dockerfile", &format!("FROM {from}\n"));
    test.write("src/digits/environment/requirements.txt", "# nothing\n");
    test
}

fn started(test: &Test, engine: &str, code: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let _ = fs::remove_dir_all(test.path("runs/digits"));
    test.write("src/digits/local.py", code);
    let mut child = test.scaf(["local", "--engine", engine]).in_project().spawn();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, stdout)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Containers of the test's project, running or not.
fn containers(test: &Test) -> Vec<String> {
    let filter = format!("label=scaf.root={}", test.path("").canonicalize().unwrap().display());
    let output = Command::new("docker").args(["ps", "-aq", "--filter", &filter]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn the_status_is_the_childs() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        for (code, status) in [
            ("", 0),
            ("raise SystemExit(3)", 3),
            ("raise ValueError('x')", 1),
            ("raise SystemExit(255)", 255),
            ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
            ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
        ] {
            test.write("src/digits/local.py", code);
            // Runs of the same second are told apart by name, not by order.
            let _ = fs::remove_dir_all(test.path("runs/digits"));
            let outcome = test.scaf(["local", "--engine", engine]).in_project().status(status);
            assert_eq!(outcome.stdout, "", "{engine}: {code}");
            assert_eq!(test.record("digits", "outcome.json")["status"], status, "{engine}: {code}");
        }
        // What cannot be started at all, as `docker run` has it.
        for (program, status) in [("/nowhere/program", 127), ("/etc", 126)] {
            let words = ["terminal", "--engine", engine, "--", program];
            let outcome = test.scaf(words).in_project().status(status);
            assert!(outcome.stderr.contains(program), "{engine}: {}", outcome.stderr);
        }
    }
}

#[test]
fn the_first_interrupt_is_the_childs_and_the_second_kills_it() {
    let polite = "import signal, sys, time\n\
        def end(number, frame):\n    print('caught', number); sys.exit(7)\n\
        signal.signal(signal.SIGINT, end); signal.signal(signal.SIGTERM, end)\n\
        print('ready')\nwhile True: time.sleep(0.05)\n";
    let deaf = "import signal, time\n\
        def heard(number, frame): print('heard', number)\n\
        signal.signal(signal.SIGINT, heard); signal.signal(signal.SIGTERM, heard)\n\
        print('ready')\nwhile True: time.sleep(0.05)\n";
    let plain = "import time\nprint('ready')\nwhile True: time.sleep(0.05)\n";
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        for (sent, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
            // One that catches it ends as it likes.
            let (child, mut stdout) = started(&test, engine, polite);
            signal(&child, sent);
            let status = child.wait_with_output().unwrap().status;
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            assert_eq!(
                (status.code(), rest.as_str()),
                (Some(7), format!("caught {number}\n").as_str()),
                "{engine}"
            );
            assert_eq!(test.record("digits", "outcome.json")["interrupted"], true);

            // One that does not care is killed by the second.
            let (child, mut stdout) = started(&test, engine, deaf);
            signal(&child, sent);
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert_eq!(line, format!("heard {number}\n"), "{engine}");
            signal(&child, sent);
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(137), "{engine}: {told}");

            // One that knows nothing of it dies of it.
            let (child, _stdout) = started(&test, engine, plain);
            signal(&child, sent);
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(128 + number), "{engine}: {told}");
        }
        if engine == "docker" {
            assert_eq!(containers(&test), Vec::<String>::new());
        }
    }
}

#[test]
fn killed_for_memory() {
    if !need("docker") {
        return;
    }
    let test = python("docker");
    test.write("src/digits/local.py", "x = bytearray(300_000_000)\n");
    let words = ["local", "--engine", "docker", "run-xargs=--memory 32m"];
    let outcome = test.scaf(words).in_project().status(137);
    assert!(outcome.stderr.contains("killed for memory"), "{}", outcome.stderr);
    assert_eq!(test.record("digits", "outcome.json")["out_of_memory"], true);
    // The child may survive what one of its own did not.
    let code = "import subprocess, sys\n\
        ended = subprocess.run([sys.executable, '-c', 'x = bytearray(300_000_000)'])\n\
        sys.exit(4 if ended.returncode == -9 else 5)\n";
    test.write("src/digits/local.py", code);
    let outcome = test.scaf(words).in_project().status(4);
    assert!(outcome.stderr.contains("killed for memory"), "{}", outcome.stderr);
    // The host engine has no limit to give, and says so.
    let words = ["local", "--engine", "host", "run-xargs=--memory 32m"];
    insta::assert_snapshot!(test.scaf(words).in_project().transcript());
}

#[test]
fn scaf_killed_outright_leaves_what_can_be_found() {
    if !need("docker") {
        return;
    }
    let test = python("docker");
    let code =
        "import time, os\nprint('ready')\nwhile not os.path.exists('/mnt/outputs/end'): time.sleep(0.05)\n";
    let (child, _stdout) = started(&test, "docker", code);
    signal(&child, Signal::KILL);
    child.wait_with_output().unwrap();
    // It goes on without scaf, with the labels by which it is found, and its record says that it is not over.
    let left = containers(&test);
    assert_eq!(left.len(), 1);
    let run = test.runs("digits").pop().unwrap();
    assert!(run.join("plan.json").is_file() && !run.join("outcome.json").exists());
    let listed = test.scaf(["runs", "--json"]).in_project().ok().json();
    assert_eq!(listed["runs"][0]["outcome"], serde_json::Value::Null, "{listed}");
    test.scaf(["list"]).in_project().ok();
    test.scaf(["show", "digits"]).in_project().ok();
    // Nothing is in the way of another run.
    test.write("src/digits/local.py", "print('again')\n");
    test.scaf(["local", "--engine", "docker"]).in_project().ok();
    fs::write(run.join("outputs/end"), "").unwrap();
    // It removes itself when it has ended; the engine's own pace.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !containers(&test).is_empty() {
        assert!(std::time::Instant::now() < limit, "it goes on for ever");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_reader_that_goes_ends_the_run_and_the_log_is_whole() {
    let code = "import sys\nfor i in range(100000):\n    print('line', i, flush=True)\n";
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        test.write("src/digits/local.py", code);
        let mut child = test.scaf(["local", "--engine", engine]).in_project().spawn();
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "line 0\n");
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(143), "{engine}: {told}");
        assert!(told.contains("nobody reads the run's output any more"), "{engine}: {told}");
        // What it wrote is there in order, from the first line on.
        let log = fs::read_to_string(test.runs("digits")[0].join("stdout.log")).unwrap();
        let wanted: String = (0..100_000).map(|i| format!("line {i}\n")).collect();
        assert!(
            log.starts_with("line 0\n") && wanted.starts_with(&log),
            "{engine}: {}",
            &log[..log.len().min(200)]
        );
    }
}

#[test]
fn a_reader_of_data_that_goes_is_no_failure() {
    let test = Test::experiment("digits", "minimal");
    for words in
        [["list"].as_slice(), &["show", "digits"], &["runs"], &["help"], &["new-exp", "x", "--dry-run"]]
    {
        let mut child = test.scaf(words).in_project().without_engine().spawn();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {told}");
        assert!(!told.contains("error") && !told.contains("panicked"), "{words:?}: {told}");
    }
}

#[test]
fn standard_input_is_passed_on() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        test.write("src/digits/local.py", "import sys\nprint(repr(sys.stdin.read()))\n");
        let outcome = test.scaf(["local", "--engine", engine]).in_project().stdin("hi\n").ok();
        assert_eq!(outcome.stdout, "'hi\\n'\n", "{engine}");
        // Nothing there is nothing read, at once.
        let outcome = test.scaf(["local", "--engine", engine]).in_project().ok();
        assert_eq!(outcome.stdout, "''\n", "{engine}");
        // More than any buffer on the way.
        test.write("src/digits/local.py", "import sys\nprint(len(sys.stdin.buffer.read()))\n");
        let outcome = test.scaf(["local", "--engine", engine]).in_project().stdin(vec![0u8; 3_000_000]).ok();
        assert_eq!(outcome.stdout, "3000000\n", "{engine}");
    }
}

#[test]
fn with_json_the_childs_output_goes_to_stderr_and_its_log() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        test.write(
            "src/digits/local.py",
            "import sys\nprint('data')\nprint('talk', file=sys.stderr)\nsys.exit(3)\n",
        );
        let outcome = test.scaf(["--json", "local", "--engine", engine]).in_project().status(3);
        let answer = outcome.json();
        assert_eq!(answer["outcome"]["status"], 3, "{engine}");
        assert!(outcome.stderr.contains("data\n") && outcome.stderr.contains("talk\n"), "{}", outcome.stderr);
        let folder = answer["folder"].as_str().unwrap();
        assert_eq!(fs::read_to_string(Path::new(folder).join("stdout.log")).unwrap(), "data\n");
        assert_eq!(fs::read_to_string(Path::new(folder).join("stderr.log")).unwrap(), "talk\n");
    }
}

#[test]
fn a_script_that_changes_while_it_runs_changes_nothing() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        let code = "import sys, time, pathlib\nprint('ready')\nsys.stdin.read()\nprint(pathlib.Path(__file__).with_name('other.txt').read_text())\n";
        test.write("src/digits/other.txt", "before");
        test.write("src/digits/local.py", code);
        let mut child = test.scaf(["local", "--engine", engine]).in_project().spawn();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        test.write("src/digits/other.txt", "after");
        drop(child.stdin.take());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(rest, "before\n", "{engine}");
    }
}
