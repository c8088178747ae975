//! Parameter lists of MODE SELECT: what they change, and where exactly they are wrong.

use proptest::prelude::*;

use super::parameters::selected;
use super::*;
use crate::asc::Asc;

const NONE: fn() -> ModeParameters = ModeParameters::default;

/// MODE SELECT(6) of a list without block descriptor.
fn six_of(page: &[u8]) -> Result<ModeParameters, Sense> {
    parse(&disk(), &NONE(), false, &[&[0; 4][..], page].concat())
}

fn refused(byte: u16, bit: Option<u8>) -> Result<ModeParameters, Sense> {
    Err(Sense::invalid_field_in_parameter_list(byte, bit))
}

const TOO_SHORT: Result<ModeParameters, Sense> =
    Err(Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR));

/// A control page with one byte of its own.
fn control(at: usize, byte: u8) -> [u8; 12] {
    let mut page = CONTROL;
    page[at] = byte;
    page
}

#[test]
fn what_mode_sense_gave_changes_nothing() {
    for ten in [false, true] {
        for long_lba in [false, ten] {
            let request = ModeSense { ten, long_lba, subpage: 0xFF, ..six(0x3F) };
            let list = bytes(&disk(), request);
            assert_eq!(parse(&disk(), &NONE(), ten, &list), Ok(NONE()), "{request:?}");
        }
    }
    assert_eq!(parse(&disk(), &NONE(), false, &[]), Ok(NONE()), "no list");
    assert_eq!(parse(&disk(), &NONE(), true, &[0; 8]), Ok(NONE()), "a header alone");
}

