//! Log pages, byte by byte as SPC-4 and SBC-3 draw them.

use proptest::prelude::*;

use super::*;
use crate::asc::Asc;
use crate::units::{BlockSize, Blocks};

const ACTIVITY: Activity = Activity {
    reads: 3,
    writes: 2,
    read_bytes: 0x2000,
    written_bytes: 0x400,
    read_errors: 1,
    write_errors: 0,
    verify_errors: 7,
    idle_us: 0x0102_0304 * 1000 + 999,
};

fn disk() -> DeviceInfo {
    DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(1 << 20))
}

fn cumulative(page: u8) -> LogSense {
    LogSense { control: LogControl::Cumulative, page, subpage: 0, pointer: 0, allocation_length: 0xFFFF }
}

fn ask_of(info: &DeviceInfo, request: LogSense) -> Result<Vec<u8>, Sense> {
    let resources = Some(Resources { available: 7 << 20, used: 3 << 20 });
    let log = Log {
        info,
        activity: &ACTIVITY,
        resources,
        minutes: 0x0001_0203,
        exception: Asc { code: 0x5D, qualifier: 0xFF },
    };
    respond(&log, &request).map(ParameterData::into_vec)
}

fn ask(request: LogSense) -> Vec<u8> {
    ask_of(&disk(), request).unwrap()
}

#[test]
fn supported_pages_and_subpages() {
    assert_eq!(ask(cumulative(0x00)), [0, 0, 0, 8, 0x00, 0x02, 0x03, 0x05, 0x0D, 0x15, 0x19, 0x2F]);
    let subpages = LogSense { subpage: 0xFF, ..cumulative(0x00) };
    let pairs = [0x00, 0, 0x00, 0xFF, 0x02, 0, 0x03, 0, 0x05, 0, 0x0D, 0, 0x15, 0, 0x19, 0, 0x2F, 0];
    assert_eq!(ask(subpages), [&[0x40, 0xFF, 0, 18][..], &pairs].concat());
    let thin = DeviceInfo { thin_provisioned: true, ..disk() };
    assert_eq!(
        ask_of(&thin, cumulative(0x00)).unwrap()[4..],
        [0x00, 0x02, 0x03, 0x05, 0x0C, 0x0D, 0x15, 0x19, 0x2F]
    );
    let cd = DeviceInfo { device_type: DeviceType::CdDvd, ..disk() };
    assert_eq!(ask_of(&cd, cumulative(0x00)).unwrap(), [0, 0, 0, 1, 0]);
}

#[test]
fn error_counters() {
    let counters = |bytes: [u8; 2], errors: u8| {
        [
            &[0x00, 0x03, 0x20, 8, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[0x00, 0x05, 0x20, 8, 0, 0, 0, 0, 0, 0, bytes[0], bytes[1]],
            &[0x00, 0x06, 0x20, 8, 0, 0, 0, 0, 0, 0, 0, errors],
        ]
        .concat()
    };
    assert_eq!(ask(cumulative(0x02)), [&[0x82, 0, 0, 36][..], &counters([0x04, 0x00], 0)].concat());
    assert_eq!(ask(cumulative(0x03)), [&[0x83, 0, 0, 36][..], &counters([0x20, 0x00], 1)].concat());
    assert_eq!(ask(cumulative(0x05)), [&[0x85, 0, 0, 36][..], &counters([0, 0], 7)].concat());
}

#[test]
fn counters_under_each_page_control() {
    let last = |control| {
        let request = LogSense { control, pointer: 6, ..cumulative(0x03) };
        ask(request)[4..].to_vec()
    };
    let counter = |value: u64| [&[0x00, 0x06, 0x20, 8][..], &value.to_be_bytes()].concat();
    assert_eq!(last(LogControl::Cumulative), counter(1));
    assert_eq!(last(LogControl::DefaultCumulative), counter(0));
    assert_eq!(last(LogControl::Threshold), counter(u64::MAX));
    assert_eq!(last(LogControl::DefaultThreshold), counter(u64::MAX));
}

#[test]
fn logical_block_provisioning() {
    let thin = DeviceInfo { thin_provisioned: true, ..disk() };
    let expected = [
        &[0x8C, 0, 0, 24][..],
        &[0x00, 0x01, 0x23, 8, 0, 0, 0, 7, 0x02, 0, 0, 0],
        &[0x00, 0x02, 0x23, 8, 0, 0, 0, 3, 0x01, 0, 0, 0],
    ];
    assert_eq!(ask_of(&thin, cumulative(0x0C)).unwrap(), expected.concat());
}

#[test]
fn general_statistics() {
    let expected = [
        &[0x99, 0, 0, 0x5C][..],
        // Commands of both kinds; blocks received and transmitted; nothing that needs a clock, nothing that is weighted.
        &[0x00, 0x01, 0x22, 0x40],
        &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2],
        &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 16],
        &[0; 32],
        // Idle time intervals, each of 1 x 10^-3 seconds.
        &[0x00, 0x02, 0x22, 8, 0, 0, 0, 0, 1, 2, 3, 4],
        &[0x00, 0x03, 0x23, 8, 0, 0, 0, 3, 0, 0, 0, 1],
    ];
    assert_eq!(ask(cumulative(0x19)), expected.concat());
    let last = [0x99, 0, 0, 12, 0x00, 0x03, 0x23, 8, 0, 0, 0, 3, 0, 0, 0, 1];
    assert_eq!(ask(LogSense { pointer: 3, ..cumulative(0x19) }), last);
}

