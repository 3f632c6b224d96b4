//! What a Python file imports, and how.

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{ExceptHandler, Expr, ExprCall, Stmt, StmtIf, StmtTry, StmtWith};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

/// One imported module: `import a.b` is one, `import a, b` two, `from a import b, c` one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The dotted name without leading dots; empty for `from . import x`.
    pub module: String,
    /// How many leading dots: 0 is absolute.
    pub level: u32,
    /// What is taken out of the module by `from`; empty for `import`. `*` stands for all.
    pub names: Vec<String>,
    pub how: How,
    /// Both count from 1; the column counts characters.
    pub line: u32,
    pub column: u32,
    /// Inside a function, so not when the module is loaded.
    pub in_function: bool,
    /// Its absence is expected: either side of a `try` that catches `ImportError`, or in
    /// `suppress(ImportError)`.
    pub optional: bool,
    /// Under `if TYPE_CHECKING:`, so never when the code runs.
    pub type_checking: bool,
}

/// How a module is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Import,
    From,
    /// `importlib.import_module("x")` or `__import__("x")` with the name written out.
    ByName,
}

impl Import {
    /// The first part of the name: `sklearn` of `sklearn.svm`.
    pub fn top(&self) -> &str {
        self.module.split('.').next().unwrap_or_default()
    }

    /// The import as a person would name it: `common.text`, `..text`.
    pub fn shown(&self) -> String {
        format!("{}{}", ".".repeat(self.level as usize), self.module)
    }

    /// The absolute dotted name of what is imported, seen from a file with the given path
    /// (`/`-separated, relative to the folder that `import` starts at); `None` where the dots lead
    /// out of that folder.
    pub fn absolute(&self, file: &str) -> Option<String> {
        if self.level == 0 {
            return Some(self.module.clone());
        }
        let mut folders: Vec<&str> = file.split('/').collect();
        for _ in 0..self.level {
            folders.pop()?;
        }
        if !self.module.is_empty() {
            folders.push(&self.module);
        }
        Some(folders.join("."))
    }
}

/// Why a text is no Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct SyntaxError {
    pub message: String,
    pub line: u32,
    pub column: u32,
}

/// Every import in the text, in the order of the text.
pub fn imports(source: &str) -> Result<Vec<Import>, SyntaxError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let parsed = parse_module(source).map_err(|error| {
        let (line, column) = Places::new(source).of(error.location.start());
        let message = error.error.to_string();
        SyntaxError { message: lower_first(&message), line, column }
    })?;
    let mut finder = Finder {
        places: Places::new(source),
        // Expressions are many and imports by name are few: most files are spared the walk.
        by_name: source.contains("import_module") || source.contains("__import__"),
        functions: 0,
        optional: 0,
        type_checking: 0,
        found: Vec::new(),
    };
    finder.visit_body(parsed.suite());
    if finder.by_name {
        finder.found.sort_by_key(|import| (import.line, import.column));
    }
    Ok(finder.found)
}

/// A parser's words as a part of a sentence.
pub fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // `IPython`, `TabError` stay as they are.
        (Some(first), second) if second.is_none_or(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Turns offsets into lines and columns; quick where they are asked for in the order of the text.
struct Places<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, line_start: 0 }
    }

    fn of(&mut self, place: TextSize) -> (u32, u32) {
        let place = place.to_usize().min(self.text.len());
        if place < self.offset {
            *self = Self::new(self.text);
        }
        for (index, byte) in self.text.as_bytes()[self.offset..place].iter().enumerate() {
            if *byte == b'\n' {
                self.line += 1;
                self.line_start = self.offset + index + 1;
            }
        }
        self.offset = place;
        let before = self.text.get(self.line_start..place).map_or(0, |text| text.chars().count());
        (self.line, u32::try_from(before + 1).unwrap_or(u32::MAX))
    }
}

struct Finder<'a> {
    places: Places<'a>,
    by_name: bool,
    functions: u32,
    optional: u32,
    type_checking: u32,
    found: Vec<Import>,
}

