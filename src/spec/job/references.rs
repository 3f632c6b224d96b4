//! `${{inputs.NAME}}` and `${{outputs.NAME}}` in a job's command: found, checked, and filled in.

use std::ops::Range;

use crate::spec::place::Position;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Input(String),
    Output(String),
    /// Something that only Azure knows: `${{search_space.x}}`, `${{parent.inputs.x}}`.
    Other(String),
}

/// One `${{…}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub to: To,
    /// In the command's text.
    pub range: Range<usize>,
    /// In the file.
    pub position: Position,
    /// Inside of `$[[…]]`, which is left out as a whole where the input is not given.
    pub optional: bool,
}

/// The references of a command, without their places in the file.
pub fn find(command: &str) -> Vec<Reference> {
    let groups = groups(command);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = command.get(from..).and_then(|rest| rest.find("${{")) {
        let start = from + at;
        let Some(length) = command[start..].find("}}") else { break };
        let end = start + length + 2;
        let inner = command[start + 3..end - 2].trim();
        let to = match inner.split_once('.') {
            Some(("inputs", name)) => To::Input(name.to_owned()),
            Some(("outputs", name)) => To::Output(name.to_owned()),
            _ => To::Other(inner.to_owned()),
        };
        let optional = groups.iter().any(|group| group.contains(&start));
        found.push(Reference { to, range: start..end, position: Position::default(), optional });
        from = end;
    }
    found
}

/// `$[[ … ]]` with what is in it.
fn groups(command: &str) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut from = 0;
    while let Some(at) = command.get(from..).and_then(|rest| rest.find("$[[")) {
        let start = from + at;
        let Some(length) = command[start..].find("]]") else { break };
        let end = start + length + 2;
        groups.push(start..end);
        from = end;
    }
    groups
}

/// What stands in the place of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The user's own words, put in as they are: the shell splits them, as Azure's does.
    Words(String),
    /// A path that was made here, which stays one word wherever it is put.
    Path(String),
}

/// The command with every reference replaced by what `value` gives; an optional group of which one
/// reference has no value is left out. A reference that stays without a value is returned instead.
pub fn fill(command: &str, value: impl Fn(&To) -> Option<Value>) -> Result<String, Reference> {
    let mut filled = String::new();
    fill_onto(&mut filled, command, &value)?;
    Ok(filled)
}

fn fill_onto(
    filled: &mut String,
    command: &str,
    value: &dyn Fn(&To) -> Option<Value>,
) -> Result<(), Reference> {
    let references = find(command);
    let groups = groups(command);
    let mut at = 0;
    while at < command.len() {
        if let Some(group) = groups.iter().find(|group| group.start == at) {
            let before = filled.len();
            if fill_onto(filled, &command[group.start + 3..group.end - 2], value).is_err() {
                filled.truncate(before);
            }
            at = group.end;
        } else if let Some(reference) = references.iter().find(|reference| reference.range.start == at) {
            match value(&reference.to).ok_or_else(|| reference.clone())? {
                Value::Words(text) => filled.push_str(&text),
                Value::Path(path) => {
                    let word = one_word(quotes(filled), &path);
                    filled.push_str(&word);
                }
            }
            at = reference.range.end;
        } else {
            let next = groups
                .iter()
                .map(|group| group.start)
                .chain(references.iter().map(|reference| reference.range.start))
                .filter(|start| *start > at)
                .min()
                .unwrap_or(command.len());
            filled.push_str(&command[at..next]);
            at = next;
        }
    }
    Ok(())
}

/// Inside of which quotes a shell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// Where the shell is behind this text. Of here-documents it knows nothing.
fn quotes(text: &str) -> Quotes {
    let mut now = Quotes::None;
    // What a `$(…)` stands in, and how many parentheses are open inside of it.
    let mut outer: Vec<(Quotes, usize)> = Vec::new();
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        let begins = before.is_whitespace() || matches!(before, ';' | '&' | '|' | '(');
        before = c;
        match (now, c) {
            (Quotes::None, '#') if begins => {
                before = '\n';
                characters.find(|c| *c == '\n');
            }
            (Quotes::Single, '\'') | (Quotes::Double, '"') => now = Quotes::None,
            (Quotes::Single, _) => {}
            (_, '\\') => drop(characters.next()),
            (_, '$') if characters.peek() == Some(&'(') => {
                before = '(';
                characters.next();
                outer.push((now, 0));
                now = Quotes::None;
            }
            (Quotes::None, '"') => now = Quotes::Double,
            (Quotes::None, '\'') => now = Quotes::Single,
            (Quotes::None, '(') => {
                if let Some((_, open)) = outer.last_mut() {
                    *open += 1;
                }
            }
            (Quotes::None, ')') => match outer.last_mut() {
                Some((_, open)) if *open > 0 => *open -= 1,
                Some((around, _)) => {
                    now = *around;
                    outer.pop();
                }
                None => {}
            },
            (Quotes::None | Quotes::Double, _) => {}
        }
    }
    now
}

fn one_word(quotes: Quotes, path: &str) -> String {
    match quotes {
        Quotes::None => shlex::try_quote(path).map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned),
        Quotes::Single => path.replace('\'', "'\\''"),
        Quotes::Double => {
            let special = |c: char| matches!(c, '"' | '\\' | '$' | '`');
            path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(to: &To) -> Option<Value> {
        match to {
            To::Input(name) if name == "a" => Some(Value::Words("1".to_owned())),
            To::Input(name) if name == "d" => Some(Value::Path("/a b/it's/$x".to_owned())),
            To::Output(name) if name == "o" => Some(Value::Path("/mnt/outputs/o".to_owned())),
            _ => None,
        }
    }

    #[test]
    fn references_are_found_in_either_spelling() {
        let found = find("x ${{inputs.a}} ${{ outputs.o }} ${{search_space.lr}} ${HOME} ${{");
        let to: Vec<To> = found.into_iter().map(|reference| reference.to).collect();
        assert_eq!(to, [To::Input("a".into()), To::Output("o".into()), To::Other("search_space.lr".into())]);
    }

    #[test]
    fn filling_in() {
        assert_eq!(
            fill("t ${{inputs.a}}$[[ --b ${{inputs.b}}]]$[[ --a ${{inputs.a}}]] ü ${{ outputs.o }}", value)
                .unwrap(),
            "t 1 --a 1 ü /mnt/outputs/o"
        );
        assert_eq!(
            fill("no references $(( 1 + 1 )) [[ x ]]", value).unwrap(),
            "no references $(( 1 + 1 )) [[ x ]]"
        );
        assert_eq!(fill("x ${{inputs.b}}", value).unwrap_err().to, To::Input("b".into()));
    }
    #[test]
    fn a_path_stays_one_word() {
        for text in [
            "${{inputs.d}}",
            "\"${{inputs.d}}\"",
            "'${{inputs.d}}'",
            "\"$(printf %s ${{inputs.d}})\"",
            "\"$(printf %s \"$( (printf %s '${{inputs.d}}') )\")\"",
            "$(true 'a\"b')${{inputs.d}}",
            "\\\"\"\"${{inputs.d}}",
            "$[['']]$[[${{inputs.none}}']]\"$[[${{inputs.d}}]]\"",
        ] {
            let command = fill(&format!("printf '<%s>' x{text}"), value).unwrap();
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            let shown = String::from_utf8_lossy(&output.stdout);
            let wanted = if text.starts_with('\\') { "<x\"/a b/it's/$x>" } else { "<x/a b/it's/$x>" };
            assert_eq!(shown, wanted, "{command}");
        }
    }
}
