//! The same questions put to podman, through its Docker-compatible socket.

use std::collections::BTreeMap;
use std::time::Duration;

use scaf::orchestrate::engine::moby::build::BuildError;
use scaf::orchestrate::engine::moby::run::{RunError, SignalSource};
use scaf::orchestrate::engine::moby::{Availability, Moby};
use scaf::orchestrate::reporter::{Event, Reporter};
use scaf::spec::container::EnvValue;
use scaf::spec::hint::{Explain, Fault};
use scaf::spec::image::{ArgValue, Builder, ImageBuild};
use scaf::spec::mount::{Access, Mount};
use scaf::spec::plan::ContainerEngine;
use scaf::spec::secret::{BuildSecret, SecretSource};

use crate::engine_support::{assert_gone, at, container, name, probe, run, run_with};
use crate::support::{need, server};

const IMAGE: &str = "docker.io/scaf-test/scratch:1";

struct Quiet;

impl Reporter for Quiet {
    fn tell(&self, _: Event<'_>) {}
}

fn podman() -> Option<Moby> {
    if !need("podman") {
        return None;
    }
    let socket = server("podman.sh", &["up"]);
    let output = std::process::Command::new(crate::support::here().join("tests/servers/images.sh"))
        .arg("scratch")
        .env("DOCKER", "podman")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(at(ContainerEngine::Podman, &socket))
}

#[test]
fn podman_runs_as_docker_does() {
    let Some(moby) = podman() else { return };
    assert_eq!(moby.engine(), ContainerEngine::Podman);
    assert!(!moby.greeting().buildkit);
    let facts = moby.facts().unwrap();
    assert!(!facts.version.is_empty() && facts.cpus > 0, "{facts:?}");

    let mut it = probe(&["do", "echo", "out", ",", "err", "err", ",", "exit", "3"]);
    let ran = run(&moby, &it);
    assert_eq!((ran.status(), ran.stdout.as_str(), ran.stderr.as_str()), (3, "out\n", "err\n"));
    assert_gone(&moby, &it);

    it = probe(&["signal", "15"]);
    it.init = true;
    assert_eq!(run(&moby, &it).status(), 143);

    it = probe(&["alloc", "64", "5"]);
    it.memory = Some(16 << 20);
    let ran = run(&moby, &it);
    assert_eq!(ran.status(), 137);

    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    it = probe(&["do", "id", ",", "pwd", ",", "env", "PLAIN", ",", "write", "/mnt/made", "text"]);
    it.user = Some("1234:2345".into());
    it.workdir = "/mnt".into();
    it.env.insert("PLAIN".into(), EnvValue::Plain("a b=c".into()));
    it.mounts.push(Mount { source: folder.path().into(), target: "/mnt".into(), access: Access::ReadWrite });
    let ran = run(&moby, &it);
    assert_eq!(ran.status(), 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("uid=1234 gid=2345"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("/mnt\na b=c\n"), "{}", ran.stdout);

    it = probe(&["write", "/mnt/again", "text"]);
    it.mounts.push(Mount { source: folder.path().into(), target: "/mnt".into(), access: Access::ReadOnly });
    assert_eq!(run(&moby, &it).status(), 1);

    it = container(&["/bin/nosuch"]);
    let error = run(&moby, &it).end.unwrap_err();
    assert_eq!(error.fault(), Fault::Start(127), "{error}");
    assert_gone(&moby, &it);

    it = probe(&["exit", "0"]);
    it.image = "docker.io/scaf-test/nosuch:1".into();
    let error = run(&moby, &it).end.unwrap_err();
    assert!(matches!(error, RunError::NoImage { .. }), "{error}");
}

#[test]
fn podman_passes_signals_on_and_lists_and_stops() {
    let Some(moby) = podman() else { return };
    let mut it = probe(&["report-signals", "30"]);
    let label = format!("scaf-test-podman={}", it.name);
    it.labels.insert("scaf-test-podman".into(), it.name.clone());
    let (sender, signals) = SignalSource::feed();
    // The child takes a signal as soon as it says that it is ready; a signal before that ends it as well.
    let socket = moby.address().to_string();
    let ran = run_with(&moby, &it, signals, &mut || {
        let ask = || at(ContainerEngine::Podman, &socket).list(&[&label]).unwrap();
        let list = std::thread::scope(|scope| scope.spawn(ask).join().unwrap());
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].name, it.name);
        sender.send(15).unwrap();
    });
    let end = ran.end.unwrap();
    assert_eq!(end.signal, Some(15));
    assert!(end.status == 0 || end.status == 143, "{end:?}");

