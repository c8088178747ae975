//! The loop's dealings with sockets: who is ready, who comes, who goes, who is late.
//!
//! Connections are named by place and turn, because an event can be about one that has just been closed.

use super::{CONNECTION, CONTROL, LISTENER, MOST_PLACES, Place, Service, TICK, find, note_dirty, token};
use crate::conn::{Close, Conn, ConnId, Phase};
use crate::crash::{self, Point};
use crate::stats::{Counter, NAMES};
use ipc::message::Event;
use ipc::wait::Watch;
use std::os::fd::OwnedFd;

impl Service {
    /// Serves sockets that are ready, and connections that had more to read or waited for memory.
    pub(super) fn sockets(&mut self) -> anyhow::Result<bool> {
        let ready = std::mem::take(&mut self.ready);
        let mut worked = false;
        for ready in &ready {
            if ready.token & CONNECTION != 0 {
                let place = (ready.token >> 32 & 0xffff) as u32;
                let id = ConnId { place, turn: ready.token as u32 };
                worked = true;
                let Some(conn) = find(&mut self.places, id) else { continue };
                if ready.readable && ready.writable && conn.expects_nothing() {
                    self.close(id, Close(Counter::Disconnected));
                    continue;
                }
                if ready.writable {
                    conn.dirty = true;
                    note_dirty(conn, &mut self.dirty);
                }
                if ready.readable {
                    self.read(id);
                }
            } else if ready.token & LISTENER != 0 {
                worked = true;
                self.accept((ready.token & !LISTENER) as usize)?;
            }
        }
        self.ready = ready;
        self.ready.retain(|ready| ready.token == CONTROL);
        let mut unread = std::mem::take(&mut self.unread);
        if std::mem::take(&mut self.shared.buffers.returned) {
            // Memory has come back: whoever waited for some tries again.
            for id in self.starved.drain(..) {
                if let Some(conn) = find(&mut self.places, id) {
                    conn.starved = false;
                    unread.push(id);
                }
            }
        }
        for id in unread.drain(..) {
            worked = true;
            self.read(id);
        }
        unread.append(&mut self.unread);
        self.unread = unread;
        Ok(worked)
    }

    /// Whether there is something to do that no descriptor reports.
    pub(super) fn has_more(&self) -> bool {
        let gains = self.shared.buffers.has_leaving() || self.shared.buffers.returned;
        !self.unread.is_empty() || (gains && !self.starved.is_empty())
    }

    /// Lets a connection receive.
    fn read(&mut self, id: ConnId) {
        let Some(conn) = find(&mut self.places, id) else { return };
        let outcome = conn.readable(&mut self.shared);
        note_dirty(conn, &mut self.dirty);
        match outcome {
            Ok(false) if conn.starved => self.starved.push(id),
            Ok(false) => {}
            Ok(true) => self.unread.push(id),
            Err(close) => self.close(id, close),
        }
        while let Some(old) = self.shared.replaced.pop() {
            self.close(old, Close(Counter::Reinstated));
        }
    }

    /// Accepts what waits at a portal.
    fn accept(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(listener) = self.listeners.get(index) else { return Ok(()) };
        // What remains is reported again at the next look.
        for _ in 0..16 {
            let accepted = match listener.accept() {
                Ok(Some(accepted)) => accepted,
                Ok(None) => break,
                Err(error) => {
                    // No descriptor or no memory: looking again at once would only burn time. The next tick looks.
                    tracing::debug!(%error, "cannot accept");
                    self.deaf = self.waiter.change(listener, LISTENER | index as u64, Watch::Nothing).is_ok();
                    break;
                }
            };
            let most = (self.shared.config.max_connections as usize).min(MOST_PLACES);
            if self.living >= most {
                self.shared.stats.add(Counter::Refused, 1);
                continue;
            }
            let place =
                self.places.iter().position(|place| place.conn.is_none()).unwrap_or(self.places.len());
            if place == self.places.len() {
                self.places.push(Place { conn: None, offered: false, deposited: false, turn: 0 });
            }
            let entry = &mut self.places[place];
            entry.turn = entry.turn.wrapping_add(1);
            let id = ConnId { place: place as u32, turn: entry.turn };
            let (portal, now) = (listener.portal, self.shared.now);
            self.next_key += 1;
            let addresses = (accepted.peer, accepted.local);
            let conn = Conn::new((id, self.next_key), accepted.socket, portal, addresses, now);
            self.waiter.add(conn.socket(), token(id), Watch::Readable)?;
            (entry.conn, entry.offered, entry.deposited) = (Some(Box::new(conn)), false, false);
            self.living += 1;
            self.shared.stats.add(Counter::Accepted, 1);
        }
        Ok(())
    }

