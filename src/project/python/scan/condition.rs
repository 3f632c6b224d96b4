//! Conditions that are known before the code runs: on the platform, the version, and type checking.

use foldhash::HashMap;
use std::cmp::Ordering;

use ruff_python_ast::{BoolOp, CmpOp, Expr, Number, UnaryOp};

use super::names::{Names, last_name};
use crate::project::python::target::Target;

/// A value that code may compare.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Text(String),
    Number(i64),
    Tuple(Vec<Known>),
    Truth(bool),
    /// `sys.version_info`, of which only the first two parts are known.
    Version(u8, u8),
}

/// Asks whether conditions hold.
pub(super) struct Conditions<'n, 'a> {
    pub(super) names: &'n Names<'a>,
    pub(super) target: &'n Target,
    /// Names of conditions: `WINDOWS = os.name == "nt"`.
    pub(super) truths: &'n HashMap<&'a str, bool>,
    /// What `TYPE_CHECKING` is held to be.
    pub(super) typing: bool,
}

impl Conditions<'_, '_> {
    /// Whether the condition holds for the target; `None` where that is not known.
    pub(super) fn holds(&self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::BoolOp(operation) => {
                let decides = operation.op == BoolOp::Or;
                let mut all_known = true;
                for value in &operation.values {
                    match self.holds(value) {
                        Some(truth) if truth == decides => return Some(decides),
                        Some(_) => {}
                        None => all_known = false,
                    }
                }
                all_known.then_some(!decides)
            }
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => {
                self.holds(&operation.operand).map(|truth| !truth)
            }
            Expr::Compare(comparison) => {
                let mut left = self.known(&comparison.left)?;
                for (op, right) in comparison.ops.iter().zip(&comparison.comparators) {
                    let right = self.known(right)?;
                    if !compare(&left, *op, &right)? {
                        return Some(false);
                    }
                    left = right;
                }
                Some(true)
            }
            _ => match self.known(expr)? {
                Known::Truth(truth) => Some(truth),
                Known::Number(number) => Some(number != 0),
                Known::Text(_) | Known::Tuple(_) | Known::Version(..) => None,
            },
        }
    }

    /// Whether two expressions are equal.
    pub(super) fn equal(&self, left: &Expr, right: &Expr) -> Option<bool> {
        compare(&self.known(left)?, CmpOp::Eq, &self.known(right)?)
    }

    fn known(&self, expr: &Expr) -> Option<Known> {
        match expr {
            Expr::StringLiteral(text) => Some(Known::Text(text.value.to_str().to_owned())),
            Expr::BooleanLiteral(truth) => Some(Known::Truth(truth.value)),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(number) => number.as_i64().map(Known::Number),
                Number::Float(_) | Number::Complex { .. } => None,
            },
            Expr::Tuple(tuple) => self.all(&tuple.elts),
            Expr::List(list) => self.all(&list.elts),
            Expr::Set(set) => self.all(&set.elts),
            Expr::Name(_) | Expr::Attribute(_) => self.named(expr),
            Expr::Subscript(subscript) => {
                let parts = match self.known(&subscript.value)? {
                    Known::Tuple(parts) => parts,
                    Known::Version(major, minor) => [major, minor].map(|it| Known::Number(it.into())).into(),
                    _ => return None,
                };
                let index = |expr: &Expr| match self.known(expr)? {
                    Known::Number(number) => usize::try_from(number).ok(),
                    _ => None,
                };
                if let Expr::Slice(slice) = &*subscript.slice {
                    let upper = slice.upper.as_deref().and_then(index)?;
                    if upper > parts.len() || slice.lower.is_some() || slice.step.is_some() {
                        return None;
                    }
                    return Some(Known::Tuple(parts.into_iter().take(upper).collect()));
                }
                parts.into_iter().nth(index(&subscript.slice)?)
            }
            Expr::Call(call) => self.call(&call.func, &call.arguments.args),
            _ => None,
        }
    }

    fn all(&self, elements: &[Expr]) -> Option<Known> {
        elements.iter().map(|element| self.known(element)).collect::<Option<_>>().map(Known::Tuple)
    }

    fn named(&self, expr: &Expr) -> Option<Known> {
        if last_name(expr) == Some("TYPE_CHECKING") {
            return Some(Known::Truth(self.typing));
        }
        if let Expr::Name(name) = expr
            && let Some(truth) = self.truths.get(name.id.as_str())
        {
            return Some(Known::Truth(*truth));
        }
        // Most conditions are about other things and shall cost little.
        if !self.names.comes_from(expr, &["sys", "os", "six", "platform"]) {
            return None;
        }
        let full = self.names.full(expr);
        let [full] = full.as_slice() else { return None };
        let (major, minor) = self.target.python;
        let text = |text: &str| Some(Known::Text(text.to_owned()));
        match full.as_str() {
            "sys.platform" => text(&self.target.sys_platform),
            "os.name" => text(self.target.os_name()),
            "sys.version_info" => Some(Known::Version(major, minor)),
            "sys.version_info.major" => Some(Known::Number(major.into())),
            "sys.version_info.minor" => Some(Known::Number(minor.into())),
            "sys.implementation.name" => text("cpython"),
            "sys.byteorder" => text("little"),
            "six.PY2" => Some(Known::Truth(major == 2)),
            "six.PY3" => Some(Known::Truth(major == 3)),
            _ => None,
        }
    }

    fn call(&self, func: &Expr, args: &[Expr]) -> Option<Known> {
        let text = |text: &str| Some(Known::Text(text.to_owned()));
        if let Expr::Attribute(attribute) = func
            && let Some(Known::Text(value)) = self.known(&attribute.value)
        {
            return match (attribute.attr.as_str(), args) {
                ("startswith", [start]) => match self.known(start)? {
                    Known::Text(start) => Some(Known::Truth(value.starts_with(&start))),
                    Known::Tuple(starts) => Some(Known::Truth(
                        starts.iter().any(|it| matches!(it, Known::Text(it) if value.starts_with(it))),
                    )),
                    _ => None,
                },
                ("lower", []) => text(&value.to_lowercase()),
                ("upper", []) => text(&value.to_uppercase()),
                _ => None,
            };
        }
        if !self.names.comes_from(func, &["platform"]) {
            return None;
        }
        let full = self.names.full(func);
        let [full] = full.as_slice() else { return None };
        match full.as_str() {
            "platform.system" => text(self.target.platform_system()),
            "platform.machine" | "platform.processor" => text(&self.target.machine),
            "platform.python_implementation" => text("CPython"),
            _ => None,
        }
    }
}

