//! `scaf env lock`: from an experiment's code and what is installed to its two files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bad_index::{BadIndex, path_with_uv};
use crate::support::{Outcome, Scaf, Test, need, python_minor};

/// A project with one experiment and a `.venv` of its own, in which distributions are put by hand.
pub struct Ground {
    pub test: Test,
    pub site: PathBuf,
}

impl Ground {
    pub fn new(code: &str) -> Self {
        let test = Test::experiment("exp", "minimal");
        test.write("src/exp/train.py", code).write("src/exp/local.py", "import train\n");
        for file in ["requirements.txt", "test_local.py"] {
            let _ = fs::remove_file(test.path(&format!("src/exp/environment/{file}")));
            let _ = fs::remove_file(test.path(&format!("src/exp/{file}")));
        }
        for tests in ["src/exp/tests", "src/exp/notebooks"] {
            let _ = fs::remove_dir_all(test.path(tests));
        }
        let made = Command::new("python3")
            .args(["-I", "-m", "venv", "--without-pip"])
            .arg(test.path(".venv"))
            .status()
            .unwrap();
        assert!(made.success());
        let site = test.path(&format!(".venv/lib/python{}/site-packages", python_minor()));
        Self { test, site }
    }

    /// Installed, with a module called like it.
    pub fn install(&self, name: &str, version: &str, requires: &[&str]) -> &Self {
        let module = name.to_lowercase().replace('-', "_");
        self.put(&format!("{module}/__init__.py"), "");
        let info = format!("{module}-{version}.dist-info");
        let requires: String = requires.iter().map(|line| format!("Requires-Dist: {line}\n")).collect();
        self.put(
            &format!("{info}/METADATA"),
            &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\n"),
        );
        self.put(&format!("{info}/INSTALLER"), "pip\n");
        self.put(&format!("{info}/top_level.txt"), &format!("{module}\n"));
        self.put(&format!("{info}/RECORD"), &format!("{module}/__init__.py,,\n{info}/METADATA,,\n"))
    }

    pub fn put(&self, below: &str, text: &str) -> &Self {
        let path = self.site.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Where there is no uv, and no index.
    pub fn alone(&self, words: &[&str]) -> Scaf<'_> {
        let nothing = self.test.root().join("no-tools");
        self.lock(words).env("PATH", nothing)
    }

    pub fn with(&self, index: &BadIndex, words: &[&str]) -> Scaf<'_> {
        self.lock(words)
            .env("PATH", path_with_uv())
            .env("PIP_INDEX_URL", index.with_password())
            .env("UV_CACHE_DIR", index.cache())
            .env("UV_HTTP_RETRIES", "1")
            .env("UV_HTTP_TIMEOUT", "3")
            .env_remove("PIP_FIND_LINKS")
    }

    pub fn lock(&self, words: &[&str]) -> Scaf<'_> {
        let mut all = vec!["env", "lock", "exp"];
        all.extend(words);
        self.test.scaf(all).in_project()
    }

    pub fn requirements(&self) -> String {
        self.test.read("src/exp/environment/requirements.txt")
    }

    pub fn locked(&self) -> String {
        self.test.read("src/exp/environment/requirements.lock")
    }

    /// The pins of the lock alone.
    pub fn pins(&self) -> Vec<String> {
        let text = self.locked();
        let pins =
            text.lines().filter(|line| line.starts_with(|c: char| c == '.' || c.is_ascii_alphanumeric()));
        pins.map(|line| line.trim_end_matches([' ', '\\']).to_owned()).collect()
    }
}

/// What is said with the target's words left out.
pub fn said(outcome: &Outcome) -> String {
    outcome.stderr.clone()
}

