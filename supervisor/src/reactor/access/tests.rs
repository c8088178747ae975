//! What administrators ask, what the core says, and who is answered.

use std::path::Path;

use super::*;
use crate::manifest::Manifest;

const MANIFEST: &str = r#"
[[device]]
name = "a"
null.size = "1MiB"
[[device]]
name = "b"
null.size = "1MiB"
[[target]]
name = "iqn.2026-11.org.example:one"
luns = [{ lun = 0, device = "a" }, { lun = 1, device = "b" }]
[[port_group]]
id = 10
name = "left"
targets = ["iqn.2026-11.org.example:one"]
[[port_group]]
id = 20
name = "right"
remote_ports = [2]
[[device_group]]
name = "locked"
devices = ["b"]
mode = "explicit"
states = { left = "standby" }
"#;

fn plan() -> Plan {
    let (manifest, _) = Manifest::parse("m.toml", MANIFEST, Path::new("/")).expect("valid");
    Plan::new(&manifest, "")
}

fn ask(access: &mut Access, what: (&str, &str, Option<&str>)) -> Result<Vec<Grant>, String> {
    access.ask(&plan(), (5, Duration::from_secs(9)), what)
}

#[test]
fn request_is_answered_when_the_core_says_that_it_holds() {
    let mut access = Access::new(&plan());
    let grant = Grant::AccessState { device_group: 0, port_group: 10, state: AccessState::Standby };
    assert_eq!(ask(&mut access, ("left", "standby", None)), Ok(vec![grant.clone()]));
    assert!(access.hear((0, 10), AccessState::Active).is_empty(), "said before the grant was heard");
    assert!(access.hear((0, 20), AccessState::Active).is_empty());
    assert_eq!(access.grants(), [grant], "to be asked again of a core that died");
    assert_eq!(
        access.hear((0, 10), AccessState::Standby),
        [(5, Reply::done("port group left is standby".to_owned()))]
    );
    assert!(access.grants().is_empty());
    assert!(access.hear((7, 10), AccessState::Standby).is_empty(), "there is no such group");
}

#[test]
fn request_that_cannot_be_says_what_would_be_right() {
    let mut access = Access::new(&plan());
    let mut refused =
        |port_group, state, device_group| ask(&mut access, (port_group, state, device_group)).unwrap_err();
    assert_eq!(refused("lef", "standby", None), "there is no port group \"lef\"; did you mean \"left\"?");
    assert_eq!(refused("left", "stanby", None), "there is no state \"stanby\"; did you mean \"standby\"?");
    let unknown = refused("left", "standby", Some("x"));
    assert_eq!(unknown, "there is no device group \"x\"; there is \"default\" or \"locked\"");
    let locked = refused("left", "active", Some("locked"));
    assert!(locked.starts_with("only initiators may change the states of device group \"locked\"; mode = "));
    assert!(access.grants().is_empty() && access.asked.is_empty());
}

#[test]
fn request_that_takes_too_long_is_given_up() {
    let mut access = Access::new(&plan());
    ask(&mut access, ("left", "standby", Some("default"))).unwrap();
    assert_eq!(access.deadline(), Some(Duration::from_secs(9)));
    assert!(access.expire(Duration::from_secs(8)).is_empty());
    assert_eq!(access.expire(Duration::from_secs(9)), [5]);
    assert!(access.grants().is_empty());
}

#[test]
fn status_tells_what_the_core_said_last() {
    let mut access = Access::new(&plan());
    access.hear((1, 20), AccessState::Offline);
    let rows = access.status(&plan()).into_iter().map(|row| (row.device_group, row.port_group, row.state));
    let rows: Vec<_> = rows.collect();
    let row = |device: &str, port: &str, state: &str| (device.to_owned(), port.to_owned(), state.to_owned());
    let expected = [
        row("default", "left", "active"),
        row("default", "right", "active"),
        row("locked", "left", "standby"),
        row("locked", "right", "offline"),
    ];
    assert_eq!(rows, expected);
}
