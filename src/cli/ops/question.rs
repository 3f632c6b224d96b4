//! A question with yes and no for an answer, to whoever sits at the terminal.

use std::io::IsTerminal as _;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::engine::moby::run::{Heard, SignalSource};
use crate::spec::hint::Fault;

/// Whether there is somebody to ask.
pub fn can_be_asked(context: &Context<'_>) -> bool {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    is_terminal && !context.global.json && !context.global.quiet
}

/// Asks, and waits for the answer; an empty one is `usual`. Ctrl-C is an interruption, the end of the input a no.
pub fn yes(context: &Context<'_>, question: &str, usual: bool) -> Result<bool, Failure> {
    let input = std::io::stdin();
    // A run before may have taken the signals to itself, and nobody gives them back.
    let heard = Heard::begin(SignalSource::Process)
        .map_err(|error| Failure::user(format!("cannot listen for signals: {error}")))?;
    let choice = if usual { "[Y/n]" } else { "[y/N]" };
    context.ui.say(&format!("{question} {choice}"));
    let broken = |error: &dyn std::fmt::Display| Failure::user(format!("cannot read an answer: {error}"));
    let look = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    loop {
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        match rustix::event::poll(&mut ready, Some(&look)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(broken(&error)),
        }
        if let Some(signal) = heard.take() {
            return Err(Failure {
                fault: Fault::Interrupted(signal),
                ..Failure::user("nothing was written")
            });
        }
    }
    let mut answer = String::new();
    if input.read_line(&mut answer).map_err(|error| broken(&error))? == 0 {
        return Ok(false);
    }
    Ok(match answer.trim().to_ascii_lowercase().as_str() {
        "" => usual,
        "y" | "yes" => true,
        _ => false,
    })
}
