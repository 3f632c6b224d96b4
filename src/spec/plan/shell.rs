//! A plan as the POSIX shell that does the same: what `--dry-run` prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Action, IfThere, Logs, NOISE, Plan, Ready, Step, When, docker_line};
use crate::spec::bundle::Manifest;
use crate::spec::container::EnvValue;
use crate::spec::secret::{BuildSecret, SecretSource};
use crate::spec::ticket::Supervisor;
use crate::spec::wheel::{Content, Entry, Wheel};

/// The whole plan, to be piped into `sh`. What it does not do stands in `docs/reference/dry_run.md`.
pub fn script(plan: &Plan) -> String {
    let Plan { version: _, title, steps, notes } = plan;
    let mut text = format!("# {title}\n");
    for note in notes {
        for line in note.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    if steps.is_empty() {
        text.push_str("# nothing is to be done\n");
        return text;
    }
    // In braces: the shell reads all of it before it begins, so that a run which reads standard input
    // cannot swallow the rest of a script that comes that way.
    text.push_str("{\nset -u\nstatus=0\n");
    let mut steps = steps.as_slice();
    while let Some(Step { why, when, action }) = steps.first() {
        let _ = write!(text, "\n# {}\n", why.replace('\n', " "));
        // What is done for one reason, in one go.
        let count = if is_deed(action, *when) {
            steps.iter().take_while(|next| next.why == *why && is_deed(&next.action, next.when)).count()
        } else {
            1
        };
        let (now, rest) = steps.split_at(count);
        steps = rest;
        let body = bodies(now);
        match when {
            // Of several runs the first that failed gives the status.
            When::Always if is_run(action) => {
                let _ = write!(text, "kept=$status\n{body}[ $kept = 0 ] || status=$kept\n");
            }
            When::Always => text.push_str(&body),
            When::InTurn if matches!(action, Action::MakeSecret { .. }) => text.push_str(&body),
            When::InTurn if is_run(action) => {
                let _ = write!(text, "if [ $status = 0 ]; then\n{body}fi\n");
            }
            When::InTurn => {
                // Not `( … ) || status=1`: there a shell does not heed `set -e`.
                let _ =
                    write!(text, "if [ $status = 0 ]; then (\nset -e\n{body})\n[ $? = 0 ] || status=1\nfi\n");
            }
        }
    }
    text.push_str("\nexit $status\n}\n");
    text
}

/// A step that ends with done or failed, and leaves nothing for later ones but files and images.
fn is_deed(action: &Action, when: When) -> bool {
    when == When::InTurn && !is_run(action) && !matches!(action, Action::MakeSecret { .. })
}

/// The lines of these steps; folders that are made one after another stand on one line.
fn bodies(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut folders = Vec::new();
    for Step { why: _, when: _, action } in steps {
        if let Action::MakeDirectory { path: folder } = action {
            folders.push(path(folder));
            continue;
        }
        text.push_str(&make_folders(&mut folders));
        text.push_str(&lines(action));
    }
    text.push_str(&make_folders(&mut folders));
    text
}

fn make_folders(folders: &mut Vec<String>) -> String {
    if folders.is_empty() {
        return String::new();
    }
    let line = format!("mkdir -p {}\n", folders.join(" \\\n  "));
    folders.clear();
    line
}

fn is_run(action: &Action) -> bool {
    matches!(action, Action::RunContainer { .. } | Action::RunProcess { .. })
}

/// One word as the shell must see it.
pub fn word(text: &str) -> String {
    // NUL is the one character that quoting cannot carry; no argument can hold it either.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
}

/// Words as one line.
pub fn line<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|text| word(text.as_ref())).collect::<Vec<_>>().join(" ")
}

fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    // A name that looks like an option is none after `./`.
    if text.starts_with('-') { word(&format!("./{text}")) } else { word(&text) }
}

fn parent(file: &Path) -> String {
    match file.parent() {
        Some(folder) if folder != Path::new("") => path(folder),
        _ => ".".to_owned(),
    }
}

/// Stops when there is something already.
fn refuse(file: &Path) -> String {
    let word = path(file);
    format!("if [ -e {word} ] || [ -L {word} ]; then echo {word}': already there' >&2; exit 1; fi\n")
}

/// The text between a line that begins a here-document and the line that ends it.
fn here(text: &str) -> (String, String) {
    let mut end = "SCAF_END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    (format!("<<'{end}'"), format!("{}{end}\n", newline(text)))
}

