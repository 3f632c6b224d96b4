//! `requirements.txt` and `requirements.lock`, as far as it must be known whether every line is pinned.

use super::wheel_name::{self, WheelName};

/// A requirement without an exact version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose {
    /// 1-based.
    pub line: usize,
    pub text: String,
    /// Normalised.
    pub name: String,
}

/// A file that is named by `-r` or `-c`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Include {
    /// 1-based.
    pub line: usize,
    /// As written: relative to the file that names it, or an address.
    pub path: String,
    /// `-c`: it installs nothing, and says which versions may be.
    pub constraint: bool,
}

/// A requirement that is a folder or a file of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// 1-based.
    pub line: usize,
    pub text: String,
}

/// A wheel that lies beside the requirements, or below, and travels with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// 1-based.
    pub line: usize,
    /// Its path, relative to the requirements.
    pub file: String,
}

/// A requirements file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Normalised names (PEP 503) of the distributions named, in order.
    pub names: Vec<String>,
    /// Those of them that have an exact version wherever they are installed.
    pub pinned: Vec<String>,
    pub loose: Vec<Loose>,
    pub includes: Vec<Include>,
    pub local: Vec<Local>,
    pub wheels: Vec<Wheel>,
    /// Whether there is a line that is not empty and no comment.
    pub says: bool,
}

/// One of the files that make up an environment's requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the environment's folder.
    pub shown: String,
    pub text: String,
    /// Named by `-c`.
    pub constraint: bool,
    pub read: Requirements,
}

/// The requirements of several files that no version is given for, neither where they stand nor by a
/// constraint.
pub fn loose(files: &[File]) -> Vec<(&File, &Loose)> {
    let pinned = |name: &str| files.iter().any(|file| file.read.pinned.iter().any(|have| have == name));
    files
        .iter()
        .filter(|file| !file.constraint)
        .flat_map(|file| file.read.loose.iter().map(move |loose| (file, loose)))
        .filter(|(_, loose)| !pinned(&loose.name))
        .collect()
}

/// Reads the text. Options that only say where packages come from (`--index-url …`) are passed over; a
/// backslash joins lines.
pub fn read(text: &str) -> Requirements {
    let mut requirements = Requirements::default();
    for (number, line) in logical_lines(text) {
        take(&line, number, &mut requirements);
    }
    requirements
}

/// The lines as an installer joins them, without comments and empty ones, each with the number of its first.
pub fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    let mut first = 0;
    let mut end = |first: usize, joined: &mut String| {
        let line = without_comment(joined).trim().to_owned();
        joined.clear();
        if !line.is_empty() {
            lines.push((first, line));
        }
    };
    for (index, line) in text.lines().enumerate() {
        if joined.is_empty() {
            first = index + 1;
        }
        // A comment's backslash joins nothing.
        let comment = line.trim_start().starts_with('#');
        if !comment && let Some(front) = line.trim_end().strip_suffix('\\') {
            joined.push_str(front);
            joined.push(' ');
            continue;
        }
        joined.push_str(line);
        end(first, &mut joined);
    }
    end(first, &mut joined);
    lines
}

/// A comment begins at a `#` at the start or behind a space; one inside a URL is a fragment.
fn without_comment(line: &str) -> &str {
    let mut before = Some(' ');
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_some_and(char::is_whitespace) {
            return &line[..at];
        }
        before = Some(c);
    }
    line
}

fn take(line: &str, number: usize, requirements: &mut Requirements) {
    requirements.says = true;
    if line.starts_with('-') {
        take_option(line, number, requirements);
        return;
    }
    let local = || Local { line: number, text: line.to_owned() };
    let name: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    let specifier = line.split(';').next().unwrap_or(line);
    let first = specifier.split_whitespace().next().unwrap_or(specifier);
    let behind = line.get(name.len()..).unwrap_or_default().trim_start();
    let behind = match behind.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, behind)| behind).trim_start(),
        None => behind,
    };
    if let Some(address) = behind.strip_prefix('@') {
        if is_elsewhere(address.trim_start()) {
            // An address is what it is; which version that makes is its own matter.
            requirements.pinned.push(normalised(&name));
        } else {
            requirements.local.push(local());
        }
        requirements.names.push(normalised(&name));
        return;
    }
    if is_elsewhere(first) {
        requirements.names.extend(name_in(first));
        return;
    }
    if let Some(file) = wheel_name::beside(line)
        && let Some(of) = WheelName::read(file)
    {
        requirements.pinned.push(normalised(&of.name));
        requirements.names.push(normalised(&of.name));
        requirements.wheels.push(Wheel { line: number, file: file.to_owned() });
        return;
    }
    if is_path(first) {
        requirements.local.push(local());
        return;
    }
    let exact = specifier.split("==").nth(1).is_some_and(|version| {
        let version = version.trim_start_matches('=').split_whitespace().next().unwrap_or("");
        !version.is_empty() && !version.contains('*') && !version.contains(',')
    });
    let plain = normalised(&name);
    if !exact {
        requirements.loose.push(Loose { line: number, text: line.to_owned(), name: plain.clone() });
    } else if !line.contains(';') {
        // With a marker it holds on some machines alone.
        requirements.pinned.push(plain.clone());
    }
    if !plain.is_empty() {
        requirements.names.push(plain);
    }
}

