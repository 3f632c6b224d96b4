//! What libraries need for what is asked of them, and do not bring along: `implied.toml`.

mod rules;
pub mod versions;
mod yaml;

use std::collections::HashMap;

use ruff_python_ast::{Expr, ExprAttribute, ExprCall, ExprName};
use ruff_text_size::{Ranged, TextRange};

use rules::{Condition, Needs};
pub(crate) use rules::{Rule, Section, sections};
pub use yaml::in_yaml;

use super::imports::{Guard, Import};
use super::places::Places;
use super::scan::Implied;
use super::scan::Setting;
use super::scan::names::{Names, first_name, last_name};
use super::scan::text::{self, UNKNOWN};
use super::scan::walk::{Seen, Triggers, What};
use super::target::Target;

/// How long a call is told at most.
const LONGEST_CALL: usize = 72;
/// How many values are looked at for whether an argument is given.
const GIVEN_STEPS: u32 = 200;

/// The sections of the libraries that a file imports.
#[derive(Default)]
pub(crate) struct Active {
    sections: Vec<&'static Section>,
}

impl Active {
    /// Takes the rules about a library in, or those under a name in parentheses.
    pub(crate) fn add(&mut self, library: &str) {
        for section in sections(library) {
            if !self.sections.iter().any(|it| std::ptr::eq(*it, section)) {
                self.sections.push(section);
            }
        }
    }

    /// Whether any rule is about expressions.
    pub(crate) fn asks(&self) -> bool {
        self.sections.iter().any(|section| section.asks)
    }

    pub(crate) fn add_to(&self, triggers: &mut Triggers) {
        for section in self.sections.iter().filter(|section| section.asks) {
            triggers.calls.add(&section.calls);
            triggers.attributes.add(&section.attributes);
            triggers.keywords.add(&section.keywords);
        }
    }
}

/// Finds out what is implied, in one file.
pub(crate) struct Finder<'r, 'a> {
    active: &'r Active,
    names: &'r Names<'a>,
    target: &'r Target,
    source: &'a str,
    places: Places<'a>,
    found: Vec<Implied>,
    /// Where in `found` a rule has said something already.
    known: HashMap<(String, Vec<String>), usize>,
}

/// Where something stands that implies.
struct Site<'s> {
    call: String,
    line: u32,
    column: u32,
    in_function: bool,
    guard: &'s Guard,
}

impl<'r, 'a> Finder<'r, 'a> {
    pub(crate) fn new(active: &'r Active, names: &'r Names<'a>, target: &'r Target, source: &'a str) -> Self {
        let places = Places::new(source);
        Self { active, names, target, source, places, found: Vec::new(), known: HashMap::new() }
    }

    pub(crate) fn into_found(mut self) -> Vec<Implied> {
        self.found.sort_by_key(|implied| (implied.line, implied.column));
        self.found
    }

    fn add(&mut self, section: &Section, rule: &Rule, needs: &Needs, certain: bool, site: &Site<'_>) {
        if matches!(site.guard, Guard::TypeChecking | Guard::Elsewhere { .. }) {
            return;
        }
        if rule.since.is_some_and(|since| self.target.python < since) {
            return;
        }
        // What is tried may fail.
        let certain = certain && *site.guard == Guard::None;
        for any_of in needs {
            let name = format!("{}/{}", section.name(), rule.name);
            let key = (name.clone(), any_of.clone());
            if let Some(index) = self.known.get(&key) {
                let known = &mut self.found[*index];
                // The place that is told is one where it is certain.
                if certain && !known.certain {
                    let Site { call, line, column, in_function, .. } = site;
                    *known = Implied {
                        call: call.clone(),
                        line: *line,
                        column: *column,
                        in_function: *in_function,
                        certain,
                        distributions: any_of.clone(),
                        rule: name,
                        why: rule.why.clone(),
                        about: section.libraries(),
                        versions: rule.versions.clone(),
                    };
                }
                continue;
            }
            self.known.insert(key, self.found.len());
            self.found.push(Implied {
                distributions: any_of.clone(),
                rule: name,
                why: rule.why.clone(),
                about: section.libraries(),
                versions: rule.versions.clone(),
                call: site.call.clone(),
                line: site.line,
                column: site.column,
                in_function: site.in_function,
                certain,
            });
        }
    }

