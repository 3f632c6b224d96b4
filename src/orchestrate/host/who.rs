//! Who runs scaf, and on what machine.

use crate::orchestrate::planner::run::Caller;
use crate::spec::env_vars::{self, Environment};
use crate::spec::record;

/// The caller. A name is looked for in the environment alone: an account need not be in a file.
pub fn caller(environment: &Environment) -> Caller {
    let uid = rustix::process::getuid().as_raw();
    let gid = rustix::process::getgid().as_raw();
    let fit = |name: &&str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let name = environment
        .text(&env_vars::USER)
        .filter(fit)
        .or_else(|| environment.text(&env_vars::LOGNAME).filter(fit));
    let name = match name {
        _ if uid == 0 => "root".to_owned(),
        // `root` in the environment of another user (sudo -u) would be a second root line.
        Some(name) if name != "root" => name.to_owned(),
        _ => "scaf".to_owned(),
    };
    Caller { uid, gid, name }
}

/// The machine, as the record keeps it.
pub fn machine(caller: &Caller) -> record::Host {
    let name = rustix::system::uname();
    record::Host {
        name: name.nodename().to_string_lossy().into_owned(),
        os: format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
        arch: name.machine().to_string_lossy().into_owned(),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        user: caller.name.clone(),
    }
}
