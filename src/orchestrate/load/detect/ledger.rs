//! Every place at which something is asked for, in little room: a large project has a hundred thousand of
//! them, and a file that has not changed has the same ones the next time.

use std::collections::HashMap;

use crate::spec::detection::Kind;

/// A text that stands in many places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(u32);

impl Word {
    /// The empty text.
    pub const NONE: Self = Self(0);
}

#[derive(Debug)]
pub struct Words {
    texts: Vec<Box<str>>,
    ids: HashMap<Box<str>, Word>,
}

impl Default for Words {
    fn default() -> Self {
        let mut words = Self { texts: Vec::new(), ids: HashMap::new() };
        words.id("");
        words
    }
}

impl Words {
    pub fn id(&mut self, text: &str) -> Word {
        if let Some(word) = self.ids.get(text) {
            return *word;
        }
        let word = Word(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.into());
        self.ids.insert(text.into(), word);
        word
    }

    /// Several texts as one, a line each.
    pub fn lines<S: AsRef<str>>(&mut self, texts: &[S]) -> Word {
        match texts {
            [] => Word::NONE,
            [one] => self.id(one.as_ref()),
            many => {
                let joined = many.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n");
                self.id(&joined)
            }
        }
    }

    pub fn text(&self, word: Word) -> &str {
        self.texts.get(word.0 as usize).map_or("", |text| text)
    }
}

/// One module that is asked for at one place.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Which of the files.
    pub file: u32,
    pub line: u32,
    /// Of a notebook, from 1; else 0.
    pub cell: u32,
    pub kind: Kind,
    /// It stands in a file that may name anything, so that what is unknown is not meant.
    pub is_hearsay: bool,
    /// Dotted, absolute.
    pub module: Word,
    /// What is taken out of it, a line each.
    pub names: Word,
    /// As it is shown.
    pub what: Word,
    pub why: Word,
    /// The `try` that it belongs to, counted in its file or cell from 1; else 0.
    pub attempt: u32,
    /// Which of the resolver's answers it has.
    pub outcome: u32,
}

/// Something for which a package is needed that need not be imported.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub file: u32,
    pub line: u32,
    pub cell: u32,
    pub kind: Kind,
    pub certain: bool,
    /// One of these distributions is enough, the preferred one first; a line each.
    pub any_of: Word,
    pub what: Word,
    pub why: Word,
}
