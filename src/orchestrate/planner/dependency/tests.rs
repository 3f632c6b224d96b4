//! On a real folder tree: the facts are loaded from it, the plan is carried out by `sh`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::orchestrate::load;
use crate::spec::plan::shell;

struct Tree {
    dir: tempfile::TempDir,
    layout: Layout,
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

impl Tree {
    /// Shared code with files and folders at several depths, and experiments at two.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Self { layout: Layout::new(dir.path().join("project")), dir };
        for (path, text) in [
            ("src/common/__init__.py", "VERSION = 7\n"),
            ("src/common/text.py", "def clean(text):\n    return text.strip()\n"),
            ("src/common/logging/__init__.py", "from .azure import Logger\n"),
            ("src/common/logging/azure.py", "import json\n\nclass Logger:\n    pass\n"),
            ("src/common/deep/er/x.py", "X = 3\n"),
            ("src/common/uses.py", "import numpy\nfrom common.text import clean\nfrom .deep.er import x\n"),
            ("src/common/version.py", "from common import VERSION\n"),
            ("src/digits/train.py", ""),
            ("src/digits/environment/Dockerfile", "FROM x\n"),
            ("src/vision/ocr/environment/Dockerfile", "FROM x\n"),
        ] {
            tree.write(path, text);
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.layout.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        write(&self.path(path), text);
    }

    fn facts(&self, experiment: &str) -> Facts {
        load::links::facts(&self.layout, &ExperimentName::parse(experiment).unwrap()).unwrap()
    }

    fn plan(&self, experiment: &str, wish: &Wish) -> Result<Plan, DependencyError> {
        plan(wish, &self.facts(experiment))
    }

    /// Links it, and is done: asking again does nothing.
    fn add(&self, experiment: &str, paths: &[&str]) -> Plan {
        let wish = Wish::Add(paths.iter().map(|path| (*path).to_owned()).collect());
        let before = self.shared_code();
        let plan = self.plan(experiment, &wish).unwrap();
        carry_out(&plan);
        assert_eq!(before, self.shared_code(), "the shared code was written to");
        let again = self.plan(experiment, &wish).unwrap();
        assert!(again.steps.is_empty(), "not idempotent: {again:?}");
        plan
    }

    fn refused(&self, experiment: &str, paths: &[&str]) -> DependencyError {
        self.plan(experiment, &Wish::Add(paths.iter().map(|path| (*path).to_owned()).collect())).unwrap_err()
    }

    fn remove(&self, experiment: &str, paths: &[&str]) -> Plan {
        let wish = Wish::Remove(paths.iter().map(|path| (*path).to_owned()).collect());
        let before = self.shared_code();
        let plan = self.plan(experiment, &wish).unwrap();
        carry_out(&plan);
        assert_eq!(before, self.shared_code(), "the shared code was written to");
        plan
    }

    fn shared_code(&self) -> Vec<String> {
        let mut found: Vec<String> = walk(&self.path("src/common"));
        found.retain(|path| !path.contains("__pycache__"));
        found.sort();
        found
    }

    /// What lies below a folder, links shown with their text.
    fn below(&self, path: &str) -> Vec<String> {
        let mut found = walk(&self.path(path));
        found.sort();
        found
    }

    /// Whether Python can run the code in the experiment, though a package named `common` is installed.
    fn python(&self, experiment: &str, code: &str) -> Result<String, String> {
        let linked = self.run_python(&self.path(&format!("src/{experiment}")), code);
        let copy = self.dir.path().join("copy");
        let _ = fs::remove_dir_all(&copy);
        let status = Command::new("cp")
            .arg("-rL")
            .arg(self.path(&format!("src/{experiment}")))
            .arg(&copy)
            .status()
            .unwrap();
        assert!(status.success());
        let copied = self.run_python(&copy, code);
        assert_eq!(linked.is_ok(), copied.is_ok(), "links and files differ: {linked:?} {copied:?}");
        linked
    }

