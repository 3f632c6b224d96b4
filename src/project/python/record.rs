//! `RECORD` of a dist-info: the files of a distribution, with hash and size.

use std::borrow::Cow;

use super::module_file;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative to the folder that holds the dist-info, with `/`; absolute or with `..` where it is outside.
    pub path: Cow<'a, str>,
    /// `sha256=…`, of the file as it was installed.
    pub hash: Option<&'a str>,
    pub size: Option<u64>,
}

impl Entry<'_> {
    /// Whether it lies outside the folder that holds the dist-info.
    pub fn is_outside(&self) -> bool {
        is_outside(&self.path)
    }
}

/// Whether a path of a `RECORD` leads out of the folder that holds the dist-info.
pub fn is_outside(path: &str) -> bool {
    if path.starts_with('/') {
        return true;
    }
    let mut depth = 0_usize;
    for part in path.split('/') {
        match part {
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            "" | "." => {}
            _ => depth += 1,
        }
    }
    false
}

/// The paths that lead out of the folder that holds the dist-info. Most lists have none, and a list may have ten thousand
/// lines: only those are read that have the signs of it.
pub fn outside(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let signs = [&b".."[..], b"\n/", b"\n\\", b"\"/", b"\"\\"];
    let mut starts: Vec<usize> =
        if matches!(bytes.first(), Some(b'/' | b'\\')) { vec![0] } else { Vec::new() };
    for sign in signs {
        starts.extend(memchr::memmem::find_iter(bytes, sign).map(|at| {
            // A line's end belongs to the line before it.
            let at = if sign[0] == b'\n' { at + 1 } else { at };
            memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |before| before + 1)
        }));
    }
    starts.sort_unstable();
    starts.dedup();
    let paths = starts.into_iter().filter_map(|start| entries(&bytes[start..]).next());
    paths.map(|entry| entry.path.into_owned()).filter(|path| is_outside(path)).collect()
}

/// Every line that names a file.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    lines(bytes).filter_map(|line| {
        let (path, rest) = path(line)?;
        let mut rest = rest.splitn(2, |byte| *byte == b',');
        let hash =
            rest.next().and_then(|hash| std::str::from_utf8(hash).ok()).filter(|hash| !hash.is_empty());
        let size = rest.next().and_then(|size| std::str::from_utf8(size).ok()?.trim().parse().ok());
        Some(Entry { path, hash, size })
    })
}

/// Whether it names this file.
pub fn names(bytes: &[u8], path: &str) -> bool {
    // Only where a name holds a comma or a quote is it written in another way.
    let plain = [path.as_bytes(), b","].concat();
    memchr::memmem::find_iter(bytes, &plain).any(|at| at == 0 || bytes[at - 1] == b'\n')
        || (path.contains([',', '"']) && entries(bytes).any(|entry| entry.path == path))
}

/// Whether it names a compiled library of any kind, also one that no `import` loads.
pub fn has_native(bytes: &[u8]) -> bool {
    NATIVE.iter().any(|ending| {
        memchr::memmem::find_iter(bytes, ending).any(|at| {
            let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |before| before + 1);
            let end =
                memchr::memchr2(b',', b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            at < end && module_file::is_native(&String::from_utf8_lossy(&bytes[start..end]))
        })
    })
}

const NATIVE: [&[u8]; 4] = [b".so", b".pyd", b".dylib", b".dll"];

/// What lies at the top, seen without looking at more than the beginnings of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tops {
    /// Folders and modules that `import` can spell, in order, each once.
    pub modules: Vec<String>,
    /// `.pth` files.
    pub path_files: Vec<String>,
}

/// Reads them off.
pub fn tops(bytes: &[u8]) -> Tops {
    let mut tops = Tops::default();
    // Files of a folder follow each other; the first part that was seen last is passed over at once.
    let mut last: &[u8] = b"";
    for line in lines(bytes) {
        if !last.is_empty() && line.starts_with(last) {
            continue;
        }
        let Some((path, _)) = path(line) else { continue };
        let path = path.strip_prefix("./").unwrap_or(&path);
        match path.split_once('/') {
            Some((folder, _)) => {
                last = memchr::memchr(b'/', line).map_or(b"", |at| &line[..=at]);
                if module_file::is_identifier(folder) && folder != "__pycache__" {
                    add(&mut tops.modules, folder);
                }
            }
            None if path.ends_with(".pth") => add(&mut tops.path_files, path),
            None => {
                if let Some(module) = module_file::module(path) {
                    add(&mut tops.modules, module);
                }
            }
        }
    }
    tops
}

