//! Looks whether a folder is a project of the ancestor template, and reads what it says of itself.

use std::io;
use std::path::{Path, PathBuf};

use crate::project::ancestor::{self, Ancestor, CONFIG, MAKEFILE};
use crate::project::layout::SETTINGS;
use crate::spec::hint::{Explain, Fault};

/// Why it cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum AncestorError {
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{CONFIG}:{line}: not UTF-8")]
    NotText { line: usize },
    #[error("{CONFIG}:{line}: CODE_PATH is `{typed}`, {what}")]
    Code { line: usize, typed: String, what: String },
    #[error("{CONFIG} is of the ancestor template, and there is no folder `src`")]
    NoCode,
}

impl Explain for AncestorError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::NotText { .. } | Self::Code { .. } | Self::NoCode => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read { .. } => Vec::new(),
            Self::NotText { .. } => vec!["save it as UTF-8; nothing was written".to_owned()],
            Self::Code { .. } | Self::NoCode => vec![
                "write the folder of the experiments, one below the project: `CODE_PATH=./src`".to_owned(),
                "a project that has nothing to do with it belongs in a folder of its own; nothing was written"
                    .to_owned(),
            ],
        }
    }
}

/// The ancestor's project in `root`; `None` where there is none, or where it is scaf's already.
pub fn find(root: &Path) -> Result<Option<Ancestor>, AncestorError> {
    if root.join(SETTINGS).exists() || !root.join(MAKEFILE).is_file() {
        return Ok(None);
    }
    let path = root.join(CONFIG);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AncestorError::Read { path, source }),
    };
    let found = ancestor::read(&String::from_utf8_lossy(&bytes));
    let is_there = root.join(found.code_path()).is_dir();
    // A Makefile and a config.env alone make no project of that kind.
    if !found.is_certain && !is_there {
        return Ok(None);
    }
    if let Err(error) = std::str::from_utf8(&bytes) {
        let before = &bytes[..error.valid_up_to()];
        return Err(AncestorError::NotText { line: before.split(|byte| *byte == b'\n').count() });
    }
    let Some(code) = &found.code else {
        return if is_there { Ok(Some(found)) } else { Err(AncestorError::NoCode) };
    };
    let wrong = |what: &str| {
        let meant =
            if code.typed.contains('$') { format!("which makes `{}`, ", code.path) } else { String::new() };
        Err(AncestorError::Code {
            line: code.line,
            typed: code.typed.clone(),
            what: format!("{meant}{what}"),
        })
    };
    if code.path.starts_with('/') || code.path.split('/').any(|part| part == "..") {
        return wrong("and that leads out of the project");
    }
    if code.path == "." {
        return wrong("and that is the project itself");
    }
    if !is_there {
        return wrong("and there is no such folder");
    }
    Ok(Some(found))
}
