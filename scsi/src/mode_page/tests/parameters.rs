//! Settings across a death and a reboot, and what derives from them.

use proptest::prelude::*;

use super::*;
use crate::unit_report::Control;

/// What MODE SELECT(6) with these pages makes of a disk's settings.
pub(super) fn selected(pages: &[&[u8]]) -> ModeParameters {
    let list = [&[0; 4][..], &pages.concat()].concat();
    parse(&disk(), &ModeParameters::default(), false, &list).unwrap()
}

#[test]
fn settings_of_the_control_page_are_reported() {
    let everything = selected(&[&[0x0A, 0x0A, 0x3E, 0x06, 0x38, 0x40, 0, 0, 0, 0, 0, 0]]);
    let control = Control {
        tst: 1,
        qerr: 3,
        queue_algorithm: 0,
        ua_intlck: 3,
        tas: true,
        tmf_only: true,
        d_sense: true,
    };
    assert_eq!(everything.control(&disk()), control);
    assert!(everything.software_write_protect(&disk()));
    let none = ModeParameters::default();
    assert_eq!(none.control(&disk()), Control { queue_algorithm: 1, ..Control::default() });
    assert!(!none.software_write_protect(&disk()));
}

#[test]
fn write_cache_is_the_default_until_it_is_set() {
    let through = DeviceInfo { write_cache: false, ..disk() };
    let none = ModeParameters::default();
    assert!(none.write_cache(&disk()) && !none.write_cache(&through));
    let mut off = CACHING;
    off[2] = 0;
    let off = selected(&[&off]);
    assert!(!off.write_cache(&disk()));
    // Set, and set back: it is the initiator's now, whatever the manifest says later.
    let list = [&[0; 4][..], &CACHING].concat();
    let back = parse(&disk(), &off, false, &list).unwrap();
    assert!(back.write_cache(&disk()) && back.write_cache(&through));
}

#[test]
fn exceptions_are_on_request_unless_disabled() {
    let exceptions =
        |second, third| selected(&[&[0x1C, 0x0A, second, third, 0, 0, 0, 0, 0, 0, 0, 0]]).exceptions(&disk());
    let made = |on_request, warnings, test| Exceptions { on_request, warnings, test };
    assert_eq!(exceptions(0x00, 0x06), made(true, false, false));
    assert_eq!(exceptions(0x14, 0x06), made(true, true, true));
    assert_eq!(exceptions(0x0C, 0x06), made(false, false, false), "DEXCPT");
    assert_eq!(exceptions(0x04, 0x00), made(false, false, true), "MRIE 0h");
}

#[test]
fn settings_survive_as_bytes() {
    let mut off = CACHING;
    off[2] = 0;
    let set = selected(&[&off, &[0x0A, 0x0A, 0x06, 0x16, 0x08, 0, 0, 0, 0, 0, 0, 0]]);
    assert_eq!(ModeParameters::decode(&disk(), &set.encode()), Some(set));
    assert_eq!(ModeParameters::default().encode(), []);
    assert_eq!(ModeParameters::decode(&disk(), &[]), Some(ModeParameters::default()));
    let cut = set.encode();
    for len in 1..cut.len() {
        // A list that ends after a whole page is a list.
        let whole = len == 3 + 2 * CACHING.len();
        assert_eq!(ModeParameters::decode(&disk(), &cut[..len]).is_some(), whole, "{len}");
    }
}

#[test]
fn settings_that_cannot_be_are_left_to_the_defaults() {
    let page = |code: u8, at: usize, mask: u8, value: u8| {
        let mut bytes = vec![0; 3 + 24];
        bytes[..3].copy_from_slice(&[code, 0, 12]);
        (bytes[3 + at], bytes[15 + at]) = (mask, value);
        bytes
    };
    let none = Some(ModeParameters::default());
    assert_eq!(ModeParameters::decode(&disk(), &page(0x0A, 3, 0x06, 0x04)), none, "QERR 10b");
    assert_eq!(ModeParameters::decode(&disk(), &page(0x0A, 2, 0x02, 0x00)), none, "GLTSD cannot be changed");
    assert_eq!(ModeParameters::decode(&disk(), &page(0x33, 2, 0xFF, 0xFF)), none, "no such page");
    assert_ne!(ModeParameters::decode(&disk(), &page(0x0A, 2, 0x04, 0x04)), none, "D_SENSE");
}

proptest! {
    #[test]
    fn decode_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Some(parameters) = ModeParameters::decode(&disk(), &bytes) {
            let _ = parameters.control(&disk());
            prop_assert_eq!(ModeParameters::decode(&disk(), &parameters.encode()), Some(parameters));
        }
    }
}
