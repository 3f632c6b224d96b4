//! Which GPUs a run gets: what was typed or set, held against what this machine has.

use std::ffi::OsString;
use std::path::PathBuf;

use super::engine::moby::Moby;
use super::host::gpu::{self, GpuError, Gpus, Reservation, Survey};
use crate::spec::env_vars::{self, Environment};
use crate::spec::gpu::GpuRequest;
use crate::spec::plan::ContainerEngine;
use crate::spec::settings::GpuSetting;

/// Where the reservations of all users of this machine are, unless `SCAF_GPU_RESERVATIONS` says otherwise.
const RESERVATIONS: &str = "/tmp/scaf-gpus";

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub request: GpuRequest,
    /// Without, where there are none.
    pub optional: bool,
}

impl Wish {
    /// What was typed wins over what is set.
    pub fn of(typed: Option<&GpuRequest>, setting: &GpuSetting) -> Option<Self> {
        match (typed, setting) {
            (Some(request), _) | (None, GpuSetting::Required(request)) => {
                Some(Self { request: request.clone(), optional: false })
            }
            (None, GpuSetting::Optional(request)) => Some(Self { request: request.clone(), optional: true }),
            (None, GpuSetting::Off) => None,
        }
    }
}

/// The GPUs to be looked at while a run lasts.
#[derive(Clone, Debug)]
pub struct Watched {
    library: Option<OsString>,
    /// By UUID or index; none means all.
    devices: Vec<String>,
}

impl Watched {
    fn of(request: &GpuRequest, environment: &Environment) -> Self {
        let devices = match request {
            GpuRequest::Devices(devices) => devices.clone(),
            // The first ones: that is what a bare number means to NVIDIA's toolkit.
            GpuRequest::Count(count) => (0..*count).map(|index| index.to_string()).collect(),
            GpuRequest::All | GpuRequest::Free(_) => Vec::new(),
        };
        Self { library: library(environment), devices }
    }

    /// Out of what a record says of a run's GPUs: `all`, `free:1 (device=GPU-…)`.
    pub fn of_record(shown: &str, environment: &Environment) -> Option<Self> {
        let given = shown.split_once(" (").map_or(shown, |(_, given)| given.trim_end_matches(')'));
        Some(Self::of(&GpuRequest::parse(given).ok()?, environment))
    }

    pub fn start(&self) -> gpu::Sampler {
        gpu::Sampler::start(self.library.clone(), self.devices.clone())
    }
}

/// What came of the wish.
#[derive(Debug, Default)]
pub struct Chosen {
    /// In the words of an engine: never `free`.
    pub request: Option<GpuRequest>,
    /// For the record: what was asked for, and what it became.
    pub shown: Option<String>,
    /// Held as long as this lives.
    pub reservation: Option<Reservation>,
    pub watched: Option<Watched>,
    /// To be said, and to be said when more is asked for.
    pub warnings: Vec<String>,
    pub details: Vec<String>,
}

/// The driver's library, where the user names one.
pub fn library(environment: &Environment) -> Option<OsString> {
    environment.path(&env_vars::SCAF_NVML_LIBRARY).map(PathBuf::into_os_string)
}

/// What NVML says of this machine; no GPU at all is an error.
pub fn survey(environment: &Environment) -> Result<Survey, GpuError> {
    let survey = Gpus::open(library(environment))?.survey()?;
    if survey.gpus.is_empty() { Err(GpuError::NoGpu) } else { Ok(survey) }
}

/// Who hands the GPUs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Giver {
    /// A container engine, which has the last word.
    Engine,
    /// An engine that drops a request for GPUs without a word, for this reason.
    Deaf(String),
    /// Nobody but scaf checks.
    Host,
}

impl Giver {
    /// Podman's socket takes descriptions of devices (CDI) from 5.4.0 on (containers/podman#25171); before,
    /// the container starts without (seen with 4.3.1).
    pub fn of(moby: Option<&Moby>) -> Self {
        let Some(moby) = moby else { return Self::Host };
        let server = &moby.greeting().server;
        match moby.engine() {
            ContainerEngine::Podman if podman_version(server).is_some_and(|version| version < (5, 4)) => {
                Self::Deaf(server.split_whitespace().next().unwrap_or(server).to_owned())
            }
            ContainerEngine::Podman | ContainerEngine::Docker => Self::Engine,
        }
    }
}

