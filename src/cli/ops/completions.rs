//! `scaf completions`.

use clap::CommandFactory as _;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub fn run(context: &Context<'_>, args: CompletionsArgs) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "scaf", &mut text);
    context.ui.text(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
