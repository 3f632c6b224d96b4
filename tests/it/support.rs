//! A small language for tests of the program: a folder of its own, the real binary, streams compared
//! whole with named redactions; and what a test needs, stated.

#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The package's own folder.
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the test can have what it needs. Where it cannot, it is skipped aloud: said on standard
/// error and written into `skipped.txt` below the target folder, which `tests/run.sh` shows at the end;
/// and where `SCAF_TEST_WITH` names the thing, it fails.
#[must_use]
pub fn need(what: &str) -> bool {
    let Err(reason) = has(what) else { return true };
    let named = std::env::var("SCAF_TEST_WITH").unwrap_or_default();
    let must = named.split([',', ' ']).any(|word| word == what);
    assert!(!must, "SCAF_TEST_WITH names `{what}`, and it cannot be had: {reason}");
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    let line = format!("skipped {test}: no {what}: {reason}\n");
    eprint!("{line}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
    if let Ok(mut file) = fs::File::options().create(true).append(true).open(path) {
        let _ = file.write_all(line.as_bytes());
    }
    false
}

fn has(what: &str) -> Result<(), String> {
    match what {
        "docker" => answers(Command::new("docker").arg("version").arg("--format").arg("{{.Server.Version}}")),
        // An image of Debian is made of the packages of its mirror.
        "debian" => answers(Command::new("mmdebstrap").arg("--version")).and_then(|()| root()),
        "podman" => answers(Command::new("podman").arg("--version")),
        "dockerd" => answers(Command::new("dockerd").arg("--version")).and_then(|()| root()),
        "root" => root(),
        "uv" => tool("uv"),
        "ruff" => tool("ruff"),
        "git" => answers(Command::new("git").arg("--version")),
        "make" => answers(Command::new("make").arg("--version")),
        "gcc" => answers(Command::new("gcc").arg("--version")),
        // Asked as a user would: with what pip is set to here.
        "index" => answers(Command::new("python3").args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
            "--dest",
            &*std::env::temp_dir().join("scaf-test-index").to_string_lossy(),
            "iniconfig==2.1.0",
        ])),
        // Seven gigabytes are nothing that a test fetches by itself.
        "environments" => {
            let made = |name: &&str| state().join("environments").join(name).join(".done").exists();
            let missing = ["article", "vision", "large"].into_iter().find(|name| !made(name));
            missing.map_or(Ok(()), |name| Err(format!("`tests/servers/environments.sh {name}` was not run")))
        }
        "python" => answers(Command::new("python3").arg("--version")),
        "chromium" => answers(Command::new("chromium").arg("--version")),
        "buildx" => {
            let plugin = state().join("docker-config/cli-plugins/docker-buildx");
            if plugin.exists() { Ok(()) } else { Err(format!("{} is not there", plugin.display())) }
        }
        "azure" => {
            let python = state().join("azure/bin/python");
            if python.exists() { Ok(()) } else { Err(format!("{} is not there", python.display())) }
        }
        other => panic!("no test may need `{other}` before support.rs knows how to look for it"),
    }
}

fn root() -> Result<(), String> {
    if rustix::process::getuid().is_root() { Ok(()) } else { Err("not root".to_owned()) }
}

fn tool(name: &str) -> Result<(), String> {
    let own = state().join("bin").join(name);
    if own.exists() { Ok(()) } else { answers(Command::new(name).arg("--version")) }
}

