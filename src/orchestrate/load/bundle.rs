//! Looks at an experiment as it would be bundled: which files, with every symlink followed, and what
//! digest they have together. All that stands in the way is told at once.

pub mod content;
pub mod digests;
pub mod rules;
pub mod walk;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use self::content::Unread;
use self::digests::{Digest, Digests, Stamp};
use self::walk::{Found, Walked, walk};
use crate::orchestrate::spread::spread;
use crate::project::layout::{COMMON, IGNORE};
use crate::spec::bundle::{Entry, Manifest};
use crate::spec::hint::{Explain, Fault};

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The project's root, absolute. Symlinks must not lead out of it.
    pub root: &'a Path,
    /// The experiment's folder, absolute, below the root.
    pub source: &'a Path,
    /// Names of files with ignore rules beside `.scafignore`, e.g. `.amlignore`.
    pub ignore_files: &'a [&'a str],
    /// The folder for the digests of files that did not change since; `None` reads everything.
    pub cache: Option<&'a Path>,
}

/// An experiment's files.
#[derive(Debug)]
pub struct Surveyed {
    pub manifest: Manifest,
    /// The manifest's.
    pub digest: String,
    /// To what the experiment's symlinks lead, absolute.
    pub links: Vec<PathBuf>,
    /// How many files had to be read; the others were known.
    pub read: usize,
}

/// Something that cannot go into a bundle.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("the symlink leads out of the project, to {}", Name(.target))]
    Escapes { path: PathBuf, target: PathBuf },
    #[error("the symlink leads to nothing: there is no {}", Name(.target))]
    Dangling { path: PathBuf, target: PathBuf },
    #[error("the symlink leads round in a circle, through {}", Name(.target))]
    Loop { path: PathBuf, target: PathBuf },
    #[error("a symlink to {} that git wrote as a text file", Name(.target))]
    LinkAsText { path: PathBuf, target: PathBuf },
    #[error("cannot be read: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{what}, which a bundle cannot hold")]
    Special { path: PathBuf, what: &'static str },
    #[error("the name is not UTF-8")]
    NotUtf8 { path: PathBuf },
    #[error("changes all the time while it is read")]
    Changing { path: PathBuf },
    #[error("{}not a rule in gitignore's syntax: {reason}", Line(*.line))]
    Rule { path: PathBuf, line: usize, reason: String },
}

impl Problem {
    /// Where.
    pub fn path(&self) -> &Path {
        match self {
            Self::Escapes { path, .. }
            | Self::Dangling { path, .. }
            | Self::Loop { path, .. }
            | Self::LinkAsText { path, .. }
            | Self::Unreadable { path, .. }
            | Self::Special { path, .. }
            | Self::NotUtf8 { path }
            | Self::Changing { path }
            | Self::Rule { path, .. } => path,
        }
    }

    fn relative_to(&mut self, root: &Path) {
        match self {
            Self::Escapes { path, .. }
            | Self::Dangling { path, .. }
            | Self::Loop { path, .. }
            | Self::LinkAsText { path, .. }
            | Self::Unreadable { path, .. }
            | Self::Special { path, .. }
            | Self::NotUtf8 { path }
            | Self::Changing { path }
            | Self::Rule { path, .. } => {
                if let Ok(below) = path.strip_prefix(root) {
                    *path = below.to_owned();
                }
            }
        }
    }

    /// The way out.
    fn hint(&self) -> Option<String> {
        let word = |path: &Path| {
            let text = path.to_string_lossy();
            shlex::try_quote(&text).map_or_else(|_| text.to_string(), Cow::into_owned)
        };
        match self {
            Self::Escapes { path, .. } => Some(format!(
                "a run has nothing but the project's files: put a copy in the link's place, or name {} in `{IGNORE}`",
                Name(path)
            )),
            Self::Dangling { path, .. } | Self::Loop { path, .. } => {
                Some(format!("take the link away: `rm {}`", word(path)))
            }
            Self::LinkAsText { path, .. } => Some(format!(
                "let git make symlinks: `git config core.symlinks true && git checkout -- {}`",
                word(path)
            )),
            Self::Unreadable { path, error } if error.kind() == io::ErrorKind::PermissionDenied => {
                Some(format!("see who may read it: `ls -ld {}`, or name it in `{IGNORE}`", word(path)))
            }
            Self::Unreadable { .. } | Self::Rule { .. } => None,
            Self::Special { path, .. } => Some(format!("remove {}, or name it in `{IGNORE}`", Name(path))),
            Self::NotUtf8 { path } => Some(format!("rename {}, or leave it out with `{IGNORE}`", Name(path))),
            Self::Changing { path } => Some(format!(
                "wait until {} is written, or name it in `{IGNORE}` when it is no part of the code",
                Name(path)
            )),
        }
    }
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("no folder {}", Name(.source_dir))]
    NoFolder { source_dir: PathBuf },
    #[error("{} cannot be bundled{}", Name(.source_dir), Listed(.problems))]
    Problems { source_dir: PathBuf, problems: Vec<Problem> },
    #[error("{} has no file that goes into a bundle", Name(.source_dir))]
    Empty { source_dir: PathBuf },
}

