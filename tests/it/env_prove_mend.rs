//! What `scaf env prove` offers where an environment is not enough, taken: afterwards it is.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::bad_index::{BadIndex, path_with_uv};
use crate::engine_host_terminal::typed;
use crate::env_lock::Ground;
use crate::support::{Outcome, Scaf, Test, here, need, python_minor, server};

/// An image of Debian with this machine's Python and `apt-get`, as the official ones are.
fn debian() -> &'static str {
    const TAG: &str = "scaf-test/debian:1";
    server("images.sh", &["debian", TAG]);
    TAG
}

const MINE: &str = "# Mine, and so is every line of it.\n";

/// Its Dockerfile installs the lock, or what there is instead.
fn experiment(from: &str, code: &str) -> Test {
    let test = Test::project();
    let dockerfile = format!(
        "{MINE}FROM {from}\nENV MINE={}\n\n# What the code needs\nCOPY requirements* /environment/\n\
         RUN cd /environment && pip install --no-cache-dir -r $(ls requirements.lock requirements.txt 2>/dev/null | head -n 1)\n",
        // Of this run of the tests alone: an image of the same content is not made again.
        std::process::id()
    );
    test.write("src/exp/environment/Dockerfile", &dockerfile);
    test.write("src/exp/environment/requirements.txt", "# by hand\n");
    test.write("src/exp/train.py", code);
    test
}

fn prove<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let mut all = vec!["env", "prove", "exp", "--no-python"];
    all.extend(words);
    test.scaf(all).in_project().env("PATH", path_with_uv())
}

fn dockerfile(test: &Test) -> String {
    test.read("src/exp/environment/Dockerfile")
}

#[track_caller]
fn contains(outcome: &Outcome, text: &str) {
    assert!(outcome.stderr.contains(text), "{text:?} is not in\n{}", outcome.stderr);
}

