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

/// Lets it talk until it says this.
fn until_said(child: &mut Child, word: &str) {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(word) {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it ended without a word of `{word}`: {said}");
    }
    // Read on, so that it can talk on.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
}

/// What uv does, without what takes long.
const QUICK: &str = "exec \"$4\" -I -m venv --without-pip \"$5\"";

/// A PATH with this script in the place of uv.
fn uv(test: &Test, script: &str) -> String {
    let tools = test.root().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let uv = tools.join("uv");
    fs::write(&uv, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&uv, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", tools.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_signal_before_the_run_began_ends_what_prepares_it() {
    if !need("python") {
        return;
    }
    let test = python("host");
    test.write("src/digits/local.py", "print('never')\n");
    // It takes its time, with a process of its own.
    let pid = test.root().join("pid");
    let path = uv(&test, &format!("sleep 300 & echo $! >{}\necho begun\nwait\n", pid.display()));
    // Where pip alone has an index of its own, as on a machine behind a firewall, uv would be passed over.
    let index = ("UV_DEFAULT_INDEX", "https://index.example/simple");
    for (sent, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let _ = fs::remove_dir_all(test.path("runs/digits"));
        let words = ["local", "--engine", "host"];
        let mut child = test.scaf(words).in_project().env("PATH", &path).env(index.0, index.1).spawn();
        until_said(&mut child, "begun");
        signal(&child, sent);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(status), b"".as_slice()));
        let outcome = test.record("digits", "outcome.json");
        assert_eq!(
            (&outcome["status"], &outcome["interrupted"]),
            (&status.into(), &true.into()),
            "{outcome}"
        );
        // Nothing of it lives on, and nothing is left to be found.
        let number = fs::read_to_string(&pid).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim()));
        assert!(stat.as_ref().is_err() || stat.as_ref().is_ok_and(|text| text.contains(") Z ")), "{stat:?}");
        let run = test.runs("digits").pop().unwrap();
        assert!(!run.join("live.json").exists() && !run.join("mnt").exists());
        let venvs = fs::read_dir(test.home().join(".cache/scaf/venvs")).unwrap().flatten();
        assert_eq!(venvs.filter(|entry| entry.path().is_dir()).count(), 0);
    }
    // The same by hand from elsewhere.
    let mut child = test
        .scaf(["local", "--engine", "host"])
        .in_project()
        .env("PATH", &path)
        .env(index.0, index.1)
        .spawn();
    until_said(&mut child, "begun");
    test.scaf(["stop", "digits"]).in_project().ok();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_signal_while_another_scaf_makes_the_virtual_environment() {
    if !need("python") {
        return;
    }
    let test = python("host");
    test.write("src/digits/local.py", "print('once')\n");
    let path = uv(&test, QUICK);
    let scaf = || test.scaf(["local", "--engine", "host"]).in_project().env("PATH", &path);
    scaf().ok();
    let venvs = test.home().join(".cache/scaf/venvs");
    let venv =
        fs::read_dir(&venvs).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    fs::remove_dir_all(&venv).unwrap();
    fs::remove_dir_all(test.path("runs/digits")).unwrap();
    let lock = fs::File::options().append(true).open(venv.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let mut child = scaf().spawn();
    until_said(&mut child, "waiting for another scaf");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(test.record("digits", "outcome.json")["interrupted"], true);
    drop(lock);
    // One whose Python went with the machine's is made anew.
    scaf().ok();
    let python = venv.join("bin/python");
    fs::remove_file(&python).unwrap();
    std::os::unix::fs::symlink("/nowhere/python3", &python).unwrap();
    let again = scaf().ok();
    assert!(again.stderr.contains("making the virtual environment"), "{}", again.stderr);
    assert!(python.exists());
}

#[test]
fn a_signal_during_a_build_is_128_and_its_number() {
    if !need("docker") {
        return;
    }
    let test = python("docker");
    let text = format!(
        "FROM {}\nLABEL test={}\nRUN [\"python\", \"-c\", \"import time; print('begun', flush=True); time.sleep(300)\"]\n",
        python_image(),
        test.root().display()
    );
    test.write("src/digits/environment/Dockerfile", &text);
    test.write("src/digits/local.py", "print('never')\n");
    for (command, sent, status) in
        [("build-exp", Signal::INT, 130), ("local", Signal::TERM, 143), ("local", Signal::INT, 130)]
    {
        let _ = fs::remove_dir_all(test.path("runs/digits"));
        let mut child = test.scaf([command, "--engine", "docker"]).in_project().spawn();
        until_said(&mut child, "begun");
        signal(&child, sent);
        assert_eq!(child.wait().unwrap().code(), Some(status), "{command}");
        if command == "local" {
            let outcome = test.record("digits", "outcome.json");
            assert_eq!((&outcome["status"], &outcome["interrupted"]), (&status.into(), &true.into()));
            assert!(!test.runs("digits")[0].join("live.json").exists());
        }
    }
}

#[test]
fn an_outcome_that_cannot_be_written_changes_nothing_about_it() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        // In the way of the file stands a folder, which scaf removes for nobody.
        test.write("src/digits/local.py", "import sys\nsys.stdin.read()\nsys.exit(7)\n");
        let mut child =
            test.scaf(["local", "--engine", engine]).in_project().env("PATH", uv(&test, QUICK)).spawn();
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(300);
        let run = loop {
            match test.runs("digits").pop() {
                Some(run) if run.join("stdout.log").exists() => break run,
                _ => assert!(std::time::Instant::now() < limit, "no run"),
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        fs::create_dir(run.join("outcome.json")).unwrap();
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{engine}: {told}");
        assert!(told.contains("how the run ended is not in its record"), "{engine}: {told}");
        assert!(!run.join("live.json").exists(), "{engine}");
    }
}

#[test]
fn what_a_run_left_in_the_background_ends_with_it_on_every_engine() {
    for engine in ENGINES.into_iter().filter(|engine| can(engine)) {
        let test = python(engine);
        let code = "import os, subprocess, sys\n\
            outputs = os.environ['SCAF_OUTPUT_DIR']\n\
            more = 'import os, sys, time; os.rename(sys.argv[1] + \"/new\", sys.argv[1] + \"/there\"); time.sleep(300)'\n\
            open(outputs + '/new', 'w').close()\n\
            subprocess.Popen([sys.executable, '-c', more, outputs])\n\
            while not os.path.exists(outputs + '/there'): pass\n\
            sys.exit(5)\n";
        test.write("src/digits/local.py", code);
        let outcome =
            test.scaf(["local", "--engine", engine]).in_project().env("PATH", uv(&test, QUICK)).status(5);
        let outputs = test.runs("digits")[0].join("outputs");
        assert!(outputs.join("there").exists(), "{engine}: {}", outcome.stderr);
        let left = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*outputs.to_string_lossy()))
        });
        assert!(!left, "{engine}");
    }
}

#[test]
fn modules_of_the_experiment_do_not_stand_in_for_those_of_the_tools() {
    if !need("python") {
        return;
    }
    let test = python("host");
    test.write("src/digits/local.py", "print('well')\n");
    let mark = test.root().join("mark");
    for module in ["logging", "random", "subprocess", "argparse", "typing"] {
        test.write(
            &format!("src/digits/{module}.py"),
            &format!("open({:?}, 'w').close()\n", mark.display().to_string()),
        );
    }
    let path: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .filter(|folder| !folder.join("uv").exists())
        .collect();
    let path = std::env::join_paths(path).unwrap();
    let words = ["local", "digits", "--engine", "host"];
    let dry = ["local", "digits", "--engine", "host", "--dry-run"];
    let plan = test.scaf(dry).in_project().env("PATH", &path).ok().stdout;
    assert!(plan.lines().any(|line| line.starts_with("(cd ") && line.contains(" -I -m venv ")), "{plan}");
    let said = test.scaf(words).current_dir(test.path("src/digits")).env("PATH", &path).ok().stdout;
    assert!(said == "well\n" && !mark.exists(), "{said}");
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
