//! TransportIDs typed from SPC-4 7.6.4, read and written; and arbitrary bytes, survived.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> IscsiName {
    IscsiName::new(text).unwrap()
}

/// An iSCSI initiator port TransportID, format 01b: 4 bytes, `iqn.1993-08.org.debian:01:abc,i,0x00023d000001` (46), NULs.
fn iscsi_port() -> Vec<u8> {
    let mut bytes = vec![0x45, 0x00, 0x00, 0x30];
    bytes.extend_from_slice(b"iqn.1993-08.org.debian:01:abc,i,0x00023d000001\0\0");
    bytes
}

#[test]
fn iscsi_port_is_read_and_written() {
    let id = TransportId::IscsiPort(name("iqn.1993-08.org.debian:01:abc"), [0x00, 0x02, 0x3D, 0, 0, 0x01]);
    assert_eq!(TransportId::parse(&iscsi_port()), Ok((id.clone(), 52)));
    assert_eq!(id.encode(), iscsi_port());
    assert_eq!(
        TransportId::from_port_name("iqn.1993-08.org.debian:01:abc,i,0x00023d000001"),
        Some(id.clone())
    );
    let mut loud = iscsi_port();
    loud[4..50].make_ascii_uppercase();
    assert!(TransportId::parse(&loud).is_err(), "the separator is lower case");
    let mut loud = iscsi_port();
    loud[4..30].make_ascii_uppercase();
    loud[38..50].make_ascii_uppercase();
    loud[39] = b'0';
    assert_eq!(TransportId::parse(&loud).unwrap().0, id);
}

#[test]
fn iscsi_device_is_read_and_written_and_covers_its_ports() {
    let mut bytes = vec![0x05, 0x00, 0x00, 0x14];
    bytes.extend_from_slice(b"iqn.2026-11.org.ex\0\0");
    let id = TransportId::IscsiDevice(name("iqn.2026-11.org.ex"));
    assert_eq!(TransportId::parse(&bytes), Ok((id.clone(), 24)));
    assert_eq!(id.encode(), bytes);
    let port = TransportId::IscsiPort(name("iqn.2026-11.org.ex"), [1; 6]);
    assert!(id.covers(&port) && port.covers(&port) && !port.covers(&id));
    assert!(!id.covers(&TransportId::IscsiPort(name("iqn.2026-11.org.exx"), [1; 6])));
    assert!(id.is_protocol_of(&port) && !id.is_protocol_of(&TransportId::Sas([0; 8])));
}

#[test]
fn short_iscsi_name_is_filled_up_to_twenty_bytes() {
    let bytes = TransportId::IscsiDevice(name("iqn.x")).encode();
    assert_eq!(bytes, *b"\x05\0\0\x14iqn.x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
}

#[test]
fn other_protocols_are_read_and_written() {
    let fcp: [u8; 24] =
        [0x00, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x00, 0x00, 0xE0, 0x8B, 0x01, 0x02, 0x03, 0, 0, 0, 0, 0, 0, 0, 0];
    let srp: [u8; 24] = [0x04, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let sas: [u8; 24] =
        [0x06, 0, 0, 0, 0x50, 0x00, 0xC5, 0x00, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (bytes, text) in [
        (fcp, "fc.210000e08b010203"),
        (srp, "srp.0102030405060708090a0b0c0d0e0f10"),
        (sas, "sas.5000c50001020304"),
    ] {
        let (id, length) = TransportId::parse(&bytes).unwrap();
        assert_eq!((id.encode(), length), (bytes.to_vec(), 24));
        assert_eq!(TransportId::from_port_name(text), Some(id));
    }
}

#[test]
fn what_cannot_be_says_where() {
    let at = |bytes: &[u8]| TransportId::parse(bytes).unwrap_err().0;
    assert_eq!(at(&[]), 0);
    assert_eq!(at(&[0x03; 24]), 0, "IEEE 1394 is not spoken here");
    assert_eq!(at(&[0x40; 24]), 0, "FCP has one format");
    assert_eq!(at(&[0x85; 52]), 0, "iSCSI has two");
    assert_eq!(at(&[0x00; 23]), 23);
    let with = |at: usize, byte: u8| {
        let mut bytes = iscsi_port();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(at(&with(3, 0x2F)), 2, "not a multiple of four");
    assert_eq!(at(&with(3, 0x10)), 2, "less than 20");
    assert_eq!(at(&with(3, 0x34)), 2, "more than there is");
    assert_eq!(at(&with(2, 0x01)), 2);
    assert_eq!(at(&with(51, b'x')), 51, "NULs fill the rest");
    assert_eq!(at(&with(45, b'x')), 33, "an ISID is hexadecimal digits");
    assert_eq!(at(&with(4, 0xFF)), 4, "UTF-8");
    assert_eq!(at(&with(0, 0x05)), 4, "a device has no ISID");
    let unended = [&[0x05, 0, 0, 0x14][..], &[b'x'; 20]].concat();
    assert_eq!(at(&unended), 4);
}

#[test]
fn longest_name_fits() {
    let port = TransportId::IscsiPort(name(&"x".repeat(223)), [0xFF; 6]);
    let bytes = port.encode();
    assert_eq!(bytes.len(), LONGEST);
    assert_eq!(TransportId::parse(&bytes), Ok((port, LONGEST)));
    assert_eq!(IscsiName::new(&"x".repeat(224)), None);
}

#[test]
fn names_of_nothing_are_none() {
    for text in
        ["", "iqn.2026-11.org.ex", "iqn.x,i,0x12", ",i,0x00023d000001", "fc.21", "fc.21000zzz8b010203"]
    {
        assert_eq!(TransportId::from_port_name(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn parse_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), head in prop::sample::select(vec![0u8, 4, 5, 6, 0x45])) {
        let _ = TransportId::parse(&bytes);
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = head;
        }
        if let Ok((id, length)) = TransportId::parse(&bytes) {
            prop_assert!(length <= bytes.len());
            prop_assert_eq!(TransportId::parse(&id.encode()).unwrap().0, id);
        }
    }

    #[test]
    fn every_port_comes_back(text in "[a-z0-9.:-]{1,223}", isid: [u8; 6]) {
        let id = TransportId::IscsiPort(name(&text), isid);
        let bytes = id.encode();
        prop_assert_eq!(bytes.len() % 4, 0);
        prop_assert_eq!(TransportId::parse(&bytes), Ok((id, bytes.len())));
    }
}
