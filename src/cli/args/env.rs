//! Arguments of `scaf env`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::project::ExperimentArg;
use super::run::RunOptions;

#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = "Examples:
  What an experiment's code needs, and where it says so
      scaf env detect digit_recognition
  What any folder needs, also outside of a project
      scaf env detect ~/code/some_repository"
)]
pub struct EnvArgs {
    #[command(subcommand)]
    pub command: EnvCommand,
}

#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    /// Say which packages code needs, with every place that says so; nothing is executed
    Detect(EnvDetectArgs),
    /// Say whether code and pins go together: missing, unused, hidden, stale, another version in use
    Check(EnvCheckArgs),
    /// Import in the image everything that the code imports, and say what is missing
    Prove(EnvProveArgs),
    /// Say why a package is there: the ways that lead to it, from lines of code through packages
    Explain(EnvExplainArgs),
}

/// Which Python's packages are looked at, and for which machine.
#[derive(Args, Clone, Debug, Default)]
pub struct PythonArg {
    /// The interpreter, or its environment's folder, whose packages are looked at; that of VIRTUAL_ENV,
    /// CONDA_PREFIX, `.venv`, or the first on the PATH when not given
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<PathBuf>,
    /// Look at no installed packages at all
    #[arg(long, conflicts_with = "python")]
    pub no_python: bool,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "Folders are looked at whole, files with what they import. Imports are looked for
in the order in which Python does; a name that nothing here provides is looked up in a table, and
taken as it is when that has it not (`guess`). No package index is asked.

Examples:
  An experiment
      scaf env detect digit_recognition
  A script with everything that it imports, against another environment
      scaf env detect train.py --python ~/envs/torch
  For a program
      scaf env detect --json | jq '.third_party | keys'"
)]
pub struct EnvDetectArgs {
    /// An experiment, or files and folders anywhere; the experiment around the working directory, or the
    /// only one, when not given
    #[arg(value_name = "EXP|PATH")]
    pub what: Vec<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "what")]
    pub exp: Option<String>,
    #[command(flatten)]
    pub python: PythonArg,
    /// Print the JSON schema of what --json prints, and do nothing
    #[arg(long)]
    pub schema: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Why is it there at all?
      scaf env explain triton
  By the name that is imported
      scaf env explain cv2 digit_recognition")]
pub struct EnvExplainArgs {
    /// The package, or a module of it
    #[arg(value_name = "PACKAGE")]
    pub package: String,
    /// An experiment, or files and folders anywhere; the experiment around the working directory, or the
    /// only one, when not given
    #[arg(value_name = "EXP|PATH")]
    pub what: Vec<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "what")]
    pub exp: Option<String>,
    #[command(flatten)]
    pub python: PythonArg,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "The status is 1 where something is missing or the lock is older than what it was made of, else 0.
`waive` under `[env]` in scaf.toml names packages that are right as they are.

Examples:
  Does the environment hold what the code needs?
      scaf env check digit_recognition
  In CI, against nothing that happens to be installed
      scaf env check --no-python"
)]
pub struct EnvCheckArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub python: PythonArg,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "Each module is imported in a Python of its own, several side by side; the experiment's own files
are compiled and not run. What only notebooks and tests import is not asked for. It is a run like any
other, and kept as one.

Examples:
  Is the environment enough?
      scaf env prove digit_recognition
  With what needs a GPU to be imported
      scaf env prove digit_recognition --gpus"
)]
pub struct EnvProveArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub python: PythonArg,
    /// How long one import may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub seconds: u32,
    #[command(flatten)]
    pub options: RunOptions,
}
