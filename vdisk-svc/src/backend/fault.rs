//! A file that misbehaves on purpose: late, failing, short, or fatal at the Nth I/O. For tests of everybody else.
//!
//! Faults are decided per I/O by counting, so that a test can say which one it will be. A delay is waited for by the
//! loop's timers, never by sleeping.

use std::io;
use std::time::Duration;

use ipc::io::{read_at, write_at};
use ipc::message::config::FaultConfig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::file::Medium;
use super::{Plan, Way};
use crate::span::Spans;

/// A medium with faults.
#[derive(Debug)]
pub struct Fault {
    medium: Medium,
    faults: FaultConfig,
    count: u64,
}

impl Fault {
    /// Gives a medium faults.
    pub fn new(medium: Medium, faults: FaultConfig) -> Self {
        Self { medium, faults, count: 0 }
    }

    /// The medium itself, to move bytes.
    pub fn medium(&mut self) -> &mut Medium {
        &mut self.medium
    }

    /// The medium itself.
    pub fn medium_ref(&self) -> &Medium {
        &self.medium
    }

    /// Counts one I/O and says how it is to go.
    pub fn plan(&mut self) -> Plan {
        self.count += 1;
        let every = |n: u32| n > 0 && self.count.is_multiple_of(u64::from(n));
        let delay = Duration::from_micros(u64::from(self.faults.delay_us));
        Plan {
            delay: (!delay.is_zero()).then_some(delay),
            fail: every(self.faults.fail_every),
            half: every(self.faults.short_every),
            die: self.faults.die_at > 0 && self.count == u64::from(self.faults.die_at),
        }
    }

    /// Does half of an I/O and kills the process, as an unlucky kill -9 would.
    pub fn die(&self, way: Way, spans: &Spans, len: usize, offset: u64) -> io::Error {
        let mut pieces = spans.pieces(0, len / 2);
        let _ = match way {
            Way::In => read_at(self.medium.file(), &mut pieces, offset, 0),
            Way::Out => write_at(self.medium.file(), &mut pieces, offset, 0),
        };
        let _ = kill(Pid::this(), Signal::SIGKILL);
        io::Error::other("this process could not be killed")
    }
}
