//! The time, and a number that hardly another scaf has at the same moment.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// RFC 3339 in UTC, to the millisecond.
pub fn written(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The same for the clock that files and processes are timed by.
pub fn written_system(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), written)
}

/// A seed for names. Two scaf on one machine do not share process and time both, but a name may have so few
/// forms that theirs are the same: whoever uses one makes sure of it.
pub fn seed() -> u64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&nanos.to_le_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
