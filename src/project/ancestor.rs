//! A project of the ancestor template (azureml-scaffolding, eras 1 and 2): a Makefile, a `config.env`
//! that the Makefile includes, and a code folder. `config.env` is make's syntax, not a shell's.

use std::collections::BTreeMap;

/// The file of settings, in the root.
pub const CONFIG: &str = "config.env";
/// What includes it.
pub const MAKEFILE: &str = "Makefile";
/// Where it mounts things when nothing else is said; scaf always does.
pub const WORKDIR: &str = "/mnt";

/// Variables that tell it from any other file of that name.
const TELLING: [&str; 4] = ["CODE_PATH", "DOCKER_WORKDIR", "RESOURCE_GROUP", "WORKSPACE"];

/// What a `config.env` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ancestor {
    /// `CODE_PATH`, without `./` before and `/` behind it.
    pub code: Option<Code>,
    pub workspace: Value,
    pub resource_group: Value,
    /// It sets a variable that only the ancestor's Makefile asks for.
    pub is_certain: bool,
    /// What the reader should know: variables that have no counterpart, lines that are no assignments.
    pub notes: Vec<String>,
}

/// Where the code is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `.` for the project itself.
    pub path: String,
    /// As it stands in the file, on which line.
    pub typed: String,
    pub line: usize,
}

impl Ancestor {
    /// The code folder that it says or means.
    pub fn code_path(&self) -> &str {
        self.code.as_ref().map_or("src", |code| &code.path)
    }
}

/// A value that may never have been filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    #[default]
    Unset,
    /// `<azure-ml-workspace-name>`
    Unfilled(String),
    Set(String),
}

impl Value {
    pub fn set(&self) -> Option<&str> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unset | Self::Unfilled(_) => None,
        }
    }

    fn of(text: Option<&String>) -> Self {
        match text.map(String::as_str) {
            None | Some("") => Self::Unset,
            Some(text) if text.starts_with('<') && text.ends_with('>') => Self::Unfilled(text.to_owned()),
            Some(text) => Self::Set(text.to_owned()),
        }
    }
}

/// Reads a `config.env`.
pub fn read(text: &str) -> Ancestor {
    let mut notes = Vec::new();
    let variables = variables(text, &mut notes);
    let mut made = Ancestor {
        code: None,
        workspace: Value::of(variables.get("WORKSPACE").map(|found| &found.value)),
        resource_group: Value::of(variables.get("RESOURCE_GROUP").map(|found| &found.value)),
        is_certain: TELLING.iter().any(|name| variables.contains_key(*name)),
        notes,
    };
    for (name, Variable { value, typed, line }) in &variables {
        match name.as_str() {
            "WORKSPACE" | "RESOURCE_GROUP" => {}
            "CODE_PATH" if value.is_empty() => {}
            "CODE_PATH" => {
                made.code = Some(Code { path: plain(value), typed: typed.clone(), line: *line });
            }
            "DOCKER_WORKDIR" if value.trim_end_matches('/') == WORKDIR => {}
            "DOCKER_WORKDIR" => {
                made.notes
                    .push(format!("DOCKER_WORKDIR is `{value}`; scaf lays every run out below `{WORKDIR}`"));
            }
            "ISOLATED_RUNS_PATH" => {
                made.notes
                    .push(format!("ISOLATED_RUNS_PATH is `{value}`; scaf keeps runs and bundles in `runs/`"));
            }
            "ACR_NAME" if Value::of(Some(value)) == Value::Unset => {}
            _ => made.notes.push(format!("{name} has no counterpart among scaf's settings")),
        }
    }
    made
}

/// A path without `./` before and `/` behind it.
fn plain(path: &str) -> String {
    let mut path = if path.chars().all(|c| c == '/') { "/" } else { path.trim_end_matches('/') };
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

/// What a variable was set to last.
#[derive(Clone, Debug, Default)]
struct Variable {
    value: String,
    typed: String,
    /// Counts from 1.
    line: usize,
}

fn variables(text: &str, notes: &mut Vec<String>) -> BTreeMap<String, Variable> {
    let mut variables: BTreeMap<String, Variable> = BTreeMap::new();
    for (number, line) in logical_lines(text) {
        let line = uncommented(&line);
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() {
            continue;
        }
        let Some((name, operator, value)) = assignment(line) else {
            notes.push(format!("`{line}` in {CONFIG} is no assignment and was passed over"));
            continue;
        };
        let made =
            Variable { value: unquoted(&expanded(value, &variables)), typed: value.to_owned(), line: number };
        match operator {
            Operator::Set => {
                variables.insert(name.to_owned(), made);
            }
            Operator::SetIfUnset => {
                variables.entry(name.to_owned()).or_insert(made);
            }
            Operator::Append => {
                let old = variables.entry(name.to_owned()).or_default();
                let blank = if old.value.is_empty() { "" } else { " " };
                *old = Variable { value: format!("{}{blank}{}", old.value, made.value), ..made };
            }
        }
    }
    variables
}

/// A backslash at the end of a line continues it; make puts one blank in its place.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let (part, continued) = match line.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(part.trim_start());
            }
            _ => lines.push((number, part.to_owned())),
        }
        open = continued;
    }
    lines
}

