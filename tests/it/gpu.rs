//! GPUs without a GPU: NVML is answered by a shim, and a daemon of the tests' own takes `--gpus` by a hook
//! that writes down what it was told.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::{Scaf, Test, need, probe_image, server};

const DAEMON: &str = "gpu";

fn shim() -> String {
    server("nvml.sh", &["build"])
}

/// The daemon with the hook, with the probe's image in it.
fn daemon() -> &'static str {
    static SOCKET: OnceLock<String> = OnceLock::new();
    SOCKET.get_or_init(|| {
        let socket = server("dockerd.sh", &["up", DAEMON]);
        // From the main engine: no image is made twice.
        let pipe = format!("docker save {} | DOCKER_HOST={socket} docker load -q", probe_image());
        let status = Command::new("sh").args(["-c", &pipe]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success());
        socket
    })
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").env("DOCKER_HOST", daemon()).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A project with a probe experiment; `faked` is a run of scaf that sees GPUs.
fn project() -> Test {
    let test = Test::project();
    test.probe_experiment("digits");
    test
}

fn reservations(test: &Test) -> PathBuf {
    test.root().join("reservations")
}

fn faked<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    test.scaf(words)
        .in_project()
        .env("SCAF_NVML_LIBRARY", shim())
        .env("SCAF_GPU_RESERVATIONS", reservations(test))
        .env("DOCKER_HOST", daemon())
}

/// The variable that Docker hands to NVIDIA's hook, as the container sees it.
fn seen(test: &Test, gpus: &str) -> String {
    let words = ["terminal", "digits", gpus, "--", "/bin/probe", "env", "NVIDIA_VISIBLE_DEVICES"];
    faked(test, &words).ok().stdout.trim().to_owned()
}

