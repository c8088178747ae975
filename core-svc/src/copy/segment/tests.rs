//! Geometry and order of segments; every byte is moved once, and none is read after it was overwritten.

use proptest::prelude::*;
use scsi::extended_copy::MOST_TARGETS;

use super::*;

const TARGET: [u8; 32] = [
    0xE4, 0x00, 0, 0, 0x01, 0x03, 0, 8, 0x31, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x02, 0x00,
];

/// A list of `targets` with these PAD bits and one segment.
fn list(pads: &[bool], segment: Segment) -> ParameterList {
    assert!(pads.len() <= MOST_TARGETS);
    let mut bytes = vec![1, 0, 0, (pads.len() * 32) as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for pad in pads {
        let mut target = TARGET;
        target[28] = if *pad { 0x04 } else { 0 };
        bytes.extend(target);
    }
    ParameterList { segments: vec![segment], ..ParameterList::parse(&bytes).unwrap() }
}

fn segment(source_lba: u64, destination_lba: u64, blocks: u16) -> Segment {
    Segment {
        destination_count: false,
        concatenate: false,
        source: 0,
        destination: 1,
        blocks,
        source_lba,
        destination_lba,
    }
}

fn disk(unit: u32, block_size: u32, blocks: u64) -> Place {
    Place::Measured { unit, device_type: 0, block_size, blocks }
}

/// So many bytes from a block on, at the start of the memory.
fn part(lba: u64, bytes: u32) -> Part {
    Part { lba, bytes, offset: 0 }
}

fn refused(list: &ParameterList, places: &[Place]) -> (Asc, Option<u16>) {
    let failure = Run::new(list, places, 0, 0).unwrap_err();
    (failure.asc, failure.field.map(|(byte, _)| byte))
}

#[test]
fn segment_that_cannot_be_processed_says_why() {
    let two = [disk(0, 512, 100), disk(1, 512, 100)];
    let plain = list(&[false, false], segment(0, 0, 10));
    let indexed =
        |source, destination| list(&[false, false], Segment { source, destination, ..segment(0, 0, 1) });
    assert_eq!(refused(&indexed(2, 0), &two), (Asc::UNREACHABLE_COPY_TARGET, Some(4)));
    assert_eq!(refused(&indexed(0, 0xFFFF), &two), (Asc::UNREACHABLE_COPY_TARGET, Some(6)));
    let missing = [disk(0, 512, 100), Place::Missing];
    assert_eq!(refused(&plain, &missing), (Asc::COPY_TARGET_DEVICE_NOT_REACHABLE, Some(6)));
    let tape = Place::Measured { unit: 0, device_type: 1, block_size: 512, blocks: 100 };
    assert_eq!(
        refused(&plain, &[tape, disk(1, 512, 100)]),
        (Asc::INCORRECT_COPY_TARGET_DEVICE_TYPE, Some(4))
    );
    let past = |s: u64, d: u64| refused(&list(&[false, false], segment(s, d, 10)), &two);
    assert_eq!(past(91, 0), (Asc::NO_ADDITIONAL_SENSE, Some(12)));
    assert_eq!(past(0, 91), (Asc::NO_ADDITIONAL_SENSE, Some(20)));
    assert_eq!(past(u64::MAX, 0), (Asc::NO_ADDITIONAL_SENSE, Some(12)));
    let large = [disk(0, 65_536, 1 << 20), disk(1, 65_536, 1 << 20)];
    let long = list(&[false, false], segment(0, 0, 4097));
    assert_eq!(refused(&long, &large), (Asc::INVALID_FIELD_IN_PARAMETER_LIST, Some(10)));
    let answer = ThirdParty { side: Side::Source, status: 2, sense: vec![1] };
    let failure = Run::new(&plain, &[disk(0, 512, 100), Place::Unusable(answer.clone())], 0, 0).unwrap_err();
    assert_eq!(failure.third_party, Some(ThirdParty { side: Side::Destination, ..answer }));
}

#[test]
fn rest_that_fills_no_block_needs_pad() {
    let places = [disk(0, 512, 100), disk(1, 4096, 100)];
    let three = segment(0, 0, 3);
    assert_eq!(refused(&list(&[false, false], three), &places), (Asc::UNEXPECTED_INEXACT_SEGMENT, None));
    let mut run = Run::new(&list(&[false, true], three), &places, 0, 0).unwrap().unwrap();
    let chunk = run.next_chunk(1, Doing::Reading);
    assert_eq!([run.reads(&chunk), run.writes(&chunk)], [part(0, 1536), part(0, 4096)]);
    // Counted at the destination, and the source has the larger blocks.
    let places = [disk(0, 4096, 100), disk(1, 512, 100)];
    let counted = Segment { destination_count: true, ..segment(5, 7, 9) };
    let mut run = Run::new(&list(&[true, false], counted), &places, 0, 0).unwrap().unwrap();
    let chunk = run.next_chunk(1, Doing::Reading);
    assert_eq!([run.reads(&chunk), run.writes(&chunk)], [part(5, 8192), part(7, 4608)]);
}

/// SPC-4 table 116: PAD of source and destination, CAT; bytes that are written and left over of a segment that is not the last.
#[test]
fn rest_is_left_out_filled_up_or_kept() {
    let rows = [
        // Eleven blocks of 512 bytes, of which eight fill a block of 4096: the rest is the destination's.
        (false, [0, 0, 0], None),
        (false, [1, 0, 0], Some((4096, 0))),
        (false, [0, 1, 0], Some((5632, 0))),
        (false, [1, 1, 0], Some((5632, 0))),
        (false, [0, 0, 1], Some((4096, 1536))),
        (false, [1, 1, 1], Some((4096, 1536))),
        // Eleven blocks of 512 bytes out of two of 4096: the rest is the source's.
        (true, [0, 0, 0], None),
        (true, [1, 0, 0], Some((5632, 0))),
        (true, [0, 1, 0], Some((5632, 2560))),
        (true, [1, 1, 0], Some((5632, 0))),
        (true, [0, 0, 1], Some((5632, 2560))),
        (true, [1, 1, 1], Some((5632, 2560))),
    ];
    for (destination_count, [source, destination, cat], expected) in rows {
        let segment = Segment { destination_count, concatenate: cat == 1, ..segment(0, 0, 11) };
        let sizes = if destination_count { [4096, 512] } else { [512, 4096] };
        let places = [disk(0, sizes[0], 100), disk(1, sizes[1], 100)];
        let mut list = list(&[source == 1, destination == 1], segment);
        let found = |list: &ParameterList| {
            Run::new(list, &places, 0, 0).ok().flatten().map(|run| (run.bytes, run.left))
        };
        let what = format!("DC {destination_count}, PAD {source} {destination}, CAT {cat}");
        assert_eq!(found(&list), expected.map(|(bytes, _)| (bytes, 0)), "the last: {what}");
        if expected.is_none() {
            assert_eq!(refused(&list, &places), (Asc::UNEXPECTED_INEXACT_SEGMENT, None));
        }
        list.segments.push(segment);
        assert_eq!(found(&list), expected, "{what}");
    }
    // A rest that is all there is.
    let places = [disk(0, 512, 100), disk(1, 4096, 100)];
    assert_eq!(Run::new(&list(&[true, false], segment(0, 0, 3)), &places, 0, 0), Ok(None));
}

#[test]
fn held_bytes_come_first() {
    let places = [disk(0, 512, 100), disk(1, 4096, 100)];
    let cat = Segment { concatenate: true, ..segment(10, 20, 7) };
    let list = list(&[false, false], cat);
    let mut list = ParameterList { segments: vec![cat, cat], ..list };
    // 1536 held, 3584 read: one block, and 1024 left over.
    let run = Run::new(&list, &places, 0, 1536).unwrap().unwrap();
    assert_eq!((run.bytes, run.left, run.tail), (4096, 1024, Tail::Wanted));
    assert!(!run.wants_chunk(), "what is left over is read first");
    assert_eq!((run.reads_tail(), run.held_in_tail()), (((15, 1024), 0), 0));
    let mut run = Run { tail: Tail::Kept, ..run };
    let chunk = run.next_chunk(1, Doing::Reading);
    assert_eq!(run.held_in(&chunk), 1536);
    assert_eq!(
        [run.reads(&chunk), run.writes(&chunk)],
        [Part { offset: 1536, ..part(10, 2560) }, part(20, 4096)]
    );
    // Nothing is read: all is left over once more, the old bytes before the new ones.
    list.segments[0].blocks = 2;
    let run = Run::new(&list, &places, 0, 1536).unwrap().unwrap();
    assert_eq!((run.bytes, run.left, run.reads_tail(), run.held_in_tail()), (0, 2560, ((10, 1024), 0), 1536));
    // Counted at the destination, and more is held than is wanted.
    list.segments[0] = Segment { destination_count: true, blocks: 2, ..cat };
    let places = [disk(0, 4096, 100), disk(1, 512, 100)];
    let mut run = Run::new(&list, &places, 0, 1536).unwrap().unwrap();
    assert_eq!((run.bytes, run.left, run.reads_tail(), run.held_in_tail()), (1024, 512, ((10, 0), 0), 512));
    run.tail = Tail::Kept;
    let chunk = run.next_chunk(1, Doing::Reading);
    assert_eq!((run.reads(&chunk).bytes, run.held_in(&chunk), run.writes(&chunk)), (0, 1024, part(20, 1024)));
}

#[test]
fn segment_of_no_blocks_moves_nothing() {
    let places = [disk(0, 512, 100), disk(1, 512, 100)];
    assert_eq!(Run::new(&list(&[false, false], segment(100, 100, 0)), &places, 0, 0), Ok(None));
    assert_eq!(Run::new(&list(&[false, false], segment(0, 0, 1)), &places, 1, 0), Ok(None));
}

#[test]
fn residue_counts_what_is_written_from_the_start_without_a_gap() {
    let places = [disk(0, 512, 1 << 20), disk(1, 512, 1 << 20)];
    let mut run = Run::new(&list(&[false, false], segment(0, 0, 2048)), &places, 0, 0).unwrap().unwrap();
    for memory in 1..=4 {
        assert!(run.wants_chunk());
        run.next_chunk(memory, Doing::Reading);
    }
    assert!(!run.wants_chunk());
    run.finish_chunk(2);
    assert_eq!((run.done(), run.residue()), (0, None));
    run.finish_chunk(1);
    assert_eq!((run.done(), run.residue()), (2 * u64::from(CHUNK), Some(1024)));
    run.finish_chunk(3);
    run.finish_chunk(4);
    assert!(run.is_over());
}

proptest! {
    /// Moves a segment on a model of a unit as the pump does, dying now and then between READ and WRITE of a chunk.
    #[test]
    fn overlapping_segment_is_moved_as_if_read_first(
        source in 0_u64..3000,
        destination in 0_u64..3000,
        blocks in 0_u16..2500,
        repeats in prop::collection::vec(any::<bool>(), 0..30),
    ) {
        let places = [disk(0, 512, 6000), disk(0, 512, 6000)];
        let list = list(&[false, false], segment(source, destination, blocks));
        let before: Vec<u64> = (0..6000).collect();
        let mut expected = before.clone();
        let (from, to, count) = (source as usize, destination as usize, usize::from(blocks));
        expected.copy_within(from..from + count, to);
        let mut disk = before;
        let mut repeats = repeats.into_iter();
        if let Some(mut run) = Run::new(&list, &places, 0, 0).unwrap() {
            while !run.is_over() {
                prop_assert!(run.wants_chunk());
                let chunk = run.next_chunk(1, Doing::Reading);
                let (Part { lba: read, bytes, .. }, Part { lba: write, bytes: same, .. }) =
                    (run.reads(&chunk), run.writes(&chunk));
                prop_assert_eq!(bytes, same);
                let blocks = bytes as usize / 512;
                let mut memory = disk[read as usize..read as usize + blocks].to_vec();
                if run.order == Order::Free && repeats.next() == Some(true) {
                    // Nothing was noted: all of the segment is moved again.
                    run = Run::new(&list, &places, 0, 0).unwrap().unwrap();
                    continue;
                }
                disk[write as usize..write as usize + blocks].copy_from_slice(&memory);
                if run.order != Order::Free && repeats.next() == Some(true) {
                    // The chunk is noted as full, so that it is written again and not read.
                    disk[write as usize..write as usize + blocks].copy_from_slice(&memory);
                }
                memory.clear();
                run.finish_chunk(1);
            }
        }
        prop_assert_eq!(disk, expected);
    }
    /// Two segments on models of units, the first of which leaves something over for the second, with blocks of any sizes: what
    /// is written is what was held and what was read, in a row.
    #[test]
    fn segment_after_held_bytes_writes_them_and_then_its_own(
        exponents in (0_u32..4, 0_u32..4),
        same_unit in any::<bool>(),
        held in 0_u32..8,
        (source, destination) in (0_u64..60, 0_u64..60),
        blocks in 0_u16..900,
        (destination_count, last) in (any::<bool>(), any::<bool>()),
        free in any::<bool>(),
    ) {
        // Blocks are modelled by cells of 512 bytes.
        let sizes = (1_u64 << exponents.0, 1_u64 << if same_unit { exponents.0 } else { exponents.1 });
        let cells = 16_384_u64;
        let unit = u32::from(!same_unit);
        let places = [
            disk(0, 512 * sizes.0 as u32, cells / sizes.0),
            disk(unit, 512 * sizes.1 as u32, cells / sizes.1),
        ];
        let far = if free && same_unit { 8192 / sizes.1 } else { 0 };
        let one = Segment { concatenate: true, destination_count, ..segment(source, destination + far, blocks) };
        let mut list = list(&[false, false], one);
        if !last {
            list.segments.push(one);
        }
        let mut disks = [(0..cells).collect::<Vec<u64>>(), (cells..2 * cells).collect()];
        let to = unit as usize;
        let kept: Vec<u64> = (0..u64::from(held)).map(|cell| 1_000_000 + cell).collect();
        let Ok(Some(mut run)) = Run::new(&list, &places, 0, held * 512) else { return Ok(()) };
        let cell = |bytes: u64| (bytes / 512) as usize;
        let start = (source * sizes.0) as usize;
        let read = cell(run.bytes + u64::from(run.left)).saturating_sub(held as usize);
        let stream: Vec<u64> = kept.iter().chain(&disks[0][start..start + read]).copied().collect();
        let mut expected = disks.clone();
        let at = (run.destination.lba * sizes.1) as usize;
        expected[to][at..at + cell(run.bytes)].copy_from_slice(&stream[..cell(run.bytes)]);
        let fetch = |disks: &[Vec<u64>; 2], lba: u64, bytes: u32| {
            let from = (lba * sizes.0) as usize;
            disks[0][from..from + cell(bytes.into())].to_vec()
        };
        let ((lba, bytes), skip) = run.reads_tail();
        prop_assert!(bytes <= CHUNK / 2);
        let mut tail = kept[kept.len() - cell(run.held_in_tail().into())..].to_vec();
        tail.extend(&fetch(&disks, lba, bytes)[cell(skip.into())..]);
        tail.truncate(cell(run.left.into()));
        prop_assert_eq!(&tail, &stream[cell(run.bytes)..cell(run.bytes + u64::from(run.left))]);
        run.tail = Tail::Kept;
        while !run.is_over() {
            prop_assert!(run.may_be_done(run.done()));
            let chunk = run.next_chunk(1, Doing::Reading);
            let (reads, writes) = (run.reads(&chunk), run.writes(&chunk));
            prop_assert!(reads.offset + reads.bytes <= CHUNK && writes.offset + writes.bytes <= CHUNK);
            let mut memory = kept[..cell(run.held_in(&chunk).into())].to_vec();
            prop_assert_eq!(memory.len(), cell(reads.offset.into()));
            memory.extend(fetch(&disks, reads.lba, reads.bytes));
            let from = (writes.lba * sizes.1) as usize;
            let moved = &memory[cell(writes.offset.into())..][..cell(writes.bytes.into())];
            disks[to][from..from + moved.len()].copy_from_slice(moved);
            run.finish_chunk(1);
        }
        prop_assert!(disks == expected);
    }
}
