//! Shared code in an experiment: `src/common/a/b.py` appears as `src/<experiment>/common/a/b.py`, a
//! relative link at the same place. Paths here are `/`-separated; a *place* is relative to the
//! experiment (`common/a/b.py`), a shared path to the shared code (`a/b.py`).

use std::collections::BTreeMap;

use super::layout::COMMON;
use super::name::ExperimentName;

/// The file that makes a folder a package.
pub const INIT: &str = "__init__.py";

/// A path below the shared code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedPath(String);

/// Why a path cannot be one of the shared code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedPathError {
    #[error("`{0}` is an absolute path")]
    Absolute(String),
    #[error("`{0}` leads out of the shared code")]
    Climbs(String),
    #[error("`{0}` is the whole of the shared code")]
    Whole(String),
    #[error("`{0}` has a control character in it")]
    Control(String),
}

impl SharedPath {
    /// What a person may mean by `text`, the likeliest first: `text.py`, `common/text.py` and
    /// `src/common/text.py` are one. `code` is the code folder relative to the project.
    pub fn readings(text: &str, code: &str) -> Result<Vec<Self>, SharedPathError> {
        if text.starts_with('/') {
            return Err(SharedPathError::Absolute(text.to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err(SharedPathError::Control(text.escape_debug().to_string()));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(SharedPathError::Climbs(text.to_owned()));
        }
        let mut readings = Vec::new();
        let mut add = |parts: &[&str]| {
            if !parts.is_empty() {
                readings.push(Self(parts.join("/")));
            }
        };
        add(&parts);
        let mut rest = parts.as_slice();
        for prefix in code.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match rest.split_first() {
                Some((first, others)) if *first == prefix => rest = others,
                _ => {
                    rest = parts.as_slice();
                    break;
                }
            }
        }
        if let Some((&COMMON, others)) = rest.split_first() {
            add(others);
            if others.is_empty() {
                return Err(SharedPathError::Whole(text.to_owned()));
            }
        }
        if readings.is_empty() { Err(SharedPathError::Whole(text.to_owned())) } else { Ok(readings) }
    }

    /// The shared path of a place, `None` for a place that is not below `common`.
    pub fn at(place: &str) -> Option<Self> {
        let path = place.strip_prefix(COMMON)?.strip_prefix('/')?;
        (!path.is_empty()).then(|| Self(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it appears in an experiment.
    pub fn place(&self) -> String {
        format!("{COMMON}/{}", self.0)
    }
}

/// What a link at a place has to say to lead to the shared code: `../../common/a` for `common/a` in
/// `digits`.
pub fn target(experiment: &ExperimentName, place: &str) -> String {
    // The folders of the experiment and of the place; the last part of the place is the link itself.
    let up = experiment.depth() + place.split('/').count() - 1;
    format!("{}{place}", "../".repeat(up))
}

/// The places above a place, the topmost first: `common`, `common/a` for `common/a/b.py`.
pub fn above(place: &str) -> impl Iterator<Item = &str> {
    place.match_indices('/').map(move |(index, _)| &place[..index])
}

/// The files that keep an installed package named `common` from being taken instead.
pub fn package_files(place: &str) -> impl Iterator<Item = String> {
    above(place).map(|folder| format!("{folder}/{INIT}"))
}

/// What is found at a place, links not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Folder,
    File(Content),
    Link {
        /// As written into it.
        target: String,
        leads: Leads,
    },
}

/// As much of a file as matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Empty,
    /// Short text in one line, without the line's end: it may be a link that git wrote as text.
    Line(String),
    Other,
}

/// Where a link ends once it is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To something in the project.
    Inside,
    /// To something outside the project, by its whole path.
    Outside(String),
    Nowhere,
    /// To itself, at last.
    Loop,
}

/// What is found below `common/` of an experiment, and `common` itself, by place.
pub type Places = BTreeMap<String, Found>;

/// How what is found at a place relates to the link that belongs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The link that belongs there.
    Right,
    /// A link with an absolute path, which no other machine and no container has.
    Absolute,
    /// A link to something else in the project.
    Elsewhere,
    /// A link to nothing.
    Dangling,
    /// A link to itself.
    Loop,
    /// A link out of the project.
    Escapes,
    /// The link's text in a file, as git leaves it with `core.symlinks=false`.
    AsText,
    /// A folder or a file of the experiment's own.
    Own,
}

