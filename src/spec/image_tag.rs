//! The names of the images that scaf makes. A name is computed from what goes in, never read back
//! from the builder: a plan can name an image that does not exist yet, and why an image is made
//! anew is a comparison of two values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::build_context::{BuildContext, EntryKind};
use super::dockerfile::{Dockerfile, Reference};
use super::image::ArgValue;
use crate::project::name::ExperimentName;

/// Grows by one when images of the old rule would be wrong under the new.
pub const RULE: u32 = 1;

/// Labels of every image that scaf makes.
pub const LABEL_PROJECT: &str = "scaf.project";
pub const LABEL_EXPERIMENT: &str = "scaf.experiment";
/// The inputs, as compact JSON.
pub const LABEL_INPUTS: &str = "scaf.inputs";
/// The base images' ids when it was made, as JSON: name → id.
pub const LABEL_BASE: &str = "scaf.base";
/// On a layer: what it is for.
pub const LABEL_LAYER: &str = "scaf.layer";

/// A label beyond this is made shorter: the classic builder carries labels in its address line.
const LABEL_MAX: usize = 16 * 1024;

/// Variables that Docker passes on of itself and that leave no trace in the image.
pub const PROXIES: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
];

/// Everything that decides what is in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    pub rule: u32,
    /// Whole names of the base images, whatever mirror they come through.
    pub from: Vec<String>,
    /// Path → digest, with an `x` behind it for an executable; a symlink's target behind `->`.
    pub files: BTreeMap<String, String>,
    /// Build argument → digest of its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// The lines of requirements files that name a package, for telling what changed; no part of the
    /// identity, since the files are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, Vec<String>>,
}

/// Why an image is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Reason {
    /// There is none of this experiment yet.
    First,
    /// It was made before and is gone.
    Gone,
    /// The user said so: `--no-cache`, `--pull`.
    Asked {
        option: String,
    },
    FileAdded {
        path: String,
    },
    FileRemoved {
        path: String,
    },
    FileChanged {
        path: String,
    },
    PinAdded {
        pin: String,
        path: String,
    },
    PinRemoved {
        pin: String,
        path: String,
    },
    PinChanged {
        was: String,
        now: String,
        path: String,
    },
    Base {
        was: String,
        now: String,
    },
    Argument {
        name: String,
    },
    /// Another version of scaf, with another rule for images.
    Rule,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("there is no image of this experiment yet"),
            Self::Gone => f.write_str("the image was made before and is gone"),
            Self::Asked { option } => write!(f, "`{option}` asks for it"),
            Self::FileAdded { path } => write!(f, "`{path}` is new"),
            Self::FileRemoved { path } => write!(f, "`{path}` is gone"),
            Self::FileChanged { path } => write!(f, "`{path}` changed"),
            Self::PinAdded { pin, path } => write!(f, "`{pin}` is new in `{path}`"),
            Self::PinRemoved { pin, path } => write!(f, "`{pin}` is gone from `{path}`"),
            Self::PinChanged { was, now, path } => write!(f, "`{was}` became `{now}` in `{path}`"),
            Self::Base { was, now } => write!(f, "the base image was `{was}` and is `{now}`"),
            Self::Argument { name } => write!(f, "the build argument `{name}` changed"),
            Self::Rule => f.write_str("this scaf makes images by a newer rule"),
        }
    }
}

impl Inputs {
    pub fn of(context: &BuildContext, args: &BTreeMap<String, ArgValue>) -> Self {
        let file = Dockerfile::read(&context.text, &plain(args));
        let mut from: Vec<String> =
            file.externals().iter().map(|one| Reference::parse(&one.image).to_string()).collect();
        let mut seen = BTreeSet::new();
        from.retain(|image| seen.insert(image.clone()));
        let mut files = BTreeMap::new();
        for entry in &context.entries {
            let value = match &entry.kind {
                EntryKind::File { executable, size: _, digest } => {
                    format!("{}{}", short(digest), if *executable { "x" } else { "" })
                }
                EntryKind::Link { target } => format!("->{target}"),
                EntryKind::Folder => "/".to_owned(),
            };
            files.insert(entry.path.clone(), value);
        }
        let args = args
            .iter()
            .filter(|(name, _)| !PROXIES.contains(&name.as_str()))
            .map(|(name, value)| {
                let value = match value {
                    ArgValue::Plain(value) => short(&blake3::hash(value.as_bytes()).to_hex()).to_owned(),
                    ArgValue::FromHost => "from the host".to_owned(),
                };
                (name.clone(), value)
            })
            .collect();
        let pins = context.requirements.iter().map(|(path, text)| (path.clone(), pins(text))).collect();
        Self { rule: RULE, from, files, args, pins }
    }

