//! What a builder tells while it works, made into events; and what is kept of it for the error.

use std::collections::{HashMap, HashSet};

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;

use crate::orchestrate::reporter::{Event, Reporter};
use crate::orchestrate::tail::Tail;
use crate::spec::dockerfile::rewrite::author_words;

/// A step, in BuildKit's words a vertex.
#[derive(Debug, Default)]
struct Vertex {
    name: String,
    announced: bool,
    completed: bool,
    error: String,
    tail: Tail,
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
    use super::*;

    #[test]
    fn counts_go() {
        assert_eq!(without_count("[2/4] RUN a [b] c"), "RUN a [b] c");
        assert_eq!(without_count("[internal] load build context"), "[internal] load build context");
    }
}
