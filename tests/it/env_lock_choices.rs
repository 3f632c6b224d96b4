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
