//! Code of this machine that nobody else can fetch, case by case: the numbers are those of the list that `env_regressions.rs`
//! is about, the letters those of the acceptance cases beside it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::bad_index::BadIndex;
use crate::env_lock::{Ground, said};
use crate::local_ground::{ENVIRONMENT, compile, of_folder, sha256, suffix, tag, write};
use crate::support::{need, python_minor};

#[test]
fn case_21_acceptance_f_i_an_editable_install_travels_with_metadata_and_what_it_declares() {
    if !need("uv") {
        return;
    }
    let ground = Ground::new("import tool\n");
    let source = ground.test.root().join("tool_project/src");
    let code = "from importlib.metadata import version\n__version__ = version('my-tool')\n";
    write(&source.join("tool/__init__.py"), code);
    write(&source.join("tool/data/words.txt"), "words\n");
    write(&source.join("my_tool.egg-info/PKG-INFO"), "old\n");
    write(&source.parent().unwrap().join("tests/test_tool.py"), "");
    let entry_points = "[console_scripts]\nmy-tool = tool:main\n";
    ground.editable(
        "my-tool",
        "0.2+local.1",
        &source,
        "Requires-Dist: part>=1\n",
        &[("entry_points.txt", entry_points)],
    );
    ground.install("part", "1.5", &[]);
    let outcome = ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["./my_tool-0.2+local.1-py3-none-any.whl", "part==1.5"]);
    assert!(ground.locked().contains("part==1.5\n    # via my-tool\n"), "{}", ground.locked());
    let line = "./my_tool-0.2+local.1-py3-none-any.whl  # why: train.py:1";
    assert!(ground.requirements().lines().any(|own| own == line), "{}", ground.requirements());
    assert!(
        said(&outcome).contains("`my-tool` is code of this machine, packed as my_tool-0.2"),
        "{}",
        said(&outcome)
    );
    assert!(!said(&outcome).contains("does not copy"), "the template's Dockerfile does: {}", said(&outcome));
    let wheel = "my_tool-0.2+local.1-py3-none-any.whl";
    assert_eq!(
        ground.inside(wheel),
        ["tool/__init__.py", "tool/data/words.txt", "my_tool-0.2+local.1.dist-info/entry_points.txt"]
    );
    let code = "import tool; from importlib.metadata import entry_points as e, requires; \
                print(tool.__version__, requires('my-tool'), [p.value for p in e(group='console_scripts') if p.name == 'my-tool'])";
    assert_eq!(ground.try_out(wheel, code), "0.2+local.1 ['part>=1'] ['tool:main']");
    let before = fs::metadata(ground.environment(wheel)).unwrap().modified().unwrap();
    let again = ground.alone(&[]).ok();
    assert!(said(&again).contains("nothing has changed"), "{}", said(&again));
    assert_eq!(fs::metadata(ground.environment(wheel)).unwrap().modified().unwrap(), before);
    assert_eq!(ground.errors(), Vec::<String>::new());
}

#[test]
fn case_18_of_a_shared_namespace_only_its_own_files_travel() {
    let ground = Ground::new("import nspkg.private\n");
    ground.lay(
        "ns-public",
        "1.0",
        &[("nspkg/public.py", ""), ("nspkg/shared/a.txt", "")],
        &[("INSTALLER", "pip\n")],
    );
    ground.local("ns-private", "1.0", &[("nspkg/private/__init__.py", ""), ("nspkg/private/x.json", "{}")]);
    ground.put("nspkg/private/__pycache__/__init__.cpython-311.pyc", "");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["./ns_private-1.0-py3-none-any.whl"]);
    assert_eq!(
        ground.inside("ns_private-1.0-py3-none-any.whl"),
        ["nspkg/private/__init__.py", "nspkg/private/x.json"]
    );
}

