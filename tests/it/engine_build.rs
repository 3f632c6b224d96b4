//! Builds in the docker of this machine, with BuildKit and with the classic builder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use scaf::orchestrate::engine::moby::build::{BuildError, Built};
use scaf::orchestrate::engine::moby::run::SignalSource;
use scaf::orchestrate::engine::moby::surroundings::Surroundings;
use scaf::orchestrate::engine::moby::{Availability, Moby};
use scaf::orchestrate::reporter::{Event, Reporter};
use scaf::spec::hint::Explain;
use scaf::spec::image::{ArgValue, Builder, ImageBuild};
use scaf::spec::plan::ContainerEngine;
use scaf::spec::secret::{BuildSecret, SecretSource};

use crate::engine_support::{IMAGE, docker, name, probe, run, sh, surroundings, until};

const RUN: &str = "RUN [\"/bin/probe\",";

/// A folder to build from, with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        put(&path, text);
    }
    folder
}

#[allow(clippy::disallowed_methods)] // half-written files of a test harm nobody
fn put(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn image(context: &Path, builder: Builder) -> ImageBuild {
    ImageBuild {
        tag: format!("scaf-test/build:{}", name()),
        context: context.to_owned(),
        dockerfile: "Dockerfile".into(),
        text: None,
        plain: None,
        args: BTreeMap::new(),
        labels: BTreeMap::from([("scaf-test".to_owned(), "1".to_owned())]),
        secrets: Vec::new(),
        network: None,
        pull: false,
        no_cache: false,
        builder,
    }
}

#[derive(Default)]
struct Heard(Mutex<String>);

impl Reporter for Heard {
    fn tell(&self, event: Event<'_>) {
        if let Event::Output(text) | Event::Detail(text) = event {
            let mut heard = self.0.lock().unwrap();
            heard.push_str(text);
            heard.push('\n');
        }
    }
}

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// Builds, and gives the outcome with all that was told.
fn build(moby: &Moby, it: &ImageBuild) -> (Result<Built, BuildError>, String) {
    let heard = Heard::default();
    let (_sender, signals) = SignalSource::feed();
    let outcome = moby.build_until(it, &heard, signals);
    (outcome, heard.text())
}

fn built(moby: &Moby, it: &ImageBuild) -> String {
    let (outcome, told) = build(moby, it);
    outcome.unwrap_or_else(|error| panic!("{error}\n{told}")).id
}

const BOTH: [Builder; 2] = [Builder::BuildKit, Builder::Classic];

#[test]
fn an_image_is_made_of_the_folder_with_arguments_and_labels() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        let context = folder(&[
            (
                "Dockerfile",
                &format!(
                    "FROM {IMAGE}\nARG WHO\nARG NOBODY=default\nCOPY . /context/\nENV WHO=$WHO NOBODY=$NOBODY\n"
                ),
            ),
            (".dockerignore", "secret.txt\n**/*.pyc\n"),
            ("kept.txt", "kept"),
            ("secret.txt", "no"),
            ("sub/m.pyc", "no"),
            ("sub/m.py", "yes"),
        ]);
        let mut it = image(context.path(), builder);
        it.args.insert("WHO".into(), ArgValue::Plain("me & you".into()));
        it.args.insert("NOBODY".into(), ArgValue::FromHost);
        let id = built(&moby, &it);
        let facts = moby.image(&it.tag).unwrap().unwrap();
        assert_eq!(facts.id, id);
        assert_eq!(facts.labels["scaf-test"], "1");
        assert!(facts.env.contains(&"WHO=me & you".to_owned()), "{:?}", facts.env);
        assert!(facts.env.contains(&"NOBODY=default".to_owned()), "{:?}", facts.env);
        let mut look =
            probe(&["do", "ls", "/context", ",", "ls", "/context/sub", ",", "stat", "/context/kept.txt"]);
        look.image.clone_from(&it.tag);
        let ran = run(&moby, &look);
        assert_eq!(
            ran.stdout, ".dockerignore\nDockerfile\nkept.txt\nsub\nm.py\n644 0 0 file /context/kept.txt\n",
            "{builder:?}"
        );
        moby.remove_image(&it.tag, false).unwrap();
        moby.remove_image(&it.tag, false).unwrap();
        assert!(moby.image(&it.tag).unwrap().is_none());
    }
}

#[test]
fn the_text_sent_stands_for_the_file() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        let context = folder(&[("docker/Dockerfile", "FROM nothing/at/all\n")]);
        let mut it = image(context.path(), builder);
        it.dockerfile = "docker/Dockerfile".into();
        it.text = Some(format!("FROM {IMAGE}\nENV SENT=1\n"));
        built(&moby, &it);
        let facts = moby.image(&it.tag).unwrap().unwrap();
        assert!(facts.env.contains(&"SENT=1".to_owned()));
        moby.remove_image(&it.tag, false).unwrap();
    }
}

