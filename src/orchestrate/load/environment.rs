//! Reads an experiment's `environment/` folder: what a build is given, and the identity of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::spec::build_context::ignore::DockerIgnore;
use crate::spec::build_context::{BuildContext, ContextEntry, EntryKind};
use crate::spec::hint::{Explain, Fault};

/// The name that Docker looks for.
pub const DOCKERFILE: &str = "Dockerfile";
/// Requirements beyond this are not looked into.
const REQUIREMENTS_MAX: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    #[error("`{}` has no `{dockerfile}`", directory.display())]
    NoDockerfile { directory: PathBuf, dockerfile: String },
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not UTF-8 text", path.display())]
    NotText { path: PathBuf },
    #[error("the name of `{}` is not UTF-8, which a build cannot be sent", path.display())]
    Name { path: PathBuf },
    #[error("`{}` leads out of `{}`, where a build cannot follow", link.display(), directory.display())]
    LeadsOut { link: PathBuf, directory: PathBuf, target: PathBuf },
    #[error("`{}` is neither a file, a folder nor a link", path.display())]
    Kind { path: PathBuf },
}

impl Explain for EnvironmentError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::NoDockerfile { .. }
            | Self::NotText { .. }
            | Self::Name { .. }
            | Self::LeadsOut { .. }
            | Self::Kind { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoDockerfile { directory, dockerfile } => vec![format!(
                "write `{}`; two lines do: `FROM python:3.11-slim` and `RUN pip install …`",
                directory.join(dockerfile).display()
            )],
            Self::LeadsOut { link, target, .. } => {
                vec![format!(
                    "replace the link by the file: `cp --remove-destination {} {}`",
                    target.display(),
                    link.display()
                )]
            }
            Self::Name { .. } | Self::Kind { .. } => {
                vec!["take it out of the folder, or name it in `.dockerignore`".to_owned()]
            }
            Self::Read { .. } | Self::NotText { .. } => Vec::new(),
        }
    }
}

/// Reads the folder. `dockerfile` is relative to it.
pub fn read(directory: &Path, dockerfile: &str) -> Result<BuildContext, EnvironmentError> {
    let file = directory.join(dockerfile);
    let text = match text(&file) {
        Err(EnvironmentError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(EnvironmentError::NoDockerfile {
                directory: directory.to_owned(),
                dockerfile: dockerfile.to_owned(),
            });
        }
        other => other?,
    };
    // BuildKit prefers the one that belongs to the Dockerfile.
    let mut rules = DockerIgnore::default();
    for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
        let path = directory.join(&name);
        if path.is_file() {
            rules = DockerIgnore::read(&self::text(&path)?);
            break;
        }
    }
    let mut walk = Walk { directory, dockerfile, rules, entries: Vec::new(), requirements: Vec::new() };
    walk.folder("")?;
    walk.entries.sort_by(|a, b| a.path.cmp(&b.path));
    walk.requirements.sort();
    Ok(BuildContext {
        directory: directory.to_owned(),
        dockerfile: dockerfile.to_owned(),
        text,
        entries: walk.entries,
        requirements: walk.requirements,
    })
}

struct Walk<'a> {
    directory: &'a Path,
    dockerfile: &'a str,
    rules: DockerIgnore,
    entries: Vec<ContextEntry>,
    requirements: Vec<(String, String)>,
}

impl Walk<'_> {
    /// Takes in what is in a folder; `relative` is empty for the top.
    fn folder(&mut self, relative: &str) -> Result<(), EnvironmentError> {
        let folder = self.directory.join(relative);
        let failed = |source| EnvironmentError::Read { path: folder.clone(), source };
        let before = self.entries.len();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(EnvironmentError::Name { path });
            };
            let relative = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            let kind = entry.file_type().map_err(failed)?;
            // The Dockerfile is always sent.
            if relative != self.dockerfile && !kind.is_dir() && self.rules.leaves_out(&relative) {
                continue;
            }
            if kind.is_dir() {
                if !self.rules.leaves_out_all_below(&relative) {
                    self.folder(&relative)?;
                }
            } else if kind.is_symlink() {
                let target = self.link(&path)?;
                self.entries.push(ContextEntry { path: relative, kind: EntryKind::Link { target } });
            } else if kind.is_file() {
                let kind = self.file(&path, &relative)?;
                self.entries.push(ContextEntry { path: relative, kind });
            } else {
                return Err(EnvironmentError::Kind { path });
            }
        }
        if self.entries.len() == before && !relative.is_empty() && !self.rules.leaves_out(relative) {
            self.entries.push(ContextEntry { path: relative.to_owned(), kind: EntryKind::Folder });
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, relative: &str) -> Result<EntryKind, EnvironmentError> {
        let failed = |source| EnvironmentError::Read { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        let mut hasher = blake3::Hasher::new();
        let mut file = fs::File::open(path).map_err(failed)?;
        let size = io::copy(&mut file, &mut hasher).map_err(failed)?;
        if is_requirements(relative) && size <= REQUIREMENTS_MAX as u64 {
            // Only for telling what changed: one that is not text is told of as a whole.
            if let Ok(text) = text(path) {
                self.requirements.push((relative.to_owned(), text));
            }
        }
        let digest = hasher.finalize().to_hex().to_string();
        Ok(EntryKind::File { executable: mode & 0o111 != 0, size, digest })
    }

    /// The target as written, of a link that stays inside the folder.
    fn link(&self, path: &Path) -> Result<String, EnvironmentError> {
        let target =
            fs::read_link(path).map_err(|source| EnvironmentError::Read { path: path.to_owned(), source })?;
        let leads_out = || EnvironmentError::LeadsOut {
            link: path.to_owned(),
            directory: self.directory.to_owned(),
            target: fs::canonicalize(path).unwrap_or_else(|_| target.clone()),
        };
        let relative = path.parent().unwrap_or(path).strip_prefix(self.directory).unwrap_or(Path::new(""));
        let mut depth = relative.components().count();
        for component in target.components() {
            match component {
                Component::RootDir | Component::Prefix(_) => return Err(leads_out()),
                Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(leads_out)?,
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
            }
        }
        // Every step may itself be a link: where it ends counts as well, if it ends anywhere.
        if let (Ok(end), Ok(top)) = (fs::canonicalize(path), fs::canonicalize(self.directory))
            && !end.starts_with(&top)
        {
            return Err(leads_out());
        }
        target.into_os_string().into_string().map_err(|_| EnvironmentError::Name { path: path.to_owned() })
    }
}

