//! `scaf env explain`: why a package is there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check::target;
use super::subject::{self, Python, Subject};
use crate::cli::args::EnvExplainArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::load::installed::Found;
use crate::orchestrate::load::pinned;
use crate::project::layout::ENVIRONMENT;
use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::spec::closure::{self, Closure, Root, Step};
use crate::spec::detection::{Detection, Kind, Needed, Place};
use crate::spec::lock_target::LockTarget;
use crate::spec::pinned::{Asked, Pin, Pinned};

/// Of more places than this the number is said; `-v` shows all.
const PLACES: usize = 5;

pub fn run(context: &Context<'_>, args: &EnvExplainArgs) -> Result<u8, Failure> {
    let subject = Subject::of(context, &args.what, args.exp.as_deref())?;
    let python = Python::of(context, &args.python, &subject)?;
    let detection = subject::detect(&subject, &python, &python.target())?;
    let pinned = match &subject.experiment {
        Some(experiment) => pinned::read(&experiment.dir.join(ENVIRONMENT))?,
        None => Pinned::default(),
    };
    let settings = match &subject.experiment {
        Some(experiment) => context.settings(&context.project()?, experiment).env.python,
        None => None,
    };
    let target = target(&pinned, settings.as_deref(), &python);
    let known = Known {
        experiment: subject.experiment.as_ref().map(|experiment| experiment.name.to_string()),
        installed: closure(&detection, &python, &target),
        locked: pinned.lock.as_ref().map_or_else(Closure::default, |lock| closure::of_lock(&lock.read)),
        asked: pinned.asked(),
        exact: pinned.exact(&target).into_iter().chain(pinned.packed()).collect(),
        detection,
        python,
    };
    let Some(name) = known.named(&args.package) else { return Err(known.unknown(&args.package)) };
    let reasons = known.reasons(&name);
    if reasons.are_none() {
        return Err(known.unneeded(&name));
    }
    if context.global.json {
        context.ui.object(&known.object(&name, &reasons))?;
    } else {
        context.ui.data(&known.text(&name, &reasons, context.verbose()))?;
    }
    Ok(0)
}

/// What the code asks for with everything that this needs, as far as it is installed.
fn closure(detection: &Detection, python: &Python, target: &LockTarget) -> Closure {
    let Some(installed) = &python.installed else { return Closure::default() };
    let groups = [&detection.third_party, &detection.implied, &detection.optional, &detection.dev];
    let roots: Vec<Root> = groups
        .iter()
        .flat_map(|group| group.values())
        .filter(|needed| needed.kind.is_hard() || needed.version.is_some() || needed.kind == Kind::Implied)
        .map(|needed| Root::named(&needed.name))
        .collect();
    closure::close(&roots, installed, target)
}

/// Everything that can be a reason.
struct Known {
    /// Its name, for what can be typed.
    experiment: Option<String>,
    detection: Detection,
    python: Python,
    installed: Closure,
    locked: Closure,
    asked: Vec<Asked>,
    exact: BTreeMap<String, Pin>,
}

/// Why one package is there.
struct Reasons<'a> {
    /// What the code says of it itself.
    own: Option<(&'static str, &'a Needed)>,
    /// Lines of the requirement files that are no echo of what the code says.
    lines: Vec<&'a Asked>,
    /// Through others.
    ways: Vec<Vec<Step<'a>>>,
}

impl Reasons<'_> {
    fn are_none(&self) -> bool {
        self.own.is_none() && self.lines.is_empty() && self.ways.is_empty()
    }
}

impl Known {
    /// The normalised name of a package, or of the one that a module is of, where it is known here.
    fn named(&self, given: &str) -> Option<String> {
        let plain = normalised(given);
        let is_known = |name: &String| {
            self.installed.distributions.contains_key(name)
                || self.installed.missing.iter().any(|missing| missing.name == *name)
                || self.locked.distributions.contains_key(name)
                || self.asked.iter().any(|asked| asked.name == *name)
                || self.needed(name).is_some()
        };
        if is_known(&plain) {
            return Some(plain);
        }
        let groups = self.groups();
        let by_module = groups.iter().flat_map(|(_, group)| group.iter()).find(|(_, needed)| {
            needed.imports.iter().any(|module| module == given || module.split('.').next() == Some(given))
        });
        if let Some((name, _)) = by_module {
            return Some(name.clone());
        }
        let of_table = import_names::candidates(given).unwrap_or_default();
        if let Some(name) = of_table.iter().map(|name| normalised(name)).find(is_known) {
            return Some(name);
        }
        let installed = self.python.installed.as_ref()?;
        let Found::Distributions(all) = installed.find(given, &[]) else {
            return installed.get(&plain).map(|distribution| distribution.normalised.clone());
        };
        let names: Vec<String> = all.iter().map(|index| installed[*index].normalised.clone()).collect();
        names.iter().find(|name| is_known(name)).or(names.first()).cloned()
    }

