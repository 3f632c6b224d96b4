//! scaf as a user who is not root: nothing in the project becomes root's, mount points included; inside, the
//! user is who they are outside.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::engine_support::sh;
use crate::support::{Test, need, python_image};
use crate::tree::tree;

const WHO: u32 = 1234;
const GROUP: u32 = 2345;

/// A folder and a home that are the user's own.
fn test() -> Test {
    let test = Test::empty();
    for folder in [test.root(), test.home()] {
        std::os::unix::fs::chown(folder, Some(WHO), Some(GROUP)).unwrap();
    }
    test
}

/// The same invocation as that user, who is in the group of docker's socket and in no other.
fn as_user(test: &Test, words: &[&str], inside: bool) -> Output {
    let scaf = test.scaf(words);
    let scaf = if inside { scaf.in_project() } else { scaf };
    let scaf = scaf.env("USER", "alice").env("LOGNAME", "alice").command();
    let socket = fs::metadata("/var/run/docker.sock").map_or(0, |there| there.gid());
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={WHO}"))
        .arg(format!("--regid={GROUP}"))
        .arg(format!("--groups={socket}"))
        .arg("--")
        .arg(scaf.get_program())
        .args(scaf.get_args())
        .current_dir(scaf.get_current_dir().unwrap())
        .stdin(Stdio::null());
    for (name, value) in scaf.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Files of others are theirs to read: what this user makes is not hidden from the comparison.
    command.process_group(0).output().unwrap()
}

