//! Where an engine listens, and who said so.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::surroundings::Surroundings;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::ContainerEngine;

/// The rootful sockets, where the packages of the distributions put them.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub place: Place,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
        tls: bool,
    },
    /// `user@host:port` and what follows it.
    Ssh(String),
}

/// Who named the place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An argument or a setting.
    Given,
    /// An environment variable.
    Variable(String),
    /// A context of the docker client.
    Context(String),
    /// Where the engine listens when nobody says anything.
    Default,
}

/// Whether the folders of this machine can be mounted into its containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// On this machine.
    Here,
    /// On another one, for this reason.
    Elsewhere(String),
    /// It answers here and says that it is another machine: a forwarded socket, or a virtual machine
    /// that shares this machine's folders (Docker Desktop, Colima).
    Doubtful(String),
}

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("{origin} is `{text}`, which is no address of an engine: {reason}")]
    Form { origin: Origin, text: String, reason: &'static str },
    #[error("no docker context `{name}` in `{folder}` (named by {by})")]
    Context { name: String, folder: PathBuf, by: &'static str },
    #[error("the docker context `{name}` names no engine: `{file}`")]
    ContextWithoutHost { name: String, file: PathBuf },
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: PathBuf, reason: String },
}

impl Explain for AddressError {
    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Form { .. } => vec![
                "addresses are `unix:///var/run/docker.sock`, `tcp://127.0.0.1:2375`, `ssh://user@host`"
                    .into(),
            ],
            Self::Context { .. } | Self::ContextWithoutHost { .. } => {
                vec!["`docker context ls` lists the contexts".into()]
            }
            Self::Unreadable { .. } => Vec::new(),
        }
    }
}

impl Address {
    /// The first that is named: by the caller, by a variable, by a context, by custom.
    pub fn find(
        engine: ContainerEngine,
        given: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Self, AddressError> {
        if let Some(text) = given {
            return Self::parse(text, Origin::Given);
        }
        match engine {
            ContainerEngine::Docker => find_docker(surroundings),
            ContainerEngine::Podman => {
                if let Some(text) = surroundings.get("CONTAINER_HOST") {
                    return Self::parse(&text, Origin::Variable("CONTAINER_HOST".into()));
                }
                Ok(first_usable(PODMAN_SOCKET, runtime_socket(surroundings, "podman/podman.sock")))
            }
        }
    }

    pub fn parse(text: &str, origin: Origin) -> Result<Self, AddressError> {
        let bad = |reason| AddressError::Form { origin: origin.clone(), text: text.to_owned(), reason };
        let place = if let Some(path) = text.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return Err(bad("the path of a socket begins with `/`"));
            }
            Place::Unix(PathBuf::from(path))
        } else if let Some(rest) = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://")) {
            tcp(rest, false).map_err(bad)?
        } else if let Some(rest) = text.strip_prefix("https://") {
            tcp(rest, true).map_err(bad)?
        } else if let Some(rest) = text.strip_prefix("ssh://") {
            if rest.is_empty() {
                return Err(bad("the host is missing"));
            }
            Place::Ssh(rest.to_owned())
        } else if text.starts_with('/') {
            Place::Unix(PathBuf::from(text))
        } else {
            return Err(bad("it begins with none of `unix://`, `tcp://`, `ssh://`"));
        };
        Ok(Self { place, origin })
    }

    /// What the address alone tells: a host name elsewhere is elsewhere, even if it leads back here.
    pub fn elsewhere(&self) -> Option<String> {
        match &self.place {
            Place::Unix(_) => None,
            Place::Tcp { host, .. } if is_loopback(host) => None,
            Place::Tcp { .. } | Place::Ssh(_) => {
                Some(format!("{} leads to another machine: `{self}`", self.origin))
            }
        }
    }

    pub fn is_remote(&self) -> bool {
        self.elsewhere().is_some()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix://{}", path.display()),
            Place::Tcp { host, port, tls: _ } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Place::Tcp { host, port, tls: _ } => write!(f, "tcp://{host}:{port}"),
            Place::Ssh(rest) => write!(f, "ssh://{rest}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("the given address"),
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::Context(name) => write!(f, "the docker context `{name}`"),
            Self::Default => f.write_str("the usual address"),
        }
    }
}

