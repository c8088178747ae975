//! The real `bulkhead` over services that serve nothing (`examples/fake-svc.rs`): starting, dying, hanging, stopping.

#[path = "supervision/devices.rs"]
mod devices;
#[path = "supervision/post_mortem.rs"]
mod post_mortem;
#[path = "supervision/target.rs"]
#[allow(dead_code, reason = "each of the two suites uses a part of it")]
mod target;
#[path = "supervision/why.rs"]
mod why;

use std::net::TcpListener;
use std::time::Duration;

use target::Target;

#[test]
fn services_become_ready_and_stop_in_order() {
    let mut target = Target::new("");
    target.run();
    let status = target.status();
    for service in ["core", "iscsi", "vdisk"] {
        assert_eq!(status.service(service)["state"], "running", "{status:?}");
        assert_eq!(status.service(service)["restarts"], 0);
    }
    assert_eq!(status.service("vdisk")["counters"]["grants"], 9, "{}", target.log("vdisk"));
    assert_eq!(target.epoch("iscsi", "core"), (1, true));
    assert!(
        target.log("vdisk").contains("fake: Device(DeviceConfig { unit: 0, name: \"disk0\", backend: File")
    );
    assert!(target.log("iscsi").contains("fake: Portal(PortalConfig { portal: 0"));
    let (code, log) = target.stop();
    assert_eq!(code, Some(0), "{log}");
    let order: Vec<usize> = ["iscsi", "core", "vdisk"]
        .iter()
        .filter_map(|name| log.find(&format!("stopped service={name}")))
        .collect();
    assert!(order.len() == 3 && order.is_sorted(), "{log}");
}

#[test]
fn handler_dies_and_its_link_is_replaced() {
    let mut target = Target::new("");
    target.run();
    let before = target.status().service("vdisk")["pid"].clone();
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| {
        let vdisk = status.service("vdisk");
        vdisk["state"] == "running" && vdisk["pid"] != before
    });
    let status = target.status();
    assert_eq!(status.service("vdisk")["restarts"], 1);
    assert_eq!(status.service("vdisk")["last_death"]["cause"], "killed by SIGKILL");
    assert_eq!(status.service("core")["restarts"], 0);
    assert_eq!(target.epoch("core", "vdisk"), (2, true));
    assert_eq!(target.epoch("iscsi", "core"), (1, true));
    assert!(target.log("vdisk").contains("fake: Service incarnation=1"));
    let log = target.log("core");
    let order = [
        "Link vdisk Requester epoch=1 fds=3",
        "LinkDown { peer: 2, epoch: 1, held: false }",
        "Link vdisk Requester epoch=2 fds=3",
    ];
    let places: Vec<usize> = order.iter().filter_map(|line| log.find(line)).collect();
    assert!(places.len() == 3 && places.is_sorted(), "{log}");
}

#[test]
fn core_dies_and_both_its_links_are_replaced() {
    let mut target = Target::new("");
    target.run();
    target.ok(&["kill", "core", "--signal", "ABRT"]);
    target.until("core is back", |status| {
        status.service("core")["restarts"] == 1 && status.service("core")["state"] == "running"
    });
    assert_eq!(target.status().service("core")["last_death"]["cause"], "killed by SIGABRT");
    assert_eq!((target.epoch("iscsi", "core"), target.epoch("core", "vdisk")), ((2, true), (2, true)));
}

#[test]
fn service_killed_twenty_times_comes_back_each_time() {
    let mut target = Target::new("");
    target.run();
    for kill in 1..=20 {
        target.ok(&["kill", "vdisk"]);
        target.until("vdisk is back", |status| {
            let vdisk = status.service("vdisk");
            vdisk["restarts"] == kill && vdisk["state"] == "running"
        });
    }
    assert_eq!(target.epoch("core", "vdisk"), (21, true));
}

