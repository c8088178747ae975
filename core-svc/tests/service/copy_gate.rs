//! A copy may read and write what its own nexus may read and write: LUN maps, port states, reservations; and its failures are
//! told in the format that its unit has for sense data.

use ipc::message::Grant;
use ipc::message::config::{
    AccessManagement, AccessState, DeviceGroupConfig, LunConfig, PortGroupConfig, TargetConfig, UnitConfig,
};
use ipc::message::record::{Reply, ReplyKind, Request};
use scsi::unit_report::{Control, UnitReport};

use crate::copy_disks::*;
use crate::ends::*;
use crate::reservations::{self, CONFLICT, PREEMPT_AND_ABORT, REGISTER, RESERVE, WRITE_EXCLUSIVE};
use crate::rig::{A, B, NEXUS, OTHER, Rig, open_quietly};

/// A target on transport A with this map of units 0 and 1, and one on B with unit 1 as LUN 0.
fn targets(luns: Vec<LunConfig>) -> Vec<Grant> {
    let target = |target, transport, port_group, luns| {
        Grant::Target(TargetConfig {
            target,
            transport,
            portal_group: 1,
            relative_port: target as u16 + 1,
            port_group,
            luns,
            ..Default::default()
        })
    };
    vec![target(0, A, 10, luns), target(1, B, 20, crate::ends::luns(&[(0, 1)]))]
}

/// Copies eight blocks from unit 0 to unit 1.
fn forth() -> Vec<u8> {
    list(1, 0, &both(), &[segment((0, 0), (1, 0), 8)])
}

/// Status and sense data of the unit that refused, which stand at the end of the sense data of a copy that failed.
fn answered(reply: &Reply) -> &[u8] {
    assert_eq!(sense(reply), (0x0A, 0x0D, 0x01));
    &reply.sense[18..usize::from(reply.sense_len)]
}

#[test]
fn protected_entry_of_the_lun_map_protects_from_copies() {
    let luns =
        vec![LunConfig { lun: 0, unit: 0, read_only: false }, LunConfig { lun: 1, unit: 1, read_only: true }];
    let mut scene = Scene::over(Rig::with_grants(targets(luns)), [512, 512]);
    let reply = scene.run(1, &forth());
    assert_eq!(reply.sense[9], 18, "the destination refuses");
    let refusal = answered(&reply);
    assert_eq!((refusal[0], refusal[3], refusal[13]), (CHECK, 0x07, 0x27));
    assert!(scene.disks[1].log.is_empty());
    let back = list(1, 0, &both(), &[segment((1, 0), (0, 0), 8)]);
    assert_eq!(scene.run(2, &back).status, GOOD);
}

#[test]
fn port_in_standby_refuses_copies_to_units_of_its_group() {
    let mut grants = targets(crate::ends::luns(&[(0, 0), (1, 1)]));
    let group = |group, state| {
        Grant::DeviceGroup(DeviceGroupConfig {
            group,
            name: format!("d{group}"),
            management: AccessManagement::Both,
            states: vec![(10, state, true), (20, AccessState::Active, true)],
        })
    };
    grants.extend([10, 20].map(|id| {
        Grant::PortGroup(PortGroupConfig { id, name: format!("g{id}"), remote_ports: Vec::new() })
    }));
    grants.extend([group(0, AccessState::Active), group(1, AccessState::Standby)]);
    let unit =
        UnitConfig { unit: 1, name: "other".into(), handler: OTHER, device_group: 1, ..Default::default() };
    grants.push(Grant::Unit(unit));
    let mut scene = Scene::over(Rig::with_grants(grants), [512, 512]);
    let reply = scene.run(1, &forth());
    let refusal = answered(&reply);
    assert_eq!((refusal[3], refusal[13], refusal[14]), (0x02, 0x04, 0x0B));
    let reply = scene.run(2, &list(1, 0, &both(), &[segment((1, 0), (0, 0), 8)]));
    assert_eq!((reply.sense[8], answered(&reply)[13]), (18, 0x04), "nor is it read");
}

