//! uv asked for a lock, with a real index and with ones that do what none should.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use scaf::orchestrate::host::uv::{self, Answer, Surroundings, Uv, UvError};
use scaf::spec::env_vars::Environment;
use scaf::spec::hint::Explain as _;
use scaf::spec::lock_target::{LockTarget, Platform, Sayings};
use scaf::spec::uv_failure::UvFailure;
use scaf::spec::uv_question::Question;

use crate::bad_index::BadIndex as Index;
use crate::support::{need, state};

fn target() -> LockTarget {
    let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
    LockTarget::choose(Platform::LinuxX86_64, &sayings).0
}

fn question(requirement: &str) -> Question {
    Question { requirements: vec![requirement.to_owned()], hashes: true, ..Question::default() }
}

fn ask(environment: &Environment, question: &Question, offline: bool) -> Result<Answer, UvError> {
    ask_within(Duration::from_secs(300), environment, question, offline)
}

fn ask_within(
    limit: Duration,
    environment: &Environment,
    question: &Question,
    offline: bool,
) -> Result<Answer, UvError> {
    let uv = uv::find(environment, None).unwrap();
    let surroundings =
        Surroundings { environment, folder: Path::new("/"), interpreter: None, offline, heard: None };
    uv.ask_within(limit, question, &target(), &surroundings)
}

/// By pip's settings, with a password.
fn by_pip(index: &Index) -> Environment {
    index.environment(&[
        ("PIP_INDEX_URL", &index.with_password()),
        ("UV_HTTP_RETRIES", "1"),
        ("UV_HTTP_TIMEOUT", "2"),
    ])
}

/// One line that names the index and no password.
fn told(error: &UvError, index: &Index) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("geheim"), "{text}");
    assert!(error.hints().iter().all(|hint| !hint.contains("geheim")));
    text.replace(index.url.trim_end_matches('/'), "[INDEX]")
}

#[test]
fn the_index_of_pips_settings_is_asked_and_then_the_cache_alone() {
    if !need("uv") {
        return;
    }
    let index = Index::up("good");
    let environment = by_pip(&index);
    let answer = ask(&environment, &question("Private.Thing==1.0"), false).unwrap();
    let pins: Vec<_> = answer
        .pins
        .iter()
        .map(|locked| (locked.pin.to_string(), locked.hashes.len(), locked.via.join(" ")))
        .collect();
    assert_eq!(
        pins,
        [
            ("private-part==2.0".to_owned(), 1, "private-thing".to_owned()),
            ("private-thing==1.0".to_owned(), 1, String::new())
        ]
    );
    let alone = Question { no_dependencies: true, ..question("private-thing==1.0") };
    assert_eq!(ask(&environment, &alone, false).unwrap().pins.len(), 1);
    let missing = ask(&environment, &question("private-other"), false).unwrap_err();
    assert_eq!(told(&missing, &index), "`private-other` is not on the package index `[INDEX]`");
    let missing = ask(&environment, &question("private-thing==7"), false).unwrap_err();
    assert_eq!(
        told(&missing, &index),
        "`private-thing==7` for linux-x86_64, CPython 3.11.7, glibc 2.28 is not on the package index `[INDEX]`"
    );
    let again = ask(&environment, &question("private-thing==1.0"), true).unwrap();
    assert_eq!(again, answer);
    let error = ask(&environment, &question("private-new==1"), true).unwrap_err();
    assert_eq!(
        told(&error, &index),
        "`private-new` is not in uv's cache, and the package index was not to be asked"
    );
    let requests = index.requests();
    assert!(!requests.contains("private-new"), "{requests}");
}

#[test]
fn an_index_that_fails_is_asked_again_and_named_in_the_end() {
    if !need("uv") {
        return;
    }
    let index = Index::up("503");
    let error = ask(&by_pip(&index), &question("private-thing"), false).unwrap_err();
    assert_eq!(
        told(&error, &index),
        "the package index `[INDEX]` does not answer: 503 Service Unavailable, tried 2 times"
    );
    assert_eq!(index.requests().matches(" 503").count(), 2);
    let index = Index::up("503:1");
    let answer = ask(&by_pip(&index), &question("private-thing"), false).unwrap();
    assert_eq!(answer.pins.len(), 2);
}

#[test]
fn an_index_that_never_answers_ends_by_uvs_limit_and_by_scafs() {
    if !need("uv") {
        return;
    }
    let index = Index::up("hang");
    let error = ask(&by_pip(&index), &question("private-thing"), false).unwrap_err();
    let text = told(&error, &index);
    assert!(text.starts_with("the package index `[INDEX]` does not answer: "), "{text}");
    let patient = index.environment(&[("PIP_INDEX_URL", &index.url), ("UV_HTTP_TIMEOUT", "3600")]);
    let limit = Duration::from_secs(3);
    let error = ask_within(limit, &patient, &question("private-thing"), false).unwrap_err();
    assert!(matches!(&error, UvError::Speak(_)), "{error}");
    assert!(error.to_string().ends_with("did not answer within 3 s"), "{error}");
}

