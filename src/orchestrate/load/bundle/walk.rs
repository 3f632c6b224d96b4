//! Walks an experiment's folder with every symlink followed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, stat, statat};

use super::digests::Stamp;
use super::rules::Rules;
use super::{Problem, Request};
use crate::project::layout::IGNORE;

/// A file that belongs to the bundle, not read yet.
#[derive(Debug)]
pub struct Found {
    /// In the bundle.
    pub path: String,
    pub executable: bool,
    pub stamp: Stamp,
    /// Where it lies, when its path leads through a symlink.
    pub origin: Option<PathBuf>,
}

/// A folder that was looked into, for those who want to know of changes in it.
#[derive(Debug)]
pub struct Folder {
    /// Where it lies, without symlinks below the experiment's folder.
    pub real: PathBuf,
    /// Path in the bundle with a `/` at its end; empty for the bundle's root.
    pub inside: Vec<u8>,
    pub rules: Rules,
}

/// What is there.
#[derive(Debug, Default)]
pub struct Walked {
    /// Sorted by path bytes.
    pub files: Vec<Found>,
    pub folders: Vec<Folder>,
    /// To what the symlinks lead.
    pub links: Vec<PathBuf>,
    pub problems: Vec<Problem>,
}

/// Looks at everything below `request.source`.
pub fn walk(request: &Request<'_>) -> Walked {
    let mut walked = Walked::default();
    let real_root = match fs::canonicalize(request.root) {
        Ok(root) => root,
        Err(error) => {
            walked.problems.push(Problem::Unreadable { path: request.root.to_owned(), error });
            return walked;
        }
    };
    let mut names = vec![IGNORE];
    names.extend_from_slice(request.ignore_files);
    let mut walk = Walk {
        source: request.source,
        real_root,
        names,
        inside: Vec::new(),
        above: Vec::new(),
        scratch: Vec::new(),
        walked,
    };
    // Rules of the folders from the project's root down to the experiment's, which brings its own.
    let mut rules = Rules::default();
    if let Ok(below) = request.source.strip_prefix(request.root) {
        let mut folder = request.root.to_owned();
        let mut rest = below.components();
        while rest.as_path() != Path::new("") {
            rules = rules.with(&folder, &walk.names, 0, rest.as_path(), &mut walk.walked.problems);
            if let Some(next) = rest.next() {
                folder.push(next);
            }
        }
    }
    match fs::canonicalize(request.source) {
        Ok(real) => walk.folder(real, false, &rules),
        Err(error) => {
            let path = request.source.to_owned();
            walk.walked.problems.push(Problem::Unreadable { path, error });
        }
    }
    let mut walked = walk.walked;
    walked.files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    walked
}

struct Walk<'a> {
    source: &'a Path,
    real_root: PathBuf,
    names: Vec<&'a str>,
    /// The path in the bundle of what is looked at; a folder's ends with `/`.
    inside: Vec<u8>,
    /// Where each folder on the way down really lies, to know a circle of links.
    above: Vec<PathBuf>,
    scratch: Vec<u8>,
    walked: Walked,
}

/// One name in a folder.
struct Child {
    /// With a `/` at the end for a folder, so that sorting the names sorts the paths.
    name: Vec<u8>,
    stat: Stat,
    /// Where it leads, for a symlink.
    link: Option<PathBuf>,
}

