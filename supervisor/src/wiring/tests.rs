//! What an incarnation is granted, and that its descriptors are what they should be.

use std::path::Path;
use std::rc::Rc;

use ipc::message::Grant;
use ipc::{shm, stats};

use super::{Wiring, WiringError};
use crate::kept::Kept;
use crate::manifest::Manifest;
use crate::media::MediaError;
use crate::plan::Plan;
use crate::witness::Witness;

/// core 0, iscsi 1, vdisk 2; a file, a null disk and a memory disk.
fn plan(dir: &Path) -> Plan {
    // A port of the kernel's choice, free again at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("port")
        .port();
    let text = format!(
        "[[device]]\nname = \"a\"\nfile = {{ path = \"a.img\", size = 4096, create = true }}\n\
         [[device]]\nname = \"b\"\nnull.size = 512\n[[device]]\nname = \"c\"\nfault.size = 1024\n\
         [[target]]\nname = \"eui.0123456789abcdef\"\nportals = [\"127.0.0.1:{port}\"]\nluns = [{{ lun = 0, device = \"a\" }}, {{ lun = 1, device = \"b\" }}, {{ lun = 2, device = \"c\" }}]\n"
    );
    Plan::new(&Manifest::load_text("m.toml", &text, dir).unwrap_or_else(|report| panic!("{report}")).0, "")
}

/// A state directory below `dir`.
fn state(dir: &Path) -> crate::state_dir::StateDir {
    crate::state_dir::StateDir::take(&dir.join("state")).expect("state directory")
}

/// Kinds of grants with the numbers of their descriptors.
fn kinds(grants: &[super::Message]) -> Vec<String> {
    let kind = |grant: &Grant| format!("{grant:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
    grants.iter().map(|(grant, fds)| format!("{} {}", kind(grant), fds.len())).collect()
}

#[test]
fn services_are_granted_what_their_kind_needs() {
    let dir = tempfile::tempdir().expect("tempdir");
    let plan = plan(dir.path());
    let mut wiring = Wiring::new(&plan, state(dir.path()), Rc::new(Kept::nobody())).expect("made");
    let page = shm::create("test", stats::PAGE_BYTES).expect("page");
    let mut grants = |service| kinds(&wiring.grants(&plan, service, 3, &page).expect("grants"));
    let common = ["Service 0", "Stats 1", "Recorder 1", "Notebook 1", "Arena 1"];
    let kept = ["Service 0", "Stats 1", "Recorder 1", "Notebook 1", "State 1", "Arena 1"];
    assert_eq!(
        grants(0),
        [&kept[..], &["Arena 1", "DeviceGroup 0", "Unit 0", "Unit 0", "Unit 0", "Target 0"]].concat()
    );
    assert_eq!(grants(1), [&common[..], &["Portal 1", "Target 0"]].concat());
    assert_eq!(grants(2), [&kept[..], &["Arena 1", "Device 1", "Device 0", "Device 1"]].concat());
    let first = wiring.grants(&plan, 2, 3, &page).expect("grants").swap_remove(0).0;
    assert!(matches!(first, Grant::Service(config) if config.incarnation == 3 && config.name == "vdisk"));
}

#[test]
fn medium_is_granted_to_one_incarnation_at_a_time() {
    let dir = tempfile::tempdir().expect("tempdir");
    let plan = plan(dir.path());
    let mut wiring = Wiring::new(&plan, state(dir.path()), Rc::new(Kept::nobody())).expect("made");
    let page = shm::create("test", stats::PAGE_BYTES).expect("page");
    let mut first = wiring.grants(&plan, 2, 0, &page).expect("grants");
    let second = wiring.grants(&plan, 2, 1, &page);
    assert!(matches!(second, Err(WiringError::Media(MediaError::Busy(_)))));
    // A duplicate, such as a dead process's I/O holds, keeps it in use.
    let duplicate = first.iter().find_map(|(grant, fds)| match grant {
        Grant::Device(_) => fds.first().and_then(|fd| fd.try_clone().ok()),
        _ => None,
    });
    first.clear();
    assert!(wiring.grants(&plan, 2, 1, &page).is_err());
    drop(duplicate);
    assert!(wiring.grants(&plan, 2, 1, &page).is_ok());
}

#[test]
fn loss_is_told_to_whom_it_concerns() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut plan = plan(dir.path());
    let mut wiring = Wiring::new(&plan, state(dir.path()), Rc::new(Kept::nobody())).expect("made");
    let page = shm::create("test", stats::PAGE_BYTES).expect("page");
    let lost = |wiring: &mut Wiring, plan: &Plan| -> Vec<bool> {
        let grants = wiring.grants(plan, 2, 0, &page).expect("grants");
        let devices = grants.iter().filter_map(|(grant, _)| match grant {
            Grant::Device(config) => Some(config.lost),
            _ => None,
        });
        devices.collect()
    };
    assert_eq!(lost(&mut wiring, &plan), [false; 3]);
    let file = std::fs::File::open(dir.path().join("a.img")).expect("the medium");
    wiring.witnesses[0] = Witness::resume(Some(file.into()), true);
    assert_eq!(lost(&mut wiring, &plan), [true, false, false]);
    assert_eq!(lost(&mut wiring, &plan), [true, false, false], "every incarnation hears of it");
    // Who only reads has lost nothing: it was somebody else who wrote there.
    plan.units[0].config.read_only = true;
    assert_eq!(lost(&mut wiring, &plan), [false; 3]);
    plan.units[0].config.read_only = false;
    wiring.forget_losses(&plan, 2);
    assert_eq!(lost(&mut wiring, &plan), [false; 3], "an administrator has had the service stopped");
}

#[test]
fn missing_file_is_made_sparse() {
    let dir = tempfile::tempdir().expect("tempdir");
    Wiring::new(&plan(dir.path()), state(dir.path()), Rc::new(Kept::nobody())).expect("made");
    assert_eq!(std::fs::metadata(dir.path().join("a.img")).expect("file").len(), 4096);
}

#[test]
fn deposits_are_bounded_and_withdrawn() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut plan = plan(dir.path());
    plan.services[1].config.max_connections = 1;
    let mut wiring = Wiring::new(&plan, state(dir.path()), Rc::new(Kept::nobody())).expect("made");
    let socket = || std::os::fd::OwnedFd::from(std::os::unix::net::UnixStream::pair().expect("pair").0);
    for key in 0..65 {
        assert!(wiring.deposit(&plan, 1, key, socket()), "{key}");
    }
    assert!(!wiring.deposit(&plan, 1, 65, socket()), "more than its connections");
    wiring.withdraw(1, 7);
    assert!(wiring.deposit(&plan, 1, 65, socket()));
    let page = shm::create("test", stats::PAGE_BYTES).expect("page");
    let connections = |wiring: &mut Wiring| {
        kinds(&wiring.grants(&plan, 1, 0, &page).expect("grants"))
            .iter()
            .filter(|kind| *kind == "Connection 1")
            .count()
    };
    assert_eq!(connections(&mut wiring), 65);
    wiring.withdraw_all(1);
    assert_eq!(connections(&mut wiring), 0);
}
