//! Lines of a shell: which programs they start, what they install, which Python files they run.

use super::text::UNKNOWN;
use super::{Installer, Kind};
use crate::project::python::imports::is_dotted;

/// What one command of a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Starts {
        name: String,
        module: bool,
    },
    /// A Python file, as a program or for a launcher.
    Runs {
        path: String,
    },
    Installs {
        installer: Installer,
        requirements: Vec<String>,
        files: Vec<String>,
    },
    /// `python -c "code"`
    Executes {
        code: String,
    },
    /// `NAME=value` before a command, or exported.
    Sets {
        name: String,
        value: String,
    },
}

/// What a line of a shell, or several, does. What stands for a value that is not known is
/// [`UNKNOWN`]; in a cell that is also `{name}` and `$name`.
pub(super) fn deeds(line: &str, kind: Kind) -> Vec<Deed> {
    commands(line, kind).iter().flat_map(|words| of_words(words)).collect()
}

/// The same for a command whose words are already apart.
pub(super) fn of_words(words: &[String]) -> Vec<Deed> {
    let mut found = Vec::new();
    let words = strip_wrappers(words, &mut found);
    let Some((program, rest)) = words.split_first() else { return found };
    let program = program.rsplit('/').next().unwrap_or_default();
    if program.is_empty() || program.contains(UNKNOWN) {
        // `{sys.executable} -m pip install x`
        if rest.first().is_some_and(|word| word == "-m") {
            python(rest, &mut found);
        }
        return found;
    }
    if is_python(program) {
        python(rest, &mut found);
    } else if !install(program, rest, &mut found) {
        found.push(Deed::Starts { name: program.to_owned(), module: false });
        arguments(rest, &mut found);
    }
    found
}

fn is_python(program: &str) -> bool {
    program == "pypy3"
        || program
            .strip_prefix("python")
            .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// `-m pip …`, `-u train.py --epochs 3`
fn python(words: &[String], found: &mut Vec<Deed>) {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-m" => {
                let Some(module) = words.next().filter(|module| is_dotted(module)) else { return };
                let rest = words.as_slice();
                if !install(module, rest, found) {
                    found.push(Deed::Starts { name: module.clone(), module: true });
                    arguments(rest, found);
                }
                return;
            }
            "-c" => {
                if let Some(code) = words.next().filter(|code| !code.contains(UNKNOWN)) {
                    found.push(Deed::Executes { code: code.clone() });
                }
                return;
            }
            "-W" | "-X" => drop(words.next()),
            option if option.starts_with('-') && option.len() > 1 => {}
            script => {
                if is_script(script) {
                    found.push(Deed::Runs { path: script.to_owned() });
                }
                return;
            }
        }
    }
}

fn is_script(word: &str) -> bool {
    word.ends_with(".py") && !word.contains(UNKNOWN) && !word.starts_with('-')
}

/// A launcher's arguments: the first Python file, or the module behind `-m`.
fn arguments(words: &[String], found: &mut Vec<Deed>) {
    for (index, word) in words.iter().enumerate() {
        if is_script(word) {
            found.push(Deed::Runs { path: word.clone() });
            return;
        }
        if (word == "-m" || word == "--module")
            && let Some(module) = words.get(index + 1).filter(|module| is_dotted(module))
        {
            found.push(Deed::Starts { name: module.clone(), module: true });
            return;
        }
    }
}

/// Options of installers that take a value.
const WITH_VALUE: [&str; 34] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "--index",
    "--default-index",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "-p",
    "--python",
    "-c",
    "--constraint",
    "--channel",
    "--root",
    "--proxy",
    "--trusted-host",
    "--timeout",
    "--retries",
    "--cache-dir",
    "--log",
    "--src",
    "--progress-bar",
    "--no-binary",
    "--only-binary",
    "--config-settings",
    "--global-option",
    "--install-option",
    "-n",
    "--name",
    "--group",
    "-G",
    "--extra",
];

