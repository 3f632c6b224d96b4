//! A wheel that scaf makes: which files are in it, and its bytes. The same files give the same bytes, whatever their times,
//! wherever they lie and whoever made them.
//!
//! Nothing in it is compressed: what a compressor makes of a file may change with its version, and git and registries
//! compress what they keep anyhow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::project::python::wheel_name::Tags;

/// A wheel's files, in the order in which they lie in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wheel {
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In the wheel, with `/`.
    pub path: String,
    pub executable: bool,
    pub content: Content,
    pub sum: Sum,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Text(String),
    /// A file of this machine.
    File(PathBuf),
}

/// What is known of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
    pub crc32: u32,
}

/// Adds bytes up, piece by piece.
#[derive(Clone, Debug)]
pub struct Adder {
    size: u64,
    sha256: Sha256,
    crc32: u32,
}

impl Default for Adder {
    fn default() -> Self {
        Self { size: 0, sha256: Sha256::new(), crc32: !0 }
    }
}

/// The table of CRC-32 as zip uses it.
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    let mut of = 0;
    while at < 256 {
        let mut value = of;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
        of += 1;
    }
    table
};

impl Adder {
    pub fn feed(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.sha256.update(piece);
        for byte in piece {
            let index = (self.crc32 ^ u32::from(*byte)) & 0xff;
            self.crc32 = CRC[index as usize] ^ (self.crc32 >> 8);
        }
    }

    pub fn finish(self) -> Sum {
        let digest = self.sha256.finalize();
        Sum {
            size: self.size,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            crc32: !self.crc32,
        }
    }
}

impl Sum {
    pub fn of(bytes: &[u8]) -> Self {
        let mut adder = Adder::default();
        adder.feed(bytes);
        adder.finish()
    }

