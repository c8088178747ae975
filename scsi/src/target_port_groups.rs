//! Target port groups and their asymmetric access states: the data of REPORT TARGET PORT GROUPS (SPC-4 6.37) and of SET
//! TARGET PORT GROUPS (SPC-4 6.45).
//!
//! Which groups there are and what state they are in is core-svc's to know.

use crate::asc::Asc;
use crate::code::coded_enum;
use crate::command::ReportTargetPortGroups;
use crate::parameter::ParameterData;
use crate::sense::Sense;

coded_enum! {
    /// ASYMMETRIC ACCESS STATE (SPC-4 6.37).
    AccessState, "asymmetric access state" {
        /// Active/optimized.
        Active = 0x0,
        /// Active/non-optimized.
        NonOptimized = 0x1,
        /// Standby.
        Standby = 0x2,
        /// Unavailable.
        Unavailable = 0x3,
        /// Offline.
        Offline = 0xE,
        /// Transitioning between states.
        Transitioning = 0xF,
    }
}

coded_enum! {
    /// STATUS CODE of a group (SPC-4 6.37): what changed its state last.
    StatusCode, "status code" {
        /// Nothing has.
        None = 0x0,
        /// SET TARGET PORT GROUPS.
        Explicit = 0x1,
        /// Something other than a command.
        Implicit = 0x2,
    }
}

/// T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP and AO_SUP: every state but the LBA dependent one.
const SUPPORTED_STATES: u8 = 0xCF;
/// PREF.
const PREF: u8 = 0x80;
/// FORMAT TYPE 001b of the extended header.
const EXTENDED: u8 = 0x10;
/// Bytes of the header of SET TARGET PORT GROUPS, and of each descriptor after it.
const DESCRIPTOR: usize = 4;

/// A target port group as a unit sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// TARGET PORT GROUP.
    pub id: u16,
    /// Its state for the unit.
    pub state: AccessState,
    /// PREF: use this one if there is a choice.
    pub preferred: bool,
    /// What changed the state last.
    pub status: StatusCode,
    /// Relative identifiers of its ports; at most 255 are reported.
    pub ports: Vec<u16>,
}

/// Answers REPORT TARGET PORT GROUPS. No time is promised for implicit transitions: IMPLICIT TRANSITION TIME is zero.
pub fn report(groups: &[Group], request: &ReportTargetPortGroups) -> ParameterData {
    let mut data = ParameterData::new(request.allocation_length);
    data.put_u32(0);
    if request.extended {
        data.put(&[EXTENDED, 0, 0, 0]);
    }
    for group in groups {
        let ports = group.ports.get(..usize::from(u8::MAX)).unwrap_or(&group.ports);
        data.put(&[group.state.code() | if group.preferred { PREF } else { 0 }, SUPPORTED_STATES]);
        data.put_u16(group.id);
        data.put(&[0, group.status.code(), 0, ports.len() as u8]);
        ports.iter().for_each(|port| data.put_u32(u32::from(*port)));
    }
    let length = (data.full_len() - 4) as u32;
    data.patch(0, &length.to_be_bytes());
    data
}

/// The parameter list of SET TARGET PORT GROUPS: groups and the states that they shall have. `known` says whether there is
/// such a group.
///
/// Fails with the sense for a list whose length is wrong, a state that cannot be set (LBA dependent, reserved, offline and
/// transitioning: the last two are nobody's but the administrator's), and a group that is not known or named twice.
pub fn decode_set(list: &[u8], known: impl Fn(u16) -> bool) -> Result<Vec<(u16, AccessState)>, Sense> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    if !list.len().is_multiple_of(DESCRIPTOR) {
        return Err(Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR));
    }
    let mut wanted: Vec<(u16, AccessState)> = Vec::new();
    for (at, descriptor) in list.chunks_exact(DESCRIPTOR).enumerate().skip(1) {
        let &[state, _, high, low] = descriptor else { continue };
        let wrong = |byte: usize, bit| {
            let byte = u16::try_from(at * DESCRIPTOR + byte).unwrap_or(u16::MAX);
            Sense::invalid_field_in_parameter_list(byte, bit)
        };
        let state = match AccessState::try_from(state & 0x0F) {
            Ok(AccessState::Offline | AccessState::Transitioning) | Err(_) => return Err(wrong(0, Some(3))),
            Ok(state) => state,
        };
        let group = u16::from_be_bytes([high, low]);
        if !known(group) || wanted.iter().any(|(named, _)| *named == group) {
            return Err(wrong(2, None));
        }
        wanted.push((group, state));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests;
