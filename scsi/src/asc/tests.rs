//! Codes and their names, typed from SPC-4 annex F.

use super::*;

#[test]
fn name_of_a_listed_and_of_an_unlisted_code() {
    assert_eq!(Asc { code: 0x29, qualifier: 0x07 }.name(), Some("I_T NEXUS LOSS OCCURRED"));
    assert_eq!(Asc { code: 0x24, qualifier: 0x00 }.name(), Some("INVALID FIELD IN CDB"));
    assert_eq!(Asc { code: 0x80, qualifier: 0x00 }.name(), None);
    assert_eq!(Asc { code: 0x80, qualifier: 0x01 }.to_string(), "80/01 (unlisted)");
    assert_eq!(Asc::REPORTED_LUNS_DATA_HAS_CHANGED.to_string(), "3f/0e REPORTED LUNS DATA HAS CHANGED");
}
