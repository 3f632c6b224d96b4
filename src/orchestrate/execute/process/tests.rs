//! Tests of `process`, with the shell of this machine.

use std::cell::Cell;
use std::sync::Mutex;

use tokio::sync::mpsc::UnboundedSender;

use super::*;
use crate::orchestrate::host::process::identify;

/// Hears what a tool says, and sends signals where it says so.
#[derive(Default)]
struct Heard {
    lines: Mutex<Vec<String>>,
    sends: Option<(UnboundedSender<i32>, Vec<i32>)>,
}

impl Reporter for Heard {
    fn tell(&self, event: Event<'_>) {
        let Event::Output(line) = event else { return };
        self.lines.lock().unwrap().push(line.to_owned());
        if let Some((sender, numbers)) = self.sends.as_ref().filter(|_| line.starts_with("ready")) {
            for number in numbers {
                sender.send(*number).unwrap();
            }
        }
    }
}

impl Heard {
    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// A tool whose script is this; at its word `ready` the signals come.
fn tool(script: &str, numbers: &[i32]) -> (Result<(), ProcessError>, Vec<String>) {
    let (sender, signals) = SignalSource::feed();
    let heard = Heard { sends: Some((sender, numbers.to_vec())), ..Heard::default() };
    let argv = ["sh", "-c", script].map(str::to_owned);
    let ended = command(&argv, None, &BTreeMap::new(), &heard, signals);
    (ended, heard.lines())
}

/// The number in `ready 123`.
fn number(lines: &[String]) -> u32 {
    lines.iter().find_map(|line| line.strip_prefix("ready ")?.parse().ok()).unwrap()
}

#[test]
fn a_tool_may_say_what_is_no_text() {
    let (ended, lines) = tool(r"printf 'caf\351\n'; echo after; printf 'no end'", &[]);
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(lines, ["caf\u{fffd}", "after", "no end"]);
    let (ended, _) = tool(r"printf '\377\n' >&2; exit 4", &[]);
    let Err(ProcessError::Failed { status: 4, tail, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(tail, "  \u{fffd}");
}

#[test]
fn a_tool_is_interrupted_with_all_that_it_started() {
    let (ended, lines) = tool("sleep 300 & echo ready $!; wait", &[15]);
    let error = ended.unwrap_err();
    assert!(matches!(error, ProcessError::Interrupted { signal: 15, .. }), "{error:?}");
    assert_eq!(error.fault().status(), 143);
    assert!(identify(number(&lines)).is_none(), "the sleep lives");
    // One that ends well all the same was interrupted all the same.
    let (ended, lines) =
        tool("trap 'echo caught; exit 0' INT; echo ready; while :; do sleep 0.01; done", &[2]);
    assert!(matches!(ended, Err(ProcessError::Interrupted { signal: 2, .. })), "{ended:?}");
    assert_eq!(lines, ["ready", "caught"]);
    // Whoever does not care is killed by the second.
    let deaf = "trap '' TERM; (while :; do sleep 0.01; done) & echo ready $!; wait";
    let (ended, lines) = tool(deaf, &[15, 15]);
    assert!(matches!(ended, Err(ProcessError::Interrupted { signal: 15, .. })), "{ended:?}");
    assert!(identify(number(&lines)).is_none(), "the deaf one lives");
}

#[test]
fn a_tool_that_waits_for_a_terminal_is_told() {
    let (ended, lines) = tool("sleep 300 & echo ready $!; kill -STOP $$", &[]);
    assert!(matches!(ended, Err(ProcessError::Asks { .. })), "{ended:?}");
    let sleeps = number(&lines);
    while identify(sleeps).is_some() {
        std::thread::yield_now();
    }
}

/// A run whose script is this, and its number.
fn ran(script: &str, log: Option<&Path>) -> (Result<End, ProcessError>, u32) {
    let (_sender, signals) = SignalSource::feed();
    let argv = ["sh", "-c", script].map(str::to_owned);
    let id = Cell::new(0);
    let request = Request {
        argv: &argv,
        cwd: Path::new("/"),
        env: &BTreeMap::new(),
        unset: &[],
        stdin: false,
        tty: false,
        stdout_log: log,
        stderr_log: None,
        child_to_stderr: true,
        on_started: &|number| id.set(number),
    };
    (run(&request, signals), id.get())
}

#[test]
fn a_log_that_cannot_be_written_to_its_end_ends_nothing() {
    let (ended, _) = ran("echo one; echo two; exit 7", Some(Path::new("/dev/full")));
    let ended = ended.unwrap();
    assert_eq!(ended.status, 7);
    assert!(ended.log_lost.is_some_and(|reason| reason.contains("No space left")));
}

#[test]
fn without_a_log_nothing_is_started() {
    let here = tempfile::tempdir().unwrap();
    let mark = here.path().join("mark");
    let (ended, id) = ran(&format!("touch {}", mark.display()), Some(&here.path().join("no/log")));
    assert!(matches!(ended, Err(ProcessError::Log { .. })), "{ended:?}");
    assert!(id == 0 && !mark.exists());
}

#[test]
fn what_a_run_leaves_in_the_background_ends_with_it() {
    let here = tempfile::tempdir().unwrap();
    let deaf = here.path().join("deaf");
    // With its output open and with it closed, heeding the signal and not.
    let deafly = format!(
        "(trap '' TERM; touch {0}; while :; do sleep 0.01; done) & until [ -e {0} ]; do sleep 0.01; done;",
        deaf.display()
    );
    for behind in ["sleep 300 &", "sleep 300 >/dev/null 2>&1 &", &deafly] {
        let script = format!("{behind} exit 4");
        let (ended, id) = ran(&script, None);
        let ended = ended.unwrap();
        assert_eq!((ended.status, ended.left_behind, ended.killed), (4, true, false), "{behind}");
        assert!(!group_lives(id), "{behind}");
    }
    let (ended, _) = ran("exit 4", None);
    assert!(!ended.unwrap().left_behind);
}

#[test]
fn a_run_that_is_over_at_once_has_no_peak_of_memory_or_a_true_one() {
    let (ended, _) = ran("exec python3 -c ''", None);
    // An interpreter that has begun holds more than this; a program that was merely loaded does not.
    let peak = ended.unwrap().peak_memory;
    assert!(peak.is_none_or(|bytes| bytes > 3 << 20), "{peak:?}");
}
