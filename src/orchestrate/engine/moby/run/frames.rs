//! The output of a run without a terminal: two streams in one, each piece with a head of eight bytes
//! (stream, three zeros, length).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Takes the pieces apart, however they were cut on the way.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: Vec<u8>,
    /// What is left of the piece at hand.
    left: usize,
}

impl Frames {
    pub(super) fn take<'a>(&mut self, mut bytes: &'a [u8], mut show: impl FnMut(Stream, &'a [u8])) {
        while !bytes.is_empty() {
            if self.head.len() < 8 {
                let count = (8 - self.head.len()).min(bytes.len());
                self.head.extend_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
                if self.head.len() == 8 {
                    let length = [self.head[4], self.head[5], self.head[6], self.head[7]];
                    self.left = u32::from_be_bytes(length) as usize;
                }
            }
            if self.head.len() == 8 {
                let count = self.left.min(bytes.len());
                if count > 0 {
                    // 3 is what the engine itself has to say about the stream (docker, "systemerr").
                    let stream = if self.head[0] <= 1 { Stream::Out } else { Stream::Err };
                    show(stream, &bytes[..count]);
                }
                self.left -= count;
                bytes = &bytes[count..];
                if self.left == 0 {
                    self.head.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_however_they_are_cut() {
        let bytes = b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x02er\x01\0\0\0\0\0\0\x01!";
        for cut in 0..bytes.len() {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut frames = Frames::default();
            for part in [&bytes[..cut], &bytes[cut..]] {
                frames.take(part, |stream, text| match stream {
                    Stream::Out => out.extend_from_slice(text),
                    Stream::Err => err.extend_from_slice(text),
                });
            }
            assert_eq!((out.as_slice(), err.as_slice()), (&b"out!"[..], &b"er"[..]), "cut at {cut}");
        }
    }
}
