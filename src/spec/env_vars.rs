//! Every environment variable that scaf reads, with what it is for. `main` gathers the environment
//! once; a variable that is not declared here cannot be asked for, but for those that a user names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::settings::keys::KEYS;

/// A declared variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    pub doc: &'static str,
}

macro_rules! variables {
    ($($title:literal { $($constant:ident $doc:literal)+ })+) => {
        $($(
            #[allow(non_upper_case_globals, reason = "spelt as the variable is")]
            #[doc = $doc]
            pub const $constant: Variable = Variable { name: stringify!($constant), doc: $doc };
        )+)+

        /// All of them but those that set a setting, in groups.
        pub const GROUPS: &[(&str, &[Variable])] = &[$(($title, &[$($constant),+])),+];
    };
}

variables! {
    "The user and the machine" {
        HOME "Where the user's own settings, caches and pip's configuration are looked for."
        PATH "Where `uv`, `python3`, `git`, `az` and the engines' clients are looked for."
        USER "Name of the caller, for the passwd line inside a container where the machine knows none."
        LOGNAME "As USER, where that is not set."
        SHELL "Which shell completions are for when none is named."
        XDG_CONFIG_HOME "Instead of `~/.config`, for `scaf/config.toml`, pip's and uv's configuration."
        XDG_CONFIG_DIRS "Instead of `/etc/xdg`, for the configuration of pip and uv that holds for everybody."
        XDG_CACHE_HOME "Instead of `~/.cache`, for the virtual environments of the host engine and pinned tools."
        XDG_STATE_HOME "Instead of `~/.local/state`."
        XDG_RUNTIME_DIR "Where podman's socket of a normal user is."
    }
    "Python" {
        VIRTUAL_ENV "The active virtual environment, whose Python is the one in use."
        CONDA_PREFIX "The active conda environment, whose Python is the one in use."
        PYTHONPATH "Folders in which Python looks before its own, and so does the detection of an environment."
        PYTHONNOUSERSITE "Set to anything: Python does not look into the user's own packages."
        PYTHONUSERBASE "Instead of `~/.local`, where Python looks for the user's own packages."
    }
    "How scaf talks" {
        NO_COLOR "Set to anything: no colours."
        CLICOLOR_FORCE "Set to anything but 0: colours even where there is no terminal."
        CI "Set to anything: plain lines instead of progress, and no questions."
        TERM "`dumb`: no progress and no colours."
    }
    "scaf itself" {
        SCAF_CACHE_DIR "Instead of `$XDG_CACHE_HOME/scaf`."
        SCAF_NVML_LIBRARY "The NVIDIA management library to load, where it is not where the loader looks."
        SCAF_GPU_RESERVATIONS "Instead of `/tmp/scaf-gpus`: the folder of the GPU reservations, shared by all users of the machine."
        SCAF_TEST_WITH "Tests only: the real tools that must be there, by name; without them a test fails instead of being skipped."
    }
    "Engines" {
        DOCKER_HOST "Where the Docker engine listens, before every other place."
        DOCKER_CONTEXT "The context of Docker's client to be used."
        DOCKER_CONFIG "Instead of `~/.docker`: contexts, registry logins."
        DOCKER_TLS_VERIFY "Set to anything: the engine of DOCKER_HOST is behind TLS."
        CONTAINER_HOST "Where podman listens."
    }
    "Package indexes and networks, carried into builds as secrets" {
        PIP_INDEX_URL "The package index."
        PIP_EXTRA_INDEX_URL "Further package indexes."
        PIP_TRUSTED_HOST "Hosts whose certificate pip does not check."
        PIP_CLIENT_CERT "A certificate of the client: a build cannot be given one, which is said."
        PIP_CERT "A file with the certificates that pip trusts."
        PIP_CONFIG_FILE "Instead of pip's own configuration files."
        UV_INDEX_URL "The package index, for uv."
        UV_DEFAULT_INDEX "The package index, for uv 0.4.23 and later."
        UV_EXTRA_INDEX_URL "Further package indexes, for uv."
        UV_INDEX "Further package indexes, for uv 0.4.23 and later."
        UV_INSECURE_HOST "Hosts whose certificate uv does not check."
        UV_CONFIG_FILE "Instead of uv's own configuration files."
        UV_CACHE_DIR "Where uv keeps its cache."
        REQUESTS_CA_BUNDLE "A file with the certificates that Python's requests trusts."
        GIT_SSL_CAINFO "A file with the certificates that git trusts."
        CURL_CA_BUNDLE "A file with the certificates that curl trusts."
        SSL_CERT_FILE "A file with the certificates that are trusted."
        NETRC "Instead of `~/.netrc`: passwords for package indexes."
        HTTP_PROXY "The proxy for http."
        HTTPS_PROXY "The proxy for https."
        ALL_PROXY "The proxy for everything else."
        NO_PROXY "Hosts that are reached without the proxy."
        http_proxy "As HTTP_PROXY, which most tools read in this spelling, too."
        https_proxy "As HTTPS_PROXY."
        all_proxy "As ALL_PROXY."
        no_proxy "As NO_PROXY."
    }
}