#[test]
fn an_index_that_redirects_in_circles_is_said_to() {
    if !need("uv") {
        return;
    }
    let index = Index::up("circle");
    let error = ask(&by_pip(&index), &question("private-thing"), false).unwrap_err();
    assert!(matches!(&error, UvError::Circle { .. }), "{error}");
    assert!(error.to_string().ends_with("redirects in circles"), "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[test]
fn an_index_that_is_not_there_is_named() {
    if !need("uv") {
        return;
    }
    let index = Index::up("good");
    let environment = by_pip(&index);
    let index = index.down();
    let error = ask(&environment, &question("private-thing"), false).unwrap_err();
    let text = told(&error, &index);
    assert!(text.starts_with("the package index `[INDEX]` does not answer: Connection refused"), "{text}");
}

#[test]
fn a_hash_that_is_a_lie_is_found_by_whoever_installs_the_lock() {
    if !need("uv") {
        return;
    }
    let index = Index::up("liar");
    let environment = by_pip(&index);
    let answer = ask(&environment, &question("private-part==2.0"), false).unwrap();
    let lock = scaf::spec::requirements_lock::RequirementsLock { pins: answer.pins, ..Default::default() };
    let file = index.folder.path().join("requirements.lock");
    std::fs::write(&file, lock.text()).unwrap();
    let Uv { program, version: _ } = uv::find(&environment, None).unwrap();
    let output = Command::new(&program)
        .args(["pip", "install", "--require-hashes", "--index-url", &index.url, "-r"])
        .arg(&file)
        .arg("--target")
        .arg(index.folder.path().join("into"))
        .env("UV_CACHE_DIR", index.folder.path().join("other-cache"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        scaf::spec::uv_failure::read(&said),
        UvFailure::Hash { what: "private-part==2.0".to_owned() },
        "{said}"
    );
}

#[test]
fn one_distribution_of_an_index_that_no_other_is_looked_for_in() {
    if !need("uv") {
        return;
    }
    let usual = Index::up("good");
    let special = Index::up("good");
    let question = Question {
        sources: [("private-thing".to_owned(), special.url.clone())].into(),
        preferences: vec!["private-part==2.0".to_owned()],
        ..question("private-thing==1.0")
    };
    let answer = ask(&by_pip(&usual), &question, false).unwrap();
    assert_eq!(answer.pins.len(), 2);
    assert_eq!(answer.pins[1].via, [""]);
    let (usual, special) = (usual.requests(), special.requests());
    assert!(special.contains("/simple/private-thing/") && !special.contains("private-part"), "{special}");
    assert!(usual.contains("/simple/private-part/") && !usual.contains("private-thing"), "{usual}");
}

#[test]
fn a_name_of_local_code_is_never_asked_of_an_index() {
    if !need("uv") {
        return;
    }
    let index = Index::up("good");
    let question = Question { never: vec!["private-part".to_owned()], ..question("private-thing") };
    let answer = ask(&by_pip(&index), &question, false).unwrap();
    let names: Vec<&str> = answer.pins.iter().map(|locked| locked.pin.name.as_str()).collect();
    assert_eq!(names, ["private-thing"]);
    let requests = index.requests();
    assert!(!requests.contains("private-part"), "{requests}");
}

#[test]
fn installed_versions_are_preferred_and_the_target_is_not_this_machine() {
    if !need("uv") || !need("index") {
        return;
    }
    let path: PathBuf = state().join("uv-cache");
    let own = std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("SCAF_"));
    let environment = Environment::new(own.chain([
        ("UV_CACHE_DIR".into(), path.into_os_string()),
        (
            "PATH".into(),
            format!("{}:{}", state().join("bin").display(), std::env::var("PATH").unwrap()).into(),
        ),
    ]));
    let question = Question {
        requirements: vec!["pytest".to_owned()],
        preferences: vec!["pytest==8.3.5".to_owned(), "iniconfig==2.0.0".to_owned()],
        hashes: true,
        ..Question::default()
    };
    let surroundings = Surroundings {
        environment: &environment,
        folder: Path::new("/"),
        interpreter: None,
        offline: false,
        heard: None,
    };
    let uv = uv::find(&environment, None).unwrap();
    let sayings = Sayings { command_line: Some("3.10"), ..Sayings::default() };
    let old = LockTarget::choose(Platform::LinuxAarch64, &sayings).0;
    let answer = uv.ask(&question, &old, &surroundings).unwrap();
    let pins: Vec<String> = answer.pins.iter().map(|locked| locked.pin.to_string()).collect();
    assert!(
        pins.contains(&"pytest==8.3.5".to_owned()) && pins.contains(&"iniconfig==2.0.0".to_owned()),
        "{pins:?}"
    );
    let names: Vec<&str> = pins.iter().map(|pin| pin.split("==").next().unwrap()).collect();
    // pytest 8.3.5 needs the first two on Python 3.10 alone, and colorama on Windows.
    assert_eq!(names[..1], ["exceptiongroup"]);
    assert!(names.contains(&"tomli") && !names.contains(&"colorama"), "{names:?}");
    assert!(answer.pins.iter().all(|locked| !locked.hashes.is_empty()));
}
