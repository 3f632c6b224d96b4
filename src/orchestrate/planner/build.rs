//! Whether an experiment's image is to be made, how, and why. Pure: what was read and asked goes in.

use std::collections::BTreeMap;

use crate::project::name::ExperimentName;
use crate::spec::build_context::BuildContext;
use crate::spec::dockerfile::{Base, BuildHelp, Dockerfile, User, rewrite};
use crate::spec::hint::{Explain, Fault};
use crate::spec::image::{ArgValue, Builder, ImageBuild, PlainText};
use crate::spec::image_tag::{self, Inputs, Reason};
use crate::spec::network::{ForBuild, NetworkHelp};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct BuildRequest<'a> {
    /// The project's name, from its settings.
    pub project: &'a str,
    pub experiment: &'a ExperimentName,
    pub context: &'a BuildContext,
    pub flags: &'a BuildFlags,
    /// `images.mirror`.
    pub mirror: Option<&'a str>,
    /// `images.build_network`.
    pub network: Option<&'a str>,
    pub help: &'a NetworkHelp,
}

/// What `build-xargs` may say: these flags of `docker build`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildFlags {
    pub args: BTreeMap<String, ArgValue>,
    pub no_cache: bool,
    pub pull: bool,
    pub network: Option<String>,
}

/// What is true of the engine that will build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildFacts {
    pub builder: Builder,
    /// The labels of the image with the tag of the request, if it is there.
    pub image: Option<BTreeMap<String, String>>,
    /// The inputs of the nearest other image of this experiment, for saying why.
    pub previous: Option<Inputs>,
    /// Ids of the base images that are there, by the name in the Dockerfile (mirror applied).
    pub bases: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPlan {
    pub tag: String,
    /// `None`: the image is there and up to date.
    pub build: Option<ImageBuild>,
    pub why: Vec<Reason>,
    /// Base images that have moved since the image was made: name, id then, id now. Said, never acted
    /// upon: the tag is the hash of what is in the project.
    pub moved: Vec<Moved>,
    /// What the user should know.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub image: String,
    pub was: String,
    pub now: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BuildPlanError {
    #[error("`{path}` has no `FROM`")]
    NoStage { path: String },
    #[error("`{path}:{line}`: the base image `{word}` has a variable without a value")]
    Base { path: String, line: usize, word: String, variable: Option<String> },
    #[error("the package index in {} has a password, and this engine's builder cannot keep secrets", quoted(.places))]
    Credentials { places: Vec<String> },
    #[error("`{place}` leads to `{host}`, this machine itself, where a build cannot reach it")]
    Local { place: String, host: String },
    #[error("`{option}` is not among the options of a build that scaf knows")]
    UnknownFlag { option: String },
    #[error("`{option}` wants a value")]
    NoValue { option: String },
    #[error("`--build-arg {name}` would put the value of `{name}` on this machine into the image's history")]
    ArgumentFromHost { name: String },
}

fn quoted(places: &[String]) -> String {
    places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ")
}

impl Explain for BuildPlanError {
    fn fault(&self) -> Fault {
        match self {
            Self::UnknownFlag { .. } | Self::NoValue { .. } | Self::ArgumentFromHost { .. } => Fault::Usage,
            Self::NoStage { .. } | Self::Base { .. } => Fault::User,
            Self::Credentials { .. } | Self::Local { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoStage { .. } => vec!["begin with a base image: `FROM python:3.11-slim`".to_owned()],
            Self::Base { variable: Some(name), .. } => vec![
                format!("give it a default above the first `FROM`: `ARG {name}=…`"),
                format!("or a value: `--build-xargs \"--build-arg {name}=…\"`"),
            ],
            Self::Base { variable: None, .. } => vec!["write the image's name out".to_owned()],
            Self::Credentials { .. } => vec![
                "use an engine that can: docker 18.09 or later, or podman".to_owned(),
                "or an index without a password".to_owned(),
            ],
            Self::Local { .. } => vec![
                "let builds share this machine's network: `--build-xargs \"--network host\"`, or `build_network = \"host\"` under `[images]`".to_owned(),
                "or give this machine's address in the network instead of `localhost`".to_owned(),
            ],
            Self::UnknownFlag { .. } | Self::NoValue { .. } => vec![format!("these are known: {FLAGS}")],
            Self::ArgumentFromHost { name } => vec![
                format!("say the value, if it is no secret: `--build-arg {name}=…`"),
                "a secret belongs in `RUN --mount=type=secret`, not in a build argument".to_owned(),
            ],
        }
    }
}

const FLAGS: &str = "`--build-arg NAME=VALUE`, `--no-cache`, `--pull`, `--network NAME`";

impl BuildFlags {
    /// Reads the words of `build-xargs`.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, BuildPlanError> {
        let mut flags = Self::default();
        let mut words = words.iter().map(AsRef::as_ref);
        while let Some(word) = words.next() {
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let mut value = || {
                joined
                    .map(str::to_owned)
                    .or_else(|| words.next().map(str::to_owned))
                    .ok_or_else(|| BuildPlanError::NoValue { option: name.to_owned() })
            };
            match name {
                "--build-arg" => {
                    let given = value()?;
                    match given.split_once('=') {
                        Some((name, value)) => {
                            flags.args.insert(name.to_owned(), ArgValue::Plain(value.to_owned()));
                        }
                        None if image_tag::PROXIES.contains(&given.as_str()) => {
                            flags.args.insert(given, ArgValue::FromHost);
                        }
                        None => return Err(BuildPlanError::ArgumentFromHost { name: given }),
                    }
                }
                "--network" => flags.network = Some(value()?),
                "--no-cache" => flags.no_cache = switch(word, joined)?,
                "--pull" => flags.pull = switch(word, joined)?,
                _ => return Err(BuildPlanError::UnknownFlag { option: name.to_owned() }),
            }
        }
        Ok(flags)
    }

    /// The words that are part of what the image is; how it is made this once is not.
    pub fn lasting(&self) -> Vec<String> {
        let Self { args, no_cache: _, pull: _, network } = self;
        let mut words = Vec::new();
        for (name, value) in args {
            words.push("--build-arg".to_owned());
            words.push(match value {
                ArgValue::Plain(value) => format!("{name}={value}"),
                ArgValue::FromHost => name.clone(),
            });
        }
        if let Some(network) = network {
            words.extend(["--network".to_owned(), network.clone()]);
        }
        words
    }
}

fn switch(word: &str, value: Option<&str>) -> Result<bool, BuildPlanError> {
    match value {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(BuildPlanError::UnknownFlag { option: word.to_owned() }),
    }
}

impl BuildRequest<'_> {
    pub fn inputs(&self) -> Inputs {
        Inputs::of(self.context, &self.flags.args)
    }

    /// The name of the image, known before anything is asked.
    pub fn tag(&self) -> String {
        image_tag::tag(self.project, self.experiment, &self.inputs())
    }

    /// The base images under the names that the engine will be asked for.
    pub fn bases(&self) -> Vec<String> {
        let file = Dockerfile::read(&self.context.text, &image_tag::plain(&self.flags.args));
        file.externals().into_iter().map(|one| self.through_mirror(one.image)).collect()
    }

    /// Whose processes will be those of the image; a base under the name that the engine will be asked for.
    pub fn user(&self) -> User {
        let file = Dockerfile::read(&self.context.text, &image_tag::plain(&self.flags.args));
        match file.user() {
            User::OfBase(image) => User::OfBase(self.through_mirror(image)),
            user @ (User::Named(_) | User::Unknown) => user,
        }
    }

    fn through_mirror(&self, image: String) -> String {
        let behind =
            self.mirror.and_then(|mirror| crate::spec::dockerfile::Reference::parse(&image).behind(mirror));
        behind.unwrap_or(image)
    }
}

