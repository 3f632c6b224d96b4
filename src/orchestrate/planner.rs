//! From what was loaded and asked to a plan. Pure: no disk, no process, no clock.

pub mod adopt;
pub mod build;
pub mod dependency;
pub mod eject;
pub mod format;
pub mod gc;
pub mod gitignore;
pub mod init;
pub mod job;
pub mod layer;
pub mod lock;
pub mod new_exp;
pub mod pins;
pub mod rerun;
pub mod run;
pub mod stop;
pub mod uv;
pub mod venv;
