//! Real lock files, and others after the published formats, read.

use std::collections::BTreeMap;
use std::fs;

use pep508_rs::MarkerTree;
use scaf::project::python::specs::marker;
use scaf::project::python::specs::precedence::{Found, Place, contradictions};
use scaf::project::python::specs::{Group, Kind, Pin, Platform, Source, Specification, read};
use scaf::spec::lock_target::{self, LockTarget, Sayings};

use crate::support::here;

fn text(file: &str) -> String {
    fs::read_to_string(here().join("tests/specs").join(file)).unwrap()
}

fn of(kind: Kind, file: &str) -> Specification {
    let read = read(kind, &text(file), &Platform::default());
    assert_eq!(read.problems, [], "{file}");
    read
}

fn pin<'a>(read: &'a Specification, name: &str) -> &'a Pin {
    read.pins.iter().find(|pin| pin.normalised == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Every pin with its version, what it is for, and where it comes from if that is no index.
fn shown(read: &Specification) -> String {
    let mut lines = vec![format!("python {}", read.python.as_deref().unwrap_or("-"))];
    for pin in &read.pins {
        let groups: Vec<_> = pin
            .groups
            .iter()
            .map(|group| match group {
                Group::Main => "main".to_owned(),
                Group::Extra(name) => format!("+{name}"),
                Group::Named(name) => name.clone(),
                Group::Constraint => "constraint".to_owned(),
            })
            .collect();
        let mut line = format!("{} {} {}", pin.line, pin.name, pin.version.as_deref().unwrap_or("-"));
        if !groups.is_empty() {
            line.push_str(&format!(" [{}]", groups.join(", ")));
        }
        if let Some(marker) = &pin.marker {
            line.push_str(&format!(" ; {marker}"));
        }
        match &pin.source {
            Source::Index { .. } => {}
            Source::Conda { build, .. } => {
                line.push_str(&format!(" conda {} {}", pin.normalised, build.as_deref().unwrap_or("-")));
            }
            Source::Vcs { commit, requested, .. } => {
                let asked = requested.as_deref().unwrap_or("-");
                line.push_str(&format!(" git {} {asked}", &commit.as_deref().unwrap_or("-------")[..7]));
            }
            Source::Url { .. } => line.push_str(" url"),
            Source::Path { path, editable } => {
                line.push_str(&format!(" {}{path}", if *editable { "-e " } else { "" }));
            }
        }
        line.push_str(&format!(" #{}", pin.hashes.len()));
        lines.push(line);
    }
    let others: Vec<_> = read.others.iter().map(|pin| pin.name.as_str()).collect();
    if !others.is_empty() {
        lines.push(format!("others {}", others.join(" ")));
    }
    lines.join("\n")
}

#[test]
fn lock_files_of_the_real_tools() {
    for (kind, file) in [
        (Kind::UvLock, "uv.lock"),
        (Kind::PoetryLock, "poetry.lock"),
        (Kind::PipfileLock, "Pipfile.lock"),
        (Kind::PylockToml, "pylock.toml"),
        (Kind::Requirements, "uv-export-requirements.txt"),
    ] {
        insta::assert_snapshot!(format!("specs_{}", file.replace('.', "_")), shown(&of(kind, file)));
    }
}

#[test]
fn what_people_write_for_those_tools() {
    for (kind, file) in [
        (Kind::PyProject, "uv-pyproject.toml"),
        (Kind::PyProject, "poetry-pyproject.toml"),
        (Kind::Pipfile, "Pipfile"),
    ] {
        insta::assert_snapshot!(format!("specs_{}", file.replace('.', "_")), shown(&of(kind, file)));
    }
}

/// uv's own exports of the same lock are the judge of which packages there are, what they are for, and where each of
/// them is needed.
#[test]
fn uv_s_lock_means_what_uv_exports() {
    let lock = of(Kind::UvLock, "uv.lock");
    let all = of(Kind::Requirements, "uv-export-requirements.txt");
    let main = of(Kind::Requirements, "uv-export-main-requirements.txt");
    // The exports have no name for a folder, and no version for what is on no index.
    let key = |pin: &Pin| match &pin.source {
        Source::Path { .. } => ("local-lib".to_owned(), None),
        Source::Index { .. } => (pin.normalised.clone(), pin.version.clone()),
        _ => (pin.normalised.clone(), None),
    };
    let by_key =
        |pins: Vec<Pin>| -> BTreeMap<_, Pin> { pins.into_iter().map(|pin| (key(&pin), pin)).collect() };
    let ours = by_key(lock.pins.clone());
    assert_eq!(ours.keys().collect::<Vec<_>>(), by_key(all.pins).keys().collect::<Vec<_>>());
    let ours = by_key(lock.pins.into_iter().filter(Pin::is_main).collect());
    let theirs = by_key(main.pins);
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    let tree =
        |pin: &Pin| pin.marker.as_deref().map_or(MarkerTree::TRUE, |text| marker::parse(text).unwrap());
    // An export takes the lock's own range of Pythons for granted.
    let within = marker::parse("python_full_version >= '3.10' and python_full_version < '3.14'").unwrap();
    let mut with_marker = 0;
    for (name, ours) in &ours {
        let theirs = &theirs[name];
        let [mut a, mut b] = [tree(ours), tree(theirs)];
        a.and(within.clone());
        b.and(within.clone());
        assert_eq!(a, b, "{name:?}: {:?} and {:?}", ours.marker, theirs.marker);
        with_marker += usize::from(theirs.marker.is_some());
        let mut hashes = [ours.hashes.clone(), theirs.hashes.clone()];
        hashes.iter_mut().for_each(|it| it.sort());
        assert_eq!(hashes[0], hashes[1], "{name:?}");
    }
    assert!(with_marker >= 4, "only {with_marker} of them have a marker: that compares too little");
}

/// None of these were written by pixi itself, which cannot be had here.
#[test]
fn pixi_s_versions_say_the_same() {
    let first = shown(&of(Kind::PixiLock, "pixi-v6.lock"));
    insta::assert_snapshot!("specs_pixi_lock", first);
    let without_lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned()).collect()
    };
    for file in ["pixi-v5.lock", "pixi-v7.lock"] {
        let other = shown(&of(Kind::PixiLock, file));
        let expected = without_lines(&first);
        // Version 5 says of a folder only where it is.
        assert_eq!(without_lines(&other), expected, "{file}");
    }
}

