//! The page: what is written comes back, and nothing that is read can do harm.

use ipc::message::config::{TargetConfig, UnitConfig};
use ipc::message::{Event, Grant};
use ipc::notebook::Notebook;
use ipc::shm;
use ipc::wait::Waiter;
use proptest::prelude::*;
use scsi::asc::Asc;

use super::*;

/// A core with unit 0, reached at LUN 0 of target 0 over transport 1.
fn core() -> Core {
    let mut core = Core::default();
    let mut waiter = Waiter::new(0).unwrap();
    let unit = UnitConfig { unit: 0, name: "disk".into(), handler: 3, ..Default::default() };
    let target = TargetConfig {
        target: 0,
        name: "iqn".into(),
        transport: 1,
        portal_group: 1,
        portals: Vec::new(),
        luns: vec![ipc::message::config::LunConfig { lun: 0, unit: 0, read_only: false }],
        ..Default::default()
    };
    core.adopt(Grant::Unit(unit), Vec::new(), &mut waiter).unwrap();
    core.adopt(Grant::Target(target), Vec::new(), &mut waiter).unwrap();
    core
}

/// Number, transport, target, conditions by unit, recorded outcomes: an entry as it is encoded.
type Tuple = (u64, u32, u32, Vec<(u32, UnitAttentions)>, Recorded);

fn page_of(entries: &[Tuple]) -> Vec<u8> {
    codec::encode_page(&entries).unwrap()
}

fn attentions(asc: Asc) -> UnitAttentions {
    let mut waiting = UnitAttentions::default();
    waiting.raise(asc);
    waiting
}

#[test]
fn saved_page_comes_back() {
    let segment = shm::create("test", 1 << 16).unwrap();
    let mut first = core();
    first.remember(&page_of(&[(
        5,
        1,
        0,
        vec![(0, attentions(Asc::IT_NEXUS_LOSS_OCCURRED))],
        Recorded::default(),
    )]));
    first.notebook = Some(Notebook::open(&segment, SCHEMA).unwrap().0);
    first.save();
    let (_, page) = Notebook::open(&segment, SCHEMA).unwrap();
    let mut second = core();
    second.remember(&page.unwrap());
    let (_, nexus) = second.nexuses.iter().next().unwrap();
    assert_eq!((nexus.number, nexus.transport, nexus.target), (5, 0, 0));
    assert_eq!(nexus.attentions[&0], attentions(Asc::IT_NEXUS_LOSS_OCCURRED));
    assert!(!nexus.confirmed && nexus.closing.is_none());
}

#[test]
fn entries_that_do_not_fit_are_left_out() {
    let mut core = core();
    core.remember(&page_of(&[
        (5, 1, 0, Vec::new(), Recorded::default()),
        (5, 1, 0, Vec::new(), Recorded::default()),
        (6, 2, 0, Vec::new(), Recorded::default()),
        (7, 1, 9, Vec::new(), Recorded::default()),
        (1 << 60, 1, 0, Vec::new(), Recorded::default()),
        (8, 1, 0, vec![(77, attentions(Asc::POWER_ON_OCCURRED))], Recorded::default()),
    ]));
    let mut kept: Vec<u64> = core.nexuses.iter().map(|(_, nexus)| nexus.number).collect();
    kept.sort_unstable();
    assert_eq!(kept, [5, 8]);
    assert!(
        core.nexuses
            .iter()
            .all(|(_, nexus)| nexus.attentions.len() == 1 && nexus.attentions.contains_key(&0))
    );
}

#[test]
fn page_without_room_is_complained_about_once_until_there_is_room_again() {
    let segment = shm::create("test", 4096).unwrap();
    let mut core = core();
    core.notebook = Some(Notebook::open(&segment, SCHEMA).unwrap().0);
    let many: Vec<_> = (0..1000).map(|number| (number, 1, 0, Vec::new(), Recorded::default())).collect();
    core.remember(&page_of(&many));
    core.save();
    core.save();
    assert!(matches!(core.events.as_slice(), [Event::Problem { .. }]));
    core.nexuses = Default::default();
    core.save();
    assert!(!core.overflowed);
}

#[test]
fn longest_page_of_ordinary_nexuses_fits() {
    let segment = shm::create("test", 2 << 20).unwrap();
    let mut core = core();
    core.notebook = Some(Notebook::open(&segment, SCHEMA).unwrap().0);
    let busy = || vec![(0, attentions(Asc::POWER_ON_OR_RESET_OCCURRED))];
    let many: Vec<_> =
        (0..4096).map(|number| (number + (1 << 40), 1, 0, busy(), Recorded::default())).collect();
    core.remember(&page_of(&many));
    core.save();
    assert!(core.events.is_empty());
}

proptest! {
    #[test]
    fn arbitrary_page_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut core = core();
        core.remember(&bytes);
        let mut after_the_version = vec![1];
        after_the_version.extend(bytes);
        core.remember(&after_the_version);
    }
}
