//! What `scaf dependency` and `scaf check` take.

use clap::Args;

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Make src/common/text.py available in an experiment
      scaf dependency digits text.py
  A whole folder, and one file of another
      scaf dependency digits logging io/csv.py
  What is linked; whether it is in order, and complete
      scaf dependency digits --list
      scaf dependency digits --check
  Take it out again
      scaf dependency digits --remove text.py")]
pub struct DependencyArgs {
    /// The experiment, where it is not the one around the working directory or the only one; then paths
    /// inside `src/common`
    #[arg(value_name = "[EXP] PATH")]
    pub words: Vec<String>,
    #[arg(long, hide = true, value_name = "EXP")]
    pub exp: Option<String>,
    #[arg(long = "dep", hide = true, value_name = "PATH")]
    pub deps: Vec<String>,
    /// List what is linked
    #[arg(long, conflicts_with_all = ["remove", "check"])]
    pub list: bool,
    /// Take it out of the experiment
    #[arg(long, conflicts_with = "check")]
    pub remove: bool,
    /// Look whether every link is in order and everything that is used is linked
    #[arg(long)]
    pub check: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  The whole project
      scaf check
  One experiment, and the shared code that it has linked
      scaf check digits
  For a pipeline: one object on stdout, status 1 when something was found
      scaf check --json

A comment on a line waives a rule there: `# scaf: allow RULE`. docs/reference/checks.md explains each rule.")]
pub struct CheckArgs {
    #[command(flatten)]
    pub experiment: OptionalExperimentArg,
    /// List the rules
    #[arg(long)]
    pub rules: bool,
}

/// An experiment that narrows a command down; everything when not given.
#[derive(Args, Clone, Debug, Default)]
pub struct OptionalExperimentArg {
    /// Only this experiment; the whole project when not given
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "experiment")]
    pub exp: Option<String>,
}

impl OptionalExperimentArg {
    pub fn given(&self) -> Option<&str> {
        self.experiment.as_deref().or(self.exp.as_deref())
    }
}
