//! `scaf env check`: every rule with a project that breaks it, and with one that breaks none.

use std::fs;
use std::process::Command;

use crate::bad_index::{BadIndex, path_with_uv};
use crate::support::{Outcome, Scaf, Test, need, python_minor};

const REQUIREMENTS: &str = "src/exp/environment/requirements.txt";
const LOCK: &str = "src/exp/environment/requirements.lock";

/// A project in which code and pins go together.
fn project() -> Test {
    let test = Test::project();
    test.write(
        "src/exp/environment/Dockerfile",
        "FROM python:3.11-slim\nRUN pip install -r requirements.lock\n",
    );
    test.write("src/exp/train.py", "import alpha\nfrom beta import x\n")
        .write("src/exp/local.py", "import train\n");
    test.write(REQUIREMENTS, "alpha==1.0\nbeta==2.0\n");
    test.write(LOCK, "# for: linux-x86_64, CPython 3.11.7, glibc 2.36\n\nalpha==1.0\nbeta==2.0\npart==1.5\n    # via alpha\n");
    test
}

/// By nothing that happens to be on this machine.
fn check<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let all = ["env", "check", "exp", "--no-python", "--offline"].iter().chain(words);
    test.scaf(all).in_project()
}

/// The rows of the answer, with one blank between their columns.
fn rows(outcome: &Outcome) -> Vec<String> {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    outcome.stdout.lines().skip(1).map(squeezed).collect()
}

#[test]
fn what_goes_together_is_silent() {
    let test = project();
    let fine = check(&test, &[]).ok();
    assert_eq!(fine.stdout, "");
    assert_eq!(fine.stderr, "`exp` and its environment go together\n");
    let answer = check(&test, &["--json"]).ok().json();
    assert_eq!(answer["findings"], serde_json::json!([]));
    assert_eq!(answer["index"], serde_json::json!({ "asked": false, "why_not": null }));
}

#[test]
fn each_rule_has_its_place_its_level_and_its_status() {
    type Break = fn(&Test) -> &Test;
    let cases: [(Break, i32, &str); 6] = [
        (
            |test| test.write("src/exp/see.py", "\n\ndef f():\n    import cv2\n"),
            1,
            "error missing see.py:4 the code imports `cv2` of `opencv-python-headless`, which is not pinned",
        ),
        (|test| test.write("src/exp/see.py", "import utils\n"), 1, "error unresolved see.py:1 `utils`: "),
        (
            |test| test.write(REQUIREMENTS, "alpha==1.1\nbeta==2.0\n"),
            1,
            "error stale-lock environment/requirements.txt:1 `alpha==1.1` is wanted, and 1.0 is in the lock",
        ),
        (
            |test| {
                fs::remove_file(test.path(LOCK)).unwrap();
                test
            },
            0,
            "warning no-lock environment/requirements.txt:1 there are requirements and no lock",
        ),
        (
            |test| test.write("src/exp/random.py", ""),
            0,
            "warning shadowed random.py:1 `random.py` hides Python's own `random` from every package",
        ),
        (
            |test| test.write("src/exp/train.py", "import alpha\n"),
            0,
            "warning unused environment/requirements.txt:2 nothing in the code leads to `beta`",
        ),
    ];
    for (spoil, status, said) in cases {
        let test = project();
        spoil(&test);
        let outcome = check(&test, &[]).status(status);
        let rows = rows(&outcome);
        assert!(rows.len() == 1 && rows[0].starts_with(said), "{said}\n{rows:?}");
        assert!(outcome.stderr.starts_with("hint: "), "{}", outcome.stderr);
    }
}

#[test]
fn one_finding_for_a_program() {
    let test = project();
    test.write("src/exp/see.py", "import pandas\n");
    let answer = check(&test, &["--json"]).status(1).json();
    assert_eq!(
        answer["findings"],
        serde_json::json!([{
            "severity": "error", "rule": "missing", "package": "pandas", "place": "see.py:1",
            "message": "the code imports `pandas`, which is not pinned",
        }])
    );
    let settings = test.read("scaf.toml");
    test.write("scaf.toml", &format!("{settings}\n[env]\nwaive = [\"pandas\"]\n"));
    check(&test, &[]).ok();
}

