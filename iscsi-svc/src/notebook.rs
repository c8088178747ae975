//! What this service writes down for its successor: one record a connection in the full feature phase.
//!
//! The supervisor holds a duplicate of each connected socket under a key; the record with the same key says whose it is,
//! what was negotiated and where the numbering stood when the session began. That is laid out for a successor that takes
//! connections over; today's successor only learns how many there were and closes their sockets, so that initiators
//! log in again at once. What is read back is judged as if an enemy had written it.

use crate::conn::{Conn, Phase};
use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Number of this format.
pub const SCHEMA: u64 = 0x6973_6373_6900_0001;

/// Longest name that a record holds.
const NAME: usize = crate::login::name::MAX_NAME;

/// Bits of [`Record::flags`].
mod flags {
    pub const HEADER_DIGEST: u16 = 1;
    pub const DATA_DIGEST: u16 = 2;
    pub const INITIAL_R2T: u16 = 4;
    pub const IMMEDIATE_DATA: u16 = 8;
}

/// A connection.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Record {
    /// Key of the deposited socket.
    pub key: U64,
    /// Nexus, or 0 for a discovery session.
    pub nexus: U64,
    /// Index of the target.
    pub target: U32,
    /// Index of the portal.
    pub portal: U32,
    /// ISID.
    pub isid: [u8; 6],
    /// TSIH.
    pub tsih: U16,
    /// CID.
    pub cid: U16,
    /// What was negotiated, as bits.
    pub flags: U16,
    /// The initiator's MaxRecvDataSegmentLength.
    pub max_send_data: U32,
    /// MaxBurstLength.
    pub max_burst: U32,
    /// FirstBurstLength.
    pub first_burst: U32,
    /// MaxOutstandingR2T.
    pub max_outstanding_r2t: U32,
    /// ExpCmdSN when this was written.
    pub exp_cmd_sn: U32,
    /// The next StatSN when this was written.
    pub stat_sn: U32,
    /// Bytes of the name.
    pub name_len: U16,
    /// InitiatorName.
    pub name: [u8; NAME],
    /// Not used; 0.
    pub spare: u8,
}

const _: () = assert!(size_of::<Record>() == 286);

impl Record {
    /// The record of a connection; none before its full feature phase.
    pub fn of(conn: &Conn, key: u64) -> Option<Record> {
        let Phase::Full(session) = &conn.phase else { return None };
        let (parameters, name) = (&session.parameters, session.initiator.as_bytes());
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        let (exp_cmd_sn, stat_sn) = conn.numbers();
        let mut record = Record {
            key: key.into(),
            nexus: session.nexus.unwrap_or(0).into(),
            target: session.target.as_ref().map_or(0, |(target, _)| *target).into(),
            portal: conn.portal.into(),
            isid: session.isid,
            tsih: session.tsih.into(),
            cid: session.cid.into(),
            flags: (bit(parameters.header_digest, flags::HEADER_DIGEST)
                | bit(parameters.data_digest, flags::DATA_DIGEST)
                | bit(parameters.initial_r2t, flags::INITIAL_R2T)
                | bit(parameters.immediate_data, flags::IMMEDIATE_DATA))
            .into(),
            max_send_data: parameters.max_send_data.into(),
            max_burst: parameters.max_burst.into(),
            first_burst: parameters.first_burst.into(),
            max_outstanding_r2t: parameters.max_outstanding_r2t.into(),
            exp_cmd_sn: exp_cmd_sn.into(),
            stat_sn: stat_sn.into(),
            name_len: (name.len().min(NAME) as u16).into(),
            ..FromZeros::new_zeroed()
        };
        record.name[..name.len().min(NAME)].copy_from_slice(&name[..name.len().min(NAME)]);
        Some(record)
    }

    /// InitiatorName, if it is one.
    pub fn initiator(&self) -> Option<&str> {
        let name = self.name.get(..usize::from(self.name_len.get()))?;
        std::str::from_utf8(name).ok().filter(|name| crate::login::name::normalize(name).is_ok())
    }
}

/// The page for a list of records, as many as fit into `room` bytes.
pub fn encode(records: impl Iterator<Item = Record>, room: usize) -> Vec<u8> {
    let mut page = Vec::new();
    for record in records.take(room / size_of::<Record>()) {
        page.extend_from_slice(record.as_bytes());
    }
    page
}

/// Reads a page back: the records that can be right.
pub fn decode(page: &[u8]) -> Vec<Record> {
    let records =
        page.chunks_exact(size_of::<Record>()).filter_map(|bytes| Record::read_from_bytes(bytes).ok());
    records.filter(|record| record.initiator().is_some()).collect()
}

#[cfg(test)]
mod tests;
