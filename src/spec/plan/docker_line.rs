//! A container or a build as the `docker …` line that does the same. The twin test creates each
//! container both ways and compares what `inspect` says.

use std::collections::BTreeMap;
use std::path::Path;

use crate::spec::container::{Container, Device, EnvValue, Port, Ulimit};
use crate::spec::gpu::GpuRequest;
use crate::spec::image::{ArgValue, ImageBuild};
use crate::spec::mount::{Access, Mount};
use crate::spec::secret::{BuildSecret, SecretSource};

/// `docker run …` as words.
pub fn run(client: &str, container: &Container) -> Vec<String> {
    let Container {
        name,
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
    let mut line = Line(vec![client.to_owned(), "run".to_owned()]);
    line.flag("--rm", *remove);
    line.flag("--init", *init);
    line.flag("--interactive", *stdin);
    line.flag("--tty", *tty);
    line.option("--name", name);
    for (key, value) in labels {
        line.option("--label", &format!("{key}={value}"));
    }
    line.maybe("--user", user.as_deref());
    for group in groups {
        line.option("--group-add", group);
    }
    if !workdir.is_empty() {
        line.option("--workdir", workdir);
    }
    env_words(&mut line, env);
    for Mount { source, target, access } in mounts {
        let read_only = if *access == Access::ReadOnly { ",readonly" } else { "" };
        // A comma ends a field of --mount, and a quote protects it (the value is one CSV line).
        let field = |key: &str, value: &str| {
            let text = format!("{key}={value}");
            if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        };
        let source = field("source", &source.to_string_lossy());
        let target = field("target", target);
        line.option("--mount", &format!("type=bind,{source},{target}{read_only}"));
    }
    for port in ports {
        line.option("--publish", &publish(port));
    }
    if let Some(gpus) = gpus {
        line.option("--gpus", &gpu_word(gpus));
    }
    if let Some(bytes) = shm_size {
        line.option("--shm-size", &bytes.to_string());
    }
    if let Some(bytes) = memory {
        line.option("--memory", &bytes.to_string());
    }
    if let Some(nano) = nano_cpus {
        line.option("--cpus", &decimal_cpus(*nano));
    }
    for Ulimit { name, soft, hard } in ulimits {
        line.option("--ulimit", &format!("{name}={soft}:{hard}"));
    }
    for Device { host, inside, permissions } in devices {
        line.option("--device", &format!("{host}:{inside}:{permissions}"));
    }
    for name in cdi_devices {
        line.option("--device", name);
    }
    for capability in cap_add {
        line.option("--cap-add", capability);
    }
    for option in security_opt {
        line.option("--security-opt", option);
    }
    for host in add_host {
        line.option("--add-host", host);
    }
    line.maybe("--network", network.as_deref());
    line.maybe("--ipc", ipc.as_deref());
    // The client takes one word as the entry point; what follows it goes before the command.
    let mut before = Vec::new();
    match entrypoint.as_deref() {
        None => {}
        Some([]) => line.option("--entrypoint", ""),
        Some([first, rest @ ..]) => {
            line.option("--entrypoint", first);
            before.extend_from_slice(rest);
        }
    }
    line.0.push(image.clone());
    line.0.extend(before);
    line.0.extend(command.iter().cloned());
    line.0
}

/// `docker build …` as words; the Dockerfile's text is on standard input where scaf changes it.
pub fn build(client: &str, build: &ImageBuild) -> Vec<String> {
    let (buildx, text) = (build.needs_buildkit_client(), build.text_for_client());
    let ImageBuild {
        tag,
        context,
        dockerfile,
        text: _,
        plain: _,
        args,
        labels,
        secrets,
        network,
        pull,
        no_cache,
        builder: _,
    } = build;
    let mut line = Line(vec![client.to_owned()]);
    if buildx && client == "docker" {
        line.0.push("buildx".to_owned());
        line.0.push("build".to_owned());
        line.0.push("--load".to_owned());
    } else {
        line.0.push("build".to_owned());
    }
    line.option("--tag", tag);
    for (key, value) in args {
        match value {
            ArgValue::Plain(value) => line.option("--build-arg", &format!("{key}={value}")),
            // The name alone: the client takes the value from its own environment.
            ArgValue::FromHost => line.option("--build-arg", key),
        }
    }
    for (key, value) in labels {
        line.option("--label", &format!("{key}={value}"));
    }
    for BuildSecret { id, source, target: _, env: _ } in secrets {
        let source = match source {
            SecretSource::Env(name) => format!("env={name}"),
            SecretSource::File(path) => format!("src={}", path.display()),
            // The shell makes it first, into a variable.
            SecretSource::Recipe(_) => format!("env={}", secret_variable(id)),
        };
        line.option("--secret", &format!("id={id},{source}"));
    }
    line.maybe("--network", network.as_deref());
    line.flag("--pull", *pull);
    line.flag("--no-cache", *no_cache);
    if text.is_some() {
        line.option("--file", "-");
    } else if dockerfile != "Dockerfile" {
        line.option("--file", &context.join(dockerfile).to_string_lossy());
    }
    line.0.push(context.to_string_lossy().into_owned());
    line.0
}

/// The variable in which a printed build carries a secret that is made for it.
pub fn secret_variable(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, name: &str, on: bool) {
        if on {
            self.0.push(name.to_owned());
        }
    }

    fn option(&mut self, name: &str, value: &str) {
        self.0.push(name.to_owned());
        self.0.push(value.to_owned());
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.option(name, value);
        }
    }
}

fn env_words(line: &mut Line, env: &BTreeMap<String, EnvValue>) {
    let files: BTreeMap<usize, &Path> = env
        .values()
        .filter_map(|value| match value {
            EnvValue::FromFile { path, nth } => Some((*nth, path.as_path())),
            EnvValue::Plain(_) | EnvValue::FromHost | EnvValue::Prefix(_) => None,
        })
        .collect();
    for path in files.values() {
        line.option("--env-file", &path.to_string_lossy());
    }
    for (name, value) in env {
        match value {
            EnvValue::Plain(value) | EnvValue::Prefix(value) => {
                line.option("--env", &format!("{name}={value}"));
            }
            // The name alone: the client takes the value from its own environment.
            EnvValue::FromHost => line.option("--env", name),
            EnvValue::FromFile { .. } => {}
        }
    }
}

fn publish(Port { host_ip, host, inside, protocol }: &Port) -> String {
    let host = host.map(|port| port.to_string()).unwrap_or_default();
    let protocol = if protocol == "tcp" { String::new() } else { format!("/{protocol}") };
    if host_ip.is_empty() && host.is_empty() {
        format!("{inside}{protocol}")
    } else if host_ip.is_empty() {
        format!("{host}:{inside}{protocol}")
    } else {
        let ip = if host_ip.contains(':') { format!("[{host_ip}]") } else { host_ip.clone() };
        format!("{ip}:{host}:{inside}{protocol}")
    }
}

fn gpu_word(request: &GpuRequest) -> String {
    match request {
        // The value is one CSV line, so a list needs quotes of its own.
        GpuRequest::Devices(_) => format!("\"{request}\""),
        GpuRequest::All | GpuRequest::Count(_) | GpuRequest::Free(_) => request.to_string(),
    }
}

fn decimal_cpus(nano: i64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
