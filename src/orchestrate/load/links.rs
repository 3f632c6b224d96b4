//! What is there of shared code, in `src/common` and in an experiment.

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{LoadError, parallel};
use crate::orchestrate::planner::dependency::Facts;
use crate::project::layout::{COMMON, Layout};
use crate::project::links::{Content, Found, Leads, Places};
use crate::project::name::ExperimentName;
use crate::project::python::imports::{self, Import, SyntaxError};
use crate::project::python::modules::Modules;
use crate::project::python::source;
use crate::project::shared::{Kind, Shared};

/// Longest text that may be a link: what Linux allows in one.
const LINK_MAX: u64 = 4096;

/// The shared code. What cannot be typed, hidden files and Python's caches are left out; a linked
/// folder counts, and is not looked into.
pub fn shared(layout: &Layout) -> Result<Shared, LoadError> {
    let dir = layout.common_dir();
    let mut shared = shared_entries(layout)?;
    let files = python_files(&shared);
    let failed = |source| LoadError::Read { path: dir.clone(), source };
    let read = parallel::map(&files, |path| file_imports(&dir.join(path))).map_err(failed)?;
    for (path, found) in files.into_iter().zip(read) {
        shared.imports.insert(path, found?);
    }
    Ok(shared)
}

/// The shared code without a look into its files.
pub fn shared_entries(layout: &Layout) -> Result<Shared, LoadError> {
    let mut shared = Shared::default();
    walk_shared(layout, &layout.common_dir(), "", &mut shared)?;
    Ok(shared)
}

/// Its Python files.
pub fn python_files(shared: &Shared) -> Vec<String> {
    shared
        .entries
        .iter()
        .filter(|(path, kind)| **kind == Kind::File && path.ends_with(".py"))
        .map(|(path, _)| path.clone())
        .collect()
}

fn walk_shared(layout: &Layout, dir: &Path, path: &str, shared: &mut Shared) -> Result<(), LoadError> {
    for (name, entry) in entries(dir)? {
        if name.starts_with('.') || name == "__pycache__" {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        let is_link = entry.is_symlink();
        if is_link {
            let link =
                link(layout, &entry).map_err(|source| LoadError::Read { path: entry.clone(), source })?;
            shared.links.insert(path.clone(), link);
        }
        let Ok(found) = fs::metadata(&entry) else { continue };
        if found.is_dir() {
            shared.entries.insert(path.clone(), Kind::Folder);
            if !is_link {
                walk_shared(layout, &entry, &path, shared)?;
            }
        } else {
            shared.entries.insert(path, Kind::File);
        }
    }
    Ok(())
}

/// The imports of one Python file, which may have a syntax error.
pub fn file_imports(path: &Path) -> Result<Result<Vec<Import>, SyntaxError>, LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    Ok(source::text(bytes).and_then(|text| imports::imports(&text)))
}

/// What a wish about shared code is planned from.
pub fn facts(layout: &Layout, experiment: &ExperimentName) -> Result<Facts, LoadError> {
    let mut own = Modules::default();
    walk_own(&layout.experiment_dir(experiment), "", &mut own)?;
    Ok(Facts {
        layout: layout.clone(),
        experiment: experiment.clone(),
        shared: shared(layout)?,
        places: places(layout, experiment)?,
        own,
    })
}

