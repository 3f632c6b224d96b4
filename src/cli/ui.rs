//! The one place that writes to the two streams. stdout is for data, stderr for talk.

pub mod quantity;
pub mod table;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use console::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Global;
use super::failure::Failure;
use crate::orchestrate::reporter::{Event, Reporter};
use crate::spec::env_vars::{self, Environment};
use crate::spec::hint::Fault;

/// What of a large answer is written at once, in bytes.
const PIECE: usize = 64 << 10;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// stdout
    Data,
    /// stderr
    Talk,
}

/// How much and in what dress scaf talks.
#[derive(Debug)]
pub struct Ui {
    quiet: bool,
    verbose: u8,
    pub json: bool,
    colour: bool,
    /// Colours where there is no terminal, too.
    forced: bool,
    /// stderr is a terminal that can redraw a line.
    live: bool,
    bar: Mutex<Option<(String, ProgressBar, Instant)>>,
    events: AtomicBool,
}

impl Ui {
    pub fn new(global: &Global, environment: &Environment) -> Self {
        let terminal = io::stderr().is_terminal();
        let ci = environment.is_on(&env_vars::CI);
        let no_colour = environment.is_set(&env_vars::NO_COLOR);
        let forced = environment.is_on(&env_vars::CLICOLOR_FORCE);
        let dumb = environment.text(&env_vars::TERM) == Some("dumb");
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            json: global.json,
            colour: !no_colour && (forced || terminal && !dumb),
            forced: forced && !no_colour,
            live: terminal && !ci && !dumb,
            bar: Mutex::new(None),
            events: AtomicBool::new(false),
        }
    }

    /// Before the flags are known.
    pub fn plain(environment: &Environment) -> Self {
        Self::new(&Global::default(), environment)
    }

    fn style(&self, style: Style, text: &str) -> String {
        if self.colour { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }

    /// Data in colours, where standard output is a terminal, too.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.forced || io::stdout().is_terminal() { self.style(style, text) } else { text.to_owned() }
    }

    /// A line of talk. That nobody can read it (stderr closed) is no reason to stop.
    fn talk(&self, text: &str) {
        let guard = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match guard.as_ref() {
            Some((_, bar, _)) => bar.suspend(|| drop(writeln!(io::stderr(), "{text}"))),
            None => drop(writeln!(io::stderr(), "{text}")),
        }
    }

    /// Data for the caller, written at once. A reader that has gone (`| head -1`) is not a failure.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::user(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Bytes that somebody else wrote, as they are. False when nobody reads them any more.
    pub fn pass_on(&self, stream: Stream, bytes: &[u8]) -> Result<bool, Failure> {
        let written = match stream {
            Stream::Data => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Stream::Talk => io::stderr().write_all(bytes),
        };
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::user(format!("cannot write: {error}"))),
        }
    }

    /// A text as data; with `--json` as an object that holds it.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        if self.json { self.object(&serde_json::json!({ "text": text })) } else { self.data(text) }
    }

    /// From here on objects are events: one line each.
    pub fn objects_are_events(&self) {
        self.events.store(true, Ordering::Relaxed);
    }

    /// One JSON object as data.
    pub fn object(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        // An answer may have many megabytes, which need not be there all at once.
        let mut out = io::BufWriter::with_capacity(PIECE, io::stdout().lock());
        let written = if self.events.load(Ordering::Relaxed) {
            serde_json::to_writer(&mut out, value)
        } else {
            serde_json::to_writer_pretty(&mut out, value)
        };
        let written = match written {
            Err(error) if !error.is_io() => {
                return Err(Failure::ours(format!("cannot write the answer as JSON: {error}")));
            }
            written => written.map_err(io::Error::from),
        };
        match written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::user(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    pub fn warning(&self, text: &str) {
        if !self.quiet {
            self.talk(&format!("{} {text}", self.style(Style::new().yellow().bold(), "warning:")));
        }
    }

    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.talk(text);
        }
    }

    /// What is said even where scaf is to be quiet, then as a warning.
    pub fn insist(&self, text: &str) {
        if self.quiet {
            self.talk(&format!("{} {text}", self.style(Style::new().yellow().bold(), "warning:")));
        } else {
            self.talk(text);
        }
    }

    pub fn hint(&self, text: &str) {
        if !self.quiet {
            self.talk(&format!("{} {text}", self.style(Style::new().cyan().bold(), "hint:")));
        }
    }

    pub fn detail(&self, text: &str) {
        if self.verbose > 0 && !self.quiet {
            self.talk(&self.style(Style::new().dim(), text));
        }
    }

    pub fn failure(&self, failure: &Failure) {
        self.finish_bar();
        let Failure { message, causes, hints, fault } = failure;
        let mut text = format!("{} {message}", self.style(Style::new().red().bold(), "error:"));
        for cause in causes {
            text.push_str("\n  because: ");
            text.push_str(cause);
        }
        if !hints.is_empty() {
            text.push('\n');
        }
        for hint in hints {
            text.push_str(&format!("\n{} {hint}", self.style(Style::new().cyan().bold(), "hint:")));
        }
        if *fault == Fault::Ours {
            text.push_str("\n\nThis is a defect of scaf: please report it with what you typed.");
        }
        self.talk(&text);
        if self.json {
            let object = serde_json::json!({
                "error": { "message": message, "causes": causes, "hints": hints, "status": failure.status() }
            });
            drop(self.object(&object));
        }
    }

    fn finish_bar(&self) {
        let mut guard = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, bar, _)) = guard.take() {
            bar.finish_and_clear();
        }
    }

    fn progress(&self, label: &str, done: u64, total: Option<u64>) {
        if self.quiet || !self.live {
            return;
        }
        let mut guard = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if guard.as_ref().is_none_or(|(name, _, _)| name != label) {
            if let Some((_, bar, _)) = guard.take() {
                bar.finish_and_clear();
            }
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = if total.is_some() {
                "{spinner} {prefix} {bar:30} {pos}/{len}"
            } else {
                "{spinner} {prefix} {elapsed} {wide_msg}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(label.to_owned());
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            *guard = Some((label.to_owned(), bar, Instant::now()));
        }
        if let Some((_, bar, _)) = guard.as_ref() {
            bar.set_position(done);
        }
    }
}

