//! What a Dockerfile's own `RUN` lines install by name, and which files of requirements they name.

use std::collections::{BTreeMap, BTreeSet};

use super::shell::{self, commands};
use super::substitute::{split_words, substitute};
use super::{Base, Dockerfile, Instruction, python_version};
use crate::project::python::specs::pip_command::{self, Word};
use crate::project::python::specs::{Kind, Specification};
use crate::spec::place::Text;

type Variables = BTreeMap<String, String>;

/// Reads the text with the given build arguments. Stages that the image takes nothing from are passed over.
pub fn read(text: &str, args: &BTreeMap<String, String>) -> Specification {
    let mut specification = Specification::new(Kind::Dockerfile);
    let file = Dockerfile::read(text, args);
    let wanted = wanted_stages(&file);
    let places = Text::new("", text);
    let mut global = Variables::new();
    let mut stages: Vec<Variables> = vec![Variables::new(); file.stages.len()];
    for instruction in &file.instructions {
        let Some(stage) = instruction.stage else {
            if instruction.keyword == "ARG" {
                declare(instruction, file.escape, args, None, &mut global);
            }
            continue;
        };
        match instruction.keyword.as_str() {
            "FROM" => {
                if let Some(Base::Stage(base)) = file.stages.get(stage).map(|it| &it.base) {
                    let inherited = stages.get(*base).cloned().unwrap_or_default();
                    stages[stage] = inherited;
                }
            }
            "ARG" => declare(instruction, file.escape, args, Some(&global), &mut stages[stage]),
            "ENV" => set(instruction, file.escape, &mut stages[stage]),
            "RUN" if wanted.contains(&stage) => {
                run(instruction, text, &places, &stages[stage], &mut specification);
            }
            _ => {}
        }
    }
    if specification.python.is_none() {
        specification.python = python_version(text).map(|version| format!("=={version}.*"));
    }
    specification.sorted()
}

/// The last stage, those that it is built on, and those that it copies from.
fn wanted_stages(file: &Dockerfile) -> BTreeSet<usize> {
    let mut wanted = BTreeSet::new();
    let mut open: Vec<usize> = file.stages.len().checked_sub(1).into_iter().collect();
    while let Some(stage) = open.pop() {
        if !wanted.insert(stage) {
            continue;
        }
        if let Some(Base::Stage(base)) = file.stages.get(stage).map(|it| &it.base) {
            open.push(*base);
        }
        for instruction in file.instructions.iter().filter(|it| it.stage == Some(stage)) {
            let copied = instruction.flag("from").and_then(|flag| flag.value.clone());
            let mounted = instruction.mounts().into_iter().filter_map(|fields| fields.get("from").cloned());
            for name in copied.into_iter().chain(mounted) {
                let by_name =
                    file.stages.iter().position(|it| it.name.as_deref() == Some(&name.to_lowercase()));
                let by_number = || name.parse().ok().filter(|number| *number < stage);
                open.extend(by_name.or_else(by_number));
            }
        }
    }
    wanted
}

/// `ARG NAME=default`: a build argument beats the default, and a name alone takes over the global one.
fn declare(
    instruction: &Instruction,
    escape: char,
    args: &BTreeMap<String, String>,
    global: Option<&Variables>,
    variables: &mut Variables,
) {
    for word in split_words(&instruction.text, escape) {
        let (name, default) =
            word.split_once('=').map_or((word.as_str(), None), |(name, it)| (name, Some(it)));
        let lookup = |name: &str| variables.get(name).cloned();
        let value = args
            .get(name)
            .cloned()
            .or_else(|| default.and_then(|default| substitute(default, escape, &lookup)))
            .or_else(|| global.and_then(|global| global.get(name).cloned()));
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    }
}

/// `ENV NAME=value …`, or in the old form `ENV NAME value`.
fn set(instruction: &Instruction, escape: char, variables: &mut Variables) {
    let words = split_words(&instruction.text, escape);
    let before = variables.clone();
    let lookup = |name: &str| before.get(name).cloned();
    let mut note = |name: &str, value: &str| match substitute(value, escape, &lookup) {
        Some(value) => drop(variables.insert(name.to_owned(), value)),
        None => drop(variables.remove(name)),
    };
    match words.split_first() {
        Some((first, rest)) if !first.contains('=') => note(first, &rest.join(" ")),
        _ => {
            for word in &words {
                if let Some((name, value)) = word.split_once('=') {
                    note(name, value);
                }
            }
        }
    }
}

