//! Job files: what they name is there, what they use is defined, and the form is Azure ML's.

use super::rules::{JOB_FILE_MISSING, JOB_INPUT_UNDEFINED, JOB_INVALID, SYNTAX};
use super::{Finding, Project, Tree};
use crate::project::layout::{COMMON, ENVIRONMENT};
use crate::project::links::{self, State, landing};
use crate::spec::job::references::{self, To};
use crate::spec::job::{self, read};
use crate::spec::place::{Position, Problem, Text, near_miss};
use crate::spec::yaml::{self, Node, Value};

/// What starts a script. `python -m` and `python -c` start something else.
const LAUNCHERS: [&str; 7] = ["accelerate", "bash", "deepspeed", "horovodrun", "mpirun", "sh", "torchrun"];

/// Whether a file at the top of an experiment is a job file: by its name, or by what it says of itself.
pub fn is_job_file(path: &str, text: &str) -> bool {
    job::FILES.contains(&path) || text.contains("azuremlschemas")
}

/// A script that a job starts, and that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Relative to the experiment.
    pub path: String,
    /// Where the job file names it.
    pub place: (u32, u32),
}

/// A script that is there, and that no bundle takes along.
pub fn left_out(shown: &str, script: &Script) -> Finding {
    Finding::new(
        &JOB_FILE_MISSING,
        shown,
        script.place,
        format!(
            "the command starts `{}`, which `.scafignore` or `.amlignore` leaves out of the bundle",
            script.path
        ),
        "take the rule out, or start another script",
    )
}

/// What the rules say of one job file of an experiment. `path` is relative to it. The scripts that it
/// starts come back, for who can look whether a bundle has them.
pub fn job(
    project: &Project,
    tree: &Tree,
    path: &str,
    content: &str,
    findings: &mut Vec<Finding>,
) -> Vec<Script> {
    let shown = project.path(&tree.name, path);
    let mut text = Text::new(&shown, content);
    let Some(root) = yaml::read(&mut text) else {
        if text.problems.is_empty() {
            text.wrong_at(Position::default(), "the file is empty", None);
        }
        let problems = text.into_problems();
        findings.extend(problems.into_iter().map(|problem| of_problem(&shown, problem, &SYNTAX)));
        return Vec::new();
    };
    if root.get("type").and_then(Node::as_text).is_some_and(|kind| kind != "command") {
        // Pipelines and sweeps have rules of their own, which Azure's client knows.
        return Vec::new();
    }
    let file = File { project, tree, shown: &shown, text: content };
    let code = root.get("code").map(|node| file.folder(node, findings));
    for build in [root.get("environment").and_then(|node| node.get("build")), root.get("build")] {
        let Some(build) = build else { continue };
        let Some(path) = build.get("path") else { continue };
        let Some(folder) = file.folder(path, findings) else { continue };
        let dockerfile = build.get("dockerfile_path");
        let name = dockerfile.and_then(Node::as_text).unwrap_or("Dockerfile");
        // The experiment's own Dockerfile has a rule of its own.
        if folder != ENVIRONMENT && join(&folder, name).is_some_and(|wanted| !file.has(&wanted)) {
            let named = format!("{}/{name}", path.as_text().unwrap_or_default());
            file.missing(dockerfile.unwrap_or(path), &named, findings);
        }
    }
    if let Some(node) = root.get("environment").and_then(|node| node.get("conda_file"))
        && let Some(named) = node.as_text().filter(|named| is_local(named))
        && join("", named).is_some_and(|path| !file.has(&path))
    {
        file.missing(node, named, findings);
    }
    let mut started = Vec::new();
    if let Some(command) = root.get("command") {
        // Without `code` nothing is taken along; with a `code` elsewhere its files are not known here.
        if let Some(Some(code)) = code {
            started = file.scripts(command, &code, findings);
        }
    }
    file.uses(&root, &root, findings);
    if let Err(error) = read::read_root(text, root, &[]) {
        for problem in error.problems {
            // What is undefined is said above, with the place of the reference itself.
            let said = findings.iter().any(|finding| {
                finding.rule == JOB_INPUT_UNDEFINED.name && finding.line == number(problem.position.line)
            });
            if !said {
                findings.push(of_problem(&shown, problem, &JOB_INVALID));
            }
        }
    }
    started
}

