//! A bundle: an experiment's files with every symlink replaced by what it points to, identified by
//! the digest of its sorted (path, mode, content). No time, machine or checkout has a part in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the bundle's root, `/`-separated.
    pub path: String,
    /// The only part of a mode that survives every checkout.
    pub executable: bool,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content, hex.
    pub digest: String,
    /// Where the content lies, when the path in the experiment leads through a symlink.
    pub origin: Option<PathBuf>,
}

/// The contents of a bundle, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub entries: Vec<Entry>,
}

/// Changes whenever what is hashed changes, so that digests of different rules never meet.
const RULE: &str = "scaf bundle 1\n";

impl Manifest {
    /// The bundle's identity: BLAKE3 over the rule and each entry's path, mode and content digest.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(RULE.as_bytes());
        for entry in &self.entries {
            // A NUL cannot occur in a path, so no two lists of entries are written alike.
            hasher.update(entry.path.as_bytes());
            hasher.update(if entry.executable { b"\0x\0" } else { b"\0-\0" });
            hasher.update(entry.digest.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, executable: bool, digest: &str) -> Entry {
        Entry { path: path.into(), executable, size: 1, digest: digest.into(), origin: None }
    }

    #[test]
    fn the_digest_sees_path_mode_and_content_alone() {
        let one = Manifest { entries: vec![entry("a", false, "00")] };
        let mut same = one.clone();
        same.entries[0].size = 7;
        same.entries[0].origin = Some("/elsewhere".into());
        assert_eq!(one.digest(), same.digest());
        for other in [entry("b", false, "00"), entry("a", true, "00"), entry("a", false, "01")] {
            assert_ne!(one.digest(), Manifest { entries: vec![other] }.digest());
        }
    }
}
