//! What is to be built and run, and the plan. Values only.

pub mod build_context;
pub mod bundle;
pub mod byte_size;
pub mod capability;
pub mod check;
pub mod container;
pub mod diagnosis;
pub mod dockerfile;
pub mod env_vars;
pub mod gpu;
pub mod hint;
pub mod image;
pub mod image_tag;
pub mod job;
pub mod mount;
pub mod network;
pub mod place;
pub mod plan;
pub mod record;
pub mod run;
pub mod run_flags;
pub mod secret;
pub mod settings;
pub mod ticket;
pub mod yaml;
