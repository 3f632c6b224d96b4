//! `scaf env explain`: every reason for a package, and none.

use crate::support::{Scaf, Test};

const REQUIREMENTS: &str = "src/exp/environment/requirements.txt";
const LOCK: &str = "src/exp/environment/requirements.lock";

/// Code that imports alpha, which needs part, which needs deep; a line of the user's; a line of scaf's for code that is
/// gone; and a pin that nobody leads to.
fn project() -> Test {
    let test = Test::project();
    test.write("src/exp/environment/Dockerfile", "FROM python:3.11-slim\n");
    test.write("src/exp/train.py", "import json\nimport alpha\nimport helpers\nimport cv2\n");
    test.write("src/exp/helpers.py", "");
    test.write(REQUIREMENTS, "alpha==1.0  # why: train.py:2\nmine>=1\nold==1.0  # why: gone.py:7\n");
    test.write(
        LOCK,
        "alpha==1.0\n    # via requirements.txt\ndeep==3.0\n    # via part\nleft==1\nmine==2\n    # via requirements.txt\nold==1.0\n    # via requirements.txt\nopencv-python==4.1\nown-part==1\n    # via mine\npart==1.5\n    # via alpha\n",
    );
    test
}

fn explain<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    test.scaf(["env", "explain", "--no-python"].iter().chain(words)).in_project()
}

#[test]
fn every_reason_is_a_way_from_the_code() {
    let test = project();
    let text = |package: &str| explain(&test, &[package]).ok().stdout;
    assert_eq!(
        text("alpha"),
        "alpha (not installed), pinned as 1.0 (environment/requirements.lock:1)\n\n  asked for by the code\n    train.py:2  alpha\n"
    );
    assert_eq!(
        text("deep"),
        "deep (not installed), pinned as 3.0 (environment/requirements.lock:3)\n\n  through alpha → part → deep\n    train.py:2  alpha\n    alpha needs `part`\n    part needs `deep`\n"
    );
    assert_eq!(
        text("mine"),
        "mine (not installed), pinned as 2 (environment/requirements.lock:6)\n\n  asked for by environment/requirements.txt:2\n    mine>=1\n"
    );
    assert!(
        text("own_part").ends_with(
            "  through mine → own-part\n    environment/requirements.txt:2  mine>=1\n    mine needs `own-part`\n"
        ),
        "{}",
        text("own_part")
    );
    assert!(text("cv2").contains("asked for by the code\n    train.py:4  cv2\n"), "{}", text("cv2"));
    test.write("src/loose/x.py", "import torch\n");
    assert!(
        explain(&test, &["torch", "loose"]).ok().stdout.starts_with("torch (not installed), not pinned\n")
    );
    let answer = explain(&test, &["deep", "--json"]).ok().json();
    assert_eq!(
        answer["pinned"],
        serde_json::json!({ "version": "3.0", "place": "environment/requirements.lock:3" })
    );
    assert_eq!(answer["ways"][0]["where"][0]["file"], "train.py");
    assert_eq!(answer["ways"][0]["through"][2]["package"], "deep");
    assert_eq!(explain(&test, &["mine", "--json"]).ok().json()["lines"][0]["requirement"], "mine>=1");
}

#[test]
fn what_nobody_needs_is_told_with_status_1() {
    let test = project();
    for (word, said) in [
        (
            "left",
            "error: nothing needs `left`: environment/requirements.lock:5 has it, and neither the code nor what the code \
             needs leads to it\n\nhint: `scaf env lock exp` takes it out\n",
        ),
        (
            "old",
            "error: nothing needs `old` any more: environment/requirements.txt:3 was written for gone.py:7\n\nhint: `scaf \
             env lock exp` takes it out\n",
        ),
        ("helpers", "error: `helpers` is no package, it is the code's own: helpers.py\n"),
        ("json", "error: `json` is no package, it is Python's own\n"),
        ("alpa", "error: nothing needs `alpa`, and it is not there\n\nhint: did you mean `alpha`?\n"),
        (
            "unheard-of",
            "error: nothing needs `unheard-of`, and it is not there\n\nhint: `scaf env detect` shows what the code needs\n",
        ),
    ] {
        assert_eq!(explain(&test, &[word]).status(1).stderr, said);
    }
}
