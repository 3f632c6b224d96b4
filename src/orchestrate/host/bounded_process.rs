//! A tool that is asked something: its answer, within a time, and with nothing of it left behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;

use crate::orchestrate::engine::moby::run::{Heard, Listening, SignalSource};

/// No answer is longer.
const LONGEST: usize = 64 * 1024 * 1024;
/// How long the rest of its output is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What it said to its end.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    pub success: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum SpeakError {
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("lost touch with `{program}`: {source}")]
    Lost { program: String, source: io::Error },
    #[error("`{program}` did not answer within {} s", limit.as_secs())]
    TooLong { program: String, limit: Duration },
    #[error("`{program}` was interrupted")]
    Interrupted { program: String, signal: i32 },
}

/// Starts it with this environment and no other, as a group of its own; whatever is left of the group in the end is
/// killed.
pub fn speak(
    argv: &[OsString],
    folder: &Path,
    environment: &BTreeMap<OsString, OsString>,
    limit: Duration,
    heard: Option<&Heard>,
) -> Result<Spoken, SpeakError> {
    let program = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let lost = |source| SpeakError::Lost { program: program.clone(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(lost)?;
    runtime.block_on(async {
        let mut signals =
            heard.map(|heard| SignalSource::Heard(heard.clone()).listen()).transpose().map_err(lost)?;
        let mut child = tokio::process::Command::new(argv.first().map_or_else(OsString::new, Clone::clone))
            .args(argv.iter().skip(1))
            .current_dir(folder)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| SpeakError::Start { program: program.clone(), source })?;
        let _group = Group(child.id());
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let mut spoken = Spoken::default();
        let mut ended = false;
        let mut last_moment = Box::pin(tokio::time::sleep(limit));
        while !ended || stdout.is_some() || stderr.is_some() {
            tokio::select! {
                more = read(&mut stdout, &mut spoken.stdout), if stdout.is_some() => {
                    if !more {
                        stdout = None;
                    }
                }
                more = read(&mut stderr, &mut spoken.stderr), if stderr.is_some() => {
                    if !more {
                        stderr = None;
                    }
                }
                status = child.wait(), if !ended => {
                    spoken.success = status.map_err(lost)?.success();
                    ended = true;
                    last_moment = Box::pin(tokio::time::sleep(LAST_WORDS));
                }
                () = &mut last_moment => {
                    if ended {
                        // Something that it started holds its output open.
                        break;
                    }
                    return Err(SpeakError::TooLong { program: program.clone(), limit });
                }
                Some(signal) = next(&mut signals) => {
                    return Err(SpeakError::Interrupted { program: program.clone(), signal });
                }
            }
        }
        Ok(spoken)
    })
}

/// Killed when it is dropped, with all that it has started.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // As a rule nobody is left.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn next(signals: &mut Option<Listening>) -> Option<i32> {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

/// Whether there may be more. What is beyond the longest answer is lost.
async fn read<R: tokio::io::AsyncRead + Unpin>(stream: &mut Option<R>, into: &mut Vec<u8>) -> bool {
    let Some(stream) = stream else { return std::future::pending().await };
    let mut buffer = [0u8; 16 * 1024];
    match stream.read(&mut buffer).await {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            let room = LONGEST.saturating_sub(into.len());
            into.extend_from_slice(&buffer[..count.min(room)]);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str, limit: Duration, heard: Option<&Heard>) -> Result<Spoken, SpeakError> {
        let argv = ["/bin/sh", "-c", text].map(OsString::from);
        let path = BTreeMap::from([(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))]);
        speak(&argv, Path::new("/"), &path, limit, heard)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_of_both_streams() {
        let spoken = shell("echo out; echo err >&2; pwd; exit 3", LONG, None).unwrap();
        assert_eq!(
            (spoken.success, spoken.stdout, spoken.stderr),
            (false, b"out\n/\n".to_vec(), b"err\n".to_vec())
        );
    }

    #[test]
    fn one_that_takes_too_long_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let text = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        // As long as it takes until it has come to its child.
        let mut limit = Duration::from_millis(200);
        while !file.exists() {
            let error = shell(&text, limit, None).unwrap_err();
            assert!(matches!(error, SpeakError::TooLong { .. }), "{error}");
            limit *= 2;
        }
        let child: u32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        while crate::orchestrate::host::process::identify(child).is_some() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_signal_ends_it() {
        let (sender, source) = SignalSource::feed();
        let heard = Heard::begin(source).unwrap();
        sender.send(2).unwrap();
        let error = shell("sleep 600", LONG, Some(&heard)).unwrap_err();
        assert!(matches!(error, SpeakError::Interrupted { signal: 2, .. }), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let none = BTreeMap::new();
        let error = speak(&["/no/such".into()], Path::new("/"), &none, LONG, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot start `/no/such`"), "{error}");
    }
}
