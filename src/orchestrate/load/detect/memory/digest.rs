//! Paths, texts and numbers as one digest, in which none runs into the next.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::orchestrate::load::bundle::digests::Stamp;

pub struct Digest(blake3::Hasher);

impl Digest {
    pub fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    pub fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn path(&mut self, path: &Path) {
        self.bytes(path.as_os_str().as_bytes());
    }

    pub fn stamp(&mut self, stamp: &Stamp) {
        let Stamp { dev, ino, size, mtime, ctime } = *stamp;
        for number in [dev, ino, size, mtime.cast_unsigned(), ctime.cast_unsigned()] {
            self.number(number);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.update(bytes);
    }

    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
