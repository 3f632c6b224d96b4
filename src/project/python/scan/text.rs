//! Texts in code, as far as they are written out.

use ruff_python_ast::{Expr, ExprCall, FStringPart, InterpolatedStringElement, Operator};

use super::names::{Names, last_name};

/// Stands in a text for what is only known when the code runs.
pub(crate) const UNKNOWN: char = '\u{fffd}';

/// A text of which what is not written out is [`UNKNOWN`].
pub(crate) type Text = String;

impl Names<'_> {
    /// The texts that an expression stands for, where it can stand for nothing else.
    pub(crate) fn whole_texts(&self, expr: &Expr) -> Option<Vec<Text>> {
        self.texts(expr).filter(|texts| !texts.iter().any(|text| text.contains(UNKNOWN)))
    }

    /// The same with parts unknown; `None` where an expression is not seen to be a text at all.
    pub(crate) fn texts(&self, expr: &Expr) -> Option<Vec<Text>> {
        self.text_steps.begin();
        self.texts_within(expr)
    }

    /// The texts that an argument may be, or have among its elements; those of which something is known.
    pub(crate) fn known_texts(&self, expr: &Expr) -> Vec<Text> {
        self.text_steps.begin();
        self.known_texts_within(expr, &mut Vec::new())
    }

    /// `open` are the names whose values are being looked at: `x = x if y else "z"` says nothing of itself.
    fn known_texts_within<'e>(&'e self, expr: &'e Expr, open: &mut Vec<&'e str>) -> Vec<Text> {
        if self.step(&self.text_steps).is_none() {
            return Vec::new();
        }
        let elements = match expr {
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            Expr::Set(set) => &set.elts,
            Expr::Name(name) => {
                let mut texts = Vec::new();
                if !open.contains(&name.id.as_str()) {
                    open.push(&name.id);
                    for value in self.values(&name.id).iter().filter(|it| !is_name(it)) {
                        texts.extend(self.known_texts_within(value, open));
                    }
                    open.pop();
                }
                return texts;
            }
            Expr::If(choice) => {
                let mut texts = self.known_texts_within(&choice.body, open);
                texts.extend(self.known_texts_within(&choice.orelse, open));
                return texts;
            }
            _ => return self.texts_within(expr).unwrap_or_default(),
        };
        elements.iter().flat_map(|element| self.texts_within(element).unwrap_or_default()).collect()
    }

    fn texts_within(&self, expr: &Expr) -> Option<Vec<Text>> {
        self.step(&self.text_steps)?;
        // What is not known stands in a text all the same.
        let part = |expr: &Expr| {
            self.texts_within(expr)
                .filter(|texts| texts.len() <= 8)
                .unwrap_or_else(|| vec![UNKNOWN.to_string()])
        };
        match expr {
            Expr::StringLiteral(text) => Some(vec![text.value.to_str().to_owned()]),
            Expr::FString(text) => {
                let mut made = vec![String::new()];
                for piece in text.value.as_slice() {
                    match piece {
                        FStringPart::Literal(literal) => append(&mut made, &[literal.value.to_string()]),
                        FStringPart::FString(text) => {
                            for element in &text.elements {
                                match element {
                                    InterpolatedStringElement::Literal(literal) => {
                                        append(&mut made, &[literal.value.to_string()]);
                                    }
                                    InterpolatedStringElement::Interpolation(it) => {
                                        append(&mut made, &part(&it.expression));
                                    }
                                }
                            }
                        }
                    }
                }
                Some(made)
            }
            Expr::Name(name) => {
                let (values, loops) = (self.values(&name.id), self.loops(&name.id));
                if values.is_empty() && loops.is_empty() {
                    return None;
                }
                let mut texts = Vec::new();
                for value in values {
                    texts.extend(self.texts_within(value)?);
                }
                // Another loop of the file may have a name in common with this one.
                let known = loops.iter().filter_map(|(iterated, part)| self.element_texts(iterated, *part));
                texts.extend(known.flatten());
                (!texts.is_empty()).then_some(texts)
            }
            // `PARTS["a"]`, `PARTS[name]`
            Expr::Subscript(subscript) => self.texts_at(&subscript.value, Some(&subscript.slice)),
            Expr::If(choice) => {
                let mut texts = self.texts_within(&choice.body)?;
                texts.extend(self.texts_within(&choice.orelse)?);
                Some(texts)
            }
            Expr::BinOp(operation) if operation.op == Operator::Add => {
                let (left, right) = (self.texts_within(&operation.left), self.texts_within(&operation.right));
                if left.is_none() && right.is_none() {
                    return None;
                }
                let unknown = || vec![UNKNOWN.to_string()];
                let mut made = left.unwrap_or_else(unknown);
                append(&mut made, &right.unwrap_or_else(unknown));
                Some(made)
            }
            // `"plugins.%s" % name`
            Expr::BinOp(operation) if operation.op == Operator::Mod => {
                let texts = self.texts_within(&operation.left)?;
                Some(texts.iter().map(|text| blanked(text, "%")).collect())
            }
            // `folder / "x.xls"` ends as its last part does.
            Expr::BinOp(operation) if operation.op == Operator::Div => {
                let right = self.texts_within(&operation.right)?;
                Some(right.iter().map(|text| format!("{UNKNOWN}/{text}")).collect())
            }
            Expr::Call(call) => {
                if let (Some("Path" | "str" | "PurePath"), [only]) =
                    (last_name(&call.func), &*call.arguments.args)
                {
                    return self.texts_within(only);
                }
                let Expr::Attribute(attribute) = &*call.func else { return None };
                match attribute.attr.as_str() {
                    "format" => {
                        let texts = self.texts_within(&attribute.value)?;
                        Some(texts.iter().map(|text| blanked(text, "{")).collect())
                    }
                    "get" if !call.arguments.args.is_empty() => {
                        self.texts_at(&attribute.value, call.arguments.args.first())
                    }
                    "strip" | "rstrip" | "lstrip" if call.arguments.is_empty() => {
                        let texts = self.texts_within(&attribute.value)?;
                        Some(texts.iter().map(|text| text.trim().to_owned()).collect())
                    }
                    // `os.path.join(folder, "x.mp4")` ends as its last argument does.
                    "join" if last_name(&attribute.value) == Some("path") => {
                        let mut made = vec![String::new()];
                        for (index, argument) in call.arguments.args.iter().enumerate() {
                            if index > 0 {
                                append(&mut made, &["/".to_owned()]);
                            }
                            append(&mut made, &part(argument));
                        }
                        Some(made)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl Names<'_> {
    /// What is written out under a key; under any key where it is not known which is meant.
    fn texts_at(&self, collection: &Expr, key: Option<&Expr>) -> Option<Vec<Text>> {
        self.step(&self.text_steps)?;
        let mut texts = Vec::new();
        match collection {
            Expr::Dict(dict) => {
                let keys = key.and_then(|key| self.texts_within(key));
                let keys = keys.filter(|keys| !keys.iter().any(|key| key.contains(UNKNOWN)));
                for item in &dict.items {
                    let own = item.key.as_ref().and_then(|own| self.texts_within(own));
                    let meant = match (&keys, &own) {
                        (Some(keys), Some(own)) => own.iter().any(|own| keys.contains(own)),
                        _ => true,
                    };
                    if meant {
                        texts.extend(self.texts_within(&item.value)?);
                    }
                }
            }
            Expr::Name(name) => {
                for value in self.values(&name.id) {
                    texts.extend(self.texts_at(value, key)?);
                }
            }
            _ => return None,
        }
        (!texts.is_empty()).then_some(texts)
    }

    /// The texts that a loop over something goes through: the elements, or one part of each.
    fn element_texts(&self, iterated: &Expr, part: Option<usize>) -> Option<Vec<Text>> {
        self.step(&self.text_steps)?;
        let mut texts = Vec::new();
        let elements = match iterated {
            Expr::Tuple(tuple) => &tuple.elts,
            Expr::List(list) => &list.elts,
            Expr::Set(set) => &set.elts,
            Expr::Dict(dict) if part.is_none() => {
                for item in &dict.items {
                    texts.extend(self.texts_within(item.key.as_ref()?)?);
                }
                return Some(texts);
            }
            Expr::Name(name) => {
                let values = self.values(&name.id);
                for value in values {
                    texts.extend(self.element_texts(value, part)?);
                }
                return (!values.is_empty()).then_some(texts);
            }
            Expr::Call(call) => return self.element_texts_of_call(call, part),
            _ => return None,
        };
        for element in elements {
            let element = match (part, element) {
                (None, element) => element,
                (Some(part), Expr::Tuple(tuple)) => tuple.elts.get(part)?,
                (Some(part), Expr::List(list)) => list.elts.get(part)?,
                (Some(_), _) => return None,
            };
            texts.extend(self.texts_within(element)?);
        }
        Some(texts)
    }

    fn element_texts_of_call(&self, call: &ExprCall, part: Option<usize>) -> Option<Vec<Text>> {
        match (&*call.func, &*call.arguments.args, part) {
            (Expr::Name(name), [only], part) => match (name.id.as_str(), part) {
                ("sorted" | "reversed" | "list" | "tuple" | "set", part) => self.element_texts(only, part),
                ("enumerate", Some(1)) => self.element_texts(only, None),
                _ => None,
            },
            (Expr::Attribute(attribute), [], part) => match (attribute.attr.as_str(), part) {
                ("keys", None) | ("items", Some(0)) => self.element_texts(&attribute.value, None),
                ("values", None) | ("items", Some(1)) => self.texts_at(&attribute.value, None),
                _ => None,
            },
            _ => None,
        }
    }
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(_))
}

/// Every text continued by every one of the parts.
fn append(made: &mut Vec<Text>, parts: &[Text]) {
    if let [part] = parts {
        made.iter_mut().for_each(|text| text.push_str(part));
        return;
    }
    let before = std::mem::take(made);
    // A handful of choices is a handful of texts; many would multiply.
    for text in before.into_iter().take(16) {
        made.extend(parts.iter().map(|part| format!("{text}{part}")));
    }
}

/// A format string with everything from its first to its last place unknown.
fn blanked(text: &str, place: &str) -> Text {
    let Some((before, after)) = text.split_once(place) else { return text.to_owned() };
    let end = if place == "{" {
        after.rsplit_once('}').map_or("", |(_, end)| end)
    } else {
        // `%s`, `%(name)s`, `%02d`
        let last = after.rsplit_once('%').map_or(after, |(_, last)| last);
        let letter = last.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        letter.get(1..).unwrap_or_default()
    };
    format!("{before}{UNKNOWN}{end}")
}

/// Whether a text matches a pattern in which `*` stands for anything. Of a text that is not wholly known,
/// only what is known need fit, and something of it has to.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, _)) = text.split_once(UNKNOWN) else { return glob(pattern, text) };
    let after = text.rsplit(UNKNOWN).next().unwrap_or_default();
    let Some((head, rest)) = pattern.split_once('*') else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let is_known = |part: &str| text.split(UNKNOWN).any(|known| known.contains(part));
    pattern.len() > pattern.matches('*').count()
        && before.starts_with(head)
        && after.ends_with(tail)
        && middle.split('*').all(is_known)
}

/// A pattern in which `*` stands for anything.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(found) = text.find(part) else { return false };
        text = &text[found + part.len()..];
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        assert!(glob("s3://*", "s3://b/k") && !glob("s3://*", "s3:/b"));
        assert!(glob("*.xls", "a.xls") && !glob("*.xls", "a.xlsx"));
        assert!(glob("a*b*c", "a-b-c") && !glob("a*b*c", "a-c") && !glob("ab*bc", "abc"));
        assert!(glob("*", "") && glob("x", "x") && !glob("x", "xy"));
    }

    #[test]
    fn of_a_text_only_what_is_known_need_fit() {
        let text = format!("postgresql://{UNKNOWN}@h/d.csv");
        assert!(matches("postgresql://*", &text) && matches("*.csv", &text));
        assert!(matches("*://*", &text) && !matches("*:///*", &text));
        assert!(!matches("postgresql+psycopg2://*", &text) && !matches("*", &text));
        assert!(!matches("postgresql://x@h/d.csv", &text));
    }

    #[test]
    fn places_in_a_format_are_unknown() {
        assert_eq!(blanked("a.%s.%02d.csv", "%"), format!("a.{UNKNOWN}.csv"));
        assert_eq!(blanked("a/{x}/{}.csv", "{"), format!("a/{UNKNOWN}.csv"));
        assert_eq!(blanked("plain", "{"), "plain");
    }
}
