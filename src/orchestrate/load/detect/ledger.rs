//! Every place at which something is asked for, in little room: a large project has a hundred thousand of
//! them, and a file that has not changed has the same ones the next time.

use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::memory::bytes::Row;
use crate::project::python::scan::Base;
use crate::spec::detection::Kind;

/// A text that stands in many places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(u32);

impl Word {
    /// The empty text.
    pub const NONE: Self = Self(0);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Texts, each once, one behind the other.
#[derive(Clone, Debug)]
pub struct Words {
    texts: String,
    /// Where each ends; the first one is the empty one.
    ends: Vec<u32>,
    /// For finding a text's number: numbers at the places that their hashes give, `EMPTY` where there is none.
    /// Made when it is first needed; a power of two of them.
    slots: Vec<u32>,
    hashes: RandomState,
}

const EMPTY: u32 = u32::MAX;
/// More text than this is not a project's.
const TEXTS_MAX: usize = u32::MAX as usize / 2;

impl Default for Words {
    fn default() -> Self {
        Self { texts: String::new(), ends: vec![0], slots: Vec::new(), hashes: RandomState::default() }
    }
}

impl Words {
    /// What `parts` has given; `None` for what it cannot have given.
    pub fn of_parts(texts: &str, ends: Vec<u32>) -> Option<Self> {
        let fits = ends.first() == Some(&0)
            && ends.is_sorted()
            && ends.last().is_some_and(|end| *end as usize == texts.len())
            && ends.iter().all(|end| texts.is_char_boundary(*end as usize));
        fits.then(|| Self {
            texts: texts.to_owned(),
            ends,
            slots: Vec::new(),
            hashes: RandomState::default(),
        })
    }

    pub fn parts(&self) -> (&str, &[u32]) {
        (&self.texts, &self.ends)
    }

    pub fn id(&mut self, text: &str) -> Word {
        if text.is_empty() || self.texts.len() + text.len() > TEXTS_MAX {
            return Word::NONE;
        }
        if self.slots.len() < 2 * (self.ends.len() + 1) {
            self.widen();
        }
        let slot = self.slot(text);
        if self.slots[slot] == EMPTY {
            self.slots[slot] = self.count();
            self.texts.push_str(text);
            self.ends.push(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        }
        Word(self.slots[slot])
    }

    /// How many texts there are, the empty one counted.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(EMPTY)
    }

