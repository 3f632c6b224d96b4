//! `--watch`: again at every change; the run in progress is stopped first.

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{Test, need};

/// What the program says, line by line, until it has said this.
fn until(lines: &Receiver<String>, wanted: &str) -> String {
    let mut seen = String::new();
    loop {
        // A limit for a program that hangs, not a time that anything has to take.
        let line = lines
            .recv_timeout(Duration::from_secs(120))
            .unwrap_or_else(|_| panic!("no `{wanted}` in:\n{seen}"));
        seen.push_str(&line);
        seen.push('\n');
        if line.contains(wanted) {
            return seen;
        }
    }
}

/// The lines of streams as they come.
fn said(streams: Vec<Box<dyn std::io::Read + Send>>) -> Receiver<String> {
    let (sender, lines) = channel();
    for stream in streams {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    lines
}

#[test]
fn with_json_every_run_is_an_event_on_a_line() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("lines", "minimal");
    let mut child =
        test.scaf(["local", "lines", "--watch", "--json", "--engine", "host"]).in_project().spawn();
    let events = said(vec![Box::new(child.stdout.take().unwrap())]);
    let talk = said(vec![Box::new(child.stderr.take().unwrap())]);
    for status in [0, 3] {
        until(&talk, "watching lines");
        let event: serde_json::Value = serde_json::from_str(&until(&events, "{")).unwrap();
        assert_eq!(event["outcome"]["status"], status, "{event}");
        test.write("src/lines/local.py", "raise SystemExit(3)\n");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_change_runs_it_again_and_stops_what_runs() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("lines", "minimal");
    test.write("src/common/__init__.py", "").write("src/common/word.py", "WORD = 'first'\n");
    test.scaf(["dependency", "lines", "word.py"]).in_project().ok();
    test.write("src/lines/local.py", "from common.word import WORD\nprint('said', WORD, flush=True)\n");
    let mut child = test.scaf(["local", "lines", "--watch", "--engine", "host"]).in_project().spawn();
    let lines = said(vec![Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())]);
    until(&lines, "watching lines");
    // The shared code that it links, changed where it lies.
    test.write("src/common/word.py", "WORD = 'second'\n");
    until(&lines, "said second");
    until(&lines, "watching lines");
    // Temporary files and runs are no change: only the real one is told, whether they came with it or before.
    test.write("src/lines/.local.py.swp", "x").write("runs/note", "x");
    test.write("src/lines/local.py", "import time\nprint('waits', flush=True)\ntime.sleep(1000)\n");
    let told = until(&lines, "waits");
    let changed: Vec<&str> = told.lines().filter(|line| line.starts_with("changed: ")).collect();
    assert_eq!(changed, ["changed: src/lines/local.py"], "{told}");
    test.write("src/lines/local.py", "print('third', flush=True)\n");
    let said = until(&lines, "third");
    assert!(said.contains("interrupted"), "the run in the way was not stopped first:\n{said}");
    until(&lines, "watching lines");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(test.runs("lines").len(), 4);
}
