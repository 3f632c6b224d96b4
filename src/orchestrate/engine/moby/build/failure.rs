//! Why an image was not built.

use std::fmt;
use std::path::PathBuf;

use super::super::error::EngineError;
use super::context::ContextError;
use crate::spec::hint::{Explain, Fault};
use crate::spec::network::recipe::RecipeError;

/// The step of a Dockerfile that failed, with what it had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedStep {
    /// As the builder names it: `RUN pip install -r requirements.txt`.
    pub text: String,
    /// Line of the author's Dockerfile, where the builder tells.
    pub line: Option<u32>,
    pub dockerfile: PathBuf,
    pub exit: Option<i64>,
    /// Its last lines.
    pub output: Vec<String>,
    pub message: String,
}

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: ", self.dockerfile.display())?,
            None => write!(f, "{}: ", self.dockerfile.display())?,
        }
        match self.exit {
            Some(exit) => write!(f, "`{}` ended with status {exit}", self.text)?,
            None => write!(f, "`{}` failed: {}", self.text, self.message)?,
        }
        for line in &self.output {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{0}")]
    Step(Box<FailedStep>),
    #[error("the base image `{image}` is neither here nor to be had\n{message}")]
    Base { image: String, message: String },
    #[error("{}: {message}", dockerfile.display())]
    Dockerfile { dockerfile: PathBuf, message: String },
    #[error("the secret `{id}` needs BuildKit, which this engine does not have")]
    NeedsBuildKit { id: String },
    #[error("the secret `{id}` has {size} bytes; BuildKit takes at most 512000")]
    SecretTooLarge { id: String, size: usize },
    #[error("the secret `{id}` cannot be read: `{from}` {reason}")]
    SecretMissing { id: String, from: String, reason: String },
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("the build was interrupted")]
    Interrupted { signal: i32 },
    #[error("the build failed: {message}")]
    Failed { message: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Explain for BuildError {
    fn fault(&self) -> Fault {
        match self {
            Self::Base { .. } | Self::Recipe(_) | Self::Context(_) => Fault::World,
            Self::Engine(error) => error.fault(),
            Self::Interrupted { signal } => Fault::Interrupted(*signal),
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Base { image, message } => {
                let registry = super::credentials::registry(image);
                let lower = message.to_lowercase();
                if ["denied", "unauthorized", "authorization", "authentication"]
                    .iter()
                    .any(|word| lower.contains(word))
                {
                    vec![format!("if the name is right: `docker login {registry}`")]
                } else if ["not found", "manifest unknown", "does not exist"]
                    .iter()
                    .any(|word| lower.contains(word))
                    && !lower.contains("lookup")
                {
                    vec!["look at the name and the tag after `FROM`".into()]
                } else {
                    vec![
                        "behind a company's network, name its mirror of the registry in `scaf.toml`: `[images] mirror = \"…\"`"
                            .into(),
                        format!("or bring the image here by hand: `docker load`, then `docker tag … {image}`"),
                    ]
                }
            }
            Self::NeedsBuildKit { .. } => {
                vec![
                    "take a docker of 18.09 or later, or podman, or an index that needs no credentials"
                        .into(),
                ]
            }
            Self::SecretMissing { .. } => vec!["set it, or take it out of the settings".into()],
            Self::Engine(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}
