//! The integration tests: one binary, one file for each subject.

mod build_network;
mod check;
mod dependency;
mod engine_build;
mod engine_faults;
mod engine_podman;
mod engine_run;
mod engine_support;
mod engine_twin;
mod gpu;
mod job_corpus;
mod jupyter;
mod ps_stop_gc;
mod reference;
mod support;
mod tidy;