/// `requirements.txt`, `requirements.lock`, `requirements-dev.txt`.
fn is_requirements(relative: &str) -> bool {
    !relative.contains('/') && relative.starts_with("requirements")
}

fn text(path: &Path) -> Result<String, EnvironmentError> {
    let bytes = fs::read(path).map_err(|source| EnvironmentError::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|_| EnvironmentError::NotText { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        put(&dir, "Dockerfile", "FROM python:3.11-slim\n");
        put(&dir, "requirements.txt", "numpy==2.4.1\n");
        dir
    }

    fn put(dir: &tempfile::TempDir, path: &str, text: &str) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    fn paths(context: &BuildContext) -> Vec<&str> {
        context.entries.iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn files_modes_links_and_empty_folders() {
        let dir = project();
        put(&dir, "setup/install.sh", "#!/bin/sh\n");
        fs::set_permissions(dir.path().join("setup/install.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../requirements.txt", dir.path().join("setup/requirements.txt")).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        let context = read(dir.path(), DOCKERFILE).unwrap();
        assert_eq!(
            paths(&context),
            ["Dockerfile", "empty", "requirements.txt", "setup/install.sh", "setup/requirements.txt"]
        );
        assert_eq!(context.entries[1].kind, EntryKind::Folder);
        assert!(matches!(context.entries[3].kind, EntryKind::File { executable: true, size: 10, .. }));
        assert_eq!(context.entries[4].kind, EntryKind::Link { target: "../requirements.txt".into() });
        assert_eq!(context.requirements, [("requirements.txt".to_owned(), "numpy==2.4.1\n".to_owned())]);
    }

    #[test]
    fn dockerignore_is_heeded_and_the_dockerfile_always_sent() {
        let dir = project();
        put(&dir, "wheels/a.whl", "");
        put(&dir, "notes.md", "");
        put(&dir, ".dockerignore", "*\n!requirements.txt\n");
        let context = read(dir.path(), DOCKERFILE).unwrap();
        assert_eq!(paths(&context), ["Dockerfile", "requirements.txt"]);
        put(&dir, "Dockerfile.dockerignore", "wheels\n");
        let context = read(dir.path(), DOCKERFILE).unwrap();
        assert_eq!(
            paths(&context),
            [".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "notes.md", "requirements.txt"]
        );
    }

    #[test]
    fn what_a_build_cannot_be_sent_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        put(&outer, "outside.txt", "");
        let dir = tempfile::tempdir_in(outer.path()).unwrap();
        put(&dir, "Dockerfile", "FROM python:3.11-slim\n");
        for target in ["/etc/hosts", "../outside.txt", "x/../../outside.txt"] {
            let link = dir.path().join("link");
            symlink(target, &link).unwrap();
            assert!(
                matches!(read(dir.path(), DOCKERFILE), Err(EnvironmentError::LeadsOut { .. })),
                "{target}"
            );
            fs::remove_file(link).unwrap();
        }
        let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::File::create(&odd).unwrap();
        assert!(matches!(read(dir.path(), DOCKERFILE), Err(EnvironmentError::Name { .. })));
        fs::remove_file(odd).unwrap();
        fs::remove_file(dir.path().join("Dockerfile")).unwrap();
        let error = read(dir.path(), DOCKERFILE).unwrap_err();
        assert!(error.to_string().ends_with("has no `Dockerfile`"), "{error}");
    }
}
