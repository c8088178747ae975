//! INQUIRY: standard data (SPC-4 6.6.2), and the answer for a LUN where there is no unit.
//!
//! Core answers for LUNs that are not mapped, the handler for those that are. Next: [`crate::vpd`] for the pages under EVPD.

use crate::command::Inquiry;
use crate::device_info::{DeviceInfo, DeviceType};
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::sense::Sense;
use crate::vpd;

/// The length of standard data: up to and with the reserved bytes after the version descriptors.
const STANDARD_LENGTH: usize = 96;
/// SPC-4.
const VERSION: u8 = 0x06;
/// HISUP, and RESPONSE DATA FORMAT 2.
const HISUP_FORMAT_2: u8 = 0x12;
/// NORMACA: NACA in a CONTROL byte is understood.
const NORMACA: u8 = 0x20;
/// CMDQUE: the full task management model.
const CMDQUE: u8 = 0x02;
/// 3PC: the unit takes EXTENDED COPY.
const THIRD_PARTY_COPY: u8 = 0x08;
/// RMB: the medium can be removed.
const RMB: u8 = 0x80;
/// MULTIP: the unit is reached through more than one port.
const MULTIP: u8 = 0x10;
/// SAM-5, no revision given (SPC-4 6.6.2, version descriptor values).
const SAM_5: u16 = 0x00A0;
/// SPC-4.
const SPC_4: u16 = 0x0460;
/// SBC-3.
const SBC_3: u16 = 0x04C0;
/// MMC-6.
const MMC_6: u16 = 0x04E0;
/// PROTOCOL IDENTIFIER of each transport, and the version descriptor that belongs to it: FCP-4, SRP, iSCSI.
const PROTOCOLS: [(u8, u16); 3] = [(0x0, 0x0A40), (0x4, 0x0940), (ISCSI, 0x0960)];
/// PROTOCOL IDENTIFIER of iSCSI.
const ISCSI: u8 = 0x5;
/// PERIPHERAL QUALIFIER 000b, PERIPHERAL DEVICE TYPE 1Eh: a well known logical unit.
const WELL_KNOWN: u8 = 0x1E;
/// PERIPHERAL QUALIFIER 011b, PERIPHERAL DEVICE TYPE 1Fh: no unit can be here.
const NOT_SUPPORTED: u8 = 0x7F;

/// Answers INQUIRY for `info` over `path`: standard data or a VPD page. Fails for a page that there is not.
pub fn respond(info: &DeviceInfo, path: &Path, request: &Inquiry) -> Result<ParameterData, Sense> {
    match request.page {
        None => Ok(standard(info, path, request.allocation_length)),
        Some(page) => vpd::page(info, path, page, request.allocation_length),
    }
}

/// Standard INQUIRY data.
pub fn standard(info: &DeviceInfo, path: &Path, allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    let removable = if info.removable { RMB } else { 0 };
    let ports = if info.ports.len() > 1 { MULTIP } else { 0 };
    data.put(&[vpd::peripheral(info, path), removable, VERSION, NORMACA | HISUP_FORMAT_2]);
    let copies = if vpd::copy::is_supported(info) { THIRD_PARTY_COPY } else { 0 };
    data.put(&[(STANDARD_LENGTH - 5) as u8, info.tpgs.code() << 4 | copies, ports, CMDQUE]);
    data.put(info.vendor.padded());
    data.put(info.product.padded());
    data.put(info.revision.padded());
    data.pad_to(58);
    version_descriptors(info, path, &mut data);
    data.pad_to(STANDARD_LENGTH);
    data
}

/// The standards that the unit claims to follow, and those of the transports through which it can be reached.
fn version_descriptors(info: &DeviceInfo, path: &Path, data: &mut ParameterData) {
    let commands = match info.device_type {
        DeviceType::Disk => SBC_3,
        DeviceType::CdDvd => MMC_6,
    };
    [SAM_5, SPC_4, commands].into_iter().for_each(|descriptor| data.put_u16(descriptor));
    let used = |protocol: u8| info.ports.iter().any(|port| port.protocol == protocol);
    for (protocol, descriptor) in PROTOCOLS.into_iter().filter(|(protocol, _)| used(*protocol)) {
        // What was negotiated is an increment of the descriptor (RFC 7144 4.2).
        let level = if protocol == ISCSI { u16::from(path.protocol_level.min(31)) } else { 0 };
        data.put_u16(descriptor + level);
    }
}

/// Answers INQUIRY for the REPORT LUNS well known logical unit (SPC-4 8.2).
pub fn well_known(request: &Inquiry) -> Result<ParameterData, Sense> {
    let mut data = ParameterData::new(request.allocation_length);
    match request.page {
        None => {
            data.put(&[WELL_KNOWN, 0, VERSION, HISUP_FORMAT_2, 31, 0, 0, CMDQUE]);
            data.put(b"BULKHEAD");
            data.put(b"REPORT LUNS     ");
            data.put(b"    ");
        }
        // It has no name of its own: it is the same thing behind every port.
        Some(0x00) => data.put(&[WELL_KNOWN, 0x00, 0, 1, 0x00]),
        Some(_) => return Err(Sense::invalid_field_in_cdb(2, None)),
    }
    Ok(data)
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
