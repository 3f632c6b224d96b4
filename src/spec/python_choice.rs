//! Which minor version of Python code gets that says which it can do with. Pure.

use pep440_rs::{Version, VersionSpecifiers};

/// Minor versions of Python 3 that have images.
const FIRST: u8 = 7;
const LAST: u8 = 14;

/// Somebody's word: who, and the versions as PEP 440 has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub by: String,
    pub versions: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub python: (u8, u8),
    /// Whose word it is, where it is not the one in use.
    pub by: Option<Word>,
    /// Those that cannot be had with it.
    pub against: Vec<Word>,
}

/// The one in use where everybody can do with it, else the nearest that everybody can, else that of the first who says
/// anything. What nobody understands says nothing.
pub fn choose(in_use: (u8, u8), words: &[Word]) -> Chosen {
    let words: Vec<(&Word, VersionSpecifiers)> =
        words.iter().filter_map(|word| Some((word, word.versions.parse().ok()?))).collect();
    // A newer one rather than an older, where both are as near.
    let near = |minor: &u8| (minor.abs_diff(in_use.1), *minor < in_use.1);
    let mut minors: Vec<u8> = (FIRST..=LAST).chain([in_use.1]).collect();
    minors.sort_by_key(near);
    minors.dedup();
    let fits = |minor: u8, specifiers: &VersionSpecifiers| {
        (0..30)
            .any(|patch| specifiers.contains(&Version::new([u64::from(in_use.0), u64::from(minor), patch])))
    };
    let minor = minors
        .iter()
        .copied()
        .find(|minor| words.iter().all(|(_, versions)| fits(*minor, versions)))
        .or_else(|| {
            let (_, first) =
                words.iter().find(|(_, versions)| minors.iter().any(|it| fits(*it, versions)))?;
            minors.iter().copied().find(|minor| fits(*minor, first))
        })
        .unwrap_or(in_use.1);
    let by = words.iter().find(|(_, versions)| minor != in_use.1 && !fits(in_use.1, versions));
    let against = words.iter().filter(|(_, versions)| !fits(minor, versions));
    Chosen {
        python: (in_use.0, minor),
        by: by.map(|(word, _)| (*word).clone()),
        against: against.map(|(word, _)| (*word).clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> (u8, Option<usize>, usize) {
        let words: Vec<Word> = words
            .iter()
            .enumerate()
            .map(|(index, versions)| Word { by: index.to_string(), versions: (*versions).to_owned() })
            .collect();
        let Chosen { python, by, against } = choose((3, 11), &words);
        (python.1, by.map(|word| word.by.parse().unwrap()), against.len())
    }

    #[test]
    fn the_one_in_use_where_it_will_do_else_the_nearest() {
        assert_eq!(chosen(&[]), (11, None, 0));
        assert_eq!(chosen(&[">=3.9", "<4"]), (11, None, 0));
        assert_eq!(chosen(&["==3.11.9"]), (11, None, 0));
        assert_eq!(chosen(&[">=3.8", ">=3.12"]), (12, Some(1), 0));
        assert_eq!(chosen(&["<3.11"]), (10, Some(0), 0));
        assert_eq!(chosen(&["==3.10.*", ">=3.12"]), (10, Some(0), 1));
        assert_eq!(chosen(&["~=2.7"]), (11, None, 1));
        assert_eq!(chosen(&["three"]), (11, None, 0));
    }
}
