//! What becomes an experiment, and how: from folders on the disk to files of an experiment.

use std::os::unix::fs::symlink;

use super::*;

/// A project in `p`, and files beside it.
struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Self {
        let ground = Self { dir: tempfile::tempdir().unwrap() };
        for (path, text) in files.iter().chain(&[("p/scaf.toml", ""), ("p/src/common/__init__.py", "")]) {
            let path = ground.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        }
        ground
    }

    fn at(&self, below: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(below)
    }

    fn find(&self, from: &str, script: Option<&str>) -> Result<Found, CodeError> {
        let layout = Layout::new(self.at("p"));
        find(&self.at(""), Path::new(from), script, &layout, &self.at("p/src/x"), None)
    }

    fn code_of(&self, from: &str, script: Option<&str>) -> Result<Code, CodeError> {
        let found = self.find(from, script)?;
        gather(
            &found,
            &With {
                layout: &Layout::new(self.at("p")),
                interpreter: None,
                installed: None,
                target: &Target::default(),
                also: &[],
                versions: None,
            },
        )
    }

    fn code(&self, from: &str) -> Code {
        self.code_of(from, None).unwrap()
    }
}

fn paths(code: &Code) -> Vec<&str> {
    code.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn a_script_takes_along_what_it_imports_and_the_data_of_its_packages() {
    let ground = Ground::new(&[
        (
            "old/churn.py",
            "import os, helper, numpy\nfrom pack import x\nimport wandb\nif TYPE_CHECKING:\n    import z\nopen('conf.yaml')\n",
        ),
        ("old/helper.py", "import deeper, yaml\n"),
        ("old/deeper.py", "import helper\n"),
        ("old/conf.yaml", "model:\n  _target_: lightning.Trainer\n"),
        ("old/pack/__init__.py", "from . import inner\nimport cv2\n"),
        ("old/pack/inner.py", ""),
        ("old/pack/words.txt", "a"),
        ("old/pack/tables/a.csv", ""),
        ("old/pack/more/__init__.py", "import never\n"),
        ("old/pack/more/b.csv", ""),
        ("old/pack/__pycache__/inner.pyc", ""),
        ("old/wandb/run/code/x.py", "import never\n"),
        ("old/unused.py", "def f(:\n"),
        ("old/LICENSE", "MIT"),
    ]);
    let code = ground.code("old/churn.py");
    assert_eq!(
        paths(&code),
        [
            "LICENSE",
            "conf.yaml",
            "deeper.py",
            "helper.py",
            "pack/__init__.py",
            "pack/inner.py",
            "pack/tables/a.csv",
            "pack/words.txt",
            "train.py"
        ]
    );
    let Detection { third_party, implied, problems, .. } = &code.detection;
    assert_eq!(
        third_party.keys().collect::<Vec<_>>(),
        ["numpy", "opencv-python-headless", "pyyaml", "wandb"]
    );
    assert_eq!(third_party["pyyaml"].places[0].shown(), "helper.py:1");
    assert_eq!(third_party["numpy"].places[0].shown(), "train.py:1");
    assert_eq!(&*implied["lightning"].places[0].file, "conf.yaml");
    assert!(problems.is_empty());
    assert_eq!((code.script.as_str(), code.working.as_deref()), ("train.py", Some("")));
}

#[test]
fn a_script_keeps_its_name_where_that_matters() {
    let ground = Ground::new(&[
        ("a/main.py", "import train\n"),
        ("a/train.py", ""),
        ("a/run.py", "import back\n"),
        ("a/back.py", "from run import x\n"),
        ("a/own.py", "subprocess.run([sys.executable, 'own.py'])\n"),
        ("a/bad.py", "import local\n"),
        ("a/local.py", ""),
    ]);
    let name = |from: &str| ground.code(from).script;
    assert_eq!(name("a/main.py"), "main.py");
    assert_eq!(name("a/run.py"), "run.py");
    assert_eq!(name("a/own.py"), "own.py");
    assert_eq!(name("a/local.py"), "train.py");
    assert!(matches!(ground.code_of("a/bad.py", None), Err(CodeError::Clash { .. })));
    assert!(matches!(ground.code_of("a/gone.py", None), Err(CodeError::Missing { .. })));
    assert!(matches!(ground.code_of("a/bad.py", Some("x")), Err(CodeError::ScriptOfFile { .. })));
}

#[test]
fn modules_above_and_beside_the_folder_keep_their_places() {
    let ground = Ground::new(&[
        ("r/.git/HEAD", ""),
        (
            "r/scripts/train.py",
            "import mylib.deep, sys\nfrom src.other import Y\nsys.path.append('../more')\nimport m\n",
        ),
        ("r/src/mylib/__init__.py", ""),
        ("r/src/mylib/deep.py", "from . import near\n"),
        ("r/src/mylib/near.py", ""),
        ("r/src/other.py", ""),
        ("r/more/m.py", ""),
    ]);
    let code = ground.code("r/scripts/train.py");
    assert_eq!(
        paths(&code),
        [
            "scripts/train.py",
            "src/mylib/__init__.py",
            "src/mylib/deep.py",
            "src/mylib/near.py",
            "src/other.py"
        ]
    );
    assert_eq!(code.paths, ["src", ""]);
    assert_eq!(code.detection.unresolved[0].import, "m");
    let added = Ground::new(&[
        (
            "r/tools/train.py",
            "sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'lib'))\nimport sys, os, m\n",
        ),
        ("r/lib/m.py", ""),
    ]);
    let code = added.code("r/tools/train.py");
    assert_eq!(
        (paths(&code), code.paths.as_slice()),
        (vec!["lib/m.py", "tools/train.py"], &["lib".to_owned()][..])
    );
}

#[test]
fn a_module_of_its_own_that_is_nowhere_is_told() {
    let ground = Ground::new(&[("x.py", "from pb import thing_pb2\nimport made_pb2\n"), ("made_pb2.py", "")]);
    let left: Vec<_> = ground.code("x.py").left.into_iter().map(|left| left.path).collect();
    assert_eq!(left, ["pb"]);
}

#[test]
fn a_module_of_a_package_is_started_as_one() {
    let files = [
        ("pk/pkg/__init__.py", ""),
        ("pk/pkg/util.py", ""),
        ("pk/pkg/sub/__init__.py", ""),
        ("pk/pkg/sub/train.py", "from ..util import x\n"),
        ("pk/pkg/__main__.py", "from pkg import util\n"),
    ];
    let ground = Ground::new(&files);
    let code = ground.code("pk/pkg/sub/train.py");
    assert_eq!(code.module.as_deref(), Some("pkg.sub.train"));
    assert_eq!(paths(&code), ["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/train.py", "pkg/util.py"]);
    assert_eq!(code.paths, [""]);
    let whole = ground.code("pk/pkg");
    assert_eq!((whole.module.as_deref(), whole.script.as_str()), (Some("pkg"), "pkg/__main__.py"));
    assert_eq!(whole.files.len(), files.len());
}

#[test]
fn a_folder_is_taken_whole_around_its_script() {
    let ground = Ground::new(&[
        ("a/main.py", "import helper, torch\n"),
        ("a/helper.py", "import sklearn\n"),
        ("a/words.txt", "a"),
        ("a/.hidden", ""),
        ("a/venv/pyvenv.cfg", ""),
        ("b/one.py", "if __name__ == '__main__':\n    pass\n"),
        ("b/two.py", "if __name__ == '__main__':\n    pass\n"),
        ("b/lib.py", ""),
        ("c/lib.py", ""),
        ("c/deep/go.py", "import lib\nif __name__ == '__main__':\n    pass\n"),
        ("d/only.py", ""),
        ("d/setup.py", ""),
        ("e/x.ipynb", "{}"),
    ]);
    let code = ground.code("a");
    assert_eq!(paths(&code), ["helper.py", "main.py", "words.txt"]);
    assert_eq!(code.detection.third_party.keys().collect::<Vec<_>>(), ["scikit-learn", "torch"]);
    let error = ground.code_of("b", None).unwrap_err();
    assert_eq!(error.hints(), ["name it: `--script one.py`, `--script two.py`"]);
    assert_eq!(ground.code_of("b", Some("./two.py")).unwrap().script, "two.py");
    let deep = ground.code("c");
    assert_eq!((deep.script.as_str(), deep.paths.as_slice()), ("deep/go.py", &[String::new()][..]));
    assert_eq!(ground.code("d").script, "only.py");
    let error = ground.code_of("e", None).unwrap_err();
    assert!(error.hints()[0].ends_with("--from e/x.ipynb`"), "{:?}", error.hints());
}

#[test]
fn a_notebook_becomes_a_script_with_the_files_that_it_writes() {
    let cells = [
        "%%writefile helper.py\nimport yaml\n",
        "import helper\nprint(open('words.txt').read())",
        "%pip install six==1",
    ];
    let cells: Vec<_> =
        cells.iter().map(|text| serde_json::json!({ "cell_type": "code", "source": text })).collect();
    let notebook = serde_json::json!({ "cells": cells }).to_string();
    let ground = Ground::new(&[("n/my look.ipynb", &notebook), ("n/my_look.py", ""), ("n/words.txt", "")]);
    let code = ground.code("n/my look.ipynb");
    assert_eq!(paths(&code), ["helper.py", "train.py", "words.txt"]);
    assert_eq!(code.detection.third_party["pyyaml"].places[0].shown(), "helper.py:1");
    assert_eq!(code.detection.notebook_only, [""; 0]);
    let asks = ground.find("n/my look.ipynb", None).unwrap().script.asks;
    assert_eq!(asks.requirements, [("six==1".to_owned(), 10, false)]);
}

#[test]
fn what_a_script_says_of_its_environment() {
    let ground = Ground::new(&[(
        "a.py",
        "# /// script\n# requires-python = '>=3.12'\n# dependencies = ['six<2', 'six<2']\n# ///\n\
         # %pip install six<2 rich git+https://h/x.git\n",
    )]);
    let asks = ground.find("a.py", None).unwrap().script.asks;
    assert_eq!(asks.requires_python.as_deref(), Some(">=3.12"));
    assert_eq!(asks.requirements, [("six<2".to_owned(), 1, true), ("rich".to_owned(), 5, false)]);
    assert_eq!(asks.unnamed, [("git+https://h/x.git".to_owned(), 5)]);
}

#[test]
fn shared_code_is_linked_and_an_experiment_is_copied_with_its_links() {
    let ground = Ground::new(&[
        ("p/src/common/text.py", "from common.deep import x\n"),
        ("p/src/common/deep/__init__.py", ""),
        ("p/src/common/deep/x.py", ""),
        ("p/src/a/environment/Dockerfile", "FROM x\n"),
        ("p/src/a/common/__init__.py", ""),
        ("p/src/a/train.py", "from common import text\n"),
        ("p/notebooks/look.py", "from common import text\n"),
    ]);
    symlink("../../common/text.py", ground.at("p/src/a/common/text.py")).unwrap();
    let code = ground.code("p/notebooks/look.py");
    assert_eq!(paths(&code), ["train.py"]);
    assert_eq!(code.links.iter().collect::<Vec<_>>(), ["common/deep/x.py", "common/text.py"]);
    let code = ground.code("p/src/a");
    assert_eq!(paths(&code), ["common/__init__.py", "environment/Dockerfile", "train.py"]);
    assert!(code.links.contains("common/text.py"));
}

#[test]
fn what_cannot_become_an_experiment() {
    let ground = Ground::new(&[
        ("p/src/one/environment/Dockerfile", ""),
        ("p/src/one/train.py", ""),
        ("p/more/two/environment/Dockerfile", ""),
        ("cl/x.py", "from environment import Env\n"),
        ("cl/environment/__init__.py", ""),
        ("far/x.py", "exec(open('/proc/self/status.py').read())\n"),
        ("data.txt", ""),
    ]);
    let error = |from: &str| ground.code_of(from, None).unwrap_err();
    for from in ["p", ".", "/"] {
        assert!(matches!(error(from), CodeError::HoldsProject { .. }), "{from}");
    }
    assert!(matches!(error("p/src"), CodeError::HoldsTarget { .. }));
    assert!(matches!(error("data.txt"), CodeError::Kind { .. }));
    assert!(matches!(error("cl/x.py"), CodeError::Clash { what: "environment", .. }));
    assert_eq!(ground.code("p/src/one").script, "train.py");
    let layout = Layout { code: PathBuf::from("."), ..Layout::new(ground.at("p")) };
    let found = find(&ground.at(""), Path::new("p/more"), None, &layout, &ground.at("p/x"), None);
    assert!(matches!(found, Err(CodeError::HoldsExperiment { inner, .. }) if inner == "more/two"));
}
