//! The data of one write command on its way in (RFC 7143 4.2.5.2, 11.7, 11.8).
//!
//! We negotiate DataPDUInOrder and DataSequenceInOrder to Yes, so a command's data arrives as a growing prefix: immediate
//! data, then the unsolicited burst, then the answers to our R2Ts in the order in which we asked. [`WriteData`] knows how
//! far the prefix has come and what has been asked for; each Data-Out is measured against that. The first one that
//! does not fit spoils the task ([`DataFault`]); what still arrives for it is discarded, and the failure is told when the
//! initiator has sent the F bit of all that was outstanding (RFC 7143 7.8).

use crate::notebook::layout::DataNote;
use crate::pdu::NO_TAG;

/// Most R2Ts that we keep outstanding for one command.
pub const MAX_OUTSTANDING_R2T: u32 = 4;

/// What was negotiated about data (bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unsolicited Data-Out PDUs are not allowed (InitialR2T=Yes).
    pub initial_r2t: bool,
    /// Data may come with the command (ImmediateData=Yes).
    pub immediate_data: bool,
    /// Most unsolicited bytes, immediate data included.
    pub first_burst: u32,
    /// Most bytes that one R2T asks for.
    pub max_burst: u32,
    /// Most R2Ts at a time, at least 1.
    pub max_outstanding_r2t: u32,
}

/// Why the data of a command cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataFault {
    /// Immediate or unsolicited data that was not allowed, or more than was allowed.
    #[error("unsolicited data that was not agreed upon")]
    UnexpectedUnsolicited,
    /// More or less data than the command or the R2T has room for.
    #[error("an incorrect amount of data")]
    IncorrectAmount,
    /// DataSN, offset or Target Transfer Tag is not what has to come next.
    #[error("a Data-Out PDU out of order")]
    OutOfOrder,
    /// A data segment that does not match its digest.
    #[error("a data digest error")]
    Digest,
}

impl DataFault {
    /// ASC and ASCQ of the ABORTED COMMAND that tells the initiator (RFC 7143 11.4.7.2).
    pub fn additional_sense(self) -> (u8, u8) {
        match self {
            DataFault::UnexpectedUnsolicited => (0x0c, 0x0c),
            DataFault::IncorrectAmount => (0x0c, 0x0d),
            // A gap means that something was lost on the way: PROTOCOL SERVICE CRC ERROR, as 7.9 says.
            DataFault::OutOfOrder | DataFault::Digest => (0x47, 0x05),
        }
    }
}

/// A sequence of Data-Out PDUs that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sequence {
    ttt: u32,
    end: u32,
    data_sn: u32,
}

/// What an R2T has to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Number of the R2T within the command.
    pub r2t_sn: u32,
    /// Its Target Transfer Tag.
    pub ttt: u32,
    /// Where the data begins.
    pub offset: u32,
    /// How many bytes.
    pub len: u32,
}

/// What to do with the data segment of a Data-Out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Receive it to `offset` of the command's data.
    Place {
        /// Where it belongs.
        offset: u32,
    },
    /// Receive and forget it.
    Discard,
}

/// The fields of a Data-Out that count here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arriving {
    /// Target Transfer Tag; [`crate::pdu::NO_TAG`] for unsolicited data.
    pub ttt: u32,
    /// DataSN.
    pub data_sn: u32,
    /// Buffer Offset.
    pub offset: u32,
    /// Bytes of data.
    pub len: u32,
    /// The F bit.
    pub last: bool,
}

/// Progress of one write command's data.
#[derive(Clone, Debug)]
pub struct WriteData {
    expected: u32,
    received: u32,
    asked: u32,
    r2t_sn: u32,
    limits: Limits,
    unsolicited: Option<Sequence>,
    outstanding: [Sequence; MAX_OUTSTANDING_R2T as usize],
    open: usize,
    fault: Option<DataFault>,
}