#[track_caller]
fn ok(test: &Test, words: &[&str]) -> String {
    let output = as_user(test, words, words.first() != Some(&"init"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {}\n{told}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whatever is not the user's.
fn of_others(top: &Path) -> Vec<String> {
    tree(top)
        .into_keys()
        .filter(|path| {
            let there = fs::symlink_metadata(top.join(path)).unwrap();
            (there.uid(), there.gid()) != (WHO, GROUP)
        })
        .collect()
}

const CODE: &str = r#"
import getpass, json, os, pathlib, pwd
out = pathlib.Path(os.environ["SCAF_OUTPUT_DIR"])
(out / "made").mkdir()
(out / "made" / "file").write_text("x")
pathlib.Path("scratch").write_text("x")
pathlib.Path(__file__).with_name("beside").write_text("x")
(pathlib.Path.home() / ".cache").mkdir(exist_ok=True)
pathlib.Path("/mnt/models/model").write_text("x")
print(json.dumps([os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name, getpass.getuser(), str(pathlib.Path.home())]))
"#;

#[test]
fn nothing_in_the_project_becomes_roots() {
    if !need("docker") || !need("root") {
        return;
    }
    let test = test();
    ok(&test, &["init", "p"]);
    ok(&test, &["new-exp", "domain/mine", "--template", "minimal"]);
    let dockerfile = test.path("src/domain/mine/environment/Dockerfile");
    fs::write(dockerfile, format!("FROM {}\nLABEL test=nonroot\n", python_image())).unwrap();
    fs::write(test.path("src/domain/mine/local.py"), CODE).unwrap();
    for folder in ["data", "models"] {
        // As in a fresh checkout, where git keeps no empty folders.
        fs::remove_dir_all(test.path(folder)).unwrap();
    }
    let inside = ok(&test, &["local", "--engine", "docker"]);
    let answer: serde_json::Value = serde_json::from_str(&inside).unwrap();
    assert_eq!(answer, serde_json::json!([WHO, GROUP, "alice", "alice", "/home/scaf"]));
    ok(
        &test,
        &["terminal", "--engine", "docker", "--", "python", "-c", "open('/mnt/domain/mine/new.txt', 'w')"],
    );
    assert!(test.path("src/domain/mine/new.txt").is_file());
    let job = "command: python local.py\nenvironment: { build: { path: ./environment } }\n";
    fs::write(test.path("src/domain/mine/job.yaml"), job).unwrap();
    let jobs = ok(&test, &["job", "--engine", "docker", "--json"]);
    let job: serde_json::Value = serde_json::from_str(&jobs).unwrap();
    ok(&test, &["jobs", "attach", job["job"].as_str().unwrap()]);
    ok(&test, &["runs"]);
    ok(&test, &["list"]);
    assert_eq!(of_others(&test.root()), Vec::<String>::new());
    assert_eq!(of_others(&test.home()), Vec::<String>::new());
    // And the user can take all of it away.
    let gone = Command::new("setpriv")
        .args([&format!("--reuid={WHO}"), &format!("--regid={GROUP}"), "--clear-groups", "rm", "-rf"])
        .arg(test.path(""))
        .status()
        .unwrap();
    assert!(gone.success());
}

#[test]
fn the_users_of_the_image_stay_when_they_are_wanted() {
    if !need("docker") || !need("root") {
        return;
    }
    let test = test();
    ok(&test, &["init", "p"]);
    ok(&test, &["new-exp", "mine", "--template", "minimal"]);
    let dockerfile = test.path("src/mine/environment/Dockerfile");
    fs::write(dockerfile, format!("FROM {}\nLABEL test=nonroot-plans\nUSER 4321:4321\n", python_image()))
        .unwrap();
    fs::write(test.path("src/mine/local.py"), "import os; print(os.getuid())\n").unwrap();
    assert_eq!(ok(&test, &["local", "--engine", "docker"]), format!("{WHO}\n"));
    let settings = test.read("scaf.toml") + "\n[experiment.\"mine\".engine]\nuser = \"image\"\n";
    fs::write(test.path("scaf.toml"), settings).unwrap();
    assert_eq!(ok(&test, &["local", "--engine", "docker"]), "4321\n");
    // A layer is root's work, and what runs in it is not. Of the images here no layer is ever made.
    for command in ["test", "jupyter"] {
        let plan = ok(&test, &[command, "--engine", "docker", "--dry-run"]);
        let layer = plan.split_once("USER root\n").unwrap_or_else(|| panic!("{plan}")).1;
        assert!(layer.contains("\nUSER 4321:4321\n"), "{plan}");
    }
    // Also where the image is yet to be made: it is what the Dockerfile says, else what its base says.
    for (more, wanted) in [("USER 4321:4321\nRUN true\nUSER other\n", Some("other")), ("RUN true\n", None)] {
        fs::write(
            test.path("src/mine/environment/Dockerfile"),
            format!("FROM {}\nLABEL test=nonroot-plans\n{more}", python_image()),
        )
        .unwrap();
        let plan = ok(&test, &["test", "--engine", "docker", "--dry-run"]);
        let layer = plan.rsplit_once("USER root\n").unwrap_or_else(|| panic!("{plan}")).1;
        let user = layer.lines().find_map(|line| line.strip_prefix("USER "));
        assert_eq!(user, wanted, "{plan}");
    }
    let unknown = format!("ARG WHO=4321\nFROM {}\nARG WHO\nUSER $WHO\n", python_image());
    fs::write(test.path("src/mine/environment/Dockerfile"), unknown).unwrap();
    let told = as_user(&test, &["test", "--engine", "docker", "--dry-run"], true);
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("the image's user cannot be known") && told.contains("scaf build-exp"), "{told}");
}

#[test]
fn tests_run_as_the_user_of_the_image() {
    if !need("docker") || !need("root") || !need("index") {
        return;
    }
    let test = test();
    ok(&test, &["init", "p"]);
    ok(&test, &["new-exp", "mine", "--template", "minimal"]);
    let dockerfile = test.path("src/mine/environment/Dockerfile");
    fs::write(dockerfile, format!("FROM {}\nUSER 4321:4321\n", python_image())).unwrap();
    let code = "import os\n\ndef test_who():\n    assert (os.getuid(), os.getgid()) == (4321, 4321)\n";
    fs::write(test.path("src/mine/test_who.py"), code).unwrap();
    let settings = test.read("scaf.toml") + "\n[engine]\nuser = \"image\"\n";
    fs::write(test.path("scaf.toml"), settings).unwrap();
    assert!(ok(&test, &["test", "--engine", "docker", "--", "test_who.py"]).contains("1 passed"));
}

#[test]
fn a_user_without_docker_is_told_the_way() {
    if !need("docker") || !need("root") {
        return;
    }
    let test = test();
    ok(&test, &["init", "p"]);
    ok(&test, &["new-exp", "mine", "--template", "minimal"]);
    let scaf = test.scaf(["local", "--engine", "docker"]).in_project().command();
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={WHO}"), &format!("--regid={GROUP}"), "--clear-groups", "--"]);
    command.arg(scaf.get_program()).args(scaf.get_args()).current_dir(test.path("")).env("HOME", test.home());
    let output = command.env_remove("DOCKER_HOST").stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    if sh("stat", &["-c", "%a", "/var/run/docker.sock"]).ends_with('6') {
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no permission to use docker") && told.contains("usermod -aG docker"), "{told}");
}
