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
    pub args: BTreeMap<String, String>,
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

/// An engine's way of building.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    /// Secrets, cache mounts, parallel stages. Docker 18.09 and later.
    BuildKit,
    /// The builder of old: no secrets, no mounts. Podman's Docker-compatible endpoint takes its
    /// calls, too, and does know `RUN --mount`.
    Classic,
}
