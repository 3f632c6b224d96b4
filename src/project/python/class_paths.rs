//! Class paths in YAML: imports in disguise, as hydra, Lightning and kedro resolve them.

/// A dotted path to something in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassPath {
    pub path: String,
    /// From 1.
    pub line: u32,
}

/// Keys whose value is such a path whatever it looks like: hydra, Lightning's command line, the many projects that
/// have copied latent diffusion's `instantiate_from_config`.
const SURE: [&str; 5] = ["_target_", "class_path", "target", "_class_", "callable"];
/// Keys that mean a path only where the value is written like one to a class.
const PERHAPS: [&str; 4] = ["type", "class", "cls", "class_name"];

/// Every path in a text, line by line, which even a broken file or a template allows.
pub fn class_paths(text: &str) -> Vec<ClassPath> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let Some((key, value)) = line.split_once(':') else { continue };
        let key = key.trim_matches(['"', '\'', ' ']);
        let is_sure = SURE.contains(&key);
        if !is_sure && !PERHAPS.contains(&key) {
            continue;
        }
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let parts: Vec<&str> = value.split('.').collect();
        let is_path = parts.len() > 1 && parts.iter().all(|part| super::imports::is_identifier(part));
        let is_class = parts.last().is_some_and(|last| last.starts_with(char::is_uppercase));
        if !is_path || !(is_sure || is_class) {
            continue;
        }
        // A short name in kedro's catalog: `pandas.CSVDataset`.
        let is_kedro = key == "type"
            && parts.len() == 2
            && parts.last().is_some_and(|last| last.ends_with("Dataset") || last.ends_with("DataSet"));
        let path = if is_kedro { format!("kedro_datasets.{value}") } else { value.to_owned() };
        found.push(ClassPath { path, line: number });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(u32, String)> {
        class_paths(text).into_iter().map(|found| (found.line, found.path)).collect()
    }

    #[test]
    fn paths_are_told_from_other_values() {
        let text = "opt:\n  _target_: torch.optim.AdamW  # why\n  lr: 0.1\nmodel:\n  - target: \"timm.create_model\"\n\
                    type: string\ntype: app.v1\nclass: my.own.Model\ntarget: build\nurl: a.b.C\n\
                    raw:\n  type: pandas.CSVDataset\n\"class_path\": x.y\n_target_: ${base}.Model\n";
        assert_eq!(
            paths(text),
            [
                (2, "torch.optim.AdamW".to_owned()),
                (5, "timm.create_model".to_owned()),
                (8, "my.own.Model".to_owned()),
                (12, "kedro_datasets.pandas.CSVDataset".to_owned()),
                (13, "x.y".to_owned()),
            ]
        );
    }
}
