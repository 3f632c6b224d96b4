//! scaf: layered data-science projects. The rings, innermost first; each depends only inward
//! (`ARCHITECTURE.md`, held by `tests/it/tidy.rs`).

pub mod project;

pub mod spec;

pub mod orchestrate;

pub mod cli;
