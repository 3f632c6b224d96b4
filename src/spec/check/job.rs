//! Job files: what they name is there, what they use is defined.

use super::job_text::{self, Value};
use super::rules::{JOB_FILE_MISSING, JOB_INPUT_UNDEFINED, SYNTAX};
use super::{Finding, Project, Tree};
use crate::project::layout::COMMON;
use crate::project::links::{self, State, landing};

/// What starts a script. `python -m` and `python -c` start something else.
const LAUNCHERS: [&str; 7] = ["accelerate", "bash", "deepspeed", "horovodrun", "mpirun", "sh", "torchrun"];

/// Whether a file at the top of an experiment is a job file: by its name, or by what it says of itself.
pub fn is_job_file(path: &str, text: &str) -> bool {
    matches!(path, "job.yaml" | "job.yml" | "azure-ml-job.yaml" | "azure-ml-job.yml")
        || text.contains("azuremlschemas")
}

/// What the rules say of one job file of an experiment. `path` is relative to it.
pub fn job(project: &Project, tree: &Tree, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let shown = project.path(&tree.name, path);
    let values = match job_text::values(text) {
        Ok(values) => values,
        Err(error) => {
            let place = (error.line, error.column);
            findings.push(Finding::new(&SYNTAX, shown, place, error.message, "mend it; it is no YAML"));
            return;
        }
    };
    let at = |path: &[&str]| values.iter().find(|value| value.is_at(path));
    if at(&["type"]).is_some_and(|kind| kind.text != "command") {
        // Pipelines and sweeps have rules of their own.
        return;
    }
    let file = File { project, tree, shown: &shown, text };
    let code = at(&["code"]).map(|value| file.folder(value, findings));
    for path in [["environment", "build", "path"].as_slice(), &["build", "path"]] {
        if let Some(value) = at(path)
            && let Some(folder) = file.folder(value, findings)
        {
            let dockerfile = at(&["environment", "build", "dockerfile_path"]);
            let name = dockerfile.map_or("Dockerfile", |value| value.text.as_str());
            let wanted = join(&folder, name);
            // The experiment's own Dockerfile has a rule of its own.
            if wanted.as_deref().is_some_and(|wanted| !file.has(wanted)) && folder != "environment" {
                file.missing(dockerfile.unwrap_or(value), &format!("{}/{name}", value.text), findings);
            }
        }
    }
    if let Some(value) = at(&["environment", "conda_file"])
        && is_local(&value.text)
        && join("", &value.text).is_some_and(|path| !file.has(&path))
    {
        file.missing(value, &value.text, findings);
    }
    if let Some(command) = at(&["command"]) {
        // Without `code` nothing is taken along; with a `code` elsewhere its files are not known here.
        if let Some(Some(code)) = code {
            file.script(command, &code, findings);
        }
    }
    for value in &values {
        file.uses(value, &values, findings);
    }
}

/// The file in hand.
struct File<'a> {
    project: &'a Project,
    tree: &'a Tree,
    shown: &'a str,
    text: &'a str,
}

impl File<'_> {
    /// Whether the experiment has a file or a folder, through links to shared code, too.
    fn has(&self, path: &str) -> bool {
        let tree = self.tree;
        path.is_empty()
            || tree.files.has_file(path)
            || tree.files.has_folder(path)
            || tree.links.contains_key(path)
            || links::above(path).any(|folder| tree.links.contains_key(folder))
            || tree.places.contains_key(path)
            || links::covering(&tree.name, &tree.places, path).is_some_and(|at| {
                links::state(&tree.name, at, &tree.places[at]) == State::Right
                    && path
                        .strip_prefix(COMMON)
                        .is_some_and(|rest| self.project.shared.has(rest.trim_start_matches('/')))
            })
    }

    /// The folder that a value names, relative to the experiment; `None` where it lies elsewhere or is
    /// not there, which is said.
    fn folder(&self, value: &Value, findings: &mut Vec<Finding>) -> Option<String> {
        if !is_local(&value.text) {
            return None;
        }
        let folder = join("", &value.text)?;
        if self.has(&folder) {
            return Some(folder);
        }
        self.missing(value, &value.text, findings);
        None
    }

    fn missing(&self, value: &Value, named: &str, findings: &mut Vec<Finding>) {
        findings.push(Finding::new(
            &JOB_FILE_MISSING,
            self.shown,
            (value.line, value.column),
            format!("`{named}` is not there"),
            "correct the path; it is relative to the job file",
        ));
    }

    /// The scripts that the command starts.
    fn script(&self, command: &Value, code: &str, findings: &mut Vec<Finding>) {
        for script in scripts(&command.text) {
            let Some(path) = join(code, &script) else { continue };
            if self.has(&path) {
                continue;
            }
            let folder = if code.is_empty() { String::new() } else { format!("`{code}` of ") };
            let near = self
                .tree
                .files
                .files()
                .filter(|file| file.ends_with(".py"))
                .map(|file| (strsim::damerau_levenshtein(file, &path), file))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            findings.push(Finding::new(
                &JOB_FILE_MISSING,
                self.shown,
                self.place_in(command, &script),
                format!("the command starts `{script}`, which is not in {folder}`{}`", self.tree.name),
                near.map_or_else(
                    || "correct the name, or add the script; git must not ignore it".to_owned(),
                    |(_, near)| format!("did you mean `{near}`?"),
                ),
            ));
        }
    }

    /// `${{inputs.x}}` that no input defines.
    fn uses(&self, value: &Value, values: &[Value], findings: &mut Vec<Finding>) {
        for (expression, kind, name) in expressions(&value.text) {
            let defined = |other: &&Value| other.path.len() > 1 && other.path[0] == kind;
            if values.iter().filter(defined).any(|other| other.path[1] == name) {
                continue;
            }
            let mut names: Vec<&str> =
                values.iter().filter(defined).map(|other| other.path[1].as_str()).collect();
            names.dedup();
            let near = names
                .iter()
                .map(|other| (strsim::damerau_levenshtein(other, name), other))
                .min()
                .filter(|(distance, _)| *distance <= 2);
            let hint = match near {
                Some((_, near)) => format!("did you mean `{near}`?"),
                None => format!("define `{name}` under `{kind}:`"),
            };
            findings.push(Finding::new(
                &JOB_INPUT_UNDEFINED,
                self.shown,
                self.place_in(value, expression),
                format!("`{expression}` is not defined"),
                hint,
            ));
        }
    }

    /// Where a part of a value stands; the value may go over several lines.
    fn place_in(&self, value: &Value, part: &str) -> (u32, u32) {
        (1..)
            .zip(self.text.lines())
            .skip(value.line.saturating_sub(1) as usize)
            .find_map(|(line, text)| {
                let index = text.find(part)?;
                Some((line, u32::try_from(text[..index].chars().count() + 1).unwrap_or(1)))
            })
            .unwrap_or((value.line, value.column))
    }
}

