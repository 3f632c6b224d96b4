//! The reader of job files against Azure's own: the same files, the same verdicts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scaf::orchestrate::load::job::load;

use crate::support::{here, need, state};

struct Case {
    /// `good`, `bad` or `stricter`.
    verdict: String,
    name: String,
    content: String,
}

fn corpus() -> Vec<Case> {
    let text = fs::read_to_string(here().join("tests/it/job_corpus.txt")).unwrap();
    text.split("\n=== ")
        .skip(1)
        .map(|section| {
            let (head, content) = section.split_once('\n').unwrap_or((section, ""));
            let (verdict, name) = head.split_once(": ").unwrap();
            assert!(["good", "bad", "stricter"].contains(&verdict), "{head}");
            let content = if content.is_empty() { String::new() } else { format!("{content}\n") };
            Case { verdict: verdict.to_owned(), name: name.to_owned(), content }
        })
        .collect()
}

/// Each case in a folder of its own, with what the files name.
fn spread(folder: &Path) -> Vec<(Case, PathBuf)> {
    corpus()
        .into_iter()
        .enumerate()
        .map(|(number, case)| {
            let here = folder.join(format!("{number:03}"));
            for inner in ["environment", "data"] {
                fs::create_dir_all(here.join(inner)).unwrap();
            }
            write(&here.join("environment/Dockerfile"), "FROM scratch\n");
            write(&here.join("conda.yaml"), "dependencies: [python]\n");
            write(&here.join("train.py"), "");
            write(&here.join("job.yaml"), &case.content);
            (case, here)
        })
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "a test's own files")]
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

#[test]
fn the_reader_s_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    let mut wrong = Vec::new();
    for (case, here) in spread(folder.path()) {
        let answer = load(&here, "job.yaml", "job.yaml", &[]);
        if answer.is_ok() != (case.verdict == "good") {
            wrong.push(format!("{}: {}: {answer:?}", case.verdict, case.name));
        }
        if let Err(error) = answer {
            said.push_str(&format!("=== {}\n{error}\n\n", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!(said);
}

#[test]
fn azure_s_verdicts() {
    if !need("azure") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases = spread(folder.path());
    let output = Command::new(state().join("azure/bin/python"))
        .arg(here().join("tests/servers/azure_validate.py"))
        .args(cases.iter().map(|(_, here)| here.join("job.yaml")))
        .output()
        .unwrap();
    let answers: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter(|((case, _), answer)| (answer["ok"] == true) != (case.verdict != "bad"))
        .map(|((case, _), answer)| format!("{}: {}: {answer}", case.verdict, case.name))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
