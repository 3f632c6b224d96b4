//! What a build needs to know of this machine's network: a private package index, a proxy, a
//! private certificate authority. Only names and places are kept here, never a value that may hold
//! a password: those are read at the moment of the build.

pub mod netrc;
pub mod pip_conf;
pub mod recipe;
pub mod uv_toml;
pub mod uv_variables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::dockerfile::rewrite::{INSIDE, SecretMount};
use super::image::ArgValue;
use super::secret::{BuildSecret, SecretSource};
use recipe::Recipe;

/// BuildKit refuses a larger secret.
pub const SECRET_LIMIT: u64 = 500 * 1024;

/// What was found on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkHelp {
    pub certificates: Vec<Certificates>,
    /// The pip configuration that the build gets, where there is one to be had.
    pub pip: Option<Recipe>,
    pub uv: Option<UvConfig>,
    pub netrc: Option<Recipe>,
    /// Names of the proxy variables that are set.
    pub proxies: Vec<String>,
    /// Where an index or a proxy with a user or a password in it was found: `PIP_INDEX_URL`, a file.
    pub credentials: Vec<String>,
    /// What leads to this machine itself, where a command of a build cannot reach it.
    pub local: Vec<LocalOnly>,
    /// Found, but no use for a build; each a line for the user.
    pub left_out: Vec<String>,
}

/// A file of trusted certificates, and the variables that pointed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    pub variables: Vec<String>,
}

/// How uv's settings are had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UvConfig {
    File(PathBuf),
    Recipe(Recipe),
}

/// An address of this machine itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalOnly {
    /// The variable or file.
    pub place: String,
    /// `localhost:8081`.
    pub host: String,
}

/// The help in the words of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForBuild {
    pub secrets: Vec<BuildSecret>,
    pub mounts: Vec<SecretMount>,
    pub env: BTreeMap<String, String>,
    pub args: BTreeMap<String, ArgValue>,
}

impl NetworkHelp {
    /// Nothing that a builder without secrets could not do as well.
    pub fn needs_secrets(&self) -> bool {
        !self.certificates.is_empty() || self.pip.is_some() || self.uv.is_some() || self.netrc.is_some()
    }

    /// What may leave this machine without secrets: the names of the proxies. Docker knows their
    /// variables of itself and keeps them out of the image's history.
    pub fn proxies_only(&self) -> ForBuild {
        let args = self.proxies.iter().map(|name| (name.clone(), ArgValue::FromHost)).collect();
        ForBuild { args, ..ForBuild::default() }
    }

    /// Secrets (uv's only where uv occurs), where they appear, and the variables that lead the tools there.
    pub fn for_build(&self, with_uv: bool) -> ForBuild {
        let mut help = self.proxies_only();
        for (index, Certificates { path, size: _, variables }) in self.certificates.iter().enumerate() {
            let target = help.secret(&format!("ca-{index}"), "crt", SecretSource::File(path.clone()));
            for variable in variables {
                help.env.insert(variable.clone(), target.clone());
            }
        }
        if let Some(recipe) = &self.pip {
            let target = help.secret("pip", "conf", SecretSource::Recipe(recipe.clone()));
            help.env.insert("PIP_CONFIG_FILE".to_owned(), target);
        }
        if let Some(config) = self.uv.as_ref().filter(|_| with_uv) {
            let source = match config {
                UvConfig::File(path) => SecretSource::File(path.clone()),
                UvConfig::Recipe(recipe) => SecretSource::Recipe(recipe.clone()),
            };
            // As the machine's own uv.toml, which a project's settings add to. `UV_CONFIG_FILE` would
            // keep uv from reading the project's.
            help.add("uv-config", format!("{INSIDE}/xdg/uv/uv.toml"), source);
            help.env.insert("XDG_CONFIG_DIRS".to_owned(), format!("{INSIDE}/xdg:/etc/xdg"));
        }
        if let Some(recipe) = &self.netrc {
            let target = help.secret("netrc", "txt", SecretSource::Recipe(recipe.clone()));
            help.env.insert("NETRC".to_owned(), target);
        }
        help
    }
}

impl ForBuild {
    fn secret(&mut self, name: &str, ending: &str, source: SecretSource) -> String {
        let target = format!("{INSIDE}/{name}.{ending}");
        self.add(name, target.clone(), source);
        target
    }

    fn add(&mut self, name: &str, target: String, source: SecretSource) {
        let id = format!("scaf-{name}");
        self.mounts.push(SecretMount { id: id.clone(), target: target.clone() });
        self.secrets.push(BuildSecret { id, source, target: Some(target), env: None });
    }
}