/// `(4, 3)` of `Libpod/4.3.1 (linux)`.
fn podman_version(server: &str) -> Option<(u16, u16)> {
    let mut numbers = server.strip_prefix("Libpod/")?.split(['.', '-', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Chooses. `hold`: idle ones are reserved, not only named.
pub fn choose(
    wish: Option<&Wish>,
    giver: &Giver,
    hold: bool,
    environment: &Environment,
) -> Result<Chosen, GpuError> {
    let Some(Wish { request, optional }) = wish else { return Ok(Chosen::default()) };
    let mut chosen = Chosen::default();
    let found = survey(environment).and_then(|survey| {
        if let Giver::Deaf(server) = giver {
            return Err(GpuError::Deaf { server: server.clone() });
        }
        let folder =
            environment.path(&env_vars::SCAF_GPU_RESERVATIONS).unwrap_or_else(|| PathBuf::from(RESERVATIONS));
        match request {
            GpuRequest::Free(count) => gpu::reserve(&survey, *count, &folder, hold).map(Some),
            GpuRequest::Count(count) if survey.gpus.len() < *count as usize => {
                Err(GpuError::TooFew { wanted: *count, all: survey.gpus.len() })
            }
            GpuRequest::Devices(devices) => known(devices, &survey).map(|()| None),
            GpuRequest::All | GpuRequest::Count(_) => Ok(None),
        }
    });
    match found {
        Ok(reservation) => {
            let request = match &reservation {
                Some(held) => GpuRequest::Devices(held.uuids.clone()),
                None => request.clone(),
            };
            chosen.shown = Some(match wish {
                Some(Wish { request: asked @ GpuRequest::Free(_), .. }) => format!("{asked} ({request})"),
                _ => request.to_string(),
            });
            chosen.reservation = reservation;
            take(&mut chosen, request, environment);
        }
        Err(error @ (GpuError::NoDriver | GpuError::NoGpu)) if *optional => {
            chosen.details.push(format!("without GPUs: {error}"));
        }
        Err(error) if *optional => chosen.warnings.push(format!("this goes without GPUs: {error}")),
        // The engine may know GPUs that this machine's NVML does not (Docker Desktop, another maker's).
        Err(error @ (GpuError::NoDriver | GpuError::NotLoaded | GpuError::NoGpu | GpuError::Nvml { .. }))
            if *giver == Giver::Engine && !matches!(request, GpuRequest::Free(_)) =>
        {
            chosen
                .warnings
                .push(format!("{error}, so the engine may refuse `--gpus {request}` (see `scaf doctor`)"));
            chosen.shown = Some(request.to_string());
            chosen.request = Some(request.clone());
        }
        Err(error) => return Err(error),
    }
    Ok(chosen)
}

fn take(chosen: &mut Chosen, request: GpuRequest, environment: &Environment) {
    chosen.watched = Some(Watched::of(&request, environment));
    chosen.request = Some(request);
}

/// Indexes and UUIDs of whole GPUs are looked up; what may name a part of one (MIG) is the driver's business.
fn known(devices: &[String], survey: &Survey) -> Result<(), GpuError> {
    let unknown = devices.iter().find(|device| {
        let index: Option<u32> = device.parse().ok();
        match index {
            Some(index) => !survey.gpus.iter().any(|gpu| gpu.index == index),
            None => device.starts_with("GPU-") && !survey.gpus.iter().any(|gpu| gpu.uuid == **device),
        }
    });
    match unknown {
        None => Ok(()),
        Some(device) => Err(GpuError::NoSuch {
            device: device.clone(),
            there: survey.gpus.iter().map(|gpu| format!("{} ({})", gpu.index, gpu.uuid)).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrate::host::gpu::Gpu;

    #[test]
    fn typed_wins_over_set() {
        let all = GpuRequest::All;
        let optional = GpuSetting::Optional(GpuRequest::Free(Some(1)));
        assert_eq!(Wish::of(None, &GpuSetting::Off), None);
        assert_eq!(Wish::of(Some(&all), &optional), Some(Wish { request: all.clone(), optional: false }));
        assert_eq!(
            Wish::of(None, &optional),
            Some(Wish { request: GpuRequest::Free(Some(1)), optional: true })
        );
        assert_eq!(
            Wish::of(None, &GpuSetting::Required(all.clone())),
            Some(Wish { request: all, optional: false })
        );
    }

    #[test]
    fn what_a_record_says_can_be_watched() {
        let of =
            |shown: &str| Watched::of_record(shown, &Environment::default()).map(|watched| watched.devices);
        assert_eq!(of("all"), Some(Vec::new()));
        assert_eq!(of("2"), Some(vec!["0".to_owned(), "1".to_owned()]));
        assert_eq!(of("free:1 (device=GPU-1)"), Some(vec!["GPU-1".to_owned()]));
        assert_eq!(of("?"), None);
    }

    #[test]
    fn podman_of_which_version() {
        assert_eq!(podman_version("Libpod/4.3.1 (linux)"), Some((4, 3)));
        assert_eq!(podman_version("Libpod/5.4.0-rc1 (linux)"), Some((5, 4)));
        assert_eq!(podman_version("Docker/28.5.2 (linux)"), None);
    }

    #[test]
    fn devices_are_looked_up() {
        let gpu = |index: u32| Gpu {
            index,
            uuid: format!("GPU-{index}"),
            name: "T".to_owned(),
            memory: 0,
            memory_used: 0,
            utilisation: None,
            processes: 0,
        };
        let survey = Survey { driver: "1".to_owned(), cuda: "12.4".to_owned(), gpus: vec![gpu(0), gpu(1)] };
        let look = |words: &[&str]| {
            known(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &survey).is_ok()
        };
        assert!(look(&["0", "1"]) && look(&["GPU-1"]) && look(&["MIG-x", "0:1"]));
        assert!(!look(&["2"]) && !look(&["0", "GPU-9"]));
    }
}
