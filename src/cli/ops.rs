//! One file an operation: reads its arguments, loads, asks, has a plan made, prints or executes it, and
//! says how it went.

pub mod act;
pub mod build_exp;
pub mod check;
pub mod completions;
pub mod config;
pub mod dependency;
pub mod doctor;
pub mod eject;
pub mod env;
pub mod format;
pub mod gc;
pub mod help;
pub mod init;
pub mod job;
pub mod jobs;
pub mod jupyter;
pub mod list;
pub mod local;
pub mod man;
pub mod new_exp;
pub mod ps;
pub mod question;
pub mod rerun;
pub mod run;
pub mod run_plan;
pub mod runs;
pub mod show;
pub mod stop;
pub mod terminal;
pub mod test;
pub mod watch;
