//! Ends a process that an earlier scaf started.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::orchestrate::engine::moby::Moby;
use crate::orchestrate::engine::moby::error::EngineError;
use crate::orchestrate::host::process::{group_lives, is_alive};
use crate::spec::hint::{Explain, Fault};
use crate::spec::ticket::Supervisor;

/// How often it is looked whether it is gone.
const LOOK: Duration = Duration::from_millis(50);
/// What the kernel may take to end a process that cannot refuse.
const KILLED: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("cannot stop the process {id}")]
    Signal { id: u32, source: io::Error },
    #[error("the process {id} was killed and is still there")]
    Stays { id: u32 },
}

impl Explain for StopError {
    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Signal { .. } => vec!["it is another user's, perhaps: `sudo scaf stop …`".to_owned()],
            Self::Stays { .. } => {
                vec!["it waits for a disk or a device, and ends once that answers".to_owned()]
            }
        }
    }
}

/// Asks, waits, kills; and sees to it that nothing of it stays. The engine removes what ran with `--rm`
/// a moment after its end; what ran without is removed here. The status is the container's own, where the
/// engine said it before the container was gone.
pub fn container(moby: &Moby, container: &str, grace: u32) -> Result<Option<u8>, EngineError> {
    let status = moby.stop(container, grace)?;
    let end = Instant::now() + KILLED;
    while moby.inspect(container)?.is_some() {
        if Instant::now() >= end {
            moby.remove(container, true)?;
            break;
        }
        std::thread::sleep(LOOK);
    }
    Ok(status)
}

/// Asks, waits, kills. A group is gone when nobody of it is left, whatever became of its leader.
pub fn process(process: &Supervisor, group: bool, grace: u32) -> Result<(), StopError> {
    if !is_alive(process) {
        return Ok(());
    }
    signal(process, group, Signal::TERM)?;
    if gone_within(process, group, Duration::from_secs(u64::from(grace))) {
        return Ok(());
    }
    signal(process, group, Signal::KILL)?;
    if gone_within(process, group, KILLED) { Ok(()) } else { Err(StopError::Stays { id: process.pid }) }
}

fn signal(process: &Supervisor, group: bool, signal: Signal) -> Result<(), StopError> {
    let Some(id) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let sent = if group {
        rustix::process::kill_process_group(id, signal)
    } else {
        rustix::process::kill_process(id, signal)
    };
    match sent {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(StopError::Signal { id: process.pid, source: error.into() }),
    }
}

fn gone_within(process: &Supervisor, group: bool, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while is_alive(process) || (group && group_lives(process.pid)) {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::orchestrate::host::process::identify;

    #[test]
    fn a_group_is_stopped_when_nobody_of_it_is_left() {
        // The leader heeds the signal, and whom it has started does not.
        let script = "(trap '' TERM; echo ready; while :; do sleep 0.01; done) & wait";
        let mut leader =
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let mut word = [0; 6];
        leader.stdout.take().unwrap().read_exact(&mut word).unwrap();
        let id = leader.id();
        process(&identify(id).unwrap(), true, 0).unwrap();
        assert!(!group_lives(id));
        leader.wait().unwrap();
    }
}
