//! Who is told of lost data, and what of that comes back from the notebook.

use proptest::prelude::*;

use super::*;

fn raised() -> Deferred {
    let mut deferred = Deferred::default();
    assert!(!deferred.tell((1, 1)), "nothing is lost");
    deferred.raise();
    deferred
}

#[test]
fn nexus_is_told_once_and_again_by_the_same_command() {
    let mut deferred = raised();
    assert!(deferred.tell((1, 5)));
    assert!(!deferred.tell((1, 6)));
    assert!(deferred.tell((1, 5)), "it comes again because nobody has heard of its end");
    assert!(deferred.tell((2, 5)), "another nexus");
    deferred.raise();
    assert!(deferred.tell((1, 7)), "of another loss");
}

#[test]
fn decode_gives_back_what_was_encoded() {
    let mut deferred = raised();
    deferred.tell((0x1122, 0x33));
    let bytes = deferred.encode(true, 7);
    let golden = [1, 3, 0, 0, 7, 0, 0, 0, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 0x33, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(bytes, golden);
    let (lost, mut again) = Deferred::decode(&bytes, 7).unwrap();
    assert!(lost && !again.tell((0x1122, 0x34)) && again.tell((0x1123, 1)));
    assert_eq!(Deferred::decode(&bytes, 8), None, "of another medium nothing is lost");
    assert_eq!(Deferred::decode(&bytes[..23], 7), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(head in 0..5u8, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&[1, head, 0, 0, 0, 0, 0, 0], &bytes[..]].concat();
        if let Some((lost, deferred)) = Deferred::decode(&bytes, 0) {
            prop_assert_eq!(Deferred::decode(&deferred.encode(lost, 0), 0), Some((lost, deferred)));
        }
    }
}