#[test]
fn current_values_change_and_the_rest_stays() {
    let set = selected(&[&control(4, 0x08)]);
    let data = respond(&disk(), &Path::default(), &set, Some(&NONE()), &six(0x3F)).unwrap().into_vec();
    assert_eq!(data[2], 0x90, "SWP shows as WP");
    assert_eq!(data[60..72], [0x8A, 0x0A, 0x02, 0x10, 0x08, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(data[41], 0x12);
    let saved = ModeSense { page_control: PageControl::Saved, ..six(0x0A) };
    let data = respond(&disk(), &Path::default(), &set, Some(&NONE()), &saved).unwrap().into_vec();
    assert_eq!(data[12..], [0x8A, 0x0A, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn ps_is_reserved_and_not_looked_at() {
    assert_eq!(six_of(&control(0, 0x8A)), Ok(NONE()));
}

#[test]
fn later_page_of_a_list_counts_and_a_wrong_one_undoes_all() {
    let (on, off) = (control(4, 0x08), CONTROL);
    let twice = six_of(&[on, off].concat()).unwrap();
    assert!(!twice.software_write_protect(&disk()));
    assert_eq!(six_of(&[&on[..], &[0x3E, 0x00]].concat()), refused(16, Some(5)));
}

#[test]
fn list_that_ends_too_early() {
    let (short, long) = ([0; 4], [0, 0, 0, 0, 0, 0, 0, 0]);
    for len in 1..short.len() {
        assert_eq!(parse(&disk(), &NONE(), false, &short[..len]), TOO_SHORT);
    }
    for len in 1..long.len() {
        assert_eq!(parse(&disk(), &NONE(), true, &long[..len]), TOO_SHORT);
    }
    for len in 1..CONTROL.len() {
        assert_eq!(six_of(&CONTROL[..len]), TOO_SHORT, "{len} bytes of a page");
    }
    for len in 1..EXTENSION.len() {
        assert_eq!(six_of(&EXTENSION[..len]), TOO_SHORT, "{len} bytes of a subpage");
    }
    assert_eq!(parse(&disk(), &NONE(), false, &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2]), TOO_SHORT);
}

#[test]
fn page_that_there_is_not() {
    assert_eq!(six_of(&[0x1D, 0x0A, 0, 0]), refused(4, Some(5)));
    assert_eq!(six_of(&[0x3F, 0x0A, 0, 0]), refused(4, Some(5)), "all pages is for MODE SENSE");
    assert_eq!(six_of(&[0x4A, 0x02, 0, 0x1C]), refused(5, None), "no such subpage");
    assert_eq!(six_of(&[0x4A, 0x00, 0, 0x0A]), refused(5, None), "subpage 00h has the other format");
    assert_eq!(six_of(&[&CACHING[..], &[0x49, 0x01, 0, 0]].concat()), refused(24, Some(5)));
}

#[test]
fn page_length_that_is_not_the_one_of_mode_sense() {
    assert_eq!(six_of(&control(1, 0x0B)), refused(5, None));
    assert_eq!(six_of(&control(1, 0x00)), refused(5, None));
    let mut extension = EXTENSION;
    extension[3] = 0x1B;
    assert_eq!(six_of(&extension), refused(6, None));
}

#[test]
fn bits_that_cannot_be_changed() {
    assert_eq!(six_of(&control(2, 0x00)), refused(6, Some(1)), "GLTSD");
    assert_eq!(six_of(&control(2, 0x42)), refused(6, Some(6)), "TST 010b");
    assert_eq!(six_of(&control(3, 0x20)), refused(7, Some(5)), "QUEUE ALGORITHM MODIFIER 2h");
    assert_eq!(six_of(&control(11, 0x01)), refused(15, Some(0)));
    let mut caching = CACHING;
    caching[2] = 0x05;
    assert_eq!(six_of(&caching), refused(6, Some(0)), "RCD");
    let mut recovery = RECOVERY;
    recovery[3] = 0x0B;
    assert_eq!(six_of(&[&CONTROL[..], &recovery].concat()), refused(19, Some(3)), "READ RETRY COUNT");
}

#[test]
fn values_that_are_reserved() {
    assert_eq!(six_of(&control(3, 0x14)), refused(7, Some(2)), "QERR 10b");
    assert_eq!(six_of(&control(4, 0x10)), refused(8, Some(5)), "UA_INTLCK_CTRL 01b");
    assert_eq!(six_of(&[0x1C, 0x0A, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]), refused(7, Some(3)), "MRIE 2h");
}

#[test]
fn header_and_block_descriptor() {
    let six = |list: &[u8]| parse(&disk(), &NONE(), false, list);
    assert_eq!(six(&[0, 1, 0, 0]), refused(1, None), "MEDIUM TYPE");
    assert_eq!(six(&[0xFF, 0, 0x90, 0]), Ok(NONE()), "what MODE SENSE says there is reserved here");
    assert_eq!(six(&[0, 0, 0, 16]), refused(3, None));
    assert_eq!(six(&[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0]), Ok(NONE()), "capacity as it is");
    assert_eq!(six(&[0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 2, 0]), Ok(NONE()), "the greatest possible");
    assert_eq!(six(&[0, 0, 0, 8, 0, 0, 1, 0, 0, 0, 2, 0]), refused(4, None), "fewer blocks");
    assert_eq!(six(&[0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 16, 0]), refused(9, None), "another block length");
    let ten = |list: &[u8]| parse(&disk(), &NONE(), true, list);
    assert_eq!(ten(&[0, 0, 1, 0, 0, 0, 0, 0]), refused(2, None));
    assert_eq!(ten(&[0, 0, 0, 0, 0, 0, 0, 16]), refused(6, None), "a long descriptor without LONGLBA");
    let long = |blocks: u64, length: u32| {
        let descriptor = [&blocks.to_be_bytes()[..], &[0; 4], &length.to_be_bytes()].concat();
        ten(&[&[0, 0, 0, 0, 1, 0, 0, 16][..], &descriptor].concat())
    };
    assert_eq!(long(0x1_0000, 512), Ok(NONE()));
    assert_eq!(long(0x1_0001, 512), refused(8, None));
    assert_eq!(long(0x1_0000, 520), refused(20, None));
}

proptest! {
    #[test]
    fn parse_takes_any_bytes(ten: bool, list in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&disk(), &NONE(), ten, &list);
    }

    /// Whatever is taken reads back as it was given.
    #[test]
    fn what_is_taken_is_what_is_in_force(second: u8, third: u8, fourth: u8, fifth: u8) {
        let page = [0x0A, 0x0A, second, third, fourth, fifth, 0, 0, 0, 0, 0, 0];
        if let Ok(set) = six_of(&page) {
            let request = ModeSense { disable_block_descriptors: true, ..six(0x0A) };
            let data = respond(&disk(), &Path::default(), &set, None, &request).unwrap();
            prop_assert_eq!(&data.as_slice()[4..], &page);
        }
    }
}
