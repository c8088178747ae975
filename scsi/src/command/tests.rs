//! CDBs typed from SPC-4 and SBC-3, decoded; and arbitrary bytes, survived.

mod cd;

use proptest::prelude::*;

use super::*;
use crate::opcode::{Direction, TABLE};
use crate::units::{BlockSize, Blocks, Bytes, Lba};

fn decode(bytes: &[u8]) -> Result<Command, Sense> {
    Cdb::new(bytes).and_then(|cdb| Command::decode(&cdb))
}

fn blocks(lba: u64, blocks: u64) -> ReadWrite {
    ReadWrite { lba: Lba(lba), blocks: Blocks(blocks), dpo: false, fua: false, group: 0 }
}

#[test]
fn every_row_decodes() {
    for row in TABLE {
        let mut cdb = [0; 16];
        cdb[0] = row.code;
        cdb[1] = row.service_action.unwrap_or(0) as u8;
        if row.code == 0xA0 {
            cdb[9] = 16;
        }
        if row.code == 0xA3 {
            cdb[9] = 16;
        }
        if row.code == 0xB9 {
            (cdb[4], cdb[7]) = (2, 3);
        }
        if matches!(row.code, 0x3B | 0x3C) {
            cdb[1] = 0x02;
        }
        if row.code == 0x4A {
            cdb[1] = 0x01;
        }
        let command = decode(&cdb).unwrap_or_else(|sense| panic!("{}: {sense:?}", row.name));
        let direction = match command {
            Command::PreventAllowMediumRemoval { .. }
            | Command::Reserve
            | Command::Release
            | Command::TestUnitReady
            | Command::StartStopUnit(_)
            | Command::SynchronizeCache(_)
            | Command::PreFetch(_) => Direction::None,
            Command::Write(_)
            | Command::SendDiagnostic(_)
            | Command::ModeSelect(_)
            | Command::LogSelect(_)
            | Command::WriteBuffer(_)
            | Command::SetTargetPortGroups { .. }
            | Command::PersistentReserveOut { .. }
            | Command::ExtendedCopy { .. } => Direction::Out,
            Command::Sanitize(request) if request.action != SanitizeAction::Overwrite => Direction::None,
            Command::Verify(_)
            | Command::WriteAndVerify(_)
            | Command::WriteSame(_)
            | Command::WriteAtomic(_)
            | Command::CompareAndWrite(_)
            | Command::OrWrite(_)
            | Command::Unmap(_)
            | Command::FormatUnit(_)
            | Command::Sanitize(_) => Direction::Out,
            _ => Direction::In,
        };
        assert_eq!(direction, row.direction, "{}", row.name);
    }
}

#[test]
fn target_port_groups_fields() {
    let report = |extended, allocation_length| {
        Ok(Command::ReportTargetPortGroups(ReportTargetPortGroups { extended, allocation_length }))
    };
    assert_eq!(decode(&[0xA3, 0x0A, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0]), report(false, 0x0102_0304));
    assert_eq!(decode(&[0xA3, 0x2A, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]), report(true, 8));
    let unknown = Err(Sense::invalid_field_in_cdb(1, Some(7)));
    assert_eq!(decode(&[0xA3, 0x4A, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]), unknown);
    let set = decode(&[0xA4, 0x0A, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0]);
    assert_eq!(set, Ok(Command::SetTargetPortGroups { parameter_list_length: 12 }));
}

#[test]
fn read_6_zero_means_256_blocks() {
    assert_eq!(decode(&[0x08, 0x1F, 0xFF, 0xFE, 0x00, 0]), Ok(Command::Read(blocks(0x1F_FFFE, 256))));
    assert_eq!(decode(&[0x0A, 0xE0, 0x00, 0x07, 0xFF, 0]), Ok(Command::Write(blocks(7, 255))));
}

#[test]
fn read_10_fields() {
    let plain = decode(&[0x28, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x01, 0x00, 0]);
    assert_eq!(plain, Ok(Command::Read(blocks(0xFFFF_FFFF, 256))));
    let flags = decode(&[0x28, 0x18, 0, 0, 0, 1, 0xE5, 0, 0, 0]);
    assert_eq!(flags, Ok(Command::Read(ReadWrite { dpo: true, fua: true, group: 5, ..blocks(1, 0) })));
}

