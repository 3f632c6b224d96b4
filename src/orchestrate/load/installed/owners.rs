//! Which distributions say that a name at the top of a folder is theirs.

use std::collections::HashMap;

use super::distribution::{Distribution, Kind};
use crate::orchestrate::load::parallel;

/// Below this many, starting threads takes longer than reading.
const THREADS_FROM: usize = 24;

/// Distributions by the names that they put at the top of their folder.
#[derive(Default)]
pub(super) struct Owners {
    by_top: HashMap<String, Vec<usize>>,
}

impl Owners {
    /// Reads a small file, or the beginnings of lines of a list, of every distribution.
    pub(super) fn read(distributions: &[Distribution]) -> Self {
        if distributions.len() >= THREADS_FROM {
            // What is read stays with each.
            parallel::map_here(distributions, |distribution| {
                distribution.tops();
            });
        }
        let mut by_top: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, distribution) in distributions.iter().enumerate() {
            if distribution.kind == Kind::Conda {
                continue;
            }
            for top in &distribution.tops().modules {
                by_top.entry(top.clone()).or_default().push(number);
            }
        }
        Self { by_top }
    }

    /// By number, in the order of `sys.path`.
    pub(super) fn of(&self, top: &str) -> &[usize] {
        self.by_top.get(top).map_or(&[], Vec::as_slice)
    }
}
