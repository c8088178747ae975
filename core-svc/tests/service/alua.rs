//! Asymmetric access: two targets on two transports, a port group each, one unit behind both.

use ipc::message::config::{
    AccessManagement, AccessState, DeviceGroupConfig, PortGroupConfig, TargetConfig, UnitConfig,
};
use ipc::message::record::{Reply, Request, RequestKind, request_flags};
use ipc::message::{Event, Grant};

use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, OTHER, Rig, open_quietly};

/// REPORT TARGET PORT GROUPS, length only header, 256 bytes (SPC-4 6.37).
const RTPG: [u8; 12] = [0xA3, 0x0A, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

const CHANGED: (u8, u8, u8) = (0x06, 0x2A, 0x06);

fn grants(management: AccessManagement) -> Vec<Grant> {
    let target = |target, transport, relative_port, port_group, map: &[(u16, u32)]| {
        Grant::Target(TargetConfig {
            target,
            transport,
            portal_group: 1,
            relative_port,
            port_group,
            luns: luns(map),
            ..Default::default()
        })
    };
    let group =
        |id, remote_ports| Grant::PortGroup(PortGroupConfig { id, name: format!("g{id}"), remote_ports });
    vec![
        target(0, A, 1, 10, &[(0, 0), (1, 1)]),
        target(1, B, 2, 20, &[(0, 0)]),
        group(10, vec![]),
        group(20, vec![77]),
        Grant::DeviceGroup(DeviceGroupConfig {
            group: 0,
            name: "default".into(),
            management,
            states: vec![(10, AccessState::Active, true), (20, AccessState::NonOptimized, false)],
        }),
    ]
}

/// Nexus [`NEXUS`] through A and nexus 9 through B, both quiet at LUN 0.
fn stage_of(management: AccessManagement) -> (Rig, FakeTransport, FakeTransport, FakeHandler) {
    let (mut rig, mut a, disk) = Rig::staged(Rig::with_grants(grants(management)));
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 9, 1);
    let reply = a.ask(NEXUS, 999, lun(1), &TEST_UNIT_READY);
    assert_eq!(sense(&reply), (0x06, 0x29, 0x00));
    (rig, a, b, disk)
}

fn stage() -> (Rig, FakeTransport, FakeTransport, FakeHandler) {
    stage_of(AccessManagement::Both)
}

fn report(transport: &mut FakeTransport, nexus: u64, serial: u64, cdb: &[u8]) -> Vec<u8> {
    let reply = transport.ask(nexus, serial, lun(0), cdb);
    assert_eq!(reply.status, GOOD, "{reply:?}");
    transport.bytes(0, reply.transferred)
}

/// SET TARGET PORT GROUPS with this parameter list.
fn set(transport: &mut FakeTransport, nexus: u64, serial: u64, list: &[u8]) -> Reply {
    let request = set_request(transport, nexus, serial, list);
    transport.send(&request);
    transport.done(nexus, serial)
}

fn set_request(transport: &FakeTransport, nexus: u64, serial: u64, list: &[u8]) -> Request {
    let length = list.len() as u8;
    let cdb = [0xA4, 0x0A, 0, 0, 0, 0, 0, 0, 0, length, 0, 0];
    let request = command(nexus, serial, lun(0), &cdb);
    if list.is_empty() {
        return request;
    }
    let checked = transport.arena.check(transport.extent(8192, u32::from(length))).unwrap();
    transport.arena.write(checked, list);
    transport.with_out(request, 8192, u32::from(length))
}

/// Group 10 to standby, group 20 to active/optimized.
const SWAP: [u8; 12] = [0, 0, 0, 0, 0x02, 0, 0, 10, 0x00, 0, 0, 20];

/// Sets a state as the administrator does, and waits until the core says so.
fn administer(rig: &mut Rig, port_group: u16, state: AccessState) {
    rig.grant(Grant::AccessState { device_group: 0, port_group, state }, &[]);
    let said = Event::AccessState { device_group: 0, port_group, state };
    while rig.event() != said {}
}

