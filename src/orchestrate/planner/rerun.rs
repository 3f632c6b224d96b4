//! A recorded run once more: its plan under another name, in the enclosure that there is now.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::spec::container::EnvValue;
use crate::spec::gpu::GpuRequest;
use crate::spec::plan::{Action, Logs, Plan, Step};
use crate::spec::record::Record;
use crate::spec::run::{Enclosure, LABEL_ROOT};

/// What it is made of.
pub struct Request<'a> {
    pub old: &'a Record,
    /// Name and folder of the run that is to be.
    pub run: &'a str,
    pub folder: &'a Path,
    /// The project's, which may have lain elsewhere then.
    pub root: &'a Path,
    pub enclosure: &'a Enclosure,
    /// The steps that make the enclosure, when it is not there.
    pub prepare: Vec<Step>,
    pub gpus: Option<&'a GpuRequest>,
    pub tty: bool,
    pub stdin: bool,
}

/// The plan, and what the run was and will be enclosed in where that is not the same.
pub struct Again {
    pub plan: Plan,
    pub moved: Option<Moved>,
}

/// An image or a virtual environment, then and now.
#[derive(Debug, PartialEq, Eq)]
pub struct Moved {
    pub then: String,
    pub now: String,
}

pub fn plan(request: Request<'_>) -> Result<Again, serde_json::Error> {
    let Request { old, run, folder, root, enclosure, prepare, gpus, tty, stdin } = request;
    let mut plan = at_root(old, root)?;
    plan = renamed(&plan, &old.run, run)?;
    // What made the enclosure then; a command line in the plan of a run is for that alone.
    plan.steps.retain(|step| {
        !matches!(
            step.action,
            Action::KeepBundle { .. }
                | Action::BuildImage { .. }
                | Action::MakeVenv { .. }
                | Action::Command { .. }
        )
    });
    plan.steps.splice(0..0, prepare);
    let mut moved = None;
    for step in &mut plan.steps {
        match (&mut step.action, enclosure) {
            (Action::RunContainer { container, logs, .. }, Enclosure::Image(image)) => {
                moved = differ(&container.image, image);
                container.image.clone_from(image);
                container.tty = tty;
                container.stdin = stdin;
                if container.gpus.is_some() {
                    container.gpus = gpus.cloned();
                }
                if let Some(logs) = logs {
                    logs.stderr = (!tty).then(|| folder.join("stderr.log"));
                }
            }
            (
                Action::RunProcess { argv, env, stdin: own_stdin, tty: own_tty, logs, .. },
                Enclosure::Venv(venv),
            ) => {
                (*own_tty, *own_stdin) = (tty, stdin || tty);
                if tty {
                    *logs = None;
                }
                if let Some(EnvValue::Plain(then)) = env.get("VIRTUAL_ENV") {
                    let then = PathBuf::from(then);
                    moved = differ(&then.to_string_lossy(), &venv.to_string_lossy());
                    let elsewhere = |text: &mut String| {
                        if let Ok(below) = Path::new(&*text).strip_prefix(&then) {
                            *text =
                                if below.as_os_str().is_empty() { venv.clone() } else { venv.join(below) }
                                    .to_string_lossy()
                                    .into_owned();
                        }
                    };
                    argv.first_mut().into_iter().for_each(elsewhere);
                    for name in ["VIRTUAL_ENV", "PATH"] {
                        if let Some(EnvValue::Plain(text) | EnvValue::Prefix(text)) = env.get_mut(name) {
                            elsewhere(text);
                        }
                    }
                }
                if let Some(GpuRequest::Devices(devices)) = gpus {
                    env.insert("CUDA_VISIBLE_DEVICES".to_owned(), EnvValue::Plain(devices.join(",")));
                }
            }
            _ => {}
        }
    }
    Ok(Again { plan, moved })
}

fn differ(then: &str, now: &str) -> Option<Moved> {
    (then != now).then(|| Moved { then: then.to_owned(), now: now.to_owned() })
}

/// Where the project was when the run was planned: it may have been copied or moved since.
pub fn root_of(old: &Record) -> Option<PathBuf> {
    let below = Path::new("runs").join(&old.experiment).join(&old.run).join("mnt");
    old.plan.steps.iter().find_map(|step| match &step.action {
        Action::Tidy { scratch, .. } if scratch.ends_with(&below) => {
            scratch.ancestors().nth(below.components().count()).map(Path::to_owned)
        }
        _ => None,
    })
}

