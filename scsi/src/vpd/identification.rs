//! VPD pages that say which unit this is and what its task set can do: 80h, 83h, 86h, 87h.

use super::ports;
use crate::device_info::{DeviceInfo, ScsiName};
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::sense::SENSE_CAPACITY;

/// V_SUP: there is a volatile cache.
const V_SUP: u8 = 0x01;
/// NV_SUP: there is a cache that outlives a loss of power.
const NV_SUP: u8 = 0x02;

/// RTD_SUP: MODE SELECT takes RTD, which sets every page back to its defaults (SPC-5).
const RTD_SUP: u8 = 0x08;

/// CODE SET binary, ASCII and UTF-8.
pub(super) const BINARY: u8 = 0x1;
const ASCII: u8 = 0x2;
pub(super) const UTF_8: u8 = 0x3;

/// ASSOCIATION logical unit, target port and target device, where they stand in the second byte.
const UNIT: u8 = 0x00;
pub(super) const TARGET_PORT: u8 = 0x10;
pub(super) const TARGET_DEVICE: u8 = 0x20;
/// PIV: PROTOCOL IDENTIFIER is valid.
const PIV: u8 = 0x80;

/// DESIGNATOR TYPE.
const T10_VENDOR_ID: u8 = 0x1;
const EUI_64: u8 = 0x2;
const NAA: u8 = 0x3;
pub(super) const RELATIVE_TARGET_PORT: u8 = 0x4;
pub(super) const TARGET_PORT_GROUP: u8 = 0x5;
const LOGICAL_UNIT_GROUP: u8 = 0x6;
const SCSI_NAME: u8 = 0x8;

/// Unit Serial Number (SPC-4 7.8).
pub(super) fn unit_serial_number(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    data.put(info.serial.trimmed());
}

/// Device Identification (SPC-4 7.8): the names of the unit, then those of the port that the command came through. NAA is
/// first, because initiators that want one name take the first that they can use.
pub(super) fn device_identification(info: &DeviceInfo, path: &Path, data: &mut ParameterData) {
    let names = &info.names;
    designator(data, BINARY, UNIT | NAA, names.naa.as_slice());
    if let Some(eui64) = &names.eui64 {
        designator(data, BINARY, UNIT | EUI_64, eui64.as_slice());
    }
    designator(data, ASCII, UNIT | T10_VENDOR_ID, names.t10.trimmed());
    if let Some(name) = &names.scsi_name {
        designator(data, UTF_8, UNIT | SCSI_NAME, &name.padded());
    }
    if let Some(group) = info.unit_group {
        designator(data, BINARY, UNIT | LOGICAL_UNIT_GROUP, &u32::from(group).to_be_bytes());
    }
    ports::of_this_port(info, path, data);
}

/// One designation descriptor (SPC-4 7.8.6).
pub(super) fn designator(data: &mut ParameterData, code_set: u8, kind: u8, bytes: &[u8]) {
    data.put(&[code_set, kind, 0, bytes.len() as u8]);
    data.put(bytes);
}

/// A designation descriptor with the SCSI name of a port or target device.
pub(super) fn name_of(data: &mut ParameterData, protocol: u8, association: u8, name: &ScsiName) {
    designator(data, protocol << 4 | UTF_8, PIV | association | SCSI_NAME, &name.padded());
}

/// Extended INQUIRY Data (SPC-4 7.8): HEADSUP, ORDSUP and SIMPSUP; V_SUP when there is a volatile cache; LUICLR, for the
/// core takes REPORTED LUNS DATA HAS CHANGED back from all units of a nexus at once; the longest sense data that there is; RTD_SUP.
pub(super) fn extended_inquiry_data(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    let caches = if info.write_cache { V_SUP } else { 0 } | if info.nv_cache { NV_SUP } else { 0 };
    data.put(&[0x00, 0x07, caches, 0x01, RTD_SUP, 0, 0, 0, 0, SENSE_CAPACITY as u8]);
    data.pad_to(64);
}

/// Mode Page Policy (SPC-4 7.8): every page and subpage is shared by all I_T nexuses, and each unit has its own.
pub(super) fn mode_page_policy(_: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    data.put(&[0x3F, 0xFF, 0x00, 0x00]);
}