    /// 16 hex digits.
    pub fn hash(&self) -> String {
        let Self { rule, from, files, args, pins: _ } = self;
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            // The length first, so that no two lists of texts are written alike.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(&format!("scaf image {rule} {} {} {}", from.len(), files.len(), args.len()));
        for image in from {
            add(image);
        }
        for (name, value) in files.iter().chain(args) {
            add(name);
            add(value);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// What is different from an older image's.
    pub fn difference(&self, old: &Self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.rule != old.rule {
            reasons.push(Reason::Rule);
        }
        if self.from != old.from {
            reasons.push(Reason::Base { was: old.from.join(", "), now: self.from.join(", ") });
        }
        let paths: BTreeSet<&String> = self.files.keys().chain(old.files.keys()).collect();
        for path in paths {
            match (old.files.get(path), self.files.get(path)) {
                (None, _) => reasons.push(Reason::FileAdded { path: path.clone() }),
                (_, None) => reasons.push(Reason::FileRemoved { path: path.clone() }),
                (Some(was), Some(now)) if was == now => {}
                _ => reasons.extend(self.inside(old, path)),
            }
        }
        let names: BTreeSet<&String> = self.args.keys().chain(old.args.keys()).collect();
        for name in names {
            if self.args.get(name) != old.args.get(name) {
                reasons.push(Reason::Argument { name: name.clone() });
            }
        }
        reasons
    }

    /// Of those that images were made from the one that differs least. What has no base is of no
    /// experiment's own image.
    pub fn nearest(&self, others: impl IntoIterator<Item = Self>) -> Option<Self> {
        let own = self.as_labelled();
        others
            .into_iter()
            .filter(|other| !other.from.is_empty())
            .min_by_key(|other| (own.difference(other).len(), other.to_label()))
    }

    /// What changed in a file, by its pins where both are known.
    fn inside(&self, old: &Self, path: &String) -> Vec<Reason> {
        let whole = || vec![Reason::FileChanged { path: path.clone() }];
        let (Some(was), Some(now)) = (old.pins.get(path), self.pins.get(path)) else { return whole() };
        let mut reasons = Vec::new();
        for pin in now.iter().filter(|pin| !was.contains(pin)) {
            let before = was.iter().find(|other| package(other) == package(pin) && !now.contains(other));
            reasons.push(match before {
                Some(before) => {
                    Reason::PinChanged { was: before.clone(), now: pin.clone(), path: path.clone() }
                }
                None => Reason::PinAdded { pin: pin.clone(), path: path.clone() },
            });
        }
        for pin in was.iter().filter(|pin| !now.contains(pin)) {
            if !now.iter().any(|other| package(other) == package(pin)) {
                reasons.push(Reason::PinRemoved { pin: pin.clone(), path: path.clone() });
            }
        }
        if reasons.is_empty() { whole() } else { reasons }
    }

    /// As a label: compact JSON, made shorter where there is too much of it.
    pub fn to_label(&self) -> String {
        let mut inputs = self.clone();
        let mut text = serde_json::to_string(&inputs).unwrap_or_default();
        if text.len() > LABEL_MAX {
            inputs.pins.clear();
            text = serde_json::to_string(&inputs).unwrap_or_default();
        }
        if text.len() > LABEL_MAX {
            // One entry for each folder at the top, over all that is in it.
            let mut folders: BTreeMap<String, blake3::Hasher> = BTreeMap::new();
            let mut files = BTreeMap::new();
            for (path, value) in &inputs.files {
                if let Some((folder, _)) = path.split_once('/') {
                    let hasher = folders.entry(format!("{folder}/")).or_default();
                    hasher.update(format!("{path}\0{value}\0").as_bytes());
                } else {
                    files.insert(path.clone(), value.clone());
                }
            }
            let folded = folders
                .into_iter()
                .map(|(path, hasher)| (path, short(&hasher.finalize().to_hex()).to_owned()));
            files.extend(folded);
            inputs.files = files;
            text = serde_json::to_string(&inputs).unwrap_or_default();
        }
        text
    }

    /// From a label; `None` for one that another scaf wrote in a way that this one does not know.
    pub fn from_label(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it would be read back, so that two can be compared that were both shortened.
    pub fn as_labelled(&self) -> Self {
        Self::from_label(&self.to_label()).unwrap_or_else(|| self.clone())
    }
}

/// The plain values among build arguments, for reading a Dockerfile with them.
pub fn plain(args: &BTreeMap<String, ArgValue>) -> BTreeMap<String, String> {
    args.iter()
        .filter_map(|(name, value)| match value {
            ArgValue::Plain(value) => Some((name.clone(), value.clone())),
            ArgValue::FromHost => None,
        })
        .collect()
}

/// `scaf/<project>/<experiment>`, without a tag.
pub fn repository(project: &str, experiment: &ExperimentName) -> String {
    format!("scaf/{}/{}", component(project), component(&experiment.slug()))
}

/// The name of an experiment's image.
pub fn tag(project: &str, experiment: &ExperimentName, inputs: &Inputs) -> String {
    format!("{}:{}", repository(project, experiment), inputs.hash())
}

/// A part of an image's name: `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn component(text: &str) -> String {
    let mut out = String::new();
    let mut between = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            if !out.is_empty() {
                let fine =
                    matches!(between.as_str(), "" | "." | "_" | "__") || between.chars().all(|c| c == '-');
                out.push_str(if fine { &between } else { "-" });
            }
            between.clear();
            out.push(c);
        } else {
            between.push(if matches!(c, '.' | '_' | '-') { c } else { '-' });
        }
        if out.len() >= 100 {
            break;
        }
    }
    if out.is_empty() { "project".to_owned() } else { out }
}

