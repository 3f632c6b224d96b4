//! The table of settings as words: the reference page, and what `scaf config` shows.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::keys::{self, KEYS, Scope, TARGET_KEYS};
use super::origin::Origin;
use super::{Settings, TARGET_KINDS};

/// One setting with its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub key: String,
    /// `null` where nothing is set and there is no default of scaf's own.
    pub value: Value,
    pub origin: Origin,
    pub doc: &'static str,
}

impl Settings {
    /// Every setting, its value, and where it was set.
    pub fn entries(&self) -> Vec<Entry> {
        let plain = KEYS.iter().map(|key| Entry {
            key: key.name.to_owned(),
            value: (key.get)(self),
            origin: self.origin_of(key.name).clone(),
            doc: key.doc,
        });
        let targets = self.targets.iter().flat_map(|(name, target)| {
            TARGET_KEYS.iter().map(move |key| {
                let dotted = format!("targets.{name}.{}", key.name);
                Entry {
                    value: (key.get)(target),
                    origin: self.origin_of(&dotted).clone(),
                    key: dotted,
                    doc: key.doc,
                }
            })
        });
        plain.chain(targets).collect()
    }
}

/// Every key and what it takes, for a terminal.
pub fn listing() -> String {
    let mut text = String::new();
    for key in KEYS {
        let _ = writeln!(text, "  {:<28} {}", key.name, key.takes);
    }
    for key in TARGET_KEYS {
        let _ = writeln!(text, "  {:<28} {}", format!("targets.NAME.{}", key.name), key.takes);
    }
    text
}

/// docs/reference/settings.md.
pub fn page() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Generated from `src/spec/settings/keys.rs`; a test holds the two together.\n\n\
         Layers, each later one winning over those before it:\n\n\
         1. the defaults below,\n\
         2. the user's own file, `~/.config/scaf/config.toml` (`$XDG_CONFIG_HOME/scaf/config.toml`),\n\
         3. `scaf.toml` in the project, committed,\n\
         4. `scaf.local.toml` beside it, which git ignores,\n\
         5. the `[experiment.\"path\"]` tables of these files, for that experiment,\n\
         6. the `SCAF_*` variables of the environment (an empty one sets nothing),\n\
         7. flags.\n\n\
         `scaf config` shows every setting, its value and where it was set. A key that is not listed here is an error.\n",
    );
    for section in keys::sections() {
        let _ = write!(page, "\n## `[{section}]`\n\n{}\n", keys::about(section));
        for key in KEYS.iter().filter(|key| key.name.starts_with(&format!("{section}."))) {
            let last = key.name.split_once('.').map_or(key.name, |(_, last)| last);
            entry(&mut page, key.name, last, key.takes, key.default, key.doc, key.example, key.variable);
        }
    }
    let _ = write!(
        page,
        "\n## `[targets.NAME]`\n\n\
         A place that `scaf job --target NAME` hands experiments to. {} are there without being declared.\n",
        TARGET_KINDS.map(|kind| format!("`{kind}`")).join(" and ")
    );
    for key in TARGET_KEYS {
        let name = format!("targets.NAME.{}", key.name);
        entry(&mut page, &name, key.name, key.takes, key.default, key.doc, key.example, key.variable);
    }
    page.push_str(
        "\n## `[experiment.\"path\"]`\n\n\
         Any of the tables above but `[project]`, for the experiment of that path below the code folder:\n\n\
         ```toml\n[experiment.\"vision/digits\"]\ndata.mode = \"rw\"\nengine.gpus = \"optional\"\n```\n",
    );
    let project: Vec<&str> =
        KEYS.iter().filter(|key| key.scope == Scope::Project).map(|key| key.name).collect();
    let _ = write!(
        page,
        "\n{} hold for the whole project and stand in its own files only.\n",
        project.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
    );
    page
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
fn entry(
    page: &mut String,
    name: &str,
    last: &str,
    takes: &str,
    default: &str,
    doc: &str,
    example: &str,
    variable: Option<&str>,
) {
    let variable = variable.map(|name| format!("; variable: `{name}`")).unwrap_or_default();
    // A default that can be typed is shown as code.
    let default = if default.starts_with(['"', '[']) { format!("`{default}`") } else { default.to_owned() };
    let _ = write!(
        page,
        "\n### `{name}`\n\n{doc}\n\nTakes {takes}; default: {default}{variable}.\n\n```toml\n{last} = {example}\n```\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::settings::combine::Layers;
    use crate::spec::settings::layer::Layer;
    use crate::spec::settings::origin::SettingsFile;
    use crate::spec::settings::read::read;

    fn settings(text: &str) -> Settings {
        let (layer, problems) = read(SettingsFile::Project, "scaf.toml", text);
        assert_eq!(problems, [], "{text}");
        Layers::new("", vec![layer], Layer::default(), Layer::default()).unwrap().combine(None)
    }

    #[test]
    fn every_example_sets_its_key_and_nothing_else() {
        for key in KEYS.iter().filter(|key| key.name != "job.target") {
            let set = settings(&format!("{} = {}\n", key.name, key.example));
            for (before, after) in Settings::default().entries().into_iter().zip(set.entries()) {
                assert_eq!(
                    before.value != after.value,
                    after.key == key.name,
                    "{} by {}",
                    after.key,
                    key.name
                );
            }
            assert_eq!(set.origin_of(key.name).to_string(), "scaf.toml:1");
        }
        for key in TARGET_KEYS {
            let set = settings(&format!("targets.local.{} = {}\n", key.name, key.example));
            let name = format!("targets.local.{}", key.name);
            let entry = set.entries().into_iter().find(|entry| entry.key == name).unwrap();
            assert_eq!(entry.origin.to_string(), "scaf.toml:1");
            assert_ne!(entry.value, Value::Null);
        }
        assert_eq!(settings("job.target = \"azureml\"\n").job.target, "azureml");
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        for key in KEYS.iter().filter(|key| key.default.starts_with(['"', '['])) {
            let set = settings(&format!("{} = {}\n", key.name, key.default));
            assert_eq!((key.get)(&set), (key.get)(&Settings::default()), "{}", key.name);
        }
    }

    #[test]
    fn keys_have_docs_and_distinct_variables() {
        let mut variables = Vec::new();
        for key in KEYS {
            assert!(key.doc.ends_with('.'), "{}", key.name);
            if let Some(variable) = key.variable {
                assert!(variable.starts_with("SCAF_"), "{variable}");
                assert!(!variables.contains(&variable), "{variable} twice");
                variables.push(variable);
            }
        }
        for section in keys::sections() {
            assert_ne!(keys::about(section), "", "{section}");
        }
    }
}