/// Not an asset of the platform, an address or an absolute path.
fn is_local(path: &str) -> bool {
    !path.contains(':') && !path.starts_with('/') && !path.contains("${{")
}

/// `path` as seen from `folder` of the experiment; `None` where it leads out of it.
fn join(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains("${{") {
        return None;
    }
    let here = if folder.is_empty() { "file".to_owned() } else { format!("{folder}/file") };
    landing(&here, path)
}

/// The scripts that a command line starts, as far as that can be seen.
fn scripts(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in command.split(['\n', ';', '|', '&']) {
        // Words that the shell would not take apart either are nobody's to guess at.
        let Some(words) = shlex::split(line) else { continue };
        let mut words = words.iter().map(String::as_str).skip_while(|word| !is_launcher(word));
        let Some(launcher) = words.next() else { continue };
        let python = is_python(launcher);
        for word in words {
            if python && (word == "-m" || word == "-c") {
                break;
            }
            if word.ends_with(".py") || word.ends_with(".sh") {
                if !word.starts_with('/') && !word.contains('$') {
                    found.push(word.to_owned());
                }
                break;
            }
            // The first plain word after `python` is the script, whatever its name.
            if python && !word.starts_with('-') {
                break;
            }
        }
    }
    found
}

fn is_launcher(word: &str) -> bool {
    LAUNCHERS.contains(&word) || is_python(word)
}

fn is_python(word: &str) -> bool {
    word.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// `${{inputs.x}}` and `${{outputs.x}}`: as written, `inputs` or `outputs`, and the name.
fn expressions(text: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let whole = &rest[start..start + length + 2];
        let inner = whole[3..whole.len() - 2].trim();
        for kind in ["inputs", "outputs"] {
            if let Some(name) = inner.strip_prefix(kind).and_then(|name| name.strip_prefix('.')) {
                let name = name.split('.').next().unwrap_or(name);
                found.push((whole, kind, name));
            }
        }
        rest = &rest[start + length + 2..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_seen_in_commands() {
        let seen = |command| scripts(command).join(" ");
        assert_eq!(seen("python train.py --epochs 3 --config x.py"), "train.py");
        assert_eq!(seen("python3.11 -u ./src/train.py"), "./src/train.py");
        assert_eq!(seen("pip install x && python a.py; bash run.sh | tee log"), "a.py run.sh");
        assert_eq!(seen("torchrun --nproc_per_node 2 train.py --x y.py"), "train.py");
        assert_eq!(seen("python -m pytest tests.py"), "");
        assert_eq!(seen("python -c 'import x.py'"), "");
        assert_eq!(seen("python ${{inputs.script}}.py"), "");
        assert_eq!(seen("python /opt/x.py"), "");
        assert_eq!(seen("echo 'no end"), "");
    }

    #[test]
    fn expressions_are_taken_apart() {
        assert_eq!(
            expressions("a ${{inputs.x}} ${{ outputs.y.path }} ${{search_space.z}} ${{inputs.w"),
            [("${{inputs.x}}", "inputs", "x"), ("${{ outputs.y.path }}", "outputs", "y")]
        );
    }
}
