//! The twin test: a container made through the API, and one made by the printed `docker run …` line, are
//! the same to `inspect`, but for a short list.

use std::path::Path;
use std::process::Command;

use scaf::orchestrate::engine::moby::Moby;
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::spec::container::{Container, Device, EnvValue, Port, Ulimit};
use scaf::spec::gpu::GpuRequest;
use scaf::spec::mount::{Access, Mount};
use scaf::spec::plan::{ContainerEngine, docker_line};
use serde_json::Value;

use crate::engine_support::{docker, name, probe, surroundings};

/// Differences that are none, each with its reason (docker 20.10.24, client 28.2.2).
const ALLOWED: [(&str, &str); 5] = [
    // Each container has its own.
    ("Id Name Created Config.Hostname HostnamePath HostsPath LogPath ResolvConfPath GraphDriver", "its own"),
    // `docker create` attaches to nothing: `docker run` without `--detach` sets these as the API does.
    ("Config.AttachStdin Config.AttachStdout Config.AttachStderr Config.StdinOnce", "create is not run"),
    // The client writes out what is the same as nothing.
    ("HostConfig.RestartPolicy.Name", "\"no\" for \"\""),
    // Only the client tells the size that the terminal it stands on has; it stands on none here.
    ("HostConfig.ConsoleSize", "the client's terminal"),
    // The order of a map.
    ("NetworkSettings.SandboxID", "its own"),
];

/// A change to a container, with its name.
type Case<'a> = (&'a str, Box<dyn Fn(&mut Container) + 'a>);

