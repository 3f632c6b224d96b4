//! `setup.cfg`: what it declares, in the form that Python's `configparser` reads.

use super::{Group, Kind, Specification};
use crate::project::python::requirements::Include;

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::SetupCfg);
    let mut section = String::new();
    let mut key = String::new();
    for (index, line) in content.lines().enumerate() {
        let number = index + 1;
        let bare = line.trim();
        // A comment inside a value is none of its lines.
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && !key.is_empty() {
            value(&section, &key, bare, number, &mut specification);
        } else if let Some(name) = bare.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            name.trim().clone_into(&mut section);
            key.clear();
        } else if let Some((name, rest)) = bare.split_once(['=', ':']) {
            key = name.trim().to_lowercase();
            if !rest.trim().is_empty() {
                value(&section, &key, rest.trim(), number, &mut specification);
            }
        } else {
            key.clear();
        }
    }
    specification
}

/// What the project is called.
pub fn name(content: &str) -> Option<String> {
    let (_, metadata) = content.split_once("[metadata]")?;
    let lines = metadata.lines().skip(1).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| *key.trim_end() == *"name")
        .map(|(_, name)| name.trim().to_owned())
}

fn value(section: &str, key: &str, text: &str, line: usize, specification: &mut Specification) {
    let groups = match (section, key) {
        ("options", "python_requires") => {
            specification.python = Some(text.replace(' ', ""));
            return;
        }
        ("options", "install_requires") => Vec::new(),
        ("options", "tests_require") => vec![Group::Named("test".to_owned())],
        ("options.extras_require", extra) => vec![Group::Extra(extra.to_owned())],
        _ => return,
    };
    if let Some(files) = text.strip_prefix("file:") {
        for path in files.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            specification.includes.push(Include { line, path: path.to_owned(), constraint: false });
        }
        return;
    }
    let text = text.split(" #").next().unwrap_or(text);
    specification.take(text, line, &groups);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_declares() {
        let read = read(
            "[metadata]\nname = x\n[options]\npython_requires = >= 3.8\npackages = find:\ninstall_requires =\n    numpy>=1.20\n    # why\n    torch ; sys_platform == 'linux'\n\n    ==1\n\
             [options.extras_require]\ncli = rich\ndev =\n  pytest\n[flake8]\nignore =\n  E501\n[options]\ntests_require = file: a.txt, b.txt\nnothing\n",
        );
        let pins: Vec<_> =
            read.pins.iter().map(|pin| (pin.line, pin.name.as_str(), pin.groups.as_slice())).collect();
        assert_eq!(
            pins,
            [
                (7, "numpy", &[][..]),
                (9, "torch", &[]),
                (13, "rich", &[Group::Extra("cli".into())]),
                (15, "pytest", &[Group::Extra("dev".into())])
            ]
        );
        assert_eq!(name("[a]\nname = y\n[metadata]\nversion=1\nname = my-x\n[b]\n").as_deref(), Some("my-x"));
        assert_eq!(name("[metadata]\nversion=1\n[b]\nname = no\n"), None);
        assert_eq!(read.python.as_deref(), Some(">=3.8"));
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [11]);
        assert_eq!(read.includes.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["a.txt", "b.txt"]);
    }
}
