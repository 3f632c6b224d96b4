//! Which line of a Dockerfile a builder means. Newer ones say so; BuildKit in docker 20.10 only gives
//! a step's name, `[build 2/4] RUN --mount=… pip install x`, with variables filled in where it may.

use std::collections::BTreeMap;

use crate::spec::dockerfile::{Dockerfile, Instruction};

/// Instructions that BuildKit counts as steps of a stage.
const COUNTED: [&str; 5] = ["FROM", "RUN", "COPY", "ADD", "WORKDIR"];

/// The line, counted from 1, on which the step of this name begins.
pub(super) fn line(text: &str, name: &str) -> Option<u32> {
    let file = Dockerfile::read(text, &BTreeMap::new());
    let (count, step) = name.strip_prefix('[')?.split_once("] ")?;
    let number: Option<usize> = count.rsplit(' ').next()?.split('/').next()?.parse().ok();
    let keyword = step.split(' ').next()?.to_uppercase();
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let wanted = bare(step);
    let of_kind: Vec<&Instruction> =
        file.instructions.iter().filter(|one| one.keyword == keyword && one.stage.is_some()).collect();
    let same: Vec<&Instruction> =
        of_kind.iter().copied().filter(|one| wanted.ends_with(&bare(&one.text))).collect();
    let at_number = |one: &&Instruction| {
        let before = file.instructions.iter().take_while(|other| other.first_line <= one.first_line);
        let steps =
            before.filter(|other| other.stage == one.stage && COUNTED.contains(&other.keyword.as_str()));
        Some(steps.count()) == number
    };
    let only = |list: &[&Instruction]| match list {
        [one] => Some(one.first_line),
        _ => None,
    };
    let numbered = |list: &[&Instruction]| {
        let list: Vec<&Instruction> = list.iter().copied().filter(at_number).collect();
        only(&list)
    };
    // Rather no line than a wrong one.
    let line = only(&same)
        .or_else(|| numbered(&same))
        .or_else(|| if same.is_empty() { numbered(&of_kind) } else { None });
    line.and_then(|line| u32::try_from(line).ok())
}

#[cfg(test)]
mod tests {
    use super::line;

    const TEXT: &str = "ARG V=1\nFROM a AS build\nARG V\nRUN echo \\\n  $V\nCOPY x$V /x\nRUN same\n\nFROM b\nWORKDIR /w\nRUN same\nRUN --mount=type=cache,target=/c pip install x\n";

    #[test]
    fn steps_are_found_by_text_and_by_number() {
        for (name, found) in [
            ("[build 2/4] RUN echo   $V", Some(4)),
            ("[build 3/4] COPY x1 /x", Some(6)),
            ("[build 4/4] RUN same", Some(7)),
            ("[stage-1 3/4] RUN same", Some(11)),
            ("[stage-1 4/4] RUN --mount=type=cache,target=/c pip install x", Some(12)),
            ("[build 9/9] RUN same", None),
            ("[internal] load build context", None),
            ("exporting to image", None),
        ] {
            assert_eq!(line(TEXT, name), found, "{name}");
        }
    }
}
