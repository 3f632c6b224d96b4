//! Faults of engines: none, one elsewhere, one that goes away, an image that cannot be made.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::engine_support::sh;
use crate::support::{Test, here, need, probe_image, python_minor, server};
use crate::tree::{difference, tree};

#[test]
fn without_an_engine_every_command_that_needs_one_says_so() {
    let test = Test::experiment("digits", "minimal");
    let before = tree(&test.root());
    let mut text = String::new();
    for command in ["local", "test", "terminal", "jupyter", "build-exp"] {
        for engine in ["docker", "podman", "auto"] {
            if engine == "auto" && matches!(command, "local" | "test") {
                continue;
            }
            let words = [command, "--engine", engine];
            let transcript = test.scaf(words).in_project().without_engine().transcript();
            // Another test's server may have the usual port at this moment.
            let lines = transcript.lines().filter(|line| !line.starts_with("port 8888 is taken"));
            let transcript = lines.map(|line| format!("{line}\n")).collect::<String>();
            text.push_str(&format!("$ scaf {}\n{transcript}\n", words.join(" ")));
        }
    }
    assert_eq!(difference(&before, &tree(&test.root())), "");
    insta::assert_snapshot!(text);
}

#[test]
fn auto_without_an_engine_takes_the_host_and_says_so_first() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    let outcome = test.scaf(["local"]).in_project().without_engine().ok();
    let first = outcome.stderr.lines().next().unwrap();
    assert!(first.starts_with("engine: host: a virtual environment of this machine, NOT the experiment's container, and its data can be written to (docker is not running"), "{first}");
    let record = test.record("digits", "plan.json");
    assert_eq!(record["engine"], "host");
    assert!(record["engine_reason"].as_str().unwrap().contains("docker is not running"), "{record}");
}

#[test]
fn an_engine_on_another_machine_is_refused_without_a_connection() {
    let test = Test::experiment("digits", "minimal");
    let before = tree(&test.root());
    let mut text = String::new();
    // 192.0.2.1 is nobody's (RFC 5737): a connection would hang until its limit.
    for (name, value) in [
        ("DOCKER_HOST", "tcp://192.0.2.1:2375"),
        ("DOCKER_HOST", "ssh://me@192.0.2.1"),
        ("DOCKER_HOST", "https://192.0.2.1:2376"),
        ("DOCKER_HOST", "nonsense://x"),
        ("DOCKER_HOST", "unix://relative.sock"),
        ("CONTAINER_HOST", "ssh://me@192.0.2.1"),
    ] {
        let engine = if name == "DOCKER_HOST" { "docker" } else { "podman" };
        for engine in [engine, "auto"] {
            if engine == "auto" && name == "CONTAINER_HOST" {
                continue;
            }
            for command in ["local", "build-exp"] {
                let scaf = test.scaf([command, "--engine", engine]).in_project().without_engine();
                let transcript = scaf.env(name, value).transcript();
                text.push_str(&format!("$ {name}={value} scaf {command} --engine {engine}\n{transcript}\n"));
            }
        }
    }
    let context = test.home().join(".docker");
    fs::create_dir_all(&context).unwrap();
    fs::write(context.join("config.json"), r#"{"currentContext": "nowhere"}"#).unwrap();
    let scaf = test.scaf(["local"]).in_project().without_engine().env_remove("DOCKER_HOST");
    text.push_str(&format!("$ scaf local, and the docker context is not there\n{}", scaf.transcript()));
    assert_eq!(difference(&before, &tree(&test.root())), "");
    insta::assert_snapshot!(text);
}

#[test]
fn a_dockerfile_that_does_not_build_shows_its_line_and_its_output() {
    if !need("docker") {
        return;
    }
    let test = Test::empty();
    test.scaf(["init", "p", "--name", "scaf-test-faults"]).ok();
    let mut text = String::new();
    for (what, dockerfile) in [
        (
            "a command fails",
            format!("FROM {}\nCOPY Dockerfile /x\nRUN [\"/bin/probe\", \"exit\", \"4\"]\n", probe_image()),
        ),
        ("a file is not there", format!("FROM {}\n\n\nCOPY absent.txt /x\n", probe_image())),
        ("no instruction", format!("FROM {}\nRUNN x\n", probe_image())),
        ("no base", "RUN x\n".to_owned()),
        ("an unset variable", "FROM python:$VERSION\n".to_owned()),
        ("empty", String::new()),
    ] {
        test.write("src/broken/environment/Dockerfile", &dockerfile);
        test.write("src/broken/local.py", "");
        let scaf = test.scaf(["build-exp", "broken", "--engine", "docker"]).in_project();
        // What is said of this machine's own index is no part of it.
        let scaf = scaf.env_remove("PIP_FIND_LINKS");
        text.push_str(&format!("=== {what}\n{}", scaf.transcript()));
    }
    // The run's status is scaf's, and no run is left that never was.
    let outcome = test.scaf(["local", "broken", "--engine", "docker"]).in_project().status(1);
    assert!(outcome.stderr.contains("Dockerfile"), "{}", outcome.stderr);
    fs::remove_file(test.path("src/broken/environment/Dockerfile")).unwrap();
    let scaf = test.scaf(["build-exp", "broken", "--engine", "docker"]).in_project();
    text.push_str(&format!("=== no Dockerfile\n{}", scaf.transcript()));
    insta::assert_snapshot!(text);
}

#[test]
fn a_failing_build_is_quoted_in_the_authors_words() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    let image = crate::support::python_image();
    let text = format!("FROM {image}\nLABEL a=b\nRUN echo first && \\\n    echo oops >&2; exit 4\n");
    test.write("src/broken/environment/Dockerfile", &text);
    let outcome = test.scaf(["build-exp", "broken", "--engine", "docker"]).in_project().status(1);
    let place = test.path("src/broken/environment/Dockerfile:3").display().to_string();
    assert!(outcome.stderr.contains(&place), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("oops"), "{}", outcome.stderr);
    // Nothing of what scaf puts in on the way.
    assert!(!outcome.stderr.contains("--mount="), "{}", outcome.stderr);
}

