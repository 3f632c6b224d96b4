//! The text of a Dockerfile as logical lines: continuations joined, comments and empty lines left
//! out, heredocs taken along.

use super::Word;

/// What the comment lines at the very top say.
pub struct Directives {
    pub syntax: Option<Word>,
    pub escape: char,
}

/// One instruction's text, every byte with its place in the source.
pub struct Logical {
    pub text: String,
    pub places: Vec<usize>,
    pub first_line: usize,
    pub last_line: usize,
    /// Byte offset behind the last line, its line end included.
    pub end: usize,
    pub heredocs: Vec<String>,
}

/// A line of the source without its line end.
struct Source<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

pub fn split(text: &str) -> (Directives, Vec<Logical>) {
    let sources = sources(text);
    let directives = directives(&sources);
    let mut logical = Vec::new();
    let mut index = 0;
    while index < sources.len() {
        if is_empty_or_comment(sources[index].text) {
            index += 1;
            continue;
        }
        let mut line = Logical {
            text: String::new(),
            places: Vec::new(),
            first_line: index + 1,
            last_line: index + 1,
            end: 0,
            heredocs: Vec::new(),
        };
        let mut first = true;
        while index < sources.len() {
            let source = &sources[index];
            // Inside a continued instruction empty lines and comments are passed over.
            if !first && is_empty_or_comment(source.text) {
                index += 1;
                continue;
            }
            let (kept, continued) = without_continuation(source.text, directives.escape);
            line.text.push_str(kept);
            line.places.extend((0..kept.len()).map(|offset| source.start + offset));
            line.last_line = index + 1;
            line.end = source.end;
            index += 1;
            first = false;
            if !continued {
                break;
            }
        }
        line.heredocs = heredocs(&line.text);
        for delimiter in &line.heredocs {
            let strip_tabs = delimiter.starts_with('-');
            let name = delimiter.trim_start_matches('-');
            while index < sources.len() {
                let source = &sources[index];
                index += 1;
                line.last_line = index;
                line.end = source.end;
                let text = if strip_tabs { source.text.trim_start_matches('\t') } else { source.text };
                if text == name {
                    break;
                }
            }
        }
        for delimiter in &mut line.heredocs {
            *delimiter = delimiter.trim_start_matches('-').to_owned();
        }
        logical.push(line);
    }
    (directives, logical)
}

fn sources(text: &str) -> Vec<Source<'_>> {
    let mut sources = Vec::new();
    // A byte order mark is no part of the first line.
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while start < text.len() {
        let end = text[start..].find('\n').map_or(text.len(), |n| start + n + 1);
        let line = text[start..end].trim_end_matches('\n').trim_end_matches('\r');
        sources.push(Source { text: line, start, end });
        start = end;
    }
    sources
}

fn is_empty_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn directives(sources: &[Source<'_>]) -> Directives {
    let mut found = Directives { syntax: None, escape: '\\' };
    for source in sources {
        let Some(comment) = source.text.trim_start().strip_prefix('#') else { break };
        let Some((key, value)) = comment.split_once('=') else { break };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "syntax" => {
                let word = value.split_whitespace().next().unwrap_or_default();
                // The value is the last thing on its line, so it is found from the right.
                if let Some(at) = source.text.rfind(value).filter(|_| !word.is_empty()) {
                    let start = source.start + at;
                    found.syntax = Some(Word { text: word.to_owned(), start, end: start + word.len() });
                }
            }
            "escape" if value == "`" => found.escape = '`',
            "escape" | "check" => {}
            // Any other comment ends the directives.
            _ => break,
        }
    }
    found
}

/// The line without the escape character that continues it, and whether there was one. Two of them
/// are an escaped one, as in Docker's own `([^\\])\\[ \t]*$|^\\[ \t]*$`.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(kept) if !kept.ends_with(escape) => (kept, true),
        _ => (line, false),
    }
}

/// The delimiters of heredocs in a `RUN`, `COPY` or `ADD`, a `-` before those that strip tabs.
fn heredocs(text: &str) -> Vec<String> {
    let mut words = text.split_ascii_whitespace();
    let mut keyword = words.next().unwrap_or_default().to_ascii_uppercase();
    if keyword == "ONBUILD" {
        keyword = words.next().unwrap_or_default().to_ascii_uppercase();
    }
    if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], quote) {
            (b'\\', None) => at += 1,
            (byte @ (b'"' | b'\''), None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'<', None) if bytes[at..].starts_with(b"<<<") => at += 2,
            (b'<', None) if bytes[at..].starts_with(b"<<") && begins_word(bytes, at) => {
                if let Some((delimiter, stop)) = delimiter(text, at + 2) {
                    found.push(delimiter);
                    at = stop;
                    continue;
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// A heredoc begins a word, or follows a number of a file descriptor.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = bytes[..at].iter().rposition(|b| !b.is_ascii_digit());
    before.is_none_or(|index| bytes[index].is_ascii_whitespace() || bytes[index] == b';')
}

fn delimiter(text: &str, at: usize) -> Option<(String, usize)> {
    let rest = text.get(at..)?;
    let (dash, rest) = rest.strip_prefix('-').map_or(("", rest), |rest| ("-", rest));
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (name, length) = if let Some(quote) = quote {
        let name = rest[1..].split(quote).next()?;
        if rest.len() < name.len() + 2 {
            return None;
        }
        (name, name.len() + 2)
    } else {
        let stop = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '.'));
        let name = &rest[..stop.unwrap_or(rest.len())];
        (name, name.len())
    };
    let begins_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    begins_well.then(|| (format!("{dash}{name}"), at + dash.len() + length))
}
