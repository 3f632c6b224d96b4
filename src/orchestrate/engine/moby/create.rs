//! A container in the words of the engine's API. The twin test holds this together with
//! `spec/plan/docker_line.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, Mount as ApiMount, MountType, PortBinding,
    ResourcesUlimits,
};

use super::surroundings::Surroundings;
use crate::spec::container::{Container, Device, EnvValue, Port, Ulimit};
use crate::spec::gpu::GpuRequest;
use crate::spec::mount::{Access, Mount};

/// The body of `POST /containers/create`. `size` is that of the terminal, columns by rows.
pub(super) fn body(
    container: &Container,
    surroundings: &Surroundings,
    size: Option<(u16, u16)>,
) -> Result<ContainerCreateBody, String> {
    let Container {
        name: _,
        image,
        entrypoint,
        command,
        workdir,
        user,
        groups,
        env,
        labels,
        mounts,
        ports,
        gpus,
        cdi_devices,
        shm_size,
        memory,
        nano_cpus,
        ulimits,
        devices,
        cap_add,
        security_opt,
        add_host,
        network,
        ipc,
        init,
        tty,
        stdin,
        remove,
    } = container;
    let (entrypoint, before) = match entrypoint.as_deref() {
        None => (None, &[][..]),
        // One empty word is how the API is told to clear the image's own.
        Some([]) => (Some(vec![String::new()]), &[][..]),
        // As the client has it, which takes one word: the others go before the command.
        Some([first, rest @ ..]) => (Some(vec![first.clone()]), rest),
    };
    let security = security(security_opt)?;
    let mut requests = Vec::new();
    if let Some(gpus) = gpus {
        requests.push(gpu_request(gpus)?);
    }
    if !cdi_devices.is_empty() {
        requests.push(DeviceRequest {
            driver: Some("cdi".to_owned()),
            count: Some(0),
            device_ids: Some(cdi_devices.clone()),
            capabilities: None,
            options: None,
        });
    }
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let Port { host_ip, host, inside, protocol } = port;
        let binding = PortBinding {
            host_ip: Some(host_ip.clone()),
            host_port: Some(host.map(|port| port.to_string()).unwrap_or_default()),
        };
        bindings.entry(format!("{inside}/{protocol}")).or_default().get_or_insert_default().push(binding);
    }
    let host_config = HostConfig {
        mounts: some(mounts.iter().map(mount).collect()),
        port_bindings: (!bindings.is_empty()).then(|| bindings.clone()),
        device_requests: some(requests),
        devices: some(devices.iter().map(device).collect()),
        shm_size: shm_size.map(number),
        memory: memory.map(number),
        nano_cpus: *nano_cpus,
        ulimits: some(ulimits.iter().map(ulimit).collect()),
        cap_add: some(capabilities(cap_add)),
        security_opt: some(security.options),
        masked_paths: security.open_system_paths.then(Vec::new),
        readonly_paths: security.open_system_paths.then(Vec::new),
        extra_hosts: some(add_host.iter().map(|entry| extra_host(entry)).collect()),
        group_add: some(groups.clone()),
        network_mode: Some(network.clone().unwrap_or_else(|| "default".to_owned())),
        ipc_mode: ipc.clone(),
        init: init.then_some(true),
        auto_remove: Some(*remove),
        console_size: size.map(|(columns, rows)| vec![usize::from(rows), usize::from(columns)]),
        ..HostConfig::default()
    };
    Ok(ContainerCreateBody {
        image: Some(image.clone()),
        entrypoint,
        cmd: some(before.iter().chain(command).cloned().collect()),
        working_dir: Some(workdir.clone()),
        user: user.clone(),
        env: some(environment(env, surroundings)),
        labels: Some(labels.clone().into_iter().collect()),
        exposed_ports: some(bindings.into_keys().collect()),
        tty: Some(*tty),
        open_stdin: Some(*stdin),
        stdin_once: Some(*stdin),
        attach_stdin: Some(*stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    })
}

/// An absent list and an empty one mean the same; absent is what the client sends.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn environment(env: &BTreeMap<String, EnvValue>, surroundings: &Surroundings) -> Vec<String> {
    let word = |(name, value): (&String, &EnvValue)| match value {
        // There is nothing of this machine to stand in front of.
        EnvValue::Plain(value) | EnvValue::Prefix(value) => format!("{name}={value}"),
        // A name alone takes the variable out, the image's own, too: what is not set here is not set there.
        // What is in a file was read before.
        EnvValue::FromHost | EnvValue::FromFile { .. } => {
            surroundings.raw(name).map_or_else(|| name.clone(), |value| format!("{name}={value}"))
        }
    };
    env.iter().map(word).collect()
}

fn mount(Mount { source, target, access }: &Mount) -> ApiMount {
    ApiMount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.clone()),
        read_only: (*access == Access::ReadOnly).then_some(true),
        ..ApiMount::default()
    }
}

fn device(Device { host, inside, permissions }: &Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(host.clone()),
        path_in_container: Some(inside.clone()),
        cgroup_permissions: Some(permissions.clone()),
    }
}

fn ulimit(Ulimit { name, soft, hard }: &Ulimit) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(*soft), hard: Some(*hard) }
}

/// Exactly what `docker run --gpus …` sends (28.2).
fn gpu_request(request: &GpuRequest) -> Result<DeviceRequest, String> {
    let (count, ids) = match request {
        GpuRequest::All => (-1, None),
        GpuRequest::Count(count) => (i64::from(*count), None),
        GpuRequest::Devices(ids) => (0, Some(ids.clone())),
        GpuRequest::Free(_) => {
            return Err(format!("the GPUs of `--gpus {request}` were not chosen before the container"));
        }
    };
    Ok(DeviceRequest {
        driver: Some(String::new()),
        count: Some(count),
        device_ids: ids,
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        options: Some(HashMap::new()),
    })
}

/// In full and in order, as the client sends them.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = names.iter().map(|name| {
        let name = name.to_uppercase();
        if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
    });
    let list: BTreeSet<String> = full.collect();
    if list.contains("ALL") { vec!["ALL".to_owned()] } else { list.into_iter().collect() }
}

/// The client takes `host=ip`, too; the engine knows `host:ip`.
fn extra_host(entry: &str) -> String {
    match entry.split_once(['=', ':']) {
        Some((host, ip)) => format!("{host}:{}", ip.trim_start_matches('[').trim_end_matches(']')),
        None => entry.to_owned(),
    }
}

struct Security {
    options: Vec<String>,
    /// `systempaths=unconfined`, which the client turns into two empty lists.
    open_system_paths: bool,
}

fn security(options: &[String]) -> Result<Security, String> {
    let mut security = Security { options: Vec::new(), open_system_paths: false };
    for option in options {
        if option == "systempaths=unconfined" {
            security.open_system_paths = true;
        } else if let Some(profile) = option.strip_prefix("seccomp=")
            && !matches!(profile, "unconfined" | "builtin")
        {
            // The client sends the profile's text in place of its path.
            let text = std::fs::read_to_string(profile)
                .map_err(|error| format!("cannot read the seccomp profile `{profile}`: {error}"))?;
            let value: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| format!("the seccomp profile `{profile}` is no JSON: {error}"))?;
            security.options.push(format!("seccomp={value}"));
        } else {
            security.options.push(option.clone());
        }
    }
    Ok(security)
}
