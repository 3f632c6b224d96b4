//! Every rule on a real project: what it finds, where, and what it leaves alone.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::*;
use crate::orchestrate::load::settings;
use crate::spec::check::RULES;
use crate::spec::env_vars::Environment;
use crate::spec::settings::layer::Layer;

struct Tree {
    dir: tempfile::TempDir,
    layout: Layout,
}

impl Tree {
    /// A project in which nothing is wrong.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Self { layout: Layout::new(dir.path()), dir };
        tree.write("scaf.toml", "[project]\nname = \"p\"\n");
        tree.write(".gitignore", "/src/**/outputs/\n");
        tree.write("src/common/__init__.py", "");
        tree.write("src/common/text.py", "def clean(text):\n    return text\n");
        tree.write("src/common/io/__init__.py", "");
        tree.write("src/common/io/csv.py", "from common.text import clean\n");
        for name in ["digits", "vision/ocr"] {
            tree.write(&format!("src/{name}/environment/Dockerfile"), "FROM python:3.12-slim\n");
            tree.write(
                &format!("src/{name}/environment/requirements.txt"),
                "numpy==2.0.0\nkubernetes==30.0\ndocker==7.0\n",
            );
            tree.write(&format!("src/{name}/train.py"), "import os\nimport numpy\nimport helpers\n");
            tree.write(&format!("src/{name}/helpers.py"), "import numpy as mlflow\n");
            tree.write(&format!("src/{name}/outputs/ignored.py"), "import kubernetes\n");
            tree.write(
                &format!("src/{name}/job.yaml"),
                "command: >-\n  python train.py\n  --epochs ${{inputs.epochs}}\n  --out ${{outputs.model}}\ninputs:\n  \
                 epochs: 3\noutputs:\n  model:\n    type: uri_folder\ncode: .\nenvironment:\n  build:\n    path: \
                 ./environment\n",
            );
        }
        tree.write("notebooks/clean.ipynb", "{\"cells\": []}");
        tree
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn found(&self) -> Vec<Finding> {
        findings(&self.layout, &self.settings(), None).unwrap()
    }

    fn settings(&self) -> Settings {
        let loaded = settings::load(Some(&self.layout.root), &Environment::default(), Layer::default());
        loaded.unwrap().settings
    }

    fn places(&self) -> Vec<String> {
        self.found().iter().map(place).collect()
    }
}

fn place(finding: &Finding) -> String {
    format!("{}:{}:{} {}", finding.file, finding.line, finding.column, finding.rule)
}

