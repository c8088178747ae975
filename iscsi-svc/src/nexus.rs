//! I_T nexuses: the sessions as the core knows them.
//!
//! A nexus is named once, by a number that never comes again (the incarnation of this service and a count), and is over
//! when the core says so. A session that is replaced by the same initiator port (RFC 7143 6.3.5) is another nexus.
//! Names come from logins and were normalised there.

use crate::buffers::{BufId, Buffers};
use crate::conn::ConnId;
use crate::login::stage::Established;
use crate::notebook::layout::Who;
use ipc::message::record::{NexusNames, Request, RequestKind, request_flags};

/// How far a nexus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The core has been asked to open it.
    Opening,
    /// It is open.
    Open,
    /// The core has been asked to close it.
    Closing,
}

/// A nexus.
#[derive(Debug)]
pub struct Nexus {
    /// Its number.
    pub number: u64,
    /// Index of its target.
    pub target: u32,
    /// InitiatorName.
    pub initiator: String,
    /// ISID.
    pub isid: [u8; 6],
    /// Target Session Identifying Handle.
    pub tsih: u16,
    /// Its connection; none when it is closing.
    pub conn: Option<ConnId>,
    /// How far it is.
    pub phase: Phase,
    /// The core has been asked to close it over the living link, and will say so.
    pub close_sent: bool,
    names: BufId,
    names_len: u32,
}

/// All nexuses of this service.
#[derive(Debug, Default)]
pub struct Nexuses {
    list: Vec<Nexus>,
    count: u64,
    last_tsih: u16,
}

impl Nexuses {
    /// Numbers of incarnation `incarnation` of this service differ from those of all others.
    pub fn begin(&mut self, incarnation: u64) {
        self.count = incarnation << 40;
    }

    /// A TSIH that no living session has (never 0).
    pub fn tsih(&mut self) -> u16 {
        loop {
            self.last_tsih = self.last_tsih.wrapping_add(1).max(1);
            if !self.has_tsih(self.last_tsih) {
                return self.last_tsih;
            }
        }
    }

    /// Whether a living session has this TSIH.
    pub fn has_tsih(&self, tsih: u16) -> bool {
        self.list.iter().any(|nexus| nexus.tsih == tsih && nexus.phase != Phase::Closing)
    }

    /// Adds a nexus for a login that came to its end. `None`: no memory for its names, or too many nexuses.
    pub fn open(&mut self, login: &Established, conn: ConnId, buffers: &mut Buffers) -> Option<&Nexus> {
        let (name, target) = login.target.as_ref()?;
        if self.list.len() >= usize::from(u16::MAX) / 2 {
            return None;
        }
        let isid = login.isid.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let names = NexusNames {
            initiator: format!("{},i,0x{isid}", login.initiator),
            target: format!("{name},t,0x{:04x}", target.portal_group),
        }
        .encode();
        let block = buffers.take(names.len() as u64)?;
        let extent = buffers.extent(block, 0, names.len() as u32);
        buffers.arena().write(extent, &names);
        self.count += 1;
        let nexus = Nexus {
            number: self.count,
            target: target.target,
            initiator: login.initiator.clone(),
            isid: login.isid,
            tsih: self.tsih(),
            conn: Some(conn),
            phase: Phase::Opening,
            close_sent: false,
            names: block,
            names_len: names.len() as u32,
        };
        self.list.push(nexus);
        self.list.last()
    }

    /// Takes up a nexus of a former incarnation; its names are where they were. False: it cannot be.
    pub fn restore(&mut self, who: &Who, initiator: &str, conn: ConnId, buffers: &mut Buffers) -> bool {
        let known = self.list.iter().any(|nexus| nexus.number == who.nexus || nexus.tsih == who.tsih);
        let fits = (1..=NexusNames::MAX as u32).contains(&who.names_len);
        if known || !fits || who.nexus == 0 || who.nexus > self.count {
            return false;
        }
        let Some(names) = buffers.take_at(who.names) else { return false };
        if buffers.bytes_of(names) < u64::from(who.names_len) {
            buffers.release(names);
            return false;
        }
        self.list.push(Nexus {
            number: who.nexus,
            target: who.target,
            initiator: initiator.to_owned(),
            isid: who.isid,
            tsih: who.tsih,
            conn: Some(conn),
            phase: Phase::Open,
            close_sent: false,
            names,
            names_len: who.names_len,
        });
        true
    }

    /// The living session of the same initiator port with the same target, if there is one.
    pub fn same_port(&self, login: &Established) -> Option<&Nexus> {
        let (_, target) = login.target.as_ref()?;
        self.list.iter().find(|nexus| {
            nexus.phase != Phase::Closing
                && nexus.target == target.target
                && nexus.isid == login.isid
                && nexus.initiator == login.initiator
        })
    }

    /// The nexus with this number.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Nexus> {
        self.list.iter_mut().find(|nexus| nexus.number == number)
    }

    /// The link is another: nothing that was asked over the old one will be answered.
    pub fn link_replaced(&mut self) {
        for nexus in &mut self.list {
            nexus.close_sent = false;
        }
    }

    /// Forgets a nexus.
    pub fn remove(&mut self, number: u64, buffers: &mut Buffers) -> Option<Nexus> {
        let at = self.list.iter().position(|nexus| nexus.number == number)?;
        let nexus = self.list.swap_remove(at);
        buffers.release(nexus.names);
        Some(nexus)
    }

    /// All nexuses.
    pub fn iter(&self) -> impl Iterator<Item = &Nexus> {
        self.list.iter()
    }

    /// Sessions that are open or opening.
    pub fn living(&self) -> usize {
        self.list.iter().filter(|nexus| nexus.phase != Phase::Closing).count()
    }
}

impl Nexus {
    /// Place and length of its names, for the notebook.
    pub fn names(&self, buffers: &Buffers) -> ([u32; 2], u32) {
        (buffers.place(self.names), self.names_len)
    }

    /// The request that opens it; after a change of link `again` is the latest serial.
    pub fn open_request(&self, buffers: &Buffers, again: Option<u64>) -> Request {
        let mut request = Request::new(RequestKind::NexusOpen, self.number, 0);
        request.unit = self.target;
        request.out_extents = 1;
        request.extents[0] = buffers.extent(self.names, 0, self.names_len).to_wire();
        if let Some(latest) = again {
            request.flags = request_flags::RESUMED;
            request.ref_serial = latest;
        }
        request
    }
}

#[cfg(test)]
mod tests;
