//! What scaf writes for other tools, given to those tools. conda itself cannot be had here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scaf::project::python::specs::{Index, IndexUse, Kind, Pin, Platform, Source, read};
use scaf::spec::export::{Environment, Export, Format, Package, export};

use crate::bad_index::path_with_uv;
use crate::support::{Test, here, need, state};

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
        ..Environment::default()
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

/// An experiment whose lock takes from a folder of wheels beside it.
fn locked() -> (Test, Vec<String>) {
    let test = Test::experiment("a/digits", "minimal");
    let folder = test.path("src/a/digits/environment");
    let wheels = folder.join("wheels");
    let mut lock = String::from(
        "# Everything\n# for: linux-x86_64, CPython 3.11.7, glibc 2.36\n# apart: mine: waived\n\n--find-links ./wheels\n\n",
    );
    for (name, version, requires) in [
        ("scaf-alpha", "1.0", &["scaf-beta>=1"][..]),
        ("scaf-beta", "1.5", &[]),
        ("scaf-gamma", "2.0+cu118", &[]),
    ] {
        let digest = wheel(&wheels, name, version, requires);
        lock.push_str(&format!("{name}=={version} \\\n    --hash={digest}\n    # via requirements.txt\n"));
    }
    let digest = wheel(&folder, "scaf-local", "3.0", &[]);
    lock.push_str(&format!("./scaf_local-3.0-py3-none-any.whl \\\n    --hash={digest}\n"));
    // A newer one is there, which nobody may take.
    wheel(&wheels, "scaf-beta", "2.0", &[]);
    write(&folder, "requirements.lock", &lock);
    write(&folder, "requirements.txt", "scaf-alpha==1.0  # why: train.py:1\nscaf-gamma==2.0+cu118\n");
    let pins = ["scaf-alpha==1.0", "scaf-beta==1.5", "scaf-gamma==2.0+cu118", "scaf-local==3.0"];
    (test, pins.map(str::to_owned).to_vec())
}

/// The pins of a text, as scaf's own reader has them.
fn pins_of(kind: Kind, text: &str) -> Vec<String> {
    let read = read(kind, text, &Platform::default());
    assert_eq!(read.problems, [], "{text}");
    let mut pins: Vec<String> = read
        .pins
        .iter()
        .map(|pin| match &pin.source {
            Source::Path { path, .. } => path.rsplit('/').next().unwrap().to_owned(),
            _ => format!("{}=={}", pin.normalised, pin.version.as_deref().unwrap_or_default()),
        })
        .collect();
    pins.sort();
    pins.dedup();
    pins
}

#[test]
fn what_the_command_writes_is_what_the_lock_says_to_pip_and_to_uv() {
    if !need("python") || !need("uv") {
        return;
    }
    let (test, pins) = locked();
    let export = |words: &[&str]| {
        test.scaf([&["env", "export", "a/digits", "--format"][..], words].concat()).in_project()
    };
    let outcome = export(&["requirements"]).ok();
    assert!(outcome.stderr.contains("warning: not in it: `mine`: waived"), "{}", outcome.stderr);
    write(&test.path(""), "r.txt", &outcome.stdout);
    let mut lines = pins_of(Kind::Requirements, &outcome.stdout);
    lines.sort();
    assert_eq!(lines[..3], pins[..3]);
    assert_eq!(lines[3], "scaf_local-3.0-py3-none-any.whl");
    let mut taken = pip_takes(&test.path(""), "r.txt");
    taken.sort();
    assert_eq!(taken, pins);
    // And uv, which has a Python of its own to install into.
    run(Command::new("python3").args(["-I", "-m", "venv", "--without-pip"]).arg(test.path("v")));
    let mut command = uv(&test.path(""));
    command.args([
        "pip",
        "install",
        "--no-index",
        "--require-hashes",
        "-r",
        "r.txt",
        "--python",
        "v/bin/python",
    ]);
    run(&mut command);
    let show = "import importlib.metadata as m; print(*sorted(d.name + '==' + d.version for d in m.distributions()))";
    let installed = run(Command::new(test.path("v/bin/python")).args(["-I", "-c", show]));
    assert_eq!(installed.split_whitespace().collect::<Vec<_>>(), pins);

    // uv's project lies elsewhere, and the wheels are found from there.
    export(&["pyproject", "--output", "more/pyproject.toml"]).ok();
    let text = test.read("more/pyproject.toml");
    assert!(
        text.contains("path = \"../src/a/digits/environment/scaf_local-3.0-py3-none-any.whl\""),
        "{text}"
    );
    let python = format!("requires-python = \"=={}.*\"", crate::support::python_minor());
    assert!(text.contains(&python), "{text}");
    run(uv(&test.path("more")).args(["lock", "--no-index"]));
    let exported = run(uv(&test.path("more")).args([
        "export",
        "--frozen",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
    ]));
    let names: Vec<&str> = exported.lines().map(|line| line.split(" ;").next().unwrap().trim()).collect();
    assert_eq!(names[1..], pins[..3]);
    assert!(names[0].ends_with("scaf_local-3.0-py3-none-any.whl"), "{exported}");
    run(uv(&test.path("more")).args(["sync", "--no-index"]));
    let imported = run(Command::new(test.path("more/.venv/bin/python"))
        .args(["-c", "import scaf_local, scaf_beta; print(scaf_beta.__version__)"]));
    assert_eq!(imported, "1.5\n");

    let conda = export(&["conda"]).ok().stdout;
    assert_eq!(pins_of(Kind::EnvironmentYml, &conda)[..3], pins[..3]);
    assert!(conda.contains(&format!("  - python={}\n", crate::support::python_minor())), "{conda}");
    // Once more, and as a file of another experiment's: what scaf has made is replaced, and locked from again.
    export(&["conda", "--output", "environment.yml"]).ok();
    let again = export(&["conda", "-o", "environment.yml"]).ok();
    assert!(again.stderr.contains("hint: conda env create --file environment.yml"), "{}", again.stderr);
}

