//! The parameter list of PERSISTENT RESERVE OUT (SPC-4 6.16.3 and 6.16.4).

use crate::asc::Asc;
use crate::sense::Sense;
use crate::transport_id::TransportId;

use super::OutAction;

/// Longest parameter list that is taken: 64 KiB of TransportIDs after the 28 bytes before them.
pub const MAX_LIST: usize = 28 + (64 << 10);

/// Bytes of a list without TransportIDs.
const BASIC: usize = 24;
/// Where the TransportIDs of REGISTER begin, after their length.
const PORTS: usize = 28;
/// Where RELATIVE TARGET PORT IDENTIFIER and the length of the TransportID of REGISTER AND MOVE stand.
const MOVE_PORT: usize = 18;
const MOVE_LENGTH: usize = 20;
/// SPEC_I_PT, ALL_TG_PT and APTPL in byte 20.
const FLAGS: usize = 20;
const SPEC_I_PT_BIT: u8 = 3;
const ALL_TG_PT: u8 = 0x04;
const APTPL: u8 = 0x01;
/// UNREG and APTPL in byte 17 of REGISTER AND MOVE.
const MOVE_FLAGS: usize = 17;
const UNREG: u8 = 0x02;

/// A parameter list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// RESERVATION KEY.
    pub key: u64,
    /// SERVICE ACTION RESERVATION KEY.
    pub action_key: u64,
    /// APTPL: activate persist through power loss.
    pub aptpl: bool,
    /// ALL_TG_PT: through all target ports.
    pub all_target_ports: bool,
    /// UNREG of REGISTER AND MOVE: unregister who moves.
    pub unregister: bool,
    /// SPEC_I_PT: TransportIDs follow, though it may be none of them.
    pub names_initiators: bool,
    /// RELATIVE TARGET PORT IDENTIFIER of REGISTER AND MOVE.
    pub target_port: u16,
    /// Offset of each TransportID in the list, and what it is.
    pub initiators: Vec<(u16, TransportId)>,
}

impl List {
    /// Reads a list. `length` is the PARAMETER LIST LENGTH of the CDB, `bytes` what has been received of it.
    ///
    /// # Errors
    /// PARAMETER LIST LENGTH ERROR if it has not the length that the action asks for, or INVALID FIELD IN PARAMETER LIST.
    pub fn decode(action: OutAction, bytes: &[u8], length: u32) -> Result<Self, Sense> {
        let wrong_length = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(BASIC..=MAX_LIST).contains(&length) {
            return Err(wrong_length);
        }
        let bytes = bytes.get(..length).ok_or(wrong_length)?;
        let moves = action == OutAction::RegisterAndMove;
        let flags = if moves { 0 } else { bytes[FLAGS] };
        let names_initiators = flags >> SPEC_I_PT_BIT & 1 != 0;
        if names_initiators && action != OutAction::Register {
            return Err(Sense::invalid_field_in_parameter_list(FLAGS as u16, Some(SPEC_I_PT_BIT)));
        }
        if !names_initiators && !moves && length != BASIC {
            return Err(wrong_length);
        }
        let mut list = Self {
            key: u64::from_be_bytes(field(bytes, 0)),
            action_key: u64::from_be_bytes(field(bytes, 8)),
            aptpl: flags & APTPL != 0,
            all_target_ports: flags & ALL_TG_PT != 0,
            unregister: false,
            names_initiators,
            target_port: 0,
            initiators: Vec::new(),
        };
        if moves {
            list.aptpl = bytes[MOVE_FLAGS] & APTPL != 0;
            list.unregister = bytes[MOVE_FLAGS] & UNREG != 0;
            list.target_port = u16::from_be_bytes(field(bytes, MOVE_PORT));
            list.initiators = ports(bytes, MOVE_LENGTH)?;
            if list.initiators.len() != 1 {
                return Err(Sense::invalid_field_in_parameter_list(MOVE_LENGTH as u16, None));
            }
        } else if names_initiators {
            if length < PORTS {
                return Err(wrong_length);
            }
            list.initiators = ports(bytes, PORTS - 4)?;
        }
        Ok(list)
    }
}

/// The TransportIDs after the length at `at`. All of them have to be in the list.
fn ports(bytes: &[u8], at: usize) -> Result<Vec<(u16, TransportId)>, Sense> {
    let wrong_length = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);
    let length = u32::from_be_bytes(field(bytes, at)) as usize;
    let start = at + 4;
    let end = start.checked_add(length).filter(|end| *end <= bytes.len()).ok_or(wrong_length)?;
    let mut ports = Vec::new();
    let mut at = start;
    while at < end {
        let invalid = |offset: usize| Sense::invalid_field_in_parameter_list((at + offset) as u16, None);
        let (id, used) = TransportId::parse(&bytes[at..end]).map_err(|wrong| invalid(wrong.0))?;
        ports.push((at as u16, id));
        at += used;
    }
    Ok(ports)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
