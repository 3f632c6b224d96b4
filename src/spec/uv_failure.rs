//! What uv says when it fails, in one line that names the index and tells no password.

use crate::project::python::requirements::normalised;

/// What kept uv from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UvFailure {
    /// The index does not answer, or not as one.
    Index {
        url: String,
        why: String,
    },
    /// The index wants a name and a password, or other ones.
    Denied {
        url: String,
        status: String,
    },
    /// The network was not to be used, and the cache does not have it.
    NotInCache {
        name: Option<String>,
    },
    /// The index does not know the distribution.
    NotThere {
        name: String,
    },
    /// The index has a page for it, without a single file; or something else has answered in its place.
    Empty {
        name: String,
    },
    /// The index knows it, and not this version, or no file of it for the target.
    NoVersion {
        requirement: String,
    },
    /// A source archive could not be built.
    Build {
        what: String,
        why: String,
    },
    /// A file is not the one that was meant.
    Hash {
        what: String,
    },
    /// No versions go together; uv's own words for why not.
    Unsolvable {
        why: String,
    },
    Other {
        why: String,
    },
}

impl UvFailure {
    /// The one distribution that cannot be had; normalised.
    pub fn lacking(&self) -> Option<String> {
        let name = match self {
            Self::NotThere { name } | Self::Empty { name } | Self::NotInCache { name: Some(name) } => name,
            Self::NoVersion { requirement: what } | Self::Build { what, .. } => what,
            Self::NotInCache { name: None }
            | Self::Index { .. }
            | Self::Denied { .. }
            | Self::Hash { .. }
            | Self::Unsolvable { .. }
            | Self::Other { .. } => return None,
        };
        let end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        Some(normalised(&name[..name.find(end).unwrap_or(name.len())]))
    }
}

/// Longer than any explanation that is still read.
const LONGEST: usize = 600;

/// Out of what uv (0.4 to 0.13) wrote on standard error.
pub fn read(stderr: &str) -> UvFailure {
    let lines = message(stderr);
    let all = lines.join(" ");
    let find = |words: &[&str]| words.iter().any(|word| all.contains(word));
    if find(&["network was disabled", "not found in the cache", "network connectivity is disabled"]) {
        return UvFailure::NotInCache { name: between(&all, "Because ", " was not found in the cache") };
    }
    if let Some(what) =
        ["Hash mismatch for `", "hash mismatch for `"].iter().find_map(|front| between(&all, front, "`"))
    {
        return UvFailure::Hash { what };
    }
    // Before the addresses: a build's output may hold any.
    if let Some(what) = ["Failed to build `", "Failed to download and build `", "Failed to build: `"]
        .iter()
        .find_map(|front| between(&all, front, "`"))
    {
        let why = of_build(stderr).unwrap_or_else(|| lines.last().cloned().unwrap_or_default());
        return UvFailure::Build { what, why: short(&why) };
    }
    if find(&[
        "Failed to fetch",
        "error sending request",
        "Failed to download",
        "status client error",
        "status server error",
    ]) && let Some(url) = first_address(&all)
    {
        return UvFailure::Index { url: index_of(&url), why: short(&reason(&lines)) };
    }
    if let Some(denied) = denied(stderr) {
        return denied;
    }
    let in_a_clause = |end: &str| {
        let front = &all[..all.find(end)?];
        let name = front.rsplit([' ', '`']).find(|word| !word.is_empty())?;
        Some(name.to_owned())
    };
    if let Some(name) = in_a_clause(" was not found in the package registry")
        .or_else(|| in_a_clause(" was not found in the provided package locations"))
    {
        return UvFailure::NotThere { name };
    }
    if let Some(name) = between(&all, "there are no versions of ", " and ")
        && all.contains(&format!("you require {name},"))
    {
        return UvFailure::Empty { name };
    }
    for end in [" has no wheels with a matching", " has no usable wheels", " has no compatible wheels"] {
        if let Some(requirement) = in_a_clause(end) {
            return UvFailure::NoVersion { requirement };
        }
    }
    // Where others ask for other versions of it, the whole story is the reason.
    if all.matches("there is no version of ").count() == 1
        && let Some(requirement) = between(&all, "there is no version of ", " and ")
        && all.contains(&format!("you require {requirement}"))
    {
        return UvFailure::NoVersion { requirement };
    }
    if let Some((_, why)) = all.split_once("No solution found when resolving dependencies") {
        let why = why.trim_start_matches([':', ' ']);
        let why = why.find("Because").map_or(why, |at| &why[at..]);
        return UvFailure::Unsolvable { why: short(why) };
    }
    UvFailure::Other { why: short(&all) }
}

