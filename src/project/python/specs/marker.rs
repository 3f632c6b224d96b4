//! Environment markers, in bounds: pep508_rs keeps a diagram of every marker that it has seen, and one made for it could
//! be as large as one likes (0.9).

use std::str::FromStr;

use pep508_rs::{MarkerEnvironment, MarkerTree};

const LONGEST: usize = 4096;
const DEEPEST: usize = 24;
/// Each of these is a variable of its own.
const FREE: usize = 12;

/// A marker as a diagram; `None` where it is no marker or too much of one.
pub fn parse(text: &str) -> Option<MarkerTree> {
    if is_bounded(text) { MarkerTree::from_str(text).ok() } else { None }
}

/// Whether it is one that may be made a diagram of.
pub fn is_bounded(text: &str) -> bool {
    // pep508_rs panics at a character of several bytes that is where none may be (0.9.2).
    if text.len() > LONGEST || !text.is_ascii() || free(text) > FREE {
        return false;
    }
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return false;
        }
    }
    true
}

/// How many comparisons a marker makes that are not about one of the few known variables.
pub fn free(text: &str) -> usize {
    let mut count = 0;
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\''));
    for word in words.by_ref() {
        if word == "in" || word.starts_with("extra") {
            count += 1;
        }
    }
    count
}

/// Whether a marker holds there; one that cannot be understood is taken to.
pub fn holds(marker: Option<&str>, environment: &MarkerEnvironment) -> bool {
    marker.and_then(parse).is_none_or(|marker| marker.evaluate(environment, &[]))
}

/// The extras that a marker is about: `cli` of `extra == "cli"`.
pub fn extras(marker: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = marker;
    while let Some((_, behind)) = rest.split_once("extra") {
        rest = behind;
        let Some(value) = behind.trim_start().strip_prefix("==") else { continue };
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        if let Some((name, _)) = value[1..].split_once(quote)
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_have_bounds() {
        assert!(parse("python_version > '3.8' and (sys_platform == 'linux' or os_name == 'nt')").is_some());
        assert!(parse("python_version > ").is_none());
        assert!(parse("'test' in dependency_groups").is_none());
        assert!(parse("os_name == 'nt' ör os_name == 'posix'").is_none());
        assert!(parse(&format!("{}os_name == 'nt'{}", "(".repeat(100_000), ")".repeat(100_000))).is_none());
        assert!(parse(&format!("{}os_name == 'nt'{}", "(".repeat(500), ")".repeat(500))).is_none());
        let many: Vec<_> = (0..40).map(|n| format!("'a{n}' in platform_version")).collect();
        assert!(parse(&many.join(" or ")).is_none());
    }

    #[test]
    fn extras_are_found() {
        assert_eq!(extras("extra == \"cli\" or extra=='x' and extra == \"cli\""), ["cli", "x"]);
        assert_eq!(extras("extra != 'x'"), [""; 0]);
    }
}
