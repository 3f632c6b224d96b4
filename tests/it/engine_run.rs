//! Runs in the docker of this machine: status, output, input, signals, memory, and what goes wrong.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc;

use scaf::orchestrate::engine::moby::run::{RunError, RunIo, SignalSource};
use scaf::spec::container::{Device, EnvValue, Port};
use scaf::spec::gpu::GpuRequest;
use scaf::spec::hint::{Explain, Fault};
use scaf::spec::mount::{Access, Mount};

use crate::engine_support::{assert_gone, container, docker, probe, run, run_with};

#[test]
fn status_and_both_streams_come_back_as_they_were() {
    let Some(moby) = docker() else { return };
    let it = probe(&["do", "echo", "to", "out", ",", "err", "to", "err", ",", "exit", "3"]);
    let ran = run(&moby, &it);
    assert_eq!(ran.status(), 3);
    assert_eq!(ran.stdout, "to out\n");
    assert_eq!(ran.stderr, "to err\n");
    let end = ran.end.unwrap();
    assert!(!end.out_of_memory && !end.killed && end.signal.is_none() && end.complaint.is_none(), "{end:?}");
    assert!(end.finished >= end.started);
    assert_gone(&moby, &it);
}

#[test]
fn much_output_comes_whole() {
    let Some(moby) = docker() else { return };
    let ran = run(&moby, &probe(&["lines", "200000"]));
    assert_eq!(ran.status(), 0);
    assert_eq!(ran.stdout.lines().count(), 200_000);
    assert_eq!(ran.stdout.lines().last(), Some("line 200000"));
}

#[test]
fn a_signal_of_its_own_is_128_and_its_number() {
    let Some(moby) = docker() else { return };
    for (number, status) in [("9", 137), ("15", 143), ("11", 139)] {
        let mut it = probe(&["signal", number]);
        // Without an init process the kernel spares process 1.
        it.init = true;
        let ran = run(&moby, &it);
        assert_eq!(ran.status(), status);
        assert!(!ran.end.unwrap().out_of_memory);
    }
}

#[test]
fn killed_for_memory_is_said_and_the_status_kept() {
    let Some(moby) = docker() else { return };
    for init in [false, true] {
        let mut it = probe(&["alloc", "64", "5"]);
        it.memory = Some(16 << 20);
        it.init = init;
        let ran = run(&moby, &it);
        assert_eq!(ran.status(), 137);
        assert!(ran.end.unwrap().out_of_memory);
    }
    let mut it = probe(&["alloc-child", "64"]);
    it.memory = Some(16 << 20);
    let ran = run(&moby, &it);
    assert_eq!(ran.status(), 3, "{}", ran.stdout);
    assert!(ran.end.unwrap().out_of_memory, "a child that was killed for memory was not told of");
}

#[test]
fn memory_and_processor_time_are_sampled() {
    let Some(moby) = docker() else { return };
    let it = probe(&["alloc", "64", "1.5"]);
    let usage = run(&moby, &it).end.unwrap().usage;
    assert!(usage.samples >= 2, "{usage:?}");
    assert!(usage.peak_memory.is_some_and(|bytes| (64 << 20..256 << 20).contains(&bytes)), "{usage:?}");
    assert!(usage.cpu.is_some());
}

