//! Lengths of CDBs, and fields at the edges of them.

use proptest::prelude::*;

use super::*;
use crate::opcode::TABLE;

#[test]
fn new_read_10_with_the_padding_of_iscsi() {
    let mut padded = [0xEE; 16];
    padded[..10].copy_from_slice(&[0x28, 0x18, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x00]);
    let cdb = Cdb::new(&padded).unwrap();
    assert_eq!(cdb.opcode().name, "READ(10)");
    assert_eq!(cdb.as_slice(), &padded[..10]);
    assert_eq!((cdb.u8(6), cdb.u16(7), cdb.u32(2)), (0x05, 0x0607, 0x0102_0304));
    assert_eq!(cdb.u64(2), 0x0102_0304_0506_0700);
    assert!(cdb.bit(1, 4) && cdb.bit(1, 3) && !cdb.bit(1, 5));
}

#[test]
fn new_too_short_names_the_missing_byte() {
    assert_eq!(Cdb::new(&[0x28; 9]), Err(Sense::invalid_field_in_cdb(9, None)));
    assert_eq!(Cdb::new(&[0x00]), Err(Sense::invalid_field_in_cdb(1, None)));
    assert_eq!(Cdb::new(&[]), Err(Sense::invalid_opcode()));
}

#[test]
fn new_refuses_link() {
    assert!(Cdb::new(&[0, 0, 0, 0, 0, 0x04]).is_ok(), "NACA is core-svc's");
    assert_eq!(Cdb::new(&[0, 0, 0, 0, 0, 0x01]), Err(Sense::invalid_field_in_cdb(5, Some(0))));
    assert!(Cdb::new(&[0, 0, 0, 0, 0, 0xC0]).is_ok(), "the vendor specific bits are nobody's business");
}

#[test]
fn fields_past_the_end_are_zero() {
    let cdb = Cdb::new(&[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]).unwrap();
    assert_eq!(cdb.u32(4), 0xFF00_0000);
    assert_eq!(cdb.u32(CDB_CAPACITY - 2), 0);
    assert_eq!(cdb.u64(usize::MAX), 0);
}

#[test]
fn every_row_fits_inline() {
    assert!(TABLE.iter().all(|row| row.cdb_len() <= CDB_CAPACITY));
}

proptest! {
    #[test]
    fn new_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(cdb) = Cdb::new(&bytes) {
            prop_assert!(bytes.starts_with(cdb.as_slice()));
        }
    }
}
