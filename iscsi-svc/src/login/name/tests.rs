//! Names from the examples of RFC 7143 4.2.7 and from practice.

use super::*;
use proptest::prelude::*;

#[test]
fn names_from_the_standard() {
    for name in [
        "iqn.2001-04.com.example:storage:diskarrays-sn-a8675309",
        "iqn.2001-04.com.example",
        "eui.02004567a425678d",
        "naa.52004567ba64678d",
        "naa.62004567ba64678d0123456789abcdef",
        "iqn.2008-11.org.linux-kvm:my_machine",
    ] {
        assert_eq!(normalize(name).as_deref(), Ok(name));
    }
    assert_eq!(normalize("IQN.2001-04.com.Example:A").as_deref(), Ok("iqn.2001-04.com.example:a"));
}

#[test]
fn names_that_are_none() {
    assert_eq!(normalize(""), Err(NameError::Length));
    assert_eq!(normalize(&format!("iqn.{}", "a".repeat(220))), Err(NameError::Length));
    assert_eq!(normalize("disk1"), Err(NameError::Type));
    assert_eq!(normalize("iqn"), Err(NameError::Type));
    assert_eq!(normalize("eui.0200"), Err(NameError::Form));
    for bad in ["iqn.", "iqn.a b", "iqn.a\nb", "iqn.a/b", "iqn.a\u{7f}", "iqn.a,b"] {
        assert_eq!(normalize(bad), Err(NameError::Form), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn normalize_arbitrary(name: String) {
        if let Ok(normal) = normalize(&name) {
            prop_assert!(normal.len() <= MAX_NAME);
            prop_assert_eq!(normalize(&normal), Ok(normal));
        }
    }
}
