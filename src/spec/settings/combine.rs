//! The one rule by which layers become settings: each assignment in turn sets its value, so that a
//! later one wins. Order: defaults, the user's file, `scaf.toml`, `scaf.local.toml`, the tables of the
//! experiment (in the same files' order), the environment, flags.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layer::{Assignment, Layer, Which};
use super::origin::Origin;
use super::{Settings, TARGET_KINDS, keys};
use crate::spec::hint::Explain;
use crate::spec::place::{Problem, listed, near_miss};

/// Everything that is wrong with the settings, of all files at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{} in the settings\n\n{}", count(problems), listed(problems))]
pub struct SettingsError {
    pub problems: Vec<Problem>,
}

fn count(problems: &[Problem]) -> String {
    if problems.len() == 1 { "a problem".to_owned() } else { format!("{} problems", problems.len()) }
}

impl Explain for SettingsError {
    fn hints(&self) -> Vec<String> {
        vec!["`scaf help cmd=config` says what every setting takes".to_owned()]
    }
}

/// The layers of one invocation, whose every value is known to be good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// The name of the project's folder.
    folder: String,
    files: Vec<Layer>,
    environment: Layer,
    flags: Layer,
}

impl Layers {
    /// Checks every value, also of tables for other experiments than the one that is to run, and
    /// also such as a later layer hides.
    pub fn new(
        folder: impl Into<String>,
        files: Vec<Layer>,
        environment: Layer,
        flags: Layer,
    ) -> Result<Self, SettingsError> {
        let layers = Self { folder: folder.into(), files, environment, flags };
        let mut problems: Vec<Problem> = layers.all().filter_map(check).collect();
        problems.extend(layers.nameless_targets());
        problems.extend(layers.unknown_job_targets());
        if problems.is_empty() { Ok(layers) } else { Err(SettingsError { problems }) }
    }

    fn all(&self) -> impl Iterator<Item = &Assignment> {
        self.files.iter().chain([&self.environment, &self.flags]).flat_map(|layer| &layer.assignments)
    }

    /// The settings of the project, or of one of its experiments.
    pub fn combine(&self, experiment: Option<&str>) -> Settings {
        let mut settings = Settings::default();
        if !self.folder.is_empty() {
            settings.project.name.clone_from(&self.folder);
        }
        let files = || self.files.iter().flat_map(|layer| &layer.assignments);
        let general = files().filter(|assignment| assignment.experiment.is_none());
        let particular = files().filter(|a| a.experiment.is_some() && a.experiment.as_deref() == experiment);
        let rest = [&self.environment, &self.flags].into_iter().flat_map(|layer| &layer.assignments);
        for assignment in general.chain(particular).chain(rest) {
            // Checked by `new`: an assignment that cannot be made is not here.
            if apply(assignment, &mut settings).is_ok() {
                settings.origins.insert(assignment.name(), assignment.origin.clone());
            }
        }
        for (name, target) in &mut settings.targets {
            if target.kind.is_empty() {
                target.kind.clone_from(name);
            }
        }
        settings.layers = Arc::new(self.clone());
        settings
    }

    pub fn experiments(&self) -> Vec<(String, Origin)> {
        let mut first: BTreeMap<String, Origin> = BTreeMap::new();
        for assignment in self.all() {
            if let Some(experiment) = &assignment.experiment {
                first.entry(experiment.clone()).or_insert_with(|| assignment.origin.clone());
            }
        }
        first.into_iter().collect()
    }

    /// Targets of whom nothing says what kind they are.
    fn nameless_targets(&self) -> Vec<Problem> {
        let mut seen: BTreeMap<&str, (&Assignment, bool)> = BTreeMap::new();
        for assignment in self.all() {
            if let (Some(target), Which::Target(key)) = (&assignment.target, assignment.which) {
                seen.entry(target).or_insert((assignment, false)).1 |= key.name == "kind";
            }
        }
        seen.into_iter()
            .filter(|(name, (_, kind))| !kind && !TARGET_KINDS.contains(name))
            .map(|(name, (first, _))| {
                let hint = match near_miss(name, TARGET_KINDS) {
                    Some(kind) => format!("did you mean `[targets.{kind}]`?"),
                    None => format!(
                        "add `kind = \"{}\"` or another of {}",
                        TARGET_KINDS[0],
                        TARGET_KINDS.join(", ")
                    ),
                };
                first.problem(format!("`[targets.{name}]` does not say its `kind`"), Some(hint))
            })
            .collect()
    }

