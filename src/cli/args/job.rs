//! Arguments of the commands about jobs and settings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::project::ExperimentArg;
use super::run::RunOptions;

#[derive(Args, Debug)]
#[command(
    after_long_help = "The file is a command job of Azure ML: what Azure's own client takes, every target takes. The
`local` target runs it detached on this machine; `azureml` hands the bundle to `az ml job create`.

Examples:
  Run job.yaml detached on this machine
      scaf job digit_recognition
  With other values
      scaf job digit_recognition --set inputs.epochs=8 --set inputs.data.path=data/mnist
  On Azure ML
      scaf job digit_recognition --target azureml
  The same, as typed to make
      scaf job exp=digit_recognition target=azureml job-xargs=\"--set inputs.epochs=8\""
)]
pub struct JobArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// Where it goes: `local`, `azureml`, or a `[targets.NAME]` of the settings (`job.target`)
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Job file inside the experiment; job.yaml, or azure-ml-job.yaml where that is what there is
    #[arg(long, value_name = "FILE")]
    pub file: Option<String>,
    /// Set a value of the job file: inputs.epochs=8, inputs.data.path=FOLDER, display_name=TEXT
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Extra arguments of the target's own client, one string
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub job_xargs: Option<String>,
    #[command(flatten)]
    pub options: RunOptions,
}

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  All jobs and how they are
      scaf jobs
  What one says, as it says it
      scaf jobs logs -f brave_otter
  Wait for its end and leave with its status
      scaf jobs attach brave_otter
  Bring its outputs here
      scaf jobs fetch brave_otter --to results"
)]
pub struct JobsArgs {
    #[command(subcommand)]
    pub command: Option<JobsCommand>,
    #[command(flatten)]
    pub list: JobsListArgs,
}

#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs and how they are, the newest first
    List(JobsListArgs),
    /// Say how one job is
    Status { job: String },
    /// Show what a job wrote; with --json a line {"stream", "text"} for each of its lines, then the job
    Logs {
        job: String,
        /// Go on until the job is over
        #[arg(short, long)]
        follow: bool,
    },
    /// Show what a job writes until it is over, and leave with its status
    Attach { job: String },
    /// End a job; one of this machine a second time, at once
    Cancel { job: String },
    /// Copy a job's outputs into a folder
    Fetch {
        job: String,
        /// A folder that is not there yet; the job's name when not given
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

#[derive(Args, Debug, Default)]
pub struct JobsListArgs {
    /// Only those of this experiment
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "experiment")]
    pub exp: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

#[derive(Args, Debug)]
#[command(after_long_help = format!("Settings:
{}
Examples:
  Every setting, its value, and where it was set
      scaf config
  One of them, for one experiment
      scaf config engine.gpus --exp digit_recognition", crate::spec::settings::reference::listing()))]
pub struct ConfigArgs {
    /// One setting, or a table of them: `engine.gpus`, `engine`
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// With what holds for this experiment alone
    #[arg(long = "exp", alias = "experiment", value_name = "EXP")]
    pub experiment: Option<String>,
}

#[derive(Args, Debug)]
pub struct RunPlanArgs {
    /// Folder of a run in which the plan and the job's ticket lie
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}
