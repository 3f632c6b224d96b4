//! `run-xargs`: the flags of `docker run` that a run takes (product.md §3), read as the client reads them.

use std::path::{Path, PathBuf};

use super::container::{Device, EnvValue, Port, Ulimit};
use super::gpu::GpuRequest;
use super::hint::{Explain, Fault};
use super::mount::{Access, Mount};
use super::run::RunFlags;
use crate::project::plain_path::plain;

/// Every flag that is taken, as it is documented.
pub const FLAGS: [&str; 17] = [
    "--gpus",
    "--ipc",
    "--shm-size",
    "-e/--env",
    "--env-file",
    "-v/--volume",
    "--mount",
    "-p/--publish",
    "--network",
    "-m/--memory",
    "--cpus",
    "--ulimit",
    "--device",
    "--cap-add",
    "--security-opt",
    "--add-host",
    "--entrypoint",
];

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RunFlagError {
    #[error("`{text}` cannot be split into words: a quote is not closed")]
    Quote { text: String },
    #[error("`{flag}` is not among the flags of `docker run` that scaf takes")]
    Unknown { flag: String },
    #[error("`{word}` is not a flag")]
    NotAFlag { word: String },
    #[error("`{flag}` needs a value")]
    NoValue { flag: String },
    #[error("`{value}` is not a value of `{flag}`: {wanted}")]
    Value { flag: &'static str, value: String, wanted: &'static str },
    #[error("cannot read the file `{path}` of `--env-file`: {reason}")]
    EnvFile { path: PathBuf, reason: String },
}

impl Explain for RunFlagError {
    fn fault(&self) -> Fault {
        match self {
            Self::EnvFile { .. } => Fault::User,
            _ => Fault::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { .. } | Self::NotAFlag { .. } => vec![format!("there are: {}", FLAGS.join(", "))],
            _ => Vec::new(),
        }
    }
}

/// What the flags need from outside.
pub struct Surroundings<'a> {
    /// Relative host paths start here.
    pub directory: &'a Path,
    /// Reads an `--env-file`.
    pub read: &'a dyn Fn(&Path) -> Result<String, String>,
}

/// Splits by shell quoting without expansion.
pub fn split(text: &str) -> Result<Vec<String>, RunFlagError> {
    shlex::split(text).ok_or_else(|| RunFlagError::Quote { text: text.to_owned() })
}

/// Reads the words into `flags`; later ones win or add, as with the client.
pub fn parse(words: &[String], around: &Surroundings<'_>, flags: &mut RunFlags) -> Result<(), RunFlagError> {
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            return Err(RunFlagError::NotAFlag { word: word.clone() });
        }
        let (flag, joined) = match word.split_once('=') {
            Some((flag, value)) if word.starts_with("--") => (flag, Some(value.to_owned())),
            _ if !word.starts_with("--") && word.len() > 2 && word.is_char_boundary(2) => {
                let (flag, value) = word.split_at(2);
                (flag, Some(value.strip_prefix('=').unwrap_or(value).to_owned()))
            }
            _ => (word.as_str(), None),
        };
        if flag == "--gpus" && joined.is_none() {
            let form = words.next_if(|next| GpuRequest::is_form(next)).map_or("all", String::as_str);
            flags.gpus = Some(gpus(form)?);
            continue;
        }
        let canonical = canonical(flag).ok_or_else(|| RunFlagError::Unknown { flag: flag.to_owned() })?;
        let value = match joined {
            Some(value) => value,
            None => words.next().cloned().ok_or_else(|| RunFlagError::NoValue { flag: flag.to_owned() })?,
        };
        apply(canonical, value, around, flags)?;
    }
    Ok(())
}

fn canonical(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "--gpus" => "--gpus",
        "--ipc" => "--ipc",
        "--shm-size" => "--shm-size",
        "-e" | "--env" => "--env",
        "--env-file" => "--env-file",
        "-v" | "--volume" => "--volume",
        "--mount" => "--mount",
        "-p" | "--publish" => "--publish",
        "--network" | "--net" => "--network",
        "-m" | "--memory" => "--memory",
        "--cpus" => "--cpus",
        "--ulimit" => "--ulimit",
        "--device" => "--device",
        "--cap-add" => "--cap-add",
        "--security-opt" => "--security-opt",
        "--add-host" => "--add-host",
        "--entrypoint" => "--entrypoint",
        _ => return None,
    })
}

