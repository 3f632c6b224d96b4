//! What a run is enclosed in: the experiment's image on the engine that can have it, or a virtual
//! environment of this machine; and the steps that make it where it is not there.

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::moby::Moby;
use super::engine::moby::error::EngineError;
use super::engine::{self, Engine};
use super::host::python::{self, Python};
use super::load::environment as environment_folder;
use super::load::environment::EnvironmentError;
use super::load::network::{self, NetworkError};
use super::load::requirements::{self, RequirementsError};
use super::planner::build::{BuildFacts, BuildFlags, BuildPlanError, BuildRequest, plan_build};
use super::planner::layer::{self, LayerRequest, plan_layer};
use super::planner::pins::{JUPYTERLAB, PYTEST};
use super::planner::venv::{self, VenvPlanError};
use super::selection::{self, HostMay, Needs, Selected, SelectionError};
use crate::project::experiment::Experiment;
use crate::project::layout::{ENVIRONMENT, Layout};
use crate::spec::build_context::{BuildContext, EntryKind};
use crate::spec::dockerfile::{User, python_version};
use crate::spec::env_vars::Environment;
use crate::spec::hint::{Explain, Fault};
use crate::spec::image::{Builder, ImageBuild};
use crate::spec::image_tag::{self, Inputs};
use crate::spec::mount::Access;
use crate::spec::network::NetworkHelp;
use crate::spec::plan::{Action, ContainerEngine, Step, When};
use crate::spec::run::{Enclosure, EnvironmentSource};
use crate::spec::settings::origin::Origin;
use crate::spec::settings::{RunAs, Settings};

pub use super::planner::build::BuildPlan;
pub use super::planner::layer::Layer;

/// What the enclosure is found from.
pub struct Request<'a> {
    pub layout: &'a Layout,
    pub experiment: &'a Experiment,
    pub settings: &'a Settings,
    pub environment: &'a Environment,
    /// `build-xargs`, split.
    pub build_words: &'a [String],
    /// What the intent needs beside the experiment's own environment.
    pub layer: Option<Layer>,
    pub host: HostMay,
    /// The environment, where it is not the experiment's own folder.
    pub source: Option<&'a EnvironmentSource>,
}

impl Request<'_> {
    fn context(&self) -> Result<BuildContext, EnvironmentError> {
        match self.source {
            None => environment_folder::read(
                &self.experiment.dir.join(ENVIRONMENT),
                environment_folder::DOCKERFILE,
            ),
            Some(EnvironmentSource::Folder { directory, dockerfile }) => {
                environment_folder::read(directory, dockerfile)
            }
            // As an environment of one line, so that it is pulled, named and found again like any other.
            Some(EnvironmentSource::Image(image)) => Ok(BuildContext {
                directory: self.experiment.dir.join(ENVIRONMENT),
                dockerfile: environment_folder::DOCKERFILE.to_owned(),
                text: format!("FROM {image}\n"),
                entries: Vec::new(),
                requirements: Vec::new(),
            }),
        }
    }
}

