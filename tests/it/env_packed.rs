//! Code of this machine, packed by `scaf env lock`, looked after by `scaf env check`, and told where it would be left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::bad_index::{BadIndex, path_with_uv};
use crate::env_lock::{Ground, said};
use crate::local_ground::{ENVIRONMENT, compile, of_folder, sha256, suffix, write};
use crate::support::{need, python_image, python_minor};

#[test]
fn a_compiled_module_of_the_experiment_itself_is_held_against_the_target() {
    if !need("gcc") {
        return;
    }
    let ground = Ground::new("import _own\n");
    let file = format!("_own{}", suffix());
    compile(&ground.test.path(&format!("src/exp/{file}")), Some("_own"));
    let machine = std::env::consts::ARCH;
    let here = format!("linux-{machine}");
    let lock = |platform: &str| {
        ground.lock(&["--platform", platform]).env("PATH", ground.test.root().join("no-tools"))
    };
    lock(&here).ok();
    assert_eq!(ground.errors(), Vec::<String>::new());
    let other = if machine == "x86_64" { "linux-aarch64" } else { "linux-x86_64" };
    let talk = said(&lock(other).status(1));
    assert!(talk.contains(&format!("`{file}` is for Linux on {machine}")), "{talk}");
    let text = ground.locked().replace(&here, other);
    ground.test.write(&format!("{ENVIRONMENT}/requirements.lock"), &text);
    assert!(
        ground.errors()[0].starts_with(&format!("other-machine {file}:1 `{file}` is for Linux on {machine}")),
        "{:?}",
        ground.errors()
    );
    ground.waive("_own");
    lock(other).ok();
}

#[test]
fn what_is_imported_by_name_and_travels_as_a_wheel_is_not_guessed_anew() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("mylib", "9.0", &["evil"]), ("evil", "1.0", &[])]);
    let ground = Ground::new("import mylib\n");
    ground.local("mylib", "0.1", &[("mylib/__init__.py", "")]);
    ground.with(&index, &[]).ok();
    let before = ground.locked();
    fs::remove_dir_all(ground.site.join("mylib-0.1.dist-info")).unwrap();
    fs::remove_dir_all(ground.site.join("mylib")).unwrap();
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["./mylib-0.1-py3-none-any.whl"]);
    assert_eq!(ground.locked().replace("# by: uv\n", "# by: what is installed\n"), before);
    assert!(!index.requests().contains("mylib"));
}

#[test]
fn a_wheel_that_is_still_there_is_copied_and_what_its_user_names_is_kept() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("part", "1.5", &[])]);
    let ground = Ground::new("import lib\n");
    let build = ground.test.root().join("dist");
    let made = Command::new("python3")
        .arg(crate::support::here().join("tests/servers/make-wheel.py"))
        .args(["lib", "1.0"])
        .arg(&build)
        .args(["--requires", "part"])
        .output()
        .unwrap();
    assert!(made.status.success());
    let built = build.join("lib-1.0-py3-none-any.whl");
    let url = |hash: &str| {
        format!(
            r#"{{"url": "file://{}", "archive_info": {{"hashes": {{"sha256": "{hash}"}}}}}}"#,
            built.display()
        )
    };
    let lay = |hash: &str| {
        ground.lay(
            "lib",
            "1.0",
            &[("lib/__init__.py", "X = 1\n")],
            &[("direct_url.json", &url(hash)), ("METADATA", "Requires-Dist: part\n")],
        );
    };
    lay(&sha256(&built));
    ground.install("part", "1.5", &[]);
    let outcome = ground.with(&index, &[]).ok();
    let copied = ground.environment("lib-1.0-py3-none-any.whl");
    assert_eq!(fs::read(&copied).unwrap(), fs::read(&built).unwrap());
    assert!(said(&outcome).contains("copied as lib-1.0-py3-none-any.whl"), "{}", said(&outcome));
    // It was built again since: what is installed counts.
    lay(&"0".repeat(64));
    let talk = said(&ground.with(&index, &[]).ok());
    assert!(talk.contains("packed as lib-1.0"), "{talk}");
    assert_eq!(ground.inside("lib-1.0-py3-none-any.whl"), ["lib/__init__.py"]);
    // A line of the user's own is the user's.
    fs::copy(&built, &copied).unwrap();
    ground.test.write(&format!("{ENVIRONMENT}/requirements.txt"), "# ours\n./lib-1.0-py3-none-any.whl[x]\n");
    fs::remove_dir_all(ground.site.join("lib-1.0.dist-info")).unwrap();
    fs::remove_dir_all(ground.site.join("lib")).unwrap();
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["./lib-1.0-py3-none-any.whl", "part==1.5"]);
    assert_eq!(ground.requirements(), "# ours\n./lib-1.0-py3-none-any.whl[x]\n");
    assert_eq!(fs::read(&copied).unwrap(), fs::read(&built).unwrap());
    fs::remove_file(&copied).unwrap();
    let talk = said(&ground.with(&index, &[]).status(1));
    assert!(
        talk.contains("environment/requirements.txt:2: `./lib-1.0-py3-none-any.whl` is not there"),
        "{talk}"
    );
}