fn apply(
    flag: &'static str,
    value: String,
    around: &Surroundings<'_>,
    flags: &mut RunFlags,
) -> Result<(), RunFlagError> {
    let bad = |value: &str, wanted| RunFlagError::Value { flag, value: value.to_owned(), wanted };
    match flag {
        "--gpus" => flags.gpus = Some(gpus(&value)?),
        "--ipc" => flags.ipc = Some(value),
        "--shm-size" => flags.shm_size = Some(size(&value).ok_or_else(|| bad(&value, SIZE))?),
        "--memory" => flags.memory = Some(size(&value).ok_or_else(|| bad(&value, SIZE))?),
        "--env" => {
            let (name, value) = env_word(&value);
            if name.is_empty() {
                return Err(bad("", "NAME=VALUE, or NAME to pass the one outside on"));
            }
            flags.env.insert(name, value);
        }
        "--env-file" => {
            let path = around.directory.join(&value);
            let text = (around.read)(&path).map_err(|reason| RunFlagError::EnvFile { path: path.clone(), reason })?;
            // As with the client: what `--env` says counts for more, whatever came first.
            let typed = |value: &EnvValue| matches!(value, EnvValue::Plain(_) | EnvValue::FromHost);
            let nth = 1 + flags.env.values().filter_map(number).max().unwrap_or(0);
            for line in env_lines(&text) {
                let name = line.split_once('=').map_or(line, |(name, _)| name);
                if !flags.env.get(name).is_some_and(typed) {
                    flags.env.insert(name.to_owned(), EnvValue::FromFile { path: path.clone(), nth });
                }
            }
        }
        "--volume" => flags.mounts.push(volume(&value, around.directory).ok_or_else(|| {
            bad(&value, "HOST_PATH:PATH or HOST_PATH:PATH:ro, the first with a `/` in it (named volumes are not taken)")
        })?),
        "--mount" => flags.mounts.push(
            mount(&value, around.directory)
                .ok_or_else(|| bad(&value, "type=bind,source=HOST_PATH,target=PATH[,readonly]"))?,
        ),
        "--publish" => flags
            .ports
            .push(port(&value).ok_or_else(|| bad(&value, "[IP:][HOST_PORT:]PORT[/udp], one port at a time"))?),
        "--network" => flags.network = Some(value),
        "--cpus" => {
            let nano = nano_cpus(&value).ok_or_else(|| bad(&value, "a number such as 1.5"))?;
            flags.nano_cpus = Some(nano);
        }
        "--ulimit" => {
            flags.ulimits.push(ulimit(&value).ok_or_else(|| bad(&value, "NAME=SOFT or NAME=SOFT:HARD"))?);
        }
        "--device" => flags.devices.push(
            device(&value).ok_or_else(|| bad(&value, "/dev/NAME[:/dev/NAME][:rwm]"))?,
        ),
        "--cap-add" => flags.cap_add.push(value),
        "--security-opt" => flags.security_opt.push(value),
        "--add-host" => {
            if !value.contains(':') {
                return Err(bad(&value, "HOST:ADDRESS"));
            }
            flags.add_host.push(value);
        }
        "--entrypoint" => flags.entrypoint = Some(value),
        _ => return Err(RunFlagError::Unknown { flag: flag.to_owned() }),
    }
    Ok(())
}

const SIZE: &str = "a number of bytes, or one with b, k, m or g behind it";

fn gpus(value: &str) -> Result<GpuRequest, RunFlagError> {
    GpuRequest::parse(value).map_err(|_| RunFlagError::Value {
        flag: "--gpus",
        value: value.to_owned(),
        wanted: "all, a number, device=0,2, device=UUID, free, free:N",
    })
}

fn number(value: &EnvValue) -> Option<usize> {
    match value {
        EnvValue::FromFile { path: _, nth } => Some(*nth),
        EnvValue::Plain(_) | EnvValue::FromHost | EnvValue::Prefix(_) => None,
    }
}

/// The lines of an `--env-file` that say something.
fn env_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What an `--env-file` says of a name: the last line counts, and a name alone passes the one outside on.
pub fn env_file_value(text: &str, name: &str) -> Option<EnvValue> {
    env_lines(text).map(env_word).filter(|(known, _)| known == name).last().map(|(_, value)| value)
}

/// `NAME=VALUE`, or `NAME` to pass the one outside on.
pub fn env_word(word: &str) -> (String, EnvValue) {
    match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), EnvValue::Plain(value.to_owned())),
        None => (word.to_owned(), EnvValue::FromHost),
    }
}

/// Bytes of `64m`, `1.5g`, `1024`; the units are powers of 1024, as the engines take them.
pub fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    let number: f64 = digits.trim().parse().ok()?;
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let bytes = (number * (1u64 << shift) as f64) as u64;
    Some(bytes)
}

fn nano_cpus(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation)]
    let nano = (number * 1e9).round() as i64;
    (number.is_finite() && nano > 0).then_some(nano)
}

fn host_path(text: &str, directory: &Path) -> PathBuf {
    plain(&directory.join(text))
}

fn volume(text: &str, directory: &Path) -> Option<Mount> {
    let mut parts = text.split(':');
    let (source, target, options) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some()
        || !target.starts_with('/')
        || !(source.contains('/') || source.starts_with('.'))
    {
        return None;
    }
    let access = match options {
        None | Some("rw" | "z" | "Z") => Access::ReadWrite,
        Some("ro") => Access::ReadOnly,
        Some(_) => return None,
    };
    Some(Mount { source: host_path(source, directory), target: target.to_owned(), access })
}

