//! What the names of a file stand for: modules and what was taken out of them, and values given to them.

use std::collections::HashMap;

use ruff_python_ast::Expr;

/// How deep a name may stand for a name that stands for a name.
const LONGEST_CHAIN: u32 = 8;

/// The names of one file, whatever the scope: what two functions call alike is held to be either.
#[derive(Default)]
pub(crate) struct Names<'a> {
    imported: HashMap<&'a str, Vec<Imported<'a>>>,
    /// Modules of which everything was taken.
    stars: Vec<&'a str>,
    values: HashMap<&'a str, Vec<&'a Expr>>,
    /// Whether values are kept: a walk that asks for no values is spared them.
    pub(super) keeps_values: bool,
}

#[derive(Clone, Copy)]
struct Imported<'a> {
    module: &'a str,
    member: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// `import module` or `import module as name`
    pub(super) fn import(&mut self, module: &'a str, name: Option<&'a str>) {
        let (name, module) = match name {
            Some(name) => (name, module),
            None => {
                let top = module.split('.').next().unwrap_or(module);
                (top, top)
            }
        };
        self.imported.entry(name).or_default().push(Imported { module, member: None });
    }

    /// `from module import member as name`
    pub(super) fn from(&mut self, module: &'a str, member: &'a str, name: &'a str) {
        if member == "*" {
            self.stars.push(module);
        } else {
            self.imported.entry(name).or_default().push(Imported { module, member: Some(member) });
        }
    }

    /// `name = value`
    pub(super) fn assign(&mut self, name: &'a str, value: &'a Expr) {
        if self.keeps_values {
            self.values.entry(name).or_default().push(value);
        }
    }

    /// What was assigned to a name.
    pub(super) fn values(&self, name: &str) -> &[&'a Expr] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether an expression like `sys.platform` begins with what one of the modules gave.
    pub(super) fn comes_from(&self, expr: &Expr, modules: &[&str]) -> bool {
        match expr {
            Expr::Attribute(attribute) => self.comes_from(&attribute.value, modules),
            Expr::Name(name) => self.imported.get(name.id.as_str()).is_some_and(|imported| {
                imported.iter().any(|it| modules.contains(&it.module.split('.').next().unwrap_or_default()))
            }),
            _ => false,
        }
    }

    /// The full names that an expression like `np.random.seed` may stand for, by the imports; the plain
    /// name for what nothing in the file gives (built-in functions).
    pub(crate) fn full(&self, expr: &Expr) -> Vec<String> {
        self.full_within(expr, LONGEST_CHAIN)
    }

    fn full_within(&self, expr: &Expr, chain: u32) -> Vec<String> {
        match expr {
            Expr::Attribute(attribute) => self
                .full_within(&attribute.value, chain)
                .into_iter()
                .map(|full| format!("{full}.{}", attribute.attr))
                .collect(),
            Expr::Name(name) => {
                let name = name.id.as_str();
                if let Some(imported) = self.imported.get(name) {
                    return imported
                        .iter()
                        .map(|imported| match imported.member {
                            Some(member) => format!("{}.{member}", imported.module),
                            None => imported.module.to_owned(),
                        })
                        .collect();
                }
                let values = self.values(name);
                if values.is_empty() {
                    let starred = self.stars.iter().map(|module| format!("{module}.{name}"));
                    return starred.chain([name.to_owned()]).collect();
                }
                // `load = importlib.import_module`
                let Some(chain) = chain.checked_sub(1) else { return Vec::new() };
                let aliases = values.iter().filter(|it| matches!(it, Expr::Attribute(_) | Expr::Name(_)));
                aliases.flat_map(|value| self.full_within(value, chain)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The texts that an expression may stand for, where it stands for nothing else.
    #[cfg(test)]
    pub(crate) fn texts(&self, expr: &Expr) -> Option<Vec<String>> {
        self.texts_within(expr, LONGEST_CHAIN)
    }

    #[cfg(test)]
    fn texts_within(&self, expr: &Expr, chain: u32) -> Option<Vec<String>> {
        match expr {
            Expr::StringLiteral(text) => Some(vec![text.value.to_str().to_owned()]),
            Expr::Name(name) => {
                let chain = chain.checked_sub(1)?;
                let values = self.values(&name.id);
                if values.is_empty() {
                    return None;
                }
                let mut texts = Vec::new();
                for value in values {
                    texts.extend(self.texts_within(value, chain)?);
                }
                Some(texts)
            }
            Expr::If(choice) => {
                let mut texts = self.texts_within(&choice.body, chain.checked_sub(1)?)?;
                texts.extend(self.texts_within(&choice.orelse, chain.checked_sub(1)?)?);
                Some(texts)
            }
            _ => None,
        }
    }
}

/// The name at the end of `a.b.name`.
pub(crate) fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => Some(&attribute.attr),
        _ => None,
    }
}
