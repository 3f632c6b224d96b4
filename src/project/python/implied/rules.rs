//! The rules of `implied.toml`. They are many, and a file is about few libraries: the text is cut into
//! sections, and only those that are asked for are read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};

use ruff_python_ast::{Expr, ExprCall};
use serde::Deserialize;

use crate::project::python::scan::text::{glob, matches};
use crate::project::python::scan::words::Set;

const TEXT: &str = include_str!("../implied.toml");

/// All of these are needed, and of each any one is enough.
pub(crate) type Needs = Vec<Vec<String>>;

/// The rules about a library, or about several with the same interface.
pub(crate) struct Section {
    pub(crate) modules: Vec<&'static str>,
    pub(crate) rules: Vec<Rule>,
    /// Some rule is about more than imports.
    pub(crate) asks: bool,
    /// Rules about imports of a module or of what is below it.
    pub(crate) about_modules: Vec<usize>,
    /// Names that are used, by their last part, and those that end in a pattern.
    used: HashMap<String, Vec<Used>>,
    used_patterns: Vec<Used>,
    /// Rules about calls, by the last part of the name, and those that end in a pattern.
    called: HashMap<String, Vec<usize>>,
    called_patterns: Vec<usize>,
    pub(crate) calls: Set,
    pub(crate) attributes: Set,
    pub(crate) keywords: Set,
}

impl Section {
    pub(crate) fn name(&self) -> &'static str {
        self.modules.first().copied().unwrap_or_default()
    }

    /// The libraries it is about.
    pub(crate) fn libraries(&self) -> Vec<&'static str> {
        if self.name().starts_with('(') { Vec::new() } else { self.modules.clone() }
    }

    /// Whether the full name is one of the library's.
    pub(crate) fn is_of(&self, full: &str) -> bool {
        self.modules.contains(&full.split('.').next().unwrap_or_default())
    }
}

/// A name in a rule that implies by being used.
#[derive(Clone, Copy)]
struct Used {
    rule: usize,
    /// Among `each`, or among `uses`.
    each: bool,
    pattern: usize,
}

impl Section {
    /// The rules that a full name fits, with what they say is needed then.
    pub(crate) fn used(&self, full: &str) -> Vec<(&Rule, &Needs)> {
        let Some(parts) = self.inside(full) else { return Vec::new() };
        let last = parts.last().copied().unwrap_or_default();
        let named = self.used.get(last).map_or(&[][..], Vec::as_slice);
        let candidates = named.iter().chain(&self.used_patterns);
        let fitting = candidates.filter_map(|used| {
            let rule = self.rules.get(used.rule)?;
            if rule.except.iter().any(|pattern| pattern.fits(&parts)) {
                return None;
            }
            if used.each {
                let (pattern, needs) = rule.each.get(used.pattern)?;
                return pattern.fits(&parts).then_some((rule, needs));
            }
            rule.uses.get(used.pattern)?.fits(&parts).then_some((rule, &rule.needs))
        });
        fitting.collect()
    }

    /// The rules that a call may be about, by the last part of its name.
    pub(crate) fn called(&self, last: &str) -> impl Iterator<Item = &Rule> {
        let named = self.called.get(last).map_or(&[][..], Vec::as_slice);
        named.iter().chain(&self.called_patterns).filter_map(|index| self.rules.get(*index))
    }

    /// A full name's parts behind the library.
    pub(crate) fn inside<'f>(&self, full: &'f str) -> Option<Vec<&'f str>> {
        let (module, rest) = full.split_once('.').unwrap_or((full, ""));
        self.modules.contains(&module).then(|| rest.split('.').filter(|part| !part.is_empty()).collect())
    }
}

