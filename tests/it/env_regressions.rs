//! What envzy 0.3.1 and its users met, case by case (the numbers are those of the list of reproduced failures that this
//! project began with): hand-made distributions in real virtual environments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::support::{Test, need};

/// A folder with code, and an environment made for it.
struct Case {
    test: Test,
}

/// A distribution to be laid into the environment.
struct Dist<'a> {
    name: &'a str,
    version: &'a str,
    files: &'a [(&'a str, &'a str)],
    metadata: &'a str,
    /// More files of the dist-info: `direct_url.json` and the like.
    info: &'a [(&'a str, &'a str)],
}

impl<'a> Dist<'a> {
    fn new(name: &'a str, version: &'a str, files: &'a [(&'a str, &'a str)]) -> Self {
        Self { name, version, files, metadata: "", info: &[("INSTALLER", "pip\n")] }
    }
}

impl Case {
    /// `None` where there is no Python to make an environment with.
    fn new(code: &[(&str, &str)]) -> Option<Self> {
        if !need("python") {
            return None;
        }
        let case = Self { test: Test::empty() };
        for (path, text) in code {
            write(&case.code().join(path), text);
        }
        let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(case.venv()).status();
        assert!(made.unwrap().success());
        Some(case)
    }

    fn code(&self) -> PathBuf {
        self.test.root().join("code")
    }

    fn venv(&self) -> PathBuf {
        self.test.root().join("venv")
    }

    fn site(&self) -> PathBuf {
        let lib = self.venv().join("lib");
        let python = fs::read_dir(&lib).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
        python.join("site-packages")
    }

    fn with(self, dist: &Dist<'_>) -> Self {
        let site = self.site();
        self.lay(&site, dist);
        self
    }

    fn lay(&self, site: &Path, dist: &Dist<'_>) {
        let info = format!("{}-{}.dist-info", dist.name.replace('-', "_"), dist.version);
        let mut record = String::new();
        for (path, text) in dist.files {
            write(&site.join(path), text);
            record.push_str(&format!("{path},,\n"));
        }
        let metadata = format!(
            "Metadata-Version: 2.1\nName: {}\nVersion: {}\n{}",
            dist.name, dist.version, dist.metadata
        );
        for (name, text) in dist.info.iter().copied().chain([("METADATA", metadata.as_str())]) {
            write(&site.join(&info).join(name), text);
            record.push_str(&format!("{info}/{name},,\n"));
        }
        record.push_str(&format!("{info}/RECORD,,\n"));
        write(&site.join(&info).join("RECORD"), &record);
    }

    /// Of one file of the code with what it imports; of all of it where none is named.
    fn detect(&self, file: &str) -> Value {
        let path = if file.is_empty() { self.code() } else { self.code().join(file) };
        let (path, python) =
            (path.to_string_lossy().into_owned(), self.venv().to_string_lossy().into_owned());
        let outcome = self.test.scaf(["env", "detect", &path, "--json", "--python", &python]).ok();
        serde_json::from_str(&outcome.stdout).unwrap()
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The local modules, with the files that were found for them.
fn local(found: &Value) -> Vec<String> {
    let local = found["local"].as_object().unwrap();
    local.iter().map(|(name, files)| format!("{name} {}", files.as_array().unwrap().len())).collect()
}

#[test]
fn case_01_an_import_inside_a_function() {
    let code = [("main.py", "def f():\n    import alpha, helper\n"), ("helper.py", "")];
    let Some(case) = Case::new(&code) else { return };
    let found = case.with(&Dist::new("alpha", "1.0", &[("alpha/__init__.py", "")])).detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["alpha"]);
    assert_eq!(found["third_party"]["alpha"]["kind"], "function");
    assert_eq!(found["third_party"]["alpha"]["version"], "1.0");
    assert_eq!(local(&found), ["helper 1"]);
}

#[test]
fn case_02_03_constants_of_local_modules_two_steps_away() {
    let code = [
        ("main.py", "from model import build\n"),
        ("model.py", "from settings import LR, NAMES\ndef build(): pass\n"),
        ("settings.py", "LR = 0.1\nNAMES = []\n"),
    ];
    let Some(case) = Case::new(&code) else { return };
    let found = case.detect("main.py");
    assert_eq!(local(&found), ["model 1", "settings 1"]);
    assert_eq!(found["files"], 3);
}

#[test]
fn case_04_05_06_constants_and_instances_and_stars() {
    let code = [
        ("main.py", "from beta import THRESH\nfrom log import logger\nfrom pkg.sub.leaf import *\n"),
        ("log.py", "import logging\nlogger = logging.getLogger()\n"),
        ("pkg/__init__.py", ""),
        ("pkg/sub/__init__.py", ""),
        ("pkg/sub/leaf.py", "import alpha\nX = 1\n"),
    ];
    let Some(case) = Case::new(&code) else { return };
    let case = case.with(&Dist::new("alpha", "1.0", &[("alpha.py", "")])).with(&Dist::new(
        "beta",
        "2.0",
        &[("beta.py", "THRESH = 3\n")],
    ));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["alpha", "beta"]);
    assert_eq!(local(&found), ["log 1", "pkg 3"]);
}