#[test]
fn a_failing_line_is_shown_with_its_output() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        let text = format!(
            "# comment\nFROM {IMAGE}\n\nENV A=1\n{RUN} \"do\", \\\n   \"echo\", \"told\", \",\", \"err\", \"complained\", \",\", \"exit\", \"7\"]\nENV B=1\n"
        );
        let context = folder(&[("Dockerfile", &text)]);
        let (outcome, told) = build(&moby, &image(context.path(), builder));
        let error = outcome.unwrap_err();
        let BuildError::Step(step) = &error else { panic!("{error:?}\n{told}") };
        assert_eq!(step.exit, Some(7), "{step:?}");
        assert_eq!(step.line, Some(5), "{builder:?} {step:?}");
        assert!(step.output.contains(&"told".to_owned()), "{step:?}");
        assert!(step.output.contains(&"complained".to_owned()), "{step:?}");
        assert!(step.text.starts_with("RUN "), "{step:?}");
        assert!(told.contains("told\n"));
        let shown = error.to_string();
        assert!(shown.contains("Dockerfile:5: `RUN "), "{shown}");
        assert!(shown.contains("ended with status 7"), "{shown}");
    }
}

#[test]
fn a_base_image_that_is_nowhere_is_an_error_of_its_own() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        let context = folder(&[("Dockerfile", "FROM scaf-test/nosuch:1\n")]);
        let (outcome, told) = build(&moby, &image(context.path(), builder));
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, BuildError::Base { image, .. } if image == "scaf-test/nosuch:1"),
            "{error:?}\n{told}"
        );
        assert!(!error.hints().is_empty());
    }
}

#[test]
fn a_dockerfile_that_is_none_is_told_with_its_path() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        let context = folder(&[("Dockerfile", &format!("FROM {IMAGE}\nFLY away\n"))]);
        let (outcome, told) = build(&moby, &image(context.path(), builder));
        let error = outcome.unwrap_err();
        assert!(matches!(&error, BuildError::Dockerfile { .. }), "{error:?}\n{told}");
        assert!(error.to_string().contains("FLY"), "{error}");
    }
}

#[test]
fn what_was_built_is_not_built_again() {
    let Some(moby) = docker() else { return };
    let unique = name();
    for builder in BOTH {
        let text = format!("FROM {IMAGE}\nCOPY file /file\n{RUN} \"echo\", \"working {unique}\"]\n");
        let context = folder(&[("Dockerfile", &text), ("file", &unique)]);
        let mut it = image(context.path(), builder);
        let heard = |it: &ImageBuild| {
            let (outcome, told) = build(&moby, it);
            outcome.unwrap();
            told.lines().filter(|line| *line == format!("working {unique}")).count()
        };
        assert_eq!(heard(&it), 1);
        assert_eq!(heard(&it), 0, "{builder:?}: the cache was not used");
        it.no_cache = true;
        assert_eq!(heard(&it), 1);
        it.no_cache = false;
        put(&context.path().join("file"), "changed");
        assert_eq!(heard(&it), 1);
        moby.remove_image(&it.tag, false).unwrap();
    }
}

#[test]
fn secrets_are_seen_by_the_command_and_by_nobody_else() {
    let Some(_) = docker() else { return };
    let value = format!("hush-{}", name());
    let held = value.clone();
    let moby = Moby::connect(
        ContainerEngine::Docker,
        None,
        &Surroundings::new(
            move |name| {
                if name == "TOKEN" { Some(held.clone()) } else { surroundings().raw(name) }
            },
        ),
    )
    .unwrap();
    let context = folder(&[(
        "Dockerfile",
        // The command proves that it has the secret by its length.
        &format!(
            "FROM {IMAGE}\nRUN --mount=type=secret,id=token,target=/run/it [\"/bin/probe\", \"stat\", \"/run/it\"]\nRUN --mount=type=secret,id=token [\"/bin/probe\", \"do\", \"cat\", \"/run/secrets/token\"]\nRUN --mount=type=secret,id=file [\"/bin/probe\", \"cat\", \"/run/secrets/file\"]\n"
        ),
    )]);
    let file = tempfile::NamedTempFile::new().unwrap();
    put(file.path(), "not so secret\n");
    let mut it = image(context.path(), Builder::BuildKit);
    it.no_cache = true;
    let secret = |id: &str, source| BuildSecret { id: id.into(), source, target: None, env: None };
    it.secrets = vec![
        secret("token", SecretSource::Env("TOKEN".into())),
        secret("file", SecretSource::File(file.path().into())),
    ];
    let (outcome, told) = build(&moby, &it);
    outcome.unwrap_or_else(|error| panic!("{error}\n{told}"));
    // The second command prints it on purpose: that shows that it was there.
    assert!(told.contains(&value) && told.contains("not so secret"), "{told}");
    let history = sh("docker", &["history", "--no-trunc", &it.tag]);
    let inspected = sh("docker", &["image", "inspect", &it.tag]);
    let tar = tempfile::NamedTempFile::new().unwrap();
    sh("docker", &["save", "-o", tar.path().to_str().unwrap(), &it.tag]);
    let saved = fs::read(tar.path()).unwrap();
    assert!(!history.contains(&value) && !inspected.contains(&value));
    assert!(!saved.windows(value.len()).any(|bytes| bytes == value.as_bytes()));
    moby.remove_image(&it.tag, false).unwrap();
}

