//! Where an installed distribution came from, and how that is known.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The ways in which a distribution can be had again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A package index. Installers write down which one only in rare cases.
    Index {
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// `cu121` of `2.1.0+cu121`: an index for general use takes no version with such a label, so it names
        /// a build of the project's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// A commit of a repository.
    Vcs {
        /// `git`, `hg`, …
        system: String,
        url: String,
        commit: String,
        /// The branch, tag or commit that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        requested: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    /// A wheel or source archive at an address.
    Url {
        url: String,
        /// `sha256=…`.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    /// A wheel or source archive on this machine.
    Archive {
        path: PathBuf,
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
    },
    /// A source tree of this machine that is used in place.
    Editable { folder: PathBuf },
    /// A source tree of this machine, of which a copy was installed.
    Folder { folder: PathBuf },
    /// A conda package.
    Conda {
        /// Its name there, which may be another than the distribution's.
        package: String,
        version: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        build: Option<String>,
    },
    /// The operating system's package manager.
    System {
        #[serde(skip_serializing_if = "Option::is_none")]
        manager: Option<String>,
    },
    /// Nothing says.
    Unknown,
}

impl Origin {
    /// Whether it is code of this machine, which nobody else can fetch.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Archive { .. } | Self::Editable { .. } | Self::Folder { .. } => true,
            Self::Index { .. }
            | Self::Vcs { .. }
            | Self::Url { .. }
            | Self::Conda { .. }
            | Self::System { .. }
            | Self::Unknown => false,
        }
    }
}

/// An origin with what it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    #[serde(flatten)]
    pub origin: Origin,
    /// A sentence: the file that says so, and what it says.
    pub evidence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_its_kind_and_evidence_side_by_side() {
        let index = Provenance {
            origin: Origin::Index { url: None, label: Some("cu121".to_owned()) },
            evidence: "`INSTALLER` says pip".to_owned(),
        };
        let text = serde_json::to_string(&index).unwrap();
        assert_eq!(text, r#"{"kind":"index","label":"cu121","evidence":"`INSTALLER` says pip"}"#);
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), index);
        assert!(Origin::Folder { folder: "/x".into() }.is_local() && !index.origin.is_local());
    }
}