#[test]
fn case_07_a_local_module_named_like_one_of_python_s() {
    let Some(case) = Case::new(&[("main.py", "import profile, json\n"), ("profile.py", "")]) else { return };
    let found = case.detect("main.py");
    assert_eq!(local(&found), ["profile 1"]);
    assert_eq!(found["stdlib"], serde_json::json!(["json"]));
}

#[test]
fn case_08_09_by_name_in_a_function_and_deleted_afterwards() {
    let code = [(
        "main.py",
        "import beta\ndel beta\nimport importlib\ndef f():\n    importlib.import_module('alpha')\n",
    )];
    let Some(case) = Case::new(&code) else { return };
    let case = case.with(&Dist::new("alpha", "1.0", &[("alpha.py", "")])).with(&Dist::new(
        "beta",
        "2.0",
        &[("beta.py", "")],
    ));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["alpha", "beta"]);
    assert_eq!(found["third_party"]["alpha"]["kind"], "by_name");
}

#[test]
fn case_11_12_modules_that_load_others_when_they_are_touched_are_not_touched() {
    let hub = "import importlib\ndef __getattr__(name):\n    return importlib.import_module('optional_dep')\n\
               def __dir__():\n    return ['a']\n";
    let angry = "def __getattr__(name):\n    raise ValueError('needs CUDA')\n";
    let Some(case) = Case::new(&[("main.py", "import hub, angry\n")]) else { return };
    let case = case
        .with(&Dist::new("hub", "1.0", &[("hub/__init__.py", hub)]))
        .with(&Dist::new("angry", "1.0", &[("angry/__init__.py", angry)]))
        .with(&Dist::new("optional-dep", "1.0", &[("optional_dep.py", "")]));
    assert_eq!(keys(&case.detect("main.py")["third_party"]), ["angry", "hub"]);
}

#[test]
fn case_13_a_build_of_its_own_index_is_told() {
    let Some(case) = Case::new(&[("main.py", "import torch\n")]) else { return };
    let files = [("torch/__init__.py", ""), ("torch/_C.cpython-311-x86_64-linux-gnu.so", "")];
    let found = case.with(&Dist::new("torch", "2.1.0+cpu", &files)).detect("main.py");
    let torch = &found["third_party"]["torch"];
    assert_eq!(torch["version"], "2.1.0+cpu");
    assert_eq!((&torch["origin"]["kind"], &torch["origin"]["label"]), (&"index".into(), &"cpu".into()));
    assert_eq!(torch["native"], true);
}

#[test]
fn case_15_what_came_from_a_repository_is_a_commit() {
    let url = r#"{"url": "https://example.invalid/corpkit.git",
                  "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "0123456789abcdef0123456789abcdef01234567"}}"#;
    let Some(case) = Case::new(&[("main.py", "import corpkit\n")]) else { return };
    let dist =
        Dist { info: &[("direct_url.json", url)], ..Dist::new("corpkit", "1.0", &[("corpkit.py", "")]) };
    let found = case.with(&dist).detect("main.py");
    let origin = &found["third_party"]["corpkit"]["origin"];
    assert_eq!(origin["kind"], "vcs");
    assert_eq!(origin["commit"], "0123456789abcdef0123456789abcdef01234567");
    assert!(origin["evidence"].as_str().unwrap().contains("direct_url.json"));
}

#[test]
fn case_16_one_name_however_it_is_written() {
    let code = [("main.py", "import fakeyaml\n"), ("requirements.txt", "Fake_YAML==5.0\n")];
    let Some(case) = Case::new(&code) else { return };
    let found = case.with(&Dist::new("Fake.YAML", "6.0", &[("fakeyaml.py", "")])).detect("");
    assert_eq!(keys(&found["third_party"]), ["fake-yaml"]);
    assert_eq!(found["third_party"]["fake-yaml"]["name"], "Fake.YAML");
}

