//! The program: gathers what the process was given, calls the skin, and leaves with its status.

use std::process::ExitCode;

/// As ruff has it, too: reading Python code is a quarter faster than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(scaf::cli::main(std::env::args_os().collect(), std::env::vars_os().collect()))
}