/// A path below one root as the same below another.
pub fn moved(path: &Path, then: &Path, now: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(then).ok()?;
    Some(if below.as_os_str().is_empty() { now.to_owned() } else { now.join(below) })
}

/// The recorded plan with this project's folders in the place of those that it was made for. What the
/// user typed stays as it is.
pub fn at_root(old: &Record, now: &Path) -> Result<Plan, serde_json::Error> {
    let Some(then) = root_of(old).filter(|then| then != now) else { return Ok(old.plan.clone()) };
    // The run's own folder occurs in texts, too (variables, command lines), and can be mistaken for nothing.
    let below = Path::new("runs").join(&old.experiment).join(&old.run);
    let (from, to) = (then.join(&below), now.join(&below));
    let mut plan = renamed(&old.plan, &from.to_string_lossy(), &to.to_string_lossy())?;
    let place = |path: &mut PathBuf| {
        if let Some(there) = moved(path, &then, now) {
            *path = there;
        }
    };
    for step in &mut plan.steps {
        let mut paths: Vec<&mut PathBuf> = Vec::new();
        match &mut step.action {
            Action::MakeDirectory { path }
            | Action::WriteFile { path, .. }
            | Action::Remove { path }
            | Action::Unlink { path } => paths.push(path),
            Action::Symlink { link, target } => paths.extend([link, target]),
            Action::RemoveWhole { path, aside } => paths.extend([path, aside]),
            Action::Rename { from, to }
            | Action::CopyFile { from, to, .. }
            | Action::CopyTree { from, to } => paths.extend([from, to]),
            Action::Tidy { scratch, copy, bundle } => {
                paths.push(scratch);
                paths.extend(copy);
                paths.extend(bundle);
            }
            Action::RunContainer { container, logs, .. } => {
                paths.extend(container.mounts.iter_mut().map(|mount| &mut mount.source));
                paths.extend(container.env.values_mut().filter_map(file_of));
                paths.extend(logs.iter_mut().flat_map(logs_of));
                if let Some(root) = container.labels.get_mut(LABEL_ROOT) {
                    *root = now.to_string_lossy().into_owned();
                }
            }
            Action::RunProcess { cwd, env, logs, .. } => {
                paths.push(cwd);
                paths.extend(env.values_mut().filter_map(file_of));
                paths.extend(logs.iter_mut().flat_map(logs_of));
            }
            // What makes the enclosure is planned anew; the rest does not occur in a run's plan.
            _ => {}
        }
        paths.into_iter().for_each(place);
    }
    Ok(plan)
}

fn file_of(value: &mut EnvValue) -> Option<&mut PathBuf> {
    if let EnvValue::FromFile { path, .. } = value { Some(path) } else { None }
}

fn logs_of(logs: &mut Logs) -> impl Iterator<Item = &mut PathBuf> {
    std::iter::once(&mut logs.stdout).chain(&mut logs.stderr)
}

