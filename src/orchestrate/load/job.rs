//! Reads an experiment's job file, and looks whether what it names is there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::orchestrate::planner::job::Located;
use crate::spec::hint::{Explain, Fault};
use crate::spec::job::read::{missing, read};
use crate::spec::job::{CommandJob, FILES, InputValue, Job, JobFile, JobFileError};
use crate::spec::place::Problem;

#[derive(Debug, thiserror::Error)]
pub enum LoadJobError {
    #[error(transparent)]
    Wrong(#[from] JobFileError),
    #[error("there is no job file `{file}` in `{folder}`")]
    Missing { file: String, folder: String, others: Vec<String> },
    #[error("`{file}` leads out of the experiment, and a job takes nothing along from there")]
    Outside { file: String },
    #[error("cannot read `{path}`: {source}")]
    Read { path: String, source: io::Error },
    #[error("`{path}` is not text: byte {at} is not UTF-8")]
    NotText { path: String, at: usize },
}

impl Explain for LoadJobError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Wrong(error) => error.hints(),
            Self::Missing { others, .. } if !others.is_empty() => {
                vec![format!("there is `{}`: name it with `--file`", others.join("`, `"))]
            }
            Self::Missing { .. } => {
                vec!["an experiment made by `scaf new-exp` has one to begin with; the guide on jobs says what may stand in it".to_owned()]
            }
            Self::Outside { .. } => vec!["copy the file into the experiment".to_owned()],
            Self::Read { .. } => Vec::new(),
            Self::NotText { .. } => vec!["save it as UTF-8".to_owned()],
        }
    }
}

/// A job file that was read.
#[derive(Clone, Debug)]
pub struct LoadedJob {
    pub file: JobFile,
    /// Relative to the experiment, `/`-separated.
    pub name: String,
    pub path: PathBuf,
}

/// Which file it is: the one that was named, else the settings' where it is there, else one of the
/// usual names.
pub fn find(folder: &Path, named: Option<&str>, usual: &str) -> Result<String, LoadJobError> {
    if let Some(named) = named {
        let plain = named.strip_prefix("./").unwrap_or(named);
        if Path::new(plain).is_absolute() || plain.split('/').any(|part| part == "..") {
            return Err(LoadJobError::Outside { file: named.to_owned() });
        }
        if folder.join(plain).is_file() {
            return Ok(plain.to_owned());
        }
        return Err(absent(folder, named));
    }
    // A name that somebody chose stands for itself.
    let known: &[&str] = if usual == FILES[0] { &FILES } else { &[usual] };
    known
        .iter()
        .find(|file| folder.join(file).is_file())
        .map(|file| (*file).to_owned())
        .ok_or_else(|| absent(folder, usual))
}

fn absent(folder: &Path, file: &str) -> LoadJobError {
    let mut others: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "yaml" || kind == "yml"))
        .collect();
    others.sort();
    LoadJobError::Missing { file: file.to_owned(), folder: folder.display().to_string(), others }
}

/// Reads `name` in `folder`. `shown` is how messages call it; `overrides` are those of `--set`.
pub fn load(
    folder: &Path,
    name: &str,
    shown: &str,
    overrides: &[(String, String)],
) -> Result<LoadedJob, LoadJobError> {
    let path = folder.join(name);
    let bytes =
        std::fs::read(&path).map_err(|source| LoadJobError::Read { path: shown.to_owned(), source })?;
    let content = String::from_utf8(bytes).map_err(|error| LoadJobError::NotText {
        path: shown.to_owned(),
        at: error.utf8_error().valid_up_to(),
    })?;
    // An editor on another system may have left a mark there.
    let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
    let file = read(shown, content, overrides)?;
    let base = path.parent().unwrap_or(folder);
    if let Job::Command(job) = &file.job {
        let problems: Vec<Problem> = job
            .paths
            .iter()
            .filter(|named| !base.join(&named.path).exists())
            .map(|named| missing(shown, named))
            .collect();
        if !problems.is_empty() {
            return Err(JobFileError { problems }.into());
        }
    }
    Ok(LoadedJob { file, name: name.to_owned(), path })
}

/// Where the data of a job's inputs is on this machine: a path is relative to the job file; an asset of
/// the cloud is looked for by its name in the data folder.
pub fn locate(job: &CommandJob, base: &Path, data: &Path) -> BTreeMap<String, Located> {
    job.inputs
        .iter()
        .filter_map(|(name, input)| match &input.value {
            InputValue::Data(of) => Some((
                name.clone(),
                of.path.as_deref().map_or(Located::Unsaid, |path| find_data(path, base, data)),
            )),
            InputValue::Literal(_) => None,
        })
        .collect()
}