#[test]
fn what_is_installed_is_locked_without_an_index_and_the_second_time_nothing_is_written() {
    let ground = Ground::new(
        "import alpha\nfrom beta import x\n\ntry:\n    import gamma\nexcept ImportError:\n    gamma = None\ntry:\n    import wandb\nexcept ImportError:\n    wandb = None\n",
    );
    ground
        .install(
            "Alpha",
            "1.0",
            &["part>=1", "windows-only; sys_platform == 'win32'", "docs; extra == 'docs'"],
        )
        .install("beta", "2.0+local", &[])
        .install("gamma", "3.0", &[])
        .install("part", "1.5", &[])
        .install("unused", "9.0", &[]);
    let first = ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["Alpha==1.0", "beta==2.0+local", "gamma==3.0", "part==1.5"]);
    assert!(ground.locked().contains("part==1.5\n    # via alpha\n"), "{}", ground.locked());
    assert!(ground.locked().contains("\n# no hashes: there was no uv to ask the package index\n"));
    let text = ground.requirements();
    for line in [
        "Alpha==1.0  # why: train.py:1",
        "beta==2.0+local  # why: train.py:2",
        "gamma==3.0  # why: train.py:5",
        "# wandb  # why: train.py:9",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
    assert!(said(&first).contains("locked 4 packages for linux-x86_64, CPython 3."), "{}", said(&first));
    assert!(said(&first).contains("nothing says which index has it"), "{}", said(&first));
    let check = ground.test.scaf(["env", "check", "exp"]).in_project();
    let checked = check.env("PATH", ground.test.root().join("no-tools")).ok();
    assert!(said(&checked).contains("go together"), "{}", said(&checked));
    let before = (text, ground.locked());
    let again = ground.alone(&[]).ok();
    assert!(said(&again).contains("nothing has changed"), "{}", said(&again));
    assert_eq!((ground.requirements(), ground.locked()), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    let outcome = ground.alone(&["--dry-run"]).ok();
    assert!(outcome.stdout.contains("alpha==1.0  # why: train.py:1"), "{}", outcome.stdout);
    assert!(!ground.test.path("src/exp/environment/requirements.lock").exists());
}

#[test]
fn the_users_own_lines_stay_and_win() {
    let ground = Ground::new("import alpha\nimport beta\n");
    ground.install("alpha", "1.0", &[]).install("beta", "1.0", &[]).install("gamma", "1.0", &["beta"]);
    let own = "# ours\nbeta==1.0  # by hand\ngamma\n";
    ground.test.write("src/exp/environment/requirements.txt", own);
    ground.alone(&[]).ok();
    let text = ground.requirements();
    assert!(text.starts_with(own), "{text}");
    assert!(
        text.contains("\nalpha==1.0  # why: train.py:1\n") && !text.contains("beta==1.0  # why"),
        "{text}"
    );
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==1.0", "gamma==1.0"]);
    ground.test.write("src/exp/train.py", "import beta\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.requirements(), own);
    ground.test.write("src/exp/environment/requirements.txt", "beta==2.0\n");
    let outcome = ground.alone(&["--offline"]).status(1);
    assert!(
        said(&outcome).contains("`beta` is installed as 1.0, and `beta==2.0` is wanted"),
        "{}",
        said(&outcome)
    );
}

#[test]
fn what_a_call_needs_with_the_version_that_is_chosen_is_locked_at_once() {
    if !need("uv") {
        return;
    }
    let wheels: &[(&str, &str, &[&str])] =
        &[("optuna", "3.6.1", &[]), ("optuna", "4.5.0", &[]), ("optuna-integration", "4.5.0", &[])];
    let index = BadIndex::with("good", wheels);
    let ground = Ground::new("import optuna\noptuna.integration.LightGBMTuner({}, None)\n");
    ground.with(&index, &[]).status(0);
    let lock = ground.test.read("src/exp/environment/requirements.lock");
    assert!(lock.contains("optuna==4.5.0") && lock.contains("optuna-integration==4.5.0"), "{lock}");
    ground.with(&index, &[]).status(0);
    assert_eq!(ground.test.read("src/exp/environment/requirements.lock"), lock);

    // An older one brings its integrations along.
    let ground = Ground::new("import optuna\noptuna.integration.LightGBMTuner({}, None)\n");
    ground.test.write("src/exp/environment/requirements.txt", "optuna<4\n");
    ground.with(&index, &[]).status(0);
    let lock = ground.test.read("src/exp/environment/requirements.lock");
    assert!(lock.contains("optuna==3.6.1") && !lock.contains("optuna-integration"), "{lock}");
}

#[test]
fn a_commit_is_pinned_and_never_looked_for_on_an_index() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("corpkit", "1.0", &[]), ("part", "1.5", &[])]);
    let ground = Ground::new("import corpkit\nimport part\n");
    ground.install("corpkit", "1.0", &[]).install("part", "1.5", &[]);
    ground.put(
        "corpkit-1.0.dist-info/direct_url.json",
        r#"{"url": "https://h.example/corpkit", "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123456789abcdef01234567"}}"#,
    );
    ground.with(&index, &[]).ok();
    assert_eq!(
        ground.pins(),
        ["corpkit @ git+https://h.example/corpkit@0123456789abcdef0123456789abcdef01234567", "part==1.5"]
    );
    assert!(ground.locked().contains("# no hashes: `corpkit` comes from version control"));
    let outcome = ground.with(&index, &["--require-hashes"]).status(1);
    assert!(
        said(&outcome).contains("there can be no hashes: `corpkit` comes from version control"),
        "{}",
        said(&outcome)
    );
    assert!(!index.requests().contains("corpkit"));
}

