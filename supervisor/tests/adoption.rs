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
    assert_eq!(target.status().service("vdisk")["counters"]["grants"], 9);
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
    assert!(target.epoch("core", "vdisk").1);
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

#[test]
fn services_are_upgraded_one_by_one() {
    let mut target = Target::new("");
    target.run();
    let supervisor = target.pid("supervisor");
    let before = ["vdisk", "core", "iscsi"].map(|name| target.pid(name));
    target.install("vdisk-svc");
    let said = target.ok(&["upgrade"]);
    let lines: Vec<&str> = said.lines().map(|line| line.split(" is ").next().unwrap_or_default()).collect();
    assert_eq!(lines, ["vdisk", "core", "iscsi", "the supervisor"], "{said}");
    assert_ne!(target.pid("supervisor"), supervisor);
    for (name, before) in ["vdisk", "core", "iscsi"].into_iter().zip(before) {
        let service = target.status().service(name).clone();
        assert!(service["pid"] != before && service["restarts"] == 1, "{service}");
    }
    let program = format!("/proc/{}/exe", target.pid("vdisk"));
    assert_eq!(std::fs::read_link(program).expect("a program"), target.path("bin/vdisk-svc"));
    target.ok(&["upgrade", "core"]);
    assert_eq!(target.status().service("core")["restarts"], 2);
    assert!(target.err(&["upgrade", "cor"]).contains("there is no service \"cor\"; did you mean \"core\"?"));
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn program_that_does_not_fit_replaces_nothing() {
    let mut target = Target::new("");
    target.run();
    let before = picture(&target);
    for answer in ["ABI 4711", "ABI 11", "", "I am no service"] {
        target.install_broken("iscsi-svc", answer);
        let said = target.err(&["upgrade"]);
        assert!(said.contains("bin/iscsi-svc ") && said.contains("nothing has been changed"), "{said}");
        assert_eq!(picture(&target), before);
    }
}

#[test]
fn program_that_does_not_come_up_is_not_kept() {
    let mut target = Target::new("");
    target.run();
    target.install_broken("vdisk-svc", &format!("ABI {}", ipc::ABI_VERSION));
    let said = target.err(&["upgrade"]);
    assert!(said.contains("vdisk: the installed program did not come up (exited with status 7)"), "{said}");
    assert_eq!(target.status().service("core")["restarts"], 0, "nothing else was touched");
    // It stays with the program that works, also for another supervisor.
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| {
        status.service("vdisk")["restarts"] == 3 && status.service("vdisk")["state"] == "running"
    });
    target.replace_supervisor();
    target.ok(&["restart", "vdisk"]);
    target.install("vdisk-svc");
    target.ok(&["upgrade", "vdisk"]);
    let program = format!("/proc/{}/exe", target.pid("vdisk"));
    assert_eq!(std::fs::read_link(program).expect("a program"), target.path("bin/vdisk-svc"));
    assert_eq!(target.stop().0, Some(0));
}

#[test]
fn supervisor_that_does_not_come_up_is_not_kept() {
    let mut target = Target::new("");
    target.install_bulkhead();
    target.run();
    let speaks = target.ok(&["version"]);
    target.install_broken("bulkhead", speaks.trim());
    // What runs is asked by the program that was built: the one that is installed can do nothing.
    target.use_built();
    let supervisor = target.pid("supervisor");
    let said = target.err(&["upgrade"]);
    assert!(said.contains("the installed program did not come up as the supervisor"), "{said}");
    let before = picture(&target);
    assert_ne!(target.pid("supervisor"), supervisor, "the former program goes on as another process");
    target.install_bulkhead();
    target.ok(&["upgrade"]);
    assert_ne!(picture(&target), before);
    assert_eq!(target.stop().0, Some(0));
}