fn of_problem(shown: &str, problem: Problem, rule: &'static super::Rule) -> Finding {
    let place = (number(problem.position.line.max(1)), number(problem.position.column.max(1)));
    Finding::new(rule, shown, place, problem.what, problem.hint.unwrap_or_else(|| "mend it".to_owned()))
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The names that a table of the job defines.
fn names<'a>(root: &'a Node, table: &str) -> Vec<&'a str> {
    let pairs = root.get(table).and_then(Node::as_map).unwrap_or_default();
    pairs.iter().filter_map(|(name, _)| name.as_text()).collect()
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
    fn folder(&self, node: &Node, findings: &mut Vec<Finding>) -> Option<String> {
        let named = node.as_text().filter(|named| is_local(named))?;
        let folder = join("", named)?;
        if self.has(&folder) {
            return Some(folder);
        }
        self.missing(node, named, findings);
        None
    }

    fn missing(&self, node: &Node, named: &str, findings: &mut Vec<Finding>) {
        findings.push(Finding::new(
            &JOB_FILE_MISSING,
            self.shown,
            (number(node.position.line), number(node.position.column)),
            format!("`{named}` is not there"),
            "correct the path; it is relative to the job file",
        ));
    }

    /// The scripts that the command starts; what is not there is said.
    fn scripts(&self, command: &Node, code: &str, findings: &mut Vec<Finding>) -> Vec<Script> {
        let mut started = Vec::new();
        for script in scripts(command.as_text().unwrap_or_default()) {
            let Some(path) = join(code, &script) else { continue };
            if self.has(&path) {
                started.push(Script { path, place: self.place_in(command, &script) });
                continue;
            }
            let folder = if code.is_empty() { String::new() } else { format!("`{code}` of ") };
            let mut known: Vec<&str> = self.tree.files.files().filter(|file| file.ends_with(".py")).collect();
            known.sort_unstable();
            findings.push(Finding::new(
                &JOB_FILE_MISSING,
                self.shown,
                self.place_in(command, &script),
                format!("the command starts `{script}`, which is not in {folder}`{}`", self.tree.name),
                near_miss(&path, known).map_or_else(
                    || "correct the name, or add the script; git must not ignore it".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            ));
        }
        started
    }

    /// `${{inputs.x}}` that no input defines, wherever it stands.
    fn uses(&self, root: &Node, node: &Node, findings: &mut Vec<Finding>) {
        let value = match &node.value {
            Value::Text(value) => value,
            Value::Map(pairs) => {
                for (_, value) in pairs {
                    self.uses(root, value, findings);
                }
                return;
            }
            Value::List(items) => {
                for item in items {
                    self.uses(root, item, findings);
                }
                return;
            }
            _ => return,
        };
        for reference in references::find(value) {
            let (table, name) = match &reference.to {
                To::Input(name) => ("inputs", name),
                To::Output(name) => ("outputs", name),
                To::Other(_) => continue,
            };
            // `${{inputs.x.path}}` is a part of `x`.
            let name = name.split('.').next().unwrap_or(name);
            let defined = names(root, table);
            if defined.contains(&name) {
                continue;
            }
            let expression = &value[reference.range];
            findings.push(Finding::new(
                &JOB_INPUT_UNDEFINED,
                self.shown,
                self.place_in(node, expression),
                format!("`{expression}` is not defined"),
                near_miss(name, defined).map_or_else(
                    || format!("define `{name}` under `{table}:`"),
                    |near| format!("did you mean `{near}`?"),
                ),
            ));
        }
    }

    /// Where a part of a value stands; the value may go over several lines.
    fn place_in(&self, node: &Node, part: &str) -> (u32, u32) {
        let Position { line, column } = node.position;
        (1..)
            .zip(self.text.lines())
            .skip(line.saturating_sub(1))
            .take((node.last_line + 1).saturating_sub(line))
            .find_map(|(line, text)| {
                let index = text.find(part)?;
                Some((line, number(text[..index].chars().count() + 1)))
            })
            .unwrap_or((number(line), number(column)))
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
}
