//! `scaf doctor`: problems first, each with its way out; then what was found.

use std::fmt::Write as _;

use console::Style;

use crate::cli::args::DoctorArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::quantity;
use crate::orchestrate::checkup::{self, Checkup, EngineReport};
use crate::orchestrate::load;
use crate::project::layout::Layout;
use crate::spec::diagnosis::{Finding, GpuState, Weight};
use crate::spec::network::NetworkHelp;
use crate::spec::settings::EngineChoice;

pub fn run(context: &Context<'_>, _args: DoctorArgs) -> Result<u8, Failure> {
    let mut given = Vec::new();
    let root = load::experiments::find_project(&context.directory);
    let mut wanted =
        context.global.engine.map(crate::cli::args::EngineChoice::name).and_then(EngineChoice::parse);
    let layout = root.as_ref().map(|root| match context.project_at(root) {
        Ok(project) => {
            wanted = Some(project.settings.engine.default);
            project.layout
        }
        Err(failure) => {
            // Everything else is still worth a look.
            let way_out = failure.hints.first().map(String::as_str);
            given.push(Finding::new(Weight::Stops, failure.message, way_out));
            Layout::new(root)
        }
    });
    let checkup = checkup::examine(layout.as_ref(), wanted.unwrap_or_default(), &context.environment, given);
    if context.global.json {
        context.ui.object(&checkup)?;
    } else {
        context.ui.data(&page(context, &checkup, layout.as_ref()))?;
    }
    Ok(u8::from(!checkup.can_run))
}

fn page(context: &Context<'_>, checkup: &Checkup, layout: Option<&Layout>) -> String {
    let paint = |style: Style, text: &str| context.ui.paint(style, text);
    let mut text = String::new();
    for Finding { weight, what, way_out } in &checkup.findings {
        let mark = match weight {
            Weight::Stops | Weight::Problem => paint(Style::new().red().bold(), "problem:"),
            Weight::Note => paint(Style::new().yellow().bold(), "note:"),
        };
        let _ = writeln!(text, "{mark} {}", what.replace('\n', "\n  "));
        if let Some(way_out) = way_out {
            let _ = writeln!(text, "  {} {way_out}", paint(Style::new().cyan().bold(), "do:"));
        }
    }
    let verdict = match checkup.findings.first().map(|finding| finding.weight) {
        Some(Weight::Stops) => paint(Style::new().red().bold(), "nothing can run until that is mended"),
        Some(Weight::Problem) => paint(Style::new().yellow().bold(), "runs are possible, with these limits"),
        Some(Weight::Note) | None => paint(Style::new().green().bold(), "runs are possible"),
    };
    let gap = if checkup.findings.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{verdict}");

    let mut section = |title: &str, rows: Vec<(String, String)>| {
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{}", paint(Style::new().bold(), title));
        let width = rows.iter().map(|(key, _)| console::measure_text_width(key)).max().unwrap_or(0);
        for (key, value) in rows {
            let pad = " ".repeat(width - console::measure_text_width(&key));
            let _ = writeln!(text, "  {key}{pad}  {value}");
        }
    };
    section("engines", checkup.engines.iter().map(engine).collect());
    section("GPUs", gpus(checkup));
    section("carried into builds", checkup.network.as_ref().map(network).unwrap_or_default());
    let tool = |found: &Option<String>, used_for: &str| match found {
        Some(found) => found.clone(),
        None => format!("not found (for {used_for})"),
    };
    section(
        "tools",
        checkup.tools.iter().map(|one| (one.name.to_owned(), tool(&one.found, one.used_for))).collect(),
    );
    let mut room: Vec<(String, String)> = checkup
        .sizes
        .iter()
        .filter(|size| size.bytes > 0)
        .map(|size| (size.what.to_owned(), quantity::bytes(size.bytes)))
        .collect();
    room.extend(
        checkup.disks.iter().map(|disk| (format!("free for {}", disk.what), quantity::bytes(disk.free))),
    );
    section("room", room);
    match layout {
        Some(layout) => section("project", vec![("root".to_owned(), layout.root.display().to_string())]),
        None => section("project", vec![("root".to_owned(), "none here (`scaf init` makes one)".to_owned())]),
    }
    text
}

fn engine(report: &EngineReport) -> (String, String) {
    let value = match (&report.facts, &report.trouble) {
        (Some(facts), _) => {
            let mut parts = vec![facts.greeting.address.clone()];
            parts.push(if facts.buildkit { "BuildKit".to_owned() } else { "no BuildKit".to_owned() });
            if !facts.storage_driver.is_empty() {
                parts.push(facts.storage_driver.clone());
            }
            if facts.rootless {
                parts.push("rootless".to_owned());
            }
            parts.push(format!("{} CPUs", facts.cpus));
            if facts.memory > 0 {
                parts.push(quantity::bytes(facts.memory));
            }
            format!("{} ({})", facts.version, parts.join(", "))
        }
        (None, Some(trouble)) => trouble.clone(),
        (None, None) => String::new(),
    };
    (report.name.to_owned(), value)
}

fn gpus(checkup: &Checkup) -> Vec<(String, String)> {
    let Some(survey) = &checkup.gpu.survey else {
        let text = match checkup.gpu.state {
            GpuState::NoGpu => "none",
            _ => "cannot be used (see above)",
        };
        return vec![("NVIDIA".to_owned(), text.to_owned())];
    };
    let mut rows = vec![("driver".to_owned(), format!("{}, CUDA up to {}", survey.driver, survey.cuda))];
    for gpu in &survey.gpus {
        let use_of = gpu.utilisation.map(|percent| format!(", {percent} % busy")).unwrap_or_default();
        let who = match gpu.processes {
            0 => String::new(),
            1 => ", 1 process".to_owned(),
            count => format!(", {count} processes"),
        };
        let idle = if gpu.is_idle() { ", idle" } else { "" };
        rows.push((
            gpu.index.to_string(),
            format!(
                "{}, {} of {} in use{use_of}{who}{idle} ({})",
                gpu.name,
                quantity::bytes(gpu.memory_used),
                quantity::bytes(gpu.memory),
                gpu.uuid
            ),
        ));
    }
    rows
}

/// Names and places only: values may hold passwords.
fn network(help: &NetworkHelp) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for certificates in &help.certificates {
        rows.push((
            "certificates".to_owned(),
            format!(
                "{} ({}, {})",
                certificates.path.display(),
                quantity::bytes(certificates.size),
                certificates.variables.join(", ")
            ),
        ));
    }
    let mut row = |key: &str, there: bool, value: String| {
        if there {
            rows.push((key.to_owned(), value));
        }
    };
    row("pip", help.pip.is_some(), "its configuration, as a secret".to_owned());
    row("uv", help.uv.is_some(), "its configuration, as a secret".to_owned());
    row("netrc", help.netrc.is_some(), "logins for the indexes, as a secret".to_owned());
    row("proxies", !help.proxies.is_empty(), help.proxies.join(", "));
    row("credentials", !help.credentials.is_empty(), format!("in {}", help.credentials.join(", ")));
    rows
}
