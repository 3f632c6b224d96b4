//! The host engine's environment: what it is made of, by whom, and what it refuses; where mounts and data are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Scaf, Test, need, python_minor};

/// An experiment of this machine's Python, with these requirements.
fn experiment(requirements: &str) -> Test {
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    test.write("src/digits/environment/requirements.txt", requirements);
    test.write("src/digits/local.py", "print('ran')\n");
    test
}

/// `scaf local --engine host …`, without what this machine's pip is set to.
fn local<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let mut scaf = test.scaf([&["local", "--engine", "host"], words].concat()).in_project();
    for (name, _) in std::env::vars() {
        if name.starts_with("PIP_") || name.starts_with("UV_") {
            scaf = scaf.env_remove(&name);
        }
    }
    scaf
}

/// A program `uv` in a folder of its own, first on the PATH of the invocation.
fn with_uv<'a>(test: &'a Test, scaf: Scaf<'a>, script: &str) -> Scaf<'a> {
    let file = test.root().join("uv-bin/uv");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    scaf.env("PATH", format!("{}:{path}", file.parent().unwrap().display()))
}

#[test]
fn requirements_in_other_files_are_installed_and_must_be_pinned() {
    if !need("python") || !need("index") {
        return;
    }
    let test = experiment("-r more/base.txt\n");
    test.write("src/digits/environment/more/base.txt", "-c pins.txt\niniconfig\n");
    let pins = "src/digits/environment/more/pins.txt";
    test.write(pins, "iniconfig==2.1.0\n");
    test.write("src/digits/local.py", "import importlib.metadata as m; print(m.version('iniconfig'))\n");
    // As this machine's pip is set up: the index is reached so.
    let words = ["local", "--engine", "host"];
    assert_eq!(test.scaf(words).in_project().ok().stdout, "2.1.0\n");
    let shown = test.scaf(["show", "digits"]).in_project().ok().stdout;
    assert!(shown.contains("1 packages, all pinned"), "{shown}");
    // Another version there is another environment.
    let before = test.scaf([words.as_slice(), &["--dry-run"]].concat()).in_project().ok().stdout;
    test.write(pins, "iniconfig==2.0.0\n");
    let after = test.scaf([words.as_slice(), &["--dry-run"]].concat()).in_project().ok().stdout;
    let venv = |plan: &str| {
        let at = plan.find("/venvs/").unwrap() + "/venvs/".len();
        plan[at..at + 24].to_owned()
    };
    assert_ne!(venv(&before), venv(&after));
}

#[test]
fn half_an_environment_is_refused_by_file_and_line() {
    if !need("python") {
        return;
    }
    for (base, wanted) in [
        ("\niniconfig\n", "more/base.txt:2: `iniconfig` is not pinned"),
        ("-e ../..\n", "more/base.txt:1: `-e ../..` is a path of this machine"),
        ("../x-1.0-py3-none-any.whl\n", "is a path of this machine"),
        ("./x-1.0-py3-none-any.whl\n", "more/base.txt:1: `./x-1.0-py3-none-any.whl` is not there"),
        ("-r ../requirements.txt\n", "more/base.txt:1: `../requirements.txt` leads back to this file"),
        ("-c none.txt\n", "more/base.txt:1: `none.txt` is not there"),
    ] {
        let test = experiment("--no-index\n-r more/base.txt\n");
        test.write("src/digits/environment/more/base.txt", base);
        let told = local(&test, &[]).status(1).stderr;
        assert!(told.contains(wanted), "{told}");
        assert!(!test.path("runs/digits").exists());
    }
}

