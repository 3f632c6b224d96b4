//! The judge of `tests/corpus` on the lightest of its projects: what `env lock` pins for real code is installed with its
//! hashes into an empty environment, and all that the code imports can be imported there. The whole corpus is judged by hand.

use std::process::{Command, Stdio};

use crate::support::{Test, here, need, state};

const LIGHTEST: [&str; 3] = ["lightfm", "lime", "lifelines"];

fn python(script: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("python3")
        .arg(here().join("tests/corpus").join(script))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let talk = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), talk.concat())
}

#[test]
fn locks_of_real_projects_are_enough_to_import_what_they_import() {
    if !need("uv") || !need("index") {
        return;
    }
    let test = Test::empty();
    let list = here().join("tests/corpus/development.toml").display().to_string();
    let corpus = state().join("corpus").display().to_string();
    let (fetched, talk) = python("fetch.py", &[&[&*list, &*corpus], &LIGHTEST[..]].concat());
    assert!(fetched, "{talk}");
    let work = test.root().join("judge").display().to_string();
    let scaf = env!("CARGO_BIN_EXE_scaf");
    let (good, talk) = python("judge.py", &[&[scaf, &*corpus, &*work], &LIGHTEST[..]].concat());
    assert!(good, "{talk}");
    assert!(talk.contains("3 projects, 3 good"), "{talk}");
}
