//! Command numbering (RFC 7143 4.2.2): CmdSN, ExpCmdSN, MaxCmdSN in, StatSN out.
//!
//! The initiator numbers its commands; [`Window::arrive`] says what becomes of each. With one connection a session and
//! ErrorRecoveryLevel 0, commands arrive in the order of their numbers or not at all, so nothing is queued here: a
//! number inside the window that is not the next one means that the initiator lost count.

/// A number compared by serial number arithmetic (RFC 1982 with 32 bits; RFC 7143 4.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serial(pub u32);

/// A command sequence number.
pub type CmdSn = Serial;

impl Serial {
    /// The number `n` later.
    #[must_use]
    pub fn plus(self, n: u32) -> Serial {
        Serial(self.0.wrapping_add(n))
    }

    /// Whether `self` comes before `other`. Numbers that are 2^31 apart are not ordered: neither is before the other.
    pub fn before(self, other: Serial) -> bool {
        let distance = other.0.wrapping_sub(self.0);
        distance != 0 && distance < 1 << 31
    }

    /// How far `self` is behind `other`, as a signed distance.
    pub fn distance_to(self, other: Serial) -> i32 {
        other.0.wrapping_sub(self.0) as i32
    }
}

/// What becomes of a request with a CmdSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one: deliver it.
    Deliver,
    /// It is for immediate delivery: deliver it, the numbering is not touched.
    Immediate,
    /// A duplicate or outside the window: ignore it without an answer (4.2.2.1).
    Ignore,
    /// Inside the window, but numbers before it are missing and cannot come any more on this connection.
    Hole,
}

/// The command window of one session.
#[derive(Clone, Debug)]
pub struct Window {
    expected: CmdSn,
    max: CmdSn,
    depth: u32,
}

impl Window {
    /// A window that opens at the login's CmdSN and admits `depth` (at least 1) commands at a time.
    pub fn new(first: CmdSn, depth: u32) -> Window {
        let depth = depth.clamp(1, 1 << 20);
        Window { expected: first, max: first.plus(depth - 1), depth }
    }

    /// The window of a session that a former incarnation had.
    pub fn resume(expected: CmdSn, max: CmdSn, depth: u32) -> Window {
        Window { expected, max, depth: depth.clamp(1, 1 << 20) }
    }

    /// MaxCmdSN as it was shown last.
    pub fn max(&self) -> CmdSn {
        self.max
    }

    /// Judges the number of a request that arrived, without taking it.
    pub fn judge(&self, number: CmdSn, immediate: bool) -> Arrival {
        if immediate {
            // 4.2.2.1: an immediate command carries the number of the next non-immediate one; outside the window it
            // is as wrong as any other.
            let inside = !number.before(self.expected) && !self.max.plus(1).before(number);
            return if inside { Arrival::Immediate } else { Arrival::Ignore };
        }
        if number.before(self.expected) || self.max.before(number) {
            Arrival::Ignore
        } else if number == self.expected {
            Arrival::Deliver
        } else {
            Arrival::Hole
        }
    }

    /// Judges the number of a request and takes it if it is the next one.
    pub fn arrive(&mut self, number: CmdSn, immediate: bool) -> Arrival {
        let arrival = self.judge(number, immediate);
        if arrival == Arrival::Deliver {
            self.expected = self.expected.plus(1);
        }
        arrival
    }

    /// ExpCmdSN for the next PDU.
    pub fn expected(&self) -> CmdSn {
        self.expected
    }

    /// Opens the window as far as `in_flight` unfinished commands allow, and returns MaxCmdSN for the next PDU. It
    /// never goes back, as initiators ignore that (4.2.2.1).
    pub fn open(&mut self, in_flight: u32) -> CmdSn {
        let room = self.depth.saturating_sub(in_flight);
        let max = self.expected.plus(room).plus(u32::MAX);
        if self.max.before(max) {
            self.max = max;
        }
        self.max
    }
}

/// Response numbering of one connection (RFC 7143 4.2.2.2).
#[derive(Clone, Copy, Debug)]
pub struct Responses {
    next: Serial,
    acknowledged: Serial,
}

impl Responses {
    /// The first response of the connection will have `first`.
    pub fn new(first: Serial) -> Responses {
        Responses { next: first, acknowledged: first }
    }

    /// The numbering of a connection that a former incarnation had.
    pub fn resume(next: Serial, acknowledged: Serial) -> Responses {
        Responses { next, acknowledged }
    }

    /// Everything before this has arrived.
    pub fn acknowledged(&self) -> Serial {
        self.acknowledged
    }

    /// Takes the number for a response that carries status.
    pub fn take(&mut self) -> Serial {
        let number = self.next;
        self.next = self.next.plus(1);
        number
    }

    /// The next number, for PDUs that only show it (R2T, NOP-In that is not an answer).
    pub fn peek(&self) -> Serial {
        self.next
    }

    /// Notes ExpStatSN of a request: everything before it has arrived. Numbers that were not sent yet are ignored.
    pub fn acknowledge(&mut self, expected: Serial) {
        if self.acknowledged.before(expected) && !self.next.before(expected) {
            self.acknowledged = expected;
        }
    }

    /// How many responses the initiator has not acknowledged yet.
    pub fn unacknowledged(&self) -> u32 {
        self.next.0.wrapping_sub(self.acknowledged.0)
    }
}

#[cfg(test)]
mod tests;
