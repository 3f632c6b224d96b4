//! `requirements.txt`: the pins with their hashes, and what its options say about where they come from.

use super::{Group, Index, IndexUse, Kind, Pin, Source, Specification, requirement};
use crate::project::python::requirements::{Include, logical_lines};

/// Reads one file. What `-r` and `-c` name is in `includes`; [`join`] puts such files' pins together.
pub fn read(text: &str) -> Specification {
    let mut specification = Specification::new(Kind::Requirements);
    for (number, line) in logical_lines(text) {
        take(&line, number, &mut specification);
    }
    specification
}

/// A file as it was found by `-r` or `-c`.
pub struct Part {
    /// As shown; empty for the first, which is the specification itself.
    pub file: String,
    pub constraint: bool,
    pub read: Specification,
}

/// One specification of a file and all that it names. Constraints pin what is named elsewhere without a version, and
/// otherwise install nothing.
pub fn join(parts: Vec<Part>) -> Specification {
    let mut whole = Specification::new(Kind::Requirements);
    for Part { file, constraint, read } in parts {
        let own = file.is_empty();
        let Specification { kind: _, pins, others, python, channels: _, indexes, includes, problems } = read;
        for mut pin in pins {
            if !own {
                pin.file.get_or_insert_with(|| file.clone());
            }
            if constraint {
                pin.groups = vec![Group::Constraint];
            }
            whole.pins.push(pin);
        }
        whole.others.extend(others);
        whole.python = whole.python.or(python);
        whole.indexes.extend(indexes);
        if own {
            whole.includes = includes;
        }
        for mut problem in problems {
            if !own {
                problem.message = format!("{file}:{}: {}", problem.line, problem.message);
                problem.line = 0;
            }
            whole.problems.push(problem);
        }
    }
    constrain(&mut whole.pins);
    whole
}

/// Gives a pin without a version that of its constraint.
fn constrain(pins: &mut [Pin]) {
    let constraints: Vec<Pin> = pins
        .iter()
        .filter(|pin| pin.groups == [Group::Constraint] && pin.version.is_some())
        .cloned()
        .collect();
    for pin in pins.iter_mut().filter(|pin| pin.version.is_none() && pin.groups != [Group::Constraint]) {
        let fits =
            |of: &&Pin| of.normalised == pin.normalised && (of.marker.is_none() || of.marker == pin.marker);
        if matches!(pin.source, Source::Index { .. })
            && let Some(of) = constraints.iter().find(fits)
        {
            pin.version.clone_from(&of.version);
            if !pin.specifier.is_empty() && !of.specifier.is_empty() {
                pin.specifier.push(',');
            }
            pin.specifier.push_str(&of.specifier);
        }
    }
}

/// One line, joined and without its comment.
pub fn take(line: &str, number: usize, specification: &mut Specification) {
    let line = line.trim();
    if line.starts_with('-') {
        option(line, number, specification);
        return;
    }
    let (requirement, options) = split_options(line);
    match requirement::parse(requirement) {
        Ok(requirement) => {
            let mut pin = requirement.into_pin(number);
            pin.hashes = hashes(options);
            specification.pins.push(pin);
        }
        Err(message) => specification.problem(number, message),
    }
}

/// A requirement, and the options behind it.
fn split_options(line: &str) -> (&str, &str) {
    line.match_indices("--")
        .find(|(at, _)| line[..*at].ends_with(char::is_whitespace))
        .map_or((line, ""), |(at, _)| line.split_at(at))
}

fn hashes(options: &str) -> Vec<String> {
    let mut hashes = Vec::new();
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash") {
            Some("") => words.next(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        hashes.extend(value.filter(|value| value.contains(':')).map(str::to_owned));
    }
    hashes
}

