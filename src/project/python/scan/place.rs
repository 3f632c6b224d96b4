//! Paths that code puts together: `os.path.join(os.path.dirname(__file__), "..", "lib")`.

use ruff_python_ast::{Expr, ExprCall, FStringPart, InterpolatedStringElement, Number, Operator};

use super::Base;
use super::names::Names;

/// The name of the file that the text is from, which is not known here.
const THIS_FILE: &str = "\0";

/// A path: so many folders above its base, and then down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) base: Base,
    pub(super) up: usize,
    below: Vec<String>,
}

impl Place {
    fn at(base: Base) -> Self {
        Self { base, up: 0, below: Vec::new() }
    }

    /// The way down, `/`-separated; `None` where it leads to the file itself.
    pub(super) fn below(&self) -> Option<String> {
        (!self.below.iter().any(|part| part == THIS_FILE)).then(|| self.below.join("/"))
    }

    fn parent(mut self) -> Self {
        if self.below.pop().is_none() && self.base != Base::Absolute {
            self.up += 1;
        }
        self
    }

    fn join(mut self, path: &str) -> Self {
        if path.starts_with('/') {
            self = Self::at(Base::Absolute);
        }
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => self = self.parent(),
                part => self.below.push(part.to_owned()),
            }
        }
        self
    }

    fn join_place(self, other: &Self) -> Option<Self> {
        match other.base {
            Base::WorkingFolder => {
                let mut made = (0..other.up).fold(self, |made, _| made.parent());
                made.below.extend(other.below.iter().cloned());
                Some(made)
            }
            Base::Absolute => Some(other.clone()),
            Base::ScriptFolder | Base::Unknown => None,
        }
    }

    /// The path with a text written behind it.
    fn continued(mut self, text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return Some(self.join(text.trim_start_matches('/')));
        }
        if text.is_empty() {
            return Some(self);
        }
        let last = self.below.pop()?;
        if last == THIS_FILE {
            return None;
        }
        Some(self.join(&format!("{last}{text}")))
    }
}

/// Where an expression leads; several where a name was given several values.
pub(super) fn places(names: &Names<'_>, expr: &Expr) -> Vec<Place> {
    names.place_steps.begin();
    if let Expr::Name(name) = expr {
        let values = names.values(&name.id);
        if values.len() > 1 {
            return values.iter().filter_map(|value| place(names, value)).collect();
        }
    }
    if let Expr::Call(call) = expr
        && let [only @ Expr::Name(_)] = &*call.arguments.args
        && matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "str")
    {
        return places(names, only);
    }
    place(names, expr).into_iter().collect()
}

fn place(names: &Names<'_>, expr: &Expr) -> Option<Place> {
    names.step(&names.place_steps)?;
    match expr {
        Expr::StringLiteral(text) => literal(text.value.to_str()),
        Expr::Name(name) => {
            if name.id.as_str() == "__file__" {
                return Some(Place::at(Base::ScriptFolder).join(THIS_FILE));
            }
            match names.values(&name.id) {
                [value] => place(names, value),
                _ => named(names, expr),
            }
        }
        Expr::Attribute(attribute) => match attribute.attr.as_str() {
            "parent" => place(names, &attribute.value).map(Place::parent),
            _ => named(names, expr),
        },
        Expr::Subscript(subscript) => {
            let Expr::NumberLiteral(number) = &*subscript.slice else { return None };
            let Number::Int(number) = &number.value else { return None };
            let number = number.as_usize()?;
            match &*subscript.value {
                Expr::Attribute(attribute) if attribute.attr.as_str() == "parents" => {
                    let mut made = place(names, &attribute.value)?;
                    // Nobody is this deep.
                    for _ in 0..=number.min(256) {
                        made = made.parent();
                    }
                    Some(made)
                }
                Expr::Call(call) if number == 0 && is(names, &call.func, "os.path.split") => {
                    place(names, call.arguments.args.first()?).map(Place::parent)
                }
                value if number == 0 && is(names, value, "sys.path") => Some(Place::at(Base::ScriptFolder)),
                _ => None,
            }
        }
        Expr::BinOp(operation) => {
            let left = place(names, &operation.left)?;
            match operation.op {
                Operator::Div => left.join_place(&place(names, &operation.right)?),
                Operator::Add => {
                    let texts = names.whole_texts(&operation.right);
                    match texts.as_deref() {
                        Some([text]) => left.continued(text),
                        // `+ os.sep`
                        _ if is(names, &operation.right, "os.sep") => Some(left),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        Expr::FString(text) => {
            let mut made: Option<Place> = None;
            for piece in text.value.as_slice() {
                let FStringPart::FString(text) = piece else { return None };
                for element in &text.elements {
                    made = match (element, made) {
                        (InterpolatedStringElement::Literal(it), None) => literal(&it.value),
                        (InterpolatedStringElement::Literal(it), Some(made)) => made.continued(&it.value),
                        (InterpolatedStringElement::Interpolation(it), None) => place(names, &it.expression),
                        (InterpolatedStringElement::Interpolation(_), Some(_)) => None,
                    };
                    made.as_ref()?;
                }
            }
            made
        }
        Expr::Call(call) => called(names, call),
        _ => None,
    }
}

fn literal(text: &str) -> Option<Place> {
    // A home folder and a variable are no place that is known.
    (!text.starts_with('~') && !text.contains(['$', '\0', '\\']))
        .then(|| Place::at(Base::WorkingFolder).join(text))
}

fn is(names: &Names<'_>, expr: &Expr, full: &str) -> bool {
    names.full(expr).iter().any(|it| it == full)
}

fn named(names: &Names<'_>, expr: &Expr) -> Option<Place> {
    let up = || Place::at(Base::WorkingFolder).parent();
    names.full(expr).iter().find_map(|full| match full.as_str() {
        "os.pardir" | "os.path.pardir" => Some(up()),
        "os.curdir" | "os.path.curdir" => Some(Place::at(Base::WorkingFolder)),
        _ => None,
    })
}

fn called(names: &Names<'_>, call: &ExprCall) -> Option<Place> {
    let args = &call.arguments.args;
    let first = || place(names, args.first()?);
    let joined = |start: Place, rest: &[Expr]| {
        rest.iter().try_fold(start, |made, part| made.join_place(&place(names, part)?))
    };
    for full in names.full(&call.func) {
        match full.as_str() {
            "os.path.dirname" => return first().map(Place::parent),
            "os.path.abspath" | "os.path.realpath" | "os.path.normpath" | "os.path.normcase"
            | "os.path.expanduser" | "os.fspath" | "str" => return first(),
            "os.path.join" => return joined(first()?, args.get(1..)?),
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" => {
                return match args.first() {
                    None => Some(Place::at(Base::WorkingFolder)),
                    Some(_) => joined(first()?, args.get(1..)?),
                };
            }
            "os.getcwd" | "pathlib.Path.cwd" => return Some(Place::at(Base::WorkingFolder)),
            "inspect.getfile" | "inspect.getsourcefile" => {
                return Some(Place::at(Base::ScriptFolder).join(THIS_FILE));
            }
            _ => {}
        }
    }
    let Expr::Attribute(attribute) = &*call.func else { return None };
    let on = || place(names, &attribute.value);
    match attribute.attr.as_str() {
        "resolve" | "absolute" | "as_posix" | "expanduser" | "__str__" => on(),
        "joinpath" => joined(on()?, args),
        _ => None,
    }
}