    it = probe(&["ignore-term", "60"]);
    let (_sender, signals) = SignalSource::feed();
    let ran = run_with(&moby, &it, signals, &mut || {
        let stop = || at(ContainerEngine::Podman, &socket).stop(&it.name, 0).unwrap();
        std::thread::scope(|scope| scope.spawn(stop).join().unwrap());
    });
    assert_eq!(ran.status(), 137);
    assert_gone(&moby, &it);
}

#[test]
fn podman_builds() {
    let Some(moby) = podman() else { return };
    let folder = tempfile::tempdir().unwrap();
    let put = |text: &str| {
        let mut file = std::fs::File::create(folder.path().join("Dockerfile")).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    put(&format!(
        "FROM {IMAGE}\nARG WHO\nENV WHO=$WHO\nRUN --mount=type=secret,id=token [\"/bin/probe\", \"cat\", \"/run/secrets/token\"]\nRUN [\"/bin/probe\", \"echo\", \"{}\"]\n",
        name()
    ));
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut secret.as_file(), b"hush").unwrap();
    let mut it = ImageBuild {
        tag: format!("localhost/scaf-test/{}:1", name()),
        context: folder.path().into(),
        plain: None,
        dockerfile: "Dockerfile".into(),
        text: None,
        args: BTreeMap::from([("WHO".to_owned(), ArgValue::Plain("me & you".into()))]),
        labels: BTreeMap::from([("scaf-test".to_owned(), "podman".to_owned())]),
        secrets: vec![BuildSecret {
            id: "token".into(),
            source: SecretSource::File(secret.path().into()),
            target: None,
            env: None,
        }],
        network: None,
        pull: false,
        no_cache: false,
        builder: Builder::Buildah,
    };
    let (_sender, signals) = SignalSource::feed();
    let built = moby.build_until(&it, &Quiet, signals).unwrap();
    let facts = moby.image(&it.tag).unwrap().unwrap();
    assert_eq!(facts.id, built.id);
    assert_eq!(facts.labels["scaf-test"], "podman");
    assert!(facts.env.contains(&"WHO=me & you".to_owned()), "{:?}", facts.env);
    let mut look = probe(&["ls", "/"]);
    look.image.clone_from(&it.tag);
    let ran = run(&moby, &look);
    assert_eq!(ran.status(), 0);
    moby.remove_image(&it.tag, true).unwrap();

    put(&format!(
        "FROM {IMAGE}\n\nRUN [\"/bin/probe\", \"do\", \"echo\", \"told\", \",\", \"exit\", \"7\"]\n"
    ));
    it.secrets.clear();
    let (_sender, signals) = SignalSource::feed();
    let error = moby.build_until(&it, &Quiet, signals).unwrap_err();
    let BuildError::Step(step) = &error else { panic!("{error:?}") };
    assert_eq!((step.exit, step.line), (Some(7), Some(3)), "{step:?}");
    assert!(step.output.contains(&"told".to_owned()), "{step:?}");

    put("FROM docker.io/scaf-test/nosuch:1\n");
    let (_sender, signals) = SignalSource::feed();
    let error = moby.build_until(&it, &Quiet, signals).unwrap_err();
    assert!(matches!(error, BuildError::Base { .. }), "{error:?}");

    let five = Duration::from_secs(5);
    assert_eq!(moby.base_available(IMAGE, five).unwrap(), Availability::Here);
    let answer = moby.base_available("127.0.0.1:9/scaf-test/nosuch:1", five).unwrap();
    assert!(matches!(answer, Availability::Absent(_)), "{answer:?}");
}
