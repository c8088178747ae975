//! Third-party Copy (8Fh, SPC-4 7.8.17): what the copy manager takes, the same facts as RECEIVE COPY RESULTS reports.

use crate::device_info::DeviceInfo;
use crate::extended_copy::results::CONCURRENT_COPIES;
use crate::extended_copy::{
    BLOCK_TO_BLOCK, IDENTIFICATION, MOST_DESCRIPTOR_BYTES, MOST_SEGMENT_BYTES, MOST_SEGMENTS, MOST_TARGETS,
};
use crate::opcode::number::{EXTENDED_COPY, RECEIVE_COPY_RESULTS};
use crate::opcode::{self, Opcode};
use crate::parameter::ParameterData;
use crate::path::Path;

/// Whether the unit takes EXTENDED COPY.
pub(crate) fn is_supported(info: &DeviceInfo) -> bool {
    opcode::rows(EXTENDED_COPY).iter().any(|row| info.supports(row))
}

/// Third-party Copy.
pub(super) fn third_party_copy(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    supported_commands(info, data);
    parameter_data(data);
    // Supported Descriptors.
    data.put(&[0x00, 0x08, 0, 4, 2, BLOCK_TO_BLOCK, IDENTIFICATION, 0]);
    // Supported CSCD Descriptor IDs: none but indices of the list.
    data.put(&[0x00, 0x0C, 0, 4, 0, 0, 0, 0]);
    general_copy_operations(data);
    // Held Data: none is held.
    data.put(&[0xC0, 0x01, 0, 28]);
    data.put(&[0; 28]);
}

/// Supported Commands: the service actions of both operation codes.
fn supported_commands(info: &DeviceInfo, data: &mut ParameterData) {
    let mut commands = Vec::new();
    for code in [EXTENDED_COPY, RECEIVE_COPY_RESULTS] {
        let supported = |row: &&Opcode| info.supports(row);
        let actions = opcode::rows(code).iter().filter(supported).filter_map(|row| row.service_action);
        let actions: Vec<u8> = actions.map(|action| action as u8).collect();
        commands.extend([code, actions.len() as u8]);
        commands.extend(actions);
    }
    let length = (1 + commands.len()).next_multiple_of(4);
    data.put_u16(0x0001);
    data.put_u16(length as u16);
    let end = data.full_len() + length;
    data.put_u8(commands.len() as u8);
    data.put(&commands);
    data.pad_to(end);
}

/// Parameter Data: the limits of a parameter list.
fn parameter_data(data: &mut ParameterData) {
    let end = data.full_len() + 32;
    data.put(&[0x00, 0x04, 0, 28, 0, 0, 0, 0]);
    data.put_u16(MOST_TARGETS as u16);
    data.put_u16(MOST_SEGMENTS as u16);
    data.put_u32(MOST_DESCRIPTOR_BYTES as u32);
    data.pad_to(end);
}

/// General Copy Operations. Granularities are zero: 2^0 bytes.
fn general_copy_operations(data: &mut ParameterData) {
    let end = data.full_len() + 36;
    data.put(&[0x80, 0x01, 0, 32]);
    data.put_u32(u32::from(CONCURRENT_COPIES));
    data.put_u32(u32::from(CONCURRENT_COPIES));
    data.put_u32(MOST_SEGMENT_BYTES);
    data.pad_to(end);
}
