//! The folder that a build is given: an experiment's `environment/`, as values.

pub mod ignore;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is sent to the builder. Both builders get exactly these entries, so that what is hashed is
/// what is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildContext {
    /// Absolute.
    pub directory: PathBuf,
    /// The Dockerfile's name relative to the folder.
    pub dockerfile: String,
    /// The Dockerfile's text.
    pub text: String,
    /// Sorted by path.
    pub entries: Vec<ContextEntry>,
    /// Texts of the requirements files, by path: `requirements.txt`.
    pub requirements: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextEntry {
    /// Relative to the folder, `/`-separated.
    pub path: String,
    pub kind: EntryKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File {
        /// The only part of a mode that survives every checkout.
        executable: bool,
        /// Bytes.
        size: u64,
        /// BLAKE3 of the content, hex.
        digest: String,
    },
    /// A symlink that stays inside the folder, sent as one.
    Link { target: String },
    /// A folder with nothing in it.
    Folder,
}

impl BuildContext {
    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.entries
            .iter()
            .map(|entry| match entry.kind {
                EntryKind::File { size, .. } => size,
                EntryKind::Link { .. } | EntryKind::Folder => 0,
            })
            .sum()
    }
}