/// Whether a path of a job is one of this machine.
pub fn is_local_path(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        None | Some("file") => true,
        // `C:` is none that this program meets; a scheme is a word before a colon.
        Some(word) => !word.starts_with(|c: char| c.is_ascii_alphabetic()) || word.contains(['/', '.']),
    }
}

/// A path without `file:` or `file://` before it.
pub fn plain_path(path: &str) -> &str {
    let path = path.strip_prefix("file:").unwrap_or(path);
    path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

fn find_data(path: &str, base: &Path, data: &Path) -> Located {
    if is_local_path(path) {
        return look(&[base.join(plain_path(path))]);
    }
    // azureml:NAME:VERSION, azureml:NAME@LABEL; the last part of azureml://datastores/D/paths/A/B.
    let name = match path.strip_prefix("azureml:") {
        Some(rest) if rest.starts_with("//") || rest.starts_with('/') => {
            rest.trim_end_matches('/').rsplit('/').next()
        }
        Some(rest) => rest.split([':', '@']).next(),
        None => return Located::Elsewhere,
    };
    match name {
        Some(name) if !name.is_empty() && name != ".." && !name.contains(['<', '>']) => {
            look(&[data.join(name)])
        }
        _ => Located::Elsewhere,
    }
}

fn look(places: &[PathBuf]) -> Located {
    for place in places {
        // Without `.` and `..` in it, and with symlinks followed: an engine mounts what is there.
        if let Ok(real) = place.canonicalize() {
            return if real.is_dir() { Located::Folder(real) } else { Located::File(real) };
        }
    }
    Located::Missing { looked: places.iter().map(|place| tidied(place)).collect() }
}

/// Without the `.` and `..` that make a path hard to read.
fn tidied(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if tidy.file_name().is_some() => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create(path).unwrap();
        }
        folder
    }

    #[test]
    fn the_ancestor_s_name_is_taken_where_there_is_no_other() {
        let here = folder(&["azure-ml-job.yaml"]);
        assert_eq!(find(here.path(), None, "job.yaml").unwrap(), "azure-ml-job.yaml");
        let here = folder(&["azure-ml-job.yaml", "job.yaml", "jobs/nightly.yaml"]);
        assert_eq!(find(here.path(), None, "job.yaml").unwrap(), "job.yaml");
        assert_eq!(find(here.path(), Some("./jobs/nightly.yaml"), "job.yaml").unwrap(), "jobs/nightly.yaml");
        assert_eq!(find(here.path(), None, "jobs/nightly.yaml").unwrap(), "jobs/nightly.yaml");
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let here = folder(&["other.yml", "data.csv"]);
        let error = find(here.path(), Some("jbo.yaml"), "job.yaml").unwrap_err();
        assert_eq!(error.hints(), ["there is `other.yml`: name it with `--file`"]);
        assert!(find(folder(&[]).path(), None, "job.yaml").is_err());
        for outside in ["../job.yaml", "/etc/passwd"] {
            assert!(matches!(
                find(here.path(), Some(outside), "job.yaml"),
                Err(LoadJobError::Outside { .. })
            ));
        }
    }

    #[test]
    fn data_is_looked_for_beside_the_job_and_in_the_data_folder() {
        let here = folder(&["src/e/table.csv", "data/mnist/x", "data/y/z"]);
        let (base, data) = (here.path().join("src/e"), here.path().join("data"));
        let of = |path: &str| find_data(path, &base, &data);
        let real = here.path().canonicalize().unwrap();
        assert_eq!(of("table.csv"), Located::File(real.join("src/e/table.csv")));
        assert_eq!(of("./table.csv"), Located::File(real.join("src/e/table.csv")));
        assert_eq!(of("file:../../data"), Located::Folder(real.join("data")));
        assert_eq!(of("azureml:mnist:1"), Located::Folder(real.join("data/mnist")));
        assert_eq!(of("azureml:mnist@latest"), Located::Folder(real.join("data/mnist")));
        assert_eq!(of("azureml://datastores/d/paths/x/y/"), Located::Folder(real.join("data/y")));
        assert_eq!(of("azureml:other:1"), Located::Missing { looked: vec![data.join("other")] });
        for elsewhere in
            ["https://example.com/a.csv", "wasbs://c@a/x", "azureml:..:1", "azureml:<data>:<version>"]
        {
            assert_eq!(of(elsewhere), Located::Elsewhere, "{elsewhere}");
        }
    }
}
