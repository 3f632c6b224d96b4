//! The program: gathers what the process was given and leaves with the exit status.

fn main() {}
