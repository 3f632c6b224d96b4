//! Packages of Debian put into a Dockerfile, in one line of their own where the image is made; every other line stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Base, Dockerfile, Instruction};

/// Package, and what it is for: `libGL.so.1 (cv2)`.
pub type Packages = BTreeMap<String, BTreeSet<String>>;

const WHY: &str = "# Libraries of the system that packages load: ";
const FRONT: &str = "apt-get update && apt-get install -y --no-install-recommends ";
const BACK: &str = " && rm -rf /var/lib/apt/lists/*";

/// The command line that installs them.
pub fn command<'a>(packages: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = packages.into_iter().collect();
    format!("{FRONT}{}{BACK}", names.join(" "))
}

/// The text with these packages. `user_of` knows whose the processes of a base image are, empty for root. `None` where there is
/// no place for them, or where they are in the line already.
pub fn add(text: &str, packages: &Packages, user_of: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let file = Dockerfile::read(text, &BTreeMap::new());
    let stage = file.stages.len().checked_sub(1)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if let Some(extended) = extend(text, &file, stage, packages, end) {
        return Some(extended).filter(|extended| extended != text);
    }
    let (at, index) = place(text, &file, stage)?;
    let mut lines = vec![why(packages), format!("RUN {}", command(packages.keys().map(String::as_str)))];
    if let Some(user) = user(&file, stage, index, user_of).filter(|user| !is_root(user)) {
        lines.insert(0, "USER root".to_owned());
        lines.push(format!("USER {user}"));
    }
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { end };
    Some(format!("{before}{gap}{}{end}{after}", lines.join(end)))
}

fn why(packages: &Packages) -> String {
    let all: BTreeSet<&str> = packages.values().flatten().map(String::as_str).collect();
    format!("{WHY}{}", all.into_iter().collect::<Vec<_>>().join(", "))
}

/// With these in the line that was put there for others.
fn extend(text: &str, file: &Dockerfile, stage: usize, packages: &Packages, end: &str) -> Option<String> {
    for run in file.instructions.iter().filter(|it| it.stage == Some(stage) && it.keyword == "RUN") {
        let Some(names) = run.text.strip_prefix(FRONT).and_then(|rest| rest.strip_suffix(BACK)) else {
            continue;
        };
        let start = line_start(text, run.first_line);
        let above = text.get(..start)?.trim_end_matches(['\r', '\n']);
        let above_start = above.rfind('\n').map_or(0, |at| at + 1);
        let Some(known) = above.get(above_start..)?.strip_prefix(WHY) else { continue };
        let mut all: BTreeSet<&str> = names.split_whitespace().collect();
        all.extend(packages.keys().map(String::as_str));
        let mut reasons: BTreeSet<&str> = known.split(", ").collect();
        reasons.extend(packages.values().flatten().map(String::as_str));
        let mut made = text.get(..above_start)?.to_owned();
        let reasons: Vec<&str> = reasons.into_iter().collect();
        let _ = write!(made, "{WHY}{}{end}RUN {}{end}", reasons.join(", "), command(all));
        made.push_str(text.get(run.end..)?);
        return Some(made);
    }
    None
}

/// Where the lines go, in bytes, and the index of the instruction that they stand before: behind what the stage does about packages
/// of the system anyway, else before the first thing that it does at all. So they come before pip, which may have to compile
/// against them, and before what changes with every new requirement.
fn place(text: &str, file: &Dockerfile, stage: usize) -> Option<(usize, usize)> {
    let first = file.stages.get(stage)?.instruction;
    let own: Vec<(usize, &Instruction)> = file
        .instructions
        .iter()
        .enumerate()
        .skip(first + 1)
        .filter(|(_, it)| it.stage == Some(stage))
        .collect();
    let pip = own.iter().position(|(_, it)| it.keyword == "RUN" && installs_python(it)).unwrap_or(own.len());
    let behind = own.iter().take(pip).rposition(|(_, it)| is_about_system(it));
    if let Some(&(index, instruction)) = behind.and_then(|at| own.get(at)) {
        return Some((instruction.end, index + 1));
    }
    let quiet = ["ARG", "ENV", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL"];
    let next = own.iter().find(|(_, it)| !quiet.contains(&it.keyword.as_str()));
    if let Some((index, instruction)) = next {
        return Some((above_comments(text, instruction.first_line), *index));
    }
    let last = own.last().map_or(file.instructions.get(first), |(_, it)| Some(*it))?;
    Some((last.end, file.instructions.len()))
}

fn installs_python(run: &Instruction) -> bool {
    const TOOLS: [&str; 9] =
        ["pip install", "pip3 install", "uv ", "conda ", "mamba ", "poetry ", "pdm ", "pipenv ", "pixi "];
    TOOLS.iter().any(|tool| run.text.contains(tool))
}

/// It installs packages of the system, or sets up where they come from.
fn is_about_system(instruction: &Instruction) -> bool {
    const WORDS: [&str; 5] = ["apt-get", "apt install", "/etc/apt", "ca-certificates", "dpkg"];
    matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD")
        && WORDS.iter().any(|word| instruction.text.contains(word))
}

/// The start of the comments that stand directly above a line.
fn above_comments(text: &str, line: usize) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let mut first = line;
    while first > 1 && lines.get(first - 2).is_some_and(|above| above.trim_start().starts_with('#')) {
        first -= 1;
    }
    line_start(text, first)
}

