//! Which engine a run gets: the one that was asked for, or the first that can do it, and why.

use std::time::Duration;

use super::engine::moby::Moby;
use super::engine::moby::address::{Address, Origin};
use super::engine::moby::error::EngineError;
use super::engine::moby::images::Availability;
use super::engine::moby::surroundings::Surroundings;
use super::engine::{self, Engine};
use super::execute::surroundings;
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::plan::ContainerEngine;
use crate::spec::settings::EngineChoice;

/// How long a registry may take to say whether it has a base image, when `auto` asks.
pub const REGISTRY_LIMIT: Duration = Duration::from_secs(5);

/// What a container engine must have, or be able to make.
pub struct Needs {
    /// The image that is wanted; there already is best.
    pub tag: String,
    /// The images that it would be made from, as the engine must pull them.
    pub bases: Vec<String>,
}

/// A container engine that can do it.
pub struct Container {
    pub moby: Moby,
    pub engine: &'static dyn Engine,
    pub reason: String,
    /// The wanted image, when it is there.
    pub image: Option<Found>,
}

/// An image that is there.
pub type Found = super::engine::moby::images::ImageFacts;

pub enum Selected {
    Container(Box<Container>),
    /// Nothing can enclose it in a container, and the caller may do without.
    Host {
        /// Why no container engine can; nothing where the host engine was asked for.
        refusals: Vec<String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    #[error("{0}")]
    Engine(#[source] EngineError),
    #[error("{}", no_container(.reasons))]
    None { reasons: Vec<String>, host: &'static str },
    #[error("the `{engine}` engine is on another machine ({reason}), and cannot mount folders of this one")]
    Remote { engine: &'static str, reason: String, way_out: String },
    #[error("the `host` engine has no containers, which `scaf {command}` needs")]
    HostCannot { command: &'static str },
}

/// That no container engine can, and why.
pub(super) fn no_container(reasons: &[String]) -> String {
    let listed: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
    format!("no container engine can run this{listed}")
}

/// The way out that fits wherever no container engine can.
pub(super) const DOCTOR: &str = "`scaf doctor` says what is there and what is missing";

impl Explain for SelectionError {
    fn fault(&self) -> Fault {
        match self {
            Self::Engine(_) | Self::None { .. } | Self::Remote { .. } => Fault::World,
            Self::HostCannot { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Engine(error) => error.hints(),
            Self::None { host, .. } => vec![DOCTOR.to_owned(), (*host).to_owned()]
                .into_iter()
                .filter(|hint| !hint.is_empty())
                .collect(),
            Self::Remote { way_out, .. } => vec![way_out.clone()],
            Self::HostCannot { .. } => vec!["say `--engine docker`".to_owned()],
        }
    }
}

/// Picks the engine. `host` says whether the host engine may be taken, by `auto` and by name.
pub fn select(
    choice: EngineChoice,
    host: HostMay,
    needs: &Needs,
    environment: &Environment,
) -> Result<Selected, SelectionError> {
    match choice {
        EngineChoice::Docker => asked(ContainerEngine::Docker, needs, environment),
        EngineChoice::Podman => asked(ContainerEngine::Podman, needs, environment),
        EngineChoice::Host => match host {
            HostMay::Never { command } => Err(SelectionError::HostCannot { command }),
            HostMay::WhenNamed | HostMay::FallBack => Ok(Selected::Host { refusals: Vec::new() }),
        },
        EngineChoice::Auto => first(host, needs, environment),
    }
}

/// Whether the host engine will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostMay {
    Never {
        command: &'static str,
    },
    WhenNamed,
    /// Also when `auto` finds no container engine that can (product.md §5: `local` and `test` alone).
    FallBack,
}

fn asked(
    kind: ContainerEngine,
    needs: &Needs,
    environment: &Environment,
) -> Result<Selected, SelectionError> {
    let surroundings = surroundings(environment);
    let address = local_address(kind, &surroundings)?;
    let moby = Moby::at(kind, address, &surroundings).map_err(SelectionError::Engine)?;
    let image = moby.image(&needs.tag).map_err(SelectionError::Engine)?;
    Ok(Selected::Container(Box::new(Container {
        engine: of(moby.engine()),
        moby,
        reason: "asked for".to_owned(),
        image,
    })))
}

/// The engine's address. One on another machine is refused before anything is asked of it, by `auto`, too:
/// whoever points `DOCKER_HOST` elsewhere wants that engine, not quietly another.
pub(super) fn local_address(
    kind: ContainerEngine,
    surroundings: &Surroundings,
) -> Result<Address, SelectionError> {
    let address =
        Address::find(kind, None, surroundings).map_err(|error| SelectionError::Engine(error.into()))?;
    let Some(reason) = address.elsewhere() else { return Ok(address) };
    let way_out = match &address.origin {
        Origin::Variable(name) => format!("`unset {name}` takes the engine of this machine"),
        Origin::Context(_) => "`docker context use default` takes the engine of this machine".to_owned(),
        Origin::Given | Origin::Default => "take an engine of this machine".to_owned(),
    };
    Err(SelectionError::Remote { engine: kind.client(), reason, way_out })
}

fn of(kind: ContainerEngine) -> &'static dyn Engine {
    match kind {
        ContainerEngine::Docker => &engine::docker::Docker,
        ContainerEngine::Podman => &engine::podman::Podman,
    }
}

fn first(host: HostMay, needs: &Needs, environment: &Environment) -> Result<Selected, SelectionError> {
    let mut reasons = Vec::new();
    let surroundings = surroundings(environment);
    let mut seen: Vec<Address> = Vec::new();
    for kind in [ContainerEngine::Docker, ContainerEngine::Podman] {
        let name = kind.client();
        let address = local_address(kind, &surroundings)?;
        if seen.contains(&address) {
            continue;
        }
        seen.push(address.clone());
        let moby = match Moby::at(kind, address, &surroundings) {
            Ok(moby) => moby,
            Err(error) => {
                let text = error.to_string();
                let named = text.starts_with(name);
                reasons.push(if named { text } else { format!("{name}: {text}") });
                continue;
            }
        };
        let image = moby.image(&needs.tag).map_err(SelectionError::Engine)?;
        let version = moby.greeting().server.clone();
        if let Some(image) = image {
            return Ok(Selected::Container(Box::new(Container {
                engine: of(moby.engine()),
                moby,
                reason: format!("{version} answers and has the image"),
                image: Some(image),
            })));
        }
        let mut absent = None;
        for base in &needs.bases {
            if let Some(reason) = missing(&moby, base)? {
                absent = Some(format!(
                    "{name}: the base image `{base}` is not there, and cannot be had: {reason}"
                ));
                break;
            }
        }
        match absent {
            Some(reason) => reasons.push(reason),
            None => {
                return Ok(Selected::Container(Box::new(Container {
                    engine: of(moby.engine()),
                    moby,
                    reason: format!("{version} answers and can make the image"),
                    image: None,
                })));
            }
        }
    }
    match host {
        HostMay::FallBack => Ok(Selected::Host { refusals: reasons }),
        HostMay::WhenNamed => Err(SelectionError::None {
            reasons,
            host: "`--engine host` runs it in a virtual environment, without a container",
        }),
        HostMay::Never { .. } => Err(SelectionError::None { reasons, host: "" }),
    }
}

fn missing(moby: &Moby, base: &str) -> Result<Option<String>, SelectionError> {
    match moby.base_available(base, REGISTRY_LIMIT).map_err(SelectionError::Engine)? {
        Availability::Here | Availability::InRegistry => Ok(None),
        Availability::Absent(reason) => Ok(Some(reason)),
    }
}
