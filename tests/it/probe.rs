//! The same thing runs everywhere: one probe through every command on every engine. Its answers are the page
//! `docs/reference/probe.md`; an answer that differs from that of `local` in docker needs a reason that is
//! written here, and a reason that no answer needs is taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::engine_support::sh;
use crate::reference::same;
use crate::support::{Outcome, Scaf, Test, here, need, python_image, python_minor, server, state};

const ENGINES: [&str; 3] = ["docker", "podman", "host"];
const COMMANDS: [&str; 5] = ["local", "test", "terminal", "jupyter", "job"];
const NAME: &str = "domain/probed";

/// Question to answer.
type Answers = BTreeMap<String, String>;
/// By engine and command.
type Table = BTreeMap<(&'static str, &'static str), Answers>;

/// Why an answer is another one: the question, the commands and the engines (none: all), the reason.
struct Reason(&'static str, &'static [&'static str], &'static [&'static str], &'static str);

const HOST: &[&str] = &["host"];
const ALL: &[&str] = &[];

const REASONS: &[Reason] = &[
    Reason(
        "working directory",
        &["test", "job"],
        ALL,
        "tests are run, and a job's command is written, from inside the experiment, as Azure ML does it; the other commands begin at the top, as the article's `make local` did",
    ),
    Reason("working directory", ALL, HOST, LAYOUT),
    Reason("$PYTHONPATH", ALL, HOST, LAYOUT),
    Reason("$SCAF_OUTPUT_DIR", ALL, HOST, LAYOUT),
    Reason("`import common.greet`", ALL, HOST, LAYOUT),
    Reason("`import common.greet`", &["terminal"], HOST, LINKED),
    Reason("sys.path", ALL, HOST, LAYOUT),
    Reason("sys.path", &["terminal"], HOST, LINKED),
    Reason(
        "sys.path",
        &["test"],
        ALL,
        "pytest puts the folder of a test file in front; `/opt/scaf/pytest`, at the end, is where pytest lies when the environment has none, so that the image of `local` and `job` stays lean",
    ),
    Reason(
        "sys.path",
        &["jupyter"],
        ALL,
        "a kernel adds the empty entry, which is the working directory; `/opt/scaf/notebook`, at the end, is where the kernel itself lies. What is installed for the experiment goes before it",
    ),
    Reason(
        "$HOME",
        ALL,
        HOST,
        "the process is the caller's own on the caller's own machine, and HOME is the caller's; in a container it is a folder that is kept for the project",
    ),
    Reason("$VIRTUAL_ENV", ALL, HOST, "the environment is a virtual one, and tools find it by this name"),
    Reason(
        "first process",
        ALL,
        &["podman"],
        "each engine brings its own small init; both reap orphans and pass signals on",
    ),
    Reason("first process", ALL, HOST, "the machine has one already"),
    Reason("size of /dev/shm", ALL, HOST, "it is the machine's, and its size is not scaf's to change"),
    Reason(
        "`data/` can be",
        ALL,
        HOST,
        "without a container there is no read-only view of a folder: `data/` is a link to it, and the file permissions decide",
    ),
    Reason("`data/` can be", &["terminal"], HOST, NEIGHBOURS),
    Reason("`models/` can be", &["terminal"], HOST, NEIGHBOURS),
    Reason("`outputs/` can be", &["terminal"], HOST, NEIGHBOURS),
    Reason("`notebooks/` can be", &["jupyter"], ALL, "notebooks are there where notebooks are worked on"),
];

const LAYOUT: &str = "there is no `/mnt` on the machine itself: the run's own folder has the same layout";
const NEIGHBOURS: &str = "the probe resolves its own path, which leads through the link into the working tree, and there the neighbours are others; `Path(__file__)` unresolved, a relative path and `$SCAF_OUTPUT_DIR` find them";
const LINKED: &str = "the working tree is not mounted but linked in, and Python resolves the link of the script that it starts; it is the same file";

/// Where a probe is asked.
struct Asked<'a> {
    test: &'a Test,
    engine: &'static str,
    address: Option<String>,
}

impl Asked<'_> {
    fn scaf(&self, words: &[&str]) -> Scaf<'_> {
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/probe-cache");
        let mut scaf = self.test.scaf(words).in_project().env("XDG_CACHE_HOME", cache);
        // The caller's own environment is what it is on the machine of the test; here it is this.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PYTHON") {
                scaf = scaf.env_remove(&name.to_string_lossy());
            }
        }
        scaf = scaf.env("USER", "root").env("LOGNAME", "root");
        if let Some(address) = &self.address {
            scaf = scaf.env("CONTAINER_HOST", address);
        }
        scaf
    }

    /// `--engine` and the experiment, behind the command.
    fn run(&self, command: &str, more: &[&str]) -> Outcome {
        let mut words = vec![command, NAME, "--engine", self.engine];
        words.extend_from_slice(more);
        self.scaf(&words).run()
    }

    fn probe(&self, command: &'static str) -> Answers {
        let told = |outcome: Outcome| {
            assert_eq!(outcome.status, 0, "{command} on {}: {}", self.engine, outcome.stderr);
            outcome.stdout
        };
        let said = match command {
            "local" => told(self.run("local", &["--script", "probe.py", "--", "a b"])),
            "test" => told(self.run("test", &["--", "-s", "-q", "-p", "no:cacheprovider"])),
            "terminal" => {
                let script = format!("{NAME}/probe.py");
                told(self.run("terminal", &["--", "python", &script, "a b"]))
            }
            "jupyter" => self.in_a_notebook(),
            "job" => self.as_a_job("probe.py 'a b'").0,
            other => panic!("{other}"),
        };
        let line = said.lines().find_map(|line| line.split_once("PROBE ").map(|(_, json)| json));
        let line = line.unwrap_or_else(|| panic!("{command} on {}: {said}", self.engine));
        let answers: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        answers.into_iter().map(|(question, answer)| (question, self.plain(&answer))).collect()
    }

    fn in_a_notebook(&self) -> String {
        // The engines go side by side: two that look for a free port at once find the same.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let words = ["jupyter", NAME, "--engine", self.engine, "--port", &port];
        let mut child = self.scaf(&words).spawn();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("it ended before it answered:\n{seen}") };
            let _ = writeln!(seen, "{line}");
            if let Some(url) = line.strip_prefix("JupyterLab is at ") {
                break url.to_owned();
            }
        };
        let rest = std::thread::spawn(move || lines.for_each(drop));
        let code = format!(
            "import sys; sys.argv = ['x', 'a b']; import probe; probe.main(__import__('os').path.dirname(probe.__file__), sys.argv[1:])  # {NAME}"
        );
        let output = Command::new(state().join("jupyter/bin/python"))
            .arg(here().join("tests/probe/kernel.py"))
            .args([&url, &code])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        child.wait().unwrap();
        rest.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What a job with this command says, and its status.
    fn as_a_job(&self, command: &str) -> (String, i32) {
        let job = format!("command: python {command}\nenvironment: {{ build: {{ path: ./environment }} }}\n");
        self.test.write(&format!("src/{NAME}/job.yaml"), &job);
        let said = self.run("job", &["--json"]);
        assert_eq!(said.status, 0, "{}", said.stderr);
        let answer = said.json();
        let name = answer["job"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let attached = self.scaf(&["jobs", "attach", &name]).run();
        (attached.stdout, attached.status)
    }

    /// An answer as a person reads it, without what differs from one machine to the next.
    fn plain(&self, answer: &serde_json::Value) -> String {
        use serde_json::Value;
        match answer {
            Value::String(text) => self.redacted(text),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            Value::Array(list) => {
                let mut plain: Vec<String> = list.iter().map(|one| self.plain(one)).collect();
                plain.dedup();
                plain.join(", ")
            }
            Value::Number(number) => {
                let own = rustix::fs::statvfs("/dev/shm").map(|stat| stat.f_frsize * stat.f_blocks).ok();
                if number.as_u64() == own { "the machine's".to_owned() } else { number.to_string() }
            }
            other => other.to_string(),
        }
    }

    fn redacted(&self, text: &str) -> String {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        if text == format!("{uid}:{gid}") {
            return "the caller's".to_owned();
        }
        if text.is_empty() {
            return "(empty)".to_owned();
        }
        if !text.contains(' ') && text.contains("/lib/python") && !text.contains(NAME) {
            let installed = text.contains("site-packages") || text.contains("dist-packages");
            return if installed { "[installed]" } else { "[Python's own]" }.to_owned();
        }
        if fs::read_to_string("/proc/1/comm").is_ok_and(|own| own.trim() == text) {
            return "the machine's".to_owned();
        }
        let mut text = self.test.redact(text);
        // The run's folder stands for `/mnt` with the host engine.
        if let Some((before, after)) = text.clone().split_once("/mnt")
            && let Some(at) = before.rfind("[ROOT]")
        {
            text = format!("{}[run]{after}", &before[..at]);
        }
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/probe-cache/scaf/venvs/");
        if let Some((before, after)) = text.clone().split_once(cache) {
            let rest = after.find('/').map_or("", |at| &after[at..]);
            text = format!("{before}[environment]{rest}");
        }
        text
    }

    /// How it ends, by status.
    fn endings(&self, command: &'static str) -> Answers {
        let mut answers = Answers::new();
        let ways = [
            ("status of `exit 0`", "exit 0"),
            ("status of `exit 3`", "exit 3"),
            ("status of an exception", "raise"),
            ("status after SIGTERM to itself", "signal 15"),
            ("status after SIGKILL to itself", "signal 9"),
        ];
        for (question, words) in ways {
            let script = format!("{NAME}/probe.py");
            let mut split: Vec<&str> = words.split(' ').collect();
            let status = match command {
                "local" => {
                    let mut more = vec!["--script", "probe.py", "--"];
                    more.append(&mut split);
                    self.run("local", &more).status
                }
                "terminal" => {
                    let mut more = vec!["--", "python", &script];
                    more.append(&mut split);
                    self.run("terminal", &more).status
                }
                _ => self.as_a_job(&format!("probe.py {words}")).1,
            };
            answers.insert(question.to_owned(), status.to_string());
        }
        if command == "local" {
            for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
                answers.insert(format!("status after {name} to scaf"), self.signalled(signal, false));
                answers.insert(
                    format!("status after two {name} to scaf, unheeded"),
                    self.signalled(signal, true),
                );
            }
        }
        answers
    }

    fn signalled(&self, signal: Signal, deaf: bool) -> String {
        let mut words = vec!["local", NAME, "--engine", self.engine, "--script", "probe.py", "--", "wait"];
        if deaf {
            words.push("deaf");
        }
        let mut child = self.scaf(&words).spawn();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        kill_process(Pid::from_child(&child), signal).unwrap();
        if deaf {
            assert!(lines.next().unwrap().unwrap().starts_with("heard "));
            kill_process(Pid::from_child(&child), signal).unwrap();
        }
        child.wait_with_output().unwrap().status.code().unwrap().to_string()
    }
}

