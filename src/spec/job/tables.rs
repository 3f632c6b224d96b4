//! The keys of a command job, table by table, as azure-ai-ml 1.35.2 knows them (`_schema/job/command_job.py`
//! and what it is made of).

use super::schema::{Checker, Field, Shape, Table, join};
use crate::spec::yaml::{Node, Value};

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, required: false, shape }
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, required: true, shape }
}

/// Text, or nothing.
const OPTIONAL_TEXT: Shape = Shape::Special(|checker, key, node| {
    if node.value != Value::Null {
        checker.check(key, node, &Shape::Text);
    }
});

pub const COMMAND: Table = Table {
    fields: &[
        field("type", Shape::Text),
        required("command", Shape::Text),
        required("environment", Shape::Special(environment)),
        field("code", Shape::Special(code)),
        field("inputs", Shape::Special(inputs)),
        field("outputs", Shape::Special(outputs)),
        field("name", Shape::Text),
        field("display_name", Shape::Text),
        field("experiment_name", Shape::Text),
        field("description", Shape::Text),
        field("tags", Shape::Map(&OPTIONAL_TEXT)),
        field("properties", Shape::Map(&OPTIONAL_TEXT)),
        field("environment_variables", Shape::Special(environment_variables)),
        field("compute", Shape::Text),
        field("resources", Shape::Table(&RESOURCES)),
        field("distribution", Shape::Special(distribution)),
        field("limits", Shape::Table(&Table { fields: &[field("timeout", Shape::Integer)], read_only: &[] })),
        field("queue_settings", Shape::Table(&QUEUE_SETTINGS)),
        field("identity", Shape::Special(identity)),
        field("services", Shape::Map(&Shape::Special(service))),
        field("parent_job_name", Shape::Text),
    ],
    read_only: &["$schema", "id", "status", "creation_context", "log_files", "parameters"],
};

const RESOURCES: Table = Table {
    fields: &[
        field("instance_count", Shape::Integer),
        field("instance_type", Shape::Text),
        field("max_instance_count", Shape::Integer),
        field("shm_size", Shape::Text),
        field("docker_args", Shape::Either(&Shape::List(&Shape::Text), &Shape::Text)),
        field("locations", Shape::List(&Shape::Text)),
        field("properties", Shape::Map(&Shape::Whatever)),
    ],
    read_only: &[],
};

const QUEUE_SETTINGS: Table = Table {
    fields: &[
        field("job_tier", Shape::Choice(&["spot", "basic", "standard", "premium", "null"])),
        field("priority", Shape::Choice(&["low", "medium", "high"])),
    ],
    read_only: &[],
};

const BUILD: Table = Table {
    fields: &[field("path", Shape::Special(build_path)), field("dockerfile_path", Shape::Text)],
    read_only: &[],
};

const ROUTE: Table =
    Table { fields: &[required("port", Shape::Integer), required("path", Shape::Text)], read_only: &[] };

const INFERENCE: Table = Table {
    fields: &[
        required("liveness_route", Shape::Table(&ROUTE)),
        required("readiness_route", Shape::Table(&ROUTE)),
        required("scoring_route", Shape::Table(&ROUTE)),
    ],
    read_only: &[],
};

const AUTO_DELETE: Table = Table {
    fields: &[
        field("condition", Shape::CamelChoice(&["created_greater_than", "last_accessed_greater_than"])),
        field("value", Shape::Text),
    ],
    read_only: &[],
};

const ENVIRONMENT: Table = Table {
    fields: &[
        field("image", Shape::Text),
        field("build", Shape::Table(&BUILD)),
        field("conda_file", Shape::Special(conda_file)),
        // Not used where it is given inline.
        field("name", Shape::Whatever),
        field("version", Shape::Whatever),
        field("description", Shape::Text),
        field("tags", Shape::Map(&Shape::Whatever)),
        field("os_type", Shape::Choice(&["linux", "windows"])),
        field("inference_config", Shape::Table(&INFERENCE)),
        field("datastore", Shape::Text),
        field("auto_delete_setting", Shape::Table(&AUTO_DELETE)),
    ],
    read_only: &["id", "creation_context", "latest_version", "intellectual_property"],
};

