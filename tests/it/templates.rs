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

#[test]
fn an_experiment_around_a_notebook() {
    let test = Test::project();
    test.write(
        "explore.ipynb",
        r#"{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","source":["import pandas\n","print(40 + 2)"]}]}"#,
    );
    let outcome = test.scaf(["new-exp", "x", "--from", "explore.ipynb"]).in_project().ok();
    assert!(outcome.stderr.contains("`pandas`"), "{}", outcome.stderr);
    assert!(test.read("src/x/train.py").contains("print(40 + 2)"));
    // One of the two says what the experiment is made of.
    let outcome = test
        .scaf(["new-exp", "y", "--template", "minimal", "--from", "explore.ipynb"])
        .in_project()
        .status(2);
    assert!(outcome.stderr.contains("--template") && outcome.stderr.contains("--from"), "{}", outcome.stderr);
}

#[test]
fn an_experiment_around_a_script_runs_with_what_it_imports_and_is_tested() {
    if !need("python") {
        return;
    }
    let test = Test::project();
    std::fs::create_dir_all(test.path("old/pack")).unwrap();
    std::fs::write(
        test.path("old/churn.py"),
        b"# -*- coding: latin-1 -*-\nimport helper\nfrom pack import WORD\ntry:\n    import cv2\nexcept ImportError:\n    \
          cv2 = None\nprint('caf\xe9', helper.TWO, WORD, '<{ x }>')\n",
    )
    .unwrap();
    test.write("old/helper.py", "TWO = 2\n").write("old/pack/__init__.py", "WORD = 'w'\n");
    let made = test.scaf(["new-exp", "x", "--from", "old/churn.py", "--json"]).in_project().ok().json();
    assert_eq!(made["template"], serde_json::Value::Null);
    assert_eq!(made["modules"], serde_json::json!(["cv2"]));
    assert_eq!(
        std::fs::read(test.path("src/x/train.py")).unwrap(),
        std::fs::read(test.path("old/churn.py")).unwrap()
    );
    let ran = test.scaf(["local", "x", "--engine", "host"]).in_project().ok();
    assert_eq!(ran.stdout, "café 2 w <{ x }>\n");
    let tested = test.scaf(["test", "x", "--engine", "host"]).in_project().ok();
    assert!(tested.stdout.contains("1 passed"), "{}", tested.stdout);
    test.scaf(["check"]).in_project().ok();
    let told = test.scaf(["new-exp", "y", "--from", "old/churn.py"]).in_project().ok();
    assert!(told.stderr.contains("requirements.txt: opencv-python-headless"), "{}", told.stderr);
}

#[test]
fn what_cannot_become_an_experiment_is_told_with_its_place_and_nothing_is_written() {
    let test = Test::project();
    let notebook = |name: &str, metadata: &str, source: &str| {
        test.write(
            name,
            &format!(
                r#"{{"metadata":{metadata},"cells":[{{"cell_type":"code","source":{}}}]}}"#,
                serde_json::json!(source)
            ),
        );
    };
    notebook("r.ipynb", r#"{"kernelspec":{"language":"R"}}"#, "x <- 1");
    notebook("broken.ipynb", "{}", "x = 1\ny = = 2");
    notebook("fine.ipynb", "{}", "x = !ls\n%matplotlib inline\nprint(1)");
    test.write("broken.py", "x = 1\ndef f(:\n").write("folder/one.py", "").write("bin.txt", "");
    std::fs::write(test.path("latin.py"), b"x = 'caf\xe9'\n").unwrap();
    for (from, what) in [
        ("broken.py", "broken.py:2:7: "),
        ("latin.py", "latin.py:1:9: the text is not UTF-8"),
        ("latin.py", "hint: save it as UTF-8, or say what it is in its first line"),
        ("r.ipynb", "its language is R"),
        ("broken.ipynb", "cell 1, line 2, column 5: "),
        ("folder", "has neither a train.py nor a main.py"),
        ("folder", "folder/one.py`"),
        ("bin.txt", "is neither a script nor a notebook"),
        ("gone.py", "there is no file or folder"),
    ] {
        let outcome = test.scaf(["new-exp", "x", "--from", from]).in_project().status(1);
        assert!(outcome.stderr.contains(what), "{from}: {}", outcome.stderr);
        assert!(!test.path("src/x").exists(), "{from}");
    }
    let outcome = test.scaf(["new-exp", "x", "--from", "fine.ipynb"]).in_project().ok();
    assert!(outcome.stderr.contains("only a notebook understands them: `x = !ls`, `%matplotlib inline`"));
    assert!(test.read("src/x/train.py").contains("# x = !ls\n# %matplotlib inline\nprint(1)\n"));
    test.write("folder/main.py", "import one, sklearn\n");
    let outcome = test.scaf(["new-exp", "z", "--from", "folder"]).in_project().ok();
    assert!(outcome.stderr.contains(": scikit-learn\n"), "{}", outcome.stderr);
    assert!(test.path("src/z/one.py").is_file() && test.read("src/z/job.yaml").contains("python main.py"));
    let found = test.scaf(["check", "--json"]).in_project().status(1).json();
    assert_eq!(found["counts"], serde_json::json!({ "environment-missing": 1 }));
}
