//! The one table of settings. The reader, `scaf config`, the environment variables, the JSON and the
//! reference page are all made from it.

use serde_json::{Value, json};

use super::layer::Raw;
use super::{EngineChoice, GpuSetting, RunAs, Settings, TARGET_KINDS, TargetSettings};
use crate::spec::byte_size;
use crate::spec::check::RULES;
use crate::spec::mount::Access;
use crate::spec::place::near_miss;

/// Why a value cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub what: String,
    pub hint: Option<String>,
}

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere, `[experiment."path"]` tables included.
    Any,
    /// In the files of the project only: it says what the project is.
    Project,
}

/// One key: `S` is the struct it sets a field of.
pub struct KeyOf<S: 'static> {
    /// Dotted for a plain key, the last part only for a key of a target.
    pub name: &'static str,
    /// What it takes, as one says it after "wants".
    pub takes: &'static str,
    /// How the default is written in the reference.
    pub default: &'static str,
    pub doc: &'static str,
    pub example: &'static str,
    pub variable: Option<&'static str>,
    pub scope: Scope,
    pub set: fn(&mut S, &Raw) -> Result<(), Wrong>,
    pub get: fn(&S) -> Value,
}

impl<S> std::fmt::Debug for KeyOf<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

pub type Key = KeyOf<Settings>;
pub type TargetKey = KeyOf<TargetSettings>;

/// The key of a dotted name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The tables that hold plain keys, in the order of the reference.
pub fn sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for key in KEYS {
        let section = key.name.split_once('.').map_or("", |(section, _)| section);
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}

/// What each table is about, for the reference.
pub fn about(section: &str) -> &'static str {
    match section {
        "project" => "What the project is. Only in `scaf.toml` and `scaf.local.toml`.",
        "engine" => "With what runs are enclosed.",
        "images" => "How images are named and built.",
        "data" => "Where the datasets are.",
        "env" => "What an experiment's code needs.",
        "run" => "How an experiment is run.",
        "job" => "What `scaf job` does when nothing else is said.",
        "check" => "What `scaf check` looks at.",
        _ => "",
    }
}

macro_rules! choice {
    ($($word:literal => $value:expr),+ $(,)?) => {
        |raw: &Raw| {
            let typed = word(raw, concat!("one of", $(" `", $word, "`"),+))?;
            match typed.as_str() {
                $($word => Ok($value),)+
                _ => Err(none_of(&typed, &[$($word),+])),
            }
        }
    };
}

