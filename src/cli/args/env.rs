//! Arguments of `scaf env`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::project::ExperimentArg;
use super::run::RunOptions;
use crate::spec::lock_target::{Platform, PythonVersion};

#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = "Examples:
  What an experiment's code needs, and where it says so
      scaf env detect digit_recognition
  What any folder needs, also outside of a project
      scaf env detect ~/code/some_repository
  Pin it, with everything that it needs in turn
      scaf env lock digit_recognition"
)]
pub struct EnvArgs {
    #[command(subcommand)]
    pub command: EnvCommand,
}

#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    /// Say which packages code needs, with every place that says so; nothing is executed
    Detect(EnvDetectArgs),
    /// Pin what the code needs, with everything that this needs in turn, for the machine that runs it
    Lock(EnvLockArgs),
    /// Say whether code and pins go together: missing, unused, hidden, stale, another version in use
    Check(EnvCheckArgs),
    /// Import in the image everything that the code imports, and say what is missing
    Prove(EnvProveArgs),
    /// Say what is different between the environments of two experiments or runs
    Diff(EnvDiffArgs),
    /// Write the environment in the words of another tool, so that it can be used without scaf
    Export(EnvExportArgs),
    /// Say why a package is there: the ways that lead to it, from lines of code through packages
    Explain(EnvExplainArgs),
}

/// What the target computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AcceleratorArg {
    /// As the installed builds say
    #[default]
    Installed,
    Cpu,
    Cuda,
}

#[derive(Args, Debug, Default)]
#[command(
    after_long_help = "What is installed in the Python in use is locked as it is, by its metadata, for the target
and not for this machine. What is not installed is chosen by uv, from the package index that is set up
for uv or pip here; uv is fetched into scaf's cache where there is none. Nothing is installed.

It writes `environment/requirements.txt` (what the code needs directly, each line with its reason;
lines without `# why:` are yours and stay) and `environment/requirements.lock` (everything). What
notebooks and tests alone need is kept out of both, in `requirements.notebook.txt` and
`requirements.test.txt` beside the code. A folder with code and no `environment/` gets one, with a
Dockerfile for the Python in use, and is an experiment then.

Examples:
  Pin what an experiment needs
      scaf env lock digit_recognition
  For a GPU machine, from a laptop that has the build for the CPU
      scaf env lock digit_recognition --accelerator cuda
  For ARM, with hashes or not at all
      scaf env lock --platform linux-aarch64 --require-hashes
  What would be written
      scaf env lock --dry-run"
)]
pub struct EnvLockArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub python: PythonArg,
    /// The machine that it is for: linux-x86_64 or linux-aarch64
    #[arg(long, value_name = "PLATFORM", default_value = "linux-x86_64", value_parser = platform)]
    pub platform: Platform,
    /// The Python that it is for, e.g. 3.11; that of the Dockerfile's base image, of the settings, or the one in
    /// use when not given
    #[arg(long, value_name = "VERSION", value_parser = python_version)]
    pub python_version: Option<String>,
    /// What the target computes on, for packages that have a build for each
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub accelerator: AcceleratorArg,
    /// Believe this file (a lock file, a list of requirements, `environment.yml`, …), whatever the others say
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Fail where there can be no hashes
    #[arg(long)]
    pub require_hashes: bool,
    /// Do not ask the package index for hashes
    #[arg(long, conflicts_with = "require_hashes")]
    pub no_hashes: bool,
    /// Ask uv's cache and no package index
    #[arg(long)]
    pub offline: bool,
}

impl EnvLockArgs {
    /// As `scaf env lock` does it without a word.
    pub fn plain(python: &PythonArg, platform: Platform) -> Self {
        Self {
            experiment: ExperimentArg::default(),
            python: python.clone(),
            platform,
            python_version: None,
            accelerator: AcceleratorArg::default(),
            from: None,
            require_hashes: false,
            no_hashes: false,
            offline: false,
        }
    }
}

fn platform(text: &str) -> Result<Platform, String> {
    text.parse().map_err(|()| format!("it is none of {}", Platform::ALL.map(Platform::name).join(", ")))
}

