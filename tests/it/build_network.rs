//! Builds in a private network, for real: a package index behind a private authority and a password,
//! on this machine, and an image that must come out without a trace of either.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use scaf::orchestrate::engine::moby::Moby;
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::orchestrate::load::{environment, network};
use scaf::orchestrate::planner::build::{
    BuildFacts, BuildFlags, BuildPlan, BuildPlanError, BuildRequest, plan_build,
};
use scaf::orchestrate::planner::layer::{Layer, LayerRequest, plan_layer};
use scaf::orchestrate::reporter::{Event, Reporter};
use scaf::project::name::ExperimentName;
use scaf::spec::image::{Builder, ImageBuild};
use scaf::spec::network::NetworkHelp;
use scaf::spec::plan::{Action, ContainerEngine, Plan, shell};

use crate::support::{here, need, python_image, server};

/// An index with two packages that nobody else has. Ends with the test.
pub struct Index {
    folder: tempfile::TempDir,
    pub url: String,
    ca: Option<PathBuf>,
    log: PathBuf,
}

/// Of the package that the tests ask for. The engine keeps pip's cache longer than one run of the tests.
fn version() -> String {
    format!("1.{}", std::process::id())
}

fn requirements() -> String {
    format!("scaf-private=={}\n", version())
}

const USER: &str = "scafuser";
const PASSWORD: &str = "Sesam-0ffne-Dich";

impl Index {
    fn up(address: &str, tls: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("scaf-test-index-").tempdir().unwrap();
        let wheels = folder.path().join("wheels");
        for (name, version) in [("scaf-private", version()), ("scaf-other", version())] {
            script("make-wheel.py", &[name, &version, &text(&wheels)]);
        }
        let mut words = vec!["--user", USER, "--password", PASSWORD];
        if tls {
            words.push("--tls");
        }
        Self::serving(folder, address, &words)
    }

    /// Without a word about who one is, and with these wheels.
    pub fn open(address: &str, wheels: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("scaf-test-index-").tempdir().unwrap();
        let index = Self::serving(folder, address, &[]);
        for (name, version) in wheels {
            index.add(name, version);
        }
        index
    }

    /// One wheel more.
    pub fn add(&self, name: &str, version: &str) {
        script("make-wheel.py", &[name, version, &text(&self.folder.path().join("wheels"))]);
    }

