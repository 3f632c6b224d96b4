//! The host engine's enclosure: a virtual environment named by the digest of what goes into it.

use std::path::{Path, PathBuf};

use crate::project::python::requirements;
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, Step, When};

/// pytest where the environment has none: the versions of the image's layer.
pub const PYTEST: [&str; 2] =
    ["pytest==9.2.0; python_version >= '3.10'", "pytest==8.4.2; python_version < '3.10'"];
/// The notebook's parts, likewise.
pub const JUPYTERLAB: [&str; 2] =
    ["jupyterlab==4.6.6; python_version >= '3.10'", "jupyterlab==4.5.11; python_version < '3.10'"];

/// What was found.
pub struct Facts<'a> {
    /// The requirements file that counts: the lock when there is one.
    pub file: Option<(&'a Path, &'a str)>,
    pub python: &'a Path,
    /// `3.11.7`.
    pub python_version: &'a str,
    pub uv: Option<&'a Path>,
    /// `linux-x86_64`.
    pub platform: &'a str,
    pub cache: &'a Path,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VenvPlanError {
    #[error(
        "the experiment has no `environment/requirements.txt`, so the host engine cannot know its packages"
    )]
    NoRequirements,
    #[error(
        "{file}:{line}: `{text}` is not pinned, so the host engine would make another environment each time"
    )]
    Loose { file: String, line: usize, text: String },
}

impl Explain for VenvPlanError {
    fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::NoRequirements => {
                "pin them in a requirements.txt, or run in the image: `--engine docker`".to_owned()
            }
            Self::Loose { .. } => {
                "write it as `name==version`, or run in the image: `--engine docker`".to_owned()
            }
        }]
    }
}

/// The folder and the step that makes it; `more` are packages beside the experiment's own.
pub fn plan(facts: &Facts<'_>, more: &[&str]) -> Result<(PathBuf, Step), VenvPlanError> {
    let Some((file, text)) = facts.file else { return Err(VenvPlanError::NoRequirements) };
    let read = requirements::read(text);
    if let Some(loose) = read.loose.first() {
        return Err(VenvPlanError::Loose {
            file: file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            line: loose.line,
            text: loose.text.clone(),
        });
    }
    let more: Vec<String> = more
        .iter()
        .filter(|wanted| {
            let name = wanted.split("==").next().unwrap_or(wanted);
            !read.names.iter().any(|have| have == name)
        })
        .map(|wanted| (*wanted).to_owned())
        .collect();
    let mut hasher = blake3::Hasher::new();
    for part in [text, facts.python_version, facts.platform, &more.join(" ")] {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    let digest = hasher.finalize().to_hex().to_string();
    let path = facts.cache.join("venvs").join(&digest[..24]);
    let requirements = if read.names.is_empty() { Vec::new() } else { vec![file.to_owned()] };
    let action = Action::MakeVenv {
        path: path.clone(),
        python: facts.python.to_owned(),
        requirements,
        more,
        uv: facts.uv.map(Path::to_owned),
    };
    Ok((path, Step { why: "make the virtual environment".to_owned(), when: When::InTurn, action }))
}
