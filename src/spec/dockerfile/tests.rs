//! Tests of `dockerfile`.

use std::collections::BTreeMap;

use super::rewrite::{SecretMount, author_words, authors_line};
use super::*;

fn read(text: &str) -> Dockerfile {
    Dockerfile::read(text, &BTreeMap::new())
}

fn keywords(text: &str) -> Vec<(String, usize, usize, String)> {
    read(text)
        .instructions
        .into_iter()
        .map(|one| (one.keyword, one.first_line, one.last_line, one.text))
        .collect()
}

fn one(keyword: &str, first: usize, last: usize, text: &str) -> (String, usize, usize, String) {
    (keyword.to_owned(), first, last, text.to_owned())
}

#[test]
fn continuations_are_joined_and_comments_inside_left_out() {
    let text = "FROM python:3.11-slim\n# said\nRUN apt-get update && \\\n\n    # inside\n  apt-get install -y git \\  \n  curl\nCMD [\"python\"]\n";
    assert_eq!(
        keywords(text),
        [
            one("FROM", 1, 1, "python:3.11-slim"),
            one("RUN", 3, 7, "apt-get update &&   apt-get install -y git   curl"),
            one("CMD", 8, 8, "[\"python\"]"),
        ]
    );
}

#[test]
fn the_escape_directive_changes_what_continues_a_line() {
    let text = "# escape=`\nFROM windows\nRUN dir `\n  C:\\\nRUN b\n";
    assert_eq!(
        keywords(text),
        [one("FROM", 2, 2, "windows"), one("RUN", 3, 4, "dir   C:\\"), one("RUN", 5, 5, "b")]
    );
    // After any other comment it is a comment itself; two escapes are one that was escaped.
    assert_eq!(read("# hello\n# escape=`\nFROM a\n").escape, '\\');
    assert_eq!(keywords("RUN echo a\\\\\nRUN b\n").len(), 2);
}

#[test]
fn heredocs_belong_to_their_instruction() {
    let text = "FROM a\nRUN <<EOF\nFROM b\npip install x\nEOF\nCOPY <<-\"A B\" <<'C' /dst/\none\n\tA B\nC\nRUN echo $((1<<2)) <<< word && cat <<X\ny\nX\nUSER me\n";
    let file = read(text);
    assert_eq!(file.stages.len(), 1);
    let lines: Vec<_> =
        file.instructions.iter().map(|one| (one.keyword.as_str(), one.first_line, one.last_line)).collect();
    assert_eq!(
        lines,
        [("FROM", 1, 1), ("RUN", 2, 5), ("COPY", 6, 9), ("RUN", 10, 12), ("USER", 13, 13)],
        "{:?}",
        file.instructions
    );
}