#[test]
fn service_that_cannot_live_is_held_until_started() {
    let mut target = Target::new("");
    target.run();
    target.order("vdisk-svc", "die");
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is held", |status| status.service("vdisk")["state"] == "held");
    let status = target.status();
    let reason = status.service("vdisk")["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("the last: exited with status 3"), "{reason}");
    assert_eq!(status.service("vdisk")["last_death"]["last_lines"][0], "fake: I cannot live");
    assert!(target.log("core").contains("held: true"));
    assert!(target.err(&["start", "vdisk"]).contains("vdisk is held: "));
    target.order("vdisk-svc", "");
    assert!(target.ok(&["start", "vdisk"]).contains("vdisk is running"));
}

#[test]
fn service_of_another_abi_ends_the_start() {
    let mut target = Target::new("");
    target.order("core-svc", "abi");
    let (code, log) = target.run_to_end();
    assert_eq!(code, Some(1), "{log}");
    let abi = ipc::ABI_VERSION;
    let said = format!(
        "core-svc: it is version 9.9.9 and speaks ABI 4711, not {abi}; install bulkhead and its services from one build"
    );
    assert!(log.contains(&said), "{log}");
}

#[test]
fn service_that_hangs_is_killed() {
    let mut target = Target::new("[supervisor]\nheartbeat_limit = \"3s\"\n");
    target.order("iscsi-svc", "hang");
    target.run();
    target.order("iscsi-svc", "");
    target.until("iscsi is back", |status| status.service("iscsi")["restarts"] == 1);
    let status = target.status();
    let cause = status.service("iscsi")["last_death"]["cause"].as_str().unwrap_or_default().to_owned();
    assert!(
        cause.starts_with("hung: no heartbeat for ") && cause.ends_with("(killed by SIGKILL)"),
        "{cause}"
    );
}

#[test]
fn service_that_does_not_stop_is_killed() {
    let mut target = Target::new("[supervisor]\nstop_limit = \"300ms\"\n");
    target.order("core-svc", "deaf");
    target.run();
    assert!(target.ok(&["stop", "core"]).contains("core is stopped"));
    let status = target.status();
    assert_eq!(status.service("core")["last_death"]["cause"], "did not stop in time (killed by SIGKILL)");
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn service_is_stopped_started_and_restarted() {
    let mut target = Target::new("");
    target.run();
    target.ok(&["stop", "vdisk"]);
    assert_eq!(target.status().service("vdisk")["state"], "stopped");
    assert_eq!(target.status().service("vdisk")["last_death"], serde_json::Value::Null);
    assert!(target.log("core").contains("LinkDown { peer: 2, epoch: 1, held: true }"));
    target.ok(&["start", "vdisk"]);
    target.ok(&["restart", "vdisk"]);
    assert_eq!(target.status().service("vdisk")["restarts"], 2);
    assert_eq!(target.epoch("core", "vdisk"), (3, true));
    assert!(
        target.err(&["restart", "vdsk"]).contains("there is no service \"vdsk\"; did you mean \"vdisk\"?")
    );
    assert!(target.err(&["kill", "vdisk", "--signal", "NO"]).contains("there is no signal \"NO\""));
    assert!(target.ok(&["logs", "vdisk", "-n", "1"]).lines().count() == 1);
    assert!(target.err(&["logs", "nobody"]).contains("there are logs of core, iscsi, vdisk"));
    assert!(target.ok(&["status"]).starts_with("NAME   KIND   STATE    PID"));
    assert!(target.ok(&["status", "--board"]).contains("vdisk"));
}

#[test]
fn deposited_socket_is_granted_to_the_successor() {
    let mut target = Target::new("");
    target.order("iscsi-svc", "deposit");
    target.run();
    assert!(!target.log("iscsi").contains("Connection"));
    target.ok(&["kill", "iscsi"]);
    target.until("iscsi is back", |status| {
        status.service("iscsi")["restarts"] == 1 && status.service("iscsi")["state"] == "running"
    });
    assert!(target.log("iscsi").contains("fake: Connection { key: 42 } fds=1"), "{}", target.log("iscsi"));
    target.ok(&["restart", "iscsi"]);
    let connections = target.log("iscsi").matches("fake: Connection").count();
    assert_eq!(connections, 2, "a restart in order hands sockets over, too");
}

/// Runs a vdisk that misbehaves after it is ready, until it has died once; what it died of.
fn cause_of_death(orders: &str) -> String {
    let mut target = Target::new("[supervisor]\nstop_limit = \"300ms\"\n");
    target.run();
    target.order("vdisk-svc", orders);
    target.ok(&["restart", "vdisk"]);
    target.until("vdisk has died", |status| !status.service("vdisk")["last_death"].is_null());
    target.order("vdisk-svc", "");
    target.until("vdisk is back", |status| status.service("vdisk")["state"] == "running");
    let cause =
        target.status().service("vdisk")["last_death"]["cause"].as_str().unwrap_or_default().to_owned();
    assert_eq!(target.stop().0, Some(0));
    cause
}

#[test]
fn service_that_breaks_the_contract_is_killed() {
    let cases = [
        ("garbage", "sent what is no event: "),
        ("close", "closed its control socket (killed by SIGKILL)"),
        ("hello-again", "said hello twice (killed by SIGKILL)"),
        ("hoard", "deposited more sockets than it may have connections"),
        ("accuse", "reported "),
    ];
    for (orders, expected) in cases {
        let cause = cause_of_death(orders);
        assert!(cause.starts_with(expected), "{orders}: {cause}");
    }
}

#[test]
fn second_supervisor_is_refused() {
    let mut target = Target::new("");
    let pid = target.run();
    let (code, log) = target.another().run_to_end();
    assert_eq!(code, Some(1));
    assert!(log.contains(&format!("is in use by another bulkhead, process {pid}; stop it, or choose another directory with --run-dir")), "{log}");
    assert_eq!(target.status().service("core")["state"], "running");
}

#[test]
fn bulkhead_killed_leaves_nothing_in_the_way() {
    let mut target = Target::new("");
    target.run();
    target.kill_bulkhead();
    assert!(target.err(&["status"]).contains("no bulkhead runs in "));
    target.run();
    assert_eq!(target.status().service("iscsi")["state"], "running");
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn port_in_use_is_named_before_anything_starts() {
    let mut target = Target::new("");
    let _taken = TcpListener::bind(("127.0.0.1", target.port)).expect("the target's port");
    let (code, log) = target.run_to_end();
    assert_eq!(code, Some(1));
    assert!(log.contains(&format!("portal 127.0.0.1:{}: Address already in use", target.port)), "{log}");
    assert!(!log.contains("started service"), "{log}");
}

#[test]
fn missing_binary_is_named() {
    let mut target = Target::new("");
    target.remove_binary("vdisk-svc");
    let (code, log) = target.run_to_end();
    assert_eq!(code, Some(1));
    assert!(log.contains("vdisk-svc cannot be run: No such file or directory"), "{log}");
    assert!(log.contains("set BULKHEAD_LIBEXEC to its directory"), "{log}");
}

#[test]
fn medium_in_use_is_waited_for_at_a_restart() {
    let mut target = Target::new("");
    target.run();
    target.ok(&["stop", "vdisk"]);
    let medium = std::fs::File::open(target.path("disk0.img")).expect("medium");
    medium.try_lock().expect("nobody has it");
    let waits = std::thread::spawn({
        let start = target.command(&["start", "vdisk"]);
        move || target::output(start)
    });
    target.until("vdisk waits", |status| status.service("vdisk")["state"] == "starting");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(target.status().service("vdisk")["state"], "starting");
    drop(medium);
    let (code, text) = waits.join().expect("thread");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn check_and_graph_need_nothing_running() {
    let target = Target::new("");
    let text = target.ok(&["check", &target.path("m.toml").display().to_string()]);
    assert!(text.ends_with("m.toml: good: 3 services, 1 device, 1 target\n"), "{text}");
    assert!(
        target.ok(&["graph", &target.path("m.toml").display().to_string()]).contains("s1 -- link --> s0")
    );
    std::fs::write(target.path("bad.toml"), "[[devise]]\n").expect("write");
    let text = target.err(&["check", &target.path("bad.toml").display().to_string()]);
    assert!(
        text.contains("bad.toml:1:3: the manifest has no key \"devise\"; did you mean \"device\"?"),
        "{text}"
    );
}