/// The plan for another run: a run's name occurs in it only as such.
fn renamed(plan: &Plan, old: &str, new: &str) -> Result<Plan, serde_json::Error> {
    fn walk(value: &mut Value, old: &str, new: &str) {
        match value {
            Value::String(text) => *text = text.replace(old, new),
            Value::Array(values) => values.iter_mut().for_each(|value| walk(value, old, new)),
            Value::Object(values) => values.values_mut().for_each(|value| walk(value, old, new)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_json::to_value(plan)?;
    walk(&mut value, old, new);
    serde_json::from_value(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::record::{Host, VERSION};
    use crate::spec::run::Intent;

    fn on_the_host(venv: &str) -> Record {
        let mut plan = Plan::new("scaf local e (20261122-155001_brave_otter)");
        let make = |path: &str| Action::MakeVenv {
            path: path.into(),
            python: "/usr/bin/python3".into(),
            requirements: Vec::new(),
            whole: false,
            more: Vec::new(),
            uv: None,
        };
        plan.step("make the virtual environment", make(venv));
        plan.step(
            "local e",
            Action::RunProcess {
                argv: vec![format!("{venv}/bin/python"), "e/local.py".into(), format!("{venv}/bin/python")],
                cwd: "/p/runs/e/20261122-155001_brave_otter/mnt".into(),
                env: BTreeMap::from([
                    ("PATH".to_owned(), EnvValue::Prefix(format!("{venv}/bin"))),
                    ("VIRTUAL_ENV".to_owned(), EnvValue::Plain(venv.to_owned())),
                ]),
                unset: Vec::new(),
                stdin: false,
                tty: false,
                logs: None,
                ready: None,
            },
        );
        Record {
            version: VERSION,
            scaf: "0".into(),
            run: "20261122-155001_brave_otter".into(),
            experiment: "e".into(),
            intent: Intent::Local,
            command: Vec::new(),
            parameters: BTreeMap::new(),
            engine: "host".into(),
            engine_version: "Python 3.11.6".into(),
            engine_reason: "asked for".into(),
            bundle: Some("b".into()),
            image: None,
            image_id: None,
            build_words: Vec::new(),
            environment: None,
            lock: None,
            git: None,
            host: Host {
                name: "h".into(),
                os: "linux".into(),
                arch: "x86_64".into(),
                cpus: 1,
                user: "u".into(),
            },
            gpus: None,
            planned: "2026-11-22T15:50:01.000Z".into(),
            plan,
        }
    }

    fn again(old: &Record, venv: &str) -> Again {
        plan(Request {
            old,
            run: "20261123-000000_calm_owl",
            folder: Path::new("/p/runs/e/20261123-000000_calm_owl"),
            root: Path::new("/p"),
            enclosure: &Enclosure::Venv(venv.into()),
            prepare: vec![Step {
                why: "make the virtual environment".into(),
                when: crate::spec::plan::When::InTurn,
                action: Action::MakeDirectory { path: venv.into() },
            }],
            gpus: None,
            tty: false,
            stdin: false,
        })
        .unwrap()
    }

    #[test]
    fn the_process_runs_in_the_environment_that_is_made() {
        let old = on_the_host("/cache/venvs/1");
        assert_eq!(again(&old, "/cache/venvs/1").moved, None);
        let Again { plan, moved } = again(&old, "/cache/venvs/2");
        assert_eq!(moved, Some(Moved { then: "/cache/venvs/1".into(), now: "/cache/venvs/2".into() }));
        assert_eq!(plan.steps.len(), 2);
        let Action::RunProcess { argv, cwd, env, .. } = &plan.steps[1].action else { panic!() };
        // What the user typed stays as it is.
        assert_eq!(argv, &["/cache/venvs/2/bin/python", "e/local.py", "/cache/venvs/1/bin/python"]);
        assert_eq!(cwd, Path::new("/p/runs/e/20261123-000000_calm_owl/mnt"));
        assert_eq!(env["PATH"], EnvValue::Prefix("/cache/venvs/2/bin".into()));
        assert_eq!(env["VIRTUAL_ENV"], EnvValue::Plain("/cache/venvs/2".into()));
    }

    #[test]
    fn in_a_project_that_lies_elsewhere_now_its_own_folders_are_meant() {
        let mut old = on_the_host("/cache/venvs/1");
        let run = "/p/runs/e/20261122-155001_brave_otter";
        let plan = &mut old.plan;
        plan.step(
            "link",
            Action::Symlink { link: format!("{run}/mnt/data").into(), target: "/p/data".into() },
        );
        plan.step(
            "copy",
            Action::CopyTree { from: "/p/runs/.bundles/b".into(), to: format!("{run}/mnt/e").into() },
        );
        if let Action::RunProcess { argv, env, .. } = &mut plan.steps[1].action {
            argv.extend([format!("{run}/mnt/inputs"), "/p/typed".to_owned()]);
            env.insert("PYTHONPATH".to_owned(), EnvValue::Plain(format!("{run}/mnt/e")));
        }
        // Nothing says where it was.
        assert_eq!(at_root(&old, Path::new("/q")).unwrap(), old.plan);
        old.plan.always(
            "tidy",
            Action::Tidy {
                scratch: format!("{run}/mnt").into(),
                copy: Some(format!("{run}/mnt/e").into()),
                bundle: Some("/p/runs/.bundles/b".into()),
            },
        );
        assert_eq!(root_of(&old).as_deref(), Some(Path::new("/p")));
        let plan = at_root(&old, Path::new("/q/p")).unwrap();
        let text = serde_json::to_string(&plan.steps[1..]).unwrap();
        assert_eq!(text.matches("\"/p/").count(), 1, "{text}");
        let Action::RunProcess { argv, env, .. } = &plan.steps[1].action else { panic!() };
        let run = "/q/p/runs/e/20261122-155001_brave_otter";
        assert_eq!(argv[3..], [format!("{run}/mnt/inputs"), "/p/typed".to_owned()]);
        assert_eq!(env["PYTHONPATH"], EnvValue::Plain(format!("{run}/mnt/e")));
        let Action::Symlink { target, .. } = &plan.steps[2].action else { panic!() };
        assert_eq!(target, Path::new("/q/p/data"));
    }
}
