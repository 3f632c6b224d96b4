//! Why a distribution is there: the ways that lead to it.

use std::collections::{HashMap, VecDeque};

use super::{Closure, Edge};

/// A distribution on the way, and the requirement that led there; the first on a way is needed for its own sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// Normalised.
    pub name: &'a str,
    pub edge: Option<&'a Edge>,
}

impl Closure {
    /// For everybody who asks for the distribution, the shortest way from a root through it. A root has the way of
    /// itself alone before the others.
    pub fn paths(&self, name: &str) -> Vec<Vec<Step<'_>>> {
        let Some((name, root, asked)) = self.reached(name) else { return Vec::new() };
        let mut found = Vec::new();
        if root {
            found.push(vec![Step { name, edge: None }]);
        }
        let led = self.led_to(name);
        for edge in asked {
            let mut way = vec![Step { name, edge: Some(edge) }];
            let mut at = edge.by.as_str();
            // One that is reached through the distribution alone is no reason for it.
            while let Some((known, by)) = led.get_key_value(at) {
                way.push(Step { name: known, edge: *by });
                let Some(edge) = by else {
                    way.reverse();
                    found.push(way);
                    break;
                };
                at = &edge.by;
            }
        }
        found.sort_by_key(Vec::len);
        found
    }

    fn reached(&self, name: &str) -> Option<(&str, bool, &[Edge])> {
        if let Some((name, needed)) = self.distributions.get_key_value(name) {
            return Some((name, needed.root, &needed.required_by));
        }
        let missing = self.missing.iter().find(|missing| missing.name == name)?;
        Some((&missing.name, missing.root, &missing.required_by))
    }

    /// What is reached from the roots, and by which requirement first, without passing through this one.
    fn led_to<'a>(&'a self, but: &str) -> HashMap<&'a str, Option<&'a Edge>> {
        let mut asks: HashMap<&str, Vec<(&str, &Edge)>> = HashMap::new();
        for (name, needed) in &self.distributions {
            for edge in &needed.required_by {
                asks.entry(edge.by.as_str()).or_default().push((name, edge));
            }
        }
        let mut led = HashMap::new();
        let mut queue = VecDeque::new();
        for (name, _) in self.distributions.iter().filter(|(name, needed)| needed.root && *name != but) {
            led.insert(name.as_str(), None);
            queue.push_back(name.as_str());
        }
        while let Some(from) = queue.pop_front() {
            for (to, edge) in asks.get(from).into_iter().flatten() {
                if *to != but && !led.contains_key(to) {
                    led.insert(to, Some(*edge));
                    queue.push_back(to);
                }
            }
        }
        led
    }
}