#[test]
fn who_installs_is_who_knows_the_index() {
    if !need("python") {
        return;
    }
    let test = experiment("iniconfig==2.1.0\n");
    let plan = |scaf: Scaf<'_>| with_uv(&test, scaf, "#!/bin/sh\nexit 1\n").ok().stdout;
    let (by_uv, by_pip) = ("uv-bin/uv venv", "-m pip install");
    let nothing = plan(local(&test, &["--dry-run"]));
    assert!(nothing.contains(by_uv) && !nothing.contains(by_pip), "{nothing}");
    let variable = plan(local(&test, &["--dry-run"]).env("PIP_INDEX_URL", "https://index.invalid/simple"));
    assert!(variable.contains(by_pip) && !variable.contains(by_uv), "{variable}");
    let file = test.home().join(".config/pip/pip.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "[global]\nindex-url = https://index.invalid/simple\n").unwrap();
    let file = plan(local(&test, &["--dry-run"]));
    assert!(file.contains(by_pip) && !file.contains(by_uv), "{file}");
    let both = local(&test, &["--dry-run"]).env("UV_DEFAULT_INDEX", "https://index.invalid/simple");
    assert!(plan(both).contains(by_uv));
}

/// A uv that has no Python 3.7, and knows where one would be; what it was asked is in `asked`.
const UV: &str = r#"#!/bin/sh
folder=$(dirname "$0")
echo "$*" >>"$folder/asked"
case "$1 $2" in
"python find") exit 2 ;;
"python list") echo "cpython-3.7.99-linux-x86_64-gnu    <download available>" ;;
"python dir") echo "$folder/pythons" ;;
"python install")
    [ "$UV_PYTHON_INSTALL_BIN" = 0 ] || exit 3
    python=$folder/pythons/cpython-$3-linux-x86_64-gnu/bin/python3.7
    mkdir -p "${python%/*}"
    printf '#!/bin/sh\nexec python3 "$@"\n' >"$python"
    chmod +x "$python" ;;
"venv --quiet")
    [ "$3 $4" = "--python $folder/pythons/cpython-3.7.99-linux-x86_64-gnu/bin/python3.7" ] || exit 4
    exec "$4" -m venv --without-pip "$5" ;;
*) exit 5 ;;
esac
"#;

#[test]
fn a_python_is_fetched_by_the_plan_and_not_by_the_question() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    test.write("src/digits/environment/Dockerfile", "FROM python:3.7-slim\n");
    let asked = || fs::read_to_string(test.root().join("uv-bin/asked")).unwrap();
    let plan = with_uv(&test, local(&test, &["--dry-run"]), UV).ok().stdout;
    assert!(plan.contains("uv python install 3.7.99"), "{plan}");
    assert!(!asked().contains("install") && !test.root().join("uv-bin/pythons").exists(), "{}", asked());
    assert_eq!(with_uv(&test, local(&test, &[]), UV).ok().stdout, "ran\n");
    assert!(asked().contains("python install 3.7.99\nvenv "), "{}", asked());
}

#[test]
fn mounts_are_links_below_mnt_or_refused() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    fs::create_dir_all(test.root().join("big")).unwrap();
    fs::write(test.root().join("big/file"), "of the mount").unwrap();
    test.write("src/digits/local.py", "print(open('own/big/file').read(), open('second/file').read())\n");
    let big = test.root().join("big").display().to_string();
    let words = format!("-v {big}:/mnt/own/big --mount type=bind,source={big},target=/mnt/second");
    assert_eq!(local(&test, &["--run-xargs", &words]).ok().stdout, "of the mount of the mount\n");
    // The links go with the run, and nothing was made where they led.
    assert!(!test.runs("digits")[0].join("mnt").exists());
    assert_eq!(fs::read_dir(&big).unwrap().count(), 1);
    for (words, flag) in [
        (format!("-v {big}:/datasets"), format!("--volume {big}:/datasets")),
        (format!("-v {big}:/mnt"), format!("--volume {big}:/mnt")),
        (format!("-v {big}:/mnt/data/more"), format!("--volume {big}:/mnt/data/more")),
        (format!("-v {big}:/mnt/digits"), format!("--volume {big}:/mnt/digits")),
        ("--shm-size 8g".to_owned(), "--shm-size".to_owned()),
    ] {
        let told = local(&test, &["--run-xargs", &words]).status(1).stderr;
        assert!(told.contains("the `host` engine has no ") && told.contains(&format!("`{flag}`")), "{told}");
    }
    // Whoever did not ask for this engine is told why it is this one.
    let auto = ["local", "--run-xargs", "--shm-size 8g"];
    let told = test.scaf(auto).in_project().without_engine().status(1).stderr;
    assert!(
        told.contains("`--shm-size`") && told.contains("no container engine can run this: docker"),
        "{told}"
    );
    assert!(!told.contains("--engine docker"), "{told}");
}

