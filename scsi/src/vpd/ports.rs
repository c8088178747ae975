//! VPD pages about the ports through which a unit is reached: 85h, 88h, and the part of 83h that is about the port of the
//! command itself.

use super::identification::{
    BINARY, RELATIVE_TARGET_PORT, TARGET_DEVICE, TARGET_PORT, TARGET_PORT_GROUP, designator, name_of,
};
use crate::device_info::{DeviceInfo, Tpgs};
use crate::parameter::ParameterData;
use crate::path::Path;

/// ASSOCIATION target device, SERVICE TYPE storage configuration service.
const STORAGE_CONFIGURATION: u8 = TARGET_DEVICE << 1 | 0x01;

/// Designation descriptors of the port that the command came through. What is not known of it is left out.
pub(super) fn of_this_port(info: &DeviceInfo, path: &Path, data: &mut ParameterData) {
    if path.port == 0 {
        return;
    }
    designator(data, BINARY, TARGET_PORT | RELATIVE_TARGET_PORT, &u32::from(path.port).to_be_bytes());
    if info.tpgs != Tpgs::None {
        designator(data, BINARY, TARGET_PORT | TARGET_PORT_GROUP, &u32::from(path.port_group).to_be_bytes());
    }
    if let Some(port) = info.ports.iter().find(|port| port.relative == path.port) {
        name_of(data, port.protocol, TARGET_PORT, &port.name);
        name_of(data, port.protocol, TARGET_DEVICE, &port.device);
    }
}

/// Management Network Addresses (SPC-4 7.8).
pub(super) fn management_network_addresses(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    let mut url = info.management_url.as_bytes().to_vec();
    url.resize((url.len() + 1).next_multiple_of(4), 0);
    data.put(&[STORAGE_CONFIGURATION, 0]);
    data.put_u16(url.len() as u16);
    data.put(&url);
}

/// SCSI Ports (SPC-4 7.8): every port of the unit with its name.
pub(super) fn scsi_ports(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    for port in &info.ports {
        data.put_u16(0);
        data.put_u16(port.relative);
        // No initiator port, so no TransportID.
        data.put_u32(0);
        data.put_u16(0);
        data.put_u16((port.name.padded().len() + 4) as u16);
        name_of(data, port.protocol, TARGET_PORT, &port.name);
    }
}
