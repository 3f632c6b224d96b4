//! `scaf env detect` on small projects, each with one trap: `env_traps.txt`. The answer is compared whole.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::env_detect::detect;

const TRAPS: &str = include_str!("env_traps.txt");
/// Those parts of the answer that name something, in the order in which they are compared.
const PARTS: [&str; 8] =
    ["third_party", "notebook_only", "optional", "implied", "suggested", "dev", "local", "unresolved"];

struct Trap<'a> {
    name: &'a str,
    files: Vec<(&'a str, String)>,
    expected: String,
}

/// `=== name`, then `--- path` with the file's lines, one after another, and last `--- expected`.
fn traps() -> Vec<Trap<'static>> {
    let mut traps: Vec<Trap<'_>> = Vec::new();
    for line in TRAPS.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            traps.push(Trap { name, files: Vec::new(), expected: String::new() });
        } else if let Some(path) = line.strip_prefix("--- ") {
            traps.last_mut().unwrap().files.push((path, String::new()));
        } else if let Some((_, text)) = traps.last_mut().and_then(|trap| trap.files.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for trap in &mut traps {
        let (path, expected) = trap.files.pop().unwrap();
        assert_eq!(path, "expected", "{}", trap.name);
        expected.trim_end().clone_into(&mut trap.expected);
    }
    traps
}

/// A notebook with the cells that stand between lines of `%%`.
fn notebook(text: &str) -> String {
    let cells: Vec<Value> = text
        .split("%%\n")
        .map(|source| serde_json::json!({ "cell_type": "code", "metadata": {}, "outputs": [], "source": source }))
        .collect();
    serde_json::json!({ "nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells }).to_string()
}

fn lay(folder: &Path, files: &[(&str, String)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.extension().is_some_and(|end| end == "ipynb") {
            fs::write(path, notebook(text)).unwrap();
        } else if path.file_name().is_some_and(|name| name == ".folder") {
            // Its folder alone is meant.
        } else {
            fs::write(path, text).unwrap();
        }
    }
}

fn shown(answer: &Value) -> String {
    let mut text = String::new();
    for part in PARTS {
        let names: BTreeSet<String> = match &answer[part] {
            Value::Object(map) => map.keys().cloned().collect(),
            Value::Array(list) => {
                list.iter().map(|it| it["import"].as_str().or(it.as_str()).unwrap().to_owned()).collect()
            }
            other => panic!("{part}: {other}"),
        };
        if !names.is_empty() {
            let _ = writeln!(text, "{part}: {}", names.into_iter().collect::<Vec<_>>().join(" "));
        }
    }
    text.trim_end().to_owned()
}

#[test]
fn every_small_project_is_answered_whole() {
    let traps = traps();
    assert!(traps.len() > 30, "{}", traps.len());
    let mut wrong = String::new();
    for trap in traps {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), &trap.files);
        let found = shown(&detect(folder.path(), &["--no-python"]));
        if found != trap.expected {
            let _ = write!(wrong, "\n{}\nexpected:\n{}\nfound:\n{found}\n", trap.name, trap.expected);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
