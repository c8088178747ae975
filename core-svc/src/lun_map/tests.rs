//! Which initiator sees which map.

use proptest::prelude::*;

use super::*;

fn entry(lun: u16, unit: u32) -> LunConfig {
    LunConfig { lun, unit, read_only: false }
}

fn target() -> Target {
    let mut target =
        Target::new(&TargetConfig { luns: vec![entry(1, 10), entry(0, 11)], ..Default::default() });
    for (name, initiators, unit) in [
        ("pattern", vec!["iqn.1994-05.org.example:*"], 20),
        ("exact", vec!["iqn.1994-05.org.example:host1", "eui.0123456789abcdef"], 21),
        ("later", vec!["*"], 22),
    ] {
        target.add_group(&AccessGroupConfig {
            target: 0,
            name: name.into(),
            initiators: initiators.into_iter().map(str::to_owned).collect(),
            luns: vec![entry(0, unit)],
        });
    }
    target
}

fn seen(target: &Target, initiator: &str) -> Vec<u32> {
    target.units(target.map_of(initiator)).collect()
}

#[test]
fn map_of_an_exact_name_goes_before_patterns_and_patterns_in_order() {
    let target = target();
    assert_eq!(seen(&target, "iqn.1994-05.org.example:host1,i,0x00023d000001"), [21]);
    assert_eq!(seen(&target, "iqn.1994-05.org.example:host2,i,0x00023d000001"), [20]);
    assert_eq!(seen(&target, "IQN.1994-05.org.example:HOST1"), [21]);
    assert_eq!(seen(&target, "iqn.1994-05.org.other:host1"), [22]);
}

#[test]
fn map_of_a_target_without_groups_is_everybodys() {
    let target = Target::new(&TargetConfig { luns: vec![entry(1, 10), entry(0, 11)], ..Default::default() });
    assert_eq!(target.map_of("iqn.1994-05.org.example:host1"), EVERYBODY);
    assert_eq!(seen(&target, ""), [11, 10], "by rising LUN");
}

#[test]
fn group_granted_again_replaces_the_old_one() {
    let mut target = target();
    let group = AccessGroupConfig { name: "exact".into(), luns: vec![entry(0, 30)], ..Default::default() };
    target.add_group(&group);
    assert!(!target.shows(21) && target.shows(30));
    assert_eq!(seen(&target, "iqn.1994-05.org.example:host1"), [20]);
}

#[test]
fn entry_by_the_number_of_each_method() {
    let config = |addressing| TargetConfig { addressing, luns: vec![entry(300, 7)], ..Default::default() };
    let logical = Lun::from_bytes([0x81, 0x2C, 0, 0, 0, 0, 0, 0]);
    let flat = Lun::from_bytes([0x41, 0x2C, 0, 0, 0, 0, 0, 0]);
    let found =
        |addressing, lun| Target::new(&config(addressing)).entry(EVERYBODY, lun).map(|entry| entry.unit);
    assert_eq!(found(LunAddressing::LogicalUnit, logical), Some(7));
    assert_eq!(found(LunAddressing::LogicalUnit, flat), Some(7));
    assert_eq!(found(LunAddressing::Flat, logical), None);
    assert_eq!(found(LunAddressing::Peripheral, flat), Some(7));
}

#[test]
fn patterns_fit_what_they_stand_for() {
    let cases = [
        ("*", "", true),
        ("*", "abc", true),
        ("a*c", "abbbc", true),
        ("a*c", "abbbcd", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b*", "xxbxxaxx", false),
        ("abc", "abcd", false),
        ("", "", true),
        ("", "a", false),
        ("*aab", "aaaab", true),
    ];
    for (pattern, name, expected) in cases {
        assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
    }
}

/// The same by its definition.
fn slowly(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            slowly(rest, name) || name.split_first().is_some_and(|(_, name)| slowly(pattern, name))
        }
        (Some((one, rest)), Some((first, name))) if *one == b'?' || one == first => slowly(rest, name),
        _ => false,
    }
}

proptest! {
    #[test]
    fn patterns_fit_as_by_their_definition(pattern in "[ab?*]{0,8}", name in "[ab]{0,10}") {
        prop_assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), slowly(pattern.as_bytes(), name.as_bytes()));
    }
}
