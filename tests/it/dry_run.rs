//! `--dry-run | sh` does what the command does: once for real in one project, once through the shell in
//! another that was made the same way; then both projects, both streams and the statuses are compared. And
//! a dry run itself changes nothing on the disk and starts nothing.
//!
//! What the shell does not do is written down in `docs/reference/dry_run.md`; `NOT_IN_THE_SHELL` is the same.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::{Test, need, probe_image, python_image, python_minor, state};
use crate::tree::{Tree, difference, redacted, tree};

/// Files of a run's record, which scaf keeps and the shell does not.
const NOT_IN_THE_SHELL: [&str; 3] = ["plan.json", "outcome.json", "uncommitted.diff"];

/// What one of the two ways came to.
pub struct Done {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub tree: Tree,
}

/// How it is to be done.
#[derive(Clone, Default)]
pub struct How<'a> {
    pub words: &'a [&'a str],
    /// Where it is started; the project's folder unless said otherwise.
    pub outside: bool,
    pub stdin: Option<&'a str>,
    pub env: &'a [(&'a str, PathBuf)],
    /// Through `sh -c`, which leaves standard input to the run.
    pub as_argument: bool,
}

fn command<'a>(test: &'a Test, how: &How<'_>, more: &[&str]) -> crate::support::Scaf<'a> {
    let mut scaf = test.scaf(more.iter().chain(how.words));
    if !how.outside {
        scaf = scaf.in_project();
    }
    for (name, value) in how.env {
        scaf = scaf.env(name, value);
    }
    scaf
}

/// What is left to compare of a test's folder.
fn kept(test: &Test) -> Tree {
    let mut tree = redacted(test, &tree(&test.root()));
    tree.retain(|path, _| !NOT_IN_THE_SHELL.iter().any(|name| path.ends_with(&format!("[RUN]/{name}"))));
    tree
}

pub fn for_real(test: &Test, how: &How<'_>) -> Done {
    let mut scaf = command(test, how, &[]);
    if let Some(input) = how.stdin {
        scaf = scaf.stdin(input);
    }
    let outcome = scaf.run();
    Done {
        status: outcome.status,
        stdout: test.redact(&outcome.stdout),
        stderr: test.redact(&outcome.stderr),
        tree: kept(test),
    }
}

/// The script, printed without a trace.
pub fn printed(test: &Test, how: &How<'_>) -> String {
    let before = (tree(&test.root()), tree(&test.home()), containers(test));
    let mut scaf = command(test, how, &["--dry-run"]);
    if let Some(input) = how.stdin {
        scaf = scaf.stdin(input);
    }
    let outcome = scaf.ok();
    assert_eq!(difference(&before.0, &tree(&test.root())), "", "a dry run changed the project");
    assert_eq!(difference(&before.1, &tree(&test.home())), "", "a dry run changed the home");
    assert_eq!(before.2, containers(test), "a dry run started something");
    outcome.stdout
}

