//! What is true of an engine.

use serde::{Deserialize, Serialize};

use super::Moby;
use super::address::{Location, Origin, Place};
use super::error::EngineError;
use crate::spec::plan::ContainerEngine;

/// What an engine says when it is greeted: all that the way to a run needs, in one request of a millisecond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    pub engine: ContainerEngine,
    /// As connected to.
    pub address: String,
    /// `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`.
    pub server: String,
    /// The version of the API that is spoken from here on.
    pub api: (u16, u16),
    /// Secrets and cache mounts in builds. Every docker of API 1.39 (18.09) or later has it; podman's
    /// compatible socket takes only the classic builder's calls.
    pub buildkit: bool,
    pub os: String,
}

/// What `doctor` shows and the planner may rest on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    pub greeting: Greeting,
    pub location: Location,
    pub version: String,
    pub buildkit: bool,
    pub rootless: bool,
    pub cgroup_version: String,
    pub storage_driver: String,
    pub os: String,
    pub architecture: String,
    pub kernel: String,
    /// What the engine calls the machine that it runs on.
    pub host: String,
    pub cpus: u64,
    /// Bytes.
    pub memory: u64,
    pub runtimes: Vec<String>,
    pub default_runtime: String,
    /// The toolkit is registered as a runtime. Docker finds it without that, too, where
    /// `nvidia-container-runtime-hook` is on the daemon's PATH, which cannot be asked.
    pub nvidia_runtime: bool,
    /// Folders with device descriptions (CDI); empty where the engine does not know them or does not say.
    pub cdi_dirs: Vec<String>,
    /// Devices found there (docker 28.2 and later say so).
    pub cdi_devices: Vec<String>,
    pub security_options: Vec<String>,
    pub registry_mirrors: Vec<String>,
    pub http_proxy: String,
    pub https_proxy: String,
    pub no_proxy: String,
    pub warnings: Vec<String>,
}

impl Moby {
    /// One request of 10 to 40 ms (docker 20.10 starts `runc --version` and others to answer it), so
    /// not for the way to a run.
    pub fn facts(&self) -> Result<EngineFacts, EngineError> {
        let info = self.wait(async {
            let value = self.get_json("/info", "tell about itself").await?;
            Ok::<_, EngineError>(value)
        })??;
        let text = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
        let texts = |value: &serde_json::Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let mut runtimes: Vec<String> =
            info["Runtimes"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
        runtimes.sort();
        let security_options = texts(&info["SecurityOptions"]);
        let host = text("Name");
        let kernel = text("KernelVersion");
        let greeting = self.greeting().clone();
        Ok(EngineFacts {
            location: self.location(&host, &kernel),
            version: text("ServerVersion"),
            buildkit: greeting.buildkit,
            rootless: security_options.iter().any(|option| option.contains("rootless"))
                || info["Rootless"].as_bool().unwrap_or(false),
            cgroup_version: text("CgroupVersion"),
            storage_driver: text("Driver"),
            os: text("OperatingSystem"),
            architecture: text("Architecture"),
            kernel,
            host,
            cpus: info["NCPU"].as_u64().unwrap_or(0),
            memory: info["MemTotal"].as_u64().unwrap_or(0),
            nvidia_runtime: runtimes.iter().any(|name| name.starts_with("nvidia")),
            runtimes,
            default_runtime: text("DefaultRuntime"),
            cdi_dirs: texts(&info["CDISpecDirs"]),
            cdi_devices: info["DiscoveredDevices"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|device| device["Source"] == "cdi")
                .filter_map(|device| device["ID"].as_str().map(str::to_owned))
                .collect(),
            security_options,
            registry_mirrors: texts(&info["RegistryConfig"]["Mirrors"]),
            http_proxy: text("HttpProxy"),
            https_proxy: text("HttpsProxy"),
            no_proxy: text("NoProxy"),
            warnings: texts(&info["Warnings"]),
            greeting,
        })
    }

    /// A socket may be forwarded from anywhere. What can be known: an engine that runs under another
    /// kernel, or that calls its machine by another name, does not see this machine's folders as they
    /// are here, unless a virtual machine shares them. So that is a doubt, not a verdict.
    fn location(&self, host: &str, kernel: &str) -> Location {
        if let Some(reason) = self.address().elsewhere() {
            return Location::Elsewhere(reason);
        }
        let ours = |file: &str| std::fs::read_to_string(file).map(|text| text.trim().to_owned()).ok();
        if let Some(own) = ours("/proc/sys/kernel/osrelease")
            && own != kernel
        {
            return Location::Doubtful(format!(
                "it runs on `{host}` under kernel {kernel}, this machine's is {own}"
            ));
        }
        if let Some(own) = ours("/proc/sys/kernel/hostname")
            && own != host
        {
            return Location::Doubtful(format!("it calls its machine `{host}`, this one is `{own}`"));
        }
        Location::Here
    }

    /// Without asking: whether somebody pointed to another place than the usual socket, so that
    /// `facts().location` is worth its request before folders are mounted.
    pub fn may_be_elsewhere(&self) -> bool {
        !matches!((&self.address().place, &self.address().origin), (Place::Unix(_), Origin::Default))
    }
}