    fn run_python(&self, dir: &Path, code: &str) -> Result<String, String> {
        let installed = self.dir.path().join("installed");
        write(&installed.join("common/__init__.py"), "raise ImportError('the installed one')\n");
        let out = Command::new("python3")
            .args(["-B", "-c", code])
            .current_dir(dir)
            .env("PYTHONPATH", &installed)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        if out.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
    }
}

fn carry_out(plan: &Plan) {
    let out = Command::new("sh").arg("-c").arg(shell::script(plan)).output().unwrap();
    assert!(out.status.success(), "{}\n{}", shell::script(plan), String::from_utf8_lossy(&out.stderr));
}

fn walk(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(dir).unwrap().display().to_string();
            if let Ok(target) = fs::read_link(&path) {
                found.push(format!("{shown} -> {}", target.display()));
            } else if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(shown);
            }
        }
    }
    found
}

#[test]
fn a_file_in_a_folder_is_linked_at_its_depth() {
    // Defect 1 of the ancestor: the link led to itself.
    let tree = Tree::new();
    tree.add("digits", &["logging/azure.py", "deep/er/x.py"]);
    assert_eq!(
        tree.below("src/digits/common"),
        [
            "__init__.py",
            "deep/__init__.py",
            "deep/er/__init__.py",
            "deep/er/x.py -> ../../../../common/deep/er/x.py",
            "logging/__init__.py",
            "logging/azure.py -> ../../../common/logging/azure.py",
        ]
    );
    assert_eq!(
        tree.python(
            "digits",
            "import common.logging.azure as a, common.deep.er.x as x; print(a.Logger.__name__, x.X)"
        ),
        Ok("Logger 3".into())
    );
    tree.add("vision/ocr", &["deep/er/x.py"]);
    assert_eq!(
        tree.below("src/vision/ocr/common").last().unwrap(),
        "deep/er/x.py -> ../../../../../common/deep/er/x.py"
    );
    assert_eq!(tree.python("vision/ocr", "from common.deep.er.x import X; print(X)"), Ok("3".into()));
}

#[test]
fn without_the_package_file_an_installed_package_wins() {
    let tree = Tree::new();
    tree.add("digits", &["text.py"]);
    assert!(tree.python("digits", "import common.text").is_ok());
    fs::remove_file(tree.path("src/digits/common/__init__.py")).unwrap();
    assert!(tree.python("digits", "import common.text").unwrap_err().contains("the installed one"));
    // Asked again, it is mended.
    let plan = tree.add("digits", &["text.py"]);
    assert_eq!(plan.steps.len(), 1);
    assert!(tree.python("digits", "import common.text").is_ok());
}

#[test]
fn a_part_of_a_linked_folder_is_there_already() {
    // Defect 2 of the ancestor: it wrote into the shared code, through the link.
    let tree = Tree::new();
    tree.add("digits", &["logging"]);
    let plan = tree.add("digits", &["logging/azure.py"]);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.notes, ["`logging` is linked as a whole, and has `logging/azure.py`"]);
    assert_eq!(tree.python("digits", "from common.logging import Logger; print(1)"), Ok("1".into()));
}

#[test]
fn a_folder_takes_the_place_of_its_parts() {
    let tree = Tree::new();
    tree.add("digits", &["deep/er/x.py"]);
    tree.add("digits", &["deep"]);
    assert_eq!(tree.below("src/digits/common"), ["__init__.py", "deep -> ../../common/deep"]);
    assert_eq!(tree.python("digits", "import common.deep.er.x as x; print(x.X)"), Ok("3".into()));
    // Both at once, in the order that does not fit.
    tree.add("vision/ocr", &["deep/er/x.py", "deep/", "src/common/deep"]);
    assert_eq!(tree.below("src/vision/ocr/common"), ["__init__.py", "deep -> ../../../common/deep"]);
}

