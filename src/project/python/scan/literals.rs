//! Texts in code that may be the names of files which it reads.

use std::collections::BTreeMap;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, FStringPart, InterpolatedStringElement, Mod, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged as _, TextSize};

use crate::project::python::places::Places;

/// A longer text names no file.
const LONGEST: usize = 255;

/// Relative paths that stand in a Python file as texts, each with the first line that has it. Of a text that is put
/// together (`f"words/{name}.txt"`) the folders before the first gap count. Whether there is such a file is for others to see.
pub fn literals(source: &str) -> BTreeMap<String, u32> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if super::refuse(source).is_err() {
        return BTreeMap::new();
    }
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    let Mod::Module(module) = parsed.syntax() else { return BTreeMap::new() };
    let mut texts = Texts(Vec::new());
    texts.visit_body(&module.body);
    let mut places = Places::new(source);
    let mut found = BTreeMap::new();
    for (text, place) in texts.0 {
        found.entry(text).or_insert_with(|| places.of(place).0);
    }
    found
}

struct Texts(Vec<(String, TextSize)>);

impl Texts {
    fn add(&mut self, text: &str, place: TextSize) {
        let plain = text.trim_start_matches("./").trim_end_matches('/');
        let is_path = !plain.is_empty()
            && text.len() <= LONGEST
            && !text.starts_with(['/', '~', '-'])
            && !text.contains("://")
            && !text.contains(['*', '?', '[', '{', '$', '%', '\\', '<', '>', '|', ':'])
            && !text.chars().any(char::is_control);
        if is_path {
            self.0.push((plain.to_owned(), place));
        }
    }
}

impl<'a> Visitor<'a> for Texts {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        // What stands there by itself says something to people.
        if matches!(stmt, Stmt::Expr(it) if matches!(*it.value, Expr::StringLiteral(_))) {
            return;
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(text) => self.add(text.value.to_str(), expr.start()),
            Expr::FString(text) => {
                if let Some(FStringPart::FString(first)) = text.value.as_slice().first()
                    && let Some(InterpolatedStringElement::Literal(front)) = first.elements.first()
                    && let Some((folders, _)) = front.value.rsplit_once('/')
                {
                    self.add(folders, expr.start());
                }
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_path() {
        let found = literals(
            "'''words.txt'''\nopen('conf/a.yaml')\np = Path(__file__).parent / 'data' / 'x.csv'\nf(\n  default='./b.toml')\n\
             g(f'pics/{n}.png', f'{n}.png', f'x{n}')\nh('/etc/x', '~/y', 'http://h/x', '*.py', 'a\\nb', '', './', '--lr')\nopen('conf/a.yaml')\n",
        );
        let told: Vec<_> = found.iter().map(|(text, line)| (text.as_str(), *line)).collect();
        assert_eq!(told, [("b.toml", 5), ("conf/a.yaml", 2), ("data", 3), ("pics", 6), ("x.csv", 3)]);
    }

    #[test]
    fn what_is_no_python_has_what_can_be_read() {
        assert_eq!(literals("open('a.txt')\ndef f(:\n").len(), 1);
        assert_eq!(literals("x = 'a'\0").len(), 0);
    }
}