#[test]
fn what_is_not_installed_is_chosen_by_uv_and_the_rest_stays_as_it_is() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[
            ("alpha", "1.0", &["part"]),
            ("alpha", "2.0", &["part"]),
            ("part", "1.0", &[]),
            ("part", "1.5", &[]),
            ("newcomer", "3.0", &["part", "more"]),
            ("more", "7.0", &[]),
        ],
    );
    let ground = Ground::new("import alpha\nimport newcomer\n");
    ground.install("alpha", "1.0", &["part"]).install("part", "1.0", &[]);
    let outcome = ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "more==7.0", "newcomer==3.0", "part==1.0"]);
    assert!(ground.locked().contains("# by: uv\n"), "{}", ground.locked());
    assert_eq!(ground.locked().matches("--hash=sha256:").count(), 4);
    assert!(ground.requirements().contains("newcomer==3.0  # why: train.py:2\n"));
    let talk = said(&outcome);
    assert!(talk.contains("`newcomer` is not installed: uv chooses"), "{talk}");
    assert!(
        talk.contains("taken to be called like the module, which is a guess: `newcomer` (train.py:2)"),
        "{talk}"
    );
    assert!(!talk.contains("geheim") && !ground.locked().contains("geheim"));
    // Without the index, by what uv keeps: the same.
    let before = ground.locked();
    let index = index.down();
    let again = ground.with(&index, &["--offline"]).ok();
    assert!(said(&again).contains("nothing has changed"), "{}", said(&again));
    assert_eq!(ground.locked(), before);
    let unreachable =
        ground.with(&index, &[]).env("UV_CACHE_DIR", ground.test.root().join("empty")).status(1);
    assert!(
        said(&unreachable).contains("error: the package index `http://127.0.0.1:"),
        "{}",
        said(&unreachable)
    );
}

