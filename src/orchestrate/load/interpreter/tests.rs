//! Hand-made Pythons: their folders, and a file that only looks like a program.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// The first bytes of an ELF file for this machine.
const ELF: [u8; 20] = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x3e, 0];

struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, PathBuf)>,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        fs::create_dir_all(machine.at("work/.git")).unwrap();
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(bytes.as_ref()).unwrap();
        self
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// An installation: the program, the standard library, the site folder.
    fn python(&self, prefix: &str, minor: u8) -> &Self {
        self.put(&format!("{prefix}/bin/python3.{minor}"), ELF);
        let program = self.at(prefix).join(format!("bin/python3.{minor}"));
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        self.link(&format!("{prefix}/bin/python3"), format!("python3.{minor}"));
        self.link(&format!("{prefix}/bin/python"), "python3");
        self.put(&format!("{prefix}/lib/python3.{minor}/os.py"), "");
        self.put(&format!("{prefix}/lib/python3.{minor}/site-packages/README.txt"), "");
        self
    }

    /// A virtual environment of an installation.
    fn venv(&self, folder: &str, base: &str, minor: u8, more: &str) -> &Self {
        let home = self.at(base).join("bin");
        self.put(
            &format!("{folder}/pyvenv.cfg"),
            format!("home = {}\nversion = 3.{minor}.1\n{more}", home.display()),
        );
        self.link(&format!("{folder}/bin/python"), home.join(format!("python3.{minor}")));
        self.put(&format!("{folder}/lib/python3.{minor}/site-packages/x.py"), "")
    }

    fn set(mut self, name: &'static str, value: impl Into<PathBuf>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn environment(&self) -> Environment {
        Environment::of(self.variables.iter().cloned())
    }

    fn choose(&self, asked: Option<&str>) -> Result<Interpreter, InterpreterError> {
        choose(asked.map(Path::new), &self.at("work"), &self.environment())
    }

    /// Relative to the machine's folder.
    fn shown(&self, paths: &[PathBuf]) -> Vec<String> {
        let shown =
            |path: &PathBuf| path.strip_prefix(self.folder.path()).unwrap_or(path).display().to_string();
        paths.iter().map(shown).collect()
    }
}

#[test]
fn a_virtual_environment_and_what_is_behind_it() {
    let machine = Machine::new();
    machine.python("py", 11).venv("work/env", "py", 11, "");
    machine.put("py/lib/python3.11/lib-dynload/x.so", "").put("py/lib/python311.zip", "");
    let python = machine.choose(Some("env")).unwrap();
    assert_eq!(python.version, (3, 11));
    assert_eq!(python.full_version.as_deref(), Some("3.11.1"));
    assert_eq!((python.implementation, python.machine, python.platform), ("cpython", "x86_64", "linux"));
    assert_eq!(python.chosen_by, ChosenBy::Asked);
    assert_eq!(
        machine.shown(&[python.executable, python.prefix, python.base_prefix]),
        ["work/env/bin/python", "work/env", "py"]
    );
    assert_eq!(machine.shown(&python.search), ["work/env/lib/python3.11/site-packages"]);
    assert_eq!(
        machine.shown(&python.stdlib),
        ["py/lib/python311.zip", "py/lib/python3.11", "py/lib/python3.11/lib-dynload"]
    );
}

#[test]
fn the_order_of_choice() {
    let mut machine = Machine::new();
    for (prefix, minor) in [("asked", 8), ("conda", 12), ("path", 9)] {
        machine.python(prefix, minor);
    }
    machine.venv("active", "asked", 8, "").venv("work/.venv", "asked", 8, "");
    let chosen = |machine: &Machine, asked| {
        let python = machine.choose(asked).unwrap();
        (python.chosen_by.as_str(), machine.shown(&[python.prefix]).remove(0))
    };
    machine = machine.set("PATH", "/nowhere").set("VIRTUAL_ENV", "").set("CONDA_PREFIX", "");
    for (index, value) in [(0, "path/bin"), (1, "active"), (2, "conda")] {
        let value = machine.at(value);
        machine.variables[index].1 = value;
    }
    assert_eq!(chosen(&machine, Some("../asked/bin/python")), ("--python", "asked".into()));
    assert_eq!(chosen(&machine, None), ("VIRTUAL_ENV", "active".into()));
    machine.variables[1].1 = PathBuf::new();
    assert_eq!(chosen(&machine, None), ("CONDA_PREFIX", "conda".into()));
    // One without Python is no answer.
    machine.variables[2].1 = machine.at("work");
    assert_eq!(chosen(&machine, None), (".venv", "work/.venv".into()));
    fs::remove_dir_all(machine.at("work/.venv")).unwrap();
    assert_eq!(chosen(&machine, None), ("PATH", "path".into()));
    assert_eq!(chosen(&machine, Some("3.9")), ("--python", "path".into()));
    assert_eq!(chosen(&machine, Some("python3.9")), ("--python", "path".into()));
    machine.variables[0].1 = machine.at("work");
    assert!(matches!(machine.choose(None), Err(InterpreterError::None)));
}

