//! `scaf env lock` where an index does not have what the code asks for, or not in a form that can be used.

use crate::bad_index::BadIndex;
use crate::env_lock::{Ground, said};
use crate::support::need;

#[test]
fn all_that_the_index_lacks_is_told_at_once_with_the_lines_of_code() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("alpha", "1.0", &["never-published"]), ("beta", "1.0", &[])]);
    let ground = Ground::new("import nowhere_one\nimport beta\nimport nowhere_two.part\nimport alpha\n");
    let outcome = ground.with(&index, &[]).status(1);
    let talk = said(&outcome);
    for line in [
        "`nowhere-one` is not on the package index",
        "`nowhere-two` is not on the package index",
        "`never-published` is not on the package index",
        "hint: train.py:1 asks for `nowhere-one` (`nowhere_one`), and the name is a guess",
        "hint: train.py:3 asks for `nowhere-two` (`nowhere_two.part`), and the name is a guess",
    ] {
        assert!(talk.contains(line), "{line}: {talk}");
    }
    let waive = talk.lines().find(|line| line.contains("waive = [")).unwrap();
    assert!(waive.contains("\"nowhere-one\"") && waive.contains("\"nowhere-two\""), "{talk}");
    assert_eq!(talk.matches("extra-index-url").count(), 1, "{talk}");
    assert!(!ground.test.path("src/exp/environment/requirements.lock").exists());
}

/// uv takes the newest and gives up where that cannot be built.
#[test]
fn a_source_archive_that_cannot_be_built_is_passed_over_where_something_older_has_a_wheel() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[("alpha", "1.0", &[]), ("beta", "1.0", &[]), ("beta", "2.0", &["gamma"]), ("delta", "1.0", &[])],
    );
    index.add_unbuildable("alpha", "2.0");
    index.add_unbuildable("gamma", "1.0");
    let ground = Ground::new("import alpha\nimport beta\n");
    let outcome = ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==1.0"]);
    let talk = said(&outcome);
    for line in [
        "`alpha==2.0` has to be built from its source archive here, and that fails: RuntimeError: the moon is wrong; so",
        "`gamma==1.0` has to be built from its source archive here",
    ] {
        assert!(talk.contains(line), "{line}: {talk}");
    }
    // Where there is nothing else, that is the error, and of all of them.
    index.add_unbuildable("epsilon", "1.0");
    index.add_unbuildable("zeta", "1.0");
    ground.test.write("src/exp/train.py", "import epsilon\nimport zeta\nimport delta\n");
    let outcome = ground.with(&index, &[]).status(1);
    for line in [
        "`epsilon==1.0` has to be built from its source archive here, and that fails: RuntimeError: the moon is wrong",
        "`zeta==1.0` has to be built",
        "train.py:2 asks for `zeta`",
    ] {
        assert!(said(&outcome).contains(line), "{line}: {}", said(&outcome));
    }
}

#[test]
fn what_only_tests_import_and_nobody_has_is_no_matter_of_the_image() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    ground.test.write("src/exp/tests/test_it.py", "from tests.utils import helper\nimport _generated\n");
    let outcome = ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0"]);
    let talk = said(&outcome);
    assert!(talk.contains("import what nobody has: `_generated` (tests/test_it.py:2)"), "{talk}");
    ground.test.write("src/exp/train.py", "import _generated\nimport _made.part\n");
    let outcome = ground.alone(&[]).status(1);
    assert!(
        said(&outcome)
            .contains("no package is known for `_generated` (train.py:1), `_made.part` (train.py:2)"),
        "{}",
        said(&outcome)
    );
    assert!(said(&outcome).contains("`waive = [\"_generated\", \"_made\"]`"), "{}", said(&outcome));
    ground.test.write(
        "scaf.toml",
        &format!("{}\n[env]\nwaive = [\"_generated\", \"_made\"]\n", ground.test.read("scaf.toml")),
    );
    ground.alone(&[]).ok();
}