#[test]
fn write_10_fua_nv_counts_as_fua() {
    let decoded = decode(&[0x2A, 0x02, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(decoded, Ok(Command::Write(ReadWrite { fua: true, ..blocks(0, 1) })));
}

#[test]
fn extended_copy_and_receive_copy_results_fields() {
    let copy = decode(&[0x83, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x02, 0x03, 0x04, 0, 0]);
    assert_eq!(copy, Ok(Command::ExtendedCopy { parameter_list_length: 0x0102_0304 }));
    for (action, what) in [
        (0x00, CopyResults::Status),
        (0x01, CopyResults::HeldData),
        (0x03, CopyResults::OperatingParameters),
        (0x04, CopyResults::FailedSegmentDetails),
    ] {
        let results = decode(&[0x84, action, 0x2A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x08, 0, 0]);
        let list_id = if what == CopyResults::OperatingParameters { 0 } else { 0x2A };
        let expected = ReceiveCopyResults { what, list_id, allocation_length: 0x208 };
        assert_eq!(results, Ok(Command::ReceiveCopyResults(expected)));
    }
    let unknown = decode(&[0x84, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(unknown, Err(Sense::invalid_field_in_cdb(1, Some(4))));
}

#[test]
fn read_12_and_16_fields() {
    let twelve = decode(&[0xA8, 0x08, 0x80, 0, 0, 1, 0x00, 0x01, 0x00, 0x00, 0x03, 0]);
    assert_eq!(twelve, Ok(Command::Read(ReadWrite { fua: true, group: 3, ..blocks(0x8000_0001, 0x1_0000) })));
    let sixteen = decode(&[
        0x8A, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0,
    ]);
    let expected = ReadWrite { dpo: true, group: 0x1F, ..blocks(u64::MAX - 1, 0xFFFF_FFFF) };
    assert_eq!(sixteen, Ok(Command::Write(expected)));
}

#[test]
fn read_write_protect_is_an_invalid_field() {
    for code in [0x28, 0x2A, 0x88, 0x8A, 0xA8, 0xAA] {
        for protect in 1..8 {
            let mut cdb = [0; 16];
            (cdb[0], cdb[1]) = (code, protect << 5);
            assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(1, Some(7))), "{code:02x}");
        }
    }
}

#[test]
fn verify_in_every_length() {
    let verify = |lba, count, check| Verify { range: blocks(lba, count), check };
    let ten = decode(&[0x2F, 0x02, 0, 0, 0, 9, 0, 0, 3, 0]);
    assert_eq!(ten, Ok(Command::Verify(verify(9, 3, ByteCheck::Each))));
    let twelve = decode(&[0xAF, 0x06, 0, 0, 0, 9, 0, 1, 0, 3, 0, 0]);
    assert_eq!(twelve, Ok(Command::Verify(verify(9, 0x1_0003, ByteCheck::Same))));
    let sixteen = decode(&[0x8F, 0, 1, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 3, 0, 0]);
    assert_eq!(sixteen, Ok(Command::Verify(verify(1 << 56 | 9, 0x1_0003, ByteCheck::None))));
    let write = decode(&[0x8E, 0x02, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0]);
    assert_eq!(write, Ok(Command::WriteAndVerify(verify(9, 1, ByteCheck::Each))));
    for cdb in [[0x2F, 0x04, 0, 0, 0, 9, 0, 0, 3, 0], [0x2E, 0x06, 0, 0, 0, 9, 0, 0, 3, 0]] {
        assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(1, Some(2))));
    }
    for code in [0x2E, 0x2F, 0x8E, 0x8F, 0xAE, 0xAF, 0x41, 0x93, 0x89, 0x8B, 0x9C] {
        let mut cdb = [0; 16];
        (cdb[0], cdb[1]) = (code, 0x20);
        assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(1, Some(7))), "{code:02x}");
    }
}

#[test]
fn write_same_fields() {
    let ten = decode(&[0x41, 0x18, 0, 0, 1, 0, 0, 0xFF, 0xFE, 0]);
    let expected =
        WriteSame { lba: Lba(256), blocks: Blocks(0xFFFE), anchor: true, unmap: true, no_data: false };
    assert_eq!(ten, Ok(Command::WriteSame(expected)));
    let sixteen = decode(&[0x93, 0x01, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]);
    let expected =
        WriteSame { lba: Lba(1 << 32), blocks: Blocks(2), anchor: false, unmap: false, no_data: true };
    assert_eq!(sixteen, Ok(Command::WriteSame(expected)));
    assert_eq!(decode(&[0x41, 0x02, 0, 0, 0, 0, 0, 0, 1, 0]), Err(Sense::invalid_field_in_cdb(1, Some(2))));
}

