//! LUNs in the addressing methods of SAM-5 4.7, there and back.

use proptest::prelude::*;

use super::*;

#[test]
fn number_peripheral_addressing() {
    assert_eq!(Lun::from_bytes([0, 0, 0, 0, 0, 0, 0, 0]).number(), Ok(0));
    assert_eq!(Lun::from_bytes([0, 0xFF, 0, 0, 0, 0, 0, 0]).number(), Ok(255));
}

#[test]
fn number_flat_space_addressing() {
    assert_eq!(Lun::from_bytes([0x40, 0x05, 0, 0, 0, 0, 0, 0]).number(), Ok(5));
    assert_eq!(Lun::from_bytes([0x41, 0x00, 0, 0, 0, 0, 0, 0]).number(), Ok(256));
    assert_eq!(Lun::from_bytes([0x7F, 0xFF, 0, 0, 0, 0, 0, 0]).number(), Ok(16383));
}

#[test]
fn number_refuses_everything_else() {
    let refused = [
        [0x01, 0x00, 0, 0, 0, 0, 0, 0],    // another bus
        [0x80, 0x00, 0, 0, 0, 0, 0, 0],    // logical unit addressing
        [0xC1, 0x01, 0, 0, 0, 0, 0, 0],    // REPORT LUNS well known logical unit
        [0xD2, 0x00, 0x01, 0, 0, 0, 0, 0], // long extended flat space addressing
        [0x00, 0x01, 0x00, 0x01, 0, 0, 0, 0],
        [0x00, 0x01, 0, 0, 0, 0, 0, 1],
    ];
    for bytes in refused {
        let lun = Lun::from_bytes(bytes);
        assert_eq!(lun.number(), Err(LunError::Unsupported(lun)));
    }
}

#[test]
fn from_number_bytes_of_the_standard() {
    assert_eq!(Lun::from_number(7).unwrap().to_bytes(), [0, 7, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Lun::from_number(256).unwrap().to_bytes(), [0x41, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Lun::from_number(16383).unwrap().to_bytes(), [0x7F, 0xFF, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Lun::from_number(16384), Err(LunError::TooHigh(16384)));
}

#[test]
fn from_number_by_bytes_of_each_method() {
    let bytes = |number, by| Lun::from_number_by(number, by).unwrap().to_bytes()[..2].to_vec();
    assert_eq!(bytes(5, Addressing::Peripheral), [0x00, 0x05]);
    assert_eq!(bytes(300, Addressing::Peripheral), [0x41, 0x2C]);
    assert_eq!(bytes(5, Addressing::Flat), [0x40, 0x05]);
    assert_eq!(bytes(5, Addressing::LogicalUnit), [0x80, 0x05]);
    assert_eq!(bytes(16383, Addressing::LogicalUnit), [0xBF, 0xFF]);
    for by in Addressing::ALL {
        assert_eq!(Lun::from_number_by(16384, *by), Err(LunError::TooHigh(16384)));
    }
}

#[test]
fn number_by_takes_logical_unit_addressing_where_it_is_reported() {
    let lun = Lun::from_bytes([0x81, 0x2C, 0, 0, 0, 0, 0, 0]);
    assert_eq!(lun.number_by(Addressing::LogicalUnit), Ok(300));
    assert_eq!(lun.number_by(Addressing::Flat), Err(LunError::Unsupported(lun)));
    assert_eq!(Lun::from_bytes([0, 5, 0, 0, 0, 0, 0, 0]).number_by(Addressing::LogicalUnit), Ok(5));
    assert!(Lun::from_bytes([0x81, 0x2C, 0, 1, 0, 0, 0, 0]).number_by(Addressing::LogicalUnit).is_err());
}

#[test]
fn report_luns_well_known_unit_bytes() {
    assert_eq!(Lun::REPORT_LUNS.to_bytes(), [0xC1, 0x01, 0, 0, 0, 0, 0, 0]);
    assert!(Lun::REPORT_LUNS.number().is_err());
}

#[test]
fn display_number_if_there_is_one() {
    assert_eq!(Lun::from_number(300).unwrap().to_string(), "LUN 300");
    assert_eq!(Lun::from_u64(1).to_string(), "LUN 0000000000000001");
}

proptest! {
    #[test]
    fn number_round_trips(number in 0..=MAX_NUMBER) {
        let lun = Lun::from_number(number).unwrap();
        prop_assert_eq!(lun.number(), Ok(number));
        prop_assert_eq!(Lun::from_u64(lun.to_u64()), lun);
    }

    #[test]
    fn number_takes_any_bytes(bytes: [u8; 8]) {
        if let Ok(number) = Lun::from_bytes(bytes).number() {
            prop_assert!(number <= MAX_NUMBER);
        }
    }
}
