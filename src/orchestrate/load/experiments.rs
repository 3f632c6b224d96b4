//! Finds the project, and the experiments in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LoadError;
use crate::project::experiment::Experiment;
use crate::project::layout::{COMMON, ENVIRONMENT, Layout, SETTINGS};
use crate::project::name::ExperimentName;

/// The nearest folder at or above `start` that holds a `scaf.toml`.
pub fn find_project(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join(SETTINGS).is_file()).map(Path::to_owned)
}

/// Every experiment of the project, sorted by name: a folder below the code folder that has an
/// `environment/` folder. None lies inside another, the shared code is none, and links to folders are
/// not followed. A name that breaks the rule for new names is taken as it is; `scaf check` says so.
///
/// An experiment costs one `stat`: what is in it is not looked at.
pub fn experiments(layout: &Layout) -> Result<Vec<Experiment>, LoadError> {
    let code = layout.code_dir();
    let mut found = Vec::new();
    descend(layout, &code, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn descend(layout: &Layout, dir: &Path, name: &str, found: &mut Vec<Experiment>) -> Result<(), LoadError> {
    let failed = |source| LoadError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // The code folder need not be there, and a folder may go while it is looked at.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if !entry.file_type().map_err(failed)?.is_dir() {
            continue;
        }
        let file_name = entry.file_name();
        // A name that is no text cannot be typed or imported.
        let Some(last) = file_name.to_str() else { continue };
        if last.starts_with('.') || last == "__pycache__" || (name.is_empty() && last == COMMON) {
            continue;
        }
        let path = if name.is_empty() { last.to_owned() } else { format!("{name}/{last}") };
        let dir = entry.path();
        if is_elsewhere(layout, &dir) {
            continue;
        }
        if dir.join(ENVIRONMENT).is_dir() {
            found.extend(ExperimentName::adopted(&path).map(|name| Experiment { name, dir }));
        } else if !dir.join("pyvenv.cfg").is_file() {
            descend(layout, &dir, &path, found)?;
        }
    }
    Ok(())
}

/// Of more folders and files than this, code is looked for in none.
const LOOKED_AT: usize = 2_000;

/// Whether a folder of that name has code, and is no experiment for want of an `environment/` alone.
pub fn lacks_environment(layout: &Layout, name: &ExperimentName) -> bool {
    let mut dir = layout.code_dir();
    for part in name.as_str().split('/') {
        dir.push(part);
        if dir.join(ENVIRONMENT).is_dir() || is_elsewhere(layout, &dir) || part.starts_with('.') {
            return false;
        }
    }
    let is_shared = name.as_str().split('/').next() == Some(COMMON);
    !is_shared
        && dir.is_dir()
        && !dir.is_symlink()
        && has_code(&dir, &mut { LOOKED_AT })
        && experiments(layout).is_ok_and(|all| !all.iter().any(|inner| inner.dir.starts_with(&dir)))
}

