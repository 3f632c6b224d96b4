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
    let (sender, lines) = channel();
    for stream in [
        Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
        Box::new(child.stderr.take().unwrap()),
    ] {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    until(&lines, "watching lines");
    // The shared code that it links, changed where it lies.
    test.write("src/common/word.py", "WORD = 'second'\n");
    until(&lines, "said second");
    until(&lines, "watching lines");
    // Temporary files and runs are no change: the next thing that is heard is the real one.
    test.write("src/lines/.local.py.swp", "x").write("runs/note", "x");
    test.write("src/lines/local.py", "import time\nprint('waits', flush=True)\ntime.sleep(1000)\n");
    until(&lines, "waits");
    test.write("src/lines/local.py", "print('third', flush=True)\n");
    let said = until(&lines, "third");
    assert!(said.contains("interrupted"), "the run in the way was not stopped first:\n{said}");
    until(&lines, "watching lines");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(test.runs("lines").len(), 4);
}
