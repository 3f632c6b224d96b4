//! What was found the last time, so that only what has changed since is looked at. A cache: it may be lost,
//! damaged or written by two at once, and nothing but time is lost.

pub mod bytes;
mod digest;
mod known;
mod pages;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub use known::Known;
pub use pages::Pages;

use self::digest::Digest;
use super::listing;
use super::{Request, Run};
use crate::orchestrate::load::bundle::digests::{RACY, Stamp};

/// Changes with the layout of what follows.
const HEADER: &[u8; 16] = b"scaf detected 2\n";
const CHECK: usize = 32;

/// Where it is kept for one request.
pub struct Memory<'a> {
    request: &'a Request<'a>,
    file: PathBuf,
    /// What decides what a file says: this program, and for which Python it is read.
    reading: [u8; 32],
    /// What decides what an import finds beside that: where is looked, and what is installed.
    finding: [u8; 32],
    /// When the looking began: what is younger may change without being seen.
    began: i64,
}

impl<'a> Memory<'a> {
    /// `None` where nothing is to be kept, or nothing can be.
    pub fn of(request: &'a Request<'a>) -> Option<Self> {
        let folder = request.cache?;
        let began = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        let mut subject = Digest::new();
        subject.path(request.root);
        request.paths.iter().for_each(|path| subject.path(path));
        subject.number(u64::from(request.is_experiment));
        if let Some(interpreter) = request.interpreter {
            subject.path(&interpreter.executable);
        }

        // The very program, not its version alone: the rules are a part of it.
        let program = std::env::current_exe().ok()?;
        let mut reading = Digest::new();
        reading.stamp(&listing::stamp(&program));
        let target = request.target;
        reading.number(u64::from(target.python.0) << 8 | u64::from(target.python.1));
        reading.text(&target.sys_platform);
        reading.text(&target.machine);

        let mut finding = Digest::new();
        if let Some(installed) = request.installed {
            installed.search().for_each(|folder| finding.path(folder));
            for distribution in installed.distributions() {
                finding.text(&distribution.normalised);
                finding.path(&distribution.path);
            }
        }
        let subject = blake3::Hash::from_bytes(subject.finish()).to_hex();
        let file = folder.join(format!("detected-{}", &subject[..16]));
        Some(Self { request, file, reading: reading.finish(), finding: finding.finish(), began })
    }

    /// What was kept, as far as this program can use it.
    pub fn recall(&self) -> Option<Known> {
        let bytes = fs::read(&self.file).ok()?;
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
        let body = body.strip_prefix(HEADER)?;
        let body = body.strip_prefix(&self.reading)?;
        if blake3::hash(&bytes[..bytes.len() - CHECK]).as_bytes() != check {
            return None;
        }
        Known::of_bytes(body, self.request.root)
    }

    /// Whether what imports find can be the same as then.
    pub fn finds_the_same(&self, known: &Known) -> bool {
        known.finding == self.finding
    }

    /// Keeps what was found in place of what was there. Failure is not spoken of: the next time costs what
    /// this one did.
    pub fn keep(&self, run: &Run<'_>) {
        let Some(body) = known::bytes(self, run) else { return };
        let mut bytes = Vec::with_capacity(HEADER.len() + 32 + body.len() + CHECK);
        bytes.extend_from_slice(HEADER);
        bytes.extend_from_slice(&self.reading);
        bytes.extend_from_slice(&body);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        let _ = self.write(&bytes);
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut beside = tempfile::Builder::new().prefix(".detected-").tempfile_in(folder)?;
        beside.write_all(bytes)?;
        beside.persist(&self.file)?;
        Ok(())
    }

    /// A stamp by which a file can be known again.
    fn lasting(&self, stamp: Stamp) -> Stamp {
        if stamp.ctime < self.began.saturating_sub(RACY) { stamp } else { Stamp::default() }
    }
}

#[cfg(test)]
mod tests;
