//! Everything that decides whether runs work on this machine, looked at once: for `doctor`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::engine::moby::Moby;
use super::engine::moby::address::{Address, Location};
use super::engine::moby::error::EngineError;
use super::engine::moby::facts::EngineFacts;
use super::execute::surroundings;
use super::gpus::{self, Giver};
use super::host::gpu::{GpuError, Survey};
use super::host::python::{self, Python};
use super::load::network;
use super::reclaim;
use crate::project::layout::Layout;
use crate::spec::diagnosis::{
    self, Driver, EngineGpuFacts, EngineState, Finding, GpuFacts, GpuState, Toolkit, Weight,
};
use crate::spec::env_vars::Environment;
use crate::spec::hint::Explain as _;
use crate::spec::network::NetworkHelp;
use crate::spec::plan::ContainerEngine;
use crate::spec::settings::EngineChoice;

#[derive(Debug, Serialize)]
pub struct Checkup {
    pub can_run: bool,
    /// The worst first.
    pub findings: Vec<Finding>,
    pub engines: Vec<EngineReport>,
    pub gpu: GpuReport,
    pub network: Option<NetworkHelp>,
    pub tools: Vec<Tool>,
    pub sizes: Vec<Size>,
    pub disks: Vec<Disk>,
}

#[derive(Debug, Serialize)]
pub struct EngineReport {
    pub name: &'static str,
    pub facts: Option<EngineFacts>,
    /// Why it cannot be used.
    pub trouble: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct GpuReport {
    pub state: GpuState,
    pub survey: Option<Survey>,
}

#[derive(Debug, Serialize)]
pub struct Tool {
    pub name: &'static str,
    /// Its version, or where it is; `None` where it is not.
    pub found: Option<String>,
    pub used_for: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Size {
    pub what: &'static str,
    pub path: PathBuf,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct Disk {
    pub what: &'static str,
    pub path: PathBuf,
    pub free: u64,
}

/// Looks at all of it. `wanted` is the engine that the settings insist on; `given` are findings of the caller,
/// such as broken settings.
pub fn examine(
    layout: Option<&Layout>,
    wanted: EngineChoice,
    environment: &Environment,
    given: Vec<Finding>,
) -> Checkup {
    let mut findings = given;
    let wanted = (wanted != EngineChoice::Auto).then(|| wanted.name());
    let python = python::in_use(environment);
    let (mut engines, mut states, mut gpu_facts) = (Vec::new(), Vec::new(), GpuFacts::default());
    let mut seen: Vec<Address> = Vec::new();
    for kind in [ContainerEngine::Docker, ContainerEngine::Podman] {
        let examined = engine(kind, environment, &mut seen);
        if let Some(facts) = examined.gpus {
            match kind {
                ContainerEngine::Docker => gpu_facts.docker = Some(facts),
                ContainerEngine::Podman => gpu_facts.podman = Some(facts),
            }
        }
        states.push((kind.client(), examined.state));
        engines.push(examined.report);
    }
    findings.extend(diagnosis::engines(&states, python.is_some(), wanted));

    let survey = gpus::survey(environment);
    gpu_facts.driver = driver(survey.as_ref().err());
    gpu_facts.gpus = survey.as_ref().map_or(0, |survey| survey.gpus.len());
    gpu_facts.on_the_bus = on_the_bus(Path::new("/sys/bus/pci/devices"));
    gpu_facts.toolkit = Toolkit {
        ctk: on_path("nvidia-ctk", environment).is_some(),
        hook: on_path("nvidia-container-runtime-hook", environment).is_some(),
    };
    gpu_facts.descriptions = ["/etc/cdi", "/var/run/cdi"].iter().any(|folder| describes(Path::new(folder)));
    let (state, finding) = diagnosis::gpus(&gpu_facts);
    findings.extend(finding);

    let network = network(environment, &mut findings);
    let (sizes, disks) = room(layout, environment);
    findings.extend(disks.iter().filter_map(|disk| diagnosis::disk(disk.what, disk.free)));
    let findings = diagnosis::sorted(findings);
    Checkup {
        can_run: diagnosis::can_run(&findings),
        findings,
        engines,
        gpu: GpuReport { state, survey: survey.ok() },
        network,
        tools: tools(python.as_ref(), environment),
        sizes,
        disks,
    }
}

struct Examined {
    report: EngineReport,
    state: EngineState,
    gpus: Option<EngineGpuFacts>,
}

fn engine(kind: ContainerEngine, environment: &Environment, seen: &mut Vec<Address>) -> Examined {
    let name = kind.client();
    let without = |trouble: String, state: EngineState| Examined {
        report: EngineReport { name, facts: None, trouble: Some(trouble) },
        state,
        gpus: None,
    };
    let failed = |error: &EngineError| {
        let state = match error {
            EngineError::NotInstalled { .. } => EngineState::NotInstalled,
            EngineError::Elsewhere { reason } => EngineState::Remote { reason: reason.clone() },
            _ => EngineState::Broken {
                what: error.to_string(),
                way_out: error.hints().into_iter().next().map(|hint| command_in(&hint)),
            },
        };
        let trouble = match error {
            EngineError::NotInstalled { .. } => "not installed".to_owned(),
            other => other.to_string(),
        };
        without(trouble, state)
    };
    let moby = match Moby::connect(kind, None, &surroundings(environment)) {
        Ok(moby) => moby,
        Err(error) => return failed(&error),
    };
    if let Some(reason) = moby.address().elsewhere() {
        return without(reason.clone(), EngineState::Remote { reason });
    }
    if seen.contains(moby.address()) {
        return without("the same as above".to_owned(), EngineState::NotInstalled);
    }
    seen.push(moby.address().clone());
    let facts = match moby.facts() {
        Ok(facts) => facts,
        Err(error) => return failed(&error),
    };
    let doubt = match &facts.location {
        Location::Doubtful(doubt) => Some(doubt.clone()),
        Location::Here | Location::Elsewhere(_) => None,
    };
    let gpus = EngineGpuFacts {
        runtime: facts.nvidia_runtime,
        knows_descriptions: !facts.cdi_dirs.is_empty(),
        devices: facts.cdi_devices.iter().filter(|device| device.starts_with("nvidia.com/")).count(),
        hears: Giver::of(Some(&moby)) == Giver::Engine,
    };
    Examined {
        report: EngineReport { name, facts: Some(facts), trouble: None },
        state: EngineState::Usable { doubt },
        gpus: Some(gpus),
    }
}

/// `sudo systemctl start docker` of "start it: `sudo systemctl start docker`"; else the hint as it is.
fn command_in(hint: &str) -> String {
    match hint.split_once('`').and_then(|(_, rest)| rest.split_once('`')) {
        Some((command, after)) if after.trim().is_empty() => command.to_owned(),
        _ => hint.to_owned(),
    }
}

fn driver(error: Option<&GpuError>) -> Driver {
    match error {
        None | Some(GpuError::NoGpu) => Driver::Loaded,
        Some(GpuError::NoDriver) => Driver::None,
        Some(GpuError::NotLoaded) => Driver::NotLoaded,
        Some(GpuError::Nvml { reason }) if reason.to_lowercase().contains("mismatch") => Driver::Mismatch,
        Some(other) => Driver::Silent(other.to_string()),
    }
}

/// NVIDIA's number among makers, and the class of displays and 3D accelerators (PCI).
fn on_the_bus(devices: &Path) -> bool {
    let is = |file: PathBuf, start: &str| {
        std::fs::read_to_string(file).is_ok_and(|text| text.trim().starts_with(start))
    };
    std::fs::read_dir(devices)
        .into_iter()
        .flatten()
        .flatten()
        .any(|device| is(device.path().join("vendor"), "0x10de") && is(device.path().join("class"), "0x03"))
}

fn describes(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| std::fs::read_to_string(file.path()).is_ok_and(|text| text.contains("nvidia.com/gpu")))
}

fn on_path(program: &str, environment: &Environment) -> Option<PathBuf> {
    let path = environment.given("PATH").map(std::ffi::OsStr::to_owned);
    which::which_in(program, path, "/").ok()
}

fn network(environment: &Environment, findings: &mut Vec<Finding>) -> Option<NetworkHelp> {
    let variable = |name: &str| environment.given(name).map(|value| value.to_string_lossy().into_owned());
    match network::find(&variable, Path::new("/")) {
        Ok(help) => {
            for local in &help.local {
                findings.push(Finding::new(
                    Weight::Note,
                    format!(
                        "{} leads to this machine itself ({}), where a build does not find it",
                        local.place, local.host
                    ),
                    Some("set `build_network = \"host\"` under `[images]` in scaf.toml"),
                ));
            }
            for left in &help.left_out {
                findings.push(Finding::new(Weight::Note, left.clone(), None));
            }
            Some(help)
        }
        Err(error) => {
            findings.push(Finding::new(
                Weight::Problem,
                error.to_string(),
                error.hints().first().map(String::as_str),
            ));
            None
        }
    }
}

fn tools(python: Option<&Python>, environment: &Environment) -> Vec<Tool> {
    let version = |program: &str| {
        let path = on_path(program, environment)?;
        let output = Command::new(&path)
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success());
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Some(text.and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default())
    };
    vec![
        Tool {
            name: "python",
            found: python.map(|python| format!("Python {} ({})", python.version, python.path.display())),
            used_for: "the host engine, `format`",
        },
        Tool { name: "uv", found: version("uv"), used_for: "faster environments, other versions of Python" },
        Tool { name: "git", found: version("git"), used_for: "the commit in a run's record" },
        Tool {
            name: "az",
            // Asked for its version it takes seconds.
            found: on_path("az", environment).map(|path| path.display().to_string()),
            used_for: "jobs on Azure ML",
        },
    ]
}

fn room(layout: Option<&Layout>, environment: &Environment) -> (Vec<Size>, Vec<Disk>) {
    let (mut sizes, mut disks) = (Vec::new(), Vec::new());
    let mut size = |what: &'static str, path: PathBuf| {
        if path.is_dir() {
            sizes.push(Size { what, bytes: reclaim::size(&path), path });
        }
    };
    if let Some(cache) = environment.cache_dir() {
        size("environments of the host engine", cache.join("venvs"));
        size("tools", cache.join("tools"));
        disks.extend(disk("scaf's cache", &cache));
    }
    if let Some(layout) = layout {
        size("runs", layout.runs_dir());
        size("of it bundles", layout.bundles_dir());
        size("of it the runs' HOME", layout.runs_dir().join(".home"));
        disks.extend(disk("the project", &layout.root));
    }
    (sizes, disks)
}

