//! A job file, read whole: every mistake in it is found, not the first one only.

use std::collections::BTreeMap;

use super::references::{self, Reference, To};
use super::schema::{Checker, as_integer};
use super::tables::COMMAND;
use super::{
    CommandJob, Data, Distribution, Input, InputValue, Job, JobEnvironment, JobFile, JobFileError, NamedPath,
    Output, Resources, placeholders,
};
use crate::spec::place::{Position, Problem, Text, near_miss};
use crate::spec::yaml::scalar::python_float;
use crate::spec::yaml::{self, Node, Value};

/// Types of jobs that Azure ML has beside `command`.
const OTHER_TYPES: [&str; 7] =
    ["pipeline", "sweep", "automl", "spark", "import", "finetuning", "distillation"];

/// Reads `content`. `overrides` are those of `--set`: (dotted key, value).
pub fn read(file: &str, content: &str, overrides: &[(String, String)]) -> Result<JobFile, JobFileError> {
    let mut text = Text::new(file, content);
    let Some(root) = yaml::read(&mut text) else {
        if text.problems.is_empty() {
            text.wrong_at(Position::default(), "the file is empty", None);
        }
        return Err(JobFileError { problems: text.into_problems() });
    };
    read_root(text, root, overrides)
}

/// The same of a text that is parsed already.
pub fn read_root(
    mut text: Text<'_>,
    mut root: Node,
    overrides: &[(String, String)],
) -> Result<JobFile, JobFileError> {
    if root.as_map().is_none() {
        let what = format!("a job is a table of keys and values, and this is {}", root.kind());
        text.wrong_at(root.position, what, None);
        return Err(JobFileError { problems: text.into_problems() });
    }
    let kind = kind(&mut text, &root, overrides);
    if kind == "command" {
        unknown_inputs(&mut text, &root, overrides);
    }
    for (key, value) in overrides {
        let path: Vec<&str> = key.split('.').collect();
        if !root.set(&path, Node::text(value.clone())) {
            text.wrong_at(
                Position::default(),
                format!("`--set {key}={value}` goes into something that is not a table"),
                None,
            );
        }
    }
    let mut job = Job::Other { kind: kind.clone() };
    if kind == "command" {
        let mut checker = Checker { text: &mut text, paths: Vec::new() };
        checker.table("", &root, &COMMAND);
        let paths = std::mem::take(&mut checker.paths);
        let command = command_job(&mut text, &root, paths);
        job = Job::Command(Box::new(command));
    }
    if !text.problems.is_empty() {
        return Err(JobFileError { problems: text.into_problems() });
    }
    let keys = placeholders::tell(&mut text, &root);
    let placeholders = keys.into_iter().zip(text.into_problems()).collect();
    Ok(JobFile { job, placeholders })
}

/// The job's type; what is no type is told, and then which keys belong to it cannot be said.
fn kind(text: &mut Text<'_>, root: &Node, overrides: &[(String, String)]) -> String {
    if let Some((_, kind)) = overrides.iter().find(|(key, _)| key == "type") {
        return kind.clone();
    }
    let Some(node) = root.get("type") else { return "command".to_owned() };
    match node.as_text() {
        Some(kind) if kind == "command" || OTHER_TYPES.contains(&kind) => return kind.to_owned(),
        Some(kind) => {
            let names = || OTHER_TYPES.into_iter().chain(["command"]);
            let hint = near_miss(kind, names()).map(|name| format!("did you mean `{name}`?"));
            let all = names().collect::<Vec<_>>().join(", ");
            text.wrong_at(node.position, format!("`{kind}` is no type of job: {all}"), hint);
        }
        None => text.wrong_at(node.position, format!("`type` wants text, and this is {}", node.kind()), None),
    }
    "?".to_owned()
}