/// The Python files of an experiment; its links are not its own.
fn walk_own(dir: &Path, path: &str, own: &mut Modules) -> Result<(), LoadError> {
    for (name, entry) in entries(dir)? {
        if name.starts_with('.') || name == "__pycache__" || entry.is_symlink() {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.is_dir() {
            if !entry.join("pyvenv.cfg").is_file() {
                walk_own(&entry, &path, own)?;
            }
        } else if path.ends_with(".py") {
            own.add(&path);
        }
    }
    Ok(())
}

/// What lies at and below `common` of an experiment. Links are looked at and not followed.
pub fn places(layout: &Layout, experiment: &ExperimentName) -> Result<Places, LoadError> {
    let mut places = Places::new();
    let at = layout.experiment_dir(experiment).join(COMMON);
    if let Some(found) = look(layout, &at)? {
        let folder = found == Found::Folder;
        places.insert(COMMON.to_owned(), found);
        if folder {
            walk_places(layout, &at, COMMON, &mut places)?;
        }
    }
    Ok(places)
}

fn walk_places(layout: &Layout, dir: &Path, place: &str, places: &mut Places) -> Result<(), LoadError> {
    for (name, entry) in entries(dir)? {
        let place = format!("{place}/{name}");
        let Some(found) = look(layout, &entry)? else { continue };
        let folder = found == Found::Folder;
        places.insert(place.clone(), found);
        if folder {
            walk_places(layout, &entry, &place, places)?;
        }
    }
    Ok(())
}

/// The entries of a folder whose names are text; nothing where the folder is not there.
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, LoadError> {
    let failed = |source| LoadError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // A place with another name can hold nothing that could be imported; it is kept in view, so
        // that its folder is not taken for empty.
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    Ok(found)
}

/// One place as it is; `None` where nothing is.
pub fn look(layout: &Layout, path: &Path) -> Result<Option<Found>, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    if found.is_dir() {
        return Ok(Some(Found::Folder));
    }
    if found.is_symlink() {
        return Ok(Some(link(layout, path).map_err(failed)?));
    }
    let content = if found.len() == 0 {
        Content::Empty
    } else if found.is_file() && found.len() <= LINK_MAX {
        one_line(fs::read(path).map_err(failed)?)
    } else {
        Content::Other
    };
    Ok(Some(Found::File(content)))
}

/// A symlink and where it leads.
pub fn link(layout: &Layout, path: &Path) -> io::Result<Found> {
    let target = fs::read_link(path)?.to_string_lossy().into_owned();
    let leads = match end(path) {
        Ok(end) => {
            // The root most often is its real path already.
            let inside = end.starts_with(&layout.root) || end.starts_with(fs::canonicalize(&layout.root)?);
            if inside { Leads::Inside } else { Leads::Outside(end.to_string_lossy().into_owned()) }
        }
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Leads::Loop,
        Err(_) => Leads::Nowhere,
    };
    Ok(Found::Link { target, leads })
}

/// What `fs::canonicalize` says, which asks at each folder on the way: where `/proc` is, the kernel tells it at once.
fn end(path: &Path) -> io::Result<PathBuf> {
    let open = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    match fs::read_link(format!("/proc/self/fd/{}", open.as_raw_fd())) {
        // A file that goes meanwhile is told with a word behind its path.
        Ok(end) if end.is_absolute() && !end.as_os_str().as_bytes().ends_with(b" (deleted)") => Ok(end),
        _ => fs::canonicalize(path),
    }
}

fn one_line(bytes: Vec<u8>) -> Content {
    let Ok(text) = String::from_utf8(bytes) else { return Content::Other };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        Content::Empty
    } else if line.contains('\n') {
        Content::Other
    } else {
        Content::Line(line.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_told_apart_on_the_disk() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let common = dir.path().join("src/digits/common");
        fs::create_dir_all(common.join("deep")).unwrap();
        fs::create_dir_all(dir.path().join("src/common")).unwrap();
        fs::File::create(dir.path().join("src/common/a.py")).unwrap();
        symlink("../../common/a.py", common.join("a.py")).unwrap();
        symlink("../../common/b.py", common.join("b.py")).unwrap();
        symlink("c.py", common.join("c.py")).unwrap();
        symlink(outside.path(), common.join("deep/out")).unwrap();
        symlink("../../../../data", common.join("deep/up")).unwrap();
        fs::File::create(common.join("__init__.py")).unwrap();
        io::Write::write_all(&mut fs::File::create(common.join("t.py")).unwrap(), b"../../common/t.py")
            .unwrap();
        let experiment = ExperimentName::parse("digits").unwrap();
        let places = places(&layout, &experiment).unwrap();
        let leads = |place: &str| match &places[place] {
            Found::Link { leads, .. } => leads.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(leads("common/a.py"), Leads::Inside);
        assert_eq!(leads("common/b.py"), Leads::Nowhere);
        assert_eq!(leads("common/c.py"), Leads::Loop);
        assert!(matches!(leads("common/deep/out"), Leads::Outside(_)));
        assert_eq!(leads("common/deep/up"), Leads::Nowhere);
        assert_eq!(places["common/deep"], Found::Folder);
        assert_eq!(places["common/__init__.py"], Found::File(Content::Empty));
        assert_eq!(places["common/t.py"], Found::File(Content::Line("../../common/t.py".into())));
    }
}
