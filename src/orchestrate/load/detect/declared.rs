//! Distributions that are named in the files beside the code.

use std::fs;
use std::path::{Path, PathBuf};

use super::naming::Declared;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::requirements;

/// A larger file is no list that a person keeps.
const FILE_MAX: u64 = 1 << 20;

/// Reads what lies in the folders that were asked for, in their `environment/`, and in the root.
pub fn beside(root: &Path, asked: &[PathBuf]) -> Declared {
    let mut declared = Declared::default();
    let mut folders: Vec<PathBuf> = vec![root.to_owned(), root.join(ENVIRONMENT), root.join("requirements")];
    for folder in asked {
        if folder != root {
            folders.extend([folder.clone(), folder.join(ENVIRONMENT), folder.join("requirements")]);
        }
    }
    for folder in folders {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_requirements = name.ends_with(".txt")
                && (name.contains("require") || folder.file_name().is_some_and(|it| it == "requirements"));
            if is_requirements && let Some(text) = text(&entry.path()) {
                for found in requirements::read(&text).names {
                    declared.add(&found, &name);
                }
            }
        }
    }
    declared
}

fn text(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > FILE_MAX {
        return None;
    }
    fs::read_to_string(path).ok()
}