pub const KEYS: &[Key] = &[
    Key {
        name: "project.name",
        takes: "a string",
        default: "the name of the project's folder",
        doc: "Name of the project; it is part of the names of its images.",
        example: "\"digits\"",
        variable: None,
        scope: Scope::Project,
        set: |s, raw| {
            s.project.name = plain_text(raw)?;
            Ok(())
        },
        get: |s| json!(s.project.name),
    },
    Key {
        name: "project.code",
        takes: "a folder below the project",
        default: "\"src\"",
        doc: "Folder that holds the experiments and `common`.",
        example: "\"code\"",
        variable: None,
        scope: Scope::Project,
        set: |s, raw| {
            s.project.code = inner_path(raw)?;
            Ok(())
        },
        get: |s| json!(s.project.code),
    },
    Key {
        name: "project.adopted",
        takes: "true or false",
        default: "false",
        doc: "The project was laid out by something else, as one of the ancestor template was: experiments may have names that a new one could not get, and `scaf init` adds nothing to it but what scaf itself needs.",
        example: "true",
        variable: None,
        scope: Scope::Project,
        set: |s, raw| {
            s.project.adopted = switch(raw)?;
            Ok(())
        },
        get: |s| json!(s.project.adopted),
    },
    Key {
        name: "engine.default",
        takes: "auto, docker, podman or host",
        default: "\"auto\"",
        doc: "The engine of every run. `auto` takes the first that can do it and says which; another name means that one or an error. `--engine` sets it for one command.",
        example: "\"docker\"",
        variable: Some("SCAF_ENGINE"),
        scope: Scope::Any,
        set: |s, raw| {
            s.engine.default = choice!(
                "auto" => EngineChoice::Auto,
                "docker" => EngineChoice::Docker,
                "podman" => EngineChoice::Podman,
                "host" => EngineChoice::Host,
            )(raw)?;
            Ok(())
        },
        get: |s| json!(s.engine.default.name()),
    },
    Key {
        name: "engine.gpus",
        takes: "off, optional, required, or a form of `--gpus`",
        default: "\"off\"",
        doc: "GPUs of a run when `--gpus` is not typed. A form of `--gpus` (`all`, `2`, `device=0,1`, `free`, `free:2`) wants them or fails; `required` is `all`. `optional`, or `optional:` before a form, takes them where there are any and runs without elsewhere.",
        example: "\"optional\"",
        variable: Some("SCAF_GPUS"),
        scope: Scope::Any,
        set: |s, raw| {
            let typed = match raw {
                Raw::Integer(number) => number.clone(),
                _ => word(raw, "off, optional, required, or a form of `--gpus`")?,
            };
            s.engine.gpus = GpuSetting::parse(&typed).ok_or_else(|| Wrong {
                what: format!("`{typed}` says nothing about GPUs"),
                hint: Some(
                    "off, optional, required, all, a number, device=0,1, free, free:2, optional:free:1 do"
                        .to_owned(),
                ),
            })?;
            Ok(())
        },
        get: |s| json!(s.engine.gpus.to_string()),
    },
    Key {
        name: "engine.shm_size",
        takes: "a size such as \"2g\"",
        default: "\"2g\"",
        doc: "Size of `/dev/shm` in a container: what PyTorch's data loaders share batches through. It is used only as far as it is filled. An integer is a number of bytes.",
        example: "\"8g\"",
        variable: Some("SCAF_SHM_SIZE"),
        scope: Scope::Any,
        set: |s, raw| {
            let typed = match raw {
                Raw::Integer(number) => number.clone(),
                _ => word(raw, "a size such as \"2g\"")?,
            };
            s.engine.shm_size = byte_size::parse(&typed).ok_or_else(|| Wrong {
                what: format!("`{typed}` is no size"),
                hint: Some("`512m`, `2g` or a number of bytes is one".to_owned()),
            })?;
            Ok(())
        },
        get: |s| json!(byte_size::short(s.engine.shm_size)),
    },
    Key {
        name: "engine.user",
        takes: "caller or image",
        default: "\"caller\"",
        doc: "As whom a container runs: with the caller's uid and gid, so that what it writes is the caller's; or as whom the image names.",
        example: "\"image\"",
        variable: Some("SCAF_USER"),
        scope: Scope::Any,
        set: |s, raw| {
            s.engine.user = choice!("caller" => RunAs::Caller, "image" => RunAs::Image)(raw)?;
            Ok(())
        },
        get: |s| {
            json!(match s.engine.user {
                RunAs::Caller => "caller",
                RunAs::Image => "image",
            })
        },
    },
    Key {
        name: "engine.network",
        takes: "a string",
        default: "the engine's own",
        doc: "Network of a run, as `docker run --network` takes it.",
        example: "\"host\"",
        variable: Some("SCAF_NETWORK"),
        scope: Scope::Any,
        set: |s, raw| {
            s.engine.network = Some(plain_text(raw)?);
            Ok(())
        },
        get: |s| json!(s.engine.network),
    },
    Key {
        name: "images.mirror",
        takes: "a registry, with a path where there is one",
        default: "none",
        doc: "Registry that base images of Docker Hub are pulled from: `FROM python:3.12` becomes `MIRROR/library/python:3.12`.",
        example: "\"registry.example.com/hub\"",
        variable: Some("SCAF_MIRROR"),
        scope: Scope::Any,
        set: |s, raw| {
            s.images.mirror = Some(repository(raw)?);
            Ok(())
        },
        get: |s| json!(s.images.mirror),
    },
    Key {
        name: "images.build_network",
        takes: "a string",
        default: "the engine's own",
        doc: "Network of the steps of a build, as `docker build --network` takes it.",
        example: "\"host\"",
        variable: Some("SCAF_BUILD_NETWORK"),
        scope: Scope::Any,
        set: |s, raw| {
            s.images.build_network = Some(plain_text(raw)?);
            Ok(())
        },
        get: |s| json!(s.images.build_network),
    },
    Key {
        name: "data.path",
        takes: "a folder",
        default: "\"data\"",
        doc: "Folder of the datasets, relative to the project or absolute; it appears as `/mnt/data` in every run.",
        example: "\"/srv/datasets\"",
        variable: Some("SCAF_DATA"),
        scope: Scope::Any,
        set: |s, raw| {
            s.data.path = path(raw)?;
            Ok(())
        },
        get: |s| json!(s.data.path),
    },
    Key {
        name: "data.mode",
        takes: "ro or rw",
        default: "\"ro\"",
        doc: "Whether runs may write into the data folder. `--data rw` allows it to one run.",
        example: "\"rw\"",
        variable: Some("SCAF_DATA_MODE"),
        scope: Scope::Any,
        set: |s, raw| {
            s.data.mode = choice!("ro" => Access::ReadOnly, "rw" => Access::ReadWrite)(raw)?;
            Ok(())
        },
        get: |s| {
            json!(match s.data.mode {
                Access::ReadOnly => "ro",
                Access::ReadWrite => "rw",
            })
        },
    },
    Key {
        name: "env.python",
        takes: "a version such as \"3.12\"",
        default: "the Dockerfile's",
        doc: "Version of Python that packages are chosen for, where the Dockerfile does not say it.",
        example: "\"3.12\"",
        variable: Some("SCAF_PYTHON"),
        scope: Scope::Any,
        set: |s, raw| {
            s.env.python = Some(python_version(raw)?);
            Ok(())
        },
        get: |s| json!(s.env.python),
    },
    Key {
        name: "env.waive",
        takes: "a list of strings",
        default: "[]",
        doc: "Packages that the code seems to need and does not: `scaf env check` stays silent about them.",
        example: "[\"horovod\"]",
        variable: None,
        scope: Scope::Any,
        set: |s, raw| {
            s.env.waive = words(raw)?;
            Ok(())
        },
        get: |s| json!(s.env.waive),
    },
    Key {
        name: "run.script",
        takes: "a file of the experiment",
        default: "\"local.py\"",
        doc: "What `scaf local` runs when no `--script` is typed.",
        example: "\"train.py\"",
        variable: Some("SCAF_SCRIPT"),
        scope: Scope::Any,
        set: |s, raw| {
            s.run.script = inner_path(raw)?;
            Ok(())
        },
        get: |s| json!(s.run.script),
    },
    Key {
        name: "run.env",
        takes: "a list of NAME or NAME=VALUE",
        default: "[]",
        doc: "Environment of every run. `NAME` passes the caller's value on, and is the way for secrets: only the name is written anywhere. `NAME=VALUE` sets a value.",
        example: "[\"WANDB_API_KEY\", \"OMP_NUM_THREADS=4\"]",
        variable: Some("SCAF_RUN_ENV"),
        scope: Scope::Any,
        set: |s, raw| {
            let list = words(raw)?;
            let bad: Vec<String> = list
                .iter()
                .filter(|word| !is_variable(word.split('=').next().unwrap_or("")))
                .map(|word| format!("`{word}`"))
                .collect();
            if !bad.is_empty() {
                let verb = if bad.len() == 1 { "does" } else { "do" };
                return Err(Wrong {
                    what: format!("{} {verb} not begin with the name of a variable", bad.join(", ")),
                    hint: Some("write `NAME` or `NAME=VALUE`".to_owned()),
                });
            }
            s.run.env = list;
            Ok(())
        },
        get: |s| json!(s.run.env),
    },
    Key {
        name: "job.target",
        takes: "the name of a target",
        default: "\"local\"",
        doc: "Where `scaf job` hands an experiment to when no `--target` is typed: `local`, `azureml`, or a `[targets.NAME]` of these settings.",
        example: "\"azureml\"",
        variable: Some("SCAF_TARGET"),
        scope: Scope::Any,
        set: |s, raw| {
            s.job.target = plain_text(raw)?;
            Ok(())
        },
        get: |s| json!(s.job.target),
    },
    Key {
        name: "job.file",
        takes: "a file of the experiment",
        default: "\"job.yaml\"",
        doc: "The job file of an experiment when no `--file` is typed. Where nothing is set and `job.yaml` is absent, `azure-ml-job.yaml` is taken.",
        example: "\"jobs/nightly.yaml\"",
        variable: None,
        scope: Scope::Any,
        set: |s, raw| {
            s.job.file = inner_path(raw)?;
            Ok(())
        },
        get: |s| json!(s.job.file),
    },
    Key {
        name: "check.allow",
        takes: "a list of strings",
        default: "[]",
        doc: "Rules that `scaf check` does not hold the project to, by name.",
        example: "[\"notebook-outputs\"]",
        variable: None,
        scope: Scope::Any,
        set: |s, raw| {
            let list = words(raw)?;
            let names = || RULES.iter().map(|rule| rule.name);
            if let Some(bad) = list.iter().find(|word| !names().any(|name| name == word.as_str())) {
                return Err(Wrong {
                    what: format!("`{bad}` is no rule of `scaf check`"),
                    hint: Some(near_miss(bad, names()).map_or_else(
                        || "`scaf check --rules` lists them".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    )),
                });
            }
            s.check.allow = list;
            Ok(())
        },
        get: |s| json!(s.check.allow),
    },
];

