//! Headers against bytes typed from RFC 7143 chapter 11, and arbitrary bytes through every parser.

use super::initiator::{Function, TaskAttribute};
use super::target::*;
use super::*;
use crate::session::residual::Residual;
use proptest::prelude::*;

#[test]
fn scsi_command_read10() {
    // The PDU of RFC 3720 appendix B.4.
    let mut bytes = [0; 48];
    bytes[0] = 0x01;
    bytes[1] = 0xc0;
    bytes[16..20].copy_from_slice(&[0x14, 0, 0, 0]);
    bytes[22] = 0x04;
    bytes[27] = 0x14;
    bytes[31] = 0x18;
    bytes[32] = 0x28;
    let Pdu::ScsiCommand(command) = Pdu::parse(bytes).unwrap() else { panic!() };
    assert!(command.is_final() && command.read() && !command.write() && !command.immediate());
    assert_eq!(command.attribute(), Some(TaskAttribute::Untagged));
    assert_eq!(command.itt.get(), 0x1400_0000);
    assert_eq!(command.expected_length.get(), 0x400);
    assert_eq!((command.cmd_sn.get(), command.exp_stat_sn.get()), (0x14, 0x18));
    assert_eq!(command.cdb[0], 0x28);
}

#[test]
fn login_request_stages() {
    let mut bytes = [0; 48];
    bytes[0] = 0x43;
    bytes[1] = 0x87;
    bytes[5..8].copy_from_slice(&[0, 1, 2]);
    bytes[20..22].copy_from_slice(&[0, 5]);
    let Pdu::Login(login) = Pdu::parse(bytes).unwrap() else { panic!() };
    assert!(login.transit() && !login.continues() && login.immediate());
    assert_eq!((login.csg(), login.nsg(), login.cid.get()), (1, 3, 5));
    assert_eq!(login.data_segment_length.get(), 258);
}

#[test]
fn task_management_functions() {
    let mut bytes = [0; 48];
    bytes[0] = 0x42;
    for (code, function) in
        [(1, Function::AbortTask), (5, Function::LogicalUnitReset), (8, Function::TaskReassign)]
    {
        bytes[1] = 0x80 | code;
        let Pdu::TaskManagement(request) = Pdu::parse(bytes).unwrap() else { panic!() };
        assert_eq!(request.function(1), Ok(function));
    }
    for (code, function) in [
        (9, Function::QueryTask),
        (10, Function::QueryTaskSet),
        (11, Function::ItNexusReset),
        (12, Function::QueryAsynchronousEvent),
    ] {
        bytes[1] = 0x80 | code;
        let Pdu::TaskManagement(request) = Pdu::parse(bytes).unwrap() else { panic!() };
        assert_eq!((request.function(1), request.function(2)), (Err(code), Ok(function)));
    }
    bytes[1] = 0x8D;
    let Pdu::TaskManagement(request) = Pdu::parse(bytes).unwrap() else { panic!() };
    assert_eq!(request.function(2), Err(13));
}

#[test]
fn opcode_of_a_target_is_rejected() {
    let mut bytes = [0; 48];
    bytes[0] = 0x21;
    assert_eq!(Pdu::parse(bytes).unwrap_err(), RejectReason::CommandNotSupported);
}

#[test]
fn scsi_response_bytes() {
    let mut header = ScsiResponse::new(0x0102_0304, 0x02, Residual::Underflow(0x200), 3, 20).header();
    stamp(&mut header, 0x11, 0x22, 0x33);
    let expected = [
        0x21, 0x82, 0x00, 0x02, 0x00, 0x00, 0x00, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0,
        0, 0x11, 0, 0, 0, 0x22, 0, 0, 0, 0x33, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 2, 0,
    ];
    assert_eq!(header, expected);
}

