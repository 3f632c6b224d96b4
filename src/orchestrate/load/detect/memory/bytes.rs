//! Numbers and texts as bytes, little end first, and back. What is read was written by an earlier scaf, or by
//! anybody: every length is held against what is there.

/// A thing that is a fixed number of 32-bit numbers.
pub trait Row: Sized {
    const WIDTH: usize;

    fn put(&self, numbers: &mut Vec<u32>);

    /// `None` for numbers that no such thing has. There are `WIDTH` of them.
    fn take(numbers: &[u32]) -> Option<Self>;
}

#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    pub fn number(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    pub fn rows<R: Row>(&mut self, rows: &[R]) {
        self.count(rows.len());
        let mut numbers = Vec::with_capacity(R::WIDTH);
        self.bytes.reserve(rows.len() * R::WIDTH * 4);
        for row in rows {
            numbers.clear();
            row.put(&mut numbers);
            debug_assert_eq!(numbers.len(), R::WIDTH);
            for number in &numbers {
                self.number(*number);
            }
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads in the order of the writing. `None` wherever there is less than is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    pub fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(length)?;
        self.left = left;
        Some(taken)
    }

    pub fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.raw(4)?.try_into().ok()?))
    }

    /// How many things follow, of which each takes at least so many bytes.
    pub fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(each)? <= self.left.len()).then_some(count)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let length = self.count(1)?;
        std::str::from_utf8(self.raw(length)?).ok()
    }

    pub fn rows<R: Row>(&mut self) -> Option<Vec<R>> {
        let count = self.count(R::WIDTH * 4)?;
        let bytes = self.raw(count * R::WIDTH * 4)?;
        let mut numbers = vec![0; R::WIDTH];
        bytes
            .chunks_exact(R::WIDTH * 4)
            .map(|row| {
                for (number, bytes) in numbers.iter_mut().zip(row.chunks_exact(4)) {
                    *number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
                R::take(&numbers)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Pair(u32, bool);

    impl Row for Pair {
        const WIDTH: usize = 2;

        fn put(&self, numbers: &mut Vec<u32>) {
            numbers.extend([self.0, u32::from(self.1)]);
        }

        fn take(numbers: &[u32]) -> Option<Self> {
            match *numbers {
                [number, flag @ (0 | 1)] => Some(Self(number, flag == 1)),
                _ => None,
            }
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut writer = Writer::default();
        writer.raw(&[1, 2]);
        writer.text("é\n");
        writer.rows(&[Pair(7, true), Pair(u32::MAX, false)]);
        writer.rows::<Pair>(&[]);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.raw(2), Some(&[1, 2][..]));
        assert_eq!(reader.text(), Some("é\n"));
        assert_eq!(reader.rows::<Pair>(), Some(vec![Pair(7, true), Pair(u32::MAX, false)]));
        assert_eq!(reader.rows::<Pair>(), Some(Vec::new()));
        assert!(reader.is_at_end());
        assert_eq!(reader.number(), None);
    }

    #[test]
    fn a_length_that_is_not_there_is_no_reason_to_make_room() {
        let lies = u32::MAX.to_le_bytes();
        assert_eq!(Reader::new(&lies).text(), None);
        assert!(Reader::new(&lies).rows::<Pair>().is_none());
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0xff, 0xff]).text(), None);
    }

    #[test]
    fn a_row_that_cannot_be_is_refused() {
        let mut writer = Writer::default();
        writer.count(1);
        writer.number(1);
        writer.number(2);
        assert!(Reader::new(&writer.into_bytes()).rows::<Pair>().is_none());
    }
}
