//! Processes of this machine: who one is, and whether it is still the same.

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

/// Field 22 of /proc/PID/stat; the name in field 2 may hold blanks and parentheses. `None` for one that
/// is gone, or that has ended and only waits for its parent to notice.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    match fields.first() {
        Some(&"Z" | &"X") | None => None,
        Some(_) => fields.get(19)?.parse().ok(),
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
}
