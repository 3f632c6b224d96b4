//! `new-exp`: an experiment's files, all of them or none.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::orchestrate::load::code::Code;
use crate::project::layout::{IGNORE, Layout};
use crate::project::links;
use crate::project::name::ExperimentName;
use crate::project::template::{Content, File};
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, IfThere, Plan, Step};

/// What stands at the place of a new experiment, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Free,
    /// An experiment of that name.
    Experiment,
    /// Some other file or folder.
    Other,
    /// A folder of the path is itself an experiment.
    Inside(String),
    /// Experiments lie below.
    Above(String),
}

/// What a template gives to code from elsewhere: its environment, and what starts, tests and sends the
/// script. What the code brings itself it keeps.
pub fn around(template: Vec<File>, code: &Code) -> Vec<File> {
    let mut files = code.files.clone();
    let brings = |start: &str| code.files.iter().any(|file| file.path.starts_with(start));
    let mut add = |path: &str, text: String| {
        if !code.files.iter().any(|file| file.path == path) {
            files.push(File { path: path.to_owned(), content: Content::Verbatim(text), executable: false });
        }
    };
    add("local.py", local(code));
    if !brings("tests/") {
        add("tests/__init__.py", String::new());
        add("tests/test_script.py", TEST.replace("SCRIPT", &code.script));
    }
    // What is linked is imported as `common.x`, whatever package of that name is installed.
    for file in code.links.iter().flat_map(|place| links::package_files(place)).collect::<BTreeSet<_>>() {
        if !code.links.contains(&file) {
            add(&file, String::new());
        }
    }
    if !brings("job.yaml") {
        let command = if is_plain(code) { code.script.as_str() } else { "local.py" };
        files.push(File::text("job.yaml", JOB.replace("SCRIPT", command)));
    }
    let own_environment = brings("environment/");
    let environment = template.into_iter().filter(|file| {
        let is_environment = file.path.starts_with("environment/") && file.path != REQUIREMENTS;
        (is_environment && !(own_environment && file.path != DOCKERFILE) || file.path == IGNORE)
            && !files.iter().any(|other| other.path == file.path)
    });
    let environment: Vec<File> = environment.collect();
    files.extend(environment);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Whether it can be started by its path alone.
fn is_plain(code: &Code) -> bool {
    code.module.is_none() && code.paths.is_empty() && code.working.as_deref().is_none_or(str::is_empty)
}

/// The script that starts the real one.
fn local(code: &Code) -> String {
    let here = |folder: &str| {
        if folder.is_empty() { "HERE".to_owned() } else { format!("HERE / {}", python(folder)) }
    };
    let mut deeds = String::new();
    if !code.paths.is_empty() {
        let _ = writeln!(deeds, "    # Its imports are looked for here, besides its own folder.");
        for folder in &code.paths {
            let _ = writeln!(deeds, "    sys.path.append(str({}))", here(folder));
        }
        let count = code.paths.len();
        let _ = writeln!(
            deeds,
            "    os.environ[\"PYTHONPATH\"] = os.pathsep.join([*sys.path[-{count}:], *filter(None, [os.environ.get(\"PYTHONPATH\")])])"
        );
    }
    if let Some(folder) = &code.working {
        let _ = writeln!(deeds, "    # It reads files by paths that are relative to this folder.");
        let _ = writeln!(deeds, "    os.chdir({})", here(folder));
    }
    let what = match &code.module {
        Some(module) => format!("\"-m\", {}", python(module)),
        None => format!("str({})", here(&code.script)),
    };
    LOCAL.replace("DEEDS", &deeds).replace("WHAT", &what)
}

/// A text as Python writes it.
fn python(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What the code still lacks, in words.
pub fn notes(code: &Code) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut notes = Vec::new();
    if !code.commented.is_empty() {
        let mut lines: Vec<String> =
            code.commented.iter().take(SHOWN).map(|line| format!("`{}`", line.trim_end())).collect();
        if code.commented.len() > SHOWN {
            lines.push(format!("and {} more", code.commented.len() - SHOWN));
        }
        notes.push(format!(
            "comments in {} now, since only a notebook understands them: {}",
            code.script,
            lines.join(", ")
        ));
    }
    notes
}

pub const REQUIREMENTS: &str = "environment/requirements.txt";
pub const DOCKERFILE: &str = "environment/Dockerfile";

/// The script is a process of its own, so that it is `__main__` for whatever it starts itself.
const LOCAL: &str = "\"\"\"The default script of `scaf local`: runs the real one, with the arguments that it is given itself.\"\"\"

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == \"__main__\":
DEEDS    os.execv(sys.executable, [sys.executable, WHAT, *sys.argv[1:]])
";

const JOB: &str = "# How the experiment runs elsewhere: `scaf job <{ experiment }>`.
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
experiment_name: <{ experiment | replace(\"/\", \"-\") }>
command: python SCRIPT
code: .
environment:
  build:
    path: ./environment
";

const TEST: &str =
    "\"\"\"Written with unittest, so that Python alone can run it too: `python -m unittest`.\"\"\"

import unittest
from pathlib import Path


class TestScript(unittest.TestCase):
    def test_it_compiles(self):
        script = Path(__file__).parents[1] / \"SCRIPT\"
        compile(script.read_bytes(), str(script), \"exec\")
";

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NewExperimentError {
    #[error("the experiment `{name}` is there already")]
    Exists { name: String },
    #[error("there is something at `{path}` already, and it is no experiment")]
    Taken { path: String },
    #[error("`{name}` would lie inside the experiment `{outer}`")]
    Inside { name: String, outer: String },
    #[error("`{name}` would have the experiment `{inner}` inside it")]
    Above { name: String, inner: String },
    #[error("the template has no `environment/` folder, so it would not make an experiment")]
    NoEnvironment,
}

impl Explain for NewExperimentError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Exists { name } => vec![format!("`scaf show {name}` tells about it; nothing was changed")],
            Self::Taken { .. } => vec!["move it away, or take another name; nothing was changed".to_owned()],
            Self::Inside { .. } | Self::Above { .. } => {
                vec!["no experiment lies inside another; put them side by side".to_owned()]
            }
            Self::NoEnvironment => vec!["give it an `environment/Dockerfile`".to_owned()],
        }
    }
}

/// Refuses a place that is not free.
pub fn refuse(layout: &Layout, name: &ExperimentName, place: &Place) -> Result<(), NewExperimentError> {
    let target = layout.experiment_dir(name);
    match place {
        Place::Free => {}
        Place::Experiment => return Err(NewExperimentError::Exists { name: name.to_string() }),
        Place::Other => {
            return Err(NewExperimentError::Taken { path: layout.shown(&target).display().to_string() });
        }
        Place::Inside(outer) => {
            return Err(NewExperimentError::Inside { name: name.to_string(), outer: outer.clone() });
        }
        Place::Above(inner) => {
            return Err(NewExperimentError::Above { name: name.to_string(), inner: inner.clone() });
        }
    }
    Ok(())
}

/// What the experiment's folder is to hold.
pub struct Contents<'a> {
    pub files: &'a [File],
    /// Places of links into the shared code.
    pub links: &'a BTreeSet<String>,
    /// What else is done in the draft, once the files are there.
    pub more: Vec<Step>,
}

