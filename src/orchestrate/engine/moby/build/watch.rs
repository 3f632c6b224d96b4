//! What a builder tells while it works, made into events; and what is kept of it for the error.

use std::collections::{HashMap, HashSet, VecDeque};

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;

use crate::orchestrate::reporter::{Event, Reporter};
use crate::spec::dockerfile::rewrite::author_words;

/// Lines of a step's output that are kept.
pub(super) const KEPT_LINES: usize = 40;

/// A step, in BuildKit's words a vertex.
#[derive(Debug, Default)]
struct Vertex {
    name: String,
    announced: bool,
    completed: bool,
    error: String,
    tail: Tail,
}

/// The last lines of an output that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    part: Vec<u8>,
}

impl Tail {
    /// Tells every line that is complete, and keeps the last ones.
    pub(super) fn add(&mut self, bytes: &[u8], reporter: &dyn Reporter) {
        self.part.extend_from_slice(bytes);
        while let Some(end) = self.part.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            self.line(&line, reporter);
        }
    }

    pub(super) fn end(&mut self, reporter: &dyn Reporter) {
        if !self.part.is_empty() {
            let line = std::mem::take(&mut self.part);
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

    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.part.clear();
    }

    pub(super) fn kept(&self) -> Vec<String> {
        let empty = self.lines.iter().rev().take_while(|line| line.is_empty()).count();
        self.lines.iter().take(self.lines.len() - empty).cloned().collect()
    }
}

/// A step that failed, as far as the builder's progress tells.
pub(super) struct Failure {
    pub(super) name: String,
    /// The name without the count in front.
    pub(super) text: String,
    /// The image whose description could not be had, where that was it.
    pub(super) base: Option<String>,
    pub(super) output: Vec<String>,
    pub(super) message: String,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    vertexes: HashMap<String, Vertex>,
    order: Vec<String>,
    transfers: HashSet<String>,
}

impl Watch {
    pub(super) fn take(&mut self, status: StatusResponse, reporter: &dyn Reporter) {
        for told in status.vertexes {
            let vertex = self.vertexes.entry(told.digest.clone()).or_insert_with(|| {
                self.order.push(told.digest.clone());
                Vertex::default()
            });
            if !told.name.is_empty() {
                vertex.name = told.name;
            }
            if !told.error.is_empty() {
                vertex.error = told.error;
            }
            if told.started.is_some() && !vertex.announced {
                vertex.announced = true;
                // What is behind the scenes is for those who ask.
                if vertex.name.starts_with("[internal]") {
                    reporter.tell(Event::Detail(&vertex.name));
                } else {
                    reporter.tell(Event::Output(&author_words(&vertex.name)));
                }
            }
            if told.completed.is_some() && !vertex.completed {
                vertex.completed = true;
                vertex.tail.end(reporter);
                if told.cached {
                    reporter.tell(Event::Detail(&format!("{}: from the cache", author_words(&vertex.name))));
                }
            }
        }
        for log in status.logs {
            if let Some(vertex) = self.vertexes.get_mut(&log.vertex) {
                vertex.tail.add(&log.msg, reporter);
            }
        }
        for part in status.statuses {
            let label = if part.name.is_empty() { &part.id } else { &part.name };
            if part.completed.is_some() {
                if self.transfers.remove(label) {
                    reporter.tell(Event::Done { label });
                }
            } else if part.total > 0 {
                self.transfers.insert(label.clone());
                let number = |value: i64| u64::try_from(value).unwrap_or(0);
                reporter.tell(Event::Progress {
                    label,
                    done: number(part.current),
                    total: Some(number(part.total)),
                });
            }
        }
    }

    /// Ends every progress that is still shown.
    pub(super) fn end(&mut self, reporter: &dyn Reporter) {
        for label in self.transfers.drain() {
            reporter.tell(Event::Done { label: &label });
        }
        for vertex in self.vertexes.values_mut() {
            vertex.tail.end(reporter);
        }
    }

    /// The step whose error is the build's; those that were only cancelled with it are not.
    pub(super) fn failure(&self) -> Option<Failure> {
        let vertexes = || self.order.iter().filter_map(|digest| self.vertexes.get(digest));
        let failed = |vertex: &&Vertex| !vertex.error.is_empty();
        let vertex = vertexes()
            .filter(failed)
            .find(|vertex| !vertex.error.contains("context canceled"))
            .or_else(|| vertexes().find(failed))?;
        let base = vertex.name.strip_prefix("[internal] load metadata for ").map(str::to_owned);
        Some(Failure {
            name: vertex.name.clone(),
            text: author_words(without_count(&vertex.name)),
            base,
            output: vertex.tail.kept(),
            message: vertex.error.clone(),
        })
    }
}

/// `[stage 2/4] RUN x` is `RUN x`.
fn without_count(name: &str) -> &str {
    match name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((count, text)) if count != "internal" => text,
        _ => name,
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
    fn counts_go() {
        assert_eq!(without_count("[2/4] RUN a [b] c"), "RUN a [b] c");
        assert_eq!(without_count("[internal] load build context"), "[internal] load build context");
    }
}
