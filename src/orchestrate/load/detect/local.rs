//! Modules that lie beside the code, found in the order in which Python looks.

use std::path::PathBuf;

use super::folders::{FolderId, Folders, Found};

/// What the folders beside the code have for an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// A module or a package; nothing later on the path is asked. The files that the import loads.
    Regular {
        files: Vec<PathBuf>,
        is_file: bool,
    },
    /// Folders without `__init__.py` that hold what is asked for. Everything regular that is installed goes
    /// before them.
    Portion {
        files: Vec<PathBuf>,
    },
    /// A folder of that name that does not hold what is asked for.
    Empty {
        has_code: bool,
    },
    Nothing,
}

/// Looks `import dotted`, `from dotted import names` up below the folders, the first that has a regular
/// module first. `not` is the file that asks, which does not mean itself.
pub fn find(
    folders: &mut Folders,
    starts: &[FolderId],
    dotted: &str,
    names: &[String],
    not: Option<&std::path::Path>,
) -> Local {
    let (top, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
    let mut portions = Vec::new();
    for start in starts {
        match folders.inside(*start, top) {
            None => {}
            Some(Found::Portion(folder)) => portions.push(folder),
            Some(Found::File(file)) if not == Some(file.as_path()) => {}
            Some(Found::File(file) | Found::Extension(file)) => {
                return Local::Regular { files: vec![file], is_file: true };
            }
            Some(Found::Package(folder)) => {
                let mut files = vec![init(folders, folder)];
                inside(folders, folder, rest, names, &mut files);
                return Local::Regular { files, is_file: false };
            }
        }
    }
    if portions.is_empty() {
        return Local::Nothing;
    }
    let mut files = Vec::new();
    let mut holds = false;
    for portion in &portions {
        holds |= inside(folders, *portion, rest, names, &mut files);
    }
    if holds {
        return Local::Portion { files };
    }
    let has_code = portions.iter().any(|portion| folders.has_code(*portion));
    Local::Empty { has_code }
}

fn init(folders: &Folders, folder: FolderId) -> PathBuf {
    folders.path(folder).join("__init__.py")
}

/// Collects the files of `rest` and of the names behind it; whether all of `rest`, or, where it is empty,
/// one of the names, is there.
fn inside(
    folders: &mut Folders,
    folder: FolderId,
    rest: &str,
    names: &[String],
    files: &mut Vec<PathBuf>,
) -> bool {
    let mut at = folder;
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        match folders.inside(at, part) {
            None => return false,
            Some(Found::File(file) | Found::Extension(file)) => {
                files.push(file);
                return true;
            }
            Some(Found::Package(inner)) => {
                files.push(init(folders, inner));
                at = inner;
            }
            Some(Found::Portion(inner)) => at = inner,
        }
    }
    let mut has_name = false;
    for name in names {
        match folders.inside(at, name) {
            None => continue,
            Some(Found::File(file) | Found::Extension(file)) => files.push(file),
            Some(Found::Package(inner)) => files.push(init(folders, inner)),
            Some(Found::Portion(_)) => {}
        }
        has_name = true;
    }
    if rest.is_empty() { has_name } else { folders.is_package(at) || has_name || names.is_empty() }
}
