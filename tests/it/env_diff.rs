//! `scaf env diff`: experiments against each other and against what was run.

use std::fs;

use crate::support::{Outcome, Test, need, python_minor};

fn lines(outcome: &Outcome) -> Vec<&str> {
    outcome.stdout.lines().collect()
}

/// A project with an experiment `one` and an experiment `two`.
fn project() -> Test {
    let test = Test::project();
    for (name, minor) in [("one", "3.11"), ("two", "3.12")] {
        test.write(&format!("src/{name}/environment/Dockerfile"), &format!("FROM python:{minor}-slim\n"));
        test.write(&format!("src/{name}/environment/requirements.txt"), "alpha\n");
    }
    let lock = "src/one/environment/requirements.lock";
    test.write(lock, "alpha==1.0 \\\n    --hash=sha256:00\nbeta==1.0\ngamma==1.0\nsame==1.0\n");
    let lock = "src/two/environment/requirements.lock";
    test.write(
        lock,
        "--extra-index-url https://h.example/s\nalpha==1.0 \\\n    --hash=sha256:11\nbeta==1.1\ngamma @ git+https://h.example/g@0a\nnew==2\nsame==1.0.0\n",
    );
    test
}

#[test]
fn two_experiments() {
    let test = project();
    let outcome = test.scaf(["env", "diff", "one", "src/two/"]).in_project().ok();
    assert_eq!(
        lines(&outcome),
        [
            "--- one",
            "+++ two",
            "~ base image: python:3.11-slim is now python:3.12-slim",
            "~ python: 3.11 is now 3.12",
            "+ index: --extra-index-url https://h.example/s",
            "~ alpha 1.0 has other files",
            "~ beta 1.0 is now 1.1",
            "~ gamma 1.0 is now git+https://h.example/g@0a",
            "+ new 2",
        ]
    );
    let answer = test.scaf(["env", "diff", "two", "one", "--json"]).in_project().ok().json();
    assert_eq!(answer["a"]["name"], "two");
    assert_eq!(
        answer["b"],
        serde_json::json!({
            "name": "one", "what": "experiment", "file": "requirements.lock", "packages": 4,
        })
    );
    assert_eq!(
        answer["differences"][0],
        serde_json::json!({
            "what": "base image", "a": "python:3.12-slim", "b": "python:3.11-slim",
        })
    );
    let changes: Vec<_> = answer["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["change"].as_str().unwrap(), it["package"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, ["files alpha", "version beta", "origin gamma", "removed new"]);
    let same = test.scaf(["env", "diff", "one", "one"]).in_project().ok();
    assert_eq!(
        (same.stdout.as_str(), same.stderr.as_str()),
        ("", "the two environments do not differ: 4 packages are the same\n")
    );
    fs::remove_file(test.path("src/two/environment/requirements.lock")).unwrap();
    let loose = test.scaf(["env", "diff", "one", "two"]).in_project().ok();
    assert!(loose.stdout.contains("~ alpha 1.0 is now alpha (not pinned)\n"), "{}", loose.stdout);
    assert!(
        loose.stderr.contains("`one` is compared by its requirements.lock, `two` by its requirements.txt"),
        "{}",
        loose.stderr
    );
}

#[test]
fn a_name_that_is_nothing() {
    let test = project();
    let outcome = test.scaf(["env", "diff", "one", "onne"]).in_project().status(1);
    assert_eq!(
        outcome.stderr,
        "error: there is neither an experiment nor a run named `onne`\n\nhint: did you mean `one`?\n"
    );
    let outcome = test.scaf(["env", "diff", "one", "entirely_else"]).in_project().status(1);
    assert!(outcome.stderr.contains("hint: `scaf list` names the experiments, `scaf runs` the runs"));
    test.scaf(["env", "diff", "one"]).in_project().status(2);
    test.scaf(["env", "diff", "one", ""]).in_project().status(2);
}

#[test]
fn a_run_keeps_the_environment_that_it_ran_with() {
    if !need("python") {
        return;
    }
    let test = Test::project();
    let minor = python_minor();
    test.write("src/one/environment/Dockerfile", &format!("FROM python:{minor}-slim\n"));
    test.write("src/one/environment/requirements.txt", "").write("src/one/local.py", "");
    test.write("src/one/environment/requirements.lock", "# head\n");
    test.scaf(["local", "one", "--engine", "host"]).in_project().ok();
    let run = test.runs("one")[0].file_name().unwrap().to_string_lossy().into_owned();
    let short = run.split_once('_').unwrap().1.to_owned();
    let diff = |a: &str, b: &str| test.scaf(["env", "diff", a, b]).in_project();
    assert!(diff(&short, "one").ok().stderr.contains("do not differ"));
    // The experiment goes on.
    test.write("src/one/environment/Dockerfile", "FROM python:3.8-slim\n");
    test.write("src/one/environment/requirements.lock", "# head\nalpha==1.0\n");
    let changed = [
        format!("--- one/{run}"),
        "+++ one".to_owned(),
        format!("~ base image: python:{minor}-slim is now python:3.8-slim"),
        format!("~ python: {minor} is now 3.8"),
        "+ alpha 1.0".to_owned(),
    ];
    assert_eq!(lines(&diff(&short, "one").ok()), changed);
    assert_eq!(lines(&diff(&format!("one/{run}"), "one").ok()), changed);
    assert!(diff(&run, &short).ok().stderr.contains("do not differ"));
    // Its bundle is freed.
    for bundle in fs::read_dir(test.path("runs/.bundles")).unwrap() {
        fs::remove_dir_all(bundle.unwrap().path()).unwrap();
    }
    let gone = diff(&short, "one").status(1);
    assert!(
        gone.stderr.starts_with(&format!(
            "error: the environment of the run `{short}` is not kept: its bundle is gone, and the experiment's is another \
             one by now\n"
        )),
        "{}",
        gone.stderr
    );
    test.write("src/one/environment/requirements.lock", "# head\n");
    let same = diff(&short, "one").ok();
    assert!(
        same.stderr.contains("its base image is not known any more") && same.stderr.contains("do not differ"),
        "{}",
        same.stderr
    );
}

#[test]
fn where_the_bundle_is_gone_the_commit_has_it() {
    if !need("python") || !need("git") {
        return;
    }
    let test = Test::project();
    test.write("src/one/environment/Dockerfile", &format!("FROM python:{}-slim\n", python_minor()));
    test.write("src/one/environment/requirements.txt", "").write("src/one/local.py", "");
    test.write("src/one/environment/requirements.lock", "# head\n");
    let git = |words: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words).current_dir(test.path(""));
        assert!(git.output().unwrap().status.success(), "{words:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "all"]);
    test.scaf(["local", "one", "--engine", "host"]).in_project().ok();
    let run = test.runs("one")[0].file_name().unwrap().to_string_lossy().into_owned();
    fs::remove_dir_all(test.path("runs/.bundles")).unwrap();
    test.write("src/one/environment/requirements.lock", "alpha==1.0\n");
    let gone = test.scaf(["env", "diff", "one", &run]).in_project().status(1);
    let hint = gone
        .stderr
        .lines()
        .find(|line| line.starts_with("hint: the commit of the run has it: `git show "))
        .unwrap();
    let typed = hint.split('`').nth(1).unwrap().strip_prefix("git show ").unwrap();
    let shown =
        std::process::Command::new("git").args(["show", typed]).current_dir(test.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "# head\n");
}
