//! Parameter lists typed from SBC-3, and lists of any bytes.

use proptest::prelude::*;

use super::*;

fn thin() -> DeviceInfo {
    let disk = DeviceInfo::disk("disk", BlockSize::DEFAULT, Blocks(1 << 33));
    DeviceInfo { thin_provisioned: true, ..disk }
}

const TWO: [u8; 40] = [
    0, 38, 0, 32, 0, 0, 0, 0, // header
    0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, // LBA 1_0000_0002h, 3 blocks
    0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, // none
];

#[test]
fn unmap_list_of_two_descriptors() {
    assert_eq!(unmap(&thin(), &TWO, 40), Ok(vec![(Lba(0x1_0000_0002), Blocks(3))]));
    assert_eq!(unmap(&thin(), &[], 0), Ok(vec![]));
    assert_eq!(unmap(&thin(), &TWO, 39), Err(TOO_SHORT), "the list says that it is longer");
    assert_eq!(unmap(&thin(), &TWO, 7), Err(TOO_SHORT));
    let mut cut = TWO;
    cut[3] = 31;
    assert_eq!(unmap(&thin(), &cut, 40).unwrap().len(), 1, "a descriptor that is cut off is left out");
}

#[test]
fn unmap_list_past_the_limits() {
    let mut far = TWO;
    far[11] = 2;
    assert_eq!(unmap(&thin(), &far, 40), Err(Sense::lba_out_of_range()));
    let mut long = TWO;
    // With the three blocks of the first descriptor that is one more than 10_0000h.
    long[32..36].copy_from_slice(&0x0F_FFFE_u32.to_be_bytes());
    assert_eq!(unmap(&thin(), &long, 40), Err(Sense::invalid_field_in_parameter_list(32, None)));
    long[35] = 0xFD;
    assert_eq!(unmap(&thin(), &long, 40).unwrap().len(), 2);
    let mut many = vec![0; 8 + 257 * 16];
    many[2..4].copy_from_slice(&(257_u16 * 16).to_be_bytes());
    assert_eq!(unmap(&thin(), &many, 4120), Err(Sense::invalid_field_in_parameter_list(2, None)));
    many[2..4].copy_from_slice(&(256_u16 * 16).to_be_bytes());
    assert_eq!(unmap(&thin(), &many, 4120), Ok(vec![]));
    assert_eq!(unmap_list_bytes(&thin()), 8 + 256 * 16);
}

#[test]
fn overwrite_list() {
    let list = [0x9F, 0, 0, 3, 0xA, 0xB, 0xC, 0xD];
    let expected = Overwrite { count: 31, invert: true, pattern: vec![0xA, 0xB, 0xC] };
    assert_eq!(overwrite(BlockSize::DEFAULT, &list, 8), Ok(expected));
    for length in [0, 4, 517] {
        let refused = Err(Sense::invalid_field_in_cdb(7, None));
        assert_eq!(overwrite(BlockSize::DEFAULT, &[1; 600], length), refused);
    }
    let wrong = |list: [u8; 8]| overwrite(BlockSize::DEFAULT, &list, 8).unwrap_err();
    let field = Sense::invalid_field_in_parameter_list;
    assert_eq!(wrong([0x00, 0, 0, 4, 0, 0, 0, 0]), field(0, Some(4)));
    assert_eq!(wrong([0x21, 0, 0, 4, 0, 0, 0, 0]), field(0, Some(6)));
    assert_eq!(wrong([0x01, 1, 0, 4, 0, 0, 0, 0]), field(1, None));
    assert_eq!(wrong([0x01, 0, 0, 0, 0, 0, 0, 0]), field(2, None));
    assert_eq!(wrong([0x01, 0, 2, 1, 0, 0, 0, 0]), field(2, None));
    assert_eq!(wrong([0x01, 0, 0, 5, 0, 0, 0, 0]), TOO_SHORT);
}

#[test]
fn format_list() {
    assert_eq!(format(false, &[0, 0, 0, 0]), Ok(false));
    assert_eq!(format(false, &[0, 0x02, 0, 0]), Ok(true));
    assert_eq!(format(true, &[0, 0x82, 0, 0, 0, 0, 0, 0]), Ok(true));
    let field = Sense::invalid_field_in_parameter_list;
    assert_eq!(format(false, &[0, 0, 0]), Err(TOO_SHORT));
    assert_eq!(format(true, &[0, 0, 0, 0]), Err(TOO_SHORT));
    assert_eq!(format(false, &[1, 0, 0, 0]), Err(field(0, Some(2))));
    assert_eq!(format(false, &[0, 0x08, 0, 0]), Err(field(1, Some(6))));
    assert_eq!(format(false, &[0, 0x88, 0, 0]), Err(field(1, Some(3))));
    assert_eq!(format(false, &[0, 0, 0, 8]), Err(field(2, None)));
    assert_eq!(format(true, &[0, 0, 0, 1, 0, 0, 0, 0]), Err(field(3, Some(7))));
    assert_eq!(format(true, &[0, 0, 0, 0, 0, 0, 0, 8]), Err(field(4, None)));
}

proptest! {
    #[test]
    fn any_list_is_read_or_refused(list in prop::collection::vec(any::<u8>(), 0..700), length: u16, long: bool) {
        for (lba, blocks) in unmap(&thin(), &list, length).unwrap_or_default() {
            prop_assert!(thin().check_range(lba, blocks).is_ok() && blocks.0 > 0);
        }
        if let Ok(found) = overwrite(BlockSize::DEFAULT, &list, length) {
            prop_assert!((1..=31).contains(&found.count) && (1..=512).contains(&found.pattern.len()));
        }
        let _ = format(long, &list);
    }
}
