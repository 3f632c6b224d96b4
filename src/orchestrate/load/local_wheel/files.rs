//! Which files a distribution has: those of its own list, and of an editable install those of its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{self, Tree};
use super::{LocalWheelError, Request};
use crate::orchestrate::load::installed::{Distribution, InPlace, Index, Kind};
use crate::project::plain_path::plain;
use crate::project::python::flat_layout;
use crate::project::python::module_file;
use crate::project::python::requirements::normalised;
use crate::project::python::wheel_name::escaped;
use crate::spec::origin::Origin;

/// A file of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In the wheel.
    pub path: String,
    pub from: From,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    File(PathBuf),
    Text { text: String, executable: bool },
}

/// Its code; the metadata is a matter of its own.
pub fn files(
    request: &Request<'_>,
    index: Index,
    imports: &BTreeSet<String>,
) -> Result<Vec<Piece>, LocalWheelError> {
    let distribution = &request.installed[index];
    let collecting = Collecting { request, index, distribution, imports };
    let in_place = request.installed.in_place(index);
    let mut pieces = collecting.recorded(!in_place.is_empty())?;
    if !in_place.is_empty() {
        let before = pieces.len();
        for place in &in_place {
            collecting.in_place(place, &mut pieces)?;
        }
        if pieces.len() == before && !pieces.iter().any(|piece| piece.path.ends_with(".py")) {
            return Err(LocalWheelError::NoSource {
                name: distribution.name().to_owned(),
                folder: collecting.source(),
            });
        }
    }
    Ok(pieces)
}

struct Collecting<'a> {
    request: &'a Request<'a>,
    index: Index,
    distribution: &'a Distribution,
    imports: &'a BTreeSet<String>,
}

