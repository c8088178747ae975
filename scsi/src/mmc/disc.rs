//! READ DISC INFORMATION, READ TRACK INFORMATION, READ FORMAT CAPACITIES and MECHANISM STATUS (MMC-6 6.21, 6.26, 6.23, 6.9).

use super::Disc;
use crate::command::{ReadTrackInformation, TrackAddress};
use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// Standard disc information: complete, not erasable, one session with one track; no identification, no bar code.
pub fn disc_information(allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    // STATE OF LAST SESSION and DISC STATUS: complete. First track, sessions, first and last track of the last session: 1.
    data.put(&[0x00, 0x20, 0x0E, 1, 1, 1, 1]);
    // URU: anybody may use it. DISC TYPE: CD-DA or CD-ROM.
    data.put(&[0x20, 0x00, 0, 0, 0]);
    data.pad_to(16);
    // No lead-in and lead-out that could be written.
    data.put(&[0xFF; 8]);
    data.pad_to(34);
    data
}

/// Information about the track.
///
/// Fails with INVALID FIELD IN CDB for a track, session or block that there is not.
pub fn track_information(info: &DeviceInfo, request: &ReadTrackInformation) -> Result<ParameterData, Sense> {
    let there = match request.address {
        TrackAddress::Lba(lba) => u64::from(lba) < info.blocks.0,
        TrackAddress::Track(number) | TrackAddress::Session(number) => number == 1,
    };
    if !there {
        return Err(Sense::invalid_field_in_cdb(2, None));
    }
    let mut data = ParameterData::new(request.allocation_length);
    // TRACK MODE 4h: data. DATA MODE 1h.
    data.put(&[0x00, 0x22, 1, 1, 0, 0x04, 0x01, 0]);
    data.pad_to(24);
    data.put_u32(u32::try_from(info.blocks.0).unwrap_or(u32::MAX));
    data.pad_to(36);
    Ok(data)
}

/// The capacity of the medium, and that it is formatted; without one, the most that the drive takes: all that 32 bits count.
pub fn format_capacities(info: &DeviceInfo, disc: Disc, allocation_length: u16) -> ParameterData {
    let (blocks, kind) = match disc.present {
        true => (u32::try_from(info.blocks.0).unwrap_or(u32::MAX), 0b10),
        false => (u32::MAX, 0b11),
    };
    let mut data = ParameterData::new(allocation_length);
    data.put(&[0, 0, 0, 8]);
    data.put_u32(blocks);
    let [_, length @ ..] = info.block_size.get().to_be_bytes();
    data.put_u8(kind);
    data.put(&length);
    data
}

/// The state of the mechanism: idle, the door, no changer.
pub fn mechanism_status(disc: Disc, allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put(&[0, u8::from(disc.open) << 4, 0, 0, 0, 0, 0, 0]);
    data
}
