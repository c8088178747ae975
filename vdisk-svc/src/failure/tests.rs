//! Each kind of failure, against the codes of SPC-4.

use std::io;

use scsi::sense::Sense;

use super::*;

fn codes(sense: Sense) -> (u8, u8, u8) {
    (sense.key.code(), sense.asc.code, sense.asc.qualifier)
}

fn of(op: Op, errno: i32) -> (u8, u8, u8) {
    codes(of_io(op, &io::Error::from_raw_os_error(errno), Some(9)))
}

#[test]
fn medium_errors_name_the_block() {
    assert_eq!(of(Op::Read, libc::EIO), (3, 0x11, 0));
    assert_eq!(of(Op::Write, libc::EIO), (3, 0x0C, 0));
    let sense = of_io(Op::Read, &io::Error::from_raw_os_error(libc::EIO), Some(9));
    assert_eq!(sense.information, Some(9));
    assert_eq!(of_end(Op::Write, Some(9)).information, Some(9));
}

#[test]
fn host_errors_say_whose_fault_it_is() {
    assert_eq!(of(Op::Write, libc::ENOSPC), (7, 0x27, 7));
    assert_eq!(of(Op::Write, libc::EDQUOT), (7, 0x27, 7));
    assert_eq!(of(Op::Write, libc::EROFS), (7, 0x27, 0));
    assert_eq!(of(Op::Read, libc::ENOMEM), (0xB, 0x55, 3));
    assert_eq!(of(Op::Read, libc::EBADF), (4, 0x44, 0));
    assert_eq!(codes(of_io(Op::Read, &io::Error::other("?"), None)), (4, 0x44, 0));
    assert_eq!(codes(of_lost_data()), (3, 0x0C, 0));
}

#[test]
fn devices_that_vanish_and_media_that_fail_below_a_block_device() {
    assert_eq!(of(Op::Read, libc::ENODATA), (3, 0x11, 0), "what the block layer says of a medium error");
    assert_eq!(of(Op::Write, libc::EILSEQ), (3, 0x0C, 0));
    assert_eq!(of(Op::Read, libc::ENOMEDIUM), (2, 0x3A, 0));
    for errno in [libc::ENODEV, libc::ENXIO, libc::ETIMEDOUT, libc::ENOLINK, libc::ESTALE] {
        for op in [Op::Read, Op::Write, Op::Sync] {
            assert_eq!(of(op, errno), (4, 0x08, 0), "{errno} of {op:?}");
        }
    }
}