/// uv (0.13) takes an index that lets nobody in for one that has nothing, and says so in a hint alone.
fn denied(stderr: &str) -> Option<UvFailure> {
    let text = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let front = "An index URL (";
    let (url, rest) = text[text.find(front)? + front.len()..].split_once(')')?;
    let status = if rest.starts_with(" could not be queried due to a lack of valid authentication") {
        between(rest, "(", ")")?
    } else {
        format!("{}Forbidden", between(rest, " returned a ", "Forbidden")?)
    };
    Some(UvFailure::Denied { url: without_credentials(url.trim_end_matches('/')), status })
}

/// The lines of the error without what they are framed with; hints and warnings left out.
fn message(stderr: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut passed_over = false;
    for line in stderr.lines() {
        let plain = line.trim().trim_start_matches(['×', '╰', '─', '▶', '│', '├', '╭', ' ']);
        let front = |words: &[&str]| words.iter().any(|word| plain.starts_with(word));
        if front(&["hint:", "warning:", "Using ", "Resolved ", "DEBUG ", "TRACE ", "INFO "]) {
            passed_over = true;
            continue;
        }
        if plain.is_empty() {
            passed_over = false;
            continue;
        }
        let begins = front(&["error:", "cause:", "Caused by:"]) || line.trim_start() != plain;
        if passed_over && !begins {
            continue;
        }
        passed_over = false;
        let plain = ["error:", "cause:", "Caused by:"]
            .iter()
            .find_map(|front| plain.strip_prefix(front))
            .map_or(plain, str::trim_start);
        lines.push(without_credentials(plain));
    }
    lines
}

/// Why a build failed, out of what it wrote: its last error with what stands below, else the first thing that it said.
fn of_build(stderr: &str) -> Option<String> {
    const LINES: usize = 3;
    let begin = stderr.find("[stderr]").or_else(|| stderr.find("[stdout]"))?;
    let lines: Vec<&str> = stderr[begin..].lines().skip(1).map(str::trim).collect();
    let end = lines.iter().position(|line| line.starts_with("hint:")).unwrap_or(lines.len());
    let lines = &lines[..end];
    // `urllib.error.URLError: <…>`, `error: command 'gcc' failed: …`
    let is_error = |line: &&str| {
        let front = line.split(':').next().unwrap_or_default();
        front == "error"
            || line.contains(':')
                && ["Error", "Exception", "SystemExit"].iter().any(|end| front.ends_with(end))
                && !front.contains(' ')
    };
    let at = lines.iter().rposition(is_error);
    let says = |line: &&&str| line.chars().filter(|c| c.is_alphabetic()).count() > 2;
    let (from, count) = match at {
        // One whose message is a paragraph of its own.
        Some(at) if lines[at].ends_with(':') => (at + 1, LINES),
        Some(at) => (at, 1),
        None => (0, 1),
    };
    let told: Vec<&str> = lines[from..].iter().filter(says).take(count).copied().collect();
    (!told.is_empty()).then(|| without_credentials(&told.join(" ")))
}

/// The innermost cause that says something.
fn reason(lines: &[String]) -> String {
    let retries = lines.iter().find_map(|line| {
        let count = between(line, "Request failed after ", " retr")?;
        Some(format!(", tried {} times", count.parse::<u32>().ok()? + 1))
    });
    let last = lines.last().map_or("", String::as_str);
    // `HTTP status server error (503 Service Unavailable) for url (…)`
    let last = between(last, "error (", ")").unwrap_or_else(|| last.to_owned());
    let last = last.split(" (os error").next().unwrap_or_default();
    format!("{}{}", last.trim_end_matches('.'), retries.unwrap_or_default())
}

fn short(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn between(text: &str, front: &str, end: &str) -> Option<String> {
    let rest = &text[text.find(front)? + front.len()..];
    Some(rest[..rest.find(end)?].to_owned())
}

fn first_address(text: &str) -> Option<String> {
    let at = ["http://", "https://"].iter().filter_map(|scheme| text.find(scheme)).min()?;
    let end = |c: char| c.is_whitespace() || matches!(c, '`' | ')' | '"' | '\'' | ',');
    let rest = &text[at..];
    Some(rest[..rest.find(end).unwrap_or(rest.len())].to_owned())
}

/// The index of a page: `http://h/simple/numpy/` as `http://h/simple`; of a file, where it lies.
fn index_of(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    if let Some(at) = url.rfind("/simple/") {
        return url[..at + "/simple".len()].to_owned();
    }
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].rfind('/') {
        Some(at) => url[..begin + at].to_owned(),
        None => url.to_owned(),
    }
}

