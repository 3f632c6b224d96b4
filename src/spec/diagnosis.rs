//! What is wrong with a machine and a project, out of what was found: decisions only. Each problem comes
//! with the one thing to do about it.

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// No run is possible.
    Stops,
    /// Something that is there cannot be used.
    Problem,
    /// Worth knowing.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub weight: Weight,
    pub what: String,
    /// A command, or a sentence where no command does it.
    pub way_out: Option<String>,
}

impl Finding {
    pub fn new(weight: Weight, what: impl Into<String>, way_out: Option<&str>) -> Self {
        Self { weight, what: what.into(), way_out: way_out.map(str::to_owned) }
    }
}

/// What NVML and the machine say of its GPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuFacts {
    pub driver: Driver,
    /// GPUs that answer.
    pub gpus: usize,
    /// An NVIDIA device is on the bus, whether there is a driver or not.
    pub on_the_bus: bool,
    /// On the PATH: parts of the NVIDIA Container Toolkit.
    pub toolkit: Toolkit,
    /// Descriptions of NVIDIA's devices (CDI) in the usual folders.
    pub descriptions: bool,
    pub docker: Option<EngineGpuFacts>,
    pub podman: Option<EngineGpuFacts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    #[default]
    None,
    NotLoaded,
    /// The loaded driver and its library are of different versions, as after an update.
    Mismatch,
    /// Another reason.
    Silent(String),
    Loaded,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toolkit {
    /// `nvidia-ctk`, with which it is set up.
    pub ctk: bool,
    /// `nvidia-container-runtime-hook`, which docker looks for when it starts.
    pub hook: bool,
}

/// What an engine says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineGpuFacts {
    /// NVIDIA's runtime is registered.
    pub runtime: bool,
    /// It reads descriptions of devices.
    pub knows_descriptions: bool,
    /// Names of NVIDIA's devices that it says it knows.
    pub devices: usize,
    /// Podman: it hears of GPUs through its socket.
    pub hears: bool,
}

/// How it is with GPUs in containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuState {
    NoGpu,
    NoDriver,
    DriverNotLoaded,
    DriverMismatch,
    DriverSilent,
    NoEngine,
    NoToolkit,
    NotConfigured,
    CdiOnly,
    NoDescriptions,
    EngineTooOld,
    Well,
}

const INSTALL_TOOLKIT: &str = "install the NVIDIA Container Toolkit: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html";
const CONFIGURE: &str = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker";
const DESCRIBE: &str = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml";

/// Tells the cases apart, and says what mends them. A machine without a GPU has no problem.
pub fn gpus(facts: &GpuFacts) -> (GpuState, Option<Finding>) {
    let problem = |what: &str, way_out: &str| Some(Finding::new(Weight::Problem, what, Some(way_out)));
    match &facts.driver {
        Driver::None if !facts.on_the_bus => return (GpuState::NoGpu, None),
        Driver::None => {
            return (
                GpuState::NoDriver,
                problem(
                    "there is an NVIDIA GPU, and no driver for it",
                    "install NVIDIA's driver: https://www.nvidia.com/drivers",
                ),
            );
        }
        Driver::NotLoaded => {
            return (
                GpuState::DriverNotLoaded,
                problem("the NVIDIA driver is installed and not loaded", "sudo modprobe nvidia"),
            );
        }
        Driver::Mismatch => {
            return (
                GpuState::DriverMismatch,
                problem(
                    "the NVIDIA driver that is loaded and its library are of different versions, as after an update",
                    "sudo reboot",
                ),
            );
        }
        Driver::Silent(reason) => {
            return (
                GpuState::DriverSilent,
                problem(&format!("the NVIDIA driver does not answer: {reason}"), "nvidia-smi"),
            );
        }
        Driver::Loaded if facts.gpus == 0 => return (GpuState::NoGpu, None),
        Driver::Loaded => {}
    }
    match (&facts.docker, &facts.podman) {
        (Some(docker), _) => with_docker(facts, docker),
        (None, Some(podman)) => with_podman(facts, podman),
        (None, None) => (GpuState::NoEngine, None),
    }
}

