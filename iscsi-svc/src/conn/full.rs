//! The full feature phase: which PDU may come, whether its number is in the window, and who handles it.
//!
//! Requests other than commands and data are small and are handled when they are complete. What breaks the protocol
//! so that both sides could lose count of each other ends the connection; the rest is rejected (RFC 7143 7.3).
//! Next: `command` for commands and their data.

use super::rx::{After, Sink};
use super::tx::Payload;
use super::{Close, Conn, Phase, Session};
use crate::pdu::initiator::{Function, NopOut, Pdu, TaskManagement};
use crate::pdu::target::{FunctionResponse, LogoutResponse, NopIn, TaskManagementResponse};
use crate::pdu::{NO_TAG, RejectReason};
use crate::service::Shared;
use crate::session::window::{Arrival, Serial};
use crate::stats::Counter;
use crate::task::Stage;

const IGNORE: (Sink, After) = (Sink::Skip, After::Nothing);
const COLLECT: (Sink, After) = (Sink::Collect, After::Request);

impl Conn {
    /// Judges a header of the full feature phase; `None` if there is no memory for what it announces.
    pub(super) fn full_header(&mut self, shared: &mut Shared) -> Result<Option<(Sink, After)>, Close> {
        let pdu = match Pdu::parse(self.rx.header()) {
            Ok(pdu) => pdu,
            Err(reason) => {
                self.reject(reason, shared);
                return Ok(Some(IGNORE));
            }
        };
        let (cmd_sn, immediate, exp_stat_sn) = match &pdu {
            Pdu::ScsiCommand(command) => {
                self.responses.acknowledge(Serial(command.exp_stat_sn.get()));
                return self.command_header(command, shared);
            }
            Pdu::DataOut(data) => {
                self.responses.acknowledge(Serial(data.exp_stat_sn.get()));
                return Ok(Some(self.data_header(data, shared)));
            }
            Pdu::Snack(_) => {
                self.reject(RejectReason::SnackReject, shared);
                return Ok(Some(IGNORE));
            }
            Pdu::Login(_) => return Err(Close(Counter::ProtocolErrors)),
            // A NOP-Out without a tag is an answer or a sign of life; it has no place in the numbering (11.18).
            Pdu::NopOut(nop) if nop.itt.get() == NO_TAG => return Ok(Some(COLLECT)),
            Pdu::NopOut(nop) => (nop.cmd_sn, nop.immediate(), nop.exp_stat_sn),
            Pdu::Text(text) => (text.cmd_sn, text.immediate(), text.exp_stat_sn),
            Pdu::TaskManagement(task) => (task.cmd_sn, task.immediate(), task.exp_stat_sn),
            Pdu::Logout(logout) => (logout.cmd_sn, logout.immediate(), logout.exp_stat_sn),
        };
        self.responses.acknowledge(Serial(exp_stat_sn.get()));
        if self.judge(Serial(cmd_sn.get()), immediate, shared)? {
            self.window.arrive(Serial(cmd_sn.get()), immediate);
            Ok(Some(COLLECT))
        } else {
            Ok(Some(IGNORE))
        }
    }

    /// Whether a request with this number is to be handled.
    pub(super) fn judge(&self, number: Serial, immediate: bool, shared: &Shared) -> Result<bool, Close> {
        match self.window.judge(number, immediate) {
            Arrival::Deliver | Arrival::Immediate => Ok(true),
            Arrival::Ignore => {
                shared.stats.add(Counter::WindowIgnored, 1);
                Ok(false)
            }
            // What is missing can come no more on this connection, so nothing behind it could ever be delivered.
            Arrival::Hole => Err(Close(Counter::ProtocolErrors)),
        }
    }

