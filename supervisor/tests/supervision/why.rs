//! `bulkhead why` with services that answer, that do not, and with names that there are not.

use serde_json::Value;

use crate::target::Target;

const NAME: &str = "iqn.2026-11.org.example:t";

fn told(target: &Target) -> Value {
    serde_json::from_str(&target.ok(&["why", NAME, "0", "--json"])).expect("JSON")
}

#[test]
fn what_the_core_says_is_told_with_what_the_recorder_has() {
    let mut target = Target::new("");
    target.run();
    let why = told(&target);
    assert_eq!((&why["devices"][0], &why["left_out"]), (&Value::from("disk0"), &Value::from(5)), "{why}");
    let services: Vec<&str> = why["services"]
        .as_array()
        .expect("services")
        .iter()
        .filter_map(|one| one["service"].as_str())
        .collect();
    assert_eq!(services, ["iscsi", "core", "vdisk"]);
    let commands = why["commands"].as_array().expect("commands");
    assert_eq!(
        (&commands[0]["holder"], &commands[1]["holder"]),
        (&Value::from("vdisk"), &Value::from("core"))
    );
    assert!(commands[0]["age_s"].as_f64().is_some_and(|age| (2.0..60.0).contains(&age)), "{why}");
    let reason = commands[0]["why"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("sent to vdisk; vdisk took it ") && reason.ends_with(" and has not answered"),
        "{why}"
    );
    let text = target.ok(&["why", NAME, "0"]);
    for part in
        ["LUN 0: device disk0", "vdisk has SIMPLE READ(10)", "dormant behind? it", "and 5 younger ones"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn silent_core_is_named_and_its_recorder_read() {
    let mut target = Target::new("");
    target.order("core-svc", "hang");
    target.run();
    let why = told(&target);
    assert_eq!(
        (&why["core_silent"], &why["commands"]),
        (&Value::from(true), &Value::from(Vec::<Value>::new()))
    );
    let core = &why["services"][1];
    assert_eq!(core["service"], "core");
    assert!(core["silent_s"].as_f64().is_some_and(|silent| silent > 1.0), "{why}");
    assert!(
        core["trouble"].as_str().is_some_and(|text| text.starts_with("does not answer: no heartbeat for ")),
        "{why}"
    );
    assert_eq!(why["recorded"][0]["serial"], 2, "{why}");
    let text = target.ok(&["why", NAME, "0"]);
    assert!(text.contains("the core does not answer") && text.contains("nexus 7 task 2"), "{text}");
}

#[test]
fn stopped_handler_is_named() {
    let mut target = Target::new("");
    target.run();
    target.ok(&["stop", "vdisk"]);
    let why = told(&target);
    assert_eq!(why["services"][2]["trouble"], "is stopped; then: bulkhead start vdisk", "{why}");
    assert!(
        why["commands"][0]["why"].as_str().is_some_and(|text| text.contains("vdisk is stopped")),
        "{why}"
    );
}

#[test]
fn unknown_names_are_answered_with_those_that_there_are() {
    let mut target = Target::new("");
    target.run();
    let error = target.err(&["why", "iqn.2026-11.org.example:x", "0"]);
    assert!(error.contains("there is no target") && error.contains(NAME), "{error}");
    let error = target.err(&["why", NAME, "3"]);
    assert!(error.contains("has no LUN 3; there is \"0\""), "{error}");
}
