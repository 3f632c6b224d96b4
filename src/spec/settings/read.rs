//! A settings file, read whole: every mistake in it is found, not the first one only.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Scope, TARGET_KEYS};
use super::layer::{Assignment, Layer, Raw, Which};
use super::origin::{Origin, SettingsFile};
use crate::project::name::ExperimentName;
use crate::spec::place::{Problem, Text, near_miss};

/// The assignments of a file, and what is wrong with its form and its keys. Values are looked at when
/// the layers are put together. `file` is its name as shown.
pub fn read(which: SettingsFile, file: &str, content: &str) -> (Layer, Vec<Problem>) {
    let mut text = Text::new(file, content);
    let (table, errors) = DeTable::parse_recoverable(content);
    let mut broken_lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        broken_lines.push(text.position(span.start).line);
        let message = error.message().trim().replace('\n', ", ");
        text.wrong(span, format!("this is not TOML: {message}"), None);
    }
    let syntax = text.problems.len();
    let mut reader = Reader { which, text, layer: Layer::default(), experiment: None };
    reader.root(table.get_ref());
    let Reader { mut text, mut layer, .. } = reader;
    // What the parser made of a broken line would be complained about twice.
    let mut number = 0;
    text.problems.retain(|problem| {
        number += 1;
        number <= syntax || !broken_lines.contains(&problem.position.line)
    });
    layer.assignments.retain(|assignment| !broken_lines.contains(&assignment.position.line));
    (layer, text.into_problems())
}

struct Reader<'a> {
    which: SettingsFile,
    text: Text<'a>,
    layer: Layer,
    experiment: Option<String>,
}

