//! REPORT SUPPORTED OPERATION CODES (SPC-4 6.35): the opcode table, as an initiator may read it.

use crate::command::{ReportSupportedOperationCodes, ReportingOptions};
use crate::device_info::DeviceInfo;
use crate::opcode::{self, Opcode};
use crate::parameter::ParameterData;
use crate::sense::Sense;

/// CTDP of a command descriptor in the all_commands format.
const CTDP: u8 = 0x02;
/// SERVACTV: the service action field means something.
const SERVACTV: u8 = 0x01;
/// CTDP in the one_command format.
const ONE_CTDP: u8 = 0x80;
/// NACA of the CONTROL byte, which core-svc looks at in every command.
const NACA: u8 = 0x04;
/// SUPPORT 001b: not supported.
const NOT_SUPPORTED: u8 = 0x01;
/// SUPPORT 011b: supported as the standard says.
const SUPPORTED: u8 = 0x03;

/// Answers REPORT SUPPORTED OPERATION CODES of a unit from the table.
///
/// Fails with INVALID FIELD IN CDB if the reporting options do not suit the operation code (SPC-4 6.35.1).
pub fn respond(info: &DeviceInfo, request: &ReportSupportedOperationCodes) -> Result<ParameterData, Sense> {
    let mut data = ParameterData::new(request.allocation_length);
    let row = match request.options {
        ReportingOptions::All => {
            put_all(info, request.timeouts, &mut data);
            return Ok(data);
        }
        ReportingOptions::Code(code) => match opcode::rows(code) {
            [row] if row.service_action.is_none() => Some(row),
            [] => None,
            _ => return Err(Sense::invalid_field_in_cdb(2, Some(2))),
        },
        ReportingOptions::CodeAndServiceAction(code, action) => match opcode::rows(code) {
            [row] if row.service_action.is_none() => return Err(Sense::invalid_field_in_cdb(2, Some(2))),
            rows => with_action(rows, action),
        },
        ReportingOptions::Either(code, action) => match opcode::rows(code) {
            [row] if row.service_action.is_none() => Some(row),
            rows => with_action(rows, action),
        },
    };
    put_one(row.filter(|row| info.supports(row)), request.timeouts, &mut data);
    Ok(data)
}

fn with_action(rows: &'static [Opcode], action: u16) -> Option<&'static Opcode> {
    rows.iter().find(|row| row.service_action == Some(action))
}

/// The all_commands format (SPC-4 6.35.2).
fn put_all(info: &DeviceInfo, timeouts: bool, data: &mut ParameterData) {
    data.put_u32(0);
    for row in opcode::TABLE.iter().filter(|row| info.supports(row)) {
        let flags = if timeouts { CTDP } else { 0 } | if row.service_action.is_some() { SERVACTV } else { 0 };
        data.put(&[row.code, 0]);
        data.put_u16(row.service_action.unwrap_or(0));
        data.put(&[0, flags]);
        data.put_u16(row.cdb_len() as u16);
        if timeouts {
            put_timeouts(row, data);
        }
    }
    let length = (data.full_len() - 4) as u32;
    data.patch(0, &length.to_be_bytes());
}

/// The one_command format (SPC-4 6.35.3).
fn put_one(row: Option<&Opcode>, timeouts: bool, data: &mut ParameterData) {
    let Some(row) = row else {
        data.put(&[0, NOT_SUPPORTED, 0, 0]);
        return;
    };
    data.put(&[0, SUPPORTED | if timeouts { ONE_CTDP } else { 0 }]);
    data.put_u16(row.cdb_len() as u16);
    let control = data.full_len() + row.cdb_len() - 1;
    data.put(row.usage);
    data.patch(control, &[NACA]);
    if timeouts {
        put_timeouts(row, data);
    }
}

/// Command timeouts descriptor (SPC-4 6.35.4): no nominal processing time.
fn put_timeouts(row: &Opcode, data: &mut ParameterData) {
    data.put(&[0x00, 0x0A, 0x00, 0x00]);
    data.put_u32(0);
    data.put_u32(row.timeout);
}

#[cfg(test)]
mod tests;