/// pyodbc is built for a library that it does not bring: `libodbc.so.2`. python-magic looks for its own by itself.
#[test]
fn a_missing_package_and_then_the_library_that_it_loads() {
    if !["docker", "index", "uv", "debian"].iter().all(|what| need(what)) {
        return;
    }
    let test = experiment(debian(), "import magic\nimport pyodbc\n");
    let before = dockerfile(&test);
    let first = prove(&test, &["--engine", "docker"]).status(1);
    assert!(first.stdout.contains("train.py:2  pyodbc  ModuleNotFoundError"), "{}", first.stdout);
    contains(&first, "--- src/exp/environment/requirements.txt\n+++ src/exp/environment/requirements.txt\n");
    contains(&first, "\n+pyodbc==");
    contains(&first, "src/exp/environment/requirements.lock:\n+ pyodbc==");
    contains(&first, "hint: `scaf env prove exp --accept` writes it, and proves again");
    assert_eq!(
        test.read("src/exp/environment/requirements.txt"),
        "# by hand\n",
        "nothing is written unasked"
    );

    let outcome = prove(&test, &["--engine", "docker", "--accept"]).ok();
    contains(&outcome, "wrote src/exp/environment/requirements.txt, src/exp/environment/requirements.lock");
    contains(&outcome, "wrote src/exp/environment/Dockerfile; proving again");
    contains(&outcome, "proven: 2 modules of 2 packages");
    assert!(outcome.stdout.contains("libodbc.so.2: cannot open shared object file"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("failed to find libmagic"), "{}", outcome.stdout);
    let lines = "# Libraries of the system that packages load: libmagic.so.1 (magic), libodbc.so.2 (pyodbc)\n\
                 RUN apt-get update && apt-get install -y --no-install-recommends libmagic1 unixodbc && rm -rf /var/lib/apt/lists/*\n";
    assert_eq!(dockerfile(&test), before.replace("# What the code", &format!("{lines}# What the code")));
    let requirements = test.read("src/exp/environment/requirements.txt");
    assert!(requirements.starts_with("# by hand\n"), "{requirements}");
    assert!(requirements.contains("  # why: train.py:2\n"), "{requirements}");
    assert!(test.read("src/exp/environment/requirements.lock").contains("--hash=sha256:"));
    assert_eq!(test.runs("exp").len(), 4);
    let again = prove(&test, &["--engine", "docker", "--json"]).ok().json();
    assert_eq!((&again["holds"], &again["built"]), (&true.into(), &false.into()));
}

#[test]
fn a_build_offers_it_too() {
    if !["docker", "index", "debian"].iter().all(|what| need(what)) {
        return;
    }
    let test = experiment(debian(), "import pyodbc\n");
    test.write("src/exp/environment/requirements.txt", "pyodbc==5.3.0\n");
    let words = ["build-exp", "exp", "--prove", "--engine", "docker"];
    let answer = test.scaf([words.as_slice(), &["--json"]].concat()).in_project().status(1).json();
    assert_eq!(answer["built"], true);
    assert_eq!(
        answer["failures"][0]["remedy"],
        serde_json::json!({"kind": "library", "library": "libodbc.so.2", "package": "unixodbc"})
    );
    let offer = &answer["offer"][0];
    assert_eq!(offer["file"], "src/exp/environment/Dockerfile");
    assert!(offer["difference"].as_str().unwrap().contains("\n+RUN apt-get update"), "{offer}");
    let outcome = test.scaf(words).in_project().status(1);
    contains(&outcome, "what would mend it:\n--- src/exp/environment/Dockerfile\n");
    contains(&outcome, "`scaf env prove exp --accept` writes it");
}

#[test]
fn an_image_without_apt_has_to_bring_it() {
    if !["docker", "index"].iter().all(|what| need(what)) {
        return;
    }
    let test = experiment(crate::support::python_image(), "import pyodbc\n");
    test.write("src/exp/environment/requirements.txt", "pyodbc==5.3.0\n");
    let before = dockerfile(&test);
    let outcome = prove(&test, &["--engine", "docker", "--accept"]).status(1);
    contains(
        &outcome,
        "the image has no program that installs packages of the system: its base has to bring libodbc.so.2 (Debian's unixodbc)",
    );
    assert_eq!(dockerfile(&test), before);
}

/// Wheels in a folder, which pip and uv look into and nowhere else.
fn wheel(test: &Test, name: &str, requires: &[&str], code: &str) {
    let status = Command::new("python3")
        .arg(here().join("tests/servers/make-wheel.py"))
        .args([name, "1.0"])
        .arg(wheels(test))
        .args(requires.iter().flat_map(|line| ["--requires", line]))
        .args(["--code", code])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

fn wheels(test: &Test) -> PathBuf {
    test.root().join("wheels")
}

fn on_the_host<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let wheels = wheels(test);
    prove(test, &[&["--engine", "host"], words].concat())
        .env("PIP_FIND_LINKS", &wheels)
        .env("PIP_NO_INDEX", "1")
        .env("UV_FIND_LINKS", &wheels)
        .env("UV_NO_INDEX", "1")
}

fn host(code: &str) -> Test {
    let test = experiment("", code);
    test.write("src/exp/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    test
}

#[test]
fn what_a_package_needs_and_does_not_say_is_a_line_that_stays() {
    if !["python", "uv"].iter().all(|what| need(what)) {
        return;
    }
    let test = host("import needy\n");
    wheel(&test, "needy", &["extra-bit; extra == 'all'"], "import extra_bit");
    wheel(&test, "extra-bit", &[], "");
    test.write("src/exp/environment/requirements.txt", "needy==1.0  # by hand\n");
    let outcome = on_the_host(&test, &["--accept"]).ok();
    assert!(
        outcome.stdout.contains("needy  ModuleNotFoundError: No module named 'extra_bit'"),
        "{}",
        outcome.stdout
    );
    let requirements = test.read("src/exp/environment/requirements.txt");
    let wanted = "needy==1.0  # by hand\nextra-bit==1.0  # needy needs it; found by scaf env prove\n";
    assert_eq!(requirements, wanted);
    // And it does, when the code is locked again.
    let lock = test.read("src/exp/environment/requirements.lock");
    assert!(lock.contains("\nextra-bit==1.0") && lock.contains("\nneedy==1.0"), "{lock}");
    let again = test.scaf(["env", "lock", "exp", "--no-python"]).in_project().env("PATH", path_with_uv());
    again.env("UV_FIND_LINKS", wheels(&test)).env("UV_NO_INDEX", "1").ok();
    assert_eq!(test.read("src/exp/environment/requirements.txt"), wanted);
}

#[test]
fn code_of_this_machine_comes_along_as_a_wheel() {
    if !need("python") {
        return;
    }
    let ground = Ground::new("import mylib\n");
    ground.local("mylib", "0.1", &[("mylib/__init__.py", "WORD = 'mine'\n")]);
    let python = format!("FROM python:{}\n", python_minor());
    ground.test.write("src/exp/environment/Dockerfile", &python);
    ground.test.write("src/exp/environment/requirements.txt", "# by hand\n");
    let words = ["env", "prove", "exp", "--engine", "host", "--accept"];
    let scaf = ground.test.scaf(words).in_project().env("PIP_NO_INDEX", "1").env_remove("PIP_FIND_LINKS");
    let outcome = scaf.ok();
    contains(&outcome, "proven: 1 module of 1 package");
    assert!(outcome.stdout.contains("No module named 'mylib'"), "{}", outcome.stdout);
    assert_eq!(ground.wheels(), ["mylib-0.1-py3-none-any.whl"]);
}

#[test]
fn on_a_terminal_it_is_asked() {
    if !["python", "uv"].iter().all(|what| need(what)) {
        return;
    }
    let test = host("import needy\n");
    wheel(&test, "needy", &["extra-bit; extra == 'all'"], "import extra_bit");
    wheel(&test, "extra-bit", &[], "");
    test.write("src/exp/environment/requirements.txt", "needy==1.0\n");
    let ask = |keys: &str| typed(on_the_host(&test, &[]), &[&format!("prove again?={keys}")]);
    let (status, seen) = ask("n\\n");
    assert_eq!(status, 1, "{seen}");
    assert_eq!(test.read("src/exp/environment/requirements.txt"), "needy==1.0\n");
    let (status, seen) = ask("\\x03");
    assert_eq!(status, 130, "{seen}");
    assert_eq!(test.read("src/exp/environment/requirements.txt"), "needy==1.0\n");
    let (status, seen) = ask("y\\n");
    assert_eq!(status, 0, "{seen}");
    assert!(seen.contains("proven: 1 module of 1 package"), "{seen}");
    assert!(test.read("src/exp/environment/requirements.txt").contains("\nextra-bit==1.0  # needy needs it"));
}

#[test]
fn a_name_that_nobody_vouches_for_is_not_taken_unasked() {
    if !["python", "uv"].iter().all(|what| need(what)) {
        return;
    }
    // What the code imports may be anybody's by that name.
    let test = host("import corp_private\n");
    wheel(&test, "corp-private", &[], "");
    let outcome = on_the_host(&test, &["--accept"]).status(1);
    contains(&outcome, "which is a guess, and not locked unasked: `corp-private` (train.py:1)");
    contains(&outcome, "hint: `scaf env lock exp` takes it by that name");
    assert_eq!(test.read("src/exp/environment/requirements.txt"), "# by hand\n");
    // And so may what a package imports without a word about it.
    let test = host("import needy\n");
    wheel(&test, "needy", &[], "import corp_private");
    test.write("src/exp/environment/requirements.txt", "needy==1.0\n");
    let outcome = on_the_host(&test, &["--accept"]).status(1);
    contains(&outcome, "it may be called like the module, which is a guess: corp-private");
    assert!(!outcome.stderr.contains("what would mend it"), "{}", outcome.stderr);
}

#[test]
fn what_cannot_be_locked_is_told_and_nothing_is_written() {
    if !["python", "uv"].iter().all(|what| need(what)) {
        return;
    }
    let index = BadIndex::up("503");
    let test = host("import yaml\n");
    let outcome = prove(&test, &["--engine", "host", "--accept"])
        .env("PIP_INDEX_URL", index.with_password())
        .env("UV_CACHE_DIR", index.cache())
        .env("UV_HTTP_RETRIES", "1")
        .env_remove("PIP_FIND_LINKS")
        .status(1);
    contains(&outcome, "warning: what is missing cannot be locked: the package index `http://127.0.0.1:");
    assert!(!outcome.stderr.contains("geheim"), "{}", outcome.stderr);
    contains(&outcome, "hint: pin what is missing: `scaf env lock exp`");
    assert!(!test.path("src/exp/environment/requirements.lock").exists());
}

#[test]
fn a_dockerfile_that_does_not_install_the_lock_is_told() {
    if !["docker", "index", "uv"].iter().all(|what| need(what)) {
        return;
    }
    let test = experiment(crate::support::python_image(), "import yaml\n");
    test.write("src/exp/environment/Dockerfile", &format!("FROM {}\n", crate::support::python_image()));
    let outcome = prove(&test, &["--engine", "docker", "--accept"]).status(1);
    contains(&outcome, "`pyyaml` is in environment/requirements.lock, and the image does not have it");
    contains(&outcome, "hint: let environment/Dockerfile install requirements.lock");
    // Once locked, and once more proven: then there is nothing left to offer.
    assert_eq!(test.runs("exp").len(), 2);
}
