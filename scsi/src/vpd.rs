//! Vital product data pages (SPC-4 7.8, SBC-3 6.5): one list of pages, from which the page that lists them is made too.
//!
//! Everything comes from [`DeviceInfo`]. To add a page: a line in `PAGES`, a function that writes what follows its length.

mod block;
pub(crate) mod copy;
mod identification;
mod ports;

use crate::device_info::{DeviceInfo, DeviceType};
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::sense::Sense;

/// PERIPHERAL QUALIFIER 001b: the device server has the unit, but it cannot be used now.
const NOT_CONNECTED: u8 = 0x20;

/// PERIPHERAL QUALIFIER and PERIPHERAL DEVICE TYPE of a unit over a path.
pub(crate) fn peripheral(info: &DeviceInfo, path: &Path) -> u8 {
    info.device_type.code() | if path.unavailable { NOT_CONNECTED } else { 0 }
}

/// Writes the body of a page.
type Body = fn(&DeviceInfo, &Path, &mut ParameterData);

/// The pages, in order of their code.
const PAGES: &[(u8, Body)] = &[
    (0x00, supported_pages),
    (0x80, identification::unit_serial_number),
    (0x83, identification::device_identification),
    (0x85, ports::management_network_addresses),
    (0x86, identification::extended_inquiry_data),
    (0x87, identification::mode_page_policy),
    (0x88, ports::scsi_ports),
    (0x8F, copy::third_party_copy),
    (0xB0, block::block_limits),
    (0xB1, block::block_device_characteristics),
    (0xB2, block::logical_block_provisioning),
];

/// A VPD page. Fails with INVALID FIELD IN CDB for a page that is not supported.
pub fn page(
    info: &DeviceInfo,
    path: &Path,
    code: u8,
    allocation_length: u16,
) -> Result<ParameterData, Sense> {
    let (_, body) =
        pages_of(info).find(|(listed, _)| *listed == code).ok_or(Sense::invalid_field_in_cdb(2, None))?;
    let mut data = ParameterData::new(allocation_length);
    data.put(&[peripheral(info, path), code, 0, 0]);
    body(info, path, &mut data);
    let length = (data.full_len() - 4) as u16;
    data.patch(2, &length.to_be_bytes());
    Ok(data)
}

/// Supported VPD Pages (SPC-4 7.8).
fn supported_pages(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    pages_of(info).for_each(|(code, _)| data.put_u8(*code));
}

/// The pages that a unit has: those of block devices are for disks, and addresses and ports for whoever has some.
fn pages_of(info: &DeviceInfo) -> impl Iterator<Item = &'static (u8, Body)> {
    PAGES.iter().filter(|(code, _)| match code {
        0x85 => !info.management_url.is_empty(),
        0x88 => !info.ports.is_empty(),
        0x8F => copy::is_supported(info),
        0xB0..=0xBF => info.device_type == DeviceType::Disk,
        _ => true,
    })
}

#[cfg(test)]
mod tests;
