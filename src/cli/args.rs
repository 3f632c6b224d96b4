//! What can be typed. Only the grammar: nothing here looks at a disk.

mod care;
mod dependency;
mod env;
mod job;
mod project;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use care::*;
pub use dependency::*;
pub use env::*;
pub use job::*;
pub use project::*;
pub use run::*;

/// Layered data-science projects: the same experiment in a notebook, in tests, in a GPU container and as
/// a job.
#[derive(Debug, Parser)]
#[command(
    name = "scaf",
    bin_name = "scaf",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Both spellings work everywhere: `scaf local digits --script train.py -- --epochs 8` and\n\
                  `scaf local exp=digits script=train.py script-xargs=\"--epochs 8\"`.\n\
                  `scaf help cmd=local` says more about one command."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Taken by every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Print the shell that does the same, and do nothing
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub dry_run: bool,
    /// One JSON object on stdout (or one line an event)
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// Work as if started in this folder
    #[arg(
        id = "start",
        short = 'C',
        long = "directory",
        global = true,
        value_name = "DIR",
        help_heading = "Everywhere"
    )]
    pub directory: Option<PathBuf>,
    /// What encloses runs; `auto` takes the first that can do it
    #[arg(long, global = true, value_enum, value_name = "ENGINE", help_heading = "Everywhere")]
    pub engine: Option<EngineChoice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    Auto,
    Docker,
    Podman,
    Host,
}

impl EngineChoice {
    /// As the settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Host => "host",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project, or take over one of the ancestor template
    Init(InitArgs),
    /// Make an experiment from a template, runnable at once
    NewExp(NewExpArgs),
    /// List the experiments and their state
    List(ListArgs),
    /// Show one experiment: image, environment, last run, shared parts
    Show(ShowArgs),
    /// Make shared code available in an experiment
    Dependency(DependencyArgs),
    /// The environment, from the code: which packages it needs, and why
    Env(EnvArgs),
    /// Make an experiment's image from its `environment/`
    BuildExp(BuildExpArgs),
    /// Run a script of an experiment in its image
    Local(LocalArgs),
    /// Start JupyterLab in an experiment's image
    Jupyter(JupyterArgs),
    /// Open a shell in an experiment's image
    Terminal(TerminalArgs),
    /// Run an experiment's tests in its image
    Test(TestArgs),
    /// Hand an experiment to a target, as its job file says
    Job(JobArgs),
    /// Jobs that were handed over: how they are, what they say, their end, their outputs
    Jobs(JobsArgs),
    /// What was run, with what, and how it ended
    Runs(RunsArgs),
    /// Look for what a reviewer would ask: layers, links, job files, notebooks
    Check(CheckArgs),
    /// Put code in order with a pinned ruff: imports, lint, layout
    Format(FormatArgs),
    /// What scaf has running, or left
    Ps(PsArgs),
    /// Stop runs: ask, wait, kill
    Stop(StopArgs),
    /// Reclaim space: show what can go, with sizes, and remove it
    Gc(GcArgs),
    /// Show every setting, its value, and where it was set
    Config(ConfigArgs),
    /// Carry out a stored plan: what sees to a job
    #[command(hide = true)]
    RunPlan(RunPlanArgs),
    /// Say what was found, what is wrong, and what mends it
    Doctor(DoctorArgs),
    /// Write a Makefile with which the project goes on without scaf
    Eject(EjectArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
    /// Explain a command: what it does, its arguments with defaults, examples
    Help(HelpArgs),
}