/// For each rule a project that breaks it, and where that is found.
fn broken(rule: &str) -> (Tree, &'static str) {
    let tree = Tree::new();
    let place = match rule {
        "layer-data-science" => {
            tree.write("src/digits/deep/run.py", "import os\nif os:\n    from azure.ai.ml import MLClient\n");
            "src/digits/deep/run.py:3:5"
        }
        "layer-specification" => {
            tree.write(
                "src/digits/environment/Dockerfile",
                "FROM x\n# orchestration/ may be named here\nCOPY orchestration/x /x\n",
            );
            "src/digits/environment/Dockerfile:3:6"
        }
        "experiment-imports-experiment" => {
            tree.write("src/digits/run.py", "from vision.ocr.helpers import mlflow\n");
            "src/digits/run.py:1:1"
        }
        "common-imports-experiment" => {
            tree.write("src/common/bad.py", "import digits.helpers\n");
            "src/common/bad.py:1:8"
        }
        "common-unlinked" => {
            tree.write("src/digits/run.py", "\nfrom common.text import clean\n");
            "src/digits/run.py:2:1"
        }
        "common-init-missing" => {
            tree.link("src/digits/common/text.py", "../../common/text.py");
            "src/digits/common:1:1"
        }
        "link-dangling" => {
            tree.write("src/digits/common/__init__.py", "");
            tree.link("src/digits/common/gone.py", "../../common/gone.py");
            "src/digits/common/gone.py:1:1"
        }
        "link-escapes" => {
            tree.link("src/vision/ocr/etc", "../../../../../../../../../../../etc");
            "src/vision/ocr/etc:1:1"
        }
        "link-absolute" => {
            tree.link("src/digits/here", "/etc/hostname");
            "src/digits/here:1:1"
        }
        "link-is-text" => {
            tree.write("src/digits/common/__init__.py", "");
            tree.write("src/digits/common/io", "../../common/io");
            "src/digits/common/io:1:1"
        }
        "experiment-name" => {
            tree.write("src/Old-Style/environment/Dockerfile", "FROM x\n");
            tree.write("src/Old-Style/environment/requirements.txt", "");
            "src/Old-Style:1:1"
        }
        "experiment-nested" => {
            tree.write("src/digits/inner/environment/Dockerfile", "FROM x\n");
            "src/digits/inner:1:1"
        }
        "dockerfile-missing" => {
            tree.write("src/empty/environment/requirements.txt", "");
            "src/empty/environment:1:1"
        }
        "dockerfile-invalid" => {
            tree.write("src/digits/environment/Dockerfile", "FROM x\n\nrunn y\n");
            "src/digits/environment/Dockerfile:3:1"
        }
        "requirements-unpinned" => {
            tree.write("src/digits/environment/requirements.txt", "# head\nnumpy\n");
            "src/digits/environment/requirements.txt:2:1"
        }
        "link-elsewhere" => {
            tree.link("src/digits/borrowed.py", "../vision/ocr/train.py");
            "src/digits/borrowed.py:1:1"
        }
        "file-not-bundled" => {
            fs::File::create(
                tree.dir.path().join(std::ffi::OsStr::from_bytes(b"src/vision/ocr/caf\xe9.txt")),
            )
            .unwrap();
            "src/vision/ocr/caf\u{fffd}.txt:1:1"
        }
        "environment-missing" => {
            tree.write(
                "src/digits/deep/see.py",
                "import os\ndef f():\n    import cv2\n    import cv2.data\n",
            );
            "src/digits/deep/see.py:3:12"
        }
        "environment-stale-lock" => {
            let lock = "src/digits/environment/requirements.lock";
            tree.write(lock, "kubernetes==30.0\ndocker==7.0\nnumpy==1.0\n");
            "src/digits/environment/requirements.txt:1:1"
        }
        "environment-shadowed" => {
            tree.write("src/digits/random.py", "");
            "src/digits/random.py:1:1"
        }
        "placeholder" => {
            tree.write(
                "src/digits/azure-ml-job.yaml",
                "# <a comment>\ncompute: azureml:<compute-name>\ncommand: ls\nenvironment: azureml:e:1\n",
            );
            "src/digits/azure-ml-job.yaml:2:18"
        }
        "job-file-missing" => {
            tree.write(
                "src/digits/job.yaml",
                "command: |\n  echo 1\n  python nosuch.py\ncode: .\nenvironment: azureml:e:1\n",
            );
            "src/digits/job.yaml:3:10"
        }
        "job-input-undefined" => {
            tree.write(
                "src/digits/job.yaml",
                "command: python train.py ${{inputs.epoch}}\ninputs:\n  epochs: 3\ncode: .\nenvironment: azureml:e:1\n",
            );
            "src/digits/job.yaml:1:26"
        }
        "job-invalid" => {
            tree.write(
                "src/digits/job.yaml",
                "command: python train.py\ncodes: .\nenvironment: azureml:e:1\n",
            );
            "src/digits/job.yaml:2:1"
        }
        "notebook-outputs" => {
            tree.write(
                "notebooks/deep/x.ipynb",
                "{\"cells\": [{\"cell_type\": \"code\", \"outputs\": [1]}]}",
            );
            "notebooks/deep/x.ipynb:1:1"
        }
        "syntax" => {
            tree.write("src/digits/run.py", "x = 1\ndef f(:\n");
            "src/digits/run.py:2:7"
        }
        "settings-experiment" => {
            tree.write("scaf.toml", "[experiment.\"vision/orc\".run]\nscript = \"train.py\"\n");
            "scaf.toml:2:1"
        }
        "unknown-waiver" => {
            tree.write("src/digits/run.py", "import os  # scaf: allow layer-data-sience\n");
            "src/digits/run.py:1:1"
        }
        other => panic!("no project breaks `{other}`"),
    };
    (tree, place)
}

#[test]
fn every_rule_finds_what_it_is_for_and_nothing_else_is_found() {
    assert_eq!(Tree::new().places(), [] as [&str; 0]);
    for rule in RULES {
        let (tree, place) = broken(rule.name);
        assert_eq!(tree.places(), [format!("{place} {}", rule.name)]);
        let finding = &tree.found()[0];
        assert!(!finding.message.is_empty() && !finding.hint.is_empty() && !finding.reason.is_empty());
    }
}