#[test]
fn case_22_23_acceptance_g_compiled_parts_travel_where_the_target_can_use_them() {
    if !need("gcc") || !need("uv") {
        return;
    }
    let ground = Ground::new("import plain\nimport withc\n");
    let url = of_folder(Path::new("/src/x"), false);
    let module = format!("withc/_fast{}", suffix());
    ground.local("plain", "1.0", &[("plain/__init__.py", "import ctypes, os\nanswer = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'libfast.so')).answer()\n"), ("plain/libfast.so", "")]);
    let wheel = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {0}-{0}-linux_x86_64\n", tag());
    ground.lay(
        "withc",
        "1.0",
        &[("withc/__init__.py", "from . import _fast\n"), (&module, "")],
        &[("direct_url.json", &url), ("WHEEL", &wheel)],
    );
    compile(&ground.site.join("plain/libfast.so"), None);
    compile(&ground.site.join(&module), Some("_fast"));
    let machine = std::env::consts::ARCH;
    ground
        .lock(&["--platform", &format!("linux-{machine}")])
        .env("PATH", ground.test.root().join("no-tools"))
        .ok();
    let (plain, withc) = (
        format!("plain-1.0-py3-none-linux_{machine}.whl"),
        format!("withc-1.0-{0}-{0}-linux_x86_64.whl", tag()),
    );
    assert_eq!(ground.wheels(), [plain.clone(), withc.clone()]);
    assert_eq!(ground.try_out(&plain, "import plain; print(plain.answer)"), "42");
    assert_eq!(ground.try_out(&withc, "import withc; print(withc._fast.__name__)"), "withc._fast");
    let before = ground.locked();
    let other = if machine == "x86_64" { "linux-aarch64" } else { "linux-x86_64" };
    let outcome = ground.alone(&["--platform", other]).status(1);
    let talk = said(&outcome);
    assert!(talk.contains(&format!("`plain/libfast.so` is for Linux on {machine}")), "{talk}");
    assert!(talk.contains(&format!("`{module}` is for Linux on {machine}")), "both are told at once: {talk}");
    assert!(
        talk.contains(
            "two lines in the Dockerfile: `COPY plain /opt/environment/plain` and `RUN pip install"
        ),
        "{talk}"
    );
    assert_eq!(ground.locked(), before);
    let outcome = ground.alone(&["--python-version", "3.8.10"]).status(1);
    assert!(
        said(&outcome).contains(&format!("`{module}` is for CPython {}", python_minor())),
        "{}",
        said(&outcome)
    );
    assert!(!said(&outcome).contains("libfast"), "a library is for every Python: {}", said(&outcome));
    // The Dockerfile sees to both.
    let settings = ground.test.read("scaf.toml");
    ground.test.write("scaf.toml", &format!("{settings}\n[env]\nwaive = [\"plain\", \"withc\"]\n"));
    ground.alone(&["--platform", other]).ok();
    assert_eq!((ground.pins(), ground.wheels()), (Vec::new(), Vec::new()));
    assert!(
        ground.locked().contains("# apart: withc: waived; what it needs is locked\n"),
        "{}",
        ground.locked()
    );
}

#[test]
fn acceptance_g_the_source_of_an_editable_install_with_a_module_that_was_built_in_it() {
    if !need("gcc") {
        return;
    }
    let ground = Ground::new("import fast\n");
    let source = ground.test.root().join("fast_project");
    write(&source.join("pyproject.toml"), "");
    write(&source.join("fast/__init__.py"), "from . import _fast\n");
    write(&source.join("docs/conf.py"), "");
    write(&source.join("setup.py"), "");
    compile(&source.join(format!("fast/_fast{}", suffix())), Some("_fast"));
    // What another Python has left there.
    fs::copy(
        source.join(format!("fast/_fast{}", suffix())),
        source.join("fast/_fast.cpython-37m-x86_64-linux-gnu.so"),
    )
    .unwrap();
    ground.editable("fast", "1.0", &source, "", &[("WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")]);
    let machine = std::env::consts::ARCH;
    ground
        .lock(&["--platform", &format!("linux-{machine}")])
        .env("PATH", ground.test.root().join("no-tools"))
        .ok();
    let wheel = format!("fast-1.0-{0}-{0}-linux_{machine}.whl", tag());
    assert_eq!(ground.wheels().join(" "), wheel);
    assert_eq!(ground.inside(&wheel), ["fast/__init__.py".to_owned(), format!("fast/_fast{}", suffix())]);
}

