//! Runs of bytes against one plain slice.

use ipc::shm;
use proptest::prelude::*;

use super::*;

fn arenas() -> Arenas {
    let mut arenas = Arenas::default();
    arenas.insert(Arena::new(3, shm::create("test", 4096).unwrap()).unwrap());
    arenas
}

fn extents(lens: &[u32]) -> Vec<Extent> {
    let mut offset = 0;
    lens.iter()
        .map(|len| {
            offset += u64::from(*len);
            Extent { arena: 3, len: *len, offset: offset - u64::from(*len) }
        })
        .collect()
}

#[test]
fn extents_that_are_not_there_are_refused() {
    let arenas = arenas();
    assert!(Spans::check(&arenas, &[Extent { arena: 4, len: 1, offset: 0 }]).is_err());
    assert!(Spans::check(&arenas, &[Extent { arena: 3, len: 2, offset: 4095 }]).is_err());
    assert!(Spans::check(&arenas, &extents(&[1; 5])).is_err());
}

proptest! {
    #[test]
    fn pieces_cover_what_was_asked_for(
        lens in proptest::collection::vec(1..200u32, 1..=4),
        skip in 0..900usize,
        len in 0..900usize,
    ) {
        let total: usize = lens.iter().map(|len| *len as usize).sum();
        let spans = Spans::check(&arenas(), &extents(&lens)).unwrap();
        prop_assert_eq!(spans.bytes(), total);
        prop_assert_eq!(spans.pieces(skip, len).len(), len.min(total.saturating_sub(skip)));
    }

    #[test]
    fn bytes_written_are_the_bytes_in_the_arena(lens in proptest::collection::vec(1..200u32, 1..=4), len in 0..900usize) {
        let arenas = arenas();
        let spans = Spans::check(&arenas, &extents(&lens)).unwrap();
        let bytes: Vec<u8> = (0..len).map(|n| n as u8 | 1).collect();
        let written = spans.write(&bytes);
        prop_assert_eq!(written, len.min(spans.bytes()));
        let mut there = vec![0; 4096];
        let all = arenas.check(Extent { arena: 3, len: 4096, offset: 0 }).unwrap();
        arenas.get(3).unwrap().read(all, &mut there);
        prop_assert_eq!(&there[..written], &bytes[..written]);
        prop_assert!(there[written..].iter().all(|byte| *byte == 0));
        prop_assert_eq!(spans.zero(len), written);
        arenas.get(3).unwrap().read(all, &mut there);
        prop_assert!(there.iter().all(|byte| *byte == 0));
    }
}