fn cases(folder: &Path) -> Vec<Case<'_>> {
    let port = |ip: &str, host, inside, protocol: &str| Port {
        host_ip: ip.into(),
        host,
        inside,
        protocol: protocol.into(),
    };
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
    vec![
        ("nothing", Box::new(|_| {})),
        ("no --rm", Box::new(|it| it.remove = false)),
        ("the image's command", Box::new(|it| it.command.clear())),
        (
            "odd words",
            Box::new(move |it| it.command = words(&["/bin/probe", "echo", "", "a b", "'\"$x\\", "--rm"])),
        ),
        ("entry point", Box::new(move |it| it.entrypoint = Some(words(&["/bin/probe"])))),
        (
            "entry point of words",
            Box::new(move |it| it.entrypoint = Some(words(&["/bin/probe", "echo", "a b"]))),
        ),
        ("no entry point", Box::new(|it| it.entrypoint = Some(Vec::new()))),
        (
            "folder and user",
            Box::new(move |it| {
                it.workdir = "/mnt/x y".into();
                it.user = Some("1000:1001".into());
                it.groups = words(&["44", "video"]);
            }),
        ),
        (
            "variables",
            Box::new(|it| {
                it.env.insert("PLAIN".into(), EnvValue::Plain("a b=$c '\"\n".into()));
                it.env.insert("EMPTY".into(), EnvValue::Plain(String::new()));
                it.env.insert("SCAF_TWIN".into(), EnvValue::FromHost);
                it.env.insert("SCAF_TWIN_NOT_SET".into(), EnvValue::FromHost);
                it.env.insert("PATH".into(), EnvValue::Plain("/x:/bin".into()));
            }),
        ),
        (
            "labels",
            Box::new(|it| {
                it.labels.insert("scaf.empty".into(), String::new());
                it.labels.insert("scaf.odd".into(), "a=b, \"c\"".into());
            }),
        ),
        (
            "mounts",
            Box::new(move |it| {
                let odd = folder.join("a,b \"c\"");
                std::fs::create_dir_all(&odd).unwrap();
                it.mounts = vec![
                    Mount { source: folder.into(), target: "/mnt/data".into(), access: Access::ReadOnly },
                    Mount { source: folder.into(), target: "/mnt/outputs".into(), access: Access::ReadWrite },
                    Mount { source: odd, target: "/mnt/a,b".into(), access: Access::ReadWrite },
                ];
            }),
        ),
        (
            "ports",
            Box::new(move |it| {
                it.ports = vec![
                    port("127.0.0.1", Some(18_888), 8888, "tcp"),
                    port("", Some(18_889), 80, "tcp"),
                    port("", None, 81, "tcp"),
                    port("127.0.0.1", None, 82, "udp"),
                    port("::1", Some(18_890), 82, "udp"),
                ];
            }),
        ),
        ("all GPUs", Box::new(|it| it.gpus = Some(GpuRequest::All))),
        ("two GPUs", Box::new(|it| it.gpus = Some(GpuRequest::Count(2)))),
        ("these GPUs", Box::new(move |it| it.gpus = Some(GpuRequest::Devices(words(&["0", "GPU-1"]))))),
        (
            "described devices",
            Box::new(move |it| {
                it.cdi_devices = words(&["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
            }),
        ),
        (
            "sizes",
            Box::new(|it| {
                it.shm_size = Some(123_456_789);
                it.memory = Some(64 << 20);
                it.nano_cpus = Some(1_500_000_000);
            }),
        ),
        ("a part of a processor", Box::new(|it| it.nano_cpus = Some(50_000_000))),
        (
            "limits",
            Box::new(|it| {
                it.ulimits = vec![
                    Ulimit { name: "nofile".into(), soft: 1024, hard: 2048 },
                    Ulimit { name: "core".into(), soft: 0, hard: 0 },
                    Ulimit { name: "memlock".into(), soft: -1, hard: -1 },
                ];
            }),
        ),
        (
            "devices",
            Box::new(|it| {
                it.devices = vec![
                    Device {
                        host: "/dev/null".into(),
                        inside: "/dev/nvidia0".into(),
                        permissions: "rw".into(),
                    },
                    Device {
                        host: "/dev/zero".into(),
                        inside: "/dev/zero2".into(),
                        permissions: "rwm".into(),
                    },
                ];
            }),
        ),
        (
            "powers",
            Box::new(move |it| {
                it.cap_add = words(&["SYS_PTRACE", "CAP_SYS_NICE"]);
                it.security_opt = words(&["seccomp=unconfined", "no-new-privileges", "label=disable"]);
            }),
        ),
        ("open system paths", Box::new(move |it| it.security_opt = words(&["systempaths=unconfined"]))),
        (
            "a seccomp profile",
            Box::new(move |it| {
                let file = folder.join("profile.json");
                let profile = "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n  \"syscalls\": []\n}\n";
                std::io::Write::write_all(&mut std::fs::File::create(&file).unwrap(), profile.as_bytes())
                    .unwrap();
                it.security_opt = vec![format!("seccomp={}", file.display())];
            }),
        ),
        (
            "hosts",
            Box::new(move |it| it.add_host = words(&["a:10.0.0.1", "b=10.0.0.2", "c:host-gateway", "d:::1"])),
        ),
        ("the host's network", Box::new(|it| it.network = Some("host".into()))),
        ("no network", Box::new(|it| it.network = Some("none".into()))),
        ("the bridge", Box::new(|it| it.network = Some("bridge".into()))),
        ("ipc", Box::new(|it| it.ipc = Some("host".into()))),
        ("private ipc", Box::new(|it| it.ipc = Some("private".into()))),
        ("an init process", Box::new(|it| it.init = true)),
        (
            "a terminal with input",
            Box::new(|it| {
                it.tty = true;
                it.stdin = true;
            }),
        ),
        ("input alone", Box::new(|it| it.stdin = true)),
    ]
}

#[test]
fn both_ways_make_the_same_container() {
    let Some(_) = docker() else { return };
    let moby = Moby::connect(
        ContainerEngine::Docker,
        None,
        &Surroundings::new(|name| {
            if name == "SCAF_TWIN" { Some("from the host".into()) } else { surroundings().raw(name) }
        }),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut differences = Vec::new();
    for (case, change) in cases(folder.path()) {
        let mut it = probe(&["exit", "0"]);
        change(&mut it);
        let ours = moby.create_only(&it).unwrap_or_else(|error| panic!("{case}: {error}"));
        let ours_says = moby.inspect(&ours).unwrap().unwrap();
        moby.remove(&ours, true).unwrap();
        it.name = name();
        let mut line = docker_line::run("docker", &it);
        assert_eq!(line[1], "run");
        line[1] = "create".into();
        let output =
            Command::new(&line[0]).args(&line[1..]).env("SCAF_TWIN", "from the host").output().unwrap();
        assert!(output.status.success(), "{case}: {line:?}\n{}", String::from_utf8_lossy(&output.stderr));
        let theirs_says = moby.inspect(&it.name).unwrap().unwrap();
        moby.remove(&it.name, true).unwrap();
        compare(case, "", &ours_says, &theirs_says, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compare(case: &str, path: &str, ours: &Value, theirs: &Value, differences: &mut Vec<String>) {
    let allowed = |path: &str| ALLOWED.iter().any(|(paths, _)| paths.split(' ').any(|one| one == path));
    if allowed(path) {
        return;
    }
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(
                    case,
                    &below,
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    differences,
                );
            }
        }
        (a, b) if a == b || (nothing(a) && nothing(b)) => {}
        (Value::Array(a), Value::Array(b)) if in_no_order(path) && sorted(a) == sorted(b) => {}
        (a, b) => differences.push(format!("{case}: {path}: {a} by the API, {b} by the line")),
    }
}

/// An absent list, an empty one and an empty map are the same to an engine.
fn nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn sorted(list: &[Value]) -> Vec<String> {
    let mut list: Vec<String> = list.iter().map(Value::to_string).collect();
    list.sort();
    list
}

/// Lists that come out of a map: the client's limits; the engine's mounts, and its variables as soon as one is taken out.
fn in_no_order(path: &str) -> bool {
    matches!(path, "HostConfig.Ulimits" | "Config.Env" | "Mounts")
}
