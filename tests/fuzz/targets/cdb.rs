//! Any CDB: found in the opcode table, decoded, and answered where the answer is made of facts about the unit. No answer is
//! longer than the initiator's ALLOCATION LENGTH, and all sense data can be read back.
#![no_main]

use bulkhead_fuzz::Bytes;
use libfuzzer_sys::fuzz_target;
use scsi::cdb::Cdb;
use scsi::command::Command;
use scsi::lun::Lun;
use scsi::mode_page::{self, ModeParameters};
use scsi::parameter::ParameterData;
use scsi::sense::Sense;
use scsi::{inquiry, read_capacity, report_luns, rsoc};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let (info, path) = (bytes.unit(), bytes.path());
    let saved = ModeParameters::decode(&info, bytes.piece());
    let answer = Cdb::new(bytes.0).and_then(|cdb| {
        let _ = info.supports(cdb.opcode());
        answer(&info, &path, saved.as_ref(), Command::decode(&cdb)?)
    });
    if let Err(sense) = answer {
        for descriptor in [false, true] {
            let read = Sense::parse(sense.encode(descriptor).as_slice());
            assert_eq!(read.map(|read| (read.key, read.asc)), Some((sense.key, sense.asc)));
        }
    }
});

fn answer(
    info: &scsi::device_info::DeviceInfo,
    path: &scsi::path::Path,
    saved: Option<&ModeParameters>,
    command: Command,
) -> Result<(), Sense> {
    let (data, most): (ParameterData, u32) = match command {
        Command::Inquiry(request) => {
            (inquiry::respond(info, path, &request)?, request.allocation_length.into())
        }
        Command::ModeSense(request) => {
            let current = saved.copied().unwrap_or_default();
            (mode_page::respond(info, path, &current, saved, &request)?, request.allocation_length.into())
        }
        Command::ReadCapacity10 => (read_capacity::read_capacity_10(info), 8),
        Command::ReadCapacity16 { allocation_length } => {
            (read_capacity::read_capacity_16(info, allocation_length), allocation_length)
        }
        Command::ReportLuns(request) => {
            let luns = (0..40_u64).map(Lun::from);
            (report_luns::respond(luns, &request), request.allocation_length)
        }
        Command::ReportSupportedOperationCodes(request) => {
            (rsoc::respond(info, &request)?, request.allocation_length)
        }
        Command::Read(range) | Command::Write(range) => return info.check_transfer(&range),
        _ => return Ok(()),
    };
    assert!(data.as_slice().len() <= most as usize, "{} bytes for {most}", data.as_slice().len());
    Ok(())
}
