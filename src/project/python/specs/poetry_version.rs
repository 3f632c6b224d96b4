//! Poetry's notation for versions (`^1.2`, `~1.2`, `1.2.*`, `>=1 <2`) in that of PEP 440.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

/// The same in PEP 440; `None` where it cannot be said there (`^1 || ^2`) or is none.
pub fn pep440(constraint: &str) -> Option<String> {
    let constraint = constraint.trim();
    if constraint.len() > 1024 || constraint.contains('|') {
        return None;
    }
    let mut clauses: Vec<String> = Vec::new();
    for part in constraint.split(',') {
        // `>= 1.0 <2`: a space stands between an operator and its version, or between two clauses.
        let mut operator = String::new();
        for word in part.split_whitespace() {
            if word.chars().all(|c| "<>=!~^".contains(c)) {
                operator.push_str(word);
                continue;
            }
            clauses.extend(clause(&format!("{}{word}", std::mem::take(&mut operator)))?);
        }
        if !operator.is_empty() {
            return None;
        }
    }
    let specifier = clauses.join(",");
    VersionSpecifiers::from_str(&specifier).is_ok().then_some(specifier)
}

fn clause(text: &str) -> Option<Vec<String>> {
    if text == "*" || text.is_empty() {
        return Some(Vec::new());
    }
    if let Some(version) = text.strip_prefix('^') {
        return range(version, false);
    }
    if let Some(version) = text.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        return range(version, true);
    }
    let operators = ["===", "==", ">=", "<=", "!=", "~=", ">", "<"];
    if operators.iter().any(|operator| text.starts_with(operator)) {
        return Some(vec![text.to_owned()]);
    }
    let version = text.strip_prefix('=').unwrap_or(text);
    Some(vec![format!("=={version}")])
}

/// `^` keeps the first number that is not zero; `~` keeps the first two, or the one that is there.
fn range(version: &str, tilde: bool) -> Option<Vec<String>> {
    let from = Version::from_str(version.trim_end_matches(".*")).ok()?;
    let release = from.release().to_vec();
    let kept = if tilde {
        release.len().min(2)
    } else {
        release.iter().position(|number| *number != 0).map_or(release.len(), |at| at + 1)
    };
    let mut upper: Vec<u64> = release.get(..kept)?.to_vec();
    let last = upper.last_mut()?;
    *last = last.checked_add(1)?;
    upper.resize(release.len().max(1), 0);
    let upper = upper.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
    Some(vec![format!(">={from}"), format!("<{upper}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations() {
        for (poetry, wanted) in [
            ("^1.2.3", Some(">=1.2.3,<2.0.0")),
            ("^0.2.3", Some(">=0.2.3,<0.3.0")),
            ("^0.0.3", Some(">=0.0.3,<0.0.4")),
            ("^0.0", Some(">=0.0,<0.1")),
            ("^1", Some(">=1,<2")),
            ("^2.0b1", Some(">=2.0b1,<3.0")),
            ("~1.2.3", Some(">=1.2.3,<1.3.0")),
            ("~1", Some(">=1,<2")),
            ("~=1.4", Some("~=1.4")),
            ("1.2.3", Some("==1.2.3")),
            ("=1.2", Some("==1.2")),
            ("1.2.*", Some("==1.2.*")),
            ("*", Some("")),
            (">=3.9,<4.0", Some(">=3.9,<4.0")),
            (">= 1.0 <2, !=1.5", Some(">=1.0,<2,!=1.5")),
            ("^1.0 || ^2.0", None),
            ("latest", None),
            (">=", None),
            ("^18446744073709551615", None),
        ] {
            assert_eq!(pep440(poetry).as_deref(), wanted, "{poetry}");
        }
    }
}