#[test]
fn case_30_links_in_a_package_are_followed_and_those_that_lead_out_are_an_error() {
    let ground = Ground::new("import linked\n");
    let project = ground.test.root().join("linked_project");
    let package = project.join("src/linked");
    write(&package.join("__init__.py"), "");
    write(&project.join("shared/logging/setup.py"), "X = 1\n");
    symlink("../../shared/logging", package.join("logging")).unwrap();
    ground.editable("linked", "1.0", &project.join("src"), "", &[]);
    ground.alone(&[]).ok();
    assert_eq!(
        ground.inside("linked-1.0-py3-none-any.whl"),
        ["linked/__init__.py", "linked/logging/setup.py"]
    );
    let before = ground.locked();
    for (target, wanted) in [
        ("/etc", "`[PACKAGE]/more`: the symlink leads out of the project, to `/etc`"),
        ("../linked", "`[PACKAGE]/more`: the symlink leads round in a circle"),
        ("nowhere", "`[PACKAGE]/more`: the symlink leads to nothing"),
    ] {
        let _ = fs::remove_file(package.join("more"));
        symlink(target, package.join("more")).unwrap();
        let talk = said(&ground.alone(&[]).status(1));
        let wanted = wanted.replace("[PACKAGE]", &package.display().to_string());
        assert!(talk.contains("`linked` cannot be packed:") && talk.contains(&wanted), "{wanted} in {talk}");
        assert_eq!(ground.locked(), before);
    }
}

#[test]
fn case_31_32_33_the_same_content_is_the_same_wheel_whatever_lies_around_it() {
    let hash = |touch: bool| {
        let ground = Ground::new("import lib\n");
        let source = ground.test.root().join(if touch { "one/checkout/src" } else { "src" });
        write(&source.join("lib/__init__.py"), "X = 1\n");
        write(&source.join("lib/run.sh"), "#!/bin/sh\n");
        fs::set_permissions(
            source.join("lib/run.sh"),
            fs::Permissions::from_mode(if touch { 0o775 } else { 0o700 }),
        )
        .unwrap();
        write(&source.join("lib/inner/odd name é.txt"), "é\n");
        if touch {
            // What git, Python, editors and tests leave there, empty folders, and the times of another world.
            for file in [
                "lib/.git/HEAD",
                "lib/__pycache__/x.pyc",
                "lib/inner/.DS_Store",
                "lib/lib.egg-info/PKG-INFO",
                "lib/.env",
                "lib/x.py~",
            ] {
                write(&source.join(file), "secret\n");
            }
            fs::create_dir_all(source.join("lib/empty/inner")).unwrap();
            let file = fs::File::options().write(true).open(source.join("lib/__init__.py")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        ground.editable("lib", "1.0", &source, "", &[]);
        ground.alone(&[]).ok();
        assert_eq!(
            ground.inside("lib-1.0-py3-none-any.whl"),
            ["lib/__init__.py", "lib/inner/odd name é.txt", "lib/run.sh"]
        );
        sha256(&ground.environment("lib-1.0-py3-none-any.whl"))
    };
    assert_eq!(hash(false), hash(true));
}

#[test]
fn case_15_a_private_name_is_asked_of_no_index_whoever_asks_for_it() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with(
        "good",
        &[
            ("mylib", "9.0", &["evil"]),
            ("evil", "1.0", &[]),
            ("alpha", "1.0", &["mylib", "part"]),
            ("part", "1.5", &[]),
            ("newcomer", "1.0", &["mylib"]),
        ],
    );
    let ground = Ground::new("import alpha\nimport newcomer\n");
    ground.install("alpha", "1.0", &["mylib", "part"]).install("part", "1.5", &[]);
    ground.local("mylib", "0.1", &[("mylib/__init__.py", "")]);
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "./mylib-0.1-py3-none-any.whl", "newcomer==1.0", "part==1.5"]);
    let hash = sha256(&ground.environment("mylib-0.1-py3-none-any.whl"));
    assert!(
        ground.locked().contains(&format!(
            "./mylib-0.1-py3-none-any.whl \\\n    --hash=sha256:{hash}\n    # via alpha\n"
        )),
        "{}",
        ground.locked()
    );
    // Nor by whoever installs from the other file.
    assert!(
        ground.requirements().contains("./mylib-0.1-py3-none-any.whl  # why: (needed in turn)\n"),
        "{}",
        ground.requirements()
    );
    // Where it is not installed, the wheel that travels is what is meant.
    fs::remove_dir_all(ground.site.join("mylib-0.1.dist-info")).unwrap();
    fs::remove_dir_all(ground.site.join("mylib")).unwrap();
    let (before, requirements) = (ground.locked(), ground.requirements());
    ground.with(&index, &[]).ok();
    assert_eq!(
        ground.locked(),
        before.replace("    # via alpha\nnewcomer", "    # via alpha, newcomer\nnewcomer")
    );
    assert_eq!(ground.requirements(), requirements);
    fs::remove_file(ground.environment("mylib-0.1-py3-none-any.whl")).unwrap();
    let talk = said(&ground.with(&index, &[]).status(1));
    assert!(talk.contains("`mylib` is the wheel `environment/mylib-0.1-py3-none-any.whl`"), "{talk}");
    assert!(
        ground.errors()[0].starts_with("no-wheel environment/requirements.lock:"),
        "{:?}",
        ground.errors()
    );
    let requests = index.requests();
    assert!(
        requests.contains("newcomer") && !requests.contains("mylib") && !requests.contains("evil"),
        "{requests}"
    );
}

