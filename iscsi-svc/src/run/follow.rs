//! Where the loop runs while one initiator waits for every answer: on the processor that the initiator's packets are
//! processed on.
//!
//! There the end of the answer wakes whoever waits for it (the initiator itself, where it is on this machine; a network card's
//! poll loop where it is not) without an interrupt to another processor, which on a virtual machine stops both for some 35 us,
//! longer than the whole command takes (measured by the scheduler's trace: a command in 25 us with both on one processor, in 65 us
//! with the initiator beside the other services). It is a hint: the loop is moved once and stays free to be moved by the kernel.
//! With more under way the processors have enough to do, and it is left to the kernel altogether.

use super::{Service, find};
use rustix::net::sockopt::socket_incoming_cpu;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Answers in a row, each awaited alone, after which it is looked where packets come from: a millisecond or a few.
const LONE: u32 = 64;

impl Service {
    /// Called when something was sent, `answers` of the core's among it.
    pub(super) fn follow(&mut self, answers: usize) {
        let &[id] = &self.sent[..] else {
            self.lone_answers = 0;
            return;
        };
        if answers > 1 || self.shared.link.outstanding() > 0 {
            self.lone_answers = 0;
            return;
        }
        self.lone_answers += 1;
        if self.lone_answers < LONE {
            return;
        }
        self.lone_answers = 0;
        if let Some(conn) = find(&mut self.places, id)
            && let Ok(cpu) = socket_incoming_cpu(conn.socket())
        {
            move_to(cpu as usize);
        }
    }
}

/// Moves this thread to a processor, if it may run there, and leaves it free to be moved again. A host that refuses is no worse
/// than one that was not asked.
fn move_to(cpu: usize) {
    if cpu == sched_getcpu() || cpu >= CpuSet::MAX_CPU {
        return;
    }
    let Ok(all) = sched_getaffinity(None) else { return };
    if !all.is_set(cpu) {
        return;
    }
    let mut one = CpuSet::new();
    one.set(cpu);
    if sched_setaffinity(None, &one).is_ok() {
        let _ = sched_setaffinity(None, &all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_goes_there_and_leaves_the_set_as_it_was() {
        let all = sched_getaffinity(None).unwrap();
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        for cpu in cpus.iter().chain(&cpus) {
            move_to(*cpu);
            // The kernel may have moved it on, if the machine is busy; the set it must not have changed.
            assert_eq!(sched_getaffinity(None).unwrap(), all);
        }
    }

    #[test]
    fn a_processor_that_is_not_allowed_is_left_alone() {
        let all = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap();
        let mut one = CpuSet::new();
        one.set(first);
        std::thread::spawn(move || {
            sched_setaffinity(None, &one).unwrap();
            for cpu in [first + 1, CpuSet::MAX_CPU, usize::MAX] {
                move_to(cpu);
                assert_eq!((sched_getcpu(), sched_getaffinity(None).unwrap()), (first, one));
            }
        })
        .join()
        .unwrap();
    }
}
