//! Long operations as they stand in the notebook, and as they are reported.

use proptest::prelude::*;

use super::*;

fn overwrite() -> Operation {
    let kind = Kind::Overwrite { count: 3, invert: true, pattern: vec![1, 2, 3] };
    Operation { done: 1536, ..Operation::new(kind, (7, 9), true) }
}

#[test]
fn operation_is_read_back() {
    let failed = Operation { failed: true, ..Operation::new(Kind::BlockErase, (1, 2), false) };
    for operation in [overwrite(), failed, Operation::new(Kind::Format, (u64::MAX, 0), false)] {
        assert_eq!(Operation::decode(&operation.encode(), 512), Some(operation));
    }
    assert_eq!(Operation::decode(&overwrite().encode(), 2), None, "a pattern is no longer than a block");
}

#[test]
fn progress_is_a_part_of_65536() {
    let sense = overwrite().sense(1024).encode(false);
    assert_eq!(sense.as_slice()[2], 0x02);
    assert_eq!(sense.as_slice()[12..14], [0x04, 0x1B]);
    assert_eq!(sense.as_slice()[15..18], [0x80, 0x80, 0x00]);
    let format = Operation { done: 255, ..Operation::new(Kind::Format, (1, 1), false) };
    assert_eq!(format.sense(1024).encode(false).as_slice()[12..18], [0x04, 0x04, 0, 0x80, 0x3F, 0xC0]);
    assert_eq!(format.sense(0).specific, scsi::sense::Specific::Progress(0));
    let failed = Operation { failed: true, ..overwrite() }.sense(1024).encode(false);
    assert_eq!((failed.as_slice()[2], &failed.as_slice()[12..14]), (0x03, &[0x31, 0x03][..]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 0..5u8) {
        if bytes.len() > 40 {
            let len = bytes.len() as u32 - 36;
            bytes[..8].copy_from_slice(&[1, kind, 0, 1, 9, 0, 0, 0]);
            bytes[32..36].copy_from_slice(&len.to_le_bytes());
        }
        if let Some(operation) = Operation::decode(&bytes, 512) {
            prop_assert_eq!(operation.encode(), bytes);
        }
    }
}