/// The environment of one invocation, as `main` gathered it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    values: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Environment {
    pub fn new(values: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// From words, for tests and defaults.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::new(values.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// A value that is text and not empty.
    pub fn text(&self, variable: &Variable) -> Option<&str> {
        self.given(variable.name)?.to_str().filter(|value| !value.is_empty())
    }

    /// A value that is a path and not empty.
    pub fn path(&self, variable: &Variable) -> Option<PathBuf> {
        self.given(variable.name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Set to anything but nothing.
    pub fn is_set(&self, variable: &Variable) -> bool {
        self.given(variable.name).is_some_and(|value| !value.is_empty())
    }

    /// Set, and to neither nothing, 0, false nor no.
    pub fn is_on(&self, variable: &Variable) -> bool {
        self.text(variable)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
    }

    /// By a name that the user gave, e.g. `--env NAME`.
    pub fn given(&self, name: &str) -> Option<&OsStr> {
        self.values.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Everything, for a child that is to have it.
    pub fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.values.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    fn below(&self, variable: &Variable, fallback: &str) -> Option<PathBuf> {
        // A relative path is to be ignored (XDG Base Directory Specification 0.8).
        self.path(variable)
            .filter(|path| path.is_absolute())
            .or_else(|| self.path(&HOME).map(|home| home.join(fallback)))
    }

    /// `~/.config`, or what stands for it.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.below(&XDG_CONFIG_HOME, ".config")
    }

    /// Where scaf keeps what it can make again.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.path(&SCAF_CACHE_DIR)
            .or_else(|| self.below(&XDG_CACHE_HOME, ".cache").map(|cache| cache.join("scaf")))
    }

    /// Where scaf keeps what must outlive one invocation, such as reservations.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.below(&XDG_STATE_HOME, ".local/state").map(|state| state.join("scaf"))
    }

    /// Variables that look as if they were meant for scaf and are not known to it: (typed, meant).
    pub fn misspelt(&self) -> Vec<(String, &'static str)> {
        let known: Vec<&'static str> = KEYS
            .iter()
            .filter_map(|key| key.variable)
            .chain(GROUPS.iter().flat_map(|(_, group)| group.iter().map(|variable| variable.name)))
            .filter(|name| name.starts_with("SCAF_"))
            .collect();
        self.values
            .keys()
            .filter_map(|name| name.to_str())
            .filter(|name| name.starts_with("SCAF_") && !known.contains(name))
            .filter_map(|name| {
                let tails = known.iter().filter_map(|known| known.strip_prefix("SCAF_"));
                let near = super::place::near_miss(name.strip_prefix("SCAF_")?, tails)?;
                let meant = known.iter().find(|known| known.strip_prefix("SCAF_") == Some(near))?;
                Some((name.to_owned(), *meant))
            })
            .collect()
    }
}

/// docs/reference/environment.md.
pub fn page() -> String {
    let mut page = String::from(
        "# Environment variables\n\n\
         Generated from `src/spec/env_vars.rs` and `src/spec/settings/keys.rs`; a test holds them together.\n\n\
         ## Settings\n\n\
         Each sets a value of [the settings](settings.md) and wins over the files. An empty one sets nothing; a list is \
         split as a shell splits words.\n\n\
         | variable | sets |\n|---|---|\n",
    );
    for key in KEYS {
        if let Some(variable) = key.variable {
            let _ = writeln!(page, "| `{variable}` | `{}` |", key.name);
        }
    }
    for (title, group) in GROUPS {
        let _ = write!(page, "\n## {title}\n\n| variable | meaning |\n|---|---|\n");
        for Variable { name, doc } in *group {
            let _ = writeln!(page, "| `{name}` | {doc} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups() {
        let environment = Environment::of([
            ("HOME", "/home/me"),
            ("XDG_CONFIG_HOME", "relative"),
            ("XDG_CACHE_HOME", "/caches"),
            ("NO_COLOR", ""),
            ("CI", "false"),
            ("CLICOLOR_FORCE", "1"),
        ]);
        assert_eq!(environment.config_home(), Some("/home/me/.config".into()));
        assert_eq!(environment.cache_dir(), Some("/caches/scaf".into()));
        assert_eq!(environment.state_dir(), Some("/home/me/.local/state/scaf".into()));
        assert!(!environment.is_set(&NO_COLOR));
        assert!(environment.is_set(&CI) && !environment.is_on(&CI));
        assert!(environment.is_on(&CLICOLOR_FORCE));
        assert_eq!(Environment::default().config_home(), None);
    }

    #[test]
    fn values_are_not_shown() {
        let shown = format!("{:?}", Environment::of([("TOKEN", "s3cret")]));
        assert_eq!(shown, "{\"TOKEN\"}");
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        let environment =
            Environment::of([("SCAF_ENGIN", "x"), ("SCAF_ENGINE", "x"), ("SCAF_OUTPUT_DIR", "/mnt/outputs")]);
        assert_eq!(environment.misspelt(), [("SCAF_ENGIN".to_owned(), "SCAF_ENGINE")]);
    }

    #[test]
    fn names_are_declared_once_and_have_docs() {
        let mut seen = Vec::new();
        for Variable { name, doc } in GROUPS.iter().flat_map(|(_, group)| group.iter()) {
            assert!(!seen.contains(name), "{name} twice");
            assert!(doc.ends_with('.'), "{name}");
            seen.push(name);
        }
    }
}
