//! `<…>` that a template left for someone to fill in: `compute: azureml:<compute>`.

use super::schema::join;
use crate::spec::place::Text;
use crate::spec::yaml::{Node, Value};

/// The placeholders of a text, brackets included.
pub fn find(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let after = &rest[at + 1..];
        let length =
            after.find(|c: char| !(c.is_alphanumeric() || " _-./:".contains(c))).unwrap_or(after.len());
        if after.starts_with(|c: char| c.is_alphabetic()) && after[length..].starts_with('>') {
            found.push(&rest[at..at + length + 2]);
            rest = &after[length + 1..];
        } else {
            rest = after;
        }
    }
    found
}

/// Told for every value of a job but its command, where `<` is the shell's, and its description. Comes back
/// with the key of each.
pub fn tell(text: &mut Text<'_>, node: &Node) -> Vec<String> {
    let mut keys = Vec::new();
    walk(text, node, "", &mut keys);
    keys
}

fn walk(text: &mut Text<'_>, node: &Node, key: &str, keys: &mut Vec<String>) {
    match &node.value {
        Value::Map(pairs) => {
            for (name, value) in pairs {
                let name = name.as_text().unwrap_or("?");
                if !(key.is_empty() && matches!(name, "command" | "description")) {
                    walk(text, value, &join(key, name), keys);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| walk(text, item, &join(key, "?"), keys)),
        Value::Text(value) => {
            for placeholder in find(value) {
                // What is in a list has no key of its own.
                let hint =
                    (!key.contains('?')).then(|| format!("write what is meant, or type `--set {key}=…`"));
                keys.push(key.to_owned());
                text.wrong_at(node.position, format!("`{placeholder}` is still to be filled in"), hint);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_placeholder() {
        assert_eq!(find("azureml:<compute>"), ["<compute>"]);
        assert_eq!(find("azureml:<your data set>:<version>"), ["<your data set>", "<version>"]);
        for text in ["a < b > c", "<", "<>", "x<1>", "<< EOF", "plain"] {
            assert_eq!(find(text), [""; 0], "{text}");
        }
    }
}
