//! `new-exp`: an experiment's files, all of them or none.

use crate::project::layout::Layout;
use crate::project::name::ExperimentName;
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
