//! An image to be built: from what, under which name, with which help for the network it is built in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::BuildSecret;

/// One build. `context` is the experiment's `environment/` folder, or a folder made by scaf for a
/// layer on top of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageBuild {
    /// `scaf/<project>/<experiment>:<hash of the inputs>`.
    pub tag: String,
    /// Absolute folder that is sent.
    pub context: PathBuf,
    /// Path of the Dockerfile relative to the context, as its author wrote it.
    pub dockerfile: String,
    /// The text that is sent instead of the author's, with the secret and cache mounts added; `None`
    /// sends the author's.
    pub text: Option<String>,
    /// What a client without BuildKit can build to the same image, keeping no downloads: for the shell
    /// that is printed, where a client's plugin may be absent. `None` where there is no such text,
    /// since secrets are needed.
    #[serde(default)]
    pub plain: Option<PlainText>,
    /// Build arguments. One that is taken from the host (a proxy, which may hold a password) is known
    /// by name alone.
    pub args: BTreeMap<String, ArgValue>,
    pub labels: BTreeMap<String, String>,
    pub secrets: Vec<BuildSecret>,
    /// `--network` of the build, e.g. `host`.
    pub network: Option<String>,
    /// Ask the registry for newer base images first.
    pub pull: bool,
    /// Build every layer anew.
    pub no_cache: bool,
    /// Which of the engine's builders is to be used; chosen by the planner from the facts.
    pub builder: Builder,
}

/// A Dockerfile without the mounts of BuildKit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainText {
    /// The file in the context, as it is.
    Own,
    Text(String),
}

impl ImageBuild {
    /// Whether the docker client needs its BuildKit plugin for this.
    pub fn needs_buildkit_client(&self) -> bool {
        self.builder == Builder::BuildKit && self.text.is_some() && self.plain.is_none()
    }

    /// The text that the docker client is given on its standard input; `None`: the context's own.
    pub fn text_for_client(&self) -> Option<&str> {
        match &self.plain {
            Some(PlainText::Own) if self.builder == Builder::BuildKit => None,
            Some(PlainText::Text(text)) if self.builder == Builder::BuildKit => Some(text),
            _ => self.text.as_deref(),
        }
    }
}

/// The value of a build argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgValue {
    Plain(String),
    /// Taken from scaf's own environment when the build starts; only the name is ever written down.
    /// Prints as `--build-arg NAME`.
    FromHost,
}

/// An engine's way of building.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    /// Secrets, cache mounts, parallel stages. Docker 18.09 and later.
    BuildKit,
    /// Podman's: called as the builder of old, but it knows `RUN --mount`, and takes secrets as files
    /// of the context that the parameter `secrets` names (it moves them out before it builds; seen in
    /// the source of 4.0 and with 4.3).
    Buildah,
    /// The builder of old: no secrets, no mounts.
    Classic,
}

impl Builder {
    /// Knows `RUN --mount`, for secrets and for caches.
    pub fn knows_mounts(self) -> bool {
        match self {
            Self::BuildKit | Self::Buildah => true,
            Self::Classic => false,
        }
    }
}
