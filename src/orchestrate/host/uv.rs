//! uv, asked which distributions go together on a target, and for their hashes. It alone talks to the package index, as
//! the user has set it up; around it are a limit of time, a bound of tries, and errors of one line.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bounded_process::{SpeakError, Spoken, speak};
use super::python;
use crate::orchestrate::engine::moby::run::Heard;
use crate::orchestrate::load::network::NetworkError;
use crate::orchestrate::load::network::in_place_of_pip;
use crate::project::python::index_option::IndexOption;
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::lock_target::LockTarget;
use crate::spec::network::uv_toml;
use crate::spec::requirements_lock::{self, Locked};
use crate::spec::uv_failure::{self, UvFailure, without_credentials};
use crate::spec::uv_question::Question;

/// The first version that knows every option that is used here.
const OLDEST: (u32, u32) = (0, 5);
/// How long it may look for an answer: source archives may have to be built for it.
const LIMIT: Duration = Duration::from_secs(900);
/// For what it knows by itself.
const LIMIT_OF_ITSELF: Duration = Duration::from_secs(30);
/// What uv is told where its user says nothing: seconds without a word from the index, and how often it is asked again,
/// each time after a longer pause.
const USUAL: [(&str, &str); 5] = [
    ("UV_HTTP_TIMEOUT", "30"),
    ("UV_HTTP_RETRIES", "3"),
    ("UV_PYTHON_DOWNLOADS", "never"),
    ("UV_NO_PROGRESS", "1"),
    ("NO_COLOR", "1"),
];

/// A uv that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uv {
    pub program: PathBuf,
    /// `0.13.9`
    pub version: String,
}

/// With what it is asked.
pub struct Surroundings<'a> {
    pub environment: &'a Environment,
    /// uv's own settings are looked for here and above, as by uv itself.
    pub folder: &'a Path,
    /// Builds source archives where their metadata cannot be had otherwise.
    pub interpreter: Option<&'a Path>,
    pub offline: bool,
    pub heard: Option<&'a Heard>,
}