#[test]
fn atomic_commands_fields() {
    let compare = decode(&[0x89, 0x18, 0, 0, 0, 0, 0, 0, 0, 7, 0xFF, 0xFF, 0xFF, 9, 0, 0]);
    let expected = ReadWrite { dpo: true, fua: true, ..blocks(7, 9) };
    assert_eq!(compare, Ok(Command::CompareAndWrite(expected)));
    let atomic = decode(&[0x9C, 0x08, 0, 0, 0, 0, 0, 0, 0, 7, 0x01, 0x02, 0x03, 0x04, 0x1F, 0]);
    let range = ReadWrite { fua: true, group: 0x1F, ..blocks(7, 0x0304) };
    assert_eq!(atomic, Ok(Command::WriteAtomic(WriteAtomic { range, boundary: 0x0102 })));
    let or = decode(&[0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0]);
    assert_eq!(or, Ok(Command::OrWrite(blocks(7, 4))));
}

#[test]
fn provisioning_and_cache_fields() {
    let unmap = decode(&[0x42, 0x01, 0, 0, 0, 0, 0, 0x01, 0x18, 0]);
    assert_eq!(unmap, Ok(Command::Unmap(Unmap { anchor: true, list_length: 0x118 })));
    let status = decode(&[0x9E, 0x12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(status, Ok(Command::GetLbaStatus(GetLbaStatus { lba: Lba(256), allocation_length: 512 })));
    let fetch = PreFetch { lba: Lba(256), blocks: Blocks(3), immed: true };
    assert_eq!(decode(&[0x34, 0x02, 0, 0, 1, 0, 0, 0, 3, 0]), Ok(Command::PreFetch(fetch)));
    let sixteen = decode(&[0x90, 0x02, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0]);
    assert_eq!(sixteen, Ok(Command::PreFetch(fetch)));
}

#[test]
fn commands_on_the_medium_fields() {
    let format = FormatUnit { long_list: true, data: true, defect_format: 5 };
    assert_eq!(decode(&[0x04, 0x3D, 0, 0, 0, 0]), Ok(Command::FormatUnit(format)));
    assert_eq!(decode(&[0x04, 0x80, 0, 0, 0, 0]), Err(Sense::invalid_field_in_cdb(1, Some(7))));
    assert_eq!(decode(&[0x04, 0x08, 0, 0, 0, 0]), Err(Sense::invalid_field_in_cdb(1, Some(3))));
    assert_eq!(decode(&[0x04, 0x01, 0, 0, 0, 0]), Err(Sense::invalid_field_in_cdb(1, Some(2))));
    let sanitize = Sanitize {
        action: SanitizeAction::Overwrite,
        immed: true,
        unrestricted_exit: true,
        list_length: 0x0204,
    };
    assert_eq!(decode(&[0x48, 0xA1, 0, 0, 0, 0, 0, 0x02, 0x04, 0]), Ok(Command::Sanitize(sanitize)));
    for action in [0x01, 0x02, 0x1F] {
        let reserved = [0x48, 0x40 | action, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(decode(&reserved), Err(Sense::invalid_field_in_cdb(1, Some(6))));
        for at in 2..=6 {
            let mut reserved = [0x48, action, 0, 0, 0, 0, 0, 0, 0, 0];
            reserved[at] = at as u8;
            assert_eq!(decode(&reserved), Err(Sense::invalid_field_in_cdb(at as u16, None)));
        }
    }
    assert_eq!(decode(&[0x48, 0x02, 0, 0, 0, 0, 0, 0, 4, 0]), Err(Sense::invalid_field_in_cdb(7, None)));
    assert_eq!(decode(&[0x48, 0x03, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Sense::invalid_field_in_cdb(1, Some(4))));
    let defects =
        ReadDefectData { twelve: false, primary: true, grown: true, format: 5, allocation_length: 0x0102 };
    assert_eq!(decode(&[0x37, 0, 0x1D, 0, 0, 0, 0, 1, 2, 0]), Ok(Command::ReadDefectData(defects)));
    let twelve = ReadDefectData { twelve: true, ..defects };
    assert_eq!(decode(&[0xB7, 0x1D, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0]), Ok(Command::ReadDefectData(twelve)));
}

#[test]
fn read_write_bytes_are_checked() {
    assert_eq!(blocks(0, 3).bytes(BlockSize::DEFAULT), Some(Bytes(1536)));
    assert_eq!(blocks(0, u64::MAX).bytes(BlockSize::DEFAULT), None);
}

#[test]
fn inquiry_page_without_evpd_is_an_invalid_field() {
    let standard = Inquiry { page: None, allocation_length: 256 };
    assert_eq!(decode(&[0x12, 0, 0, 1, 0, 0]), Ok(Command::Inquiry(standard)));
    let page = Inquiry { page: Some(0x83), allocation_length: 255 };
    assert_eq!(decode(&[0x12, 1, 0x83, 0, 0xFF, 0]), Ok(Command::Inquiry(page)));
    assert_eq!(decode(&[0x12, 0, 0x01, 0, 0xFF, 0]), Err(Sense::invalid_field_in_cdb(2, None)));
    assert_eq!(decode(&[0x12, 2, 0x28, 0, 0xFF, 0]), Err(Sense::invalid_field_in_cdb(1, Some(1))));
}

#[test]
fn mode_sense_fields() {
    let six = ModeSense {
        ten: false,
        long_lba: false,
        disable_block_descriptors: true,
        page_control: PageControl::Changeable,
        page: 0x08,
        subpage: 0,
        allocation_length: 24,
    };
    assert_eq!(decode(&[0x1A, 0x18, 0x48, 0, 24, 0]), Ok(Command::ModeSense(six)), "LLBAA is (10) only");
    let ten = ModeSense {
        ten: true,
        long_lba: true,
        disable_block_descriptors: false,
        page_control: PageControl::Default,
        page: 0x3F,
        subpage: 0xFF,
        allocation_length: 0x0102,
    };
    assert_eq!(decode(&[0x5A, 0x10, 0xBF, 0xFF, 0, 0, 0, 1, 2, 0]), Ok(Command::ModeSense(ten)));
}

#[test]
fn mode_select_fields() {
    let select = |ten, save, list_length| ModeSelect { ten, revert: false, save, list_length };
    assert_eq!(decode(&[0x15, 0x11, 0, 0, 24, 0]), Ok(Command::ModeSelect(select(false, true, 24))));
    let ten = decode(&[0x55, 0x10, 0, 0, 0, 0, 0, 1, 2, 0]);
    assert_eq!(ten, Ok(Command::ModeSelect(select(true, false, 0x0102))));
    let revert = ModeSelect { revert: true, ..select(false, false, 0) };
    assert_eq!(decode(&[0x15, 0x02, 0, 0, 0, 0]), Ok(Command::ModeSelect(revert)));
}

#[test]
fn mode_select_that_cannot_be() {
    let field = |byte, bit| Err(Sense::invalid_field_in_cdb(byte, bit));
    assert_eq!(decode(&[0x15, 0x00, 0, 0, 24, 0]), field(1, Some(4)), "PF zero");
    assert!(decode(&[0x15, 0x00, 0, 0, 0, 0]).is_ok(), "without a list PF means nothing");
    assert_eq!(decode(&[0x15, 0x12, 0, 0, 24, 0]), field(4, None), "RTD with a list");
    assert_eq!(decode(&[0x55, 0x12, 0, 0, 0, 0, 0, 0, 8, 0]), field(7, None));
}

#[test]
fn log_sense_and_log_select_fields() {
    let sense = LogSense {
        control: LogControl::Cumulative,
        page: 0x0C,
        subpage: 0,
        pointer: 0x0102,
        allocation_length: 0x0304,
    };
    assert_eq!(decode(&[0x4D, 0, 0x4C, 0, 0, 1, 2, 3, 4, 0]), Ok(Command::LogSense(sense)));
    let field = |byte, bit| Err(Sense::invalid_field_in_cdb(byte, bit));
    assert_eq!(decode(&[0x4D, 1, 0x4C, 0, 0, 0, 0, 0, 4, 0]), field(1, Some(0)), "SP");
    let select = |list_length, reset| LogSelect {
        reset,
        control: LogControl::DefaultCumulative,
        page: 0,
        subpage: 0,
        list_length,
    };
    assert_eq!(decode(&[0x4C, 0, 0xC0, 0, 0, 0, 0, 1, 2, 0]), Ok(Command::LogSelect(select(0x0102, false))));
    assert_eq!(decode(&[0x4C, 2, 0xC0, 0, 0, 0, 0, 0, 0, 0]), Ok(Command::LogSelect(select(0, true))));
    assert_eq!(decode(&[0x4C, 2, 0xC0, 0, 0, 0, 0, 0, 4, 0]), field(1, Some(1)), "PCR with a list");
    assert_eq!(decode(&[0x4C, 0, 0xC2, 0, 0, 0, 0, 0, 4, 0]), field(2, Some(5)), "a list names its pages");
}

#[test]
fn send_diagnostic_is_the_default_self_test() {
    let field = |byte, bit| Err(Sense::invalid_field_in_cdb(byte, bit));
    let send =
        |self_test, list_length| Ok(Command::SendDiagnostic(SendDiagnostic { self_test, list_length }));
    assert_eq!(decode(&[0x1D, 4, 0, 0, 0, 0]), send(true, 0));
    assert_eq!(decode(&[0x1D, 0x10, 0, 0, 0, 0]), send(false, 0));
    assert_eq!(decode(&[0x1D, 0x10, 0, 1, 4, 0]), send(false, 0x104), "a diagnostic page");
    assert_eq!(decode(&[0x1D, 0x20, 0, 0, 0, 0]), field(1, Some(7)), "a background self-test");
    assert_eq!(decode(&[0x1D, 0x14, 0, 0, 4, 0]), field(3, None), "a page with a self-test");
    assert_eq!(decode(&[0x1D, 0x00, 0, 0, 4, 0]), field(1, Some(4)), "a list of a vendor");
}

#[test]
fn receive_diagnostic_results_fields() {
    let receive = |page, allocation_length| {
        Ok(Command::ReceiveDiagnosticResults(ReceiveDiagnosticResults { page, allocation_length }))
    };
    assert_eq!(decode(&[0x1C, 0x01, 0x3F, 0x01, 0x02, 0]), receive(Some(0x3F), 0x102));
    assert_eq!(decode(&[0x1C, 0x00, 0x3F, 0, 8, 0]), receive(None, 8));
}

#[test]
fn buffer_fields() {
    let buffer = Buffer { mode: BufferMode::Data, id: 1, offset: 0x02_0304, length: 0x05_0607 };
    assert_eq!(decode(&[0x3C, 0x02, 1, 2, 3, 4, 5, 6, 7, 0]), Ok(Command::ReadBuffer(buffer)));
    assert_eq!(decode(&[0x3B, 0x02, 1, 2, 3, 4, 5, 6, 7, 0]), Ok(Command::WriteBuffer(buffer)));
    for mode in [0x00, 0x04, 0x05, 0x0B, 0x1A] {
        let wrong = Err(Sense::invalid_field_in_cdb(1, Some(4)));
        assert_eq!(decode(&[0x3B, mode, 0, 0, 0, 0, 0, 0, 0, 0]), wrong);
    }
}

#[test]
fn start_stop_unit_fields() {
    let stop =
        StartStopUnit { immed: true, power_condition: 0, no_flush: false, load_eject: true, start: false };
    assert_eq!(decode(&[0x1B, 1, 0, 0, 0x02, 0]), Ok(Command::StartStopUnit(stop)));
    let idle =
        StartStopUnit { immed: false, power_condition: 2, no_flush: true, load_eject: false, start: true };
    assert_eq!(decode(&[0x1B, 0, 0, 0, 0x25, 0]), Ok(Command::StartStopUnit(idle)));
    assert!(!idle.only_starts() && !stop.only_starts());
    assert!(StartStopUnit { power_condition: 0, ..idle }.only_starts());
}

#[test]
fn reserve_and_release_are_for_the_whole_unit() {
    for (code, command) in [
        (0x16, Command::Reserve),
        (0x17, Command::Release),
        (0x56, Command::Reserve),
        (0x57, Command::Release),
    ] {
        let mut cdb = [code, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(decode(&cdb), Ok(command));
        cdb[1] = 0x10;
        assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(1, Some(4))), "third party");
        cdb[1] = 0x01;
        assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(1, Some(0))), "extents");
    }
}

#[test]
fn persistent_reserve_fields() {
    let full = Command::PersistentReserveIn { action: InAction::ReadFullStatus, allocation_length: 0x0102 };
    assert_eq!(decode(&[0x5E, 0x03, 0, 0, 0, 0, 0, 1, 2, 0]), Ok(full));
    let preempt = Command::PersistentReserveOut {
        action: OutAction::PreemptAndAbort,
        scope_type: 0x06,
        length: 0x0102_0304,
    };
    assert_eq!(decode(&[0x5F, 0x05, 0x06, 0, 0, 1, 2, 3, 4, 0]), Ok(preempt));
    let unknown = Err(Sense::invalid_field_in_cdb(1, Some(4)));
    assert_eq!(decode(&[0x5E, 0x04, 0, 0, 0, 0, 0, 0, 0, 0]), unknown);
    assert_eq!(decode(&[0x5F, 0x09, 0, 0, 0, 0, 0, 0, 24, 0]), unknown);
}

#[test]
fn read_capacity_lba_without_pmi_is_an_invalid_field() {
    assert_eq!(decode(&[0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0]), Err(Sense::invalid_field_in_cdb(2, None)));
    assert_eq!(decode(&[0x25, 0, 0, 0, 0, 1, 0, 0, 1, 0]), Ok(Command::ReadCapacity10));
    let mut cdb = [0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0];
    assert_eq!(decode(&cdb), Ok(Command::ReadCapacity16 { allocation_length: 32 }));
    cdb[9] = 1;
    assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(2, None)));
}

