//! `scaf help [cmd=NAME]`: what `make help` gave, for every command.

use clap::{Command, CommandFactory as _};

use crate::cli::args::{Cli, HelpArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub fn run(context: &Context<'_>, args: HelpArgs) -> Result<u8, Failure> {
    let mut grammar = Cli::command();
    grammar.build();
    match args.command.or(args.cmd) {
        None => context.ui.text(&grammar.render_long_help().to_string())?,
        Some(name) => {
            let mut command = subcommand(&grammar, &name)?.clone();
            context.ui.text(&command.render_long_help().to_string())?;
        }
    }
    Ok(0)
}

/// The command of this name, or what is near it.
pub fn subcommand<'a>(grammar: &'a Command, name: &str) -> Result<&'a Command, Failure> {
    if let Some(command) = grammar.find_subcommand(name) {
        return Ok(command);
    }
    let failure = Failure::usage(format!("there is no command `{name}`"));
    let near = grammar
        .get_subcommands()
        .map(|command| (strsim::damerau_levenshtein(command.get_name(), name), command.get_name()))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    Err(match near {
        Some((_, near)) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`scaf help` lists them"),
    })
}
