//! `scaf completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::spec::env_vars;

pub fn run(context: &Context<'_>, args: CompletionsArgs) -> Result<u8, Failure> {
    let own = || context.environment.path(&env_vars::SHELL).and_then(Shell::from_shell_path);
    let shell = args.shell.or_else(own).ok_or_else(|| {
        Failure::usage("which shell? SHELL names none that is known")
            .hint("say one: `scaf completions bash`, elvish, fish, powershell, zsh")
    })?;
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "scaf", &mut text);
    context.ui.text(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
