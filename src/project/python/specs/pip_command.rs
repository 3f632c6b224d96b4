//! What a command line installs: `pip install …`, `uv pip install …`, `conda install …`, `conda env create -f …`.

use super::requirements_txt;
use super::{Index, IndexUse, Specification};
use crate::project::python::requirements::Include;

/// pip's and uv's options with a value of their own (pip 25, uv 0.9), but for those that matter here.
const WITH_VALUE: [&str; 46] = [
    "--abi",
    "--build-option",
    "--cache-dir",
    "--cert",
    "--client-cert",
    "--config-setting",
    "--config-settings",
    "--constraints",
    "--exclude-newer",
    "--exists-action",
    "--extra",
    "--global-option",
    "--group",
    "--hash",
    "--implementation",
    "--index-strategy",
    "--install-option",
    "--keyring-provider",
    "--link-mode",
    "--log",
    "--no-binary",
    "--only-binary",
    "--override",
    "--overrides",
    "--platform",
    "--prefix",
    "--prerelease",
    "--progress-bar",
    "--proxy",
    "--python",
    "--python-platform",
    "--python-version",
    "--report",
    "--resolution",
    "--retries",
    "--root",
    "--root-user-action",
    "--src",
    "--target",
    "--timeout",
    "--torch-backend",
    "--trusted-host",
    "--upgrade-package",
    "--upgrade-strategy",
    "--use-deprecated",
    "--use-feature",
];
const SHORT_WITH_VALUE: [&str; 6] = ["-t", "-d", "-C", "-p", "-P", "-b"];
/// conda's.
const CONDA_WITH_VALUE: [&str; 8] =
    ["-n", "--name", "-p", "--prefix", "--solver", "--experimental-solver", "--repodata-fn", "--root-prefix"];

/// One word of a command; `None` where what it will be is not known: `$(cat pins)`.
pub struct Word {
    pub text: Option<String>,
    /// As written.
    pub shown: String,
    pub line: usize,
}

/// Reads one command (no `&&`, no pipe). False where it is none that installs.
pub fn take(words: &[Word], specification: &mut Specification) -> bool {
    let words = without_front(words);
    let text = |at: usize| words.get(at).and_then(|word| word.text.as_deref()).unwrap_or_default();
    let program = base_name(text(0));
    if is_pip(program) {
        return pip(words.get(1..).unwrap_or_default(), specification);
    }
    if is_python(program) && text(1) == "-m" && text(2) == "pip" {
        return pip(words.get(3..).unwrap_or_default(), specification);
    }
    match program {
        "uv" if text(1) == "pip" => pip(words.get(2..).unwrap_or_default(), specification),
        "conda" | "mamba" | "micromamba" if text(1) == "run" => {
            // `conda run -n base pip install …`
            let rest = words.get(2..).unwrap_or_default();
            let at = rest.iter().position(|word| {
                let name = base_name(word.text.as_deref().unwrap_or_default());
                is_pip(name) || is_python(name)
            });
            at.is_some_and(|at| take(&rest[at..], specification))
        }
        "conda" | "mamba" | "micromamba" => conda(words.get(1..).unwrap_or_default(), specification),
        _ => false,
    }
}