fn environment(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    if let Some(text) = node.as_text() {
        let problem = if text.starts_with("azureml://registries/") {
            None
        } else if let Some(name) = text.strip_prefix("azureml:") {
            named_asset(name).err()
        } else {
            let hint = if text.contains(['/', ':', '.']) {
                format!("an image is written `environment: {{ image: \"{text}\" }}`")
            } else {
                format!("write `azureml:{text}:VERSION`, or `image:` or `build:` below `{key}:`")
            };
            checker.wrong(node, format!("`{text}` does not begin with `azureml:`"), Some(hint));
            return;
        };
        if let Some(what) = problem {
            checker.wrong(node, format!("`{text}` {what}"), None);
        }
        return;
    }
    if let Some(name) = ["channels", "dependencies"].into_iter().find(|name| node.get(name).is_some()) {
        checker.wrong(
            node,
            format!("`{name}` belongs into a conda file, not into `{key}`"),
            Some("name that file with `conda_file:`".to_owned()),
        );
        return;
    }
    let before = checker.text.problems.len();
    checker.table(key, node, &ENVIRONMENT);
    if checker.text.problems.len() > before {
        return;
    }
    match (node.get("image").and_then(Node::as_text), node.get("build")) {
        (None, None) => checker.wrong(
            node,
            format!("`{key}` needs an `image` or a `build`"),
            Some("`build: { path: ./environment }` takes the experiment's own Dockerfile".to_owned()),
        ),
        (Some(image), Some(_)) if !image.is_empty() => {
            checker.wrong(node, format!("`{key}` has an `image` and a `build`, and one is wanted"), None);
        }
        _ => {}
    }
}

/// What may stand behind `azureml:`.
fn named_asset(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("names nothing")
    } else if name.contains('/') && !name.starts_with('/') && !name.starts_with("subscriptions/") {
        Err("has a `/` in its name; a whole id begins with one")
    } else {
        Ok(())
    }
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = host.split(':').next().unwrap_or("");
    // marshmallow wants a domain with a dot, `localhost` or an address.
    ["http", "https", "ftp", "ftps"].contains(&scheme.to_ascii_lowercase().as_str())
        && !rest.chars().any(char::is_whitespace)
        && (name == "localhost" || name.contains('.') || host.starts_with('['))
}

fn build_path(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    checker.check(key, node, &Shape::Text);
    if node.as_text().is_some_and(|text| !is_url(text)) {
        checker.path(key, node);
    }
}

fn conda_file(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    checker.check(key, node, &Shape::Any);
    checker.path(key, node);
}

