//! Task attributes there and back.

use super::*;

#[test]
fn attribute_octets_of_iscsi() {
    let octets: Vec<u8> = TaskAttribute::ALL.iter().map(|attribute| attribute.code()).collect();
    assert_eq!(octets, [0, 1, 2, 3, 4]);
    assert_eq!(TaskAttribute::try_from(3), Ok(TaskAttribute::HeadOfQueue));
    assert!(TaskAttribute::try_from(5).is_err());
}