#[test]
fn what_is_locked_can_be_installed_with_its_hashes_and_imported() {
    if !need("uv") {
        return;
    }
    let index =
        BadIndex::with("good", &[("alpha", "1.0", &["part>=1"]), ("part", "1.5", &[]), ("part", "2.0", &[])]);
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &["part>=1"]).install("part", "1.5", &[]);
    ground.with(&index, &["--require-hashes"]).ok();
    assert!(ground.locked().contains("# by: what is installed\n"), "{}", ground.locked());
    assert_eq!(ground.pins(), ["alpha==1.0", "part==1.5"]);
    let fresh = ground.test.root().join("fresh");
    let run = |program: &Path, words: &[&str]| {
        let output = Command::new(program)
            .args(words)
            .env("PATH", path_with_uv())
            .env("UV_CACHE_DIR", index.cache())
            .env("UV_DEFAULT_INDEX", &index.url)
            .current_dir(ground.test.path("src/exp/environment"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let place = fresh.display().to_string();
    run(Path::new("uv"), &["venv", "--quiet", &place]);
    let python = fresh.join("bin/python");
    let shown = python.display().to_string();
    run(
        Path::new("uv"),
        &["pip", "install", "--python", &shown, "--require-hashes", "--no-deps", "-r", "requirements.lock"],
    );
    run(&python, &["-c", "import alpha, part; assert part.__version__ == '1.5'"]);
}

#[test]
fn a_pin_that_the_index_does_not_have_is_an_error() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("alpha", "1.0", &[])]);
    let ground = Ground::new("import alpha\nimport beta\n");
    ground.install("alpha", "1.0", &[]).install("beta", "1.0", &[]);
    let outcome = ground.with(&index, &[]).status(1);
    assert!(
        said(&outcome).contains("error: `beta` is not on the package index `http://127.0.0.1:"),
        "{}",
        said(&outcome)
    );
    assert!(!ground.test.path("src/exp/environment/requirements.lock").exists());
    ground
        .test
        .write("scaf.toml", &format!("{}\n[env]\nwaive = [\"beta\"]\n", ground.test.read("scaf.toml")));
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0"]);
}

#[test]
fn an_index_that_fails_leaves_pins_without_hashes_and_says_so() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::up("503");
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    let outcome = ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0"]);
    let talk = said(&outcome);
    assert!(
        talk.contains("no hashes: the package index `http://127.0.0.1:") && talk.contains("503"),
        "{talk}"
    );
    let outcome = ground.with(&index, &["--require-hashes"]).status(1);
    assert!(said(&outcome).contains("does not answer: 503 Service Unavailable"), "{}", said(&outcome));
}

#[test]
fn the_target_is_that_of_the_dockerfile_and_of_the_command_line() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &["old; python_version < '3.9'", "arm; platform_machine == 'aarch64'"]);
    ground.install("old", "1", &[]).install("arm", "1", &[]);
    ground.test.write("src/exp/environment/Dockerfile", "FROM python:3.8.5-slim-bullseye\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "old==1"]);
    assert!(ground.locked().contains("# for: linux-x86_64, CPython 3.8.5, glibc 2.31\n"));
    ground.alone(&["--platform", "linux-aarch64", "--python-version", "3.11.2"]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "arm==1"]);
    let wrong = ground.alone(&["--platform", "windows"]).status(2);
    assert!(said(&wrong).contains("linux-x86_64, linux-aarch64"), "{}", said(&wrong));
}

#[test]
fn a_build_for_the_cpu_is_another_for_a_target_with_cuda() {
    let ground = Ground::new("import torch\n");
    ground.install("torch", "2.1.0+cpu", &[]);
    let outcome = ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["torch==2.1.0+cpu"]);
    assert!(ground.locked().contains("\n--extra-index-url https://"), "{}", ground.locked());
    assert!(ground.requirements().contains("--extra-index-url https://"), "{}", ground.requirements());
    assert!(said(&outcome).contains("has no CUDA"), "{}", said(&outcome));
    let outcome = ground.alone(&["--accelerator", "cuda", "--offline"]).status(1);
    assert!(
        said(&outcome).contains("`torch` 2.1.0+cpu is another build than the target's"),
        "{}",
        said(&outcome)
    );
}

#[test]
fn what_notebooks_and_tests_alone_need_has_files_of_its_own() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]).install("plots", "1.0", &[]).install("checks", "1.0", &[]);
    let notebook = r#"{"cells": [{"cell_type": "code", "source": ["import plots\n"], "metadata": {}, "outputs": [], "execution_count": null}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#;
    ground.test.write("src/exp/look.ipynb", notebook);
    ground.test.write("src/exp/tests/test_it.py", "import checks\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0"]);
    let read = |file: &str| ground.test.read(&format!("src/exp/{file}"));
    assert!(read("requirements.notebook.txt").contains("plots==1.0  # why: look.ipynb:1:1\n"));
    assert!(read("requirements.test.txt").contains("checks==1.0  # why: tests/test_it.py:1\n"));
}