fn code(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    checker.check(key, node, &Shape::Text);
    let Some(text) = node.as_text() else { return };
    let elsewhere = text.starts_with("git+")
        || text.starts_with("azureml://registries/")
        || text.starts_with("azureml://feeds/")
        || is_url(text);
    if elsewhere {
        return;
    }
    let Some(name) = text.strip_prefix("azureml:") else {
        checker.path(key, node);
        return;
    };
    if let Err(what) = named_asset(name) {
        checker.wrong(node, format!("`{text}` {what}"), None);
    } else if !name.contains([':', '@']) && !name.contains("/versions/") {
        checker.wrong(node, format!("`{text}` says no version"), Some(format!("write `{text}:VERSION`")));
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn identifier(checker: &mut Checker<'_, '_>, what: &str, name: &str, at: &Node) {
    if !is_identifier(name) {
        let better: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let hint = (name.is_ascii() && is_identifier(&better)).then(|| format!("`{better}` would do"));
        checker.wrong(
            at,
            format!("`{name}` is no name for {what}: letters, digits and `_`, no digit first"),
            hint,
        );
    }
}

const MODEL: [&str; 3] = ["custom_model", "mlflow_model", "triton_model"];
const TABLE: &str = "mltable";
const INPUT_TYPES: [&str; 6] =
    ["uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"];
const INPUT_MODES: [&str; 3] = ["ro_mount", "download", "direct"];
const TABLE_MODES: [&str; 5] = ["ro_mount", "download", "direct", "eval_mount", "eval_download"];
const OUTPUT_MODES: [&str; 4] = ["rw_mount", "mount", "upload", "direct"];

fn inputs(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    for (name, at, value) in checker.pairs(key, node) {
        identifier(checker, "an input", name, at);
        let key = join(key, name);
        match &value.value {
            Value::Switch(_) | Value::Integer(_) | Value::Text(_) => {}
            Value::Float(number) if number.is_finite() => {}
            Value::Map(_) if value.get("value").is_some() => literal(checker, &key, value),
            Value::Map(_) => data(checker, &key, value),
            _ => {
                let hint = match &value.value {
                    Value::Date(text) => Some(format!("put it in quotes: \"{text}\"")),
                    Value::Null => Some("give it a value, or a `path:` below it".to_owned()),
                    _ => None,
                };
                let what = format!(
                    "`{key}` wants a value or a table with `path` and `type`, and this is {}",
                    value.kind()
                );
                checker.wrong(value, what, hint);
            }
        }
    }
}

fn literal(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    for (name, at, value) in checker.pairs(key, node) {
        if name != "value" {
            checker.wrong(at, format!("`{name}` and `value` do not go together in `{key}`"), None);
        } else if matches!(value.value, Value::Null | Value::List(_) | Value::Map(_) | Value::Date(_))
            || matches!(value.value, Value::Float(number) if !number.is_finite())
        {
            checker.wrong(
                value,
                format!("`{key}.value` wants text, a number or a switch, and this is {}", value.kind()),
                None,
            );
        }
    }
}

fn data(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    let kind = node.get("type").and_then(Node::as_text).map(str::to_lowercase);
    let modes: &[&str] = match kind.as_deref() {
        Some(TABLE) | None => &TABLE_MODES,
        Some(_) => &INPUT_MODES,
    };
    let is_model = kind.as_deref().is_some_and(|kind| MODEL.contains(&kind));
    for (name, at, value) in checker.pairs(key, node) {
        let inner = join(key, name);
        match name {
            "type" => checker.check(&inner, value, &Shape::Choice(&INPUT_TYPES)),
            "mode" => {
                let shape = if modes.len() == TABLE_MODES.len() {
                    Shape::Choice(&TABLE_MODES)
                } else {
                    Shape::Choice(&INPUT_MODES)
                };
                checker.check(&inner, value, &shape);
            }
            "path" | "datastore" => checker.check(&inner, value, &Shape::Text),
            "path_on_compute" if !is_model => {
                checker.check(&inner, value, &Shape::Text);
                checker.path(&inner, value);
            }
            _ => checker.unknown(key, name, at, &["type", "path", "mode", "datastore", "value"]),
        }
    }
}

const OUTPUT: Table = Table {
    fields: &[
        field("type", Shape::Choice(&INPUT_TYPES)),
        field("path", Shape::Text),
        field("mode", Shape::Choice(&OUTPUT_MODES)),
        field("name", Shape::Text),
        field("version", Shape::Special(version)),
    ],
    read_only: &["$schema"],
};

fn version(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    if !matches!(node.value, Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Switch(_)) {
        checker.wrong(node, format!("`{key}` wants text or a number, and this is {}", node.kind()), None);
    }
}

fn outputs(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    for (name, at, value) in checker.pairs(key, node) {
        identifier(checker, "an output", name, at);
        if value.value != Value::Null {
            checker.table(&join(key, name), value, &OUTPUT);
        }
    }
}

fn environment_variables(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    let Some(pairs) = node.as_map() else {
        checker.wrong(node, format!("`{key}` wants a table, and this is {}", node.kind()), None);
        return;
    };
    // Azure's package takes anything here and writes it out as Python does.
    for (_, value) in pairs {
        if matches!(value.value, Value::List(_) | Value::Map(_)) {
            checker.wrong(
                value,
                format!("a variable of `{key}` is text, and this is {}", value.kind()),
                None,
            );
        }
    }
}

const DISTRIBUTIONS: [&str; 4] = ["pytorch", "mpi", "tensorflow", "ray"];
const PROCESSES: Table = Table {
    fields: &[
        required("type", Shape::Choice(&DISTRIBUTIONS)),
        field("process_count_per_instance", Shape::Integer),
    ],
    read_only: &[],
};
const TENSORFLOW: Table = Table {
    fields: &[
        required("type", Shape::Choice(&DISTRIBUTIONS)),
        field("parameter_server_count", Shape::Integer),
        field("worker_count", Shape::Integer),
    ],
    read_only: &[],
};
const RAY: Table = Table {
    fields: &[
        required("type", Shape::Choice(&DISTRIBUTIONS)),
        field("port", Shape::Integer),
        field("address", Shape::Text),
        field("include_dashboard", Shape::Switch),
        field("dashboard_port", Shape::Integer),
        field("head_node_additional_args", Shape::Text),
        field("worker_node_additional_args", Shape::Text),
    ],
    read_only: &[],
};

fn distribution(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    let kind = node.get("type").and_then(Node::as_text).map(str::to_lowercase);
    match kind.as_deref() {
        Some("tensorflow") => checker.table(key, node, &TENSORFLOW),
        Some("ray") => checker.table(key, node, &RAY),
        Some("pytorch" | "mpi") => checker.table(key, node, &PROCESSES),
        // The type is what is wrong; which keys belong to it cannot be said.
        Some(_) => {
            if let Some(kind) = node.get("type") {
                checker.check(&join(key, "type"), kind, &Shape::Choice(&DISTRIBUTIONS));
            }
        }
        None if node.as_map().is_some() && node.get("type").is_none() => {
            let hint = format!("one of {}", DISTRIBUTIONS.join(", "));
            checker.wrong(node, format!("`{key}.type` is missing"), Some(hint));
        }
        None => checker.table(key, node, &PROCESSES),
    }
}

const IDENTITIES: [&str; 4] = ["managed", "managed_identity", "aml_token", "user_identity"];
const IDENTITY: Table =
    Table { fields: &[required("type", Shape::CamelChoice(&IDENTITIES))], read_only: &[] };
const MANAGED: Table = Table {
    fields: &[
        required("type", Shape::CamelChoice(&IDENTITIES)),
        field("client_id", Shape::Text),
        field("object_id", Shape::Text),
        field("msi_resource_id", Shape::Text),
    ],
    read_only: &[],
};

fn identity(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    let managed = node
        .get("type")
        .and_then(Node::as_text)
        .is_some_and(|kind| kind.to_lowercase().starts_with("managed"));
    checker.table(key, node, if managed { &MANAGED } else { &IDENTITY });
}

const SERVICE_STATE: [&str; 3] = ["endpoint", "status", "error_message"];

fn service(checker: &mut Checker<'_, '_>, key: &str, node: &Node) {
    let kind = node.get("type").and_then(Node::as_text).map(str::to_lowercase);
    // One key more for two of the types; without a type either of them may be meant, not both.
    let extra: &[&str] = match kind.as_deref() {
        Some("tensor_board") => &["log_dir"],
        Some("ssh") => &["ssh_public_keys"],
        Some(_) => &[],
        None if node.get("log_dir").is_some() => &["log_dir"],
        None => &["ssh_public_keys"],
    };
    for (name, at, value) in checker.pairs(key, node) {
        let inner = join(key, name);
        match name {
            "type" | "nodes" => checker.check(&inner, value, &Shape::Text),
            "port" => checker.check(&inner, value, &Shape::Integer),
            "properties" => {
                if value.as_map().is_none() {
                    checker.wrong(
                        value,
                        format!("`{inner}` wants a table, and this is {}", value.kind()),
                        None,
                    );
                }
            }
            _ if extra.contains(&name) => checker.check(&inner, value, &Shape::Text),
            _ if (SERVICE_STATE.contains(&name) || name == "$schema") && value.value != Value::Null => {}
            _ => {
                let names: Vec<&str> = ["type", "port", "nodes", "properties"]
                    .into_iter()
                    .chain(extra.iter().copied())
                    .collect();
                checker.unknown(key, name, at, &names);
            }
        }
    }
}
