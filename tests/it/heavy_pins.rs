//! The heavy pins in a layer of their own: which lines the Dockerfiles of the templates pick, out of the files as `scaf env lock` writes
//! them, and what an engine does not make again when one package is added or changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use scaf::project::python::index_option::IndexOption;
use scaf::spec::dockerfile::Dockerfile;
use scaf::spec::pin::{Pin, Source};
use scaf::spec::requirements_lock::{Head, Input, Locked, RequirementsLock};

use crate::bad_index::path_with_uv;
use crate::build_network::{Index, bridge, docker};
use crate::probe::podman;
use crate::support::{Test, here, need, python_image, python_minor};

/// What the first stage makes of some requirements.
#[derive(Debug, PartialEq, Eq)]
struct Picked {
    flags: String,
    heavy: String,
    all: String,
}

/// Runs the `RUN` of the first stage as a build would, in a folder that has these files.
fn pick(dockerfile: &str, files: &[(&str, &str)]) -> Picked {
    let read = Dockerfile::read(dockerfile, &BTreeMap::new());
    let of_first = |keyword: &str| {
        let mut all = read.instructions.iter().filter(|it| it.stage == Some(0) && it.keyword == keyword);
        let found = all.next().unwrap_or_else(|| panic!("no {keyword} in {dockerfile}"));
        assert!(all.next().is_none(), "{dockerfile}");
        found.text.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let heavy = folder.path().join("heavy");
    fs::create_dir(&heavy).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let names = of_first("ARG");
    let (name, value) = names.split_once('=').unwrap();
    let mut sh = Command::new("sh")
        .current_dir(&heavy)
        .env(name, value.trim_matches('"'))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    sh.stdin.take().unwrap().write_all(of_first("RUN").as_bytes()).unwrap();
    assert!(sh.wait().unwrap().success());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    Picked { flags: read("heavy/flags"), heavy: read("heavy/pins.txt"), all: read("all.txt") }
}

/// Every Dockerfile that scaf writes.
fn dockerfiles() -> Vec<String> {
    let test = Test::project();
    let mut all = Vec::new();
    for template in ["minimal", "sklearn", "pytorch"] {
        test.scaf(["new-exp", template, "--template", template]).in_project().ok();
        all.push(test.read(&format!("src/{template}/environment/Dockerfile")));
    }
    fs::write(test.root().join("script.py"), "print(1)\n").unwrap();
    test.scaf(["new-exp", "taken", "--from", "../script.py"]).in_project().ok();
    all.push(test.read("src/taken/environment/Dockerfile"));
    for experiment in ["digit_recognition", "digit_recognition_torch"] {
        let path = here().join(format!("scaffold-example/src/{experiment}/environment/Dockerfile"));
        all.push(fs::read_to_string(path).unwrap());
    }
    all
}

fn locked(name: &str, source: Source, hashes: usize) -> Locked {
    Locked {
        pin: Pin { name: name.to_owned(), extras: vec!["all".to_owned()], source },
        hashes: (0..hashes).map(|number| format!("sha256:{number:064x}")).collect(),
        via: vec!["requirements.txt".to_owned(), "torch".to_owned()],
    }
}

/// As `env lock` writes it.
fn lock(more: &[(&str, &str)], torch: &str, hashes: usize) -> RequirementsLock {
    let version = |version: &str| Source::Version(version.to_owned());
    let heavy = [
        "jax",
        "jax_cuda12-plugin",
        "nvidia-cudnn-cu12",
        "nvidia_cublas_cu12",
        "tensorflow_cpu",
        "triton",
        "XGBoost",
    ];
    let light = ["Jinja2", "torchmetrics", "torch-geometric", "cloudpickle", "tensorboard", "jaxtyping"];
    let mut pins: Vec<Locked> =
        heavy.iter().chain(&light).map(|name| locked(name, version("1.0"), hashes)).collect();
    pins.push(locked("torch", version(torch), hashes));
    pins.extend(more.iter().map(|(name, number)| locked(name, version(number), hashes)));
    if hashes == 0 {
        let at = |name: &str| Source::Address(format!("git+https://h.example/{name}@0123#egg={name}"));
        pins.extend([locked("torchvision", at("torchvision"), 0), locked("corpkit", at("corpkit"), 0)]);
    }
    RequirementsLock {
        head: Head {
            target: "linux-x86_64, CPython 3.11.7, glibc 2.36".to_owned(),
            inputs: vec![Input::of("requirements.txt", &format!("{more:?}"))],
            by: "uv".to_owned(),
            unhashed: (hashes == 0).then(|| "torch comes from version control".to_owned()),
            apart: vec![("torch-own".to_owned(), "of this machine".to_owned())],
        },
        options: vec![IndexOption::Extra("https://h.example/whl/cu118".to_owned()), IndexOption::Pre],
        pins,
    }
}

/// The names of the lines that are no options.
fn names(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('-') && !line.is_empty());
    lines.map(|line| line.split(['=', ' ']).next().unwrap()).collect()
}

