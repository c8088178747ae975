//! Limits of units, targets, and sessions at one unit: what comes past them is refused and never queued.

use ipc::message::Grant;
use ipc::message::config::{LunConfig, TargetConfig, UnitConfig};
use ipc::message::record::Request;

use crate::bare::{A, B, Bare, DISK};
use crate::ends::*;

struct Stage {
    bare: Bare,
    a: FakeTransport,
    b: FakeTransport,
    disk: FakeHandler,
}

impl Stage {
    /// Nexus 1 of A and 2 of B at unit 0; the limits of the unit, of A's target, and of a session there at one LUN.
    fn new(unit: u32, target: u32, path: u32) -> Self {
        let mut bare = Bare::new();
        let luns = [(0, 0), (1, 1)].map(|(lun, unit)| LunConfig { lun, unit, read_only: false });
        bare.grant(
            Grant::Unit(UnitConfig { unit: 0, handler: DISK, queue_depth: unit, ..Default::default() }),
            Vec::new(),
        );
        bare.grant(
            Grant::Target(TargetConfig {
                target: 0,
                transport: A,
                luns: luns.to_vec(),
                queue_depth: target,
                lun_queue_depth: path,
                ..Default::default()
            }),
            Vec::new(),
        );
        let (mut disk, mut a, mut b) = (bare.handler(DISK), bare.transport(A), bare.transport(B));
        for (transport, target, nexus) in [(&mut a, 0, 1), (&mut b, 1, 2)] {
            let open = transport.open_request(nexus, target, 0);
            let attach = ipc::message::record::RequestKind::Attach;
            transport.send(&Request::new(attach, 0, 0));
            transport.send(&Request::new(ipc::message::record::RequestKind::AttachEnd, 0, 0));
            transport.send(&open);
            transport.send(&command(nexus, u64::MAX, 0, &TEST_UNIT_READY));
            bare.settle();
            while transport.poll().is_some() {}
        }
        disk.fence();
        bare.settle();
        while disk.poll().is_some() {}
        Self { bare, a, b, disk }
    }

    /// Status of a READ(10) that is refused, or none if it went to the handler.
    fn read(&mut self, nexus: u64, serial: u64) -> Option<u8> {
        let transport = if nexus == 1 { &mut self.a } else { &mut self.b };
        transport.send(&command(nexus, serial, 0, &READ_10));
        self.bare.settle();
        let reply = if nexus == 1 { self.a.poll() } else { self.b.poll() };
        reply.map(|reply| reply.status)
    }

    fn end(&mut self, serial: u64) {
        let request = self.disk.execute(serial);
        self.disk.good(&request, 0);
        self.bare.settle();
        while self.a.poll().is_some() || self.b.poll().is_some() {}
    }
}

#[test]
fn unit_is_full_for_who_has_something_there_and_busy_for_others() {
    let mut stage = Stage::new(2, 0, 0);
    assert_eq!((stage.read(1, 1), stage.read(1, 2)), (None, None));
    assert_eq!(stage.read(1, 3), Some(TASK_SET_FULL));
    assert_eq!(stage.read(2, 1), Some(BUSY));
    stage.end(1);
    assert_eq!(stage.read(2, 2), None);
    assert_eq!(stage.read(2, 3), Some(TASK_SET_FULL));
}

/// Nexus 1 has room for one command, and nexus 2 is not concerned.
fn one_is_full_and_the_other_is_not(mut stage: Stage) {
    assert_eq!(stage.read(1, 1), None);
    assert_eq!(stage.read(1, 2), Some(TASK_SET_FULL));
    assert_eq!(stage.read(2, 1), None);
    stage.end(1);
    assert_eq!(stage.read(1, 3), None);
}

#[test]
fn target_is_full_and_another_one_is_not() {
    one_is_full_and_the_other_is_not(Stage::new(0, 1, 0));
}

#[test]
fn session_is_full_at_one_unit_and_another_session_is_not() {
    one_is_full_and_the_other_is_not(Stage::new(0, 0, 1));
}

#[test]
fn limits_hold_after_the_configuration_has_come_again() {
    let mut stage = Stage::new(1, 0, 0);
    assert_eq!(stage.read(1, 1), None);
    let unit = UnitConfig { unit: 0, handler: DISK, queue_depth: 1, ..Default::default() };
    stage.bare.grant(Grant::Unit(unit), Vec::new());
    assert_eq!(stage.read(1, 2), Some(TASK_SET_FULL));
    stage.end(1);
    assert_eq!(stage.read(1, 3), None);
}

#[test]
fn many_commands_past_the_limit_leave_nothing_behind() {
    let mut stage = Stage::new(1, 0, 0);
    assert_eq!(stage.read(1, 1), None);
    for serial in 2..500 {
        assert_eq!(stage.read(1, serial), Some(TASK_SET_FULL));
    }
    assert_eq!(stage.bare.core.tasks.len(), 1);
    stage.end(1);
    assert!(stage.bare.core.tasks.is_empty());
}