#[test]
fn what_the_image_has_from_elsewhere_is_not_missing() {
    let test = project();
    test.write("src/exp/see.py", "import pandas\n");
    test.write("src/exp/environment/Dockerfile", "FROM python:3.11-slim\nRUN pip install pandas==2.2.0\n");
    check(&test, &[]).ok();
    test.write("src/exp/environment/Dockerfile", "FROM corp/base:3.11\n");
    let outcome = check(&test, &[]).ok();
    assert!(
        rows(&outcome)[0]
            .ends_with("which is not pinned; the base image `corp/base:3.11` may have packages of its own"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn the_python_in_use_is_held_against_the_pins() {
    if !need("python") {
        return;
    }
    let test = project();
    let made =
        Command::new("python3").args(["-I", "-m", "venv", "--without-pip"]).arg(test.path(".venv")).status();
    assert!(made.unwrap().success());
    let minor = python_minor();
    test.write("src/exp/environment/Dockerfile", "FROM python:3.8-slim\n");
    let lock = test.read(LOCK).replace("3.11.7", "3.8.20");
    test.write(LOCK, &lock);
    let info = format!(".venv/lib/python{minor}/site-packages/alpha-1.2.dist-info/METADATA");
    test.write(&info, "Metadata-Version: 2.1\nName: Alpha\nVersion: 1.2\n");
    let outcome = test.scaf(["env", "check", "exp", "--offline"]).in_project().ok();
    assert_eq!(
        rows(&outcome),
        [
            format!(
                "note other-python environment/Dockerfile:1 the image has Python 3.8, and the Python in use is {minor}"
            ),
            "note drift environment/requirements.lock:3 `Alpha` is 1.2 in the Python in use, and pinned as 1.0".to_owned(),
        ]
    );
}

/// With the index asked.
fn asking<'a>(test: &'a Test, index: &BadIndex, words: &[&str]) -> Scaf<'a> {
    let all = ["env", "check", "exp", "--no-python"].iter().chain(words);
    test.scaf(all)
        .in_project()
        .env("PATH", path_with_uv())
        .env("PIP_INDEX_URL", index.with_password())
        .env("UV_CACHE_DIR", index.cache())
        .env("UV_HTTP_RETRIES", "0")
        .env("UV_HTTP_TIMEOUT", "3")
        .env_remove("PIP_FIND_LINKS")
}

#[test]
fn pins_that_the_index_does_not_have_or_that_were_taken_back() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("alpha", "1.0", &[]), ("beta", "2.1", &[])]);
    fs::write(index.folder.path().join("wheels/alpha-1.0-py3-none-any.whl.yanked"), "it \"burns\"").unwrap();
    let test = project();
    let outcome = asking(&test, &index, &[]).status(1);
    let rows = rows(&outcome);
    let starts = [
        "error no-such-pin environment/requirements.lock:4 `beta==2.0` for linux-x86_64, CPython 3.11",
        "error no-such-pin environment/requirements.lock:5 `part` is not on the package index `http://127.0.0.1:",
        "warning yanked environment/requirements.lock:3 `alpha==1.0` was taken back by its publisher: it \"burns\"",
    ];
    assert_eq!(rows.len(), 3, "{rows:?}");
    for (row, start) in rows.iter().zip(starts) {
        assert!(row.starts_with(start), "{row}");
    }
    assert!(!outcome.stdout.contains("geheim"), "{}", outcome.stdout);
    let settings = test.read("scaf.toml");
    test.write("scaf.toml", &format!("{settings}\n[env]\nwaive = [\"alpha\", \"beta\", \"part\"]\n"));
    asking(&test, &index, &[]).ok();
}

#[test]
fn an_index_that_does_not_answer_is_told_and_is_no_failure() {
    if !need("uv") {
        return;
    }
    let test = project();
    let index = BadIndex::up("503");
    let outcome = asking(&test, &index, &[]).ok();
    assert!(
        outcome.stderr.contains("note: not every pin was looked up: the package index `http://127.0.0.1:")
            && outcome.stderr.contains("go together"),
        "{}",
        outcome.stderr
    );
    let answer = asking(&test, &index, &["--json"]).ok().json();
    assert!(answer["index"]["asked"] == false && answer["index"]["why_not"].is_string(), "{answer}");
    let silent = asking(&test, &index, &["--offline"]).ok();
    assert!(!silent.stderr.contains("note:"), "{}", silent.stderr);
    let alone = test.scaf(["env", "check", "exp", "--no-python"]).in_project();
    let alone = alone.env("PATH", test.root().join("no-tools")).ok();
    assert!(alone.stderr.contains("there is no uv to ask the package index"), "{}", alone.stderr);
}