#[test]
fn a_comment_on_the_line_waives() {
    let tree = Tree::new();
    tree.write("src/digits/run.py", "import kubernetes  # scaf: allow layer-data-science\nimport docker\n");
    tree.write("src/common/k.py", "import kubernetes  # scaf: allow layer-data-science: it is the subject\n");
    tree.write(
        "src/digits/job.yaml",
        "command: ls\ncompute: azureml:<compute>  # scaf: allow placeholder\nenvironment: azureml:e:1\n",
    );
    assert_eq!(tree.places(), ["src/digits/run.py:2:8 layer-data-science"]);
}

#[test]
fn the_settings_leave_a_rule_out_for_all_or_for_one() {
    let tree = Tree::new();
    for name in ["digits", "vision/ocr"] {
        tree.write(&format!("src/{name}/run.py"), "import kubernetes\n");
    }
    tree.write("src/common/k.py", "import kubernetes\n");
    let allow = |table: &str| {
        tree.write("scaf.toml", &format!("[{table}]\nallow = [\"layer-data-science\"]\n"));
        tree.places()
    };
    assert_eq!(allow("check"), [] as [&str; 0]);
    assert_eq!(
        allow("experiment.digits.check"),
        ["src/common/k.py:1:8 layer-data-science", "src/vision/ocr/run.py:1:8 layer-data-science"]
    );
}

#[test]
fn modules_of_its_own_are_no_platform_and_no_other_experiment() {
    let tree = Tree::new();
    tree.write("src/digits/docker.py", "");
    tree.write("src/digits/orchestration/__init__.py", "");
    tree.write("src/digits/tools/kfp.py", "");
    tree.write(
        "src/digits/tools/run.py",
        "import docker, orchestration, kfp\nfrom . import kfp\nfrom ..train import x\n",
    );
    tree.write("src/digits/environment/build.py", "import docker_image\nimport kubernetes\n");
    // An experiment may have an installed package's name.
    tree.write("src/sklearn/environment/Dockerfile", "FROM x\n");
    tree.write("src/sklearn/environment/requirements.txt", "");
    tree.write("src/digits/run.py", "import sklearn.svm\nfrom sklearn import metrics\n");
    tree.write("src/digits/self.py", "import digits.train\nfrom digits import train\n");
    assert_eq!(tree.places(), [] as [&str; 0]);
    tree.write("src/digits/far.py", "from ..vision.ocr import train\nimport src.vision.ocr.train\n");
    assert_eq!(
        tree.places(),
        [
            "src/digits/far.py:1:1 experiment-imports-experiment",
            "src/digits/far.py:2:8 experiment-imports-experiment"
        ]
    );
}

#[test]
fn an_experiment_imported_by_its_name_alone_is_found_unless_a_package_has_that_name() {
    let tree = Tree::new();
    tree.write("src/ocr_lib/environment/Dockerfile", "FROM x\n");
    tree.write("src/ocr_lib/environment/requirements.txt", "");
    tree.write("src/ocr_lib/train.py", "");
    tree.write(
        "src/digits/run.py",
        "import ocr_lib\nimport ocr_lib as q\nfrom ocr_lib import *\nfrom vision import ocr\nfrom ..ocr_lib import *\n\
         import vision\n",
    );
    tree.write("src/common/bad.py", "import ocr_lib\n");
    let bad = "src/common/bad.py:1:8 common-imports-experiment";
    let run =
        |line: u32, column: u32| format!("src/digits/run.py:{line}:{column} experiment-imports-experiment");
    assert_eq!(tree.places(), [bad.to_owned(), run(1, 8), run(2, 8), run(3, 1), run(4, 1), run(5, 1)]);
    tree.write("src/digits/environment/requirements.txt", "numpy==2.0.0\nOCR-lib==1.0\n");
    assert_eq!(tree.places(), [run(4, 1), run(5, 1)]);
}

