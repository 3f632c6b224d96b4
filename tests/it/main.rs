//! The integration tests: one binary, one file for each subject.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so and ends"
)]

mod adopt;
mod bad_index;
mod build_network;
mod check;
mod config;
mod corpus_judge;
mod dependency;
mod doctor;
mod dry_run;
mod dry_run_commands;
mod eject;
mod engine_build;
mod engine_faults;
mod engine_host;
mod engine_host_terminal;
mod engine_podman;
mod engine_run;
mod engine_support;
mod engine_twin;
mod env_bad_input;
mod env_before_run;
mod env_check;
mod env_detect;
mod env_diff;
mod env_environments;
mod env_explain;
mod env_export;
mod env_local;
mod env_lock;
mod env_lock_choices;
mod env_lock_faults;
mod env_lock_index;
mod env_offer;
mod env_oracle;
mod env_packed;
mod env_prove;
mod env_prove_mend;
mod env_regressions;
mod env_traps;
mod example;
mod faults_engine;
mod faults_files;
mod faults_names;
mod faults_run;
mod foreign;
mod format;
mod gpu;
mod heavy_pins;
mod help;
mod job_corpus;
mod jobs;
mod jupyter;
mod local_ground;
mod lock_index;
mod new_exp_from;
mod nonroot;
mod probe;
mod ps_stop_gc;
mod reference;
mod runs;
mod specs;
mod support;
mod templates;
mod tidy;
mod tree;
mod watch;
