//! The names that a module has once it is loaded.

use std::path::Path;

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::parse_module;

use crate::project::python::source;

/// What a module binds at its top; `None` where it cannot be known (a star import, a `__getattr__`, a file
/// that is no Python).
pub fn names(file: &Path) -> Option<Vec<String>> {
    let text = source::text(std::fs::read(file).ok()?).ok()?;
    let parsed = parse_module(&text).ok()?;
    let mut finder = Finder { names: Vec::new(), open: false };
    finder.visit_body(parsed.suite());
    (!finder.open).then_some(finder.names)
}

struct Finder {
    names: Vec<String>,
    open: bool,
}

impl Finder {
    fn target(&mut self, expr: &Expr) {
        match expr {
            Expr::Name(name) => self.names.push(name.id.to_string()),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|inner| self.target(inner)),
            Expr::List(list) => list.elts.iter().for_each(|inner| self.target(inner)),
            Expr::Starred(starred) => self.target(&starred.value),
            _ => {}
        }
    }
}

impl<'a> StatementVisitor<'a> for Finder {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.open |= function.name.as_str() == "__getattr__";
                self.names.push(function.name.to_string());
            }
            Stmt::ClassDef(class) => self.names.push(class.name.to_string()),
            Stmt::Assign(assign) => assign.targets.iter().for_each(|target| self.target(target)),
            Stmt::AnnAssign(assign) => self.target(&assign.target),
            Stmt::AugAssign(assign) => self.target(&assign.target),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.names.push(name.split('.').next().unwrap_or_default().to_owned());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.open |= alias.name.as_str() == "*";
                    self.names.push(alias.asname.as_ref().unwrap_or(&alias.name).to_string());
                }
            }
            Stmt::For(inner) => {
                self.target(&inner.target);
                walk_stmt(self, stmt);
            }
            Stmt::With(with) => {
                with.items.iter().filter_map(|item| item.optional_vars.as_deref()).for_each(|target| {
                    self.target(target);
                });
                walk_stmt(self, stmt);
            }
            _ => walk_stmt(self, stmt),
        }
    }
}