/// Of the nearest folder that is there.
fn disk(what: &'static str, path: &Path) -> Option<Disk> {
    let there = path.ancestors().find(|above| above.is_dir())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(Disk { what, path: path.to_owned(), free: stat.f_bavail.saturating_mul(stat.f_frsize) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_s_command() {
        assert_eq!(command_in("start it: `sudo systemctl start docker`"), "sudo systemctl start docker");
        let sentence = "`sudo usermod -aG docker $USER`, then log out and in again";
        assert_eq!(command_in(sentence), sentence);
    }

    #[test]
    fn the_bus_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let device = |name: &str, vendor: &str, class: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            for (file, text) in [("vendor", vendor), ("class", class)] {
                crate::orchestrate::execute::files::write_whole(
                    &path.join(file),
                    format!("{text}\n"),
                    false,
                    crate::spec::plan::IfThere::Refuse,
                )
                .unwrap();
            }
        };
        device("0", "0x8086", "0x030000");
        // An audio function of a GPU is none.
        device("1", "0x10de", "0x040300");
        assert!(!on_the_bus(folder.path()));
        device("2", "0x10de", "0x030200");
        assert!(on_the_bus(folder.path()));
        assert!(!on_the_bus(Path::new("/no/such/folder")));
    }

    #[test]
    fn what_nvml_says_of_the_driver() {
        assert_eq!(driver(None), Driver::Loaded);
        assert_eq!(driver(Some(&GpuError::NoDriver)), Driver::None);
        let mismatch = GpuError::Nvml { reason: "a driver/library version Mismatch".to_owned() };
        assert_eq!(driver(Some(&mismatch)), Driver::Mismatch);
        assert!(matches!(driver(Some(&GpuError::Nvml { reason: "x".to_owned() })), Driver::Silent(_)));
    }
}