/// The plan that makes the experiment. The folder is made beside its place, under `draft`, and renamed
/// at the end, so that two scaf at once or a full disk leave no half of it.
pub fn plan(
    layout: &Layout,
    name: &ExperimentName,
    place: &Place,
    draft: &Path,
    contents: Contents<'_>,
) -> Result<Plan, NewExperimentError> {
    let Contents { files, links: shared, more } = contents;
    refuse(layout, name, place)?;
    let target = layout.experiment_dir(name);
    if !files.iter().any(|file| file.path.starts_with("environment/")) {
        return Err(NewExperimentError::NoEnvironment);
    }
    let mut plan = Plan::new(format!("scaf new-exp {name}"));
    for file in files {
        plan.step("write the experiment's files", super::init::write(draft, file, IfThere::Refuse));
    }
    for place in shared {
        let (link, target) = (draft.join(place), links::target(name, place).into());
        plan.step("link the shared code", Action::Symlink { link, target });
    }
    plan.steps.extend(more);
    if let Some(parent) = target.parent() {
        plan.step("put the folder in its place", Action::MakeDirectory { path: parent.to_owned() });
    }
    plan.step("put the folder in its place", Action::Rename { from: draft.to_owned(), to: target });
    plan.always("leave no draft", Action::Remove { path: draft.to_owned() });
    Ok(plan)
}
