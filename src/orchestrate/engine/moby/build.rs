//! Images: built from a folder, with the builder that the plan names.

mod buildkit;
mod classic;
mod context;
pub(super) mod credentials;
mod failure;
mod place;
mod session;
mod watch;

use std::collections::HashMap;

pub use context::ContextError;
pub use failure::{BuildError, FailedStep};

use super::Moby;
use super::error::EngineError;
use super::run::SignalSource;
use crate::orchestrate::reporter::Reporter;
use crate::spec::image::{ArgValue, Builder, ImageBuild};
use crate::spec::secret::{BuildSecret, SecretSource};
use context::Extra;

/// BuildKit's own limit (moby/buildkit `secretsprovider.MaxSecretSize`).
const SECRET_LIMIT: usize = 500 * 1024;
/// Podman moves files of these names out of the context before it builds.
const SECRET_FILE: &str = "podman-build-secret";

/// An image that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The engine's id of it.
    pub id: String,
}

/// A build argument with its value.
struct Argument {
    name: String,
    value: String,
}

impl Moby {
    /// Builds and tags. What the builder tells goes to the reporter as it comes. The first signal to this
    /// process ends the build.
    pub fn build(&self, build: &ImageBuild, reporter: &dyn Reporter) -> Result<Built, BuildError> {
        self.build_until(build, reporter, SignalSource::Process)
    }

    /// The same with signals from elsewhere.
    pub fn build_until(
        &self,
        build: &ImageBuild,
        reporter: &dyn Reporter,
        signals: SignalSource,
    ) -> Result<Built, BuildError> {
        let secrets = self.secrets(build)?;
        let mut extras = Vec::new();
        if let Some(text) = &build.text {
            extras.push(Extra { path: &build.dockerfile, content: text.as_bytes() });
        }
        let files: Vec<(String, String)> = match build.builder {
            Builder::BuildKit => Vec::new(),
            Builder::Classic => match build.secrets.first() {
                Some(secret) => return Err(BuildError::NeedsBuildKit { id: secret.id.clone() }),
                None => Vec::new(),
            },
            Builder::Buildah => build
                .secrets
                .iter()
                .enumerate()
                .map(|(number, secret)| (secret.id.clone(), format!("{SECRET_FILE}{number}")))
                .collect(),
        };
        for (id, path) in &files {
            let content = secrets.get(id).map(Vec::as_slice).unwrap_or_default();
            extras.push(Extra { path, content });
        }
        let context = context::archive(&build.context, &build.dockerfile, &extras)?;
        let arguments: Vec<Argument> = build
            .args
            .iter()
            .filter_map(|(name, value)| {
                let value = match value {
                    ArgValue::Plain(value) => value.clone(),
                    // One that is not set here is not given, as with `--build-arg NAME`.
                    ArgValue::FromHost => self.surroundings.raw(name)?,
                };
                Some(Argument { name: name.clone(), value })
            })
            .collect();
        // A runtime of its own: with it go all connections, and a build whose connections are closed is over.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| EngineError::Runtime { engine: self.engine(), reason: error.to_string() })?;
        runtime.block_on(async {
            let mut signals = signals
                .listen()
                .map_err(|error| EngineError::Runtime { engine: self.engine(), reason: error.to_string() })?;
            match build.builder {
                Builder::BuildKit => {
                    let session =
                        session::Session { context, secrets, surroundings: self.surroundings.clone() };
                    buildkit::build(self, build, &arguments, session, reporter, &mut signals).await
                }
                Builder::Classic | Builder::Buildah => {
                    classic::build(self, build, &arguments, &files, context, reporter, &mut signals).await
                }
            }
        })?;
        drop(runtime);
        let image = self.image(&build.tag)?.ok_or_else(|| BuildError::Failed {
            message: format!("the builder was content, but there is no image `{}`", build.tag),
        })?;
        Ok(Built { id: image.id })
    }

    /// The secrets' contents, read now.
    fn secrets(&self, build: &ImageBuild) -> Result<HashMap<String, Vec<u8>>, BuildError> {
        let mut contents = HashMap::new();
        for BuildSecret { id, source, target: _, env: _ } in &build.secrets {
            let missing = |from: &str, reason: String| BuildError::SecretMissing {
                id: id.clone(),
                from: from.to_owned(),
                reason,
            };
            let content = match source {
                SecretSource::Env(name) => self
                    .surroundings
                    .raw(name)
                    .ok_or_else(|| missing(name, "is not set".to_owned()))?
                    .into_bytes(),
                SecretSource::File(path) => std::fs::read(path)
                    .map_err(|error| missing(&path.to_string_lossy(), error.to_string()))?,
                SecretSource::Recipe(recipe) => recipe
                    .make(&|name| self.surroundings.get(name), &|path| std::fs::read_to_string(path))?
                    .into_bytes(),
            };
            if build.builder == Builder::BuildKit && content.len() > SECRET_LIMIT {
                return Err(BuildError::SecretTooLarge { id: id.clone(), size: content.len() });
            }
            contents.insert(id.clone(), content);
        }
        Ok(contents)
    }
}

/// The line of the author's file that a line of the text sent stands for.
fn authors_line(build: &ImageBuild, line: u32) -> u32 {
    let Some(text) = &build.text else { return line };
    crate::spec::dockerfile::rewrite::authors_line(text, line)
}

/// The Dockerfile's text as it was sent.
fn build_text(build: &ImageBuild) -> Option<String> {
    match &build.text {
        Some(text) => Some(text.clone()),
        None => std::fs::read_to_string(build.context.join(&build.dockerfile)).ok(),
    }
}