/// `-r FILE`, `-rFILE`, `--requirement FILE`, `--requirement=FILE`, and so on.
fn take_option(line: &str, number: usize, requirements: &mut Requirements) {
    let value = |short: &str, long: &str| {
        let rest = match line.strip_prefix(long) {
            Some(rest) if rest.starts_with([' ', '\t', '=']) => rest,
            _ if line.starts_with("--") => return None,
            _ => line.strip_prefix(short)?,
        };
        let rest = rest.trim_start().trim_start_matches('=').trim();
        Some(rest.trim_matches(['"', '\'']).to_owned())
    };
    for (short, long, constraint) in [("-r", "--requirement", false), ("-c", "--constraint", true)] {
        if let Some(path) = value(short, long) {
            requirements.includes.push(Include { line: number, path, constraint });
            return;
        }
    }
    if value("-e", "--editable").is_some() {
        requirements.local.push(Local { line: number, text: line.to_owned() });
    }
}

/// An address that is not one of this machine's files.
pub fn is_elsewhere(text: &str) -> bool {
    text.contains("://") && !text.starts_with("file:")
}

/// A folder or a file of this machine.
pub fn is_path(text: &str) -> bool {
    const ARCHIVES: [&str; 7] = [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar"];
    text.starts_with(['.', '~'])
        || text.starts_with("file:")
        || text.contains(['/', '\\'])
        || ARCHIVES.iter().any(|end| text.ends_with(end))
}

/// The distribution's name, where an address says it.
fn name_in(address: &str) -> Option<String> {
    if let Some((_, egg)) = address.split_once("egg=") {
        return egg.split(['&', '[']).next().map(normalised);
    }
    let file = address.split(['#', '?']).next()?.rsplit('/').next()?;
    file.ends_with(".whl").then(|| file.split('-').next().map(normalised))?
}

/// PEP 503: lower case, runs of `-`, `_`, `.` as one `-`.
pub fn normalised(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !text.ends_with('-') {
                text.push('-');
            }
        } else {
            text.push(c.to_ascii_lowercase());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_and_loose() {
        let text = "# head\n--index-url https://x/simple\nnumpy==2.4.1  # why\nTorch_Vision === 1.0\n\
                    scikit.learn>=1.0\npandas\npkg @ https://h/x.whl#sha256=0\na==1.*\n\
                    b==1 ; python_version < '3.9' \\\n  --hash=sha256:00\n";
        let read = read(text);
        assert_eq!(read.names, ["numpy", "torch-vision", "scikit-learn", "pandas", "pkg", "a", "b"]);
        assert_eq!(read.pinned, ["numpy", "torch-vision", "pkg"]);
        let loose: Vec<_> = read.loose.iter().map(|loose| (loose.line, loose.text.as_str())).collect();
        assert_eq!(loose, [(5, "scikit.learn>=1.0"), (6, "pandas"), (8, "a==1.*")]);
        assert!(read.says && !super::read("\n # nothing\n").says);
    }

    #[test]
    fn other_files() {
        let read = read(
            "-r base.txt\n-rb.txt\n--requirement=c.txt\n-c \"d e.txt\"  # why\n--constraint f.txt\n\
                 --require-hashes\n--requirements no\n",
        );
        let found: Vec<_> =
            read.includes.iter().map(|found| (found.line, found.path.as_str(), found.constraint)).collect();
        assert_eq!(
            found,
            [
                (1, "base.txt", false),
                (2, "b.txt", false),
                (3, "c.txt", false),
                (4, "d e.txt", true),
                (5, "f.txt", true)
            ]
        );
        assert!(read.says && read.names.is_empty());
    }

    #[test]
    fn folders_and_files_of_this_machine() {
        let local = [
            "-e .",
            "--editable=./lib",
            "./lib",
            ".[dev]",
            "/opt/x",
            "../x-1.0-py3-none-any.whl",
            "x-1.0.tar.gz ; python_version > '3'",
            "wheels/x.zip",
            "file:///opt/x",
            "x @ file:///opt/x",
            "x[a]@ ./x",
        ];
        for line in local {
            let read = read(line);
            assert_eq!(read.local, [Local { line: 1, text: line.to_owned() }]);
            assert!(read.loose.is_empty(), "{line}");
        }
        for (line, name) in [
            ("x[a,b] @ https://h/x.whl", "x"),
            ("X@git+https://h/x", "x"),
            ("https://h/Some_thing-1.0-py3-none-any.whl#sha256=0", "some-thing"),
            ("git+ssh://git@h/x@main#egg=Thing[a]", "thing"),
        ] {
            let read = read(line);
            assert!(read.local.is_empty() && read.loose.is_empty(), "{line}");
            assert_eq!(read.names, [name]);
        }
    }

    #[test]
    fn a_wheel_beside_the_requirements_is_pinned() {
        let read = read("./My_lib-1.0-py3-none-any.whl[x] \\\n  --hash=sha256:0\nx==1\n");
        assert_eq!(read.names, ["my-lib", "x"]);
        assert_eq!(read.pinned, ["my-lib", "x"]);
        assert_eq!(read.wheels, [Wheel { line: 1, file: "My_lib-1.0-py3-none-any.whl".to_owned() }]);
        assert!(read.local.is_empty() && read.loose.is_empty());
    }

    #[test]
    fn a_constraint_pins() {
        let file = |shown: &str, text: &str, constraint| File {
            shown: shown.to_owned(),
            text: text.to_owned(),
            constraint,
            read: read(text),
        };
        let files = [
            file("requirements.txt", "numpy\npandas\nscipy==1\nx\n", false),
            file("constraints.txt", "NumPy==2.4.1\npandas>=1\nx==1; sys_platform == 'win32'\n", true),
        ];
        let found: Vec<_> = loose(&files).iter().map(|(file, loose)| (&*file.shown, loose.line)).collect();
        assert_eq!(found, [("requirements.txt", 2), ("requirements.txt", 4)]);
    }
}
