//! Connections that a predecessor left: taken over before anything else is done, or closed.
//!
//! The supervisor grants the sockets, the notebook says what they were. A socket without a picture is a login that was not
//! complete; a picture without a socket is a connection whose end the predecessor had told already. Connections stay
//! silent until the core has attached this incarnation ([`Service::wake`]).

use super::{Place, Service, note_dirty, token};
use crate::conn::{Conn, ConnId};
use crate::crash::{self, Point};
use crate::notebook::found::Found;
use crate::stats::Counter;
use ipc::message::Event;
use ipc::wait::Watch;
use std::os::fd::OwnedFd;

impl Service {
    /// Takes over what can be, and closes the other sockets, so that initiators log in again at once.
    ///
    /// # Errors
    /// The supervisor does not listen, or the host refuses to watch a socket.
    pub fn take_over(&mut self, found: &[Found], deposited: Vec<(u64, OwnedFd)>) -> anyhow::Result<()> {
        let mut sockets = deposited;
        for found in found {
            let at = sockets.iter().position(|(key, _)| *key == found.moment.key);
            let resumed = at.map(|at| self.resume(found, &sockets[at].1)).transpose()?;
            crash::point(Point::SocketResumed);
            match resumed {
                Some(Ok(())) => sockets.retain(|(key, _)| *key != found.moment.key),
                Some(Err(why)) => {
                    let (phase, tasks) = (found.moment.phase, found.tasks.len());
                    tracing::info!(phase, tasks, why, "cannot go on with a connection");
                    self.shared.book.forget(found);
                }
                None => self.shared.book.forget(found),
            }
        }
        if self.living > 0 || !sockets.is_empty() {
            tracing::info!(resumed = self.living, closed = sockets.len(), "connections of the predecessor");
        }
        for (key, socket) in sockets {
            let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
            self.control.report(Event::Withdraw { key }, Vec::new())?;
        }
        Ok(())
    }

    /// The inner error says why it cannot be.
    fn resume(&mut self, found: &Found, socket: &OwnedFd) -> anyhow::Result<Result<(), &'static str>> {
        let id = ConnId { place: self.places.len() as u32, turn: 1 };
        let mut conn = match Conn::resume(found, id, socket, &mut self.shared) {
            Ok(conn) => conn,
            Err(why) => return Ok(Err(why)),
        };
        // Nothing is read yet, and nothing is to be watched for.
        conn.new_watch();
        self.waiter.add(conn.socket(), token(id), Watch::Nothing)?;
        note_dirty(&mut conn, &mut self.dirty);
        self.places.push(Place { conn: Some(Box::new(conn)), offered: true, deposited: true, turn: 1 });
        self.living += 1;
        self.shared.stats.add(Counter::Resumed, 1);
        Ok(Ok(()))
    }

    /// Whether the connection whose socket is deposited under `key` is served.
    pub fn has_connection(&self, key: u64) -> bool {
        self.places.iter().filter_map(|place| place.conn.as_ref()).any(|conn| conn.key == key)
    }

    /// The core has attached this incarnation: whatever was taken over goes on.
    pub(super) fn wake(&mut self) {
        for conn in self.places.iter_mut().filter_map(|place| place.conn.as_deref_mut()) {
            if conn.resuming {
                conn.awake(&mut self.shared);
                note_dirty(conn, &mut self.dirty);
                self.unread.push(conn.id);
            }
        }
    }
}