pub const TARGET_KEYS: &[TargetKey] = &[
    TargetKey {
        name: "kind",
        takes: "local or azureml",
        default: "the table's name, where that is a kind",
        doc: "What the target is.",
        example: "\"azureml\"",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            let typed = word(raw, "local or azureml")?;
            if !TARGET_KINDS.contains(&typed.as_str()) {
                return Err(none_of(&typed, &TARGET_KINDS));
            }
            t.kind = typed;
            Ok(())
        },
        get: |t| json!(t.kind),
    },
    TargetKey {
        name: "resource_group",
        takes: "a string",
        default: "none",
        doc: "azureml: the resource group of the workspace; `az ml job create --resource-group`.",
        example: "\"my-group\"",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            t.resource_group = Some(plain_text(raw)?);
            Ok(())
        },
        get: |t| json!(t.resource_group),
    },
    TargetKey {
        name: "workspace",
        takes: "a string",
        default: "none",
        doc: "azureml: the workspace; `az ml job create --workspace-name`.",
        example: "\"my-workspace\"",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            t.workspace = Some(plain_text(raw)?);
            Ok(())
        },
        get: |t| json!(t.workspace),
    },
    TargetKey {
        name: "subscription",
        takes: "a string",
        default: "the client's own",
        doc: "azureml: the subscription, by name or id; `az --subscription`.",
        example: "\"00000000-0000-0000-0000-000000000000\"",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            t.subscription = Some(plain_text(raw)?);
            Ok(())
        },
        get: |t| json!(t.subscription),
    },
    TargetKey {
        name: "file",
        takes: "a file of the experiment",
        default: "`job.file`",
        doc: "The job file for this target.",
        example: "\"azure-ml-job.yaml\"",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            t.file = Some(inner_path(raw)?);
            Ok(())
        },
        get: |t| json!(t.file),
    },
    TargetKey {
        name: "xargs",
        takes: "a list of strings",
        default: "[]",
        doc: "Further words for the target's own client, before those of `job-xargs`.",
        example: "[\"--only-show-errors\"]",
        variable: None,
        scope: Scope::Any,
        set: |t, raw| {
            t.xargs = words(raw)?;
            Ok(())
        },
        get: |t| json!(t.xargs),
    },
];

