//! Bundling against `cp -r`, and the digest of an unchanged tree against a bare walk: medians of
//! interleaved rounds, and their ratios. `cargo bench --bench bundle`; see docs/performance.md.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use scaf::orchestrate::execute::files::keep_bundle;
use scaf::orchestrate::load::bundle::{Request, Surveyed, survey};

const FOLDERS: usize = 100;
const FILES: usize = 100;
const SIZE: usize = 10_000;
const ROUNDS: usize = 11;

/// Files of different content that does not compress, as far as any file system looks.
fn make_tree(source: &Path) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = vec![0; SIZE];
    for folder in 0..FOLDERS {
        let folder = source.join(format!("package_{folder:02}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..FILES {
            for byte in content.chunks_mut(8) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                byte.copy_from_slice(&seed.to_le_bytes()[..byte.len()]);
            }
            File::create(folder.join(format!("module_{file:02}.py"))).unwrap().write_all(&content).unwrap();
        }
    }
}

fn timed(deed: impl FnOnce()) -> Duration {
    let start = Instant::now();
    deed();
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Rounds of two deeds in turn, each second round in the other order.
fn compare(what: &str, limit: f64, mut one: impl FnMut() -> Duration, mut other: impl FnMut() -> Duration) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    one();
    other();
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            ones.push(one());
            others.push(other());
        } else {
            others.push(other());
            ones.push(one());
        }
    }
    let (one, other) = (median(&mut ones), median(&mut others));
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{what}: {:.1} ms / {:.1} ms = {ratio:.2} (to be at most {limit})",
        one.as_secs_f64() * 1e3,
        other.as_secs_f64() * 1e3
    );
}

fn walk(folder: &Path, entries: &mut u64) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let there = fs::symlink_metadata(entry.path()).unwrap();
        *entries += 1;
        if there.is_dir() {
            walk(&entry.path(), entries);
        }
    }
}

fn main() {
    // In memory, so that no disk has a part in it.
    let place = tempfile::Builder::new().prefix("scaf-bench-").tempdir_in("/dev/shm").unwrap();
    let root = place.path().join("project");
    let source = root.join("src/exp");
    make_tree(&source);
    let cache = place.path().join("cache");
    let look = |cache: Option<&Path>| {
        survey(&Request { root: &root, source: &source, ignore_files: &[], cache }).unwrap()
    };
    println!("{} files of {SIZE} bytes in {FOLDERS} folders", FOLDERS * FILES);

    let to = |name: &str| -> PathBuf { place.path().join(name) };
    let keep = |cache: Option<&Path>| {
        let store = to("store");
        let time = timed(|| {
            let Surveyed { manifest, digest, .. } = look(cache);
            assert!(keep_bundle(&source, &manifest, &digest, &store.join(&digest), &|| None).unwrap().made);
        });
        fs::remove_dir_all(&store).unwrap();
        time
    };
    let copy = || {
        let copy = to("copy");
        let time = timed(|| {
            assert!(Command::new("cp").arg("-r").arg(&source).arg(&copy).status().unwrap().success());
        });
        fs::remove_dir_all(&copy).unwrap();
        time
    };
    compare("bundle, every file read for the first time / cp -r", 1.5, || keep(None), copy);

    // What was written just now is not trusted to be unchanged.
    std::thread::sleep(Duration::from_secs(3));
    look(Some(&cache));
    assert_eq!(look(Some(&cache)).read, 0);
    compare("bundle, digests known / cp -r", 1.5, || keep(Some(&cache)), copy);
    let bare = || {
        let mut entries = 0;
        let time = timed(|| walk(&source, &mut entries));
        assert_eq!(entries, (FOLDERS * FILES + FOLDERS) as u64);
        time
    };
    compare("digest again / walk with lstat", 1.5, || timed(|| assert_eq!(look(Some(&cache)).read, 0)), bare);
}