#[test]
fn report_lists_the_groups_of_a_unit_with_their_ports() {
    let (_rig, mut a, mut b, _disk) = stage();
    let groups = [
        0x80, 0xCF, 0, 10, 0, 0, 0, 1, 0, 0, 0, 1, // preferred, active/optimized, port 1
        0x01, 0xCF, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 77, // active/non-optimized, ports 2 and 77
    ];
    assert_eq!(report(&mut a, NEXUS, 1, &RTPG), [&[0, 0, 0, 28][..], &groups].concat());
    assert_eq!(report(&mut b, 9, 1, &RTPG), [&[0, 0, 0, 28][..], &groups].concat());
    let mut extended = RTPG;
    extended[1] = 0x2A;
    let expected = [&[0, 0, 0, 32, 0x10, 0, 0, 0][..], &groups].concat();
    assert_eq!(report(&mut a, NEXUS, 2, &extended), expected);
    extended[1] = 0x4A;
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(0), &extended)), (0x05, 0x24, 0x00));
}

#[test]
fn report_leaves_out_groups_that_do_not_show_the_unit() {
    let grants = grants(AccessManagement::Implicit).into_iter().map(|grant| match grant {
        Grant::PortGroup(group) => Grant::PortGroup(PortGroupConfig { remote_ports: vec![], ..group }),
        other => other,
    });
    let (_rig, mut a, _) = Rig::staged(Rig::with_grants(grants.collect()));
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    let reply = a.ask(NEXUS, 2, lun(1), &RTPG);
    assert_eq!((reply.status, reply.transferred), (GOOD, 16), "unit 1 is behind target 0 only");
}

#[test]
fn commands_do_not_exist_where_they_are_not_managed() {
    let (_rig, mut a, _b, _disk) = stage_of(AccessManagement::None);
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(0), &RTPG)), (0x05, 0x20, 0x00));
    assert_eq!(sense(&set(&mut a, NEXUS, 2, &SWAP)), (0x05, 0x20, 0x00));
    let (_rig, mut a, _b, _disk) = stage_of(AccessManagement::Implicit);
    assert_eq!(a.ask(NEXUS, 1, lun(0), &RTPG).status, GOOD);
    assert_eq!(sense(&set(&mut a, NEXUS, 2, &SWAP)), (0x05, 0x20, 0x00));
}

#[test]
fn administrator_changes_a_state_and_every_nexus_hears_of_it() {
    let (mut rig, mut a, mut b, mut disk) = stage();
    administer(&mut rig, 20, AccessState::Standby);
    assert_eq!(sense(&b.ask(9, 1, lun(0), &READ_10)), CHANGED);
    assert_eq!(sense(&b.ask(9, 2, lun(0), &READ_10)), (0x02, 0x04, 0x0B));
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(0), &READ_10)), CHANGED);
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(1), &READ_10)), CHANGED, "unit 1 is of the same device group");
    a.send(&command(NEXUS, 3, lun(0), &READ_10));
    disk.serve(3);
    assert_eq!(a.done(NEXUS, 3).status, GOOD, "the other path works");
    assert_eq!(report(&mut b, 9, 3, &RTPG)[16..22], [0x02, 0xCF, 0, 20, 0, 0x02], "changed implicitly");
    administer(&mut rig, 20, AccessState::Standby);
    assert_eq!(
        sense(&b.ask(9, 4, lun(0), &TEST_UNIT_READY)),
        (0x02, 0x04, 0x0B),
        "no change, no unit attention"
    );
}

#[test]
fn each_state_refuses_in_its_own_words() {
    let (mut rig, _a, mut b, mut disk) = stage();
    for (at, (state, qualifier)) in [
        (AccessState::Standby, 0x0B),
        (AccessState::Unavailable, 0x0C),
        (AccessState::Offline, 0x12),
        (AccessState::Transitioning, 0x0A),
    ]
    .into_iter()
    .enumerate()
    {
        let serial = at as u64 * 10;
        administer(&mut rig, 20, state);
        assert_eq!(sense(&b.ask(9, serial, lun(0), &TEST_UNIT_READY)), CHANGED);
        assert_eq!(sense(&b.ask(9, serial + 1, lun(0), &TEST_UNIT_READY)), (0x02, 0x04, qualifier));
        b.send(&command(9, serial + 2, lun(0), &INQUIRY));
        let request = disk.execute(serial + 2);
        let away = matches!(state, AccessState::Unavailable | AccessState::Offline);
        assert_eq!(request.flags, if away { request_flags::UNAVAILABLE } else { 0 }, "{state:?}");
        assert_eq!((request.port, request.port_group), (2, 20));
        disk.good(&request, 0);
        assert_eq!(b.done(9, serial + 2).status, GOOD);
        assert_eq!(b.ask(9, serial + 3, lun(0), &RTPG).status, GOOD);
    }
    administer(&mut rig, 20, AccessState::Active);
    assert_eq!(sense(&b.ask(9, 90, lun(0), &TEST_UNIT_READY)), CHANGED);
    b.send(&command(9, 91, lun(0), &TEST_UNIT_READY));
    disk.serve(91);
    assert_eq!(b.done(9, 91).status, GOOD);
}

