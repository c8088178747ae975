//! The entries: what is written comes back, and nothing that is read can do harm.

#[path = "../../../ipc/tests/shared/shape.rs"]
mod shape;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use ipc::message::config::{TargetConfig, UnitConfig};
use ipc::message::{Event, Grant};
use ipc::shm;
use ipc::wait::Waiter;
use proptest::prelude::*;
use scsi::asc::Asc;

use super::*;
use crate::copy::kept::{Held, Progress};
use crate::settle::Outcome;

/// Nexus `number` of transport 1, as handlers know it.
fn nexus(number: u64) -> u64 {
    1 << 56 | number
}

/// A core with unit 0, reached at LUN 0 of target 0 over transport 1, and what `segment` holds.
fn core(segment: &OwnedFd) -> Core {
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
    core.adopt(Grant::Notebook, vec![segment.try_clone().unwrap()], &mut waiter).unwrap();
    core.adopt(Grant::Go, Vec::new(), &mut waiter).unwrap();
    core
}

fn segment() -> OwnedFd {
    shm::create("test", 1 << 20).unwrap()
}

fn attentions(asc: Asc) -> UnitAttentions {
    let mut waiting = UnitAttentions::default();
    waiting.raise(asc, 0);
    waiting
}

/// Writes entries as they stand.
fn write(segment: &OwnedFd, entries: &[(Entry, Vec<u8>)]) {
    let (mut journal, _) = Journal::open(segment, SCHEMA).unwrap();
    for (entry, bytes) in entries {
        journal.put(key(*entry), bytes);
    }
    journal.commit().unwrap();
}

fn open(number: u64) -> (Entry, Vec<u8>) {
    ((Part::Nexus, nexus(number), 0), bytes(&(0_u32, 0_u64, None::<Port>)).unwrap())
}

#[test]
fn saved_entries_come_back() {
    let segment = segment();
    let mut first = core(&segment);
    first.take_up((Part::Nexus, nexus(5), 0), &bytes(&(0_u32, 0_u64, None::<Port>)).unwrap()).unwrap();
    let at = first.nexuses.find(nexus(5)).unwrap();
    first.touch_nexus(nexus(5), [0].into_iter());
    first.raise_attention(0, Asc::IT_NEXUS_LOSS_OCCURRED, |_| true);
    first.record(at, 77, &Outcome::good(1, 2));
    first.flush();
    let second = core(&segment);
    let (_, nexus) = second.nexuses.iter().next().unwrap();
    assert_eq!((nexus.number, nexus.transport, nexus.target), (5, 0, 0));
    assert_eq!(nexus.attentions[&0].first(), Some(Asc::IT_NEXUS_LOSS_OCCURRED));
    assert_eq!(nexus.recorded.find(77).unwrap().wanted, 2);
    assert!(!nexus.confirmed && nexus.closing.is_none());
}

#[test]
fn entries_of_a_nexus_go_with_it() {
    let segment = segment();
    write(&segment, &[open(5), open(6)]);
    let mut first = core(&segment);
    first.raise_attention(0, Asc::IT_NEXUS_LOSS_OCCURRED, |_| true);
    first.flush();
    let at = first.nexuses.find(nexus(5)).unwrap();
    first.nexuses.remove(at);
    first.touch_nexus(nexus(5), [0].into_iter());
    first.flush();
    let Found::Entries(entries) = Journal::open(&segment, SCHEMA).unwrap().1 else { panic!() };
    assert!(entries.iter().all(|(key, _)| key.major == nexus(6)));
    assert_eq!(entries.len(), 2);
}

#[test]
fn entries_that_do_not_fit_are_left_out_and_taken_out() {
    let segment = segment();
    let entry = |part, major, minor| (part, major, minor);
    let target = |target: u32| bytes(&(target, 0_u64, None::<Port>)).unwrap();
    let conditions = bytes(&attentions(Asc::POWER_ON_OCCURRED)).unwrap();
    write(
        &segment,
        &[
            open(5),
            // Of a transport that there is not, to a target that there is not, of an impossible number, of no target.
            (entry(Part::Nexus, 2 << 56 | 6, 0), target(0)),
            (entry(Part::Nexus, nexus(7), 0), target(9)),
            // With a LUN map that there is not.
            (entry(Part::Nexus, nexus(13), 0), bytes(&(0_u32, 1_u64, None::<Port>)).unwrap()),
            (entry(Part::Nexus, nexus(9), 0), b"\x01\xFF\xFF\xFF".to_vec()),
            (entry(Part::Attentions, nexus(5), 77), conditions.clone()),
            (entry(Part::Attentions, nexus(8), 0), conditions),
            (entry(Part::Recorded, nexus(8), 0), bytes(&Recorded::default()).unwrap()),
        ],
    );
    let (mut journal, _) = Journal::open(&segment, SCHEMA).unwrap();
    // Another format of a part is not this part.
    journal.put(Key { part: 0x0001_00FF, major: nexus(10), minor: 0 }, &target(0));
    journal.commit().unwrap();
    let mut core = core(&segment);
    let kept: Vec<u64> = core.nexuses.iter().map(|(_, nexus)| nexus.number).collect();
    assert_eq!(kept, [5]);
    assert!(core.nexuses.iter().all(|(_, nexus)| nexus.attentions.len() == 1));
    core.touch((Part::Nexus, nexus(5), 0));
    core.flush();
    let Found::Entries(entries) = Journal::open(&segment, SCHEMA).unwrap().1 else { panic!() };
    assert_eq!(entries.len(), 1);
}

