//! `init`: the project's files, none overwritten.

use std::path::Path;

use crate::project::template::File;
use crate::spec::plan::{Action, IfThere, Plan};

/// The plan that makes a project in `root` of the rendered files.
pub fn plan(root: &Path, name: &str, files: &[File]) -> Plan {
    let mut plan = Plan::new(format!("scaf init {}", root.display()));
    for File { path, text, executable } in files {
        plan.step(
            format!("lay out the project `{name}`"),
            Action::WriteFile {
                path: root.join(path),
                content: text.clone(),
                executable: *executable,
                if_there: IfThere::Keep,
            },
        );
    }
    plan
}
