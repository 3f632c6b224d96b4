//! Processes of this machine: who one is, and whether it is still the same.

use rustix::process::Pid;

use crate::spec::ticket::Supervisor;

/// This process.
pub fn own() -> Supervisor {
    identify(std::process::id()).unwrap_or(Supervisor { pid: std::process::id(), started: 0, boot: boot() })
}

/// The process that has this number now.
pub fn identify(pid: u32) -> Option<Supervisor> {
    Some(Supervisor { pid, started: started(pid)?, boot: boot() })
}

/// Whether it still runs: a later process of the same number is another one.
pub fn is_alive(process: &Supervisor) -> bool {
    process.boot == boot() && started(process.pid) == Some(process.started)
}

/// Whether anything of the group that this process led still runs; itself may be gone.
pub fn group_lives(leader: u32) -> bool {
    // Whoever has ended and was not waited for yet is in the group, too, so this alone is not enough.
    let there = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if there.is_none_or(|there| rustix::process::test_kill_process_group(there).is_err()) {
        return false;
    }
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .any(|pid| with_stat(pid, |fields| fields.get(2)?.parse().ok()) == Some(leader))
}

/// Those of this process's own group, itself apart, that were started with this in their environment.
pub fn group_members_with(variable: &str) -> Vec<u32> {
    let (own, group) = (std::process::id(), rustix::process::getpgrp().as_raw_pid());
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own && with_stat(*pid, |fields| fields.get(2)?.parse().ok()) == Some(group))
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes())
        })
        .collect()
}

/// Whether it leads the group that it is in.
pub fn leads_group(pid: u32) -> bool {
    with_stat(pid, |fields| fields.get(2)?.parse().ok()) == Some(pid)
}

/// Whether it was halted: by hand, or since it wanted something of a terminal in whose background it is.
pub fn is_halted(pid: u32) -> bool {
    with_stat(pid, |fields| (*fields.first()? == "T").then_some(())).is_some()
}

/// Field 22 of /proc/PID/stat.
fn started(pid: u32) -> Option<u64> {
    with_stat(pid, |fields| fields.get(19)?.parse().ok())
}

/// The fields of /proc/PID/stat from the third on; the name in the second may hold blanks and parentheses.
/// `None` for a process that is gone, or that has ended and only waits for its parent to notice.
fn with_stat<T>(pid: u32, read: impl FnOnce(&[&str]) -> Option<T>) -> Option<T> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    match fields.first() {
        Some(&"Z" | &"X") | None => None,
        Some(_) => read(&fields),
    }
}

/// A word that is another one after each start of the machine.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_and_its_number_is_not_enough() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = identify(child.id()).unwrap();
        assert!(is_alive(&process));
        assert!(!is_alive(&Supervisor { started: process.started + 1, ..process.clone() }));
        assert!(!is_alive(&Supervisor { boot: "another".to_owned(), ..process.clone() }));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(&process));
        assert!(is_alive(&own()));
    }

    #[test]
    fn a_group_lives_as_long_as_one_of_it() {
        use std::os::unix::process::CommandExt as _;
        let mut leader = std::process::Command::new("sh")
            .args(["-c", "sleep 300 & read line; kill -STOP $$"])
            .stdin(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let id = leader.id();
        assert!(group_lives(id) && !is_halted(id));
        drop(leader.stdin.take());
        while !is_halted(id) {
            std::thread::yield_now();
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert!(group_lives(id), "the other one");
        let group = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        while group_lives(id) {
            std::thread::yield_now();
        }
    }
}