fn with_docker(facts: &GpuFacts, docker: &EngineGpuFacts) -> (GpuState, Option<Finding>) {
    let problem = |what: &str, way_out: &str| Some(Finding::new(Weight::Problem, what, Some(way_out)));
    if docker.runtime {
        return (GpuState::Well, None);
    }
    if docker.devices > 0 || (docker.knows_descriptions && facts.descriptions && !facts.toolkit.hook) {
        return (
            GpuState::CdiOnly,
            problem(
                "docker knows the GPUs by their descriptions (CDI) alone, and `--gpus` asks for NVIDIA's runtime",
                CONFIGURE,
            ),
        );
    }
    if facts.toolkit.hook {
        // Docker takes it from its own PATH, as it was when docker started; which cannot be asked.
        return (
            GpuState::NotConfigured,
            Some(Finding::new(
                Weight::Note,
                "the NVIDIA Container Toolkit is there and not registered with docker; `--gpus` works where docker has found its hook",
                Some(CONFIGURE),
            )),
        );
    }
    if facts.toolkit.ctk {
        return (
            GpuState::NotConfigured,
            problem("the NVIDIA Container Toolkit is there, and docker is not set up for it", CONFIGURE),
        );
    }
    (
        GpuState::NoToolkit,
        problem(
            "there is an NVIDIA driver, and no NVIDIA Container Toolkit, so containers get no GPU",
            INSTALL_TOOLKIT,
        ),
    )
}

fn with_podman(facts: &GpuFacts, podman: &EngineGpuFacts) -> (GpuState, Option<Finding>) {
    let problem = |what: &str, way_out: &str| Some(Finding::new(Weight::Problem, what, Some(way_out)));
    if !podman.hears {
        return (
            GpuState::EngineTooOld,
            problem(
                "podman before 5.4 does not hear of GPUs through its socket",
                "install podman 5.4 or later, or docker",
            ),
        );
    }
    if facts.descriptions {
        return (GpuState::Well, None);
    }
    if facts.toolkit.ctk {
        return (GpuState::NoDescriptions, problem("the GPUs are not described for podman (CDI)", DESCRIBE));
    }
    (
        GpuState::NoToolkit,
        problem(
            "there is an NVIDIA driver, and no NVIDIA Container Toolkit, so containers get no GPU",
            INSTALL_TOOLKIT,
        ),
    )
}

/// What was found of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// It answers, and can mount this machine's folders.
    Usable {
        doubt: Option<String>,
    },
    Remote {
        reason: String,
    },
    /// It is there, and cannot be used: message and way out.
    Broken {
        what: String,
        way_out: Option<String>,
    },
    NotInstalled,
}

