//! Who waits for whom.

use proptest::prelude::*;

use super::*;

fn one(range: Range) -> Vec<Range> {
    vec![range]
}

fn slot(n: usize) -> SlotId {
    SlotId::from_index(n)
}

#[test]
fn exclusive_commands_wait_for_what_overlaps_them_and_hold_up_what_comes_after() {
    let mut claims = Claims::default();
    claims.running(slot(0), one(0..8), Use::Reads);
    assert!(!claims.enter(slot(1), one(7..9), Use::Alone), "a running command has block 7");
    assert!(!claims.enter(slot(2), one(8..10), Use::Reads), "nobody overtakes one that waits");
    assert!(claims.enter(slot(3), one(9..10), Use::Reads));
    assert!(claims.enter(slot(4), one(0..7), Use::Reads), "two that share are no trouble");
    assert!(claims.enter(slot(5), one(20..21), Use::Alone));
    assert!(claims.busy());
    assert_eq!(claims.grant(), None);
    assert!(claims.release(slot(0)));
    assert_eq!(claims.grant(), Some(slot(1)));
    assert_eq!(claims.grant(), None);
    assert!(claims.release(slot(1)));
    assert_eq!((claims.grant(), claims.grant()), (Some(slot(2)), None));
    assert!(!claims.release(slot(5)));
    assert!(!claims.busy() && claims.list.is_empty());
}

#[test]
fn command_with_several_ranges_meets_others_in_each_of_them() {
    let mut claims = Claims::default();
    assert!(claims.enter(slot(0), one(10..20), Use::Alone));
    assert!(claims.enter(slot(1), vec![0..10, 20..30], Use::Reads), "it goes around it");
    assert!(!claims.enter(slot(2), vec![0..1, 19..21], Use::Reads));
    assert!(!claims.enter(slot(3), one(25..26), Use::Alone), "the first of many ranges is not the only one");
}

#[test]
fn writes_wait_for_all_and_reads_for_writes() {
    let mut claims = Claims::default();
    claims.running(slot(0), one(0..8), Use::Writes);
    assert!(!claims.enter(slot(1), one(7..9), Use::Writes));
    assert!(!claims.enter(slot(2), one(8..10), Use::Writes), "nobody overtakes one that waits");
    assert!(!claims.enter(slot(3), one(0..1), Use::Reads), "half of it could be from before");
    assert!(claims.enter(slot(4), one(10..12), Use::Reads));
    assert!(claims.enter(slot(5), one(11..13), Use::Reads));
    assert!(!claims.enter(slot(6), one(11..12), Use::Writes));
    assert_eq!(claims.grant(), None);
    assert!(claims.busy(), "four still wait");
    assert!(claims.release(slot(0)));
    assert_eq!((claims.grant(), claims.grant(), claims.grant()), (Some(slot(1)), Some(slot(3)), None));
    assert!(claims.release(slot(1)));
    assert_eq!((claims.grant(), claims.grant()), (Some(slot(2)), None));
    assert!(claims.release(slot(4)) && claims.grant().is_none());
    assert!(claims.release(slot(5)));
    assert_eq!((claims.grant(), claims.grant()), (Some(slot(6)), None));
    assert!(!claims.busy());
}

proptest! {
    /// Whatever comes and goes: two that overlap never run together if one excludes the other, and everybody gets a turn.
    #[test]
    fn what_excludes_another_is_not_next_to_it_and_all_end(
        commands in prop::collection::vec((0..12u64, 1..5u64, 0..3u8), 1..30),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 30),
    ) {
        let uses = [Use::Reads, Use::Writes, Use::Alone];
        let mut claims = Claims::default();
        let (mut running, mut count) = (Vec::new(), 0);
        for (n, (start, len, how)) in commands.iter().enumerate() {
            let how = uses[usize::from(*how)];
            if !(claims.busy() || how == Use::Alone) {
                count += 1;
                continue;
            }
            if claims.enter(slot(n), one(*start..start + len), how) {
                running.push(n);
            }
        }
        for end in ends {
            for (at, a) in running.iter().enumerate() {
                for b in &running[at + 1..] {
                    let ((s, n, e), (t, m, f)) = (commands[*a], commands[*b]);
                    let apart = s + n <= t || t + m <= s;
                    prop_assert!(apart || !uses[usize::from(e)].excludes(uses[usize::from(f)]));
                }
            }
            if running.is_empty() {
                break;
            }
            claims.release(slot(running.remove(end.index(running.len()))));
            count += 1;
            while let Some(next) = claims.grant() {
                running.push(next.index());
            }
        }
        prop_assert_eq!(count + running.len(), commands.len());
        prop_assert!(claims.waiting().is_empty());
    }
}