impl Explain for BundleError {
    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoFolder { .. } => Vec::new(),
            // One of a kind is enough to see the way.
            Self::Problems { problems, .. } => {
                let mut kinds = Vec::new();
                let mut hints = Vec::new();
                for problem in problems {
                    let kind = std::mem::discriminant(problem);
                    if !kinds.contains(&kind)
                        && let Some(hint) = problem.hint()
                    {
                        kinds.push(kind);
                        hints.push(hint);
                    }
                }
                hints
            }
            Self::Empty { source_dir } => {
                vec![format!("put a script into {}, or look at what `{IGNORE}` leaves out", Name(source_dir))]
            }
        }
    }
}

/// A path in a message: in backticks, and on one line whatever it is made of.
struct Name<'a>(&'a Path);

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('`')?;
        for chunk in self.0.as_os_str().as_bytes().utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(formatter, "{}", character.escape_default())?;
                } else {
                    formatter.write_char(character)?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        formatter.write_char('`')
    }
}

struct Line(usize);

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(formatter, "line {}: ", self.0) }
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0 {
            write!(formatter, "\n  {}: {problem}", Name(problem.path()))?;
        }
        Ok(())
    }
}

/// Looks at the experiment. Reads the disk, and writes nothing but the cache.
pub fn survey(request: &Request<'_>) -> Result<Surveyed, BundleError> {
    let shown = || request.source.strip_prefix(request.root).unwrap_or(request.source).to_owned();
    if !request.source.is_dir() {
        return Err(BundleError::NoFolder { source_dir: shown() });
    }
    let cache = request.cache.map(|folder| {
        let mut key = request.source.as_os_str().as_bytes().to_vec();
        for name in request.ignore_files {
            key.push(0);
            key.extend_from_slice(name.as_bytes());
        }
        Digests::open(folder, &key)
    });
    let Walked { files, folders: _, links, mut problems } = walk(request);
    let (entries, stamps, read) = digest_all(request, files, cache.as_ref(), &mut problems);
    if let Some(cache) = cache
        && read > 0
    {
        cache.keep(stamps.into_iter());
    }
    if !problems.is_empty() {
        problems.sort_by_cached_key(|problem| (problem.path().to_owned(), problem.to_string()));
        for problem in &mut problems {
            problem.relative_to(request.root);
        }
        // A file of rules that two ways lead to is read twice.
        problems.dedup_by_key(|problem| (problem.path().to_owned(), problem.to_string()));
        return Err(BundleError::Problems { source_dir: shown(), problems });
    }
    if entries.is_empty() {
        return Err(BundleError::Empty { source_dir: shown() });
    }
    let manifest = Manifest { entries };
    let links: BTreeSet<PathBuf> = links.into_iter().collect();
    Ok(Surveyed { digest: manifest.digest(), manifest, links: links.into_iter().collect(), read })
}

/// The entries, what the cache may keep of them, and how many files were read.
fn digest_all(
    request: &Request<'_>,
    mut files: Vec<Found>,
    cache: Option<&Digests>,
    problems: &mut Vec<Problem>,
) -> (Vec<Entry>, Vec<(Stamp, Digest)>, usize) {
    let mut known: Vec<Option<Digest>> =
        files.iter().map(|file| cache.and_then(|cache| cache.get(&file.stamp))).collect();
    let unknown: Vec<usize> = (0..files.len()).filter(|index| known[*index].is_none()).collect();
    let bytes = unknown.iter().map(|index| files[*index].stamp.size).sum();
    let found = &files;
    let read_one = |(buffer, done): &mut (Vec<u8>, Vec<_>), nth: usize| {
        let index = unknown[nth];
        let file = &found[index];
        let outcome = match &file.origin {
            Some(origin) => content::read(origin, &file.stamp, buffer),
            None => content::read(&request.source.join(&file.path), &file.stamp, buffer),
        };
        done.push((index, outcome));
        Ok::<(), std::convert::Infallible>(())
    };
    let Ok(done) = spread(unknown.len(), bytes, || (Vec::new(), Vec::new()), read_one);
    // A file that may be a link's text is looked at each time: what it names may come and go.
    let mut never_kept = BTreeSet::new();
    for (index, outcome) in done.into_iter().flat_map(|(_, done)| done) {
        let path = || request.source.join(&files[index].path);
        match outcome {
            Ok(read) => {
                if let Some(target) = read.link_text
                    && is_shared(&files[index].path)
                {
                    never_kept.insert(index);
                    let from = path();
                    if from.parent().is_some_and(|folder| folder.join(&target).exists()) {
                        problems.push(Problem::LinkAsText { path: from, target });
                    }
                }
                files[index].stamp = read.stamp;
                files[index].executable = read.executable;
                known[index] = Some(read.digest);
            }
            Err(Unread::Changing) => problems.push(Problem::Changing { path: path() }),
            Err(Unread::Error(error)) => problems.push(Problem::Unreadable { path: path(), error }),
        }
    }
    let mut entries = Vec::with_capacity(files.len());
    let mut stamps = Vec::with_capacity(files.len());
    for (index, (file, digest)) in files.into_iter().zip(known).enumerate() {
        let Some(digest) = digest else { continue };
        if !never_kept.contains(&index) {
            stamps.push((file.stamp, digest));
        }
        entries.push(Entry {
            path: file.path,
            executable: file.executable,
            size: file.stamp.size,
            digest: blake3::Hash::from_bytes(digest).to_hex().to_string(),
            origin: file.origin,
        });
    }
    (entries, stamps, unknown.len())
}

/// Whether the path is where links to shared code are made.
fn is_shared(path: &str) -> bool {
    path.strip_prefix(COMMON).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