#[test]
fn every_link_that_a_run_would_suffer_from_is_found() {
    let tree = Tree::new();
    tree.write("data/x.csv", "");
    tree.write("src/digits/own.txt", "");
    tree.write("src/digits/common/__init__.py", "");
    tree.write("src/vision/shared.txt", "");
    for (at, to) in [
        ("src/digits/self", "."),
        ("src/digits/deep/up", ".."),
        ("src/digits/d", "../../data"),
        ("src/digits/common/text2.txt", "../../common/text.py"),
        ("src/digits/fine", "own.txt"),
        ("src/vision/ocr/fine", "../shared.txt"),
        ("src/common/esc", "/etc/hosts"),
        ("src/common/gone", "nowhere"),
        ("src/common/fine.py", "text.py"),
        ("src/common/borrowed.py", "../digits/train.py"),
    ] {
        tree.link(at, to);
    }
    let found = tree.found();
    let said: Vec<String> =
        found.iter().map(|it| format!("{} {}: {}", it.file, it.rule, it.message)).collect();
    assert_eq!(
        said,
        [
            "src/common/borrowed.py link-elsewhere: leads to `../digits/train.py`, which is of the experiment `digits`",
            "src/common/esc link-escapes: leads to `/etc/hosts`, out of the project",
            "src/common/gone link-dangling: leads to `nowhere`, which is not there",
            "src/digits/common/text2.txt link-elsewhere: leads to `../../common/text.py`, and not to `src/common/text2.txt`",
            "src/digits/d link-elsewhere: leads to `../../data`, out of `src/`",
            "src/digits/deep/up link-dangling: leads to `..`, and so to itself",
            "src/digits/self link-dangling: leads to `.`, and so to itself",
        ]
    );
}

#[test]
fn what_no_bundle_can_hold_is_found_unless_it_is_left_out() {
    let tree = Tree::new();
    let pipe = tree.dir.path().join("src/digits/deep.fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(tree.places(), ["src/digits/deep.fifo:1:1 file-not-bundled"]);
    tree.write(".scafignore", "*.fifo\n");
    assert_eq!(tree.places(), [] as [&str; 0]);
}

#[test]
fn requirements_are_there_and_pinned_or_locked() {
    let tree = Tree::new();
    let file = "src/digits/environment/requirements.txt";
    tree.write(file, "numpy\npandas>=2  # scaf: allow requirements-unpinned\n");
    assert_eq!(tree.places(), [format!("{file}:1:1 requirements-unpinned")]);
    // A constraint pins as well; what is named is looked at, too, with its own waivers.
    tree.write(file, "-c pins.txt\nnumpy\n-r base.txt\n");
    tree.write("src/digits/environment/pins.txt", "numpy==2.0.0\n");
    let base = "src/digits/environment/base.txt";
    tree.write(base, "\npandas\n-e .\nscipy  # scaf: allow requirements-unpinned\n");
    let places = [format!("{base}:2:1 requirements-unpinned"), format!("{base}:3:1 requirements-unpinned")];
    assert_eq!(tree.places(), places);
    tree.write(base, "-r none.txt\n");
    assert_eq!(tree.places(), [format!("{base}:1:1 requirements-unpinned")]);
    tree.write("src/digits/environment/requirements.lock", "numpy==2.0.0\n");
    assert_eq!(tree.places(), [] as [&str; 0]);
    fs::remove_file(tree.dir.path().join("src/digits/environment/requirements.lock")).unwrap();
    fs::remove_file(tree.dir.path().join(file)).unwrap();
    assert_eq!(tree.places(), ["src/digits/environment:1:1 requirements-unpinned"]);
}

#[test]
fn shared_code_must_be_linked_with_what_it_needs() {
    let tree = Tree::new();
    tree.write("src/digits/common/__init__.py", "");
    tree.write("src/digits/run.py", "from common.io import csv\nfrom common import text\n");
    let found = tree.found();
    let said: Vec<(String, &str)> = found.iter().map(|it| (place(it), it.hint.as_str())).collect();
    assert_eq!(
        said,
        [
            ("src/digits/run.py:1:1 common-unlinked".into(), "scaf dependency digits io/csv.py"),
            ("src/digits/run.py:2:1 common-unlinked".into(), "scaf dependency digits text.py"),
        ]
    );
    tree.link("src/digits/common/io", "../../common/io");
    tree.write("src/digits/run.py", "from common.io import csv\n");
    let found = tree.found();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["src/common/io/csv.py:1:1 common-unlinked"]);
    assert_eq!(found[0].message, "`digits` has linked this, and not `common/text.py`, which it needs");
    assert_eq!(found[0].hint, "scaf dependency digits text.py");
    // Asked about one experiment, what concerns another is not said.
    let only = |name| {
        let name = ExperimentName::parse(name).unwrap();
        let dir = tree.layout.experiment_dir(&name);
        findings(&tree.layout, &tree.settings(), Some(&Experiment { name, dir })).unwrap().len()
    };
    assert_eq!((only("digits"), only("vision/ocr")), (1, 0));
    tree.link("src/digits/common/text.py", "../../common/text.py");
    assert_eq!(tree.places(), [] as [&str; 0]);
}

