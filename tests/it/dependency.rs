//! `scaf dependency`, with the real binary: both spellings, what is printed does what is done, errors
//! with a way out.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::Test;

fn project() -> Test {
    let test = Test::project();
    test.write(
        "src/common/text.py",
        "import yaml\nfrom common.io import csv\n\n\ndef clean(text):\n    return text\n",
    );
    test.write("src/common/io/csv.py", "ROWS = 2\n");
    for name in ["digits", "vision/ocr"] {
        test.write(&format!("src/{name}/environment/Dockerfile"), "FROM x\n");
    }
    test
}

#[test]
fn linking_and_taking_out() {
    let test = project();
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "text.py"]).in_project().transcript(), @r"
    status: 0
    --- stdout
    --- stderr
    make `src/digits/common` a package
    link `src/digits/common/text.py` to `src/common/text.py`
    `src/common/text.py:2` needs `io/csv.py`, too
    link that with: scaf dependency digits io/csv.py
    the environment of `digits` must have: `yaml`
    ");
    assert_eq!(
        fs::read_link(test.path("src/digits/common/text.py")).unwrap().to_str(),
        Some("../../common/text.py")
    );
    // As people type it to make, from inside another experiment, and twice.
    for _ in 0..2 {
        test.scaf(["dependency", "exp=vision/ocr", "dep=src/common/io/"])
            .current_dir(test.path("src/digits"))
            .ok();
    }
    assert_eq!(
        fs::read_link(test.path("src/vision/ocr/common/io")).unwrap().to_str(),
        Some("../../../common/io")
    );
    // Inside an experiment it need not be named.
    test.scaf(["dependency", "io/csv.py"]).current_dir(test.path("src/digits/environment")).ok();
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "--list"]).in_project().transcript(), @r"
    status: 0
    --- stdout
    SHARED     KIND  STATE
    io/csv.py  file  in order
    text.py    file  in order
    --- stderr
    ");
    test.scaf(["dependency", "digits", "--remove", "io", "text.py"]).in_project().ok();
    assert!(!test.path("src/digits/common").exists());
    assert!(test.path("src/common/io/csv.py").exists());
}

