//! `requirements.txt` and `requirements.lock`, as far as it must be known whether every line is pinned.

/// A requirement without an exact version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose {
    /// 1-based.
    pub line: usize,
    pub text: String,
}

/// A requirements file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Normalised names (PEP 503) of the distributions named, in order.
    pub names: Vec<String>,
    pub loose: Vec<Loose>,
}

/// Reads the text. Options (`--index-url …`) are passed over; a backslash joins lines.
pub fn read(text: &str) -> Requirements {
    let mut requirements = Requirements::default();
    let mut joined = String::new();
    let mut first = 0;
    for (index, line) in text.lines().enumerate() {
        if joined.is_empty() {
            first = index + 1;
        }
        if let Some(front) = line.trim_end().strip_suffix('\\') {
            joined.push_str(front);
            joined.push(' ');
            continue;
        }
        joined.push_str(line);
        take(&std::mem::take(&mut joined), first, &mut requirements);
    }
    take(&joined, first, &mut requirements);
    requirements
}

fn take(line: &str, number: usize, requirements: &mut Requirements) {
    // A comment begins at a `#` at the start or behind a space; one inside a URL is a fragment.
    let line =
        if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or("") }.trim();
    if line.is_empty() || line.starts_with('-') {
        return;
    }
    let name: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    let specifier = line.split(';').next().unwrap_or(line);
    let exact = specifier.split("==").nth(1).is_some_and(|version| {
        let version = version.trim_start_matches('=').split_whitespace().next().unwrap_or("");
        !version.is_empty() && !version.contains('*') && !version.contains(',')
    });
    // A file or an address is what it is; which version that makes is its own matter.
    let pinned = exact || specifier.contains(" @ ") || specifier.contains("://") || name.is_empty();
    if !pinned {
        requirements.loose.push(Loose { line: number, text: line.to_owned() });
    }
    if !name.is_empty() {
        requirements.names.push(normalised(&name));
    }
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
        let loose: Vec<_> = read.loose.iter().map(|loose| (loose.line, loose.text.as_str())).collect();
        assert_eq!(loose, [(5, "scikit.learn>=1.0"), (6, "pandas"), (8, "a==1.*")]);
    }
}
