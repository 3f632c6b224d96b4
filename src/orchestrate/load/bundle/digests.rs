//! Digests of files as they were last read, so that an unchanged file is not read again. A cache: it
//! may be lost, damaged or written by two at once, and nothing but time is lost.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// By what a file is known to be the one that was read, as git does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub dev: u64,
    pub ino: u64,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    /// Nanoseconds since 1970. Unlike the other time, nobody can set it back.
    pub ctime: i64,
}

/// The digest of one file.
pub type Digest = [u8; 32];

/// Changes with the layout below.
const HEADER: &[u8; 16] = b"scaf digests 1\n\0";
const RECORD: usize = 5 * 8 + 32;
const CHECK: usize = 32;

/// A file written this shortly before it was read may be written again within the same tick of the
/// file system's clock; FAT's is two seconds.
pub const RACY: i64 = 2_500_000_000;

/// The cache of one folder.
#[derive(Debug)]
pub struct Digests {
    file: PathBuf,
    /// What is on disk: header, records sorted by device and inode, check.
    stored: Vec<u8>,
    /// When the looking began: what is younger is not kept.
    began: i64,
}

impl Digests {
    /// Reads the cache for what `key` names. Whatever is not as it was written counts as empty.
    pub fn open(folder: &Path, key: &[u8]) -> Self {
        let began = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        let name = blake3::hash(key).to_hex();
        let file = folder.join(format!("digests-{}", &name[..16]));
        let stored = fs::read(&file).ok().filter(|stored| is_whole(stored)).unwrap_or_default();
        Self { file, stored, began }
    }

    fn records(&self) -> &[u8] {
        if self.stored.is_empty() {
            return &[];
        }
        &self.stored[HEADER.len()..self.stored.len() - CHECK]
    }

    /// The digest of the file, when it is still the one that was read.
    pub fn get(&self, stamp: &Stamp) -> Option<Digest> {
        let records = self.records();
        let (mut low, mut high) = (0, records.len() / RECORD);
        while low < high {
            let middle = usize::midpoint(low, high);
            let record = &records[middle * RECORD..(middle + 1) * RECORD];
            match (number(record, 0), number(record, 1)).cmp(&(stamp.dev, stamp.ino)) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let same = number(record, 2) == stamp.size
                        && number(record, 3).cast_signed() == stamp.mtime
                        && number(record, 4).cast_signed() == stamp.ctime;
                    return if same { record[40..].try_into().ok() } else { None };
                }
            }
        }
        None
    }

    /// Keeps what was found this time, in place of what was there. Failure is not spoken of: the next
    /// time costs a reading.
    pub fn keep(&self, found: impl Iterator<Item = (Stamp, Digest)>) {
        let mut records: Vec<(Stamp, Digest)> =
            found.filter(|(stamp, _)| stamp.ctime < self.began.saturating_sub(RACY)).collect();
        records.sort_unstable_by_key(|(stamp, _)| (stamp.dev, stamp.ino));
        records.dedup_by_key(|(stamp, _)| (stamp.dev, stamp.ino));
        let mut bytes = Vec::with_capacity(HEADER.len() + records.len() * RECORD + CHECK);
        bytes.extend_from_slice(HEADER);
        for (stamp, digest) in &records {
            for number in
                [stamp.dev, stamp.ino, stamp.size, stamp.mtime.cast_unsigned(), stamp.ctime.cast_unsigned()]
            {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(digest);
        }
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        if bytes != self.stored {
            let _ = self.write(&bytes);
        }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut beside = tempfile::Builder::new().prefix(".digests-").tempfile_in(folder)?;
        beside.write_all(bytes)?;
        beside.persist(&self.file)?;
        Ok(())
    }
}

fn is_whole(stored: &[u8]) -> bool {
    let Some(records) = stored.len().checked_sub(HEADER.len() + CHECK) else { return false };
    records % RECORD == 0 && stored.starts_with(HEADER) && {
        let (body, check) = stored.split_at(stored.len() - CHECK);
        blake3::hash(body).as_bytes() == check
    }
}

fn number(record: &[u8], index: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&record[index * 8..index * 8 + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(ino: u64, ctime: i64) -> Stamp {
        Stamp { dev: 1, ino, size: 3, mtime: 5, ctime }
    }

    #[test]
    fn what_was_kept_is_found_again_as_long_as_nothing_changed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Digests::open(dir.path(), b"x");
        assert_eq!(cache.get(&stamp(1, 1)), None);
        cache.keep((0..100).rev().map(|ino| (stamp(ino, 1), [u8::try_from(ino).unwrap(); 32])));
        let cache = Digests::open(dir.path(), b"x");
        for ino in 0..100 {
            assert_eq!(cache.get(&stamp(ino, 1)), Some([u8::try_from(ino).unwrap(); 32]));
        }
        assert_eq!(cache.get(&stamp(100, 1)), None);
        let same = stamp(7, 1);
        for other in [
            Stamp { dev: 2, ..same },
            Stamp { size: 4, ..same },
            Stamp { mtime: 6, ..same },
            Stamp { ctime: 2, ..same },
        ] {
            assert_eq!(cache.get(&other), None);
        }
        assert_eq!(Digests::open(dir.path(), b"y").get(&same), None);
    }

    #[test]
    fn what_changed_just_now_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Digests::open(dir.path(), b"x");
        let young = stamp(1, cache.began - 1_000_000);
        cache.keep([(young, [1; 32]), (stamp(2, cache.began - RACY - 1), [2; 32])].into_iter());
        let cache = Digests::open(dir.path(), b"x");
        assert_eq!(cache.get(&young), None);
        assert_eq!(cache.records().len(), RECORD);
    }

    #[test]
    fn a_damaged_cache_counts_as_empty() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Digests::open(dir.path(), b"x");
        cache.keep([(stamp(1, 1), [1; 32]), (stamp(2, 1), [2; 32])].into_iter());
        let whole = fs::read(&cache.file).unwrap();
        let write = |bytes: &[u8]| {
            fs::File::create(&cache.file).unwrap().write_all(bytes).unwrap();
        };
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            write(&damaged);
            assert_eq!(Digests::open(dir.path(), b"x").get(&stamp(1, 1)), None, "byte {at}");
            write(&whole[..at]);
            assert_eq!(Digests::open(dir.path(), b"x").get(&stamp(1, 1)), None, "cut at {at}");
        }
        write(&whole);
        assert_eq!(Digests::open(dir.path(), b"x").get(&stamp(1, 1)), Some([1; 32]));
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        fs::File::create(dir.path().join("file")).unwrap();
        let cache = Digests::open(&dir.path().join("file/below"), b"x");
        cache.keep([(stamp(1, 1), [1; 32])].into_iter());
        assert_eq!(cache.get(&stamp(1, 1)), None);
    }
}