#[test]
fn a_wheel_that_the_lock_no_longer_names_is_taken_away_and_no_other() {
    let ground = Ground::new("import lib\n");
    ground.local("lib", "1.0", &[("lib/__init__.py", "")]);
    ground.test.write(&format!("{ENVIRONMENT}/vendored-1.0-py3-none-any.whl"), "somebody's own");
    ground.alone(&[]).ok();
    assert_eq!(ground.wheels(), ["lib-1.0-py3-none-any.whl", "vendored-1.0-py3-none-any.whl"]);
    fs::remove_dir_all(ground.site.join("lib-1.0.dist-info")).unwrap();
    ground.local("lib", "2.0", &[("lib/__init__.py", "")]);
    let dry = ground.alone(&["--dry-run"]).ok().stdout;
    assert!(dry.contains("rm -rf") && dry.contains("lib-1.0-py3-none-any.whl"), "{dry}");
    let outcome = ground.alone(&[]).ok();
    assert_eq!(ground.wheels(), ["lib-2.0-py3-none-any.whl", "vendored-1.0-py3-none-any.whl"]);
    assert!(
        said(&outcome).contains("removed src/exp/environment/lib-1.0-py3-none-any.whl"),
        "{}",
        said(&outcome)
    );
    ground.test.write("src/exp/train.py", "");
    ground.alone(&[]).ok();
    assert_eq!(ground.wheels(), ["vendored-1.0-py3-none-any.whl"]);
    assert!(!ground.requirements().contains("lib"), "{}", ground.requirements());
}

#[test]
fn the_printed_shell_makes_the_same_wheel() {
    let ground = Ground::new("import lib\n");
    ground.local("lib", "1.0", &[("lib/__init__.py", "X = \"é\\n\"\n"), ("lib/a,\"b\".txt", "x")]);
    fs::set_permissions(ground.site.join("lib/__init__.py"), fs::Permissions::from_mode(0o755)).unwrap();
    let shell = ground.alone(&["--dry-run"]).ok().stdout;
    assert_eq!(ground.wheels(), Vec::<String>::new());
    let script = ground.test.root().join("script.sh");
    fs::write(&script, shell).unwrap();
    assert!(Command::new("sh").arg(&script).status().unwrap().success());
    let by_shell = sha256(&ground.environment("lib-1.0-py3-none-any.whl"));
    fs::remove_file(ground.environment("lib-1.0-py3-none-any.whl")).unwrap();
    ground.alone(&[]).ok();
    assert_eq!(sha256(&ground.environment("lib-1.0-py3-none-any.whl")), by_shell);
}

