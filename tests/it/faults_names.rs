//! What is typed wrong: each with the whole transcript, the status, and nothing written.

use std::fs;

use crate::support::Test;
use crate::tree::{difference, tree};

/// A transcript with the line that was typed.
fn told(test: &Test, words: &[&str]) -> String {
    let transcript = test.scaf(words).in_project().without_engine().transcript();
    let mut typed = words.join(" ");
    if typed.len() > 80 {
        typed = format!("{}…", &typed[..80]);
    }
    format!("$ scaf {typed}\n{transcript}\n")
}

/// The same for many, with the proof that they changed nothing.
fn all_told(test: &Test, lines: &[&[&str]]) -> String {
    let before = tree(&test.root());
    let text: String = lines.iter().map(|words| told(test, words)).collect();
    assert_eq!(difference(&before, &tree(&test.root())), "");
    text
}

#[test]
fn names_that_are_none_are_refused_before_anything_is_written() {
    let test = Test::project();
    test.write("src/there/environment/Dockerfile", "FROM scratch\n");
    test.write("src/domain/task/environment/Dockerfile", "FROM scratch\n");
    test.write("src/plain/notes.txt", "a folder that is no experiment\n");
    let (long, deep) = ("a".repeat(200), "abc/".repeat(50) + "x");
    let names = [
        "../x",
        "a/../b",
        "..",
        "/abs",
        "a/",
        "a//b",
        "a/./b",
        "Upper",
        "with space",
        " x",
        "a.b",
        "a-b",
        "",
        "ünï",
        "9a",
        "a_",
        "_a",
        "a__b",
        "class",
        "a/lambda",
        "data",
        "common",
        "models",
        "mnt",
        "notebooks",
        "outputs",
        "runs",
        "a/common",
        &long,
        &deep,
        "there",
        "there/inner",
        "domain",
        "plain",
        "a\nb",
        "a\tb",
        "$(touch x)",
    ];
    let lines: Vec<Vec<&str>> =
        names.iter().map(|name| vec!["new-exp", name, "--template", "minimal"]).collect();
    let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(all_told(&test, &lines));
}

