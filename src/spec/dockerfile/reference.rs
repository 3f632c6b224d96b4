//! Names of images: `python:3.11-slim` is `docker.io/library/python:3.11-slim`.

use std::fmt;

/// The registry that is meant when a name has none.
const HUB: &str = "docker.io";

/// An image's name, taken apart. `python` alone means the tag `latest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub registry: String,
    /// `library/python`, `pytorch/pytorch`.
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    pub fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            // A colon before a slash belongs to the registry's port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            // Docker's rule: what stands before the first slash is a registry if it looks like a host.
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (HUB, name),
        };
        let registry = if registry == "index.docker.io" { HUB } else { registry };
        let repository =
            if registry == HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Self { registry: registry.to_owned(), repository, tag, digest }
    }

    /// Kept on Docker's own registry.
    pub fn is_on_hub(&self) -> bool {
        self.registry == HUB
    }

    /// One of the images that scaf makes; no registry has them.
    pub fn is_made_by_scaf(&self) -> bool {
        self.is_on_hub() && self.repository.starts_with("scaf/")
    }

    /// The last part of the repository: `python`, `pytorch`.
    pub fn last(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// The name under which a mirror has it, for what is on Docker's own registry; `mirror` is a
    /// registry with or without a folder: `registry.example.com/hub`.
    pub fn behind(&self, mirror: &str) -> Option<String> {
        if !self.is_on_hub() || self.is_made_by_scaf() {
            return None;
        }
        let mirror =
            mirror.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        Some(format!("{mirror}/{}{tag}{digest}", self.repository))
    }
}

/// The whole name, nothing left to a default.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}