    fn text(&self, range: TextRange) -> String {
        let text = self.source.get(range.to_std_range()).unwrap_or_default();
        // More than is shown need not be looked at.
        let text: String = text.chars().take(4 * LONGEST_CALL).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() <= LONGEST_CALL {
            return text;
        }
        text.chars().take(LONGEST_CALL - 1).chain(['…']).collect()
    }

    /// What an import implies by itself.
    pub(crate) fn import(&mut self, import: &Import) {
        if import.level > 0 {
            return;
        }
        // Of most libraries there is no rule.
        let is_about = |section: &&Section| section.modules.contains(&import.top());
        if !self.active.sections.iter().copied().any(|section| is_about(&section)) {
            return;
        }
        let members = import.names.iter().map(|name| format!("{}.{name}", import.module));
        let imported: Vec<String> = std::iter::once(import.module.clone()).chain(members).collect();
        for section in self.active.sections.iter().copied().filter(is_about) {
            for full in &imported {
                let Some(parts) = section.inside(full) else { continue };
                let about = section.about_modules.iter().filter_map(|index| section.rules.get(*index));
                let about = about.filter(|rule| rule.imports.iter().any(|pattern| pattern.begins(&parts)));
                // The import of a class that may be used is no use of it; a module may do it by being loaded.
                let is_module = *full == import.module;
                let about = about.map(|rule| (rule, &rule.needs, rule.certain));
                let used = section.used(full).into_iter();
                let used = used.map(|(rule, needs)| (rule, needs, rule.certain && is_module));
                for (rule, needs, certain) in about.chain(used).collect::<Vec<_>>() {
                    let call = match full.strip_prefix(&import.module).and_then(|rest| rest.strip_prefix('.'))
                    {
                        Some(member) => format!("from {} import {member}", import.module),
                        None => format!("import {full}"),
                    };
                    let site = Site {
                        call,
                        line: import.line,
                        column: import.column,
                        in_function: import.in_function,
                        guard: &import.guard,
                    };
                    self.add(section, rule, needs, certain, &site);
                }
            }
        }
    }

    /// What something seen implies.
    pub(crate) fn seen(&mut self, seen: &Seen<'_>) {
        match seen.what {
            What::Call(call) => self.call(call, seen),
            What::Attribute { attribute, called } => self.attribute(attribute, called, seen),
            What::Name(name) => self.name(name, seen),
            What::Item { key, value } => self.item(key, value, seen),
            What::Assigned { .. } | What::Escape { .. } => {}
        }
    }

    fn site<'s>(&mut self, range: TextRange, seen: &'s Seen<'_>) -> Site<'s> {
        let (line, column) = self.places.of(range.start());
        Site { call: self.text(range), line, column, in_function: seen.in_function, guard: &seen.guard }
    }

    fn call(&mut self, call: &ExprCall, seen: &Seen<'_>) {
        let full = self.names.full(&call.func);
        let method = match &*call.func {
            Expr::Attribute(attribute) => Some(attribute),
            _ => None,
        };
        let Some(last) = method.map(|it| it.attr.as_str()).or_else(|| last_name(&call.func)) else { return };
        // Names may have been changed by the import.
        let mut lasts: Vec<&str> = full.iter().filter_map(|full| full.rsplit('.').next()).collect();
        lasts.push(last);
        lasts.sort_unstable();
        lasts.dedup();
        for section in self.active.sections.iter().copied().filter(|section| section.asks) {
            let inside: Vec<Vec<&str>> = full.iter().filter_map(|full| section.inside(full)).collect();
            for rule in lasts.iter().flat_map(|last| section.called(last)) {
                let is_call = inside.iter().any(|parts| rule.calls.iter().any(|pattern| pattern.fits(parts)));
                let is_method = || {
                    method.is_some_and(|method| {
                        if rule.methods.iter().any(|it| it == last) {
                            return !inside.is_empty() || !self.names.is_imported(&method.value);
                        }
                        rule.members.iter().any(|it| it == last)
                            && self.is_member(section, rule, &method.value)
                    })
                };
                if !(is_call || is_method()) {
                    continue;
                }
                let Some(holds) = self.conditions_hold(rule, call) else { continue };
                let value = rule.argument.as_ref().and_then(|argument| argument.of(call));
                let (needs, certain) = self.needs(rule, value);
                let site = self.site(call.range(), seen);
                self.add(section, rule, &needs, certain && holds, &site);
            }
        }
    }