/// A line of its own that is an option.
fn option(line: &str, number: usize, specification: &mut Specification) {
    let value = |short: &str, long: &str| {
        let rest = match line.strip_prefix(long) {
            Some(rest) if rest.starts_with([' ', '\t', '=']) => rest,
            _ if short.is_empty() || line.starts_with("--") => return None,
            _ => line.strip_prefix(short)?,
        };
        let rest = rest.trim_start().trim_start_matches('=').trim();
        Some(rest.trim_matches(['"', '\'']).to_owned()).filter(|rest| !rest.is_empty())
    };
    for (short, long, constraint) in [("-r", "--requirement", false), ("-c", "--constraint", true)] {
        if let Some(path) = value(short, long) {
            specification.includes.push(Include { line: number, path, constraint });
            return;
        }
    }
    for (short, long, use_for) in [
        ("-i", "--index-url", IndexUse::First),
        ("", "--pypi-url", IndexUse::First),
        ("", "--extra-index-url", IndexUse::Extra),
        ("-f", "--find-links", IndexUse::Links),
    ] {
        if let Some(url) = value(short, long) {
            specification.indexes.push(Index { url, use_for, line: number });
            return;
        }
    }
    if let Some(text) = value("-e", "--editable") {
        editable(&text, number, specification);
    }
}

/// What `-e` is about.
pub fn editable(text: &str, number: usize, specification: &mut Specification) {
    let parsed = requirement::parse(text).map(|mut requirement| {
        // `-e lib` is a folder also without a slash.
        if requirement.address.is_none() {
            requirement.address = Some(text.split([';', '[']).next().unwrap_or(text).trim().to_owned());
            requirement.name = String::new();
            requirement.specifier = String::new();
        }
        requirement.editable = true;
        requirement
    });
    match parsed {
        Ok(requirement) => specification.pins.push(requirement.into_pin(number)),
        Err(message) => specification.problem(number, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_hashes_options() {
        let read = read(
            "--index-url https://h/simple\n--extra-index-url=https://h/cu118\n-f ./wheels\n\
             numpy==1.26.4 \\\n    --hash=sha256:aa \\\n    --hash sha256:bb  # via x\n\
             torch>=2 ; sys_platform == 'linux'\n-r base.txt\n-c \"pins.txt\"\n-e .[dev]\n-e lib\n\
             -e git+https://h/x.git#egg=x\n==1\n# numpy==0 \\\npandas\n",
        );
        let pins: Vec<_> =
            read.pins.iter().map(|pin| (pin.line, pin.name.as_str(), pin.version.as_deref())).collect();
        assert_eq!(
            pins,
            [
                (4, "numpy", Some("1.26.4")),
                (7, "torch", None),
                (10, "", None),
                (11, "", None),
                (12, "x", None),
                (15, "pandas", None)
            ]
        );
        assert_eq!(read.pins[0].hashes, ["sha256:aa", "sha256:bb"]);
        assert_eq!(read.pins[1].marker.as_deref(), Some("sys_platform == 'linux'"));
        assert_eq!(read.pins[2].source, Source::Path { path: ".".into(), editable: true });
        assert_eq!(read.pins[2].extras, ["dev"]);
        assert_eq!(read.pins[3].source, Source::Path { path: "lib".into(), editable: true });
        let indexes: Vec<_> = read.indexes.iter().map(|index| (index.line, index.use_for)).collect();
        assert_eq!(indexes, [(1, IndexUse::First), (2, IndexUse::Extra), (3, IndexUse::Links)]);
        let includes: Vec<_> =
            read.includes.iter().map(|found| (found.path.as_str(), found.constraint)).collect();
        assert_eq!(includes, [("base.txt", false), ("pins.txt", true)]);
        assert_eq!(read.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [13]);
    }

    #[test]
    fn constraints_pin_what_is_named_elsewhere() {
        let part =
            |file: &str, constraint, text: &str| Part { file: file.into(), constraint, read: read(text) };
        let whole = join(vec![
            part("", false, "numpy\npandas>=2\nx @ https://h/x.whl\n"),
            part("base.txt", false, "scipy==1.0\n"),
            part("pins.txt", true, "NumPy==1.26\npandas==2.1\nx==3\n"),
        ]);
        let pins: Vec<_> = whole
            .pins
            .iter()
            .filter(|pin| pin.groups.is_empty())
            .map(|pin| {
                (pin.name.as_str(), pin.specifier.as_str(), pin.version.as_deref(), pin.file.as_deref())
            })
            .collect();
        assert_eq!(
            pins,
            [
                ("numpy", "==1.26", Some("1.26"), None),
                ("pandas", ">=2,==2.1", Some("2.1"), None),
                ("x", "", None, None),
                ("scipy", "==1.0", Some("1.0"), Some("base.txt")),
            ]
        );
        assert_eq!(whole.pins.iter().filter(|pin| pin.groups == [Group::Constraint]).count(), 3);
    }
}