/// The plan for an experiment's image.
pub fn plan_build(request: &BuildRequest<'_>, facts: &BuildFacts) -> Result<BuildPlan, BuildPlanError> {
    let BuildRequest { project, experiment, context, flags, mirror, network, help } = request;
    let BuildFacts { builder, image, previous, bases } = facts;
    let inputs = request.inputs();
    let tag = image_tag::tag(project, experiment, &inputs);
    let file = Dockerfile::read(&context.text, &image_tag::plain(&flags.args));
    check_bases(&file, &context.directory.join(&context.dockerfile).to_string_lossy())?;

    let mut why = Vec::new();
    if flags.no_cache {
        why.push(Reason::Asked { option: "--no-cache".to_owned() });
    }
    if flags.pull {
        why.push(Reason::Asked { option: "--pull".to_owned() });
    }
    let mut moved = Vec::new();
    match image {
        Some(labels) => {
            let then: BTreeMap<String, String> = labels
                .get(image_tag::LABEL_BASE)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            for (image, was) in then {
                if let Some(now) = bases.get(&image).filter(|now| **now != was) {
                    moved.push(Moved { image, was, now: now.clone() });
                }
            }
            if why.is_empty() {
                return Ok(BuildPlan { tag, build: None, why, moved, notes: Vec::new() });
            }
        }
        None => match previous {
            None => why.push(Reason::First),
            Some(old) => {
                let reasons = inputs.as_labelled().difference(old);
                if reasons.is_empty() {
                    why.push(Reason::Gone);
                }
                why.extend(reasons);
            }
        },
    }

    let network = flags.network.as_deref().or(*network);
    let mut notes = Vec::new();
    let for_build = help_for(help, *builder, network, &context.text, &mut notes)?;
    let plain = plain_text(&context.text, *mirror, &for_build, &image_tag::plain(&flags.args));
    let mut args = for_build.args;
    // What the user says beats what was found.
    args.extend(flags.args.clone());
    let mut labels = labels(project, experiment.as_str(), &inputs);
    if !flags.pull && !bases.is_empty() {
        labels.insert(image_tag::LABEL_BASE.to_owned(), serde_json::to_string(bases).unwrap_or_default());
    }
    let text = rewrite(
        &context.text,
        &BuildHelp {
            mirror: mirror.map(str::to_owned),
            secrets: for_build.mounts,
            env: for_build.env,
            caches: builder.knows_mounts(),
            args: image_tag::plain(&flags.args),
        },
    );
    let build = ImageBuild {
        tag: tag.clone(),
        context: context.directory.clone(),
        dockerfile: context.dockerfile.clone(),
        text,
        plain,
        args,
        labels,
        secrets: for_build.secrets,
        network: network.map(str::to_owned),
        pull: flags.pull,
        no_cache: flags.no_cache,
        builder: *builder,
    };
    Ok(BuildPlan { tag, build: Some(build), why, moved, notes })
}

