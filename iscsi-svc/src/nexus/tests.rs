//! Numbers and handles are unique; a session of the same port is found.

use super::*;
use crate::login::Parameters;
use crate::login::negotiate::SessionType;
use crate::login::stage::TargetInfo;
use ipc::arena::Arena;

fn login(isid: u8) -> Established {
    Established {
        parameters: Parameters::default(),
        initiator: "iqn.1993-08.org.debian:01:a".into(),
        alias: String::new(),
        isid: [0x40, 0, 0, 0, 0, isid],
        cid: 0,
        session_type: SessionType::Normal,
        target: Some((
            "iqn.2026-11.org.example:disk".into(),
            TargetInfo { target: 2, portal_group: 1, alias: String::new() },
        )),
    }
}

#[test]
fn nexus_names_and_numbers() {
    let fd = ipc::shm::create("test-arena", 1 << 20).unwrap();
    let mut buffers = Buffers::new(Arena::new(4, fd).unwrap());
    let mut nexuses = Nexuses::default();
    nexuses.begin(3);
    let conn = ConnId { place: 0, turn: 0 };
    let first = nexuses.open(&login(1), conn, &mut buffers).unwrap();
    let (number, tsih) = (first.number, first.tsih);
    assert_eq!(number, (3 << 40) + 1);
    let request = first.open_request(&buffers, None);
    assert_eq!((request.unit, request.out_extents, request.flags), (2, 1, 0));
    let mut text = vec![0; request.extents[0].len as usize];
    buffers.arena().read(buffers.arena().check(request.extents[0]).unwrap(), &mut text);
    let names = NexusNames::decode(&text).unwrap();
    assert_eq!(names.initiator, "iqn.1993-08.org.debian:01:a,i,0x400000000001");
    assert_eq!(names.target, "iqn.2026-11.org.example:disk,t,0x0001");
    let second = nexuses.open(&login(2), conn, &mut buffers).unwrap();
    assert_ne!((second.number, second.tsih), (number, tsih));
    assert_eq!(nexuses.same_port(&login(1)).unwrap().number, number);
    nexuses.get_mut(number).unwrap().phase = Phase::Closing;
    assert!(nexuses.same_port(&login(1)).is_none());
    nexuses.remove(number, &mut buffers);
    assert_eq!(nexuses.living(), 1);
}
