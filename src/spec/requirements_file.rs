//! `environment/requirements.txt`, made and kept up to date: what the code needs directly, pinned, each with the places
//! that want it. A line with `# why:` is scaf's; everything else is its user's and stays as and where it is.

mod lines;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::pin::Pin;
use crate::project::python::index_option::IndexOption;
use crate::project::python::requirements;
use lines::{Item, Kind};

/// Where in the code something is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Relative to the experiment.
    pub file: String,
    pub line: u32,
}

/// Part of the file, under a headline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Where builds come from that the usual index does not have.
    Indexes,
    Imported,
    /// Needed by a call, never imported.
    Implied,
    /// The code can do without, and it is there.
    Optional,
    /// Another file of the experiment names it.
    Asked,
    /// Code of a machine that nobody else can fetch.
    Local,
    /// The code can do without, and it is not there; a comment.
    Suggested,
    /// The code wants it, and nobody chose a version; a comment.
    Unpinned,
}

impl Group {
    const ALL: [Self; 8] = [
        Self::Indexes,
        Self::Imported,
        Self::Implied,
        Self::Optional,
        Self::Asked,
        Self::Local,
        Self::Suggested,
        Self::Unpinned,
    ];

    fn headline(self) -> &'static str {
        match self {
            Self::Indexes => "# Where builds come from that the usual index does not have:",
            Self::Imported => "# Imported by the code:",
            Self::Implied => "# Needed by calls of the code that import it behind the scenes:",
            Self::Optional => "# Imported where the code can do without, and installed when this was locked:",
            Self::Asked => "# Not imported, and asked for by another file of the experiment:",
            Self::Local => "# Code of the machine that locked this, as wheels beside this file:",
            Self::Suggested => {
                "# The code can do without; to have one of them, take its first # away and lock again:"
            }
            Self::Unpinned => {
                "# Wanted, and not installed when this was written; install them and lock again, or pin them here:"
            }
        }
    }
}

/// A requirement of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub pin: Pin,
    pub group: Group,
    /// In order; the first few are named.
    pub places: Vec<Place>,
    /// The call that implies it, as in the code: `to_parquet`; who needs it, where the code does not itself.
    pub call: Option<String>,
}

/// Something that the code can do without, or that has no version yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub name: String,
    pub group: Group,
    pub places: Vec<Place>,
}

/// What the file is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub wanted: Vec<Wanted>,
    pub suggested: Vec<Suggestion>,
    /// An index beside the usual one, and the pin that comes from there.
    pub indexes: BTreeMap<String, String>,
}

/// What became of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    pub changes: Vec<Change>,
    /// Wanted, and pinned or asked for in a line of the user's own.
    pub own: Vec<Own>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Added { now: String },
    Removed { was: String },
    Changed { was: String, now: String },
}

/// A line that is not scaf's and asks for what the code needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Normalised.
    pub name: String,
    /// 1-based, in the text before.
    pub line: usize,
    pub text: String,
}

/// What a new file begins with.
const HEAD: &str =
    "# Direct requirements. Lines with `# why:` are kept by `scaf env lock`; all others are yours.";
/// How many places are named.
const SHOWN_PLACES: usize = 3;

/// The file with these contents; an empty text for one that is not there yet.
pub fn edit(text: &str, contents: &Contents) -> Edited {
    let (bom, body) = text.strip_prefix('\u{feff}').map_or(("", text), |body| ("\u{feff}", body));
    let usual = if body.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edit = Edit { items: lines::read(body), edited: Edited::default() };
    let mut lines: BTreeMap<String, (Group, String, String)> = BTreeMap::new();
    for Wanted { pin, group, places, call } in &contents.wanted {
        let why = why(places, call.as_deref());
        lines.entry(pin.normalised()).or_insert((*group, pin.to_string(), format!("{pin}  {why}")));
    }
    edit.pins(&mut lines);
    let pinned: BTreeSet<String> =
        contents.wanted.iter().map(|wanted| wanted.pin.normalised()).chain(edit.own_names()).collect();
    let suggested = contents.suggested.iter().filter(|one| !pinned.contains(&lines::plain(&one.name)));
    let mut comments: BTreeMap<String, (Group, String, String)> = suggested
        .map(|Suggestion { name, group, places }| {
            let line = format!("# {name}  {}", why(places, None));
            (lines::plain(name), (*group, String::new(), line))
        })
        .collect();
    edit.suggestions(&mut comments);
    let mut indexes: BTreeMap<String, (Group, String, String)> = contents
        .indexes
        .iter()
        .map(|(url, pin)| {
            let option = format!("--extra-index-url {url}");
            let line = format!("{option}  # why: {pin}");
            (url.clone(), (Group::Indexes, option, line))
        })
        .collect();
    edit.indexes(&mut indexes);
    let new = indexes.into_values().chain(lines.into_values()).chain(comments.into_values());
    edit.add(new.collect(), body.trim().is_empty());
    edit.drop_empty_headlines();
    let Edit { items, mut edited } = edit;
    let last = items.len().saturating_sub(1);
    for (index, Item { kind: _, text, line: _, end }) in items.into_iter().enumerate() {
        edited.text.push_str(&text);
        // What is the user's keeps its end, but for the last line of the file where another comes behind it.
        let end = end.filter(|end| !end.is_empty() || index == last);
        edited.text.push_str(end.as_deref().unwrap_or(usual));
    }
    edited.text.insert_str(0, bom);
    edited
}

