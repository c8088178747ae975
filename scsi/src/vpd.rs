//! Vital product data pages (SPC-4 7.8, SBC-3 6.5): one list of pages, from which the page that lists them is made too.
//!
//! Everything comes from [`DeviceInfo`]. To add a page: a line in `PAGES`, a function that writes what follows its length.

mod block;
mod identification;

use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// PERIPHERAL QUALIFIER 000b and PERIPHERAL DEVICE TYPE 00h: a connected direct access block device.
pub(crate) const DIRECT_ACCESS: u8 = 0x00;

/// Writes the body of a page.
type Body = fn(&DeviceInfo, &mut ParameterData);

/// The pages, in order of their code.
const PAGES: &[(u8, Body)] = &[
    (0x00, supported_pages),
    (0x80, identification::unit_serial_number),
    (0x83, identification::device_identification),
    (0x86, identification::extended_inquiry_data),
    (0xB0, block::block_limits),
    (0xB1, block::block_device_characteristics),
    (0xB2, block::logical_block_provisioning),
];

/// A VPD page. Fails with INVALID FIELD IN CDB for a page that is not supported.
pub fn page(info: &DeviceInfo, code: u8, allocation_length: u16) -> Result<ParameterData, Sense> {
    let (_, body) =
        PAGES.iter().find(|(listed, _)| *listed == code).ok_or(Sense::invalid_field_in_cdb(2, None))?;
    let mut data = ParameterData::new(allocation_length);
    data.put(&[DIRECT_ACCESS, code, 0, 0]);
    body(info, &mut data);
    let length = (data.full_len() - 4) as u16;
    data.patch(2, &length.to_be_bytes());
    Ok(data)
}

/// Supported VPD Pages (SPC-4 7.8).
fn supported_pages(_: &DeviceInfo, data: &mut ParameterData) {
    PAGES.iter().for_each(|(code, _)| data.put_u8(*code));
}

#[cfg(test)]
mod tests;
