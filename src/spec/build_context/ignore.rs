//! `.dockerignore`, by the rules of Docker's own matcher (moby/patternmatcher): patterns are
//! relative to the folder, the last one that matches decides, `!` takes back in, and what lies below
//! a folder that matches is matched as well.

/// The rules of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerIgnore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    parts: Vec<String>,
    takes_back: bool,
}

impl DockerIgnore {
    pub fn read(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // A `#` in the first column begins a comment; elsewhere it is a part of a name.
        let patterns = text.lines().filter(|line| !line.starts_with('#')).filter_map(pattern).collect();
        Self { patterns }
    }

    /// Whether the path, relative to the folder, is left out.
    pub fn leaves_out(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let mut out = false;
        for pattern in &self.patterns {
            if pattern.takes_back == out
                && (1..=parts.len()).any(|length| matches(&pattern.parts, &parts[..length]))
            {
                out = !pattern.takes_back;
            }
        }
        out
    }

    /// Nothing below this folder can be taken back in, so that it need not be looked into.
    pub fn leaves_out_all_below(&self, folder: &str) -> bool {
        self.leaves_out(folder) && !self.patterns.iter().any(|pattern| pattern.takes_back)
    }
}

fn pattern(line: &str) -> Option<Pattern> {
    let line = line.trim();
    let (takes_back, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
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
    (!parts.is_empty()).then_some(Pattern { parts, takes_back })
}

fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            // Any number of folders, none as well; at the end it wants something to match.
            if rest.is_empty() {
                return !path.is_empty();
            }
            (0..=path.len()).any(|skipped| matches(rest, &path[skipped..]))
        }
        (Some((first, rest)), Some((part, others))) => {
            let name: Vec<char> = part.chars().collect();
            let glob: Vec<char> = first.chars().collect();
            part_matches(&glob, &name) && matches(rest, others)
        }
        _ => false,
    }
}

/// Go's `filepath.Match` within one part: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
fn part_matches(glob: &[char], name: &[char]) -> bool {
    match glob.first() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &glob[glob.iter().take_while(|c| **c == '*').count()..];
            (0..=name.len()).any(|taken| part_matches(rest, &name[taken..]))
        }
        Some('?') => !name.is_empty() && part_matches(&glob[1..], &name[1..]),
        Some('[') => match (class(glob, name.first().copied()), name) {
            (Some((true, length)), [_, rest @ ..]) => part_matches(&glob[length..], rest),
            _ => false,
        },
        Some('\\') if glob.len() > 1 => name.first() == glob.get(1) && part_matches(&glob[2..], &name[1..]),
        Some(c) => name.first() == Some(c) && part_matches(&glob[1..], &name[1..]),
    }
}

/// Whether the class at the beginning of `glob` has the character, and how long the class is.
fn class(glob: &[char], c: Option<char>) -> Option<(bool, usize)> {
    let c = c?;
    let mut at = 1;
    let not = glob.get(at) == Some(&'^');
    if not {
        at += 1;
    }
    let mut has = false;
    let mut first = true;
    loop {
        let low = *glob.get(at)?;
        if low == ']' && !first {
            return Some((has != not, at + 1));
        }
        first = false;
        let (low, next) = if low == '\\' { (*glob.get(at + 1)?, at + 2) } else { (low, at + 1) };
        if glob.get(next) == Some(&'-') && glob.get(next + 1).is_some_and(|c| *c != ']') {
            let high = *glob.get(next + 1)?;
            has |= low <= c && c <= high;
            at = next + 2;
        } else {
            has |= low == c;
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_docker_s_own_matcher() {
        let out = |rules: &str, path: &str| DockerIgnore::read(rules).leaves_out(path);
        for (rules, path, expected) in [
            ("*.md", "README.md", true),
            ("*.md", "docs/README.md", false),
            ("**/*.md", "docs/a/README.md", true),
            ("**/*.md", "README.md", true),
            ("docs", "docs/a/b", true),
            ("/docs/", "docs/a", true),
            ("docs", "other/docs", false),
            ("# x\n\n*\n!Dockerfile\n!requirements*.txt", "requirements-dev.txt", false),
            ("*\n!Dockerfile", "notes", true),
            ("!a\na", "a", true),
            ("a/**\n!a/keep", "a/keep", false),
            ("a/**", "a", false),
            ("**/__pycache__", "x/y/__pycache__/z.pyc", true),
            ("**", "anything", true),
            ("file?.[ab]", "file1.b", true),
            ("file?.[^ab]", "file1.b", false),
            ("[a-c]x\\*", "bx*", true),
            ("[", "[", false),
            (".", "x", false),
            ("a/../b", "b", true),
        ] {
            assert_eq!(out(rules, path), expected, "{rules:?} {path}");
        }
    }

    #[test]
    fn a_folder_is_looked_into_when_something_may_be_taken_back() {
        assert!(DockerIgnore::read("wheels").leaves_out_all_below("wheels"));
        assert!(!DockerIgnore::read("wheels\n!wheels/x").leaves_out_all_below("wheels"));
    }
}