/// Up to the first `#` that no backslash protects.
fn uncommented(line: &str) -> String {
    let mut text = String::new();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'#') => {
                text.push('#');
                characters.next();
            }
            '#' => break,
            other => text.push(other),
        }
    }
    text
}

enum Operator {
    Set,
    SetIfUnset,
    Append,
}

fn assignment(line: &str) -> Option<(&str, Operator, &str)> {
    let (left, value) = line.split_once('=')?;
    let (name, operator) = if let Some(name) = left.strip_suffix('?') {
        (name, Operator::SetIfUnset)
    } else if let Some(name) = left.strip_suffix('+') {
        (name, Operator::Append)
    } else {
        (left.trim_end_matches(':'), Operator::Set)
    };
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    fits.then(|| (name, operator, value.trim()))
}

/// `$(NAME)` and `${NAME}` by what was set before, `$$` by one; anything else stays.
fn expanded(value: &str, variables: &BTreeMap<String, Variable>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let close = match after.chars().next() {
            Some('$') => {
                text.push('$');
                rest = &after[1..];
                continue;
            }
            Some('(') => ')',
            Some('{') => '}',
            _ => {
                text.push('$');
                rest = after;
                continue;
            }
        };
        let Some(end) = after.find(close) else {
            text.push('$');
            rest = after;
            continue;
        };
        // What make does not know is nothing.
        text.push_str(variables.get(&after[1..end]).map_or("", |found| &found.value));
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    text
}

/// Make keeps quotes, and the shell that its lines are handed to takes them away.
fn unquoted(value: &str) -> String {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_as_it_is_shipped() {
        let made = read(
            "# Azure ML\nWORKSPACE=<azure-ml-workspace-name>\nRESOURCE_GROUP=<azure-ml-resource-group>\n\n\
             # Folder structure\nCODE_PATH=./src\n\n# Docker\nDOCKER_WORKDIR=/mnt\n",
        );
        assert_eq!(
            made,
            Ancestor {
                code: Some(Code { path: "src".into(), typed: "./src".into(), line: 6 }),
                workspace: Value::Unfilled("<azure-ml-workspace-name>".into()),
                resource_group: Value::Unfilled("<azure-ml-resource-group>".into()),
                is_certain: true,
                notes: Vec::new(),
            }
        );
    }

    #[test]
    fn make_s_syntax() {
        let made = read(
            "ENV := prod   # which one\nexport WORKSPACE ?= \"space-$(ENV)\"\nWORKSPACE ?= other\n\
             RESOURCE_GROUP = group\\#1$$ \\\n  more\nCODE_PATH = ./code/experiments/\nDOCKER_WORKDIR=/work\n\
             ISOLATED_RUNS_PATH=./isolated_runs\nifeq (a,b)\nACR_NAME=\n",
        );
        assert_eq!(made.workspace.set(), Some("space-prod"));
        assert_eq!(made.resource_group.set(), Some("group#1$ more"));
        assert_eq!(made.code_path(), "code/experiments");
        assert_eq!(
            made.notes,
            [
                "`ifeq (a,b)` in config.env is no assignment and was passed over",
                "DOCKER_WORKDIR is `/work`; scaf lays every run out below `/mnt`",
                "ENV has no counterpart among scaf's settings",
                "ISOLATED_RUNS_PATH is `./isolated_runs`; scaf keeps runs and bundles in `runs/`",
            ]
        );
    }

    #[test]
    fn odd_texts_are_read_as_far_as_they_go() {
        for text in ["", "=", "= x", "A", "A=$(", "A=$", "A=${B", "\\", "A=\\", "A=\"", "#", "A+=b\nA+=c"] {
            let _ = read(text);
        }
        assert_eq!(variables("A+=b\nA+=c\nB=$(A)$(NONE)!\n", &mut Vec::new())["B"].value, "b c!");
        // A line is the one that the assignment begins on.
        let code = read("A=1 \\\n 2\n\nCODE_PATH = $(HOME)/src/ \\\n# x\n").code.unwrap();
        assert_eq!((code.path.as_str(), code.typed.as_str(), code.line), ("/src", "$(HOME)/src/", 4));
        assert_eq!(read("CODE_PATH=./").code_path(), ".");
        assert_eq!(read("CODE_PATH=").code_path(), "src");
        assert!(!read("CFLAGS=-O2").is_certain);
    }
}