fn ready() -> bool {
    need("docker") && need("dockerd") && need("gcc")
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(300);
    while !so() {
        assert!(Instant::now() < end, "not within five minutes: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Of the GPUs that scaf sees, all of which are idle.
fn uuids(test: &Test) -> Vec<String> {
    let words = ["terminal", "digits", "--gpus=free", "--dry-run", "--json", "--", "/bin/probe"];
    let plan = faked(test, &words).ok().json();
    let devices = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|step| step["action"]["container"]["gpus"]["devices"].as_array())
        .unwrap();
    devices.iter().map(|uuid| uuid.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_form_reaches_the_container() {
    if !ready() {
        return;
    }
    let test = project();
    let all = uuids(&test);
    assert_eq!(all.len(), 2);
    assert_eq!(seen(&test, "--gpus"), "all");
    assert_eq!(seen(&test, "--gpus=all"), "all");
    assert_eq!(seen(&test, "--gpus=2"), "0,1");
    assert_eq!(seen(&test, "--gpus=device=0,1"), "0,1");
    assert_eq!(seen(&test, &format!("--gpus=device={}", all[1])), all[1]);
    assert_eq!(seen(&test, "--gpus=free"), all.join(","));
    let record = test.record("digits", "plan.json");
    assert_eq!(record["gpus"], format!("free (device={})", all.join(",")));
    let outcome = test.record("digits", "outcome.json");
    let sampled = outcome["gpus"].as_array().unwrap();
    assert_eq!(sampled.len(), 2);
    assert!(sampled.iter().all(|gpu| gpu["samples"].as_u64().unwrap() > 0 && gpu["name"] != ""));
}

#[test]
fn the_request_is_what_the_docker_client_sends() {
    if !ready() {
        return;
    }
    let test = project();
    for form in ["all", "2", "device=0,1"] {
        let name = format!("scaf-test-gpus-{}", form.replace(['=', ','], "-"));
        // As the client parses its own flag: a comma needs quotes.
        let typed = if form.contains(',') { format!("\"{form}\"") } else { form.to_owned() };
        docker(&["create", "--name", &name, "--gpus", &typed, probe_image(), "/bin/probe", "exit", "0"]);
        let theirs = docker(&["inspect", "-f", "{{json .HostConfig.DeviceRequests}}", &name]);
        docker(&["rm", &name]);
        let mut child = faked(
            &test,
            &["terminal", "digits", &format!("--gpus={form}"), "--", "/bin/probe", "sleep", "60"],
        )
        .spawn();
        let label = format!("label=scaf.root={}", test.root().join("p").display());
        let mut id = String::new();
        until("a container", || {
            id = docker(&["ps", "-q", "--filter", &label]);
            !id.is_empty()
        });
        let ours = docker(&["inspect", "-f", "{{json .HostConfig.DeviceRequests}}", &id]);
        docker(&["kill", &id]);
        child.wait().unwrap();
        // 20.10 keeps what it is sent; the client's own form differs in nothing.
        assert_eq!(ours, theirs, "--gpus {form}");
    }
}

#[test]
fn two_runs_get_two_gpus_and_a_kill_frees_them() {
    if !ready() {
        return;
    }
    let test = project();
    let all = uuids(&test);
    let words = [
        "terminal",
        "digits",
        "--gpus=free:1",
        "--",
        "/bin/probe",
        "do",
        "env",
        "NVIDIA_VISIBLE_DEVICES",
        ",",
        "sleep",
        "60",
    ];
    let mut first = faked(&test, &words).spawn();
    let locked = |count: usize| {
        until("the reservation", || {
            let held = all.iter().filter(|uuid| {
                fs::File::open(reservations(&test).join(format!("{uuid}.lock")))
                    .is_ok_and(|file| file.try_lock().is_err())
            });
            held.count() == count
        });
    };
    locked(1);
    let mut second = faked(&test, &words).spawn();
    locked(2);
    until("two containers", || test.runs("digits").len() == 2);
    let mut chosen: Vec<String> = test
        .runs("digits")
        .iter()
        .map(|run| {
            let text = fs::read_to_string(run.join("plan.json")).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["gpus"].as_str().unwrap().to_owned()
        })
        .collect();
    chosen.sort();
    let mut wanted: Vec<String> = all.iter().map(|uuid| format!("free:1 (device={uuid})")).collect();
    wanted.sort();
    assert_eq!(chosen, wanted);
    // Both are taken.
    let third =
        faked(&test, &["terminal", "digits", "--gpus=free:1", "--", "/bin/probe", "exit", "0"]).status(1);
    assert!(third.stderr.contains("reserved by another run"), "{}", third.stderr);
    // Killed outright, it reserves nothing any more.
    first.kill().unwrap();
    first.wait().unwrap();
    locked(1);
    faked(&test, &["terminal", "digits", "--gpus=free:1", "--", "/bin/probe", "exit", "0"]).ok();
    let label = format!("label=scaf.root={}", test.root().join("p").display());
    for id in docker(&["ps", "-q", "--filter", &label]).lines() {
        docker(&["kill", id]);
    }
    second.wait().unwrap();
}

#[test]
fn what_is_not_there_or_not_idle_is_an_error() {
    if !need("docker") || !need("gcc") {
        return;
    }
    let test = project();
    let run = |gpus: &str| {
        test.scaf(["terminal", "digits", gpus, "--dry-run", "--", "/bin/probe", "exit", "0"])
            .in_project()
            .env("SCAF_NVML_LIBRARY", shim())
            .env("SCAF_GPU_RESERVATIONS", reservations(&test))
    };
    let failure = run("--gpus=free:3").status(1).stderr;
    assert!(failure.contains("3 idle GPUs are wanted, and 2 of 2 are idle"), "{failure}");
    let failure = run("--gpus=3").status(1).stderr;
    assert!(failure.contains("3 GPUs are wanted, and this machine has 2"), "{failure}");
    let failure = run("--gpus=device=7").status(1).stderr;
    assert!(failure.contains("there is no GPU `7`") && failure.contains("0 (GPU-"), "{failure}");
    // One of the two computes: the other is taken.
    let busy = run("--gpus=free").env("SCAF_FAKE_GPU_PIDS", "4242,0").ok();
    let line = busy.stdout.lines().find(|line| line.contains("--gpus") && !line.starts_with('#')).unwrap();
    assert_eq!(line.matches("GPU-").count(), 1, "{line}");
    let failure = run("--gpus=free:2").env("SCAF_FAKE_GPU_USED", "9000,0").status(1).stderr;
    assert!(failure.contains("1 of 2 is idle") && failure.contains("9000 MiB in use"), "{failure}");
    let failure = run("--gpus=free").env("SCAF_FAKE_GPUS", "0").status(1).stderr;
    assert!(failure.contains("there is no GPU on this machine"), "{failure}");
    // A plan that is printed reserves nothing, and makes nothing.
    run("--gpus=free:2").ok();
    run("--gpus=free:2").ok();
    assert!(!reservations(&test).exists());
}

#[test]
fn optional_goes_without() {
    if !need("docker") || !need("gcc") {
        return;
    }
    let test = project();
    test.write("scaf.local.toml", "[engine]\ngpus = \"optional\"\n");
    let words = ["terminal", "digits", "--dry-run", "-v", "--", "/bin/probe", "exit", "0"];
    let without =
        test.scaf(words).in_project().env("SCAF_NVML_LIBRARY", test.root().join("no-such-library.so")).ok();
    assert!(!without.stdout.contains("--gpus"), "{}", without.stdout);
    assert!(without.stderr.contains("without GPUs: there is no NVIDIA driver"), "{}", without.stderr);
    let with = test.scaf(words).in_project().env("SCAF_NVML_LIBRARY", shim()).ok();
    assert!(with.stdout.contains("--gpus all"), "{}", with.stdout);
    test.write("scaf.local.toml", "[engine]\ngpus = \"free:1\"\n");
    let required = test
        .scaf(words)
        .in_project()
        .env("SCAF_NVML_LIBRARY", test.root().join("no-such-library.so"))
        .status(1);
    assert!(required.stderr.contains("there is no NVIDIA driver"), "{}", required.stderr);
}
