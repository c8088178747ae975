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

/// Every error with a meaning of its own, as READ, WRITE and SYNCHRONIZE CACHE end with it; the last ones have none.
#[test]
fn each_error_of_the_host() {
    const READ: (u8, u8, u8) = (3, 0x11, 0x00);
    const WRITE: (u8, u8, u8) = (3, 0x0C, 0x00);
    const NO_MEDIUM: (u8, u8, u8) = (2, 0x3A, 0x00);
    const GONE: (u8, u8, u8) = (4, 0x08, 0x00);
    const FULL: (u8, u8, u8) = (7, 0x27, 0x07);
    const PROTECTED: (u8, u8, u8) = (7, 0x27, 0x00);
    const BUSY: (u8, u8, u8) = (0xB, 0x55, 0x03);
    const OURS: (u8, u8, u8) = (4, 0x44, 0x00);
    let rows = [
        (libc::EIO, [READ, WRITE, WRITE]),
        (libc::EREMOTEIO, [READ, WRITE, WRITE]),
        (libc::EBADMSG, [READ, WRITE, WRITE]),
        (libc::EUCLEAN, [READ, WRITE, WRITE]),
        (libc::ENODATA, [READ, WRITE, WRITE]),
        (libc::EILSEQ, [READ, WRITE, WRITE]),
        (libc::ENOMEDIUM, [NO_MEDIUM; 3]),
        (libc::ENODEV, [GONE; 3]),
        (libc::ENXIO, [GONE; 3]),
        (libc::ENOLINK, [GONE; 3]),
        (libc::ETIMEDOUT, [GONE; 3]),
        (libc::ESTALE, [GONE; 3]),
        (libc::ESHUTDOWN, [GONE; 3]),
        (libc::ENOSPC, [OURS, FULL, FULL]),
        (libc::EDQUOT, [OURS, FULL, FULL]),
        (libc::EFBIG, [OURS, FULL, FULL]),
        (libc::EROFS, [OURS, PROTECTED, OURS]),
        (libc::EPERM, [OURS, PROTECTED, OURS]),
        (libc::EACCES, [OURS, PROTECTED, OURS]),
        (libc::ENOMEM, [BUSY, BUSY, OURS]),
        (libc::ENOBUFS, [BUSY, BUSY, OURS]),
        (libc::EINVAL, [OURS; 3]),
        (libc::EBADF, [OURS; 3]),
        (libc::EFAULT, [OURS; 3]),
        (libc::ENOSYS, [OURS; 3]),
    ];
    for (errno, expected) in rows {
        let found = [Op::Read, Op::Write, Op::Sync].map(|op| of(op, errno));
        assert_eq!(found, expected, "{}", io::Error::from_raw_os_error(errno));
    }
    let of_state = |errno| codes(of_state(&io::Error::from_raw_os_error(errno)));
    assert_eq!(of_state(libc::EIO), OURS, "no medium is at fault");
    assert_eq!([libc::ENOSPC, libc::EDQUOT].map(of_state), [(5, 0x55, 3); 2]);
    assert_eq!(codes(of_end(Op::Read, None)), READ);
    assert_eq!(codes(of_end(Op::Write, None)), WRITE);
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