    /// Where the text's number is, or belongs.
    fn slot(&self, text: &str) -> usize {
        let last = self.slots.len() - 1;
        // Only the lower bits count.
        #[allow(clippy::cast_possible_truncation)]
        let mut slot = self.hashes.hash_one(text) as usize & last;
        while self.slots[slot] != EMPTY && self.text(Word(self.slots[slot])) != text {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn widen(&mut self) {
        let wanted = (4 * (self.ends.len() + 1)).next_power_of_two().max(64);
        self.slots = vec![EMPTY; wanted];
        for number in 1..self.count() {
            let slot = self.slot(self.text(Word(number)));
            self.slots[slot] = number;
        }
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
        let number = word.0 as usize;
        if number == 0 {
            return "";
        }
        let (Some(start), Some(end)) = (self.ends.get(number - 1), self.ends.get(number)) else { return "" };
        self.texts.get(*start as usize..*end as usize).unwrap_or_default()
    }
}

/// Something that a fact consists of: a number in the end.
pub trait Value: Copy {
    fn number(self) -> u32;

    fn of(number: u32) -> Option<Self>;

    /// As it is where words have other numbers.
    fn moved(self, _to: &mut impl FnMut(Word) -> Word) -> Self {
        self
    }
}

impl Value for u32 {
    fn number(self) -> u32 {
        self
    }

    fn of(number: u32) -> Option<Self> {
        Some(number)
    }
}

impl Value for bool {
    fn number(self) -> u32 {
        u32::from(self)
    }

    fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Value for Word {
    fn number(self) -> u32 {
        self.0
    }

    fn of(number: u32) -> Option<Self> {
        Some(Self(number))
    }

    fn moved(self, to: &mut impl FnMut(Word) -> Word) -> Self {
        to(self)
    }
}

const KINDS: [Kind; 10] = [
    Kind::Top,
    Kind::Function,
    Kind::ByName,
    Kind::Program,
    Kind::Fallback,
    Kind::Implied,
    Kind::Optional,
    Kind::Guarded,
    Kind::TypeChecking,
    Kind::Declared,
];

impl Value for Kind {
    fn number(self) -> u32 {
        self as u32
    }

    fn of(number: u32) -> Option<Self> {
        KINDS.get(number as usize).copied()
    }
}

impl Value for Base {
    fn number(self) -> u32 {
        self as u32
    }

    fn of(number: u32) -> Option<Self> {
        [Self::ScriptFolder, Self::WorkingFolder, Self::Absolute, Self::Unknown].get(number as usize).copied()
    }
}

/// Something that stands in one file.
pub trait Fact: Copy {
    fn file(&self) -> u32;

    /// As it is in another ledger.
    fn moved(self, file: u32, to: &mut impl FnMut(Word) -> Word) -> Self;
}

macro_rules! fact {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $value:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            /// Which of the files.
            pub file: u32,
            $($(#[$field_about])* pub $field: $value,)*
        }

        impl Fact for $name {
            fn file(&self) -> u32 {
                self.file
            }

            fn moved(self, file: u32, _to: &mut impl FnMut(Word) -> Word) -> Self {
                Self { file, $($field: self.$field.moved(_to),)* }
            }
        }

        impl Row for $name {
            const WIDTH: usize = 1 $(+ { let _ = stringify!($field); 1 })*;

            fn put(&self, numbers: &mut Vec<u32>) {
                numbers.push(self.file);
                $(numbers.push(self.$field.number());)*
            }

            fn take(numbers: &[u32]) -> Option<Self> {
                let mut numbers = numbers.iter();
                Some(Self { file: *numbers.next()?, $($field: <$value>::of(*numbers.next()?)?,)* })
            }
        }
    };
}

fact! {
    /// One module that is asked for at one place.
    Asked {
        line: u32,
        /// Of a notebook, from 1; else 0.
        cell: u32,
        kind: Kind,
        /// It stands in a file that may name anything, so that what is unknown is not meant.
        is_hearsay: bool,
        /// It is the path of a class, of which the same holds though it is needed where it is known.
        is_path: bool,
        /// Dotted, absolute.
        module: Word,
        /// What is taken out of it, a line each.
        names: Word,
        /// As it is shown.
        what: Word,
        why: Word,
        /// The `try` that it belongs to, counted in its file or cell from 1; else 0.
        attempt: u32,
        /// Which of the resolver's answers it has.
        outcome: u32,
    }
}

fact! {
    /// Something for which a package is needed that need not be imported.
    Call {
        line: u32,
        cell: u32,
        kind: Kind,
        certain: bool,
        /// One of these distributions is enough, the preferred one first; a line each.
        any_of: Word,
        what: Word,
        why: Word,
        /// The libraries of whose calls the rule speaks, a line each; of the code's own modules it does not.
        about: Word,
        /// The versions of a library of which it is so.
        versions: Word,
    }
}

fact! {
    /// A relative import.
    Relative {
        /// How many dots.
        level: u32,
        /// Without the dots; may be empty.
        module: Word,
        names: Word,
    }
}

fact! {
    /// A file that the code executes.
    Executes { base: Base, up: u32, below: Word }
}

fact! {
    /// A package of whose modules one is imported whose name is made while the code runs.
    Family { level: u32, package: Word }
}

fact! {
    /// A folder that is added to `sys.path`.
    Addition {
        line: u32,
        /// Of a notebook, from 1; else 0.
        cell: u32,
        base: Base,
        up: u32,
        below: Word,
    }
}

fact! {
    /// A module that a notebook writes before it imports it.
    Written { module: Word }
}

fact! {
    /// A module that a `setup.py` builds or finds in another folder.
    Built { module: Word }
}

fact! {
    /// A distribution that is named as such.
    Names { distribution: Word }
}

fact! {
    /// Something that could not be read; without a line 0.
    Flaw { line: u32, message: Word }
}

fact! {
    /// That the file is also a program.
    Main {}
}

fact! {
    /// That the file has functions that are called like tests.
    Tested {}
}

/// What all files say, in the order of the files; or what one file says, which then is number 0.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub words: Words,
    pub asked: Vec<Asked>,
    pub calls: Vec<Call>,
    pub relative: Vec<Relative>,
    pub executes: Vec<Executes>,
    pub families: Vec<Family>,
    pub additions: Vec<Addition>,
    pub written: Vec<Written>,
    pub built: Vec<Built>,
    pub names: Vec<Names>,
    pub flaws: Vec<Flaw>,
    pub mains: Vec<Main>,
    pub tested: Vec<Tested>,
}

impl Ledger {
    /// Takes in what one file says, in the place of what it said before. Gives the range of what it asks for.
    pub fn put(&mut self, number: u32, page: &Self) -> Range<usize> {
        let words: Vec<Word> =
            (0..page.words.count()).map(|word| self.words.id(page.words.text(Word(word)))).collect();
        let mut to = |word: Word| words.get(word.0 as usize).copied().unwrap_or_default();
        put(&mut self.calls, number, &page.calls, &mut to);
        put(&mut self.relative, number, &page.relative, &mut to);
        put(&mut self.executes, number, &page.executes, &mut to);
        put(&mut self.families, number, &page.families, &mut to);
        put(&mut self.additions, number, &page.additions, &mut to);
        put(&mut self.written, number, &page.written, &mut to);
        put(&mut self.built, number, &page.built, &mut to);
        put(&mut self.names, number, &page.names, &mut to);
        put(&mut self.flaws, number, &page.flaws, &mut to);
        put(&mut self.mains, number, &page.mains, &mut to);
        put(&mut self.tested, number, &page.tested, &mut to);
        put(&mut self.asked, number, &page.asked, &mut to)
    }

    /// Takes in what many files say, behind everything else; their numbers there count on from `first`.
    pub fn append(&mut self, first: u32, more: &Self) {
        let words: Vec<Word> =
            (0..more.words.count()).map(|word| self.words.id(more.words.text(Word(word)))).collect();
        let mut to = |word: Word| words.get(word.0 as usize).copied().unwrap_or_default();
        append(&mut self.asked, first, &more.asked, &mut to);
        append(&mut self.calls, first, &more.calls, &mut to);
        append(&mut self.relative, first, &more.relative, &mut to);
        append(&mut self.executes, first, &more.executes, &mut to);
        append(&mut self.families, first, &more.families, &mut to);
        append(&mut self.additions, first, &more.additions, &mut to);
        append(&mut self.written, first, &more.written, &mut to);
        append(&mut self.built, first, &more.built, &mut to);
        append(&mut self.names, first, &more.names, &mut to);
        append(&mut self.flaws, first, &more.flaws, &mut to);
        append(&mut self.mains, first, &more.mains, &mut to);
        append(&mut self.tested, first, &more.tested, &mut to);
    }

    /// What one file says, where it stands.
    pub fn of_file(&self, number: u32) -> Page<'_> {
        Page { ledger: self, number }
    }

    /// What one file says, by itself.
    pub fn page(&self, number: u32) -> Self {
        let mut words = Words::default();
        let mut to = |word: Word| words.id(self.words.text(word));
        let page = Self {
            words: Words::default(),
            asked: page(&self.asked, number, &mut to),
            calls: page(&self.calls, number, &mut to),
            relative: page(&self.relative, number, &mut to),
            executes: page(&self.executes, number, &mut to),
            families: page(&self.families, number, &mut to),
            additions: page(&self.additions, number, &mut to),
            written: page(&self.written, number, &mut to),
            built: page(&self.built, number, &mut to),
            names: page(&self.names, number, &mut to),
            flaws: page(&self.flaws, number, &mut to),
            mains: page(&self.mains, number, &mut to),
            tested: page(&self.tested, number, &mut to),
        };
        Self { words, ..page }
    }
}

/// What one file says, among what others say.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    ledger: &'a Ledger,
    number: u32,
}

impl<'a> Page<'a> {
    pub fn text(self, word: Word) -> &'a str {
        self.ledger.words.text(word)
    }

