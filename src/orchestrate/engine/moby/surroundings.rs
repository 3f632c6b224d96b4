//! What the client needs to know of the process it works for. It is handed in, so that tests can hand in another.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables, by a function that looks one up.
#[derive(Clone)]
pub struct Surroundings(Arc<LookUp>);

impl Surroundings {
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// Exactly these variables.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let list = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::new(move |name| list.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
    }

    /// An empty variable counts as one that is not set, as the docker client has it.
    pub fn get(&self, name: &str) -> Option<String> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// As it stands, empty or not.
    pub fn raw(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    /// Where docker's client keeps its configuration.
    pub fn docker_config(&self) -> Option<PathBuf> {
        self.get("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".docker")))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}