/// One rule; `implied.toml` says what its parts mean.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) needs: Needs,
    pub(crate) possibly: Needs,
    pub(crate) certain: bool,
    pub(crate) since: Option<(u8, u8)>,
    /// `transformers >= 4.30`
    pub(crate) versions: String,
    pub(crate) imports: Vec<Pattern>,
    pub(crate) uses: Vec<Pattern>,
    pub(crate) each: Vec<(Pattern, Needs)>,
    except: Vec<Pattern>,
    pub(crate) calls: Vec<Pattern>,
    pub(crate) methods: Vec<String>,
    pub(crate) members: Vec<String>,
    pub(crate) attributes: Vec<String>,
    pub(crate) receivers: Vec<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) words: Vec<String>,
    pub(crate) argument: Option<Argument>,
    literal: Literal,
    pub(crate) when: Vec<(Argument, Condition)>,
    pub(crate) unless: Vec<(Argument, Condition)>,
}

enum Literal {
    None,
    Own(Vec<(String, Needs)>),
    Shared(&'static [(String, Needs)]),
}

impl Rule {
    pub(crate) fn has_literals(&self) -> bool {
        !matches!(self.literal, Literal::None)
    }

    /// What is needed for a text, by the pattern that fits it best.
    pub(crate) fn literal_for(&self, text: &str) -> Option<&Needs> {
        let literals = match &self.literal {
            Literal::None => return None,
            Literal::Own(literals) => literals.as_slice(),
            Literal::Shared(literals) => literals,
        };
        literals.iter().find(|(pattern, _)| matches(pattern, text)).map(|(_, needs)| needs)
    }
}

/// A value that a keyword or a position gives.
pub(crate) struct Argument {
    name: String,
    position: Option<usize>,
}

impl Argument {
    /// `name`, `name@1` or `@1`
    fn read(text: &str) -> Self {
        match text.split_once('@') {
            Some((name, position)) => Self { name: name.to_owned(), position: position.parse().ok() },
            None => Self { name: text.to_owned(), position: None },
        }
    }

    pub(crate) fn of<'c>(&self, call: &'c ExprCall) -> Option<&'c Expr> {
        let named = call.arguments.find_keyword(&self.name).map(|keyword| &keyword.value);
        named.or_else(|| call.arguments.find_positional(self.position?))
    }
}

pub(crate) enum Condition {
    Absent,
    /// Neither `None` nor `False`.
    Given,
    Text(String),
}

/// A dotted name below a library, in which `*` stands for any number of parts, and in a part for anything.
pub(crate) struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { parts: text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect() }
    }

    pub(crate) fn fits(&self, parts: &[&str]) -> bool {
        fits(&self.parts, parts)
    }

    /// Whether the name is the pattern, or lies below it.
    pub(crate) fn begins(&self, parts: &[&str]) -> bool {
        parts.get(..self.parts.len()).is_some_and(|parts| fits(&self.parts, parts))
    }

    /// The last part, where it is one word.
    fn last_word(&self) -> Option<&str> {
        match self.parts.last() {
            None => Some(""),
            Some(last) => (!last.contains('*')).then_some(last),
        }
    }

    /// The words of which one must be the end, or next to it, of a name that fits.
    fn triggers(&self, modules: &[&'static str]) -> Vec<String> {
        match self.last_word() {
            Some("") => Vec::new(),
            Some(last) => vec![last.to_owned()],
            None => match self.parts.iter().rev().nth(1) {
                Some(before) if !before.contains('*') => vec![before.clone()],
                _ => modules.iter().map(|&module| module.to_owned()).collect(),
            },
        }
    }
}