#[test]
fn programs_and_data_beside_the_packages_travel_and_what_lies_elsewhere_is_told() {
    if !need("uv") {
        return;
    }
    let ground = Ground::new("import lib\n");
    let bin = "../../../bin";
    let script =
        format!("#!{}/bin/python3\nimport lib; print('here')\n", ground.test.path(".venv").display());
    ground.lay(
        "lib",
        "1.0",
        &[
            ("lib/__init__.py", ""),
            (&format!("{bin}/made"), "#!/x/python\n"),
            (&format!("{bin}/own"), &script),
            ("../../../share/lib/x.json", "{}"),
        ],
        &[
            ("direct_url.json", &of_folder(Path::new("/src/lib"), false)),
            ("entry_points.txt", "[console_scripts]\nmade = lib:main\n"),
        ],
    );
    let found = ground.test.scaf(["env", "detect", "exp", "--json"]).in_project().ok().json();
    assert_eq!(found["third_party"]["lib"]["files_outside"].as_array().unwrap().len(), 3);
    ground.alone(&[]).ok();
    assert_eq!(
        ground.inside("lib-1.0-py3-none-any.whl"),
        [
            "lib-1.0.data/data/share/lib/x.json",
            "lib-1.0.data/scripts/own",
            "lib/__init__.py",
            "lib-1.0.dist-info/entry_points.txt"
        ]
    );
    let code = "import os, subprocess, sys; b = os.path.join(sys.prefix, 'bin'); \
                print(subprocess.check_output([b + '/own'], text=True).strip(), os.path.exists(b + '/made'), os.path.exists(sys.prefix + '/share/lib/x.json'))";
    assert_eq!(ground.try_out("lib-1.0-py3-none-any.whl", code), "here True True");
    let outside = ground.test.root().join("elsewhere.conf");
    write(&outside, "");
    let record = ground.site.join("lib-1.0.dist-info/RECORD");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, format!("{text}{},,\n", outside.display())).unwrap();
    let talk = said(&ground.alone(&[]).status(1));
    assert!(
        talk.contains(&format!("`lib` has put `{}` outside of its environment", outside.display())),
        "{talk}"
    );
    fs::write(&record, format!("{text}lib/gone.py,,\nlib/gone2.py,,\n")).unwrap();
    let talk = said(&ground.alone(&[]).status(1));
    assert!(
        talk.contains("`lib` is not whole: `lib/gone.py` is recorded and not there (and 1 more)"),
        "{talk}"
    );
}

#[test]
fn a_distribution_of_conda_or_of_the_system_that_the_index_lacks_has_a_way_out() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("both", "1.0", &[])]);
    let ground = Ground::new("import both\nimport alone\n");
    ground.install("both", "1.0", &[]).put("both-1.0.dist-info/INSTALLER", "conda\n");
    ground.install("alone", "2.0", &[]).put("alone-2.0.dist-info/INSTALLER", "conda\n");
    let talk = said(&ground.with(&index, &[]).status(1));
    assert!(talk.contains("`alone` is not on the package index") || talk.contains("`alone==2.0`"), "{talk}");
    assert!(talk.contains("a line in the Dockerfile does: `RUN conda install --yes alone=2.0`"), "{talk}");
    ground.put("alone-2.0.dist-info/INSTALLER", "debian\n");
    let talk = said(&ground.with(&index, &[]).status(1));
    assert!(talk.contains("apt-get install --yes --no-install-recommends python3-alone"), "{talk}");
    ground.waive("alone");
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["both==1.0"]);
}

#[test]
fn what_conda_alone_knows_is_looked_for_by_the_name_that_an_index_has() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("opencv-python", "4.9.0", &[]), ("py-opencv", "4.9.0", &["evil"])]);
    let ground = Ground::new("import cv2\n");
    ground.put("cv2/__init__.py", "");
    let file = format!("lib/python{}/site-packages/cv2/__init__.py", python_minor());
    let record =
        format!(r#"{{"name": "py-opencv", "version": "4.9.0", "build": "py_0", "files": ["{file}"]}}"#);
    write(&ground.test.path(".venv/conda-meta/py-opencv-4.9.0-py_0.json"), &record);
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["opencv-python==4.9.0"]);
}

#[test]
fn code_of_this_machine_that_tests_alone_need_is_told() {
    let ground = Ground::new("");
    ground.test.write("src/exp/tests/test_it.py", "import checks\n");
    ground.local("checks", "1.0", &[("checks.py", "")]);
    let talk = said(&ground.alone(&[]).ok());
    assert!(talk.contains("that notebooks or tests alone need is not packed: `checks`"), "{talk}");
    assert_eq!(ground.wheels(), Vec::<String>::new());
}