fn python_version(text: &str) -> Result<String, String> {
    match text.parse::<PythonVersion>() {
        Ok(version) if version.major == 3 => Ok(text.to_owned()),
        _ => Err("it is no version of Python 3, such as 3.11 or 3.11.7".to_owned()),
    }
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

/// The tools whose words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// `environment.yml`, for conda, mamba and micromamba
    Conda,
    /// `requirements.txt`, for pip and uv
    Requirements,
    /// `pyproject.toml`, for uv and pip
    Pyproject,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "It is what the lock says, with hashes where the form has a place for them and all have one. What is
not in it (a package that the Dockerfile installs, an index's password) is told on stderr. Wheels that
lie in `environment/` are named by their path from the folder in which the export is to be used: that of
--output, else the working directory.

Examples:
  For a colleague who uses conda
      scaf env export digit_recognition --format conda --output environment.yml
  Into an environment of pip's
      scaf env export --format requirements > requirements.txt
  A project of uv's
      scaf env export digit_recognition --format pyproject --output ~/digits/pyproject.toml"
)]
pub struct EnvExportArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// For which tool
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// Where to; standard output when not given. A file that `scaf env export` has not made is not replaced
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
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
    after_long_help = "Errors: what the code needs and nothing pins (missing), imports for which there is nothing
(unresolved), a lock that is not that of the requirements and the base image (stale-lock), a version
that the package index does not have (no-such-pin). Warnings: a version that was taken back (yanked),
requirements without a lock (no-lock), a module that hides a package or one of Python's own
(shadowed), a pin that nobody needs (unused). Notes: the Python in use against the image's
(other-python) and against the pins (drift). The status is 1 where there is an error, else 0.

uv asks the package index, where there is a uv; an index that does not answer is told and is no
error. `waive` under `[env]` in scaf.toml names packages that are right as they are.

Examples:
  Does the environment hold what the code needs?
      scaf env check digit_recognition
  In CI, against nothing that happens to be installed, without the network
      scaf env check --no-python --offline"
)]
pub struct EnvCheckArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub python: PythonArg,
    /// Do not ask the package index whether it has the pins
    #[arg(long)]
    pub offline: bool,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "Each module is imported in a Python of its own, several side by side; the experiment's own files
are compiled and not run. What the code can do without is imported where it is there. What only
notebooks and tests import is not asked for. It is a run like any other, and kept as one.

What would mend a failure is shown as a change of `environment/`: packages are locked as `scaf env lock`
does it, libraries of the system become a line of the Dockerfile. On a terminal scaf asks whether to
write it.

Examples:
  Is the environment enough?
      scaf env prove digit_recognition
  Mend what can be mended, until it is
      scaf env prove digit_recognition --accept
  With what needs a GPU to be imported
      scaf env prove digit_recognition --gpus"
)]
pub struct EnvProveArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub python: PythonArg,
    /// How long one import may take
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: u32,
    /// Ask for what only notebooks import, too
    #[arg(long)]
    pub notebooks: bool,
    /// Write what would mend what fails, and prove again
    #[arg(long)]
    pub accept: bool,
    #[command(flatten)]
    pub options: RunOptions,
}

/// How long one import may take where nothing else is said.
pub const SECONDS: u32 = 120;

#[derive(Args, Debug)]
#[command(
    after_long_help = "Compared are the packages of the locks (of requirements.txt where there is no lock) with their versions,
origins and files, the indexes, the Python and the base image. A run's are those that it ran with,
whatever has become of its experiment. The status is 0 whether they differ or not, as with
`scaf runs diff`.

Examples:
  What has changed since a run?
      scaf env diff brave_otter digit_recognition
  Two runs
      scaf env diff brave_otter calm_heron
  For a program
      scaf env diff a b --json | jq '.packages[] | select(.change == \"version\")'"
)]
pub struct EnvDiffArgs {
    /// An experiment, or a run as `scaf runs` names it
    #[arg(value_name = "A")]
    pub a: String,
    /// Likewise
    #[arg(value_name = "B")]
    pub b: String,
}