    /// `job.target` names a target that is not there.
    fn unknown_job_targets(&self) -> Vec<Problem> {
        let declared: Vec<&str> =
            self.all().filter_map(|assignment| assignment.target.as_deref()).chain(TARGET_KINDS).collect();
        self.all()
            .filter(|assignment| assignment.name() == "job.target")
            .filter_map(|assignment| {
                let mut scratch = Settings::default();
                apply(assignment, &mut scratch).ok()?;
                let name = scratch.job.target;
                if declared.contains(&name.as_str()) {
                    return None;
                }
                let hint = match near_miss(&name, declared.iter().copied()) {
                    Some(other) => format!("did you mean `{other}`?"),
                    None => format!("add a `[targets.{name}]` table with its `kind`"),
                };
                Some(assignment.problem(format!("there is no target `{name}`"), Some(hint)))
            })
            .collect()
    }
}

fn apply(assignment: &Assignment, settings: &mut Settings) -> Result<(), keys::Wrong> {
    match assignment.which {
        Which::Plain(key) => (key.set)(settings, &assignment.raw),
        Which::Target(key) => {
            let name = assignment.target.clone().unwrap_or_default();
            (key.set)(settings.targets.entry(name).or_default(), &assignment.raw)
        }
    }
}

fn check(assignment: &Assignment) -> Option<Problem> {
    let wrong = apply(assignment, &mut Settings::default()).err()?;
    let what = match &assignment.origin {
        // "wants a string, …" goes on from the key's name; a sentence of its own stands behind a colon.
        Origin::File { .. } if wrong.what.starts_with('`') => {
            format!("`{}`: {}", assignment.name(), wrong.what)
        }
        Origin::File { .. } => format!("`{}` {}", assignment.name(), wrong.what),
        // The variable or the flag is named before it.
        Origin::Default | Origin::Variable { .. } | Origin::Flag { .. } => wrong.what,
    };
    Some(assignment.problem(what, wrong.hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::env_vars::Environment;
    use crate::spec::mount::Access;
    use crate::spec::settings::origin::SettingsFile;
    use crate::spec::settings::read::read;
    use crate::spec::settings::{EngineChoice, GpuSetting, RunAs};

    fn layer(which: SettingsFile, file: &str, text: &str) -> Layer {
        let (layer, problems) = read(which, file, text);
        assert_eq!(problems, [], "{file}");
        layer
    }

    fn project(text: &str) -> Result<Layers, SettingsError> {
        Layers::new(
            "folder",
            vec![layer(SettingsFile::Project, "scaf.toml", text)],
            Layer::default(),
            Layer::default(),
        )
    }

    #[test]
    fn later_layers_win_and_say_where() {
        let environment = Environment::of([("SCAF_NETWORK", "from-variable"), ("SCAF_DATA", "")]);
        let layers = Layers::new(
            "folder",
            vec![
                layer(SettingsFile::User, "~/.config/scaf/config.toml", "[engine]\nuser = \"image\"\ndefault = \"podman\"\n"),
                layer(
                    SettingsFile::Project,
                    "scaf.toml",
                    "[project]\nname = \"digits\"\n[engine]\ndefault = \"docker\"\nnetwork = \"from-file\"\n[experiment.\"vision/digits\".data]\nmode = \"rw\"\n",
                ),
                layer(SettingsFile::Local, "scaf.local.toml", "data.mode = \"ro\"\ndata.path = \"/srv\"\n"),
            ],
            Layer::of_environment(&environment),
            Layer::of_flags([("engine.default", "host".to_owned(), "--engine")]),
        )
        .unwrap();
        let settings = layers.combine(None);
        assert_eq!(settings.project.name, "digits");
        assert_eq!(settings.engine.default, EngineChoice::Host);
        assert_eq!(settings.engine.user, RunAs::Image);
        assert_eq!(settings.engine.network.as_deref(), Some("from-variable"));
        assert_eq!(settings.data.mode, Access::ReadOnly);
        // An empty variable sets nothing.
        assert_eq!(settings.data.path, "/srv");
        assert_eq!(settings.origin_of("engine.default").to_string(), "--engine");
        assert_eq!(settings.origin_of("engine.network").to_string(), "SCAF_NETWORK in the environment");
        assert_eq!(settings.origin_of("engine.user").to_string(), "~/.config/scaf/config.toml:2");
        assert_eq!(settings.origin_of("project.code"), &Origin::Default);

        let digits = settings.for_experiment("vision/digits");
        assert_eq!(digits.data.mode, Access::ReadWrite);
        assert_eq!(digits.origin_of("data.mode").to_string(), "scaf.toml:7 ([experiment.\"vision/digits\"])");
        assert_eq!(settings.for_experiment("vision").data.mode, Access::ReadOnly);
        assert_eq!(settings.experiments().len(), 1);
    }

    #[test]
    fn the_name_of_the_folder_is_the_default_name() {
        assert_eq!(project("").unwrap().combine(None).project.name, "folder");
    }

    #[test]
    fn every_wrong_value_is_named_at_once_with_its_place() {
        let error = project(
            "[engine]\ndefault = \"dokcer\"\ngpus = \"some\"\nshm_size = \"big\"\nuser = 3\n\
             [images]\nmirror = \"https://registry.example.com/hub\"\n\
             [data]\nmode = \"r\"\npath = \"~/data\"\n\
             [env]\npython = 3.12\nwaive = \"horovod\"\n\
             [run]\nscript = \"../x.py\"\nenv = [\"1A\"]\n\
             [targets.cloud]\nworkspace = \"w\"\n[job]\ntarget = \"clout\"\n",
        )
        .unwrap_err();
        insta::assert_snapshot!(error.to_string());
    }

    #[test]
    fn wrong_variables_and_flags_are_named() {
        let environment = Environment::of([("SCAF_ENGINE", "lxc"), ("SCAF_RUN_ENV", "'open")]);
        let error = Layers::new(
            "",
            Vec::new(),
            Layer::of_environment(&environment),
            Layer::of_flags([("engine.gpus", "-1".to_owned(), "--gpus")]),
        )
        .unwrap_err();
        insta::assert_snapshot!(error.to_string());
    }

    #[test]
    fn targets_take_their_kind_from_their_name() {
        let settings = project(
            "[targets.azureml]\nworkspace = \"w\"\nresource_group = \"g\"\n[targets.cloud]\nkind = \"azureml\"\nxargs = [\"--debug\"]\n",
        )
        .unwrap()
        .combine(None);
        assert_eq!(settings.targets["azureml"].kind, "azureml");
        assert_eq!(settings.targets["cloud"].kind, "azureml");
        assert_eq!(settings.targets["cloud"].xargs, ["--debug"]);
        assert_eq!(settings.origin_of("targets.azureml.workspace").to_string(), "scaf.toml:2");
    }

    #[test]
    fn gpu_settings() {
        use crate::spec::gpu::GpuRequest;
        for (text, setting) in [
            ("\"off\"", GpuSetting::Off),
            ("\"optional\"", GpuSetting::Optional(GpuRequest::All)),
            ("\"optional:free:1\"", GpuSetting::Optional(GpuRequest::Free(Some(1)))),
            ("\"required\"", GpuSetting::Required(GpuRequest::All)),
            ("2", GpuSetting::Required(GpuRequest::Count(2))),
            ("\"device=0,1\"", GpuSetting::Required(GpuRequest::Devices(vec!["0".into(), "1".into()]))),
        ] {
            let settings = project(&format!("engine.gpus = {text}\n")).unwrap().combine(None);
            assert_eq!(settings.engine.gpus, setting);
        }
    }
}
