//! Commands of MMC-6 that ask a CD drive about itself and its medium. Their answers are built in [`crate::mmc`].

use crate::cdb::Cdb;
use crate::sense::Sense;

/// The fields of READ TOC/PMA/ATIP (MMC-6 6.25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadToc {
    /// MSF: addresses in minutes, seconds and frames.
    pub msf: bool,
    /// FORMAT. Where it is zero, the place that it had in SFF-8020 counts, bits 7 and 6 of CONTROL.
    pub format: u8,
    /// TRACK/SESSION NUMBER.
    pub number: u8,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

/// Which features GET CONFIGURATION asks for: RT and STARTING FEATURE NUMBER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Features {
    /// All, from this one on.
    From(u16),
    /// Those that are current, from this one on.
    CurrentFrom(u16),
    /// This one, if it is there.
    One(u16),
}

/// The fields of GET CONFIGURATION (MMC-6 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetConfiguration {
    /// Which features.
    pub features: Features,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

/// The fields of GET EVENT STATUS NOTIFICATION (MMC-6 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetEventStatus {
    /// NOTIFICATION CLASS REQUEST: a mask.
    pub classes: u8,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

/// What READ TRACK INFORMATION asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackAddress {
    /// The track that a block is in.
    Lba(u32),
    /// The track with this number.
    Track(u32),
    /// The first track of this session.
    Session(u32),
}

/// The fields of READ TRACK INFORMATION (MMC-6 6.26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadTrackInformation {
    /// Which track.
    pub address: TrackAddress,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

impl ReadToc {
    pub(super) fn decode(cdb: &Cdb) -> Self {
        let format = match cdb.u8(2) & 0x0F {
            0 => cdb.u8(9) >> 6,
            format => format,
        };
        Self { msf: cdb.bit(1, 1), format, number: cdb.u8(6), allocation_length: cdb.u16(7) }
    }
}

impl GetConfiguration {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let start = cdb.u16(2);
        let features = match cdb.u8(1) & 0x03 {
            0b00 => Features::From(start),
            0b01 => Features::CurrentFrom(start),
            0b10 => Features::One(start),
            _ => return Err(Sense::invalid_field_in_cdb(1, Some(1))),
        };
        Ok(Self { features, allocation_length: cdb.u16(7) })
    }
}

impl GetEventStatus {
    /// IMMED (here called POLLED) zero would have the command wait for an event, which is not offered.
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        if !cdb.bit(1, 0) {
            return Err(Sense::invalid_field_in_cdb(1, Some(0)));
        }
        Ok(Self { classes: cdb.u8(4), allocation_length: cdb.u16(7) })
    }
}

/// DATA TYPE of READ DISC INFORMATION: standard information only. Returns the allocation length.
pub(super) fn decode_disc_information(cdb: &Cdb) -> Result<u16, Sense> {
    if cdb.u8(1) & 0x07 != 0 {
        return Err(Sense::invalid_field_in_cdb(1, Some(2)));
    }
    Ok(cdb.u16(7))
}

impl ReadTrackInformation {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let address = match cdb.u8(1) & 0x03 {
            0b00 => TrackAddress::Lba(cdb.u32(2)),
            0b01 => TrackAddress::Track(cdb.u32(2)),
            0b10 => TrackAddress::Session(cdb.u32(2)),
            _ => return Err(Sense::invalid_field_in_cdb(1, Some(1))),
        };
        Ok(Self { address, allocation_length: cdb.u16(7) })
    }
}
