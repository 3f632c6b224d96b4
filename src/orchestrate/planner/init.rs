//! `init`: the project's files, none overwritten.

use std::path::{Path, PathBuf};

use super::gitignore::{self, Completed};
use crate::orchestrate::load::ground::{Ground, Obstacle};
use crate::project::layout::SETTINGS;
use crate::project::template::{Content, File};
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, IfThere, Plan, shell};

/// What the plan is made of.
pub struct Facts<'a> {
    pub root: &'a Path,
    pub name: &'a str,
    /// Rendered.
    pub files: &'a [File],
    pub ground: &'a Ground,
    /// The text of a `.gitignore` that is there.
    pub gitignore: Option<&'a str>,
    pub places: gitignore::Places<'a>,
}

/// The plan, and what it comes to.
pub struct Made {
    pub plan: Plan,
    pub written: Vec<String>,
    /// Lines added to the `.gitignore` that was there.
    pub ignored: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{}", said(root, obstacles))]
    InTheWay { root: PathBuf, obstacles: Vec<Obstacle> },
    #[error("`{}` lies inside the project `{}`", root.display(), outer.display())]
    Inside { root: PathBuf, outer: PathBuf },
    #[error("the project in `{}` is named `{name}`", root.display())]
    OtherName { root: PathBuf, name: String, wanted: String },
}

fn said(root: &Path, obstacles: &[Obstacle]) -> String {
    let lines: Vec<String> = obstacles
        .iter()
        .map(|Obstacle { path, what, wanted }| {
            let shown = path.strip_prefix(root).unwrap_or(path);
            format!("`{}` is {what}, and a {wanted} belongs there", shown.display())
        })
        .collect();
    lines.join("\n")
}

impl Explain for InitError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::InTheWay { obstacles, .. } => {
                let mut hints: Vec<String> = obstacles
                    .iter()
                    .map(|Obstacle { path, .. }| {
                        let word = shell::word(&path.to_string_lossy());
                        format!("move it out of the way: `mv {word} {word}.old`")
                    })
                    .collect();
                hints.push("nothing was written".to_owned());
                hints
            }
            Self::Inside { outer, .. } => vec![
                format!(
                    "an experiment of that project is made by `scaf -C {} new-exp NAME`",
                    shell::word(&outer.to_string_lossy())
                ),
                "a project of its own belongs in a folder outside it; nothing was written".to_owned(),
            ],
            Self::OtherName { wanted, .. } => vec![format!(
                "to rename it, write `name = {}` under `[project]` in {SETTINGS}; its images carry the name and are made anew then",
                toml_edit::Value::from(wanted.as_str())
            )],
        }
    }
}

/// The plan that makes a project of the files.
pub fn plan(facts: &Facts<'_>) -> Result<Made, InitError> {
    let Facts { root, name, files, ground, gitignore, places } = facts;
    if !ground.obstacles.is_empty() {
        return Err(InitError::InTheWay { root: root.to_path_buf(), obstacles: ground.obstacles.clone() });
    }
    let mut plan = Plan::new(format!("scaf init {}", root.display()));
    let why = format!("lay out the project `{name}`");
    let mut written = Vec::new();
    for file in *files {
        plan.step(why.clone(), write(root, file, IfThere::Keep));
        if !ground.there.contains(&file.path) {
            written.push(file.path.clone());
        }
    }
    let mut ignored = Vec::new();
    if let Some(Completed { text, added }) = gitignore.and_then(|text| gitignore::completed(text, *places)) {
        let file = File::text(".gitignore", text);
        plan.step(
            "keep content, runs and personal settings out of git",
            write(root, &file, IfThere::Replace),
        );
        ignored = added;
    }
    Ok(Made { plan, written, ignored })
}

/// The deed that makes one file of a template below the folder.
pub fn write(folder: &Path, file: &File, if_there: IfThere) -> Action {
    let File { path, content, executable } = file;
    let path = folder.join(path);
    match content {
        Content::Text(text) | Content::Verbatim(text) => {
            Action::WriteFile { path, content: text.clone(), executable: *executable, if_there }
        }
        Content::CopyOf(from) => Action::CopyFile { from: from.clone(), to: path, if_there },
    }
}
