//! The shape of an experiment: its name, its environment, nothing like it inside it.

use super::rules::{
    DOCKERFILE_MISSING, EXPERIMENT_NAME, EXPERIMENT_NESTED, FILE_NOT_BUNDLED, REQUIREMENTS_UNPINNED,
};
use super::{Finding, Project, Tree};
use crate::project::layout::ENVIRONMENT;
use crate::project::name::ExperimentName;
use crate::spec::plan::shell;

pub fn shape(project: &Project, tree: &Tree, findings: &mut Vec<Finding>) {
    let dir = project.path(&tree.name, "");
    if let Err(error) = ExperimentName::parse(tree.name.as_str()) {
        let hint = error.hint().unwrap_or_else(|| "rename the folder".to_owned());
        findings.push(Finding::new(&EXPERIMENT_NAME, dir.as_str(), (1, 1), error.to_string(), hint));
    }
    if !tree.files.has_file(&format!("{ENVIRONMENT}/Dockerfile")) {
        findings.push(Finding::new(
            &DOCKERFILE_MISSING,
            format!("{dir}/{ENVIRONMENT}"),
            (1, 1),
            "there is no Dockerfile",
            format!("write `{dir}/{ENVIRONMENT}/Dockerfile`"),
        ));
    }
    if super::requirements::that_counts(tree).is_none() {
        findings.push(Finding::new(
            &REQUIREMENTS_UNPINNED,
            format!("{dir}/{ENVIRONMENT}"),
            (1, 1),
            "there is no `requirements.txt`",
            format!(
                "write `{dir}/{ENVIRONMENT}/requirements.txt`, one `name==version` a line; empty will do"
            ),
        ));
    }
    for (path, what) in &tree.odd {
        let shown = project.path(&tree.name, path);
        let hint = format!("rm {}", shell::word(&shown));
        findings.push(Finding::new(
            &FILE_NOT_BUNDLED,
            shown,
            (1, 1),
            format!("{what}, which no bundle can hold"),
            format!("{hint}, or name it in `{}`", crate::project::layout::IGNORE),
        ));
    }
    let nested = format!("/{ENVIRONMENT}/Dockerfile");
    let mut inside: Vec<&str> =
        tree.files.files().filter_map(|file| file.strip_suffix(nested.as_str())).collect();
    inside.sort_unstable();
    for folder in inside {
        let last = folder.rsplit('/').next().unwrap_or(folder);
        findings.push(Finding::new(
            &EXPERIMENT_NESTED,
            format!("{dir}/{folder}"),
            (1, 1),
            format!("lies inside the experiment `{}`", tree.name),
            format!("move it beside the other: git mv {dir}/{folder} {}/{last}", project.code),
        ));
    }
}