#[test]
fn the_heavy_pins_of_a_lock_are_picked_and_the_rest_is_not() {
    for dockerfile in dockerfiles() {
        for hashes in [0, 1, 3] {
            let before = lock(&[], "2.1.0+cu118", hashes);
            let picked =
                pick(&dockerfile, &[("requirements.lock", &before.text()), ("requirements.txt", "x\n")]);
            assert_eq!(picked.flags, "--no-deps\n");
            let mut heavy = vec![
                "jax",
                "jax_cuda12-plugin",
                "nvidia_cublas_cu12",
                "nvidia-cudnn-cu12",
                "tensorflow_cpu",
                "torch",
                "triton",
                "XGBoost",
            ];
            let mut light =
                vec!["cloudpickle", "jaxtyping", "Jinja2", "tensorboard", "torch-geometric", "torchmetrics"];
            if hashes == 0 {
                heavy.insert(6, "torchvision");
                light.insert(1, "corpkit");
            }
            assert_eq!((names(&picked.heavy), names(&picked.all)), (heavy, light), "{dockerfile}");
            // Each with all of its line, and with where it comes from.
            let torch = picked.heavy.lines().find(|line| line.starts_with("torch==")).unwrap();
            assert_eq!(
                (&torch[..18], torch.matches(" --hash=sha256:").count()),
                ("torch==2.1.0+cu118", hashes)
            );
            for text in [&picked.heavy, &picked.all] {
                assert!(text.contains("--extra-index-url https://h.example/whl/cu118\n--pre\n"), "{text}");
                assert!(!text.contains("# ") && !text.contains('\\') && !text.contains("  "), "{text}");
                assert_eq!(text.matches("git+https://").count(), usize::from(hashes == 0), "{text}");
            }
        }
    }
}

#[test]
fn they_are_the_same_to_the_byte_until_one_of_them_changes() {
    for dockerfile in dockerfiles() {
        for hashes in [0, 2] {
            let heavy =
                |lock: &RequirementsLock| pick(&dockerfile, &[("requirements.lock", &lock.text())]).heavy;
            let before = heavy(&lock(&[], "2.1.0+cu118", hashes));
            // Another one, before and behind the heavy ones; another version; another reason.
            for more in [[("aardvark", "1.0"), ("zebra", "2.0")], [("aardvark", "1.1"), ("tabulate", "3")]] {
                let mut after = lock(&more, "2.1.0+cu118", hashes);
                after.head.by = "what is installed".to_owned();
                for locked in &mut after.pins {
                    locked.via.push("aardvark".to_owned());
                }
                assert_eq!(heavy(&after), before);
                // As a checkout on Windows has it.
                let text = after.text().replace('\n', "\r\n");
                assert_eq!(pick(&dockerfile, &[("requirements.lock", &text)]).heavy, before);
            }
            assert_ne!(heavy(&lock(&[], "2.2.0+cu118", hashes)), before);
            assert_ne!(heavy(&lock(&[("nvidia-nccl-cu12", "1")], "2.1.0+cu118", hashes)), before);
        }
    }
}

#[test]
fn requirements_without_a_lock_are_all_installed_at_the_end() {
    // As `env lock` and people write them.
    let text = "# mine\n-r requirements-base.txt\n--extra-index-url https://h.example/a\njax[cuda12]==0.4  # why: train.py:3\n\
                # torch==1.0 \\\nnumpy==2.0; python_version > '3.8'  # why: train.py:4, model.py:1\ntorch>=2,<3 # here\n\
                Torch-Thing==1\n./torch-2.0-py3-none-any.whl\n";
    for dockerfile in dockerfiles() {
        let picked = pick(&dockerfile, &[("requirements.txt", text)]);
        assert_eq!(picked.flags, "\n");
        assert_eq!(picked.heavy, "--extra-index-url https://h.example/a\njax[cuda12]==0.4\ntorch>=2,<3\n");
        assert_eq!(
            picked.all,
            "-r requirements-base.txt\n--extra-index-url https://h.example/a\njax[cuda12]==0.4\n\
             numpy==2.0; python_version > '3.8'\ntorch>=2,<3\nTorch-Thing==1\n./torch-2.0-py3-none-any.whl\n"
        );
        // A line that has moved is no other line.
        let moved = text.replace("train.py:3", "train.py:30");
        assert_eq!(pick(&dockerfile, &[("requirements.txt", &moved)]), picked);
        let nothing = pick(&dockerfile, &[("requirements.txt", "# nothing\n")]);
        assert_eq!((nothing.heavy.as_str(), nothing.all.as_str()), ("", ""));
    }
}

