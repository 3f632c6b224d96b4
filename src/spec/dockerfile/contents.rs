//! Which Python packages an image can have beside those of its requirement files, as far as its Dockerfile tells.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::Reference;
use super::{Base, Dockerfile, installs, shell};
use crate::project::python::requirements::normalised;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What its own lines install by name; normalised.
    pub names: BTreeSet<String>,
    /// Why there may be packages that nobody sees here: a base image that brings its own, a tool that installs by files
    /// of its own. `None` where that cannot be.
    pub more: Option<String>,
}

/// Images that bring Python or a system, and no package to import. Any other may have whatever its makers put into it.
const BARE: [&str; 18] = [
    "python",
    "pypy",
    "debian",
    "ubuntu",
    "alpine",
    "fedora",
    "centos",
    "rockylinux",
    "almalinux",
    "ubi",
    "ubi-minimal",
    "ubi8",
    "ubi9",
    "cuda",
    "buildpack-deps",
    "uv",
    "micromamba",
    "busybox",
];

/// Tools that install what files of their own say.
const BY_FILE: [&str; 9] = ["conda", "mamba", "micromamba", "poetry", "pipenv", "pdm", "pixi", "rye", "make"];

pub fn contents(text: &str) -> Contents {
    let file = Dockerfile::read(text, &BTreeMap::new());
    let read = installs::read(text, &BTreeMap::new());
    let mut names: BTreeSet<String> = read.pins.into_iter().map(|pin| pin.normalised).collect();
    let mut more = match file.final_base() {
        Some(Base::Image(image)) if BARE.contains(&Reference::parse(image).last()) => None,
        Some(Base::Image(image) | Base::Unknown(image)) => {
            Some(format!("the base image `{image}` may have packages of its own"))
        }
        Some(Base::Scratch | Base::Stage(_)) => None,
        None => Some("the Dockerfile has no base image".to_owned()),
    };
    for instruction in file.instructions.iter().filter(|instruction| instruction.keyword == "RUN") {
        for command in commands(&instruction.text) {
            // Debian's packages of Python distributions.
            let of_debian = command.iter().filter_map(|word| word.strip_prefix("python3-"));
            names.extend(of_debian.map(normalised));
            if let (None, Some(word)) = (&more, by_file(&command)) {
                let line = instruction.first_line;
                more = Some(format!("Dockerfile:{line} installs by `{word}`, which is not looked into"));
            }
        }
    }
    Contents { names, more }
}

/// The commands of a `RUN`, each as its words.
fn commands(text: &str) -> Vec<Vec<String>> {
    let plain = |word: &str| word.trim_matches(['"', '\'']).to_owned();
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => vec![words],
        Err(_) => shell::commands(text)
            .into_iter()
            .map(|command| command.iter().map(|word| plain(&word.text)).collect())
            .collect(),
    }
}

/// The word that says that a command installs what a file has.
fn by_file(command: &[String]) -> Option<&str> {
    let mut before = "";
    let mut installs = false;
    for word in command.iter().map(String::as_str) {
        let found = BY_FILE.contains(&word)
            || word.ends_with(".sh")
            || word == "setup.py"
            || (word == "sync" && before == "uv")
            || (installs && (word == "." || word.starts_with("./") || matches!(word, "-e" | "--editable")));
        if found {
            return Some(word);
        }
        installs |= word == "install" && matches!(before, "pip" | "pip3");
        before = word;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_have_nothing_that_is_not_seen() {
        for text in [
            include_str!("../../../templates/experiment/minimal/environment/Dockerfile"),
            include_str!("../../../templates/experiment/pytorch/environment/Dockerfile"),
            include_str!("../../../templates/experiment/sklearn/environment/Dockerfile"),
        ] {
            assert_eq!(
                contents(&text.replace("<{ python_version }>", "3.12")),
                Contents::default(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_its_own_lines_install() {
        let read = contents(
            "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN apt-get update && apt-get install -y python3-pip \
             python3-numpy\nRUN pip install torch==2.1.0 'Some_thing>=1'\n",
        );
        assert_eq!(read.more, None);
        assert_eq!(read.names.into_iter().collect::<Vec<_>>(), ["numpy", "pip", "some-thing", "torch"]);
    }

    #[test]
    fn what_cannot_be_seen_is_told() {
        for (text, why) in [
            ("FROM pytorch/pytorch:2.4.0", "the base image `pytorch/pytorch:2.4.0`"),
            ("FROM $X", "the base image `$X`"),
            ("", "no base image"),
            ("FROM python:3.11\nRUN conda env update -f conda.yml", "Dockerfile:2 installs by `conda`"),
            ("FROM python:3.11\nRUN uv sync --frozen", "`sync`"),
            ("FROM python:3.11\nCOPY . .\nRUN pip install .", "Dockerfile:3 installs by `.`"),
            ("FROM python:3.11\nRUN [\"bash\", \"setup/install.sh\"]", "`setup/install.sh`"),
        ] {
            let more = contents(text).more.unwrap();
            assert!(more.contains(why), "{text}: {more}");
        }
    }
}
