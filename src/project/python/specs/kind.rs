//! The kinds of files that specify an environment, in the order in which they are believed.

use super::Group;

/// What a file is, by its name. The order is that of precedence: the first one found is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The experiment's own, by what its `RUN` lines install by name.
    Dockerfile,
    PixiLock,
    UvLock,
    PoetryLock,
    PipfileLock,
    /// PEP 751
    PylockToml,
    CondaLock,
    EnvironmentYml,
    Requirements,
    PyProject,
    PixiToml,
    Pipfile,
    SetupCfg,
    SetupPy,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Dockerfile,
        Self::PixiLock,
        Self::UvLock,
        Self::PoetryLock,
        Self::PipfileLock,
        Self::PylockToml,
        Self::CondaLock,
        Self::EnvironmentYml,
        Self::Requirements,
        Self::PyProject,
        Self::PixiToml,
        Self::Pipfile,
        Self::SetupCfg,
        Self::SetupPy,
    ];

    /// What a file of that name is.
    pub fn of(file: &str) -> Option<Self> {
        let name = file.to_ascii_lowercase();
        Some(match name.as_str() {
            "dockerfile" => Self::Dockerfile,
            "pixi.lock" => Self::PixiLock,
            "uv.lock" => Self::UvLock,
            "poetry.lock" => Self::PoetryLock,
            "pipfile.lock" => Self::PipfileLock,
            "pyproject.toml" => Self::PyProject,
            "pixi.toml" => Self::PixiToml,
            "pipfile" => Self::Pipfile,
            "setup.cfg" => Self::SetupCfg,
            "setup.py" => Self::SetupPy,
            _ => return Self::by_pattern(&name),
        })
    }

    fn by_pattern(name: &str) -> Option<Self> {
        let (stem, end) = name.rsplit_once('.')?;
        match end {
            "toml" if stem == "pylock" || stem.starts_with("pylock.") => Some(Self::PylockToml),
            "yml" | "yaml" if stem == "conda-lock" || stem.ends_with(".conda-lock") => Some(Self::CondaLock),
            "yml" | "yaml"
                if matches!(stem, "env" | "conda" | "conda-env" | "conda_env")
                    || stem.strip_prefix("environment").is_some_and(is_variant) =>
            {
                Some(Self::EnvironmentYml)
            }
            // `requirements.in` is what pip-tools makes `requirements.txt` of.
            "txt" | "in" if stem.strip_prefix("requirements").is_some_and(is_variant) => {
                Some(Self::Requirements)
            }
            "txt" | "in"
                if stem
                    .strip_suffix("requirements")
                    .is_some_and(|front| front.ends_with(['-', '_', '.'])) =>
            {
                Some(Self::Requirements)
            }
            _ => None,
        }
    }

    /// Whether such a file holds every package of an environment with its exact version.
    pub fn is_lock(self) -> bool {
        match self {
            Self::PixiLock
            | Self::UvLock
            | Self::PoetryLock
            | Self::PipfileLock
            | Self::PylockToml
            | Self::CondaLock => true,
            Self::Dockerfile
            | Self::EnvironmentYml
            | Self::Requirements
            | Self::PyProject
            | Self::PixiToml
            | Self::Pipfile
            | Self::SetupCfg
            | Self::SetupPy => false,
        }
    }

    /// Whether such a file pins nothing of its own accord: it says what a project needs at least.
    pub fn declares(self) -> bool {
        matches!(self, Self::PyProject | Self::PixiToml | Self::Pipfile | Self::SetupCfg | Self::SetupPy)
    }
}

fn is_variant(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['-', '_', '.'])
}

/// What the pins of a file of such a name are for: `requirements-dev.txt` for development. `None` means always, which
/// is also what `requirements-gpu.txt` is taken for: it may well be the one that counts.
pub fn group_of(file: &str) -> Option<Group> {
    const GROUPS: [(&str, &str); 10] = [
        ("dev", "dev"),
        ("develop", "dev"),
        ("development", "dev"),
        ("test", "test"),
        ("tests", "test"),
        ("testing", "test"),
        ("doc", "docs"),
        ("docs", "docs"),
        ("lint", "dev"),
        ("ci", "dev"),
    ];
    let lower = file.to_ascii_lowercase();
    let stem = lower.rsplit_once('.').map_or(lower.as_str(), |(stem, _)| stem);
    let found =
        stem.split(['-', '_', '.', '/']).find_map(|part| GROUPS.iter().find(|(word, _)| *word == part))?;
    Some(Group::Named(found.1.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        for (name, kind) in [
            ("Dockerfile", Some(Kind::Dockerfile)),
            ("pixi.lock", Some(Kind::PixiLock)),
            ("Pipfile.lock", Some(Kind::PipfileLock)),
            ("pylock.train.toml", Some(Kind::PylockToml)),
            ("conda-lock.yml", Some(Kind::CondaLock)),
            ("gpu.conda-lock.yml", Some(Kind::CondaLock)),
            ("environment.yaml", Some(Kind::EnvironmentYml)),
            ("environment-gpu.yml", Some(Kind::EnvironmentYml)),
            ("environments.yml", None),
            ("requirements.txt", Some(Kind::Requirements)),
            ("requirements-dev.txt", Some(Kind::Requirements)),
            ("dev-requirements.txt", Some(Kind::Requirements)),
            ("requirements.in", Some(Kind::Requirements)),
            ("requirementstxt", None),
            ("requirements.lock", None),
            ("constraints.txt", None),
            ("setup.py", Some(Kind::SetupPy)),
            ("notes.txt", None),
            ("", None),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn the_list_is_in_order_and_whole() {
        assert!(Kind::ALL.is_sorted());
        assert_eq!(Kind::ALL.len(), Kind::SetupPy as usize + 1);
    }

    #[test]
    fn some_files_are_for_development() {
        let named = |name: &str| Some(Group::Named(name.to_owned()));
        for (file, group) in [
            ("requirements.txt", None),
            ("requirements-gpu.txt", None),
            ("requirements-dev.txt", named("dev")),
            ("test_requirements.txt", named("test")),
            ("requirements/docs.txt", named("docs")),
            ("environment-dev.yml", named("dev")),
        ] {
            assert_eq!(group_of(file), group, "{file}");
        }
    }
}
