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

/// The command with every reference replaced by what `value` gives; an optional group of which one
/// reference has no value is left out. A reference that stays without a value is returned instead.
pub fn fill(command: &str, value: impl Fn(&To) -> Option<String>) -> Result<String, Reference> {
    let references = find(command);
    let groups = groups(command);
    let mut filled = String::new();
    let mut at = 0;
    while at < command.len() {
        if let Some(group) = groups.iter().find(|group| group.start == at) {
            let inner = &command[group.start + 3..group.end - 2];
            if let Ok(text) = fill(inner, &value as &dyn Fn(&To) -> Option<String>) {
                filled.push_str(&text);
            }
            at = group.end;
        } else if let Some(reference) = references.iter().find(|reference| reference.range.start == at) {
            filled.push_str(&value(&reference.to).ok_or_else(|| reference.clone())?);
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
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(to: &To) -> Option<String> {
        match to {
            To::Input(name) if name == "a" => Some("1".to_owned()),
            To::Output(name) if name == "o" => Some("/mnt/outputs/o".to_owned()),
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
}