#[test]
fn before_a_run_one_line_says_that_a_wheel_is_old() {
    let ground = Ground::new("import lib\nprint('lib says', lib.X)\n");
    let source = ground.test.root().join("lib_project/src");
    write(&source.join("lib/__init__.py"), "X = 1\n");
    ground.editable("lib", "1.0", &source, "", &[]);
    ground.alone(&[]).ok();
    let local = || ground.test.scaf(["local", "exp", "--engine", "host"]).in_project().ok();
    let run = local();
    assert!(run.stdout.contains("lib says 1") && !run.stderr.contains("warning:"), "{}", run.stderr);
    write(&source.join("lib/__init__.py"), "X = 2\n");
    let run = local();
    let line = "`lib-1.0-py3-none-any.whl` is not what `lib` is on this machine now: `scaf env lock exp`";
    assert!(run.stdout.contains("lib says 1") && run.stderr.contains(line), "{}", run.stderr);
    ground.alone(&[]).ok();
    let run = local();
    assert!(
        run.stdout.contains("lib says 2") && !run.stderr.contains("warning:"),
        "another environment: {}",
        run.stderr
    );
}

#[test]
fn modules_from_outside_of_the_experiment_are_named_with_the_way_out() {
    let ground = Ground::new(
        "import sys\nsys.path.append('../../lib')\nimport helper\nimport by_path\nimport loose\nimport other.part\nimport shared_one\n",
    );
    ground.test.write("lib/helper.py", "import deeper\n").write("lib/deeper.py", "");
    ground.test.write("src/other/part.py", "").write("src/other/__init__.py", "");
    ground.test.write("src/common/shared_one.py", "");
    ground
        .test
        .write("src/exp/tests/test_it.py", "import sys\nsys.path.append('../../lib')\nimport for_tests\n")
        .write("lib/for_tests.py", "");
    let by_path = ground.test.root().join("by_path");
    write(&by_path.join("by_path.py"), "");
    ground.put("loose.py", "");
    let lock = || ground.alone(&[]).env("PYTHONPATH", &by_path);
    let talk = said(&lock().status(1));
    for line in [
        "train.py:3: `helper` lies in `lib/helper.py`".to_owned(),
        format!("train.py:4: `by_path` lies in `{}/by_path.py`", by_path.display()),
        "train.py:5: `loose` lies in `.venv/lib/".to_owned(),
        "train.py:6: `other` is no known package, and `src/other` is there".to_owned(),
        "train.py:7: `shared_one` is no known package, and `src/common/shared_one.py` is there".to_owned(),
        "hint: link it: `scaf dependency exp shared_one.py`, and import it as `common.shared_one`".to_owned(),
        "or make a package of it and install that".to_owned(),
    ] {
        assert!(talk.contains(&line), "{line} in {talk}");
    }
    assert!(!talk.contains("deeper"), "it lies where it lies because of the other: {talk}");
    assert!(!ground.environment("requirements.lock").exists());
    let check = ground
        .test
        .scaf(["env", "check", "exp", "--offline"])
        .in_project()
        .env("PYTHONPATH", &by_path)
        .status(1);
    assert!(check.stdout.contains("left-behind"), "{}", check.stdout);
    let settings = ground.test.read("scaf.toml");
    ground.test.write(
        "scaf.toml",
        &format!(
            "{settings}\n[env]\nwaive = [\"helper\", \"by_path\", \"loose\", \"other\", \"shared_one\"]\n"
        ),
    );
    let talk = said(&lock().ok());
    assert!(talk.contains("warning: tests/test_it.py:3: `for_tests` lies in `lib/for_tests.py`"), "{talk}");
    assert_eq!(ground.pins(), Vec::<String>::new());
}

#[test]
fn an_editable_install_that_holds_the_experiment_is_no_package_of_it() {
    let ground = Ground::new("import other.part\n");
    ground.test.write("src/other/part.py", "").write("src/other/__init__.py", "");
    ground.editable("whole-project", "1.0", &ground.test.path("src"), "", &[]);
    let talk = said(&ground.alone(&[]).status(1));
    assert!(
        talk.contains("`whole-project` is installed in place from `")
            && talk.contains("where the experiment itself lies"),
        "{talk}"
    );
    assert!(talk.contains("`src/common`, and `scaf dependency EXP PATH` links it"), "{talk}");
    ground.waive("whole-project");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), Vec::<String>::new());
}

