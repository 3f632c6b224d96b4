//! Whether a Dockerfile brings a file of its folder into the image, or at least to where something is run; and whether it
//! installs requirements from the folder that they lie in, where installers look for the wheels that these name.

use super::reference::Reference;
use super::shell::{self, Word};
use super::{Base, Dockerfile};

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

/// The requirement files that are looked at; others name no wheels of scaf's.
const LISTS: [&str; 2] = ["requirements.lock", "requirements.txt"];
/// Base images whose working directory is the root.
const AT_ROOT: [&str; 5] = ["python", "pypy", "debian", "ubuntu", "cuda"];

/// The line of a `RUN` that has an installer read requirements in another folder than the one that it is started in. pip (to
/// 25) and uv (to 0.13) look for `./x.whl` there.
pub fn starts_elsewhere(file: &Dockerfile) -> Option<usize> {
    // Where each stage is; `None`: nobody knows.
    let mut stages: Vec<Option<String>> = Vec::new();
    for instruction in &file.instructions {
        let Some(stage) = instruction.stage else { continue };
        match instruction.keyword.as_str() {
            "FROM" => stages.push(match file.stages.get(stage).map(|it| &it.base) {
                Some(Base::Stage(base)) => stages.get(*base).cloned().flatten(),
                Some(Base::Image(image)) if AT_ROOT.contains(&Reference::parse(image).last()) => {
                    Some("/".to_owned())
                }
                _ => None,
            }),
            "WORKDIR" => {
                let here = stages.get(stage).cloned().flatten();
                let there = joined(here.as_deref(), instruction.text.trim().trim_matches('"'));
                if let Some(folder) = stages.get_mut(stage) {
                    *folder = there;
                }
            }
            "RUN" => {
                let mut here = stages.get(stage).cloned().flatten();
                for command in commands(&instruction.text) {
                    if let [cd, to] = command.as_slice()
                        && cd == "cd"
                    {
                        here = joined(here.as_deref(), to);
                        continue;
                    }
                    for list in installed_from(&command) {
                        let place = joined(here.as_deref(), list);
                        if let (Some(here), Some(place)) = (&here, place)
                            && place.rsplit_once('/').map(|(folder, _)| folder)
                                != Some(here.trim_end_matches('/'))
                        {
                            return Some(instruction.first_line);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    None
}

fn commands(text: &str) -> Vec<Vec<String>> {
    let plain = |word: &Word| word.text.trim_matches(['"', '\'']).to_owned();
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => vec![words],
        Err(_) => shell::commands(text).iter().map(|command| command.iter().map(plain).collect()).collect(),
    }
}

/// The lists that an installer's command names.
fn installed_from(command: &[String]) -> Vec<&str> {
    let is = |word: &str| command.iter().any(|have| have == word);
    let by_pip = command.iter().any(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        name.starts_with("pip")
    });
    if !(by_pip && is("install")) {
        return Vec::new();
    }
    let mut lists = Vec::new();
    let mut words = command.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let list = match word {
            "-r" | "--requirement" => words.next(),
            _ => word
                .strip_prefix("--requirement=")
                .or_else(|| word.strip_prefix("-r").filter(|_| !word.starts_with("--"))),
        };
        lists.extend(list.filter(|list| LISTS.contains(&list.rsplit('/').next().unwrap_or(list))));
    }
    lists
}

/// A path as seen from a folder, plain; `None` where a variable is in it, or nobody knows the folder.
fn joined(folder: Option<&str>, path: &str) -> Option<String> {
    if path.contains(['$', '`']) {
        return None;
    }
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder?) };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
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

    #[test]
    fn an_installer_that_is_started_elsewhere() {
        for (text, wanted) in [
            ("FROM python:3.11\nRUN pip install -r /app/requirements.lock\n", Some(2)),
            ("FROM python:3.11\nWORKDIR /app\nRUN pip install -r requirements.lock\n", None),
            ("FROM python:3.11\nWORKDIR /app\nRUN pip install --no-deps -r/app/requirements.lock\n", None),
            (
                "FROM python:3.11\nWORKDIR /app\nRUN python -m pip install --requirement=env/requirements.txt\n",
                Some(3),
            ),
            ("FROM python:3.11\nRUN cd /opt/x && pip install -r requirements.lock\n", None),
            ("FROM python:3.11\nRUN cd /opt/x && uv pip install -r ../requirements.lock\n", Some(2)),
            ("FROM python:3.11 AS a\nWORKDIR /x\nFROM a\nRUN pip3 install -r /x/requirements.txt\n", None),
            (
                "FROM python:3.11\nCOPY requirements.txt /\nRUN [\"pip\", \"install\", \"-r\", \"requirements.txt\"]\n",
                None,
            ),
            ("FROM python:3.11\nRUN pip install -r $LIST/requirements.txt -r /heavy/pins.txt\n", None),
            // Its working directory is its own affair.
            ("FROM corp/base\nRUN pip install -r /app/requirements.lock\n", None),
            ("FROM python:3.11\nRUN pip install numpy\n", None),
        ] {
            assert_eq!(starts_elsewhere(&Dockerfile::read(text, &BTreeMap::new())), wanted, "{text}");
        }
        let template = include_str!("../../../templates/experiment/minimal/environment/Dockerfile");
        let text = template.replace("<{ python_version }>", "3.11");
        let file = Dockerfile::read(&text, &BTreeMap::new());
        assert_eq!((starts_elsewhere(&file), copies(&file, "x-1.0-py3-none-any.whl")), (None, true));
    }
}
