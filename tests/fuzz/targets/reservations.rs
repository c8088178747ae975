//! PERSISTENT RESERVE OUT: any sequence of service actions with any parameter lists, from several nexuses, TransportIDs
//! included. Whatever is accepted leaves a sound state.
#![no_main]

use bulkhead_fuzz::Bytes;
use core_svc::reservation::action::{self, Asker};
use core_svc::reservation::state::{Port, State};
use libfuzzer_sys::fuzz_target;
use scsi::persistent_reservation::{List, OutAction};
use scsi::transport_id::TransportId;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    if let Ok((id, len)) = TransportId::parse(bytes.0) {
        assert!(len <= bytes.0.len());
        assert_eq!(TransportId::parse(&id.encode()).map(|(again, _)| again), Ok(id));
    }
    let names = ["iqn.2026-11.test:a,i,0x000000000001", "iqn.2026-11.test:b,i,0x000000000002"];
    let initiators: Vec<_> = names.iter().filter_map(|name| TransportId::from_port_name(name)).collect();
    let mut state = State::default();
    while !bytes.0.is_empty() {
        let Ok(action) = OutAction::try_from(bytes.u8() & 0x1F) else { continue };
        let (scope_type, who) = (bytes.u8(), bytes.u8());
        let list = bytes.piece();
        let Ok(list) = List::decode(action, list, list.len() as u32) else { continue };
        reads_back(action, &list);
        let port =
            Port { initiator: initiators[usize::from(who & 1)].clone(), target: 1 + u16::from(who >> 1 & 1) };
        let asker = Asker {
            port: &port,
            target_ports: &[1, 2],
            initiators: &initiators,
            can_persist: who & 4 != 0,
            room: usize::from(who >> 3),
        };
        if let Ok(change) = action::perform(&state, action, scope_type, &list, &asker) {
            assert!(change.state.is_sound(), "{action:?} made {:?}", change.state);
            state = change.state;
        }
    }
});

/// A list written down again has the same fields; TransportIDs may move, for their padding is up to who writes them.
fn reads_back(action: OutAction, list: &List) {
    let names: Vec<u8> = list.initiators.iter().flat_map(|(_, id)| id.encode()).collect();
    let length = (names.len() as u32).to_be_bytes();
    let mut bytes = [list.key.to_be_bytes(), list.action_key.to_be_bytes()].concat();
    if action == OutAction::RegisterAndMove {
        bytes.extend([0, u8::from(list.unregister) << 1 | u8::from(list.aptpl)]);
        bytes.extend(list.target_port.to_be_bytes());
        bytes.extend(length);
    } else {
        let (names_initiators, all) = (u8::from(list.names_initiators), u8::from(list.all_target_ports));
        bytes.extend([0, 0, 0, 0, names_initiators << 3 | all << 2 | u8::from(list.aptpl), 0, 0, 0]);
        bytes.extend(if list.names_initiators { &length[..] } else { &[] });
    }
    bytes.extend(names);
    let mut again = List::decode(action, &bytes, bytes.len() as u32).expect("what was decoded");
    assert_eq!(again.initiators.len(), list.initiators.len());
    for (now, before) in again.initiators.iter_mut().zip(&list.initiators) {
        now.0 = before.0;
    }
    assert_eq!(&again, list);
}