    fn reasons(&self, name: &str) -> Reasons<'_> {
        // A line that scaf has written is an echo of the code, unless another file asked for it.
        let is_own = |asked: &&Asked| match &asked.why {
            None => true,
            Some(why) => !why.contains(".py") && !why.contains(".ipynb"),
        };
        let lines: Vec<&Asked> =
            self.asked.iter().filter(|asked| asked.name == name).filter(is_own).collect();
        let through = |closure: &'_ Closure| closure.paths(name).into_iter().any(|way| way.len() > 1);
        let closure =
            if through(&self.installed) || !through(&self.locked) { &self.installed } else { &self.locked };
        let ways = closure.paths(name).into_iter().filter(|way| way.len() > 1).collect();
        Reasons { own: self.needed(name), lines, ways }
    }

    fn groups(&self) -> [(&'static str, &BTreeMap<String, Needed>); 5] {
        let detection = &self.detection;
        [
            ("third_party", &detection.third_party),
            ("implied", &detection.implied),
            ("optional", &detection.optional),
            ("suggested", &detection.suggested),
            ("dev", &detection.dev),
        ]
    }

    fn needed(&self, name: &str) -> Option<(&'static str, &Needed)> {
        self.groups().into_iter().find_map(|(title, group)| Some((title, group.get(name)?)))
    }

    fn version(&self, name: &str) -> Option<String> {
        let closed = self.installed.distributions.get(name).map(|there| there.version.clone());
        closed.or_else(|| Some(self.python.installed.as_ref()?.get(name)?.version().to_owned()))
    }

    fn lock_it(&self) -> String {
        let experiment = self.experiment.as_deref().unwrap_or("EXP");
        format!("`scaf env lock {experiment}` takes it out")
    }

    /// It is there, and for no reason.
    fn unneeded(&self, name: &str) -> Failure {
        let echo = self.asked.iter().find(|asked| asked.name == name);
        if let Some((asked, why)) = echo.and_then(|asked| Some((asked, asked.why.as_deref()?))) {
            return Failure::user(format!(
                "nothing needs `{name}` any more: {} was written for {why}",
                asked.place()
            ))
            .hint(self.lock_it());
        }
        if let Some(pin) = self.exact.get(name) {
            return Failure::user(format!(
                "nothing needs `{name}`: {}:{} has it, and neither the code nor what the code needs leads to it",
                pin.file, pin.line
            ))
            .hint(self.lock_it());
        }
        let python = self.python.interpreter.as_ref();
        let place = python.map_or_else(String::new, |python| format!(" in `{}`", python.prefix.display()));
        Failure::user(format!(
            "nothing needs `{name}`; it is installed{place}, and the code does not lead to it"
        ))
    }

    /// It is no package of this environment.
    fn unknown(&self, given: &str) -> Failure {
        let top = given.split('.').next().unwrap_or(given);
        if let Some(files) = self.detection.local.get(top) {
            let file = files.iter().next().map(|file| format!(": {file}")).unwrap_or_default();
            return Failure::user(format!("`{given}` is no package, it is the code's own{file}"));
        }
        if let Some(unresolved) = self.detection.unresolved.iter().find(|one| one.import == given) {
            let place =
                unresolved.places.first().map(|place| format!("{}: ", place.shown())).unwrap_or_default();
            return Failure::user(format!("{place}no package is known for `{given}`: {}", unresolved.reason));
        }
        if self.detection.stdlib.contains(top) {
            return Failure::user(format!("`{given}` is no package, it is Python's own"));
        }
        let failure = Failure::user(format!("nothing needs `{given}`, and it is not there"));
        let plain = normalised(given);
        let closures =
            [&self.installed, &self.locked].into_iter().flat_map(|closure| closure.distributions.keys());
        let code = self.groups().into_iter().flat_map(|(_, group)| group.keys());
        let lines = self.asked.iter().map(|asked| &asked.name);
        let near = closures
            .chain(code)
            .chain(lines)
            .map(|name| (strsim::jaro_winkler(name, &plain), name))
            .filter(|(alike, _)| *alike > 0.85)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        match near {
            Some((_, name)) => failure.hint(format!("did you mean `{name}`?")),
            None => failure.hint("`scaf env detect` shows what the code needs"),
        }
    }

    fn object(&self, name: &str, reasons: &Reasons<'_>) -> Value {
        let Reasons { own, lines, ways } = reasons;
        let itself = own.map(|(_, needed)| json!({ "where": needed.places, "through": [{ "package": name, "requirement": null }] }));
        let through = ways.iter().map(|way| {
            let from = way.first().and_then(|first| self.needed(first.name));
            json!({
                "where": from.map(|(_, from)| &from.places),
                "through": way.iter().map(|step| json!({
                    "package": step.name, "requirement": step.edge.map(|edge| &edge.text),
                })).collect::<Vec<_>>(),
            })
        });
        json!({
            "package": name,
            "version": self.version(name),
            "pinned": self.exact.get(name).map(|pin| json!({ "version": pin.version, "place": format!("{}:{}", pin.file, pin.line) })),
            "group": own.map(|(group, _)| group),
            "needed": own.map(|(_, needed)| needed),
            "lines": lines.iter().map(|asked| json!({ "place": asked.place(), "requirement": asked.text })).collect::<Vec<_>>(),
            "ways": itself.into_iter().chain(through).collect::<Vec<_>>(),
        })
    }

    fn text(&self, name: &str, reasons: &Reasons<'_>, whole: bool) -> String {
        let Reasons { own, lines, ways } = reasons;
        let mut text = String::new();
        let version = self.version(name).unwrap_or_else(|| "(not installed)".to_owned());
        let pinned = match self.exact.get(name) {
            Some(pin) => format!(", pinned as {} ({}:{})", pin.version, pin.file, pin.line),
            None if self.experiment.is_some() => ", not pinned".to_owned(),
            None => String::new(),
        };
        let _ = writeln!(text, "{name} {version}{pinned}");
        if let Some((group, own)) = own {
            let _ = writeln!(text, "\n  asked for by the code{}", words(group));
            places(&mut text, own, whole);
        }
        for asked in lines {
            let _ = writeln!(text, "\n  asked for by {}\n    {}", asked.place(), asked.text);
        }
        for way in ways {
            let Some(first) = way.first() else { continue };
            let names = way.iter().map(|step| step.name).collect::<Vec<_>>().join(" → ");
            let _ = writeln!(text, "\n  through {names}");
            let place = self.needed(first.name).and_then(|(_, from)| from.places.first());
            let line = self.asked.iter().find(|asked| asked.name == first.name);
            match (place, line) {
                (Some(place), _) => drop(writeln!(text, "    {}", place_words(place))),
                (None, Some(asked)) => drop(writeln!(text, "    {}  {}", asked.place(), asked.text)),
                (None, None) => {}
            }
            for edge in way.iter().filter_map(|step| step.edge) {
                let _ = writeln!(text, "    {} needs `{}`", edge.by, edge.text);
            }
        }
        text
    }
}

fn words(group: &str) -> &'static str {
    match group {
        "implied" => ", by what it calls",
        "optional" => ", which goes on without it",
        "suggested" => ", perhaps",
        "dev" => ", for tests and publishing alone",
        _ => "",
    }
}

fn places(text: &mut String, needed: &Needed, whole: bool) {
    let shown = if whole { needed.places.len() } else { PLACES };
    for place in needed.places.iter().take(shown) {
        let _ = writeln!(text, "    {}", place_words(place));
    }
    if needed.places.len() > shown {
        let _ = writeln!(text, "    and {} more (`-v` shows them)", needed.places.len() - shown);
    }
}

fn place_words(place: &Place) -> String {
    let kind = place.kind.words();
    let mut words = format!("{}  {}", place.shown(), place.what);
    if !kind.is_empty() {
        let _ = write!(words, ", {kind}");
    }
    if let Some(why) = &place.why {
        let _ = write!(words, ": {why}");
    }
    words
}