impl State {
    /// Said of a link: "is …".
    pub fn said(&self) -> &'static str {
        match self {
            Self::Right => "in order",
            Self::Absolute => "an absolute link",
            Self::Elsewhere => "a link to something else",
            Self::Dangling => "a link to nothing",
            Self::Loop => "a link to itself",
            Self::Escapes => "a link out of the project",
            Self::AsText => "a link that git has written as text",
            Self::Own => "the experiment's own",
        }
    }
}

/// Looks at a place at or below `common`.
pub fn state(experiment: &ExperimentName, place: &str, found: &Found) -> State {
    match found {
        Found::Folder | Found::File(Content::Empty | Content::Other) => State::Own,
        Found::File(Content::Line(line)) => {
            if *line == target(experiment, place) {
                State::AsText
            } else {
                State::Own
            }
        }
        Found::Link { target, leads } => match leads {
            Leads::Loop => State::Loop,
            _ if target.starts_with('/') => State::Absolute,
            Leads::Nowhere => State::Dangling,
            Leads::Outside(_) => State::Escapes,
            Leads::Inside if climbs_to_itself(&format!("{experiment}/{place}"), target) => State::Loop,
            Leads::Inside => {
                if landing(&format!("{experiment}/{place}"), target).as_deref() == Some(place) {
                    State::Right
                } else {
                    State::Elsewhere
                }
            }
        },
    }
}

/// Whether a link leads to a folder that it is in itself, so that it would be met again below itself.
pub fn climbs_to_itself(link: &str, target: &str) -> bool {
    if target.split('/').all(|part| matches!(part, "" | "." | "..")) {
        return !target.starts_with('/');
    }
    landing(link, target)
        .is_some_and(|path| link.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')))
}

/// The path that a link names, by its text alone; `None` where it climbs out of the code folder.
pub fn landing(link: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The nearest link at or above the place that leads to the shared code, so that the place has it
/// already.
pub fn covering<'a>(experiment: &ExperimentName, places: &'a Places, place: &str) -> Option<&'a str> {
    above(place)
        .chain([place])
        .find_map(|place| {
            places.get_key_value(place).filter(|(at, found)| state(experiment, at, found) == State::Right)
        })
        .map(|(at, _)| at.as_str())
}

/// Whether the folder at a place holds nothing but what scaf makes (links to the shared code, empty
/// `__init__.py`) and what Python leaves behind, so that it can go without loss.
pub fn is_made(experiment: &ExperimentName, places: &Places, folder: &str) -> bool {
    owned(experiment, places, folder).next().is_none()
}

/// The places below a folder that are somebody's own work.
pub fn owned<'a>(
    experiment: &'a ExperimentName,
    places: &'a Places,
    folder: &'a str,
) -> impl Iterator<Item = &'a str> {
    below(places, folder)
        .filter(|(place, found)| {
            if place.split('/').any(|part| part == "__pycache__") {
                return false;
            }
            match found {
                Found::Folder => false,
                Found::File(Content::Empty) => !place.ends_with(&format!("/{INIT}")),
                _ => {
                    matches!(state(experiment, place, found), State::Own | State::Elsewhere | State::Escapes)
                }
            }
        })
        .map(|(place, _)| place)
}

