//! `scaf new-exp --from`: an experiment around code that is there runs at once, in its own pinned environment.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bad_index::{BadIndex, path_with_uv};
use crate::support::{Outcome, Scaf, Test, need, python_image, python_minor};
use crate::tree::tree;

/// Code beside a project.
struct Ground {
    test: Test,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Self {
        let ground = Self { test: Test::project() };
        for (path, text) in files {
            ground.write(path, text);
        }
        ground
    }

    /// Beside the project.
    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.test.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// An environment in which a package is installed by hand, with a module of its name.
    fn install(&self, environment: &str, name: &str, version: &str) -> &Self {
        let folder = self.test.root().join(environment);
        if !folder.exists() {
            let mut make = Command::new("python3");
            make.args(["-I", "-m", "venv", "--without-pip"]).arg(&folder);
            assert!(make.status().unwrap().success());
        }
        let site = format!("{environment}/lib/python{}/site-packages", python_minor());
        let info = format!("{site}/{name}-{version}.dist-info");
        self.write(&format!("{site}/{name}/__init__.py"), "")
            .write(
                &format!("{info}/METADATA"),
                &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"),
            )
            .write(&format!("{info}/INSTALLER"), "pip\n")
            .write(&format!("{info}/RECORD"), &format!("{name}/__init__.py,,\n{info}/METADATA,,\n"))
    }

    /// With no packages but those that it names, no uv and no index.
    fn make(&self, words: &[&str]) -> Scaf<'_> {
        let mut all = vec!["new-exp"];
        all.extend(words);
        let path = std::env::var("PATH").unwrap();
        self.test.scaf(all).in_project().env("PATH", path)
    }

    fn with(&self, index: &BadIndex, words: &[&str]) -> Scaf<'_> {
        with_index(self.make(words), index)
    }

    /// What was made is in step with itself: nothing is missing, and locking again changes nothing.
    #[track_caller]
    fn is_whole(&self, name: &str, index: Option<&BadIndex>, python: &str) {
        for words in [["env", "check", name], ["env", "lock", name]] {
            let scaf = self.test.scaf(words.into_iter().chain(python.split_whitespace())).in_project();
            let outcome = match index {
                Some(index) => with_index(scaf, index),
                None => scaf.env("PATH", std::env::var("PATH").unwrap()),
            };
            let Outcome { status, stdout, stderr } = outcome.run();
            assert_eq!(status, 0, "{words:?}\n{stdout}{stderr}");
            let said = words[1] == "check" || stderr.contains("nothing has changed");
            assert!(said, "{words:?}\n{stdout}{stderr}");
        }
    }

    fn read(&self, below: &str) -> String {
        self.test.read(&format!("src/{below}"))
    }
}

fn with_index<'a>(scaf: Scaf<'a>, index: &BadIndex) -> Scaf<'a> {
    scaf.env("PATH", path_with_uv())
        .env("PIP_INDEX_URL", index.with_password())
        .env("UV_CACHE_DIR", index.cache())
        .env("UV_HTTP_RETRIES", "0")
        .env("UV_HTTP_TIMEOUT", "3")
        .env_remove("PIP_FIND_LINKS")
}

/// The lines that say what runs.
fn deeds(local: &str) -> Vec<&str> {
    local.lines().skip_while(|line| !line.starts_with("if __name__")).skip(1).map(str::trim).collect()
}

const TRAIN: &str = "\
import argparse
import sys
import numpy
import yaml
from pack.words import words

parser = argparse.ArgumentParser()
parser.add_argument('--n', type=int, default=3)
n = parser.parse_args().n
print(numpy.arange(n).sum(), yaml.safe_load(open('conf.yaml'))['a'], words(), __name__, sys.argv[0].rsplit('/', 1)[-1])
sys.exit(n)
";

const FILES: [(&str, &str); 5] = [
    ("old/churn.py", TRAIN),
    ("old/conf.yaml", "a: 5\n"),
    ("old/pack/__init__.py", ""),
    (
        "old/pack/words.py",
        "import os\n\ndef words():\n    return open(os.path.join(os.path.dirname(__file__), 'words.txt')).read()\n",
    ),
    ("old/pack/words.txt", "w"),
];