/// A project with the probe, shared code that it links, and a package `common` in its environment that must not win.
fn project(engine: &str) -> Test {
    let test = Test::project();
    let settings = test.read("scaf.toml") + "\n[images]\nbuild_network = \"host\"\n";
    test.write("scaf.toml", &settings);
    let folder = format!("src/{NAME}");
    let from =
        if engine == "host" { format!("python:{}-slim", python_minor()) } else { python_image().to_owned() };
    test.write(
        &format!("{folder}/environment/Dockerfile"),
        &format!(
            "FROM {from}\nCOPY . /opt/environment\nRUN pip install --no-index -r /opt/environment/requirements.txt\n"
        ),
    );
    test.write(&format!("{folder}/environment/requirements.txt"), "--find-links wheels\ncommon==999.0.1\n");
    let wheels = test.path(&folder).join("environment/wheels");
    sh(
        "python3",
        &[
            &here().join("tests/servers/make-wheel.py").to_string_lossy(),
            "common",
            "999.0.1",
            &wheels.to_string_lossy(),
            "--code",
            "WORD = 'the package that is installed'",
        ],
    );
    fs::copy(here().join("tests/probe/probe.py"), test.path(&folder).join("probe.py")).unwrap();
    test.write(&format!("{folder}/local.py"), "");
    let tests = "import pathlib\n\nimport probe\n\n\ndef test_probe():\n    probe.main(pathlib.Path(probe.__file__).parent, [\"a b\"])\n";
    test.write(&format!("{folder}/tests/test_probe.py"), tests);
    test.write("src/common/greet.py", "WORD = 'the shared code'\n");
    test.scaf(["dependency", NAME, "greet.py"]).in_project().ok();
    test
}

