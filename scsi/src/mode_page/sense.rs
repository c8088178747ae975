//! MODE SENSE data: header, block descriptor, pages (SPC-4 6.13, 7.5).

use super::{ALL_PAGES, ALL_SUBPAGES, ModeParameters, PAGES, PS};
use crate::command::{ModeSense, PageControl};
use crate::device_info::{DeviceInfo, DeviceType};
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::sense::Sense;

/// WP of the device-specific parameter (SBC-3 6.4.1).
const WP: u8 = 0x80;
/// DPOFUA of the device-specific parameter: READ and WRITE heed DPO and FUA.
const DPOFUA: u8 = 0x10;

/// Answers MODE SENSE(6) or (10) that came over `path` from the values in force and the saved ones, if this unit can save any.
///
/// Fails with INVALID FIELD IN CDB for a page or subpage that there is not, and with SAVING PARAMETERS NOT SUPPORTED.
pub fn respond(
    info: &DeviceInfo,
    path: &Path,
    current: &ModeParameters,
    saved: Option<&ModeParameters>,
    request: &ModeSense,
) -> Result<ParameterData, Sense> {
    let defaults = ModeParameters::default();
    let values = match request.page_control {
        PageControl::Current => Some(current),
        PageControl::Default => Some(&defaults),
        PageControl::Changeable => None,
        PageControl::Saved => Some(saved.ok_or(Sense::saving_parameters_not_supported(2, Some(7)))?),
    };
    let places = select(info, request)?;
    let mut data = ParameterData::new(request.allocation_length);
    let protected = info.read_only || path.write_protected || current.software_write_protect(info);
    put_header(info, protected, request, &mut data);
    for place in places {
        let page = &PAGES[place];
        let mut bytes = values.map_or_else(|| changeable(place), |values| values.page(info, place));
        if saved.is_some() && !page.changeable.is_empty() {
            bytes[0] |= PS;
        }
        data.put(&bytes[..page.len]);
    }
    if request.ten {
        let length = (data.full_len() - 2) as u16;
        data.patch(0, &length.to_be_bytes());
    } else {
        let length = (data.full_len() - 1) as u8;
        data.patch(0, &[length]);
    }
    Ok(data)
}

/// The mask of a page, under its header.
fn changeable(place: usize) -> super::PageBytes {
    let (mut bytes, header) = (PAGES[place].mask(), PAGES[place].header());
    let len = PAGES[place].header_len();
    bytes[..len].copy_from_slice(&header[..len]);
    bytes
}

/// The places of the pages that are asked for.
fn select(info: &DeviceInfo, request: &ModeSense) -> Result<Vec<usize>, Sense> {
    let of_unit = || PAGES.iter().enumerate().filter(|(_, page)| page.is_of(info));
    let known = |code| code == ALL_PAGES || of_unit().any(|(_, page)| page.code == code);
    if !known(request.page) {
        return Err(Sense::invalid_field_in_cdb(2, Some(5)));
    }
    let wanted = of_unit().filter(|(_, page)| {
        (request.page == ALL_PAGES || request.page == page.code)
            && (request.subpage == ALL_SUBPAGES || request.subpage == page.subpage)
    });
    let places: Vec<usize> = wanted.map(|(place, _)| place).collect();
    let possible = request.page != ALL_PAGES || matches!(request.subpage, 0 | ALL_SUBPAGES);
    if places.is_empty() || !possible {
        return Err(Sense::invalid_field_in_cdb(3, None));
    }
    Ok(places)
}

/// Mode parameter header and block descriptor (SPC-4 7.5.4, SBC-3 6.4.2). The mode data length is patched in later. A CD has
/// no block descriptor, and its device-specific parameter is reserved (MMC-6 7.2).
fn put_header(info: &DeviceInfo, protected: bool, request: &ModeSense, data: &mut ParameterData) {
    let disk = info.device_type == DeviceType::Disk;
    let specific = if disk { DPOFUA | if protected { WP } else { 0 } } else { 0 };
    let descriptor = match (request.disable_block_descriptors || !disk, request.long_lba) {
        (true, _) => 0,
        (false, true) => 16,
        (false, false) => 8,
    };
    if request.ten {
        data.put(&[0, 0, 0, specific, u8::from(descriptor == 16), 0, 0, descriptor]);
    } else {
        data.put(&[0, 0, specific, descriptor]);
    }
    match descriptor {
        16 => {
            data.put_u64(info.blocks.0);
            data.put_u32(0);
            data.put_u32(info.block_size.get());
        }
        8 => {
            data.put_u32(u32::try_from(info.blocks.0).unwrap_or(u32::MAX));
            data.put_u32(info.block_size.get());
        }
        _ => {}
    }
}