fn wants(wanted: &str, raw: &Raw) -> Wrong {
    let hint = match raw {
        Raw::Integer(text) | Raw::Float(text) if wanted.contains("string") || wanted.contains("version") => {
            Some(format!("put it in quotes: \"{text}\""))
        }
        Raw::Text(text) if wanted.starts_with("a list") => Some(format!("put it in brackets: [\"{text}\"]")),
        _ => None,
    };
    Wrong { what: format!("wants {wanted}, and this is {}", raw.kind()), hint }
}

fn none_of(typed: &str, names: &[&str]) -> Wrong {
    let hint = near_miss(typed, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    Wrong { what: format!("`{typed}` is none of {}", names.join(", ")), hint }
}

/// A string, whatever is in it.
fn word(raw: &Raw, wanted: &str) -> Result<String, Wrong> {
    match raw {
        Raw::Text(text) | Raw::Word(text) => Ok(text.clone()),
        _ => Err(wants(wanted, raw)),
    }
}

fn switch(raw: &Raw) -> Result<bool, Wrong> {
    match raw {
        Raw::Flag(on) => Ok(*on),
        Raw::Word(text) if matches!(text.as_str(), "1" | "true") => Ok(true),
        Raw::Word(text) if matches!(text.as_str(), "0" | "false") => Ok(false),
        _ => Err(wants("true or false", raw)),
    }
}

/// A string that is neither empty nor more than a line.
fn plain_text(raw: &Raw) -> Result<String, Wrong> {
    let text = word(raw, "a string")?;
    if text.trim().is_empty() {
        return Err(Wrong { what: "is empty".to_owned(), hint: None });
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong { what: "has control characters in it".to_owned(), hint: None });
    }
    Ok(text)
}