#[test]
fn initiator_changes_states_and_only_the_others_hear_of_it() {
    let (mut rig, mut a, mut b, mut disk) = stage();
    let reply = set(&mut a, NEXUS, 1, &SWAP);
    assert_eq!((reply.status, reply.transferred), (GOOD, 12));
    for (port_group, state) in [(10, AccessState::Standby), (20, AccessState::Active)] {
        let said = Event::AccessState { device_group: 0, port_group, state };
        while rig.event() != said {}
    }
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(0), &READ_10)), (0x02, 0x04, 0x0B), "no unit attention before it");
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(1), &READ_10)), CHANGED, "it did not know of the other unit");
    assert_eq!(sense(&b.ask(9, 2, lun(0), &READ_10)), CHANGED);
    b.send(&command(9, 3, lun(0), &READ_10));
    disk.serve(3);
    assert_eq!(b.done(9, 3).status, GOOD);
    let data = report(&mut b, 9, 4, &RTPG);
    assert_eq!((data[4], data[9], data[16], data[21]), (0x82, 0x01, 0x00, 0x01), "states and status codes");
    // From the standby port back: the command is accepted there.
    let back = [0, 0, 0, 0, 0x00, 0, 0, 10];
    assert_eq!(set(&mut a, NEXUS, 4, &back).status, GOOD);
    a.send(&command(NEXUS, 5, lun(0), &READ_10));
    disk.serve(5);
    assert_eq!(a.done(NEXUS, 5).status, GOOD);
}

/// Key, code, qualifier and the sense key specific bytes (SPC-4 4.5.2.4.2).
fn pointed(reply: &Reply) -> ((u8, u8, u8), [u8; 3]) {
    (sense(reply), [reply.sense[15], reply.sense[16], reply.sense[17]])
}

#[test]
fn parameter_list_that_cannot_be_changes_nothing() {
    let (_rig, mut a, _b, _disk) = stage();
    let before = report(&mut a, NEXUS, 1, &RTPG);
    let invalid = (0x05, 0x26, 0x00);
    let state = [&SWAP[..8], &[0x0E, 0, 0, 20]].concat();
    assert_eq!(pointed(&set(&mut a, NEXUS, 2, &state)), (invalid, [0x8B, 0, 8]), "offline, bit 3 of byte 8");
    let group = [&SWAP[..8], &[0x00, 0, 0, 30]].concat();
    assert_eq!(pointed(&set(&mut a, NEXUS, 3, &group)), (invalid, [0x80, 0, 10]), "there is no group 30");
    let twice = [&SWAP[..8], &[0x00, 0, 0, 10]].concat();
    assert_eq!(pointed(&set(&mut a, NEXUS, 4, &twice)), (invalid, [0x80, 0, 10]));
    assert_eq!(sense(&set(&mut a, NEXUS, 5, &SWAP[..10])), (0x05, 0x1A, 0x00));
    let mut longer = set_request(&a, NEXUS, 6, &SWAP);
    longer.cdb[9] = 16;
    a.send(&longer);
    assert_eq!(sense(&a.done(NEXUS, 6)), (0x05, 0x1A, 0x00), "fewer bytes came than were announced");
    longer.cdb[6] = 0xFF;
    longer.serial = 7;
    a.send(&longer);
    assert_eq!(sense(&a.done(NEXUS, 7)), (0x05, 0x1A, 0x00), "an impossible length allocates nothing");
    assert_eq!(set(&mut a, NEXUS, 8, &[]).status, GOOD, "no list is no error");
    assert_eq!(report(&mut a, NEXUS, 9, &RTPG), before);
}