    pub fn asked(self) -> &'a [Asked] {
        of(&self.ledger.asked, self.number)
    }

    pub fn relative(self) -> &'a [Relative] {
        of(&self.ledger.relative, self.number)
    }

    pub fn executes(self) -> &'a [Executes] {
        of(&self.ledger.executes, self.number)
    }

    pub fn families(self) -> &'a [Family] {
        of(&self.ledger.families, self.number)
    }

    pub fn additions(self) -> &'a [Addition] {
        of(&self.ledger.additions, self.number)
    }

    pub fn written(self) -> &'a [Written] {
        of(&self.ledger.written, self.number)
    }

    /// Whether the file is also a program.
    pub fn is_program(self) -> bool {
        !of(&self.ledger.mains, self.number).is_empty()
    }

    /// Whether it has functions that are called like tests.
    pub fn has_tests(self) -> bool {
        !of(&self.ledger.tested, self.number).is_empty()
    }
}

/// What one file has among the facts of all.
pub fn of<F: Fact>(all: &[F], number: u32) -> &[F] {
    &all[range(all, number)]
}

/// Where that stands.
pub fn range<F: Fact>(all: &[F], number: u32) -> Range<usize> {
    // What is taken in comes most often behind everything else.
    if all.last().is_none_or(|last| last.file() < number) {
        return all.len()..all.len();
    }
    let start = all.partition_point(|fact| fact.file() < number);
    let length = all[start..].partition_point(|fact| fact.file() == number);
    start..start + length
}

