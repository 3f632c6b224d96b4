//! What a compiled library says about where it runs: read from its bytes, piece by piece.

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    pub made_for: MadeFor,
    /// The minor version of the newest glibc that it asks for: 34 of 2.34.
    pub glibc: Option<u8>,
    pub musl: bool,
    /// Python can import it.
    pub is_module: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeFor {
    LinuxX86_64,
    LinuxAarch64,
    /// A Linux on another machine.
    OtherLinux,
    MacOs,
    Windows,
    /// It has the name of a library and is none: a link's text, a script for the linker.
    Nothing,
}

impl MadeFor {
    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "Linux on x86_64",
            Self::LinuxAarch64 => "Linux on aarch64",
            Self::OtherLinux => "another machine",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
            Self::Nothing => "no machine",
        }
    }
}

/// No word that is looked for is longer.
const OVERLAP: usize = 32;

/// Reads a file of which the pieces are given in order.
#[derive(Debug, Default)]
pub struct Scan {
    head: Vec<u8>,
    /// The end of the piece before, and the one that is looked at.
    window: Vec<u8>,
    glibc: Option<u8>,
    musl: bool,
    is_module: bool,
}

impl Scan {
    pub fn feed(&mut self, piece: &[u8]) {
        const HEAD: usize = 20;
        if self.head.len() < HEAD {
            self.head.extend(piece.iter().take(HEAD - self.head.len()));
        }
        let from = self.window.len().saturating_sub(OVERLAP);
        self.window.drain(..from);
        self.window.extend_from_slice(piece);
        for at in memchr::memmem::find_iter(&self.window, b"GLIBC_2.") {
            self.glibc = self.glibc.max(number(&self.window[at + "GLIBC_2.".len()..]));
        }
        self.musl |= memchr::memmem::find(&self.window, b"libc.musl-").is_some();
        self.is_module |= memchr::memmem::find(&self.window, b"PyInit_").is_some();
    }

    pub fn finish(self) -> Compiled {
        let Self { head, glibc, musl, is_module, window: _ } = self;
        Compiled { made_for: made_for(&head), glibc, musl, is_module }
    }
}

/// The number that the bytes begin with.
fn number(bytes: &[u8]) -> Option<u8> {
    let digits: String =
        bytes.iter().take(3).map_while(|byte| byte.is_ascii_digit().then_some(char::from(*byte))).collect();
    digits.parse().ok()
}

fn made_for(head: &[u8]) -> MadeFor {
    match head {
        [0x7f, b'E', b'L', b'F', _, order, ..] if head.len() >= 20 => {
            let machine = [head[18], head[19]];
            let machine = if *order == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
            match machine {
                62 => MadeFor::LinuxX86_64,
                183 => MadeFor::LinuxAarch64,
                _ => MadeFor::OtherLinux,
            }
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => MadeFor::MacOs,
        [b'M', b'Z', ..] => MadeFor::Windows,
        _ => MadeFor::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&[u8]]) -> Compiled {
        let mut scan = Scan::default();
        pieces.iter().for_each(|piece| scan.feed(piece));
        scan.finish()
    }

    fn elf(machine: u8) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(18, 0);
        head.extend([machine, 0]);
        head
    }

    #[test]
    fn the_machine_is_in_the_head() {
        for (head, wanted) in [
            (elf(62), MadeFor::LinuxX86_64),
            (elf(183), MadeFor::LinuxAarch64),
            (elf(3), MadeFor::OtherLinux),
            (b"\xcf\xfa\xed\xfe\x07".to_vec(), MadeFor::MacOs),
            (b"MZ\x90".to_vec(), MadeFor::Windows),
            (b"\x7fELF".to_vec(), MadeFor::Nothing),
            (b"../lib/libx.so.1".to_vec(), MadeFor::Nothing),
            (Vec::new(), MadeFor::Nothing),
        ] {
            assert_eq!(scan(&[&head]).made_for, wanted, "{head:?}");
        }
    }

    #[test]
    fn words_are_found_across_pieces_and_the_newest_counts() {
        let found =
            scan(&[&elf(62), b"\0GLIBC_2.2.5\0GLI", b"BC_2.34\0GLIBC_2.17\0GLIBC_PRIVATE\0PyIn", b"it__x\0"]);
        assert_eq!((found.glibc, found.musl, found.is_module), (Some(34), false, true));
        let found = scan(&[b"libc.musl-x86_64.so.1\0"]);
        assert_eq!((found.glibc, found.musl, found.is_module), (None, true, false));
    }
}
