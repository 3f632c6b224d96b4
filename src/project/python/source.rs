//! A Python file's bytes as text.

use super::imports::SyntaxError;

/// The text of a Python file: UTF-8, or what its first two lines declare (PEP 263). Of a declared
/// encoding only the ASCII part is right, which is all that imports are made of.
pub fn text(bytes: Vec<u8>) -> Result<String, SyntaxError> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            if declares_encoding(&bytes) {
                return Ok(bytes.into_iter().map(char::from).collect());
            }
            let before = &bytes[..valid];
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
            let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
            Err(SyntaxError {
                message: "the text is not UTF-8, and no other encoding is declared".to_owned(),
                line: number(before.split(|byte| *byte == b'\n').count() - 1),
                column: number(String::from_utf8_lossy(&before[line_start..]).chars().count()),
            })
        }
    }
}

fn declares_encoding(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').take(2).any(|line| {
        let line = String::from_utf8_lossy(line);
        let Some(comment) = line.trim_start().strip_prefix('#') else { return false };
        let Some((_, rest)) = comment.split_once("coding") else { return false };
        let Some(name) = rest.strip_prefix([':', '=']) else { return false };
        let name = name.trim_start().to_ascii_lowercase();
        !name.is_empty() && !name.starts_with("utf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_declared_or_utf_8() {
        assert_eq!(text("é = 1".into()).unwrap(), "é = 1");
        let declared = b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nx = '\xe9'\n".to_vec();
        assert!(text(declared).unwrap().ends_with("x = 'é'\n"));
        let error = text("import a\né = b'".bytes().chain([0xff, b'\'']).collect()).unwrap_err();
        assert_eq!((error.line, error.column), (2, 7));
        assert!(text(b"# coding: utf-8\n\xff".to_vec()).is_err());
    }
}
