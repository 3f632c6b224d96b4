//! `scaf format` with the real ruff, fetched once for all these tests.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Scaf, Test, need, state};

/// Whether a package index answers: ruff comes from there.
fn ready() -> bool {
    need("python") && need("index")
}

/// scaf with a cache that outlives the test, and the caller's own configuration of pip and uv.
fn scaf<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let mut scaf = test.scaf(words).in_project().env("SCAF_CACHE_DIR", cache());
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let pip = home.join(".config/pip/pip.conf");
    if std::env::var_os("PIP_CONFIG_FILE").is_none() && pip.exists() {
        scaf = scaf.env("PIP_CONFIG_FILE", pip);
    }
    scaf
}

fn cache() -> PathBuf {
    state().join("format-cache")
}

const UNTIDY: &str = "import sys, os\nimport json\ndef f( a ):\n    return  json.dumps(a)\n";

#[test]
fn code_and_notebooks_are_put_in_order() {
    if !ready() {
        return;
    }
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", "FROM scratch\n").write("src/digits/a.py", UNTIDY);
    test.write("src/other/environment/Dockerfile", "FROM scratch\n").write("src/other/b.py", UNTIDY);
    let notebook = r#"{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": ["x = f( 1 )"]}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#;
    test.write("notebooks/n.ipynb", notebook);
    std::fs::remove_file(test.path("ruff.toml")).unwrap();

    let checked = scaf(&test, &["format", "--check"]).status(1);
    assert!(checked.stdout.contains("I001") && checked.stdout.contains("F401"), "{}", checked.stdout);
    assert!(checked.stdout.contains("Would reformat: src/digits/a.py"), "{}", checked.stdout);
    assert_eq!(test.read("src/digits/a.py"), UNTIDY);

    let tidy = "import json\n\n\ndef f(a):\n    return json.dumps(a)\n";
    scaf(&test, &["format", "digits"]).ok();
    assert_eq!(test.read("src/digits/a.py"), tidy);
    assert_eq!(test.read("src/other/b.py"), UNTIDY);
    // `f` is not defined in the notebook, which ruff cannot mend: said, and the status kept.
    let left = scaf(&test, &["format"]).status(1);
    assert!(left.stdout.contains("F821"), "{}", left.stdout);
    assert_eq!(test.read("src/other/b.py"), tidy);
    assert!(test.read("notebooks/n.ipynb").contains("x = f(1)"));
    test.write("notebooks/n.ipynb", &test.read("notebooks/n.ipynb").replace("f(1)", "1"));
    scaf(&test, &["format", "--check"]).ok();
}

#[test]
fn the_project_s_own_settings_count() {
    if !ready() {
        return;
    }
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", "FROM scratch\n").write("src/digits/a.py", "x = 'a'\n");
    std::fs::remove_file(test.path("ruff.toml")).unwrap();
    test.write("pyproject.toml", "[tool.ruff.format]\nquote-style = \"single\"\n");
    let plan = scaf(&test, &["format", "--dry-run"]).ok().stdout;
    assert!(!plan.contains("--select") && !plan.contains("--isolated"), "{plan}");
    scaf(&test, &["format"]).ok();
    assert_eq!(test.read("src/digits/a.py"), "x = 'a'\n");
    // Without them scaf's own hold, and the shell that is printed does the same.
    std::fs::remove_file(test.path("pyproject.toml")).unwrap();
    test.write("src/digits/b.py", "y = 'b'\nimport os\n\nprint(os.name)\n");
    let plan = scaf(&test, &["format", "--dry-run"]).ok().stdout;
    assert!(plan.contains("--select") && plan.contains("--isolated"), "{plan}");
    let output = Command::new("sh").arg("-c").arg(&plan).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "E402 cannot be mended: {output:?}");
    assert_eq!(test.read("src/digits/a.py"), "x = \"a\"\n");
    assert!(scaf(&test, &["format", "nobody"]).status(1).stderr.contains("no experiment named `nobody`"));
}