/// The last release of a Python that is not the one in use, and another machine: by the metadata alone.
#[test]
fn extras_and_markers_are_those_of_the_target() {
    let ground = Ground::new("import alpha\n");
    ground
        .install(
            "alpha",
            "1.0",
            &[
                "part",
                "fast-part[core]>=1; extra == 'fast'",
                "arm-part; extra == 'fast' and platform_machine == 'aarch64'",
                "old-part; (extra == 'fast' or extra == 'slow') and python_full_version < '3.9.30'",
                "slow-part; extra == 'slow'",
                "windows-part; sys_platform == 'win32' and extra == 'fast'",
                "pypy-part; platform_python_implementation != 'CPython'",
            ],
        )
        .install("part", "1.0", &[])
        .install("fast-part", "2.0", &["core-part; extra == 'core'", "other-part; extra == 'other'"])
        .install("core-part", "1.0", &["alpha[slow]; python_version in '3.9, 3.10'"]);
    for name in ["arm-part", "old-part", "slow-part"] {
        ground.install(name, "1.0", &[]);
    }
    ground.test.write("src/exp/environment/requirements.txt", "alpha[fast]\n");
    ground.alone(&["--platform", "linux-aarch64", "--python-version", "3.9"]).ok();
    let all = ["alpha==1.0", "arm-part==1.0", "core-part==1.0", "fast-part==2.0", "old-part==1.0"];
    assert_eq!(ground.pins(), [&all[..], &["part==1.0", "slow-part==1.0"]].concat());
    ground.alone(&["--python-version", "3.12.1"]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "core-part==1.0", "fast-part==2.0", "part==1.0"]);
    assert!(ground.locked().contains("# for: linux-x86_64, CPython 3.12.1"), "{}", ground.locked());
}

/// Builds of one version for CUDA keep their label and the index that has them; nothing is fetched for that.
#[test]
fn builds_for_cuda_come_with_their_index() {
    let ground = Ground::new("import torch\nimport torchvision\nimport alpha\n");
    ground.install("torch", "2.1.0+cu118", &["alpha"]).install(
        "torchvision",
        "0.16.0+cu118",
        &["torch==2.1.0"],
    );
    ground.install("alpha", "1.0", &[]);
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "torch==2.1.0+cu118", "torchvision==0.16.0+cu118"]);
    let option = "--extra-index-url https://download.pytorch.org/whl/cu118";
    assert_eq!(ground.locked().matches(option).count(), 1, "{}", ground.locked());
    let line = format!("{option}  # why: torch==2.1.0+cu118\n");
    assert!(ground.requirements().contains(&line), "{}", ground.requirements());
    ground.alone(&["--accelerator", "cuda"]).ok();
    assert_eq!(ground.pins().len(), 3);
    // Where the user names the index, there is none of scaf's.
    ground.test.write("src/exp/environment/requirements.txt", &format!("{option}\n"));
    ground.alone(&[]).ok();
    assert_eq!(ground.requirements().matches(option).count(), 1, "{}", ground.requirements());
    assert_eq!(ground.locked().matches(option).count(), 1, "{}", ground.locked());
}

/// Not a byte of them changes but for scaf's own lines, and where scaf has none to add, the file is not written at all.
#[test]
fn odd_files_of_requirements_stay_as_they_are() {
    let ground = Ground::new("import alpha\nimport beta\n");
    ground.install("alpha", "1.0", &[]).install("beta", "2.0", &[]).install("gamma", "3.0", &[]);
    for own in [
        "beta==2.0\r\n# mine\ngamma",
        "\u{feff}beta \\\r\n  ==2.0 \\\r\n  --hash=sha256:00\r\n",
        "beta==2.0 ; python_version > '3'\n\n\n\n",
        "gamma @ git+https://h.example/gamma.git@v1#subdirectory=x\nbeta\n--no-binary :none:\n",
    ] {
        ground.test.write("src/exp/environment/requirements.txt", own);
        ground.alone(&[]).ok();
        let text = ground.requirements();
        let rest = text.strip_prefix(own).unwrap_or_else(|| panic!("{own:?} became {text:?}"));
        assert!(rest.contains("alpha==1.0  # why: train.py:1") && !rest.contains("beta"), "{rest:?}");
        let again = ground.alone(&[]).ok();
        assert!(said(&again).contains("nothing has changed"), "{own:?}: {}", said(&again));
        let whole = format!("{own}{}alpha", if own.ends_with('\n') { "" } else { "\n" });
        ground.test.write("src/exp/environment/requirements.txt", &whole);
        let outcome = ground.alone(&[]).ok();
        assert!(!said(&outcome).contains("requirements.txt,"), "{}", said(&outcome));
        assert_eq!(ground.requirements(), whole);
    }
}