#[test]
fn a_project_is_made_once_and_not_inside_another() {
    let test = Test::project();
    test.write("src/exp/environment/Dockerfile", "FROM scratch\n");
    let before = tree(&test.root());
    for scaf in [
        test.scaf(["init", "p/src"]),
        test.scaf(["init", "p/new/deep"]),
        test.scaf(["-C", "src/exp", "init"]).in_project(),
    ] {
        let outcome = scaf.status(1);
        let said = test.redact(&outcome.stderr);
        assert!(said.contains("lies inside the project `[ROOT]/p`"), "{said}");
        assert!(said.contains("hint: an experiment of that project is made by `scaf -C "), "{said}");
    }
    let outcome = test.scaf(["init", "--name", "other"]).in_project().status(1);
    assert!(outcome.stderr.contains("is named `p`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("`name = \"other\"` under `[project]`"), "{}", outcome.stderr);
    test.scaf(["init", "--name", "p"]).in_project().ok();
    assert_eq!(difference(&before, &tree(&test.root())), "");
    test.write("scaf.toml", "[project\n");
    let outcome = test.scaf(["init"]).in_project().status(1);
    assert!(outcome.stderr.contains("scaf.toml:1:"), "{}", outcome.stderr);
}

#[test]
fn the_path_that_a_shell_completes_will_do() {
    let test = Test::project();
    test.scaf(["new-exp", "src/one", "--template", "minimal"]).in_project().ok();
    assert!(test.path("src/one/environment/Dockerfile").is_file());
    let said = test.scaf(["show", "src/one/", "--json"]).in_project().without_engine().ok();
    assert_eq!(said.json()["experiment"], "one");
}

#[test]
fn wrong_words() {
    let test = Test::experiment("digits", "minimal");
    // The list of commands is told, and it is a failure.
    let bare = test.scaf([""; 0]).in_project().status(2);
    assert!(bare.stdout.is_empty() && bare.stderr.contains("Usage: scaf"), "{}", bare.stderr);
    let lines: [&[&str]; 33] = [
        &["frobnicate"],
        &["lcoal"],
        &["local", "digist"],
        &["local", "nothing_like_it"],
        &["local", "digits", "more"],
        &["local", "epx=digits"],
        &["local", "exp=digits", "colour=red"],
        &["local", "exp=digits", "digits"],
        &["local", "--script", "locl.py"],
        &["local", "--script", "nothing_like_it.py"],
        &["local", "--script", "../digits/local.py"],
        &["local", "--script", "/etc/passwd"],
        &["local", "--script", "tests"],
        &["local", "--script", ""],
        &["local", "--engine", "rocket"],
        &["local", "--gpus=0"],
        &["local", "--gpus=device="],
        &["local", "run-xargs=--privileged"],
        &["local", "run-xargs=--memory"],
        &["local", "run-xargs=--memory lots"],
        &["local", "run-xargs=-v relative"],
        &["local", "run-xargs='not closed"],
        &["local", "script-xargs='not closed"],
        &["build-exp", "build-xargs=--squash"],
        &["build-exp", "build-xargs=--build-arg HOME"],
        &["jupyter", "--port", "70000"],
        &["-C", "nowhere", "list"],
        &["runs", "show", "brave_otter"],
        &["runs", "rerun", "brave_otter"],
        &["new-exp", "x", "--template", "nosuch"],
        &["new-exp", "x", "--python", "two"],
        &["new-exp", "x", "--from", "nowhere.py"],
        &["help", "nosuch"],
    ];
    insta::assert_snapshot!(all_told(&test, &lines));
}

#[test]
fn several_experiments_and_no_name() {
    let test = Test::experiment("one", "minimal");
    test.scaf(["new-exp", "two", "--template", "minimal"]).in_project().ok();
    insta::assert_snapshot!(all_told(&test, &[&["local"], &["test"], &["show"], &["build-exp"]]));
    // The one around the working directory is meant, and `-C` is the same as being there.
    for scaf in [
        test.scaf(["show", "--json"]).current_dir(test.path("src/two/tests")),
        test.scaf(["-C", "src/two", "show", "--json"]).in_project(),
    ] {
        assert_eq!(scaf.without_engine().ok().json()["experiment"], "two");
    }
}

#[test]
fn not_in_a_project() {
    let test = Test::empty();
    let before = tree(&test.root());
    let mut text = String::new();
    for words in [
        ["list"].as_slice(),
        &["show", "x"],
        &["new-exp", "x"],
        &["local"],
        &["test"],
        &["terminal"],
        &["jupyter"],
        &["build-exp"],
        &["runs"],
    ] {
        text.push_str(&format!("$ scaf {}\n{}\n", words.join(" "), test.scaf(words).transcript()));
    }
    assert_eq!(difference(&before, &tree(&test.root())), "");
    insta::assert_snapshot!(text);
}

#[test]
fn gpus_in_front_of_the_name() {
    let test = Test::experiment("digits", "minimal");
    // The name is no form of `--gpus`, so it is the experiment.
    let words = ["local", "--gpus", "digits", "--engine", "docker"];
    let outcome = test.scaf(words).in_project().without_engine().status(1);
    assert!(outcome.stderr.contains("docker is not running"), "{}", outcome.stderr);
    let outcome =
        test.scaf(["local", "--gpus", "device=0", "digist"]).in_project().without_engine().status(1);
    assert!(outcome.stderr.contains("did you mean `digits`"), "{}", outcome.stderr);
}

#[test]
fn with_json_every_failure_is_an_object_on_stdout() {
    let test = Test::experiment("digits", "minimal");
    for (words, status) in [
        (["list", "--wrong"].as_slice(), 2),
        (&["wrong"], 2),
        (&["local", "colour=red"], 2),
        (&["local", "nobody"], 1),
        (&["local", "run-xargs=--privileged"], 2),
        (&["local", "--script", "absent.py"], 1),
        (&["local", "--engine", "docker"], 1),
        (&["test", "--engine", "docker"], 1),
        (&["terminal", "--engine", "docker"], 1),
        (&["jupyter", "--engine", "docker"], 1),
        (&["build-exp"], 1),
        (&["show", "nobody"], 1),
        (&["new-exp", "A"], 1),
        (&["runs", "show", "nobody"], 1),
        (&["runs", "diff", "nobody", "else"], 1),
        (&["runs", "rerun", "nobody"], 1),
    ] {
        let words: Vec<&str> = std::iter::once("--json").chain(words.iter().copied()).collect();
        let outcome = test.scaf(&words).in_project().without_engine().status(status);
        let error = &outcome.json()["error"];
        assert_eq!(error["status"], status, "{words:?}: {}", outcome.stdout);
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{words:?}: {}",
            outcome.stdout
        );
        assert!(outcome.stderr.contains("error: "), "{words:?}: {}", outcome.stderr);
    }
}

#[test]
fn with_json_every_answer_is_one_object() {
    let test = Test::empty();
    let ask = |words: &[&str], inside: bool| {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let scaf = test.scaf(&words).without_engine();
        let scaf = if inside { scaf.in_project() } else { scaf };
        scaf.ok().json()
    };
    assert_eq!(ask(&["init", "p"], false)["project"], "p");
    assert_eq!(ask(&["new-exp", "digits", "--template", "minimal"], true)["experiment"], "digits");
    assert_eq!(ask(&["list"], true)["experiments"][0]["experiment"], "digits");
    assert_eq!(ask(&["show", "digits"], true)["experiment"], "digits");
    assert_eq!(ask(&["runs"], true)["runs"], serde_json::json!([]));
    assert!(ask(&["new-exp", "other", "--dry-run"], true)["steps"].is_array());
    for (words, key) in [
        (["ps"].as_slice(), "runs"),
        (&["stop", "--all"], "stopped"),
        (&["gc"], "items"),
        (&["jobs"], "jobs"),
        (&["check"], "findings"),
        (&["check", "--rules"], "rules"),
        (&["config"], "settings"),
        (&["doctor"], "engines"),
        (&["dependency", "--list"], "linked"),
        (&["dependency", "--check"], "findings"),
        (&["eject"], "files"),
        (&["job", "--dry-run", "--engine", "host"], "steps"),
        (&["help"], "text"),
        (&["help", "local"], "text"),
        (&["man"], "text"),
        (&["completions", "bash"], "text"),
    ] {
        assert!(ask(words, true).get(key).is_some(), "{words:?}");
    }
}

#[test]
fn a_broken_settings_file_is_told_whole() {
    let test = Test::experiment("digits", "minimal");
    let good = test.read("scaf.toml");
    let mut text = String::new();
    for broken in [
        "[project]\nname = 3\nnmae = \"x\"\n[engine]\ndefault = \"rocket\"\nshm_size = \"lots\"\n[data]\nmode = \"rx\"\n[jungle]\n",
        "[project\n",
        "",
    ] {
        fs::write(test.path("scaf.toml"), broken).unwrap();
        let before = tree(&test.root());
        text.push_str(&format!("--- {broken:?}\n{}", told(&test, &["local", "--engine", "docker"])));
        assert_eq!(difference(&before, &tree(&test.root())), "");
    }
    fs::write(test.path("scaf.toml"), b"\xff\xfe").unwrap();
    text.push_str(&format!("--- bytes\n{}", told(&test, &["list"])));
    fs::write(test.path("scaf.toml"), good).unwrap();
    fs::write(test.path("scaf.local.toml"), "[engine]\ndefault = \"dokcer\"\n").unwrap();
    text.push_str(&format!("--- scaf.local.toml\n{}", told(&test, &["list"])));
    insta::assert_snapshot!(text);
}

#[test]
fn a_template_with_what_is_not_defined_writes_nothing() {
    let test = Test::project();
    test.write("templates/mine/environment/Dockerfile", "FROM python:<{ python_version }>\n");
    test.write("templates/mine/train.py", "first = 1\nname = \"<{ nosuch }>\"\n");
    test.write("templates/broken/environment/Dockerfile", "FROM python:<{ python_version\n");
    insta::assert_snapshot!(all_told(
        &test,
        &[&["new-exp", "digits", "--template", "mine"], &["new-exp", "digits", "--template", "broken"]]
    ));
}