/// A table's entries in the order of the file.
fn entries<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t str, Range<usize>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    entries
}

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>) {
        for (name, span, value) in entries(table) {
            match name {
                "experiment" => self.experiments(span, value),
                "targets" => self.targets(span, value),
                _ => self.section(name, span, value),
            }
        }
    }

    fn table<'t, 'i>(
        &mut self,
        name: &str,
        span: Range<usize>,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let shown = if name.contains(['"', '/']) { name.to_owned() } else { format!("[{name}]") };
            self.text.wrong(
                span,
                format!("`{name}` is a table, and this is {}", raw(value.get_ref()).kind()),
                Some(format!("write `{shown}` on a line of its own, and what belongs to it below")),
            );
        }
        table
    }

    fn experiments(&mut self, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if self.experiment.is_some() {
            self.text.wrong(span, "an experiment's tables have no `experiment` in them", None);
            return;
        }
        let Some(table) = self.table("experiment", span, value) else { return };
        for (name, span, value) in entries(table) {
            if let Err(error) = ExperimentName::parse(name)
                && ExperimentName::adopted(name).is_none()
            {
                self.text.wrong(span.clone(), error.to_string(), error.hint());
            }
            // `[experiment.engine]` is a slip of the pen for `[experiment."name".engine]`.
            if keys::sections().contains(&name) || name == "targets" {
                self.text.wrong(
                    span,
                    format!("`{name}` stands where the name of an experiment belongs"),
                    Some(format!("write `[experiment.\"NAME\".{name}]`")),
                );
                continue;
            }
            let Some(table) = self.table(&format!("experiment.\"{name}\""), span, value) else { continue };
            self.experiment = Some(name.to_owned());
            self.root(table);
            self.experiment = None;
        }
    }

    fn targets(&mut self, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let Some(table) = self.table("targets", span, value) else { return };
        for (target, span, value) in entries(table) {
            if !is_target_name(target) {
                self.text.wrong(
                    span.clone(),
                    format!("`{target}` is no name for a target"),
                    Some("use lower-case letters, digits, `-` and `_`, beginning with a letter".to_owned()),
                );
            }
            if TARGET_KEYS.iter().any(|key| key.name == target) && value.get_ref().as_table().is_none() {
                self.text.wrong(
                    span,
                    format!("`{target}` stands where the name of a target belongs"),
                    Some("write `[targets.NAME]`, e.g. `[targets.azureml]`".to_owned()),
                );
                continue;
            }
            let Some(table) = self.table(&format!("targets.{target}"), span, value) else { continue };
            for (name, span, value) in entries(table) {
                if let Some(key) = TARGET_KEYS.iter().find(|key| key.name == name) {
                    self.assign(Which::Target(key), Some(target), value);
                } else {
                    let names = TARGET_KEYS.iter().map(|key| key.name);
                    let hint = near_miss(name, names.clone()).map_or_else(
                        || format!("a target takes {}", names.collect::<Vec<_>>().join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.text.wrong(
                        span,
                        format!("unknown key `{name}` in `[targets.{target}]`"),
                        Some(hint),
                    );
                }
            }
        }
    }

    fn section(&mut self, section: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if !keys::sections().contains(&section) {
            self.unknown_section(section, span);
            return;
        }
        let Some(table) = self.table(section, span, value) else { return };
        for (name, span, value) in entries(table) {
            match keys::find(&format!("{section}.{name}")) {
                Some(key) if key.scope == Scope::Project && self.misplaced(key.name, span.clone()) => {}
                Some(key) => self.assign(Which::Plain(key), None, value),
                None => self.unknown_key(section, name, span),
            }
        }
    }

    /// A key that says what the project is, in a table of an experiment or in the file of a person.
    fn misplaced(&mut self, name: &str, span: Range<usize>) -> bool {
        let what = if self.experiment.is_some() {
            format!("`{name}` holds for the whole project, not for one experiment")
        } else if self.which == SettingsFile::User {
            format!("`{name}` is said by each project, not by a person for all of them")
        } else {
            return false;
        };
        self.text.wrong(span, what, Some("put it into the project's scaf.toml".to_owned()));
        true
    }

    fn unknown_section(&mut self, name: &str, span: Range<usize>) {
        let sections: Vec<&str> = keys::sections().into_iter().chain(["targets", "experiment"]).collect();
        let hint = match near_miss(name, sections.iter().copied()) {
            Some(near) => format!("did you mean `[{near}]`?"),
            // A key at the top, without its table.
            None => KEYS.iter().find(|key| key.name.ends_with(&format!(".{name}"))).map_or_else(
                || format!("there are {}", sections.join(", ")),
                |key| format!("did you mean `{}`?", key.name),
            ),
        };
        self.text.wrong(span, format!("unknown table or key `{name}`"), Some(hint));
    }

    fn unknown_key(&mut self, section: &str, name: &str, span: Range<usize>) {
        let names: Vec<&str> = KEYS
            .iter()
            .filter_map(|key| key.name.split_once('.'))
            .filter(|(table, _)| *table == section)
            .map(|(_, name)| name)
            .collect();
        let elsewhere =
            KEYS.iter().find(|key| key.name.split_once('.').is_some_and(|(_, last)| last == name));
        let hint = match (near_miss(name, names.iter().copied()), elsewhere) {
            (_, Some(key)) => format!("it belongs elsewhere: `{}`", key.name),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => format!("`[{section}]` takes {}", names.join(", ")),
        };
        self.text.wrong(span, format!("unknown key `{name}` in `[{section}]`"), Some(hint));
    }

    fn assign(&mut self, which: Which, target: Option<&str>, value: &Spanned<DeValue<'_>>) {
        let position = self.text.position(value.span().start);
        self.layer.assignments.push(Assignment {
            which,
            target: target.map(str::to_owned),
            experiment: self.experiment.clone(),
            raw: raw(value.get_ref()),
            origin: Origin::File {
                which: self.which,
                file: self.text.file.to_owned(),
                line: position.line,
                experiment: self.experiment.clone(),
            },
            position,
            source: self.text.line(position.line).to_owned(),
        });
    }
}

fn is_target_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Raw::Integer(number.to_string()),
        DeValue::Float(number) => Raw::Float(number.to_string()),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Datetime(_) => Raw::Date,
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(_) => Raw::Table,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::place::listed;

    fn problems(text: &str) -> String {
        listed(&read(SettingsFile::Project, "scaf.toml", text).1)
    }

    #[test]
    fn all_mistakes_of_a_file_at_once() {
        insta::assert_snapshot!(problems(
            "[project]\nnam = \"x\"\nname = \"y\"\nname = \"z\"\n\n\
             [engin]\ndefault = \"auto\"\n\n[engine]\nmirror = \"r\"\ncolour = 1\ndefault = \n\n\
             [data\nmode = \"rw\"\n\n\
             [experiment.Vision.engine]\nshmsize = \"1g\"\n[experiment.\"a b\".project]\nname = \"x\"\n\
             [experiment.\"a//b\"]\n[experiment.engine]\ndefault = \"host\"\n\
             [targets]\nkind = \"local\"\n[targets.Cloud]\nworkspac = \"w\"\nimage = 1\n",
        ));
    }

    #[test]
    fn scalars_where_tables_belong() {
        insta::assert_snapshot!(problems("engine = \"docker\"\nexperiment = 1\nmirror = \"x\"\nabc = 1\n"));
    }

    #[test]
    fn a_person_cannot_name_all_projects() {
        let (layer, problems) =
            read(SettingsFile::User, "~/.config/scaf/config.toml", "[project]\nname = \"mine\"\n");
        assert_eq!(layer, Layer::default());
        assert_eq!(
            problems[0].what,
            "`project.name` is said by each project, not by a person for all of them"
        );
    }

    #[test]
    fn a_good_file_in_all_its_spellings() {
        let text = "images = { mirror = \"r.example.com\" }\nrun.env = [\"A\"]\n\
                    [experiment.\"a/b\"]\ndata.mode = \"rw\"\n[experiment.c.targets.azureml]\nworkspace = \"w\"\n";
        let (layer, problems) = read(SettingsFile::Project, "scaf.toml", text);
        assert_eq!(problems, []);
        let names: Vec<String> = layer
            .assignments
            .iter()
            .map(|a| format!("{}@{}:{}", a.name(), a.experiment.as_deref().unwrap_or("-"), a.position))
            .collect();
        assert_eq!(
            names,
            [
                "images.mirror@-:1:21",
                "run.env@-:2:11",
                "data.mode@a/b:4:13",
                "targets.azureml.workspace@c:6:13"
            ]
        );
    }
}