fn put<F: Fact>(
    all: &mut Vec<F>,
    number: u32,
    page: &[F],
    to: &mut impl FnMut(Word) -> Word,
) -> Range<usize> {
    let old = range(all, number);
    let start = old.start;
    all.splice(old, page.iter().map(|fact| fact.moved(number, to)));
    start..start + page.len()
}

fn append<F: Fact>(all: &mut Vec<F>, first: u32, more: &[F], to: &mut impl FnMut(Word) -> Word) {
    all.extend(more.iter().map(|fact| fact.moved(first.saturating_add(fact.file()), to)));
}

fn page<F: Fact>(all: &[F], number: u32, to: &mut impl FnMut(Word) -> Word) -> Vec<F> {
    of(all, number).iter().map(|fact| fact.moved(0, to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(modules: &[&str]) -> Ledger {
        let mut page = Ledger::default();
        for module in modules {
            let module = page.words.id(module);
            page.relative.push(Relative { file: 0, level: 1, module, names: Word::NONE });
        }
        page
    }

    fn modules(ledger: &Ledger) -> Vec<(u32, &str)> {
        ledger.relative.iter().map(|it| (it.file, ledger.words.text(it.module))).collect()
    }

    #[test]
    fn a_text_has_one_number_however_many_there_are() {
        let mut words = Words::default();
        let numbers: Vec<Word> = (0..1000).map(|number| words.id(&format!("word {number}"))).collect();
        for (number, word) in numbers.iter().enumerate() {
            let text = format!("word {number}");
            assert_eq!(words.text(*word), text);
            assert_eq!(words.id(&text), *word);
        }
        assert_eq!(words.id(""), Word::NONE);
        let (texts, ends) = words.parts();
        let mut again = Words::of_parts(texts, ends.to_vec()).unwrap();
        assert_eq!(again.id("word 7"), numbers[7]);
        let new = again.id("new");
        assert_eq!(again.text(new), "new");
    }

    #[test]
    fn words_are_not_made_of_anything() {
        assert!(Words::of_parts("é", vec![0, 1, 2]).is_none());
        assert!(Words::of_parts("ab", vec![0, 2, 1]).is_none());
        assert!(Words::of_parts("ab", vec![0, 1]).is_none());
        assert!(Words::of_parts("ab", vec![1, 2]).is_none());
        assert!(Words::of_parts("ab", vec![]).is_none());
        assert!(Words::of_parts("", vec![0]).is_some());
    }

    #[test]
    fn a_file_that_says_something_else_keeps_its_place() {
        let mut ledger = Ledger::default();
        ledger.put(0, &page_of(&["a", "b"]));
        ledger.put(1, &page_of(&["b"]));
        ledger.put(2, &page_of(&["c"]));
        ledger.put(1, &page_of(&["d", "a", "e"]));
        assert_eq!(modules(&ledger), [(0, "a"), (0, "b"), (1, "d"), (1, "a"), (1, "e"), (2, "c")]);
        ledger.put(0, &page_of(&[]));
        assert_eq!(modules(&ledger), [(1, "d"), (1, "a"), (1, "e"), (2, "c")]);
        assert_eq!(modules(&ledger.page(1)), [(0, "d"), (0, "a"), (0, "e")]);
        assert_eq!(modules(&ledger.page(0)), []);
    }

    #[test]
    fn many_files_are_taken_in_as_one_by_one() {
        let pages = [page_of(&["a", "b"]), page_of(&[]), page_of(&["b", "c"]), page_of(&["a"])];
        let mut each = Ledger::default();
        let mut all = Ledger::default();
        for (number, page) in (0..).zip(&pages) {
            each.put(number, page);
        }
        for (first, some) in [(0, &pages[..2]), (2, &pages[2..])] {
            let mut piece = Ledger::default();
            (0..).zip(some).for_each(|(number, page)| {
                piece.put(number, page);
            });
            all.append(first, &piece);
        }
        assert_eq!(modules(&all), modules(&each));
        let of_file = |number| all.of_file(number).relative().iter().map(|it| all.words.text(it.module));
        assert_eq!(of_file(2).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(of_file(1).count(), 0);
    }
}