#[test]
fn imports_that_may_fail_and_own_modules_below_common_are_fine() {
    let tree = Tree::new();
    tree.write(
        "src/digits/run.py",
        "try:\n    import common.text\nexcept ImportError:\n    pass\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    \
         import common.io\nimport common.own.deep\nfrom .common.own import deep\n",
    );
    tree.write("src/digits/common/__init__.py", "");
    tree.write("src/digits/common/own/deep.py", "");
    assert_eq!(tree.places(), [] as [&str; 0]);
    tree.write("src/digits/run.py", "import common.txt\nfrom ..common import text\nimport common\n");
    let found = tree.found();
    let said: Vec<(u32, &str)> = found.iter().map(|it| (it.line, it.hint.as_str())).collect();
    assert_eq!(
        said,
        [
            (1, "did you mean `common.text`?"),
            (2, "import `common` without dots, and: scaf dependency digits text.py")
        ]
    );
}

#[test]
fn a_job_names_what_is_there() {
    let tree = Tree::new();
    tree.link("src/digits/common/text.py", "../../common/text.py");
    tree.write("src/digits/common/__init__.py", "");
    tree.write("src/digits/sub/run.py", "");
    let job = |text: &str| {
        tree.write("src/digits/job.yaml", text);
        let found = tree.found();
        let found = found.iter().filter(|it| it.rule != "job-invalid");
        found.map(|it| format!("{}:{} {}", it.line, it.column, it.message)).collect::<Vec<_>>()
    };
    assert_eq!(job("command: python common/text.py\ncode: .\n"), [] as [&str; 0]);
    assert_eq!(job("command: python run.py\ncode: ./sub\n"), [] as [&str; 0]);
    assert_eq!(job("command: python run.py\ncode: azureml:code:1\n"), [] as [&str; 0]);
    assert_eq!(job("type: pipeline\ncommand: python run.py\ncode: ./no\n"), [] as [&str; 0]);
    assert_eq!(
        job(
            "command: python trian.py\ncode: .\nenvironment:\n  build:\n    path: ./env\n  conda_file: c.yaml\n"
        ),
        [
            "1:17 the command starts `trian.py`, which is not in `digits`",
            "5:11 `./env` is not there",
            "6:15 `c.yaml` is not there",
        ]
    );
    assert_eq!(
        job("command: x ${{inputs.a}} ${{outputs.b.path}}\ninputs: {a: {type: uri_folder}}\n"),
        ["1:26 `${{outputs.b.path}}` is not defined"]
    );
    assert!(job("command: [\n")[0].starts_with(|c: char| c.is_ascii_digit()));
    tree.write("src/digits/.amlignore", "/sub/\n");
    tree.write(".scafignore", "local.py\n");
    tree.write("src/digits/local.py", "");
    assert_eq!(
        job("command: python run.py\ncode: sub\n"),
        [
            "1:17 the command starts `sub/run.py`, which `.scafignore` or `.amlignore` leaves out of the bundle"
        ]
    );
    assert_eq!(job("command: python local.py\ncode: .\n").len(), 1);
    assert_eq!(job("command: python train.py\ncode: .\n"), [] as [&str; 0]);
    tree.write("config.env", "WORKSPACE=<azure-ml-workspace-name>\n");
    assert!(tree.places().contains(&"config.env:1:11 placeholder".to_owned()));
}