#[test]
fn group_that_the_administrator_holds_cannot_be_set() {
    let (mut rig, mut a, _b, _disk) = stage();
    administer(&mut rig, 20, AccessState::Offline);
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), CHANGED);
    assert_eq!(sense(&set(&mut a, NEXUS, 2, &SWAP)), (0x04, 0x67, 0x0A));
    assert_eq!(report(&mut a, NEXUS, 3, &RTPG)[4], 0x80, "nothing of it was done");
}

#[test]
fn device_groups_have_states_of_their_own() {
    let mut grants = grants(AccessManagement::Both);
    grants.push(Grant::DeviceGroup(DeviceGroupConfig {
        group: 1,
        name: "other".into(),
        management: AccessManagement::Implicit,
        states: vec![(10, AccessState::Standby, false), (20, AccessState::Active, true)],
    }));
    let unit =
        UnitConfig { unit: 1, name: "other".into(), handler: OTHER, device_group: 1, ..Default::default() };
    grants.push(Grant::Unit(unit));
    let (_rig, mut a, mut disk) = Rig::staged(Rig::with_grants(grants));
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(1), &TEST_UNIT_READY)), (0x02, 0x04, 0x0B));
    a.send(&command(NEXUS, 3, lun(0), &TEST_UNIT_READY));
    disk.serve(3);
    assert_eq!(a.done(NEXUS, 3).status, GOOD);
}

/// The core dies and comes back with the same grants; both nexuses are named again.
fn reborn(rig: &mut Rig) -> (FakeTransport, FakeTransport, FakeHandler) {
    rig.die();
    rig.launch();
    rig.go();
    let mut disk = rig.handler(DISK);
    disk.fence();
    rig.handler(OTHER).fence();
    let (mut a, mut b) = (rig.transport(A), rig.transport(B));
    a.attach(0, &[NEXUS]);
    b.attach(1, &[9]);
    (a, b, disk)
}

#[test]
fn core_dies_and_states_are_as_they_were() {
    let (mut rig, a, mut b, disk) = stage();
    administer(&mut rig, 10, AccessState::Unavailable);
    let list = [0, 0, 0, 0, 0x00, 0, 0, 20];
    assert_eq!(sense(&b.ask(9, 1, lun(0), &TEST_UNIT_READY)), CHANGED);
    assert_eq!(set(&mut b, 9, 2, &list).status, GOOD);
    let before = report(&mut b, 9, 3, &RTPG);
    drop((a, b, disk));
    let (mut a, mut b, _disk) = reborn(&mut rig);
    let said = Event::AccessState { device_group: 0, port_group: 10, state: AccessState::Unavailable };
    while rig.event() != said {}
    assert_eq!(report(&mut b, 9, 4, &RTPG), before);
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), CHANGED, "it has not been told yet");
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), (0x02, 0x04, 0x0C));
}

#[test]
fn core_dies_after_a_set_whose_answer_was_not_read_and_does_not_execute_it_again() {
    let (mut rig, mut a, b, disk) = stage();
    assert_eq!(set(&mut a, NEXUS, 1, &SWAP).status, GOOD);
    administer(&mut rig, 10, AccessState::NonOptimized);
    drop((a, b, disk));
    let (mut a, _b, _disk) = reborn(&mut rig);
    let mut again = set_request(&a, NEXUS, 1, &SWAP);
    again.flags |= request_flags::AGAIN;
    a.send(&again);
    let reply = a.done(NEXUS, 1);
    assert_eq!((reply.status, reply.transferred), (GOOD, 12));
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), CHANGED, "of what the administrator did");
    assert_eq!(report(&mut a, NEXUS, 3, &RTPG)[4], 0x81, "and that still holds");
}

#[test]
fn administrator_names_groups_that_there_are_not() {
    let (mut rig, mut a, _b, _disk) = stage();
    rig.grant(Grant::AccessState { device_group: 5, port_group: 10, state: AccessState::Offline }, &[]);
    rig.grant(Grant::AccessState { device_group: 0, port_group: 99, state: AccessState::Offline }, &[]);
    administer(&mut rig, 10, AccessState::Active);
    a.send(&Request::new(RequestKind::NexusClose, NEXUS, 5));
    a.reply();
}
