//! `env detect` on folders of 2,500, 5,000 and 10,000 Python files against a bare parse of the same files; a
//! second run after one file changed against a bare walk; and, where they are installed
//! (`tests/servers/tools.sh install peers`), against deptry, fawltydeps and pipreqs. Medians of interleaved rounds,
//! and their ratios. `cargo bench --bench detect`; see docs/performance.md. `SCAF_BENCH_FILES=1000` makes a
//! smaller folder for a quick look, `SCAF_BENCH_PEERS=no` leaves the peers out.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "detect/code_tree.rs"]
mod code_tree;

use std::ffi::OsString;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scaf::orchestrate::load::parallel;

const FILES: usize = 10_000;
const ROUNDS: usize = 11;
/// Rounds with the peers, which take their time.
const PEER_ROUNDS: usize = 3;
/// A file that was written less than this long ago may be written again within the same tick of the clock, so
/// it is not taken as known.
const SETTLED: Duration = Duration::from_secs(3);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--memory") {
        return memory(&arguments[at + 1..]);
    }
    let largest = std::env::var("SCAF_BENCH_FILES").map_or(FILES, |text| text.parse().unwrap());
    println!("{} threads, {ROUNDS} rounds; the load before: {}", parallel::threads(), load());
    let mut per_file = Vec::new();
    for size in [largest / 4, largest / 2, largest] {
        per_file.push(at_size(size, size == largest));
    }
    let (least, most) = (
        per_file.iter().copied().fold(f64::INFINITY, f64::min),
        per_file.iter().copied().fold(0.0, f64::max),
    );
    println!("\nlinear: a file takes {:.2} times as long at one size as at another", most / least);
    println!("the load behind: {}", load());
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Microseconds that the first run takes for one file.
fn at_size(size: usize, is_largest: bool) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("code");
    fs::create_dir(&tree).unwrap();
    code_tree::make(&tree, size);
    // deptry insists on being told what is declared.
    fs::write(tree.join("requirements.txt"), "numpy\npandas\ntorch\n").unwrap();
    let python = python_files(&tree);
    let bytes: u64 = python.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!("\n{size} Python files, {:.1} MB", mega(bytes));
    std::thread::sleep(SETTLED);

    let bench = Bench { tree, cache: folder.path().join("cache") };
    let took = bench.first_run(&python);
    bench.second_run(size);
    println!("a first run holds at most {}", bench.held(true));
    println!("a second run holds at most {}", bench.held(false));
    if is_largest && std::env::var("SCAF_BENCH_PEERS").as_deref() != Ok("no") {
        bench.peers();
    }
    took.as_secs_f64() * 1e6 / f64::from(u32::try_from(size).unwrap())
}

struct Bench {
    tree: PathBuf,
    cache: PathBuf,
}

impl Bench {
    /// Nothing but the code has a part in it: no Python, no configuration, a cache of its own.
    fn words(&self) -> Vec<OsString> {
        ["env", "detect", "--no-python", "--json"]
            .into_iter()
            .map(OsString::from)
            .chain([self.tree.clone().into_os_string()])
            .collect()
    }

    fn scaf(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scaf"));
        command.args(self.words()).env("SCAF_CACHE_DIR", &self.cache);
        run(&mut command, &[0]);
    }

    fn forget(&self) {
        if self.cache.exists() {
            fs::remove_dir_all(&self.cache).unwrap();
        }
    }

    fn first_run(&self, python: &[PathBuf]) -> Duration {
        let detect = || {
            self.forget();
            timed(&|| self.scaf())
        };
        let parse = || {
            timed(&|| {
                let lengths = parallel::map(python, |path| {
                    let text = fs::read_to_string(path).unwrap();
                    ruff_python_parser::parse_module(&text).unwrap().suite().len()
                });
                black_box(lengths.unwrap());
            })
        };
        compare("env detect, the first run / a bare parse", 1.5, detect, parse)
    }