#[test]
fn case_17_a_package_of_packages_that_nothing_imports_is_not_dragged_in() {
    let Some(case) = Case::new(&[("main.py", "import inner\n")]) else { return };
    let case = case
        .with(&Dist::new("inner", "1.0", &[("inner.py", "")]))
        .with(&Dist { metadata: "Requires-Dist: inner\n", ..Dist::new("meta", "1.0", &[]) });
    assert_eq!(keys(&case.detect("main.py")["third_party"]), ["inner"]);
}

#[test]
fn case_18_of_a_shared_namespace_each_has_its_own_part() {
    let code = [
        ("main.py", "import nspkg.private\nfrom nspkg import public\n"),
        ("one.py", "import nspkg.private\n"),
    ];
    let Some(case) = Case::new(&code) else { return };
    let case = case
        .with(&Dist::new("ns-private", "1.0", &[("nspkg/private/__init__.py", "")]))
        .with(&Dist::new("ns-public", "1.0", &[("nspkg/public.py", "")]));
    assert_eq!(keys(&case.detect("main.py")["third_party"]), ["ns-private", "ns-public"]);
    assert_eq!(keys(&case.detect("one.py")["third_party"]), ["ns-private"]);
}

#[test]
fn case_19_egg_info_without_a_list_of_files() {
    let Some(case) = Case::new(&[("main.py", "import eggy\n")]) else { return };
    let site = case.site();
    write(&site.join("eggy/__init__.py"), "");
    write(
        &site.join("scaf_egg-2.0.egg-info/PKG-INFO"),
        "Metadata-Version: 1.2\nName: scaf-egg\nVersion: 2.0\n",
    );
    write(&site.join("scaf_egg-2.0.egg-info/top_level.txt"), "eggy\n");
    let found = case.detect("main.py");
    assert_eq!(found["third_party"]["scaf-egg"]["version"], "2.0");
}

#[test]
fn case_20_the_first_on_the_path_is_the_one() {
    let Some(case) = Case::new(&[("main.py", "import dup\n")]) else { return };
    let later = case.test.root().join("later");
    write(&case.site().join("zz_later.pth"), &format!("{}\n", later.display()));
    case.lay(&later, &Dist::new("dup", "1.0", &[("dup.py", "")]));
    let case = case.with(&Dist::new("dup", "2.0", &[("dup.py", "")]));
    assert_eq!(case.detect("main.py")["third_party"]["dup"]["version"], "2.0");
}

#[test]
fn case_21_an_editable_install_is_followed_and_keeps_its_name() {
    let Some(case) = Case::new(&[("main.py", "import tool\n")]) else { return };
    let source = case.test.root().join("tool_project/src");
    write(&source.join("tool/__init__.py"), "import beta\nfrom . import inner\n");
    write(&source.join("tool/inner.py"), "import gamma\n");
    write(&case.site().join("__editable__.tool-0.2.pth"), &format!("{}\n", source.display()));
    let url = format!(
        r#"{{"url": "file://{}", "dir_info": {{"editable": true}}}}"#,
        case.test.root().join("tool_project").display()
    );
    let case = case
        .with(&Dist {
            metadata: "Requires-Dist: beta\n",
            info: &[("direct_url.json", &url)],
            ..Dist::new("tool", "0.2", &[("__editable__.tool-0.2.pth", &format!("{}\n", source.display()))])
        })
        .with(&Dist::new("beta", "1.0", &[("beta.py", "")]))
        .with(&Dist::new("gamma", "1.0", &[("gamma.py", "")]));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["beta", "gamma", "tool"]);
    assert_eq!(found["third_party"]["tool"]["origin"]["kind"], "editable");
}

#[test]
fn case_22_23_compiled_parts_are_told() {
    let Some(case) = Case::new(&[("main.py", "import plain, withc\n")]) else { return };
    let case = case
        .with(&Dist::new("plain", "1.0", &[("plain/__init__.py", ""), ("plain/libfast.so", "")]))
        .with(&Dist::new("withc", "1.0", &[("withc.abi3.so", "")]));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["plain", "withc"]);
    for name in ["plain", "withc"] {
        assert_eq!(found["third_party"][name]["native"], true, "{name}");
    }
}

#[test]
fn case_27_the_script_s_own_folder_comes_first() {
    let Some(case) = Case::new(&[("main.py", "import shadowme\n"), ("shadowme.py", "X = 1\n")]) else {
        return;
    };
    let found = case.with(&Dist::new("shadowme", "1.0", &[("shadowme.py", "")])).detect("main.py");
    assert_eq!(keys(&found["third_party"]), Vec::<&str>::new());
    assert_eq!(local(&found), ["shadowme 1"]);
}

