//! `scaf runs`: the record, shown, compared and done again.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Test, need, python_image, python_minor};

/// The image of the newest run: the one recorded is the one that it ran in.
#[track_caller]
fn image_of(test: &Test, experiment: &str) -> Value {
    let record = test.record(experiment, "plan.json");
    let ran: Vec<&Value> = record["plan"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["action"]["do"] == "run_container")
        .map(|step| &step["action"]["container"]["image"])
        .collect();
    assert_eq!(ran, [&record["image"]]);
    record["image"].clone()
}

fn name(run: &Path) -> String {
    run.file_name().unwrap().to_string_lossy().into_owned()
}

fn remove_image(tag: &Value) {
    let removed = Command::new("docker").args(["image", "rm", "--force", tag.as_str().unwrap()]).output();
    assert!(removed.unwrap().status.success());
}

fn builds(test: &Test, experiment: &str) -> usize {
    let record = test.record(experiment, "plan.json");
    let steps = record["plan"]["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["action"]["do"] == "build_image").count()
}

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
    assert_eq!(image_of(&test, "lines"), record["image"]);

    let outcome = test.scaf(["runs", "show", "nosuch"]).in_project().status(1);
    assert!(outcome.stderr.contains("no run named `nosuch`"), "{}", outcome.stderr);
}

#[test]
fn done_again_it_is_in_the_same_image() {
    if !need("docker") {
        return;
    }
    python_image();
    let test = Test::project();
    // Of this test alone, since its images are removed.
    let mark = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    let dockerfile = format!(
        "FROM python:{}-slim\nARG FLAVOUR=plain\nENV FLAVOUR=$FLAVOUR MARK='{mark}'\n",
        python_minor()
    );
    test.write("src/lines/environment/Dockerfile", &dockerfile);
    test.write("src/lines/environment/requirements.txt", "");
    test.write("src/lines/local.py", "import os\nprint(os.environ['FLAVOUR'])\n");
    let words = ["local", "lines", "--engine", "docker", "--build-xargs=--build-arg FLAVOUR=zzz --no-cache"];
    assert_eq!(test.scaf(words).in_project().ok().stdout, "zzz\n");
    let first = test.runs("lines").pop().unwrap();
    let image = image_of(&test, "lines");
    let again = |run: &str| test.scaf(["runs", "rerun", run]).in_project().ok();

    let ran = again(&name(&first));
    assert_eq!(ran.stdout, "zzz\n");
    assert!(!ran.stderr.contains("environment has changed"), "{}", ran.stderr);
    assert_eq!((image_of(&test, "lines"), builds(&test, "lines")), (image.clone(), 0));
    // The image is gone, and comes back as it was. Of a run that was itself done again.
    remove_image(&image);
    let ran = again(&name(test.runs("lines").last().unwrap()));
    assert_eq!(ran.stdout, "zzz\n");
    assert!(ran.stderr.contains("is no longer there and is made again"), "{}", ran.stderr);
    assert_eq!((image_of(&test, "lines"), builds(&test, "lines")), (image.clone(), 1));

    // A record of an older scaf does not say how the image was made.
    let path = first.join("plan.json");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(record["build_words"], serde_json::json!(["--build-arg", "FLAVOUR=zzz"]));
    for key in ["build_words", "environment"] {
        record.as_object_mut().unwrap().remove(key).unwrap();
    }
    fs::write(&path, record.to_string()).unwrap();
    let ran = again(&name(&first));
    assert_eq!(ran.stdout, "plain\n");
    let other = image_of(&test, "lines");
    assert_ne!(other, image);
    let told = format!(
        "the environment has changed since: {} ran in `{}`, this runs in `{}`",
        name(&first),
        image.as_str().unwrap(),
        other.as_str().unwrap()
    );
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    remove_image(&image);
    remove_image(&other);
}

#[test]
fn a_job_done_again_is_in_the_environment_that_its_file_names() {
    if !need("docker") {
        return;
    }
    python_image();
    let test = Test::project();
    let from = format!("FROM python:{}-slim\n", python_minor());
    test.write("src/lines/environment/Dockerfile", &from);
    test.write("src/lines/environment/requirements.txt", "");
    test.write("src/lines/elsewhere/Dockerfile", &format!("{from}ENV WHERE=elsewhere\n"));
    test.write("src/lines/train.py", "import os, sys\nprint(os.environ.get('WHERE'), sys.argv[1:])\n");
    test.write(
        "src/lines/job.yaml",
        "command: python train.py ${{inputs.word}}\ninputs: { word: hello }\nenvironment: { build: { path: ./elsewhere } }\n",
    );
    let handed = test.scaf(["job", "lines", "--engine", "docker", "--json"]).in_project().ok().json();
    let job = handed["job"].as_str().unwrap().to_owned();
    assert_eq!(test.scaf(["jobs", "attach", &job]).in_project().ok().stdout, "elsewhere ['hello']\n");
    let image = image_of(&test, "lines");
    // The working tree goes on; the bundle has its environment as it was.
    test.write("src/lines/elsewhere/Dockerfile", &format!("{from}ENV WHERE=nowhere\n"));
    let ran = test.scaf(["runs", "rerun", &job]).in_project().ok();
    assert_eq!(ran.stdout, "elsewhere ['hello']\n");
    assert!(!ran.stderr.contains("environment has changed"), "{}", ran.stderr);
    assert_eq!((image_of(&test, "lines"), builds(&test, "lines")), (image, 0));
    assert_eq!(test.record("lines", "outcome.json")["status"], 0);
}

#[test]
fn done_again_in_a_project_that_was_copied_or_moved() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("lines", "minimal");
    test.write("data/which.txt", "the first\n");
    test.write(
        "src/lines/local.py",
        "import os, sys\nprint(open('data/which.txt').read(), os.getcwd())\nopen('models/made.txt', 'w')\n",
    );
    let ran = test.scaf(["local", "lines", "--engine", "host"]).in_project().ok();
    assert!(ran.stdout.starts_with("the first"), "{}", ran.stdout);
    let first = name(&test.runs("lines")[0]);
    fs::remove_file(test.path("models/made.txt")).unwrap();
    let copy = test.root().join("copy");
    let copied = Command::new("cp").arg("-r").arg(test.path("")).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::write(copy.join("data/which.txt"), "the second\n").unwrap();
    let again = test.scaf(["runs", "rerun", &first]).current_dir(&copy).ok();
    let told = format!("engine: host (as in {first})");
    assert!(again.stderr.starts_with(&told), "{}", again.stderr);
    let folder = format!("{}/runs/lines/", copy.display());
    assert!(again.stdout.starts_with("the second") && again.stdout.contains(&folder), "{}", again.stdout);
    assert!(copy.join("models/made.txt").is_file() && !test.path("models/made.txt").exists());
    assert_eq!(test.runs("lines").len(), 1);

    // The original is gone, and does not come back.
    let moved = test.root().join("moved");
    fs::rename(test.path(""), &moved).unwrap();
    let again = test.scaf(["runs", "rerun", &first]).current_dir(&moved).ok();
    assert!(again.stdout.starts_with("the first"), "{}", again.stdout);
    assert!(moved.join("models/made.txt").is_file() && !test.path("").exists());

    fs::remove_dir_all(moved.join("runs/.bundles")).unwrap();
    let gone = test.scaf(["runs", "rerun", &first]).current_dir(&moved).status(1).stderr;
    assert!(gone.contains("is gone, and with it") && gone.contains("`scaf local lines` runs"), "{gone}");
}
