//! The skin: words in, words out, exit status.

pub mod args;
pub mod context;
pub mod failure;
pub mod ops;
pub mod spelling;
pub mod ui;

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::spec::env_vars::Environment;
use args::{Cli, Command};
use context::Context;
use failure::Failure;
use ui::Ui;

/// Runs one invocation and says its exit status.
pub fn main(argv: Vec<OsString>, vars: Vec<(OsString, OsString)>) -> u8 {
    let environment = Environment::new(vars);
    let mut words = Vec::with_capacity(argv.len());
    for word in argv {
        match word.into_string() {
            Ok(word) => words.push(word),
            Err(word) => {
                let ui = Ui::plain(&environment);
                ui.failure(&Failure::usage(format!(
                    "the argument `{}` is not UTF-8",
                    word.to_string_lossy()
                )));
                return 2;
            }
        }
    }
    let words = spelling::normalise(words, &Cli::command());
    if let Some((key, near)) = spelling::unknown_key(&words, &Cli::command()) {
        let failure = Failure::usage(format!("this command has no argument `{key}=`"));
        let failure = match near {
            Some(near) => failure.hint(format!("did you mean `{near}=`?")),
            None => failure
                .hint(format!("`{} --help` lists its arguments", spelling::typed(&words, &Cli::command()))),
        };
        Ui::new(&spelling::early(&words), &environment).failure(&failure);
        return failure.status();
    }
    let matches = match Cli::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return ui::clap_error(&error, &environment, &words),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return ui::clap_error(&error, &environment, &words),
    };
    let ui = Ui::new(&cli.global, &environment);
    let outcome =
        Context::new(cli.global, environment, &ui).and_then(|context| dispatch(&context, cli.command));
    match outcome {
        Ok(status) => status,
        Err(failure) => {
            ui.failure(&failure);
            failure.status()
        }
    }
}

fn dispatch(context: &Context<'_>, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Init(args) => ops::init::run(context, args),
        Command::NewExp(args) => ops::new_exp::run(context, args),
        Command::List(args) => ops::list::run(context, args),
        Command::Show(args) => ops::show::run(context, args),
        Command::Dependency(args) => ops::dependency::run(context, args),
        Command::Env(args) => ops::env::run(context, args),
        Command::BuildExp(args) => ops::build_exp::run(context, args),
        Command::Local(args) => ops::local::run(context, args),
        Command::Jupyter(args) => ops::jupyter::run(context, args),
        Command::Terminal(args) => ops::terminal::run(context, args),
        Command::Test(args) => ops::test::run(context, args),
        Command::Job(args) => ops::job::run(context, args),
        Command::Jobs(args) => ops::jobs::run(context, args),
        Command::Config(args) => ops::config::run(context, args),
        Command::RunPlan(args) => ops::run_plan::run(context, args),
        Command::Runs(args) => ops::runs::run(context, args),
        Command::Check(args) => ops::check::run(context, args),
        Command::Doctor(args) => ops::doctor::run(context, args),
        Command::Format(args) => ops::format::run(context, args),
        Command::Eject(args) => ops::eject::run(context, args),
        Command::Ps(args) => ops::ps::run(context, args),
        Command::Stop(args) => ops::stop::run(context, args),
        Command::Gc(args) => ops::gc::run(context, args),
        Command::Completions(args) => ops::completions::run(context, args),
        Command::Man(args) => ops::man::run(context, args),
        Command::Help(args) => ops::help::run(context, args),
    }
}