#[test]
fn what_a_run_could_not_take_along_is_not_linked() {
    let test = project();
    symlink("/etc/hosts", test.path("src/common/esc")).unwrap();
    symlink("nowhere", test.path("src/common/io/gone")).unwrap();
    let outcome = test.scaf(["dependency", "digits", "esc"]).in_project().status(1);
    assert!(
        outcome.stderr.contains("`src/common/esc` leads to `/etc/hosts`, out of the project"),
        "{}",
        outcome.stderr
    );
    assert!(!test.path("src/digits/common").exists());
    let outcome = test.scaf(["dependency", "digits", "io"]).in_project().ok();
    assert!(
        outcome.stderr.contains("`src/common/io/gone` leads to `nowhere`, which is not there"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_list_and_the_check_agree() {
    let test = project();
    test.write("src/common/words.txt", "a\n").write("src/digits/common/__init__.py", "");
    symlink("../../common/words.txt", test.path("src/digits/common/text2.txt")).unwrap();
    let list = test.scaf(["dependency", "digits", "--list"]).in_project().ok();
    assert!(list.stdout.contains("a link to something else"), "{}", list.stdout);
    let check = test.scaf(["dependency", "digits", "--check"]).in_project().status(1);
    assert!(
        check.stdout.starts_with("src/digits/common/text2.txt:1:1: link-elsewhere: leads to"),
        "{}",
        check.stdout
    );
}

#[test]
fn the_printed_shell_does_the_same() {
    let done = project();
    let printed = project();
    for words in [
        &["dependency", "digits", "text.py", "io/csv.py"][..],
        &["dependency", "digits", "io"],
        &["dependency", "digits", "--remove", "text.py"],
        &["dependency", "digits", "--remove", "io"],
    ] {
        done.scaf(words).in_project().ok();
        let before = below(&printed);
        let script = printed.scaf(words.iter().chain(&["--dry-run"])).in_project().ok().stdout;
        assert_eq!(before, below(&printed), "--dry-run did something");
        let status = Command::new("sh").arg("-c").arg(&script).status().unwrap();
        assert!(status.success(), "{script}");
        assert_eq!(below(&done), below(&printed), "{words:?}");
    }
}

fn below(test: &Test) -> String {
    let output = Command::new("find")
        .arg(".")
        .args(["-printf", "%P %y %l\n"])
        .current_dir(test.path("src"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn errors_have_a_way_out() {
    let test = project();
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "txt.py"]).in_project().transcript(), @r"
    status: 1
    --- stdout
    --- stderr
    error: there is no `txt.py` in `src/common/`

    hint: did you mean `text.py`?
    hint: there is: `io/`, `text.py`
    ");
    insta::assert_snapshot!(test.scaf(["dependency", "digits"]).in_project().transcript(), @r"
    status: 2
    --- stdout
    --- stderr
    error: which part of the shared code?

    hint: there is: `io`, `text.py`
    ");
    insta::assert_snapshot!(test.scaf(["dependency", "text.py", "io"]).in_project().transcript(), @r"
    status: 2
    --- stdout
    --- stderr
    error: which experiment? there are several

    hint: name it first: scaf dependency EXP text.py io
    ");
    insta::assert_snapshot!(test.scaf(["dependency", "digtis", "text.py"]).in_project().transcript(), @r"
    status: 1
    --- stdout
    --- stderr
    error: no experiment named `digtis` in `src/`

    hint: did you mean `digits`?
    ");
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "../digits/x"]).in_project().transcript(), @r"
    status: 1
    --- stdout
    --- stderr
    error: `../digits/x` leads out of the shared code

    hint: give a path inside the shared code, such as `text.py` or `io/`
    hint: there is: `io/`, `text.py`
    ");
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "--list", "text.py"]).in_project().transcript(), @r"
    status: 2
    --- stdout
    --- stderr
    error: `--list` takes no path, and was given `text.py`
    ");
}

#[test]
fn looking_whether_it_is_in_order() {
    let test = project();
    test.write("src/digits/train.py", "from common import text\nimport kubernetes\n");
    test.scaf(["dependency", "digits", "io"]).in_project().ok();
    symlink("../../common/gone.py", test.path("src/digits/common/gone.py")).unwrap();
    insta::assert_snapshot!(test.scaf(["dependency", "digits", "--check"]).in_project().transcript(), @r"
    status: 1
    --- stdout
    src/digits/common/gone.py:1:1: link-dangling: leads to `../../common/gone.py`, which is not there
        why: a bundle, and so every run, needs what it should lead to
        way out: scaf dependency digits --remove gone.py
    src/digits/train.py:1:1: common-unlinked: `common/text.py` is not linked in `digits`
        why: a run takes only linked shared code along, so the import fails there
        way out: scaf dependency digits text.py
    --- stderr
    2 findings
    ");
    // The ways out are typed as they stand.
    for line in ["dependency digits --remove gone.py", "dependency digits text.py"] {
        test.scaf(line.split(' ')).in_project().ok();
    }
    let fine = test.scaf(["dependency", "digits", "--check"]).in_project().ok();
    assert_eq!(fine.stderr, "the shared code of `digits` is in order\n");
}

#[test]
fn as_json() {
    let test = project();
    let added = test.scaf(["dependency", "digits", "text.py", "--json"]).in_project().ok().json();
    assert_eq!(added["changed"], true);
    assert_eq!(added["linked"], serde_json::json!(["text.py"]));
    assert_eq!(added["notes"].as_array().unwrap().len(), 3);
    let listed = test.scaf(["dependency", "digits", "--list", "--json"]).in_project().ok().json();
    assert_eq!(listed["linked"][0]["ok"], true);
    let again = test.scaf(["dependency", "digits", "text.py", "--json"]).in_project().ok().json();
    assert_eq!(again["changed"], false);
}

#[test]
fn nothing_is_left_half_done_where_nothing_can_be_written() {
    let test = project();
    // Root writes everywhere; a file where the folder should be stops anyone.
    test.write("src/digits/common", "a file\n");
    let before = below(&test);
    let failed = test.scaf(["dependency", "digits", "text.py"]).in_project().status(1);
    assert_eq!(
        failed.stderr,
        "error: `src/digits/common` is in the way: it is a file of its own\n\nhint: mv src/digits/common src/digits/common.own\n"
    );
    assert_eq!(before, below(&test));
}
