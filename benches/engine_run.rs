//! A run through the engine's API against `docker run --rm --init` of the same container: interleaved
//! pairs, medians and their ratio. `cargo bench --bench engine_run [PAIRS]`; it needs docker and the image
//! of `tests/servers/images.sh scratch`.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scaf::orchestrate::engine::moby::Moby;
use scaf::orchestrate::engine::moby::run::{RunIo, SignalSource};
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::spec::container::Container;
use scaf::spec::plan::ContainerEngine;

const IMAGE: &str = "scaf-test/scratch:1";

fn container(name: String) -> Container {
    Container {
        name,
        image: IMAGE.to_owned(),
        entrypoint: None,
        command: ["/bin/probe", "exit", "0"].map(str::to_owned).to_vec(),
        workdir: String::new(),
        user: None,
        groups: Vec::new(),
        env: BTreeMap::new(),
        labels: BTreeMap::from([("scaf-test".to_owned(), "bench".to_owned())]),
        mounts: Vec::new(),
        ports: Vec::new(),
        gpus: None,
        cdi_devices: Vec::new(),
        shm_size: None,
        memory: None,
        nano_cpus: None,
        ulimits: Vec::new(),
        devices: Vec::new(),
        cap_add: Vec::new(),
        security_opt: Vec::new(),
        add_host: Vec::new(),
        network: None,
        ipc: None,
        init: true,
        tty: false,
        stdin: false,
        remove: true,
    }
}

/// All that a process of scaf does for it, the connection included.
fn ours(number: usize) -> Duration {
    let start = Instant::now();
    let nothing = Surroundings::of([]);
    let moby = Moby::connect(ContainerEngine::Docker, None, &nothing).unwrap();
    let (_sender, signals) = SignalSource::feed();
    let io = RunIo {
        stdout: &mut std::io::stdout(),
        stderr: &mut std::io::stderr(),
        stdout_log: None,
        stderr_log: None,
        stdin: None,
        terminal: None,
        kill_on_three_interrupts: false,
        signals,
    };
    let name = format!("scaf-test-bench-{}-{number}", std::process::id());
    let end = moby.run(&container(name), io).unwrap();
    drop(moby);
    assert_eq!(end.status, 0);
    start.elapsed()
}

fn theirs() -> Duration {
    let start = Instant::now();
    let status = Command::new("docker")
        .args(["run", "--rm", "--init", "--label", "scaf-test=bench", IMAGE, "/bin/probe", "exit", "0"])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let pairs = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(40);
    theirs();
    ours(0);
    let (mut ours_took, mut theirs_took) = (Vec::new(), Vec::new());
    for number in 1..=pairs {
        // Who goes first changes, since what one leaves behind slows the next.
        if number % 2 == 0 {
            ours_took.push(ours(number));
            theirs_took.push(theirs());
        } else {
            theirs_took.push(theirs());
            ours_took.push(ours(number));
        }
    }
    let (ours, theirs) = (median(&mut ours_took), median(&mut theirs_took));
    println!(
        "{pairs} pairs: API {ours:.1?}, docker run {theirs:.1?}: {:.3}",
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}