impl WriteData {
    /// A command that expects to send `expected` bytes, came with `immediate` bytes, and whose F bit was `last`: without
    /// it, unsolicited Data-Out PDUs follow (RFC 7143 11.3.1).
    pub fn new(expected: u32, immediate: u32, last: bool, limits: Limits) -> WriteData {
        let first_burst = limits.first_burst.min(expected);
        let fault = if immediate > 0 && (!limits.immediate_data || immediate > limits.first_burst) {
            Some(DataFault::UnexpectedUnsolicited)
        } else if immediate > expected {
            Some(DataFault::IncorrectAmount)
        } else if !last && limits.initial_r2t {
            Some(DataFault::UnexpectedUnsolicited)
        } else {
            None
        };
        let none = Sequence { ttt: crate::pdu::NO_TAG, end: 0, data_sn: 0 };
        WriteData {
            expected,
            received: if fault.is_none() { immediate } else { 0 },
            asked: if last { immediate } else { first_burst },
            r2t_sn: 0,
            limits,
            unsolicited: (!last).then_some(Sequence { end: first_burst, ..none }),
            outstanding: [none; MAX_OUTSTANDING_R2T as usize],
            open: 0,
            fault,
        }
    }

    /// Whether every expected byte is there.
    pub fn complete(&self) -> bool {
        self.fault.is_none() && self.received == self.expected && self.unsolicited.is_none() && self.open == 0
    }

    /// The fault, once nothing is outstanding any more and the initiator can be told.
    pub fn failed(&self) -> Option<DataFault> {
        self.fault.filter(|_| self.unsolicited.is_none() && self.open == 0)
    }

    /// The fault, whether or not it can be told already.
    pub fn fault(&self) -> Option<DataFault> {
        self.fault
    }

    /// Whether the initiator still owes data that was asked for or announced.
    pub fn outstanding(&self) -> bool {
        self.unsolicited.is_some() || self.open > 0
    }

    /// Spoils the command; the first fault counts.
    pub fn spoil(&mut self, fault: DataFault) {
        self.fault.get_or_insert(fault);
    }

    /// Asks for nothing more: the outcome is known already. What is outstanding still has to arrive (RFC 7143 11.4.2).
    pub fn stop(&mut self) {
        self.asked = self.expected;
    }

    /// Number of R2Ts sent: ExpDataSN of the response counts them.
    pub fn r2ts(&self) -> u32 {
        self.r2t_sn
    }

    /// Bytes that have been received in order.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Judges a Data-Out by its header. After it, ask [`complete`](Self::complete), [`failed`](Self::failed) and
    /// [`next_r2t`](Self::next_r2t) when its data segment has arrived.
    pub fn data_out(&mut self, pdu: Arriving) -> Taken {
        let sequence = if pdu.ttt == crate::pdu::NO_TAG {
            self.unsolicited.as_mut()
        } else {
            // Sequences are answered in order, so only the oldest R2T can be the one.
            self.outstanding[..self.open].first_mut().filter(|oldest| oldest.ttt == pdu.ttt)
        };
        let Some(sequence) = sequence else {
            let unsolicited = pdu.ttt == crate::pdu::NO_TAG;
            self.spoil(if unsolicited { DataFault::UnexpectedUnsolicited } else { DataFault::OutOfOrder });
            self.forget(pdu);
            return Taken::Discard;
        };
        let sequence_end = sequence.end;
        let end = pdu.offset.checked_add(pdu.len).filter(|end| *end <= sequence_end);
        let fault = match end {
            _ if pdu.data_sn != sequence.data_sn || pdu.offset != self.received => {
                Some(DataFault::OutOfOrder)
            }
            None => Some(DataFault::IncorrectAmount),
            // The unsolicited burst may stop early: the rest is asked for. An answer to an R2T may not.
            Some(end) if pdu.last && end != sequence_end && pdu.ttt != crate::pdu::NO_TAG => {
                Some(DataFault::IncorrectAmount)
            }
            Some(_) => None,
        };
        sequence.data_sn = sequence.data_sn.wrapping_add(1);
        if let Some(fault) = fault {
            self.spoil(fault);
        }
        if self.fault.is_some() {
            self.forget(pdu);
            return Taken::Discard;
        }
        self.received += pdu.len;
        // A full sequence is over, with or without the F bit: nothing that could follow would be right.
        if pdu.last || self.received == sequence_end {
            self.end(pdu.ttt);
        }
        Taken::Place { offset: pdu.offset }
    }