    /// Handles a request that is complete.
    pub(super) fn full_request(&mut self, shared: &mut Shared) -> Result<(), Close> {
        match Pdu::parse(self.rx.header()) {
            Ok(Pdu::NopOut(nop)) => self.nop_out(&nop, shared),
            Ok(Pdu::Text(text)) => return self.text_request(&text, shared),
            Ok(Pdu::TaskManagement(request)) => self.task_management(&request, shared),
            Ok(Pdu::Logout(logout)) => {
                let cid = matches!(&self.phase, Phase::Full(session) if session.cid == logout.cid.get());
                let response = match logout.reason() {
                    0 => 0,
                    1 if cid => 0,
                    1 => 1,
                    _ => 2,
                };
                let header = LogoutResponse::new(logout.itt.get(), response, 0).header();
                self.queue(header, Payload::Nothing, shared);
                if response == 0 {
                    shared.stats.add(Counter::Logouts, 1);
                    // Commands that are still running are not answered any more (RFC 7143 11.14).
                    self.phase = Phase::Ending;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn nop_out(&mut self, nop: &NopOut, shared: &Shared) {
        if nop.itt.get() == NO_TAG {
            if self.ping.is_some_and(|(ttt, _)| ttt == nop.ttt.get()) {
                self.ping = None;
            }
            return;
        }
        let Phase::Full(session) = &self.phase else { return };
        let len = self.rx.collected.len().min(session.parameters.max_send_data as usize);
        let data = std::mem::take(&mut self.rx.collected);
        let header = NopIn::echo(nop.itt.get(), nop.lun, len as u32).header();
        self.queue(header, Payload::Bytes(&data[..len]), shared);
        self.rx.collected = data;
    }

    fn task_management(&mut self, request: &TaskManagement, shared: &mut Shared) {
        let Phase::Full(session) = &self.phase else { return };
        let level = session.parameters.protocol_level;
        let (itt, target) = (request.itt.get(), session.target.as_ref().map(|(target, _)| *target));
        let (Some(nexus), Some(target)) = (session.nexus, target) else {
            return self.reject(RejectReason::CommandNotSupported, shared);
        };
        shared.stats.add(Counter::Functions, 1);
        let refused = match request.function(level) {
            Err(_) => Some(FunctionResponse::NotSupported),
            Ok(Function::TaskReassign) => Some(FunctionResponse::ReassignNotSupported),
            Ok(function @ Function::AbortTask) => {
                let place = self.tags.get(&request.referenced_tag.get()).copied();
                // A task that was answered, or never came, is none (11.6.1); one that the core has not seen yet
                // waits for data and is simply dropped.
                match place {
                    None => Some(FunctionResponse::NoTask),
                    Some(place) if self.drop_private(place, shared) => Some(FunctionResponse::Complete),
                    Some(place) => {
                        let asked = Some((self.id, itt));
                        let sent = shared.abort(place, function as u8, asked);
                        (!sent).then_some(FunctionResponse::Rejected)
                    }
                }
            }
            Ok(function @ Function::QueryTask) => match self.tags.get(&request.referenced_tag.get()).copied()
            {
                None => Some(FunctionResponse::Complete),
                // The core has not seen it, and it is there all the same.
                Some(place) if shared.tasks.get(place).is_some_and(|task| task.stage == Stage::Private) => {
                    Some(FunctionResponse::Succeeded)
                }
                Some(place) => {
                    let sent = shared.abort(place, function as u8, Some((self.id, itt)));
                    (!sent).then_some(FunctionResponse::Rejected)
                }
            },
            Ok(function) => {
                let lun = u64::from_be_bytes(request.lun);
                let sent = shared.function(nexus, target, function as u8, lun, (self.id, itt));
                (!sent).then_some(FunctionResponse::Rejected)
            }
        };
        if let Some(response) = refused {
            self.function_done(itt, response, [0; 3], shared);
        }
    }

    /// The target has been reset so that its sessions end. True if this was one.
    pub fn end_session(&mut self, target: u32) -> bool {
        let of_target = matches!(
            &self.phase,
            Phase::Full(Session { target: Some((known, _)), .. }) if *known == target
        );
        if of_target {
            self.phase = Phase::Ending;
            self.dirty = true;
        }
        of_target
    }

    /// Answers a task management function, with Additional Response Information.
    pub fn function_done(
        &mut self,
        itt: u32,
        response: FunctionResponse,
        information: [u8; 3],
        shared: &Shared,
    ) {
        if matches!(self.phase, Phase::Full(_)) {
            let header = TaskManagementResponse::new(itt, response, information).header();
            self.queue(header, Payload::Nothing, shared);
        }
    }
}
