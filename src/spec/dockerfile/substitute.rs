//! Variables in a Dockerfile's words: `$X`, `${X}`, `${X:-default}`, `${X:+other}`.

/// How deep one default may stand in another before scaf gives up on the word.
const DEPTH: usize = 20;

/// The word with its variables filled in and its quotes taken off; `None` where a variable has no
/// value here or is written in a way that scaf does not know.
pub fn substitute(word: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    fill(word, escape, lookup, DEPTH)
}

fn fill(word: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let mut out = String::new();
    let mut quote = None;
    let mut chars = word.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if c == escape && quote != Some('\'') {
            if let Some((_, next)) = chars.next() {
                out.push(next);
            }
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        } else if c == '$' && quote != Some('\'') {
            let rest = &word[index + 1..];
            let (value, length) = variable(rest, escape, lookup, depth)?;
            out.push_str(&value);
            while chars.peek().is_some_and(|(next, _)| *next < index + 1 + length) {
                chars.next();
            }
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// The value of the variable whose name begins `text`, and how many bytes it takes.
fn variable(
    text: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Option<(String, usize)> {
    let Some(inner) = text.strip_prefix('{') else {
        let length = name_length(text);
        // A `$` that begins no name stands for itself.
        return if length == 0 {
            Some(("$".to_owned(), 0))
        } else {
            Some((lookup(&text[..length])?, length))
        };
    };
    let length = name_length(inner);
    let name = inner.get(..length).filter(|name| !name.is_empty())?;
    let close = closing(inner)?;
    let operator = inner.get(length..close)?;
    let value = lookup(name);
    let filled = if operator.is_empty() {
        value?
    } else {
        let (or_empty, rest) = operator.strip_prefix(':').map_or((false, operator), |rest| (true, rest));
        let value = value.filter(|value| !(or_empty && value.is_empty()));
        match (rest.chars().next()?, value) {
            ('-' | '?', Some(value)) => value,
            ('-', None) | ('+', Some(_)) => fill(&rest[1..], escape, lookup, depth)?,
            ('+', None) => String::new(),
            _ => return None,
        }
    };
    // `{`, what is inside, `}`.
    Some((filled, close + 2))
}

fn name_length(text: &str) -> usize {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    text.find(|c| !name(c)).unwrap_or(text.len())
}

/// Where the brace closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (index, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(index),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Words split at white space outside of quotes; the quotes stay, for `substitute` to see.
pub fn split_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == escape && quote != Some('\'') {
            word.push(c);
            word.extend(chars.next());
        } else if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            if quote == Some(c) {
                quote = None;
            } else if quote.is_none() && matches!(c, '"' | '\'') {
                quote = Some(c);
            }
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
