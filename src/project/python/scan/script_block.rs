//! The block in which a script says what it needs (PEP 723).

use serde::Deserialize;

use crate::project::python::imports::SyntaxError;

/// `# /// script`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptBlock {
    pub requires_python: Option<String>,
    /// As they are written.
    pub dependencies: Vec<String>,
    /// Of `# /// script`.
    pub line: u32,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default, rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

const START: &str = "# /// script";

/// The block, where there is one. Two are wrong, and so is one that is no TOML.
pub(super) fn read(source: &str) -> Result<Option<ScriptBlock>, SyntaxError> {
    if !source.contains(START) {
        return Ok(None);
    }
    let lines: Vec<&str> = source.lines().collect();
    let mut found: Option<ScriptBlock> = None;
    let mut index = 0;
    while index < lines.len() {
        // A block of another kind may hold the words, too.
        if !lines[index].strip_prefix("# /// ").is_some_and(is_kind) {
            index += 1;
            continue;
        }
        let inside = lines[index + 1..].iter().take_while(|line| **line == "#" || line.starts_with("# "));
        let inside: Vec<&str> = inside.copied().collect();
        // The last line that closes is the one that counts; a block that nothing closes is none.
        let Some(end) = inside.iter().rposition(|line| *line == "# ///") else {
            index += 1;
            continue;
        };
        let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if lines[index] == START {
            if found.is_some() {
                let message = "there are two `# /// script` blocks".to_owned();
                return Err(SyntaxError { message, line, column: 1 });
            }
            found = Some(content(&inside[..end], line)?);
        }
        index += end + 2;
    }
    Ok(found)
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn content(lines: &[&str], line: u32) -> Result<ScriptBlock, SyntaxError> {
    let text: String = lines.iter().map(|line| line.get(2..).unwrap_or_default().to_owned() + "\n").collect();
    let Content { requires_python, dependencies } = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let within = u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 3;
        SyntaxError {
            message: format!("in the `# /// script` block: {}", error.message()),
            line: line.saturating_add(within),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    })?;
    Ok(ScriptBlock { requires_python, dependencies, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read() {
        let text = "#!/usr/bin/env python\r\n# /// script\r\n# requires-python = \">=3.11\"\r\n# dependencies = [\r\n\
                    #   \"torch==2.5.0\",\r\n#\r\n#   \"rich>13 ; python_version < '4'\",\r\n# ]\r\n# [tool.uv]\r\n# ///\r\nimport torch\r\n";
        let block = read(text).unwrap().unwrap();
        assert_eq!(block.requires_python.as_deref(), Some(">=3.11"));
        assert_eq!(block.dependencies, ["torch==2.5.0", "rich>13 ; python_version < '4'"]);
        assert_eq!(block.line, 2);
    }

    #[test]
    fn a_block_of_another_kind_or_without_an_end_is_none() {
        assert_eq!(read("# /// other\n# dependencies = [\"a\"]\n# ///\n").unwrap(), None);
        assert_eq!(read("# /// script\n# dependencies = [\"a\"]\n\n# ///\n").unwrap(), None);
        assert_eq!(read("# /// script\n#dependencies = [\"a\"]\n# ///\n").unwrap(), None);
        let embedded = "# /// script\n# dependencies = [\"a\"]\n# # ///\n# ///\n";
        assert_eq!(read(embedded).unwrap().unwrap().dependencies, ["a"]);
    }

    #[test]
    fn a_malformed_block_is_said_with_its_place() {
        let error = read("import a\n# /// script\n# dependencies = [\n#   1 2,\n# ]\n# ///\n").unwrap_err();
        assert_eq!(error.line, 4);
        let error = read("# /// script\n# dependencies = \"a\"\n# ///\n").unwrap_err();
        assert_eq!(error.line, 2);
        let twice = "# /// script\n# ///\n\n# /// script\n# ///\n";
        assert_eq!(read(twice).unwrap_err().line, 4);
    }
}