impl Reporter for Ui {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Step(text) | Event::Say(text) => self.say(text),
            Event::Detail(text) => self.detail(text),
            Event::Warning(text) => self.warning(text),
            Event::Output(text) => {
                if self.quiet {
                    return;
                }
                let live = self.live && self.verbose == 0;
                let guard = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match guard.as_ref() {
                    Some((_, bar, _)) if live => bar.set_message(text.trim_end().to_owned()),
                    _ => {
                        drop(guard);
                        self.talk(&format!("  {}", text.trim_end()));
                    }
                }
            }
            Event::Progress { label, done, total } => self.progress(label, done, total),
            Event::Done { label } => {
                let mut guard = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if guard.as_ref().is_some_and(|(name, _, _)| name == label)
                    && let Some((_, bar, _)) = guard.take()
                {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// Help and version go to stdout with status 0; everything else is a usage error.
pub fn clap_error(error: &clap::Error, environment: &Environment, words: &[String]) -> u8 {
    use clap::error::ErrorKind;
    let ui = Ui::new(&super::spelling::early(words), environment);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = if ui.colour && io::stdout().is_terminal() {
                error.render().ansi().to_string()
            } else {
                error.render().to_string()
            };
            u8::from(ui.data(&text).is_err())
        }
        // What clap lists here has the hidden command in it.
        ErrorKind::MissingSubcommand => {
            ui.failure(&Failure::usage("which command?").hint("`scaf help` lists them"));
            2
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ui.talk(&error.render().to_string());
            2
        }
        _ => {
            let text = error.render().to_string();
            let text = text.trim_end();
            ui.talk(text);
            if ui.json {
                let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                let hints: Vec<&str> =
                    text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
                drop(ui.object(&serde_json::json!({
                    "error": { "message": message, "causes": [], "hints": hints, "status": 2 }
                })));
            }
            2
        }
    }
}
