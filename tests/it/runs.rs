//! `scaf runs`: the record, shown, compared and done again.

use crate::support::{Test, need, python_image};

#[test]
fn a_run_is_recorded_compared_and_done_again() {
    if !need("docker") {
        return;
    }
    python_image();
    let test = Test::experiment("lines", "minimal");
    test.write("src/lines/local.py", "import sys\nprint('one', *sys.argv[1:])\n");
    test.scaf(["local", "lines", "--engine", "docker", "--", "--epochs", "8"]).in_project().ok();
    let first = test.runs("lines").pop().unwrap();
    let record = test.record("lines", "plan.json");
    assert_eq!(record["command"], serde_json::json!(["python", "lines/local.py", "--epochs", "8"]));
    for key in ["bundle", "image", "lock", "engine_reason"] {
        assert!(record[key].is_string(), "{key}: {}", record[key]);
    }
    let outcome = test.record("lines", "outcome.json");
    assert_eq!(outcome["status"], 0);
    assert_eq!(std::fs::read_to_string(first.join("stdout.log")).unwrap(), "one --epochs 8\n");

    test.write("src/lines/local.py", "print('two')\n");
    test.scaf(["local", "lines", "--engine", "docker"]).in_project().ok();
    let second = test.runs("lines").pop().unwrap();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();

    let listed = test.scaf(["runs", "--json"]).in_project().ok().json();
    let names: Vec<&str> =
        listed["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(names, [name(&second), name(&first)]);

    let shown = test.scaf(["runs", "show", &name(&first)]).in_project().ok().stdout;
    assert!(shown.contains("python lines/local.py --epochs 8"), "{shown}");
    let diff = test.scaf(["runs", "diff", &name(&first), &name(&second)]).in_project().ok().stdout;
    assert!(diff.contains("~ local.py"), "{diff}");

    // The first again: its own files, whatever the working tree has become.
    let again = test.scaf(["runs", "rerun", &name(&first)]).in_project().ok();
    assert_eq!(again.stdout, "one --epochs 8\n");

    let outcome = test.scaf(["runs", "show", "nosuch"]).in_project().status(1);
    assert!(outcome.stderr.contains("no run named `nosuch`"), "{}", outcome.stderr);
}