#[test]
fn a_wheel_that_is_older_than_its_source_or_is_not_copied_is_an_error() {
    let ground = Ground::new("import lib\n");
    let source = ground.test.root().join("lib_project/src");
    write(&source.join("lib/__init__.py"), "X = 1\n");
    ground.editable("lib", "1.0", &source, "", &[]);
    ground.alone(&[]).ok();
    assert_eq!(ground.errors(), Vec::<String>::new());
    // Times are no matter.
    let file = fs::File::options().write(true).open(source.join("lib/__init__.py")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(ground.errors(), Vec::<String>::new());
    write(&source.join("lib/__init__.py"), "X = 2\n");
    assert_eq!(ground.errors().len(), 1);
    assert!(
        ground.errors()[0].ends_with("`lib-1.0-py3-none-any.whl` is not what `lib` is on this machine now"),
        "{:?}",
        ground.errors()
    );
    ground.alone(&[]).ok();
    assert_eq!(ground.errors(), Vec::<String>::new());
    let dockerfile = ground.test.read(&format!("{ENVIRONMENT}/Dockerfile"));
    ground.test.write(&format!("{ENVIRONMENT}/.dockerignore"), "*.whl\n");
    assert!(ground.errors()[0].starts_with("not-copied "), "{:?}", ground.errors());
    fs::remove_file(ground.environment(".dockerignore")).unwrap();
    ground.test.write(&format!("{ENVIRONMENT}/Dockerfile"), &dockerfile.replace(" *.whl", ""));
    assert!(ground.errors()[0].starts_with("not-copied "), "{:?}", ground.errors());
    let elsewhere = dockerfile
        .replace("RUN cd /opt/environment && ", "RUN ")
        .replace("-r all.txt", "-r /opt/environment/requirements.lock");
    ground.test.write(&format!("{ENVIRONMENT}/Dockerfile"), &elsewhere);
    assert!(ground.errors()[0].starts_with("not-copied environment/Dockerfile:"), "{:?}", ground.errors());
    let talk = said(&ground.alone(&[]).ok());
    assert!(talk.contains("starts the installer in another folder"), "{talk}");
    ground.test.write(&format!("{ENVIRONMENT}/Dockerfile"), &dockerfile.replace(" *.whl", ""));
    let talk = said(&ground.alone(&[]).ok());
    assert!(
        talk.contains("does not copy `lib-1.0-py3-none-any.whl`, so that the image cannot be built"),
        "{talk}"
    );
    assert!(
        talk.contains(
            "`COPY requirements* *.whl /opt/environment/` and `RUN cd /opt/environment && pip install"
        ),
        "{talk}"
    );
}

#[test]
fn every_kind_of_editable_install_that_a_build_backend_makes() {
    if !need("uv") || !need("index") {
        return;
    }
    let ground = Ground::new(
        "import flat\nimport tool\nimport hatched\nimport strict\nimport space.inner\nimport copied\n",
    );
    let sources = ground.test.root().join("sources");
    let project = |name: &str, backend: &str, more: &str| {
        let (requires, backend) = match backend {
            "hatchling" => ("hatchling", "hatchling.build"),
            _ => ("setuptools", "setuptools.build_meta"),
        };
        write(
            &sources.join(name).join("pyproject.toml"),
            &format!(
                "[build-system]\nrequires = [\"{requires}\"]\nbuild-backend = \"{backend}\"\n[project]\nname = \"scaf-{name}\"\nversion = \"0.1.0\"\n{more}"
            ),
        );
    };
    project("flat", "", "[tool.setuptools]\npackages = [\"flat\"]\n");
    write(&sources.join("flat/flat/__init__.py"), "");
    write(&sources.join("flat/tests/test_flat.py"), "");
    project("tool", "", "[tool.setuptools.packages.find]\nwhere = [\"src\"]\n");
    write(&sources.join("tool/src/tool/__init__.py"), "");
    project("hatched", "hatchling", "[tool.hatch.build.targets.wheel]\npackages = [\"hatched\"]\n");
    write(&sources.join("hatched/hatched/__init__.py"), "");
    project("strict", "", "[tool.setuptools]\npackages = [\"strict\"]\n");
    write(&sources.join("strict/strict/__init__.py"), "");
    project(
        "space",
        "",
        "[tool.setuptools.packages.find]\nwhere = [\".\"]\ninclude = [\"space.*\"]\nnamespaces = true\n",
    );
    write(&sources.join("space/space/inner/__init__.py"), "");
    project("copied", "", "[tool.setuptools]\npackages = [\"copied\"]\n");
    write(&sources.join("copied/copied/__init__.py"), "");
    let venv = ground.test.path(".venv/bin/python").display().to_string();
    let install = |words: &[&str]| {
        let output = Command::new("uv")
            .args(["pip", "install", "--quiet", "--python", &venv])
            .args(words)
            .current_dir(&sources)
            .env("PATH", path_with_uv())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for name in ["flat", "tool", "hatched", "space"] {
        install(&["-e", &format!("./{name}")]);
    }
    install(&["-e", "./strict", "--config-setting", "editable_mode=strict"]);
    install(&["./copied"]);
    ground.alone(&[]).ok();
    for (name, files) in [
        ("flat", &["flat/__init__.py"][..]),
        ("tool", &["tool/__init__.py"]),
        ("hatched", &["hatched/__init__.py"]),
        ("strict", &["strict/__init__.py"]),
        ("space", &["space/inner/__init__.py"]),
        ("copied", &["copied/__init__.py"]),
    ] {
        let inside = ground.inside(&format!("scaf_{name}-0.1.0-py3-none-any.whl"));
        let code: Vec<&str> =
            inside.iter().map(String::as_str).filter(|file| !file.contains(".dist-info/")).collect();
        assert_eq!(code, files, "{name}");
    }
}

#[test]
fn the_wheel_is_in_the_image_and_its_metadata_answers() {
    if !need("docker") || !need("uv") || python_image() != format!("python:{}-slim", python_minor()) {
        return;
    }
    let ground = Ground::new(
        "import importlib.metadata\nimport lib, part\nprint('in the image:', importlib.metadata.version('my-lib'), lib.WORDS, part.X)\n",
    );
    let source = ground.test.root().join("lib_project/src");
    write(
        &source.join("lib/__init__.py"),
        "import os, part\nWORDS = open(os.path.join(os.path.dirname(__file__), 'words.txt')).read().strip()\n",
    );
    write(&source.join("lib/words.txt"), "words\n");
    ground.editable("my-lib", "0.3.1", &source, "Requires-Dist: my-part\n", &[]);
    // Needs nothing of an index either, so that the build has to talk to none.
    ground.local("my-part", "2.0", &[("part.py", "X = 7\n")]);
    ground.alone(&[]).ok();
    assert_eq!(ground.wheels(), ["my_lib-0.3.1-py3-none-any.whl", "my_part-2.0-py3-none-any.whl"]);
    for engine in ["docker", "host"] {
        let run = ground.test.scaf(["local", "exp", "--engine", engine]).in_project().ok();
        assert!(
            run.stdout.contains("in the image: 0.3.1 words 7"),
            "{engine}: {}\n{}",
            run.stdout,
            run.stderr
        );
    }
    // With what the builder of old makes of the same Dockerfile.
    let tag = format!("scaf-test-local-wheel:{}", std::process::id());
    let built = Command::new("docker")
        .args(["build", "--quiet", "--no-cache", "--network", "none", "--tag", &tag])
        .arg(ground.test.path(ENVIRONMENT))
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let answer = Command::new("docker")
        .args([
            "run",
            "--rm",
            &tag,
            "python",
            "-c",
            "import importlib.metadata as m, lib; print(m.version('my-lib'), m.version('my-part'))",
        ])
        .output()
        .unwrap();
    let _ = Command::new("docker").args(["rmi", "--force", &tag]).output();
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "0.3.1 2.0");
}
