//! `scaf env detect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::subject::{self, Python, Subject};
use crate::cli::args::EnvDetectArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::load::detect::closure;
use crate::spec::detection::{self, Detection, Kind, Known, Needed, Pinned, Place, Role};

/// More problems are counted.
const PROBLEMS: usize = 20;

pub fn run(context: &Context<'_>, args: &EnvDetectArgs) -> Result<u8, Failure> {
    if args.schema {
        context.ui.data(detection::SCHEMA)?;
        return Ok(0);
    }
    let subject = Subject::of(context, &args.what, args.exp.as_deref())?;
    let python = Python::of(context, &args.python, &subject)?;
    let target = python.target();
    let mut detection = subject::detect(&subject, &python, &target)?;
    if let (Some(interpreter), Some(installed)) = (&python.interpreter, &python.installed) {
        detection.closure = Some(closure::pinned(&detection, interpreter, installed));
    }
    if context.global.json {
        context.ui.object(&detection)?;
        return Ok(0);
    }
    say_problems(context, &detection);
    context.ui.data(&text(&detection, context.verbose()))?;
    Ok(0)
}

fn say_problems(context: &Context<'_>, detection: &Detection) {
    let shown = if context.verbose() { detection.problems.len() } else { PROBLEMS };
    for problem in detection.problems.iter().take(shown) {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        context.ui.warning(&format!("{}{line}: {}", problem.file, problem.message));
    }
    if detection.problems.len() > shown {
        let more = detection.problems.len() - shown;
        context.ui.warning(&format!("{more} more files could not be read in full (`-v` names them)"));
    }
    if detection.files == 0 {
        context.ui.warning(&format!("there is no Python file and no notebook in {}", detection.root));
    }
}