#[test]
fn without_a_lock_it_says_so_and_what_is_not_its_own_stays() {
    let test = Test::experiment("x", "minimal");
    let export =
        |words: &[&str]| test.scaf([&["env", "export", "x", "--format"][..], words].concat()).in_project();
    let commit = "0123456789012345678901234567890123456789";
    test.write(
        "src/x/environment/requirements.txt",
        &format!("-i https://me:geheim@h/simple\nalpha==1.0  # why: train.py:1\nclip @ git+https://h/clip.git@{commit}\nloose\n"),
    );
    let outcome = export(&["requirements"]).ok();
    assert!(
        outcome.stderr.contains("`x` has no lock: this is what requirements.txt asks for"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("not in it: what logs in at an index or a repository"),
        "{}",
        outcome.stderr
    );
    let python = crate::support::python_minor();
    assert_eq!(
        outcome.stdout,
        format!(
            "# Made by `scaf env export`: the environment of x.\n# Python {python}\n--index-url https://h/simple\n\
             alpha==1.0  # train.py:1\nclip @ git+https://h/clip.git@{commit}\nloose\n"
        )
    );
    for format in ["conda", "pyproject", "requirements"] {
        let outcome = export(&[format]).ok();
        assert!(outcome.stdout.contains(commit) && !outcome.stdout.contains("geheim"), "{}", outcome.stdout);
        assert!(outcome.stdout.lines().count() > 5, "{}", outcome.stdout);
    }
    let json = export(&["conda", "--json"]).ok().json();
    assert_eq!((json["of"].as_str(), json["packages"].as_u64()), (Some("requirements.txt"), Some(3)));
    assert!(json["text"].as_str().unwrap().contains("dependencies:"));
    let printed = export(&["conda", "--output", "new.yml", "--dry-run"]).ok().stdout;
    assert!(!test.path("new.yml").exists() && printed.contains("new.yml"));
    test.write("mine.yml", "name: mine\n").write("empty.yml", "");
    for (output, said, status) in [
        ("mine.yml", "`mine.yml` is there already, and `scaf env export` has not made it", 1),
        ("src", "`src` is a folder", 1),
        ("mine.yml/x", "cannot read `mine.yml/x`", 1),
        ("empty.yml", "wrote 3 packages of requirements.txt to empty.yml", 0),
        ("new/folder/x.yml", "wrote 3 packages", 0),
    ] {
        let outcome = export(&["conda", "--output", output]).run();
        assert_eq!(outcome.status, status, "{output}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{output}: {}", outcome.stderr);
    }
    assert_eq!(test.read("mine.yml"), "name: mine\n");
    for words in [&["env", "export", "x"][..], &["env", "export", "x", "--format", "toml"]] {
        assert!(test.scaf(words).in_project().status(2).stderr.contains("--format"));
    }
    fs::remove_file(test.path("src/x/environment/requirements.txt")).unwrap();
    let nothing = export(&["conda"]).status(1);
    assert!(nothing.stderr.contains("neither a lock nor a requirements.txt"), "{}", nothing.stderr);
    assert!(
        nothing.stderr.contains("hint: pin what its code needs: `scaf env lock x`"),
        "{}",
        nothing.stderr
    );
}

/// What is exported says to `scaf env lock` of another experiment what it has been made of.
#[test]
fn another_experiment_is_locked_by_an_export() {
    if !need("python") || !need("uv") {
        return;
    }
    let index = crate::bad_index::BadIndex::with(
        "good",
        &[("alpha", "1.0", &[]), ("alpha", "2.0", &[]), ("beta", "1.0", &[])],
    );
    let test = Test::project();
    let made = |scaf: crate::support::Scaf<'_>| {
        scaf.in_project()
            .env("PATH", path_with_uv())
            .env("PIP_INDEX_URL", &index.url)
            .env("UV_CACHE_DIR", index.cache())
            .env_remove("PIP_FIND_LINKS")
            .ok()
    };
    test.write("one.py", "import alpha\n").write("two.py", "import alpha, beta\n");
    test.write("pins.txt", "alpha==1.0\n");
    made(test.scaf(["new-exp", "one", "--from", "one.py", "--no-python"]));
    made(test.scaf(["env", "lock", "one", "--no-python", "--from", "pins.txt"]));
    assert!(test.read("src/one/environment/requirements.lock").contains("alpha==1.0"));
    for (number, (format, file)) in
        [("conda", "environment.yml"), ("requirements", "exported.txt"), ("pyproject", "pyproject.toml")]
            .into_iter()
            .enumerate()
    {
        let name = format!("two_{number}");
        made(test.scaf(["env", "export", "one", "--format", format, "--output", &format!("out/{file}")]));
        made(test.scaf(["new-exp", &name, "--from", "two.py", "--no-python", "--no-hashes"]));
        made(test.scaf(["env", "lock", &name, "--no-python", "--from", &format!("out/{file}")]));
        let lock = test.read(&format!("src/{name}/environment/requirements.lock"));
        assert!(lock.contains("alpha==1.0") && lock.contains("beta==1.0"), "{format}: {lock}");
    }
}
