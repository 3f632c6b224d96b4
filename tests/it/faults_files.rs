//! Faults of disks and of names of files: each a clear error, nothing half-written.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engine_support::sh;
use crate::support::{Outcome, Test, need, probe_image};
use crate::tree::{difference, tree};

/// Something mounted for a test, and taken away after it whatever happens.
pub struct Mounted(pub PathBuf);

impl Mounted {
    pub fn tmpfs(at: PathBuf, size: &str) -> Self {
        fs::create_dir_all(&at).unwrap();
        sh("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "scaf-test", &at.to_string_lossy()]);
        Self(at)
    }

    /// A folder once more, at another place, where nothing can be written.
    pub fn read_only(of: &Path, at: PathBuf) -> Self {
        fs::create_dir_all(&at).unwrap();
        sh("mount", &["--bind", &of.to_string_lossy(), &at.to_string_lossy()]);
        let mounted = Self(at);
        sh("mount", &["-o", "remount,bind,ro", &mounted.0.to_string_lossy()]);
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes until nothing more fits, but for so many bytes.
pub fn fill(folder: &Path, free: u64) {
    let space = |folder: &Path| {
        let stat = rustix::fs::statvfs(folder).unwrap();
        stat.f_bavail * stat.f_frsize
    };
    let size = space(folder).saturating_sub(free);
    fs::write(folder.join("fill"), vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    assert!(space(folder) <= free + 4096);
}

/// A project in a small file system, with an experiment that needs no engine to be made.
fn small() -> (Test, Mounted) {
    let test = Test::empty();
    let mounted = Mounted::tmpfs(test.path(""), "2m");
    test.scaf(["init"]).in_project().ok();
    test.scaf(["new-exp", "digits", "--template", "minimal"]).in_project().ok();
    let text = format!("FROM {}\nLABEL test=full\n", probe_image());
    test.write("src/digits/environment/Dockerfile", &text);
    (test, mounted)
}

fn transcript(test: &Test, outcome: &Outcome) -> String {
    test.redact(&format!(
        "status: {}\n--- stdout\n{}--- stderr\n{}\n",
        outcome.status, outcome.stdout, outcome.stderr
    ))
}

#[test]
fn what_is_in_the_way_of_a_project_is_found_before_anything_is_written() {
    let test = Test::empty();
    test.write("w/src", "");
    test.write("w/README.md/x", "");
    symlink("nowhere", test.path("w/data")).unwrap();
    let before = tree(&test.root());
    let outcome = test.scaf(["init"]).current_dir(test.path("w")).status(1);
    for line in [
        "`src` is a file, and a folder belongs there",
        "`README.md` is a folder, and a file belongs there",
        "`data` is a symlink to nothing, and a folder belongs there",
        "move it out of the way: `mv ",
        "nothing was written",
    ] {
        assert!(outcome.stderr.contains(line), "{line}: {}", outcome.stderr);
    }
    test.scaf(["init", "p/w/src/deeper"]).status(1);
    assert_eq!(difference(&before, &tree(&test.root())), "");
}

#[test]
fn a_gitignore_that_is_there_is_completed() {
    let git = |test: &Test, words: &[&str]| {
        let made = Command::new("git").args(words).current_dir(test.path("")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap()
    };
    let test = Test::empty();
    test.write(".gitignore", "*.log").write("data/x.csv", "x");
    git(&test, &["init", "-q"]);
    let outcome = test.scaf(["init"]).in_project().ok();
    assert!(
        outcome.stderr.contains("added to .gitignore: /data/*, !/data/.gitkeep, /models/*"),
        "{}",
        outcome.stderr
    );
    test.write("runs/.bundles/x", "").write("scaf.local.toml", "").write("models/m.bin", "");
    let added = git(&test, &["add", "-A", "-n", "."]);
    for out in ["x.csv", "runs/", "scaf.local.toml", "m.bin"] {
        assert!(!added.contains(out), "{out}: {added}");
    }
    assert!(added.contains("'data/.gitkeep'"), "{added}");
    assert!(test.read(".gitignore").starts_with("*.log\n\n# Content"));
    let before = tree(&test.path(""));
    let again = test.scaf(["init"]).in_project().ok();
    assert_eq!(again.stderr, "`p` is a project already; nothing was missing\n");
    // What is taken away is missing, and is said to be added.
    fs::remove_file(test.path("ruff.toml")).unwrap();
    let again = test.scaf(["init"]).in_project().ok();
    assert_eq!(again.stderr, "`p` is a project already; added what was missing: ruff.toml\n");
    assert_eq!(difference(&before, &tree(&test.path(""))), "");
}

#[test]
fn a_full_disk() {
    if !need("root") || !need("docker") {
        return;
    }
    let (test, _mounted) = small();
    test.scaf(["build-exp", "digits"]).in_project().ok();
    fill(&test.path(""), 0);
    let before = tree(&test.path(""));
    let mut text = String::new();
    for words in [
        ["new-exp", "other", "--template", "minimal"].as_slice(),
        &["local", "digits", "--engine", "docker"],
        &["terminal", "digits", "--engine", "docker", "--", "/bin/probe"],
    ] {
        let outcome = test.scaf(words).in_project().status(1);
        text.push_str(&format!("$ scaf {}\n{}", words.join(" "), transcript(&test, &outcome)));
    }
    // Nothing half-written: neither an experiment nor a run that never was. Empty folders may be new.
    let mut after = tree(&test.path(""));
    after.retain(|path, what| before.contains_key(path) || !what.starts_with("folder"));
    assert_eq!(difference(&before, &after), "");
    // What only looks still looks.
    let listed = test.scaf(["list"]).in_project().ok();
    assert!(listed.stdout.contains("never run"), "{}", listed.stdout);
    // A bundle that does not fit is not kept in part.
    fs::remove_file(test.path("fill")).unwrap();
    fs::write(test.path("src/digits/big.bin"), vec![1u8; 300_000]).unwrap();
    fill(&test.path(""), 200_000);
    let outcome = test.scaf(["local", "digits", "--engine", "docker"]).in_project().status(1);
    text.push_str(&format!(
        "$ scaf local digits, and its bundle does not fit\n{}",
        transcript(&test, &outcome)
    ));
    assert_eq!(fs::read_dir(test.path("runs/.bundles")).unwrap().count(), 0);
    assert_eq!(test.record("digits", "outcome.json")["status"], 1);
    for volatile in [".new-other-", ".scaf-new-"] {
        text = without_suffix(&text, volatile);
    }
    insta::assert_snapshot!(text);
}

/// Takes out the random word behind a name.
fn without_suffix(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(name);
        out.push_str("[RANDOM]");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    out
}

#[test]
fn a_read_only_project() {
    if !need("root") || !need("docker") {
        return;
    }
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/environment/Dockerfile", &format!("FROM {}\nLABEL test=ro\n", probe_image()));
    test.scaf(["build-exp"]).in_project().ok();
    let before = tree(&test.path(""));
    let mounted = Mounted::read_only(&test.path(""), test.root().join("ro"));
    let mut text = String::new();
    for (words, status) in [
        (["new-exp", "other", "--template", "minimal"].as_slice(), 1),
        (&["local", "--engine", "docker"], 1),
        (&["terminal", "--engine", "docker", "--", "/bin/probe"], 1),
        (&["build-exp"], 0),
        (&["list"], 0),
        (&["runs"], 0),
    ] {
        let outcome = test.scaf(words).current_dir(&mounted.0).status(status);
        text.push_str(&format!("$ scaf {}\n{}", words.join(" "), transcript(&test, &outcome)));
    }
    assert_eq!(difference(&before, &tree(&test.path(""))), "");
    insta::assert_snapshot!(without_suffix(&text, ".new-other-"));
}

#[test]
fn files_that_cannot_be_bundled() {
    let test = Test::experiment("digits", "minimal");
    let dir = test.path("src/digits");
    fs::create_dir(dir.join("loop")).unwrap();
    symlink("../loop", dir.join("loop/again")).unwrap();
    symlink("b", dir.join("a")).unwrap();
    symlink("a", dir.join("b")).unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    symlink("/etc", dir.join("out")).unwrap();
    fs::write(dir.join(OsStr::from_bytes(b"\xff\xfe.txt")), "x").unwrap();
    sh("mkfifo", &[&dir.join("pipe").to_string_lossy()]);
    let before = tree(&test.root());
    let mut text = String::new();
    for words in [["local", "--engine", "host"], ["test", "--engine", "host"]] {
        let outcome = test.scaf(words).in_project().status(1);
        text.push_str(&format!("$ scaf {}\n{}", words.join(" "), transcript(&test, &outcome)));
    }
    // Not even the cache of digests may keep what is none.
    assert_eq!(difference(&before, &tree(&test.root())), "");
    insta::assert_snapshot!(text);
}

#[test]
fn names_that_are_no_text_and_are_not_bundled_harm_nobody() {
    let test = Test::experiment("digits", "minimal");
    fs::write(test.path("data").join(OsStr::from_bytes(b"\xff.csv")), "x").unwrap();
    fs::create_dir(test.path("src").join(OsStr::from_bytes(b"\xfe"))).unwrap();
    fs::create_dir_all(test.path("src").join(OsStr::from_bytes(b"\xfd/environment"))).unwrap();
    let listed = test.scaf(["list", "--json"]).in_project().without_engine().ok();
    assert_eq!(listed.json()["experiments"].as_array().unwrap().len(), 1, "{}", listed.stdout);
    test.scaf(["local", "digits", "--engine", "host"]).in_project().ok();
}

#[test]
fn an_argument_that_is_no_text() {
    let test = Test::project();
    let mut command = test.scaf(["local"]).in_project().command();
    command.arg(OsStr::from_bytes(b"\xff"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not UTF-8"));
}

#[test]
fn two_that_make_the_same_experiment_at_once() {
    let test = Test::project();
    for round in 0..5 {
        let name = format!("same_{round}");
        let children: Vec<_> = (0..4)
            .map(|_| test.scaf(["new-exp", &name, "--template", "minimal"]).in_project().spawn())
            .collect();
        let ended: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let made = ended.iter().filter(|output| output.status.success()).count();
        let said: Vec<_> =
            ended.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
        assert_eq!(made, 1, "{said:?}");
        let refused = said
            .iter()
            .filter(|text| text.contains("already there") || text.contains("there already"))
            .count();
        assert_eq!(refused, 3, "{said:?}");
    }
    // Each is whole, and no draft is left.
    let names: Vec<_> =
        fs::read_dir(test.path("src")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.iter().filter(|name| name.to_string_lossy().starts_with('.')).count(), 0, "{names:?}");
    let first = tree(&test.path("src/same_0"));
    assert!(first.contains_key("environment/Dockerfile") && first.contains_key("train.py"), "{first:?}");
    assert_eq!(first.len(), tree(&test.path("src/same_4")).len());
}
