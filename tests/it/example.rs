//! `scaffold-example/`: a real project, whose experiments are clean, tested and run.

use std::path::Path;
use std::process::Command;

use crate::support::{Test, here, need, python_image};

/// A copy, so that runs leave nothing in the repository.
fn copy(test: &Test) {
    let to = test.path("");
    std::fs::create_dir_all(&to).unwrap();
    let copied =
        Command::new("cp").arg("-a").arg(here().join("scaffold-example/.")).arg(&to).status().unwrap();
    assert!(copied.success());
    let _ = std::fs::remove_dir_all(to.join("runs"));
}

#[test]
fn it_is_clean() {
    let test = Test::empty();
    copy(&test);
    let outcome = test.scaf(["check"]).in_project().ok();
    assert_eq!(outcome.stdout, "");
    for experiment in ["digit_recognition", "digit_recognition_torch"] {
        let link = test.path(&format!("src/{experiment}/common/digits"));
        assert_eq!(std::fs::read_link(link).unwrap(), Path::new("../../common/digits"));
    }
}

#[test]
fn its_tests_pass_in_the_container() {
    if !need("docker") || python_image() != "python:3.11-slim" {
        return;
    }
    let test = Test::empty();
    copy(&test);
    let outcome = test.scaf(["test", "digit_recognition", "--engine", "docker"]).in_project().ok();
    assert!(outcome.stdout.contains(" passed"), "{}", outcome.stdout);
}

#[test]
fn its_job_runs_as_a_job() {
    if !need("docker") || python_image() != "python:3.11-slim" {
        return;
    }
    let test = Test::empty();
    copy(&test);
    test.scaf(["job", "digit_recognition", "--engine", "docker", "--set", "inputs.epochs=2"])
        .in_project()
        .ok();
    test.scaf(["jobs", "list", "--json"]).in_project().ok();
    let runs = test.runs("digit_recognition");
    let run = runs.last().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    test.scaf(["jobs", "attach", &run]).in_project().ok();
    let outcome = test.record("digit_recognition", "outcome.json");
    assert_eq!(outcome["status"], 0, "{outcome}");
}
