//! Slots and queues against plain collections.

use std::collections::VecDeque;

use proptest::prelude::*;
use scsi::command::Command;

use super::*;
use crate::span::Spans;
use crate::task::{Identity, Stage};
use crate::unit::Unit;
use crate::units::Units;
use ipc::message::config::{BackendConfig, DeviceConfig};

fn task(serial: u64) -> Task {
    let device = DeviceConfig {
        backend: BackendConfig::Null { bytes: 512 },
        block_size: 512,
        names: ipc::message::config::UnitNames { naa: vec![0x30, 0, 0, 0, 0, 0, 0, 1], ..Default::default() },
        ..Default::default()
    };
    let unit = Unit::new(device, None, std::time::Instant::now()).unwrap();
    let (unit, _) = Units::default().insert(unit);
    Task {
        identity: Identity { link: crate::links::LinkId::default(), nexus: 1, serial },
        unit,
        path: scsi::path::Path::default(),
        command: Ok(Command::TestUnitReady),
        data: Spans::default(),
        stage: Stage::Waiting,
        transfer: None,
        medium: 0,
        answered: false,
        orphan: false,
        work: None,
        detached: false,
        want: None,
        again: false,
        recorded: false,
    }
}

#[test]
fn slots_are_full_and_free_again() {
    let mut slots = Slots::new(2);
    let first = slots.insert(task(1));
    let second = slots.insert(task(2));
    assert!(slots.is_full());
    assert_eq!(slots.remove(first).identity.serial, 1);
    assert!(!slots.is_full());
    assert_eq!(slots.insert(task(3)), first);
    assert_eq!((slots.get(second).identity.serial, slots.used()), (2, 2));
    assert_eq!(slots.iter_mut().count(), 2);
}

proptest! {
    /// Pushing, popping and sifting keep the order of a VecDeque.
    #[test]
    fn queue_is_a_queue(steps in proptest::collection::vec(0..5u8, 0..100)) {
        let mut slots = Slots::new(16);
        let (mut queue, mut model) = (Queue::default(), VecDeque::new());
        let mut serial = 0;
        for step in steps {
            match step {
                0..=2 if !slots.is_full() => {
                    serial += 1;
                    let slot = slots.insert(task(serial));
                    slots.push(&mut queue, slot);
                    model.push_back(serial);
                }
                3 => {
                    let popped = slots.pop(&mut queue).map(|slot| slots.remove(slot).identity.serial);
                    prop_assert_eq!(popped, model.pop_front());
                }
                4 => {
                    let mut out = Vec::new();
                    slots.sift(&mut queue, |task| task.identity.serial % 3 != 0, |task| out.push(task.identity.serial));
                    let gone: Vec<u64> = model.iter().copied().filter(|serial| serial % 3 == 0).collect();
                    model.retain(|serial| serial % 3 != 0);
                    prop_assert_eq!(out, gone);
                }
                _ => {}
            }
            prop_assert_eq!(queue.is_empty(), model.is_empty());
            prop_assert_eq!(slots.used(), model.len());
        }
    }
}