/// Without what only says how a command is run: `X=1 sudo -H time …`.
fn without_front(mut words: &[Word]) -> &[Word] {
    while let Some((first, rest)) = words.split_first() {
        let text = first.text.as_deref().unwrap_or_default();
        let assignment = text.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let wrapper = matches!(
            base_name(text),
            "sudo" | "exec" | "time" | "nice" | "env" | "command" | "then" | "do" | "else" | "!"
        );
        if !assignment && !wrapper {
            break;
        }
        words = rest;
        while wrapper && words.first().is_some_and(|word| word.shown.starts_with('-')) {
            words = &words[1..];
        }
    }
    words
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn numbered(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn is_pip(program: &str) -> bool {
    numbered(program, "pip")
}

fn is_python(program: &str) -> bool {
    numbered(program, "python")
}

fn pip(words: &[Word], specification: &mut Specification) -> bool {
    // Options may stand before the word, too: `pip --no-cache-dir install`.
    let Some(at) = words.iter().position(|word| !word.shown.starts_with('-')) else { return false };
    if words[at].text.as_deref() != Some("install") {
        return false;
    }
    let mut rest = words[at + 1..].iter();
    while let Some(word) = rest.next() {
        let Some(text) = word.text.as_deref() else {
            specification.problem(word.line, format!("`{}` is not known before the build", word.shown));
            continue;
        };
        if !text.starts_with('-') {
            requirements_txt::take(text, word.line, specification);
            continue;
        }
        let (option, joined) = match text.split_once('=') {
            Some((option, value)) if text.starts_with("--") => (option, Some(value)),
            _ => (text, None),
        };
        let mut value = || match joined {
            Some(value) => Some(value.to_owned()),
            None => rest.next().and_then(|word| word.text.clone()),
        };
        match option {
            "-r" | "--requirement" | "--requirements" | "-c" | "--constraint" => {
                if let Some(path) = value() {
                    let constraint = option.starts_with("-c") || option == "--constraint";
                    specification.includes.push(Include { line: word.line, path, constraint });
                }
            }
            "-e" | "--editable" => {
                if let Some(path) = value() {
                    requirements_txt::editable(&path, word.line, specification);
                }
            }
            "-i" | "--index-url" | "--default-index" => {
                index(value(), IndexUse::First, word.line, specification);
            }
            "--extra-index-url" | "--index" => index(value(), IndexUse::Extra, word.line, specification),
            "-f" | "--find-links" => index(value(), IndexUse::Links, word.line, specification),
            _ if WITH_VALUE.contains(&option) || SHORT_WITH_VALUE.contains(&option) => {
                value();
            }
            // `-rfile`
            _ if !text.starts_with("--") && text.len() > 2 => {
                let (short, path) =
                    text.split_at(text.char_indices().nth(2).map_or(text.len(), |(at, _)| at));
                match short {
                    "-r" | "-c" => specification.includes.push(Include {
                        line: word.line,
                        path: path.to_owned(),
                        constraint: short == "-c",
                    }),
                    "-e" => requirements_txt::editable(path, word.line, specification),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    true
}

fn index(url: Option<String>, use_for: IndexUse, line: usize, specification: &mut Specification) {
    if let Some(url) = url {
        specification.indexes.push(Index { url, use_for, line });
    }
}

fn conda(words: &[Word], specification: &mut Specification) -> bool {
    let mut words =
        words.iter().filter(|word| !matches!(word.text.as_deref(), Some("-y" | "-q" | "--yes" | "--quiet")));
    let first = words.next().and_then(|word| word.text.as_deref()).unwrap_or_default();
    let verb = if first == "env" {
        words.next().and_then(|word| word.text.as_deref()).unwrap_or_default()
    } else {
        first
    };
    if !matches!(verb, "install" | "create" | "update" | "upgrade") {
        return false;
    }
    while let Some(word) = words.next() {
        let Some(text) = word.text.as_deref() else {
            specification.problem(word.line, format!("`{}` is not known before the build", word.shown));
            continue;
        };
        let (option, joined) = match text.split_once('=') {
            Some((option, value)) if text.starts_with("--") => (option, Some(value)),
            _ => (text, None),
        };
        let mut value = || match joined {
            Some(value) => Some(value.to_owned()),
            None => words.next().and_then(|word| word.text.clone()),
        };
        match option {
            "-f" | "--file" => {
                if let Some(path) = value() {
                    specification.includes.push(Include { line: word.line, path, constraint: false });
                }
            }
            "-c" | "--channel" => specification.channels.extend(value()),
            _ if CONDA_WITH_VALUE.contains(&option) => {
                value();
            }
            _ if text.starts_with('-') => {}
            _ => specification.take_conda(text, word.line, &[]),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::specs::Kind;

    fn read(command: &str) -> Option<Specification> {
        let mut specification = Specification::new(Kind::Dockerfile);
        let words: Vec<Word> = shlex::split(command)
            .unwrap()
            .into_iter()
            .map(|text| Word { shown: text.clone(), text: (!text.contains('$')).then_some(text), line: 3 })
            .collect();
        take(&words, &mut specification).then_some(specification)
    }

    #[test]
    fn pip_s() {
        for front in [
            "pip install",
            "pip3.11 --no-cache-dir install",
            "/opt/venv/bin/python3 -m pip install",
            "PIP_X=1 sudo -H pip install",
            "uv pip install --system",
            "conda run --no-capture-output -n base pip install",
        ] {
            let read = read(&format!(
                "{front} -U --no-cache-dir --target /x 'numpy>=1.26,<2' torch==2.1.0+cu118 '$(cat pins)' -r a.txt -rb.txt -c c.txt \
                 --extra-index-url https://h/cu118 -e ./lib --find-links=wheels ."
            ))
            .unwrap_or_else(|| panic!("{front}"));
            let pins: Vec<_> =
                read.pins.iter().map(|pin| (pin.name.as_str(), pin.version.as_deref(), pin.line)).collect();
            assert_eq!(
                pins,
                [("numpy", None, 3), ("torch", Some("2.1.0+cu118"), 3), ("", None, 3), ("", None, 3)],
                "{front}"
            );
            let includes: Vec<_> = read.includes.iter().map(|it| (it.path.as_str(), it.constraint)).collect();
            assert_eq!(includes, [("a.txt", false), ("b.txt", false), ("c.txt", true)]);
            assert_eq!(
                read.indexes.iter().map(|it| it.use_for).collect::<Vec<_>>(),
                [IndexUse::Extra, IndexUse::Links]
            );
            assert_eq!(read.problems.len(), 1);
        }
        for other in
            ["pip download x", "pip", "apt-get install pip", "echo pip install x", "python -m venv x", ""]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn conda_s() {
        let read_conda = read("conda install -y -n base -c pytorch --channel=nvidia pytorch=2.1.0 pytorch-cuda=11.8 python=3.10").unwrap();
        assert_eq!(read_conda.pins[0].normalised, "torch");
        assert_eq!(read_conda.others[0].name, "pytorch-cuda");
        assert_eq!(read_conda.channels, ["pytorch", "nvidia"]);
        assert_eq!(read_conda.python.as_deref(), Some("==3.10.*"));
        let created = read("mamba env create -q -f environment.yml").unwrap();
        assert_eq!(created.includes[0].path, "environment.yml");
        assert_eq!(read("conda clean -afy"), None);
    }
}
