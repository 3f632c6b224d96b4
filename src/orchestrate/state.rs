//! The state of experiments, for `list` and `show`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::engine::moby::Moby;
use super::execute::surroundings;
use super::load::{environment as environment_folder, parallel};
use super::planner::build::{BuildFlags, BuildRequest};
use super::selection::local_address;
use crate::project::experiment::Experiment;
use crate::project::layout::{COMMON, ENVIRONMENT, Layout};
use crate::spec::env_vars::Environment;
use crate::spec::image_tag::{self, Inputs};
use crate::spec::network::NetworkHelp;
use crate::spec::plan::ContainerEngine;
use crate::spec::settings::{EngineChoice, Settings};

/// An experiment's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    Fresh,
    /// There is one, made from other inputs.
    Stale,
    None,
    /// No engine answers.
    Unknown,
    /// Its inputs cannot be read.
    Broken,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::None => "none",
            Self::Unknown => "no engine",
            Self::Broken => "broken",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    pub experiment: String,
    pub image: Image,
    /// The tag that its inputs make.
    pub tag: Option<String>,
    /// Why a stale image is stale, or what is broken.
    pub why: Vec<String>,
    /// The newest run's name.
    pub last_run: Option<String>,
    /// Parts of the shared code that it links, as they are named there.
    pub shared: Vec<String>,
}

/// The state of each; the engine is asked once.
pub fn all(
    layout: &Layout,
    settings: &Settings,
    experiments: &[Experiment],
    environment: &Environment,
) -> Vec<State> {
    let images = images(settings, environment);
    parallel::map(experiments, |experiment| one(layout, settings, experiment, images.as_ref()))
        .unwrap_or_else(|_| {
            // No thread to be had: one after the other, then.
            experiments.iter().map(|experiment| one(layout, settings, experiment, images.as_ref())).collect()
        })
}

/// Images of this project by tag, with the labels; `None` where no engine answers.
type Images = BTreeMap<String, BTreeMap<String, String>>;

fn images(settings: &Settings, environment: &Environment) -> Option<Images> {
    let kinds: &[ContainerEngine] = match settings.engine.default {
        EngineChoice::Auto => &[ContainerEngine::Docker, ContainerEngine::Podman],
        EngineChoice::Docker => &[ContainerEngine::Docker],
        EngineChoice::Podman => &[ContainerEngine::Podman],
        EngineChoice::Host => &[],
    };
    let label = format!("{}={}", image_tag::LABEL_PROJECT, settings.project.name);
    kinds.iter().find_map(|kind| {
        let surroundings = surroundings(environment);
        let moby = Moby::at(*kind, local_address(*kind, &surroundings).ok()?, &surroundings).ok()?;
        let found = moby.images(&[&label]).ok()?;
        Some(
            found
                .into_iter()
                .flat_map(|image| image.tags.into_iter().map(move |tag| (tag, image.labels.clone())))
                .collect(),
        )
    })
}

fn one(layout: &Layout, settings: &Settings, experiment: &Experiment, images: Option<&Images>) -> State {
    let mut state = State {
        experiment: experiment.name.to_string(),
        image: Image::Unknown,
        tag: None,
        why: Vec::new(),
        last_run: last_run(layout, experiment),
        shared: shared(experiment),
    };
    let context = match environment_folder::read(&experiment.dir.join(ENVIRONMENT), "Dockerfile") {
        Ok(context) => context,
        Err(error) => {
            state.image = Image::Broken;
            state.why.push(error.to_string());
            return state;
        }
    };
    let (flags, help) = (BuildFlags::default(), NetworkHelp::default());
    let request = BuildRequest {
        project: &settings.project.name,
        experiment: &experiment.name,
        context: &context,
        flags: &flags,
        mirror: None,
        network: None,
        help: &help,
    };
    let tag = request.tag();
    if let Some(images) = images {
        let repository = format!("{}:", image_tag::repository(&settings.project.name, &experiment.name));
        let inputs = request.inputs();
        let other = || {
            let ours = images.iter().filter(|(name, _)| name.starts_with(&repository));
            inputs.nearest(
                ours.filter_map(|(_, labels)| Inputs::from_label(labels.get(image_tag::LABEL_INPUTS)?)),
            )
        };
        state.image = if images.contains_key(&tag) {
            Image::Fresh
        } else if let Some(old) = other() {
            state.why = inputs.as_labelled().difference(&old).iter().map(ToString::to_string).collect();
            Image::Stale
        } else {
            Image::None
        };
    }
    state.tag = Some(tag);
    state
}

fn last_run(layout: &Layout, experiment: &Experiment) -> Option<String> {
    let folder = layout.runs_dir().join(experiment.name.as_str());
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    names.sort_unstable();
    names.into_iter().rev().find(|name| folder.join(name).join(super::journal::PLAN).is_file())
}

/// The places below `common/` that are links, wherever they lead.
fn shared(experiment: &Experiment) -> Vec<String> {
    let base = experiment.dir.join(COMMON);
    let mut found = BTreeSet::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    let path = entry.path();
                    found.insert(path.strip_prefix(&base).unwrap_or(&path).to_string_lossy().into_owned());
                }
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => {}
            }
        }
    }
    found.into_iter().collect()
}
