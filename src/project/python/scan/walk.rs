//! The one walk through a file's statements: imports and their guards, and what is to be looked at once all
//! names are known.

use foldhash::{HashMap, HashSet};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    BoolOp, CmpOp, Comprehension, ExceptHandler, Expr, ExprAttribute, ExprCall, ExprName, IpyEscapeKind,
    Parameter, Pattern, Stmt, StmtAugAssign, StmtFor, StmtIf, StmtMatch, StmtTry, StmtWith, UnaryOp,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::condition::Conditions;
use super::leaving::{enders, leaves, leaves_block};
use super::names::{Names, last_name};
use super::words::Words;
use crate::project::python::imports::{Guard, How, Import};
use crate::project::python::places::Places;
use crate::project::python::target::Target;

/// What in a file is looked at besides its statements, where anything is.
#[derive(Clone, Default)]
pub(crate) struct Triggers {
    /// Last names of functions.
    pub(crate) calls: Words,
    /// Attributes that matter without being called.
    pub(crate) attributes: Words,
    /// Keywords of calls, and keys of dictionaries.
    pub(crate) keywords: Words,
}

/// Something in an expression that is to be understood once all names are known.
pub(crate) struct Seen<'a> {
    pub(crate) what: What<'a>,
    pub(crate) guard: Guard,
    pub(crate) in_function: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    Call(&'a ExprCall),
    Attribute {
        attribute: &'a ExprAttribute,
        called: bool,
    },
    /// `key=value` in a call, or `"key": value` in a dictionary.
    Item {
        key: &'a str,
        value: &'a Expr,
    },
    /// A name that an import gave, where it is called, handed over or derived from.
    Name(&'a ExprName),
    /// `target = value`, `target += value` where the target may be `sys.path` or `os.environ["X"]`.
    Assigned {
        target: &'a Expr,
        value: &'a Expr,
    },
    Escape {
        kind: IpyEscapeKind,
        value: &'a str,
        place: TextSize,
    },
}

/// The walk and what it found.
pub(crate) struct Walk<'a> {
    source: &'a str,
    target: &'a Target,
    triggers: Option<&'a Triggers>,
    pub(super) places: Places<'a>,
    pub(super) names: Names<'a>,
    functions: u32,
    guard: Guard,
    /// What stands around each attempt, by its number.
    pub(super) attempts: Vec<Guard>,
    /// Names that tell whether an attempt has succeeded, and whether they say so by being true.
    told_by: HashMap<&'a str, (u32, bool)>,
    /// Names of conditions: `WINDOWS = os.name == "nt"`.
    truths: HashMap<&'a str, bool>,
    /// Attempts without whose success the file itself cannot be loaded.
    required: HashSet<u32>,
    /// Functions that never come back.
    enders: HashSet<&'a str>,
    is_program: bool,
    has_tests: bool,
    /// Local names of functions that are looked at: `from importlib import import_module as im`.
    renamed: Vec<&'a str>,
    /// Local names of classes and functions of which it matters whether they are used.
    watched: HashSet<&'a str>,
    /// What is called by the call that was looked at last.
    called: Option<TextRange>,
    imports: Vec<Import>,
    pub(super) seen: Vec<Seen<'a>>,
}

/// What a test says about an attempt.
#[derive(Clone, Copy)]
struct Answer {
    attempt: u32,
    /// The test holds where the attempt has succeeded.
    positive: bool,
    /// It is known what has happened where the test holds, and where it does not.
    here: bool,
    otherwise: bool,
}

impl Answer {
    fn of(attempt: u32, positive: bool) -> Self {
        Self { attempt, positive, here: true, otherwise: true }
    }

    fn opposite(self) -> Self {
        let Self { attempt, positive, here, otherwise } = self;
        Self { attempt, positive: !positive, here: otherwise, otherwise: here }
    }
}

/// What a walk through one text gave.
pub(super) struct Walked<'a> {
    pub(super) imports: Vec<Import>,
    pub(super) seen: Vec<Seen<'a>>,
    pub(super) is_program: bool,
    pub(super) has_tests: bool,
}

