//! What the names of a file stand for: modules and what was taken out of them, and values given to them.

use std::cell::Cell;

use foldhash::HashMap;
use ruff_python_ast::{Expr, ExprAttribute, ExprCall, ExprName};
use smallvec::SmallVec;

/// What a loop goes over, and which part of its elements a name is given, where it is one of several.
pub(super) type Loop<'a> = (&'a Expr, Option<usize>);

/// What a name stands for is most often one thing, which then needs no memory of its own.
type Few<T> = SmallVec<[T; 1]>;

/// How many steps a question may take. Names stand for names, and `x = x + x` is made quickly.
const STEPS: u32 = 500;
/// How many steps all questions about a file may take.
const ALL_STEPS: u32 = 4_000_000;

/// Steps that are left.
pub(super) struct Steps(Cell<u32>);

impl Default for Steps {
    fn default() -> Self {
        Self(Cell::new(ALL_STEPS))
    }
}

impl Steps {
    pub(super) fn begin(&self) {
        self.0.set(STEPS);
    }

    /// `None` where there are no more.
    pub(super) fn take(&self) -> Option<()> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(())
    }
}

/// The names of one file, whatever the scope: what two functions call alike is held to be either.
#[derive(Default)]
pub(crate) struct Names<'a> {
    imported: HashMap<&'a str, Few<Imported<'a>>>,
    /// Modules of which everything was taken.
    stars: Vec<&'a str>,
    values: HashMap<&'a str, Few<&'a Expr>>,
    /// `for x in y`, by `x`.
    loops: HashMap<&'a str, Few<Loop<'a>>>,
    /// `self.x = …`, by `x`.
    attributes: HashMap<&'a str, Few<&'a Expr>>,
    /// `x: T`, by `x`.
    annotations: HashMap<&'a str, Few<&'a Expr>>,
    /// Defaults of options on the command line, by the name that the code reads them by.
    defaults: HashMap<String, Vec<&'a Expr>>,
    /// Whether values are kept: a walk that asks for no values is spared them.
    keeps_values: bool,
    all_steps: Steps,
    name_steps: Steps,
    pub(super) text_steps: Steps,
    pub(super) place_steps: Steps,
}

