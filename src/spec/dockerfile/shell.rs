//! The commands of a `RUN` line, as far as it must be known which words each has.

/// A word as written, quotes and variables included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Where it begins.
    pub at: usize,
}

/// The commands of a text, in order and without regard to what each depends on: `a && b | c` are three. Redirections
/// and comments are left out; what stands in `$(…)` stays a part of its word.
pub fn commands(text: &str) -> Vec<Vec<Word>> {
    let mut splitter = Splitter {
        commands: Vec::new(),
        words: Vec::new(),
        word: String::new(),
        at: 0,
        begun: false,
        drop_next: false,
    };
    let mut chars = text.char_indices().peekable();
    let mut quote: Option<char> = None;
    while let Some((at, c)) = chars.next() {
        if let Some(open) = quote {
            splitter.push(at, c);
            if c == '\\' && open == '"' {
                if let Some((at, next)) = chars.next() {
                    splitter.push(at, next);
                }
            } else if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '\\' => match chars.next() {
                Some((_, '\n')) | None => {}
                Some((next_at, next)) => {
                    splitter.push(at, c);
                    splitter.push(next_at, next);
                }
            },
            '"' | '\'' | '`' => {
                splitter.push(at, c);
                quote = Some(c);
            }
            '$' if chars.peek().is_some_and(|(_, next)| *next == '(') => {
                splitter.push(at, c);
                let mut depth = 0_usize;
                for (at, c) in chars.by_ref() {
                    splitter.push(at, c);
                    match c {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '#' if !splitter.begun => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            '\n' | ';' | '&' | '|' | '(' | ')' => splitter.end_command(),
            '<' | '>' => {
                // `2>`: the number belongs to it.
                if splitter.word.bytes().all(|byte| byte.is_ascii_digit()) {
                    splitter.word.clear();
                    splitter.begun = false;
                }
                splitter.end_word();
                while chars.next_if(|(_, c)| matches!(c, '<' | '>' | '&' | '|' | '-')).is_some() {}
                splitter.drop_next = true;
            }
            c if c.is_whitespace() => splitter.end_word(),
            c => splitter.push(at, c),
        }
    }
    splitter.end_command();
    splitter.commands
}

struct Splitter {
    commands: Vec<Vec<Word>>,
    words: Vec<Word>,
    word: String,
    at: usize,
    begun: bool,
    drop_next: bool,
}

impl Splitter {
    fn push(&mut self, at: usize, c: char) {
        if !self.begun {
            self.begun = true;
            self.at = at;
        }
        self.word.push(c);
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        let text = std::mem::take(&mut self.word);
        if !std::mem::take(&mut self.drop_next) {
            self.words.push(Word { text, at: self.at });
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.drop_next = false;
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let join =
            |words: &Vec<Word>| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join("·");
        commands(text).iter().map(join).collect()
    }

    #[test]
    fn commands_and_words() {
        for (text, wanted) in [
            ("a b && c || d; e | f", vec!["a·b", "c", "d", "e", "f"]),
            ("pip install 'numpy>=1' \"a b\" # x\nc", vec!["pip·install·'numpy>=1'·\"a b\"", "c"]),
            // Without quotes it is a redirection, and no version.
            ("pip install numpy>=1.26 torch", vec!["pip·install·numpy·torch"]),
            ("a 2>&1 >/dev/null b", vec!["a·b"]),
            ("a $(b c; d $(e)) f", vec!["a·$(b c; d $(e))·f"]),
            ("a `b c` d", vec!["a·`b c`·d"]),
            ("if x; then pip install y; fi", vec!["if·x", "then·pip·install·y", "fi"]),
            ("a \\\n  b\\ c", vec!["a·b\\ c"]),
            ("(cd x && y)", vec!["cd·x", "y"]),
            ("a \"b $(c \\\" d) e\" f", vec!["a·\"b $(c \\\" d) e\"·f"]),
            ("a 'b", vec!["a·'b"]),
            ("a $(b", vec!["a·$(b"]),
            ("", vec![]),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
        assert_eq!(commands("x  é y")[0].iter().map(|word| word.at).collect::<Vec<_>>(), [0, 3, 6]);
    }
}
