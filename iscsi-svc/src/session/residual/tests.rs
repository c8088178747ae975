//! The cases of libiscsi's residual tests, and the corners.

use super::*;

#[test]
fn read_exact() {
    assert_eq!(Residual::of(512, 512, 512), Residual::None);
    assert_eq!(Residual::of(0, 0, 0), Residual::None);
}

#[test]
fn read_edtl_zero() {
    assert_eq!(Residual::of(0, 512, 0), Residual::Overflow(512));
}

#[test]
fn read_edtl_too_large() {
    assert_eq!(Residual::of(10000, 512, 512), Residual::Underflow(9488));
}

#[test]
fn read_edtl_below_a_block() {
    let residual = Residual::of(200, 512, 200);
    assert_eq!(residual, Residual::Overflow(312));
    assert_eq!((residual.flags(), residual.count()), (0x04, 312));
}

#[test]
fn write_failed_before_any_data() {
    let residual = Residual::of(4096, 0, 0);
    assert_eq!((residual.flags(), residual.count()), (0x02, 4096));
}

#[test]
fn overflow_beyond_the_field() {
    assert_eq!(Residual::of(1, u64::MAX, 0), Residual::Overflow(u32::MAX));
    assert_eq!(Residual::of(u32::MAX, 0, u64::MAX), Residual::None);
}