#[test]
fn a_folder_with_work_of_its_own_is_left_alone() {
    let tree = Tree::new();
    tree.add("digits", &["deep/er/x.py"]);
    tree.write("src/digits/common/deep/own.py", "mine\n");
    let before = tree.below("src/digits");
    let error = tree.refused("digits", &["deep"]);
    assert_eq!(
        error.to_string(),
        "`src/digits/common/deep` is in the way: it is a folder that holds work of its own: \
         `src/digits/common/deep/own.py`"
    );
    assert_eq!(before, tree.below("src/digits"));
    tree.write("src/digits/common/text.py", "mine = 1\n");
    assert_eq!(
        tree.refused("digits", &["text.py"]).hints(),
        ["mv src/digits/common/text.py src/digits/common/text.py.own"]
    );
}

#[test]
fn a_missing_source_is_refused() {
    // Defect 3 of the ancestor: a dangling link, and "Dependency successfully created!".
    let tree = Tree::new();
    let error = tree.refused("digits", &["txet.py"]);
    assert_eq!(error.to_string(), "there is no `txet.py` in `src/common/`");
    assert_eq!(
        error.hints(),
        ["did you mean `text.py`?", "there is: `deep/`, `logging/`, `text.py`, `uses.py`, `version.py`"]
    );
    assert_eq!(tree.refused("digits", &["azure"]).hints()[0], "did you mean `logging/azure.py`?");
    assert!(tree.below("src/digits/common").is_empty());
    // One wrong name among several: nothing is done.
    tree.refused("digits", &["text.py", "nosuch.py"]);
    for path in ["../digits/train.py", "/etc/passwd", "", "common", "a/../../b"] {
        assert!(matches!(tree.refused("digits", &[path]), DependencyError::Path { .. }), "{path}");
    }
}

#[test]
fn asked_twice_it_is_so_already() {
    // Defect 4 of the ancestor: `ln: File exists`. `add` asks twice each time.
    let tree = Tree::new();
    tree.add("digits", &["text.py"]);
    let plan = tree.add("digits", &["common/text.py", "src/common/text.py", "./text.py"]);
    assert_eq!(plan.notes, ["`text.py` is linked already"]);
}

#[test]
fn broken_links_are_seen_mended_and_removed() {
    // Defect 5 of the ancestor: nothing lists, checks or removes.
    let tree = Tree::new();
    tree.add("digits", &["text.py", "logging/azure.py"]);
    let common = tree.path("src/digits/common");
    fs::remove_file(common.join("text.py")).unwrap();
    symlink("text.py", common.join("text.py")).unwrap();
    symlink("../../common/gone.py", common.join("gone.py")).unwrap();
    symlink(tree.path("src/common/deep"), common.join("deep")).unwrap();
    symlink("../train.py", common.join("uses.py")).unwrap();
    symlink("/etc/hostname", common.join("version.py")).unwrap();
    let seen: Vec<(String, State)> =
        listing(&tree.facts("digits")).into_iter().map(|linked| (linked.path, linked.state)).collect();
    assert_eq!(
        seen,
        [
            ("deep".into(), State::Absolute),
            ("gone.py".into(), State::Dangling),
            ("logging/azure.py".into(), State::Right),
            ("text.py".into(), State::Loop),
            ("uses.py".into(), State::Elsewhere),
            ("version.py".into(), State::Absolute),
        ]
    );
    tree.add("digits", &["text.py", "deep"]);
    // Links that lead to something else may be meant.
    assert_eq!(tree.refused("digits", &["uses.py"]).hints(), ["rm src/digits/common/uses.py"]);
    assert_eq!(tree.refused("digits", &["version.py"]).hints(), ["rm src/digits/common/version.py"]);
    tree.remove("digits", &["gone.py", "uses.py", "version.py"]);
    let imports = "import common.text, common.deep.er.x, common.logging.azure; print(1)";
    assert_eq!(tree.python("digits", imports), Ok("1".into()));
    tree.remove("digits", &["text.py", "logging/azure.py"]);
    assert_eq!(tree.below("src/digits/common"), ["__init__.py", "deep -> ../../common/deep"]);
    tree.remove("digits", &["deep"]);
    assert!(!common.exists());
}

