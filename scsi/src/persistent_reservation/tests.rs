//! Bytes typed from SPC-4 6.15 and 6.16, read and written; and arbitrary lists, survived.

use proptest::prelude::*;

use super::*;
use crate::asc::Asc;
use crate::sense::Sense;
use crate::transport_id::TransportId;

const LENGTH_ERROR: Sense = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);

/// RESERVATION KEY 0102030405060708h, SERVICE ACTION RESERVATION KEY 1112131415161718h, byte 20 as given.
fn basic(flags: u8) -> Vec<u8> {
    let mut bytes = vec![1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18];
    bytes.extend([0, 0, 0, 0, flags, 0, 0, 0]);
    bytes
}

const SAS_1: [u8; 24] = [6, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn decode(action: OutAction, bytes: &[u8]) -> Result<List, Sense> {
    List::decode(action, bytes, bytes.len() as u32)
}

#[test]
fn basic_list_is_read() {
    let list = decode(OutAction::Register, &basic(0x05)).unwrap();
    assert_eq!((list.key, list.action_key), (0x0102_0304_0506_0708, 0x1112_1314_1516_1718));
    assert!(list.aptpl && list.all_target_ports && !list.names_initiators && list.initiators.is_empty());
    let list = decode(OutAction::Clear, &basic(0x00)).unwrap();
    assert!(!list.aptpl && !list.all_target_ports);
}

#[test]
fn length_has_to_be_24_without_transport_ids() {
    for action in OutAction::ALL {
        assert_eq!(decode(*action, &basic(0)[..23]), Err(LENGTH_ERROR), "{action:?}");
        if *action != OutAction::RegisterAndMove {
            assert_eq!(decode(*action, &[basic(0), vec![0]].concat()), Err(LENGTH_ERROR), "{action:?}");
        }
    }
    assert_eq!(List::decode(OutAction::Reserve, &basic(0), 25), Err(LENGTH_ERROR), "less came than was said");
    assert_eq!(List::decode(OutAction::Reserve, &basic(0), u32::MAX), Err(LENGTH_ERROR));
    assert!(List::decode(OutAction::Reserve, &[basic(0), vec![1, 2]].concat(), 24).is_ok());
}

#[test]
fn initiator_ports_can_be_named_to_register_only() {
    let mut bytes = basic(0x08);
    bytes.extend([0, 0, 0, 48]);
    bytes.extend(SAS_1);
    bytes.extend([0; 24]);
    let list = decode(OutAction::Register, &bytes).unwrap();
    let sas = TransportId::Sas([0x50, 0, 0, 0, 0, 0, 0, 1]);
    assert!(list.names_initiators);
    assert_eq!(list.initiators, [(28, sas), (52, TransportId::Fcp([0; 8]))]);
    for action in OutAction::ALL {
        if !matches!(action, OutAction::Register | OutAction::RegisterAndMove) {
            let pointed = Sense::invalid_field_in_parameter_list(20, Some(3));
            assert_eq!(decode(*action, &bytes), Err(pointed), "{action:?}");
        }
    }
}

#[test]
fn initiator_ports_have_to_be_whole() {
    let mut bytes = basic(0x08);
    assert_eq!(decode(OutAction::Register, &bytes), Err(LENGTH_ERROR));
    bytes.extend([0, 0, 0, 24]);
    assert_eq!(decode(OutAction::Register, &bytes), Err(LENGTH_ERROR));
    bytes.extend(SAS_1);
    assert!(decode(OutAction::Register, &bytes).is_ok());
    bytes[27] = 23;
    assert_eq!(decode(OutAction::Register, &bytes), Err(Sense::invalid_field_in_parameter_list(51, None)));
    bytes[27] = 24;
    bytes[28] = 0x0F;
    assert_eq!(decode(OutAction::Register, &bytes), Err(Sense::invalid_field_in_parameter_list(28, None)));
    bytes[24] = 0xFF;
    assert_eq!(decode(OutAction::Register, &bytes), Err(LENGTH_ERROR));
}

#[test]
fn list_to_move_is_read() {
    let mut bytes = basic(0);
    (bytes[17], bytes[18], bytes[19], bytes[23]) = (0x03, 0x01, 0x02, 24);
    bytes.extend(SAS_1);
    let list = decode(OutAction::RegisterAndMove, &bytes).unwrap();
    assert!(list.aptpl && list.unregister);
    assert_eq!(list.target_port, 0x0102);
    assert_eq!(list.initiators, [(24, TransportId::Sas([0x50, 0, 0, 0, 0, 0, 0, 1]))]);
    bytes.extend(SAS_1);
    bytes[23] = 48;
    let pointed = Err(Sense::invalid_field_in_parameter_list(20, None));
    assert_eq!(decode(OutAction::RegisterAndMove, &bytes), pointed, "one port, not two");
    bytes[23] = 0;
    assert_eq!(decode(OutAction::RegisterAndMove, &bytes), pointed);
    bytes[23] = 49;
    assert_eq!(decode(OutAction::RegisterAndMove, &bytes), Err(LENGTH_ERROR));
}

#[test]
fn keys_are_written() {
    let data = keys(7, [0x0102_0304_0506_0708, 0xA1].into_iter(), 255);
    let golden = [0, 0, 0, 7, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0xA1];
    assert_eq!(data.as_slice(), golden);
    let data = keys(7, [0x0102_0304_0506_0708, 0xA1].into_iter(), 18);
    assert_eq!(data.as_slice(), &golden[..18], "cut off; the length still says all");
}

#[test]
fn reservation_is_written() {
    assert_eq!(reservation(9, None, 255).as_slice(), [0, 0, 0, 9, 0, 0, 0, 0]);
    let data = reservation(9, Some((0x0102_0304_0506_0708, Type::ExclusiveAccessRegistrantsOnly)), 255);
    let golden = [0, 0, 0, 9, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0x00, 0x06, 0x00, 0x00];
    assert_eq!(data.as_slice(), golden);
}

#[test]
fn capabilities_are_written() {
    let none = Capabilities { persists: false, persistent: false };
    // RLR_C, CRH, SIP_C, ATP_C; TMV with ALLOW COMMANDS 011b; WR_EX_AR, EX_AC_RO, WR_EX_RO, EX_AC, WR_EX; EX_AC_AR.
    assert_eq!(report_capabilities(none, 255).as_slice(), [0, 8, 0x9C, 0xB0, 0xEA, 0x01, 0, 0]);
    let all = Capabilities { persists: true, persistent: true };
    assert_eq!(report_capabilities(all, 255).as_slice(), [0, 8, 0x9D, 0xB1, 0xEA, 0x01, 0, 0]);
    assert_eq!(report_capabilities(all, 3).as_slice(), [0, 8, 0x9D]);
}

#[test]
fn full_status_is_written() {
    let iscsi = TransportId::from_port_name("iqn.x,i,0x00023d000001").unwrap().encode();
    let registered = [
        FullStatus { key: 0xA1, holds: None, target_port: 1, transport_id: &SAS_1 },
        FullStatus {
            key: 0xB2,
            holds: Some(Type::WriteExclusiveAllRegistrants),
            target_port: 0x0203,
            transport_id: &iscsi,
        },
    ];
    let data = full_status(3, registered.into_iter(), 4096);
    let mut golden = vec![0, 0, 0, 3, 0, 0, 0, 48 + 52];
    golden.extend([0, 0, 0, 0, 0, 0, 0, 0xA1, 0, 0, 0, 0, 0x00, 0x00, 0, 0, 0, 0, 0, 1, 0, 0, 0, 24]);
    golden.extend(SAS_1);
    golden.extend([0, 0, 0, 0, 0, 0, 0, 0xB2, 0, 0, 0, 0, 0x01, 0x07, 0, 0, 0, 0, 2, 3, 0, 0, 0, 28]);
    golden.extend(*b"\x45\0\0\x18iqn.x,i,0x00023d000001\0\0");
    assert_eq!(data.as_slice(), golden);
    let data = full_status(3, registered.into_iter(), 40);
    assert_eq!(data.as_slice(), &golden[..40]);
}

#[test]
fn types_say_who_may() {
    use Type::*;
    let chosen = |choose: fn(Type) -> bool| -> Vec<Type> {
        Type::ALL.iter().copied().filter(|kind| choose(*kind)).collect()
    };
    assert_eq!(
        chosen(Type::is_write_exclusive),
        [WriteExclusive, WriteExclusiveRegistrantsOnly, WriteExclusiveAllRegistrants]
    );
    assert_eq!(chosen(Type::is_held_by_all), [WriteExclusiveAllRegistrants, ExclusiveAccessAllRegistrants]);
    assert_eq!(chosen(Type::is_for_registrants).len(), 4);
}

proptest! {
    #[test]
    fn decode_takes_any_list(
        action in prop::sample::select(OutAction::ALL),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        flags: u8,
        length in prop::option::of(any::<u32>()),
    ) {
        if let Some(place) = bytes.get_mut(20) {
            *place = flags;
        }
        for at in [24, 25, 26, 20, 21, 22] {
            if let Some(place) = bytes.get_mut(at).filter(|_| at >= 24 || action == OutAction::RegisterAndMove) {
                *place = 0;
            }
        }
        let said = length.unwrap_or(bytes.len() as u32);
        let _ = List::decode(action, &bytes, said);
    }
}