impl Walk<'_> {
    /// Where in the experiment's folder, as the user sees it.
    fn seen(&self) -> PathBuf {
        let inside = self.inside.strip_suffix(b"/").unwrap_or(&self.inside);
        if inside.is_empty() { self.source.to_owned() } else { self.source.join(OsStr::from_bytes(inside)) }
    }

    fn folder(&mut self, real: PathBuf, linked: bool, rules: &Rules) {
        let (names, mut children) = match self.read(&real) {
            Ok(read) => read,
            Err(error) => {
                let path = self.seen();
                self.walked.problems.push(Problem::Unreadable { path, error });
                return;
            }
        };
        let skip = self.inside.len();
        let rules = if names { self.own_rules(rules, &real, skip) } else { rules.clone() };
        children.retain_mut(|child| self.take(child, &real, &rules));
        children.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.above.push(real);
        for child in children {
            // The last one on the way is this folder.
            let Some(real) = self.above.last() else { break };
            self.inside.truncate(skip);
            self.inside.extend_from_slice(&child.name);
            let is_link = child.link.is_some();
            let place = match child.link {
                Some(target) => Some(target),
                None if linked || child.name.ends_with(b"/") => {
                    let name = child.name.strip_suffix(b"/").unwrap_or(&child.name);
                    Some(real.join(OsStr::from_bytes(name)))
                }
                None => None,
            };
            if FileType::from_raw_mode(child.stat.st_mode) == FileType::Directory {
                let place = place.unwrap_or_default();
                if is_link {
                    self.linked_folder(place, &rules);
                } else {
                    self.folder(place, linked, &rules);
                }
            } else {
                if let (true, Some(place)) = (is_link, &place) {
                    self.walked.links.push(place.clone());
                }
                self.file(&child.stat, place);
            }
        }
        self.inside.truncate(skip);
        if let Some(real) = self.above.pop() {
            self.walked.folders.push(Folder { real, inside: self.inside.clone(), rules });
        }
    }

    fn linked_folder(&mut self, place: PathBuf, rules: &Rules) {
        // A link to a folder on the way down, or to one above it, would be met again below itself.
        if self.above.iter().any(|above| above.starts_with(&place)) {
            let path = self.seen();
            self.walked.problems.push(Problem::Loop { target: link_text(&path), path });
            return;
        }
        self.walked.links.push(place.clone());
        let rules = self.rules_of_the_way_to(&place, rules);
        self.folder(place, true, &rules);
    }

    /// Every name in a folder, and whether one of them is a file of rules.
    fn read(&mut self, real: &Path) -> io::Result<(bool, Vec<Child>)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, real, flags, Mode::empty())?;
        let mut names = false;
        let mut children = Vec::new();
        // A descriptor of its own for the names, since `Dir` takes one whole.
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            names |= self.names.iter().any(|known| known.as_bytes() == bytes);
            let stat = match statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since the folder was read: then it is not part.
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => {
                    let path = self.seen().join(OsStr::from_bytes(bytes));
                    self.walked.problems.push(Problem::Unreadable { path, error: error.into() });
                    continue;
                }
            };
            let mut owned = Vec::with_capacity(bytes.len() + 1);
            owned.extend_from_slice(bytes);
            children.push(Child { name: owned, stat, link: None });
        }
        Ok((names, children))
    }

    fn own_rules(&mut self, rules: &Rules, real: &Path, skip: usize) -> Rules {
        rules.with(real, &self.names, skip, Path::new(""), &mut self.walked.problems)
    }

    /// For a folder that a link leads to: the rules of the folders between the project's root and
    /// where it really lies hold for it, too.
    fn rules_of_the_way_to(&mut self, place: &Path, rules: &Rules) -> Rules {
        let mut rules = rules.clone();
        let Ok(below) = place.strip_prefix(&self.real_root) else { return rules };
        let mut folder = self.real_root.clone();
        let mut rest = below.components();
        while rest.as_path() != Path::new("") {
            let skip = self.inside.len();
            rules = rules.with(&folder, &self.names, skip, rest.as_path(), &mut self.walked.problems);
            if let Some(next) = rest.next() {
                folder.push(next);
            }
        }
        rules
    }

    /// Whether the child is part of the bundle. A link is looked through on the way, and what is
    /// wrong with it is noted unless a rule leaves it out.
    fn take(&mut self, child: &mut Child, real: &Path, rules: &Rules) -> bool {
        let skip = self.inside.len();
        self.inside.extend_from_slice(&child.name);
        let mut followed = Ok(());
        if FileType::from_raw_mode(child.stat.st_mode) == FileType::Symlink {
            followed = self.follow(child, real);
        }
        let folder = FileType::from_raw_mode(child.stat.st_mode) == FileType::Directory;
        let ignored = rules.ignored(&self.inside, folder, &mut self.scratch);
        if folder {
            child.name.push(b'/');
        }
        let mut take = !ignored;
        if take {
            let problem = match followed {
                Err(problem) => Some(problem),
                Ok(()) if std::str::from_utf8(&child.name).is_err() => {
                    Some(Problem::NotUtf8 { path: self.seen() })
                }
                Ok(()) => None,
            };
            if let Some(problem) = problem {
                self.walked.problems.push(problem);
                take = false;
            }
        }
        self.inside.truncate(skip);
        take
    }

    /// Puts what a symlink leads to in the link's place.
    fn follow(&self, child: &mut Child, real: &Path) -> Result<(), Problem> {
        let link = real.join(OsStr::from_bytes(&child.name));
        let path = self.seen();
        let target = link_text(&link);
        let place = match fs::canonicalize(&link) {
            Ok(place) => place,
            Err(error) => {
                return Err(match rustix::io::Errno::from_io_error(&error) {
                    Some(rustix::io::Errno::LOOP) => Problem::Loop { path, target },
                    Some(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {
                        Problem::Dangling { path, target }
                    }
                    _ => Problem::Unreadable { path, error },
                });
            }
        };
        if !place.starts_with(&self.real_root) {
            return Err(Problem::Escapes { path, target });
        }
        child.stat = stat(&place).map_err(|error| Problem::Unreadable { path, error: error.into() })?;
        child.link = Some(place);
        Ok(())
    }

    fn file(&mut self, stat: &Stat, origin: Option<PathBuf>) {
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => None,
            FileType::Fifo => Some("a named pipe"),
            FileType::Socket => Some("a socket"),
            FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
            _ => Some("no regular file"),
        };
        if let Some(what) = what {
            let path = self.seen();
            self.walked.problems.push(Problem::Special { path, what });
            return;
        }
        // `take` has let in nothing else.
        let Ok(path) = String::from_utf8(self.inside.clone()) else { return };
        let executable = stat.st_mode & 0o111 != 0;
        self.walked.files.push(Found { path, executable, stamp: stamp(stat), origin });
    }
}

fn link_text(link: &Path) -> PathBuf {
    fs::read_link(link).unwrap_or_default()
}

/// The stamp of what was found.
pub fn stamp(stat: &Stat) -> Stamp {
    let nanoseconds = |seconds: i64, rest: u64| {
        seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::try_from(rest).unwrap_or_default())
    };
    Stamp {
        dev: stat.st_dev,
        ino: stat.st_ino,
        size: stat.st_size.cast_unsigned(),
        mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    }
}
