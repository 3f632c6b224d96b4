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

/// By a word's length and its ends: two words that have those in common are told apart by the set itself.
fn bit(word: &str) -> usize {
    let bytes = word.as_bytes();
    let (front, back) = if let (Some(front), Some(back)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
    {
        (u64::from_le_bytes(*front), u64::from_le_bytes(*back))
    } else if let (Some(front), Some(back)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*front)), u64::from(u32::from_le_bytes(*back)))
    } else {
        (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0)
    };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mixed = (front ^ back.rotate_left(29) ^ length).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> (64 - BITS.ilog2())).unwrap_or(0)
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