#[test]
fn an_experiment_may_have_its_data_elsewhere() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    let code = "print(open('data/word').read())\n";
    test.write("src/digits/local.py", code);
    test.write("src/other/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    test.write("src/other/environment/requirements.txt", "").write("src/other/local.py", code);
    test.write("data/word", "of the project").write("sets/word", "of digits").write("sets/mnist/x", "");
    let settings = test.read("scaf.toml") + "\n[experiment.\"digits\".data]\npath = \"sets\"\n";
    test.write("scaf.toml", &settings);
    assert_eq!(local(&test, &["digits"]).ok().stdout, "of digits\n");
    assert_eq!(local(&test, &["other"]).ok().stdout, "of the project\n");
    // The other commands, by their plans; an asset of the cloud is looked for there, too.
    test.write(
        "src/digits/job.yaml",
        "command: ls ${{inputs.data}}\ninputs: { data: { type: uri_folder, path: 'azureml:mnist:1' } }\n\
         environment: { build: { path: ./environment } }\n",
    );
    let sets = test.path("sets").display().to_string();
    for command in ["test", "jupyter", "terminal", "job"] {
        let words = [command, "digits", "--engine", "host", "--dry-run"];
        let plan = test.scaf(words).in_project().ok().stdout;
        assert!(plan.contains(&format!("ln -s {sets} ")), "{command}: {plan}");
        assert!(!plan.contains(&format!("{} ", test.path("data").display())), "{command}: {plan}");
    }
    test.scaf(["eject"]).in_project().ok();
    let makefile = test.read("Makefile");
    assert!(makefile.contains("DATA_digits := $(ROOT)/sets\n"), "{makefile}");
    for (experiment, folder) in [("digits", "sets"), ("other", "data"), ("", "data")] {
        let printed = std::process::Command::new("make")
            .args(["--eval", "print: ; @echo '$(DATA)'", "print", &format!("exp={experiment}")])
            .current_dir(test.path(""))
            .output();
        let Ok(printed) = printed else { continue };
        let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
        assert_eq!(printed.trim(), test.path(folder).display().to_string());
    }
}

#[test]
fn a_job_in_a_folder_with_a_space() {
    if !need("python") {
        return;
    }
    let test = Test::empty();
    test.scaf(["init", "a b"]).ok();
    let root = test.root().join("a b");
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/digits/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    write("src/digits/environment/requirements.txt", "");
    write("src/digits/table 1.csv", "of the table\n");
    write("data/mnist/word", "of the data\n");
    write(
        "src/digits/train.py",
        "import pathlib, sys\ndata, table, out, word, more = sys.argv[1:]\n\
         text = pathlib.Path(data, 'word').read_text() + pathlib.Path(table).read_text()\n\
         pathlib.Path(out, 'r.txt').write_text(text + word + more)\n",
    );
    write(
        "src/digits/job.yaml",
        "command: >-\n  cd /tmp && python \"$OLDPWD/train.py\" ${{inputs.data}} \"${{inputs.table}}\" '${{outputs.made}}' ${{inputs.words}}\n\
         inputs:\n  words: two words\n  data: { type: uri_folder, path: ../../data/mnist }\n  table: { type: uri_file, path: './table 1.csv' }\n\
         outputs: { made: { type: uri_folder } }\n\
         environment: { build: { path: ./environment } }\n",
    );
    test.scaf(["job", "digits", "--engine", "host"]).current_dir(&root).ok();
    let run = fs::read_dir(root.join("runs/digits")).unwrap().flatten().next().unwrap();
    let job = run.file_name().into_string().unwrap();
    test.scaf(["jobs", "attach", &job]).current_dir(&root).ok();
    let made = fs::read_to_string(run.path().join("outputs/made/r.txt")).unwrap();
    assert_eq!(made, "of the data\nof the table\ntwowords");
}