#[test]
fn hostile_python_is_survived() {
    let tree = Tree::new();
    for (name, text) in [
        ("brackets", "[".repeat(100_000)),
        ("closed", format!("x = {}{}", "[".repeat(50_000), "]".repeat(50_000))),
        ("sum", format!("x = {}1", "1+".repeat(100_000))),
        ("minus", format!("x = {}1", "-".repeat(100_000))),
        ("calls", format!("import importlib\nimport_module\nx = f{}", "()".repeat(50_000))),
        (
            "blocks",
            (0..90).map(|depth| " ".repeat(depth) + "if x:\n").collect::<Vec<_>>().concat()
                + &" ".repeat(90)
                + "import os\n",
        ),
    ] {
        tree.write(&format!("src/digits/{name}.py"), &text);
    }
    assert!(tree.found().iter().all(|finding| finding.rule == "syntax"));
}

#[test]
fn imports_are_held_against_what_the_environment_has() {
    let tree = Tree::new();
    let run = "src/digits/run.py";
    tree.write(run, "import sklearn.svm\nimport akme\n");
    let missing = |tree: &Tree| -> Vec<String> {
        let found = tree.found();
        assert!(found.iter().all(|it| it.rule == "environment-missing"), "{found:?}");
        found.iter().map(|it| format!("{} {}", place(it), it.message)).collect()
    };
    let rest = "which the environment of `digits` does not pin";
    let sklearn =
        format!("{run}:1:8 environment-missing `sklearn.svm` of `scikit-learn` is imported, {rest}");
    let acme = format!("{run}:2:8 environment-missing `akme` is imported, presumably of `akme`, {rest}");
    assert_eq!(missing(&tree), [sklearn.clone(), acme]);
    assert_eq!(tree.found()[0].hint, "scaf env lock digits");
    // Nobody knows what another package brings, or what a path that is added leads to.
    let requirements = "src/digits/environment/requirements.txt";
    let own = "numpy==2.0.0\n";
    tree.write(requirements, &format!("{own}corp-suite==1.0\n"));
    assert_eq!(missing(&tree), std::slice::from_ref(&sklearn));
    tree.write(requirements, own).write("src/digits/start.py", "import sys\nsys.path.append('/x')\n");
    assert_eq!(missing(&tree), std::slice::from_ref(&sklearn));
    // What the environment has in other ways, what may fail, what is for tests, and what is waived.
    let dockerfile = "src/digits/environment/Dockerfile";
    tree.write(dockerfile, "FROM python:3.12-slim\nRUN pip install scikit-learn==1.5.0\n");
    assert_eq!(missing(&tree), [] as [&str; 0]);
    tree.write(dockerfile, "FROM corp/base:1\n");
    assert_eq!(missing(&tree), [] as [&str; 0]);
    tree.write(dockerfile, "FROM python:3.12-slim\n");
    tree.write(run, "try:\n    import sklearn\nexcept ImportError:\n    pass\n");
    tree.write("src/digits/tests/test_x.py", "import pytest, cv2\n");
    assert_eq!(missing(&tree), [] as [&str; 0]);
    tree.write(run, "import sklearn  # scaf: allow environment-missing: the image of the cluster has it\n");
    assert_eq!(missing(&tree), [] as [&str; 0]);
    tree.write(run, "import sklearn\n").write("scaf.toml", "[env]\nwaive = [\"Scikit_learn\"]\n");
    assert_eq!(missing(&tree), [] as [&str; 0]);
}

#[test]
fn what_shared_code_imports_is_asked_of_those_that_have_linked_it() {
    let tree = Tree::new();
    tree.write("src/common/plots.py", "import seaborn\n");
    assert_eq!(tree.places(), [] as [&str; 0]);
    for (name, up) in [("digits", "../.."), ("vision/ocr", "../../..")] {
        tree.write(&format!("src/{name}/common/__init__.py"), "");
        tree.link(&format!("src/{name}/common/plots.py"), &format!("{up}/common/plots.py"));
    }
    let found = tree.found();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["src/common/plots.py:1:8 environment-missing"]);
    assert_eq!(
        found[0].message,
        "`seaborn` is imported, and not pinned by `digits`, `vision/ocr`, which have linked this"
    );
    tree.write("src/digits/environment/requirements.txt", "numpy==2.0.0\nseaborn==0.13\n");
    assert_eq!(tree.found()[0].hint, "scaf env lock vision/ocr");
    tree.write("src/common/plots.py", "import seaborn  # scaf: allow environment-missing\n");
    assert_eq!(tree.places(), [] as [&str; 0]);
}
