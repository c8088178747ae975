//! MODE SENSE data: header, block descriptor, pages (SPC-4 7.5, SBC-3 6.4).
//!
//! One list of pages serves the single page, all pages, and all subpages. There is no MODE SELECT yet, so every changeable
//! mask is zero, and the current values are the default ones. To add a page: a line in `PAGES`.

mod caching;
mod control;

use crate::command::{ModeSense, PageControl};
use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::sense::Sense;

/// PAGE CODE for all pages.
const ALL_PAGES: u8 = 0x3F;
/// SUBPAGE CODE for all subpages.
const ALL_SUBPAGES: u8 = 0xFF;
/// WP of the device-specific parameter (SBC-3 6.4.1).
const WP: u8 = 0x80;
/// DPOFUA of the device-specific parameter: READ and WRITE heed DPO and FUA.
const DPOFUA: u8 = 0x10;

/// A page without subpages: its code, the bytes after PAGE LENGTH, and how to make them.
struct Page {
    code: u8,
    values: fn(&DeviceInfo) -> Vec<u8>,
}

/// The pages, in order of their code, which is the order in which all of them are returned.
const PAGES: &[Page] = &[
    Page { code: caching::CODE, values: caching::values },
    Page { code: control::CODE, values: control::values },
];

/// Answers MODE SENSE(6) or (10) over `path`. Fails with INVALID FIELD IN CDB for a page or subpage that there is not.
pub fn respond(info: &DeviceInfo, path: &Path, request: &ModeSense) -> Result<ParameterData, Sense> {
    let pages = select(request)?;
    let mut data = ParameterData::new(request.allocation_length);
    put_header(info, path, request, &mut data);
    for page in pages {
        put_page(info, page, request.page_control, &mut data);
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

/// The pages that are asked for. No page here has subpages other than 00h.
fn select(request: &ModeSense) -> Result<&'static [Page], Sense> {
    let pages = if request.page == ALL_PAGES {
        PAGES
    } else {
        let at = PAGES.iter().position(|page| page.code == request.page);
        let at = at.ok_or(Sense::invalid_field_in_cdb(2, Some(5)))?;
        &PAGES[at..=at]
    };
    match request.subpage {
        0 | ALL_SUBPAGES => Ok(pages),
        _ => Err(Sense::invalid_field_in_cdb(3, None)),
    }
}

/// Mode parameter header and block descriptor (SPC-4 7.5.4, SBC-3 6.4.2). The mode data length is patched in later.
fn put_header(info: &DeviceInfo, path: &Path, request: &ModeSense, data: &mut ParameterData) {
    let specific = DPOFUA | if info.read_only || path.write_protected { WP } else { 0 };
    let descriptor = match (request.disable_block_descriptors, request.long_lba) {
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

fn put_page(info: &DeviceInfo, page: &Page, control: PageControl, data: &mut ParameterData) {
    let mut values = (page.values)(info);
    if control == PageControl::Changeable {
        values.fill(0);
    }
    data.put(&[page.code, values.len() as u8]);
    data.put(&values);
}

#[cfg(test)]
mod tests;