/// conda-lock itself needs conda, which cannot be had here.
#[test]
fn a_conda_lock_after_its_published_format() {
    insta::assert_snapshot!("specs_conda_lock_yml", shown(&of(Kind::CondaLock, "conda-lock.yml")));
}

#[test]
fn another_platform_has_its_own_packages() {
    let mac = Platform::of("darwin", "arm64");
    for (kind, file) in [(Kind::PixiLock, "pixi-v6.lock"), (Kind::CondaLock, "conda-lock.yml")] {
        let read = read(kind, &text(file), &mac);
        assert_eq!(pin(&read, "numpy").version.as_deref(), Some("1.26.3"), "{file}");
        assert!(read.pins.iter().all(|pin| pin.normalised != "torch"), "{file}");
    }
    let windows = Platform::of("win32", "AMD64");
    for (kind, file) in [(Kind::PixiLock, "pixi-v6.lock"), (Kind::CondaLock, "conda-lock.yml")] {
        let read = read(kind, &text(file), &windows);
        let problems: Vec<_> = read.problems.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(problems, ["there is nothing for win-64 here, only for linux-64, osx-arm64"], "{file}");
    }
}

#[test]
fn a_project_file_and_its_own_lock_do_not_contradict_each_other() {
    let environment = LockTarget::choose(lock_target::Platform::default(), &Sayings::default()).0.markers();
    for (lock_kind, lock, kind, file) in [
        (Kind::UvLock, "uv.lock", Kind::PyProject, "uv-pyproject.toml"),
        (Kind::PoetryLock, "poetry.lock", Kind::PyProject, "poetry-pyproject.toml"),
        (Kind::PipfileLock, "Pipfile.lock", Kind::Pipfile, "Pipfile"),
        (Kind::UvLock, "uv.lock", Kind::PylockToml, "pylock.toml"),
        (Kind::UvLock, "uv.lock", Kind::Requirements, "uv-export-requirements.txt"),
    ] {
        let found =
            |kind, file: &str| Found { file: file.into(), place: Place::Project, read: of(kind, file) };
        let (lock, other) = (found(lock_kind, lock), found(kind, file));
        assert_eq!(contradictions(&lock, &[other], &environment), [], "{file}");
    }
    // The two tools locked on other days: their locks do differ.
    let uv = Found { file: "uv.lock".into(), place: Place::Project, read: of(Kind::UvLock, "uv.lock") };
    let poetry = Found {
        file: "poetry.lock".into(),
        place: Place::Project,
        read: of(Kind::PoetryLock, "poetry.lock"),
    };
    let told: Vec<_> = contradictions(&uv, &[poetry], &environment).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "uv.lock:10: `anyio==4.14.2`\npoetry.lock:4: `anyio==4.16.0`",
            "uv.lock:166: `iniconfig==2.0.0`\npoetry.lock:204: `iniconfig==2.3.1`",
            "uv.lock:351: `typing-extensions==4.12.2`\npoetry.lock:565: `typing-extensions==4.16.0`"
        ]
    );
}
