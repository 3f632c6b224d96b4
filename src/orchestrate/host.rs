//! Where commands are typed: this machine, and what is on it.

pub mod bounded_process;
pub mod clock;
pub mod git;
pub mod gpu;
pub mod port;
pub mod process;
pub mod python;
pub mod uv;
pub mod who;