/// What the main engine has of the test's project, running or not.
fn containers(test: &Test) -> String {
    let filter = format!("label=scaf.root={}", test.root().join("p").display());
    let output = Command::new("docker").args(["ps", "-aq", "--filter", &filter]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

pub fn through_the_shell(test: &Test, how: &How<'_>) -> Done {
    let script = printed(test, how);
    let shell = command(test, how, &[]).command();
    let mut sh = Command::new("sh");
    sh.current_dir(shell.get_current_dir().unwrap());
    for (name, value) in shell.get_envs() {
        match value {
            Some(value) => sh.env(name, value),
            None => sh.env_remove(name),
        };
    }

    let input = if how.as_argument {
        sh.arg("-c").arg(&script);
        how.stdin.unwrap_or_default().to_owned()
    } else {
        script.clone()
    };
    let mut child = sh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Done {
        status: status.code().unwrap(),
        stdout: test.redact(&String::from_utf8_lossy(&stdout)),
        stderr: format!("{}\n--- the script\n{script}", test.redact(&String::from_utf8_lossy(&stderr))),
        tree: kept(test),
    }
}

/// Both ways, compared; what was left comes back for more questions.
#[track_caller]
pub fn both(make: &dyn Fn() -> Test, how: &How<'_>) -> (Test, Test) {
    let (one, other) = (make(), make());
    let real = for_real(&one, how);
    let shell = through_the_shell(&other, how);
    let streams =
        format!("--- real\n{}\n{}\n--- shell\n{}\n{}", real.stdout, real.stderr, shell.stdout, shell.stderr);
    assert_eq!(real.status, shell.status, "{streams}");
    assert_eq!(real.stdout, shell.stdout, "{streams}");
    let differs = difference(&real.tree, &shell.tree);
    assert_eq!(differs, "", "{streams}");
    (one, other)
}

/// A Python experiment whose image is a name and no more, so that it is built in a moment.
pub fn python_experiment(name: &str) -> Test {
    let test = Test::project();
    test.write(
        &format!("src/{name}/environment/Dockerfile"),
        &format!("FROM {}\nLABEL scaf-test={}\n", python_image(), std::process::id()),
    );
    test.write(&format!("src/{name}/environment/requirements.txt"), "# nothing\n");
    test.write(
        &format!("src/{name}/local.py"),
        r#"
import os, pathlib, sys
here = pathlib.Path(__file__).parent
print("to stdout, with", sys.argv[1:])
print("to stderr", file=sys.stderr)
pathlib.Path(os.environ["SCAF_OUTPUT_DIR"], "metrics.json").write_text("{}")
pathlib.Path("scratch.txt").write_text("left")
(here / "settings.txt").write_text("changed")
(here / "made").mkdir()
(here / "made" / "empty").mkdir()
(here / "made" / "file").write_text("made")
print("read:", sys.stdin.read() if "--read" in sys.argv else "nothing")
sys.exit(3)
"#,
    );
    test.write(&format!("src/{name}/settings.txt"), "as written\n");
    test.write(&format!("src/{name}/it's a name.txt"), "quotes and spaces\n");
    test
}

#[test]
fn init_is_the_same() {
    both(
        &Test::empty,
        &How { words: &["init", "my project", "--name", "q"], outside: true, ..How::default() },
    );
    // What is there is kept.
    let make = || {
        let test = Test::empty();
        test.write("README.md", "mine\n");
        test
    };
    both(&make, &How { words: &["init"], ..How::default() });
}

#[test]
fn new_exp_is_the_same() {
    for template in ["sklearn", "pytorch", "minimal"] {
        let words = ["new-exp", "vision/digits", "--template", template];
        both(&Test::project, &How { words: &words, ..How::default() });
    }
}

#[test]
fn local_in_a_container_is_the_same() {
    if !need("docker") {
        return;
    }
    let name = "dry_local";
    let make = || python_experiment(name);
    let words = ["local", "--engine", "docker", name, "--", "--flag", "it's", "$HOME", ""];
    let (one, other) = both(&make, &How { words: &words, ..How::default() });
    // Said once more in plain words, lest the comparison compares nothing.
    for test in [&one, &other] {
        let runs: Vec<PathBuf> =
            std::fs::read_dir(test.path("runs").join(name)).unwrap().map(|e| e.unwrap().path()).collect();
        let [run] = runs.as_slice() else { panic!("{runs:?}") };
        let read = |file: &str| std::fs::read_to_string(run.join(file)).unwrap();
        assert_eq!(read("stdout.log"), "to stdout, with ['--flag', \"it's\", '$HOME', '']\nread: nothing\n");
        assert_eq!(read("stderr.log"), "to stderr\n");
        assert_eq!(read("outputs/metrics.json"), "{}");
        assert_eq!(read("mnt/scratch.txt"), "left");
        assert_eq!(read(&format!("mnt/{name}/settings.txt")), "changed");
        assert!(!run.join("mnt").join(name).join("local.py").exists());
        assert!(!run.join("mnt").join(name).join("made/empty").exists());
    }
}

#[test]
fn local_on_the_host_is_the_same() {
    if !need("python") {
        return;
    }
    let name = "dry_host";
    let make = || {
        let test = python_experiment(name);
        test.write(
            &format!("src/{name}/environment/Dockerfile"),
            &format!("FROM python:{}\n", python_minor()),
        );
        test
    };
    let words = ["local", "--engine", "host", name, "--", "a b"];
    let (one, other) = both(&make, &How { words: &words, ..How::default() });
    for test in [&one, &other] {
        let venvs: Vec<_> =
            std::fs::read_dir(test.home().join(".cache/scaf/venvs")).unwrap().flatten().collect();
        assert!(venvs.iter().any(|entry| entry.path().join(".scaf-complete").exists()), "{venvs:?}");
    }
}

#[test]
fn variables_from_outside_are_the_same_and_their_values_are_written_nowhere() {
    for engine in ["docker", "host"] {
        if !need(if engine == "host" { "python" } else { engine }) {
            continue;
        }
        let name = "dry_env";
        let make = || {
            let test = python_experiment(name);
            let from = if engine == "host" {
                format!("python:{}", python_minor())
            } else {
                python_image().to_owned()
            };
            test.write(
                &format!("src/{name}/environment/Dockerfile"),
                &format!("FROM {from}\nENV UNSET_HERE=of-the-image\n"),
            );
            test.write(
                &format!("src/{name}/local.py"),
                "import os\nfor name in ['UNSET_HERE', 'PASSED', 'TYPED', 'ONE', 'TWO']:\n    print(name, os.environ.get(name))\n",
            );
            test.write("one.env", "# words\nONE=s3cret 'one'\nTWO=hidden\nTYPED=lost\n");
            test.write("two.env", "TWO=s3cret-two\nPASSED\n");
            test
        };
        let flags = "--env-file one.env -e TYPED=typed --env-file two.env -e UNSET_HERE";
        let words = ["local", "--engine", engine, name, "--run-xargs", flags];
        let passed = [("PASSED", PathBuf::from("s3cret-passed"))];
        let how = How { words: &words, env: &passed, ..How::default() };
        let (one, other) = both(&make, &how);
        for test in [&one, &other] {
            // The shell keeps no record, by which a run is known otherwise.
            let mut runs = std::fs::read_dir(test.path("runs").join(name)).unwrap();
            let log =
                std::fs::read_to_string(runs.next().unwrap().unwrap().path().join("stdout.log")).unwrap();
            let wanted =
                "UNSET_HERE None\nPASSED s3cret-passed\nTYPED typed\nONE s3cret 'one'\nTWO s3cret-two\n";
            assert_eq!(log, wanted, "{engine}");
        }
        let plan = std::fs::read_to_string(one.runs(name)[0].join("plan.json")).unwrap();
        assert!(plan.contains("one.env") && !plan.contains("s3cret"), "{plan}");
        let script = printed(&other, &how);
        assert!(script.contains("one.env") && !script.contains("s3cret"), "{script}");
    }
}

#[test]
fn what_stands_on_standard_input_reaches_the_run() {
    if !need("docker") {
        return;
    }
    for engine in ["docker", "host"] {
        let name = "dry_input";
        let make = || {
            let test = python_experiment(name);
            if engine == "host" {
                let text = format!("FROM python:{}\n", python_minor());
                test.write(&format!("src/{name}/environment/Dockerfile"), &text);
            }
            test
        };
        let words = ["local", "--engine", engine, name, "--", "--read"];
        let how = How { words: &words, stdin: Some("one\ntwo\n"), as_argument: true, ..How::default() };
        let (one, _) = both(&make, &how);
        let log = std::fs::read_to_string(one.runs(name)[0].join("stdout.log")).unwrap();
        assert!(log.ends_with("read: one\ntwo\n\n"), "{log}");
        // A script that comes through the pipe is not swallowed by the run: its end is reached.
        let test = make();
        let done = through_the_shell(&test, &How { words: &words, stdin: Some(""), ..How::default() });
        assert_eq!(done.status, 3, "{}", done.stderr);
        assert!(!test.path("runs").join(name).join("mnt").exists());
    }
}

#[test]
fn a_command_in_the_image_is_the_same() {
    if !need("docker") {
        return;
    }
    for engine in ["docker", "host"] {
        let name = "dry_terminal";
        let make = || {
            let test = python_experiment(name);
            if engine == "host" {
                let text = format!("FROM python:{}\n", python_minor());
                test.write(&format!("src/{name}/environment/Dockerfile"), &text);
            }
            test
        };
        let code = "import os, sys; print(os.getcwd().split('/')[-1], sys.argv); open('/dev/stderr', 'w').write('E'); open('made.txt', 'w'); sys.exit(5)";
        let words = ["terminal", "--engine", engine, name, "--", "python", "-c", code, "a'b"];
        let (one, _) = both(&make, &How { words: &words, ..How::default() });
        assert_eq!(one.record(name, "outcome.json")["status"], 5);
    }
}

#[test]
fn a_run_done_again_is_the_same() {
    if !need("docker") {
        return;
    }
    let name = "dry_rerun";
    let make = || {
        let test = python_experiment(name);
        test.scaf(["local", "--engine", "docker", name, "--", "first"]).in_project().status(3);
        // Another name, which no other run of the test has.
        let run = &test.runs(name)[0];
        let old = run.file_name().unwrap().to_string_lossy().into_owned();
        let (_, short) = old.split_once('_').unwrap();
        let text = std::fs::read_to_string(run.join("plan.json")).unwrap();
        let new = old.replace(short, "first_one");
        std::fs::write(run.join("plan.json"), text.replace(&old, &new)).unwrap();
        std::fs::rename(run, run.with_file_name(&new)).unwrap();
        // The working tree has gone on since.
        test.write(&format!("src/{name}/local.py"), "raise SystemExit(9)\n");
        test
    };
    both(&make, &How { words: &["runs", "rerun", "first_one"], ..How::default() });
}

#[test]
fn the_tests_are_the_same() {
    if !need("docker") || !need("buildx") {
        return;
    }
    let name = "dry_test";
    let make = || {
        let test = python_experiment(name);
        test.write(&format!("src/{name}/tests/test_it.py"), "def test_it():\n    assert 1 == 2\n");
        test
    };
    let config = state().join("docker-config");
    let (one, other) = (make(), make());
    // pytest's own times are in its output.
    let without_time =
        |text: &str| text.rsplit_once(" in ").map(|(front, _)| front.to_owned()).unwrap_or_default();
    let env = [("DOCKER_CONFIG", config)];
    let words = ["test", "--engine", "docker", name];
    let how = How { words: &words, env: &env, ..How::default() };
    let layer = |test: &Test| {
        let text = printed(test, &How { words: &words, ..How::default() });
        let at = text.find(":pytest-").unwrap_or_else(|| panic!("{text}"));
        let start = text[..at].rfind(' ').unwrap() + 1;
        text[start..].split_whitespace().next().unwrap().to_owned()
    };
    let tag = layer(&one);
    let real = for_real(&one, &how);
    assert_eq!(real.status, 1, "{}", real.stderr);
    // So that the shell must make it, too.
    crate::engine_support::sh("docker", &["image", "rm", "--force", &tag]);
    let shell = through_the_shell(&other, &how);
    assert_eq!(shell.status, 1, "{}", shell.stderr);
    assert_eq!(without_time(&real.stdout), without_time(&shell.stdout));
    assert!(real.stdout.contains("assert 1 == 2"), "{}", real.stdout);
    let left = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(left(&real.tree), left(&shell.tree));
}

/// What an image is, its files by a listing of what a container of it would have.
fn image(tag: &str) -> (serde_json::Value, String) {
    use crate::engine_support::sh;
    let text = sh("docker", &["image", "inspect", "--format", "{{json .Config}}", tag]);
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The builder of old writes down the container that it used, and null for what is empty.
    let object = config.as_object_mut().unwrap();
    object.retain(|name, value| {
        !matches!(name.as_str(), "Hostname" | "Image")
            && !value.is_null()
            && !value.as_array().is_some_and(Vec::is_empty)
    });
    let script = format!(
        "id=$(docker create {tag} x) && docker export $id | tar -tv --exclude='dev/*' --exclude='etc/*' --exclude='proc/*' --exclude='sys/*' --exclude='run/*' --exclude=run | sed -E 's/ [0-9]{{4}}-[0-9-]+ [0-9:]+ / /' | LC_ALL=C sort; docker rm $id >/dev/null"
    );
    (config, sh("sh", &["-c", &script]))
}

#[test]
fn a_build_without_secrets_is_the_same_with_the_plain_client() {
    if !need("docker") {
        return;
    }
    let make = || {
        let test = Test::project();
        // Without a `RUN` nothing of this machine's network is needed, whatever it may be.
        let text = format!(
            "FROM {}\nARG FLAVOUR=plain\nLABEL test=dry-{} flavour=$FLAVOUR\nCOPY hello.txt /hello.txt\nENV A=b\nWORKDIR /w\n",
            probe_image(),
            std::process::id()
        );
        test.write("src/dry_build/environment/Dockerfile", &text);
        test.write("src/dry_build/environment/hello.txt", "hello\n");
        test
    };
    let (one, other) = (make(), make());
    let words =
        ["build-exp", "--engine", "docker", "dry_build", "--build-xargs=--build-arg FLAVOUR=\"it's\""];
    let how = How { words: &words, ..How::default() };
    let script = printed(&other, &how);
    assert!(script.contains("docker build --tag") && !script.contains("buildx"), "{script}");
    let tag = script.split("--tag ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let real = for_real(&one, &how);
    assert_eq!(real.status, 0, "{}", real.stderr);
    assert!(real.stderr.ends_with(&format!("made {}\n", one.redact(&tag))), "{}", real.stderr);
    let made = image(&tag);
    // Made already: the same script does nothing.
    let shell = through_the_shell(&other, &How { words: &["build-exp", "dry_build"], ..how.clone() });
    assert_eq!((shell.status, shell.stdout.as_str()), (0, ""), "{}", shell.stderr);
    crate::engine_support::sh("docker", &["image", "rm", "--force", &tag]);
    let shell = through_the_shell(&other, &how);
    assert_eq!((shell.status, shell.stdout.as_str()), (0, ""), "{}", shell.stderr);
    assert_eq!(difference(&real.tree, &shell.tree), "");
    let again = image(&tag);
    assert_eq!(made, again);
    crate::engine_support::sh("docker", &["image", "rm", "--force", &tag]);
}

#[test]
fn a_build_with_secrets_is_the_same_with_the_plugin() {
    if !need("docker") || !need("buildx") {
        return;
    }
    let make = || {
        let test = Test::project();
        let text = format!(
            "FROM {}\nLABEL test=dry-{}\nRUN pip --version >/version && cat $PIP_CONFIG_FILE | wc -l >/lines\n",
            python_image(),
            std::process::id()
        );
        test.write("src/dry_secret/environment/Dockerfile", &text);
        test
    };
    let (one, other) = (make(), make());
    let env = [
        ("DOCKER_CONFIG", state().join("docker-config")),
        ("PIP_EXTRA_INDEX_URL", PathBuf::from("https://user:SESAME@index.invalid/simple")),
    ];
    let words = ["build-exp", "--engine", "docker", "dry_secret"];
    let how = How { words: &words, env: &env, ..How::default() };
    let script = printed(&other, &how);
    assert!(script.contains("docker buildx build") && !script.contains("SESAME"), "{script}");
    let tag = script.split("--tag ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let real = for_real(&one, &how);
    assert_eq!(real.status, 0, "{}", real.stderr);
    let made = image(&tag);
    crate::engine_support::sh("docker", &["image", "rm", "--force", &tag]);
    let shell = through_the_shell(&other, &how);
    assert_eq!(shell.status, 0, "{}", shell.stderr);
    let again = image(&tag);
    assert_eq!(made, again);
    let history = crate::engine_support::sh("docker", &["history", "--no-trunc", &tag]);
    assert!(!history.contains("SESAME"), "{history}");
    crate::engine_support::sh("docker", &["image", "rm", "--force", &tag]);
}

#[test]
fn a_build_that_fails_fails_in_the_shell_too() {
    if !need("docker") {
        return;
    }
    let make = || {
        let test = Test::project();
        let text = format!("FROM {}\nLABEL test=dry\nCOPY absent.txt /\n", probe_image());
        test.write("src/dry_broken/environment/Dockerfile", &text);
        test.write("src/dry_broken/local.py", "");
        test
    };
    for words in [["build-exp", "--engine", "docker"], ["local", "--engine", "docker"]] {
        let (one, other) = (make(), make());
        let how = How { words: &words, ..How::default() };
        let real = for_real(&one, &how);
        let shell = through_the_shell(&other, &how);
        assert_eq!((real.status, shell.status), (1, 1), "{}\n{}", real.stderr, shell.stderr);
    }
}

#[test]
fn a_dry_run_of_a_server_changes_nothing() {
    if !need("docker") {
        return;
    }
    let test = python_experiment("dry_jupyter");
    let how = How { words: &["jupyter", "--engine", "docker", "--port", "8999"], ..How::default() };
    let script = printed(&test, &how);
    // The token is made by the script, never printed.
    assert!(script.contains("JUPYTER_TOKEN=${JUPYTER_TOKEN:-$("), "{script}");
    assert!(script.contains("--env JUPYTER_TOKEN "), "{script}");
    assert!(script.contains("lab?token='\"$JUPYTER_TOKEN\""), "{script}");
}

#[test]
fn the_script_of_each_plan_is_plain_posix() {
    // dash knows little beyond POSIX, and says so where it is given more.
    let test = Test::project();
    for (words, outside) in [(["init", "x"], true), (["new-exp", "a_b"], false)] {
        let script = printed(&test, &How { words: &words, outside, ..How::default() });
        let output = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
