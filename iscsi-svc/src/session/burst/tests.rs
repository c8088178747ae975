//! Writes as initiators do them, and as they must not.

use super::*;
use crate::pdu::NO_TAG;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    initial_r2t: false,
    immediate_data: true,
    first_burst: 4096,
    max_burst: 8192,
    max_outstanding_r2t: 2,
};

fn pdu(ttt: u32, data_sn: u32, offset: u32, len: u32, last: bool) -> Arriving {
    Arriving { ttt, data_sn, offset, len, last }
}

#[test]
fn write_immediate_only() {
    let mut data = WriteData::new(4096, 4096, true, LIMITS);
    assert!(data.complete());
    assert_eq!(data.next_r2t(1), None);
}

#[test]
fn write_without_data() {
    assert!(WriteData::new(0, 0, true, LIMITS).complete());
}

#[test]
fn write_unsolicited_then_solicited() {
    let mut data = WriteData::new(20000, 512, false, LIMITS);
    assert_eq!(data.next_r2t(1), None);
    assert_eq!(data.data_out(pdu(NO_TAG, 0, 512, 3000, false)), Taken::Place { offset: 512 });
    assert_eq!(data.data_out(pdu(NO_TAG, 1, 3512, 584, true)), Taken::Place { offset: 3512 });
    assert_eq!(data.next_r2t(1), Some(Ask { r2t_sn: 0, ttt: 1, offset: 4096, len: 8192 }));
    assert_eq!(data.next_r2t(2), Some(Ask { r2t_sn: 1, ttt: 2, offset: 12288, len: 7712 }));
    assert_eq!(data.next_r2t(3), None);
    assert_eq!(data.data_out(pdu(1, 0, 4096, 8192, true)), Taken::Place { offset: 4096 });
    assert!(!data.complete());
    assert_eq!(data.data_out(pdu(2, 0, 12288, 7712, true)), Taken::Place { offset: 12288 });
    assert!(data.complete());
}

#[test]
fn write_unsolicited_burst_ends_early() {
    let mut data = WriteData::new(8192, 0, false, LIMITS);
    data.data_out(pdu(NO_TAG, 0, 0, 1000, true));
    assert_eq!(data.next_r2t(7), Some(Ask { r2t_sn: 0, ttt: 7, offset: 1000, len: 7192 }));
}

#[test]
fn write_data_sn_twice_zero() {
    let limits = Limits { initial_r2t: true, ..LIMITS };
    let mut data = WriteData::new(1024, 0, true, limits);
    assert!(data.next_r2t(1).is_some());
    assert_eq!(data.data_out(pdu(1, 0, 0, 512, false)), Taken::Place { offset: 0 });
    assert_eq!(data.data_out(pdu(1, 0, 512, 512, true)), Taken::Discard);
    assert_eq!(data.failed(), Some(DataFault::OutOfOrder));
    assert!(!data.complete());
}

#[test]
fn write_data_sn_reversed_waits_for_the_final_bit() {
    let mut data = WriteData::new(1024, 0, false, LIMITS);
    assert_eq!(data.data_out(pdu(NO_TAG, 1, 0, 512, false)), Taken::Discard);
    assert_eq!(data.failed(), None);
    assert_eq!(data.data_out(pdu(NO_TAG, 0, 512, 512, true)), Taken::Discard);
    assert_eq!(data.failed(), Some(DataFault::OutOfOrder));
    assert_eq!(DataFault::OutOfOrder.additional_sense(), (0x47, 0x05));
}

#[test]
fn write_more_than_expected() {
    let mut data = WriteData::new(512, 0, false, LIMITS);
    assert_eq!(data.data_out(pdu(NO_TAG, 0, 0, 513, true)), Taken::Discard);
    assert_eq!(data.failed(), Some(DataFault::IncorrectAmount));
}

#[test]
fn write_answer_to_r2t_too_short() {
    let mut data = WriteData::new(512, 0, true, LIMITS);
    data.next_r2t(9);
    assert_eq!(data.data_out(pdu(9, 0, 0, 100, true)), Taken::Discard);
    assert_eq!(data.failed(), Some(DataFault::IncorrectAmount));
}

#[test]
fn write_unsolicited_not_agreed() {
    let strict = Limits { initial_r2t: true, immediate_data: false, ..LIMITS };
    let data = WriteData::new(512, 512, true, strict);
    assert_eq!(data.failed(), Some(DataFault::UnexpectedUnsolicited));
    let mut data = WriteData::new(512, 0, false, strict);
    assert_eq!(data.failed(), None);
    data.data_out(pdu(NO_TAG, 0, 0, 512, true));
    assert_eq!(data.failed(), Some(DataFault::UnexpectedUnsolicited));
}

#[test]
fn write_with_a_foreign_tag() {
    let mut data = WriteData::new(512, 0, true, LIMITS);
    data.next_r2t(9);
    assert_eq!(data.data_out(pdu(10, 0, 0, 512, true)), Taken::Discard);
    assert_eq!(data.failed(), None);
    assert_eq!(data.data_out(pdu(9, 0, 0, 512, true)), Taken::Discard);
    assert_eq!(data.failed(), Some(DataFault::OutOfOrder));
}

proptest! {
    /// Whatever arrives, data is only placed inside the command's buffer, in order and once.
    #[test]
    fn data_out_arbitrary(
        expected in 0u32..100_000, immediate in 0u32..10_000, last: bool,
        steps in prop::collection::vec((0u32..6, 0u32..4, any::<u32>(), any::<u32>(), any::<bool>(), any::<bool>()), 0..100),
    ) {
        let mut data = WriteData::new(expected, immediate, last, LIMITS);
        let mut next = data.received();
        let mut tag = 0;
        for (ttt, data_sn, offset, len, fits, last) in steps {
            if data.next_r2t(tag).is_some() {
                tag += 1;
            }
            let ttt = if ttt == 5 { NO_TAG } else { ttt };
            let (offset, len) = if fits { (next, len % 5000) } else { (offset, len) };
            if let Taken::Place { offset: at } = data.data_out(pdu(ttt, data_sn, offset, len, last)) {
                prop_assert_eq!(at, next);
                next = at + len;
                prop_assert!(next <= expected);
            }
        }
    }

    /// An initiator that answers every R2T properly always gets to the end.
    #[test]
    fn write_always_completes(expected in 0u32..200_000, immediate in 0u32..4096, max_burst in 512u32..70_000) {
        let mut data = WriteData::new(expected, immediate.min(expected), true, Limits { max_burst, ..LIMITS });
        let mut tag = 0;
        while let Some(ask) = data.next_r2t(tag) {
            tag += 1;
            data.data_out(pdu(ask.ttt, 0, ask.offset, ask.len, true));
        }
        prop_assert!(data.complete());
    }
}
