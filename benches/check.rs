//! `check` against a bare parse of the same Python files, the walk of `list` against `find -type f`, on
//! projects of three sizes: medians of interleaved rounds, and their ratios. `cargo bench --bench check`;
//! see docs/performance.md. `SCAF_BENCH_EXPERIMENTS=100` makes a smaller project for a quick look.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scaf::orchestrate::load::{check, experiments, parallel};
use scaf::project::layout::Layout;
use scaf::spec::settings::Settings;

const EXPERIMENTS: usize = 1000;
const ROUNDS: usize = 11;
/// Files of one experiment, its links counted: 50,000 files in 1,000 experiments.
const FILES: usize = 50;
const MODULES: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--memory") {
        return memory(Path::new(&arguments[at + 1]));
    }
    let largest = std::env::var("SCAF_BENCH_EXPERIMENTS").map_or(EXPERIMENTS, |text| text.parse().unwrap());
    println!("{} threads, {ROUNDS} rounds", parallel::threads());
    let mut per_experiment = Vec::new();
    for size in [largest / 4, largest / 2, largest] {
        per_experiment.push(at_size(size));
    }
    let (least, most) = (
        per_experiment.iter().copied().fold(f64::INFINITY, f64::min),
        per_experiment.iter().copied().fold(0.0, f64::max),
    );
    println!("linear: an experiment takes {:.2} times as long at one size as at another", most / least);
}

/// Milliseconds that `check` takes for one experiment.
fn at_size(size: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    make_project(folder.path(), size);
    let python = python_files(&layout.code_dir());
    println!("\n{size} experiments, {} files, {} of them Python", size * FILES, python.len());

    let check = || assert!(check::findings(&layout, &Settings::default(), None).unwrap().is_empty());
    let parse = || {
        let lengths = parallel::map(&python, |path| {
            let text = fs::read_to_string(path).unwrap();
            ruff_python_parser::parse_module(&text).unwrap().suite().len()
        });
        black_box(lengths.unwrap());
    };
    let took = compare("check / bare parse", 1.5, check, parse);

    let walk = || assert_eq!(experiments::experiments(&layout).unwrap().len(), size);
    let find = || run(Command::new("find").arg(folder.path()).args(["-type", "f"]));
    compare("finding the experiments / find -type f", 3.0, walk, find);

    let scaf = || run(scaf(folder.path(), &["list"]));
    compare("scaf list / find -type f", 3.0, scaf, find);

    let output =
        Command::new(std::env::current_exe().unwrap()).arg("--memory").arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    took.as_secs_f64() * 1e3 / f64::from(u32::try_from(size).unwrap())
}

/// In a process of its own: the most memory that a check ever held.
fn memory(project: &Path) {
    check::findings(&Layout::new(project), &Settings::default(), None).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: f64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    println!("check holds at most {:.0} MB (to be at most 100)", kilobytes * 1024.0 / 1e6);
}

fn scaf<'a>(project: &Path, words: &[&'a str]) -> &'a mut Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scaf"));
    command.arg("-C").arg(project).args(words);
    Box::leak(Box::new(command))
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

/// Rounds of two deeds in turn, each second round in the other order; the first one's median comes back.
fn compare(what: &str, limit: f64, one: impl Fn(), other: impl Fn()) -> Duration {
    let timed = |deed: &dyn Fn()| {
        let start = Instant::now();
        deed();
        start.elapsed()
    };
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    one();
    other();
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            ones.push(timed(&one));
            others.push(timed(&other));
        } else {
            others.push(timed(&other));
            ones.push(timed(&one));
        }
    }
    ones.sort_unstable();
    others.sort_unstable();
    let (one, other) = (ones[ROUNDS / 2], others[ROUNDS / 2]);
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{what}: {:.1} ms / {:.1} ms = {ratio:.2} (to be at most {limit})",
        one.as_secs_f64() * 1e3,
        other.as_secs_f64() * 1e3
    );
    one
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

/// A project in which nothing is to be found: every experiment has an environment, a job, a script,
/// tests, modules that import each other and shared code, and as much again that is no code.
fn make_project(root: &Path, size: usize) {
    let template = |path: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/experiment").join(path))
            .unwrap()
    };
    let train = template("sklearn/train.py");
    let job = template("minimal/job.yaml")
        .replace("<{ experiment | replace(\"/\", \"-\") }>", "x")
        .replace("<{ experiment }>", "x");
    let tests = template("minimal/tests/test_train.py");
    write(&root.join("scaf.toml"), "[project]\nname = \"large\"\n");
    write(
        &root.join(".gitignore"),
        &fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/project/.gitignore"))
            .unwrap(),
    );
    let common = root.join("src/common");
    fs::create_dir_all(common.join("features")).unwrap();
    for file in ["__init__.py", "features/__init__.py"] {
        write(&common.join(file), "");
    }
    for index in 0..20 {
        write(&common.join(format!("features/part_{index}.py")), &train);
        write(&common.join(format!("tool_{index}.py")), "from common.features import part_1\n");
    }
    for index in 0..size {
        // Some lie inside a domain.
        let name = if index % 3 == 0 {
            format!("domain_{}/task_{index}", index % 7)
        } else {
            format!("task_{index}")
        };
        let up = "../".repeat(name.split('/').count() + 1);
        let dir = root.join("src").join(&name);
        for folder in ["environment", "tests", "model", "samples", "common"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        write(
            &dir.join("environment/Dockerfile"),
            "FROM python:3.12-slim\nRUN pip install -r requirements.txt\n",
        );
        write(
            &dir.join("environment/requirements.txt"),
            "numpy==2.0.0\nscikit-learn==1.5.0\njoblib==1.4.0\n",
        );
        write(&dir.join("job.yaml"), &job);
        write(&dir.join("local.py"), "from train import main\n\nmain()\n");
        write(
            &dir.join("train.py"),
            &format!("from common.tool_3 import x\nfrom model import part_2\n{train}"),
        );
        write(&dir.join("tests/__init__.py"), "");
        write(&dir.join("tests/test_train.py"), &tests);
        write(&dir.join("common/__init__.py"), "");
        for shared in ["features", "tool_3.py"] {
            symlink(format!("{up}common/{shared}"), dir.join("common").join(shared)).unwrap();
        }
        for module in 0..MODULES {
            write(&dir.join(format!("model/part_{module}.py")), &format!("from . import part_1\n{train}"));
        }
        // Ten are named above, and the modules.
        for sample in 0..FILES - 10 - MODULES {
            write(&dir.join(format!("samples/{sample}.json")), "{\"label\": 3}\n");
        }
    }
}

/// Every Python file that `check` reads.
fn python_files(code: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![code.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "py") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}
