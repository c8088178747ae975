//! Commands of MMC-6 that ask a CD drive about itself and its medium. Their answers are built in [`crate::mmc`].

use super::ReadWrite;
use crate::asc::Asc;
use crate::cdb::Cdb;
use crate::opcode::number::READ_CD;
use crate::sense::Sense;
use crate::units::{Blocks, Lba};

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

/// EXPECTED SECTOR TYPE of READ CD: any, and mode 1, which is what there is.
const ANY_TYPE: u8 = 0b000;
const MODE_1: u8 = 0b010;
/// The main channel selection of READ CD that asks for user data alone.
const USER_DATA: u8 = 0x10;
/// Frames before block 0, and in a second and a minute.
const LEAD_IN: u32 = 150;
const SECOND: u32 = 75;
const MINUTE: u32 = 60 * SECOND;

/// READ CD and READ CD MSF (MMC-6 6.19, 6.20) of the user data of mode 1, which is what READ reads; or of nothing. An image
/// has neither headers nor error correction, and no subchannel.
pub(super) fn decode_read_cd(cdb: &Cdb) -> Result<ReadWrite, Sense> {
    if !matches!(cdb.u8(1) >> 2 & 0x07, ANY_TYPE | MODE_1) {
        return Err(Sense::illegal_request(Asc::ILLEGAL_MODE_FOR_THIS_TRACK));
    }
    if cdb.u8(9) & 0xFE & !USER_DATA != 0 {
        return Err(Sense::invalid_field_in_cdb(9, None));
    }
    if cdb.u8(10) & 0x07 != 0 {
        return Err(Sense::invalid_field_in_cdb(10, Some(2)));
    }
    let (lba, blocks) = if cdb.opcode().code == READ_CD {
        (cdb.u32(2), cdb.u32(6) >> 8)
    } else {
        let (start, end) = (frame(cdb, 3)?, frame(cdb, 6)?);
        let blocks = end.checked_sub(start).ok_or(Sense::invalid_field_in_cdb(6, None))?;
        (start.checked_sub(LEAD_IN).ok_or(Sense::lba_out_of_range())?, blocks)
    };
    let blocks = if cdb.u8(9) & USER_DATA == 0 { 0 } else { blocks };
    let (lba, blocks) = (Lba(u64::from(lba)), Blocks(u64::from(blocks)));
    Ok(ReadWrite { lba, blocks, dpo: false, fua: false, group: 0 })
}

/// The frame that three bytes of minute, second and frame name.
fn frame(cdb: &Cdb, at: usize) -> Result<u32, Sense> {
    let [minute, second, frame] = [0, 1, 2].map(|byte| u32::from(cdb.u8(at + byte)));
    if second >= 60 || frame >= SECOND {
        return Err(Sense::invalid_field_in_cdb(at as u16, None));
    }
    Ok(minute * MINUTE + second * SECOND + frame)
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