#[test]
fn case_28_nothing_is_executed() {
    let witness = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n";
    let code = [("main.py", witness), ("sitecustomize.py", witness)];
    let Some(case) = Case::new(&code) else { return };
    let case = case.with(&Dist::new("alpha", "1.0", &[("alpha.py", witness), ("sitecustomize.py", witness)]));
    case.detect("main.py");
    case.detect("");
    for path in ["code/main.ran", "code/sitecustomize.ran"] {
        assert!(!case.test.root().join(path).exists(), "{path}");
    }
    assert!(!case.site().join("alpha.ran").exists() && !case.site().join("sitecustomize.ran").exists());
}

#[test]
fn case_30_a_linked_folder_is_followed() {
    let Some(case) = Case::new(&[("code_of_mine.py", "from common.text import x\n")]) else { return };
    let shared = case.test.root().join("shared/text");
    write(&shared.join("__init__.py"), "import alpha\nx = 1\n");
    fs::create_dir_all(case.code().join("common")).unwrap();
    std::os::unix::fs::symlink(&shared, case.code().join("common/text")).unwrap();
    // A link that leads back up ends nothing and is read once.
    std::os::unix::fs::symlink("..", case.code().join("common/loop")).unwrap();
    let case = case.with(&Dist::new("alpha", "1.0", &[("alpha.py", "")]));
    for file in ["code_of_mine.py", ""] {
        let found = case.detect(file);
        assert_eq!(keys(&found["third_party"]), ["alpha"], "{file}");
        assert_eq!(found["files"], 2, "{file}");
    }
}

#[test]
fn acceptance_a_b_c_local_modules_of_every_shape() {
    let code = [
        (
            "main.py",
            "import pack.inner\nimport single\nimport sys\nsys.path.append('other')\nimport spread.one, spread.two\n",
        ),
        ("pack/__init__.py", ""),
        ("pack/inner.py", ""),
        ("single.py", ""),
        ("spread/one.py", ""),
        ("other/spread/two.py", ""),
    ];
    let Some(case) = Case::new(&code) else { return };
    let found = case.detect("main.py");
    assert_eq!(local(&found), ["pack 2", "single 1", "spread 2"]);
    assert_eq!(found["unresolved"], serde_json::json!([]));
}

#[test]
fn acceptance_optional_ones_are_told_apart_by_what_is_there() {
    let code = [(
        "main.py",
        "try:\n    import there\nexcept ImportError:\n    there = None\n\
         try:\n    import absent\nexcept ImportError:\n    absent = None\n\
         from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import types_only\n",
    )];
    let Some(case) = Case::new(&code) else { return };
    let case = case.with(&Dist::new("there", "1.0", &[("there.py", "")])).with(&Dist::new(
        "unused",
        "1.0",
        &[("unused.py", "")],
    ));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), Vec::<&str>::new());
    assert_eq!(keys(&found["optional"]), ["absent", "there", "types-only"]);
    assert_eq!(found["optional"]["there"]["version"], "1.0");
    assert_eq!(found["optional"]["absent"]["version"], Value::Null);
}

#[test]
fn acceptance_six_whose_list_of_files_is_empty() {
    let Some(case) = Case::new(&[("main.py", "import six\nfrom six.moves import urllib\n")]) else { return };
    write(&case.site().join("six.py"), "");
    let info = case.site().join("six-1.16.0.dist-info");
    write(&info.join("METADATA"), "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n");
    write(&info.join("top_level.txt"), "six\n");
    write(&info.join("RECORD"), "");
    let found = case.detect("main.py");
    assert_eq!(found["third_party"]["six"]["version"], "1.16.0");
    assert_eq!(local(&found), Vec::<String>::new());
}

