//! `scaf env detect` on code that is broken, odd or far too much: each is a clear finding, and the rest is answered all the
//! same, within bounded memory. (What can be wrong with an environment: `load/installed/tests/damage.rs`.)

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::support::{Test, need};

/// A folder of code with one more file, which is right.
fn folder(test: &Test, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = test.root().join("code");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("right.py"), "import requests\n").unwrap();
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn detected(test: &Test, folder: &Path) -> Value {
    let folder = folder.to_string_lossy().into_owned();
    test.scaf(["env", "detect", &folder, "--no-python", "--json"]).ok().json()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["third_party"].as_object().unwrap().keys().map(String::as_str).collect()
}

/// `file:line: message` of each.
fn problems(answer: &Value) -> Vec<String> {
    let all = answer["problems"].as_array().unwrap();
    all.iter()
        .map(|problem| {
            let line = problem["line"].as_u64().map_or_else(String::new, |line| format!(":{line}"));
            format!("{}{line}: {}", problem["file"].as_str().unwrap(), problem["message"].as_str().unwrap())
        })
        .collect()
}

/// What is found in one file, and what is said of it.
#[track_caller]
fn of(name: &str, bytes: &[u8], expected: &[&str], said: &[&str]) {
    let test = Test::empty();
    let answer = detected(&test, &folder(&test, &[(name, bytes)]));
    let mut all: Vec<&str> = expected.iter().copied().chain(["requests"]).collect();
    all.sort_unstable();
    assert_eq!(
        (names(&answer), problems(&answer)),
        (all, said.iter().map(|one| (*one).to_owned()).collect())
    );
}

#[test]
fn encodings() {
    let utf16: Vec<u8> = "\u{feff}import numpy\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    of("a.py", &utf16, &[], &["a.py:1: the text is UTF-16, which Python does not read"]);
    of("a.py", b"\xef\xbb\xbfimport numpy\n", &["numpy"], &[]);
    of("a.py", b"# -*- coding: latin-1 -*-\nx = '\xe9'\nimport numpy\n", &["numpy"], &[]);
    of("a.py", b"import numpy\n\0\nimport pandas\n", &[], &["a.py:2: source code cannot contain NUL"]);
    of(
        "a.py",
        b"import numpy\nx = '\xff'\n",
        &[],
        &["a.py:2: the text is not UTF-8, and no other encoding is declared"],
    );
}

#[test]
fn syntax_of_no_python_3() {
    of(
        "a.py",
        b"import numpy\nprint 'hello'\nexec 'x'\nimport scipy\n",
        &["numpy", "scipy"],
        &["a.py:2: simple statements must be separated by newlines or semicolons"],
    );
    of(
        "a.py",
        b"import numpy\ndef f(:\n    import pandas\nimport scipy\n",
        &["numpy", "scipy"],
        &["a.py:2: expected a parameter or the end of the parameter list"],
    );
    of("a.py", b"if 1:\n\timport numpy\n        x = 1\n", &["numpy"], &["a.py:3: unexpected indentation"]);
    of("a.py", b"", &[], &[]);
}

#[test]
fn code_that_is_nested_without_end() {
    let minus = ["import numpy\nx = ", &"-".repeat(200_000), "1\n"].concat();
    of("a.py", minus.as_bytes(), &[], &["a.py:2: an expression is nested too deeply"]);
    let brackets = ["x = ", &"(".repeat(100_000), "1", &")".repeat(100_000), "\nimport numpy\n"].concat();
    of("a.py", brackets.as_bytes(), &["numpy"], &[]);
    let mut blocks: String = (0..2000).map(|depth| format!("{}if 1:\n", " ".repeat(depth))).collect();
    blocks.push_str(&format!("{}import numpy\n", " ".repeat(2000)));
    of("a.py", blocks.as_bytes(), &["numpy"], &[]);
}

