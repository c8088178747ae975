//! Version byte, limit, trailing bytes, and lengths that lie.

use super::*;
use crate::message::config::ServiceKind;
use crate::message::{Event, Grant};

fn hello() -> Event {
    let counters = vec!["reads".to_owned(), "writes".to_owned()];
    Event::Hello { abi: 1, kind: ServiceKind::Core, version: "0.1.0".into(), counters }
}

#[test]
fn encode_is_version_and_standard_bincode() {
    // Variant 4 (PeerFault), peer 7, epoch 300 as 251 and two bytes little-endian, a text of two bytes.
    let event = Event::PeerFault { peer: 7, epoch: 300, fault: "no".into() };
    assert_eq!(encode(&event).unwrap(), [1, 4, 7, 251, 0x2c, 0x01, 2, b'n', b'o']);
    assert_eq!(encode(&Grant::Stats).unwrap(), [1, 1]);
}

#[test]
fn decode_gives_back_what_was_encoded() {
    let bytes = encode(&hello()).unwrap();
    assert_eq!(decode::<Event>(&bytes).unwrap(), hello());
}

#[test]
fn decode_of_another_version_names_it() {
    let mut bytes = encode(&hello()).unwrap();
    bytes[0] = 2;
    assert!(matches!(decode::<Event>(&bytes), Err(CodecError::Version(Some(2)))));
    assert!(matches!(decode::<Event>(&[]), Err(CodecError::Version(None))));
}

#[test]
fn decode_with_trailing_bytes_is_refused() {
    let mut bytes = encode(&hello()).unwrap();
    bytes.push(0);
    assert!(matches!(decode::<Event>(&bytes), Err(CodecError::Garbled(text)) if text == "trailing bytes"));
}

#[test]
fn decode_of_every_truncation_is_refused() {
    let bytes = encode(&hello()).unwrap();
    for len in 1..bytes.len() {
        assert!(matches!(decode::<Event>(&bytes[..len]), Err(CodecError::Garbled(_))), "{len}");
    }
}

#[test]
fn decode_of_an_unknown_variant_is_refused() {
    assert!(matches!(decode::<Event>(&[1, 200]), Err(CodecError::Garbled(_))));
}

#[test]
fn decode_of_a_lying_length_is_refused() {
    // Variant 2 (Problem) with a text, and variant 0 (Hello) with a list, of 2^64 - 1 elements.
    let huge = [253, 255, 255, 255, 255, 255, 255, 255, 255];
    assert!(decode::<Event>(&[&[1, 2][..], &huge].concat()).is_err());
    assert!(decode::<Event>(&[&[1, 0, 1, 0, 0][..], &huge].concat()).is_err());
    // A length that could be allocated, with too few bytes behind it.
    assert!(decode::<Event>(&[1, 2, 252, 1, 0, 1, 0]).is_err());
}

#[test]
fn encode_past_the_limit_is_refused() {
    let text = |len| Event::Problem { text: "x".repeat(len) };
    // Version, variant, and the length as 251 and two bytes.
    let fits = MAX_MESSAGE - 5;
    let bytes = encode(&text(fits)).unwrap();
    assert_eq!(bytes.len(), 65536);
    assert_eq!(decode::<Event>(&bytes).unwrap(), text(fits));
    assert!(matches!(encode(&text(fits + 1)), Err(CodecError::TooLong { len: 65537, most: 65536 })));
}

#[test]
fn decode_takes_every_length_that_encode_lets_pass() {
    let luns =
        (0..16_000).map(|n| crate::message::config::LunConfig { lun: n % 251, unit: 1, read_only: false });
    let target = crate::message::config::TargetConfig {
        target: 0,
        name: "iqn.2026-11.test:many".into(),
        transport: 1,
        portal_group: 1,
        portals: vec![0; 1000],
        luns: luns.collect(),
        ..Default::default()
    };
    let grant = Grant::Target(target);
    assert_eq!(decode::<Grant>(&encode(&grant).unwrap()).unwrap(), grant);
}

#[test]
fn decode_of_too_many_bytes_is_refused() {
    assert!(matches!(decode::<Event>(&[1; 65537]), Err(CodecError::TooLong { len: 65537, most: 65536 })));
}
