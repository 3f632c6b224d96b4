//! Lines and columns of offsets in a text.

use memchr::memchr2_iter;
use ruff_text_size::TextSize;

/// Turns offsets into lines and columns; quick where they are asked for in the order of the text.
pub(super) struct Places<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, line_start: 0 }
    }

    /// The line and the column of an offset, both from 1; columns count characters.
    pub(super) fn of(&mut self, place: TextSize) -> (u32, u32) {
        self.of_offset(place.to_usize())
    }

    pub(super) fn of_offset(&mut self, place: usize) -> (u32, u32) {
        let place = place.min(self.text.len());
        if place < self.offset {
            *self = Self::new(self.text);
        }
        let bytes = self.text.as_bytes();
        for index in memchr2_iter(b'\n', b'\r', &bytes[self.offset..place]) {
            let index = self.offset + index;
            // A lone `\r` ends a line, too, for Python as for the parser.
            if bytes[index] == b'\n' || bytes.get(index + 1) != Some(&b'\n') {
                self.line += 1;
                self.line_start = index + 1;
            }
        }
        self.offset = place;
        let before = self.text.get(self.line_start..place).map_or(0, |text| text.chars().count());
        (self.line, u32::try_from(before + 1).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_counts_once() {
        let mut places = Places::new("a\nb\r\nc\rd é x");
        let mut of = |offset: u32| places.of(TextSize::new(offset));
        assert_eq!([of(0), of(2), of(5), of(7)], [(1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!([of(12), of(0), of(99)], [(4, 5), (1, 1), (4, 6)]);
    }
}