fn add(to: &mut Vec<String>, name: &str) {
    if !to.iter().any(|have| have == name) {
        to.push(name.to_owned());
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// The path of a line, and what is behind its comma.
fn path(line: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let (path, rest) = match line.strip_prefix(b"\"") {
        Some(quoted) => {
            let mut text = Vec::new();
            let mut from = 0;
            loop {
                let end = from + memchr::memchr(b'"', quoted.get(from..)?)?;
                text.extend_from_slice(&quoted[from..end]);
                if quoted.get(end + 1) != Some(&b'"') {
                    let rest = &quoted[end + 1..];
                    break (
                        Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
                        rest.strip_prefix(b",").unwrap_or(rest),
                    );
                }
                text.push(b'"');
                from = end + 2;
            }
        }
        None => match memchr::memchr(b',', line) {
            Some(comma) => (String::from_utf8_lossy(&line[..comma]), &line[comma + 1..]),
            None => (String::from_utf8_lossy(line), &[][..]),
        },
    };
    // Wheels made on Windows by old tools.
    let path = if path.contains('\\') { Cow::Owned(path.replace('\\', "/")) } else { path };
    (!path.is_empty()).then_some((path, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = b"../../../bin/tool,sha256=aa,10\r\n__pycache__/six.cpython-311.pyc,,\nsix.py,sha256=bb,34\n\
        pkg/__init__.py,sha256=cc,0\npkg/\"odd\".py,,\n\"pkg/a,\"\"b\"\".txt\",sha256=dd,1\n_fast.cpython-311-x86_64-linux-gnu.so,,\n\
        other/x.json,,\npkg/late.py,,\n__editable__.pkg-1.0.pth,,\npkg-1.0.dist-info/RECORD,,\n\n";

    #[test]
    fn entries_with_hash_and_size() {
        let all: Vec<_> = entries(RECORD).collect();
        assert_eq!(all.len(), 11);
        assert_eq!(
            all[0],
            Entry { path: "../../../bin/tool".into(), hash: Some("sha256=aa"), size: Some(10) }
        );
        assert_eq!(all[5].path, "pkg/a,\"b\".txt");
        assert_eq!((all[1].hash, all[1].size), (None, None));
        assert!(all[0].is_outside() && !all[2].is_outside());
    }

    #[test]
    fn tops_are_what_can_be_imported() {
        let tops = tops(RECORD);
        assert_eq!(tops.modules, ["six", "pkg", "_fast", "other"]);
        assert_eq!(tops.path_files, ["__editable__.pkg-1.0.pth"]);
    }

    #[test]
    fn a_file_is_found_by_its_whole_path() {
        for path in ["six.py", "pkg/late.py", "../../../bin/tool", "pkg/a,\"b\".txt"] {
            assert!(names(RECORD, path), "{path}");
        }
        for path in ["ix.py", "late.py", "pkg/late", "pkg"] {
            assert!(!names(RECORD, path), "{path}");
        }
    }

    #[test]
    fn what_leads_out_is_found_without_reading_every_line() {
        assert_eq!(outside(RECORD), ["../../../bin/tool"]);
        let odd = b"\xef\xbb\xbf/x,,\na..b,,\na/../../y,sha256=z,1\n\"/p,q\",,\n\\w\\v,,\nb/../c,,\n\n../z";
        assert_eq!(outside(odd), ["/x", "a/../../y", "/p,q", "/w/v", "../z"]);
        assert_eq!(outside(b"a/b.py,sha256=x/y,1\nc.py,,\n"), [""; 0]);
        // Whatever the list: the same as by reading all of it.
        for bytes in [RECORD, odd] {
            let all: Vec<String> =
                entries(bytes).filter(Entry::is_outside).map(|entry| entry.path.into_owned()).collect();
            assert_eq!(outside(bytes), all);
        }
    }

    #[test]
    fn out_of_the_folder() {
        for path in ["../x", "a/../../x", "/etc/passwd"] {
            assert!(is_outside(path), "{path}");
        }
        for path in ["a/../x", "a", "./a//b"] {
            assert!(!is_outside(path), "{path}");
        }
    }

    #[test]
    fn compiled_libraries_are_seen_among_files_that_only_look_like_them() {
        assert!(has_native(RECORD));
        assert!(has_native(b"a.sorted.py,,\nlib/libx.so.2,sha256=a,1\n"));
        for record in [&b"a.sorted.py,sha256=.so,1\nb.so/x.py,,\n"[..], b"x.py,,", b""] {
            assert!(!has_native(record), "{}", String::from_utf8_lossy(record));
        }
    }

    #[test]
    fn garbage_makes_no_panic() {
        for bytes in [&b"\"never closed"[..], b"\"", b",,,", b"\n\n", &[0xff, 0xfe, 0, b'\n', b',']] {
            let _ = entries(bytes).count();
            let _ = (tops(bytes), has_native(bytes));
            assert!(!names(bytes, "x.py"));
        }
    }
}
