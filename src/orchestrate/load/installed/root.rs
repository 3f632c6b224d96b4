//! One entry of `sys.path`: what lies at its top.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::distribution::Kind;
use super::{InstalledError, Problem};
use crate::project::python::{egg_info, module_file};

/// An entry of `sys.path`.
pub(super) struct Root {
    pub path: PathBuf,
    /// The `.pth` file that added it.
    pub added_by: Option<usize>,
    /// What `import` can spell, by name.
    pub tops: HashMap<String, Top>,
    /// Metadata that lies in it, sorted by name.
    pub metadata: Vec<Metadata>,
    /// Sorted, as `site.py` reads them.
    pub path_files: Vec<String>,
}

/// What may be a module.
#[derive(Clone, Debug, Default)]
pub(super) struct Top {
    pub folder: bool,
    /// Names of files: `x.py`, `x.abi3.so`.
    pub files: Vec<String>,
}

/// Metadata of a distribution, by its name in the folder.
pub(super) struct Metadata {
    pub kind: Kind,
    pub path: PathBuf,
    /// The name without its ending.
    pub stem: String,
}

impl Root {
    /// Lists it; `None` where it is no folder, or is gone.
    pub(super) fn read(
        folder: &Path,
        added_by: Option<usize>,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Self>, InstalledError> {
        let failed = |source| InstalledError::Read { path: folder.to_owned(), source };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(source)
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            // What a user wrote into a `.pth` file is no reason to stop.
            Err(source) if added_by.is_some() => {
                problems.push(Problem::Unreadable { path: folder.to_owned(), said: source.to_string() });
                return Ok(None);
            }
            Err(source) => return Err(failed(source)),
        };
        let mut root = Self {
            path: folder.to_owned(),
            added_by,
            tops: HashMap::new(),
            metadata: Vec::new(),
            path_files: Vec::new(),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // What is not UTF-8 can be neither imported nor a distribution.
            let Ok(name) = entry.file_name().into_string() else { continue };
            root.take(name, &entry, problems);
        }
        root.metadata.sort_by(|a, b| a.path.cmp(&b.path));
        root.path_files.sort();
        Ok(Some(root))
    }

    fn take(&mut self, name: String, entry: &fs::DirEntry, problems: &mut Vec<Problem>) {
        if let Some(module) = module_file::module(&name) {
            self.tops.entry(module.to_owned()).or_default().files.push(name);
            return;
        }
        if name.ends_with(".pth") {
            self.path_files.push(name);
            return;
        }
        // A link is what it leads to; one that leads nowhere is nothing.
        let is_folder = || match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        };
        if module_file::is_identifier(&name) {
            if name != "__pycache__" && is_folder() {
                self.tops.entry(name).or_default().folder = true;
            }
            return;
        }
        let Some((stem, ending)) = name.rsplit_once('.') else { return };
        let path = entry.path();
        if name.starts_with('~') {
            // pip renames what it is about to replace so.
            if matches!(ending, "dist-info" | "egg-info") {
                problems.push(Problem::Leftover { path });
            }
            return;
        }
        if egg_info::name_and_version(stem).0.is_empty() {
            return;
        }
        let (kind, path) = match (ending, is_folder()) {
            ("dist-info", true) => (Kind::DistInfo, path),
            ("egg-info", true) => (Kind::EggInfo, path),
            ("egg-info", false) => (Kind::EggInfoFile, path),
            ("egg", true) => (Kind::Egg, path.join("EGG-INFO")),
            ("egg", false) => return problems.push(Problem::ZippedEgg { path }),
            _ => return,
        };
        self.metadata.push(Metadata { kind, path, stem: stem.to_owned() });
    }
}