/// An experiment of a template, whose packages are those of a private index.
struct Ground {
    test: Test,
    index: Index,
}

/// Of this run of the tests alone: an engine keeps what it has fetched and made.
fn version(major: u32) -> String {
    format!("{major}.{}", std::process::id())
}

impl Ground {
    fn new() -> Self {
        let address = bridge();
        let one = version(1);
        let wheels = [("xgboost", one.as_str()), ("tabulate", one.as_str()), ("click", one.as_str())];
        let index = Index::open(&address, &wheels);
        let test = Test::experiment("exp", "minimal");
        // The index is the user's own line, so that a builder knows it that takes no secrets; it is without encryption.
        let requirements = format!("--index-url {}\n", index.url);
        let dockerfile = test.read("src/exp/environment/Dockerfile");
        let trusted = format!("ENV PIP_TRUSTED_HOST={address} PYTHONUNBUFFERED=1");
        let dockerfile = dockerfile.replace("ENV PYTHONUNBUFFERED=1", &trusted);
        let dockerfile = dockerfile.replace(&format!("python:{}-slim", python_minor()), python_image());
        assert_eq!(dockerfile.matches("PIP_TRUSTED_HOST").count(), 1);
        test.write("src/exp/environment/requirements.txt", &requirements);
        test.write("src/exp/environment/Dockerfile", &dockerfile);
        fs::remove_dir_all(test.path("src/exp/tests")).unwrap();
        Self { test, index }
    }

    /// Locks what this code needs.
    fn lock(&self, code: &str) {
        self.lock_with(code, &["--require-hashes"]);
    }

    fn lock_with(&self, code: &str, words: &[&str]) {
        self.test.write("src/exp/train.py", code).write("src/exp/local.py", "import train\n");
        self.test
            .scaf(["env", "lock", "exp", "--no-python"].iter().chain(words))
            .in_project()
            .env("PATH", path_with_uv())
            .env("UV_CACHE_DIR", self.test.root().join("uv"))
            .env_remove("PIP_FIND_LINKS")
            .ok();
    }

    /// How often each was fetched by a build: uv asks for the metadata alone.
    fn fetched(&self, wheels: &[&str]) -> Vec<usize> {
        wheels.iter().map(|wheel| self.index.fetched(wheel)).collect()
    }

    fn build(&self, engine: &'static str, address: Option<&str>) -> Image {
        let mut scaf = self.test.scaf(["build-exp", "exp", "--engine", engine, "--json"]).in_project();
        scaf = scaf.env_remove("PIP_FIND_LINKS");
        if let Some(address) = address {
            scaf = scaf.env("CONTAINER_HOST", address);
        }
        Image(engine, scaf.ok().json()["image"].as_str().unwrap().to_owned())
    }
}

