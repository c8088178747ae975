//! Decoders against arbitrary bytes: a value or an error, never a panic.

use ipc::arena::Arena;
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, RequestKind};
use ipc::message::{Event, Grant, codec};
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..400)
}

fn samples() -> Vec<Vec<u8>> {
    let hello = Event::Hello {
        abi: 1,
        kind: ipc::message::config::ServiceKind::Iscsi,
        version: "0.1.0".into(),
        counters: vec!["commands".into(), "bytes".into()],
    };
    let target = ipc::message::config::TargetConfig {
        target: 1,
        name: "iqn.2026-11.test:t".into(),
        alias: "a".into(),
        transport: 2,
        portal_group: 1,
        portals: vec![0, 300],
        luns: vec![ipc::message::config::LunConfig { lun: 1, unit: 70_000, read_only: true }],
        ..Default::default()
    };
    [
        codec::encode(&hello),
        codec::encode(&Grant::Target(target)),
        codec::encode(&Grant::LinkDown { peer: 1, epoch: u64::MAX, held: true }),
    ]
    .map(|encoded| encoded.unwrap())
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn codec_takes_arbitrary_bytes(mut bytes in bytes(), versioned in any::<bool>()) {
        if versioned && let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let _ = codec::decode::<Event>(&bytes);
        // What can be decoded is what would be encoded, but for longer forms of the same number.
        if let Ok(grant) = codec::decode::<Grant>(&bytes) {
            let again = codec::encode(&grant).unwrap();
            prop_assert!(again.len() <= bytes.len());
            prop_assert_eq!(codec::decode::<Grant>(&again).unwrap(), grant);
        }
    }

    #[test]
    fn codec_takes_spoilt_messages(
        which in 0..3usize,
        spoils in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = samples().swap_remove(which);
        for (place, value) in spoils {
            let place = place % bytes.len();
            bytes[place] = value;
        }
        let _ = codec::decode::<Event>(&bytes);
        let _ = codec::decode::<Grant>(&bytes);
    }

    #[test]
    fn request_takes_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 256)) {
        let request = Request::read_from_bytes(&bytes).unwrap();
        prop_assert_eq!(RequestKind::try_from(request.kind).is_ok(), (1..=14).contains(&bytes[0]));
        prop_assert_eq!(request.cdb().ok(), bytes[120..152].get(..usize::from(bytes[3])));
        let count = usize::from(bytes[4]) + usize::from(bytes[5]);
        prop_assert_eq!(request.extents().is_ok(), count <= 4);
        prop_assert_eq!(request.as_bytes(), &bytes[..]);
    }

    #[test]
    fn reply_takes_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 128)) {
        let reply = Reply::read_from_bytes(&bytes).unwrap();
        prop_assert_eq!(ReplyKind::try_from(reply.kind).is_ok(), (1..=10).contains(&bytes[0]));
        prop_assert_eq!(reply.sense().ok(), bytes[32..128].get(..usize::from(bytes[3])));
    }

    #[test]
    fn nexus_names_take_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..1100)) {
        if let Ok(names) = NexusNames::decode(&bytes) {
            prop_assert_eq!(names.encode(), bytes);
        }
    }

    #[test]
    fn checked_extents_lie_in_their_arena(arena in 0..3u32, offset in any::<u64>(), len in any::<u32>(), near in any::<bool>()) {
        let offset = if near { offset % 9000 } else { offset };
        let len = if near { len % 9000 } else { len };
        let known = Arena::new(1, ipc::shm::create("arena", 8192).unwrap()).unwrap();
        let checked = known.check(ipc::extent::Extent { arena, len, offset });
        let inside = arena == 1 && len > 0 && u128::from(offset) + u128::from(len) <= 8192;
        prop_assert_eq!(checked.is_ok(), inside);
        if let Ok(checked) = checked {
            prop_assert_eq!(known.zero(checked, usize::MAX), len as usize);
        }
    }
}