    /// Of a PDU whose data is not used, only the F bit counts.
    fn forget(&mut self, pdu: Arriving) {
        if pdu.last {
            self.end(pdu.ttt);
        }
    }

    fn end(&mut self, ttt: u32) {
        if ttt == crate::pdu::NO_TAG {
            self.unsolicited = None;
            self.asked = self.asked.min(self.received);
        } else if let Some(index) = self.outstanding[..self.open].iter().position(|open| open.ttt == ttt) {
            self.outstanding.copy_within(index + 1..self.open, index);
            self.open -= 1;
        }
    }

    /// What the notebook needs to know.
    pub fn note(&self) -> DataNote {
        let fault = match self.fault {
            None => 0,
            Some(DataFault::UnexpectedUnsolicited) => 1,
            Some(DataFault::IncorrectAmount) => 2,
            Some(DataFault::OutOfOrder) => 3,
            Some(DataFault::Digest) => 4,
        };
        DataNote {
            received: self.received,
            asked: self.asked,
            r2t_sn: self.r2t_sn,
            fault,
            unsolicited: self.unsolicited.map_or([0; 3], |sequence| [1, sequence.end, sequence.data_sn]),
            open: self.open as u32,
            sequences: self.outstanding.map(|sequence| [sequence.ttt, sequence.end, sequence.data_sn]),
        }
    }

    /// Goes on with what was noted of a command that expects `expected` bytes; none if that cannot be.
    pub fn resume(note: &DataNote, expected: u32, limits: Limits) -> Option<WriteData> {
        let fault = match note.fault {
            0 => None,
            1 => Some(DataFault::UnexpectedUnsolicited),
            2 => Some(DataFault::IncorrectAmount),
            3 => Some(DataFault::OutOfOrder),
            4 => Some(DataFault::Digest),
            _ => return None,
        };
        let sequence = |[ttt, end, data_sn]: [u32; 3]| Sequence { ttt, end, data_sn };
        let outstanding = note.sequences.map(sequence);
        let [has, end, data_sn] = note.unsolicited;
        let ends = outstanding.iter().map(|sequence| sequence.end).chain([end, note.received]);
        if note.open > MAX_OUTSTANDING_R2T || ends.max() > Some(expected) {
            return None;
        }
        Some(WriteData {
            expected,
            received: note.received,
            asked: note.asked,
            r2t_sn: note.r2t_sn,
            limits,
            unsolicited: (has != 0).then_some(Sequence { ttt: NO_TAG, end, data_sn }),
            outstanding,
            open: note.open as usize,
            fault,
        })
    }

    /// The next R2T that is due, if any; `ttt` is the tag that it shall have.
    pub fn next_r2t(&mut self, ttt: u32) -> Option<Ask> {
        let most = self.limits.max_outstanding_r2t.clamp(1, MAX_OUTSTANDING_R2T) as usize;
        if self.fault.is_some()
            || self.unsolicited.is_some()
            || self.open >= most
            || self.asked >= self.expected
        {
            return None;
        }
        let ask = Ask {
            r2t_sn: self.r2t_sn,
            ttt,
            offset: self.asked,
            len: self.limits.max_burst.max(1).min(self.expected - self.asked),
        };
        self.asked += ask.len;
        self.r2t_sn = self.r2t_sn.wrapping_add(1);
        self.outstanding[self.open] = Sequence { ttt, end: self.asked, data_sn: 0 };
        self.open += 1;
        Some(ask)
    }
}

#[cfg(test)]
mod tests;