#[test]
fn notebook_without_room_is_complained_about_once_until_there_is_room_again() {
    let segment = shm::create("test", 4096).unwrap();
    let mut core = core(&segment);
    for number in 0..1000 {
        core.take_up((Part::Nexus, nexus(number), 0), &bytes(&(0_u32, 0_u64, None::<Port>)).unwrap())
            .unwrap();
        core.touch((Part::Nexus, nexus(number), 0));
    }
    core.flush();
    core.touch((Part::Nexus, nexus(0), 0));
    core.flush();
    assert!(matches!(core.events.as_slice(), [Event::Problem { .. }]));
    core.nexuses = Default::default();
    (0..1000).for_each(|number| core.touch((Part::Nexus, nexus(number), 0)));
    core.flush();
    assert!(!core.overflowed);
}

#[test]
fn damaged_notebook_is_said_so() {
    let segment = segment();
    write(&segment, &[open(5)]);
    let map = ipc::shm::Mapping::new(&segment).unwrap();
    map.write(128 + 40, b"damage");
    let core = core(&segment);
    assert_eq!(core.nexuses.iter().count(), 0);
    assert!(matches!(core.events.as_slice(), [Event::Problem { text }] if text.contains("damaged")));
}

#[test]
fn as_many_paths_as_there_may_be_fit() {
    let segment = shm::create("test", 16 << 20).unwrap();
    let mut core = core(&segment);
    for number in 0..crate::nexus::MOST as u64 {
        core.take_up((Part::Nexus, nexus(number), 0), &bytes(&(0_u32, 0_u64, None::<Port>)).unwrap())
            .unwrap();
        let at = core.nexuses.find(nexus(number)).unwrap();
        (0..crate::recorded::MOST as u64).for_each(|n| core.record(at, n, &Outcome::good(1 << 20, 1 << 20)));
        core.touch_nexus(nexus(number), [0].into_iter());
    }
    core.raise_attention(0, Asc::POWER_ON_OR_RESET_OCCURRED, |_| true);
    core.flush();
    assert!(core.events.is_empty());
}

/// The shape of a part's entries.
fn shape_of(part: Part) -> String {
    match part {
        Part::Nexus => shape::of::<(u32, u64, Option<Port>)>(),
        Part::Attentions => shape::of::<UnitAttentions>(),
        Part::Recorded => shape::of::<Recorded>(),
        Part::AccessState => shape::of::<(u8, u8)>(),
        Part::Unit => shape::of::<crate::unit_report::Seen>(),
        Part::Reservations => shape::of::<crate::reservation::Kept>(),
        Part::CopyProgress => shape::of::<Progress>(),
        Part::CopyResults => shape::of::<VecDeque<Held>>(),
        Part::Aca | Part::Allow => String::new(),
        Part::Answer => shape::of::<(u8, u32, u32, Vec<u8>)>(),
    }
}

/// A shape that changes needs another number of its part's format, and a row here.
#[test]
fn entries_have_the_shape_of_their_format() {
    let known: [(Part, &[(u64, u64)]); 11] = [
        (Part::Nexus, &[(2, 0x2f5d_ec14_f413_6e15)]),
        (Part::Attentions, &[(3, 0xccad_6cc2_c5c9_1dc4)]),
        (Part::Recorded, &[(3, 0x7dd1_746e_1fd9_d3c3)]),
        (Part::AccessState, &[(1, 0x8ee5_fbb3_4587_413e)]),
        (Part::Unit, &[(1, 0x9c8a_20de_7cf0_9f66)]),
        (Part::Reservations, &[(1, 0x0c86_f8be_89d9_7744)]),
        (Part::Aca, &[(1, 0xcbf2_9ce4_8422_2325)]),
        (Part::CopyProgress, &[(2, 0x73a8_0d31_3a1f_d6c0)]),
        (Part::CopyResults, &[(1, 0x5cf7_882a_9c40_cdea)]),
        (Part::Allow, &[(1, 0xcbf2_9ce4_8422_2325)]),
        (Part::Answer, &[(1, 0xfb53_1892_f5e8_d374)]),
    ];
    assert_eq!(known.map(|(part, _)| part), Part::ALL);
    for (part, known) in known {
        let what = format!("{part:?}");
        shape::check(&what, part.format().into(), known, &shape_of(part));
    }
}

proptest! {
    #[test]
    fn arbitrary_entries_do_no_harm(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), Part::ALL.len()),
    ) {
        let segment = segment();
        let entries: Vec<_> = Part::ALL
            .into_iter()
            .zip(contents)
            .map(|(part, bytes)| ((part, nexus(5), 0), [vec![1], bytes].concat()))
            .collect();
        write(&segment, &[open(5)]);
        write(&segment, &entries[1..]);
        core(&segment);
        write(&segment, &entries);
        core(&segment);
    }
}
