//! Answers that come while many more are awaited wait for some of those, so that one look at everything, one picture and one
//! `sendmsg` are for many.
//!
//! Without this each process of the chain works on what little the one before it has just passed on, and the fixed cost of a
//! turn (three processes that yield to one another, four system calls) is shared by two or three commands of 32. It ends when
//! as many have come as are still away: two halves of what is under way take turns, one at the target and one at the
//! initiator. Where answers do not come fast, nothing is waited for.

use super::Service;
use std::time::{Duration, Instant};

/// Fewer awaited answers than these are not worth waiting for.
const DEEP: usize = 6;
/// Longest time since the first answer, and since the last one.
const LONGEST: Duration = Duration::from_micros(25);
const PAUSE: Duration = Duration::from_micros(5);

/// Answers that have been taken and not sent.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) count: usize,
    /// When the first one came, and the last.
    times: Option<(Instant, Instant)>,
}

impl Service {
    /// Whether more answers are worth waiting for, after `new` ones have come.
    pub(super) fn gathers(&mut self, new: usize) -> bool {
        let awaited = self.shared.link.outstanding();
        let gathered = &mut self.gathered;
        gathered.count += new;
        if gathered.count == 0 || awaited < DEEP || gathered.count >= awaited {
            return false;
        }
        let now = Instant::now();
        let (first, last) = gathered.times.get_or_insert((now, now));
        if new > 0 {
            *last = now;
        }
        now.duration_since(*first) < LONGEST && now.duration_since(*last) < PAUSE
    }
}
