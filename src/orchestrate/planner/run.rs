//! `local`, `test`, `jupyter`, `terminal` and `job` as one plan with five intents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::layer::JUPYTER;
use crate::orchestrate::engine::{EncloseError, Engine};
use crate::project::experiment::Experiment;
use crate::project::layout::{COMMON, Layout};
use crate::spec::bundle::Manifest;
use crate::spec::capability::Capability;
use crate::spec::container::{EnvValue, Port};
use crate::spec::job::command_line;
use crate::spec::mount::{Access, Mount};
use crate::spec::plan::{Action, IfThere, Logs, Plan, Ready, Step};
use crate::spec::run::{Enclosure, Intent, RUN_VARIABLE, Run, RunFlags};

/// Where HOME is inside a container; kept per project, so that caches survive.
const HOME: &str = "/home/scaf";

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A Python file of the experiment.
    Script {
        file: String,
        args: Vec<String>,
    },
    Pytest {
        args: Vec<String>,
    },
    Jupyter {
        port: u16,
    },
    /// An interactive shell, or a command in its place.
    Shell {
        command: Vec<String>,
    },
    /// A job's command, for the shell.
    JobCommand {
        text: String,
    },
    /// What is to be imported, as the script in the image is asked.
    Prove {
        asked: String,
    },
}

/// What is run to prove an environment, and what it is asked; both lie in the run's `outputs/`, and so does its answer.
const PROVE: &str = include_str!("prove.py");
const PROVE_FILE: &str = "prove.py";
const ASKED_FILE: &str = "asked.json";

/// Where the experiment's files come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A copy of a bundle; `kept` when its files are in the store already.
    Bundle { manifest: Manifest, digest: String, kept: bool },
    /// The working tree itself, since there one edits.
    Live,
}

/// Who runs scaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
}

/// Everything a run's plan is made of.
pub struct Request<'a> {
    pub layout: &'a Layout,
    pub experiment: &'a Experiment,
    pub engine: &'static dyn Engine,
    pub intent: Intent,
    pub program: Program,
    pub enclosure: Enclosure,
    /// The steps that make the enclosure, when it is not there.
    pub prepare: Vec<Step>,
    pub source: Source,
    /// Name and folder of the run.
    pub name: String,
    pub folder: PathBuf,
    pub caller: Caller,
    /// Keep the image's own user.
    pub image_user: bool,
    pub data: Access,
    /// Bytes, where the engine sizes `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Variables to pass by name.
    pub pass: Vec<String>,
    pub flags: RunFlags,
    /// More mounts and variables, as a job's inputs need them.
    pub mounts: Vec<Mount>,
    pub env: BTreeMap<String, EnvValue>,
    pub tty: bool,
    pub stdin: bool,
    pub labels: BTreeMap<String, String>,
}