    /// Deposits the sockets of new sessions at the supervisor, for a successor. Strangers' sockets are not worth it: they
    /// end with this process. A supervisor that hangs for a while is waited for, in every turn anew: what is only here when this process
    /// dies, nobody has.
    pub(super) fn deposit(&mut self) {
        for place in self.places.iter_mut().filter(|place| !place.deposited) {
            let Some(conn) = place.conn.as_ref().filter(|conn| matches!(conn.phase, Phase::Full(_))) else {
                continue;
            };
            if !place.offered {
                let Ok(duplicate) = conn.socket().try_clone() else {
                    tracing::warn!("a socket cannot be duplicated: its connection ends with this process");
                    place.deposited = true;
                    continue;
                };
                match self.control.report(Event::Deposit { key: conn.key }, vec![duplicate]) {
                    Ok(()) => place.offered = true,
                    Err(error) => tracing::debug!(%error, "the supervisor does not listen"),
                }
            } else if let Err(error) = self.control.flush() {
                tracing::debug!(%error, "the supervisor does not listen");
            }
            place.deposited = place.offered && self.control.is_flushed();
            if place.deposited {
                crash::point(Point::SocketDeposited);
            } else {
                self.shared.roster_changed = true;
            }
        }
    }

    /// Whether a connection's session is new, and nobody would have its socket if this process died now.
    pub(super) fn waits_for_deposit(&self, id: ConnId) -> bool {
        let place = self.places.get(id.place as usize).filter(|place| !place.deposited);
        let conn = place.and_then(|place| place.conn.as_ref()).filter(|conn| conn.id == id);
        conn.is_some_and(|conn| matches!(conn.phase, Phase::Full(_)))
    }

    /// Ends a connection.
    pub(super) fn close(&mut self, id: ConnId, close: Close) {
        if find(&mut self.places, id).is_none() {
            return;
        }
        let place = &mut self.places[id.place as usize];
        let Some(conn) = place.conn.take() else { return };
        tracing::debug!(peer = ?conn.peer, why = NAMES[close.0 as usize], "connection closed");
        let _ = self.waiter.remove(conn.socket());
        let key = conn.key;
        let socket: OwnedFd = conn.dissolve(&mut self.shared);
        drop(socket);
        self.living -= 1;
        self.shared.stats.add(close.0, 1);
        self.shared.roster_changed = true;
        place.deposited = false;
        if std::mem::take(&mut place.offered)
            && let Err(error) = self.control.report(Event::Withdraw { key }, Vec::new())
        {
            tracing::debug!(%error, "the supervisor does not listen");
        }
    }

    /// Watches a connection's socket for what it can do now.
    pub(super) fn rewatch(&mut self, id: ConnId) {
        let Some(conn) = find(&mut self.places, id) else { return };
        let unread = conn.resumes();
        // What was sent is noted later, and its memory comes back then.
        if conn.is_behind() {
            self.sent.push(id);
        }
        if let Some(watch) = conn.new_watch()
            && self.waiter.change(conn.socket(), token(id), watch).is_err()
        {
            return self.close(id, Close(Counter::Disconnected));
        }
        // PDUs that are here already make no socket readable.
        if unread {
            self.unread.push(id);
        }
    }

    /// Looks at the clocks now and then.
    pub(super) fn clocks(&mut self) {
        if self.shared.now.duration_since(self.ticked) < TICK {
            return;
        }
        self.ticked = self.shared.now;
        let ids: Vec<ConnId> =
            self.places.iter().filter_map(|place| place.conn.as_ref()).map(|conn| conn.id).collect();
        for id in ids {
            let Some(conn) = find(&mut self.places, id) else { continue };
            let outcome = conn.tick(&self.shared);
            note_dirty(conn, &mut self.dirty);
            if let Err(close) = outcome {
                self.close(id, close);
            }
        }
        self.push_out();
        if std::mem::take(&mut self.deaf) {
            for (index, listener) in self.listeners.iter().enumerate() {
                let _ = self.waiter.change(listener, LISTENER | index as u64, Watch::Readable);
            }
        }
        let stats = &self.shared.stats;
        stats.set(Counter::Connections, self.living as u64);
        stats.set(Counter::Sessions, self.shared.nexuses.living() as u64);
        stats.set(Counter::ArenaFree, self.shared.buffers.free_bytes());
    }
}