fn lines(action: &Action) -> String {
    match action {
        Action::MakeDirectory { path: dir } => format!("mkdir -p {}\n", path(dir)),
        Action::WriteFile { path: file, content, executable, if_there } => {
            write_file(file, content, *executable, *if_there)
        }
        Action::Symlink { link, target } => {
            let target = target.to_string_lossy();
            let option = if target.starts_with('-') { "-- " } else { "" };
            format!(
                "mkdir -p {folder}\nif [ -e {link} ] || [ -L {link} ]; then\n[ \"$(readlink {link})\" = {target} ]\nelse\nln -s {option}{target} {link}\nfi\n",
                folder = parent(link),
                link = path(link),
                target = word(&target)
            )
        }
        Action::Remove { path: gone } => format!("rm -rf {}\n", path(gone)),
        Action::RemoveWhole { path: gone, aside } => format!(
            "rm -rf {aside}\nif [ -e {gone} ] || [ -L {gone} ]; then mv {gone} {aside}; fi\nrm -rf {aside}\n",
            gone = path(gone),
            aside = path(aside)
        ),
        Action::Unlink { path: link } => format!("[ ! -L {0} ] || rm -f {0}\n", path(link)),
        Action::Rename { from, to } => {
            let (folder, refuse, from, to) = (parent(to), refuse(to), path(from), path(to));
            format!("ls -d {from} >/dev/null\nmkdir -p {folder}\n{refuse}mv {from} {to}\n")
        }
        Action::KeepBundle { source, manifest, digest: _, into } => keep_bundle(source, manifest, into),
        Action::WriteWheel { path: file, wheel, sha256: _ } => write_wheel(file, wheel),
        Action::CopyFile { from, to, if_there } => copy_file(from, to, *if_there),
        Action::CopyTree { from, to } => format!(
            "mkdir -p {folder}\n[ ! -d {to} ] || rmdir {to}\nmkdir {to}\ncp -R {from}/. {to}/\nchmod -R u+w {to}\n",
            folder = parent(to),
            from = path(from),
            to = path(to)
        ),
        Action::Command { argv, cwd, env } => {
            let cd = cwd.as_ref().map(|dir| format!("cd {} && ", path(dir))).unwrap_or_default();
            format!("{cd}{}{} >&2\n", env_prefix(env, &[]), line(argv))
        }
        Action::MakeVenv { path, python, requirements, whole, more, uv } => {
            make_venv(&Venv { path, python, requirements, whole: *whole, more, uv: uv.as_deref() })
        }
        Action::MakeSecret { name } => {
            format!("{name}=${{{name}:-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \\n')}}\nexport {name}\n")
        }
        Action::BuildImage { engine, build } => {
            let words = line(&docker_line::build(engine.client(), build));
            let made = made_secrets(&build.secrets);
            match build.text_for_client() {
                Some(text) => {
                    let (begin, body) = here(text);
                    format!("{made}{words} >&2 {begin}\n{body}")
                }
                None => format!("{made}{words} >&2\n"),
            }
        }
        Action::RunContainer { engine, container, logs, ready } => logged(
            &line(&docker_line::run(engine.client(), container)),
            logs.as_ref(),
            ready.as_ref(),
            container.tty,
        ),
        Action::RunProcess { argv, cwd, env, unset, stdin, tty, logs, ready } => {
            let input = if *stdin { "" } else { " </dev/null" };
            let words = format!("(cd {} && {}{}){input}", path(cwd), env_prefix(env, unset), line(argv));
            logged(&words, logs.as_ref(), ready.as_ref(), *tty)
        }
        Action::Detach { plan, folder, talk } => detach(plan, folder, talk),
        Action::StopContainer { engine, container, grace } => {
            where_there(engine.client(), "container", container, &format!("stop --time {grace}"))
        }
        Action::RemoveContainer { engine, container } => {
            where_there(engine.client(), "container", container, "rm --force --volumes")
        }
        Action::RemoveImage { engine, image } => where_there(engine.client(), "image", image, "image rm"),
        Action::StopProcess { process, group, grace } => stop_process(process, *group, *grace),
        Action::Tidy { scratch, copy, bundle } => tidy(scratch, copy.as_deref(), bundle.as_deref()),
    }
}

