//! Distributions that are named in the files beside the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::naming::Declared;
use crate::orchestrate::load::specifications;
use crate::project::python::requirements;
use crate::project::python::specs::{Platform, setup_cfg};

/// A larger file is no list that a person keeps.
const FILE_MAX: u64 = 1 << 20;

/// Reads what lies in the folders that were asked for and in the root: specifications of every kind, the lists in
/// `requirements/`, and what the project itself is called.
pub fn beside(root: &Path, asked: &[PathBuf], platform: &Platform) -> Declared {
    let mut declared = Declared::default();
    let folders = asked.iter().filter(|folder| folder.as_path() != root).cloned().chain([root.to_owned()]);
    for folder in folders {
        for found in specifications::find(&folder, root, platform, &BTreeMap::new()) {
            let is_direct = !found.read.kind.is_lock();
            for pin in &found.read.pins {
                declared.add(&pin.name, is_direct);
                if let Some(version) = &pin.version {
                    declared.pin(&pin.normalised, version);
                }
            }
        }
        lists(&folder.join("requirements"), &mut declared);
        let said = own_name(&folder.join("pyproject.toml"));
        if let Some(name) =
            said.or_else(|| text(&folder.join("setup.cfg")).as_deref().and_then(setup_cfg::name))
        {
            declared.set_own(&name);
        }
    }
    declared
}

fn lists(folder: &Path, declared: &mut Declared) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "txt" || end == "in")
            && let Some(text) = text(&path)
        {
            for found in requirements::read(&text).names {
                declared.add(&found, true);
            }
        }
    }
}

/// `project.name` of a `pyproject.toml`, or Poetry's.
fn own_name(path: &Path) -> Option<String> {
    let table: toml::Table = text(path)?.parse().ok()?;
    let project = table.get("project").or_else(|| table.get("tool")?.get("poetry"))?;
    project.get("name")?.as_str().map(str::to_owned)
}

fn text(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > FILE_MAX {
        return None;
    }
    fs::read_to_string(path).ok()
}