impl<'a> Walk<'a> {
    /// A walk through statements alone, or through expressions, too.
    pub(crate) fn new(source: &'a str, target: &'a Target, triggers: Option<&'a Triggers>) -> Self {
        Self {
            source,
            target,
            triggers,
            places: Places::new(source),
            names: Names::new(triggers.is_some()),
            functions: 0,
            guard: Guard::None,
            attempts: Vec::new(),
            told_by: HashMap::default(),
            truths: HashMap::default(),
            required: HashSet::default(),
            enders: HashSet::default(),
            is_program: false,
            has_tests: false,
            renamed: Vec::new(),
            watched: HashSet::default(),
            called: None,
            imports: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Goes through a text, with the names of those before it: cells of a notebook share theirs.
    pub(super) fn read(&mut self, source: &'a str, body: &'a [Stmt]) -> Walked<'a> {
        self.source = source;
        self.places = Places::new(source);
        self.enders.extend(enders(body));
        self.body(body);
        Walked {
            imports: self.take_imports(),
            seen: std::mem::take(&mut self.seen),
            is_program: std::mem::take(&mut self.is_program),
            has_tests: std::mem::take(&mut self.has_tests),
        }
    }

    pub(super) fn take_imports(&mut self) -> Vec<Import> {
        let mut imports = std::mem::take(&mut self.imports);
        for import in &mut imports {
            if let Guard::Tried { attempt } = import.guard
                && self.required.contains(&attempt)
            {
                import.guard = self.attempts.get(attempt as usize).cloned().unwrap_or_default();
            }
        }
        imports
    }

    fn add(&mut self, how: How, module: &str, level: u32, names: Vec<String>, place: TextSize) {
        let (line, column) = self.places.of(place);
        self.imports.push(Import {
            module: module.to_owned(),
            level,
            names,
            how,
            line,
            column,
            in_function: self.functions > 0,
            guard: self.guard.clone(),
        });
    }

    /// Goes through statements. Where one of them leaves the block unless a condition holds, the rest stands
    /// under that condition. Where it fails instead, the rest needs what it asks for.
    pub(crate) fn body(&mut self, body: &'a [Stmt]) {
        let mut outer = None;
        for stmt in body {
            self.visit_stmt(stmt);
            if let Stmt::If(StmtIf { test, body, elif_else_clauses, .. }) = stmt
                && elif_else_clauses.is_empty()
                && (leaves_block(body) || self.ends(body))
                && let (_, Some(rest)) = self.guards(test)
            {
                if matches!(rest, Guard::Tried { .. }) && self.ends(body) {
                    continue;
                }
                let before = std::mem::replace(&mut self.guard, rest);
                outer.get_or_insert(before);
            }
        }
        if let Some(outer) = outer {
            self.guard = outer;
        }
    }

    fn guarded(&mut self, guard: Guard, body: &'a [Stmt]) {
        let outer = if self.never_runs() { None } else { Some(std::mem::replace(&mut self.guard, guard)) };
        self.body(body);
        if let Some(outer) = outer {
            self.guard = outer;
        }
    }

    fn never_runs(&self) -> bool {
        matches!(self.guard, Guard::TypeChecking | Guard::Elsewhere { .. })
    }

    /// Whether the program ends, or an exception is raised, on every path through the statements.
    fn ends(&self, body: &[Stmt]) -> bool {
        leaves(body, &self.enders)
    }

    fn begin_attempt(&mut self) -> u32 {
        self.attempts.push(self.guard.clone());
        u32::try_from(self.attempts.len() - 1).unwrap_or(u32::MAX)
    }

    fn holds(&self, test: &Expr, typing: bool) -> Option<bool> {
        Conditions { names: &self.names, target: self.target, truths: &self.truths, typing }.holds(test)
    }

    fn text(&self, expr: &Expr) -> String {
        let text = self.source.get(expr.range().to_std_range()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What stands under a test and what under its opposite, where the test says anything.
    fn guards(&mut self, test: &Expr) -> (Option<Guard>, Option<Guard>) {
        let at_run = self.holds(test, false);
        let typed = self.holds(test, true);
        match at_run {
            Some(true) if typed == Some(true) => {
                return (None, Some(Guard::Elsewhere { condition: format!("not {}", self.text(test)) }));
            }
            Some(true) => return (None, Some(Guard::TypeChecking)),
            Some(false) if typed == Some(false) => {
                return (Some(Guard::Elsewhere { condition: self.text(test) }), None);
            }
            Some(false) => return (Some(Guard::TypeChecking), None),
            None => {}
        }
        let Some(Answer { attempt, positive, here, otherwise }) = self.answer(test) else {
            return (None, None);
        };
        let (tried, fallback) = (Guard::Tried { attempt }, Guard::Fallback { attempt });
        let (body, rest) = if positive { (tried, fallback) } else { (fallback, tried) };
        (here.then_some(body), otherwise.then_some(rest))
    }

    fn answer(&mut self, test: &Expr) -> Option<Answer> {
        match test {
            Expr::Name(name) => {
                let (attempt, positive) = *self.told_by.get(name.id.as_str())?;
                Some(Answer::of(attempt, positive))
            }
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => {
                self.answer(&operation.operand).map(Answer::opposite)
            }
            Expr::Compare(comparison) => {
                let ([op], [Expr::NoneLiteral(_)]) = (&*comparison.ops, &*comparison.comparators) else {
                    return None;
                };
                let answer = self.answer(&comparison.left)?;
                match op {
                    CmpOp::IsNot | CmpOp::NotEq => Some(answer),
                    CmpOp::Is | CmpOp::Eq => Some(answer.opposite()),
                    _ => None,
                }
            }
            // All values hold where `and` does, and none where `or` does not.
            Expr::BoolOp(operation) => {
                let answers: Vec<_> = operation.values.iter().map(|value| self.answer(value)).collect();
                let known = |answer: &&Answer| {
                    if operation.op == BoolOp::And { answer.here } else { answer.otherwise }
                };
                let first = *answers.iter().flatten().find(known)?;
                let all_alike = answers.iter().all(|answer| {
                    answer.is_some_and(|it| it.positive == first.positive && it.here && it.otherwise)
                });
                let (here, otherwise) = match operation.op {
                    BoolOp::And => (true, all_alike),
                    BoolOp::Or => (all_alike, true),
                };
                Some(Answer { here, otherwise, ..first })
            }
            Expr::Call(call) if asks_for_a_module(call) => Some(Answer::of(self.begin_attempt(), true)),
            _ => None,
        }
    }

    fn branches(&mut self, stmt: &'a StmtIf) {
        let (mut body, mut otherwise) = self.guards(&stmt.test);
        // What fails where the module is not there needs it.
        if let (Some(Guard::Tried { .. }), Some(last)) = (&body, stmt.elif_else_clauses.last())
            && last.test.is_none()
            && self.ends(&last.body)
        {
            body = None;
        }
        self.is_program |= self.functions == 0 && is_main(&stmt.test);
        if let Some(Guard::Fallback { attempt }) = body
            && self.functions == 0
            && self.guard == Guard::None
            && self.ends(&stmt.body)
        {
            self.required.insert(attempt);
        }
        self.optionally_guarded(body, &stmt.body);
        for clause in &stmt.elif_else_clauses {
            let own = match (&clause.test, &otherwise) {
                // What is not reached is not asked.
                (Some(test), None | Some(Guard::Fallback { .. } | Guard::Tried { .. })) => {
                    self.visit_expr(test);
                    let (body, next) = self.guards(test);
                    let own = body.or(otherwise.clone());
                    otherwise = next.or(otherwise);
                    own
                }
                (_, reached) => reached.clone(),
            };
            self.optionally_guarded(own, &clause.body);
        }
    }

    fn optionally_guarded(&mut self, guard: Option<Guard>, body: &'a [Stmt]) {
        match guard {
            Some(guard) => self.guarded(guard, body),
            None => self.body(body),
        }
    }

    fn attempt(&mut self, stmt: &'a StmtTry) {
        let StmtTry { body, handlers, orelse, finalbody, .. } = stmt;
        let begins_with_import = begins_with_import(body);
        let catching = handlers.iter().find_map(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            match handler.type_.as_deref().map_or(Catches::All, catches) {
                Catches::Nothing => None,
                // Whoever catches everything around a longer piece of work does not mean the import in it.
                Catches::All if !begins_with_import => None,
                _ => Some(&handler.body),
            }
        });
        let attempt = catching.map(|handler| (self.begin_attempt(), !self.ends(handler)));
        match attempt {
            Some((attempt, true)) => self.guarded(Guard::Tried { attempt }, body),
            _ => self.body(body),
        }
        for ExceptHandler::ExceptHandler(handler) in handlers {
            if let Some(kind) = &handler.type_ {
                self.visit_expr(kind);
            }
            match attempt {
                Some((attempt, _))
                    if catching.is_some_and(|it| std::ptr::eq(it, &raw const handler.body)) =>
                {
                    self.guarded(Guard::Fallback { attempt }, &handler.body);
                }
                _ => self.body(&handler.body),
            }
        }
        match (attempt, catching) {
            (Some((attempt, true)), Some(handler)) => {
                self.tell_tales(attempt, body, handler, orelse);
                self.guarded(Guard::Tried { attempt }, orelse);
            }
            _ => self.body(orelse),
        }
        self.body(finalbody);
    }

    /// Which names tell how an attempt went.
    fn tell_tales(&mut self, attempt: u32, body: &'a [Stmt], handler: &'a [Stmt], orelse: &'a [Stmt]) {
        for (name, truth) in constants(handler) {
            self.told_by.insert(name, (attempt, !truth));
        }
        for (name, truth) in constants(body).chain(constants(orelse)) {
            self.told_by.entry(name).or_insert((attempt, truth));
        }
    }

    fn see(&mut self, what: What<'a>) {
        self.seen.push(Seen { what, guard: self.guard.clone(), in_function: self.functions > 0 });
    }

    fn assigned(&mut self, target: &'a Expr, value: &'a Expr) {
        self.names.assign(target, value);
        if self.triggers.is_some() && matches!(target, Expr::Attribute(_) | Expr::Subscript(_)) {
            self.see_assignment(target, value);
        }
        let Expr::Name(name) = target else { return };
        let name = name.id.as_str();
        if let (Some(triggers), Some(last)) = (self.triggers, last_name(value))
            && triggers.calls.contain(last)
        {
            self.renamed.push(name);
        }
        if matches!(value, Expr::Compare(_) | Expr::BoolOp(_) | Expr::UnaryOp(_) | Expr::Call(_)) {
            if let Some(truth) = self.holds(value, false) {
                self.truths.insert(name, truth);
            } else if let Some(Answer { attempt, positive, here: true, otherwise: true }) = self.answer(value)
            {
                self.told_by.insert(name, (attempt, positive));
            }
        }
    }
}

impl<'a> Walk<'a> {
    /// The last name of an expression, as the module has it that it is from.
    fn original<'e>(&'e self, expr: &'e Expr) -> Option<&'e str> {
        match expr {
            Expr::Name(name) => Some(self.names.original(&name.id)),
            _ => last_name(expr),
        }
    }

    /// A name in a place where what it stands for is used: called, handed over, derived from.
    fn uses(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if self.watched.contains(name.id.as_str()) => self.see(What::Name(name)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| self.uses(element)),
            Expr::List(list) => list.elts.iter().for_each(|element| self.uses(element)),
            _ => {}
        }
    }

    fn is_looked_at(&self, triggers: &Triggers, call: &ExprCall) -> bool {
        match &*call.func {
            Expr::Name(name) => triggers.calls.contain(&name.id) || self.renamed.contains(&name.id.as_str()),
            Expr::Attribute(attribute) => {
                let on = self.original(&attribute.value);
                if triggers.calls.contain(&attribute.attr) {
                    // Lists are appended to everywhere.
                    return match attribute.attr.as_str() {
                        "append" | "insert" | "extend" => last_name(&attribute.value) == Some("path"),
                        "setdefault" => last_name(&attribute.value) == Some("environ"),
                        _ => true,
                    };
                }
                on.is_some_and(|name| triggers.calls.contain(name))
            }
            _ => false,
        }
    }

    /// `sys.path = …`, `sys.path += …`, `sys.path[:0] = …`, `os.environ["X"] = …`
    fn see_assignment(&mut self, target: &'a Expr, value: &'a Expr) {
        let changed = match target {
            Expr::Subscript(subscript) => &subscript.value,
            _ => target,
        };
        if matches!(last_name(changed), Some("path" | "environ")) {
            self.see(What::Assigned { target, value });
        }
    }
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        self.body(body);
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.names
                        .import(&alias.name, alias.asname.as_ref().map(ruff_python_ast::Identifier::as_str));
                    self.add(How::Import, &alias.name, 0, Vec::new(), alias.range.start());
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_deref().unwrap_or_default();
                if import.level == 0 {
                    for alias in &import.names {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.names.from(module, &alias.name, name);
                        let Some(triggers) = self.triggers else { continue };
                        if alias.asname.is_some() && triggers.calls.contain(&alias.name) {
                            self.renamed.push(name);
                        }
                        let last = module.rsplit('.').next().unwrap_or(module);
                        if triggers.attributes.contain(&alias.name) || triggers.attributes.contain(last) {
                            self.watched.insert(name);
                        }
                    }
                }
                let names = import.names.iter().map(|alias| alias.name.as_str().to_owned()).collect();
                self.add(How::From, module, import.level, names, import.range.start());
            }
            Stmt::FunctionDef(function) => {
                self.has_tests |= self.functions == 0 && function.name.starts_with("test_");
                self.functions += 1;
                visitor::walk_stmt(self, stmt);
                self.functions -= 1;
            }
            Stmt::ClassDef(class) => {
                for base in class.bases() {
                    self.uses(base);
                    self.has_tests |= last_name(base).is_some_and(|name| name.ends_with("TestCase"));
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::Try(stmt) => self.attempt(stmt),
            Stmt::With(StmtWith { items, body, .. }) => {
                for item in items {
                    self.visit_expr(&item.context_expr);
                    if let Some(name) = item.optional_vars.as_deref() {
                        self.names.assign(name, &item.context_expr);
                    }
                }
                if items.iter().any(|item| suppresses_import_error(&item.context_expr)) {
                    let attempt = self.begin_attempt();
                    self.guarded(Guard::Tried { attempt }, body);
                } else {
                    self.body(body);
                }
            }
            Stmt::If(stmt) => {
                self.visit_expr(&stmt.test);
                self.branches(stmt);
            }
            Stmt::Match(StmtMatch { subject, cases, .. }) => {
                self.visit_expr(subject);
                for case in cases {
                    let value = match &case.pattern {
                        Pattern::MatchValue(value) => Some(&*value.value),
                        _ => None,
                    };
                    let differs = value.is_some_and(|value| {
                        let both = Conditions {
                            names: &self.names,
                            target: self.target,
                            truths: &self.truths,
                            typing: false,
                        };
                        both.equal(subject, value) == Some(false)
                    });
                    let guard = value.filter(|_| differs).map(|value| Guard::Elsewhere {
                        condition: format!("{} == {}", self.text(subject), self.text(value)),
                    });
                    self.optionally_guarded(guard, &case.body);
                }
            }
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.assigned(target, &assign.value);
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::AnnAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.names.annotate(&name.id, &assign.annotation);
                }
                if let Some(value) = &assign.value {
                    self.assigned(&assign.target, value);
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::AugAssign(StmtAugAssign { target, value, .. }) => {
                if self.triggers.is_some() {
                    self.see_assignment(target, value);
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::IpyEscapeCommand(command) => {
                self.see(What::Escape { kind: command.kind, value: &command.value, place: stmt.start() });
            }
            Stmt::For(StmtFor { target, iter, .. }) => {
                self.names.iterate(target, iter);
                visitor::walk_stmt(self, stmt);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        if let Some(annotation) = &parameter.annotation {
            self.names.annotate(&parameter.name, annotation);
        }
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.names.iterate(&comprehension.target, &comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }

    // What annotations name is not called.
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        let Some(triggers) = self.triggers else { return };
        match expr {
            Expr::Call(call) => {
                if self.is_looked_at(triggers, call) {
                    self.see(What::Call(call));
                }
                // Those of argparse and of click.
                if let Expr::Attribute(it) = &*call.func
                    && matches!(it.attr.as_str(), "add_argument" | "option")
                {
                    self.names.option(call);
                }
                self.called = Some(call.func.range());
                if !self.watched.is_empty() {
                    self.uses(&call.func);
                    if !matches!(last_name(&call.func), Some("isinstance" | "issubclass")) {
                        let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                        call.arguments.args.iter().chain(keywords).for_each(|argument| self.uses(argument));
                    }
                }
                for keyword in &call.arguments.keywords {
                    if let Some(key) = &keyword.arg
                        && triggers.keywords.contain(key)
                    {
                        self.see(What::Item { key, value: &keyword.value });
                    }
                }
            }
            Expr::Attribute(attribute) => {
                // Whatever is asked of a class uses it: `T5Tokenizer.from_pretrained`.
                if !self.watched.is_empty() {
                    self.uses(&attribute.value);
                }
                if triggers.attributes.contain(&attribute.attr)
                    || self.original(&attribute.value).is_some_and(|it| triggers.attributes.contain(it))
                {
                    let called = self.called == Some(attribute.range());
                    self.see(What::Attribute { attribute, called });
                }
            }
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let Some(Expr::StringLiteral(key)) = &item.key
                        && triggers.keywords.contain(key.value.to_str())
                    {
                        self.see(What::Item { key: key.value.to_str(), value: &item.value });
                    }
                }
            }
            Expr::IpyEscapeCommand(command) => {
                self.see(What::Escape { kind: command.kind, value: &command.value, place: expr.start() });
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// What a handler catches of a failed import.
enum Catches {
    ImportErrors,
    All,
    Nothing,
}

fn catches(kind: &Expr) -> Catches {
    match kind {
        Expr::Tuple(tuple) => {
            let mut found = Catches::Nothing;
            for element in &tuple.elts {
                match catches(element) {
                    Catches::ImportErrors => return Catches::ImportErrors,
                    Catches::All => found = Catches::All,
                    Catches::Nothing => {}
                }
            }
            found
        }
        _ => match last_name(kind) {
            Some("ImportError" | "ModuleNotFoundError") => Catches::ImportErrors,
            Some("Exception" | "BaseException") => Catches::All,
            _ => Catches::Nothing,
        },
    }
}

fn suppresses_import_error(expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    last_name(&call.func) == Some("suppress")
        && call.arguments.args.iter().any(|kind| !matches!(catches(kind), Catches::Nothing))
}

/// `find_spec("x")`, and functions that are named for the same: `is_x_available()` of transformers and accelerate,
/// `package_available("x")`, `is_x_installed()`. Whether there is a GPU is another question.
fn asks_for_a_module(call: &ExprCall) -> bool {
    let Some(name) = last_name(&call.func) else { return false };
    let name = name.trim_start_matches('_');
    match name {
        // The last two, of transformers 4.46, ask for SageMaker's own packages.
        "find_spec"
        | "find_loader"
        | "RequirementCache"
        | "ModuleAvailableCache"
        | "is_sagemaker_mp_enabled"
        | "is_sagemaker_dp_enabled" => true,
        _ => {
            let about = ["_available", "_installed"].iter().find_map(|end| name.strip_suffix(end));
            let about = about.map(|about| about.strip_prefix("is_").unwrap_or(about));
            about.is_some_and(|about| {
                !matches!(about, "" | "is" | "cuda" | "gpu" | "mps" | "device" | "accelerator")
            })
        }
    }
}

fn begins_with_import(body: &[Stmt]) -> bool {
    matches!(body.first(), Some(Stmt::Import(_) | Stmt::ImportFrom(_)))
}

/// Names that are given a constant that is true or false.
fn constants(body: &[Stmt]) -> impl Iterator<Item = (&str, bool)> {
    body.iter().filter_map(|stmt| {
        let Stmt::Assign(assign) = stmt else { return None };
        let truth = match &*assign.value {
            Expr::NoneLiteral(_) => false,
            Expr::BooleanLiteral(literal) => literal.value,
            _ => return None,
        };
        match assign.targets.as_slice() {
            [Expr::Name(name)] => Some((name.id.as_str(), truth)),
            _ => None,
        }
    })
}

/// `__name__ == "__main__"`
fn is_main(test: &Expr) -> bool {
    let Expr::Compare(comparison) = test else { return false };
    let mut sides = std::iter::once(&*comparison.left).chain(&comparison.comparators);
    let is_name = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id.as_str() == "__name__");
    let is_text = |expr: &Expr| matches!(expr, Expr::StringLiteral(it) if it.value.to_str() == "__main__");
    sides.clone().any(is_name) && sides.any(is_text)
}
