//! A project of the ancestor template, taken over as it is.

use std::fs;

use crate::support::{Test, need};
use crate::tree::{difference, tree};

const CONFIG: &str = "\
# Azure ML
WORKSPACE=<azure-ml-workspace-name>
RESOURCE_GROUP=<azure-ml-resource-group>
# Folders
CODE_PATH=./src
DOCKER_WORKDIR=/mnt
";

/// The ancestor's layout with the article's experiment in small.
fn ancestor(config: &str) -> Test {
    let test = Test::empty();
    test.write("config.env", config);
    test.write("Makefile", "include config.env\nlocal:\n\tdocker run\n");
    test.write(".gitignore", "data/*\n**/local.py\n");
    test.write("src/common/printer.py", "def shout(text):\n    print(text.upper())\n");
    test.write("src/digit_recognition/environment/Dockerfile", "FROM scratch\n");
    test.write("src/digit_recognition/.amlignore", "local.py\ntests/\n");
    test.write(
        "src/digit_recognition/azure-ml-job.yaml",
        "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n\
         experiment_name: <your-experiment>\ncommand: python train.py --data ${{inputs.data}} --epochs ${{inputs.epochs}}\n\
         inputs:\n  data:\n    path: azureml:mnist:1\n  epochs: 8\ncode: .\n\
         environment:\n  build:\n    path: ./environment\ncompute: azureml:<compute>\n",
    );
    test.write("src/digit_recognition/train.py", "import sys, os\nfrom common import printer\nprinter.shout(' '.join(sys.argv[1:2]))\nprint(os.listdir(sys.argv[2]), sys.argv[3:])\n");
    test.write("src/digit_recognition/local.py", "import os\nprint(sorted(os.listdir('data')))\n");
    test.write("src/digit_recognition/common/__init__.py", "");
    std::os::unix::fs::symlink(
        "../../common/printer.py",
        test.path("src/digit_recognition/common/printer.py"),
    )
    .unwrap();
    test.write("data/mnist/train.csv", "1\n");
    test
}

#[test]
fn what_is_written_and_what_stays() {
    let test = ancestor(CONFIG);
    let before = test.read("Makefile");
    insta::assert_snapshot!(test.scaf(["init"]).in_project().transcript());
    insta::assert_snapshot!(test.read("scaf.toml"));
    assert_eq!(test.read("Makefile"), before);
    assert_eq!(
        test.read(".gitignore"),
        "data/*\n**/local.py\n\n# What scaf writes, and what belongs to one person only.\n/runs/\n/scaf.local.toml\n"
    );
    assert!(!test.path("notebooks").exists());
    let list = test.scaf(["list", "--names"]).in_project().ok();
    assert_eq!(list.stdout, "digit_recognition\n");
    assert_eq!(test.scaf(["config", "data.mode"]).in_project().ok().stdout, "rw\n");
    // A second time there is nothing to take over, and nothing is added that the ancestor has not.
    let before = tree(&test.path(""));
    let again = test.scaf(["init"]).in_project().ok();
    assert_eq!(again.stderr, "`p` is a project already; nothing was missing\n");
    assert_eq!(difference(&before, &tree(&test.path(""))), "");
}

#[test]
fn a_workspace_that_is_filled_in_becomes_a_target() {
    let test = ancestor(
        "WORKSPACE := space\nRESOURCE_GROUP ?= group # of the team\nCODE_PATH = src\nDOCKER_WORKDIR=/work\n",
    );
    let answer = test.scaf(["init", "--json"]).in_project().ok().json();
    assert_eq!(answer["notes"][0], "DOCKER_WORKDIR is `/work`; scaf lays every run out below `/mnt`");
    let config = |key: &str| test.scaf(["config", key]).in_project().ok().stdout;
    assert_eq!(config("targets.azureml.workspace"), "space\n");
    assert_eq!(config("targets.azureml.resource_group"), "group\n");
}

