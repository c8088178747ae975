//! What a unit says of itself, and what it refuses to say.

use super::*;
use crate::asc::Asc;

fn disk(blocks: u64) -> DeviceInfo {
    DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(blocks))
}

fn transfer(lba: u64, blocks: u64) -> ReadWrite {
    ReadWrite { lba: Lba(lba), blocks: Blocks(blocks), dpo: false, fua: false, group: 0 }
}

#[test]
fn check_range_at_the_end() {
    let disk = disk(100);
    assert_eq!(disk.check_range(Lba(0), Blocks(100)), Ok(()));
    assert_eq!(disk.check_range(Lba(99), Blocks(1)), Ok(()));
    assert_eq!(disk.check_range(Lba(100), Blocks(0)), Ok(()));
    for (lba, blocks) in
        [(99, 2), (100, 1), (101, 0), (1 << 31, 0), (u64::MAX, 0), (u64::MAX, 1), (1, u64::MAX)]
    {
        assert_eq!(
            disk.check_range(Lba(lba), Blocks(blocks)),
            Err(Sense::lba_out_of_range()),
            "{lba}+{blocks}"
        );
    }
}

#[test]
fn check_transfer_longer_than_the_maximum() {
    let limited = DeviceInfo { max_transfer: Blocks(8), ..disk(100) };
    assert_eq!(limited.check_transfer(&transfer(0, 8)), Ok(()));
    let sense = limited.check_transfer(&transfer(0, 9)).unwrap_err();
    assert_eq!(sense.asc, Asc::INVALID_FIELD_IN_CDB);
    assert_eq!(limited.check_transfer(&transfer(99, 9)), Err(Sense::lba_out_of_range()));
    assert_eq!(disk(100).check_transfer(&transfer(0, 100)), Ok(()), "zero is no limit");
}

#[test]
fn writes_that_are_atomic_are_no_longer_than_what_can_be_transferred() {
    let most = |max_transfer| {
        let info = DeviceInfo { max_transfer, ..disk(1 << 20) };
        (info.max_compare_and_write().0, info.max_atomic().0)
    };
    assert_eq!(most(Blocks(0)), (255, 2048));
    assert_eq!(most(Blocks(1 << 15)), (255, 2048));
    assert_eq!(most(Blocks(100)), (50, 100), "COMPARE AND WRITE transfers its blocks twice");
}

#[test]
fn last_lba_of_a_unit_without_blocks() {
    assert_eq!(disk(0).last_lba(), Lba(0));
    assert_eq!(disk(1 << 21).last_lba(), Lba((1 << 21) - 1));
}

#[test]
fn naa_is_locally_assigned_and_differs_by_name() {
    let a = Naa::from_name("disk0");
    assert_eq!(a, Naa::from_name("disk0"));
    assert_ne!(a, Naa::from_name("disk1"));
    assert_eq!(a.as_slice()[0] >> 4, 0x3);
    assert_eq!(Naa::locally_assigned(u64::MAX).as_slice(), 0x3FFF_FFFF_FFFF_FFFF_u64.to_be_bytes());
}

#[test]
fn disk_has_4096_byte_physical_blocks_or_larger() {
    let exponent =
        |size| DeviceInfo::disk("d", BlockSize::new(size).unwrap(), Blocks(1)).physical_block_exponent;
    assert_eq!([exponent(512), exponent(1024), exponent(4096), exponent(65536)], [3, 2, 0, 0]);
}

#[test]
fn ascii_pads_and_refuses() {
    let text = Ascii::<8>::new("ACME").unwrap();
    assert_eq!(text.padded(), b"ACME    ");
    assert_eq!(text.trimmed(), b"ACME");
    assert_eq!(text.to_string(), "ACME");
    assert_eq!(Ascii::<4>::new("12345"), Err(AsciiError::TooLong { len: 5, room: 4 }));
    assert_eq!(Ascii::<4>::new("\u{e9}"), Err(AsciiError::NotPrintable('\u{e9}')));
    assert_eq!(Ascii::<4>::new("\x7f"), Err(AsciiError::NotPrintable('\x7f')));
    assert_eq!(Ascii::<4>::filtered("a\u{e9}\nbcd").padded(), b"a??b");
}

#[test]
fn naa_of_a_kind_has_the_length_of_its_kind() {
    for (first, len) in [(0x20, 8), (0x30, 8), (0x50, 8), (0x60, 16)] {
        let bytes: Vec<u8> = (0..16).map(|at| if at == 0 { first } else { at }).collect();
        assert_eq!(Naa::new(&bytes[..len]).unwrap().as_slice(), &bytes[..len]);
        for wrong in [0, 1, 7, 9, 15, 24 - len] {
            assert_eq!(Naa::new(&bytes[..wrong]), None, "{first:02x} of {wrong}");
        }
    }
    assert_eq!(Naa::new(&[0x10; 8]), None);
    assert_eq!(Naa::new(&[0x60; 17]), None);
}

#[test]
fn scsi_name_ends_with_a_null_at_a_multiple_of_four() {
    let padded = |name| ScsiName::new(name).unwrap().padded();
    assert_eq!(padded("abc"), b"abc\0");
    assert_eq!(padded("abcd"), b"abcd\0\0\0\0");
    assert_eq!(ScsiName::new(""), None);
    assert_eq!(ScsiName::new("a\0b"), None);
    assert!(ScsiName::new(&"x".repeat(251)).unwrap().padded().len() <= 255);
    assert_eq!(ScsiName::new(&"x".repeat(252)), None);
}