#[test]
fn a_link_that_git_wrote_as_text_is_mended() {
    // Defect 6 of the ancestor: core.symlinks=false.
    let tree = Tree::new();
    tree.add("digits", &["text.py", "logging"]);
    let common = tree.path("src/digits/common");
    for (name, target) in [("text.py", "../../common/text.py"), ("logging", "../../common/logging")] {
        fs::remove_file(common.join(name)).unwrap();
        write(&common.join(name), target);
    }
    assert!(listing(&tree.facts("digits")).iter().all(|linked| linked.state == State::AsText));
    tree.add("digits", &["text.py", "logging/azure.py"]);
    assert_eq!(
        tree.below("src/digits/common"),
        ["__init__.py", "logging -> ../../common/logging", "text.py -> ../../common/text.py"]
    );
}

#[test]
fn removing_tidies_up_and_keeps_what_is_not_scaf_s() {
    let tree = Tree::new();
    tree.add("digits", &["deep/er/x.py", "logging/azure.py", "text.py"]);
    assert!(tree.python("digits", "import common.deep.er.x").is_ok());
    fs::create_dir_all(tree.path("src/digits/common/deep/er/__pycache__")).unwrap();
    tree.remove("digits", &["deep"]);
    assert!(!tree.path("src/digits/common/deep").exists());
    tree.write("src/digits/common/logging/own.py", "mine\n");
    tree.remove("digits", &["common/logging/azure.py"]);
    assert_eq!(
        tree.below("src/digits/common"),
        ["__init__.py", "logging/__init__.py", "logging/own.py", "text.py -> ../../common/text.py"]
    );
    // Again: nothing to do, and said so. A name that was never there is an error.
    let plan = tree.remove("digits", &["deep"]);
    assert_eq!(plan.notes, ["`deep` is not linked, so there is nothing to remove"]);
    let error = tree.plan("digits", &Wish::Remove(vec!["txt.py".into()])).unwrap_err();
    assert_eq!(error.hints(), ["did you mean `text.py`?", "linked are: `text.py`"]);
    tree.add("digits", &["deep"]);
    let error = tree.plan("digits", &Wish::Remove(vec!["deep/er/x.py".into()])).unwrap_err();
    assert_eq!(error.hints(), ["scaf dependency digits --remove deep"]);
    let error = tree.plan("digits", &Wish::Remove(vec!["logging/own.py".into()])).unwrap_err();
    assert!(matches!(error, DependencyError::InTheWay { .. }));
}

#[test]
fn what_the_shared_code_needs_is_said() {
    let tree = Tree::new();
    let plan = tree.add("digits", &["uses.py"]);
    assert_eq!(
        plan.notes,
        [
            "`src/common/uses.py:3` needs `deep/er/x.py`, too",
            "`src/common/uses.py:2` needs `text.py`, too",
            "link that with: scaf dependency digits deep/er/x.py text.py",
            "the environment of `digits` must have: `numpy`",
        ]
    );
    let plan = tree.add("digits", &["deep/er/x.py", "text.py"]);
    assert!(plan.notes.is_empty());
    // What `common/__init__.py` itself defines is linked, too.
    let plan = tree.add("digits", &["version.py"]);
    assert_eq!(plan.notes[1], "link that with: scaf dependency digits __init__.py");
    assert!(tree.python("digits", "import common.version").is_err());
    let plan = tree.add("digits", &["__init__.py"]);
    assert!(plan.notes.is_empty());
    assert_eq!(tree.python("digits", "import common.version as v; print(v.VERSION)"), Ok("7".into()));
}

#[test]
fn everything_linked_at_once_by_hand_is_respected() {
    let tree = Tree::new();
    symlink("../common", tree.path("src/digits/common")).unwrap();
    let plan = tree.add("digits", &["text.py"]);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.notes, ["all of the shared code is linked already"]);
    assert_eq!(listing(&tree.facts("digits"))[0].path, ".");
}
