//! Which versions of a library a rule is about: `transformers >= 4.30`, with a `?` behind it where that is not what a
//! version that is not known is taken to be.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

/// A distribution's name, normalised, and its versions.
pub struct Versions {
    pub distribution: String,
    specifiers: VersionSpecifiers,
    /// Where the version is not known, it is taken to be one of these.
    pub is_assumed: bool,
}

impl Versions {
    pub fn read(text: &str) -> Option<Self> {
        let (text, is_assumed) = match text.strip_suffix('?') {
            Some(text) => (text.trim_end(), false),
            None => (text, true),
        };
        let (distribution, specifiers) = text.split_once(' ')?;
        let specifiers = VersionSpecifiers::from_str(specifiers).ok()?;
        Some(Self { distribution: distribution.to_owned(), specifiers, is_assumed })
    }

    /// Whether a version is one of them; `None` where it is no version.
    pub fn contain(&self, version: &str) -> Option<bool> {
        Version::from_str(version).ok().map(|version| self.specifiers.contains(&version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_versions() {
        let versions = Versions::read("transformers >= 4.30, < 5").unwrap();
        assert_eq!(versions.distribution, "transformers");
        assert_eq!(
            ["4.29.2", "4.30", "5.0", "dev"].map(|it| versions.contain(it)),
            [Some(false), Some(true), Some(false), None]
        );
        assert!(versions.is_assumed && !Versions::read("plotly < 6 ?").unwrap().is_assumed);
        assert!(Versions::read("transformers").is_none());
    }
}