/// The answer as a person reads it.
fn text(detection: &Detection, whole: bool) -> String {
    let mut text = String::new();
    let python = match &detection.interpreter {
        Some(python) => format!("Python {} of {} ({})", python.version, python.executable, python.chosen_by),
        None => "no Python was looked at, so nothing is known to be installed".to_owned(),
    };
    let _ = writeln!(
        text,
        "{} needed; {python}",
        count(detection.third_party.len(), "package is", "packages are")
    );
    let (notebooks, code): (BTreeMap<_, _>, BTreeMap<_, _>) = detection
        .third_party
        .iter()
        .map(|(name, needed)| (name.as_str(), needed))
        .partition(|(name, _)| detection.notebook_only.iter().any(|only| only == name));
    let every = |map: &'_ BTreeMap<String, Needed>| -> Vec<Needed> { map.values().cloned().collect() };
    section(&mut text, "", &code.into_values().cloned().collect::<Vec<_>>(), whole);
    section(&mut text, "needed by a call, never imported", &every(&detection.implied), whole);
    section(&mut text, "in notebooks alone", &notebooks.into_values().cloned().collect::<Vec<_>>(), whole);
    section(&mut text, "optional: the code goes on without", &every(&detection.optional), whole);
    section(&mut text, "perhaps, depending on data or arguments", &every(&detection.suggested), whole);
    section(&mut text, "for tests and publishing alone", &every(&detection.dev), whole);
    if !detection.elsewhere.is_empty() {
        let rows: Vec<[String; 3]> = detection
            .elsewhere
            .iter()
            .map(|one| {
                let place = one.places.first().map_or_else(String::new, Place::shown);
                [one.import.clone(), place, one.files.first().cloned().unwrap_or_default()]
            })
            .collect();
        text.push_str("\nmodules from elsewhere, which do not travel with this folder\n");
        for line in table::columns(["import", "where", "file"], &rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !detection.unresolved.is_empty() {
        let rows: Vec<[String; 3]> = detection
            .unresolved
            .iter()
            .map(|unresolved| {
                let place = unresolved.places.first().map_or_else(String::new, Place::shown);
                [unresolved.import.clone(), place, unresolved.reason.clone()]
            })
            .collect();
        text.push_str("\nunresolved: nothing here is it\n");
        for line in table::columns(["import", "where", "why"], &rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    closed(&mut text, detection, whole);
    text
}

/// What all of that needs in turn: its number, and with `-v` each, with the pin that gets it again.
fn closed(text: &mut String, detection: &Detection, whole: bool) {
    let Some(closure) = &detection.closure else { return };
    let in_turn = |pinned: &&Pinned| !pinned.direct;
    let number = closure.values().filter(in_turn).count();
    let missing: Vec<&str> = closure
        .values()
        .filter(in_turn)
        .filter(|pinned| pinned.version.is_none())
        .map(|pinned| pinned.name.as_str())
        .collect();
    if number == 0 {
        return;
    }
    let hint = if whole { "" } else { " (`-v` names them)" };
    let _ = writeln!(text, "\nneeded in turn: {}{hint}", count(number, "package", "packages"));
    if whole {
        let rows: Vec<[String; 3]> = closure
            .values()
            .filter(in_turn)
            .map(|pinned| {
                let pin = pinned.pin.clone().unwrap_or_else(|| pinned.name.clone());
                let by: Vec<&str> = pinned.required_by.iter().map(String::as_str).collect();
                let from = pinned.origin.as_ref().map(|origin| origin.evidence.clone());
                [pin, by.join(", "), from.unwrap_or_else(|| "not installed".to_owned())]
            })
            .collect();
        for line in table::columns(["pin", "needed by", "how it is known where it is from"], &rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
    } else if !missing.is_empty() {
        let _ = writeln!(text, "  of which are not installed: {}", missing.join(", "));
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

fn section(text: &mut String, title: &str, all: &[Needed], whole: bool) {
    if all.is_empty() {
        return;
    }
    text.push('\n');
    if !title.is_empty() {
        let _ = writeln!(text, "{title}");
    }
    let mut rows = Vec::new();
    for needed in all {
        let shown = if whole { needed.places.len() } else { 1 };
        // The weightiest place first: that is why it is in this section.
        let mut ordered: Vec<&Place> = needed.places.iter().collect();
        ordered.sort_by_key(|place| (place.role, place.kind));
        let mut places = ordered.into_iter();
        let first = places.next();
        rows.push([
            needed.name.clone(),
            version(needed),
            first.map_or_else(String::new, |place| {
                place_words(place, needed, needed.places.len() - shown.min(needed.places.len()))
            }),
        ]);
        for place in places.take(shown - 1) {
            rows.push([String::new(), String::new(), place_words(place, needed, 0)]);
        }
    }
    let body = table::columns(["package", "installed", "where"], &rows);
    for line in body.lines() {
        let _ = writeln!(text, "  {line}");
    }
}

fn version(needed: &Needed) -> String {
    match (&needed.version, needed.known) {
        (Some(version), _) => version.clone(),
        (None, Known::Guess) => "no (a guess)".to_owned(),
        (None, _) if needed.repository.is_some() => "no (on no index)".to_owned(),
        (None, _) => "no".to_owned(),
    }
}

fn place_words(place: &Place, needed: &Needed, more: usize) -> String {
    let mut words = place.shown();
    // What the package is called where that is not its name.
    let own = place.what.replace(['_', '.'], "-").to_lowercase();
    if own != needed.name.to_lowercase().replace(['_', '.'], "-") {
        let _ = write!(words, " {}", place.what);
    }
    let mut remarks = Vec::new();
    if place.kind != Kind::Top && place.kind != Kind::Implied {
        remarks.push(place.kind.words().to_owned());
    }
    if place.role == Role::Test {
        remarks.push("test".to_owned());
    }
    remarks.extend(place.why.as_deref().map(str::to_owned));
    if !remarks.is_empty() {
        let _ = write!(words, " ({})", remarks.join(", "));
    }
    if more > 0 {
        let _ = write!(words, " and {more} more");
    }
    words
}
