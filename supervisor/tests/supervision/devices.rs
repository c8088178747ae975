//! Changes of devices while they are served: whatever the handler answers, and whenever it dies, it is known which medium is
//! the one.

use crate::target::Target;

/// A running target with another image, `new.img`, beside its disk's; vdisk follows these orders.
fn ready_for_change(orders: &str) -> Target {
    let mut target = Target::new("");
    target.order("vdisk-svc", orders);
    target.run();
    std::fs::File::create(target.path("new.img")).and_then(|file| file.set_len(2 << 20)).expect("image");
    target
}

fn path_of_the_disk(target: &Target) -> String {
    let status = target.status();
    let path = status.0["devices"][0]["path"].as_str().expect("a path").to_owned();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// What the incarnations were granted for their device, in order: which medium, counted from 0.
fn generations(target: &Target) -> Vec<char> {
    let log = target.log("vdisk");
    let after = "medium_generation: ";
    log.match_indices(after).filter_map(|(at, _)| log[at + after.len()..].chars().next()).collect()
}

fn change(target: &Target) -> [String; 4] {
    let path = target.path("new.img").display().to_string();
    ["device", "change", "disk0", path.as_str()].map(str::to_owned)
}

fn as_str(arguments: &[String; 4]) -> [&str; 4] {
    arguments.each_ref().map(String::as_str)
}

fn is_free(target: &Target, image: &str) -> bool {
    std::fs::File::open(target.path(image)).expect("image").try_lock().is_ok()
}

#[test]
fn medium_is_changed_in_two_steps() {
    let target = ready_for_change("babble");
    let said = target.ok(&as_str(&change(&target)));
    assert!(said.contains("device disk0 has the medium") && said.contains("new.img, 2MiB"), "{said}");
    let log = target.log("vdisk");
    let steps = ["Change { unit: 0, request: 1, change: Insert", "Settle { unit: 0, request: 1, go: true }"];
    let places: Vec<usize> = steps.iter().filter_map(|step| log.find(step)).collect();
    assert!(places.len() == 2 && places.is_sorted(), "{log}");
    assert_eq!(path_of_the_disk(&target), "new.img");
    assert_eq!(
        target.status().service("vdisk")["restarts"],
        0,
        "answers that nobody waits for are not heard"
    );
    target.ok(&["kill", "vdisk"]);
    target.until("vdisk is back", |status| status.service("vdisk")["state"] == "running");
    assert_eq!(generations(&target).last(), Some(&'1'), "a death does not change it back");
    assert!(is_free(&target, "disk0.img") && !is_free(&target, "new.img"));
}

#[test]
fn medium_that_the_handler_refuses_is_let_go() {
    let target = ready_for_change("refuse");
    assert!(target.err(&as_str(&change(&target))).contains("fake: I do not want to"));
    assert_eq!(path_of_the_disk(&target), "disk0.img");
    assert!(!target.log("vdisk").contains("Settle"), "there is nothing to settle");
    assert!(target.err(&["device", "resize", "disk0"]).contains("fake: I do not want to"));
}

#[test]
fn handler_dies_before_a_change_is_settled() {
    let target = ready_for_change("die-at-change");
    // The one that runs has its orders; the next one shall have none.
    target.order("vdisk-svc", "");
    let said = target.err(&as_str(&change(&target)));
    assert!(said.contains("device disk0 is as it was: its service died; try again"), "{said}");
    target.until("vdisk is back", |status| {
        status.service("vdisk")["restarts"] == 1 && status.service("vdisk")["state"] == "running"
    });
    assert_eq!((path_of_the_disk(&target).as_str(), generations(&target)), ("disk0.img", vec!['0', '0']));
    assert!(is_free(&target, "new.img"));
    target.ok(&as_str(&change(&target)));
    assert_eq!(path_of_the_disk(&target), "new.img");
}

#[test]
fn handler_dies_after_a_change_is_settled() {
    let target = ready_for_change("die-at-settle");
    target.order("vdisk-svc", "");
    let said = target.ok(&as_str(&change(&target)));
    assert!(said.contains("its service died meanwhile, and serves it when it is back"), "{said}");
    target.until("vdisk is back", |status| {
        status.service("vdisk")["restarts"] == 1 && status.service("vdisk")["state"] == "running"
    });
    assert_eq!((path_of_the_disk(&target).as_str(), generations(&target)), ("new.img", vec!['0', '1']));
    assert!(is_free(&target, "disk0.img"));
}

#[test]
fn disk_is_resized_and_wrong_sizes_are_refused() {
    let target = ready_for_change("");
    assert!(target.ok(&["device", "resize", "disk0"]).contains("device disk0, 1MiB"));
    assert!(target.ok(&["device", "resize", "disk0", "--size", "3MiB"]).contains("device disk0, 3MiB"));
    assert!(target.log("vdisk").contains("change: Resize { bytes: Some(3145728) }"));
    let said = target.err(&["device", "resize", "disk0", "--size", "1000"]);
    assert!(said.contains("1000 bytes are not whole blocks of 512; make it 512 or 1024"), "{said}");
    assert!(target.err(&["device", "resize", "dsk0"]).contains("did you mean \"disk0\"?"));
    assert!(target.err(&["device", "eject", "disk0"]).contains("device disk0 is not removable"));
    target.ok(&["stop", "vdisk"]);
    let said = target.err(&["device", "resize", "disk0"]);
    assert!(said.contains("service vdisk does not run; it reads sizes when it starts"), "{said}");
    let said = target.ok(&as_str(&change(&target)));
    assert!(said.contains("as soon as its service runs"), "{said}");
    target.ok(&["start", "vdisk"]);
    assert_eq!(generations(&target), ['0', '1']);
}