/// A scene with nexus 9 over transport B, which has unit 1 as LUN 0.
fn with_rival() -> (Scene, FakeTransport) {
    let grants = targets(crate::ends::luns(&[(0, 0), (1, 1)]));
    let mut scene = Scene::over(Rig::with_grants(grants), [512, 512]);
    let mut rival = scene.rig.transport(B);
    rival.attach(1, &[]);
    open_quietly(&mut rival, 9, 1);
    (scene, rival)
}

fn good(transport: &mut FakeTransport, request: &Request) {
    transport.send(request);
    assert_eq!(transport.reply().status, GOOD);
}

#[test]
fn reservation_of_the_destination_stops_copies_of_others() {
    let (mut scene, mut rival) = with_rival();
    assert_eq!(scene.run(1, &forth()).status, GOOD);
    let register = reservations::out(&rival, 9, 1, REGISTER, 0, &reservations::list(0, 7, 0));
    good(&mut rival, &register);
    let reserve = reservations::out(&rival, 9, 2, RESERVE, WRITE_EXCLUSIVE, &reservations::list(7, 0, 0));
    good(&mut rival, &reserve);
    let reply = scene.run(2, &forth());
    assert_eq!((reply.sense[9], answered(&reply)), (18, &[CONFLICT][..]));
    assert_eq!(
        scene.run(3, &list(1, 0, &both(), &[segment((1, 0), (0, 0), 8)])).status,
        GOOD,
        "reading is free"
    );
}

#[test]
fn preempt_and_abort_waits_for_what_a_copy_of_the_preempted_writes() {
    let (mut scene, mut rival) = with_rival();
    // The copy's nexus holds the reservation of the unit that it writes.
    let mut register =
        reservations::out(&scene.transport, NEXUS, 1, REGISTER, 0, &reservations::list(0, 5, 0));
    register.lun = lun(1);
    scene.transport.send(&register);
    assert_eq!(sense(&scene.transport.done(NEXUS, 1)), (0x06, 0x29, 0x00));
    register.serial = 2;
    good(&mut scene.transport, &register);
    let list_out = reservations::list(5, 0, 0);
    let mut reserve = reservations::out(&scene.transport, NEXUS, 4, RESERVE, WRITE_EXCLUSIVE, &list_out);
    reserve.lun = lun(1);
    good(&mut scene.transport, &reserve);
    let request = reservations::out(&rival, 9, 1, REGISTER, 0, &reservations::list(0, 7, 0));
    good(&mut rival, &request);
    scene.disks[1].hold();
    let request = scene.copy(5, &list(1, 0, &both(), &[segment((0, 0), (1, 0), 4000)]));
    scene.transport.send(&request);
    until("a WRITE", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].count_held() > 0).then_some(())
    });
    let preempt =
        reservations::out(&rival, 9, 2, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, &reservations::list(7, 5, 0));
    rival.send(&preempt);
    rival.barrier(9);
    assert!(rival.poll().is_none(), "a WRITE of the preempted nexus is still executed");
    scene.disks[1].release();
    assert_eq!(rival.done(9, 2).status, GOOD);
    let written = scene.disks[1].log.len();
    let reply = scene.answer();
    assert_eq!((reply.kind, sense(&reply).0), (ReplyKind::Done as u8, 0x0A));
    assert_eq!(scene.disks[1].log.len(), written, "nothing is written after the preemption");
}

#[test]
fn failure_is_told_in_descriptor_format_where_the_unit_has_it() {
    let mut scene = Scene::new([512, 512]);
    let control = Control { queue_algorithm: 1, d_sense: true, ..Control::default() };
    scene.disks[0].handler.report(0, &UnitReport { control, ..Default::default() });
    scene.transport.barrier(NEXUS);
    scene.disks[1].refuses = Some([0x70, 0, 7, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x27, 0, 0, 0, 0, 0]);
    let reply =
        scene.run(1, &list(1, 0, &both(), &[segment((0, 0), (0, 100), 8), segment((0, 0), (1, 0), 8)]));
    let bytes = &reply.sense[..usize::from(reply.sense_len)];
    assert_eq!(bytes[..8], [0x72, 0x0A, 0x0D, 0x01, 0, 0, 0, 34]);
    assert_eq!(bytes[8..20], [0x01, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "segment 1");
    assert_eq!(bytes[20..26], [0x0C, 20, 0x02, CHECK, 0x70, 0]);
}
