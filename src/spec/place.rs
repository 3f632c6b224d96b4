//! A place in a file that people write, and what is wrong there. The readers of such files find all
//! the problems of a file at once, each with line and column and the line itself.

use std::fmt;
use std::ops::Range;

/// Line and column as an editor counts them, from 1; the column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// As people write it: relative to the project where it lies in it. A variable or a flag has a
    /// name and no position (0:0).
    pub file: String,
    #[serde(flatten)]
    pub position: Position,
    /// The line it is about.
    pub source: String,
    /// What is wrong, one sentence.
    pub what: String,
    /// The way out, where one is known.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, source, what, hint } = self;
        if position.line == 0 {
            write!(f, "{file}: {what}")?;
        } else {
            write!(f, "{file}:{position}: {what}")?;
        }
        // Tabs and wide characters before the place would put the caret elsewhere; the text before it
        // is therefore repeated with everything but tabs turned into spaces.
        if !source.trim().is_empty() {
            let before: String = source
                .chars()
                .take(position.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n    {source}\n    {before}^")?;
        }
        if let Some(hint) = hint {
            write!(f, "\n    {hint}")?;
        }
        Ok(())
    }
}

/// Problems under each other.
pub fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A text file that is being read: turns offsets into places, and collects what is wrong.
#[derive(Debug)]
pub struct Text<'a> {
    pub file: &'a str,
    pub content: &'a str,
    /// The offset at which each line begins.
    starts: Vec<usize>,
    pub problems: Vec<Problem>,
}

impl<'a> Text<'a> {
    pub fn new(file: &'a str, content: &'a str) -> Self {
        let starts = std::iter::once(0).chain(content.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, content, starts, problems: Vec::new() }
    }

    /// The position of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.content.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.content.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        Position { line, column }
    }

    /// A line without its end, counted from 1.
    pub fn line(&self, number: usize) -> &'a str {
        self.content.lines().nth(number.saturating_sub(1)).unwrap_or("")
    }

    pub fn wrong_at(&mut self, position: Position, what: impl Into<String>, hint: Option<String>) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            position,
            source: if position.line == 0 { String::new() } else { self.line(position.line).to_owned() },
            what: what.into(),
            hint,
        });
    }

    pub fn wrong(&mut self, span: Range<usize>, what: impl Into<String>, hint: Option<String>) {
        self.wrong_at(self.position(span.start), what, hint);
    }

    /// What was found, in the order of the file.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.sort_by_key(|problem| problem.position);
        problems
    }
}

/// The name that was probably meant.
pub fn near_miss<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('-', "_");
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase().replace('-', "_")), name))
        // A third of the letters may be wrong, and one always.
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = Text::new("f", "ä = 1\nb\n");
        assert_eq!(text.position(0), Position { line: 1, column: 1 });
        assert_eq!(text.position("ä ".len()), Position { line: 1, column: 3 });
        assert_eq!(text.position("ä = 1\n".len()), Position { line: 2, column: 1 });
        assert_eq!(text.position(1000), Position { line: 3, column: 1 });
        assert_eq!(Text::new("f", "").position(0), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_problem_shows_its_line() {
        let mut text = Text::new("scaf.toml", "[engine]\n  defualt = 1\n");
        text.wrong(11..18, "unknown key `defualt` in `[engine]`", Some("did you mean `default`?".into()));
        assert_eq!(
            listed(&text.into_problems()),
            "scaf.toml:2:3: unknown key `defualt` in `[engine]`\n      defualt = 1\n      ^\n    did you mean `default`?"
        );
    }

    #[test]
    fn near_misses_are_near() {
        let names = ["default", "gpus", "shm_size"];
        assert_eq!(near_miss("defualt", names), Some("default"));
        assert_eq!(near_miss("shm-size", names), Some("shm_size"));
        assert_eq!(near_miss("gpu", names), Some("gpus"));
        assert_eq!(near_miss("colour", names), None);
    }
}