fn fits(pattern: &[String], parts: &[&str]) -> bool {
    match pattern.split_first() {
        None => parts.is_empty(),
        Some((star, rest)) if star == "*" => (0..=parts.len()).any(|skipped| fits(rest, &parts[skipped..])),
        Some((first, rest)) => {
            parts.split_first().is_some_and(|(part, parts)| glob(first, part) && fits(rest, parts))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: String,
    why: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    possibly: Vec<String>,
    #[serde(default = "yes")]
    certain: bool,
    #[serde(default)]
    since: Option<(u8, u8)>,
    #[serde(default)]
    versions: String,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    uses: Vec<String>,
    #[serde(default)]
    each: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    calls: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    attributes: Vec<String>,
    #[serde(default)]
    receivers: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    argument: Option<String>,
    #[serde(default)]
    literal: Option<WrittenLiteral>,
    #[serde(default)]
    when: BTreeMap<String, String>,
    #[serde(default)]
    unless: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenLiteral {
    Shared(String),
    Own(BTreeMap<String, Vec<String>>),
}

fn yes() -> bool {
    true
}

fn needs(written: &[String]) -> Needs {
    written.iter().map(|any| any.split('|').map(|name| name.trim().to_owned()).collect()).collect()
}

/// Sorted so that the first that fits is the one that says most: what has no star, then the longest.
fn literals(written: BTreeMap<String, Vec<String>>) -> Vec<(String, Needs)> {
    let mut literals: Vec<(String, Needs)> =
        written.into_iter().map(|(pattern, names)| (pattern, needs(&names))).collect();
    literals.sort_by_key(|(pattern, _)| (pattern.contains('*'), std::cmp::Reverse(pattern.len())));
    literals
}

fn conditions(written: BTreeMap<String, String>) -> Vec<(Argument, Condition)> {
    let condition = |text: String| match text.as_str() {
        "absent" => Condition::Absent,
        "given" => Condition::Given,
        _ => Condition::Text(text),
    };
    written.into_iter().map(|(argument, text)| (Argument::read(&argument), condition(text))).collect()
}

impl Rule {
    fn of(written: Written) -> Self {
        let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect::<Vec<_>>();
        let Written {
            rule,
            why,
            needs: needed,
            possibly,
            certain,
            since,
            versions,
            imports,
            uses,
            each,
            except,
            calls,
            methods,
            members,
            attributes,
            receivers,
            keywords,
            words,
            argument,
            literal,
            when,
            unless,
        } = written;
        Self {
            name: rule,
            why,
            needs: needs(&needed),
            possibly: needs(&possibly),
            certain,
            since,
            versions,
            imports: patterns(imports),
            uses: patterns(uses),
            each: each.iter().map(|(pattern, names)| (Pattern::new(pattern), needs(names))).collect(),
            except: patterns(except),
            calls: patterns(calls),
            methods,
            members,
            attributes,
            receivers,
            keywords,
            words,
            argument: argument.map(|text| Argument::read(&text)),
            literal: match literal {
                None => Literal::None,
                Some(WrittenLiteral::Own(literal)) => Literal::Own(literals(literal)),
                Some(WrittenLiteral::Shared(name)) => Literal::Shared(shared(&name)),
            },
            when: conditions(when),
            unless: conditions(unless),
        }
    }
}

/// A piece of the text: `[[name]]` and all that follows until another name.
struct Piece {
    modules: Vec<&'static str>,
    text: &'static str,
    /// Few of them are ever read, and they are large.
    section: OnceLock<Box<Section>>,
}

/// Sections, and which of them speak of a module.
type Pieces = (Vec<Piece>, HashMap<&'static str, Vec<usize>>);

static PIECES: LazyLock<Pieces> = LazyLock::new(|| {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut starts: Vec<(usize, &'static str)> = Vec::new();
    for at in memchr::memmem::find_iter(TEXT.as_bytes(), b"\n[[") {
        let line = TEXT[at + 1..].lines().next().unwrap_or_default();
        if let Some(name) = line.strip_prefix("[[").and_then(|line| line.trim_end().strip_suffix("]]")) {
            let name = name.trim_matches('"');
            if starts.last().is_none_or(|(_, last)| *last != name) {
                starts.push((at + 1, name));
            }
        }
    }
    for (index, (start, name)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(TEXT.len(), |(end, _)| *end);
        pieces.push(Piece {
            modules: name.split(' ').collect(),
            text: &TEXT[*start..end],
            section: OnceLock::new(),
        });
    }
    let mut by_module: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        for module in &piece.modules {
            by_module.entry(module).or_default().push(index);
        }
    }
    (pieces, by_module)
});

/// The sections about a library.
pub(crate) fn sections(library: &str) -> impl Iterator<Item = &'static Section> + use<> {
    let (pieces, by_module) = &*PIECES;
    let indices = by_module.get(library).map_or(&[][..], Vec::as_slice);
    indices.iter().map(|index| {
        let piece = &pieces[*index];
        // That every piece can be read is for a test to say.
        &**piece.section.get_or_init(|| Box::new(read(piece).unwrap_or_else(|_| section(piece, Vec::new()))))
    })
}

fn read(piece: &Piece) -> Result<Section, toml::de::Error> {
    let written: BTreeMap<String, Vec<Written>> = toml::from_str(piece.text)?;
    let rules = written.into_values().flatten().map(Rule::of).collect();
    Ok(section(piece, rules))
}

fn section(piece: &Piece, rules: Vec<Rule>) -> Section {
    let modules = &piece.modules;
    let (mut calls, mut attributes, mut keywords) = (Vec::new(), Vec::new(), Vec::new());
    let (mut used, mut used_patterns) = (HashMap::<String, Vec<Used>>::new(), Vec::new());
    let (mut called, mut called_patterns) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
    let mut about_modules = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        if !rule.imports.is_empty() {
            about_modules.push(index);
        }
        let uses = rule.uses.iter().enumerate().map(|(number, pattern)| (false, number, pattern));
        let each = rule.each.iter().enumerate().map(|(number, (pattern, _))| (true, number, pattern));
        for (each, number, pattern) in uses.chain(each) {
            let entry = Used { rule: index, each, pattern: number };
            match pattern.last_word() {
                Some(last) => used.entry(last.to_owned()).or_default().push(entry),
                None => used_patterns.push(entry),
            }
            attributes.extend(pattern.triggers(modules));
        }
        for pattern in &rule.calls {
            match pattern.last_word() {
                Some(last) => called.entry(last.to_owned()).or_default().push(index),
                None => called_patterns.push(index),
            }
            calls.extend(pattern.triggers(modules));
        }
        for name in rule.methods.iter().chain(&rule.members) {
            called.entry(name.clone()).or_default().push(index);
            calls.push(name.clone());
        }
        attributes.extend(rule.attributes.iter().cloned());
        keywords.extend(rule.keywords.iter().cloned());
    }
    called.values_mut().for_each(Vec::dedup);
    Section {
        modules: modules.clone(),
        rules,
        asks: !(calls.is_empty() && attributes.is_empty() && keywords.is_empty()),
        about_modules,
        used,
        used_patterns,
        called,
        called_patterns,
        calls: Set::new(calls),
        attributes: Set::new(attributes),
        keywords: Set::new(keywords),
    }
}

/// The literals that several rules have in common: those of the rule of that name under `(literals)`.
fn shared(name: &str) -> &'static [(String, Needs)] {
    for section in sections("(literals)") {
        if let Some(Rule { literal: Literal::Own(literals), .. }) =
            section.rules.iter().find(|rule| rule.name == name)
        {
            return literals;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::super::versions::Versions;
    use super::*;
    use crate::project::python::scan::{Kind, scan};
    use crate::project::python::target::Target;

    #[test]
    fn every_rule_can_be_read_and_says_something() {
        let (pieces, by_module) = &*PIECES;
        assert!(pieces.len() > 50);
        for piece in pieces {
            let section = read(piece).unwrap_or_else(|error| panic!("{:?}: {error}", piece.modules));
            let mut names: Vec<&str> = section.rules.iter().map(|rule| rule.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), section.rules.len(), "{:?}: a rule's name is there twice", piece.modules);
            for rule in &section.rules {
                let name = format!("{}/{}", section.name(), rule.name);
                let says = !rule.needs.is_empty() || !rule.each.is_empty() || rule.has_literals();
                assert!(says, "{name}: nothing is needed");
                if let Literal::Shared(literals) = rule.literal {
                    assert!(!literals.is_empty(), "{name}: its literals are not there");
                }
                assert!(
                    rule.why.len() > 10 && !rule.why.ends_with('.'),
                    "{name}: `why` is a part of a sentence"
                );
                if !rule.versions.is_empty() {
                    assert!(Versions::read(&rule.versions).is_some(), "{name}: {}", rule.versions);
                }
                let is_asked = section.name().starts_with('(')
                    || !rule.imports.is_empty()
                    || !rule.uses.is_empty()
                    || !rule.each.is_empty()
                    || !rule.calls.is_empty()
                    || !rule.methods.is_empty()
                    || !rule.members.is_empty()
                    || !rule.attributes.is_empty()
                    || !rule.keywords.is_empty();
                assert!(is_asked, "{name}: nothing brings it about");
            }
        }
        // A library's rules stand together.
        for (module, indices) in by_module {
            let alone = indices.iter().filter(|index| pieces[**index].modules.len() == 1).count();
            assert!(alone <= 1, "{module}: in two places");
        }
    }

    #[test]
    fn values_that_are_made_of_themselves_end_every_rule() {
        let values = "\
x = x if c else y
y = (x if y else z) if c else [y, x]
z = z or x
w = w + x + w
v = v[x].v(x, v)
u = not u
(s, t) = (t, s)
self.a = self.a if c else x
for r in r: r = {r: x, x: r}
";
        for piece in &PIECES.0 {
            let section = read(piece).unwrap();
            let Some(module) = piece.modules.first().filter(|module| !module.starts_with('(')) else {
                continue;
            };
            let mut source = format!("import {module}\n{values}");
            for rule in &section.rules {
                let calls = rule.calls.iter().map(|pattern| pattern.parts.join(".").replace('*', "some"));
                let methods = rule.methods.iter().chain(&rule.members).cloned();
                for (call, value) in calls.chain(methods).zip("xyzwvustr".chars().cycle()) {
                    let keyword = |name: &String| format!(", {name}={value}");
                    let argument = rule.argument.iter().map(|argument| &argument.name);
                    let conditions = rule.when.iter().chain(&rule.unless).map(|(argument, _)| &argument.name);
                    let names = argument.chain(conditions).filter(|name| !name.is_empty());
                    let mut keywords: Vec<String> = names.chain(&rule.keywords).map(keyword).collect();
                    keywords.sort();
                    keywords.dedup();
                    source += &format!("{module}.{call}({value}, self.a, {value}{})\n", keywords.concat());
                }
                for key in &rule.keywords {
                    source += &format!("f(**{{'{key}': x}}, {key}=y)\n");
                }
            }
            let found = scan(&source, &Target::default(), Kind::Script).unwrap();
            assert!(!found.broken, "{source}\n{:?}", found.problems);
        }
    }

    #[test]
    fn patterns_of_names() {
        let is = |pattern: &str, full: &str| Pattern::new(pattern).fits(&full.split('.').collect::<Vec<_>>());
        assert!(is("read", "read") && !is("read", "io.read"));
        assert!(is("*.read", "read") && is("*.read", "io.deep.read"));
        assert!(is("*.TF*", "models.TFBert") && !is("*.TF*", "models.BertTF"));
        assert!(
            Pattern::new("").fits(&[]) && !Pattern::new("").fits(&["x"]) && Pattern::new("").begins(&["x"])
        );
        assert!(Pattern::new("a.b").begins(&["a", "b", "c"]) && !Pattern::new("a.b").begins(&["a"]));
    }
}