#[test]
fn stages_their_bases_and_arguments() {
    let text = "\
# syntax=docker/dockerfile:1.7
ARG PYTHON=3.11
ARG VARIANT=slim BASE=python:${PYTHON}-${VARIANT}
FROM --platform=$BUILDPLATFORM ${BASE} AS Pins
FROM scratch as empty
FROM pins
COPY --from=empty / /
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/
COPY --from=0 /a /b
RUN --mount=type=bind,from=busybox:1,target=/b true
FROM ${NOWHERE}
FROM ${NOWHERE:-debian:12}
";
    let file = read(text);
    let bases: Vec<_> = file.stages.iter().map(|stage| stage.base.clone()).collect();
    assert_eq!(
        bases,
        [
            Base::Image("python:3.11-slim".into()),
            Base::Scratch,
            Base::Stage(0),
            Base::Unknown("${NOWHERE}".into()),
            Base::Image("debian:12".into()),
        ]
    );
    assert_eq!(file.stages[0].name.as_deref(), Some("pins"));
    assert_eq!(file.stages[0].platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(file.syntax.as_ref().map(|word| &text[word.start..word.end]), Some("docker/dockerfile:1.7"));
    let images: Vec<_> = file.externals().into_iter().map(|one| (one.image, one.line)).collect();
    assert_eq!(
        images,
        [
            ("python:3.11-slim".to_owned(), 4),
            ("debian:12".to_owned(), 12),
            ("ghcr.io/astral-sh/uv:0.9".to_owned(), 8),
            ("busybox:1".to_owned(), 10),
        ]
    );
    for external in file.externals() {
        assert_eq!(text[external.word.start..external.word.end], external.word.text);
    }
    let args = BTreeMap::from([("PYTHON".to_owned(), "3.12".to_owned())]);
    assert_eq!(Dockerfile::read(text, &args).stages[0].base, Base::Image("python:3.12-slim".into()));
}

#[test]
fn an_argument_behind_a_from_does_not_count_in_a_later_one() {
    let file = read("ARG A=one\nFROM $A\nARG A=two\nFROM $A\n");
    assert_eq!(file.stages[1].base, Base::Image("one".into()));
}

#[test]
fn shell_and_exec_form_and_flags() {
    let file = read(
        "FROM a\nRUN --network=none --mount=type=cache,dst=/c [\"a\", \"b\"]\nRUN [ -f x ] && y\nRUN --mount=type=secret,id=a --weird -- --no\n",
    );
    assert!(file.instructions[1].is_exec_form());
    assert_eq!(file.instructions[1].mounts()[0]["target"], "/c");
    assert_eq!(file.instructions[1].flag("network").and_then(|flag| flag.value.clone()), Some("none".into()));
    assert!(!file.instructions[2].is_exec_form());
    assert_eq!(file.instructions[3].text, "--no");
}

#[test]
fn variables() {
    let lookup = |name: &str| match name {
        "A" => Some("one".to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    let fill = |text| substitute::substitute(text, '\\', &lookup);
    for (text, value) in [
        ("$A", "one"),
        ("${A}x", "onex"),
        ("\"${A}\"", "one"),
        ("'$A'", "$A"),
        ("\\$A", "$A"),
        ("${B:-$A}", "one"),
        ("${B:-${C:-x}y}", "xy"),
        ("${E:-x}", "x"),
        ("${E-x}", ""),
        ("${A:+yes}", "yes"),
        ("${B:+yes}", ""),
        ("a$", "a$"),
        ("${A:?never}", "one"),
    ] {
        assert_eq!(fill(text).as_deref(), Some(value), "{text}");
    }
    for text in ["$B", "${B}", "${A", "${}", "${B:?must}", "${A#o}", "${A/o/x}"] {
        assert_eq!(fill(text), None, "{text}");
    }
}

#[test]
fn names_of_images() {
    for (text, whole, behind) in [
        ("python", "docker.io/library/python:latest", Some("m.example/hub/library/python:latest")),
        ("python:3.11", "docker.io/library/python:3.11", Some("m.example/hub/library/python:3.11")),
        ("pytorch/pytorch:2", "docker.io/pytorch/pytorch:2", Some("m.example/hub/pytorch/pytorch:2")),
        ("docker.io/python:3", "docker.io/library/python:3", Some("m.example/hub/library/python:3")),
        ("a@sha256:00", "docker.io/library/a@sha256:00", Some("m.example/hub/library/a@sha256:00")),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1", None),
        ("localhost/a", "localhost/a:latest", None),
        ("host:5000/a/b", "host:5000/a/b:latest", None),
        ("scaf/p/e:0123", "docker.io/scaf/p/e:0123", None),
    ] {
        let reference = Reference::parse(text);
        assert_eq!(reference.to_string(), whole);
        assert_eq!(reference.behind("https://m.example/hub/").as_deref(), behind, "{text}");
    }
}

#[test]
fn the_python_of_a_base() {
    for (image, version) in [
        ("python:3.11-slim", Some("3.11")),
        ("python:3.11.7", Some("3.11")),
        ("registry.example.com:5000/hub/library/python:3.9-bookworm@sha256:00", Some("3.9")),
        ("python:3.14.0rc1-slim", Some("3.14")),
        ("mcr.microsoft.com/devcontainers/python:1-3.12-bookworm", Some("3.12")),
        ("ghcr.io/astral-sh/uv:python3.13-bookworm-slim", Some("3.13")),
        ("quay.io/jupyter/minimal-notebook:python-3.11", Some("3.11")),
        ("some/torch:2.1-py3.10-cuda12", Some("3.10")),
        ("huggingface/training:2.1.0-transformers4.37-gpu-py310-cu121", Some("3.10")),
        ("python:3", None),
        ("python", None),
        ("python@sha256:00", None),
        ("pypy:3.10", None),
        ("pytorch/pytorch:1.12.1-cuda11.3-cudnn8-runtime", None),
        ("nvcr.io/nvidia/pytorch:24.01-py3", None),
        ("debian:12", None),
    ] {
        assert_eq!(python::of_image(image).as_deref(), version, "{image}");
    }
    assert_eq!(python_version("ARG V=3.11\nFROM python:$V-slim AS a\nFROM a\n").as_deref(), Some("3.11"));
    assert_eq!(python_version("FROM scratch\n"), None);
    assert_eq!(python_version(""), None);
}

fn help() -> BuildHelp {
    BuildHelp {
        mirror: Some("m.example/hub".into()),
        secrets: vec![
            SecretMount { id: "scaf-ca".into(), target: "/run/scaf/ca.crt".into() },
            SecretMount { id: "scaf-pip".into(), target: "/run/scaf/pip.conf".into() },
        ],
        env: BTreeMap::from([("PIP_CONFIG_FILE".into(), "/run/scaf/pip.conf".into())]),
        caches: true,
        args: BTreeMap::new(),
    }
}

#[test]
fn what_is_sent_in_place_of_the_author_s_text() {
    let text = "\
# syntax=docker/dockerfile:1
ARG V=3.11
FROM --platform=linux/amd64 python:${V}-slim AS pins
COPY requirements.txt /
RUN pip install --no-cache-dir \\
    # heavy
    -r /requirements.txt

FROM pins
USER app
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/
RUN [\"pip\", \"install\", \"--no-cache-dir\", \"b\"]
run --mount=type=secret,id=own,target=/run/scaf/pip.conf --mount=type=cache,target=/root/.cache/uv uv pip install c
ONBUILD RUN pip install d
FROM scratch
COPY --from=1 / /";
    let sent = rewrite(text, &help()).unwrap();
    insta::assert_snapshot!(sent);
    // The same stages and the same instructions but for the lines put in.
    let (before, after) = (read(text), read(&sent));
    assert_eq!(before.stages.len(), after.stages.len());
    assert_eq!(before.instructions.len() + 2, after.instructions.len());
    // A line of what was sent, said by the builder, is found again in what was written.
    let line = sent.lines().position(|line| line.starts_with("ONBUILD")).unwrap() + 1;
    assert_eq!(authors_line(&sent, u32::try_from(line).unwrap()), 14);
    // A second time there is nothing more to mount.
    assert_eq!(
        author_words(
            "RUN --mount=type=secret,id=scaf-ca,target=/run/scaf/ca.crt,mode=0444 --mount=type=cache,id=scaf-pip-x,target=/run/scaf/pip,mode=0777 pip install x"
        ),
        "RUN pip install x"
    );
}

#[test]
fn without_help_the_author_s_text_is_sent() {
    assert_eq!(rewrite("FROM a\nRUN b\n", &BuildHelp::default()), None);
    let only_args = BuildHelp { args: BTreeMap::from([("A".into(), "b".into())]), ..BuildHelp::default() };
    assert_eq!(rewrite("FROM a\nRUN b\n", &only_args), None);
}

/// A small generator, seeded, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn no_text_makes_it_panic_and_offsets_stay_inside() {
    let pieces = [
        "FROM ",
        "RUN ",
        "COPY ",
        "ARG ",
        "ONBUILD ",
        "python:3.11",
        "${A:-",
        "${A}",
        "$",
        "}",
        "{",
        "\\",
        "\\\n",
        "\n",
        "\r\n",
        "`",
        "# escape=`\n",
        "# syntax=a\n",
        "#",
        "<<EOF",
        "<<-'E F'",
        "EOF\n",
        "--mount=",
        "type=cache,target=/x",
        "--from=",
        "from=a,",
        " AS b",
        "é",
        "日本",
        "\u{feff}",
        "\"",
        "'",
        "[\"a\"",
        "]",
        "\t",
        " ",
        "=",
        ",",
        "@",
        ":",
        "/",
        "--no-cache-dir ",
        "--",
        "\0",
        "<<",
        "<",
    ];
    let mut dice = Dice(7);
    for _ in 0..20_000 {
        let length = dice.roll(24);
        let text: String = (0..length).map(|_| pieces[dice.roll(pieces.len())]).collect();
        let file = read(&text);
        for instruction in &file.instructions {
            assert!(text.is_char_boundary(instruction.after_keyword), "{text:?}");
            assert!(text.is_char_boundary(instruction.end), "{text:?}");
            assert_eq!(instruction.text.len(), instruction.places.len(), "{text:?}");
            assert!(instruction.first_line <= instruction.last_line);
        }
        for external in file.externals() {
            assert!(external.word.start <= external.word.end && external.word.end <= text.len(), "{text:?}");
        }
        let _ = file.final_base();
        let _ = python_version(&text);
        if let Some(sent) = rewrite(&text, &help()) {
            // What was put in changes neither how many stages there are nor what they begin with.
            let again = read(&sent);
            assert_eq!(again.stages.len(), file.stages.len(), "{text:?}\n{sent:?}");
        }
    }
}

#[test]
fn the_user_of_the_image() {
    let user = |text: &str| read(text).user();
    let named = |name: &str| User::Named(name.to_owned());
    let base = User::OfBase("jupyter/base-notebook".to_owned());
    assert_eq!(user("FROM jupyter/base-notebook\nRUN x\n"), base);
    assert_eq!(user("FROM a\nUSER root\nRUN x\nuser 1000:100\n"), named("1000:100"));
    assert_eq!(user("FROM a AS one\nUSER one\nFROM b\nUSER two\nFROM one\nRUN x\n"), named("one"));
    assert_eq!(user("FROM a AS one\nUSER one\nFROM jupyter/base-notebook\n"), base);
    assert_eq!(user("FROM scratch\n"), named(""));
    assert_eq!(user("FROM a\nARG WHO=me\nUSER ${WHO}\n"), User::Unknown);
    assert_eq!(user("RUN x\n"), User::Unknown);
}