#[test]
fn case_13_a_build_that_no_index_has_is_told_with_the_way_out() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("accel", "2.1.1", &[])]);
    let ground = Ground::new("import accel\n");
    ground.install("accel", "2.1.1+cu118", &[]);
    let talk = said(&ground.with(&index, &[]).status(1));
    assert!(talk.contains("accel==2.1.1+cu118"), "{talk}");
    assert!(
        talk.contains(
            "`+cu118` is a build of somebody's own: name its index in `environment/requirements.txt`"
        ),
        "{talk}"
    );
    // Acceptance (j): it is on an extra index.
    let extra = BadIndex::with("good", &[("accel", "2.1.1+cu118", &[])]);
    ground
        .test
        .write(&format!("{ENVIRONMENT}/requirements.txt"), &format!("--extra-index-url {}\n", extra.url));
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["accel==2.1.1+cu118"]);
    assert!(ground.locked().contains(&format!("\n--extra-index-url {}\n", extra.url)), "{}", ground.locked());
}

#[test]
fn case_14_a_version_is_the_same_however_it_is_written() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("datelib", "2023.3.1", &[])]);
    let ground = Ground::new("import datelib\n");
    ground.install("datelib", "2023.03.1", &[]);
    ground.with(&index, &["--require-hashes"]).ok();
    assert_eq!(ground.wheels(), Vec::<String>::new());
    assert!(ground.locked().contains("datelib==2023.03.1 \\\n    --hash=sha256:"), "{}", ground.locked());
}

#[test]
fn case_16_one_name_is_one_pin_however_it_is_written() {
    let ground = Ground::new("import fakeyaml\n");
    ground.lay("Fake.YAML", "6.0", &[("fakeyaml.py", "")], &[("INSTALLER", "pip\n")]);
    ground.test.write(&format!("{ENVIRONMENT}/requirements.txt"), "fake_yaml==6.0\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["Fake.YAML==6.0"]);
    assert_eq!(ground.requirements(), "fake_yaml==6.0\n");
}

#[test]
fn case_24_25_what_an_index_has_is_judged_against_the_target() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("fast", "1.0", &[])]);
    let folder = index.folder.path().join("wheels");
    let plain = folder.join("fast-1.0-py3-none-any.whl");
    let ground = Ground::new("import fast\n");
    ground.install("fast", "1.0", &[]);
    let dockerfile = |tag: &str| {
        ground
            .test
            .write(&format!("{ENVIRONMENT}/Dockerfile"), &format!("FROM python:{}-{tag}\n", python_minor()));
    };
    let serve = |tags: &str| {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            fs::rename(entry.path(), &plain).unwrap();
        }
        fs::rename(&plain, folder.join(format!("fast-1.0-{tags}.whl"))).unwrap();
    };
    let (x86, arm): (&[&str], &[&str]) = (&["--platform", "linux-x86_64"], &["--platform", "linux-aarch64"]);
    let tag = tag();
    for (tags, image, platform, fits) in [
        (format!("{tag}-{tag}-manylinux_2_34_x86_64"), "slim-bookworm", x86, true),
        (format!("{tag}-{tag}-manylinux_2_34_x86_64"), "slim-bullseye", x86, false),
        (format!("{tag}-{tag}-manylinux_2_34_aarch64"), "slim-bookworm", arm, true),
        (format!("{tag}-{tag}-manylinux_2_34_aarch64"), "slim-bookworm", x86, false),
        (format!("{tag}-{tag}-musllinux_1_2_x86_64"), "alpine", x86, true),
        (format!("{tag}-{tag}-manylinux2014_x86_64"), "alpine", x86, false),
    ] {
        serve(&tags);
        dockerfile(image);
        let _ = fs::remove_dir_all(index.cache());
        let outcome = ground.with(&index, platform).run();
        assert_eq!(outcome.status, i32::from(!fits), "{tags} for {image}: {}", outcome.stderr);
    }
    // A source archive is for every target, as far as uv takes it.
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir_all(&folder).unwrap();
    let source = ground.test.root().join("fast-1.0");
    write(&source.join("PKG-INFO"), "Metadata-Version: 2.2\nName: fast\nVersion: 1.0\n");
    let project = "[build-system]\nrequires = []\nbuild-backend = \"none\"\n[project]\nname = \"fast\"\nversion = \"1.0\"\n";
    write(&source.join("pyproject.toml"), project);
    let archive = folder.join("fast-1.0.tar.gz");
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(ground.test.root())
        .arg("fast-1.0")
        .status();
    assert!(packed.unwrap().success());
    dockerfile("slim-bookworm");
    for platform in [x86, arm] {
        let _ = fs::remove_dir_all(index.cache());
        ground.with(&index, platform).ok();
        assert!(ground.locked().contains("fast==1.0 \\\n    --hash=sha256:"), "{}", ground.locked());
    }
}