#[test]
fn synchronize_cache_fields() {
    let ten = SynchronizeCache { lba: Lba(0x0102_0304), blocks: Blocks(0x0506), immed: true };
    assert_eq!(decode(&[0x35, 0x02, 1, 2, 3, 4, 0, 5, 6, 0]), Ok(Command::SynchronizeCache(ten)));
    let sixteen = SynchronizeCache { lba: Lba(1 << 56), blocks: Blocks(9), immed: false };
    assert_eq!(
        decode(&[0x91, 0x04, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0]),
        Ok(Command::SynchronizeCache(sixteen))
    );
}

#[test]
fn report_luns_select_and_allocation_length() {
    let mut cdb = [0xA0, 0, 0x02, 0, 0, 0, 0, 0, 0x02, 0x00, 0, 0];
    let all = ReportLuns { select: SelectReport::All, allocation_length: 512 };
    assert_eq!(decode(&cdb), Ok(Command::ReportLuns(all)));
    cdb[2] = 0x03;
    assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(2, None)));
    (cdb[2], cdb[8], cdb[9]) = (0x00, 0, 15);
    assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(6, None)));
}

#[test]
fn report_supported_operation_codes_options() {
    let mut cdb = [0xA3, 0x0C, 0x82, 0x9E, 0x00, 0x10, 0, 0, 0xFF, 0xFF, 0, 0];
    let one = ReportSupportedOperationCodes {
        timeouts: true,
        options: ReportingOptions::CodeAndServiceAction(0x9E, 0x10),
        allocation_length: 0xFFFF,
    };
    assert_eq!(decode(&cdb), Ok(Command::ReportSupportedOperationCodes(one)));
    cdb[2] = 0x04;
    assert_eq!(decode(&cdb), Err(Sense::invalid_field_in_cdb(2, Some(2))));
}

proptest! {
    #[test]
    fn decode_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn decode_takes_any_fields_of_every_row(row in prop::sample::select(TABLE), mut bytes: [u8; 32]) {
        bytes[0] = row.code;
        if let Some(action) = row.service_action {
            bytes[1] = bytes[1] & 0xE0 | action as u8;
        }
        let _ = decode(&bytes);
    }

    /// Bits that CDB USAGE DATA says are not looked at do not change what is decoded, but for those that are refused.
    #[test]
    fn decode_looks_only_where_usage_data_says(row in prop::sample::select(TABLE), bytes: [u8; 16], noise: [u8; 16]) {
        let mut plain = [0; 16];
        let mut noisy = [0; 16];
        for (at, &mask) in row.usage.iter().enumerate().skip(1) {
            let action = if at == 1 && row.service_action.is_some() { 0x1F } else { 0 };
            plain[at] = bytes[at] & mask & !action | mask & action;
            noisy[at] = plain[at] | noise[at] & !mask & !action;
        }
        (plain[0], noisy[0]) = (row.code, row.code);
        if let (Ok(a), Ok(b)) = (decode(&plain), decode(&noisy)) {
            prop_assert_eq!(a, b);
        }
    }
}
