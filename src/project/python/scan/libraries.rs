//! Which libraries a file imports at all, wherever in it and under whatever condition.

use std::collections::BTreeSet;

use ruff_python_ast::Stmt;
use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};

/// The first parts of absolute imports.
#[derive(Default)]
pub(super) struct Libraries<'a> {
    tops: BTreeSet<&'a str>,
}

impl<'a> Libraries<'a> {
    pub(super) fn of(body: &'a [Stmt]) -> impl Iterator<Item = &'a str> {
        let mut found = Self::default();
        found.visit_body(body);
        found.tops.into_iter()
    }

    fn add(&mut self, module: &'a str) {
        self.tops.insert(module.split('.').next().unwrap_or(module));
    }
}

impl<'a> StatementVisitor<'a> for Libraries<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.add(&alias.name)),
            Stmt::ImportFrom(import) if import.level == 0 => {
                self.add(import.module.as_deref().unwrap_or_default());
            }
            _ => walk_stmt(self, stmt),
        }
    }
}
