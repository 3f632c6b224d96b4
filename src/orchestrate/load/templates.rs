//! Templates: the built-in ones, those of the project, those at a path.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::project::layout::Layout;
use crate::project::template::{Content, File, TemplateError};
use crate::spec::hint::Explain;

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

#[derive(Debug, thiserror::Error)]
pub enum TemplateLoadError {
    #[error("there is no template `{name}`")]
    Unknown { name: String, known: Vec<String> },
    #[error("cannot read the template's `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the template's `{path}` is not text")]
    NotText { path: PathBuf },
    #[error("the template folder `{path}` has no file in it")]
    Empty { path: PathBuf },
    #[error(transparent)]
    Render(#[from] TemplateError),
}

impl Explain for TemplateLoadError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { known, .. } => vec![
                format!("there are: {}", known.join(", ")),
                "a path needs a `/` in it, such as `./my-template`".to_owned(),
            ],
            Self::Render(TemplateError::Text { .. }) => {
                vec!["`<{ name }>` stands for a variable in a template; nothing was written".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// The files of the project template.
pub fn project() -> Result<Vec<File>, TemplateLoadError> {
    built_in("project")
}

/// Names of the experiment templates that `--template` takes, the built-in ones first.
pub fn names(layout: Option<&Layout>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN
        .get_dir("experiment")
        .into_iter()
        .flat_map(Dir::dirs)
        .filter_map(|dir| dir.path().file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    if let Some(layout) = layout
        && let Ok(entries) = std::fs::read_dir(layout.root.join("templates"))
    {
        let mut own: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !names.contains(name))
            .collect();
        own.sort();
        names.extend(own);
    }
    names
}

/// The files of an experiment template: a path if it has a `/`, else a folder of the project's
/// `templates/`, else a built-in one.
pub fn experiment(
    name: &str,
    directory: &Path,
    layout: Option<&Layout>,
) -> Result<Vec<File>, TemplateLoadError> {
    if name.contains('/') {
        let path = directory.join(name);
        if !path.is_dir() {
            return Err(TemplateLoadError::Unknown { name: name.to_owned(), known: names(layout) });
        }
        return folder(&path);
    }
    if let Some(layout) = layout {
        let own = layout.root.join("templates").join(name);
        if own.is_dir() {
            return folder(&own);
        }
    }
    if name.is_empty() || BUILT_IN.get_dir(format!("experiment/{name}")).is_none() {
        return Err(TemplateLoadError::Unknown { name: name.to_owned(), known: names(layout) });
    }
    built_in(&format!("experiment/{name}"))
}

fn built_in(path: &str) -> Result<Vec<File>, TemplateLoadError> {
    let mut files = Vec::new();
    if let Some(dir) = BUILT_IN.get_dir(path) {
        collect(dir, path, &mut files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(dir: &Dir<'_>, base: &str, files: &mut Vec<File>) -> Result<(), TemplateLoadError> {
    for file in dir.files() {
        let text = file
            .contents_utf8()
            .ok_or_else(|| TemplateLoadError::NotText { path: file.path().to_owned() })?;
        let path = file.path().strip_prefix(base).unwrap_or(file.path()).to_string_lossy().into_owned();
        files.push(File::text(path, text));
    }
    for inner in dir.dirs() {
        collect(inner, base, files)?;
    }
    Ok(())
}

/// Every file of a folder on the disk.
pub fn folder(path: &Path) -> Result<Vec<File>, TemplateLoadError> {
    let mut files = Vec::new();
    descend(path, path, &mut files)?;
    if files.is_empty() {
        return Err(TemplateLoadError::Empty { path: path.to_owned() });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn descend(base: &Path, path: &Path, files: &mut Vec<File>) -> Result<(), TemplateLoadError> {
    use std::os::unix::fs::PermissionsExt as _;
    let read = |path: &Path, source| TemplateLoadError::Read { path: path.to_owned(), source };
    for entry in std::fs::read_dir(path).map_err(|source| read(path, source))? {
        let entry = entry.map_err(|source| read(path, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| read(&path, source))?;
        let name = entry.file_name();
        if kind.is_dir() {
            if name != ".git" && name != "__pycache__" {
                descend(base, &path, files)?;
            }
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|source| read(&path, source))?;
        // A zero byte is in no text that anybody wrote, though it is UTF-8.
        let content = match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Content::Text(text),
            _ => Content::CopyOf(path.clone()),
        };
        let executable = entry.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
        let relative = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
        files.push(File { path: relative, content, executable });
    }
    Ok(())
}
