//! Every template: runnable at once with no edit, its tests pass, nothing to complain about.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Test, need, python_image};

#[test]
fn the_minimal_one_runs_and_passes_in_its_container() {
    if !need("docker") {
        return;
    }
    python_image();
    let test = Test::experiment("vision/lines", "minimal");
    let outcome = test.scaf(["local", "vision/lines", "--engine", "docker"]).in_project().ok();
    let metrics: serde_json::Value = serde_json::from_str(outcome.stdout.trim()).unwrap();
    assert!((metrics["slope"].as_f64().unwrap() - 2.0).abs() < 0.5, "{metrics}");
    assert_eq!(test.record("vision/lines", "plan.json")["engine"], "docker");
    let tests = test.scaf(["test", "vision/lines", "--engine", "docker"]).in_project().ok();
    assert!(tests.stdout.contains(" passed"), "{}", tests.stdout);
    test.scaf(["check"]).in_project().ok();
}

#[test]
fn the_minimal_one_runs_and_passes_on_the_host() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("lines", "minimal");
    test.scaf(["local", "lines", "--engine", "host"]).in_project().ok();
    let tests = test.scaf(["test", "lines", "--engine", "host"]).in_project().ok();
    assert!(tests.stdout.contains(" passed"), "{}", tests.stdout);
    // Nothing of the layout's links is left, and nothing is named as left by the run.
    assert_eq!(test.record("lines", "outcome.json")["left"], serde_json::json!([]));
}

#[test]
fn the_sklearn_one_runs_and_passes_in_its_container() {
    if !need("docker") {
        return;
    }
    python_image();
    let test = Test::experiment("digits", "sklearn");
    let outcome = test.scaf(["local", "digits", "--engine", "docker"]).in_project().ok();
    let metrics: serde_json::Value = serde_json::from_str(outcome.stdout.trim()).unwrap();
    assert!(metrics["test_accuracy"].as_f64().unwrap() > 0.95, "{metrics}");
    let tests = test.scaf(["test", "digits", "--engine", "docker"]).in_project().ok();
    assert!(tests.stdout.contains(" passed"), "{}", tests.stdout);
    test.scaf(["check"]).in_project().ok();
}

#[test]
fn every_one_is_made_whole_and_clean() {
    // The PyTorch one is not run here: its image is 5.6 GB.
    let test = Test::project();
    for template in ["minimal", "sklearn", "pytorch"] {
        let made =
            test.scaf(["new-exp", template, "--template", template, "--json"]).in_project().ok().json();
        let files: Vec<&str> =
            made["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        for wanted in [
            ".scafignore",
            "environment/Dockerfile",
            "environment/requirements.txt",
            "job.yaml",
            "local.py",
            "train.py",
        ] {
            assert!(files.contains(&wanted), "{template}: no {wanted} among {files:?}");
        }
        for file in files {
            let text = test.read(&format!("src/{template}/{file}"));
            assert!(
                !text.contains("<{") && !text.contains("<%"),
                "{template}/{file} is not rendered:\n{text}"
            );
        }
    }
    test.scaf(["check"]).in_project().ok();
    assert_eq!(test.scaf(["list", "--names"]).in_project().ok().stdout, "minimal\npytorch\nsklearn\n");
}

#[test]
fn a_template_of_the_projects_own_and_one_at_a_path() {
    let test = Test::project();
    test.write("templates/tiny/environment/Dockerfile", "FROM scratch\n")
        .write("templates/tiny/<{ name }>.py", "NAME = '<{ experiment }>'\n");
    test.scaf(["new-exp", "a/b", "--template", "tiny"]).in_project().ok();
    assert_eq!(test.read("src/a/b/b.py"), "NAME = 'a/b'\n");
    test.scaf(["new-exp", "c", "--template", "./templates/tiny"]).in_project().ok();
    assert_eq!(test.read("src/c/c.py"), "NAME = 'c'\n");
    let outcome = test.scaf(["new-exp", "d", "--template", "nosuch"]).in_project().status(1);
    assert!(outcome.stderr.contains("minimal, pytorch, sklearn, tiny"), "{}", outcome.stderr);
    assert!(!test.path("src/d").exists());
}

#[test]
fn what_is_no_text_in_a_template_is_copied_as_it_is() {
    let test = Test::project();
    test.write("templates/tiny/environment/Dockerfile", "FROM scratch\n");
    let picture = b"\x89PNG\r\n\x1a\n<{ nosuch }>\0\xff";
    std::fs::write(test.path("templates/tiny/<{ name }>.png"), picture).unwrap();
    std::fs::write(test.path("templates/tiny/tool"), b"\x7fELF\0").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(test.path("templates/tiny/tool"), mode).unwrap();
    let printed = test.scaf(["new-exp", "b", "--template", "tiny", "--dry-run"]).in_project().ok().stdout;
    test.scaf(["new-exp", "a", "--template", "tiny"]).in_project().ok();
    assert!(std::process::Command::new("sh").args(["-c", &printed]).status().unwrap().success());
    for name in ["a", "b"] {
        assert_eq!(std::fs::read(test.path(&format!("src/{name}/{name}.png"))).unwrap(), picture);
        let mode = std::fs::metadata(test.path(&format!("src/{name}/tool"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755 & !umask(), "{name}");
    }
}

fn umask() -> u32 {
    let file = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o777)).tempfile().unwrap();
    !file.as_file().metadata().unwrap().permissions().mode() & 0o777
}
