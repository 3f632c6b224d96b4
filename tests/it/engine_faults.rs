//! What goes wrong between scaf and an engine: none there, no permission, one that dies or hangs.

use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::process::Command;

use scaf::orchestrate::engine::moby::Moby;
use scaf::orchestrate::engine::moby::address::{Address, Location, Origin};
use scaf::orchestrate::engine::moby::error::EngineError;
use scaf::orchestrate::engine::moby::run::{RunError, RunIo, SignalSource};
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::spec::gpu::GpuRequest;
use scaf::spec::hint::{Explain, Fault};
use scaf::spec::plan::ContainerEngine;

use crate::engine_support::{at, docker, probe, run, run_with};
use crate::support::{need, server};

fn connect(address: &str, path: &str) -> EngineError {
    let surroundings = Surroundings::of([("PATH", path), ("DOCKER_HOST", address)]);
    Moby::connect(ContainerEngine::Docker, None, &surroundings).unwrap_err()
}

#[test]
fn no_engine_says_which_kind_of_none() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("d.sock");
    let address = format!("unix://{}", socket.display());
    let nowhere = folder.path().to_str().unwrap().to_owned();

    let error = connect(&address, &nowhere);
    assert!(matches!(error, EngineError::NotInstalled { .. }), "{error}");
    let client = folder.path().join("docker");
    std::os::unix::fs::symlink("/bin/true", client).unwrap();
    let error = connect(&address, &nowhere);
    assert!(matches!(error, EngineError::NotRunning { .. }), "{error}");
    let hint = "start the engine that `DOCKER_HOST` names, or go without the variable: `unset DOCKER_HOST`";
    assert_eq!(error.hints(), [hint]);

    // A socket whose listener is gone.
    drop(UnixListener::bind(&socket).unwrap());
    let error = connect(&address, &nowhere);
    assert_eq!(error.to_string(), format!("docker is not running: nobody listens at `{address}`"));

    let error = connect("ssh://me@elsewhere", &nowhere);
    assert!(matches!(error, EngineError::Elsewhere { .. }), "{error}");
    assert!(error.to_string().contains("`DOCKER_HOST` leads to another machine"), "{error}");
    assert_eq!(error.fault(), Fault::User);
    let error = connect("nonsense", &nowhere);
    assert!(matches!(error, EngineError::Address(_)), "{error}");
}

#[test]
fn what_is_no_engine_is_not_taken_for_one() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"]
    {
        let listener = listener.try_clone().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            assert!(client.read(&mut [0; 1024]).unwrap() > 0);
            client.write_all(answer.as_bytes()).unwrap();
        });
        let error = connect(&address, "/nowhere");
        serving.join().unwrap();
        assert!(matches!(error, EngineError::Stranger { .. }), "{error}");
    }
}

