//! Secrets are known by name in every plan and record; the value is read where it is used, at the
//! moment of use, and nowhere else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::network::recipe::Recipe;

/// Where the value is to be had on this machine when the step is executed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of scaf's own environment.
    Env(String),
    /// A file, read whole.
    File(PathBuf),
    /// A file that is made at that moment, readable by its owner alone, and gone afterwards.
    Recipe(Recipe),
}

/// A secret that a build may read at `/run/secrets/<id>` while one command runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSecret {
    pub id: String,
    pub source: SecretSource,
    /// Where it appears for the command, when not at `/run/secrets/<id>`.
    pub target: Option<String>,
    /// The environment variable it appears as instead, where it is to be one.
    pub env: Option<String>,
}