/// The plan of a run.
pub fn plan(request: &Request<'_>) -> Result<Plan, EncloseError> {
    let Request { layout, experiment, engine, intent, program, source, name, folder, .. } = request;
    let root = engine.root(folder);
    let container = engine.offers().contains(&Capability::Images);
    let scratch = folder.join("mnt");
    let outputs = folder.join("outputs");
    let copy = scratch.join(experiment.name.as_str());
    let mut plan = Plan::new(format!("scaf {} {} ({name})", intent.name(), experiment.name));
    plan.steps.extend(request.prepare.iter().cloned());

    // Every mount point is made by the caller: one that the engine has to make becomes root's.
    let mut folders = vec![scratch.clone(), outputs.clone(), layout.data_dir(), layout.models_dir()];
    let mut mounts = Vec::new();
    let mut env = BTreeMap::new();
    if container {
        mounts.push(mount(&scratch, root.clone(), Access::ReadWrite));
        folders.extend(["data", "models", "outputs"].map(|name| scratch.join(name)));
    }
    let inside = |name: &str| format!("{root}/{name}");
    let mut bundle = None;
    match source {
        Source::Bundle { manifest, digest, kept } => {
            let store = layout.bundles_dir().join(digest);
            if !kept {
                plan.step(
                    format!("keep the bundle {}", &digest[..12.min(digest.len())]),
                    Action::KeepBundle {
                        source: experiment.dir.clone(),
                        manifest: manifest.clone(),
                        digest: digest.clone(),
                        into: store.clone(),
                    },
                );
            }
            bundle = Some(store);
        }
        Source::Live => {
            let common = layout.common_dir();
            folders.push(common.clone());
            if container {
                folders.push(copy.clone());
                folders.push(scratch.join(COMMON));
            }
            mounts.push(mount(&experiment.dir, inside(experiment.name.as_str()), Access::ReadWrite));
            mounts.push(mount(&common, inside(COMMON), Access::ReadWrite));
        }
    }
    mounts.push(mount(&layout.data_dir(), inside("data"), request.data));
    mounts.push(mount(&layout.models_dir(), inside("models"), Access::ReadWrite));
    mounts.push(mount(&outputs, inside("outputs"), Access::ReadWrite));
    if *intent == Intent::Jupyter {
        folders.push(layout.notebooks_dir());
        if container {
            folders.push(scratch.join("notebooks"));
        }
        mounts.push(mount(&layout.notebooks_dir(), inside("notebooks"), Access::ReadWrite));
    }
    for extra in &request.mounts {
        if container && let Ok(below) = Path::new(&extra.target).strip_prefix(&root) {
            folders.push(scratch.join(below));
        }
        mounts.push(extra.clone());
    }
    let plain = |text: String| EnvValue::Plain(text);
    env.insert("PYTHONPATH".to_owned(), plain(inside(experiment.name.as_str())));
    env.insert("PYTHONUNBUFFERED".to_owned(), plain("1".to_owned()));
    env.insert("SCAF_OUTPUT_DIR".to_owned(), plain(inside("outputs")));
    env.insert("SCAF_EXPERIMENT".to_owned(), plain(experiment.name.to_string()));
    env.insert(RUN_VARIABLE.to_owned(), plain(name.clone()));
    let mut user = None;
    if container {
        let home = layout.runs_dir().join(".home");
        folders.push(home.clone());
        mounts.push(mount(&home, HOME.to_owned(), Access::ReadWrite));
        env.insert("HOME".to_owned(), plain(HOME.to_owned()));
        if !request.image_user {
            let Caller { uid, gid, name } = &request.caller;
            user = Some(format!("{uid}:{gid}"));
            env.insert("USER".to_owned(), plain(name.clone()));
            env.insert("LOGNAME".to_owned(), plain(name.clone()));
            if *uid != 0 {
                let who = layout.runs_dir().join(".who");
                for (file, text) in [("passwd", passwd(&request.caller)), ("group", group(&request.caller))] {
                    let path = who.join(format!("{file}-{uid}-{gid}"));
                    plan.step(
                        "lay out the run's folder",
                        Action::WriteFile {
                            path: path.clone(),
                            content: text,
                            executable: false,
                            if_there: IfThere::Keep,
                        },
                    );
                    mounts.push(mount(&path, format!("/etc/{file}"), Access::ReadOnly));
                }
            }
        }
    }
    for name in &request.pass {
        env.insert(name.clone(), EnvValue::FromHost);
    }
    env.extend(request.env.iter().map(|(name, value)| (name.clone(), value.clone())));

    let mut flags = request.flags.clone();
    if container {
        flags.shm_size = flags.shm_size.or(request.shm_size);
    }
    let mut ready = None;
    if let Program::Jupyter { port } = program {
        plan.step("make a token for this session", Action::MakeSecret { name: "JUPYTER_TOKEN".to_owned() });
        env.insert("JUPYTER_TOKEN".to_owned(), EnvValue::FromHost);
        if container {
            // On this machine's own address alone: a notebook server runs whatever it is sent.
            flags.ports.push(Port {
                host_ip: "127.0.0.1".to_owned(),
                host: Some(*port),
                inside: *port,
                protocol: "tcp".to_owned(),
            });
        }
        ready = Some(Ready {
            // It wants the token, so that another server at the same port is not taken for this one.
            url: format!("http://127.0.0.1:{port}/api/status"),
            message: format!("JupyterLab is at http://127.0.0.1:{port}/lab?token={{token}}"),
            token_env: Some("JUPYTER_TOKEN".to_owned()),
        });
    }
    for path in folders {
        plan.step("lay out the run's folder", Action::MakeDirectory { path });
    }
    if let Program::Prove { asked } = program {
        for (name, content) in [(PROVE_FILE, PROVE), (ASKED_FILE, asked)] {
            let (path, content) = (outputs.join(name), content.to_owned());
            let write = Action::WriteFile { path, content, executable: false, if_there: IfThere::Replace };
            plan.step("write down what is to be imported", write);
        }
    }
    if let Some(store) = &bundle {
        plan.step("give the run its own copy", Action::CopyTree { from: store.clone(), to: copy.clone() });
    }
    let run = Run {
        experiment: experiment.name.to_string(),
        intent: *intent,
        name: container_name(experiment, name),
        enclosure: request.enclosure.clone(),
        // Whom the image names is not known here, and may be root.
        argv: argv(program, experiment, &root, container, request.image_user || request.caller.uid == 0),
        workdir: workdir(*intent, experiment, &root),
        root,
        env,
        mounts,
        labels: request.labels.clone(),
        user,
        flags,
        tty: request.tty,
        stdin: request.stdin,
    };
    let logs = Some(Logs {
        stdout: folder.join("stdout.log"),
        stderr: (!request.tty).then(|| folder.join("stderr.log")),
    });
    let mut links = Vec::new();
    for action in engine.enclose(&run, logs, ready)? {
        let why = match &action {
            Action::RunContainer { .. } | Action::RunProcess { .. } => {
                format!("{} {}", intent.name(), experiment.name)
            }
            _ => "lay out the run's folder".to_owned(),
        };
        if let Action::Symlink { link, .. } = &action {
            links.push(link.clone());
        }
        plan.step(why, action);
    }
    // What stands for a mount is no more to be seen after the run than a mount would be.
    for link in links {
        plan.always("take away what the run did not touch", Action::Unlink { path: link });
    }
    plan.always(
        "take away what the run did not touch",
        Action::Tidy { scratch, copy: bundle.as_ref().map(|_| copy), bundle },
    );
    Ok(plan)
}

