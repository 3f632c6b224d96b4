//! Why a deed on files could not be done.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::spec::hint::{Explain, Fault};

/// What can go wrong, each with the path it is about.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot write `{}`: no space left on the file system at `{}`", path.display(), mount.display())]
    Full { path: PathBuf, mount: PathBuf },
    #[error("cannot write `{}`: your quota on the file system at `{}` is used up", path.display(), mount.display())]
    Quota { path: PathBuf, mount: PathBuf },
    #[error("cannot {verb} `{}`: the file system at `{}` is read-only", path.display(), mount.display())]
    ReadOnly { verb: &'static str, path: PathBuf, mount: PathBuf },
    #[error("not allowed to {verb} `{}`", path.display())]
    Denied { verb: &'static str, path: PathBuf },
    #[error("the name is too long: `{}`", path.display())]
    NameTooLong { path: PathBuf },
    #[error("`{}` is a folder", path.display())]
    IsFolder { path: PathBuf },
    #[error("`{}` is no folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("`{}` is already there", path.display())]
    AlreadyThere { path: PathBuf },
    #[error("`{}` is already there, a symlink to `{}` and not to `{}`", path.display(), there.display(), wanted.display())]
    OtherLink { path: PathBuf, there: PathBuf, wanted: PathBuf },
    #[error("no such file or folder: `{}`", path.display())]
    Missing { path: PathBuf },
    #[error("`{}` is neither file, folder nor symlink, and cannot be copied", path.display())]
    Special { path: PathBuf },
    #[error("changed while it was bundled:{}", listed(paths))]
    Changed { paths: Vec<PathBuf> },
    #[error("the files planned for `{}` do not have the digest `{digest}` together", path.display())]
    OtherDigest { path: PathBuf, digest: String },
    #[error("`{}` was not made to its end: interrupted", path.display())]
    Interrupted { path: PathBuf, signal: i32 },
    #[error("cannot {verb} `{}`: {error}", path.display())]
    Other { verb: &'static str, path: PathBuf, error: io::Error },
}

impl FileError {
    /// Sorts an error by what can be done about it. `verb` as in "cannot {verb} the path".
    pub fn new(verb: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        // By kind and not by number, since tempfile wraps the system's errors.
        match error.kind() {
            ErrorKind::StorageFull => Self::Full { mount: mount_of(&path), path },
            ErrorKind::QuotaExceeded => Self::Quota { mount: mount_of(&path), path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { verb, mount: mount_of(&path), path },
            ErrorKind::PermissionDenied => Self::Denied { verb, path },
            ErrorKind::InvalidFilename => Self::NameTooLong { path },
            ErrorKind::IsADirectory => Self::IsFolder { path },
            ErrorKind::NotADirectory => Self::NotAFolder { path },
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => Self::AlreadyThere { path },
            ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Other { verb, path, error },
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 10;
    let mut text = String::new();
    for path in paths.iter().take(SHOWN) {
        let _ = write!(text, "\n  `{}`", path.display());
    }
    if paths.len() > SHOWN {
        let _ = write!(text, "\n  and {} more", paths.len() - SHOWN);
    }
    text
}

/// Where the path's file system is mounted.
fn mount_of(path: &Path) -> PathBuf {
    let mut above = path.ancestors().skip_while(|folder| folder.metadata().is_err());
    let Some(lowest) = above.next() else { return path.to_owned() };
    let Ok(lowest) = lowest.canonicalize() else { return lowest.to_owned() };
    // A folder mounted a second time (`mount --bind`) is on the same device, so the table is asked first.
    if let Some(mount) = std::fs::read_to_string("/proc/self/mountinfo").ok().and_then(|table| {
        let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped);
        points.filter(|point| lowest.starts_with(point)).max_by_key(|point| point.as_os_str().len())
    }) {
        return mount;
    }
    let device = |folder: &Path| folder.metadata().map(|found| found.dev()).ok();
    let own = device(&lowest);
    lowest.ancestors().take_while(|folder| device(folder) == own).last().unwrap_or(&lowest).to_owned()
}

/// proc(5) writes spaces and their like as `\040`.
fn unescaped(text: &str) -> PathBuf {
    let plain = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain));
    PathBuf::from(plain)
}

fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), Cow::into_owned)
}

impl Explain for FileError {
    fn fault(&self) -> Fault {
        match self {
            Self::Full { .. }
            | Self::Quota { .. }
            | Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::Other { .. } => Fault::World,
            Self::NameTooLong { .. }
            | Self::IsFolder { .. }
            | Self::NotAFolder { .. }
            | Self::AlreadyThere { .. }
            | Self::OtherLink { .. }
            | Self::Missing { .. }
            | Self::Special { .. }
            | Self::OtherDigest { .. }
            | Self::Changed { .. } => Fault::User,
            Self::Interrupted { signal, .. } => Fault::Interrupted(*signal),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Full { mount, .. } | Self::Quota { mount, .. } => vec![
                "free what scaf keeps and nobody needs: `scaf gc`".to_owned(),
                format!("see how full it is: `df -h {}`", word(mount)),
            ],
            Self::ReadOnly { mount, .. } => {
                vec![format!("see how it is mounted: `findmnt {}`", word(mount))]
            }
            Self::Denied { path, .. } => {
                let there = path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(path);
                vec![format!("see whose it is: `ls -ld {}`", word(there))]
            }
            Self::IsFolder { path } | Self::NotAFolder { path } | Self::AlreadyThere { path } => {
                vec![format!("if nobody needs it, move it out of the way: `mv {0} {0}.old`", word(path))]
            }
            Self::OtherLink { path, .. } => vec![format!("remove it first: `rm {}`", word(path))],
            Self::Changed { .. } => {
                vec!["try again when nothing writes there, or name it in `.scafignore`".to_owned()]
            }
            Self::NameTooLong { .. }
            | Self::Missing { .. }
            | Self::Special { .. }
            | Self::OtherDigest { .. }
            | Self::Interrupted { .. }
            | Self::Other { .. } => Vec::new(),
        }
    }
}
