//! What uv is asked for a lock.

use std::collections::BTreeMap;

use super::lock_target::LockTarget;
use crate::project::python::index_option::IndexOption;

/// What it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// As PEP 508 writes them.
    pub requirements: Vec<String>,
    /// What these are must hold, wherever a distribution is needed.
    pub constraints: Vec<String>,
    /// `name==version` of what should be taken if it can be.
    pub preferences: Vec<String>,
    /// Distributions that come from one index and no other, by normalised name.
    pub sources: BTreeMap<String, String>,
    /// Normalised names that are not looked for on any index, whoever asks for them.
    pub never: Vec<String>,
    /// Normalised names of which only wheels are taken: their source archives cannot be built.
    pub unbuilt: Vec<String>,
    /// Distributions that are files of this machine and nothing else, whoever asks for them: normalised name and address.
    pub wheels: BTreeMap<String, String>,
    /// What the user's requirements say of where they come from.
    pub options: Vec<IndexOption>,
    /// Nothing is to be built.
    pub wheels_only: bool,
    /// Every index is looked through, and not only the first that has the name.
    pub any_index: bool,
    /// Not to look for what the requirements need in turn.
    pub no_dependencies: bool,
    pub hashes: bool,
}

impl Question {
    /// uv leaves out a requirement that is overridden by one which holds nowhere.
    pub fn overrides(&self) -> String {
        let never = self.never.iter().map(|name| format!("{name} ; python_version < '0'\n"));
        never.chain(self.wheels.iter().map(|(name, url)| format!("{name} @ {url}\n"))).collect()
    }

    /// As the one file in which a distribution can be given an index that no other is looked for in.
    pub fn pyproject(&self, target: &LockTarget) -> String {
        use toml::{Table, Value};
        let text = |text: &str| Value::String(text.to_owned());
        let mut urls: Vec<&String> = self.sources.values().collect();
        urls.sort();
        urls.dedup();
        let name =
            |url: &String| format!("scaf-{}", urls.iter().position(|own| *own == url).unwrap_or_default());
        let indexes = urls.iter().map(|url| {
            Value::Table(Table::from_iter([
                ("name".to_owned(), text(&name(url))),
                ("url".to_owned(), text(url)),
                ("explicit".to_owned(), Value::Boolean(true)),
            ]))
        });
        let sources = self.sources.iter().map(|(distribution, url)| {
            let index = Table::from_iter([("index".to_owned(), text(&name(url)))]);
            (distribution.clone(), Value::Table(index))
        });
        let uv = Table::from_iter([
            ("index".to_owned(), Value::Array(indexes.collect())),
            ("sources".to_owned(), Value::Table(sources.collect())),
        ]);
        let requirements = self.requirements.iter().map(|line| text(line)).collect();
        let project = Table::from_iter([
            ("name".to_owned(), text("scaf-lock")),
            ("version".to_owned(), text("0")),
            ("requires-python".to_owned(), text(&format!(">={}", target.uv_python()))),
            ("dependencies".to_owned(), Value::Array(requirements)),
        ]);
        let tool = Table::from_iter([("uv".to_owned(), Value::Table(uv))]);
        let all = Table::from_iter([
            ("project".to_owned(), Value::Table(project)),
            ("tool".to_owned(), Value::Table(tool)),
        ]);
        all.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::lock_target::{Platform, Sayings};

    #[test]
    fn two_distributions_of_one_index_and_one_of_another() {
        let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
        let target = LockTarget::choose(Platform::LinuxX86_64, &sayings).0;
        let question = Question {
            requirements: vec!["torch==2.1.0+cu118".to_owned(), "a; python_version > \"3\"".to_owned()],
            sources: [("torch", "https://h/b"), ("torchvision", "https://h/b"), ("x", "https://h/a")]
                .map(|(name, url)| (name.to_owned(), url.to_owned()))
                .into(),
            ..Question::default()
        };
        let table: toml::Table = question.pyproject(&target).parse().unwrap();
        let uv = &table["tool"]["uv"];
        let index = |name: &str| uv["sources"][name]["index"].as_str().unwrap().to_owned();
        assert_eq!(index("torch"), index("torchvision"));
        let url = |name: &str| {
            let all = uv["index"].as_array().unwrap();
            assert_eq!(all.len(), 2);
            let one = all.iter().find(|one| one["name"].as_str() == Some(name)).unwrap();
            assert_eq!(one["explicit"].as_bool(), Some(true));
            one["url"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            (url(&index("torch")), url(&index("x"))),
            ("https://h/b".to_owned(), "https://h/a".to_owned())
        );
        assert_eq!(table["project"]["requires-python"].as_str(), Some(">=3.11.7"));
        assert_eq!(table["project"]["dependencies"].as_array().unwrap().len(), 2);
    }
}