pub(super) fn labels(project: &str, experiment: &str, inputs: &Inputs) -> BTreeMap<String, String> {
    BTreeMap::from([
        (image_tag::LABEL_PROJECT.to_owned(), project.to_owned()),
        (image_tag::LABEL_EXPERIMENT.to_owned(), experiment.to_owned()),
        (image_tag::LABEL_INPUTS.to_owned(), inputs.to_label()),
    ])
}

/// The text that a builder of old makes the same image from, if there is one.
pub(super) fn plain_text(
    text: &str,
    mirror: Option<&str>,
    help: &ForBuild,
    args: &BTreeMap<String, String>,
) -> Option<PlainText> {
    let file = Dockerfile::read(text, args);
    let own_mounts = file.instructions.iter().any(|one| !one.mounts().is_empty() || !one.heredocs.is_empty());
    if !help.secrets.is_empty() || own_mounts || file.syntax.is_some() {
        return None;
    }
    let rewritten = rewrite(
        text,
        &BuildHelp {
            mirror: mirror.map(str::to_owned),
            secrets: Vec::new(),
            env: help.env.clone(),
            caches: false,
            args: args.clone(),
        },
    );
    Some(rewritten.map_or(PlainText::Own, PlainText::Text))
}

fn check_bases(file: &Dockerfile, path: &str) -> Result<(), BuildPlanError> {
    if file.stages.is_empty() {
        return Err(BuildPlanError::NoStage { path: path.to_owned() });
    }
    for stage in &file.stages {
        if let Base::Unknown(word) = &stage.base {
            let name: String = word
                .split_once('$')
                .map(|(_, rest)| rest.trim_start_matches('{'))
                .unwrap_or_default()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            // Those that Docker itself sets (TARGETARCH and its like) are for the builder to fill in.
            if name.starts_with("TARGET") || name.starts_with("BUILD") {
                continue;
            }
            return Err(BuildPlanError::Base {
                path: path.to_owned(),
                line: stage.line,
                word: word.clone(),
                variable: Some(name).filter(|name| !name.is_empty()),
            });
        }
    }
    Ok(())
}

/// What of this machine's network the build gets.
pub(super) fn help_for(
    help: &NetworkHelp,
    builder: Builder,
    network: Option<&str>,
    text: &str,
    notes: &mut Vec<String>,
) -> Result<ForBuild, BuildPlanError> {
    let file = Dockerfile::read(text, &BTreeMap::new());
    if !file.instructions.iter().any(|one| one.keyword == "RUN") {
        return Ok(ForBuild::default());
    }
    if network != Some("host")
        && let Some(local) = help.local.first()
    {
        return Err(BuildPlanError::Local { place: local.place.clone(), host: local.host.clone() });
    }
    notes.extend(help.left_out.iter().cloned());
    if builder.knows_mounts() {
        return Ok(help.for_build(text.contains("uv")));
    }
    if !help.credentials.is_empty() {
        return Err(BuildPlanError::Credentials { places: help.credentials.clone() });
    }
    if help.needs_secrets() {
        notes.push(
            "this engine's builder cannot keep secrets, so the package index and the certificates of this \
             machine are not known in the build: use docker 18.09 or later, or podman"
                .to_owned(),
        );
    }
    Ok(help.proxies_only())
}

#[cfg(test)]
mod tests;
