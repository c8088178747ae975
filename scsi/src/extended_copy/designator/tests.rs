//! Names of a typed Device Identification page, found and not found.

use proptest::prelude::*;

use super::*;

/// A page 83h with an NAA name, a text name that is too long for a CSCD descriptor, and the name of a port.
const PAGE: &[u8] = b"\x00\x83\x00\x3d\
\x01\x03\x00\x08\x31\x23\x45\x67\x89\xab\xcd\xef\
\x02\x01\x00\x18ACME    Rocket Disk     \
\x51\x94\x00\x04\x00\x00\x00\x01\
\x02\x00\x00\x09serial 42";

fn name(code_set: u8, kind: u8, bytes: &[u8]) -> Designator {
    Designator::new(code_set, kind, Some(bytes), bytes.len() as u8).unwrap()
}

#[test]
fn names_of_the_unit_are_found() {
    let identity = Identity::parse(PAGE).unwrap();
    assert_eq!(identity.device_type, 0x00);
    let naa = [0x31, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF];
    assert!(identity.has(&name(0x1, 0x03, &naa)));
    assert!(identity.has(&name(0x2, 0x00, b"serial 42")));
    assert!(!identity.has(&name(0x2, 0x03, &naa)), "another code set");
    assert!(!identity.has(&name(0x1, 0x02, &naa)), "another type");
    assert!(!identity.has(&name(0x1, 0x03, &naa[..7])), "shorter");
    assert!(!identity.has(&name(0x1, 0x14, &[0, 0, 0, 1])), "a port is no unit");
}

#[test]
fn what_does_not_fit_a_descriptor_is_no_name() {
    assert_eq!(Designator::new(1, 3, Some(&[0; 21]), 21), None);
    assert_eq!(Designator::new(1, 3, Some(&[0; 20]), 21), None);
    assert!(Designator::new(1, 3, Some(&[0; 20]), 20).is_some());
}

#[test]
fn another_page_is_none() {
    assert_eq!(Identity::parse(&[0x00, 0x80, 0, 0]), None);
    assert_eq!(Identity::parse(&[0x00, 0x83, 0]), None);
}

proptest! {
    #[test]
    fn parse_takes_any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..200), is_page in any::<bool>()) {
        if is_page && bytes.len() > 1 {
            bytes[1] = 0x83;
        }
        if let Some(identity) = Identity::parse(&bytes) {
            prop_assert!(identity.names.len() <= bytes.len() / 4);
        }
    }
}
