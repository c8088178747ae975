//! Status codes, typed from SAM-5 5.3.

use super::*;

#[test]
fn status_codes_of_the_standard() {
    let codes: Vec<u8> = Status::ALL.iter().map(|status| status.code()).collect();
    assert_eq!(codes, [0x00, 0x02, 0x04, 0x08, 0x18, 0x28, 0x30, 0x40]);
    for code in 0..=u8::MAX {
        match Status::try_from(code) {
            Ok(status) => assert_eq!(status.code(), code),
            Err(unknown) => assert_eq!(unknown.value, code),
        }
    }
    assert!(Status::try_from(0x22).is_err(), "COMMAND TERMINATED is obsolete");
}