#[test]
fn what_cannot_be_started_has_the_status_of_docker_run() {
    let Some(moby) = docker() else { return };
    let missing = container(&["/bin/nosuch"]);
    let ran = run(&moby, &missing);
    let error = ran.end.unwrap_err();
    assert!(matches!(&error, RunError::NotFound { command, .. } if command == "/bin/nosuch"), "{error}");
    assert_eq!(error.fault(), Fault::Start(127));
    assert_gone(&moby, &missing);

    let folder = container(&["/bin"]);
    let error = run(&moby, &folder).end.unwrap_err();
    assert_eq!(error.fault(), Fault::Start(126), "{error}");
    assert_gone(&moby, &folder);

    let mut bad_mount = probe(&["exit", "0"]);
    bad_mount.mounts.push(Mount {
        source: "/no/such/folder".into(),
        target: "/mnt".into(),
        access: Access::ReadOnly,
    });
    let error = run(&moby, &bad_mount).end.unwrap_err();
    assert!(matches!(error, RunError::BadMount { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Start(125));
    assert_gone(&moby, &bad_mount);

    let mut no_image = probe(&["exit", "0"]);
    no_image.image = "scaf-test/nosuch:0".to_owned();
    let error = run(&moby, &no_image).end.unwrap_err();
    assert!(matches!(error, RunError::NoImage { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Start(125));

    let mut twice = probe(&["exit", "0"]);
    twice.remove = false;
    moby.create_only(&twice).unwrap();
    let error = run(&moby, &twice).end.unwrap_err();
    moby.remove(&twice.name, true).unwrap();
    assert!(matches!(error, RunError::NameTaken { .. }), "{error}");
}

#[test]
fn a_device_that_is_not_there_is_no_missing_program() {
    let Some(moby) = docker() else { return };
    let mut it = probe(&["exit", "0"]);
    let name = "/dev/nope".to_owned();
    it.devices = vec![Device { host: name.clone(), inside: name, permissions: "rwm".to_owned() }];
    let error = run(&moby, &it).end.unwrap_err();
    assert_eq!(error.fault(), Fault::Start(125), "{error}");
    assert!(error.to_string().contains("/dev/nope"), "{error}");
    assert_gone(&moby, &it);
}

#[test]
fn gpus_without_a_toolkit_are_an_error_of_their_own() {
    let Some(moby) = docker() else { return };
    if moby.facts().unwrap().nvidia_runtime {
        eprintln!("skipped: this docker has the toolkit");
        return;
    }
    let mut it = probe(&["exit", "0"]);
    it.gpus = Some(GpuRequest::All);
    let error = run(&moby, &it).end.unwrap_err();
    assert!(matches!(error, RunError::NoGpu { .. }), "{error}");
    assert!(error.hints()[0].contains("scaf doctor"), "{:?}", error.hints());
    assert_gone(&moby, &it);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let Some(moby) = docker() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut it = probe(&["exit", "0"]);
    it.ports.push(Port { host_ip: "127.0.0.1".into(), host: Some(port), inside: 80, protocol: "tcp".into() });
    let error = run(&moby, &it).end.unwrap_err();
    assert!(matches!(error, RunError::PortTaken { port: found, .. } if found == port), "{error}");
    assert_gone(&moby, &it);
}

#[test]
fn folders_user_and_variables_are_inside() {
    let Some(moby) = docker() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut it = probe(&["do", "id", ",", "pwd", ",", "env", "PLAIN", ",", "write", "/mnt/made", "text"]);
    it.user = Some("1234:2345".into());
    it.workdir = "/mnt".into();
    it.env.insert("PLAIN".into(), EnvValue::Plain("a b=c".into()));
    it.env.insert("NOT_SET_ANYWHERE".into(), EnvValue::FromHost);
    it.mounts.push(Mount { source: folder.path().into(), target: "/mnt".into(), access: Access::ReadWrite });
    let ran = run(&moby, &it);
    assert_eq!(ran.status(), 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "uid=1234 gid=2345 groups=2345\n/mnt\na b=c\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("made")).unwrap(), "text\n");

    it = probe(&["write", "/mnt/again", "text"]);
    it.mounts.push(Mount { source: folder.path().into(), target: "/mnt".into(), access: Access::ReadOnly });
    let ran = run(&moby, &it);
    assert_eq!((ran.status(), ran.stderr.contains("Read-only")), (1, true), "{}", ran.stderr);
}

#[test]
fn the_first_signal_is_passed_on_and_waited_for() {
    let Some(moby) = docker() else { return };
    for (number, shown) in [(2, "got 2\n"), (15, "got 15\n")] {
        let it = probe(&["report-signals", "30"]);
        let (sender, signals) = SignalSource::feed();
        let ran = with_output(&moby, &it, signals, |text| {
            if text.ends_with("ready\n") {
                sender.send(number).unwrap();
            }
        });
        assert_eq!(ran.0.status, 0);
        assert!(ran.1.ends_with(shown), "{}", ran.1);
        assert_eq!(ran.0.signal, Some(number));
        assert!(!ran.0.killed);
    }
}

#[test]
fn a_second_signal_kills() {
    let Some(moby) = docker() else { return };
    let it = probe(&["ignore-term", "60"]);
    let (sender, signals) = SignalSource::feed();
    let (end, output) = with_output(&moby, &it, signals, |text| {
        if text.ends_with("ready\n") {
            sender.send(2).unwrap();
            sender.send(2).unwrap();
        }
    });
    assert_eq!(end.status, 137);
    assert!(end.killed && !end.out_of_memory, "{end:?}");
    assert!(!output.contains("end"));
    assert_gone(&moby, &it);
}

#[test]
fn a_signal_before_the_start_leaves_nothing() {
    let Some(moby) = docker() else { return };
    let it = probe(&["do", "echo", "up", ",", "sleep", "30"]);
    let (sender, signals) = SignalSource::feed();
    sender.send(15).unwrap();
    let ran = run_with(&moby, &it, signals, &mut || {});
    assert_eq!(ran.stdout, "");
    assert!(matches!(ran.end, Err(RunError::Interrupted { signal: 15 })));
    assert_gone(&moby, &it);
}

#[test]
fn standard_input_is_passed_on_with_its_end() {
    let Some(moby) = docker() else { return };
    let text: String = (0..50_000).map(|number| format!("{number}\n")).collect();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let sent = text.clone();
    let feeding = std::thread::spawn(move || writer.write_all(sent.as_bytes()));
    let mut it = probe(&["stdin"]);
    it.stdin = true;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (_sender, signals) = SignalSource::feed();
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: Some(reader.as_fd()),
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    let end = moby.run(&it, io).unwrap();
    feeding.join().unwrap().unwrap();
    assert_eq!(end.status, 0);
    assert!(stdout == text.as_bytes(), "{} bytes of {}", stdout.len(), text.len());
}

#[test]
fn input_that_comes_after_the_run_is_left_for_others() {
    let Some(moby) = docker() else { return };
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let mut it = probe(&["exit", "0"]);
    it.stdin = true;
    let (_sender, signals) = SignalSource::feed();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: Some(reader.as_fd()),
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    assert_eq!(moby.run(&it, io).unwrap().status, 0);
    writer.write_all(b"next").unwrap();
    drop(writer);
    let mut left = String::new();
    reader.read_to_string(&mut left).unwrap();
    assert_eq!(left, "next");
}

#[test]
fn logs_get_what_is_shown() {
    let Some(moby) = docker() else { return };
    let it = probe(&["do", "echo", "a", ",", "err", "b"]);
    let (mut stdout, mut stderr, mut out_log, mut err_log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (_sender, signals) = SignalSource::feed();
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: Some(&mut out_log),
        stderr_log: Some(&mut err_log),
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    assert_eq!(moby.run(&it, io).unwrap().status, 0);
    assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"a\n"[..], &b"b\n"[..]));
    assert_eq!((out_log, err_log), (stdout, stderr));
}

#[test]
fn output_that_nobody_reads_ends_the_run() {
    let Some(moby) = docker() else { return };
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut it = probe(&["lines", "100000", "10"]);
    it.init = true;
    let mut stderr = Vec::new();
    let (_sender, signals) = SignalSource::feed();
    let io = RunIo {
        stdout: &mut Closed,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    let end = moby.run(&it, io).unwrap();
    assert_eq!(end.status, 143);
    assert!(end.output_lost.is_some());
    assert_gone(&moby, &it);
}

#[test]
fn found_by_label_stopped_and_removed() {
    let Some(moby) = docker() else { return };
    let mut it = probe(&["ignore-term", "60"]);
    it.labels.insert("scaf-test-list".into(), it.name.clone());
    it.remove = false;
    let (found, started) = mpsc::channel();
    let label = format!("scaf-test-list={}", it.name);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let moby = docker().unwrap();
            let (_sender, signals) = SignalSource::feed();
            run_with(&moby, &it, signals, &mut || found.send(()).unwrap())
        });
        started.recv().unwrap();
        let list = moby.list(&[&label]).unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].name, it.name);
        let id = list[0].id.clone();
        assert!(list[0].is_alive(), "{:?}", list[0]);
        assert_eq!(list[0].labels["scaf-test"], "1");
        moby.stop(&id, 0).unwrap();
        assert_eq!(running.join().unwrap().status(), 137);
        let list = moby.list(&[&label]).unwrap();
        assert_eq!((list.len(), list[0].is_alive()), (1, false), "{list:?}");
        moby.stop(&id, 0).unwrap();
        moby.remove(&id, false).unwrap();
        moby.remove(&id, false).unwrap();
    });
    assert!(moby.list(&[&label]).unwrap().is_empty());
}

/// Runs, and shows what has come so far after every piece.
fn with_output(
    moby: &scaf::orchestrate::engine::moby::Moby,
    container: &scaf::spec::container::Container,
    signals: SignalSource,
    seen: impl FnMut(&str),
) -> (scaf::orchestrate::engine::moby::run::RunEnd, String) {
    struct Watched<F>(String, F);
    impl<F: FnMut(&str)> Write for Watched<F> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push_str(&String::from_utf8_lossy(bytes));
            (self.1)(&self.0);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut stdout = Watched(String::new(), seen);
    let mut stderr = Vec::new();
    let io = RunIo {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdout_log: None,
        stderr_log: None,
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    let end = moby.run(container, io).unwrap();
    (end, stdout.0)
}
