//! What `bulkhead post-mortem` tells of services that died, and of one that lives.

use serde_json::Value;

use crate::target::Target;

fn told(target: &Target, name: &str) -> Value {
    serde_json::from_str(&target.ok(&["post-mortem", name, "--json"])).expect("JSON")
}

#[test]
fn service_is_killed_and_its_last_commands_are_told() {
    let mut target = Target::new("");
    target.run();
    let living = told(&target, "vdisk");
    assert_eq!((&living["death"], &living["incarnation"]), (&Value::Null, &Value::from(0)));
    let pid = target.status().service("vdisk")["pid"].clone();
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| {
        let vdisk = status.service("vdisk");
        vdisk["state"] == "running" && vdisk["pid"] != pid
    });
    // Its successor has recorded something since.
    let dead = told(&target, "vdisk");
    assert_eq!((&dead["death"]["cause"], &dead["pid"]), (&Value::from("killed by SIGKILL"), &pid), "{dead}");
    assert_eq!(dead["last"].as_array().map(Vec::len), Some(3), "{dead}");
    let held = dead["in_hand"].as_array().expect("in_hand");
    assert_eq!((held.len(), &held[0]["serial"]), (1, &Value::from(2)), "{dead}");
    assert_eq!(held[0]["command"], "READ(10)");
    let text = target.ok(&["post-mortem", "vdisk", "-n", "1"]);
    assert!(text.contains("killed by SIGKILL") && text.contains("taken and not answered"), "{text}");
    // Nobody else died.
    assert_eq!(told(&target, "core")["death"], Value::Null);
}

#[test]
fn service_panics_and_its_message_and_calls_are_told() {
    let mut target = Target::new("");
    target.order("vdisk-svc", "panic");
    target.run();
    target.until("vdisk died", |status| status.service("vdisk")["last_death"]["cause"].is_string());
    target.order("vdisk-svc", "");
    let dead = told(&target, "vdisk");
    let panic = dead["panic"].as_str().unwrap_or_default();
    assert!(panic.contains("fake: this cannot be") && panic.contains("fake_svc::"), "{dead}");
}

#[test]
fn recording_outlives_the_supervisor() {
    let mut target = Target::new("");
    target.run();
    let pid = target.status().service("vdisk")["pid"].clone();
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| {
        let vdisk = status.service("vdisk");
        vdisk["state"] == "running" && vdisk["pid"] != pid
    });
    let before = told(&target, "vdisk");
    let supervisor = target.status().0["pid"].as_u64().expect("pid");
    crate::target::kill(supervisor);
    target.wait_for_another(supervisor);
    let after = told(&target, "vdisk");
    assert_eq!(after["in_hand"][0]["serial"], before["in_hand"][0]["serial"]);
    assert_eq!((&after["pid"], &after["death"]["cause"]), (&pid, &before["death"]["cause"]));
}