fn answers(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).output() {
        Err(error) => Err(format!("`{program}`: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("`{program}`: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Where the scripts of `tests/servers` keep what they make.
pub fn state() -> PathBuf {
    std::env::var_os("SCAF_TEST_STATE").map_or_else(|| PathBuf::from("/var/tmp/scaf-test"), PathBuf::from)
}

/// Runs one of the scripts of `tests/servers`, one at a time on this machine; its standard output comes back.
pub fn server(script: &str, arguments: &[&str]) -> String {
    fs::create_dir_all(state()).unwrap();
    let lock = fs::File::create(state().join("servers.lock")).unwrap();
    lock.lock().unwrap();
    let output = Command::new("bash")
        .arg(here().join("tests/servers").join(script))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "tests/servers/{script} {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The image with the static `probe` and nothing else, on the main engine.
pub fn probe_image() -> &'static str {
    static TAG: OnceLock<String> = OnceLock::new();
    TAG.get_or_init(|| {
        let tag = "scaf-test/scratch:1";
        server("images.sh", &["scratch", tag]);
        tag.to_owned()
    })
}

/// An image with this machine's own CPython under the templates' FROM name, on the main engine.
pub fn python_image() -> &'static str {
    static TAG: OnceLock<String> = OnceLock::new();
    TAG.get_or_init(|| {
        let tag = format!("python:{}-slim", python_minor());
        server("images.sh", &["python", &tag]);
        tag
    })
}

/// Minor version of this machine's Python.
pub fn python_minor() -> String {
    let output = Command::new("python3")
        .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A folder for one test, with a home of its own, in which scaf is run.
pub struct Test {
    folder: TempDir,
    home: TempDir,
    filters: Vec<(String, String)>,
}

/// What a run of the program came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Test {
    /// An empty folder.
    pub fn empty() -> Self {
        let make = || tempfile::Builder::new().prefix("scaf-test-").tempdir().unwrap();
        Self { folder: make(), home: make(), filters: Vec::new() }
    }

    /// A project in the folder `p`, as `scaf init` makes it.
    pub fn project() -> Self {
        let test = Self::empty();
        test.scaf(["init", "p"]).ok();
        test
    }

    /// A project with one experiment of a template.
    pub fn experiment(name: &str, template: &str) -> Self {
        let test = Self::project();
        test.scaf(["new-exp", name, "--template", template]).in_project().ok();
        test
    }

    /// The test's folder, as the program sees it.
    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// The project's folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root().join("p").join(below)
    }

    pub fn home(&self) -> PathBuf {
        self.home.path().canonicalize().unwrap()
    }

    /// Writes a file of the project, with its folders.
    pub fn write(&self, below: &str, text: &str) -> &Self {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn read(&self, below: &str) -> String {
        let path = self.path(below);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A Dockerfile on the scratch image whose default command is the probe: for tests that need an
    /// image and no Python.
    pub fn probe_experiment(&self, name: &str) -> &Self {
        self.write(&format!("src/{name}/environment/Dockerfile"), &format!("FROM {}\n", probe_image()));
        self.write(&format!("src/{name}/local.py"), "# the probe image has no Python\n")
    }

    pub fn scaf<I, S>(&self, arguments: I) -> Scaf<'_>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scaf"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        // A user's settings, and what this test run itself was started with, have no part in it.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("SCAF_") || text.starts_with("XDG_") || text == "VIRTUAL_ENV" || text == "CI"
            {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.home()).env("NO_COLOR", "1");
        Scaf { test: self, command, input: None }
    }

    /// The runs of an experiment, the oldest first.
    pub fn runs(&self, experiment: &str) -> Vec<PathBuf> {
        let mut runs: Vec<PathBuf> = fs::read_dir(self.path("runs").join(experiment))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        runs.retain(|path| path.join("plan.json").is_file());
        // Within a second their names say nothing.
        runs.sort_by_cached_key(|run| {
            let text = fs::read_to_string(run.join("plan.json")).unwrap();
            let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            (record["planned"].as_str().map(str::to_owned), run.clone())
        });
        runs
    }

    /// One of the two files of the newest run's record.
    pub fn record(&self, experiment: &str, file: &str) -> serde_json::Value {
        let runs = self.runs(experiment);
        let newest = runs.last().unwrap_or_else(|| panic!("no run of {experiment}"));
        let text = fs::read_to_string(newest.join(file)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Replaces what differs from one run of the test to the next.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&*self.root().to_string_lossy(), "[ROOT]");
        text = text.replace(&*self.home().to_string_lossy(), "[HOME]");
        for (from, to) in &self.filters {
            text = text.replace(from, to);
        }
        redact_runs(&text)
    }
}

/// `[RUN]`, `[SECONDS]`, `[DIGEST]` in the place of what they name.
fn redact_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') {
            word.push(c);
        } else {
            out.push_str(&redact_word(&word));
            word.clear();
            out.push(c);
        }
    }
    out.push_str(&redact_word(&word));
    out
}

fn redact_word(word: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let mut parts = word.splitn(2, '-');
    if let (Some(day), Some(rest)) = (parts.next(), parts.next())
        && day.len() == 8
        && digits(day)
        && rest.len() > 7
        && digits(&rest[..6])
        && rest.as_bytes()[6] == b'_'
    {
        let name_end =
            rest[7..].find(|c: char| !(c.is_ascii_lowercase() || c == '_')).map_or(rest.len(), |at| at + 7);
        return format!("[RUN]{}", &rest[name_end..]);
    }
    if word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit()) && !digits(word) {
        return "[DIGEST]".to_owned();
    }
    if let Some((whole, part)) = word.split_once('.')
        && digits(whole)
        && part.len() == 1
        && digits(part)
    {
        return "[SECONDS]".to_owned();
    }
    word.to_owned()
}

/// One invocation.
pub struct Scaf<'a> {
    test: &'a Test,
    command: Command,
    input: Option<Vec<u8>>,
}

impl Scaf<'_> {
    /// In the project's folder instead of the test's.
    pub fn in_project(mut self) -> Self {
        self.command.current_dir(self.test.path(""));
        self
    }

    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Without a container engine: no socket is where one is looked for.
    pub fn without_engine(self) -> Self {
        let nowhere = format!("unix://{}/no-engine.sock", self.test.root().display());
        self.env("DOCKER_HOST", &nowhere).env("CONTAINER_HOST", &nowhere)
    }

    /// Started, its streams piped.
    pub fn spawn(mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn command(self) -> Command {
        self.command
    }

    pub fn run(mut self) -> Outcome {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().unwrap();
        if let Some(input) = self.input {
            // A program that does not read its input closes it; that is its right.
            let _ = child.stdin.take().unwrap().write_all(&input);
        }
        let output = child.wait_with_output().unwrap();
        Outcome {
            status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It must end with 0.
    #[track_caller]
    pub fn ok(self) -> Outcome {
        self.status(0)
    }

    #[track_caller]
    pub fn status(self, wanted: i32) -> Outcome {
        let shown = format!("{:?}", self.command);
        let outcome = self.run();
        assert_eq!(
            outcome.status, wanted,
            "{shown}\n--- stdout\n{}\n--- stderr\n{}",
            outcome.stdout, outcome.stderr
        );
        outcome
    }

    /// Status and both streams as one text, redacted: for a snapshot.
    pub fn transcript(self) -> String {
        let test = self.test;
        let Outcome { status, stdout, stderr } = self.run();
        test.redact(&format!("status: {status}\n--- stdout\n{stdout}--- stderr\n{stderr}"))
    }
}

impl Outcome {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }
}
