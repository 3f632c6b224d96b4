//! TOML with lines, read as far as it can be.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Problem, Specification};

/// A text and what it says.
pub struct Document<'a> {
    pub root: DeTable<'a>,
    /// The offset at which each line begins.
    starts: Vec<usize>,
}

/// A value with its place in the text.
pub type Entry<'t, 'i> = &'t Spanned<DeValue<'i>>;

impl<'a> Document<'a> {
    /// Reads the text; what is wrong with its form is told to the specification.
    pub fn read(text: &'a str, specification: &mut Specification) -> Self {
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self { root: root.into_inner(), starts };
        // One mistake often brings others that are none.
        if let Some(error) = errors.first() {
            let line = error.span().map_or(0, |span| document.line(&span));
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            specification.problems.push(Problem { line, message: format!("this is not TOML: {message}") });
        }
        document
    }

    /// The line of a place, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        self.starts.partition_point(|start| *start <= span.start).max(1)
    }

    pub fn line_of(&self, entry: Entry<'_, '_>) -> usize {
        self.line(&entry.span())
    }

    /// The table at a path.
    pub fn table(&self, path: &[&str]) -> Option<&DeTable<'a>> {
        let mut table = &self.root;
        for key in path {
            table = table.get(*key)?.get_ref().as_table()?;
        }
        Some(table)
    }

    /// The entries of a table in the order of the file.
    pub fn entries<'t>(&self, table: &'t DeTable<'a>) -> Vec<(&'t str, usize, Entry<'t, 'a>)> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| (key.span().start, &**key.get_ref(), self.line(&key.span()), value))
            .collect();
        entries.sort_by_key(|(start, ..)| *start);
        entries.into_iter().map(|(_, key, line, value)| (key, line, value)).collect()
    }
}

/// What a value is, asked of it without its place.
pub fn text<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

pub fn flag(table: &DeTable<'_>, key: &str) -> bool {
    table.get(key).and_then(|value| value.get_ref().as_bool()).unwrap_or(false)
}

pub fn tables<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> impl Iterator<Item = &'t DeTable<'i>> {
    items(table, key).filter_map(|item| item.get_ref().as_table())
}

pub fn texts<'t>(table: &'t DeTable<'_>, key: &str) -> Vec<&'t str> {
    items(table, key).filter_map(|item| item.get_ref().as_str()).collect()
}

/// The items of a list; a value that is none is passed over.
pub fn items<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> impl Iterator<Item = Entry<'t, 'i>> {
    table.get(key).and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|array| array.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::specs::Kind;

    #[test]
    fn what_can_be_read_is_read() {
        let mut specification = Specification::new(Kind::UvLock);
        let document = Document::read("a = 1\nb = [\"x\"]\nc = = 2\n[d]\ne = 'f'\n", &mut specification);
        assert_eq!(texts(&document.root, "b"), ["x"]);
        let d = document.table(&["d"]).unwrap();
        assert_eq!((text(d, "e"), document.line_of(&d["e"])), (Some("f"), 5));
        assert_eq!(specification.problems.len(), 1);
        assert_eq!(specification.problems[0].line, 3);
    }
}
