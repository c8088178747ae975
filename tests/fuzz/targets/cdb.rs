//! Any CDB: found in the opcode table, decoded, and answered where the answer is made of facts about the unit. No answer is
//! longer than the initiator's ALLOCATION LENGTH, lengths and addresses are those of the CDB, and all sense data can be read
//! back.
#![no_main]

use bulkhead_fuzz::Bytes;
use libfuzzer_sys::fuzz_target;
use scsi::cdb::Cdb;
use scsi::command::{Command, PreFetch, Unmap, Verify, WriteAtomic, WriteSame};
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
        let command = Command::decode(&cdb)?;
        fields(cdb.as_slice(), &command);
        answer(&info, &path, saved.as_ref(), command)
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

/// Where and how much, at the places that SBC-3 gives them, of every command that changes or compares blocks.
fn fields(cdb: &[u8], command: &Command) {
    let number =
        |at: usize, len: usize| cdb[at..at + len].iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let (lba, blocks) = match command {
        Command::Read(range)
        | Command::Write(range)
        | Command::CompareAndWrite(range)
        | Command::OrWrite(range)
        | Command::Verify(Verify { range, .. })
        | Command::WriteAndVerify(Verify { range, .. })
        | Command::WriteAtomic(WriteAtomic { range, .. }) => (range.lba, range.blocks),
        Command::WriteSame(WriteSame { lba, blocks, .. }) => (*lba, *blocks),
        Command::PreFetch(PreFetch { lba, blocks, .. }) => (*lba, *blocks),
        Command::Unmap(Unmap { anchor, list_length }) => {
            assert_eq!((*anchor, u64::from(*list_length)), (cdb[1] & 0x01 != 0, number(7, 2)));
            return;
        }
        Command::ExtendedCopy { parameter_list_length } => {
            return assert_eq!(u64::from(*parameter_list_length), number(10, 4));
        }
        Command::PersistentReserveOut { length, .. } => return assert_eq!(u64::from(*length), number(5, 4)),
        Command::LogSelect(select) => return assert_eq!(u64::from(select.list_length), number(7, 2)),
        Command::Sanitize(sanitize) => return assert_eq!(u64::from(sanitize.list_length), number(7, 2)),
        Command::WriteBuffer(buffer) | Command::ReadBuffer(buffer) => {
            return assert_eq!(
                (u64::from(buffer.offset), u64::from(buffer.length)),
                (number(3, 3), number(6, 3))
            );
        }
        _ => return,
    };
    let expected = match (cdb[0], cdb.len()) {
        // TRANSFER LENGTH zero of the six byte commands is 256 blocks.
        (_, 6) => (number(1, 3) & 0x1F_FFFF, if cdb[4] == 0 { 256 } else { number(4, 1) }),
        (_, 10) => (number(2, 4), number(7, 2)),
        // READ CD and READ CD MSF (MMC-6 6.19, 6.20): without user data nothing is read. A minute has 60 * 75 frames, and the
        // first block is at 00:02:00.
        (0xBE, _) => (number(2, 4), if cdb[9] & 0x10 == 0 { 0 } else { number(6, 3) }),
        (0xB9, _) => {
            let frame = |at| (number(at, 1) * 60 + number(at + 1, 1)) * 75 + number(at + 2, 1);
            (frame(3) - 150, if cdb[9] & 0x10 == 0 { 0 } else { frame(6) - frame(3) })
        }
        (_, 12) => (number(2, 4), number(6, 4)),
        (0x89, _) => (number(2, 8), number(13, 1)),
        (0x9C, _) => (number(2, 8), number(12, 2)),
        _ => (number(2, 8), number(10, 4)),
    };
    assert_eq!((lba.0, blocks.0), expected, "{cdb:02x?}");
}
