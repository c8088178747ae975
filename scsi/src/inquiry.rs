//! INQUIRY: standard data (SPC-4 6.6.2), and the answer for a LUN where there is no unit.
//!
//! Core answers for LUNs that are not mapped, the handler for those that are. Next: [`crate::vpd`] for the pages under EVPD.

use crate::command::Inquiry;
use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::sense::Sense;
use crate::vpd;

/// The length of standard data: up to and with the reserved bytes after the version descriptors.
const STANDARD_LENGTH: usize = 96;
/// SPC-4.
const VERSION: u8 = 0x06;
/// HISUP, and RESPONSE DATA FORMAT 2. NORMACA is zero: NACA is refused (see [`crate::cdb`]).
const HISUP_FORMAT_2: u8 = 0x12;
/// CMDQUE: the full task management model.
const CMDQUE: u8 = 0x02;
/// RMB: the medium can be removed.
const RMB: u8 = 0x80;
/// SAM-5, SPC-4, SBC-3, none of a given revision. No transport is named: a unit can be reached over several.
const VERSION_DESCRIPTORS: [u16; 3] = [0x00A0, 0x0460, 0x04C0];
/// PERIPHERAL QUALIFIER 011b, PERIPHERAL DEVICE TYPE 1Fh: no unit can be here.
const NOT_SUPPORTED: u8 = 0x7F;

/// Answers INQUIRY for `info`: standard data or a VPD page. Fails for a page that there is not.
pub fn respond(info: &DeviceInfo, request: &Inquiry) -> Result<ParameterData, Sense> {
    match request.page {
        None => Ok(standard(info, request.allocation_length)),
        Some(page) => vpd::page(info, page, request.allocation_length),
    }
}

/// Standard INQUIRY data.
pub fn standard(info: &DeviceInfo, allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put(&[vpd::DIRECT_ACCESS, if info.removable { RMB } else { 0 }, VERSION, HISUP_FORMAT_2]);
    data.put(&[(STANDARD_LENGTH - 5) as u8, 0, 0, CMDQUE]);
    data.put(info.vendor.padded());
    data.put(info.product.padded());
    data.put(info.revision.padded());
    data.pad_to(58);
    VERSION_DESCRIPTORS.iter().for_each(|&descriptor| data.put_u16(descriptor));
    data.pad_to(STANDARD_LENGTH);
    data
}

/// Answers INQUIRY for a LUN at which no unit is mapped (SPC-4 6.6.1). VPD pages do not exist there.
pub fn unsupported_lun(request: &Inquiry) -> Result<ParameterData, Sense> {
    if request.page.is_some() {
        return Err(Sense::lun_not_supported());
    }
    let mut data = ParameterData::new(request.allocation_length);
    data.put(&[NOT_SUPPORTED, 0, VERSION, HISUP_FORMAT_2, 31, 0, 0, CMDQUE]);
    data.put(b"BULKHEAD");
    data.put(b"NO LOGICAL UNIT ");
    data.put(b"    ");
    Ok(data)
}

#[cfg(test)]
mod tests;
