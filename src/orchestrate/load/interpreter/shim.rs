//! A script in Python's place, such as pyenv's: only it knows which Python it starts.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::spec::env_vars::Environment;

/// Bytes that are read of what it says.
const SAID_MAX: u64 = 64 * 1024;

/// The file that the script starts in the end; else what it says. It is asked in the folder, by which pyenv goes.
pub(super) fn real(
    script: &Path,
    folder: &Path,
    environment: &Environment,
    limit: Duration,
) -> Result<PathBuf, String> {
    let mut child = Command::new(script)
        .args(["-I", "-S", "-c", "import sys; print(sys.executable)"])
        .current_dir(folder)
        .env_clear()
        .envs(environment.all())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A script's children are ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let group = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        // Neither is longer than a pipe holds, unless it is not what was asked for.
        if let Some(stream) = child.stdout.take() {
            let _ = stream.take(SAID_MAX).read_to_end(&mut out);
        }
        if let Some(stream) = child.stderr.take() {
            let _ = stream.take(SAID_MAX).read_to_end(&mut err);
        }
        let _ = sender.send((child.wait(), out, err));
    });
    let Ok((status, out, err)) = receiver.recv_timeout(limit) else {
        if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        return Err(format!("it has not answered within {} s", limit.as_secs()));
    };
    let status = status.map_err(|error| error.to_string())?;
    let out = String::from_utf8_lossy(&out);
    let path = PathBuf::from(out.lines().next().unwrap_or_default());
    if status.success() && path.is_absolute() {
        return Ok(path);
    }
    let err = String::from_utf8_lossy(&err);
    let said: Vec<&str> = err.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(if said.is_empty() { status.to_string() } else { said.join("; ") })
}