#[test]
fn a_dot_venv_is_looked_for_up_to_the_root_of_the_repository_and_no_further() {
    let machine = Machine::new();
    machine.python("py", 11).venv("work/.venv", "py", 11, "").venv(".venv", "py", 11, "");
    fs::create_dir_all(machine.at("work/src/exp")).unwrap();
    let from = |folder: &str| {
        let python = choose(None, &machine.at(folder), &machine.environment());
        python.map(|python| machine.shown(&[python.prefix]).remove(0)).ok()
    };
    assert_eq!(from("work/src/exp").as_deref(), Some("work/.venv"));
    fs::remove_dir_all(machine.at("work/.venv")).unwrap();
    assert_eq!(from("work/src/exp"), None);
    assert_eq!(from("").as_deref(), Some(".venv"));
}

#[test]
fn the_order_of_site_folders() {
    let machine = Machine::new().set("HOME", "").set("PYTHONNOUSERSITE", "");
    let mut machine = machine;
    machine.variables[0].1 = machine.at("home");
    machine.python("py", 11);
    machine.put("home/.local/lib/python3.11/site-packages/mine.py", "");
    machine.venv("closed", "py", 11, "include-system-site-packages = false\n");
    machine.venv("open", "py", 11, "include-system-site-packages = True\n");
    let search = |machine: &Machine, asked: &str| machine.shown(&machine.choose(Some(asked)).unwrap().search);
    let (own, user, system) = (
        "open/lib/python3.11/site-packages",
        "home/.local/lib/python3.11/site-packages",
        "py/lib/python3.11/site-packages",
    );
    assert_eq!(search(&machine, "../py"), [user, system]);
    assert_eq!(search(&machine, "../closed"), ["closed/lib/python3.11/site-packages"]);
    assert_eq!(search(&machine, "../open"), [own, user, system]);
    machine.variables[1].1 = "1".into();
    assert_eq!(search(&machine, "../open"), [own, system]);
    machine.variables[1].1 = PathBuf::new();
    machine.put("base/lib/python3.11/site-packages/x.py", "");
    let base = machine.at("base");
    let machine = machine.set("PYTHONUSERBASE", base);
    assert_eq!(search(&machine, "../py"), ["base/lib/python3.11/site-packages", system]);
}

#[test]
fn the_folders_of_debian() {
    let machine = Machine::new();
    machine.put("usr/bin/python3.11", ELF).link("usr/bin/python3", "python3.11");
    machine.put("usr/lib/python3.11/os.py", "").put("usr/lib/python3/dist-packages/apt.py", "");
    machine.put("usr/local/lib/python3.11/dist-packages/pipped.py", "");
    let system = ["usr/local/lib/python3.11/dist-packages", "usr/lib/python3/dist-packages"];
    let python = machine.choose(Some("../usr/bin/python3")).unwrap();
    assert_eq!(python.version, (3, 11));
    assert_eq!(machine.shown(&python.search), system);
    machine.venv("work/open", "usr", 11, "include-system-site-packages = true\n");
    let python = machine.choose(Some("open")).unwrap();
    assert_eq!(
        machine.shown(&python.search),
        ["work/open/lib/python3.11/site-packages", system[0], system[1]]
    );
}

