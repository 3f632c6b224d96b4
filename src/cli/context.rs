//! What every operation is given: where it was started, what was typed everywhere, the environment.

use std::path::{Path, PathBuf};

use super::args::Global;
use super::failure::Failure;
use super::ui::Ui;
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::orchestrate::{journal, load};
use crate::project::experiment::Experiment;
use crate::project::layout::Layout;
use crate::project::name::ExperimentName;
use crate::spec::env_vars::Environment;
use crate::spec::hint::Fault;
use crate::spec::settings::Settings;
use crate::spec::settings::layer::Layer;

pub struct Context<'a> {
    pub global: Global,
    pub environment: Environment,
    pub ui: &'a Ui,
    /// Absolute.
    pub directory: PathBuf,
}

/// A project, loaded.
pub struct Project {
    pub layout: Layout,
    pub settings: Settings,
}

impl Project {
    /// The folders as an experiment has them: its own settings may say where its data is.
    pub fn layout_with(&self, settings: &Settings) -> Layout {
        Layout { data: PathBuf::from(&settings.data.path), ..self.layout.clone() }
    }
}

impl<'a> Context<'a> {
    pub fn new(global: Global, environment: Environment, ui: &'a Ui) -> Result<Self, Failure> {
        let start = load::working_directory()?;
        let directory = match &global.directory {
            None => start,
            Some(directory) => {
                let path = start.join(directory);
                if !path.is_dir() {
                    return Err(Failure::user(format!("there is no folder `{}`", directory.display())));
                }
                path.canonicalize().unwrap_or(path)
            }
        };
        Ok(Self { global, environment, ui, directory })
    }

    /// Whether more is to be said (`-v`).
    pub fn verbose(&self) -> bool {
        self.global.verbose > 0
    }

    /// Where digests of files are kept between commands. A dry run keeps nothing, what it has read
    /// included, and so does without.
    pub fn digest_cache(&self) -> Option<PathBuf> {
        if self.global.dry_run { None } else { self.environment.cache_dir() }
    }

    /// The project around the working directory.
    pub fn project(&self) -> Result<Project, Failure> {
        let root = load::experiments::find_project(&self.directory).ok_or_else(|| {
            Failure::user(format!("there is no `scaf.toml` in `{}` or above it", self.directory.display()))
                .hint("`scaf init` makes a project here")
        })?;
        self.project_at(&root)
    }

    pub fn project_at(&self, root: &Path) -> Result<Project, Failure> {
        let loaded = load::settings::load(Some(root), &self.environment, self.flags())?;
        for warning in &loaded.warnings {
            self.ui.warning(warning);
        }
        let mut layout = Layout::new(root);
        layout.code = PathBuf::from(&loaded.settings.project.code);
        layout.data = PathBuf::from(&loaded.settings.data.path);
        Ok(Project { layout, settings: loaded.settings })
    }

    /// The flags that are settings, too.
    pub fn flags(&self) -> Layer {
        Layer::of_flags(
            self.global.engine.map(|engine| ("engine.default", engine.name().to_owned(), "--engine")),
        )
    }

    /// The experiment that is meant, to do something with: its name must be one, unless the project
    /// was laid out by something else.
    pub fn experiment(&self, project: &Project, given: Option<&str>) -> Result<Experiment, Failure> {
        self.fit_to_act_on(project, self.experiment_to_look_at(project, given)?)
    }

    /// The same, or a folder with code that is named and is no experiment for want of an `environment/` alone.
    pub fn experiment_or_code(&self, project: &Project, given: Option<&str>) -> Result<Experiment, Failure> {
        match given.and_then(|given| self.code_alone(project, given)) {
            Some(folder) => self.fit_to_act_on(project, folder),
            None => self.experiment(project, given),
        }
    }

    /// A folder with code that is no experiment for want of an `environment/` alone.
    pub fn code_alone(&self, project: &Project, given: &str) -> Option<Experiment> {
        let name = ExperimentName::adopted(self.plain(project, given))?;
        let lacks = load::experiments::lacks_environment(&project.layout, &name);
        lacks.then(|| Experiment { dir: project.layout.experiment_dir(&name), name })
    }

