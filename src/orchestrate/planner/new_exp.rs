//! `new-exp`: an experiment's files, all of them or none.

use crate::orchestrate::load::code::Code;
use crate::project::layout::{IGNORE, Layout};
use crate::project::name::ExperimentName;
use crate::project::python::distributions::distribution;
use crate::project::template::File;
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, IfThere, Plan};

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
            files.push(File::text(path, text));
        }
    };
    let script = &code.script;
    add("local.py", LOCAL.replace("SCRIPT", script));
    add("job.yaml", JOB.replace("SCRIPT", script));
    if !brings("tests/") {
        add("tests/__init__.py", String::new());
        add("tests/test_script.py", TEST.replace("SCRIPT", script));
    }
    add(REQUIREMENTS, "# One exact version a line, such as numpy==2.3.4\n".to_owned());
    let environment = template.into_iter().filter(|file| {
        (file.path.starts_with("environment/") || file.path == IGNORE)
            && !files.iter().any(|other| other.path == file.path)
    });
    let environment: Vec<File> = environment.collect();
    files.extend(environment);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// What the code still lacks, in words.
pub fn notes(code: &Code) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut notes = Vec::new();
    if !code.modules.is_empty() {
        let modules: Vec<String> = code.modules.iter().map(|module| format!("`{module}`")).collect();
        let packages: Vec<&str> = code.modules.iter().map(|module| distribution(module)).collect();
        notes.push(format!(
            "it imports {}: pin what provides them in {REQUIREMENTS}: {}",
            modules.join(", "),
            packages.join(", ")
        ));
    }
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

const REQUIREMENTS: &str = "environment/requirements.txt";

const LOCAL: &str = "\"\"\"The default script of `scaf local`: runs the real code.\"\"\"

import runpy
from pathlib import Path

if __name__ == \"__main__\":
    runpy.run_path(str(Path(__file__).with_name(\"SCRIPT\")), run_name=\"__main__\")
";

const JOB: &str = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
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

/// The plan that makes the experiment. The folder is made beside its place, under `draft`, and renamed
/// at the end, so that two scaf at once or a full disk leave no half of it.
pub fn plan(
    layout: &Layout,
    name: &ExperimentName,
    place: &Place,
    draft: &str,
    files: &[File],
) -> Result<Plan, NewExperimentError> {
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
    if !files.iter().any(|file| file.path.starts_with("environment/")) {
        return Err(NewExperimentError::NoEnvironment);
    }
    let mut plan = Plan::new(format!("scaf new-exp {name}"));
    let draft = layout.code_dir().join(draft);
    for file in files {
        plan.step("write the experiment's files", super::init::write(&draft, file, IfThere::Refuse));
    }
    if let Some(parent) = target.parent() {
        plan.step("put the folder in its place", Action::MakeDirectory { path: parent.to_owned() });
    }
    plan.step("put the folder in its place", Action::Rename { from: draft.clone(), to: target });
    plan.always("leave no draft", Action::Remove { path: draft });
    Ok(plan)
}