/// `--set inputs.epoch=8` where the input is called `epochs`: Azure would take it as a new one.
fn unknown_inputs(text: &mut Text<'_>, root: &Node, overrides: &[(String, String)]) {
    let names: Vec<&str> = root
        .get("inputs")
        .and_then(Node::as_map)
        .map(|pairs| pairs.iter().filter_map(|(name, _)| name.as_text()).collect())
        .unwrap_or_default();
    for (key, value) in overrides {
        let Some(name) = key.strip_prefix("inputs.").and_then(|rest| rest.split('.').next()) else {
            continue;
        };
        if !names.contains(&name) {
            let hint = match near_miss(name, names.iter().copied()) {
                Some(near) => Some(format!("did you mean `--set inputs.{near}={value}`?")),
                None if names.is_empty() => None,
                None => Some(format!("there are {}", names.join(", "))),
            };
            text.wrong_at(
                Position::default(),
                format!("`--set {key}={value}`: the job has no input `{name}`"),
                hint,
            );
        }
    }
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_text).map(str::to_owned)
}

/// A scalar as Python's `str()` writes it, which is what Azure puts into commands and variables.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Integer(text) => Some(text.clone()),
        Value::Float(number) => Some(python_float(*number)),
        Value::Switch(true) => Some("True".to_owned()),
        Value::Switch(false) => Some("False".to_owned()),
        Value::Null => Some(String::new()),
        Value::Date(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn lower(node: &Node, key: &str) -> Option<String> {
    text_of(node, key).map(|text| text.to_lowercase())
}

fn command_job(text: &mut Text<'_>, root: &Node, paths: Vec<(String, String, Position)>) -> CommandJob {
    let inputs = named(root, "inputs", |node| input(text, node));
    let outputs = named(root, "outputs", |node| Output {
        position: node.position,
        kind: lower(node, "type"),
        path: text_of(node, "path"),
        mode: lower(node, "mode"),
    });
    let command_node = root.get("command");
    let command = command_node.and_then(Node::as_text).unwrap_or_default().to_owned();
    let mut found = references::find(&command);
    if let Some(node) = command_node {
        place(text, node, &command, &mut found);
    }
    undefined(text, &found, &inputs, &outputs);
    let paths = paths
        .into_iter()
        .map(|(key, path, position)| {
            let source = text.line(position.line).to_owned();
            NamedPath { key, path, position, source }
        })
        .collect();
    let resources = root.get("resources").map(resources).unwrap_or_default();
    CommandJob {
        name: text_of(root, "name"),
        display_name: text_of(root, "display_name"),
        experiment_name: text_of(root, "experiment_name"),
        description: text_of(root, "description"),
        command,
        code: text_of(root, "code"),
        inputs,
        outputs,
        environment: environment(root.get("environment")),
        environment_variables: variables(root.get("environment_variables")),
        compute: text_of(root, "compute"),
        resources,
        distribution: root.get("distribution").and_then(|node| {
            let processes = node.get("process_count_per_instance").and_then(as_integer);
            Some(Distribution { kind: lower(node, "type")?, processes })
        }),
        timeout: root
            .get("limits")
            .and_then(|limits| as_integer(limits.get("timeout")?))
            .and_then(|seconds| u64::try_from(seconds).ok()),
        paths,
        references: found,
    }
}

fn named<T>(root: &Node, key: &str, make: impl Fn(&Node) -> T) -> Vec<(String, T)> {
    root.get(key)
        .and_then(Node::as_map)
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), make(value))))
        .collect()
}

fn input(text: &Text<'_>, node: &Node) -> Input {
    let value = match node.get("value").unwrap_or(node) {
        Node { value: Value::Map(_), .. } => InputValue::Data(Data {
            kind: lower(node, "type"),
            path: text_of(node, "path"),
            mode: lower(node, "mode"),
        }),
        scalar => InputValue::Literal(literal(&scalar.value).unwrap_or_default()),
    };
    let source =
        if node.position.line == 0 { String::new() } else { text.line(node.position.line).to_owned() };
    Input { position: node.position, source, value }
}

fn environment(node: Option<&Node>) -> JobEnvironment {
    let Some(node) = node else { return JobEnvironment::Build { path: None, dockerfile: None } };
    if let Some(name) = node.as_text() {
        return JobEnvironment::Named(name.to_owned());
    }
    match (text_of(node, "image"), node.get("build")) {
        (_, Some(build)) => JobEnvironment::Build {
            path: text_of(build, "path"),
            dockerfile: text_of(build, "dockerfile_path"),
        },
        (image, None) => JobEnvironment::Image {
            image: image.unwrap_or_default(),
            conda: node.get("conda_file").is_some(),
        },
    }
}