pub fn podman() -> String {
    let address = server("podman.sh", &["up"]);
    let image = format!("docker.io/library/python:{}-slim", python_minor());
    sh(
        "env",
        &[
            "DOCKER=podman",
            "bash",
            &here().join("tests/servers/images.sh").to_string_lossy(),
            "python",
            &image,
        ],
    );
    address
}

fn ask_all(engine: &'static str) -> Table {
    let test = project(engine);
    let asked = Asked { test: &test, engine, address: (engine == "podman").then(podman) };
    let mut table = Table::new();
    for command in COMMANDS {
        let mut answers = asked.probe(command);
        if matches!(command, "local" | "terminal" | "job") {
            answers.extend(asked.endings(command));
        }
        table.insert((engine, command), answers);
    }
    table
}

#[test]
fn the_same_thing_runs_everywhere() {
    if !["docker", "podman", "root", "python"].iter().all(|what| need(what)) {
        return;
    }
    server("tools.sh", &["install", "jupyter"]);
    // Side by side: most of the time goes by while packages come.
    let table: Table = std::thread::scope(|scope| {
        let asked: Vec<_> = ENGINES.map(|engine| scope.spawn(move || ask_all(engine))).into_iter().collect();
        asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect()
    });
    let (page, without_reason) = page(&table);
    let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probe-table.md");
    fs::write(at, &page).unwrap();
    assert!(without_reason.is_empty(), "{without_reason}\n{page}");
    same(&page, "docs/reference/probe.md");
}

