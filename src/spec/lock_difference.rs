//! What is different between two locks.

use std::collections::BTreeMap;
use std::fmt;

use super::pin::Pin;
use super::requirements_lock::Locked;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Added(Pin),
    Removed(Pin),
    Changed {
        was: Pin,
        now: Pin,
    },
    /// The same version, and other files of it.
    Hashes(Pin),
}

/// In the order of their names.
pub fn between(was: &[Locked], now: &[Locked]) -> Vec<Difference> {
    let by_name = |list: &'_ [Locked]| -> BTreeMap<String, Locked> {
        list.iter().map(|locked| (locked.pin.normalised(), locked.clone())).collect()
    };
    let (mut was, now) = (by_name(was), by_name(now));
    let mut found: BTreeMap<String, Difference> = BTreeMap::new();
    for (name, now) in now {
        let difference = match was.remove(&name) {
            None => Difference::Added(now.pin),
            Some(was) if was.pin.source != now.pin.source => {
                Difference::Changed { was: was.pin, now: now.pin }
            }
            Some(was) if !was.hashes.is_empty() && !now.hashes.is_empty() && was.hashes != now.hashes => {
                Difference::Hashes(now.pin)
            }
            Some(_) => continue,
        };
        found.insert(name, difference);
    }
    found.extend(was.into_iter().map(|(name, was)| (name, Difference::Removed(was.pin))));
    found.into_values().collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(pin) => write!(f, "+ {pin}"),
            Self::Removed(pin) => write!(f, "- {pin}"),
            Self::Changed { was, now } => write!(f, "~ {was} is now {now}"),
            Self::Hashes(pin) => write!(f, "~ {pin} has other files"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str, hashes: &[&str]) -> Locked {
        let hashes = hashes.iter().map(|hash| (*hash).to_owned()).collect();
        Locked { pin: Pin::version(name, version), hashes, via: Vec::new() }
    }

    #[test]
    fn each_kind_once() {
        let was = [
            locked("gone", "1", &[]),
            locked("A_b", "1", &["x"]),
            locked("c", "1", &["x"]),
            locked("d", "1", &[]),
            locked("e", "1", &["x"]),
        ];
        let now = [
            locked("new", "1", &[]),
            locked("a-b", "2", &["y"]),
            locked("c", "1", &["y"]),
            locked("d", "1", &["y"]),
            locked("e", "1", &["x"]),
        ];
        let told: Vec<String> = between(&was, &now).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["~ A_b==1 is now a-b==2", "~ c==1 has other files", "- gone==1", "+ new==1"]);
        assert_eq!(between(&now, &now), []);
    }
}