#[test]
fn the_paths_of_pythonpath() {
    let machine = Machine::new();
    machine.python("py", 11).put("work/lib/x.py", "").put("more/y.py", "");
    let text = format!("lib::{}:/nowhere/at/all:lib", machine.at("more").display());
    let machine = machine.set("PYTHONPATH", text);
    let python = machine.choose(Some("../py")).unwrap();
    assert_eq!(machine.shown(&python.python_path), ["work/lib", "work", "more"]);
}

#[test]
fn the_version_comes_from_where_it_can_be_had() {
    let machine = Machine::new();
    // A header of the installation says what runs, whatever the environment was made with.
    machine.python("headed", 12).put(
        "headed/include/python3.12/patchlevel.h",
        "#define PY_MICRO_VERSION 7\n/* … */\n#define PY_VERSION              \"3.12.7+\"\n",
    );
    machine.venv("work/env", "headed", 12, "");
    assert_eq!(machine.choose(Some("env")).unwrap().full_version.as_deref(), Some("3.12.7"));
    machine.python("versions/3.10.4", 10);
    assert_eq!(machine.choose(Some("../versions/3.10.4")).unwrap().full_version.as_deref(), Some("3.10.4"));
    machine.python("conda", 9).put("conda/conda-meta/python-3.9.18-h0_cpython.json", "{}");
    assert_eq!(machine.choose(Some("../conda")).unwrap().full_version.as_deref(), Some("3.9.18"));
    machine.python("plain", 13);
    let plain = machine.choose(Some("../plain")).unwrap();
    assert_eq!((plain.version, plain.full_version), ((3, 13), None));
    // A program whose name says nothing.
    machine.put("named/bin/python", ELF).put("named/lib/python3.8/os.py", "");
    assert_eq!(machine.choose(Some("../named")).unwrap().version, (3, 8));
}

#[test]
fn pypy_and_the_python_without_a_lock() {
    let machine = Machine::new();
    machine.put("pypy/bin/pypy3.10", ELF).link("pypy/bin/python", "pypy3.10");
    machine.put("pypy/lib/pypy3.10/os.py", "").put("pypy/lib/pypy3.10/site-packages/x.py", "");
    let python = machine.choose(Some("../pypy")).unwrap();
    assert_eq!((python.implementation, python.version), ("pypy", (3, 10)));
    assert_eq!(machine.shown(&python.search), ["pypy/lib/pypy3.10/site-packages"]);
    machine.put("free/bin/python3.13", ELF).put("free/lib/python3.13t/os.py", "");
    machine.put("free/lib/python3.13t/site-packages/x.py", "");
    let python = machine.choose(Some("../free/bin/python3.13")).unwrap();
    assert!(python.free_threaded);
    assert_eq!(machine.shown(&python.search), ["free/lib/python3.13t/site-packages"]);
}

#[test]
fn a_program_for_another_machine_is_seen_as_that() {
    let machine = Machine::new();
    machine.python("py", 11);
    let mut elf = ELF;
    elf[18] = 0xb7;
    machine.put("py/bin/python3.11", elf);
    assert_eq!(machine.choose(Some("../py")).unwrap().machine, "aarch64");
}

#[test]
fn a_python_that_is_not_there() {
    let machine = Machine::new().set("PATH", "/nowhere");
    for (asked, said) in [
        ("../none/bin/python", "there is no Python `"),
        ("3.99", "there is no `python3.99` on the PATH, which --python asks for"),
        ("nonsense", "there is no `nonsense` on the PATH, which --python asks for"),
    ] {
        let error = machine.choose(Some(asked)).unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
        assert_eq!(error.hints(), ["a Python, the folder of an environment, or a version: `--python 3.11`"]);
    }
    let machine = machine.set("VIRTUAL_ENV", "/nowhere/env");
    let error = machine.choose(None).unwrap_err();
    assert_eq!(error.to_string(), "there is no Python `/nowhere/env`, which VIRTUAL_ENV names");
    assert_eq!(error.hints()[0], "leave it: `unset VIRTUAL_ENV`");
}