fn tcp(rest: &str, tls: bool) -> Result<Place, &'static str> {
    let authority = rest.split('/').next().unwrap_or(rest);
    let (host, port) = if let Some(v6) = authority.strip_prefix('[') {
        let (host, after) = v6.split_once(']').ok_or("`[` without `]`")?;
        (host, after.strip_prefix(':'))
    } else {
        match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    // The docker client takes an empty host for this machine (28.2).
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let port = match port {
        None | Some("") => 2375,
        Some(port) => port.parse().map_err(|_| "the port is no number up to 65535")?,
    };
    Ok(Place::Tcp { host: host.to_owned(), port, tls })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn find_docker(surroundings: &Surroundings) -> Result<Address, AddressError> {
    // The order of the docker client (28.2): a host beats every context.
    if let Some(text) = surroundings.get("DOCKER_HOST") {
        let mut address = Address::parse(&text, Origin::Variable("DOCKER_HOST".into()))?;
        if let Place::Tcp { tls, .. } = &mut address.place {
            *tls |= surroundings.get("DOCKER_TLS_VERIFY").is_some();
        }
        return Ok(address);
    }
    let folder = surroundings.docker_config();
    if let Some(name) = surroundings.get("DOCKER_CONTEXT") {
        return context(folder.as_deref(), &name, "`DOCKER_CONTEXT`", surroundings);
    }
    if let Some(folder) = &folder {
        let file = folder.join("config.json");
        if let Some(config) = read_json(&file)?
            && let Some(name) = config["currentContext"].as_str().filter(|name| !name.is_empty())
        {
            return context(Some(folder), name, "`config.json`", surroundings);
        }
    }
    Ok(default_docker(surroundings))
}

fn default_docker(surroundings: &Surroundings) -> Address {
    first_usable(DOCKER_SOCKET, runtime_socket(surroundings, "docker.sock"))
}

fn runtime_socket(surroundings: &Surroundings, name: &str) -> Option<PathBuf> {
    surroundings.get("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join(name))
}

/// The system's socket when this user may use it, else the user's own when it is there, else the
/// system's, for the error to speak of.
fn first_usable(system: &str, own: Option<PathBuf>) -> Address {
    let system = PathBuf::from(system);
    let usable = rustix::fs::access(&system, rustix::fs::Access::WRITE_OK).is_ok();
    let path = match own {
        Some(own) if !usable && own.exists() => own,
        _ => system,
    };
    Address { place: Place::Unix(path), origin: Origin::Default }
}

fn context(
    folder: Option<&Path>,
    name: &str,
    by: &'static str,
    surroundings: &Surroundings,
) -> Result<Address, AddressError> {
    if name == "default" {
        return Ok(default_docker(surroundings));
    }
    let meta = folder.unwrap_or(Path::new("")).join("contexts").join("meta");
    // The folders are named by a hash of the context's name; each says its name inside.
    for entry in std::fs::read_dir(&meta).into_iter().flatten().flatten() {
        let file = entry.path().join("meta.json");
        let Some(found) = read_json(&file)? else { continue };
        if found["Name"] != name {
            continue;
        }
        let Some(host) = found["Endpoints"]["docker"]["Host"].as_str().filter(|host| !host.is_empty()) else {
            return Err(AddressError::ContextWithoutHost { name: name.to_owned(), file });
        };
        let mut address = Address::parse(host, Origin::Context(name.to_owned()))?;
        // Certificates lie beside the context's description when it has any.
        if let (Place::Tcp { tls, .. }, Some(folder), Some(id)) =
            (&mut address.place, folder, entry.path().file_name())
        {
            *tls |= folder.join("contexts").join("tls").join(id).is_dir();
        }
        return Ok(address);
    }
    Err(AddressError::Context { name: name.to_owned(), folder: meta, by })
}

/// `None` when there is no such file.
fn read_json(file: &Path) -> Result<Option<serde_json::Value>, AddressError> {
    let unreadable = |reason: String| AddressError::Unreadable { path: file.to_owned(), reason };
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // half-written files of a test harm nobody
mod tests {
    use super::*;

    fn docker(surroundings: &Surroundings) -> Result<Address, AddressError> {
        Address::find(ContainerEngine::Docker, None, surroundings)
    }

    #[test]
    fn forms() {
        for (text, shown, remote) in [
            ("unix:///run/d.sock", "unix:///run/d.sock", false),
            ("/run/d.sock", "unix:///run/d.sock", false),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", false),
            ("tcp://localhost", "tcp://localhost:2375", false),
            ("tcp://[::1]:99", "tcp://[::1]:99", false),
            ("tcp://:4000", "tcp://127.0.0.1:4000", false),
            ("tcp://10.0.0.7:2375/", "tcp://10.0.0.7:2375", true),
            ("tcp://gpu-box:2376", "tcp://gpu-box:2376", true),
            ("ssh://me@gpu-box", "ssh://me@gpu-box", true),
        ] {
            let address = Address::parse(text, Origin::Given).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.is_remote(), remote, "{text}");
        }
        for text in
            ["", "docker", "unix://relative", "tcp://h:99999", "tcp://[::1", "ssh://", "npipe:////./pipe/x"]
        {
            assert!(Address::parse(text, Origin::Given).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn a_host_beats_a_context_and_a_context_beats_custom() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path();
        let meta = config.join("contexts/meta/1f2e");
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::create_dir_all(config.join("contexts/meta/00")).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Endpoints":{"docker":{"Host":"ssh://me@far"}}}"#,
        )
        .unwrap();
        std::fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        let path = config.to_str().unwrap();

        let by_file = docker(&Surroundings::of([("DOCKER_CONFIG", path)])).unwrap();
        assert_eq!(by_file.to_string(), "ssh://me@far");
        assert_eq!(by_file.origin, Origin::Context("far".into()));

        let by_host =
            docker(&Surroundings::of([("DOCKER_CONFIG", path), ("DOCKER_HOST", "unix:///x.sock")])).unwrap();
        assert_eq!(by_host.origin, Origin::Variable("DOCKER_HOST".into()));

        let back =
            docker(&Surroundings::of([("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "default")])).unwrap();
        assert_eq!(back.origin, Origin::Default);

        let error =
            docker(&Surroundings::of([("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "nope")])).unwrap_err();
        assert!(error.to_string().starts_with("no docker context `nope`"), "{error}");

        std::fs::write(config.join("config.json"), "{").unwrap();
        let error = docker(&Surroundings::of([("DOCKER_CONFIG", path)])).unwrap_err();
        assert!(matches!(error, AddressError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn podmans_own_variable() {
        let address = Address::find(
            ContainerEngine::Podman,
            None,
            &Surroundings::of([("CONTAINER_HOST", "unix:///p.sock"), ("DOCKER_HOST", "unix:///d.sock")]),
        )
        .unwrap();
        assert_eq!(address.to_string(), "unix:///p.sock");
    }

    #[test]
    fn a_users_own_socket_stands_in_when_the_systems_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.sock");
        let nowhere = folder.path().join("nowhere.sock");
        let nowhere = nowhere.to_str().unwrap();
        assert_eq!(first_usable(nowhere, Some(own.clone())).place, Place::Unix(nowhere.into()));
        std::fs::write(&own, "").unwrap();
        assert_eq!(first_usable(nowhere, Some(own.clone())).place, Place::Unix(own.clone()));
        std::fs::write(nowhere, "").unwrap();
        assert_eq!(first_usable(nowhere, Some(own)).place, Place::Unix(nowhere.into()));
    }
}