/// Byte offset of a line, counted from 1.
fn line_start(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

/// Whose commands are those at this place of the stage; `None` where that cannot be told.
fn user(
    file: &Dockerfile,
    stage: usize,
    index: usize,
    user_of: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let is_user = |it: &&Instruction| it.keyword == "USER";
    let mut here = file.instructions.iter().take(index).filter(|it| it.stage == Some(stage));
    if let Some(user) = here.rfind(is_user) {
        return Some(user.text.clone());
    }
    let mut stage = stage;
    loop {
        match &file.stages.get(stage)?.base {
            Base::Stage(earlier) => {
                stage = *earlier;
                let mut of_stage = file.instructions.iter().filter(|it| it.stage == Some(stage));
                if let Some(user) = of_stage.rfind(is_user) {
                    return Some(user.text.clone());
                }
            }
            Base::Image(image) => return user_of(image),
            Base::Scratch | Base::Unknown(_) => return None,
        }
    }
}

fn is_root(user: &str) -> bool {
    matches!(user.trim_matches(['"', '\'']), "" | "root" | "0" | "root:root" | "0:0" | "0:root" | "root:0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(all: &[(&str, &str)]) -> Packages {
        all.iter().map(|(name, why)| ((*name).to_owned(), BTreeSet::from([(*why).to_owned()]))).collect()
    }

    fn added(text: &str) -> String {
        add(text, &packages(&[("unixodbc", "libodbc.so.2 (pyodbc)")]), &|_| Some(String::new())).unwrap()
    }

    const LINES: &str = "# Libraries of the system that packages load: libodbc.so.2 (pyodbc)\nRUN apt-get update && apt-get install -y --no-install-recommends unixodbc && rm -rf /var/lib/apt/lists/*\n";

    #[test]
    fn before_what_the_last_stage_does() {
        let head = "FROM python:3.11 AS pins\nRUN pip download x\n\n# The second\nFROM python:3.11\nENV A=1 \\\n  B=2\n\n";
        let rest =
            "# what is needed\nCOPY --from=pins /pins /pins\nRUN pip install -r /pins/all.txt # here\n";
        assert_eq!(added(&format!("{head}{rest}")), format!("{head}{LINES}{rest}"));
    }

    #[test]
    fn behind_what_is_about_packages_of_the_system() {
        let head = "FROM python:3.11\nCOPY ca.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates\nRUN apt-get update \\\n # for git\n && apt-get install -y git\n";
        let rest =
            "COPY requirements.txt .\nRUN pip install -r requirements.txt\nRUN apt-get install -y vim\n";
        assert_eq!(added(&format!("{head}{rest}")), format!("{head}{LINES}{rest}"));
    }

    #[test]
    fn in_an_image_of_nothing_more() {
        assert_eq!(added("FROM python:3.11"), format!("FROM python:3.11\n{LINES}"));
        assert_eq!(added("FROM python:3.11\nENV A=1\n"), format!("FROM python:3.11\nENV A=1\n{LINES}"));
        assert_eq!(add("# nothing\n", &packages(&[("x", "y")]), &|_| None), None);
    }

    #[test]
    fn by_root_whoever_the_image_belongs_to() {
        let wrapped = format!("USER root\n{LINES}USER jovyan\n");
        let add = |text: &str, user: &str| {
            let users = |image: &str| (image == "jupyter").then(|| user.to_owned());
            add(text, &packages(&[("unixodbc", "libodbc.so.2 (pyodbc)")]), &users).unwrap()
        };
        let pip = "RUN pip install x\n";
        assert_eq!(add(&format!("FROM jupyter\n{pip}"), "jovyan"), format!("FROM jupyter\n{wrapped}{pip}"));
        assert_eq!(add(&format!("FROM jupyter\n{pip}"), "0"), format!("FROM jupyter\n{LINES}{pip}"));
        let of_stage = format!("FROM x AS a\nUSER jovyan\nFROM a\n{pip}");
        assert_eq!(
            add(&of_stage, ""),
            of_stage.replace("FROM a\n", &format!("FROM a\n{wrapped}")),
            "as the stage below it"
        );
        // Whoever comes later has no part in it.
        let later = format!("FROM jupyter\n{pip}USER jovyan\n");
        assert_eq!(add(&later, ""), format!("FROM jupyter\n{LINES}{pip}USER jovyan\n"));
        let before = "FROM jupyter\nUSER jovyan\nRUN apt-get update\nRUN pip install x\n";
        let made = before.replace("update\n", &format!("update\n{wrapped}"));
        assert_eq!(add(before, ""), made);
        let twice = packages(&[("libgl1", "libGL.so.1 (cv2)")]);
        let twice = super::add(&made, &twice, &|_| None).unwrap();
        assert_eq!(twice.matches("USER root").count(), 1, "{twice}");
    }

    #[test]
    fn one_line_for_all_of_them() {
        let once = added("FROM a\r\nRUN pip install x\r\n");
        assert!(once.contains("\r\nRUN apt-get") && !once.replace("\r\n", "").contains('\n'), "{once}");
        let more = packages(&[("libgl1", "libGL.so.1 (cv2)"), ("unixodbc", "libodbc.so.2 (pyodbc)")]);
        let twice = add(&once, &more, &|_| None).unwrap();
        assert_eq!(twice.matches("apt-get update").count(), 1, "{twice}");
        assert!(twice.contains("--no-install-recommends libgl1 unixodbc &&"), "{twice}");
        assert!(twice.contains("load: libGL.so.1 (cv2), libodbc.so.2 (pyodbc)\r\n"), "{twice}");
        assert!(twice.ends_with("*\r\nRUN pip install x\r\n"), "{twice}");
        assert_eq!(add(&twice, &more, &|_| None), None, "they are there");
        // One that looks the same and is the user's own.
        let own = format!("FROM a\nRUN {}\nRUN pip install x\n", command(["git"]));
        let made = added(&own);
        assert_eq!(made, own.replace("RUN pip", &format!("{LINES}RUN pip")));
    }
}