impl Finder<'_> {
    fn add(&mut self, how: How, module: &str, level: u32, names: Vec<String>, place: TextSize) {
        let (line, column) = self.places.of(place);
        self.found.push(Import {
            module: module.to_owned(),
            level,
            names,
            how,
            line,
            column,
            in_function: self.functions > 0,
            optional: self.optional > 0,
            type_checking: self.type_checking > 0,
        });
    }

    /// The expressions that belong to the statement itself, not to those inside it.
    fn expressions(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Expr(stmt) => Calls(self).visit_expr(&stmt.value),
            Stmt::Assign(stmt) => Calls(self).visit_expr(&stmt.value),
            Stmt::AnnAssign(stmt) => {
                if let Some(value) = &stmt.value {
                    Calls(self).visit_expr(value);
                }
            }
            Stmt::AugAssign(stmt) => Calls(self).visit_expr(&stmt.value),
            Stmt::Return(stmt) => {
                if let Some(value) = &stmt.value {
                    Calls(self).visit_expr(value);
                }
            }
            Stmt::If(stmt) => {
                Calls(self).visit_expr(&stmt.test);
                for test in stmt.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref()) {
                    Calls(self).visit_expr(test);
                }
            }
            Stmt::While(stmt) => Calls(self).visit_expr(&stmt.test),
            Stmt::For(stmt) => Calls(self).visit_expr(&stmt.iter),
            Stmt::With(stmt) => {
                for item in &stmt.items {
                    Calls(self).visit_expr(&item.context_expr);
                }
            }
            Stmt::Assert(stmt) => Calls(self).visit_expr(&stmt.test),
            Stmt::Raise(stmt) => {
                if let Some(value) = &stmt.exc {
                    Calls(self).visit_expr(value);
                }
            }
            Stmt::Match(stmt) => Calls(self).visit_expr(&stmt.subject),
            // What is left either holds no expression of interest or is walked as statements.
            _ => {}
        }
    }

    fn optional_body<'a>(&mut self, optional: bool, body: &'a [Stmt])
    where
        Self: StatementVisitor<'a>,
    {
        self.optional += u32::from(optional);
        self.visit_body(body);
        self.optional -= u32::from(optional);
    }
}

impl<'a> StatementVisitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.by_name {
            self.expressions(stmt);
        }
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.add(How::Import, &alias.name, 0, Vec::new(), alias.range.start());
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_deref().unwrap_or_default();
                let names = import.names.iter().map(|alias| alias.name.to_string()).collect();
                self.add(How::From, module, import.level, names, import.range.start());
            }
            Stmt::FunctionDef(_) => {
                self.functions += 1;
                walk_stmt(self, stmt);
                self.functions -= 1;
            }
            Stmt::Try(StmtTry { body, handlers, orelse, finalbody, .. }) => {
                let optional = handlers.iter().any(catches_import_error);
                self.optional_body(optional, body);
                for ExceptHandler::ExceptHandler(handler) in handlers {
                    self.optional_body(optional, &handler.body);
                }
                self.visit_body(orelse);
                self.visit_body(finalbody);
            }
            Stmt::With(StmtWith { items, body, .. }) => {
                let optional = items.iter().any(|item| suppresses_import_error(&item.context_expr));
                self.optional_body(optional, body);
            }
            Stmt::If(StmtIf { test, body, elif_else_clauses, .. }) => {
                let type_checking = last_name(test) == Some("TYPE_CHECKING");
                self.type_checking += u32::from(type_checking);
                self.visit_body(body);
                self.type_checking -= u32::from(type_checking);
                for clause in elif_else_clauses {
                    self.visit_elif_else_clause(clause);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }
}

/// Looks for imports by name in expressions.
struct Calls<'b, 'c>(&'b mut Finder<'c>);

impl<'a> Visitor<'a> for Calls<'_, '_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr
            && let Some((module, level)) = by_name(call)
        {
            self.0.add(How::ByName, module, level, Vec::new(), call.start());
        }
        walk_expr(self, expr);
    }
}

fn by_name(call: &ExprCall) -> Option<(&str, u32)> {
    let function = last_name(&call.func)?;
    let Expr::StringLiteral(name) = call.arguments.args.first()? else { return None };
    let name = name.value.to_str();
    let module = name.trim_start_matches('.');
    let level = u32::try_from(name.len() - module.len()).ok()?;
    match function {
        // A relative name is relative to the second argument, which most often is `__package__`.
        "import_module" => Some((module, level)),
        "__import__" if level == 0 => Some((module, 0)),
        _ => None,
    }
    .filter(|(module, _)| !module.is_empty() && module.split('.').all(is_identifier))
}