/// Whether the program installs; if so, what.
fn install(program: &str, words: &[String], found: &mut Vec<Deed>) -> bool {
    let is = |index: usize, names: &[&str]| words.get(index).is_some_and(|word| names.contains(&&**word));
    let pip =
        program.strip_prefix("pip").is_some_and(|it| it.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let (installer, skipped) = match program {
        _ if pip && is(0, &["install"]) => (Installer::Pip, 1),
        _ if pip => return true,
        "uv" if is(0, &["pip"]) && is(1, &["install"]) => (Installer::Pip, 2),
        "uv" | "poetry" | "pdm" | "pipenv" if is(0, &["add", "install"]) => (Installer::Pip, 1),
        "conda" | "mamba" | "micromamba" if is(0, &["install", "create"]) => (Installer::Conda, 1),
        "pixi" if is(0, &["add"]) => (Installer::Conda, 1),
        "apt" | "apt-get" | "yum" | "dnf" | "microdnf" | "brew" | "zypper" => {
            let Some(at) = words.iter().position(|word| word == "install") else { return true };
            (Installer::System, at + 1)
        }
        "apk" if is(0, &["add"]) => (Installer::System, 1),
        _ => return false,
    };
    let (mut requirements, mut files) = (Vec::new(), Vec::new());
    let mut words = words[skipped..].iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-r" | "--requirement" | "--requirements" | "--file" => files.extend(words.next().cloned()),
            "-e" | "--editable" => {
                let remote = words.next().filter(|it| it.contains("://"));
                requirements.extend(remote.cloned());
            }
            "-p" | "-c" | "-n" if installer == Installer::System => {}
            option if WITH_VALUE.contains(&option) => drop(words.next()),
            option if option.starts_with('-') => {
                files.extend(option.strip_prefix("--requirement=").map(str::to_owned));
            }
            word if word.contains(UNKNOWN) => {}
            // A folder or a file.
            word if (word.starts_with(['.', '/', '~']) || word.contains('\\')) && !word.contains("://") => {}
            word => requirements.push(word.to_owned()),
        }
    }
    if !requirements.is_empty() || !files.is_empty() {
        found.push(Deed::Installs { installer, requirements, files });
    }
    true
}

/// Takes away what stands before a command: `sudo`, `env`, `NAME=value`.
fn strip_wrappers<'a>(mut words: &'a [String], found: &mut Vec<Deed>) -> &'a [String] {
    while let Some((first, rest)) = words.split_first() {
        let assigned = first.split_once('=').filter(|(name, _)| is_variable(name));
        if let Some((name, value)) = assigned {
            found.push(Deed::Sets { name: name.to_owned(), value: value.to_owned() });
            words = rest;
            continue;
        }
        if !matches!(
            first.as_str(),
            "sudo"
                | "env"
                | "export"
                | "time"
                | "nohup"
                | "exec"
                | "command"
                | "xvfb-run"
                | "then"
                | "do"
                | "else"
        ) {
            break;
        }
        words = rest;
        while words.first().is_some_and(|word| word.starts_with('-')) {
            words = &words[1..];
        }
    }
    words
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Cuts lines of a shell into commands and these into words.
fn commands(line: &str, kind: Kind) -> Vec<Vec<String>> {
    let mut cut = Cut { done: Vec::new(), words: Vec::new(), word: None, skip_word: false };
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = cut.word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = cut.word.get_or_insert_default();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some('\r') => drop(chars.next_if_eq(&'\n')),
                Some(c) => cut.word.get_or_insert_default().push(c),
            },
            '{' if kind == Kind::Cell => {
                chars.by_ref().find(|c| matches!(c, '}' | '\n'));
                cut.word.get_or_insert_default().push(UNKNOWN);
            }
            '$' => {
                match chars.peek() {
                    Some('{') => drop(chars.by_ref().find(|c| matches!(c, '}' | '\n'))),
                    Some('(') => drop(chars.by_ref().find(|c| matches!(c, ')' | '\n'))),
                    _ => while chars.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {},
                }
                cut.word.get_or_insert_default().push(UNKNOWN);
            }
            '#' if cut.word.is_none() => {
                chars.by_ref().find(|c| *c == '\n');
                cut.end_command();
            }
            '>' | '<' if cut.word.as_ref().is_none_or(|word| word.chars().all(|c| c.is_ascii_digit())) => {
                cut.word = None;
                while chars.next_if(|c| matches!(c, '>' | '<' | '&' | ' ' | '-')).is_some() {}
                cut.skip_word = true;
            }
            ';' | '|' | '&' | '\n' | '(' | ')' => cut.end_command(),
            c if c.is_whitespace() => cut.end_word(),
            c => cut.word.get_or_insert_default().push(c),
        }
    }
    cut.end_command();
    cut.done
}