/// A deed on something of an engine's, where it is there.
fn where_there(client: &str, kind: &str, name: &str, deed: &str) -> String {
    let name = word(name);
    format!("if {client} {kind} inspect {name} >/dev/null 2>&1; then {client} {deed} {name} >&2; fi\n")
}

/// A process that is gone, or whose number is another's by now, is left alone.
fn stop_process(process: &Supervisor, group: bool, grace: u32) -> String {
    // A process that has ended and was not waited for is gone, too: state Z. The name before it, in
    // parentheses, may hold anything.
    let Supervisor { pid: id, started, boot: _ } = process;
    let lives = format!(
        "[ \"$(sed -n 's/.*) //; /^[^ZX]/p' /proc/{id}/stat 2>/dev/null | cut -d' ' -f20)\" = {started} ]"
    );
    let target = if group { format!("-- -{id}") } else { id.to_string() };
    // Of a group anybody may be left; field 5 tells whose it is.
    let left = if group {
        format!("[ -n \"$(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/.*) //; /^[^ZX] [0-9]* {id} /p')\" ]")
    } else {
        lives.clone()
    };
    format!(
        "if {lives}; then\nkill -s TERM {target} || :\nleft={}\n\
         while {left} && [ $left -gt 0 ]; do sleep 0.1; left=$((left - 1)); done\n\
         if {left}; then kill -s KILL {target} || :; fi\nfi\n",
        u64::from(grace) * 10
    )
}

/// The file that says that a virtual environment is complete.
pub const VENV_COMPLETE: &str = ".scaf-complete";

/// A virtual environment that is wanted: the fields of `Action::MakeVenv`.
#[derive(Clone, Copy, Debug)]
pub struct Venv<'a> {
    pub path: &'a Path,
    pub python: &'a Path,
    pub requirements: &'a [PathBuf],
    pub whole: bool,
    pub more: &'a [String],
    pub uv: Option<&'a Path>,
}

/// One of the commands that make it.
#[derive(Clone, Debug)]
pub struct VenvCommand<'a> {
    pub argv: Vec<String>,
    /// Its working directory; else the folder above the environment.
    pub folder: Option<&'a Path>,
}

/// The command lines that make a virtual environment, the same in the shell and when executed.
pub fn venv_commands<'a>(wanted: &Venv<'a>) -> Vec<VenvCommand<'a>> {
    let Venv { path: venv, python, requirements, whole, more, uv } = *wanted;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (mut make, install) = match uv {
        Some(uv) => (
            vec![text(uv), "venv".into(), "--quiet".into(), "--python".into(), text(python)],
            vec![text(uv), "pip".into(), "install".into(), "--python".into(), text(&venv.join("bin/python"))],
        ),
        None => (
            // Isolated: a `logging.py` that lies around must not stand in for the standard library's.
            vec![text(python), "-I".into(), "-m".into(), "venv".into()],
            vec![
                text(&venv.join("bin/python")),
                "-I".into(),
                "-m".into(),
                "pip".into(),
                "install".into(),
                "--no-input".into(),
            ],
        ),
    };
    make.push(text(venv));
    let mut commands = vec![VenvCommand { argv: make, folder: None }];
    // A wheel that requirements name is looked for in the folder that the installer is started in (pip to 25, uv to 0.13).
    let folder = requirements.first().and_then(|file| file.parent());
    let mut files: Vec<String> = requirements.iter().flat_map(|file| ["-r".to_owned(), text(file)]).collect();
    if whole && !files.is_empty() {
        files.push("--no-deps".to_owned());
    }
    let parts: Vec<Vec<String>> = if uv.is_some() && !whole {
        vec![[files, more.to_vec()].concat()]
    } else {
        // Beside a file with hashes pip (23.2) takes nothing that has none.
        vec![files, more.to_vec()]
    };
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let argv = install.iter().cloned().chain(part).collect();
        commands.push(VenvCommand { argv, folder });
    }
    commands
}

