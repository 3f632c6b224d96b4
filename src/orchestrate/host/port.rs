//! Ports of this machine's own address.

use std::net::{Ipv4Addr, TcpListener};

/// Whether nobody listens there. Somebody may before it is used; the engine then says so.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The first free one of the `tries` after this.
pub fn free_after(port: u16, tries: u16) -> Option<u16> {
    (1..=tries).filter_map(|step| port.checked_add(step)).find(|port| is_free(*port))
}
