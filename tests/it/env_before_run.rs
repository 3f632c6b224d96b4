//! What is said before a run when code and pins do not go together.

use crate::support::{Test, need, python_minor};

const REQUIREMENTS: &str = "src/exp/environment/requirements.txt";

/// An experiment of which a run does not get to what it lacks.
fn project() -> Test {
    let test = Test::project();
    test.write("src/exp/environment/Dockerfile", &format!("FROM python:{}-slim\n", python_minor()));
    test.write(REQUIREMENTS, "").write("src/exp/local.py", "import train\n");
    test.write("src/exp/train.py", "\ndef never():\n    import pandas, cv2\n");
    test
}

/// The warnings.
fn told(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("warning: ")).collect()
}

#[test]
fn one_line_with_the_way_out_and_the_run_goes_on() {
    if !need("python") {
        return;
    }
    let test = project();
    let local =
        |words: &[&str]| test.scaf(["local", "exp", "--engine", "host"].iter().chain(words)).in_project();
    let first = "warning: src/exp/train.py:3: the code imports `cv2` of `opencv-python-headless`, which is not pinned (and 1 \
                 more): `scaf env lock exp`";
    assert_eq!(told(&local(&[]).ok().stderr), [first]);
    // The second time by what was kept of the first.
    assert_eq!(told(&local(&[]).ok().stderr), [first]);
    assert_eq!(local(&["--quiet"]).ok().stderr, "");
    test.write("src/exp/train.py", "\n");
    assert_eq!(told(&local(&[]).ok().stderr), [] as [&str; 0]);
    // A lock that is older than what it was made of.
    test.write("src/exp/environment/requirements.lock", "# of: requirements.txt 00\n");
    let old = "warning: src/exp/environment/requirements.lock:1: `requirements.txt` has changed since the lock was made of \
               it: `scaf env lock exp`";
    assert_eq!(told(&local(&["--live"]).ok().stderr), [old]);
    assert_eq!(
        told(&test.scaf(["terminal", "exp", "--engine", "host", "--", "true"]).in_project().ok().stderr),
        [] as [&str; 0]
    );
}

#[test]
fn tests_and_jobs_say_it_as_well_and_a_job_with_another_environment_does_not() {
    let test = project();
    let dry = |words: &[&str]| {
        let scaf = test.scaf(words.iter().chain(&["--dry-run", "--engine", "host"])).in_project();
        told(&scaf.ok().stderr).join("\n")
    };
    let line = "which is not pinned (and 1 more): `scaf env lock exp`";
    if !need("python") {
        return;
    }
    for command in ["test", "local", "jupyter"] {
        assert!(dry(&[command, "exp"]).contains(line), "{command}");
    }
    let job = |path: &str| {
        test.write(
            "src/exp/job.yaml",
            &format!("command: python train.py\ncode: .\nenvironment:\n  build:\n    path: {path}\n"),
        );
    };
    job("./environment");
    assert!(dry(&["job", "exp"]).contains(line), "{}", dry(&["job", "exp"]));
    test.write("src/exp/other/Dockerfile", &format!("FROM python:{}-slim\n", python_minor()));
    test.write("src/exp/other/requirements.txt", "");
    job("./other");
    assert!(!dry(&["job", "exp"]).contains(line), "{}", dry(&["job", "exp"]));
}

#[test]
fn what_cannot_be_known_is_not_said() {
    if !need("python") {
        return;
    }
    let test = project();
    let dry = |test: &Test| {
        let outcome = test.scaf(["local", "exp", "--dry-run", "--engine", "host"]).in_project().ok();
        told(&outcome.stderr).join("\n")
    };
    assert!(dry(&test).contains("env lock"));
    let minor = python_minor();
    test.write("src/exp/environment/Dockerfile", &format!("FROM corp/python:{minor}\nRUN ./install.sh\n"));
    assert!(!dry(&test).contains("env lock"), "{}", dry(&test));
    test.write("src/exp/environment/Dockerfile", &format!("FROM python:{minor}-slim\n"));
    let settings = test.read("scaf.toml");
    test.write(
        "scaf.toml",
        &format!("{settings}\n[env]\nwaive = [\"pandas\", \"opencv-python-headless\"]\n"),
    );
    assert!(!dry(&test).contains("env lock"), "{}", dry(&test));
}