#[test]
fn no_permission_is_told_with_the_way_to_it() {
    // A socket of root, and a process that is not: this test's own program, run as nobody.
    if !need("docker") || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: root and docker are needed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let socket = folder.path().join("d.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let program = folder.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = std::os::unix::process::CommandExt::uid(&mut Command::new(&program), 65_534)
        .args(["--exact", "engine_faults::as_nobody", "--nocapture", "--ignored"])
        .env("SCAF_TEST_SOCKET", &socket)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("SAID no permission to use docker"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("HINT `sudo usermod -aG docker $USER`"), "{said}");
}

#[test]
#[ignore = "run by another test as another user"]
#[allow(clippy::disallowed_methods)] // the tests' own surroundings
fn as_nobody() {
    let socket = std::env::var("SCAF_TEST_SOCKET").unwrap();
    let error = connect(&format!("unix://{socket}"), "/usr/bin:/bin");
    println!("SAID {error}\nHINT {}", error.hints().join("\n"));
}

#[test]
fn facts_of_this_machines_docker() {
    let Some(moby) = docker() else { return };
    let facts = moby.facts().unwrap();
    assert_eq!(facts.greeting.engine, ContainerEngine::Docker);
    assert!(facts.greeting.api >= (1, 24) && facts.greeting.buildkit, "{facts:?}");
    assert!(facts.cpus > 0 && facts.memory > 0, "{facts:?}");
    assert!(facts.runtimes.contains(&"runc".to_owned()), "{facts:?}");
    assert!(["1", "2"].contains(&facts.cgroup_version.as_str()));
    assert!(!facts.version.is_empty() && !facts.storage_driver.is_empty() && !facts.architecture.is_empty());
    if !moby.may_be_elsewhere() {
        assert_eq!(facts.location, Location::Here);
    }
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(
        serde_json::from_str::<scaf::orchestrate::engine::moby::facts::EngineFacts>(&json).unwrap(),
        facts
    );
}

#[test]
fn an_engine_that_dies_during_a_run_is_an_error_and_no_end() {
    if !need("docker") || !need("dockerd") {
        return;
    }
    let socket = server("dockerd.sh", &["up", "engine-dies"]);
    let _down = Down(["down", "--purge", "engine-dies"]);
    sh_with_host(&socket);
    let moby = at(ContainerEngine::Docker, &socket);
    let it = probe(&["do", "echo", "up", ",", "sleep", "600"]);
    let (_sender, signals) = SignalSource::feed();
    let ran = run_with(&moby, &it, signals, &mut || {
        server("dockerd.sh", &["kill", "engine-dies"]);
    });
    let error = ran.end.unwrap_err();
    assert!(matches!(&error, RunError::Lost { name, .. } if *name == it.name), "{error}");
    assert_eq!(error.fault(), Fault::World);
    assert!(error.hints()[0].starts_with("see whether it still runs: `docker ps"), "{:?}", error.hints());
}

#[test]
fn gpus_are_given_where_the_toolkit_is_and_its_failure_is_told() {
    if !need("docker") || !need("dockerd") {
        return;
    }
    let socket = server("dockerd.sh", &["up", "engine-gpus"]);
    let _down = Down(["down", "--purge", "engine-gpus"]);
    sh_with_host(&socket);
    let moby = at(ContainerEngine::Docker, &socket);
    let dir = server("dockerd.sh", &["dir", "engine-gpus"]);
    for (request, seen) in
        [(GpuRequest::All, "all"), (GpuRequest::Devices(vec!["0".into(), "2".into()]), "0,2")]
    {
        let mut it = probe(&["env", "NVIDIA_VISIBLE_DEVICES"]);
        it.gpus = Some(request);
        let ran = run(&moby, &it);
        assert_eq!((ran.status(), ran.stdout.trim()), (0, seen), "{}", ran.stderr);
    }
    std::io::Write::write_all(
        &mut std::fs::File::create(format!("{dir}/hook.fail")).unwrap(),
        b"nvidia-container-cli: initialization error: nvml error: driver not loaded",
    )
    .unwrap();
    let mut it = probe(&["exit", "0"]);
    it.gpus = Some(GpuRequest::All);
    let error = run(&moby, &it).end.unwrap_err();
    std::fs::remove_file(format!("{dir}/hook.fail")).unwrap();
    assert!(
        matches!(&error, RunError::NoGpu { message, .. } if message.contains("driver not loaded")),
        "{error}"
    );
}

#[test]
fn a_socket_over_tcp_is_spoken_to_and_another_machines_is_refused() {
    let Some(moby) = docker() else { return };
    // The socket of this docker behind a port, as a tunnel would have it.
    let scaf::orchestrate::engine::moby::address::Place::Unix(path) = moby.address().place.clone() else {
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let engine = std::os::unix::net::UnixStream::connect(&path).unwrap();
            let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
            let (mut from_engine, mut to_engine) = (engine.try_clone().unwrap(), engine);
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_engine);
                let _ = to_engine.shutdown(std::net::Shutdown::Write);
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_engine, &mut to_client);
                let _ = to_client.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    let through = at(ContainerEngine::Docker, &format!("tcp://127.0.0.1:{port}"));
    assert!(through.may_be_elsewhere() && !through.address().is_remote());
    let ran = run(&through, &probe(&["do", "echo", "hello", ",", "exit", "4"]));
    assert_eq!((ran.status(), ran.stdout.as_str()), (4, "hello\n"));
    assert!(Address::parse("tcp://10.1.2.3:2375", Origin::Given).unwrap().is_remote());
}

