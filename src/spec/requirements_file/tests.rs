//! What is written, what is kept, and that nothing changes the second time.

use super::*;
use crate::spec::pin::Source;

fn place(file: &str, line: u32) -> Place {
    Place { file: file.to_owned(), line }
}

fn imported(name: &str, version: &str, places: &[(&str, u32)]) -> Wanted {
    Wanted {
        pin: Pin::version(name, version),
        group: Group::Imported,
        places: places.iter().map(|(file, line)| place(file, *line)).collect(),
        call: None,
    }
}

fn contents(wanted: Vec<Wanted>) -> Contents {
    Contents { wanted, ..Contents::default() }
}

/// Edits, and holds that to do it again changes nothing.
fn edited(text: &str, contents: &Contents) -> Edited {
    let first = edit(text, contents);
    let again = edit(&first.text, contents);
    assert_eq!(again.text, first.text);
    assert_eq!(again.changes, []);
    first
}

#[test]
fn a_new_file() {
    let mut all = contents(vec![
        imported("pandas", "2.1", &[("train.py", 3)]),
        imported(
            "NumPy",
            "1.26",
            &[("model.py", 4), ("train.py", 2), ("train.py", 9), ("a.py", 1), ("b.py", 1)],
        ),
        Wanted {
            group: Group::Implied,
            call: Some("DataFrame.to_parquet".to_owned()),
            ..imported("pyarrow", "15.0", &[("train.py", 14)])
        },
        Wanted { group: Group::Optional, ..imported("tqdm", "4.66", &[("train.py", 5)]) },
        Wanted {
            pin: Pin {
                name: "clip".to_owned(),
                extras: vec!["all".to_owned()],
                source: Source::Address("git+https://h/clip@0abc".to_owned()),
            },
            ..imported("", "", &[("train.py", 6)])
        },
        imported("torch", "2.1.0+cu118", &[("train.py", 1)]),
    ]);
    all.suggested = vec![Suggestion {
        name: "wandb".to_owned(),
        group: Group::Suggested,
        places: vec![place("train.py", 20)],
    }];
    all.indexes.insert("https://h/cu118".to_owned(), "torch==2.1.0+cu118".to_owned());
    let made = edited("", &all);
    insta::assert_snapshot!(made.text);
    assert_eq!(made.changes.len(), 7);
    assert!(made.changes.contains(&Change::Added { now: "NumPy==1.26".to_owned() }));
    let read = crate::project::python::requirements::read(&made.text);
    assert_eq!(read.names, ["clip", "numpy", "pandas", "torch", "pyarrow", "tqdm"]);
    assert_eq!(read.loose, []);
}

#[test]
fn comments_order_and_lines_of_the_user_stay() {
    let text = "\u{feff}# ours\r\n--extra-index-url https://h/simple  # private\r\n\r\nzeta==1  # why: old.py:1\r\n-r base.txt\r\nNumPy==1.25  # not 1.26: bug 12\r\nmine @ git+https://h/mine@1\r\nscipy==1.0 \\\r\n    --hash=sha256:00\r\n# wandb  # by hand\r\n# end";
    let made = edited(
        text,
        &contents(vec![
            imported("numpy", "1.26", &[("a.py", 1)]),
            imported("zeta", "2", &[("a.py", 2)]),
            imported("scipy", "1.1", &[("a.py", 3)]),
        ]),
    );
    assert_eq!(made.text, text.replace("zeta==1  # why: old.py:1", "zeta==2  # why: a.py:2"));
    assert_eq!(made.changes, [Change::Changed { was: "zeta==1".to_owned(), now: "zeta==2".to_owned() }]);
    let own: Vec<_> = made.own.iter().map(|own| (own.name.as_str(), own.line)).collect();
    assert_eq!(own, [("numpy", 6), ("scipy", 8)]);
}

#[test]
fn lines_end_as_they_did_and_the_last_one_only_where_another_comes() {
    let none = Contents::default();
    for text in ["a==1\r\nb==1\n# c", "a \\\n  ==1 \\\r\n  --hash=sha256:00", "a==1\n\n\n", "\u{feff}a==1"] {
        assert_eq!(edited(text, &none).text, text);
    }
    let one = contents(vec![imported("new", "1", &[("x.py", 1)])]);
    let made = edited("a==1\r\n# mine\nb", &one).text;
    assert_eq!(made, "a==1\r\n# mine\nb\r\n\r\n# Imported by the code:\r\nnew==1  # why: x.py:1\r\n");
    assert_eq!(edited(&made, &one).text, made);
}

#[test]
fn lines_that_are_no_requirements_and_paths_are_told() {
    let text = "numpy>=1\nnot a requirement !!\n# a comment\n--no-binary :all:\n./vendored\n-e ..\nmine @ ./x.whl\ngit+https://h/x.git\ngit+https://h/y.git#egg=y\nhttps://h/z-1.0-py3-none-any.whl\ntorch == \\\n  2.1 \\\n  --hash=sha256:00\n";
    let own = own_lines(text);
    assert_eq!(
        own.requirements,
        [
            "numpy>=1",
            "mine @ ./x.whl",
            "y @ git+https://h/y.git#egg=y",
            "z @ https://h/z-1.0-py3-none-any.whl",
            "torch ==    2.1"
        ]
    );
    let lines = |told: &[(usize, String)]| told.iter().map(|(line, _)| *line).collect::<Vec<_>>();
    assert_eq!(lines(&own.paths), [5, 6], "{own:?}");
    assert_eq!(lines(&own.wrong), [2, 8], "{own:?}");
    assert_eq!(own.wrong[0].1, "not a requirement !!");
}

