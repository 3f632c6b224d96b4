//! Sets of words that are asked for at every node of a tree, and are most often not there.

use foldhash::HashSet;

/// How many bits say that a word is in no set; a power of two.
const BITS: usize = 8192;

/// Words that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    words: HashSet<String>,
    bits: [u64; BITS / 64],
}

impl Set {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words: HashSet<String> = words.into_iter().collect();
        let mut bits = [0; BITS / 64];
        for word in &words {
            let bit = bit(word);
            bits[bit / 64] |= 1 << (bit % 64);
        }
        Self { words, bits }
    }
}

/// Sets taken together, with an answer in a few steps for most words that are in none.
#[derive(Clone)]
pub(crate) struct Words {
    bits: [u64; BITS / 64],
    sets: Vec<&'static Set>,
}

impl Default for Words {
    fn default() -> Self {
        Self { bits: [0; BITS / 64], sets: Vec::new() }
    }
}

impl Words {
    pub(crate) fn add(&mut self, set: &'static Set) {
        for (bits, more) in self.bits.iter_mut().zip(&set.bits) {
            *bits |= more;
        }
        self.sets.push(set);
    }

    pub(super) fn contain(&self, word: &str) -> bool {
        let bit = bit(word);
        self.bits[bit / 64] & (1 << (bit % 64)) != 0 && self.sets.iter().any(|set| set.words.contains(word))
    }
}

/// FNV-1a, which takes a word's length in steps.
fn bit(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    usize::try_from((hash ^ (hash >> 32)) % BITS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static SET: LazyLock<Set> = LazyLock::new(|| Set::new((0..500).map(|i| format!("word_{i}"))));

    #[test]
    fn exactly_the_words_are_in_it() {
        let mut words = Words::default();
        assert!(!words.contain("word_1"));
        words.add(&SET);
        assert!((0..500).all(|i| words.contain(&format!("word_{i}"))));
        assert!((500..5000).all(|i| !words.contain(&format!("word_{i}"))));
    }
}
