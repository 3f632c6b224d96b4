//! Arguments of the commands that build and run.

use clap::{Args, Subcommand, ValueEnum};

use super::project::ExperimentArg;

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Make the image, or do nothing when it is up to date
      scaf build-exp digit_recognition
  Build every layer anew with a build argument
      scaf build-exp digit_recognition --build-xargs=\"--no-cache --build-arg FLAVOUR=slim\"
  And import in it everything that the code imports
      scaf build-exp digit_recognition --prove")]
pub struct BuildExpArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// Extra arguments of the build: --build-arg, --no-cache, --pull, --network
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub build_xargs: Option<String>,
    /// Then import in it everything that the code imports, as `scaf env prove` does
    #[arg(long)]
    pub prove: bool,
}

/// What can be said about any run.
#[derive(Args, Clone, Debug, Default)]
pub struct RunOptions {
    /// GPUs: all (also the flag alone), N, device=0,2, device=UUID, free, free:N
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub gpus: Option<String>,
    /// Environment variable inside: NAME=VALUE, or NAME to pass the one outside on
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// How `data/` is mounted
    #[arg(long, value_enum, value_name = "MODE")]
    pub data: Option<DataMode>,
    /// Extra arguments of `docker run` (see `scaf help cmd=local`), one string
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub run_xargs: Option<String>,
    /// Extra arguments of the build, should one be needed, one string
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub build_xargs: Option<String>,
}

impl RunOptions {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        let Self { gpus, env, data, run_xargs, build_xargs } = self;
        gpus.is_none() && env.is_empty() && data.is_none() && run_xargs.is_none() && build_xargs.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataMode {
    Ro,
    Rw,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "The run-xargs may hold these flags of `docker run`: --gpus, --ipc, --shm-size, -e/--env,
--env-file, -v/--volume, --mount, -p/--publish, --network, -m/--memory, --cpus, --ulimit, --device,
--cap-add, --security-opt, --add-host, --entrypoint.

Examples:
  Run local.py of an experiment
      scaf local digit_recognition
  Another script, on all GPUs, with arguments of its own
      scaf local digit_recognition --script train.py --gpus all -- --epochs 8
  The same, as typed to make
      scaf local exp=digits script=train.py run-xargs=\"--gpus all\" script-xargs=\"--epochs 8\""
)]
pub struct LocalArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// Python file inside the experiment; `local.py` unless settings say otherwise
    #[arg(long, value_name = "FILE")]
    pub script: Option<String>,
    #[command(flatten)]
    pub options: RunOptions,
    /// Run again whenever the experiment or its shared code changes
    #[arg(long)]
    pub watch: bool,
    /// Mount the working tree instead of a copy of it
    #[arg(long, conflicts_with = "watch")]
    pub live: bool,
    /// Extra arguments of the script, one string
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub script_xargs: Option<String>,
    /// Arguments of the script
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Run the tests
      scaf test digit_recognition
  Those whose name fits, stopping at the first failure
      scaf test digit_recognition -- -x -k loss")]
pub struct TestArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub options: RunOptions,
    /// Run again whenever the experiment or its shared code changes
    #[arg(long)]
    pub watch: bool,
    /// Mount the working tree instead of a copy of it
    #[arg(long, conflicts_with = "watch")]
    pub live: bool,
    /// Extra arguments of pytest, one string
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub test_xargs: Option<String>,
    /// Arguments of pytest
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Start it and open the printed address
      scaf jupyter digit_recognition
  On another port, with GPUs
      scaf jupyter digit_recognition --port 8890 --gpus")]
pub struct JupyterArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// Port on 127.0.0.1; 8888, or the next free one, when not given
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub options: RunOptions,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  A shell
      scaf terminal digit_recognition
  One command in it
      scaf terminal digit_recognition -- python -c 'import torch; print(torch.cuda.is_available())'")]
pub struct TerminalArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    #[command(flatten)]
    pub options: RunOptions,
    /// A command to run instead of an interactive shell
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  The latest runs
      scaf runs
  One whole
      scaf runs show brave_otter
  What differs between two
      scaf runs diff brave_otter calm_lynx
  Do one again, from its own bundle, in its own image
      scaf runs rerun brave_otter"
)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    #[command(flatten)]
    pub list: RunsListArgs,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, the newest first
    List(RunsListArgs),
    /// Show one run
    Show { run: String },
    /// Compare two runs
    Diff { a: String, b: String },
    /// Run one again from its own bundle
    Rerun { run: String },
}

#[derive(Args, Debug, Default)]
pub struct RunsListArgs {
    /// Only those of this experiment
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "experiment")]
    pub exp: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}
