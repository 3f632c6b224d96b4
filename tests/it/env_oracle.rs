//! `env detect` against a run: each script of `tests/oracle/scripts` is run in a real environment under an import hook
//! (`tests/oracle/trace.py`), and what was imported is compared with what was detected, once for the folder and once
//! for the script alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::env_environments::environment;
use crate::support::{Test, here};

/// What one script's run cannot agree in with what its text says, each with the reason.
#[derive(Default)]
struct Differences<'a> {
    /// Needed at the top of a file, and not imported in this run.
    idle: &'a [(&'a str, &'a str)],
    /// Not to be seen from the script alone: distributions and own files that no text in it leads to.
    beyond: &'a [(&'a str, &'a str)],
    /// Named as implied by a call, and not loaded in this run.
    not_reached: &'a [(&'a str, &'a str)],
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if entry.file_name() != "__pycache__" {
                copy(&entry.path(), &target);
            }
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What was imported while `folder/main.py` ran.
fn traced(test: &Test, environment: &Path, folder: &Path) -> Value {
    let output = Command::new(environment.join("bin/python"))
        .arg(here().join("tests/oracle/trace.py"))
        .arg(folder.join("main.py"))
        .current_dir(folder)
        .env("HOME", test.home())
        .env("MPLBACKEND", "agg")
        .env_remove("PYTHONPATH")
        // Some of these libraries have thousands of modules: compiling them anew in each run takes longer than the run.
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {talk}"));
    assert_eq!(answer["status"], 0, "a run that fails proves nothing: {talk}");
    answer
}

fn detected(test: &Test, environment: &Path, path: &Path) -> Value {
    let (path, environment) = (path.to_string_lossy(), environment.to_string_lossy());
    test.scaf(["env", "detect", &*path, "--json", "--python", &*environment]).ok().json()
}

fn names<'a>(answer: &'a Value, groups: &[&str]) -> BTreeMap<&'a str, &'a Value> {
    let members = |group: &&str| answer[*group].as_object().into_iter().flatten();
    groups.iter().flat_map(members).map(|(name, entry)| (name.as_str(), entry)).collect()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn only<'a>(stated: &'a [(&str, &str)]) -> BTreeSet<&'a str> {
    stated.iter().map(|(name, _)| *name).collect()
}

fn compare(script: &str, environment_name: &str, differences: &Differences<'_>) {
    let Some(environment) = environment(environment_name) else { return };
    let test = Test::empty();
    let folder = test.root().join(script);
    copy(&here().join("tests/oracle/scripts").join(script), &folder);
    // Detection first: a run leaves bytecode and files behind.
    let whole = detected(&test, &environment, &folder);
    let alone = detected(&test, &environment, &folder.join("main.py"));
    let run = traced(&test, &environment, &folder);
    let imported = names(&run, &["imported"]);
    let loaded = names(&run, &["imported", "loaded"]);

    // Whatever the run imported itself, detection has, at the version that was imported.
    let found = names(&whole, &["third_party", "optional", "implied"]);
    for (name, entry) in &imported {
        let detected = found.get(name);
        assert!(detected.is_some(), "{name} was imported and not detected: {entry}");
        assert_eq!(detected.unwrap()["version"], entry["version"], "{name}");
    }
    // From the script alone, too, as far as its text leads.
    let found = names(&alone, &["third_party", "optional", "implied"]);
    let beyond = only(differences.beyond);
    let missing: BTreeSet<&str> = imported
        .keys()
        .filter(|name| !found.contains_key(*name) && !beyond.contains(*name))
        .copied()
        .collect();
    assert!(missing.is_empty(), "imported, and not detected from the script alone: {missing:?}\n{alone:#}");

    // Own modules that were imported are known as such.
    for file in texts(&run["local"]).into_iter().filter(|file| *file != "main.py" && !beyond.contains(file)) {
        let mut parts = file.split('/').map(|part| part.strip_suffix(".py").unwrap_or(part));
        assert!(
            parts.any(|part| !alone["local"][part].is_null()),
            "{file} was imported: {:#}",
            alone["local"]
        );
    }

    // What is needed as soon as a file is loaded was imported, but for what is stated.
    let needed = names(&whole, &["third_party"]);
    let idle: BTreeSet<&str> = needed
        .iter()
        .filter(|(name, entry)| entry["kind"] == "top" && !imported.contains_key(*name))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(idle, only(differences.idle), "stated: {:?}\n{:#}", differences.idle, whole["third_party"]);

    // What a call is said to need was loaded by that call or one before it.
    let not_reached: BTreeSet<&str> =
        names(&whole, &["implied"]).keys().filter(|name| !loaded.contains_key(*name)).copied().collect();
    assert_eq!(not_reached, only(differences.not_reached), "{:#}", whole["implied"]);
}

#[test]
fn the_article() {
    compare("article", "article", &Differences::default());
}

#[test]
fn hubs_that_load_their_parts_lazily() {
    compare("hub", "article", &Differences::default());
}

#[test]
fn imports_inside_of_functions_that_are_called() {
    compare("in_functions", "large", &Differences::default());
}

#[test]
fn modules_asked_for_by_name() {
    compare("by_name", "large", &Differences::default());
}

#[test]
fn modules_asked_for_by_names_in_a_loop() {
    compare("by_loop", "large", &Differences::default());
}

#[test]
fn own_packages_between_installed_ones() {
    let idle = [("altair", "in a folder without __init__.py, which gives way to the installed dask")];
    compare("local_packages", "large", &Differences { idle: &idle, ..Differences::default() });
}

#[test]
fn folders_put_on_the_path_by_the_code() {
    compare("path_changes", "large", &Differences::default());
}

#[test]
fn own_plugins_found_by_listing_a_folder() {
    let listed = "its name is put together at run time";
    let beyond =
        [("flask", listed), ("pyarrow", listed), ("plugins/arrays.py", listed), ("plugins/web.py", listed)];
    compare("plugins", "large", &Differences { beyond: &beyond, ..Differences::default() });
}

#[test]
fn fallbacks_platforms_versions_and_flags() {
    let idle = [("seaborn", "under an environment variable that the run does not set")];
    compare("guarded", "large", &Differences { idle: &idle, ..Differences::default() });
}

#[test]
fn constants_of_own_and_installed_modules() {
    compare("constants", "large", &Differences::default());
}

#[test]
fn star_imports() {
    compare("star", "large", &Differences::default());
}

#[test]
fn namespaces_that_distributions_share() {
    compare("namespaces", "vision", &Differences::default());
}

#[test]
fn classes_named_in_configuration_files() {
    let configured = "only a configuration names it, and no text says which";
    let beyond = [
        ("colorlog", configured),
        ("scikit-learn", configured),
        ("xyzservices", configured),
        ("loguru_free.py", configured),
        ("own/__init__.py", configured),
        ("own/parts.py", configured),
    ];
    compare("class_paths", "large", &Differences { beyond: &beyond, ..Differences::default() });
}

#[test]
fn files_that_are_executed() {
    compare("executed", "large", &Differences::default());
}

#[test]
fn own_modules_that_load_on_demand() {
    let idle = [("seaborn", "in a part that nobody asks for in this run")];
    compare("lazy_own", "large", &Differences { idle: &idle, ..Differences::default() });
}

/// Every call in that script needs a distribution that no file imports: each is named, and was loaded in the run.
#[test]
fn calls_that_need_more_than_is_imported() {
    compare("implied", "large", &Differences::default());
}