/// The engines together with Python, by which the host engine runs. `wanted` is the one that the settings or
/// `--engine` insist on, `host` included.
pub fn engines(engines: &[(&str, EngineState)], python: bool, wanted: Option<&str>) -> Vec<Finding> {
    if wanted == Some("host") {
        let finding = Finding::new(
            Weight::Stops,
            "there is no Python, by which the host engine runs",
            Some("install Python, or uv"),
        );
        return if python { Vec::new() } else { vec![finding] };
    }
    let engines: Vec<_> =
        engines.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)).collect();
    let usable = engines.iter().any(|(_, state)| matches!(state, EngineState::Usable { .. }));
    // Where a certain engine must do it, what it lacks stops everything.
    let problem = if wanted.is_some() { Weight::Stops } else { Weight::Problem };
    let mut findings = Vec::new();
    for (name, state) in &engines {
        match state {
            EngineState::Usable { doubt: Some(doubt) } => findings.push(Finding::new(
                Weight::Note,
                format!("{name} may be on another machine: {doubt}"),
                Some("if runs do not see your files: `unset DOCKER_HOST`, `docker context use default`"),
            )),
            EngineState::NotInstalled if wanted.is_some() => findings.push(Finding::new(
                Weight::Stops,
                format!("{name} is not installed, and no other engine may do it"),
                Some("install it, or say `engine.default = \"auto\"`"),
            )),
            EngineState::Usable { doubt: None } | EngineState::NotInstalled => {}
            // A run does not go around it: nobody points at a remote engine by accident.
            EngineState::Remote { reason } => findings.push(Finding::new(
                Weight::Stops,
                format!("{name} is on another machine, which cannot mount this one's folders: {reason}"),
                Some("unset DOCKER_HOST; docker context use default"),
            )),
            EngineState::Broken { what, way_out } => {
                findings.push(Finding::new(problem, what.clone(), way_out.as_deref()));
            }
        }
    }
    // Whoever uses one engine does not want to hear of the other.
    if usable {
        findings.retain(|finding| finding.weight == Weight::Note);
        return findings;
    }
    if findings.iter().any(|finding| finding.weight == Weight::Stops) {
        return findings;
    }
    let install = findings.is_empty().then_some("install docker: https://docs.docker.com/engine/install/");
    findings.push(if python {
        Finding::new(
            Weight::Note,
            "no container engine can be used, so `local` and `test` run in a virtual environment of this machine",
            install,
        )
    } else {
        Finding::new(
            Weight::Stops,
            "there is neither a container engine that can be used nor Python, so nothing can run",
            install,
        )
    });
    findings
}

/// Room that images and runs need at the least.
const LITTLE: u64 = 5 << 30;
const NONE: u64 = 200 << 20;

/// A disk by what lies on it, and the bytes that are free there.
pub fn disk(what: &str, free: u64) -> Option<Finding> {
    let weight = match free {
        ..NONE => Weight::Stops,
        NONE..LITTLE => Weight::Problem,
        _ => return None,
    };
    Some(Finding::new(weight, format!("{} MiB are left on the disk of {what}", free >> 20), Some("scaf gc")))
}

/// The worst first; of equal ones in the order in which they were found.
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.weight);
    findings
}

