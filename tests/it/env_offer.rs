//! A folder with code and no environment, and an experiment that names no packages and needs some: on a terminal they are
//! offered one, elsewhere they are told what makes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::engine_host_terminal::typed;
use crate::support::{Scaf, Test, need, python_minor};

/// A project with a folder that has code alone, which needs `alpha`; that is installed in a `.venv`. `None` without Python.
fn project() -> Option<Test> {
    if !need("python") {
        return None;
    }
    let test = Test::project();
    test.write("src/loose/local.py", "print('ran')\n\ndef never():\n    import alpha\n");
    let made =
        Command::new("python3").args(["-I", "-m", "venv", "--without-pip"]).arg(test.path(".venv")).status();
    assert!(made.unwrap().success());
    let info = format!(".venv/lib/python{}/site-packages/alpha-1.0.dist-info", python_minor());
    test.write(&format!("{info}/METADATA"), "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n");
    test.write(&format!("{info}/RECORD"), "alpha.py,,\n");
    test.write(&format!(".venv/lib/python{}/site-packages/alpha.py", python_minor()), "");
    Some(test)
}

/// The words, without uv and so without an index.
fn scaf<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::split_paths(&path).filter(|folder| !folder.join("uv").exists());
    test.scaf(words).in_project().env("PATH", std::env::join_paths(path).unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn without_a_terminal_it_is_an_error_that_says_what_to_type() {
    let Some(test) = project() else { return };
    let error = "error: `src/loose` has no `environment/` folder, so it is no experiment yet\n\nhint: `scaf env lock loose` \
                 makes it, with all that its code needs, pinned\n";
    for words in [
        &["local", "loose"][..],
        &["local", "src/loose/"],
        &["test", "loose"],
        &["jupyter", "loose"],
        &["terminal", "loose"],
        &["build-exp", "loose"],
        &["job", "loose"],
        &["env", "check", "loose"],
        &["show", "loose"],
        &["local", "loose", "--dry-run"],
    ] {
        assert_eq!(test.scaf(words).in_project().status(1).stderr, error, "{words:?}");
    }
    let none = test.scaf(["local"]).in_project().status(1);
    assert!(none.stderr.contains("hint: `scaf env lock loose` makes it"), "{}", none.stderr);
    // What is checked at once comes first.
    let script = test.scaf(["local", "loose", "--script", "gone.py"]).in_project().status(1);
    assert!(script.stderr.contains("there is no script `gone.py`"), "{}", script.stderr);
    test.write("src/Loose-Code/x.py", "");
    let name = test.scaf(["env", "lock", "Loose-Code"]).in_project().status(1);
    assert!(
        name.stderr.contains("cannot be an experiment") && name.stderr.contains("rename"),
        "{}",
        name.stderr
    );
    assert!(!test.path("src/loose/environment").exists());
}

#[test]
fn env_lock_makes_an_experiment_of_it() {
    let Some(test) = project() else { return };
    let printed = scaf(&test, &["env", "lock", "loose", "--dry-run"]).ok().stdout;
    assert!(
        printed.contains("alpha==1.0  # why: local.py:4") && printed.contains("FROM python:"),
        "{printed}"
    );
    assert_eq!(names(&test.path("src/loose")), ["local.py"]);
    let outcome = scaf(&test, &["env", "lock", "loose"]).ok();
    assert!(
        outcome.stderr.contains(
            "wrote src/loose/environment/Dockerfile, src/loose/environment/requirements.lock, \
             src/loose/environment/requirements.txt"
        ),
        "{}",
        outcome.stderr
    );
    assert_eq!(names(&test.path("src/loose")), ["environment", "local.py"]);
    assert_eq!(
        names(&test.path("src/loose/environment")),
        ["Dockerfile", "requirements.lock", "requirements.txt"]
    );
    let dockerfile = test.read("src/loose/environment/Dockerfile");
    assert!(dockerfile.contains(&format!("FROM python:{}-slim", python_minor())), "{dockerfile}");
    assert!(test.read("src/loose/environment/requirements.txt").contains("alpha==1.0  # why: local.py:4\n"));
    assert!(test.scaf(["list", "--names"]).in_project().ok().stdout.contains("loose\n"));
    test.scaf(["check"]).in_project().ok();
    test.scaf(["env", "check", "loose", "--offline", "--no-python"]).in_project().ok();
    let again = scaf(&test, &["env", "lock", "loose"]).ok();
    assert!(again.stderr.contains("nothing has changed"), "{}", again.stderr);
}

#[test]
fn code_that_needs_nothing_gets_an_environment_all_the_same_and_failure_leaves_none() {
    let Some(test) = project() else { return };
    test.write("src/plain/local.py", "print(1)\n").write("src/broken/local.py", "import nobody_has_this\n");
    scaf(&test, &["env", "lock", "plain", "--python-version", "3.10"]).ok();
    assert!(test.read("src/plain/environment/Dockerfile").contains("FROM python:3.10-slim"));
    assert!(test.read("src/plain/environment/requirements.txt").starts_with("# Nothing is needed"));
    test.scaf(["env", "check", "plain", "--offline", "--no-python"]).in_project().ok();
    scaf(&test, &["env", "lock", "broken", "--offline"]).status(1);
    assert_eq!(names(&test.path("src/broken")), ["local.py"]);
}

#[test]
fn on_a_terminal_it_is_offered_and_the_run_goes_on() {
    let Some(test) = project() else { return };
    test.write("src/plain/local.py", "print('ran')\n");
    let words = ["local", "plain", "--engine", "host"];
    let question = "`src/plain` has no `environment/` yet. Make it, with all that the code needs, pinned, and go on? [Y/n]";
    let (status, seen) = typed(scaf(&test, &words), &["go on? [Y/n]=n\\n"]);
    assert!(status == 1 && seen.contains(question) && seen.contains("it is no experiment yet"), "{seen}");
    let (status, seen) = typed(scaf(&test, &words), &["go on? [Y/n]=\\x03"]);
    assert!(status == 130 && seen.contains("nothing was written"), "{status} {seen}");
    assert_eq!(names(&test.path("src/plain")), ["local.py"]);
    let (status, seen) = typed(scaf(&test, &words), &["go on? [Y/n]=\\n"]);
    assert!(
        status == 0 && seen.contains("wrote src/plain/environment/Dockerfile") && seen.contains("ran"),
        "{seen}"
    );
    let (status, seen) = typed(scaf(&test, &words), &[]);
    assert!(status == 0 && !seen.contains("[Y/n]"), "{seen}");
}

#[test]
fn an_experiment_that_names_nothing_and_needs_something_is_asked_about() {
    let Some(test) = project() else { return };
    test.scaf(["new-exp", "exp", "--template", "minimal"]).in_project().ok();
    test.write("src/exp/local.py", "print('ran')\n\ndef never():\n    import alpha\n");
    let words = ["local", "exp", "--engine", "host"];
    let question = "src/exp/local.py:4: the code imports `alpha` (that is its name is a guess), which is not pinned, and \
                    requirements.txt names nothing. Pin all that the code needs, and go on? [Y/n]";
    // A no is no hindrance.
    let (status, seen) = typed(scaf(&test, &words), &["go on? [Y/n]=no\\n"]);
    assert!(status == 0 && seen.contains(question) && seen.contains("ran"), "{seen}");
    assert!(!test.path("src/exp/environment/requirements.lock").exists());
    // Nobody to ask: a line, and the run.
    let outcome = scaf(&test, &words).ok();
    assert!(
        !outcome.stderr.contains("[Y/n]") && outcome.stderr.contains("`scaf env lock exp`"),
        "{}",
        outcome.stderr
    );
    let (_, seen) = typed(scaf(&test, &words), &["go on? [Y/n]=\\n"]);
    assert!(seen.contains("wrote src/exp/environment/requirements.lock, "), "{seen}");
    assert!(test.read("src/exp/environment/requirements.lock").contains("\nalpha==1.0\n"));
}
