//! The state of the repository around a project, for the record.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::project::layout::Layout;
use crate::project::name::ExperimentName;

/// What git says of the folders that a run is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub commit: String,
    pub branch: Option<String>,
    /// The difference to the commit, new files included by name; empty when there is none.
    pub difference: String,
}

/// `None` where there is no repository, no commit yet or no git.
pub fn state(layout: &Layout, experiment: &ExperimentName) -> Option<State> {
    // A repository is looked for first: git itself takes 3 ms to say that there is none.
    if !layout.root.ancestors().any(|folder| folder.join(".git").exists()) {
        return None;
    }
    let code = layout.code.to_string_lossy();
    let folders = [format!("{code}/{experiment}"), format!("{code}/common")];
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let mut status = vec!["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--"];
    status.extend(&folders);
    let status = ask(&layout.root, &status)?;
    let head = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(str::trim)
            .filter(|value| !value.starts_with('('))
    };
    let commit = head("# branch.oid ")?.to_owned();
    let branch = head("# branch.head ").map(str::to_owned);
    let mut difference = String::new();
    if status.lines().any(|line| !line.starts_with('#')) {
        let mut diff = vec!["diff", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--"];
        diff.extend(&folders);
        difference = ask(&layout.root, &diff).unwrap_or_default();
        for line in status.lines() {
            if let Some(path) = line.strip_prefix("? ") {
                difference.push_str(&format!("untracked: {path}\n"));
            }
        }
    }
    Some(State { commit, branch, difference })
}

fn ask(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        // Asking must not take the index's lock from somebody who works.
        .arg("--no-optional-locks")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
