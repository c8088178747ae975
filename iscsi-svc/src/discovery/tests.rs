//! Answers to SendTargets as appendix C shows them.

use super::*;

fn targets() -> Vec<Listed> {
    vec![
        Listed {
            name: "iqn.2026-11.org.example:a".into(),
            portal_group: 1,
            portals: vec!["0.0.0.0:3260".parse().unwrap(), "[2001:db8::1]:860".parse().unwrap()],
        },
        Listed { name: "iqn.2026-11.org.example:b".into(), portal_group: 2, portals: vec![] },
    ]
}

fn ask(value: &str, current: Option<&str>) -> Option<String> {
    let local = "192.0.2.7:3260".parse().unwrap();
    send_targets(value, &targets(), current, local).map(|text| String::from_utf8(text).unwrap())
}

const A: &str = "TargetName=iqn.2026-11.org.example:a\0TargetAddress=192.0.2.7:3260,1\0TargetAddress=[2001:db8::1]:860,1\0";

#[test]
fn send_targets_all() {
    let all = format!("{A}TargetName=iqn.2026-11.org.example:b\0");
    assert_eq!(ask("All", None), Some(all));
    assert_eq!(ask("All", Some("iqn.2026-11.org.example:a")), None);
}

#[test]
fn send_targets_by_name() {
    assert_eq!(ask("IQN.2026-11.org.example:a", None).as_deref(), Some(A));
    assert_eq!(ask("iqn.2026-11.org.example:c", None).as_deref(), Some(""));
    assert_eq!(ask("nonsense name", None).as_deref(), Some(""));
}

#[test]
fn send_targets_of_the_session() {
    assert_eq!(ask("", Some("iqn.2026-11.org.example:a")).as_deref(), Some(A));
    assert_eq!(ask("", None), None);
}

#[test]
fn chunks_of_an_answer() {
    assert_eq!(chunk(100, 0, 8192), (100, true));
    assert_eq!(chunk(9000, 0, 8192), (8192, false));
    assert_eq!(chunk(9000, 8192, 8192), (808, true));
    assert_eq!(chunk(0, 0, 8192), (0, true));
}