#[test]
fn lines_that_mean_no_package_are_errors_and_paths_are_told() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    let file = "src/exp/environment/requirements.txt";
    ground.test.write(file, "not a requirement !!\nalpha\n-r more.txt\n");
    ground.test.write("src/exp/environment/more.txt", "# fine\ngit+https://h.example/x.git\n");
    let outcome = ground.alone(&[]).status(1);
    for line in ["requirements.txt:1: `not a requirement !!`", "more.txt:2: `git+https://h.example/x.git`"] {
        assert!(said(&outcome).contains(line), "{line}: {}", said(&outcome));
    }
    ground.test.write(file, "./vendored\nalpha\n");
    let outcome = ground.alone(&[]).ok();
    assert!(said(&outcome).contains("requirements.txt:1: `./vendored` is a path"), "{}", said(&outcome));
    ground.test.write(file, "-r more.txt\n").write("src/exp/environment/more.txt", "-r requirements.txt\n");
    let outcome = ground.alone(&[]).status(1);
    assert!(
        said(&outcome).contains("more.txt:1: `requirements.txt` leads back to this file"),
        "{}",
        said(&outcome)
    );
    ground.test.write(file, "-r nowhere.txt\n");
    let outcome = ground.alone(&[]).status(1);
    assert!(said(&outcome).contains("requirements.txt:1: `nowhere.txt` is not there"), "{}", said(&outcome));
}

/// Where the newest of two do not go together, uv goes back to a release of one that can only be built; it is locked only where
/// there is nothing else.
#[test]
fn a_release_with_a_wheel_is_taken_before_an_old_one_without() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[
            ("zeta", "1.0", &["native==1.0"]),
            ("zeta", "2.0", &["native==2.0", "abacus<2"]),
            ("abacus", "1.0", &[]),
            ("abacus", "2.0", &[]),
            ("native", "2.0", &[]),
        ],
    );
    index.add_source("native", "1.0");
    index.add_source("only-source", "1.0");
    let ground = Ground::new("import abacus\nimport zeta\nimport only_source\n");
    let outcome = ground.with(&index, &["--require-hashes"]).ok();
    let pins = ground.pins();
    assert!(pins.contains(&"only-source==1.0".to_owned()), "{pins:?}");
    assert!(pins.contains(&"native==2.0".to_owned()) && pins.contains(&"abacus==1.0".to_owned()), "{pins:?}");
    let talk = said(&outcome);
    assert!(
        talk.contains("`native==1.0` would go with the newest of the others, and has no wheel"),
        "{talk}"
    );
    assert!(talk.contains("`only-source==1.0` has no wheel for linux-x86_64"), "{talk}");
    assert!(!talk.contains("`native==2.0` has no wheel"), "{talk}");
}

#[test]
fn installed_versions_that_exclude_each_other_are_named_as_such() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[
            ("alpha", "1.0", &["beta<2"]),
            ("beta", "1.0", &[]),
            ("beta", "2.0", &[]),
            ("newcomer", "1.0", &[]),
        ],
    );
    let ground = Ground::new("import alpha\nimport beta\nimport newcomer\n");
    ground.install("alpha", "1.0", &["beta<2"]).install("beta", "2.0", &[]);
    let outcome = ground.with(&index, &[]).status(1);
    let talk = said(&outcome);
    assert!(talk.contains("error: no versions on the package index"), "{talk}");
    assert!(
        talk.contains("hint: `alpha==1.0`, `beta==2.0` is what is installed: mend that environment"),
        "{talk}"
    );
    ground.test.write("src/exp/environment/requirements.txt", "beta<2\n");
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==1.0", "newcomer==1.0"]);
}
