//! What settings in YAML imply: Hydra's plugins, kedro's data sets, classes named by their path.

use super::rules::{Needs, Rule, Section, sections};
use crate::project::python::class_paths::class_paths;
use crate::project::python::scan::Implied;

/// What a YAML text implies, line by line, which even a template allows. What a class named by its path needs is never
/// certain: settings hold many a choice that is not taken.
pub fn in_yaml(text: &str) -> Vec<Implied> {
    let mut found: Vec<Implied> = Vec::new();
    let mut add = |section: &Section, rule: &Rule, needs: &Needs, certain, call: &str, line| {
        for any_of in needs {
            let name = format!("{}/{}", section.name(), rule.name);
            if !found.iter().any(|it| it.rule == name && it.distributions == *any_of) {
                found.push(Implied {
                    distributions: any_of.clone(),
                    rule: name,
                    why: rule.why.clone(),
                    about: section.libraries(),
                    versions: rule.versions.clone(),
                    call: call.to_owned(),
                    line,
                    column: 1,
                    in_function: false,
                    certain,
                });
            }
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim().trim_start_matches("- ").trim_start();
        let Some((key, value)) = line.split_once(':') else { continue };
        let key = key.trim_matches(['"', '\'', ' ']);
        let key = key.strip_prefix("override ").unwrap_or(key).trim_start_matches('/');
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        for section in sections("(yaml)") {
            for rule in section.rules.iter().filter(|rule| rule.words.iter().any(|word| word == key)) {
                if let Some(needs) = rule.literal_for(value) {
                    add(section, rule, needs, rule.certain, &format!("{key}: {value}"), number);
                }
            }
        }
    }
    for class in class_paths(text) {
        for section in sections(class.path.split('.').next().unwrap_or_default()) {
            for (rule, needs) in section.used(&class.path) {
                add(section, rule, needs, false, &class.path, class.line);
            }
        }
    }
    found.sort_by_key(|implied| implied.line);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn implied(text: &str) -> Vec<String> {
        let shown = |it: &Implied| {
            format!("{} {}{}", it.line, it.distributions.join("|"), if it.certain { "" } else { "?" })
        };
        in_yaml(text).iter().map(shown).collect()
    }

    #[test]
    fn plugins_of_hydra() {
        let text = "defaults:\n  - override hydra/job_logging: colorlog\n  - override /hydra/sweeper: optuna # why\n  \
                    - hydra/launcher: basic\nhydra:\n  job_logging:\n    colorlog: x\n";
        assert_eq!(implied(text), ["2 hydra-colorlog", "3 hydra-optuna-sweeper"]);
    }

    #[test]
    fn a_catalog_of_kedro() {
        let text = "raw:\n  type: pandas.CSVDataset\n  filepath: s3://bucket/raw.csv\ncooked:\n  type: pandas.ParquetDataset\n\
                    plot:\n  type: matplotlib.MatplotlibWriter\nother:\n  type: string\n";
        assert_eq!(implied(text), ["2 pandas", "3 s3fs", "5 pyarrow|fastparquet", "7 matplotlib"]);
    }

    #[test]
    fn classes_by_their_path() {
        let text =
            "logger:\n  _target_: lightning.pytorch.loggers.WandbLogger\nx:\n  class_path: torch.nn.Linear\n";
        assert_eq!(implied(text), ["2 wandb?"]);
    }
}
