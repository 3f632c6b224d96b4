//! `scaf env detect`: the traps of `tests/cases/synthetic`, one a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{Test, here};

/// Distributions of which one is as right as another where nothing says which is meant.
const ALIKE: [&[&str]; 3] = [
    &["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"],
    &["psycopg2", "psycopg2-binary"],
    &["pytorch-lightning", "lightning"],
];

fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace(['_', '.'], "-");
    ALIKE.iter().find(|alike| alike.contains(&name.as_str())).map_or(name, |alike| alike[0].to_owned())
}

fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => map.keys().map(|name| plain(name)).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(plain).collect(),
        _ => BTreeSet::new(),
    }
}

pub fn detect(path: &Path, arguments: &[&str]) -> Value {
    let test = Test::empty();
    let path = path.to_string_lossy().into_owned();
    let mut words = vec!["env", "detect", &path, "--json"];
    words.extend(arguments);
    let outcome = test.scaf(words).ok();
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn every_trap_is_answered_exactly() {
    let folder = here().join("tests/cases/synthetic");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 25);
    let mut wrong = Vec::new();
    for case in cases {
        let expected: Value =
            serde_json::from_str(&fs::read_to_string(case.join("expected.json")).unwrap()).unwrap();
        let found = detect(&case, &["--no-python"]);
        let required = names(&expected["third_party"]);
        let named = names(&found["third_party"]);
        let mut allowed = required.clone();
        for key in ["optional", "implied", "dev"] {
            allowed.extend(names(&expected[key]));
        }
        let missing: Vec<_> = required.difference(&named).collect();
        let false_ones: Vec<_> = named.difference(&allowed).collect();
        let implied_falsely: Vec<_> = names(&found["implied"]).difference(&allowed).cloned().collect();
        let alone = names(&found["notebook_only"]);
        let notebooks = names(&expected["notebook_only"]) == alone;
        if !missing.is_empty() || !false_ones.is_empty() || !implied_falsely.is_empty() || !notebooks {
            wrong.push(format!(
                "{}: missing {missing:?}, false {false_ones:?}, implied falsely {implied_falsely:?}, in notebooks alone {alone:?}",
                case.file_name().unwrap().to_string_lossy()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
