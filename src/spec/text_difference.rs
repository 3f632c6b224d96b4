//! How one text becomes another, line by line, as `diff -u` writes it.

use std::fmt::Write as _;

/// Unchanged lines around a change.
const AROUND: usize = 3;
/// Beyond so many pairs of lines they are not compared one by one.
const MOST: usize = 4_000_000;

enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Empty where they are the same. The names are those of the two files.
pub fn unified(before: (&str, &str), after: (&str, &str)) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.1.lines().collect(), after.1.lines().collect());
    let lines = compare(&old, &new);
    let changed: Vec<usize> =
        (0..lines.len()).filter(|index| !matches!(lines[*index], Line::Same(_))).collect();
    let mut text = String::new();
    let mut at = 0;
    while let Some(&first) = changed.get(at) {
        let mut last = first;
        while let Some(&next) = changed.get(at).filter(|next| **next <= last + 2 * AROUND) {
            last = next;
            at += 1;
        }
        let (start, end) = (first.saturating_sub(AROUND), (last + AROUND + 1).min(lines.len()));
        if text.is_empty() {
            let _ = write!(text, "--- {}\n+++ {}\n", before.0, after.0);
        }
        hunk(&lines, start, end, &mut text);
    }
    text
}

fn hunk(lines: &[Line<'_>], start: usize, end: usize, text: &mut String) {
    let count = |part: &[Line<'_>]| {
        let old = part.iter().filter(|line| !matches!(line, Line::New(_))).count();
        let new = part.iter().filter(|line| !matches!(line, Line::Gone(_))).count();
        (old, new)
    };
    let (before, within) = (count(&lines[..start]), count(&lines[start..end]));
    // A part without lines is named by the line before it.
    let from = |before: usize, count: usize| if count == 0 { before } else { before + 1 };
    let _ = writeln!(
        text,
        "@@ -{},{} +{},{} @@",
        from(before.0, within.0),
        within.0,
        from(before.1, within.1),
        within.1
    );
    for line in &lines[start..end] {
        let (sign, line) = match line {
            Line::Same(line) => (' ', line),
            Line::Gone(line) => ('-', line),
            Line::New(line) => ('+', line),
        };
        let _ = writeln!(text, "{sign}{line}");
    }
}

fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let front = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (&old[front..], &new[front..]);
    let back =
        old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (gone, come) = (&old_rest[..old_rest.len() - back], &new_rest[..new_rest.len() - back]);
    let mut lines: Vec<Line<'a>> = old[..front].iter().map(|line| Line::Same(line)).collect();
    if gone.len().saturating_mul(come.len()) > MOST {
        lines.extend(gone.iter().map(|line| Line::Gone(line)));
        lines.extend(come.iter().map(|line| Line::New(line)));
    } else {
        middle(gone, come, &mut lines);
    }
    lines.extend(old_rest[gone.len()..].iter().map(|line| Line::Same(line)));
    lines
}

/// By the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    // How long it is of what is left from here and from there.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            longest[one * width + other] = if old[one] == new[other] {
                longest[(one + 1) * width + other + 1] + 1
            } else {
                longest[(one + 1) * width + other].max(longest[one * width + other + 1])
            };
        }
    }
    let (mut one, mut other) = (0, 0);
    while one < old.len() || other < new.len() {
        let (is_old, is_new) = (one < old.len(), other < new.len());
        if is_old && is_new && old[one] == new[other] {
            lines.push(Line::Same(old[one]));
            (one, other) = (one + 1, other + 1);
        } else if is_old
            && (!is_new || longest[(one + 1) * width + other] >= longest[one * width + other + 1])
        {
            lines.push(Line::Gone(old[one]));
            one += 1;
        } else {
            lines.push(Line::New(new[other]));
            other += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_diff_writes_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let after = "a\nb\nc\nd\ne\nF\ng\nh\ni\nj\nk\n";
        assert_eq!(
            unified(("x", before), ("y", after)),
            "--- x\n+++ y\n@@ -3,8 +3,9 @@\n c\n d\n e\n-f\n+F\n g\n h\n i\n j\n+k\n"
        );
        assert_eq!(unified(("x", "a\n"), ("x", "a\n")), "");
        assert_eq!(unified(("x", ""), ("x", "a\n")), "--- x\n+++ x\n@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified(("x", "a\n"), ("x", "")), "--- x\n+++ x\n@@ -1,1 +0,0 @@\n-a\n");
    }

    #[test]
    fn changes_far_apart_stand_apart() {
        let numbers = |skip: &[u32]| {
            let lines = (1..40).filter(|number| !skip.contains(number));
            lines.map(|number| format!("{number}\n")).collect::<String>()
        };
        let text = unified(("x", &numbers(&[30])), ("x", &numbers(&[5])));
        assert_eq!(text.matches("@@ -").count(), 2, "{text}");
        assert!(text.contains("@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n"), "{text}");
        assert!(text.contains("@@ -27,6 +26,7 @@\n 27\n 28\n 29\n+30\n 31\n"), "{text}");
    }

    #[test]
    fn what_is_too_much_is_told_whole() {
        let many = |word: &str| (0..2100).map(|number| format!("{word}{number}\n")).collect::<String>();
        let text = unified(("x", &many("a")), ("x", &many("b")));
        assert!(text.starts_with("--- x\n+++ x\n@@ -1,2100 +1,2100 @@\n-a0\n-a1\n"), "{}", &text[..60]);
    }
}