#[test]
fn notebooks_that_are_none() {
    of("a.ipynb", b"hello", &[], &["a.ipynb: it is no notebook: expected value at line 1 column 1"]);
    of("a.ipynb", b"[]", &[], &["a.ipynb: it is no notebook: it has no cells"]);
    of(
        "a.ipynb",
        br#"{"cells": [{"cell_type": "code", "source": ["import nump"#,
        &[],
        &["a.ipynb: it is no notebook: EOF while parsing a string at line 1 column 56"],
    );
    of("a.ipynb", b"\xff\xfe", &[], &["a.ipynb: it is not UTF-8 text"]);
    // One cell that is no cell, and one that is no Python, lose themselves alone.
    of(
        "a.ipynb",
        br#"{"nbformat": 4, "cells": [5, {"cell_type": "code", "source": "import numpy"},
            {"cell_type": "code", "source": "def f(:"}, {"cell_type": "code", "source": ["import scipy"]}]}"#,
        &["numpy", "scipy"],
        &["a.ipynb: cell 3, line 1: expected a parameter or the end of the parameter list"],
    );
    let old = br#"{"nbformat": 3, "worksheets": [{"cells": [
        {"cell_type": "code", "language": "python", "input": ["import numpy"]}]}]}"#;
    of("a.ipynb", old, &["numpy"], &[]);
}

#[test]
fn what_is_no_plain_file() {
    let test = Test::empty();
    let folder = folder(&test, &[("deep/b.py", b"import numpy\n")]);
    symlink("..", folder.join("deep/up")).unwrap();
    symlink("itself", folder.join("itself")).unwrap();
    symlink("nowhere.py", folder.join("gone.py")).unwrap();
    fs::create_dir(folder.join("folder.py")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.py")).status().unwrap().success());
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff.py")), "import scipy\n").unwrap();
    let answer = detected(&test, &folder);
    assert_eq!(names(&answer), ["numpy", "requests"]);
}

#[test]
fn a_file_that_nobody_may_read() {
    // Root reads everything.
    if rustix::process::getuid().is_root() {
        return;
    }
    let test = Test::empty();
    let folder = folder(&test, &[("a.py", b"import numpy\n")]);
    fs::set_permissions(folder.join("a.py"), fs::Permissions::from_mode(0o000)).unwrap();
    let answer = detected(&test, &folder);
    assert_eq!(names(&answer), ["requests"]);
    assert!(problems(&answer)[0].starts_with("a.py: cannot be read: "), "{answer:#}");
}

/// The answer, and the most memory in MiB that was held for it.
fn measured(test: &Test, folder: &Path) -> (Value, u64) {
    let program = "import json, resource, subprocess, sys\n\
        said = subprocess.run(sys.argv[1:], capture_output=True, check=True).stdout\n\
        print(json.dumps([json.loads(said), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))";
    let output = Command::new("python3")
        .args(["-c", program, env!("CARGO_BIN_EXE_scaf"), "env", "detect"])
        .arg(folder)
        .args(["--no-python", "--json"])
        .env("HOME", test.home())
        .env("SCAF_CACHE_DIR", test.root().join("cache"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (answer, kib): (Value, u64) = serde_json::from_slice(&output.stdout).unwrap();
    (answer, kib / 1024)
}

/// Where a limit on memory is broken, it is broken by more than a build without optimisation holds more.
const MEMORY: u64 = 400;

#[test]
fn files_of_fifty_megabytes() {
    if !need("python") {
        return;
    }
    let test = Test::empty();
    let size = 50 << 20;
    let code = ["import numpy\n".as_bytes(), &b"x = [1]\n".repeat(size / 8)].concat();
    let picture = "A".repeat(size);
    let notebook = serde_json::json!({"nbformat": 4, "cells": [
        {"cell_type": "code", "source": "import scipy", "outputs": [{"data": {"image/png": picture}}]}]});
    let folder = folder(&test, &[("a.py", &code), ("b.ipynb", notebook.to_string().as_bytes())]);
    let (answer, held) = measured(&test, &folder);
    assert_eq!(names(&answer), ["requests", "scipy"]);
    assert_eq!(problems(&answer), ["a.py: is larger than 8 MiB, and was not read"]);
    assert!(held < MEMORY, "{held} MiB");
}

#[test]
fn a_hundred_thousand_files() {
    if !need("python") {
        return;
    }
    let test = Test::empty();
    let folder = folder(&test, &[]);
    for number in 0..100 {
        let inner = folder.join(format!("part_{number}"));
        fs::create_dir(&inner).unwrap();
        for file in 0..1000 {
            let text =
                if file == 7 { format!("import package_{number}\n") } else { "import os\n".to_owned() };
            fs::write(inner.join(format!("file_{file}.py")), text).unwrap();
        }
    }
    let (answer, held) = measured(&test, &folder);
    assert_eq!(names(&answer).len(), 101);
    assert_eq!(answer["files"], 100_001);
    assert!(held < MEMORY, "{held} MiB");
}