#[test]
fn a_terminal_is_passed_through_and_given_back() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
    let Some(moby) = docker() else { return };
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcsetwinsize(&theirs, Winsize { ws_row: 31, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let before = tcgetattr(&theirs).unwrap();

    // Three Ctrl-C kill a child that does not care; before that they reach it as bytes.
    let mut it = probe(&["do", "tty", "watch", "1", ",", "ignore-term", "60"]);
    it.tty = true;
    it.stdin = true;
    let (_sender, signals) = SignalSource::feed();
    let mut stdout = Typing {
        said: String::new(),
        keys: ours.try_clone().unwrap(),
        typed: false,
        raw: None,
        terminal: &theirs,
    };
    let mut stderr = Vec::new();
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: Some(theirs.as_fd()),
        terminal: Some(theirs.as_fd()),
        kill_on_three_interrupts: true,
        signals,
    };
    let end = moby.run(&it, io).unwrap();
    assert_eq!(end.status, 137, "{}", stdout.said);
    assert!(end.killed);
    assert!(stdout.said.contains("0=tty 97x31 1=tty 97x31 2=tty 97x31"), "{}", stdout.said);
    assert_eq!(stdout.raw, Some(true), "the terminal did not pass keys on as they are");
    let after = tcgetattr(&theirs).unwrap();
    assert!(after.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    assert_eq!(before.local_modes, after.local_modes);
    assert!(stderr.is_empty());
}

/// Types Ctrl-C three times as soon as the child says that it is ready.
struct Typing<'a> {
    said: String,
    keys: std::os::fd::OwnedFd,
    typed: bool,
    raw: Option<bool>,
    terminal: &'a std::fs::File,
}

impl std::io::Write for Typing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.said.push_str(&String::from_utf8_lossy(bytes));
        if self.said.contains("ready") && !self.typed {
            self.typed = true;
            let modes = rustix::termios::tcgetattr(self.terminal)?.local_modes;
            self.raw = Some(!modes.contains(rustix::termios::LocalModes::ICANON));
            rustix::io::write(&self.keys, b"\x03\x03\x03")?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Brings the small image into another daemon.
fn sh_with_host(socket: &str) {
    let output = Command::new(crate::support::here().join("tests/servers/images.sh"))
        .arg("scratch")
        .env("DOCKER_HOST", socket)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Takes a daemon down whatever became of the test.
struct Down([&'static str; 3]);

impl Drop for Down {
    fn drop(&mut self) {
        server("dockerd.sh", &self.0);
    }
}

#[test]
fn signals_to_the_process_reach_the_run() {
    let Some(moby) = docker() else { return };
    for (ignoring, number, shown) in [(false, 2, "got 2"), (false, 1, "got 1"), (true, 1, "end")] {
        let it = probe(&["report-signals", "3"]);
        let program = std::env::current_exe().unwrap();
        // `nohup` has its commands ignore the hanging up; then it is not for the run either.
        let mut command = if ignoring {
            let mut nohup = Command::new("nohup");
            nohup.arg(program);
            nohup
        } else {
            Command::new(program)
        };
        let mut child = command
            .args(["--exact", "engine_faults::run_in_a_process_of_its_own", "--nocapture", "--ignored"])
            .env("SCAF_TEST_NAME", &it.name)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        while let Some(Ok(line)) = lines.next() {
            said.push_str(&line);
            said.push('\n');
            if line.ends_with("ready") {
                let pid = rustix::process::Pid::from_child(&child);
                let signal =
                    if number == 1 { rustix::process::Signal::HUP } else { rustix::process::Signal::INT };
                rustix::process::kill_process(pid, signal).unwrap();
            }
        }
        child.wait().unwrap();
        assert!(said.contains(shown), "{number}: {said}");
        assert!(said.contains("STATUS 0"), "{number}: {said}");
        crate::engine_support::assert_gone(&moby, &it);
    }
}

#[test]
#[ignore = "run by another test as a process of its own"]
#[allow(clippy::disallowed_methods)] // the tests' own surroundings
fn run_in_a_process_of_its_own() {
    let moby = docker().unwrap();
    let mut it = probe(&["report-signals", "3"]);
    it.name = std::env::var("SCAF_TEST_NAME").unwrap();
    let io = RunIo {
        stdout: &mut std::io::stdout(),
        stderr: &mut std::io::stderr(),
        stdout_log: None,
        stderr_log: None,
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals: SignalSource::Process,
    };
    let end = moby.run(&it, io).unwrap();
    println!("STATUS {}", end.status);
}

#[test]
fn described_devices_are_given() {
    let Some(moby) = docker() else { return };
    let device = "nvidia.com/gpu=0".to_owned();
    let mut it = probe(&["stat", "/dev/nvidia0"]);
    it.cdi_devices = vec![device.clone()];
    let ran = run(&moby, &it);
    if moby.facts().unwrap().cdi_devices.contains(&device) {
        assert_eq!(ran.status(), 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("other /dev/nvidia0"), "{}", ran.stdout);
    } else {
        let error = ran.end.unwrap_err();
        assert!(matches!(error, RunError::NoGpu { .. }), "{error}");
    }
}