fn run(
    instruction: &Instruction,
    text: &str,
    places: &Text<'_>,
    variables: &Variables,
    specification: &mut Specification,
) {
    if let Ok(words) = serde_json::from_str::<Vec<String>>(&instruction.text) {
        let line = instruction.first_line;
        // `["sh", "-c", "…"]`
        if let [shell, flag, command] = words.as_slice()
            && shell.ends_with("sh")
            && flag.starts_with('-')
        {
            take_all(command, &|_| line, variables, specification);
            return;
        }
        let word = |text: &String| Word { text: Some(text.clone()), shown: text.clone(), line };
        pip_command::take(&words.iter().map(word).collect::<Vec<_>>(), specification);
        return;
    }
    let line_at = |at: usize| match instruction.places.get(at) {
        Some(place) => places.position(*place).line,
        None => instruction.first_line,
    };
    take_all(&instruction.text, &line_at, variables, specification);
    // `RUN <<EOF`: the lines up to it are commands, unless something else is to read them.
    let front = instruction.text.split("<<").next().unwrap_or_default().trim();
    if !instruction.heredocs.is_empty() && (front.is_empty() || front.ends_with("sh")) {
        let first = line_at(instruction.text.len().saturating_sub(1));
        let count = instruction.last_line.saturating_sub(first + 1);
        let body: Vec<&str> = text.lines().skip(first).take(count).collect();
        let body = body.join("\n");
        let line_at = |at: usize| first + 1 + body.get(..at).unwrap_or(&body).matches('\n').count();
        take_all(&body, &line_at, variables, specification);
    }
}

fn take_all(
    text: &str,
    line_at: &dyn Fn(usize) -> usize,
    variables: &Variables,
    specification: &mut Specification,
) {
    let mut variables = variables.clone();
    for command in commands(text) {
        let words: Vec<Word> = command.iter().map(|word| filled(word, line_at, &variables)).collect();
        if let [Word { text: Some(assignment), .. }] = words.as_slice()
            && let Some((name, value)) = assignment.split_once('=')
        {
            variables.insert(name.to_owned(), value.to_owned());
        }
        pip_command::take(&words, specification);
    }
}

fn filled(word: &shell::Word, line_at: &dyn Fn(usize) -> usize, variables: &Variables) -> Word {
    let known = !word.text.contains("$(") && !word.text.contains('`');
    let lookup = |name: &str| variables.get(name).cloned();
    Word {
        text: if known { substitute(&word.text, '\\', &lookup) } else { None },
        shown: word.text.clone(),
        line: line_at(word.at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Specification {
        super::read(text, &BTreeMap::from([("GIVEN".to_owned(), "9.0".to_owned())]))
    }

    fn shown(read: &Specification) -> Vec<String> {
        read.pins.iter().map(|pin| format!("{}: {}{}", pin.line, pin.name, pin.specifier)).collect()
    }

    #[test]
    fn by_name_with_lines() {
        let read = read(
            "ARG TORCH=2.1.0\nARG GIVEN=1\nFROM python:3.11-slim AS base\nARG TORCH\nARG GIVEN\nENV NUMPY=1.26.4 OTHER=$TORCH\n\
             RUN apt-get update && pip install --no-cache-dir \\\n    \"numpy==${NUMPY}\" \\\n    # why\n    torch==$OTHER given==$GIVEN \\\n    && X=3 && pip install x==$X y==$UNKNOWN -r requirements.txt\n\
             FROM base AS unused\nRUN pip install never==1\nFROM base\nRUN [\"pip\", \"install\", \"exec==1\"]\nRUN [\"/bin/bash\", \"-c\", \"pip install bash==1\"]\n\
             RUN <<EOF\nset -e\npip install here==1\nEOF\nRUN python <<EOF\npip install nothere==1\nEOF\n",
        );
        assert_eq!(
            shown(&read),
            [
                "8: numpy==1.26.4",
                "10: torch==2.1.0",
                "10: given==9.0",
                "11: x==3",
                "15: exec==1",
                "16: bash==1",
                "19: here==1"
            ]
        );
        assert_eq!(read.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [11]);
        assert_eq!((read.includes[0].line, read.includes[0].path.as_str()), (11, "requirements.txt"));
        assert_eq!(read.python.as_deref(), Some("==3.11.*"));
    }

    #[test]
    fn stages_that_are_copied_from_count() {
        let read = read(
            "FROM python:3.11 AS builder\nRUN pip install --target /x a==1\nFROM python:3.11 AS other\nRUN pip install b==1\n\
             FROM continuumio/miniconda3\nCOPY --from=builder /x /x\nRUN conda install -y -c pytorch python=3.10 pytorch=2.1.0 cudatoolkit=11.8\n",
        );
        assert_eq!(shown(&read), ["2: a==1", "7: pytorch==2.1.0.*"]);
        assert_eq!(read.others[0].name, "cudatoolkit");
        assert_eq!(
            (read.python.as_deref(), read.channels.as_slice()),
            (Some("==3.10.*"), &["pytorch".to_owned()][..])
        );
    }

    #[test]
    fn the_templates_name_nothing() {
        let text = include_str!("../../../templates/experiment/pytorch/environment/Dockerfile");
        let read = read(text);
        assert!(!read.says(), "{:?}", read.pins);
    }
}