/// The engine's client, and a tag; gone with the test.
struct Image(&'static str, String);

impl Image {
    fn client(&self, words: &[&str]) -> Command {
        let podman = here().join("tests/servers/podman.sh");
        let mut client = if self.0 == "docker" { Command::new("docker") } else { Command::new(podman) };
        client.args((self.0 == "podman").then_some("cli")).args(words).stdin(Stdio::null());
        client
    }

    fn layers(&self) -> Vec<String> {
        let words = ["image", "inspect", "--format", "{{json .RootFS.Layers}}", &self.1];
        let out = self.client(&words).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.client(&["image", "rm", "--force", &self.1]).output();
    }
}

/// What stands in the final stage: the heavy pins, what they install, the rest, what that installs.
const LAYERS: usize = 4;

/// Of two images on one base, how many of the final stage's layers are the same from the first one on.
fn same(one: &[String], other: &[String]) -> usize {
    assert_eq!(one.len(), other.len());
    let base = one.len() - LAYERS;
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    same.checked_sub(base).expect("they have one base")
}

const ONE: &str = "import xgboost, tabulate\n";
const MORE: &str = "import xgboost, tabulate, click\n";

#[test]
fn one_package_more_leaves_the_heavy_layer_as_it_is_and_fetches_nothing_again() {
    if !["docker", "uv", "python"].iter().all(|what| need(what)) {
        return;
    }
    let ground = Ground::new();
    ground.lock(ONE);
    let first = ground.build("docker", None);
    let wheels = ["xgboost-1", "tabulate-1", "click-1", "xgboost-2"];
    assert_eq!(ground.fetched(&wheels), [1, 1, 0, 0], "{}", ground.index.log());
    // One more: the heavy layer is the cache's, and what is installed again comes from the cache mount.
    ground.lock(MORE);
    let second = ground.build("docker", None);
    assert_eq!(same(&first.layers(), &second.layers()), 2, "{:?}", second.layers());
    assert_eq!(ground.fetched(&wheels), [1, 1, 1, 0], "{}", ground.index.log());
    // A heavy one changes: its layer and all above it are made again, and it alone is fetched.
    ground.index.add("xgboost", &version(2));
    let lock = ground.test.read("src/exp/environment/requirements.txt");
    let lock = lock.replace(&format!("xgboost=={}", version(1)), &format!("xgboost=={}", version(2)));
    ground.test.write("src/exp/environment/requirements.txt", &lock.replace("  # why: train.py:1\n", "\n"));
    ground.lock(MORE);
    let third = ground.build("docker", None);
    assert_eq!(same(&second.layers(), &third.layers()), 0, "{:?}", third.layers());
    assert_eq!(ground.fetched(&wheels), [1, 1, 1, 1], "{}", ground.index.log());
    let code = "import xgboost, tabulate, click; print(xgboost.__version__)";
    let out = docker(&["run", "--rm", &third.1, "python", "-c", code]);
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), version(2));
}

#[test]
fn the_classic_builder_keeps_the_heavy_layer_as_well() {
    if !["docker", "uv", "python"].iter().all(|what| need(what)) {
        return;
    }
    let ground = Ground::new();
    ground.lock(ONE);
    let first = by_hand(&ground, "first");
    ground.lock(MORE);
    let second = by_hand(&ground, "second");
    assert_eq!(same(&first.layers(), &second.layers()), 2, "{:?}", second.layers());
    // Without a cache mount all but the heavy ones are fetched again.
    let wheels = ["xgboost-1", "tabulate-1", "click-1"];
    assert_eq!(ground.fetched(&wheels), [1, 2, 1], "{}", ground.index.log());
    // One that comes from an address is not looked for there again, either.
    let wheel =
        ground.index.url.replace("simple/", &format!("files/xgboost-{}-py3-none-any.whl", version(1)));
    let own = format!("--index-url {}\nxgboost @ {wheel}\n", ground.index.url);
    ground.test.write("src/exp/environment/requirements.txt", &own);
    ground.lock_with(ONE, &[]);
    let first = by_hand(&ground, "address");
    ground.lock_with(MORE, &[]);
    assert!(
        ground.test.read("src/exp/environment/requirements.lock").contains(&format!("xgboost @ {wheel}"))
    );
    let before = ground.fetched(&["xgboost-1"]);
    let second = by_hand(&ground, "address-more");
    assert_eq!(same(&first.layers(), &second.layers()), 2, "{:?}", second.layers());
    assert_eq!(ground.fetched(&["xgboost-1"]), before, "{}", ground.index.log());
}

/// As the Dockerfile's head says it.
fn by_hand(ground: &Ground, tag: &str) -> Image {
    let folder = ground.test.path("src/exp/environment");
    let tag = format!("scaf-test/heavy:{}-{tag}", std::process::id());
    let out = Command::new("docker")
        .args(["build", "--quiet", "--tag", &tag])
        .arg(&folder)
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Image("docker", tag)
}

#[test]
fn podman_keeps_the_heavy_layer_as_well() {
    if !["docker", "podman", "root", "uv", "python"].iter().all(|what| need(what)) {
        return;
    }
    let address = podman();
    let ground = Ground::new();
    ground.lock(ONE);
    let first = ground.build("podman", Some(&address));
    ground.lock(MORE);
    let second = ground.build("podman", Some(&address));
    let wheels = ["xgboost-1", "tabulate-1", "click-1"];
    assert_eq!(ground.fetched(&wheels), [1, 1, 1], "{}", ground.index.log());
    assert_eq!(same(&first.layers(), &second.layers()), 2, "{:?}", second.layers());
}
