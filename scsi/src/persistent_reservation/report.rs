//! The parameter data of PERSISTENT RESERVE IN (SPC-4 6.15.2 to 6.15.5).

use crate::parameter::ParameterData;

use super::Type;

/// R_HOLDER of a full status descriptor.
const R_HOLDER: u8 = 0x01;
/// Bytes of a full status descriptor before the TransportID.
const DESCRIPTOR: usize = 24;

/// READ KEYS (SPC-4 6.15.2).
pub fn keys(
    generation: u32,
    keys: impl ExactSizeIterator<Item = u64>,
    allocation_length: u16,
) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(generation);
    data.put_u32(8 * keys.len() as u32);
    keys.for_each(|key| data.put_u64(key));
    data
}

/// READ RESERVATION (SPC-4 6.15.3): the key of the holder and the type, if there is a reservation. The key is zero if all
/// registrants hold it.
pub fn reservation(generation: u32, held: Option<(u64, Type)>, allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(generation);
    let Some((key, kind)) = held else {
        data.put_u32(0);
        return data;
    };
    data.put_u32(16);
    data.put_u64(key);
    data.put(&[0, 0, 0, 0, 0, kind.code(), 0, 0]);
    data
}

/// What REPORT CAPABILITIES says that is not the same for every unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// PTPL_C: registrations can be made to survive a loss of power.
    pub persists: bool,
    /// PTPL_A: they do.
    pub persistent: bool,
}

/// REPORT CAPABILITIES (SPC-4 6.15.4): RLR_C, CRH, SIP_C and ATP_C; ALLOW COMMANDS 011b (TEST UNIT READY passes every
/// reservation; MODE SENSE, READ BUFFER, REPORT SUPPORTED OPERATION CODES and their like pass Write Exclusive ones); all types.
pub fn report_capabilities(capabilities: Capabilities, allocation_length: u16) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    let Capabilities { persists, persistent } = capabilities;
    data.put(&[0x00, 0x08]);
    data.put(&[0x80 | 0x10 | 0x08 | 0x04 | u8::from(persists), 0x80 | 0x30 | u8::from(persistent)]);
    data.put(&[0xEA, 0x01, 0x00, 0x00]);
    data
}

/// A registered I_T nexus in READ FULL STATUS.
#[derive(Debug, Clone, Copy)]
pub struct FullStatus<'a> {
    /// RESERVATION KEY.
    pub key: u64,
    /// The type of the reservation that it holds, if it does.
    pub holds: Option<Type>,
    /// RELATIVE TARGET PORT IDENTIFIER.
    pub target_port: u16,
    /// TransportID of the initiator port.
    pub transport_id: &'a [u8],
}

/// READ FULL STATUS (SPC-4 6.15.5). ALL_TG_PT is zero in each: every target port has a descriptor of its own.
pub fn full_status<'a>(
    generation: u32,
    registered: impl Iterator<Item = FullStatus<'a>>,
    allocation_length: u16,
) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(generation);
    data.put_u32(0);
    for FullStatus { key, holds, target_port, transport_id } in registered {
        data.put_u64(key);
        let (holder, kind) = holds.map_or((0, 0), |kind| (R_HOLDER, kind.code()));
        data.put(&[0, 0, 0, 0, holder, kind, 0, 0, 0, 0]);
        data.put_u16(target_port);
        data.put_u32(transport_id.len() as u32);
        data.put(transport_id);
    }
    let length = (data.full_len() - 8) as u32;
    data.patch(4, &length.to_be_bytes());
    data
}

const _: () = assert!(DESCRIPTOR == 8 + 10 + 2 + 4);