    fn serving(folder: tempfile::TempDir, address: &str, more: &[&str]) -> Self {
        let wheels = folder.path().join("wheels");
        fs::create_dir_all(&wheels).unwrap();
        let (wheels, state) = (text(&wheels), text(&folder.path().join("state")));
        let mut words = vec!["up", &wheels, "--address", address, "--state", &state];
        words.extend(more);
        let said: serde_json::Value = serde_json::from_str(&script("index.py", &words)).unwrap();
        let url = said["url_with_credentials"].as_str().or(said["url"].as_str());
        Self {
            url: url.unwrap().to_owned(),
            ca: said["ca"].as_str().map(PathBuf::from),
            log: said["log"].as_str().unwrap().into(),
            folder,
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How often the wheel was fetched.
    pub fn fetched(&self, wheel: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains("GET") && line.contains(wheel) && !line.contains("metadata"))
            .count()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        script("index.py", &["down", "--state", &text(&self.folder.path().join("state"))]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn script(name: &str, words: &[&str]) -> String {
    let output =
        Command::new("python3").arg(here().join("tests/servers").join(name)).args(words).output().unwrap();
    assert!(output.status.success(), "{name} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The address of this machine that containers on the default bridge can reach.
pub fn bridge() -> String {
    // Not every version says its gateway in `network inspect`; a container knows it.
    let code = "route = [line.split() for line in open('/proc/net/route')][1:]; \
                gate = bytes.fromhex(next(row[2] for row in route if row[1] == '00000000')); \
                print('.'.join(str(byte) for byte in reversed(gate)))";
    let out = docker(&["run", "--rm", python_image(), "python", "-c", code]);
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub fn docker(words: &[&str]) -> Output {
    let out = Command::new("docker").args(words).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

/// An experiment's environment on the disk.
struct Experiment {
    folder: tempfile::TempDir,
    name: ExperimentName,
    flags: BuildFlags,
    network: Option<&'static str>,
}

impl Experiment {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("scaf-test-environment-").tempdir().unwrap();
        let experiment = Self {
            folder,
            name: ExperimentName::parse("private").unwrap(),
            flags: BuildFlags::default(),
            network: None,
        };
        for (path, text) in files {
            experiment.write(path, text);
        }
        experiment
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).unwrap();
    }

    fn plan(&self, builder: Builder, help: &NetworkHelp) -> Result<BuildPlan, BuildPlanError> {
        let context = environment::read(self.folder.path(), environment::DOCKERFILE).unwrap();
        let request = BuildRequest {
            project: "scaf-test-network",
            experiment: &self.name,
            context: &context,
            flags: &self.flags,
            mirror: None,
            network: self.network,
            help,
        };
        plan_build(&request, &BuildFacts { builder, image: None, previous: None, bases: BTreeMap::new() })
    }
}

fn help(variables: &[(&str, &str)]) -> NetworkHelp {
    let lookup =
        |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
    // An empty folder for `/`, so that what this machine is set to has no part in it.
    let nothing = tempfile::tempdir().unwrap();
    network::find(&lookup, nothing.path()).unwrap()
}

/// Runs what `--dry-run` prints.
fn printed(
    engine: ContainerEngine,
    build: &ImageBuild,
    variables: &[(&str, &str)],
    path: Option<&str>,
) -> String {
    let mut plan = Plan::new("test");
    plan.step("make the image", Action::BuildImage { engine, build: build.clone() });
    let text = shell::script(&plan);
    assert!(!text.contains(PASSWORD), "a plan holds no secret: {text}");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(&text)
        .stdin(Stdio::null())
        .env("DOCKER_CONFIG", server("tools.sh", &["docker-config"]));
    if let Some(first) = path {
        command.env("PATH", format!("{first}:{}", std::env::var("PATH").unwrap()));
    }
    for (name, _) in std::env::vars() {
        if name.starts_with("PIP_") || name.ends_with("_CA_BUNDLE") || name == "SSL_CERT_FILE" {
            command.env_remove(name);
        }
    }
    let out = command.envs(variables.iter().copied()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{text}");
    said
}

/// What the builder tells.
#[derive(Default)]
struct Heard(Mutex<String>);

impl Reporter for Heard {
    fn tell(&self, event: Event<'_>) {
        if let Event::Output(text) | Event::Detail(text) = event {
            let mut heard = self.0.lock().unwrap();
            heard.push_str(text);
            heard.push('\n');
        }
    }
}

/// Builds as scaf does; gives the image's id and what was told.
fn built(
    engine: ContainerEngine,
    address: Option<&str>,
    build: &ImageBuild,
    variables: &[(&str, &str)],
) -> (String, String) {
    let mine: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let surroundings = Surroundings::new(move |name| mine.get(name).cloned());
    let moby = Moby::connect(engine, address, &surroundings).unwrap();
    let heard = Heard::default();
    let outcome = moby.build(build, &heard);
    let told = heard.0.into_inner().unwrap();
    assert!(!told.contains(PASSWORD) && !told.contains("--mount=type=secret,id=scaf"), "{told}");
    (outcome.unwrap_or_else(|error| panic!("{error}\n{told}")).id, told)
}

/// An image, removed with the test.
struct Image(String);

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "--force", &self.0]).output();
    }
}

/// Neither the settings nor the history nor the layers hold any of the words.
fn holds_none(engine: &str, tag: &str, words: &[&str]) {
    for what in ["history --no-trunc", "inspect", "save"] {
        let found = |words: &[&str]| {
            // Layers are hundreds of megabytes; grep is quick.
            let mut grep = Command::new("sh");
            grep.arg("-c").arg(format!("{engine} {what} \"$0\" | grep -a -c -F -- \"$1\"")).arg(tag);
            let out = grep.arg(words.join("\n")).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().parse::<usize>().unwrap()
        };
        assert_eq!(found(words), 0, "{engine} {what} {tag} has one of {words:?}");
        if what != "inspect" {
            assert_ne!(found(&["requirements.txt"]), 0, "{engine} {what} {tag} would not have shown it");
        }
    }
}

fn dockerfile() -> String {
    format!(
        "FROM {}\nCOPY requirements.txt /tmp/\nRUN pip install --no-cache-dir \\\n    -r /tmp/requirements.txt\nUSER nobody\nRUN [\"python\", \"-c\", \"import scaf_private, os; assert os.getuid() == 65534\"]\n",
        python_image()
    )
}

#[test]
fn an_index_with_a_password_behind_a_private_authority_leaves_no_trace() {
    if !(need("docker") && need("buildx") && need("python")) {
        return;
    }
    let index = Index::up(&bridge(), true);
    let ca = text(index.ca.as_ref().unwrap());
    let variables = [("PIP_INDEX_URL", index.url.as_str()), ("PIP_CERT", ca.as_str())];
    let experiment = Experiment::new(&[("Dockerfile", &dockerfile()), ("requirements.txt", &requirements())]);
    let found = help(&variables);
    assert_eq!(found.credentials, ["PIP_INDEX_URL"]);
    let plan = experiment.plan(Builder::BuildKit, &found).unwrap();
    let build = plan.build.unwrap();
    let image = Image(build.tag.clone());
    assert!(!serde_json::to_string(&build).unwrap().contains(PASSWORD));
    let (id, told) = built(ContainerEngine::Docker, None, &build, &variables);
    assert!(told.contains("RUN pip install     -r /tmp/requirements.txt"), "the author's own words: {told}");

    assert!(index.log().contains("auth=yes"), "{}", index.log());
    assert_eq!(index.fetched("scaf_private"), 1, "{}", index.log());
    docker(&[
        "run",
        "--rm",
        &image.0,
        "python",
        "-c",
        &format!("import scaf_private; assert scaf_private.__version__ == '{}'", version()),
    ]);
    let certificate = fs::read_to_string(&ca).unwrap();
    let line = certificate.lines().find(|line| !line.starts_with('-') && line.len() > 40).unwrap().to_owned();
    let address = index.url.split('@').nth(1).unwrap().trim_end_matches("/simple/").to_owned();
    holds_none("docker", &image.0, &[PASSWORD, USER, &address, &line]);

    // What is printed does the same: all of it comes from the engine's cache, to the same image.
    printed(ContainerEngine::Docker, &build, &variables, None);
    let again = docker(&["inspect", "--format", "{{.Id}}", &image.0]).stdout;
    assert_eq!(String::from_utf8(again).unwrap().trim(), id);

    // One package more: what was fetched before is not fetched again, though the layer is made anew.
    experiment.write("requirements.txt", &format!("{}scaf-other\n", requirements()));
    let build = experiment.plan(Builder::BuildKit, &found).unwrap().build.unwrap();
    let second = Image(build.tag.clone());
    assert_ne!(second.0, image.0);
    printed(ContainerEngine::Docker, &build, &variables, None);
    assert_eq!(index.fetched("scaf_other"), 1, "{}", index.log());
    assert_eq!(index.fetched("scaf_private"), 1, "{}", index.log());
}

#[test]
fn an_index_on_this_machine_wants_the_network_shared() {
    if !(need("docker") && need("buildx") && need("python")) {
        return;
    }
    let index = Index::up("127.0.0.1", false);
    let variables = [("PIP_INDEX_URL", index.url.as_str())];
    let found = help(&variables);
    let mut experiment =
        Experiment::new(&[("Dockerfile", &dockerfile()), ("requirements.txt", &requirements())]);
    let error = experiment.plan(Builder::BuildKit, &found).unwrap_err();
    assert!(error.to_string().starts_with("`PIP_INDEX_URL` leads to `127.0.0.1:"), "{error}");
    experiment.network = Some("host");
    let build = experiment.plan(Builder::BuildKit, &found).unwrap().build.unwrap();
    let image = Image(build.tag.clone());
    printed(ContainerEngine::Docker, &build, &variables, None);
    docker(&["run", "--rm", &image.0, "python", "-c", "import scaf_private"]);
}

#[test]
fn podman_keeps_the_same_secrets() {
    if !(need("podman") && need("root") && need("python")) {
        return;
    }
    let address = server("podman.sh", &["up"]);
    let bin = server("podman.sh", &["bin"]);
    let out = Command::new("bash")
        .arg(here().join("tests/servers/images.sh"))
        .args(["python", python_image()])
        .env("DOCKER", "podman")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let index = Index::up("127.0.0.1", true);
    let ca = text(index.ca.as_ref().unwrap());
    let variables = [("PIP_INDEX_URL", index.url.as_str()), ("PIP_CERT", ca.as_str())];
    let mut experiment =
        Experiment::new(&[("Dockerfile", &dockerfile()), ("requirements.txt", &requirements())]);
    experiment.network = Some("host");
    let build = experiment.plan(Builder::Buildah, &help(&variables)).unwrap().build.unwrap();
    built(ContainerEngine::Podman, Some(&address), &build, &variables);
    assert_eq!(index.fetched("scaf_private"), 1, "{}", index.log());
    printed(ContainerEngine::Podman, &build, &variables, Some(&bin));
    let podman = |words: &[&str]| {
        let out = Command::new(format!("{bin}/podman")).args(words).output().unwrap();
        assert!(out.status.success(), "podman {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    podman(&["run", "--rm", &build.tag, "python", "-c", "import scaf_private"]);
    let address = index.url.split('@').nth(1).unwrap().trim_end_matches("/simple/").to_owned();
    holds_none(&format!("{bin}/podman"), &build.tag, &[PASSWORD, USER, &address]);
    podman(&["rmi", "--force", &build.tag]);
}

/// The layer's packages come from the index that this machine is set to.
#[test]
fn the_pytest_layer_changes_nothing_of_the_experiment_s_own() {
    if !(need("docker") && need("buildx") && need("python")) {
        return;
    }
    let own: Vec<(String, String)> = std::env::vars().collect();
    let lookup = |name: &str| own.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone());
    let help = network::find(&lookup, Path::new("/")).unwrap();
    let variables: Vec<(&str, &str)> =
        own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let experiment = Experiment::new(&[(
        "Dockerfile",
        &format!("FROM {}\nRUN pip install --no-cache-dir packaging==24.2\n", python_image()),
    )]);
    let build = experiment.plan(Builder::BuildKit, &help).unwrap().build.unwrap();
    let base = Image(build.tag.clone());
    printed(ContainerEngine::Docker, &build, &variables, None);
    let empty = tempfile::tempdir().unwrap();
    let layer = plan_layer(&LayerRequest {
        layer: Layer::Pytest,
        project: "scaf-test-network",
        experiment: &experiment.name,
        base: &base.0,
        user: None,
        context: empty.path().to_owned(),
        network: None,
        help: &help,
        builder: Builder::BuildKit,
    })
    .unwrap();
    let top = Image(layer.tag.clone());
    printed(ContainerEngine::Docker, &layer.build, &variables, None);
    let code = "import packaging, pytest, sys; \
                assert packaging.__version__ == '24.2', packaging.__version__; \
                assert '/opt/scaf' not in packaging.__file__ and '/opt/scaf' in pytest.__file__";
    docker(&["run", "--rm", "--user", "1234:1234", &top.0, "python", "-c", code]);
    docker(&["run", "--rm", "--user", "1234:1234", &top.0, "python", "-m", "pytest", "--version"]);
    let out = Command::new("docker")
        .args(["run", "--rm", &base.0, "python", "-c", "import pytest"])
        .output()
        .unwrap();
    assert!(!out.status.success(), "the job's image stays lean");
}
