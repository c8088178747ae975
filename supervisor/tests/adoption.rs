//! The real `bulkhead` over services that serve nothing: its supervisor is killed, and the next one takes everything up.

#[path = "supervision/target.rs"]
#[allow(dead_code, reason = "each of the two suites uses a part of it")]
mod target;

use std::time::Duration;

use target::{Target, kill};

/// What a successor must find unchanged: process, starts and state of every service, and every link.
fn picture(target: &Target) -> String {
    let status = target.status().0;
    let services = status["services"].as_array().expect("services").iter();
    let services =
        services.map(|it| format!("{} {} {} {}", it["name"], it["state"], it["pid"], it["restarts"]));
    let links = status["links"].as_array().expect("links").iter();
    let links =
        links.map(|it| format!("{} {} {} {}", it["requester"], it["responder"], it["epoch"], it["up"]));
    services.chain(links).collect::<Vec<String>>().join("\n")
}

#[test]
fn supervisor_dies_and_its_services_go_on() {
    let mut target = Target::new("");
    target.order("iscsi-svc", "deposit");
    target.run();
    let (before, log) = (picture(&target), target.log("core"));
    for _ in 0..10 {
        target.replace_supervisor();
        assert_eq!(picture(&target), before);
    }
    assert_eq!(target.log("core"), log, "nobody is told anything");
    assert_eq!(target.status().service("vdisk")["counters"]["grants"], 8);
    target.ok(&["kill", "iscsi"]);
    target.until("iscsi is back", |status| status.service("iscsi")["restarts"] == 1);
    assert_eq!(target.status().service("iscsi")["last_death"]["cause"], "killed by SIGKILL");
    target.until("iscsi runs", |status| status.service("iscsi")["state"] == "running");
    assert!(target.log("iscsi").contains("fake: Connection { key: 42 } fds=1"), "{}", target.log("iscsi"));
    assert_eq!((target.epoch("iscsi", "core"), target.epoch("core", "vdisk")), ((2, true), (1, true)));
    let (code, log) = target.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("took up its services").count(), 10, "{log}");
}

#[test]
fn service_dies_while_there_is_no_supervisor() {
    let mut target = Target::new("");
    target.run();
    let (supervisor, vdisk) = (target.pid("supervisor"), target.pid("vdisk"));
    target.hold_keeper(true);
    kill(supervisor);
    kill(vdisk);
    std::thread::sleep(Duration::from_millis(50));
    target.hold_keeper(false);
    target.wait_for_another(supervisor);
    target.until("vdisk is back", |status| {
        status.service("vdisk")["restarts"] == 1 && status.service("vdisk")["state"] == "running"
    });
    assert_eq!(target.status().service("vdisk")["last_death"]["cause"], "killed by SIGKILL");
    assert_eq!(target.epoch("core", "vdisk"), (2, true));
    assert!(target.log("core").contains("LinkDown { peer: 2, epoch: 1, held: false }"));
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn what_an_administrator_has_done_is_not_forgotten() {
    let mut target = Target::new("");
    target.run();
    target.ok(&["stop", "iscsi"]);
    target.order("vdisk-svc", "die");
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is held", |status| status.service("vdisk")["state"] == "held");
    let before = target.status();
    target.replace_supervisor();
    let after = target.status();
    for service in ["vdisk", "iscsi"] {
        for field in ["state", "reason", "restarts", "last_death", "pid"] {
            assert_eq!(after.service(service)[field], before.service(service)[field], "{service} {field}");
        }
    }
    target.order("vdisk-svc", "");
    target.ok(&["start", "vdisk"]);
    target.ok(&["start", "iscsi"]);
    assert_eq!(target.epoch("core", "vdisk").1, true);
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn supervisor_dies_while_services_come_and_go() {
    let mut target = Target::new("");
    target.run();
    // Some thousand microseconds are what a restart takes: each time another step of it is the last.
    for round in 0..60 {
        let (supervisor, service) = (target.pid("supervisor"), ["vdisk", "core", "iscsi"][round % 3]);
        let dead = target.pid(service);
        kill(dead);
        std::thread::sleep(Duration::from_micros(200 * (round as u64 / 3)));
        kill(supervisor);
        target.wait_for_another(supervisor);
        target.until("all run again, the dead one as another process", |status| {
            let running = |name: &str| status.service(name)["state"] == "running";
            ["vdisk", "core", "iscsi"].into_iter().all(running) && status.service(service)["pid"] != dead
        });
        assert!(target.epoch("core", "vdisk").1 && target.epoch("iscsi", "core").1, "{}", picture(&target));
    }
    let (code, log) = target.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn keeper_dies_and_the_supervisor_goes_on() {
    let mut target = Target::new("");
    target.run();
    let supervisor = target.pid("supervisor");
    target.kill_keeper();
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| {
        status.service("vdisk")["restarts"] == 1 && status.service("vdisk")["state"] == "running"
    });
    assert_eq!(target.pid("supervisor"), supervisor);
    let services = ["core", "iscsi", "vdisk"].map(|name| target.pid(name));
    kill(supervisor);
    for service in services {
        let end = std::time::Instant::now();
        while target::lives(service) {
            assert!(end.elapsed() < Duration::from_secs(20), "{service} goes on without anybody");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
