//! Arguments of the commands that look after a project: what runs, what takes room, what is wrong.

use std::path::PathBuf;

use clap::Args;

use super::project::ExperimentArg;

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  What runs of this project, or was left by a scaf that was killed
      scaf ps
  Of every project
      scaf ps --all")]
pub struct PsArgs {
    /// Of every project of this user, not of this one alone
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  One run, by the memorable part of its name
      scaf stop brave_otter
  Everything of an experiment, at once
      scaf stop digit_recognition --grace 0
  Everything of this project, what a killed scaf left included
      scaf stop --all")]
pub struct StopArgs {
    /// Runs by name, or experiments
    #[arg(value_name = "RUN|EXP")]
    pub runs: Vec<String>,
    #[arg(long, hide = true, value_name = "EXP")]
    pub exp: Option<String>,
    /// Everything of this project
    #[arg(short, long, conflicts_with_all = ["runs", "exp"])]
    pub all: bool,
    /// Seconds between asking and killing
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub grace: u32,
}

#[derive(Args, Debug)]
#[command(
    after_long_help = "All runs are kept unless `--keep` or `--keep-days` is given; with both, a run is kept that
either would keep.

Examples:
  Show what can go
      scaf gc --dry-run
  Keep the newest five runs of each experiment, and those of the last month
      scaf gc --keep 5 --keep-days 30"
)]
pub struct GcArgs {
    /// Of each experiment keep the newest N runs
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Keep the runs of the last DAYS days
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Remove the runs' HOME, too, with the models and caches that were downloaded into it
    #[arg(long)]
    pub home: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "The status is 0 when a run is possible, 1 otherwise.

Examples:
  What is there, and what is wrong
      scaf doctor
  For a program
      scaf doctor --json")]
pub struct DoctorArgs {}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Put the whole project in order
      scaf format
  One experiment
      scaf format digit_recognition
  In CI: change nothing, fail where something is not in order
      scaf format --check")]
pub struct FormatArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
    /// Change nothing; status 1 where something would be changed or is wrong
    #[arg(long)]
    pub check: bool,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  A Makefile for this project, beside scaf.toml
      scaf eject
  To look at it first
      scaf eject --output /tmp/ejected")]
pub struct EjectArgs {
    /// Where; the project's root when not given
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}