#[test]
fn an_engine_that_goes_away_during_a_run() {
    if !need("dockerd") {
        return;
    }
    let socket = server("dockerd.sh", &["up", "--no-nvidia", "faults"]);
    let image = "scaf-test/scratch:1";
    sh(
        "env",
        &[
            &format!("DOCKER_HOST={socket}"),
            "bash",
            &here().join("tests/servers/images.sh").to_string_lossy(),
            "scratch",
            image,
        ],
    );
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", &format!("FROM {image}\n"));
    let words = [
        "terminal",
        "digits",
        "--engine",
        "docker",
        "--",
        "/bin/probe",
        "do",
        "echo",
        "up",
        ",",
        "sleep",
        "60",
    ];
    let mut child = test.scaf(words).in_project().env("DOCKER_HOST", &socket).spawn();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    server("dockerd.sh", &["kill", "faults"]);
    let output = child.wait_with_output().unwrap();
    let told = test.redact(&String::from_utf8_lossy(&output.stderr));
    let outcome = test.record("digits", "outcome.json");
    server("dockerd.sh", &["down", "--purge", "faults"]);
    assert!(!line.is_empty());
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("error: ") && told.contains("hint: "), "{told}");
    assert_eq!(outcome["status"], 1, "{outcome}");
    assert!(outcome["error"].as_str().is_some(), "{outcome}");
}

#[test]
fn two_that_make_the_same_image_at_once() {
    if !need("docker") {
        return;
    }
    let test = Test::empty();
    test.scaf(["init", "p", "--name", "scaf-test-twice"]).ok();
    let text = format!(
        "FROM {}\nLABEL test={}\nRUN [\"/bin/probe\", \"sleep\", \"1\"]\n",
        probe_image(),
        test.root().display()
    );
    test.write("src/twice/environment/Dockerfile", &text);
    let start = || test.scaf(["build-exp", "--json", "--engine", "docker"]).in_project().spawn();
    let ended: Vec<_> =
        [start(), start(), start()].into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let mut tag = String::new();
    for output in &ended {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        tag = answer["image"].as_str().unwrap().to_owned();
    }
    sh("docker", &["image", "inspect", &tag]);
    sh("docker", &["image", "rm", "--force", &tag]);
}

#[test]
fn two_that_make_the_same_virtual_environment_at_once() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    let start = || test.scaf(["local", "--engine", "host"]).in_project().spawn();
    let ended: Vec<_> =
        [start(), start(), start()].into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let said: Vec<_> =
        ended.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
    assert!(ended.iter().all(|output| output.status.success()), "{said:?}");
    let makers = said.iter().filter(|text| text.contains("making the virtual environment")).count();
    assert_eq!(makers, 1, "{said:?}");
    // Three runs with three names, each whole.
    assert_eq!(test.runs("digits").len(), 3);
    for run in test.runs("digits") {
        assert!(run.join("outcome.json").is_file());
    }
    let venvs = fs::read_dir(test.home().join(".cache/scaf/venvs")).unwrap().flatten();
    assert_eq!(venvs.filter(|entry| entry.path().is_dir()).count(), 1);
}

#[test]
fn a_port_that_is_taken() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", &format!("FROM {}\n", probe_image()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let before = tree(&test.root());
    let outcome = test.scaf(["jupyter", "--engine", "docker", "--port", &port]).in_project().status(1);
    assert!(outcome.stderr.contains(&port) && outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_eq!(difference(&before, &tree(&test.root())), "");
    // The same asked of the engine itself, in the run's flags.
    let words =
        ["terminal", "--engine", "docker", &format!("run-xargs=-p 127.0.0.1:{port}:80"), "--", "/bin/probe"];
    let outcome = test.scaf(words).in_project().status(125);
    assert!(outcome.stderr.contains(&port), "{}", outcome.stderr);
    let left = Command::new("docker")
        .args(["ps", "-aq", "--filter"])
        .arg(format!("label=scaf.root={}", test.path("").display()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