fn variables(node: Option<&Node>) -> BTreeMap<String, String> {
    node.and_then(Node::as_map)
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, value)| Some((literal(&name.value)?, literal(&value.value)?)))
        .collect()
}

fn resources(node: &Node) -> Resources {
    let docker_args = match node.get("docker_args").map(|args| &args.value) {
        Some(Value::Text(text)) => vec![text.clone()],
        Some(Value::List(items)) => items.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Resources {
        instance_count: node.get("instance_count").and_then(as_integer),
        shm_size: text_of(node, "shm_size"),
        docker_args,
    }
}

/// Where the references stand in the file. Folding and escapes move letters but not the order of
/// the `${{`, so the nth of the command is the nth of its lines.
fn place(text: &Text<'_>, node: &Node, command: &str, found: &mut [Reference]) {
    let mut places = Vec::new();
    for number in node.position.line..=node.last_line.max(node.position.line) {
        let line = text.line(number);
        let from = if number == node.position.line { node.position.column - 1 } else { 0 };
        let start: usize = line.chars().take(from).map(char::len_utf8).sum();
        for (at, _) in line[start..].match_indices("${{") {
            places.push(Position { line: number, column: line[..start + at].chars().count() + 1 });
        }
    }
    for (reference, (at, _)) in found.iter_mut().zip(command.match_indices("${{")) {
        debug_assert_eq!(reference.range.start, at);
    }
    for (index, reference) in found.iter_mut().enumerate() {
        reference.position = places.get(index).copied().unwrap_or(node.position);
    }
}

fn undefined(
    text: &mut Text<'_>,
    found: &[Reference],
    inputs: &[(String, Input)],
    outputs: &[(String, Output)],
) {
    let inputs: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let outputs: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    for reference in found {
        let (what, name, names) = match &reference.to {
            To::Input(name) => ("input", name, &inputs),
            To::Output(name) => ("output", name, &outputs),
            To::Other(name) if name.starts_with("parent.") => {
                text.wrong_at(
                    reference.position,
                    format!("`${{{{{name}}}}}` is known inside of a pipeline only"),
                    None,
                );
                continue;
            }
            To::Other(_) => continue,
        };
        if names.contains(&name.as_str()) || (reference.optional && what == "input") {
            continue;
        }
        let hint = match (name.split_once('.'), near_miss(name, names.iter().copied())) {
            (Some((first, _)), _) if names.contains(&first) => {
                Some(format!("the whole is its path: `${{{{{what}s.{first}}}}}`"))
            }
            (_, Some(near)) => Some(format!("did you mean `{near}`?")),
            _ => Some(format!("define it below `{what}s:`")),
        };
        text.wrong_at(reference.position, format!("the job has no {what} `{name}`"), hint);
    }
}

/// What a path of a job says, for those who look whether it is there.
pub fn missing(file: &str, named: &NamedPath) -> Problem {
    Problem {
        file: file.to_owned(),
        position: named.position,
        source: named.source.clone(),
        what: format!("`{}` names `{}`, which is not there", named.key, named.path),
        hint: Some("paths are relative to the job file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::place::listed;

    const ARTICLE: &str = "\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
experiment_name: digit_recognition
command: >-
  python train.py
  --data_path ${{inputs.data_path}}
  --epochs ${{inputs.epochs}}
inputs:
  data_path:
    path: azureml:mnist:1
  epochs: 8
  rate: 1.0e-5
  flag: yes
code: .
environment:
  build:
    path: ./environment
compute: azureml:<gpu-cluster>
";

    fn command(content: &str, overrides: &[(&str, &str)]) -> CommandJob {
        let overrides: Vec<_> = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match read("job.yaml", content, &overrides).unwrap().job {
            Job::Command(job) => *job,
            Job::Other { kind } => panic!("{kind}"),
        }
    }

    fn problems(content: &str, overrides: &[(&str, &str)]) -> String {
        let overrides: Vec<_> = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        read("job.yaml", content, &overrides).unwrap_err().to_string()
    }

    #[test]
    fn the_article_s_job() {
        let job = command(ARTICLE, &[]);
        assert_eq!(
            job.command,
            "python train.py --data_path ${{inputs.data_path}} --epochs ${{inputs.epochs}}"
        );
        let value = |name: &str| job.input(name).unwrap().value.clone();
        assert_eq!(value("epochs"), InputValue::Literal("8".into()));
        assert_eq!(value("rate"), InputValue::Literal("1e-05".into()));
        assert_eq!(
            value("data_path"),
            InputValue::Data(Data { kind: None, path: Some("azureml:mnist:1".into()), mode: None })
        );
        assert_eq!(job.references[1].position, Position { line: 6, column: 12 });
        let paths: Vec<_> = job.paths.iter().map(|named| (named.key.as_str(), named.path.as_str())).collect();
        assert_eq!(paths, [("code", "."), ("environment.build.path", "./environment")]);
    }

    #[test]
    fn placeholders_are_told_apart() {
        let file = read("job.yaml", ARTICLE, &[]).unwrap();
        assert_eq!(
            listed(&file.unfilled(|_| true)),
            "job.yaml:17:10: `<gpu-cluster>` is still to be filled in\n    compute: azureml:<gpu-cluster>\n             ^\n    write what is meant, or type `--set compute=…`"
        );
        let filled = read("job.yaml", ARTICLE, &[("compute".to_owned(), "azureml:c".to_owned())]).unwrap();
        assert_eq!(filled.placeholders, []);
        let text = ARTICLE.replace("epochs: 8", "epochs: <how many>");
        let file = read("job.yaml", &text, &[]).unwrap();
        assert_eq!(file.unfilled(|key| key.starts_with("inputs.")).len(), 1, "{text}");
    }

    #[test]
    fn values_are_set_from_outside() {
        let job = command(ARTICLE, &[("inputs.epochs", "1"), ("inputs.data_path.path", "data/mnist")]);
        assert_eq!(job.input("epochs").unwrap().value, InputValue::Literal("1".into()));
        let InputValue::Data(data) = &job.input("data_path").unwrap().value else { panic!() };
        assert_eq!(data.path.as_deref(), Some("data/mnist"));
        insta::assert_snapshot!(problems(
            ARTICLE,
            &[("inputs.epoch", "1"), ("inputs.epochs.x", "1"), ("code.x", "1")]
        ));
    }

    #[test]
    fn other_types_are_not_read() {
        let file = read("job.yaml", "type: pipeline\njobs: {a: <later>}\n", &[]).unwrap();
        assert_eq!(file.job, Job::Other { kind: "pipeline".into() });
        assert_eq!(file.placeholders.len(), 1);
    }

    #[test]
    fn all_mistakes_at_once() {
        insta::assert_snapshot!(problems(
            "comand: a\nname: 1\ncommand: |\n  echo ${{inputs.dat}}\n  cp x ${{outputs.nope}} ${{inputs.data.path}}\n\
             environment:\n  build:\n    pth: x\ninputs:\n  data: { type: folder }\n  b: [1]\n  c-d: 2024-01-01\n\
             resources:\n  instance_count: many\n  gpu: 1\ntags: { a: 1 }\nlimits: 3\ndistribution: {type: horovod}\n\
             identity: {type: root}\nservices: {s: {type: ssh, key: x}}\nqueue_settings: {priority: urgent}\n\
             name: twice\n",
            &[]
        ));
    }

    #[test]
    fn what_is_no_job_at_all() {
        insta::assert_snapshot!(
            ["", "- a\n", "hello\n", "a: [\n", "type: commnd\n", "environment: python:3.12\ncommand: a\n"]
                .map(|content| problems(content, &[]))
                .join("\n\n")
        );
    }

    #[test]
    fn a_file_of_any_shape_is_answered() {
        // Every key of the good file with every kind of value.
        let values = ["", "1", "1.5", "yes", "text", "[1]", "{a: 1}", "2024-01-01", "{type: x}", "{path: 1}"];
        let keys: Vec<&str> = COMMAND.fields.iter().map(|field| field.name).collect();
        for key in keys {
            for value in values {
                let _ = read("job.yaml", &format!("{key}: {value}\n"), &[]);
                let _ = read("job.yaml", &format!("{key}:\n  x: {value}\n"), &[]);
            }
        }
    }
}