#[test]
fn acceptance_f_what_nothing_says_of_and_no_index_has_is_code_of_this_machine() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("six", "1.16.0", &[]), ("deepspeed", "0.12.6", &[])]);
    let ground = Ground::new("import norecord\nimport six\nimport deepspeed\nimport eggy\nimport own.part\n");
    // Of the kinds that the index has: a list of files that is empty, and an egg-info with entry points.
    ground
        .put("six.py", "")
        .put("six-1.16.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n");
    ground.put("six-1.16.0.dist-info/RECORD", "").put("six-1.16.0.dist-info/top_level.txt", "six\n");
    ground.put("deepspeed/__init__.py", "");
    ground.put(
        "deepspeed-0.12.6.egg-info/PKG-INFO",
        "Metadata-Version: 1.2\nName: deepspeed\nVersion: 0.12.6\n",
    );
    ground.put("deepspeed-0.12.6.egg-info/top_level.txt", "deepspeed\n");
    ground.put("deepspeed-0.12.6.egg-info/entry_points.txt", "[console_scripts]\nds = deepspeed:main\n");
    // And of those that nobody has.
    ground.put("norecord/__init__.py", "X = 1\n").put("norecord/more.txt", "");
    ground.put(
        "scaf_norecord-1.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: scaf-norecord\nVersion: 1.0\n",
    );
    ground.put("scaf_norecord-1.0.dist-info/top_level.txt", "norecord\n");
    ground.put("eggy.py", "");
    ground.put("scaf_egg-2.0.egg-info/PKG-INFO", "Metadata-Version: 1.2\nName: scaf-egg\nVersion: 2.0\n");
    ground.put("scaf_egg-2.0.egg-info/top_level.txt", "eggy\n");
    ground.put("scaf_egg-2.0.egg-info/requires.txt", "six\n\n[more]\ndeepspeed\n");
    ground.put("own/part.py", "");
    ground.put("scaf_own-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: scaf-own\nVersion: 1.0\n");
    ground.put(
        "scaf_own-1.0.dist-info/RECORD",
        "own/part.py,,\nscaf_own-1.0.dist-info/METADATA,,\nscaf_own-1.0.dist-info/RECORD,,\n",
    );
    ground.with(&index, &["--require-hashes"]).ok();
    assert_eq!(
        ground.pins(),
        [
            "deepspeed==0.12.6",
            "./scaf_egg-2.0-py3-none-any.whl",
            "./scaf_norecord-1.0-py3-none-any.whl",
            "./scaf_own-1.0-py3-none-any.whl",
            "six==1.16.0"
        ]
    );
    assert_eq!(
        ground.inside("scaf_norecord-1.0-py3-none-any.whl")[..2],
        ["norecord/__init__.py", "norecord/more.txt"]
    );
    let code = "import eggy; from importlib.metadata import requires; print(requires('scaf-egg'))";
    assert_eq!(
        ground.try_out("scaf_egg-2.0-py3-none-any.whl", code),
        "['six', 'deepspeed; extra == \"more\"']"
    );
    assert_eq!(ground.try_out("scaf_own-1.0-py3-none-any.whl", "import own.part; print('there')"), "there");
}

#[test]
fn acceptance_h_a_package_of_packages_is_pinned_where_somebody_asks_for_it() {
    let ground = Ground::new("import inner\n");
    ground.install("inner", "1.0", &[]).install("meta", "2.0", &["inner"]);
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["inner==1.0"]);
    ground.test.write(&format!("{ENVIRONMENT}/requirements.txt"), "meta==2.0\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["inner==1.0", "meta==2.0"]);
}