    /// Something of what the library made.
    fn is_member(&self, section: &Section, rule: &Rule, receiver: &Expr) -> bool {
        let origins = self.names.origins(receiver);
        if origins.iter().any(|origin| section.is_of(origin)) {
            return true;
        }
        origins.is_empty()
            && first_name(receiver)
                .is_some_and(|name| rule.receivers.iter().any(|pattern| text::glob(pattern, name)))
    }

    fn attribute(&mut self, attribute: &ExprAttribute, called: bool, seen: &Seen<'_>) {
        let name = attribute.attr.as_str();
        let full = self.names.full_of_attribute(attribute);
        for section in self.active.sections.iter().copied().filter(|section| section.asks) {
            let by_name = full.iter().flat_map(|full| section.used(full));
            let member = section.rules.iter().filter(|rule| {
                !called
                    && rule.attributes.iter().any(|it| it == name)
                    && self.is_member(section, rule, &attribute.value)
            });
            let all: Vec<_> = by_name.chain(member.map(|rule| (rule, &rule.needs))).collect();
            for (rule, needs) in all {
                let site = self.site(attribute.range(), seen);
                self.add(section, rule, needs, rule.certain, &site);
            }
        }
    }

    fn name(&mut self, name: &ExprName, seen: &Seen<'_>) {
        let full = self.names.full_of_name(name);
        for section in self.active.sections.iter().copied().filter(|section| section.asks) {
            for (rule, needs) in full.iter().flat_map(|full| section.used(full)).collect::<Vec<_>>() {
                let site = self.site(name.range(), seen);
                self.add(section, rule, needs, rule.certain, &site);
            }
        }
    }

    fn item(&mut self, key: &str, value: &Expr, seen: &Seen<'_>) {
        for section in self.active.sections.iter().copied() {
            for rule in section.rules.iter().filter(|rule| rule.keywords.iter().any(|it| it == key)) {
                let given = self.given(value);
                if given == Given::No {
                    continue;
                }
                let (needs, certain) = self.needs(rule, Some(value));
                // A text that a rule names is known, whatever else the argument may be.
                let known = given == Given::Yes || rule.has_literals() && !self.written(value).is_empty();
                let mut site = self.site(value.range(), seen);
                site.call = format!("{key}={}", site.call);
                self.add(section, rule, &needs, certain && known, &site);
            }
        }
    }

    /// A variable of the environment that the code sets, or a magic of IPython.
    pub(crate) fn word(&mut self, kind: &str, setting: &Setting) {
        let Setting { name, value, line, guard } = setting;
        for section in sections(kind) {
            for rule in section.rules.iter().filter(|rule| rule.words.iter().any(|it| it == name)) {
                let needs = match rule.literal_for(value) {
                    Some(needs) => needs,
                    None => &rule.needs,
                };
                let call = format!("{name} {value}").trim().to_owned();
                let site = Site { call, line: *line, column: 1, in_function: false, guard };
                self.add(section, rule, needs, rule.certain, &site);
            }
        }
    }

    fn needs(&self, rule: &Rule, value: Option<&Expr>) -> (Needs, bool) {
        if !rule.has_literals() {
            return (rule.needs.clone(), rule.certain);
        }
        let Some(value) = value else { return (rule.needs.clone(), rule.certain) };
        let written = self.written(value);
        let mut needs = Needs::new();
        let mut matched: Vec<Needs> = Vec::new();
        for text in &written {
            let Some(more) = rule.literal_for(text) else { continue };
            let more: Needs =
                more.iter().map(|any_of| any_of.iter().map(|name| filled(name, text)).collect()).collect();
            for any_of in &more {
                if !needs.contains(any_of) {
                    needs.push(any_of.clone());
                }
            }
            matched.push(more);
        }
        if let Some(first) = matched.first() {
            // Of several values that a name may have, which it is may be for a run to tell.
            let is_open = matched.len() < written.len() || matched.iter().any(|it| it != first);
            return (needs, rule.certain && !(is_open && self.is_choice(value)));
        }
        if !rule.possibly.is_empty() && written.is_empty() {
            return (rule.possibly.clone(), false);
        }
        (rule.needs.clone(), rule.certain)
    }

