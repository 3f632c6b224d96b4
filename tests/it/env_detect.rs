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

/// What of the schema is used: types, properties, items, references, choices.
fn check(schema: &Value, of: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = of["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return check(schema, &schema["$defs"][name], value, at);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = of[key].as_array() {
            let tried: Vec<_> = choices.iter().map(|choice| check(schema, choice, value, at)).collect();
            if tried.iter().all(Result::is_err) {
                return Err(format!("{at}: {value} is none of the choices: {tried:?}"));
            }
        }
    }
    if let Some(choices) = of["enum"].as_array()
        && !choices.contains(value)
    {
        return Err(format!("{at}: {value} is none of {choices:?}"));
    }
    if !of["const"].is_null() && of["const"] != *value {
        return Err(format!("{at}: {value} is not {}", of["const"]));
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &of["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![is],
    };
    if !allowed.contains(&is) {
        return Err(format!("{at}: {value} is no {allowed:?}"));
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(schema, &of["items"], item, &format!("{at}[{number}]"))?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    for name in of["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("{at}: `{name}` is not there"));
        }
    }
    for (name, inner) in object {
        let at = format!("{at}.{name}");
        match (&of["properties"][name], &of["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("{at}: the schema has no such field")),
            (Value::Null, more) => check(schema, more, inner, &at)?,
            (known, _) => check(schema, known, inner, &at)?,
        }
    }
    Ok(())
}

#[test]
fn the_answer_is_as_the_schema_says() {
    let test = Test::empty();
    let schema: Value = serde_json::from_str(&test.scaf(["env", "detect", "--schema"]).ok().stdout).unwrap();
    let folder = here().join("tests/cases/synthetic");
    // Together they have every kind of place, a local module, a problem, something unresolved.
    for case in
        ["notebook_magics", "try_fallback", "platform_and_version", "yaml_targets", "notebook_v3_and_bad"]
    {
        for arguments in [&["--no-python"][..], &[]] {
            let found = detect(&folder.join(case), arguments);
            check(&schema, &schema, &found, case).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
    let answer = detect(&folder.join("try_fallback"), &["--no-python"]);
    let mut wrong = answer.clone();
    wrong["third_party"]["numpy"]["kind"] = "else".into();
    assert!(check(&schema, &schema, &wrong, "wrong").is_err());
    wrong = answer;
    wrong["third_party"]["numpy"]["more"] = 1.into();
    assert!(check(&schema, &schema, &wrong, "wrong").is_err());
}

/// Python 3 looks for it elsewhere; but it is run from its folder, or it is not run at all.
#[test]
fn a_sibling_in_a_package_is_meant_where_nobody_else_has_the_name() {
    let test = Test::empty();
    let code = test.root().join("code");
    for (path, text) in [
        ("one/__init__.py", ""),
        ("one/run.py", "from benchmark import fast\nimport requests\n"),
        ("one/benchmark.py", "import tqdm\n"),
        ("one/requests.py", ""),
        ("two/__init__.py", ""),
        ("two/run.py", "from benchmark import fast\n"),
    ] {
        std::fs::create_dir_all(code.join(path).parent().unwrap()).unwrap();
        std::fs::write(code.join(path), text).unwrap();
    }
    let answer = test.scaf(["env", "detect", "code", "--json"]).ok().json();
    assert_eq!(answer["third_party"]["requests"]["where"][0]["file"], "one/run.py", "{answer:#}");
    assert!(!answer["third_party"]["tqdm"].is_null(), "{answer:#}");
    let unresolved = answer["unresolved"].as_array().unwrap();
    assert_eq!(unresolved.len(), 1, "{answer:#}");
    assert_eq!(unresolved[0]["import"], "benchmark");
    assert_eq!(unresolved[0]["where"].as_array().unwrap().len(), 1);
    assert_eq!(unresolved[0]["where"][0]["file"], "two/run.py");
}
