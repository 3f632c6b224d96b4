//! One line of a distribution's `Requires-Dist`, or one requirement of a file, split into its parts (PEP 508). What
//! older tools wrote is understood, too: `numpy (>=1.0)`, a comma at the end.

/// Longer lines than this are nobody's requirement.
const LONGEST: usize = 16 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiresDist<'a> {
    /// As written.
    pub name: &'a str,
    /// As written.
    pub extras: Vec<&'a str>,
    pub demand: Demand<'a>,
    /// The text behind `;`.
    pub marker: Option<&'a str>,
}

/// Which of the distribution's versions it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand<'a> {
    Any,
    /// `>=1.0,<2`, without parentheses around it.
    Versions(&'a str),
    /// Behind `@`.
    Address(&'a str),
}

/// Splits; else says what keeps it from being a requirement. Neither versions nor the marker are looked into.
pub fn split(text: &str) -> Result<RequiresDist<'_>, &'static str> {
    if text.len() > LONGEST {
        return Err("it is too long to be a requirement");
    }
    let text = text.trim();
    let (name, rest) = split_name(text)?;
    let rest = rest.trim_start();
    let (extras, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (inside, rest) = rest.split_once(']').ok_or("`[` is not closed")?;
            (extras(inside)?, rest.trim_start())
        }
        None => (Vec::new(), rest),
    };
    if let Some(rest) = rest.strip_prefix('@') {
        // An address may hold a `;`; that of a marker stands behind a blank.
        let blank = |at: usize| rest[..at].ends_with(char::is_whitespace);
        let end = rest.match_indices(';').map(|(at, _)| at).find(|at| blank(*at));
        let (address, marker) = end.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        let address = address.trim();
        if address.is_empty() {
            return Err("there is no address behind `@`");
        }
        return Ok(RequiresDist {
            name,
            extras,
            demand: Demand::Address(address),
            marker: marker.and_then(no_empty),
        });
    }
    let (versions, marker) =
        rest.split_once(';').map_or((rest, None), |(versions, marker)| (versions, Some(marker)));
    let versions = versions.trim();
    let versions = match versions.strip_prefix('(') {
        Some(inside) => inside.strip_suffix(')').ok_or("`(` is not closed")?.trim(),
        None => versions,
    };
    let versions = versions.trim_end_matches([',', ' ']);
    let demand = if versions.is_empty() { Demand::Any } else { Demand::Versions(versions) };
    if !versions.is_empty() && !versions.starts_with(['<', '>', '=', '!', '~']) {
        return Err("what follows the name is no version");
    }
    Ok(RequiresDist { name, extras, demand, marker: marker.and_then(no_empty) })
}

fn no_empty(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Letters and digits at both ends, dots, dashes and underscores between them.
fn split_name(text: &str) -> Result<(&str, &str), &'static str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let of_a_name = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if of_a_name(name.chars().next()) && of_a_name(name.chars().next_back()) {
        Ok((name, rest))
    } else {
        Err("it does not begin with a name")
    }
}

fn extras(inside: &str) -> Result<Vec<&str>, &'static str> {
    let words = inside.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| match split_name(word) {
            Ok((name, "")) => Ok(name),
            _ => Err("between `[` and `]` is no name"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> (&str, Vec<&str>, Demand<'_>, Option<&str>) {
        let RequiresDist { name, extras, demand, marker } = split(text).unwrap();
        (name, extras, demand, marker)
    }

    #[test]
    fn the_forms_of_today_and_of_yesterday() {
        use Demand::{Address, Any, Versions};
        assert_eq!(plain("numpy"), ("numpy", vec![], Any, None));
        assert_eq!(
            plain("requests [security,tests] >= 2.8.1, == 2.8.* ; python_version > \"3.8\""),
            (
                "requests",
                vec!["security", "tests"],
                Versions(">= 2.8.1, == 2.8.*"),
                Some("python_version > \"3.8\"")
            )
        );
        assert_eq!(
            plain("A.b (>=1.0,<2) ; extra == 'x'"),
            ("A.b", vec![], Versions(">=1.0,<2"), Some("extra == 'x'"))
        );
        assert_eq!(plain("x (>=1.0,)"), ("x", vec![], Versions(">=1.0"), None));
        assert_eq!(plain("x[]==1;"), ("x", vec![], Versions("==1"), None));
        assert_eq!(
            plain("x @ https://h/a;b.whl#sha256=0 ; extra == 'y'"),
            ("x", vec![], Address("https://h/a;b.whl#sha256=0"), Some("extra == 'y'"))
        );
        assert_eq!(plain("x[a]@git+https://h/x@v1"), ("x", vec!["a"], Address("git+https://h/x@v1"), None));
    }

    #[test]
    fn what_is_no_requirement_is_said_to_be_none() {
        let long = "x".repeat(LONGEST + 1);
        for text in
            ["", "-", "x- >=1", "=1", "./x", "x[a", "x[a b]", "x[ä]", "x (>=1", "x 1.0", "x @ ", "é", &long]
        {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
