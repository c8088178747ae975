//! The way back: a task's outcome becomes Data-In PDUs and a SCSI Response (RFC 7143 11.4, 11.7).
//!
//! Data-In names the task's extents; nothing is copied. The status goes with the last Data-In if it is GOOD, because
//! only a SCSI Response has room for sense data. Numbers in the outcome were checked against the task when the reply
//! came. Next: [`super::tx`].

use super::tx::Payload;
use super::{Conn, Phase};
use crate::pdu::target::{DataIn, ScsiResponse};
use crate::service::Shared;
use crate::session::residual::Residual;
use crate::session::window::Serial;
use crate::stats::Counter;
use crate::task::{Ended, Place, Task};
use ipc::message::record::{Reply, SENSE_BYTES};
use scsi::status::Status;

impl Conn {
    /// Queues the answer to a task, and the release of its data behind it.
    pub(super) fn respond(&mut self, mut task: Ended, outcome: &Reply, shared: &mut Shared) {
        let residual = Residual::of(task.edtl, u64::from(outcome.wanted), u64::from(outcome.transferred));
        let data = if task.read { outcome.transferred } else { 0 };
        let sense = outcome.sense().unwrap_or_default();
        let with_data = data > 0 && outcome.status == Status::Good as u8 && sense.is_empty();
        let mut sent = task.r2ts;
        if data > 0 {
            shared.stats.add(Counter::BytesIn, u64::from(data));
            sent = self.send_data(&task, data, with_data.then_some((outcome.status, residual)), shared);
            for id in task.layout.take_ids() {
                self.tx.release(id);
            }
        } else {
            shared.buffers.release_layout(&mut task.layout);
        }
        if !with_data {
            self.send_response(task.itt, outcome.status, residual, sent, sense, shared);
        }
    }

    /// Sends `len` bytes of a task's data; returns how many PDUs that took.
    fn send_data(&mut self, task: &Ended, len: u32, status: Option<(u8, Residual)>, shared: &Shared) -> u32 {
        let Phase::Full(session) = &self.phase else { return 0 };
        let (segment, burst) = (session.parameters.max_send_data.max(1), session.parameters.max_burst.max(1));
        let (mut offset, mut number) = (0, 0);
        while offset < len {
            // A sequence ends, with the F bit, after MaxBurstLength bytes (RFC 7143 11.7.1).
            let in_sequence = burst - offset % burst;
            let piece = segment.min(in_sequence).min(len - offset);
            let ends = piece == in_sequence || offset + piece == len;
            let pdu = DataIn::new(task.itt, number, offset, piece, ends);
            let mut extents = task.layout.slice(offset as usize, piece as usize);
            let payload = Payload::Arena(&mut extents);
            match status.filter(|_| offset + piece == len) {
                Some((status, residual)) => {
                    self.queue(pdu.with_status(status, residual).header(), payload, shared);
                }
                None => self.queue_numbered(pdu.header(), Serial(0), payload, shared),
            }
            offset += piece;
            number += 1;
        }
        number
    }

    fn send_response(
        &mut self,
        itt: u32,
        status: u8,
        residual: Residual,
        data_sn: u32,
        sense: &[u8],
        shared: &Shared,
    ) {
        let mut segment = [0; SENSE_BYTES + 2];
        let mut len = 0;
        if !sense.is_empty() {
            // 11.4.7: the sense data follows its length.
            segment[..2].copy_from_slice(&(sense.len() as u16).to_be_bytes());
            segment[2..2 + sense.len()].copy_from_slice(sense);
            len = sense.len() + 2;
        }
        let header = ScsiResponse::new(itt, status, residual, data_sn, len as u32).header();
        let payload = if len > 0 { Payload::Bytes(&segment[..len]) } else { Payload::Nothing };
        self.queue(header, payload, shared);
    }

    /// Answers a command that moved no data.
    pub(super) fn answer(&mut self, itt: u32, edtl: u32, status: Status, sense: &[u8], shared: &Shared) {
        self.send_response(itt, status as u8, Residual::of(edtl, 0, 0), 0, sense, shared);
    }

    /// Answers a task BUSY because the core has been away for too long.
    pub fn busy(&mut self, place: Place, task: &Task, shared: &Shared) {
        self.lose_task(place, task.itt, task.owes(), shared);
        if matches!(self.phase, Phase::Full(_)) {
            self.answer(task.itt, task.edtl, Status::Busy, &[], shared);
        }
    }
}