impl Collecting<'_> {
    /// The source tree of an editable install, as far as it is known.
    fn source(&self) -> PathBuf {
        match &self.distribution.provenance().origin {
            Origin::Editable { folder } => folder.clone(),
            _ => self.distribution.folder.clone(),
        }
    }

    /// What its own list names, without metadata and byte code.
    fn recorded(&self, is_in_place: bool) -> Result<Vec<Piece>, LocalWheelError> {
        let Self { request, index, distribution, .. } = self;
        // What lies in a source tree is no list of what is installed.
        if is_in_place && distribution.kind != Kind::DistInfo {
            return Ok(Vec::new());
        }
        let files = match (distribution.files(), distribution.kind) {
            (Some(files), Kind::DistInfo | Kind::EggInfo) if !files.is_empty() => files,
            _ if is_in_place => return Ok(Vec::new()),
            _ => return self.unlisted(),
        };
        let signposts = if is_in_place { request.installed.signposts(*index) } else { Vec::new() };
        let info = distribution.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut pieces = Vec::new();
        let mut missing = Vec::new();
        let mut outside = Vec::new();
        for file in files {
            let recorded = file.recorded;
            if recorded.ends_with(".pyc") || recorded.split('/').any(|part| part == "__pycache__") {
                continue;
            }
            let place = plain(&distribution.folder.join(&recorded));
            let Ok(inside) = place.strip_prefix(&distribution.folder) else {
                outside.push((recorded, place));
                continue;
            };
            let path = inside.to_string_lossy().into_owned();
            if path.split('/').next() == Some(&info) || signposts.contains(&path.as_str()) {
                continue;
            }
            match fs::metadata(&place) {
                // A link to a source tree, as flit makes it.
                Ok(meta) if meta.is_dir() => pieces.extend(self.tree(&place, &path)?),
                Ok(_) => pieces.push(Piece { path, from: From::File(place) }),
                Err(_) => missing.push(recorded),
            }
        }
        if let Some(file) = missing.first() {
            let (name, file) = (distribution.name().to_owned(), file.clone());
            return Err(LocalWheelError::Missing { name, file, others: missing.len() - 1 });
        }
        self.outside(outside, &mut pieces)?;
        Ok(pieces)
    }

    /// The whole of what nobody else says is theirs, where there is no list.
    fn unlisted(&self) -> Result<Vec<Piece>, LocalWheelError> {
        let Self { request, index, distribution, .. } = self;
        if distribution.kind == Kind::Egg {
            let mut pieces = self.tree(&distribution.folder, "")?;
            pieces.retain(|piece| !piece.path.starts_with("EGG-INFO/"));
            return Ok(pieces);
        }
        let mut pieces = Vec::new();
        for top in distribution.top_modules().iter().filter(|top| request.installed.owns_alone(*index, top)) {
            self.module(&distribution.folder.join(top), top, &mut pieces)?;
        }
        if pieces.is_empty() {
            return Err(LocalWheelError::NoFiles {
                name: distribution.name().to_owned(),
                info: distribution.path.clone(),
            });
        }
        Ok(pieces)
    }

    /// Scripts and data beside the packages, which a wheel has a place for; the rest cannot be taken along.
    fn outside(&self, files: Vec<(String, PathBuf)>, pieces: &mut Vec<Piece>) -> Result<(), LocalWheelError> {
        let Self { request, distribution, .. } = self;
        let version = distribution.version().replace('-', "_");
        let data = format!("{}-{version}.data", escaped(distribution.name()));
        let made_anew = scripts(distribution);
        // `lib/python3.11/site-packages` of the environment, of `/usr/local` and of `~/.local` alike.
        let prefixes = [Some(request.interpreter.prefix.as_path()), distribution.folder.ancestors().nth(3)];
        let (mut missing, mut lost) = (Vec::new(), Vec::new());
        for (recorded, place) in files {
            let inside = prefixes.iter().flatten().find_map(|prefix| place.strip_prefix(prefix).ok());
            let Some(inside) = inside.map(|inside| inside.to_string_lossy().into_owned()) else {
                lost.push(place.display().to_string());
                continue;
            };
            if !place.is_file() {
                missing.push(recorded);
                continue;
            }
            match inside.strip_prefix("bin/") {
                Some(script) if made_anew.contains(script) => {}
                Some(script) if !script.contains('/') => {
                    pieces.push(Piece { path: format!("{data}/scripts/{script}"), from: script_of(&place)? });
                }
                _ => pieces.push(Piece { path: format!("{data}/data/{inside}"), from: From::File(place) }),
            }
        }
        let name = distribution.name().to_owned();
        if let Some(file) = missing.first() {
            return Err(LocalWheelError::Missing { name, file: file.clone(), others: missing.len() - 1 });
        }
        if !lost.is_empty() {
            return Err(LocalWheelError::Outside { name, files: lost });
        }
        Ok(())
    }

    fn in_place(&self, place: &InPlace, pieces: &mut Vec<Piece>) -> Result<(), LocalWheelError> {
        match place {
            InPlace::Entry(folder) => {
                for top in self.tops(folder)? {
                    self.module(&folder.join(&top), &top, pieces)?;
                }
            }
            InPlace::Module { dotted, path } => self.module(path, &dotted.replace('.', "/"), pieces)?,
            InPlace::Built(_) => {
                return Err(LocalWheelError::Built { name: self.distribution.name().to_owned() });
            }
        }
        Ok(())
    }

    /// What of an entry of `sys.path` is its own: what its metadata says and what the code imports of it; where that says
    /// nothing, what a build would take for its packages.
    fn tops(&self, folder: &Path) -> Result<BTreeSet<String>, LocalWheelError> {
        let Self { distribution, imports, .. } = self;
        let failed = |source| LocalWheelError::Read { path: folder.to_owned(), source };
        let imported = imports.iter().filter_map(|dotted| dotted.split('.').next().map(str::to_owned));
        let mut tops: BTreeSet<String> = distribution.said_tops().into_iter().collect();
        if tops.is_empty() {
            let mut found = Vec::new();
            for entry in fs::read_dir(folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
                if path.is_dir() {
                    if module_file::is_identifier(name) && holds_code(&path) {
                        found.push(name.to_owned());
                    }
                } else if let Some(module) = module_file::module(name) {
                    found.push(module.to_owned());
                }
            }
            let is_root =
                ["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|file| folder.join(file).exists());
            if is_root {
                found.retain(|name| !flat_layout::is_no_part(name));
                // The one that is called like it, where there is one: that is what every tool takes first.
                let like = |name: &&String| normalised(name) == distribution.normalised;
                if let Some(own) = found.iter().find(like).cloned() {
                    found = vec![own];
                }
            }
            tops.extend(found);
        }
        tops.extend(imported);
        Ok(tops)
    }

    /// A package or module at a path that may lack the file's ending; `prefix` is its path in the wheel without that.
    fn module(&self, path: &Path, prefix: &str, pieces: &mut Vec<Piece>) -> Result<(), LocalWheelError> {
        if path.is_dir() {
            pieces.extend(self.tree(path, prefix)?);
            return Ok(());
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Ok(());
        };
        if name == "__init__.py" && path.is_file() {
            pieces.extend(self.tree(folder, prefix)?);
            return Ok(());
        }
        let above = prefix.rsplit_once('/').map_or(String::new(), |(above, _)| format!("{above}/"));
        let is_it = |file: &str| file == name || module_file::module(file) == Some(name);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(file) = entry.file_name().into_string() else { continue };
            if is_it(&file) && !file.ends_with(".pyc") && entry.path().is_file() {
                pieces.push(Piece { path: format!("{above}{file}"), from: From::File(entry.path()) });
            }
        }
        Ok(())
    }

    fn tree(&self, folder: &Path, prefix: &str) -> Result<Vec<Piece>, LocalWheelError> {
        let inside = match &self.distribution.provenance().origin {
            Origin::Editable { folder } if folder.is_dir() => folder.as_path(),
            _ => folder,
        };
        tree::files(self.request, &Tree { name: self.distribution.name(), folder, prefix, inside })
    }
}

