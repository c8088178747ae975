//! What SAM-5 and SPC-4 say of the commands that the steps use, typed from the standards and not from the opcode table.

use crate::world::{TRANSPORT, initiator};

/// Asymmetric access states of a target port group (SPC-4 5.15.2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Optimized,
    NonOptimized,
    Standby,
    Unavailable,
    Transitioning,
}

impl Access {
    /// The additional sense code qualifier of LOGICAL UNIT NOT ACCESSIBLE with which the state refuses a command.
    pub fn refuses(self, op: Op) -> Option<u8> {
        let asks = matches!(op, Op::Inquiry | Op::RequestSense | Op::ReportLuns);
        let persistent =
            matches!(op, Op::PrOut { .. } | Op::Move { .. } | Op::ReadKeys | Op::ReadReservation);
        match self {
            Self::Standby if !asks && !persistent => Some(0x0B),
            Self::Unavailable if !asks => Some(0x0C),
            Self::Transitioning if !asks => Some(0x0A),
            _ => None,
        }
    }
}

/// A command that the steps use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    TestUnitReady,
    Inquiry,
    RequestSense,
    ReportLuns,
    Read,
    Write,
    Reserve6,
    Release6,
    /// PERSISTENT RESERVE OUT: service action, type, reservation key, service action reservation key.
    PrOut {
        action: u8,
        kind: u8,
        key: u64,
        new: u64,
    },
    /// PERSISTENT RESERVE OUT, REGISTER AND MOVE: reservation key, service action reservation key, the nexus that gets the
    /// reservation, UNREG.
    Move {
        key: u64,
        new: u64,
        heir: usize,
        unregister: bool,
    },
    /// PERSISTENT RESERVE IN, READ KEYS.
    ReadKeys,
    /// PERSISTENT RESERVE IN, READ RESERVATION.
    ReadReservation,
}

/// Whether another nexus' reservation lets a command through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It reads or changes nothing that a reservation protects.
    Nothing,
    /// It reads the medium: allowed under Write Exclusive types only.
    Reads,
    /// It changes the medium.
    Writes,
    /// It has rules of its own.
    Own,
}

impl Op {
    /// The CDB, with NACA in its CONTROL byte if asked for.
    pub fn cdb(self, naca: bool) -> Vec<u8> {
        let mut cdb = match self {
            Self::TestUnitReady => vec![0x00, 0, 0, 0, 0, 0],
            Self::Inquiry => vec![0x12, 0, 0, 0, 0x60, 0],
            Self::RequestSense => vec![0x03, 0, 0, 0, 0xFC, 0],
            Self::ReportLuns => vec![0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            Self::Read => vec![0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            Self::Write => vec![0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            Self::Reserve6 => vec![0x16, 0, 0, 0, 0, 0],
            Self::Release6 => vec![0x17, 0, 0, 0, 0, 0],
            Self::PrOut { action, kind, .. } => vec![0x5F, action, kind, 0, 0, 0, 0, 0, 24, 0],
            Self::Move { .. } => vec![0x5F, 7, 0, 0, 0, 0, 0, 0, 24 + 60, 0],
            Self::ReadKeys => vec![0x5E, 0x00, 0, 0, 0, 0, 0, 0x10, 0, 0],
            Self::ReadReservation => vec![0x5E, 0x01, 0, 0, 0, 0, 0, 0x10, 0, 0],
        };
        if let (true, Some(control)) = (naca, cdb.last_mut()) {
            *control |= 0x04;
        }
        cdb
    }

    /// The parameter list of PERSISTENT RESERVE OUT (SPC-4 6.16.3 and 6.16.4), without APTPL.
    pub fn data_out(self) -> Option<Vec<u8>> {
        let (Self::PrOut { key, new, .. } | Self::Move { key, new, .. }) = self else { return None };
        let mut list = vec![0; 24];
        list[..8].copy_from_slice(&key.to_be_bytes());
        list[8..16].copy_from_slice(&new.to_be_bytes());
        if let Self::Move { heir, unregister, .. } = self {
            list[17] = if unregister { 0x02 } else { 0 };
            list[19] = TRANSPORT[heir] as u8 + 1;
            // TransportID of an iSCSI initiator port (SPC-4 7.6.4.6): a name that ends in a zero, filled up to a multiple of 4.
            let mut id = vec![0x45, 0, 0, 56];
            id.extend(initiator(heir).as_bytes());
            assert!(id.len() < 60);
            id.resize(60, 0);
            list[23] = id.len() as u8;
            list.extend(id);
        }
        Some(list)
    }

    /// Whether the device server of the handler executes it. The rest is the core's.
    pub fn is_handlers(self) -> bool {
        matches!(self, Self::TestUnitReady | Self::Inquiry | Self::Read | Self::Write)
    }

    /// Whether a pending unit attention condition ends it (SAM-5 5.14.1: not INQUIRY, REPORT LUNS, REQUEST SENSE).
    pub fn reports_attention(self) -> bool {
        !matches!(self, Self::Inquiry | Self::RequestSense | Self::ReportLuns)
    }

    /// What a reservation of another nexus means for it (SPC-4 table 66, SBC-3 table 13).
    pub fn touch(self) -> Touch {
        match self {
            Self::TestUnitReady
            | Self::Inquiry
            | Self::RequestSense
            | Self::ReportLuns
            | Self::ReadKeys
            | Self::ReadReservation => Touch::Nothing,
            Self::Read => Touch::Reads,
            Self::Write => Touch::Writes,
            Self::Reserve6 | Self::Release6 | Self::PrOut { .. } | Self::Move { .. } => Touch::Own,
        }
    }
}
