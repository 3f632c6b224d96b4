//! `.dockerignore`: which files of a context are not sent.
//!
//! The rules are Docker's (moby/patternmatcher): patterns are rooted at the context, `*` and `?` stop at
//! `/`, `**` does not, a line with `!` brings back, the last line that matches wins, and what lies
//! in a folder that is left out is left out.

/// The lines of the file, in order.
#[derive(Debug, Default)]
pub(super) struct IgnoreFile(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// The path's parts, each with its wildcards.
    parts: Vec<String>,
    brings_back: bool,
}

impl IgnoreFile {
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let line = line.trim();
            let (line, brings_back) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            // As Go's `path.Clean` makes of it: `./a//b/` is `a/b`, `a/../b` is `b`.
            let mut parts: Vec<String> = Vec::new();
            for part in line.split('/') {
                match part {
                    "" | "." => {}
                    ".." => {
                        parts.pop();
                    }
                    other => parts.push(other.to_owned()),
                }
            }
            (!parts.is_empty()).then_some(Pattern { parts, brings_back })
        });
        Self(lines.collect())
    }

    /// Whether the file or folder at this path of the context (parts joined by `/`) is left out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let mut out = false;
        for pattern in &self.0 {
            // A line only matters where it would change something.
            if pattern.brings_back == out && (1..=parts.len()).any(|count| matches(&pattern.parts, &parts[..count])) {
                out = !pattern.brings_back;
            }
        }
        out
    }

    /// Whether something within a folder that is left out may be brought back, so that it has to be looked through.
    pub(super) fn may_bring_back(&self) -> bool {
        self.0.iter().any(|pattern| pattern.brings_back)
    }
}

fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((first, rest)), _) if first == "**" => {
            // Nothing, or one part more; at the end it needs at least one.
            (!rest.is_empty() && matches(rest, path))
                || (!path.is_empty() && (rest.is_empty() || matches(pattern, &path[1..])))
        }
        (Some(_), None) => false,
        (Some((first, rest)), Some((name, below))) => {
            let first: Vec<char> = first.chars().collect();
            let name: Vec<char> = name.chars().collect();
            part(&first, &name) && matches(rest, below)
        }
    }
}

/// One part of a path against one of a pattern: `*`, `?`, `[a-z]`, `[^a-z]`, `\x`.
fn part(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        '*' => (0..=name.len()).any(|skipped| part(rest, &name[skipped..])),
        '?' => !name.is_empty() && part(rest, &name[1..]),
        '[' => {
            let Some((letter, after)) = name.split_first() else { return false };
            let Some(close) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else { return false };
            let (inverted, set) = match rest[..close].split_first() {
                Some(('^', set)) => (true, set),
                _ => (false, &rest[..close]),
            };
            let mut found = false;
            let mut at = 0;
            while at < set.len() {
                if at + 2 < set.len() && set[at + 1] == '-' {
                    found |= (set[at]..=set[at + 2]).contains(letter);
                    at += 3;
                } else {
                    found |= set[at] == *letter;
                    at += 1;
                }
            }
            found != inverted && part(&rest[close + 1..], after)
        }
        '\\' if !rest.is_empty() => name.first() == Some(&rest[0]) && part(&rest[1..], &name[1..]),
        letter => name.first() == Some(letter) && part(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::IgnoreFile;

    #[test]
    fn rules() {
        for (text, path, out) in [
            ("a", "a", true),
            ("a", "b/a", false),
            ("a", "a/b/c", true),
            ("/a", "a", true),
            ("./a/", "a/b", true),
            ("x/../a", "a", true),
            ("**/a", "a", true),
            ("**/a", "b/c/a", true),
            ("a/**", "a", false),
            ("a/**", "a/b", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("*.pyc", "m.pyc", true),
            ("*.pyc", "d/m.pyc", false),
            ("**/*.pyc", "d/m.pyc", true),
            ("?", "ab", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("# a\na", "a", true),
            ("*\n!keep", "keep", false),
            ("*\n!keep", "other", true),
            ("*\n!keep", "keep/below", false),
            ("!a\na", "a", true),
            ("d\n!d/keep", "d/keep", false),
            ("d\n!d/keep", "d/other", true),
            ("", "a", false),
        ] {
            assert_eq!(IgnoreFile::parse(text).leaves_out(path), out, "{text:?} on {path}");
        }
    }
}