/// Whether a module lies in it, or in a folder of it.
fn holds_code(folder: &Path) -> bool {
    const DEEPEST: usize = 4;
    fn looks(folder: &Path, depth: usize) -> bool {
        let entries: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_module = |path: &PathBuf| name(path).is_some_and(|name| module_file::module(&name).is_some());
        entries.iter().any(|path| is_module(path) && path.is_file())
            || (depth < DEEPEST && entries.iter().any(|path| path.is_dir() && looks(path, depth + 1)))
    }
    looks(folder, 0)
}

/// The names of the scripts that an installer makes by itself, from the entry points.
fn scripts(distribution: &Distribution) -> BTreeSet<String> {
    let text = fs::read_to_string(distribution.path.join("entry_points.txt")).unwrap_or_default();
    let mut section = "";
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        } else if let ("console_scripts" | "gui_scripts", Some((name, _))) = (section, line.split_once('=')) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

/// A script with the first line that installers put their own Python into.
fn script_of(path: &Path) -> Result<From, LocalWheelError> {
    let bytes = fs::read(path).map_err(|source| LocalWheelError::Read { path: path.to_owned(), source })?;
    let Ok(text) = String::from_utf8(bytes) else { return Ok(From::File(path.to_owned())) };
    Ok(match without_python(&text) {
        Some(rest) => From::Text { text: format!("#!python\n{rest}"), executable: true },
        None => From::File(path.to_owned()),
    })
}

/// What follows the line, or the three lines, that start this machine's Python; `None` for a script of another kind.
fn without_python(text: &str) -> Option<&str> {
    let (first, rest) = text.split_once('\n')?;
    // Where the path of the Python is too long for the kernel, or has a blank in it.
    if first == "#!/bin/sh" {
        let (second, rest) = rest.split_once('\n')?;
        let (third, rest) = rest.split_once('\n')?;
        return (second.starts_with("'''exec' ") && third == "' '''").then_some(rest);
    }
    (first.starts_with("#!") && first.contains("python")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_of_a_script_is_left_to_the_installer() {
        assert_eq!(without_python("#!/venv/bin/python3\nimport x\n"), Some("import x\n"));
        assert_eq!(without_python("#!/bin/sh\n'''exec' /a b/python \"$0\" \"$@\"\n' '''\nx\n"), Some("x\n"));
        assert_eq!(without_python("#!/bin/sh\necho\necho\n"), None);
        assert_eq!(without_python("#!/bin/bash\nx\n"), None);
        assert_eq!(without_python(""), None);
    }
}