/// `https://user:word@host/` as `https://host/`, wherever it stands.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (front, behind) = rest.split_at(at + 3);
        out.push_str(front);
        let end =
            behind.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '`' | ')' | '"' | '\''));
        let authority = &behind[..end.unwrap_or(behind.len())];
        rest = match authority.rfind('@') {
            Some(at) => &behind[at + 1..],
            None => behind,
        };
    }
    out + rest
}

/// The page that redirects lead to again and again, in what uv logs of its requests (`RUST_LOG=uv_client=debug`).
pub fn circle(log: &str) -> Option<String> {
    const AGAIN: usize = 3;
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("Redirecting to")) {
        let Some(url) = line.split_once("Redirecting to").and_then(|(_, rest)| first_address(rest)) else {
            continue;
        };
        let count = seen.entry(without_credentials(&url)).or_default();
        *count += 1;
        if *count == AGAIN {
            return Some(index_of(&without_credentials(&url)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_does_not_answer_is_named_with_the_reason() {
        let text = "error: Request failed after 2 retries in 3.8s\n  cause: Failed to fetch: http://me:secret@h:1/a/simple/x/\n  \
            cause: HTTP status server error (503 Service Unavailable) for url (http://me:secret@h:1/a/simple/x/)\n";
        assert_eq!(
            read(text),
            UvFailure::Index {
                url: "http://h:1/a/simple".to_owned(),
                why: "503 Service Unavailable, tried 3 times".to_owned()
            }
        );
        let text = "error: Failed to fetch: `https://h/simple/x/`\n  Caused by: error sending request for url (https://h/simple/x/)\n  \
            Caused by: client error (Connect)\n  Caused by: tcp connect error\n  Caused by: Connection refused (os error 111)\n";
        assert_eq!(
            read(text),
            UvFailure::Index { url: "https://h/simple".to_owned(), why: "Connection refused".to_owned() }
        );
    }

    #[test]
    fn what_the_index_does_not_have() {
        let text = "error: No solution found when resolving dependencies\n  cause: Because no-such-1 was not found in the package registry and you require no-such-1==1, we can conclude that your requirements are unsatisfiable.\n";
        assert_eq!(read(text), UvFailure::NotThere { name: "no-such-1".to_owned() });
        let text = "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of\n      iniconfig==9.9.9 and you require iniconfig==9.9.9, we can conclude that your requirements are unsatisfiable.\n";
        assert_eq!(read(text), UvFailure::NoVersion { requirement: "iniconfig==9.9.9".to_owned() });
        let text = "error: No solution found when resolving dependencies\n  cause: Because torch==1.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require torch==1.0, we can conclude that your requirements are unsatisfiable.\n\n         hint: You require CPython 3.11\n";
        assert_eq!(read(text), UvFailure::NoVersion { requirement: "torch==1.0".to_owned() });
        let text = "error: No solution found when resolving dependencies\n  cause: Because iniconfig was not found in the cache and you require iniconfig==2.1.0, we can conclude that your requirements are unsatisfiable.\n\nhint: Packages were unavailable because the network was disabled.\n";
        assert_eq!(read(text), UvFailure::NotInCache { name: Some("iniconfig".to_owned()) });
    }

    #[test]
    fn an_index_that_lets_nobody_in_is_none_that_has_nothing() {
        let front = "error: No solution found when resolving dependencies\n  cause: Because x was not found in the package registry and you require x, we can conclude that your requirements are unsatisfiable.\n\n";
        for (hint, status) in [
            (
                "hint: An index URL (https://me:pw@h/simple/) could not be queried due to a lack of valid\n      authentication credentials (401 Unauthorized)\n",
                "401 Unauthorized",
            ),
            (
                "hint: An index URL (https://h/simple) returned a 403 Forbidden error. This could indicate lack of valid authentication\n",
                "403 Forbidden",
            ),
        ] {
            let (url, status) = ("https://h/simple".to_owned(), status.to_owned());
            assert_eq!(read(&format!("{front}{hint}")), UvFailure::Denied { url, status });
        }
        let text = "error: No solution found when resolving dependencies\n  cause: Because there are no versions of x and you require x, we can conclude that your requirements are unsatisfiable.\n";
        assert_eq!(read(text), UvFailure::Empty { name: "x".to_owned() });
    }

    #[test]
    fn versions_that_do_not_go_together_are_uvs_own_words_in_one_line() {
        let text = "warning: something\n  which goes on\nerror: No solution found when resolving dependencies\n  cause: Because pandas==2.2.0 depends on numpy>=1.23.2,<2 and you\n         require pandas==2.2.0, we can conclude that you require numpy>=1.23.2,<2.\n         And because you require numpy==1.20.0, we can conclude that your requirements are unsatisfiable.\n";
        let UvFailure::Unsolvable { why } = read(text) else { panic!("{:?}", read(text)) };
        assert!(
            why.starts_with("Because pandas==2.2.0 depends on numpy>=1.23.2,<2 and you require"),
            "{why}"
        );
        assert!(!why.contains('\n') && !why.contains("warning"), "{why}");
    }

    #[test]
    fn builds_and_hashes() {
        let text = "error: Failed to build `x==1.0`\n  cause: The build backend returned an error\n  cause: Call to `setuptools.build_meta` failed (exit status: 1)\n";
        assert_eq!(
            read(text),
            UvFailure::Build {
                what: "x==1.0".to_owned(),
                why: "Call to `setuptools.build_meta` failed (exit status: 1)".to_owned()
            }
        );
        let text = "error: Failed to download `x==1.0`\n  Caused by: Hash mismatch for `x==1.0`\n\nExpected:\n  sha256:00\n";
        assert_eq!(read(text), UvFailure::Hash { what: "x==1.0".to_owned() });
    }

    #[test]
    fn a_build_is_told_by_its_last_error_or_its_first_words() {
        let why = |said: &str| {
            let text = format!(
                "error: Failed to build `x==1.0`\n  cause: Call to `b` failed (exit status: 1)\n\n         [stderr]\n{said}\nhint: `x` was included because `y` depends on `x`\n"
            );
            let UvFailure::Build { why, .. } = read(&text) else { panic!("{:?}", read(&text)) };
            why
        };
        let placeholder = "         Traceback (most recent call last):\n         urllib.error.URLError: <urlopen error>\n         During handling\n         stub.error.InstallFailedError: \n         *****\n\n         The installation of x failed.\n         It is elsewhere.\n";
        assert_eq!(why(placeholder), "The installation of x failed. It is elsewhere.");
        assert_eq!(
            why("         running build\n         error: command 'gcc' failed: No such file"),
            "error: command 'gcc' failed: No such file"
        );
        assert_eq!(
            why("         The 'x' package is deprecated\n         use 'y'\n         https://h/x: see"),
            "The 'x' package is deprecated"
        );
    }

    #[test]
    fn the_distribution_that_cannot_be_had() {
        let lacking = |failure: UvFailure| failure.lacking();
        let (requirement, why) = ("No_Such==1.0".to_owned(), String::new());
        assert_eq!(lacking(UvFailure::NoVersion { requirement }).as_deref(), Some("no-such"));
        let what = "a-b".to_owned();
        assert_eq!(lacking(UvFailure::Build { what, why: why.clone() }).as_deref(), Some("a-b"));
        assert_eq!(lacking(UvFailure::Unsolvable { why }), None);
    }

    #[test]
    fn passwords_are_never_told() {
        for (text, wanted) in [
            ("https://me:pass@h/simple", "https://h/simple"),
            ("a http://u:p%40@h:1/x and (https://t@g) `ftp://h`", "a http://h:1/x and (https://g) `ftp://h`"),
            ("http://u:p@ss@h/x", "http://h/x"),
            ("https://h/@scope/x", "https://h/@scope/x"),
            ("://@", "://"),
        ] {
            assert_eq!(without_credentials(text), wanted);
        }
        let UvFailure::Other { why } = read("error: cannot use https://me:pass@h/simple") else { panic!() };
        assert_eq!(why, "cannot use https://h/simple");
    }

    #[test]
    fn redirects_in_circles() {
        let line = |url: &str| format!("DEBUG Received HTTP 302 Found. Redirecting to `{url}`\n");
        let round = [line("http://u:p@h/there/r/"), line("http://h/simple/r/")].concat().repeat(4);
        assert_eq!(circle(&round), Some("http://h/there".to_owned()));
        assert_eq!(circle(&line("http://h/a")), None);
    }

    #[test]
    fn anything_else_is_told_as_it_is() {
        assert_eq!(read(""), UvFailure::Other { why: String::new() });
        let UvFailure::Other { why } = read(&"é".repeat(1000)) else { panic!() };
        assert!(why.ends_with('…') && why.len() < LONGEST + 10);
    }
}