#[test]
fn secrets_that_cannot_be_given_are_refused_by_name() {
    let Some(moby) = docker() else { return };
    let context = folder(&[("Dockerfile", &format!("FROM {IMAGE}\n"))]);
    let mut it = image(context.path(), Builder::Classic);
    let file = tempfile::NamedTempFile::new().unwrap();
    put(file.path(), &"x".repeat(512_001));
    let mut secret = BuildSecret {
        id: "index".into(),
        source: SecretSource::File(file.path().into()),
        target: None,
        env: None,
    };
    it.secrets = vec![secret.clone()];
    let (outcome, _) = build(&moby, &it);
    assert!(matches!(outcome, Err(BuildError::NeedsBuildKit { id }) if id == "index"));
    it.builder = Builder::BuildKit;
    let (outcome, _) = build(&moby, &it);
    assert!(matches!(outcome, Err(BuildError::SecretTooLarge { id, size: 512_001 }) if id == "index"));
    secret.source = SecretSource::Env("SCAF_TEST_NOT_SET".into());
    it.secrets = vec![secret.clone()];
    let (outcome, _) = build(&moby, &it);
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), "the secret `index` cannot be read: `SCAF_TEST_NOT_SET` is not set");
    secret.source = SecretSource::File("/no/such/file".into());
    it.secrets = vec![secret];
    let (outcome, _) = build(&moby, &it);
    assert!(matches!(outcome, Err(BuildError::SecretMissing { .. })));
}

#[test]
fn an_interrupted_build_leaves_nothing_running() {
    let Some(moby) = docker() else { return };
    for builder in BOTH {
        // A number of seconds that no other process sleeps, to be found by.
        let seconds = format!("3{}.{}", std::process::id(), if builder == Builder::BuildKit { 1 } else { 2 });
        let context = folder(&[(
            "Dockerfile",
            &format!("FROM {IMAGE}\n{RUN} \"do\", \"echo\", \"begun\", \",\", \"sleep\", \"{seconds}\"]\n"),
        )]);
        let it = image(context.path(), builder);
        struct Sending(tokio::sync::mpsc::UnboundedSender<i32>);
        impl Reporter for Sending {
            fn tell(&self, event: Event<'_>) {
                if matches!(event, Event::Output("begun")) {
                    self.0.send(2).unwrap();
                }
            }
        }
        let (sender, signals) = SignalSource::feed();
        let outcome = moby.build_until(&it, &Sending(sender), signals);
        assert!(matches!(outcome, Err(BuildError::Interrupted { signal: 2 })), "{outcome:?}");
        until("the command of the build is gone", || !somebody_sleeps(&seconds));
        assert!(moby.image(&it.tag).unwrap().is_none());
    }
}

fn somebody_sleeps(seconds: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| line.ends_with(format!("sleep\0{seconds}\0").as_bytes()))
    })
}

#[test]
fn base_images_here_and_nowhere() {
    let Some(moby) = docker() else { return };
    let five = Duration::from_secs(5);
    assert!(matches!(moby.base_available(IMAGE, five).unwrap(), Availability::Here));
    assert!(matches!(moby.base_available("scratch", five).unwrap(), Availability::Here));
    let answer = moby.base_available("127.0.0.1:9/scaf-test/nosuch:1", five).unwrap();
    assert!(matches!(&answer, Availability::Absent(reason) if !reason.is_empty()), "{answer:?}");
}

#[test]
fn images_are_found_by_label_with_sizes() {
    let Some(moby) = docker() else { return };
    let unique = name();
    let context = folder(&[("Dockerfile", &format!("FROM {IMAGE}\n")), ("x", "")]);
    let mut it = image(context.path(), Builder::BuildKit);
    it.labels.insert("scaf-test-image".into(), unique.clone());
    let id = built(&moby, &it);
    let found = moby.images(&[&format!("scaf-test-image={unique}")]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, &found[0].tags), (&id, &vec![it.tag.clone()]));
    let disk = moby.disk_use().unwrap();
    assert!(disk.layers > 0 && disk.unique.contains_key(&id), "{disk:?}");
    moby.remove_image(&it.tag, false).unwrap();
}
