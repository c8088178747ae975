//! Portals: listening sockets that the supervisor opened, and the connections that arrive at them.
//!
//! The sockets outlive this process, so that initiators are not refused while it is being restarted. A connection that
//! comes while there are too many is closed at once.

use ipc::message::config::PortalConfig;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A portal that is listened on.
#[derive(Debug)]
pub struct Listener {
    /// The portal's index.
    pub portal: u32,
    socket: TcpListener,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, non-blocking, without delay.
    pub socket: OwnedFd,
    /// The initiator's address.
    pub peer: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

impl Listener {
    /// Takes a listening socket into service.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn new(portal: &PortalConfig, socket: OwnedFd) -> std::io::Result<Listener> {
        let socket = TcpListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Listener { portal: portal.portal, socket })
    }

    /// The next connection, if one waits.
    ///
    /// # Errors
    /// The host has no descriptor or memory for it.
    pub fn accept(&self) -> std::io::Result<Option<Accepted>> {
        loop {
            return match self.socket.accept() {
                Ok((stream, peer)) => match prepare(stream, peer) {
                    // It was gone before it could be looked at.
                    Err(_) => continue,
                    accepted => accepted.map(Some),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error)
                    if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) =>
                {
                    continue;
                }
                Err(error) => Err(error),
            };
        }
    }
}

fn prepare(stream: TcpStream, peer: SocketAddr) -> std::io::Result<Accepted> {
    stream.set_nonblocking(true)?;
    // Every PDU is sent when it is complete; waiting for more would only delay it.
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok(Accepted { socket: stream.into(), peer, local })
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
