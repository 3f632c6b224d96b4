//! Reads the settings files of a project and lays the layers over each other.

use std::io;
use std::path::{Path, PathBuf};

use crate::project::layout::{LOCAL_SETTINGS, SETTINGS};
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::place::Problem;
use crate::spec::settings::Settings;
use crate::spec::settings::combine::{Layers, SettingsError};
use crate::spec::settings::layer::Layer;
use crate::spec::settings::origin::SettingsFile;
use crate::spec::settings::read::read;

#[derive(Debug, thiserror::Error)]
pub enum LoadSettingsError {
    #[error(transparent)]
    Wrong(#[from] SettingsError),
    #[error("`{path}` cannot be read: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("`{path}` is not text: byte {at} is not UTF-8")]
    NotText { path: String, at: usize },
}

impl Explain for LoadSettingsError {
    fn fault(&self) -> Fault {
        match self {
            Self::Wrong(error) => error.fault(),
            Self::Unreadable { .. } => Fault::World,
            Self::NotText { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Wrong(error) => error.hints(),
            Self::Unreadable { .. } => Vec::new(),
            Self::NotText { .. } => vec!["save it as UTF-8".to_owned()],
        }
    }
}

/// The settings of one invocation.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Worth a warning, not an error.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// What holds for one experiment.
    pub fn for_experiment(&self, name: &str) -> Settings {
        self.settings.for_experiment(name)
    }
}

/// The user's own settings file, whether it is there or not.
pub fn user_file(environment: &Environment) -> Option<PathBuf> {
    environment.config_home().map(|config| config.join("scaf/config.toml"))
}

/// Reads the user's file and, below `root`, those of the project; lays the environment and the flags
/// over them. Without a project (`root` is none) the user's own settings are what there is.
pub fn load(
    root: Option<&Path>,
    environment: &Environment,
    flags: Layer,
) -> Result<Loaded, LoadSettingsError> {
    let mut files: Vec<(SettingsFile, PathBuf, String)> = Vec::new();
    if let Some(path) = user_file(environment) {
        let shown = path.display().to_string();
        files.push((SettingsFile::User, path, shown));
    }
    if let Some(root) = root {
        files.push((SettingsFile::Project, root.join(SETTINGS), SETTINGS.to_owned()));
        files.push((SettingsFile::Local, root.join(LOCAL_SETTINGS), LOCAL_SETTINGS.to_owned()));
    }
    let mut layers = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (which, path, shown) in files {
        let Some(content) = content(&path, &shown)? else { continue };
        let (layer, found) = read(which, &shown, &content);
        layers.push(layer);
        problems.extend(found);
    }
    let folder = root.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let combined = Layers::new(folder.unwrap_or_default(), layers, Layer::of_environment(environment), flags);
    let layers = match combined {
        Ok(layers) if problems.is_empty() => layers,
        other => {
            problems.extend(other.err().into_iter().flat_map(|error| error.problems));
            in_order(&mut problems);
            return Err(SettingsError { problems }.into());
        }
    };
    let warnings = environment
        .misspelt()
        .into_iter()
        .map(|(typed, meant)| format!("`{typed}` in the environment is not known; did you mean `{meant}`?"))
        .collect();
    Ok(Loaded { settings: layers.combine(None), warnings })
}

/// By file as they were first met, then by place.
fn in_order(problems: &mut [Problem]) {
    let mut files: Vec<String> = Vec::new();
    for problem in problems.iter() {
        if !files.contains(&problem.file) {
            files.push(problem.file.clone());
        }
    }
    problems.sort_by_key(|problem| (files.iter().position(|file| *file == problem.file), problem.position));
}

fn content(path: &Path, shown: &str) -> Result<Option<String>, LoadSettingsError> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(LoadSettingsError::NotText {
                path: shown.to_owned(),
                at: error.utf8_error().valid_up_to(),
            }),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(LoadSettingsError::Unreadable { path: shown.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::mount::Access;

    #[allow(clippy::disallowed_methods, reason = "a test's own files")]
    fn write(path: &Path, text: impl AsRef<[u8]>) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn files_are_found_and_laid_over_each_other() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("digits");
        write(&home.path().join(".config/scaf/config.toml"), "[engine]\nuser = \"image\"\n");
        write(&root.join("scaf.toml"), "[data]\nmode = \"rw\"\npath = \"sets\"\n");
        write(&root.join("scaf.local.toml"), "[data]\npath = \"/srv\"\n");
        let environment = Environment::of([("HOME", home.path().as_os_str()), ("SCAF_ENGIN", "x".as_ref())]);
        let Loaded { settings, warnings } = load(Some(&root), &environment, Layer::default()).unwrap();
        assert_eq!(settings.project.name, "digits");
        assert_eq!(settings.data.path, "/srv");
        assert_eq!(settings.data.mode, Access::ReadWrite);
        assert_eq!(settings.origin_of("data.path").to_string(), "scaf.local.toml:2");
        assert_eq!(warnings, ["`SCAF_ENGIN` in the environment is not known; did you mean `SCAF_ENGINE`?"]);
    }

    #[test]
    fn problems_of_all_files_come_together() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("scaf.toml"), "[engine]\ndefault = \"lxc\"\nuser =\nshm = \"1g\"\n");
        write(&root.path().join("scaf.local.toml"), "[data]\nmod = \"rw\"\n");
        let error =
            load(Some(root.path()), &Environment::of([("SCAF_USER", "me")]), Layer::default()).unwrap_err();
        let LoadSettingsError::Wrong(SettingsError { problems }) = error else { panic!("{error}") };
        let places: Vec<String> =
            problems.iter().map(|problem| format!("{}:{}", problem.file, problem.position)).collect();
        assert_eq!(
            places,
            ["scaf.toml:2:11", "scaf.toml:3:7", "scaf.toml:4:1", "scaf.local.toml:2:1", "SCAF_USER:0:0"]
        );
    }

    #[test]
    fn what_is_not_text_is_said() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("scaf.toml"), b"[data]\n# caf\xe9\n");
        let error = load(Some(root.path()), &Environment::default(), Layer::default()).unwrap_err();
        assert_eq!(error.to_string(), "`scaf.toml` is not text: byte 12 is not UTF-8");
    }

    #[test]
    fn no_file_at_all_is_fine() {
        let root = tempfile::tempdir().unwrap();
        assert!(load(Some(root.path()), &Environment::default(), Layer::default()).is_ok());
        assert!(load(None, &Environment::default(), Layer::default()).is_ok());
    }
}
