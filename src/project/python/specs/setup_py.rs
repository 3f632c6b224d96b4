//! `setup.py`: the literals in its call of `setup(…)`. It is read, never run, so what it computes is not known.

use std::collections::HashMap;

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use super::{Group, Kind, Specification};
use crate::project::python::imports::lower_first;

/// Deeper is no literal that somebody wrote.
const DEPTH: usize = 16;
/// The parser goes down with the text's brackets and dots; a file that is deeper is not one of people's (ruff 0.0.10).
const NESTING: usize = 200;

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::SetupPy);
    if let Some(line) = too_deep(content) {
        specification.problem(line, "this is nested too deeply to be read");
        return specification;
    }
    let line_at = |at: TextSize| {
        let before = content.get(..at.to_usize()).unwrap_or(content);
        1 + before.matches('\n').count()
    };
    let parsed = match parse_module(content) {
        Ok(parsed) => parsed,
        Err(error) => {
            let line = line_at(error.location.start());
            specification.problem(line, lower_first(&error.error.to_string()));
            return specification;
        }
    };
    let mut names: HashMap<&str, &Expr> = HashMap::new();
    for statement in parsed.suite() {
        if let Stmt::Assign(assign) = statement
            && let [Expr::Name(name)] = assign.targets.as_slice()
        {
            names.insert(name.id.as_str(), &assign.value);
        }
    }
    let mut finder = Calls(Vec::new());
    for statement in parsed.suite() {
        finder.visit_stmt(statement);
    }
    for call in finder.0 {
        for keyword in &call.arguments.keywords {
            let Some(name) = keyword.arg.as_ref().map(ruff_python_ast::Identifier::as_str) else { continue };
            let groups = match name {
                "install_requires" => Vec::new(),
                "tests_require" => vec![Group::Named("test".to_owned())],
                "extras_require" => {
                    extras(resolved(&keyword.value, &names, 0), &names, &line_at, &mut specification);
                    continue;
                }
                "python_requires" => {
                    if let Expr::StringLiteral(text) = resolved(&keyword.value, &names, 0) {
                        specification.python = Some(text.value.to_str().replace(' ', ""));
                    }
                    continue;
                }
                _ => continue,
            };
            list(&keyword.value, &groups, &names, &line_at, &mut specification, 0);
        }
    }
    specification.sorted()
}

/// The line on which brackets stand too deep in one another.
pub fn too_deep(content: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut run = 0_usize;
    let mut line = 1;
    for byte in content.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => line += 1,
            _ => {}
        }
        // Signs in front of signs, and words without an end: `- - - -`, `not not`.
        run = if matches!(byte, b'-' | b'~' | b'+' | b'*' | b' ') { run + 1 } else { 0 };
        if depth > NESTING || run > 4 * NESTING {
            return Some(line);
        }
    }
    None
}

/// Every call of something called `setup`.
struct Calls<'a>(Vec<&'a ExprCall>);

impl<'a> Visitor<'a> for Calls<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            let name = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => "",
            };
            if name == "setup" {
                self.0.push(call);
            }
        }
        walk_expr(self, expression);
    }
}

fn resolved<'a>(expression: &'a Expr, names: &HashMap<&str, &'a Expr>, depth: usize) -> &'a Expr {
    match expression {
        Expr::Name(name) if depth < DEPTH => match names.get(name.id.as_str()) {
            Some(value) => resolved(value, names, depth + 1),
            None => expression,
        },
        _ => expression,
    }
}

fn list(
    expression: &Expr,
    groups: &[Group],
    names: &HashMap<&str, &Expr>,
    line_at: &dyn Fn(TextSize) -> usize,
    specification: &mut Specification,
    depth: usize,
) {
    let line = line_at(expression.start());
    if depth > DEPTH {
        return;
    }
    match expression {
        Expr::List(list_of) => {
            for item in &list_of.elts {
                list(item, groups, names, line_at, specification, depth + 1);
            }
        }
        Expr::Tuple(list_of) => {
            for item in &list_of.elts {
                list(item, groups, names, line_at, specification, depth + 1);
            }
        }
        Expr::BinOp(sum) => {
            list(&sum.left, groups, names, line_at, specification, depth + 1);
            list(&sum.right, groups, names, line_at, specification, depth + 1);
        }
        Expr::Starred(starred) => list(&starred.value, groups, names, line_at, specification, depth + 1),
        Expr::StringLiteral(text) => {
            // One text may hold several lines.
            for requirement in text.value.to_str().lines().map(str::trim).filter(|it| !it.is_empty()) {
                specification.take(requirement, line, groups);
            }
        }
        Expr::Name(name) if names.contains_key(name.id.as_str()) => {
            if let Some(value) = names.get(name.id.as_str()) {
                list(value, groups, names, line_at, specification, depth + 1);
            }
        }
        _ => specification.problem(line, "what is computed here is not known without running it"),
    }
}

fn extras(
    expression: &Expr,
    names: &HashMap<&str, &Expr>,
    line_at: &dyn Fn(TextSize) -> usize,
    specification: &mut Specification,
) {
    let Expr::Dict(dict) = expression else {
        specification
            .problem(line_at(expression.start()), "what is computed here is not known without running it");
        return;
    };
    for item in &dict.items {
        if let Some(Expr::StringLiteral(extra)) = &item.key {
            let groups = [Group::Extra(extra.value.to_str().to_owned())];
            list(&item.value, &groups, names, line_at, specification, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_names_of_them() {
        let read = read(
            "import setuptools\nBASE = ['numpy>=1.20', \"torch\"]\nDOCS = ['sphinx']\n\nsetuptools.setup(\n    name='x',\n    python_requires='>= 3.8',\n    install_requires=BASE + [\n        'six',\n        read('requirements.txt'),\n    ],\n    extras_require={'docs': DOCS, 'cli': ['rich'], **more},\n    tests_require='pytest',\n)\n",
        );
        let pins: Vec<_> =
            read.pins.iter().map(|pin| (pin.line, pin.name.as_str(), pin.groups.as_slice())).collect();
        assert_eq!(
            pins,
            [
                (2, "numpy", &[][..]),
                (2, "torch", &[]),
                (3, "sphinx", &[Group::Extra("docs".into())]),
                (9, "six", &[]),
                (12, "rich", &[Group::Extra("cli".into())]),
                (13, "pytest", &[Group::Named("test".into())]),
            ]
        );
        assert_eq!(read.python.as_deref(), Some(">=3.8"));
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn what_cannot_be_read() {
        assert_eq!(super::read("x = 1\nsetup(").problems.len(), 1);
        assert_eq!(super::read(&format!("\nx = {}", "(".repeat(100_000))).problems[0].line, 2);
        assert_eq!(super::read("A = B\nB = A\nsetup(install_requires=A)\n").problems.len(), 0);
        assert!(!super::read("print 'x'\n").says());
    }
}