#[test]
fn a_code_path_that_cannot_be_is_no_fresh_project() {
    for (line, what) in [
        (
            "CODE_PATH=../outside",
            "config.env:2: CODE_PATH is `../outside`, and that leads out of the project",
        ),
        ("CODE_PATH=./nosuch", "config.env:2: CODE_PATH is `./nosuch`, and there is no such folder"),
        (
            "CODE_PATH=$(HOME)/src",
            "config.env:2: CODE_PATH is `$(HOME)/src`, which makes `/src`, and that leads out of the project",
        ),
        ("CODE_PATH=.", "config.env:2: CODE_PATH is `.`, and that is the project itself"),
    ] {
        let test = ancestor(&format!("# a comment\n{line}\n"));
        let before = tree(&test.path(""));
        let outcome = test.scaf(["init"]).in_project().status(1);
        assert!(outcome.stderr.contains(what), "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: write the folder of the experiments"), "{}", outcome.stderr);
        assert_eq!(difference(&before, &tree(&test.path(""))), "", "{line}");
    }
    let test = ancestor("");
    fs::write(test.path("config.env"), b"CODE_PATH=./src\n# caf\xe9\n").unwrap();
    let outcome = test.scaf(["init"]).in_project().status(1);
    assert!(outcome.stderr.contains("config.env:2: not UTF-8"), "{}", outcome.stderr);
    assert!(!test.path("scaf.toml").exists());
}

#[test]
fn its_names_are_kept_and_those_of_a_new_project_follow_the_rule() {
    if !need("python") {
        return;
    }
    let test = ancestor(CONFIG);
    let dockerfile = format!("FROM python:{}-slim\n", crate::support::python_minor());
    for name in ["UP", "sp ace", "class"] {
        test.write(&format!("src/{name}/environment/Dockerfile"), &dockerfile);
        test.write(&format!("src/{name}/environment/requirements.txt"), "");
        test.write(&format!("src/{name}/local.py"), "print('ran')\n");
    }
    test.scaf(["init"]).in_project().ok();
    assert_eq!(test.scaf(["local", "UP", "--engine", "host"]).in_project().ok().stdout, "ran\n");
    let settings = test.read("scaf.toml").replace("adopted = true", "adopted = false");
    test.write("scaf.toml", &settings);
    let before = tree(&test.path(""));
    for (name, hint) in
        [("UP", "`up` would do"), ("sp ace", "`sp_ace` would do"), ("class", "try `class_experiment`")]
    {
        for command in ["local", "build-exp", "test", "job"] {
            let outcome = test.scaf([command, name]).in_project().status(1);
            assert!(
                outcome.stderr.contains(&format!("the folder `src/{name}` cannot be an experiment"))
                    && outcome.stderr.contains(hint),
                "{}",
                outcome.stderr
            );
        }
        // What only looks may look.
        test.scaf(["show", name]).in_project().without_engine().ok();
    }
    assert_eq!(difference(&before, &tree(&test.path(""))), "");
}

#[test]
fn the_plan_is_what_is_done() {
    let (one, other) = (ancestor(CONFIG), ancestor(CONFIG));
    one.scaf(["init"]).in_project().ok();
    let script = other.scaf(["init", "--dry-run"]).in_project().ok().stdout;
    assert!(!other.path("scaf.toml").exists());
    let status = std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
    assert!(status.success());
    for file in ["scaf.toml", ".gitignore", ".scafignore"] {
        assert_eq!(one.read(file), other.read(file), "{file}");
    }
}

#[test]
fn its_job_runs_unmodified() {
    if !need("python") {
        return;
    }
    let test = ancestor(CONFIG);
    // The host engine needs to know which Python, and pins.
    test.write(
        "src/digit_recognition/environment/Dockerfile",
        &format!("FROM python:{}-slim\n", crate::support::python_minor()),
    );
    test.write("src/digit_recognition/environment/requirements.txt", "");
    test.scaf(["init"]).in_project().ok();
    test.scaf(["job", "exp=digit_recognition", "--engine", "host", "--set", "inputs.epochs=2"])
        .in_project()
        .ok();
    let job = test.runs("digit_recognition")[0].file_name().unwrap().to_string_lossy().into_owned();
    let outcome = test.scaf(["jobs", "attach", &job]).in_project().ok();
    assert_eq!(outcome.stdout, "--DATA\n['train.csv'] ['--epochs', '2']\n");
    // Data may be written, as the ancestor's runs could.
    let plan = fs::read_to_string(test.runs("digit_recognition")[0].join("plan.json")).unwrap();
    assert!(plan.contains("azure-ml-job.yaml"), "{plan}");
}
