//! A Python file's bytes as text.

use super::imports::SyntaxError;

/// The text of a Python file: UTF-8, or what its first two lines declare (PEP 263). Of a declared encoding only the
/// ASCII part is right, which is all that imports are made of.
pub fn text(bytes: Vec<u8>) -> Result<String, SyntaxError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = "the text is UTF-16, which Python does not read".to_owned();
        return Err(SyntaxError { message, line: 1, column: 1 });
    }
    let (valid, bytes) = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => (error.utf8_error().valid_up_to(), error.into_bytes()),
    };
    let (message, place) = match declared(&bytes) {
        None => ("the text is not UTF-8, and no other encoding is declared".to_owned(), valid),
        Some((name, place)) => match Encoding::of(&name) {
            Some(Encoding::OneByte) => return Ok(bytes.into_iter().map(char::from).collect()),
            Some(Encoding::TwoBytes) => return Ok(two_bytes(&bytes)),
            Some(Encoding::Utf8) => ("the text is not UTF-8, as it says it is".to_owned(), valid),
            Some(Encoding::Ascii) => {
                let place = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(valid);
                ("the text is not ASCII, as it says it is".to_owned(), place)
            }
            None => (format!("the encoding `{name}` that is declared is unknown"), place),
        },
    };
    let before = &bytes[..place];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    Err(SyntaxError {
        message,
        line: number(before.split(|byte| *byte == b'\n').count() - 1),
        column: number(String::from_utf8_lossy(&before[line_start..]).chars().count()),
    })
}

/// How an encoding holds ASCII.
enum Encoding {
    Utf8,
    Ascii,
    /// Every byte is a character, and those of ASCII are ASCII.
    OneByte,
    /// A byte beyond ASCII begins a character of two bytes, the second of which may look like ASCII.
    TwoBytes,
}

impl Encoding {
    /// By Python's names, which are many for the same.
    fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase().replace(['_', ' '], "-");
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        match name.as_str() {
            "utf-8" | "utf8" | "u8" | "utf" | "utf-8-sig" | "cp65001" => Some(Self::Utf8),
            "ascii" | "us-ascii" | "646" => Some(Self::Ascii),
            "cp932" | "cp936" | "cp949" | "cp950" | "932" | "936" | "949" | "950" | "ms932" | "ms936"
            | "ms949" | "ms950" | "uhc" | "johab" => Some(Self::TwoBytes),
            // The second byte is never ASCII here, but two bytes are one character all the same.
            _ if begins(&[
                "shift",
                "sjis",
                "s-jis",
                "csshiftjis",
                "gb",
                "big5",
                "chinese",
                "euc-cn",
                "eucgb",
            ]) =>
            {
                Some(Self::TwoBytes)
            }
            _ if begins(&[
                "latin", "iso8859", "iso-8859", "l1", "l2", "l9", "8859", "cp", "windows-", "12", "koi8",
                "mac", "euc", "ujis", "korean", "tis", "hp-roman", "ptcp154", "kz", "cyrillic", "greek",
                "hebrew", "arabic",
            ]) =>
            {
                Some(Self::OneByte)
            }
            _ => None,
        }
    }
}

/// Characters of two bytes (in GB 18030 also of four) become characters that mean nothing in Python.
fn two_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut bytes = bytes.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte.is_ascii() {
            text.push(char::from(byte));
            continue;
        }
        text.push('é');
        // A single byte of Shift JIS is followed by no second one; a line's end is never one.
        if (0xa1..=0xdf).contains(&byte) && bytes.peek().is_some_and(u8::is_ascii) {
            continue;
        }
        if let Some(second) = bytes.next_if(|second| *second >= 0x30)
            && second.is_ascii_digit()
        {
            bytes.next();
            bytes.next();
        }
    }
    text
}

/// The encoding that the first or the second line declares, with its place. The second counts only below a line that
/// is empty or a comment.
fn declared(bytes: &[u8]) -> Option<(String, usize)> {
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').take(2) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches([' ', '\t', '\u{c}', '\u{feff}']);
        if let Some(comment) = text.strip_prefix('#') {
            let mut rest = comment;
            while let Some((_, after)) = rest.split_once("coding") {
                rest = after;
                let Some(name) = after.strip_prefix([':', '=']) else { continue };
                let name = name.trim_start_matches([' ', '\t']);
                let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
                let name = &name[..end.unwrap_or(name.len())];
                if !name.is_empty() {
                    return Some((name.to_owned(), start));
                }
            }
        } else if !text.trim().is_empty() {
            return None;
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> (String, u32, u32) {
        let error = text(bytes.to_vec()).unwrap_err();
        (error.message, error.line, error.column)
    }

    #[test]
    fn encodings_are_declared_or_utf_8() {
        assert_eq!(text("é = 1".into()).unwrap(), "é = 1");
        let declared = b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nx = '\xe9'\n".to_vec();
        assert!(text(declared).unwrap().ends_with("x = 'é'\n"));
        let (_, line, column) = error(b"import a\n\xc3\xa9 = b'\xff'");
        assert_eq!((line, column), (2, 7));
        assert!(error(b"# coding: utf-8\n\xff").0.contains("not UTF-8, as it says"));
        assert!(text(b"# vim: set fileencoding=cp1252 :\n\x80".to_vec()).is_ok());
        assert!(text(b"\x0c\n# coding=koi8-r\n\xc1".to_vec()).is_ok());
    }

    #[test]
    fn a_declaration_stands_at_the_top() {
        assert!(error(b"x = 1\n# coding: latin-1\n\xe9").0.contains("no other encoding"));
        assert!(error(b"\n\n# coding: latin-1\n\xe9").0.contains("no other encoding"));
        assert!(error(b"# encoding latin-1\n\xe9").0.contains("no other encoding"));
        assert!(error(b"# coding: klingon\n\xe9").0.contains("`klingon`"));
        assert_eq!(error(b"# coding: ascii\nx = '\xe9'").1, 2);
    }

    #[test]
    fn what_is_no_text_for_python() {
        assert!(error(b"\xff\xfei\0m\0").0.contains("UTF-16"));
        assert!(error(b"\xfe\xff\0i\0m").0.contains("UTF-16"));
    }

    #[test]
    fn a_second_byte_is_no_code() {
        // In Shift JIS this ends in a byte that looks like a backslash.
        let source = b"# coding: shift_jis\nx = '\x95\x5c'\nimport a\n".to_vec();
        assert_eq!(text(source).unwrap(), "# coding: shift_jis\nx = 'é'\nimport a\n");
        assert_eq!(
            text(b"# coding: gbk\n# \xd6\xd0\nimport a\n".to_vec()).unwrap(),
            "# coding: gbk\n# éimport a\n".replace("éi", "é\ni")
        );
        assert_eq!(
            text(b"# coding: gb18030\n# \x81\x30\x81\x30\n".to_vec()).unwrap(),
            "# coding: gb18030\n# é\n"
        );
    }
}
