//! What scaf writes for other tools, given to those tools. conda itself cannot be had here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scaf::project::python::specs::{Index, IndexUse, Kind, Pin, Platform, Source, read};
use scaf::spec::export::{Environment, Export, Format, Package, export};

use crate::support::{here, need, state};

fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn wheel(folder: &Path, name: &str, version: &str, requires: &[&str]) -> String {
    let mut command = Command::new("python3");
    command.arg(here().join("tests/servers/make-wheel.py")).args([name, version]).arg(folder);
    for requirement in requires {
        command.args(["--requires", requirement]);
    }
    let path = run(&mut command);
    let digest = run(Command::new("sha256sum").arg(path.trim()));
    format!("sha256:{}", digest.split_whitespace().next().unwrap())
}

/// Two packages and what one of them needs, all in a folder of wheels beside the file.
fn environment(folder: &Path) -> Environment {
    let wheels = folder.join("wheels");
    let package = |name: &str, version: &str, direct, requires: &[&str]| {
        let mut pin = Pin::exact(name, version, 0);
        pin.hashes = vec![wheel(&wheels, name, version, requires)];
        Package { pin, direct, why: direct.then(|| "train.py:1".to_owned()) }
    };
    let packages = vec![
        package("scaf-alpha", "1.0", true, &["Scaf_Beta>=1"]),
        package("Scaf_Beta", "1.5", false, &[]),
        package("scaf-gamma", "2.0+cu118", true, &[]),
    ];
    // A newer one is there, which nobody may take.
    wheel(&wheels, "Scaf_Beta", "2.0", &[]);
    let indexes = vec![Index { url: wheels.display().to_string(), use_for: IndexUse::Links, line: 0 }];
    Environment {
        name: "a/digits".into(),
        python: Some("3.11".into()),
        packages,
        indexes,
        channels: Vec::new(),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
}

/// What pip would install of a file of requirements, as `name==version`.
fn pip_takes(folder: &Path, file: &str) -> Vec<String> {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-index",
        "--quiet",
        "--report",
        "-",
    ]);
    command.args(["--disable-pip-version-check", "--no-input", "-r", file]).current_dir(folder);
    let report: serde_json::Value = serde_json::from_str(&run(&mut command)).unwrap();
    let mut taken: Vec<String> = report["install"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["metadata"])
        .map(|it| format!("{}=={}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap()))
        .collect();
    taken.sort();
    taken
}

const WANTED: [&str; 3] = ["Scaf_Beta==1.5", "scaf-alpha==1.0", "scaf-gamma==2.0+cu118"];

#[test]
fn pip_installs_exactly_what_the_requirements_say_and_checks_the_digests() {
    if !need("python") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut environment = environment(folder.path());
    let Export { text, left_out } = export(&environment, Format::Requirements);
    assert_eq!(left_out, [""; 0]);
    write(folder.path(), "requirements.txt", &text);
    assert_eq!(pip_takes(folder.path(), "requirements.txt"), WANTED);
    environment.packages[0].pin.hashes = vec![format!("sha256:{}", "0".repeat(64))];
    write(folder.path(), "requirements.txt", &export(&environment, Format::Requirements).text);
    let refused = Command::new("python3")
        .args(["-m", "pip", "install", "--dry-run", "--no-index", "-r", "requirements.txt"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("HASHES"), "{said}");
}

/// conda cannot be had here: its file is read as YAML, and pip, which conda hands that part to, takes the list.
#[test]
fn the_pip_part_of_conda_s_file_is_what_pip_takes() {
    if !need("python") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut environment = environment(folder.path());
    let mut conda = Pin::exact("pytorch", "2.1.2", 0);
    conda.normalised = "torch".into();
    conda.source = Source::Conda { channel: None, build: Some("py311_0".into()) };
    environment.packages.push(Package { pin: conda, direct: true, why: None });
    let Export { text, .. } = export(&environment, Format::Conda);
    let file: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(file["name"].as_str(), Some("a-digits"));
    assert_eq!(file["channels"][0].as_str(), Some("conda-forge"));
    let dependencies = file["dependencies"].as_sequence().unwrap();
    let plain: Vec<_> = dependencies.iter().filter_map(serde_yaml::Value::as_str).collect();
    assert_eq!(plain, ["python=3.11", "pytorch=2.1.2", "pip"]);
    let pip: Vec<_> = dependencies.last().unwrap()["pip"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    write(folder.path(), "of-conda.txt", &pip.join("\n"));
    assert_eq!(pip_takes(folder.path(), "of-conda.txt"), WANTED);
    // And scaf's own reader makes of it what went in.
    let back = read(Kind::EnvironmentYml, &text, &Platform::default());
    assert_eq!(back.problems, []);
    let names: Vec<_> =
        back.pins.iter().map(|pin| (pin.normalised.as_str(), pin.version.as_deref().unwrap())).collect();
    assert_eq!(
        names,
        [("torch", "2.1.2"), ("scaf-alpha", "1.0"), ("scaf-beta", "1.5"), ("scaf-gamma", "2.0+cu118")]
    );
}

fn uv(folder: &Path) -> Command {
    let own = state().join("bin/uv");
    let mut command = Command::new(if own.exists() { own } else { "uv".into() });
    command.current_dir(folder).args(["--offline", "--quiet"]);
    // The user's own settings for uv are no part of the test; the project's are.
    command.env("UV_CACHE_DIR", folder.join("cache")).env("XDG_CONFIG_HOME", folder.join("config"));
    command
}

#[test]
fn uv_locks_exactly_what_the_pyproject_says() {
    if !need("python") || !need("uv") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut environment = environment(folder.path());
    let python =
        run(Command::new("python3").args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]));
    environment.python = Some(python.trim().to_owned());
    let mut local = Pin::new("scaf-local", 0);
    local.source = Source::Path { path: "lib".into(), editable: true };
    environment.packages.push(Package { pin: local, direct: true, why: None });
    fs::create_dir(folder.path().join("lib")).unwrap();
    write(folder.path(), "lib/pyproject.toml", "[project]\nname = \"scaf-local\"\nversion = \"3\"\n");
    let Export { text, .. } = export(&environment, Format::PyProject);
    write(folder.path(), "pyproject.toml", &text);
    run(uv(folder.path()).args(["lock", "--no-index"]));
    let exported =
        run(uv(folder.path()).args(["export", "--frozen", "--no-hashes", "--no-header", "--no-annotate"]));
    let lines: Vec<_> = exported.lines().collect();
    assert_eq!(lines, ["-e ./lib", "scaf-alpha==1.0", "scaf-beta==1.5", "scaf-gamma==2.0+cu118"]);
    // And scaf's own readers make of both files what went in.
    let lock = fs::read_to_string(folder.path().join("uv.lock")).unwrap();
    for (kind, text) in [(Kind::PyProject, &text), (Kind::UvLock, &lock)] {
        let back = read(kind, text, &Platform::default());
        assert_eq!(back.problems, [], "{kind:?}");
        let beta = back.pins.iter().find(|pin| pin.normalised == "scaf-beta").unwrap();
        assert_eq!(beta.version.as_deref(), Some("1.5"), "{kind:?}");
    }
}
