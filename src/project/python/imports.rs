//! What a Python file imports, and how.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use ruff_python_parser::{ParseError, parse_module};

use super::places::Places;
use super::scan::{self, walk::Walk};
use super::target::Target;

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
    /// Whether it runs at all, and whether its failure is expected.
    pub guard: Guard,
}

/// How a module is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Import,
    From,
    /// `importlib.import_module("x")`, `__import__("x")`, `exec("import x")` and the like, with the name
    /// written out.
    ByName,
    /// A class by its path, in a text that a library will make an object of: `_target_="a.b.Class"`.
    ByPath,
}

/// What stands between an import and its being needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Where the code runs, it must succeed.
    #[default]
    None,
    /// In the body of a `try` whose handler of `ImportError` goes on, in `suppress(ImportError)`, or where
    /// the code has asked first (`find_spec("x")`). `attempt` numbers what is tried within the file.
    Tried { attempt: u32 },
    /// In the handler of that attempt, or in the `if x is None` after it: needed where what was tried is
    /// absent.
    Fallback { attempt: u32 },
    /// Under `if TYPE_CHECKING:`, so never when the code runs.
    TypeChecking,
    /// Under a condition on the platform or the version that does not hold for the target; its text as in
    /// the code.
    Elsewhere { condition: String },
}

impl Import {
    /// The first part of the name: `sklearn` of `sklearn.svm`.
    pub fn top(&self) -> &str {
        self.module.split('.').next().unwrap_or_default()
    }

    /// Its absence is expected.
    pub fn optional(&self) -> bool {
        matches!(self.guard, Guard::Tried { .. } | Guard::Fallback { .. } | Guard::Elsewhere { .. })
    }

    /// It is there for type checkers alone.
    pub fn type_checking(&self) -> bool {
        self.guard == Guard::TypeChecking
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

impl SyntaxError {
    pub(super) fn of(error: &ParseError, source: &str) -> Self {
        let (line, column) = Places::new(source).of(error.location.start());
        Self { message: lower_first(&error.error.to_string()), line, column }
    }
}

/// Every import in the text, in the order of the text. Conditions are those of the usual target.
pub fn imports(source: &str) -> Result<Vec<Import>, SyntaxError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let parsed = parse_module(source).map_err(|error| SyntaxError::of(&error, source))?;
    // Expressions are many and imports by name are few: most files are spared the walk.
    static WORDS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| ["import_module", "__import__"].map(Finder::new));
    let by_name = WORDS.iter().any(|word| word.find(source.as_bytes()).is_some());
    let target = Target::default();
    let mut walk = Walk::new(source, &target, by_name.then(|| &*scan::BY_NAME));
    walk.body(parsed.suite());
    Ok(scan::imports_of(walk, source, &target))
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

/// Whether the text can be a name in Python, as far as its characters go.
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

/// Whether the text can be a module's full name.
pub fn is_dotted(text: &str) -> bool {
    text.split('.').all(is_identifier)
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
                    (matches!(import.how, How::ByName | How::ByPath), "by-name"),
                    (import.in_function, "function"),
                    (import.optional(), "optional"),
                    (import.type_checking(), "typing"),
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
                "6:12 sure optional",
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
