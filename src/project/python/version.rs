//! Versions as PEP 440 compares them.

use std::cmp::Ordering;
use std::str::FromStr;

use pep440_rs::Version;

/// Whether both are the same version: `2023.03.1` is `2023.3.1`, `1.0` is `1.0.0`. What is no version is only
/// the same as its own text.
pub fn same(one: &str, other: &str) -> bool {
    match (Version::from_str(one.trim()), Version::from_str(other.trim())) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.trim() == other.trim(),
    }
}

/// Older, the same or newer. What is no version is older than one that is.
pub fn compare(one: &str, other: &str) -> Ordering {
    match (Version::from_str(one.trim()), Version::from_str(other.trim())) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        (Ok(_), Err(_)) => Ordering::Greater,
        (Err(_), Ok(_)) => Ordering::Less,
        (Err(_), Err(_)) => one.cmp(other),
    }
}

/// `cu121` of `2.1.0+cu121`.
pub fn local_label(version: &str) -> Option<&str> {
    version.split_once('+').map(|(_, label)| label.trim()).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_more_than_the_same_text() {
        for (one, other) in
            [("2023.03.1", "2023.3.1"), ("1.0", "1.0.0"), ("1.0-rc1", "1.0rc1"), ("dev", "dev")]
        {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [("2.1.0+cu121", "2.1.0"), ("1.0rc1", "1.0"), ("dev", "1.0")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn order_and_labels() {
        assert_eq!(compare("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare("dev", "0.1"), Ordering::Less);
        assert_eq!(local_label("2.1.0+cu121"), Some("cu121"));
        assert_eq!(local_label("2.1.0"), None);
    }
}