#[test]
fn what_is_not_needed_any_more_goes_with_its_headline() {
    let two = contents(vec![
        imported("a", "1", &[("x.py", 1)]),
        Wanted { group: Group::Implied, ..imported("b", "1", &[("x.py", 2)]) },
    ]);
    let start = "# mine\nown==1\n";
    let both = edited(start, &two).text;
    let one = edited(&both, &contents(vec![two.wanted[0].clone()]));
    assert_eq!(one.changes, [Change::Removed { was: "b==1".to_owned() }]);
    assert_eq!(one.text, "# mine\nown==1\n\n# Imported by the code:\na==1  # why: x.py:1\n");
    assert_eq!(edited(&one.text, &two).text, both);
    assert_eq!(edited(&both, &contents(vec![])).text, start);
    assert_eq!(edited("", &contents(vec![])).text, "");
}

#[test]
fn a_line_moved_by_the_user_stays_there_and_new_ones_go_to_their_group_by_name() {
    let mut all = contents(vec![imported("b", "1", &[("x.py", 1)]), imported("d", "1", &[("x.py", 1)])]);
    let text = "d==1  # why: x.py:1\n\n# Imported by the code:\nb==1  # why: x.py:1\n\nown==1\n";
    assert_eq!(edited(text, &all).text, text);
    all.wanted.extend([imported("c", "1", &[("x.py", 1)]), imported("a", "1", &[("x.py", 1)])]);
    assert_eq!(
        edited(text, &all).text,
        "d==1  # why: x.py:1\n\n# Imported by the code:\na==1  # why: x.py:1\nb==1  # why: x.py:1\nc==1  # why: x.py:1\n\nown==1\n"
    );
}

#[test]
fn a_requirement_whose_reason_changed_moves_to_the_group_of_the_new_one() {
    let was = contents(vec![imported("a", "1", &[("x.py", 1)]), imported("b", "1", &[("x.py", 1)])]);
    let mut now = was.clone();
    now.wanted[1].group = Group::Implied;
    let text = edited(&edited("", &was).text, &now).text;
    assert_eq!(text, edited("", &now).text);
}

#[test]
fn line_numbers_alone_change_nothing() {
    let at = |line| contents(vec![imported("a", "1", &[("x.py", line), ("y.py", 7)])]);
    let text = edited("", &at(3)).text;
    assert_eq!(edited(&text, &at(30)).text, text);
    let other = contents(vec![imported("a", "1", &[("z.py", 3)])]);
    assert!(edited(&text, &other).text.contains("a==1  # why: z.py:3\n"));
}

#[test]
fn a_suggestion_that_was_taken_up_is_the_users_own_line() {
    let suggested = Contents {
        suggested: vec![Suggestion {
            name: "wandb".to_owned(),
            group: Group::Suggested,
            places: vec![place("x.py", 1)],
        }],
        ..Contents::default()
    };
    let text = edited("", &suggested).text;
    assert!(text.ends_with("\n# wandb  # why: x.py:1\n"), "{text}");
    let taken = text.replace("# wandb ", "wandb ");
    let made = edited(&taken, &suggested);
    assert!(made.text.contains("\nwandb  # why: x.py:1\n"), "{}", made.text);
    assert!(!made.text.contains("# wandb"), "{}", made.text);
}

#[test]
fn an_index_of_the_users_own_is_not_named_again() {
    let mut all = contents(vec![imported("torch", "1+cpu", &[("x.py", 1)])]);
    all.indexes.insert("https://h/cpu".to_owned(), "torch==1+cpu".to_owned());
    let made = edited("--extra-index-url=https://h/cpu\n", &all).text;
    assert_eq!(made.matches("https://h/cpu").count(), 1, "{made}");
    let gone = edited(&edited("", &all).text, &contents(vec![])).text;
    assert!(!gone.contains("https://h/cpu"), "{gone}");
}

#[test]
fn names_from_foreign_code_stay_in_their_line() {
    let mut odd = imported("a", "1", &[("we\nird.py", 1)]);
    odd.call = Some("f(\n)\\".to_owned());
    let text = edited("", &contents(vec![odd])).text;
    assert!(text.ends_with("a==1  # why: we?ird.py:1 (f( ))\n"), "{text}");
}

#[test]
fn what_is_the_users_own() {
    let own = own_lines(
        "\u{feff}a==1  # why: x.py:1\n--extra-index-url https://h/a  # why: a\nNumPy[x]>=1,<2 ; python_version > '3'  # mine\n\
         --extra-index-url https://h/b  # mine\n-r base.txt\nscipy==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n\
         clip @ git+https://h/clip@1#egg=clip\nhttps://h/y-1-py3-none-any.whl\n# z==1\n",
    );
    assert_eq!(
        own.requirements,
        [
            "NumPy[x]>=1,<2 ; python_version > '3'",
            "scipy==1.0",
            "clip @ git+https://h/clip@1#egg=clip",
            "y @ https://h/y-1-py3-none-any.whl"
        ]
    );
    assert_eq!(own.options, [IndexOption::Extra("https://h/b".to_owned())]);
}