/// Python writes the same bytes: of a zip archive whose files are not compressed there is only one form.
fn write_wheel(file: &Path, wheel: &Wheel) -> String {
    // A text in JSON is one in Python, too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = String::from("import zipfile\nfiles = [\n");
    for Entry { path, executable, content, sum: _ } in &wheel.entries {
        let content = match content {
            Content::Text(text) => format!("{}.encode()", quoted(text)),
            Content::File(file) => format!("open({}, \"rb\").read()", quoted(&file.to_string_lossy())),
        };
        let mode = if *executable { "0o755" } else { "0o644" };
        let _ = writeln!(text, "    ({}, {mode}, {content}),", quoted(path));
    }
    let _ = write!(
        text,
        "]\nwith zipfile.ZipFile({}, \"w\") as wheel:\n    for name, mode, content in files:\n        \
         entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))\n        entry.create_system = 3\n        \
         entry.external_attr = (0o100000 | mode) << 16\n        wheel.writestr(entry, content)\n",
        quoted(&file.to_string_lossy())
    );
    let (begin, body) = here(&text);
    format!("mkdir -p {}\npython3 -I - {begin}\n{body}", parent(file))
}

fn make_venv(wanted: &Venv<'_>) -> String {
    let venv = wanted.path;
    let marker = path(&venv.join(VENV_COMPLETE));
    // The Python that it leads to may have been taken off the machine since.
    let mut text = format!(
        "if ! [ -f {marker} ] || ! [ -x {2} ]; then\nrm -rf {0}\nmkdir -p {1}\n",
        path(venv),
        parent(venv),
        path(&venv.join("bin/python"))
    );
    for VenvCommand { argv, folder } in venv_commands(wanted) {
        let folder = folder.map_or_else(|| parent(venv), path);
        let _ = writeln!(text, "(cd {folder} && {}) >&2", line(&argv));
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

/// The other plan's script, kept in the run's folder and started in a session of its own.
fn detach(plan: &Plan, folder: &Path, talk: &Path) -> String {
    let file = path(&folder.join("job.sh"));
    format!(
        "mkdir -p {}\ncat > {file} <<'SCAF_JOB'\n{}SCAF_JOB\nsetsid -f sh {file} </dev/null >>{} 2>&1\n",
        path(folder),
        script(plan),
        path(talk),
    )
}

fn newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

fn write_file(file: &Path, content: &str, executable: bool, if_there: IfThere) -> String {
    let mut text = String::new();
    if content.is_empty() {
        let _ = writeln!(text, ": > {}", path(file));
    } else if content.ends_with('\n') {
        let (begin, body) = here(content);
        let _ = write!(text, "cat > {} {begin}\n{body}", path(file));
    } else {
        let _ = writeln!(text, "printf %s {} > {}", word(content), path(file));
    }
    if executable {
        let _ = writeln!(text, "chmod +x {}", path(file));
    }
    unless_there(file, if_there, &text)
}

/// By way of `cat`, since `cp` takes the whole mode along.
fn copy_file(from: &Path, to: &Path, if_there: IfThere) -> String {
    let (from, place) = (path(from), path(to));
    unless_there(to, if_there, &format!("cat {from} > {place}\n[ ! -x {from} ] || chmod +x {place}\n"))
}

/// The lines that make a file, with what is to be done when there is one.
fn unless_there(file: &Path, if_there: IfThere, lines: &str) -> String {
    let folder = format!("mkdir -p {}\n", parent(file));
    match if_there {
        IfThere::Refuse => format!("{folder}{}{lines}", refuse(file)),
        IfThere::Keep => format!("{folder}if ! [ -e {0} ] && ! [ -L {0} ]; then\n{lines}fi\n", path(file)),
        IfThere::Replace => format!("{folder}{lines}"),
    }
}

/// The files by name, with a NUL after each since a name may hold a newline; by way of an archive,
/// since a pipe would hide the first tar's failure. The manifest's digests are not looked at here.
fn keep_bundle(source: &Path, manifest: &Manifest, into: &Path) -> String {
    let beside = |end: &str| {
        let mut name = into.as_os_str().to_owned();
        name.push(end);
        path(Path::new(&name))
    };
    let (into, new, archive) = (path(into), beside(".new"), beside(".tar"));
    let mut text = format!("if ! [ -d {into} ]; then\nrm -rf {new}\nmkdir -p {new}\nprintf '%s\\0'");
    for entry in &manifest.entries {
        let _ = write!(text, " \\\n{}", word(&format!("./{}", entry.path)));
    }
    let _ = write!(
        text,
        " |\ntar -C {source} --dereference --hard-dereference --no-recursion --null -T - -cf {archive}\n\
         tar -C {new} --no-same-owner --touch -xf {archive}\n\
         rm {archive}\n\
         find {new} -type f -perm /111 -exec chmod 555 {{}} +\n\
         find {new} -type f ! -perm /111 -exec chmod 444 {{}} +\n\
         mv {new} {into}\nfi\n",
        source = path(source)
    );
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
            // One that is not set is not passed on.
            EnvValue::FromHost => words.push(format!("${{{name}+\"{name}=${name}\"}}")),
            EnvValue::Prefix(value) => words.push(format!("{name}={}\"${{{name}:+:${name}}}\"", word(value))),
            EnvValue::FromFile { path: file, nth: _ } => words.push(format!(
                "{name}=\"$(if grep -q '^[[:blank:]]*{name}=' {file}; \
                 then sed -n 's/^[[:blank:]]*{name}=//p' {file} | tail -n 1; else printf %s \"${{{name}-}}\"; fi)\"",
                file = path(file)
            )),
        }
    }
    if words.is_empty() { String::new() } else { format!("env {} ", words.join(" ")) }
}

