//! A tool's output that comes in pieces: told line by line, and its last lines kept for the error.

use std::collections::VecDeque;

use super::reporter::{Event, Reporter};

/// Lines that are kept.
const KEPT_LINES: usize = 40;
/// A line that is longer is told in pieces of this many bytes: it may never end.
const LONGEST: usize = 64 * 1024;

/// What has come of a line so far.
pub type Part = Vec<u8>;

/// The last lines.
#[derive(Debug, Default)]
pub struct Tail {
    lines: VecDeque<String>,
    part: Part,
}

impl Tail {
    /// Tells every line that is complete, and keeps the last ones. What is no text is shown as well as it
    /// can be.
    pub fn add(&mut self, bytes: &[u8], reporter: &dyn Reporter) {
        let mut part = std::mem::take(&mut self.part);
        self.add_to(&mut part, bytes, reporter);
        self.part = part;
    }

    /// The same for one of several streams whose lines are kept together.
    pub fn add_to(&mut self, part: &mut Part, bytes: &[u8], reporter: &dyn Reporter) {
        part.extend_from_slice(bytes);
        while let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = part.drain(..=end).collect();
            self.line(&line, reporter);
        }
        if part.len() >= LONGEST {
            self.end_of(part, reporter);
        }
    }

    pub fn end(&mut self, reporter: &dyn Reporter) {
        let mut part = std::mem::take(&mut self.part);
        self.end_of(&mut part, reporter);
    }

    pub fn end_of(&mut self, part: &mut Part, reporter: &dyn Reporter) {
        if !part.is_empty() {
            let line = std::mem::take(part);
            self.line(&line, reporter);
        }
    }

    fn line(&mut self, line: &[u8], reporter: &dyn Reporter) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\n', '\r']);
        // A progress bar overwrites its line; the last state is what is to be seen.
        let line = line.rsplit('\r').next().unwrap_or(line);
        // The classic builder paints what comes from standard error.
        let line = console::strip_ansi_codes(line);
        if line.is_empty() && self.lines.is_empty() {
            return;
        }
        reporter.tell(Event::Output(&line));
        self.lines.push_back(line.into_owned());
        if self.lines.len() > KEPT_LINES {
            self.lines.pop_front();
        }
    }

    pub fn clear(&mut self) {
        self.lines.clear();
        self.part.clear();
    }

    pub fn kept(&self) -> Vec<String> {
        let empty = self.lines.iter().rev().take_while(|line| line.is_empty()).count();
        self.lines.iter().take(self.lines.len() - empty).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Reporter for Heard {
        fn tell(&self, event: Event<'_>) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }

    #[test]
    fn lines_however_they_are_cut() {
        let heard = Heard::default();
        let mut tail = Tail::default();
        tail.add(b"one\nt", &heard);
        tail.add(b"wo\n 10%\r 99%\r\nthree", &heard);
        tail.end(&heard);
        assert_eq!(tail.kept(), ["one", "two", " 99%", "three"]);
        assert_eq!(heard.0.lock().unwrap().len(), 4);
    }

    #[test]
    fn streams_do_not_cut_each_others_lines() {
        let heard = Heard::default();
        let (mut tail, mut one, mut other) = (Tail::default(), Part::new(), Part::new());
        tail.add_to(&mut one, b"fir", &heard);
        tail.add_to(&mut other, b"sec\xffond\n", &heard);
        tail.add_to(&mut one, b"st\n", &heard);
        assert_eq!(tail.kept(), ["sec\u{fffd}ond", "first"]);
    }

    #[test]
    fn a_line_without_an_end_is_told_in_pieces() {
        let heard = Heard::default();
        let (mut tail, mut part) = (Tail::default(), Part::new());
        for _ in 0..16 {
            tail.add_to(&mut part, &[b'x'; 10_000], &heard);
        }
        assert!(part.len() < LONGEST);
        assert_eq!(tail.kept().len(), 2);
    }
}
