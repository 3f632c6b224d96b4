//! The program: gathers what the process was given, calls the skin, and leaves with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(scaf::cli::main(std::env::args_os().collect(), std::env::vars_os().collect()))
}
