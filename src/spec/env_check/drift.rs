//! The environment in use against the one that is pinned.

use super::{Finding, Ground, Rule, Where};
use crate::project::layout::ENVIRONMENT;
use crate::project::python::version;
use crate::spec::dockerfile::{Dockerfile, python_version};
use crate::spec::pinned::DOCKERFILE;

pub(super) fn python(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let facts = ground.facts;
    let (Some((major, minor)), Some(text)) = (facts.interpreter, &facts.pinned.dockerfile) else { return };
    let Some(image) = python_version(text) else { return };
    let own = format!("{major}.{minor}");
    if image == own {
        return;
    }
    let line =
        Dockerfile::read(text, &std::collections::BTreeMap::new()).stages.last().map_or(1, |it| it.line);
    let place = Where::at(format!("{ENVIRONMENT}/{DOCKERFILE}"), line);
    let message = format!("the image has Python {image}, and the Python in use is {own}");
    found.push(Finding::new(Rule::OtherPython, "python", place, message));
}

pub(super) fn versions(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let Some(installed) = ground.facts.installed else { return };
    for (name, pin) in &ground.exact {
        let Some(there) = installed.get(name) else { continue };
        if !version::same(there.version, &pin.version) {
            let message = format!(
                "`{}` is {} in the Python in use, and pinned as {}",
                there.name, there.version, pin.version
            );
            found.push(Finding::new(Rule::Drift, there.name, Where::at(&pin.file, pin.line), message));
        }
    }
}
