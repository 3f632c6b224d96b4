//! `<workspace>` left where a value should be.

use super::Finding;
use super::layers::without_comment;
use super::rules::PLACEHOLDER;

pub fn placeholders(shown: &str, text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in (1..).zip(text.lines()) {
        let code = without_comment(line);
        for (index, placeholder) in find(code) {
            findings.push(Finding::new(
                &PLACEHOLDER,
                shown,
                (number, u32::try_from(code[..index].chars().count() + 1).unwrap_or(1)),
                format!("`{placeholder}` was never filled in"),
                "fill it in, or take the line out",
            ));
        }
    }
}

/// `<…>` that begins with a letter and holds words alone: `sort <in >out` is none, nor is `<<'END'`.
pub fn find(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find('<').map(|index| from + index) {
        from = start + 1;
        let Some(end) = code[from..].find(['<', '>']).map(|index| from + index) else { break };
        let inner = &code[from..end];
        let is_word = |c: char| c.is_alphanumeric() || " _-./:".contains(c);
        let fits = code[end..].starts_with('>')
            && inner.starts_with(char::is_alphabetic)
            && inner.ends_with(|c: char| c.is_alphanumeric())
            && inner.chars().all(is_word)
            && !code[..start].ends_with('<');
        if fits {
            found.push((start, &code[start..=end]));
            from = end + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_redirections() {
        let seen = |code| find(code).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(seen("compute: azureml:<compute-name>"), ["<compute-name>"]);
        assert_eq!(seen("path: azureml:<data asset>:<version>"), ["<data asset>", "<version>"]);
        assert_eq!(seen("WORKSPACE=<azure-ml-workspace-name>"), ["<azure-ml-workspace-name>"]);
        for fine in ["sort <in >out", "cat <<END>x", "a < b > c", "<3>", "x -> <", "\"<{ project }>\"", "<>"]
        {
            assert!(seen(fine).is_empty(), "{fine}");
        }
        let mut findings = Vec::new();
        placeholders("f", "# <comment>\na: 'é' <b>\n", &mut findings);
        assert_eq!((findings.len(), findings[0].line, findings[0].column), (1, 2, 8));
    }
}
