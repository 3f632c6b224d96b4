//! `scaf man`.

use clap::CommandFactory as _;

use crate::cli::args::{Cli, ManArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub fn run(context: &Context<'_>, args: ManArgs) -> Result<u8, Failure> {
    let mut grammar = Cli::command();
    grammar.build();
    let command = match &args.command {
        None => grammar,
        Some(name) => {
            let found = super::help::subcommand(&grammar, name)?.clone();
            found.name(format!("scaf-{name}"))
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Failure::ours(format!("cannot write the manual page: {error}")))?;
    context.ui.text(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
