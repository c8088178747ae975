//! Text as initiators send it, and arbitrary bytes.

use super::*;
use proptest::prelude::*;

#[test]
fn pairs_of_a_login() {
    let bytes = b"InitiatorName=iqn.2007-10.com.github:sahlberg:libiscsi\0SessionType=Normal\0\0\0";
    let found = pairs(bytes).unwrap();
    assert_eq!(found[0], ("InitiatorName", "iqn.2007-10.com.github:sahlberg:libiscsi"));
    assert_eq!(found[1], ("SessionType", "Normal"));
    assert_eq!(found.len(), 2);
}

#[test]
fn pairs_malformed() {
    assert_eq!(pairs(b"InitiatorName"), Err(TextError::Pair));
    assert_eq!(pairs(b"=value\0"), Err(TextError::Pair));
    assert_eq!(pairs(b"a\xff=1\0"), Err(TextError::Encoding));
    assert_eq!(pairs(format!("{}=1", "k".repeat(64)).as_bytes()), Err(TextError::Pair));
    assert_eq!(pairs(&b"a=\0".repeat(129)), Err(TextError::TooLong));
}

#[test]
fn text_is_bounded() {
    let mut text = Text::default();
    for _ in 0..8 {
        text.extend(&[b'x'; 8192]).unwrap();
    }
    assert_eq!(text.extend(b"y"), Err(TextError::TooLong));
}

#[test]
fn numbers() {
    assert_eq!(number("262144"), Some(262_144));
    assert_eq!(number("0xfF"), Some(255));
    for bad in ["", "+1", "-1", " 1", "0x", "1a", "99999999999999999999"] {
        assert_eq!(number(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn pairs_arbitrary(bytes: Vec<u8>) {
        let _ = pairs(&bytes);
    }

    #[test]
    fn pairs_roundtrip(value in "[a-z0-9,.:]{0,40}") {
        let mut out = Vec::new();
        push(&mut out, "X-org.example", &value);
        prop_assert_eq!(pairs(&out).unwrap(), vec![("X-org.example", value.as_str())]);
    }
}
