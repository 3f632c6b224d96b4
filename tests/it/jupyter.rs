//! `scaf jupyter`, with a browser that opens the page and runs a cell.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Test, here, need, python_image};

/// Ends what is left of it, whatever the test came to.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_browser_runs_a_cell_in_the_experiments_image() {
    if !need("docker") || !need("chromium") {
        return;
    }
    python_image();
    let test = Test::experiment("digits", "minimal");
    test.write("src/common/__init__.py", "").write("src/common/greet.py", "WORD = 'shared'\n");
    test.scaf(["dependency", "digits", "greet.py"]).in_project().ok();
    let mut server = Running(test.scaf(["jupyter", "digits"]).in_project().spawn());
    let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    let url = loop {
        let Some(Ok(line)) = lines.next() else { panic!("it ended before it answered:\n{seen}") };
        seen.push_str(&line);
        seen.push('\n');
        if let Some(url) = line.strip_prefix("JupyterLab is at ") {
            break url.to_owned();
        }
    };
    // The rest must be read, or the server waits for room in the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    assert!(url.starts_with("http://127.0.0.1:") && url.contains("/lab?token="), "{url}");
    let code = "import os, common.greet, train; print(os.path.basename(train.__file__), common.greet.WORD, os.path.isdir('/mnt/notebooks'))";
    let output = Command::new("python3")
        .arg(here().join("tests/servers/browser.py"))
        .args([&url, code, "--timeout", "120"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(answer["ok"], true, "{text}");
    assert_eq!(answer["text"].as_str().unwrap().trim(), "train.py shared True", "{text}");

    // Without the token nothing is to be had; the token is in no record.
    let (address, token) = url.split_once("/lab?token=").unwrap();
    let status = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &format!("{address}/api/contents")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout), "403");
    let run = test.runs("digits").pop().unwrap();
    assert!(
        !std::fs::read_to_string(run.join("plan.json")).unwrap().contains(token),
        "the token is written down"
    );

    // Ctrl-C ends it, and what the person wrote stays where it was written.
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    server.0.wait().unwrap();
    assert!(!test.record("digits", "outcome.json").is_null());
}

#[test]
fn a_taken_port_is_said_and_another_is_taken() {
    let test = Test::experiment("digits", "minimal");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let outcome = test.scaf(["jupyter", "digits", "--port", &port.to_string()]).in_project().status(1);
    assert!(outcome.stderr.contains(&format!("port {port} is taken")), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: `--port"), "{}", outcome.stderr);
    assert!(test.runs("digits").is_empty());
}
