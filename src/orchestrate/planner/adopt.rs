//! `init` inside a project of the ancestor template: what is there stays as it is, and `scaf.toml` says
//! what `config.env` said.

use std::fmt::Write as _;
use std::path::Path;

use super::gitignore;
use crate::project::ancestor::{Ancestor, Value};
use crate::project::layout::{IGNORE, LOCAL_SETTINGS, SETTINGS};
use crate::spec::plan::{Action, IfThere, Plan};

/// What was found in the folder.
pub struct Facts<'a> {
    pub root: &'a Path,
    pub name: &'a str,
    pub ancestor: &'a Ancestor,
    /// The text of `.gitignore`; empty where there is none. `None`: it is no text, and stays as it is.
    pub gitignore: Option<&'a str>,
    /// The text of `.scafignore` in the template of new projects.
    pub scafignore: &'a str,
}

pub fn plan(facts: &Facts<'_>) -> Plan {
    let Facts { root, name, ancestor, gitignore, scafignore } = facts;
    let mut plan =
        Plan::new(format!("scaf init {}: take over a project of the ancestor template", root.display()));
    let why = format!("take over the project `{name}`");
    plan.step(why.clone(), write(root, SETTINGS, settings(name, ancestor), IfThere::Keep));
    plan.step(why.clone(), write(root, IGNORE, (*scafignore).to_owned(), IfThere::Keep));
    if let Some(made) = gitignore.and_then(gitignore::completed_adopted) {
        plan.step(why, write(root, ".gitignore", made.text, IfThere::Replace));
    }
    for note in &ancestor.notes {
        plan.note(note.clone());
    }
    plan
}

fn write(root: &Path, file: &str, content: String, if_there: IfThere) -> Action {
    Action::WriteFile { path: root.join(file), content, executable: false, if_there }
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn settings(name: &str, ancestor: &Ancestor) -> String {
    let mut text = format!(
        "# Settings of the project, taken over from config.env. Personal overrides go into {LOCAL_SETTINGS}.\n\
         # `scaf config` shows every setting, its value, and where it was set.\n\n\
         [project]\nname = {}\n",
        quoted(name)
    );
    text.push_str("# Laid out by another template: names of experiments stay as they are.\nadopted = true\n");
    if let Some(code) = Some(ancestor.code_path()).filter(|code| *code != "src") {
        let _ = writeln!(text, "code = {}", quoted(code));
    }
    text.push_str(
        "\n[data]\n# The ancestor's runs could write into data/; new projects say \"ro\".\nmode = \"rw\"\n",
    );
    let pairs = [("resource_group", &ancestor.resource_group), ("workspace", &ancestor.workspace)];
    if pairs.iter().any(|(_, value)| value.set().is_some()) {
        text.push_str("\n[targets.azureml]\n");
        for (key, value) in pairs {
            let _ = match value {
                Value::Set(value) => writeln!(text, "{key} = {}", quoted(value)),
                Value::Unset | Value::Unfilled(_) => writeln!(text, "# {key} = \"\""),
            };
        }
    } else {
        text.push_str("\n# config.env names no workspace yet.\n# [targets.azureml]\n# resource_group = \"\"\n# workspace = \"\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ancestor::read;
    use crate::spec::plan::shell;

    fn of(config: &str, gitignore: Option<&str>) -> Plan {
        plan(&Facts {
            root: Path::new("/p"),
            name: "digits",
            ancestor: &read(config),
            gitignore,
            scafignore: "*.key\n",
        })
    }

    #[test]
    fn what_is_written() {
        insta::assert_snapshot!(shell::script(&of(
            "WORKSPACE=my \"space\"\nRESOURCE_GROUP=group\nCODE_PATH=./code\nDOCKER_WORKDIR=/work\n",
            Some("data/*\n__pycache__")
        )));
    }

    #[test]
    fn placeholders_are_not_taken_over() {
        let plan =
            of("WORKSPACE=<azure-ml-workspace-name>\nRESOURCE_GROUP=<azure-ml-resource-group>\n", None);
        let Action::WriteFile { content, .. } = &plan.steps[0].action else { panic!() };
        assert!(!content.contains('<'), "{content}");
        // What is written can be read.
        let (_, problems) = crate::spec::settings::read::read(
            crate::spec::settings::origin::SettingsFile::Project,
            "scaf.toml",
            content,
        );
        assert_eq!(problems, []);
    }

    #[test]
    fn a_gitignore_that_is_complete_stays() {
        assert_eq!(of("", Some("/runs/\nscaf.local.toml\n")).steps.len(), 2);
        assert_eq!(of("", Some("")).steps.len(), 3);
        assert_eq!(of("", None).steps.len(), 2);
    }
}
