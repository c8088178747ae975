//! VPD pages that say which unit this is and what its task set can do: 80h, 83h, 86h.

use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;

/// CODE SET binary, PROTOCOL IDENTIFIER zero.
const BINARY: u8 = 0x01;
/// CODE SET ASCII.
const ASCII: u8 = 0x02;
/// ASSOCIATION logical unit, DESIGNATOR TYPE T10 vendor ID based.
const T10_VENDOR_ID: u8 = 0x01;
/// ASSOCIATION logical unit, DESIGNATOR TYPE NAA.
const NAA: u8 = 0x03;

/// Unit Serial Number (SPC-4 7.8).
pub(super) fn unit_serial_number(info: &DeviceInfo, data: &mut ParameterData) {
    data.put(info.serial.trimmed());
}

/// Device Identification (SPC-4 7.8): the name of the unit twice, as NAA for those that want eight bytes, as text for the rest.
pub(super) fn device_identification(info: &DeviceInfo, data: &mut ParameterData) {
    let naa = info.names.naa.as_slice();
    data.put(&[BINARY, NAA, 0, naa.len() as u8]);
    data.put(naa);
    let t10 = info.names.t10.trimmed();
    data.put(&[ASCII, T10_VENDOR_ID, 0, t10.len() as u8]);
    data.put(t10);
}

/// Extended INQUIRY Data (SPC-4 7.8): HEADSUP, ORDSUP and SIMPSUP; V_SUP when there is a volatile cache.
pub(super) fn extended_inquiry_data(info: &DeviceInfo, data: &mut ParameterData) {
    data.put(&[0x00, 0x07, u8::from(info.write_cache), 0x00]);
    data.pad_to(64);
}
