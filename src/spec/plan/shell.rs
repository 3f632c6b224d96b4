//! A plan as the POSIX shell that does the same: what `--dry-run` prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Action, IfThere, Logs, Plan, Ready, Step, When, docker_line};
use crate::spec::container::EnvValue;
use crate::spec::secret::{BuildSecret, SecretSource};

/// The whole plan, to be piped into `sh`.
pub fn script(plan: &Plan) -> String {
    let Plan { version: _, title, steps, notes } = plan;
    let mut text = format!("# {title}\n");
    for note in notes {
        for line in note.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    text.push_str("set -u\nstatus=0\n");
    for Step { why, when, action } in steps {
        let _ = write!(text, "\n# {}\n", why.replace('\n', " "));
        let body = lines(action);
        match when {
            When::Always => text.push_str(&body),
            When::InTurn if matches!(action, Action::MakeSecret { .. }) => text.push_str(&body),
            When::InTurn if is_run(action) => {
                let _ = write!(text, "if [ $status = 0 ]; then\n{body}fi\n");
            }
            When::InTurn => {
                let _ = write!(text, "if [ $status = 0 ]; then (\nset -e\n{body}) || status=1; fi\n");
            }
        }
    }
    text.push_str("\nexit $status\n");
    text
}

fn is_run(action: &Action) -> bool {
    matches!(action, Action::RunContainer { .. } | Action::RunProcess { .. })
}

/// One word as the shell must see it.
pub fn word(text: &str) -> String {
    // NUL is the one character that quoting cannot carry; no argument can hold it either.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), |quoted| quoted.into_owned())
}

/// Words as one line.
pub fn line<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|text| word(text.as_ref())).collect::<Vec<_>>().join(" ")
}

fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

fn parent(path: &Path) -> String {
    word(&path.parent().unwrap_or(Path::new("/")).to_string_lossy())
}

fn lines(action: &Action) -> String {
    match action {
        Action::MakeDirectory { path: dir } => format!("mkdir -p {}\n", path(dir)),
        Action::WriteFile { path: file, content, executable, if_there } => {
            write_file(file, content, *executable, *if_there)
        }
        Action::Symlink { link, target } => {
            format!("mkdir -p {0}\n[ -L {1} ] || ln -s {2} {1}\n", parent(link), path(link), path(target))
        }
        Action::Remove { path: gone } => format!("rm -rf {}\n", path(gone)),
        Action::Rename { from, to } => format!("mkdir -p {}\nmv {} {}\n", parent(to), path(from), path(to)),
        Action::KeepBundle { source, manifest, digest: _, into } => {
            let mut text = format!("if ! [ -d {0} ]; then\nmkdir -p {0}.new\n", path(into));
            let _ = writeln!(
                text,
                "tar -C {} --dereference --no-recursion --verbatim-files-from -cf - -T - <<'SCAF_END' | tar -C {}.new -xf -",
                path(source),
                path(into)
            );
            for entry in &manifest.entries {
                let _ = writeln!(text, "./{}", entry.path);
            }
            let _ = writeln!(text, "SCAF_END\nmv {0}.new {0}\nfi", path(into));
            text
        }
        Action::CopyTree { from, to } => {
            format!("mkdir -p {1}\ncp -R {0}/. {1}/\nchmod -R u+w {1}\n", path(from), path(to))
        }
        Action::Command { argv, cwd, env } => {
            let cd = cwd.as_ref().map(|dir| format!("cd {} && ", path(dir))).unwrap_or_default();
            format!("{cd}{}{} >&2\n", env_prefix(env, &[]), line(argv))
        }
        Action::MakeVenv { path: venv, python, requirements, more, uv } => {
            make_venv(venv, python, requirements, more, uv.as_deref())
        }
        Action::MakeSecret { name } => {
            format!("{name}=${{{name}:-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \\n')}}\nexport {name}\n")
        }
        Action::BuildImage { engine, build } => {
            let words = line(&docker_line::build(engine.client(), build));
            // Made already is fine, unless it is to be made anew.
            let inspect = if build.no_cache || build.pull {
                String::new()
            } else {
                format!("{} image inspect {} >/dev/null 2>&1 || ", engine.client(), word(&build.tag))
            };
            let made = made_secrets(&build.secrets);
            match &build.text {
                Some(text) => {
                    format!("{made}{inspect}{words} >&2 <<'SCAF_END'\n{}SCAF_END\n", newline(text))
                }
                None => format!("{made}{inspect}{words} >&2\n"),
            }
        }
        Action::RunContainer { engine, container, logs, ready } => logged(
            &line(&docker_line::run(engine.client(), container)),
            logs.as_ref(),
            ready.as_ref(),
            container.tty,
        ),
        Action::RunProcess { argv, cwd, env, unset, stdin, logs, ready } => {
            let input = if *stdin { "" } else { " </dev/null" };
            let words = format!("(cd {} && {}{}){input}", path(cwd), env_prefix(env, unset), line(argv));
            logged(&words, logs.as_ref(), ready.as_ref(), false)
        }
        Action::Tidy { scratch, copy, bundle } => tidy(scratch, copy.as_deref(), bundle.as_deref()),
    }
}

/// The file that says that a virtual environment is complete.
pub const VENV_COMPLETE: &str = ".scaf-complete";

