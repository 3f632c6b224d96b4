//! Whether a Dockerfile brings a file of its folder into the image, or at least to where something is run.

use super::Dockerfile;

/// Whether an instruction names the file, which lies at this path in the folder that is sent to the build.
pub fn copies(file: &Dockerfile, path: &str) -> bool {
    file.instructions.iter().any(|instruction| match instruction.keyword.as_str() {
        "COPY" | "ADD" if instruction.flag("from").is_none() => {
            let words = match serde_json::from_str::<Vec<String>>(&instruction.text) {
                Ok(words) => words,
                Err(_) => instruction.text.split_whitespace().map(str::to_owned).collect(),
            };
            let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
            sources.iter().any(|source| names(source, path))
        }
        "RUN" => instruction
            .mounts()
            .iter()
            .any(|mount| mount.get("type").is_none_or(|kind| kind == "bind") && !mount.contains_key("from")),
        _ => false,
    })
}

/// Whether a source of `COPY` is the file or a folder that it lies in.
fn names(source: &str, path: &str) -> bool {
    // What a variable stands for is not known here.
    if source.contains('$') {
        return true;
    }
    let parts: Vec<&str> = source.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let path: Vec<&str> = path.split('/').collect();
    parts.len() <= path.len() && parts.iter().zip(&path).all(|(pattern, part)| is_like(pattern, part))
}

/// As Go's `filepath.Match`, by which builders find their sources.
fn is_like(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_from(&pattern, &name)
}

fn matches_from(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skipped| matches_from(rest, &name[skipped..])),
        ['?', rest @ ..] => !name.is_empty() && matches_from(rest, &name[1..]),
        ['[', rest @ ..] => {
            let (Some(end), Some((first, others))) =
                (rest.iter().position(|c| *c == ']'), name.split_first())
            else {
                return false;
            };
            let (set, behind) = (&rest[..end], &rest[end + 1..]);
            let (not, set) = match set {
                ['^', set @ ..] => (true, set),
                set => (false, set),
            };
            let mut within = false;
            let mut at = 0;
            while at < set.len() {
                if let [low, '-', high, ..] = set[at..] {
                    within |= (low..=high).contains(first);
                    at += 3;
                } else {
                    within |= set[at] == *first;
                    at += 1;
                }
            }
            within != not && matches_from(behind, others)
        }
        ['\\', plain, rest @ ..] | [plain, rest @ ..] => {
            name.first() == Some(plain) && matches_from(rest, &name[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_way_to_bring_a_wheel() {
        const WHEEL: &str = "x-1.0-py3-none-any.whl";
        for (line, wanted) in [
            ("COPY requirements* *.whl /pins/", true),
            ("COPY . /app", true),
            ("COPY ./ /app", true),
            ("ADD --chown=1:1 x-1.0-py3-none-any.whl /app/", true),
            ("COPY [\"x-[0-9].0-py3-*\", \"/app/\"]", true),
            ("COPY $FILES /app/", true),
            ("RUN --mount=type=bind,target=/context pip install -r /context/requirements.lock", true),
            ("COPY requirements* /pins/", false),
            ("COPY --from=pins / /pins", false),
            ("COPY wheels/*.whl /pins/", false),
            ("COPY y-*.whl x-[^0-9]* /pins/", false),
            ("RUN --mount=type=cache,target=/root/.cache pip install x", false),
            ("RUN pip install x-1.0-py3-none-any.whl", false),
        ] {
            let file = Dockerfile::read(&format!("FROM a\n{line}\n"), &BTreeMap::new());
            assert_eq!(copies(&file, WHEEL), wanted, "{line}");
        }
        let file = Dockerfile::read("FROM a\nCOPY wheels /w/\n", &BTreeMap::new());
        assert!(copies(&file, "wheels/x-1.0-py3-none-any.whl"));
    }
}
