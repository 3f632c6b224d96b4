//! The way out of scaf: a Makefile that does the same with docker, make and python alone, and a page about it.

use std::path::{Path, PathBuf};

use super::pins::{JUPYTERLAB, PYTEST};
use crate::spec::gpu::GpuRequest;
use crate::spec::mount::Access;
use crate::spec::plan::{Action, IfThere, Plan};
use crate::spec::settings::{GpuSetting, RunAs, Settings};

const MAKEFILE: &str = include_str!("eject/Makefile.txt");
const PAGE: &str = include_str!("eject/EJECTED.md");

/// What is written, by name.
pub const FILES: [&str; 2] = ["Makefile", "EJECTED.md"];

pub struct Request<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// Where the files go.
    pub output: &'a Path,
    pub settings: &'a Settings,
    /// The first experiment, for the examples.
    pub example: &'a str,
    /// Experiments whose data is elsewhere than the project's, with the path.
    pub own_data: &'a [(String, String)],
    /// Experiments with settings of their own, which a Makefile for all does not know.
    pub own_settings: &'a [String],
}

/// Nothing is ever overwritten.
pub fn plan(request: &Request<'_>) -> Plan {
    let mut plan = Plan::new("scaf eject");
    for (name, text) in FILES.into_iter().zip([makefile(request), page(request)]) {
        let path: PathBuf = request.output.join(name);
        plan.step(
            format!("write {name}"),
            Action::WriteFile { path, content: text, executable: false, if_there: IfThere::Refuse },
        );
    }
    plan
}

fn makefile(request: &Request<'_>) -> String {
    let Request { root, output, settings, example, .. } = request;
    let root = if root == output { "$(CURDIR)".to_owned() } else { literal(&root.to_string_lossy()) };
    let folder = |path: &str| {
        let path = literal(path);
        if path.starts_with('/') { path } else { format!("$(ROOT)/{path}") }
    };
    let mut data = format!("DATA := {}", folder(&settings.data.path));
    if !request.own_data.is_empty() {
        data = format!("DATA_ := {}\n", folder(&settings.data.path));
        for (experiment, path) in request.own_data {
            data.push_str(&format!("DATA_{experiment} := {}\n", folder(path)));
        }
        data.push_str("DATA = $(DATA_$(if $(DATA_$(exp)),$(exp)))");
    }
    let mut more = Vec::new();
    match &settings.engine.gpus {
        // What is wanted where there are any cannot be said to docker.
        GpuSetting::Off | GpuSetting::Optional(_) => {}
        GpuSetting::Required(GpuRequest::Free(_)) => more.push("--gpus all".to_owned()),
        GpuSetting::Required(request @ GpuRequest::Devices(_)) => {
            more.push(format!("--gpus '\"{request}\"'"));
        }
        GpuSetting::Required(request) => more.push(format!("--gpus {request}")),
    }
    if let Some(network) = &settings.engine.network {
        more.push(format!("--network {network}"));
    }
    for word in &settings.run.env {
        more.push(format!("--env {}", shlex::try_quote(word).unwrap_or_default()));
    }
    let user = match settings.engine.user {
        RunAs::Caller => "--user \"$$(id -u):$$(id -g)\"",
        RunAs::Image => "",
    };
    let azure = settings.targets.values().find(|target| target.kind == "azureml");
    let mut job = Vec::new();
    if let Some(azure) = azure {
        let mut option = |flag: &str, value: Option<&String>| {
            if let Some(value) = value {
                job.push(format!("{flag} {}", shlex::try_quote(value).unwrap_or_default()));
            }
        };
        option("--workspace-name", azure.workspace.as_ref());
        option("--resource-group", azure.resource_group.as_ref());
        option("--subscription", azure.subscription.as_ref());
    }
    let values = [
        ("@ROOT@", root),
        ("@PROJECT@", slug(&settings.project.name)),
        ("@CODE@", literal(&settings.project.code)),
        ("@DATA@", data),
        ("@DATA_MODE@", if settings.data.mode == Access::ReadOnly { ",readonly" } else { "" }.to_owned()),
        ("@SHM@", settings.engine.shm_size.to_string()),
        ("@SCRIPT@", literal(&settings.run.script)),
        ("@MORE@", literal(&more.join(" "))),
        ("@USER@", user.to_owned()),
        ("@JOB@", literal(&job.join(" "))),
        ("@PYTEST@", PYTEST.plain()),
        ("@JUPYTERLAB@", JUPYTERLAB.plain()),
        ("@EXAMPLE@", (*example).to_owned()),
    ];
    filled(MAKEFILE, &values)
}

fn page(request: &Request<'_>) -> String {
    let own = if request.own_settings.is_empty() {
        String::new()
    } else {
        format!(
            "\nThese experiments have settings of their own in scaf.toml, of which the Makefile knows `data.path` alone: {}.\n",
            request.own_settings.join(", ")
        )
    };
    filled(PAGE, &[("@EXAMPLE@", request.example.to_owned()), ("@OWN@\n", own)])
}

fn filled(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// As a value in a Makefile: `$` begins a variable there, `#` a comment.
fn literal(text: &str) -> String {
    text.replace('$', "$$").replace('#', "\\#")
}

/// A part of an image's name.
fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let plain = plain.trim_matches('-').to_owned();
    if plain.is_empty() { "project".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_plain_in_a_makefile() {
        assert_eq!(literal("a$b#c"), "a$$b\\#c");
        assert_eq!(slug("My Project!"), "my-project");
        assert_eq!(slug("---"), "project");
        for name in ["@ROOT@", "@PROJECT@", "@CODE@", "@DATA@", "@SHM@", "@USER@", "@MORE@"] {
            assert!(MAKEFILE.contains(name), "{name}");
        }
    }
}