fn mount(source: &Path, target: String, access: Access) -> Mount {
    Mount { source: source.to_owned(), target, access }
}

/// Unique on this machine as far as run names are: an engine refuses a second container of one name.
fn container_name(experiment: &Experiment, run: &str) -> String {
    format!("scaf-{}-{run}", experiment.name.slug())
}

fn workdir(intent: Intent, experiment: &Experiment, root: &str) -> String {
    match intent {
        Intent::Local | Intent::Jupyter | Intent::Terminal | Intent::Prove => root.to_owned(),
        Intent::Test | Intent::Job => format!("{root}/{}", experiment.name),
    }
}

fn argv(
    program: &Program,
    experiment: &Experiment,
    root: &str,
    container: bool,
    by_root: bool,
) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match program {
        // -I: a module of the experiment may be called like one of Python's own.
        Program::Prove { asked: _ } => vec![
            "python".to_owned(),
            "-I".to_owned(),
            format!("{root}/outputs/{PROVE_FILE}"),
            format!("{root}/outputs/{ASKED_FILE}"),
        ],
        Program::Script { file, args } => {
            let mut argv = vec!["python".to_owned(), format!("{}/{file}", experiment.name)];
            argv.extend(args.iter().cloned());
            argv
        }
        Program::Pytest { args } => {
            let mut argv = words(&["python", "-m", "pytest"]);
            argv.extend(args.iter().cloned());
            argv
        }
        Program::Jupyter { port } => {
            // Inside a container every address is reached through the one published port.
            let ip = if container { "0.0.0.0" } else { "127.0.0.1" };
            let program: &[&str] = if container { &[JUPYTER] } else { &["python", "-m", "jupyter"] };
            let mut argv = words(program);
            argv.extend(words(&["lab", "--no-browser"]));
            argv.push(format!("--ServerApp.ip={ip}"));
            argv.push(format!("--ServerApp.port={port}"));
            argv.push("--ServerApp.port_retries=0".to_owned());
            // The server refuses to be root's; whoever is root outside is root inside.
            if by_root {
                argv.push("--allow-root".to_owned());
            }
            argv.push(format!("--ServerApp.root_dir={root}"));
            argv
        }
        Program::Shell { command } if command.is_empty() => {
            words(&["/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi"])
        }
        Program::Shell { command } => command.clone(),
        Program::JobCommand { text } => command_line::argv(text),
    }
}

/// The users that programs look up, and the caller.
fn passwd(Caller { uid, gid, name }: &Caller) -> String {
    format!(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n{name}:x:{uid}:{gid}:{name}:{HOME}:/bin/sh\n"
    )
}

fn group(Caller { gid, name, .. }: &Caller) -> String {
    let mut text = "root:x:0:\nnogroup:x:65534:\n".to_owned();
    if *gid != 0 {
        text.push_str(&format!("{name}:x:{gid}:\n"));
    }
    text
}