/// What it answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whoever is asked for by the requirements themselves has an empty name in `via`.
    pub pins: Vec<Locked>,
    /// What it warned of, each in one line.
    pub warnings: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum UvError {
    #[error(transparent)]
    Speak(#[from] SpeakError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("cannot write what uv is to read: {0}")]
    Files(io::Error),
    #[error("{}", told(failure, index, target))]
    Failed { failure: UvFailure, index: String, target: String },
    #[error("the package index `{url}` redirects in circles")]
    Circle { url: String },
}

impl UvError {
    pub fn failure(&self) -> Option<&UvFailure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

fn told(failure: &UvFailure, index: &str, target: &str) -> String {
    match failure {
        UvFailure::Index { url, why } => format!("the package index `{url}` does not answer: {why}"),
        UvFailure::Denied { url, status } => {
            format!("the package index `{url}` does not let us in: {status}")
        }
        UvFailure::Empty { name } => format!("{index} has not a single file of `{name}`"),
        UvFailure::NotInCache { name: Some(name) } => {
            format!("`{name}` is not in uv's cache, and the package index was not to be asked")
        }
        UvFailure::NotInCache { name: None } => {
            "uv's cache does not have all of it, and the package index was not to be asked".to_owned()
        }
        UvFailure::NotThere { name } => format!("`{name}` is not on {index}"),
        UvFailure::NoVersion { requirement } => {
            format!("`{requirement}` for {target} is not on {index}")
        }
        UvFailure::Build { what, why } => {
            format!("`{what}` has to be built from its source archive here, and that fails: {why}")
        }
        UvFailure::Hash { what } => {
            format!("the file for `{what}` on {index} is not the one that its hash names")
        }
        UvFailure::Unsolvable { why } => format!("no versions on {index} go together: {why}"),
        UvFailure::Other { why } if why.is_empty() => "uv failed without a word".to_owned(),
        UvFailure::Other { why } => format!("uv failed: {why}"),
    }
}

impl Explain for UvError {
    fn fault(&self) -> Fault {
        match self {
            Self::Speak(SpeakError::Interrupted { signal, .. }) => Fault::Interrupted(*signal),
            Self::Network(error) => error.fault(),
            Self::Failed { failure: UvFailure::Index { .. } | UvFailure::Denied { .. }, .. }
            | Self::Circle { .. }
            | Self::Files(_)
            | Self::Speak(_) => Fault::World,
            Self::Failed { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        let index =
            "which index is asked is said by uv's settings, else by pip's: `python3 -m pip config list`";
        let hints: &[&str] = match self {
            Self::Speak(SpeakError::TooLong { .. }) => &[index, "`--offline` asks uv's cache alone"],
            Self::Speak(_) | Self::Files(_) => &[],
            Self::Network(error) => return error.hints(),
            Self::Circle { .. } => &[index],
            Self::Failed { failure, .. } => match failure {
                UvFailure::Index { .. } => &[index, "`--offline` asks uv's cache alone"],
                UvFailure::Denied { .. } => &[
                    "name and password stand in the address, `https://NAME:PASSWORD@…`, in pip's or uv's settings, or in `~/.netrc`",
                    index,
                ],
                UvFailure::Empty { .. } => {
                    &["a proxy or the page of a login may have answered in place of the index", index]
                }
                UvFailure::NotInCache { .. } => &["without `--offline` it is fetched"],
                UvFailure::NotThere { .. } => &[
                    "a private package needs its index, `extra-index-url` in pip's settings or `index` in uv's",
                ],
                UvFailure::NoVersion { .. } => {
                    &["pin one that it has, or lock for another Python with `--python-version`"]
                }
                UvFailure::Unsolvable { .. } => &["change or take out one of the pins that it names"],
                UvFailure::Build { .. } => &["pin a version that has a wheel for the target"],
                UvFailure::Hash { .. } => {
                    &["somebody changed the file, on the index or on the way: ask who keeps it"]
                }
                UvFailure::Other { .. } => &[],
            },
        };
        hints.iter().map(|hint| (*hint).to_owned()).collect()
    }
}

/// The one on the PATH, else the one in scaf's cache; one that is too old is none.
pub fn find(environment: &Environment, in_cache: Option<&Path>) -> Option<Uv> {
    let all = environment.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let candidates = python::uv(environment).into_iter().chain(in_cache.map(Path::to_owned));
    candidates.filter(|program| program.is_file()).find_map(|program| {
        let argv = [program.clone().into_os_string(), "--version".into()];
        let spoken = speak(&argv, Path::new("/"), &all, LIMIT_OF_ITSELF, None).ok()?;
        let version = version(&String::from_utf8_lossy(&spoken.stdout))?;
        Some(Uv { program, version })
    })
}

/// `0.13.9` in `uv 0.13.9 (x86_64-unknown-linux-gnu)`, where it is new enough.
fn version(said: &str) -> Option<String> {
    let version = said.trim().strip_prefix("uv ")?.split_whitespace().next()?;
    let mut parts = version.split('.').map(str::parse::<u32>);
    let of = (parts.next()?.ok()?, parts.next()?.ok()?);
    (of >= OLDEST).then(|| version.to_owned())
}

impl Uv {
    pub fn ask(
        &self,
        question: &Question,
        target: &LockTarget,
        surroundings: &Surroundings<'_>,
    ) -> Result<Answer, UvError> {
        self.ask_within(LIMIT, question, target, surroundings)
    }

    /// The same, within this time.
    pub fn ask_within(
        &self,
        limit: Duration,
        question: &Question,
        target: &LockTarget,
        surroundings: &Surroundings<'_>,
    ) -> Result<Answer, UvError> {
        let folder = tempfile::Builder::new().prefix("scaf-uv-").tempdir().map_err(UvError::Files)?;
        let written = write(folder.path(), question, target).map_err(UvError::Files)?;
        let argv = self.argv(&written, question, target, surroundings);
        let mut environment = environment(question, surroundings)?;
        let spoken = speak(&argv, surroundings.folder, &environment, limit, surroundings.heard)?;
        let said = String::from_utf8_lossy(&spoken.stderr).into_owned();
        if !spoken.success {
            let failure = uv_failure::read(&said);
            // uv (0.13) takes an index that redirects for ever for one that has nothing.
            let nothing = matches!(
                failure,
                UvFailure::NotThere { .. }
                    | UvFailure::Empty { .. }
                    | UvFailure::NoVersion { .. }
                    | UvFailure::Unsolvable { .. }
            );
            if nothing && !surroundings.offline {
                environment.insert("RUST_LOG".into(), "uv_client=debug".into());
                let Spoken { stderr, .. } =
                    speak(&argv, surroundings.folder, &environment, limit, surroundings.heard)?;
                if let Some(url) = uv_failure::circle(&String::from_utf8_lossy(&stderr)) {
                    return Err(UvError::Circle { url });
                }
            }
            return Err(UvError::Failed {
                failure,
                index: asked(&environment, question),
                target: target.to_string(),
            });
        }
        let text = fs::read_to_string(&written.answer).map_err(UvError::Files)?;
        let mut pins = requirements_lock::read(&text).pins;
        for via in pins.iter_mut().map(|locked| &mut locked.via) {
            // `-c FILE`: a bound, and nobody who asks for it; `--override FILE`: a wheel that stands in for what others ask for.
            via.retain(|by| !by.starts_with("-c ") && !by.starts_with("--override"));
            // `-r FILE` or `scaf-lock (pyproject.toml)`: the requirements themselves.
            for by in via.iter_mut().filter(|by| by.starts_with("-r ") || by.contains('(')) {
                by.clear();
            }
        }
        let warnings = said.lines().filter_map(|line| line.trim().strip_prefix("warning:"));
        let warnings = warnings.map(|line| without_credentials(line.trim())).collect();
        Ok(Answer { pins, warnings })
    }

    fn argv(
        &self,
        written: &Written,
        question: &Question,
        target: &LockTarget,
        surroundings: &Surroundings<'_>,
    ) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec![
            self.program.clone().into(),
            "pip".into(),
            "compile".into(),
            written.requirements.clone().into(),
            "--output-file".into(),
            written.answer.clone().into(),
            "--no-header".into(),
            "--python-platform".into(),
            target.uv_platform().into(),
            "--python-version".into(),
            target.uv_python().into(),
        ];
        if !question.constraints.is_empty() {
            argv.extend(["--constraints".into(), written.constraints.clone().into()]);
        }
        if !(question.never.is_empty() && question.wheels.is_empty()) {
            argv.extend(["--overrides".into(), written.overrides.clone().into()]);
        }
        for name in &question.unbuilt {
            argv.extend(["--only-binary".into(), name.into()]);
        }
        if let Some(interpreter) = surroundings.interpreter {
            argv.extend(["--python".into(), interpreter.into()]);
        }
        let flags = [
            (question.hashes, "--generate-hashes"),
            (question.no_dependencies, "--no-deps"),
            (question.wheels_only, "--only-binary=:all:"),
            (surroundings.offline, "--offline"),
        ];
        argv.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.into()));
        argv
    }
}

/// The files that it reads and writes.
struct Written {
    requirements: PathBuf,
    constraints: PathBuf,
    overrides: PathBuf,
    answer: PathBuf,
}

fn write(folder: &Path, question: &Question, target: &LockTarget) -> io::Result<Written> {
    let put = |name: &str, text: &str| -> io::Result<PathBuf> {
        let path = folder.join(name);
        fs::File::create(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    };
    let lines = |list: &[String]| list.iter().map(|line| format!("{line}\n")).collect::<String>();
    let requirements = if question.sources.is_empty() {
        put("requirements.in", &lines(&question.requirements))?
    } else {
        // Only this way can one distribution come from an index that no other is looked for in.
        put("pyproject.toml", &question.pyproject(target))?
    };
    Ok(Written {
        requirements,
        constraints: put("constraints.txt", &lines(&question.constraints))?,
        overrides: put("overrides.txt", &question.overrides())?,
        answer: put("answer.txt", &lines(&question.preferences))?,
    })
}

/// The user's own, with what pip's settings say, and what is usual.
fn environment(
    question: &Question,
    surroundings: &Surroundings<'_>,
) -> Result<BTreeMap<OsString, OsString>, NetworkError> {
    let own = surroundings.environment;
    let value = |name: &str| own.given(name).map(|value| value.to_string_lossy().into_owned());
    let mut all: BTreeMap<OsString, OsString> =
        own.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in in_place_of_pip::variables(&value, Path::new("/"))? {
        all.insert(name.into(), value.into());
    }
    for (name, value) in USUAL {
        all.entry(name.into()).or_insert_with(|| value.into());
    }
    for option in &question.options {
        let mut add = |name: &str, value: &str, between: &str| {
            let have = all.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
            let value = have.map_or_else(|| value.to_owned(), |have| format!("{have}{between}{value}"));
            all.insert(name.into(), value.into());
        };
        match option {
            IndexOption::Extra(url) => add("UV_INDEX", url, " "),
            IndexOption::FindLinks(place) => add("UV_FIND_LINKS", place, ","),
            // A file's own word beats the user's settings, as with pip.
            IndexOption::Main(url) => {
                all.remove(OsStr::new("UV_INDEX_URL"));
                all.insert("UV_DEFAULT_INDEX".into(), url.into());
            }
            IndexOption::NoIndex => drop(all.insert("UV_NO_INDEX".into(), "1".into())),
            IndexOption::Pre => drop(all.insert("UV_PRERELEASE".into(), "allow".into())),
        }
    }
    if question.any_index {
        all.entry("UV_INDEX_STRATEGY".into()).or_insert_with(|| "unsafe-best-match".into());
    }
    // What is said is read by its words.
    all.remove(OsStr::new("RUST_LOG"));
    all.remove(OsStr::new("UV_LOG_CONTEXT"));
    Ok(all)
}

/// The indexes that it asks, without passwords: `the package index `https://…``.
fn asked(environment: &BTreeMap<OsString, OsString>, question: &Question) -> String {
    let mut urls: Vec<String> = Vec::new();
    for name in ["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        let value = environment.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
        for word in value.unwrap_or_default().split_whitespace() {
            urls.push(without_credentials(uv_toml::url(word)));
        }
    }
    urls.extend(question.sources.values().map(|url| without_credentials(url)));
    urls.dedup();
    let ticked: Vec<String> = urls.iter().map(|url| format!("`{}`", url.trim_end_matches('/'))).collect();
    match ticked.as_slice() {
        [] => "the package index".to_owned(),
        [one] => format!("the package index {one}"),
        [front @ .., last] => format!("the package indexes {} and {last}", front.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_are_new_enough() {
        assert_eq!(version("uv 0.13.9 (x86_64-unknown-linux-gnu)\n").as_deref(), Some("0.13.9"));
        assert_eq!(version("uv 1.0.0\n").as_deref(), Some("1.0.0"));
        for other in ["uv 0.4.30", "uvx 0.13", "", "uv x.y"] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
