//! `scaf check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::cli::args::CheckArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::load;
use crate::spec::check::{Finding, RULES};

pub fn run(context: &Context<'_>, args: CheckArgs) -> Result<u8, Failure> {
    if args.rules {
        return rules(context);
    }
    let project = context.project()?;
    let only = match args.experiment.given() {
        Some(given) => Some(context.experiment_to_look_at(&project, Some(given))?),
        None => None,
    };
    let findings = load::check::findings(&project.layout, &project.settings, only.as_ref())?;
    say(context, &findings, "nothing to complain about")
}

/// The findings; the status is 1 where there are any.
pub fn say(context: &Context<'_>, findings: &[Finding], fine: &str) -> Result<u8, Failure> {
    if context.global.json {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in findings {
            *counts.entry(finding.rule).or_default() += 1;
        }
        context.ui.object(&json!({ "findings": findings, "counts": counts }))?;
    } else if findings.is_empty() {
        context.ui.say(fine);
    } else {
        let mut text = String::new();
        for Finding { file, line, column, rule, message, reason, hint } in findings {
            let _ = writeln!(text, "{file}:{line}:{column}: {rule}: {message}");
            let _ = writeln!(text, "    why: {reason}");
            let _ = writeln!(text, "    way out: {hint}");
        }
        context.ui.data(&text)?;
        let noun = if findings.len() == 1 { "finding" } else { "findings" };
        context.ui.say(&format!("{} {noun}", findings.len()));
    }
    Ok(u8::from(!findings.is_empty()))
}

fn rules(context: &Context<'_>) -> Result<u8, Failure> {
    if context.global.json {
        let rules: Vec<_> = RULES
            .iter()
            .map(|rule| json!({ "name": rule.name, "says": rule.says, "why": rule.why, "way_out": rule.way_out }))
            .collect();
        context.ui.object(&json!({ "rules": rules }))?;
        return Ok(0);
    }
    let mut text = String::new();
    for rule in RULES {
        let _ = writeln!(text, "{}\n    {}", rule.name, rule.says);
    }
    context.ui.data(&text)?;
    Ok(0)
}
