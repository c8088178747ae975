//! Opens the listening sockets. They belong to the supervisor, so that connections queue up while a transport is dead
//! instead of being refused.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};

/// Connections that may wait while no transport accepts them.
const BACKLOG: i32 = 1024;

/// A portal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("portal {address}: {error}; {hint}")]
pub struct ListenError {
    address: SocketAddr,
    error: io::Error,
    hint: &'static str,
}

/// Opens one listening socket.
///
/// # Errors
/// The port is taken, or the address is not this machine's.
pub fn open(address: SocketAddr) -> Result<OwnedFd, ListenError> {
    try_open(address).map_err(|error| {
        let hint = match error {
            Errno::ADDRINUSE => {
                "another program listens there (`ss -ltnp` names it): stop it, or change portals"
            }
            Errno::ADDRNOTAVAIL => "the address is none of this machine's: change portals",
            Errno::ACCESS => "ports below 1024 want privilege: run as root, or change portals",
            _ => "change portals",
        };
        ListenError { address, error: error.into(), hint }
    })
}

fn try_open(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // Connections of the time before a restart may still be winding down on this port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // So that [::]:3260 and 0.0.0.0:3260 are two portals and not a conflict.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::open;

    #[test]
    fn portal_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("address");
        let error = open(address).expect_err("taken").to_string();
        assert!(error.starts_with(&format!("portal {address}: Address already in use")), "{error}");
        assert!(error.contains("another program listens there"), "{error}");
    }

    #[test]
    fn portal_of_another_machine_is_refused() {
        let error = open("192.0.2.1:3260".parse().expect("address")).expect_err("refused").to_string();
        assert!(error.contains("none of this machine's"), "{error}");
    }
}