/// The lines, from 1, in which the user asks for distributions.
pub fn own_line_numbers(text: &str) -> BTreeSet<usize> {
    let items = lines::read(text.trim_start_matches('\u{feff}'));
    let own = items.iter().filter_map(|item| match item.kind {
        Kind::Own { line, .. } => Some(line),
        _ => None,
    });
    own.collect()
}

/// What of the file is its user's: requirements as PEP 508 writes them, and where they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLines {
    pub requirements: Vec<String>,
    pub options: Vec<IndexOption>,
    /// Folders and files of this machine: the line, and the text.
    pub paths: Vec<(usize, String)>,
    /// What is no requirement, though no comment either, and addresses that do not say of what they are.
    pub wrong: Vec<(usize, String)>,
}

/// Those lines of a requirement file that are not scaf's.
pub fn own_lines(text: &str) -> OwnLines {
    let mut own = OwnLines::default();
    for item in lines::read(text.trim_start_matches('\u{feff}')) {
        match item.kind {
            Kind::Own { names: _, line } => match lines::requirement(&item.text) {
                Some(requirement) => own.requirements.push(requirement),
                None => own.other(&item.text, line),
            },
            Kind::OwnOption(option) => own.options.push(option),
            Kind::Other => own.other(&item.text, item.line),
            Kind::Headline(_) | Kind::Pin { .. } | Kind::Suggestion { .. } | Kind::Index { .. } => {}
        }
    }
    own
}

impl OwnLines {
    /// A comment, an option, a path of this machine, or what nobody understands.
    fn other(&mut self, text: &str, first: usize) {
        for (line, text) in requirements::logical_lines(text) {
            let line = first + line - 1;
            if !requirements::read(&text).local.is_empty() {
                self.paths.push((line, text));
            } else if !text.starts_with('-') {
                self.wrong.push((line, text));
            }
        }
    }
}

struct Edit {
    items: Vec<Item>,
    edited: Edited,
}

/// Group, what it is in a few words, the whole line; by name.
type New = BTreeMap<String, (Group, String, String)>;

impl Edit {
    /// Brings the lines that are there up to date and takes those out of the list.
    fn pins(&mut self, wanted: &mut New) {
        for item in &self.items {
            let Kind::Own { names, line } = &item.kind else { continue };
            for name in names {
                if wanted.remove(name).is_some() {
                    let text = item.text.trim().to_owned();
                    self.edited.own.push(Own { name: name.clone(), line: *line, text });
                }
            }
        }
        self.settle(wanted, |kind| match kind {
            Kind::Pin { name, pin } => Some((name.clone(), pin.clone())),
            _ => None,
        });
    }

    fn suggestions(&mut self, suggested: &mut New) {
        self.settle(suggested, |kind| match kind {
            Kind::Suggestion { name } => Some((name.clone(), String::new())),
            _ => None,
        });
    }

    fn indexes(&mut self, indexes: &mut New) {
        for item in &self.items {
            if let Kind::OwnOption(option) = &item.kind
                && let Some(url) = option.index()
            {
                indexes.remove(url);
            }
        }
        self.settle(indexes, |kind| match kind {
            Kind::Index { url } => Some((url.clone(), format!("--extra-index-url {url}"))),
            _ => None,
        });
    }

