//! Which Python an image has, as far as its name tells.

use std::collections::BTreeMap;

use super::reference::Reference;
use super::{Base, Dockerfile};

/// The minor version, e.g. `3.11`, of the Python in the image that comes out; `None` where the name
/// of its base does not tell (`pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime`).
pub fn python_version(text: &str) -> Option<String> {
    match Dockerfile::read(text, &BTreeMap::new()).final_base()? {
        Base::Image(image) => of_image(image),
        Base::Scratch | Base::Stage(_) | Base::Unknown(_) => None,
    }
}

/// The same from an image's name.
pub fn of_image(image: &str) -> Option<String> {
    let reference = Reference::parse(image);
    let tag = reference.tag.as_deref()?;
    // `python:3.11-slim`, `cimg/python:3.11.7`; the devcontainers' begin with a version of their own.
    if reference.last() == "python" {
        let own = if reference.repository.contains("devcontainers/") {
            tag.split('-').find(|part| part.starts_with("3."))
        } else {
            Some(tag)
        };
        if let Some(version) = own.and_then(minor) {
            return Some(version);
        }
    }
    // `uv:python3.11-bookworm`, `minimal-notebook:python-3.11`, `pytorch:2.1-py3.10`, `…-py310-…`.
    let lower = tag.to_ascii_lowercase();
    for marker in ["python-", "python", "py"] {
        let mut rest = lower.as_str();
        while let Some(at) = rest.find(marker) {
            let after = &rest[at + marker.len()..];
            if let Some(version) = minor(after).or_else(|| joined(after)) {
                return Some(version);
            }
            rest = after;
        }
    }
    None
}

/// `3.11` at the beginning of `3.11`, `3.11.7`, `3.11-slim`.
fn minor(text: &str) -> Option<String> {
    let rest = text.strip_prefix("3.")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let after = rest[digits.len()..].chars().next();
    let ends = after.is_none_or(|c| !c.is_ascii_alphanumeric() || matches!(c, 'a' | 'b' | 'r'));
    (ends && matches!(digits.len(), 1 | 2)).then(|| format!("3.{digits}"))
}

/// `3.11` out of `311`, `38-…`.
fn joined(text: &str) -> Option<String> {
    let rest = text.strip_prefix('3')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let after = rest[digits.len()..].chars().next();
    let ends = after.is_none_or(|c| !c.is_ascii_alphanumeric());
    (ends && matches!(digits.len(), 1 | 2)).then(|| format!("3.{digits}"))
}