/// What is found below a folder.
pub fn below<'a>(places: &'a Places, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Found)> {
    let start = format!("{folder}/");
    places
        .range(start.clone()..)
        .take_while(move |(place, _)| place.starts_with(&start))
        .map(|(place, found)| (place.as_str(), found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ExperimentName {
        ExperimentName::parse(text).unwrap()
    }

    fn read(text: &str) -> Vec<String> {
        SharedPath::readings(text, "src").unwrap().into_iter().map(|path| path.0).collect()
    }

    #[test]
    fn a_link_to_a_folder_around_it_leads_to_itself() {
        for target in [".", "..", "../..", "./", "../../digits", "../deep"] {
            assert!(climbs_to_itself("digits/deep/link", target), "{target}");
        }
        for target in ["../deeper", "x", "../../ocr", "../../../data", "/"] {
            assert!(!climbs_to_itself("digits/deep/link", target), "{target}");
        }
    }

    #[test]
    fn a_path_is_read_as_people_type_it() {
        assert_eq!(read("text.py"), ["text.py"]);
        assert_eq!(read("./a//b/"), ["a/b"]);
        assert_eq!(read("common/a.py"), ["common/a.py", "a.py"]);
        assert_eq!(read("src/common/a/b.py"), ["src/common/a/b.py", "a/b.py"]);
        assert_eq!(read("src/a.py"), ["src/a.py"]);
        let deep = SharedPath::readings("code/python/common/a.py", "code/python").unwrap();
        assert_eq!(deep[1].as_str(), "a.py");
        for text in ["", ".", "common", "common/", "src/common/", "./"] {
            assert_eq!(SharedPath::readings(text, "src"), Err(SharedPathError::Whole(text.into())), "{text}");
        }
        assert_eq!(SharedPath::readings("/a", "src"), Err(SharedPathError::Absolute("/a".into())));
        for text in ["..", "../a", "a/../b", "common/../x"] {
            assert_eq!(SharedPath::readings(text, "src"), Err(SharedPathError::Climbs(text.into())));
        }
        assert!(matches!(SharedPath::readings("a\nb", "src"), Err(SharedPathError::Control(_))));
    }

    #[test]
    fn a_link_counts_the_depth_of_both() {
        // The first defect of the ancestor: the depth of the dependency was not counted.
        assert_eq!(target(&name("digits"), "common/text.py"), "../../common/text.py");
        assert_eq!(target(&name("digits"), "common/a/b/c.py"), "../../../../common/a/b/c.py");
        assert_eq!(target(&name("vision/ocr/old"), "common/a.py"), "../../../../common/a.py");
        assert_eq!(target(&name("digits"), "common"), "../common");
        for (experiment, place) in [("digits", "common/a/b.py"), ("a/b/c", "common/d"), ("a", "common")] {
            let link = format!("{experiment}/{place}");
            assert_eq!(landing(&link, &target(&name(experiment), place)).as_deref(), Some(place));
        }
    }

    #[test]
    fn packages_on_the_way() {
        let files: Vec<String> = package_files("common/a/b/c.py").collect();
        assert_eq!(files, ["common/__init__.py", "common/a/__init__.py", "common/a/b/__init__.py"]);
    }

    #[test]
    fn what_is_found_is_told_apart() {
        let experiment = name("digits");
        let link = |target: &str, leads| Found::Link { target: target.into(), leads };
        let seen = |found: &Found| state(&experiment, "common/a.py", found);
        assert_eq!(seen(&link("../../common/a.py", Leads::Inside)), State::Right);
        assert_eq!(seen(&link(".././../common/a.py", Leads::Inside)), State::Right);
        assert_eq!(seen(&link("../../common/b.py", Leads::Inside)), State::Elsewhere);
        assert_eq!(seen(&link("../../../common/a.py", Leads::Inside)), State::Elsewhere);
        assert_eq!(seen(&link("../../common/a.py", Leads::Nowhere)), State::Dangling);
        assert_eq!(seen(&link("a.py", Leads::Loop)), State::Loop);
        assert_eq!(seen(&link("/x/common/a.py", Leads::Inside)), State::Absolute);
        assert_eq!(seen(&link("../../../../a.py", Leads::Outside("/a.py".into()))), State::Escapes);
        assert_eq!(seen(&Found::File(Content::Line("../../common/a.py".into()))), State::AsText);
        assert_eq!(seen(&Found::File(Content::Line("x = 1".into()))), State::Own);
        assert_eq!(seen(&Found::Folder), State::Own);
    }

    #[test]
    fn a_folder_of_links_alone_can_go() {
        let experiment = name("digits");
        let mut places = Places::new();
        places.insert("common".into(), Found::Folder);
        places.insert("common/__init__.py".into(), Found::File(Content::Empty));
        places.insert("common/a".into(), Found::Folder);
        places.insert("common/a/__init__.py".into(), Found::File(Content::Empty));
        let link = Found::Link { target: "../../../common/a/b.py".into(), leads: Leads::Inside };
        places.insert("common/a/b.py".into(), link);
        places.insert("common/a/__pycache__".into(), Found::Folder);
        places.insert("common/a/__pycache__/b.pyc".into(), Found::File(Content::Other));
        places.insert("common/ab".into(), Found::File(Content::Other));
        assert!(is_made(&experiment, &places, "common/a"));
        assert!(!is_made(&experiment, &places, "common"));
        assert_eq!(covering(&experiment, &places, "common/a/b.py"), Some("common/a/b.py"));
        assert_eq!(covering(&experiment, &places, "common/a"), None);
        places.insert("common/a/own.py".into(), Found::File(Content::Other));
        assert_eq!(owned(&experiment, &places, "common/a").collect::<Vec<_>>(), ["common/a/own.py"]);
    }
}