/// The command with its two streams shown and kept, and its own exit status in `$status`.
fn logged(command: &str, logs: Option<&Logs>, ready: Option<&Ready>, tty: bool) -> String {
    let mut text = String::new();
    if let Some(Ready { url, message, token_env }) = ready {
        let mut said = word(message);
        let mut asks = format!("curl -s -f -o /dev/null {}", word(url));
        if let Some(name) = token_env {
            // The quotes end before the variable and begin again behind it.
            let parts: Vec<String> = message.split("{token}").map(word).collect();
            said = parts.join(&format!("\"${name}\""));
            // Through the pipe, where no list of processes shows it.
            asks = format!("printf 'Authorization: token %s\\n' \"${name}\" | {asks} -H @-");
        }
        let _ = writeln!(text, "( until {asks}; do sleep 0.2; done; printf '%s\\n' {said} >&2 ) &\nready=$!");
    }
    match logs {
        Some(Logs { stdout, stderr: Some(stderr) }) if !tty => {
            // Each stream through a `tee` of its own. 3 leads to the one of standard error, past the pipe of
            // standard output; 5 takes the exit status out; 6 and 7 are the real streams. The command
            // itself sees none of them.
            let _ = write!(
                text,
                "{{ status=$(\n\
                 {{ {{ {{ {{\n{command} 3>&- 5>&- 6>&- 7>&-\necho $? >&5\n\
                 }} 2>&3 | tee {} >&6 3>&- 5>&- 7>&-\n\
                 }} 3>&1 | tee {} >&7 5>&- 6>&-\n\
                 }} 5>&1\n\
                 }}\n) ; }} 6>&1 7>&2\n",
                path(stdout),
                path(stderr)
            );
        }
        Some(_) | None => {
            let _ = writeln!(text, "{command}\nstatus=$?");
        }
    }
    if ready.is_some() {
        text.push_str("kill \"$ready\" 2>/dev/null || :\n");
    }
    text
}

fn tidy(scratch: &Path, copy: Option<&Path>, bundle: Option<&Path>) -> String {
    let mut text = String::new();
    if let (Some(copy), Some(bundle)) = (copy, bundle) {
        let _ = writeln!(
            text,
            "[ ! -d {copy} ] || find {copy} -type f -exec sh -c 'copy=$1 bundle=$2; shift 2; for file do other=$bundle/${{file#\"$copy\"/}}; [ ! -L \"$other\" ] && cmp -s \"$file\" \"$other\" && rm -f \"$file\"; done' sh {copy} {bundle} {{}} + || :",
            copy = path(copy),
            bundle = path(bundle)
        );
    }
    let elsewhere = copy.filter(|copy| !copy.starts_with(scratch));
    for folder in std::iter::once(scratch).chain(elsewhere) {
        let names = NOISE.map(|name| format!("-name {name}")).join(" -o ");
        let _ = write!(
            text,
            "if [ -d {folder} ] && [ ! -L {folder} ]; then\n\
             find {folder} -mindepth 1 -type d \\( {names} \\) -prune -exec rm -rf {{}} + || :\n\
             find {folder} -depth -type d -empty -delete || :\n\
             [ ! -d {folder} ] || find {folder} ! -type d >&2\nfi\n",
            folder = path(folder)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_here_document_ends_where_its_text_ends() {
        let (begin, body) = here("a\nSCAF_END\nSCAF_END_\nb\n");
        assert_eq!(begin, "<<'SCAF_END__'");
        assert_eq!(body, "a\nSCAF_END\nSCAF_END_\nb\nSCAF_END__\n");
    }
}