fn words(raw: &Raw) -> Result<Vec<String>, Wrong> {
    const WANTED: &str = "a list of strings";
    match raw {
        Raw::List(items) => items
            .iter()
            .map(|item| match item {
                Raw::Text(text) => Ok(text.clone()),
                other => Err(Wrong {
                    what: format!("wants {WANTED}, and one of them is {}", other.kind()),
                    hint: None,
                }),
            })
            .collect(),
        Raw::Word(text) => shlex::split(text)
            .ok_or_else(|| Wrong { what: format!("a quote in `{text}` is not closed"), hint: None }),
        _ => Err(wants(WANTED, raw)),
    }
}

/// A path, without the `./` before it and the `/` behind it.
fn path(raw: &Raw) -> Result<String, Wrong> {
    let text = plain_text(raw)?;
    if text.starts_with('~') {
        return Err(Wrong {
            what: format!("`{text}` begins with `~`, which only a shell understands"),
            hint: Some("write the whole path".to_owned()),
        });
    }
    let mut path = text.as_str();
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let trimmed = path.trim_end_matches('/');
    Ok(if trimmed.is_empty() && text.starts_with('/') {
        "/".to_owned()
    } else if trimmed.is_empty() {
        ".".to_owned()
    } else {
        trimmed.to_owned()
    })
}

/// A path that stays below the folder it is relative to, and is not that folder.
fn inner_path(raw: &Raw) -> Result<String, Wrong> {
    let path = path(raw)?;
    if path.starts_with('/') {
        return Err(Wrong {
            what: format!("`{path}` is an absolute path"),
            hint: Some("write it relative to the folder it is in".to_owned()),
        });
    }
    if path == "." || path.split('/').any(|part| part == "..") {
        return Err(Wrong { what: format!("`{path}` leads out of its folder"), hint: None });
    }
    Ok(path)
}

/// A registry or the first parts of an image's name.
fn repository(raw: &Raw) -> Result<String, Wrong> {
    let text = plain_text(raw)?;
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(Wrong {
            what: format!("`{text}` has a scheme, and an image's name has none"),
            hint: Some(format!("leave `{scheme}://` out: \"{rest}\"")),
        });
    }
    let name = text.trim_end_matches('/');
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    let fine = |part: &str, more: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c) || more.contains(c)
            })
    };
    // Only a host may have upper-case letters, and what makes a host of a first part is a dot or a port.
    let host = if host.contains(['.', ':']) { host.to_ascii_lowercase() } else { host.to_owned() };
    if !fine(&host, ":") || (!path.is_empty() && !path.split('/').all(|part| fine(part, ""))) {
        return Err(Wrong {
            what: format!("`{text}` cannot begin the name of an image"),
            hint: Some("`registry.example.com/hub` or `localhost:5000` can".to_owned()),
        });
    }
    Ok(name.to_owned())
}

fn python_version(raw: &Raw) -> Result<String, Wrong> {
    let text = word(raw, "a version such as \"3.12\"")?;
    let parts: Vec<&str> = text.split('.').collect();
    let fine = (2..=3).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
    if fine {
        Ok(text)
    } else {
        Err(Wrong { what: format!("`{text}` is no version such as \"3.12\""), hint: None })
    }
}

fn is_variable(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