#[derive(Clone, Copy)]
struct Imported<'a> {
    module: &'a str,
    member: Option<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(keeps_values: bool) -> Self {
        Self { keeps_values, ..Self::default() }
    }

    /// `import module` or `import module as name`
    pub(super) fn import(&mut self, module: &'a str, name: Option<&'a str>) {
        let (name, module) = if let Some(name) = name {
            (name, module)
        } else {
            let top = module.split('.').next().unwrap_or(module);
            (top, top)
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

    /// `target = value`
    pub(super) fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        if !self.keeps_values {
            return;
        }
        match target {
            Expr::Name(name) => self.values.entry(&name.id).or_default().push(value),
            Expr::Attribute(attribute) => self.attributes.entry(&attribute.attr).or_default().push(value),
            Expr::Tuple(targets) => {
                if let Expr::Tuple(values) = value
                    && values.elts.len() == targets.elts.len()
                {
                    for (target, value) in targets.elts.iter().zip(&values.elts) {
                        self.assign(target, value);
                    }
                }
            }
            _ => {}
        }
    }

    /// `add_argument("--env-id", default=value)`: what `args.env_id` is where nothing else is said.
    pub(super) fn option(&mut self, call: &'a ExprCall) {
        if !self.keeps_values {
            return;
        }
        let text = |expr: &'a Expr| match expr {
            Expr::StringLiteral(text) => Some(text.value.to_str()),
            _ => None,
        };
        let keyword = |name: &str| call.arguments.find_keyword(name).map(|keyword| &keyword.value);
        let Some(default) = keyword("default") else { return };
        // The first long one counts, else the first.
        let words: Vec<&str> = call.arguments.args.iter().filter_map(text).collect();
        let first = words.iter().find(|word| word.starts_with("--")).or(words.first()).copied();
        if let Some(name) = keyword("dest").and_then(text).or(first) {
            let name = name.trim_start_matches('-').replace('-', "_");
            self.defaults.entry(name).or_default().push(default);
        }
    }

    /// What an expression is by default, where it is an option of the command line: `args.env_id`, or `env_id` where the
    /// function has it as a parameter.
    pub(crate) fn default_of(&self, expr: &Expr) -> Option<&'a Expr> {
        let name = match expr {
            Expr::Attribute(attribute) if !self.is_imported(expr) => attribute.attr.as_str(),
            Expr::Name(name) if self.values(&name.id).is_empty() => name.id.as_str(),
            _ => return None,
        };
        match self.defaults.get(name)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// `for target in iterated`
    pub(super) fn iterate(&mut self, target: &'a Expr, iterated: &'a Expr) {
        if !self.keeps_values {
            return;
        }
        let elements = match iterated {
            Expr::Tuple(tuple) => tuple.elts.as_slice(),
            Expr::List(list) => list.elts.as_slice(),
            _ => &[],
        };
        for element in elements {
            self.assign(target, element);
        }
        if !elements.is_empty() {
            return;
        }
        let (targets, is_one) = match target {
            Expr::Tuple(targets) => (targets.elts.as_slice(), false),
            one => (std::slice::from_ref(one), true),
        };
        for (at, target) in targets.iter().enumerate() {
            if let Expr::Name(name) = target {
                let part = (!is_one).then_some(at);
                self.loops.entry(&name.id).or_default().push((iterated, part));
            }
        }
    }

    /// `name: annotation`
    pub(super) fn annotate(&mut self, name: &'a str, annotation: &'a Expr) {
        if self.keeps_values {
            self.annotations.entry(name).or_default().push(annotation);
        }
    }

    /// What an import calls the thing that has this name here: `express` for `px`.
    pub(super) fn original<'n>(&'n self, name: &'n str) -> &'n str {
        match self.imported.get(name).and_then(|imported| imported.first()) {
            Some(Imported { member: Some(member), .. }) => member,
            Some(Imported { module, member: None }) => module.rsplit('.').next().unwrap_or(module),
            None => name,
        }
    }

    /// What was assigned to a name.
    pub(crate) fn values(&self, name: &str) -> &[&'a Expr] {
        self.values.get(name).map_or(&[], SmallVec::as_slice)
    }

    /// Over what loops gave a name its values.
    pub(super) fn loops(&self, name: &str) -> &[Loop<'a>] {
        self.loops.get(name).map_or(&[], SmallVec::as_slice)
    }

    /// Whatever has to do with a name's values: those assigned, and what loops took them from.
    fn values_and_loops(&self, name: &str) -> impl Iterator<Item = &'a Expr> {
        let loops = self.loops(name).iter().map(|(iterated, _)| *iterated);
        self.values(name).iter().copied().chain(loops)
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
        self.name_steps.begin();
        self.full_within(expr)
    }

    /// The same for an attribute.
    pub(crate) fn full_of_attribute(&self, attribute: &ExprAttribute) -> Vec<String> {
        let mut full = self.full(&attribute.value);
        for full in &mut full {
            full.push('.');
            full.push_str(&attribute.attr);
        }
        full
    }

    /// The same for a name.
    pub(crate) fn full_of_name(&self, name: &ExprName) -> Vec<String> {
        self.name_steps.begin();
        self.full_of(&name.id)
    }

    /// A step of a question, by the question's own count and by that of the file.
    pub(super) fn step(&self, steps: &Steps) -> Option<()> {
        self.all_steps.take()?;
        steps.take()
    }

    fn full_within(&self, expr: &Expr) -> Vec<String> {
        if self.step(&self.name_steps).is_none() {
            return Vec::new();
        }
        match expr {
            Expr::Attribute(attribute) => self
                .full_within(&attribute.value)
                .into_iter()
                .map(|full| format!("{full}.{}", attribute.attr))
                .collect(),
            Expr::Name(name) => self.full_of(&name.id),
            _ => Vec::new(),
        }
    }

    fn full_of(&self, name: &str) -> Vec<String> {
        if let Some(imported) = self.imported.get(name) {
            let full = imported.iter().map(|imported| match imported.member {
                Some(member) => format!("{}.{member}", imported.module),
                None => imported.module.to_owned(),
            });
            return full.collect();
        }
        if self.values_and_loops(name).next().is_none() {
            let starred = self.stars.iter().map(|module| format!("{module}.{name}"));
            return starred.chain([name.to_owned()]).collect();
        }
        // `load = importlib.import_module`
        let values = self.values_and_loops(name);
        let aliases = values.filter(|it| matches!(it, Expr::Attribute(_) | Expr::Name(_)));
        aliases.flat_map(|value| self.full_within(value)).collect()
    }

    /// Where a value comes from: the full names of the functions and classes that it, or what it was made
    /// of, was got by. For `df.groupby("a").mean()` with `df = pd.read_csv(…)` that is `pandas.read_csv`.
    pub(crate) fn origins(&self, expr: &Expr) -> Vec<String> {
        let mut found = Vec::new();
        self.name_steps.begin();
        self.origins_within(expr, &mut found, &mut Vec::new());
        found
    }

    fn origins_within<'e>(&'e self, expr: &'e Expr, found: &mut Vec<String>, known: &mut Vec<&'e str>) {
        if self.step(&self.name_steps).is_none() {
            return;
        }
        match expr {
            Expr::Call(call) => self.origins_within(&call.func, found, known),
            Expr::Subscript(subscript) => self.origins_within(&subscript.value, found, known),
            Expr::Await(awaited) => self.origins_within(&awaited.value, found, known),
            Expr::Named(named) => self.origins_within(&named.value, found, known),
            Expr::BinOp(operation) => self.origins_within(&operation.left, found, known),
            Expr::Attribute(attribute) => {
                if self.is_imported(expr) {
                    found.extend(self.full_within(expr));
                    return;
                }
                if matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "self") {
                    for value in self.attributes.get(attribute.attr.as_str()).into_iter().flatten() {
                        self.origins_within(value, found, known);
                    }
                    return;
                }
                self.origins_within(&attribute.value, found, known);
            }
            Expr::Name(name) => {
                if self.is_imported(expr) {
                    found.extend(self.full_within(expr));
                    return;
                }
                // `df = df.loc[…]`
                if known.contains(&name.id.as_str()) {
                    return;
                }
                known.push(&name.id);
                for annotation in self.annotations.get(name.id.as_str()).into_iter().flatten() {
                    if self.is_imported(annotation) {
                        found.extend(self.full_within(annotation));
                    }
                }
                for value in self.values_and_loops(&name.id) {
                    self.origins_within(value, found, known);
                }
            }
            _ => {}
        }
    }

    /// Whether the expression begins with a name that an import gave.
    pub(crate) fn is_imported(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Attribute(attribute) => self.is_imported(&attribute.value),
            Expr::Name(name) => self.imported.contains_key(name.id.as_str()),
            _ => false,
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

/// The name at the beginning of `name.a[0].b()`.
pub(crate) fn first_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => first_name(&attribute.value),
        Expr::Call(call) => first_name(&call.func),
        Expr::Subscript(subscript) => first_name(&subscript.value),
        _ => None,
    }
}