fn mount(text: &str, directory: &Path) -> Option<Mount> {
    let (mut source, mut target, mut access, mut kind) = (None, None, Access::ReadWrite, "bind");
    for field in text.split(',') {
        match field.split_once('=').unwrap_or((field, "true")) {
            ("type", value) => kind = value,
            ("source" | "src", value) => source = Some(host_path(value, directory)),
            ("target" | "dst" | "destination", value) => target = Some(value.to_owned()),
            ("readonly" | "ro", "true" | "1") => access = Access::ReadOnly,
            ("readonly" | "ro", "false" | "0") => access = Access::ReadWrite,
            _ => return None,
        }
    }
    let target = target.filter(|target| target.starts_with('/'))?;
    (kind == "bind").then_some(())?;
    Some(Mount { source: source?, target, access })
}

fn port(text: &str) -> Option<Port> {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !matches!(protocol, "tcp" | "udp") {
        return None;
    }
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (rest, inside) = match text.rsplit_once(':') {
        Some((rest, inside)) => (Some(rest), number(inside)?),
        None => (None, number(text)?),
    };
    let (host_ip, host) = match rest {
        None => (String::new(), None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((ip, "")) => (ip.trim_matches(['[', ']']).to_owned(), None),
            Some((ip, host)) => (ip.trim_matches(['[', ']']).to_owned(), Some(number(host)?)),
            None => (String::new(), Some(number(rest)?)),
        },
    };
    Some(Port { host_ip, host, inside, protocol: protocol.to_owned() })
}

fn ulimit(text: &str) -> Option<Ulimit> {
    let (name, value) = text.split_once('=')?;
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    Some(Ulimit { name: name.to_owned(), soft: soft.parse().ok()?, hard: hard.parse().ok()? })
}

fn device(text: &str) -> Option<Device> {
    let parts: Vec<&str> = text.split(':').collect();
    let rights = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let (host, inside, permissions) = match parts.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, last] if rights(last) => (*host, *host, *last),
        [host, inside] => (*host, *inside, "rwm"),
        [host, inside, last] if rights(last) => (*host, *inside, *last),
        _ => return None,
    };
    (host.starts_with('/') && inside.starts_with('/')).then(|| Device {
        host: host.to_owned(),
        inside: inside.to_owned(),
        permissions: permissions.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<RunFlags, RunFlagError> {
        let mut flags = RunFlags::default();
        let around = Surroundings {
            directory: Path::new("/work"),
            read: &|path| {
                if path == Path::new("/work/vars") {
                    Ok("# note\nA=1\n\nB\n".to_owned())
                } else {
                    Err("absent".into())
                }
            },
        };
        parse(&split(line)?, &around, &mut flags)?;
        Ok(flags)
    }

    #[test]
    fn of_a_file_of_variables_only_the_names_are_kept() {
        let flags = read("-e A=typed --env-file vars -e B=typed --env-file vars").unwrap();
        assert_eq!(flags.env["A"], EnvValue::Plain("typed".into()), "{:?}", flags.env);
        assert!(!format!("{flags:?}").contains("v="), "{flags:?}");
        let text = "# said twice\nA=1\n  A=2\nB\nAB=3\n";
        assert_eq!(env_file_value(text, "A"), Some(EnvValue::Plain("2".into())));
        assert_eq!(env_file_value(text, "B"), Some(EnvValue::FromHost));
        assert_eq!(env_file_value(text, "C"), None);
    }

    #[test]
    fn every_flag() {
        let flags = read(
            "--gpus --ipc=host --shm-size 1g -e A=b -eC --env-file vars -v ./x/../y:/y:ro \
             --mount type=bind,src=/s,dst=/t,readonly -p 127.0.0.1:80:8080 -p 53/udp --network none -m 1.5g --cpus 1.5 \
             --ulimit nofile=10:20 --device /dev/null:/dev/x:rw --cap-add SYS_PTRACE --security-opt a=b \
             --add-host a:1.2.3.4 --entrypoint sh",
        )
        .unwrap();
        insta::assert_json_snapshot!(flags);
    }

    #[test]
    fn what_is_not_taken_names_the_list() {
        let error = read("--privileged").unwrap_err();
        assert_eq!(error, RunFlagError::Unknown { flag: "--privileged".into() });
        assert_eq!(error.fault(), Fault::Usage);
        assert!(error.hints()[0].contains("--shm-size"), "{error}");
    }

    #[test]
    fn bad_values() {
        for line in [
            "--shm-size lots",
            "-v name:/x",
            "-p 0",
            "-p 99999",
            "--cpus 0",
            "--ulimit x",
            "--device null",
            "--add-host a",
            "--mount type=tmpfs,target=/x",
            "--env-file nosuch",
            "--gpus=some",
            "-e",
            "word",
            "'",
        ] {
            assert!(read(line).is_err(), "{line} passed");
        }
    }
}