    /// As a `RECORD` has it: `sha256=` and base64.
    fn recorded(&self) -> String {
        let digits = self.sha256.as_bytes().chunks(2);
        let bytes: Vec<u8> =
            digits.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        format!("sha256={}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl Entry {
    pub fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            path: path.into(),
            executable: false,
            sum: Sum::of(text.as_bytes()),
            content: Content::Text(text),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` was changed while it was packed", path.display())]
    Changed { path: PathBuf },
    #[error("the wheel cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("it is more than a wheel holds: {what}")]
    TooLarge { what: String },
}

/// What a zip archive of the plain form counts up to.
const LARGEST: u64 = u32::MAX as u64;
const MOST: usize = u16::MAX as usize;
/// 1980-01-01, the earliest day that the form knows.
const DAY: u16 = 0x21;
const PLAIN: u16 = 0o100_644;
const PROGRAM: u16 = 0o100_755;
const PIECE: usize = 64 * 1024;

impl Wheel {
    /// Files and the parts of `dist_info`, put in order, with its `WHEEL` and `RECORD`. A path that is there twice is there
    /// as it was first.
    pub fn new(entries: Vec<Entry>, dist_info: &str, tags: &Tags) -> Self {
        let mut all: BTreeMap<String, Entry> = BTreeMap::new();
        for entry in entries {
            all.entry(entry.path.clone()).or_insert(entry);
        }
        let mut text = format!("Wheel-Version: 1.0\nGenerator: scaf\nRoot-Is-Purelib: {}\n", tags.is_pure());
        for line in tags.lines() {
            let _ = writeln!(text, "Tag: {line}");
        }
        let wheel = Entry::text(format!("{dist_info}/WHEEL"), text);
        all.insert(wheel.path.clone(), wheel);
        let record = format!("{dist_info}/RECORD");
        all.remove(&record);
        let mut text = String::new();
        for Entry { path, sum, executable: _, content: _ } in all.values() {
            let _ = writeln!(text, "{},{},{}", field(path), sum.recorded(), sum.size);
        }
        let _ = writeln!(text, "{},,", field(&record));
        // Tools that look for it first look at the end.
        let (info, code): (Vec<Entry>, Vec<Entry>) =
            all.into_values().partition(|entry| entry.path.starts_with(&format!("{dist_info}/")));
        let mut entries = code;
        entries.extend(info);
        entries.push(Entry::text(record, text));
        Self { entries }
    }

    /// Writes the archive. `open` opens the files; each must still be what it was. Gives the sum of all bytes written.
    pub fn write<R: Read>(
        &self,
        out: &mut dyn Write,
        open: &mut dyn FnMut(&Path) -> io::Result<R>,
    ) -> Result<Sum, WheelError> {
        if self.entries.len() > MOST {
            return Err(WheelError::TooLarge { what: format!("{} files", self.entries.len()) });
        }
        let mut archive = Archive { out, adder: Adder::default() };
        let mut directory = Vec::new();
        for Entry { path, executable, content, sum } in &self.entries {
            let start = archive.place()?;
            let head = head(path, sum)?;
            archive.put(&[
                b"PK\x03\x04",
                &20u16.to_le_bytes()[..],
                &head,
                &0u16.to_le_bytes(),
                path.as_bytes(),
            ])?;
            match content {
                Content::Text(text) => archive.put(&[text.as_bytes()])?,
                Content::File(file) => archive.copy(file, sum, open)?,
            }
            let mode = u32::from(if *executable { PROGRAM } else { PLAIN }) << 16;
            // Version 2.0, made on Unix; no extra field, no comment, the first disk, no attributes but the mode.
            directory.extend_from_slice(b"PK\x01\x02\x14\x03\x14\x00");
            directory.extend_from_slice(&head);
            directory.extend_from_slice(&[0; 8]);
            directory.extend_from_slice(&mode.to_le_bytes());
            directory.extend_from_slice(&start.to_le_bytes());
            directory.extend_from_slice(path.as_bytes());
        }
        let start = archive.place()?;
        let (count, size) = (self.entries.len(), directory.len());
        let too_large = |_| WheelError::TooLarge { what: "the list of its files".to_owned() };
        let count = u16::try_from(count).map_err(too_large)?.to_le_bytes();
        let size = u32::try_from(size).map_err(too_large)?.to_le_bytes();
        let end: [&[u8]; 7] =
            [b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start.to_le_bytes(), b"\0\0", &[]];
        archive.put(&[&directory])?;
        archive.put(&end)?;
        Ok(archive.adder.finish())
    }
}

/// What a file's own head and the archive's list have in common: from the flags to the length of the name.
fn head(path: &str, sum: &Sum) -> Result<Vec<u8>, WheelError> {
    let too_large = |what: &str| WheelError::TooLarge { what: format!("{what} of `{path}`") };
    // A name that is not ASCII is UTF-8.
    let flags: u16 = if path.is_ascii() { 0 } else { 0x800 };
    let size = u32::try_from(sum.size).map_err(|_| too_large("the size"))?;
    let name = u16::try_from(path.len()).map_err(|_| too_large("the name"))?;
    let mut bytes = Vec::with_capacity(22);
    // Not compressed, at midnight of that day.
    for number in [flags, 0, 0, DAY] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in [sum.crc32, size, size] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&name.to_le_bytes());
    Ok(bytes)
}

struct Archive<'a> {
    out: &'a mut dyn Write,
    adder: Adder,
}

impl Archive<'_> {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), WheelError> {
        for part in parts {
            self.adder.feed(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }

    /// How much has been written.
    fn place(&self) -> Result<u32, WheelError> {
        u32::try_from(self.adder.size)
            .map_err(|_| WheelError::TooLarge { what: format!("more than {} GiB", (LARGEST + 1) >> 30) })
    }

    fn copy<R: Read>(
        &mut self,
        file: &Path,
        sum: &Sum,
        open: &mut dyn FnMut(&Path) -> io::Result<R>,
    ) -> Result<(), WheelError> {
        let failed = |source| WheelError::Read { path: file.to_owned(), source };
        let mut from = open(file).map_err(failed)?;
        let mut adder = Adder::default();
        let mut buffer = vec![0; PIECE];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            adder.feed(&buffer[..count]);
            self.put(&[&buffer[..count]])?;
        }
        if adder.finish() == *sum { Ok(()) } else { Err(WheelError::Changed { path: file.to_owned() }) }
    }
}

/// A field of a `RECORD`, which is CSV.
fn field(path: &str) -> String {
    if path.contains([',', '"']) { format!("\"{}\"", path.replace('"', "\"\"")) } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(wheel: &Wheel, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(Vec<u8>, Sum), WheelError> {
        let mut out = Vec::new();
        let mut open = |path: &Path| {
            let bytes = files.get(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(io::Cursor::new(bytes.clone()))
        };
        let sum = wheel.write(&mut out, &mut open)?;
        Ok((out, sum))
    }

    fn file(path: &str, content: &[u8]) -> Entry {
        Entry {
            path: path.to_owned(),
            executable: false,
            content: Content::File(PathBuf::from("/src").join(path)),
            sum: Sum::of(content),
        }
    }

    #[test]
    fn sums_are_those_of_everybody_else() {
        let sum = Sum::of(b"123456789");
        assert_eq!((sum.size, sum.crc32), (9, 0xcbf4_3926));
        assert_eq!(sum.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
        assert_eq!(Sum::of(b"").recorded(), "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }

    #[test]
    fn order_and_times_of_what_it_is_made_of_are_no_matter() {
        let one = vec![
            file("b.py", b"1"),
            Entry::text("a/x,y.txt", "é"),
            Entry::text("x-1.dist-info/METADATA", "m"),
        ];
        let mut other = one.clone();
        other.reverse();
        let (one, other) = (
            Wheel::new(one, "x-1.dist-info", &Tags::any()),
            Wheel::new(other, "x-1.dist-info", &Tags::any()),
        );
        assert_eq!(one, other);
        let paths: Vec<_> = one.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(
            paths,
            ["a/x,y.txt", "b.py", "x-1.dist-info/METADATA", "x-1.dist-info/WHEEL", "x-1.dist-info/RECORD"]
        );
        let Content::Text(record) = &one.entries[4].content else { panic!() };
        assert!(
            record.starts_with("\"a/x,y.txt\",sha256=") && record.ends_with("\nx-1.dist-info/RECORD,,\n"),
            "{record}"
        );
        let Content::Text(text) = &one.entries[3].content else { panic!() };
        assert_eq!(text, "Wheel-Version: 1.0\nGenerator: scaf\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_no_part_of_it() {
        let wheel = Wheel::new(vec![file("b.py", b"1")], "x-1.dist-info", &Tags::any());
        let files = |content: &[u8]| BTreeMap::from([(PathBuf::from("/src/b.py"), content.to_vec())]);
        let (out, sum) = bytes(&wheel, &files(b"1")).unwrap();
        assert_eq!(Sum::of(&out), sum);
        assert!(out.starts_with(b"PK\x03\x04"));
        assert!(matches!(bytes(&wheel, &files(b"2")), Err(WheelError::Changed { .. })));
        assert!(matches!(bytes(&wheel, &BTreeMap::new()), Err(WheelError::Read { .. })));
    }
}
