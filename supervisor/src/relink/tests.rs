//! Links through the lives and deaths of their ends.

use std::path::Path;

use ipc::doorbell::Doorbell;
use ipc::link::{Requester, Responder};
use ipc::message::Grant;
use ipc::message::grant::Role;
use ipc::message::record::{Request, RequestKind};

use super::{Addressed, Links, PeerState};
use crate::manifest::Manifest;
use crate::plan::Plan;

/// core 0, iscsi 1, vdisk 2
fn plan() -> Plan {
    let text = "[[device]]\nname = \"a\"\nnull.size = 512\n[[target]]\nname = \"eui.0123456789abcdef\"\nluns = [{ lun = 0, device = \"a\" }]\n";
    Plan::new(&Manifest::parse("m.toml", text, Path::new("/")).expect("valid").0, "")
}

/// Who is told what, in short.
fn told(messages: &[Addressed]) -> Vec<(u32, String)> {
    let short = |grant: &Grant| match grant {
        Grant::Link { peer, role, epoch } => format!("link {} {role:?} {epoch}", peer.name),
        Grant::LinkDown { peer, epoch, held } => format!("down {peer} {epoch} {held}"),
        other => format!("{other:?}"),
    };
    messages.iter().map(|(to, (grant, _))| (*to, short(grant))).collect()
}

fn line(to: u32, text: &str) -> (u32, String) {
    (to, text.to_owned())
}

#[test]
fn link_is_made_when_both_ends_are_there() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    let first = links.up(&plan, 2, |_| PeerState::Coming).expect("memory");
    assert_eq!(told(&first), []);
    let second = links
        .up(&plan, 0, |peer| if peer == 2 { PeerState::Granted } else { PeerState::Coming })
        .expect("memory");
    assert_eq!(told(&second), [line(2, "link core Responder 1"), line(0, "link vdisk Requester 1")]);
}

#[test]
fn handler_dies_and_core_is_told_at_once() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    links.up(&plan, 0, |_| PeerState::Granted).expect("memory");
    assert_eq!(told(&links.down(2, false)), [line(0, "down 2 1 false")]);
    assert_eq!(told(&links.down(2, false)), [], "once is enough");
    assert_eq!(told(&links.down(2, true)), [line(0, "down 2 1 true")], "that it is held is news");
    let again = links.up(&plan, 2, |_| PeerState::Granted).expect("memory");
    assert_eq!(told(&again), [line(2, "link core Responder 2"), line(0, "link vdisk Requester 2")]);
}

#[test]
fn core_dies_and_both_sides_are_told() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    links.up(&plan, 0, |_| PeerState::Granted).expect("memory");
    assert_eq!(told(&links.down(0, false)), [line(1, "down 0 1 false"), line(2, "down 0 1 false")]);
}

#[test]
fn newcomer_is_told_of_peers_that_are_held() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    let told_core = links.up(&plan, 0, |_| PeerState::Held).expect("memory");
    assert_eq!(told(&told_core), [line(0, "down 1 0 true"), line(0, "down 2 0 true")]);
}

#[test]
fn faulty_link_is_replaced_once() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    links.up(&plan, 0, |_| PeerState::Granted).expect("memory");
    let replaced = links.replace(&plan, 0, 2, 1).expect("memory");
    let expected = [line(2, "link core Responder 2"), line(0, "link vdisk Requester 2")];
    assert_eq!(told(&replaced), expected);
    assert_eq!(
        told(&links.replace(&plan, 2, 0, 1).expect("memory")),
        [],
        "the other end's complaint is of the same link"
    );
    assert_eq!(told(&links.replace(&plan, 1, 2, 0).expect("memory")), [], "no link joins these two");
}

#[test]
fn granted_ends_can_talk() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    let messages = links.up(&plan, 2, |_| PeerState::Granted).expect("memory");
    let mut requester = None;
    let mut responder = None;
    for (_, (grant, fds)) in messages {
        let Grant::Link { role, epoch, .. } = grant else { panic!("{grant:?}") };
        let mut fds = fds.into_iter();
        let memory = fds.next().expect("memory");
        let (mine, theirs) = (
            Doorbell::from_fd(fds.next().expect("own bell")),
            Doorbell::from_fd(fds.next().expect("peer's bell")),
        );
        match role {
            Role::Requester => requester = Some(Requester::new(memory, epoch, mine, theirs).expect("mapped")),
            Role::Responder => responder = Some(Responder::new(memory, epoch, mine, theirs).expect("mapped")),
        }
    }
    let (mut requester, mut responder) = (requester.expect("requester"), responder.expect("responder"));
    assert!(responder.arm(), "nothing to do: it may sleep");
    requester.send(&Request::new(RequestKind::Fence, 1, 2)).expect("room");
    requester.flush();
    let mut count = [0; 8];
    rustix::io::read(responder.bell(), &mut count).expect("the responder's bell was rung");
    responder.disarm();
    assert_eq!(responder.receive().expect("no fault").map(|request| request.serial), Some(2));
}

#[test]
fn links_of_a_former_supervisor_go_on() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    links.up(&plan, 0, |_| PeerState::Granted).expect("memory");
    let record = links.record();
    assert_eq!(record, [(1, true), (1, true)]);
    let mut links = Links::resume(&plan, &record);
    let granted = |_| PeerState::Granted;
    assert_eq!(told(&links.repair(&plan, |_| false, granted).expect("memory")), [], "nothing is in doubt");
    // Of the handler it is not known whether it has its end: that link alone is made again.
    let repaired = links.repair(&plan, |service| service == 2, granted).expect("memory");
    assert_eq!(told(&repaired), [line(2, "link core Responder 2"), line(0, "link vdisk Requester 2")]);
    assert_eq!(links.record(), [(1, true), (2, true)]);
}

#[test]
fn deaths_that_a_former_supervisor_saw_are_told_again() {
    let (plan, mut links) = (plan(), Links::new(&plan()));
    links.up(&plan, 0, |_| PeerState::Granted).expect("memory");
    links.down(2, false);
    let mut links = Links::resume(&plan, &links.record());
    let vdisk_is = |state| move |service| if service == 2 { state } else { PeerState::Granted };
    let away = links.repair(&plan, |_| true, vdisk_is(PeerState::Coming)).expect("memory");
    let iscsi = [line(0, "link iscsi Responder 2"), line(1, "link core Requester 2")];
    assert_eq!(told(&away), [&iscsi[..], &[line(0, "down 2 1 false")]].concat());
    let held = links.repair(&plan, |_| false, vdisk_is(PeerState::Held)).expect("memory");
    assert_eq!(told(&held), [line(0, "down 2 1 true")]);
    let back = links.up(&plan, 2, |_| PeerState::Granted).expect("memory");
    assert_eq!(told(&back), [line(2, "link core Responder 2"), line(0, "link vdisk Requester 2")]);
    // One that is being killed while its link is up still lives: its peers hear of it when it is over.
    assert_eq!(told(&links.repair(&plan, |_| true, vdisk_is(PeerState::Coming)).expect("memory")).len(), 2);
    assert_eq!(links.record()[1], (2, true));
}
