//! `METADATA` of a dist-info and `PKG-INFO` of an egg-info: the headers, as far as they are of use.

/// What the headers say (core metadata 1.0 to 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// As written; `None` where the header is missing or empty.
    pub name: Option<String>,
    pub version: Option<String>,
    /// `Requires-Dist`, in order, each a requirement by PEP 508.
    pub requires: Vec<String>,
    pub requires_python: Option<String>,
    /// `Provides-Extra`.
    pub extras: Vec<String>,
    /// `Import-Name` (PEP 794): what can be imported, dotted.
    pub import_names: Vec<ImportName>,
    /// `Import-Namespace` (PEP 794): what it shares with others.
    pub import_namespaces: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportName {
    pub dotted: String,
    /// Marked `; private`: it is there and is not meant for others.
    pub private: bool,
}

/// The first byte behind the headers, where `bytes` holds their end.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', bytes.get(from..)?) {
        from += at + 1;
        match bytes.get(from..) {
            Some([b'\n', ..]) => return Some(from + 1),
            Some([b'\r', b'\n', ..]) => return Some(from + 2),
            _ => {}
        }
    }
    None
}

/// Reads the headers: up to the first empty line, or a line that is none, as Python's `email` parser does.
pub fn read(bytes: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Lines(bytes).peekable();
    while let Some(line) = lines.next() {
        let Some(colon) = memchr::memchr(b':', line) else { break };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        let wanted = WANTED.iter().position(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
        let mut text = wanted.map(|_| String::from_utf8_lossy(value).into_owned());
        while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            if let Some(text) = &mut text {
                text.push_str(&String::from_utf8_lossy(more));
            }
        }
        if let (Some(wanted), Some(text)) = (wanted, text) {
            metadata.take(WANTED[wanted], text.trim());
        }
    }
    metadata
}

const WANTED: [&str; 7] = [
    "Name",
    "Version",
    "Requires-Dist",
    "Requires-Python",
    "Provides-Extra",
    "Import-Name",
    "Import-Namespace",
];

impl Metadata {
    fn take(&mut self, header: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let first = |place: &mut Option<String>| {
            if place.is_none() {
                *place = Some(value.to_owned());
            }
        };
        match header {
            "Name" => first(&mut self.name),
            "Version" => first(&mut self.version),
            "Requires-Python" => first(&mut self.requires_python),
            "Requires-Dist" => self.requires.push(value.to_owned()),
            "Provides-Extra" => self.extras.push(value.to_owned()),
            "Import-Namespace" => self.import_namespaces.push(value.to_owned()),
            "Import-Name" => {
                let (dotted, flag) = value.split_once(';').unwrap_or((value, ""));
                let dotted = dotted.trim().to_owned();
                self.import_names.push(ImportName { dotted, private: flag.trim() == "private" });
            }
            _ => {}
        }
    }
}

/// Lines without their ends, up to the first empty one.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.0 = &[];
            return None;
        }
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_wheel() {
        let metadata = read(
            b"Metadata-Version: 2.5\nName: Some.Thing\nVersion: 1.0\nLicense: MIT\n        and more\n\
              Requires-Python: >=3.9\nRequires-Dist: numpy>=1\nrequires-dist: scipy;\n  extra == \"all\"\n\
              Provides-Extra: all\nImport-Name: some.thing\nImport-Name: _some ; private\nImport-Namespace: some\n\
              \nRequires-Dist: not-a-header\n",
        );
        assert_eq!(metadata.name.as_deref(), Some("Some.Thing"));
        assert_eq!(metadata.version.as_deref(), Some("1.0"));
        assert_eq!(metadata.requires, ["numpy>=1", "scipy;  extra == \"all\""]);
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(metadata.extras, ["all"]);
        let names: Vec<_> =
            metadata.import_names.iter().map(|name| (name.dotted.as_str(), name.private)).collect();
        assert_eq!(names, [("some.thing", false), ("_some", true)]);
        assert_eq!(metadata.import_namespaces, ["some"]);
    }

    #[test]
    fn line_ends_of_windows_and_a_byte_order_mark() {
        let text = b"\xef\xbb\xbfName: x\r\nVersion: 2\r\n\r\nName: y\r\n";
        let metadata = read(text);
        assert_eq!((metadata.name.as_deref(), metadata.version.as_deref()), (Some("x"), Some("2")));
        assert_eq!(end(text), Some(text.len() - 9));
    }

    #[test]
    fn what_is_no_header_ends_them_and_nothing_is_made_of_garbage() {
        let metadata = read(b"Name: x\nthis is text\nVersion: 1\n");
        assert_eq!((metadata.name.as_deref(), metadata.version), (Some("x"), None));
        assert_eq!(read(b"Name:\nVersion:   \n"), Metadata::default());
        assert_eq!(read(&[0xff, 0x00, b'\n', b':', 0x80]), Metadata::default());
        assert_eq!(read(b""), Metadata::default());
        assert_eq!(end(b"Name: x\n"), None);
        assert_eq!(end(b""), None);
    }
}
