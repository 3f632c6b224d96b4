//! What is followed and what is not.

use std::collections::HashMap;

use super::*;
use crate::spec::lock_target::{Platform, Sayings};

#[derive(Default)]
struct Shelf(HashMap<String, (String, String, Vec<String>, Option<String>)>);

impl Catalogue for Shelf {
    fn get(&self, normalised: &str) -> Option<Known<'_>> {
        let (name, version, requires, requires_python) = self.0.get(normalised)?;
        Some(Known { name, version, requires, requires_python: requires_python.as_deref() })
    }
}

impl Shelf {
    /// `name version`, and what it requires.
    fn of(entries: &[(&str, &[&str])]) -> Self {
        let mut shelf = Self::default();
        for (title, requires) in entries {
            let (name, version) = title.split_once(' ').unwrap();
            let requires = requires.iter().map(|line| (*line).to_owned()).collect();
            shelf.0.insert(normalised(name), (name.to_owned(), version.to_owned(), requires, None));
        }
        shelf
    }
}

fn target() -> LockTarget {
    let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
    LockTarget::choose(Platform::LinuxX86_64, &sayings).0
}

/// Roots as `name[extra] versions`.
fn closed(roots: &[&str], shelf: &Shelf) -> Closure {
    let roots: Vec<Root> = roots
        .iter()
        .map(|text| {
            let parts = requires_dist::split(text).unwrap();
            Root {
                name: parts.name.to_owned(),
                extras: parts.extras.iter().map(|extra| (*extra).to_owned()).collect(),
                versions: match parts.demand {
                    Demand::Versions(versions) => versions.to_owned(),
                    _ => String::new(),
                },
            }
        })
        .collect();
    close(&roots, shelf, &target())
}

fn names(closure: &Closure) -> Vec<&str> {
    closure.distributions.keys().map(String::as_str).collect()
}

#[test]
fn requirements_are_followed_to_the_end_and_nothing_else_is_in() {
    let shelf = Shelf::of(&[
        ("Pandas 2.0", &["NumPy>=1.20", "python_dateutil", "hypothesis; extra == 'test'"]),
        ("numpy 1.26", &[]),
        ("python-dateutil 2.9", &["six>=1.5"]),
        ("six 1.16", &[]),
        ("hypothesis 6.0", &[]),
        ("unused 1.0", &["numpy"]),
    ]);
    let closure = closed(&["pandas"], &shelf);
    assert_eq!(names(&closure), ["numpy", "pandas", "python-dateutil", "six"]);
    let pandas = &closure.distributions["pandas"];
    assert_eq!((pandas.name.as_str(), pandas.version.as_str(), pandas.root), ("Pandas", "2.0", true));
    assert_eq!(
        closure.distributions["numpy"].required_by,
        [Edge { by: "pandas".into(), extra: None, text: "NumPy>=1.20".into() }]
    );
    assert_eq!((closure.missing, closure.conflicts, closure.problems), (vec![], vec![], vec![]));
}

#[test]
fn markers_are_those_of_the_target() {
    let shelf = Shelf::of(&[
        (
            "torch 2.1",
            &[
                "triton==2.1.0; platform_system == 'Linux' and platform_machine == 'x86_64'",
                "colorama; sys_platform == \"win32\"",
                "tomli; python_version < '3.11'",
                "async-timeout; python_full_version < '3.11.3'",
                "old; python_version in '2.7, 3.8'",
                "new; python_version not in '2.7, 3.8'",
                "c; implementation_name == 'cpython' and os_name != 'nt'",
                "dotted; os.name == 'posix'",
                "either; extra == 'x' or python_version >= '3.8'",
            ],
        ),
        ("triton 2.1.0", &[]),
        ("new 1", &[]),
        ("c 1", &[]),
        ("dotted 1", &[]),
        ("either 1", &[]),
    ]);
    let closure = closed(&["torch"], &shelf);
    assert_eq!(names(&closure), ["c", "dotted", "either", "new", "torch", "triton"]);
    assert_eq!((closure.missing, closure.problems), (vec![], vec![]));
    let arm = LockTarget { platform: Platform::LinuxAarch64, ..target() };
    let closure = close(&[Root::named("torch")], &shelf, &arm);
    assert_eq!(names(&closure), ["c", "dotted", "either", "new", "torch"]);
}

#[test]
fn extras_of_roots_and_of_requirements() {
    let shelf = Shelf::of(&[
        ("app 1", &["web[Fast_Http]; extra == 'serve'", "plain"]),
        (
            "web 1",
            &["h2 ; (python_version >= '3.8') and extra == 'fast-http'", "docs-only ; extra == 'docs'"],
        ),
        ("h2 1", &[]),
        ("plain 1", &["web"]),
    ]);
    let closure = closed(&["app"], &shelf);
    assert_eq!(names(&closure), ["app", "plain", "web"]);
    let closure = closed(&["app[serve]"], &shelf);
    assert_eq!(names(&closure), ["app", "h2", "plain", "web"]);
    let h2 = &closure.distributions["h2"].required_by;
    assert_eq!((h2.len(), h2[0].extra.as_deref()), (1, Some("fast-http")));
    assert_eq!(closure.distributions["web"].extras, ["fast-http"]);
    assert_eq!(closure.distributions["web"].required_by.len(), 2);
}

#[test]
fn a_distribution_that_asks_for_its_own_extras() {
    let shelf = Shelf::of(&[
        ("pkg 1", &["pkg[a,b]; extra == 'all'", "x; extra == 'a'", "y; extra == 'b'", "z; extra == 'c'"]),
        ("x 1", &[]),
        ("y 1", &["pkg[all]"]),
    ]);
    let closure = closed(&["pkg[all]"], &shelf);
    assert_eq!(names(&closure), ["pkg", "x", "y"]);
    assert_eq!(closure.distributions["pkg"].extras, ["a", "all", "b"]);
    assert_eq!(closure.distributions["pkg"].required_by.len(), 1, "y, and not itself");
}

