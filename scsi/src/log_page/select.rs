//! The parameter list of LOG SELECT (SPC-4 6.7, 7.3.2).
//!
//! Counters can be set back, not set: a list is checked to the end and then refused at its first parameter, unless it has
//! none.

use super::{SPF, pages_of};
use crate::asc::Asc;
use crate::device_info::DeviceInfo;
use crate::sense::Sense;

const TOO_SHORT: Sense = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);

/// Checks a parameter list, which is as long as PARAMETER LIST LENGTH says, or as what has come if that is less.
///
/// Fails with PARAMETER LIST LENGTH ERROR for one that ends within a page or parameter, and with INVALID FIELD IN PARAMETER
/// LIST for a page that there is not, and for every parameter, since none can be set.
pub fn parse(info: &DeviceInfo, list: &[u8]) -> Result<(), Sense> {
    let wrong = |byte: usize, bit| {
        Sense::invalid_field_in_parameter_list(u16::try_from(byte).unwrap_or(u16::MAX), bit)
    };
    let mut at = 0;
    while let Some(rest) = list.get(at..).filter(|rest| !rest.is_empty()) {
        let [code, subpage, high, low] = *rest.first_chunk().ok_or(TOO_SHORT)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !pages_of(info).any(|page| page.code == code & 0x3F) {
            return Err(wrong(at, Some(5)));
        }
        if code & SPF != 0 || subpage != 0 {
            return Err(wrong(at + 1, None));
        }
        let body = rest.get(4..4 + length).ok_or(TOO_SHORT)?;
        if !body.is_empty() {
            let [_, _, _, value] = *body.first_chunk().ok_or(TOO_SHORT)?;
            body.get(4..4 + usize::from(value)).ok_or(TOO_SHORT)?;
            return Err(wrong(at + 4, None));
        }
        at += 4;
    }
    Ok(())
}
