//! The site folders of a Python in the order in which `site.py` puts them on `sys.path` (3.8 to 3.14, and as Debian
//! changes it).

use std::path::{Path, PathBuf};

use super::Place;
use crate::spec::env_vars::{self, Environment};

/// Those that are there.
pub(super) fn search(place: &Place, environment: &Environment) -> Vec<PathBuf> {
    let is_virtual = place.prefix != place.base_prefix || place.configuration.is_some();
    let with_system =
        place.configuration.as_ref().is_none_or(|configuration| configuration.system_site_packages);
    let is_debian = place.base_prefix.join("lib/python3/dist-packages").is_dir();
    let mut folders = Vec::new();
    if is_virtual {
        folders.extend(site_folders(place, &place.prefix, is_debian, true));
    }
    if with_system {
        // The user's own come before the system's, and behind those of a virtual environment.
        folders.extend(user_folder(place, environment));
        folders.extend(site_folders(place, &place.base_prefix, is_debian, is_virtual));
    }
    folders.retain(|folder| folder.is_dir());
    once(folders)
}

fn site_folders(place: &Place, prefix: &Path, is_debian: bool, is_virtual: bool) -> Vec<PathBuf> {
    let library = place.library.name();
    let mut folders = Vec::new();
    if is_debian {
        if is_virtual {
            folders.push(prefix.join("lib").join(&library).join("site-packages"));
        }
        folders.push(prefix.join("local/lib").join(&library).join("dist-packages"));
        folders.push(prefix.join("lib/python3/dist-packages"));
        folders.push(prefix.join("lib").join(&library).join("dist-packages"));
    } else {
        // Fedora's `sys.platlibdir` is `lib64`; elsewhere that is a link to `lib`, or not there.
        let is_link = prefix.join("lib64").symlink_metadata().is_ok_and(|lib64| lib64.is_symlink());
        for lib in if is_link { &["lib"][..] } else { &["lib64", "lib"] } {
            folders.push(prefix.join(lib).join(&library).join("site-packages"));
        }
    }
    folders
}

fn user_folder(place: &Place, environment: &Environment) -> Option<PathBuf> {
    if environment.is_set(&env_vars::PYTHONNOUSERSITE) {
        return None;
    }
    let base = environment
        .path(&env_vars::PYTHONUSERBASE)
        .or_else(|| environment.path(&env_vars::HOME).map(|home| home.join(".local")))?;
    Some(base.join("lib").join(place.library.name()).join("site-packages"))
}

/// `PYTHONPATH`, of which an empty part is the working folder.
pub(super) fn python_path(folder: &Path, environment: &Environment) -> Vec<PathBuf> {
    let Some(text) = environment.path(&env_vars::PYTHONPATH) else { return Vec::new() };
    let parts = text.as_os_str().as_encoded_bytes().split(|byte| *byte == b':');
    let path = |part: &[u8]| {
        use std::os::unix::ffi::OsStrExt;
        let part = Path::new(std::ffi::OsStr::from_bytes(part));
        if part.as_os_str().is_empty() { folder.to_owned() } else { folder.join(part) }
    };
    once(parts.map(path).filter(|path| path.exists()).collect())
}

/// The first of each.
pub(super) fn once(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !seen.contains(&path) {
            seen.push(path);
        }
    }
    seen
}