/// The command lines that make a virtual environment, the same in the shell and when executed.
pub fn venv_commands(
    venv: &Path,
    python: &Path,
    requirements: &[PathBuf],
    more: &[String],
    uv: Option<&Path>,
) -> Vec<Vec<String>> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (mut make, mut install) = match uv {
        Some(uv) => (
            vec![text(uv), "venv".into(), "--quiet".into(), "--python".into(), text(python)],
            vec![text(uv), "pip".into(), "install".into(), "--python".into(), text(&venv.join("bin/python"))],
        ),
        None => (
            vec![text(python), "-m".into(), "venv".into()],
            vec![
                text(&venv.join("bin/python")),
                "-m".into(),
                "pip".into(),
                "install".into(),
                "--no-input".into(),
            ],
        ),
    };
    make.push(text(venv));
    for file in requirements {
        install.push("-r".into());
        install.push(text(file));
    }
    install.extend(more.iter().cloned());
    if requirements.is_empty() && more.is_empty() { vec![make] } else { vec![make, install] }
}

fn make_venv(
    venv: &Path,
    python: &Path,
    requirements: &[PathBuf],
    more: &[String],
    uv: Option<&Path>,
) -> String {
    let marker = path(&venv.join(VENV_COMPLETE));
    let mut text =
        format!("if ! [ -f {marker} ]; then\nrm -rf {0}\nmkdir -p {1}\n", path(venv), parent(venv));
    for command in venv_commands(venv, python, requirements, more, uv) {
        let _ = writeln!(text, "{} >&2", line(&command));
    }
    let _ = write!(text, ": > {marker}\nfi\n");
    text
}

/// Secrets that are made for the build, each in a variable that ends with the step.
fn made_secrets(secrets: &[BuildSecret]) -> String {
    let mut text = String::new();
    for BuildSecret { id, source, target: _, env: _ } in secrets {
        if let SecretSource::Recipe(recipe) = source {
            let name = docker_line::secret_variable(id);
            let _ = writeln!(text, "{name}=$({}\n)\nexport {name}", recipe.shell());
        }
    }
    text
}

fn newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

fn write_file(file: &Path, content: &str, executable: bool, if_there: IfThere) -> String {
    let mut text = format!("mkdir -p {}\n", parent(file));
    match if_there {
        IfThere::Refuse => {
            let _ = writeln!(text, "[ ! -e {0} ] || {{ echo {0}: already there >&2; exit 1; }}", path(file));
        }
        IfThere::Keep => {
            let _ = writeln!(text, "if [ ! -e {} ]; then", path(file));
        }
        IfThere::Replace => {}
    }
    if content.is_empty() {
        let _ = writeln!(text, ": > {}", path(file));
    } else if content.ends_with('\n') {
        let _ = write!(text, "cat > {} <<'SCAF_END'\n{content}SCAF_END\n", path(file));
    } else {
        let _ = writeln!(text, "printf %s {} > {}", word(content), path(file));
    }
    if executable {
        let _ = writeln!(text, "chmod +x {}", path(file));
    }
    if if_there == IfThere::Keep {
        text.push_str("fi\n");
    }
    text
}

fn env_prefix(env: &BTreeMap<String, EnvValue>, unset: &[String]) -> String {
    let mut words = Vec::new();
    for name in unset {
        words.push(format!("-u {}", word(name)));
    }
    for (name, value) in env {
        match value {
            EnvValue::Plain(value) => words.push(word(&format!("{name}={value}"))),
            EnvValue::FromHost => words.push(format!("{name}=\"${name}\"")),
            EnvValue::Prefix(value) => words.push(format!("{name}={}:\"${name}\"", word(value))),
        }
    }
    if words.is_empty() { String::new() } else { format!("env {} ", words.join(" ")) }
}

/// The command with its two streams shown and kept, and its own exit status in `$status`.
fn logged(command: &str, logs: Option<&Logs>, ready: Option<&Ready>, tty: bool) -> String {
    let mut text = String::new();
    if let Some(Ready { url, message, token_env: _ }) = ready {
        let _ = writeln!(
            text,
            "( until curl -s -o /dev/null {}; do sleep 0.2; done; echo {} >&2 ) &",
            word(url),
            word(message)
        );
    }
    match logs {
        Some(Logs { stdout, stderr: Some(stderr) }) if !tty => {
            // Standard output and standard error each through a tee of its own: 3 carries the first
            // past the second's pipe, 4 is the real standard output, 5 takes the exit status out.
            let _ = writeln!(
                text,
                "status=$( {{ {{ {{ {{ {command}; echo $? >&5; }} 2>&1 >&3 3>&- 4>&- | tee {} >&2; }} 3>&1 | tee {} >&4; }} 5>&1 1>&4; }} 4>&6 )",
                path(stderr),
                path(stdout)
            );
            format!("exec 6>&1\n{text}")
        }
        Some(_) | None => {
            let _ = writeln!(text, "{command}\nstatus=$?");
            text
        }
    }
}

fn tidy(scratch: &Path, copy: Option<&Path>, bundle: Option<&Path>) -> String {
    let mut text = String::new();
    if let (Some(copy), Some(bundle)) = (copy, bundle) {
        let _ = writeln!(
            text,
            "(cd {1} && find . -type f) | while IFS= read -r f; do cmp -s {1}/\"$f\" {0}/\"$f\" && rm -f {0}/\"$f\"; done",
            path(copy),
            path(bundle)
        );
    }
    let _ = writeln!(text, "find {} -depth -type d -empty -delete 2>/dev/null || :", path(scratch));
    text
}