#[test]
fn circles_end() {
    let shelf = Shelf::of(&[("a 1", &["b"]), ("b 1", &["c[d]"]), ("c 1", &["a[e]", "b"])]);
    let closure = closed(&["a"], &shelf);
    assert_eq!(names(&closure), ["a", "b", "c"]);
    assert_eq!(closure.distributions["b"].required_by.len(), 2);
}

#[test]
fn what_is_missing_is_said_with_who_needs_it() {
    let shelf = Shelf::of(&[("a 1", &["gone[x]>=2", "b"]), ("b 1", &["Gone"])]);
    let closure = closed(&["a", "nobody"], &shelf);
    let [gone, nobody] = closure.missing.as_slice() else { panic!("{:?}", closure.missing) };
    assert_eq!(
        (gone.name.as_str(), gone.root, gone.extras.as_slice()),
        ("gone", false, &["x".to_owned()][..])
    );
    let by: Vec<_> = gone.required_by.iter().map(|edge| (edge.by.as_str(), edge.text.as_str())).collect();
    assert_eq!(by, [("a", "gone[x]>=2"), ("b", "Gone")]);
    assert_eq!((nobody.name.as_str(), nobody.root, nobody.required_by.len()), ("nobody", true, 0));
}

#[test]
fn versions_that_do_not_go_together() {
    let mut shelf = Shelf::of(&[
        ("a 1", &["torch==2.1.0", "rc>=2.0rc1", "old>1.0", "numpy<2", "odd>=1"]),
        ("torch 2.1.0+cu118", &[]),
        ("rc 2.0rc1", &[]),
        ("old 1.0", &[]),
        ("numpy 2.4", &[]),
        ("odd 2004d", &[]),
    ]);
    shelf.0.get_mut("numpy").unwrap().3 = Some(">=3.12".to_owned());
    shelf.0.get_mut("old").unwrap().3 = Some("whatever".to_owned());
    let edge = |text: &str| Edge { by: "a".into(), extra: None, text: text.into() };
    assert_eq!(
        closed(&["a", "torch>=2.2"], &shelf).conflicts,
        [
            Conflict::RootVersion {
                name: "torch".into(),
                version: "2.1.0+cu118".into(),
                wanted: ">=2.2".into()
            },
            Conflict::Version { name: "old".into(), version: "1.0".into(), edge: edge("old>1.0") },
            Conflict::Version { name: "numpy".into(), version: "2.4".into(), edge: edge("numpy<2") },
            Conflict::Python {
                name: "numpy".into(),
                version: "2.4".into(),
                requires_python: ">=3.12".into()
            },
        ]
    );
}

#[test]
fn lines_that_cannot_be_read_are_problems_and_stop_nothing() {
    let deep = format!("deep; {}python_version > '3'{}", "(".repeat(500), ")".repeat(500));
    let shelf = Shelf::of(&[
        (
            "a 1",
            &[
                "=broken",
                "b>=1.0.*",
                "c; python_version < 3",
                "gone; no_such_name == 'x'",
                "d; 'a' == 'b'",
                "e- >=1",
                &deep,
                "g; os_name == 'nt' ör os_name == 'posix'",
                "f",
            ],
        ),
        ("b 2", &[]),
        ("c 1", &[]),
        ("f 1", &[]),
    ]);
    let closure = closed(&["a"], &shelf);
    assert_eq!(names(&closure), ["a", "b", "c", "f"]);
    assert_eq!((closure.missing, closure.conflicts), (vec![], vec![]));
    let lines: Vec<&str> =
        closure.problems.iter().map(|problem| problem.line.split(';').next().unwrap()).collect();
    assert_eq!(lines, ["=broken", "e- >=1", "b>=1.0.*", "c", "gone", "d", "deep", "g"]);
    assert!(closure.problems.iter().all(|problem| problem.of == "a"));
}

#[test]
fn every_reason_is_a_way_from_a_root() {
    let shelf = Shelf::of(&[
        ("a 1", &["b", "numpy"]),
        ("b 1", &["c"]),
        ("c 1", &["numpy>=1"]),
        ("numpy 1", &["d"]),
        ("d 1", &["numpy"]),
    ]);
    let closure = closed(&["a", "numpy"], &shelf);
    let ways: Vec<String> = closure
        .paths("numpy")
        .iter()
        .map(|way| way.iter().map(|step| step.name).collect::<Vec<_>>().join(" > "))
        .collect();
    assert_eq!(ways, ["numpy", "a > numpy", "a > b > c > numpy"]);
    assert_eq!(closure.paths("c")[0][2].edge.unwrap().text, "c");
    assert_eq!(closure.paths("nothing"), Vec::<Vec<Step<'_>>>::new());
}

#[test]
fn a_line_for_an_extra_is_known_without_being_read() {
    for (marker, wanted) in [
        ("extra == 'x'", Some("x")),
        ("python_version < '3' and extra == \"y\"", Some("y")),
        ("(a or b) and extra=='z'", Some("z")),
        ("platform_system == 'or' and extra == 'q'", Some("q")),
        ("os_name == 'a' or os_name == 'b' and extra == 'x'", None),
        ("'x' == extra", None),
        ("extra != 'x'", None),
        ("os_name=='nt'and extra == 'x'", Some("x")),
        ("", None),
        ("'", None),
    ] {
        assert_eq!(only_with(marker), wanted, "{marker}");
    }
}
