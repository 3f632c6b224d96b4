use super::*;
use crate::project::python::imports::How;

fn found(source: &str) -> Scan {
    scan(source, &Target::default(), Kind::Script).unwrap()
}

/// `line module` and the guard, an import a line.
fn guarded(source: &str) -> Vec<String> {
    found(source)
        .imports
        .iter()
        .map(|import| {
            let guard = match &import.guard {
                Guard::None => String::new(),
                Guard::Tried { attempt } => format!(" tried {attempt}"),
                Guard::Fallback { attempt } => format!(" fallback {attempt}"),
                Guard::TypeChecking => " typing".to_owned(),
                Guard::Elsewhere { condition } => format!(" elsewhere: {condition}"),
            };
            let by_name = if import.how == How::ByName { " by name" } else { "" };
            format!("{} {}{by_name}{guard}", import.line, import.shown())
        })
        .collect()
}

#[test]
fn a_handler_that_leaves_keeps_the_import_required() {
    let source = "\
try:
    import a
except ImportError:
    print('pip install a')
    sys.exit(1)
try:
    import b
except ImportError as e:
    raise RuntimeError('b') from e
try:
    import c
finally:
    pass
try:
    import d
except ImportError:
    if x:
        raise
    else:
        exit()
try:
    import e
except ImportError:
    if x:
        raise
try:
    import f
except ModuleNotFoundError:
    raise
except ImportError:
    pass
";
    assert_eq!(guarded(source), ["2 a", "7 b", "11 c", "15 d", "22 e tried 3", "27 f"]);
}

#[test]
fn what_is_tried_and_what_stands_in_for_it() {
    let source = "\
try:
    import cupy as xp
except ModuleNotFoundError:
    try:
        import jax.numpy as xp
    except ImportError:
        import numpy as xp
else:
    import cupyx
with suppress(ImportError):
    import three
try:
    import wandb
    HAS = True
except ImportError:
    HAS = False
    wandb = None
if HAS:
    import wandb.x
if wandb is None and y:
    import other
if not HAS:
    import more
else:
    import less
";
    assert_eq!(
        guarded(source),
        [
            "2 cupy tried 0",
            "5 jax.numpy tried 1",
            "7 numpy fallback 1",
            "9 cupyx tried 0",
            "11 three tried 2",
            "13 wandb tried 3",
            "19 wandb.x tried 3",
            "21 other fallback 3",
            "23 more fallback 3",
            "25 less tried 3",
        ]
    );
    let around = found(source).attempts;
    assert_eq!(around[..2], [Guard::None, Guard::Fallback { attempt: 0 }]);
}

#[test]
fn a_handler_of_everything_means_an_import_that_comes_first() {
    let source = "\
try:
    import a
    a.start()
except Exception:
    a = None
try:
    data = load()
    import b
    b.plot(data)
except:
    print('failed')
try:
    data = load()
    import c
except (OSError, ImportError):
    pass
";
    assert_eq!(guarded(source), ["2 a tried 0", "8 b", "14 c tried 1"]);
}

#[test]
fn asked_for_first() {
    let source = "\
if importlib.util.find_spec('a') is not None:
    import a
else:
    import b
has_c = find_spec('c') is not None
if has_c:
    import c
if is_wandb_available():
    import wandb
def f():
    if not has_c:
        return
    import c.d
import e
def g():
    if has_c is None:
        raise ImportError('c')
    import c.e
";
    assert_eq!(
        guarded(source),
        [
            "2 a tried 0",
            "4 b fallback 0",
            "7 c tried 1",
            "9 wandb tried 2",
            "13 c.d tried 1",
            "14 e",
            "18 c.e tried 1",
        ]
    );
}

#[test]
fn platforms_and_versions() {
    let source = "\
import sys, os, platform as p
from sys import version_info
if sys.version_info >= (3, 11):
    import a
else:
    import b
if sys.platform == 'win32':
    import c
elif sys.platform.startswith('linux'):
    import d
else:
    import e
if p.machine() in ('arm64', 'aarch64'): import f
if os.name == 'nt' or sys.version_info[0] < 3: import g
WINDOWS = p.system() == 'Windows'
if WINDOWS and x: import h
if not WINDOWS: import i
if version_info[:2] < (3, 8): import j
if sys.version_info.major == 2: import k
if sys.version_info >= (3, 11, 4): import l
match sys.platform:
    case 'darwin': import m
    case 'linux': import n
if x: import o
if False: import q
if sys.version_info == (3, 11): import r
if sys.version_info <= (3, 10, 5): import s
";
    assert_eq!(
        guarded(source)[4..],
        [
            "4 a",
            "6 b elsewhere: not sys.version_info >= (3, 11)",
            "8 c elsewhere: sys.platform == 'win32'",
            "10 d",
            "12 e elsewhere: not sys.platform.startswith('linux')",
            "13 f elsewhere: p.machine() in ('arm64', 'aarch64')",
            "14 g elsewhere: os.name == 'nt' or sys.version_info[0] < 3",
            "16 h elsewhere: WINDOWS and x",
            "17 i",
            "18 j elsewhere: version_info[:2] < (3, 8)",
            "19 k elsewhere: sys.version_info.major == 2",
            "20 l",
            "22 m elsewhere: sys.platform == 'darwin'",
            "23 n",
            "24 o",
            "25 q elsewhere: False",
            "26 r elsewhere: sys.version_info == (3, 11)",
            "27 s elsewhere: sys.version_info <= (3, 10, 5)",
        ]
    );
    let windows = Target { python: (3, 8), sys_platform: "win32".to_owned(), machine: "AMD64".to_owned() };
    let there = scan(source, &windows, Kind::Script).unwrap().imports;
    let needed: Vec<&str> =
        there[4..].iter().filter(|it| it.guard == Guard::None).map(|it| it.module.as_str()).collect();
    assert_eq!(needed, ["b", "c", "g", "h", "o", "s"]);
}

#[test]
fn type_checking() {
    let source = "\
import typing as t
from typing import TYPE_CHECKING
if t.TYPE_CHECKING:
    import a
else:
    import b
if not TYPE_CHECKING:
    import c
else:
    import d
if TYPE_CHECKING and x:
    try:
        import e
    except ImportError:
        pass
";
    assert_eq!(guarded(source)[2..], ["4 a typing", "6 b", "8 c", "10 d typing", "13 e typing"]);
}

#[test]
fn what_is_broken_is_read_as_far_as_it_goes() {
    let read = found("import urllib2\nprint \"x\"\nimport six\n");
    assert!(read.broken);
    assert_eq!((read.problems[0].line, read.imports.len()), (2, 2));
    let read = found("from here we import stuff\nimport a\n");
    assert_eq!(read.imports.iter().map(|it| it.module.as_str()).collect::<Vec<_>>(), ["a"]);
    let error = scan("x = 1\nimport b\0\n", &Target::default(), Kind::Script).unwrap_err();
    assert_eq!((error.line, error.column), (2, 9));
}

#[test]
fn syntax_that_is_too_new_for_the_target_is_said() {
    let old = Target { python: (3, 8), ..Target::default() };
    let source = "match x:\n    case 1: import a\n";
    let read = scan(source, &old, Kind::Script).unwrap();
    assert!(!read.broken && read.imports.len() == 1);
    assert_eq!(read.problems[0].line, 1);
    assert!(found(source).problems.is_empty());
}

#[test]
fn a_program_says_so() {
    assert!(found("if __name__=='__main__': main()").is_program);
    assert!(found("if \"__main__\" == __name__:\n  main()").is_program);
    assert!(!found("if __name__ == 'x': main()").is_program);
}
