//! `scaf config`: every setting, its value, and where it was set.

use serde_json::Value;

use crate::cli::args::ConfigArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::table;
use crate::orchestrate::load;
use crate::spec::place::near_miss;
use crate::spec::settings::Settings;
use crate::spec::settings::reference::Entry;

pub fn run(context: &Context<'_>, args: ConfigArgs) -> Result<u8, Failure> {
    let settings = settings(context, args.experiment.as_deref())?;
    let all = settings.entries();
    let entries: Vec<&Entry> = match &args.key {
        None => all.iter().collect(),
        Some(key) => {
            let found: Vec<&Entry> = all
                .iter()
                .filter(|entry| {
                    entry.key == *key
                        || entry.key.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'))
                })
                .collect();
            if found.is_empty() {
                let failure = Failure::user(format!("there is no setting `{key}`"));
                let near = near_miss(key, all.iter().map(|entry| entry.key.as_str())).or_else(|| {
                    all.iter().map(|entry| entry.key.as_str()).find(|name| name.ends_with(&format!(".{key}")))
                });
                return Err(match near {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("`scaf config` lists them"),
                });
            }
            found
        }
    };
    if context.global.json {
        context.ui.object(&serde_json::json!({ "settings": entries }))?;
        return Ok(0);
    }
    // One value alone is for a script to take.
    if let (Some(key), [entry]) = (&args.key, entries.as_slice())
        && entry.key == *key
    {
        context.ui.detail(&format!("set by: {}", entry.origin));
        context.ui.data(&format!("{}\n", shown(&entry.value)))?;
        return Ok(0);
    }
    let rows: Vec<[String; 3]> = entries
        .iter()
        .map(|entry| [entry.key.clone(), shown(&entry.value), entry.origin.to_string()])
        .collect();
    context.ui.data(&table::columns(["SETTING", "VALUE", "SET BY"], &rows))?;
    Ok(0)
}

/// Inside of a project its settings, outside of one those of the user.
fn settings(context: &Context<'_>, experiment: Option<&str>) -> Result<Settings, Failure> {
    if load::experiments::find_project(&context.directory).is_none() && experiment.is_none() {
        let loaded = load::settings::load(None, &context.environment, context.flags())?;
        for warning in &loaded.warnings {
            context.ui.warning(warning);
        }
        return Ok(loaded.settings);
    }
    let project = context.project()?;
    match experiment {
        None => Ok(project.settings),
        Some(given) => {
            let experiment = context.experiment_to_look_at(&project, Some(given))?;
            Ok(context.settings(&project, &experiment))
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
