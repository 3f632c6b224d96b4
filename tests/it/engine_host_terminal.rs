//! The host engine on a terminal: a shell and a script that read what is typed, and Ctrl-C.

use std::process::Command;

use crate::support::{Scaf, Test, need, python_minor};

/// Starts a program on a terminal of its own and types: of `TEXT=KEYS` the keys once the text is seen, of
/// `*TEXT=KEYS` each time that it is.
const TYPIST: &str = r#"
import os, pty, sys
cut = sys.argv.index("--")
typed = [one.rsplit("=", 1) for one in sys.argv[1:cut]]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[cut + 1], sys.argv[cut + 1:])
seen, unread = b"", b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    unread += piece
    while typed and typed[0][0].lstrip("*").encode() in unread:
        text, keys = typed[0] if typed[0][0].startswith("*") else typed.pop(0)
        text = text.lstrip("*")
        unread = unread.split(text.encode(), 1)[1]
        os.write(terminal, keys.encode().decode("unicode_escape").encode())
sys.stdout.buffer.write(seen)
sys.stdout.flush()
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(99 if typed and not typed[0][0].startswith("*") else status)
"#;

/// Status and what was seen on the terminal.
pub fn typed(scaf: Scaf<'_>, keys: &[&str]) -> (i32, String) {
    let scaf = scaf.command();
    let mut typist = Command::new("python3");
    typist.args(["-c", TYPIST]).args(keys).arg("--").arg(scaf.get_program()).args(scaf.get_args());
    typist.current_dir(scaf.get_current_dir().unwrap());
    for (name, value) in scaf.get_envs() {
        match value {
            Some(value) => typist.env(name, value),
            None => typist.env_remove(name),
        };
    }
    let output = typist.env("TERM", "dumb").output().unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), seen + &String::from_utf8_lossy(&output.stderr))
}

fn experiment(script: &str) -> Test {
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", &format!("FROM python:{}\n", python_minor()));
    test.write("src/digits/environment/requirements.txt", "").write("src/digits/local.py", script);
    test
}

#[test]
fn a_shell_has_the_terminal() {
    if !need("python") {
        return;
    }
    let test = experiment("");
    let shell = ["terminal", "--engine", "host", "--", "sh", "-c", "test -t 1 -a -t 2; echo at=$?; exec sh"];
    let (status, seen) = typed(test.scaf(shell).in_project(), &["at=0=exit 4\\n"]);
    assert_eq!(status, 4, "{seen}");
    // Its own program takes Ctrl-C, as often as it is typed. A signal that comes between a prompt and the reading behind it,
    // CPython 3.11 sees only when the reading is done: what is to be interrupted sleeps, and does not read.
    let prompt = "import sys, time\nfor n in range(3):\n  try:\n    print(f'at {n}')\n    while True: time.sleep(0.05)\n  except KeyboardInterrupt: print('again')\nsys.exit(5)";
    let words = ["terminal", "--engine", "host", "--", "python", "-c", prompt];
    let (status, seen) = typed(test.scaf(words).in_project(), &["at 0=\\x03", "at 1=\\x03", "at 2=\\x03"]);
    assert_eq!(status, 5, "{seen}");
    assert_eq!(test.record("digits", "outcome.json")["interrupted"], false);
}

#[test]
fn a_script_reads_what_is_typed_and_is_interrupted_once() {
    if !need("python") {
        return;
    }
    let test = experiment("print('got', input('name? '))\n");
    let words = ["local", "--engine", "host"];
    let (status, seen) = typed(test.scaf(words).in_project(), &["name? =me\\n"]);
    assert!(status == 0 && seen.contains("got me"), "{status} {seen}");
    // The terminal sends it to both; scaf must not send it again, and outlives the script.
    let script = "import time\ntry:\n    print('one? ', end='', flush=True)\n    while True: time.sleep(0.05)\nexcept KeyboardInterrupt: print('first')\nprint('then', input('two? '))\nraise SystemExit(6)\n";
    test.write("src/digits/local.py", script);
    let (status, seen) = typed(test.scaf(words).in_project(), &["one? =\\x03", "two? =on\\n"]);
    assert!(status == 6 && seen.contains("then on"), "{status} {seen}");
    let outcome = test.record("digits", "outcome.json");
    assert!(outcome["interrupted"] == true && outcome["status"] == 6, "{outcome}");
}

#[test]
fn what_it_leaves_behind_on_a_terminal_ends_with_it_and_a_second_ctrl_c_ends_all() {
    if !need("python") {
        return;
    }
    let lives = |test: &Test| {
        let pid = test.read("data/pid");
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
    };
    let start = "import subprocess, signal, time\nchild = subprocess.Popen(['sh', '-c', 'trap \"\" INT TERM; while :; do sleep 0.05; done'])\nopen('data/pid', 'w').write(str(child.pid))\n";
    let test = experiment(&format!("{start}print('up')\n"));
    let words = ["local", "--engine", "host"];
    let (status, seen) = typed(test.scaf(words).in_project(), &[]);
    assert!(status == 0 && seen.contains("up"), "{status} {seen}");
    assert!(!lives(&test));
    let deaf =
        "signal.signal(signal.SIGINT, lambda *_: print('not yet'))\nprint('up')\nwhile True: time.sleep(1)\n";
    test.write("src/digits/local.py", &format!("{start}{deaf}"));
    let (status, seen) = typed(test.scaf(words).in_project(), &["up=\\x03", "*not yet=\\x03"]);
    assert_eq!(status, 137, "{seen}");
    assert!(!lives(&test));
}
