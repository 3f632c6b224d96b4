//! Expressions that are nested more deeply than trees of them can be walked and taken down.

/// Texts up to this length cannot be nested more deeply than the stacks of the threads that read them allow.
const HARMLESS: usize = 64 << 10;
/// How many parts of an expression may hold each other.
const DEEPEST: u32 = 200_000;

/// Where a text is nested too deeply, if it may be. What is counted are the words and signs since the last
/// comma or end of a line, in each open bracket: the depth of a tree is never more than that.
pub(super) fn too_deep(source: &str) -> Option<usize> {
    if source.len() <= HARMLESS {
        return None;
    }
    let bytes = source.as_bytes();
    // The parts counted in each bracket that is open, and in all of them.
    let mut open: Vec<u32> = vec![0];
    let mut total: u32 = 0;
    let mut in_word = false;
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        let was_in_word = std::mem::replace(&mut in_word, byte.is_ascii_alphanumeric() || byte == b'_');
        match byte {
            b'#' => index += line_end(&bytes[index..]),
            // What stands in braces in an f-string is code, too.
            b'"' | b'\'' if !index.checked_sub(1).is_some_and(|it| b"fFtT".contains(&bytes[it])) => {
                index = string_end(bytes, index);
                continue;
            }
            b'(' | b'[' | b'{' => {
                count(&mut open, &mut total);
                open.push(0);
            }
            b')' | b']' | b'}' if open.len() > 1 => {
                total -= open.pop().unwrap_or(0);
                count(&mut open, &mut total);
            }
            b',' | b';' => reset(&mut open, &mut total),
            b'\n' if open.len() == 1 && index.checked_sub(1).is_none_or(|it| bytes[it] != b'\\') => {
                reset(&mut open, &mut total);
            }
            b' ' | b'\t' | b'\r' | b'\n' | b'\\' => {}
            _ if in_word && was_in_word => {}
            _ => count(&mut open, &mut total),
        }
        if total > DEEPEST {
            return Some(index);
        }
        index += 1;
    }
    None
}

fn count(open: &mut [u32], total: &mut u32) {
    if let Some(last) = open.last_mut() {
        *last += 1;
        *total += 1;
    }
}

fn reset(open: &mut [u32], total: &mut u32) {
    if let Some(last) = open.last_mut() {
        *total -= std::mem::take(last);
    }
}

fn line_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end.saturating_sub(1))
}

/// The end of a string that begins here.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let triple = bytes.get(start..start + 3) == Some(&[quote; 3]);
    let mut index = if triple { start + 3 } else { start + 1 };
    while let Some(byte) = bytes.get(index) {
        match *byte {
            b'\\' => index += 1,
            b'\n' if !triple => return index,
            byte if byte == quote => {
                if !triple {
                    return index + 1;
                }
                if bytes.get(index..index + 3) == Some(&[quote; 3]) {
                    return index + 3;
                }
            }
            _ => {}
        }
        index += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_itself_is_deep_and_what_is_long_is_not() {
        let many = 300_000;
        for part in ["[", "-", "not ", "f(x).", "1 + ", "lambda: ", "a.", "((", "f'{["] {
            assert!(too_deep(&part.repeat(many)).is_some(), "{part}");
        }
        for part in ["1, ", "x = 1\n", "f(a, (b, c)),", "'[[[[' '((((' ", "{1: [2]},\n", "# ((((\n"] {
            let text = part.repeat(many);
            assert_eq!(too_deep(&text), None, "{part}");
        }
        assert_eq!(too_deep(&"[".repeat(100)), None);
    }
}