#[test]
fn acceptance_i_an_editable_project_is_its_own_code_where_it_is_looked_at() {
    let code = [("src/mine/__init__.py", "import alpha\n"), ("scripts/run.py", "import mine\n")];
    let Some(case) = Case::new(&code) else { return };
    let source = case.code().join("src");
    let line = format!("{}\n", source.display());
    write(&case.site().join("__editable__.mine-0.1.pth"), &line);
    let url = format!(r#"{{"url": "file://{}", "dir_info": {{"editable": true}}}}"#, case.code().display());
    let case = case
        .with(&Dist {
            info: &[("direct_url.json", &url)],
            ..Dist::new("mine", "0.1", &[("__editable__.mine-0.1.pth", &line)])
        })
        .with(&Dist::new("alpha", "1.0", &[("alpha.py", "")]));
    let found = case.detect("");
    assert_eq!(keys(&found["third_party"]), ["alpha"]);
    assert_eq!(local(&found), ["mine 1"]);
}

#[test]
fn what_a_distribution_installs_by_accident_is_not_meant() {
    let code = [("main.py", "import tests.const\nfrom examples import run\nimport tests.real\n")];
    let Some(case) = Case::new(&code) else { return };
    let files = [
        ("flair/__init__.py", ""),
        ("tests/__init__.py", ""),
        ("tests/real.py", ""),
        ("examples/__init__.py", ""),
    ];
    let found = case.with(&Dist::new("flair", "0.15.1", &files)).detect("main.py");
    assert_eq!(found["third_party"]["flair"]["imports"], serde_json::json!(["tests.real"]));
    let unresolved: Vec<&str> =
        found["unresolved"].as_array().unwrap().iter().map(|one| one["import"].as_str().unwrap()).collect();
    assert_eq!(unresolved, ["examples", "tests.const"]);
}

/// A package that something else needs has the name of the project's own folder without `__init__.py`.
#[test]
fn a_package_that_lacks_what_is_asked_for_does_not_hide_the_folder_that_has_it() {
    let code = [
        ("datasets/coco.py", "import alpha\n"),
        ("main.py", "from datasets.coco import Coco\nfrom datasets import coco\n"),
        ("other.py", "from datasets import load_dataset\n"),
    ];
    let Some(case) = Case::new(&code) else { return };
    let case = case
        .with(&Dist::new("datasets", "4.0", &[("datasets/__init__.py", "def load_dataset(): pass\n")]))
        .with(&Dist::new("alpha", "1.0", &[("alpha.py", "")]));
    let found = case.detect("main.py");
    assert_eq!(keys(&found["third_party"]), ["alpha"]);
    assert_eq!(local(&found), ["datasets 1"]);
    assert_eq!(keys(&case.detect("other.py")["third_party"]), ["datasets"]);
}

/// The answer is the whole environment: what the four imports of the ancestor's benchmark left unpinned (37 of 47)
/// is pinned here, each with its origin and who needs it.
#[test]
fn the_closure_is_pinned_with_origins() {
    let Some(case) = Case::new(&[("main.py", "import alpha\n")]) else { return };
    let wants = "Requires-Dist: Beta>=1\nRequires-Dist: gone\nRequires-Dist: never; sys_platform == 'win32'\n\
                 Requires-Dist: extra-only; extra == 'more'\n";
    let commit = r#"{"url": "https://example.org/beta", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}}"#;
    let case = case
        .with(&Dist { metadata: wants, ..Dist::new("alpha", "1.0", &[("alpha.py", "")]) })
        .with(&Dist {
            metadata: "Requires-Dist: private\n",
            info: &[("direct_url.json", commit)],
            ..Dist::new("beta", "1.5", &[("beta.py", "")])
        })
        .with(&Dist {
            info: &[("direct_url.json", r#"{"url": "file:///src/private", "dir_info": {"editable": true}}"#)],
            ..Dist::new("private", "0.1", &[("private.py", "")])
        })
        .with(&Dist::new("extra-only", "1.0", &[("extra_only.py", "")]))
        .with(&Dist::new("unused", "1.0", &[("unused.py", "")]));
    let answer = case.detect("");
    let closure = answer["closure"].as_object().unwrap();
    let pins: Vec<(&str, &Value)> = closure.iter().map(|(name, one)| (name.as_str(), &one["pin"])).collect();
    assert_eq!(
        pins,
        [
            ("alpha", &Value::from("alpha==1.0")),
            ("beta", &Value::from("beta @ git+https://example.org/beta@0a1b")),
            ("gone", &Value::Null),
            ("private", &Value::Null),
        ]
    );
    assert_eq!((&closure["alpha"]["direct"], &closure["beta"]["direct"]), (&true.into(), &false.into()));
    assert_eq!(closure["alpha"]["origin"]["kind"], "index");
    assert_eq!(closure["private"]["origin"]["kind"], "editable");
    assert_eq!(closure["private"]["required_by"], serde_json::json!(["beta"]));
    assert_eq!((&closure["gone"]["version"], &closure["private"]["version"]), (&Value::Null, &"0.1".into()));
}