#[test]
fn with_packages_of_the_index_it_runs_at_once_in_a_container_and_without_one() {
    if !need("python") || !need("uv") || !need("index") {
        return;
    }
    let ground = Ground::new(&FILES);
    let made =
        ground.make(&["churn", "--from", "../old/churn.py", "--no-python"]).env("PATH", path_with_uv()).ok();
    assert!(made.stderr.contains("made the experiment `churn` in src/churn/"), "{}", made.stderr);
    assert!(made.stderr.contains("locked 2 packages for linux-x86_64"), "{}", made.stderr);
    let requirements = ground.read("churn/environment/requirements.txt");
    assert!(requirements.contains("# why: train.py:3\n") && requirements.contains("# why: train.py:4\n"));
    assert!(ground.read("churn/environment/requirements.lock").contains("--hash=sha256:"));
    let check = ground.test.scaf(["env", "check", "churn", "--no-python"]).in_project();
    check.env("PATH", path_with_uv()).ok();
    let mut engines = vec!["host"];
    if need("docker") {
        python_image();
        engines.push("docker");
    }
    for engine in engines {
        let run = |words: &[&str]| {
            let words = [&["local", "churn", "--engine", engine][..], words].concat();
            ground.test.scaf(words).in_project()
        };
        let ran = run(&["--", "--n", "4"]).status(4);
        assert_eq!(ran.stdout, "6 5 w __main__ train.py\n", "{engine}");
        assert_eq!(run(&[]).status(3).stdout, "3 5 w __main__ train.py\n", "{engine}");
        let tested = ground.test.scaf(["test", "churn", "--engine", engine]).in_project().ok();
        assert!(tested.stdout.contains("1 passed"), "{engine}: {}", tested.stdout);
    }
    ground.test.scaf(["check"]).in_project().ok();
}