#[test]
fn temperature_is_not_known() {
    let expected = [0x8D, 0, 0, 12, 0x00, 0x00, 0x23, 2, 0, 0xFF, 0x00, 0x01, 0x23, 2, 0, 0xFF];
    assert_eq!(ask(cumulative(0x0D)), expected);
}

#[test]
fn background_scan_does_not_happen() {
    let expected = [0x95, 0, 0, 16, 0x00, 0x00, 0x23, 12, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(ask(cumulative(0x15)), expected);
}

#[test]
fn threshold_sets_are_counted_in_32_bits() {
    let exponent = |blocks| DeviceInfo { blocks: Blocks(blocks), ..disk() }.threshold_exponent();
    assert_eq!([1, (1 << 43) - 1, 1 << 43, 1 << 54].map(exponent), [11, 11, 12, 23]);
}

#[test]
fn counters_are_set_back_page_by_page() {
    let left = |page| {
        let mut activity = ACTIVITY;
        activity.set_back(page);
        activity
    };
    for page in [0x0C, 0x0D, 0x15, 0x2F] {
        assert_eq!(left(page), ACTIVITY, "nothing of page {page:02x} can be set back");
    }
    assert_eq!((left(0x19).idle_us, left(0x19).reads, left(0x19).verify_errors), (0, 0, 7));
    assert_eq!(left(0x00), Activity::default());
}

#[test]
fn informational_exceptions() {
    assert_eq!(ask(cumulative(0x2F)), [0xAF, 0, 0, 8, 0x00, 0x00, 0x23, 4, 0x5D, 0xFF, 0xFF, 0xFF]);
    let settings = |test| Exceptions { on_request: true, warnings: false, test };
    assert_eq!(exception(settings(false), false), Asc { code: 0, qualifier: 0 });
    assert_eq!(exception(settings(true), false), Asc { code: 0x5D, qualifier: 0xFF });
    assert_eq!(exception(settings(true), true), Asc { code: 0x5D, qualifier: 0x00 }, "a real one");
}

#[test]
fn parameter_pointer_and_truncation() {
    let from = |pointer| ask_of(&disk(), LogSense { pointer, ..cumulative(0x02) });
    assert_eq!(from(4).unwrap()[..6], [0x82, 0, 0, 24, 0x00, 0x05]);
    assert_eq!(from(7), Err(Sense::invalid_field_in_cdb(5, None)));
    let lists = LogSense { pointer: 1, ..cumulative(0x00) };
    assert_eq!(ask_of(&disk(), lists), Err(Sense::invalid_field_in_cdb(5, None)));
    let cut = LogSense { allocation_length: 4, ..cumulative(0x02) };
    assert_eq!(ask(cut), [0x82, 0, 0, 36]);
}

#[test]
fn page_that_there_is_not() {
    assert_eq!(ask_of(&disk(), cumulative(0x0E)), Err(Sense::invalid_field_in_cdb(2, Some(5))));
    assert_eq!(ask_of(&disk(), cumulative(0x0C)), Err(Sense::invalid_field_in_cdb(2, Some(5))), "not thin");
    let subpage = LogSense { subpage: 1, ..cumulative(0x02) };
    assert_eq!(ask_of(&disk(), subpage), Err(Sense::invalid_field_in_cdb(3, None)));
}

#[test]
fn parameter_list_sets_nothing() {
    let refused = |byte, bit| Err(Sense::invalid_field_in_parameter_list(byte, bit));
    let short = Err(Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR));
    assert_eq!(parse(&disk(), &[]), Ok(()));
    assert_eq!(parse(&disk(), &[0x02, 0, 0, 0, 0x83, 0, 0, 0]), Ok(()), "pages without parameters");
    assert_eq!(parse(&disk(), &[0x02, 0, 0, 0, 0x0E, 0, 0, 0]), refused(4, Some(5)));
    assert_eq!(parse(&disk(), &[0x42, 1, 0, 0]), refused(1, None));
    assert_eq!(parse(&disk(), &[0x02, 0, 0]), short);
    assert_eq!(parse(&disk(), &[0x02, 0, 0, 5, 0, 5, 0, 0]), short);
    assert_eq!(parse(&disk(), &[0x02, 0, 0, 4, 0, 5, 0, 1]), short);
    assert_eq!(parse(&disk(), &[0x02, 0, 0, 5, 0, 5, 0x20, 1, 9]), refused(4, None));
}

proptest! {
    #[test]
    fn parse_takes_any_bytes(list in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = parse(&disk(), &list);
    }
}