    fn second_run(&self, size: usize) {
        let mut dice = code_tree::Dice(7);
        let mut round = 0;
        let python = python_files(&self.tree);
        self.forget();
        self.scaf();
        let mut changed = || {
            let path = &python[dice.below(size)];
            let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
            round += 1;
            writeln!(file, "import added_{round}").unwrap();
            drop(file);
            timed(&|| self.scaf())
        };
        let walk = || timed(&|| assert!(bare_walk(&self.tree) > size));
        compare("a second run, one file changed / a bare walk with lstat", 3.0, &mut changed, walk);
        let unchanged = || timed(&|| self.scaf());
        compare("a second run, nothing changed / a bare walk with lstat", 3.0, unchanged, walk);
        let version = || {
            timed(&|| run(Command::new(env!("CARGO_BIN_EXE_scaf")).arg("--version"), &[0]));
        };
        let start = median((0..ROUNDS).map(|_| timed(&version)).collect());
        println!("`scaf --version`, of which every command consists at least: {:.1} ms", milli(start));
    }

    /// The most memory that the command ever held, in a process of its own.
    fn held(&self, is_first: bool) -> String {
        if is_first {
            self.forget();
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .arg("--memory")
            .args(self.words())
            .env("SCAF_CACHE_DIR", &self.cache)
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said.trim().to_owned()
    }

    /// The same folder in turn. Each does what is its own with what it finds; none asks an index.
    fn peers(&self) {
        let state = std::env::var("SCAF_TEST_STATE").unwrap_or_else(|_| "/var/tmp/scaf-test".to_owned());
        let bin = Path::new(&state).join("peers/bin");
        if !bin.join("deptry").exists() {
            println!("no peers in {}: `tests/servers/tools.sh install peers` installs them", bin.display());
            return;
        }
        let peer = |name: &str, words: &[&str]| {
            let mut command = Command::new(bin.join(name));
            command.args(words).arg(&self.tree).current_dir(&self.tree);
            command
        };
        let mut fastest = f64::INFINITY;
        let mut ours = Vec::new();
        for (name, words, fine) in [
            ("deptry", &["--no-ansi", "--ignore-notebooks"] as &[&str], &[0, 1] as &[i32]),
            ("fawltydeps", &["--list-imports", "--json", "--code"], &[0]),
            ("pipreqs", &["--use-local", "--print"], &[0]),
        ] {
            let mut theirs = Vec::new();
            for _ in 0..PEER_ROUNDS {
                self.forget();
                ours.push(timed(&|| self.scaf()));
                theirs.push(timed(&|| run(&mut peer(name, words), fine)));
            }
            let theirs = median(theirs);
            println!("{name}: {:.2} s", theirs.as_secs_f64());
            fastest = fastest.min(theirs.as_secs_f64());
        }
        let ours = median(ours).as_secs_f64();
        println!(
            "the fastest peer / env detect, the first run: {fastest:.2} s / {ours:.2} s = {:.1} (to be at least 5)",
            fastest / ours
        );
    }
}

/// `scaf` itself in this process, and then what it has held.
fn memory(words: &[String]) {
    let argv = [OsString::from("scaf")].into_iter().chain(words.iter().map(OsString::from)).collect();
    assert_eq!(scaf::cli::main(argv, std::env::vars_os().collect()), 0);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    eprintln!("{:.0} MB (to be at most 200)", mega(kilobytes * 1024));
}

fn run(command: &mut Command, fine: &[i32]) {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let is_fine = output.status.code().is_some_and(|status| fine.contains(&status));
    assert!(is_fine, "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

fn timed(deed: &dyn Fn()) -> Duration {
    let start = Instant::now();
    deed();
    start.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// Rounds of two deeds in turn, each second round in the other order; the first one's median comes back.
fn compare(
    what: &str,
    limit: f64,
    mut one: impl FnMut() -> Duration,
    mut other: impl FnMut() -> Duration,
) -> Duration {
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
    let (one, other) = (median(ones), median(others));
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    println!("{what}: {:.1} ms / {:.1} ms = {ratio:.2} (to be at most {limit})", milli(one), milli(other));
    one
}

fn milli(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap()) * 1024.0 / 1e6
}

/// `read_dir` and `symlink_metadata` of everything below, on one thread; how many entries there are.
fn bare_walk(folder: &Path) -> usize {
    let mut count = 0;
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            count += 1;
            black_box(meta.modified().unwrap());
            if meta.is_dir() {
                waiting.push(path);
            }
        }
    }
    count
}

fn python_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else if entry.path().extension().is_some_and(|ending| ending == "py") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}