/// What is not asked there.
const NOT_ASKED: &str = "–";

fn page(table: &Table) -> (String, String) {
    let questions: BTreeSet<&String> = table.values().flat_map(BTreeMap::keys).collect();
    let answer = |engine, command, question: &str| {
        table[&(engine, command)].get(question).map_or(NOT_ASKED, String::as_str)
    };
    let mut page = String::from(PAGE);
    for engine in ENGINES {
        let _ =
            writeln!(page, "## {engine}\n\n| question | {} |\n|{}", COMMANDS.join(" | "), " --- |".repeat(6));
        for question in &questions {
            let cells: Vec<String> = COMMANDS
                .iter()
                .map(|command| answer(engine, command, question).replace('|', "\\|"))
                .collect();
            let _ = writeln!(page, "| {question} | {} |", cells.join(" | "));
        }
        page.push('\n');
    }
    page.push_str("## Differences, and why\n\n");
    let mut missing = String::new();
    let mut used = BTreeSet::new();
    for question in &questions {
        let usual = answer("docker", "local", question);
        for engine in ENGINES {
            for command in COMMANDS {
                let other = answer(engine, command, question);
                if other == usual || (other == NOT_ASKED && question.starts_with("status ")) {
                    continue;
                }
                let fits = |Reason(of, commands, engines, _): &Reason| {
                    of == question
                        && (commands.is_empty() || commands.contains(&command))
                        && (engines.is_empty() || engines.contains(&engine))
                };
                let reasons: Vec<usize> = REASONS
                    .iter()
                    .enumerate()
                    .filter(|(_, reason)| fits(reason))
                    .map(|(index, _)| index)
                    .collect();
                if reasons.is_empty() {
                    let _ = writeln!(
                        missing,
                        "no reason: {question}: {usual} here, {other} in {command} on {engine}"
                    );
                }
                used.extend(reasons);
            }
        }
    }
    for (index, Reason(question, commands, engines, reason)) in REASONS.iter().enumerate() {
        if !used.contains(&index) {
            let _ = writeln!(missing, "a reason that nothing needs: {question}: {reason}");
        }
        let of = |names: &[&str], all: &str| if names.is_empty() { all.to_owned() } else { names.join(", ") };
        let place = format!("{}; {}", of(commands, "every command"), of(engines, "every engine"));
        let _ = writeln!(page, "- **{question}** ({place}): {reason}");
    }
    (page, missing)
}

const PAGE: &str = "\
# The same thing runs everywhere

One script, `tests/probe/probe.py`, through every command on every engine: what it finds. Generated by `tests/it/probe.rs`, which
compares every answer with that of `local` in docker; each that differs has its reason below. The project has data-science code in
`src/domain/probed`, shared code that it links with `scaf dependency`, and a package that is called `common` as well installed in
the experiment's environment. `[run]` is the run's own folder with the host engine, `[environment]` its virtual environment,
`–` what is not asked there (a test's and a notebook's own ends are pytest's and the kernel's).

";
