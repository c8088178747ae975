//! Pages there and back, and pages that an enemy wrote.

use super::*;
use proptest::prelude::*;

fn record(name: &str) -> Record {
    let mut record: Record = FromZeros::new_zeroed();
    record.key = 9.into();
    record.name_len = (name.len() as u16).into();
    record.name[..name.len()].copy_from_slice(name.as_bytes());
    record
}

#[test]
fn page_there_and_back() {
    let page = encode([record("iqn.a"), record("iqn.b")].into_iter(), 4096);
    let names: Vec<String> = decode(&page).iter().map(|r| r.initiator().unwrap().to_owned()).collect();
    assert_eq!(names, ["iqn.a", "iqn.b"]);
    assert_eq!(encode([record("iqn.a"), record("iqn.b")].into_iter(), 300).len(), 286);
}

proptest! {
    #[test]
    fn decode_arbitrary(page in prop::collection::vec(any::<u8>(), 0..2000)) {
        decode(&page);
    }
}
