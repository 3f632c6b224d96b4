//! Names of experiments: `digit_recognition`, `vision/digits`. A name is checked before anything is
//! written, since it becomes a folder, a Python package and a part of an image's name.

use std::fmt;

/// Longest single part, in characters.
pub const PART_MAX: usize = 63;
/// Longest whole path, in characters.
pub const PATH_MAX: usize = 120;

/// Names with a meaning of their own inside the container (`/mnt/<name>`) or in the project.
pub const RESERVED: [&str; 7] = ["common", "data", "models", "notebooks", "outputs", "mnt", "runs"];

/// Python 3.14's hard keywords in lower case: a package of such a name cannot be imported.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// The checked path of an experiment below the code folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ExperimentName(String);

/// Why a name is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    #[error("an experiment's name is empty")]
    Empty,
    #[error("`{name}` is not a name: it {what}")]
    Shape { name: String, what: &'static str, suggestion: Option<String> },
    #[error("`{part}` in `{name}` is reserved")]
    Reserved { name: String, part: String },
    #[error("`{part}` in `{name}` is a Python keyword, so it could never be imported")]
    Keyword { name: String, part: String },
    #[error("`{part}` is {length} characters long, the limit is {PART_MAX}")]
    PartTooLong { part: String, length: usize },
    #[error("the name is {length} characters long, the limit is {PATH_MAX}")]
    PathTooLong { length: usize },
}

impl NameError {
    /// A way out that can be typed, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("give it a name such as `digit_recognition`".to_owned()),
            Self::Shape { suggestion: Some(suggestion), .. } => Some(format!("`{suggestion}` would do")),
            Self::Shape { .. } => Some(
                "use lower-case letters, digits and single underscores, starting with a letter; `/` nests"
                    .to_owned(),
            ),
            Self::Reserved { part, .. } => Some(format!("`{part}_experiment` would do")),
            Self::Keyword { part, .. } => {
                Some(format!("`{part}_` is not allowed either; try `{part}_experiment`"))
            }
            Self::PartTooLong { .. } | Self::PathTooLong { .. } => {
                Some("a shorter name is easier to type, too".to_owned())
            }
        }
    }
}

impl ExperimentName {
    /// Checks a name. The rule is product.md §2: parts `[a-z][a-z0-9]*(_[a-z0-9]+)*` joined by `/`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let shape = |what| NameError::Shape {
            name: text.to_owned(),
            what,
            suggestion: suggest(text).filter(|other| other != text),
        };
        if text.starts_with('/') || text.ends_with('/') {
            return Err(shape("begins or ends with `/`"));
        }
        for part in text.split('/') {
            if part.is_empty() {
                return Err(shape("has an empty part between two `/`"));
            }
            if part == "." || part == ".." {
                return Err(shape("leads out of its folder"));
            }
            if part.chars().any(char::is_whitespace) {
                return Err(shape("has a space in it"));
            }
            if part.chars().any(|c| c.is_ascii_uppercase()) {
                return Err(shape("has upper-case letters, which an image's name cannot have"));
            }
            if !is_part(part) {
                return Err(shape("has characters that a name cannot have"));
            }
        }
        for part in text.split('/') {
            if part.len() > PART_MAX {
                return Err(NameError::PartTooLong { part: part.to_owned(), length: part.len() });
            }
        }
        if text.len() > PATH_MAX {
            return Err(NameError::PathTooLong { length: text.len() });
        }
        for part in text.split('/') {
            if KEYWORDS.contains(&part) {
                return Err(NameError::Keyword { name: text.to_owned(), part: part.to_owned() });
            }
            if RESERVED.contains(&part) {
                return Err(NameError::Reserved { name: text.to_owned(), part: part.to_owned() });
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// A folder of a project taken over from elsewhere, which may break the rule for new names but
    /// is a plain relative path without `..`.
    pub fn adopted(path: &str) -> Option<Self> {
        let fine = !path.is_empty()
            && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
            && path.split('/').next() != Some("common");
        fine.then(|| Self(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part: `digits` of `vision/digits`.
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// How many folders deep: 1 for `digits`, 2 for `vision/digits`.
    pub fn depth(&self) -> usize {
        self.0.split('/').count()
    }

    /// The name in a form that images, containers and files can carry: `vision--digits`. No two
    /// names share one, since a name holds no `-`. Upper case (adopted projects) is folded.
    pub fn slug(&self) -> String {
        self.0
            .replace('/', "--")
            .chars()
            .map(
                |c| {
                    if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                        c.to_ascii_lowercase()
                    } else {
                        '-'
                    }
                },
            )
            .collect()
    }
}

impl fmt::Display for ExperimentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part.split('_').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// The nearest name that the rule allows, if one can be made.
fn suggest(text: &str) -> Option<String> {
    let parts: Vec<String> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .map(|part| {
            part.to_lowercase()
                .split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join("_")
        })
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let name = parts.join("/");
    ExperimentName::parse_plain(&name).then_some(name)
}

impl ExperimentName {
    fn parse_plain(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= PATH_MAX
            && text.split('/').all(|part| {
                is_part(part)
                    && part.len() <= PART_MAX
                    && !KEYWORDS.contains(&part)
                    && !RESERVED.contains(&part)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        for name in ["a", "digit_recognition", "vision/digits", "a1/b_2/c3"] {
            assert_eq!(ExperimentName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_are_refused() {
        let long = "a".repeat(200);
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            "../evil",
            "a/../b",
            "A",
            "a b",
            "a-b",
            "1a",
            "a__b",
            "_a",
            "a_",
            "class",
            "common",
            "x/data",
            "é",
            "a\nb",
            long.as_str(),
        ] {
            assert!(ExperimentName::parse(name).is_err(), "{name:?} passed");
        }
        let deep = ["abcdefghijklmnopqrstuvwxyz"; 5].join("/");
        assert_eq!(ExperimentName::parse(&deep), Err(NameError::PathTooLong { length: 134 }));
    }

    #[test]
    fn a_near_name_is_suggested() {
        let hint = |name| ExperimentName::parse(name).unwrap_err().hint().unwrap();
        assert_eq!(hint("Digit Recognition"), "`digit_recognition` would do");
        assert_eq!(hint("../evil"), "`evil` would do");
        assert_eq!(hint("data"), "`data_experiment` would do");
    }

    #[test]
    fn slugs_are_fit_for_images() {
        assert_eq!(ExperimentName::parse("vision/digit_x").unwrap().slug(), "vision--digit_x");
    }
}