    fn settle(&mut self, wanted: &mut New, which: impl Fn(&Kind) -> Option<(String, String)>) {
        let mut under = None;
        let items = std::mem::take(&mut self.items);
        for mut item in items {
            if let Kind::Headline(group) = item.kind {
                under = Some(group);
            }
            let Some((name, was)) = which(&item.kind) else {
                self.items.push(item);
                continue;
            };
            let Some((group, now, line)) = wanted.get(&name) else {
                if !was.is_empty() {
                    self.edited.changes.push(Change::Removed { was });
                }
                continue;
            };
            let moved = under.is_some_and(|under| under != *group);
            if was != *now {
                self.edited.changes.push(Change::Changed { was: was.clone(), now: now.clone() });
            }
            if moved {
                // It was told already; it is put where it belongs.
                let entry = (*group, String::new(), line.clone());
                wanted.insert(name, entry);
                continue;
            }
            // Line numbers alone change with every edit of the code: that is no reason for another image.
            if was != *now || lines::without_numbers(&item.text) != lines::without_numbers(line) {
                item.text.clone_from(line);
            }
            wanted.remove(&name);
            self.items.push(item);
        }
    }

    fn own_names(&self) -> Vec<String> {
        let names = self.items.iter().map(|item| match &item.kind {
            Kind::Own { names, line: _ } => names.as_slice(),
            _ => &[],
        });
        names.flatten().cloned().collect()
    }

    fn add(&mut self, new: Vec<(Group, String, String)>, is_new: bool) {
        if is_new && !new.is_empty() && self.items.iter().all(|item| item.text.trim().is_empty()) {
            self.items = vec![Item::new(Kind::Other, HEAD)];
        }
        for (group, what, line) in new {
            if !what.is_empty() {
                self.edited.changes.push(Change::Added { now: what });
            }
            let at = self.place_in(group, &line);
            self.items.insert(at, Item::new(lines::kind(&line, 0), line));
        }
    }

    /// Where a line goes: under its headline, which is made where there is none, by its name.
    fn place_in(&mut self, group: Group, line: &str) -> usize {
        let is_headline = |item: &Item, of: Group| matches!(item.kind, Kind::Headline(own) if own == of);
        let head = if let Some(at) = self.items.iter().position(|item| is_headline(item, group)) {
            at
        } else {
            let later = Group::ALL.iter().filter(|other| **other > group);
            let before =
                later.filter_map(|other| self.items.iter().position(|item| is_headline(item, *other)));
            let blank = || Item::new(Kind::Other, "");
            let headline = Item::new(Kind::Headline(group), group.headline());
            if let Some(at) = before.min() {
                self.items.splice(at..at, [headline, blank()]);
                at
            } else {
                if self.items.last().is_some_and(|last| !last.text.trim().is_empty()) {
                    self.items.push(blank());
                }
                self.items.push(headline);
                self.items.len() - 1
            }
        };
        let mut at = head + 1;
        let key = lines::sort_key(line);
        for (index, item) in self.items.iter().enumerate().skip(head + 1) {
            if !item.kind.is_of_scaf() {
                break;
            }
            if lines::sort_key(&item.text) > key {
                break;
            }
            at = index + 1;
        }
        at
    }

    fn drop_empty_headlines(&mut self) {
        let mut at = 0;
        while at < self.items.len() {
            let next = self.items.get(at + 1).map(|item| &item.kind);
            let empty =
                matches!(self.items[at].kind, Kind::Headline(_)) && !next.is_some_and(Kind::is_of_scaf);
            if !empty {
                at += 1;
                continue;
            }
            self.items.remove(at);
            let is_blank = |item: Option<&Item>| item.is_some_and(|item| item.text.trim().is_empty());
            let before = at > 0 && is_blank(self.items.get(at - 1));
            if is_blank(self.items.get(at)) {
                // The blank line between this and the next group.
                self.items.remove(at);
            } else if before && at == self.items.len() {
                self.items.remove(at - 1);
            }
        }
    }
}

/// `# why: model.py:4, train.py:3 +2 (to_parquet)`
fn why(places: &[Place], call: Option<&str>) -> String {
    let mut text = String::from("# why:");
    // Each file once: with its first line.
    let mut shown: Vec<&Place> = Vec::new();
    for place in places {
        if !shown.iter().any(|have| have.file == place.file) {
            shown.push(place);
        }
    }
    for (index, Place { file, line }) in shown.iter().take(SHOWN_PLACES).enumerate() {
        // A line of the file is one line, whatever a folder is called.
        let file = file.replace(['\n', '\r'], "?");
        let _ = write!(text, "{} {file}:{line}", if index == 0 { "" } else { "," });
    }
    if shown.len() > SHOWN_PLACES {
        let _ = write!(text, " +{}", shown.len() - SHOWN_PLACES);
    }
    if let Some(call) = call {
        let call: String = call.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = write!(text, " ({})", call.trim_end_matches('\\'));
    }
    text
}