fn short(hex: &str) -> &str {
    hex.get(..32).unwrap_or(hex)
}

/// The lines that name a package. Lines with an address are left out, since it may hold a password.
fn pins(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split(" #").next().unwrap_or_default().split(" --").next().unwrap_or_default())
        .map(|line| line.trim().trim_end_matches('\\').trim_end())
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()) && !line.contains("://"))
        .map(str::to_owned)
        .collect()
}

/// The name that a pin is about, in the form in which names are compared.
fn package(pin: &str) -> String {
    let stop = pin.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    pin[..stop.unwrap_or(pin.len())].to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Whether the requirements name the package themselves.
pub fn requires(context: &BuildContext, name: &str) -> bool {
    context.requirements.iter().any(|(_, text)| pins(text).iter().any(|pin| package(pin) == name))
}

#[cfg(test)]
mod tests {
    use super::super::build_context::ContextEntry;
    use super::*;

    fn context(files: &[(&str, &str)]) -> BuildContext {
        let entries = files
            .iter()
            .map(|(path, text)| ContextEntry {
                path: (*path).to_owned(),
                kind: EntryKind::File {
                    executable: false,
                    size: text.len() as u64,
                    digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
                },
            })
            .collect();
        let text_of =
            |name: &str| files.iter().find(|(path, _)| *path == name).map(|(_, text)| (*text).to_owned());
        BuildContext {
            directory: "/p/src/e/environment".into(),
            dockerfile: "Dockerfile".into(),
            text: text_of("Dockerfile").unwrap_or_default(),
            entries,
            requirements: text_of("requirements.txt")
                .map(|text| ("requirements.txt".to_owned(), text))
                .into_iter()
                .collect(),
        }
    }

    fn inputs(files: &[(&str, &str)]) -> Inputs {
        Inputs::of(&context(files), &BTreeMap::new())
    }

    #[test]
    fn the_tag_stays_as_it_is() {
        let inputs =
            inputs(&[("Dockerfile", "FROM python:3.11-slim\n"), ("requirements.txt", "numpy==2.4.1\n")]);
        let name = ExperimentName::parse("vision/digits").unwrap();
        // A change here makes every image of every user anew: then `RULE` must grow, too.
        assert_eq!(tag("My Project", &name, &inputs), "scaf/my-project/vision--digits:1ac40aac132f8609");
    }

    #[test]
    fn the_tag_sees_files_modes_bases_and_arguments() {
        let text = "ARG V=3.11\nFROM python:${V}-slim\n";
        let base = context(&[("Dockerfile", text), ("a.sh", "x")]);
        let of = |context: &BuildContext, args: &[(&str, ArgValue)]| {
            Inputs::of(
                context,
                &args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            )
            .hash()
        };
        let first = of(&base, &[]);
        let mut executable = base.clone();
        let EntryKind::File { executable: mode, .. } = &mut executable.entries[1].kind else { panic!() };
        *mode = true;
        assert_ne!(of(&executable, &[]), first);
        assert_ne!(of(&base, &[("V", ArgValue::Plain("3.12".into()))]), first);
        assert_eq!(
            of(&base, &[("HTTP_PROXY", ArgValue::FromHost)]),
            first,
            "a proxy leaves no trace in an image"
        );
        assert_ne!(of(&context(&[("Dockerfile", text), ("a.sh", "y")]), &[]), first);
        assert_ne!(of(&context(&[("Dockerfile", text), ("b.sh", "x")]), &[]), first);
        let mut elsewhere = base.clone();
        elsewhere.directory = "/another/checkout".into();
        assert_eq!(of(&elsewhere, &[]), first);
    }

    #[test]
    fn what_changed_is_said_by_the_package() {
        let dockerfile = ("Dockerfile", "FROM python:3.11-slim\n");
        let old = inputs(&[
            dockerfile,
            ("requirements.txt", "numpy==2.4.0  # arrays\npandas==3.0\nScikit_Learn==1.8 --hash=sha256:0\n"),
            ("gone", ""),
        ]);
        let new = inputs(&[
            ("Dockerfile", "FROM python:3.12-slim\n"),
            (
                "requirements.txt",
                "--extra-index-url https://u:p@x.example/\nnumpy==2.4.1\nscikit-learn==1.8\ntqdm==4.67\n",
            ),
            ("new", ""),
        ]);
        let said: Vec<String> = new.difference(&old).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"));
        assert!(!new.to_label().contains("u:p"));
        assert_eq!(new.difference(&new), []);
        assert_eq!(Inputs::from_label(&new.to_label()), Some(new));
    }

    #[test]
    fn what_differs_least_is_what_it_is_compared_with() {
        let files = [("Dockerfile", "FROM a\n"), ("run.sh", "x")];
        let with = |files: &[(&str, &str)], flavour: Option<&str>| {
            let args = flavour.map(|value| ("FLAVOUR".to_owned(), ArgValue::Plain(value.to_owned())));
            Inputs::of(&context(files), &args.into_iter().collect())
        };
        let near = with(&[("Dockerfile", "FROM a\n"), ("run.sh", "y")], None);
        let flavoured = with(&[("Dockerfile", "FROM a\n"), ("run.sh", "y")], Some("z"));
        let own = with(&files, None);
        // A layer on an image is of no inputs of its own.
        for others in [[near.clone(), flavoured.clone()], [flavoured, near.clone()]] {
            let others = others.into_iter().chain([Inputs::default()]);
            assert_eq!(own.nearest(others), Some(near.clone()));
        }
        assert_eq!(own.nearest([Inputs::default()]), None);
    }

    #[test]
    fn a_comment_in_the_requirements_is_a_change_of_the_file() {
        let old = inputs(&[("Dockerfile", "FROM a\n"), ("requirements.txt", "numpy==2\n")]);
        let new = inputs(&[("Dockerfile", "FROM a\n"), ("requirements.txt", "numpy==2 # x\n")]);
        assert_eq!(new.difference(&old), [Reason::FileChanged { path: "requirements.txt".into() }]);
    }

    #[test]
    fn a_label_does_not_grow_without_end() {
        let mut large = inputs(&[("Dockerfile", "FROM a\n")]);
        for index in 0..5000 {
            large.files.insert(format!("wheels/{index}"), "0".repeat(32));
        }
        let label = large.to_label();
        assert!(label.len() < LABEL_MAX);
        let mut other = large.clone();
        other.files.insert("wheels/7".into(), "1".repeat(32));
        assert_eq!(
            other.as_labelled().difference(&Inputs::from_label(&label).unwrap()),
            [Reason::FileChanged { path: "wheels/".into() }]
        );
    }

    #[test]
    fn parts_of_names() {
        for (text, expected) in [
            ("Digits", "digits"),
            ("vision--digits", "vision--digits"),
            ("a___b", "a-b"),
            ("_x_", "x"),
            ("мой", "project"),
            ("a. b", "a-b"),
            ("a.b_c", "a.b_c"),
        ] {
            assert_eq!(component(text), expected);
        }
    }
}