    /// A name without what a shell completes around it.
    fn plain<'n>(&self, project: &Project, given: &'n str) -> &'n str {
        let code = format!("{}/", project.layout.code.display());
        let plain = given.strip_prefix("./").unwrap_or(given);
        plain.strip_prefix(code.as_str()).unwrap_or(plain).trim_end_matches('/')
    }

    fn fit_to_act_on(&self, project: &Project, experiment: Experiment) -> Result<Experiment, Failure> {
        let Err(error) = ExperimentName::parse(experiment.name.as_str()) else { return Ok(experiment) };
        if project.settings.project.adopted {
            return Ok(experiment);
        }
        let code = project.layout.code.join(experiment.name.as_str());
        let failure =
            Failure::user(format!("the folder `{}` cannot be an experiment: {error}", code.display()));
        let rename = error.hint().map_or_else(String::new, |hint| format!("; {hint}"));
        Err(failure.hint(format!("rename the folder{rename}")).hint(format!(
            "in a project that was laid out before scaf came, `adopted = true` under `[project]` in {} keeps such names",
            crate::project::layout::SETTINGS
        )))
    }

    /// The experiment that is meant: the one named; else the one around the working directory; else
    /// the only one; else, on a terminal, a choice.
    pub fn experiment_to_look_at(
        &self,
        project: &Project,
        given: Option<&str>,
    ) -> Result<Experiment, Failure> {
        if let Some(given) = given {
            return self.named(project, given);
        }
        let all = load::experiments::experiments(&project.layout)?;
        if let Some(around) = all.iter().find(|experiment| self.directory.starts_with(&experiment.dir)) {
            return Ok(around.clone());
        }
        match all.as_slice() {
            [] => {
                let code = project.layout.code.display();
                let failure = Failure::user(format!("there is no experiment in `{code}/` yet"));
                let lacking = load::experiments::all_lacking_environment(&project.layout);
                Err(match lacking.first() {
                    Some(name) => failure.hint(no_environment(name)),
                    None => failure,
                }
                .hint("`scaf new-exp NAME` makes one"))
            }
            [one] => Ok(one.clone()),
            many => self.choose(many),
        }
    }

    /// The experiment of which runs are asked for: one that is there, or one that has left some.
    pub fn experiment_with_runs(
        &self,
        project: &Project,
        given: &str,
        runs: &[journal::Entry],
    ) -> Result<String, Failure> {
        let plain = given.trim_end_matches('/');
        if !plain.is_empty() && runs.iter().any(|run| run.experiment == plain) {
            return Ok(plain.to_owned());
        }
        Ok(self.named(project, given)?.name.to_string())
    }

    fn named(&self, project: &Project, given: &str) -> Result<Experiment, Failure> {
        if given.trim_matches('/').is_empty() {
            return Err(Failure::usage("the name of the experiment is empty"));
        }
        let code = format!("{}/", project.layout.code.display());
        let plain = self.plain(project, given);
        if let Some(name) = ExperimentName::adopted(plain) {
            let dir = project.layout.experiment_dir(&name);
            if dir.join(crate::project::layout::ENVIRONMENT).is_dir() {
                return Ok(Experiment { name, dir });
            }
        }
        if let Some(folder) = self.code_alone(project, given) {
            return Err(lacks_environment(project, &folder));
        }
        let all = load::experiments::experiments(&project.layout)?;
        let mut failure = Failure::user(format!("no experiment named `{given}` in `{code}`"));
        let near = all
            .iter()
            .map(|experiment| (strsim::damerau_levenshtein(experiment.name.as_str(), given), experiment))
            .filter(|(distance, _)| *distance <= 3)
            .min_by_key(|(distance, _)| *distance);
        failure = match near {
            Some((_, experiment)) => failure.hint(format!("did you mean `{}`?", experiment.name)),
            None if all.is_empty() => failure.hint("there is none yet; `scaf new-exp NAME` makes one"),
            None => failure.hint(format!("there are: {}", listed(&all))),
        };
        Err(failure)
    }

    fn choose(&self, many: &[Experiment]) -> Result<Experiment, Failure> {
        use std::io::IsTerminal as _;
        let names: Vec<&str> = many.iter().map(|experiment| experiment.name.as_str()).collect();
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !self.global.json {
            // A Ctrl-C must not end the program while the menu hides the cursor (console 0.16 raises SIGINT).
            let heard = Heard::begin(SignalSource::Process)
                .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
            let chosen = dialoguer::Select::new()
                .with_prompt("which experiment")
                .items(&names)
                .default(0)
                .interact_opt();
            return match chosen {
                Ok(Some(index)) => Ok(many[index].clone()),
                Ok(None) => Err(Failure::user("no experiment was chosen")),
                Err(_) => {
                    // The terminal is gone where this fails, and its cursor with it.
                    let _ = console::Term::stderr().show_cursor();
                    let fault = heard.take().map_or(Fault::User, Fault::Interrupted);
                    Err(Failure { fault, ..Failure::user("no experiment was chosen") })
                }
            };
        }
        Err(Failure::usage("which experiment? there are several")
            .hint(format!("name one of: {}", listed(many))))
    }

    /// What holds for one experiment.
    pub fn settings(&self, project: &Project, experiment: &Experiment) -> Settings {
        project.settings.for_experiment(experiment.name.as_str())
    }
}

/// What is said of a folder with code that is no experiment yet.
pub fn lacks_environment(project: &Project, folder: &Experiment) -> Failure {
    let shown = project.layout.shown(&folder.dir).display();
    Failure::user(format!("`{shown}` has no `environment/` folder, so it is no experiment yet"))
        .hint(no_environment(&folder.name))
}

fn no_environment(name: &ExperimentName) -> String {
    format!("`scaf env lock {name}` makes it, with all that its code needs, pinned")
}

fn listed(all: &[Experiment]) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> =
        all.iter().take(SHOWN).map(|experiment| format!("`{}`", experiment.name)).collect();
    if all.len() > SHOWN {
        names.push(format!("and {} more", all.len() - SHOWN));
    }
    names.join(", ")
}