#[test]
fn a_folder_that_is_no_environment_and_a_file_that_is_no_python() {
    let machine = Machine::new();
    fs::create_dir_all(machine.at("work/data")).unwrap();
    let error = machine.choose(Some("data")).unwrap_err();
    assert!(
        error.to_string().ends_with("/work/data`, which --python names, is no Python environment"),
        "{error}"
    );
    assert!(error.hints()[0].contains("python3 -m venv .venv"));
    machine.put("work/notes.txt", "words");
    let error = machine.choose(Some("notes.txt")).unwrap_err();
    assert!(
        error.to_string().ends_with("notes.txt` is neither a Python nor a script that starts one"),
        "{error}"
    );
    machine.put("work/odd/bin/python", ELF);
    let error = machine.choose(Some("odd")).unwrap_err();
    assert!(matches!(error, InterpreterError::Version { .. }), "{error}");
}

#[test]
fn an_environment_whose_python_is_gone() {
    let machine = Machine::new();
    machine.python("py", 11).venv("work/.venv", "py", 11, "");
    fs::remove_dir_all(machine.at("py")).unwrap();
    let error = machine.choose(None).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("the Python of `") && said.contains("/work/.venv` is gone: `"), "{said}");
    assert!(said.ends_with("/py/bin/python3.11`"), "{said}");
    assert!(error.hints()[0].starts_with("make the environment anew: `python3 -m venv --clear "));
}

#[test]
fn a_broken_configuration_of_an_environment() {
    let machine = Machine::new();
    machine.python("py", 11).venv("work/env", "py", 11, "");
    for (bytes, said) in [
        (&b"version = 3.11\n"[..], "does not say where its Python is: it has no `home`"),
        (b"home = /x\xff\n", "is not UTF-8 text"),
        (b"", "does not say where its Python is: it has no `home`"),
    ] {
        machine.put("work/env/pyvenv.cfg", bytes);
        let error = machine.choose(Some("env")).unwrap_err();
        assert!(error.to_string().ends_with(&format!("pyvenv.cfg` {said}")), "{error}");
        assert_eq!(error.hints().len(), 2);
    }
}

#[test]
fn links_in_circles_end() {
    let machine = Machine::new();
    machine.link("work/env/bin/python", "python").put("work/env/pyvenv.cfg", "home = /usr/bin\n");
    assert!(matches!(machine.choose(Some("env")), Err(InterpreterError::Read { .. })));
}

fn script(machine: &Machine, path: &str, text: &str) {
    machine.put(path, text);
    fs::set_permissions(machine.at(path), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_shim_is_asked_which_python_it_starts() {
    let machine = Machine::new();
    machine.python("py", 11);
    let real = machine.at("py/bin/python3.11");
    script(&machine, "shims/python3", &format!("#!/bin/sh\necho {}\n", real.display()));
    let shims = machine.at("shims");
    let machine = machine.set("PATH", shims);
    let python = machine.choose(None).unwrap();
    assert_eq!(machine.shown(&[python.executable, python.prefix]), ["py/bin/python3.11", "py"]);
}

#[test]
fn a_shim_that_starts_no_python_says_why() {
    let machine = Machine::new();
    for (text, said) in [
        (
            "#!/bin/sh\necho 'pyenv: version `3.99` is not installed' >&2\nexit 1\n",
            "pyenv: version `3.99` is not installed",
        ),
        ("#!/bin/sh\nexit 3\n", "exit status: 3"),
        ("#!/bin/sh\necho not a path\n", "exit status: 0"),
    ] {
        script(&machine, "shims/python3", text);
        let error = machine.choose(Some("../shims/python3")).unwrap_err();
        assert!(error.to_string().ends_with(&format!("python3` starts no Python: {said}")), "{error}");
    }
    script(
        &machine,
        "shims/python3",
        &format!("#!/bin/sh\necho {}\n", machine.at("shims/python3").display()),
    );
    assert!(matches!(machine.choose(Some("../shims/python3")), Err(InterpreterError::Kind { .. })));
}

#[test]
fn a_shim_that_does_not_answer_is_given_up() {
    let machine = Machine::new();
    // Its output stays open by a child of its own.
    script(&machine, "hang", "#!/bin/sh\nsleep 600 &\necho $! > child\nwait\n");
    let said = shim::real(
        &machine.at("hang"),
        &machine.at("work"),
        &Environment::default(),
        Duration::from_millis(500),
    );
    assert_eq!(said.unwrap_err(), "it has not answered within 0 s");
}
