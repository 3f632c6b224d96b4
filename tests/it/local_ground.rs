//! Distributions of this machine, laid by hand into the environment of an experiment, and the wheels that come of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bad_index::path_with_uv;
use crate::env_lock::Ground;
use crate::support::python_minor;

pub const ENVIRONMENT: &str = "src/exp/environment";

/// What an installer notes of a folder that is used in place, or of which a copy was installed.
pub fn of_folder(folder: &Path, editable: bool) -> String {
    format!(r#"{{"url": "file://{}", "dir_info": {{"editable": {editable}}}}}"#, folder.display())
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Ground {
    /// A distribution with a full list of its files; `files` lie in the site folder.
    pub fn lay(&self, name: &str, version: &str, files: &[(&str, &str)], info: &[(&str, &str)]) -> &Self {
        let folder = format!("{}-{version}.dist-info", name.replace('-', "_"));
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        let more = info.iter().find(|(name, _)| *name == "METADATA").map_or("", |(_, more)| more);
        let metadata = metadata + more;
        let mut record = String::new();
        for (path, text) in files {
            let place = self.site.join(path);
            write(&place, text);
            let field = if path.contains(',') {
                format!("\"{}\"", path.replace('"', "\"\""))
            } else {
                (*path).to_owned()
            };
            record.push_str(&format!("{field},,\n"));
        }
        for (file, text) in
            info.iter().filter(|(name, _)| *name != "METADATA").chain([&("METADATA", &*metadata)])
        {
            self.put(&format!("{folder}/{file}"), text);
            record.push_str(&format!("{folder}/{file},,\n"));
        }
        self.put(&format!("{folder}/RECORD"), &format!("{record}{folder}/RECORD,,\n"))
    }

    /// The same as a copy of a folder of this machine.
    pub fn local(&self, name: &str, version: &str, files: &[(&str, &str)]) -> &Self {
        let url = of_folder(&self.test.root().join(name), false);
        self.lay(name, version, files, &[("direct_url.json", &url)])
    }

    /// Used in place from `source`, an entry of `sys.path`.
    pub fn editable(
        &self,
        name: &str,
        version: &str,
        source: &Path,
        metadata: &str,
        info: &[(&str, &str)],
    ) -> &Self {
        let project = if source.ends_with("src") { source.parent().unwrap() } else { source };
        let url = of_folder(project, true);
        let path_file = format!("__editable__.{}-{version}.pth", name.replace('-', "_"));
        let line = format!("{}\n", source.display());
        let all: Vec<(&str, &str)> = [("direct_url.json", &*url), ("METADATA", metadata)]
            .into_iter()
            .chain(info.iter().copied())
            .collect();
        self.lay(name, version, &[(&path_file, &line)], &all)
    }

    pub fn environment(&self, file: &str) -> PathBuf {
        self.test.path(ENVIRONMENT).join(file)
    }

    /// The wheels in `environment/`.
    pub fn wheels(&self) -> Vec<String> {
        let entries = fs::read_dir(self.test.path(ENVIRONMENT)).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut wheels: Vec<String> = names.filter(|name| name.ends_with(".whl")).collect();
        wheels.sort();
        wheels
    }

    /// The names in a wheel, as Python reads them, without those of the dist-info that every wheel has.
    pub fn inside(&self, wheel: &str) -> Vec<String> {
        let text = python(
            &["-c", "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep='\\n')"],
            &self.environment(wheel),
        );
        let usual = ["/RECORD", "/WHEEL", "/METADATA"];
        text.lines().filter(|name| !usual.iter().any(|end| name.ends_with(end))).map(str::to_owned).collect()
    }

    /// Installs a wheel into an environment of its own, with no index, and runs code there.
    pub fn try_out(&self, wheel: &str, code: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let venv = folder.path().join("venv");
        let run = |program: &Path, words: &[&str]| {
            let output = Command::new(program)
                .args(words)
                .env("PATH", path_with_uv())
                .env("UV_CACHE_DIR", folder.path().join("cache"))
                .current_dir(self.test.path(ENVIRONMENT))
                .output()
                .unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        run(Path::new("uv"), &["venv", "--quiet", "--python", "python3", &venv.display().to_string()]);
        let python = venv.join("bin/python");
        let shown = python.display().to_string();
        run(
            Path::new("uv"),
            &[
                "pip",
                "install",
                "--quiet",
                "--python",
                &shown,
                "--no-index",
                "--no-deps",
                &format!("./{wheel}"),
            ],
        );
        run(&python, &["-c", code])
    }

    pub fn check(&self) -> Value {
        let outcome = self
            .test
            .scaf(["env", "check", "exp", "--offline", "--json"])
            .in_project()
            .env("PATH", self.test.root().join("no-tools"))
            .run();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.stderr))
    }

    /// Rule and message of what `env check` finds, errors alone.
    pub fn errors(&self) -> Vec<String> {
        let found = self.check();
        let all = found["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "error");
        all.map(|one| {
            format!(
                "{} {} {}",
                one["rule"].as_str().unwrap(),
                one["place"].as_str().unwrap(),
                one["message"].as_str().unwrap()
            )
        })
        .collect()
    }

    pub fn waive(&self, name: &str) {
        let settings = self.test.read("scaf.toml");
        self.test.write("scaf.toml", &format!("{settings}\n[env]\nwaive = [\"{name}\"]\n"));
    }
}

pub fn python(words: &[&str], file: &Path) -> String {
    let output = Command::new("python3").args(words).arg(file).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn sha256(path: &Path) -> String {
    python(
        &["-c", "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"],
        path,
    )
    .trim()
    .to_owned()
}

/// Compiles a library, or with `module` a module of this Python that is called so.
pub fn compile(to: &Path, module: Option<&str>) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let source = to.with_extension("c");
    let text = match module {
        None => "int answer(void) { return 42; }\n".to_owned(),
        Some(name) => format!(
            "#include <Python.h>\nstatic struct PyModuleDef m = {{PyModuleDef_HEAD_INIT, \"{name}\", 0, -1, 0}};\n\
             PyMODINIT_FUNC PyInit_{name}(void) {{ return PyModule_Create(&m); }}\n"
        ),
    };
    fs::write(&source, text).unwrap();
    let include = Command::new("python3")
        .args(["-c", "import sysconfig; print(sysconfig.get_paths()['include'])"])
        .output()
        .unwrap();
    let include = String::from_utf8_lossy(&include.stdout).trim().to_owned();
    let made = Command::new("gcc")
        .args(["-shared", "-fPIC", &format!("-I{include}")])
        .arg(&source)
        .arg("-o")
        .arg(to)
        .status()
        .unwrap();
    assert!(made.success());
    fs::remove_file(source).unwrap();
}

/// The ending of a compiled module of this machine's Python.
pub fn suffix() -> String {
    let output = Command::new("python3")
        .args(["-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn tag() -> String {
    format!("cp{}", python_minor().replace('.', ""))
}