/// What a run is enclosed in.
pub struct Enclosed {
    pub engine: &'static dyn Engine,
    pub moby: Option<Moby>,
    pub version: String,
    pub reason: String,
    pub enclosure: Enclosure,
    /// The steps that make it.
    pub prepare: Vec<Step>,
    /// Tag and id of the experiment's own image; the id where it is there already.
    pub image: Option<String>,
    pub image_id: Option<String>,
    /// Digest of the requirements that count.
    pub lock: Option<String>,
    /// Which engine, and why: said first.
    pub first_line: String,
    /// No container engine could, and nobody asked for this one.
    pub fell_back: bool,
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum EnclosureError {
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Build(#[from] BuildPlanError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    #[error(transparent)]
    Venv(#[from] VenvPlanError),
    #[error("the Dockerfile is on Python {wanted}, and this machine has {}{}", .found.as_deref().map_or_else(|| "none".to_owned(), |found| format!("Python {found}")), .uv.as_deref().map_or_else(String::new, |said| format!("\n  uv: {said}")))]
    Python {
        wanted: String,
        found: Option<String>,
        /// Why uv, where there is one, cannot fetch it.
        uv: Option<String>,
    },
    #[error("{}\nand the host engine cannot either: {host}", selection::no_container(.refusals))]
    Neither { refusals: Vec<String>, host: Box<EnclosureError> },
    #[error("there is no Python on this machine")]
    NoPython,
    #[error("`engine.user` is `image`, and the image's user cannot be known before it is made")]
    ImageUser,
    #[error("the job wants the image `{image}`, which the host engine cannot give it")]
    ImageOnHost { image: String },
    #[error("no folder for scaf's cache: neither HOME nor XDG_CACHE_HOME is set")]
    NoCache,
}

impl Explain for EnclosureError {
    fn fault(&self) -> Fault {
        match self {
            Self::Environment(error) => error.fault(),
            Self::Build(error) => error.fault(),
            Self::Network(error) => error.fault(),
            Self::Selection(error) => error.fault(),
            Self::Engine(error) => error.fault(),
            Self::Requirements(error) => error.fault(),
            Self::Venv(error) => error.fault(),
            Self::ImageUser | Self::ImageOnHost { .. } => Fault::User,
            Self::Neither { .. } | Self::Python { .. } | Self::NoPython | Self::NoCache => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Environment(error) => error.hints(),
            Self::Build(error) => error.hints(),
            Self::Network(error) => error.hints(),
            Self::Selection(error) => error.hints(),
            Self::Engine(error) => error.hints(),
            Self::Requirements(error) => error.hints(),
            Self::Venv(error) => {
                let image = "or run in the image: `--engine docker`".to_owned();
                error.hints().into_iter().chain([image]).collect()
            }
            Self::Neither { refusals: _, host } => {
                // Nobody who has no container engine is sent to one.
                let own = if let Self::Venv(error) = &**host { error.hints() } else { host.hints() };
                [selection::DOCTOR.to_owned()].into_iter().chain(own).collect()
            }
            Self::Python { wanted, found: _, uv: None } => {
                vec![format!("install Python {wanted}, or uv (`pip install uv`), which fetches it")]
            }
            Self::Python { wanted, found: _, uv: Some(_) } => vec![format!("install Python {wanted}")],
            Self::ImageUser => vec!["make it first: `scaf build-exp`".to_owned()],
            Self::ImageOnHost { .. } => vec![
                "say `--engine docker`, or write `environment: { build: { path: ./environment } }` into the job file"
                    .to_owned(),
            ],
            Self::NoPython => vec!["install Python 3, or a container engine".to_owned()],
            Self::NoCache => vec!["export SCAF_CACHE_DIR=…".to_owned()],
        }
    }
}

/// Reads the environment folder, asks the engines, and plans.
pub fn find(request: &Request<'_>) -> Result<Enclosed, EnclosureError> {
    let Request { layout: _, experiment: _, settings, environment, build_words, layer: _, host, source: _ } =
        request;
    let flags = BuildFlags::parse(build_words)?;
    let context = request.context()?;
    let empty = NetworkHelp::default();
    let build = build_request(request, &context, &flags, &empty);
    let needs = Needs { tag: build.tag(), bases: build.bases() };
    match selection::select(settings.engine.default, *host, &needs, environment)? {
        Selected::Container(container) => {
            let selection::Container { moby, engine, reason, image } = *container;
            in_container(request, &context, &flags, moby, engine, reason, image)
        }
        Selected::Host { refusals } => on_host(request, &context, &refusals).map_err(|error| {
            if refusals.is_empty() {
                error
            } else {
                EnclosureError::Neither { refusals, host: Box::new(error) }
            }
        }),
    }
}

fn build_request<'a>(
    request: &'a Request<'_>,
    context: &'a BuildContext,
    flags: &'a BuildFlags,
    help: &'a NetworkHelp,
) -> BuildRequest<'a> {
    BuildRequest {
        project: &request.settings.project.name,
        experiment: &request.experiment.name,
        context,
        flags,
        mirror: request.settings.images.mirror.as_deref(),
        network: request.settings.images.build_network.as_deref(),
        help,
    }
}

fn in_container(
    request: &Request<'_>,
    context: &BuildContext,
    flags: &BuildFlags,
    moby: Moby,
    engine: &'static dyn Engine,
    reason: String,
    image: Option<selection::Found>,
) -> Result<Enclosed, EnclosureError> {
    let kind = moby.engine();
    let builder = builder_of(&moby);
    let planned = plan_with(request, context, flags, &moby, image.as_ref())?;
    let BuildPlan { tag, build, why, moved, notes } = planned;
    let mut notes = notes;
    for moved in moved {
        notes.push(format!("the base image `{}` has moved since the image was made; `scaf build-exp --build-xargs=--no-cache` makes it anew", moved.image));
    }
    let mut prepare = Vec::new();
    let fresh = build.is_none();
    if let Some(mut build) = build {
        if matches!(request.source, Some(EnvironmentSource::Image(_))) {
            // Its one line is in no file.
            build.text.get_or_insert_with(|| context.text.clone());
        }
        let reasons: Vec<String> = why.iter().map(ToString::to_string).collect();
        let why = if reasons.is_empty() {
            "make the image".to_owned()
        } else {
            format!("make the image: {}", reasons.join(", "))
        };
        prepare.push(step(why, kind, build));
    }
    let mut used = tag.clone();
    if let Some(wanted) = request.layer
        && (wanted != Layer::Pytest || layer::needs_pytest(context))
    {
        let cache = request.environment.cache_dir().ok_or(EnclosureError::NoCache)?;
        let help = network_help(request.environment)?;
        let user = match request.settings.engine.user {
            RunAs::Caller => None,
            RunAs::Image => {
                Some(user_of_image(request, context, flags, &moby, image.as_ref().filter(|_| fresh))?)
            }
        };
        let layered = LayerRequest {
            layer: wanted,
            project: &request.settings.project.name,
            experiment: &request.experiment.name,
            base: &tag,
            user: user.as_deref().filter(|user| !user.is_empty()),
            context: cache.join("empty"),
            network: flags.network.as_deref().or(request.settings.images.build_network.as_deref()),
            help: &help,
            builder,
        };
        used = layered.tag();
        // A layer on an image that is yet to be made cannot be there, and one on an older image of the
        // same name is not the one that is wanted.
        let there = if fresh { moby.image(&used)? } else { None };
        let below = if there.is_some() { moby.image(&tag)? } else { None };
        let current = match (&there, &below) {
            (Some(there), Some(below)) => there.layers.starts_with(&below.layers),
            _ => false,
        };
        if !current {
            let planned = plan_layer(&layered)?;
            notes.extend(planned.notes);
            prepare.push(Step {
                why: format!("make the {} layer", wanted.name()),
                when: When::InTurn,
                action: Action::MakeDirectory { path: planned.build.context.clone() },
            });
            prepare.push(step(format!("make the {} layer", wanted.name()), kind, planned.build));
        }
    }
    let version = moby.greeting().server.clone();
    let first_line = format!("engine: {} ({reason})", engine.name());
    Ok(Enclosed {
        engine,
        version,
        reason,
        enclosure: Enclosure::Image(used),
        prepare,
        image: Some(tag),
        image_id: image.filter(|_| fresh).map(|image| image.id),
        lock: lock_digest(context),
        first_line,
        fell_back: false,
        notes,
        moby: Some(moby),
    })
}

/// Whose processes are those of the experiment's image: as it says itself where it is there, else as its
/// Dockerfile says, else as the base image does. Empty for root.
fn user_of_image(
    request: &Request<'_>,
    context: &BuildContext,
    flags: &BuildFlags,
    moby: &Moby,
    image: Option<&selection::Found>,
) -> Result<String, EnclosureError> {
    if let Some(image) = image {
        return Ok(image.user.clone());
    }
    let empty = NetworkHelp::default();
    let build = build_request(request, context, flags, &empty);
    let base = match build.user() {
        User::Named(user) => return Ok(user),
        User::OfBase(base) => moby.image(&base)?,
        User::Unknown => None,
    };
    base.map(|base| base.user).ok_or(EnclosureError::ImageUser)
}

fn step(why: String, engine: ContainerEngine, build: ImageBuild) -> Step {
    Step { why, when: When::InTurn, action: Action::BuildImage { engine, build } }
}

/// How this engine builds.
pub fn builder_of(moby: &Moby) -> Builder {
    match moby.engine() {
        ContainerEngine::Podman => Builder::Buildah,
        ContainerEngine::Docker if moby.greeting().buildkit => Builder::BuildKit,
        ContainerEngine::Docker => Builder::Classic,
    }
}

fn plan_with(
    request: &Request<'_>,
    context: &BuildContext,
    flags: &BuildFlags,
    moby: &Moby,
    image: Option<&selection::Found>,
) -> Result<BuildPlan, EnclosureError> {
    let up_to_date = image.is_some() && !flags.no_cache && !flags.pull;
    // The way to a run that is ready asks nothing that only a build needs.
    let help = if up_to_date { NetworkHelp::default() } else { network_help(request.environment)? };
    let build = build_request(request, context, flags, &help);
    let mut bases = BTreeMap::new();
    for base in build.bases() {
        if let Some(found) = moby.image(&base)? {
            bases.insert(base, found.id);
        }
    }
    let previous = if up_to_date {
        None
    } else {
        let repository = image_tag::repository(&request.settings.project.name, &request.experiment.name);
        build.inputs().nearest(inputs_of(moby, &repository)?)
    };
    let facts = BuildFacts {
        builder: builder_of(moby),
        image: image.map(|image| image.labels.clone()),
        previous,
        bases,
    };
    Ok(plan_build(&build, &facts)?)
}

/// The plan for an experiment's image alone, with the engine that is to make it.
pub fn image_plan(request: &Request<'_>) -> Result<(Moby, BuildPlan, String), EnclosureError> {
    let flags = BuildFlags::parse(request.build_words)?;
    let context = request.context()?;
    let empty = NetworkHelp::default();
    let build = build_request(request, &context, &flags, &empty);
    let needs = Needs { tag: build.tag(), bases: build.bases() };
    match selection::select(request.settings.engine.default, request.host, &needs, request.environment)? {
        Selected::Container(container) => {
            let selection::Container { moby, reason, image, engine: _ } = *container;
            let plan = plan_with(request, &context, &flags, &moby, image.as_ref())?;
            Ok((moby, plan, reason))
        }
        Selected::Host { .. } => Err(SelectionError::HostCannot { command: "build-exp" }.into()),
    }
}

/// The requirements file that counts, with the digest of its text.
fn requirements_of(context: &BuildContext) -> Option<(&str, &str)> {
    ["requirements.lock", "requirements.txt"].into_iter().find_map(|name| {
        context.entries.iter().find(|entry| entry.path == name).and_then(|entry| match &entry.kind {
            EntryKind::File { executable: _, size: _, digest } => Some((name, digest.as_str())),
            EntryKind::Link { .. } | EntryKind::Folder => None,
        })
    })
}

fn lock_digest(context: &BuildContext) -> Option<String> {
    requirements_of(context).map(|(_, digest)| digest.to_owned())
}

fn on_host(
    request: &Request<'_>,
    context: &BuildContext,
    refusals: &[String],
) -> Result<Enclosed, EnclosureError> {
    if let Some(EnvironmentSource::Image(image)) = request.source {
        return Err(EnclosureError::ImageOnHost { image: image.clone() });
    }
    let cache = request.environment.cache_dir().ok_or(EnclosureError::NoCache)?;
    let uv = python::uv(request.environment);
    let found = python_for(request, context, uv.as_deref())?;
    let installer = python::installer(request.environment)?;
    let files = match requirements_of(context) {
        Some((name, _)) => requirements::read(&context.directory, name)?,
        None => Vec::new(),
    };
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let facts = venv::Facts {
        folder: &context.directory,
        files: &files,
        beside: &|path| match &context.entries.iter().find(|entry| entry.path == path)?.kind {
            EntryKind::File { executable: _, size: _, digest } => Some(digest.clone()),
            EntryKind::Link { .. } | EntryKind::Folder => None,
        },
        python: &found.python.path,
        python_version: &found.python.version,
        fetch: uv.as_deref().filter(|_| found.to_be_fetched),
        uv: installer.as_deref(),
        platform: &platform,
        cache: &cache,
    };
    let more = request.layer.map(|layer| match layer {
        Layer::Pytest => PYTEST,
        Layer::Notebook => JUPYTERLAB,
    });
    let (path, prepare) = venv::plan(&facts, more)?;
    let engine = &engine::host::Host;
    let fell_back = !refusals.is_empty();
    let (reason, first_line) = if fell_back {
        let reason = refusals.join("; ");
        let first_line = format!(
            "engine: host: a virtual environment of this machine, NOT the experiment's container, and its data can be written to ({reason})"
        );
        (reason, first_line)
    } else {
        let first_line = "engine: host (asked for): a virtual environment of this machine, no container";
        ("asked for".to_owned(), first_line.to_owned())
    };
    let mut notes = Vec::new();
    let mode = request.settings.origin_of("data.mode");
    if request.settings.data.mode == Access::ReadOnly && *mode != Origin::Default {
        notes.push(format!(
            "`data.mode` is `ro` ({mode}), which the host engine cannot keep: its data can be written to"
        ));
    }
    if let Some(note) = absolute_paths(request.experiment) {
        notes.push(note);
    }
    Ok(Enclosed {
        engine,
        moby: None,
        version: format!("Python {}", found.python.version),
        reason,
        enclosure: Enclosure::Venv(path),
        prepare,
        image: None,
        image_id: None,
        lock: lock_digest(context),
        first_line,
        fell_back,
        notes,
    })
}

struct FoundPython {
    python: Python,
    /// uv knows where it will be.
    to_be_fetched: bool,
}

/// A Python of the Dockerfile's minor version: one that is there, or that uv can fetch.
fn python_for(
    request: &Request<'_>,
    context: &BuildContext,
    uv: Option<&Path>,
) -> Result<FoundPython, EnclosureError> {
    let there = |python| FoundPython { python, to_be_fetched: false };
    let wanted = python_version(&context.text).or_else(|| request.settings.env.python.clone());
    let Some(wanted) = wanted else {
        return python::in_use(request.environment).map(there).ok_or(EnclosureError::NoPython);
    };
    let found = python::of_version(&wanted, request.environment)
        .or_else(|| uv.and_then(|uv| python::by_uv(uv, &wanted)));
    if let Some(found) = found {
        return Ok(there(found));
    }
    let said = match uv.map(|uv| python::offered_by_uv(uv, &wanted)) {
        Some(Ok(python)) => return Ok(FoundPython { python, to_be_fetched: true }),
        Some(Err(said)) => Some(said),
        None => None,
    };
    let found = python::in_use(request.environment).map(|python| python.version);
    Err(EnclosureError::Python { found, wanted, uv: said })
}

/// The first absolute `/mnt/` path in the experiment's code: it means nothing outside a container.
fn absolute_paths(experiment: &Experiment) -> Option<String> {
    let mut folders = vec![experiment.dir.clone()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder).ok()?.flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "py")
                && let Ok(text) = std::fs::read_to_string(&path)
                && let Some(number) =
                    text.lines().position(|line| line.contains("\"/mnt/") || line.contains("'/mnt/"))
            {
                let shown = path.strip_prefix(&experiment.dir).unwrap_or(&path).display().to_string();
                return Some(format!(
                    "{shown}:{} has an absolute path below /mnt, which the host engine does not have; relative paths work everywhere",
                    number + 1
                ));
            }
        }
    }
    None
}

fn network_help(environment: &Environment) -> Result<NetworkHelp, NetworkError> {
    let variable = |name: &str| environment.given(name).map(|value| value.to_string_lossy().into_owned());
    network::find(&variable, Path::new("/"))
}

/// What the images of a repository were made from.
fn inputs_of(moby: &Moby, repository: &str) -> Result<Vec<Inputs>, EngineError> {
    let prefix = format!("{repository}:");
    let found = moby.images(&[image_tag::LABEL_INPUTS])?;
    Ok(found
        .into_iter()
        .filter(|image| image.tags.iter().any(|tag| tag.starts_with(&prefix)))
        .filter_map(|image| Inputs::from_label(image.labels.get(image_tag::LABEL_INPUTS)?))
        .collect())
}