    /// Whether an expression is one of several.
    fn is_choice(&self, value: &Expr) -> bool {
        match value {
            Expr::If(_) | Expr::Subscript(_) => true,
            Expr::Call(call) => last_name(&call.func) == Some("get"),
            Expr::Name(name) => match self.names.values(&name.id) {
                [only] => !only.is_name_expr() && self.is_choice(only),
                values => values.len() > 1,
            },
            _ => false,
        }
    }

    /// Whether an argument is there at all: `None` and `False` are as if it were not.
    fn given(&self, value: &Expr) -> Given {
        let mut steps = GIVEN_STEPS;
        self.given_within(value, &mut steps)
    }

    fn given_within(&self, value: &Expr, steps: &mut u32) -> Given {
        // `x = x if y else z`, and names that stand for each other in many ways.
        let Some(left) = steps.checked_sub(1) else { return Given::Perhaps };
        *steps = left;
        let both = |one: Given, other: Given| if one == other { one } else { Given::Perhaps };
        match value {
            Expr::NoneLiteral(_) => Given::No,
            Expr::BooleanLiteral(literal) => {
                if literal.value {
                    Given::Yes
                } else {
                    Given::No
                }
            }
            Expr::If(choice) => {
                both(self.given_within(&choice.body, steps), self.given_within(&choice.orelse, steps))
            }
            Expr::Name(name) => {
                let mut given = None;
                for value in self.names.values(&name.id) {
                    let this =
                        if value.is_name_expr() { Given::Perhaps } else { self.given_within(value, steps) };
                    given = Some(given.map_or(this, |given| both(given, this)));
                }
                given.unwrap_or(Given::Perhaps)
            }
            Expr::Attribute(_)
            | Expr::Subscript(_)
            | Expr::BoolOp(_)
            | Expr::Compare(_)
            | Expr::UnaryOp(_) => Given::Perhaps,
            _ => Given::Yes,
        }
    }

    /// What is written out of a value.
    fn written(&self, value: &Expr) -> Vec<String> {
        match value {
            Expr::BooleanLiteral(literal) => vec![if literal.value { "True" } else { "False" }.to_owned()],
            Expr::NoneLiteral(_) => vec!["None".to_owned()],
            Expr::Dict(dict) => dict
                .items
                .iter()
                .filter_map(|item| item.key.as_ref())
                .flat_map(|key| self.written(key))
                .collect(),
            _ => {
                let known = self.names.known_texts(value);
                let default = if known.is_empty() { self.names.default_of(value) } else { None };
                default.map_or(known, |default| self.names.known_texts(default))
            }
        }
    }

    /// Whether what a rule says of arguments holds, and for certain.
    fn conditions_hold(&self, rule: &Rule, call: &ExprCall) -> Option<bool> {
        let holds = |(argument, condition): &(rules::Argument, Condition)| {
            let value = argument.of(call);
            let yes_or_no = |truth: bool| if truth { Given::Yes } else { Given::No };
            match (condition, value) {
                (Condition::Absent, value) => yes_or_no(value.is_none()),
                (Condition::Given | Condition::Text(_), None) => Given::No,
                (Condition::Given, Some(value)) => self.given(value),
                (Condition::Text(pattern), Some(value)) => {
                    let written = self.written(value);
                    match written.iter().filter(|written| text::matches(pattern, written)).count() {
                        0 => Given::No,
                        all if all == written.len() => Given::Yes,
                        _ => Given::Perhaps,
                    }
                }
            }
        };
        if rule.unless.iter().any(|condition| holds(condition) != Given::No) {
            return None;
        }
        rule.when.iter().try_fold(true, |certain, condition| match holds(condition) {
            Given::No => None,
            Given::Perhaps => Some(false),
            Given::Yes => Some(certain),
        })
    }
}

/// Whether an argument is given, or a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Yes,
    Perhaps,
    No,
}

/// A distribution's name that is made of what is written: `en_core_web_sm` for `{}`.
fn filled(name: &str, text: &str) -> String {
    if name.contains("{}") && !text.contains(UNKNOWN) {
        return name.replace("{}", &text.replace('_', "-"));
    }
    name.to_owned()
}

#[cfg(test)]
mod tests;
