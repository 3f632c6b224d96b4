//! Whether statements are ever got past: what fails without a module needs it.

use foldhash::HashSet;

use ruff_python_ast::{ExceptHandler, Expr, Stmt};

use super::names::last_name;

/// Whether the program ends, or an exception is raised, on every path through the statements. `enders` are
/// functions that do so.
pub(super) fn leaves(body: &[Stmt], enders: &HashSet<&str>) -> bool {
    body.iter().any(|stmt| match stmt {
        // A test that is skipped has not failed.
        Stmt::Raise(raise) => {
            let kind = raise.exc.as_deref().map(|exc| match exc {
                Expr::Call(call) => &*call.func,
                other => other,
            });
            kind.and_then(last_name) != Some("SkipTest")
        }
        Stmt::Expr(stmt) => match &*stmt.value {
            Expr::Call(call) => {
                exits(&call.func)
                    || matches!(&*call.func, Expr::Name(name) if enders.contains(name.id.as_str()))
            }
            _ => false,
        },
        Stmt::If(stmt) => {
            leaves(&stmt.body, enders)
                && stmt.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none())
                && stmt.elif_else_clauses.iter().all(|clause| leaves(&clause.body, enders))
        }
        Stmt::With(stmt) => leaves(&stmt.body, enders),
        Stmt::Try(stmt) => {
            leaves(&stmt.finalbody, enders)
                || (leaves(&stmt.body, enders)
                    && stmt.handlers.iter().all(|ExceptHandler::ExceptHandler(it)| leaves(&it.body, enders)))
        }
        _ => false,
    })
}

fn exits(function: &Expr) -> bool {
    match function {
        Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit" | "_exit"),
        Expr::Attribute(attribute) => {
            matches!(attribute.attr.as_str(), "exit" | "_exit" | "abort")
                && matches!(&*attribute.value, Expr::Name(name) if matches!(name.id.as_str(), "sys" | "os"))
        }
        _ => false,
    }
}

/// The same for the block: a `return` or `continue` leaves it as well.
pub(super) fn leaves_block(body: &[Stmt]) -> bool {
    leaves(body, &HashSet::default())
        || matches!(body.last(), Some(Stmt::Return(_) | Stmt::Continue(_) | Stmt::Break(_)))
}

/// The functions of a file that end the program or raise whatever they are given.
pub(super) fn enders(body: &[Stmt]) -> impl Iterator<Item = &str> {
    let none = HashSet::default();
    body.iter().filter_map(move |stmt| match stmt {
        Stmt::FunctionDef(function)
            if !function.is_async && leaves(&function.body, &none) && !comes_back(&function.body) =>
        {
            Some(function.name.as_str())
        }
        _ => None,
    })
}

/// Whether there is a `return`, or a `yield` as a statement.
fn comes_back(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Return(_) => true,
        Stmt::Expr(stmt) => matches!(&*stmt.value, Expr::Yield(_) | Expr::YieldFrom(_)),
        Stmt::If(stmt) => {
            comes_back(&stmt.body) || stmt.elif_else_clauses.iter().any(|clause| comes_back(&clause.body))
        }
        Stmt::For(stmt) => comes_back(&stmt.body) || comes_back(&stmt.orelse),
        Stmt::While(stmt) => comes_back(&stmt.body) || comes_back(&stmt.orelse),
        Stmt::With(stmt) => comes_back(&stmt.body),
        Stmt::Match(stmt) => stmt.cases.iter().any(|case| comes_back(&case.body)),
        Stmt::Try(stmt) => {
            comes_back(&stmt.body)
                || comes_back(&stmt.orelse)
                || comes_back(&stmt.finalbody)
                || stmt.handlers.iter().any(|ExceptHandler::ExceptHandler(it)| comes_back(&it.body))
        }
        _ => false,
    })
}