#[test]
fn what_is_installed_in_the_environment_of_the_code_is_pinned_as_it_is_and_runs() {
    if !need("python") || !need("index") {
        return;
    }
    let ground =
        Ground::new(&[("old/x.py", "import iniconfig, yaml\nprint(yaml.__version__, iniconfig.__name__)\n")]);
    let venv = ground.test.root().join("old/.venv");
    let run = |program: &Path, words: &[&str]| {
        let output = Command::new(program).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(Path::new("python3"), &["-I", "-m", "venv", &venv.to_string_lossy()]);
    run(&venv.join("bin/python"), &["-m", "pip", "install", "--quiet", "pyyaml==6.0.2", "iniconfig==2.0.0"]);
    let made = ground.make(&["x", "--from", "../old/x.py", "--no-hashes"]).ok();
    assert!(made.stderr.contains("by what is installed"), "{}", made.stderr);
    let lock = ground.read("x/environment/requirements.lock");
    let pins: Vec<&str> = lock.lines().filter(|line| line.contains("==")).collect();
    assert_eq!(pins, ["iniconfig==2.0.0", "PyYAML==6.0.2"]);
    let ran = ground.test.scaf(["local", "x", "--engine", "host"]).in_project().ok();
    assert_eq!(ran.stdout, "6.0.2 iniconfig\n");
}

/// Without packages nothing has to be fetched.
#[test]
fn code_of_every_layout_runs_with_no_edit() {
    if !need("python") {
        return;
    }
    let print = |what: &str| format!("import sys\nprint({what}, *sys.argv[1:])\n");
    let files = [
        // What is above the script, without a word about it.
        ("r/.git/HEAD".to_owned(), String::new()),
        (
            "r/scripts/train.py".to_owned(),
            format!(
                "import mylib.deep\nfrom src.other import Y\n{}",
                print("mylib.X, Y, open('data/x.txt').read()")
            ),
        ),
        ("r/src/mylib/__init__.py".to_owned(), "X = 1\n".to_owned()),
        ("r/src/mylib/deep.py".to_owned(), "from mylib import X\n".to_owned()),
        ("r/src/other.py".to_owned(), "Y = 2\n".to_owned()),
        ("r/data/x.txt".to_owned(), "d".to_owned()),
        // `sys.path`.
        (
            "s/tools/go.py".to_owned(),
            format!(
                "import sys\nfrom pathlib import Path\nsys.path.append(str(Path(__file__).resolve().parents[1] / 'lib'))\nimport hello\n{}",
                print("hello.X")
            ),
        ),
        ("s/lib/hello.py".to_owned(), "X = 3\n".to_owned()),
        // A module of a package.
        ("m/pkg/__init__.py".to_owned(), String::new()),
        ("m/pkg/util.py".to_owned(), "V = 4\n".to_owned()),
        ("m/pkg/train.py".to_owned(), format!("from .util import V\n{}", print("V"))),
        ("m/pkg/__main__.py".to_owned(), format!("from pkg.util import V\n{}", print("V + 1"))),
        // A project with its code in `src`.
        ("q/pyproject.toml".to_owned(), "[project]\nname = 'q'\nversion = '1'\n".to_owned()),
        ("q/src/q/__init__.py".to_owned(), "Z = 6\n".to_owned()),
        (
            "q/src/q/cli.py".to_owned(),
            "from q import Z\nif __name__ == '__main__':\n    print(Z)\n".to_owned(),
        ),
        ("q/tests/test_q.py".to_owned(), "from q import Z\n\ndef test_z():\n    assert Z == 6\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let ground = Ground::new(&files);
    // Far away, and known by PYTHONPATH alone.
    ground.write("far/libs/farmod.py", "X = 7\n").write("far/libs/farpkg/sub.py", "Y = 8\n");
    ground.write("n/o/p/q/r/x.py", "import farmod\nfrom farpkg import sub\nprint(farmod.X, sub.Y)\n");
    let libs = ground.test.root().join("far/libs");
    for (from, wanted, files) in [
        (
            "../r/scripts/train.py",
            "1 2 d --a b\n",
            "scripts/train.py src/mylib/__init__.py src/mylib/deep.py src/other.py data/x.txt",
        ),
        ("../s/tools/go.py", "3 --a b\n", "tools/go.py lib/hello.py"),
        ("../m/pkg/train.py", "4 --a b\n", "pkg/train.py pkg/__init__.py pkg/util.py"),
        ("../m/pkg", "5 --a b\n", "pkg/__main__.py pkg/__init__.py pkg/util.py pkg/train.py"),
        ("../q", "6\n", "src/q/cli.py src/q/__init__.py tests/test_q.py pyproject.toml"),
        ("../n/o/p/q/r/x.py", "7 8\n", "train.py farmod.py farpkg/sub.py"),
    ] {
        let _ = fs::remove_dir_all(ground.test.path("src/x"));
        ground.make(&["x", "--from", from, "--no-python"]).env("PYTHONPATH", &libs).run();
        // The folders of PYTHONPATH are a Python's.
        if from.contains("/n/") {
            let _ = fs::remove_dir_all(ground.test.path("src/x"));
            ground.make(&["x", "--from", from]).env("PYTHONPATH", &libs).ok();
        }
        for file in files.split(' ') {
            assert!(ground.test.path("src/x").join(file).is_file(), "{from}: {file}");
        }
        let ran = ground.test.scaf(["local", "x", "--engine", "host", "--", "--a", "b"]).in_project().ok();
        assert_eq!(ran.stdout, wanted, "{from}");
        ground.is_whole("x", None, if from.contains("/n/") { "" } else { "--no-python" });
        ground.test.scaf(["check", "--quiet"]).in_project().ok();
        // As a job it is started in the experiment's folder.
        let command = ground.read("x/job.yaml");
        let command = command.lines().find_map(|line| line.strip_prefix("command: python ")).unwrap();
        let output =
            Command::new("python3").arg(command).current_dir(ground.test.path("src/x")).output().unwrap();
        assert!(output.status.success(), "{from}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(ground.read("x/farmod.py").contains('7'));
}

#[test]
fn the_dry_run_prints_what_is_done_and_writes_nothing() {
    if !need("python") {
        return;
    }
    let ground = Ground::new(&[
        ("old/x.py", "import alpha\nprint('<{ x }>')\n"),
        ("old/tests.py", ""),
        ("old/words.txt", ""),
    ]);
    ground.install("old/.venv", "alpha", "1.0");
    let before = tree(&ground.test.root());
    let printed =
        ground.make(&["first_one", "--from", "../old/x.py", "--no-hashes", "--dry-run"]).ok().stdout;
    assert_eq!(tree(&ground.test.root()), before);
    let json = ground
        .make(&["first_one", "--from", "../old/x.py", "--no-hashes", "--dry-run", "--json"])
        .ok()
        .json();
    assert!(json["steps"].as_array().unwrap().len() > 5);
    ground.make(&["other_one", "--from", "../old/x.py", "--no-hashes"]).ok();
    assert!(Command::new("sh").args(["-c", &printed]).status().unwrap().success());
    let of = |name: &str| -> Vec<(String, String)> {
        let files = [
            "train.py",
            "local.py",
            "job.yaml",
            "environment/requirements.txt",
            "environment/requirements.lock",
        ];
        files
            .map(|file| (file.to_owned(), ground.read(&format!("{name}/{file}")).replace(name, "NAME")))
            .to_vec()
    };
    assert_eq!(of("first_one"), of("other_one"));
}

#[test]
fn a_program_gets_one_object() {
    if !need("python") {
        return;
    }
    let ground =
        Ground::new(&[("old/x.py", "import alpha\nopen('big.bin')\n"), ("old/broken.py", "def f(:\n")]);
    fs::File::create(ground.test.root().join("old/big.bin")).unwrap().set_len(80 << 20).unwrap();
    ground.install("old/.venv", "alpha", "1.0");
    let made = ground.make(&["a", "--from", "../old/x.py", "--json", "--no-hashes"]).ok().json();
    assert_eq!((made["script"].as_str(), made["module"].is_null()), (Some("train.py"), true));
    assert_eq!(made["lock"]["pins"][0]["pin"], "alpha==1.0");
    assert_eq!(made["left"][0]["path"], "big.bin");
    let files: Vec<&str> = made["files"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(files.contains(&"train.py") && files.contains(&"environment/requirements.lock"), "{files:?}");
    // Of a folder the broken file comes along, too, and is told.
    let made =
        ground.make(&["b", "--from", "../old", "--script", "x.py", "--json", "--no-hashes"]).ok().json();
    assert_eq!(made["problems"][0]["file"], "broken.py");
    assert!(ground.test.path("src/b/broken.py").is_file() && ground.test.path("src/b/big.bin").is_file());
}

#[test]
fn versions_that_a_file_beside_the_code_names_are_taken_and_it_comes_along() {
    if !need("python") || !need("uv") {
        return;
    }
    let index =
        BadIndex::with("good", &[("alpha", "1.0", &[]), ("alpha", "2.0", &[]), ("plugin", "1.0", &[])]);
    let ground = Ground::new(&[
        ("old/x.py", "import alpha\n"),
        ("old/requirements.txt", "-r more/base.txt\nplugin\n"),
        ("old/more/base.txt", "alpha<2\n"),
        ("old/pyproject.toml", "[project]\nname = 'x'\nversion = '1'\ndependencies = ['alpha']\n"),
        ("both/x.py", "import alpha\n"),
        ("both/requirements.txt", "alpha==1.0\n"),
        (
            "both/uv.lock",
            "version = 1\n[[package]]\nname = 'alpha'\nversion = '2.0'\nsource = { registry = 'https://h/simple' }\n",
        ),
    ]);
    let python = ["--no-python", "--python", "3.11"];
    let words = |name: &'static str, from: &'static str| [&[name, "--from", from][..], &python[..1]].concat();
    let made = ground.with(&index, &words("a", "../old/x.py")).ok();
    assert!(made.stderr.contains("versions are those of requirements.txt"), "{}", made.stderr);
    let requirements = ground.read("a/environment/requirements.txt");
    assert!(requirements.contains("alpha==1.0  # why: train.py:1\n"), "{requirements}");
    assert!(requirements.contains("plugin==1.0  # why: src/a/requirements.txt:2\n"), "{requirements}");
    assert!(ground.test.path("src/a/more/base.txt").is_file());
    assert!(!ground.test.path("src/a/pyproject.toml").exists());
    ground.is_whole("a", Some(&index), "--no-python");
    // Two that contradict each other are told, and what is there is an experiment all the same.
    let made = ground.with(&index, &words("b", "../both")).status(1);
    assert!(
        made.stderr.contains("uv.lock:3: `alpha==2.0`\nrequirements.txt:1: `alpha==1.0`"),
        "{}",
        made.stderr
    );
    assert!(made.stderr.contains("once that is mended: `scaf env lock b`"), "{}", made.stderr);
    assert!(!ground.test.path("src/b/environment/requirements.lock").exists());
    let lock = ground
        .test
        .scaf(["env", "lock", "b", "--from", "src/b/requirements.txt", "--no-python"])
        .in_project();
    with_index(lock, &index).ok();
    assert!(ground.read("b/environment/requirements.lock").contains("alpha==1.0"));
}

#[test]
fn a_script_s_own_block_says_its_python_and_its_packages() {
    if !need("python") || !need("uv") {
        return;
    }
    let index =
        BadIndex::with("good", &[("alpha", "1.0", &[]), ("alpha", "2.0", &[]), ("plugin", "1.0", &[])]);
    let ground = Ground::new(&[(
        "x.py",
        "# /// script\n# requires-python = '>=3.13'\n# dependencies = ['alpha<2', 'plugin']\n# ///\nimport alpha\n",
    )]);
    let made = ground.with(&index, &["a", "--from", "../x.py"]).ok();
    assert!(made.stderr.contains("Python 3.13, since the script's own `# /// script` block says `>=3.13`"));
    let requirements = ground.read("a/environment/requirements.txt");
    assert_eq!(requirements, "# The `# /// script` block of train.py asks for this:\nalpha<2\nplugin\n");
    let lock = ground.read("a/environment/requirements.lock");
    assert!(lock.contains("alpha==1.0") && lock.contains("plugin==1.0") && lock.contains("CPython 3.13"));
    assert!(ground.read("a/environment/Dockerfile").contains("FROM python:3.13-slim"));
    ground.is_whole("a", Some(&index), "--no-python");
    let old = ground.with(&index, &["b", "--from", "../x.py", "--python", "3.12"]).ok();
    assert!(ground.read("b/environment/Dockerfile").contains("FROM python:3.12-slim"), "{}", old.stderr);
}

#[test]
fn a_notebook_runs_as_a_script_with_what_it_installs_and_writes() {
    if !need("python") || !need("uv") {
        return;
    }
    let index =
        BadIndex::with("good", &[("alpha", "1.0", &[]), ("alpha", "2.0", &[]), ("plugin", "1.0", &[])]);
    let cells = [
        "%pip install -q alpha==1.0 plugin\n%matplotlib inline",
        "%%writefile helper.py\nX = 5\n",
        "import alpha, helper\nx = !ls\nprint('in a script', helper.X)",
    ];
    let cells: Vec<_> =
        cells.iter().map(|text| serde_json::json!({ "cell_type": "code", "source": text })).collect();
    let picture = "x".repeat(50 << 20);
    let notebook = serde_json::json!({ "cells": cells, "metadata": { "picture": picture } }).to_string();
    let ground = Ground::new(&[("my look.ipynb", &notebook)]);
    let made = ground.with(&index, &["a", "--from", "../my look.ipynb", "--no-python"]).ok();
    let told = "comments in train.py now, since only a notebook understands them: `%pip install -q alpha==1.0 plugin`, \
                `%matplotlib inline`, `%%writefile helper.py`, `x = !ls`";
    assert!(made.stderr.contains(told), "{}", made.stderr);
    let requirements = ground.read("a/environment/requirements.txt");
    assert!(
        requirements.starts_with(
            "# A `pip install` of train.py asks for this:\nalpha==1.0  # line 2\nplugin  # line 2\n"
        ),
        "{requirements}"
    );
    assert!(ground.read("a/environment/requirements.lock").contains("alpha==1.0"));
    ground.is_whole("a", Some(&index), "--no-python");
    let ran = with_index(ground.test.scaf(["local", "a", "--engine", "host"]).in_project(), &index).ok();
    assert_eq!(ran.stdout, "in a script 5\n");
}

#[test]
fn an_index_that_fails_leaves_an_experiment_with_what_is_known() {
    if !need("python") || !need("uv") {
        return;
    }
    let ground = Ground::new(&[
        ("old/x.py", "import alpha\nimport beta_thing\n"),
        ("none/x.py", "import utils.deep, alpha\n"),
    ]);
    ground.install("old/.venv", "alpha", "1.0").install("none/.venv", "alpha", "1.0");
    let index = BadIndex::up("503");
    let made = ground.with(&index, &["a", "--from", "../old/x.py"]).status(1);
    assert!(made.stderr.contains("made the experiment `a`"), "{}", made.stderr);
    assert!(
        made.stderr.contains("error: its environment is not locked: the package index"),
        "{}",
        made.stderr
    );
    assert!(!made.stderr.contains("geheim"), "{}", made.stderr);
    assert!(made.stderr.contains("hint: the experiment is there; once that is mended: `scaf env lock a`"));
    let requirements = ground.read("a/environment/requirements.txt");
    assert!(requirements.contains("alpha==1.0  # why: train.py:1\n"), "{requirements}");
    assert!(requirements.contains("# beta-thing  # why: train.py:2\n"), "{requirements}");
    assert!(!ground.test.path("src/a/environment/requirements.lock").exists());
    let offline = ground.with(&index, &["b", "--from", "../old/x.py", "--offline", "--json"]).status(1);
    assert!(
        offline.json()["not_locked"]["message"]
            .as_str()
            .unwrap()
            .contains("the package index was not to be asked")
    );
    // A module that nobody has is told with its place.
    let nobody = ground.with(&index, &["c", "--from", "../none/x.py"]).status(1);
    assert!(nobody.stderr.contains("no package is known for `utils.deep` (train.py:1)"), "{}", nobody.stderr);
    // Mended, it goes on from there.
    let index = BadIndex::with("good", &[("alpha", "1.0", &[]), ("beta-thing", "3.0", &[])]);
    with_index(ground.test.scaf(["env", "lock", "a", "--no-python"]).in_project(), &index).ok();
    assert!(ground.read("a/environment/requirements.lock").contains("beta-thing==3.0"));
    let leftovers: Vec<_> = fs::read_dir(ground.test.path("src"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with('.'))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn what_a_package_needs_of_the_system_is_in_the_dockerfile() {
    if !need("python") {
        return;
    }
    let ground = Ground::new(&[("old/x.py", "import lightgbm\n")]);
    ground.install("old/.venv", "lightgbm", "4.7.0");
    let made = ground.make(&["a", "--from", "../old/x.py", "--no-hashes"]).ok();
    assert!(made.stderr.contains("`lightgbm` needs libgomp1 of the system"), "{}", made.stderr);
    let dockerfile = ground.read("a/environment/Dockerfile");
    assert!(
        dockerfile.contains("RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 ")
    );
    // The Dockerfile of an experiment that is copied is its user's.
    let made = ground.make(&["b", "--from", "src/a", "--no-hashes", "--python", "../old/.venv"]).ok();
    assert!(made.stderr.contains("install it in the Dockerfile"), "{}", made.stderr);
    assert_eq!(ground.read("b/environment/Dockerfile"), dockerfile);
}

#[test]
fn shared_code_is_linked_and_an_experiment_is_copied_with_its_links_and_its_environment() {
    if !need("python") {
        return;
    }
    let ground = Ground::new(&[("p/src/common/text.py", "W = 'w'\n"), ("p/src/common/zeta.py", "W = 'z'\n")]);
    let test = &ground.test;
    test.scaf(["new-exp", "one", "--template", "minimal"]).in_project().ok();
    test.scaf(["dependency", "one", "text.py"]).in_project().ok();
    test.write("src/one/train.py", "from common.text import W\nprint('one', W)\n")
        .write("src/one/local.py", "import train\n")
        .write("notebooks/look.py", "from common.zeta import W\nprint('look', W)\n");
    fs::remove_dir_all(test.path("src/one/tests")).unwrap();
    ground.make(&["two", "--from", "src/one"]).ok();
    ground.make(&["three", "--from", "notebooks/look.py"]).ok();
    ground.make(&["deep/four", "--from", "src/one/train.py"]).ok();
    for (name, link, said) in [
        ("two", "../../common/text.py", "one w\n"),
        ("three", "../../common/zeta.py", "look z\n"),
        ("deep/four", "../../../common/text.py", "one w\n"),
    ] {
        let file = link.rsplit('/').next().unwrap();
        let place = test.path(&format!("src/{name}/common/{file}"));
        assert_eq!(fs::read_link(place).unwrap(), Path::new(link));
        let ran = test.scaf(["local", name, "--engine", "host"]).in_project().ok();
        assert_eq!(ran.stdout, said);
        test.scaf(["dependency", name, "--check"]).in_project().ok();
    }
    assert_eq!(ground.read("two/environment/Dockerfile"), ground.read("one/environment/Dockerfile"));
    test.scaf(["check"]).in_project().ok();
}

#[test]
fn what_cannot_become_an_experiment_is_told_with_its_place_and_nothing_is_written() {
    let ground = Ground::new(&[
        ("broken.py", "x = 1\ndef f(:\n"),
        ("bin.txt", ""),
        ("several/one.py", "if __name__ == '__main__':\n    pass\n"),
        ("several/two.py", "if __name__ == '__main__':\n    pass\n"),
        ("none/words.txt", ""),
        ("local/x.py", "import local\n"),
        ("local/local.py", ""),
        ("env/x.py", "import environment\n"),
        ("env/environment/__init__.py", ""),
        ("far/x.py", "exec(open('/proc/self/environ.py').read())\n"),
        ("twice/a/b/c/d/e/x.py", "import farmod\nimport sys\nsys.path.append('SOMEWHERE')\n"),
    ]);
    let notebook = |name: &str, metadata: &str, source: &str| {
        let source = serde_json::json!(source);
        let cell = format!(r#"{{"cell_type":"code","source":{source}}}"#);
        ground.write(name, &format!(r#"{{"metadata":{metadata},"cells":[{cell}]}}"#));
    };
    notebook("r.ipynb", r#"{"kernelspec":{"language":"R"}}"#, "x <- 1");
    notebook("broken.ipynb", "{}", "x = 1\ny = = 2");
    ground.write("half.ipynb", "{\"cells\": [");
    fs::write(ground.test.root().join("latin.py"), b"x = 'caf\xe9'\n").unwrap();
    fs::write(ground.test.root().join("binary.py"), b"\x7fELF\0\0\x01").unwrap();
    let pipe = ground.test.root().join("pipe.py");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    std::os::unix::fs::symlink("round.py", ground.test.root().join("round.py")).unwrap();
    for (words, what, status) in [
        ("../broken.py", "`../broken.py:2:7: ", 1),
        ("../latin.py", "latin.py:1:9: the text is not UTF-8", 1),
        ("../latin.py", "hint: save it as UTF-8, or say what it is in its first line", 1),
        ("../binary.py", "binary.py:1:5: source code cannot contain NUL", 1),
        ("../r.ipynb", "its language is R", 1),
        ("../broken.ipynb", "cell 1, line 2, column 5: ", 1),
        ("../half.ipynb", "it is no notebook: ", 1),
        ("../pipe.py", "is neither a script nor a notebook", 1),
        ("../round.py", "cannot read `../round.py`", 1),
        ("../bin.txt", "is neither a script nor a notebook", 1),
        ("../gone.py", "there is no file or folder `../gone.py`", 1),
        ("../several", "any of 2 scripts of the folder `../several` may be the one to run", 1),
        ("../several", "hint: name it: `--script one.py`, `--script two.py`", 1),
        ("../several --script tree.py", "there are: `one.py`, `two.py`", 1),
        ("../none", "has no script in it", 1),
        ("../broken.py --script x.py", "`--script` chooses one of a folder's scripts", 2),
        ("../bin.txt --template minimal", "cannot be used with '--template", 2),
        ("../several/one.py --python 3.x", "there is no Python `", 1),
        ("../local/x.py", "an experiment has its own local.py there", 1),
        ("../env/x.py", "an experiment has its own environment there", 1),
        ("..", "the folder `..` holds the project itself", 1),
        (".", "the folder `.` holds the project itself", 1),
        ("src", "the experiment would lie inside the folder that it is made of", 1),
    ] {
        let words: Vec<&str> = ["x", "--from"].into_iter().chain(words.split(' ')).collect();
        let outcome = ground.make(&words).run();
        assert_eq!(outcome.status, status, "{words:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(what), "{words:?}: {}", outcome.stderr);
        assert_eq!(fs::read_dir(ground.test.path("src")).unwrap().count(), 1, "{words:?}");
    }
    for words in [["x", "--script", "y.py"], ["x", "--offline", "--json"], ["x", "--no-python", "--quiet"]] {
        let outcome = ground.make(&words).status(2);
        assert!(outcome.stderr.contains("--from"), "{words:?}: {}", outcome.stderr);
    }
    ground.write("fine.py", "print(1)\n");
    ground.make(&["x", "--from", "../fine.py", "--no-python"]).ok();
    let again = ground.make(&["x", "--from", "../fine.py"]).status(1);
    assert!(again.stderr.contains("the experiment `x` is there already"), "{}", again.stderr);
}

#[test]
fn what_cannot_come_along_is_told_and_the_rest_does() {
    if !need("python") {
        return;
    }
    let ground = Ground::new(&[
        ("od/main.py", "open('data/t.csv')\nprint('od')\n"),
        ("od/.git/HEAD", ""),
        ("od/.gitignore", "data/\n"),
        ("od/data/t.csv", ""),
        ("od/deep/x.txt", ""),
        ("out/y.txt", ""),
    ]);
    let at = |path: &str| ground.test.root().join(path);
    for (link, target) in
        [("od/deep/up", ".."), ("od/self", "self"), ("od/gone", "nowhere"), ("od/out", "../out")]
    {
        std::os::unix::fs::symlink(target, at(link)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(at("od/pipe")).status().unwrap().success());
    fs::File::create(at("od/large.bin")).unwrap().set_len(101 << 20).unwrap();
    let made = ground.make(&["a", "--from", "../od", "--no-python"]).ok();
    for told in [
        "left behind: `data/t.csv`: main.py:1 names it, and git ignores it",
        "left behind: `deep/up`: the link leads round in a circle",
        "left behind: `gone`: the link leads to nothing",
        "left behind: `large.bin`: it has 101.0 MiB, and every run would carry it",
        "left behind: `pipe`: it is neither a file nor a folder",
        "left behind: `self`: the link leads round in a circle",
    ] {
        assert!(made.stderr.contains(told), "{told}: {}", made.stderr);
    }
    assert!(ground.test.path("src/a/out/y.txt").is_file() && ground.test.path("src/a/deep/x.txt").is_file());
    assert_eq!(deeds(&ground.read("a/local.py")).len(), 1);
    let ran = ground.test.scaf(["local", "a", "--engine", "host"]).in_project();
    assert!(ran.run().stderr.contains("data/t.csv"));
}

#[test]
fn what_a_call_needs_with_the_version_that_is_chosen_is_locked_at_once() {
    if !need("python") || !need("uv") {
        return;
    }
    let wheels: &[(&str, &str, &[&str])] = &[("optuna", "4.5.0", &[]), ("optuna-integration", "4.5.0", &[])];
    let index = BadIndex::with("good", wheels);
    let script = "import optuna\n\noptuna.integration.LightGBMTuner({}, None)\n";
    let ground = Ground::new(&[("tune.py", script)]);
    ground.with(&index, &["tune", "--from", "../tune.py", "--no-python"]).ok();
    let lock = ground.read("tune/environment/requirements.lock");
    assert!(lock.contains("optuna==4.5.0") && lock.contains("optuna-integration==4.5.0"), "{lock}");
    ground.is_whole("tune", Some(&index), "--no-python");
}
