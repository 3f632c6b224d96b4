//! The settings against the project: tables of experiments that are not there, and what `check.allow` leaves out.

use super::rules::SETTINGS_EXPERIMENT;
use super::{Finding, Project};
use crate::spec::place::near_miss;
use crate::spec::settings::Settings;
use crate::spec::settings::origin::{Origin, SettingsFile};

/// `[experiment."digit"]` where there is no such experiment. The user's own file may mean another project.
pub fn experiments(settings: &Settings, project: &Project, findings: &mut Vec<Finding>) {
    let names = || project.experiments.iter().map(|tree| tree.name.as_str());
    for (name, origin) in settings.experiments() {
        let Origin::File { which: SettingsFile::Project | SettingsFile::Local, file, line, .. } = origin
        else {
            continue;
        };
        if names().any(|known| known == name) {
            continue;
        }
        findings.push(Finding::new(
            &SETTINGS_EXPERIMENT,
            file,
            (u32::try_from(line).unwrap_or(u32::MAX), 1),
            format!("`[experiment.\"{name}\"]` is for an experiment that is not there"),
            match near_miss(&name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "correct the name, or take the table out".to_owned(),
            },
        ));
    }
}

/// Whether the settings allow a finding: those of the experiment that it is in, else the project's.
pub fn allowed(settings: &Settings, project: &Project, finding: &Finding) -> bool {
    let inside = |name: &str| {
        let own = finding.file.strip_prefix(&project.code).and_then(|rest| rest.strip_prefix('/'));
        own.and_then(|own| own.strip_prefix(name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let allow = match project.experiments.iter().find(|tree| inside(tree.name.as_str())) {
        Some(tree) => settings.for_experiment(tree.name.as_str()).check.allow,
        None => settings.check.allow.clone(),
    };
    allow.iter().any(|rule| rule == finding.rule)
}