/// Whether the text can be a name in Python, as far as its characters go.
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

/// The name at the end of `a.b.name`.
fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => Some(&attribute.attr),
        _ => None,
    }
}

fn catches_import_error(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    handler.type_.as_deref().is_none_or(is_import_error)
}

fn is_import_error(expr: &Expr) -> bool {
    match expr {
        Expr::Tuple(tuple) => tuple.elts.iter().any(is_import_error),
        _ => matches!(
            last_name(expr),
            Some("ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException")
        ),
    }
}

fn suppresses_import_error(expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    last_name(&call.func) == Some("suppress") && call.arguments.args.iter().any(is_import_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        imports(source)
            .unwrap()
            .into_iter()
            .map(|import| {
                let mut text = format!("{}:{} {}", import.line, import.column, import.shown());
                if !import.names.is_empty() {
                    text = format!("{text} [{}]", import.names.join(" "));
                }
                for (flag, word) in [
                    (import.how == How::ByName, "by-name"),
                    (import.in_function, "function"),
                    (import.optional, "optional"),
                    (import.type_checking, "typing"),
                ] {
                    if flag {
                        text = format!("{text} {word}");
                    }
                }
                text
            })
            .collect()
    }

    #[test]
    fn every_form_is_found_with_its_place() {
        let source = "\
import os, a.b as c
from x.y import z, w as v
from . import near
from ..up import *
class A:
    def f(self):
        import inner
        return [lambda: __import__('quick.one')]
if x:
    é = 1; import late
elif importlib.import_module(\"named\"):
    from . import deep
for i in y:
    while True:
        import loop
match m:
    case 1:
        import cased
async def g():
    async with h:
        import awaited
";
        assert_eq!(
            shown(source),
            [
                "1:8 os",
                "1:12 a.b",
                "2:1 x.y [z w]",
                "3:1 . [near]",
                "4:1 ..up [*]",
                "7:16 inner function",
                "8:25 quick.one by-name function",
                "10:19 late",
                "11:6 named by-name",
                "12:5 . [deep]",
                "15:16 loop",
                "18:16 cased",
                "21:16 awaited function",
            ]
        );
    }

    #[test]
    fn what_may_be_absent_is_told_apart() {
        let source = "\
try:
    import fast
except ImportError:
    import slow
else:
    import sure
try:
    import one
except (ValueError, ModuleNotFoundError):
    pass
try:
    import two
except ValueError:
    pass
with contextlib.suppress(ImportError):
    import three
if typing.TYPE_CHECKING:
    import four
else:
    import five
";
        assert_eq!(
            shown(source),
            [
                "2:12 fast optional",
                "4:12 slow optional",
                "6:12 sure",
                "8:12 one optional",
                "12:12 two",
                "16:12 three optional",
                "18:12 four typing",
                "20:12 five",
            ]
        );
    }

    #[test]
    fn only_names_written_out_count() {
        let source = "importlib.import_module(name)\nimport_module('./not a module')\n__import__(f'{x}')\n\
                      import_module('.near', __package__)\n";
        assert_eq!(shown(source), ["4:1 .near by-name"]);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = imports("x = 1\nimport (\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 8));
        assert_eq!(error.message, "expected one or more symbol names after import");
        let error = imports("print 'old'\n").unwrap_err();
        assert_eq!(error.line, 1);
        assert!(imports("\u{feff}import a\r\nimport b\r\n").is_ok_and(|found| found[1].line == 2));
        assert!(imports("").unwrap().is_empty());
    }

    #[test]
    fn dots_count_from_the_file() {
        let import = |source: &str| imports(source).unwrap().remove(0);
        let up = import("from ..b import c");
        assert_eq!(up.absolute("common/a/x.py").as_deref(), Some("common.b"));
        assert_eq!(up.absolute("x.py"), None);
        assert_eq!(import("from . import c").absolute("common/a/x.py").as_deref(), Some("common.a"));
        assert_eq!(import("from . import c").absolute("x.py").as_deref(), Some(""));
        assert_eq!(import("import a.b").absolute("x.py").as_deref(), Some("a.b"));
    }
}
