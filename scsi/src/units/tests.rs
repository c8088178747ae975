//! Arithmetic on units of measure, at its limits.

use super::*;

#[test]
fn block_size_powers_of_two_from_512_to_65536() {
    for good in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
        assert_eq!(BlockSize::new(good).map(BlockSize::get), Ok(good));
    }
    for bad in [0, 1, 256, 511, 513, 520, 4095, 131_072, u32::MAX] {
        assert_eq!(BlockSize::new(bad), Err(BlockSizeError(bad)));
    }
}

#[test]
fn arithmetic_ends_in_none_where_it_would_wrap() {
    assert_eq!(Lba(u64::MAX - 1).checked_add(Blocks(1)), Some(Lba(u64::MAX)));
    assert_eq!(Lba(u64::MAX).checked_add(Blocks(1)), None);
    assert_eq!(Lba(1 << 55).checked_offset(BlockSize::DEFAULT), None);
    assert_eq!(Blocks(1 << 54).checked_bytes(BlockSize::DEFAULT), Some(Bytes(1 << 63)));
    assert_eq!(Blocks(u64::MAX).checked_bytes(BlockSize::DEFAULT), None);
    assert_eq!(Bytes(1).checked_sub(Bytes(2)), None);
    assert_eq!(Blocks(1).checked_sub(Blocks(2)), None);
    assert_eq!(Bytes(u64::MAX).checked_add(Bytes(1)), None);
}

#[test]
fn whole_blocks_drops_the_rest() {
    assert_eq!(Bytes(0).whole_blocks(BlockSize::DEFAULT), Blocks(0));
    assert_eq!(Bytes(1023).whole_blocks(BlockSize::DEFAULT), Blocks(1));
    assert_eq!(Bytes(1024).whole_blocks(BlockSize::DEFAULT), Blocks(2));
}