#[test]
fn quiet_or_not_a_fall_back_is_said_with_its_reason() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    let told = test.scaf(["local", "-q"]).in_project().without_engine().ok().stderr;
    assert!(
        told.starts_with("warning: engine: host: a virtual environment of this machine, NOT the experiment's container, and its data can be written to (docker"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    // Whoever asked for it knows.
    assert_eq!(local(&test, &["-q"]).ok().stderr, "");
}

#[test]
fn where_nothing_can_run_it_both_reasons_are_said() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    std::fs::remove_file(test.path("src/digits/environment/requirements.txt")).unwrap();
    let told = test.scaf(["local"]).in_project().without_engine().status(1).stderr;
    assert!(told.starts_with("error: no container engine can run this\n  docker"), "{told}");
    assert!(
        told.contains(
            "\nand the host engine cannot either: the experiment has no `environment/requirements.txt`"
        ),
        "{told}"
    );
    assert!(told.contains("hint: `scaf doctor`") && told.contains("hint: pin them in"), "{told}");
    assert!(!told.contains("--engine docker"), "{told}");
    let told = local(&test, &[]).status(1).stderr;
    assert!(told.starts_with("error: the experiment has no") && told.contains("--engine docker"), "{told}");
}

#[test]
fn why_uv_cannot_fetch_a_python_is_said() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    test.write("src/digits/environment/Dockerfile", "FROM python:3.7-slim\n");
    let refusing =
        "#!/bin/sh\n[ \"$2\" = find ] || echo 'error: downloads are\nnot allowed here' >&2\nexit 2\n";
    let told = with_uv(&test, local(&test, &[]), refusing).status(1).stderr;
    assert!(told.contains("the Dockerfile is on Python 3.7, and this machine has Python 3."), "{told}");
    assert!(told.contains("uv: downloads are not allowed here"), "{told}");
    assert!(told.contains("hint: install Python 3.7\n") && !told.contains("install uv"), "{told}");
    let nothing = "#!/bin/sh\n[ \"$2\" = list ]\n";
    let told = with_uv(&test, local(&test, &[]), nothing).status(1).stderr;
    assert!(told.contains("uv: it has no Python 3.7 to fetch"), "{told}");
}

#[test]
fn data_that_is_to_be_read_only_is_refused_or_said_not_to_be() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    let told = local(&test, &["--data", "ro"]).status(1).stderr;
    assert!(told.contains("the `host` engine has no read-only mounts, which `--data ro` needs"), "{told}");
    let auto = test.scaf(["local", "--data", "ro"]).in_project().without_engine().status(1).stderr;
    assert!(auto.contains("`--data ro`") && auto.contains("no container engine can run this"), "{auto}");
    let mount = format!("-v {}:/mnt/more:ro", test.path("data").display());
    let told = local(&test, &["--run-xargs", &mount]).status(1).stderr;
    assert!(told.contains("read-only mounts") && told.contains("/mnt/more:ro"), "{told}");
    assert!(test.runs("digits").is_empty());
    let warned = "can be written to";
    assert!(!local(&test, &[]).ok().stderr.contains(warned));
    test.write("scaf.toml", &(test.read("scaf.toml") + "\n[data]\nmode = \"ro\"\n"));
    let told = local(&test, &[]).ok().stderr;
    assert!(told.contains(warned) && told.contains("`data.mode` is `ro` (scaf.toml:"), "{told}");
}

#[test]
fn data_that_was_said_to_be_elsewhere_must_be_there() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    let settings = test.read("scaf.toml");
    for (path, wanted, hint) in [
        ("datta", "names `datta`, which is not there", "mkdir -p "),
        ("scaf.toml", "names `scaf.toml`, which is not a folder", "name the folder"),
    ] {
        test.write("scaf.toml", &format!("{settings}\n[data]\npath = \"{path}\"\n"));
        let told = local(&test, &[]).status(1).stderr;
        assert!(told.contains("`data.path` (scaf.toml:") && told.contains(wanted), "{told}");
        assert!(told.contains(hint) && !told.contains(".old"), "{told}");
    }
    assert!(!test.path("datta").exists() && test.runs("digits").is_empty());
    // The default is made.
    test.write("scaf.toml", &settings);
    std::fs::remove_dir_all(test.path("data")).unwrap();
    local(&test, &[]).ok();
    assert!(test.path("data").is_dir());
}
