//! Power, tray and holders, and their bytes.

use proptest::prelude::*;

use super::*;

#[test]
fn stopped_and_open_refuse_the_medium_and_idle_ends_with_its_use() {
    let mut drive = Drive::default();
    assert!(drive.is_plain());
    assert!(drive.set_power(Power::Idle) && !drive.is_plain());
    assert_eq!(drive.wake(), Ok(()));
    assert_eq!((drive.power(), drive.is_plain()), (Power::Active, true));
    assert!(drive.set_power(Power::Stopped) && !drive.set_power(Power::Stopped));
    assert_eq!(drive.wake(), Err(Sense::not_ready(Asc::INITIALIZING_COMMAND_REQUIRED)));
    assert!(drive.open() && !drive.open());
    assert_eq!(drive.check(), Err(Sense::not_ready(Asc::MEDIUM_NOT_PRESENT_TRAY_OPEN)));
    assert!(drive.close() && !drive.close());
    assert_eq!((drive.loads(), drive.power()), (1, Power::Stopped));
}

#[test]
fn medium_is_held_until_the_last_holder_lets_go() {
    let mut drive = Drive::default();
    assert_eq!(
        [drive.hold(1, true), drive.hold(1, true), drive.hold(2, true)],
        [Ok(true), Ok(false), Ok(true)]
    );
    assert_eq!([drive.hold(1, false), drive.hold(1, false)], [Ok(true), Ok(false)]);
    assert!(drive.is_held());
    assert!(drive.reset() && !drive.reset() && !drive.is_held());
    for nexus in 0..MOST_HOLDERS as u64 {
        assert_eq!(drive.hold(nexus, true), Ok(true));
    }
    assert!(drive.hold(u64::MAX, true).is_err());
    assert_eq!(drive.hold(0, true), Ok(false));
}

#[test]
fn drive_survives_as_bytes_and_another_medium_is_not_ejected() {
    let mut drive = Drive::default();
    drive.open();
    drive.set_power(Power::Standby);
    drive.hold(7, true).unwrap();
    let bytes = drive.encode(3);
    let other = Drive::decode(&bytes, 4).unwrap();
    assert_eq!((other.is_open(), other.power(), other.is_held()), (false, Power::Active, true));
    assert_eq!(Drive::decode(&bytes, 3), Some(drive));
    for len in 0..bytes.len() {
        assert_eq!(Drive::decode(&bytes[..len], 3).is_some(), len == 12, "{len}");
    }
}

proptest! {
    #[test]
    fn decode_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), medium: u32) {
        let _ = Drive::decode(&bytes, medium);
    }
}
