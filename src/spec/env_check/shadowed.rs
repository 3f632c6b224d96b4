//! Modules of the code that are found before what others mean by their name.

use std::collections::BTreeMap;

use super::{Finding, Ground, Rule, Where};
use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::project::python::standard_library;

pub(super) fn shadowed(ground: &Ground<'_>, found: &mut Vec<Finding>) {
    let facts = ground.facts;
    let minor = facts.target.python.minor;
    for (module, file) in facts.modules {
        if let Some(message) = hidden_standard_module(module, file, minor) {
            found.push(Finding::new(Rule::Shadowed, module, Where::at(file, 1), message));
        }
    }
    let mut own: BTreeMap<&str, &str> =
        facts.modules.iter().map(|(module, file)| (module.as_str(), file.as_str())).collect();
    for (module, files) in &facts.detection.local {
        if let Some(file) = files.iter().next() {
            own.entry(module).or_insert(file);
        }
    }
    for (module, file) in own {
        let mut providers = import_names::candidates(module).unwrap_or_default();
        providers.push(module.to_owned());
        let is_pinned = |name: &String| {
            ground.exact.contains_key(name) || ground.asked.iter().any(|asked| asked.name == *name)
        };
        let hidden = providers.iter().map(|name| normalised(name)).find(is_pinned);
        if let Some(hidden) = hidden {
            let message = format!("the code's own `{module}` hides the package `{hidden}`, which is pinned");
            found.push(Finding::new(Rule::Shadowed, hidden, Where::at(file, 1), message));
        }
    }
}

/// What is wrong with a module at the top of an experiment that is called like one of Python's own.
pub fn hidden_standard_module(module: &str, file: &str, minor: u8) -> Option<String> {
    // Python's own tests are nobody's module.
    if module == "test" || !standard_library::contains_in(module, minor) {
        return None;
    }
    Some(if standard_library::comes_first(module) {
        format!("`{file}` is never imported: Python's own `{module}` comes first")
    } else {
        format!("`{file}` hides Python's own `{module}` from every package that imports it")
    })
}
