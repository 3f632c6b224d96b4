//! A distribution of this machine, which nobody else can fetch, as a wheel that travels with the experiment: which of its
//! files, of an editable install from where they lie, with its metadata and with the tags of what is compiled.

mod error;
mod files;
mod metadata;
pub mod packed;
mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub use error::{LocalWheelError, build_in_image};
use files::{From, Piece};

use super::installed::{Index, Installed};
use super::interpreter::Interpreter;
use crate::project::python::compiled::Scan;
use crate::project::python::module_file::{self, Abi};
use crate::project::python::wheel_name::{Tags, WheelName, escaped};
use crate::spec::lock_target::{Implementation, LockTarget};
use crate::spec::origin::Origin;
use crate::spec::wheel::{Adder, Content, Entry, Sum, Wheel};
pub use crate::spec::wheel_tag::Unfit;
use crate::spec::wheel_tag::{self, MadeWith, NativeFile};

/// What is known, whichever distribution it is about.
pub struct Request<'a> {
    pub installed: &'a Installed,
    pub interpreter: &'a Interpreter,
    pub target: &'a LockTarget,
    /// The experiment's folder, which is to be in no wheel.
    pub experiment: &'a Path,
}

/// A wheel that is there, or can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalWheel {
    /// As written.
    pub name: String,
    pub version: String,
    pub file: String,
    /// Of the whole wheel.
    pub sum: Sum,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Made(Wheel),
    /// The wheel from which it was installed.
    There(PathBuf),
}

impl LocalWheel {
    /// As a lock and an installer write it.
    pub fn hash(&self) -> String {
        format!("sha256:{}", self.sum.sha256)
    }
}

/// The wheel of an installed distribution. `imports` are what the code imports of it, dotted.
pub fn pack(
    request: &Request<'_>,
    index: Index,
    imports: &BTreeSet<String>,
) -> Result<LocalWheel, LocalWheelError> {
    let distribution = &request.installed[index];
    let (name, version) = (distribution.name().to_owned(), distribution.version().to_owned());
    if let Origin::Archive { path, hash } = &distribution.provenance().origin
        && let Some(there) = there(request, &name, &version, path, hash.as_deref())?
    {
        return Ok(there);
    }
    let dist_info = format!("{}-{}.dist-info", escaped(&name), version.replace('-', "_"));
    let mut pieces = files::files(request, index, imports)?;
    pieces.extend(metadata::files(distribution, &dist_info)?);
    let own_tag = own_tag(request.interpreter);
    let mut entries = Vec::with_capacity(pieces.len());
    let mut natives = Vec::new();
    for Piece { path, from } in pieces {
        let is_native = module_file::is_native(&path);
        // Left by a build for another Python, which this one does not import.
        if is_native && matches!(module_file::abi(&path), Abi::One(tag) if tag != own_tag) {
            continue;
        }
        match from {
            From::Text { text, executable } => {
                entries.push(Entry { executable, ..Entry::text(path, text) });
            }
            From::File(file) => {
                let failed = |source| LocalWheelError::Read { path: file.clone(), source };
                let mut scan = is_native.then(Scan::default);
                let (sum, executable) = read(&file, scan.as_mut()).map_err(failed)?;
                if let Some(scan) = scan {
                    let abi = module_file::abi(&path);
                    natives.push(NativeFile { path: path.clone(), abi, compiled: scan.finish() });
                }
                entries.push(Entry { path, executable, content: Content::File(file), sum });
            }
        }
    }
    let written = if request.installed.in_place(index).is_empty() {
        Tags::of_lines(&distribution.wheel_tags())
    } else {
        // An editable install is a wheel without the code.
        None
    };
    let tags = wheel_tag::tags(&natives, written, made_with(request.interpreter), request.target)
        .map_err(|unfit| LocalWheelError::native(&name, &version, unfit, request.target))?;
    let file = WheelName::new(&name, &version, tags.clone()).to_string();
    let wheel = Wheel::new(entries, &dist_info, &tags);
    let sum = wheel
        .write(&mut io::sink(), &mut |path| fs::File::open(path))
        .map_err(|source| LocalWheelError::Wheel { name: name.clone(), source })?;
    Ok(LocalWheel { name, version, file, sum, source: Source::Made(wheel) })
}

/// The wheel that it was installed from, if that is still the same one.
fn there(
    request: &Request<'_>,
    name: &str,
    version: &str,
    path: &Path,
    hash: Option<&str>,
) -> Result<Option<LocalWheel>, LocalWheelError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(of) = WheelName::read(&file) else { return Ok(None) };
    let Ok((sum, _)) = read(path, None) else { return Ok(None) };
    if hash.and_then(|hash| hash.strip_prefix("sha256=")).is_some_and(|hash| hash != sum.sha256) {
        return Ok(None);
    }
    if !wheel_tag::fits(&of.tags, request.target) {
        let unfit = Unfit { what: of.tags.to_string(), why: "are the tags of its wheel".to_owned() };
        return Err(LocalWheelError::native(name, version, unfit, request.target));
    }
    let source = Source::There(path.to_owned());
    Ok(Some(LocalWheel { name: name.to_owned(), version: version.to_owned(), file, sum, source }))
}

/// Reads a file once for all that is to be known of it.
pub fn read(path: &Path, mut scan: Option<&mut Scan>) -> io::Result<(Sum, bool)> {
    let mut file = fs::File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut adder = Adder::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        adder.feed(&buffer[..count]);
        if let Some(scan) = &mut scan {
            scan.feed(&buffer[..count]);
        }
    }
    Ok((adder.finish(), meta.permissions().mode() & 0o111 != 0))
}

/// A compiled file that no distribution brings, held against the target.
pub fn runs(
    path: &Path,
    shown: &str,
    interpreter: Option<&Interpreter>,
    target: &LockTarget,
) -> Result<(), Unfit> {
    let mut scan = Scan::default();
    // One that cannot be read is somebody else's to tell.
    if read(path, Some(&mut scan)).is_err() {
        return Ok(());
    }
    let native = NativeFile { path: shown.to_owned(), abi: module_file::abi(shown), compiled: scan.finish() };
    let with = interpreter.map_or(
        MadeWith {
            implementation: target.implementation,
            version: (target.python.major, target.python.minor),
            free_threaded: false,
        },
        made_with,
    );
    // What its name says counts more than who is here.
    let with = match &native.abi {
        Abi::One(tag) => version(tag).map_or(with, |version| MadeWith { version, ..with }),
        Abi::Stable | Abi::Unmarked => with,
    };
    wheel_tag::runs(&native, with, target)
}

/// `(3, 11)` of `311`, `313t` and `pp311`.
fn version(tag: &str) -> Option<(u8, u8)> {
    let digits = tag.trim_start_matches("pp").trim_end_matches('t');
    let (major, minor) = digits.split_at_checked(1)?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn made_with(interpreter: &Interpreter) -> MadeWith {
    let implementation =
        if interpreter.implementation == "pypy" { Implementation::PyPy } else { Implementation::CPython };
    MadeWith { implementation, version: interpreter.version, free_threaded: interpreter.free_threaded }
}

/// As the names of compiled modules have it.
fn own_tag(interpreter: &Interpreter) -> String {
    let (major, minor) = interpreter.version;
    let front = if interpreter.implementation == "pypy" { "pp" } else { "" };
    let threads = if interpreter.free_threaded { "t" } else { "" };
    format!("{front}{major}{minor}{threads}")
}