struct Cut {
    done: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
    /// The next word is a file that is written to or read from.
    skip_word: bool,
}

impl Cut {
    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.skip_word)
        {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.skip_word = false;
        if !self.words.is_empty() {
            self.done.push(std::mem::take(&mut self.words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        deeds(line, Kind::Cell)
            .into_iter()
            .map(|deed| match deed {
                Deed::Starts { name, module: false } => format!("start {name}"),
                Deed::Starts { name, module: true } => format!("start -m {name}"),
                Deed::Runs { path } => format!("run {path}"),
                Deed::Installs { installer, requirements, files } => {
                    format!("{installer:?} {} {}", requirements.join(" "), files.join(" ")).trim().to_owned()
                }
                Deed::Executes { code } => format!("execute {code}"),
                Deed::Sets { name, value } => format!("set {name} {value}"),
            })
            .collect()
    }

    #[test]
    fn programs_and_modules() {
        assert_eq!(shown("ls -la | grep x > out.txt 2>&1"), ["start ls", "start grep"]);
        assert_eq!(shown("torchrun --nproc_per_node=4 train.py --lr 1"), ["start torchrun", "run train.py"]);
        assert_eq!(shown("accelerate launch -m pkg.train"), ["start accelerate", "start -m pkg.train"]);
        assert_eq!(
            shown("CUDA_VISIBLE_DEVICES=0 python -u -m torch.distributed.launch tools/train.py"),
            ["set CUDA_VISIBLE_DEVICES 0", "start -m torch.distributed.launch", "run tools/train.py"]
        );
        assert_eq!(
            shown("cd x && sudo -E python3.11 a.py; echo $HOME"),
            ["start cd", "run a.py", "start echo"]
        );
        assert_eq!(shown("python -c 'import rich'"), ["execute import rich"]);
        assert_eq!(shown("$PROGRAM x"), [] as [&str; 0]);
    }

    #[test]
    fn installations() {
        assert_eq!(shown("pip install -q torch==2.5 'numpy<2' \"rich\""), ["Pip torch==2.5 numpy<2 rich"]);
        assert_eq!(
            shown(
                "{sys.executable} -m pip install -U x -r requirements.txt --index-url https://h/simple . ./y"
            ),
            ["Pip x requirements.txt"]
        );
        assert_eq!(shown("pip install git+https://h/x.git@v1#egg=x"), ["Pip git+https://h/x.git@v1#egg=x"]);
        assert_eq!(shown("pip install -e . -e git+https://h/y.git"), ["Pip git+https://h/y.git"]);
        assert_eq!(shown("uv pip install a && poetry add b"), ["Pip a", "Pip b"]);
        assert_eq!(shown("conda install -y -c pytorch pytorch=2"), ["Conda pytorch=2"]);
        assert_eq!(shown("apt-get -qq install -y ffmpeg > /dev/null"), ["System ffmpeg"]);
        assert_eq!(shown("pip install {name} ; pip list"), [] as [&str; 0]);
        assert_eq!(shown("pip install \\\n  a \\\n  b # c"), ["Pip a b"]);
    }
}