/// Whether something can run.
pub fn can_run(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.weight != Weight::Stops)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded() -> GpuFacts {
        GpuFacts { driver: Driver::Loaded, gpus: 2, on_the_bus: true, ..GpuFacts::default() }
    }

    fn way_out(facts: &GpuFacts) -> (GpuState, String) {
        let (state, finding) = gpus(facts);
        (state, finding.and_then(|finding| finding.way_out).unwrap_or_default())
    }

    #[test]
    fn the_driver_comes_first() {
        let driver = |driver| GpuFacts { driver, ..loaded() };
        assert_eq!(way_out(&GpuFacts::default()), (GpuState::NoGpu, String::new()));
        assert_eq!(gpus(&driver(Driver::None)).0, GpuState::NoDriver);
        assert!(way_out(&driver(Driver::None)).1.contains("drivers"));
        assert_eq!(
            way_out(&driver(Driver::NotLoaded)),
            (GpuState::DriverNotLoaded, "sudo modprobe nvidia".to_owned())
        );
        assert_eq!(way_out(&driver(Driver::Mismatch)), (GpuState::DriverMismatch, "sudo reboot".to_owned()));
        assert_eq!(
            way_out(&driver(Driver::Silent("x".to_owned()))),
            (GpuState::DriverSilent, "nvidia-smi".to_owned())
        );
        assert_eq!(gpus(&GpuFacts { gpus: 0, ..loaded() }).0, GpuState::NoGpu);
        assert_eq!(gpus(&loaded()), (GpuState::NoEngine, None));
    }

    #[test]
    fn then_what_docker_knows() {
        let plain = EngineGpuFacts::default();
        let with = |docker: EngineGpuFacts, toolkit, descriptions| GpuFacts {
            docker: Some(docker),
            toolkit,
            descriptions,
            ..loaded()
        };
        let none = Toolkit::default();
        let ctk = Toolkit { ctk: true, hook: false };
        let hook = Toolkit { ctk: true, hook: true };
        assert_eq!(
            way_out(&with(plain.clone(), none, false)),
            (GpuState::NoToolkit, INSTALL_TOOLKIT.to_owned())
        );
        assert_eq!(
            way_out(&with(plain.clone(), ctk, false)),
            (GpuState::NotConfigured, CONFIGURE.to_owned())
        );
        let (state, finding) = gpus(&with(plain.clone(), hook, false));
        assert_eq!((state, finding.unwrap().weight), (GpuState::NotConfigured, Weight::Note));
        let cdi = EngineGpuFacts { knows_descriptions: true, ..plain.clone() };
        assert_eq!(way_out(&with(cdi.clone(), ctk, true)), (GpuState::CdiOnly, CONFIGURE.to_owned()));
        let named = EngineGpuFacts { devices: 3, ..cdi };
        assert_eq!(gpus(&with(named, none, false)).0, GpuState::CdiOnly);
        // Descriptions that docker does not read do not help.
        assert_eq!(gpus(&with(plain.clone(), ctk, true)).0, GpuState::NotConfigured);
        let registered = EngineGpuFacts { runtime: true, ..plain };
        assert_eq!(gpus(&with(registered, hook, true)), (GpuState::Well, None));
    }

    #[test]
    fn or_podman() {
        let with = |hears, ctk, descriptions| GpuFacts {
            podman: Some(EngineGpuFacts { hears, ..EngineGpuFacts::default() }),
            toolkit: Toolkit { ctk, hook: false },
            descriptions,
            ..loaded()
        };
        assert_eq!(gpus(&with(false, true, true)).0, GpuState::EngineTooOld);
        assert_eq!(gpus(&with(true, true, true)), (GpuState::Well, None));
        assert_eq!(way_out(&with(true, true, false)), (GpuState::NoDescriptions, DESCRIBE.to_owned()));
        assert_eq!(gpus(&with(true, false, false)).0, GpuState::NoToolkit);
    }

    #[test]
    fn something_must_be_able_to_run() {
        let usable = EngineState::Usable { doubt: None };
        let broken = EngineState::Broken { what: "no permission".to_owned(), way_out: Some("x".to_owned()) };
        let remote = EngineState::Remote { reason: "ssh".to_owned() };
        assert!(
            engines(&[("docker", usable.clone()), ("podman", EngineState::NotInstalled)], true, None)
                .is_empty()
        );
        // One that works is enough.
        assert!(engines(&[("docker", usable), ("podman", broken.clone())], true, None).is_empty());
        let findings =
            engines(&[("docker", broken.clone()), ("podman", EngineState::NotInstalled)], true, None);
        assert_eq!(findings[0].weight, Weight::Problem);
        assert!(can_run(&findings));
        let findings = engines(&[("docker", remote)], true, None);
        assert!(findings[0].what.contains("another machine") && !can_run(&findings));
        let findings = sorted(engines(&[("docker", broken.clone())], false, None));
        assert_eq!(findings[0].weight, Weight::Stops);
        assert!(!can_run(&findings));
        let doubt = EngineState::Usable { doubt: Some("another kernel".to_owned()) };
        assert_eq!(engines(&[("docker", doubt)], true, None)[0].weight, Weight::Note);
        // An engine that must do it.
        assert!(!can_run(&engines(&[("docker", broken.clone())], true, Some("docker"))));
        assert!(!can_run(&engines(&[("podman", EngineState::NotInstalled)], true, Some("podman"))));
        assert!(engines(&[("docker", broken)], true, Some("host")).is_empty());
    }

    #[test]
    fn room() {
        assert_eq!(disk("the project", 1 << 40), None);
        assert_eq!(disk("the project", 1 << 30).unwrap().weight, Weight::Problem);
        assert_eq!(disk("the project", 1 << 20).unwrap().weight, Weight::Stops);
    }
}