/// The folders right below the code folder of which that is true.
pub fn all_lacking_environment(layout: &Layout) -> Vec<ExperimentName> {
    let entries = fs::read_dir(layout.code_dir()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<ExperimentName> = names
        .filter_map(|name| ExperimentName::adopted(&name))
        .filter(|name| lacks_environment(layout, name))
        .collect();
    found.sort();
    found
}

fn has_code(dir: &Path, left: &mut usize) -> bool {
    if dir.join("pyvenv.cfg").is_file() {
        return false;
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Some(rest) = left.checked_sub(1) else { return false };
        *left = rest;
        let Ok(file) = entry.file_name().into_string() else { continue };
        match entry.file_type() {
            Ok(kind) if kind.is_file() && (file.ends_with(".py") || file.ends_with(".ipynb")) => return true,
            Ok(kind) if kind.is_dir() && !file.starts_with('.') && file != "__pycache__" => {
                folders.push(entry.path());
            }
            _ => {}
        }
    }
    folders.iter().any(|folder| has_code(folder, left))
}

/// Folders with a meaning of their own: below the code folder only where a project taken over says
/// that its code folder is the root.
fn is_elsewhere(layout: &Layout, dir: &Path) -> bool {
    (layout.code.as_os_str().is_empty() || layout.code == Path::new("."))
        && [layout.data_dir(), layout.models_dir(), layout.notebooks_dir(), layout.runs_dir()]
            .iter()
            .any(|other| other.components().eq(dir.components()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn project(folders: &[&str]) -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let layout = Layout::new(dir.path());
        (dir, layout)
    }

    fn names(layout: &Layout) -> Vec<String> {
        experiments(layout).unwrap().into_iter().map(|found| found.name.as_str().to_owned()).collect()
    }

    #[test]
    fn experiments_are_folders_with_an_environment() {
        let (_dir, layout) = project(&[
            "src/digits/environment",
            "src/digits/inner/environment",
            "src/vision/ocr/environment",
            "src/vision/Old-Style/environment",
            "src/vision/notes",
            "src/common/environment",
            "src/common/deep/environment",
            "src/.hidden/environment",
            "elsewhere/environment",
        ]);
        fs::create_dir_all(layout.root.join("src/venv/lib/thing/environment")).unwrap();
        fs::File::create(layout.root.join("src/venv/pyvenv.cfg")).unwrap();
        symlink("digits", layout.root.join("src/again")).unwrap();
        symlink("..", layout.root.join("src/vision/up")).unwrap();
        assert_eq!(names(&layout), ["digits", "vision/Old-Style", "vision/ocr"]);
    }

    #[test]
    fn no_code_folder_is_no_experiment() {
        let (_dir, layout) = project(&["data"]);
        assert!(names(&layout).is_empty());
    }

    #[test]
    fn the_root_may_be_the_code_folder() {
        let (_dir, mut layout) =
            project(&["digits/environment", "runs/digits/1/environment", "data/x/environment"]);
        layout.code = PathBuf::from(".");
        assert_eq!(names(&layout), ["digits"]);
    }

    #[test]
    fn a_folder_with_code_may_lack_an_environment_alone() {
        let (_dir, layout) = project(&[
            "src/digits/environment",
            "src/digits/inner",
            "src/empty",
            "src/vision/ocr/environment",
            "src/vision/notes",
            "src/venv/lib",
        ]);
        for file in [
            "digits/inner/x.py",
            "vision/notes/deep/n.ipynb",
            "vision/x.py",
            "loose/x.py",
            "common/x.py",
            "venv/lib/x.py",
            "data/x.csv",
        ] {
            let path = layout.code_dir().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap();
        }
        fs::File::create(layout.code_dir().join("venv/pyvenv.cfg")).unwrap();
        symlink("loose", layout.code_dir().join("link")).unwrap();
        let lacks =
            |name: &str| ExperimentName::adopted(name).is_some_and(|name| lacks_environment(&layout, &name));
        for name in ["loose", "vision/notes"] {
            assert!(lacks(name), "{name}");
        }
        for name in
            ["digits", "digits/inner", "empty", "vision", "vision/ocr", "common", "data", "link", "none"]
        {
            assert!(!lacks(name), "{name}");
        }
        assert_eq!(all_lacking_environment(&layout), [ExperimentName::adopted("loose").unwrap()]);
    }

    #[test]
    fn the_project_is_the_nearest_above() {
        let (dir, _) = project(&["outer/inner/src/x"]);
        let outer = dir.path().join("outer");
        let inner = outer.join("inner");
        assert_eq!(find_project(&inner.join("src/x")), None);
        fs::File::create(outer.join(SETTINGS)).unwrap();
        assert_eq!(find_project(&inner.join("src/x")), Some(outer.clone()));
        fs::File::create(inner.join(SETTINGS)).unwrap();
        assert_eq!(find_project(&inner.join("src/x")), Some(inner.clone()));
        assert_eq!(find_project(&outer), Some(outer));
    }
}
