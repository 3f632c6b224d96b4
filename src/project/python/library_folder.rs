//! The names of interpreters and of the folders with their libraries: `python3.11`, `python3.13t`, `pypy3.10`.

/// What such a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFolder {
    /// `python` or `pypy`.
    pub kind: &'static str,
    pub version: (u8, u8),
    /// CPython without the global lock, which has folders of its own.
    pub free_threaded: bool,
}

/// Reads a name; `None` for `python3`, which names no version.
pub fn read(name: &str) -> Option<LibraryFolder> {
    let (kind, rest) = ["python", "pypy"].iter().find_map(|kind| Some((*kind, name.strip_prefix(kind)?)))?;
    let (major, minor) = rest.split_once('.')?;
    let (minor, free_threaded) = match minor.strip_suffix('t') {
        Some(minor) => (minor, true),
        None => (minor, false),
    };
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some(LibraryFolder { kind, version: (digits(major)?, digits(minor)?), free_threaded })
}

impl LibraryFolder {
    /// Below `lib/`.
    pub fn name(&self) -> String {
        let (major, minor) = self.version;
        format!("{}{major}.{minor}{}", self.kind, if self.free_threaded { "t" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["python3.11", "python3.13t", "pypy3.10"] {
            assert_eq!(read(name).unwrap().name(), name);
        }
        assert_eq!(read("python3.11").unwrap().version, (3, 11));
        for name in
            ["python3", "python", "python3.11-config", "python3.", "python3.300", "perl5.36", "python3.+1"]
        {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
