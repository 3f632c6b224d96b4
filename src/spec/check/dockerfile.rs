//! What no builder can make an image of. What an instruction does is the builder's affair.

use super::Finding;
use super::rules::DOCKERFILE_INVALID;
use crate::spec::dockerfile::{Dockerfile, Instruction};
use crate::spec::place::near_miss;

/// The instructions of Docker's own frontend.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub fn dockerfile(shown: &str, text: &str, findings: &mut Vec<Finding>) {
    let file = Dockerfile::read(text, &std::collections::BTreeMap::new());
    // Another frontend has instructions of its own.
    let is_foreign = file.syntax.as_ref().is_some_and(|word| !word.text.contains("docker/dockerfile"));
    let mut complain = |line: usize, message: String, hint: String| {
        let place = (u32::try_from(line).unwrap_or(u32::MAX), 1);
        findings.push(Finding::new(&DOCKERFILE_INVALID, shown, place, message, hint));
    };
    let from = "begin it with a base image: `FROM python:3.12-slim`";
    if file.instructions.is_empty() {
        complain(1, "there is no instruction in it".to_owned(), from.to_owned());
        return;
    }
    for Instruction { keyword, first_line, text, stage, flags: _, heredocs, .. } in &file.instructions {
        if !KEYWORDS.contains(&keyword.as_str()) {
            if !is_foreign {
                let hint = match near_miss(keyword, KEYWORDS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "a line that goes on needs a `\\` at the end of the one before".to_owned(),
                };
                complain(*first_line, format!("there is no instruction `{keyword}`"), hint);
            }
            continue;
        }
        let words = text.split_whitespace().count();
        if words == 0 {
            complain(
                *first_line,
                format!("`{keyword}` has nothing behind it"),
                "take it out, or finish it".to_owned(),
            );
        } else if matches!(keyword.as_str(), "COPY" | "ADD")
            && words < 2
            && heredocs.is_empty()
            && !text.starts_with('[')
        {
            let hint = format!("`{keyword} {text} DESTINATION`");
            complain(*first_line, format!("`{keyword}` wants a source and a destination"), hint);
        }
        if stage.is_none() && keyword != "ARG" && keyword != "FROM" {
            complain(*first_line, format!("`{keyword}` stands before the first `FROM`"), from.to_owned());
        }
    }
    if file.instructions.iter().all(|instruction| instruction.keyword == "ARG") {
        complain(1, "there is no `FROM` in it".to_owned(), from.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        dockerfile("f", text, &mut findings);
        findings.iter().map(|it| format!("{}: {}; {}", it.line, it.message, it.hint)).collect()
    }

    #[test]
    fn what_can_be_built_is_fine() {
        for text in [
            "ARG V=3\nFROM python:$V AS a\nRUN <<E\nnonsense here\nE\nCOPY [\"a\", \"b\"]\nfrom a\nrun x \\\n  y\n",
            "# syntax=example/frontend\nINCLUDE x\nFROM y\n",
            "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY <<E /x\ntext\nE\n",
            "FROM x\nCMD [\"python\"]\nHEALTHCHECK NONE\nONBUILD RUN x\n",
        ] {
            assert_eq!(said(text), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn the_rest_is_named_with_its_line() {
        for text in ["", "\n", "# only a comment\n"] {
            assert!(said(text)[0].starts_with("1: there is no instruction in it; begin it with"), "{text:?}");
        }
        assert_eq!(said("FORM python:3.12\n"), ["1: there is no instruction `FORM`; did you mean `FROM`?"]);
        assert_eq!(
            said("FROM x\nRUN\n\nCOPY a\npip install numpy\n"),
            [
                "2: `RUN` has nothing behind it; take it out, or finish it",
                "4: `COPY` wants a source and a destination; `COPY a DESTINATION`",
                "5: there is no instruction `PIP`; a line that goes on needs a `\\` at the end of the one before",
            ]
        );
        assert!(said("RUN x\nFROM y\n")[0].starts_with("1: `RUN` stands before the first `FROM`"));
        assert!(said("ARG A=1\n")[0].starts_with("1: there is no `FROM` in it"));
        assert_eq!(said("FROM\n")[0], "1: `FROM` has nothing behind it; take it out, or finish it");
    }
}
