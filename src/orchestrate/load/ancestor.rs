//! Looks whether a folder is a project of the ancestor template, and reads what it says of itself.

use std::path::Path;

use super::LoadError;
use crate::project::ancestor::{self, Ancestor, CONFIG, MAKEFILE};
use crate::project::layout::SETTINGS;

/// The ancestor's project in `root`; `None` where there is none, or where it is scaf's already.
pub fn find(root: &Path) -> Result<Option<Ancestor>, LoadError> {
    if root.join(SETTINGS).exists() || !root.join(MAKEFILE).is_file() {
        return Ok(None);
    }
    let path = root.join(CONFIG);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Read { path, source }),
    };
    let found = ancestor::read(&String::from_utf8_lossy(&bytes));
    // A Makefile and a config.env alone make no project of that kind.
    let code = found.code.as_deref().unwrap_or("src");
    Ok(root.join(code).is_dir().then_some(found))
}