fn compare(left: &Known, op: CmpOp, right: &Known) -> Option<bool> {
    Some(match op {
        CmpOp::Eq | CmpOp::Is => order(left, right)? == Ordering::Equal,
        CmpOp::NotEq | CmpOp::IsNot => order(left, right)? != Ordering::Equal,
        CmpOp::Lt => order(left, right)? == Ordering::Less,
        CmpOp::LtE => order(left, right)? != Ordering::Greater,
        CmpOp::Gt => order(left, right)? == Ordering::Greater,
        CmpOp::GtE => order(left, right)? != Ordering::Less,
        CmpOp::In => contains(right, left)?,
        CmpOp::NotIn => !contains(right, left)?,
    })
}

fn contains(whole: &Known, part: &Known) -> Option<bool> {
    match (whole, part) {
        (Known::Text(whole), Known::Text(part)) => Some(whole.contains(part.as_str())),
        (Known::Tuple(parts), part) => Some(parts.contains(part)),
        _ => None,
    }
}

/// The order of two values as Python has it.
fn order(left: &Known, right: &Known) -> Option<Ordering> {
    match (left, right) {
        (Known::Text(left), Known::Text(right)) => Some(left.cmp(right)),
        (Known::Number(left), Known::Number(right)) => Some(left.cmp(right)),
        (Known::Truth(left), Known::Truth(right)) => Some(left.cmp(right)),
        (Known::Version(major, minor), Known::Tuple(right)) => {
            let left = [*major, *minor].map(|part| Known::Number(part.into()));
            match order_of_parts(&left, right)? {
                // What is not known would decide against a longer tuple, and is more than a shorter one has.
                Ordering::Less if right.starts_with(&left) => None,
                Ordering::Equal => Some(Ordering::Greater),
                decided => Some(decided),
            }
        }
        (Known::Tuple(_), Known::Version(..)) => order(right, left).map(Ordering::reverse),
        (Known::Tuple(left), Known::Tuple(right)) => order_of_parts(left, right),
        _ => None,
    }
}

fn order_of_parts(left: &[Known], right: &[Known]) -> Option<Ordering> {
    for (left, right) in left.iter().zip(right) {
        match order(left, right)? {
            Ordering::Equal => {}
            decided => return Some(decided),
        }
    }
    Some(left.len().cmp(&right.len()))
}
