//! `scaf env explain`: why a package is there.

use std::fmt::Write as _;

use serde_json::json;

use super::subject::{self, Python, Subject};
use crate::cli::args::EnvExplainArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::project::python::requirements::normalised;
use crate::spec::closure::{self, Closure, Root, Step};
use crate::spec::detection::{Detection, Kind, Needed, Place};
use crate::spec::lock_target::{LockTarget, Platform, Sayings};

/// Of more places than this the number is said; `-v` shows all.
const PLACES: usize = 5;

pub fn run(context: &Context<'_>, args: &EnvExplainArgs) -> Result<u8, Failure> {
    let subject = Subject::of(context, &args.what, args.exp.as_deref())?;
    let python = Python::of(context, &args.python, &subject)?;
    let target = python.target();
    let detection = subject::detect(&subject, &python, &target)?;
    let closure = closure(&detection, &python);
    let name = named(&detection, &closure, &python, &args.package);
    let Some(name) = name else {
        return Err(unknown(&detection, &closure, &args.package));
    };
    let ways = closure.paths(&name);
    if context.global.json {
        let ways: Vec<_> = ways
            .iter()
            .map(|way| {
                let from = way.first().and_then(|first| needed(&detection, first.name));
                json!({
                    "where": from.map(|(_, from)| &from.places),
                    "through": way.iter().map(|step| json!({
                        "package": step.name, "requirement": step.edge.map(|edge| &edge.text),
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        let own = needed(&detection, &name);
        context.ui.object(&json!({
            "package": name,
            "version": version(&closure, &python, &name),
            "group": own.map(|(group, _)| group),
            "needed": own.map(|(_, needed)| needed),
            "ways": ways,
        }))?;
        return Ok(0);
    }
    context.ui.data(&text(&detection, &closure, &python, &name, &ways, context.verbose()))?;
    Ok(0)
}

/// What the code asks for with everything that this needs, as far as it is installed.
fn closure(detection: &Detection, python: &Python) -> Closure {
    let Some(installed) = &python.installed else { return Closure::default() };
    let interpreter = python.interpreter.as_ref();
    let version = interpreter.map(|interpreter| {
        let (major, minor) = interpreter.version;
        interpreter.full_version.clone().unwrap_or_else(|| format!("{major}.{minor}"))
    });
    let sayings = Sayings { interpreter: version.as_deref(), ..Sayings::default() };
    let (target, _) = LockTarget::choose(Platform::default(), &sayings);
    let groups = [&detection.third_party, &detection.implied, &detection.optional, &detection.dev];
    let roots: Vec<Root> = groups
        .iter()
        .flat_map(|group| group.values())
        .filter(|needed| needed.kind.is_hard() || needed.version.is_some() || needed.kind == Kind::Implied)
        .map(|needed| Root::named(&needed.name))
        .collect();
    closure::close(&roots, installed, &target)
}

/// The package's normalised name, where it, or a module of it, is known here.
fn named(detection: &Detection, closure: &Closure, python: &Python, given: &str) -> Option<String> {
    let plain = normalised(given);
    let is_known = |name: &String| {
        closure.distributions.contains_key(name)
            || closure.missing.iter().any(|missing| missing.name == *name)
            || needed(detection, name).is_some()
    };
    if is_known(&plain) {
        return Some(plain);
    }
    let groups = groups(detection);
    let by_module = groups.iter().flat_map(|(_, group)| group.iter()).find(|(_, needed)| {
        needed.imports.iter().any(|module| module == given || module.split('.').next() == Some(given))
    });
    if let Some((name, _)) = by_module {
        return Some(name.clone());
    }
    let installed = python.installed.as_ref()?;
    let found = installed.find(given, &[]);
    let crate::orchestrate::load::installed::Found::Distributions(all) = found else { return None };
    all.iter().map(|index| installed[*index].normalised.clone()).find(is_known)
}

fn unknown(detection: &Detection, closure: &Closure, given: &str) -> Failure {
    let failure = Failure::user(format!("nothing that the code asks for leads to `{given}`"));
    let plain = normalised(given);
    let known = closure.distributions.keys().chain(detection.third_party.keys());
    let near = known
        .map(|name| (strsim::jaro_winkler(name, &plain), name))
        .filter(|(alike, _)| *alike > 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match near {
        Some((_, name)) => failure.hint(format!("did you mean `{name}`?")),
        None => failure.hint("`scaf env detect` shows what it asks for"),
    }
}

fn groups(detection: &Detection) -> [(&'static str, &std::collections::BTreeMap<String, Needed>); 5] {
    [
        ("third_party", &detection.third_party),
        ("implied", &detection.implied),
        ("optional", &detection.optional),
        ("suggested", &detection.suggested),
        ("dev", &detection.dev),
    ]
}

fn needed<'a>(detection: &'a Detection, name: &str) -> Option<(&'static str, &'a Needed)> {
    groups(detection).into_iter().find_map(|(title, group)| Some((title, group.get(name)?)))
}

fn version(closure: &Closure, python: &Python, name: &str) -> Option<String> {
    let closed = closure.distributions.get(name).map(|there| there.version.clone());
    closed.or_else(|| Some(python.installed.as_ref()?.get(name)?.version().to_owned()))
}

fn text(
    detection: &Detection,
    closure: &Closure,
    python: &Python,
    name: &str,
    ways: &[Vec<Step<'_>>],
    whole: bool,
) -> String {
    let mut text = String::new();
    let version = version(closure, python, name);
    let _ = writeln!(text, "{name} {}", version.as_deref().unwrap_or("(not installed)"));
    if let Some((group, own)) = needed(detection, name) {
        let _ = writeln!(text, "\n  asked for by the code{}", words(group));
        places(&mut text, own, whole);
    }
    let through: Vec<_> = ways.iter().filter(|way| way.len() > 1).collect();
    for way in through {
        let Some(first) = way.first() else { continue };
        let requirements: Vec<String> = way
            .iter()
            .filter_map(|step| step.edge.map(|edge| format!("    {} needs `{}`", edge.by, edge.text)))
            .collect();
        let _ = writeln!(
            text,
            "\n  through {}",
            way.iter().map(|step| step.name).collect::<Vec<_>>().join(" → ")
        );
        if let Some((_, from)) = needed(detection, first.name)
            && let Some(place) = from.places.first()
        {
            let _ = writeln!(text, "    {}", place_words(place));
        }
        let _ = writeln!(text, "{}", requirements.join("\n"));
    }
    text
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