#[test]
fn data_in_bytes_with_status() {
    let header = DataIn::new(7, 2, 0x1000, 0x200, true).with_status(0, Residual::Overflow(0x10)).header();
    assert_eq!(header[..8], [0x25, 0x85, 0, 0, 0, 0, 2, 0]);
    assert_eq!(header[20..24], [0xff; 4]);
    assert_eq!(header[36..48], [0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 0x10]);
}

#[test]
fn r2t_bytes() {
    let header = R2t::new(7, [0, 1, 0, 0, 0, 0, 0, 0], 0xabcd, 1, 0x2000, 0x4000).header();
    assert_eq!(header[..2], [0x31, 0x80]);
    assert_eq!(header[8..16], [0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(header[20..24], [0, 0, 0xab, 0xcd]);
    assert_eq!(header[36..48], [0, 0, 0, 1, 0, 0, 0x20, 0, 0, 0, 0x40, 0]);
}

#[test]
fn other_target_pdus() {
    assert_eq!(NopIn::ping(5).header()[16..24], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5]);
    assert_eq!(NopIn::echo(9, [0; 8], 0).header()[16..24], [0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff]);
    let reject = Reject::new(RejectReason::DataDigestError).header();
    assert_eq!(reject[..8], [0x3f, 0x80, 0x02, 0, 0, 0, 0, 48]);
    let task = TaskManagementResponse::new(1, FunctionResponse::Rejected, [0; 3]).header();
    assert_eq!(task[..12], [0x22, 0x80, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let query = TaskManagementResponse::new(1, FunctionResponse::Succeeded, [0x16, 0x29, 0x07]).header();
    assert_eq!(query[..12], [0x22, 0x80, 0x07, 0, 0, 0, 0, 0, 0x16, 0x29, 0x07, 0]);
    assert_eq!(LogoutResponse::new(1, 0, 2).header()[..3], [0x26, 0x80, 0]);
    assert_eq!(LogoutResponse::new(1, 0, 2).header()[40..44], [0, 2, 0, 0]);
    assert_eq!(TextResponse::new(1, 4, None, true).header()[..2], [0x24, 0x80]);
    assert_eq!(TextResponse::new(1, 4, Some(3), false).header()[..2], [0x24, 0x40]);
    let message = AsyncMessage::logout_within(5).header();
    assert_eq!((message[0], message[36], &message[42..44]), (0x32, 1, &[0, 5][..]));
}

#[test]
fn extended_cdb() {
    // AHSLength 17: a reserved byte and 16 bytes of CDB; type 1.
    let mut segment = vec![0, 17, 1, 0];
    segment.extend(16..32);
    let segments = ahs::parse(&segment).unwrap();
    assert_eq!(segments.extended_cdb, (16..32).collect::<Vec<u8>>());
    assert_eq!(segments.read_length, None);
    assert_eq!(ahs::parse(&[0, 5, 2, 0, 0, 0, 2, 0]).unwrap().read_length, Some(512));
    assert_eq!(ahs::parse(&[0, 20, 1, 0]), Err(ahs::AhsError::Truncated));
    assert_eq!(ahs::parse(&[0, 1, 3, 0]), Err(ahs::AhsError::UnknownType(3)));
    assert_eq!(ahs::parse(&[0, 1, 1, 0]), Err(ahs::AhsError::Malformed(1)));
}

proptest! {
    #[test]
    fn parse_arbitrary(bytes: [u8; 16], rest: [u8; 32]) {
        let mut header = [0; BHS_LEN];
        header[..16].copy_from_slice(&bytes);
        header[16..].copy_from_slice(&rest);
        let head = Bhs::parse(header);
        prop_assert!(head.ahs_len() <= 1020 && head.data_len() < 1 << 24);
        prop_assert_eq!(head.bytes(), header);
        let _ = Pdu::parse(header);
    }

    #[test]
    fn ahs_arbitrary(words in prop::collection::vec(any::<[u8; 4]>(), 0..255)) {
        if let Ok(segments) = ahs::parse(&words.concat()) {
            prop_assert!(segments.extended_cdb.len() <= ahs::MAX_CDB);
        }
    }
}