#[test]
fn the_answer_for_a_program() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &["part"]).install("part", "1.5", &[]);
    let answer = ground.alone(&["--json"]).ok().json();
    assert_eq!(answer["by"], "what is installed");
    assert_eq!(answer["hashes"], false);
    assert_eq!(answer["pins"][1]["pin"], "part==1.5");
    assert_eq!(answer["pins"][1]["via"][0], "alpha");
    assert_eq!(answer["changes"], serde_json::json!(["+ alpha==1.0", "+ part==1.5"]));
    assert_eq!(answer["written"].as_array().unwrap().len(), 2);
}

#[test]
fn uv_is_fetched_by_pip_where_there_is_none_and_it_is_needed() {
    if !need("index") {
        return;
    }
    let index = BadIndex::with("good", &[("newcomer", "3.0", &[])]);
    let ground = Ground::new("import newcomer\n");
    let path: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .filter(|folder| !folder.join("uv").exists())
        .collect();
    let outcome = ground
        .lock(&[])
        .env("PATH", std::env::join_paths(path).unwrap())
        // pip fetches uv from the usual index, and uv asks its own.
        .env("UV_DEFAULT_INDEX", &index.url)
        .env("UV_CACHE_DIR", index.cache())
        .ok();
    assert_eq!(ground.pins(), ["newcomer==3.0"], "{}", said(&outcome));
    let tools = ground.test.home().join(".cache/scaf/tools");
    assert_eq!(
        fs::read_dir(tools).unwrap().flatten().filter(|entry| entry.path().join("bin/uv").is_file()).count(),
        1
    );
}

#[test]
fn versions_of_a_file_that_was_there_before_win_over_what_is_installed() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[
            ("alpha", "1.0", &["part"]),
            ("alpha", "2.0", &["part"]),
            ("part", "1.0", &[]),
            ("part", "1.5", &[]),
            ("plugin", "4.0", &[]),
        ],
    );
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &["part"]).install("part", "1.5", &[]);
    ground.test.write(
        "uv.lock",
        "version = 1\n[[package]]\nname = \"alpha\"\nversion = \"2.0\"\nsource = { registry = \"https://h/simple\" }\ndependencies = [{ name = \"part\" }]\n[[package]]\nname = \"part\"\nversion = \"1.0\"\nsource = { registry = \"https://h/simple\" }\n",
    );
    let outcome = ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==2.0", "part==1.0"]);
    assert!(said(&outcome).contains("versions are those of uv.lock"), "{}", said(&outcome));
    // The experiment's own list comes first, asks for what is never imported, and must not be contradicted.
    ground.test.write(
        "src/exp/environment.yml",
        "dependencies:\n  - pip:\n    - alpha==1.0\n    - plugin\n    - part==1.0\n",
    );
    let outcome = ground.with(&index, &[]).status(1);
    for place in ["src/exp/environment.yml:3: `alpha==1.0`", "uv.lock:3: `alpha==2.0`", "--from FILE"] {
        assert!(said(&outcome).contains(place), "{place}: {}", said(&outcome));
    }
    ground.with(&index, &["--from", "src/exp/environment.yml"]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "part==1.0", "plugin==4.0"]);
    let text = ground.requirements();
    assert!(text.contains("plugin==4.0  # why: src/exp/environment.yml:4\n"), "{text}");
}

#[test]
fn what_scaf_wrote_itself_is_no_word_of_the_users() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    ground.alone(&[]).ok();
    ground
        .test
        .write("pyproject.toml", "[project]\nname = \"p\"\nversion = \"0\"\ndependencies = [\"alpha<2\"]\n");
    ground.alone(&[]).ok();
    ground.install("alpha", "1.5", &[]);
    let _ = fs::remove_dir_all(ground.site.join("alpha-1.0.dist-info"));
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.5"]);
}
