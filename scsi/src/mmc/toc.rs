//! READ TOC/PMA/ATIP (MMC-6 6.25): one session, one data track, the lead-out behind it.

use crate::command::ReadToc;
use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// ADR 1h (the position), CONTROL 4h (a data track, digital copy prohibited).
const DATA_TRACK: u8 = 0x14;
/// TRACK NUMBER of the lead-out.
const LEAD_OUT: u8 = 0xAA;
/// Frames before block 0: two seconds.
const PREGAP: u64 = 150;

/// Answers READ TOC/PMA/ATIP of a drive with a medium: formats 0h (TOC), 1h (session information), 2h (full TOC).
pub fn table_of_contents(info: &DeviceInfo, request: &ReadToc) -> Result<ParameterData, Sense> {
    let mut data = ParameterData::new(request.allocation_length);
    match request.format {
        0 => toc(info, request, &mut data)?,
        1 => {
            data.put(&[0, 0, 1, 1]);
            track(1, 0, request.msf, &mut data);
        }
        2 => full_toc(info, request, &mut data)?,
        // PMA, ATIP and CD-TEXT are of media that can be written, or of audio.
        _ => return Err(Sense::invalid_field_in_cdb(2, Some(3))),
    }
    let length = (data.full_len() - 2) as u16;
    data.patch(0, &length.to_be_bytes());
    Ok(data)
}

fn toc(info: &DeviceInfo, request: &ReadToc, data: &mut ParameterData) -> Result<(), Sense> {
    data.put(&[0, 0, 1, 1]);
    match request.number {
        0 | 1 => track(1, 0, request.msf, data),
        LEAD_OUT => {}
        _ => return Err(Sense::invalid_field_in_cdb(6, None)),
    }
    track(LEAD_OUT, info.blocks.0, request.msf, data);
    Ok(())
}

/// A track descriptor of formats 0h and 1h.
fn track(number: u8, lba: u64, msf: bool, data: &mut ParameterData) {
    data.put(&[0, DATA_TRACK, number, 0]);
    if msf {
        let [minute, second, frame] = time(lba);
        data.put(&[0, minute, second, frame]);
    } else {
        data.put_u32(u32::try_from(lba).unwrap_or(u32::MAX));
    }
}

/// Points A0h (first track), A1h (last track), A2h (lead-out) and the track; always in minutes, seconds and frames.
fn full_toc(info: &DeviceInfo, request: &ReadToc, data: &mut ParameterData) -> Result<(), Sense> {
    if request.number > 1 {
        return Err(Sense::invalid_field_in_cdb(6, None));
    }
    data.put(&[0, 0, 1, 1]);
    let points = [(0xA0, [1, 0, 0]), (0xA1, [1, 0, 0]), (0xA2, time(info.blocks.0)), (0x01, time(0))];
    for (point, [a, b, c]) in points {
        data.put(&[1, DATA_TRACK, 0, point, 0, 0, 0, 0, a, b, c]);
    }
    Ok(())
}

/// Minute, second and frame of a block; what is past the last minute that there is says so.
fn time(lba: u64) -> [u8; 3] {
    let frames = lba.saturating_add(PREGAP);
    match u8::try_from(frames / 75 / 60) {
        Ok(minute) => [minute, (frames / 75 % 60) as u8, (frames % 75) as u8],
        Err(_) => [255, 59, 74],
    }
}
